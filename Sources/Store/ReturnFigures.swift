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
    /// It has said just this for so short a time that what follows from it may be under way; or it was told by other ways since it was read.
    public var isFresh: Bool
    /// No run of the flow's schedule `pull` has asked for it since it says so.
    public var isUnpulled: Bool

    public init(
        id: String, state: String, settledAt: Timestamp, currency: String, moneyMinor: Int64, creditMinor: Int64, refunds: [String], isFresh: Bool = false,
        isUnpulled: Bool = false
    ) {
        self.id = id
        self.state = state
        self.settledAt = settledAt
        self.currency = currency
        self.moneyMinor = moneyMinor
        self.creditMinor = creditMinor
        self.refunds = refunds
        self.isFresh = isFresh
        self.isUnpulled = isUnpulled
    }
}

public enum ReturnFigureStatements {
    /// What is told for the first time, or otherwise than before, is so from now on.
    /// - Parameter at: when they were asked for, by the database's clock: what was told in between is newer.
    public static func save(_ tenant: TenantID, _ connection: ConnectionID, _ rows: [ReturnFigureRow], at: Timestamp) -> SQL {
        """
        INSERT INTO app.return_figures AS r (tenant_id, connection_id, return_id, state, settled_at, currency, money_minor, credit_minor, refunds, read_at)
        SELECT \(tenant), \(connection), i, s, a, c, m, k, CASE WHEN f = '' THEN '{}'::text[] ELSE string_to_array(f, ' ') END, \(at)
        FROM unnest(\(rows.map(\.id)), \(rows.map(\.state)), \(rows.map(\.settledAt)), \(rows.map(\.currency)), \(rows.map(\.moneyMinor)), \(rows.map(\.creditMinor)),
          \(rows.map { $0.refunds.joined(separator: " ") })) AS t(i, s, a, c, m, k, f)
        ON CONFLICT (tenant_id, connection_id, return_id) DO UPDATE SET state = EXCLUDED.state, settled_at = EXCLUDED.settled_at, currency = EXCLUDED.currency,
          money_minor = EXCLUDED.money_minor, credit_minor = EXCLUDED.credit_minor, refunds = EXCLUDED.refunds, read_at = EXCLUDED.read_at,
          since = CASE WHEN (r.state, r.currency, r.money_minor, r.credit_minor, r.refunds)
            IS DISTINCT FROM (EXCLUDED.state, EXCLUDED.currency, EXCLUDED.money_minor, EXCLUDED.credit_minor, EXCLUDED.refunds)
            THEN clock_timestamp() ELSE r.since END
        """
    }

    /// What its system has no more is no longer compared.
    public static func forget(_ tenant: TenantID, _ connection: ConnectionID, _ ids: [String]) -> SQL {
        "DELETE FROM app.return_figures WHERE tenant_id = \(tenant) AND connection_id = \(connection) AND return_id = ANY (\(ids))"
    }

    /// What was asked for and can't be read stays as it was told last, and waits for its turn.
    public static func touch(_ tenant: TenantID, _ connection: ConnectionID, _ ids: [String]) -> SQL {
        """
        UPDATE app.return_figures SET read_at = clock_timestamp() WHERE tenant_id = \(tenant) AND connection_id = \(connection) AND return_id = ANY (\(ids))
        """
    }

    /// Returns that a list did not tell of, to be asked for one by one: first those told of by other ways since they were read, then those read longest ago;
    /// and some of which nothing was ever read.
    public static func unlisted(_ tenant: TenantID, _ connection: ConnectionID, but listed: [String], limit: Int) -> SQL {
        """
        WITH told AS (
          SELECT n.source_id, max(n.updated_at) AS at FROM app.connections c
          JOIN app.flows f ON f.tenant_id = c.tenant_id AND (f.policies->>'returns.from' = c.slug) AND f.state = 'active'
          JOIN app.notes n ON n.tenant_id = f.tenant_id AND n.flow_id = f.id AND n.kind = 'goods_return'
          WHERE c.tenant_id = \(tenant) AND c.id = \(connection) GROUP BY n.source_id
        )
        (SELECT r.return_id FROM app.return_figures r LEFT JOIN told t ON t.source_id = r.return_id
          WHERE r.tenant_id = \(tenant) AND r.connection_id = \(connection) AND r.return_id <> ALL (\(listed))
          ORDER BY coalesce(t.at > r.read_at, false) DESC, r.read_at LIMIT \(limit))
        UNION ALL
        (SELECT t.source_id FROM told t WHERE t.source_id <> ALL (\(listed)) AND NOT EXISTS (SELECT FROM app.return_figures r
            WHERE r.tenant_id = \(tenant) AND r.connection_id = \(connection) AND r.return_id = t.source_id)
          ORDER BY t.at > clock_timestamp() - interval '5 minutes' DESC, random() LIMIT \(limit))
        """
    }

    /// Fresh is what it has said for so short a time, for two sweeps more what no sweep has brought in the same state yet, and what was told by a sweep or
    /// webhook after it was read. Where a schedule says when the source is asked, nothing is missed before the sweep of a run is over, and for so short a
    /// time after the first one.
    public static func all(_ tenant: TenantID, _ connection: ConnectionID, fresh: Duration) -> SQL {
        """
        SELECT return_id, r.state, settled_at, currency, money_minor, credit_minor, array_to_string(refunds, ' ') AS refunds,
          coalesce(r.since > clock_timestamp() - w.fresh
            OR (s.runs IS NULL AND r.since > clock_timestamp() - w.fresh - 2 * interval '1 second' * (SELECT coalesce(max(f.poll_seconds), 0)
                FROM app.flows f WHERE f.tenant_id = r.tenant_id AND f.state = 'active')
              AND NOT EXISTS (SELECT FROM app.flows f JOIN app.notes n ON n.tenant_id = f.tenant_id AND n.flow_id = f.id
                WHERE f.tenant_id = r.tenant_id AND n.kind = 'goods_return' AND n.source_id = r.return_id AND n.body->>'state' = r.state))
            OR EXISTS (SELECT FROM app.flows f JOIN app.notes n ON n.tenant_id = f.tenant_id AND n.flow_id = f.id
                WHERE f.tenant_id = r.tenant_id AND f.policies->>'returns.from' = c.slug AND n.kind = 'goods_return' AND n.source_id = r.return_id
                  AND n.updated_at > r.read_at)
            OR (s.runs AND c.swept_at > clock_timestamp() - w.fresh AND r.since > c.swept_at - w.fresh - s.period), false) AS fresh,
          coalesce(s.runs AND (c.swept_at IS NULL OR c.swept_at < r.since + w.fresh), false) AS unpulled
        FROM app.return_figures r JOIN app.connections c ON c.tenant_id = r.tenant_id AND c.id = r.connection_id
        CROSS JOIN (SELECT \(fresh.wholeMilliseconds) * interval '1 millisecond' AS fresh) w
        CROSS JOIN LATERAL (
          SELECT bool_or(true) AS runs, coalesce(max(s.next_run_at - s.last_run_at), interval '0') AS period FROM app.flows f
          JOIN app.schedules s ON s.tenant_id = f.tenant_id AND s.flow_id = f.id AND s.subject = 'pull' AND (s.state = 'paused' OR s.rule <> 'realtime')
          WHERE f.tenant_id = c.tenant_id AND f.policies->>'returns.from' = c.slug AND f.state = 'active'
        ) s
        WHERE r.tenant_id = \(tenant) AND r.connection_id = \(connection) ORDER BY return_id
        """
    }

    /// What a return says otherwise than before is asked for at once, but where a schedule says when: for statements after `save`, in its transaction.
    public static func askSweep(_ tenant: TenantID, _ connection: ConnectionID) -> SQL {
        """
        INSERT INTO app.jobs AS j (tenant_id, kind, subject, lane)
        SELECT c.tenant_id, 'sweep', c.id::text, 'poll' FROM app.connections c
        WHERE c.tenant_id = \(tenant) AND c.id = \(connection)
          AND EXISTS (SELECT FROM app.return_figures r WHERE r.tenant_id = c.tenant_id AND r.connection_id = c.id AND r.since >= now())
          AND NOT EXISTS (\(unsafe: pulled))
        ON CONFLICT (tenant_id, kind, subject) DO UPDATE SET generation = j.generation + 1, due_at = least(j.due_at, EXCLUDED.due_at)
        """
    }

    /// Of what a return says otherwise than before, and its document does not yet: it is asked for by itself, for a sweep may not reach back to it. Those
    /// first of which was heard longest ago. As `askSweep`, and not of what was told by webhook just now.
    public static func askAlone(_ tenant: TenantID, _ connection: ConnectionID, limit: Int) -> SQL {
        """
        INSERT INTO app.jobs AS j (tenant_id, kind, subject, lane)
        SELECT c.tenant_id, 'fetch', c.id::text || '/' || substr(x.return_id, 8), 'poll' FROM app.connections c CROSS JOIN LATERAL (
          SELECT r.return_id, max(n.updated_at) AS at FROM app.return_figures r JOIN app.flows f ON f.tenant_id = r.tenant_id AND f.policies->>'returns.from' = c.slug
          JOIN app.notes n ON n.tenant_id = r.tenant_id AND n.flow_id = f.id AND n.kind = 'goods_return' AND n.source_id = r.return_id
          WHERE r.tenant_id = c.tenant_id AND r.connection_id = c.id AND r.since >= now() AND starts_with(r.return_id, 'return:') AND f.state = 'active'
          GROUP BY r.return_id HAVING max(n.updated_at) < now() - interval '1 minute' ORDER BY 2 LIMIT \(limit)) x
        WHERE c.tenant_id = \(tenant) AND c.id = \(connection) AND NOT EXISTS (\(unsafe: pulled))
        ON CONFLICT (tenant_id, kind, subject) DO UPDATE SET generation = j.generation + 1, due_at = least(j.due_at, EXCLUDED.due_at)
        """
    }

    /// A schedule says when the connection `c` is asked.
    private static let pulled = """
        SELECT FROM app.flows f JOIN app.schedules s ON s.tenant_id = f.tenant_id AND s.flow_id = f.id AND s.subject = 'pull'
            AND (s.state = 'paused' OR s.rule <> 'realtime') WHERE f.tenant_id = c.tenant_id AND f.policies->>'returns.from' = c.slug AND f.state = 'active'
        """

    /// Closed returns that are known of by other ways, of orders of which a return was read, and of which nothing was read.
    public static func beside(_ tenant: TenantID, _ flow: FlowID, _ connection: ConnectionID) -> SQL {
        """
        SELECT n.source_id, n.case_id, n.version, n.happened_at, n.body FROM app.notes n
        WHERE n.tenant_id = \(tenant) AND n.flow_id = \(flow) AND n.kind = 'goods_return' AND n.body->>'state' = 'closed'
          AND NOT EXISTS (SELECT FROM app.return_figures r WHERE r.tenant_id = n.tenant_id AND r.connection_id = \(connection) AND r.return_id = n.source_id)
          AND EXISTS (SELECT FROM app.notes m JOIN app.return_figures r ON r.tenant_id = m.tenant_id AND r.connection_id = \(connection) AND r.return_id = m.source_id
            WHERE m.tenant_id = n.tenant_id AND m.flow_id = n.flow_id AND m.case_id = n.case_id AND m.kind = 'goods_return')
        ORDER BY n.source_id
        """
    }

    /// The shop's refunds that a return may be about, with what they gave, and, where a credit note, or money that went back before its sale counted,
    /// stands for a return as well, the return that it explains.
    public static func shopRefunds(_ tenant: TenantID, _ flow: FlowID) -> SQL {
        """
        SELECT d.source_id, d.body->>'total' AS amount, coalesce((SELECT string_agg(x.source_id, ' ') FROM app.postings p
          JOIN app.posting_documents x ON x.tenant_id = p.tenant_id AND x.post_key = p.post_key AND x.source_id LIKE 'return:%'
          WHERE p.tenant_id = d.tenant_id AND p.flow_id = d.flow_id AND p.case_id = d.case_id AND p.form IN ('credit_note', 'deposit')
            AND CASE p.form WHEN 'deposit' THEN split_part(p.subject, '/', 1) ELSE p.subject END = d.source_id AND p.state NOT IN ('superseded', 'voided')), '')
          AS returns
        FROM app.documents d WHERE d.tenant_id = \(tenant) AND d.flow_id = \(flow) AND d.kind = 'refund'
          AND (d.source_id IN (SELECT unnest(r.refunds) FROM app.return_figures r WHERE r.tenant_id = \(tenant)) OR EXISTS (SELECT FROM app.notes n
            WHERE n.tenant_id = d.tenant_id AND n.flow_id = d.flow_id AND n.case_id = d.case_id AND n.kind = 'goods_return'))
        """
    }
}

/// A return as its document says it.
public struct NotedReturn: Sendable {
    public var id: String
    public var caseID: String
    public var version: Int64
    public var at: Timestamp
    /// JSON.
    public var body: [UInt8]
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

    /// Returns asked for one by one because they say something else than before.
    private static let figuresAlone = 50

    /// Keeps what was read, and in the same transaction asks for what follows: a sweep, and each by itself, so that the documents say the same, and, as long as something may
    /// still change or has changed, these jobs.
    /// - Parameters:
    ///   - at: when they were asked for, by the database's clock.
    ///   - gone: returns that their system has no more.
    ///   - unread: returns that were asked for and could not be read.
    /// - Returns: whether something is told otherwise than before, or so lately that it is still awaited.
    public func saveFigures(
        _ tenant: TenantID, _ connection: ConnectionID, _ rows: [ReturnFigureRow], at: Timestamp, gone: [String] = [], unread: [String] = [], asking jobs: [Job]
    ) async throws(Fault) -> Bool {
        try await transaction { tx throws(Fault) in
            if !rows.isEmpty { _ = try await tx.query(ReturnFigureStatements.save(tenant, connection, rows, at: at)) }
            if !unread.isEmpty { _ = try await tx.query(ReturnFigureStatements.touch(tenant, connection, unread)) }
            let forgotten = gone.isEmpty ? 0 : try await tx.query(ReturnFigureStatements.forget(tenant, connection, gone)).affected
            _ = try await tx.query(ReturnFigureStatements.askSweep(tenant, connection))
            _ = try await tx.query(ReturnFigureStatements.askAlone(tenant, connection, limit: Store.figuresAlone))
            // Twice as long: what was awaited has to be looked at once it is not any more.
            let known = try (try await tx.query(ReturnFigureStatements.all(tenant, connection, fresh: Store.figuresFresh * 2))).figures()
            guard forgotten > 0 || known.contains(where: \.isFresh) else { return false }
            if !jobs.isEmpty { _ = try await tx.query(JobStatements.ask(tenant, jobs)) }
            return true
        }
    }

    public func figures(_ tenant: TenantID, _ connection: ConnectionID, fresh: Duration = Store.figuresFresh) async throws(Fault) -> [ReturnFigureRow] {
        try (try await pool.query(ReturnFigureStatements.all(tenant, connection, fresh: fresh))).figures()
    }

    /// Ids of returns (`return:7`) to be asked for one by one, each way at most `limit`.
    public func unlistedReturns(_ tenant: TenantID, _ connection: ConnectionID, but listed: [String], limit: Int) async throws(Fault) -> [String] {
        var out: [String] = []
        for row in try await pool.query(ReturnFigureStatements.unlisted(tenant, connection, but: listed, limit: limit)) { out.append(try row.get("return_id")) }
        return out
    }

    /// Returns of which nothing was read, beside those of which something was: as `DocumentRow` has them, without what a note lacks.
    public func returnsBeside(_ tenant: TenantID, _ flow: FlowID, _ connection: ConnectionID) async throws(Fault) -> [NotedReturn] {
        var out: [NotedReturn] = []
        for row in try await pool.query(ReturnFigureStatements.beside(tenant, flow, connection)) {
            out.append(NotedReturn(
                id: try row.get("source_id"), caseID: try row.get("case_id"), version: try row.get("version"), at: try row.get("happened_at"),
                body: try row.get("body", as: PostgresJSON.self).bytes))
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

extension PostgresRows {
    fileprivate func figures() throws(Fault) -> [ReturnFigureRow] {
        var out: [ReturnFigureRow] = []
        for row in self {
            let refunds: String = try row.get("refunds")
            out.append(ReturnFigureRow(
                id: try row.get("return_id"), state: try row.get("state"), settledAt: try row.get("settled_at"), currency: try row.get("currency"),
                moneyMinor: try row.get("money_minor"), creditMinor: try row.get("credit_minor"), refunds: refunds.split(separator: " ").map(String.init),
                isFresh: try row.get("fresh"), isUnpulled: try row.get("unpulled")))
        }
        return out
    }
}
