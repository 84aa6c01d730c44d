import Books
import Kernel
import Postgres
import TestKit
import Testing

@testable import Store

@Suite("The queue", .serialized, .timeLimit(.minutes(2))) struct QueueTests {
    private let job = Job(.post, "flow", lane: .webhook)

    private func running(_ house: House) async throws -> Job { try #require(try await house.worker.dueJobs(house.tenant, limit: 5).first) }

    @Test("a job asked for again while it runs stays due, and whoever saw it before cannot end it or put it off") func generation() async throws {
        try await Street.with { house async throws in
            try await house.worker.ask(house.tenant, [job])
            let before = try await running(house)
            try await house.worker.ask(house.tenant, [job])
            try await house.worker.finish(house.tenant, before)
            let again = try await running(house)
            #expect(again.generation == before.generation + 1)
            try await house.worker.postpone(house.tenant, before, by: .seconds(60), fault: nil)
            #expect(try await running(house).attempts == 0)
            try await house.worker.finish(house.tenant, again)
            #expect(try await house.worker.nextDue(house.tenant) == nil)
        }
    }

    @Test("asking and finishing at the same moment never loses what was asked for") func race() async throws {
        try await Street.with { house async throws in
            let (tenant, worker, job) = (house.tenant, house.worker, job)
            for _ in 0 ..< 25 {
                try await worker.ask(tenant, [job])
                let seen = try await running(house)
                _ = try await sideBySide(2) { n in
                    if n == 0 { try await worker.ask(tenant, [job]) } else { try await worker.finish(tenant, seen) }
                }
                // Whichever came first: a job asked for after it was read is there.
                let left = try await running(house)
                try await worker.finish(tenant, left)
            }
            #expect(try await worker.nextDue(tenant) == nil)
        }
    }

    @Test("asked for twice at once it is one job in the more urgent lane, due at the earlier time") func ask() async throws {
        try await Street.with { house async throws in
            try await house.worker.ask(house.tenant, [])
            try await house.worker.ask(house.tenant, [Job(.map, "f", lane: .poll), Job(.map, "f", lane: .interactive), Job(.map, "g", lane: .audit)])
            try await house.worker.ask(house.tenant, [Job(.map, "f", lane: .backfill)], after: .seconds(60))
            let jobs = try await house.worker.dueJobs(house.tenant, limit: 5)
            #expect(jobs.map(\.subject) == ["f", "g"])
            #expect(jobs.first?.lane == .interactive)
            try await house.worker.ask(house.tenant, [Job(.map, "later", lane: .interactive)], after: .seconds(60))
            #expect(try await house.worker.dueJobs(house.tenant, limit: 5).count == 2)
            try await house.worker.ask(house.tenant, [Job(.map, "later", lane: .audit)])
            let third = try await house.worker.dueJobs(house.tenant, limit: 5).first { $0.subject == "later" }
            #expect(third?.lane == .interactive, "due at once, and as urgent as it ever was")
        }
    }

    @Test("the most urgent lane goes first, in it the oldest, and no more than asked for") func order() async throws {
        try await Street.with { house async throws in
            let lanes: [Job.Lane] = [.audit, .backfill, .poll, .webhook, .interactive]
            try await house.worker.ask(house.tenant, lanes.map { Job(.sweep, "\($0)", lane: $0) })
            try await house.worker.ask(house.tenant, [Job(.sweep, "older", lane: .webhook)])
            try await house.owner.query("UPDATE app.jobs SET due_at = due_at - interval '1 hour' WHERE tenant_id = \(house.tenant) AND subject = 'older'")
            let jobs = try await house.worker.dueJobs(house.tenant, limit: 3)
            #expect(jobs.map(\.subject) == ["interactive", "older", "webhook"])
        }
    }

    @Test("jobs asked for together are due at one instant, in the order of their names, and leave next to nothing to step over when they are done")
    func together() async throws {
        // A database of its own: others would grow the index that is weighed.
        try await House.with { house async throws in
            let (tenant, worker) = (house.tenant, house.worker)
            let jobs = (0 ..< 3000).map { Job(.fetch, "connection/\($0)", lane: .webhook) }
            try await worker.ask(tenant, [Job(.map, "b", lane: .webhook), Job(.map, "a", lane: .webhook), Job(.fetch, "z", lane: .webhook)] + jobs)
            #expect(try await house.texts("SELECT count(DISTINCT due_at)::text FROM app.jobs WHERE tenant_id = '\(unsafe: tenant.description)'") == ["1"])
            let due = try await worker.dueJobs(tenant, limit: 4000)
            let names = due.map { "\($0.kind) \($0.subject)" }
            #expect(names.count == 3003 && names.suffix(3) == ["fetch z", "map a", "map b"])
            #expect(names == names.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) })
            // A key held once for 3,000 rows takes some 20 KB of the index; each for itself 110.
            let bytes = try await house.texts("SELECT pg_relation_size('app.jobs_due')::text")
            #expect(try #require(Int(bytes.first ?? "")) < 64 << 10)
        }
    }

    @Test("a job put off keeps its fault, counts its attempts, and is due again when mended or asked for") func postpone() async throws {
        try await Street.with { house async throws in
            let (tenant, worker) = (house.tenant, house.worker)
            try await worker.ask(tenant, [job, Job(.map, "healthy", lane: .webhook)])
            for job in try await worker.dueJobs(tenant, limit: 5) {
                let fault = job.kind == .post ? Array(#"{"code": "x"}"#.utf8) : nil
                try await worker.postpone(tenant, job, by: .seconds(600), fault: fault)
            }
            #expect(try await worker.dueJobs(tenant, limit: 5).isEmpty)
            let wait = try #require(try await worker.nextDue(tenant))
            #expect(wait > .seconds(500) && wait <= .seconds(600))
            try await house.supervisor.pool.query(AdminConnectionStatements.hurry(tenant))
            let mended = try await running(house)
            #expect(mended.kind == .post && mended.attempts == 1)
            #expect(try await worker.dueJobs(tenant, limit: 5).count == 1, "what only waits its turn goes on waiting")
            try await worker.ask(tenant, [Job(.map, "healthy", lane: .webhook)])
            #expect(try await worker.dueJobs(tenant, limit: 5).count == 2)
            try await worker.postpone(tenant, mended, by: .zero, fault: nil)
            #expect(try await worker.dueJobs(tenant, limit: 5).first { $0.kind == .post }?.attempts == 0, "more to do later is no failure")
        }
    }

    @Test("jobs of a newer program's kind or lane are put off: they neither hide others nor keep workers coming") func unread() async throws {
        // A database of its own: the newer program's migrations are those that let its kinds in.
        try await House.with { house async throws in
            let (tenant, worker) = (house.tenant, house.worker)
            try await house.owner.batch([
                "ALTER TABLE app.jobs DROP CONSTRAINT jobs_kind_check", "ALTER TABLE app.jobs DROP CONSTRAINT jobs_lane_check",
                "INSERT INTO app.jobs (tenant_id, kind, subject, lane) SELECT \(tenant), 'distil', n::text, 'interactive' FROM generate_series(1, 20) n",
                "INSERT INTO app.jobs (tenant_id, kind, subject, lane) VALUES (\(tenant), 'map', 'other', 'express')",
            ])
            try await worker.ask(tenant, [Job(.map, "f", lane: .audit)])
            let due = try await worker.dueJobs(tenant, limit: 16)
            #expect(due.map(\.subject) == ["f"])
            #expect(try await worker.nextJobs(tenant, finished: due, limit: 16) == [])
            let wait = try #require(try await worker.nextDue(tenant))
            #expect(wait > .seconds(500) && wait <= .seconds(600))
            #expect(try await house.supervisor.dueTenants(limit: 10).isEmpty)
            #expect(try await house.text("SELECT count(*)::text FROM app.jobs WHERE attempts = 0 AND fault IS NULL") == "21", "none is lost or blamed")
            try await house.owner.query("UPDATE app.jobs SET due_at = now() WHERE subject IN ('1', 'other')")
            #expect(try await worker.nextJobs(tenant, finished: [], limit: 16) == [])
            #expect(try #require(try await worker.nextDue(tenant)) > .seconds(500))
        }
    }

    @Test("many who ask for the same jobs in different orders wait for each other and never for ever") func deadlock() async throws {
        try await Street.with { house async throws in
            let (tenant, worker) = (house.tenant, house.worker)
            let jobs = (0 ..< 20).map { Job(.map, "\($0)", lane: .poll) }
            _ = try await sideBySide(8) { n in
                let turned = Array(jobs[n...] + jobs[..<n])
                try await worker.ask(tenant, n % 2 == 0 ? turned : turned.reversed())
            }
            let due = try await worker.dueJobs(tenant, limit: 50)
            #expect(due.count == 20)
            #expect(due.allSatisfy { $0.generation == 8 })
        }
    }

    @Test("a wake-up is heard, and tells nothing") func wake() async throws {
        try await House.with { house async throws in
            var heard = postgresNotifications(house.database.supervisor, channel: "counterfoil_work").makeAsyncIterator()
            #expect(await heard.next() == "", "listening has begun")
            try await house.supervisor.wake()
            #expect(await heard.next() == "")
        }
    }

    @Test("a sweep is asked for when its interval is over, of what is alive alone, and once") func sweeps() async throws {
        try await House.with { house async throws in
            func asked() async throws -> [String] {
                try await house.supervisor.askDueSweeps()
                return try await house.texts("SELECT subject || ' ' || generation FROM app.jobs WHERE kind = 'sweep'")
            }
            let sweep = "\(house.source) 1"
            #expect(try await asked() == [sweep])
            #expect(try await asked() == [sweep], "asked for already")
            for (table, state) in [("flows", "paused"), ("connections", "paused"), ("tenants", "paused")] as [(String, String)] {
                try await house.owner.query("DELETE FROM app.jobs")
                try await house.owner.query("UPDATE app.\(unsafe: table) SET state = \(state)")
                #expect(try await asked() == [], "\(table)")
                let back = table == "connections" ? "live" : "active"
                try await house.owner.query("UPDATE app.\(unsafe: table) SET state = \(back)")
            }
            try await house.worker.saveWatermark(house.tenant, house.source, nil)
            #expect(try await asked() == [], "swept just now")
            try await house.owner.query("UPDATE app.connections SET swept_at = swept_at - interval '299 seconds'")
            #expect(try await asked() == [])
            try await house.owner.query("UPDATE app.connections SET swept_at = swept_at - interval '1 second'")
            #expect(try await asked() == [sweep])
        }
    }

    @Test("work whose wake-up was lost is asked for again: events, cases, sends and confirmations") func forgotten() async throws {
        try await House.with { house async throws in
            func asked() async throws -> [String] {
                try await house.owner.query("DELETE FROM app.jobs")
                try await house.supervisor.askForgotten()
                return try await house.texts("SELECT kind FROM app.jobs ORDER BY kind")
            }
            #expect(try await asked() == [])
            // Live with a credential that nobody looked at: nothing goes there, and nothing else would ask.
            try await house.owner.query("UPDATE app.connections SET given = 1 WHERE id = \(house.ledger)")
            #expect(try await asked() == ["identify"])
            try await house.owner.query("UPDATE app.connections SET identified = 1 WHERE id = \(house.ledger)")
            #expect(try await asked() == [])
            try await house.owner.batch([
                "INSERT INTO app.events (tenant_id, connection_id, topic, delivery_id, body) VALUES (\(house.tenant), \(house.source), 't', 'd', 'x')",
                DocumentStatements.markDirty(house.tenant, house.flow, cases: ["O-1"]),
            ])
            #expect(try await asked() == ["map", "normalize"])
            let key = try await house.posting("cleared")
            #expect(try await asked() == ["map", "normalize", "post"])
            try await house.owner.query("UPDATE app.postings SET next_attempt_at = now() + interval '1 hour'")
            #expect(try await asked() == ["map", "normalize"])
            try await house.owner.query("""
                UPDATE app.postings SET state = 'posted', remote_id = '1', posted_at = now(), next_attempt_at = now() WHERE post_key = \(key.text)
                """)
            #expect(try await asked() == ["confirm", "map", "normalize"])
            try await house.owner.query("UPDATE app.tenants SET state = 'paused'")
            #expect(try await asked() == [])
        }
    }
}
