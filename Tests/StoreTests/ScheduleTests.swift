import Books
import Kernel
import Postgres
import TestKit
import Testing

@testable import Store

@Suite("Schedules") struct ScheduleTests {
    /// A schedule whose run has been due for this many seconds; not due where it is negative.
    private func put(_ house: House, _ subject: String, _ rule: String, dueFor seconds: Int) async throws {
        try await house.owner.query("""
            INSERT INTO app.schedules (tenant_id, flow_id, subject, rule, time_zone, next_run_at)
            VALUES (\(house.tenant), \(house.flow), \(subject), \(rule), 'Europe/London', clock_timestamp() - \(Int64(seconds)) * interval '1 second')
            """)
    }

    /// A cleared posting of the form, cleared this many seconds ago.
    private func cleared(_ house: House, _ n: Int, _ form: String = "invoice", ago seconds: Int = 60) async throws {
        let key = String(repeating: "0", count: 15) + "\(n)"
        try await house.owner.query("""
            INSERT INTO app.postings (tenant_id, post_key, flow_id, ledger_id, case_id, subject, form, effect, state, plan, plan_digest, reference, ledger_date,
              currency, total_minor, cleared_at)
            VALUES (\(house.tenant), \(key), \(house.flow), \(house.ledger), \("O-\(n)"), \("O-\(n)"), \(form), 'post', 'cleared', '{}', 'x', 'r', '2026-11-02', 'USD', 1,
              clock_timestamp() - \(Int64(seconds)) * interval '1 second')
            """)
    }

    private func due(_ house: House) async throws -> [String] {
        try await house.worker.duePostings(house.tenant, house.flow, limit: 50).map { "\($0.form) \($0.subject)" }.sorted()
    }

    private func jobs(_ house: House) async throws -> [String] { try await house.texts("SELECT kind || ' ' || subject FROM app.jobs ORDER BY kind") }

    @Test("a run that was missed comes once, however often it was missed, and the next one is in the future") func missed() async throws {
        try await House.with { house async throws in
            try await put(house, "post", "every 5 minutes", dueFor: 90_000)
            try await cleared(house, 1)
            #expect(try await due(house) == [])
            #expect(try await house.supervisor.runDueSchedules() == 1)
            #expect(try await house.supervisor.runDueSchedules() == 0)
            #expect(try await due(house) == ["invoice O-1"])
            #expect(try await jobs(house) == ["post \(house.flow)"])
            #expect(try await house.count("SELECT count(*) FROM app.schedules WHERE next_run_at > clock_timestamp() AND next_run_at <= clock_timestamp() + interval '5 minutes'") == 1)
            #expect(try await house.texts("SELECT detail->>'let_through' FROM app.audit WHERE action = 'schedule.ran'") == ["1"])
        }
    }

    @Test("of many schedulers one runs what is due, once") func once() async throws {
        try await House.with { house async throws in
            try await put(house, "post", "hourly", dueFor: 1)
            try await put(house, "pull", "hourly", dueFor: 1)
            let ran = try await sideBySide(3) { _ in try await house.supervisor.runDueSchedules() }
            #expect(ran.reduce(0, +) == 2)
            #expect(try await house.texts("SELECT kind || ' ' || generation FROM app.jobs ORDER BY kind") == ["sweep 1"], "nothing waits to be sent")
        }
    }

    @Test("what is not due, or belongs to a paused flow or tenant, does not run; resumed, it runs once") func waits() async throws {
        try await House.with { house async throws in
            try await put(house, "post", "0 6 * * 1-5", dueFor: -60)
            #expect(try await house.supervisor.runDueSchedules() == 0)
            try await house.owner.query("UPDATE app.schedules SET next_run_at = clock_timestamp() - interval '3 days'")
            for (table, back) in [("flows", "active"), ("tenants", "active")] {
                try await house.owner.query("UPDATE app.\(unsafe: table) SET state = 'paused'")
                #expect(try await house.supervisor.runDueSchedules() == 0, "\(table)")
                try await house.owner.query("UPDATE app.\(unsafe: table) SET state = \(back)")
            }
            #expect(try await house.supervisor.runDueSchedules() == 1)
        }
    }

    @Test("a schedule that can't be read is put off, and those beside it run") func unusable() async throws {
        try await House.with { house async throws in
            try await put(house, "post", "whenever", dueFor: 5)
            try await put(house, "pull", "hourly", dueFor: 1)
            #expect(await faultCode { try await house.supervisor.runDueSchedules() } == "invalid_schedule")
            #expect(try await jobs(house) == ["sweep \(house.source)"])
            #expect(try await house.supervisor.runDueSchedules() == 0)
        }
    }

    @Test("each run is a transaction of its own") func alone() async throws {
        try await House.with { house async throws in
            for subject in ["post", "pull", "payment"] { try await put(house, subject, "hourly", dueFor: 1) }
            #expect(try await house.supervisor.runDueSchedules() == 3)
            #expect(try await house.count("SELECT count(DISTINCT xmin::text) FROM app.schedules") == 3)
        }
    }

    @Test("one that the database refuses keeps no other from running, and runs once it can") func refused() async throws {
        try await House.with { house async throws in
            for (n, subject) in ["post", "pull", "payment"].enumerated() { try await put(house, subject, "hourly", dueFor: 9 - n) }
            try await house.owner.batch([
                "CREATE FUNCTION app.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$",
                "CREATE TRIGGER refuse BEFORE UPDATE ON app.schedules FOR EACH ROW WHEN (NEW.subject = 'post') EXECUTE FUNCTION app.refuse()",
            ])
            #expect(await faultCode { try await house.supervisor.runDueSchedules() } != nil)
            #expect(try await house.texts("SELECT subject FROM app.schedules WHERE last_run_at IS NULL") == ["post"])
            try await house.owner.query("DROP TRIGGER refuse ON app.schedules")
            #expect(try await house.supervisor.runDueSchedules() == 1)
        }
    }

    @Test("a schedule that can't be read is told of at once and until it can; one that is paused for a week only when something waits for it") func troubles() async throws {
        try await House.with { house async throws in
            func told() async throws -> [String] {
                try await house.supervisor.transaction { tx throws(Fault) in try await tx.surveyAlerts() }.filter { $0.key.hasPrefix("schedule/") }
                    .map { "\($0.key.split(separator: "/").last ?? "") \($0.code) \($0.items)" }.sorted()
            }
            try await put(house, "post", "whenever", dueFor: 5)
            #expect(await faultCode { try await house.supervisor.runDueSchedules() } == "invalid_schedule")
            #expect(try await told() == ["post unusable 1"])
            try await house.owner.query("UPDATE app.schedules SET rule = 'hourly', next_run_at = clock_timestamp()")
            #expect(try await house.supervisor.runDueSchedules() == 1)
            #expect(try await told() == [])
            try await house.supervisor.transaction { tx throws(Fault) in
                for subject in ["post", "payment", "pull"] { _ = try await tx.query(ScheduleStatements.pause(house.tenant, house.flow, subject: subject, zone: "UTC")) }
            }
            for n in 1 ... 2 { try await cleared(house, n) }
            #expect(try await told() == [], "not yet for a week")
            try await house.owner.query("UPDATE app.schedules SET paused_at = paused_at - interval '8 days'")
            #expect(try await told() == ["post paused 2", "pull paused 1"], "no payment waits")
            // Paused again it is paused as long as before.
            try await house.supervisor.transaction { tx throws(Fault) in
                _ = try await tx.query(ScheduleStatements.pause(house.tenant, house.flow, subject: "post", zone: "UTC"))
            }
            #expect(try await told().first == "post paused 2")
            try await house.owner.query("UPDATE app.flows SET state = 'paused'")
            #expect(try await told() == [])
        }
    }

    @Test("a re-plan that waits for a posting that a run has in hand holds none that the run still needs") func oneOrder() async throws {
        try await House.with { house async throws in
            // Stored the other way round than a run takes them.
            for n in [2, 1] { try await cleared(house, n) }
            let keys = (1 ... 2).map { String(repeating: "0", count: 15) + "\($0)" }, waiting = waiting
            try await house.supervisor.transaction { run throws(Fault) in
                _ = try await run.query("SELECT 1 AS one FROM app.postings WHERE post_key = \(keys[0]) FOR UPDATE")
                let other = Task { try await house.supervisor.transaction { tx throws(Fault) in try await tx.replan(house.tenant) } }
                waiting.with { $0 = other }
                for _ in 0 ..< 100_000 {
                    if try await !run.query("SELECT 1 AS one FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))").isEmpty { break }
                }
                // Were it held, each would wait for the other.
                _ = try await run.query("SELECT 1 AS one FROM app.postings WHERE post_key = \(keys[1]) FOR UPDATE NOWAIT")
            }
            try await waiting.with { $0 }?.value
        }
    }

    private let waiting = Locked<Task<Void, any Error>?>(nil)

    @Test("a form's own schedule goes before the flow's, and what is cleared after a run waits for the next") func forms() async throws {
        try await House.with { house async throws in
            try await put(house, "post", "daily at 06:00", dueFor: -600)
            try await put(house, "payment", "hourly", dueFor: 1)
            for (n, form) in ["invoice", "payment", "summary"].enumerated() { try await cleared(house, n + 1, form) }
            #expect(try await due(house) == [])
            #expect(try await house.supervisor.runDueSchedules() == 1)
            #expect(try await due(house) == ["payment O-2"])
            try await cleared(house, 4, "payment", ago: -1)
            #expect(try await due(house) == ["payment O-2"])
            try await house.owner.query("UPDATE app.schedules SET next_run_at = NULL, rule = 'realtime' WHERE subject = 'payment'")
            #expect(try await due(house) == ["payment O-2", "payment O-4"])
            try await house.owner.query("UPDATE app.schedules SET state = 'paused', next_run_at = NULL")
            #expect(try await due(house) == ["payment O-2"], "what a run let through goes on")
        }
    }

    @Test("what a run let through goes on when it is checked again or gets a schedule of its own; another plan of it waits for the next run")
    func letThrough() async throws {
        try await House.with { house async throws in
            try await put(house, "post", "daily at 06:00", dueFor: 1)
            try await cleared(house, 1)
            try await cleared(house, 2)
            // As a migration, or an outcome that was not known, leaves it.
            try await house.owner.query("UPDATE app.postings SET cleared_at = NULL WHERE subject = 'O-2'")
            #expect(try await house.supervisor.runDueSchedules() == 1)
            #expect(try await due(house) == ["invoice O-1", "invoice O-2"])
            try await house.supervisor.transaction { tx throws(Fault) in try await tx.replan(house.tenant) }
            #expect(try await due(house) == [])
            try await clear(house)
            #expect(try await due(house) == ["invoice O-1", "invoice O-2"])
            try await put(house, "invoice", "hourly", dueFor: -600)
            #expect(try await due(house) == ["invoice O-1", "invoice O-2"])
            try await plan(house, 1, digest: [1])
            try await plan(house, 2, digest: Array("x".utf8))
            try await clear(house)
            #expect(try await due(house) == ["invoice O-2"])
        }
    }

    @Test("what is being checked again when a run comes goes with it") func checkedAgain() async throws {
        try await House.with { house async throws in
            try await put(house, "post", "daily at 06:00", dueFor: 1)
            try await cleared(house, 1)
            try await house.supervisor.transaction { tx throws(Fault) in try await tx.replan(house.tenant) }
            #expect(try await house.supervisor.runDueSchedules() == 1)
            try await clear(house)
            #expect(try await due(house) == ["invoice O-1"])
        }
    }

    /// The checks find nothing.
    private func clear(_ house: House) async throws {
        let keys = try await house.texts("SELECT post_key FROM app.postings WHERE state = 'mapped'").compactMap { PostKey($0) }
        try await house.worker.pool.query(PostingStatements.clear(house.tenant, keys.map { ($0, Array("[]".utf8), false) }))
    }

    private func plan(_ house: House, _ n: Int, digest: [UInt8]) async throws {
        let key = try #require(PostKey(String(repeating: "0", count: 15) + "\(n)"))
        try await house.worker.pool.query(PostingStatements.map(house.tenant, house.flow, house.ledger, [
            PlanRow(
                key: key, caseID: "O-\(n)", subject: "O-\(n)", form: "invoice", effect: "post", revision: 1, plan: Array("{}".utf8), planDigest: digest, reference: "r",
                date: LocalDate(daysSince1970: 20_000), currency: "USD", totalMinor: 1, appliesTo: nil, covers: []),
        ]))
    }

    @Test("since when something is held by one check is kept while it is looked at again") func heldSince() async throws {
        try await House.with { house async throws in
            try await cleared(house, 1)
            func hold(_ check: String) async throws {
                try await house.owner.query("UPDATE app.postings SET state = 'mapped', findings = '[]'")
                let key = try #require(PostKey(String(repeating: "0", count: 15) + "1"))
                try await house.worker.pool.query(PostingStatements.clear(house.tenant, [(key, Array("[{\"check\": \"\(check)\", \"why\": \"w\", \"remedy\": \"r\"}]".utf8), true)]))
            }
            func age() async throws -> Int { try await house.count("SELECT (extract(epoch FROM clock_timestamp() - held_since) / 3600)::bigint FROM app.postings") }
            try await hold("waits_for_return")
            try await house.owner.query("UPDATE app.postings SET held_since = held_since - interval '25 hours'")
            try await hold("waits_for_return")
            #expect(try await age() == 25)
            let facts = try await house.supervisor.transaction { tx throws(Fault) in try await tx.surveyAlerts() }.filter { $0.code == "waits_for_return" }
            #expect(facts.count == 1 && facts.allSatisfy { $0.since < SystemClocks().now() - .seconds(24 * 3600) })
            try await hold("unbalanced")
            #expect(try await age() == 0)
        }
    }

    @Test("no flow without schedules waits for anything, and none is swept by its interval that has a schedule for it") func interval() async throws {
        try await House.with { house async throws in
            let other = try await house.neighbour()
            try await cleared(house, 1)
            #expect(try await due(house) == ["invoice O-1"])
            try await put(house, "pull", "daily at 06:00", dueFor: -600)
            try await house.supervisor.askDueSweeps()
            #expect(try await jobs(house) == ["sweep \(other.source)"])
            try await house.owner.query("UPDATE app.schedules SET next_run_at = NULL, rule = 'realtime'")
            try await house.supervisor.askDueSweeps()
            #expect(try await jobs(house).count == 2)
            try await house.owner.batch(["DELETE FROM app.jobs", "UPDATE app.schedules SET state = 'paused'"])
            try await house.supervisor.askDueSweeps()
            #expect(try await jobs(house) == ["sweep \(other.source)"])
        }
    }

    @Test("what waits for its run is neither asked for again nor late") func notForgotten() async throws {
        try await House.with { house async throws in
            try await cleared(house, 1)
            try await put(house, "post", "daily at 06:00", dueFor: -600)
            try await house.supervisor.askForgotten()
            #expect(try await jobs(house) == [])
            #expect(try await house.supervisor.transaction { tx throws(Fault) in try await tx.surveyAlerts() }.contains { $0.key == "lag/work" } == false)
            try await house.owner.batch([
                "UPDATE app.postings SET next_attempt_at = clock_timestamp() - interval '1 day'", "UPDATE app.schedules SET next_run_at = clock_timestamp()",
            ])
            try await house.supervisor.runDueSchedules()
            let lag = try await house.supervisor.transaction { tx throws(Fault) in try await tx.surveyAlerts() }.filter { $0.key == "lag/work" }
            #expect(lag.allSatisfy { $0.since > SystemClocks().now() - .seconds(600) }, "what waited was not late")
            try await house.owner.batch(["DELETE FROM app.schedules", "DELETE FROM app.jobs"])
            try await house.supervisor.askForgotten()
            #expect(try await jobs(house) == ["post \(house.flow)"])
        }
    }
}
