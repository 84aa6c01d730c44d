import Kernel
import Testing
import TwinKit
import Wire

@testable import Sandbox

@Suite("A day under torture")
struct PacedDayTests {
    private func state(lockMoves: Bool = true) throws -> (DayState, DayGenerator) {
        let generator = try DayGenerator(seed: 11, orders: 60, lockMoves: lockMoves)
        var state = DayState()
        state.prepare(generator.day(), seed: 11, shops: [generator.american.name: generator.american, generator.british.name: generator.british])
        return (state, generator)
    }

    @Test("a paced day goes as far as it may, counted in one shop's events, and never past its half")
    func paced() throws {
        var (state, _) = try state()
        state.until = .noon
        let first = state.steps(from: 0, until: 3, of: "thames-pottery")
        #expect(first >= 3)
        #expect(first < state.bound)
        state.through = first
        #expect(state.playable(1000) == first)
        #expect(state.steps(from: first, until: 100_000, of: "thames-pottery") == state.bound)
        state.through = nil
        #expect(state.playable(100_000) == state.bound)
    }

    @Test("orders dated into a period that closes at noon are posted in the morning and held in the afternoon")
    func lockDate() throws {
        let (_, generator) = try state()
        let late = generator.day().filter { $0.role == .late }
        #expect(late.count == 4)
        for order in late {
            let shop = order.shop == generator.american.name ? generator.american : generator.british
            let sale = try #require(ExpectedBooks(order, shop: shop).entries().first)
            #expect(sale.date == DayFacts.lateDate)
            #expect(sale.effect == (order.morning ? .posted : .held))
            #expect(sale.check == (order.morning ? nil : "closed_period"))
        }
        #expect(DayFacts.lateDate < DayFacts.movedLockDate && DayFacts.movedLockDate < DayFacts.date)
    }

    @Test("a day whose lock date stays has the same orders as ever")
    func unchanged() throws {
        let plain = try DayGenerator(seed: 11, orders: 60).day()
        #expect(!plain.contains { $0.role == .late })
        let moved = try DayGenerator(seed: 11, orders: 60, lockMoves: true).day()
        #expect(plain.count == moved.count)
        #expect(zip(plain, moved).filter { $0.role == $1.role }.count == plain.count - 4)
    }

    @Test("a day for so many documents has them, and not many more", arguments: [90, 200, 1000])
    func documents(wanted: Int) throws {
        let orders = try DayGenerator.orders(for: wanted, seed: 3, lockMoves: true)
        let generator = try DayGenerator(seed: 3, orders: orders, lockMoves: true)
        let count = generator.expected(generator.day()).reduce(0) { $0 + $1.entries.count { $0.effect != .none } }
        #expect(count >= wanted)
        #expect(count <= wanted + max(60, wanted / 5))
    }

    @Test("amounts that net out between two documents of a day are apart all the same")
    func apart() {
        func expected(_ ref: String) -> ExpectedEntry {
            ExpectedEntry(
                ledger: "qbo", ref: ref, kind: "invoice", date: DayFacts.date, currency: "USD",
                lines: [.init(account: "1200", minor: 500), .init(account: "4010", minor: -500)], effect: .posted)
        }
        func entry(_ ref: String, _ id: String, _ minor: Int64) -> LedgerEntry {
            LedgerEntry(
                id: id, kind: "invoice", reference: "cf:0123456789abcdef \(ref)", key: "0123456789abcdef", date: DayFacts.date, currency: "USD",
                lines: [("1200", minor, minor), ("4010", -minor, -minor)], live: true)
        }
        let verdict = Judge(expected: [expected("order 1"), expected("order 2")], books: [("qbo", [entry("order 1", "1", 501), entry("order 2", "2", 499)])]).verdict()
        #expect(verdict["unexplained_minor"]?.int == 0)
        #expect(verdict["altered"]?.int == 2)
        #expect(verdict["apart_minor"]?.int == 4)
    }
}
