import Kernel
import Testing

@testable import Books

private func mirroring(_ trigger: Policies.SaleTrigger = .created) -> Policies {
    var out = Policies()
    (out.salesOrders, out.saleTrigger) = (.mirror, trigger)
    return out
}

private func drafted(_ id: String = "O-1", isDraft: Bool = true, bills: String? = nil, version: Int64 = 1) -> SourceDocument {
    var out = sale()
    guard case .sale(var body) = out.body else { return out }
    (body.isDraft, body.isInvoice, body.bills) = (isDraft, bills != nil, bills)
    (out.id, out.version, out.body) = (id, version, .sale(body))
    return out
}

private let end = document("O-1/end", at("2026-11-04T10:00:00Z"), version: 9, .cancellation(Cancellation(kind: .voided)))

@Suite("Sales orders") struct SalesOrderTests {
    private let id = PlannedPosting.Reference(form: .salesOrder, subject: "O-1")

    @Test("an order that is no sale yet stands as one, with the sale's own lines; without the policy it does not")
    func waiting() throws {
        let plans = planned([drafted()], shopUS, mirroring())
        #expect(names(plans) == ["sales_order:O-1"] && checks(plans).isEmpty)
        let invoice = try #require(planned([drafted(isDraft: false)]).first)
        #expect(plans[0].lines == invoice.lines && plans[0].total == invoice.total && plans[0].date == invoice.date && plans[0].party == invoice.party)
        #expect(planned([drafted()]).isEmpty)
        for trigger in [Policies.SaleTrigger.paid, .fulfilled] { #expect(names(planned([sale()], shopUS, mirroring(trigger))) == ["sales_order:O-1"]) }
        #expect(names(planned([sale()], shopUS, mirroring())) == ["invoice:O-1"], "what is a sale at once is no order")
        #expect(planned([drafted(), end], shopUS, mirroring()).isEmpty)
    }

    @Test("the invoice is drawn from the order, the order is closed behind it, and taken back only behind the invoice")
    func sold() throws {
        let policies = mirroring()
        var ledger = posted(planned([drafted()], shopUS, policies))
        let sold = planned([drafted(isDraft: false)], shopUS, policies, ledger: ledger)
        #expect(names(sold) == ["invoice:O-1", "sales_order:O-1"] && sold[0].drawnFrom == id && !sold[1].isClosed)
        #expect(ledger.action(for: sold[1]) == .unchanged)
        ledger = posted(sold)
        let after = planned([drafted(isDraft: false)], shopUS, policies, ledger: ledger)
        #expect(after[1].isClosed && after[1].closedBehind == "O-1@1" && after[1].lines == sold[1].lines && ledger.action(for: after[1]) == .revise(2) && ledger.action(for: after[0]) == .unchanged)
        ledger = posted(after)
        #expect(ledger.action(for: planned([drafted(isDraft: false)], shopUS, policies, ledger: ledger)[1]) == .unchanged)
        // The ledger takes the invoice back to change it, which opens the order again: closed behind every revision anew.
        ledger.posted[after[0].id]?.revision = 2
        let again = planned([drafted(isDraft: false)], shopUS, policies, ledger: ledger)
        #expect(again[1].closedBehind == "O-1@2" && ledger.action(for: again[1]) == .revise(2))
        ledger.posted[again[1].id]?.plan = again[1]
        #expect(ledger.action(for: planned([drafted(isDraft: false)], shopUS, policies, ledger: ledger)[1]) == .unchanged)
        let taken = planned([drafted(isDraft: false), end], shopUS, policies, ledger: ledger)
        #expect(names(taken) == ["invoice:O-1 void", "sales_order:O-1"] && ledger.action(for: taken[1]) == .unchanged)
        ledger.posted[taken[0].id]?.voided = true
        #expect(names(planned([drafted(isDraft: false), end], shopUS, policies, ledger: ledger)).contains("sales_order:O-1 void"))
        #expect(names(planned([drafted(), end], shopUS, policies, ledger: posted(planned([drafted()], shopUS, policies)))) == ["sales_order:O-1 void"])
    }

    @Test("an order that stands there goes its way to the end without the policy") func policyTakenAway() {
        let ledger = posted(planned([drafted()], shopUS, mirroring()))
        #expect(planned([drafted()], ledger: ledger).map { ledger.action(for: $0) } == [.unchanged])
        let sold = planned([drafted(isDraft: false)], ledger: ledger)
        #expect(names(sold) == ["invoice:O-1", "sales_order:O-1"] && sold[0].drawnFrom == id)
        #expect(names(planned([drafted(), end], ledger: ledger)) == ["sales_order:O-1 void"])
    }

    @Test("an order that invoices of their own bill is left as it is, then closed; a change of it waits by name; one that is told late is none")
    func billed() throws {
        let policies = mirroring(), order = drafted()
        #expect(planned([drafted("I-1", isDraft: false, bills: "O-1")], shopUS, policies).map(\.drawnFrom) == [id])
        let ledger = posted(planned([order], shopUS, policies))
        func plans(_ documents: [SourceDocument], _ minor: Int64..., revision: Int = 1, ledger: LedgerState) -> [PlannedPosting] {
            around(documents, minor.map { PostedState(plan: bill($0), revision: revision) }, ledger)
        }
        #expect(plans([order], 5_000, ledger: ledger).map { ledger.action(for: $0) } == [.unchanged])
        let whole = plans([order], 5_000, 5_000, ledger: ledger)
        #expect(whole.map(\.isClosed) == [true] && whole[0].closedBehind == "I@1, I@1")
        let closed = posted(whole)
        #expect(plans([order], 5_000, 5_000, ledger: closed).map { closed.action(for: $0) } == [.unchanged])
        #expect(plans([order], 5_000, 5_000, revision: 2, ledger: closed).map { closed.action(for: $0) } == [.revise(2)])
        // One of them is taken back: open again, with nothing to be told.
        let opened = plans([order], 5_000, ledger: closed)
        #expect(opened.map(\.isClosed) == [false] && checks(opened).isEmpty && closed.action(for: opened[0]) == .revise(2))
        let held = plans([told(12_000)], 5_000, ledger: ledger)
        #expect(checks(held) == ["order_billed"] && held[0].total == usd(12_600))
        #expect(checks(plans([told(12_000)], ledger: ledger)).isEmpty)
        #expect(plans([order], 5_000, ledger: LedgerState()).isEmpty && plans([order], 10_000, ledger: LedgerState()).isEmpty)
        // As it is now: over once it came down to what is billed, and told once it rose above.
        #expect(plans([told(5_000)], 5_000, ledger: ledger).map(\.isClosed) == [true])
        #expect(checks(plans([told(12_000)], 10_000, ledger: closed)) == ["order_billed"])
        // More delivery than was ordered is not more of the goods.
        let freight = around([order], [PostedState(plan: bill(5_000, freight: 6_000))], ledger)
        #expect(freight.map(\.isClosed) == [false] && checks(freight).isEmpty)
    }

    @Test("an order whose currency was corrected is set against what is billed in it, and never against another") func currencies() {
        let policies = mirroring(), ledger = posted(planned([drafted()], shopUS, policies)), euros = told(10_000, .eur)
        #expect(around([euros], [PostedState(plan: bill(10_000, .eur))], ledger).map(\.isClosed) == [true])
        for billed in [[bill(10_000)], [bill(10_000), bill(4_000, .eur)]] {
            let plans = around([euros], billed.map { PostedState(plan: $0) }, ledger)
            #expect(plans.map(\.isClosed) == [false] && checks(plans) == ["order_billed"])
        }
        #expect(around([drafted()], [PostedState(plan: bill(10_000, .eur))], ledger).map { ledger.action(for: $0) } == [.unchanged])
    }

    @Test("an order of which no line is told yet is none, and one that has none any more is taken back") func empty() {
        let policies = mirroring(), bare = told(0)
        #expect(planned([bare], shopUS, policies).isEmpty)
        let ledger = posted(planned([drafted()], shopUS, policies))
        #expect(names(planned([bare], shopUS, policies, ledger: ledger)) == ["sales_order:O-1 void"])
        #expect(around([bare], [PostedState(plan: bill(5_000))], ledger).map(\.isClosed) == [true])
    }

    @Test("an invoice is drawn from the order that it names, whatever the policy says by now") func drawnWithoutPolicy() {
        #expect(planned([drafted("I-1", isDraft: false, bills: "O-1")]).map(\.drawnFrom) == [id])
    }

    private func around(_ documents: [SourceDocument], _ billed: [PostedState], _ ledger: LedgerState) -> [PlannedPosting] {
        var around = Surroundings()
        around.billed["O-1"] = billed
        return Planner.plan(OrderCase(id: "O-1", documents), organisation: shopUS, policies: mirroring(), ledger: ledger, codes: CodeBook(), around: around)
    }

    private func bill(_ goods: Int64, _ currency: Currency = .usd, freight: Int64 = 0) -> PlannedPosting {
        func line(_ part: PostingLine.Part, _ role: Role, _ minor: Int64) -> PostingLine { PostingLine(part, role: role, amount: Money(minor: minor, currency), derivedFrom: ["I"]) }
        return PlannedPosting(
            subject: "I", form: .invoice, caseID: "I", covers: [], date: day("2026-11-02"), currency: currency, total: Money(minor: goods + freight, currency),
            lines: [line(.control, "receivable:shop", goods + freight), line(.goods, "sales:cups", -goods), line(.shipping, "shipping", -freight)], party: "shop")
    }

    /// The order with goods of so much, tax of 6.00 beside them; of none it has no lines.
    private func told(_ goods: Int64, _ currency: Currency = .usd) -> SourceDocument {
        var out = drafted()
        guard case .sale(var body) = out.body else { return out }
        func money(_ minor: Int64) -> Money { Money(minor: minor, currency) }
        var line = body.lines[0]
        (line.gross, line.discount, line.net, line.taxes) = (money(goods), money(0), money(goods), line.taxes?.map { TaxPart(jurisdiction: $0.jurisdiction, rate: $0.rate, amount: money(600)) })
        (body.currency, body.total, body.lines) = (currency, money(goods == 0 ? 0 : goods + 600), goods == 0 ? [] : [line])
        if currency != .usd { body.rate = d("1.1") }
        out.body = .sale(body)
        return out
    }

    @Test("a foreign order balances in base currency")
    func foreign() throws {
        var order = drafted()
        guard case .sale(var body) = order.body else { return }
        body.rate = d("0.79")
        order.body = .sale(body)
        let plan = try #require(planned([order], shopGB, mirroring()).first)
        #expect(plan.rate == d("0.79") && plan.lines.compactMap(\.base).count == plan.lines.count && plan.lines.compactMap(\.base).total(.gbp).isZero)
    }

    @Test("all else is planned as without orders, whatever happens to the sale", arguments: UInt64(1) ... 80)
    func silent(seed: UInt64) {
        var maker = CaseMaker(seed: seed)
        maker.sale()
        maker.pay()
        if maker.chance.flip() { maker.edit("E-1") }
        for n in 0 ..< maker.chance.int(0 ... 3) { maker.refund("R-\(n)") }
        for trigger in Policies.SaleTrigger.allCases {
            var plain = Policies()
            plain.saleTrigger = trigger
            for count in maker.documents.indices {
                let told = Array(maker.documents[...count])
                let ledger = posted(planned(told, shopUS, mirroring(trigger)).filter { $0.findings.isEmpty })
                var without = ledger
                without.posted = ledger.posted.filter { $0.key.form != .salesOrder }
                let mine = planned(maker.documents, shopUS, mirroring(trigger), ledger: ledger).filter { $0.form != .salesOrder }.map { plan in
                    var plan = plan
                    plan.drawnFrom = nil
                    return plan
                }
                #expect(mine == planned(maker.documents, shopUS, plain, ledger: without), "seed \(seed)")
            }
        }
    }

    @Test("orders are mirrored only where each sale becomes an invoice of its own", arguments: [("sale_form", "sales_receipt"), ("posting", "payout"), ("posting", "per_document, daily_summary from 2026-12-01")])
    func refused(name: String, value: String) throws {
        var policies = mirroring()
        #expect(policies.unplanned.isEmpty)
        try policies.set(name, to: value)
        #expect(policies.unplanned.contains { $0.hasPrefix("sales_orders: mirror with \(name)") })
        try policies.set("sales_orders", to: "off")
        #expect(!policies.unplanned.contains { $0.hasPrefix("sales_orders") })
        #expect(throws: Fault.self) { try policies.set("sales_orders", to: "on") }
    }
}
