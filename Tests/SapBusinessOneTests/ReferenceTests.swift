import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import SapBusinessOne

@Suite("Customers, items and the chart") struct ReferenceTests {
    private let shop = ReferenceWant(kind: .party, key: "shop", name: "Shop customers", text: "Shop customers")
    private let mug = ReferenceWant(kind: .item, key: "A00001", name: "Mug", text: "Mug", account: "400000")
    private let items = facts(["lines": "items"])

    @Test("a sale wants its customer and items, a payout nothing") func wants() {
        #expect(connector.references(for: simple()).map(\.key) == ["shop", "sales:homeware"])
        #expect(connector.references(for: taxed()).map(\.kind) == [.party, .item, .item])
        #expect(connector.references(for: payment()).map(\.key) == ["shop"] && connector.references(for: payment(fee: 30)).map(\.key) == ["shop"])
        #expect(connector.references(for: payout()).isEmpty && connector.references(for: document(.memo, [])).isEmpty)
    }

    @Test("a customer is found by the code that we would give it, else by its name; quotes stay text") func customers() {
        let (end, calls) = drive(connector.findReferences([shop], facts), [list(#"{"CardCode":"C1","CardName":"Shop customers"}"#)])
        #expect(end.output == ["shop": "C1"])
        #expect(filter(calls[0]) == "CardType eq 'cCustomer' and (CardName eq 'Shop customers' or CardCode eq 'CF-shop')")
        let both = list(#"{"CardCode":"C1","CardName":"Shop customers"}"#, #"{"CardCode":"CF-shop","CardName":"Renamed"}"#)
        #expect(drive(connector.findReferences([shop], facts), [both]).end.output == ["shop": "CF-shop"])
        let frozen = list(#"{"CardCode":"C1","CardName":"Shop customers","Frozen":"tYES"}"#)
        #expect(drive(connector.findReferences([shop], facts), [frozen]).end.output == [:], "a customer that nobody may write to is none")
        var ann = shop
        ann.name = "Ann O'Doe' or '1' eq '1"
        #expect(filter(drive(connector.findReferences([ann], facts)).calls[0])?.contains("CardName eq 'Ann O''Doe'' or ''1'' eq ''1'") == true)
        #expect(drive(connector.findReferences([], facts)).calls.isEmpty)
    }

    @Test("where lines go by account no item is asked for or made") func noItems() {
        let (end, calls) = drive(connector.findReferences([mug], facts))
        #expect(calls.isEmpty && end.output == [:])
        #expect(drive(connector.createReferences([mug], facts)).end.output == [:])
    }

    @Test("items are found by their code; one that is kept in stock there is refused") func stock() {
        let (end, calls) = drive(connector.findReferences([mug], items), [list(#"{"ItemCode":"A00001","InventoryItem":"tNO"}"#)])
        #expect(end.output == ["A00001": "A00001"] && filter(calls[0]) == "ItemCode eq 'A00001'")
        #expect(drive(connector.findReferences([mug], items), [list(#"{"ItemCode":"A00001","InventoryItem":"tYES"}"#)]).end.fault?.code == "item_stocked")
    }

    @Test("a customer takes any currency; an item is no stock") func bodies() throws {
        let calls = drive(
            connector.createReferences([shop, mug, shop], items),
            [answer(#"{"CardCode":"CF-shop"}"#, status: 201), answer(#"{"ItemCode":"A00001"}"#, status: 201)])
        #expect(calls.end.output == ["shop": "CF-shop", "A00001": "A00001"] && calls.calls.count == 2)
        #expect(try body(calls.calls[0]) == json(###"{"CardCode":"CF-shop","CardName":"Shop customers","CardType":"cCustomer","Currency":"##"}"###))
        #expect(try body(calls.calls[1]) == json(#"{"ItemCode":"A00001","ItemName":"Mug","InventoryItem":"tNO","SalesItem":"tYES","PurchaseItem":"tNO"}"#))
        let series = drive(connector.createReferences([shop], facts(["customer_series": "71"])), [answer(#"{"CardCode":"C00099"}"#, status: 201)])
        #expect(series.end.output == ["shop": "C00099"])
        #expect(try body(series.calls[0])["CardCode"] == nil && body(series.calls[0])["Series"] == 71)
    }

    @Test("what an earlier call made, whose answer was lost, is there already") func twice() {
        #expect(drive(connector.createReferences([shop], facts), [refusal("exists", -2035)]).end.output == ["shop": "CF-shop"])
        let numbered = facts(["customer_series": "71"])
        #expect(drive(connector.createReferences([shop], numbered), [refusal("exists", -2035)]).end.fault?.code == "ledger_document_exists")
        let words = "1320000140 - Business partner code 'CF-shop' already assigned to a business partner; enter a unique business partner code"
        #expect(drive(connector.createReferences([shop], facts), [refusal(words, -10)]).end.output == ["shop": "CF-shop"])
        #expect(drive(connector.createReferences([shop], facts), [answer("{}", status: 201)]).end.fault?.code == "unreadable_answer")
    }

    @Test("codes fit their fields, and different keys have different ones", arguments: ["7", "customer-120034117000", "ann@example.com", "ß", "", "shop@EUR"])
    func codes(_ key: String) {
        var want = shop
        want.key = key
        let code = SapBusinessOneConnector.cardCode(want)
        #expect(code.utf16.count <= 15 && code.hasPrefix("CF-") && code.count > 3)
        want.key = key + "x"
        #expect(SapBusinessOneConnector.cardCode(want) != code)
        want.name = String(repeating: "👩‍👩‍👧‍👦é", count: 90)
        #expect(SapBusinessOneConnector.name(want).utf16.count <= 100)
    }

    // MARK: Chart

    private static let currencies = list(#"{"Code":"$","Name":"US Dollar","DocumentsCode":"USD"}"#, #"{"Code":"EUR","Name":"Euro","DocumentsCode":"EUR"}"#)
    private static let company = answer(#"{"CompanyName":"OEC Computers","Country":"US","LocalCurrency":"$"}"#)

    @Test("the company says its name, country and currency, by the ISO code of its own") func identity() {
        let (end, calls) = drive(connector.identify(facts(["currencies": "USD=$"])), [Self.currencies, Self.company])
        #expect(end.output == AccountIdentity(account: "SBODemoGB", name: "OEC Computers", country: "US", currency: "USD"))
        #expect(names(calls) == ["GET Currencies", "GET CompanyService_GetAdminInfo"] && calls.allSatisfy { $0.kind == .read })
        let set = drive(connector.identify(facts(["base_currency": "GBP"])), [Self.currencies])
        #expect(set.end.output == AccountIdentity(account: "SBODemoGB", name: "SBODemoGB", currency: "GBP"))
        let odd = drive(connector.identify(facts), [list(###"{"Code":"##"}"###), answer(#"{"LocalCurrency":"§"}"#)])
        #expect(odd.end.fault?.code == "currency_code_unknown")
        // Documents would be written and read by another code than the company's.
        let unnamed = drive(connector.identify(facts), [Self.currencies, Self.company]).end.fault
        #expect(unnamed?.code == "currency_code_unknown" && unnamed?.remedy.contains("USD=$") == true)
        #expect(drive(connector.identify(facts), [Self.currencies, answer("{}")]).end.fault?.code == "unreadable_answer")
    }

    @Test("the company's settings are got in the one version, posted for in the other, and posted for where they can't be got") func settingsOfCompany() {
        let old = drive(connector.identify(facts(["currencies": "USD=$", "api": "v1"])), [Self.currencies, Self.company])
        #expect(old.calls.map(\.request.target).last == "/b1s/v1/CompanyService_GetAdminInfo" && old.calls.last?.request.method == .post)
        let half = drive(connector.identify(facts(["currencies": "USD=$"])), [Self.currencies, HTTPResponse(405), Self.company])
        #expect(names(half.calls).suffix(2) == ["GET CompanyService_GetAdminInfo", "POST CompanyService_GetAdminInfo"])
        #expect(half.end.output?.currency == "USD")
    }

    @Test("accounts by the number that people see, tax codes of sales and purchases, currencies, the last closed day") func chart() throws {
        let accounts = list(
            #"{"Code":"_SYS00000000012","FormatCode":"161000001","Name":"Bank","ActiveAccount":"tYES","AcctCurrency":"$","FrozenFor":"tNO"}"#,
            ###"{"Code":"120000","Name":"Debtors","ActiveAccount":"tYES","AcctCurrency":"##","LockManualTransaction":"tYES"}"###,
            #"{"Code":"400000","Name":"Sales","AccountType":"at_Revenues","ActiveAccount":"tYES","AcctCurrency":"EUR","FrozenFor":"tYES"}"#,
            #"{"Code":"400","Name":"A title","ActiveAccount":"tNO"}"#)
        let taxes = list(#"{"Code":"O1","Category":"bovcOutputTax"}"#, #"{"Code":"I1","Category":"bovcInputTax"}"#, #"{"Code":"O9","Inactive":"tYES"}"#)
        let locked = facts(["locked_until": "2026-10-31", "currencies": "USD=$"])
        let (end, calls) = drive(connector.chart(locked), [Self.currencies, Self.company, accounts, taxes])
        let chart = try #require(end.output)
        #expect(names(calls).suffix(2) == ["GET ChartOfAccounts", "GET VatGroups"])
        #expect(chart.baseCurrency == "USD" && chart.currencies == ["USD", "EUR"])
        #expect(chart.taxCodes == ["O1", "I1", "none"] && chart.lockDate == LocalDate("2026-10-31"))
        #expect(chart.accounts[0] == LedgerAccount(code: "161000001", remoteID: "_SYS00000000012", name: "Bank", type: "", active: true))
        #expect(chart.accounts[1] == LedgerAccount(code: "120000", remoteID: "120000", name: "Debtors", type: "control", active: true))
        #expect(chart.accounts[2] == LedgerAccount(code: "400000", remoteID: "400000", name: "Sales", type: "at_Revenues", active: false, currency: "EUR"))
        #expect(!chart.accounts[3].active)
        let us = drive(connector.chart(facts(["tax_codes": "sales_tax_codes", "currencies": "USD=$"])), [Self.currencies, Self.company, accounts, 
            list(#"{"Code":"CA"}"#, #"{"Code":"PA","ValidForAR":"tNO"}"#, #"{"Code":"NO","ValidForAR":"tNO","ValidForAP":"tNO"}"#, #"{"Code":"OLD","ValidForAR":"tYES","Inactive":"tYES"}"#)])
        #expect(us.end.output?.taxCodes == ["CA", "PA", "none"] && names(us.calls).last == "GET SalesTaxCodes" && us.calls.last?.request.query("$select") == nil)
        let dollars = facts(["currencies": "USD=$"])
        #expect(drive(connector.chart(dollars), [Self.currencies, Self.company, list(#"{"Name":"x"}"#), taxes]).end.fault?.code == "unreadable_answer")
    }

    @Test("locked posting periods before the first open one are closed; a lock that can't be read stops the chart") func periods() throws {
        func month(_ n: Int, _ state: String) -> String {
            "{\"PeriodCode\":\"2026-\(n)\",\"PostingDateFrom\":\"2026-\(n)-01\",\"PostingDateTo\":\"2026-\(n)-28T00:00:00Z\",\"PeriodStatus\":\"\(state)\"}"
        }
        let read = facts(["periods": "read", "base_currency": "GBP"])
        func lock(_ months: HTTPResponse) -> (LocalDate??, Fault?) {
            let (end, _) = drive(
                connector.chart(read), [Self.currencies, list(#"{"AbsoluteEntry":5,"PeriodCategory":"2026"}"#), months, list(), list()])
            return (end.output.map(\.lockDate), end.fault)
        }
        #expect(lock(list(month(10, "ltLocked"), month(11, "ltUnlockedExceptSales"), month(12, "ltLocked"))).0 == .some(LocalDate("2026-10-28")))
        #expect(lock(list(month(11, "ltUnlocked"))).0 == .some(nil))
        #expect(lock(list(month(11, "ltArchived"))).1?.code == "unreadable_answer")
        #expect(lock(answer("{}")).1?.code == "unreadable_answer")
        let calls = drive(connector.chart(read), [Self.currencies, list(#"{"AbsoluteEntry":5}"#), list(month(11, "ltUnlocked"))]).calls
        #expect(names(calls) == ["GET Currencies", "POST CompanyService_GetPeriods", "POST CompanyService_GetFinancePeriods", "GET ChartOfAccounts"])
        #expect(try body(calls[2]) == json(#"{"PeriodCategoryParams":{"AbsoluteEntry":5}}"#))
    }

    @Test("settings that say nothing are told, each by its name", arguments: [
        ("api", "v3"), ("lines", "both"), ("tax_codes", "vat"), ("exempt_code", "O 0"), ("key_field", "ExtId"), ("key_field", "U_a' or 1"),
        ("branch", "0"), ("rate", "x"),
        ("base_currency", "$"), ("locked_until", "31.10.2026"), ("periods", "yes"), ("customer_series", "-1"), ("currencies", "USD"),
        ("currencies", "US=$"), ("currencies", "USD=dollar"),
    ])
    func settings(name: String, value: String) {
        let fault = drive(connector.identify(facts([name: value]))).end.fault
        #expect(fault?.code == "setting_invalid" && fault?.position == name)
        #expect(Dialect.settings[name] != nil)
    }
}
