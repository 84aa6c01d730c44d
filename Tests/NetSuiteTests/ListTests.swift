import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import NetSuite

@Suite("Lists of NetSuite") struct ListTests {
    private let currencies = rows(
        #""id":"1","symbol":"GBP","isbasecurrency":"T","isinactive":"F""#, #""id":"4","symbol":"EUR","isbasecurrency":"F","isinactive":"F""#,
        #""id":"5","symbol":"USD","isinactive":"T""#)
    private let accounts = rows(
        #""id":"200","acctnumber":"4000","fullname":"Sales","accttype":"Income","isinactive":"F""#,
        #""id":"110","fullname":"Stripe EUR","accttype":"Bank","isinactive":"T","currency":"4""#)

    @Test("the chart by REST: numbers or names, currencies that are active, tax codes by their ids, the last closed month") func chart() throws {
        let codes = answer(#"{"items":[{"links":[],"id":"7"},{"links":[],"id":"-8"}],"count":2,"hasMore":false}"#)
        let periods = rows(#""id":"1","enddate":"2026-09-30""#, #""id":"2","enddate":"2026-10-31""#)
        let (end, calls) = drive(rest, rest.chart(facts), [currencies, accounts, codes, periods])
        let chart = try #require(end.output)
        #expect(chart.baseCurrency == "GBP" && chart.currencies == ["GBP", "EUR"] && chart.taxCodes == ["NONE", "7", "-8"])
        #expect(chart.lockDate == LocalDate(year: 2026, month: 10, day: 31))
        #expect(chart.accounts == [
            LedgerAccount(code: "4000", remoteID: "200", name: "Sales", type: "Income", active: true),
            LedgerAccount(code: "Stripe EUR", remoteID: "110", name: "Stripe EUR", type: "Bank", active: false, currency: "EUR"),
        ])
        #expect(calls[2].request.path == "/services/rest/record/v1/salesTaxItem" && calls.allSatisfy { $0.kind == .read })
        #expect(drive(rest, rest.chart(facts), [currencies, accounts, codes, rows(#""id":"1""#)]).end.fault?.code == "unreadable_answer")
        #expect(drive(rest, rest.chart(facts), [rows(#""id":"1","symbol":"GBP""#)]).end.fault?.code == "unreadable_answer")
    }

    @Test("with SuiteTax a code stands behind its type; in the United States without it there are none") func taxCodes() throws {
        let typed = drive(rest, rest.chart(facts(["tax": "suitetax"])), [currencies, accounts, rows(#""id":"9","taxtype":"5""#, #""id":"10""#), rows()])
        #expect(typed.end.output?.taxCodes == ["NONE", "5/9"] && typed.end.output?.lockDate == nil)
        let none = drive(rest, rest.chart(facts(["tax": "legacy_us"])), [currencies, accounts, rows()])
        #expect(none.end.output?.taxCodes == ["NONE"] && none.calls.count == 3)
    }

    @Test("the same chart by SOAP, page by page") func chartBySOAP() throws {
        func element(_ id: String, _ fields: String) -> String { "<record xmlns:s=\"x\" internalId=\"\(id)\">\(fields)</record>" }
        let money = all(element("1", "<s:symbol>GBP</s:symbol><s:isBaseCurrency>true</s:isBaseCurrency>"))
        let first = searched(element("200", "<s:acctType>_income</s:acctType><s:acctNumber>4000</s:acctNumber><s:acctName>Sales</s:acctName>"), pages: 2)
        let second = searched(element("110", "<s:acctName>Bank</s:acctName><s:isInactive>true</s:isInactive>"), pages: 2, operation: "searchMoreWithId")
        let codes = all(element("7", ""), element("8", "<s:isInactive>true</s:isInactive>"))
        let periods = searched(
            element("1", "<s:endDate>2026-10-31T00:00:00.000-07:00</s:endDate><s:closed>false</s:closed><s:arLocked>true</s:arLocked>"),
            element("2", "<s:endDate>2026-11-30T00:00:00.000-08:00</s:endDate><s:closed>false</s:closed>"))
        let (end, calls) = drive(soap, soap.chart(facts), [money, first, second, codes, periods])
        let chart = try #require(end.output)
        #expect(chart.accounts.map(\.code) == ["4000", "Bank"] && chart.accounts.map(\.active) == [true, false])
        #expect(chart.taxCodes == ["NONE", "7"] && chart.lockDate == LocalDate(year: 2026, month: 10, day: 31) && chart.baseCurrency == "GBP")
        #expect(calls.compactMap { $0.request.fields["SOAPAction"] } == ["\"getAll\"", "\"search\"", "\"searchMoreWithId\"", "\"getAll\"", "\"search\""])
        #expect(String(decoding: calls[1].request.body, as: UTF8.self).contains("<pageSize>1000</pageSize>"))
    }

    @Test("the identity is the subsidiary's where one is set; one that is not shown is told") func identity() throws {
        #expect(drive(rest, rest.identify(facts), [currencies]).end.output == AccountIdentity(account: "1234567_SB1", name: "NetSuite 1234567_SB1", currency: "GBP"))
        let subsidiary = facts(["subsidiary": "2"])
        let (end, calls) = drive(rest, rest.identify(subsidiary), [currencies, rows(#""id":"2","name":"Thames Pottery Ltd","country":"GB","currency":"4""#)])
        #expect(end.output == AccountIdentity(account: "1234567_SB1", name: "Thames Pottery Ltd", country: "GB", currency: "EUR"))
        #expect(try body(calls[1])["q"]?.string?.hasSuffix("WHERE id = 2") == true)
        #expect(drive(rest, rest.identify(subsidiary), [currencies, rows()]).end.fault?.code == "company_unknown")
        let money = all("<record internalId=\"1\"><s:symbol xmlns:s=\"x\">GBP</s:symbol><s:isBaseCurrency xmlns:s=\"x\">true</s:isBaseCurrency></record>")
        let there = got(success() + "<record internalId=\"2\"><s:name xmlns:s=\"x\">Thames</s:name><s:country xmlns:s=\"x\">_unitedKingdom</s:country></record>")
        #expect(drive(soap, soap.identify(subsidiary), [money, there]).end.output == AccountIdentity(account: "1234567_SB1", name: "Thames", country: "GB", currency: "GBP"))
        let nowhere = got(success() + "<record internalId=\"2\"><s:name xmlns:s=\"x\">Thames</s:name><s:country xmlns:s=\"x\">_atlantis</s:country></record>")
        let unknown = try #require(drive(soap, soap.identify(subsidiary), [money, nowhere]).end.output)
        #expect(unknown.country == nil, "a word of SOAP's is no country's code, and differs from none")
        #expect(unknown.differences(from: [AccountIdentity(account: "", name: "Thames Ltd", country: "US", currency: "GBP")]).isEmpty)
        #expect(drive(soap, soap.identify(subsidiary), [money, got(failure("RCRD_DSNT_EXIST", "x"))]).end.fault?.code == "company_unknown")
    }

    // MARK: Parties and items

    private let party = ReferenceWant(kind: .party, key: "shop", name: "O'Neill's shop", text: "O'Neill's shop")
    private let item = ReferenceWant(kind: .item, key: "MUG@4000", name: "MUG@4000", text: "Mug", account: "200")

    @Test("a sale wants its customer and an item for each SKU or role and account; a journal wants the customer of its receivable") func wants() {
        let sale = document(
            .invoice, [control(1500), line(.goods, "sales:homeware", -1000, 200, text: "Mug", sku: "MUG"), line(.shipping, "shipping_income", -500, 410, text: "Post")])
        let wants = rest.references(for: sale)
        #expect(wants.map(\.key) == ["shop", "MUG@2000", "shipping_income@4100"] && wants.map(\.text) == ["shop", "Mug", ""])
        #expect(rest.references(for: payment()).map(\.key) == ["shop"] && soap.references(for: feePayment()).map(\.key) == ["shop"])
        #expect(rest.references(for: document(.payout, [tender(1000, "bank", 100), line(.other, "clearing", -1000, 110)])).isEmpty)
        var euro = simple()
        euro.plan.rate = decimal("0.86")
        #expect(rest.references(for: euro)[0].key == "shop@GBP" && rest.references(for: euro)[0].currency == "GBP")
    }

    @Test("found by name, case aside, in one question; an item of another account is not the item") func find() throws {
        let customers = rows(#""id":"58","companyname":"o'neill's SHOP","isinactive":"F""#, #""id":"57","companyname":"O'Neill's shop","isinactive":"T""#)
        let items = rows(#""id":"19","itemid":"MUG@4000","incomeaccount":"200""#)
        let (end, calls) = drive(rest, rest.findReferences([party, item], facts), [customers, items])
        #expect(end.output == ["shop": "58", "MUG@4000": "19"])
        #expect(try body(calls[0])["q"]?.string?.contains("companyname IN ('O''Neill''s shop')") == true)
        let other = rows(#""id":"19","itemid":"MUG@4000","incomeaccount":"201""#)
        #expect(drive(rest, rest.findReferences([item], facts), [other]).end.output == [:])
        let found = searched("<record xmlns:s=\"x\" internalId=\"58\"><s:companyName>O'Neill's shop</s:companyName></record>")
        let mugs = searched("<record xmlns:s=\"x\" internalId=\"19\"><s:itemId>MUG@4000</s:itemId><s:incomeAccount internalId=\"200\"/></record>")
        let (same, searches) = drive(soap, soap.findReferences([party, item], facts), [found, mugs])
        #expect(same.output == ["shop": "58", "MUG@4000": "19"])
        #expect(try sketch(operation(searches[0])) == "search(searchRecord(companyName(searchValue=O'Neill's shop)))")
    }

    @Test("created one by one: goods as non-inventory items, all else as other charges, in the subsidiary, with a tax schedule where one is set") func create() throws {
        let post = ReferenceWant(kind: .item, key: "sales:x@4100", name: "sales:x@4100", text: "", account: "410")
        let connection = facts(["subsidiary": "2", "tax_schedule": "3"])
        let (end, calls) = drive(rest, rest.createReferences([party, item, post, item], connection), [created("customer", "58"), created("nonInventorySaleItem", "19"), created("otherChargeSaleItem", "20")])
        #expect(end.output == ["shop": "58", "MUG@4000": "19", "sales:x@4100": "20"])
        #expect(try body(calls[0]) == json(#"{"isPerson":false,"companyName":"O'Neill's shop","subsidiary":{"id":"2"}}"#))
        #expect(try body(calls[1]) == json(
            #"{"itemId":"MUG@4000","displayName":"Mug","incomeAccount":{"id":"200"},"taxSchedule":{"id":"3"},"includeChildren":true,"subsidiary":{"items":[{"id":"2"}]}}"#))
        #expect(try body(calls[2])["itemId"] == "sales-x@4100")
        let call = try #require(drive(soap, soap.createReferences([item], connection)).calls.first)
        let record = try #require(operation(call)["record"])
        #expect(sketch(record) == "record(includeChildren=true incomeAccount#200 taxSchedule#3 itemId=MUG@4000 displayName=Mug subsidiaryList(recordRef#2))")
    }

    @Test("a customer in a foreign currency has it for good") func foreign() throws {
        let euro = ReferenceWant(kind: .party, key: "shop@EUR", name: "Shop (EUR)", text: "Shop", currency: "EUR")
        let (end, calls) = drive(rest, rest.createReferences([euro], facts), [currencies, created("customer", "59")])
        #expect(try end.output == ["shop@EUR": "59"] && body(calls[1])["currency"] == ["id": "4"])
        let unknown = ReferenceWant(kind: .party, key: "shop@CHF", name: "Shop (CHF)", text: "Shop", currency: "CHF")
        #expect(drive(rest, rest.createReferences([unknown], facts), [currencies]).end.fault?.code == "currency_inactive")
    }

    @Test("a name that is taken is used where it is ours, and told where it is not") func taken() {
        let dup = refusal("This entity already exists.")
        #expect(drive(rest, rest.createReferences([party], facts), [dup, rows(#""id":"58","companyname":"O'Neill's shop""#)]).end.output == ["shop": "58"])
        #expect(drive(rest, rest.createReferences([party], facts), [dup, rows()]).end.fault?.code == "name_taken")
        #expect(drive(rest, rest.createReferences([item], facts), [refusal("x", "DUP_ITEM"), rows(#""id":"19","itemid":"MUG@4000","incomeaccount":"9""#)]).end.fault?.code == "item_account_mismatch")
        #expect(drive(rest, rest.createReferences([item], facts), [done]).end.fault?.code == "outcome_unknown")
    }

    @Test("names fit their fields and stay apart") func names() {
        let long = String(repeating: "a", count: 60)
        let names = ["1", "2"].map { Reference.name(ReferenceWant(kind: .item, key: "k", name: long + $0, text: "")) }
        #expect(names[0] != names[1] && names.allSatisfy { $0.utf16.count <= 40 })
        #expect(Reference.name(ReferenceWant(kind: .party, key: "k", name: String(repeating: "👩‍👩‍👧‍👦", count: 60), text: "")).utf16.count <= 83)
        #expect(Reference.name(ReferenceWant(kind: .item, key: "k", name: "sales:x\n@1", text: "")) == "sales-x @1")
    }
}
