internal import Crypto
public import Kernel
public import Postgres

/// Who is signed in, as they stand now.
public enum SignedIn: Sendable {
    case key(APIKeyRow)
    case user(UserRow)

    /// What is kept of a session's id: SHA-256.
    public static func digest(_ id: String) -> [UInt8] { Digest.sha256(Array(id.utf8)) }

    var visibility: Visibility {
        switch self {
        case .key(let row): row.visibility
        case .user(let row): row.visibility
        }
    }
}

public enum SessionStatements {
    public static func open(_ digest: [UInt8], key: APIKeyID?, user: UserID?, owner: Visibility, at now: Timestamp, until: Timestamp) -> SQL {
        """
        INSERT INTO adm.sessions (digest, key_id, user_id, consultancy_id, tenant_id, opened_at, seen_at, until)
        VALUES (\(digest), \(key), \(user), \(owner.consultancy), \(owner.tenant), \(now), \(now), \(until))
        """
    }

    /// Of one owner's the oldest beyond so many.
    public static func endOldest(of owner: Visibility, beyond most: Int) -> SQL {
        """
        DELETE FROM adm.sessions WHERE digest IN (
          SELECT digest FROM adm.sessions WHERE tenant_id IS NOT DISTINCT FROM \(owner.tenant) AND consultancy_id IS NOT DISTINCT FROM \(owner.consultancy)
          ORDER BY until DESC, digest OFFSET \(Int64(most)))
        """
    }

    /// Whoever is signed in, while the key is not revoked, the user not disabled, and their tenant not removed. That they were here is noted once a minute.
    public static func find(_ digest: [UInt8], at now: Timestamp) -> SQL {
        """
        WITH seen AS (
          UPDATE adm.sessions SET seen_at = \(now) WHERE digest = \(digest) AND until > \(now) AND seen_at < \(now)::timestamptz - interval '1 minute' RETURNING 1
        )
        SELECT s.key_id IS NOT NULL AS by_key, coalesce(k.id, u.id) AS id, coalesce(k.label, u.name) AS name, coalesce(k.consultancy_id, u.consultancy_id) AS consultancy_id,
          coalesce(k.tenant_id, u.tenant_id) AS tenant_id, coalesce(k.scopes, u.scopes) AS scopes
        FROM adm.sessions s
        LEFT JOIN app.api_keys k ON k.id = s.key_id AND k.revoked_at IS NULL
        LEFT JOIN adm.users u ON u.id = s.user_id AND u.disabled_at IS NULL
        LEFT JOIN app.tenants t ON t.tenant_id = coalesce(k.tenant_id, u.tenant_id)
        WHERE s.digest = \(digest) AND s.until > \(now) AND coalesce(k.id, u.id) IS NOT NULL AND coalesce(t.state, '') <> 'removed'
        """
    }

    public static func close(_ digest: [UInt8]) -> SQL { "DELETE FROM adm.sessions WHERE digest = \(digest)" }

    public static func endAll(of user: UserID) -> SQL { "DELETE FROM adm.sessions WHERE user_id = \(user)" }

    public static func expire(at now: Timestamp) -> SQL { "DELETE FROM adm.sessions WHERE until <= \(now)" }
}

public enum SignInStatements {
    /// Counts a try for each subject, and says how many there are by now since when. In one order, so that two who try at once never wait for each other.
    public static func count(_ subjects: [[UInt8]], at now: Timestamp, window: Duration) -> SQL {
        let begins = now - window
        return """
            INSERT INTO adm.sign_in_tries AS t (subject, since, tries) SELECT s, \(now), 1 FROM unnest(\(subjects)) s ORDER BY s
            ON CONFLICT (subject) DO UPDATE SET tries = CASE WHEN t.since <= \(begins) THEN 1 ELSE least(t.tries, 1000000) + 1 END,
              since = CASE WHEN t.since <= \(begins) THEN EXCLUDED.since ELSE t.since END
            RETURNING subject, tries, since
            """
    }

    /// A try that was none: the password was right.
    public static func giveBack(_ subjects: [[UInt8]]) -> SQL {
        """
        WITH mine AS (SELECT subject FROM adm.sign_in_tries WHERE subject = ANY (\(subjects)) ORDER BY subject FOR UPDATE),
        gone AS (DELETE FROM adm.sign_in_tries t USING mine m WHERE t.subject = m.subject AND t.tries <= 1 RETURNING 1)
        UPDATE adm.sign_in_tries t SET tries = t.tries - 1 FROM mine m WHERE t.subject = m.subject AND t.tries > 1
        """
    }

    public static func forget(_ subject: [UInt8]) -> SQL { "DELETE FROM adm.sign_in_tries WHERE subject = \(subject)" }

    public static func forgetOld(before then: Timestamp) -> SQL { "DELETE FROM adm.sign_in_tries WHERE since <= \(then)" }
}

/// How often it was tried of late.
public struct SignInTries: Sendable {
    public var subject: [UInt8]
    public var tries: Int
    public var since: Timestamp
}

extension Store {
    /// Opens a session. Of more than `most` of the same tenant's, consultancy's or the operator's own the oldest end: nobody ends another's by opening many.
    /// - Parameters:
    ///   - digest: `SignedIn.digest` of its id.
    ///   - against: what was kept of a user's password when it was looked at; `nil` for a key.
    /// - Returns: whether it was: not, where the user's password was set anew meanwhile, or the user disabled.
    public func openSession(_ digest: [UInt8], for who: SignedIn, against: String?, at now: Timestamp, until: Timestamp, most: Int) async throws(Fault) -> Bool {
        try await transaction { tx throws(Fault) in
            if case .user(let row) = who {
                guard let against, try await !tx.query(UserStatements.stillHas(row.id, against)).isEmpty else { return false }
            }
            switch who {
            case .key(let row): _ = try await tx.query(SessionStatements.open(digest, key: row.id, user: nil, owner: row.visibility, at: now, until: until))
            case .user(let row):
                _ = try await tx.query(SessionStatements.open(digest, key: nil, user: row.id, owner: row.visibility, at: now, until: until))
                _ = try await tx.query(UserStatements.signedIn(row.id))
                try await tx.audit(row.owner, [AuditEntry(actor: row.actor, action: "user.signed_in", subject: "user \(row.id)")])
            }
            _ = try await tx.query(SessionStatements.endOldest(of: who.visibility, beyond: most))
            return true
        }
    }

    /// Who is signed in by this session; `nil` when it has ended, or its key or user.
    public func signedIn(_ digest: [UInt8], at now: Timestamp) async throws(Fault) -> SignedIn? {
        guard let row = try await pool.query(SessionStatements.find(digest, at: now)).first else { return nil }
        let sees = Visibility(consultancy: try row.get("consultancy_id"), tenant: try row.get("tenant_id")), scopes: [String] = try row.get("scopes")
        if try row.get("by_key", as: Bool.self) { return .key(APIKeyRow(id: try row.get("id"), label: try row.get("name"), visibility: sees, scopes: scopes)) }
        return .user(UserRow(id: try row.get("id"), name: try row.get("name"), visibility: sees, scopes: scopes))
    }

    public func closeSession(_ digest: [UInt8]) async throws(Fault) { _ = try await pool.query(SessionStatements.close(digest)) }

    /// Forgets sessions that have ended, and tries that count no longer.
    public func forgetSessions(at now: Timestamp, window: Duration) async throws(Fault) {
        _ = try await pool.query(SessionStatements.expire(at: now))
        _ = try await pool.query(SignInStatements.forgetOld(before: now - window))
    }

    /// Counts a try before its password is looked at, so that many at once are not let through together.
    public func countSignIn(_ subjects: [[UInt8]], at now: Timestamp, window: Duration) async throws(Fault) -> [SignInTries] {
        var out: [SignInTries] = []
        for row in try await pool.query(SignInStatements.count(subjects, at: now, window: window)) {
            out.append(SignInTries(subject: try row.get("subject"), tries: Int(try row.get("tries", as: Int32.self)), since: try row.get("since")))
        }
        return out
    }

    /// The tries count for nothing: nobody could look at the password.
    public func giveBackSignIn(_ subjects: [[UInt8]]) async throws(Fault) { _ = try await pool.query(SignInStatements.giveBack(subjects)) }

    /// The password was right: of `whole` nothing counts any more, of the others one try less.
    public func forgiveSignIn(_ whole: [UInt8], _ others: [[UInt8]]) async throws(Fault) {
        _ = try await pool.query(SignInStatements.forget(whole))
        _ = try await pool.query(SignInStatements.giveBack(others))
    }

    /// Says in the trail that a user's sign-in was closed for a while.
    public func noteLockOut(_ user: UserRow) async throws(Fault) {
        try await transaction { tx throws(Fault) in
            try await tx.audit(user.owner, [AuditEntry(actor: "control-plane", action: "user.locked_out", subject: "user \(user.id)")])
        }
    }
}
