import Books
import ConnectorKit
import Crypto
import Kernel
@testable import Pipeline
import Postgres
import Store
import TestKit
import Testing
import TwinKit
import TwinWooCommerce
import Wire
import WooCommerce

@Suite("Echoes of our own writes") struct ReflectEchoTests {
    /// What happens once, in this order, and what it makes the platforms say, in any order, doubled or not at all.
    @Test("any order of our writes and of what the platforms tell of them, doubled or lost, leads to no further write", arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
    func interleaved(seed: UInt64) async throws {
        try await Desk.reflecting { desk in
            let random = SeededRandom(seed: seed)
            func any(_ most: Int) -> Int { Int(random.next() % UInt64(most)) }
            var version: Int64 = 1
            let happenings: [@Sendable () async throws -> Void] = [
                { try await desk.arrive(sale()) },
                {
                    desk.books.state.with { state in
                        for i in state.entries.indices where state.entries[i].form == "invoice" {
                            state.entries[i].theirs = 10_000
                            state.entries[i].version += 1
                        }
                    }
                },
                { try await desk.arrive(wire()) },
            ]
            /// One echo: the source sends its order or its payment again, as a newer version, or the ledger names one of its entries.
            func echo(_ known: Int) async throws {
                version += 1
                switch any(5) {
                case 0: try await desk.arrive(sale(version: version))
                case 1 where known > 2: try await desk.arrive(wire(version: version))
                case 2: try await desk.reflectionsLater()
                case 3: try await desk.work()
                default:
                    for entry in desk.books.entries { try await desk.notice(entry.id) }
                }
            }
            for (n, happens) in happenings.enumerated() {
                try await happens()
                // Whatever was to be told of this before the next thing happens has been told, or was lost.
                try await desk.work()
                for entry in desk.books.entries { try await desk.notice(entry.id) }
                for _ in 0 ..< any(4) { try await echo(n + 1) }
            }
            try await desk.reflectionsLater()
            #expect(desk.told == ["posted 100.00", "paid 100.00 100.00"], "seed \(seed)")
            #expect(desk.books.writes == [["O-1"]], "seed \(seed)")
            for _ in 0 ..< 12 { try await echo(3) }
            try await desk.reflectionsLater()
            #expect(desk.told.count == 2 && desk.books.writes.count == 1, "seed \(seed)")
            #expect(try await desk.states() == ["invoice O-1": "reconciled", "payment P-1": "held"], "seed \(seed)")
            #expect(try await desk.unexplained() == 0, "seed \(seed)")
        }
    }

    @Test("a WooCommerce shop has a note beside its order, once, and its webhook about the order leads to nothing more") func woo() async throws {
        let twin = try WooCommerceTwin(journal: TwinJournal(inMemory: []), random: SeededRandom(seed: 5))
        let clocks = SystemClocks(), connector = WooCommerceConnector()
        let key = try #require(WooCommerceTwin.key("prairie"))
        let credential = JSON.object([
            ("access_token", "token-0"), ("parts", .object([("consumer_key", .string(key.key)), ("consumer_secret", .string(key.secret))])),
        ]).text
        try await Desk.with(
            policies: [("customer", "house"), ("edit", "revise"), ("reflect", "on")], ledger: ScriptedLedger(tells: true), source: connector,
            beside: { request in
                guard request.path.hasPrefix("/prairie/") else { return nil }
                return twin.respond(request, at: clocks.now())
            }, credential: credential
        ) { desk in
            let house = desk.house
            try await house.owner.query(
                "UPDATE app.connections SET base_url = (SELECT base_url FROM app.connections WHERE id = \(house.ledger)) || '/prairie' WHERE id = \(house.source)")
            let order = try twin.happen(["do": "placed", "items": [["sku": "MUG-01", "quantity": 2]], "payment_method": "bacs"], at: clocks.now())["order"]?.int ?? 0
            try await house.worker.ask(house.tenant, [Job(.sweep, house.source.description, lane: .poll)])
            try await desk.work()
            try await desk.later()
            func notes() throws -> [String] {
                var request = HTTPRequest(.get, "/prairie/wp-json/wc/v3/orders/\(order)/notes")
                request.fields["Authorization"] = "Basic " + Base64.encode(Array("\(key.key):\(key.secret)".utf8))
                let rows = try JSON(parsing: twin.respond(request, at: clocks.now()).body).array ?? []
                return rows.compactMap { $0["note"]?.string }.filter { $0.contains("counterfoil:") }
            }
            let stopped = "\(try await desk.states()) \(desk.log.with { $0 })"
            #expect(try await desk.reflections() == ["posted told"], "\(stopped)")
            #expect(try notes().count == 1)
            let id = try #require(desk.books.entries.first { $0.form == "invoice" }?.id)
            desk.books.state.with { state in
                for i in state.entries.indices where state.entries[i].id == id { state.entries[i].theirs = state.entries[i].total }
            }
            try await desk.notice(id)
            let told = try notes()
            #expect(told.count == 2 && told.contains { $0.contains("was paid there: ") })
            // The merchant looks at it and saves the order: the shop tells of an order that says nothing new.
            _ = try twin.happen(["do": "edited", "order": .number("\(order)"), "change": ["customer_note": "paid by wire"]], at: clocks.now())
            for _ in 0 ..< 2 {
                try await house.worker.ask(house.tenant, [Job(.sweep, house.source.description, lane: .poll)])
                try await desk.reflectionsLater()
                try await desk.notice(id)
            }
            #expect(try notes() == told)
            #expect(desk.books.writes.count == 1)
        }
    }
}
