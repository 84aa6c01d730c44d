internal import Books
public import Kernel
public import Postgres

/// The proof of one flow, day and currency: source total = posted + named open items, or an unexplained rest.
public struct ProofRow: Sendable {
    public var day: LocalDate
    public var currency: String
    public var sourceMinor: Int64
    public var postedMinor: Int64
    public var openMinor: Int64
    public var unexplainedMinor: Int64
    /// JSON array of open items.
    public var items: [UInt8]

    public init(day: LocalDate, currency: String, sourceMinor: Int64, postedMinor: Int64, openMinor: Int64, unexplainedMinor: Int64, items: [UInt8]) {
        self.day = day
        self.currency = currency
        self.sourceMinor = sourceMinor
        self.postedMinor = postedMinor
        self.openMinor = openMinor
        self.unexplainedMinor = unexplainedMinor
        self.items = items
    }
}

public enum ProofStatements {
    public static func save(_ tenant: TenantID, _ flow: FlowID, _ proofs: [ProofRow]) -> SQL {
        """
        INSERT INTO app.proofs (tenant_id, flow_id, day, currency, source_minor, posted_minor, open_minor, unexplained_minor, items, proved_at)
        SELECT \(tenant), \(flow), d, c, s, p, o, u, i, clock_timestamp() FROM unnest(\(proofs.map(\.day)), \(proofs.map(\.currency)), \(proofs.map(\.sourceMinor)),
          \(proofs.map(\.postedMinor)), \(proofs.map(\.openMinor)), \(proofs.map(\.unexplainedMinor)), \(proofs.map { PostgresJSON($0.items) }))
          AS t(d, c, s, p, o, u, i)
        ON CONFLICT (tenant_id, flow_id, day, currency) DO UPDATE SET source_minor = EXCLUDED.source_minor, posted_minor = EXCLUDED.posted_minor,
          open_minor = EXCLUDED.open_minor, unexplained_minor = EXCLUDED.unexplained_minor, items = EXCLUDED.items, proved_at = EXCLUDED.proved_at
        """
    }

    /// Confirmed postings of days that prove become reconciled.
    public static func reconcile(_ tenant: TenantID, _ flow: FlowID, days: [LocalDate]) -> SQL {
        """
        UPDATE app.postings SET state = 'reconciled', updated_at = clock_timestamp()
        WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND ledger_date = ANY (\(days)) AND state = 'confirmed' RETURNING post_key
        """
    }

    public static func byDay(_ tenant: TenantID, _ flow: FlowID) -> SQL {
        """
        SELECT post_key, subject, form, state, effect, ledger_date, currency, total_minor, sent, reference, findings FROM app.postings
        WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND state <> 'superseded'
        """
    }
}

/// What one source document says was sold, paid or given back.
public struct SourceAmount: Sendable {
    /// `sale`, `payment`, `refund` or `money_back`.
    public var side: String
    public var sourceID: String
    public var day: LocalDate
    public var currency: String
    /// Money in positive, money back negative.
    public var minor: Int64
    public var cancelled: Bool
    /// Its case waits to be planned.
    public var pending: Bool

    public init(side: String, sourceID: String, day: LocalDate, currency: String, minor: Int64, cancelled: Bool = false, pending: Bool = false) {
        self.side = side
        self.sourceID = sourceID
        self.day = day
        self.currency = currency
        self.minor = minor
        self.cancelled = cancelled
        self.pending = pending
    }
}

/// What stands in the ledger, or is on its way, for a source document.
public struct PostingAmount: Sendable {
    public var side: String
    public var sourceID: String
    public var state: String
    public var minor: Int64
    /// Why it is open, for states that are.
    public var why: String
    /// The ledger document's own date and currency: where it is counted when no source document stands for it.
    public var day: LocalDate
    public var currency: String

    public init(side: String, sourceID: String, state: String, minor: Int64, why: String, day: LocalDate, currency: String) {
        self.side = side
        self.sourceID = sourceID
        self.state = state
        self.minor = minor
        self.why = why
        self.day = day
        self.currency = currency
    }
}

extension ProofStatements {
    /// Each document's own words about money. Amounts are stored as `12.30 USD`.
    public static func sourceAmounts(_ tenant: TenantID, _ flow: FlowID, zone: String) -> SQL {
        """
        WITH d AS (
          SELECT x.kind, x.source_id, x.case_id, x.body, (x.happened_at AT TIME ZONE \(zone))::date AS day,
            EXISTS (SELECT FROM app.notes n WHERE n.tenant_id = x.tenant_id AND n.flow_id = x.flow_id AND n.case_id = x.case_id AND n.kind = 'cancellation') AS cancelled,
            EXISTS (SELECT FROM app.cases c WHERE c.tenant_id = x.tenant_id AND c.flow_id = x.flow_id AND c.case_id = x.case_id AND (c.dirty OR c.fault IS NOT NULL)) AS pending
          FROM app.documents x WHERE x.tenant_id = \(tenant) AND x.flow_id = \(flow)
        )
        SELECT 'sale' AS side, source_id, day, coalesce((SELECT n.body->>'order_total' FROM app.notes n WHERE n.tenant_id = \(tenant) AND n.flow_id = \(flow)
            AND n.case_id = d.case_id AND n.kind = 'edit' AND n.body ? 'order_total' ORDER BY n.happened_at DESC, n.source_id DESC LIMIT 1), body->>'total') AS amount,
          1 AS sign, cancelled, pending FROM d WHERE kind IN ('sale', 'invoice')
        UNION ALL SELECT 'payment', source_id, day, body->>'amount', 1, false, pending FROM d WHERE kind = 'payment' AND body->>'status' = 'success'
        UNION ALL SELECT 'refund', source_id, day, body->>'total', -1, false, pending FROM d WHERE kind = 'refund'
        UNION ALL SELECT 'money_back', source_id, day, t->>'amount', -1, false, pending
          FROM d, jsonb_array_elements(coalesce(body->'transactions', '[]')) t WHERE kind = 'refund' AND t->>'status' = 'success'
        UNION ALL SELECT 'money_back', n.source_id, (n.happened_at AT TIME ZONE \(zone))::date, t->>'amount', -1, false, false
          FROM app.notes n, jsonb_array_elements(coalesce(n.body->'transactions', '[]')) t
          WHERE n.tenant_id = \(tenant) AND n.flow_id = \(flow) AND n.kind = 'edit' AND t->>'status' = 'success'
        """
    }

    /// Each posting's total, on the side of the source document it stands for.
    public static func postingAmounts(_ tenant: TenantID, _ flow: FlowID) -> SQL {
        """
        SELECT CASE WHEN form IN ('invoice', 'sales_receipt') OR (form = 'credit_note' AND (subject LIKE '%/%' OR subject NOT IN (
                 SELECT source_id FROM app.documents r WHERE r.tenant_id = \(tenant) AND r.flow_id = \(flow) AND r.kind = 'refund'))) THEN 'sale'
               WHEN form = 'credit_note' THEN 'refund' WHEN form = 'payment' THEN 'payment' WHEN form = 'refund_payment' THEN 'money_back' ELSE form END AS side,
          CASE WHEN form IN ('invoice', 'sales_receipt') OR (form = 'credit_note' AND (subject LIKE '%/%' OR subject NOT IN (
                 SELECT source_id FROM app.documents r WHERE r.tenant_id = \(tenant) AND r.flow_id = \(flow) AND r.kind = 'refund'))) THEN case_id
               ELSE split_part(subject, '/', 1) END AS source_id,
          state, total_minor * CASE WHEN form IN ('credit_note', 'refund_payment') THEN -1 ELSE 1 END AS minor,
          coalesce(findings->0->>'check', fault->>'code', state) AS why, ledger_date AS day, currency
        FROM app.postings WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND state <> 'superseded'
        """
    }
}

extension Store {
    public func sourceAmounts(_ tenant: TenantID, _ flow: FlowID, zone: String) async throws(Fault) -> [SourceAmount] {
        var sums: [String: SourceAmount] = [:]
        for row in try await pool.query(ProofStatements.sourceAmounts(tenant, flow, zone: zone)) {
            let text: String? = try row.get("amount")
            let parts = (text ?? "").split(separator: " ")
            guard parts.count == 2, let currency = Currency(parts[1]), let money = Money(parts[0], currency) else { continue }
            let sign = Int64(try row.get("sign", as: Int32.self))
            let side: String = try row.get("side")
            let id: String = try row.get("source_id")
            var sum = SourceAmount(
                side: side, sourceID: id, day: try row.get("day"), currency: currency.code, minor: sign * money.minor, cancelled: try row.get("cancelled"),
                pending: try row.get("pending"))
            // A refund with two tenders moves money twice: one amount per document and side.
            sum.minor += sums["\(side) \(id)"]?.minor ?? 0
            sums["\(side) \(id)"] = sum
        }
        return sums.sorted { $0.key < $1.key }.map(\.value)
    }

    public func postingAmounts(_ tenant: TenantID, _ flow: FlowID) async throws(Fault) -> [PostingAmount] {
        var out: [PostingAmount] = []
        for row in try await pool.query(ProofStatements.postingAmounts(tenant, flow)) {
            out.append(PostingAmount(
                side: try row.get("side"), sourceID: try row.get("source_id"), state: try row.get("state"), minor: try row.get("minor"), why: try row.get("why"),
                day: try row.get("day"), currency: try row.get("currency")))
        }
        return out
    }
}
