public import Kernel
public import Postgres

/// One budget to be charged: the platform's declared limit, for one connection.
public struct BudgetCharge: Sendable {
    public var name: String
    public var amount: Int
    public var window: Duration
    public var cost: Int
    /// What has to be left afterwards.
    public var reserve: Int

    public init(name: String, amount: Int, window: Duration, cost: Int, reserve: Int = 0) {
        self.name = name
        self.amount = amount
        self.window = window
        self.cost = cost
        self.reserve = reserve
    }
}

/// A limit of the operator's app, over all connections together.
public struct AppLimit: Sendable {
    public var platform: String
    public var name: String
    public var amount: Int
    public var window: Duration

    public init(platform: String, name: String, amount: Int, window: Duration) {
        self.platform = platform
        self.name = name
        self.amount = amount
        self.window = window
    }
}

public enum BudgetStatements {
    /// Makes the rows that `take` charges; a statement of its own, before it, because a statement does not see what it inserts.
    public static func open(_ tenant: TenantID, _ connection: ConnectionID, _ charges: [BudgetCharge]) -> SQL {
        """
        INSERT INTO app.budgets (tenant_id, connection_id, name, amount, window_ms, window_start, used)
        SELECT \(tenant), \(connection), n, a, w, clock_timestamp(), 0
        FROM unnest(\(charges.map(\.name)), \(charges.map { Int64($0.amount) }), \(charges.map { $0.window.wholeMilliseconds })) AS t(n, a, w)
        ON CONFLICT DO NOTHING
        """
    }

    /// Charges all budgets or none. Each row of the answer is a budget with `wait_ms` (0 where it would have had room); all zero = charged.
    public static func take(_ tenant: TenantID, _ connection: ConnectionID, _ charges: [BudgetCharge]) -> SQL {
        """
        WITH want AS (
          SELECT n, a, w, c, r FROM unnest(\(charges.map(\.name)), \(charges.map { Int64($0.amount) }), \(charges.map { $0.window.wholeMilliseconds }),
            \(charges.map { Int64($0.cost) }), \(charges.map { Int64($0.reserve) })) AS t(n, a, w, c, r)
        ), state AS (
          SELECT want.n, want.a, want.w, want.c, want.r, b.window_start AS start, b.used, b.paused_until FROM app.budgets b JOIN want ON b.name = n
          WHERE b.tenant_id = \(tenant) AND b.connection_id = \(connection) ORDER BY b.name FOR UPDATE OF b
        ), judged AS (
          SELECT n, a, w, c, start + w * interval '1 millisecond' <= clock_timestamp() AS turned, start, used,
            greatest(
              CASE WHEN paused_until > clock_timestamp() THEN ceil(extract(epoch FROM paused_until - clock_timestamp()) * 1000) ELSE 0 END,
              CASE WHEN start + w * interval '1 millisecond' > clock_timestamp() AND used + c + r > a
                   THEN ceil(extract(epoch FROM start + w * interval '1 millisecond' - clock_timestamp()) * 1000) ELSE 0 END)::bigint AS wait_ms
          FROM state
        ), charge AS (
          UPDATE app.budgets b SET used = CASE WHEN turned THEN c ELSE j.used + c END, amount = a, window_ms = w,
            window_start = CASE WHEN turned THEN clock_timestamp() ELSE b.window_start END, paused_until = NULL
          FROM judged j WHERE b.tenant_id = \(tenant) AND b.connection_id = \(connection) AND b.name = j.n
            AND NOT EXISTS (SELECT FROM judged WHERE wait_ms > 0)
          RETURNING b.name
        )
        SELECT n AS name, wait_ms FROM judged
        """
    }

    /// The platform said stop: nothing is charged to this budget before the pause ends.
    public static func pause(_ tenant: TenantID, _ connection: ConnectionID, name: String, for duration: Duration) -> SQL {
        """
        INSERT INTO app.budgets AS b (tenant_id, connection_id, name, amount, window_ms, window_start, used, paused_until)
        VALUES (\(tenant), \(connection), \(name), 0, 0, clock_timestamp(), 0, clock_timestamp() + \(duration.wholeMilliseconds) * interval '1 millisecond')
        ON CONFLICT (tenant_id, connection_id, name) DO UPDATE SET paused_until = greatest(b.paused_until, EXCLUDED.paused_until)
        """
    }

    /// The platform's own count, where its answers tell: it is the one that decides.
    public static func correct(_ tenant: TenantID, _ connection: ConnectionID, name: String, remaining: Int) -> SQL {
        """
        UPDATE app.budgets SET used = greatest(0, amount - least(amount, \(Int64(remaining)))), said_remaining = least(\(Int64(remaining)), 2147483647),
          said_at = clock_timestamp()
        WHERE tenant_id = \(tenant) AND connection_id = \(connection) AND name = \(name)
        """
    }

    /// What the connectors declare of the operator's app, instead of what stands there.
    public static func declareApp(_ limits: [AppLimit]) -> SQL {
        """
        INSERT INTO adm.app_limits AS l (platform, name, amount, window_ms)
        SELECT * FROM unnest(\(limits.map(\.platform)), \(limits.map(\.name)), \(limits.map { Int64($0.amount) }), \(limits.map { $0.window.wholeMilliseconds })) AS t(p, n, a, w)
        ON CONFLICT (platform, name) DO UPDATE SET amount = EXCLUDED.amount, window_ms = EXCLUDED.window_ms
          WHERE (l.amount, l.window_ms) IS DISTINCT FROM (EXCLUDED.amount, EXCLUDED.window_ms)
        """
    }

    public static func takeApp(platform: String, name: String, amount: Int, window: Duration, cost: Int) -> SQL {
        """
        SELECT app.take_app_budget(\(platform), \(name), \(Int32(amount)), \(window.wholeMilliseconds), \(Int32(cost))) AS wait_ms
        """
    }
}

extension Store {
    /// How long to wait before the charges fit; `nil` when they were made.
    public func take(_ tenant: TenantID, _ connection: ConnectionID, _ charges: [BudgetCharge]) async throws(Fault) -> Duration? {
        guard !charges.isEmpty else { return nil }
        var wait: Int64 = 0
        let answers = try await pool.batch([BudgetStatements.open(tenant, connection, charges), BudgetStatements.take(tenant, connection, charges)])
        for row in answers[1] { wait = max(wait, try row.get("wait_ms")) }
        return wait > 0 ? .milliseconds(wait) : nil
    }

    public func takeApp(platform: String, name: String, amount: Int, window: Duration, cost: Int) async throws(Fault) -> Duration? {
        let ms: Int64 = try await pool.query(BudgetStatements.takeApp(platform: platform, name: name, amount: amount, window: window, cost: cost))
            .first?.get("wait_ms") ?? 0
        return ms > 0 ? .milliseconds(ms) : nil
    }

    public func declareApp(_ limits: [AppLimit]) async throws(Fault) {
        guard !limits.isEmpty else { return }
        _ = try await pool.query(BudgetStatements.declareApp(limits))
    }

    public func pause(_ tenant: TenantID, _ connection: ConnectionID, name: String, for duration: Duration) async throws(Fault) {
        _ = try await pool.query(BudgetStatements.pause(tenant, connection, name: name, for: duration))
    }

    public func correct(_ tenant: TenantID, _ connection: ConnectionID, name: String, remaining: Int) async throws(Fault) {
        _ = try await pool.query(BudgetStatements.correct(tenant, connection, name: name, remaining: remaining))
    }
}
