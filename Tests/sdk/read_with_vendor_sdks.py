#!/usr/bin/env python3
"""Reads what Counterfoil posted with the vendors' own SDKs, and compares it with what Counterfoil says it posted.

usage: read_with_vendor_sdks.py var/up.json

The file is the one that `counterfoil up` writes once a day was played: console, sandbox, api_key. intuit-oauth and python-quickbooks read the
QuickBooks Online twin, xero-python the Xero twin, each with tokens from the twin's own consent page and token endpoint, page by page. Every
posting must be there once, under its key, with its total, date and currency; nothing else of ours may be there. Exit status 1 on a difference.

Connecting a second time takes QuickBooks Online's refresh token from whoever connected before, as at the vendor's: run this last.
"""

import json
import sys
import time
import urllib.parse
import urllib.request
import uuid
from collections import defaultdict
from decimal import Decimal

from quickbooks.objects import CreditMemo, Invoice, JournalEntry, Payment
from rehearsal import TRIES_MOST, connect_quickbooks, connect_xero
from xero_python.exceptions import HTTPStatusException

PAGE = 20
PAGES_MOST = 10_000
LIVE = ("posted", "confirmed", "reconciled")


class Document:
    """A document of ours as a ledger shows it, or as Counterfoil means it."""

    def __init__(self, key, forms, minor, date, currency, live=True):
        self.key, self.forms, self.minor, self.date, self.currency, self.live = key, forms, minor, date, currency, live


def minor(amount):
    scaled = Decimal(str(amount)) * 100
    if scaled != scaled.to_integral_value():
        raise SystemExit(f"{amount} is no amount of two decimals")
    return int(scaled)


def key_of(note):
    """`cf:<PostKey> order 612...` -> PostKey; None for what is not ours."""
    return note[3:19] if (note or "").startswith("cf:") else None


def read_quickbooks(base):
    client = connect_quickbooks(base)

    def pages(kind):
        start = 1
        for _ in range(PAGES_MOST):
            page = kind.all(order_by="Id", start_position=start, max_results=PAGE, qb=client)
            yield from page
            if len(page) < PAGE:
                return
            start += PAGE

    def currency(item):
        return item.CurrencyRef.value if getattr(item, "CurrencyRef", None) else "USD"

    out = []
    for kind, forms in ((Invoice, {"invoice"}), (CreditMemo, {"credit_note"}), (Payment, {"payment"})):
        for item in pages(kind):
            note = item.PrivateNote or ""
            if key := key_of(note.removeprefix("Voided - ")):
                voided = note.startswith("Voided") and item.TotalAmt == 0
                out.append(Document(key, forms, minor(item.TotalAmt), item.TxnDate, currency(item), not voided))
    for item in pages(JournalEntry):
        if key := key_of(item.PrivateNote):
            debits = [line.Amount for line in item.Line if line.JournalEntryLineDetail.PostingType == "Debit"]
            out.append(Document(key, {"payment", "refund_payment", "journal"}, minor(sum(debits)), item.TxnDate, currency(item)))
    return out


def read_xero(base):
    api, tenant = connect_xero(base)

    def patiently(read, number):
        """The product may have spent the minute's sixty calls just before."""
        for _ in range(TRIES_MOST):
            try:
                return read(tenant, page=number, page_size=PAGE)
            except HTTPStatusException as problem:
                if problem.status != 429:
                    raise
                time.sleep(min(int((problem.headers or {}).get("Retry-After", 1)), 60))
        raise SystemExit("Xero's limit does not free up")

    def pages(read, member):
        for number in range(1, PAGES_MOST):
            page = getattr(patiently(read, number), member) or []
            yield from page
            if len(page) < PAGE:
                return

    def text(value):
        return getattr(value, "value", value)

    out = []
    for read, member, number, forms in ((api.get_invoices, "invoices", "invoice_number", {"invoice"}),
                                        (api.get_credit_notes, "credit_notes", "credit_note_number", {"credit_note"})):
        for item in pages(read, member):
            if key := key_of(item.reference):
                if getattr(item, number) != key:
                    raise SystemExit(f"{key}: its number is {getattr(item, number)}")
                out.append(Document(key, forms, minor(item.total), str(item.date), text(item.currency_code), text(item.status) not in ("VOIDED", "DELETED")))
    for item in pages(api.get_payments, "payments"):
        if key := key_of(item.reference):
            owner = item.invoice if item.invoice and item.invoice.invoice_id else item.credit_note
            out.append(Document(
                key, {"payment", "refund_payment"}, minor(item.amount), str(item.date), text(owner.currency_code) if owner else None,
                text(item.status) != "DELETED"))
    return out


class Counterfoil:
    """Our own API, for what ought to be there."""

    def __init__(self, base, key):
        self.base, self.key = base, key

    def get(self, path):
        request = urllib.request.Request(self.base + path, headers={"Authorization": "Bearer " + self.key, "Accept": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.load(reply)

    def items(self, path):
        cursor = ""
        for _ in range(PAGES_MOST):
            page = self.get(f"{path}?limit=200" + (f"&cursor={urllib.parse.quote(cursor)}" if cursor else ""))
            yield from page["items"]
            cursor = page.get("next")
            if not cursor:
                return


def compare(name, report, postings, found):
    """Every difference, in words."""
    out = []
    by_key = defaultdict(list)
    for document in found:
        by_key[document.key].append(document)
    meant = {p["post_key"]: p for p in postings if p["state"] in LIVE and p["effect"] == "post"}
    sums = defaultdict(lambda: [0, 0, 0, 0])
    for key, posting in meant.items():
        cell = sums[posting["form"], posting["currency"]]
        cell[0] += 1
        cell[1] += posting["total_minor"]
        there = [d for d in by_key[key] if d.live]
        if len(there) != 1:
            out.append(f"{posting['form']} {posting['reference']} ({key}): {len(there)} documents")
            continue
        document = there[0]
        cell[2] += 1
        cell[3] += document.minor
        if posting["form"] not in document.forms:
            out.append(f"{key}: a {posting['form']} is found as {sorted(document.forms)}")
        for field, wanted, seen in (("total", posting["total_minor"], document.minor), ("date", posting["date"], document.date),
                                    ("currency", posting["currency"], document.currency or posting["currency"])):
            if wanted != seen:
                out.append(f"{posting['form']} {posting['reference']} ({key}): {field} is {seen}, ought to be {wanted}")
    for document in found:
        if document.live and document.key not in meant:
            out.append(f"{document.key}: {document.minor} {document.currency} of {document.date} is in the ledger, but Counterfoil does not say so")
    # A payment that had to change stands twice in the ledger, deleted and written anew, under one key.
    keys = {document.key for document in found}
    if len(keys) != report["posted"]:
        out.append(f"the SDK sees {len(keys)} documents of ours, voided ones included; the result table says {report['posted']} posted")
    for (form, currency), (n, total, seen_n, seen_total) in sorted(sums.items()):
        mark = "" if (n, total) == (seen_n, seen_total) else "   DIFFERS"
        print(f"  {name:12} {form:16} {currency} {n:6} of {total / 100:14,.2f}   SDK {seen_n:6} of {seen_total / 100:14,.2f}{mark}")
    if not meant:
        out.append("nothing was posted")
    return [f"{name}: {line}" for line in out]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        up = json.load(file)
    ours = Counterfoil(up["console"], up["api_key"])
    readers = {"quickbooks-online": read_quickbooks, "xero": read_xero}
    differences, seen = [], set()
    tenants = ours.get("/v1/report")["tenants"]
    for report in tenants:
        reader = readers.get(report["ledger"])
        seen.add(report["ledger"])
        if reader is None:
            differences.append(f"{report['slug']}: no SDK reads {report['ledger']}")
            continue
        tenant = f"/v1/tenants/{uuid.UUID(report['tenant'])}"
        # Two of them keep books on one platform, each in a company of its own.
        base = next(c["base_url"] for c in ours.items(f"{tenant}/connections") if c["platform"] == report["ledger"])
        differences += compare(report["slug"], report, list(ours.items(f"{tenant}/postings")), reader(base))
    differences += [f"no tenant posts into {name}" for name in readers if name not in seen]
    for line in differences[:50]:
        print("DIFFERS " + line)
    print(f"{len(differences)} differences")
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
