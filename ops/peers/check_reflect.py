"""What a bookkeeper does in the ledger reaches whoever the document came from, for ops/test: payments, a void and a change at the ledger's own screens, on a running demo, must
stand as notes beside the shop's orders and the returns system's returns, and in the list that the ERP fetches, by webhook within a minute, without one within the interval at which
the ledger is asked; each once.
Arguments: up.json of a running demo whose secrets/operator.json holds the webhook keys of demo.py."""

import datetime
import json
import re
import sys
import time

from demo import KEYS, Business, Woo, base, call, erp, fail, happen, invoice, items, one, sandbox, send, wait

BY_WEBHOOK = 60
# The shortest interval at which a ledger is asked, and the work that follows.
INTERVAL, WORK = 10, 20
NEVER = 86_400
SECRET = "reflect-woo-secret"
began = time.monotonic()

thames = Business("thames-pottery", "thames-pottery-ltd")
wait("the day is done", lambda: not items(f"/v1/tenants/{thames.id}/postings?state=cleared"))
thames.bind({"receivable:*": "610", "sales:*": "200"})
policies = {
    "posting": "per_document", "sale_form": "invoice_payment", "customer": "house", "closed_period": "hold", "edit": "delta", "reflect": "on", "masters": {"void": "ledger"},
}
shop = Woo("thames", 2)
web = shop.connected(thames, "reflect-web", SECRET, tax_place="GB")
yard = thames.connect("reflect-yard", "erp", "yard")
flows = [thames.flow("reflect-web-to-books", web, policies, INTERVAL), thames.flow("reflect-yard-to-books", yard, policies, INTERVAL)]
mesa = Business("mesa-outfitters", "mesa-outfitters-inc")
returns_flow = one(f"/v1/tenants/{mesa.id}/flows", "returns-to-books")
settings = {ledger: call("GET", f"/v1/connections/{ledger}")["settings"] for ledger in (thames.books, mesa.books)}


def asked_every(seconds, ledger=thames.books):
    """How often the ledger is asked what has changed there."""
    more = {"changes_seconds": str(seconds)} if seconds else {}
    call("PATCH", f"/v1/connections/{ledger}", {"settings": settings[ledger] | more})


def pay(posting):
    money = f"{posting['total_minor'] / 100:.2f}"
    day = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    happen("xero", {"do": "enters", "endpoint": "Payments", "object": {
        "Invoice": {"InvoiceID": posting["remote_id"]}, "Account": {"Code": "090"}, "Date": day, "Amount": money, "Reference": "BACS"}})
    return money


def notes(order):
    """Ours beside the order, each by its mark; a mark that stands there twice fails."""
    ours = [(m[1], n["note"]) for n in shop.call("GET", f"orders/{order}/notes") if (m := re.search(r"\[(counterfoil:[^\]]+)\]", n["note"]))]
    if len({mark for mark, _ in ours}) != len(ours):
        fail(f"a note stands twice beside order {order}: {ours}")
    return [text for _, text in ours]


def told(order, words):
    found = [text for text in notes(order) if words in text]
    if len(found) > 1:
        fail(f"order {order} was told twice: {found}")
    return bool(found)


def beside(credit_note):
    """Ours beside the return that a credit note is, in Loop."""
    status, text = send(
        f"{sandbox}/loop/api/v1/warehouse/return/{credit_note['subject'].removeprefix('return:')}/notes", "GET", None, {"X-Authorization": "returns_mesa-outfitters"})
    if status not in (200, 422):
        fail(f"Loop answered {status}: {text[:300]}")
    return [n["content"] for n in json.loads(text)["notes"]] if status == 200 else []


def listed(state, paid):
    found = [i for i in items(f"/v1/connections/{yard}/reflections") if i["state"] == state and i["paid"] == paid]
    if len(found) > 1:
        fail(f"the ERP is told twice: {found}")
    return bool(found)


def measured(what, happens, *arrivals, most):
    """Lets it happen, and waits for each arrival: seconds from the first thing that happens to the last arrival."""
    at = time.monotonic()
    happens()
    for arrival in arrivals:
        wait(what, arrival, most)
    seconds = time.monotonic() - at
    if seconds > most:
        fail(f"{what}: {seconds:.1f} s, where {most} are allowed")
    print(f"  {what}: {seconds:.1f} s", flush=True)


def pause(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.3)


# MARK: three orders to be paid by bank, an ERP's invoice: all in the books, and their sources know

asked_every(INTERVAL)
asked_every(NEVER, mesa.books)
polled, paid, void = [f"{shop.order('BOWL-1', payment_method='bacs')}" for _ in range(3)]
line = {
    "id": "L1", "sku": "HOM-1", "description": "Mug", "group": "homeware", "quantity": "1", "unit_price": "40.00", "net": "40.00",
    "taxes": [{"jurisdiction": "GB", "rate": "0.2", "amount": "8.00"}],
}
erp(yard, invoice("INV-YARD", "48.00", "GBP", lines=[line]))


def all_there():
    found = thames.settled(flows[0], "invoice") | thames.settled(flows[1], "invoice")
    return found if found.keys() >= {polled, paid, void, "INV-YARD"} else None


there = wait("three orders and an invoice in the books", all_there)
wait("their sources know", lambda: all(told(o, "is posted") for o in (polled, paid, void)) and listed("posted", None))

# MARK: without a webhook

# The day has used up what the ledger allows in a minute: what is measured is not how long that lasts.
QUOTA = f"/v1/tenants/{thames.id}/connections/{thames.books}/quota"
wait("the ledger may be called", lambda: all(b["remaining"] is None or b["remaining"] >= 30 for b in call("GET", QUOTA)["budgets"]))
sum_of = {}
measured(
    "a payment in the ledger, told by the next round of questions", lambda: sum_of.update(polled=pay(there[polled])),
    lambda: told(polled, f"was paid there: {sum_of['polled']} GBP"), most=INTERVAL + WORK)

# MARK: by webhook, with nobody asking

asked_every(NEVER)
pause(INTERVAL + 2)
happen("xero", {"do": "subscribes", "url": f"{base}/v1/webhooks/xero", "categories": ["INVOICE"], "key": KEYS["xero"]["webhook_key"]})
wait("the ledger's webhook is accepted", lambda: happen("xero", {"do": "webhook"})["status"] == "ok")


def by_hand():
    sum_of.update(paid=pay(there[paid]), yard=pay(there["INV-YARD"]))
    happen("xero", {"do": "voids", "endpoint": "Invoices", "id": there[void]["remote_id"]})


measured(
    "two payments and a void in the ledger, told by webhook", by_hand, lambda: told(paid, f"was paid there: {sum_of['paid']} GBP"),
    lambda: listed("paid", sum_of["yard"]), lambda: told(void, "is void there"), most=BY_WEBHOOK)

# MARK: a returns system, by webhook

happen("qbo2", {"do": "subscribes", "url": f"{base}/v1/webhooks/quickbooks-online", "verifier": KEYS["quickbooks-online"]["webhook_key"]})
given = wait("a return in the books whose system knows", lambda: next((p for p in mesa.settled(returns_flow, "credit_note").values() if beside(p)), None))
if sum("is posted" in text and "credit note" in text for text in beside(given)) != 1:
    fail(f"the returns system was told {beside(given)}")
policies_of_returns = call("GET", f"/v1/flows/{returns_flow}")["policies"]
call("PATCH", f"/v1/flows/{returns_flow}", {"policies": policies_of_returns | {"masters": {"amount": "ledger"}}})
measured(
    "a change of a credit note in the ledger, told to the returns system by webhook",
    lambda: happen("qbo2", {"do": "edits", "entity": "CreditMemo", "id": given["remote_id"], "object": {"TxnDate": "2026-11-03"}}),
    lambda: any("was changed there" in text for text in beside(given)), most=BY_WEBHOOK)

# MARK: once each, also after both sides have been asked again what changed

asked_every(INTERVAL)
happen("xero", {"do": "unsubscribes"})
pause(INTERVAL + 4)
for order, last in ((polled, "was paid there"), (paid, "was paid there"), (void, "is void there")):
    said = notes(order)
    if len(said) != 2 or sum("is posted" in text for text in said) != 1 or sum(last in text for text in said) != 1:
        fail(f"order {order} was told {said}")
states = [(i["subject"], i["state"], i["paid"]) for i in items(f"/v1/connections/{yard}/reflections")]
if states != [("INV-YARD", "posted", None), ("INV-YARD", "paid", sum_of["yard"])]:
    fail(f"the ERP is told {states}")
said = [text for text in beside(given) if "credit note" in text]
if len(said) != 2 or sum("was changed there" in text for text in said) != 1:
    fail(f"the returns system was told {said}")
left = sorted((p["subject"], p["form"], p["state"]) for flow in flows for p in thames.postings(flow))
if [(s, f) for s, f, _ in left] != sorted((s, "invoice") for s in (polled, paid, void, "INV-YARD")) or any(state == "manual" for _, _, state in left):
    fail(f"the flows' postings are {left}")

# What comes after this has the business as it was.
shop.lose_webhooks()
for flow in flows:
    call("PATCH", f"/v1/flows/{flow}", {"state": "paused"})
asked_every(None)
asked_every(None, mesa.books)
happen("qbo2", {"do": "unsubscribes"})
call("PATCH", f"/v1/flows/{returns_flow}", {"policies": policies_of_returns})
print(f"reflect: {time.monotonic() - began:.0f} s")
