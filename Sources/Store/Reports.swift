public import Kernel
public import Postgres

/// Figures over tenants: what the result table, the console and the gauges show.
public enum ReportStatements {
    /// One row a tenant, in order of slug. `held_by` counts held documents by check; one that two checks hold counts under both.
    public static func tenants(_ sees: Visibility, consultancy: ConsultancyID?, tenant: TenantID?) -> SQL {
        var sql: SQL = """
            SELECT t.tenant_id, json_build_object('tenant', t.tenant_id, 'slug', t.slug, 'name', t.name, 'state', t.state,
              'ledger', (SELECT string_agg(DISTINCT c.platform, ',' ORDER BY c.platform) FROM app.flows f
                JOIN app.connections c ON c.tenant_id = f.tenant_id AND c.id = f.ledger_id WHERE f.tenant_id = t.tenant_id),
              'events', e.events, 'events_held', e.held,
              'documents', n.documents, 'confirmed', n.confirmed, 'held', n.held, 'rejected', n.rejected, 'unknown', n.unknown,
              'manual', n.manual, 'superseded', n.superseded, 'voided', n.voided, 'skipped', n.skipped, 'in_progress', n.in_progress,
              'posted', (SELECT count(*) FROM app.postings p WHERE p.tenant_id = t.tenant_id AND p.remote_id IS NOT NULL),
              'returns', (SELECT count(*) FROM app.notes r WHERE r.tenant_id = t.tenant_id AND r.kind = 'goods_return' AND r.body->>'state' = 'closed'),
              'unexplained_minor', (SELECT coalesce(sum(abs(p.unexplained_minor)), 0) FROM app.proofs p WHERE p.tenant_id = t.tenant_id),
              'held_by', (\(unsafe: heldBy))) AS json
            FROM app.tenants t CROSS JOIN LATERAL (
              SELECT count(*) AS documents, \(unsafe: sums) FROM (
                SELECT \(unsafe: AdminDocumentStatements.state) AS fate FROM app.documents d \(unsafe: AdminDocumentStatements.fates)
                WHERE d.tenant_id = t.tenant_id) x) n
            CROSS JOIN LATERAL (SELECT count(*) AS events, count(*) FILTER (WHERE state = 'held') AS held FROM app.events WHERE tenant_id = t.tenant_id) e
            WHERE \(sees.condition("t"))
            """
        if let consultancy { sql += " AND t.consultancy_id = \(consultancy)" }
        if let tenant { sql += " AND t.tenant_id = \(tenant)" }
        return sql + " ORDER BY t.slug, t.tenant_id LIMIT \(ReportLimits.tenants)"
    }

    private static let sums = ["confirmed", "held", "rejected", "unknown", "manual", "superseded", "voided", "skipped", "in_progress"]
        .map { "count(*) FILTER (WHERE fate = '\($0)') AS \($0)" }.joined(separator: ", ")

    private static let heldBy = """
        SELECT coalesce(json_agg(json_build_object('check', y.name, 'count', y.n) ORDER BY y.name), '[]') FROM (
          SELECT name, count(*) AS n FROM (
            SELECT DISTINCT d.flow_id, d.kind, d.source_id, f->>'check' AS name
            FROM app.postings p JOIN app.posting_documents pd ON pd.tenant_id = p.tenant_id AND pd.post_key = p.post_key
            JOIN app.documents d ON d.tenant_id = pd.tenant_id AND d.source_id = pd.source_id AND d.flow_id = p.flow_id
            CROSS JOIN LATERAL jsonb_array_elements(p.findings) f
            WHERE p.tenant_id = t.tenant_id AND p.state = 'held'
            UNION
            SELECT d.flow_id, d.kind, d.source_id, c.fault->>'code' FROM app.cases c
            JOIN app.documents d ON d.tenant_id = c.tenant_id AND d.flow_id = c.flow_id AND d.case_id = c.case_id
            WHERE c.tenant_id = t.tenant_id AND c.fault IS NOT NULL AND NOT c.dirty AND NOT EXISTS (
              SELECT FROM app.posting_documents pd JOIN app.postings p ON p.tenant_id = pd.tenant_id AND p.post_key = pd.post_key
              WHERE pd.tenant_id = d.tenant_id AND pd.source_id = d.source_id AND p.flow_id = d.flow_id)
          ) z GROUP BY name) y
        """

    /// Every posting that waits for a person or for the truth, with the names of what stops it.
    /// - Parameter check: of those only what this check, or the fault of this code, stops.
    public static func held(_ sees: Visibility, tenant: TenantID?, check: String? = nil, _ page: PageRequest) -> SQL {
        var sql: SQL = """
            SELECT p.tenant_id, ARRAY[p.tenant_id::text, p.post_key] AS cursor, json_build_object('tenant', p.tenant_id, 'tenant_slug', t.slug,
              'ledger', l.platform, 'post_key', p.post_key, 'flow', p.flow_id, 'case', p.case_id, 'form', p.form, 'subject', p.subject,
              'reference', p.reference, 'state', p.state, 'date', p.ledger_date, 'currency', p.currency, 'total_minor', p.total_minor,
              'checks', (SELECT coalesce(json_agg(DISTINCT c.name), '[]') FROM (
                SELECT f->>'check' AS name FROM jsonb_array_elements(p.findings) f UNION SELECT p.fault->>'code' WHERE p.fault IS NOT NULL) c),
              'findings', p.findings, 'fault', p.fault, 'batch', p.batch_id) AS json
            FROM app.tenants t JOIN app.postings p ON p.tenant_id = t.tenant_id
            JOIN app.connections l ON l.tenant_id = p.tenant_id AND l.id = p.ledger_id
            WHERE \(sees.condition("t")) AND (p.state IN ('held', 'rejected', 'unknown', 'manual') OR (p.state = 'cleared' AND p.findings <> '[]'))
              AND (p.tenant_id::text, p.post_key) > (\(page.text(0)), \(page.text(1)))
            """
        if let tenant { sql += " AND p.tenant_id = \(tenant)" }
        if let check {
            sql += " AND (EXISTS (SELECT FROM jsonb_array_elements(p.findings) f WHERE f->>'check' = \(check)) OR p.fault->>'code' = \(check))"
        }
        return sql + " ORDER BY p.tenant_id::text, p.post_key LIMIT \(page.limit)"
    }

    /// Zero everywhere: nothing is left to do until something new comes in. Tenants that are paused or removed do not count.
    public static func pending(_ sees: Visibility, consultancy: ConsultancyID?, tenant: TenantID?) -> SQL {
        var chosen: SQL = "SELECT t.tenant_id FROM app.tenants t WHERE t.state IN ('new', 'active') AND \(sees.condition("t"))"
        if let consultancy { chosen += " AND t.consultancy_id = \(consultancy)" }
        if let tenant { chosen += " AND t.tenant_id = \(tenant)" }
        return """
            WITH chosen AS (\(chosen))
            SELECT json_build_object(
              'events_ingested', (SELECT count(*) FROM app.events e JOIN chosen USING (tenant_id) WHERE e.state = 'ingested'),
              'cases_dirty', (SELECT count(*) FROM app.cases c JOIN chosen USING (tenant_id) WHERE c.dirty),
              'postings_open', (SELECT count(*) FROM app.postings p JOIN chosen USING (tenant_id)
                WHERE p.state IN ('mapped', 'cleared', 'posting', 'posted', 'unknown')),
              'jobs_due', (SELECT count(*) FROM app.jobs j JOIN chosen USING (tenant_id) WHERE j.due_at <= clock_timestamp())) AS json
            """
    }

    /// How far what came in since midnight (UTC) has got, one row a tenant.
    public static func steps(_ sees: Visibility) -> SQL {
        """
        SELECT t.tenant_id, json_build_object('tenant', t.tenant_id, 'slug', t.slug, 'name', t.name, 'state', t.state,
          'ingested', (SELECT count(*) FROM app.events e WHERE e.tenant_id = t.tenant_id AND e.received_at >= d.midnight),
          'normalized', (SELECT count(*) FROM app.events e WHERE e.tenant_id = t.tenant_id AND e.received_at >= d.midnight AND e.state = 'normalized'),
          'mapped', n.mapped, 'cleared', n.cleared, 'posted', n.posted, 'confirmed', n.confirmed, 'reconciled', n.reconciled,
          'stopped', n.stopped) AS json
        FROM app.tenants t CROSS JOIN (SELECT date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS midnight) d
        CROSS JOIN LATERAL (
          SELECT count(*) FILTER (WHERE p.state NOT IN ('superseded', 'skipped')) AS mapped,
            count(*) FILTER (WHERE p.state IN ('cleared', 'posting', 'posted', 'confirmed', 'reconciled', 'voided')) AS cleared,
            count(*) FILTER (WHERE p.state IN ('posted', 'confirmed', 'reconciled', 'voided')) AS posted,
            count(*) FILTER (WHERE p.state IN ('confirmed', 'reconciled', 'voided')) AS confirmed,
            count(*) FILTER (WHERE p.state = 'reconciled') AS reconciled,
            count(*) FILTER (WHERE p.state IN ('held', 'rejected', 'unknown', 'manual')) AS stopped
          FROM app.postings p WHERE p.tenant_id = t.tenant_id AND p.created_at >= d.midnight) n
        WHERE t.state <> 'removed' AND \(sees.condition("t")) ORDER BY t.slug, t.tenant_id LIMIT \(ReportLimits.tenants)
        """
    }

    public static func unexplained(_ sees: Visibility) -> SQL {
        """
        SELECT json_build_object('tenant', t.tenant_id, 'slug', t.slug, 'currency', p.currency, 'unexplained_minor', sum(abs(p.unexplained_minor)),
          'days', count(*)) AS json
        FROM app.tenants t JOIN app.proofs p ON p.tenant_id = t.tenant_id
        WHERE p.unexplained_minor <> 0 AND \(sees.condition("t")) GROUP BY t.tenant_id, t.slug, p.currency ORDER BY t.slug, p.currency
        LIMIT \(Limits.pageRows)
        """
    }

    // MARK: Gauges

    public static func postingsByState() -> SQL { "SELECT state AS label, count(*) AS value FROM app.postings GROUP BY state" }
    public static func openAlerts() -> SQL { "SELECT severity AS label, count(*) AS value FROM app.alerts WHERE state = 'open' GROUP BY severity" }
    public static func unexplainedByCurrency() -> SQL {
        "SELECT currency AS label, sum(abs(unexplained_minor))::bigint AS value FROM app.proofs GROUP BY currency"
    }

    /// Answers when the database does.
    public static func ping() -> SQL { "SELECT 1 AS one" }
}

enum ReportLimits {
    static let tenants = 2_000
}

/// What the gauges show: label -> value.
public struct Gauges: Sendable {
    public var postings: [(label: String, value: Int64)]
    public var alerts: [(label: String, value: Int64)]
    public var unexplained: [(label: String, value: Int64)]
    /// `held/warning`.
    public var causes: [(label: String, value: Int64)]
    /// `email/waiting`; what is settled: within the hour.
    public var deliveries: [(label: String, value: Int64)]
    /// `worst`, in seconds, and `tenants` that wait too long.
    public var lag: [(label: String, value: Int64)]
    /// By platform and limit (`…/minute`), in thousandths.
    public var quotas: [(label: String, value: Int64)]
    /// Connections by platform.
    public var down: [(label: String, value: Int64)]
    /// `worst`, in seconds.
    public var unsealed: [(label: String, value: Int64)]
}

extension Store {
    public func reportTenants(_ sees: Visibility, consultancy: ConsultancyID? = nil, tenant: TenantID? = nil) async throws(Fault) -> [AdminRow] {
        try await adminRows(ReportStatements.tenants(sees, consultancy: consultancy, tenant: tenant))
    }

    public func reportHeld(_ sees: Visibility, tenant: TenantID?, check: String? = nil, _ page: PageRequest) async throws(Fault) -> [AdminRow] {
        try await adminRows(ReportStatements.held(sees, tenant: tenant, check: check, page))
    }

    public func reportPending(_ sees: Visibility, consultancy: ConsultancyID?, tenant: TenantID?) async throws(Fault) -> AdminRow? {
        try await adminRow(ReportStatements.pending(sees, consultancy: consultancy, tenant: tenant))
    }

    public func reportSteps(_ sees: Visibility) async throws(Fault) -> [AdminRow] { try await adminRows(ReportStatements.steps(sees)) }
    public func reportUnexplained(_ sees: Visibility) async throws(Fault) -> [AdminRow] { try await adminRows(ReportStatements.unexplained(sees)) }
    public func ping() async throws(Fault) { _ = try await pool.query(ReportStatements.ping()) }

    public func gauges() async throws(Fault) -> Gauges {
        func read(_ sql: SQL) async throws(Fault) -> [(label: String, value: Int64)] {
            var out: [(label: String, value: Int64)] = []
            for row in try await pool.query(sql) { out.append((try row.get("label"), try row.get("value"))) }
            return out
        }
        return Gauges(
            postings: try await read(ReportStatements.postingsByState()), alerts: try await read(ReportStatements.openAlerts()),
            unexplained: try await read(ReportStatements.unexplainedByCurrency()), causes: try await read(AdminAlertStatements.openByCause()),
            deliveries: try await read(AdminAlertStatements.deliveries()), lag: try await read(AdminAlertStatements.lag()),
            quotas: try await read(QuotaStatements.fullest()), down: try await read(AdminAlertStatements.down()), unsealed: try await read(SealStatements.unsealedAge()))
    }
}
