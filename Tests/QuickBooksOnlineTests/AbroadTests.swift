import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import QuickBooksOnline

/// A company outside of the United States.
@Suite("QuickBooks Online abroad") struct AbroadTests {
    private let connector = Desk.connector
    private static let britain: ConnectionFacts = {
        var facts = Desk.facts
        facts.country = "GB"
        facts.settings["no_tax_code"] = "6"
        return facts
    }()

    private static let codes = Desk.answer(
        """
        {"QueryResponse":{"TaxCode":[
         {"Id":"2","Name":"20.0% S","Active":true,"SalesTaxRateList":{"TaxRateDetail":[{"TaxRateRef":{"value":"4"},"TaxTypeApplicable":"TaxOnAmount"}]},
          "PurchaseTaxRateList":{"TaxRateDetail":[{"TaxRateRef":{"value":"5"},"TaxTypeApplicable":"TaxOnAmount"}]}},
         {"Id":"3","Name":"GST/PST","Active":true,"SalesTaxRateList":{"TaxRateDetail":[{"TaxRateRef":{"value":"7"},"TaxTypeApplicable":"TaxOnAmount"},{"TaxRateRef":{"value":"8"}}]}},
         {"Id":"6","Name":"No VAT","Active":true,"SalesTaxRateList":{"TaxRateDetail":[]}},
         {"Id":"9","Name":"QST","Active":true,"SalesTaxRateList":{"TaxRateDetail":[{"TaxRateRef":{"value":"8"},"TaxTypeApplicable":"TaxOnTax"}]}},
         {"Id":"10","Name":"Old","Active":false}]}}
        """)
    private static let rates = Desk.answer(
        #"{"QueryResponse":{"TaxRate":[{"Id":"4","RateValue":20},{"Id":"5","RateValue":20.0},{"Id":"7","RateValue":5},{"Id":"8","RateValue":7}]}}"#)

    private static func line(
        _ part: PostingLine.Part, _ role: Role, _ amount: String, _ code: String?, _ ledger: String?, item: String? = nil, group: String = "L1"
    ) -> LedgerDocument.Line {
        var out = Desk.line(part, role, "4010", amount, group: group, item: item, currency: .gbp)
        (out.plan.taxCode, out.taxCode) = (code, ledger)
        return out
    }

    /// 9.99 with the tax in it, of which the shop made 1.66, where 20 % of 8.33 is 1.67; and a gift card of 5.00.
    private static func sale(_ form: PostingForm = .invoice, code: String? = "2", tax: String = "-1.66", discount: String? = nil, total: String = "14.99") -> LedgerDocument {
        var lines = [
            line(.goods, "sales:homeware", "-8.33", "GB@20", code, item: "19"), line(.tax, "tax_payable:GB", tax, "GB@20", code),
            line(.giftCard, "gift_cards", "-5.00", nil, nil, item: "20", group: "L2"), line(.control, "receivable:shop", total, nil, nil, group: ""),
        ]
        if let discount { lines.append(line(.discount, "sales_discounts", discount, "GB@20", code, item: "21")) }
        return Desk.document(form, total: total, currency: .gbp, lines)
    }

    private func sent(_ document: LedgerDocument, _ facts: ConnectionFacts = britain, _ answers: [HTTPResponse] = [codes, rates]) throws -> JSON {
        let calls = Desk.play(connector.create([document], attempt: "a", facts), answers).calls
        #expect(calls.map(\.kind) == [.read, .read, .write])
        return try JSON(parsing: try #require(calls.last).request.body)
    }

    private func refusal(_ document: LedgerDocument, _ answers: [HTTPResponse] = [codes, rates]) throws -> String {
        let (ending, calls) = Desk.play(connector.create([document], attempt: "a", Self.britain), answers)
        #expect(!calls.contains { $0.kind == .write })
        guard case .finished(let outcomes) = ending, case .rejected(let fault)? = outcomes.first else { return "\(ending)" }
        #expect(fault.disposition == .hold)
        return fault.code
    }

    @Test("each line has its code, and the tax that was charged is stated for each rate, to the cent") func invoice() throws {
        let body = try sent(Self.sale())
        #expect(body["GlobalTaxCalculation"] == "TaxExcluded")
        #expect(body["Line"]?.array?.map { $0.member("SalesItemLineDetail", "TaxCodeRef", "value")?.string } == ["2", "6"])
        #expect(body["TxnTaxDetail"] == (try Desk.json(
            """
            {"TotalTax":1.66,"TaxLine":[{"Amount":1.66,"DetailType":"TaxLineDetail",
             "TaxLineDetail":{"TaxRateRef":{"value":"4"},"PercentBased":true,"TaxPercent":20,"NetAmountTaxable":8.33}}]}
            """)))
    }

    @Test("a credit memo says the same with its own signs, a sales receipt too") func others() throws {
        let note = Desk.document(.creditNote, total: "9.99", currency: .gbp, [
            Self.line(.goods, "returns_allowances", "8.33", "GB@20", "2", item: "19"), Self.line(.tax, "tax_payable:GB", "1.66", "GB@20", "2"),
            Self.line(.control, "receivable:shop", "-9.99", nil, nil, group: ""),
        ])
        let body = try sent(note)
        #expect(body.member("TxnTaxDetail", "TaxLine")?[0]?["Amount"] == .number("1.66") && body.member("TxnTaxDetail", "TotalTax") == .number("1.66"))
        #expect(body.member("TxnTaxDetail", "TaxLine")?[0]?.member("TaxLineDetail", "NetAmountTaxable") == .number("8.33"))
    }

    @Test("of a code with two rates each gets its share, and together they are what was charged") func shares() throws {
        let parts = try sent(Self.sale(code: "3", tax: "-1.00", total: "14.33")).member("TxnTaxDetail", "TaxLine")?.array ?? []
        #expect(parts.map { $0["Amount"] } == [.number("0.42"), .number("0.58")])
        #expect(parts.map { $0.member("TaxLineDetail", "TaxRateRef", "value")?.string } == ["7", "8"])
        #expect(parts.allSatisfy { $0.member("TaxLineDetail", "NetAmountTaxable") == .number("8.33") })
    }

    @Test("a discount is a line with a tax code of its own, and lowers what is taxed") func discounts() throws {
        let body = try sent(Self.sale(tax: "-1.46", discount: "1.00", total: "13.79"))
        #expect(body["Line"]?.array?.map { $0["DetailType"] } == ["SalesItemLineDetail", "SalesItemLineDetail", "SalesItemLineDetail"])
        #expect(body["Line"]?.array?.last?["Amount"] == .number("-1.00"))
        #expect(body.member("TxnTaxDetail", "TaxLine")?[0]?.member("TaxLineDetail", "NetAmountTaxable") == .number("7.33"))
        let want = connector.references(for: Self.sale(tax: "-1.46", discount: "1.00", total: "13.79"))
        #expect(want.count { $0.kind == .item } == 3, "its line has an item")
    }

    @Test("a discount on what bears no tax is a discount line by the same code, and is held without one") func untaxedDiscount() throws {
        func sale(_ code: String?) -> LedgerDocument {
            Desk.document(.invoice, total: "9.00", currency: .gbp, [
                Self.line(.goods, "sales:homeware", "-10.00", code, nil, item: "19"), Self.line(.discount, "sales_discounts", "1.00", code, nil),
                Self.line(.control, "receivable:shop", "9.00", nil, nil, group: ""),
            ])
        }
        #expect(connector.objections(to: sale(nil), Self.britain).isEmpty)
        let body = try sent(sale(nil))
        #expect(body["Line"]?.array?.map { $0["DetailType"] } == ["SalesItemLineDetail", "DiscountLineDetail"])
        #expect(body["Line"]?[1]?.member("DiscountLineDetail", "TaxCodeRef", "value") == "6" && body["Line"]?[1]?["Amount"] == .number("1.00"))
        #expect(body["TxnTaxDetail"] == (try Desk.json(#"{"TotalTax":0.00,"TaxLine":[]}"#)))
        // One with a tax that nobody bound is held, with what to bind.
        #expect(connector.objections(to: sale("GB@0"), Self.britain).first?.remedy.contains("GB@0") == true)
        var plain = Self.britain
        plain.settings = [:]
        #expect(connector.objections(to: sale(nil), plain).map(\.code) == ["tax_code_unbound"])
    }

    @Test("a company that has sales tax switched off gets no codes, once its preferences say so as well") func noTax() throws {
        var off = Self.britain
        off.settings = ["sales_tax": "off"]
        let untaxed = Desk.document(.invoice, total: "13.33", currency: .gbp, [
            Self.line(.goods, "sales:homeware", "-8.33", "GB@0", nil, item: "19"), Self.line(.giftCard, "gift_cards", "-5.00", nil, nil, item: "20", group: "L2"),
            Self.line(.control, "receivable:shop", "13.33", nil, nil, group: ""),
        ])
        func preferences(_ uses: String) -> HTTPResponse {
            Desk.answer(#"{"Preferences":{"TaxPrefs":{"UsingSalesTax":\#(uses)},"CurrencyPrefs":{"HomeCurrency":{"value":"GBP"}}}}"#)
        }
        #expect(connector.objections(to: untaxed, off).isEmpty && connector.objections(to: Self.sale(), off).map(\.code) == ["sales_tax_off"])
        let (_, calls) = Desk.play(connector.create([untaxed], attempt: "a", off), [preferences("false")])
        #expect(calls.map(\.kind) == [.read, .write] && calls[0].request.path.hasSuffix("/preferences"))
        let body = try JSON(parsing: try #require(calls.last).request.body)
        #expect(body["TxnTaxDetail"] == nil && body["GlobalTaxCalculation"] == nil)
        #expect(body["Line"]?.array?.allSatisfy { $0.member("SalesItemLineDetail", "TaxCodeRef") == nil } == true)
        // Switched on again, or not said: nothing is sent that would go to no return.
        for uses in ["true", "null"] {
            let (ending, calls) = Desk.play(connector.create([untaxed], attempt: "a", off), [preferences(uses)])
            guard case .finished(let outcomes) = ending, case .rejected(let fault)? = outcomes.first else {
                Issue.record("\(ending)")
                continue
            }
            #expect(fault.code == "sales_tax_on" && calls.map(\.kind) == [.read])
        }
        let bill = Desk.document(.bill, total: "9.99", currency: .gbp, [
            Self.line(.goods, "inventory", "8.33", "purchase:GB@20", nil), Self.line(.tax, "input_tax:GB", "1.66", "purchase:GB@20", nil),
            Self.line(.control, "payable:supplier", "-9.99", nil, nil, group: ""),
        ])
        // What a supplier charges such a company is a cost like any other.
        #expect(connector.objections(to: bill, off).isEmpty)
        let costs = Desk.play(connector.create([bill], attempt: "a", off), [preferences("false")]).calls
        #expect(try JSON(parsing: try #require(costs.last).request.body)["Line"]?.array?.map { $0["Amount"] } == [.number("8.33"), .number("1.66")])
        var america = Desk.facts
        america.settings["sales_tax"] = "off"
        #expect(!america.hasNoTax)
    }

    @Test("a code that is not there, is inactive, taxes a tax, or has no rate for what was charged is refused before anything is sent", arguments: ["77", "10", "9", "6"])
    func invalid(code: String) throws { #expect(try refusal(Self.sale(code: code)) == "tax_code_invalid") }

    @Test("tax by a code that no line has is refused") func stray() throws {
        var document = Self.sale()
        document.lines[1].taxCode = "3"
        #expect(try refusal(document) == "tax_without_line")
    }

    @Test("a rate that the list of rates lacks is not left out: what needs it is refused before anything is sent, and nothing else is") func lost() throws {
        let some = Desk.answer(#"{"QueryResponse":{"TaxRate":[{"Id":"4","RateValue":20},{"Id":"5","RateValue":20.0}]}}"#)
        #expect(try refusal(Self.sale(code: "3", tax: "-1.00", total: "14.33"), [Self.codes, some]) == "tax_code_invalid")
        #expect(try sent(Self.sale(), Self.britain, [Self.codes, some])["GlobalTaxCalculation"] == "TaxExcluded")
    }

    @Test("a change reads the codes as well; money and voids read none, and a company in the United States never does") func reads() {
        let changed = Desk.play(connector.update(Self.sale().known("145"), attempt: "a", Self.britain), [Self.codes, Self.rates]).calls
        #expect(changed.count == 3 && changed.prefix(2).allSatisfy { $0.request.target.contains("Tax") })
        #expect(Desk.play(connector.void(Self.sale().known("145"), attempt: "a", Self.britain), []).calls.count { $0.request.target.contains("TaxCode") } == 0)
        #expect(Desk.play(connector.create([Desk.payment()], attempt: "a", Self.britain), []).calls.map(\.kind) == [.write])
        for country in [nil, "US", "us", ""] as [String?] {
            var facts = Desk.facts
            facts.country = country
            #expect(Desk.play(connector.create([Desk.invoice()], attempt: "a", facts), []).calls.map(\.kind) == [.write])
        }
    }

    @Test("a bill tells its tax by the rates of purchases") func bill() throws {
        let body = try sent(Desk.document(.bill, total: "9.99", currency: .gbp, [
            Self.line(.goods, "inventory", "8.33", "purchase:GB@20", "2"), Self.line(.tax, "input_tax:GB", "1.66", "purchase:GB@20", "2"),
            Self.line(.control, "payable:supplier", "-9.99", nil, nil, group: ""),
        ]))
        #expect(body["GlobalTaxCalculation"] == "TaxExcluded")
        #expect(body.member("TxnTaxDetail", "TaxLine")?[0]?.member("TaxLineDetail", "TaxRateRef", "value") == "5")
        #expect(body.member("TxnTaxDetail", "TotalTax") == .number("1.66"))
    }

    @Test("what has no code is held before it is cleared, with what to bind; sales that would be a journal are held as well") func held() {
        func codes(_ document: LedgerDocument, _ facts: ConnectionFacts = Self.britain) -> [String] { connector.objections(to: document, facts).map(\.code) }
        #expect(codes(Self.sale()) == [])
        #expect(codes(Self.sale(.salesReceipt)) == [])
        #expect(codes(Self.sale(code: nil)) == ["tax_code_unbound"])
        #expect(connector.objections(to: Self.sale(code: nil), Self.britain)[0].remedy.contains("GB@20"))
        var plain = Self.britain
        plain.settings = [:]
        #expect(codes(Self.sale(), plain) == ["tax_code_unbound"], "the gift card bears no tax")
        #expect(connector.objections(to: Self.sale(), plain)[0].remedy.contains("no_tax_code"))
        var untied = Self.sale()
        untied.lines[1].taxCode = nil
        #expect(codes(untied) == ["tax_code_unbound"], "its tax has no code")
        let summary = Desk.document(.summary, total: "9.99", currency: .gbp, [
            Desk.line(.tender, "clearing:card:GBP", "1310", "9.99", currency: .gbp), Self.line(.goods, "sales:homeware", "-8.33", "GB@20", "2"),
            Self.line(.tax, "tax_payable:GB", "-1.66", "GB@20", "2"),
        ])
        #expect(codes(summary) == ["country_unsupported"])
        #expect(connector.objections(to: summary, Self.britain)[0].remedy.contains("per_document"))
        #expect(codes(summary, Desk.facts) == [])
        #expect(codes(Desk.payment()) == [] && codes(Desk.refund()) == [])
        var void = Self.sale(code: nil)
        void.plan.effect = .void
        #expect(codes(void) == [])
    }
}

extension LedgerDocument {
    fileprivate func known(_ id: String) -> LedgerDocument {
        var out = self
        out.remoteID = id
        return out
    }
}
