internal import FoundationEssentials
internal import Glibc
internal import HTTPClient
internal import Kernel
internal import Wire

/// The demo's day: prepared and played by the sandbox, judged by the sandbox, processed by the services. This only conducts.
struct Demo {
    let house: House
    let api: API
    private let client: HTTPClient
    private let seed: UInt64
    private let orders: Int
    private let stop: Stop

    init(_ house: House, _ arguments: Arguments, stop: Stop) throws(Fault) {
        self.house = house
        api = API(house)
        client = HTTPClient(policy: EgressPolicy(allowedHosts: ["127.0.0.1:\(house.sandboxPort)"]))
        self.stop = stop
        orders = try arguments.number("orders", in: 40 ... 20_000, default: 500)
        if let text = arguments.value("seed") {
            guard let given = UInt64(text), given < 1 << 53 else { throw usage("--seed must be a whole number below 9007199254740992") }
            seed = given
        } else {
            seed = SystemRandom().number(below: 1 << 31)
        }
    }

    /// Plays the day to its end and judges it.
    mutating func play(since started: Duration) async throws(Fault) -> DemoResult {
        let before = try await control(.get, "/day/progress", nil)
        let running = before["phase"]?.string != "idle"
        let (daySeed, dayOrders): (UInt64, Int)
        if running, let s = before["seed"]?.int, let n = before["orders"]?.int {
            (daySeed, dayOrders) = (UInt64(s), n)
            note("resuming the day of seed \(s), \(n) orders")
        } else {
            (daySeed, dayOrders) = (seed, orders)
            note("a day of \(orders) orders, seed \(seed)")
        }
        _ = try await control(.post, "/day/prepare", .object([("seed", .number("\(daySeed)")), ("orders", .number("\(dayOrders)"))]))
        try await setUpTenants()
        for half in ["noon", "end"] {
            _ = try await control(.post, "/day/play", .object([("until", .string(half)), ("webhook_base", .string(house.address))]))
            try await delivered(half)
            try await pull()
            try await settled(half == "noon" ? "morning" : "day")
            if half == "noon" { _ = try await control(.post, "/day/noon", .object([])) }
            if stop.isSet { break }
        }
        return try await judge(daySeed, SystemClocks().monotonic() - started)
    }

    /// Applies tenants/demo and points the shops' webhooks at their connections.
    func setUpTenants() async throws(Fault) {
        let files = try TenantFiles.read(house.surroundings.absolute("tenants/demo"), variables: ["sandbox": house.sandbox])
        let applied = try await TenantApply(api).apply(files)
        note("tenants: \(applied.created) things created, \(applied.changed) changed")
        for connection in applied.connections where connection.platform == "shopify" {
            _ = try await control(.post, "/shopify/\(connection.account)/subscriptions", .object([("url", .string("\(house.address)/hooks/\(connection.id)"))]))
        }
        try await bringBack(applied.connections)
    }

    /// The day's returns are in their systems before its orders come: what they explain is explained from the first, whichever webhook is faster.
    private func bringBack(_ connections: [(id: String, platform: String, account: String, tenant: String)]) async throws(Fault) {
        let systems = ["loop-returns": ("loop", "return.closed"), "aftership-returns": ("aftership", "return.resolved")]
        for connection in connections {
            guard let (twin, topic) = systems[connection.platform] else { continue }
            _ = try await control(.post, "/\(twin)/happen", .object([
                ("do", "subscribes"), ("store", .string(connection.account)), ("url", .string("\(house.address)/hooks/\(connection.id)")), ("topics", .array([.string(topic)])),
            ]))
        }
        _ = try await control(.post, "/day/returns", .object([]))
        while !stop.isSet {
            if try await control(.get, "/day/progress", nil)["returns_waiting"]?.bool == false { break }
            await pause()
        }
        try await settled("returns")
    }

    /// Waits until the shops have delivered what this half of the day holds.
    func delivered(_ half: String) async throws(Fault) {
        while !stop.isSet {
            let p = try await control(.get, "/day/progress", nil)
            progress("\(half == "noon" ? "morning" : "afternoon"): \(p["sent"]?.int ?? 0) of \(p["total"]?.int ?? 0) events played, \(p["undelivered"]?.int ?? 0) webhooks under way")
            if p["phase"]?.string == half, p["undelivered"]?.int == 0 { return }
            await pause()
        }
    }

    /// A sweep of every flow: the backstop for the webhooks that never arrived.
    func pull() async throws(Fault) {
        for tenant in try await api.items("/v1/tenants") {
            for flow in try await api.items("/v1/tenants/\(tenant["id"]?.string ?? "")/flows") {
                if let id = flow["id"]?.string { _ = try await api.post("/v1/flows/\(id)/pull", .object([])) }
            }
        }
    }

    /// Waits until nothing is under way any more: the same emptiness seen several times in a row.
    /// - Parameter meanwhile: called at each look that finds something, with what has still to become postings, and the postings that are open.
    func settled(
        _ what: String, stuckAfter patience: Duration = .seconds(240), meanwhile: (Int, Int) async throws(Fault) -> Void = { _, _ in }
    ) async throws(Fault) {
        var still = 0
        var last = ""
        var stuck = SystemClocks().monotonic()
        while !stop.isSet {
            let p = try await api.get("/v1/report/pending")
            let counts = ["events_ingested", "cases_dirty", "postings_open", "jobs_due"].map { p[$0]?.int ?? 0 }
            progress("\(what): \(counts[0]) events, \(counts[1]) cases and \(counts[2]) postings under way")
            still = counts.allSatisfy { $0 == 0 } ? still + 1 : 0
            if still >= 4 { return }
            try await meanwhile(counts[0] + counts[1], counts[2])
            let now = SystemClocks().monotonic()
            if "\(counts)" != last {
                last = "\(counts)"
                stuck = now
            }
            guard now - stuck < patience else {
                throw Fault("stuck", stage: .sandbox, disposition: .bug, summary: "the \(what) does not come to rest: \(counts) events, cases, postings and jobs are under way for \(patience.components.seconds / 60) minutes")
            }
            await pause()
        }
    }

    private func judge(_ seed: UInt64, _ took: Duration) async throws(Fault) -> DemoResult {
        try await proved()
        let verdict = try await control(.get, "/verdict", nil)
        let report = try await api.get("/v1/report")
        let held = try await api.items("/v1/report/held")
        var told: [String: Int] = [:]
        for tenant in try await api.items("/v1/tenants") {
            let count = try await api.items("/v1/tenants/\(tenant["id"]?.string ?? "")/reflections?state=told").count
            if count > 0 { told[tenant["slug"]?.string ?? "?"] = count }
        }
        return DemoResult(seed: seed, seconds: took, verdict: verdict, report: report, held: held, told: told)
    }

    /// Reconciliation runs last; the proof is complete when every posting of the report is reconciled or open by name.
    private func proved() async throws(Fault) { try await settled("proof") }

    // MARK: Words

    private func note(_ text: String) { Progress.note(text) }
    private func progress(_ text: String) { Progress.show(text) }
    private func pause() async { do { try await Task.sleep(for: .milliseconds(250)) } catch { return } }

    /// A call to the sandbox; one that is just being restarted is asked again.
    func control(_ method: HTTPMethod, _ path: String, _ body: JSON?) async throws(Fault) -> JSON {
        var request = HTTPRequest(method, house.sandbox + "/_sandbox" + path, body: body?.bytes ?? [])
        if body != nil { request.fields["Content-Type"] = "application/json" }
        var why = "it can't be reached"
        for attempt in 0 ..< 240 {
            if stop.isSet, attempt > 0 { break }
            switch await client.send(request, timeout: .seconds(60)) {
            case .answered(let response) where response.status < 300: return try JSON(parsing: response.body)
            case .answered(let response):
                why = "it answered \(response.status): \(((try? JSON(parsing: response.body))?.member("error", "summary")?.string) ?? "")"
                if response.status != 503 { throw Fault("sandbox_refused", stage: .sandbox, disposition: .reject, summary: "the sandbox refused \(path): \(why)") }
            case .notSent, .unknown: why = "it can't be reached"
            }
            await pause()
        }
        throw Fault("sandbox_unreachable", stage: .sandbox, disposition: .retry, summary: "the sandbox at \(house.sandbox) does not answer: \(why)",
            remedy: "Is port \(house.sandboxPort) free? Choose another with --sandbox-port.")
    }
}

/// What became of the day.
struct DemoResult {
    var seed: UInt64
    var seconds: Duration
    var verdict: JSON
    var report: JSON
    var held: [JSON]
    /// By tenant: how often a source was told what the ledger has.
    var told: [String: Int] = [:]

    private var tenants: [JSON] { report["tenants"]?.array ?? [] }
    private func sum(_ key: String) -> Int { tenants.reduce(0) { $0 + ($1[key]?.int ?? 0) } }

    /// The judge's unexplained amount and the proofs' own, whichever sees more.
    private var unexplained: Int { max(verdict["unexplained_minor"]?.int ?? -1, sum("unexplained_minor")) }

    /// `ledger ref kind check` of everything that was planted, and of everything that is held.
    private var planted: Set<String> {
        Set((verdict["held_expected"]?.array ?? []).map { "\($0["ledger"]?.string ?? "") \($0["ref"]?.string ?? "") \($0["kind"]?.string ?? "") \($0["check"]?.string ?? "")" })
    }

    private var heldSet: Set<String> {
        Set(held.flatMap { row -> [String] in
            let isOwn = row["tenant_slug"]?.string == "mesa-outfitters"
            let ledger = isOwn ? "qbo2" : ["quickbooks-online": "qbo", "xero": "xero"][row["ledger"]?.string ?? ""] ?? "?"
            return (row["checks"]?.array ?? []).compactMap(\.string).map { "\(ledger) \(row["reference"]?.string ?? "") \(row["form"]?.string ?? "") \($0)" }
        })
    }

    /// Held though not planted, and planted though not held.
    var surprises: [String] { heldSet.subtracting(planted).sorted().map { "held: \($0)" } + planted.subtracting(heldSet).sorted().map { "not held: \($0)" } }

    var clean: Bool {
        verdict["lost"]?.int == 0 && verdict["doubled"]?.int == 0 && unexplained == 0 && surprises.isEmpty && sum("unknown") == 0 && sum("in_progress") == 0 && sum("manual") == 0
    }

    var json: JSON {
        .object([
            ("seed", .number("\(seed)")), ("tenants", .number("\(tenants.count)")), ("events", .number("\(sum("events"))")), ("documents", .number("\(sum("documents"))")),
            ("posted", .number("\(sum("posted"))")), ("returns", .number("\(sum("returns"))")), ("confirmed", .number("\(sum("confirmed"))")), ("held", .number("\(sum("held"))")),
            ("rejected", .number("\(sum("rejected"))")), ("unknown", .number("\(sum("unknown"))")), ("manual", .number("\(sum("manual"))")),
            ("superseded", .number("\(sum("superseded"))")), ("voided", .number("\(sum("voided"))")), ("skipped", .number("\(sum("skipped"))")),
            ("lost", .number("\(verdict["lost"]?.int ?? -1)")), ("doubled", .number("\(verdict["doubled"]?.int ?? -1)")),
            ("unexplained_minor", .number("\(unexplained)")), ("told_back", .number("\(told.values.reduce(0, +))")), ("held_unexpected", .number("\(surprises.count)")), ("seconds", .number("\(seconds.components.seconds)")),
        ])
    }

    var table: String {
        var out = "\n" + "tenant".padded(to: 18) + "ledger".padded(to: 20) + "documents".paddedLeft(to: 10) + "posted".paddedLeft(to: 8) + "confirmed".paddedLeft(to: 11)
            + "returns".paddedLeft(to: 9) + "held".paddedLeft(to: 6) + "unexplained".paddedLeft(to: 13) + "\n"
        for t in tenants {
            func n(_ key: String) -> String { "\(t[key]?.int ?? 0)" }
            out += (t["slug"]?.string ?? "?").padded(to: 18) + (t["ledger"]?.string ?? "?").padded(to: 20) + n("documents").paddedLeft(to: 10) + n("posted").paddedLeft(to: 8)
                + n("confirmed").paddedLeft(to: 11) + n("returns").paddedLeft(to: 9) + n("held").paddedLeft(to: 6) + n("unexplained_minor").paddedLeft(to: 13) + "\n"
            for cause in t["held_by"]?.array ?? [] { out += "    held: \(cause["count"]?.int ?? 0) by \(cause["check"]?.string ?? "?")\n" }
            if let count = told[t["slug"]?.string ?? "?"] { out += "    told back: \(count) times what the ledger has, beside the source's own documents\n" }
        }
        out += "\nlost \(verdict["lost"]?.int ?? -1), doubled \(verdict["doubled"]?.int ?? -1), unexplained \(unexplained) (judged by the twins' own books, seed \(seed), \(seconds.components.seconds) s)"
        if !surprises.isEmpty { out += "\nthe held set is not what the day planted:\n  " + surprises.prefix(20).joined(separator: "\n  ") }
        for key in ["lost_list", "doubled_list", "unexpected_list", "altered_list", "differences"] {
            let list = verdict[key]?.array ?? []
            if !list.isEmpty { out += "\n\(key): " + list.prefix(5).map(\.text).joined(separator: " ") }
        }
        return out
    }
}

/// The progress line on standard error: rewritten in place on a terminal, otherwise a line now and then.
enum Progress {
    private static let state = Locked<(shown: Bool, last: Duration)>((false, .zero))
    private static let terminal = isatty(2) == 1

    static func note(_ text: String) {
        let clear = state.with { state in
            defer { state.shown = false }
            return state.shown
        }
        put((clear ? "\u{1B}[2K\r" : "") + text + "\n")
    }

    static func show(_ text: String) {
        let now = SystemClocks().monotonic()
        let due = state.with { state in
            guard terminal || now - state.last > .seconds(10) else { return false }
            state = (terminal, now)
            return true
        }
        if due { put(terminal ? "\u{1B}[2K\r" + text : text + "\n") }
    }

    private static func put(_ text: String) {
        let bytes = Array(text.utf8)
        _ = bytes.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
    }
}
