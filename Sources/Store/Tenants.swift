internal import Books
public import Kernel
public import Postgres

/// A legal entity of a tenant.
public struct OrganisationRow: Sendable {
    public var id: OrganisationID
    public var slug: String
    public var name: String
    public var country: String
    public var baseCurrency: String
    public var timeZone: String
}

/// A connection as its tenant's worker sees it.
public struct ConnectionRow: Sendable {
    public var id: ConnectionID
    public var slug: String
    public var platform: String
    public var account: String
    public var baseURL: String?
    /// JSON object of strings.
    public var settings: [UInt8]
    public var state: String
    public var credential: [UInt8]?
    public var credentialBefore: [UInt8]?
    public var credentialVersion: Int
    public var watermark: Timestamp?
    /// Since when its platform has not answered.
    public var downSince: Timestamp?
    /// How far the platform's clock is ahead of ours, seconds, where that is more than it should be.
    public var clockAhead_s: Int?
    /// What its platform says of its account, where it says so.
    public var country: String?
    /// How often a person gave a credential. Of another number than a call began with, it may open another company.
    public var given = 0
    /// Whether the account was found to be the right one with that credential, or no other was given since there was one.
    public var isIdentified = true

    public init(
        id: ConnectionID, slug: String, platform: String, account: String, baseURL: String?, settings: [UInt8], state: String, credential: [UInt8]?,
        credentialBefore: [UInt8]?, credentialVersion: Int, watermark: Timestamp?, downSince: Timestamp? = nil
    ) {
        self.id = id
        self.slug = slug
        self.platform = platform
        self.account = account
        self.baseURL = baseURL
        self.settings = settings
        self.state = state
        self.credential = credential
        self.credentialBefore = credentialBefore
        self.credentialVersion = credentialVersion
        self.watermark = watermark
        self.downSince = downSince
    }
}

/// A flow with what it joins.
public struct FlowRow: Sendable {
    public var id: FlowID
    public var slug: String
    public var organisation: OrganisationRow
    public var sourceID: ConnectionID
    public var ledgerID: ConnectionID
    /// JSON object of strings.
    public var policies: [UInt8]
    public var state: String
    public var cutOver: LocalDate?
    /// When the database was last declared restored to an older state; `nil`: never since the flow was made.
    public var restoredAt: Timestamp?
}

public enum TenantStatements {
    public static func flows(_ tenant: TenantID) -> SQL {
        """
        SELECT f.id, f.slug, f.source_id, f.ledger_id, f.policies, f.state, f.cut_over, f.restored_at,
               o.id AS organisation_id, o.slug AS organisation_slug, o.name AS organisation_name, o.country, o.base_currency, o.time_zone
        FROM app.flows f JOIN app.organisations o ON o.tenant_id = f.tenant_id AND o.id = f.organisation_id
        WHERE f.tenant_id = \(tenant) ORDER BY f.slug
        """
    }

    public static func connection(_ tenant: TenantID, _ id: ConnectionID) -> SQL {
        """
        SELECT id, slug, platform, account, base_url, settings, state, credential, credential_before, credential_version, given, identified, watermark, down_since, clock_ahead_s,
          identity->>'country' AS country
        FROM app.connections WHERE tenant_id = \(tenant) AND id = \(id)
        """
    }

    public static func connections(_ tenant: TenantID) -> SQL {
        """
        SELECT id, slug, platform, account, base_url, settings, state, credential, credential_before, credential_version, given, identified, watermark, down_since, clock_ahead_s,
          identity->>'country' AS country
        FROM app.connections WHERE tenant_id = \(tenant) ORDER BY slug
        """
    }

    /// The newest structure and rules.
    public static func configuration(_ tenant: TenantID) -> SQL {
        """
        SELECT s.version AS structure_version, s.body AS structure, r.version AS rules_version, r.body AS rules
        FROM (SELECT version, body FROM app.structures WHERE tenant_id = \(tenant) ORDER BY version DESC LIMIT 1) s
        FULL JOIN (SELECT version, body FROM app.rule_sets WHERE tenant_id = \(tenant) ORDER BY version DESC LIMIT 1) r ON true
        """
    }

    /// A pause is a person's to end, whatever becomes of the credential meanwhile: that is found again when it is resumed.
    public static func setConnectionState(_ tenant: TenantID, _ id: ConnectionID, state: String, reason: String?) -> SQL {
        """
        UPDATE app.connections SET state = \(state), state_reason = \(reason), updated_at = now()
        WHERE tenant_id = \(tenant) AND id = \(id) AND state <> \(state) AND (state <> 'paused' OR \(state)::text NOT IN ('dead', 'new'))
        """
    }

    /// The new token set, with the old one kept beside it until `forgetOldCredential`. Guarded by the version: one owner.
    public static func saveCredential(_ tenant: TenantID, _ id: ConnectionID, sealed: [UInt8], expecting version: Int) -> SQL {
        """
        UPDATE app.connections SET credential_before = credential, credential = \(sealed), credential_version = credential_version + 1,
          updated_at = now()
        WHERE tenant_id = \(tenant) AND id = \(id) AND credential_version = \(version) RETURNING credential_version
        """
    }

    public static func forgetOldCredential(_ tenant: TenantID, _ id: ConnectionID, version: Int) -> SQL {
        """
        UPDATE app.connections SET credential_before = NULL WHERE tenant_id = \(tenant) AND id = \(id) AND credential_version = \(version)
        """
    }

    public static func saveWatermark(_ tenant: TenantID, _ id: ConnectionID, _ watermark: Timestamp?) -> SQL {
        """
        UPDATE app.connections SET watermark = greatest(watermark, \(watermark)), swept_at = clock_timestamp()
        WHERE tenant_id = \(tenant) AND id = \(id)
        """
    }

    /// The platform does not answer since now, or since whenever that was said first; without a reason: it answers again.
    public static func setDown(_ tenant: TenantID, _ id: ConnectionID, reason: String?) -> SQL {
        """
        UPDATE app.connections SET down_since = CASE WHEN \(reason)::text IS NULL THEN NULL ELSE coalesce(down_since, clock_timestamp()) END,
          down_reason = \(reason)
        WHERE tenant_id = \(tenant) AND id = \(id) AND (down_since IS NULL) <> (\(reason)::text IS NULL)
        """
    }

    /// Since now the platform's clock is so far ahead of ours; without a number: it no longer is.
    public static func setClock(_ tenant: TenantID, _ id: ConnectionID, ahead_s: Int?) -> SQL {
        """
        UPDATE app.connections SET clock_ahead_s = \(ahead_s), clock_since = CASE WHEN \(ahead_s)::integer IS NULL THEN NULL ELSE coalesce(clock_since, clock_timestamp()) END
        WHERE tenant_id = \(tenant) AND id = \(id)
        """
    }

    /// A connection that nobody has to connect, because its source sends by itself, stays as it is. What was asked with another credential than the one that
    /// is there says nothing of it.
    public static func saveIdentity(_ tenant: TenantID, _ id: ConnectionID, _ identity: [UInt8], given: Int) -> SQL {
        """
        UPDATE app.connections SET identity = \(PostgresJSON(identity)), state = CASE WHEN state IN ('new', 'dead') AND credential IS NOT NULL THEN 'live' ELSE state END,
          state_reason = NULL, identified = given, updated_at = now() WHERE tenant_id = \(tenant) AND id = \(id) AND given = \(Int32(given))
        """
    }

    /// Whoever is at the other end is not who is meant, or does not say who he is: nothing but that question is asked before a person has given another credential,
    /// or the answer is another one.
    public static func refuseIdentity(_ tenant: TenantID, _ id: ConnectionID, reason: String, given: Int) -> SQL {
        """
        UPDATE app.connections SET state = CASE WHEN state = 'live' THEN 'new' ELSE state END, state_reason = \(reason), identified = NULL, updated_at = now()
        WHERE tenant_id = \(tenant) AND id = \(id) AND given = \(Int32(given))
          AND (state = 'live' OR identified IS NOT NULL OR state_reason IS DISTINCT FROM \(reason))
        """
    }

    /// Orders that wait to be fetched from this connection are fetched at once, since it was not live.
    static func hurryFetches(_ tenant: TenantID, _ id: ConnectionID) -> SQL {
        """
        UPDATE app.jobs SET due_at = clock_timestamp(), generation = generation + 1
        WHERE tenant_id = \(tenant) AND kind = 'fetch' AND starts_with(subject, \("\(id)/")) AND due_at > clock_timestamp()
        """
    }
}

extension ConnectionRow {
    init(_ row: PostgresRow) throws(Fault) {
        id = try row.get("id")
        slug = try row.get("slug")
        platform = try row.get("platform")
        account = try row.get("account")
        baseURL = try row.get("base_url")
        settings = try row.get("settings", as: PostgresJSON.self).bytes
        state = try row.get("state")
        credential = try row.get("credential")
        credentialBefore = try row.get("credential_before")
        credentialVersion = Int(try row.get("credential_version", as: Int32.self))
        watermark = try row.get("watermark")
        downSince = try row.get("down_since")
        clockAhead_s = try row.get("clock_ahead_s", as: Int32?.self).map { Int($0) }
        country = try row.get("country")
        given = Int(try row.get("given", as: Int32.self))
        let identified: Int32? = try row.get("identified")
        isIdentified = given == 0 || identified.map { Int($0) } == given
    }
}

/// The newest account structure and rules of a tenant, as JSON.
public struct ConfigurationRow: Sendable {
    public var structureVersion: Int
    public var structure: [UInt8]
    public var rulesVersion: Int
    public var rules: [UInt8]
}

extension Store {
    public func flows(_ tenant: TenantID) async throws(Fault) -> [FlowRow] {
        var out: [FlowRow] = []
        for row in try await pool.query(TenantStatements.flows(tenant)) {
            let organisation = OrganisationRow(
                id: try row.get("organisation_id"), slug: try row.get("organisation_slug"), name: try row.get("organisation_name"),
                country: try row.get("country"), baseCurrency: try row.get("base_currency"), timeZone: try row.get("time_zone"))
            out.append(FlowRow(
                id: try row.get("id"), slug: try row.get("slug"), organisation: organisation, sourceID: try row.get("source_id"),
                ledgerID: try row.get("ledger_id"), policies: try row.get("policies", as: PostgresJSON.self).bytes, state: try row.get("state"),
                cutOver: try row.get("cut_over"), restoredAt: try row.get("restored_at")))
        }
        return out
    }

    public func connections(_ tenant: TenantID) async throws(Fault) -> [ConnectionRow] {
        var out: [ConnectionRow] = []
        for row in try await pool.query(TenantStatements.connections(tenant)) { out.append(try ConnectionRow(row)) }
        return out
    }

    public func connection(_ tenant: TenantID, _ id: ConnectionID) async throws(Fault) -> ConnectionRow? {
        guard let row = try await pool.query(TenantStatements.connection(tenant, id)).first else { return nil }
        return try ConnectionRow(row)
    }

    /// `nil` until both a structure and rules have been applied.
    public func configuration(_ tenant: TenantID) async throws(Fault) -> ConfigurationRow? {
        guard let row = try await pool.query(TenantStatements.configuration(tenant)).first,
            let structure: PostgresJSON = try row.get("structure"), let rules: PostgresJSON = try row.get("rules"),
            let sv: Int32 = try row.get("structure_version"), let rv: Int32 = try row.get("rules_version")
        else { return nil }
        return ConfigurationRow(structureVersion: Int(sv), structure: structure.bytes, rulesVersion: Int(rv), rules: rules.bytes)
    }

    /// Changes a connection's state, with its audit row; nothing happens when it is in that state already, or is paused and would be `dead` or `new`.
    public func setConnectionState(_ tenant: TenantID, _ id: ConnectionID, state: String, reason: String?, actor: String) async throws(Fault) {
        try await transaction { tx throws(Fault) in
            let changed = try await tx.query(TenantStatements.setConnectionState(tenant, id, state: state, reason: reason)).affected
            if changed > 0 { try await tx.audit(tenant, [AuditEntry(actor: actor, action: "connection.\(state)", subject: "connection \(id)")]) }
        }
    }

    /// Persists a refreshed token set before its first use.
    /// - Throws: `credential_conflict` (disposition retry) when somebody else saved one meanwhile.
    public func saveCredential(_ tenant: TenantID, _ id: ConnectionID, sealed: [UInt8], expecting version: Int) async throws(Fault) -> Int {
        try await transaction { tx throws(Fault) in
            guard let row = try await tx.query(TenantStatements.saveCredential(tenant, id, sealed: sealed, expecting: version)).first else {
                throw Fault("credential_conflict", stage: .database, disposition: .retry, summary: "the credential was changed by somebody else meanwhile")
            }
            try await tx.audit(tenant, [AuditEntry(actor: "worker", action: "connection.refreshed", subject: "connection \(id)")])
            return Int(try row.get("credential_version", as: Int32.self))
        }
    }

    public func forgetOldCredential(_ tenant: TenantID, _ id: ConnectionID, version: Int) async throws(Fault) {
        _ = try await pool.query(TenantStatements.forgetOldCredential(tenant, id, version: version))
    }

    public func saveWatermark(_ tenant: TenantID, _ id: ConnectionID, _ watermark: Timestamp?) async throws(Fault) {
        _ = try await pool.query(TenantStatements.saveWatermark(tenant, id, watermark))
    }

    /// Notes that the platform does not answer, or (without a reason) that it does again.
    public func setClock(_ tenant: TenantID, _ id: ConnectionID, ahead_s: Int?) async throws(Fault) {
        _ = try await pool.query(TenantStatements.setClock(tenant, id, ahead_s: ahead_s))
    }

    public func setDown(_ tenant: TenantID, _ id: ConnectionID, reason: String?) async throws(Fault) {
        _ = try await pool.query(TenantStatements.setDown(tenant, id, reason: reason))
    }

    /// - Parameter given: the number of the credential that was asked with.
    /// - Returns: false where a person has given another one since; nothing is kept then.
    @discardableResult
    public func saveIdentity(_ tenant: TenantID, _ id: ConnectionID, _ identity: [UInt8], given: Int) async throws(Fault) -> Bool {
        try await transaction { tx throws(Fault) in
            guard try await tx.query(TenantStatements.saveIdentity(tenant, id, identity, given: given)).affected > 0 else { return false }
            _ = try await tx.query(TenantStatements.hurryFetches(tenant, id))
            try await tx.audit(tenant, [AuditEntry(actor: "worker", action: "connection.identified", subject: "connection \(id)", detail: identity)])
            return true
        }
    }

    /// Nothing more is read or written at the connection, which is said once with its alert. Nothing happens where a person has given another credential since.
    public func refuseIdentity(_ tenant: TenantID, _ id: ConnectionID, given: Int, alert: AlertRow, fault: [UInt8]) async throws(Fault) {
        try await transaction { tx throws(Fault) in
            _ = try await tx.query(AdminConnectionStatements.lock(tenant, id))
            guard let row = try await tx.query(TenantStatements.connection(tenant, id)).first, try ConnectionRow(row).given == given else { return }
            if try await tx.query(TenantStatements.refuseIdentity(tenant, id, reason: alert.cause, given: given)).affected > 0 {
                try await tx.audit(tenant, [AuditEntry(actor: "worker", action: "connection.refused", subject: "connection \(id)", detail: fault)])
            }
            try await tx.raise(tenant, [alert])
        }
    }
}
