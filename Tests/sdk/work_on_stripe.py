#!/usr/bin/env python3
"""Uses Stripe's twin with Stripe's own SDK: creates, reads, pages, refunds, disputes, and has webhooks verified.

usage: work_on_stripe.py SANDBOX

SANDBOX is the address of a `counterfoil sandbox` that nobody else works on. What the SDK rejects is the twin's mistake. Exit
status 1 with a sentence for each expectation that was not met.
"""

import json
import os
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
    os.environ.pop(name, None)

import stripe  # noqa: E402

KEY, HUB, RESTRICTED = "sk_test_51PrairieGoods", "sk_test_51CounterfoilHub", "rk_test_51PrairieGoods"
POTTERY = "acct_1ThamesPottery"
PATIENCE_S = 30
wrong = []


def expect(truth, words):
    if not truth:
        wrong.append(words)
        print("NOT MET " + words)


def refused(kind, words, call):
    """The error of a call that must be refused as this kind."""
    try:
        call()
    except kind as error:
        return error
    except stripe.StripeError as error:
        expect(False, f"{words}: {type(error).__name__}, not {kind.__name__}")
        return error
    expect(False, f"{words}: not refused")
    return stripe.StripeError("")


class Intake:
    """Receives webhooks and checks each with the SDK; fails the first attempt of each event, so that it is sent again."""

    def __init__(self):
        self.secret, self.seen, self.forged, self.failed = None, [], 0, set()
        intake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(intake.judge(body, self.headers["Stripe-Signature"]))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks/stripe"

    def judge(self, body, signature):
        try:
            event = stripe.Webhook.construct_event(body, signature, self.secret)
        except (ValueError, stripe.SignatureVerificationError):
            self.forged += 1
            return 400
        if event.id not in self.failed:
            self.failed.add(event.id)
            return 500
        self.seen.append(event)
        return 200

    def wait_for(self, *types):
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            if set(types) <= {event.type for event in self.seen}:
                return True
            time.sleep(0.1)
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
        return self.call("POST", "/stripe/happen", {"do": do, **more})


def client_of(base, key):
    return stripe.StripeClient(key, base_addresses={"api": base + "/stripe", "connect": base + "/stripe"}, max_network_retries=8)


def customers(client):
    made = [client.v1.customers.create({"name": f"Customer {n}", "email": f"c{n}@example.com", "metadata": {"our_id": str(n)}}) for n in range(23)]
    read = client.v1.customers.retrieve(made[7].id)
    expect(read.name == "Customer 7" and read.metadata["our_id"] == "7", "a customer is read as it was made")
    client.v1.customers.update(read.id, {"metadata": {"our_id": "", "erp": "C-7"}})
    expect(client.v1.customers.retrieve(read.id).metadata.to_dict() == {"erp": "C-7"}, "an empty value takes a key of metadata away")
    paged = [c.id for c in client.v1.customers.list({"limit": 5}).auto_paging_iter()]
    expect(paged == [c.id for c in reversed(made)], "auto-paging sees every customer once, newest first")
    back = client.v1.customers.list({"limit": 4, "ending_before": made[10].id})
    expect([c.id for c in back.auto_paging_iter()] == [c.id for c in made[11:]], "paging backwards ends at the newest")
    found = client.v1.customers.search({"query": "metadata['our_id']:'11'"})
    expect([c.id for c in found.auto_paging_iter()] == [made[11].id], "search finds by metadata")
    first = client.v1.customers.create({"name": "Once"}, {"idempotency_key": "sdk-once"})
    again = client.v1.customers.create({"name": "Once"}, {"idempotency_key": "sdk-once"})
    expect(first.id == again.id and again.last_response.headers["Idempotent-Replayed"] == "true", "a repeated key is answered from memory")
    refused(stripe.IdempotencyError, "the key with other parameters", lambda: client.v1.customers.create({"name": "Twice"}, {"idempotency_key": "sdk-once"}))
    gone = client.v1.customers.delete(first.id)
    expect(gone.deleted, "a deleted customer says so")
    error = refused(stripe.InvalidRequestError, "a customer that is not there", lambda: client.v1.customers.retrieve("cus_none"))
    expect((error.http_status, error.code) == (404, "resource_missing"), "a missing object has its code")
    expect(error.request_id.startswith("req_"), "an error has its request id")


def payments(client, world):
    paid = client.v1.payment_intents.create({
        "amount": 6689, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True, "metadata": {"order_id": "1042"},
        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"}, "expand": ["latest_charge.balance_transaction"]})
    row = paid.latest_charge.balance_transaction
    expect(paid.status == "succeeded" and (row.amount, row.fee, row.net) == (6689, 224, 6465), "66.89 less 2.24 is 64.65")
    error = refused(stripe.CardError, "a declined card", lambda: client.v1.payment_intents.create(
        {"amount": 500, "currency": "usd", "payment_method": "pm_card_chargeDeclinedInsufficientFunds", "confirm": True}))
    expect(error.code == "card_declined" and error.error.decline_code == "insufficient_funds", "a declined card says why")
    expect(error.error.payment_intent.status == "requires_payment_method", "the error carries the intent")
    part = client.v1.refunds.create({"payment_intent": paid.id, "amount": 1754, "reason": "requested_by_customer"})
    expect(part.status == "succeeded" and client.v1.charges.retrieve(paid.latest_charge.id).amount_refunded == 1754, "a part is refunded")
    error = refused(stripe.InvalidRequestError, "a refund of too much", lambda: client.v1.refunds.create({"charge": paid.latest_charge.id, "amount": 9999}))
    expect(error.param == "amount", "the error names the parameter")
    refused(stripe.AuthenticationError, "a wrong key", lambda: client.v1.charges.list({}, {"api_key": "sk_test_nobody_at_all"}))
    refused(stripe.PermissionError, "a restricted key that writes", lambda: client.v1.refunds.create({"charge": "ch_1"}, {"api_key": RESTRICTED}))
    held = client.v1.payment_intents.create(
        {"amount": 4000, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True, "capture_method": "manual"})
    expect(client.v1.payment_intents.capture(held.id, {"amount_to_capture": 2500}).amount_received == 2500, "a part of an authorised amount is captured")
    disputed = world.happens("pays", amount=5000, currency="usd", customer_email="mara.lind@example.com")
    dispute = client.v1.disputes.retrieve(world.happens("disputed", payment=disputed["charge"], reason="product_not_received")["dispute"])
    expect(dispute.status == "needs_response" and dispute.balance_transactions[0].net == -6500, "a dispute takes amount and fee")
    client.v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": "winning_evidence"}})
    expect(client.v1.disputes.retrieve(dispute.id).status == "won", "winning evidence wins")


def payouts(client, world):
    later = int(time.time()) + 3 * 86_400
    made = world.happens("day_closes", at=later)["payouts"]
    expect(len(made) == 1, "one payout for one currency")
    payout = client.v1.payouts.retrieve(made[0])
    rows = list(client.v1.balance_transactions.list({"payout": payout.id, "limit": 3, "expand": ["data.source"]}).auto_paging_iter())
    others = [row for row in rows if row.source.id != payout.id]
    expect(len(others) >= 5 and sum(row.net for row in others) == payout.amount, "a payout's rows are its amount")
    expect({row.reporting_category for row in others} == {"charge", "refund", "dispute", "dispute_reversal"}, "rows have their categories")
    world.happens("payout_arrives", payout=payout.id, at=later)
    expect(client.v1.payouts.retrieve(payout.id).reconciliation_status == "completed", "a payout that has arrived can be reconciled")
    money = world.call("GET", "/money?source=stripe")["money"]
    own = [m["minor"] for m in money if m["account"] == "acct_1PrairieGoods"]
    balance = client.v1.balance.retrieve()
    expect(sum(own) == sum(part.amount for part in list(balance.available) + list(balance.pending)), "the twin's books are the balance")


def platform(client):
    options = {"stripe_account": POTTERY}
    paid = client.v1.payment_intents.create(
        {"amount": 10_000, "currency": "gbp", "payment_method": "pm_card_visa", "confirm": True, "application_fee_amount": 500,
         "expand": ["latest_charge.balance_transaction"]}, options)
    expect([fee.type for fee in paid.latest_charge.balance_transaction.fee_details] == ["stripe_fee", "application_fee"], "the platform's share is a fee")
    fee = client.v1.application_fees.retrieve(paid.latest_charge.application_fee)
    expect(fee.amount == 500 and fee.account == POTTERY, "the platform has its application fee")
    refused(stripe.PermissionError, "an account that is not connected", lambda: client.v1.charges.list({}, {"stripe_account": "acct_1Nobody"}))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    base = sys.argv[1].rstrip("/")
    world, client, intake = World(base), client_of(base, KEY), Intake()
    made = client.v1.webhook_endpoints.create({"url": intake.url, "enabled_events": ["*"], "api_version": "2026-10-28.endive"})
    intake.secret = made.secret
    customers(client)
    # From here on some answers are lost: the SDK asks again, under the key of its first try.
    world.call("POST", "/faults", {"seed": 5, "twins": {"stripe": {"torn_reply_per_mille": 100, "duplicated_webhook_per_mille": 100}}})
    payments(client, world)
    payouts(client, world)
    platform(client_of(base, HUB))
    arrived = intake.wait_for(
        "customer.created", "charge.succeeded", "charge.updated", "payment_intent.succeeded", "refund.created", "charge.refunded",
        "charge.dispute.created", "charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated", "payout.created", "payout.paid",
        "payout.reconciliation_completed")
    expect(arrived, "every kind of webhook arrives")
    expect(intake.forged == 0, f"{intake.forged} webhooks were not signed as the SDK verifies")
    listed = {event.id: event for event in client.v1.events.list({"limit": 100}).auto_paging_iter()}
    expect(all(event.id in listed for event in intake.seen), "what was delivered is in the list of events")
    print(f"  stripe {stripe.VERSION}: {len(listed)} events, {len(intake.seen)} webhooks verified, {len(wrong)} expectations not met")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
