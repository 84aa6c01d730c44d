internal import FoundationEssentials
public import Kernel
public import Postgres

/// A canonical document or a note, as normalise leaves it.
public struct DocumentRow: Sendable {
    /// The document's kind; for notes `edit`, `cancellation`, `goods_return`, `fulfilment`.
    public var kind: String
    public var isNote: Bool
    public var sourceID: String
    public var id: DocumentID
    public var caseID: String
    public var version: Int64
    public var at: Timestamp
    /// Encoded body.
    public var body: [UInt8]

    public init(
        kind: String, isNote: Bool, sourceID: String, id: DocumentID, caseID: String, version: Int64, at: Timestamp, body: [UInt8]
    ) {
        self.kind = kind
        self.isNote = isNote
        self.sourceID = sourceID
        self.id = id
        self.caseID = caseID
        self.version = version
        self.at = at
        self.body = body
    }
}

/// A case to be planned: a flow's order with everything known about it.
public struct DirtyCase: Sendable {
    public var caseID: String
    public var changedAt: Timestamp
}

public enum DocumentStatements {
    /// Keeps newer versions only. Returns the cases in which something changed: of a newer version that says the same only the number is kept,
    /// so that no version between the two can come late and win.
    public static func upsert(_ tenant: TenantID, _ flow: FlowID, _ rows: [DocumentRow]) -> SQL {
        """
        WITH t AS (
          SELECT * FROM unnest(\(rows.map(\.kind)), \(rows.map(\.sourceID)), \(rows.map(\.id)), \(rows.map(\.caseID)), \(rows.map(\.version)),
            \(rows.map(\.at)), \(rows.map { PostgresJSON($0.body) })) AS u(k, s, i, c, v, h, b)
        ), before AS (
          SELECT d.kind, d.source_id, d.case_id, d.happened_at, d.body FROM app.documents d JOIN t ON d.kind = t.k AND d.source_id = t.s
          WHERE d.tenant_id = \(tenant) AND d.flow_id = \(flow)
        ), kept AS (
          INSERT INTO app.documents AS d (tenant_id, flow_id, kind, source_id, id, case_id, version, happened_at, body)
          SELECT \(tenant), \(flow), k, s, i, c, v, h, b FROM t ORDER BY k, s
          ON CONFLICT (tenant_id, flow_id, kind, source_id) DO UPDATE
            SET version = EXCLUDED.version, case_id = EXCLUDED.case_id, happened_at = EXCLUDED.happened_at, body = EXCLUDED.body,
                state = CASE WHEN d.body = EXCLUDED.body THEN d.state ELSE 'normalized' END, updated_at = clock_timestamp()
            WHERE d.version < EXCLUDED.version
          RETURNING kind, source_id, case_id, happened_at, body
        )
        \(unsafe: changed)
        """
    }

    public static func upsertNotes(_ tenant: TenantID, _ flow: FlowID, _ rows: [DocumentRow]) -> SQL {
        """
        WITH t AS (
          SELECT * FROM unnest(\(rows.map(\.kind)), \(rows.map(\.sourceID)), \(rows.map(\.caseID)), \(rows.map(\.version)), \(rows.map(\.at)),
            \(rows.map { PostgresJSON($0.body) })) AS u(k, s, c, v, h, b)
        ), before AS (
          SELECT d.kind, d.source_id, d.case_id, d.happened_at, d.body FROM app.notes d JOIN t ON d.kind = t.k AND d.source_id = t.s
          WHERE d.tenant_id = \(tenant) AND d.flow_id = \(flow)
        ), kept AS (
          INSERT INTO app.notes AS d (tenant_id, flow_id, kind, source_id, case_id, version, happened_at, body)
          SELECT \(tenant), \(flow), k, s, c, v, h, b FROM t ORDER BY k, s
          ON CONFLICT (tenant_id, flow_id, kind, source_id) DO UPDATE
            SET version = EXCLUDED.version, case_id = EXCLUDED.case_id, happened_at = EXCLUDED.happened_at, body = EXCLUDED.body,
                updated_at = clock_timestamp()
            WHERE d.version < EXCLUDED.version
          RETURNING kind, source_id, case_id, happened_at, body
        )
        \(unsafe: changed)
        """
    }

    /// The case of what is new or says something else; of what moved to another case both.
    private static let changed = """
        SELECT x.case_id FROM kept k LEFT JOIN before b USING (kind, source_id)
        CROSS JOIN LATERAL (SELECT k.case_id UNION SELECT b.case_id WHERE b.case_id IS NOT NULL) x
        WHERE b.body IS DISTINCT FROM k.body OR b.happened_at IS DISTINCT FROM k.happened_at OR b.case_id IS DISTINCT FROM k.case_id
        """

    public static func markDirty(_ tenant: TenantID, _ flow: FlowID, cases: [String]) -> SQL {
        """
        INSERT INTO app.cases AS c (tenant_id, flow_id, case_id) SELECT DISTINCT \(tenant), \(flow), x FROM unnest(\(cases)) AS t(x) ORDER BY 3
        ON CONFLICT (tenant_id, flow_id, case_id) DO UPDATE SET dirty = true, changed_at = clock_timestamp()
        """
    }

    /// Cases to be planned. One with a send under way or unknown waits, and keeps nobody behind it waiting.
    public static func dirty(_ tenant: TenantID, _ flow: FlowID, limit: Int) -> SQL {
        """
        SELECT case_id, changed_at FROM app.cases c WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND dirty
          AND gathers IS NULL AND NOT EXISTS (SELECT FROM app.postings p WHERE p.tenant_id = c.tenant_id AND p.flow_id = c.flow_id
            AND p.case_id = c.case_id AND p.state IN ('posting', 'unknown'))
        ORDER BY changed_at LIMIT \(limit)
        """
    }

    public static func anyDirty(_ tenant: TenantID, _ flow: FlowID) -> SQL {
        "SELECT EXISTS (SELECT FROM app.cases WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND dirty) AS dirty"
    }

    /// Only what has not changed since it was read stops being dirty.
    public static func planned(_ tenant: TenantID, _ flow: FlowID, _ cases: [DirtyCase]) -> SQL {
        """
        UPDATE app.cases c SET dirty = false, planned_at = clock_timestamp(), fault = NULL
        FROM unnest(\(cases.map(\.caseID)), \(cases.map(\.changedAt))) AS t(x, at)
        WHERE c.tenant_id = \(tenant) AND c.flow_id = \(flow) AND c.case_id = x AND c.changed_at = at
        """
    }

    /// Whether a till was closed in this time: `closed`.
    public static func closure(_ tenant: TenantID, _ flow: FlowID, from: Timestamp, before: Timestamp) -> SQL {
        """
        SELECT EXISTS (SELECT FROM app.documents WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND kind = 'register_closure'
          AND happened_at >= \(from) AND happened_at < \(before)) AS closed
        """
    }

    /// What of the cases waits for its trigger; all else of them does not any more.
    public static func waiting(_ tenant: TenantID, _ flow: FlowID, cases: [String], _ documents: [(caseID: String, id: String)]) -> SQL {
        """
        UPDATE app.cases c SET waiting = coalesce((SELECT array_agg(i ORDER BY i) FROM unnest(\(documents.map(\.caseID)), \(documents.map(\.id))) AS t(x, i)
          WHERE x = c.case_id), '{}')
        WHERE c.tenant_id = \(tenant) AND c.flow_id = \(flow) AND c.case_id = ANY (\(cases)) AND (c.waiting <> '{}' OR c.case_id = ANY (\(documents.map(\.caseID))))
        """
    }

    /// A case that cannot be planned, with the reason; it is tried again when one of its documents or the configuration changes.
    public static func unplannable(_ tenant: TenantID, _ flow: FlowID, _ dirty: DirtyCase, fault: [UInt8]) -> SQL {
        """
        UPDATE app.cases SET dirty = false, fault = \(PostgresJSON(fault)) WHERE tenant_id = \(tenant) AND flow_id = \(flow)
          AND case_id = \(dirty.caseID) AND changed_at = \(dirty.changedAt)
        """
    }

    /// All documents and notes of these cases.
    public static func ofCases(_ tenant: TenantID, _ flow: FlowID, cases: [String]) -> SQL {
        """
        SELECT kind, false AS note, source_id, id, case_id, version, happened_at, body FROM app.documents
        WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND case_id = ANY (\(cases))
        UNION ALL
        SELECT kind, true, source_id, NULL, case_id, version, happened_at, body FROM app.notes
        WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND case_id = ANY (\(cases))
        ORDER BY case_id, happened_at, source_id
        """
    }

    /// Cases of these postings in which another one was rejected: what the ledger has changed, so it may take it now. And those in which a void was: money
    /// that has moved from one document to another leaves the first one free, whosever case that is. And those of the orders that an invoice of these is for:
    /// they are closed with it, and open again without it.
    public static func dirtyRejected(_ tenant: TenantID, _ flow: FlowID, beside keys: [String]) -> SQL {
        """
        UPDATE app.cases SET dirty = true, changed_at = clock_timestamp() WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND case_id IN (
          SELECT r.case_id FROM app.postings r JOIN app.postings k ON k.tenant_id = r.tenant_id AND k.flow_id = r.flow_id AND k.case_id = r.case_id
          WHERE r.tenant_id = \(tenant) AND r.flow_id = \(flow) AND r.state = 'rejected' AND k.post_key = ANY (\(keys))
          UNION ALL
          SELECT r.case_id FROM app.postings r WHERE r.tenant_id = \(tenant) AND r.flow_id = \(flow) AND r.state = 'rejected' AND r.effect = 'void'
            AND EXISTS (SELECT FROM app.postings k WHERE k.tenant_id = \(tenant) AND k.post_key = ANY (\(keys)) AND k.revision > 1
              AND k.form IN ('payment', 'refund_payment'))
          UNION ALL
          SELECT o.case_id FROM app.postings o JOIN app.postings k ON k.tenant_id = o.tenant_id AND k.flow_id = o.flow_id AND k.case_id = o.case_id
          WHERE o.tenant_id = \(tenant) AND o.flow_id = \(flow) AND o.form = 'sales_order' AND o.effect = 'post' AND o.remote_id IS NOT NULL
            AND k.form = 'invoice' AND k.post_key = ANY (\(keys))
          UNION ALL
          SELECT m.member FROM app.case_members m JOIN app.postings k ON k.tenant_id = m.tenant_id AND k.flow_id = m.flow_id AND k.case_id = m.case_id
          WHERE m.tenant_id = \(tenant) AND m.flow_id = \(flow) AND k.form = 'invoice' AND k.post_key = ANY (\(keys)))
        """
    }

    /// Cases with a posting that waits for a person, newest first.
    public static func stopped(_ tenant: TenantID, _ flow: FlowID, limit: Int) -> SQL {
        """
        SELECT case_id FROM app.postings WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND state IN ('held', 'rejected')
        GROUP BY case_id ORDER BY max(updated_at) DESC, case_id LIMIT \(limit)
        """
    }

    /// Documents and notes with these ids, whatever their kind. Not those of which money is still on its way: what has become of it is told under the
    /// same id.
    public static func known(_ tenant: TenantID, _ flow: FlowID, ids: [String]) -> SQL {
        """
        SELECT kind, source_id FROM app.documents WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND source_id = ANY (\(ids)) AND \(unsafe: settled)
        UNION ALL SELECT kind, source_id FROM app.notes WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND source_id = ANY (\(ids)) AND \(unsafe: settled)
        """
    }

    private static let settled = """
        NOT coalesce(body->'transactions' @> '[{"status": "pending"}]' OR body->'transactions' @> '[{"status": "authorised"}]', false)
        """

    public static func setState(_ tenant: TenantID, _ flow: FlowID, state: String, cases: [String]) -> SQL {
        """
        UPDATE app.documents SET state = \(state), updated_at = clock_timestamp()
        WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND case_id = ANY (\(cases)) AND state <> \(state)
        """
    }

    /// All cases that have something not yet in the ledger: planned and checked anew when rules, structure or the chart changed.
    public static func dirtyHeld(_ tenant: TenantID, _ flow: FlowID) -> SQL {
        """
        WITH again AS (
          UPDATE app.postings SET state = 'mapped', updated_at = clock_timestamp()
          WHERE tenant_id = \(tenant) AND post_key IN (SELECT p.post_key FROM app.postings p
            WHERE p.tenant_id = \(tenant) AND p.flow_id = \(flow) AND p.state = 'cleared' ORDER BY p.post_key FOR UPDATE) AND state = 'cleared'
        )
        UPDATE app.cases SET dirty = true, changed_at = clock_timestamp() WHERE tenant_id = \(tenant) AND flow_id = \(flow)
          AND (fault IS NOT NULL OR waiting <> '{}' OR case_id IN (SELECT case_id FROM app.postings WHERE tenant_id = \(tenant) AND flow_id = \(flow)
            AND state IN ('held', 'rejected', 'mapped', 'cleared')))
        """
    }
}

extension Store {
    /// A till was closed from the one instant on and before the other.
    public func hasClosure(_ tenant: TenantID, _ flow: FlowID, from: Timestamp, before: Timestamp) async throws(Fault) -> Bool {
        try await pool.query(DocumentStatements.closure(tenant, flow, from: from, before: before)).first?.get("closed") ?? false
    }

    /// Has the cases planned anew.
    public func replan(_ tenant: TenantID, _ flow: FlowID, cases: [String]) async throws(Fault) {
        guard !cases.isEmpty else { return }
        _ = try await pool.batch([
            DocumentStatements.markDirty(tenant, flow, cases: cases), JobStatements.ask(tenant, [Job(.map, flow.description, lane: .interactive)]),
        ])
    }

    public func stoppedCases(_ tenant: TenantID, _ flow: FlowID, limit: Int) async throws(Fault) -> [String] {
        var out: [String] = []
        for row in try await pool.query(DocumentStatements.stopped(tenant, flow, limit: limit)) { out.append(try row.get("case_id")) }
        return out
    }

    public func dirtyCases(_ tenant: TenantID, _ flow: FlowID, limit: Int) async throws(Fault) -> [DirtyCase] {
        var out: [DirtyCase] = []
        for row in try await pool.query(DocumentStatements.dirty(tenant, flow, limit: Batches.current.limit(limit))) {
            out.append(DirtyCase(caseID: try row.get("case_id"), changedAt: try row.get("changed_at")))
        }
        Batches.current.takes(out.map { "case \($0.caseID)" })
        return out
    }

    /// Whether any case of the flow waits to be planned, now or once a send of it is settled.
    public func anyDirty(_ tenant: TenantID, _ flow: FlowID) async throws(Fault) -> Bool {
        try await pool.query(DocumentStatements.anyDirty(tenant, flow)).first?.get("dirty") ?? false
    }

    /// A case that cannot be planned as it is, with its audit row and alert.
    public func unplannable(_ tenant: TenantID, _ flow: FlowID, _ dirty: DirtyCase, fault: [UInt8], alert: AlertRow) async throws(Fault) {
        try await transaction { tx throws(Fault) in
            guard try await tx.query(DocumentStatements.unplannable(tenant, flow, dirty, fault: fault)).affected > 0 else { return }
            try await tx.audit(tenant, [AuditEntry(actor: "worker", action: "case.held", subject: "case \(dirty.caseID)", detail: fault)])
            try await tx.raise(tenant, [alert])
        }
    }

    /// `kind id` of everything known with one of these ids.
    public func knownParts(_ tenant: TenantID, _ flow: FlowID, ids: [String]) async throws(Fault) -> Set<String> {
        var out: Set<String> = []
        for row in try await pool.query(DocumentStatements.known(tenant, flow, ids: ids)) {
            out.insert("\(try row.get("kind", as: String.self)) \(try row.get("source_id", as: String.self))")
        }
        return out
    }

    public func documents(_ tenant: TenantID, _ flow: FlowID, cases: [String]) async throws(Fault) -> [DocumentRow] {
        var out: [DocumentRow] = []
        for row in try await pool.query(DocumentStatements.ofCases(tenant, flow, cases: cases)) {
            out.append(try DocumentRow(row))
        }
        return out
    }
}

extension DocumentRow {
    init(_ row: PostgresRow) throws(Fault) {
        let id: DocumentID? = try row.get("id")
        self.init(
            kind: try row.get("kind"), isNote: try row.get("note"), sourceID: try row.get("source_id"), id: id ?? DocumentID(.init()),
            caseID: try row.get("case_id"), version: try row.get("version"), at: try row.get("happened_at"),
            body: try row.get("body", as: PostgresJSON.self).bytes)
    }
}
