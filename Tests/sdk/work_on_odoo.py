#!/usr/bin/env python3
"""Lets the community SDK of Odoo work on the twin, as an integration would.

usage: work_on_odoo.py SANDBOX

SANDBOX is the address of a `counterfoil sandbox` that nobody else works on. With odoorpc it logs in to a database of each version from 14 to 19,
creates, reads, pages, changes, posts, pays and reverses, meets the errors it must meet, and compares what it sees with the twin's own books.
With Python's own XML-RPC client it logs in and reads once more. Prints what differs; status 1 when anything does.
"""
import json
import sys
import urllib.parse
import urllib.request
import xmlrpc.client

import odoorpc
from odoorpc.error import RPCError

KEY = "4d1c0e5b7a92f83366c1ab20d97f5e418b3c6a07"
PARTNERS = 25
PAGE = 10


class Below(urllib.request.BaseHandler):
    """Puts the twin's place before every path: the SDK knows hosts only."""

    handler_order = 100

    def __init__(self, prefix):
        self.prefix = prefix

    def http_request(self, request):
        request.selector = self.prefix + request.selector
        return request


class Work:
    """One database of one version."""

    def __init__(self, port, version):
        self.port = port
        self.version = version
        self.database = f"odoo{version}"
        self.differences = []
        self.odoo = self.connect(KEY)

    def connect(self, secret):
        opener = urllib.request.build_opener(Below(f"/odoo/{self.database}"))
        odoo = odoorpc.ODOO("127.0.0.1", port=self.port, opener=opener)
        odoo.login(self.database, "admin", secret)
        return odoo

    def same(self, what, seen, wanted):
        if seen != wanted:
            self.differences.append(f"{self.database}: {what} is {seen!r}, not {wanted!r}")

    def refused(self, what, name, words, work):
        try:
            work()
        except RPCError as error:
            self.same(f"the error of {what}", error.info["data"]["name"] if error.info else str(error), name)
            if words not in str(error):
                self.differences.append(f"{self.database}: {what} was refused with {str(error)!r}")
            return
        self.differences.append(f"{self.database}: {what} was not refused")

    def run(self):
        self.identity()
        self.records()
        invoice, payment = self.trade()
        self.errors(invoice)
        self.books(invoice, payment)
        self.xml()
        return self.differences

    def identity(self):
        self.same("the version", self.odoo.version, f"{self.version}.0")
        self.same("the user", self.odoo.env.user.name, "Mitchell Admin")
        self.same("the company", self.odoo.env.ref("base.main_company").name, "Lakeside Outfitters")
        self.same("the user with a password", self.connect("admin").env.uid, 2)
        self.same("a known model", "account.move" in self.odoo.env, True)
        self.same("an unknown model", "account.invoice" in self.odoo.env, False)
        try:
            self.connect("wrong")
        except RPCError:
            return
        self.differences.append(f"{self.database}: a wrong password logs in")

    def records(self):
        partners = self.odoo.env["res.partner"]
        made = [partners.create({"name": f"Customer {n:02}", "ref": f"sdk-{n:02}", "email": f"c{n}@example.com"}) for n in range(PARTNERS)]
        seen = []
        for offset in range(0, PARTNERS + PAGE, PAGE):
            page = partners.search_read([("ref", "=like", "sdk-%")], ["ref"], offset=offset, limit=PAGE, order="ref desc")
            seen += [row["ref"] for row in page]
        self.same("what pages give", seen, [f"sdk-{n:02}" for n in reversed(range(PARTNERS))])
        self.same("the count", partners.search_count([("ref", "=like", "sdk-%")]), PARTNERS)
        one = partners.browse(made[0])
        one.phone = "555-0100"
        one.country_id = self.odoo.env["res.country"].browse(233)
        again = partners.browse(made[0])
        self.same("what was written", (again.phone, again.country_id.code, again.display_name), ("555-0100", "US", "Customer 00"))
        self.same("what a name finds", partners.name_search("Customer 07"), [[made[7], "Customer 07"]])
        partners.unlink([made[-1]])
        self.same("what is left", partners.search_count([("ref", "=like", "sdk-%")]), PARTNERS - 1)

    def trade(self):
        moves = self.odoo.env["account.move"]
        account = self.odoo.env["account.account"].search([("code", "=", "400500")])[0]
        lines = [(0, 0, {"product_id": 1, "quantity": 2}), (0, 0, {"name": "Shipping", "price_unit": 5, "account_id": account, "tax_ids": [(6, 0, [1])]})]
        vals = {"move_type": "out_invoice", "partner_id": 7, "invoice_date": "2026-11-14", "ref": "cf:0123456789abcdef order 1001", "invoice_line_ids": lines}
        invoice = moves.browse(moves.create(vals))
        self.same("the draft", (invoice.state, invoice.amount_total), ("draft", 48.58))
        invoice.action_post()
        invoice = moves.browse(invoice.id)
        name = "INV/2026/11/0001" if self.version == 14 else "INV/2026/00001"
        self.same("the posted invoice", (invoice.name, invoice.state, invoice.payment_state, invoice.amount_residual), (name, "posted", "not_paid", 48.58))
        self.same("its sums", (round(sum(l.debit for l in invoice.line_ids), 2), round(sum(l.credit for l in invoice.line_ids), 2)), (48.58, 48.58))
        journal = self.odoo.env["account.journal"].search([("code", "=", "SHOP")])[0]
        wizards = self.odoo.env["account.payment.register"].with_context(active_model="account.move", active_ids=[invoice.id])
        wizard = wizards.create({"payment_date": "2026-11-15", "journal_id": journal, "communication": "cf:zzzz456789abcdef transaction 1"})
        action = wizards.browse(wizard).action_create_payments()
        payment = self.odoo.env["account.payment"].browse(action["res_id"])
        self.same("the payment", (payment.amount, payment.state), (48.58, "paid" if self.version >= 18 else "posted"))
        self.same("the paid invoice", moves.browse(invoice.id).payment_state, "paid")
        other = moves.browse(moves.create({**vals, "ref": "cf:1123456789abcdef order 1002"}))
        other.action_post()
        reversals = self.odoo.env["account.move.reversal"].with_context(active_model="account.move", active_ids=[other.id])
        asked = {"date": "2026-11-16", "reason": "returned", "journal_id": 1}
        if self.version <= 16:
            asked["refund_method"] = "refund"
        wizard = reversals.browse(reversals.create(asked))
        note = moves.browse((wizard.reverse_moves() if self.version <= 16 else wizard.refund_moves())["res_id"])
        note.action_post()
        self.same("the reversed invoice", moves.browse(other.id).payment_state, "reversed")
        return invoice.id, payment.id

    def errors(self, invoice):
        moves = self.odoo.env["account.move"]
        user, value = "odoo.exceptions.UserError", "builtins.ValueError"
        self.refused("an unknown field", value, "Invalid field 'nothing' on model 'account.move'", lambda: moves.create({"nothing": 1}))
        self.refused("a second posting", user, name_of(self.version), lambda: moves.browse(invoice).action_post())
        self.refused("unlinking what is posted", user, "You cannot delete an item linked to a posted entry.", lambda: moves.unlink([invoice]))
        self.refused("a missing record", "odoo.exceptions.MissingError", "Record does not exist or has been deleted.", lambda: moves.read([99999]))
        lines = [(0, 0, {"account_id": 14, "debit": 1}), (0, 0, {"account_id": 15, "credit": 1})]
        closed = moves.browse(moves.create({"move_type": "entry", "journal_id": 3, "date": "2026-10-01", "line_ids": lines}))
        self.refused("a closed period", user, "You cannot add/modify entries prior to and inclusive of", closed.action_post)

    def books(self, invoice, payment):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/_sandbox/entries?ledger=odoo", timeout=30) as answer:
            entries = [e for e in json.load(answer)["entries"] if e["id"].startswith(self.database + "/") and e["live"]]
        for entry in entries:
            self.same(f"the balance of {entry['id']}", sum(line["base_minor"] for line in entry["lines"]), 0)
        keys = {entry["key"]: entry for entry in entries}
        mine = keys.get("0123456789abcdef", {})
        self.same("the invoice in the books", (mine.get("kind"), mine.get("date")), ("invoice", "2026-11-14"))
        self.same("its lines", sorted((l["account"], l["minor"]) for l in mine.get("lines", [])), [("121000", 4858), ("251000", -360), ("400100", -3998), ("400500", -500)])
        paid = keys.get("zzzz456789abcdef", {})
        self.same("the payment in the books", sorted((l["account"], l["minor"]) for l in paid.get("lines", [])), [("101601", 4858), ("121000", -4858)])

    def xml(self):
        base = f"http://127.0.0.1:{self.port}/odoo/xmlrpc/2/"
        uid = xmlrpc.client.ServerProxy(base + "common").authenticate(self.database, "admin", KEY, {})
        models = xmlrpc.client.ServerProxy(base + "object")
        rows = models.execute_kw(self.database, uid, KEY, "account.move", "search_read", [[["ref", "=like", "cf:0%"]]], {"fields": ["amount_total"], "limit": 1})
        self.same("what XML-RPC reads", [row["amount_total"] for row in rows], [48.58])
        try:
            models.execute_kw(self.database, uid, KEY, "res.partner", "read", [[99999]])
        except xmlrpc.client.Fault as fault:
            self.same("the fault of a missing record", fault.faultCode, 2)


def name_of(version):
    return "must be in draft." if version >= 16 else "is already posted."


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    port = urllib.parse.urlsplit(sys.argv[1]).port
    differences = []
    for version in range(14, 20):
        found = Work(port, version).run()
        print(f"  odoorpc {odoorpc.__version__}, Odoo {version}.0: {len(found)} differences")
        differences += found
    for line in differences[:50]:
        print("DIFFERS " + line)
    print(f"{len(differences)} differences")
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
