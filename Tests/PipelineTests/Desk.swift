import Books
import ConnectorKit
import Courier
import HTTPClient
import HTTPServer
import Kernel
import Mapping
@testable import Pipeline
import Postgres
import Store
import Telemetry
import TestKit
import Wire

/// Canonical documents as records of a source that speaks our own words.
struct ScriptedSource: SourceConnector {
    var reflectionPlace = ReflectionPlace.none
    /// Whether what was written there can be looked for.
    var searchable = true

    var spec: PlatformSpec {
        PlatformSpec(
            id: "scripted-source", name: "Scripted Source", roles: [.source], productionBase: "http://127.0.0.1:1", sandboxBase: nil,
            auth: .header("X-Token"), headers: [:], limits: [], concurrency: 1, batchSizes: [:], pageSize: 100, fieldLengths: [:],
            idempotency: Idempotency(nativeKeyLifetime: nil, searchable: searchable, findSettles: .zero), tax: .none, dimensions: [],
            revisesPaidInvoices: false, apiVersion: "1", sunset: nil, sources: [:])
    }

    var settings: [String: String] { [:] }
    func judge(_ response: HTTPResponse, to call: Call) -> Verdict { Judging("Scripted Source").verdict(response, to: call) }
    func identify(_ connection: ConnectionFacts) -> Exchange<AccountIdentity> { .finish(AccountIdentity(account: connection.account, name: "Shop")) }
    func verify(_: HTTPFields, body: [UInt8], secret: Secret) -> WebhookDelivery? { nil }
    /// What a sweep lists, without bringing it.
    var listed: [SourceDocument] = []

    func sweep(since: Timestamp, cursor: String?, _: ConnectionFacts) -> Exchange<SweepPage> {
        let rows = listed.filter { $0.at >= since }
        let cases = rows.map { ListedCase(id: $0.id, parts: [ListedCase.Part(kind: DocumentCodec.kind(of: $0).kind, id: $0.id)]) }
        return .finish(SweepPage(records: [], listed: cases, next: nil, watermark: rows.map(\.at).max()))
    }

    func fetch(_ id: String, _ connection: ConnectionFacts) -> Exchange<RawRecord?> {
        if let document = listed.first(where: { $0.id == id }) { return .finish(Self.record(document, delivery: "fetched \(id)")) }
        let line = lines(connection).first { $0.hasPrefix("return:\(id) ") }
        return .finish(line.map { RawRecord(topic: "figure", deliveryID: $0, body: Array($0.utf8)) })
    }

    /// A line in a list beside the order, which is looked through first.
    func reflect(_ state: ReflectedState, attempt _: String, _ connection: ConnectionFacts) -> Exchange<PostOutcome>? {
        let target = "/notes?order=\(Form.percent(state.caseID))", whose = connection.account == "returns-1" ? "return \(state.subject) \(state.form.rawValue) " : ""
        return .send(Call(.read, HTTPRequest(.get, target))) { answer in
            let there = ((try? JSON(parsing: answer.body))?.array ?? []).compactMap(\.string)
            if there.contains(where: { $0.hasSuffix(state.mark) }) { return .finish(.posted(remoteID: "N", version: nil)) }
            let body = Array("\(whose)\(state.state.rawValue) \(state.total.text)\(state.paid.map { " \($0.text)" } ?? "") \(state.mark)".utf8)
            return .one(Call(.write, HTTPRequest(.post, target, body: body))) { _ in .posted(remoteID: "N", version: nil) }
        }
    }

    /// As the connection's setting `figures` has them: id, state, money and a refund in a line each; those that end in `old` are not listed any more.
    func returnFigures(since _: Timestamp, cursor _: String?, _ connection: ConnectionFacts) -> Exchange<ReturnFigures>? {
        guard connection.settings["figures"] != nil else { return nil }
        return .finish(ReturnFigures(figures: lines(connection).filter { !$0.hasSuffix(" old") }.compactMap(figure), next: nil))
    }

    func returnFigure(_ record: RawRecord, _: ConnectionFacts) -> ReturnFigure? { figure(String(decoding: record.body, as: UTF8.self)) }

    private func lines(_ connection: ConnectionFacts) -> [String] { (connection.settings["figures"] ?? "").split(separator: ";").map(String.init) }

    private func figure(_ line: String) -> ReturnFigure? {
        let words = line.split(separator: " ").map(String.init)
        guard words.count >= 4, let state = ToldReturn.State(rawValue: words[1]), let money = Int64(words[2]) else { return nil }
        return ReturnFigure(
            id: words[0], state: state, at: at("2026-11-03T12:00:00Z"), money: Money(minor: money, .usd), credit: Money(minor: 0, .usd), refunds: [words[3]])
    }

    static func record(_ document: SourceDocument, delivery: String) -> RawRecord {
        let json = JSON.object([
            ("kind", .string(DocumentCodec.kind(of: document).kind)), ("id", .string(document.id)), ("case", .string(document.caseID)),
            ("version", .string("\(document.version)")), ("at", .string(document.at.description)), ("body", DocumentCodec.encode(document.body)),
        ])
        return RawRecord(topic: "document", deliveryID: delivery, body: json.bytes)
    }

    func normalize(_ record: RawRecord, _: ConnectionFacts) throws(Fault) -> Normalized {
        let json = try JSON(parsing: record.body)
        guard let kind = json["kind"]?.string, let id = json["id"]?.string, let order = json["case"]?.string, let body = json["body"],
            let version = json["version"]?.string.flatMap({ Int64($0) }), let at = json["at"]?.string.flatMap({ Timestamp(rfc3339: $0) })
        else { throw Fault("unreadable_record", stage: .normalize, disposition: .hold, summary: "the record lacks its kind", position: "kind") }
        return Normalized(documents: [try DocumentCodec.decode(kind: kind, id: id, caseID: order, version: version, at: at, body: body.bytes)])
    }
}

/// A tenant's worker at work on scripted platforms: the real pipeline on a real database, driven job by job.
struct Desk: Sendable {
    let house: House
    let books: ScriptedBooks
    let pipeline: Pipeline
    let lease: Lease
    /// Monotonic end of the lease; a test may move it.
    let ends: Locked<Duration>
    let log: Locked<String>
    private let deliveries = Locked(0)

    static func with(
        policies: [(name: String, value: String)] = [("customer", "house"), ("edit", "revise")], ledger: ScriptedLedger = ScriptedLedger(),
        source: any SourceConnector = ScriptedSource(), more: [any Connector] = [],
        beside: @escaping @Sendable (HTTPRequest) -> HTTPResponse? = { _ in nil }, credential: String? = nil, cutOver: LocalDate? = nil, _ body: @Sendable (Desk) async throws -> Void
    ) async throws {
        let books = ScriptedBooks()
        let server = try HTTPServer(HTTPServerConfiguration()) { request, _ in beside(request) ?? books.handle(request) }
        let serving = Task { try await server.run() }
        defer { serving.cancel() }
        var plan = House.Plan()
        plan.ledgerURL = "http://127.0.0.1:\(server.port)"
        plan.policies = policies
        plan.cutOver = cutOver
        plan.sourcePlatform = source.spec.id
        if let credential { plan.credential = credential }
        let port = server.port
        try await House.with(plan) { house in try await body(try await Desk(house, books, ledger, source, more, port: port)) }
    }

    /// The same with a real connector, on whatever answers its requests.
    static func with(
        _ plan: House.Plan, connector: any LedgerConnector, answering: @escaping @Sendable (HTTPRequest) -> HTTPResponse,
        _ body: @Sendable (Desk) async throws -> Void
    ) async throws {
        let server = try HTTPServer(HTTPServerConfiguration()) { request, _ in answering(request) }
        let serving = Task { try await server.run() }
        defer { serving.cancel() }
        var plan = plan
        plan.ledgerURL = "http://127.0.0.1:\(server.port)"
        plan.ledgerPlatform = connector.spec.id
        let port = server.port
        try await House.with(plan) { house in try await body(try await Desk(house, ScriptedBooks(), connector, ScriptedSource(), port: port)) }
    }

    private init(
        _ house: House, _ books: ScriptedBooks, _ ledger: any LedgerConnector, _ source: any SourceConnector, _ more: [any Connector] = [], port: Int
    ) async throws {
        self.house = house
        self.books = books
        lease = try await house.lease()
        let ends = Locked(SystemClocks().monotonic() + .seconds(600))
        let text = Locked("")
        self.ends = ends
        log = text
        let log = Log(component: "test") { bytes in text.with { $0 += String(decoding: bytes, as: UTF8.self) } }
        let same: @Sendable ([UInt8], [UInt8]) throws(Fault) -> [UInt8] = { bytes, _ throws(Fault) in bytes }
        let metrics = Metrics()
        let courier = Courier(
            tenant: house.tenant, store: house.worker, client: HTTPClient(policy: EgressPolicy(allowedHosts: ["127.0.0.1:\(port)"])),
            clocks: SystemClocks(), hosts: HostList(([ledger.spec.id, source.spec.id] + more.map(\.spec.id)).map { "\($0)=127.0.0.1:\(port)" }), log: log, metrics: metrics, seal: same, open: same,
            deadline: { ends.with { $0 } })
        pipeline = Pipeline(
            tenant: house.tenant, epoch: lease.epoch, store: house.worker, courier: courier,
            connectors: Dictionary(uniqueKeysWithValues: ([ledger, source] + more).map { ($0.spec.id, $0) }), clocks: SystemClocks(), random: SystemRandom(), log: log,
            metrics: metrics, seal: same, open: same)
    }

    /// Records come in, one delivery each.
    func arrive(_ documents: SourceDocument...) async throws { try await arrive(records: documents.map { ScriptedSource.record($0, delivery: next()) }) }

    func next() -> String {
        deliveries.with { n in
            n += 1
            return "delivery-\(n)"
        }
    }

    func arrive(records: [RawRecord], to connection: ConnectionID? = nil) async throws {
        _ = try await house.worker.ingest(
            records.map { NewEvent(tenant: house.tenant, connection: connection ?? house.source, topic: $0.topic, deliveryID: $0.deliveryID, sealedBody: $0.body) },
            lane: .webhook)
    }

    /// Runs what is due until nothing is.
    /// - Throws: what a job throws, unless it may be tried again.
    func work() async throws {
        for _ in 0 ..< 60 {
            let jobs = try await house.worker.dueJobs(house.tenant, limit: 16)
            if jobs.isEmpty { return }
            let setup = try await Setup.load(house.tenant, from: house.worker)
            for job in jobs {
                do {
                    switch try await pipeline.run(job, in: setup) {
                    case .done: try await house.worker.finish(house.tenant, job)
                    case .again(let delay): try await house.worker.postpone(house.tenant, job, by: max(delay, .seconds(30)), fault: nil)
                    }
                } catch {
                    guard error.disposition == .retry || error.disposition == .wait || error.disposition == .reauthorise else { throw error }
                    try await house.worker.postpone(house.tenant, job, by: .seconds(30), fault: error.json.bytes)
                }
            }
        }
        throw Fault("never_rests", stage: .worker, disposition: .bug, summary: "jobs are due for ever")
    }

    /// Time passes: jobs, postings and budgets that wait are due.
    func later() async throws {
        try await house.owner.batch([
            "UPDATE app.jobs SET due_at = clock_timestamp() - interval '1 second'",
            "UPDATE app.postings SET next_attempt_at = clock_timestamp() - interval '1 second' WHERE state IN ('cleared', 'unknown', 'posted')",
            "UPDATE app.budgets SET window_start = window_start - interval '1 day', paused_until = NULL",
        ])
        try await work()
    }

    /// So long that a search can be believed.
    func muchLater() async throws {
        try await house.owner.query("UPDATE app.intents SET written_at = written_at - interval '1 hour'")
        try await later()
    }

    /// Everything, to the proof.
    func run(_ documents: SourceDocument...) async throws {
        for document in documents { try await arrive(document) }
        try await work()
        try await later()
    }

    /// `form subject` -> state.
    func states() async throws -> [String: String] {
        var out: [String: String] = [:]
        for row in try await house.owner.query("SELECT form, subject, state FROM app.postings WHERE tenant_id = \(house.tenant)") {
            out["\(try row.get("form", as: String.self)) \(try row.get("subject", as: String.self))"] = try row.get("state", as: String.self)
        }
        return out
    }

    func posting(_ form: String, _ subject: String) async throws -> PostingRow {
        let keys = try await house.owner.query("SELECT post_key FROM app.postings WHERE form = \(form) AND subject = \(subject)")
        let text: String = try keys[0].get("post_key")
        let rows = try await house.worker.postings(house.tenant, keys: [PostKey(text)].compactMap { $0 })
        return rows[0]
    }

    func checks(_ form: String, _ subject: String) async throws -> [String] {
        try PlanCodec.findings(try await posting(form, subject).findings).map(\.check)
    }

    func alerts() async throws -> [String] {
        var out: [String] = []
        for row in try await house.owner.query("SELECT key FROM app.alerts WHERE state = 'open' ORDER BY key") { out.append(try row.get("key")) }
        return out
    }

    func unexplained() async throws -> Int { try await house.count("SELECT coalesce(sum(unexplained_minor), 0)::bigint FROM app.proofs") }

    /// A posting's intents: action and state, oldest first.
    func intents(_ subject: String) async throws -> [String] {
        var out: [String] = []
        let sql: SQL = """
            SELECT i.action || ' ' || i.state AS line FROM app.intents i JOIN app.postings p USING (tenant_id, post_key)
            WHERE p.subject = \(subject) ORDER BY i.id
            """
        for row in try await house.owner.query(sql) { out.append(try row.get("line")) }
        return out
    }
}

// MARK: Documents

func at(_ text: String) -> Timestamp { Timestamp(rfc3339: text) ?? Timestamp(seconds: 0) }
func usd(_ minor: Int64) -> Money { Money(minor: minor, .usd) }

/// Two cups at 50.00 without tax: 100.00.
func sale(_ order: String = "O-1", cups: Int64 = 2, version: Int64 = 1, title: String = "Cup", at time: String = "2026-11-02T10:00:00Z") -> SourceDocument {
    let total = usd(5_000 * cups)
    let line = SaleLine(
        id: "L1", sku: "CUP", title: title, group: "cups", quantity: ExactDecimal(Int(cups)), gross: total, discount: usd(0), net: total,
        taxes: [TaxPart(jurisdiction: "US-PA", rate: .zero, amount: usd(0))])
    let body = Sale(number: "#\(order)", source: "shop", currency: .usd, taxIncluded: false, lines: [line], total: total)
    return SourceDocument(id: order, caseID: order, version: version, at: at(time), body: .sale(body))
}

func payment(
    _ id: String = "P-1", of order: String = "O-1", _ minor: Int64 = 10_000, _ status: Payment.Status = .success, version: Int64 = 1
) -> SourceDocument {
    SourceDocument(
        id: id, caseID: order, version: version, at: at("2026-11-02T10:01:00Z"), body: .payment(Payment(gateway: "card", amount: usd(minor), status: status)))
}

func refund(_ id: String = "R-1", of order: String = "O-1", _ minor: Int64 = 5_000) -> SourceDocument {
    let line = RefundLine(line: "L1", quantity: .one, net: usd(minor), taxes: [TaxPart(jurisdiction: "US-PA", rate: .zero, amount: usd(0))])
    let body = Refund(
        currency: .usd, taxIncluded: false, lines: [line], total: usd(minor),
        transactions: [MoneyMovement(id: "T1", gateway: "card", amount: usd(minor), status: .success)])
    return SourceDocument(id: id, caseID: order, version: 1, at: at("2026-11-03T10:00:00Z"), body: .refund(body))
}

func cancellation(of order: String = "O-1") -> SourceDocument {
    SourceDocument(id: "C-\(order)", caseID: order, version: 1, at: at("2026-11-02T12:00:00Z"), body: .cancellation(Cancellation(kind: .voided)))
}

/// One cup more, on a line of its own.
func editUp(_ id: String = "E-1", of order: String = "O-1", total: Int64 = 15_000) -> SourceDocument {
    let line = SaleLine(
        id: "L2", sku: "CUP2", title: "Another cup", group: "cups", quantity: .one, gross: usd(5_000), discount: usd(0), net: usd(5_000),
        taxes: [TaxPart(jurisdiction: "US-PA", rate: .zero, amount: usd(0))])
    return SourceDocument(
        id: id, caseID: order, version: 1, at: at("2026-11-02T11:00:00Z"),
        body: .edit(SaleEdit(added: [line], removed: [], orderTotal: usd(total))))
}

/// One cup taken out again.
func edit(_ id: String = "E-1", of order: String = "O-1", total: Int64 = 5_000) -> SourceDocument {
    let removed = RemovedUnits(line: "L1", quantity: .one, net: nil, taxes: nil)
    return SourceDocument(
        id: id, caseID: order, version: 1, at: at("2026-11-02T11:00:00Z"),
        body: .edit(SaleEdit(added: [], removed: [removed], orderTotal: usd(total))))
}
