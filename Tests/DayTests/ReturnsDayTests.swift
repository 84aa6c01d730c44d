import Books
import Kernel
import Mapping
import Testing
import TwinReturns
import Wire

@testable import Sandbox

@Suite("The demonstration's returns") struct ReturnsDayTests {
    private func day(_ seed: UInt64) throws -> (generator: DayGenerator, days: [DayOrder]) {
        let generator = try DayGenerator(seed: seed, orders: 500)
        return (generator, generator.day())
    }

    /// What the business without a shop has in its books once its returns are read: `kind ref` and the entry.
    private func books(_ counter: ReturnsCounter) throws -> [String: ExpectedEntry] {
        let business = try ClientBusiness("mesa-outfitters")
        var office = Office([business.shop: business])
        try office.take(try counter.documents(of: business), business)
        let held = try office.post(gardenActive: true)
        #expect(held.isEmpty, "\(held.map { "\($0.plan.subject) \($0.checks)" })")
        return Dictionary(uniqueKeysWithValues: office.live(business.shop).map { plan in
            var entry = plan.entry(business, effect: .posted, check: nil)
            entry.ledger = "qbo2"
            return ("\(entry.kind) \(entry.ref)", entry)
        })
    }

    private func differences(_ returns: [DayReturn], _ books: [String: ExpectedEntry]) -> [String] {
        var found = books
        var out: [String] = []
        for entry in returns.flatMap(\.entries) {
            let there = found.removeValue(forKey: "\(entry.kind) \(entry.ref)")
            if there != entry { out.append("wants \(entry.json.text), has \(there?.json.text ?? "nothing")") }
        }
        return out + found.keys.map { "nobody expects \($0)" }
    }

    @Test("the returns of a business without a shop lead to exactly the expected books", arguments: WholeDayTests.seeds)
    func own(seed: UInt64) throws {
        let (generator, days) = try day(seed)
        let wrong = differences(try DayReturns.all(generator, days), try books(try ReturnsCounter(generator, days)))
        #expect(wrong.isEmpty, "seed \(seed): \(wrong.prefix(6).joined(separator: "\n"))")
    }

    @Test("a return that is otherwise than the day had it is seen in the books")
    func wrong() throws {
        let (generator, days) = try day(7)
        let counter = try ReturnsCounter(generator, days), returns = try DayReturns.all(generator, days)
        let one = try #require(returns.first { $0.system == "loop" && $0.entries.count > 1 })
        _ = try counter.loop.happen(["do": "corrected", "store": .string(DayReturns.ownStore), "id": .string(one.id), "fee": 75], at: one.steps[1].at)
        #expect(!differences(returns, try books(counter)).isEmpty)
    }

    @Test("every kind of return is there, and none of the British shop's refunds is explained twice")
    func kinds() throws {
        let (generator, days) = try day(7)
        let returns = try DayReturns.all(generator, days)
        let kinds = Set(returns.flatMap(\.entries).map(\.kind))
        #expect(kinds == ["credit_note", "refund_payment", "invoice", "payment"])
        let british = returns.filter { $0.system == "aftership" }
        #expect(british.count == DayReturns.most && Set(british.map(\.id)).count == british.count)
        #expect(british.contains { $0.steps[0].happening["fee"]?.int == 450 }, "a fee that only the returns system tells of")
        #expect(returns.filter { $0.system == "loop" && $0.entries.isEmpty }.count >= 4, "open and cancelled ones")
    }
}
