import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import SageIntacct

@Suite("Finding and reading back in Sage Intacct") struct FindTests {
    private func find(_ documents: [LedgerDocument], _ answers: [HTTPResponse]) -> [PostKey: LedgerReadback]? {
        drive(connector.find(documents, facts), answers).end.output
    }

    @Test("a sale is found by its number, and what it shows is what was meant") func sale() throws {
        let (end, calls) = drive(
            connector.find([simple(remoteID: "41")], facts),
            [answer(list("ARINVOICE", [row(41)])), answer(list("ARINVOICEITEM", [item(41, "4000", "10")]))])
        let seen = try #require(end.output?[key()])
        var meant = connector.meant(simple(remoteID: "41"))
        meant.version = "11/14/2026 10:00:00"
        #expect(seen == meant)
        let query = try #require(try functions(calls[0]).first).content
        #expect(query.text("filter", "equalto", "field") == "RECORDID" && query.text("filter", "equalto", "value") == key().text)
    }

    @Test("documents of all kinds are looked for in one request") func kinds() throws {
        let call = try #require(drive(connector.find([simple(1), simple(7), credit(2), payment(3), journal(5)], facts)).calls.first)
        #expect(try functions(call).map(\.id) == ["ARINVOICE", "ARADJUSTMENT", "ARPYMT", "GLBATCH"])
        #expect(try functions(call).first?.content.at(["filter", "in"])?.all("value").count == 2)
    }

    @Test("tax is the total less its lines; lines of a tax solution below a line are none") func tax() throws {
        let lines = [item(41, "4000", "20"), item(41, "4900", "-2"), item(41, "2200", "3.6", more: ["PARENTENTRY": "941"])]
        let (end, calls) = drive(
            connector.fetch([{ var sale = taxed(); sale.remoteID = "41"; return sale }()], facts),
            [answer(list("ARINVOICE", [row(41, total: "21.6")])), answer(list("ARINVOICEITEM", lines))])
        let seen = try #require(end.output?[key()])
        #expect(seen.total_minor == 2160 && seen.tax_minor == 360 && seen.accounts == ["4000": -2000, "4900": 200])
        #expect(try #require(try functions(calls[1]).first).content["select"]?.children.map(\.text).contains("PARENTENTRY") == true)
    }

    @Test("a credit memo and a debit memo have their accounts on opposite sides") func adjustments() throws {
        let there = answer(list("ARADJUSTMENT", [row(42, key(2).text, total: "-10")]))
        let memo = find([credit()], [there, answer(list("ARADJUSTMENTITEM", [item(42, "4910", "-10")]))])
        #expect(memo?[key(2)]?.accounts == connector.meant(credit()).accounts && memo?[key(2)]?.total_minor == 1000)
        let matches = list("ARPYMT", [["RECORDNO": "143", "DOCNUMBER": "\(key(4))-a", "STATE": "Complete"]], id: "matches")
        let detail = ["PAYMENTKEY": "143", "POSADJKEY": "44", "ADJUSTMENTKEY": "20635"]
        let back = find([refund()], [
            answer(list("ARADJUSTMENT", [row(44, key(4).text)]), matches),
            answer(list("ARADJUSTMENTITEM", [item(44, "1105", "10")]), list("ARPYMTDETAIL", [detail])),
        ])
        #expect(back?[key(4)]?.accounts == ["1105": -1000] && back?[key(4)]?.appliesTo == "20635")
        let alone = find([refund()], [
            answer(list("ARADJUSTMENT", [row(44, key(4).text)]), list("ARPYMT", [], id: "matches")), answer(list("ARADJUSTMENTITEM", [item(44, "1105", "10")])),
        ])
        #expect(alone?[key(4)]?.appliesTo == "" && connector.meant(refund()).appliesTo == "20635")
    }

    @Test("a payment shows what it pays and where its money is") func payments() throws {
        func seen(_ document: LedgerDocument, _ place: [String: String]) -> LedgerReadback? {
            let row = [
                "RECORDNO": "43", "DOCNUMBER": key(3).text, "STATE": "Complete", "CUSTOMERID": "C100", "RECEIPTDATE": "11/14/2026", "CURRENCY": "USD",
                "TRX_TOTALENTERED": "10",
            ]
            return find([document], [
                answer(list("ARPYMT", [row.merging(place) { $1 }]), list("ARADJUSTMENT", [])),
                answer(list("ARPYMTDETAIL", [["PAYMENTKEY": "43", "RECORDKEY": "20634", "TRX_PAYMENTAMOUNT": "10"]])),
            ])?[key(3)]
        }
        #expect(seen(payment(), ["UNDEPOSITEDACCOUNTNO": "1105"])?.accounts == ["1105": 1000])
        #expect(seen(payment(), ["UNDEPOSITEDACCOUNTNO": "1105"])?.appliesTo == "20634")
        #expect(seen(payment(type: "bank:BOA"), ["FINANCIALENTITY": "BOA"])?.accounts == connector.meant(payment()).accounts)
        #expect(seen(payment(type: "bank:BOA"), ["FINANCIALENTITY": "CHASE"])?.accounts == ["CHASE": 1000])
        #expect(seen(payment(), ["UNDEPOSITEDACCOUNTNO": "1999"])?.accounts == ["1999": 1000])
    }

    @Test("an entry is its lines") func entry() throws {
        let batch = ["RECORDNO": "45", "REFERENCENO": key(5).text, "STATE": "Posted", "BATCH_DATE": "11/14/2026", "BATCH_TITLE": "cf:\(key(5)) x"]
        func entry(_ account: String, _ side: String, _ amount: String) -> [String: String] {
            ["BATCHNO": "45", "ACCOUNTNO": account, "TR_TYPE": side, "TRX_AMOUNT": amount, "CURRENCY": "USD"]
        }
        let lines = [entry("1000", "1", "9.7"), entry("6100", "1", "0.30"), entry("1105", "-1", "10")]
        let found = drive(connector.find([journal()], facts), [answer(list("GLBATCH", [batch])), answer(list("GLENTRY", lines))]).end.output
        let seen = try #require(found?[key(5)]), meant = connector.meant(journal())
        #expect(seen.accounts == meant.accounts && seen.total_minor == meant.total_minor && seen.currency == "USD" && seen.date == day)
    }

    @Test("a draft is unfinished, one that waits for an approval says so and has no effect, one that was reversed is another's", arguments: [
        ("Draft", true, "unfinished"), ("Submitted", true, "waits"), ("Partially Approved", true, "waits"), ("Paid", false, ""), ("Approved", false, ""),
    ])
    func states(state: String, voided: Bool, why: String) throws {
        let answers = [answer(list("ARINVOICE", [row(41, state: state)])), answer(list("ARINVOICEITEM", [item(41, "4000", "10")]))]
        let seen = try #require(find([simple()], answers)?[key()])
        #expect(seen.voided == voided && seen.unfinished == (why == "unfinished") && seen.waits == (why == "waits"))
    }

    @Test("what was reversed counts only as the document that is known") func reversed() {
        let there = answer(list("ARINVOICE", [row(41, state: "Reversed")]))
        #expect(find([simple()], [there]) == [:])
        #expect(find([simple(remoteID: "41")], [there])?[key()]?.voided == true)
        #expect(find([simple(remoteID: "41")], [there])?[key()]?.waits == false)
        let both = answer(list("ARINVOICE", [row(41, state: "Reversed"), row(50)]))
        #expect(find([simple(remoteID: "41")], [both, answer(list("ARINVOICEITEM", [item(50, "4000", "10")]))])?[key()]?.remoteID == "50")
    }

    @Test("amounts and days that are none are not guessed", arguments: [
        ["TRX_TOTALENTERED": "ten"], ["TRX_TOTALENTERED": "10.005"], ["TRX_TOTALENTERED": "99999999999999999999"],
        ["WHENPOSTED": "2026-11-14"], ["WHENPOSTED": "13/40/2026"],
    ])
    func odd(_ more: [String: String]) {
        let (end, _) = drive(
            connector.find([simple()], facts), [answer(list("ARINVOICE", [row(41, more: more)])), answer(list("ARINVOICEITEM", [item(41, "4000", "10")]))])
        #expect(end.fault?.code == "unreadable_answer")
    }

    @Test("changes of ours are asked for by time, all kinds at once, and go on where each ended") func changes() throws {
        let since = try #require(Timestamp(rfc3339: "2026-11-20T10:00:00Z"))
        let first = try #require(connector.changes(since: since, cursor: nil, facts))
        let batch = ["BATCH_TITLE": "cf:\(key(5)) x", "WHENMODIFIED": "11/20/2026 10:01:00"]
        let others = [list("ARADJUSTMENT", []), list("ARPYMT", []), list("OTHERRECEIPTS", []), list("GLBATCH", [batch]), list("APBILL", [])]
        let sale = ["DESCRIPTION": "cf:\(key()) order", "WHENMODIFIED": "11/20/2026 10:00:30"]
        let (end, calls) = drive(first, [answer(list("ARINVOICE", [sale], left: 4), others.joined())])
        let page = try #require(end.output)
        #expect(page.keys == [key(), key(5)] && page.watermark == Timestamp(rfc3339: "2026-11-20T10:01:00Z"))
        let filter = try #require(try functions(calls[0]).first).content.at(["filter", "and"])
        #expect(filter?.text("like", "value") == "cf:%" && filter?.text("greaterthanorequalto", "value") == "11/20/2026 09:55:00")
        let next = try #require(connector.changes(since: since, cursor: page.next, facts))
        let call = try #require(drive(next).calls.first)
        let again = try functions(call)
        #expect(again.map(\.id) == ["ARINVOICE"] && again[0].content.text("filter", "and", "greaterthanorequalto", "value") == "11/20/2026 10:00:30")
        #expect(again[0].content.text("offset") == "1")
    }
}

@Suite("Accounts, customers and the company") struct ReferenceTests {
    private let setup = done("setup", data: "<data><financialSetup><baseCurrency>USD</baseCurrency></financialSetup></data>")
    private let closed = done("closed", data: "<data><closedbooksdate><year>2026</year><month>10</month><day>31</day></closedbooksdate></data>")
    private let currencies = done(
        "currencies", data: "<data><trxcurrencies><code>USD</code></trxcurrencies><trxcurrencies><code>EUR</code></trxcurrencies></data>")

    private func lists(_ tax: String? = nil) -> HTTPResponse {
        answer(
            list("GLACCOUNT", [
                ["ACCOUNTNO": "1000", "TITLE": "Bank", "ACCOUNTTYPE": "balancesheet", "STATUS": "active"],
                ["ACCOUNTNO": "4000", "TITLE": "Sales", "ACCOUNTTYPE": "incomestatement", "STATUS": "inactive"],
            ]), list("CHECKINGACCOUNT", [["BANKACCOUNTID": "BOA", "GLACCOUNTNO": "1000", "STATUS": "active"]]), list("SAVINGSACCOUNT", []),
            tax ?? list("TAXDETAIL", [["DETAILID": "UK Sale Standard", "TAXTYPE": "Sale"], ["DETAILID": "UK Purchase", "TAXTYPE": "Purchase"]]))
    }

    @Test("the chart has accounts, banks, tax details, currencies and the day of closing") func chart() throws {
        let chart = try #require(drive(connector.chart(facts), [answer(setup, closed, currencies), lists()]).end.output)
        #expect(chart.accounts.map(\.code) == ["1000", "4000"] && chart.accounts.map(\.type) == ["bank:BOA", "incomestatement"])
        #expect(chart.accounts.map(\.active) == [true, false] && chart.taxCodes == ["UK Sale Standard", "UK Purchase", "none"])
        #expect(chart.baseCurrency == "USD" && chart.currencies == ["USD", "EUR"] && chart.lockDate == LocalDate(year: 2026, month: 10, day: 31))
    }

    @Test("an application that the user lacks leaves its list empty; anything else fails the chart") func lacking() {
        let lacks = failed("TAXDETAIL", "You do not have permission for API operation READ on objects of type taxdetail")
        #expect(drive(connector.chart(facts), [answer(setup, closed, currencies), lists(lacks)]).end.output?.taxCodes == ["none"])
        #expect(drive(connector.chart(facts), [answer(setup, closed, currencies), lists(failed("TAXDETAIL", "odd"))]).end.fault?.code == "ledger_refused")
        #expect(drive(connector.chart(facts), [answer(setup, failed("closed", "not authorized"), currencies), lists()]).end.output?.lockDate == nil)
        let odd = done("closed", data: "<data><closedbooksdate><year>2026</year><month>13</month><day>1</day></closedbooksdate></data>")
        #expect(drive(connector.chart(facts), [answer(setup, odd, currencies), lists()]).end.fault?.code == "unreadable_answer")
    }

    @Test("a company of several base currencies needs its entity, or its currency by the settings") func base() {
        let several = answer(done("setup", data: "<data><financialSetup><baseCurrency></baseCurrency></financialSetup></data>"), closed, currencies)
        #expect(drive(connector.chart(facts), [several]).end.fault?.code == "base_currency_unknown")
        #expect(drive(connector.chart(facts(["base_currency": "EUR"])), [several, lists()]).end.output?.baseCurrency == "EUR")
        let entity = answer(list("LOCATIONENTITY", [["LOCATIONID": "100", "NAME": "UK", "CURRENCY": "GBP"]]))
        #expect(drive(connector.chart(facts(["entity": "100"])), [several, entity, lists()]).end.output?.baseCurrency == "GBP")
        #expect(drive(connector.chart(facts(["entity": "200"])), [several, entity]).end.fault?.code == "entity_unknown")
    }

    @Test("the company is known by its name") func identify() {
        let company = done("company", data: "<data><company_info><title>x</title><name>Thames Pottery Inc.</name></company_info></data>")
        let meant = AccountIdentity(account: "Thames Pottery", name: "Thames Pottery Inc.", currency: "USD")
        #expect(drive(connector.identify(facts), [answer(setup, company)]).end.output == meant)
        #expect(drive(connector.identify(facts), [answer(setup, failed("company", "no"))]).end.output?.name == "Thames Pottery")
    }

    private let want = ReferenceWant(kind: .party, key: "shop", name: "Shop & customers", text: "Shop & customers")

    @Test("a customer is found by its exact name, if it is in use") func found() {
        let rows = [["CUSTOMERID": "C1", "NAME": "shop &amp; customers"], ["CUSTOMERID": "C2", "NAME": "Shop &amp; customers", "STATUS": "inactive"]]
        #expect(drive(connector.findReferences([want], facts), [answer(list("CUSTOMER", rows))]).end.output == [:])
        let more = rows + [["CUSTOMERID": "C3", "NAME": "Shop &amp; customers", "STATUS": "active"]]
        #expect(drive(connector.findReferences([want], facts), [answer(list("CUSTOMER", more))]).end.output == ["shop": "C3"])
    }

    @Test("a new customer has an id of our own, the same each time and at most twenty long") func created() throws {
        let id = SageIntacctConnector.partyID(want)
        #expect(id.hasPrefix("CF-shop-") && id.count <= 20 && SageIntacctConnector.partyID(want) == id)
        #expect(SageIntacctConnector.partyID(ReferenceWant(kind: .party, key: "shop", name: "Other", text: "")) != id)
        let data = "<data listtype=\"objects\" count=\"1\"><customer><RECORDNO>12</RECORDNO><CUSTOMERID>\(id)</CUSTOMERID></customer></data>"
        let made = done("\(id).customer", data: data)
        let (end, calls) = drive(connector.createReferences([want], facts), [answer(made)])
        #expect(end.output == ["shop": id])
        let customer = try #require(try functions(calls[0]).first?.content["CUSTOMER"])
        #expect(customer.text("CUSTOMERID") == id && customer.text("NAME") == want.name && customer.text("DISPLAYCONTACT", "PRINTAS") == want.name)
        let numbered = try #require(drive(connector.createReferences([want], facts(["customer_ids": "numbered"]))).calls.first)
        #expect(try functions(numbered).first?.content.at(["CUSTOMER", "CUSTOMERID"]) == nil)
        let taken = failed("\(id).customer", "The customer ID already exists")
        #expect(drive(connector.createReferences([want], facts), [answer(taken)]).end.fault?.code == "ledger_name_taken")
    }

    @Test("what needs a customer says so") func needs() {
        #expect(connector.references(for: simple()).map(\.key) == ["shop"] && connector.references(for: payment()).count == 1)
        #expect(connector.references(for: journal()).isEmpty)
    }
}
