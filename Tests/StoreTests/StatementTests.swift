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
              currency, total_minor, remote_id, posted_at, confirmed_at)
            SELECT \(t), lpad(n::text, 16, '0'), \(f), \(house.ledger), 'O-' || n, 'O-' || n, 'invoice', 'post',
              CASE WHEN n % 100 = 0 THEN 'cleared' ELSE 'reconciled' END, '{}', 'x', 'r', '2026-11-02'::date - n % 300, 'USD', 1, '1', now(), now()
            FROM generate_series(1, 1500) n
            """,
            """
            INSERT INTO app.intents (tenant_id, post_key, revision, action, attempt, request_digest, epoch, state, settled_at)
            SELECT \(t), lpad(n::text, 16, '0'), 1, 'create', 'a', 'x', 1, 'posted', now() FROM generate_series(1, 1500) n
            """,
            """
            INSERT INTO app.events (tenant_id, connection_id, topic, delivery_id, body, state, normalized_at)
            SELECT \(t), \(c), 't', n::text, 'x', 'normalized', now() FROM generate_series(1, 1500) n
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
                (JobStatements.finish(tenant, Job(.post, "f", lane: .webhook)), "jobs_pkey"), (PostingStatements.due(tenant, flow, limit: 100), "postings_due"),
                (PostingStatements.posted(tenant, flow, limit: 100), "postings_due"), (PostingStatements.nextAttempt(tenant, flow), "postings_due"),
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
            let hot: [(sql: SQL, table: String)] = [
                (AdminPostingStatements.one(sampleKey, .all), "postings"), (AdminPostingStatements.history(tenant, sampleKey), "audit"),
                (AdminTrailStatements.audit(tenant, subject: "s1", PageRequest(limit: 10)), "audit"), (AdminPostingStatements.intents(tenant, sampleKey), "intents"),
                (FleetStatements.counts(.all), "postings"), (FleetStatements.marks(), "audit"), (FleetStatements.causes(.all, tenant: nil), "postings"),
                (FleetStatements.documents(tenant, sampleKey), "documents"),
            ]
            for (sql, table) in hot {
                let text = try await plan(sql, house.supervisor.pool)
                #expect(!text.contains("Seq Scan on \(table)"), "\(text)")
            }
        }
    }
}
