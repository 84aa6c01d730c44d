"""Alerts from end to end, for ops/test: routes to a real mail server, a webhook and a real Alertmanager are put by the API and tried; the alerts of a demo day reach
all of them, once each, also when the process that tells people is killed on the way; what people do about them counts; and when the causes are gone, that is told.
Arguments: up.json, the receivers' folder, Alertmanager's address, mail user, password, webhook secret, the program."""

import collections
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

up_file, folder, manager, user, password, secret, program = sys.argv[1:8]
up = json.load(open(up_file))
ports = json.load(open(f"{folder}/ports.json"))
base, key = up["console"], up["api_key"]
began = time.monotonic()
SECONDS = 240


def fail(what):
    sys.exit(f"alerts: {what}")


def call(method, path, body=None, expect=(200, 202)):
    request = urllib.request.Request(base + path, method=method, data=None if body is None else json.dumps(body).encode())
    request.add_header("Authorization", "Bearer " + key)
    if body is not None:
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as refusal:
        status, text = refusal.code, refusal.read()
    if status not in expect:
        fail(f"{method} {path} answered {status}: {text[:500]}")
    return json.loads(text) if text else None


def kept(name):
    try:
        return [json.loads(line) for line in open(f"{folder}/{name}.jsonl")]
    except FileNotFoundError:
        return []


def wait(what, condition):
    while True:
        got = condition()
        if got:
            return got
        if time.monotonic() - began > SECONDS:
            fail(f"waited in vain: {what}")
        time.sleep(0.5)


def items(path):
    out, cursor = [], ""
    while cursor is not None:
        page = call("GET", path + ("&" if "?" in path else "?") + "limit=200" + (f"&cursor={cursor}" if cursor else ""))
        out += page["items"]
        cursor = page["next"]
    return out


def managed(active):
    with urllib.request.urlopen(f"{manager}/api/v2/alerts?active=true&silenced=true&inhibited=true", timeout=10) as answer:
        return [a for a in json.load(answer) if a["labels"]["alertname"] == "Counterfoil"] if active else None


def tell_pids():
    out = subprocess.run(["pgrep", "-f", "--", f"^({program}|{os.path.realpath(program)}) notify"], capture_output=True, text=True).stdout.split()
    return {int(pid) for pid in out}


def mail_route(name, to, scheme="smtp", word=password):
    server = f"{scheme}://127.0.0.1:{ports['smtps' if scheme == 'smtps' else 'smtp']}"
    return {"name": name, "per_hour": 100, "email": {"to": to, "server": server, "from": "counterfoil@example.com", "user": user, "password": word}}


def cli(*words):
    environment = dict(os.environ, COUNTERFOIL_API_KEY=key)
    return subprocess.run([program, "alerts", *words, "--api", base], env=environment, capture_output=True, text=True, timeout=90)


# 1. Routes, and a test message by each.
routes = [
    mail_route("mail", ["ann@example.com", "bob@example.com"]),
    mail_route("tls", ["ann@example.com"], "smtps"),
    mail_route("grey", ["grey@example.com"]),
    mail_route("wrong", ["ann@example.com"], word="not the password"),
    mail_route("nobody", ["nobody@example.com"]),
    {"name": "hook", "per_hour": 100, "webhook": {"url": f"http://127.0.0.1:{ports['hooks']}/hook", "secret": secret}},
    {"name": "manager", "alertmanager": {"url": manager}},
]
wait("the process that delivers has begun", lambda: call("PUT", "/v1/alerts/routes", {"routes": routes}, expect=(200, 503)).get("routes"))
shown = json.dumps(call("GET", "/v1/alerts/routes"))
if password in shown or secret in shown:
    fail("a secret is shown")
for name, words in {"mail": "delivered", "tls": "delivered", "hook": "delivered", "manager": "delivered", "wrong": "535", "nobody": "550"}.items():
    tried = cli("test", name)
    if (tried.returncode == 0) != (words == "delivered") or words not in tried.stdout:
        fail(f"`alerts test {name}` ended with {tried.returncode}: {tried.stdout}{tried.stderr}")
tests = kept("mail")
if collections.Counter((m["door"], m["to"][0]) for m in tests) != {("smtp", "ann@example.com"): 1, ("smtp", "bob@example.com"): 1, ("smtps", "ann@example.com"): 1}:
    fail(f"test messages: {tests}")

prairie = next(t for t in items("/v1/tenants") if t["slug"] == "prairie-goods")["id"]
if call("GET", f"/v1/tenants/{prairie}/alerts/rules")["rules"].get("bounds") != {"silent_hours": 12}:
    fail("the tenant's file has not reached its rules")

# 2. The day's alerts reach every route, while the teller is killed.
alerts = wait("alerts of the day", lambda: [a for a in items("/v1/alerts?state=unresolved") if a["cause"] == "held"])
if not all(a["remedy"] and a["count"] >= 1 and a["tenant_slug"] for a in alerts):
    fail(f"an alert says too little: {alerts}")
told = ["mail", "grey", "hook", "manager"]
call("PUT", "/v1/alerts/rules", {"rules": [{"name": "held", "causes": ["held"], "severity": "warning", "routes": told}]})
for _ in range(3):
    wait("somebody to kill", tell_pids)
    for pid in tell_pids():
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.7)


def open_mails(to):
    return [m for m in kept("mail") if m["to"] == [to] and "test of the route" not in m["subject"]]


wait("mail of every alert", lambda: len({m["subject"] for m in open_mails("ann@example.com")}) >= len(alerts))
wait("mail that was put off at first", lambda: len({m["subject"] for m in open_mails("grey@example.com")}) >= len(alerts))
wait("webhooks, each refused once", lambda: len({h["body"]["id"] for h in kept("hooks") if not h["refused"] and h["body"]["type"] == "alert.opened"}) >= len(alerts))
wait("Alertmanager has them", lambda: len(managed(True)) >= len(alerts))
for m in kept("mail"):
    if not m["tls"] or m["login"] != user or m["ehlo"] != "example.com" or m["defects"] or m["longest"] > 78 or m["bare"]:
        fail(f"a mail is not as it should be: {m}")
    if any(m["headers"].count(name) != 1 for name in ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type")):
        fail(f"headers: {m['headers']}")
if not any("What to do" in m["text"] and base in m["text"] for m in open_mails("ann@example.com")):
    fail("no mail says what to do and where to look")
for name in ("ann@example.com", "bob@example.com"):
    ids = collections.Counter(m["id"] for m in open_mails(name))
    if len(ids) != len(alerts):
        fail(f"{name} got {len(ids)} messages of {len(alerts)} alerts")
hooks = kept("hooks")
if not all(h["genuine"] for h in hooks):
    fail("a webhook's signature is not genuine")
if any(len({json.dumps(h["body"], sort_keys=True) for h in hooks if h["delivery"] == d}) != 1 for d in {h["delivery"] for h in hooks}):
    fail("a message changed between two tries")
for a in managed(True):
    if not {"tenant", "cause", "severity"} <= a["labels"].keys() or not {"summary", "remedy", "link"} <= a["annotations"].keys() or a["endsAt"] <= a["startsAt"]:
        fail(f"Alertmanager got {a}")

# What is open shows in the metrics.
metrics = urllib.request.urlopen(base + "/metrics", timeout=10).read().decode()
with open(f"{folder}/metrics.txt", "w") as out:
    out.write(metrics)
for name in ("counterfoil_alerts{", "counterfoil_alert_deliveries{", "counterfoil_lag_seconds ", "counterfoil_lagging_tenants "):
    if name not in metrics:
        fail(f"/metrics lacks {name}")

# 3. What people do counts.
one = alerts[0]["id"]
if cli("acknowledge", one, "--note", "on it").returncode or call("GET", f"/v1/alerts/{one}")["acknowledged_by"].split(" (")[0] != "key counterfoil up":
    fail("acknowledging")
until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
if cli("mute", one, "--until", until).returncode or call("GET", f"/v1/alerts/{one}")["state"] != "muted" or cli("unmute", one).returncode:
    fail("muting")
if "held" not in cli("list").stdout:
    fail("`alerts list` lists nothing")

# 4. The causes go, and whoever was told is told so.
tenants = {a["tenant"] for a in alerts}
for tenant in tenants:
    call("PATCH", f"/v1/tenants/{tenant}", {"state": "paused"})
wait("no alert is open", lambda: not [a for a in items("/v1/alerts?state=unresolved") if a["cause"] == "held"])
wait("mail that each is over", lambda: len({m["id"] for m in open_mails("ann@example.com") if "resolved" in m["subject"]}) >= len(alerts))
wait("webhooks that each is over", lambda: len({h["body"]["id"] for h in kept("hooks") if h["body"]["type"] == "alert.resolved"}) >= len(alerts))
wait("Alertmanager has none", lambda: not managed(True))
wait("no message waits", lambda: not items("/v1/alerts/deliveries?state=waiting"))
print(f"{len(alerts)} alerts, {len(kept('mail'))} mails, {len(kept('hooks'))} webhooks, {time.monotonic() - began:.0f} s")
