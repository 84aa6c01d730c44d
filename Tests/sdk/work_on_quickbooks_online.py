#!/usr/bin/env python3
"""Uses QuickBooks Online's twin with the SDKs intuit-oauth and python-quickbooks: vendors, bills, what is paid on them, orders, attachments, batches,
the change feed, and webhooks in both shapes.

usage: work_on_quickbooks_online.py SANDBOX

SANDBOX is the address of a `counterfoil sandbox` that nobody else works on. What the SDK rejects is the twin's mistake. Exit status 1 with a
sentence for each expectation that was not met.
"""

import json
import sys
import tempfile
import urllib.request
from datetime import datetime, timedelta, timezone
from decimal import Decimal

from quickbooks.batch import batch_create
from quickbooks.cdc import change_data_capture
from quickbooks.exceptions import ObjectNotFoundException, QuickbooksException, ValidationException
from quickbooks.objects import (
    Account, Attachable, Bill, BillPayment, Class, CreditMemo, Customer, Department, Invoice, Item, Payment, PurchaseOrder, Vendor, VendorCredit)
from quickbooks.objects.base import AttachableRef, LinkedTxn, Ref
from quickbooks.objects.billpayment import BillPaymentCreditCard, BillPaymentLine, CheckPayment
from quickbooks.objects.detailline import (
    AccountBasedExpenseLine, AccountBasedExpenseLineDetail, ItemBasedExpenseLine, ItemBasedExpenseLineDetail, SalesItemLine, SalesItemLineDetail)
from rehearsal import Expectations, Intake, World, connect_quickbooks, wait_for

BANK, CARD, SUPPLIES, COST, GARDEN = "31", "51", "53", "52", "42"
todo = Expectations()
expect = todo.expect


def ref(value):
    made = Ref()
    made.value, made.name, made.type = value, None, None
    return made


def made(kind, client, **members):
    thing = kind()
    for name, value in members.items():
        setattr(thing, name, value)
    return thing.save(qb=client)


def expense(amount, account=SUPPLIES):
    line = AccountBasedExpenseLine()
    line.Amount, line.Description = amount, "Lumber"
    line.AccountBasedExpenseLineDetail = AccountBasedExpenseLineDetail()
    line.AccountBasedExpenseLineDetail.AccountRef = ref(account)
    return line


def ordered(item, quantity, order=None, order_line=None):
    line = ItemBasedExpenseLine()
    line.Amount = quantity * 25
    line.ItemBasedExpenseLineDetail = ItemBasedExpenseLineDetail()
    detail = line.ItemBasedExpenseLineDetail
    detail.ItemRef, detail.Qty, detail.UnitPrice = ref(item), quantity, 25
    if order:
        link = LinkedTxn()
        link.TxnId, link.TxnType, link.TxnLineId = order, "PurchaseOrder", order_line
        line.LinkedTxn = [link]
    return line


def pays(amount, thing, kind):
    line = BillPaymentLine()
    line.Amount = amount
    link = LinkedTxn()
    link.TxnId, link.TxnType, link.TxnLineId = thing, kind, None
    line.LinkedTxn = [link]
    return line


def lists(client):
    vendors = [made(Vendor, client, DisplayName=f"Vendor {n}", CompanyName=f"V{n}", AcctNum=f"A-{n}") for n in range(12)]
    read = Vendor.get(vendors[7].Id, qb=client)
    expect((read.DisplayName, read.AcctNum, read.Balance) == ("Vendor 7", "A-7", 0), "a vendor is read as it was made")
    read.CompanyName = "Seven Ltd"
    expect(read.save(qb=client).SyncToken == "1", "an update has the next version")
    todo.refused(QuickbooksException, "a stale update", lambda: read.save(qb=client))
    pages = [Vendor.all(order_by="Id", start_position=start, max_results=5, qb=client) for start in (1, 6, 11)]
    expect([v.Id for page in pages for v in page] == [v.Id for v in vendors], "pages hold every vendor once")
    expect(Vendor.count(qb=client) == 12, "vendors are counted")
    expect([v.Id for v in Vendor.filter(DisplayName="Vendor 3", qb=client)] == [vendors[3].Id], "a vendor is found by its name")
    error = todo.refused(QuickbooksException, "a name that a vendor has", lambda: made(Customer, client, DisplayName="vendor 1"))
    expect(error and error.error_code == 6240, "a taken name has its code")
    gone = todo.refused(ObjectNotFoundException, "a vendor that is not there", lambda: Vendor.get("999", qb=client))
    expect(gone and gone.error_code == 610, "a missing object has its code")
    item = made(Item, client, Name="Garden Supplies", Type="NonInventory", IncomeAccountRef=ref(GARDEN), ExpenseAccountRef=ref(COST), UnitPrice=40)
    expect(made(Class, client, Name="Stall").FullyQualifiedName == "Stall", "a class is made")
    expect(made(Department, client, Name="Pier").Active is True, "a location is made")
    card = Account.get(CARD, qb=client)
    expect(card.AccountType == "Credit Card", "the card's account is there")
    return vendors[0].Id, item.Id


def purchases(client, vendor, item):
    bills = [made(Bill, client, VendorRef=ref(vendor), DocNumber=f"b{n}", TxnDate="2026-11-06", Line=[expense(100 + n)]) for n in range(11)]
    expect([bill.Balance for bill in bills[:3]] == [Decimal("100.00"), Decimal("101.00"), Decimal("102.00")], "a bill is open with its total")
    pages = [Bill.all(order_by="Id", start_position=start, max_results=4, qb=client) for start in (1, 5, 9)]
    expect([len(page) for page in pages] == [4, 4, 3], "bills come in pages")
    error = todo.refused(QuickbooksException, "a number that is taken", lambda: made(Bill, client, VendorRef=ref(vendor), DocNumber="b1", Line=[expense(1)]))
    expect(error and error.error_code == 6140, "a taken number has its code")
    order = made(PurchaseOrder, client, VendorRef=ref(vendor), DocNumber="po1", Line=[ordered(item, 2), ordered(item, 1)])
    expect((order.POStatus, order.TotalAmt) == ("Open", Decimal("75.00")), "an order is open")
    made(Bill, client, VendorRef=ref(vendor), Line=[ordered(item, 2, order.Id, order.Line[0].Id), ordered(item, 1, order.Id, order.Line[1].Id)])
    order = PurchaseOrder.get(order.Id, qb=client)
    expect(order.POStatus == "Closed" and order.LinkedTxn[0].TxnType == "Bill", "an order that was billed is closed")
    check = CheckPayment()
    check.BankAccountRef = ref(BANK)
    payment = made(BillPayment, client, VendorRef=ref(vendor), PayType="Check", CheckPayment=check, TotalAmt=201,
                   Line=[pays(100, bills[0].Id, "Bill"), pays(101, bills[1].Id, "Bill")])
    expect(Bill.get(bills[1].Id, qb=client).LinkedTxn[0].TxnType == "BillPaymentCheck", "a paid bill is linked to its check")
    payment.void(qb=client)
    expect(Bill.get(bills[1].Id, qb=client).Balance == Decimal("101.00"), "a voided check leaves the bill open")
    credit = made(VendorCredit, client, VendorRef=ref(vendor), DocNumber="vc1", Line=[expense(90)])
    card = BillPaymentCreditCard()
    card.CCAccountRef = ref(CARD)
    made(BillPayment, client, VendorRef=ref(vendor), PayType="CreditCard", CreditCardPayment=card, TotalAmt=10,
         Line=[pays(100, bills[0].Id, "Bill"), pays(90, credit.Id, "VendorCredit")])
    expect(Bill.get(bills[0].Id, qb=client).Balance == 0, "card and credit settle a bill")
    bills[10].delete(qb=client)
    todo.refused(ObjectNotFoundException, "a deleted bill", lambda: Bill.get(bills[10].Id, qb=client))
    return bills


def attachments(client, bill):
    note = Attachable()
    link = AttachableRef()
    link.EntityRef, link.IncludeOnSend = ref(bill), False
    link.EntityRef.type = "Bill"
    note.Note, note.AttachableRef = "This is an attached note.", [link]
    expect(note.save(qb=client).AttachableRef[0].EntityRef.value == bill, "a note hangs on its bill")
    content = bytes(range(256)) * 40
    file = Attachable()
    file.FileName, file.ContentType, file.AttachableRef, file._FileBytes = "receipt.pdf", "application/pdf", [link], content
    kept = file.save(qb=client)
    with urllib.request.urlopen(kept.TempDownloadUri, timeout=30) as reply:
        expect(reply.read() == content and reply.headers["Content-Type"] == "application/pdf", "an uploaded file comes back byte for byte")
    with tempfile.NamedTemporaryFile(suffix=".txt") as source:
        source.write(b"from a path")
        source.flush()
        other = Attachable()
        other.FileName, other.ContentType, other._FilePath = "note.txt", "text/plain", source.name
        expect(other.save(qb=client).Size == 11, "a file is uploaded by its path")
    found = Attachable.where(f"AttachableRef.EntityRef.Type = 'Bill' AND AttachableRef.EntityRef.value = '{bill}'", qb=client)
    expect(len(found) == 2, "attachments are found by what they hang on")
    kept.delete(qb=client)
    wrong = Attachable()
    wrong.FileName, wrong.ContentType, wrong._FileBytes = "run.exe", "application/x-msdownload", b"MZ"
    todo.refused(KeyError, "a file of a type that is not taken", lambda: wrong.save(qb=client))


def sales(client):
    """A batch, and credits that the company applies by itself."""
    customer = made(Customer, client, DisplayName="Great Client")

    def form(kind, number, amount):
        thing, line = kind(), SalesItemLine()
        line.Amount, line.SalesItemLineDetail = amount, SalesItemLineDetail()
        line.SalesItemLineDetail.ItemRef = ref("1")
        thing.CustomerRef, thing.DocNumber, thing.Line = ref(customer.Id), number, [line]
        return thing

    results = batch_create([form(Invoice, "i1", 100), form(Invoice, "i1", 5), form(Invoice, "i2", 50)], qb=client)
    expect((len(results.successes), len(results.faults)) == (2, 1), "a batch keeps what is right and says what is not")
    form(CreditMemo, "c1", 120).save(qb=client)
    expect(Payment.count(qb=client) == 1, "the company applied the credit by itself")
    expect([Invoice.get(i.Id, qb=client).Balance for i in results.successes] == [0, Decimal("30.00")], "oldest first")
    return results.successes[1].Id


def feed(client, since, deleted):
    changes = change_data_capture([Bill, BillPayment, Vendor, Invoice], since, qb=client)
    rows = {bill.Id: bill for bill in changes.Bill}
    expect(rows[deleted].status == "Deleted" and len(rows) == 12, "the change feed has every bill, and the deleted one as such")
    expect(len(changes.Vendor) == 12 and len(changes.BillPayment) == 2, "the change feed has other entities too")
    later = (datetime.now(timezone.utc) + timedelta(minutes=5)).isoformat(timespec="seconds")
    expect(not hasattr(change_data_capture([Bill], later, qb=client), "Bill"), "nothing changed since later")
    todo.refused(QuickbooksException, "31 days back", lambda: change_data_capture([Bill], "2020-01-01T00:00:00-08:00", qb=client))


class Hooks:
    """Answers 500 to the first attempt of each body, so that it comes again; keeps what the SDK says is rightly signed."""

    def __init__(self, client):
        self.client, self.verifier, self.bodies, self.forged, self.failed = client, "", [], 0, set()

    def judge(self, body, headers):
        if not self.client.validate_webhook_signature(body.decode(), headers["intuit-signature"], self.verifier):
            self.forged += 1
            return 401
        if body not in self.failed:
            self.failed.add(body)
            return 500
        self.bodies.append(json.loads(body))
        return 200

    def old(self):
        return {(e["name"], e["operation"], e["id"]) for body in self.bodies if isinstance(body, dict)
                for n in body["eventNotifications"] for e in n["dataChangeEvent"]["entities"]}

    def new(self):
        return {(e["type"], e["intuitentityid"]) for body in self.bodies if isinstance(body, list) for e in body}


def webhooks(client, world, hooks, intake, invoice, vendor):
    hooks.verifier = world.happens("subscribes", url=intake.url, shape="notifications")["verifier"]
    bill = made(Bill, client, VendorRef=ref(vendor), DocNumber="h1", Line=[expense(7)])
    world.happens("edits", entity="Bill", number="h1", object={"PrivateNote": "by hand"})
    expect(Bill.get(bill.Id, qb=client).PrivateNote == "by hand", "what a person changed is read")
    world.happens("deletes", entity="Bill", id=bill.Id)
    world.happens("voids", entity="Invoice", id=invoice)
    wanted = {("Bill", "Create", bill.Id), ("Bill", "Update", bill.Id), ("Bill", "Delete", bill.Id), ("Invoice", "Void", invoice)}
    expect(wait_for(lambda: wanted <= hooks.old()), "the old shape tells of everything that a person does")
    hooks.verifier = world.happens("subscribes", url=intake.url, shape="cloudevents", verifier="another-token")["verifier"]
    other = made(Vendor, client, DisplayName="Twice")
    world.happens("merges", entity="Vendor", id=other.Id, into=vendor)
    world.happens("renames", entity="Account", account="6000", name="Office supplies")
    expect(wait_for(lambda: {("qbo.vendor.created.v1", other.Id), ("qbo.vendor.merged.v1", vendor), ("qbo.account.updated.v1", SUPPLIES)} <= hooks.new()),
           "cloud events tell of merges and renamed accounts")
    expect(hooks.forged == 0, f"{hooks.forged} webhooks were not signed as the SDK verifies")
    todo.refused(ObjectNotFoundException, "a vendor that was merged away", lambda: Vendor.get(other.Id, qb=client))


def closed(client, world, vendor):
    world.happens("prefers", AccountingInfoPrefs={"BookCloseDate": "2026-11-30"})
    late = todo.refused(QuickbooksException, "a bill in closed books",
                        lambda: made(Bill, client, VendorRef=ref(vendor), TxnDate="2026-11-30", Line=[expense(1)]))
    expect(late and late.error_code == 6200, "closed books have their code")
    todo.refused(ValidationException, "a property that is none", lambda: made(Bill, client, VendorRef=ref(vendor), Colour="red", Line=[expense(1)]))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    base = sys.argv[1].rstrip("/")
    world, client = World(base, "qbo"), connect_quickbooks(base + "/qbo")
    hooks = Hooks(client)
    since = (datetime.now(timezone.utc) - timedelta(minutes=1)).isoformat(timespec="seconds")
    vendor, item = lists(client)
    bills = purchases(client, vendor, item)
    attachments(client, bills[2].Id)
    world.happens("prefers", SalesFormsPrefs={"AutoApplyCredit": True})
    invoice = sales(client)
    feed(client, since, bills[10].Id)
    webhooks(client, world, hooks, Intake(hooks.judge), invoice, vendor)
    closed(client, world, vendor)
    print(f"  python-quickbooks: {len(hooks.bodies)} webhooks verified, {len(todo.wrong)} expectations not met")
    sys.exit(1 if todo.wrong else 0)


if __name__ == "__main__":
    main()
