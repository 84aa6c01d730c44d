import Books
import Kernel
import Postgres
import Store
import TestKit
import Testing

@Suite("Whoever changes several postings takes them by their keys") struct LockOrderTests {
    private let waiting = Locked<Task<Void, any Error>?>(nil)
    private let orders = (1 ... 6).map { "O-\($0)" }

    /// While somebody has the posting with the lowest key, the worker waits for it and holds none of the others.
    private func holdsNone(_ desk: Desk, _ what: String) async throws {
        var keys: [String] = []
        for row in try await desk.house.owner.query("SELECT post_key FROM app.postings WHERE form = 'invoice' ORDER BY post_key") { keys.append(try row.get("post_key")) }
        #expect(keys.count == orders.count)
        let all = keys, waiting = waiting
        try await desk.house.supervisor.transaction { other throws(Fault) in
            _ = try await other.query("SELECT 1 AS one FROM app.postings WHERE post_key = \(all[0]) FOR UPDATE")
            waiting.with { $0 = Task { try await desk.work() } }
            var isWaiting = false
            for _ in 0 ..< 100_000 where !isWaiting {
                isWaiting = try await !other.query("SELECT 1 AS one FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))").isEmpty
            }
            #expect(isWaiting, "\(what)")
            // Were one of them held, each would wait for the other.
            _ = try await other.query("SELECT 1 AS one FROM app.postings WHERE post_key = ANY (\(all)) FOR UPDATE NOWAIT")
        }
        try await waiting.with { $0 }?.value
    }

    @Test("plans that change postings wait for the one that somebody has and hold none that he still needs") func map() async throws {
        try await Desk.with { desk in
            for order in orders { try await desk.arrive(sale(order)) }
            try await desk.work()
            try await desk.later()
            for order in orders { try await desk.arrive(sale(order, cups: 3, version: 2)) }
            try await holdsNone(desk, "map")
            try await desk.later()
            #expect(Set(try await desk.states().values) == ["reconciled"])
            #expect(Set(desk.books.entries.map(\.total)) == [15_000])
        }
    }

    @Test("checks that clear postings wait for the one that somebody has and hold none that he still needs") func preflight() async throws {
        try await Desk.with { desk in
            for order in orders { try await desk.arrive(sale(order)) }
            try await desk.work()
            try await desk.later()
            try await desk.house.owner.query("UPDATE app.postings SET state = 'mapped' WHERE form = 'invoice'")
            try await desk.house.worker.ask(desk.house.tenant, [Job(.map, desk.house.flow.description, lane: .webhook)])
            try await holdsNone(desk, "preflight")
            #expect(try await desk.house.count("SELECT count(*) FROM app.postings WHERE state = 'mapped'") == 0)
        }
    }
}
