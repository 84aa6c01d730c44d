#!/usr/bin/env python3
"""Uses Square's twin with Square's own SDK: reckons, sells, refunds, pages, connects, and has webhooks verified.

usage: work_on_square.py SANDBOX

SANDBOX is the address of a `counterfoil sandbox` that nobody else works on. What the SDK rejects is the twin's mistake. Exit
status 1 with a sentence for each expectation that was not met.
"""

import json
import os
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version

for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
    os.environ.pop(name, None)

from square import Square  # noqa: E402
from square.core.api_error import ApiError  # noqa: E402
from square.utils.webhooks_helper import verify_signature  # noqa: E402

AMERICAN, BRITISH, HUB = "EAAASandboxPierGoods", "EAAASandboxThamesPottery", "EAAASandboxCounterfoilHub"
CLIENT, SECRET = "sq0idp-CounterfoilHub", "sq0csp-CounterfoilHubSecret"
PIER, STUDIO = "LRJNZCB190DTQ", "LTHAMESSTUDIO"
PATIENCE_S = 90
wrong = []


def expect(truth, words):
    if not truth:
        wrong.append(words)
        print("NOT MET " + words)


def refused(status, code, words, call):
    """The first error of a call that must be refused with this status and code."""
    try:
        call()
    except ApiError as error:
        found = (error.status_code, error.errors[0].code if error.errors else None)
        expect(found == (status, code), f"{words}: {found}, not {(status, code)}")
        return error.errors[0] if error.errors else None
    expect(False, f"{words}: not refused")
    return None


def key():
    return str(uuid.uuid4())


def usd(amount):
    return {"amount": amount, "currency": "USD"}


class Intake:
    """Receives webhooks and checks each with the SDK; fails the first attempt of each event, so that it is sent again."""

    def __init__(self):
        self.key, self.seen, self.forged, self.failed, self.retried = None, [], 0, set(), 0
        intake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(intake.judge(body, self.headers))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks/square"

    def judge(self, body, headers):
        if not verify_signature(
                request_body=body.decode(), signature_header=headers["x-square-hmacsha256-signature"], signature_key=self.key, notification_url=self.url):
            self.forged += 1
            return 400
        event = json.loads(body)
        if event["event_id"] not in self.failed:
            self.failed.add(event["event_id"])
            return 500
        if headers["square-retry-reason"] == "http_error":
            self.retried += 1
        self.seen.append(event)
        return 200

    def wait_for(self, test):
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            if test(list(self.seen)):
                return True
            time.sleep(0.2)
        return False


class World:
    """What happens without anybody asking the API."""

    def __init__(self, base):
        self.base = base

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + "/_sandbox" + path, data=data, method=method)
        with urllib.request.urlopen(request, timeout=30) as reply:
            return json.load(reply)

    def happens(self, do, **more):
        return self.call("POST", "/square/happen", {"do": do, **more})


def client_of(base, token):
    return Square(token=token, base_url=base + "/square")


def directories(client):
    found = client.locations.list().locations
    expect([place.id for place in found] == [PIER, "LMARKETSTALL2"], "a merchant's locations")
    expect(client.merchants.get("me").merchant.main_location_id == PIER, "the merchant's main location")
    made = [client.customers.create(given_name=f"Customer {n}", email_address=f"c{n}@example.com", reference_id=str(n)).customer for n in range(7)]
    paged = [customer.id for customer in client.customers.list(limit=3)]
    expect(paged == [customer.id for customer in made], "paging sees every customer once")
    found = client.customers.search(query={"filter": {"email_address": {"exact": "c4@example.com"}}}).customers
    expect([customer.id for customer in found] == [made[4].id], "search finds by address")
    refused(409, "CONFLICT", "a customer under an old version", lambda: client.customers.update(made[0].id, version=9, note="x"))
    refused(404, "NOT_FOUND", "a customer that is not there", lambda: client.customers.get("NOBODY"))
    types = [item.type for item in client.catalog.list()]
    expect(types.count("ITEM") == 2 and types.count("ITEM_VARIATION") == 3 and types.count("TAX") == 1, "the catalog's objects")
    mug = client.catalog.object.get("W62UWFY35CWMYGVWK6TWJDNI", include_related_objects=True)
    expect(mug.object.item_variation_data.price_money.amount == 1800 and mug.related_objects[0].type == "ITEM", "a variation and its item")
    return made[0]


def orders(client, customer):
    asked = {
        "location_id": PIER, "customer_id": customer.id, "reference_id": "web-1",
        "line_items": [
            {"uid": "one", "catalog_object_id": "W62UWFY35CWMYGVWK6TWJDNI", "quantity": "2"},
            {"uid": "two", "catalog_object_id": "NFTA5XCSRK6EHGNM6OQ3HWNA", "quantity": "1"}],
        "taxes": [{"uid": "tax1", "catalog_object_id": "WSEEBKNOSIGDYXFCWFE6ENNH", "scope": "ORDER"}],
        "discounts": [{"uid": "disc1", "name": "Welcome 10%", "percentage": "10", "scope": "ORDER"}]}
    reckoned = client.orders.calculate(order=asked).order
    amounts = (reckoned.total_money.amount, reckoned.total_tax_money.amount, reckoned.total_discount_money.amount)
    expect(amounts == (5894, 449, 605), "two mugs and a towel are 58.94")
    once = key()
    order = client.orders.create(order=asked, idempotency_key=once).order
    expect(client.orders.create(order=asked, idempotency_key=once).order.id == order.id, "a repeated key is answered from memory")
    refused(400, "IDEMPOTENCY_KEY_REUSED", "the key with another body", lambda: client.orders.create(
        order={**asked, "reference_id": "z"}, idempotency_key=once))
    error = refused(400, "MISSING_REQUIRED_PARAMETER", "an order without a location", lambda: client.orders.create(order={}))
    expect(error is not None and error.field == "order.location_id", "the error names the field")
    changed = client.orders.update(order.id, order={"location_id": PIER, "version": order.version, "metadata": {"erp": "SO-1"}}).order
    expect(changed.version == order.version + 1 and changed.metadata == {"erp": "SO-1"}, "an order is changed under its version")
    refused(409, "CONFLICT", "an order under an old version", lambda: client.orders.update(order.id, order={"location_id": PIER, "version": order.version}))
    refused(400, "GENERIC_DECLINE", "a declined card", lambda: client.payments.create(
        source_id="cnon:card-nonce-declined", idempotency_key=key(), amount_money=usd(5894), order_id=order.id))
    refused(400, "BAD_REQUEST", "another amount than the order's", lambda: client.payments.create(
        source_id="cnon:card-nonce-ok", idempotency_key=key(), amount_money=usd(1), order_id=order.id))
    paid = client.payments.create(
        source_id="cnon:card-nonce-ok", idempotency_key=key(), amount_money=usd(5894), tip_money=usd(500), order_id=order.id).payment
    expect(paid.status == "COMPLETED" and paid.total_money.amount == 6394, "amount and tip are taken")
    read = client.orders.get(order.id).order
    expect(read.state == "COMPLETED" and read.total_tip_money.amount == 500 and read.tenders[0].payment_id == paid.id, "the order is paid")
    held = [client.payments.create(source_id="cnon:card-nonce-ok", idempotency_key=key(), amount_money=usd(700), autocomplete=False).payment for _ in range(2)]
    expect(client.payments.complete(held[0].id, version_token=held[0].version_token).payment.status == "COMPLETED", "an authorised payment is completed")
    expect(client.payments.cancel(held[1].id).payment.status == "CANCELED", "an authorised payment is cancelled")
    return paid


def refunds(client, world, paid):
    part = client.refunds.refund_payment(idempotency_key=key(), payment_id=paid.id, amount_money=usd(1000), reason="late").refund
    expect(part.status == "PENDING", "a refund takes its time")
    refused(400, "REFUND_AMOUNT_INVALID", "a refund of too much", lambda: client.refunds.refund_payment(
        idempotency_key=key(), payment_id=paid.id, amount_money=usd(9999)))
    line = client.orders.get(part.order_id).order.returns[0].return_line_items[0]
    expect(line.item_type == "CUSTOM_AMOUNT" and line.total_money.amount == 1000, "a refund of an amount has one line without tax")
    sold = world.happens(
        "sells", lines=[{"uid": "a", "catalog_object_id": "W62UWFY35CWMYGVWK6TWJDNI", "quantity": "2"}],
        taxes=[{"uid": "t", "catalog_object_id": "WSEEBKNOSIGDYXFCWFE6ENNH", "scope": "ORDER"}], payments=[{"with": "cash", "amount": 897}, {}])
    back = world.happens("returns", order=sold["order"], lines=[{"line": "a"}], reason="broken")
    returned = client.orders.get(back["order"]).order
    expect(returned.returns[0].source_order_id == sold["order"], "a return order names the sale")
    expect(returned.returns[0].return_line_items[0].total_money.amount == 1948, "one mug with its tax comes back")
    expect([client.refunds.get(id).refund.amount_money.amount for id in back["refunds"]] == [897, 1051], "the first payment gives back first")


def searches(client):
    closed = client.orders.search(
        location_ids=[PIER], limit=100,
        query={"filter": {"state_filter": {"states": ["COMPLETED"]}, "date_time_filter": {"closed_at": {"start_at": "2020-01-01T00:00:00Z"}}},
               "sort": {"sort_field": "CLOSED_AT", "sort_order": "ASC"}}).orders
    times = [order.closed_at for order in closed]
    expect(len(closed) >= 5 and times == sorted(times), "closed orders in the order of their closing")
    seen, cursor = [], None
    for _ in range(20):
        page = client.orders.search(location_ids=[PIER], limit=2, cursor=cursor)
        seen += [order.id for order in page.orders or []]
        cursor = page.cursor
        if not cursor:
            break
    expect(len(seen) == len(set(seen)) and {order.id for order in closed} <= set(seen), "cursors see every order once")
    batch = client.orders.batch_get(order_ids=seen[:3] + ["none"], location_id=PIER).orders
    expect([order.id for order in batch] == seen[:3], "orders by their ids")
    refused(400, "INVALID_CURSOR", "a cursor that is none", lambda: client.orders.search(location_ids=[PIER], cursor="x"))
    payments = [payment.id for payment in client.payments.list(limit=2)]
    expect(len(payments) == len(set(payments)) >= 5, "paging sees every payment once")


def money(client, world):
    later = int(time.time()) + 3 * 86_400
    made = world.happens("day_closes", at=later)["payouts"]
    expect(len(made) == 1, "one payout for one location with money")
    payout = client.payouts.get(made[0]).payout
    entries = list(client.payouts.list_entries(payout.id, limit=2))
    expect(sum(entry.net_amount_money.amount for entry in entries) == payout.amount_money.amount, "a payout's entries are its amount")
    expect({entry.type for entry in entries} == {"CHARGE", "REFUND"}, "entries have their types")
    charges = [entry for entry in entries if entry.type == "CHARGE"]
    expect(all(entry.fee_amount_money.amount > 0 and entry.type_charge_details.payment_id for entry in charges), "charges have fee and payment")
    world.happens("payout_arrives", payout=payout.id, at=later)
    expect(client.payouts.get(payout.id).payout.status == "PAID", "a payout arrives")
    disputed = next(entry.type_charge_details.payment_id for entry in charges)
    dispute = world.happens("disputed", payment=disputed, reason="NOT_RECEIVED")["dispute"]
    expect(client.disputes.get(dispute).dispute.state == "EVIDENCE_REQUIRED", "a dispute waits for evidence")
    world.happens("dispute_ends", dispute=dispute, won=True)
    owed = world.call("GET", "/money?source=square")["money"]
    own = sum(row["minor"] for row in owed if row["account"] == "MLEWJTMNJN37Z")
    expect(own == 0, f"all that was Square's is paid out, but {own}")


def till(client, world):
    shift = world.happens("opens_drawer", amount=10_000, description="Till 1")["shift"]
    world.happens("sells", lines=[{"name": "Card", "quantity": "1", "base_price_money": usd(450)}], payments=[{"with": "cash", "supplied": 500}])
    world.happens("closes_drawer", amount=10_400)
    read = client.cash_drawers.shifts.get(shift, location_id=PIER).cash_drawer_shift
    expect((read.expected_cash_money.amount, read.closed_cash_money.amount, read.state) == (10_450, 10_400, "CLOSED"), "the drawer is fifty cents short")
    expect([s.id for s in client.cash_drawers.shifts.list(location_id=PIER)] == [shift], "shifts are listed")
    card = client.gift_cards.create(idempotency_key=key(), location_id=PIER, gift_card={"type": "DIGITAL"}).gift_card
    done = client.gift_cards.activities.create(idempotency_key=key(), gift_card_activity={
        "type": "ACTIVATE", "location_id": PIER, "gift_card_id": card.id, "activate_activity_details": {"amount_money": usd(2500)}}).gift_card_activity
    expect(done.gift_card_balance_money.amount == 2500, "a gift card is activated")
    spent = client.payments.create(source_id=card.id, idempotency_key=key(), amount_money=usd(900)).payment
    expect(spent.card_details.card.card_brand == "SQUARE_GIFT_CARD", "a gift card pays")
    expect(client.gift_cards.get(card.id).gift_card.balance_money.amount == 1600, "and has less on it")


def connect(base):
    query = urllib.parse.urlencode({
        "client_id": CLIENT, "scope": "ORDERS_READ PAYMENTS_READ MERCHANT_PROFILE_READ", "state": "s", "locale": "en-GB", "session": "false",
        "redirect_uri": "http://127.0.0.1:9/callback"})

    class NoRedirect(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    try:
        urllib.request.build_opener(NoRedirect).open(f"{base}/square/oauth2/authorize?{query}", data=b"decision=allow")
    except urllib.error.HTTPError as answer:
        back = urllib.parse.parse_qs(urllib.parse.urlsplit(answer.headers["Location"]).query)
    anyone = client_of(base, "unused")
    token = anyone.o_auth.obtain_token(
        client_id=CLIENT, client_secret=SECRET, grant_type="authorization_code", code=back["code"][0], redirect_uri="http://127.0.0.1:9/callback")
    pottery = client_of(base, token.access_token)
    expect(pottery.locations.list().locations[0].currency == "GBP", "the consent of a British merchant")
    refused(403, "INSUFFICIENT_SCOPES", "what was not consented to", lambda: pottery.customers.get("x"))
    again = anyone.o_auth.obtain_token(client_id=CLIENT, client_secret=SECRET, grant_type="refresh_token", refresh_token=token.refresh_token)
    expect(again.refresh_token == token.refresh_token and again.merchant_id == "MTHAMESPOTTRY", "a refresh token stays")
    inclusive = client_of(base, BRITISH).orders.calculate(order={
        "location_id": STUDIO, "line_items": [{"catalog_object_id": "VARBOWL00000000000000001", "quantity": "1"}],
        "taxes": [{"catalog_object_id": "TAXVAT20000000000000000A", "scope": "ORDER"}]}).order
    expect((inclusive.total_money.amount, inclusive.total_tax_money.amount) == (2400, 400), "VAT is inside the price")
    request = urllib.request.Request(
        f"{base}/square/oauth2/revoke", data=json.dumps({"client_id": CLIENT, "merchant_id": "MTHAMESPOTTRY"}).encode(), method="POST",
        headers={"Authorization": "Client " + SECRET, "Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as reply:
        expect(json.load(reply)["success"], "an authorisation is ended")
    refused(401, "ACCESS_TOKEN_REVOKED", "a token that was ended", lambda: pottery.locations.list())


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    base = sys.argv[1].rstrip("/")
    world, client, intake = World(base), client_of(base, AMERICAN), Intake()
    hub = client_of(base, HUB)
    types = hub.webhooks.event_types.list().event_types
    made = hub.webhooks.subscriptions.create(subscription={"name": "Books", "event_types": types, "notification_url": intake.url}).subscription
    intake.key = made.signature_key
    refused(403, "FORBIDDEN", "a merchant's token at the application's endpoint", lambda: client.webhooks.subscriptions.list())
    customer = directories(client)
    # From here on some answers come late, and some webhooks twice.
    world.call("POST", "/faults", {"seed": 5, "twins": {"square": {"unavailable_per_mille": 50, "duplicated_webhook_per_mille": 100}}})
    paid = orders(client, customer)
    refunds(client, world, paid)
    searches(client)
    till(client, world)
    connect(base)
    # The fee comes by itself, some time after the payment.
    fee = intake.wait_for(lambda seen: any(
        e["type"] == "payment.updated" and e["data"]["object"]["payment"].get("processing_fee") and e["data"]["id"] == paid.id for e in seen))
    expect(fee, "the fee arrives by webhook")
    money(client, world)
    kinds = {"order.created", "order.updated", "payment.created", "payment.updated", "refund.created", "refund.updated", "payout.sent", "payout.paid",
             "dispute.created", "dispute.state.updated", "customer.created", "gift_card.created", "oauth.authorization.revoked"}
    expect(intake.wait_for(lambda seen: kinds <= {event["type"] for event in seen}), "every kind of webhook arrives")
    expect(intake.forged == 0, f"{intake.forged} webhooks were not signed as the SDK verifies")
    expect(intake.retried > 0, "what failed once is sent again, with the reason")
    print(f"  squareup {version('squareup')}: {len(intake.seen)} webhooks verified, {len(wrong)} expectations not met")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
