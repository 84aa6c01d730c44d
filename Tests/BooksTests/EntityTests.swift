import Books
import Kernel
import Testing

private let entities = ["WEST", "EAST", "SOUTH"].map {
    Organisation(id: $0, baseCurrency: .usd, country: "US", zone: .utc, taxMode: .exclusive)
}

private func parts(_ documents: [SourceDocument], _ ledger: LedgerState = LedgerState()) -> [EntityPlanner.Part] {
    EntityPlanner.plan(
        OrderCase(id: "O-1", documents), organisations: entities, policies: Policies(), ledger: ledger, codes: CodeBook())
}

/// Each line at one of three places, or at none; the money at one of them.
private func placed(_ seed: UInt64) -> [SourceDocument] {
    var maker = CaseMaker(seed: seed)
    maker.sale()
    maker.pay()
    if maker.chance.flip() { maker.edit("E-1") }
    for n in 0 ..< maker.chance.int(0 ... 3) { maker.refund("R-\(n)") }
    var chance = Seeded(seed &+ 77)
    let names = entities.compactMap(\.id)
    return maker.documents.map { document in
        var out = document
        switch document.body {
        case .sale(var sale):
            for i in sale.lines.indices { sale.lines[i].location = i == 0 || chance.flip(4) ? nil : chance.pick(names) }
            out.body = .sale(sale)
        case .payment(var payment):
            payment.merchant = chance.flip(3) ? nil : chance.pick(names)
            out.body = .payment(payment)
        case .edit(var edit):
            // Where something was sold already.
            for i in edit.added.indices { edit.added[i].location = nil }
            out.body = .edit(edit)
        case .refund(var refund):
            refund.merchant = chance.pick(names)
            out.body = .refund(refund)
        default: break
        }
        return out
    }
}

@Suite("One order of several legal entities")
struct EntityTests {
    static let seeds: [UInt64] = Array(1 ... 120)

    @Test("the entities together have what one entity would have; what they owe each other is the same on both sides", arguments: seeds)
    func together(seed: UInt64) {
        let documents = placed(seed)
        let made = parts(documents)
        #expect(made.flatMap(\.postings).flatMap(\.findings).isEmpty, "seed \(seed): \(made.flatMap(\.postings).flatMap(\.findings))")
        for posting in made.flatMap(\.postings) { #expect(posting.lines.map(\.amount).total(.usd).isZero, "seed \(seed): \(posting)") }
        let sum = balances(made.flatMap(\.postings)).filter { $0.key.family != "intercompany" }
        #expect(sum == balances(planned(documents)), "seed \(seed)")
        for a in made {
            for b in made where a.organisation.id != b.organisation.id {
                let there = balances(a.postings)[Role("intercompany:\(b.organisation.id ?? "")"), default: 0]
                let here = balances(b.postings)[Role("intercompany:\(a.organisation.id ?? "")"), default: 0]
                #expect(there == -here, "seed \(seed): \(a.organisation.id ?? "") and \(b.organisation.id ?? "")")
            }
        }
    }

    @Test("planning again on the books it led to changes nothing", arguments: seeds)
    func idempotent(seed: UInt64) {
        let documents = placed(seed)
        let ledger = posted(parts(documents).flatMap(\.postings))
        for posting in parts(documents, ledger).flatMap(\.postings) { #expect(ledger.action(for: posting) == .unchanged, "seed \(seed): \(posting.id)") }
    }

    @Test("an order that is not known yet stays with the first entity")
    func whole() { #expect(parts([payment()]).map(\.organisation.id) == ["WEST"]) }

    @Test("units that an edit adds for an entity without any are held in sight until somebody looks")
    func addedElsewhere() {
        let line = SaleLine(
            id: "L9", sku: "S", title: "Rug", quantity: .one, gross: usd(900), discount: usd(0), net: usd(900), taxes: [], location: "EAST")
        let added = document("E-9", at("2026-11-04T10:00:00Z"), .edit(SaleEdit(added: [line], removed: [], orderTotal: usd(11_500))))
        let made = parts([sale(), added])
        #expect(made[0].postings.map(\.subject) == ["O-1@WEST"] && checks(made[1].postings) == ["waits_for_original"])
    }

    @Test("a total that its parts do not come to is held, not lost between the entities")
    func wrong() { #expect(checks(parts([sale(total: 10_601)]).flatMap(\.postings)) == ["unbalanced"]) }
}
