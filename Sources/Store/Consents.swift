public import Kernel
public import Postgres

/// A link that a person connects a platform by.
public struct NewConsent: Sendable {
    public var id: ConsentID
    public var connection: ConnectionID
    /// `direct` or `invitation`.
    public var kind: String
    /// SHA-256 of what makes the link work; the link itself is shown once.
    public var linkDigest: [UInt8]
    /// The API key that it is made with, and ends with; of a user who made it his id, which no key has.
    public var key: APIKeyID
    public var createdBy: String
    public var expiresAt: Timestamp

    public init(id: ConsentID, connection: ConnectionID, kind: String, linkDigest: [UInt8], key: APIKeyID, createdBy: String, expiresAt: Timestamp) {
        self.id = id
        self.connection = connection
        self.kind = kind
        self.linkDigest = linkDigest
        self.key = key
        self.createdBy = createdBy
        self.expiresAt = expiresAt
    }
}

/// A consent as the tenant's worker sees it.
public struct ConsentRow: Sendable {
    public var id: ConsentID
    public var connection: ConnectionID
    public var state: String
    public var verifier: [UInt8]?
    public var answer: [UInt8]?
    public var credential: [UInt8]?
    public var account: String?
    public var expiresAt: Timestamp

    /// What binds a sealed part (`verifier`, `answer`) to its place.
    public static func context(_ part: String, _ tenant: TenantID, _ id: ConsentID) -> [UInt8] { Array("consent \(part) \(tenant) \(id)".utf8) }
}

/// What a move of a consent writes into the trail.
public struct ConsentMove: Sendable {
    public var tenant: TenantID
    public var consent: ConsentID
    public var connection: ConnectionID
    public var actor: String
    /// `consent.granted`.
    public var action: String
    public var fault: Fault?
    /// The account that it is about, as a JSON string with its quotes.
    public var accountJSON: String?

    public init(_ tenant: TenantID, _ consent: ConsentID, of connection: ConnectionID, actor: String, action: String, fault: Fault? = nil) {
        self.tenant = tenant
        self.consent = consent
        self.connection = connection
        self.actor = actor
        self.action = action
        self.fault = fault
    }

    public var entry: AuditEntry {
        // An id and a code of ours: nothing in them has to be escaped.
        let account = accountJSON.map { ",\"account\":\($0)" } ?? ""
        let code = fault.map { ",\"fault\":\"\($0.code)\"" } ?? ""
        return AuditEntry(actor: actor, action: action, subject: "connection \(connection)", detail: Array("{\"consent\":\"\(consent)\"\(account)\(code)}".utf8))
    }
}

public enum ConsentStatements {
    /// No row where the key was revoked, or the user disabled, a moment ago: that row is locked, so that whoever does it ends this link, too.
    public static func insert(_ tenant: TenantID, _ new: NewConsent) -> SQL {
        """
        INSERT INTO app.consents (tenant_id, id, connection_id, kind, link_digest, key_id, created_by, expires_at)
        SELECT \(tenant), \(new.id), \(new.connection), \(new.kind), \(new.linkDigest), k.id, \(new.createdBy), \(new.expiresAt)
        FROM (
          SELECT id FROM (SELECT id FROM app.api_keys WHERE id = \(new.key) AND revoked_at IS NULL FOR SHARE) a
          UNION ALL
          SELECT id FROM (SELECT id FROM adm.users WHERE id = \(new.key) AND disabled_at IS NULL FOR SHARE) b
        ) k
        """
    }

    /// Every link that was made with the key and still leads somewhere; each with its audit row.
    public static func revokeMade(with key: APIKeyID, actor: String) -> SQL {
        """
        WITH gone AS (
          UPDATE app.consents SET state = 'revoked', settled_at = clock_timestamp(), verifier = NULL, answer = NULL, credential = NULL
          WHERE key_id = \(key) AND settled_at IS NULL RETURNING tenant_id, id, connection_id
        )
        INSERT INTO app.audit (tenant_id, actor, action, subject, detail)
        SELECT tenant_id, \(actor), 'consent.revoked', 'connection ' || connection_id, json_build_object('consent', id, 'key', \(key)) FROM gone
        """
    }

    /// Every link to the connection that still leads somewhere; each with its audit row.
    public static func revokeAll(of tenant: TenantID, _ connection: ConnectionID, actor: String) -> SQL {
        """
        WITH gone AS (
          UPDATE app.consents SET state = 'revoked', settled_at = clock_timestamp(), verifier = NULL, answer = NULL, credential = NULL
          WHERE tenant_id = \(tenant) AND connection_id = \(connection) AND settled_at IS NULL RETURNING tenant_id, id, connection_id
        )
        INSERT INTO app.audit (tenant_id, actor, action, subject, detail)
        SELECT tenant_id, \(actor), 'consent.revoked', 'connection ' || connection_id, json_build_object('consent', id) FROM gone
        """
    }

    /// How many links to the connection may still lead somewhere.
    public static func unsettled(_ tenant: TenantID, _ connection: ConnectionID, at now: Timestamp) -> SQL {
        """
        SELECT count(*) AS n FROM app.consents
        WHERE tenant_id = \(tenant) AND connection_id = \(connection) AND settled_at IS NULL AND expires_at > \(now)
        """
    }

    /// The browser that used the link goes to the platform: link and browser are one from now on. It may go once more before the answer, with a new state and
    /// in the time that it has; `refusals` bounds that too, since each is written into the trail.
    public static func ask(
        _ tenant: TenantID, _ id: ConsentID, browser: [UInt8], state: [UInt8], verifier: [UInt8]?, until: Timestamp, at now: Timestamp
    ) -> SQL {
        """
        UPDATE app.consents SET state = 'asked', browser_digest = \(browser), state_digest = \(state), verifier = \(verifier),
          expires_at = CASE WHEN state = 'open' THEN \(until) ELSE expires_at END, refusals = CASE WHEN state = 'open' THEN refusals ELSE refusals + 1 END
        WHERE tenant_id = \(tenant) AND id = \(id) AND expires_at > \(now)
          AND (state = 'open' OR state = 'asked' AND browser_digest = \(browser) AND refusals < 100)
        """
    }

    /// The platform's answer is here, sealed for the worker.
    public static func receive(_ tenant: TenantID, _ id: ConsentID, answer: [UInt8], account: String?, at now: Timestamp) -> SQL {
        """
        UPDATE app.consents SET state = 'received', answer = \(answer), account = \(account)
        WHERE tenant_id = \(tenant) AND id = \(id) AND state = 'asked' AND expires_at > \(now)
        """
    }

    public static func one(_ tenant: TenantID, _ id: ConsentID) -> SQL {
        """
        SELECT id, connection_id, state, verifier, answer, credential, account, expires_at FROM app.consents
        WHERE tenant_id = \(tenant) AND id = \(id)
        """
    }

    /// The code is about to be sent, or was not after all.
    public static func send(_ tenant: TenantID, _ id: ConsentID, back: Bool) -> SQL {
        let (from, to) = back ? ("sent", "received") : ("received", "sent")
        return "UPDATE app.consents SET state = \(to) WHERE tenant_id = \(tenant) AND id = \(id) AND state = \(from)"
    }

    /// The token set, sealed as the connection would keep it; what it was traded for goes.
    public static func grant(_ tenant: TenantID, _ id: ConsentID, credential: [UInt8]) -> SQL {
        """
        UPDATE app.consents SET state = 'granted', credential = \(credential), answer = NULL, verifier = NULL
        WHERE tenant_id = \(tenant) AND id = \(id) AND state = 'sent'
        """
    }

    /// The accounts that the person is to confirm or to choose from.
    public static func find(_ tenant: TenantID, _ id: ConsentID, found: [UInt8]) -> SQL {
        """
        UPDATE app.consents SET state = 'found', found = \(PostgresJSON(found)) WHERE tenant_id = \(tenant) AND id = \(id) AND state = 'granted'
        """
    }

    /// Nothing comes of it. `from`: only where it is in that state.
    public static func fail(_ tenant: TenantID, _ id: ConsentID, fault: [UInt8], from: String?) -> SQL {
        """
        UPDATE app.consents SET state = 'failed', fault = \(PostgresJSON(fault)), settled_at = clock_timestamp(), verifier = NULL, answer = NULL, credential = NULL
        WHERE tenant_id = \(tenant) AND id = \(id) AND settled_at IS NULL AND state = coalesce(\(from)::text, state) AND state <> 'open'
        """
    }

    /// Somebody was turned away: written into the trail up to a bound, since whoever has the link can ask as often as he likes.
    public static func refuse(_ tenant: TenantID, _ id: ConsentID) -> SQL {
        "UPDATE app.consents SET refusals = refusals + 1 WHERE tenant_id = \(tenant) AND id = \(id) AND refusals < 100"
    }

    public static func revoke(_ tenant: TenantID, _ id: ConsentID) -> SQL {
        """
        UPDATE app.consents SET state = 'revoked', settled_at = clock_timestamp(), verifier = NULL, answer = NULL, credential = NULL
        WHERE tenant_id = \(tenant) AND id = \(id) AND settled_at IS NULL
        """
    }

    /// The token set becomes the connection's, under its account or the first that it has; no row where the consent has gone on or the account is another.
    public static func confirm(_ tenant: TenantID, _ id: ConsentID, account: String, at now: Timestamp) -> SQL {
        """
        WITH taken AS (
          SELECT s.tenant_id, s.id, s.connection_id, s.credential FROM app.consents s
          WHERE s.tenant_id = \(tenant) AND s.id = \(id) AND s.state = 'found' AND s.expires_at > \(now) FOR UPDATE
        ), kept AS (
          UPDATE app.connections c SET credential = k.credential, account = CASE WHEN c.account = '' THEN \(account) ELSE c.account END,
            \(unsafe: AdminConnectionStatements.begins)
          FROM taken k WHERE c.tenant_id = k.tenant_id AND c.id = k.connection_id AND (c.account = '' OR lower(c.account) = lower(\(account)))
          RETURNING c.tenant_id, k.id
        )
        UPDATE app.consents s SET state = 'confirmed', settled_at = clock_timestamp(), credential = NULL FROM kept
        WHERE s.tenant_id = kept.tenant_id AND s.id = kept.id RETURNING s.id
        """
    }

    /// What ran out of time keeps nothing; each with its audit row.
    public static func expire(at now: Timestamp) -> SQL {
        """
        WITH gone AS (
          UPDATE app.consents SET state = 'expired', settled_at = clock_timestamp(), verifier = NULL, answer = NULL, credential = NULL
          WHERE settled_at IS NULL AND expires_at <= \(now) RETURNING tenant_id, id, connection_id
        )
        INSERT INTO app.audit (tenant_id, actor, action, subject, detail)
        SELECT tenant_id, 'control-plane', 'consent.expired', 'connection ' || connection_id, json_build_object('consent', id) FROM gone
        """
    }
}

extension Fault {
    /// A connection keeps the account that it began with: its documents are that account's.
    public static func consentOtherAccount(found: String, expected: String) -> Fault {
        Fault(
            "consent_other_account", stage: .api, disposition: .reject,
            summary: "the account that was chosen is \(found); this connection belongs to \(expected)",
            remedy: "Ask for a new link and choose that account, or make another connection for this one. Nothing was changed, and nothing of the account was kept.")
    }
}

extension Store {
    /// `nil` when there is no such consent.
    public func consent(_ tenant: TenantID, _ id: ConsentID) async throws(Fault) -> ConsentRow? {
        guard let row = try await pool.query(ConsentStatements.one(tenant, id)).first else { return nil }
        return ConsentRow(
            id: try row.get("id"), connection: try row.get("connection_id"), state: try row.get("state"), verifier: try row.get("verifier"),
            answer: try row.get("answer"), credential: try row.get("credential"), account: try row.get("account"), expiresAt: try row.get("expires_at"))
    }

    /// A change of a consent's state with its audit row; false where somebody was before us.
    public func move(_ sql: SQL, _ move: ConsentMove) async throws(Fault) -> Bool {
        try await transaction { tx throws(Fault) in try await tx.move(sql, move) }
    }

    /// Settles what ran out of time.
    public func expireConsents(at now: Timestamp) async throws(Fault) { _ = try await pool.query(ConsentStatements.expire(at: now)) }
}

extension PostgresTransaction {
    /// The same within a transaction.
    public func move(_ sql: SQL, _ move: ConsentMove) async throws(Fault) -> Bool {
        guard try await query(sql).affected > 0 else { return false }
        try await audit(move.tenant, [move.entry])
        return true
    }
}
