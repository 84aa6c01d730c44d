#!/usr/bin/env python3
"""Lets the community SDK of FreeAgent work on the twin, as an integration would.

usage: work_on_freeagent.py SANDBOX

SANDBOX is the address of a `counterfoil sandbox` that nobody else works on. With freeagent (PyPI) it signs in through the consent page, has its
token refreshed, reads chart, bank accounts and pages of bank transactions, explains statement rows as fees, sales and transfers with a file beside
one, changes an explanation, and reads the ledger's transactions back; invoices, which it has no call for, go by its own session. What it sees is
compared with the twin's own books. Prints what differs; status 1 when anything does.
"""

import contextlib
import io
import json
import os
import pathlib
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from datetime import date
from decimal import Decimal

# The twin speaks plain HTTP on the loopback interface; the SDK's OAuth layer must be told that this is meant.
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
os.environ["OAUTHLIB_RELAX_TOKEN_SCOPE"] = "1"
for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
    os.environ.pop(name, None)

from freeagent import ExplanationPayload, FreeAgent, UpdatePayload, __version__  # noqa: E402

CLIENT = ("sandbox-client", "sandbox-secret")
BACK = "https://localhost/"
ROWS = 130


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def consent(base):
    """What a browser does whose user always agrees: the address it is sent back to."""
    asked = urllib.parse.urlencode({"client_id": CLIENT[0], "response_type": "code", "redirect_uri": BACK, "state": "s1"})
    try:
        urllib.request.build_opener(NoRedirect).open(f"{base}approve_app?{asked}", data=b"decision=allow", timeout=30)
    except urllib.error.HTTPError as answer:
        if answer.code == 302:
            return answer.headers["Location"]
        raise
    raise SystemExit("the consent page does not send anybody back")


def first_token(base):
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlparse(consent(base)).query))
    form = urllib.parse.urlencode({
        "grant_type": "authorization_code", "code": query["code"], "redirect_uri": BACK, "client_id": CLIENT[0], "client_secret": CLIENT[1]})
    with urllib.request.urlopen(base + "token_endpoint", form.encode(), timeout=30) as answer:
        return json.load(answer)


class Work:
    def __init__(self, sandbox):
        self.sandbox = sandbox
        self.base = sandbox + "/freeagent/v2/"
        self.differences = []
        self.saved = []
        self.sdk = FreeAgent()
        self.sdk.api_base_url = self.base
        token = first_token(self.base)
        # As old as a token that ran out: the SDK must refresh it before its first call.
        token["expires_in"] = -1
        self.quietly(lambda: self.sdk.authenticate(CLIENT[0], CLIENT[1], self.saved.append, token))

    def quietly(self, work):
        with contextlib.redirect_stdout(io.StringIO()) as said:
            work()
        return said.getvalue()

    def same(self, what, seen, wanted):
        if seen != wanted:
            self.differences.append(f"{what} is {seen!r}, not {wanted!r}")

    def run(self):
        self.same("the tokens that were refreshed", len(self.saved), 1)
        self.chart()
        self.statement()
        explained = self.explanations()
        invoice = self.invoice()
        self.reports(invoice)
        self.errors()
        self.books(explained, invoice)
        return self.differences

    def chart(self):
        category, bank = self.sdk.category, self.sdk.bank_account
        self.same("Sales by its code", category.get_nominal_code_id("001"), self.base + "categories/001")
        self.same("the fees' code", category.get_desc_nominal_code("finance charges"), "363")
        self.same("a code's name", category.get_nominal_name("796"), "Trade Creditors")
        self.same("the bank accounts", len(bank.bank_accounts), 5)
        self.same("the primary account", bank.get_primary_url(), self.base + "bank_accounts/1")
        self.same("PayPal's account", bank.get_first_paypal_id(), "3")
        self.same("an account's name", bank.get_name_by_id(2), "Shopify Payments clearing")

    def statement(self):
        rows = [{"dated_on": "2026-11-12", "amount": f"{n}.50", "description": f"Sale {n}"} for n in range(1, ROWS + 1)]
        rows.append({"dated_on": "2026-11-12", "amount": "1.30", "description": "Fee", "transaction_type": "FEE"})
        path = self.base + "bank_transactions/statement?bank_account=2"
        for _ in range(2):
            self.same("a statement", self.sdk.session.post(path, json={"statement": rows}).status_code, 200)
        found = self.sdk.bank.get_unexplained_transactions("2")
        self.same("what pages give", len(found), ROWS + 1)
        self.same("the sum of the rows", sum(row.amount for row in found), sum(Decimal(n) + Decimal("0.5") for n in range(1, ROWS + 1)) - Decimal("1.3"))
        self.rows = {row.description: row for row in found}

    def explanations(self):
        sale, fee = self.rows["Sale 99"], self.rows["Fee"]
        payload = ExplanationPayload("363", date(2026, 11, 12), Decimal("-1.30"), "cf:0123456789abcdef fee", fee.url)
        with tempfile.TemporaryDirectory() as folder:
            slip = pathlib.Path(folder) / "slip.pdf"
            slip.write_bytes(b"%PDF-1.4 slip")
            self.sdk.bank.attach_file_to_explanation(payload, slip, "the slip")
        part = ExplanationPayload("001", date(2026, 11, 12), Decimal("60.00"), "till", sale.url)
        move = {"bank_account": self.base + "bank_accounts/2", "dated_on": "2026-11-13", "gross_value": "-50.00", "description": "payout po_1",
                "transfer_bank_account": self.base + "bank_accounts/1"}
        self.quietly(lambda: self.sdk.bank.explain_list([payload, part]))
        made = self.sdk.post_api("bank_transaction_explanations", "bank_transaction_explanation", move)["bank_transaction_explanation"]
        listed = self.sdk.get_api("bank_transaction_explanations", {"bank_account": self.base + "bank_accounts/2"})
        self.same("the explanations", [row.gross_value for row in listed], [Decimal("-1.3"), Decimal("60.0"), Decimal("-50.0")])
        self.same("the file", (listed[0].attachment["file_name"], listed[0].attachment["file_size"]), ("slip.pdf", 13))
        change = UpdatePayload(listed[1].url, ExplanationPayload("001", date(2026, 11, 12), Decimal("99.50"), "till, whole"))
        self.quietly(lambda: self.sdk.bank.explain_list([change]))
        self.same("what is left to explain", len(self.sdk.bank.get_unexplained_transactions("2")), ROWS - 1)
        self.same("the other side", self.sdk.get_api("bank_transaction_explanations", {"bank_account": "1"})[0].gross_value, Decimal("50.0"))
        return listed[0].url, listed[1].url, made["url"]

    def invoice(self):
        """By the SDK's session: it has no calls for invoices."""
        line = {"description": "Blue mug", "item_type": "Products", "quantity": "2", "price": "19.99", "sales_tax_rate": "20", "category": self.base + "categories/010"}
        body = {"contact": self.base + "contacts/1", "dated_on": "2026-11-14", "payment_terms_in_days": 0, "reference": "cf-zzzz456789abcdef", "invoice_items": [line]}
        made = self.sdk.post_api("invoices", "invoice", body)["invoice"]
        self.same("a new invoice", (made["status"], made["total_value"], made["sales_tax_value"]), ("Draft", "47.98", "8.0"))
        self.same("sending it", self.sdk.session.put(made["url"] + "/transitions/mark_as_sent").status_code, 200)
        self.sdk.post_api("bank_transaction_explanations", "bank_transaction_explanation", {
            "bank_account": self.base + "bank_accounts/4", "dated_on": "2026-11-14", "gross_value": "47.98", "paid_invoice": made["url"]})
        paid = self.sdk.get_api("invoices/" + made["url"].rsplit("/", 1)[1])[0].invoice
        self.same("the invoice when it is paid", (paid["status"], paid["due_value"]), ("Paid", "0.0"))
        return made["url"]

    def reports(self, invoice):
        rows = self.sdk.transaction.get_transactions("681", "2026-11-01", "2026-11-30")
        self.same("the debtors' account", [row.debit_value for row in rows], [Decimal("47.98"), Decimal("-47.98")])
        self.same("where the first comes from", rows[0].source_item_url, invoice)
        balance = self.sdk.get_api("accounting/trial_balance/summary")[0].trial_balance_summary
        self.same("the trial balance", sum(Decimal(row["total"]) for row in balance), Decimal(0))

    def errors(self):
        def refused(what, words, work):
            try:
                work()
            except RuntimeError as error:
                if words not in str(error):
                    self.differences.append(f"{what} was refused with {error}")
                return
            self.differences.append(f"{what} was not refused")

        explain = lambda **more: self.sdk.post_api("bank_transaction_explanations", "bank_transaction_explanation", more)  # noqa: E731
        refused("an explanation of nothing", "POST failed 422: {\"errors\":[{\"message\":\"bank_account can't be blank\"}", explain)
        refused("a row of more than there is", "greater than the unexplained amount", lambda: explain(
            bank_transaction=self.rows["Sale 1"].url, gross_value="2.00", description="x", nominal_code="001"))
        refused("an account that is not there", "POST failed 404", lambda: explain(bank_account=self.base + "bank_accounts/99"))
        session = self.sdk.session
        codes = [session.get(self.base + "company", headers={"X-RateLimit-Test": "true"}) for _ in range(6)]
        self.same("the sixth call of a test", (codes[5].status_code, codes[5].headers["Retry-After"]), (429, "60"))

    def books(self, explained, invoice):
        with urllib.request.urlopen(f"{self.sandbox}/_sandbox/entries?ledger=freeagent", timeout=30) as answer:
            entries = {entry["id"]: entry for entry in json.load(answer)["entries"] if entry["live"]}
        for entry in entries.values():
            self.same(f"the balance of {entry['id']}", sum(line["base_minor"] for line in entry["lines"]), 0)
        wanted = [
            (explained[0], "0123456789abcdef", [("363", 130), ("750-2", -130)]), (explained[1], "", [("001", -8292), ("750-2", 9950), ("819", -1658)]),
            (explained[2], "", [("750-1", 5000), ("750-2", -5000)]), (invoice, "zzzz456789abcdef", [("010", -3998), ("681", 4798), ("819", -800)]),
        ]
        for url, key, lines in wanted:
            mine = entries.get(url.removeprefix(self.base), {})
            self.same(f"{url} in the books", (mine.get("key"), sorted((l["account"], l["minor"]) for l in mine.get("lines", []))), (key, lines))
        self.same("the entries", len(entries), 5)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    differences = Work(sys.argv[1].rstrip("/")).run()
    print(f"  freeagent {__version__}, FreeAgent v2: {len(differences)} differences")
    for line in differences[:50]:
        print("DIFFERS " + line)
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
