public import Kernel
public import Postgres

/// One cause that somebody should know of; raised again it counts up.
public struct AlertRow: Sendable, Equatable {
    public enum Severity: String, Sendable { case information, warning, critical }
    public var key: String
    public var severity: Severity
    public var cause: String
    public var remedy: String
    /// What its end is told by: a JSON object, whose `was` stands for as long as the alert is open. `nil`: nothing.
    public var detail: [UInt8]?

    public init(key: String, severity: Severity, cause: String, remedy: String, detail: [UInt8]? = nil) {
        self.key = key
        self.severity = severity
        self.cause = cause
        self.remedy = remedy
        self.detail = detail
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
    public static func company(_ connection: ConnectionID) -> String { "company/\(connection)" }
    public static func quota(_ connection: ConnectionID, _ budget: String) -> String { "quota/\(connection)/\(budget)" }
    /// Of the operator's app, over all tenants.
    public static func appQuota(_ platform: String, _ budget: String) -> String { "quota/app/\(platform)/\(budget)" }
    public static func quotaSpent(_ connection: ConnectionID, _ budget: String) -> String { "quota_spent/\(connection)/\(budget)" }
    public static func attachment(_ connection: ConnectionID) -> String { "attachment/\(connection)" }
    public static func reflection(_ flow: FlowID) -> String { "reflection/\(flow)" }
    public static func returnsDiffer(_ flow: FlowID) -> String { "returns_differ/\(flow)" }
    public static func silent(_ connection: ConnectionID) -> String { "silent/\(connection)" }
    public static func down(_ connection: ConnectionID) -> String { "down/\(connection)" }
    /// - remoteID: the account's own id in the ledger.
    public static func account(_ connection: ConnectionID, _ remoteID: String) -> String { "account/\(connection)/\(remoteID)" }
    public static func orphaned(_ connection: ConnectionID) -> String { "orphaned/\(connection)" }
    /// - code: of the fault by which a tenant's configuration can't be used.
    public static func configuration(_ code: String) -> String { "configuration/\(code)" }
    /// Of a batch that a person imported.
    public static func differsByHand(_ batch: BatchID) -> String { "differs_by_hand/\(batch)" }
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
        INSERT INTO app.alerts AS a (tenant_id, key, severity, cause, remedy, detail)
        SELECT DISTINCT ON (k) \(tenant), k, s, c, r, d::jsonb FROM unnest(\(alerts.map(\.key)), \(alerts.map(\.severity.rawValue)), \(alerts.map(\.cause)),
          \(alerts.map(\.remedy)), \(alerts.map { $0.detail.map { String(decoding: $0, as: UTF8.self) } ?? "{}" })) AS t(k, s, c, r, d)
        ON CONFLICT (tenant_id, key) DO UPDATE SET severity = EXCLUDED.severity, cause = EXCLUDED.cause, remedy = EXCLUDED.remedy,
          state = 'open', set_aside = false, hits = a.hits + 1, last_at = clock_timestamp(), resolved_at = NULL,
          detail = EXCLUDED.detail || CASE WHEN a.state = 'open' AND a.detail ? 'was' THEN jsonb_build_object('was', a.detail->'was') ELSE '{}' END,
          \(unsafe: opensAgain)
        """
    }

    /// What the ends of open alerts are told by.
    public static func details(_ tenant: TenantID, keyPrefix: String) -> SQL {
        "SELECT key, detail FROM app.alerts WHERE tenant_id = \(tenant) AND starts_with(key, \(keyPrefix)) AND (state = 'open' OR set_aside)"
    }

    /// What changes of a row `a` that was resolved, and of one that is worse by now: what was acknowledged as less is not acknowledged as that.
    static let opensAgain = again("a.state = 'resolved'", or: worse("EXCLUDED.severity"))

    static func again(_ opens: String, or worse: String) -> String {
        """
        episode = a.episode + CASE WHEN \(opens) THEN 1 ELSE 0 END,
          opened_at = CASE WHEN \(opens) THEN clock_timestamp() ELSE a.opened_at END, \(unacknowledged("\(opens) OR \(worse)"))
        """
    }

    /// Whether this severity is above that of the row `a`.
    static func worse(_ severity: String) -> String {
        "array_position(ARRAY['information', 'warning', 'critical'], \(severity)) > array_position(ARRAY['information', 'warning', 'critical'], a.severity)"
    }

    static func unacknowledged(_ condition: String) -> String {
        """
        acknowledged_at = CASE WHEN \(condition) THEN NULL ELSE a.acknowledged_at END,
          acknowledged_by = CASE WHEN \(condition) THEN NULL ELSE a.acknowledged_by END
        """
    }

    public static func resolve(_ tenant: TenantID, keyPrefix: String) -> SQL {
        """
        UPDATE app.alerts SET state = 'resolved', resolved_at = clock_timestamp(), set_aside = false
        WHERE tenant_id = \(tenant) AND starts_with(key, \(keyPrefix)) AND (state = 'open' OR set_aside)
        """
    }
}

extension AlertStatements {
    public static func resolve(_ tenant: TenantID, keys: [String]) -> SQL {
        """
        UPDATE app.alerts SET state = 'resolved', resolved_at = clock_timestamp(), set_aside = false
        WHERE tenant_id = \(tenant) AND key = ANY (\(keys)) AND (state = 'open' OR set_aside)
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

    /// Of open alerts, by key.
    public func alertDetails(_ tenant: TenantID, keyPrefix: String) async throws(Fault) -> [String: [UInt8]] {
        var out: [String: [UInt8]] = [:]
        for row in try await pool.query(AlertStatements.details(tenant, keyPrefix: keyPrefix)) {
            out[try row.get("key", as: String.self)] = try row.get("detail", as: PostgresJSON.self).bytes
        }
        return out
    }

    public func resolveAlerts(_ tenant: TenantID, keys: [String]) async throws(Fault) {
        if !keys.isEmpty { _ = try await pool.query(AlertStatements.resolve(tenant, keys: keys)) }
    }

    public func resolveAlerts(_ tenant: TenantID, keyPrefix: String) async throws(Fault) {
        _ = try await pool.query(AlertStatements.resolve(tenant, keyPrefix: keyPrefix))
    }
}
