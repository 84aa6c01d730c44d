import FoundationEssentials
import Kernel
import Postgres
import TestKit
import Testing

@testable import Store

@Suite("Statements", .timeLimit(.minutes(2))) struct StatementTests {
    @Test("every statement is planned on the migrated schema by the role that runs it") func planned() async throws {
        try await Street.with { house async throws in
            for sample in samples(house.tenant) {
                let pool = switch sample.role {
                case .worker: house.worker.pool
                case .supervisor: house.supervisor.pool
                case .administrator: house.owner
                }
                // NOTIFY has no plan.
                let sql = sample.name == "JobStatements.wake" ? sample.sql : SQL(stringLiteral: "EXPLAIN ") + sample.sql
                do { try await pool.query(sql) } catch { Issue.record("\(sample.name): \(error)") }
            }
        }
    }

    /// `Holder.name` of each statement that is not private in the text of Store, as often as it is declared.
    private func declared() throws -> [String: Int] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Sources/Store").standardized.path
        var found: [String: Int] = [:]
        for file in try FileManager.default.contentsOfDirectory(atPath: folder) where file.hasSuffix(".swift") {
            let text = String(decoding: try Data(contentsOf: URL(filePath: "\(folder)/\(file)")), as: UTF8.self)
            var holder = ""
            for line in text.split(separator: "\n") {
                let words = line.split(separator: " ")
                if !line.hasPrefix(" "), let place = words.firstIndex(where: { ["enum", "extension", "struct"].contains($0) }), place + 1 < words.count {
                    let name = words[place + 1].prefix { $0.isLetter }
                    holder = name.hasSuffix("Statements") ? String(name) : ""
                }
                let heading = line.hasPrefix("    public static func ") || (line.hasPrefix("    static func ") && line.contains("-> SQL"))
                guard !holder.isEmpty, heading, let place = words.firstIndex(of: "func"), place + 1 < words.count else { continue }
                found["\(holder).\(words[place + 1].prefix { $0.isLetter })", default: 0] += 1
            }
        }
        return found
    }

    @Test("the list of samples has every statement there is, and none that is not") func complete() throws {
        var known: [String: Set<String>] = [:]
        for sample in samples(SeededRandom(seed: 1).identifier()) { known[sample.name, default: []].insert(sample.sql.text) }
        let found = try declared()
        #expect(found.count > 120)
        for (name, times) in found.sorted(by: { $0.key < $1.key }) {
            #expect(known[name]?.count ?? 0 >= times, "\(name) is declared \(times) times; add it to the samples, with the role that runs it")
        }
        for name in known.keys.sorted() where found[name] == nil { Issue.record("there is no statement \(name) any more") }
    }

    /// Enough rows of every state for the planner to see what its indexes are for; almost all of them done.
    private func crowd(_ house: House) async throws {
        let (t, f, c) = (house.tenant, house.flow, house.source)
        try await house.owner.batch([
            """
            INSERT INTO app.postings (tenant_id, post_key, flow_id, ledger_id, case_id, subject, form, effect, state, plan, plan_digest, reference, ledger_date,
              currency, total_minor, remote_id, posted_at, confirmed_at, created_at)
            SELECT \(t), lpad(n::text, 16, '0'), \(f), \(house.ledger), 'O-' || n, 'O-' || n, 'invoice', 'post',
              CASE WHEN n % 100 = 0 THEN 'cleared' ELSE 'reconciled' END, '{}', 'x', 'r', '2026-11-02'::date - n % 300, 'USD', 1, '1', now(), now(), now() - n * interval '1 hour'
            FROM generate_series(1, 1500) n
            """,
            """
            INSERT INTO app.intents (tenant_id, post_key, revision, action, attempt, request_digest, epoch, state, settled_at)
            SELECT \(t), lpad(n::text, 16, '0'), 1, 'create', 'a', 'x', 1, 'posted', now() FROM generate_series(1, 1500) n
            """,
            """
            INSERT INTO app.events (tenant_id, connection_id, topic, delivery_id, body, state, normalized_at, received_at)
            SELECT \(t), \(c), 't', n::text, 'x', 'normalized', now(), now() - n * interval '1 hour' FROM generate_series(1, 1500) n
            """,
            """
            INSERT INTO app.documents (tenant_id, flow_id, kind, source_id, id, case_id, version, happened_at, body)
            SELECT \(t), \(f), 'sale', n::text, gen_random_uuid(), 'O-' || n, 1, now(), '{}' FROM generate_series(1, 1500) n
            """,
            """
            INSERT INTO app.notes (tenant_id, flow_id, kind, source_id, case_id, version, happened_at, body)
            SELECT \(t), \(f), 'edit', n::text, 'O-' || n, 1, now(), '{}' FROM generate_series(1, 1500) n
            """,
            "INSERT INTO app.cases (tenant_id, flow_id, case_id, dirty) SELECT \(t), \(f), 'O-' || n, n % 100 = 0 FROM generate_series(1, 1500) n",
            "INSERT INTO app.jobs (tenant_id, kind, subject, lane) SELECT \(t), 'post', n::text, 'webhook' FROM generate_series(1, 1500) n",
            "INSERT INTO app.audit (tenant_id, actor, action, subject) SELECT \(t), 'a', 'b', 's' || n FROM generate_series(1, 1500) n",
            """
            WITH flows AS (
              INSERT INTO app.flows (tenant_id, id, slug, organisation_id, source_id, ledger_id)
              SELECT \(t), gen_random_uuid(), 'f-' || n, \(house.organisation), \(c), \(house.ledger) FROM generate_series(1, 1500) n RETURNING id
            )
            INSERT INTO app.schedules (tenant_id, flow_id, subject, rule, time_zone) SELECT \(t), id, 'post', 'realtime', 'UTC' FROM flows
            """,
        ])
        try await house.owner.query("ANALYZE")
    }

    /// The lines of a plan in one text.
    private func plan(_ sql: SQL, _ pool: PostgresPool) async throws -> String {
        try await pool.texts(SQL(stringLiteral: "EXPLAIN ") + sql).joined(separator: "\n")
    }

    @Test("the planner finds the rows of hot statements by the index made for them, as the tenant, whose name is looked up once") func indexed() async throws {
        try await House.with { house async throws in
            try await crowd(house)
            let (tenant, flow) = (house.tenant, house.flow)
            let settled = Settlement(key: sampleKey, attempt: "a", outcome: .posted)
            let hot: [(sql: SQL, index: String)] = [
                (JobStatements.finish(tenant, Job(.post, "f", lane: .webhook)), "jobs_pkey"), (PostingStatements.due(tenant, flow, limit: 100), "postings_awaiting"),
                (PostingStatements.due(tenant, flow, limit: 100), "postings_let_through"),
                (PostingStatements.posted(tenant, flow, limit: 100), "postings_due"), (PostingStatements.nextAttempt(tenant, flow), "postings_awaiting"),
                (PostingStatements.ofCases(tenant, flow, cases: ["O-1"]), "postings_case"), (PostingStatements.byKeys(tenant, [sampleKey]), "postings_pkey"),
                (EventStatements.ingested(tenant, house.source, limit: 100), "events_ingested"), (EventStatements.normalized(tenant, ids: [1]), "events_"),
                (DocumentStatements.dirty(tenant, flow, limit: 100), "cases_dirty"), (DocumentStatements.ofCases(tenant, flow, cases: ["O-1"]), "documents_case"),
                (ChangeStatements.marked(tenant, flow, limit: 100), "postings_recheck"), (ChangeStatements.nextMarked(tenant, flow), "postings_recheck"),
                (ChangeStatements.mark(tenant, house.ledger, keys: [], remoteIDs: ["D1", "D2"]), "postings_remote"),
                (IntentStatements.unsettled(tenant, flow, limit: 100), "intents_unsettled"), (IntentStatements.settle(tenant, [settled]), "intents_unsettled"),
            ]
            for (sql, index) in hot {
                let text = try await plan(sql, house.worker.pool)
                #expect(text.contains(" \(index)"), "\(text)")
                #expect(!text.contains("Seq Scan"), "\(text)")
                #expect(text.contains("InitPlan"), "the policy's function is called once, not per row: \(text)")
            }
        }
    }

    @Test("who is due is looked up tenant by tenant, however many tenants there are") func dueByKey() async throws {
        try await House.with { house async throws in
            let tenants = try await BenchTables.fillTenants(house.database.superuser, count: 2000)
            #expect(tenants.count == 2001)
            try await house.owner.batch([
                "INSERT INTO app.leases SELECT tenant_id, 1, 'h', NULL, 'free', now(), now() FROM app.tenants",
                "INSERT INTO app.tenant_shares SELECT tenant_id, 1 FROM app.tenants",
                "INSERT INTO app.jobs (tenant_id, kind, subject, lane) SELECT tenant_id, 'post', 'f', 'webhook' FROM app.tenants",
            ])
            try await house.owner.query("ANALYZE")
            let text = try await plan(JobStatements.dueTenants(limit: 1), house.supervisor.pool)
            #expect(!text.contains("Seq Scan"), "\(text)")
            #expect(text.contains("jobs_due"), "\(text)")
        }
    }

    @Test("the scheduler's and the control plane's hot statements find their rows by index") func supervised() async throws {
        try await House.with { house async throws in
            try await crowd(house)
            let tenant = house.tenant
            let waiting = ScheduleRow(
                tenant: tenant, flow: house.flow, subject: "post", rule: "hourly", zone: "UTC", state: "active", isStated: true, nextRun: nil, lastRun: nil)
            let hot: [(sql: SQL, table: String)] = [
                (AdminPostingStatements.one(sampleKey, .all), "postings"), (AdminPostingStatements.history(tenant, sampleKey), "audit"),
                (AdminTrailStatements.audit(tenant, subject: "s1", PageRequest(limit: 10)), "audit"), (AdminPostingStatements.intents(tenant, sampleKey), "intents"),
                (FleetStatements.counts(.all), "postings"), (FleetStatements.marks(), "audit"), (FleetStatements.causes(.all, tenant: nil), "postings"),
                (FleetStatements.documents(tenant, sampleKey), "documents"), (ReportStatements.steps(.all), "events"), (ReportStatements.steps(.all), "postings"),
                (FleetStatements.days(.all, tenant, count: 28), "postings"), (AlertSurveyStatements.heldMarks(), "postings"),
                (AlertSurveyStatements.held([house.flow]), "postings"), (AlertSurveyStatements.lag(), "postings"), (AlertSurveyStatements.quarantined(), "postings"),
                (ScheduleStatements.waiting(waiting), "postings"),
            ]
            for (sql, table) in hot {
                let text = try await plan(sql, house.supervisor.pool)
                #expect(!text.contains("Seq Scan on \(table)"), "\(text)")
            }
        }
    }

    @Test("what waits for its schedule costs the sending of a flow nothing, however much it is") func waitsForFree() async throws {
        try await House.with { house async throws in
            try await crowd(house)
            let (t, f) = (house.tenant, house.flow)
            try await house.owner.batch([
                "UPDATE app.postings SET state = 'cleared', let_through = false, cleared_at = now(), form = CASE WHEN post_key < '0000000000000011' THEN 'journal' ELSE 'invoice' END WHERE tenant_id = \(t)",
                """
                INSERT INTO app.schedules (tenant_id, flow_id, subject, rule, time_zone, next_run_at) VALUES
                  (\(t), \(f), 'post', 'daily at 06:00', 'UTC', now() + interval '1 day'), (\(t), \(f), 'journal', 'realtime', 'UTC', NULL)
                """,
            ])
            try await house.owner.query("VACUUM ANALYZE app.postings")
            let due = try await house.worker.pool.query(PostingStatements.due(t, f, limit: 100))
            #expect(due.count == 10)
            let text = try await house.worker.pool.texts("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) " + PostingStatements.due(t, f, limit: 100)).joined(separator: "\n")
            for figure in text.split(separator: "rows=").dropFirst() { #expect(Int(figure.prefix { $0.isNumber }) ?? 0 <= 14, "\(text)") }
            for figure in text.split(separator: "Removed by Filter: ").dropFirst() { #expect(Int(figure.prefix { $0.isNumber }) ?? 0 <= 14, "\(text)") }
            let row = ScheduleRow(tenant: t, flow: f, subject: "post", rule: "daily at 06:00", zone: "UTC", state: "active", isStated: true, nextRun: nil, lastRun: nil)
            #expect(try await house.supervisor.waiting([row]) == ["post": 1490])
        }
    }

    @Test("a look that takes too long is given up by the server, and says so; what is no look goes on") func givesUp() async throws {
        try await Street.with { house async throws in
            let looks = PostgresPool(house.database.supervisor.givingUp(after: .milliseconds(20)), size: 1)
            let store = Store(house.supervisor.pool, looks: looks)
            let long: SQL = "SELECT '{}'::json AS json, count(*) FROM generate_series(1, 100000000) a"
            #expect(await faultCode { _ = try await store.adminRows(long) } == "sql_57014")
            #expect(try await store.pool.texts("SHOW statement_timeout") == ["0"])
            #expect(try await looks.texts("SHOW jit") == ["off"])
            await looks.close()
        }
    }

    @Test("the findings of what is held are read again only once it has changed") func heldFacts() async throws {
        try await House.with { house async throws in
            try await crowd(house)
            let (t, f) = (house.tenant, house.flow), known = HeldFacts()
            func held() async throws -> [AlertFact] {
                try await house.supervisor.transaction { tx throws(Fault) in try await tx.surveyAlerts(known) }.filter { $0.key.hasPrefix("held/") }
            }
            func hold(_ key: String, _ check: String) async throws {
                let findings = PostgresJSON(Array(#"[{"check": "\#(check)", "why": "w", "remedy": "r"}]"#.utf8))
                try await house.owner.query("UPDATE app.postings SET state = 'held', findings = \(findings), updated_at = clock_timestamp() WHERE tenant_id = \(t) AND post_key = \(key)")
            }
            try await hold("0000000000000001", "closed_period")
            let first = try await held()
            #expect(first.map(\.key) == ["held/\(f)/closed_period"])
            #expect(known.read == 1)
            #expect(try await held() == first)
            #expect(known.read == 1)
            // Another check on the same posting, one more posting, and none at all.
            try await hold("0000000000000001", "unbalanced")
            #expect(try await held().map(\.code) == ["unbalanced"])
            try await hold("0000000000000002", "unbalanced")
            #expect(try await held().map(\.items) == [2])
            #expect(known.read == 3)
            try await house.owner.query("UPDATE app.tenants SET state = 'paused' WHERE tenant_id = \(t)")
            #expect(try await held().isEmpty)
            try await house.owner.query("UPDATE app.tenants SET state = 'active' WHERE tenant_id = \(t)")
            #expect(try await held().map(\.items) == [2])
            try await house.owner.query("UPDATE app.postings SET state = 'reconciled' WHERE tenant_id = \(t)")
            #expect(try await held().isEmpty)
        }
    }
}
