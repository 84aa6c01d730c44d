public import Books
public import Kernel
public import Postgres

/// Where the change feed of a ledger stands.
public struct LedgerFeed: Sendable, Equatable {
    /// Up to when its changes are known; `nil` before it was first asked.
    public var watermark: Timestamp?
    public var isDue: Bool
    /// When the first document of ours got there; `nil` while there is none.
    public var firstPosted: Timestamp?
}

/// A notice that waits to be taken up.
public struct NoticeRow: Sendable, Equatable {
    public var object: String
    public var remoteID: String
    public var change: String
    public var at: Timestamp?

    public init(object: String, remoteID: String, change: String, at: Timestamp?) {
        self.object = object
        self.remoteID = remoteID
        self.change = change
        self.at = at
    }
}

/// A notice and whom it is for.
public struct NewNotice: Sendable, Equatable {
    public var tenant: TenantID
    public var connection: ConnectionID
    public var notice: NoticeRow
    /// The platform's id of it, by which a second delivery is known; `nil` where it has none.
    public var id: String?

    public init(tenant: TenantID, connection: ConnectionID, notice: NoticeRow, id: String?) {
        self.tenant = tenant
        self.connection = connection
        self.notice = notice
        self.id = id
    }
}

/// A posting whose copy in the ledger is to be looked at again.
public struct RecheckRow: Sendable {
    public var posting: PostingRow
    /// What the ledger had when it was confirmed (JSON); `nil` where that is not known.
    public var shown: [UInt8]?
    /// The mark that is answered: one that comes meanwhile stays.
    public var asked: Timestamp
    /// How often it was looked for since it was marked, and not found.
    public var looks: Int
}

public enum ChangeStatements {
    /// States in which what the ledger has can be compared with what it had: nothing is under way, and nobody has stopped it for that already.
    static let lookable = "'confirmed', 'reconciled', 'voided', 'mapped', 'cleared', 'held', 'rejected'"

    public static func feed(_ tenant: TenantID, _ connection: ConnectionID) -> SQL {
        """
        SELECT c.changes_watermark AS watermark, c.changes_due_at IS NULL OR c.changes_due_at <= clock_timestamp() AS due,
          CASE WHEN c.changes_watermark IS NULL THEN (SELECT min(p.posted_at) FROM app.postings p WHERE p.tenant_id = c.tenant_id AND p.ledger_id = c.id
            AND p.remote_id IS NOT NULL) END AS first_posted
        FROM app.connections c WHERE c.tenant_id = \(tenant) AND c.id = \(connection)
        """
    }

    /// Its changes are known up to the watermark. `next`: when to ask again; by the shortest interval of its flows where it is `nil`. Not before `atLeast`.
    public static func saveFeed(_ tenant: TenantID, _ connection: ConnectionID, watermark: Timestamp?, next: Duration?, atLeast: Duration = .zero) -> SQL {
        """
        UPDATE app.connections c SET changes_watermark = greatest(c.changes_watermark, \(watermark)), changes_due_at = clock_timestamp()
          + greatest(\(atLeast.wholeMilliseconds), coalesce(\(next?.wholeMilliseconds), (SELECT min(f.poll_seconds) FROM app.flows f
              WHERE f.tenant_id = c.tenant_id AND f.ledger_id = c.id AND f.state = 'active') * 1000::bigint, 300000)) * interval '1 millisecond'
        WHERE c.tenant_id = \(tenant) AND c.id = \(connection)
        """
    }

    /// Marks what the ledger said has changed, by our keys or by its ids, but what was seen in that very version already; names the flows: `flow_id`.
    public static func mark(
        _ tenant: TenantID, _ ledger: ConnectionID, keys: [(key: PostKey, version: String?)], remoteIDs: [String]
    ) -> SQL {
        """
        WITH wanted AS (
          SELECT p.post_key FROM app.postings p JOIN unnest(\(keys.map(\.key.text)), \(keys.map(\.version))) AS t(k, v) ON p.post_key = k
          WHERE p.tenant_id = \(tenant) AND p.ledger_id = \(ledger) AND p.remote_id IS NOT NULL AND (v IS NULL OR p.remote_version IS DISTINCT FROM v)
          UNION SELECT p.post_key FROM app.postings p WHERE p.tenant_id = \(tenant) AND p.ledger_id = \(ledger) AND p.remote_id = ANY (\(remoteIDs))
        ), marked AS (
          UPDATE app.postings p SET \(unsafe: marking) FROM wanted w WHERE p.tenant_id = \(tenant) AND p.post_key = w.post_key AND NOT p.by_hand
          RETURNING p.flow_id
        )
        SELECT DISTINCT flow_id FROM marked
        """
    }

    /// Marks all that we have there.
    public static func markAll(_ tenant: TenantID, _ ledger: ConnectionID) -> SQL {
        """
        WITH marked AS (
          UPDATE app.postings p SET \(unsafe: marking) WHERE p.tenant_id = \(tenant) AND p.ledger_id = \(ledger) AND p.remote_id IS NOT NULL AND NOT p.by_hand
            AND p.state IN (\(unsafe: lookable)) RETURNING p.flow_id
        )
        SELECT DISTINCT flow_id FROM marked
        """
    }

    /// Looks are counted from the first mark on.
    private static let marking = "recheck_at = clock_timestamp(), looks = CASE WHEN p.recheck_at IS NULL THEN 0 ELSE p.looks END"

    /// Marked postings that can be looked at now, the longest marked first.
    public static func marked(_ tenant: TenantID, _ flow: FlowID, limit: Int) -> SQL {
        """
        SELECT \(unsafe: PostingStatements.columns), confirmed_as, recheck_at, looks FROM app.postings
        WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND recheck_at <= clock_timestamp() AND state IN (\(unsafe: lookable))
        ORDER BY recheck_at, post_key LIMIT \(limit)
        """
    }

    /// Looked at, and the ledger has what it had. A mark that came meanwhile stays.
    public static func unmark(_ tenant: TenantID, _ rows: [(key: PostKey, version: String?, shown: [UInt8]?, asked: Timestamp)]) -> SQL {
        """
        UPDATE app.postings p SET recheck_at = CASE WHEN p.recheck_at <= a THEN NULL ELSE p.recheck_at END, remote_version = coalesce(v, remote_version),
          confirmed_as = coalesce(s, confirmed_as)
        FROM unnest(\(rows.map(\.key.text)), \(rows.map(\.version)), \(rows.map { $0.shown.map { PostgresJSON($0) } }), \(rows.map(\.asked))) AS t(k, v, s, a)
        WHERE p.tenant_id = \(tenant) AND p.post_key = k AND p.state IN (\(unsafe: lookable))
        """
    }

    /// Looked at, and somebody changed it there: a person decides, and nothing is sent before.
    public static func drifted(_ tenant: TenantID, _ key: PostKey, findings: [UInt8], fault: [UInt8], shown: [UInt8]?) -> SQL {
        """
        UPDATE app.postings SET state = 'manual', shown_as = \(shown.map { PostgresJSON($0) }), findings = \(PostgresJSON(findings)), fault = \(PostgresJSON(fault)), recheck_at = NULL,
          updated_at = clock_timestamp()
        WHERE tenant_id = \(tenant) AND post_key = \(key.text) AND state IN (\(unsafe: lookable))
        """
    }

    /// Looked at, and what somebody did there stands (`side`), or it is as we sent it again (`nil`). A mark that came meanwhile stays.
    public static func accept(_ tenant: TenantID, _ key: PostKey, shown: [UInt8], version: String?, side: [UInt8]?, asked: Timestamp) -> SQL {
        """
        UPDATE app.postings SET state = 'confirmed', confirmed_as = \(PostgresJSON(shown)), accepted = \(side.map { PostgresJSON($0) }), shown_as = NULL,
          remote_version = coalesce(\(version), remote_version), findings = '[]', fault = NULL, confirmed_at = coalesce(confirmed_at, clock_timestamp()),
          recheck_at = CASE WHEN recheck_at <= \(asked) THEN NULL ELSE recheck_at END, updated_at = clock_timestamp()
        WHERE tenant_id = \(tenant) AND post_key = \(key.text) AND state IN (\(unsafe: lookable)) AND effect = 'post' AND sent_digest = plan_digest
          AND remote_id IS NOT NULL AND posted_at IS NOT NULL
        """
    }

    /// Could not be looked at, or (`looked`) was looked for and not found: later.
    public static func markLater(_ tenant: TenantID, _ keys: [PostKey], by delay: Duration, looked: Bool) -> SQL {
        """
        UPDATE app.postings SET recheck_at = clock_timestamp() + \(delay.wholeMilliseconds) * interval '1 millisecond',
          looks = least(looks + \(unsafe: looked ? "1" : "0"), 1000)
        WHERE tenant_id = \(tenant) AND post_key = ANY (\(keys.map(\.text))) AND state IN (\(unsafe: lookable)) AND recheck_at IS NOT NULL
        """
    }

    /// Milliseconds until the next posting of the flow is to be looked at again; NULL for none.
    public static func nextMarked(_ tenant: TenantID, _ flow: FlowID) -> SQL {
        """
        SELECT (extract(epoch FROM min(recheck_at) - clock_timestamp()) * 1000)::bigint AS ms FROM app.postings
        WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND recheck_at IS NOT NULL AND state IN (\(unsafe: lookable))
        """
    }
}

/// What ledgers tell by webhook.
public enum NoticeStatements {
    /// Connections that work with the accounts, of whichever tenant (whoever only claims one gets nothing of it): `tenant_id`, `id`, `account` in lower case.
    public static func connections(_ platform: String, accounts: [String]) -> SQL {
        """
        SELECT c.tenant_id, c.id, lower(c.account) AS account FROM app.connections c JOIN app.tenants t ON t.tenant_id = c.tenant_id
        WHERE c.platform = \(platform) AND lower(c.account) = ANY (\(accounts.map { $0.lowercased() })) AND t.state <> 'removed'
          AND (c.state IN ('live', 'paused') OR (c.state = 'new' AND c.identity IS NOT NULL)) AND c.credential IS NOT NULL
        """
    }

    /// Keeps what is new and asks for somebody to look, in one statement: one effect. A notice whose id was here before is left; one about an object
    /// that waits to be looked at already adds nothing to that.
    public static func keep(_ notices: [NewNotice]) -> SQL {
        """
        WITH input AS (
          SELECT * FROM unnest(\(notices.map(\.tenant)), \(notices.map(\.connection)), \(notices.map(\.notice.object)), \(notices.map(\.notice.remoteID)),
            \(notices.map(\.notice.change)), \(notices.map(\.notice.at)), \(notices.map { $0.id.map { "notice:\($0)" } })) AS i(t, c, o, r, w, a, d)
        ), fresh AS (
          INSERT INTO app.deliveries (tenant_id, connection_id, delivery_id) SELECT DISTINCT t, c, d FROM input WHERE d IS NOT NULL ORDER BY t, c, d
          ON CONFLICT DO NOTHING RETURNING tenant_id, connection_id, delivery_id
        ), news AS (
          SELECT DISTINCT ON (t, c, o, r) t, c, o, r, w, a FROM input
          WHERE d IS NULL OR (t, c, d) IN (SELECT tenant_id, connection_id, delivery_id FROM fresh) ORDER BY t, c, o, r, a DESC NULLS LAST
        ), kept AS (
          INSERT INTO app.ledger_notices AS n (tenant_id, connection_id, object, remote_id, change, changed_at) SELECT t, c, o, r, w, a FROM news
          ON CONFLICT (tenant_id, connection_id, object, remote_id) DO UPDATE SET change = EXCLUDED.change, changed_at = EXCLUDED.changed_at,
            received_at = clock_timestamp()
          RETURNING tenant_id, connection_id
        ), asked AS (
          INSERT INTO app.jobs AS j (tenant_id, kind, subject, lane)
          SELECT DISTINCT tenant_id, 'changes', connection_id::text, 'webhook' FROM kept ORDER BY 1, 3
          ON CONFLICT (tenant_id, kind, subject) DO UPDATE SET generation = j.generation + 1, due_at = least(j.due_at, EXCLUDED.due_at)
          RETURNING 1
        )
        SELECT (SELECT count(*) FROM kept) AS kept, (SELECT count(*) FROM asked) AS asked
        """
    }

    /// The oldest that wait.
    public static func waiting(_ tenant: TenantID, _ connection: ConnectionID, limit: Int) -> SQL {
        """
        SELECT object, remote_id, change, changed_at FROM app.ledger_notices WHERE tenant_id = \(tenant) AND connection_id = \(connection)
        ORDER BY received_at, object, remote_id LIMIT \(limit)
        """
    }

    public static func forget(_ tenant: TenantID, _ connection: ConnectionID, _ notices: [NoticeRow]) -> SQL {
        """
        DELETE FROM app.ledger_notices n USING unnest(\(notices.map(\.object)), \(notices.map(\.remoteID))) AS t(o, r)
        WHERE n.tenant_id = \(tenant) AND n.connection_id = \(connection) AND n.object = o AND n.remote_id = r
        """
    }
}

extension Store {
    public func feed(_ tenant: TenantID, _ connection: ConnectionID) async throws(Fault) -> LedgerFeed? {
        guard let row = try await pool.query(ChangeStatements.feed(tenant, connection)).first else { return nil }
        return LedgerFeed(watermark: try row.get("watermark"), isDue: try row.get("due"), firstPosted: try row.get("first_posted"))
    }

    public func saveFeed(
        _ tenant: TenantID, _ connection: ConnectionID, watermark: Timestamp?, next: Duration?, atLeast: Duration = .zero
    ) async throws(Fault) {
        _ = try await pool.query(ChangeStatements.saveFeed(tenant, connection, watermark: watermark, next: next, atLeast: atLeast))
    }

    /// Marks postings to be looked at again and has their flows do it.
    public func mark(
        _ tenant: TenantID, _ ledger: ConnectionID, keys: [(key: PostKey, version: String?)] = [], remoteIDs: [String] = [], all: Bool = false
    ) async throws(Fault) {
        guard all || !keys.isEmpty || !remoteIDs.isEmpty else { return }
        try await transaction { tx throws(Fault) in
            if all { try await tx.look(tenant, try await tx.query(ChangeStatements.markAll(tenant, ledger))) }
            try await tx.look(tenant, try await tx.query(ChangeStatements.mark(tenant, ledger, keys: keys, remoteIDs: remoteIDs)))
        }
    }

    /// Postings that are to be looked at again, and can be now.
    public func marked(_ tenant: TenantID, _ flow: FlowID, limit: Int) async throws(Fault) -> [RecheckRow] {
        var out: [RecheckRow] = []
        for row in try await pool.query(ChangeStatements.marked(tenant, flow, limit: Batches.current.limit(limit))) {
            out.append(RecheckRow(
                posting: try PostingRow(row), shown: try row.get("confirmed_as", as: PostgresJSON?.self)?.bytes, asked: try row.get("recheck_at"),
                looks: Int(try row.get("looks", as: Int32.self))))
        }
        Batches.current.takes(out.map { "posting \($0.posting.key)" })
        return out
    }

    public func markLater(_ tenant: TenantID, _ keys: [PostKey], by delay: Duration, looked: Bool = false) async throws(Fault) {
        guard !keys.isEmpty else { return }
        _ = try await pool.query(ChangeStatements.markLater(tenant, keys, by: delay, looked: looked))
    }

    public func nextMarked(_ tenant: TenantID, _ flow: FlowID) async throws(Fault) -> Duration? {
        let ms: Int64? = try await pool.query(ChangeStatements.nextMarked(tenant, flow)).first?.get("ms")
        return ms.map { .milliseconds(max(0, $0)) }
    }

    /// Connections by account in lower case; an account can be connected by several tenants.
    public func connections(_ platform: String, accounts: [String]) async throws(Fault) -> [String: [(tenant: TenantID, id: ConnectionID)]] {
        var out: [String: [(tenant: TenantID, id: ConnectionID)]] = [:]
        for row in try await pool.query(NoticeStatements.connections(platform, accounts: accounts)) {
            out[try row.get("account"), default: []].append((try row.get("tenant_id"), try row.get("id")))
        }
        return out
    }

    /// Durable when this returns, and somebody is woken for it.
    public func keep(_ notices: [NewNotice]) async throws(Fault) {
        guard !notices.isEmpty else { return }
        _ = try await pool.batch([NoticeStatements.keep(notices), JobStatements.wake()])
    }

    public func waitingNotices(_ tenant: TenantID, _ connection: ConnectionID, limit: Int) async throws(Fault) -> [NoticeRow] {
        var out: [NoticeRow] = []
        for row in try await pool.query(NoticeStatements.waiting(tenant, connection, limit: limit)) {
            out.append(NoticeRow(object: try row.get("object"), remoteID: try row.get("remote_id"), change: try row.get("change"), at: try row.get("changed_at")))
        }
        return out
    }

    /// What the notices name is marked, and they are done with: the look comes after, so it sees whatever they were about.
    public func take(_ tenant: TenantID, _ connection: ConnectionID, _ notices: [NoticeRow], jobs: [Job]) async throws(Fault) {
        try await transaction { tx throws(Fault) in
            try await tx.look(tenant, try await tx.query(ChangeStatements.mark(tenant, connection, keys: [], remoteIDs: notices.map(\.remoteID))))
            _ = try await tx.query(NoticeStatements.forget(tenant, connection, notices))
            if !jobs.isEmpty { _ = try await tx.query(JobStatements.ask(tenant, jobs)) }
        }
    }
}

extension PostgresTransaction {
    /// Has each of the flows look at what is marked.
    fileprivate func look(_ tenant: TenantID, _ flows: PostgresRows) async throws(Fault) {
        var jobs: [Job] = []
        for row in flows { jobs.append(Job(.confirm, try row.get("flow_id", as: FlowID.self).description, lane: .webhook)) }
        if !jobs.isEmpty { _ = try await query(JobStatements.ask(tenant, jobs)) }
    }
}
