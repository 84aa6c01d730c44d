public import Books
internal import FoundationEssentials
public import Kernel
public import Postgres

/// A document of a source that a plan in another case looks at.
public struct KnownDocument: Sendable {
    public var flow: FlowID
    public var row: DocumentRow
}

/// What cases look at beside their own documents. Members are named by the source's ids, across all flows into one ledger: a processor's payout
/// pays for a shop's orders.
public enum MemberStatements {
    /// Takes the places of what the cases looked at before.
    public static func forget(_ tenant: TenantID, _ flow: FlowID, cases: [String], but pairs: [(caseID: String, member: String)]) -> SQL {
        """
        DELETE FROM app.case_members m WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND case_id = ANY (\(cases))
          AND NOT EXISTS (SELECT FROM unnest(\(pairs.map(\.caseID)), \(pairs.map(\.member))) AS t(c, s) WHERE c = m.case_id AND s = m.member)
        RETURNING case_id, member
        """
    }

    public static func remember(_ tenant: TenantID, _ flow: FlowID, _ pairs: [(caseID: String, member: String)]) -> SQL {
        """
        INSERT INTO app.case_members (tenant_id, flow_id, case_id, member)
        SELECT DISTINCT \(tenant), \(flow), c, s FROM unnest(\(pairs.map(\.caseID)), \(pairs.map(\.member))) AS t(c, s) ORDER BY 3, 4
        ON CONFLICT DO NOTHING RETURNING case_id, member
        """
    }

    /// Cases of orders that an invoice in the ledger began or ceased to bill: invoices by their cases. What is not there yet asks when it is.
    public static func dirtyBilled(_ tenant: TenantID, _ flow: FlowID, _ pairs: [(caseID: String, member: String)]) -> SQL {
        """
        UPDATE app.cases c SET dirty = true, changed_at = clock_timestamp() FROM (
          SELECT DISTINCT d.case_id FROM unnest(\(pairs.map(\.caseID)), \(pairs.map(\.member))) AS t(x, m)
          JOIN app.documents d ON d.tenant_id = \(tenant) AND d.flow_id = \(flow) AND d.kind = 'sale' AND d.source_id = m
          WHERE EXISTS (SELECT FROM app.postings p WHERE p.tenant_id = \(tenant) AND p.flow_id = \(flow) AND p.case_id = x AND p.form = 'invoice'
            AND p.remote_id IS NOT NULL)) y
        WHERE c.tenant_id = \(tenant) AND c.flow_id = \(flow) AND c.case_id = y.case_id
        """
    }

    /// Cases that look at what these postings stand for: planned anew, because what the ledger has of it changed. Gives back their flows.
    public static func dirtyAround(_ tenant: TenantID, _ keys: [PostKey]) -> SQL {
        """
        WITH d AS (
          UPDATE app.cases c SET dirty = true, changed_at = clock_timestamp()
          FROM (SELECT DISTINCT m.flow_id, m.case_id FROM app.posting_documents pd
            JOIN app.case_members m ON m.tenant_id = pd.tenant_id AND m.member = pd.source_id
            WHERE pd.tenant_id = \(tenant) AND pd.post_key = ANY (\(keys.map(\.text)))) x
          WHERE c.tenant_id = \(tenant) AND c.flow_id = x.flow_id AND c.case_id = x.case_id RETURNING c.flow_id
        )
        SELECT DISTINCT flow_id FROM d
        """
    }

    /// What stands in the ledger for these documents, or within a gathered document that stands there.
    public static func standing(_ tenant: TenantID, _ ledger: ConnectionID, members: [String]) -> SQL {
        """
        SELECT DISTINCT ON (p.post_key) coalesce(p.sent, p.plan) AS plan FROM app.posting_documents pd
        JOIN app.postings p ON p.tenant_id = pd.tenant_id AND p.post_key = pd.post_key
        LEFT JOIN app.postings g ON g.tenant_id = p.tenant_id AND g.post_key = p.part_of
        WHERE pd.tenant_id = \(tenant) AND pd.source_id = ANY (\(members)) AND p.ledger_id = \(ledger)
          AND p.form IN ('payment', 'refund_payment', 'sales_receipt', 'deposit')
          AND ((p.remote_id IS NOT NULL AND p.sent->>'effect' = 'post') OR (p.part_of IS NOT NULL AND g.remote_id IS NOT NULL AND g.sent->>'effect' = 'post'))
        ORDER BY p.post_key
        """
    }

    /// The invoices in the ledger, each with the order that its case looks at because it bills it, and the revision that the ledger has.
    public static func billing(_ tenant: TenantID, _ flow: FlowID, orders: [String]) -> SQL {
        """
        SELECT m.member, p.sent AS plan, CASE WHEN p.sent_digest = p.plan_digest THEN p.revision ELSE greatest(1, p.revision - 1) END AS revision FROM app.case_members m
        JOIN app.postings p ON p.tenant_id = m.tenant_id AND p.flow_id = m.flow_id AND p.case_id = m.case_id
        WHERE m.tenant_id = \(tenant) AND m.flow_id = \(flow) AND m.member = ANY (\(orders)) AND p.form = 'invoice' AND p.remote_id IS NOT NULL
          AND p.sent->>'effect' = 'post'
        ORDER BY m.member, p.post_key
        """
    }

    /// Documents of one kind of all flows into a ledger.
    public static func documents(_ tenant: TenantID, into ledger: ConnectionID, kind: String, having gateway: String?) -> SQL {
        var sql: SQL = """
            SELECT d.flow_id, d.kind, false AS note, d.source_id, d.id, d.case_id, d.version, d.happened_at, d.body FROM app.documents d
            JOIN app.flows f ON f.tenant_id = d.tenant_id AND f.id = d.flow_id
            WHERE d.tenant_id = \(tenant) AND f.ledger_id = \(ledger) AND d.kind = \(kind)
            """
        if let gateway { sql += " AND d.body->>'gateway' = \(gateway)" }
        return sql + " ORDER BY d.happened_at, d.source_id, d.flow_id"
    }

    /// A kind of document has ever come for the ledger.
    public static func knows(_ tenant: TenantID, into ledger: ConnectionID, kind: String) -> SQL {
        """
        SELECT EXISTS (SELECT FROM app.flows f WHERE f.tenant_id = \(tenant) AND f.ledger_id = \(ledger) AND EXISTS (
          SELECT FROM app.documents d WHERE d.tenant_id = f.tenant_id AND d.flow_id = f.id AND d.kind = \(kind))) AS known
        """
    }

    /// Cases whose postings stand for one of these documents, and cases of these documents in which something is held: what a bank line was, or
    /// is now, the proof of. Gives back their flows.
    public static func dirtyBeside(_ tenant: TenantID, covering: [String], held: [String], cases: [(flow: FlowID, caseID: String)]) -> SQL {
        """
        WITH d AS (
          UPDATE app.cases c SET dirty = true, changed_at = clock_timestamp()
          FROM (
            SELECT p.flow_id, p.case_id FROM app.posting_documents pd JOIN app.postings p ON p.tenant_id = pd.tenant_id AND p.post_key = pd.post_key
            WHERE pd.tenant_id = \(tenant) AND pd.source_id = ANY (\(covering)) AND p.form IN ('payment', 'refund_payment')
            UNION SELECT p.flow_id, p.case_id FROM app.posting_documents pd JOIN app.postings p ON p.tenant_id = pd.tenant_id AND p.post_key = pd.post_key
            WHERE pd.tenant_id = \(tenant) AND pd.source_id = ANY (\(held)) AND p.form = 'memo' AND p.state = 'held'
            UNION SELECT f, i FROM unnest(\(cases.map(\.flow)), \(cases.map(\.caseID))) AS t(f, i)
          ) x
          WHERE c.tenant_id = \(tenant) AND c.flow_id = x.flow_id AND c.case_id = x.case_id RETURNING c.flow_id
        )
        SELECT DISTINCT flow_id FROM d
        """
    }

    // MARK: Gathering

    /// Days whose parts changed, as cases of their own.
    public static func dirtyDays(_ tenant: TenantID, _ flow: FlowID, cases: [String]) -> SQL {
        """
        INSERT INTO app.cases AS c (tenant_id, flow_id, case_id, gathers) SELECT DISTINCT \(tenant), \(flow), x, 'day' FROM unnest(\(cases)) AS t(x) ORDER BY 3
        ON CONFLICT (tenant_id, flow_id, case_id) DO UPDATE SET dirty = true, changed_at = clock_timestamp(), gathers = 'day'
        """
    }

    /// Days and payouts to be gathered. One with a send under way or unknown waits.
    public static func gatherings(_ tenant: TenantID, _ flow: FlowID, limit: Int) -> SQL {
        """
        SELECT case_id, changed_at, gathers FROM app.cases c WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND dirty AND gathers IS NOT NULL
          AND NOT EXISTS (SELECT FROM app.postings p WHERE p.tenant_id = c.tenant_id AND p.flow_id = c.flow_id AND p.case_id = c.case_id
            AND p.state IN ('posting', 'unknown'))
        ORDER BY changed_at LIMIT \(limit)
        """
    }

    /// Settlements of the payouts that look at the orders of these postings, or at these documents: with a payment comes the order's invoice.
    public static func dirtySettlements(_ tenant: TenantID, _ flow: FlowID, keys: [PostKey], members: [String]) -> SQL {
        """
        INSERT INTO app.cases AS c (tenant_id, flow_id, case_id, gathers)
        SELECT DISTINCT \(tenant), \(flow), m.case_id || ':settlement', 'payout' FROM app.case_members m
        WHERE m.tenant_id = \(tenant) AND m.flow_id = \(flow) AND (m.member = ANY (\(members)) OR m.member IN (
          SELECT pd.source_id FROM app.postings k JOIN app.postings p ON p.tenant_id = k.tenant_id AND p.flow_id = k.flow_id AND p.case_id = k.case_id
          JOIN app.posting_documents pd ON pd.tenant_id = p.tenant_id AND pd.post_key = p.post_key
          WHERE k.tenant_id = \(tenant) AND k.flow_id = \(flow) AND k.post_key = ANY (\(keys.map(\.text)))))
        ORDER BY 3
        ON CONFLICT (tenant_id, flow_id, case_id) DO UPDATE SET dirty = true, changed_at = clock_timestamp(), gathers = 'payout'
        """
    }

    /// Orders that a payout pays for: what of them no payout will bring is posted by itself.
    public static func dirtyPaid(_ tenant: TenantID, _ flow: FlowID, members: [String]) -> SQL {
        """
        UPDATE app.cases c SET dirty = true, changed_at = clock_timestamp() FROM (
          SELECT DISTINCT d.case_id FROM app.documents d WHERE d.tenant_id = \(tenant) AND d.flow_id = \(flow) AND d.kind IN ('payment', 'refund')
            AND d.source_id = ANY (\(members))) x
        WHERE c.tenant_id = \(tenant) AND c.flow_id = \(flow) AND c.case_id = x.case_id
        """
    }

    /// Payouts of the flow that look at one of these documents.
    public static func payouts(_ tenant: TenantID, _ flow: FlowID, lookingAt members: [String]) -> SQL {
        """
        SELECT d.kind, false AS note, d.source_id, d.id, d.case_id, d.version, d.happened_at, d.body FROM app.documents d
        WHERE d.tenant_id = \(tenant) AND d.flow_id = \(flow) AND d.kind = 'payout' AND d.case_id IN (
          SELECT m.case_id FROM app.case_members m WHERE m.tenant_id = \(tenant) AND m.flow_id = \(flow) AND m.member = ANY (\(members)))
        ORDER BY d.happened_at, d.source_id
        """
    }

    /// The parts of all orders that these documents belong to.
    public static func parts(_ tenant: TenantID, _ flow: FlowID, members: [String]) -> SQL {
        """
        SELECT \(unsafe: PostingStatements.columns) FROM app.postings WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND part_of IS NOT NULL
          AND state NOT IN ('superseded', 'skipped') AND case_id IN (
            SELECT q.case_id FROM app.posting_documents pd JOIN app.postings q ON q.tenant_id = pd.tenant_id AND q.post_key = pd.post_key
            WHERE pd.tenant_id = \(tenant) AND pd.source_id = ANY (\(members)) AND q.flow_id = \(flow))
        ORDER BY created_at, post_key
        """
    }

    /// The parts that are dated on a day, and those that the day's document was planned from.
    public static func parts(_ tenant: TenantID, _ flow: FlowID, day: LocalDate) -> SQL {
        """
        SELECT \(unsafe: PostingStatements.columns) FROM app.postings WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND part_of IS NOT NULL
          AND (ledger_date = \(day) OR sent->>'date' = \(day.description)) AND state NOT IN ('superseded', 'skipped') ORDER BY created_at, post_key
        """
    }

    /// What a gathered document is planned from. `sent` keeps it: a later change that is held changes nothing of the document.
    public static func gather(_ tenant: TenantID, _ parts: [(part: PostKey, into: PostKey)]) -> SQL {
        """
        UPDATE app.postings p SET part_of = g, sent = CASE WHEN state = 'gathered' THEN plan ELSE sent END,
          sent_digest = CASE WHEN state = 'gathered' THEN plan_digest ELSE sent_digest END
        FROM unnest(\(parts.map(\.part.text)), \(parts.map(\.into.text))) AS t(k, g)
        WHERE p.tenant_id = \(tenant) AND p.post_key = k AND p.part_of IS NOT NULL
        """
    }

    /// Of these parts those whose gathered document is in the ledger, on its way there, or in a file in a person's hands.
    public static func partsThere(_ tenant: TenantID, _ parts: [PostKey]) -> SQL {
        """
        SELECT p.post_key, g.remote_id IS NULL AND g.batch_id IS NOT NULL AS in_hand FROM app.postings p JOIN app.postings g ON g.tenant_id = p.tenant_id AND g.post_key = p.part_of
        WHERE p.tenant_id = \(tenant) AND p.post_key = ANY (\(parts.map(\.text))) AND p.sent IS NOT NULL AND g.effect = 'post' AND g.state <> 'voided'
          AND (g.remote_id IS NOT NULL OR g.batch_id IS NOT NULL OR g.state IN ('posting', 'unknown'))
        """
    }

    /// Of cases to be saved those that nobody has planned or changed since they were read, and keeps others from them until the transaction ends.
    public static func claim(_ tenant: TenantID, _ flow: FlowID, _ cases: [DirtyCase]) -> SQL {
        """
        SELECT c.case_id FROM app.cases c JOIN unnest(\(cases.map(\.caseID)), \(cases.map(\.changedAt))) AS t(x, at) ON c.case_id = x AND c.changed_at = at
        WHERE c.tenant_id = \(tenant) AND c.flow_id = \(flow) AND c.dirty ORDER BY c.case_id FOR UPDATE OF c
        """
    }
}

extension Store {
    /// Plans, as the ledger has them, of postings that stand there for these documents.
    public func standing(_ tenant: TenantID, _ ledger: ConnectionID, members: [String]) async throws(Fault) -> [[UInt8]] {
        guard !members.isEmpty else { return [] }
        var out: [[UInt8]] = []
        for row in try await pool.query(MemberStatements.standing(tenant, ledger, members: members)) { out.append(try row.get("plan", as: PostgresJSON.self).bytes) }
        return out
    }

    /// Plans, as the ledger has them, of the invoices that bill these orders.
    public func billing(_ tenant: TenantID, _ flow: FlowID, orders: [String]) async throws(Fault) -> [(order: String, plan: [UInt8], revision: Int)] {
        guard !orders.isEmpty else { return [] }
        var out: [(order: String, plan: [UInt8], revision: Int)] = []
        for row in try await pool.query(MemberStatements.billing(tenant, flow, orders: orders)) {
            out.append((try row.get("member"), try row.get("plan", as: PostgresJSON.self).bytes, Int(try row.get("revision", as: Int32.self))))
        }
        return out
    }

    /// Documents of one kind of all flows into the ledger, oldest first.
    public func documents(_ tenant: TenantID, into ledger: ConnectionID, kind: String, gateway: String? = nil) async throws(Fault) -> [KnownDocument] {
        var out: [KnownDocument] = []
        for row in try await pool.query(MemberStatements.documents(tenant, into: ledger, kind: kind, having: gateway)) {
            out.append(KnownDocument(flow: try row.get("flow_id"), row: try DocumentRow(row)))
        }
        return out
    }

    public func knows(_ tenant: TenantID, into ledger: ConnectionID, kind: String) async throws(Fault) -> Bool {
        try await pool.query(MemberStatements.knows(tenant, into: ledger, kind: kind)).first?.get("known") ?? false
    }

    /// Cases of gathered documents to be planned: of days, and of payouts (`true`).
    public func dirtyGatherings(_ tenant: TenantID, _ flow: FlowID, limit: Int) async throws(Fault) -> [(item: DirtyCase, ofPayout: Bool)] {
        var out: [(item: DirtyCase, ofPayout: Bool)] = []
        for row in try await pool.query(MemberStatements.gatherings(tenant, flow, limit: Batches.current.limit(limit))) {
            let item = DirtyCase(caseID: try row.get("case_id"), changedAt: try row.get("changed_at"))
            out.append((item, try row.get("gathers", as: String.self) == "payout"))
        }
        Batches.current.takes(out.map { "case \($0.item.caseID)" })
        return out
    }

    public func payouts(_ tenant: TenantID, _ flow: FlowID, lookingAt members: [String]) async throws(Fault) -> [DocumentRow] {
        guard !members.isEmpty else { return [] }
        var out: [DocumentRow] = []
        for row in try await pool.query(MemberStatements.payouts(tenant, flow, lookingAt: members)) { out.append(try DocumentRow(row)) }
        return out
    }

    public func parts(_ tenant: TenantID, _ flow: FlowID, members: [String]) async throws(Fault) -> [PostingRow] {
        try await pool.query(MemberStatements.parts(tenant, flow, members: members)).postings()
    }

    /// Each with whether it is in a person's hands only.
    public func partsThere(_ tenant: TenantID, _ parts: [PostKey]) async throws(Fault) -> [(key: PostKey, isInHand: Bool)] {
        var out: [(key: PostKey, isInHand: Bool)] = []
        for row in try await pool.query(MemberStatements.partsThere(tenant, parts)) {
            if let key = PostKey(try row.get("post_key", as: String.self)) { out.append((key, try row.get("in_hand"))) }
        }
        return out
    }

    public func parts(_ tenant: TenantID, _ flow: FlowID, day: LocalDate) async throws(Fault) -> [PostingRow] {
        try await pool.query(MemberStatements.parts(tenant, flow, day: day)).postings()
    }
}

extension PostgresTransaction {
    /// Of these cases the ones that are still as they were read and not planned by anybody else; they are this transaction's until it ends.
    public func claim(_ tenant: TenantID, _ flow: FlowID, _ cases: [DirtyCase]) async throws(Fault) -> Set<String> {
        var out: Set<String> = []
        for row in try await query(MemberStatements.claim(tenant, flow, cases)) { out.insert(try row.get("case_id")) }
        return out
    }

    /// Asks for a plan in the flows that a statement gave back.
    public func askMaps(_ tenant: TenantID, _ rows: PostgresRows) async throws(Fault) {
        var jobs: [Job] = []
        for row in rows { jobs.append(Job(.map, try row.get("flow_id", as: FlowID.self).description, lane: .webhook)) }
        if !jobs.isEmpty { _ = try await query(JobStatements.ask(tenant, jobs)) }
    }
}
