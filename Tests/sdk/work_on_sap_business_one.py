#!/usr/bin/env python3
"""Lets two community clients of SAP Business One's Service Layer work on the twin, as an integration would.

usage: work_on_sap_business_one.py SANDBOX

SANDBOX is the address of a `counterfoil sandbox` that nobody else works on. SAPB1SL works below /b1s/v1, pyb1slayer below /b1s/v2: each logs in,
creates customers and pages through them, posts orders, invoices, credit notes, payments and a journal entry, cancels, meets the errors it must
meet, and compares what it sees with the twin's own books. pyb1slayer's batches and the session that ends are tried too. Prints what differs;
status 1 when anything does.
"""
import asyncio
import json
import re
import sys
import urllib.request
from importlib.metadata import version

import requests
from pyb1slayer import SLAuthError, SLConnection, SLRequestError
from pyb1slayer.batch import SLBatchRequest, build_batch_with_changeset
from SAPB1SL import SAPB1SL, AuthenticationError, SAPRequestError

USER = ("manager", "b1-manager-7")
BANK, SALES, RECEIVABLE, TAX, FREIGHT = (f"_SYS{n:011}" for n in (3, 12, 6, 9, 13))
CUSTOMERS = 45
LINES = [{"ItemCode": "A00001", "Quantity": 2, "UnitPrice": 19.99, "TaxCode": "CA"}, {"ItemCode": "SHIP", "Quantity": 1, "UnitPrice": 5.0, "TaxCode": "EX"}]


def sale(number, **more):
    return {"CardCode": "C20000", "DocDate": "2026-11-20", "DocDueDate": "2026-12-20", "NumAtCard": number, "DocumentLines": LINES, **more}


def payment(invoice, amount, **more):
    applied = [{"DocEntry": invoice, "InvoiceType": "it_Invoice", "SumApplied": amount}]
    return {"DocType": "rCustomer", "CardCode": "C20000", "DocDate": "2026-11-21", "TransferAccount": BANK, "TransferSum": amount, "PaymentInvoices": applied, **more}


class Work:
    """What both clients do; each has its own way to say it."""

    def __init__(self, sandbox, company):
        self.sandbox = sandbox
        self.company = company
        self.differences = []

    def same(self, what, seen, wanted):
        if seen != wanted:
            self.differences.append(f"{self.company}: {what} is {seen!r}, not {wanted!r}")

    def books(self, wanted):
        with urllib.request.urlopen(f"{self.sandbox}/_sandbox/entries?ledger=sapb1", timeout=30) as answer:
            entries = [e for e in json.load(answer)["entries"] if e["id"].startswith(self.company + "/")]
        for entry in entries:
            self.same(f"the balance of {entry['id']}", sum(line["base_minor"] for line in entry["lines"]), 0)
        for id, (kind, live, lines) in wanted.items():
            mine = next((e for e in entries if e["id"] == f"{self.company}/{id}"), {})
            seen = (mine.get("kind"), mine.get("live"), sorted((l["account"], l["minor"]) for l in mine.get("lines", [])))
            self.same(f"{id} in the books", seen, (kind, live, sorted(lines)))


class OldWork(Work):
    """SAPB1SL: OData 3. It reads every answer as JSON, so what is answered with nothing is asked through its session."""

    def client(self, password=USER[1]):
        return SAPB1SL(f"{self.sandbox}/sapb1/b1s/v1", USER[0], password, self.company)

    def refused(self, what, kind, words, work):
        try:
            work()
        except kind as error:
            if words not in str(error):
                self.differences.append(f"{self.company}: {what} was refused with {error}")
            return
        self.differences.append(f"{self.company}: {what} was not refused")

    def silently(self, method, path, **body):
        answer = self.sl.session.request(method, f"{self.sl.base_url}/{path}", json=body)
        self.same(f"{method} {path}", (answer.status_code, answer.text), (204, ""))

    def run(self):
        self.refused("a wrong password", AuthenticationError, "Login failed", lambda: self.client("wrong"))
        self.sl = self.client()
        self.masters()
        self.trade()
        self.errors()
        self.session()
        return self.differences

    def masters(self):
        sl = self.sl
        for n in range(CUSTOMERS):
            made = sl.post("BusinessPartners", {"CardCode": f"S{n:02}", "CardName": f"Möller & Söhne {n:02}", "CardType": "cCustomer"})
        self.same("the last made", made["CardName"], f"Möller & Söhne {CUSTOMERS - 1:02}")
        seen, path = [], "BusinessPartners?$select=CardCode&$filter=startswith(CardCode,'S')&$orderby=CardCode desc"
        while path:
            page = sl.get(path)
            seen += [row["CardCode"] for row in page["value"]]
            path = page.get("odata.nextLink")
        self.same("what pages give", seen, [f"S{n:02}" for n in reversed(range(CUSTOMERS))])
        self.same("a count", sl.get("BusinessPartners", params={"$filter": "startswith(CardCode,'S')", "$inlinecount": "allpages"})["odata.count"], str(CUSTOMERS))
        self.silently("PATCH", "BusinessPartners('S00')", CardName="Renamed")
        self.same("what was renamed", sl.get("BusinessPartners('S00')")["CardName"], "Renamed")
        self.silently("DELETE", "BusinessPartners('S01')")
        self.refused("a customer that is gone", SAPRequestError, "No matching records found (ODBC -2028)", lambda: sl.get("BusinessPartners('S01')"))
        self.same("an item", sl.get("Items('A00001')?$select=ItemCode,ItemName")["ItemName"], "Blue mug")

    def trade(self):
        sl = self.sl
        order = sl.post("Orders", sale("SHOP-1000"))
        lines = [{"BaseType": 17, "BaseEntry": order["DocEntry"], "BaseLine": n} for n in (0, 1)]
        invoice = sl.post("Invoices", sale("cf:0123456789abcdef", DocumentLines=lines))
        self.same("the invoice", (invoice["DocTotal"], invoice["VatSum"], invoice["DocDate"], invoice["DocumentStatus"]), (48.28, 3.3, "2026-11-20", "bost_Open"))
        self.same("the order behind it", sl.get(f"Orders({order['DocEntry']})")["DocumentStatus"], "bost_Close")
        paid = sl.post("IncomingPayments", payment(invoice["DocEntry"], 48.28, Remarks="cf:zzzz456789abcdef"))
        found = sl.get("Invoices", params={"$filter": "NumAtCard eq 'cf:0123456789abcdef' and Cancelled eq 'tNO'", "$select": "DocEntry,DocumentStatus"})["value"]
        self.same("what is found", [(row["DocEntry"], row["DocumentStatus"]) for row in found], [(invoice["DocEntry"], "bost_Close")])
        self.silently("POST", f"IncomingPayments({paid['DocEntry']})/Cancel")
        self.silently("POST", f"Invoices({invoice['DocEntry']})/Cancel")
        self.same("the cancelled invoice", sl.get(f"Invoices({invoice['DocEntry']})")["CancelStatus"], "csYes")
        self.books({
            "Invoices/1": ("invoice", False, [(RECEIVABLE, 4828), (SALES, -3998), (TAX, -330), (FREIGHT, -500)]),
            "IncomingPayments/1": ("payment", False, [(BANK, 4828), (RECEIVABLE, -4828)]),
        })

    def errors(self):
        sl = self.sl
        self.refused("a customer made twice", SAPRequestError, "1320000140 - Business partner code 'S00'", lambda: sl.post("BusinessPartners", {"CardCode": "S00"}))
        self.refused("an unknown property", SAPRequestError, "Property 'DocStatus' of 'Document' is invalid", lambda: sl.get("Orders?$select=DocStatus"))
        self.refused("a locked period", SAPRequestError, "Posting period locked", lambda: sl.post("Invoices", sale("x", DocDate="2026-09-01")))
        self.refused("deleting a document", SAPRequestError, "-5006", lambda: sl.delete("Invoices(1)"))
        self.refused("an unknown set", SAPRequestError, "Unrecognized resource path", lambda: sl.get("Nothing"))

    def session(self):
        """A session that ends is followed by a login, once."""
        before = self.sl.session_id
        requests.post(f"{self.sl.base_url}/Logout", headers=self.sl.session.headers, timeout=30)
        self.same("what is read behind a logout", self.sl.get("Items('SHIP')")["ItemName"], "Shipping")
        self.same("the session behind a logout", self.sl.session_id != before, True)


class NewWork(Work):
    """pyb1slayer: OData 4. It reads every answer as JSON too, and `raw_response` is its way around that."""

    async def refused(self, what, words, work, kind=SLRequestError):
        try:
            await work
        except kind as error:
            if words not in str(error):
                self.differences.append(f"{self.company}: {what} was refused with {error}")
            return
        self.differences.append(f"{self.company}: {what} was not refused")

    def connection(self, password=USER[1]):
        return SLConnection(f"{self.sandbox}/sapb1/b1s/v2/", self.company, USER[0], password, max_retries=1, retry_backoff_factor=0)

    async def silently(self, method, path, body=None, headers=None):
        answer = await self.sl._make_request(method, path, json=body, headers=headers, raw_response=True)
        self.same(f"{method} {path}", (answer.status_code, answer.text), (204, ""))

    async def run(self):
        await self.refused("a wrong password", "Login failed", self.connection("wrong").login(), SLAuthError)
        async with self.connection() as self.sl:
            await self.masters()
            await self.trade()
            await self.errors()
            await self.batches()
            await self.metadata()
        return self.differences

    async def masters(self):
        sl = self.sl
        for n in range(CUSTOMERS):
            await sl.request("BusinessPartners").post({"CardCode": f"S{n:02}", "CardName": f"Shop {n:02}", "CardType": "cCustomer"})
        rows = await sl.request("BusinessPartners").select("CardCode").filter("startswith(CardCode,'S')").orderby("CardCode desc").with_page_size(10).get()
        self.same("a page", ([row["CardCode"] for row in rows["value"]][:2], len(rows["value"])), (["S44", "S43"], 10))
        seen, path = len(rows["value"]), rows.get("@odata.nextLink")
        while path:
            page = await sl._make_request("GET", path, headers={"B1S-PageSize": "10"})
            seen, path = seen + len(page["value"]), page.get("@odata.nextLink")
        self.same("what pages give", seen, CUSTOMERS)
        blind = await sl.request("BusinessPartners").filter("contains(CardName,'SHOP 0')").case_insensitive().get()
        self.same("what letters of any size find", len(blind["value"]), 10)
        one = await sl.request("BusinessPartners", "S03").get()
        await self.silently("PATCH", "BusinessPartners('S03')", {"CardName": "Renamed"}, {"If-Match": one["@odata.etag"]})
        await self.refused("an old version", "-2039", sl._make_request("PATCH", "BusinessPartners('S03')", json={"CardName": "x"}, headers={"If-Match": one["@odata.etag"]}))

    async def trade(self):
        sl = self.sl
        invoice = await sl.request("Invoices").post(sale("cf:0123456789abcdef", U_ExtId="SHOP-1"))
        self.same("the invoice", (invoice["DocTotal"], invoice["DocDate"], invoice["U_ExtId"]), (48.28, "2026-11-20T00:00:00Z", "SHOP-1"))
        entry = invoice["DocEntry"]
        note = await sl.request("CreditNotes").post(sale("R-1", DocumentLines=[{"BaseType": 13, "BaseEntry": entry, "BaseLine": 1}]))
        self.same("the credit note", (note["DocTotal"], note["DocumentStatus"]), (5.0, "bost_Close"))
        await sl.request("IncomingPayments").post(payment(entry, 43.28))
        paid = await sl.request("Invoices", entry).select("PaidToDate,DocumentStatus").get()
        self.same("the paid invoice", (paid["PaidToDate"], paid["DocumentStatus"]), (48.28, "bost_Close"))
        lines = [{"AccountCode": BANK, "Debit": 10.0}, {"ShortName": "C20000", "Credit": 10.0}]
        journal = await sl.request("JournalEntries").post({"ReferenceDate": "2026-11-20", "Memo": "Payout 55", "Reference": "PO-55", "JournalEntryLines": lines})
        second = (await sl.request("Invoices").post(sale("SHOP-2")))["DocEntry"]
        proposed = await sl._make_request("POST", f"Invoices({second})/CreateCancellationDocument")
        await sl.request("Invoices").post(proposed)
        live = await sl.request("Invoices").filter("Cancelled eq 'tNO'").select("DocEntry").get()
        self.same("invoices that are not cancelled", [row["DocEntry"] for row in live["value"]], [entry])
        self.books({
            f"Invoices/{entry}": ("invoice", True, [(RECEIVABLE, 4828), (SALES, -3998), (TAX, -330), (FREIGHT, -500)]),
            "CreditNotes/1": ("credit_note", True, [(RECEIVABLE, -500), (FREIGHT, 500)]),
            "IncomingPayments/1": ("payment", True, [(BANK, 4328), (RECEIVABLE, -4328)]),
            f"JournalEntries/{journal['JdtNum']}": ("journal", True, [(BANK, 1000), (RECEIVABLE, -1000)]),
            f"Invoices/{second}": ("invoice", False, [(RECEIVABLE, 4828), (SALES, -3998), (TAX, -330), (FREIGHT, -500)]),
        })

    async def errors(self):
        sl = self.sl
        closed = sale("R-2", DocumentLines=[{"BaseType": 13, "BaseEntry": 1, "BaseLine": 0}])
        await self.refused("a paid base", "One of the base documents has already been closed", sl.request("CreditNotes").post(closed))
        await self.refused("a second payment", "already closed or blocked", sl.request("IncomingPayments").post(payment(1, 1)))
        await self.refused("an unknown customer", "Invalid BP code", sl.request("Invoices").post(sale("x", CardCode="C9")))
        await self.refused("an unknown filter", "Property 'DocStatus' is invalid", sl.request("Orders").filter("DocStatus eq 'O'").get())
        await self.refused("a missing invoice", '"-2028"', sl.request("Invoices", 99).get())

    async def batches(self):
        """What the client builds, sent as it would: of its own sending it leaves the body out."""
        sl, base = self.sl, f"{self.sandbox}/sapb1/b1s/v2/"
        reads = [SLBatchRequest("GET", "Items('A00001')")]
        writes = [SLBatchRequest("POST", "Orders", sale("B-1"), "1"), SLBatchRequest("POST", "Items", {"ItemCode": "i002"}, "2")]
        for changes, wanted in [(writes, ["200", "201", "201"]), (writes, ["200", "400"])]:
            body, boundary = build_batch_with_changeset(reads, changes, base)
            headers = {**sl._build_headers(), "Content-Type": f"multipart/mixed; boundary={boundary}"}
            answer = await sl._client.post(base + "$batch", content=body.encode(), headers=headers)
            self.same("a batch", (answer.status_code, re.findall(r"HTTP/1\.1 (\d+)", answer.text)), (200, wanted))
        found = await sl.request("Orders").filter("NumAtCard eq 'B-1'").get()
        self.same("what is left of both batches", len(found["value"]), 1)

    async def metadata(self):
        text = (await self.sl._make_request("GET", "$metadata", raw_response=True)).text
        for word in ['EntityType="SAPB1.Document" Name="Invoices"', 'Name="U_ExtId"', 'Action IsBound="true" Name="Cancel"']:
            self.same(f"{word} in the metadata", word in text, True)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sandbox = sys.argv[1].rstrip("/")
    differences = []
    for name, found in [
        (f"SAPB1SL {version('SAPB1SL')}, Service Layer v1", OldWork(sandbox, "SBODemoUS-v1").run()),
        (f"pyb1slayer {version('pyb1slayer')}, Service Layer v2", asyncio.run(NewWork(sandbox, "SBODemoUS-v2").run())),
    ]:
        print(f"  {name}: {len(found)} differences")
        differences += found
    for line in differences[:50]:
        print("DIFFERS " + line)
    print(f"{len(differences)} differences")
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
