internal import Crypto
public import Kernel
public import Postgres

/// An API key as it is known to the program: never the key itself.
public struct APIKeyRow: Sendable {
    public var id: APIKeyID
    public var label: String
    public var visibility: Visibility
    public var scopes: [String]
}

public enum AdminKeyStatements {
    public static func insert(_ key: APIKeyRow, digest: [UInt8]) -> SQL {
        """
        INSERT INTO app.api_keys (id, digest, label, consultancy_id, tenant_id, scopes)
        VALUES (\(key.id), \(digest), \(key.label), \(key.visibility.consultancy), \(key.visibility.tenant), \(key.scopes))
        """
    }

    /// The trail says what the key may do, and for whom.
    static func created(_ owner: TenantID, _ key: APIKeyRow, actor: String) -> SQL {
        """
        INSERT INTO app.audit (tenant_id, actor, action, subject, detail)
        VALUES (\(owner), \(actor), 'key.created', \("key \(key.id)"), jsonb_build_object('label', \(key.label)::text, 'scopes', \(key.scopes)::text[],
          'consultancy', \(key.visibility.consultancy)::uuid, 'tenant', \(key.visibility.tenant)::uuid))
        """
    }

    /// A key works while it is not revoked and, for a tenant's key, while its tenant is not removed.
    public static func byDigest(_ digest: [UInt8]) -> SQL {
        """
        SELECT k.id, k.label, k.consultancy_id, k.tenant_id, k.scopes FROM app.api_keys k
        LEFT JOIN app.tenants t ON t.tenant_id = k.tenant_id
        WHERE k.digest = \(digest) AND k.revoked_at IS NULL AND coalesce(t.state, '') <> 'removed'
        """
    }

    private static let key = """
        json_build_object('id', k.id, 'label', k.label, 'scopes', k.scopes, 'consultancy', k.consultancy_id, 'tenant', k.tenant_id,
          'created_at', \(AdminSQL.utc("k.created_at")), 'revoked_at', \(AdminSQL.utc("k.revoked_at")))
        """

    /// Keys that see no more than `sees`.
    public static func list(_ sees: Visibility, _ page: PageRequest) -> SQL {
        """
        SELECT \(unsafe: key) AS json, ARRAY[k.label, k.id::text] AS cursor FROM app.api_keys k LEFT JOIN app.tenants t ON t.tenant_id = k.tenant_id
        WHERE (k.label, k.id::text) > (\(page.text(0)), \(page.text(1)))
        """ + within(sees) + " ORDER BY k.label, k.id::text LIMIT \(page.limit)"
    }

    public static func one(_ id: APIKeyID, _ sees: Visibility) -> SQL {
        "SELECT \(unsafe: key) AS json FROM app.api_keys k LEFT JOIN app.tenants t ON t.tenant_id = k.tenant_id WHERE k.id = \(id)" + within(sees)
    }

    private static func within(_ sees: Visibility) -> SQL {
        var sql: SQL = ""
        if let own = sees.consultancy { sql += " AND coalesce(k.consultancy_id, t.consultancy_id) = \(own)" }
        if let tenant = sees.tenant { sql += " AND k.tenant_id = \(tenant)" }
        return sql
    }

    public static func revoke(_ id: APIKeyID) -> SQL {
        """
        UPDATE app.api_keys SET revoked_at = clock_timestamp() WHERE id = \(id) AND revoked_at IS NULL
        RETURNING coalesce(tenant_id, consultancy_id, id) AS owner
        """
    }
}

extension Store {
    /// What API keys look like: `cf_` and 32 characters of Crockford base32, 160 bits of chance.
    public static let keyCharacters = 32

    /// Makes an API key and returns it; only its digest is kept, so this is the one time it can be seen.
    /// - Parameters:
    ///   - consultancy: `nil` together with `tenant`: the operator's own key, which sees everything.
    ///   - scopes: of `read`, `write`, `admin`; each includes those before it.
    ///   - actor: who asks, for the audit trail: `operator`.
    /// - Throws: `invalid_key_request` for a label or scopes that can't be; the database's faults.
    public func createKey(
        consultancy: ConsultancyID?, tenant: TenantID?, label: String, scopes: [String], actor: String, random: some RandomSource
    ) async throws(Fault) -> Secret {
        guard !label.isEmpty, label.utf8.count <= 100, label.utf8.allSatisfy({ $0 >= 32 && $0 != 127 }), !scopes.isEmpty,
            scopes.allSatisfy({ ["read", "write", "admin"].contains($0) })
        else {
            throw Fault("invalid_key_request", stage: .api, disposition: .reject, summary: "a key needs a label and scopes",
                remedy: "Label: 1 to 100 printable characters. Scopes: read, write, admin.")
        }
        let text = "cf_" + base32Text(random.bytes(20), characters: Store.keyCharacters)
        let row = APIKeyRow(
            id: random.identifier(), label: label, visibility: Visibility(consultancy: consultancy, tenant: tenant), scopes: scopes)
        let digest = Digest.sha256(Array(text.utf8))
        // The trail belongs to tenants; what concerns a whole consultancy or the operator is kept under that id.
        let owner = TenantID(tenant?.uuid ?? consultancy?.uuid ?? row.id.uuid)
        try await transaction { tx throws(Fault) in
            _ = try await tx.query(AdminKeyStatements.insert(row, digest: digest))
            _ = try await tx.query(AdminKeyStatements.created(owner, row, actor: actor))
        }
        return Secret(text)
    }

    public func adminKeys(_ sees: Visibility, _ page: PageRequest) async throws(Fault) -> [AdminRow] {
        try await adminRows(AdminKeyStatements.list(sees, page))
    }

    public func adminKey(_ id: APIKeyID, _ sees: Visibility) async throws(Fault) -> AdminRow? {
        try await adminRow(AdminKeyStatements.one(id, sees))
    }

    /// `nil` for a key that is unknown or revoked. `digest`: SHA-256 of the key's text.
    public func key(digest: [UInt8]) async throws(Fault) -> APIKeyRow? {
        guard let row = try await pool.query(AdminKeyStatements.byDigest(digest)).first else { return nil }
        return APIKeyRow(
            id: try row.get("id"), label: try row.get("label"),
            visibility: Visibility(consultancy: try row.get("consultancy_id"), tenant: try row.get("tenant_id")), scopes: try row.get("scopes"))
    }

    /// Whether there was such a key to revoke. Processes may honour it for a few seconds more. Links that were made with it lead nowhere from now on.
    public func revokeKey(_ id: APIKeyID, actor: String) async throws(Fault) -> Bool {
        try await transaction { tx throws(Fault) in
            guard let row = try await tx.query(AdminKeyStatements.revoke(id)).first else { return false }
            let owner: TenantID = try row.get("owner")
            try await tx.audit(owner, [AuditEntry(actor: actor, action: "key.revoked", subject: "key \(id)")])
            _ = try await tx.query(ConsentStatements.revokeMade(with: id, actor: actor))
            return true
        }
    }
}
