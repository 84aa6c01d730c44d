"""The peer of parsing: orjson, reading what the Shopify connector reads, money summed exactly. usage: orjson_read.py FILE SECONDS"""
import sys
import time

import orjson


def minor(text):
    return int(text.replace(".", ""))


def taxes(line):
    total = 0
    for tax in line["tax_lines"]:
        if tax["title"] is None or tax["rate"] is None or tax["channel_liable"]:
            raise ValueError
        total += minor(tax["price_set"]["shop_money"]["amount"])
    return total


KEYS = ("name", "currency", "presentment_currency", "created_at", "processed_at", "updated_at", "cancelled_at", "cancel_reason", "source_name", "po_number")


def check(raw):
    root = orjson.loads(raw)
    texts = 0
    for key in KEYS:
        text = root[key]
        if text is not None:
            texts += len(text)
    address = root["shipping_address"] or root["billing_address"]
    texts += len(address["country_code"]) + len(address["province_code"])
    if not texts or not root["id"] or root["taxes_included"] or root["tax_exempt"] or root["test"] or root["refunds"]:
        raise ValueError
    if minor(root["total_tip_received"]) != 0 or minor(root["total_line_items_price"]) <= 0:
        raise ValueError
    total = 0
    for line in root["line_items"]:
        quantity = line["quantity"]
        if not line["id"] or line["title"] is None or line["sku"] is None or line["current_quantity"] != quantity or line["gift_card"] or line["variant_id"] is None:
            raise ValueError
        total += minor(line["price_set"]["shop_money"]["amount"]) * quantity
        for part in line["discount_allocations"]:
            total -= minor(part["amount_set"]["shop_money"]["amount"])
        total += taxes(line)
    for line in root["shipping_lines"]:
        if not line["id"] or line["title"] is None or line["discount_allocations"]:
            raise ValueError
        total += minor(line["price_set"]["shop_money"]["amount"]) + taxes(line)
    if total != minor(root["total_price_set"]["shop_money"]["amount"]):
        raise ValueError


def main():
    with open(sys.argv[1], "rb") as file:
        orders = file.read().splitlines()
    for raw in orders:
        check(raw)
    limit = float(sys.argv[2])
    count = 0
    begin = now = time.process_time()
    while now - begin < limit:
        for raw in orders:
            check(raw)
        count += len(orders)
        now = time.process_time()
    print(f"documents_per_second {count / (now - begin):.0f}")


main()
