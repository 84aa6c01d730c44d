import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import Square

@Suite("Returns") struct ReturnTests {
    private func together(_ sale: String, _ back: String, _ settings: [String: String] = [:]) throws -> [PlannedPosting] {
        plans(try normalized("order", fixture(sale), settings).documents + normalized("order", fixture(back), settings).documents)
    }

    @Test("a return's order takes back lines, discount and tax of the sale it names, and its money")
    func plain() throws {
        let found = try normalized("order", fixture("return"))
        let refund = try #require(found.refunds.first), document = found.documents[0]
        #expect(found.ids == ["RtnOrd7Y1xkT0yq4bYc5gC2AzVEXYB"] && document.caseID == "CAISENgvlJ6jLWAzERDzjyHVybY")
        #expect(refund.lines == [
            RefundLine(line: "Li0001", quantity: .one, net: usd(1_620), taxes: [TaxPart(jurisdiction: "US-CA", rate: ExactDecimal("0.0825"), amount: usd(134))])
        ])
        #expect(refund.total == usd(1_754) && refund.transactions.map(\.id) == ["tPz0000000000000000000000001_rF1"]
            && refund.transactions.map(\.gateway) == ["square"])
        let made = try together("order", "return")
        #expect(made.allSatisfy { $0.findings.isEmpty })
        #expect(balances(made) == [
            "clearing:square:USD": 4_140, "sales:unclassified": -6_050, "sales_discounts": 605, "returns_allowances": 1_620, "tax_payable:US-CA": -315,
        ])
    }

    @Test("without the refund's own object the order's word counts; what is under way or failed moves no money")
    func states() throws {
        let back = try fixture("return")
        func total(_ json: JSON) throws -> (Money?, Int?) {
            let refund = try normalized("order", json).refunds.first
            return (refund?.total, refund?.lines.count)
        }
        #expect(try total(back.changing("refunds", to: [])) == (usd(1_754), 1))
        #expect(try total(back.changing("refunds", "0", "status", to: "PENDING")) == (usd(0), 1))
        #expect(try total(back.changing("refunds", "0", "status", to: "REJECTED")) == (usd(0), 0))
        let late = back.changing("refunds", "0", "updated_at", to: "2026-11-20T00:00:00Z").changing("refunds", "0", "status", to: "FAILED")
        #expect(try normalized("order", late).documents[0].version > normalized("order", back).documents[0].version)
        #expect(plans(try normalized("order", fixture("order")).documents + normalized("order", back).documents
            + normalized("order", late).documents).allSatisfy { $0.findings.isEmpty })
        #expect(refusal("order", back.changing("refunds", "0", "status", to: "LOST"))?.position == "refunds[0].status")
    }

    @Test("tips, service charges and two tenders go back to where they came from")
    func dinner() throws {
        let refund = try #require(try normalized("order", fixture("dinner-return")).refunds.first)
        #expect(refund.lines.map(\.line) == ["d1", "s1", "s2"] && refund.tip == usd(500) && refund.total == usd(3_244))
        #expect(refund.transactions.map { "\($0.gateway) \($0.id) \($0.amount.text)" } == ["square payCard1_rA 23.30", "cash payCash1_rB 9.14"])
        let made = try together("dinner", "dinner-return")
        #expect(made.allSatisfy { $0.findings.isEmpty })
        let left = balances(made)
        #expect(left["tips_payable"] == nil && left["clearing:square:USD"] == 1_170 && left["clearing:cash:USD"] == nil && left["receivable:shop"] == nil)
        #expect(left["tax_payable:US-CA"] == -193 && left["tax_payable:US-CA-ALAMEDA"] == -60)
        let owed = try normalized("order", fixture("dinner-return"), ["auto_gratuity": "tip"]).refunds[0]
        #expect(owed.lines.map(\.line) == ["d1", "s1"] && owed.tip == usd(1_355))
        #expect(try together("dinner", "dinner-return", ["auto_gratuity": "tip"]).allSatisfy { $0.findings.isEmpty })
    }

    @Test("an amount alone is goodwill; all of the sale takes back its lines")
    func amounts() throws {
        let part = try #require(try normalized("order", fixture("return-amount")).refunds.first)
        #expect(part.lines.isEmpty && part.adjustments == [RefundAdjustment(id: "amt", kind: .goodwill, amount: usd(1_000))] && part.total == usd(1_000))
        #expect(balances(try together("order", "return-amount"))["returns_allowances"] == 1_000)
        let whole = try #require(try normalized("order", fixture("return-whole")).refunds.first)
        #expect(whole.lines.map(\.line) == ["Li0001", "Li0002"] && whole.adjustments.isEmpty && whole.total == usd(5_894))
        let left = balances(try together("order", "return-whole"))
        #expect(left == ["sales:unclassified": -6_050, "sales_discounts": 605, "returns_allowances": 5_445])
    }

    @Test("an exchange pays for the new with the worth of the old, through store credit that is gone again at once")
    func exchange() throws {
        let found = try normalized("order", fixture("exchange"))
        #expect(found.sale?.total == usd(3_248) && found.payments.map(\.gateway) == ["square", "store_credit"]
            && found.payments.map(\.amount) == [usd(1_494), usd(1_754)])
        #expect(found.refunds.first?.transactions.map(\.gateway) == ["store_credit"] && found.refunds.first?.total == usd(1_754))
        #expect(Set(found.documents.map(\.caseID)) == ["ExchangeOrd000000000000000001", "CAISENgvlJ6jLWAzERDzjyHVybY"])
        let made = plans(try normalized("order", fixture("order")).documents + found.documents)
        #expect(made.allSatisfy { $0.findings.isEmpty })
        let left = balances(made)
        #expect(left["store_credit_liability"] == nil && left["receivable:shop"] == nil && left["clearing:square:USD"] == 7_388)
    }

    @Test("an exchange for something cheaper gives the rest back as money")
    func cheaper() throws {
        // The bowl costs 10.00 and 0.83 of tax; the mug was worth 17.54.
        let json = try fixture("exchange").changing("order", "line_items", "0", "gross_sales_money", "amount", to: 1_000)
            .changing("order", "line_items", "0", "total_tax_money", "amount", to: 83)
                .changing("order", "line_items", "0", "applied_taxes", "0", "applied_money", "amount", to: 83)
            .changing("order", "line_items", "0", "total_money", "amount", to: 1_083).changing("order", "total_money", "amount", to: 1_083)
            .changing("order", "total_tax_money", "amount", to: 83).changing("order", "tenders", to: [])
            .changing("order", "refunds", to: [
                ["id": "rX", "tender_id": "tPz0000000000000000000000001", "amount_money": ["amount": 671, "currency": "USD"], "status": "APPROVED",
                    "created_at": "2026-11-17T18:00:50Z"]
            ])
        let found = try normalized("order", json)
        #expect(found.payments.map(\.amount) == [usd(1_083)] && found.refunds.first?.transactions.map(\.amount) == [usd(671), usd(1_083)])
        let made = plans(try normalized("order", fixture("order")).documents + found.documents)
        #expect(made.allSatisfy { $0.findings.isEmpty } && balances(made)["clearing:square:USD"] == 5_894 - 671
            && balances(made)["store_credit_liability"] == nil)
        let more = json.changing("order", "refunds", "0", "amount_money", "amount", to: 1_755)
        #expect(refusal("order", more)?.code == "unbalanced_record")
    }

    @Test("a return that names no sale stands by itself, and waits; one that names several is held")
    func sources() throws {
        let unlinked = try fixture("return").changing("order", "returns", "0", "source_order_id", to: .null).changing("source", to: .null)
        let found = try normalized("order", unlinked)
        #expect(found.documents[0].caseID == found.documents[0].id && found.refunds[0].lines.isEmpty
            && found.refunds[0].adjustments.map(\.amount) == [usd(1_754)])
        #expect(plans(found.documents).flatMap(\.findings).map(\.check).first == "waits_for_original")
        let one = try #require(try fixture("return").member("order", "returns")?[0])
        let several = try fixture("return").changing("order", "returns", to: [one, one.setting("source_order_id", "OTHER")])
        #expect(refusal("order", several)?.position == "order.returns")
        #expect(refusal("order", try fixture("return").changing("source", "id", to: "OTHER"))?.position == "source")
        #expect(refusal("order", try fixture("return").changing("order", "returns", "0", "return_amounts", "total_money", "amount",
            to: 1_755))?.code == "unbalanced_record")
    }

    @Test("coins that were rounded when cash went back are no difference")
    func coins() throws {
        let json = try fixture("return").changing("order", "returns", "0", "rounding_adjustment", to: ["amount_money": ["amount": -4, "currency": "USD"]])
            .changing("order", "returns", "0", "return_amounts", "total_money", "amount", to: 1_750)
                .changing("refunds", "0", "amount_money", "amount", to: 1_750)
            .changing("refunds", "0", "destination_type", to: "CASH")
        let made = plans(try normalized("order", fixture("order")).documents + normalized("order", json).documents)
        #expect(made.allSatisfy { $0.findings.isEmpty } && balances(made)["clearing:cash:USD"] == -1_750 && balances(made)["receivable:shop"] == nil)
    }
}
