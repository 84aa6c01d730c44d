import Books
import Kernel
import Testing

/// Orders of several days, paid by card, gift card and cash, some refunded, with the payouts that bring the card's money.
private struct Month {
    var chance: Seeded
    private(set) var documents: [SourceDocument] = []
    private var clock: Int64 = 1_793_300_000
    private var rows: [PayoutRow] = []
    private var payouts = 0

    init(_ seed: UInt64) {
        chance = Seeded(seed)
        for n in 0 ..< chance.int(3 ... 9) { order(n) }
        flush()
    }

    private mutating func add(_ id: String, _ caseID: String, _ body: SourceDocument.Body) {
        clock += Int64(chance.int(60 ... 60_000))
        documents.append(SourceDocument(id: id, caseID: caseID, version: 1, at: Timestamp(seconds: clock), body: body))
    }

    private mutating func order(_ n: Int) {
        let units = chance.int(1 ... 3)
        let net = units * chance.int(100 ... 9_000)
        let tax = half(net * 6, 100)
        let total = Int64(net + tax)
        let id = "O-\(n)"
        let part = TaxPart(jurisdiction: "US-PA", rate: d("0.06"), amount: usd(Int64(tax)))
        let line = SaleLine(
            id: "L1", sku: "S", title: "Thing", group: chance.flip() ? "tools" : "toys", quantity: ExactDecimal(units), gross: usd(Int64(net)),
            discount: usd(0), net: usd(Int64(net)), taxes: [part])
        add(id, id, .sale(Sale(number: "#\(n)", source: "shop", currency: .usd, taxIncluded: false, lines: [line], total: usd(total))))
        let kind = chance.int(0 ... 4)
        if kind == 0 { return }
        let gift = kind == 1 ? Int64(chance.int(1 ... Int(total))) : 0
        if gift > 0 { add("G-\(n)", id, .payment(Payment(gateway: "gift_card", amount: usd(gift), status: .success, card: "GC-\(n)"))) }
        if total - gift > 0 {
            let gateway = kind == 2 ? "cash" : "stripe"
            add("P-\(n)", id, .payment(Payment(gateway: gateway, amount: usd(total - gift), status: .success)))
            if gateway == "stripe" { charge("P-\(n)", total - gift) }
        }
        if kind == 3 {
            let refund = Refund(
                currency: .usd, taxIncluded: false,
                lines: [RefundLine(line: "L1", quantity: ExactDecimal(units), net: usd(Int64(net)), taxes: [part])], total: usd(total),
                transactions: [MoneyMovement(id: "T1", gateway: "stripe", amount: usd(total), status: .success)])
            add("R-\(n)", id, .refund(refund))
            rows.append(PayoutRow(id: "r\(n)", kind: .refund, ref: "R-\(n)", amount: usd(-total), fee: usd(0), net: usd(-total), at: Timestamp(seconds: clock)))
        }
        if chance.flip(3) { flush() }
    }

    private mutating func charge(_ ref: String, _ amount: Int64) {
        let fee = amount / 40 + 30
        rows.append(
            PayoutRow(id: "c\(ref)", kind: .charge, ref: ref, amount: usd(amount), fee: usd(fee), net: usd(amount - fee), at: Timestamp(seconds: clock)))
    }

    private mutating func flush() {
        guard !rows.isEmpty else { return }
        payouts += 1
        clock += 200_000
        let sum = rows.map(\.net).total(.usd)
        add("PO-\(payouts)", "PO-\(payouts)", .payout(Payout(gateway: "stripe", amount: sum, rows: rows)))
        rows = []
    }

    func plans(_ policies: Policies) -> [PlannedPosting] {
        Dictionary(grouping: documents, by: \.caseID).sorted { $0.key < $1.key }.flatMap { id, documents in
            Planner.plan(OrderCase(id: id, documents), organisation: shopUS, policies: policies, ledger: LedgerState(), codes: CodeBook())
        }
    }

    var payoutDocuments: [SourceDocument] { documents.filter { if case .payout = $0.body { true } else { false } } }
}

private func policies(_ posting: Policies.Posting, _ change: (inout Policies) -> Void = { _ in }) -> Policies {
    var out = Policies()
    out.posting = posting
    change(&out)
    return out
}

@Suite("Summaries and settlements")
struct GatheringTests {
    static let seeds: [UInt64] = Array(1 ... 120)

    @Test("summaries end with the balances of single documents, whatever the cut-off", arguments: seeds)
    func summaries(seed: UInt64) {
        let month = Month(seed)
        let policy = policies(.dailySummary) { $0.dayCutOff = Int(seed % 24) * 3_600 }
        let parts = month.plans(policy)
        let gathered = parts.filter { Summaries.policy(of: $0, policy) == .dailySummary }
        let made = Summaries.plan(gathered, source: "shop", organisation: shopUS, policies: policy, ledger: LedgerState())
        let single = parts.filter { Summaries.policy(of: $0, policy) == .perDocument }
        #expect(balances(made.map(\.plan) + single) == balances(month.plans(Policies())), "seed \(seed)")
        var covered: [String] = []
        for entry in made {
            #expect(entry.plan.lines.map(\.amount).total(.usd).isZero && entry.plan.form == .summary, "seed \(seed)")
            #expect(balances(entry.parts) == balances([entry.plan]), "seed \(seed): its parts are the document")
            #expect(Set(entry.parts.map(\.date)) == [entry.plan.date], "seed \(seed)")
            #expect(entry.plan.lines.filter { $0.role.family == "receivable" }.count <= 1, "seed \(seed)")
            // The money of a refund is a part of its own, so that documents repeat within a day and never over two.
            covered += entry.plan.covers
        }
        #expect(Set(covered).count == covered.count, "seed \(seed)")
        #expect(Set(covered) == Set(gathered.flatMap(\.covers)), "seed \(seed)")
    }

    @Test("settlements and payouts end with the balances of single documents, split at month ends or not", arguments: seeds)
    func settlements(seed: UInt64) {
        let month = Month(seed)
        let policy = policies(.payout) { $0.monthEndSplit = seed % 2 == 0 ? .on : .off }
        let parts = month.plans(policy)
        let mine = parts.filter { Summaries.policy(of: $0, policy) == .payout }
        let outcome = Settlements.plan(month.payoutDocuments, parts: mine, organisation: shopUS, policies: policy, ledger: LedgerState())
        let payouts = parts.filter { $0.form == .payout }
        #expect(
            balances(outcome.settled.map(\.plan) + outcome.single + outcome.waiting + payouts) == balances(month.plans(Policies())), "seed \(seed)")
        for entry in outcome.settled {
            #expect(entry.plan.lines.map(\.amount).total(.usd).isZero, "seed \(seed)")
            #expect(balances(entry.parts) == balances([entry.plan]), "seed \(seed): its parts are the document")
        }
        // Every posting went one way.
        let ways = outcome.settled.flatMap(\.parts).filter { $0.form != .settlement } + outcome.single + outcome.waiting
        #expect(ways.count == mine.count && Set(ways.map(\.id)) == Set(mine.map(\.id)), "seed \(seed)")
        // Each payout takes from clearing what its settlements put there: every charge has its row here.
        #expect(balances(outcome.settled.map(\.plan) + payouts).filter { $0.key.family == "clearing" }.isEmpty, "seed \(seed)")
    }

    @Test("under either policy a clearing account whose money was all paid out is proven to be nothing, item by item", arguments: seeds)
    func proof(seed: UInt64) {
        let month = Month(seed)
        var postings = month.plans(Policies()).filter { $0.form != .payout }
        for document in month.payoutDocuments {
            postings += ClearingProof.rows(of: document, organisation: shopUS, policies: Policies(), around: Surroundings())
        }
        if let proof = ClearingProof.of(postings, base: .usd)["clearing:stripe:USD"] { #expect(proof.isNil, "seed \(seed): \(proof)") }
        // Without its last payout the account holds exactly what that one would have brought.
        guard let last = month.payoutDocuments.last, case .payout(let body) = last.body else { return }
        let short = postings.filter { $0.caseID != last.caseID }
        let open = ClearingProof.of(short, base: .usd)["clearing:stripe:USD"]?.open ?? [:]
        #expect(open == Dictionary(uniqueKeysWithValues: body.rows.map { ($0.ref ?? "", $0.amount) }), "seed \(seed)")
    }

    @Test("planning again on the summaries that are posted changes nothing", arguments: Array(seeds.prefix(40)))
    func idempotent(seed: UInt64) {
        let policy = policies(.dailySummary)
        let parts = Month(seed).plans(policy).filter { Summaries.policy(of: $0, policy) == .dailySummary }
        let first = Summaries.plan(parts, source: "shop", organisation: shopUS, policies: policy, ledger: LedgerState())
        let ledger = posted(first.map(\.plan))
        for entry in Summaries.plan(parts, source: "shop", organisation: shopUS, policies: policy, ledger: ledger) {
            #expect(ledger.action(for: entry.plan) == .unchanged, "seed \(seed)")
        }
    }

    @Test("sales and refunds of one day stand beside each other; a paid order leaves no receivable")
    func sides() throws {
        let documents = [sale(), payment(), refund(time: at("2026-11-02T18:00:00Z"))]
        let policy = policies(.dailySummary)
        let parts = planned(documents, shopUS, policy)
        let made = try #require(Summaries.plan(parts, source: "pos", organisation: shopUS, policies: policy, ledger: LedgerState()).first)
        #expect(made.plan.subject == "2026-11-02:pos" && made.plan.covers == ["O-1", "P-1", "R-1"])
        let tax = made.plan.lines.filter { $0.role == "tax_payable:US-PA" }.map(\.amount.minor)
        #expect(tax == [-600, 300] && !made.plan.lines.contains { $0.role.family == "receivable" })
        let clearing = made.plan.lines.filter { $0.role == "clearing:card:USD" }.map(\.amount.minor)
        #expect(clearing == [10_600, -5_300])
        #expect(made.plan.notBefore == at("2026-11-03T00:00:00Z"))
    }

    @Test("a foreign day is a summary of its own, with base values")
    func foreign() {
        var maker = CaseMaker(seed: 3, currency: .eur, included: true)
        maker.sale(rate: d("0.87"))
        maker.pay()
        let policy = policies(.dailySummary)
        let parts = planned(maker.documents, shopGB, policy)
        for entry in Summaries.plan(parts, source: "shop", organisation: shopGB, policies: policy, ledger: LedgerState()) {
            #expect(entry.plan.subject.hasSuffix(":shop:EUR") && entry.plan.rate == d("0.87"))
            #expect(entry.plan.lines.compactMap(\.base).count == entry.plan.lines.count)
            #expect(entry.plan.lines.compactMap(\.base).total(.gbp).isZero)
        }
    }

    @Test("what comes late for a closed day is a further summary: held, or dated to the first open day; its own day stays as it is")
    func late() throws {
        let early = [sale(), payment()]
        let late = SourceDocument(
            id: "O-2", caseID: "O-2", version: 1, at: at("2026-11-02T20:00:00Z"), body: sale().body)
        for (closing, date) in [(Policies.ClosedPeriod.hold, "2026-11-02"), (.firstOpenDay, "2026-11-04")] {
            let policy = policies(.dailySummary) { $0.closedPeriod = closing }
            func parts(_ documents: [SourceDocument]) -> [PlannedPosting] {
                Dictionary(grouping: documents, by: \.caseID).sorted { $0.key < $1.key }.flatMap { id, documents in
                    Planner.plan(
                        OrderCase(id: id, documents), organisation: shopUS, policies: policy, ledger: LedgerState(lockDate: day("2026-11-03")),
                        codes: CodeBook())
                }
            }
            func summaries(_ documents: [SourceDocument], _ ledger: LedgerState) -> [PlannedPosting] {
                Summaries.plan(parts(documents), source: "shop", organisation: shopUS, policies: policy, ledger: ledger).map(\.plan)
            }
            let first = summaries(early, LedgerState())
            #expect(first.map(\.subject) == ["2026-11-02:shop"])
            let second = summaries(early + [late], posted(first, lockDate: day("2026-11-03")))
            #expect(second.map(\.subject) == ["2026-11-02:shop", "2026-11-02:shop/late-1"])
            #expect(second[0].hasSameContent(as: first[0]) && second[1].covers == ["O-2"])
            #expect(second[1].date.description == date && (second[1].reference != nil) == (closing == .firstOpenDay))
            // A closed day without a summary begins with late-1 too.
            #expect(summaries([late], LedgerState(lockDate: day("2026-11-03"))).map(\.subject) == ["2026-11-02:shop/late-1"])
        }
    }

    @Test("what changes of a closed day's order changes the summary that it stands in, and is in no further one", arguments: [Policies.ClosedPeriod.firstOpenDay, .reversalPair])
    func changed(closing: Policies.ClosedPeriod) throws {
        let policy = policies(.dailySummary) { $0.closedPeriod = closing }
        func summaries(_ documents: [SourceDocument], _ ledger: LedgerState) -> [PlannedPosting] {
            let parts = Planner.plan(
                OrderCase(id: "O-1", documents), organisation: shopUS, policies: policy, ledger: LedgerState(lockDate: ledger.lockDate), codes: CodeBook())
            return Summaries.plan(parts, source: "shop", organisation: shopUS, policies: policy, ledger: ledger).map(\.plan)
        }
        let refund = refund(units: 1, total: 5_300, time: at("2026-11-02T18:00:00Z"))
        let returned = document("RT-1", at("2026-11-05T10:00:00Z"), .goodsReturn(GoodsReturn(state: "closed", refundRef: "R-1", lines: [], fees: [])))
        let first = summaries([sale(), payment(), refund], LedgerState())
        #expect(first.map(\.subject) == ["2026-11-02:shop"])
        let second = summaries([sale(), payment(), refund, returned], posted(first, lockDate: day("2026-11-03")))
        #expect(second.map(\.subject) == ["2026-11-02:shop"] && second[0].covers.contains("RT-1") && second[0].hasSameContent(as: first[0]))
    }
}
