public import FoundationEssentials
public import Kernel
public import Postgres

/// Which alerts.
public struct AlertFilter: Sendable {
    public var tenant: TenantID?
    /// `open`, `acknowledged`, `muted`, `resolved`, or `unresolved` for the first three.
    public var state: String?
    public var severity: String?
    public var cause: String?

    public init(tenant: TenantID? = nil, state: String? = nil, severity: String? = nil, cause: String? = nil) {
        self.tenant = tenant
        self.state = state
        self.severity = severity
        self.cause = cause
    }
}

public enum AdminAlertStatements {
    /// What people see of it: muted comes before acknowledged, for it ends by itself.
    static let state = """
        CASE WHEN a.state = 'resolved' THEN 'resolved' WHEN a.muted_until > clock_timestamp() THEN 'muted'
          WHEN a.acknowledged_at IS NOT NULL THEN 'acknowledged' ELSE 'open' END
        """

    /// `held`, `credential`, `lag` …: the key's first word.
    static let kind = "split_part(a.key, '/', 1)"

    static let alert = """
        json_build_object('id', a.id, 'tenant', a.tenant_id, 'tenant_slug', coalesce(t.slug, 'operator'), 'key', a.key, 'cause', \(kind), 'severity', a.severity,
          'summary', a.cause, 'remedy', a.remedy, 'state', \(state), 'count', coalesce(a.items, a.hits), 'hits', a.hits, 'episode', a.episode,
          'first_at', \(AdminSQL.utc("a.first_at")), 'opened_at', \(AdminSQL.utc("a.opened_at")), 'last_at', \(AdminSQL.utc("a.last_at")),
          'resolved_at', \(AdminSQL.utc("a.resolved_at")), 'acknowledged_at', \(AdminSQL.utc("a.acknowledged_at")), 'acknowledged_by', a.acknowledged_by,
          'muted_until', CASE WHEN a.muted_until > clock_timestamp() THEN \(AdminSQL.utc("a.muted_until")) END,
          'muted_by', CASE WHEN a.muted_until > clock_timestamp() THEN a.muted_by END, 'note', a.note)
        """

    public static func list(_ sees: Visibility, _ filter: AlertFilter, _ page: PageRequest) -> SQL {
        var sql: SQL = """
            SELECT a.tenant_id, \(unsafe: alert) AS json, ARRAY[a.tenant_id::text, a.key] AS cursor
            FROM app.alerts a LEFT JOIN app.tenants t ON t.tenant_id = a.tenant_id
            WHERE \(sees.condition("t")) AND (a.tenant_id::text, a.key) > (\(page.text(0)), \(page.text(1)))
            """
        if let tenant = filter.tenant { sql += " AND a.tenant_id = \(tenant)" }
        if let state = filter.state {
            if state == "unresolved" { sql += " AND a.state = 'open'" } else { sql += " AND (\(unsafe: AdminAlertStatements.state)) = \(state)" }
        }
        if let severity = filter.severity { sql += " AND a.severity = \(severity)" }
        if let cause = filter.cause { sql += " AND \(unsafe: kind) = \(cause)" }
        return sql + " ORDER BY a.tenant_id::text, a.key LIMIT \(page.limit)"
    }

    public static func one(_ id: UUID, _ sees: Visibility) -> SQL {
        """
        SELECT a.tenant_id, \(unsafe: alert) AS json FROM app.alerts a LEFT JOIN app.tenants t ON t.tenant_id = a.tenant_id
        WHERE a.id = \(id) AND \(sees.condition("t"))
        """
    }

    /// The first acknowledgement stands; none of what is resolved. What only a person can tell to be over is over with it.
    public static func acknowledge(_ tenant: TenantID, _ id: UUID, by actor: String, note: String?) -> SQL {
        """
        UPDATE app.alerts SET acknowledged_at = coalesce(acknowledged_at, clock_timestamp()), acknowledged_by = coalesce(acknowledged_by, \(actor)),
          note = coalesce(\(note), note), state = CASE WHEN \(unsafe: endsByWord) THEN 'resolved' ELSE state END,
          resolved_at = CASE WHEN \(unsafe: endsByWord) THEN clock_timestamp() END
        WHERE tenant_id = \(tenant) AND id = \(id) AND state = 'open'
        """
    }

    /// A file that was imported twice is seen in the ledger alone; one that was refused beside a document stays refused; an account or company that is called something else is the one that is meant, or it is not.
    private static let endsByWord = "(key LIKE 'differs_by_hand/%' OR key LIKE 'attachment/%' OR key LIKE 'company/%' OR (key LIKE 'account/%' AND detail ? 'was' AND NOT detail ? 'gone'))"

    public static func mute(_ tenant: TenantID, _ id: UUID, until: Timestamp, by actor: String, note: String?) -> SQL {
        """
        UPDATE app.alerts SET muted_until = \(until), muted_by = \(actor), note = coalesce(\(note), note) WHERE tenant_id = \(tenant) AND id = \(id)
        """
    }

    public static func unmute(_ tenant: TenantID, _ id: UUID) -> SQL {
        """
        UPDATE app.alerts SET muted_until = NULL, muted_by = NULL WHERE tenant_id = \(tenant) AND id = \(id) AND muted_until > clock_timestamp()
        """
    }

    // MARK: Gauges, which name no tenant

    static func openByCause() -> SQL {
        "SELECT \(unsafe: kind) || '/' || a.severity AS label, count(*) AS value FROM app.alerts a WHERE a.state = 'open' GROUP BY 1"
    }

    static func deliveries() -> SQL {
        """
        SELECT d.kind || '/' || d.state AS label, count(*) AS value FROM app.alert_deliveries d
        WHERE d.state = 'waiting' OR d.settled_at > clock_timestamp() - interval '1 hour' GROUP BY 1
        """
    }

    /// Seconds that the oldest waiting work of any tenant waits, and how many tenants' oldest waits over five minutes.
    static func lag() -> SQL {
        """
        SELECT 'worst' AS label, coalesce(ceil(max(extract(epoch FROM clock_timestamp() - x.since))), 0)::bigint AS value FROM (\(AlertSurveyStatements.lag())) x
        UNION ALL
        SELECT 'tenants', count(*) FROM (\(AlertSurveyStatements.lag())) x WHERE x.since < clock_timestamp() - interval '5 minutes'
        """
    }

    static func down() -> SQL {
        """
        SELECT c.platform AS label, count(*) AS value FROM app.connections c WHERE c.state = 'live' AND c.down_since IS NOT NULL GROUP BY 1
        """
    }
}

extension Store {
    public func adminAlerts(_ sees: Visibility, _ filter: AlertFilter = AlertFilter(), _ page: PageRequest) async throws(Fault) -> [AdminRow] {
        try await adminRows(AdminAlertStatements.list(sees, filter, page))
    }

    public func adminAlert(_ id: UUID, _ sees: Visibility) async throws(Fault) -> AdminRow? { try await adminRow(AdminAlertStatements.one(id, sees)) }
}
