import Crypto
import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinFreeAgent

/// What moves money, and what of it settles what.
@Suite struct FreeAgentMoneyTests {
    @Test("a payment settles its invoice and makes the bank's row; taken away, all is as before")
    func payment() throws {
        let desk = try FreeAgentDesk()
        let id = try desk.invoice("INV-1", "100.00", rate: "20", terms: 30)
        desk.now = desk.now + .seconds(1)
        let half = try desk.pay(id, "60.00", more: #", description: "cf:0123456789abcdef order 1""#)
        #expect(freeAgentMissing(["status": "Open", "paid_value": "60.0", "due_value": "60.0"], in: try desk.shown("invoice", id)) == [])
        #expect(desk.lines("bank_transaction_explanations/\(half)") == ["681 -6000", "750-1 6000"])
        let entry = try #require(desk.twin.entries().last)
        #expect(entry.kind == "payment" && entry.key == "0123456789abcdef" && entry.live)
        let shown = try desk.shown("bank_transaction_explanation", half)
        #expect(freeAgentMissing(["type": "Invoice Receipt", "is_money_in": true, "paid_invoice": .string(desk.url("invoices/\(id)"))], in: shown) == [])
        let transaction = try desk.call(.get, "bank_transactions/1")["bank_transaction"]
        #expect(freeAgentMissing(["amount": "60.0", "unexplained_amount": "0.0", "is_manual": true], in: transaction) == [])
        try desk.pay(id, "60.00")
        #expect(freeAgentMissing(["status": "Paid", "paid_on": "2026-11-15", "long_status": "Paid on – 15 Nov 26"], in: try desk.shown("invoice", id)) == [])
        try desk.call(.delete, "bank_transaction_explanations/\(half)")
        #expect(try desk.shown("invoice", id)["due_value"] == "60.0")
        #expect(try desk.raw(.get, "bank_transactions/1").status == 404)
        #expect(try desk.call(.get, "bank_accounts/1").member("bank_account", "current_balance") == "60.0")
        #expect(desk.twin.entries().first { $0.id == "bank_transaction_explanations/\(half)" }?.live == false)
    }

    @Test("a payment that changes moves with its invoice")
    func changedPayment() throws {
        let desk = try FreeAgentDesk()
        let (first, second) = (try desk.invoice("INV-1", "10.00"), try desk.invoice("INV-2", "10.00"))
        let payment = try desk.pay(first, "10.00")
        let change = #"{bank_transaction_explanation: {gross_value: "7.00", dated_on: "2026-11-16", paid_invoice: "\#(desk.url("invoices/\(second)"))"}}"#
        let answer = try desk.call(.put, "bank_transaction_explanations/\(payment)", change)
        #expect(freeAgentMissing(["bank_transaction_explanation": ["gross_value": "7.0", "dated_on": "2026-11-16"]], in: answer) == [])
        #expect(try desk.shown("invoice", first)["due_value"] == "10.0")
        #expect(try desk.shown("invoice", second)["due_value"] == "3.0")
        #expect(try desk.call(.get, "bank_transactions/1").member("bank_transaction", "amount") == "7.0")
        let sale = #"{bank_transaction_explanation: {category: "\#(desk.url("categories/051"))", description: "interest after all"}}"#
        try desk.call(.put, "bank_transaction_explanations/\(payment)", sale)
        #expect(try desk.shown("invoice", second)["due_value"] == "10.0")
        #expect(desk.lines("bank_transaction_explanations/\(payment)") == ["051 -700", "750-1 700"])
    }

    @Test("an invoice can be overpaid and the rest given back, but no more than was paid")
    func overpaid() throws {
        let desk = try FreeAgentDesk()
        let id = try desk.invoice("INV-1", "10.00")
        try desk.pay(id, "12.00")
        #expect(freeAgentMissing(["status": "Overpaid", "due_value": "-2.0"], in: try desk.shown("invoice", id)) == [])
        try desk.pay(id, "-2.00")
        #expect(try desk.shown("invoice", id)["status"] == "Paid")
        #expect(try desk.unexplained("-10.01", #"paid_invoice: "\#(desk.url("invoices/\(id)"))""#) == ["gross_value is greater than the amount paid"])
    }

    @Test("a credit note is refunded by money out, to its amount and no further")
    func refund() throws {
        let desk = try FreeAgentDesk()
        let id = try desk.creditNote("CN-1", "-30.00")
        let refund = #"paid_invoice: "\#(desk.url("credit_notes/\(id)"))", description: "refund""#
        let half = try desk.explain("-10.00", refund)
        #expect(desk.lines("bank_transaction_explanations/\(half)") == ["681 1000", "750-1 -1000"])
        #expect(desk.twin.entries().last?.kind == "refund_payment")
        #expect(freeAgentMissing(["refunded_value": "-10.0", "due_value": "-20.0", "status": "Overdue"], in: try desk.shown("credit_note", id)) == [])
        #expect(try desk.unexplained("-20.01", refund) == ["gross_value is greater than the amount due"])
        #expect(try desk.unexplained("10.01", refund) == ["gross_value is greater than the amount paid"])
        try desk.explain("-20.00", refund)
        #expect(freeAgentMissing(["due_value": "0.0", "status": "Refunded", "refunded_on": "2026-11-15"], in: try desk.shown("credit_note", id)) == [])
    }

    @Test("a draft can't be paid")
    func draft() throws {
        let desk = try FreeAgentDesk()
        let id = try desk.draft("INV-1", "10.00")
        #expect(try desk.unexplained("10", #"paid_invoice: "\#(desk.url("invoices/\(id)"))""#) == ["paid_invoice must be sent"])
        #expect(try desk.call(.get, "bank_transactions?bank_account=1")["bank_transactions"]?.array?.isEmpty == true)
    }

    @Test("money in another currency than the invoice's settles what is said, and the rest is a currency gain")
    func foreign() throws {
        let desk = try FreeAgentDesk()
        let id = try desk.invoice("INV-1", "100.00", more: #"currency: "EUR", exchange_rate: "0.85","#)
        let payment = try desk.pay(id, "87.50", more: #", foreign_currency_value: "100.00""#)
        #expect(try desk.shown("invoice", id)["status"] == "Paid")
        #expect(desk.lines("bank_transaction_explanations/\(payment)") == ["390 -250", "681 -8500", "750-1 8750"])
        let shown = try desk.shown("bank_transaction_explanation", payment)
        #expect(freeAgentMissing(["gross_value": "87.5", "foreign_currency_value": "100.0"], in: shown) == [])
    }

    @Test("a fee is money out to a category without tax, and a sale money in with the tax it contains")
    func categories() throws {
        let desk = try FreeAgentDesk()
        let fee = try desk.explain("-1.30", #"category: "\#(desk.url("categories/363"))", description: "fee of ch_77", sales_tax_status: "OUT_OF_SCOPE""#, account: 2)
        #expect(desk.lines("bank_transaction_explanations/\(fee)") == ["363 130", "750-2 -130"])
        let sale = try desk.explain("12.00", #"category: "\#(desk.url("categories/001"))", description: "till""#)
        #expect(desk.lines("bank_transaction_explanations/\(sale)") == ["001 -1000", "750-1 1200", "819 -200"])
        let stated = try desk.explain("12.00", #"nominal_code: "015", description: "books", sales_tax_rate: "Auto", sales_tax_value: "0.50""#)
        #expect(desk.lines("bank_transaction_explanations/\(stated)") == ["015 -1150", "750-1 1200", "819 -50"])
        #expect(try desk.shown("bank_transaction_explanation", sale)["type"] == "Sales")
    }

    @Test("a transfer stands on both accounts, changes on both and goes from both, and is one entry of the books")
    func transfer() throws {
        let desk = try FreeAgentDesk()
        let id = try desk.explain("-170.00", #"transfer_bank_account: "\#(desk.url("bank_accounts/1"))", description: "payout po_1""#, account: 2)
        let shown = try desk.shown("bank_transaction_explanation", id)
        let linked = try #require(shown["linked_transfer_explanation"]?.string?.split(separator: "/").last.map(String.init))
        #expect(freeAgentMissing(["type": "Transfer to Another Account", "linked_transfer_account": .string(desk.url("bank_accounts/1"))], in: shown) == [])
        let other = try desk.shown("bank_transaction_explanation", linked)
        #expect(freeAgentMissing(["gross_value": "170.0", "type": "Transfer from Another Account", "description": "payout po_1"], in: other) == [])
        #expect(desk.lines("bank_transaction_explanations/\(id)") == ["750-1 17000", "750-2 -17000"])
        #expect(desk.twin.entries().count == 1)
        try desk.call(.put, "bank_transaction_explanations/\(id)", #"{bank_transaction_explanation: {gross_value: "-171.00"}}"#)
        #expect(try desk.shown("bank_transaction_explanation", linked)["gross_value"] == "171.0")
        #expect(try desk.call(.get, "bank_accounts/1").member("bank_account", "current_balance") == "171.0")
        try desk.call(.delete, "bank_transaction_explanations/\(linked)")
        #expect(try desk.raw(.get, "bank_transaction_explanations/\(id)").status == 404)
        #expect(try desk.call(.get, "bank_accounts/2").member("bank_account", "current_balance") == "0.0")
    }

    @Test("a transaction of the statement is explained in parts, to its amount")
    func explained() throws {
        let desk = try FreeAgentDesk()
        let statement = #"{statement: [{dated_on: "2026-11-12", amount: "12.00", description: "SHOP", transaction_type: "DEBIT"}]}"#
        try desk.call(.post, "bank_transactions/statement?bank_account=1", statement)
        func explain(_ gross: String, status: Int = 201) throws -> JSON {
            let sent = """
                {bank_transaction_explanation: {bank_transaction: "\(desk.url("bank_transactions/1"))", gross_value: "\(gross)", description: "x",
                  category: "\(desk.url("categories/363"))"}}
                """
            return try desk.call(.post, "bank_transaction_explanations", sent, status: status)
        }
        #expect(try explain("-5.00").member("bank_transaction_explanation", "dated_on") == "2026-11-12")
        for gross in ["-7.01", "1.00"] {
            #expect(try explain(gross, status: 422)["errors"]?[0]?["message"] == "gross_value is greater than the unexplained amount of the bank transaction")
        }
        func shown(_ view: String) throws -> Int? { try desk.call(.get, "bank_transactions?bank_account=1&view=\(view)")["bank_transactions"]?.array?.count }
        #expect(try [shown("unexplained"), shown("explained"), shown("imported"), shown("manual")] == [1, 0, 1, 0])
        #expect(try desk.refusal(.delete, "bank_transactions/1") == ["Bank transaction cannot be deleted as it has explanations"])
        _ = try explain("-7.00")
        #expect(try [shown("unexplained"), shown("explained")] == [0, 1])
        try desk.call(.delete, "bank_transaction_explanations/1")
        #expect(try desk.call(.get, "bank_transactions/1").member("bank_transaction", "unexplained_amount") == "-5.0")
        #expect(try desk.raw(.get, "bank_transactions").status == 400)
    }

    @Test("what an explanation lacks is said")
    func lacks() throws {
        let desk = try FreeAgentDesk()
        #expect(
            try desk.refusal(.post, "bank_transaction_explanations", "{bank_transaction_explanation: {}}") == [
                "bank_account can't be blank", "dated_on can't be blank", "gross_value can't be blank", "category can't be blank", "description can't be blank",
            ])
        #expect(try desk.unexplained("1", #"transfer_bank_account: "\#(desk.url("bank_accounts/1"))""#) == ["transfer_bank_account must be another bank account"])
    }

    @Test("a credit note settles no more than is open on either side")
    func reconciliation() throws {
        let desk = try FreeAgentDesk()
        let (invoice, note) = (try desk.invoice("INV-1", "50.00"), try desk.creditNote("CN-1", "-30.00"))
        func body(_ gross: String) -> String {
            "{credit_note_reconciliation: {gross_value: \"\(gross)\", invoice: \"\(desk.url("invoices/\(invoice)"))\", credit_note: \"\(desk.url("credit_notes/\(note)"))\"}}"
        }
        #expect(try desk.refusal(.post, "credit_note_reconciliations", body("30.01")) == ["gross_value is greater than the amount due on the credit note"])
        #expect(try desk.refusal(.post, "credit_note_reconciliations", body("-1")) == ["gross_value must be greater than 0"])
        try desk.call(.post, "credit_note_reconciliations", body("20"))
        try desk.call(.put, "credit_note_reconciliations/1", "{credit_note_reconciliation: {gross_value: 30}}")
        #expect(freeAgentMissing(["paid_value": "30.0", "due_value": "20.0"], in: try desk.shown("invoice", invoice)) == [])
        #expect(try desk.shown("credit_note", note)["status"] == "Refunded")
        try desk.pay(invoice, "20.00")
        #expect(try desk.shown("invoice", invoice)["status"] == "Paid")
        try desk.call(.delete, "credit_note_reconciliations/1")
        #expect(freeAgentMissing(["due_value": "30.0"], in: try desk.shown("invoice", invoice)) == [])
        let draft = try desk.draft("INV-2", "50.00")
        let sent = #"{credit_note_reconciliation: {gross_value: 1, invoice: "\#(desk.url("invoices/\(draft)"))", credit_note: "\#(desk.url("credit_notes/\(note)"))"}}"#
        #expect(try desk.refusal(.post, "credit_note_reconciliations", sent) == ["invoice must be sent"])
    }

    @Test("a hidden account takes no more money, and a locked day none")
    func closed() throws {
        let desk = try FreeAgentDesk()
        let id = try desk.invoice("INV-1", "10.00")
        let payment = try desk.pay(id, "1.00")
        func refusal() throws -> [String] { try desk.unexplained("1", #"paid_invoice: "\#(desk.url("invoices/\(id)"))""#) }
        desk.twin.setAccountActive("750-1", false)
        #expect(try refusal() == ["bank_account is hidden"])
        desk.twin.setAccountActive("750-1", true)
        desk.twin.setLockDate(LocalDate("2026-11-15"))
        #expect(try refusal() == ["dated_on is in a locked accounting period"])
        #expect(try desk.raw(.delete, "bank_transaction_explanations/\(payment)").status == 403)
        let shown = try desk.shown("bank_transaction_explanation", payment)
        #expect(freeAgentMissing(["is_locked": true, "is_deletable": false], in: shown) == [])
        desk.twin.setLockDate(nil)
        try desk.pay(id, "1.00")
    }

    @Test("a file goes beside an explanation, of the kinds and the size that may")
    func attachment() throws {
        let desk = try FreeAgentDesk()
        func file(_ type: String, _ bytes: [UInt8]) -> String {
            let file = #"{file_name: "a.pdf", content_type: "\#(type)", description: "slip", data: "\#(Base64.encode(bytes))"}"#
            return #"category: "\#(desk.url("categories/363"))", description: "fee", attachment: \#(file)"#
        }
        let id = try desk.explain("-1.00", file("application/x-pdf", Array("%PDF".utf8)))
        let shown = try #require(try desk.shown("bank_transaction_explanation", id)["attachment"])
        #expect(freeAgentMissing(["content_type": "application/x-pdf", "file_name": "a.pdf", "file_size": 4, "description": "slip"], in: shown) == [])
        #expect(try desk.call(.get, "attachments/1")["attachment"]?["url"] == shown["url"])
        try desk.call(.delete, "attachments/1")
        #expect(try desk.shown("bank_transaction_explanation", id)["attachment"] == nil)
        func refusal(_ more: String) throws -> [String] { try desk.unexplained("-1", more) }
        #expect(try refusal(file("text/html", [1])) == ["attachment.content_type is not included in the list"])
        #expect(try refusal(file("image/png", [])) == ["attachment.data can't be blank"])
        #expect(try refusal(file("image/png", [UInt8](repeating: 7, count: (5 << 20) + 1))) == ["attachment.data is too large (maximum is 5 MB)"])
    }
}
