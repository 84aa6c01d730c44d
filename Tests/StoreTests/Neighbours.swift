import Books
import Kernel
import Postgres
import TestKit

@testable import Store

extension House {
    /// Tables with rows of tenants: all of `app` that have a `tenant_id`.
    func tenantTables() async throws -> [String] {
        try await texts("""
            SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
            WHERE c.relnamespace = 'app'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY 1
            """)
    }

    /// At least one row of the tenant in every table there is, so that there is something to steal everywhere.
    func fill() async throws {
        _ = try await worker.ingest([NewEvent(tenant: tenant, connection: source, topic: "t", deliveryID: "d", sealedBody: [1])], lane: .webhook)
        let document = DocumentRow(kind: "sale", isNote: false, sourceID: "O-1", id: SystemRandom().identifier(), caseID: "O-1", version: 1,
            at: Timestamp(seconds: 1_790_000_000), body: Array("{}".utf8))
        var note = document
        note.kind = "edit"
        let lease = try await lease()
        let key = try await posting("cleared")
        try await worker.writeIntents(tenant, epoch: lease.epoch, [NewIntent(key: key, revision: 1, action: .create, attempt: "a", requestDigest: [1])],
            audit: [AuditEntry(actor: "worker", action: "b", subject: "s")])
        let chart = ChartRow(lockDate: nil, baseCurrency: "USD", currencies: [], taxCodes: [], accounts: Array("[]".utf8), readAt: document.at)
        let proof = ProofRow(day: LocalDate(daysSince1970: 20_000), currency: "USD", sourceMinor: 1, postedMinor: 1, openMinor: 0, unexplainedMinor: 0,
            items: Array("[]".utf8))
        try await worker.pool.batch([
            DocumentStatements.upsert(tenant, flow, [document]), DocumentStatements.upsertNotes(tenant, flow, [note]),
            DocumentStatements.markDirty(tenant, flow, cases: ["O-1"]), LedgerStatements.saveChart(tenant, ledger, chart),
            LedgerStatements.saveReferences(tenant, ledger, [ReferenceRow(kind: "party", key: "k", name: "n", remoteID: "1")]),
            ProofStatements.save(tenant, flow, [proof]), ReturnFigureStatements.save(tenant, ledger, [sampleFigure], at: Timestamp(seconds: 0)), BudgetStatements.pause(tenant, ledger, name: "minute", for: .seconds(1)),
            AlertStatements.raise(tenant, [AlertRow(key: "k", severity: .warning, cause: "c", remedy: "r")]),
        ])
        let digest = SystemRandom().bytes(32)
        try await owner.batch([
            "INSERT INTO app.posting_documents (tenant_id, post_key, source_id) VALUES (\(tenant), \(key.text), 'O-1')",
            MemberStatements.remember(tenant, flow, [("PO-1", "P-1")]),
            "INSERT INTO app.tenant_shares (tenant_id, served_ms) VALUES (\(tenant), 1)",
            "INSERT INTO app.ledger_notices (tenant_id, connection_id, object, remote_id, change) VALUES (\(tenant), \(ledger), 'Invoice', '1', 'updated')",
            "INSERT INTO app.attachments (tenant_id, post_key, revision, flow_id) VALUES (\(tenant), \(key.text), 1, \(flow))",
            """
            INSERT INTO app.reflections (tenant_id, post_key, number, flow_id, connection_id, says, digest, state)
            VALUES (\(tenant), \(key.text), 1, \(flow), \(ledger), '{}', sha256('x'), 'due')
            """,
            "INSERT INTO app.schedules (tenant_id, flow_id, subject, rule, time_zone) VALUES (\(tenant), \(flow), 'post', 'realtime', 'UTC')",
            SealStatements.add(tenant, number: 1, beforeXID: "1", rows: 1, digest: digest),
            "INSERT INTO app.crashes (tenant_id, kind, subject, crashes) VALUES (\(tenant), 'post', 'f', 1)",
            """
            INSERT INTO app.batches (tenant_id, id, connection_id, number, form, form_version, file_name, media_type, content, digest, file_rows, created_by)
            VALUES (\(tenant), \(tenant), \(ledger), 1, 'f', 'f/1', 'f.csv', 'text/csv', 'x', sha256('x'), 1, 'a')
            """,
            """
            INSERT INTO app.batch_postings (tenant_id, batch_id, post_key, revision, reference, currency, figure_minor, findable)
            SELECT tenant_id, \(tenant), post_key, 1, 'R', 'USD', 1, false FROM app.postings WHERE tenant_id = \(tenant) LIMIT 1
            """,
            "INSERT INTO app.alert_rules (tenant_id, version, body, actor) VALUES (\(tenant), 1, '{}', 'a')",
            "INSERT INTO app.alert_routes (tenant_id, name, kind, settings, actor) VALUES (\(tenant), 'r', 'email', '{}', 'a')",
            "INSERT INTO app.alert_notices VALUES (\(tenant), 'r', \(tenant), 'k', 'opened', now())",
            """
            INSERT INTO app.alert_deliveries (tenant_id, id, route, kind, purpose, receiver, subject, body)
            VALUES (\(tenant), \(tenant), 'r', 'email', 'opened', 'x', 's', 'x')
            """,
            """
            INSERT INTO app.consents (tenant_id, id, connection_id, kind, link_digest, created_by, expires_at)
            VALUES (\(tenant), \(tenant), \(ledger), 'direct', \(digest), 'a', now())
            """,
            "INSERT INTO app.source_hours VALUES (\(tenant), \(source), date_trunc('hour', now()), 1, now())",
            "INSERT INTO app.source_marks VALUES (\(tenant), 1)",
            "INSERT INTO app.api_keys (id, digest, label, tenant_id, scopes) VALUES (\(tenant), \(digest), 'l', \(tenant), ARRAY['read'])",
        ])
    }

    /// Everything the tenant has, one line a table: how many rows, and their digest.
    func everything() async throws -> [String] {
        var out: [String] = []
        for table in try await tenantTables() {
            out += try await texts("""
                SELECT \(table) || ' ' || count(*) || ' ' || coalesce(md5(string_agg(x::text, '|' ORDER BY x::text)), '')
                FROM app.\(unsafe: table) x WHERE tenant_id = \(tenant)
                """)
        }
        return out
    }
}
