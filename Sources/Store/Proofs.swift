public import Books
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
    /// The clearing account that is proven, by its role: what came in on the day = what payouts took of it + what is open. "": the flow's day.
    public var account: String

    public init(
        day: LocalDate, currency: String, sourceMinor: Int64, postedMinor: Int64, openMinor: Int64, unexplainedMinor: Int64, items: [UInt8], account: String = ""
    ) {
        self.account = account
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
        INSERT INTO app.proofs (tenant_id, flow_id, day, currency, source_minor, posted_minor, open_minor, unexplained_minor, items, proved_at, account)
        SELECT \(tenant), \(flow), d, c, s, p, o, u, i, clock_timestamp(), a FROM unnest(\(proofs.map(\.day)), \(proofs.map(\.currency)), \(proofs.map(\.sourceMinor)),
          \(proofs.map(\.postedMinor)), \(proofs.map(\.openMinor)), \(proofs.map(\.unexplainedMinor)), \(proofs.map { PostgresJSON($0.items) }),
          \(proofs.map(\.account))) AS t(d, c, s, p, o, u, i, a)
        ON CONFLICT (tenant_id, flow_id, day, currency, account) DO UPDATE SET source_minor = EXCLUDED.source_minor, posted_minor = EXCLUDED.posted_minor,
          open_minor = EXCLUDED.open_minor, unexplained_minor = EXCLUDED.unexplained_minor, items = EXCLUDED.items, proved_at = EXCLUDED.proved_at
        """
    }

    /// Accounts' proofs that nothing calls for any more say nothing.
    public static func clearOthers(_ tenant: TenantID, _ flow: FlowID, but proofs: [ProofRow]) -> SQL {
        """
        UPDATE app.proofs p SET source_minor = 0, posted_minor = 0, open_minor = 0, unexplained_minor = 0, items = '[]', proved_at = clock_timestamp()
        WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND account <> '' AND (source_minor, posted_minor, open_minor, unexplained_minor) <> (0, 0, 0, 0)
          AND NOT EXISTS (SELECT FROM unnest(\(proofs.map(\.day)), \(proofs.map(\.currency)), \(proofs.map(\.account))) AS t(d, c, a)
            WHERE d = p.day AND c = p.currency AND a = p.account)
        """
    }

    /// What postings that stand in the ledger put on clearing accounts, line by line, and the parts of gathered documents that stand there.
    /// Payouts are told row by row elsewhere; of gathered documents the parts speak.
    public static func clearing(_ tenant: TenantID, _ ledger: ConnectionID) -> SQL {
        """
        SELECT p.flow_id, p.ledger_date, l->>'role' AS role, l->>'amount' AS amount, coalesce(l->>'open_item', l->'derived_from'->>0, p.subject) AS item
        FROM app.postings p LEFT JOIN app.postings g ON g.tenant_id = p.tenant_id AND g.post_key = p.part_of
        CROSS JOIN LATERAL jsonb_array_elements(p.sent->'lines') l
        WHERE p.tenant_id = \(tenant) AND p.ledger_id = \(ledger) AND p.form NOT IN ('payout', 'summary', 'settlement') AND p.sent->>'effect' = 'post'
          AND (p.remote_id IS NOT NULL OR (g.remote_id IS NOT NULL AND g.sent->>'effect' = 'post')) AND l->>'role' LIKE 'clearing:%'
        """
    }

    /// Payouts that stand in the ledger, and what they were planned from last.
    public static func payouts(_ tenant: TenantID, _ ledger: ConnectionID) -> SQL {
        """
        SELECT d.flow_id, d.kind, false AS note, d.source_id, d.id, d.case_id, d.version, d.happened_at, d.body, p.ledger_date, p.sent
        FROM app.postings p JOIN app.documents d ON d.tenant_id = p.tenant_id AND d.flow_id = p.flow_id AND d.kind = 'payout' AND d.source_id = p.subject
        WHERE p.tenant_id = \(tenant) AND p.ledger_id = \(ledger) AND p.form = 'payout' AND p.remote_id IS NOT NULL AND p.sent->>'effect' = 'post'
        ORDER BY d.happened_at, d.source_id
        """
    }

    /// A stored amount, `12.30 USD`: a proof that leaves one out would prove nothing.
    static func money(_ text: String) throws(Fault) -> Money {
        let parts = text.split(separator: " ")
        guard parts.count == 2, let currency = Currency(parts[1]), let money = Money(parts[0], currency) else {
            throw Fault("stored_amount_malformed", stage: .reconcile, disposition: .bug, summary: "a stored amount is not one: '\(text.prefix(40))'")
        }
        return money
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
    /// It is not to be posted before something has happened that no source has told of yet.
    public var waits: Bool

    public init(
        side: String, sourceID: String, day: LocalDate, currency: String, minor: Int64, cancelled: Bool = false, pending: Bool = false, waits: Bool = false
    ) {
        self.side = side
        self.sourceID = sourceID
        self.day = day
        self.currency = currency
        self.minor = minor
        self.cancelled = cancelled
        self.pending = pending
        self.waits = waits
    }
}

/// What stands in the ledger, or is on its way, for a source document.
public struct PostingAmount: Sendable {
    /// Two amounts that ought to be one and for which it is held, in minor units without a sign: what the source states, and what its parts, or another
    /// system, say instead.
    public struct Gap: Sendable, Equatable {
        public var stated: Int64
        public var instead: Int64

        public init(stated: Int64, instead: Int64) {
            self.stated = stated
            self.instead = instead
        }
    }

    public var side: String
    public var sourceID: String
    public var state: String
    public var minor: Int64
    /// Why it is open, for states that are.
    public var why: String
    /// The ledger document's own date and currency: where it is counted when no source document stands for it.
    public var day: LocalDate
    public var currency: String
    /// Of one that is held as unbalanced, in its own currency.
    public var gaps: [Gap]
    /// What it comes to in the ledger by somebody's hand, where that stands beside what was sent; signed like `minor`.
    public var accepted: Int64?

    public init(
        side: String, sourceID: String, state: String, minor: Int64, why: String, day: LocalDate, currency: String, gaps: [Gap] = [], accepted: Int64? = nil
    ) {
        self.accepted = accepted
        self.side = side
        self.sourceID = sourceID
        self.state = state
        self.minor = minor
        self.why = why
        self.day = day
        self.currency = currency
        self.gaps = gaps
    }
}

/// What a posting put on a clearing account.
public struct ClearingLine: Sendable {
    public var flow: FlowID
    public var day: LocalDate
    /// The account's role: `clearing:<gateway>:<currency>`.
    public var role: String
    /// The document whose money it is.
    public var item: String
    public var amount: Money

    public init(flow: FlowID, day: LocalDate, role: String, item: String, amount: Money) {
        self.flow = flow
        self.day = day
        self.role = role
        self.item = item
        self.amount = amount
    }
}

/// A payout in the ledger: its document as the source tells it now, and the plan that the ledger was told.
public struct StandingPayout: Sendable {
    public var flow: FlowID
    public var day: LocalDate
    public var document: DocumentRow
    public var sent: [UInt8]
}

extension ProofStatements {
    /// The refund or return of a credit note, or of money that went back before its sale counted.
    private static let settled = "CASE p.form WHEN 'deposit' THEN split_part(p.subject, '/', 1) ELSE p.subject END"

    /// Each document's own words about money. Amounts are stored as `12.30 USD`.
    public static func sourceAmounts(_ tenant: TenantID, _ flow: FlowID, zone: String) -> SQL {
        """
        WITH d AS (
          SELECT x.kind, x.source_id, x.case_id, x.body, (x.happened_at AT TIME ZONE \(zone))::date AS day,
            EXISTS (SELECT FROM app.notes n WHERE n.tenant_id = x.tenant_id AND n.flow_id = x.flow_id AND n.case_id = x.case_id AND n.kind = 'cancellation') AS cancelled,
            EXISTS (SELECT FROM app.cases c WHERE c.tenant_id = x.tenant_id AND c.flow_id = x.flow_id AND c.case_id = x.case_id AND (c.dirty OR c.fault IS NOT NULL)) AS pending,
            EXISTS (SELECT FROM app.cases c WHERE c.tenant_id = x.tenant_id AND c.flow_id = x.flow_id AND c.case_id = x.case_id AND x.source_id = ANY (c.waiting)) AS waits
          FROM app.documents x WHERE x.tenant_id = \(tenant) AND x.flow_id = \(flow)
        ), back AS (
          SELECT n.source_id, n.body, (n.happened_at AT TIME ZONE \(zone))::date AS day,
            EXISTS (SELECT FROM app.cases c WHERE c.tenant_id = n.tenant_id AND c.flow_id = n.flow_id AND c.case_id = n.case_id AND (c.dirty OR c.fault IS NOT NULL)) AS pending,
            EXISTS (SELECT FROM app.cases c WHERE c.tenant_id = n.tenant_id AND c.flow_id = n.flow_id AND c.case_id = n.case_id AND n.source_id = ANY (c.waiting)) AS waits
          FROM app.notes n WHERE n.tenant_id = \(tenant) AND n.flow_id = \(flow) AND n.kind = 'goods_return' AND n.body->>'state' = 'closed' AND n.body ? 'settlement'
            AND (EXISTS (SELECT FROM app.postings p WHERE p.tenant_id = n.tenant_id AND p.flow_id = n.flow_id AND p.case_id = n.case_id AND p.form IN ('credit_note', 'deposit')
                AND \(unsafe: settled) = n.source_id AND p.effect = 'post' AND p.total_minor <> 0 AND p.state NOT IN ('superseded', 'voided')
                AND (p.remote_id IS NOT NULL OR p.part_of IS NOT NULL OR p.batch_id IS NOT NULL))
              OR ((SELECT f.policies->>'returns.owner' FROM app.flows f WHERE f.tenant_id = n.tenant_id AND f.id = n.flow_id) = 'rms'
                AND NOT EXISTS (SELECT FROM app.posting_documents pd JOIN app.postings p ON p.tenant_id = pd.tenant_id AND p.post_key = pd.post_key
                  JOIN app.documents r ON r.tenant_id = p.tenant_id AND r.flow_id = p.flow_id AND r.kind = 'refund' AND r.source_id = \(unsafe: settled)
                  WHERE pd.tenant_id = n.tenant_id AND pd.source_id = n.source_id AND p.flow_id = n.flow_id AND p.form IN ('credit_note', 'deposit')
                    AND (p.remote_id IS NOT NULL OR p.part_of IS NOT NULL OR p.batch_id IS NOT NULL) AND p.state NOT IN ('superseded', 'voided')))
              OR (coalesce(n.body->'settlement'->'refunds', '[]') = '[]' AND (NOT n.body ? 'refund_ref' OR EXISTS (SELECT FROM app.documents r
                WHERE r.tenant_id = n.tenant_id AND r.flow_id = n.flow_id AND r.case_id = n.case_id AND r.kind = 'refund'
                  AND r.source_id = n.body->>'refund_ref' AND r.body->>'total' ~ '^-?0(\\.0*)? '))
                AND NOT EXISTS (SELECT FROM app.posting_documents pd JOIN app.postings p ON p.tenant_id = pd.tenant_id AND p.post_key = pd.post_key
                  JOIN app.documents r ON r.tenant_id = p.tenant_id AND r.flow_id = p.flow_id AND r.kind = 'refund' AND r.source_id = \(unsafe: settled)
                  WHERE pd.tenant_id = n.tenant_id AND pd.source_id = n.source_id AND p.flow_id = n.flow_id AND p.form IN ('credit_note', 'deposit')
                    AND p.state NOT IN ('superseded', 'voided'))))
        ), covered AS (
          SELECT DISTINCT pd.source_id FROM app.posting_documents pd JOIN app.postings p ON p.tenant_id = pd.tenant_id AND p.post_key = pd.post_key
          JOIN back ON back.source_id = \(unsafe: settled)
          WHERE p.tenant_id = \(tenant) AND p.flow_id = \(flow) AND p.form IN ('credit_note', 'deposit') AND pd.source_id <> back.source_id
        )
        SELECT 'sale' AS side, source_id, day, coalesce((SELECT n.body->>'order_total' FROM app.notes n WHERE n.tenant_id = \(tenant) AND n.flow_id = \(flow)
            AND n.case_id = d.case_id AND n.kind = 'edit' AND n.body ? 'order_total' ORDER BY n.happened_at DESC, n.source_id DESC LIMIT 1), body->>'total') AS amount,
          1 AS sign, cancelled, pending, waits FROM d WHERE kind IN ('sale', 'invoice') AND NOT body ? 'draft'
        UNION ALL SELECT 'payment', source_id, day, body->>'amount', 1, false, pending, false FROM d WHERE kind = 'payment' AND body->>'status' = 'success'
        UNION ALL SELECT 'refund', source_id, day, body->>'total', -1, false, pending, waits FROM d WHERE kind = 'refund' AND source_id NOT IN (SELECT source_id FROM covered)
        UNION ALL SELECT 'refund', source_id, day, x, -1, false, pending, waits
          FROM back, unnest(ARRAY[body->'settlement'->>'total', body->'settlement'->>'exchange_bonus']) x WHERE x IS NOT NULL
        UNION ALL SELECT 'money_back', source_id, day, x, -1, false, pending, false FROM back, LATERAL (
          SELECT t->>'amount' AS x FROM jsonb_array_elements(coalesce(body->'settlement'->'refunds', '[]')) t WHERE t->>'status' = 'success'
          UNION ALL SELECT body->'settlement'->>'store_credit') v
        UNION ALL SELECT 'money_back', source_id, day, t->>'amount', -1, false, pending, false
          FROM d, jsonb_array_elements(coalesce(body->'transactions', '[]')) t WHERE kind = 'refund' AND t->>'status' = 'success'
            AND source_id NOT IN (SELECT source_id FROM covered)
        UNION ALL SELECT 'money_back', n.source_id, (n.happened_at AT TIME ZONE \(zone))::date, t->>'amount', -1, false, false, false
          FROM app.notes n, jsonb_array_elements(coalesce(n.body->'transactions', '[]')) t
          WHERE n.tenant_id = \(tenant) AND n.flow_id = \(flow) AND n.kind = 'edit' AND t->>'status' = 'success'
        UNION ALL SELECT 'payout', source_id, day, ltrim(body->>'amount', '-'), 1, false, pending, false FROM d
          WHERE kind = 'payout' AND body->>'status' IN ('paid', 'failed') AND body->>'amount' !~ '^-?0(\\.0*)? '
        UNION ALL SELECT 'deposit', source_id, day, body->>'amount', 1, false, pending, false FROM d
          WHERE kind = 'deposit' AND body->>'status' = 'success' AND body->>'amount' !~ '^(-|0(\\.0*)? )'
        UNION ALL SELECT 'bill', source_id, day, body->>'total', -1, false, pending, false FROM d WHERE kind = 'bill' AND NOT body ? 'void'
        UNION ALL SELECT 'journal', source_id, day, body->>'amount', 1, false, pending, false FROM d WHERE kind = 'journal'
        """
    }

    /// A deposit's side: a deposit of the source's, or the money of a sale that was not in the books yet.
    private static let early = """
        (CASE WHEN EXISTS (SELECT FROM app.documents s WHERE s.tenant_id = p.tenant_id AND s.flow_id = p.flow_id AND s.kind = 'deposit' AND s.source_id = p.subject)
          THEN 'deposit' WHEN EXISTS (SELECT FROM app.documents s WHERE s.tenant_id = p.tenant_id AND s.flow_id = p.flow_id AND s.kind = 'payment'
            AND s.source_id = p.subject) THEN 'payment' ELSE 'money_back' END)
        """

    /// Each posting's total, on the side of the source document it stands for. A statement (a payout of nothing) brings no money: what it moves
    /// between accounts is the clearing accounts' proof.
    public static func postingAmounts(_ tenant: TenantID, _ flow: FlowID) -> SQL {
        """
        SELECT CASE WHEN form IN ('invoice', 'sales_receipt') OR (form = 'credit_note' AND (subject LIKE '%/%' OR subject NOT IN (
                 SELECT source_id FROM app.documents r WHERE r.tenant_id = \(tenant) AND r.flow_id = \(flow) AND r.kind = 'refund'
                 UNION ALL SELECT source_id FROM app.notes n WHERE n.tenant_id = \(tenant) AND n.flow_id = \(flow) AND n.kind = 'goods_return'))) THEN 'sale'
               WHEN form = 'credit_note' THEN 'refund' WHEN form = 'payment' THEN 'payment' WHEN form = 'refund_payment' THEN 'money_back'
               WHEN form = 'deposit' THEN \(unsafe: early) ELSE form END AS side,
          CASE WHEN form IN ('invoice', 'sales_receipt') OR (form = 'credit_note' AND (subject LIKE '%/%' OR subject NOT IN (
                 SELECT source_id FROM app.documents r WHERE r.tenant_id = \(tenant) AND r.flow_id = \(flow) AND r.kind = 'refund'
                 UNION ALL SELECT source_id FROM app.notes n WHERE n.tenant_id = \(tenant) AND n.flow_id = \(flow) AND n.kind = 'goods_return'))) THEN case_id
               WHEN form IN ('payout', 'journal', 'bill') OR (form = 'deposit' AND \(unsafe: early) <> 'money_back') THEN subject ELSE split_part(subject, '/', 1) END AS source_id,
          CASE WHEN p.state = 'gathered' THEN coalesce((SELECT g.state FROM app.postings g WHERE g.tenant_id = p.tenant_id AND g.post_key = p.part_of), 'cleared')
            ELSE p.state END AS state, total_minor * CASE WHEN form IN ('credit_note', 'refund_payment', 'bill') OR (form = 'deposit' AND \(unsafe: early) = 'money_back') THEN -1 WHEN form = 'payout' AND p.subject IN (
              SELECT source_id FROM app.documents s WHERE s.tenant_id = \(tenant) AND s.flow_id = \(flow) AND s.kind = 'payout'
                AND s.body->>'amount' ~ '^-?0(\\.0*)? ') THEN 0 ELSE 1 END AS minor,
          (p.accepted->>'total_minor')::bigint * CASE WHEN form IN ('credit_note', 'bill') THEN -1 ELSE 1 END AS accepted,
          CASE WHEN p.accepted IS NOT NULL AND p.state IN ('confirmed', 'reconciled')
            THEN CASE p.accepted->>'voided' WHEN 'true' THEN 'voided' ELSE 'changed' END || ' in the ledger, and accepted' END AS standing,
          coalesce(findings->0->>'check', fault->>'code', CASE WHEN p.state = 'gathered' THEN (SELECT g.findings->0->>'check' FROM app.postings g
            WHERE g.tenant_id = p.tenant_id AND g.post_key = p.part_of) END, state) AS why, ledger_date AS day, currency,
          CASE WHEN p.state = 'held' THEN (SELECT string_agg(coalesce(g->'figures'->>'stated', g->'figures'->>'shop') || ' '
              || coalesce(g->'figures'->>'computed', g->'figures'->>'returned'), ' ') FROM jsonb_array_elements(p.findings) g WHERE g->>'check' = 'unbalanced') END AS gaps
        FROM app.postings p WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND state <> 'superseded'
        """
    }
}

extension Store {
    public func sourceAmounts(_ tenant: TenantID, _ flow: FlowID, zone: String) async throws(Fault) -> [SourceAmount] {
        var sums: [String: SourceAmount] = [:]
        for row in try await pool.query(ProofStatements.sourceAmounts(tenant, flow, zone: zone)) {
            guard let text: String = try row.get("amount") else { continue }
            let money = try ProofStatements.money(text)
            let sign = Int64(try row.get("sign", as: Int32.self))
            let side: String = try row.get("side")
            let id: String = try row.get("source_id")
            var sum = SourceAmount(
                side: side, sourceID: id, day: try row.get("day"), currency: money.currency.code, minor: sign * money.minor, cancelled: try row.get("cancelled"),
                pending: try row.get("pending"), waits: try row.get("waits"))
            // A refund with two tenders moves money twice: one amount per document and side.
            sum.minor += sums["\(side) \(id)"]?.minor ?? 0
            sums["\(side) \(id)"] = sum
        }
        return sums.sorted { $0.key < $1.key }.map(\.value)
    }

    /// What stands on the ledger's clearing accounts, and the payouts that took from them. Empty where no payout has ever come.
    public func clearing(_ tenant: TenantID, _ ledger: ConnectionID) async throws(Fault) -> (captured: [ClearingLine], payouts: [StandingPayout]) {
        guard try await knows(tenant, into: ledger, kind: "payout") else { return ([], []) }
        var captured: [ClearingLine] = []
        for row in try await pool.query(ProofStatements.clearing(tenant, ledger)) {
            let money = try ProofStatements.money(try row.get("amount"))
            captured.append(ClearingLine(
                flow: try row.get("flow_id"), day: try row.get("ledger_date"), role: try row.get("role"), item: try row.get("item"), amount: money))
        }
        var payouts: [StandingPayout] = []
        for row in try await pool.query(ProofStatements.payouts(tenant, ledger)) {
            payouts.append(StandingPayout(
                flow: try row.get("flow_id"), day: try row.get("ledger_date"), document: try DocumentRow(row), sent: try row.get("sent", as: PostgresJSON.self).bytes))
        }
        return (captured, payouts)
    }

    /// Amounts in pairs, `129.50 GBP 115.00 GBP`.
    private func gaps(_ text: String?, in currency: String) throws(Fault) -> [PostingAmount.Gap] {
        let words = (text ?? "").split(separator: " ").map(String.init)
        var out: [PostingAmount.Gap] = []
        for at in stride(from: 0, to: words.count - 3, by: 4) where words[at + 1] == currency && words[at + 3] == currency {
            let stated = try ProofStatements.money("\(words[at]) \(currency)"), instead = try ProofStatements.money("\(words[at + 2]) \(currency)")
            out.append(PostingAmount.Gap(stated: stated.minor, instead: instead.minor))
        }
        return out
    }

    public func postingAmounts(_ tenant: TenantID, _ flow: FlowID) async throws(Fault) -> [PostingAmount] {
        var out: [PostingAmount] = []
        for row in try await pool.query(ProofStatements.postingAmounts(tenant, flow)) {
            let standing: String? = try row.get("standing"), why: String = try row.get("why"), there: Int64? = try row.get("accepted")
            out.append(PostingAmount(
                side: try row.get("side"), sourceID: try row.get("source_id"), state: try row.get("state"), minor: try row.get("minor"),
                why: standing ?? why, day: try row.get("day"), currency: try row.get("currency"),
                gaps: try gaps(try row.get("gaps"), in: try row.get("currency")), accepted: standing == nil ? nil : there))
        }
        return out
    }
}
