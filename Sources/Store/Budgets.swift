public import Kernel
public import Postgres

/// One budget to be charged: the platform's declared limit, for one connection.
public struct BudgetCharge: Sendable {
    public var name: String
    public var amount: Int
    public var window: Duration
    public var cost: Int

    public init(name: String, amount: Int, window: Duration, cost: Int) {
        self.name = name
        self.amount = amount
        self.window = window
        self.cost = cost
    }
}

public enum BudgetStatements {
    /// Charges all budgets or none. Each row of the answer is a budget with `wait_ms` (0 where it would have had room); all zero = charged.
    public static func take(_ tenant: TenantID, _ connection: ConnectionID, _ charges: [BudgetCharge]) -> SQL {
        """
        WITH want AS (
          SELECT n, a, w, c FROM unnest(\(charges.map(\.name)), \(charges.map { Int64($0.amount) }), \(charges.map { $0.window.wholeMilliseconds }),
            \(charges.map { Int64($0.cost) })) AS t(n, a, w, c)
        ), seed AS (
          INSERT INTO app.budgets (tenant_id, connection_id, name, amount, window_ms, window_start, used)
          SELECT \(tenant), \(connection), n, a, w, clock_timestamp(), 0 FROM want ON CONFLICT DO NOTHING RETURNING name, amount, window_ms, window_start, used, paused_until
        ), now AS (
          SELECT b.name, b.window_start, b.used, b.paused_until FROM app.budgets b JOIN want ON b.name = n
          WHERE b.tenant_id = \(tenant) AND b.connection_id = \(connection) FOR UPDATE OF b
        ), state AS (
          SELECT w.n, w.a, w.w, w.c, coalesce(s.window_start, x.window_start) AS start, coalesce(x.used, 0) AS used, x.paused_until
          FROM want w LEFT JOIN now x ON x.name = w.n LEFT JOIN seed s ON s.name = w.n
        ), judged AS (
          SELECT n, a, w, c, start + w * interval '1 millisecond' <= clock_timestamp() AS turned, start, used,
            greatest(
              CASE WHEN paused_until > clock_timestamp() THEN ceil(extract(epoch FROM paused_until - clock_timestamp()) * 1000) ELSE 0 END,
              CASE WHEN start + w * interval '1 millisecond' > clock_timestamp() AND used + c > a
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
        UPDATE app.budgets SET paused_until = greatest(paused_until, clock_timestamp() + \(duration.wholeMilliseconds) * interval '1 millisecond')
        WHERE tenant_id = \(tenant) AND connection_id = \(connection) AND name = \(name)
        """
    }

    /// The platform's own count, where its headers tell: never fewer used than it says.
    public static func correct(_ tenant: TenantID, _ connection: ConnectionID, name: String, remaining: Int) -> SQL {
        """
        UPDATE app.budgets SET used = greatest(used, amount - \(Int64(remaining)))
        WHERE tenant_id = \(tenant) AND connection_id = \(connection) AND name = \(name)
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
        for row in try await pool.query(BudgetStatements.take(tenant, connection, charges)) { wait = max(wait, try row.get("wait_ms")) }
        return wait > 0 ? .milliseconds(wait) : nil
    }

    public func takeApp(platform: String, name: String, amount: Int, window: Duration, cost: Int) async throws(Fault) -> Duration? {
        let ms: Int64 = try await pool.query(BudgetStatements.takeApp(platform: platform, name: name, amount: amount, window: window, cost: cost))
            .first?.get("wait_ms") ?? 0
        return ms > 0 ? .milliseconds(ms) : nil
    }

    public func pause(_ tenant: TenantID, _ connection: ConnectionID, name: String, for duration: Duration) async throws(Fault) {
        _ = try await pool.query(BudgetStatements.pause(tenant, connection, name: name, for: duration))
    }

    public func correct(_ tenant: TenantID, _ connection: ConnectionID, name: String, remaining: Int) async throws(Fault) {
        _ = try await pool.query(BudgetStatements.correct(tenant, connection, name: name, remaining: remaining))
    }
}
