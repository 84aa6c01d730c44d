import Books
import ConnectorKit
import HTTPServer
import Kernel
import Mapping
import Postgres
import Store
import TestKit
import Testing
import TwinKit
import TwinQuickBooksOnline
import TwinXero
import Wire

/// What QuickBooks Online and Xero can do beyond a document, each through the whole program against the ledger's own books.
@Suite("QuickBooks Online and Xero to full depth") struct DepthTests {
    private static let both: [Country] = [.america, .britain]

    /// What was sent there.
    private struct Seen: Sendable {
        var requests: [(purpose: Purpose, request: HTTPRequest, status: Int)] = []

        /// Calls that wrote documents.
        var writes: Int { requests.count { $0.purpose == .write && $0.status < 300 } }
        /// Files that were taken.
        var files: [String] {
            requests.filter { ($0.request.path.hasSuffix("/upload") || ($0.request.path.contains("/Attachments/") && $0.request.method != .get)) && $0.status < 300 }
                .map { String(decoding: $0.request.body, as: UTF8.self) }
        }
    }

    private static func watch(
        _ seen: Locked<Seen>
    ) -> @Sendable (any LedgerTwin, HTTPRequest, @Sendable (HTTPRequest) -> HTTPResponse) -> HTTPResponse {
        { twin, request, answer in
            let answered = answer(request)
            seen.with { $0.requests.append((twin.purpose(of: request), request, answered.status)) }
            return answered
        }
    }

    /// A call with the headers of the last one.
    private static func call(_ twin: any LedgerTwin, _ seen: Locked<Seen>, _ method: HTTPMethod, _ target: String, _ body: JSON? = nil) throws -> JSON {
        var request = HTTPRequest(method, target, fields: seen.with { $0.requests.last?.request.fields ?? HTTPFields() }, body: body?.bytes ?? [])
        for name in ["Content-Length", "Idempotency-Key"] { request.fields[name] = nil }
        request.fields["Accept"] = "application/json"
        request.fields["Content-Type"] = body == nil ? nil : "application/json"
        let answer = twin.respond(request, at: SystemClocks().now())
        try #require(answer.status == 200, "\(answer.status) \(answer.bodyText)")
        return try JSON(parsing: answer.body)
    }

    // MARK: Batches

    @Test("a dozen sales go in a few calls, each of them once", arguments: both.indices) func batch(country index: Int) async throws {
        let here = Self.both[index], seen = Locked(Seen())
        try await here.with(between: Self.watch(seen)) { desk, twin in
            for n in 1 ... 12 { try await desk.arrive(here.sale("O-\(n)", Int64(1_000 * n))) }
            try await desk.work()
            try await desk.later()
            #expect(Set(try await desk.states().values) == ["reconciled"], "\(here.name)")
            #expect(twin.entries().count == 12 && Set(twin.entries().map(\.key)).count == 12, "\(here.name)")
            #expect(seen.with { $0.writes } <= 3, "\(here.name): \(seen.with { $0.writes }) calls")
            #expect(here.balance(twin, here.owed) == 78_000, "\(here.name)")
        }
    }

    // MARK: Files

    @Test("a day's summary has the list of its documents beside it, once a revision", arguments: both.indices) func files(country index: Int) async throws {
        let here = Self.both[index], seen = Locked(Seen())
        try await here.with([("posting", "daily_summary"), ("attach", "summaries")], between: Self.watch(seen)) { desk, _ in
            func attach() async throws {
                try await desk.house.owner.query("UPDATE app.attachments SET next_attempt_at = clock_timestamp() - interval '1 second'")
                try await desk.house.worker.ask(desk.house.tenant, [Job(.attach, desk.house.flow.description, lane: .poll)])
                try await desk.later()
            }
            try await desk.run(here.sale(), here.payment(), here.sale("O-2", 2_500))
            for _ in 0 ..< 2 { try await attach() }
            #expect(seen.with { $0.files.count } == 1, "\(here.name)")
            #expect(seen.with { $0.files[0].contains("O-2,invoice,2026-11-02") && $0.files[0].contains("-25.00,\(here.currency)") }, "\(here.name)")
            try await desk.run(here.sale("O-2", 4_000, version: 2))
            for _ in 0 ..< 2 { try await attach() }
            #expect(seen.with { $0.files.count } == 2, "\(here.name)")
            #expect(seen.with { $0.files[1].contains("-40.00,\(here.currency)") }, "\(here.name)")
            #expect(try await desk.house.count("SELECT count(*) FROM app.attachments WHERE state = 'attached'") == 2, "\(here.name)")
        }
    }

    // MARK: Closed periods

    @Test("a period that is closed there holds a sale before it is sent, and opening it lets the sale go", arguments: both.indices)
    func locked(country index: Int) async throws {
        let here = Self.both[index], seen = Locked(Seen())
        try await here.with(between: Self.watch(seen)) { desk, twin in
            // In the twins' own settings, which no webhook tells of.
            twin.setLockDate(LocalDate("2026-11-10"))
            try await desk.run(here.sale())
            #expect(try await desk.checks("invoice", "O-1") == ["closed_period"], "\(here.name)")
            #expect(seen.with { $0.writes } == 0, "\(here.name)")
            twin.setLockDate(nil)
            try await desk.minutesPass(20)
            #expect(try await desk.states()["invoice O-1"] == "reconciled", "\(here.name)")
            #expect(twin.entries().filter(\.live).count == 1, "\(here.name)")
        }
    }

    // MARK: Dimensions

    @Test("what a rule says of a line's place stands on the line there", arguments: both.indices) func dimensions(country index: Int) async throws {
        var here = Self.both[index]
        let dimension = here.name == "Xero" ? "Region" : "class", value = "Online"
        here.plan.rules = "{\"rules\": [{\"name\": \"place\", \"when\": {\"sku\": \"CUP\"}, \"set\": {}, \"dimension\": {\"\(dimension)\": \"\(value)\"}}]}"
        let seen = Locked(Seen()), place = here
        try await place.with(between: Self.watch(seen)) { desk, twin in
            // Whoever keeps the books made the category there.
            try await desk.house.worker.ask(desk.house.tenant, [Job(.chart, desk.house.ledger.description, lane: .interactive)])
            try await desk.work()
            if place.name == "Xero" {
                try await desk.house.owner.query("UPDATE app.connections SET settings = '{\"tracking\": \"Region\"}' WHERE id = \(desk.house.ledger)")
                let made = try Self.call(twin, seen, .put, "/api.xro/2.0/TrackingCategories", ["Name": "Region"])
                let id = try #require(made.member("TrackingCategories")?[0]?["TrackingCategoryID"]?.string)
                _ = try Self.call(twin, seen, .put, "/api.xro/2.0/TrackingCategories/\(id)/Options", ["Name": .string(value)])
            }
            try await desk.run(place.sale())
            #expect(try await desk.states()["invoice O-1"] == "reconciled", "\(place.name)")
            let id = try #require(try await desk.posting("invoice", "O-1").remoteID)
            if place.name == "Xero" {
                let line = try Self.call(twin, seen, .get, "/api.xro/2.0/Invoices/\(id)").member("Invoices")?[0]?["LineItems"]?[0]
                #expect(line?["Tracking"]?[0]?["Option"] == "Online")
            } else {
                let target = "/v3/company/\(place.plan.ledgerAccount)/invoice/\(id)?minorversion=75"
                let line = try Self.call(twin, seen, .get, target).member("Invoice", "Line")?[0]
                #expect(line?.member("SalesItemLineDetail", "ClassRef", "name") == "Online")
            }
        }
    }

    // MARK: What somebody changes there

    /// The date of a posting's document, changed by hand there.
    private static func redate(_ here: Country, _ twin: any LedgerTwin, _ id: String) throws {
        let living = try #require(twin as? any LivingTwin)
        let doing: JSON =
            here.name == "Xero"
            ? ["do": "edits", "endpoint": "Invoices", "id": .string(id), "object": ["Date": "2026-11-09", "DueDate": "2026-11-30"]]
            : ["do": "edits", "entity": "Invoice", "id": .string(id), "object": ["TxnDate": "2026-11-09"]]
        _ = try living.happen(doing, at: SystemClocks().now())
    }

    @Test("the change feed shows what somebody changed there, and our own writes as ours", arguments: both.indices) func feed(country index: Int) async throws {
        let here = Self.both[index], seen = Locked(Seen())
        try await here.with(between: Self.watch(seen)) { desk, twin in
            func ask() async throws {
                try await desk.house.owner.query("UPDATE app.connections SET changes_due_at = NULL")
                try await desk.house.worker.ask(desk.house.tenant, [Job(.changes, desk.house.ledger.description, lane: .poll)])
                try await desk.work()
            }
            try await desk.run(here.sale(), here.sale("O-2", 2_500))
            try await ask()
            #expect(Set(try await desk.states().values) == ["reconciled"], "\(here.name)")
            try Self.redate(here, twin, try #require(try await desk.posting("invoice", "O-1").remoteID))
            let written = seen.with { $0.writes }
            try await ask()
            #expect(try await desk.states() == ["invoice O-1": "manual", "invoice O-2": "reconciled"], "\(here.name)")
            let findings = try PlanCodec.findings(try await desk.posting("invoice", "O-1").findings)
            #expect(findings.map(\.check) == ["drift"] && findings.map(\.position) == ["date"], "\(here.name): \(findings)")
            try await desk.later()
            #expect(seen.with { $0.writes } == written, "\(here.name): nothing is sent over it")
        }
    }

    /// Each body shape in which the two send what happened.
    private static let shapes: [(country: Country, shape: String)] = [(.america, "notifications"), (.america, "cloudevents"), (.britain, "")]

    /// What is due is delivered as the control plane takes it: checked, read, kept for the account's connections.
    private static func deliver(_ here: Country, _ desk: Desk, _ twin: any LedgerTwin) async throws -> Int {
        let living = try #require(twin as? any LivingTwin), connector = here.connector
        let secret = Secret(here.name == "Xero" ? XeroTwin.webhookKey : QuickBooksOnlineTwin.verifierToken)
        var told = 0
        for _ in 0 ..< 5 {
            let now = SystemClocks().now() + .seconds(3_600)
            for due in living.takeWebhooks(at: now, most: 100) {
                let notices = try connector.notices(due.request.fields, body: due.request.body, secret: secret)
                for notice in notices ?? [] {
                    told += 1
                    #expect(notice.account.lowercased() == here.plan.ledgerAccount.lowercased(), "\(here.name)")
                    let row = NoticeRow(object: notice.object, remoteID: notice.remoteID, change: notice.change.rawValue, at: notice.at)
                    try await desk.house.supervisor.keep([NewNotice(tenant: desk.house.tenant, connection: desk.house.ledger, notice: row, id: notice.id)])
                }
                living.settleWebhook(due.id, status: notices == nil ? 401 : 200, at: now)
            }
        }
        try await desk.work()
        return told
    }

    @Test("a webhook of either shape names what to look at; our own writes' are an echo", arguments: shapes.indices) func webhook(place index: Int) async throws {
        let (here, shape) = Self.shapes[index]
        try await here.with { desk, twin in
            let living = try #require(twin as? any LivingTwin)
            var asked: JSON = ["do": "subscribes", "url": "https://hooks.example.com/ledger"]
            if !shape.isEmpty { asked = asked.setting("shape", .string(shape)) }
            _ = try living.happen(asked, at: SystemClocks().now())
            _ = try await Self.deliver(here, desk, twin)
            try await desk.run(here.sale(), here.sale("O-2", 2_500))
            #expect(try await Self.deliver(here, desk, twin) > 0, "\(here.name)")
            #expect(Set(try await desk.states().values) == ["reconciled"], "\(here.name) \(shape)")
            try Self.redate(here, twin, try #require(try await desk.posting("invoice", "O-1").remoteID))
            #expect(try await Self.deliver(here, desk, twin) == 1, "\(here.name) \(shape)")
            #expect(try await desk.states() == ["invoice O-1": "manual", "invoice O-2": "reconciled"], "\(here.name) \(shape)")
            #expect(try await desk.house.count("SELECT count(*) FROM app.ledger_notices") == 0)
        }
    }

    // MARK: Metered reads

    /// With a month of reads that ends.
    private static let metering: Country = {
        var out = Country.america
        out.make = {
            let limits = QuickBooksOnlineLimits(perMinute: .max, perSecond: .max, batchesPerMinute: .max, readsPerMonth: 500_000)
            return try QuickBooksOnlineTwin(journal: TwinJournal(inMemory: []), limits: limits, random: SeededRandom(seed: 7))
        }
        return out
    }()

    @Test("when the month's metered reads are spent, what was written waits to be read back, and nothing is written twice") func metered() async throws {
        let here = Self.metering, seen = Locked(Seen())
        try await here.with(between: Self.watch(seen)) { desk, twin in
            let living = try #require(twin as? any LivingTwin)
            try await desk.run(here.sale())
            #expect(try await desk.states()["invoice O-1"] == "reconciled")
            _ = try living.happen(["do": "spends", "left": 0], at: SystemClocks().now())
            try await desk.run(here.sale("O-2", 2_500))
            let waiting = try #require(try await desk.states()["invoice O-2"])
            #expect(["mapped", "cleared", "posted"].contains(waiting), "\(waiting)")
            #expect(twin.entries().count <= 2)
            // A new month.
            _ = try living.happen(["do": "spends", "left": 500_000], at: SystemClocks().now())
            try await desk.later()
            try await desk.later()
            #expect(try await desk.states()["invoice O-2"] == "reconciled")
            #expect(twin.entries().filter(\.live).count == 2)
        }
    }

    @Test("reads that posting can do without leave the last tenth of a metered budget") func reserve() async throws {
        let here = Country.america, seen = Locked(Seen())
        try await here.with(between: Self.watch(seen)) { desk, twin in
            func ask() async throws -> Int {
                let before = seen.with { $0.requests.count { $0.request.path.hasSuffix("/cdc") } }
                try await desk.house.owner.query("UPDATE app.connections SET changes_due_at = NULL")
                try await desk.house.worker.ask(desk.house.tenant, [Job(.changes, desk.house.ledger.description, lane: .poll)])
                try await desk.work()
                return seen.with { $0.requests.count { $0.request.path.hasSuffix("/cdc") } } - before
            }
            try await desk.run(here.sale())
            #expect(try await ask() == 1)
            // All but a twentieth is spent, by our own count.
            try await desk.house.owner.batch([
                "UPDATE adm.app_budgets SET used = 475000 WHERE name = 'reads'",
                "UPDATE app.budgets SET used = 475000 WHERE name = 'reads'",
            ])
            #expect(try await ask() == 0)
            try await desk.arrive(here.sale("O-2", 2_500))
            try await desk.work()
            #expect(twin.entries().count == 2)
        }
    }
}
