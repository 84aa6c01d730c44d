public import Books
public import Kernel
public import Postgres

/// What whoever watches tenants looks at: all of them at a glance, what is stopped by cause, how days went, and whether anything changed.
public enum FleetStatements {
    /// One row a tenant: what waits and since when, what is stopped, what is unexplained, the fullest quota, alerts, and the last fourteen days.
    public static func tenants(_ sees: Visibility) -> SQL {
        """
        SELECT t.tenant_id, json_build_object('tenant', t.tenant_id, 'slug', t.slug, 'name', t.name, 'state', t.state, 'consultancy', k.name,
          'ledgers', (\(unsafe: ledgers)), 'waiting_since', \(unsafe: AdminSQL.utc("l.since")), 'held', s.held, 'rejected', s.rejected, 'unknown', s.unknown,
          'manual', s.manual, 'reflections', (SELECT count(*) FROM app.reflections r WHERE r.tenant_id = t.tenant_id AND r.state IN ('held', 'refused')), 'unexplained', (\(unsafe: unexplained)), 'quota_permille', (\(unsafe: quota)), 'critical', a.critical, 'warnings', a.warnings,
          'connections_down', (SELECT count(*) FROM app.connections c WHERE c.tenant_id = t.tenant_id AND (c.state = 'dead' OR c.down_since IS NOT NULL)),
          'last_event_at', (SELECT \(unsafe: AdminSQL.utc("e.received_at")) FROM app.events e WHERE e.tenant_id = t.tenant_id ORDER BY e.id DESC LIMIT 1),
          'days', (\(unsafe: daily))) AS json
        FROM app.tenants t JOIN app.consultancies k ON k.id = t.consultancy_id LEFT JOIN (\(AlertSurveyStatements.lag())) l ON l.tenant_id = t.tenant_id
        CROSS JOIN LATERAL (
          SELECT count(*) FILTER (WHERE p.state = 'held') AS held, count(*) FILTER (WHERE p.state = 'rejected') AS rejected,
            count(*) FILTER (WHERE p.state = 'unknown') AS unknown, count(*) FILTER (WHERE p.state = 'manual') AS manual
          FROM app.postings p WHERE p.tenant_id = t.tenant_id AND (p.state IN ('held', 'rejected') OR p.state IN ('unknown', 'manual'))) s
        CROSS JOIN LATERAL (
          SELECT count(*) FILTER (WHERE a.severity = 'critical') AS critical, count(*) FILTER (WHERE a.severity = 'warning') AS warnings
          FROM app.alerts a WHERE a.tenant_id = t.tenant_id AND a.state = 'open' AND (a.muted_until IS NULL OR a.muted_until < clock_timestamp())) a
        WHERE t.state <> 'removed' AND \(sees.condition("t")) ORDER BY t.slug, t.tenant_id LIMIT \(ReportLimits.tenants)
        """
    }

    private static let ledgers = """
        SELECT coalesce(json_agg(x.platform ORDER BY x.platform), '[]') FROM (SELECT DISTINCT c.platform FROM app.flows f
          JOIN app.connections c ON c.tenant_id = f.tenant_id AND c.id = f.ledger_id WHERE f.tenant_id = t.tenant_id) x
        """

    private static let unexplained = """
        SELECT coalesce(json_agg(json_build_object('currency', u.currency, 'minor', u.minor) ORDER BY u.currency), '[]') FROM (
          SELECT p.currency, sum(abs(p.unexplained_minor))::bigint AS minor FROM app.proofs p
          WHERE p.tenant_id = t.tenant_id AND p.unexplained_minor <> 0 GROUP BY p.currency) u
        """

    private static let quota = """
        SELECT max(least(1000, b.used::bigint * 1000 / b.amount)) FROM app.budgets b
        WHERE b.tenant_id = t.tenant_id AND b.amount > 0 AND b.window_start + b.window_ms * interval '1 millisecond' > clock_timestamp()
        """

    /// Postings by ledger day, oldest first.
    private static let daily = """
        SELECT json_agg(coalesce(n.n, 0) ORDER BY d.day) FROM generate_series(current_date - 13, current_date, interval '1 day') AS d(day) LEFT JOIN (
          SELECT p.ledger_date, count(*) AS n FROM app.flows f JOIN app.postings p ON p.tenant_id = f.tenant_id AND p.flow_id = f.id
          WHERE f.tenant_id = t.tenant_id AND p.ledger_date >= current_date - 13 AND p.state NOT IN ('superseded', 'skipped') GROUP BY p.ledger_date
        ) n ON n.ledger_date = d.day::date
        """

    /// Of one tenant, day by day up to its last: postings that the ledger has for certain, that are on their way, that are stopped.
    public static func days(_ sees: Visibility, _ tenant: TenantID, count: Int) -> SQL {
        """
        SELECT t.tenant_id, json_build_object('day', d.day::date, 'confirmed', coalesce(n.confirmed, 0), 'moving', coalesce(n.moving, 0),
          'stopped', coalesce(n.stopped, 0)) AS json
        FROM app.tenants t
        CROSS JOIN LATERAL (SELECT coalesce(max(y.last), current_date) AS last FROM app.flows f CROSS JOIN LATERAL (
          SELECT p.ledger_date AS last FROM app.postings p WHERE p.tenant_id = f.tenant_id AND p.flow_id = f.id AND p.ledger_date <= current_date + 1
          ORDER BY p.ledger_date DESC LIMIT 1) y WHERE f.tenant_id = t.tenant_id) x
        CROSS JOIN LATERAL generate_series(x.last - \(Int32(count - 1)), x.last, interval '1 day') AS d(day)
        LEFT JOIN LATERAL (
          SELECT count(*) FILTER (WHERE p.state IN ('confirmed', 'reconciled', 'voided')) AS confirmed,
            count(*) FILTER (WHERE p.state IN ('mapped', 'cleared', 'posting', 'posted', 'gathered')) AS moving,
            count(*) FILTER (WHERE p.state IN ('held', 'rejected', 'unknown', 'manual')) AS stopped
          FROM app.flows f JOIN app.postings p ON p.tenant_id = f.tenant_id AND p.flow_id = f.id
          WHERE f.tenant_id = t.tenant_id AND p.ledger_date = d.day::date) n ON true
        WHERE t.tenant_id = \(tenant) AND \(sees.condition("t")) ORDER BY d.day
        """
    }

    /// What is stopped, by cause and tenant, most first: held postings by check, refused ones by code, orders that can't be planned, events that can't be
    /// read, and what a source is told only once a person has decided. What waits for another document is no cause of its own.
    public static func causes(_ sees: Visibility, tenant: TenantID?) -> SQL {
        var chosen: SQL = "SELECT t.tenant_id, t.slug, t.name FROM app.tenants t WHERE t.state <> 'removed' AND \(sees.condition("t"))"
        if let tenant { chosen += " AND t.tenant_id = \(tenant)" }
        return """
            WITH chosen AS (\(chosen))
            SELECT z.tenant_id, json_build_object('tenant', z.tenant_id, 'tenant_slug', c.slug, 'tenant_name', c.name, 'kind', z.kind, 'code', z.code,
              'count', count(DISTINCT z.item), 'why', mode() WITHIN GROUP (ORDER BY coalesce(z.why, '')),
              'remedy', mode() WITHIN GROUP (ORDER BY coalesce(z.remedy, '')), 'kinds', count(DISTINCT z.why), 'since', \(unsafe: AdminSQL.utc("min(z.at)")),
              'states', (array_agg(DISTINCT z.state))) AS json
            FROM (\(unsafe: stopped)) z JOIN chosen c ON c.tenant_id = z.tenant_id WHERE z.code IS NOT NULL AND z.code <> 'waits_for_original'
            GROUP BY z.tenant_id, c.slug, c.name, z.kind, z.code ORDER BY count(DISTINCT z.item) DESC, z.code, c.slug LIMIT \(FleetLimits.causes)
            """
    }

    private static let stopped = """
        SELECT p.tenant_id, 'posting' AS kind, g->>'check' AS code, p.post_key AS item, g->>'why' AS why, g->>'remedy' AS remedy, p.updated_at AS at, p.state
          FROM chosen JOIN app.postings p USING (tenant_id) CROSS JOIN LATERAL jsonb_array_elements(p.findings) g WHERE p.state IN ('held', 'rejected')
        UNION ALL
        SELECT p.tenant_id, 'posting', g->>'check', p.post_key, g->>'why', g->>'remedy', p.updated_at, p.state
          FROM chosen JOIN app.postings p USING (tenant_id) CROSS JOIN LATERAL jsonb_array_elements(p.findings) g WHERE p.state IN ('unknown', 'manual')
        UNION ALL
        SELECT p.tenant_id, 'posting', p.fault->>'code', p.post_key, p.fault->>'summary', p.fault->>'remedy', p.updated_at, p.state
          FROM chosen JOIN app.postings p USING (tenant_id) WHERE p.state IN ('held', 'rejected') AND p.fault IS NOT NULL AND p.state = 'rejected'
        UNION ALL
        SELECT p.tenant_id, 'posting', p.fault->>'code', p.post_key, p.fault->>'summary', p.fault->>'remedy', p.updated_at, p.state
          FROM chosen JOIN app.postings p USING (tenant_id) WHERE p.state IN ('unknown', 'manual') AND p.fault IS NOT NULL AND p.state = 'unknown'
        UNION ALL
        SELECT c.tenant_id, 'case', c.fault->>'code', c.case_id, c.fault->>'summary', c.fault->>'remedy', c.changed_at, 'held'
          FROM chosen JOIN app.cases c USING (tenant_id) WHERE c.fault IS NOT NULL AND NOT c.dirty
        UNION ALL
        SELECT e.tenant_id, 'event', e.fault->>'code', e.id::text, e.fault->>'summary', e.fault->>'remedy', e.received_at, e.state
          FROM chosen JOIN app.events e USING (tenant_id) WHERE e.state = 'held'
        UNION ALL
        SELECT r.tenant_id, 'reflection', \(AdminReflectionStatements.cause), r.id::text, coalesce(x.why->>'why', x.why->>'summary'), x.why->>'remedy', r.created_at, r.state
          FROM chosen JOIN app.reflections r USING (tenant_id)
          CROSS JOIN LATERAL (SELECT CASE WHEN r.state = 'held' THEN r.finding ELSE r.fault END AS why) x WHERE r.state IN ('held', 'refused')
        """

    /// Postings and reflections that are stopped, and alerts that nobody has acknowledged or muted.
    public static func counts(_ sees: Visibility) -> SQL {
        """
        SELECT (SELECT count(*) FROM app.tenants t JOIN app.postings p ON p.tenant_id = t.tenant_id
            WHERE p.state IN ('held', 'rejected') AND t.state <> 'removed' AND \(sees.condition("t")))
          + (SELECT count(*) FROM app.tenants t JOIN app.postings p ON p.tenant_id = t.tenant_id
            WHERE p.state IN ('unknown', 'manual') AND t.state <> 'removed' AND \(sees.condition("t")))
          + (SELECT count(*) FROM app.tenants t JOIN app.reflections r ON r.tenant_id = t.tenant_id
            WHERE r.state IN ('held', 'refused') AND t.state <> 'removed' AND \(sees.condition("t"))) AS stopped,
          (SELECT count(*) FROM app.tenants t JOIN app.alerts a ON a.tenant_id = t.tenant_id WHERE a.state = 'open' AND a.acknowledged_at IS NULL
            AND (a.muted_until IS NULL OR a.muted_until < clock_timestamp()) AND \(sees.condition("t"))) AS alerts
        """
    }

    /// For each tenant a text that is another one once anything of it changed. Every change has its row in the trail; of a row that is committed after
    /// others that were begun later the sum of the last ones tells.
    public static func marks() -> SQL {
        """
        SELECT t.tenant_id, t.consultancy_id, t.state || ' ' || coalesce(x.mark, '') || ' ' || coalesce(a.mark, '') AS mark FROM app.tenants t
        LEFT JOIN LATERAL (SELECT max(y.id) || '/' || sum(y.id) AS mark FROM (
          SELECT u.id FROM app.audit u WHERE u.tenant_id = t.tenant_id ORDER BY u.id DESC LIMIT 24) y) x ON true
        LEFT JOIN LATERAL (SELECT count(*) || '/' || max(w.last_at) AS mark FROM app.alerts w WHERE w.tenant_id = t.tenant_id AND w.state = 'open') a ON true
        ORDER BY t.tenant_id LIMIT \(ReportLimits.tenants)
        """
    }

    /// Documents that a posting stands for.
    public static func documents(_ tenant: TenantID, _ key: PostKey) -> SQL {
        """
        SELECT d.tenant_id, json_build_object('id', d.id, 'kind', d.kind, 'source_id', d.source_id, 'happened_at', \(unsafe: AdminSQL.utc("d.happened_at"))) AS json
        FROM app.posting_documents pd JOIN app.postings p ON p.tenant_id = pd.tenant_id AND p.post_key = pd.post_key
        JOIN app.documents d ON d.tenant_id = pd.tenant_id AND d.flow_id = p.flow_id AND d.source_id = pd.source_id
        WHERE pd.tenant_id = \(tenant) AND pd.post_key = \(key.text) ORDER BY d.kind, d.source_id LIMIT \(Limits.pageRows)
        """
    }
}

enum FleetLimits {
    static let causes = 500
}

/// What changed of a tenant, as `FleetStatements.marks` tells.
public struct TenantMark: Sendable, Equatable {
    public var tenant: TenantID
    public var consultancy: ConsultancyID
    public var mark: String
}

extension Store {
    public func fleet(_ sees: Visibility) async throws(Fault) -> [AdminRow] { try await adminRows(FleetStatements.tenants(sees)) }

    /// - Parameter count: days, 1 ... 366.
    public func days(_ sees: Visibility, _ tenant: TenantID, count: Int) async throws(Fault) -> [AdminRow] {
        try await adminRows(FleetStatements.days(sees, tenant, count: count))
    }

    public func causes(_ sees: Visibility, tenant: TenantID?) async throws(Fault) -> [AdminRow] {
        try await adminRows(FleetStatements.causes(sees, tenant: tenant))
    }

    public func consoleCounts(_ sees: Visibility) async throws(Fault) -> (stopped: Int, alerts: Int) {
        guard let row = try await looks.query(FleetStatements.counts(sees)).first else { return (0, 0) }
        return (Int(try row.get("stopped", as: Int64.self)), Int(try row.get("alerts", as: Int64.self)))
    }

    public func marks() async throws(Fault) -> [TenantMark] {
        var out: [TenantMark] = []
        for row in try await looks.query(FleetStatements.marks()) {
            out.append(TenantMark(tenant: try row.get("tenant_id"), consultancy: try row.get("consultancy_id"), mark: try row.get("mark")))
        }
        return out
    }

    public func documents(_ tenant: TenantID, of key: PostKey) async throws(Fault) -> [AdminRow] {
        try await adminRows(FleetStatements.documents(tenant, key))
    }
}
