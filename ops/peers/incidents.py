"""Twelve things that go wrong in the life of a client business, each let happen on a running demo, and what the program says of it: the right cause with a remedy
within two minutes, in one alert and no other. Prints the table; with a fourth argument it is written there as docs/incidents.md has it.
Arguments: up.json of a running demo of 60 orders, its folder (COUNTERFOIL_VAR), a folder for passing files[, where to write the page].
The demo is a test build's (COUNTERFOIL_SABOTAGE_BUILD=1): only there a document can end a worker. The folder's secrets/operator.json must hold the webhook
keys of demo.py before it is started: --operator-json prints it."""

import json
import os
import subprocess
import sys
import time

from demo import KEYS, MOST, Business, Woo, base, call, erp, event, fail, happen, invoice, items, now, one, sandbox, send, wait

var, page_file = sys.argv[2], (sys.argv[3] if len(sys.argv) > 3 else None)
began = time.monotonic()
rows = []


def incident(name, business, cause, happens, words=(), over=None):
    """Lets it happen and sees what is said: one alert of that cause with those words, and no other of that business until a while later."""
    # What went before may have used up what the ledger allows in a minute, which is an alert of its own.
    quota = f"/v1/tenants/{business.id}/connections/{business.books}/quota"
    wait("the ledger may be called", lambda: all(b["name"] != "minute" or 2 * b["remaining"] >= b["limit"] for b in call("GET", quota)["budgets"]))
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


# MARK: what is there before anything goes wrong

prairie, thames = Business("prairie-goods", "prairie-goods-llc"), Business("thames-pottery", "thames-pottery-ltd")
wait("the day is done", lambda: not [p for p in items(f"/v1/tenants/{prairie.id}/postings?state=cleared")])
prairie.bind({"sales:*": "4010", "receivable:*": "1200", "clearing:*": "1310", "processor_fees": "7900", "bank:USD": "1000"})

WOO_SECRET = "incidents-woo-secret"
POLICIES = {"posting": "per_document", "sale_form": "invoice_payment", "customer": "house", "closed_period": "hold", "edit": "delta"}
woo = Woo("prairie", 1)
web = woo.connected(prairie, "web", WOO_SECRET, gateway_fees="all", tax_place="US-CA")
web_flow = prairie.flow("web-to-books", web, POLICIES | {"reflect": "on"})
happen("qbo", {"do": "subscribes", "url": f"{base}/v1/webhooks/quickbooks-online", "verifier": KEYS["quickbooks-online"]["webhook_key"]})
erp_a, erp_b = prairie.connect("erp", "erp", "back-office"), thames.connect("erp", "erp", "back-office")
erp_flow = prairie.flow("erp-to-books", erp_a, POLICIES)
thames.bind({"receivable:*": "610", "sales:*": "200"})
thames.flow("erp-to-books", erp_b, POLICIES)
edited, deleted = f"{woo.order('MUG-01')}", f"{woo.order('MUG-01', payment_method='bacs')}"
wait("two orders in the books, one paid", lambda: prairie.settled(web_flow, "invoice").keys() == {edited, deleted} and prairie.settled(web_flow, "payment"))
invoices = prairie.settled(web_flow, "invoice")
wait("the shop is told", lambda: all(any("is posted" in n["note"] for n in woo.call("GET", f"orders/{order}/notes")) for order in invoices))

# MARK: what goes wrong

incident(
    "An account is renamed in the ledger", prairie, "account",
    lambda: happen("qbo", {"do": "renames", "entity": "Account", "account": "4010", "name": "Old homeware"}), ["4010", "Old homeware"])
incident(
    "An invoice is edited by hand in the ledger", prairie, "variance",
    lambda: happen("qbo", {"do": "edits", "entity": "Invoice", "id": invoices[edited]["remote_id"], "object": {"TxnDate": "2026-10-05"}}), ["date", "2026-10-05"])


def meant():
    """The bookkeeper meant it: said so here, nothing waits any more, and the shop hears of it."""
    call("POST", f"/v1/postings/{invoices[deleted]['post_key']}/accept", {"reason": "never collected"})
    wait("the shop hears of what was deleted", lambda: any("is void there" in n["note"] for n in woo.call("GET", f"orders/{deleted}/notes")))
    wait("what was accepted is over", lambda: not any("no longer has the document" in a["summary"] for a in prairie.alerts().values()))


incident(
    "An invoice is deleted there", prairie, "variance",
    lambda: happen("qbo", {"do": "deletes", "entity": "Invoice", "id": invoices[deleted]["remote_id"]}), ["no longer has the document"], meant)


def three_hours():
    """As many orders as three hours bring, in one minute: what tells is how many come without a webhook, not how long it takes."""
    woo.lose_webhooks()
    for n in range(5):
        woo.order("MUG-01")
        until = time.monotonic() + 4
        while time.monotonic() < until:
            time.sleep(0.3)


incident("Webhooks get lost for three hours", prairie, "webhooks", three_hours, ["no webhook of web"], lambda: woo.set_webhooks(web, WOO_SECRET))


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
    """What no program ought to have, a document over which the worker crashes: the words in it are Sabotage.poison of a test build. Beside it one like any other."""
    bad = invoice("INV-P", "50.00", "USD")
    bad["data"]["lines"][0]["description"] = "counterfoil-test:this-document-ends-its-worker"
    erp(erp_a, bad, invoice("INV-W", "60.00", "USD"))


incident(
    "A document ends the worker (poison)", prairie, "document_quarantined", poison, ["event", "held", "worker"],
    lambda: wait("what came with it is in the books", lambda: "INV-W" in prairie.settled(erp_flow, "invoice")))
incident("A platform's clock is minutes off", prairie, "clock", lambda: send(f"{sandbox}/_sandbox/clock", "POST", {"ahead_seconds": 400}), ["400 seconds ahead"])
incident(
    "The shop's key is revoked", prairie, "credential",
    lambda: happen("woocommerce", {"do": "key_revoked", "shop": "prairie", "key": woo.pair[0]}), ["web"])

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
