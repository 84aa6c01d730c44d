public import Kernel
public import Postgres

/// Where a source that fetches its list is told that there is more.
public struct ReflectionBell: Sendable, Equatable {
    public var tenant: TenantID
    public var connection: ConnectionID
    public var url: String
    /// Sealed for whoever delivers.
    public var secret: [UInt8]
    /// The last place that was rung for, and heard.
    public var after: Int64
    /// The last place there is.
    public var newest: Int64
    /// Tries since then, with the one under way.
    public var attempts: Int

    public init(tenant: TenantID, connection: ConnectionID, url: String, secret: [UInt8], after: Int64, newest: Int64, attempts: Int) {
        self.tenant = tenant
        self.connection = connection
        self.url = url
        self.secret = secret
        self.after = after
        self.newest = newest
        self.attempts = attempts
    }

    /// What binds the sealed secret to its connection.
    public static func context(_ tenant: TenantID, _ connection: ConnectionID) -> [UInt8] { Array("reflection bell \(tenant) \(connection)".utf8) }
}

public enum ReflectionBellStatements {
    /// Where all of them ring.
    public static func addresses() -> SQL { "SELECT DISTINCT b.url FROM app.reflection_bells b ORDER BY b.url" }

    /// The next whose source has not heard of all that is in its list, put off for as long as a try may take: whoever takes one and dies has lost only that time.
    /// Connections that only take what they are sent stay `new`.
    static func claim(limit: Int, for patience: Duration) -> SQL {
        """
        UPDATE app.reflection_bells b SET attempts = b.attempts + 1, next_at = clock_timestamp() + \(patience.wholeMilliseconds) * interval '1 millisecond'
        FROM (SELECT b.tenant_id, b.connection_id, n.newest FROM app.reflection_bells b
          JOIN app.connections c ON c.tenant_id = b.tenant_id AND c.id = b.connection_id AND c.state IN ('new', 'live')
          JOIN app.tenants t ON t.tenant_id = b.tenant_id AND t.state = 'active'
          CROSS JOIN LATERAL (SELECT max(r.seq) AS newest FROM app.reflections r WHERE r.tenant_id = b.tenant_id AND r.connection_id = b.connection_id) n
          WHERE b.next_at <= clock_timestamp() AND n.newest > b.rung_seq
          ORDER BY b.next_at LIMIT \(limit) FOR UPDATE OF b SKIP LOCKED) x
        WHERE b.tenant_id = x.tenant_id AND b.connection_id = x.connection_id
        RETURNING b.tenant_id, b.connection_id, b.url, b.secret, b.rung_seq, x.newest, b.attempts
        """
    }

    /// It was heard. A bell that leads elsewhere by now has not been rung there.
    static func heard(_ bell: ReflectionBell, outcome: String) -> SQL {
        """
        UPDATE app.reflection_bells SET rung_seq = greatest(rung_seq, \(bell.newest)), rung_at = clock_timestamp(), attempts = 0, next_at = clock_timestamp(),
          outcome = \(outcome)
        WHERE tenant_id = \(bell.tenant) AND connection_id = \(bell.connection) AND url = \(bell.url) AND secret = \(bell.secret)
        """
    }

    static func later(_ bell: ReflectionBell, by delay: Duration, outcome: String) -> SQL {
        """
        UPDATE app.reflection_bells SET outcome = \(outcome), next_at = clock_timestamp() + \(delay.wholeMilliseconds) * interval '1 millisecond'
        WHERE tenant_id = \(bell.tenant) AND connection_id = \(bell.connection) AND url = \(bell.url) AND secret = \(bell.secret)
        """
    }

    // MARK: For people

    /// With what is still to be heard, and without the secret.
    public static func one(_ tenant: TenantID, _ connection: ConnectionID) -> SQL {
        """
        SELECT b.tenant_id, json_build_object('connection', b.connection_id, 'url', b.url, 'secret', json_build_object('present', true), 'heard_seq', b.rung_seq,
          'newest_seq', coalesce((SELECT max(r.seq) FROM app.reflections r WHERE r.tenant_id = b.tenant_id AND r.connection_id = b.connection_id), 0),
          'heard_at', \(unsafe: AdminSQL.utc("b.rung_at")), 'attempts', b.attempts, 'outcome', b.outcome, 'actor', b.actor,
          'updated_at', \(unsafe: AdminSQL.utc("b.updated_at"))) AS json
        FROM app.reflection_bells b WHERE b.tenant_id = \(tenant) AND b.connection_id = \(connection)
        """
    }

    /// Rung at once where the list has what was not heard of. A bell that moves keeps its place.
    public static func put(_ tenant: TenantID, _ connection: ConnectionID, url: String, secret: [UInt8], actor: String) -> SQL {
        """
        INSERT INTO app.reflection_bells AS b (tenant_id, connection_id, url, secret, actor) VALUES (\(tenant), \(connection), \(url), \(secret), \(actor))
        ON CONFLICT (tenant_id, connection_id) DO UPDATE SET url = EXCLUDED.url, secret = EXCLUDED.secret, actor = EXCLUDED.actor, attempts = 0, outcome = NULL,
          next_at = clock_timestamp(), updated_at = clock_timestamp()
        """
    }

    public static func remove(_ tenant: TenantID, _ connection: ConnectionID) -> SQL {
        "DELETE FROM app.reflection_bells WHERE tenant_id = \(tenant) AND connection_id = \(connection)"
    }
}

extension Store {
    public func bellAddresses() async throws(Fault) -> [String] {
        var out: [String] = []
        for row in try await pool.query(ReflectionBellStatements.addresses()) { out.append(try row.get("url")) }
        return out
    }

    public func claimBells(limit: Int, for patience: Duration) async throws(Fault) -> [ReflectionBell] {
        var out: [ReflectionBell] = []
        for row in try await pool.query(ReflectionBellStatements.claim(limit: limit, for: patience)) {
            out.append(ReflectionBell(
                tenant: try row.get("tenant_id"), connection: try row.get("connection_id"), url: try row.get("url"), secret: try row.get("secret"),
                after: try row.get("rung_seq"), newest: try row.get("newest"), attempts: Int(try row.get("attempts", as: Int32.self))))
        }
        return out
    }

    /// - Parameter again: when it is tried next; `nil`: it was heard.
    public func settle(_ bell: ReflectionBell, again: Duration?, outcome: String) async throws(Fault) {
        let sql = again.map { ReflectionBellStatements.later(bell, by: $0, outcome: outcome) } ?? ReflectionBellStatements.heard(bell, outcome: outcome)
        _ = try await pool.query(sql)
    }

    public func adminBell(_ tenant: TenantID, _ connection: ConnectionID) async throws(Fault) -> AdminRow? {
        try await adminRow(ReflectionBellStatements.one(tenant, connection))
    }
}
