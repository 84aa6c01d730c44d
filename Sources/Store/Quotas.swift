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
    /// The platform answers and refuses calls of this long budget for minutes to come: it is spent, whatever was counted.
    public var isRefused: Bool

    public init(
        tenant: TenantID, connection: ConnectionID, slug: String, platform: String, name: String, amount: Int, window: Duration, windowStart: Timestamp, used: Int,
        pausedUntil: Timestamp? = nil, saidRemaining: Int? = nil, saidAt: Timestamp? = nil, isRefused: Bool = false
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
        self.isRefused = isRefused
    }

    public var resetsAt: Timestamp { windowStart + window }
    /// The platform has told in this window how much is left; else what is used is our own count.
    public var isPlatformsWord: Bool { saidAt.map { $0 >= windowStart } ?? false }
}

public enum QuotaStatements {
    private static let columns = """
        b.tenant_id, b.connection_id, c.slug, c.platform, b.name, b.amount, b.window_ms, b.window_start,
          CASE WHEN b.window_start + b.window_ms * interval '1 millisecond' <= clock_timestamp() THEN 0 ELSE b.used END AS used,
          CASE WHEN b.paused_until > clock_timestamp() THEN b.paused_until END AS paused_until, b.said_remaining, b.said_at,
          (\(refused)) AS is_refused
        """

    /// A budget `b` of a connection `c` whose calls a platform that answers refuses for minutes to come.
    static let refused = "b.window_ms >= 3600000 AND b.paused_until IS NOT NULL AND b.paused_until > clock_timestamp() + interval '5 minutes' AND c.down_since IS NULL"
    private static let runs = "b.window_start + b.window_ms * interval '1 millisecond' > clock_timestamp()"
    /// What is worth showing of it: shorter windows are full whenever there is work, and empty a moment later.
    static let counts = "b.amount > 0 AND b.window_ms >= 60000 AND ((\(runs)) OR (\(refused)))"
    /// How full such a one is.
    static let permille = "CASE WHEN \(refused) THEN 1000 ELSE least(1000, b.used::bigint * 1000 / b.amount) END"

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
        WHERE t.state = 'active' AND \(unsafe: AlertSurveyStatements.inUse) AND b.amount > 0
          AND ((b.used * 2 >= b.amount AND b.window_start + b.window_ms * interval '1 millisecond' > clock_timestamp())
            OR (\(unsafe: refused)))
        ORDER BY b.tenant_id, b.connection_id, b.name
        """
    }

    /// The fullest budget of each platform, name and length, as thousandths: what the gauges show names no tenant.
    static func fullest() -> SQL {
        """
        SELECT NULL::uuid AS connection, c.platform, b.name, b.window_ms >= 3600000 AS is_long, max(\(unsafe: permille)) AS value
        FROM app.budgets b JOIN app.connections c ON c.tenant_id = b.tenant_id AND c.id = b.connection_id
        WHERE \(unsafe: counts) GROUP BY c.platform, b.name, is_long
        """
    }

    /// The same for each connection by itself, the fullest first.
    static func byConnection() -> SQL {
        """
        SELECT c.id AS connection, c.platform, b.name, b.window_ms >= 3600000 AS is_long, \(unsafe: permille) AS value
        FROM app.budgets b JOIN app.connections c ON c.tenant_id = b.tenant_id AND c.id = b.connection_id JOIN app.tenants t ON t.tenant_id = b.tenant_id
        WHERE t.state = 'active' AND c.state = 'live' AND \(unsafe: counts) ORDER BY value DESC, c.id, b.name LIMIT \(QuotaLimits.connections)
        """
    }

    /// Budgets of the operator's apps, whose users are all tenants together.
    static func byApp() -> SQL {
        """
        SELECT NULL::uuid AS connection, b.platform, b.name, b.window_ms >= 3600000 AS is_long, least(1000, b.used::bigint * 1000 / b.amount) AS value
        FROM adm.app_budgets b WHERE b.amount > 0 AND b.window_ms >= 60000 AND \(unsafe: runs)
        """
    }

    /// Those of them of which a good part is used.
    static func spentApps() -> SQL {
        """
        SELECT b.platform, b.name, b.amount, b.window_ms, b.window_start, b.used FROM adm.app_budgets b
        WHERE b.amount > 0 AND b.used * 2 >= b.amount AND \(unsafe: runs) ORDER BY b.platform, b.name
        """
    }

    /// Documents that were sent to each ledger and whose answer is not there yet: what is known of calls in flight.
    static func inFlight() -> SQL {
        """
        SELECT c.id AS connection, c.platform, coalesce(max(x.n), 0)::bigint AS value FROM app.connections c JOIN app.tenants t ON t.tenant_id = c.tenant_id
        LEFT JOIN (SELECT i.tenant_id, p.ledger_id, count(*) AS n FROM app.intents i JOIN app.postings p ON p.tenant_id = i.tenant_id AND p.post_key = i.post_key
          WHERE i.state = 'open' GROUP BY i.tenant_id, p.ledger_id) x ON x.tenant_id = c.tenant_id AND x.ledger_id = c.id
        WHERE t.state = 'active' AND c.state = 'live' GROUP BY c.id, c.platform ORDER BY value DESC, c.id LIMIT \(QuotaLimits.connections)
        """
    }

    static func inFlight(_ tenant: TenantID, _ connection: ConnectionID) -> SQL {
        """
        SELECT count(*) AS value FROM app.intents i JOIN app.postings p ON p.tenant_id = i.tenant_id AND p.post_key = i.post_key
        WHERE i.tenant_id = \(tenant) AND i.state = 'open' AND p.ledger_id = \(connection)
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

/// How full a budget is, as gauges show it.
public struct QuotaGauge: Sendable, Equatable {
    /// `nil`: of the fullest connection, or of the app.
    public var connection: ConnectionID?
    public var platform: String
    public var budget: String
    /// Its window is an hour or more: what is spent of it does not come back soon.
    public var isLong: Bool
    /// 0 to 1000.
    public var permille: Int
}

/// What the operator's app has used of one of its budgets, over all tenants.
public struct AppQuotaRow: Sendable, Equatable {
    public var platform: String
    public var name: String
    public var amount: Int
    public var window: Duration
    public var windowStart: Timestamp
    public var used: Int

    public init(platform: String, name: String, amount: Int, window: Duration, windowStart: Timestamp, used: Int) {
        self.platform = platform
        self.name = name
        self.amount = amount
        self.window = window
        self.windowStart = windowStart
        self.used = used
    }
}

enum QuotaLimits {
    /// Series that one metric has at most.
    static let connections = 4_000
}

extension QuotaGauge {
    init(_ row: PostgresRow) throws(Fault) {
        self.init(
            connection: try row.get("connection"), platform: try row.get("platform"), budget: try row.get("name"), isLong: try row.get("is_long"),
            permille: Int(try row.get("value", as: Int64.self)))
    }
}

extension QuotaRow {
    init(_ row: PostgresRow) throws(Fault) {
        let said: Int32? = try row.get("said_remaining")
        self.init(
            tenant: try row.get("tenant_id"), connection: try row.get("connection_id"), slug: try row.get("slug"), platform: try row.get("platform"),
            name: try row.get("name"), amount: Int(try row.get("amount", as: Int32.self)), window: .milliseconds(try row.get("window_ms", as: Int64.self)),
            windowStart: try row.get("window_start"), used: Int(try row.get("used", as: Int32.self)), pausedUntil: try row.get("paused_until"),
            saidRemaining: said.map { Int($0) }, saidAt: try row.get("said_at"),
            isRefused: try row.get("is_refused"))
    }
}

extension PostgresTransaction {
    public func spentQuotas() async throws(Fault) -> [QuotaRow] {
        var out: [QuotaRow] = []
        for row in try await query(QuotaStatements.spent()) { out.append(try QuotaRow(row)) }
        return out
    }

    public func spentAppQuotas() async throws(Fault) -> [AppQuotaRow] {
        var out: [AppQuotaRow] = []
        for row in try await query(QuotaStatements.spentApps()) {
            out.append(AppQuotaRow(
                platform: try row.get("platform"), name: try row.get("name"), amount: Int(try row.get("amount", as: Int32.self)),
                window: .milliseconds(try row.get("window_ms", as: Int64.self)), windowStart: try row.get("window_start"),
                used: Int(try row.get("used", as: Int32.self))))
        }
        return out
    }
}

extension Store {
    /// Documents that were sent to this ledger and are not answered yet.
    public func inFlight(_ tenant: TenantID, _ connection: ConnectionID) async throws(Fault) -> Int {
        Int(try await pool.query(QuotaStatements.inFlight(tenant, connection)).first?.get("value", as: Int64.self) ?? 0)
    }

    /// How full budgets are: the fullest of each platform, each connection's own, and those of the operator's apps.
    func quotaGauges() async throws(Fault) -> (fullest: [QuotaGauge], connections: [QuotaGauge], apps: [QuotaGauge]) {
        func read(_ sql: SQL) async throws(Fault) -> [QuotaGauge] {
            var out: [QuotaGauge] = []
            for row in try await pool.query(sql) { out.append(try QuotaGauge(row)) }
            return out
        }
        return (try await read(QuotaStatements.fullest()), try await read(QuotaStatements.byConnection()), try await read(QuotaStatements.byApp()))
    }

    func inFlightGauges() async throws(Fault) -> [(connection: ConnectionID, platform: String, value: Int64)] {
        var out: [(connection: ConnectionID, platform: String, value: Int64)] = []
        for row in try await pool.query(QuotaStatements.inFlight()) { out.append((try row.get("connection"), try row.get("platform"), try row.get("value"))) }
        return out
    }

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
