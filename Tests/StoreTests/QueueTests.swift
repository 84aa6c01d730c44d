import Books
import Kernel
import Postgres
import TestKit
import Testing

@testable import Store

@Suite("Jobs, intake and budgets") struct QueueTests {
    @Test("a job asked for again while it runs stays due") func generation() async throws {
        try await House.with { house in
            let job = Job(.post, "flow", lane: .webhook)
            try await house.worker.ask(house.tenant, [job])
            let running = try #require(try await house.worker.dueJobs(house.tenant, limit: 5).first)
            try await house.worker.ask(house.tenant, [job])
            try await house.worker.finish(house.tenant, running)
            let again = try #require(try await house.worker.dueJobs(house.tenant, limit: 5).first)
            #expect(again.generation > running.generation)
            try await house.worker.postpone(house.tenant, running, by: .seconds(60), fault: nil)
            #expect(try await house.worker.dueJobs(house.tenant, limit: 5).count == 1, "put off by whoever saw the older generation")
            try await house.worker.finish(house.tenant, again)
            #expect(try await house.worker.nextDue(house.tenant) == nil)
        }
    }

    @Test("asked for twice at once it is one job in the more urgent lane, due at the earlier time") func ask() async throws {
        try await House.with { house in
            try await house.worker.ask(house.tenant, [Job(.map, "f", lane: .poll), Job(.map, "f", lane: .interactive), Job(.map, "g", lane: .audit)])
            try await house.worker.ask(house.tenant, [Job(.map, "f", lane: .backfill)], after: .seconds(60))
            let jobs = try await house.worker.dueJobs(house.tenant, limit: 5)
            #expect(jobs.map(\.subject) == ["f", "g"])
            #expect(jobs.first?.lane == .interactive)
        }
    }

    @Test("a delivery is kept once, however often and in whatever company it comes") func dedupe() async throws {
        try await House.with { house in
            func event(_ id: String) -> NewEvent { NewEvent(tenant: house.tenant, connection: house.source, topic: "t", deliveryID: id, sealedBody: [1]) }
            #expect(try await house.worker.ingest([event("a"), event("b"), event("a")], lane: .webhook) == 2)
            #expect(try await house.worker.ingest([event("b"), event("c")], lane: .webhook) == 1)
            #expect(try await house.worker.ingest([], lane: .webhook) == 0)
            #expect(try await house.worker.ingested(house.tenant, house.source, limit: 10).map(\.deliveryID).sorted() == ["a", "b", "c"])
            #expect(try await house.worker.dueJobs(house.tenant, limit: 5).map(\.kind) == [.normalize])
            let both = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0 ..< 4 { group.addTask { try await house.worker.ingest([event("x"), event("y")], lane: .webhook) } }
                return try await group.reduce(0, +)
            }
            #expect(both == 2)
        }
    }

    @Test("budgets are charged all or none, from the first call on") func allOrNone() async throws {
        try await House.with { house in
            func take(_ minute: Int, _ day: Int) async throws -> Duration? {
                try await house.worker.take(house.tenant, house.ledger, [
                    BudgetCharge(name: "minute", amount: 3, window: .seconds(60), cost: minute), BudgetCharge(name: "day", amount: 4, window: .seconds(86_400), cost: day),
                ])
            }
            #expect(try await take(2, 1) == nil)
            let wait = try #require(try await take(2, 1))
            #expect(wait > .seconds(50) && wait <= .seconds(60))
            #expect(try await take(1, 3) == nil, "the refused call charged nothing to the day")
            #expect(try #require(try await take(0, 1)) > .seconds(80_000))
        }
    }

    @Test("callers side by side never spend more than there is") func concurrent() async throws {
        try await House.with { house in
            let granted = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0 ..< 20 {
                    group.addTask {
                        let wait = try await house.worker.take(house.tenant, house.ledger, [BudgetCharge(name: "minute", amount: 7, window: .seconds(60), cost: 1)])
                        return wait == nil ? 1 : 0
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(granted == 7)
        }
    }

    @Test("a window that has turned is full again, a pause is not, and the platform's own count decides") func windows() async throws {
        try await House.with { house in
            let charge = [BudgetCharge(name: "minute", amount: 1, window: .seconds(60), cost: 1)]
            func take() async throws -> Duration? { try await house.worker.take(house.tenant, house.ledger, charge) }
            try await house.worker.pause(house.tenant, house.ledger, name: "minute", for: .seconds(300))
            #expect(try #require(try await take()) > .seconds(290), "paused before its first call")
            try await house.owner.query("UPDATE app.budgets SET paused_until = now() - interval '1 second', window_start = now() - interval '2 minutes'")
            #expect(try await take() == nil)
            #expect(try await take() != nil)
            try await house.worker.correct(house.tenant, house.ledger, name: "minute", remaining: 1)
            #expect(try await take() == nil)
            try await house.worker.correct(house.tenant, house.ledger, name: "minute", remaining: .max)
            #expect(try await take() == nil, "a nonsensical header is no error")
        }
    }

    @Test("the app's budget is one for all tenants, spent through a function alone") func app() async throws {
        try await House.with { house in
            let other = try await house.neighbour()
            func take(_ store: Store) async throws -> Duration? { try await store.takeApp(platform: "p", name: "minute", amount: 2, window: .seconds(60), cost: 1) }
            #expect(try await take(house.worker) == nil)
            #expect(try await take(other.worker) == nil)
            #expect(try await take(house.worker) != nil)
        }
    }

    @Test("an intent is written under the lease's own epoch only, and one send is unsettled at a time") func intents() async throws {
        try await House.with { house in
            let lease = try await house.lease()
            try await house.owner.query("""
                INSERT INTO app.postings (tenant_id, post_key, flow_id, ledger_id, case_id, subject, form, effect, state, plan, plan_digest, reference,
                  ledger_date, currency, total_minor)
                VALUES (\(house.tenant), \(sampleKey.text), \(house.flow), \(house.ledger), 'O-1', 'O-1', 'invoice', 'post', 'cleared', '{}', 'x', 'r', '2026-11-02', 'USD', 1)
                """)
            let intent = NewIntent(key: sampleKey, revision: 1, action: .create, attempt: "a", requestDigest: [1])
            for epoch in [lease.epoch - 1, lease.epoch + 1] {
                let fault = await #expect(throws: Fault.self) { try await house.worker.writeIntents(house.tenant, epoch: epoch, [intent], audit: []) }
                #expect(fault?.code == "lease_lost")
            }
            try await house.worker.writeIntents(house.tenant, epoch: lease.epoch, [intent], audit: [])
            try await house.owner.query("UPDATE app.postings SET state = 'cleared'")
            let second = await #expect(throws: Fault.self) { try await house.worker.writeIntents(house.tenant, epoch: lease.epoch, [intent], audit: []) }
            #expect(second?.code == "unique_violation")
            try await house.owner.query("UPDATE app.leases SET expires_at = now() - interval '1 second'")
            let ended = await #expect(throws: Fault.self) { try await house.worker.writeIntents(house.tenant, epoch: lease.epoch, [intent], audit: []) }
            #expect(ended?.code == "lease_lost")
            #expect(try await house.count("SELECT count(*) FROM app.intents") == 1)
        }
    }
}
