#!/usr/bin/env python3
"""Lets the community SDK of Sage Intacct work on the twin, as an integration would.

usage: work_on_sage_intacct.py SANDBOX

SANDBOX is the address of a `counterfoil sandbox` that nobody else works on. With sageintacctsdk it signs in at an entity and at the top, creates
customers and pages through them, posts invoices, bills, a journal entry and a payment, meets the errors it must meet, and compares what it sees
with the twin's own books. Prints what differs; status 1 when anything does.
"""
import base64
import json
import sys
import urllib.request

from sageintacctsdk import SageIntacctSDK
from sageintacctsdk.apis.api_base import ApiBase
from sageintacctsdk.exceptions import InvalidTokenError, NoPrivilegeError, WrongParamsError

SENDER = ("counterfoil_partner", "partner-secret-7")
USER = ("ws_user", "Lakeside-sandbox", "ws-user-secret-3")
CUSTOMERS = 12
DAY = {"year": "2026", "month": "11", "day": "20"}


def aim(url):
    """The SDK has the gateway's address in every object, and no parameter for it."""
    begin = ApiBase.__init__

    def aimed(self, *args, **kwargs):
        begin(self, *args, **kwargs)
        self._ApiBase__api_url = url

    ApiBase.__init__ = aimed


class Work:
    def __init__(self, sandbox):
        self.sandbox = sandbox
        self.differences = []
        self.sdk = self.connect()

    def connect(self, entity="100", user=USER, sender=SENDER, private=False):
        return SageIntacctSDK(sender[0], sender[1], user[0], user[1], user[2], entity_id=entity, show_private=private)

    def same(self, what, seen, wanted):
        if seen != wanted:
            self.differences.append(f"{what} is {seen!r}, not {wanted!r}")

    def refused(self, what, kind, words, work):
        try:
            work()
        except kind as error:
            if words not in str(error):
                self.differences.append(f"{what} was refused with {error}")
            return
        self.differences.append(f"{what} was not refused")

    def run(self):
        self.identity()
        self.masters()
        self.customers()
        keys = self.trade()
        self.errors(keys)
        self.books(keys)
        return self.differences

    def identity(self):
        self.refused("a wrong sender", WrongParamsError, "Incorrect Intacct XML Partner ID or password.", lambda: self.connect(sender=(SENDER[0], "wrong")))
        self.refused("a wrong password", InvalidTokenError, "Sign-in information is incorrect", lambda: self.connect(user=(USER[0], USER[1], "wrong")))
        self.refused("an unknown company", InvalidTokenError, "XMLGW_JPP0002", lambda: self.connect(user=(USER[0], "Nowhere", USER[2])))
        reader = self.connect(user=("ws_reader", USER[1], USER[2]))
        self.refused("a reader's write", NoPrivilegeError, "You do not have permission for API", lambda: reader.classes.post({"CLASSID": "X", "NAME": "x"}))

    def masters(self):
        sdk = self.sdk
        accounts = sdk.accounts.get_all()
        self.same("the accounts", (len(accounts), accounts[0]["ACCOUNTNO"], accounts[0]["TITLE"]), (30, "1000", "Checking"))
        self.same("an account by its number", sdk.accounts.get("ACCOUNTNO", "4000")["glaccount"]["TITLE"], "Sales")
        for name, api, field, wanted in [
            ("locations", sdk.locations, "LOCATIONID", ["100", "200", "110"]), ("entities", sdk.location_entities, "LOCATIONID", ["100", "200"]),
            ("departments", sdk.departments, "DEPARTMENTID", ["10", "20"]), ("classes", sdk.classes, "CLASSID", ["WEB", "STORE"]),
            ("items", sdk.items, "ITEMID", ["MUG", "GLASS", "SHIP"]), ("projects", sdk.projects, "PROJECTID", ["P-1"]),
            ("vendors", sdk.vendors, "VENDORID", ["V100", "V200"]), ("tax solutions", sdk.tax_solutions, "SOLUTIONID", ["UK VAT"]),
            ("bank accounts", sdk.checking_accounts, "BANKACCOUNTID", ["BOA", "CASH", "SHOPIFY", "PAYPAL", "BARC"]),
        ]:
            self.same(f"the {name}", [row[field] for row in api.get_all()], wanted)
        self.same("the tax details", len(sdk.tax_details.get_all()), 5)
        self.same("the contacts", len(sdk.contacts.get_all()), 4)
        self.same("a vendor", sdk.vendors.get("NAME", "Pottery supplies")["VENDOR"][0]["VENDORID"], "V100")
        names = [row["objectName"] for row in sdk.dimensions.get_all()]
        self.same("the dimensions", "DEPARTMENT" in names and "CLASS" in names, True)
        types = [row["@typename"] for row in sdk.dimensions.get_objects()["type"]]
        self.same("the objects", "ARINVOICE" in types, True)
        self.same("a lookup", sdk.ar_invoices.get_lookup()["Type"]["@Name"], "ARINVOICE")

    def customers(self):
        api = self.sdk.customers
        made = [api.post({"CUSTOMERID": f"S{n:02}", "NAME": f"Möller & Söhne {n:02}"})["data"]["customer"] for n in range(CUSTOMERS)]
        self.same("the first made", made[0]["CUSTOMERID"], "S00")
        self.same("the count", api.count(None), CUSTOMERS + 2)
        api._ApiBase__pagesize = 5
        self.same("what pages give", len({row["CUSTOMERID"] for row in api.get_all()}), CUSTOMERS + 2)
        self.same("what a generator gives", sum(len(page) for page in api.get_all_generator()), CUSTOMERS + 2)
        found = api.get_by_query(fields=["CUSTOMERID", "NAME"], and_filter=[("like", "CUSTOMERID", "S%"), ("greaterthan", "CUSTOMERID", "S07")])
        self.same("what a filter gives", [row["CUSTOMERID"] for row in found], ["S08", "S09", "S10", "S11"])
        self.same("a name with an ampersand", found[0]["NAME"], "Möller & Söhne 08")
        api.update({"RECORDNO": made[3]["RECORDNO"], "NAME": "Renamed", "DISPLAYCONTACT": {"EMAIL1": "r@example.com"}})
        row = api.get("CUSTOMERID", "S03", ["NAME", "DISPLAYCONTACT.EMAIL1"])["customer"]
        self.same("what was renamed", row, {"NAME": "Renamed", "DISPLAYCONTACT.EMAIL1": "r@example.com"})
        api.delete(made[11]["RECORDNO"])
        self.same("what is left", api.count(None), CUSTOMERS + 1)

    def invoice(self, number, **more):
        lines = [{"glaccountno": "4000", "amount": "39.98", "memo": "Blue mug x2"}, {"glaccountno": "2200", "amount": "3.20"}]
        body = {"customerid": "C100", "datecreated": DAY, "termname": "N30", "action": "Submit", "invoiceno": number, "description": "cf:0123456789abcdef order 1001"}
        return self.sdk.ar_invoices.post({**body, **more, "invoiceitems": {"lineitem": lines}})["key"]

    def trade(self):
        sdk = self.sdk
        invoice = self.invoice("SHOP-1001")
        details = {"ARPYMTDETAIL": {"RECORDKEY": invoice, "TRX_PAYMENTAMOUNT": "40.00"}}
        payment = sdk.ar_payments.post({
            "PAYMENTMETHOD": "EFT", "FINANCIALENTITY": "SHOPIFY", "DOCNUMBER": "ch_77", "DESCRIPTION": "cf:zzzz456789abcdef", "CUSTOMERID": "C100",
            "RECEIPTDATE": "11/21/2026", "PAYMENTDATE": "11/21/2026", "ARPYMTDETAILS": details})["data"]["arpymt"]["RECORDNO"]
        row = sdk.ar_invoices.get_all("RECORDID", "SHOP-1001")[0]
        self.same("the invoice", (row["RECORDNO"], row["STATE"], row["TOTALENTERED"], row["TOTALDUE"]), (invoice, "Partially Paid", "43.18", "3.18"))
        self.same("its lines", [line["TRX_AMOUNT"] for line in sdk.ar_invoice_items.get_all("RECORDKEY", invoice)], ["39.98", "3.2"])
        self.same("the payment", [row["TRX_TOTALENTERED"] for row in sdk.ar_payments.get_all("DOCNUMBER", "ch_77")], ["40"])
        bill = sdk.bills.post({
            "VENDORID": "V100", "WHENCREATED": "11/20/2026", "WHENDUE": "12/20/2026", "RECORDID": "B-1",
            "APBILLITEMS": {"APBILLITEM": [{"ACCOUNTNO": "6000", "TRX_AMOUNT": "9.45"}]}})["data"]["apbill"]["RECORDNO"]
        self.same("the bills", [row["RECORDID"] for row in sdk.bills.get_all()], ["B-1"])
        sdk.attachments.create_attachments_folder({"supdocfoldername": "Orders"})
        file = {"attachmentname": "order", "attachmenttype": "txt", "attachmentdata": base64.b64encode(b"1001").decode()}
        sdk.attachments.post({"supdocid": "AT1", "supdocfoldername": "Orders", "attachments": {"attachment": file}})
        self.same("the attachment", sdk.attachments.get_attachment("supdocid", "AT1")["data"]["supdoc"]["supdocid"], "AT1")
        sdk.bills.update_attachment(bill, "AT1")
        journal = sdk.journal_entries.post({
            "JOURNAL": "GJ", "BATCH_DATE": "11/22/2026", "BATCH_TITLE": "Payout 55", "REFERENCENO": "cf:1123456789abcdef", "ENTRIES": {"GLENTRY": [
                {"ACCOUNTNO": "1000", "TR_TYPE": "1", "TRX_AMOUNT": "38.70"}, {"ACCOUNTNO": "6200", "TR_TYPE": "1", "TRX_AMOUNT": "1.30"},
                {"ACCOUNTNO": "1050", "TR_TYPE": "-1", "TRX_AMOUNT": "40.00"}]}})["data"]["glbatch"]["RECORDNO"]
        self.same("the entries", [row["REFERENCENO"] for row in sdk.journal_entries.get_all()], ["cf:1123456789abcdef"])
        self.same("the ledger's detail", sdk.gl_detail.count("ACCOUNTNO", "1050"), 2)
        return invoice, payment, bill, journal

    def errors(self, keys):
        sdk = self.sdk
        self.refused("an invoice number used twice", WrongParamsError, "already exists", lambda: self.invoice("SHOP-1001"))
        self.refused("an unknown customer", WrongParamsError, "Invalid customer 'C999' specified.", lambda: self.invoice("X-1", customerid="C999"))
        old = {"year": "2026", "month": "10", "day": "1"}
        self.refused("a closed period", WrongParamsError, "within a period that's been closed", lambda: self.invoice("X-2", datecreated=old))
        self.refused("deleting a paid invoice", WrongParamsError, "is paid or partly paid", lambda: sdk.ar_invoices.delete(keys[0]))
        self.refused("an unknown field", WrongParamsError, "DL02000001", lambda: sdk.customers.get_all(fields=["NOTHING"]))
        self.refused("a customer made twice", WrongParamsError, "BL34000061", lambda: sdk.customers.post({"CUSTOMERID": "S00", "NAME": "again"}))
        self.refused("elements out of order", WrongParamsError, "XL03000003", lambda: sdk.ar_invoices.post({"datecreated": DAY, "customerid": "C100"}))
        self.same("another entity's invoices", self.connect("200").ar_invoices.count(None), 0)
        self.same("private invoices at the top", (self.connect(None).ar_invoices.count(None), self.connect(None, private=True).ar_invoices.count(None)), (0, 1))

    def books(self, keys):
        with urllib.request.urlopen(f"{self.sandbox}/_sandbox/entries?ledger=intacct", timeout=30) as answer:
            entries = [e for e in json.load(answer)["entries"] if e["id"].startswith("Lakeside-sandbox/") and e["live"]]
        for entry in entries:
            self.same(f"the balance of {entry['id']}", sum(line["base_minor"] for line in entry["lines"]), 0)
        wanted = [
            ("invoice", "0123456789abcdef", [("1200", 4318), ("2200", -320), ("4000", -3998)]), ("payment", "zzzz456789abcdef", [("1050", 4000), ("1200", -4000)]),
            ("bill", "", [("2000", -945), ("6000", 945)]), ("journal", "1123456789abcdef", [("1000", 3870), ("1050", -4000), ("6200", 130)]),
        ]
        for key, (kind, reference, lines) in zip(keys, wanted):
            mine = next((e for e in entries if e["id"].endswith(f"/{key}") and e["kind"] == kind), {})
            self.same(f"the {kind} in the books", (mine.get("key"), sorted((l["account"], l["minor"]) for l in mine.get("lines", []))), (reference, lines))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sandbox = sys.argv[1].rstrip("/")
    aim(sandbox + "/intacct/ia/xml/xmlgw.phtml")
    differences = Work(sandbox).run()
    print(f"  sageintacctsdk, Sage Intacct XML 3.0: {len(differences)} differences")
    for line in differences[:50]:
        print("DIFFERS " + line)
    print(f"{len(differences)} differences")
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
