"""What scripts of this folder see and do of a running demo, which its up.json (their first argument) describes: the API, the twins' own screens, a client business."""

import base64
import json
import os
import sys
import time
import urllib.error
import urllib.request

# The keys that ledgers sign their webhooks with: the demo's secrets/operator.json has to hold them before it is started.
KEYS = {"quickbooks-online": {"webhook_key": "incidents-verifier-token"}, "xero": {"webhook_key": "incidents-webhook-key"}}
if sys.argv[1:] == ["--operator-json"]:
    print(json.dumps(KEYS))
    sys.exit()
up = json.load(open(sys.argv[1]))
base, sandbox, key = up["console"], up["sandbox"], up["api_key"]
MOST = 120


def fail(what):
    sys.exit(f"{os.path.basename(sys.argv[0])}: {what}")


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


class Woo:
    """A shop of the WooCommerce twin, with the key that may write."""

    def __init__(self, name, place):
        self.name, self.url = name, f"{sandbox}/woocommerce/{name}"
        self.pair = tuple(f"{kind}_5a1e{'0' * 34}{place}1" for kind in ("ck", "cs"))

    def call(self, method, path, body=None):
        proof = "Basic " + base64.b64encode(":".join(self.pair).encode()).decode()
        status, text = send(f"{self.url}/wp-json/wc/v3/{path}", method, body, {"Authorization": proof})
        if status not in (200, 201):
            fail(f"WooCommerce: {method} {path} answered {status}: {text[:300]}")
        return json.loads(text)

    def connected(self, business, slug, secret, **settings):
        """A connection of the business to it, live, whose webhooks are set."""
        pair = {"consumer_key": self.pair[0], "consumer_secret": self.pair[1]}
        made = business.connect(slug, "woocommerce", "127.0.0.1", pair, base_url=self.url, settings=settings)
        call("PUT", f"/v1/connections/{made}/webhook-secret", {"secret": secret})
        self.set_webhooks(made, secret)
        return made

    def set_webhooks(self, connection, secret):
        for topic in ("order.created", "order.updated"):
            self.call("POST", "webhooks", {"name": topic, "topic": topic, "delivery_url": f"{base}/hooks/{connection}", "secret": secret})

    def lose_webhooks(self):
        for hook in self.call("GET", "webhooks"):
            self.call("DELETE", f"webhooks/{hook['id']}?force=true")

    def order(self, sku, **more):
        return happen("woocommerce", {"do": "placed", "shop": self.name, "items": [{"sku": sku, "quantity": 1}], **more})["order"]


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
