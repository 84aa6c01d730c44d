public import Books
public import Kernel
public import Postgres

/// What a document's source is to be told of it.
public struct ReflectionRow: Sendable, Equatable {
    public var key: PostKey
    public var number: Int
    /// Who is told, and of which document of theirs.
    public var connection: ConnectionID
    public var subject: String
    public var state: String
    /// JSON object.
    public var says: [UInt8]
    public var digest: [UInt8]
    public var paidMinor: Int64?
    public var attempts: Int
}

/// What the ledger shows by now, as it is told.
public struct NewReflection: Sendable, Equatable {
    public var key: PostKey
    /// Who is told, and of which document of theirs: a shop of its refund, a returns system of its return.
    public var connection: ConnectionID
    public var subject: String
    /// JSON object.
    public var says: [UInt8]
    public var digest: [UInt8]
    public var paidMinor: Int64?
    /// JSON object; a person is asked first.
    public var finding: [UInt8]?

    public init(
        key: PostKey, connection: ConnectionID, subject: String, says: [UInt8], digest: [UInt8], paidMinor: Int64?, finding: [UInt8]? = nil
    ) {
        self.key = key
        self.connection = connection
        self.subject = subject
        self.says = says
        self.digest = digest
        self.paidMinor = paidMinor
        self.finding = finding
    }
}

/// What became of a try.
public struct ReflectionOutcome: Sendable {
    public enum State: String, Sendable {
        /// To be tried later: certainly nothing is there.
        case due
        case told, none, refused
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

/// What of ours settles a document in the ledger.
public struct SettledSum: Sendable, Equatable {
    /// Payments of ours that the ledger shows on it.
    public var minor: Int64
    /// Nothing else of ours may stand against it: what is paid beside ours can be told.
    public var isCertain: Bool
    /// Something of ours is under way to it.
    public var isMoving: Bool
    /// Payments of the source that the ledger has not been sent.
    public var waitingMinor: Int64

    public init(minor: Int64, isCertain: Bool, isMoving: Bool, waitingMinor: Int64) {
        self.minor = minor
        self.isCertain = isCertain
        self.isMoving = isMoving
        self.waitingMinor = waitingMinor
    }
}

public enum ReflectionStatements {
    private static let columns = "post_key, number, connection_id, says->>'subject' AS subject, state, says, digest, paid_minor, attempts"

    /// All that counts of these documents' reflections, in order.
    public static func known(_ tenant: TenantID, _ keys: [PostKey]) -> SQL {
        """
        SELECT \(unsafe: columns) FROM app.reflections WHERE tenant_id = \(tenant) AND post_key = ANY (\(keys.map(\.text))) ORDER BY post_key, number
        """
    }

    public static func add(_ tenant: TenantID, _ flow: FlowID, _ rows: [(new: NewReflection, number: Int, after: Duration)]) -> SQL {
        """
        INSERT INTO app.reflections (tenant_id, post_key, number, flow_id, connection_id, says, digest, paid_minor, state, finding, next_attempt_at)
        SELECT \(tenant), k, n, \(flow), c::uuid, s, d, p, CASE WHEN f IS NULL THEN 'due' ELSE 'held' END, f, clock_timestamp() + w * interval '1 millisecond'
        FROM unnest(\(rows.map(\.new.key.text)), \(rows.map { Int32($0.number) }), \(rows.map(\.new.connection.description)),
          \(rows.map { PostgresJSON($0.new.says) }), \(rows.map(\.new.digest)), \(rows.map(\.new.paidMinor)),
          \(rows.map { $0.new.finding.map { PostgresJSON($0) } }), \(rows.map { $0.after.wholeMilliseconds })) AS t(k, n, c, s, d, p, f, w)
        ON CONFLICT DO NOTHING
        """
    }

    /// A later state says it all: what was not told yet is not told any more.
    public static func supersede(_ tenant: TenantID, _ rows: [(key: PostKey, number: Int)]) -> SQL {
        """
        UPDATE app.reflections r SET state = 'superseded', settled_at = NULL
        FROM unnest(\(rows.map(\.key.text)), \(rows.map { Int32($0.number) })) AS t(k, n)
        WHERE r.tenant_id = \(tenant) AND r.post_key = k AND r.number = n AND r.state IN ('due', 'sent', 'held', 'refused')
        """
    }

    /// The same state, and what was paid there beside ours by now.
    public static func paid(_ tenant: TenantID, _ rows: [(key: PostKey, number: Int, minor: Int64?)]) -> SQL {
        """
        UPDATE app.reflections r SET paid_minor = p FROM unnest(\(rows.map(\.key.text)), \(rows.map { Int32($0.number) }), \(rows.map(\.minor))) AS t(k, n, p)
        WHERE r.tenant_id = \(tenant) AND r.post_key = k AND r.number = n
        """
    }

    /// - Parameter connections: who can be told now.
    public static func due(_ tenant: TenantID, _ flow: FlowID, to connections: [ConnectionID], limit: Int) -> SQL {
        """
        SELECT \(unsafe: columns) FROM app.reflections WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND state IN ('due', 'sent')
          AND connection_id::text = ANY (\(connections.map(\.description))) AND next_attempt_at <= clock_timestamp()
        ORDER BY next_attempt_at, post_key, number LIMIT \(limit)
        """
    }

    /// Under a live lease only, like an intent. `again`: when to look what became of it, should nobody write that down.
    public static func send(_ tenant: TenantID, epoch: Int64, _ key: PostKey, number: Int, attempt: String, again: Duration) -> SQL {
        """
        UPDATE app.reflections SET state = 'sent', attempt = \(attempt), attempts = attempts + 1, sent_at = clock_timestamp(),
          next_attempt_at = clock_timestamp() + \(again.wholeMilliseconds) * interval '1 millisecond'
        WHERE tenant_id = \(tenant) AND post_key = \(key.text) AND number = \(Int32(number)) AND state IN ('due', 'sent')
          AND EXISTS (SELECT FROM app.leases WHERE tenant_id = \(tenant) AND epoch = \(epoch) AND state = 'held' AND expires_at > clock_timestamp())
        """
    }

    public static func settle(_ tenant: TenantID, _ key: PostKey, number: Int, _ outcome: ReflectionOutcome) -> SQL {
        """
        UPDATE app.reflections SET state = \(outcome.state.rawValue), remote_id = coalesce(\(outcome.remoteID), remote_id),
          fault = \(outcome.fault.map { PostgresJSON($0) }), settled_at = CASE WHEN \(outcome.state.rawValue) = 'due' THEN NULL ELSE clock_timestamp() END,
          next_attempt_at = clock_timestamp() + \(outcome.again.wholeMilliseconds) * interval '1 millisecond'
        WHERE tenant_id = \(tenant) AND post_key = \(key.text) AND number = \(Int32(number)) AND state IN ('due', 'sent')
        """
    }

    /// Only one at a time gives places in a source's list: whoever reads up to one has read all before it.
    public static func queue(_ tenant: TenantID, _ connection: ConnectionID) -> SQL {
        "SELECT id FROM app.connections WHERE tenant_id = \(tenant) AND id = \(connection) FOR NO KEY UPDATE"
    }

    /// They lie in the list that the source fetches.
    public static func keep(_ tenant: TenantID, _ connection: ConnectionID, _ rows: [(key: PostKey, number: Int)]) -> SQL {
        """
        UPDATE app.reflections r SET state = 'kept', settled_at = clock_timestamp(),
          seq = n.i + coalesce((SELECT max(seq) FROM app.reflections WHERE tenant_id = \(tenant) AND connection_id = \(connection)), 0)
        FROM unnest(\(rows.map(\.key.text)), \(rows.map { Int32($0.number) })) WITH ORDINALITY AS n(k, m, i)
        WHERE r.tenant_id = \(tenant) AND r.post_key = n.k AND r.number = n.m AND r.connection_id = \(connection) AND r.state IN ('due', 'sent')
        """
    }

    /// Milliseconds until the flow's next one; NULL for none.
    public static func next(_ tenant: TenantID, _ flow: FlowID, to connections: [ConnectionID]) -> SQL {
        """
        SELECT (extract(epoch FROM min(next_attempt_at) - clock_timestamp()) * 1000)::bigint AS ms FROM app.reflections
        WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND state IN ('due', 'sent') AND connection_id::text = ANY (\(connections.map(\.description)))
        """
    }

    /// Of a reflection `r`: its flow tells its source what the ledger has.
    static let isWanted = "EXISTS (SELECT FROM app.flows f WHERE f.tenant_id = r.tenant_id AND f.id = r.flow_id AND f.policies->>'reflect' = 'on')"

    /// Of a reflection `r`: whether a void or a change is told waits for whoever decides about its document.
    private static let isAsked = "r.state = 'held' AND r.finding->>'check' = 'reflection_asked' AND r.finding->>'position' IN ('void', 'amount')"

    /// When a reflection that a person has told goes: never before an earlier one that may be on its way has arrived.
    static let inTurn = "greatest(next_attempt_at, clock_timestamp())"

    /// What is asked about a void or a change of this document is to be told.
    public static func answer(_ tenant: TenantID, _ key: PostKey) -> SQL {
        """
        UPDATE app.reflections r SET state = 'due', settled_at = NULL, next_attempt_at = \(unsafe: inTurn)
        WHERE tenant_id = \(tenant) AND post_key = \(key.text) AND \(unsafe: isAsked) AND \(unsafe: isWanted)
        """
    }

    /// What was asked about documents whose side in the ledger was let stand meanwhile, while their flow told nothing: nobody else answers it. The documents: `post_key`.
    public static func answerAccepted(_ tenant: TenantID, _ flow: FlowID) -> SQL {
        """
        UPDATE app.reflections r SET state = 'due', settled_at = NULL, next_attempt_at = \(unsafe: inTurn)
        WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND \(unsafe: isAsked) AND \(unsafe: isWanted)
          AND EXISTS (SELECT FROM app.postings p WHERE p.tenant_id = r.tenant_id AND p.post_key = r.post_key AND p.accepted IS NOT NULL AND p.state <> 'manual')
        RETURNING r.post_key
        """
    }

    /// How many of the flow's wait for a person whom nothing else tells of them: a document that differs in the ledger is told of by itself.
    public static func open(_ tenant: TenantID, _ flow: FlowID) -> SQL {
        """
        SELECT count(*) AS n FROM app.reflections r WHERE r.tenant_id = \(tenant) AND r.flow_id = \(flow) AND (r.state = 'refused' OR (r.state = 'held'
          AND NOT EXISTS (SELECT FROM app.postings p WHERE p.tenant_id = r.tenant_id AND p.post_key = r.post_key AND p.state = 'manual' AND p.fault->>'code' = 'differs')))
        """
    }

    /// What settles or corrects a document `o`, of the same case by its nature.
    private static let beside = "p.tenant_id = o.tenant_id AND p.flow_id = o.flow_id AND p.case_id = o.case_id AND p.applies_to = o.post_key"

    /// Money that is to stand against the document: a payment on an invoice, what went back on a credit note.
    private static let settles = "(p.form = 'payment' OR (p.form = 'refund_payment' AND o.form = 'credit_note'))"

    /// What of ours settles these documents: `minor`, `certain`, `moving`, `waiting`. A payment counts where the ledger shows it on the document: on some
    /// ledgers one is a journal that its balance does not see. Of corrections nobody can say whether they are set against it there.
    public static func settling(_ tenant: TenantID, _ keys: [PostKey]) -> SQL {
        """
        SELECT p.applies_to AS post_key,
          sum(CASE WHEN \(unsafe: settles) AND p.remote_id IS NOT NULL AND p.state NOT IN ('voided', 'superseded', 'skipped')
            AND p.confirmed_as->>'applies_to' = o.remote_id THEN (p.confirmed_as->>'total_minor')::bigint ELSE 0 END)::bigint AS minor,
          bool_and(CASE WHEN p.state IN ('posting', 'unknown', 'posted', 'manual') THEN false
            WHEN p.state IN ('voided', 'superseded', 'skipped') OR p.remote_id IS NULL THEN true
            WHEN \(unsafe: settles) THEN coalesce(p.confirmed_as->>'applies_to' = o.remote_id, false)
            WHEN p.form = 'journal' THEN NOT EXISTS (SELECT FROM jsonb_array_elements(coalesce(p.sent, p.plan)->'lines') l WHERE starts_with(l->>'role', 'receivable'))
            ELSE false END) AS certain,
          bool_or(p.state IN ('posting', 'unknown', 'posted')) AS moving,
          sum(CASE WHEN \(unsafe: settles) AND p.effect = 'post' AND p.remote_id IS NULL AND p.state IN ('mapped', 'cleared', 'held', 'rejected')
            THEN p.total_minor ELSE 0 END)::bigint AS waiting
        FROM app.postings o JOIN app.postings p ON \(unsafe: beside) WHERE o.tenant_id = \(tenant) AND o.post_key = ANY (\(keys.map(\.text)))
        GROUP BY p.applies_to
        """
    }

    /// What was paid in the ledger on these documents beside ours: `paid`.
    public static func paidThere(_ tenant: TenantID, _ keys: [PostKey]) -> SQL {
        """
        SELECT r.post_key, r.paid_minor AS paid FROM (SELECT DISTINCT ON (post_key) post_key, paid_minor FROM app.reflections
          WHERE tenant_id = \(tenant) AND post_key = ANY (\(keys.map(\.text))) AND state <> 'superseded' ORDER BY post_key, number DESC) r
        WHERE r.paid_minor > 0
        """
    }

    /// Ids of the returns that these documents stand for, a return's new order among them: `post_key`, `source_id`. Money given back stands for what
    /// its credit note does.
    public static func returned(_ tenant: TenantID, _ keys: [PostKey]) -> SQL {
        """
        SELECT DISTINCT p.post_key, d.source_id FROM app.postings p
        JOIN app.posting_documents d ON d.tenant_id = p.tenant_id AND d.post_key IN (p.post_key, CASE WHEN p.form = 'refund_payment' THEN p.applies_to END)
        WHERE p.tenant_id = \(tenant) AND p.post_key = ANY (\(keys.map(\.text)))
          AND (starts_with(d.source_id, 'return:') OR (starts_with(d.source_id, 'exchange:') AND d.source_id = p.subject))
        ORDER BY p.post_key, d.source_id
        """
    }

    /// Money given back of which this connection was told nothing yet, while its credit note is: it is looked at, and told.
    public static func lookAtMoney(_ tenant: TenantID, of creditNotes: [PostKey], for connection: ConnectionID) -> SQL {
        """
        UPDATE app.postings p SET recheck_at = clock_timestamp(), looks = 0 WHERE p.tenant_id = \(tenant) AND p.applies_to = ANY (\(creditNotes.map(\.text)))
          AND p.form = 'refund_payment' AND p.remote_id IS NOT NULL AND NOT p.by_hand AND p.recheck_at IS NULL AND p.state IN (\(unsafe: ChangeStatements.lookable))
          AND NOT EXISTS (SELECT FROM app.reflections r WHERE r.tenant_id = p.tenant_id AND r.post_key = p.post_key AND r.connection_id = \(connection))
        """
    }

    /// These documents stand for more than they did: who else is to be told of them shows when they are looked at.
    public static func lookAt(_ tenant: TenantID, _ keys: [PostKey]) -> SQL {
        """
        UPDATE app.postings SET recheck_at = clock_timestamp(), looks = 0 WHERE tenant_id = \(tenant) AND post_key = ANY (\(keys.map(\.text)))
          AND remote_id IS NOT NULL AND NOT by_hand AND recheck_at IS NULL AND state IN (\(unsafe: ChangeStatements.lookable))
        """
    }

    /// A flow begins to tell its source: what it has in the ledger is looked at, since nobody knows what was paid there meanwhile.
    public static func look(_ tenant: TenantID, _ flow: FlowID) -> SQL {
        """
        UPDATE app.postings SET recheck_at = clock_timestamp(), looks = 0 WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND remote_id IS NOT NULL
          AND NOT by_hand AND form IN ('invoice', 'sales_receipt', 'credit_note', 'bill') AND state IN (\(unsafe: ChangeStatements.lookable))
        """
    }

    /// Payments that are ready to go are checked again before they do.
    public static func recheckAll(_ tenant: TenantID, _ flow: FlowID) -> SQL {
        """
        UPDATE app.postings SET state = 'mapped', updated_at = clock_timestamp() WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND form = 'payment'
          AND effect = 'post' AND remote_id IS NULL AND batch_id IS NULL AND state = 'cleared'
        """
    }

    /// Payments of these documents' cases that wait to be sent are checked again: what is paid already in the ledger has changed.
    public static func recheckPayments(_ tenant: TenantID, _ keys: [PostKey]) -> SQL {
        """
        UPDATE app.postings p SET state = 'mapped', updated_at = clock_timestamp() FROM app.postings o
        WHERE o.tenant_id = \(tenant) AND o.post_key = ANY (\(keys.map(\.text)))
          AND p.tenant_id = o.tenant_id AND p.flow_id = o.flow_id AND p.case_id = o.case_id AND p.form = 'payment' AND p.effect = 'post' AND p.remote_id IS NULL AND p.batch_id IS NULL
          AND (p.state = 'cleared' OR (p.state = 'held' AND p.findings->0->>'check' = 'paid_in_ledger'))
        """
    }
}

extension ReflectionRow {
    fileprivate init?(_ row: PostgresRow) throws(Fault) {
        guard let key = PostKey(try row.get("post_key", as: String.self)) else { return nil }
        self.init(
            key: key, number: Int(try row.get("number", as: Int32.self)), connection: try row.get("connection_id"), subject: try row.get("subject") ?? "",
            state: try row.get("state"), says: try row.get("says", as: PostgresJSON.self).bytes, digest: try row.get("digest"),
            paidMinor: try row.get("paid_minor"), attempts: Int(try row.get("attempts", as: Int32.self)))
    }
}

extension PostgresRows {
    fileprivate func reflections() throws(Fault) -> [ReflectionRow] {
        var out: [ReflectionRow] = []
        for row in self {
            if let found = try ReflectionRow(row) { out.append(found) }
        }
        return out
    }
}

extension PostgresTransaction {
    /// Keeps what is news of what the ledger shows, and asks for what follows from it.
    /// - Parameter told: documents that differ, of which another alert tells: whoever decides about one of them decides about this.
    public func reflect(_ tenant: TenantID, _ flow: FlowID, _ rows: [NewReflection], alert: AlertRow, besides told: Set<PostKey> = []) async throws(Fault) {
        guard !rows.isEmpty else { return }
        let known = Dictionary(grouping: try await query(ReflectionStatements.known(tenant, rows.map(\.key))).reflections(), by: \.key)
        var change = ReflectionChange()
        for row in rows { change.take(row, known[row.key] ?? []) }
        if !change.superseded.isEmpty { _ = try await query(ReflectionStatements.supersede(tenant, change.superseded)) }
        if !change.paid.isEmpty { _ = try await query(ReflectionStatements.paid(tenant, change.paid)) }
        if !change.added.isEmpty {
            _ = try await query(ReflectionStatements.add(tenant, flow, change.added))
            try await audit(tenant, change.added.map { added in
                AuditEntry(
                    actor: "worker", action: added.new.finding == nil ? "reflection.due" : "reflection.held", subject: "posting \(added.new.key)", detail: added.new.says)
            })
            _ = try await query(JobStatements.ask(tenant, [Job(.reflect, flow.description, lane: .webhook)]))
        }
        if change.added.contains(where: { $0.new.finding != nil && !told.contains($0.new.key) }) { try await raise(tenant, [alert]) }
        try await over(tenant, flow)
        if !change.paidKeys.isEmpty, try await query(ReflectionStatements.recheckPayments(tenant, change.paidKeys)).affected > 0 {
            _ = try await query(JobStatements.ask(tenant, [Job(.map, flow.description, lane: .webhook)]))
        }
    }

    /// A person lets the ledger's side of a document stand: that answers what was asked before its source is told.
    public func answerReflections(_ tenant: TenantID, _ flow: FlowID, _ key: PostKey, actor: String) async throws(Fault) {
        guard try await query(ReflectionStatements.answer(tenant, key)).affected > 0 else { return }
        _ = try await query(JobStatements.ask(tenant, [Job(.reflect, flow.description, lane: .interactive)]))
        try await over(tenant, flow)
        try await audit(tenant, [AuditEntry(actor: actor, action: "reflection.tell", subject: "posting \(key)")])
    }

    /// A flow begins to tell its source, also of what a person let stand while it did not.
    public func beginReflecting(_ tenant: TenantID, _ flow: FlowID, actor: String) async throws(Fault) {
        var answered: [AuditEntry] = []
        for row in try await query(ReflectionStatements.answerAccepted(tenant, flow)) {
            let key: String = try row.get("post_key")
            answered.append(AuditEntry(actor: actor, action: "reflection.tell", subject: "posting \(key)"))
        }
        if !answered.isEmpty {
            try await audit(tenant, answered)
            _ = try await query(JobStatements.ask(tenant, [Job(.reflect, flow.description, lane: .webhook)]))
        }
        _ = try await query(ReflectionStatements.look(tenant, flow))
        _ = try await query(ReflectionStatements.recheckAll(tenant, flow))
        _ = try await query(JobStatements.ask(tenant, [Job(.confirm, flow.description, lane: .webhook), Job(.map, flow.description, lane: .webhook)]))
    }

    /// The flow's alert is over when nothing waits for a person any more.
    public func over(_ tenant: TenantID, _ flow: FlowID) async throws(Fault) {
        let open: Int64 = try await query(ReflectionStatements.open(tenant, flow)).first?.get("n") ?? 0
        if open == 0 { _ = try await query(AlertStatements.resolve(tenant, keys: [AlertKey.reflection(flow)])) }
    }
}

/// The pure core of keeping reflections: what the ledger shows against what was told.
struct ReflectionChange {
    /// An earlier state that may still be on its way has arrived by then, or never does.
    static let onItsWay = Duration.seconds(120)

    var added: [(new: NewReflection, number: Int, after: Duration)] = []
    var superseded: [(key: PostKey, number: Int)] = []
    var paid: [(key: PostKey, number: Int, minor: Int64?)] = []
    var paidKeys: [PostKey] = []

    /// - Parameter known: all there is of the document, whoever is told, in order.
    mutating func take(_ new: NewReflection, _ known: [ReflectionRow]) {
        let live = known.filter { $0.state != "superseded" && $0.connection == new.connection && $0.subject == new.subject }
        if live.last?.paidMinor ?? 0 != new.paidMinor ?? 0 { paidKeys.append(new.key) }
        if let last = live.last, last.digest == new.digest {
            if last.paidMinor != new.paidMinor { paid.append((new.key, last.number, new.paidMinor)) }
            return
        }
        // What nobody was told is forgotten; what the source knows before it may be what is so again.
        let pending = live.filter { ["due", "held", "refused", "sent"].contains($0.state) }
        superseded += pending.map { ($0.key, $0.number) }
        let isOnItsWay = pending.contains { $0.state == "sent" }
        let agreed = live.last { !["due", "held", "refused", "sent"].contains($0.state) }
        if !isOnItsWay, let agreed, agreed.digest == new.digest {
            if agreed.paidMinor != new.paidMinor { paid.append((new.key, agreed.number, new.paidMinor)) }
            return
        }
        let last = (known.map(\.number) + added.filter { $0.new.key == new.key }.map(\.number)).max() ?? 0
        added.append((new, last + 1, isOnItsWay ? Self.onItsWay : .zero))
    }
}

extension Store {
    /// - Parameter connections: who can be told now.
    public func dueReflections(_ tenant: TenantID, _ flow: FlowID, to connections: [ConnectionID], limit: Int) async throws(Fault) -> [ReflectionRow] {
        let out = try await pool.query(ReflectionStatements.due(tenant, flow, to: connections, limit: Batches.current.limit(limit))).reflections()
        Batches.current.takes(out.map { "reflection \($0.key) \($0.number)" })
        return out
    }

    /// Writes down that the source is about to be told; nothing may be sent before this returns.
    /// - Throws: `lease_lost` when this worker no longer holds the lease.
    public func sendReflection(_ tenant: TenantID, epoch: Int64, _ row: ReflectionRow, attempt: String, again: Duration) async throws(Fault) {
        let sql = ReflectionStatements.send(tenant, epoch: epoch, row.key, number: row.number, attempt: attempt, again: again)
        guard try await pool.query(sql).affected == 1 else {
            throw Fault("lease_lost", stage: .post, disposition: .retry, summary: "this worker no longer holds the tenant's lease")
        }
    }

    public func settleReflection(
        _ tenant: TenantID, _ flow: FlowID, _ row: ReflectionRow, _ outcome: ReflectionOutcome, alerts: [AlertRow] = []
    ) async throws(Fault) {
        try await transaction { tx throws(Fault) in
            guard try await tx.query(ReflectionStatements.settle(tenant, row.key, number: row.number, outcome)).affected > 0 else { return }
            if outcome.state != .due {
                let entry = AuditEntry(
                    actor: "worker", action: "reflection.\(outcome.state.rawValue)", subject: "posting \(row.key)", detail: outcome.fault ?? row.says)
                try await tx.audit(tenant, [entry])
            }
            try await tx.raise(tenant, alerts)
            try await tx.over(tenant, flow)
        }
    }

    /// Puts them into the list that the source fetches.
    public func keepReflections(_ tenant: TenantID, _ connection: ConnectionID, _ rows: [ReflectionRow]) async throws(Fault) {
        guard !rows.isEmpty else { return }
        try await transaction { tx throws(Fault) in
            _ = try await tx.query(ReflectionStatements.queue(tenant, connection))
            _ = try await tx.query(ReflectionStatements.keep(tenant, connection, rows.map { ($0.key, $0.number) }))
            try await tx.audit(tenant, rows.map { AuditEntry(actor: "worker", action: "reflection.kept", subject: "posting \($0.key)", detail: $0.says) })
        }
    }

    public func nextReflection(_ tenant: TenantID, _ flow: FlowID, to connections: [ConnectionID]) async throws(Fault) -> Duration? {
        let ms: Int64? = try await pool.query(ReflectionStatements.next(tenant, flow, to: connections)).first?.get("ms")
        return ms.map { .milliseconds(max(0, $0)) }
    }

    /// What of ours settles these documents; of one that nothing of ours settles there is nothing.
    public func settling(_ tenant: TenantID, _ keys: [PostKey]) async throws(Fault) -> [PostKey: SettledSum] {
        var out: [PostKey: SettledSum] = [:]
        for row in try await pool.query(ReflectionStatements.settling(tenant, keys)) {
            guard let key = PostKey(try row.get("post_key", as: String.self)) else { continue }
            out[key] = SettledSum(minor: try row.get("minor"), isCertain: try row.get("certain"), isMoving: try row.get("moving"), waitingMinor: try row.get("waiting"))
        }
        return out
    }

    /// Ids of the returns that these documents stand for, as documents name them (`return:55120`, `exchange:55120`).
    public func returned(_ tenant: TenantID, _ keys: [PostKey]) async throws(Fault) -> [PostKey: [String]] {
        guard !keys.isEmpty else { return [:] }
        var out: [PostKey: [String]] = [:]
        for row in try await pool.query(ReflectionStatements.returned(tenant, keys)) {
            if let key = PostKey(try row.get("post_key", as: String.self)) { out[key, default: []].append(try row.get("source_id")) }
        }
        return out
    }

    /// What was paid in the ledger beside ours; documents with none are left out.
    public func paidThere(_ tenant: TenantID, _ keys: [PostKey]) async throws(Fault) -> [PostKey: Int64] {
        guard !keys.isEmpty else { return [:] }
        var out: [PostKey: Int64] = [:]
        for row in try await pool.query(ReflectionStatements.paidThere(tenant, keys)) {
            if let key = PostKey(try row.get("post_key", as: String.self)) { out[key] = try row.get("paid") }
        }
        return out
    }
}
