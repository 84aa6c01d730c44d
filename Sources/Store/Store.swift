public import Kernel
public import Postgres

/// The one place that holds SQL. A `Store` is a pool and the statements that run on it, one file per table.
/// A worker's store logs in as its tenant; the control plane's and the scheduler's as the supervisor.
public struct Store: Sendable {
    public let pool: PostgresPool
    /// For what people look at: connections of its own, so that no page keeps a delivery or a change waiting, and a time after which a look is given up.
    public let looks: PostgresPool

    /// - Parameter looks: the same as `pool` when nobody looks.
    public init(_ pool: PostgresPool, looks: PostgresPool? = nil) {
        self.pool = pool
        self.looks = looks ?? pool
    }

    /// All or nothing. The statements of the closure run in order on one connection.
    /// - Throws: what the closure throws, or the database's faults; `commit_unknown` when the answer to COMMIT was lost.
    public func transaction<T: Sendable>(_ body: @Sendable (PostgresTransaction) async throws(Fault) -> T) async throws(Fault) -> T {
        try await pool.transaction(body)
    }
}

/// One row of the audit trail, written in the transaction of the change itself.
public struct AuditEntry: Sendable {
    public var actor: String
    /// From the closed list in Telemetry: `posting.posted`.
    public var action: String
    public var subject: String
    /// JSON object; never a secret, never a raw body.
    public var detail: [UInt8]

    public init(actor: String, action: String, subject: String, detail: [UInt8] = Array("{}".utf8)) {
        self.actor = actor
        self.action = action
        self.subject = subject
        self.detail = detail
    }
}

extension PostgresTransaction {
    /// Adds audit rows to the transaction.
    public func audit(_ tenant: TenantID, _ entries: [AuditEntry]) async throws(Fault) {
        guard !entries.isEmpty else { return }
        _ = try await query(AuditStatements.insert(tenant, entries))
    }
}

public enum AuditStatements {
    public static func insert(_ tenant: TenantID, _ entries: [AuditEntry]) -> SQL {
        """
        INSERT INTO app.audit (tenant_id, actor, action, subject, detail)
        SELECT \(tenant), a, b, c, d FROM unnest(\(entries.map(\.actor)), \(entries.map(\.action)), \(entries.map(\.subject)),
          \(entries.map { PostgresJSON($0.detail) })) AS t(a, b, c, d)
        """
    }
}
