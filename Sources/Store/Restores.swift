public import Books
public import Kernel
public import Postgres

/// What a database that was brought back to an older state may have lost: the sends since. Nothing of it is sent before the ledger was looked at.
public enum RestoreStatements {
    /// How long everything is in doubt, however it is dated.
    private static let doubtDays = 60

    /// The posting `p` may have been sent, changed or taken back in the time that was lost, and nobody has looked since. For conditions.
    static let doubted = doubt("(clock_timestamp() < r.restored_at + interval '\(doubtDays) days' OR \(older))")

    /// The same where a person would have to look: not of what can't have been there before the restore by its dates.
    static let olderDoubted = doubt(older)

    private static func doubt(_ which: String) -> String {
        """
        EXISTS (SELECT FROM app.flows r WHERE r.tenant_id = p.tenant_id AND r.id = p.flow_id AND r.restored_at IS NOT NULL
          AND NOT EXISTS (SELECT FROM app.intents i WHERE i.tenant_id = p.tenant_id AND i.post_key = p.post_key AND (i.written_at >= r.restored_at
              OR (starts_with(i.attempt, '\(IntentStatements.gone)') AND i.settled_at >= r.restored_at)) OFFSET 0)
          AND \(which) OFFSET 0)
        """
    }

    /// It is dated before the restore, or ahead of its own planning, or belongs to an order that was there before.
    private static let older = """
        (p.ledger_date <= (r.restored_at + interval '1 day')::date OR p.ledger_date > p.created_at::date + 1 OR EXISTS (SELECT FROM app.documents d
          WHERE d.tenant_id = p.tenant_id AND d.flow_id = p.flow_id AND d.case_id = p.case_id AND d.happened_at < r.restored_at OFFSET 0))
        """

    /// How attempts begin that are no send, but a doubt.
    public static let attempt = "restored-"

    private static let fault = """
        {"code":"outcome_unknown","summary":"the database was restored to an older state: looked for in the ledger before it is sent"}
        """

    /// The doubt of the postings `m`, dated by the restore: no send of the time that was lost is later.
    private static let intents = """
        INSERT INTO app.intents (tenant_id, post_key, revision, action, attempt, request_digest, epoch, state, evidence, written_at)
        SELECT m.tenant_id, m.post_key, m.revision, CASE WHEN m.remote_id IS NULL THEN 'create' WHEN m.effect = 'void' THEN 'void' ELSE 'update' END,
          '\(attempt)' || extract(epoch FROM r.restored_at)::bigint, m.plan_digest, 0, 'unknown', '{"why":"the database was restored to an older state"}', r.restored_at
        FROM m JOIN app.flows r ON r.tenant_id = m.tenant_id AND r.id = m.flow_id ORDER BY m.post_key RETURNING post_key
        """

    /// Whether the flow's sources were read again since, or half an hour has passed: what is looked for is then planned as of now.
    public static func isReadAgain(_ tenant: TenantID, _ flow: FlowID) -> SQL {
        """
        SELECT f.restored_at < clock_timestamp() - interval '30 minutes' OR (
            NOT EXISTS (SELECT FROM app.cases c WHERE c.tenant_id = f.tenant_id AND c.flow_id = f.id AND c.dirty)
            AND NOT EXISTS (SELECT FROM app.connections s WHERE s.tenant_id = f.tenant_id AND (s.id = f.source_id OR s.slug = f.policies->>'returns.from')
              AND s.state = 'live' AND (s.swept_at IS NULL OR s.swept_at < f.restored_at))) AS again
        FROM app.flows f WHERE f.tenant_id = \(tenant) AND f.id = \(flow) AND f.restored_at IS NOT NULL
        """
    }

    /// Makes what may go now and is in doubt `unknown`, to be looked for.
    public static func doubt(_ tenant: TenantID, _ flow: FlowID, limit: Int) -> SQL {
        """
        WITH d AS (
          SELECT p.post_key FROM (\(PostingStatements.going(tenant, flow))) p WHERE p.next_attempt_at <= clock_timestamp()
            AND \(unsafe: PostingStatements.unhindered) AND \(unsafe: doubted) ORDER BY p.ledger_date, p.post_key LIMIT \(limit)
        ), m AS (
          UPDATE app.postings p SET state = 'unknown', fault = '\(unsafe: fault)', attempts = 0, next_attempt_at = now(), updated_at = clock_timestamp()
          FROM d WHERE p.tenant_id = \(tenant) AND p.post_key = d.post_key AND p.state = 'cleared'
          RETURNING p.tenant_id, p.post_key, p.flow_id, p.revision, p.effect, p.remote_id, p.plan_digest
        )
        \(unsafe: intents)
        """
    }

    /// Whether something may go but for being in doubt.
    public static func waits(_ tenant: TenantID, _ flow: FlowID) -> SQL {
        """
        SELECT EXISTS (SELECT FROM (\(PostingStatements.going(tenant, flow))) p WHERE \(unsafe: PostingStatements.unhindered) AND \(unsafe: doubted)) AS waits
        """
    }

    /// The same of postings that nothing calls for any more: what the ledger has of them is taken back, not forgotten.
    public static func doubt(_ tenant: TenantID, _ keys: [PostKey]) -> SQL {
        """
        WITH m AS (
          UPDATE app.postings p SET state = 'unknown', fault = '\(unsafe: fault)', findings = '[]', attempts = 0, next_attempt_at = now(), updated_at = clock_timestamp()
          WHERE p.tenant_id = \(tenant) AND p.post_key = ANY (\(keys.map(\.text))) AND p.state IN ('mapped', 'cleared', 'held', 'rejected')
            AND p.remote_id IS NULL AND p.part_of IS NULL AND NOT p.by_hand AND \(unsafe: doubted)
          RETURNING p.tenant_id, p.post_key, p.flow_id, p.revision, p.effect, p.remote_id, p.plan_digest
        )
        \(unsafe: intents)
        """
    }

    /// Of these postings, those in doubt; `older`: only those that a person would have to look for.
    public static func among(_ tenant: TenantID, _ keys: [PostKey], older: Bool) -> SQL {
        """
        SELECT p.post_key FROM app.postings p WHERE p.tenant_id = \(tenant) AND p.post_key = ANY (\(keys.map(\.text)))
          AND \(unsafe: older ? olderDoubted : doubted)
        """
    }

    /// Of these keys, those that no posting of the tenant has.
    public static func unknown(_ tenant: TenantID, _ keys: [PostKey]) -> SQL {
        """
        SELECT k AS post_key FROM unnest(\(keys.map(\.text))) AS t(k)
        WHERE NOT EXISTS (SELECT FROM app.postings p WHERE p.tenant_id = \(tenant) AND p.post_key = k) ORDER BY k
        """
    }

    /// A person says that the ledger has it not: where it was held for that, nobody looks.
    public static func vouch(_ tenant: TenantID, _ key: PostKey) -> SQL {
        """
        INSERT INTO app.intents (tenant_id, post_key, revision, action, attempt, request_digest, epoch, state, evidence, settled_at)
        SELECT p.tenant_id, p.post_key, p.revision, 'create', 'released', p.plan_digest, 0, 'not_sent', '{"why":"released by a person after a restore"}', clock_timestamp()
        FROM app.postings p WHERE p.tenant_id = \(tenant) AND p.post_key = \(key.text) AND p.state = 'held' AND p.findings @> '[{"check": "restored"}]' AND \(unsafe: olderDoubted)
        """
    }

    /// The cases of postings that were looked for: they waited for it.
    public static func dirty(_ tenant: TenantID, _ keys: [PostKey]) -> SQL {
        """
        UPDATE app.cases c SET dirty = true, changed_at = clock_timestamp() FROM app.postings p
        WHERE p.tenant_id = \(tenant) AND p.post_key = ANY (\(keys.map(\.text))) AND c.tenant_id = p.tenant_id AND c.flow_id = p.flow_id AND c.case_id = p.case_id
        """
    }
}

extension Settlement {
    /// It is about a doubt, not about a send.
    var isDoubt: Bool { attempt.hasPrefix(RestoreStatements.attempt) }
}

extension UnsettledRow {
    /// Nothing of ours was sent: the database was restored, and nobody knows what was sent in the time that was lost.
    public var isDoubt: Bool { attempt.hasPrefix(RestoreStatements.attempt) }
}

extension Store {
    /// Has postings of a flow looked for that may go and are in doubt since a restore. How long until there is more to look for; `nil`: nothing is in doubt.
    public func doubt(_ tenant: TenantID, _ flow: FlowID, limit: Int) async throws(Fault) -> Duration? {
        var moved = 0
        if try await pool.query(RestoreStatements.isReadAgain(tenant, flow)).first?.get("again") ?? false {
            moved = try await transaction { tx throws(Fault) in try await tx.doubt(tenant, RestoreStatements.doubt(tenant, flow, limit: limit)) }
        }
        guard try await pool.query(RestoreStatements.waits(tenant, flow)).first?.get("waits") ?? false else { return nil }
        return moved > 0 ? .milliseconds(50) : .seconds(10)
    }

    /// Those of the keys that are in doubt since a restore, by their dates: where nobody but a person can look.
    public func doubted(_ tenant: TenantID, _ keys: [PostKey]) async throws(Fault) -> Set<PostKey> {
        try await self.keys(RestoreStatements.among(tenant, keys, older: true))
    }

    /// Those of the keys that no posting has.
    public func unknownKeys(_ tenant: TenantID, _ keys: [PostKey]) async throws(Fault) -> Set<PostKey> {
        keys.isEmpty ? [] : try await self.keys(RestoreStatements.unknown(tenant, keys))
    }

    private func keys(_ sql: SQL) async throws(Fault) -> Set<PostKey> {
        var out: Set<PostKey> = []
        for row in try await pool.query(sql) {
            if let key = PostKey(try row.get("post_key", as: String.self)) { out.insert(key) }
        }
        return out
    }
}

extension PostgresTransaction {
    /// Of postings that nothing calls for any more, those in doubt are looked for first.
    public func doubt(_ tenant: TenantID, _ keys: [PostKey]) async throws(Fault) {
        if !keys.isEmpty { _ = try await doubt(tenant, RestoreStatements.doubt(tenant, keys)) }
    }

    fileprivate func doubt(_ tenant: TenantID, _ sql: SQL) async throws(Fault) -> Int {
        var entries: [AuditEntry] = []
        for row in try await query(sql) {
            entries.append(AuditEntry(
                actor: "worker", action: "posting.unknown", subject: "posting \(try row.get("post_key", as: String.self))", detail: Array(#"{"why": "restored"}"#.utf8)))
        }
        try await audit(tenant, entries)
        return entries.count
    }
}
