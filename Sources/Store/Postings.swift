public import Books
public import Kernel
public import Postgres

/// A ledger document of ours, at whatever step it is.
public struct PostingRow: Sendable {
    public var key: PostKey
    public var flow: FlowID
    public var ledger: ConnectionID
    public var caseID: String
    public var subject: String
    public var form: String
    public var generation: Int
    public var revision: Int
    public var effect: String
    public var state: String
    public var plan: [UInt8]
    public var planDigest: [UInt8]
    /// What the ledger was last told; `nil` before the first send.
    public var sent: [UInt8]?
    public var sentDigest: [UInt8]?
    public var reference: String
    public var date: LocalDate
    public var currency: String
    public var totalMinor: Int64
    public var appliesTo: PostKey?
    /// JSON array.
    public var findings: [UInt8]
    public var attempts: Int
    public var remoteID: String?
    public var remoteVersion: String?
    /// The document that it is a part of; "" before that is planned, `nil` for what is sent by itself.
    public var partOf: String?
    /// The batch of a file that has it in hand.
    public var batch: BatchID?
    /// The ledger has it by a person's word, under a file's reference.
    public var byHand = false
    /// The ledger's side of it, where that stands beside what was sent (JSON object).
    public var accepted: [UInt8]?
}

/// A new or changed plan, as `map` leaves it.
public struct PlanRow: Sendable {
    public var key: PostKey
    public var caseID: String
    public var subject: String
    public var form: String
    public var effect: String
    public var revision: Int
    public var plan: [UInt8]
    public var planDigest: [UInt8]
    public var reference: String
    public var date: LocalDate
    public var currency: String
    public var totalMinor: Int64
    public var appliesTo: PostKey?
    public var covers: [String]
    /// It is not sent by itself, but within a gathered document.
    public var isPart: Bool

    public init(
        key: PostKey, caseID: String, subject: String, form: String, effect: String, revision: Int, plan: [UInt8], planDigest: [UInt8],
        reference: String, date: LocalDate, currency: String, totalMinor: Int64, appliesTo: PostKey?, covers: [String], isPart: Bool = false
    ) {
        self.key = key
        self.caseID = caseID
        self.subject = subject
        self.form = form
        self.effect = effect
        self.revision = revision
        self.plan = plan
        self.planDigest = planDigest
        self.reference = reference
        self.date = date
        self.currency = currency
        self.totalMinor = totalMinor
        self.appliesTo = appliesTo
        self.covers = covers
        self.isPart = isPart
    }
}

public enum PostingStatements {
    static let columns = """
        post_key, flow_id, ledger_id, case_id, subject, form, generation, revision, effect, state, plan, plan_digest, sent, sent_digest, reference,
        ledger_date, currency, total_minor, applies_to, findings, attempts, remote_id, remote_version, part_of,
        batch_id, by_hand, accepted
        """

    public static func ofCases(_ tenant: TenantID, _ flow: FlowID, cases: [String]) -> SQL {
        "SELECT \(unsafe: columns) FROM app.postings WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND case_id = ANY (\(cases)) ORDER BY post_key"
    }

    public static func byKeys(_ tenant: TenantID, _ keys: [PostKey]) -> SQL {
        "SELECT \(unsafe: columns) FROM app.postings WHERE tenant_id = \(tenant) AND post_key = ANY (\(keys.map(\.text))) ORDER BY post_key"
    }

    /// New plans and changed ones. A row that is being sent or whose outcome is unknown is left alone (its case stays dirty), and so is one
    /// that waits for a person. Whose document it is decides the case that has it; a case that has it no more takes nothing back.
    public static func map(_ tenant: TenantID, _ flow: FlowID, _ ledger: ConnectionID, _ rows: [PlanRow]) -> SQL {
        """
        INSERT INTO app.postings AS p (tenant_id, flow_id, ledger_id, post_key, case_id, subject, form, effect, revision, state, plan, plan_digest,
          reference, ledger_date, currency, total_minor, applies_to, part_of)
        SELECT \(tenant), \(flow), \(ledger), k, c, s, f, e, r, 'mapped', pl, dg, rf, d, cu, t, a, CASE WHEN pt = 1 THEN '' END
        FROM unnest(\(rows.map(\.key.text)), \(rows.map(\.caseID)), \(rows.map(\.subject)), \(rows.map(\.form)), \(rows.map(\.effect)),
          \(rows.map { Int64($0.revision) }), \(rows.map { PostgresJSON($0.plan) }), \(rows.map(\.planDigest)), \(rows.map(\.reference)),
          \(rows.map(\.date)), \(rows.map(\.currency)), \(rows.map(\.totalMinor)), \(rows.map { $0.appliesTo?.text }),
          \(rows.map { Int64($0.isPart ? 1 : 0) })) AS i(k, c, s, f, e, r, pl, dg, rf, d, cu, t, a, pt)
        ON CONFLICT (tenant_id, post_key) DO UPDATE SET case_id = EXCLUDED.case_id,
          effect = EXCLUDED.effect, revision = EXCLUDED.revision, state = 'mapped', plan = EXCLUDED.plan, plan_digest = EXCLUDED.plan_digest,
          reference = EXCLUDED.reference, ledger_date = EXCLUDED.ledger_date, currency = EXCLUDED.currency, total_minor = EXCLUDED.total_minor,
          part_of = CASE WHEN EXCLUDED.part_of IS NULL THEN NULL ELSE coalesce(p.part_of, '') END,
          applies_to = EXCLUDED.applies_to, findings = '[]', fault = NULL, attempts = 0, next_attempt_at = now(), updated_at = clock_timestamp(),
          let_through = p.let_through AND p.plan_digest = EXCLUDED.plan_digest, cleared_at = CASE WHEN p.plan_digest = EXCLUDED.plan_digest THEN p.cleared_at END
          WHERE p.state NOT IN ('posting', 'unknown', 'manual') AND (EXCLUDED.effect = 'post' OR p.case_id = EXCLUDED.case_id)
        RETURNING post_key
        """
    }

    /// What the ledger has is as it should be, and belongs to another case by now.
    public static func adopt(_ tenant: TenantID, _ rows: [PlanRow]) -> SQL {
        """
        UPDATE app.postings p SET case_id = c, plan = pl, plan_digest = dg, sent = pl, sent_digest = dg, effect = 'post', revision = r, updated_at = clock_timestamp(),
          state = CASE WHEN p.state IN ('posted', 'confirmed', 'reconciled') THEN p.state WHEN p.by_hand OR p.accepted IS NOT NULL THEN 'confirmed' ELSE 'posted' END,
          findings = '[]', fault = NULL, attempts = 0, next_attempt_at = now()
        FROM unnest(\(rows.map(\.key.text)), \(rows.map(\.caseID)), \(rows.map { PostgresJSON($0.plan) }), \(rows.map(\.planDigest)),
          \(rows.map { Int32($0.revision) })) AS i(k, c, pl, dg, r)
        WHERE p.tenant_id = \(tenant) AND p.post_key = k AND p.remote_id IS NOT NULL AND p.sent IS NOT NULL AND p.batch_id IS NULL
          AND p.state IN ('posted', 'confirmed', 'reconciled', 'mapped', 'cleared', 'held', 'rejected')
        RETURNING p.post_key
        """
    }

    public static func cover(_ tenant: TenantID, _ rows: [PlanRow]) -> SQL {
        let pairs = rows.flatMap { row in row.covers.map { (row.key.text, $0) } }
        return """
            INSERT INTO app.posting_documents (tenant_id, post_key, source_id)
            SELECT DISTINCT \(tenant), k, s FROM unnest(\(pairs.map(\.0)), \(pairs.map(\.1))) AS t(k, s) ON CONFLICT DO NOTHING
            RETURNING post_key
            """
    }

    /// Changes that the case no longer calls for: what the ledger has is what is wanted again, to be confirmed anew. Where its own side was accepted it was
    /// confirmed as that.
    public static func restore(_ tenant: TenantID, _ rows: [PlanRow]) -> SQL {
        """
        UPDATE app.postings p SET state = CASE WHEN p.accepted IS NOT NULL THEN 'confirmed' WHEN NOT p.by_hand THEN 'posted' WHEN e = 'void' THEN 'voided' ELSE 'confirmed' END, plan = sent,
          plan_digest = sent_digest, effect = e, revision = r, reference = rf, ledger_date = d, currency = cu, total_minor = t, findings = '[]',
          fault = NULL, attempts = 0, next_attempt_at = now(), updated_at = clock_timestamp()
        FROM unnest(\(rows.map(\.key.text)), \(rows.map(\.effect)), \(rows.map { Int32($0.revision) }), \(rows.map(\.reference)), \(rows.map(\.date)),
          \(rows.map(\.currency)), \(rows.map(\.totalMinor))) AS i(k, e, r, rf, d, cu, t)
        WHERE p.tenant_id = \(tenant) AND p.post_key = k AND p.remote_id IS NOT NULL AND p.sent IS NOT NULL AND p.posted_at IS NOT NULL
          AND p.state IN ('mapped', 'cleared', 'held', 'rejected')
        RETURNING p.post_key
        """
    }

    /// Plans that their case no longer calls for and that never reached the ledger.
    public static func supersede(_ tenant: TenantID, _ rows: [(key: PostKey, caseID: String)]) -> SQL {
        """
        UPDATE app.postings SET state = 'superseded', findings = '[]', updated_at = clock_timestamp()
        FROM unnest(\(rows.map(\.key.text)), \(rows.map(\.caseID))) AS t(k, c)
        WHERE tenant_id = \(tenant) AND post_key = k AND case_id = c AND remote_id IS NULL
          AND state IN ('mapped', 'cleared', 'held', 'rejected', 'gathered')
        RETURNING post_key
        """
    }

    public static func mapped(_ tenant: TenantID, _ flow: FlowID, limit: Int) -> SQL {
        """
        SELECT DISTINCT case_id FROM app.postings WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND state = 'mapped' LIMIT \(limit)
        """
    }

    /// The order in which whoever changes several postings takes them: by their keys. What is not there yet is passed over.
    public static func lock(_ tenant: TenantID, _ keys: [PostKey]) -> SQL {
        "SELECT post_key FROM app.postings WHERE tenant_id = \(tenant) AND post_key = ANY (\(keys.map(\.text))) ORDER BY post_key FOR NO KEY UPDATE"
    }

    /// What preflight decided: `cleared` for no findings (`gathered` for a part), `held` otherwise. A plan that is to wait for something waits,
    /// once cleared.
    public static func clear(_ tenant: TenantID, _ results: [(key: PostKey, findings: [UInt8], held: Bool)]) -> SQL {
        """
        UPDATE app.postings p SET state = CASE WHEN h THEN 'held' WHEN part_of IS NOT NULL THEN 'gathered' ELSE 'cleared' END, findings = f, updated_at = clock_timestamp(),
          next_attempt_at = CASE WHEN remote_id IS NULL THEN greatest(now(), (plan->>'not_before')::timestamptz) ELSE now() END,
          cleared_at = CASE WHEN NOT h AND part_of IS NULL THEN coalesce(cleared_at, clock_timestamp()) ELSE cleared_at END,
          held_since = CASE WHEN h THEN CASE WHEN held_by = f->0->>'check' THEN coalesce(held_since, clock_timestamp()) ELSE clock_timestamp() END END,
          held_by = CASE WHEN h THEN f->0->>'check' END
        FROM unnest(\(results.map(\.key.text)), \(results.map { PostgresJSON($0.findings) }), \(results.map(\.held))) AS t(k, f, h)
        WHERE p.tenant_id = \(tenant) AND p.post_key = k AND p.state = 'mapped'
        """
    }

    /// A cleared posting `p` may go: what it settles stands in the ledger and is not about to be changed there. A void goes after the voids of
    /// whatever settled it. What went there by hand is changed by hand, and settled by hand too: its id there is not known. What somebody may have
    /// changed there is looked at first, so that nothing is overwritten, and where the flow tells its source nothing is paid twice. What has a schedule waits for its next run.
    static let free = """
        \(unhindered) AND \(ScheduleStatements.letThrough)
        """

    /// The same of one that no schedule holds back. `OFFSET 0`: looked up row by row, never by a table of all that there is.
    /// What obliges us to others is not sent on the word of a source that has said something else since.
    static let unhindered = """
        NOT p.by_hand AND p.recheck_at IS NULL AND (p.form NOT IN ('bill', 'purchase_order', 'sales_order') OR NOT EXISTS (SELECT FROM app.cases c WHERE c.tenant_id = p.tenant_id
          AND c.flow_id = p.flow_id AND c.case_id = p.case_id AND c.dirty OFFSET 0)) AND CASE p.effect WHEN 'void' THEN NOT EXISTS (SELECT FROM app.postings q WHERE q.tenant_id = p.tenant_id AND q.flow_id = p.flow_id
            AND q.case_id = p.case_id AND q.applies_to = p.post_key AND q.effect = 'void' AND q.state IN ('mapped', 'cleared', 'posting', 'unknown') OFFSET 0)
          ELSE p.applies_to IS NULL OR EXISTS (SELECT FROM app.postings q WHERE q.tenant_id = p.tenant_id AND q.post_key = p.applies_to AND NOT q.by_hand
            AND (p.form <> 'payment' OR q.recheck_at IS NULL OR NOT EXISTS (SELECT FROM app.flows f WHERE f.tenant_id = p.tenant_id AND f.id = p.flow_id
              AND f.policies->>'reflect' = 'on'))
            AND (q.state IN ('posted', 'confirmed', 'reconciled') OR (q.state IN ('held', 'rejected') AND q.remote_id IS NOT NULL)) OFFSET 0) END
        """

    /// Cleared postings that may go now, what others depend on first.
    public static func due(_ tenant: TenantID, _ flow: FlowID, limit: Int) -> SQL {
        """
        SELECT \(unsafe: columns) FROM (\(going(tenant, flow))) p WHERE next_attempt_at <= clock_timestamp() AND \(unsafe: unhindered) AND NOT \(unsafe: RestoreStatements.doubted)
        ORDER BY array_position(ARRAY['sales_order', 'invoice', 'sales_receipt', 'credit_note', 'journal', 'payment', 'refund_payment'], form), ledger_date, post_key
        LIMIT \(limit)
        """
    }

    static func going(_ tenant: TenantID, _ flow: FlowID) -> SQL {
        "SELECT z.* FROM app.flows f CROSS JOIN LATERAL (\(unsafe: ScheduleStatements.going)) z WHERE f.tenant_id = \(tenant) AND f.id = \(flow)"
    }

    public static func remoteIDs(_ tenant: TenantID, _ keys: [PostKey]) -> SQL {
        "SELECT post_key, remote_id FROM app.postings WHERE tenant_id = \(tenant) AND post_key = ANY (\(keys.map(\.text))) AND remote_id IS NOT NULL"
    }

    public static func posted(_ tenant: TenantID, _ flow: FlowID, limit: Int) -> SQL {
        """
        SELECT \(unsafe: columns) FROM app.postings WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND state = 'posted'
          AND next_attempt_at <= clock_timestamp() ORDER BY posted_at, post_key LIMIT \(limit)
        """
    }

    /// `shown`: what the ledger has, to compare with when it says that it changed (JSON); `nil` where it has nothing any more.
    public static func confirmed(_ tenant: TenantID, _ rows: [(key: PostKey, version: String?, shown: [UInt8]?)]) -> SQL {
        """
        UPDATE app.postings p SET state = CASE WHEN effect = 'void' THEN 'voided' ELSE 'confirmed' END, confirmed_at = clock_timestamp(),
          remote_version = coalesce(v, remote_version), confirmed_as = s, fault = NULL, updated_at = clock_timestamp()
        FROM unnest(\(rows.map(\.key.text)), \(rows.map(\.version)), \(rows.map { $0.shown.map { PostgresJSON($0) } })) AS t(k, v, s)
        WHERE p.tenant_id = \(tenant) AND p.post_key = k AND p.state = 'posted'
        """
    }

    /// To be void, which it is in the ledger already, by somebody's hand: nothing is sent, and it is read back like what was.
    public static func voidedThere(_ tenant: TenantID, _ keys: [PostKey]) -> SQL {
        """
        UPDATE app.postings SET state = 'posted', sent = plan, sent_digest = plan_digest, accepted = NULL, confirmed_as = NULL, findings = '[]', fault = NULL,
          attempts = 0, next_attempt_at = now(), updated_at = clock_timestamp()
        WHERE tenant_id = \(tenant) AND post_key = ANY (\(keys.map(\.text))) AND state = 'mapped' AND effect = 'void' AND accepted->>'voided' = 'true'
          AND remote_id IS NOT NULL AND posted_at IS NOT NULL
        """
    }

    /// The ledger shows something else than was meant: a person decides.
    public static func differs(_ tenant: TenantID, _ key: PostKey, findings: [UInt8], fault: [UInt8], shown: [UInt8]?) -> SQL {
        """
        UPDATE app.postings SET state = 'manual', shown_as = \(shown.map { PostgresJSON($0) }), findings = \(PostgresJSON(findings)), fault = \(PostgresJSON(fault)), updated_at = clock_timestamp()
        WHERE tenant_id = \(tenant) AND post_key = \(key.text) AND state = 'posted'
        """
    }

    public static func retryLater(_ tenant: TenantID, _ keys: [PostKey], by delay: Duration, fault: [UInt8]?) -> SQL {
        """
        UPDATE app.postings SET next_attempt_at = clock_timestamp() + \(delay.wholeMilliseconds) * interval '1 millisecond',
          attempts = attempts + 1, fault = \(fault.map { PostgresJSON($0) }), updated_at = clock_timestamp()
        WHERE tenant_id = \(tenant) AND post_key = ANY (\(keys.map(\.text))) AND state IN ('cleared', 'posted', 'unknown')
        """
    }

    /// Goes back to be checked, without being sent: what it needs of the ledger is not there any more.
    public static func hold(_ tenant: TenantID, _ key: PostKey, findings: [UInt8]) -> SQL {
        """
        UPDATE app.postings SET state = 'held', findings = \(PostgresJSON(findings)), updated_at = clock_timestamp()
        WHERE tenant_id = \(tenant) AND post_key = \(key.text) AND state IN ('cleared', 'mapped')
        """
    }

    /// Milliseconds until the next posting of the flow may be sent or looked for; NULL for none.
    public static func nextAttempt(_ tenant: TenantID, _ flow: FlowID) -> SQL {
        """
        SELECT (extract(epoch FROM least(
          (SELECT min(next_attempt_at) FROM app.postings WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND state = 'unknown'),
          (SELECT min(next_attempt_at) FROM (\(going(tenant, flow))) p WHERE \(unsafe: unhindered) AND NOT \(unsafe: RestoreStatements.doubted))) - clock_timestamp()) * 1000)::bigint AS ms
        """
    }

    /// Milliseconds until the next posting of the flow may be read back; NULL for none.
    public static func nextConfirm(_ tenant: TenantID, _ flow: FlowID) -> SQL {
        """
        SELECT (extract(epoch FROM min(next_attempt_at) - clock_timestamp()) * 1000)::bigint AS ms FROM app.postings
        WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND state = 'posted'
        """
    }
}

extension PostingRow {
    init(_ row: PostgresRow) throws(Fault) {
        let text: String = try row.get("post_key")
        guard let key = PostKey(text) else {
            throw Fault("post_key_malformed", stage: .database, disposition: .bug, summary: "a stored posting key is malformed")
        }
        self.key = key
        flow = try row.get("flow_id")
        ledger = try row.get("ledger_id")
        caseID = try row.get("case_id")
        subject = try row.get("subject")
        form = try row.get("form")
        generation = Int(try row.get("generation", as: Int32.self))
        revision = Int(try row.get("revision", as: Int32.self))
        effect = try row.get("effect")
        state = try row.get("state")
        plan = try row.get("plan", as: PostgresJSON.self).bytes
        planDigest = try row.get("plan_digest")
        sent = try row.get("sent", as: PostgresJSON?.self)?.bytes
        sentDigest = try row.get("sent_digest")
        reference = try row.get("reference")
        date = try row.get("ledger_date")
        currency = try row.get("currency")
        totalMinor = try row.get("total_minor")
        appliesTo = try row.get("applies_to", as: String?.self).flatMap { PostKey($0) }
        findings = try row.get("findings", as: PostgresJSON.self).bytes
        attempts = Int(try row.get("attempts", as: Int32.self))
        remoteID = try row.get("remote_id")
        remoteVersion = try row.get("remote_version")
        partOf = try row.get("part_of")
        batch = try row.get("batch_id")
        byHand = try row.get("by_hand")
        accepted = try row.get("accepted", as: PostgresJSON?.self)?.bytes
    }
}

extension PostgresRows {
    func postings() throws(Fault) -> [PostingRow] {
        var out: [PostingRow] = []
        for row in self { out.append(try PostingRow(row)) }
        return out
    }
}

extension Store {
    public func postings(_ tenant: TenantID, _ flow: FlowID, cases: [String]) async throws(Fault) -> [PostingRow] {
        try await pool.query(PostingStatements.ofCases(tenant, flow, cases: cases)).postings()
    }

    public func postings(_ tenant: TenantID, keys: [PostKey]) async throws(Fault) -> [PostingRow] {
        try await pool.query(PostingStatements.byKeys(tenant, keys)).postings()
    }

    public func duePostings(_ tenant: TenantID, _ flow: FlowID, limit: Int) async throws(Fault) -> [PostingRow] {
        let due = try await pool.query(PostingStatements.due(tenant, flow, limit: Batches.current.limit(limit))).postings()
        Batches.current.takes(due.map { "posting \($0.key)" })
        return due
    }

    public func postedPostings(_ tenant: TenantID, _ flow: FlowID, limit: Int) async throws(Fault) -> [PostingRow] {
        let posted = try await pool.query(PostingStatements.posted(tenant, flow, limit: Batches.current.limit(limit))).postings()
        Batches.current.takes(posted.map { "posting \($0.key)" })
        return posted
    }

    public func mappedCases(_ tenant: TenantID, _ flow: FlowID, limit: Int) async throws(Fault) -> [String] {
        var out: [String] = []
        for row in try await pool.query(PostingStatements.mapped(tenant, flow, limit: Batches.current.limit(limit))) { out.append(try row.get("case_id")) }
        Batches.current.takes(out.map { "case \($0)" })
        return out
    }

    public func remoteIDs(_ tenant: TenantID, _ keys: [PostKey]) async throws(Fault) -> [PostKey: String] {
        var out: [PostKey: String] = [:]
        for row in try await pool.query(PostingStatements.remoteIDs(tenant, keys)) {
            if let key = PostKey(try row.get("post_key", as: String.self)) { out[key] = try row.get("remote_id") }
        }
        return out
    }

    public func nextAttempt(_ tenant: TenantID, _ flow: FlowID) async throws(Fault) -> Duration? {
        let ms: Int64? = try await pool.query(PostingStatements.nextAttempt(tenant, flow)).first?.get("ms")
        return ms.map { .milliseconds(max(0, $0)) }
    }

    public func nextConfirm(_ tenant: TenantID, _ flow: FlowID) async throws(Fault) -> Duration? {
        let ms: Int64? = try await pool.query(PostingStatements.nextConfirm(tenant, flow)).first?.get("ms")
        return ms.map { .milliseconds(max(0, $0)) }
    }

    /// Postings that are to be void, and are so in the ledger already: read back like what was sent.
    public func voidedThere(_ tenant: TenantID, _ flow: FlowID, _ keys: [PostKey]) async throws(Fault) {
        try await transaction { tx throws(Fault) in
            _ = try await tx.query(PostingStatements.lock(tenant, keys))
            _ = try await tx.query(PostingStatements.voidedThere(tenant, keys))
            _ = try await tx.query(JobStatements.ask(tenant, [Job(.confirm, flow.description, lane: .webhook)]))
            try await tx.audit(tenant, keys.map { AuditEntry(actor: "worker", action: "posting.void_there", subject: "posting \($0)") })
        }
    }

    /// Holds one posting by name, with its audit row and alert; what depends on it is checked again.
    public func hold(_ tenant: TenantID, _ flow: FlowID, _ key: PostKey, findings: [UInt8], alert: AlertRow) async throws(Fault) {
        try await transaction { tx throws(Fault) in
            guard try await tx.query(PostingStatements.hold(tenant, key, findings: findings)).affected > 0 else { return }
            _ = try await tx.query(PostingStatements.recheckDependants(tenant, [key]))
            _ = try await tx.query(JobStatements.ask(tenant, [Job(.map, flow.description, lane: .webhook)]))
            try await tx.audit(tenant, [AuditEntry(actor: "worker", action: "posting.held", subject: "posting \(key)")])
            try await tx.raise(tenant, [alert])
        }
    }
}

extension PostingStatements {
    /// What settles or corrects a document that is not sent is checked again, and held: to the end of the chain, from the invoice by its credit note
    /// to the money that goes back.
    public static func recheckDependants(_ tenant: TenantID, _ keys: [PostKey]) -> SQL {
        """
        WITH RECURSIVE d AS (
          SELECT post_key FROM app.postings WHERE tenant_id = \(tenant) AND applies_to = ANY (\(keys.map(\.text))) AND state IN ('mapped', 'cleared', 'held')
          UNION SELECT p.post_key FROM app.postings p JOIN d ON p.applies_to = d.post_key WHERE p.tenant_id = \(tenant) AND p.state IN ('mapped', 'cleared', 'held')
        )
        UPDATE app.postings SET state = 'mapped', updated_at = clock_timestamp()
        WHERE tenant_id = \(tenant) AND post_key IN (SELECT post_key FROM d) AND state = 'cleared'
        """
    }
}
