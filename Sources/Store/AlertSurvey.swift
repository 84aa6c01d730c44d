public import Kernel
public import Postgres

/// Something that is so now and that somebody may have to know of, counted over a tenant's rows.
public struct AlertFact: Sendable, Equatable {
    public var tenant: TenantID
    /// Of the alert that it opens or keeps open.
    public var key: String
    /// Where: the flow's or connection's short name.
    public var place: String
    /// The check, code, platform or field.
    public var code: String
    /// What is said of it, most often where it differs from row to row.
    public var words: String
    public var remedy: String
    /// Rows.
    public var items: Int
    /// Different words among them.
    public var kinds: Int
    /// The oldest.
    public var since: Timestamp

    public init(tenant: TenantID, key: String, place: String, code: String, words: String = "", remedy: String = "", items: Int, kinds: Int = 1, since: Timestamp) {
        self.tenant = tenant
        self.key = key
        self.place = place
        self.code = code
        self.words = words
        self.remedy = remedy
        self.items = items
        self.kinds = kinds
        self.since = since
    }
}

/// What is so now, over all active tenants and flows; each statement looks at rows that an index of its own names. Columns are those of `AlertFact`.
public enum AlertSurveyStatements {
    /// Of each group the words that stand there most often, and how many others there are.
    private static let gathered = """
        mode() WITHIN GROUP (ORDER BY coalesce(x.words, '')) AS words, mode() WITHIN GROUP (ORDER BY coalesce(x.remedy, '')) AS remedy,
          count(DISTINCT x.item) AS items, count(DISTINCT x.words) AS kinds, min(x.at) AS since
        """

    /// Held postings by flow, check and what is to be mended where the finding names it, and cases that can't be planned by flow and code. What waits for another is no cause of its own.
    /// - Parameter flows: of these.
    static func held(_ flows: [FlowID]) -> SQL {
        """
        WITH chosen AS (SELECT f.tenant_id, f.id AS flow_id, f.slug FROM app.flows f JOIN app.tenants t ON t.tenant_id = f.tenant_id
          WHERE f.id = ANY (\(flows)) AND f.state = 'active' AND t.state = 'active')
        SELECT x.tenant_id, x.flow_id, 'held/' || x.flow_id || '/' || x.code || coalesce('/' || x.cause, '') AS key, f.slug AS place, x.code, \(unsafe: gathered)
        FROM (
          SELECT p.tenant_id, p.flow_id, p.post_key AS item, g->>'check' AS code, g->>'cause' AS cause, g->>'why' AS words, g->>'remedy' AS remedy,
            coalesce(p.held_since, p.updated_at) AS at
          FROM chosen JOIN app.postings p USING (tenant_id, flow_id) CROSS JOIN LATERAL jsonb_array_elements(p.findings) g WHERE p.state = 'held'
          UNION ALL
          SELECT p.tenant_id, p.flow_id, p.post_key, g->>'check', g->>'cause', g->>'why', g->>'remedy', p.updated_at
          FROM chosen JOIN app.postings p USING (tenant_id, flow_id) CROSS JOIN LATERAL jsonb_array_elements(p.findings) g
          WHERE p.state = 'cleared' AND p.findings <> '[]'
          UNION ALL
          SELECT c.tenant_id, c.flow_id, c.case_id, c.fault->>'code', NULL, c.fault->>'summary', c.fault->>'remedy', coalesce(c.planned_at, c.changed_at)
          FROM chosen JOIN app.cases c USING (tenant_id, flow_id) WHERE c.fault IS NOT NULL AND NOT c.dirty
        ) x JOIN chosen f ON f.tenant_id = x.tenant_id AND f.flow_id = x.flow_id
        WHERE x.code IS NOT NULL AND x.code NOT IN ('waits_for_original', 'quarantined', 'document_quarantined', 'held_by_person')
        GROUP BY x.tenant_id, x.flow_id, f.slug, x.code, x.cause
        """
    }

    /// For each flow of which something is held a text that is another one once anything of that changed: told from indexes alone, without the findings.
    static func heldMarks() -> SQL {
        """
        SELECT x.flow_id, string_agg(x.kind || ' ' || x.n || ' ' || x.last || ' ' || x.sum, '; ' ORDER BY x.kind) AS mark FROM (
          SELECT p.tenant_id, p.flow_id, 'held' AS kind, count(*) AS n, max(p.updated_at) AS last, sum(\(unsafe: micros("p.updated_at"))) AS sum
          FROM app.postings p WHERE p.state = 'held' GROUP BY p.tenant_id, p.flow_id
          UNION ALL
          SELECT p.tenant_id, p.flow_id, 'flagged', count(*), max(p.updated_at), sum(\(unsafe: micros("p.updated_at")))
          FROM app.postings p WHERE p.state = 'cleared' AND p.findings <> '[]' GROUP BY p.tenant_id, p.flow_id
          UNION ALL
          SELECT c.tenant_id, c.flow_id, 'case', count(*), max(coalesce(c.planned_at, c.changed_at)), sum(\(unsafe: micros("coalesce(c.planned_at, c.changed_at)")))
          FROM app.cases c WHERE c.fault IS NOT NULL AND NOT c.dirty GROUP BY c.tenant_id, c.flow_id
        ) x JOIN app.tenants t ON t.tenant_id = x.tenant_id JOIN app.flows f ON f.tenant_id = x.tenant_id AND f.id = x.flow_id
        WHERE t.state = 'active' AND f.state = 'active' GROUP BY x.flow_id
        """
    }

    /// A time as a whole number, for sums of times.
    private static func micros(_ column: String) -> String { "(extract(epoch FROM \(column)) * 1000000)::bigint" }

    /// Rejected postings by flow and code.
    static func rejected() -> SQL {
        """
        SELECT x.tenant_id, 'rejected/' || x.flow_id || '/' || x.code AS key, f.slug AS place, x.code, \(unsafe: gathered)
        FROM (SELECT p.tenant_id, p.flow_id, p.post_key AS item, coalesce(p.fault->>'code', 'rejected') AS code, p.fault->>'summary' AS words,
            p.fault->>'remedy' AS remedy, p.updated_at AS at FROM app.postings p WHERE p.state = 'rejected') x
        JOIN app.flows f ON f.tenant_id = x.tenant_id AND f.id = x.flow_id JOIN app.tenants t ON t.tenant_id = x.tenant_id
        WHERE t.state = 'active' AND f.state = 'active' GROUP BY x.tenant_id, x.flow_id, f.slug, x.code
        """
    }

    /// Postings that the ledger shows otherwise than they were sent, by flow and the first field that differs; and those of whose outcome nobody knows, by flow.
    static func undecided() -> SQL {
        """
        SELECT x.tenant_id, x.kind || '/' || x.flow_id || CASE x.kind WHEN 'variance' THEN '/' || x.code ELSE '' END AS key, f.slug AS place, x.code,
          \(unsafe: gathered)
        FROM (
          SELECT p.tenant_id, p.flow_id, 'variance' AS kind, p.post_key AS item, coalesce(p.findings->0->>'position', 'document') AS code,
            p.findings->0->>'why' AS words, p.findings->0->>'remedy' AS remedy, p.updated_at AS at
          FROM app.postings p WHERE p.state = 'manual' AND p.fault->>'code' = 'differs'
          UNION ALL
          SELECT p.tenant_id, p.flow_id, 'unknown', p.post_key, '', p.fault->>'summary', '', p.updated_at FROM app.postings p WHERE p.state = 'unknown'
        ) x JOIN app.flows f ON f.tenant_id = x.tenant_id AND f.id = x.flow_id JOIN app.tenants t ON t.tenant_id = x.tenant_id
        WHERE t.state = 'active' AND f.state = 'active' GROUP BY x.tenant_id, x.kind, x.flow_id, f.slug, x.code
        """
    }

    /// Events that can't be read, by connection and code.
    static func events() -> SQL {
        """
        SELECT x.tenant_id, 'event/' || x.connection_id || '/' || x.code AS key, c.slug AS place, x.code, \(unsafe: gathered)
        FROM (SELECT e.tenant_id, e.connection_id, e.id AS item, e.fault->>'code' AS code, e.fault->>'summary' AS words, e.fault->>'remedy' AS remedy,
            e.received_at AS at FROM app.events e WHERE e.state = 'held') x
        JOIN app.connections c ON c.tenant_id = x.tenant_id AND c.id = x.connection_id JOIN app.tenants t ON t.tenant_id = x.tenant_id
        WHERE t.state = 'active' AND x.code <> 'document_quarantined' GROUP BY x.tenant_id, x.connection_id, c.slug, x.code
        """
    }

    /// What is held because it killed workers, by what it is.
    static func quarantined() -> SQL {
        """
        SELECT x.tenant_id, 'document_quarantined/' || x.code AS key, '' AS place, x.code, \(unsafe: gathered)
        FROM (
          SELECT e.tenant_id, 'event' AS code, e.id::text AS item, e.fault->>'summary' AS words, e.fault->>'remedy' AS remedy, e.received_at AS at
          FROM app.events e WHERE e.state = 'held' AND e.fault->>'code' = 'document_quarantined'
          UNION ALL
          SELECT c.tenant_id, 'case', c.case_id, c.fault->>'summary', c.fault->>'remedy', c.changed_at
          FROM app.cases c WHERE c.fault IS NOT NULL AND NOT c.dirty AND c.fault->>'code' = 'document_quarantined'
          UNION ALL
          SELECT p.tenant_id, 'posting', p.post_key, p.fault->>'summary', p.fault->>'remedy', p.updated_at
          FROM app.postings p WHERE p.state = 'held' AND p.fault IS NOT NULL AND p.fault->>'code' = 'document_quarantined'
          UNION ALL
          SELECT r.tenant_id, 'reflection', r.post_key || ' ' || r.number, r.fault->>'summary', r.fault->>'remedy', r.settled_at
          FROM app.reflections r WHERE r.state = 'refused' AND r.fault->>'code' = 'document_quarantined'
          UNION ALL
          SELECT a.tenant_id, 'attachment', a.post_key || ' ' || a.revision, a.fault->>'summary', a.fault->>'remedy', a.settled_at
          FROM app.attachments a WHERE a.state = 'refused' AND a.fault->>'code' = 'document_quarantined' AND a.settled_at > clock_timestamp() - interval '3 days'
        ) x JOIN app.tenants t ON t.tenant_id = x.tenant_id WHERE t.state = 'active' GROUP BY x.tenant_id, x.code
        """
    }

    /// A connection `c` that is live, or was just now: while a new credential is looked at, what is told of the connection is not over.
    static let inUse = """
        (c.state = 'live' OR (c.state = 'new' AND c.credential IS NOT NULL AND c.identity IS NOT NULL AND c.updated_at > clock_timestamp() - interval '10 minutes'))
        """

    /// Connections whose credential is dead, or was dropped with the address that it was for, with one row for each whose account is yet to be identified and
    /// whose alert has to wait for that; and those whose platform does not answer: while it is away a new credential can't be looked at, however long that takes.
    static func connections() -> SQL {
        """
        SELECT c.tenant_id, 'credential/' || c.id AS key, c.slug AS place, c.platform AS code, coalesce(c.state_reason, '') AS words, c.state AS remedy,
          1::bigint AS items, 1::bigint AS kinds, c.updated_at AS since
        FROM app.connections c JOIN app.tenants t ON t.tenant_id = c.tenant_id WHERE t.state = 'active' AND c.credential IS NOT NULL
          AND (c.state IN ('dead', 'new') OR (c.state = 'paused' AND c.state_reason IS NOT NULL AND c.identified IS DISTINCT FROM c.given))
        UNION ALL
        SELECT c.tenant_id, 'credential/' || c.id, c.slug, c.platform, coalesce(c.state_reason, ''), 'dead', 1, 1, c.updated_at
        FROM app.connections c JOIN app.tenants t ON t.tenant_id = c.tenant_id
        WHERE t.state = 'active' AND c.state = 'new' AND c.credential IS NULL AND c.credential_version > 0
        UNION ALL
        SELECT c.tenant_id, 'down/' || c.id, c.slug, c.platform, coalesce(c.down_reason, ''), '', 1, 1, c.down_since
        FROM app.connections c JOIN app.tenants t ON t.tenant_id = c.tenant_id WHERE t.state = 'active' AND c.down_since IS NOT NULL
          AND (c.state = 'live' OR (c.state = 'new' AND c.credential IS NOT NULL AND c.identity IS NOT NULL))
        """
    }

    /// Tenants to whose platforms it is another time than to us, with the largest difference in seconds. One row a tenant: several platforms at once are
    /// hardly wrong all of them.
    static func clocks() -> SQL {
        """
        SELECT c.tenant_id, 'clock/platforms' AS key, string_agg(c.slug || ' (' || c.platform || ')', ', ' ORDER BY c.slug) AS place, '' AS code,
          (array_agg(c.clock_ahead_s ORDER BY abs(c.clock_ahead_s) DESC))[1]::text AS words, '' AS remedy, count(*) AS items, 1::bigint AS kinds,
          min(c.clock_since) AS since
        FROM app.connections c JOIN app.tenants t ON t.tenant_id = c.tenant_id WHERE t.state = 'active' AND \(unsafe: inUse) AND c.clock_ahead_s IS NOT NULL
        GROUP BY c.tenant_id
        """
    }

    /// Sources of which only sweeps bring what webhooks should: how many such events of the last day since the last webhook, and since when.
    static func webhooks() -> SQL {
        """
        SELECT c.tenant_id, 'webhooks/' || c.id AS key, c.slug AS place, c.platform AS code, '' AS words, '' AS remedy, x.items, 1::bigint AS kinds, x.since
        FROM app.connections c JOIN app.tenants t ON t.tenant_id = c.tenant_id
        CROSS JOIN LATERAL (
          SELECT count(*) AS items, min(e.received_at) AS since FROM app.events e
          WHERE e.tenant_id = c.tenant_id AND e.connection_id = c.id AND e.missed AND e.received_at > clock_timestamp() - interval '1 day'
            AND e.id > coalesce((SELECT h.id FROM app.events h WHERE h.tenant_id = c.tenant_id AND h.connection_id = c.id AND NOT h.missed ORDER BY h.id DESC LIMIT 1), 0)
        ) x
        WHERE t.state = 'active' AND \(unsafe: inUse) AND c.webhook_secret IS NOT NULL AND x.items > 0
        """
    }

    /// Workers that crashed, and nothing else tells of it: jobs that are tried with less and less within the hour, and ends in a row that no job is blamed for. Of a job or
    /// document in quarantine there is an alert of its own.
    static func crashes() -> SQL {
        """
        SELECT x.tenant_id, 'crash/worker' AS key, '' AS place, string_agg(DISTINCT x.job, ', ') FILTER (WHERE x.job <> '') AS code,
          '' AS words, '' AS remedy, sum(x.n)::bigint AS items, 1::bigint AS kinds, min(x.at) AS since
        FROM (
          SELECT k.tenant_id, k.kind AS job, k.crashes AS n, k.first_at AS at FROM app.crashes k
          WHERE k.crashes > 1 AND k.quarantined_until IS NULL AND k.last_at > clock_timestamp() - interval '1 hour'
          UNION ALL
          SELECT l.tenant_id, '', l.nameless, l.acquired_at FROM app.leases l WHERE l.nameless > 0
        ) x JOIN app.tenants t ON t.tenant_id = x.tenant_id WHERE t.state = 'active' GROUP BY x.tenant_id
        """
    }

    /// The oldest thing that waits for a worker, of each tenant that has one: what came in and was not read, a case to be planned, a posting to be sent,
    /// a job that is due.
    static func lag() -> SQL {
        """
        SELECT t.tenant_id, 'lag/work' AS key, '' AS place, x.code, '' AS words, '' AS remedy, 1::bigint AS items, 1::bigint AS kinds, x.at AS since
        FROM app.tenants t CROSS JOIN LATERAL (
          SELECT * FROM (
            (SELECT 'event' AS code, e.received_at AS at FROM app.events e WHERE e.tenant_id = t.tenant_id AND e.state = 'ingested' ORDER BY e.id LIMIT 1)
            UNION ALL
            SELECT 'case', min(c.changed_at) FROM app.flows f JOIN app.cases c ON c.tenant_id = f.tenant_id AND c.flow_id = f.id
              WHERE f.tenant_id = t.tenant_id AND f.state = 'active' AND c.dirty
            UNION ALL
            SELECT 'posting', min(p.next_attempt_at) FROM app.flows f JOIN app.connections l ON l.tenant_id = f.tenant_id AND l.id = f.ledger_id
              CROSS JOIN LATERAL (\(unsafe: ScheduleStatements.going)) p
              WHERE f.tenant_id = t.tenant_id AND f.state = 'active' AND l.state = 'live' AND p.findings = '[]'
                AND p.next_attempt_at < clock_timestamp() AND \(unsafe: PostingStatements.unhindered)
            UNION ALL
            (SELECT 'job', j.due_at FROM app.jobs j WHERE j.tenant_id = t.tenant_id AND j.due_at < clock_timestamp() ORDER BY j.due_at LIMIT 1)
          ) y WHERE y.at IS NOT NULL ORDER BY y.at LIMIT 1
        ) x WHERE t.state = 'active'
        """
    }

    /// Alerts of causes that are seen only when something is tried, where what was tried in vain still waits: a budget rests, an order is to be fetched, a job
    /// needs a configuration that can be used.
    static func lasting() -> SQL {
        """
        SELECT a.tenant_id, a.key, '' AS place, '' AS code, a.cause AS words, a.remedy, a.hits::bigint AS items, 1::bigint AS kinds, a.opened_at AS since
        FROM app.alerts a JOIN app.tenants t ON t.tenant_id = a.tenant_id
        WHERE t.state = 'active' AND a.state = 'open' AND CASE split_part(a.key, '/', 1)
          WHEN 'quota_spent' THEN EXISTS (SELECT FROM app.budgets b WHERE b.tenant_id = a.tenant_id AND b.paused_until > clock_timestamp() - interval '15 minutes'
            AND a.key = 'quota_spent/' || b.connection_id || '/' || b.name)
          WHEN 'fetch' THEN EXISTS (SELECT FROM app.jobs j WHERE j.tenant_id = a.tenant_id AND j.kind = 'fetch'
            AND starts_with(j.subject, split_part(a.key, '/', 2) || '/') AND j.fault->>'code' = split_part(a.key, '/', 3))
          WHEN 'configuration' THEN EXISTS (SELECT FROM app.jobs j WHERE j.tenant_id = a.tenant_id AND j.fault->>'code' = split_part(a.key, '/', 2))
          ELSE false END
        """
    }

    /// Tenants' routes whose messages do not arrive: given up within a day, or tried in vain several times. The operator's own are in the metrics.
    static func undelivered() -> SQL {
        """
        SELECT x.tenant_id, 'undelivered/' || x.route AS key, x.route AS place, x.kind AS code,
          mode() WITHIN GROUP (ORDER BY coalesce(x.outcome, '')) AS words, '' AS remedy, count(*) AS items, 1::bigint AS kinds, min(x.created_at) AS since
        FROM app.alert_deliveries x JOIN app.alert_routes r ON r.tenant_id = x.tenant_id AND r.name = x.route
        JOIN app.tenants t ON t.tenant_id = x.tenant_id
        WHERE t.state = 'active' AND x.purpose <> 'test' AND x.created_at > r.updated_at
          AND ((x.state = 'failed' AND x.settled_at > clock_timestamp() - interval '1 day') OR (x.state = 'waiting' AND x.attempts >= 4))
          AND NOT EXISTS (SELECT FROM app.alert_deliveries y WHERE y.tenant_id = x.tenant_id AND y.route = x.route AND y.state = 'delivered'
            AND y.settled_at > coalesce(x.settled_at, x.created_at))
        GROUP BY x.tenant_id, x.route, x.kind
        """
    }
}

/// What is held, flow by flow, as it was found last: the findings of a flow are read again once anything of what it holds has changed.
public final class HeldFacts: Sendable {
    fileprivate struct Entry: Sendable {
        var mark: String
        var facts: [AlertFact]
    }

    fileprivate let entries = Locked<[FlowID: Entry]>([:])
    private let readings = Locked(0)

    public init() {}

    /// How many flows' findings have been read.
    public var read: Int { readings.with { $0 } }

    fileprivate func count(_ flows: Int) { readings.with { $0 += flows } }
}

extension PostgresTransaction {
    /// Of every flow what it holds, of which only what has changed is read.
    private func held(_ known: HeldFacts) async throws(Fault) -> [AlertFact] {
        var marks: [FlowID: String] = [:]
        for row in try await query(AlertSurveyStatements.heldMarks()) { marks[try row.get("flow_id")] = try row.get("mark") }
        var entries = known.entries.with { $0 }.filter { marks[$0.key] == $0.value.mark }
        let changed = marks.keys.filter { entries[$0] == nil }
        if !changed.isEmpty {
            for flow in changed { entries[flow] = .init(mark: marks[flow] ?? "", facts: []) }
            for row in try await query(AlertSurveyStatements.held(changed)) { entries[try row.get("flow_id")]?.facts.append(try AlertFact(row)) }
            known.count(changed.count)
        }
        let now = entries
        known.entries.with { $0 = now }
        return entries.values.flatMap(\.facts)
    }

    /// Everything that is so now, of all causes that are counted.
    /// - Parameter known: what was found last.
    public func surveyAlerts(_ known: HeldFacts = HeldFacts()) async throws(Fault) -> [AlertFact] {
        var out = try await held(known)
        for rows in try await batch([
            AlertSurveyStatements.rejected(), AlertSurveyStatements.undecided(), AlertSurveyStatements.events(),
            AlertSurveyStatements.quarantined(), AlertSurveyStatements.connections(), AlertSurveyStatements.crashes(), AlertSurveyStatements.lag(),
            AlertSurveyStatements.undelivered(), AlertSurveyStatements.webhooks(), AlertSurveyStatements.clocks(), AlertSurveyStatements.lasting(), ScheduleStatements.troubles(),
        ]) {
            for row in rows { out.append(try AlertFact(row)) }
        }
        return out
    }
}

extension AlertFact {
    fileprivate init(_ row: PostgresRow) throws(Fault) {
        self.init(
            tenant: try row.get("tenant_id"), key: try row.get("key"), place: try row.get("place"), code: try row.get("code", as: String?.self) ?? "",
            words: try row.get("words"), remedy: try row.get("remedy"), items: Int(try row.get("items", as: Int64.self)),
            kinds: Int(try row.get("kinds", as: Int64.self)), since: try row.get("since"))
    }
}
