public import FoundationEssentials
public import Kernel
public import Postgres

/// What a route was last told of an alert.
public struct AlertNotice: Sendable, Equatable {
    public enum Told: String, Sendable { case opened, resolved }

    public var owner: AlertOwner
    public var route: String
    public var tenant: TenantID
    public var key: String
    public var told: Told
    public var at: Timestamp
    /// How bad it was then; `nil` where that was not written down.
    public var severity: AlertRow.Severity?

    public init(owner: AlertOwner, route: String, tenant: TenantID, key: String, told: Told, at: Timestamp, severity: AlertRow.Severity? = nil) {
        self.owner = owner
        self.route = route
        self.tenant = tenant
        self.key = key
        self.told = told
        self.at = at
        self.severity = severity
    }
}

/// A message to one receiver, exactly as it is sent.
public struct AlertDelivery: Sendable, Equatable {
    /// - refreshed: all that is open, for a receiver that forgets.
    public enum Purpose: String, Sendable { case opened, worsened, repeated, refreshed, resolved, digest, test }

    public var id: UUID
    public var owner: AlertOwner
    public var route: String
    public var kind: String
    public var purpose: Purpose
    /// Counts a message's receivers from 0.
    public var part: Int
    public var receiver: String
    public var subject: String
    public var body: [UInt8]
    public var alerts: [UUID]
    /// Tries so far, with the one under way.
    public var attempts: Int

    public init(
        id: UUID, owner: AlertOwner, route: String, kind: String, purpose: Purpose, part: Int = 0, receiver: String, subject: String, body: [UInt8], alerts: [UUID],
        attempts: Int = 0
    ) {
        self.id = id
        self.owner = owner
        self.route = route
        self.kind = kind
        self.purpose = purpose
        self.part = part
        self.receiver = receiver
        self.subject = subject
        self.body = body
        self.alerts = alerts
        self.attempts = attempts
    }
}

/// What became of a try.
public enum AlertDeliveryEnd: Sendable, Equatable {
    case delivered(String)
    /// For good.
    case failed(String)
    /// Again after so long.
    case later(Duration, String)
}

public enum AlertDeliveryStatements {
    static func notices() -> SQL { "SELECT n.tenant_id, n.route, n.alert_tenant, n.alert_key, n.told, n.told_at, n.severity FROM app.alert_notices n" }

    static func saveNotices(_ notices: [AlertNotice]) -> SQL {
        """
        INSERT INTO app.alert_notices AS n (tenant_id, route, alert_tenant, alert_key, told, told_at, severity)
        SELECT o, r, t, k, w, a, s FROM unnest(\(notices.map(\.owner.id)), \(notices.map(\.route)), \(notices.map(\.tenant)), \(notices.map(\.key)),
          \(notices.map(\.told.rawValue)), \(notices.map(\.at)), \(notices.map { $0.severity?.rawValue ?? "" })) AS x(o, r, t, k, w, a, v)
        CROSS JOIN LATERAL (SELECT nullif(v, '') AS s) y
        ON CONFLICT (tenant_id, route, alert_tenant, alert_key) DO UPDATE SET told = EXCLUDED.told, told_at = EXCLUDED.told_at, severity = EXCLUDED.severity
        """
    }

    /// Messages of each route within the hour; tests, and what only says again that it is open, left out.
    static func sentInHour() -> SQL {
        """
        SELECT d.tenant_id, d.route, count(*) AS n FROM app.alert_deliveries d
        WHERE d.created_at > clock_timestamp() - interval '1 hour' AND d.part = 0 AND d.purpose NOT IN ('test', 'refreshed') GROUP BY d.tenant_id, d.route
        """
    }

    /// When each route was last sent all that is open.
    static func refreshed() -> SQL {
        "SELECT d.tenant_id, d.route, max(d.created_at) AS at FROM app.alert_deliveries d WHERE d.purpose = 'refreshed' GROUP BY d.tenant_id, d.route"
    }

    /// What waits takes the place of what waited: tries go on being counted. Earlier ones that arrived are of no interest any more.
    static func refresh(_ d: AlertDelivery) -> SQL {
        """
        WITH old AS (DELETE FROM app.alert_deliveries WHERE tenant_id = \(d.owner.id) AND route = \(d.route) AND purpose = 'refreshed' AND state <> 'waiting')
        INSERT INTO app.alert_deliveries AS a (tenant_id, id, route, kind, purpose, part, receiver, subject, body, alerts)
        VALUES (\(d.owner.id), \(d.id), \(d.route), \(d.kind), 'refreshed', 0, \(d.receiver), \(d.subject), \(d.body), \(d.alerts))
        ON CONFLICT (tenant_id, route) WHERE purpose = 'refreshed' AND state = 'waiting' DO UPDATE SET kind = EXCLUDED.kind, receiver = EXCLUDED.receiver,
          subject = EXCLUDED.subject, body = EXCLUDED.body, alerts = EXCLUDED.alerts, created_at = clock_timestamp()
        """
    }

    /// Of all the owner's routes: a new name is no new start.
    static func testsInHour(_ owner: AlertOwner) -> SQL {
        """
        SELECT count(*) AS n FROM app.alert_deliveries d WHERE d.tenant_id = \(owner.id)
          AND d.created_at > clock_timestamp() - interval '1 hour' AND d.part = 0 AND d.purpose = 'test'
        """
    }

    /// What waits to say that all of it is open is older than this, and would say so after it.
    public static func insert(_ d: AlertDelivery) -> SQL {
        """
        WITH stale AS (DELETE FROM app.alert_deliveries WHERE tenant_id = \(d.owner.id) AND route = \(d.route) AND purpose = 'refreshed' AND state = 'waiting')
        INSERT INTO app.alert_deliveries (tenant_id, id, route, kind, purpose, part, receiver, subject, body, alerts)
        VALUES (\(d.owner.id), \(d.id), \(d.route), \(d.kind), \(d.purpose.rawValue), \(Int32(d.part)), \(d.receiver), \(d.subject), \(d.body), \(d.alerts))
        """
    }

    /// The next that are due, put off for as long as a try may take: whoever takes one and dies has lost only that time.
    static func claim(limit: Int, for patience: Duration) -> SQL {
        """
        UPDATE app.alert_deliveries d SET attempts = d.attempts + 1, next_at = clock_timestamp() + \(patience.wholeMilliseconds) * interval '1 millisecond'
        FROM (SELECT tenant_id, id FROM app.alert_deliveries WHERE state = 'waiting' AND next_at <= clock_timestamp()
          ORDER BY next_at LIMIT \(limit) FOR UPDATE SKIP LOCKED) x
        WHERE d.tenant_id = x.tenant_id AND d.id = x.id
        RETURNING d.tenant_id, d.id, d.route, d.kind, d.purpose, d.part, d.receiver, d.subject, d.body, d.alerts, d.attempts
        """
    }

    static func settle(_ d: AlertDelivery, state: String, outcome: String) -> SQL {
        """
        UPDATE app.alert_deliveries SET state = \(state), outcome = \(outcome), settled_at = clock_timestamp()
        WHERE tenant_id = \(d.owner.id) AND id = \(d.id) AND state = 'waiting'
        """
    }

    static func later(_ d: AlertDelivery, by delay: Duration, outcome: String) -> SQL {
        """
        UPDATE app.alert_deliveries SET outcome = \(outcome), next_at = clock_timestamp() + \(delay.wholeMilliseconds) * interval '1 millisecond'
        WHERE tenant_id = \(d.owner.id) AND id = \(d.id) AND state = 'waiting'
        """
    }

    /// A test message is asked for without its text.
    static func write(_ d: AlertDelivery) -> SQL {
        "UPDATE app.alert_deliveries SET subject = \(d.subject), body = \(d.body) WHERE tenant_id = \(d.owner.id) AND id = \(d.id) AND state = 'waiting'"
    }

    /// The route as it is now; none when it was removed.
    static func route(_ owner: AlertOwner, _ name: String) -> SQL {
        "SELECT r.tenant_id, r.name, r.kind, r.settings, r.secret FROM app.alert_routes r WHERE r.tenant_id = \(owner.id) AND r.name = \(name)"
    }

    /// What nobody asks for any more: settled for three months, and what was told of alerts that are long over.
    static func prune() -> SQL { "DELETE FROM app.alert_deliveries WHERE state <> 'waiting' AND settled_at < clock_timestamp() - interval '90 days'" }

    // MARK: For people

    /// Newest first.
    public static func list(_ owner: AlertOwner, route: String?, state: String?, alert: UUID?, _ page: PageRequest) -> SQL {
        var sql: SQL = """
            SELECT json_build_object('id', d.id, 'route', d.route, 'kind', d.kind, 'purpose', d.purpose, 'receiver', d.receiver, 'subject', d.subject,
              'alerts', d.alerts, 'state', d.state, 'attempts', d.attempts, 'outcome', d.outcome, 'created_at', \(unsafe: AdminSQL.utc("d.created_at")),
              'next_at', CASE WHEN d.state = 'waiting' THEN \(unsafe: AdminSQL.utc("d.next_at")) END, 'settled_at', \(unsafe: AdminSQL.utc("d.settled_at"))) AS json,
              ARRAY[\(unsafe: AdminSQL.utc("d.created_at")), d.id::text] AS cursor
            FROM app.alert_deliveries d WHERE d.tenant_id = \(owner.id)
            """
        if let at = Timestamp(rfc3339: page.text(0)) { sql += " AND (d.created_at, d.id::text) < (\(at), \(page.text(1)))" }
        if let route { sql += " AND d.route = \(route)" }
        if let state { sql += " AND d.state = \(state)" }
        if let alert { sql += " AND \(alert) = ANY (d.alerts)" }
        return sql + " ORDER BY d.created_at DESC, d.id::text DESC LIMIT \(page.limit)"
    }

    /// One with what was sent, as text.
    public static func one(_ owner: AlertOwner, _ id: UUID) -> SQL {
        """
        SELECT json_build_object('id', d.id, 'route', d.route, 'kind', d.kind, 'purpose', d.purpose, 'receiver', d.receiver, 'subject', d.subject,
          'body', convert_from(d.body, 'UTF8'), 'alerts', d.alerts, 'state', d.state, 'attempts', d.attempts, 'outcome', d.outcome,
          'created_at', \(unsafe: AdminSQL.utc("d.created_at")), 'settled_at', \(unsafe: AdminSQL.utc("d.settled_at"))) AS json
        FROM app.alert_deliveries d WHERE d.tenant_id = \(owner.id) AND d.id = \(id)
        """
    }
}

extension AlertDelivery {
    init(_ row: PostgresRow) throws(Fault) {
        self.init(
            id: try row.get("id"), owner: AlertOwner(try row.get("tenant_id")), route: try row.get("route"), kind: try row.get("kind"),
            purpose: Purpose(rawValue: try row.get("purpose")) ?? .opened, part: Int(try row.get("part", as: Int32.self)), receiver: try row.get("receiver"),
            subject: try row.get("subject"), body: try row.get("body"), alerts: try row.get("alerts"), attempts: Int(try row.get("attempts", as: Int32.self)))
    }
}

extension PostgresTransaction {
    public func alertNotices() async throws(Fault) -> [AlertNotice] {
        var out: [AlertNotice] = []
        for row in try await query(AlertDeliveryStatements.notices()) {
            out.append(AlertNotice(
                owner: AlertOwner(try row.get("tenant_id")), route: try row.get("route"), tenant: try row.get("alert_tenant"), key: try row.get("alert_key"),
                told: AlertNotice.Told(rawValue: try row.get("told")) ?? .opened, at: try row.get("told_at"),
                severity: try row.get("severity", as: String?.self).flatMap { AlertRow.Severity(rawValue: $0) }))
        }
        return out
    }

    /// Messages within the hour, by owner and route.
    public func alertsSentInHour() async throws(Fault) -> [AlertOwner: [String: Int]] {
        var out: [AlertOwner: [String: Int]] = [:]
        for row in try await query(AlertDeliveryStatements.sentInHour()) {
            out[AlertOwner(try row.get("tenant_id")), default: [:]][try row.get("route")] = Int(try row.get("n", as: Int64.self))
        }
        return out
    }

    /// When each route was last sent all that is open, by owner and route.
    public func alertsRefreshed() async throws(Fault) -> [AlertOwner: [String: Timestamp]] {
        var out: [AlertOwner: [String: Timestamp]] = [:]
        for row in try await query(AlertDeliveryStatements.refreshed()) {
            out[AlertOwner(try row.get("tenant_id")), default: [:]][try row.get("route")] = try row.get("at", as: Timestamp.self)
        }
        return out
    }

    /// What is to be sent, and that it was decided: one can't be without the other.
    public func tell(_ deliveries: [AlertDelivery], _ notices: [AlertNotice]) async throws(Fault) {
        for delivery in deliveries {
            _ = try await query(delivery.purpose == .refreshed ? AlertDeliveryStatements.refresh(delivery) : AlertDeliveryStatements.insert(delivery))
        }
        if !notices.isEmpty { _ = try await query(AlertDeliveryStatements.saveNotices(notices)) }
    }

    public func alertTestsInHour(_ owner: AlertOwner) async throws(Fault) -> Int {
        Int(try await query(AlertDeliveryStatements.testsInHour(owner)).first?.get("n", as: Int64.self) ?? 0)
    }

    public func pruneAlertDeliveries() async throws(Fault) { _ = try await query(AlertDeliveryStatements.prune()) }
}

extension Store {
    public func claimAlertDeliveries(limit: Int, for patience: Duration) async throws(Fault) -> [AlertDelivery] {
        var out: [AlertDelivery] = []
        for row in try await pool.query(AlertDeliveryStatements.claim(limit: limit, for: patience)) { out.append(try AlertDelivery(row)) }
        return out
    }

    public func alertRoute(_ owner: AlertOwner, _ name: String) async throws(Fault) -> AlertRouteRow? {
        guard let row = try await pool.query(AlertDeliveryStatements.route(owner, name)).first else { return nil }
        return try AlertRouteRow(row)
    }

    /// Keeps what is about to be sent.
    public func write(_ delivery: AlertDelivery) async throws(Fault) { _ = try await pool.query(AlertDeliveryStatements.write(delivery)) }

    public func settle(_ delivery: AlertDelivery, _ end: AlertDeliveryEnd) async throws(Fault) {
        let sql = switch end {
        case .delivered(let said): AlertDeliveryStatements.settle(delivery, state: "delivered", outcome: said)
        case .failed(let why): AlertDeliveryStatements.settle(delivery, state: "failed", outcome: why)
        case .later(let delay, let why): AlertDeliveryStatements.later(delivery, by: delay, outcome: why)
        }
        _ = try await pool.query(sql)
    }

    public func adminAlertDeliveries(_ owner: AlertOwner, route: String?, state: String?, alert: UUID? = nil, _ page: PageRequest) async throws(Fault) -> [AdminRow] {
        try await adminRows(AlertDeliveryStatements.list(owner, route: route, state: state, alert: alert, page))
    }

    public func adminAlertDelivery(_ owner: AlertOwner, _ id: UUID) async throws(Fault) -> AdminRow? {
        try await adminRow(AlertDeliveryStatements.one(owner, id))
    }
}
