internal import Crypto
public import Kernel
public import Postgres

/// Somebody who signs in to the console. Never the password, nor what is kept of it.
public struct UserRow: Sendable {
    public var id: UserID
    /// What is typed at the sign-in; letters are the same in either case.
    public var name: String
    public var visibility: Visibility
    public var scopes: [String]

    public init(id: UserID, name: String, visibility: Visibility, scopes: [String]) {
        self.id = id
        self.name = name
        self.visibility = visibility
        self.scopes = scopes
    }

    init(_ row: PostgresRow) throws(Fault) {
        self.init(
            id: try row.get("id"), name: try row.get("name"), visibility: Visibility(consultancy: try row.get("consultancy_id"), tenant: try row.get("tenant_id")),
            scopes: try row.get("scopes"))
    }

    /// The trail belongs to tenants; what concerns a whole consultancy or the operator is kept under that id.
    public var owner: TenantID { TenantID(visibility.tenant?.uuid ?? visibility.consultancy?.uuid ?? id.uuid) }

    /// In the audit trail: names are anybody's choice, so the id's beginning goes with it.
    public var actor: String { "user \(name) (\(id.description.prefix(8)))" }
}

/// A name that a user may have: letters, digits and `._%+@-`, so that an address of e-mail is one.
public enum UserName {
    /// In characters.
    public static let lengthMost = 100
    /// Of a password, in characters.
    public static let passwordLeast = 12
    public static let passwordMost = 200

    public static func fits(_ text: String) -> Bool {
        (1 ... lengthMost).contains(text.utf8.count) && text.utf8.first.map(isLetterOrDigit) == true
            && text.utf8.allSatisfy { isLetterOrDigit($0) || [46, 95, 37, 43, 64, 45].contains($0) }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool { (byte | 32) >= 97 && (byte | 32) <= 122 || byte >= 48 && byte <= 57 }

    /// One that was drawn: 100 bits, in five groups to be read out.
    public static func drawnPassword(_ random: some RandomSource) -> Secret {
        let text = Array(base32Text(random.bytes(13), characters: 20))
        return Secret(stride(from: 0, to: 20, by: 4).map { String(text[$0 ..< $0 + 4]) }.joined(separator: "-"))
    }
}

public enum UserStatements {
    private static let user = """
        json_build_object('id', u.id, 'name', u.name, 'scopes', u.scopes, 'consultancy', u.consultancy_id, 'tenant', u.tenant_id,
          'created_at', \(AdminSQL.utc("u.created_at")), 'password_set_at', \(AdminSQL.utc("u.password_set_at")),
          'signed_in_at', \(AdminSQL.utc("u.signed_in_at")), 'disabled_at', \(AdminSQL.utc("u.disabled_at")))
        """

    public static func insert(_ new: UserRow, password: String) -> SQL {
        """
        INSERT INTO adm.users AS u (id, name, password, consultancy_id, tenant_id, scopes)
        VALUES (\(new.id), \(new.name), \(password), \(new.visibility.consultancy), \(new.visibility.tenant), \(new.scopes)) RETURNING \(unsafe: user) AS json
        """
    }

    /// Users that see no more than `sees`.
    public static func list(_ sees: Visibility, _ page: PageRequest) -> SQL {
        """
        SELECT \(unsafe: user) AS json, ARRAY[lower(u.name)] AS cursor FROM adm.users u LEFT JOIN app.tenants t ON t.tenant_id = u.tenant_id
        WHERE lower(u.name) > \(page.text(0))
        """ + within(sees) + " ORDER BY lower(u.name) LIMIT \(page.limit)"
    }

    public static func one(_ id: UserID, _ sees: Visibility) -> SQL {
        "SELECT \(unsafe: user) AS json FROM adm.users u LEFT JOIN app.tenants t ON t.tenant_id = u.tenant_id WHERE u.id = \(id)" + within(sees)
    }

    private static func within(_ sees: Visibility) -> SQL {
        var sql: SQL = ""
        if let own = sees.consultancy { sql += " AND coalesce(u.consultancy_id, t.consultancy_id) = \(own)" }
        if let tenant = sees.tenant { sql += " AND u.tenant_id = \(tenant)" }
        return sql
    }

    /// Who may sign in under this name: neither disabled nor of a removed tenant.
    public static func named(_ name: String) -> SQL {
        """
        SELECT u.id, u.name, u.consultancy_id, u.tenant_id, u.scopes, u.password FROM adm.users u LEFT JOIN app.tenants t ON t.tenant_id = u.tenant_id
        WHERE lower(u.name) = lower(\(name)) AND u.disabled_at IS NULL AND coalesce(t.state, '') <> 'removed'
        """
    }

    /// Whoever has this name, disabled or not.
    public static func found(_ name: String) -> SQL { "SELECT id FROM adm.users WHERE lower(name) = lower(\(name))" }

    /// What is `nil` stays.
    public static func change(_ id: UserID, disabled: Bool?, scopes: [String]?) -> SQL {
        """
        UPDATE adm.users u SET scopes = coalesce(\(scopes), u.scopes),
          disabled_at = CASE \(disabled) WHEN true THEN coalesce(u.disabled_at, clock_timestamp()) WHEN false THEN NULL ELSE u.disabled_at END
        WHERE u.id = \(id) RETURNING u.id, u.name, u.consultancy_id, u.tenant_id, u.scopes, \(unsafe: user) AS json
        """
    }

    public static func setPassword(_ id: UserID, _ password: String) -> SQL {
        """
        UPDATE adm.users u SET password = \(password), password_set_at = clock_timestamp() WHERE u.id = \(id)
        RETURNING u.id, u.name, u.consultancy_id, u.tenant_id, u.scopes
        """
    }

    /// The same password, kept at another cost; nothing where it was set anew meanwhile.
    public static func keepAnew(_ id: UserID, _ password: String, instead old: String) -> SQL {
        "UPDATE adm.users SET password = \(password) WHERE id = \(id) AND password = \(old)"
    }

    /// A row where the user may sign in by the password that is kept so. Whoever sets another waits for the session that opens, and ends it. It is the lock of
    /// the update that follows: two that sign in at once and shared a weaker one would each wait for the other's end.
    public static func stillHas(_ id: UserID, _ password: String) -> SQL {
        "SELECT 1 FROM adm.users WHERE id = \(id) AND password = \(password) AND disabled_at IS NULL FOR NO KEY UPDATE"
    }

    public static func signedIn(_ id: UserID) -> SQL { "UPDATE adm.users SET signed_in_at = clock_timestamp() WHERE id = \(id)" }

    /// The trail says what the user may do, and for whom.
    static func created(_ row: UserRow, actor: String) -> SQL {
        """
        INSERT INTO app.audit (tenant_id, actor, action, subject, detail)
        VALUES (\(row.owner), \(actor), 'user.created', \("user \(row.id)"), jsonb_build_object('name', \(row.name)::text, 'scopes', \(row.scopes)::text[],
          'consultancy', \(row.visibility.consultancy)::uuid, 'tenant', \(row.visibility.tenant)::uuid))
        """
    }
}

extension Store {
    /// Makes a user.
    /// - Parameters:
    ///   - password: what is kept of it: `PasswordHash.make`.
    ///   - actor: who asks, for the audit trail: `operator`.
    /// - Throws: `invalid_user_request` for a name or scopes that can't be; `unique_violation` for a name that is taken; the database's faults.
    public func createUser(_ row: UserRow, password: String, actor: String) async throws(Fault) -> AdminRow {
        guard UserName.fits(row.name), !row.scopes.isEmpty, row.scopes.allSatisfy({ ["read", "write", "admin"].contains($0) }) else {
            throw Fault("invalid_user_request", stage: .api, disposition: .reject, summary: "a user needs a name and scopes",
                remedy: "Name: up to 100 letters, digits and ._%+@-. Scopes: read, write, admin.")
        }
        return try await transaction { tx throws(Fault) in
            let json = try (try await tx.query(UserStatements.insert(row, password: password))).adminRow()
            _ = try await tx.query(UserStatements.created(row, actor: actor))
            return json
        }
    }

    public func adminUsers(_ sees: Visibility, _ page: PageRequest) async throws(Fault) -> [AdminRow] { try await adminRows(UserStatements.list(sees, page)) }

    public func adminUser(_ id: UserID, _ sees: Visibility) async throws(Fault) -> AdminRow? { try await adminRow(UserStatements.one(id, sees)) }

    /// Who may sign in under a name, and what is kept of the password; `nil` for whoever is unknown or disabled.
    public func user(named name: String) async throws(Fault) -> (row: UserRow, password: String)? {
        guard let row = try await pool.query(UserStatements.named(name)).first else { return nil }
        return (try UserRow(row), try row.get("password"))
    }

    /// The id behind a name, also of a user who is disabled.
    public func userID(named name: String) async throws(Fault) -> UserID? { try await pool.query(UserStatements.found(name)).first?.get("id") }

    /// Disables, enables, or gives other scopes; what is `nil` stays. Whoever is disabled is signed in nowhere any more, and links that were made by
    /// him lead nowhere, nor do those of whoever may no longer administer. `nil` where there is no such user.
    public func changeUser(_ id: UserID, disabled: Bool?, scopes: [String]?, actor: String) async throws(Fault) -> AdminRow? {
        try await transaction { tx throws(Fault) in try await tx.changeUser(id, disabled: disabled, scopes: scopes, actor: actor) }
    }

    /// Another password; whoever is signed in with the old one is so no longer. Whether there is such a user.
    /// - Parameter password: what is kept of it: `PasswordHash.make`.
    public func setPassword(_ id: UserID, _ password: String, actor: String) async throws(Fault) -> Bool {
        try await transaction { tx throws(Fault) in
            guard let row = try await tx.query(UserStatements.setPassword(id, password)).first else { return false }
            let user = try UserRow(row)
            _ = try await tx.query(SessionStatements.endAll(of: id))
            // Somebody else does it because the old one may be known: links that were made with it may be a stranger's.
            if actor != user.actor { _ = try await tx.query(ConsentStatements.revokeMade(with: APIKeyID(id.uuid), actor: actor)) }
            try await tx.audit(user.owner, [AuditEntry(actor: actor, action: "user.password_set", subject: "user \(id)")])
            return true
        }
    }

    /// Keeps the same password at today's cost. Whether it did: not where what is kept is another by now, as after a sign-in at the same moment.
    public func keepPassword(_ id: UserID, _ password: String, instead old: String) async throws(Fault) -> Bool {
        try await pool.query(UserStatements.keepAnew(id, password, instead: old)).affected == 1
    }
}

extension PostgresTransaction {
    /// `Store.changeUser` within a transaction.
    public func changeUser(_ id: UserID, disabled: Bool?, scopes: [String]?, actor: String) async throws(Fault) -> AdminRow? {
        let rows = try await query(UserStatements.change(id, disabled: disabled, scopes: scopes))
        guard let row = rows.first else { return nil }
        let user = try UserRow(row)
        var entries: [AuditEntry] = []
        if let disabled { entries.append(AuditEntry(actor: actor, action: disabled ? "user.disabled" : "user.enabled", subject: "user \(id)")) }
        if scopes != nil {
            // Words of ours: nothing in them has to be escaped.
            let words = user.scopes.map { "\"\($0)\"" }.joined(separator: ",")
            entries.append(AuditEntry(actor: actor, action: "user.changed", subject: "user \(id)", detail: Array("{\"scopes\":[\(words)]}".utf8)))
        }
        try await audit(user.owner, entries)
        if disabled == true { _ = try await query(SessionStatements.endAll(of: id)) }
        // Links are made by those who may administer, and lead nowhere once they may not.
        if disabled == true || !user.scopes.contains("admin") { _ = try await query(ConsentStatements.revokeMade(with: APIKeyID(id.uuid), actor: actor)) }
        return try rows.adminRow()
    }
}
