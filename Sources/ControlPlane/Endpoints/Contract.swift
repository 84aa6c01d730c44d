internal import ConnectorKit
internal import Crypto
internal import Kernel
internal import Postgres
internal import Store
internal import Telemetry
internal import Wire

extension Endpoints {
    /// For systems that write to a contract of ours: whoever asks is told what is wrong while he listens.
    private static let exampleEvent: JSON = [
        "contract": "1", "id": "evt-04", "type": "payment.created", "occurred_at": "2026-11-14T10:00:00-05:00", "object_id": "P-3101", "object_version": 1,
        "data": ["invoice": "J-3101", "status": "paid", "received_on": "2026-11-14T10:00:00-05:00", "currency": "CAD", "amount": "239.00", "method": "card", "reference": "ch_1"],
    ]

    private static let exampleFile = """
        object_id,object_version,occurred_at,number,status,issued_on,currency,customer_id,total,line_id,description,quantity,net,tax_jurisdiction,tax_rate,tax_amount
        J-1,1,2026-11-12T16:00:00Z,1,sent,2026-11-12,CAD,rowan,339.00,L1,Labour,4,220.00,CA-ON-HST,0.13,28.60
        J-1,1,,,,,,,,L2,Part 9,2,80.00,CA-ON-HST,0.13,10.40

        """

    static let contract: [Endpoint] = [
        Endpoint(.post, "/v1/connections/{connection}/events", .key(.write), About(
            "Send events", "Of systems that write to our contract: docs/inbound.md, with the JSON Schemas of events under docs/schemas. Each event is accepted, known already, or refused with what is wrong.",
            body: .whole(
                .object([.must("events", .list(.free, 1 ... ControlPlaneLimits.contractEvents), "Up to 4 MiB in all.")]), example: ["events": [exampleEvent]]),
            .one(.eventsTaken, "None was refused."), .json(422, .thing(.eventsTaken), "Some were refused, the others are kept."),
            .refused(422, "`no_contract`: the platform takes no events.")
        )) { visit in try await takeEvents(visit) },
        Endpoint(.post, "/v1/connections/{connection}/files", .key(.write), About(
            "Send a file", "CSV by a layout of docs/inbound.md. All of it is taken, or nothing. What was sent before is known by its digest.",
            query: [.must("layout", .line(most: 64), "The layout's name.", example: "invoice")],
            body: .content(type: "text/csv", "Up to 4 MiB, UTF-8.", example: exampleFile),
            .one(.fileTaken), .refused(422, "`no_contract`: the platform takes no files; `file_refused`: with every fault of the file, in `errors`.")
        )) { visit in try await takeFile(visit) },
    ]

    /// Paths whose bodies may be as large as a platform's delivery.
    /// - Parameter target: with its query, if it has one.
    static func carriesEvents(_ target: String) -> Bool {
        if target.hasPrefix("/hooks/") || target.hasPrefix("/v1/webhooks/") { return true }
        guard target.hasPrefix("/v1/connections/") else { return false }
        let path = target.prefix { $0 != "?" }
        return path.hasSuffix("/events") || path.hasSuffix("/files")
    }

    private struct Place {
        var id: ConnectionID
        var tenant: TenantID
        var platform: String
        var facts: ConnectionFacts
        var connector: any ContractSource
    }

    private static func place(_ visit: Visit) async throws -> Place {
        let (id, tenant, row) = try await connection(visit)
        let platform = row["platform"]?.string ?? ""
        guard let connector = visit.desk.connectors[platform] as? any ContractSource else {
            throw Refusal(
                422, "no_contract", "Connections of \(platform) take no events by the API.",
                remedy: "The platform tells of its events itself; see its page in docs/connectors.")
        }
        var settings: [String: String] = [:]
        for (name, value) in row["settings"]?.object ?? [] { settings[name] = value.string }
        let facts = ConnectionFacts(account: row["account"]?.string ?? "", settings: settings)
        return Place(id: id, tenant: tenant, platform: platform, facts: facts, connector: connector)
    }

    // MARK: Events

    private struct Answer {
        var reading: ContractReading
        var status: String

        /// Its id was used for something else, which stays what it was.
        mutating func conflicts() {
            status = "refused"
            reading.findings = [
                ContractFinding(
                    "/id", "was used for other content, which is kept",
                    "Give each event an id of its own; a later state of an object is a new event with a higher version."),
            ]
        }

        var json: JSON {
            var members: [(key: String, value: JSON)] = [("id", .optional(reading.id)), ("status", .string(status))]
            if !reading.findings.isEmpty { members.append(("errors", .array(reading.findings.map(\.json)))) }
            if !reading.warnings.isEmpty { members.append(("warnings", .array(reading.warnings.map(\.json)))) }
            return .object(members)
        }
    }

    /// Each event is accepted, known already, or refused with what is wrong. 200 when none is refused; 422 otherwise, and the others are kept.
    private static func takeEvents(_ visit: Visit) async throws -> HTTPResponse {
        let place = try await place(visit)
        let body = try JSON(parsing: visit.request.body)
        guard let list = body["events"]?.array, (1 ... ControlPlaneLimits.contractEvents).contains(list.count), body.object?.count == 1 else {
            throw Refusal.invalid([
                .init(
                    field: "events", why: "must be a list of 1 to \(ControlPlaneLimits.contractEvents) events, and nothing beside it",
                    remedy: "Send { \"events\": [ … ] }."),
            ])
        }
        var answers: [Answer] = [], records: [RawRecord] = [], contents: [String: [UInt8]?] = [:]
        for event in list {
            let reading = place.connector.check(event, place.facts)
            guard reading.findings.isEmpty, let id = reading.id, let topic = reading.topic else {
                answers.append(Answer(reading: reading, status: "refused"))
                continue
            }
            if let before = contents[id] {
                answers.append(Answer(reading: reading, status: "duplicate"))
                if before != reading.content { answers[answers.count - 1].conflicts() }
            } else {
                contents[id] = .some(reading.content)
                answers.append(Answer(reading: reading, status: "accepted"))
                records.append(RawRecord(topic: topic, deliveryID: id, body: event.bytes))
            }
        }
        let sealed = try await self.sealed(records, place, visit.desk), read = answers, said = contents.compactMapValues { $0 }
        return try await visit.change { tx throws(Fault) in
            let kept = try await keep(sealed, said, place, visit, "events.taken", [], tx)
            var answers = read, counts = ["accepted": 0, "duplicate": 0, "refused": 0]
            for i in answers.indices {
                let id = answers[i].reading.id ?? ""
                if answers[i].status == "accepted", !kept.fresh.contains(id) { answers[i].status = "duplicate" }
                if answers[i].status == "duplicate", kept.conflicts.contains(id) { answers[i].conflicts() }
                counts[answers[i].status, default: 0] += 1
            }
            var members = ["accepted", "duplicate", "refused"].map { (key: $0, value: JSON.number("\(counts[$0] ?? 0)")) }
            members.append(("events", .array(answers.map(\.json))))
            return .init(counts["refused"] == 0 ? 200 : 422, JSON.object(members).bytes)
        }
    }

    // MARK: Files

    /// All of a file or nothing of it. What was sent before is known by its digest.
    private static func takeFile(_ visit: Visit) async throws -> HTTPResponse {
        let place = try await place(visit)
        var asked = try visit.asked()
        guard let layout = asked.optionalText("layout"), place.connector.layouts.contains(where: { $0.name == layout }) else {
            let known = place.connector.layouts.map(\.name).joined(separator: ", ")
            throw Refusal.invalid([.init(field: "layout", why: "must name a layout in the query", remedy: "Known are \(known).")])
        }
        let digest = Digest.sha256(visit.request.body).hexText
        let file = place.connector.records(of: visit.request.body, layout: layout, digest: digest, place.facts)
        guard file.findings.isEmpty else {
            var refusal = Refusal(
                422, "file_refused", "The file has \(file.findings.count) faults or more; nothing of it was taken.",
                remedy: "Mend them and send the whole file again.")
            refusal.errors = file.findings.map { .init(field: $0.pointer, why: $0.why, remedy: $0.remedy) }
            throw refusal
        }
        let sealed = try await self.sealed(file.records, place, visit.desk), total = file.records.count, warnings = file.warnings
        return try await visit.change { tx throws(Fault) in
            let detail: [(key: String, value: JSON)] = [("layout", .string(layout)), ("sha256", .string(digest))]
            let fresh = try await keep(sealed, [:], place, visit, "file.taken", detail, tx).fresh
            var members: [(key: String, value: JSON)] = detail + [
                ("documents", .number("\(total)")), ("accepted", .number("\(fresh.count)")), ("duplicate", .number("\(total - fresh.count)")),
            ]
            if !warnings.isEmpty { members.append(("warnings", .array(warnings.map(\.json)))) }
            return .init(200, JSON.object(members).bytes)
        }
    }

    // MARK: Both

    private static func sealed(_ records: [RawRecord], _ place: Place, _ desk: Desk) async throws -> [NewEvent] {
        guard !records.isEmpty else { return [] }
        let key = try await publicKey(of: place.tenant, desk).agreement(random: SystemRandom())
        let context = Array("event \(place.tenant) \(place.id)".utf8)
        var out: [NewEvent] = []
        for record in records {
            out.append(NewEvent(
                tenant: place.tenant, connection: place.id, topic: record.topic, deliveryID: record.deliveryID,
                sealedBody: try key.seal(record.body, context: context, random: desk.drawn)))
        }
        return out
    }

    /// What became of events, by their ids.
    struct Kept: Sendable {
        var fresh: Set<String> = []
        /// Known, and with other content.
        var conflicts: Set<String> = []
    }

    /// Keeps what is new of one connection's events, and holds what is known against what it said when it was.
    /// - Parameter contents: digests by delivery id; for ids that stand for their content there are none.
    static func keep(_ events: [NewEvent], _ contents: [String: [UInt8]], _ tx: PostgresTransaction) async throws(Fault) -> Kept {
        var out = Kept()
        guard let first = events.first else { return out }
        for row in try await tx.query(EventStatements.ingestNaming(events, lane: .webhook)) { out.fresh.insert(try row.get("delivery_id")) }
        var marks: [String] = [], doubted: [(id: String, mark: String)] = []
        for (id, content) in contents {
            // No id of a contract has a number sign.
            let mark = "\(id)#\(content.hexText)"
            if out.fresh.contains(id) { marks.append(mark) } else { doubted.append((id, mark)) }
        }
        if !marks.isEmpty { _ = try await tx.query(EventStatements.said(first.tenant, first.connection, marks)) }
        guard !doubted.isEmpty else { return out }
        var known: Set<String> = []
        for row in try await tx.query(EventStatements.remembered(first.tenant, first.connection, doubted.map(\.mark))) {
            known.insert(try row.get("delivery_id"))
        }
        for (id, mark) in doubted where !known.contains(mark) { out.conflicts.insert(id) }
        return out
    }

    /// The same, with the audit row that says so.
    private static func keep(
        _ events: [NewEvent], _ contents: [String: [UInt8]], _ place: Place, _ visit: Visit, _ action: String, _ detail: [(key: String, value: JSON)],
        _ tx: PostgresTransaction
    ) async throws(Fault) -> Kept {
        let kept = try await keep(events, contents, tx)
        guard !kept.fresh.isEmpty else { return kept }
        let counted = detail + [("accepted", JSON.number("\(kept.fresh.count)"))]
        try await tx.audit(place.tenant, [visit.entry(action, "connection \(place.id)", JSON.object(counted).bytes)])
        _ = try await tx.query(JobStatements.wake())
        visit.desk.metrics.count(.webhooks, ("platform", place.platform), ("result", "accepted"), by: Double(kept.fresh.count))
        return kept
    }
}
