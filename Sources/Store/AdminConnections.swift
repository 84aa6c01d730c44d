public import Kernel
public import Postgres

/// A connection to be made.
public struct NewConnection: Sendable {
    public var id: ConnectionID
    public var slug: String
    public var platform: String
    public var account: String
    public var baseURL: String?
    /// JSON object of strings.
    public var settings: [UInt8]

    public init(id: ConnectionID, slug: String, platform: String, account: String, baseURL: String?, settings: [UInt8]) {
        self.id = id
        self.slug = slug
        self.platform = platform
        self.account = account
        self.baseURL = baseURL
        self.settings = settings
    }
}

/// Another base for a connection.
public struct BaseChange: Sendable {
    /// `nil`: the platform's own.
    public var url: String?
    /// The base that it was compared with.
    public var former: String?
    /// It is of another place: what was given for the one before does not go there.
    public var moves: Bool

    public init(url: String?, former: String?, moves: Bool) {
        self.url = url
        self.former = former
        self.moves = moves
    }
}

/// What the webhook intake must know of a connection.
public struct IntakeRow: Sendable {
    public var tenant: TenantID
    public var platform: String
    public var tenantState: String
    /// Sealed under the intake key.
    public var webhookSecret: [UInt8]?
    public var publicKey: [UInt8]?
}

public enum AdminConnectionStatements {
    /// Never the credential, never the secret: only that they are there.
    static let connection = """
        json_build_object('id', c.id, 'tenant', c.tenant_id, 'slug', c.slug, 'platform', c.platform, 'account', c.account,
          'base_url', c.base_url, 'settings', c.settings, 'state', c.state, 'state_reason', c.state_reason, 'identity', c.identity,
          'credential', json_build_object('present', c.credential IS NOT NULL, 'version', c.credential_version),
          'webhook_secret', json_build_object('present', c.webhook_secret IS NOT NULL), 'webhook_path', '/hooks/' || c.id,
          'watermark', \(AdminSQL.utc("c.watermark")), 'swept_at', \(AdminSQL.utc("c.swept_at")),
          'created_at', \(AdminSQL.utc("c.created_at")), 'updated_at', \(AdminSQL.utc("c.updated_at")))
        """

    public static func insert(_ tenant: TenantID, _ new: NewConnection) -> SQL {
        """
        INSERT INTO app.connections AS c (tenant_id, id, slug, platform, account, base_url, settings)
        VALUES (\(tenant), \(new.id), \(new.slug), \(new.platform), \(new.account), \(new.baseURL), \(PostgresJSON(new.settings)))
        RETURNING c.tenant_id, \(unsafe: connection) AS json
        """
    }

    public static func list(_ tenant: TenantID, slug: String?, platform: String?, _ page: PageRequest) -> SQL {
        var sql: SQL = """
            SELECT c.tenant_id, \(unsafe: connection) AS json, ARRAY[c.slug] AS cursor FROM app.connections c
            WHERE c.tenant_id = \(tenant) AND c.slug > \(page.text(0))
            """
        if let slug { sql += " AND c.slug = \(slug)" }
        if let platform { sql += " AND c.platform = \(platform)" }
        return sql + " ORDER BY c.slug LIMIT \(page.limit)"
    }

    public static func one(_ id: ConnectionID, _ sees: Visibility) -> SQL {
        """
        SELECT c.tenant_id, \(unsafe: connection) AS json FROM app.connections c JOIN app.tenants t ON t.tenant_id = c.tenant_id
        WHERE c.id = \(id) AND \(sees.condition("t"))
        """
    }

    public static func lock(_ tenant: TenantID, _ id: ConnectionID) -> SQL {
        "SELECT 1 AS one FROM app.connections WHERE tenant_id = \(tenant) AND id = \(id) FOR NO KEY UPDATE"
    }

    /// `state`: `paused`, also before the account is known that a credential opens, or `live` again after it. What is said of the credential stays through a pause.
    /// A base of another place drops the credential and what the account was known by: the connection is `new`, or stays `paused` where a person paused it. Nothing
    /// becomes `live` that was not identified where it is now.
    public static func update(_ tenant: TenantID, _ id: ConnectionID, settings: [UInt8]?, base: BaseChange?, state: String?) -> SQL {
        var sql: SQL = "UPDATE app.connections AS c SET updated_at = now()"
        // A ledger that is to be asked more often is not left alone until the old interval is over.
        if let settings { sql += ", settings = \(PostgresJSON(settings)), changes_due_at = NULL" }
        if let base {
            // A base that somebody else has changed meanwhile was not compared: the credential goes.
            sql += """
                , base_url = \(base.url), (state, state_reason, credential, credential_before, credential_version, given, identity) = (
                  SELECT CASE WHEN goes AND coalesce(\(state)::text, c.state) <> 'paused' THEN 'new' ELSE \(wanted(state)) END,
                    CASE WHEN goes THEN \(moved) WHEN coalesce(\(state)::text, 'paused') = 'paused' THEN c.state_reason END,
                    CASE WHEN NOT goes THEN c.credential END, CASE WHEN NOT goes THEN c.credential_before END, c.credential_version + goes::integer,
                    c.given + goes::integer, CASE WHEN NOT goes THEN c.identity END
                  FROM (SELECT c.credential IS NOT NULL AND (\(base.moves) OR c.base_url IS DISTINCT FROM \(base.former)) AS goes) g)
                """
        } else if let state {
            sql += ", state = \(wanted(state)), state_reason = CASE WHEN \(state)::text = 'paused' THEN c.state_reason END"
        }
        sql += " WHERE c.tenant_id = \(tenant) AND c.id = \(id)"
        if let state { sql += " AND (c.state IN ('live', 'paused') OR (\(state)::text = 'paused' AND c.state = 'new' AND c.credential IS NOT NULL))" }
        return sql + " RETURNING c.tenant_id, \(unsafe: connection) AS json"
    }

    /// `live` after a pause only where the account was identified with the very credential that is there; else it is identified first.
    private static func wanted(_ state: String?) -> SQL {
        """
        CASE WHEN \(state)::text = 'live' AND c.state = 'paused' AND (c.credential IS NULL OR c.identified IS DISTINCT FROM c.given) THEN 'new'
          ELSE coalesce(\(state)::text, c.state) END
        """
    }

    static let moved = "base_url names another host: the credential for the former one was dropped"

    /// Of a connection `c` that gets a credential from a person: whoever is at its other end is asked first, also where another one worked until now. For all
    /// that anybody knows it opens another company. A pause stays.
    static let begins = """
        credential_before = NULL, credential_version = c.credential_version + 1, given = c.given + 1,
          state = CASE WHEN c.state IN ('dead', 'live') THEN 'new' ELSE c.state END, state_reason = NULL, updated_at = now()
        """

    /// A credential given by a person replaces whatever was there; nothing but the question who is there is asked with it before that is answered.
    public static func putCredential(_ tenant: TenantID, _ id: ConnectionID, sealed: [UInt8]) -> SQL {
        """
        UPDATE app.connections AS c SET credential = \(sealed), \(unsafe: begins)
        WHERE c.tenant_id = \(tenant) AND c.id = \(id) RETURNING c.tenant_id, \(unsafe: connection) AS json
        """
    }

    /// Those of them that there is a credential for are asked who is there; of what a person paused nothing is asked before he resumes it.
    public static func askWho(_ tenant: TenantID, _ ids: [ConnectionID]) -> SQL {
        """
        INSERT INTO app.jobs AS j (tenant_id, kind, subject, lane)
        SELECT tenant_id, 'identify', id::text, 'interactive' FROM app.connections
        WHERE tenant_id = \(tenant) AND id = ANY (\(ids)) AND credential IS NOT NULL AND state <> 'paused' ORDER BY 3
        ON CONFLICT (tenant_id, kind, subject) DO UPDATE SET generation = j.generation + 1, due_at = least(j.due_at, EXCLUDED.due_at), lane = EXCLUDED.lane
        """
    }

    public static func putWebhookSecret(_ tenant: TenantID, _ id: ConnectionID, sealed: [UInt8]) -> SQL {
        """
        UPDATE app.connections AS c SET webhook_secret = \(sealed), updated_at = now()
        WHERE c.tenant_id = \(tenant) AND c.id = \(id) RETURNING c.tenant_id, \(unsafe: connection) AS json
        """
    }

    public static func intake(_ id: ConnectionID) -> SQL {
        """
        SELECT c.tenant_id, c.platform, t.state AS tenant_state, c.webhook_secret, t.public_key
        FROM app.connections c JOIN app.tenants t ON t.tenant_id = c.tenant_id WHERE c.id = \(id)
        """
    }

    /// Jobs that were put off because of a fault are due at once: what was wrong may be mended now.
    public static func hurry(_ tenant: TenantID) -> SQL {
        """
        UPDATE app.jobs SET due_at = clock_timestamp(), generation = generation + 1
        WHERE tenant_id = \(tenant) AND fault IS NOT NULL AND due_at > clock_timestamp()
        """
    }
}

extension Store {
    public func adminConnections(_ tenant: TenantID, slug: String?, platform: String?, _ page: PageRequest) async throws(Fault) -> [AdminRow] {
        try await adminRows(AdminConnectionStatements.list(tenant, slug: slug, platform: platform, page))
    }

    public func adminConnection(_ id: ConnectionID, _ sees: Visibility) async throws(Fault) -> AdminRow? {
        try await adminRow(AdminConnectionStatements.one(id, sees))
    }

    /// `nil` when there is no such connection.
    public func intake(_ id: ConnectionID) async throws(Fault) -> IntakeRow? {
        guard let row = try await pool.query(AdminConnectionStatements.intake(id)).first else { return nil }
        return IntakeRow(
            tenant: try row.get("tenant_id"), platform: try row.get("platform"), tenantState: try row.get("tenant_state"),
            webhookSecret: try row.get("webhook_secret"), publicKey: try row.get("public_key"))
    }
}
