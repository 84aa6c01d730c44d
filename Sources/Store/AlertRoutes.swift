internal import FoundationEssentials
public import Kernel
public import Postgres

/// Whose rules and routes: a tenant's, or the operator's, which are about all tenants.
public struct AlertOwner: Sendable, Hashable, Comparable {
    /// All zero for the operator.
    public var id: TenantID

    public init(_ tenant: TenantID) { id = tenant }

    public static let `operator` = AlertOwner(TenantID(UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))))
    public var isOperator: Bool { self == .operator }
    public static func < (left: Self, right: Self) -> Bool { left.id < right.id }
}

/// A route as kept.
public struct AlertRouteRow: Sendable, Equatable {
    public var owner: AlertOwner
    public var name: String
    /// `email`, `webhook`, `alertmanager`.
    public var kind: String
    /// JSON object, without the secret.
    public var settings: [UInt8]
    /// Sealed for whoever delivers.
    public var secret: [UInt8]?

    public init(owner: AlertOwner, name: String, kind: String, settings: [UInt8], secret: [UInt8]?) {
        self.owner = owner
        self.name = name
        self.kind = kind
        self.settings = settings
        self.secret = secret
    }
}

public enum AlertRouteStatements {
    static func allRules() -> SQL { "SELECT r.tenant_id, r.body FROM app.alert_rules r" }
    static func allRoutes() -> SQL { "SELECT r.tenant_id, r.name, r.kind, r.settings, r.secret FROM app.alert_routes r" }

    public static func rules(_ owner: AlertOwner) -> SQL {
        """
        SELECT json_build_object('version', r.version, 'actor', r.actor, 'updated_at', \(unsafe: AdminSQL.utc("r.updated_at")), 'rules', r.body) AS json
        FROM app.alert_rules r WHERE r.tenant_id = \(owner.id)
        """
    }

    /// A body like the one that is there makes no new version.
    public static func putRules(_ owner: AlertOwner, body: [UInt8], actor: String) -> SQL {
        """
        INSERT INTO app.alert_rules AS r (tenant_id, version, body, actor) VALUES (\(owner.id), 1, \(String(decoding: body, as: UTF8.self))::json, \(actor))
        ON CONFLICT (tenant_id) DO UPDATE SET version = r.version + 1, body = EXCLUDED.body, actor = EXCLUDED.actor, updated_at = clock_timestamp()
          WHERE r.body::text <> EXCLUDED.body::text
        """
    }

    public static func routes(_ owner: AlertOwner) -> SQL {
        """
        SELECT json_build_object('name', r.name, r.kind, r.settings - 'per_hour', 'per_hour', r.settings->'per_hour',
          'secret', json_build_object('present', r.secret IS NOT NULL), 'actor', r.actor, 'updated_at', \(unsafe: AdminSQL.utc("r.updated_at"))) AS json
        FROM app.alert_routes r WHERE r.tenant_id = \(owner.id) ORDER BY r.name
        """
    }

    public static func rows(_ owner: AlertOwner) -> SQL {
        "SELECT r.tenant_id, r.name, r.kind, r.settings, r.secret FROM app.alert_routes r WHERE r.tenant_id = \(owner.id) ORDER BY r.name FOR UPDATE"
    }

    /// Routes that are not named go, and what waits to be sent by them with them.
    public static func dropRoutes(_ owner: AlertOwner, but names: [String]) -> SQL {
        "DELETE FROM app.alert_routes WHERE tenant_id = \(owner.id) AND name <> ALL (\(names))"
    }

    public static func dropNotices(_ owner: AlertOwner, but names: [String]) -> SQL {
        "DELETE FROM app.alert_notices WHERE tenant_id = \(owner.id) AND route <> ALL (\(names))"
    }

    public static func dropWaiting(_ owner: AlertOwner, but names: [String]) -> SQL {
        """
        UPDATE app.alert_deliveries SET state = 'dropped', settled_at = clock_timestamp(), outcome = 'the route was removed'
        WHERE tenant_id = \(owner.id) AND route <> ALL (\(names)) AND state = 'waiting'
        """
    }

    public static func putRoute(_ row: AlertRouteRow, actor: String) -> SQL {
        """
        INSERT INTO app.alert_routes AS r (tenant_id, name, kind, settings, secret, actor)
        VALUES (\(row.owner.id), \(row.name), \(row.kind), \(PostgresJSON(row.settings)), \(row.secret), \(actor))
        ON CONFLICT (tenant_id, name) DO UPDATE SET kind = EXCLUDED.kind, settings = EXCLUDED.settings, secret = EXCLUDED.secret, actor = EXCLUDED.actor,
          updated_at = clock_timestamp()
          WHERE (r.kind, r.settings, r.secret) IS DISTINCT FROM (EXCLUDED.kind, EXCLUDED.settings, EXCLUDED.secret)
        """
    }
}

extension AlertRouteRow {
    init(_ row: PostgresRow) throws(Fault) {
        self.init(
            owner: AlertOwner(try row.get("tenant_id")), name: try row.get("name"), kind: try row.get("kind"),
            settings: try row.get("settings", as: PostgresJSON.self).bytes, secret: try row.get("secret"))
    }
}

extension PostgresTransaction {
    /// Every owner's rules, as JSON.
    public func alertRules() async throws(Fault) -> [AlertOwner: [UInt8]] {
        var out: [AlertOwner: [UInt8]] = [:]
        for row in try await query(AlertRouteStatements.allRules()) {
            out[AlertOwner(try row.get("tenant_id"))] = try row.get("body", as: PostgresJSON.self).bytes
        }
        return out
    }

    public func alertRoutes() async throws(Fault) -> [AlertRouteRow] {
        var out: [AlertRouteRow] = []
        for row in try await query(AlertRouteStatements.allRoutes()) { out.append(try AlertRouteRow(row)) }
        return out
    }

    /// One owner's, held until the transaction ends.
    public func alertRoutes(of owner: AlertOwner) async throws(Fault) -> [AlertRouteRow] {
        var out: [AlertRouteRow] = []
        for row in try await query(AlertRouteStatements.rows(owner)) { out.append(try AlertRouteRow(row)) }
        return out
    }

    /// Whether it differs from what is there.
    public func putAlertRules(_ owner: AlertOwner, body: [UInt8], actor: String) async throws(Fault) -> Bool {
        try await query(AlertRouteStatements.putRules(owner, body: body, actor: actor)).affected > 0
    }

    /// The owner's routes are these from now on. Whether anything differs from what is there.
    public func putAlertRoutes(_ owner: AlertOwner, _ rows: [AlertRouteRow], actor: String) async throws(Fault) -> Bool {
        let names = rows.map(\.name)
        var changed = try await query(AlertRouteStatements.dropRoutes(owner, but: names)).affected
        _ = try await query(AlertRouteStatements.dropNotices(owner, but: names))
        _ = try await query(AlertRouteStatements.dropWaiting(owner, but: names))
        for row in rows { changed += try await query(AlertRouteStatements.putRoute(row, actor: actor)).affected }
        return changed > 0
    }
}

extension Store {
    public func adminAlertRules(_ owner: AlertOwner) async throws(Fault) -> AdminRow? { try await adminRow(AlertRouteStatements.rules(owner)) }
    public func adminAlertRoutes(_ owner: AlertOwner) async throws(Fault) -> [AdminRow] { try await adminRows(AlertRouteStatements.routes(owner)) }
}
