import Crypto
import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinFreeAgent

@Suite struct FreeAgentInvoiceTests {
    @Test("a draft has touched no book; sent, it is owed by the customer, with the tax apart")
    func sent() throws {
        let desk = try FreeAgentDesk()
        let id = try desk.draft("INV-1", "100.00", rate: "20.0")
        #expect(desk.lines("invoices/\(id)") == [])
        #expect(desk.twin.entries().allSatisfy { !$0.live })
        #expect(try desk.raw(.put, "invoices/\(id)/transitions/mark_as_sent").body.isEmpty)
        #expect(desk.lines("invoices/\(id)") == ["001 -10000", "681 12000", "819 -2000"])
        let shown = try desk.shown("invoice", id)
        #expect(freeAgentMissing(["status": "Overdue", "total_value": "120.0", "due_value": "120.0", "sales_tax_value": "20.0"], in: shown) == [])
    }

    @Test("the header's tax is the sum of the lines' tax, each rounded by itself")
    func rounding() throws {
        let desk = try FreeAgentDesk()
        let line = #"{description: "a", quantity: "3", price: "0.333", sales_tax_rate: "20"}"#
        let exempt = #"{description: "b", quantity: "1", price: "10", sales_tax_rate: "20", sales_tax_status: "EXEMPT"}"#
        let sent = """
            {invoice: {contact: "\(desk.url("contacts/1"))", dated_on: "2026-11-14", payment_terms_in_days: 14, discount_percent: "10",
              invoice_items: [\(line), \(line), \(exempt)]}}
            """
        let invoice = try #require(try desk.call(.post, "invoices", sent)["invoice"])
        // 0.999 less a tenth is 0.8991, so 0.90 each and 0.18 of tax; 10.00 less a tenth without tax.
        let expected: JSON = ["net_value": "10.8", "sales_tax_value": "0.36", "total_value": "11.16", "discount_percent": "10.0", "due_on": "2026-11-28", "reference": "001"]
        #expect(freeAgentMissing(expected, in: invoice) == [])
        #expect(invoice["invoice_items"]?[2]?["sales_tax_rate"] == nil)
    }

    @Test("a quantity that is not sent is nothing, and such an invoice is of zero value")
    func quantity() throws {
        let desk = try FreeAgentDesk()
        let sent = #"{invoice: {contact: "\#(desk.url("contacts/1"))", dated_on: "2026-11-14", payment_terms_in_days: 0, invoice_items: [{description: "a", price: "5"}]}}"#
        try desk.call(.post, "invoices", sent)
        try desk.call(.put, "invoices/1/transitions/mark_as_sent")
        #expect(freeAgentMissing(["status": "Zero Value", "total_value": "0.0"], in: try desk.shown("invoice", "1")) == [])
        #expect(desk.lines("invoices/1") == [])
    }

    @Test("without a rate the contact decides, and the category's own rate counts")
    func automaticTax() throws {
        let desk = try FreeAgentDesk()
        try desk.call(.post, "contacts", #"{contact: {organisation_name: "Galerie Nord", country: "Norway"}}"#)
        try desk.call(.post, "contacts", #"{contact: {organisation_name: "Always Ltd", country: "Norway", charge_sales_tax: "Always"}}"#)
        func tax(_ contact: Int, _ category: String) throws -> String? {
            let sent = """
                {invoice: {contact: "\(desk.url("contacts/\(contact)"))", dated_on: "2026-11-14", payment_terms_in_days: 0,
                  invoice_items: [{description: "a", price: "100", quantity: "1", category: "\(desk.url("categories/\(category)"))"}]}}
                """
            return try desk.call(.post, "invoices", sent).member("invoice", "sales_tax_value")?.string
        }
        #expect(try [tax(1, "001"), tax(1, "015"), tax(3, "001"), tax(4, "001")] == ["20.0", "0.0", "0.0", "20.0"])
    }

    @Test("a reference is used once, by invoices and credit notes together; without one the next number is given")
    func references() throws {
        let desk = try FreeAgentDesk()
        try desk.draft("041", "1.00")
        let sent = #"{contact: "\#(desk.url("contacts/1"))", dated_on: "2026-11-14", payment_terms_in_days: 0, reference: "041"}"#
        #expect(try desk.refusal(.post, "credit_notes", "{credit_note: \(sent)}") == ["reference has already been taken"])
        let next = try desk.call(.post, "credit_notes", #"{credit_note: {contact: "\#(desk.url("contacts/1"))", dated_on: "2026-11-14", payment_terms_in_days: 0}}"#)
        #expect(next.member("credit_note", "reference") == "042")
        #expect(try desk.refusal(.put, "invoices/1", #"{invoice: {reference: "042"}}"#) == ["reference has already been taken"])
        try desk.call(.delete, "credit_notes/1")
        try desk.call(.put, "invoices/1", #"{invoice: {reference: "042"}}"#)
    }

    @Test("a sent invoice is locked line and header, and free again as a draft")
    func locked() throws {
        let desk = try FreeAgentDesk()
        let id = try desk.invoice("INV-1", "10.00")
        let item = try #require(try desk.shown("invoice", id)["invoice_items"]?[0]?["url"]?.string?.split(separator: "/").last)
        let change = #"{invoice: {dated_on: "2026-11-15", reference: "INV-1", comments: "thanks", invoice_items: [{id: \#(item), price: "12.00"}]}}"#
        #expect(
            try desk.refusal(.put, "invoices/\(id)", change) == [
                "dated_on is locked and cannot be changed", "invoice_items.price is locked and cannot be changed", "invoice_items contain errors",
            ])
        try desk.call(.put, "invoices/\(id)", #"{invoice: {comments: "thanks", dated_on: "2026-11-14"}}"#)
        try desk.call(.put, "invoices/\(id)/transitions/mark_as_draft")
        try desk.call(.put, "invoices/\(id)", change)
        let shown = try desk.shown("invoice", id)
        #expect(freeAgentMissing(["total_value": "12.0", "comments": "thanks", "dated_on": "2026-11-15", "status": "Draft"], in: shown) == [])
        #expect(shown["invoice_items"]?.array?.count == 1)
        try desk.call(.put, "invoices/\(id)", #"{invoice: {invoice_items: [{id: \#(item), _destroy: 1}, {description: "Bowl", price: 7, quantity: 1, sales_tax_rate: 0}]}}"#)
        #expect(try desk.shown("invoice", id)["total_value"] == "7.0")
    }

    @Test("transitions go only where they may")
    func transitions() throws {
        let desk = try FreeAgentDesk()
        let id = try desk.invoice("INV-1", "10.00")
        #expect(try desk.refusal(.put, "invoices/\(id)/transitions/mark_as_sent") == ["Invoice cannot be marked as sent"])
        #expect(try desk.refusal(.put, "invoices/\(id)/transitions/mark_as_scheduled") == ["Invoice cannot be marked as scheduled"])
        #expect(try desk.refusal(.delete, "invoices/\(id)") == ["Invoice cannot be deleted unless it is a draft"])
        let payment = try desk.pay(id, "4.00")
        #expect(try desk.refusal(.put, "invoices/\(id)/transitions/mark_as_draft") == ["Invoice cannot be marked as draft"])
        try desk.call(.delete, "bank_transaction_explanations/\(payment)")
        try desk.call(.put, "invoices/\(id)/transitions/mark_as_draft")
        try desk.call(.put, "invoices/\(id)/transitions/mark_as_scheduled")
        #expect(try desk.shown("invoice", id)["status"] == "Scheduled To Email")
        try desk.call(.delete, "invoices/\(id)")
        #expect(try desk.raw(.get, "invoices/\(id)").status == 404)
        #expect(try desk.raw(.put, "invoices/\(id)/transitions/mark_as_sent").status == 404)
        #expect(desk.twin.entries().first { $0.id == "invoices/\(id)" }?.live == false)
        let empty = #"{invoice: {contact: "\#(desk.url("contacts/1"))", dated_on: "2026-11-14", payment_terms_in_days: 0}}"#
        try desk.call(.post, "invoices", empty)
        #expect(try desk.refusal(.put, "invoices/2/transitions/mark_as_sent") == ["invoice_items can't be blank"])
    }

    @Test("what is given up of an overdue invoice is a bad debt, and it can be opened again")
    func writeOff() throws {
        let desk = try FreeAgentDesk()
        let id = try desk.invoice("INV-1", "10.00")
        try desk.pay(id, "4.00")
        try desk.call(.put, "invoices/\(id)/transitions/mark_as_cancelled")
        #expect(freeAgentMissing(["status": "Part written-off", "written_off_date": "2026-11-20"], in: try desk.shown("invoice", id)) == [])
        #expect(desk.lines("invoices/\(id)/write_off") == ["380 600", "681 -600"])
        try desk.call(.put, "invoices/\(id)/transitions/mark_as_sent")
        #expect(try desk.shown("invoice", id)["status"] == "Overdue")
        #expect(desk.lines("invoices/\(id)/write_off") == [])
    }

    @Test("an invoice in another currency stands in the books at its own rate")
    func foreign() throws {
        let desk = try FreeAgentDesk()
        let id = try desk.invoice("INV-1", "100.00", rate: "20", more: #"currency: "EUR", exchange_rate: "0.85","#)
        #expect(desk.lines("invoices/\(id)") == ["001 -8500", "681 10200", "819 -1700"])
        let entry = try #require(desk.twin.entries().first)
        #expect(entry.currency == "EUR" && entry.lines.map(\.minor) == [12_000, -10_000, -2000])
    }

    @Test("a negative draft becomes a credit note")
    func convert() throws {
        let desk = try FreeAgentDesk()
        let id = try desk.draft("INV-1", "-10.00")
        let note = try desk.call(.put, "invoices/\(id)/transitions/convert_to_credit_note")
        #expect(freeAgentMissing(["credit_note": ["url": .string(desk.url("credit_notes/1")), "reference": "INV-1", "total_value": "-10.0"]], in: note) == [])
        #expect(try desk.raw(.get, "invoices/\(id)").status == 404)
        let other = try desk.draft("INV-2", "10.00")
        #expect(try desk.refusal(.put, "invoices/\(other)/transitions/convert_to_credit_note") == ["Invoice cannot be converted to a credit note"])
    }

    @Test("a credit note that is positive is refused")
    func positive() throws {
        let desk = try FreeAgentDesk()
        let sent = """
            {credit_note: {contact: "\(desk.url("contacts/1"))", dated_on: "2026-11-14", payment_terms_in_days: 0,
              credit_note_items: [{description: "Mug back", price: "10", quantity: "1", sales_tax_rate: 0}]}}
            """
        #expect(try desk.refusal(.post, "credit_notes", sent) == ["total_value must be negative"])
    }

    @Test("a duplicate is a draft of today under the next reference")
    func duplicate() throws {
        let desk = try FreeAgentDesk()
        let id = try desk.invoice("007", "10.00")
        try desk.pay(id, "10.00")
        let copy = try desk.call(.post, "invoices/\(id)/duplicate", status: 200)
        let expected: JSON = ["invoice": ["reference": "008", "status": "Draft", "dated_on": "2026-11-20", "paid_value": "0.0", "due_value": "10.0", "total_value": "10.0"]]
        #expect(freeAgentMissing(expected, in: copy) == [])
    }

    @Test("views show what they say")
    func views() throws {
        let desk = try FreeAgentDesk()
        try desk.draft("draft", "1.00")
        try desk.invoice("overdue", "1.00")
        try desk.invoice("open", "1.00", terms: 30)
        try desk.pay(try desk.invoice("paid", "1.00"), "1.00")
        func references(_ query: String) throws -> [String] {
            (try desk.call(.get, "invoices?" + query)["invoices"]?.array ?? []).compactMap { $0["reference"]?.string }
        }
        #expect(try references("view=draft") == ["draft"])
        #expect(try references("view=overdue") == ["overdue"])
        #expect(try references("view=open") == ["open"])
        #expect(try references("view=paid") == ["paid"])
        #expect(try references("view=open_or_overdue") == ["overdue", "open"])
        #expect(try references("view=last_2_months").count == 4)
        #expect(try references("contact=\(Form.percent(desk.url("contacts/1")))").count == 4)
        #expect(try references("contact=2") == [])
        #expect(try desk.raw(.get, "invoices?contact=99").status == 404)
        #expect(try desk.call(.get, "invoices?nested_invoice_items=true")["invoices"]?[0]?["invoice_items"]?.array?.count == 1)
        #expect(try desk.call(.get, "invoices")["invoices"]?[0]?["invoice_items"] == nil)
        let pdf = try desk.call(.get, "invoices/1/pdf").member("pdf", "content")?.string
        #expect(String(decoding: pdf.flatMap { Base64.decode($0) } ?? [], as: UTF8.self).hasPrefix("%PDF"))
    }

    @Test("a message sends a draft")
    func email() throws {
        let desk = try FreeAgentDesk()
        let id = try desk.draft("INV-1", "1.00")
        #expect(try desk.refusal(.post, "invoices/\(id)/send_email", "{invoice: {email: {to: \"a@b.test\"}}}").count == 3)
        try desk.call(.post, "invoices/\(id)/send_email", "{invoice: {email: {use_template: true}}}")
        #expect(try desk.shown("invoice", id)["status"] == "Overdue")
    }
}
