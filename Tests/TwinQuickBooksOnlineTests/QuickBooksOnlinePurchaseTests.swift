import Kernel
import TwinKit
import TwinQuickBooksOnline
import Testing
import Wire

/// Vendors, bills, what is paid on them, credits and orders.
@Suite struct QuickBooksOnlinePurchaseTests {
    /// Vendor 1, an item that is bought (2), customer 1.
    private func bench() throws -> QuickBooksOnlineBench {
        let bench = try QuickBooksOnlineBench()
        _ = try bench.make("Vendor", "{DisplayName: 'Norton Lumber and Building Materials'}")
        _ = try bench.make(
            "Item", "{Name: 'Garden Supplies', Type: 'NonInventory', IncomeAccountRef: {value: '42'}, ExpenseAccountRef: {value: '52'}, PurchaseCost: 25}")
        _ = try bench.customer("Travis Waldron")
        return bench
    }

    /// - Source: QuickBooks Online API reference, Bill, sample object: one line of lumber, billable to a customer.
    static func bill(_ amount: String = "103.55", number: String = "b1", extra: String = "") -> String {
        """
        {DocNumber: '\(number)', TxnDate: '2026-11-06', VendorRef: {value: '1'}, \(extra)
         Line: [{Description: 'Lumber', DetailType: 'AccountBasedExpenseLineDetail', Amount: \(amount),
          AccountBasedExpenseLineDetail: {TaxCodeRef: {value: 'TAX'}, AccountRef: {value: '53'}, BillableStatus: 'Billable',
           CustomerRef: {value: '1'}}}]}
        """
    }

    static func payment(_ total: String, _ links: String, extra: String = "PayType: 'Check', CheckPayment: {BankAccountRef: {value: '31'}}") -> String {
        "{VendorRef: {value: '1'}, TotalAmt: \(total), PrivateNote: 'Acct. 1JK90', \(extra), Line: [\(links)]}"
    }

    static func link(_ amount: String, _ id: String, _ type: String) -> String {
        "{Amount: \(amount), LinkedTxn: [{TxnId: '\(id)', TxnType: '\(type)'}]}"
    }

    @Test("the documented bill is answered in the documented shape and owes the vendor its total")
    func billSample() throws {
        let bench = try bench()
        let bill = try bench.make("Bill", Self.bill())
        #expect(bill["VendorRef"] == ["value": "1", "name": "Norton Lumber and Building Materials"])
        #expect(bill["APAccountRef"] == ["value": "50", "name": "Accounts Payable (A/P)"])
        #expect(bill["CurrencyRef"] == ["value": "USD", "name": "United States Dollar"])
        for (name, value) in [("TotalAmt", "103.55"), ("Balance", "103.55"), ("DueDate", "2026-11-06"), ("SyncToken", "0"), ("domain", "QBO")] {
            #expect(bill.shown(name) == value, "\(name)")
        }
        #expect(bill["LinkedTxn"] == [] && bill["TxnTaxDetail"] == nil)
        let detail = try #require(bill["Line"]?[0]?["AccountBasedExpenseLineDetail"])
        #expect(detail["AccountRef"] == ["value": "53", "name": "Supplies"] && detail["CustomerRef"] == ["value": "1", "name": "Travis Waldron"])
        #expect(bill.shown("Line", "0", "Id") == "1" && detail.shown("TaxCodeRef", "value") == "TAX")
        #expect(bench.lines(bill.shown("Id")) == ["2000 -10355", "6000 10355"])
        #expect(bench.twin.entries().first?.kind == "bill")
        #expect(try bench.get("vendor/1").body.shown("Vendor", "Balance") == "103.55")
        #expect(try bench.query("select * from Bill where Balance > '0' and VendorRef = '1'").shown("QueryResponse", "totalCount") == "1")
    }

    /// - Source: QuickBooks Online API reference, BillPayment, sample request: a check on one bill.
    @Test("a check pays a bill: the bill is linked as the vendor shows it, and a void opens it again")
    func paid() throws {
        let bench = try bench()
        let bill = try bench.make("Bill", Self.bill("200")).shown("Id")
        let payment = try bench.make("BillPayment", Self.payment("200", Self.link("200", bill, "Bill")))
        #expect(payment.shown("PayType") == "Check" && payment.shown("TotalAmt") == "200.00")
        #expect(payment["CheckPayment"] == ["BankAccountRef": ["value": "31", "name": "Checking"]])
        #expect(payment["Line"]?[0]?["LinkedTxn"] == [["TxnId": .string(bill), "TxnType": "Bill"]])
        let id = payment.shown("Id")
        #expect(bench.lines(id) == ["1000 -20000", "2000 20000"])
        let settled = try #require(try bench.get("bill/\(bill)").body["Bill"])
        #expect(settled.shown("Balance") == "0" && settled.shown("SyncToken") == "1")
        #expect(settled["LinkedTxn"] == [["TxnId": .string(id), "TxnType": "BillPaymentCheck"]])
        #expect(try bench.refusal("bill?operation=delete", "{Id: '\(bill)', SyncToken: '1'}") == "6000", "linked transactions are unlinked first")
        let voided = try bench.post("billpayment?operation=update&include=void", "{Id: '\(id)', SyncToken: '0', sparse: true}")
        #expect(voided.body.shown("BillPayment", "TotalAmt") == "0" && voided.body.shown("BillPayment", "PrivateNote") == "Voided - Acct. 1JK90")
        #expect(try bench.get("bill/\(bill)").body.shown("Bill", "Balance") == "200.00")
        #expect(bench.lines(id).isEmpty && bench.twin.entries().first { $0.id == id }?.live == false)
        #expect(try bench.refusal("bill?operation=delete", "{Id: '\(bill)', SyncToken: '2'}") == "")
        #expect(try bench.refusal("bill?operation=void", "{Id: '\(bill)', SyncToken: '2'}") == "500", "a bill is deleted, never voided")
    }

    @Test("a card pays through its own account, and a vendor's credit is set off against a bill")
    func creditAndCard() throws {
        let bench = try bench()
        let bill = try bench.make("Bill", Self.bill("100")).shown("Id")
        let credit = try bench.make("VendorCredit", Self.bill("90", number: "vc1"))
        #expect(credit.shown("Balance") == "90.00" && credit["DueDate"] == nil)
        let id = credit.shown("Id")
        #expect(bench.lines(id) == ["2000 9000", "6000 -9000"])
        let card = "PayType: 'CreditCard', CreditCardPayment: {CCAccountRef: {value: '51'}}"
        let both = Self.link("100", bill, "Bill") + "," + Self.link("90", id, "VendorCredit")
        let payment = try bench.make("BillPayment", Self.payment("10", both, extra: card))
        #expect(bench.lines(payment.shown("Id")) == ["2000 1000", "2100 -1000"])
        #expect(try bench.get("vendorcredit/\(id)").body.shown("VendorCredit", "Balance") == "0")
        #expect(try bench.get("bill/\(bill)").body.shown("Bill", "LinkedTxn", "0", "TxnType") == "BillPaymentCreditCard")
        #expect(try bench.get("vendor/1").body.shown("Vendor", "Balance") == "0")
        let total = bench.twin.entries().flatMap(\.lines).reduce(Int64(0)) { $0 + $1.minor }
        #expect(total == 0)
    }

    @Test(
        "what does not fit is refused with the vendor's code",
        arguments: [
            ("bill", "{Line: []}", "2020"), ("bill", "{VendorRef: {value: '9'}, Line: [{}]}", "2500"),
            ("bill", bill("-1"), "6000"), ("bill", bill().replacing("'53'", with: "'50'"), "6000"),
            ("bill", bill().replacing("'53'", with: "'99'"), "2500"), ("bill", bill().replacing("'TAX'", with: "'5'"), "6100"),
            ("bill", bill().replacing("CustomerRef: {value: '1'}", with: "MarkupInfo: {}"), "6000"),
            ("bill", bill(extra: "Foo: 1,"), "2010"), ("bill", bill(extra: "TotalTax: 1,"), "2010"),
            ("bill", bill(number: "1234567890123456789012"), "2050"),
            ("bill", bill().replacing("2026-11-06", with: "2026-10-31"), "6200"),
            ("bill", bill(extra: "APAccountRef: {value: '31'},"), "6000"),
            ("bill", bill().replacing("AccountBasedExpenseLineDetail", with: "SalesItemLineDetail"), "2010"),
            ("billpayment", payment("5", ""), ""), ("billpayment", payment("5", link("5", "77", "Bill")), "620"),
            ("billpayment", payment("0", ""), "6000"), ("billpayment", payment("5", "", extra: "PayType: 'Cash'"), "2170"),
            ("billpayment", payment("5", "", extra: "PayType: 'Check'"), "2020"),
            ("billpayment", payment("5", "", extra: "PayType: 'Check', CheckPayment: {BankAccountRef: {value: '51'}}"), "6000"),
            ("vendor", "{DisplayName: 'travis WALDRON'}", "6240"), ("customer", "{DisplayName: 'Norton Lumber and Building Materials'}", "6240"),
            ("vendor", "{DisplayName: 'Hicks Hardware', Vendor1099: 'x'}", "2230"), ("vendor", "{GivenName: 'Ann'}", ""),
        ])
    func refused(entity: String, body: String, code: String) throws {
        #expect(try bench().refusal(entity, body) == code, "\(body)")
    }

    @Test("more than is open can't be paid, and two bills can't bear one number unless asked for")
    func limits() throws {
        let bench = try bench()
        let bill = try bench.make("Bill", Self.bill("100")).shown("Id")
        #expect(try bench.refusal("billpayment", Self.payment("101", Self.link("101", bill, "Bill"))) == "6000")
        #expect(try bench.refusal("bill", Self.bill()) == "6140")
        let other = try bench.make("Vendor", "{DisplayName: 'Books by Bessie'}").shown("Id")
        let foreign = Self.payment("5", Self.link("5", bill, "Bill")).replacing("VendorRef: {value: '1'}", with: "VendorRef: {value: '\(other)'}")
        #expect(try bench.refusal("billpayment", foreign) == "620")
        let sparse = "{Id: '\(bill)', SyncToken: '0', sparse: true, PrivateNote: 'paid by fax'}"
        #expect(try bench.make("Bill", sparse).shown("TotalAmt") == "100.00")
        #expect(try bench.refusal("bill", sparse) == "5010")
        let item = "{DetailType: 'ItemBasedExpenseLineDetail', Amount: 50, ItemBasedExpenseLineDetail: {ItemRef: {value: '2'}, Qty: 2, UnitPrice: 25}}"
        let full = try bench.make("Bill", "{Id: '\(bill)', SyncToken: '1', VendorRef: {value: '1'}, TxnDate: '2026-11-07', Line: [\(item)]}")
        #expect(full["PrivateNote"] == nil && bench.lines(bill) == ["2000 -5000", "5000 5000"])
        #expect(try bench.refusal("bill", "{VendorRef: {value: '1'}, Line: [\(item.replacing("UnitPrice: 25", with: "UnitPrice: 26"))]}") == "6070")
        #expect(try bench.refusal("bill?include=allowduplicatedocnum", Self.bill(number: "b2")) == "")
        #expect(try bench.refusal("bill?include=allowduplicatedocnum", Self.bill(number: "b2")) == "")
    }

    @Test("a journal may owe a vendor, who must be named, and a check may pay it")
    func journals() throws {
        let bench = try bench()
        let entity = "Entity: {Type: 'Vendor', EntityRef: {value: '1'}}"
        let lines = QuickBooksOnlineRuleTests.line("Debit", "53", "40") + "," + QuickBooksOnlineRuleTests.line("Credit", "50", "40", entity)
        let journal = try bench.make("JournalEntry", QuickBooksOnlineRuleTests.journal(lines)).shown("Id")
        #expect(try bench.get("vendor/1").body.shown("Vendor", "Balance") == "40.00")
        let nobody = lines.replacing(entity, with: "")
        #expect(try bench.refusal("journalentry", QuickBooksOnlineRuleTests.journal(nobody)) == "6000")
        _ = try bench.make("BillPayment", Self.payment("40", Self.link("40", journal, "JournalEntry")))
        #expect(try bench.get("vendor/1").body.shown("Vendor", "Balance") == "0")
    }

    /// - Source: QuickBooks Online API reference, PurchaseOrder, sample request.
    @Test("an order posts nothing, is closed by the bills that name its lines, and open again without them")
    func orders() throws {
        let bench = try bench()
        let line = """
            {DetailType: 'ItemBasedExpenseLineDetail', Amount: 25.0, ItemBasedExpenseLineDetail: {ItemRef: {value: '2'}, Qty: 1, UnitPrice: 25,
             TaxCodeRef: {value: 'NON'}, BillableStatus: 'NotBillable'}}
            """
        let body = "{VendorRef: {value: '1'}, ShipTo: {value: '1'}, TotalAmt: 25.0, DocNumber: 'po1', Line: [\(line), \(line)]}"
        let made = try bench.make("PurchaseOrder", body)
        let id = made.shown("Id")
        #expect(made.shown("POStatus") == "Open" && made.shown("TotalAmt") == "50.00" && made["Balance"] == nil)
        #expect(bench.lines(id).isEmpty && bench.twin.entries().first?.kind == "purchase_order")
        let early = "{VendorRef: {value: '1'}, TxnDate: '2026-10-01', Line: [\(line)]}"
        #expect(try bench.refusal("purchaseorder", early) == "", "the books' closing does not touch orders")
        func billLine(_ own: String) -> String {
            String(line.dropLast()) + ", LinkedTxn: [{TxnId: '\(id)', TxnType: 'PurchaseOrder', TxnLineId: '\(own)'}]}"
        }
        let first = try bench.make("Bill", "{VendorRef: {value: '1'}, Line: [\(billLine("1"))]}")
        #expect(first["LinkedTxn"] == [["TxnId": .string(id), "TxnType": "PurchaseOrder"]])
        func status() throws -> String { try bench.get("purchaseorder/\(id)").body.shown("PurchaseOrder", "POStatus") }
        #expect(try status() == "Open")
        let second = try bench.make("Bill", "{VendorRef: {value: '1'}, Line: [\(billLine("2"))]}").shown("Id")
        #expect(try status() == "Closed")
        let closed = try bench.query("select * from PurchaseOrder where POStatus = 'Closed'")
        #expect(closed.shown("QueryResponse", "PurchaseOrder", "0", "LinkedTxn", "1", "TxnId") == second)
        _ = try bench.post("bill?operation=delete", "{Id: '\(second)', SyncToken: '0'}")
        #expect(try status() == "Open")
        #expect(try bench.refusal("bill", "{VendorRef: {value: '1'}, Line: [\(billLine("9"))]}") == "620")
        let token = try bench.get("purchaseorder/\(id)").body.shown("PurchaseOrder", "SyncToken")
        #expect(try bench.refusal("purchaseorder?operation=delete", "{Id: '\(id)', SyncToken: '\(token)'}") == "")
    }

    @Test("a restarted company has the same payables")
    func restart() throws {
        let bench = try bench()
        let bill = try bench.make("Bill", Self.bill("200")).shown("Id")
        _ = try bench.make("BillPayment", Self.payment("50", Self.link("50", bill, "Bill")))
        let later = try bench.restarted()
        #expect(try later.get("bill/\(bill)").body["Bill"] == bench.get("bill/\(bill)").body["Bill"])
        #expect(try later.refusal("billpayment", Self.payment("151", Self.link("151", bill, "Bill"))) == "6000")
        #expect(try later.get("vendor/1").body.shown("Vendor", "Balance") == "150.00")
    }
}
