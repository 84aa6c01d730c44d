internal import Books
internal import ConnectorKit
internal import Kernel
internal import Mapping
internal import Postgres
internal import Store
internal import Wire

extension Endpoints {
    /// When a flow asks its source and sends its postings: docs/schedules.md.
    static let schedules: [Endpoint] = [
        Endpoint(.get, "/v1/flows/{flow}/schedules", .key(.read), About(
            "A flow's schedules", "With the next five runs of each, and how many postings wait for it. What has none is done as it comes.", .one(.schedules)
        ).tagged()) { visit in
            let (flow, tenant, row) = try await flow(visit)
            return try await shown(visit, tenant, flow, try await zone(of: row, tenant, visit))
        },
        Endpoint(.put, "/v1/flows/{flow}/schedules", .key(.admin), About(
            "Set a flow's schedules", "All of them: those left out go. An equal rule keeps its next run, and what is paused stays so. docs/schedules.md.",
            body: statedBody, .one(.schedules)
        ).guarded()) { visit in try await putSchedules(visit) },
        Endpoint(.post, "/v1/flows/{flow}/schedules/preview", .key(.read), About(
            "Try schedules out", "The next five runs of each, kept nowhere.",
            query: [.may("after", .instant, "From when to count; now when absent.", example: "2026-10-24T12:00:00Z")], body: statedBody, isRepeatable: false, .one(.schedulePreview)
        )) { visit in try await previewSchedules(visit) },
        Endpoint(.post, "/v1/flows/{flow}/schedules/{schedule}/run", .key(.write), About(
            "Run a schedule now", "Lets through what is cleared by now, or asks the source, also while it is paused. The next run by the clock stays as it is.",
            .json(202, .object([.must("flow", .id), .must("ran", .choice(Schedule.subjects))]), "It is on its way."),
            .refused(409, "`wrong_state`: the form has no schedule of its own.")
        )) { visit in try await runSchedule(visit) },
        Endpoint(.post, "/v1/flows/{flow}/schedules/{schedule}/pause", .key(.write), About(
            "Pause a schedule", "Nothing of it runs, or is sent as it comes, before it is resumed. What an earlier run let through goes on.", .one(.schedules)
        ).tagged()) { visit in try await pauseSchedule(visit) },
        Endpoint(.post, "/v1/flows/{flow}/schedules/{schedule}/resume", .key(.write), About(
            "Resume a schedule", "Its next run is the next by the clock.", .one(.schedules), .refused(422, "`invalid_schedule`: it cannot be read any more; state it anew.")
        ).tagged()) { visit in try await resumeSchedule(visit) },
    ]

    private static let statedBody = About.Body.whole(.map(.anything, most: Schedule.subjects.count), example: Thing.exampleSchedules)

    /// Next runs that are shown of each.
    private static let shownRuns = 5

    // MARK: Showing

    private static func shown(_ visit: Visit, _ tenant: TenantID, _ flow: FlowID, _ zone: Zone) async throws -> HTTPResponse {
        let rows = try await visit.store.schedules(tenant, flow)
        let (waiting, now) = (try await visit.store.waiting(rows), try await visit.store.databaseNow())
        let stated: [(key: String, value: JSON)] = rows.filter(\.isStated).map { ($0.subject, .string($0.rule)) }
        return .json(200, .object([
            ("flow", .string(flow.description)), ("time_zone", .string(zone.name)), ("schedules", .object(stated)),
            ("items", .array(rows.map { item($0, waiting[$0.subject], after: now) })),
        ]), tag: tag(rows))
    }

    /// Of what people say of them, pauses among it; not of when they ran.
    private static func tag(_ rows: [ScheduleRow]) -> String {
        Precondition.tag(of: JSON.array(rows.map { row in
            .array([.string(row.subject), .string(row.rule), .string(row.zone), .string(row.state), .bool(row.isStated)])
        }).bytes)
    }

    private static func item(_ row: ScheduleRow, _ waiting: Int?, after now: Timestamp) -> JSON {
        var runs: JSON = .array([])
        var problem: JSON = .null
        do throws(Fault) {
            let schedule = try row.schedule()
            if row.state == "active" { runs = local(schedule.next(shownRuns, after: now), schedule.zone) }
        } catch { problem = .string(error.summary) }
        return .object([
            ("schedule", .string(row.subject)), ("rule", .string(row.rule)), ("time_zone", .string(row.zone)), ("state", .string(row.state)),
            ("stated", .bool(row.isStated)), ("waiting", waiting.map { .number("\($0)") } ?? .null),
            ("last_run_at", .optional(row.lastRun?.description)), ("next_run_at", .optional(row.nextRun?.description)), ("next_runs", runs),
            ("problem", problem),
        ])
    }

    /// Each by the clock of the zone, with its offset from UTC.
    private static func local(_ runs: [Timestamp], _ zone: Zone) -> JSON {
        .array(runs.map { .string($0.text(offsetSeconds: zone.offset(at: $0))) })
    }

    // MARK: Stating

    private static func putSchedules(_ visit: Visit) async throws -> HTTPResponse {
        let (flow, tenant, row) = try await flow(visit)
        let zone = try await zone(of: row, tenant, visit)
        let wanted = try await stated(visit, tenant, row, zone)
        let seen = try Precondition(visit.request)
        let outcome = try await visit.change { tx throws(Fault) in
            try await tx.lockSchedules(tenant, flow)
            let rows = try await tx.schedules(tenant, flow)
            try seen.check(tag(rows), "what the flow has of schedules")
            _ = try await tx.query(ScheduleStatements.dueNow(tenant, flow))
            let now = try await tx.databaseNow()
            let before = rows.filter(\.isStated).map { [$0.subject, $0.rule, $0.zone] }
            // An equal rule keeps its next run: what is due by now is not put off.
            for one in wanted where !before.contains([one.subject, one.text, zone.name]) {
                let next = one.schedule.next(after: now)
                _ = try await tx.query(ScheduleStatements.put(tenant, flow, subject: one.subject, rule: one.text, zone: zone.name, next: next))
            }
            _ = try await tx.query(ScheduleStatements.dropExcept(tenant, flow, subjects: wanted.map(\.subject)))
            let detail = JSON.object(wanted.map { ($0.subject, .string($0.text)) })
            if Set(before) != Set(wanted.map { [$0.subject, $0.text, zone.name] }) {
                try await tx.audit(tenant, [visit.entry("schedules.changed", "flow \(flow)", detail.bytes)])
            }
            // What waited for a run may be sent as it comes now.
            _ = try await tx.query(JobStatements.ask(tenant, [Job(.post, flow.description, lane: .interactive)]))
            _ = try await tx.query(JobStatements.wake())
            return .init(200, detail.bytes)
        }
        return outcome.status == 200 ? try await shown(visit, tenant, flow, zone) : outcome
    }

    /// What would come of the body, without keeping it. `?after=` counts from another time than now.
    private static func previewSchedules(_ visit: Visit) async throws -> HTTPResponse {
        let (_, tenant, row) = try await flow(visit)
        let zone = try await zone(of: row, tenant, visit)
        let wanted = try await stated(visit, tenant, row, zone)
        var after = try await visit.store.databaseNow()
        var asked = try visit.asked()
        if let at = asked.instant("after") { after = at }
        let items = wanted.map { one in
            JSON.object([
                ("schedule", .string(one.subject)), ("rule", .string(one.text)), ("time_zone", .string(one.schedule.zone.name)),
                ("next_runs", local(one.schedule.next(shownRuns, after: after), one.schedule.zone)),
            ])
        }
        return .json(200, .object([("after", .string(after.description)), ("items", .array(items))]))
    }

    /// The body's schedules.
    /// - Throws: 422 with everything that is wrong with them.
    private static func stated(
        _ visit: Visit, _ tenant: TenantID, _ flow: JSON, _ zone: Zone
    ) async throws -> [(subject: String, text: String, schedule: Schedule)] {
        guard !visit.request.body.isEmpty else {
            throw Refusal.invalid([.init(field: "schedules", why: "are missing", remedy: "Send { \"post\": \"daily at 06:00\" }, or {} for none.")])
        }
        var findings = Findings()
        let read = ScheduleText.read(try JSON(parsing: visit.request.body), zone: zone, into: &findings)
        let ledger = ConnectionID(flow["ledger"]?.string ?? "") ?? .zero
        guard let connection = try await visit.store.adminConnection(ledger, Visibility(tenant: tenant)) else { throw Refusal.notFound() }
        if visit.desk.connectors[try JSON(parsing: connection.json)["platform"]?.string ?? ""] is any FileLedger {
            for one in read where one.subject != Schedule.pull {
                findings.add("schedules.\(one.subject)", "can't be: a person takes this ledger's files there", "Leave it out; make batches when they are wanted.")
            }
        }
        if !findings.list.isEmpty {
            throw Refusal.invalid(findings.list.map { .init(field: $0.position ?? "", why: $0.why, remedy: $0.remedy) })
        }
        return read
    }

    private static func zone(of flow: JSON, _ tenant: TenantID, _ visit: Visit) async throws -> Zone {
        let id = OrganisationID(flow["organisation"]?.string ?? "") ?? .zero
        guard let row = try await visit.store.adminOrganisation(id, Visibility(tenant: tenant)) else { throw Refusal.notFound() }
        return try Zone.named(try JSON(parsing: row.json)["time_zone"]?.string ?? "")
    }

    // MARK: Running, pausing, resuming

    /// The flow in the path, and what of it the path names.
    private static func subject(_ visit: Visit) async throws -> (FlowID, TenantID, String, JSON) {
        let (flow, tenant, row) = try await flow(visit)
        guard let subject = visit.parameters["schedule"], Schedule.subjects.contains(subject) else {
            throw Refusal.notFound("Known schedules are \(Schedule.subjects.joined(separator: ", ")).")
        }
        return (flow, tenant, subject, row)
    }

    private static func runSchedule(_ visit: Visit) async throws -> HTTPResponse {
        let (flow, tenant, subject, _) = try await subject(visit)
        return try await visit.change { tx throws(Fault) in
            try await tx.lockSchedules(tenant, flow)
            let row = try await tx.schedules(tenant, flow).first { $0.subject == subject }
            guard row != nil || subject == Schedule.pull || subject == Schedule.post else {
                throw Fault(
                    "wrong_state", stage: .api, disposition: .reject, summary: "\(subject) has no schedule of its own in this flow",
                    remedy: "Run post, or give it one with PUT.", position: "schedule")
            }
            if let row {
                try await tx.run(row, next: nil, lane: .interactive, actor: visit.asker.actor)
            } else {
                // As it comes: nothing waits, and what is asked for is done all the same.
                let ask = subject == Schedule.pull
                    ? ScheduleStatements.askSources(tenant, flow, lane: .interactive)
                    : JobStatements.ask(tenant, [Job(.post, flow.description, lane: .interactive)])
                _ = try await tx.query(ask)
                try await tx.audit(tenant, [visit.entry("schedule.ran", "flow \(flow)", JSON.object([("schedule", .string(subject))]).bytes)])
            }
            _ = try await tx.query(AdminConnectionStatements.hurry(tenant))
            _ = try await tx.query(JobStatements.wake())
            return .init(202, JSON.object([("flow", .string(flow.description)), ("ran", .string(subject))]).bytes)
        }
    }

    private static func pauseSchedule(_ visit: Visit) async throws -> HTTPResponse {
        let (flow, tenant, subject, row) = try await subject(visit)
        let zone = try await zone(of: row, tenant, visit)
        let outcome = try await visit.change { tx throws(Fault) in
            try await tx.lockSchedules(tenant, flow)
            let before = try await tx.schedules(tenant, flow).first { $0.subject == subject }
            if before?.state != "paused" {
                _ = try await tx.query(ScheduleStatements.pause(tenant, flow, subject: subject, zone: zone.name))
                try await tx.audit(tenant, [visit.entry("schedule.paused", "flow \(flow)", JSON.object([("schedule", .string(subject))]).bytes)])
            }
            return .init(200, [])
        }
        return outcome.status == 200 ? try await shown(visit, tenant, flow, zone) : outcome
    }

    private static func resumeSchedule(_ visit: Visit) async throws -> HTTPResponse {
        let (flow, tenant, subject, row) = try await subject(visit)
        let zone = try await zone(of: row, tenant, visit)
        let outcome = try await visit.change { tx throws(Fault) in
            try await tx.lockSchedules(tenant, flow)
            if let row = try await tx.schedules(tenant, flow).first(where: { $0.subject == subject }), row.state == "paused" {
                _ = try await tx.query(ScheduleStatements.dueNow(tenant, flow))
                let now = try await tx.databaseNow()
                let next = try row.schedule().next(after: now)
                _ = try await tx.query(row.isStated ? ScheduleStatements.resume(row, next: next) : ScheduleStatements.drop(row))
                try await tx.audit(tenant, [visit.entry("schedule.resumed", "flow \(flow)", JSON.object([("schedule", .string(subject))]).bytes)])
                _ = try await tx.query(JobStatements.ask(tenant, [Job(.post, flow.description, lane: .interactive)]))
                _ = try await tx.query(JobStatements.wake())
            }
            return .init(200, [])
        }
        return outcome.status == 200 ? try await shown(visit, tenant, flow, zone) : outcome
    }
}
