import Kernel
import TwinKit
import TwinQuickBooksOnline
import Testing
import Wire

/// Each rule of the company, provoked.
@Suite struct QuickBooksOnlineRuleTests {
    /// An open invoice body with one line of 100.00, to be varied.
    static func invoice(
        number: String = "k1", customer: String = "1", line: String = "", extra: String = "",
        date: String = "2026-11-14"
    ) -> String {
        let detail = "{Amount: 100, DetailType: 'SalesItemLineDetail', SalesItemLineDetail: {ItemRef: {value: '1'}}}"
        return """
            {DocNumber: '\(number)', TxnDate: '\(date)', CustomerRef: {value: '\(customer)'},
             Line: [\(line.isEmpty ? detail : line)], \(extra)}
            """
    }

    static func item(_ members: String, amount: String = "100", detail: String = "ItemRef: {value: '1'}") -> String {
        "{Amount: \(amount), \(members) DetailType: 'SalesItemLineDetail', SalesItemLineDetail: {\(detail)}}"
    }

    private func bench() throws -> QuickBooksOnlineBench {
        let bench = try QuickBooksOnlineBench()
        _ = try bench.customer()
        return bench
    }

    static let long22 = String(repeating: "x", count: 22)
    static let long4001 = String(repeating: "x", count: 4001)

    @Test(
        "a wrong invoice is refused with the vendor's code",
        arguments: [
            ("2010", invoice(extra: "Colour: 'red'")),
            ("2010", invoice(extra: "docnumber: 'x'")),
            ("2010", invoice(line: item("Colour: 'red',"))),
            ("2010", invoice(line: item("", detail: "ItemRef: {value: '1'}, Amount: 100"))),
            ("2010", invoice(extra: "DepartmentRef: {id: '1'}")),
            ("2010", invoice(extra: "TxnTaxDetail: {Total: 1}")),
            ("2020", "{DocNumber: 'k1', CustomerRef: {value: '1'}}"),
            ("2020", invoice().replacing("CustomerRef: {value: '1'},", with: "")),
            (
                "2020",
                invoice(line: "{DetailType: 'SalesItemLineDetail', SalesItemLineDetail: {ItemRef: {value: '1'}}}")
            ),
            ("2020", invoice(line: "{Amount: 1, SalesItemLineDetail: {ItemRef: {value: '1'}}}")),
            ("2020", invoice(line: "{Amount: 1, DetailType: 'SalesItemLineDetail'}")),
            ("2050", invoice(number: long22)),
            ("2050", invoice(extra: "PrivateNote: '\(long4001)'")),
            ("2050", invoice(line: item("Description: '\(long4001)',"))),
            ("2050", invoice(extra: "CustomerMemo: {value: '\(String(long4001.prefix(1001)))'}")),
            ("2070", invoice(date: "14.11.2026")),
            ("2070", invoice(date: "2026-02-30")),
            ("2090", invoice(line: item("", detail: "ItemRef: {value: '1'}, Qty: 'two', UnitPrice: 50"))),
            ("2140", invoice(line: item("", amount: "1.005"))),
            ("2140", invoice(line: item("", amount: "'much'"))),
            ("2140", invoice(line: item("", amount: "99999999999999"))),
            ("2170", invoice(line: "{Amount: 1, DetailType: 'MagicLineDetail'}")),
            ("2170", invoice(extra: "EmailStatus: 'Maybe'")),
            ("2250", invoice(line: "{DetailType: 'DescriptionOnly', Description: 'x'}")),
            (
                "2290",
                invoice(line: item("") + ", {Amount: -1, DetailType: 'DiscountLineDetail', DiscountLineDetail: {}}")
            ),
            ("2500", invoice(customer: "77")),
            ("2500", invoice(line: item("", detail: "ItemRef: {value: '77'}"))),
            ("2500", invoice(line: item("", detail: "ItemRef: {value: '1'}, ClassRef: {value: '77'}"))),
            ("2500", invoice(extra: "DepartmentRef: {value: '77'}")),
            ("2500", invoice(extra: "TxnTaxDetail: {TxnTaxCodeRef: {value: '77'}}")),
            ("5030", invoice(line: "{Amount: 1, DetailType: 'GroupLineDetail', GroupLineDetail: {}}")),
            ("6000", invoice(line: "{Amount: 1, DetailType: 'JournalEntryLineDetail', JournalEntryLineDetail: {}}")),
            ("6000", invoice(line: item("", amount: "-0.01"))),
            (
                "6000",
                invoice(line: item("") + ", {Amount: 100.01, DetailType: 'DiscountLineDetail', DiscountLineDetail: {}}")
            ),
            ("6000", invoice(extra: "TxnTaxDetail: {TotalTax: 8}")),
            (
                "6000",
                invoice(line: item("", detail: "TaxCodeRef: {value: 'TAX'}"), extra: "TxnTaxDetail: {TotalTax: -8}")
            ),
            ("6000", invoice(extra: "CurrencyRef: {value: 'EUR'}")),
            ("6000", invoice(extra: "ExchangeRate: 1.1")),
            ("", invoice(extra: "ExchangeRate: 0")),
            ("6070", invoice(line: item("", detail: "ItemRef: {value: '1'}, Qty: 3, UnitPrice: 33.33"))),
            (
                "6090",
                invoice(
                    line: item("") + ", {DetailType: 'DiscountLineDetail', DiscountLineDetail: {PercentBased: true}}")
            ),
            ("6100", invoice(line: item("", detail: "TaxCodeRef: {value: '3'}"))),
            ("6200", invoice(date: "2026-10-31")),
            ("", invoice(date: "2026-11-01")),
            ("", invoice(number: String(long22.dropLast()))),
            ("", invoice(line: item("", amount: "0"))),
            ("", invoice(line: item("", detail: "ItemRef: {value: '1'}, Qty: 3, UnitPrice: 33.333333"))),
            ("", invoice(line: item("", detail: "Qty: 0, UnitPrice: 0, ServiceDate: '', TaxInclusiveAmt: 0"))),
            ("", invoice(line: item("", amount: "'100.00'") + "," + item("", amount: "-100"))),
            (
                "",
                invoice(
                    extra: "DueDate: '', TotalAmt: '', Balance: 0, domain: 'QBO', sparse: false, SyncToken: 0, Id: null"
                )
            ),
        ])
    func invoices(code: String, body: String) throws {
        let bench = try bench()
        #expect(try bench.refusal("invoice", body) == code, "\(body.prefix(300))")
        #expect(bench.twin.entries().count == (code.isEmpty ? 1 : 0))
    }

    static func journal(_ lines: String, extra: String = "") -> String {
        "{DocNumber: 'j1', TxnDate: '2026-11-14', Line: [\(lines)], \(extra)}"
    }

    static func line(_ posting: String, _ account: String, _ amount: String, _ extra: String = "") -> String {
        """
        {Amount: \(amount), DetailType: 'JournalEntryLineDetail',
         JournalEntryLineDetail: {PostingType: '\(posting)', AccountRef: {value: '\(account)'}, \(extra)}}
        """
    }

    static let entity = "Entity: {Type: 'Customer', EntityRef: {value: '1'}}"

    @Test(
        "a wrong journal entry is refused with the vendor's code",
        arguments: [
            ("2250", journal(line("Debit", "37", "0"))),
            ("2300", journal(line("Debit", "37", "5") + "," + line("Credit", "34", "4.99"))),
            ("2290", journal(line("Debit", "37", "-5") + "," + line("Credit", "34", "-5"))),
            ("2170", journal(line("Left", "37", "5") + "," + line("Credit", "34", "5"))),
            ("2500", journal(line("Debit", "777", "5") + "," + line("Credit", "34", "5"))),
            ("6000", journal(line("Debit", "37", "5") + "," + line("Credit", "32", "5"))),
            (
                "2500",
                journal(
                    line("Debit", "37", "5") + "," + line("Credit", "32", "5", entity.replacing("'1'", with: "'9'")))
            ),
            ("6000", journal(line("Debit", "32", "5", entity) + "," + line("Credit", "32", "5", entity))),
            ("6000", journal(line("Debit", "37", "5", "TaxCodeRef: {value: 'TAX'}") + "," + line("Credit", "34", "5"))),
            ("2010", journal(line("Debit", "37", "5", "ItemRef: {value: '1'}") + "," + line("Credit", "34", "5"))),
            (
                "6000",
                journal(
                    "{Amount: 5, DetailType: 'SalesItemLineDetail', SalesItemLineDetail: {}},"
                        + line("Debit", "34", "5"))
            ),
            (
                "6200",
                journal(line("Debit", "37", "5") + "," + line("Credit", "34", "5")).replacing("11-14", with: "10-30")
            ),
            ("", journal(line("Debit", "37", "5") + "," + line("Credit", "32", "5", entity))),
            (
                "",
                journal(
                    line("Debit", "37", "5", "TaxApplicableOn: 'Sales', TaxAmount: 0") + "," + line("Credit", "34", "5")
                )
            ),
        ])
    func journals(code: String, body: String) throws {
        #expect(try bench().refusal("journalentry", body) == code, "\(body)")
    }

    @Test("two journal entries can't bear one number, a payment may repeat its reference")
    func numbers() throws {
        let bench = try bench()
        let body = Self.journal(Self.line("Debit", "37", "5") + "," + Self.line("Credit", "34", "5"))
        #expect(try bench.refusal("journalentry", body) == "")
        #expect(try bench.refusal("journalentry", body) == "6140")
        let payment = "{CustomerRef: {value: '1'}, TotalAmt: 5, PaymentRefNum: 'k'}"
        #expect(try bench.refusal("payment", payment) == "")
        #expect(try bench.refusal("payment", payment) == "")
        #expect(try bench.refusal("payment", payment.replacing("'k'", with: "'\(Self.long22)'")) == "2050")
    }

    @Test(
        "names are unique without regard to case, and hold no colon",
        arguments: [
            ("customer", "{DisplayName: 'shop CUSTOMERS'}", "6240"),
            ("customer", "{DisplayName: ' Shop customers '}", "6240"),
            ("customer", "{DisplayName: 'a:b'}", "2040"), ("customer", "{Notes: 'nobody'}", "6080"),
            ("customer", "{DisplayName: '\(String(repeating: "n", count: 501))'}", "2050"),
            ("customer", "{GivenName: 'Ann'}", ""),
            ("customer", "{DisplayName: 'Euro', CurrencyRef: {value: 'EUR'}}", "6000"),
            ("customer", "{Name: 'x'}", "2010"),
            ("item", "{Name: 'services', IncomeAccountRef: {value: '39'}}", "6240"), ("item", "{Name: 'Mug'}", "2020"),
            ("item", "{Type: 'Service', IncomeAccountRef: {value: '39'}}", "2020"),
            ("item", "{Name: 'Mug', IncomeAccountRef: {value: '7'}}", "2500"),
            ("item", "{Name: 'Mug', IncomeAccountRef: {value: '32'}}", "6000"),
            ("item", "{Name: 'Mug', Type: 'Inventory', IncomeAccountRef: {value: '39'}}", "5030"),
            ("item", "{Name: 'Mug', Type: 'Thing', IncomeAccountRef: {value: '39'}}", "2170"),
            ("item", "{Name: 'Gift card', IncomeAccountRef: {value: '37'}}", ""),
            ("account", "{Name: 'New', AccountType: 'Income', AcctNum: '4010'}", "6000"),
            ("account", "{Name: 'New', AccountType: 'Magic'}", "2170"), ("account", "{Name: 'New'}", "6010"),
            ("account", "{Name: 'Rounding', AccountType: 'Income'}", "6240"),
            ("account", "{Name: 'New', AccountType: 'Income'}", ""),
            ("class", "{Name: 'online'}", "6240"), ("department", "{Name: 'Shop 2'}", ""),
        ])
    func names(entity: String, body: String, code: String) throws {
        #expect(try bench().refusal(entity, body) == code)
    }

    @Test("an update needs the current version, and a full one clears what it leaves out")
    func versions() throws {
        let bench = try bench()
        let made = try bench.make("Invoice", Self.invoice(extra: "PrivateNote: 'n', CustomerMemo: {value: 'm'}"))
        let id = made.shown("Id")
        let sparse = try bench.make("Invoice", "{Id: '\(id)', SyncToken: '0', sparse: true, PrivateNote: 'changed'}")
        #expect(sparse.shown("SyncToken") == "1")
        #expect(sparse.shown("PrivateNote") == "changed" && sparse.shown("CustomerMemo", "value") == "m")
        #expect(sparse.shown("TotalAmt") == "100.00")
        #expect(
            try bench.refusal("invoice", "{Id: '\(id)', SyncToken: '0', sparse: true, PrivateNote: 'late'}") == "5010")
        #expect(try bench.refusal("invoice", "{Id: '\(id)', sparse: true}") == "2020")
        #expect(try bench.refusal("invoice", "{Id: 'abc', SyncToken: '0', sparse: true}") == "2030")
        #expect(try bench.refusal("invoice", "{Id: '999', SyncToken: '0', sparse: true}") == "610")
        let full = Self.invoice(extra: "Id: '\(id)', SyncToken: '1'")
        let whole = try bench.make("Invoice", full)
        #expect(whole["PrivateNote"] == nil && whole["CustomerMemo"] == nil)
        #expect(whole.shown("SyncToken") == "2")
        #expect(whole.shown("MetaData", "CreateTime") == made.shown("MetaData", "CreateTime"))
        #expect(try bench.refusal("invoice?operation=delete", "{Id: '\(id)', SyncToken: '1'}") == "5010")
        #expect(try bench.refusal("customer?operation=delete", "{Id: '1', SyncToken: '0'}") == "500")
    }

    @Test(
        "the same requestid replays the first answer, also an error, also after the object is gone and after a restart")
    func replay() throws {
        let bench = try bench()
        let first = bench.call(.post, "invoice?requestid=r1", try JSON(json5: Self.invoice()).text)
        bench.clocks.advance(by: .seconds(5))
        let again = bench.call(.post, "invoice?requestid=r1", try JSON(json5: Self.invoice(number: "other")).text)
        #expect(again.body == first.body)
        #expect(bench.twin.entries().count == 1)
        let refused = bench.call(.post, "invoice?requestid=r2", try JSON(json5: Self.invoice()).text)
        #expect(refused.status == 400)
        let id = try JSON(parsing: first.body).shown("Invoice", "Id")
        _ = try bench.post("invoice?operation=delete", "{Id: '\(id)', SyncToken: '0'}")
        let later = try bench.restarted()
        #expect(later.call(.post, "invoice?requestid=r1", "{}").body == first.body)
        #expect(later.call(.post, "invoice?requestid=r2", "{}").body == refused.body)
        #expect(later.twin.entries().isEmpty)
        let body = try JSON(json5: Self.invoice()).text
        #expect(bench.call(.post, "invoice?requestid=\(String(repeating: "r", count: 51))", body).status == 400)
        #expect(bench.call(.post, "invoice?requestid=\(String(repeating: "r", count: 50))", body).status == 200)
    }

    @Test("a batch replays as one, and its requestid and item ids are short")
    func batchReplay() throws {
        let bench = try bench()
        let body = "{BatchItemRequest: [{bId: 'b1', operation: 'create', Invoice: \(Self.invoice())}]}"
        let first = try bench.post("batch?requestid=one", body)
        #expect(try bench.post("batch?requestid=one", body).body == first.body)
        #expect(bench.twin.entries().count == 1)
        let longID = String(repeating: "r", count: 37)
        let long = try bench.post("batch?requestid=\(longID)", body)
        #expect(long.status == 200)
        #expect(long.body.shown("BatchItemResponse", "0", "Fault", "Error", "0", "code") == "6000")
        let item = try bench.post("batch?requestid=two", body.replacing("'b1'", with: "'b2345678901'"))
        #expect(item.body.shown("BatchItemResponse", "0", "Fault", "Error", "0", "code") == "6000")
    }

    @Test("an inactive account, item or customer can't be used, by name or through an item")
    func inactive() throws {
        let bench = try bench()
        let garden = try bench.item("Garden", account: "42")
        let body = Self.invoice(line: Self.item("", detail: "ItemRef: {value: '\(garden)'}"))
        bench.twin.setAccountActive("4030", false)
        let (status, answer) = try bench.post("invoice", body)
        #expect(status == 400)
        #expect(answer.shown("Fault", "Error", "0", "code") == "610")
        #expect(answer.shown("Fault", "Error", "0", "Detail").contains("made inactive"))
        let journal = Self.journal(Self.line("Debit", "42", "5") + "," + Self.line("Credit", "34", "5"))
        #expect(try bench.refusal("journalentry", journal) == "610")
        let hidden = try bench.query("select * from Account where AcctNum = '4030'")
        #expect(hidden["QueryResponse"] == [:])
        let later = try bench.restarted()
        #expect(try later.refusal("invoice", body) == "610")
        later.twin.setAccountActive("4030", true)
        #expect(try later.refusal("invoice", body) == "")
        _ = try later.make("Item", "{Id: '\(garden)', SyncToken: '0', sparse: true, Active: false}")
        #expect(try later.refusal("invoice", body.replacing("'k1'", with: "'k2'")) == "610")
        _ = try later.make("Customer", "{Id: '1', SyncToken: '0', sparse: true, Active: false}")
        #expect(try later.refusal("invoice", Self.invoice(number: "k3")) == "610")
    }

    @Test(
        "closing the books refuses creating, changing, voiding and deleting up to that day, and opening allows it again"
    )
    func closedBooks() throws {
        let bench = try bench()
        let id = try bench.make("Invoice", Self.invoice()).shown("Id")
        bench.twin.setLockDate(LocalDate("2026-11-14"))
        let key = "{Id: '\(id)', SyncToken: '0'}"
        #expect(try bench.refusal("invoice", "{Id: '\(id)', SyncToken: '0', sparse: true, PrivateNote: 'x'}") == "6200")
        #expect(
            try bench.refusal("invoice", "{Id: '\(id)', SyncToken: '0', sparse: true, TxnDate: '2026-12-01'}") == "6200"
        )
        #expect(try bench.refusal("invoice?operation=void", key) == "6200")
        #expect(try bench.refusal("invoice?operation=delete", key) == "6200")
        #expect(try bench.refusal("invoice", Self.invoice(number: "k2")) == "6200")
        let closed = try bench.restarted().get("preferences").body
        #expect(closed.shown("Preferences", "AccountingInfoPrefs", "BookCloseDate") == "2026-11-14")
        bench.twin.setLockDate(nil)
        #expect(try bench.refusal("invoice", Self.invoice(number: "k3", date: "2025-01-01")) == "")
        #expect(try bench.refusal("invoice?operation=delete", key) == "")
    }

    @Test("a stated tax is kept; without one automated sales tax works out its own")
    func automatedSalesTax() throws {
        let bench = try bench()
        let taxed = Self.item("", detail: "TaxCodeRef: {value: 'TAX'}")
        let discount = ", {Amount: 10, DetailType: 'DiscountLineDetail', DiscountLineDetail: {}}"
        let stated = try bench.make(
            "Invoice", Self.invoice(number: "a", line: taxed, extra: "TxnTaxDetail: {TotalTax: 7.31}"))
        #expect(stated.shown("TotalAmt") == "107.31")
        let none = try bench.make(
            "Invoice", Self.invoice(number: "b", line: taxed, extra: "TxnTaxDetail: {TotalTax: 0}"))
        #expect(none.shown("TotalAmt") == "100.00")
        let own = try bench.make("Invoice", Self.invoice(number: "c", line: taxed + discount))
        #expect(own.shown("TxnTaxDetail", "TotalTax") == "7.20", "8 % of 90.00")
        let exempt = try bench.make("Invoice", Self.invoice(number: "d"))
        #expect(exempt.shown("TotalAmt") == "100.00")
        let percent =
            ", {DetailType: 'DiscountLineDetail', DiscountLineDetail: {PercentBased: true, DiscountPercent: 12.5}}"
        let cut = try bench.make("Invoice", Self.invoice(number: "e", line: Self.item("") + percent))
        #expect(cut.shown("TotalAmt") == "87.50")
    }

    @Test(
        "a receipt goes to its deposit account; a refund must name one",
        arguments: [
            ("salesreceipt", "", "1250 10000"), ("salesreceipt", "DepositToAccountRef: {value: '34'}", "1310 10000"),
            ("refundreceipt", "DepositToAccountRef: {value: '34'}", "1310 -10000"),
        ])
    func receipts(entity: String, extra: String, line: String) throws {
        let bench = try bench()
        #expect(try bench.refusal(entity, Self.invoice(extra: extra)) == "")
        let entry = try #require(bench.twin.entries().first)
        #expect(bench.lines(entry.id).contains(line))
        #expect(try bench.refusal("refundreceipt", Self.invoice(number: "k2")) == "2020")
        #expect(
            try bench.refusal(entity, Self.invoice(number: "k3", extra: "DepositToAccountRef: {value: '32'}")) == "6000"
        )
    }
}
