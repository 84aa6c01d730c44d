public import Books
public import Kernel
public import Postgres

/// What to list of a tenant's postings; `nil` does not filter.
public struct PostingFilter: Sendable {
    public var flow: FlowID?
    public var state: String?
    /// The name of a check that holds it, or the code of the fault that stopped it.
    public var check: String?
    public var caseID: String?

    public init(flow: FlowID? = nil, state: String? = nil, check: String? = nil, caseID: String? = nil) {
        self.flow = flow
        self.state = state
        self.check = check
        self.caseID = caseID
    }
}

public enum AdminPostingStatements {
    static let posting = """
        json_build_object('post_key', p.post_key, 'tenant', p.tenant_id, 'flow', p.flow_id, 'ledger', p.ledger_id, 'case', p.case_id,
          'subject', p.subject, 'form', p.form, 'effect', p.effect, 'generation', p.generation, 'revision', p.revision, 'state', p.state,
          'reference', p.reference, 'date', p.ledger_date, 'currency', p.currency, 'total_minor', p.total_minor, 'applies_to', p.applies_to,
          'findings', p.findings, 'fault', p.fault, 'attempts', p.attempts, 'next_attempt_at', \(AdminSQL.utc("p.next_attempt_at")),
          'batch', p.batch_id, 'by_hand', p.by_hand, 'accepted', p.accepted, 'remote_id', p.remote_id, 'remote_version', p.remote_version, 'posted_at', \(AdminSQL.utc("p.posted_at")),
          'confirmed_at', \(AdminSQL.utc("p.confirmed_at")), 'updated_at', \(AdminSQL.utc("p.updated_at")))
        """

    public static func list(_ tenant: TenantID, _ filter: PostingFilter, _ page: PageRequest) -> SQL {
        var sql: SQL = """
            SELECT p.tenant_id, \(unsafe: posting) AS json, ARRAY[p.post_key] AS cursor FROM app.postings p
            WHERE p.tenant_id = \(tenant) AND p.post_key > \(page.text(0))
            """
        if let flow = filter.flow { sql += " AND p.flow_id = \(flow)" }
        if let state = filter.state { sql += " AND p.state = \(state)" }
        if let id = filter.caseID { sql += " AND p.case_id = \(id)" }
        if let check = filter.check {
            sql += " AND (EXISTS (SELECT FROM jsonb_array_elements(p.findings) f WHERE f->>'check' = \(check)) OR p.fault->>'code' = \(check))"
        }
        return sql + " ORDER BY p.post_key LIMIT \(page.limit)"
    }

    public static func one(_ key: PostKey, _ sees: Visibility) -> SQL {
        """
        SELECT p.tenant_id, \(unsafe: posting) AS json FROM app.tenants t
        CROSS JOIN LATERAL (SELECT * FROM app.postings x WHERE x.tenant_id = t.tenant_id AND x.post_key = \(key.text) LIMIT 1) p
        WHERE \(sees.condition("t"))
        """
    }

    /// Every send and what became of it, oldest first.
    public static func intents(_ tenant: TenantID, _ key: PostKey) -> SQL {
        """
        SELECT json_build_object('id', i.id, 'revision', i.revision, 'action', i.action, 'attempt', i.attempt,
          'request_digest', encode(i.request_digest, 'hex'), 'epoch', i.epoch, 'state', i.state, 'remote_id', i.remote_id, 'evidence', i.evidence,
          'written_at', \(unsafe: AdminSQL.utc("i.written_at")), 'settled_at', \(unsafe: AdminSQL.utc("i.settled_at"))) AS json
        FROM app.intents i WHERE i.tenant_id = \(tenant) AND i.post_key = \(key.text) ORDER BY i.id LIMIT \(Limits.pageRows)
        """
    }

    /// The posting's own rows of the audit trail, oldest first.
    public static func history(_ tenant: TenantID, _ key: PostKey) -> SQL {
        """
        SELECT json_build_object('at', \(unsafe: AdminSQL.utc("a.at")), 'actor', a.actor, 'action', a.action) AS json
        FROM app.audit a WHERE a.tenant_id = \(tenant) AND a.subject = \("posting \(key)") ORDER BY a.id LIMIT \(Limits.pageRows)
        """
    }

    /// A person stops what has not been sent. Not `held`: what a check holds is checked again with every new plan, what a person holds waits
    /// for a person.
    public static func hold(_ tenant: TenantID, _ key: PostKey, findings: [UInt8]) -> SQL {
        """
        UPDATE app.postings AS p SET state = 'manual', findings = \(PostgresJSON(findings)), updated_at = clock_timestamp()
        WHERE p.tenant_id = \(tenant) AND p.post_key = \(key.text) AND p.state IN ('mapped', 'cleared', 'held', 'rejected')
        RETURNING p.tenant_id, p.flow_id, p.case_id, \(unsafe: posting) AS json
        """
    }

    /// The ledger was asked for the document by its id, and has it no longer.
    private static let gone = #"(p.findings @> '[{"check": "drift", "position": "gone"}]' OR coalesce(p.accepted->>'gone' = 'true', false))"#

    /// What the ledger was found to have no longer is looked for by its key before it is written again: looked up by its id, it may stand there under
    /// another one. Until then it is a send of unknown outcome, dated by the first, because nothing of it can be older. What is written then is a revision of
    /// its own: a ledger that remembers what it was asked for takes the same one for the first, and refuses it for ever. Only what was known there by its id can be
    /// known to be gone: what is merely not found by its key (`number_taken`) may stand under another number, and stays the same send.
    public static func releaseGone(_ tenant: TenantID, _ key: PostKey) -> SQL {
        """
        WITH m AS (
          UPDATE app.postings AS p SET state = 'unknown', findings = '[]', attempts = 0, next_attempt_at = now(), remote_id = NULL, remote_version = NULL,
            revision = p.revision + 1, confirmed_as = NULL, accepted = NULL, shown_as = NULL, recheck_at = NULL, updated_at = clock_timestamp(),
            fault = '{"code":"outcome_unknown","summary":"the ledger did not show it any more: looked for by its key before it is written again"}'
          WHERE p.tenant_id = \(tenant) AND p.post_key = \(key.text) AND p.batch_id IS NULL
             AND (p.state = 'manual' OR (p.accepted IS NOT NULL AND p.effect = 'post' AND p.state IN ('confirmed', 'reconciled', 'held', 'rejected'))) AND \(unsafe: gone)
          RETURNING p.*
        ), i AS (
          INSERT INTO app.intents (tenant_id, post_key, revision, action, attempt, request_digest, epoch, state, evidence, written_at)
          SELECT tenant_id, post_key, revision, 'create', '\(unsafe: IntentStatements.gone)' || extract(epoch FROM clock_timestamp())::bigint, plan_digest, 0, 'unknown',
            '{"why":"released after the ledger had it no longer"}',
            coalesce((SELECT min(s.written_at) FROM app.intents s WHERE s.tenant_id = m.tenant_id AND s.post_key = m.post_key), created_at) FROM m
        )
        SELECT p.tenant_id, p.flow_id, p.case_id, \(unsafe: posting) AS json FROM m p
        """
    }

    /// Planned and checked anew, whoever held it. One that the ledger has already becomes an update there, and one of which the ledger's side was accepted is
    /// written over it: that it was confirmed as the ledger's no longer counts, or what is not written after all would pass for ours.
    public static func release(_ tenant: TenantID, _ key: PostKey) -> SQL {
        """
        UPDATE app.postings AS p SET state = 'mapped', findings = '[]', fault = NULL, attempts = 0, next_attempt_at = now(), accepted = NULL, shown_as = NULL,
          confirmed_as = CASE WHEN p.accepted IS NULL THEN confirmed_as END,
          recheck_at = CASE WHEN p.state = 'manual' OR p.accepted IS NOT NULL THEN NULL ELSE recheck_at END, updated_at = clock_timestamp()
        WHERE p.tenant_id = \(tenant) AND p.post_key = \(key.text) AND p.batch_id IS NULL
          AND (p.state IN ('held', 'rejected', 'manual') OR (p.accepted IS NOT NULL AND p.state IN ('confirmed', 'reconciled')))
        RETURNING p.tenant_id, p.flow_id, p.case_id, \(unsafe: posting) AS json
        """
    }

    /// Checks whose cause is mended among the ledger's accounts, tax codes, currencies and lock date.
    static let ofChart = ["inactive_account", "unknown_account", "unmapped_tax_code", "closed_period", "currency_mismatch"]

    /// The ledger (`ledger_id`) of a posting that one of those stops; no row for others.
    public static func stoppedByChart(_ tenant: TenantID, _ key: PostKey) -> SQL {
        """
        SELECT p.ledger_id FROM app.postings p WHERE p.tenant_id = \(tenant) AND p.post_key = \(key.text) AND p.state IN ('held', 'rejected')
          AND (p.fault->>'code' = ANY (\(ofChart)) OR EXISTS (SELECT FROM jsonb_array_elements(p.findings) f WHERE f->>'check' = ANY (\(ofChart))))
        """
    }

    /// Forms of which the ledger's side can stand: what is owed, and moves no money itself.
    public static let acceptable = ["invoice", "credit_note", "bill"]
    /// Fields in which another one makes it another document.
    public static let otherDocument = ["currency", "key", "applies_to"]

    /// The ledger's side stands, as it was when it was found to differ: a person says so.
    public static func accept(_ tenant: TenantID, _ key: PostKey, actor: String) -> SQL {
        """
        UPDATE app.postings AS p SET state = 'confirmed', confirmed_as = p.shown_as, shown_as = NULL, accepted = jsonb_build_object('voided', p.shown_as->'voided',
            'gone', \(unsafe: gone), 'total_minor', CASE WHEN p.shown_as->>'voided' = 'true' THEN '0'::jsonb ELSE p.shown_as->'total_minor' END,
            'why', coalesce(p.findings->0->>'why', ''), 'by', \(actor)::text),
          findings = '[]', fault = NULL, confirmed_at = coalesce(confirmed_at, clock_timestamp()), updated_at = clock_timestamp()
        WHERE p.tenant_id = \(tenant) AND p.post_key = \(key.text) AND p.state = 'manual' AND p.shown_as IS NOT NULL AND p.effect = 'post'
          AND p.sent_digest = p.plan_digest AND p.remote_id IS NOT NULL AND p.posted_at IS NOT NULL AND p.batch_id IS NULL AND NOT p.by_hand AND p.part_of IS NULL
          AND p.form = ANY (\(acceptable)) AND p.fault->>'code' = 'differs'
          AND NOT EXISTS (SELECT FROM jsonb_array_elements(p.findings) f WHERE f->>'position' = ANY (\(otherDocument)))
          AND NOT EXISTS (SELECT FROM jsonb_array_elements(p.sent->'lines') l WHERE starts_with(l->>'role', 'clearing:'))
        RETURNING p.tenant_id, p.flow_id, p.case_id, \(unsafe: posting) AS json
        """
    }

    /// It was confirmed before it came to differ, and is compared with what it was then.
    private static let drifted = "p.state = 'manual' AND p.confirmed_as IS NOT NULL"

    /// Looks again at once: a rejected one is planned anew, an unknown one looked up, one that differs compared again.
    public static func retry(_ tenant: TenantID, _ key: PostKey) -> SQL {
        """
        UPDATE app.postings AS p SET
          state = CASE WHEN p.state = 'rejected' OR (\(unsafe: drifted) AND p.plan_digest IS DISTINCT FROM p.sent_digest) THEN 'mapped'
            WHEN \(unsafe: drifted) AND p.effect = 'void' THEN 'voided' WHEN \(unsafe: drifted) THEN 'confirmed' WHEN p.state = 'manual' THEN 'posted' ELSE p.state END,
          recheck_at = CASE WHEN \(unsafe: drifted) THEN clock_timestamp() ELSE p.recheck_at END, looks = 0,
          findings = CASE WHEN p.state = 'unknown' THEN p.findings ELSE '[]' END, fault = CASE WHEN p.state = 'unknown' THEN p.fault END,
          attempts = 0, next_attempt_at = now(), updated_at = clock_timestamp()
        WHERE p.tenant_id = \(tenant) AND p.post_key = \(key.text)
          AND (p.state IN ('rejected', 'unknown') OR (p.state = 'manual' AND p.remote_id IS NOT NULL AND p.batch_id IS NULL AND NOT p.by_hand))
        RETURNING p.tenant_id, p.flow_id, p.case_id, \(unsafe: posting) AS json
        """
    }
}

/// What a person may do with a posting.
public enum PostingOrder: String, Sendable, CaseIterable { case hold, release, retry, accept }

extension PostgresTransaction {
    /// Carries out a person's order and asks for the jobs that follow.
    /// - Throws: `wrong_state` when the posting is in a state that the order does not apply to.
    public func order(_ order: PostingOrder, _ tenant: TenantID, _ key: PostKey, findings: [UInt8], detail: [UInt8], actor: String) async throws(Fault) -> AdminRow {
        if order == .release { _ = try await query(RestoreStatements.vouch(tenant, key)) }
        // Before the order: it forgets what stopped it.
        let chart: ConnectionID? = try await query(AdminPostingStatements.stoppedByChart(tenant, key)).first?.get("ledger_id")
        let sql: SQL = switch order {
        case .hold: AdminPostingStatements.hold(tenant, key, findings: findings)
        case .release: AdminPostingStatements.release(tenant, key)
        case .retry: AdminPostingStatements.retry(tenant, key)
        case .accept: AdminPostingStatements.accept(tenant, key, actor: actor)
        }
        var rows = try await query(order == .release ? AdminPostingStatements.releaseGone(tenant, key) : sql)
        if rows.isEmpty, order == .release { rows = try await query(sql) }
        guard let row = rows.first else {
            throw Fault("wrong_state", stage: .api, disposition: .reject, summary: "the posting's state does not allow to \(order.rawValue) it",
                remedy: """
                    hold: mapped, cleared, held, rejected; release: held, rejected, manual, or accepted; retry: rejected, unknown, or manual with a remote id; \
                    accept: an invoice, credit note or bill that is manual because the ledger shows it otherwise, and that the source has not changed as well. What a \
                    batch has in hand waits for it.
                    """)
        }
        let flow: FlowID = try row.get("flow_id")
        // What was ready to settle or correct it is checked against what it comes to now.
        if order == .accept {
            _ = try await query(PostingStatements.recheckDependants(tenant, [key]))
            try await answerReflections(tenant, flow, key, actor: actor)
        }
        if order != .hold { _ = try await query(DocumentStatements.markDirty(tenant, flow, cases: [try row.get("case_id")])) }
        let kinds: [Job.Kind] = order == .hold ? [.reconcile] : [.map, .post, .confirm]
        var jobs = kinds.map { Job($0, flow.description, lane: .interactive) }
        // What is known of the ledger's accounts may be older than what was mended there: asked for together, it is read first.
        if let chart, order != .hold { jobs.append(Job(.chart, chart.description, lane: .interactive)) }
        _ = try await query(JobStatements.ask(tenant, jobs))
        try await audit(tenant, [AuditEntry(actor: actor, action: "posting.\(order.rawValue)", subject: "posting \(key)", detail: detail)])
        _ = try await query(JobStatements.wake())
        return try rows.adminRow()
    }
}

extension Store {
    public func adminPostings(_ tenant: TenantID, _ filter: PostingFilter, _ page: PageRequest) async throws(Fault) -> [AdminRow] {
        try await adminRows(AdminPostingStatements.list(tenant, filter, page))
    }

    public func adminPosting(_ key: PostKey, _ sees: Visibility) async throws(Fault) -> AdminRow? {
        try await adminRow(AdminPostingStatements.one(key, sees))
    }

    public func adminIntents(_ tenant: TenantID, _ key: PostKey) async throws(Fault) -> [AdminRow] {
        try await adminRows(AdminPostingStatements.intents(tenant, key))
    }

    public func adminHistory(_ tenant: TenantID, _ key: PostKey) async throws(Fault) -> [AdminRow] {
        try await adminRows(AdminPostingStatements.history(tenant, key))
    }
}
