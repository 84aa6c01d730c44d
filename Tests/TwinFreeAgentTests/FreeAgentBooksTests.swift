import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinFreeAgent

@Suite struct FreeAgentBooksTests {
    private func journal(_ desk: FreeAgentDesk, _ entries: String, tag: String = "cf", status: Int = 201) throws -> JSON {
        try desk.call(
            .post, "journal_sets", #"{journal_set: {dated_on: "2026-11-15", description: "day", tag: "\#(tag)", journal_entries: [\#(entries)]}}"#, status: status)
    }

    private func line(_ code: String, _ debit: String, _ more: String = "") -> String {
        #"{category: "https://api.freeagent.com/v2/categories/\#(code)", debit_value: "\#(debit)" \#(more)}"#
    }

    @Test("a journal that does not balance, or touches a bank, stock or an asset, is refused")
    func refused() throws {
        let desk = try FreeAgentDesk()
        func messages(_ entries: String) throws -> [String] { (try journal(desk, entries, status: 422)["errors"]?.array ?? []).compactMap { $0["message"]?.string } }
        #expect(try messages(line("001", "-1.00") + "," + line("363", "1.01")) == ["journal_entries must balance"])
        #expect(try messages(line("750", "1") + "," + line("001", "-1")) == ["journal_entries.category is a bank account, which can no longer be journalled to or from"])
        #expect(try messages(line("609", "1") + "," + line("001", "-1")) == ["journal_entries.stock_item can't be blank"])
        #expect(try messages(line("602", "1") + "," + line("905", "-1")) == ["journal_entries.capital_asset_type can't be blank", "journal_entries.user can't be blank"])
        #expect(try messages("") == ["journal_entries can't be blank"])
        // Source: api-discuss.freeagent.com, topic 2045: a sub account is no category.
        for code in ["750-1", "602-1", "998"] { _ = try journal(desk, line(code, "1") + "," + line("001", "-1"), status: 404) }
        #expect(desk.twin.entries().isEmpty)
    }

    @Test("a journal set is found by its tag and changed entry by entry")
    func changed() throws {
        let desk = try FreeAgentDesk()
        _ = try journal(desk, line("001", "-30") + "," + line("363", "10") + "," + line("366", "20"), tag: "cf:0123456789abcdef")
        _ = try journal(desk, line("001", "-1") + "," + line("363", "1"), tag: "other")
        let found = try desk.call(.get, "journal_sets?tag=\(Form.percent("cf:0123456789abcdef"))")["journal_sets"]?.array ?? []
        #expect(found.count == 1)
        let entries = try #require(found.first?["journal_entries"]?.array)
        let urls = entries.compactMap { $0["url"]?.string }
        let change = """
            {journal_set: {journal_entries: [{url: "\(urls[1])", _destroy: true}, {url: "\(urls[2])", debit_value: "29.0"}, \(line("285", "1.0"))]}}
            """
        try desk.call(.put, "journal_sets/1", change)
        #expect(desk.lines("journal_sets/1") == ["001 -3000", "285 100", "366 2900"])
        #expect(desk.twin.entries().first?.key == "0123456789abcdef")
        #expect(try desk.refusal(.put, "journal_sets/1", #"{journal_set: {journal_entries: [{url: "\#(urls[2])", debit_value: 5}]}}"#) == ["journal_entries must balance"])
        try desk.call(.delete, "journal_sets/1")
        #expect(desk.twin.entries().first?.live == false)
        #expect(try desk.call(.get, "journal_sets/opening_balances").member("journal_set", "description") == "Opening Balances Journal Set")
    }

    @Test("a bill's tax is forced by hand, added to a net value, or taken from the category")
    func bills() throws {
        let desk = try FreeAgentDesk()
        func item(_ more: String) -> String { #"{category: "\#(desk.url("categories/103"))", description: "x", \#(more)}"# }
        let sent = """
            {bill: {contact: "\(desk.url("contacts/2"))", reference: "B-1", dated_on: "2026-11-14", due_on: "2026-12-14", bill_items: [
              \(item(#"total_value: "120", manual_sales_tax_amount: "19.99", sales_tax_rate: 20"#)), \(item(#"total_value_ex_tax: "10""#)),
              \(item(#"total_value: "6", sales_tax_rate: "Auto""#)), \(item(#"total_value: "6", sales_tax_status: "EXEMPT""#))]}}
            """
        let bill = try #require(try desk.call(.post, "bills", sent)["bill"])
        #expect(freeAgentMissing(["total_value": "144.0", "sales_tax_value": "-22.99", "status": "Open"], in: bill) == [])
        let taxes = (bill["bill_items"]?.array ?? []).compactMap { $0["sales_tax_value"]?.string }
        #expect(taxes == ["-19.99", "-2.0", "-1.0", "0.0"])
        #expect(bill["bill_items"]?[0]?["sales_tax_rate"] == nil && bill["bill_items"]?[0]?["manual_sales_tax_amount"] == "19.99")
        #expect(desk.lines("bills/1") == ["103 12101", "796 -14400", "818 2299"])
        let payment = try desk.explain("-144.00", #"paid_bill: "\#(desk.url("bills/1"))", description: "paid""#)
        #expect(desk.lines("bank_transaction_explanations/\(payment)") == ["750-1 -14400", "796 14400"])
        #expect(freeAgentMissing(["status": "Paid", "due_value": "0.0", "paid_value": "144.0"], in: try desk.shown("bill", "1")) == [])
        #expect(try desk.refusal(.delete, "bills/1") == ["Bill cannot be deleted as it has been paid"])
    }

    /// Source: dev.freeagent.com/docs/bills, "Example Multi-Item Request Body".
    @Test("a bill's items are changed by their URLs, and no bill has more than forty")
    func billItems() throws {
        let desk = try FreeAgentDesk()
        func bill(_ count: Int, status: Int = 201) throws -> JSON {
            let items = (0..<count).map { _ in #"{category: "\#(desk.url("categories/285"))", total_value: "1.00"}"# }.joined(separator: ",")
            return try desk.call(
                .post, "bills", #"{bill: {contact: "\#(desk.url("contacts/2"))", reference: "B", dated_on: "2026-11-14", due_on: "2026-11-14", bill_items: [\#(items)]}}"#,
                status: status)
        }
        #expect(try bill(41, status: 422)["errors"]?[0]?["message"] == "bill_items is too long (maximum is 40 items)")
        let urls = (try bill(2).member("bill", "bill_items")?.array ?? []).compactMap { $0["url"]?.string }
        let change = """
            {bill: {reference: "REF100", bill_items: [{url: "\(urls[0])", description: "Updating an existing bill item", total_value: "172.50"},
              {url: "\(urls[1])", _destroy: 1},
              {url: "", category: "https://api.freeagent.com/v2/categories/285", description: "New bill item for accommodation fees", total_value: "200.00"}]}}
            """
        try desk.call(.put, "bills/2", change, status: 404)
        try desk.call(.put, "bills/1", change)
        #expect(freeAgentMissing(["reference": "REF100", "total_value": "372.5"], in: try desk.shown("bill", "1")) == [])
        #expect(
            try desk.refusal(.post, "bills", "{bill: {}}") == [
                "contact can't be blank", "reference can't be blank", "dated_on can't be blank", "due_on can't be blank", "bill_items can't be blank",
            ])
    }

    @Test("the chart has four lists, with bank accounts and users as sub accounts for who asks")
    func chart() throws {
        let desk = try FreeAgentDesk()
        let chart = try desk.call(.get, "categories")
        #expect(chart.object?.map(\.key) == ["admin_expenses_categories", "cost_of_sales_categories", "income_categories", "general_categories"])
        func codes(_ chart: JSON, _ list: String) -> [String] { (chart[list]?.array ?? []).compactMap { $0["nominal_code"]?.string } }
        #expect(codes(chart, "income_categories").first == "001")
        #expect(codes(chart, "general_categories").contains("750"))
        let subs = try desk.call(.get, "categories?sub_accounts=true")
        let general = codes(subs, "general_categories")
        #expect(general.contains("750-2") && general.contains("905-1") && !general.contains("750"))
        let bank = try desk.call(.get, "categories/750-2")["general_categories"]
        #expect(freeAgentMissing(["bank_account": .string(desk.url("bank_accounts/2")), "nominal_code": "750-2"], in: bank) == [])
        #expect(try desk.call(.get, "categories/285").member("admin_expenses_categories", "allowable_for_tax") == true)
        for code in ["998", "750-99", "285-1"] { #expect(try desk.raw(.get, "categories/\(code)").status == 404, "\(code)") }
    }

    @Test("a category keeps to its range and its code, and what holds items can't be changed")
    func categoryRules() throws {
        let desk = try FreeAgentDesk()
        func make(_ code: String, _ group: String, _ more: String = "") throws -> [String] {
            try desk.refusal(.post, "categories", #"{category: {description: "X", nominal_code: "\#(code)", category_group: "\#(group)" \#(more)}}"#)
        }
        #expect(try make("050", "income") == ["nominal_code is not in the range 1 to 49"])
        #expect(try make("47", "income") == ["nominal_code is not in the range 1 to 49"])
        #expect(try make("001", "income") == ["nominal_code has already been taken"])
        #expect(try make("250", "admin_expenses") == ["tax_reporting_name can't be blank"])
        #expect(try make("250", "moon") == ["category_group is not included in the list"])
        try desk.call(.post, "categories", #"{category: {description: "Clearing", nominal_code: "672", category_group: "current_assets", tax_reporting_name: "money_in_transit"}}"#)
        try desk.call(.put, "categories/672", #"{category: {description: "Card clearing", nominal_code: "673"}}"#)
        #expect(try desk.call(.get, "categories/673").member("general_categories", "description") == "Card clearing")
        #expect(try desk.raw(.get, "categories/672").status == 404)
        _ = try journal(desk, line("673", "5") + "," + line("001", "-5"))
        #expect(try desk.refusal(.put, "categories/673", #"{category: {description: "Y"}}"#) == ["Category contains items and cannot be changed"])
        #expect(try desk.refusal(.delete, "categories/001") == ["Category cannot be changed"])
        try desk.call(.delete, "categories/731")
        #expect(try desk.raw(.get, "categories/731").status == 404)
    }

    @Test("a category that was made inactive can't be found by what is written from then on")
    func inactive() throws {
        let desk = try FreeAgentDesk()
        desk.twin.setAccountActive("010", false)
        let sent = """
            {invoice: {contact: "\(desk.url("contacts/1"))", dated_on: "2026-11-14", payment_terms_in_days: 0,
              invoice_items: [{description: "a", price: 1, quantity: 1, category: "\(desk.url("categories/010"))"}]}}
            """
        try desk.call(.post, "invoices", sent, status: 404)
        desk.twin.setAccountActive("010", true)
        try desk.call(.post, "invoices", sent)
    }

    @Test("contacts need a name, are hidden and shown, and stay where documents name them")
    func contacts() throws {
        let desk = try FreeAgentDesk()
        #expect(try desk.refusal(.post, "contacts", #"{contact: {first_name: "Ann"}}"#) == ["organisation_name can't be blank if first_name and last_name are blank"])
        let made = try desk.call(.post, "contacts", #"{contact: {first_name: "Ann", last_name: "Lee", email: "ann@example.com", country: "France"}}"#)
        #expect(freeAgentMissing(["contact": ["status": "Active", "charge_sales_tax": "Auto", "account_balance": "0.0", "locale": "en"]], in: made) == [])
        func names(_ query: String) throws -> [String] {
            (try desk.call(.get, "contacts?" + query)["contacts"]?.array ?? []).map { $0["organisation_name"]?.string ?? $0["last_name"]?.string ?? "" }
        }
        #expect(try names("") == ["Lee", "Packaging Supplies Ltd", "Shop customers"])
        try desk.call(.put, "contacts/3", #"{contact: {status: "Hidden"}}"#)
        #expect(try names("view=active") == ["Packaging Supplies Ltd", "Shop customers"])
        #expect(try names("view=hidden") == ["Lee"])
        #expect(try names("view=all&sort=-created_at").first == "Lee")
        try desk.invoice("INV-1", "10.00")
        #expect(try names("view=clients") == ["Shop customers"])
        #expect(try names("view=open_clients") == ["Shop customers"])
        #expect(try desk.call(.get, "contacts/1").member("contact", "account_balance") == "10.0")
        #expect(try desk.refusal(.delete, "contacts/1") == ["Contact cannot be deleted as it has items associated with it"])
        try desk.call(.delete, "contacts/3")
        #expect(try names("view=all").count == 2)
        let next = try desk.call(.post, "contacts", #"{contact: {organisation_name: "New"}}"#)
        #expect(next.member("contact", "url")?.string?.hasSuffix("/contacts/4") == true)
    }

    @Test("bank accounts keep their currency once money moved")
    func bankAccounts() throws {
        let desk = try FreeAgentDesk()
        let made = try desk.raw(.post, "bank_accounts", #"{bank_account: {name: "SumUp clearing", opening_balance: 0}}"#)
        #expect(made.status == 201 && made.fields["Location"] == desk.url("bank_accounts/6"))
        #expect(try desk.call(.get, "bank_accounts?view=paypal_accounts")["bank_accounts"]?[0]?["name"] == "PayPal")
        try desk.call(.put, "bank_accounts/6", #"{bank_account: {currency: "EUR"}}"#)
        try desk.explain("5.00", #"category: "\#(desk.url("categories/001"))", description: "x""#, account: 6)
        #expect(try desk.refusal(.put, "bank_accounts/6", #"{bank_account: {currency: "USD"}}"#) == ["currency cannot be changed once the bank account has transactions"])
        #expect(desk.twin.entries().first?.currency == "EUR")
        #expect(try desk.refusal(.delete, "bank_accounts/6") == ["Bank account cannot be deleted as it has transactions"])
        #expect(try desk.refusal(.post, "bank_accounts", "{bank_account: {}}") == ["name can't be blank", "opening_balance can't be blank"])
    }

    @Test("the reports are the books: every transaction balances, and so does the trial balance")
    func reports() throws {
        let desk = try FreeAgentDesk()
        let id = try desk.invoice("INV-1", "100.00", rate: "20")
        try desk.pay(id, "120.00")
        try desk.invoice("INV-2", "33.33", rate: "20", more: #"currency: "EUR", exchange_rate: "0.853","#)
        let transactions = try desk.call(.get, "accounting/transactions?from_date=2026-11-01&to_date=2026-11-30&per_page=100")["transactions"]?.array ?? []
        #expect(transactions.count == 8)
        #expect(Set(transactions.compactMap { $0["url"]?.string }).count == 8)
        func cents(_ value: JSON?) -> Int128 { value?.decimal?.rounded(toScale: 2).coefficient ?? 0 }
        #expect(transactions.reduce(0) { $0 + cents($1["debit_value"]) } == 0)
        let bank = try desk.call(.get, "accounting/transactions?nominal_code=750-1")["transactions"]
        #expect(freeAgentMissing([["nominal_code": "750-1", "category_name": "Bank Account", "debit_value": "120.0"]], in: bank) == [])
        #expect(transactions.last { $0["source_item_url"]?.string == desk.url("invoices/2") }?["foreign_currency_data"]?["currency_code"] == "EUR")
        let balance = try desk.call(.get, "accounting/trial_balance/summary")["trial_balance_summary"]?.array ?? []
        #expect(balance.reduce(0) { $0 + cents($1["total"]) } == 0)
        #expect(freeAgentMissing(["display_nominal_code": "750-1", "total": "120.0"], in: balance.first { $0["nominal_code"] == "750-1" }) == [])
        #expect(try desk.raw(.get, "accounting/transactions?from_date=2024-01-01&to_date=2026-11-30").status == 422)
    }

    @Test("a twin that is opened again knows all it ever answered, and gives no number twice")
    func restart() throws {
        let desk = try FreeAgentDesk()
        let id = try desk.invoice("INV-1", "100.00", rate: "20")
        try desk.pay(id, "60.00")
        try desk.creditNote("CN-1", "-10.00")
        let draft = try desk.draft("INV-2", "1.00")
        try desk.call(.delete, "invoices/\(draft)")
        desk.twin.setLockDate(LocalDate("2026-10-31"))
        let again = try desk.reopened()
        for path in ["invoices", "credit_notes", "bank_transactions?bank_account=1", "bank_transaction_explanations?bank_account=1", "categories", "bank_accounts"] {
            #expect(try again.raw(.get, path).body == desk.raw(.get, path).body, "\(path)")
        }
        func shown(_ twin: FreeAgentTwin) -> [String] { twin.entries().map { "\($0.id) \($0.live) \($0.lines)" } }
        #expect(shown(again.twin) == shown(desk.twin))
        #expect(try again.draft("INV-3", "1.00") == "3")
        let early = #"{invoice: {contact: "\#(desk.url("contacts/1"))", dated_on: "2026-10-31", payment_terms_in_days: 0}}"#
        #expect(try again.refusal(.post, "invoices", early) == ["dated_on is in a locked accounting period"])
    }

    @Test("whatever is done, in whatever order, every entry of the books balances and the bank agrees with its rows", arguments: [1, 2, 3, 4, 5] as [UInt64])
    func balances(seed: UInt64) throws {
        let desk = try FreeAgentDesk(seed: seed)
        let random = SeededRandom(seed: seed)
        func pick(_ n: UInt64) -> Int { Int(random.number(below: n)) }
        for step in 0..<120 {
            let amount = "\(pick(200)).\(10 + pick(90))"
            switch pick(7) {
            case 0: _ = try desk.raw(.put, "invoices/\(1 + pick(20))/transitions/\(["mark_as_sent", "mark_as_draft", "mark_as_cancelled"][pick(3)])")
            case 1: _ = try desk.raw(.delete, "bank_transaction_explanations/\(1 + pick(20))")
            case 2, 3:
                let currency = ["GBP", "EUR", "USD"][pick(3)]
                let id = try desk.draft("R-\(step)", amount, rate: ["0", "5", "20"][pick(3)], more: #"currency: "\#(currency)","#)
                try desk.call(.put, "invoices/\(id)/transitions/mark_as_sent")
            case 4:
                let sent = desk.explanation(amount, #"paid_invoice: "\#(desk.url("invoices/\(1 + pick(20))"))""#, account: 1 + pick(5))
                _ = try desk.raw(.post, "bank_transaction_explanations", sent)
            case 5:
                let sent = desk.explanation("-" + amount, #"transfer_bank_account: "\#(desk.url("bank_accounts/\(1 + pick(5))"))""#, account: 1 + pick(5))
                _ = try desk.raw(.post, "bank_transaction_explanations", sent)
            default:
                _ = try desk.raw(.put, "bank_transaction_explanations/\(1 + pick(20))", #"{bank_transaction_explanation: {gross_value: "\#(amount)"}}"#)
            }
        }
        let entries = desk.twin.entries()
        #expect(entries.count > 20)
        for entry in entries { #expect(entry.lines.reduce(0) { $0 + $1.baseMinor } == 0, "\(entry.id), seed \(seed)") }
        for account in 1...5 {
            let shown = try desk.shown("bank_account", "\(account)")
            var sum: Int64 = 0
            for entry in entries where entry.live && entry.currency == shown["currency"]?.string {
                for line in entry.lines where line.account == "750-\(account)" { sum += line.minor }
            }
            let others = entries.contains { $0.live && $0.currency != shown["currency"]?.string && $0.lines.contains { $0.account == "750-\(account)" } }
            if !others { #expect(FANumber.json(sum) == shown["current_balance"], "account \(account), seed \(seed)") }
        }
    }
}
