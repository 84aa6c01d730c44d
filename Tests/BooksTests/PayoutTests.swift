import Books
import Kernel
import Testing

private func row(
    _ id: String, _ kind: PayoutRow.Kind, _ ref: String? = nil, _ amount: Int64, fee: Int64 = 0, net: Int64? = nil,
    at: Timestamp? = nil, original: Money? = nil
) -> PayoutRow {
    PayoutRow(
        id: id, kind: kind, ref: ref, amount: usd(amount), fee: usd(fee), net: usd(net ?? amount - fee), at: at, original: original)
}

private func payout(_ rows: [PayoutRow], amount: Int64? = nil, _ status: Payout.Status = .paid, gateway: String = "stripe") -> SourceDocument {
    let sum = rows.map(\.net.minor).reduce(0, +)
    return SourceDocument(
        id: "PO-1", caseID: "PO-1", version: 1, at: at("2026-11-09T06:00:00Z"),
        .payout(Payout(gateway: gateway, amount: usd(amount ?? sum), status: status, rows: rows)))
}

private func plan(_ document: SourceDocument, _ shop: Organisation = shopUS, around: Surroundings = Surroundings()) -> [PlannedPosting] {
    Planner.plan(
        OrderCase(id: document.caseID, [document]), organisation: shop, policies: Policies(), ledger: LedgerState(), codes: CodeBook(), around: around)
}

extension SourceDocument {
    fileprivate init(id: String, caseID: String, version: Int64, at: Timestamp, _ body: Body) {
        self.init(id: id, caseID: caseID, version: version, at: at, body: body)
    }
}

@Suite("Payouts")
struct PayoutTests {
    @Test("charges and refunds leave clearing in full, the fees are an expense, the rest reached the bank")
    func plain() {
        let plans = plan(payout([row("A", .charge, "P-1", 10_000, fee: 320), row("B", .refund, "R-1", -2_500, fee: -10)]))
        #expect(names(plans) == ["payout:PO-1"] && plans.flatMap(\.findings).isEmpty)
        #expect(sums(plans.first) == ["bank:USD": 7_190, "processor_fees": 310, "clearing:stripe:USD": -7_500])
        #expect(plans.first?.covers == ["PO-1"] && plans.first?.total == usd(7_190))
    }

    @Test("a dispute is an expense with its fee, and a won one leaves nothing")
    func disputes() {
        let lost = plan(payout([row("A", .dispute, "D-1", -10_000, fee: 1_500)]))
        #expect(sums(lost.first) == ["bank:USD": -11_500, "chargebacks": 10_000, "chargeback_fees": 1_500])
        #expect(lost.first?.covers == ["PO-1", "D-1"] && lost.first?.total == usd(11_500))
        let both = plan(payout([row("A", .dispute, "D-1", -10_000, fee: 1_500), row("B", .disputeReversal, "D-1", 10_000, fee: -1_500)]))
        #expect(sums(both.first) == [:] && both.allSatisfy { $0.lines.isEmpty })
    }

    @Test("what is kept back and given free moves between clearing's reserve and the bank")
    func reserve() {
        #expect(sums(plan(payout([row("A", .reserveHold, nil, -4_000)])).first) == ["bank:USD": -4_000, "processor_reserve:stripe:USD": 4_000])
        #expect(sums(plan(payout([row("A", .reserveRelease, nil, 4_000)])).first) == ["bank:USD": 4_000, "processor_reserve:stripe:USD": -4_000])
    }

    @Test("a fee of its own may be written as an amount or as a fee")
    func fees() {
        for rows in [[row("A", .fee, nil, -300)], [row("A", .fee, nil, 0, fee: 300)]] {
            #expect(sums(plan(payout(rows)).first) == ["bank:USD": -300, "processor_fees": 300])
        }
    }

    @Test("what nobody explains stays in clearing, by name", arguments: [PayoutRow.Kind.adjustment, .transfer, .payoutFailure, .refundFailure])
    func unexplained(kind: PayoutRow.Kind) {
        let document = payout([row("A", .charge, "P-1", 5_000), row("B", kind, nil, -700)])
        #expect(sums(plan(document).first) == ["bank:USD": 4_300, "clearing:stripe:USD": -4_300])
        let parts = ClearingProof.rows(of: document, organisation: shopUS, policies: Policies(), around: Surroundings())
        let proof = ClearingProof.of(parts, base: .usd)["clearing:stripe:USD"]
        #expect(proof?.open == ["P-1": usd(-5_000), "PO-1": usd(700)] && proof?.balance == usd(-4_300))
    }

    @Test("a payout that is on its way, or called off, posts nothing", arguments: [Payout.Status.pending, .cancelled])
    func notYet(status: Payout.Status) {
        #expect(plan(payout([row("A", .charge, "P-1", 5_000)], status)).isEmpty)
    }

    @Test("one that came back keeps its fees; its money is in clearing again")
    func failed() {
        let plans = plan(payout([row("A", .charge, "P-1", 5_000, fee: 175)], .failed))
        #expect(sums(plans.first) == ["processor_fees": 175, "clearing:stripe:USD": -175])
    }

    @Test("a payout that its processor does not take apart is against clearing as a whole")
    func whole() {
        #expect(sums(plan(payout([], amount: 9_900)).first) == ["bank:USD": 9_900, "clearing:stripe:USD": -9_900])
        #expect(sums(plan(payout([], amount: -250)).first) == ["bank:USD": -250, "clearing:stripe:USD": 250])
        #expect(plan(payout([], amount: 0)).isEmpty)
    }

    @Test("a balance that is paid out in other sums than its rows: a statement settles the rows, a payout takes the money")
    func balance() {
        let statement = payout([row("A", .charge, "P-1", 6_689, fee: 282), row("B", .refund, "R-1", -1_754), row("C", .retained, nil, -4_653)])
        let plans = plan(statement)
        #expect(sums(plans.first) == ["processor_fees": 282, "clearing:stripe:USD": -282] && plans.first?.total == usd(282))
        var withdrawal = payout([], amount: 4_000)
        withdrawal.id = "W-1"
        let parts = [statement, withdrawal].flatMap {
            ClearingProof.rows(of: $0, organisation: shopUS, policies: Policies(), around: Surroundings())
        }
        let proof = ClearingProof.of(parts, base: .usd)["clearing:stripe:USD"]
        #expect(proof?.open == ["P-1": usd(-6_689), "R-1": usd(1_754), "balance of stripe": usd(653)])
    }

    @Test("rows that are not the payout, or not their own figures, hold it")
    func unsound() {
        #expect(checks(plan(payout([row("A", .charge, "P-1", 5_000)], amount: 4_999))) == ["unbalanced"])
        let odd = plan(payout([row("A", .charge, "P-1", 5_000, fee: 100, net: 4_800)]))
        #expect(checks(odd) == ["unbalanced"] && odd[0].findings[0].position == "rows[A]")
        #expect(checks(plan(payout([row("A", .charge, "P-1", 5_000), row("A", .charge, "P-2", 5_000)]))) == ["unbalanced"])
        var mixed = payout([row("A", .charge, "P-1", 5_000)])
        if case .payout(var body) = mixed.body {
            body.rows[0].fee = Money(minor: 1, .eur)
            mixed.body = .payout(body)
        }
        #expect(checks(plan(mixed)) == ["currency_mismatch"])
    }

    @Test("a payout of two thousand rows is planned; its sum is not out of range")
    func many() {
        let rows = (0 ..< 2_000).map { row("r\($0)", .charge, "P-\($0)", 1_000, fee: 59) }
        let plans = plan(payout(rows))
        #expect(plans.first?.findings.isEmpty == true && sums(plans.first)["bank:USD"] == 2_000 * 941)
    }

    // MARK: Currencies

    private func around(_ amount: Int64, base: Int64, _ ref: String = "P-1") -> Surroundings {
        var out = Surroundings()
        out.carried[ref] = .init(amount: Money(minor: amount, .eur), base: Money(minor: base, .gbp))
        return out
    }

    private func gbp(_ minor: Int64) -> Money { Money(minor: minor, .gbp) }

    private func converted(_ amount: Int64, fee: Int64, original: Int64, ref: String? = "P-1", rate: ExactDecimal? = nil) -> SourceDocument {
        SourceDocument(
            id: "PO-1", caseID: "PO-1", version: 1, at: at("2026-11-12T08:00:00Z"),
            .payout(
                Payout(
                    gateway: "stripe", amount: gbp(amount - fee),
                    rows: [
                        PayoutRow(
                            id: "B1", kind: .charge, ref: ref, amount: gbp(amount), fee: gbp(fee), net: gbp(amount - fee),
                            original: Money(minor: original, .eur))
                    ])))
    }

    @Test("a converted charge leaves clearing at the value it is carried at, the rest is gain or loss")
    func converted() {
        for (paid, rest) in [(10_600, 255), (11_000, -145), (10_855, nil)] as [(Int64, Int64?)] {
            let plans = plan(converted(paid, fee: 365, original: 12_600), shopGB, around: around(12_600, base: 10_855))
            #expect(plans.flatMap(\.findings).isEmpty)
            #expect(plans[0].lines.first { $0.role == "fx_gain_loss" }?.amount.minor == rest)
            let clearing = plans[0].lines.first { $0.role == "clearing:stripe:EUR" }
            #expect(clearing?.amount == Money(minor: -12_600, .eur) && clearing?.base == gbp(-10_855))
            #expect(plans[0].imbalance(base: .gbp) == gbp(0) && plans[0].convertsCurrency)
        }
    }

    @Test("half of what is carried leaves with half of its value")
    func part() {
        let plans = plan(converted(5_000, fee: 0, original: 6_301), shopGB, around: around(12_600, base: 10_855))
        #expect(plans[0].lines.first { $0.role == "clearing:stripe:EUR" }?.base == gbp(-5_428))
    }

    @Test("a converted charge of a payment that is not in the books holds the payout")
    func unknown() {
        #expect(checks(plan(converted(5_000, fee: 0, original: 5_700), shopGB)) == ["waits_for_original"])
        #expect(checks(plan(converted(5_000, fee: 0, original: 5_700, ref: nil), shopGB, around: around(5_700, base: 5_000))) == ["waits_for_original"])
        var other = Surroundings()
        other.carried["P-1"] = .init(amount: usd(5_700), base: gbp(5_000))
        #expect(checks(plan(converted(5_000, fee: 0, original: 5_700), shopGB, around: other)) == ["waits_for_original"])
    }

    @Test("a payout in a foreign currency: bank and fees at the rate of its day, the rest is gain or loss")
    func foreignBank() {
        func eur(_ minor: Int64) -> Money { Money(minor: minor, .eur) }
        let body = Payout(
            gateway: "stripe", amount: eur(12_200),
            rows: [PayoutRow(id: "B1", kind: .charge, ref: "P-1", amount: eur(12_600), fee: eur(400), net: eur(12_200))], rate: d("0.85"))
        let document = SourceDocument(id: "PO-1", caseID: "PO-1", version: 1, at: at("2026-11-12T08:00:00Z"), .payout(body))
        let plans = plan(document, shopGB, around: around(12_600, base: 10_855))
        let lines = Dictionary(uniqueKeysWithValues: plans[0].lines.map { ($0.role, $0) })
        #expect(lines["bank:EUR"]?.base == gbp(10_370) && lines["processor_fees"]?.base == gbp(340))
        #expect(lines["clearing:stripe:EUR"]?.base == gbp(-10_855) && lines["fx_gain_loss"]?.amount == gbp(145))
        #expect(plans[0].imbalance(base: .gbp) == gbp(0) && plans[0].rate == d("0.85"))
    }

    // MARK: Properties

    @Test("whatever its rows, a payout balances, and its bank line is the payout", arguments: UInt64(1) ... 150)
    func balances(seed: UInt64) {
        var chance = Seeded(seed)
        let rows = (0 ..< chance.int(1 ... 12)).map { n in
            row(
                "r\(n)", PayoutRow.Kind.allCases[chance.int(0 ... PayoutRow.Kind.allCases.count - 1)], chance.flip() ? "X-\(n)" : nil,
                Int64(chance.int(-50_000 ... 50_000)), fee: Int64(chance.int(-300 ... 900)))
        }
        let document = payout(rows)
        for plan in plan(document) {
            #expect(plan.findings.isEmpty && plan.lines.map(\.amount).total(.usd).isZero, "seed \(seed)")
            let bank = plan.lines.filter { $0.role == "bank:USD" }.map(\.amount).total(.usd)
            #expect(bank.minor == rows.map(\.net.minor).reduce(0, +), "seed \(seed)")
            #expect(Set(plan.lines.map(\.role)).count == plan.lines.count, "seed \(seed): each role is one line")
            #expect(sums(plan) == sums(plan_(payout(rows.reversed()))), "seed \(seed): the order of rows")
        }
        // Row by row it is the same document.
        let parts = ClearingProof.rows(of: document, organisation: shopUS, policies: Policies(), around: Surroundings())
        #expect(BooksTests.balances(parts) == BooksTests.balances(plan(document)), "seed \(seed)")
    }

    private func plan_(_ document: SourceDocument) -> PlannedPosting? { plan(document).first }
}
