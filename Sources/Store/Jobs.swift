public import Kernel
public import Postgres

/// One thing to do for a tenant.
public struct Job: Sendable, Hashable {
    public enum Kind: String, Sendable, CaseIterable { case normalize, map, post, confirm, reconcile, sweep, fetch, chart, identify, look, changes, attach, consent, reflect }
    /// Kinds that need no accounts, rules or flows: a platform is connected before there are any.
    public static let unconfigured: Set<Kind> = [.consent, .identify]
    public enum Lane: String, Sendable, CaseIterable { case interactive, webhook, poll, backfill, audit }

    public var kind: Kind
    /// What it is about: a flow id, a connection id, `connection/order`.
    public var subject: String
    public var lane: Lane
    /// Moves each time the job is asked for again; a finished job whose generation moved meanwhile stays due.
    public var generation: Int64
    public var attempts: Int

    public init(_ kind: Kind, _ subject: String, lane: Lane, generation: Int64 = 0, attempts: Int = 0) {
        self.kind = kind
        self.subject = subject
        self.lane = lane
        self.generation = generation
        self.attempts = attempts
    }
}

public enum JobStatements {
    /// Lanes, the most urgent first.
    private static let urgency = "ARRAY['interactive', 'webhook', 'poll', 'backfill', 'audit']"

    /// Asks for jobs; one that is there already becomes due at the earlier time, takes the more urgent lane and moves its generation. All of one
    /// asking are due at one instant: the index then holds equal keys once for all of their rows, and whoever steps over finished ones steps over few.
    public static func ask(_ tenant: TenantID, _ jobs: [Job], after: Duration = .zero) -> SQL {
        """
        INSERT INTO app.jobs AS j (tenant_id, kind, subject, lane, due_at)
        SELECT DISTINCT ON (k, s) \(tenant), k, s, l, (SELECT clock_timestamp()) + \(after.wholeMilliseconds) * interval '1 millisecond'
        FROM unnest(\(jobs.map(\.kind.rawValue)), \(jobs.map(\.subject)), \(jobs.map(\.lane.rawValue))) AS t(k, s, l)
        ORDER BY k, s, array_position(\(unsafe: urgency), l)
        ON CONFLICT (tenant_id, kind, subject) DO UPDATE
          SET generation = j.generation + 1, due_at = least(j.due_at, EXCLUDED.due_at),
            lane = CASE WHEN array_position(\(unsafe: urgency), EXCLUDED.lane) < array_position(\(unsafe: urgency), j.lane) THEN EXCLUDED.lane ELSE j.lane END
        """
    }

    /// The tenant's due jobs, most urgent first, the oldest first among equals, then by name. Its worker is alone (the lease says so): nothing is locked.
    public static func due(_ tenant: TenantID, limit: Int) -> SQL {
        """
        SELECT kind, subject, lane, generation, attempts FROM app.jobs
        WHERE tenant_id = \(tenant) AND due_at <= clock_timestamp()
        ORDER BY array_position(\(unsafe: urgency), lane), due_at, kind COLLATE "C", subject COLLATE "C" LIMIT \(limit)
        """
    }

    /// Ends a job unless it was asked for again meanwhile.
    public static func finish(_ tenant: TenantID, _ job: Job) -> SQL {
        """
        DELETE FROM app.jobs WHERE tenant_id = \(tenant) AND kind = \(job.kind.rawValue) AND subject = \(job.subject)
          AND generation = \(job.generation)
        """
    }

    /// Ends jobs, each unless it was asked for again meanwhile. Sent with the statement that asks for the next ones, it costs no commit of its own. In the order
    /// of their names, as they are asked for: two who lock them in different orders would wait for each other.
    public static func finish(_ tenant: TenantID, _ jobs: [Job]) -> SQL {
        let jobs = jobs.sorted { ($0.kind.rawValue, $0.subject) < ($1.kind.rawValue, $1.subject) }
        return """
        DELETE FROM app.jobs j USING unnest(\(jobs.map(\.kind.rawValue)), \(jobs.map(\.subject)), \(jobs.map(\.generation))) AS d(k, s, g)
        WHERE j.tenant_id = \(tenant) AND j.kind = d.k AND j.subject = d.s AND j.generation = d.g
        """
    }

    /// Puts a job off, with the fault that made it so; one that merely has more to do later has not failed, and counts its failures anew.
    public static func postpone(_ tenant: TenantID, _ job: Job, by delay: Duration, fault: [UInt8]?) -> SQL {
        """
        UPDATE app.jobs SET attempts = \(unsafe: fault == nil ? "0" : "attempts + 1"),
          due_at = clock_timestamp() + \(delay.wholeMilliseconds) * interval '1 millisecond', fault = \(fault.map { PostgresJSON($0) })
        WHERE tenant_id = \(tenant) AND kind = \(job.kind.rawValue) AND subject = \(job.subject) AND generation = \(job.generation)
        """
    }

    /// Puts off the due jobs that this program can't read: a newer one's, beside it while hosts are upgraded one after another, or before a step back.
    /// Left alone they would be due for ever, and enough of them hide all others. A newer program that asks for one brings it forward again.
    public static func postponeUnread(_ tenant: TenantID) -> SQL {
        """
        UPDATE app.jobs SET due_at = clock_timestamp() + interval '10 minutes'
        WHERE tenant_id = \(tenant) AND due_at <= clock_timestamp()
          AND (kind <> ALL (\(Job.Kind.allCases.map(\.rawValue))) OR lane <> ALL (\(Job.Lane.allCases.map(\.rawValue))))
        """
    }

    /// Milliseconds until the tenant's next job, NULL for none.
    public static func nextDue(_ tenant: TenantID) -> SQL {
        """
        SELECT (extract(epoch FROM min(due_at) - clock_timestamp()) * 1000)::bigint AS ms FROM app.jobs WHERE tenant_id = \(tenant)
        """
    }

    /// Tenants with due work and no live lease, the least served first (over its weight), oldest first among equals. `except`: those that the
    /// asker could not start now; without it, many of them would hide everybody behind them. Mostly little is due: then the tenants are those of all due rows, and
    /// what is put off costs nothing, however many tenants have some. Where more than `few` rows are due, the index is stepped through from tenant to tenant: what
    /// it costs grows with the tenants that have jobs, not with the jobs of one of them. Each is looked up by its key (LIMIT 1 keeps it so): a plan for
    /// the guess of a third of all tenants reads three tables to find one.
    public static func dueTenants(limit: Int, except: [TenantID] = [], few: Int = 200) -> SQL {
        """
        WITH RECURSIVE few AS MATERIALIZED (
          SELECT tenant_id, due_at FROM app.jobs WHERE due_at <= (SELECT clock_timestamp()) ORDER BY due_at LIMIT \(few + 1)
        ), d AS (
          (SELECT tenant_id, due_at AS due FROM app.jobs WHERE (SELECT count(*) FROM few) > \(few) ORDER BY tenant_id, due_at LIMIT 1)
          UNION ALL
          SELECT n.tenant_id, n.due_at FROM d CROSS JOIN LATERAL
            (SELECT j.tenant_id, j.due_at FROM app.jobs j WHERE j.tenant_id > d.tenant_id ORDER BY j.tenant_id, j.due_at LIMIT 1) n
        ), due AS (
          SELECT tenant_id, due FROM d WHERE due <= clock_timestamp()
          UNION ALL SELECT tenant_id, min(due_at) FROM few WHERE (SELECT count(*) FROM few) <= \(few) GROUP BY tenant_id
        )
        SELECT t.tenant_id, t.wrapped_private_key, max(t.served) OVER () AS most
        FROM due CROSS JOIN LATERAL (
          SELECT t.tenant_id, t.wrapped_private_key, coalesce(s.served_ms, 0) / t.weight AS served
          FROM app.tenants t LEFT JOIN app.tenant_shares s USING (tenant_id) LEFT JOIN app.leases l USING (tenant_id)
          WHERE t.tenant_id = due.tenant_id AND t.state = 'active' AND t.tenant_id <> ALL (\(except))
            AND (l.tenant_id IS NULL OR l.state = 'free' OR l.expires_at + interval '25 seconds' < clock_timestamp())
          LIMIT 1
        ) t
        ORDER BY t.served, due.due LIMIT \(limit)
        """
    }

    /// Those of these tenants that have something due, whoever works for them.
    public static func due(among tenants: [TenantID]) -> SQL {
        """
        SELECT t.id AS tenant_id FROM unnest(\(tenants)) AS t(id)
        WHERE EXISTS (SELECT FROM app.jobs j WHERE j.tenant_id = t.id AND j.due_at <= clock_timestamp())
        """
    }

    /// Milliseconds until anybody's next job; NULL for none.
    public static func nextDueOfAll() -> SQL {
        """
        SELECT (extract(epoch FROM min(j.due_at) - clock_timestamp()) * 1000)::bigint AS ms
        FROM app.jobs j JOIN app.tenants t USING (tenant_id) WHERE t.state = 'active'
        """
    }

    /// Asks for the sweeps that are due by their flows' interval; a flow with a schedule for them is swept by that alone.
    public static func askDueSweeps() -> SQL {
        """
        INSERT INTO app.jobs AS j (tenant_id, kind, subject, lane)
        SELECT f.tenant_id, 'sweep', c.id::text, 'poll'
        FROM app.flows f JOIN app.connections c ON c.tenant_id = f.tenant_id AND (c.id = f.source_id OR c.slug = f.policies->>'returns.from')
        JOIN app.tenants t ON t.tenant_id = f.tenant_id
        WHERE f.state = 'active' AND c.state = 'live' AND t.state = 'active'
          AND (c.swept_at IS NULL OR c.swept_at + f.poll_seconds * interval '1 second' <= clock_timestamp())
          AND NOT EXISTS (SELECT FROM app.schedules s WHERE s.tenant_id = f.tenant_id AND s.flow_id = f.id AND s.subject = 'pull'
            AND (s.state = 'paused' OR s.rule <> 'realtime'))
        GROUP BY f.tenant_id, c.id
        ON CONFLICT (tenant_id, kind, subject) DO NOTHING
        """
    }

    /// Asks for what changed in the ledgers that are to be asked by now.
    public static func askDueChanges() -> SQL {
        """
        INSERT INTO app.jobs AS j (tenant_id, kind, subject, lane)
        SELECT f.tenant_id, 'changes', c.id::text, 'poll'
        FROM app.flows f JOIN app.connections c ON c.tenant_id = f.tenant_id AND c.id = f.ledger_id
        JOIN app.tenants t ON t.tenant_id = f.tenant_id
        WHERE f.state = 'active' AND c.state = 'live' AND t.state = 'active' AND (c.changes_due_at IS NULL OR c.changes_due_at <= clock_timestamp())
        GROUP BY f.tenant_id, c.id
        ON CONFLICT (tenant_id, kind, subject) DO NOTHING
        """
    }

    /// Asks for whatever rows are due for without anybody having asked: the backstop for a wake-up that was lost. A job that only waits for a
    /// later row comes forward; one that failed keeps its pause.
    public static func askForgotten() -> SQL {
        """
        INSERT INTO app.jobs AS j (tenant_id, kind, subject, lane)
        SELECT x.tenant_id, x.kind, x.subject, 'poll' FROM (
          SELECT f.tenant_id, 'post' AS kind, f.id::text AS subject FROM app.flows f
          JOIN app.connections c ON c.tenant_id = f.tenant_id AND c.id = f.ledger_id
          WHERE f.state = 'active' AND c.state = 'live' AND EXISTS (SELECT FROM app.postings p WHERE p.tenant_id = f.tenant_id AND p.flow_id = f.id
            AND p.next_attempt_at <= clock_timestamp() AND (p.state IN ('posting', 'unknown') OR (p.state = 'cleared' AND \(unsafe: PostingStatements.free))))
          UNION ALL SELECT f.tenant_id, 'confirm', f.id::text FROM app.flows f
          JOIN app.connections c ON c.tenant_id = f.tenant_id AND c.id = f.ledger_id
          WHERE c.state = 'live' AND (EXISTS (SELECT FROM app.postings p WHERE p.tenant_id = f.tenant_id AND p.flow_id = f.id AND p.state = 'posted'
            AND p.next_attempt_at <= clock_timestamp()) OR EXISTS (SELECT FROM app.postings p WHERE p.tenant_id = f.tenant_id AND p.flow_id = f.id
            AND p.recheck_at <= clock_timestamp() AND p.state IN (\(unsafe: ChangeStatements.lookable))))
          UNION ALL SELECT f.tenant_id, 'attach', f.id::text FROM app.flows f
          JOIN app.connections c ON c.tenant_id = f.tenant_id AND c.id = f.ledger_id
          WHERE f.state = 'active' AND c.state = 'live' AND EXISTS (SELECT FROM app.attachments a WHERE a.tenant_id = f.tenant_id AND a.flow_id = f.id
            AND a.state IN ('due', 'sent') AND a.next_attempt_at <= clock_timestamp())
          UNION ALL SELECT f.tenant_id, 'reflect', f.id::text FROM app.flows f
          WHERE f.state = 'active' AND f.policies->>'reflect' = 'on' AND EXISTS (SELECT FROM app.reflections r JOIN app.connections c ON c.tenant_id = r.tenant_id AND c.id = r.connection_id
            WHERE r.tenant_id = f.tenant_id AND r.flow_id = f.id AND r.state IN ('due', 'sent') AND r.next_attempt_at <= clock_timestamp()
            AND (c.state = 'live' OR (c.state = 'new' AND c.credential IS NULL AND c.identity IS NOT NULL)))
          UNION ALL SELECT DISTINCT n.tenant_id, 'changes', n.connection_id::text FROM app.ledger_notices n
          JOIN app.connections c ON c.tenant_id = n.tenant_id AND c.id = n.connection_id WHERE c.state = 'live'
          UNION ALL SELECT f.tenant_id, 'map', f.id::text FROM app.flows f
          WHERE f.state = 'active' AND (EXISTS (SELECT FROM app.cases c WHERE c.tenant_id = f.tenant_id AND c.flow_id = f.id AND c.dirty)
            OR EXISTS (SELECT FROM app.postings p WHERE p.tenant_id = f.tenant_id AND p.flow_id = f.id AND p.state = 'mapped'))
          UNION ALL SELECT DISTINCT f.tenant_id, 'normalize', c.id::text FROM app.flows f
          JOIN app.connections c ON c.tenant_id = f.tenant_id AND (c.id = f.source_id OR c.slug = f.policies->>'returns.from')
          WHERE EXISTS (SELECT FROM app.events e WHERE e.tenant_id = f.tenant_id AND e.connection_id = c.id AND e.state = 'ingested')
          UNION ALL SELECT c.tenant_id, 'identify', c.id::text FROM app.connections c WHERE c.credential IS NOT NULL
            AND (c.state = 'new' OR (c.state = 'live' AND c.given > 0 AND c.identified IS DISTINCT FROM c.given))
          UNION ALL SELECT s.tenant_id, 'consent', s.id::text FROM app.consents s WHERE s.state IN ('received', 'sent', 'granted')
        ) x JOIN app.tenants t ON t.tenant_id = x.tenant_id WHERE t.state = 'active' ORDER BY 1, 2, 3
        ON CONFLICT (tenant_id, kind, subject) DO UPDATE SET due_at = clock_timestamp()
          WHERE j.due_at > clock_timestamp() AND j.fault IS NULL
        """
    }

    /// Tells the scheduler that something is due. The payload stays empty: every listener of the database hears it.
    public static func wake() -> SQL { "NOTIFY counterfoil_work" }
}

extension Store {
    /// Ends these jobs and gives the next ones: one round trip, one commit.
    public func nextJobs(_ tenant: TenantID, finished: [Job], limit: Int) async throws(Fault) -> [Job] {
        if finished.isEmpty { return try await dueJobs(tenant, limit: limit) }
        return try await jobs(tenant, try await pool.batch([JobStatements.finish(tenant, finished), JobStatements.due(tenant, limit: limit)])[1], limit: limit)
    }

    /// The jobs in the rows; where some can't be read, these are put off and the question is put once more: they may have kept others out. A deadlock there is left
    /// for the next look: what was ended before it is committed, and to have all of it said again could end what was asked for anew since.
    private func jobs(_ tenant: TenantID, _ rows: PostgresRows, limit: Int) async throws(Fault) -> [Job] {
        let jobs = try Store.jobs(rows)
        guard jobs.count < rows.count else { return jobs }
        do throws(Fault) {
            return try Store.jobs(try await pool.batch([JobStatements.postponeUnread(tenant), JobStatements.due(tenant, limit: limit)])[1])
        } catch {
            guard error.code == "serialization" else { throw error }
            return jobs
        }
    }

    /// Those of a kind and a lane that this program knows.
    private static func jobs(_ rows: PostgresRows) throws(Fault) -> [Job] {
        var jobs: [Job] = []
        jobs.reserveCapacity(rows.count)
        for row in rows {
            guard let kind = Job.Kind(rawValue: try row.get("kind")), let lane = Job.Lane(rawValue: try row.get("lane")) else { continue }
            jobs.append(Job(kind, try row.get("subject"), lane: lane, generation: try row.get("generation"), attempts: Int(try row.get("attempts", as: Int32.self))))
        }
        return jobs
    }

    public func ask(_ tenant: TenantID, _ jobs: [Job], after: Duration = .zero) async throws(Fault) {
        guard !jobs.isEmpty else { return }
        _ = try await pool.query(JobStatements.ask(tenant, jobs, after: after))
    }

    public func dueJobs(_ tenant: TenantID, limit: Int) async throws(Fault) -> [Job] {
        try await jobs(tenant, try await pool.query(JobStatements.due(tenant, limit: limit)), limit: limit)
    }

    public func finish(_ tenant: TenantID, _ job: Job) async throws(Fault) { _ = try await pool.query(JobStatements.finish(tenant, job)) }

    public func finish(_ tenant: TenantID, _ jobs: [Job]) async throws(Fault) {
        guard !jobs.isEmpty else { return }
        _ = try await pool.query(JobStatements.finish(tenant, jobs))
    }

    /// Puts the job off and ends the others: one commit.
    public func postpone(_ tenant: TenantID, _ job: Job, by delay: Duration, fault: [UInt8]?, finished: [Job] = []) async throws(Fault) {
        let ends = finished.isEmpty ? [] : [JobStatements.finish(tenant, finished)]
        _ = try await pool.batch(ends + [JobStatements.postpone(tenant, job, by: delay, fault: fault)])
    }

    /// Those of these tenants that have something due.
    public func due(among tenants: [TenantID]) async throws(Fault) -> [TenantID] {
        guard !tenants.isEmpty else { return [] }
        var out: [TenantID] = []
        for row in try await pool.query(JobStatements.due(among: tenants)) { out.append(try row.get("tenant_id")) }
        return out
    }

    /// `nil`: nothing is asked for.
    public func nextDue(_ tenant: TenantID) async throws(Fault) -> Duration? {
        let ms: Int64? = try await pool.query(JobStatements.nextDue(tenant)).first?.get("ms")
        return ms.map { .milliseconds(max(0, $0)) }
    }
}
