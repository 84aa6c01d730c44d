import Books
import Kernel
import Testing

@Suite("Properties of sharing and of tax")
struct MoneyPropertyTests {
    @Test(
        "shares of the largest amounts sum exactly and are within one unit of the exact share",
        arguments: UInt64(1) ... 100)
    func large(seed: UInt64) {
        var chance = Seeded(seed)
        let sizes: [Int] = [1, 99, 10_000, 1_000_000_000_000, Int.max / 16]
        let amount = Int64(chance.int(0 ... 1) == 0 ? Int.max - chance.int(0 ... 9) : -chance.int(0 ... Int.max))
        let most = sizes[chance.int(0 ... sizes.count - 1)]
        let weights: [Int64] = (0 ..< chance.int(1 ... 12)).map { _ in Int64(chance.int(0 ... most)) }
        let shares = Allocation.shares(of: amount, weights: weights)
        #expect(shares.map { Int128($0) }.reduce(0, +) == Int128(amount), "seed \(seed)")
        let sum = weights.map { Int128($0) }.reduce(0, +)
        guard sum > 0 else { return }
        for (share, weight) in zip(shares, weights) {
            #expect((Int128(share) * sum - Int128(amount) * Int128(weight)).magnitude < sum.magnitude, "seed \(seed)")
            #expect(share == 0 || (share < 0) == (amount < 0), "seed \(seed): a share has the sign of the whole")
        }
    }

    @Test(
        "a larger weight never gets less, and what is shared again by its shares stays as it was",
        arguments: UInt64(1) ... 100)
    func fair(seed: UInt64) {
        var chance = Seeded(seed)
        let amount = Int64(chance.int(0 ... 9_999))
        let weights: [Int64] = (0 ..< chance.int(2 ... 9)).map { _ in Int64(chance.int(0 ... 400)) }
        let shares = Allocation.shares(of: amount, weights: weights)
        for (a, b) in zip(zip(shares, weights), zip(shares.dropFirst(), weights.dropFirst())) {
            if a.1 > b.1 { #expect(a.0 >= b.0, "seed \(seed)") }
            // A tie is broken in favour of the earlier, by one unit at most.
            if a.1 == b.1 { #expect(a.0 == b.0 || a.0 == b.0 + 1, "seed \(seed)") }
        }
        #expect(Allocation.shares(of: amount, weights: shares) == shares, "seed \(seed)")
        let negative: [Int64] = Allocation.shares(of: -amount, weights: weights)
        #expect(negative == shares.map { -$0 }, "seed \(seed)")
    }

    @Test("money is shared in its own currency", arguments: ["JPY", "USD", "KWD"])
    func currencies(code: String) throws {
        let currency = try #require(Currency(code))
        let weights = [3, 2, 2].map { Money(minor: $0, currency) }
        let shares = Allocation.shares(of: Money(minor: 10, currency), weights: weights)
        #expect(shares.map(\.minor) == [4, 3, 3] && shares.allSatisfy { $0.currency == currency })
    }

    private func rate(_ chance: inout Seeded) -> ExactDecimal {
        ExactDecimal(coefficient: Int128(chance.int(0 ... 40_000)), scale: 5)
    }

    @Test("a price put on tax and stripped of it again is the price, within one unit", arguments: UInt64(1) ... 200)
    func exclusive(seed: UInt64) throws {
        var chance = Seeded(seed)
        let codes = ["JPY", "USD", "KWD"]
        let currency = try #require(Currency(codes[chance.int(0 ... 2)]))
        let (net, rate) = (Money(minor: Int64(chance.int(-5_000_000 ... 5_000_000)), currency), rate(&chance))
        let tax = Tax.charged(on: net, rate: rate)
        let gross = net + tax
        #expect(abs(Tax.stripped(gross, sum: rate).minor - net.minor) <= 1, "seed \(seed)")
        #expect(abs(Tax.contained(in: gross, rate: rate, sum: rate).minor - tax.minor) <= 1, "seed \(seed)")
        #expect(
            Tax.charged(on: -net, rate: rate) == -tax, "seed \(seed): taking back is the same in the other direction")
    }

    @Test(
        "a price with tax in it comes apart into net and tax, and together again, within one unit",
        arguments: UInt64(1) ... 200)
    func inclusive(seed: UInt64) {
        var chance = Seeded(seed)
        let (gross, rate) = (Money(minor: Int64(chance.int(-5_000_000 ... 5_000_000)), .gbp), rate(&chance))
        let (net, tax) = (Tax.stripped(gross, sum: rate), Tax.contained(in: gross, rate: rate, sum: rate))
        #expect(abs((net + tax - gross).minor) <= 1, "seed \(seed)")
        #expect(abs((net + Tax.charged(on: net, rate: rate) - gross).minor) <= 1, "seed \(seed)")
        #expect(abs(Tax.charged(on: gross - tax, rate: rate).minor - tax.minor) <= 1, "seed \(seed)")
        if gross.minor >= 0 { #expect(tax.minor >= 0 && tax.minor <= gross.minor, "seed \(seed)") }
    }

    @Test(
        "several taxes in one price together hold what all of them hold, within a unit each",
        arguments: UInt64(1) ... 100)
    func several(seed: UInt64) {
        var chance = Seeded(seed)
        let gross = Money(minor: Int64(chance.int(0 ... 1_000_000)), .usd)
        let rates = (0 ..< chance.int(1 ... 4)).map { _ in rate(&chance) }
        let sum = rates.reduce(ExactDecimal.zero, +)
        let parts = rates.map { Tax.contained(in: gross, rate: $0, sum: sum) }.total(.usd)
        #expect(abs((gross - Tax.stripped(gross, sum: sum) - parts).minor) <= Int64(rates.count), "seed \(seed)")
        #expect(parts.minor <= gross.minor + Int64(rates.count), "seed \(seed)")
    }

    @Test("without a rate there is no tax")
    func none() {
        let amount = Money(minor: 12_345, .eur)
        #expect(
            Tax.charged(on: amount, rate: .zero).isZero && Tax.contained(in: amount, rate: .zero, sum: .zero).isZero)
        #expect(Tax.stripped(amount, sum: .zero) == amount)
        #expect(Tax.charged(on: .zero(.eur), rate: d("0.2")).isZero)
    }
}

@Suite("Refunds over random histories")
struct RefundHistoryTests {
    static let seeds: [UInt64] = Array(1 ... 80)

    /// An order to which things happen: refunds within and beyond what is left, edits, goodwill, at last perhaps a cancellation.
    private func history(_ seed: UInt64) -> [SourceDocument] {
        var maker = CaseMaker(seed: seed &+ 7_000)
        maker.sale()
        maker.pay()
        for n in 0 ..< 8 {
            switch maker.chance.int(0 ... 5) {
            case 0: maker.edit("E-\(n)")
            case 1: maker.goodwill("G-\(n)", maker.chance.int(1 ... 2 * max(1, maker.total)))
            case 2:
                // The same again, as a shop's fault or a person's would tell it.
                guard var again = maker.documents.last(where: { if case .refund = $0.body { true } else { false } })
                else { continue }
                again.id = "X-\(n)"
                again.at = Timestamp(seconds: (maker.documents.map(\.at.seconds).max() ?? 0) + 1)
                maker.insert(again)
            default: maker.refund("R-\(n)")
            }
        }
        if maker.chance.flip(3) {
            let at = Timestamp(seconds: (maker.documents.map(\.at.seconds).max() ?? 0) + 60)
            maker.insert(
                SourceDocument(
                    id: "C-1", caseID: "O-1", version: 1, at: at, body: .cancellation(Cancellation(kind: .cancelled))))
        }
        return maker.documents
    }

    @Test(
        "after each event, in any history, no line and no tax has been given back more than it was sold for",
        arguments: seeds)
    func never(seed: UInt64) {
        let documents = history(seed)
        guard case .sale(let sale) = documents[0].body else {
            Issue.record("the history does not begin with a sale")
            return
        }
        for count in 1 ... documents.count {
            let plans = planned(Array(documents.prefix(count)))
            let (sold, back) = soldAndBack(plans, included: sale.taxIncluded)
            for (key, amount) in back {
                #expect(amount <= sold[key, default: 0], "seed \(seed), \(count) events: \(key)")
            }
            for plan in plans {
                #expect(
                    plan.lines.map(\.amount).total(plan.currency).isZero || !plan.findings.isEmpty,
                    "seed \(seed), \(count) events")
            }
        }
    }

    @Test(
        "what remains is never below nothing, line by line, and a refund that is taken lowers it by what it gave",
        arguments: seeds)
    func remaining(seed: UInt64) throws {
        let documents = history(seed).filter { if case .cancellation = $0.body { false } else { true } }
        var before: Remaining?
        for count in 1 ... documents.count {
            let told = Array(documents.prefix(count))
            let order = OrderCase(id: "O-1", told)
            let left = try #require(
                Planner.remaining(
                    order, organisation: shopUS, policies: Policies(), ledger: LedgerState(), codes: CodeBook()))
            #expect(left.total.minor >= 0, "seed \(seed), \(count) events: \(left.total)")
            for line in left.lines {
                #expect(
                    line.quantity >= .zero && line.net.minor >= 0 && line.total.minor >= 0,
                    "seed \(seed), \(count) events: \(line)")
                #expect(line.taxes.values.allSatisfy { $0.minor >= 0 }, "seed \(seed), \(count) events: \(line)")
            }
            if let before, case .refund(let refund)? = told.last?.body {
                // One that is held because its own figures disagree was given all the same.
                let held = planned(told).contains { plan in
                    plan.subject == told.last?.id && plan.findings.contains { $0.check == "refund_exceeds_remaining" }
                }
                #expect(
                    left.total == (held ? before.total : before.total - refund.total),
                    "seed \(seed), \(count) events, held: \(held)")
            }
            before = left
        }
    }

    @Test("a refund is held exactly when it asks for more than remained", arguments: seeds)
    func held(seed: UInt64) throws {
        let documents = history(seed).filter { if case .cancellation = $0.body { false } else { true } }
        for count in 2 ... max(2, documents.count) where count <= documents.count {
            guard case .refund(let refund) = documents[count - 1].body, refund.lines.isEmpty else { continue }
            let order = OrderCase(id: "O-1", Array(documents.prefix(count - 1)))
            let left = try #require(
                Planner.remaining(
                    order, organisation: shopUS, policies: Policies(), ledger: LedgerState(), codes: CodeBook()))
            let plan = try #require(
                planned(Array(documents.prefix(count))).first { $0.subject == documents[count - 1].id })
            let findings = plan.findings.map(\.check)
            #expect(
                findings == (refund.total.minor > left.total.minor ? ["refund_exceeds_remaining"] : []),
                "seed \(seed), \(count) events")
        }
    }
}
