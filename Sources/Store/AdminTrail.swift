public import Kernel
public import Postgres

public enum AdminTrailStatements {
    // MARK: Audit

    /// Newest first.
    public static func audit(_ tenant: TenantID, subject: String?, _ page: PageRequest) -> SQL {
        let before = Int64(page.text(0)) ?? .max
        var sql: SQL = """
            SELECT a.tenant_id, json_build_object('id', a.id, 'at', \(unsafe: AdminSQL.utc("a.at")), 'actor', a.actor, 'action', a.action,
              'subject', a.subject, 'detail', a.detail) AS json, ARRAY[a.id::text] AS cursor
            FROM app.audit a WHERE a.tenant_id = \(tenant) AND a.id < \(before)
            """
        if let subject { sql += " AND a.subject = \(subject)" }
        return sql + " ORDER BY a.id DESC LIMIT \(page.limit)"
    }

    // MARK: Proofs

    /// Newest day first.
    /// - Parameters:
    ///   - ofAccounts: accounts alone, or `false`: days alone.
    ///   - unexplained: only what does not agree.
    public static func proofs(_ tenant: TenantID, _ flow: FlowID, ofAccounts: Bool?, unexplained: Bool, _ page: PageRequest) -> SQL {
        var sql: SQL = """
            SELECT p.tenant_id, json_build_object('tenant', p.tenant_id, 'flow', p.flow_id, 'day', p.day, 'currency', p.currency, 'account', p.account,
              'source_minor', p.source_minor, 'posted_minor', p.posted_minor, 'open_minor', p.open_minor, 'unexplained_minor', p.unexplained_minor,
              'items', p.items, 'proved_at', \(unsafe: AdminSQL.utc("p.proved_at"))) AS json, ARRAY[p.day::text, p.currency, p.account] AS cursor
            FROM app.proofs p WHERE p.tenant_id = \(tenant) AND p.flow_id = \(flow)
            """
        if let ofAccounts { sql += " AND (p.account <> '') = \(ofAccounts)" }
        if unexplained { sql += " AND p.unexplained_minor <> 0" }
        if let day = LocalDate(page.text(0)) { sql += " AND (p.day < \(day) OR (p.day = \(day) AND (p.currency, p.account) > (\(page.text(1)), \(page.text(2)))))" }
        return sql + " ORDER BY p.day DESC, p.currency, p.account LIMIT \(page.limit)"
    }

    // MARK: Idempotency keys

    /// One row when the key is new or a day old; none when its first answer stands.
    public static func claim(_ key: APIKeyID, _ word: String, digest: [UInt8]) -> SQL {
        """
        INSERT INTO app.idempotency_keys AS k (api_key_id, key, request_digest) VALUES (\(key), \(word), \(digest))
        ON CONFLICT (api_key_id, key) DO UPDATE SET request_digest = EXCLUDED.request_digest, status = NULL, body = NULL, created_at = now()
          WHERE k.created_at < now() - interval '24 hours'
        RETURNING 1 AS one
        """
    }

    public static func firstAnswer(_ key: APIKeyID, _ word: String) -> SQL {
        "SELECT request_digest, status, body FROM app.idempotency_keys WHERE api_key_id = \(key) AND key = \(word)"
    }

    public static func answer(_ key: APIKeyID, _ word: String, status: Int, body: [UInt8]) -> SQL {
        "UPDATE app.idempotency_keys SET status = \(Int32(status)), body = \(body) WHERE api_key_id = \(key) AND key = \(word)"
    }

    public static func forgetAnswers() -> SQL { "DELETE FROM app.idempotency_keys WHERE created_at < now() - interval '24 hours'" }
}

/// The first answer to a request that carried an idempotency key.
public struct FirstAnswer: Sendable {
    public var requestDigest: [UInt8]
    public var status: Int
    public var body: [UInt8]
}

extension PostgresTransaction {
    /// `nil`: this request is the first with its key, and must end with `remember`. Another one with the same key waits here until it does.
    public func firstAnswer(_ key: APIKeyID, _ word: String, digest: [UInt8]) async throws(Fault) -> FirstAnswer? {
        if try await query(AdminTrailStatements.claim(key, word, digest: digest)).count == 1 { return nil }
        guard let row = try await query(AdminTrailStatements.firstAnswer(key, word)).first, let status: Int = try row.get("status", as: Int?.self) else {
            throw Fault("idempotency_unsettled", stage: .api, disposition: .retry, summary: "the first request with this idempotency key is not settled")
        }
        return FirstAnswer(requestDigest: try row.get("request_digest"), status: status, body: try row.get("body", as: [UInt8]?.self) ?? [])
    }

    public func remember(_ key: APIKeyID, _ word: String, status: Int, body: [UInt8]) async throws(Fault) {
        _ = try await query(AdminTrailStatements.answer(key, word, status: status, body: body))
    }
}

extension Store {
    public func adminAudit(_ tenant: TenantID, subject: String?, _ page: PageRequest) async throws(Fault) -> [AdminRow] {
        try await adminRows(AdminTrailStatements.audit(tenant, subject: subject, page))
    }

    public func adminProofs(
        _ tenant: TenantID, _ flow: FlowID, ofAccounts: Bool? = nil, unexplained: Bool = false, _ page: PageRequest
    ) async throws(Fault) -> [AdminRow] {
        try await adminRows(AdminTrailStatements.proofs(tenant, flow, ofAccounts: ofAccounts, unexplained: unexplained, page))
    }

    /// Drops answers older than a day.
    public func forgetAnswers() async throws(Fault) { _ = try await pool.query(AdminTrailStatements.forgetAnswers()) }
}
