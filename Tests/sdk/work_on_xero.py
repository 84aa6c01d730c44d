#!/usr/bin/env python3
"""Uses Xero's twin with Xero's own SDK: bills, what is paid on them, orders, attachments, tracking, paging, changes since, and webhooks with their
intent to receive.

usage: work_on_xero.py SANDBOX

SANDBOX is the address of a `counterfoil sandbox` that nobody else works on. What the SDK rejects is the twin's mistake. Exit status 1 with a
sentence for each expectation that was not met.
"""

import base64
import hashlib
import hmac
import json
import sys
import threading
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

from rehearsal import Expectations, Intake, World, connect_xero, wait_for
from xero_python.accounting import (
    Account, Allocation, Allocations, Contact, Contacts, CreditNote, CreditNotes, Invoice, Invoices, LineAmountTypes, LineItem, LineItemTracking, Payment,
    PaymentDelete, Payments, PurchaseOrder, PurchaseOrders, TrackingCategory, TrackingOption)
from xero_python.exceptions import AccountingBadRequestException, HTTPStatusException

DAY = date(2026, 11, 20)
todo = Expectations()
expect = todo.expect


def text(value):
    return getattr(value, "value", value)


def money(value):
    return Decimal(str(value))


class Organisation:
    """The SDK's API on the one organisation; a minute has sixty calls only, so each part begins with a fresh one."""

    def __init__(self, base):
        self.world = World(base, "xero")
        self.api, self.tenant = connect_xero(base + "/xero")

    def fresh(self):
        self.world.happens("spends", window="minute", left=60)

    def invoice(self, number, amount, kind="ACCPAY", **more):
        line = LineItem(description="Clay", quantity=1, unit_amount=amount, account_code="310" if kind == "ACCPAY" else "200", tax_type="NONE", **more)
        made = Invoice(type=kind, status="AUTHORISED", contact=Contact(name="Clay Supplies"), invoice_number=number, date=DAY, due_date=date(2026, 12, 20),
                       line_amount_types=LineAmountTypes.EXCLUSIVE, line_items=[line])
        return self.api.create_invoices(self.tenant, Invoices(invoices=[made]), summarize_errors=True).invoices[0]


def bills(org):
    org.fresh()
    api, tenant = org.api, org.tenant
    made = [org.invoice(f"SUP-{n}", 100 + n) for n in range(7)]
    expect((text(made[0].type), text(made[0].status), money(made[0].amount_due)) == ("ACCPAY", "AUTHORISED", 100), "a bill is open with its total")
    pages = [api.get_invoices(tenant, where='Type=="ACCPAY"', order="InvoiceNumber ASC", page=n, page_size=3) for n in (1, 2, 3)]
    expect([i.invoice_number for p in pages for i in p.invoices] == [f"SUP-{n}" for n in range(7)], "bills come in pages")
    expect(pages[0].pagination.item_count == 7 and pages[0].pagination.page_count == 3, "a page says how many there are")
    paid = api.create_payments(tenant, Payments(payments=[Payment(
        invoice=Invoice(invoice_id=made[0].invoice_id), account=Account(code="090"), date=DAY, amount=40, reference="ref")])).payments[0]
    expect(text(paid.payment_type) == "ACCPAYPAYMENT", "a bill is paid")
    note = api.create_credit_notes(tenant, CreditNotes(credit_notes=[CreditNote(
        type="ACCPAYCREDIT", status="AUTHORISED", contact=Contact(name="Clay Supplies"), credit_note_number="CR-1", date=DAY,
        line_items=[LineItem(description="Clay back", quantity=1, unit_amount=60, account_code="310", tax_type="NONE")])])).credit_notes[0]
    api.create_credit_note_allocation(tenant, note.credit_note_id, Allocations(allocations=[Allocation(
        invoice=Invoice(invoice_id=made[0].invoice_id), amount=60, date=DAY)]))
    settled = api.get_invoice(tenant, made[0].invoice_id).invoices[0]
    expect(text(settled.status) == "PAID" and money(settled.amount_credited) == 60, "payment and credit settle a bill")
    api.delete_payment(tenant, paid.payment_id, PaymentDelete(status="DELETED"))
    expect(money(api.get_invoice(tenant, made[0].invoice_id).invoices[0].amount_due) == 40, "a deleted payment leaves the bill open")
    voided = api.update_invoice(tenant, made[1].invoice_id, Invoices(invoices=[Invoice(status="VOIDED")])).invoices[0]
    expect(text(voided.status) == "VOIDED", "a bill is voided")
    todo.refused(AccountingBadRequestException, "an account that is none", lambda: org.api.create_invoices(tenant, Invoices(invoices=[Invoice(
        type="ACCPAY", status="AUTHORISED", contact=Contact(name="C"), due_date=DAY, line_items=[LineItem(description="x", quantity=1, unit_amount=1, account_code="999")])])))
    return made[2].invoice_id


def orders(org):
    org.fresh()
    api, tenant = org.api, org.tenant
    lines = [LineItem(description="Clay", quantity=2, unit_amount=10, account_code="429")]
    wanted = [PurchaseOrder(contact=Contact(name="Clay Supplies"), line_items=lines, date=DAY, delivery_date=date(2026, 12, 1), attention_to="Mara") for _ in range(5)]
    made = api.create_purchase_orders(tenant, PurchaseOrders(purchase_orders=wanted)).purchase_orders
    expect([o.purchase_order_number for o in made] == [f"PO-000{n}" for n in range(1, 6)], "orders are numbered")
    expect(text(made[0].status) == "DRAFT" and money(made[0].total) == 24, "an order has its total")
    changed = api.update_purchase_order(tenant, made[0].purchase_order_id, PurchaseOrders(purchase_orders=[PurchaseOrder(status="AUTHORISED")])).purchase_orders[0]
    expect(text(changed.status) == "AUTHORISED" and changed.attention_to == "Mara", "an order is approved")
    api.update_purchase_order(tenant, made[4].purchase_order_id, PurchaseOrders(purchase_orders=[PurchaseOrder(status="DELETED")]))
    expect(api.get_purchase_order_by_number(tenant, "PO-0002").purchase_orders[0].delivery_date == date(2026, 12, 1), "an order is found by its number")
    drafts = api.get_purchase_orders(tenant, status="DRAFT", order="PurchaseOrderNumber DESC", page=1, page_size=2).purchase_orders
    expect([o.purchase_order_number for o in drafts] == ["PO-0004", "PO-0003"], "orders are listed by their state")
    todo.refused(AccountingBadRequestException, "a number that is taken", lambda: api.create_purchase_orders(tenant, PurchaseOrders(
        purchase_orders=[PurchaseOrder(contact=Contact(name="C"), purchase_order_number="po-0001", line_items=lines)]), summarize_errors=True))
    return made[0].purchase_order_id


def attachments(org, invoice, order):
    org.fresh()
    api, tenant = org.api, org.tenant
    content = bytes(range(256)) * 40
    kept = api.create_invoice_attachment_by_file_name(tenant, invoice, "receipt of clay.pdf", content).attachments[0]
    expect((kept.file_name, kept.content_length) == ("receipt of clay.pdf", len(content)), "a file is attached to a bill")
    with open(api.get_invoice_attachment_by_file_name(tenant, invoice, "receipt of clay.pdf", "application/octet-stream"), "rb") as file:
        expect(file.read() == content, "a file comes back byte for byte by its name")
    with open(api.get_invoice_attachment_by_id(tenant, invoice, kept.attachment_id, "application/octet-stream"), "rb") as file:
        expect(file.read() == content, "and by its id")
    api.update_invoice_attachment_by_file_name(tenant, invoice, "receipt of clay.pdf", b"short")
    listed = api.get_invoice_attachments(tenant, invoice).attachments
    expect([(a.attachment_id, a.content_length) for a in listed] == [(kept.attachment_id, 5)], "a file of the same name is overwritten")
    expect(api.get_invoice(tenant, invoice).invoices[0].has_attachments is True, "a bill knows of its files")
    api.create_purchase_order_attachment_by_file_name(tenant, order, "plan.png", b"png")
    expect(len(api.get_purchase_order_attachments(tenant, order).attachments) == 1, "an order has files too")
    for n in range(9):
        api.create_invoice_attachment_by_file_name(tenant, invoice, f"f{n}.txt", b"x")
    todo.refused(AccountingBadRequestException, "an eleventh file", lambda: api.create_invoice_attachment_by_file_name(tenant, invoice, "f11.txt", b"x"))


def tracking(org):
    org.fresh()
    api, tenant = org.api, org.tenant
    region = api.create_tracking_category(tenant, TrackingCategory(name="Region")).tracking_categories[0]
    crew = api.create_tracking_category(tenant, TrackingCategory(name="Crew")).tracking_categories[0]
    north = api.create_tracking_options(tenant, region.tracking_category_id, TrackingOption(name="North")).options[0]
    south = api.create_tracking_options(tenant, region.tracking_category_id, TrackingOption(name="South")).options[0]
    todo.refused(AccountingBadRequestException, "a third category", lambda: api.create_tracking_category(tenant, TrackingCategory(name="Third")))
    made = org.invoice("T-1", 5, kind="ACCREC", tracking=[LineItemTracking(name="Region", option="North")])
    expect(made.line_items[0].tracking[0].tracking_option_id == north.tracking_option_id, "a line has its option")
    renamed = api.update_tracking_options(tenant, region.tracking_category_id, north.tracking_option_id, TrackingOption(name="Far north")).options[0]
    expect(renamed.name == "Far north", "an option is renamed")
    gone = api.delete_tracking_options(tenant, region.tracking_category_id, south.tracking_option_id).options[0]
    expect(text(gone.status) == "DELETED", "an option is deleted")
    todo.refused(AccountingBadRequestException, "deleting what was used", lambda: api.delete_tracking_category(tenant, region.tracking_category_id))
    api.update_tracking_category(tenant, crew.tracking_category_id, TrackingCategory(name="Team", status="ARCHIVED"))
    expect([c.name for c in api.get_tracking_categories(tenant).tracking_categories] == ["Region"], "an archived category is not listed")
    expect(len(api.get_tracking_categories(tenant, include_archived=True).tracking_categories) == 2, "but for whoever asks for it")


def changes(org):
    org.fresh()
    api, tenant = org.api, org.tenant
    later = datetime.now(timezone.utc) + timedelta(minutes=5)
    before = datetime.now(timezone.utc) - timedelta(minutes=5)
    for read, member in ((api.get_invoices, "invoices"), (api.get_contacts, "contacts"), (api.get_purchase_orders, "purchase_orders"),
                         (api.get_credit_notes, "credit_notes"), (api.get_payments, "payments"), (api.get_accounts, "accounts"),
                         (api.get_manual_journals, "manual_journals"), (api.get_bank_transactions, "bank_transactions"), (api.get_items, "items")):
        expect(not getattr(read(tenant, if_modified_since=later), member), f"no {member} changed since later")
        if member in ("invoices", "contacts", "purchase_orders", "credit_notes", "payments"):
            expect(len(getattr(read(tenant, if_modified_since=before), member)) > 0, f"{member} changed since before")
    org.world.happens("grows")
    poor = todo.refused(AccountingBadRequestException, "an unoptimised filter", lambda: api.get_invoices(tenant, where='InvoiceNumber=="SUP-1"'))
    expect(poor is not None and "efficient" in str(poor), "the refusal says where to read on")
    expect(len(api.get_invoices(tenant, where='Status=="VOIDED"').invoices) == 1, "an optimised one is answered")
    org.world.happens("grows", on=False)
    org.world.happens("crowds", calls=1)
    crowded = todo.refused(HTTPStatusException, "a sixth call in flight", lambda: api.get_currencies(tenant))
    expect(crowded is not None and crowded.status == 429, "a crowd is answered 429")


class Hooks:
    """Checks signatures as the vendor's page says; answers 500 to the first attempt of each body with events, so that it comes again."""

    def __init__(self):
        self.key, self.careless, self.failed, self.events, self.asked, self.lock = "", True, set(), [], [], threading.Lock()

    def judge(self, body, headers):
        right = base64.b64encode(hmac.new(self.key.encode(), body, hashlib.sha256).digest()).decode() == headers["x-xero-signature"]
        message = json.loads(body)
        with self.lock:
            if not message["events"]:
                self.asked.append(right)
                return 200 if right or self.careless else 401
            if not right:
                return 401
            if body not in self.failed:
                self.failed.add(body)
                return 500
            self.events += message["events"]
            return 200

    def seen(self):
        return {(e["eventCategory"], e["eventType"], e["resourceId"]) for e in self.events}


def webhooks(org, hooks, intake):
    org.fresh()
    api, tenant, world = org.api, org.tenant, org.world
    hooks.key = "sandbox-webhook-key"
    world.happens("subscribes", url=intake.url, key=hooks.key)
    expect(wait_for(lambda: world.happens("webhook")["status"] == "failed"), "a receiver that takes any signature is refused")
    hooks.careless = False
    world.happens("validates")
    expect(wait_for(lambda: world.happens("webhook")["status"] == "ok"), "a receiver that checks signatures has its webhook")
    expect(True in hooks.asked and False in hooks.asked, "it is asked with right and wrong signatures")
    invoice = org.invoice("W-1", 10, kind="ACCREC")
    people = api.create_contacts(tenant, Contacts(contacts=[Contact(name="One"), Contact(name="Two")])).contacts
    world.happens("edits", endpoint="Invoices", id="W-1", object={"Reference": "by hand"})
    expect(api.get_invoice(tenant, invoice.invoice_id).invoices[0].reference == "by hand", "what a person changed is read")
    world.happens("voids", endpoint="Invoices", id=invoice.invoice_id)
    world.happens("merges", contact=people[0].contact_id, into=people[1].contact_id)
    wanted = {("INVOICE", "CREATE", invoice.invoice_id), ("INVOICE", "UPDATE", invoice.invoice_id), ("CONTACT", "CREATE", people[0].contact_id),
              ("CONTACT", "UPDATE", people[0].contact_id)}
    expect(wait_for(lambda: wanted <= hooks.seen()), "webhooks tell of what the app and people do")
    expect(all(e["tenantId"] == tenant for e in hooks.events), "an event names its organisation")
    merged = api.get_contact(tenant, people[0].contact_id).contacts[0]
    expect(merged.contact_status == "ARCHIVED" and merged.merged_to_contact_id == people[1].contact_id, "a merged contact says into which")
    world.happens("locks", year_end="2026-12-31")
    locked = todo.refused(AccountingBadRequestException, "a bill in a closed year", lambda: org.invoice("L-1", 1))
    expect(locked is not None and "end of year lock date" in str(locked), "a closed year is named")
    world.happens("locks", year_end="")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    org = Organisation(sys.argv[1].rstrip("/"))
    hooks = Hooks()
    invoice = bills(org)
    order = orders(org)
    attachments(org, invoice, order)
    tracking(org)
    changes(org)
    webhooks(org, hooks, Intake(hooks.judge))
    print(f"  xero-python: {len(hooks.events)} events of webhooks verified, {len(todo.wrong)} expectations not met")
    sys.exit(1 if todo.wrong else 0)


if __name__ == "__main__":
    main()
