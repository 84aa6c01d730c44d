import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import SapBusinessOne

/// - Source: Service Layer $metadata: PurchaseInvoices and PurchaseOrders are Documents, with the fields of Invoices; an order needs DocDueDate.
@Suite("What is bought, in SAP Business One") struct PurchaseTests {
    /// One that is listed; `tax` is in the total.
    private func listed(_ id: Int, total: String, tax: String, account: String, net: String, due: String = "2026-12-20", cancelled: String = "tNO", status: String = "csNo") -> String {
        """
        {"DocEntry":\(id),"DocNum":77,"CardCode":"V10000","DocDate":"2026-11-20T00:00:00Z","DocDueDate":"\(due)T00:00:00Z","DocCurrency":"GBP",\
        "DocTotal":\(total),"VatSum":\(tax),"Cancelled":"\(cancelled)","CancelStatus":"\(status)","NumAtCard":"cf:\(key()) bill 7",\
        "DocumentLines":[{"LineNum":0,"AccountCode":"\(account)","LineTotal":\(net)}]}
        """
    }

    private func billed(_ id: Int = 91, due: String = "2026-12-20", net: String = "200.0", total: String = "240.0") -> String {
        listed(id, total: total, tax: "40.0", account: "610000", net: net, due: due)
    }

    private func updated(_ document: LedgerDocument, _ answers: [HTTPResponse]) -> (end: Ended<PostOutcome>, calls: [Call]) {
        drive(connector.update(document, attempt: "a2", facts), answers)
    }

    @Test("a bill is a service invoice of the supplier's, with its tax, how much of what, and its own due day") func bills() throws {
        #expect(try sent(bill()) == json(#"""
            {"CardCode":"V10000","DocType":"dDocument_Service","DocDate":"2026-11-20","TaxDate":"2026-11-20","DocDueDate":"2026-12-20","DiscountPercent":0,
             "NumAtCard":"cf:0000000000000001 bill 7","DocCurrency":"GBP","Comments":"bill 7 | No. CW-1",
             "DocumentLines":[{"ItemDescription":"40 × CLAY, CW-1: Clay","AccountCode":"610000","LineTotal":200.00,"VatGroup":"I1","TaxTotal":40.00}]}
            """#))
        let call = try #require(drive(connector.create([bill()], attempt: "a", facts)).calls.first)
        #expect(call.request.target == "/b1s/v2/PurchaseInvoices" && call.kind == .write)
        #expect(try sent(bill(due: nil))["DocDueDate"] == "2026-11-20")
        // Items on a bill would move stock there.
        #expect(try sent(bill(), facts(["lines": "items"]))["DocType"] == "dDocument_Service")
        #expect(connector.references(for: bill()) == [ReferenceWant(kind: .vendor, key: "clayworks", name: "clayworks", text: "clayworks")])
    }

    @Test("an order is wanted from its own day on and states no tax; lines without tax have the code of purchases") func orders() throws {
        let call = try #require(drive(connector.create([order()], attempt: "a", facts)).calls.first)
        #expect(call.request.target == "/b1s/v2/PurchaseOrders")
        #expect(try body(call)["DocumentLines"] == json(#"[{"ItemDescription":"40 × PEN-1, Pen","AccountCode":"130000","LineTotal":80.00}]"#))
        #expect(try sent(order())["DocDueDate"] == "2026-11-20")
        let exempt = try sent(order(), facts(["exempt_code": "O0", "purchase_exempt_code": "I0"]))["DocumentLines"]?[0]
        #expect(exempt?["VatGroup"] == "I0" && exempt?["TaxTotal"] == .number("0.00"))
        #expect(try sent(order(), facts(["exempt_code": "O0"]))["DocumentLines"]?[0]?["VatGroup"] == nil, "a group of sales is none of purchases")
        let american = try sent(order(), facts(["exempt_code": "EX", "tax_codes": "sales_tax_codes"]))["DocumentLines"]?[0]
        #expect(american?["TaxCode"] == "EX")
    }

    @Test("what can't be bought there is refused before it is sent") func refusals() {
        var homeless = bill()
        homeless.party = nil
        #expect(refused(homeless) == "rejected party_missing")
        var unbound = bill()
        for i in unbound.lines.indices { unbound.lines[i].taxCode = nil }
        #expect(refused(unbound) == "rejected tax_code_unbound")
        var odd = bill()
        odd.plan.total = Money(minor: 24_001, .gbp)
        #expect(refused(odd) == "rejected document_unbalanced")
        #expect(connector.objections(to: bill(), facts).isEmpty && connector.objections(to: order(), facts).isEmpty)
    }

    @Test("both are found by our key and read back as they were meant; an order without the tax that the company proposes") func finds() throws {
        let (end, calls) = drive(connector.find([bill()], facts), [list(billed())])
        let seen = try #require(end.output?[key()])
        #expect(names(calls) == ["GET PurchaseInvoices"] && filter(calls[0]) == "startswith(NumAtCard,'cf:\(key())')")
        #expect(SapBusinessOneConnector.isAsMeant(seen, connector.meant(bill())) && seen.remoteID == "91" && seen.party == "V10000")
        #expect(seen.due == LocalDate("2026-12-20") && seen.accounts == ["610000": 20_000] && seen.tax_minor == 4_000)
        let taxed = listed(61, total: "96.0", tax: "16.0", account: "130000", net: "80.0")
        let placed = try #require(drive(connector.find([order()], facts), [list(taxed)]).end.output?[key()])
        #expect(SapBusinessOneConnector.isAsMeant(placed, connector.meant(order())) && placed.total_minor == 8_000 && placed.due == nil)
        let nowhere = drive(connector.find([bill()], facts), [list(), list()])
        #expect(nowhere.end.output == [:] && names(nowhere.calls) == ["GET PurchaseInvoices", "GET Drafts"])
    }

    @Test("a draft of a bill that waits for somebody is unfinished and not written again") func draft() {
        let draft = #"{"DocEntry":7,"DocumentStatus":"bost_Open","NumAtCard":"cf:\#(key()) bill 7"}"#
        let seen = drive(connector.find([bill()], facts), [list(), list(draft)]).end.output?[key()]
        #expect(seen?.unfinished == true && seen?.remoteID == "Drafts/7")
        #expect(updated(bill(), [list(), list(draft)]).end.output.map(word) == "rejected ledger_approval_pending")
    }

    @Test("a bill that comes to other cents there is cancelled at once, and not posted") func differs() {
        let made = answer(billed(91, net: "200.0", total: "241.0"), status: 201)
        let (end, calls) = drive(connector.create([bill()], attempt: "a", facts), [made, done])
        #expect(end.output?.map(word) == ["rejected tax_differs"] && names(calls) == ["POST PurchaseInvoices", "POST PurchaseInvoices(91)/Cancel"])
    }

    @Test("a bill in another currency states its rate, and one that the company keeps at another value is cancelled at once") func foreign() throws {
        let lines = [
            line(.goods, "purchases:clay", 10_000, "610000", group: "L1", text: "Clay", currency: .eur, base: 8_500),
            line(.control, "payable:clayworks", -10_000, "200000", currency: .eur, base: -8_500),
        ]
        let euros = document(.bill, lines, currency: .eur, total: 10_000, rate: "0.85", reference: "bill 7", party: "V10000")
        let made = try sent(euros)
        #expect(made["DocCurrency"] == "EUR" && made["DocRate"]?.text == "0.85" && made["DocumentLines"]?[0]?["RowTotalFC"] == .number("100.00"))
        func kept(_ total: String) -> HTTPResponse {
            answer(#"{"DocEntry":91,"CardCode":"V10000","DocDate":"2026-11-20","DocDueDate":"2026-11-20","DocCurrency":"EUR","DocTotal":\#(total),"DocTotalFc":100.0,"VatSumFc":0.0,"Cancelled":"tNO","DocumentLines":[{"AccountCode":"610000","RowTotalFC":100.0}]}"#, status: 201)
        }
        #expect(drive(connector.create([euros], attempt: "a", facts), [kept("85.0")]).end.output?.map(word) == ["posted 91"])
        let wrong = drive(connector.create([euros], attempt: "a", facts), [kept("117.65"), done])
        #expect(wrong.end.output?.map(word) == ["rejected rate_differs"] && names(wrong.calls).last == "POST PurchaseInvoices(91)/Cancel")
    }

    @Test("the tax that a company proposes on an order in another currency is none of the rate's doing") func foreignOrder() {
        let lines = [
            line(.goods, "inventory", 10_000, "130000", group: "L1", text: "Pen", currency: .eur, base: 8_500),
            line(.control, "payable:clayworks", -10_000, "200000", currency: .eur, base: -8_500),
        ]
        let euros = document(.purchaseOrder, lines, currency: .eur, total: 10_000, rate: "0.85", reference: "PEN-1", party: "V10000")
        func kept(_ total: String, tax: String) -> HTTPResponse {
            answer(#"{"DocEntry":61,"CardCode":"V10000","DocDate":"2026-11-20","DocDueDate":"2026-11-20","DocCurrency":"EUR","DocTotal":\#(total),"VatSum":\#(tax),"DocTotalFc":120.0,"VatSumFc":20.0,"Cancelled":"tNO","DocumentLines":[{"AccountCode":"130000","RowTotalFC":100.0}]}"#, status: 201)
        }
        #expect(drive(connector.create([euros], attempt: "a", facts), [kept("102.0", tax: "17.0")]).end.output?.map(word) == ["posted 61"])
        #expect(drive(connector.create([euros], attempt: "a", facts), [kept("141.18", tax: "23.53"), done]).end.output?.map(word) == ["rejected rate_differs"])
    }

    @Test("another due day is changed where the bill stands; another amount cancels it and writes it anew; nothing changes what is right") func changes() throws {
        let known = bill(due: LocalDate("2027-01-20"), remoteID: "91")
        let (end, calls) = updated(known, [list(billed()), done])
        #expect(end.output.map(word) == "posted 91" && names(calls) == ["GET PurchaseInvoices", "PATCH PurchaseInvoices(91)"])
        #expect(try body(calls[1]) == json(#"{"DocDueDate":"2027-01-20"}"#))
        #expect(names(updated(bill(remoteID: "91"), [list(billed())]).calls) == ["GET PurchaseInvoices"])
        let dearer = updated(bill(remoteID: "91"), [list(billed(net: "100.0", total: "140.0")), done, answer(billed(92), status: 201)])
        #expect(dearer.end.output.map(word) == "posted 92")
        #expect(names(dearer.calls) == ["GET PurchaseInvoices", "POST PurchaseInvoices(91)/Cancel", "POST PurchaseInvoices"])
        let paid = updated(bill(remoteID: "91"), [list(billed(net: "100.0", total: "140.0")), refusal("Document is already closed")])
        #expect(paid.end.output.map(word) == "rejected ledger_document_fixed" && paid.calls.count == 2)
    }

    @Test("an order is cancelled where it stands; one that was is left") func voids() {
        let (end, calls) = drive(connector.void(order(remoteID: "61"), attempt: "a", facts), [list(listed(61, total: "80.0", tax: "0.0", account: "130000", net: "80.0")), done])
        #expect(end.output.map(word) == "posted 61" && names(calls) == ["GET PurchaseOrders", "POST PurchaseOrders(61)/Cancel"])
        let gone = listed(61, total: "80.0", tax: "0.0", account: "130000", net: "80.0", cancelled: "tYES", status: "csYes")
        #expect(names(drive(connector.void(order(remoteID: "61"), attempt: "a", facts), [list(gone), list()]).calls).filter { $0.hasPrefix("POST") }.isEmpty)
    }

    @Test("a supplier is another partner than a customer of the same name, and has a code of his own") func suppliers() throws {
        let supplier = ReferenceWant(kind: .vendor, key: "shop", name: "Shop customers", text: "")
        let rows = list(#"{"CardCode":"C1","CardName":"Shop customers","CardType":"cCustomer"}"#, #"{"CardCode":"V1","CardName":"Shop customers","CardType":"cSupplier"}"#)
        let (end, calls) = drive(connector.findReferences([supplier], facts), [rows])
        #expect(end.output == ["shop": "V1"])
        #expect(filter(calls[0]) == "CardType eq 'cSupplier' and (CardName eq 'Shop customers' or CardCode eq 'CFV-shop')")
        let made = drive(connector.createReferences([supplier], facts), [answer(#"{"CardCode":"CFV-shop"}"#, status: 201)])
        #expect(made.end.output == ["shop": "CFV-shop"])
        #expect(try body(made.calls[0]) == json(###"{"CardCode":"CFV-shop","CardName":"Shop customers","CardType":"cSupplier","Currency":"##"}"###))
        let long = SapBusinessOneConnector.cardCode(ReferenceWant(kind: .vendor, key: "Clayworks of Stoke-on-Trent", name: "", text: ""))
        #expect(long.hasPrefix("CFV-") && long.utf8.count <= B1Limits.cardCode)
        let numbered = drive(connector.createReferences([supplier], facts(["supplier_series": "72"])), [answer(#"{"CardCode":"V00009"}"#, status: 201)])
        #expect(try numbered.end.output == ["shop": "V00009"] && body(numbered.calls[0])["Series"] == 72)
    }
}
