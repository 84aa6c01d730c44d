public import Kernel
public import Postgres

/// A consent with all that its pages show, as the control plane sees it: nothing of what is sealed.
public struct ConsentView: Sendable {
    public var tenant: TenantID
    public var id: ConsentID
    public var connection: ConnectionID
    public var kind: String
    public var state: String
    public var browserDigest: [UInt8]?
    public var expiresAt: Timestamp
    /// JSON, as the worker and the pages wrote it.
    public var found: [UInt8]?
    public var fault: [UInt8]?
    public var platform: String
    /// The connection's, empty where it is learned by consent.
    public var account: String
    public var baseURL: String?
    /// A flow tells this source what the ledger has of its documents.
    public var isTold: Bool
    public var connectionState: String
    /// JSON: the account as it was when it was last asked.
    public var identity: [UInt8]?
    public var tenantName: String
    public var tenantState: String
    public var consultancyName: String
    /// JSON array of `{name, country, currency}`: the organisations that the connection is for.
    public var organisations: [UInt8]
}

public enum AdminConsentStatements {
    private static let view = """
        SELECT s.tenant_id, s.id, s.connection_id, s.kind, s.state, s.browser_digest, s.expires_at, s.found, s.fault, c.platform, c.account, c.base_url,
          EXISTS (SELECT FROM app.flows f WHERE f.tenant_id = c.tenant_id AND f.source_id = c.id AND f.policies->>'reflect' = 'on') AS is_told,
          c.state AS connection_state, c.identity, t.name AS tenant_name, t.state AS tenant_state, y.name AS consultancy_name,
          \(ExpectedAccountStatements.organisations) AS organisations
        FROM app.consents s JOIN app.connections c ON c.tenant_id = s.tenant_id AND c.id = s.connection_id
        JOIN app.tenants t ON t.tenant_id = s.tenant_id JOIN app.consultancies y ON y.id = t.consultancy_id
        """

    public static func byLink(_ digest: [UInt8]) -> SQL { "\(unsafe: view) WHERE s.link_digest = \(digest)" }
    public static func byState(_ digest: [UInt8]) -> SQL { "\(unsafe: view) WHERE s.state_digest = \(digest)" }
    public static func byID(_ id: ConsentID) -> SQL { "\(unsafe: view) WHERE s.id = \(id)" }

    /// As the API shows it.
    private static let consent = """
        json_build_object('id', s.id, 'tenant', s.tenant_id, 'connection', s.connection_id, 'kind', s.kind, 'state', s.state, 'found', s.found,
          'fault', s.fault, 'created_by', s.created_by, 'created_at', \(AdminSQL.utc("s.created_at")), 'expires_at', \(AdminSQL.utc("s.expires_at")),
          'settled_at', \(AdminSQL.utc("s.settled_at")))
        """

    /// Newest first.
    public static func list(_ tenant: TenantID, _ connection: ConnectionID, _ page: PageRequest) -> SQL {
        var sql: SQL = """
            SELECT s.tenant_id, \(unsafe: consent) AS json, ARRAY[\(unsafe: AdminSQL.utc("s.created_at")), s.id::text] AS cursor FROM app.consents s
            WHERE s.tenant_id = \(tenant) AND s.connection_id = \(connection)
            """
        // As text, whose order is that of the times: a cursor may be anything.
        if page.after != nil { sql += " AND (\(unsafe: AdminSQL.utc("s.created_at")) COLLATE \"C\", s.id::text) < (\(page.text(0)), \(page.text(1)))" }
        return sql + " ORDER BY s.created_at DESC, s.id::text DESC LIMIT \(page.limit)"
    }

    public static func one(_ id: ConsentID, _ sees: Visibility) -> SQL {
        """
        SELECT s.tenant_id, \(unsafe: consent) AS json FROM app.consents s JOIN app.tenants t ON t.tenant_id = s.tenant_id
        WHERE s.id = \(id) AND \(sees.condition("t"))
        """
    }
}

extension Store {
    /// By the SHA-256 of a link's secret.
    public func consent(link digest: [UInt8]) async throws(Fault) -> ConsentView? { try await view(AdminConsentStatements.byLink(digest)) }

    /// By the SHA-256 of a callback's `state`.
    public func consent(state digest: [UInt8]) async throws(Fault) -> ConsentView? { try await view(AdminConsentStatements.byState(digest)) }

    public func consent(_ id: ConsentID) async throws(Fault) -> ConsentView? { try await view(AdminConsentStatements.byID(id)) }

    private func view(_ sql: SQL) async throws(Fault) -> ConsentView? {
        guard let row = try await pool.query(sql).first else { return nil }
        return ConsentView(
            tenant: try row.get("tenant_id"), id: try row.get("id"), connection: try row.get("connection_id"), kind: try row.get("kind"),
            state: try row.get("state"), browserDigest: try row.get("browser_digest"), expiresAt: try row.get("expires_at"),
            found: try row.get("found", as: PostgresJSON?.self)?.bytes, fault: try row.get("fault", as: PostgresJSON?.self)?.bytes,
            platform: try row.get("platform"), account: try row.get("account"), baseURL: try row.get("base_url"), isTold: try row.get("is_told"),
            connectionState: try row.get("connection_state"), identity: try row.get("identity", as: PostgresJSON?.self)?.bytes,
            tenantName: try row.get("tenant_name"), tenantState: try row.get("tenant_state"), consultancyName: try row.get("consultancy_name"),
            organisations: try row.get("organisations", as: PostgresJSON.self).bytes)
    }

    public func adminConsents(_ tenant: TenantID, _ connection: ConnectionID, _ page: PageRequest) async throws(Fault) -> [AdminRow] {
        try await adminRows(AdminConsentStatements.list(tenant, connection, page))
    }

    public func adminConsent(_ id: ConsentID, _ sees: Visibility) async throws(Fault) -> AdminRow? {
        try await adminRow(AdminConsentStatements.one(id, sees))
    }
}
