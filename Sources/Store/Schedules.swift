public import Books
public import Kernel
public import Postgres

/// When a flow does one of the things it does by the clock.
public struct ScheduleRow: Sendable {
    public var tenant: TenantID
    public var flow: FlowID
    /// `pull`, `post`, or a form of postings.
    public var subject: String
    /// As it was written.
    public var rule: String
    public var zone: String
    /// `active` or `paused`.
    public var state: String
    /// `false`: it is there for its pause alone.
    public var isStated: Bool
    /// `nil` while it is paused, and for what is done as it comes.
    public var nextRun: Timestamp?
    /// `nil` before the first run.
    public var lastRun: Timestamp?

    /// - Throws: `invalid_schedule`, `unknown_time_zone` where this machine knows the zone no more.
    public func schedule() throws(Fault) -> Schedule { try Schedule(rule, zone: try Zone.named(zone)) }
}

extension ScheduleRow {
    fileprivate init(_ row: PostgresRow) throws(Fault) {
        self.init(
            tenant: try row.get("tenant_id"), flow: try row.get("flow_id"), subject: try row.get("subject"), rule: try row.get("rule"),
            zone: try row.get("time_zone"), state: try row.get("state"), isStated: try row.get("stated"), nextRun: try row.get("next_run_at"),
            lastRun: try row.get("last_run_at"))
    }
}

public enum ScheduleStatements {
    private static let columns = "s.tenant_id, s.flow_id, s.subject, s.rule, s.time_zone, s.state, s.stated, s.next_run_at, s.last_run_at"

    /// Of the flow `f`: cleared postings that no schedule holds back. What is let through, and then form by form those that go as they come: a form that
    /// waits for its run costs nothing, however much waits.
    static let going = """
        SELECT x.* FROM app.postings x WHERE x.tenant_id = f.tenant_id AND x.flow_id = f.id AND x.state = 'cleared' AND x.let_through
        UNION ALL
        SELECT y.* FROM unnest(\(forms)) AS g(form) CROSS JOIN LATERAL (
          SELECT * FROM app.postings x WHERE x.tenant_id = f.tenant_id AND x.flow_id = f.id AND x.state = 'cleared' AND NOT x.let_through AND x.form = g.form
          OFFSET 0) y
        WHERE coalesce((SELECT s.rule = 'realtime' AND s.state = 'active' FROM app.schedules s
          WHERE s.tenant_id = f.tenant_id AND s.flow_id = f.id AND s.subject IN (g.form, 'post') ORDER BY s.subject = 'post' LIMIT 1), true)
        """

    private static let forms = "ARRAY[" + PostingForm.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ") + "]"

    /// The schedules `s` that may count for the posting `p`, the one that does first: its form's own, else the flow's.
    private static let governing = """
        FROM app.schedules s WHERE s.tenant_id = p.tenant_id AND s.flow_id = p.flow_id AND s.subject IN (p.form, 'post') ORDER BY s.subject = 'post' LIMIT 1
        """

    /// A cleared posting `p` need not wait for a run: its flow sends it as it comes, or a run has let it through. What was let through goes on to the
    /// end, whatever happens to the schedule, and however often it is checked again.
    static let letThrough = """
        (p.let_through OR coalesce((SELECT s.rule = 'realtime' AND s.state = 'active' \(governing)), true))
        """

    /// Postings `p` that wait for the schedule's next run. One that has been cleared and is being checked again waits too.
    private static func held(by row: ScheduleRow) -> SQL {
        """
        p.tenant_id = \(row.tenant) AND p.flow_id = \(row.flow) AND (p.state = 'cleared' OR (p.state = 'mapped' AND p.cleared_at IS NOT NULL))
          AND NOT p.let_through AND p.form = ANY (ARRAY(SELECT g.form FROM unnest(\(unsafe: forms)) AS g(form) WHERE (
            SELECT s.subject FROM app.schedules s WHERE s.tenant_id = \(row.tenant) AND s.flow_id = \(row.flow) AND s.subject IN (g.form, 'post')
            ORDER BY s.subject = 'post' LIMIT 1) = \(row.subject)))
        """
    }

    /// What is to run by now, one after the other, those of one scheduler each: what another has in hand is passed over, and so are the first `skipping`.
    public static func due(limit: Int, skipping: Int = 0) -> SQL {
        """
        SELECT \(unsafe: columns) FROM app.schedules s JOIN app.flows f ON f.tenant_id = s.tenant_id AND f.id = s.flow_id
        JOIN app.tenants t ON t.tenant_id = s.tenant_id
        WHERE s.next_run_at <= clock_timestamp() AND f.state = 'active' AND t.state = 'active'
        ORDER BY s.next_run_at, s.tenant_id, s.flow_id, s.subject LIMIT \(limit) OFFSET \(skipping) FOR UPDATE OF s SKIP LOCKED
        """
    }

    public static func ofFlow(_ tenant: TenantID, _ flow: FlowID) -> SQL {
        """
        SELECT \(unsafe: columns) FROM app.schedules s WHERE s.tenant_id = \(tenant) AND s.flow_id = \(flow)
        ORDER BY array_position(ARRAY['pull', 'post'], s.subject), s.subject COLLATE "C"
        """
    }

    /// The database's clock: the one by which rows are due.
    public static func clock() -> SQL { "SELECT clock_timestamp() AS now" }

    /// One change of a flow's schedules at a time. Not the tenant's row: what runs meanwhile asks for jobs, and would wait for that.
    public static func lockFlow(_ tenant: TenantID, _ flow: FlowID) -> SQL {
        "SELECT 1 AS one FROM app.flows WHERE tenant_id = \(tenant) AND id = \(flow) FOR NO KEY UPDATE"
    }

    /// The order in which everybody takes them: a flow, its schedules, its postings by their keys, jobs.
    public static func lockRows(_ tenant: TenantID, _ flow: FlowID) -> SQL {
        "SELECT subject FROM app.schedules WHERE tenant_id = \(tenant) AND flow_id = \(flow) ORDER BY subject FOR UPDATE"
    }

    /// A new rule, or the same again. What is paused stays so.
    public static func put(_ tenant: TenantID, _ flow: FlowID, subject: String, rule: String, zone: String, next: Timestamp?) -> SQL {
        """
        INSERT INTO app.schedules AS s (tenant_id, flow_id, subject, rule, time_zone, next_run_at)
        VALUES (\(tenant), \(flow), \(subject), \(rule), \(zone), \(next))
        ON CONFLICT (tenant_id, flow_id, subject) DO UPDATE SET rule = EXCLUDED.rule, time_zone = EXCLUDED.time_zone, stated = true, updated_at = clock_timestamp(),
          fault = NULL, unusable_since = NULL,
          next_run_at = CASE WHEN s.state = 'active' THEN EXCLUDED.next_run_at END
        """
    }

    /// Those that are not stated any more: what they are about is done as it comes again, or as the flow's `post` says. What is paused stays so.
    public static func dropExcept(_ tenant: TenantID, _ flow: FlowID, subjects: [String]) -> SQL {
        """
        WITH kept AS (
          UPDATE app.schedules SET stated = false, rule = 'realtime', updated_at = clock_timestamp()
          WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND subject <> ALL (\(subjects)) AND state = 'paused'
        )
        DELETE FROM app.schedules WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND subject <> ALL (\(subjects)) AND state = 'active'
        """
    }

    /// Nothing is done any more before it is resumed, whether it has a schedule or not.
    public static func pause(_ tenant: TenantID, _ flow: FlowID, subject: String, zone: String) -> SQL {
        """
        INSERT INTO app.schedules AS s (tenant_id, flow_id, subject, rule, time_zone, state, stated, paused_at)
        VALUES (\(tenant), \(flow), \(subject), 'realtime', \(zone), 'paused', false, clock_timestamp())
        ON CONFLICT (tenant_id, flow_id, subject) DO UPDATE SET state = 'paused', next_run_at = NULL, updated_at = clock_timestamp(), fault = NULL,
          unusable_since = NULL, paused_at = CASE WHEN s.state = 'paused' THEN s.paused_at ELSE EXCLUDED.paused_at END
        """
    }

    public static func resume(_ row: ScheduleRow, next: Timestamp?) -> SQL {
        """
        UPDATE app.schedules SET state = 'active', next_run_at = \(next), updated_at = clock_timestamp(), paused_at = NULL, fault = NULL, unusable_since = NULL
        WHERE tenant_id = \(row.tenant) AND flow_id = \(row.flow) AND subject = \(row.subject)
        """
    }

    public static func drop(_ row: ScheduleRow) -> SQL {
        "DELETE FROM app.schedules WHERE tenant_id = \(row.tenant) AND flow_id = \(row.flow) AND subject = \(row.subject)"
    }

    /// It has run just now. `next`: by the clock, `nil` where that stays as it is.
    public static func ran(_ row: ScheduleRow, next: Timestamp?) -> SQL {
        """
        UPDATE app.schedules SET last_run_at = clock_timestamp(), next_run_at = coalesce(\(next), next_run_at), updated_at = clock_timestamp(),
          fault = CASE WHEN \(next)::timestamptz IS NULL THEN fault END, unusable_since = CASE WHEN \(next)::timestamptz IS NULL THEN unusable_since END
        WHERE tenant_id = \(row.tenant) AND flow_id = \(row.flow) AND subject = \(row.subject)
        """
    }

    /// It can't run as it stands: it is looked at again later.
    public static func putOff(_ row: ScheduleRow, by delay: Duration, fault: Fault) -> SQL {
        """
        UPDATE app.schedules SET next_run_at = clock_timestamp() + \(delay.wholeMilliseconds) * interval '1 millisecond', fault = jsonb_build_object('summary', \(fault.summary)::text, 'remedy', \(fault.remedy)::text),
          unusable_since = coalesce(unusable_since, clock_timestamp())
        WHERE tenant_id = \(row.tenant) AND flow_id = \(row.flow) AND subject = \(row.subject)
        """
    }

    /// What keeps schedules from doing what they are for: rules that can't be used, and pauses of over a week for which something waits. What a paused source
    /// has to tell nobody knows without asking. Columns are those of `AlertFact`.
    static func troubles() -> SQL {
        """
        SELECT h.tenant_id, 'schedule/' || h.flow_id || '/' || h.subject AS key, f.slug AS place, CASE WHEN h.fault IS NULL THEN 'paused' ELSE 'unusable' END AS code,
          coalesce(h.fault->>'summary', '') AS words, coalesce(h.fault->>'remedy', '') AS remedy, greatest(w.waiting, 1) AS items, 1::bigint AS kinds,
          coalesce(h.unusable_since, h.paused_at) AS since
        FROM app.schedules h JOIN app.flows f ON f.tenant_id = h.tenant_id AND f.id = h.flow_id JOIN app.tenants t ON t.tenant_id = h.tenant_id
        CROSS JOIN LATERAL (SELECT count(*) AS waiting FROM app.postings p WHERE p.tenant_id = h.tenant_id AND p.flow_id = h.flow_id
          AND (p.state = 'cleared' OR (p.state = 'mapped' AND p.cleared_at IS NOT NULL)) AND NOT p.let_through
          AND (SELECT s.subject \(unsafe: governing)) = h.subject) w
        WHERE t.state = 'active' AND f.state = 'active' AND (h.fault IS NOT NULL OR (h.state = 'paused' AND h.paused_at < clock_timestamp() - interval '7 days'
          AND (h.subject = 'pull' OR w.waiting > 0)))
        """
    }

    /// How many postings wait for the schedule's next run: `waiting`.
    public static func waiting(_ row: ScheduleRow) -> SQL { "SELECT count(*) AS waiting FROM app.postings p WHERE \(held(by: row))" }

    /// Lets through what waits for the schedule. It is due from now on: it was not late before.
    public static func letGo(_ row: ScheduleRow) -> SQL {
        """
        UPDATE app.postings q SET let_through = true, next_attempt_at = greatest(q.next_attempt_at, clock_timestamp())
        FROM (SELECT p.post_key FROM app.postings p WHERE \(held(by: row)) ORDER BY p.post_key FOR UPDATE) x
        WHERE q.tenant_id = \(row.tenant) AND q.post_key = x.post_key
        """
    }

    /// All that the flow's schedules hold back is due from now on; before they are changed.
    public static func dueNow(_ tenant: TenantID, _ flow: FlowID) -> SQL {
        """
        UPDATE app.postings q SET next_attempt_at = greatest(q.next_attempt_at, clock_timestamp()) WHERE q.tenant_id = \(tenant) AND q.post_key IN (
          SELECT p.post_key FROM app.postings p WHERE p.tenant_id = \(tenant) AND p.flow_id = \(flow) AND p.state = 'cleared' AND NOT \(unsafe: letThrough)
          FOR UPDATE OF p SKIP LOCKED)
        """
    }

    /// Asks the flow's sources for what is new: its own, and the one whose returns belong to it.
    public static func askSources(_ tenant: TenantID, _ flow: FlowID, lane: Job.Lane) -> SQL {
        """
        INSERT INTO app.jobs AS j (tenant_id, kind, subject, lane)
        SELECT DISTINCT f.tenant_id, 'sweep', c.id::text, \(lane.rawValue)
        FROM app.flows f JOIN app.connections c ON c.tenant_id = f.tenant_id AND (c.id = f.source_id OR c.slug = f.policies->>'returns.from')
        WHERE f.tenant_id = \(tenant) AND f.id = \(flow) AND c.state = 'live'
        ON CONFLICT (tenant_id, kind, subject) DO UPDATE SET generation = j.generation + 1, due_at = least(j.due_at, EXCLUDED.due_at)
        """
    }
}

extension Store {
    private static let runsMost = 200
    private static let unusableLater = Duration.seconds(3600)

    public func schedules(_ tenant: TenantID, _ flow: FlowID) async throws(Fault) -> [ScheduleRow] {
        try (try await pool.query(ScheduleStatements.ofFlow(tenant, flow))).schedules()
    }

    /// How many cleared postings each schedule of the flow holds back, by its subject.
    public func waiting(_ rows: [ScheduleRow]) async throws(Fault) -> [String: Int] {
        var out: [String: Int] = [:]
        for row in rows where row.subject != Schedule.pull {
            out[row.subject] = Int(try await pool.query(ScheduleStatements.waiting(row)).first?.get("waiting", as: Int64.self) ?? 0)
        }
        return out
    }

    public func databaseNow() async throws(Fault) -> Timestamp { try await pool.query(ScheduleStatements.clock()).now() }

    /// Runs the schedules that are due, each once however long it has been due and in a transaction of its own, and fixes their next runs; how many ran.
    /// - Throws: the fault of the first one that can't run: its rule is one that this machine can't read, or the database refused; the others have run.
    @discardableResult
    public func runDueSchedules() async throws(Fault) -> Int {
        var ran = 0, failed = 0, first: Fault?
        while ran + failed < Store.runsMost {
            do throws(Fault) {
                let (isDue, unusable) = try await runDueSchedule(skipping: failed)
                guard isDue else { break }
                first = first ?? unusable
                if unusable == nil { ran += 1 }
            } catch {
                first = first ?? error
                failed += 1
            }
        }
        if let first { throw first }
        return ran
    }

    private func runDueSchedule(skipping: Int) async throws(Fault) -> (isDue: Bool, unusable: Fault?) {
        try await transaction { tx throws(Fault) -> (Bool, Fault?) in
            guard let row = try (try await tx.query(ScheduleStatements.due(limit: 1, skipping: skipping))).schedules().first else { return (false, nil) }
            let now = try await tx.query(ScheduleStatements.clock()).now()
            let next: Timestamp?
            do throws(Fault) { next = try row.schedule().next(after: now) } catch {
                _ = try await tx.query(ScheduleStatements.putOff(row, by: Store.unusableLater, fault: error))
                return (true, error)
            }
            try await tx.run(row, next: next, lane: .poll, actor: "scheduler")
            _ = try await tx.query(JobStatements.wake())
            return (true, nil)
        }
    }
}

extension PostgresTransaction {
    public func databaseNow() async throws(Fault) -> Timestamp { try await query(ScheduleStatements.clock()).now() }

    public func schedules(_ tenant: TenantID, _ flow: FlowID) async throws(Fault) -> [ScheduleRow] {
        try (try await query(ScheduleStatements.ofFlow(tenant, flow))).schedules()
    }

    /// A flow and its schedules, before they are changed.
    public func lockSchedules(_ tenant: TenantID, _ flow: FlowID) async throws(Fault) {
        _ = try await query(ScheduleStatements.lockFlow(tenant, flow))
        _ = try await query(ScheduleStatements.lockRows(tenant, flow))
    }

    /// Lets through what is cleared by now, or asks the source. `next` where the clock asked for it. A run that finds nothing to let through leaves no
    /// audit row, unless a person asked for it.
    public func run(_ row: ScheduleRow, next: Timestamp?, lane: Job.Lane, actor: String) async throws(Fault) {
        let isPull = row.subject == Schedule.pull
        let waiting = isPull ? 0 : try await query(ScheduleStatements.letGo(row)).affected
        _ = try await query(ScheduleStatements.ran(row, next: next))
        if isPull {
            _ = try await query(ScheduleStatements.askSources(row.tenant, row.flow, lane: lane))
        } else if waiting > 0 || next == nil {
            _ = try await query(JobStatements.ask(row.tenant, [Job(.post, row.flow.description, lane: lane)]))
        }
        guard waiting > 0 || next == nil else { return }
        let detail = #"{"schedule": "\#(row.subject)", "let_through": \#(waiting)}"#
        try await audit(row.tenant, [AuditEntry(actor: actor, action: "schedule.ran", subject: "flow \(row.flow)", detail: Array(detail.utf8))])
    }
}

extension PostgresRows {
    fileprivate func schedules() throws(Fault) -> [ScheduleRow] {
        var out: [ScheduleRow] = []
        for row in self { out.append(try ScheduleRow(row)) }
        return out
    }

    fileprivate func now() throws(Fault) -> Timestamp {
        guard let now: Timestamp = try first?.get("now") else {
            throw Fault("no_clock", stage: .database, disposition: .bug, summary: "the database gave no time")
        }
        return now
    }
}
