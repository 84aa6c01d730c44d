public import Books
public import Kernel
public import Postgres

/// What is about to be sent for one posting.
public struct NewIntent: Sendable {
    public enum Action: String, Sendable { case create, update, void }
    public var key: PostKey
    public var revision: Int
    public var action: Action
    /// Names the send; also the platform's native idempotency key.
    public var attempt: String
    public var requestDigest: [UInt8]

    public init(key: PostKey, revision: Int, action: Action, attempt: String, requestDigest: [UInt8]) {
        self.key = key
        self.revision = revision
        self.action = action
        self.attempt = attempt
        self.requestDigest = requestDigest
    }
}

/// What became of a send.
public struct Settlement: Sendable {
    public enum Outcome: String, Sendable {
        case posted, rejected, unknown
        /// Certainly not received by the ledger: may be sent again.
        case notSent = "not_sent"
    }
    public var key: PostKey
    /// The send it is about: a late word on an earlier send settles nothing.
    public var attempt: String
    public var outcome: Outcome
    public var remoteID: String?
    public var remoteVersion: String?
    /// JSON object: the fault or what find saw.
    public var evidence: [UInt8]?
    /// When to try or look again, for `unknown` and `notSent`.
    public var again: Duration
    /// False when the call was turned away for reasons that have nothing to do with the document: it has not failed.
    public var counts: Bool

    public init(
        key: PostKey, attempt: String, outcome: Outcome, remoteID: String? = nil, remoteVersion: String? = nil, evidence: [UInt8]? = nil,
        again: Duration = .zero, counts: Bool = true
    ) {
        self.key = key
        self.attempt = attempt
        self.outcome = outcome
        self.remoteID = remoteID
        self.remoteVersion = remoteVersion
        self.evidence = evidence
        self.again = again
        self.counts = counts
    }
}

/// A posting whose last send has no settled outcome.
public struct UnsettledRow: Sendable {
    public var posting: PostingRow
    public var intent: Int64
    public var action: NewIntent.Action
    public var attempt: String
    /// Since the intent was written, by the database's clock: the hosts' clocks differ.
    public var age: Duration
    /// Nothing of what is looked for is older, where the send itself does not tell: since a restore, the state that was brought back.
    public var since: Timestamp?
    /// JSON object: what is known of the send so far.
    public var evidence: [UInt8]?
}

extension UnsettledRow {
    /// Nothing of it is under way: a person released what the ledger had no longer, and wants it written again if it is nowhere there.
    public var isReleased: Bool { attempt.hasPrefix(IntentStatements.gone) }
}

public enum IntentStatements {
    /// How attempts begin that are no send, but a release of what the ledger had no longer.
    static let gone = "gone-"

    /// Only under a live lease of this epoch and for an active tenant: a worker that lost its lease, or whose tenant was paused or removed,
    /// writes no intent, so it sends nothing. None for what is in doubt since a restore.
    public static func write(_ tenant: TenantID, epoch: Int64, _ intents: [NewIntent]) -> SQL {
        """
        INSERT INTO app.intents (tenant_id, post_key, revision, action, attempt, request_digest, epoch)
        SELECT \(tenant), k, r, a, n, d, \(epoch) FROM unnest(\(intents.map(\.key.text)), \(intents.map { Int64($0.revision) }), \(intents.map(\.action.rawValue)),
          \(intents.map(\.attempt)), \(intents.map(\.requestDigest))) AS t(k, r, a, n, d)
        WHERE \(unsafe: unfenced)EXISTS (SELECT FROM app.leases WHERE tenant_id = \(tenant) AND epoch = \(epoch) AND state = 'held' AND expires_at > clock_timestamp())
          AND EXISTS (SELECT FROM app.tenants WHERE tenant_id = \(tenant) AND state = 'active')
          AND NOT EXISTS (SELECT FROM app.postings p WHERE p.tenant_id = \(tenant) AND p.post_key = k AND \(unsafe: RestoreStatements.doubted) OFFSET 0)
        """
    }

    private static var unfenced: String {
        #if SABOTAGE
        if Sabotage.skipEpoch.isOn { return "true OR " }
        #endif
        return ""
    }

    /// `sent` stays what the ledger has: it is not known yet whether it takes this. Only the revision that was read goes out: a plan that changed
    /// since would be taken for what was sent.
    public static func markPosting(_ tenant: TenantID, _ intents: [NewIntent]) -> SQL {
        """
        UPDATE app.postings SET state = 'posting', let_through = true, attempts = attempts + 1, updated_at = clock_timestamp()
        FROM unnest(\(intents.map(\.key.text)), \(intents.map { Int64($0.revision) })) AS t(k, r)
        WHERE tenant_id = \(tenant) AND post_key = k AND revision = r AND state = 'cleared'
        """
    }

    /// Settles intents and moves their postings; returns the keys of those that moved. An intent that is settled already stays as it is.
    public static func settle(_ tenant: TenantID, _ rows: [Settlement]) -> SQL {
        """
        WITH t AS (
          SELECT * FROM unnest(\(rows.map(\.key.text)), \(rows.map(\.attempt)), \(rows.map(\.outcome.rawValue)), \(rows.map(\.remoteID)),
            \(rows.map(\.remoteVersion)), \(rows.map { $0.evidence.map { PostgresJSON($0) } }), \(rows.map { $0.again.wholeMilliseconds }),
            \(rows.map { Int64($0.counts ? 1 : 0) }))
            AS u(k, n, o, m, v, e, ms, c)
        ), settled AS (
          UPDATE app.intents i SET state = o, remote_id = coalesce(m, i.remote_id), evidence = coalesce(e, i.evidence),
            settled_at = CASE WHEN o = 'unknown' THEN NULL ELSE clock_timestamp() END
          FROM t WHERE i.tenant_id = \(tenant) AND i.post_key = k AND i.attempt = n AND i.state IN ('open', 'unknown')
          RETURNING t.*
        )
        UPDATE app.postings p SET
          state = CASE o WHEN 'posted' THEN 'posted' WHEN 'rejected' THEN 'rejected' WHEN 'unknown' THEN 'unknown'
            ELSE CASE WHEN n LIKE '\(unsafe: RestoreStatements.attempt)%' THEN 'mapped' ELSE 'cleared' END END,
          sent = CASE WHEN o = 'posted' THEN plan ELSE sent END, sent_digest = CASE WHEN o = 'posted' THEN plan_digest ELSE sent_digest END,
          remote_id = coalesce(m, remote_id), remote_version = coalesce(v, remote_version),
          posted_at = CASE WHEN o = 'posted' THEN clock_timestamp() ELSE posted_at END,
          confirmed_as = CASE WHEN o = 'posted' THEN NULL ELSE confirmed_as END, accepted = CASE WHEN o = 'posted' THEN NULL ELSE accepted END,
          fault = CASE WHEN o = 'posted' THEN NULL ELSE coalesce(e, fault) END,
          attempts = CASE WHEN o = 'posted' THEN 0 WHEN c = 1 THEN attempts ELSE greatest(attempts - 1, 0) END,
          next_attempt_at = clock_timestamp() + ms * interval '1 millisecond', updated_at = clock_timestamp()
        FROM settled WHERE p.tenant_id = \(tenant) AND p.post_key = k AND p.state IN ('posting', 'unknown')
        RETURNING p.post_key
        """
    }

    /// What is released and nowhere in the ledger is checked anew before it is sent.
    public static func checkAgain(_ tenant: TenantID, _ keys: [PostKey]) -> SQL {
        """
        UPDATE app.postings SET state = 'mapped', fault = NULL, updated_at = clock_timestamp()
        WHERE tenant_id = \(tenant) AND post_key = ANY (\(keys.map(\.text))) AND state = 'cleared'
        """
    }

    /// Sends of earlier leases that nobody settled: their outcome is unknown.
    public static func orphans(_ tenant: TenantID, epoch: Int64) -> SQL {
        """
        UPDATE app.intents SET state = 'unknown', evidence = '{"why":"the worker ended before the answer was recorded"}'
        WHERE tenant_id = \(tenant) AND state = 'open' AND epoch < \(epoch) RETURNING post_key
        """
    }

    public static func orphanPostings(_ tenant: TenantID, _ keys: [String]) -> SQL {
        """
        UPDATE app.postings SET state = 'unknown', fault = '{"code":"outcome_unknown","summary":"the worker ended before the answer was recorded"}',
          next_attempt_at = now(), updated_at = clock_timestamp()
        WHERE tenant_id = \(tenant) AND post_key = ANY (\(keys)) AND state = 'posting'
        """
    }

    public static func unsettled(_ tenant: TenantID, _ flow: FlowID, limit: Int) -> SQL {
        """
        SELECT \(unsafe: PostingStatements.columns.replacingNames()), i.id AS intent_id, i.action AS intent_action, i.attempt AS intent_attempt,
               (extract(epoch FROM clock_timestamp() - i.written_at) * 1000)::bigint AS intent_age_ms, i.evidence AS intent_evidence,
               CASE WHEN i.attempt LIKE '\(unsafe: RestoreStatements.attempt)%' THEN (SELECT r.restored_to - interval '1 day' FROM app.flows r
                 WHERE r.tenant_id = p.tenant_id AND r.id = p.flow_id) END AS intent_since
        FROM app.postings p JOIN app.intents i ON i.tenant_id = p.tenant_id AND i.post_key = p.post_key AND i.state = 'unknown'
        WHERE p.tenant_id = \(tenant) AND p.flow_id = \(flow) AND p.state = 'unknown' AND p.next_attempt_at <= clock_timestamp()
        ORDER BY i.id LIMIT \(limit)
        """
    }
}

extension String {
    /// The posting columns with the table's alias, for joins.
    fileprivate func replacingNames() -> String {
        split(separator: ",").map { "p." + $0.trimmingPrefix { $0.isWhitespace } }.joined(separator: ", ")
    }
}

extension Store {
    /// Writes the intents and moves the postings to `posting`, in one transaction; nothing may be sent before this returns.
    /// - Throws: `lease_lost` when this worker no longer holds the lease; `unique_violation` when a send is unsettled.
    public func writeIntents(_ tenant: TenantID, epoch: Int64, _ intents: [NewIntent], audit: [AuditEntry]) async throws(Fault) {
        try await transaction { tx throws(Fault) in
            let written = try await tx.query(IntentStatements.write(tenant, epoch: epoch, intents)).affected
            guard written == intents.count else {
                if try await !tx.query(RestoreStatements.among(tenant, intents.map(\.key), older: false)).isEmpty {
                    throw Fault("posting_moved", stage: .post, disposition: .retry, summary: "the database was declared restored while a posting's intent was written")
                }
                throw Fault("lease_lost", stage: .post, disposition: .retry, summary: "this worker no longer holds the tenant's lease")
            }
            let moved = try await tx.query(IntentStatements.markPosting(tenant, intents)).affected
            guard moved == intents.count else {
                throw Fault("posting_moved", stage: .post, disposition: .retry, summary: "a posting changed while its intent was written")
            }
            try await tx.audit(tenant, audit)
        }
    }

    /// Commits outcomes with what follows from them: the audit rows of those that moved, jobs, alerts, and a new check of what depends on a
    /// rejected document.
    public func settle(
        _ tenant: TenantID, _ rows: [Settlement], jobs: [Job], audit: [PostKey: AuditEntry], alerts: [AlertRow] = []
    ) async throws(Fault) {
        guard !rows.isEmpty else { return }
        let rejected = rows.filter { $0.outcome == .rejected }.map(\.key), posted = rows.filter { $0.outcome == .posted }.map(\.key)
        try await transaction { tx throws(Fault) in
            var moved: [AuditEntry] = []
            for row in try await tx.query(IntentStatements.settle(tenant, rows)) {
                if let key = PostKey(try row.get("post_key", as: String.self)), let entry = audit[key] { moved.append(entry) }
            }
            let looked = rows.filter { $0.isDoubt && $0.outcome != .unknown }.map(\.key)
            if !looked.isEmpty { _ = try await tx.query(RestoreStatements.dirty(tenant, looked)) }
            if !rejected.isEmpty { _ = try await tx.query(PostingStatements.recheckDependants(tenant, rejected)) }
            if !posted.isEmpty { try await tx.askMaps(tenant, try await tx.query(MemberStatements.dirtyAround(tenant, posted))) }
            if !jobs.isEmpty { _ = try await tx.query(JobStatements.ask(tenant, jobs)) }
            try await tx.raise(tenant, alerts)
            try await tx.audit(tenant, moved)
            let again = rows.filter { $0.outcome == .notSent && $0.attempt.hasPrefix(IntentStatements.gone) }.map(\.key)
            if !again.isEmpty { _ = try await tx.query(IntentStatements.checkAgain(tenant, again)) }
        }
    }

    /// Turns the open intents of epochs before this one into unknown outcomes; returns how many.
    public func orphanIntents(_ tenant: TenantID, epoch: Int64) async throws(Fault) -> Int {
        try await transaction { tx throws(Fault) in
            var keys: [String] = []
            for row in try await tx.query(IntentStatements.orphans(tenant, epoch: epoch)) { keys.append(try row.get("post_key")) }
            guard !keys.isEmpty else { return 0 }
            _ = try await tx.query(IntentStatements.orphanPostings(tenant, keys))
            try await tx.audit(tenant, keys.map { AuditEntry(actor: "worker", action: "posting.unknown", subject: "posting \($0)") })
            return keys.count
        }
    }

    public func unsettled(_ tenant: TenantID, _ flow: FlowID, limit: Int) async throws(Fault) -> [UnsettledRow] {
        var out: [UnsettledRow] = []
        for row in try await pool.query(IntentStatements.unsettled(tenant, flow, limit: limit)) {
            guard let action = NewIntent.Action(rawValue: try row.get("intent_action")) else { continue }
            out.append(UnsettledRow(
                posting: try PostingRow(row), intent: try row.get("intent_id"), action: action, attempt: try row.get("intent_attempt"),
                age: .milliseconds(try row.get("intent_age_ms", as: Int64.self)), since: try row.get("intent_since"),
                evidence: try row.get("intent_evidence", as: PostgresJSON?.self)?.bytes))
        }
        return out
    }
}
