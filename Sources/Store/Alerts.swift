public import Kernel
public import Postgres

/// One cause that somebody should know of; raised again it counts up.
public struct AlertRow: Sendable {
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

public enum AlertStatements {
    public static func raise(_ tenant: TenantID, _ alerts: [AlertRow]) -> SQL {
        """
        INSERT INTO app.alerts AS a (tenant_id, key, severity, cause, remedy)
        SELECT DISTINCT ON (k) \(tenant), k, s, c, r FROM unnest(\(alerts.map(\.key)), \(alerts.map(\.severity.rawValue)), \(alerts.map(\.cause)),
          \(alerts.map(\.remedy))) AS t(k, s, c, r)
        ON CONFLICT (tenant_id, key) DO UPDATE SET severity = EXCLUDED.severity, cause = EXCLUDED.cause, remedy = EXCLUDED.remedy,
          state = 'open', hits = a.hits + 1, last_at = clock_timestamp(), resolved_at = NULL
        """
    }

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
