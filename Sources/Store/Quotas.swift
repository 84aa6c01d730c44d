public import Kernel
public import Postgres

/// A budget of a connection as it stands: what is used of it in the window that runs, by whose word.
public struct QuotaRow: Sendable, Equatable {
    public var tenant: TenantID
    public var connection: ConnectionID
    public var slug: String
    public var platform: String
    public var name: String
    public var amount: Int
    public var window: Duration
    public var windowStart: Timestamp
    /// In this window; 0 once it has turned.
    public var used: Int
    /// Nothing is asked before then: the platform said so, or it does not answer.
    public var pausedUntil: Timestamp?
    /// What the platform's headers last said is left, and when.
    public var saidRemaining: Int?
    public var saidAt: Timestamp?

    public init(
        tenant: TenantID, connection: ConnectionID, slug: String, platform: String, name: String, amount: Int, window: Duration, windowStart: Timestamp, used: Int,
        pausedUntil: Timestamp? = nil, saidRemaining: Int? = nil, saidAt: Timestamp? = nil
    ) {
        self.tenant = tenant
        self.connection = connection
        self.slug = slug
        self.platform = platform
        self.name = name
        self.amount = amount
        self.window = window
        self.windowStart = windowStart
        self.used = used
        self.pausedUntil = pausedUntil
        self.saidRemaining = saidRemaining
        self.saidAt = saidAt
    }

    public var resetsAt: Timestamp { windowStart + window }
    /// The platform has told in this window how much is left; else what is used is our own count.
    public var isPlatformsWord: Bool { saidAt.map { $0 >= windowStart } ?? false }
}

public enum QuotaStatements {
    private static let columns = """
        b.tenant_id, b.connection_id, c.slug, c.platform, b.name, b.amount, b.window_ms, b.window_start,
          CASE WHEN b.window_start + b.window_ms * interval '1 millisecond' <= clock_timestamp() THEN 0 ELSE b.used END AS used,
          CASE WHEN b.paused_until > clock_timestamp() THEN b.paused_until END AS paused_until, b.said_remaining, b.said_at
        """

    static func of(_ tenant: TenantID, _ connection: ConnectionID) -> SQL {
        """
        SELECT \(unsafe: columns) FROM app.budgets b JOIN app.connections c ON c.tenant_id = b.tenant_id AND c.id = b.connection_id
        WHERE b.tenant_id = \(tenant) AND b.connection_id = \(connection) ORDER BY b.window_ms, b.name
        """
    }

    /// Budgets of which a good part is used, and long ones whose calls a platform that answers refuses for minutes to come, over all active tenants.
    static func spent() -> SQL {
        """
        SELECT \(unsafe: columns) FROM app.budgets b JOIN app.connections c ON c.tenant_id = b.tenant_id AND c.id = b.connection_id
        JOIN app.tenants t ON t.tenant_id = b.tenant_id
        WHERE t.state = 'active' AND c.state = 'live' AND b.amount > 0
          AND ((b.used * 2 >= b.amount AND b.window_start + b.window_ms * interval '1 millisecond' > clock_timestamp())
            OR (b.paused_until > clock_timestamp() + interval '5 minutes' AND b.window_ms >= 3600000 AND c.down_since IS NULL))
        ORDER BY b.tenant_id, b.connection_id, b.name
        """
    }

    /// The fullest budget of each platform and name, as thousandths: what the gauges show names no tenant.
    static func fullest() -> SQL {
        """
        SELECT c.platform || '/' || b.name AS label, max(least(1000, b.used::bigint * 1000 / b.amount)) AS value
        FROM app.budgets b JOIN app.connections c ON c.tenant_id = b.tenant_id AND c.id = b.connection_id
        WHERE b.amount > 0 AND b.window_start + b.window_ms * interval '1 millisecond' > clock_timestamp() GROUP BY 1
        """
    }

    /// Budgets that all connections of the operator's app share. For the operator's eyes: they tell of other tenants.
    static func ofApp(_ platform: String) -> SQL {
        """
        SELECT name, amount, window_ms, window_start,
          CASE WHEN window_start + window_ms * interval '1 millisecond' <= clock_timestamp() THEN 0 ELSE used END AS used
        FROM adm.app_budgets WHERE platform = \(platform) ORDER BY window_ms, name
        """
    }
}

extension QuotaRow {
    init(_ row: PostgresRow) throws(Fault) {
        let said: Int32? = try row.get("said_remaining")
        self.init(
            tenant: try row.get("tenant_id"), connection: try row.get("connection_id"), slug: try row.get("slug"), platform: try row.get("platform"),
            name: try row.get("name"), amount: Int(try row.get("amount", as: Int32.self)), window: .milliseconds(try row.get("window_ms", as: Int64.self)),
            windowStart: try row.get("window_start"), used: Int(try row.get("used", as: Int32.self)), pausedUntil: try row.get("paused_until"),
            saidRemaining: said.map { Int($0) }, saidAt: try row.get("said_at"))
    }
}

extension PostgresTransaction {
    public func spentQuotas() async throws(Fault) -> [QuotaRow] {
        var out: [QuotaRow] = []
        for row in try await query(QuotaStatements.spent()) { out.append(try QuotaRow(row)) }
        return out
    }
}

extension Store {
    public func quotas(_ tenant: TenantID, _ connection: ConnectionID) async throws(Fault) -> [QuotaRow] {
        var out: [QuotaRow] = []
        for row in try await pool.query(QuotaStatements.of(tenant, connection)) { out.append(try QuotaRow(row)) }
        return out
    }

    /// Name, amount, window, its start and what is used.
    public func appQuotas(_ platform: String) async throws(Fault) -> [(name: String, amount: Int, window: Duration, windowStart: Timestamp, used: Int)] {
        var out: [(name: String, amount: Int, window: Duration, windowStart: Timestamp, used: Int)] = []
        for row in try await pool.query(QuotaStatements.ofApp(platform)) {
            out.append((
                try row.get("name"), Int(try row.get("amount", as: Int32.self)), .milliseconds(try row.get("window_ms", as: Int64.self)),
                try row.get("window_start"), Int(try row.get("used", as: Int32.self))))
        }
        return out
    }
}
