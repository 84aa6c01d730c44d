public import Kernel
public import Postgres

/// One cause that somebody should know of; raised again it counts up.
public struct AlertRow: Sendable, Equatable {
    public enum Severity: String, Sendable { case information, warning, critical }
    public var key: String
    public var severity: Severity
    public var cause: String
    public var remedy: String

    public init(key: String, severity: Severity, cause: String, remedy: String) {
        self.key = key
        self.severity = severity
        self.cause = cause
        self.remedy = remedy
    }
}

/// Checks that hold what may well come by itself: only what stays held for a day is for people.
public enum PatientChecks {
    public static let names: Set<String> = ["waits_for_return", "waits_for_closing", "waits_for_money"]
}

/// What groups alerts: one key a cause, not a document. Its first word says what kind of cause it is.
public enum AlertKey {
    /// - cause: what is to be mended, where the check finds several things.
    public static func held(_ flow: FlowID, _ check: String, _ cause: String? = nil) -> String { "held/\(flow)/\(check)" + (cause.map { "/\($0)" } ?? "") }
    public static func rejected(_ flow: FlowID, _ code: String) -> String { "rejected/\(flow)/\(code)" }
    public static func unknown(_ flow: FlowID) -> String { "unknown/\(flow)" }
    public static func variance(_ flow: FlowID, _ field: String) -> String { "variance/\(flow)/\(field)" }
    public static func event(_ connection: ConnectionID, _ code: String) -> String { "event/\(connection)/\(code)" }
    public static func fetch(_ connection: ConnectionID, _ code: String) -> String { "fetch/\(connection)/\(code)" }
    public static func credential(_ connection: ConnectionID) -> String { "credential/\(connection)" }
    public static func quota(_ connection: ConnectionID, _ budget: String) -> String { "quota/\(connection)/\(budget)" }
    public static func quotaSpent(_ connection: ConnectionID, _ budget: String) -> String { "quota_spent/\(connection)/\(budget)" }
    public static func attachment(_ connection: ConnectionID) -> String { "attachment/\(connection)" }
    public static func reflection(_ flow: FlowID) -> String { "reflection/\(flow)" }
    public static func returnsDiffer(_ flow: FlowID) -> String { "returns_differ/\(flow)" }
    public static func silent(_ connection: ConnectionID) -> String { "silent/\(connection)" }
    public static func down(_ connection: ConnectionID) -> String { "down/\(connection)" }
    /// - remoteID: the account's own id in the ledger.
    public static func account(_ connection: ConnectionID, _ remoteID: String) -> String { "account/\(connection)/\(remoteID)" }
    public static func orphaned(_ connection: ConnectionID) -> String { "orphaned/\(connection)" }
    public static let lag = "lag/work"
    public static let crash = "crash/worker"
    /// - what: the first word of what was in hand: `event`, `case`, `posting`.
    public static func documentQuarantined(_ what: String) -> String { "document_quarantined/\(what)" }
    public static func undelivered(_ route: String) -> String { "undelivered/\(route)" }
}

public enum AlertStatements {
    /// What is open counts up; what was resolved opens again, as the same group, and nobody has acknowledged that yet.
    public static func raise(_ tenant: TenantID, _ alerts: [AlertRow]) -> SQL {
        """
        INSERT INTO app.alerts AS a (tenant_id, key, severity, cause, remedy)
        SELECT DISTINCT ON (k) \(tenant), k, s, c, r FROM unnest(\(alerts.map(\.key)), \(alerts.map(\.severity.rawValue)), \(alerts.map(\.cause)),
          \(alerts.map(\.remedy))) AS t(k, s, c, r)
        ON CONFLICT (tenant_id, key) DO UPDATE SET severity = EXCLUDED.severity, cause = EXCLUDED.cause, remedy = EXCLUDED.remedy,
          state = 'open', hits = a.hits + 1, last_at = clock_timestamp(), resolved_at = NULL, \(unsafe: opensAgain)
        """
    }

    /// What changes of a row `a` that was resolved.
    static let opensAgain = """
        episode = a.episode + CASE WHEN a.state = 'resolved' THEN 1 ELSE 0 END,
          opened_at = CASE WHEN a.state = 'resolved' THEN clock_timestamp() ELSE a.opened_at END,
          acknowledged_at = CASE WHEN a.state = 'resolved' THEN NULL ELSE a.acknowledged_at END,
          acknowledged_by = CASE WHEN a.state = 'resolved' THEN NULL ELSE a.acknowledged_by END
        """

    public static func resolve(_ tenant: TenantID, keyPrefix: String) -> SQL {
        """
        UPDATE app.alerts SET state = 'resolved', resolved_at = clock_timestamp()
        WHERE tenant_id = \(tenant) AND starts_with(key, \(keyPrefix)) AND state = 'open'
        """
    }
}

extension AlertStatements {
    public static func resolve(_ tenant: TenantID, keys: [String]) -> SQL {
        """
        UPDATE app.alerts SET state = 'resolved', resolved_at = clock_timestamp()
        WHERE tenant_id = \(tenant) AND key = ANY (\(keys)) AND state = 'open'
        """
    }
}

extension PostgresTransaction {
    public func raise(_ tenant: TenantID, _ alerts: [AlertRow]) async throws(Fault) {
        guard !alerts.isEmpty else { return }
        _ = try await query(AlertStatements.raise(tenant, alerts))
    }
}

extension Store {
    public func raise(_ tenant: TenantID, _ alerts: [AlertRow]) async throws(Fault) {
        guard !alerts.isEmpty else { return }
        _ = try await pool.query(AlertStatements.raise(tenant, alerts))
    }

    public func resolveAlerts(_ tenant: TenantID, keyPrefix: String) async throws(Fault) {
        _ = try await pool.query(AlertStatements.resolve(tenant, keyPrefix: keyPrefix))
    }
}
