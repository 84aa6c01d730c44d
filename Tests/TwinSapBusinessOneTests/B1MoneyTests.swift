import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinSapBusinessOne

@Suite("SAP Business One: payments and journals")
struct B1MoneyTests {
    @Test("a payment closes an invoice, and its cancellation opens it again")
    func paid() throws {
        let bench = try B1Bench()
        let entry = try bench.invoice()
        let before = try bench.get("Invoices(\(entry))")
        bench.now = bench.now + .seconds(60)
        let made = try bench.post("IncomingPayments", B1Bench.payment("48.28", B1Bench.applied(entry, "48.28"), more: "\"CounterReference\":\"ch_77\",\"Remarks\":\"cf:zzzz456789abcdef\","))
        #expect(made["DocEntry"] == 1 && made["DocNum"] == 1 && made["Cancelled"] == "tNO" && made["PaymentInvoices"]?[0]?["SumApplied"] == .number("48.28"))
        let invoice = try bench.get("Invoices(\(entry))")
        #expect(invoice["PaidToDate"] == .number("48.28") && invoice["DocumentStatus"] == "bost_Close")
        // Payment is no change of the invoice's own.
        #expect(invoice["UpdateTime"] == before["UpdateTime"] && invoice["DataVersion"] == before["DataVersion"])
        #expect(bench.lines("IncomingPayments", 1) == ["11100: 4828", "12000: -4828"])
        #expect(bench.entry("IncomingPayments", 1)?.key == "zzzz456789abcdef" && bench.entry("IncomingPayments", 1)?.kind == "payment")
        bench.done(.post, "IncomingPayments(1)/Cancel")
        #expect(try bench.get("Invoices(\(entry))")["DocumentStatus"] == "bost_Open")
        #expect(try bench.get("IncomingPayments(1)")["Cancelled"] == "tYES")
        #expect(bench.entry("IncomingPayments", 1)?.live == false)
        #expect(try bench.refusal(.post, "IncomingPayments(1)/Cancel").text == "Payment is already cancelled  [ORCT.Canceled]")
        #expect(try bench.refusal(.delete, "IncomingPayments(1)").code == -5006)
    }

    @Test("what can't be paid is refused", arguments: [
        ("50", "1:50", -10, "Payment amount is greater than invoice amount  [RCT2.SumApplied][line: 1]"), ("10", "1:20", -5002, "The amount is smaller than what is to be paid  [ORCT.DocTotal]"),
        ("10", "9:10", -2028, "No matching records found (ODBC -2028)"), ("0", "", -5002, "Enter an amount  [ORCT.DocTotal]"), ("-1", "", -5002, "Invalid amount  [ORCT.DocTotal]"),
        ("60", "1:30 1:30", -10, "Payment amount is greater than invoice amount  [RCT2.SumApplied][line: 2]"),
    ])
    func refused(sum: String, applied: String, code: Int, text: String) throws {
        let bench = try B1Bench()
        _ = try bench.invoice()
        let rows = applied.split(separator: " ").map { part in
            let halves = part.split(separator: ":")
            return B1Bench.applied(Int(halves[0]) ?? 0, String(halves[1]))
        }
        let refusal = try bench.refusal(.post, "IncomingPayments", B1Bench.payment(sum, rows.joined(separator: ",")))
        #expect(refusal == Refusal(status: code == -2028 ? 404 : 400, code: code, text: text))
        #expect(try bench.get("Invoices(1)")["PaidToDate"] == .number("0.0"))
    }

    @Test("a second payment of the same invoice is refused")
    func twice() throws {
        let bench = try B1Bench()
        let entry = try bench.invoice()
        let body = B1Bench.payment("48.28", B1Bench.applied(entry, "48.28"))
        try bench.post("IncomingPayments", body)
        #expect(try bench.refusal(.post, "IncomingPayments", body) == Refusal(code: -10, text: "Invoice is already closed or blocked   [Message 3524-20]"))
    }

    @Test("money may come in several ways, and more of it than is owed stays with the customer")
    func means() throws {
        let bench = try B1Bench()
        let entry = try bench.invoice()
        let more = "\"CashAccount\":\"_SYS00000000002\",\"CashSum\":10,\"PaymentCreditCards\":[{\"CreditCard\":1,\"CreditSum\":20,\"CardValidUntil\":\"2027-12-31\",\"VoucherNum\":\"1\"}],"
        try bench.post("IncomingPayments", B1Bench.payment("30", "{\"DocEntry\":\(entry)}", more: more))
        #expect(bench.lines("IncomingPayments", 1) == ["11000: 1000", "11100: 3000", "11300: 2000", "12000: -6000"])
        #expect(try bench.get("Invoices(\(entry))")["DocumentStatus"] == "bost_Close")
        try bench.post("IncomingPayments", B1Bench.payment("5", ""))
        #expect(bench.lines("IncomingPayments", 2) == ["11100: 500", "12000: -500"])
        for (body, text) in [
            (B1Bench.payment("5", "", account: "none"), "Invalid account code  [ORCT.TransferAccount] , 'none'"),
            (B1Bench.payment("5", "", more: "\"PaymentCreditCards\":[{\"CreditCard\":9,\"CreditSum\":1}],"), "Invalid credit card  [RCT3.CreditCard][line: 1]"),
            ("{\"CardCode\":\"C20000\",\"TransferSum\":5}", "Specify an account  [ORCT.TransferAccount]"),
        ] { #expect(try bench.refusal(.post, "IncomingPayments", body).text == text) }
    }

    @Test("a credit note pays an invoice, or is paid out")
    func notes() throws {
        let bench = try B1Bench()
        let entry = try bench.invoice()
        for _ in 0..<2 { try bench.post("CreditNotes", B1Bench.sale("R-1", lines: "{\"ItemCode\":\"SHIP\",\"UnitPrice\":5}")) }
        let rows = B1Bench.applied(entry, "48.28") + "," + B1Bench.applied(1, "-5", type: "it_CredItnote")
        try bench.post("IncomingPayments", B1Bench.payment("43.28", rows))
        #expect(try bench.get("CreditNotes(1)")["DocumentStatus"] == "bost_Close")
        #expect(bench.lines("IncomingPayments", 1) == ["11100: 4328", "12000: -4328"])
        try bench.post("VendorPayments", B1Bench.payment("5", B1Bench.applied(2, "5", type: "it_CredItnote"), more: "\"Remarks\":\"cf:yyyy456789abcdef\","))
        #expect(bench.lines("VendorPayments", 1) == ["11100: -500", "12000: 500"] && bench.entry("VendorPayments", 1)?.kind == "refund_payment")
        #expect(try bench.get("CreditNotes(2)")["DocumentStatus"] == "bost_Close")
        #expect(bench.balances)
    }

    @Test("a vendor is paid, and an account")
    func vendors() throws {
        let bench = try B1Bench()
        try bench.post("PurchaseInvoices", B1Bench.sale("B-1", customer: "V10000", lines: "{\"ItemCode\":\"A00001\",\"UnitPrice\":8}"))
        let body = "{\"CardCode\":\"V10000\",\"DocDate\":\"2026-11-21\",\"TransferAccount\":\"_SYS00000000003\",\"TransferSum\":8,\"PaymentInvoices\":[{\"DocEntry\":1,\"SumApplied\":8}]}"
        #expect(try bench.post("VendorPayments", body)["DocType"] == "rSupplier")
        #expect(bench.lines("VendorPayments", 1) == ["11100: -800", "20000: 800"] && bench.entry("VendorPayments", 1)?.kind == "bill_payment")
        let fee = "{\"DocType\":\"rAccount\",\"DocDate\":\"2026-11-21\",\"CashAccount\":\"_SYS00000000002\",\"CashSum\":3,\"PaymentAccounts\":[{\"AccountCode\":\"_SYS00000000016\",\"SumPaid\":3}]}"
        try bench.post("VendorPayments", fee)
        #expect(bench.lines("VendorPayments", 2) == ["11000: -300", "60000: 300"])
        #expect(try bench.refusal(.post, "VendorPayments", fee.replacing("\"SumPaid\":3", with: "\"SumPaid\":4")).code == -5002)
    }

    @Test("what a rate did between invoice and payment is a gain or a loss", arguments: [("1.2", "57.94", "70000: -483"), ("1.0", "48.28", "70000: 483")])
    func rates(rate: String, local: String, gain: String) throws {
        let bench = try B1Bench()
        let entry = try bench.invoice(more: "\"DocCurrency\":\"EUR\",")
        let body = B1Bench.payment("48.28", "{\"DocEntry\":\(entry),\"AppliedFC\":48.28}", more: "\"DocCurrency\":\"EUR\",\"DocRate\":\(rate),")
        let made = try bench.post("IncomingPayments", body)
        #expect(made["PaymentInvoices"]?[0]?["SumApplied"]?.decimal?.shortest.description == local && made["PaymentInvoices"]?[0]?["AppliedFC"] == .number("48.28"))
        #expect(bench.lines("IncomingPayments", 1).contains(gain) && bench.balances)
        let invoice = try bench.get("Invoices(\(entry))")
        #expect(invoice["PaidToDateFC"] == .number("48.28") && invoice["PaidToDate"] == invoice["DocTotal"] && invoice["DocumentStatus"] == "bost_Close")
    }

    private static func journal(_ lines: String, date: String = "2026-11-20", more: String = "") -> String {
        "{\"ReferenceDate\":\"\(date)\",\"DueDate\":\"\(date)\",\"TaxDate\":\"\(date)\",\"Memo\":\"Payout 55\",\"Reference\":\"cf:0123456789abcdef\",\(more)\"JournalEntryLines\":[\(lines)]}"
    }

    @Test("a journal entry is booked and taken back")
    func journal() throws {
        let bench = try B1Bench()
        let made = try bench.post("JournalEntries", Self.journal("{\"AccountCode\":\"_SYS00000000003\",\"Debit\":100.0},{\"ShortName\":\"C20000\",\"Credit\":100.0,\"CostingCode\":\"DEP1\"}", more: "\"U_ExtId\":\"x\","))
        #expect(made["JdtNum"] == 1 && made["JournalEntryLines"]?[1]?["AccountCode"] == "_SYS00000000006" && made["OriginalJournal"] == "ttJournalEntry")
        #expect(bench.lines("JournalEntries", 1) == ["11100: 10000", "12000: -10000"] && bench.entry("JournalEntries", 1)?.key == "0123456789abcdef")
        bench.done(.patch, "JournalEntries(1)", "{\"Memo\":\"Payout 56\"}")
        #expect(try bench.refusal(.patch, "JournalEntries(1)", "{\"JournalEntryLines\":[]}").code == -1029)
        bench.done(.post, "JournalEntries(1)/Cancel")
        #expect(bench.twin.entries().map(\.live) == [false, false] && bench.lines("JournalEntries", 2) == ["11100: -10000", "12000: 10000"])
        for number in [1, 2] { #expect(try bench.refusal(.post, "JournalEntries(\(number))/Cancel").code == -5002) }
        let invoice = try bench.invoice()
        let booked = try #require(try bench.get("Invoices(\(invoice))")["TransNum"]?.int)
        #expect(try bench.refusal(.post, "JournalEntries(\(booked))/Cancel").code == -5006)
    }

    @Test("a foreign journal entry takes its local amounts from the day's rate")
    func foreignJournal() throws {
        let bench = try B1Bench()
        try bench.post("JournalEntries", Self.journal("{\"AccountCode\":\"_SYS00000000003\",\"FCDebit\":100,\"FCCurrency\":\"EUR\"},{\"AccountCode\":\"_SYS00000000012\",\"FCCredit\":100,\"FCCurrency\":\"EUR\"}"))
        #expect(bench.lines("JournalEntries", 1) == ["11100: 11000", "40000: -11000"] && bench.entry("JournalEntries", 1)?.lines.map(\.minor) == [10000, -10000])
        #expect(bench.entry("JournalEntries", 1)?.currency == "EUR")
    }

    @Test("journal entries that are none are refused", arguments: [
        ("{\"AccountCode\":\"_SYS00000000003\",\"Debit\":1},{\"AccountCode\":\"_SYS00000000012\",\"Credit\":2}", "2026-11-20", -5002, "Unbalanced Transaction  [OJDT.LocTotal]"),
        ("{\"AccountCode\":\"_SYS00000000003\",\"Debit\":1}", "2026-11-20", -5002, "Enter at least two lines  [JDT1.Line_ID]"),
        ("{\"Debit\":1},{\"AccountCode\":\"_SYS00000000012\",\"Credit\":1}", "2026-11-20", -5002, "G/L account is missing  [JDT1.Account][line: 1]"),
        ("{\"AccountCode\":\"_SYS00000000003\",\"Debit\":1},{\"AccountCode\":\"_SYS00000000006\",\"Credit\":1}", "2026-11-20", -5002,
            "Control account; specify a business partner  [JDT1.Account][line: 2] , '_SYS00000000006'"),
        ("{\"AccountCode\":\"_SYS00000000003\",\"Debit\":1},{\"ShortName\":\"C9\",\"Credit\":1}", "2026-11-20", -5002, "Invalid BP code  [JDT1.ShortName][line: 2] , 'C9'"),
        ("{\"AccountCode\":\"_SYS00000000003\",\"Debit\":1,\"Credit\":1},{\"AccountCode\":\"_SYS00000000012\"}", "2026-11-20", -5002, "Enter a debit or a credit  [JDT1.Debit][line: 1]"),
        ("{\"AccountCode\":\"_SYS00000000003\",\"Debit\":1},{\"AccountCode\":\"_SYS00000000012\",\"Credit\":1}", "2026-08-01", -4013, "Posting period locked; specify an alternative date"),
        ("{\"AccountCode\":\"_SYS00000000003\",\"FCDebit\":1,\"FCCurrency\":\"CAD\"},{\"AccountCode\":\"_SYS00000000012\",\"FCCredit\":1,\"FCCurrency\":\"CAD\"}", "2026-11-20", -4006, "Update the exchange rate  , 'CAD'"),
    ])
    func wrongJournal(lines: String, date: String, code: Int, text: String) throws {
        let bench = try B1Bench()
        #expect(try bench.refusal(.post, "JournalEntries", Self.journal(lines, date: date)) == Refusal(code: code, text: text))
        #expect(bench.twin.entries().isEmpty)
    }
}
