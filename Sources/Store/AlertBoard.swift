public import FoundationEssentials
public import Kernel
public import Postgres

/// An alert as it stands: open, or resolved with somebody still to be told of it.
public struct StandingAlert: Sendable, Equatable {
    public var id: UUID
    public var tenant: TenantID
    public var tenantSlug: String
    public var tenantName: String
    public var key: String
    public var severity: AlertRow.Severity
    public var cause: String
    public var remedy: String
    public var isOpen: Bool
    public var episode: Int
    public var hits: Int
    /// Documents, days or calls that it is about; `nil` where only its hits are known.
    public var items: Int?
    public var firstAt: Timestamp
    /// Of this episode.
    public var openedAt: Timestamp
    public var lastAt: Timestamp
    public var resolvedAt: Timestamp?
    public var isAcknowledged: Bool
    public var mutedUntil: Timestamp?

    public init(
        id: UUID, tenant: TenantID, tenantSlug: String, tenantName: String, key: String, severity: AlertRow.Severity, cause: String, remedy: String,
        isOpen: Bool = true, episode: Int = 1, hits: Int = 1, items: Int? = nil, firstAt: Timestamp, openedAt: Timestamp, lastAt: Timestamp,
        resolvedAt: Timestamp? = nil, isAcknowledged: Bool = false, mutedUntil: Timestamp? = nil
    ) {
        self.id = id
        self.tenant = tenant
        self.tenantSlug = tenantSlug
        self.tenantName = tenantName
        self.key = key
        self.severity = severity
        self.cause = cause
        self.remedy = remedy
        self.isOpen = isOpen
        self.episode = episode
        self.hits = hits
        self.items = items
        self.firstAt = firstAt
        self.openedAt = openedAt
        self.lastAt = lastAt
        self.resolvedAt = resolvedAt
        self.isAcknowledged = isAcknowledged
        self.mutedUntil = mutedUntil
    }

    public var count: Int { items ?? hits }
}

/// An alert as whoever counts sees it now.
public struct SeenAlert: Sendable, Equatable {
    public var tenant: TenantID
    public var row: AlertRow
    public var items: Int
    /// It opens one; else it only keeps an open one open.
    public var opens: Bool

    public init(tenant: TenantID, row: AlertRow, items: Int, opens: Bool = true) {
        self.tenant = tenant
        self.row = row
        self.items = items
        self.opens = opens
    }
}

public enum AlertBoardStatements {
    /// All that is open, and what is resolved while some route was last told that it is open. Tenants' names for people; the operator's own alerts have none.
    static func standing() -> SQL {
        """
        SELECT a.id, a.tenant_id, coalesce(t.slug, 'operator') AS slug, coalesce(t.name, 'Operator') AS name, a.key, a.severity, a.cause, a.remedy, a.state, a.episode, a.hits, a.items, a.first_at, a.opened_at, a.last_at,
          a.resolved_at, a.acknowledged_at IS NOT NULL AS acknowledged, a.muted_until
        FROM app.alerts a LEFT JOIN app.tenants t ON t.tenant_id = a.tenant_id
        WHERE a.state = 'open' OR EXISTS (SELECT FROM app.alert_notices n WHERE n.alert_tenant = a.tenant_id AND n.alert_key = a.key AND n.told = 'opened')
        ORDER BY a.tenant_id, a.key
        """
    }

    /// Opens what is not open. What a worker has opened meanwhile counts as opened by it.
    static func open(_ seen: [SeenAlert]) -> SQL {
        """
        INSERT INTO app.alerts AS a (tenant_id, key, severity, cause, remedy, items)
        SELECT t, k, s, c, r, i FROM unnest(\(seen.map(\.tenant)), \(seen.map(\.row.key)), \(seen.map(\.row.severity.rawValue)), \(seen.map(\.row.cause)),
          \(seen.map(\.row.remedy)), \(seen.map { Int64($0.items) })) AS x(t, k, s, c, r, i)
        ON CONFLICT (tenant_id, key) DO UPDATE SET severity = EXCLUDED.severity, cause = EXCLUDED.cause, remedy = EXCLUDED.remedy, items = EXCLUDED.items,
          state = 'open', set_aside = false, hits = a.hits + CASE WHEN a.state = 'resolved' THEN 1 ELSE 0 END, last_at = clock_timestamp(), resolved_at = NULL,
          \(unsafe: AlertStatements.opensAgain)
        """
    }

    /// Figures and words of what is open.
    static func refresh(_ seen: [SeenAlert]) -> SQL {
        """
        UPDATE app.alerts a SET severity = s, cause = c, remedy = r, items = i, last_at = clock_timestamp(),
          \(unsafe: AlertStatements.unacknowledged(AlertStatements.worse("s")))
        FROM unnest(\(seen.map(\.tenant)), \(seen.map(\.row.key)), \(seen.map(\.row.severity.rawValue)), \(seen.map(\.row.cause)),
          \(seen.map(\.row.remedy)), \(seen.map { Int64($0.items) })) AS x(t, k, s, c, r, i)
        WHERE a.tenant_id = x.t AND a.key = x.k AND a.state = 'open'
        """
    }

    /// The cause is gone; not where it was raised once more since it was looked at.
    static func resolve(_ gone: [StandingAlert]) -> SQL {
        """
        UPDATE app.alerts a SET state = 'resolved', resolved_at = clock_timestamp(), items = CASE WHEN a.items IS NULL THEN NULL ELSE 0 END
        FROM unnest(\(gone.map(\.tenant)), \(gone.map(\.key)), \(gone.map(\.lastAt))) AS x(t, k, at)
        WHERE a.tenant_id = x.t AND a.key = x.k AND a.state = 'open' AND a.last_at = x.at
        """
    }

    /// A tenant or flow that is at rest: nothing of it is told. The flow is the second word of an alert's key.
    private static let atRest = """
        (t.state <> 'active' OR EXISTS (SELECT FROM app.flows f WHERE f.tenant_id = a.tenant_id AND f.state <> 'active' AND f.id::text = split_part(a.key, '/', 2)))
        """

    /// Ends the alerts of tenants and flows that are at rest.
    /// - Parameter kept: causes that nobody counts: they come back when work does.
    static func setAside(_ kept: [String]) -> SQL {
        """
        UPDATE app.alerts a SET state = 'resolved', resolved_at = clock_timestamp(), items = CASE WHEN a.items IS NULL THEN NULL ELSE 0 END,
          set_aside = split_part(a.key, '/', 1) = ANY (\(kept))
        FROM app.tenants t WHERE t.tenant_id = a.tenant_id AND a.state = 'open' AND \(unsafe: atRest)
        """
    }

    /// Opens again what was set aside, where work goes on.
    static func bringBack() -> SQL {
        """
        UPDATE app.alerts a SET state = 'open', set_aside = false, resolved_at = NULL, items = CASE WHEN a.items = 0 THEN NULL ELSE a.items END,
          last_at = clock_timestamp(), \(unsafe: AlertStatements.again("true", or: "false"))
        FROM app.tenants t WHERE t.tenant_id = a.tenant_id AND a.set_aside AND NOT \(unsafe: atRest)
        """
    }

    /// The one row, for as long as the transaction lasts; none where another holds it or has looked within the time.
    static func watch(every period: Duration) -> SQL {
        """
        SELECT clock_timestamp() AS now, public_key, (counted_at IS NULL OR counted_at < clock_timestamp() - interval '1 minute') AS counts
        FROM adm.alert_watch WHERE looked_at IS NULL OR looked_at <= clock_timestamp() - \(period.wholeMilliseconds) * interval '1 millisecond'
        FOR UPDATE SKIP LOCKED
        """
    }

    static func watched(counted: Bool) -> SQL {
        "UPDATE adm.alert_watch SET looked_at = clock_timestamp(), counted_at = CASE WHEN \(counted) THEN clock_timestamp() ELSE counted_at END"
    }

    static func publicKey() -> SQL { "SELECT public_key FROM adm.alert_watch" }

    static func setPublicKey(_ key: [UInt8]) -> SQL { "UPDATE adm.alert_watch SET public_key = \(key) WHERE public_key IS NULL" }
}

extension PostgresTransaction {
    public func standingAlerts() async throws(Fault) -> [StandingAlert] {
        var out: [StandingAlert] = []
        for row in try await query(AlertBoardStatements.standing()) {
            let items: Int32? = try row.get("items")
            out.append(StandingAlert(
                id: try row.get("id"), tenant: try row.get("tenant_id"), tenantSlug: try row.get("slug"), tenantName: try row.get("name"), key: try row.get("key"),
                severity: AlertRow.Severity(rawValue: try row.get("severity")) ?? .warning, cause: try row.get("cause"), remedy: try row.get("remedy"),
                isOpen: try row.get("state", as: String.self) == "open", episode: Int(try row.get("episode", as: Int32.self)),
                hits: Int(try row.get("hits", as: Int32.self)), items: items.map { Int($0) }, firstAt: try row.get("first_at"),
                openedAt: try row.get("opened_at"), lastAt: try row.get("last_at"), resolvedAt: try row.get("resolved_at"),
                isAcknowledged: try row.get("acknowledged"), mutedUntil: try row.get("muted_until")))
        }
        return out
    }

    /// Before the board is read: what is at rest is no news, and what goes on is.
    /// - Parameter kept: causes that whoever raised them takes back.
    public func restAlerts(kept: [String]) async throws(Fault) {
        _ = try await batch([AlertBoardStatements.setAside(kept), AlertBoardStatements.bringBack()])
    }

    public func openAlerts(_ seen: [SeenAlert]) async throws(Fault) {
        if !seen.isEmpty { _ = try await query(AlertBoardStatements.open(seen)) }
    }

    public func refreshAlerts(_ seen: [SeenAlert]) async throws(Fault) {
        if !seen.isEmpty { _ = try await query(AlertBoardStatements.refresh(seen)) }
    }

    public func resolveAlerts(_ gone: [StandingAlert]) async throws(Fault) {
        if !gone.isEmpty { _ = try await query(AlertBoardStatements.resolve(gone)) }
    }
}

extension Store {
    /// Runs the body as the only one who looks, and at most so often; `false` when it was not run. `counts`: whether the slow counts are due as well.
    public func watchAlerts(
        every period: Duration, _ body: @Sendable (PostgresTransaction, _ now: Timestamp, _ counts: Bool) async throws(Fault) -> Void
    ) async throws(Fault) -> Bool {
        try await transaction { tx throws(Fault) in
            guard let row = try await tx.query(AlertBoardStatements.watch(every: period)).first else { return false }
            let counts: Bool = try row.get("counts")
            try await body(tx, try row.get("now"), counts)
            _ = try await tx.query(AlertBoardStatements.watched(counted: counts))
            return true
        }
    }

    /// What seals for whoever delivers; `nil` until it has been there once.
    public func alertKey() async throws(Fault) -> [UInt8]? {
        try await pool.query(AlertBoardStatements.publicKey()).first?.get("public_key", as: [UInt8]?.self)
    }

    /// - Throws: `alert_key_differs` when another is there: who delivers elsewhere has another file.
    public func setAlertKey(_ key: [UInt8]) async throws(Fault) {
        _ = try await pool.query(AlertBoardStatements.setPublicKey(key))
        guard try await alertKey() == key else {
            throw Fault(
                "alert_key_differs", stage: .configuration, disposition: .hold,
                summary: "the database knows another key for the secrets of alert routes than this host has",
                remedy: "Bring secrets/alerts.key of the first host here: every host that runs `counterfoil schedule` has the same.")
        }
    }
}
