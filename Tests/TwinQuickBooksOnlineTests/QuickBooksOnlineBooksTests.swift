import Kernel
import TwinKit
import TwinQuickBooksOnline
import Testing
import Wire

/// Payments, voids and the double entry underneath.
@Suite struct QuickBooksOnlineBooksTests {
    typealias Rules = QuickBooksOnlineRuleTests

    private func bench() throws -> QuickBooksOnlineBench {
        let bench = try QuickBooksOnlineBench()
        _ = try bench.customer()
        return bench
    }

    static func payment(_ total: String, _ links: [(String, String, String)], extra: String = "") -> String {
        let lines = links.map { "{Amount: \($0.0), LinkedTxn: [{TxnId: '\($0.2)', TxnType: '\($0.1)'}]}" }
        return """
            {CustomerRef: {value: '1'}, TotalAmt: \(total), TxnDate: '2026-11-14', PaymentRefNum: 'ch_3Q',
             DepositToAccountRef: {value: '34'}, PrivateNote: 'cf:pk transaction 7',
             Line: [\(lines.joined(separator: ","))],
             \(extra)}
            """
    }

    @Test("a payment lowers the invoice's balance, links it and raises its version")
    func applied() throws {
        let bench = try bench()
        let id = try bench.make("Invoice", Rules.invoice()).shown("Id")
        let payment = try bench.make("Payment", Self.payment("60", [("60", "Invoice", id)]))
        #expect(payment.shown("UnappliedAmt") == "0" && payment.shown("TotalAmt") == "60.00")
        #expect(payment.shown("ProcessPayment") == "false")
        #expect(payment.shown("Line", "0", "LinkedTxn", "0", "TxnId") == id)
        let invoice = try #require(try bench.get("invoice/\(id)").body["Invoice"])
        #expect(invoice.shown("Balance") == "40.00" && invoice.shown("SyncToken") == "1")
        #expect(invoice["LinkedTxn"] == [["TxnId": .string(payment.shown("Id")), "TxnType": "Payment"]])
        #expect(bench.lines(payment.shown("Id")) == ["1200 -6000", "1310 6000"])
        #expect(try bench.refusal("invoice", "{Id: '\(id)', SyncToken: '0', sparse: true, PrivateNote: 'x'}") == "5010")
        let over = try bench.make("Payment", Self.payment("50", [("40", "Invoice", id)]))
        #expect(over.shown("UnappliedAmt") == "10.00")
        let customer = try bench.get("customer/1").body
        #expect(customer.shown("Customer", "Balance") == "-10.00")
        let account = try bench.get("account/34").body
        #expect(account.shown("Account", "CurrentBalance") == "110.00")
    }

    @Test(
        "a payment that can't be applied so is refused",
        arguments: [
            ("620", "60", [("60", "Invoice", "999")]), ("620", "60", [("60", "Bill", "INV")]),
            ("620", "60", [("60", "CreditMemo", "INV")]),
            ("6000", "100.01", [("100.01", "Invoice", "INV")]), ("6000", "50", [("60", "Invoice", "INV")]),
            ("6000", "0", []), ("6000", "-5", []), ("2290", "5", [("-5", "Invoice", "INV")]),
            ("6000", "100", [("50", "Invoice", "INV"), ("50", "Invoice", "INV")]),
            ("6000", "0", [("5", "CreditMemo", "MEMO")]),
            ("", "100", [("100", "Invoice", "INV")]),
            ("", "0", [("30", "Invoice", "INV"), ("30", "CreditMemo", "MEMO")]),
        ])
    func refused(code: String, total: String, links: [(String, String, String)]) throws {
        let bench = try bench()
        let invoice = try bench.make("Invoice", Rules.invoice()).shown("Id")
        let memo = try bench.make("CreditMemo", Rules.invoice(line: Rules.item("", amount: "30"))).shown("Id")
        let real = links.map { ($0.0, $0.1, $0.2 == "INV" ? invoice : $0.2 == "MEMO" ? memo : $0.2) }
        #expect(try bench.refusal("payment", Self.payment(total, real)) == code)
    }

    @Test("a credit memo is used up by a payment of nothing")
    func creditApplied() throws {
        let bench = try bench()
        let invoice = try bench.make("Invoice", Rules.invoice()).shown("Id")
        let memo = try bench.make("CreditMemo", Rules.invoice(line: Rules.item("", amount: "30"))).shown("Id")
        _ = try bench.make("Payment", Self.payment("0", [("30", "Invoice", invoice), ("30", "CreditMemo", memo)]))
        #expect(try bench.get("creditmemo/\(memo)").body.shown("CreditMemo", "RemainingCredit") == "0")
        #expect(try bench.get("invoice/\(invoice)").body.shown("Invoice", "Balance") == "70.00")
        #expect(bench.lines(memo) == ["1200 -3000", "4000 3000"])
    }

    @Test("a gift card journal can be applied to the invoice it pays")
    func journalApplied() throws {
        let bench = try bench()
        let invoice = try bench.make("Invoice", Rules.invoice()).shown("Id")
        let lines = Rules.line("Debit", "37", "25") + "," + Rules.line("Credit", "32", "25", Rules.entity)
        let journal = try bench.make("JournalEntry", Rules.journal(lines)).shown("Id")
        _ = try bench.make("Payment", Self.payment("0", [("25", "Invoice", invoice), ("25", "JournalEntry", journal)]))
        #expect(try bench.get("invoice/\(invoice)").body.shown("Invoice", "Balance") == "75.00")
        #expect(
            try bench.refusal(
                "payment", Self.payment("0", [("1", "Invoice", invoice), ("1", "JournalEntry", journal)])) == "6000")
    }

    @Test("changing a payment moves what it applies; deleting or voiding it frees the invoice")
    func unapplied() throws {
        let bench = try bench()
        let id = try bench.make("Invoice", Rules.invoice()).shown("Id")
        func balance() throws -> String { try bench.get("invoice/\(id)").body.shown("Invoice", "Balance") }
        let first = try bench.make("Payment", Self.payment("60", [("60", "Invoice", id)])).shown("Id")
        _ = try bench.make(
            "Payment", Self.payment("60", [("20", "Invoice", id)], extra: "Id: '\(first)', SyncToken: '0'"))
        #expect(try balance() == "80.00")
        #expect(try bench.post("payment?operation=delete", "{Id: '\(first)', SyncToken: '1'}").status == 200)
        #expect(try balance() == "100.00")
        let second = try bench.make("Payment", Self.payment("60", [("60", "Invoice", id)])).shown("Id")
        let void = try bench.post(
            "payment?operation=update&include=void", "{Id: '\(second)', SyncToken: '0', sparse: true}")
        #expect(void.body.shown("Payment", "TotalAmt") == "0")
        #expect(void.body.shown("Payment", "PrivateNote") == "Voided - cf:pk transaction 7")
        #expect(try balance() == "100.00")
        let entry = try #require(bench.twin.entries().first { $0.id == second })
        #expect(!entry.live && entry.lines.isEmpty && entry.key == "pk")
    }

    @Test("a voided invoice stays with zero amounts, keeps its number, and leaves its payment unapplied")
    func voided() throws {
        let bench = try bench()
        let id = try bench.make("Invoice", Rules.invoice(extra: "PrivateNote: 'cf:k1 order 9'")).shown("Id")
        let payment = try bench.make("Payment", Self.payment("60", [("60", "Invoice", id)])).shown("Id")
        let (status, body) = try bench.post("invoice?operation=void", "{Id: '\(id)', SyncToken: '1'}")
        #expect(status == 200)
        for name in ["TotalAmt", "Balance"] { #expect(body.shown("Invoice", name) == "0") }
        #expect(body.shown("Invoice", "PrivateNote") == "Voided - cf:k1 order 9")
        #expect(try bench.get("payment/\(payment)").body.shown("Payment", "UnappliedAmt") == "60.00")
        let entry = try #require(bench.twin.entries().first { $0.id == id })
        #expect(!entry.live && entry.key == "k1" && entry.lines.isEmpty)
        #expect(try bench.refusal("invoice", Rules.invoice()) == "6140")
        #expect(try bench.refusal("creditmemo?operation=void", "{Id: '1', SyncToken: '0'}") == "500")
        #expect(try bench.refusal("payment", Self.payment("5", [("0", "Invoice", id)])) == "620")
    }

    @Test(
        "the judge reads kind, key and reference from the product's notes",
        arguments: [
            ("transaction 7300400500001", "Credit", "payment"),
            ("transaction 7300400500001 | x", "Debit", "refund_payment"),
            ("order 6120034117000", "Credit", "journal"), ("transactions 1", "Credit", "journal"),
        ])
    func kinds(reference: String, side: String, kind: String) throws {
        let bench = try bench()
        let other = side == "Credit" ? "Debit" : "Credit"
        let lines = Rules.line(side, "32", "5", Rules.entity) + "," + Rules.line(other, "37", "5")
        _ = try bench.make(
            "JournalEntry", Rules.journal(lines, extra: "PrivateNote: 'cf:0123456789abcdef \(reference)'"))
        let entry = try #require(bench.twin.entries().first)
        #expect(entry.kind == kind)
        #expect(entry.key == "0123456789abcdef")
        #expect(entry.reference.hasPrefix("cf:0123456789abcdef \(reference)"))
        #expect(entry.date == LocalDate("2026-11-14") && entry.currency == "USD" && entry.live)
    }

    @Test("a document without the product's note has neither key nor reference")
    func foreignNotes() throws {
        let bench = try bench()
        _ = try bench.make("Invoice", Rules.invoice(extra: "PrivateNote: 'typed by hand cf:k1 order 9'"))
        let entry = try #require(bench.twin.entries().first)
        #expect(entry.kind == "invoice" && entry.key == "" && entry.reference == "")
    }

    @Test("moving an item to another account leaves posted lines where they were")
    func itemMoved() throws {
        let bench = try bench()
        let item = try bench.item("Mug", account: "40")
        let id = try bench.make("Invoice", Rules.invoice(line: Rules.item("", detail: "ItemRef: {value: '\(item)'}")))
            .shown("Id")
        _ = try bench.make("Item", "{Id: '\(item)', SyncToken: '0', sparse: true, IncomeAccountRef: {value: '41'}}")
        #expect(bench.lines(id).contains("4010 -10000"))
        _ = try bench.make("Invoice", "{Id: '\(id)', SyncToken: '0', sparse: true, PrivateNote: 'x'}")
        #expect(bench.lines(id).contains("4010 -10000"))
    }
}
