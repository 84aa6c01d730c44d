internal import Books
public import Kernel
public import Postgres

/// A return as its system told it last.
public struct ReturnFigureRow: Sendable, Equatable {
    /// As its document is named: `return:55120`.
    public var id: String
    /// `open`, `closed` or `cancelled`.
    public var state: String
    public var settledAt: Timestamp
    public var currency: String
    public var moneyMinor: Int64
    public var creditMinor: Int64
    public var refunds: [String]
    /// It has said just this for so short a time that what follows from it may be under way.
    public var isFresh: Bool

    public init(
        id: String, state: String, settledAt: Timestamp, currency: String, moneyMinor: Int64, creditMinor: Int64, refunds: [String], isFresh: Bool = false
    ) {
        self.id = id
        self.state = state
        self.settledAt = settledAt
        self.currency = currency
        self.moneyMinor = moneyMinor
        self.creditMinor = creditMinor
        self.refunds = refunds
        self.isFresh = isFresh
    }
}

public enum ReturnFigureStatements {
    /// What is told for the first time, or otherwise than before, is so from now on.
    public static func save(_ tenant: TenantID, _ connection: ConnectionID, _ rows: [ReturnFigureRow]) -> SQL {
        """
        INSERT INTO app.return_figures AS r (tenant_id, connection_id, return_id, state, settled_at, currency, money_minor, credit_minor, refunds)
        SELECT \(tenant), \(connection), i, s, a, c, m, k, CASE WHEN f = '' THEN '{}'::text[] ELSE string_to_array(f, ' ') END
        FROM unnest(\(rows.map(\.id)), \(rows.map(\.state)), \(rows.map(\.settledAt)), \(rows.map(\.currency)), \(rows.map(\.moneyMinor)), \(rows.map(\.creditMinor)),
          \(rows.map { $0.refunds.joined(separator: " ") })) AS t(i, s, a, c, m, k, f)
        ON CONFLICT (tenant_id, connection_id, return_id) DO UPDATE SET state = EXCLUDED.state, settled_at = EXCLUDED.settled_at, currency = EXCLUDED.currency,
          money_minor = EXCLUDED.money_minor, credit_minor = EXCLUDED.credit_minor, refunds = EXCLUDED.refunds, read_at = clock_timestamp(),
          since = CASE WHEN (r.state, r.currency, r.money_minor, r.credit_minor, r.refunds)
            IS DISTINCT FROM (EXCLUDED.state, EXCLUDED.currency, EXCLUDED.money_minor, EXCLUDED.credit_minor, EXCLUDED.refunds)
            THEN clock_timestamp() ELSE r.since END
        """
    }

    /// What its system does not list any more is no longer compared.
    public static func forget(_ tenant: TenantID, _ connection: ConnectionID) -> SQL {
        "DELETE FROM app.return_figures WHERE tenant_id = \(tenant) AND connection_id = \(connection) AND read_at < clock_timestamp() - interval '1 hour'"
    }

    /// Fresh is what it has said for so short a time, and for two sweeps more what no sweep has brought in the same state yet.
    public static func all(_ tenant: TenantID, _ connection: ConnectionID, fresh: Duration) -> SQL {
        """
        SELECT return_id, state, settled_at, currency, money_minor, credit_minor, array_to_string(refunds, ' ') AS refunds,
          since > clock_timestamp() - \(fresh.wholeMilliseconds) * interval '1 millisecond'
            OR (since > clock_timestamp() - \(fresh.wholeMilliseconds) * interval '1 millisecond' - 2 * interval '1 second' * (SELECT coalesce(max(f.poll_seconds), 0)
                FROM app.flows f WHERE f.tenant_id = r.tenant_id AND f.state = 'active')
              AND NOT EXISTS (SELECT FROM app.flows f JOIN app.notes n ON n.tenant_id = f.tenant_id AND n.flow_id = f.id
                WHERE f.tenant_id = r.tenant_id AND n.kind = 'goods_return' AND n.source_id = r.return_id AND n.body->>'state' = r.state)) AS fresh
        FROM app.return_figures r WHERE tenant_id = \(tenant) AND connection_id = \(connection) ORDER BY return_id
        """
    }

    /// The shop's refunds that a return may be about, with what they gave, and, where a credit note stands for a return as well, the return that it explains.
    public static func shopRefunds(_ tenant: TenantID, _ flow: FlowID) -> SQL {
        """
        SELECT d.source_id, d.body->>'total' AS amount, coalesce((SELECT string_agg(x.source_id, ' ') FROM app.postings p
          JOIN app.posting_documents x ON x.tenant_id = p.tenant_id AND x.post_key = p.post_key AND x.source_id LIKE 'return:%'
          WHERE p.tenant_id = d.tenant_id AND p.flow_id = d.flow_id AND p.case_id = d.case_id AND p.form = 'credit_note'
            AND p.subject = d.source_id AND p.state NOT IN ('superseded', 'voided')), '')
          AS returns
        FROM app.documents d WHERE d.tenant_id = \(tenant) AND d.flow_id = \(flow) AND d.kind = 'refund'
          AND (d.source_id IN (SELECT unnest(r.refunds) FROM app.return_figures r WHERE r.tenant_id = \(tenant)) OR EXISTS (SELECT FROM app.notes n
            WHERE n.tenant_id = d.tenant_id AND n.flow_id = d.flow_id AND n.case_id = d.case_id AND n.kind = 'goods_return'))
        """
    }
}

/// What the shop says of one refund.
public struct ShopRefund: Sendable, Equatable {
    public var id: String
    public var currency: String
    public var minor: Int64
    /// The returns that its credit note explains.
    public var returns: [String]

    public init(id: String, currency: String, minor: Int64, returns: [String] = []) {
        self.id = id
        self.currency = currency
        self.minor = minor
        self.returns = returns
    }
}

extension Store {
    /// How long what a returns system says may take to come to the books before it is missed.
    public static let figuresFresh = Duration.seconds(45)

    /// - Returns: whether something is told otherwise than before, or so lately that it is still awaited.
    public func saveFigures(_ tenant: TenantID, _ connection: ConnectionID, _ rows: [ReturnFigureRow]) async throws(Fault) -> Bool {
        if !rows.isEmpty { _ = try await pool.query(ReturnFigureStatements.save(tenant, connection, rows)) }
        let gone = try await pool.query(ReturnFigureStatements.forget(tenant, connection))
        // Twice as long: what was awaited has to be looked at once it is not any more.
        let known = try await figures(tenant, connection, fresh: Store.figuresFresh * 2)
        return gone.affected > 0 || known.contains(where: \.isFresh)
    }

    public func figures(_ tenant: TenantID, _ connection: ConnectionID, fresh: Duration = Store.figuresFresh) async throws(Fault) -> [ReturnFigureRow] {
        var out: [ReturnFigureRow] = []
        for row in try await pool.query(ReturnFigureStatements.all(tenant, connection, fresh: fresh)) {
            let refunds: String = try row.get("refunds")
            out.append(ReturnFigureRow(
                id: try row.get("return_id"), state: try row.get("state"), settledAt: try row.get("settled_at"), currency: try row.get("currency"),
                moneyMinor: try row.get("money_minor"), creditMinor: try row.get("credit_minor"), refunds: refunds.split(separator: " ").map(String.init),
                isFresh: try row.get("fresh")))
        }
        return out
    }

    public func shopRefunds(_ tenant: TenantID, _ flow: FlowID) async throws(Fault) -> [ShopRefund] {
        var out: [ShopRefund] = []
        for row in try await pool.query(ReturnFigureStatements.shopRefunds(tenant, flow)) {
            let money = try ProofStatements.money(try row.get("amount")), returns: String = try row.get("returns")
            out.append(ShopRefund(
                id: try row.get("source_id"), currency: money.currency.code, minor: money.minor, returns: returns.split(separator: " ").map(String.init)))
        }
        return out
    }
}
