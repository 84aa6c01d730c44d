#!/usr/bin/env python3
"""Lets the community SDKs of NetSuite work on the twin, as integrations would.

usage: work_on_netsuite.py SANDBOX

SANDBOX is the address of a `counterfoil sandbox` that nobody else works on. With netsuitesdk (zeep) it loads the WSDL, creates, reads, searches and
deletes over SuiteTalk SOAP; with netsuite it works on the same books over the REST record API and SuiteQL, by OAuth 1.0a, and by OAuth 2.0 with a
signed assertion. Then it compares what both see with the twin's own books. Prints what differs; status 1 when anything does.
"""
import asyncio
import json
import logging
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import netsuite
from joserfc import jwt
from joserfc.jwk import ECKey
from netsuite.exceptions import NetsuiteAPIRequestError
from netsuitesdk import NetSuiteConnection
from netsuitesdk.internal.client import NetSuiteClient
from netsuitesdk.internal.exceptions import NetSuiteLoginError, NetSuiteRequestError
from netsuitesdk.internal.utils import PaginatedSearch

ACCOUNT = "1234567_SB1"
CONSUMER = ("ck5f0b1d22a94e6e8c33107b9d4f6a2c", "cs81e2a7c4405d4f9b7e6d13c92f0ab5")
TOKEN = ("tk90c3de6b1f4a5cb2a7481d5e39f60b", "ts27f4b0a9d84c3e91650bc8e7a1d2f3")
CLIENT = "cl64a1f0e7b24d0c95e83c17ab2d9f50"
KEY = """-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgTxKJpLp9hc9QF3dx
qzJBFkZupRGwxPJCVLdnYPjYG3KhRANCAASr5tzbBgY2ZLsgCMxXZt4JI9O4KZFE
p6EeBd5C52CCQ1wRMS1Mr9cd6SaoKmPJQ/QcS7WC+juge+oyx/tP6JZx
-----END PRIVATE KEY-----"""
DIFFERENCES = []


def same(what, seen, wanted):
    if seen != wanted:
        DIFFERENCES.append(f"{what} is {seen!r}, not {wanted!r}")


class Soap:
    """netsuitesdk, one version of the WSDL."""

    def __init__(self, base, version, secret=TOKEN[1]):
        NetSuiteClient.WSDL_URL_TEMPLATE = base + "/wsdl/{wsdl_version}/netsuite.wsdl"
        NetSuiteClient.DATACENTER_URL_TEMPLATE = base + "/services/{netsuite_port_version}"
        self.version = version
        self.connection = NetSuiteConnection(ACCOUNT, *CONSUMER, TOKEN[0], secret, caching=False, page_size=5, wsdl_version=version)
        self.client = self.connection.client

    def name(self, text):
        return f"{text} of {self.version}"

    def refused(self, what, code, work):
        try:
            work()
        except NetSuiteRequestError as error:
            same(self.name(f"the code of {what}"), error.code, code)
            return
        DIFFERENCES.append(f"{self.name(what)} was not refused")

    def run(self):
        self.lists()
        invoice = self.trade()
        self.errors(invoice)
        self.pages()

    def lists(self):
        same(self.name("the currencies"), [c["symbol"] for c in self.connection.currencies.get_all()], ["USD", "GBP", "CAD", "EUR", "JPY"])
        accounts = [a for page in self.connection.accounts.get_all_generator() for a in page]
        same(self.name("the accounts"), (len(accounts), accounts[0]["acctNumber"], accounts[0]["acctType"]), (28, "1000", "_bank"))
        same(self.name("an account by name"), [a["internalId"] for a in self.connection.accounts.search("name", "Checking", "is")], ["101"])
        same(self.name("the subsidiaries"), [s["name"] for s in self.connection.subsidiaries.get_all()], ["Lakeside Outfitters", "Lakeside Outfitters UK"])
        same(self.name("the tax items"), len(self.connection.tax_items.get_all()), 5)
        same(self.name("a customer"), self.connection.customers.get(internalId="412")["entityId"], "Ann Doe")
        items = [i["itemId"] for page in self.connection.items.get_all_generator() for i in page]
        same(self.name("the items"), ("Blue mug" in items, len(items)), (True, 14))
        vendor = {name: {"internalId": value} for name, value in [("currency", "1"), ("subsidiary", "1"), ("representingSubsidiary", None), ("workCalendar", None)]}
        made = self.connection.vendors.post({**vendor, "externalId": f"V-{self.version}", "companyName": f"Vendor {self.version}"})
        same(self.name("the vendor"), self.connection.vendors.get(externalId=f"V-{self.version}")["internalId"], made["internalId"])

    def trade(self):
        ref = self.client.RecordRef
        lines = [{"item": ref(internalId="77"), "quantity": 2, "rate": "19.99", "taxCode": ref(internalId="7")}]
        data = {"externalId": f"S-{self.version}", "entity": {"internalId": "412"}, "memo": f"cf:{self.key} order", "tranDate": "2026-11-14T12:00:00", "itemList": {"item": lines}}
        for _ in range(2):
            invoice = self.connection.invoices.post(data)
        read = self.connection.invoices.get(externalId=f"S-{self.version}")
        same(self.name("the invoice"), (read["internalId"], read["total"], read["amountRemaining"], read["status"]), (invoice["internalId"], 43.18, 43.18, "Open"))
        same(self.name("its line"), [(line["amount"], line["tax1Amt"], line["grossAmt"]) for line in read["itemList"]["item"]], [(39.98, 3.2, 43.18)])
        lines = [{"account": ref(internalId="101"), "debit": 5.5}, {"account": ref(internalId="103"), "credit": 5.5}]
        journal = {"externalId": f"J-{self.version}", "lineList": lines, "subsidiary": {"internalId": "1"}, "memo": "payout", "tranDate": "2026-11-15T12:00:00"}
        self.connection.journal_entries.post(journal)
        same(self.name("the journals"), [j["externalId"] for j in self.connection.journal_entries.get_all_generator() if j["externalId"] == f"J-{self.version}"], [f"J-{self.version}"])
        expense = [{"account": ref(internalId="125"), "amount": 12}]
        bill = {"externalId": f"B-{self.version}", "entity": {"internalId": "421"}, "expenseList": expense, "tranDate": "2026-11-15T12:00:00", "tranId": "8841"}
        self.connection.vendor_bills.post(bill)
        same(self.name("the bill"), self.connection.vendor_bills.get(externalId=f"B-{self.version}")["expenseList"]["expense"][0]["amount"], 12.0)
        apply = [{"doc": int(invoice["internalId"]), "apply": True, "amount": 43.18}]
        memo = {"externalId": f"C-{self.version}", "entity": {"internalId": "412"}, "itemList": {"item": [{"item": ref(internalId="77"), "amount": 43.18}]}}
        self.connection.credit_memos.post({**memo, "applyList": {"apply": apply}})
        same(self.name("the credited invoice"), self.connection.invoices.get(internalId=invoice["internalId"])["status"], "Paid In Full")
        return invoice["internalId"]

    @property
    def key(self):
        return "s0ap0000000" + self.version.replace("_", "")

    def errors(self, invoice):
        line = [{"item": self.client.RecordRef(internalId="9999"), "amount": 1}]
        data = {"externalId": "X", "entity": {"internalId": "412"}, "itemList": {"item": line}}
        self.refused("an unknown item", "INVALID_KEY_OR_REF", lambda: self.connection.invoices.post(data))
        line[0]["item"] = self.client.RecordRef(internalId="77")
        self.refused("a closed period", "TRAN_PERIOD_CLOSED", lambda: self.connection.invoices.post({**data, "tranDate": "2026-10-01T12:00:00"}))
        self.refused("a missing record", "RCRD_DSNT_EXIST", lambda: self.connection.invoices.get(internalId="1"))
        code = "THIS_RECORD_CANNOT_BE_DELETED_BECAUSE_IT_HAS_DEPENDENT_RECORDS"
        self.refused("deleting what is paid", code, lambda: self.connection.invoices.delete(internalId=invoice))
        lines = [{"account": self.client.RecordRef(internalId="101"), "debit": 5}, {"account": self.client.RecordRef(internalId="103"), "credit": 6}]
        unbalanced = {"externalId": "Y", "lineList": lines, "subsidiary": {"internalId": "1"}, "memo": "x"}
        self.refused("a journal that does not balance", "JE_AMOUNTS_MUST_BALANCE", lambda: self.connection.journal_entries.post(unbalanced))

    def pages(self):
        kind = self.client.SearchStringField(searchValue="Invoice", operator="contains")
        search = PaginatedSearch(client=self.client, type_name="Transaction", basic_search=self.client.basic_search_factory("Transaction", recordType=kind))
        seen = []
        for page in range(1, search.total_pages + 1):
            search.goto_page(page)
            seen += [record["internalId"] for record in search.records]
        same(self.name("what pages give"), (len(seen), len(set(seen))), (search.total_records, search.total_records))


class Api(netsuite.NetSuiteRestApi):
    """The REST SDK, pointed at the twin."""

    def __init__(self, base, secret=TOKEN[1], bearer=None):
        auth = netsuite.TokenAuth(consumer_key=CONSUMER[0], consumer_secret=CONSUMER[1], token_id=TOKEN[0], token_secret=secret)
        super().__init__(netsuite.Config(account=ACCOUNT, auth=auth))
        self.base = base
        self.bearer = bearer

    def _make_url(self, subpath):
        return f"{self.base}/services/rest{subpath}"

    def _make_auth(self):
        return (lambda request: bearing(request, self.bearer)) if self.bearer else super()._make_auth()


def bearing(request, token):
    request.headers["Authorization"] = f"Bearer {token}"
    return request


def access_token(base):
    now, url = int(time.time()), base + "/services/rest/auth/oauth2/v1/token"
    claims = {"iss": CLIENT, "scope": "rest_webservices", "aud": url, "iat": now, "exp": now + 600}
    assertion = jwt.encode({"alg": "ES256", "typ": "JWT", "kid": "custcertificate1"}, claims, ECKey.import_key(KEY))
    form = {"grant_type": "client_credentials", "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion": assertion}
    with urllib.request.urlopen(url, urllib.parse.urlencode(form).encode(), timeout=30) as answer:
        return json.load(answer)["access_token"]


async def refused(what, status, code, call):
    try:
        await call
    except NetsuiteAPIRequestError as error:
        text = str(error)
        same(f"the status and code of {what}", (str(status) in text, code in text), (True, True))
        return
    DIFFERENCES.append(f"{what} was not refused")


async def rest(base):
    for way, api in [("OAuth 1.0a", Api(base)), ("OAuth 2.0", Api(base, bearer=access_token(base)))]:
        await work(way, api)
    await refused("a wrong secret", 401, "INVALID_LOGIN", Api(base, secret="wrong").get("/record/v1/currency/1"))


async def work(way, api):
    tag = way[6]
    line = {"item": {"id": "77"}, "quantity": 2, "rate": 19.99, "taxCode": {"id": "7"}}
    body = {"externalId": f"R-{tag}", "entity": {"id": "412"}, "tranDate": "2026-11-14", "memo": f"cf:rest00000000000{tag} order", "item": {"items": [line]}}
    response = await api.request("POST", "/record/v1/invoice", json=body)
    same(f"{way}: the answer to a POST", (response.status_code, response.text), (204, ""))
    id = re.search(r"/record/v1/invoice/(\d+)$", response.headers["location"]).group(1)
    invoice = await api.get(f"/record/v1/invoice/eid:R-{tag}", params={"expandSubResources": "true"})
    same(f"{way}: the invoice", (invoice["id"], invoice["total"], invoice["status"]["refName"], invoice["item"]["totalResults"]), (id, 43.18, "Open", 1))
    await api.patch(f"/record/v1/invoice/{id}", json={"otherRefNum": "#1001"})
    await api.put(f"/record/v1/customer/eid:CUST-{tag}", json={"companyName": f"Customer {tag}", "subsidiary": {"id": "1"}})
    payment = {"customer": {"id": "412"}, "payment": 43.18, "account": {"id": "103"}, "tranDate": "2026-11-15", "apply": {"items": [{"doc": {"id": id}, "apply": True, "amount": 43.18}]}}
    await api.post("/record/v1/customerPayment", json={**payment, "externalId": f"P-{tag}"})
    rows = await api.suiteql(f"SELECT id, otherrefnum, foreigntotal, foreignamountunpaid FROM transaction WHERE externalid = 'R-{tag}'")
    row = {name: value for name, value in rows["items"][0].items() if name != "links"}
    same(f"{way}: SuiteQL", row, {"id": id, "otherrefnum": "#1001", "foreigntotal": "43.18", "foreignamountunpaid": "0"})
    listed = await api.get("/record/v1/invoice", params={"q": f'externalId IS "R-{tag}"', "limit": "5"})
    same(f"{way}: a filter", [item["id"] for item in listed["items"]], [id])
    seen, offset = [], 0
    while True:
        page = await api.suiteql("SELECT id FROM account ORDER BY id", limit=10, offset=offset)
        seen += [item["id"] for item in page["items"]]
        offset += 10
        if not page["hasMore"]:
            break
    same(f"{way}: pages", (len(seen), seen[0], seen[-1]), (28, "101", "128"))
    schema = await api.jsonschema("invoice")
    same(f"{way}: the schema", "tranDate" in schema["properties"], True)
    await refused(f"{way}: a second POST", 400, "This record already exists", api.post("/record/v1/invoice", json=body))
    await refused(f"{way}: an unknown field", 400, "INVALID_CONTENT", api.post("/record/v1/invoice", json={**body, "nothing": 1}))
    await refused(f"{way}: a closed period", 400, "closed posting period", api.post("/record/v1/invoice", json={**body, "externalId": "Z", "tranDate": "2026-10-01"}))
    await refused(f"{way}: a missing record", 404, "NONEXISTENT_ID", api.get("/record/v1/invoice/1"))
    await refused(f"{way}: a query that is none", 400, "INVALID_PARAMETER", api.suiteql("SELECT nothing FROM transaction"))


def books(sandbox, versions):
    with urllib.request.urlopen(f"{sandbox}/_sandbox/entries?ledger=netsuite", timeout=30) as answer:
        entries = json.load(answer)["entries"]
    for entry in entries:
        same(f"the balance of {entry['id']}", sum(line["base_minor"] for line in entry["lines"]), 0)
    keys = {entry["key"]: entry for entry in entries if entry["kind"] == "invoice"}
    wanted = ["s0ap0000000" + version.replace("_", "") for version in versions] + ["rest000000000001", "rest000000000002"]
    for key in wanted:
        lines = sorted((line["account"], line["minor"]) for line in keys.get(key, {}).get("lines", []))
        same(f"the lines of {key}", lines, [("1100", 4318), ("2100", -320), ("4100", -3998)])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    # netsuitesdk warns of every type of the real WSDL that the twin's lacks.
    logging.disable(logging.WARNING)
    sandbox = sys.argv[1].rstrip("/")
    base = sandbox + "/netsuite"
    versions = ["2019_1", "2024_1", "2025_2"]
    for version in versions:
        before = len(DIFFERENCES)
        Soap(base, version).run()
        print(f"  netsuitesdk, SuiteTalk {version}: {len(DIFFERENCES) - before} differences")
    try:
        Soap(base, "2024_1", secret="wrong").connection.currencies.get_all()
        DIFFERENCES.append("a wrong secret logs in over SOAP")
    except NetSuiteLoginError:
        pass
    before = len(DIFFERENCES)
    asyncio.run(rest(base))
    print(f"  netsuite, REST: {len(DIFFERENCES) - before} differences")
    books(sandbox, versions)
    for line in DIFFERENCES[:50]:
        print("DIFFERS " + line)
    print(f"{len(DIFFERENCES)} differences")
    sys.exit(1 if DIFFERENCES else 0)


if __name__ == "__main__":
    main()
