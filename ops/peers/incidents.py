"""Twelve things that go wrong in the life of a client business, each let happen on a running demo, and what the program says of it: the right cause with a remedy
within two minutes, in one alert and no other. Prints the table; with a third argument it is written there as docs/incidents.md has it.
Arguments: up.json of a running demo of 60 orders, its folder (COUNTERFOIL_VAR)[, where to write the page].
The folder's secrets/operator.json must hold the webhook keys below before the demo is started: --operator-json prints it."""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request

KEYS = {"quickbooks-online": {"webhook_key": "incidents-verifier-token"}, "xero": {"webhook_key": "incidents-webhook-key"}}
if sys.argv[1:] == ["--operator-json"]:
    print(json.dumps(KEYS))
    sys.exit()

up_file, var, page_file = sys.argv[1], sys.argv[2], (sys.argv[3] if len(sys.argv) > 3 else None)
up = json.load(open(up_file))
base, sandbox, key = up["console"], up["sandbox"], up["api_key"]
MOST = 120
began = time.monotonic()
rows, faults = [], []


def fail(what):
    sys.exit(f"incidents: {what}")


def send(url, method, body=None, fields=None):
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, method=method, data=data, headers=fields or {})
    if data is not None:
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read()


def call(method, path, body=None, expect=(200, 201, 202)):
    status, text = send(base + path, method, body, {"Authorization": "Bearer " + key})
    if status not in expect:
        fail(f"{method} {path} answered {status}: {text[:600]}")
    return json.loads(text) if text else None


def happen(twin, said):
    status, text = send(f"{sandbox}/_sandbox/{twin}/happen", "POST", said)
    if status != 200:
        fail(f"{twin} can't let {said} happen: {status} {text[:400]}")
    return json.loads(text)


def items(path):
    out, cursor = [], ""
    while cursor is not None:
        page = call("GET", path + ("&" if "?" in path else "?") + "limit=200" + (f"&cursor={cursor}" if cursor else ""))
        out += page["items"]
        cursor = page["next"]
    return out


def wait(what, condition, most=MOST):
    started = time.monotonic()
    while not (got := condition()):
        if time.monotonic() - started > most:
            fail(f"waited {most} s in vain: {what}")
        time.sleep(0.3)
    return got


def now(days=0):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + days * 86_400))


# MARK: the demo's businesses


def one(path, slug):
    found = [row for row in items(path) if row["slug"] == slug]
    if len(found) != 1:
        fail(f"{path} has {len(found)} called {slug}")
    return found[0]["id"]


class Business:
    def __init__(self, slug, organisation):
        self.slug = slug
        self.id = one("/v1/tenants", slug)
        self.books = one(f"/v1/tenants/{self.id}/connections", "books")
        self.organisation = one(f"/v1/tenants/{self.id}/organisations", organisation)

    def bind(self, accounts):
        structure = call("GET", f"/v1/tenants/{self.id}/structure")["structure"]
        structure["accounts"] = structure["accounts"] | accounts
        call("PUT", f"/v1/tenants/{self.id}/structure", structure)

    def connect(self, slug, platform, account, credential=None, **more):
        made = call("POST", f"/v1/tenants/{self.id}/connections", {"slug": slug, "platform": platform, "account": account, **more})["id"]
        if credential:
            call("PUT", f"/v1/connections/{made}/credential", credential)
            wait(f"{slug} is live", lambda: call("GET", f"/v1/connections/{made}")["state"] == "live")
        return made

    def flow(self, slug, source, policies, poll=10):
        return call("POST", f"/v1/tenants/{self.id}/flows", {
            "slug": slug, "organisation": self.organisation, "source": source, "ledger": self.books, "policies": policies, "poll_seconds": poll,
        })["id"]

    def alerts(self):
        return {(a["id"], a["episode"]): a for a in items(f"/v1/alerts?tenant={self.id}&state=unresolved")}

    def postings(self, flow):
        return items(f"/v1/tenants/{self.id}/postings?flow={flow}")

    def settled(self, flow, form):
        """Those of a form that the ledger has, by subject."""
        return {p["subject"]: p for p in self.postings(flow) if p["form"] == form and p["state"] in ("confirmed", "reconciled")}


def incident(name, business, cause, happens, words=(), over=None):
    """Lets it happen and sees what is said: one alert of that cause with those words, and no other of that business until a while later."""
    before = business.alerts()
    at = time.monotonic()
    happens()

    def told():
        return [a for k, a in business.alerts().items() if k not in before]

    while not (found := [a for a in told() if a["cause"] == cause and all(w in a["summary"] for w in words)]) and time.monotonic() - at < MOST:
        time.sleep(0.3)
    seconds = time.monotonic() - at
    # Whatever else it leads to has come by now: what is so is counted every five seconds.
    settle = time.monotonic() + 8
    while time.monotonic() < settle:
        time.sleep(0.3)
    all_told = told()
    row = found[0] if found else None
    wrong = []
    if not row:
        wrong.append(f"nothing of {cause} with {words} within {MOST} s")
    elif not row["remedy"]:
        wrong.append("no remedy")
    if len(all_told) != 1:
        wrong.append(f"{len(all_told)} alerts: " + "; ".join(f"{a['cause']}: {a['summary']}" for a in all_told))
    rows.append((name, row["cause"] if row else "", row["summary"] if row else "", row["remedy"] if row else "", seconds, wrong))
    print(f"  {'ok ' if not wrong else 'BAD'} {name}: {seconds:.0f} s" + "".join(f"\n      {w}" for w in wrong), flush=True)
    if over:
        over()


def erp(connection, *events):
    got = call("POST", f"/v1/connections/{connection}/events", {"events": list(events)}, expect=(200, 422))
    if got["refused"]:
        fail(f"an event was refused: {json.dumps(got)[:900]}")


def event(kind, ident, data, version=1):
    return {"contract": "1", "id": f"{ident}-{version}", "type": f"{kind}.created", "occurred_at": now(), "object_id": ident, "object_version": version, "data": data}


def invoice(ident, total, currency, **more):
    line = {"id": "L1", "sku": "HOM-1", "description": "Mug", "group": "homeware", "quantity": "1", "unit_price": total, "net": total}
    return event("invoice", ident, {
        "number": ident, "status": "sent", "issued_on": now(), "currency": currency, "tax_included": False, "customer": {"id": "rowan", "name": "Rowan Cycles"},
        "lines": [line], "total": total, **more})


# MARK: what is there before anything goes wrong

prairie, thames = Business("prairie-goods", "prairie-goods-llc"), Business("thames-pottery", "thames-pottery-ltd")
wait("the day is done", lambda: not [p for p in items(f"/v1/tenants/{prairie.id}/postings?state=cleared")])
prairie.bind({"sales:*": "4010", "receivable:*": "1200", "clearing:*": "1310", "processor_fees": "7900", "bank:USD": "1000"})

WOO, WOO_SECRET = f"{sandbox}/woocommerce/prairie", "incidents-woo-secret"
PAIR = ("ck_5a1e000000000000000000000000000000000011", "cs_5a1e000000000000000000000000000000000011")
POLICIES = {"posting": "per_document", "sale_form": "invoice_payment", "customer": "house", "closed_period": "hold", "edit": "delta"}
web = prairie.connect(
    "web", "woocommerce", "127.0.0.1", {"consumer_key": PAIR[0], "consumer_secret": PAIR[1]}, base_url=WOO, settings={"gateway_fees": "all", "tax_place": "US-CA"})
call("PUT", f"/v1/connections/{web}/webhook-secret", {"secret": WOO_SECRET})
web_flow = prairie.flow("web-to-books", web, POLICIES)


def woo(method, path, body=None):
    proof = "Basic " + base64.b64encode(":".join(PAIR).encode()).decode()
    status, text = send(f"{WOO}/wp-json/wc/v3/{path}", method, body, {"Authorization": proof})
    if status not in (200, 201):
        fail(f"WooCommerce: {method} {path} answered {status}: {text[:300]}")
    return json.loads(text)


def set_webhooks():
    for topic in ("order.created", "order.updated"):
        woo("POST", "webhooks", {"name": topic, "topic": topic, "delivery_url": f"{base}/hooks/{web}", "secret": WOO_SECRET})


def lose_webhooks():
    for hook in woo("GET", "webhooks"):
        woo("DELETE", f"webhooks/{hook['id']}?force=true")


def order():
    return happen("woocommerce", {"do": "placed", "shop": "prairie", "items": [{"sku": "MUG-01", "quantity": 1}]})["order"]


set_webhooks()
happen("qbo", {"do": "subscribes", "url": f"{base}/v1/webhooks/quickbooks-online", "verifier": KEYS["quickbooks-online"]["webhook_key"]})
erp_a, erp_b = prairie.connect("erp", "erp", "back-office"), thames.connect("erp", "erp", "back-office")
erp_flow = prairie.flow("erp-to-books", erp_a, POLICIES)
thames.bind({"receivable:*": "610", "sales:*": "200"})
thames.flow("erp-to-books", erp_b, POLICIES)
for _ in range(2):
    order()
wait("two orders in the books", lambda: len(prairie.settled(web_flow, "invoice")) == 2 and len(prairie.settled(web_flow, "payment")) == 2)
first, second = sorted(prairie.settled(web_flow, "invoice").values(), key=lambda p: p["subject"])
second_payment = next(p for p in prairie.settled(web_flow, "payment").values() if p["case"] == second["case"])

# MARK: what goes wrong

incident(
    "An account is renamed in the ledger", prairie, "account",
    lambda: happen("qbo", {"do": "renames", "entity": "Account", "account": "4010", "name": "Old homeware"}), ["4010", "Old homeware"])
incident(
    "An invoice is edited by hand in the ledger", prairie, "variance",
    lambda: happen("qbo", {"do": "edits", "entity": "Invoice", "id": first["remote_id"], "object": {"TxnDate": "2026-10-05"}}), ["date", "2026-10-05"])
incident(
    "A payment is deleted there", prairie, "variance",
    lambda: happen("qbo", {"do": "deletes", "entity": "Payment", "id": second_payment["remote_id"]}), ["no longer has the document"])


def three_hours():
    """As many orders as three hours bring, in one minute: what tells is how many come without a webhook, not how long it takes."""
    lose_webhooks()
    for n in range(5):
        order()
        until = time.monotonic() + 4
        while time.monotonic() < until:
            time.sleep(0.3)


incident("Webhooks get lost for three hours", prairie, "webhooks", three_hours, ["no webhook of web"], set_webhooks)


def refund_twice():
    erp(erp_a, invoice("INV-R", "100.00", "USD"), event("payment", "PAY-R", {
        "invoice": "INV-R", "status": "paid", "received_on": now(), "currency": "USD", "amount": "100.00", "method": "card"}))
    wait("the sale is in the books", lambda: "INV-R" in prairie.settled(erp_flow, "invoice"))
    for n in (1, 2):
        erp(erp_a, event("credit_note", f"CN-{n}", {
            "invoice": "INV-R", "number": f"CN-{n}", "status": "paid", "issued_on": now(), "currency": "USD", "tax_included": False,
            "lines": [{"id": "C1", "invoice_line": "L1", "description": "Mug", "quantity": "1", "net": "100.00", "reason_code": "damaged"}], "total": "100.00",
            "refunds": [{"id": f"RF-{n}", "method": "card", "amount": "100.00", "status": "paid"}]}))


incident("The source refunds one sale twice", prairie, "held", refund_twice, ["refund_exceeds_remaining"])
incident("A foreign invoice comes without a rate", thames, "held", lambda: erp(erp_b, invoice("INV-E", "80.00", "EUR")), ["no_rate"])


class AfterShip:
    """The returns system beside the British shop."""

    store = "thames-pottery"

    def __init__(self):
        self.flow = one(f"/v1/tenants/{thames.id}/flows", "shop-to-books")
        self.back = self.known() or self.made()
        # Both sides agree before anything goes wrong.
        wait("the return is proven", lambda: [
            p for p in items(f"/v1/flows/{self.flow}/proofs") if p["account"] == "returns:closed" and p["source_minor"] and not p["unexplained_minor"]])

    def known(self):
        """A settled return of the day whose refund is in the books."""
        status, text = send(f"{sandbox}/aftership/returns/2026-01/returns?limit=100", "GET", None, {"as-api-key": "returns_" + self.store})
        if status != 200:
            fail(f"AfterShip answered {status}: {text[:300]}")
        booked = thames.settled(self.flow, "credit_note")
        found = [r for r in json.loads(text)["data"]["returns"] if r["approval_status"] == "done" and [f["external_id"] for f in r["refunds"] if f["external_id"] in booked]]
        return found[0] if found else None

    def made(self):
        """Not every day has one: then one for a refund that is in the books, of just its sum."""
        notes = [p for s, p in thames.settled(self.flow, "credit_note").items() if "/" not in s and p["currency"] == "GBP"]
        if not notes:
            fail("the day of thames-pottery has no refund in the books")
        note = notes[0]
        said = {"store": self.store, "id": "rt" + note["subject"]}
        line = {"line": "1", "sku": "HOM-1", "title": "Goods", "quantity": 1, "price": note["total_minor"], "tax": 0, "reason": "Damaged"}
        happen("aftership", {"do": "requested", "order": note["case"], "order_name": "#1", "currency": "GBP", "tax_included": True, "fee": 0, "lines": [line], **said})
        happen("aftership", {"do": "settled", "refund_id": note["subject"], "gateway": "shopify_payments", **said})
        return self.known()

    def say(self, more):
        """Somebody writes another worth into it: the whole on its first line."""
        lines = [{
            "line": i["external_id"], "sku": i["sku"], "title": i["title"], "quantity": i["return_quantity"], "price": 0, "tax": 0, "reason": i["return_reason"],
        } for i in self.back["return_items"]]
        lines[0]["price"] = int(self.back["return_total_including_tax"]["amount"].replace(".", "")) + more
        happen("aftership", {"do": "corrected", "store": self.store, "id": self.back["id"], "lines": lines})


aftership = AfterShip()
incident(
    "The returns system and the shop disagree", thames, "returns_differ", lambda: aftership.say(500), ["the shop gave", "the returns system says", aftership.back["id"]],
    lambda: aftership.say(0))


def spend():
    happen("xero", {"do": "spends", "window": "day", "left": 0})
    erp(erp_b, invoice("INV-Q", "30.00", "GBP"))


incident("The day's quota of the ledger is spent", thames, "quota", spend, ["'day' of books"])


def silent():
    """Four weeks in which something came every hour, up to five hours ago."""
    quiet = thames.connect("depot", "erp", "depot")
    thames.flow("depot-to-books", quiet, POLICIES)
    admin = open(f"{var}/secrets/database-administrator").read().strip()
    folder = os.path.realpath(f"{var}/postgres")
    socket = open(f"{folder}/postmaster.pid").read().splitlines()[4]
    sql = f"""INSERT INTO app.source_hours (tenant_id, connection_id, hour, events, last_at)
        SELECT '{thames.id}', '{quiet}', h, 3, h + interval '50 minutes' FROM generate_series(date_trunc('hour', now()) - interval '28 days', date_trunc('hour', now()) - interval '30 hours', '1 hour') h"""
    got = subprocess.run(["psql", "-qX", "-h", socket, "-U", "counterfoil_admin", "-d", "counterfoil", "-c", sql], env=os.environ | {"PGPASSWORD": admin}, capture_output=True, text=True)
    if got.returncode:
        fail(f"psql: {got.stderr}")


incident("A source falls silent", thames, "silent", silent, ["depot"])


def poison():
    """A delivery that is signed as it should be and says what can't be."""
    secret = "0f3c6a1be5d94c27" * 3
    call("PUT", f"/v1/connections/{erp_a}/webhook-secret", {"secret": secret})
    bad = invoice("INV-P", "50.00", "USD")
    bad["data"]["total"] = "51.00"
    body, at = json.dumps(bad).encode(), str(int(time.time()))
    proof = hmac.new(secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
    status, text = send(f"{base}/hooks/{erp_a}", "POST", body, {"Counterfoil-Signature": f"t={at},v1={proof}"})
    if status != 200:
        fail(f"the webhook was answered {status}: {text[:300]}")


incident("A document that can't be right (poison)", prairie, "event", poison, ["erp"])
incident("A platform's clock is minutes off", prairie, "clock", lambda: send(f"{sandbox}/_sandbox/clock", "POST", {"ahead_seconds": 400}), ["400 seconds ahead"])
incident(
    "The shop's key is revoked", prairie, "credential",
    lambda: happen("woocommerce", {"do": "key_revoked", "shop": "prairie", "key": PAIR[0]}), ["web"])

# MARK: what is left

wrong = [f"{name}: {w}" for name, *_, ws in rows for w in ws]
if page_file:
    cell = lambda text: " ".join(text.replace("|", "\\|").split())
    with open(page_file, "w") as page:
        page.write("| what goes wrong | cause | what the alert says | what to do | found after |\n|---|---|---|---|---|\n")
        for name, cause, summary, remedy, seconds, _ in rows:
            page.write(f"| {cell(name)} | `{cause}` | {cell(summary)} | {cell(remedy)} | {seconds:.0f} s |\n")
print(f"{len(rows)} incidents, {len(wrong)} wrong, {time.monotonic() - began:.0f} s")
sys.exit(1 if wrong else 0)
