public import Books
public import Kernel
public import Postgres

/// A file that is to stand beside a document in the ledger, of one revision of it.
public struct AttachmentRow: Sendable {
    public var key: PostKey
    public var revision: Int
    /// Of the last try.
    public var name: String?
    public var attempts: Int
}

/// What became of a try.
public struct AttachmentOutcome: Sendable {
    public enum State: String, Sendable {
        /// To be tried later: certainly nothing is there.
        case due
        case attached, refused
    }
    public var state: State
    public var remoteID: String?
    /// JSON object; of a refusal always.
    public var fault: [UInt8]?
    public var again: Duration

    public init(_ state: State, remoteID: String? = nil, fault: [UInt8]? = nil, again: Duration = .zero) {
        self.state = state
        self.remoteID = remoteID
        self.fault = fault
        self.again = again
    }
}

public enum AttachmentStatements {
    /// Asks for files, one for each revision of a document.
    public static func want(_ tenant: TenantID, _ flow: FlowID, _ rows: [(key: PostKey, revision: Int)]) -> SQL {
        """
        INSERT INTO app.attachments (tenant_id, post_key, revision, flow_id)
        SELECT \(tenant), k, r, \(flow) FROM unnest(\(rows.map(\.key.text)), \(rows.map { Int32($0.revision) })) AS t(k, r) ON CONFLICT DO NOTHING
        """
    }

    public static func due(_ tenant: TenantID, _ flow: FlowID, limit: Int) -> SQL {
        """
        SELECT post_key, revision, name, attempts FROM app.attachments
        WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND state IN ('due', 'sent') AND next_attempt_at <= clock_timestamp()
        ORDER BY next_attempt_at, post_key LIMIT \(limit)
        """
    }

    /// Under a live lease only, like an intent. `again`: when to look what became of it, should nobody write that down.
    public static func send(
        _ tenant: TenantID, epoch: Int64, _ key: PostKey, revision: Int, name: String, digest: [UInt8], attempt: String, again: Duration
    ) -> SQL {
        """
        UPDATE app.attachments SET state = 'sent', name = \(name), digest = \(digest), attempt = \(attempt), attempts = attempts + 1,
          sent_at = clock_timestamp(), next_attempt_at = clock_timestamp() + \(again.wholeMilliseconds) * interval '1 millisecond'
        WHERE tenant_id = \(tenant) AND post_key = \(key.text) AND revision = \(Int32(revision)) AND state IN ('due', 'sent')
          AND EXISTS (SELECT FROM app.leases WHERE tenant_id = \(tenant) AND epoch = \(epoch) AND state = 'held' AND expires_at > clock_timestamp())
        """
    }

    public static func settle(_ tenant: TenantID, _ key: PostKey, revision: Int, _ outcome: AttachmentOutcome) -> SQL {
        """
        UPDATE app.attachments SET state = \(outcome.state.rawValue), remote_id = coalesce(\(outcome.remoteID), remote_id),
          fault = \(outcome.fault.map { PostgresJSON($0) }), settled_at = CASE WHEN \(outcome.state.rawValue) = 'due' THEN NULL ELSE clock_timestamp() END,
          next_attempt_at = clock_timestamp() + \(outcome.again.wholeMilliseconds) * interval '1 millisecond'
        WHERE tenant_id = \(tenant) AND post_key = \(key.text) AND revision = \(Int32(revision)) AND state IN ('due', 'sent')
        """
    }

    /// Nobody knows yet what became of it, or it can't be tried now: it is left as it is until then.
    public static func later(_ tenant: TenantID, _ key: PostKey, revision: Int, by delay: Duration) -> SQL {
        """
        UPDATE app.attachments SET attempts = attempts + 1, next_attempt_at = clock_timestamp() + \(delay.wholeMilliseconds) * interval '1 millisecond'
        WHERE tenant_id = \(tenant) AND post_key = \(key.text) AND revision = \(Int32(revision)) AND state IN ('due', 'sent')
        """
    }

    /// Milliseconds until the flow's next file; NULL for none.
    public static func next(_ tenant: TenantID, _ flow: FlowID) -> SQL {
        """
        SELECT (extract(epoch FROM min(next_attempt_at) - clock_timestamp()) * 1000)::bigint AS ms FROM app.attachments
        WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND state IN ('due', 'sent')
        """
    }

    /// What a gathered document stands for, in the order in which it came.
    public static func parts(_ tenant: TenantID, of key: PostKey) -> SQL {
        """
        SELECT \(unsafe: PostingStatements.columns) FROM app.postings WHERE tenant_id = \(tenant) AND part_of = \(key.text)
          AND state NOT IN ('superseded', 'skipped') ORDER BY ledger_date, created_at, post_key
        """
    }
}

extension Store {
    public func dueAttachments(_ tenant: TenantID, _ flow: FlowID, limit: Int) async throws(Fault) -> [AttachmentRow] {
        var out: [AttachmentRow] = []
        for row in try await pool.query(AttachmentStatements.due(tenant, flow, limit: Batches.current.limit(limit))) {
            guard let key = PostKey(try row.get("post_key", as: String.self)) else { continue }
            out.append(AttachmentRow(
                key: key, revision: Int(try row.get("revision", as: Int32.self)), name: try row.get("name"), attempts: Int(try row.get("attempts", as: Int32.self))))
        }
        Batches.current.takes(out.map { "attachment \($0.key) \($0.revision)" })
        return out
    }

    /// Writes down that the file is about to be sent; nothing may be sent before this returns.
    /// - Throws: `lease_lost` when this worker no longer holds the lease.
    public func sendAttachment(
        _ tenant: TenantID, epoch: Int64, _ row: AttachmentRow, name: String, digest: [UInt8], attempt: String, again: Duration
    ) async throws(Fault) {
        let sql = AttachmentStatements.send(
            tenant, epoch: epoch, row.key, revision: row.revision, name: name, digest: digest, attempt: attempt, again: again)
        guard try await pool.query(sql).affected == 1 else {
            throw Fault("lease_lost", stage: .post, disposition: .retry, summary: "this worker no longer holds the tenant's lease")
        }
    }

    /// - over: keys of alerts that this outcome ends.
    public func settleAttachment(_ tenant: TenantID, _ row: AttachmentRow, _ outcome: AttachmentOutcome, alerts: [AlertRow] = [], over: [String] = []) async throws(Fault) {
        try await transaction { tx throws(Fault) in
            guard try await tx.query(AttachmentStatements.settle(tenant, row.key, revision: row.revision, outcome)).affected > 0 else { return }
            if outcome.state != .due {
                let entry = AuditEntry(
                    actor: "worker", action: "posting.\(outcome.state == .attached ? "attached" : "unattached")", subject: "posting \(row.key)",
                    detail: outcome.fault ?? Array("{}".utf8))
                try await tx.audit(tenant, [entry])
            }
            try await tx.raise(tenant, alerts)
            if !over.isEmpty { _ = try await tx.query(AlertStatements.resolve(tenant, keys: over)) }
        }
    }

    public func attachmentLater(_ tenant: TenantID, _ row: AttachmentRow, by delay: Duration) async throws(Fault) {
        _ = try await pool.query(AttachmentStatements.later(tenant, row.key, revision: row.revision, by: delay))
    }

    public func nextAttachment(_ tenant: TenantID, _ flow: FlowID) async throws(Fault) -> Duration? {
        let ms: Int64? = try await pool.query(AttachmentStatements.next(tenant, flow)).first?.get("ms")
        return ms.map { .milliseconds(max(0, $0)) }
    }

    public func parts(_ tenant: TenantID, of key: PostKey) async throws(Fault) -> [PostingRow] {
        try await pool.query(AttachmentStatements.parts(tenant, of: key)).postings()
    }
}
