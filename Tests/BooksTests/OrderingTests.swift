import Kernel
import Testing

@testable import Books

private let start = Timestamp(seconds: 1_793_600_000)

/// A reading of cups: 20 are wanted there at least, 40 are ordered at 2.00.
private func level(
    _ version: Int64, _ onHand: Int, quantity: Int? = 40, cost: StaticString? = "2.00", currency: Currency? = .usd, rate: ExactDecimal? = nil,
    supplier: String? = "Clayworks", watched: Bool = true
) -> SourceDocument {
    SourceDocument(
        id: "CUP@\(version)", caseID: "stock:CUP", version: version, at: start + .seconds(version * 3600),
        body: .stockLevel(
            StockLevel(
                sku: "CUP", title: "Cup", onHand: ExactDecimal(onHand), threshold: ExactDecimal(20), quantity: quantity.map { ExactDecimal($0) },
                unitCost: cost.map { d($0) }, currency: currency, rate: rate, supplier: supplier, isWatched: watched)))
}

private func orders(_ levels: [SourceDocument], _ ledger: LedgerState = LedgerState()) -> [PlannedPosting] {
    Planner.plan(
        OrderCase(id: "stock:CUP", levels), organisation: shopUS, policies: Policies(), ledger: ledger, codes: CodeBook())
}

/// The ledger, with these orders in it.
private func standing(_ orders: [PlannedPosting]) -> LedgerState {
    LedgerState(posted: Dictionary(orders.map { ($0.id, PostedState(plan: $0, revision: 1, voided: false)) }) { one, _ in one })
}

@Suite("Goods to be ordered") struct OrderingTests {
    @Test("what is below its threshold is ordered once, on the day it fell there; what stands at it is not")
    func once() throws {
        #expect(orders([level(1, 20)]).isEmpty)
        let made = orders([level(1, 25), level(2, 20), level(3, 18), level(4, 17), level(5, -3)])
        let order = try #require(made.first)
        #expect(made.count == 1 && order.form == .purchaseOrder && order.subject == "CUP@3" && order.covers == ["CUP@3"])
        #expect(order.total == Money(minor: 8_000, .usd) && order.party == "Clayworks" && order.findings.isEmpty && order.rate == nil)
        #expect(order.lines.map(\.role.text) == ["inventory", "payable:Clayworks"] && order.lines.map(\.amount.minor) == [8_000, -8_000])
        #expect(order.lines[0].quantity == ExactDecimal(40) && order.lines[0].sku == "CUP")
        #expect(order.date == shopUS.zone.date(of: start + .seconds(3 * 3600)))
    }

    @Test("goods that came in between make the next order another one; one that the ledger has not is no longer called for then")
    func again() throws {
        let first = orders([level(1, 18)])
        #expect(first.map(\.subject) == ["CUP@1"])
        #expect(orders([level(1, 18), level(2, 58), level(3, 19)]).map(\.subject) == ["CUP@3"])
        #expect(orders([level(1, 18), level(2, 58), level(3, 19)], standing(first)).map(\.subject) == ["CUP@1", "CUP@3"])
        #expect(orders([level(1, 18), level(2, 58)]).isEmpty)
        for end in [level(2, 58), level(2, 0, watched: false)] { #expect(orders([level(1, 18), end], standing(first)) == first) }
        #expect(orders([level(1, 18), level(2, 0, watched: false)]).isEmpty && orders([level(1, 0, watched: false)]).isEmpty)
    }

    @Test("while an order stands of which little came, the next is held; a delivery is seen even where some of it was sold at once", arguments: [
        ([19, 20, 19], true), ([19, 38, 19], true), ([19, 39, 19], false), ([19, 30, 25, 34, 19], false), ([19, 35, 25, 32, 19], false),
    ] as [([Int], Bool)])
    func open(onHand: [Int], isHeld: Bool) throws {
        let levels = onHand.enumerated().map { level(Int64($0.offset + 1), $0.element) }
        let made = orders(levels, standing(orders([levels[0]])))
        #expect(made.map(\.subject) == ["CUP@1", "CUP@\(levels.count)"] && made[0].findings.isEmpty)
        #expect(made[1].findings.map(\.check) == (isHeld ? ["order_open"] : []))
    }

    @Test("readings in any order, each twice, call for the same orders", arguments: UInt64(1) ... 100)
    func shuffled(seed: UInt64) {
        var chance = Seeded(seed)
        let levels = (1 ... Int64(8)).map { level($0, chance.int(10 ... 30)) }
        let mixed = (levels + levels).map { (chance.int(0 ... 1_000_000), $0) }.sorted { $0.0 < $1.0 }.map(\.1)
        #expect(orders(mixed) == orders(levels))
    }

    @Test("an order that the ledger has is neither changed nor doubled by what comes late or later", arguments: UInt64(1) ... 200)
    func stands(seed: UInt64) {
        var chance = Seeded(seed)
        var waiting = (1 ... Int64(9)).map { level($0, chance.int(12 ... 26), quantity: chance.int(1 ... 50)) }
        var known: [SourceDocument] = [], ledger = LedgerState()
        while !waiting.isEmpty {
            known.append(waiting.remove(at: chance.int(0 ... waiting.count - 1)))
            let made = orders(known, ledger)
            #expect(made.allSatisfy { $0.effect == .post })
            for (id, state) in ledger.posted { #expect(made.filter { $0.id == id } == [state.plan]) }
            #expect(Set(made.map(\.id)).count == made.count)
            ledger = standing(made)
        }
        #expect(orders(known).count <= 1 && orders(known, ledger).count == ledger.posted.count)
    }

    @Test("what an order lacks is told all at once, and a later reading that has it mends the order")
    func incomplete() throws {
        let bare = level(1, 5, quantity: 0, cost: nil, currency: nil, supplier: nil)
        let held = try #require(orders([bare]).first)
        #expect(held.findings.map(\.position) == ["reorder_quantity", "unit_cost", "supplier"] && held.lines.isEmpty)
        let mended = orders([bare, level(2, 4)])
        #expect(mended.map(\.subject) == ["CUP@1"] && mended[0].findings.isEmpty && mended[0].covers == ["CUP@1", "CUP@2"])
        #expect(mended[0].total == Money(minor: 8_000, .usd))
        #expect(orders([bare, level(2, 20)]).isEmpty)
    }

    @Test("a foreign cost has its value in base currency; one beyond what can be computed is held")
    func amounts() throws {
        let foreign = try #require(orders([level(1, 5, currency: .eur, rate: d("1.1"))]).first)
        #expect(foreign.currency == .eur && foreign.rate == d("1.1") && foreign.lines.map { $0.base?.minor } == [8_800, -8_800])
        #expect(orders([level(1, 5, quantity: 999_999_999, cost: "999999")]).map { $0.findings.map(\.check) } == [["amount_out_of_range"]])
        // A dear item can be read, whether it is to be ordered or not.
        #expect(orders([level(1, 5, cost: "1000000")]).map(\.total.minor) == [4_000_000_000])
        #expect(orders([level(1, 25, cost: "9999999999")]).isEmpty)
        #expect(orders([level(1, 5, cost: "0.0049", currency: nil)]).map(\.total.minor) == [20])
    }

    @Test("a closed period holds an order, or moves it, as it does everything else")
    func closed() throws {
        let lock = shopUS.zone.date(of: start).adding(days: 30)
        var policies = Policies()
        policies.closedPeriod = .firstOpenDay
        let moved = Planner.plan(
            OrderCase(id: "stock:CUP", [level(1, 5)]), organisation: shopUS, policies: policies, ledger: LedgerState(lockDate: lock),
            codes: CodeBook())
        #expect(moved.map(\.date) == [lock.adding(days: 1)])
    }
}
