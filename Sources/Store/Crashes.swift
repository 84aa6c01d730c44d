public import Kernel
public import Postgres

/// The rows that a job has in hand: how many it may take at once, and who hears which they are before they are looked at. Set for the length of a job by
/// whoever runs it, so that a crash names what it was about.
public struct Batches: Sendable {
    /// Rows at once; `nil`: as many as the step takes.
    public var most: Int?
    /// Hears `event 12`, `case O-1`, `posting 0123456789abcdef`, `reflection 0123456789abcdef 2`, `attachment 0123456789abcdef 1` of a batch that begins.
    public var begin: @Sendable ([String]) -> Void

    public init(most: Int? = nil, begin: @escaping @Sendable ([String]) -> Void = { _ in }) {
        self.most = most
        self.begin = begin
    }

    @TaskLocal public static var current = Batches()

    public func limit(_ usual: Int) -> Int { most.map { max(1, min(usual, $0)) } ?? usual }

    /// The job takes these in hand; none is no batch.
    func takes(_ rows: [String]) { if !rows.isEmpty { begin(rows) } }
}

/// A job by name, whatever its generation.
public struct JobName: Sendable, Hashable, CustomStringConvertible {
    public var kind: Job.Kind
    public var subject: String

    public init(_ kind: Job.Kind, _ subject: String) {
        self.kind = kind
        self.subject = subject
    }

    public var description: String { "\(kind.rawValue) \(subject)" }
}

/// What is held against a job in whose midst workers crashed.
public struct Suspicion: Sendable, Hashable {
    /// In a row.
    public var crashes: Int
    /// Rows it may take at once; `nil`: as many as ever.
    public var batch: Int?
    /// How much longer it is left alone; `nil` when it may be tried.
    public var quarantined: Duration?
    /// Rows that were alone in hand at one of them.
    public var items: [String]

    public init(crashes: Int = 0, batch: Int? = nil, quarantined: Duration? = nil, items: [String] = []) {
        self.crashes = crashes
        self.batch = batch
        self.quarantined = quarantined
        self.items = items
    }
}

/// What is done about one crash.
public struct CrashSettlement: Sendable {
    public var suspicion: Suspicion
    /// The row that alone was in hand, to be held.
    public var hold: String?
    /// The job is not due before.
    public var putOff: Duration
    /// JSON object: kept beside what is held and what is put off.
    public var fault: [UInt8]
    public var alert: AlertRow?

    public init(suspicion: Suspicion, hold: String? = nil, putOff: Duration, fault: [UInt8], alert: AlertRow? = nil) {
        self.suspicion = suspicion
        self.hold = hold
        self.putOff = putOff
        self.fault = fault
        self.alert = alert
    }
}

enum CrashStatements {
    static func suspicions(_ tenant: TenantID) -> SQL {
        """
        SELECT kind, subject, crashes, batch, items, (extract(epoch FROM quarantined_until - clock_timestamp()) * 1000)::bigint AS quarantined_ms
        FROM app.crashes WHERE tenant_id = \(tenant)
        """
    }

    static func suspicion(_ tenant: TenantID, _ job: JobName) -> SQL {
        "\(suspicions(tenant)) AND kind = \(job.kind.rawValue) AND subject = \(job.subject) FOR UPDATE"
    }

    static func save(_ tenant: TenantID, _ job: JobName, _ suspicion: Suspicion) -> SQL {
        """
        INSERT INTO app.crashes AS c (tenant_id, kind, subject, crashes, batch, items, quarantined_until)
        VALUES (\(tenant), \(job.kind.rawValue), \(job.subject), \(Int32(suspicion.crashes)), \(suspicion.batch.map { Int32($0) }), \(suspicion.items),
          clock_timestamp() + \(suspicion.quarantined?.wholeMilliseconds) * interval '1 millisecond')
        ON CONFLICT (tenant_id, kind, subject) DO UPDATE SET crashes = EXCLUDED.crashes, batch = EXCLUDED.batch, items = EXCLUDED.items,
          quarantined_until = EXCLUDED.quarantined_until, last_at = clock_timestamp(),
          first_at = CASE WHEN c.crashes = 0 OR c.quarantined_until IS NOT NULL THEN clock_timestamp() ELSE c.first_at END
        """
    }

    static func clear(_ tenant: TenantID, _ job: JobName) -> SQL {
        "DELETE FROM app.crashes WHERE tenant_id = \(tenant) AND kind = \(job.kind.rawValue) AND subject = \(job.subject)"
    }

    /// The job came to an end. Of one that names rows that says nothing within ten minutes of its crash, unless what was at fault is held: the row that did it may only
    /// have been put off. Nor does a fault say anything of a job without rows.
    static func acquit(_ tenant: TenantID, _ job: JobName, well: Bool) -> SQL {
        """
        \(clear(tenant, job)) AND (last_at < clock_timestamp() - interval '10 minutes' OR (\(well) AND (crashes = 0 OR batch IS NULL)))
        """
    }

    /// Whatever its generation: asked for again meanwhile, it would kill the next worker as well.
    static func putOff(_ tenant: TenantID, _ job: JobName, by delay: Duration, fault: [UInt8]) -> SQL {
        """
        UPDATE app.jobs SET attempts = attempts + 1, fault = \(PostgresJSON(fault)),
          due_at = clock_timestamp() + \(delay.wholeMilliseconds) * interval '1 millisecond'
        WHERE tenant_id = \(tenant) AND kind = \(job.kind.rawValue) AND subject = \(job.subject)
        """
    }

    /// Not due before, unless it was asked for again meanwhile; its fault stays.
    static func rest(_ tenant: TenantID, _ job: Job, by delay: Duration) -> SQL {
        """
        UPDATE app.jobs SET due_at = clock_timestamp() + \(delay.wholeMilliseconds) * interval '1 millisecond'
        WHERE tenant_id = \(tenant) AND kind = \(job.kind.rawValue) AND subject = \(job.subject) AND generation = \(job.generation)
        """
    }

    static func dueNow(_ tenant: TenantID, _ job: JobName) -> SQL {
        """
        UPDATE app.jobs SET due_at = clock_timestamp() WHERE tenant_id = \(tenant) AND kind = \(job.kind.rawValue) AND subject = \(job.subject)
        """
    }

    /// A case that is not planned before one of its documents changes or somebody asks for it.
    static func holdCase(_ tenant: TenantID, _ flow: FlowID, _ id: String, fault: [UInt8]) -> SQL {
        """
        UPDATE app.cases SET dirty = false, fault = \(PostgresJSON(fault)) WHERE tenant_id = \(tenant) AND flow_id = \(flow) AND case_id = \(id) AND dirty
        """
    }

    /// Only what has nothing under way: of a send that may have been received the outcome is to be found first.
    static func holdPosting(_ tenant: TenantID, _ key: String, fault: [UInt8], finding: [UInt8]) -> SQL {
        """
        UPDATE app.postings SET state = 'held', findings = jsonb_build_array(\(PostgresJSON(finding))), fault = \(PostgresJSON(fault)),
          updated_at = clock_timestamp()
        WHERE tenant_id = \(tenant) AND post_key = \(key) AND state IN ('cleared', 'mapped')
        """
    }

    /// What a source is not told before a person says so. Its document stays as it is.
    static func refuseReflection(_ tenant: TenantID, _ key: String, _ number: Int32, fault: [UInt8]) -> SQL {
        """
        UPDATE app.reflections SET state = 'refused', fault = \(PostgresJSON(fault)), settled_at = clock_timestamp()
        WHERE tenant_id = \(tenant) AND post_key = \(key) AND number = \(number) AND state IN ('due', 'sent')
        """
    }

    /// A file that does not stand beside its document, which stays as it is.
    static func refuseAttachment(_ tenant: TenantID, _ key: String, _ revision: Int32, fault: [UInt8]) -> SQL {
        """
        UPDATE app.attachments SET state = 'refused', fault = \(PostgresJSON(fault)), settled_at = clock_timestamp()
        WHERE tenant_id = \(tenant) AND post_key = \(key) AND revision = \(revision) AND state IN ('due', 'sent')
        """
    }
}

extension Store {
    /// The jobs of a tenant in whose midst workers crashed; usually none.
    public func suspicions(_ tenant: TenantID) async throws(Fault) -> [JobName: Suspicion] {
        var out: [JobName: Suspicion] = [:]
        for row in try await pool.query(CrashStatements.suspicions(tenant)) {
            guard let kind = Job.Kind(rawValue: try row.get("kind")) else { continue }
            out[JobName(kind, try row.get("subject"))] = try Suspicion(row)
        }
        return out
    }

    /// Leaves a job in quarantine alone that somebody asked for.
    public func rest(_ tenant: TenantID, _ job: Job, by delay: Duration) async throws(Fault) {
        _ = try await pool.query(CrashStatements.rest(tenant, job, by: delay))
    }

    /// The job came to an end: nothing is held against it any more, and its alert is over, once that says anything of what crashed it.
    /// - Parameter well: without a fault.
    public func acquit(_ tenant: TenantID, _ job: JobName, well: Bool) async throws(Fault) {
        try await transaction { tx throws(Fault) in
            guard try await tx.query(CrashStatements.acquit(tenant, job, well: well)).affected > 0 else { return }
            _ = try await tx.query(AlertStatements.resolve(tenant, keys: ["quarantined/\(job)"]))
            try await tx.audit(tenant, [AuditEntry(actor: "worker", action: "job.acquitted", subject: "job \(job)")])
        }
    }

    /// A person has the job tried again at once, as if nothing had happened.
    /// - Returns: whether anything was held against it.
    public func release(_ tenant: TenantID, _ job: JobName, actor: String) async throws(Fault) -> Bool {
        try await transaction { tx throws(Fault) in try await tx.release(tenant, job, actor: actor) }
    }

    /// Commits what follows from a crash in the midst of a job. `judge` gets what is held against the job so far, and whether the row that alone was
    /// in hand could be held; it is asked a second time when it wanted a row held that can't be.
    public func settleCrash(
        _ tenant: TenantID, _ job: JobName, judge: @Sendable @escaping (Suspicion, _ canHold: Bool) -> CrashSettlement
    ) async throws(Fault) -> CrashSettlement {
        try await transaction { tx throws(Fault) in
            let row = try await tx.query(CrashStatements.suspicion(tenant, job)).first
            let before = try row.map { row throws(Fault) in try Suspicion(row) } ?? Suspicion()
            var settled = judge(before, true)
            var entries = [AuditEntry(actor: "scheduler", action: "job.crashed", subject: "job \(job)", detail: settled.fault)]
            if let item = settled.hold {
                if let action = try await tx.hold(tenant, job, item, fault: settled.fault) {
                    entries.append(AuditEntry(actor: "scheduler", action: action, subject: item, detail: settled.fault))
                } else {
                    settled = judge(before, false)
                }
            }
            if settled.suspicion.quarantined != nil {
                entries.append(AuditEntry(actor: "scheduler", action: "job.quarantined", subject: "job \(job)", detail: settled.fault))
            }
            _ = try await tx.query(CrashStatements.save(tenant, job, settled.suspicion))
            _ = try await tx.query(CrashStatements.putOff(tenant, job, by: settled.putOff, fault: settled.fault))
            if let alert = settled.alert { try await tx.raise(tenant, [alert]) }
            try await tx.audit(tenant, entries)
            return settled
        }
    }
}

extension PostgresTransaction {
    /// Holds the row that alone was in hand; the audit action, `nil` when it is not in a state in which it can be held.
    fileprivate func hold(_ tenant: TenantID, _ job: JobName, _ item: String, fault: [UInt8]) async throws(Fault) -> String? {
        let words = item.split(separator: " ", maxSplits: 1).map(String.init)
        guard words.count == 2 else { return nil }
        switch words[0] {
        case "event":
            guard let id = Int64(words[1]) else { return nil }
            return try await query(EventStatements.held(tenant, id: id, fault: fault)).affected > 0 ? "event.held" : nil
        case "case":
            guard let flow = FlowID(job.subject) else { return nil }
            return try await query(CrashStatements.holdCase(tenant, flow, words[1], fault: fault)).affected > 0 ? "case.held" : nil
        case "posting":
            let finding = #"{"check": "quarantined", "why": "a worker crashed each time it took this posting in hand", "remedy": "Report it, then release it."}"#
            return try await query(CrashStatements.holdPosting(tenant, words[1], fault: fault, finding: Array(finding.utf8))).affected > 0 ? "posting.held" : nil
        case "reflection": return try await refuse(CrashStatements.refuseReflection, tenant, words[1], fault: fault) ? "reflection.refused" : nil
        case "attachment": return try await refuse(CrashStatements.refuseAttachment, tenant, words[1], fault: fault) ? "attachment.refused" : nil
        default: return nil
        }
    }

    /// - row: a posting's key, and which of what hangs on it.
    private func refuse(_ sql: (TenantID, String, Int32, [UInt8]) -> SQL, _ tenant: TenantID, _ row: String, fault: [UInt8]) async throws(Fault) -> Bool {
        let words = row.split(separator: " ").map(String.init)
        guard words.count == 2, let number = Int32(words[1]) else { return false }
        return try await query(sql(tenant, words[0], number, fault)).affected > 0
    }
}

extension Suspicion {
    fileprivate init(_ row: PostgresRow) throws(Fault) {
        let batch: Int32? = try row.get("batch")
        let ms: Int64? = try row.get("quarantined_ms")
        self.init(
            crashes: Int(try row.get("crashes", as: Int32.self)), batch: batch.map { Int($0) },
            quarantined: ms.flatMap { $0 > 0 ? .milliseconds($0) : nil }, items: try row.get("items"))
    }
}

extension PostgresTransaction {
    /// A person has the job tried again at once, as if nothing had happened.
    /// - Returns: whether anything was held against it.
    public func release(_ tenant: TenantID, _ job: JobName, actor: String) async throws(Fault) -> Bool {
        guard try await query(CrashStatements.clear(tenant, job)).affected > 0 else { return false }
        _ = try await query(CrashStatements.dueNow(tenant, job))
        _ = try await query(AlertStatements.resolve(tenant, keys: ["quarantined/\(job)"]))
        try await audit(tenant, [AuditEntry(actor: actor, action: "job.released", subject: "job \(job)")])
        return true
    }
}
