#!/usr/bin/env python3
"""Uses WooCommerce's twin with WooCommerce's own SDK: creates, reads, pages, refunds, meets errors, and verifies webhooks.

usage: work_on_woocommerce.py SANDBOX

SANDBOX is the address of a `counterfoil sandbox` that nobody else works on. The SDK signs each request (OAuth 1.0a), because the sandbox
speaks plain HTTP. Exit status 1 with a sentence for each expectation that was not met.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import threading
import time
import urllib.request
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer

for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
    os.environ.pop(name, None)

from woocommerce import API  # noqa: E402

PATIENCE_S = 30
SECRET = "sdk secret"
wrong = []


def expect(truth, words):
    if not truth:
        wrong.append(words)
        print("NOT MET " + words)


def key(prefix, place, right=1):
    return f"{prefix}_5a1e" + "0" * 34 + f"{place}{right}"


class Shop:
    """One shop, through the SDK."""

    def __init__(self, base, name, place, right=1, secret=None):
        self.name = name
        self.api = API(url=f"{base}/woocommerce/{name}", consumer_key=key("ck", place, right),
                       consumer_secret=secret or key("cs", place, right), version="wc/v3", timeout=30)

    def ask(self, method, path, data=None, code=None, **params):
        arguments = {"params": params} if params else {}
        call = getattr(self.api, method)
        for _ in range(8):
            try:
                reply = call(path, **arguments) if data is None else call(path, data, **arguments)
            except OSError:
                continue
            if reply.status_code not in (429, 503):
                break
        expected = code or {"post": 201}.get(method, 200)
        expect(reply.status_code == expected, f"{method} {path}: {reply.status_code} {reply.text[:300]}, not {expected}")
        return reply

    def get(self, path, **params):
        return self.ask("get", path, **params).json()

    def make(self, path, data, **params):
        return self.ask("post", path, data, **params).json()


class Intake:
    """Receives webhooks and checks each signature over the bytes that came."""

    def __init__(self):
        self.seen, self.forged, self.pings = [], 0, 0
        intake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                intake.take(body, self.headers)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks/woocommerce"

    def take(self, body, headers):
        if headers["X-WC-Webhook-Topic"] is None:
            self.pings += body.startswith(b"webhook_id=")
            return
        code = base64.b64encode(hmac.new(SECRET.encode(), body, hashlib.sha256).digest()).decode()
        if not hmac.compare_digest(code, headers["X-WC-Webhook-Signature"]):
            self.forged += 1
        self.seen.append((headers["X-WC-Webhook-Topic"], json.loads(body)))

    def wait_for(self, *topics):
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            if set(topics) <= {topic for topic, _ in self.seen}:
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
        return self.call("POST", "/woocommerce/happen", {"do": do, **more})


def identity(prairie, thames):
    status = thames.get("system_status")
    expect(status["settings"]["currency"] == "GBP" and status["settings"]["number_of_decimals"] == 2, "the status tells the currency")
    tax = {option["id"]: option["value"] for option in thames.get("settings/tax")}
    expect(tax["woocommerce_prices_include_tax"] == "yes", "British prices include tax")
    expect({option["id"]: option["value"] for option in prairie.get("settings/tax")}["woocommerce_prices_include_tax"] == "no", "American prices do not")
    expect([rate["rate"] for rate in thames.get("taxes")] == ["20.0000", "5.0000", "0.0000"], "tax rates are listed in their order")
    expect([one["slug"] for one in thames.get("taxes/classes")] == ["standard", "reduced-rate", "zero-rate"], "tax classes are listed")


def orders(shop):
    address = {"first_name": "Mara", "last_name": "Lind", "country": "US", "state": "CA", "postcode": "94607", "email": "mara.lind@example.com"}
    made = shop.make("orders", {
        "payment_method": "stripe", "billing": address, "set_paid": True, "transaction_id": "ch_3sdk", "coupon_lines": [{"code": "welcome10"}],
        "line_items": [{"product_id": 93, "quantity": 2}, {"sku": "TWL-07", "quantity": 1}], "meta_data": [{"key": "_our_ref", "value": "A-1"}],
        "shipping_lines": [{"method_id": "flat_rate", "method_title": "Flat rate", "total": "7.95"}]})
    figures = [made[name] for name in ("total", "total_tax", "discount_total", "discount_tax", "shipping_total", "status")]
    expect(figures == ["66.89", "4.49", "6.05", "0.50", "7.95", "processing"], f"the order comes to 66.89, not {figures}")
    expect(shop.get(f"orders/{made['id']}") == made, "an order is read as it was made")
    exact = shop.get(f"orders/{made['id']}", dp=6)
    expect(exact["line_items"][0]["taxes"][0]["total"] == "2.673" and exact["total"] == "66.890000", "dp shows more places")
    note = shop.make(f"orders/{made['id']}/notes", {"note": "Called her"})
    expect(note["id"] in [one["id"] for one in shop.get(f"orders/{made['id']}/notes")], "a note is listed")
    done = shop.ask("put", f"orders/{made['id']}", {"status": "completed"}).json()
    expect(done["date_completed_gmt"] is not None and done["total"] == "66.89", "a completed order says when")
    return made


def pages(shop, world):
    made = [world.happens("placed", shop=shop.name, items=[{"sku": "SEED-3", "quantity": n + 1}])["order"] for n in range(23)]
    seen, page = [], 1
    while True:
        reply = shop.ask("get", "orders", code=200, per_page=5, page=page, orderby="id", order="asc", product=95)
        seen += [order["id"] for order in reply.json()]
        if 'rel="next"' not in reply.headers.get("Link", ""):
            break
        page += 1
    expect(seen == made and reply.headers["X-WP-Total"] == "23" and reply.headers["X-WP-TotalPages"] == "5", "paging sees every order once")
    expect([order["id"] for order in shop.get("orders", include=f"{made[3]},{made[1]}", orderby="include")] == [made[3], made[1]], "orders are read by their numbers")
    since = shop.get(f"orders/{made[0]}")["date_modified_gmt"]
    changed = shop.get("orders", modified_after="2026-01-01T00:00:00", dates_are_gmt="true", per_page=100, orderby="modified", order="asc", status="any")
    expect(made[0] in [order["id"] for order in changed] and since is not None, "orders are listed by their time of change")
    expect(shop.get("orders", after="2126-01-01T00:00:00") == [], "nothing is from the future")


def refunds(shop, order):
    mug = order["line_items"][0]
    given = shop.make(f"orders/{order['id']}/refunds", {"reason": "damaged", "api_refund": False, "line_items": [
        {"id": mug["id"], "quantity": 1, "refund_total": 16.2, "refund_tax": [{"id": 7, "refund_total": 1.34}]}]})
    expect(given["amount"] == "17.54" and given["line_items"][0]["total"] == "-16.20", "a piece comes back with its tax")
    expect(shop.get(f"orders/{order['id']}")["refunds"][0]["total"] == "-17.54", "the order shows its refund")
    expect([one["id"] for one in shop.get("refunds") if one["parent_id"] == order["id"]] == [given["id"]], "all refunds are listed with their orders")
    much = shop.ask("post", f"orders/{order['id']}/refunds", {"amount": "50.00", "api_refund": False}, code=500).json()
    expect(much["message"] == "Invalid refund amount.", "more than what is left is refused")
    rest = shop.ask("put", f"orders/{order['id']}", {"status": "refunded"}).json()
    expect(sum(Decimal(one["total"]) for one in rest["refunds"]) == Decimal("-66.89"), "a refunded order has all of it back")


def others(shop):
    customer = shop.make("customers", {"email": "ida@example.com", "first_name": "Ida"})
    expect(shop.get("customers", email="ida@example.com")[0]["id"] == customer["id"], "a customer is found by address")
    expect(shop.ask("post", "customers", {"email": "ida@example.com"}, code=400).json()["code"] == "registration-error-email-exists", "an address is used once")
    expect(shop.get("products", sku="MUG-01")[0]["id"] == 93, "a product is found by its sku")
    stock = shop.ask("put", "products/93", {"stock_quantity": 40}).json()
    expect(stock["stock_quantity"] == 40 and stock["stock_status"] == "instock", "stock is written")
    both = [{"name": "One", "sku": "ONE"}, {"name": "Two", "sku": "ONE"}]
    batch = shop.ask("post", "products/batch", {"create": both, "delete": [96]}, code=200).json()
    expect(batch["create"][1]["error"]["code"] == "product_invalid_sku" and batch["delete"][0]["id"] == 96, "a batch does each for itself")
    expect("stripe" in [gateway["id"] for gateway in shop.get("payment_gateways")], "payment gateways are listed")


def mistakes(shop, base):
    def code(method, path, status, data=None, **params):
        return shop.ask(method, path, data, code=status, **params).json()["code"]

    expect(code("get", "orders/999999", 404) == "woocommerce_rest_shop_order_invalid_id", "an order that is not there")
    expect(code("get", "orders", 400, per_page=101) == "rest_invalid_param", "too large a page")
    expect(code("post", "orders", 400, {"line_items": [{"quantity": 1}]}) == "woocommerce_rest_required_product_reference", "a line of nothing")
    expect(code("get", "nothing", 404) == "rest_no_route", "a route that is none")
    wrong_secret = Shop(base, "prairie", 1, secret="cs_wrong").ask("get", "orders", code=401).json()
    expect(wrong_secret["message"] == "Invalid signature - provided signature does not match.", "a wrong secret")
    reader = Shop(base, "prairie", 1, right=2)
    expect(reader.ask("post", "orders", {}, code=401).json()["code"] == "woocommerce_rest_authentication_error", "a key that only reads")
    expect(reader.ask("get", "orders", code=200).ok, "a key that reads")
    expect(Shop(base, "thames", 1).ask("get", "orders", code=401).json()["message"] == "Consumer key is invalid.", "another shop's key")


def money(world, shops):
    rows = world.call("GET", "/money?source=woocommerce")["money"]
    for shop in shops:
        expected = sum(row["minor"] for row in rows if row["account"] == shop.name and row["kind"] in ("charge", "refund"))
        shown, page = Decimal(0), 1
        while True:
            found = shop.get("orders", status="any", per_page=100, page=page)
            if not found:
                break
            for order in found:
                if order["date_paid_gmt"]:
                    shown += Decimal(order["total"]) + sum(Decimal(one["total"]) for one in order["refunds"])
            page += 1
        expect(expected == shown * 100, f"{shop.name}: the orders say {shown}, the books {expected}")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    base = sys.argv[1].rstrip("/")
    world, intake = World(base), Intake()
    prairie, thames, liffey = Shop(base, "prairie", 1), Shop(base, "thames", 2), Shop(base, "liffey", 3)
    for topic in ("order.created", "order.updated", "order.deleted", "product.updated", "customer.created"):
        made = prairie.make("webhooks", {"name": topic, "topic": topic, "delivery_url": intake.url, "secret": SECRET})
        expect("secret" not in made and made["status"] == "active", "a webhook never shows its secret")
    identity(prairie, thames)
    order = orders(prairie)
    pages(prairie, world)
    refunds(prairie, order)
    others(prairie)
    mistakes(prairie, base)
    bowls = thames.get(f"orders/{world.happens('placed', shop='thames', items=[{'sku': 'BOWL-1', 'quantity': 3}], shipping='4.125')['order']}")
    expect((bowls["total"], bowls["total_tax"]) == ("34.92", "5.81"), "three bowls at 9.99 and 4.95 of shipping are 34.92")
    once = liffey.get(f"orders/{world.happens('placed', shop='liffey', items=[{'sku': s, 'quantity': 1} for s in ('NOTE-1', 'MARK-1', 'PAPER')])['order']}")
    expect((once["total"], once["total_tax"]) == ("8.39", "1.32"), "taxes rounded once an order leave 8.39 as it is")
    gone = world.happens("placed", shop="prairie", items=[{"sku": "MUG-01", "quantity": 1}], pays=False)["order"]
    prairie.ask("delete", f"orders/{gone}", code=200)
    money(world, (prairie, thames, liffey))
    expect(intake.wait_for("order.created", "order.updated", "order.deleted", "product.updated", "customer.created"), "every kind of webhook arrives")
    expect(intake.forged == 0, f"{intake.forged} webhooks were not signed as the vendor signs")
    expect(intake.pings == 5, f"{intake.pings} pings, not 5")
    expect({"id": gone} in [body for topic, body in intake.seen if topic == "order.deleted"], "what goes into the bin is told by its number")
    hook = prairie.get("webhooks", status="active")
    expect(len(hook) == 5, "five webhooks are active")
    for one in hook:
        prairie.ask("delete", f"webhooks/{one['id']}", code=200, force="true")
    print(f"  woocommerce 3.0.0: {len(intake.seen)} webhooks verified, {len(wrong)} expectations not met")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
