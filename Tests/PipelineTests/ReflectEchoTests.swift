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

    /// A WooCommerce shop with one order, on its way into a ledger that tells what is owed.
    private struct WooShop: Sendable {
        let twin: WooCommerceTwin
        let key: (key: String, secret: String)
        let clocks = SystemClocks()
        /// Answers to notes that were written which are lost on the way.
        let lost = Locked(0)
        /// Tries to write one.
        let tries = Locked(0)

        init() throws {
            twin = try WooCommerceTwin(journal: TwinJournal(inMemory: []), random: SeededRandom(seed: 5))
            let found = try #require(WooCommerceTwin.key("prairie"))
            key = (found.key, found.secret)
        }

        func answer(_ request: HTTPRequest) -> HTTPResponse? {
            guard request.path.hasPrefix("/prairie/") else { return nil }
            let response = twin.respond(request, at: clocks.now())
            guard request.method == .post, request.path.hasSuffix("/notes") else { return response }
            tries.with { $0 += 1 }
            let isLost = lost.with { left in
                left -= 1
                return left >= 0
            }
            return isLost ? HTTPResponse(502) : response
        }

        /// Notes of ours beside the order.
        func notes(_ order: Int) throws -> [String] {
            var request = HTTPRequest(.get, "/prairie/wp-json/wc/v3/orders/\(order)/notes")
            request.fields["Authorization"] = "Basic " + Base64.encode(Array("\(key.key):\(key.secret)".utf8))
            let rows = try JSON(parsing: twin.respond(request, at: clocks.now()).body).array ?? []
            return rows.compactMap { $0["note"]?.string }.filter { $0.contains("counterfoil:") }
        }

        /// The order is read and posted, and the shop told of it as far as it lets itself be told.
        func with(_ body: @escaping @Sendable (Desk, Int) async throws -> Void) async throws {
            let credential = JSON.object([
                ("access_token", "token-0"), ("parts", .object([("consumer_key", .string(key.key)), ("consumer_secret", .string(key.secret))])),
            ]).text
            try await Desk.with(
                policies: [("customer", "house"), ("edit", "revise"), ("reflect", "on")], ledger: ScriptedLedger(tells: true), source: WooCommerceConnector(),
                beside: { self.answer($0) }, credential: credential
            ) { desk in
                let house = desk.house
                try await house.owner.query(
                    "UPDATE app.connections SET base_url = (SELECT base_url FROM app.connections WHERE id = \(house.ledger)) || '/prairie' WHERE id = \(house.source)")
                let placed = try twin.happen(["do": "placed", "items": [["sku": "MUG-01", "quantity": 2]], "payment_method": "bacs"], at: clocks.now())
                try await house.worker.ask(house.tenant, [Job(.sweep, house.source.description, lane: .poll)])
                try await desk.work()
                try await desk.later()
                try await body(desk, placed["order"]?.int ?? 0)
            }
        }
    }

    @Test("a WooCommerce shop has a note beside its order, once, and its webhook about the order leads to nothing more") func woo() async throws {
        let shop = try WooShop()
        try await shop.with { desk, order in
            let house = desk.house
            let stopped = "\(try await desk.states()) \(desk.log.with { $0 })"
            #expect(try await desk.reflections() == ["posted told"], "\(stopped)")
            #expect(try shop.notes(order).count == 1)
            let id = try #require(desk.books.entries.first { $0.form == "invoice" }?.id)
            desk.books.state.with { state in
                for i in state.entries.indices where state.entries[i].id == id { state.entries[i].theirs = state.entries[i].total }
            }
            try await desk.notice(id)
            let told = try shop.notes(order)
            #expect(told.count == 2 && told.contains { $0.contains("was paid there: ") })
            // The merchant looks at it and saves the order: the shop tells of an order that says nothing new.
            _ = try shop.twin.happen(["do": "edited", "order": .number("\(order)"), "change": ["customer_note": "paid by wire"]], at: shop.clocks.now())
            for _ in 0 ..< 2 {
                try await house.worker.ask(house.tenant, [Job(.sweep, house.source.description, lane: .poll)])
                try await desk.reflectionsLater()
                try await desk.notice(id)
            }
            #expect(try shop.notes(order) == told)
            #expect(desk.books.writes.count == 1)
        }
    }

    @Test("a note whose answer WooCommerce lost is left alone for three minutes, in which PHP may still work on it, then found and not written again")
    func wooLost() async throws {
        let shop = try WooShop()
        shop.lost.with { $0 = 1 }
        try await shop.with { desk, order in
            #expect(try await desk.reflections() == ["posted sent"])
            let wait: SQL = "SELECT count(*) FROM app.reflections WHERE next_attempt_at - sent_at >= interval '180 seconds' AND next_attempt_at - sent_at < interval '300 seconds'"
            #expect(try await desk.house.count(wait) == 1)
            // Whatever asks for it meanwhile.
            for _ in 0 ..< 3 {
                try await desk.house.worker.ask(desk.house.tenant, [Job(.reflect, desk.house.flow.description, lane: .interactive)])
                try await desk.later()
            }
            #expect(shop.tries.with { $0 } == 1)
            #expect(try await desk.reflections() == ["posted sent"])
            try await desk.reflectionsLater()
            #expect(shop.tries.with { $0 } == 1)
            #expect(try shop.notes(order).count == 1)
            #expect(try await desk.reflections() == ["posted told"])
        }
    }
}
