internal import Crypto
internal import Glibc
internal import HTTPClient
internal import Kernel
internal import Sandbox
internal import Store
internal import Wire

/// One run at the businesses of `tenants/mixed`: trade happens on three platforms and is posted into six ledgers, while what lies between is broken.
struct MixedTorture: TortureRun {
    let house: House
    let seed: UInt64
    let documents: Int
    let demo: Demo
    let vantage: Vantage
    let tally: Tally
    let stop: Stop
    let until: Duration
    let clocks = SystemClocks()
    /// The connection of the ledger that has no API, and how many files were brought there.
    private let paper = Locked<String?>(nil)
    private let files = Locked(0)

    /// The twins of these businesses, by their names below the sandbox.
    private static let twins = ["stripe", "woocommerce", "square", "odoo", "intacct", "netsuite", "qbo", "freeagent"]
    private static let ledgers: Set<String> = ["odoo", "intacct", "netsuite", "qbo", "freeagent"]
    /// Happenings between two faults.
    private static let stride = 4
    /// Longest wait for a worker to come to a point.
    private static let patience = Duration.seconds(12)

    init(_ house: House, seed: UInt64, documents: Int, _ arguments: Arguments, stop: Stop, until: Duration) throws(Fault) {
        self.house = house
        self.seed = seed
        self.documents = documents
        self.stop = stop
        self.until = until
        demo = try Demo(house, arguments, stop: stop)
        vantage = Vantage(house.administrator)
        tally = Tally(log: house.surroundings.folder + "/faults.log")
    }

    /// - Throws: what kept it from its end; a broken wall is a result.
    func run(since started: Duration) async throws(Fault) -> MixedResult {
        let tenants = try await setUp()
        try await vantage.install()
        try await background()
        var random = Seeded(seed)
        var made = 0
        var turn = 0
        while made < documents {
            try check()
            made = try await trade([("count", .number("\(Self.stride)"))])
            turn += 1
            Progress.show("\(made) of \(documents) documents, \(tally.now.kills) kills")
            // Half way the processors pay out for the first time.
            if turn == documents / Self.stride / 4 { made = try await payOut() }
            try await strike(turn, tenants, &random)
        }
        try await rest("trade")
        made = try await payOut()
        try await rest("end")
        let verdict = try await demo.control(.get, "/trade/verdict", nil)
        let traffic = try await demo.control(.get, "/traffic", nil)
        let held = try await demo.api.items("/v1/report/held")
        let report = try await demo.api.get("/v1/report")
        await vantage.close()
        return MixedResult(
            seed: seed, files: files.with { $0 }, verdict: verdict, report: report, held: held, tally: tally.now, fates: traffic["fates"] ?? .null,
            took: clocks.monotonic() - started)
    }

    private func trade(_ what: [(key: String, value: JSON)]) async throws(Fault) -> Int {
        let body = [(key: "seed", value: JSON.number("\(seed)"))] + what
        return try await demo.control(.post, "/trade", .object(body))["documents"]?.int ?? 0
    }

    /// Square knows the fee of a payment some seconds later and pays out from then on.
    private func payOut() async throws(Fault) -> Int {
        await pause(.seconds(8))
        return try await trade([("close", true)])
    }

    // MARK: What goes wrong

    /// What goes wrong by chance all the time; chance is drawn from the seed.
    private func background() async throws(Fault) {
        let twins = Self.twins.map { name -> (key: String, value: JSON) in
            let common = [("lost_request_per_mille", 5), ("torn_reply_per_mille", 8), ("unavailable_per_mille", 5), ("throttled_per_mille", 3)]
            let more =
                Self.ledgers.contains(name)
                ? [("search_lag_ms", 1500)] : [("lost_webhook_per_mille", 50), ("duplicated_webhook_per_mille", 50), ("late_webhook_per_mille", 50)]
            return (name, rates(common + more))
        }
        _ = try await demo.control(.post, "/faults", .object([("seed", .number("\(seed)")), ("twins", .object(twins))]))
    }

    /// Sweeps until nothing comes any more: what a webhook did not bring is found by the second at the latest, because the first may have been cut off.
    private func rest(_ what: String) async throws(Fault) {
        for _ in 0 ..< 2 {
            try await demo.pull()
            // What is cleared for the ledger without an API is brought there by file meanwhile.
            try await demo.settled(what, stuckAfter: .seconds(480)) { before, open throws(Fault) in
                if before == 0, open > 0 { try await bring() }
            }
            try check()
        }
    }

    /// What a bookkeeper does for a ledger without an API: makes files of its own form, brings each there once, for the account that it is of, and confirms it.
    private func bring() async throws(Fault) {
        guard let connection = paper.with({ $0 }) else { return }
        let made = try await demo.api.post("/v1/connections/\(connection)/batches", .object([("form", "patriot-bank-rows")]))
        for batch in made["batches"]?.array ?? [] {
            guard let id = batch["id"]?.string else { continue }
            _ = try await demo.api.post("/v1/batches/\(id)/hand-over", .object([]))
            let file = try await demo.api.file("/v1/batches/\(id)/file", .object([]))
            _ = try await demo.control(.post, "/trade/paper", .object([("csv", .string(String(decoding: file, as: UTF8.self))), ("account", "1010")]))
            _ = try await demo.api.post("/v1/batches/\(id)/confirm", .object([("all", true)]))
            files.with { $0 += 1 }
        }
    }

    /// A worker at one of the points of the protocol by turns; now and then the scheduler, the control plane, the database.
    private func strike(_ turn: Int, _ tenants: [TenantID], _ random: inout Seeded) async throws(Fault) {
        if turn % 10 == 0 {
            await crash("postgres", SIGQUIT)
            return tally.count(.postgresCrash, 1)
        }
        if turn % 7 == 0 {
            await crash("schedule", SIGKILL)
            return tally.count(.killScheduler, 1)
        }
        if turn % 9 == 0 {
            await crash("serve", SIGKILL)
            return tally.count(.killControlPlane, 1)
        }
        guard turn % 2 == 0 else { return await pause(.milliseconds(300)) }
        let gates: [(Vantage.Gate, ProtocolPoint)] = [
            (.beforeIntent, .beforeIntent), (.intentSend, .intentSend), (.replyCommit, .replyCommit), (.confirm, .confirm),
        ]
        let (gate, point) = random.pick(gates)
        let tenant = random.pick(tenants)
        let vantage = vantage
        do throws(Fault) {
            try await vantage.close(gate, for: tenant) { () throws(Fault) in
                let began = clocks.monotonic()
                while clocks.monotonic() - began < Self.patience {
                    if try await vantage.waiting(at: gate) != nil {
                        guard let pid = try await vantage.lease(tenant)?.pid, Processes.isWorker(pid) else { return }
                        kill(pid, SIGKILL)
                        tally.killed(at: point)
                        return
                    }
                    await pause(.milliseconds(25))
                }
            }
        } catch {
            guard error.stage == .database else { throw error }
        }
    }

    private func crash(_ service: String, _ signal: Int32) async {
        guard let pid = await house.supervisor.pid(of: service) else { return }
        kill(pid, signal)
        if service != "postgres" { tally.killed() }
    }

    // MARK: Setting up

    /// Applies `tenants/mixed` and points the sources' webhooks at their connections.
    private func setUp() async throws(Fault) -> [TenantID] {
        let files = try TenantFiles.read(house.surroundings.absolute("tenants/mixed"), variables: ["sandbox": house.sandbox])
        let applied = try await TenantApply(demo.api).apply(files)
        for connection in applied.connections {
            if connection.platform == "patriot" { try await giveAccounts(connection.id) }
            let hook = "\(house.address)/hooks/\(connection.id)"
            guard let secret = try await subscribe(connection.platform, hook, of: connection.tenant) else { continue }
            _ = try await demo.api.put("/v1/connections/\(connection.id)/webhook-secret", .object([("secret", .string(secret))]))
        }
        return try await demo.api.items("/v1/tenants").compactMap { $0["id"]?.string.flatMap { TenantID($0) } }
    }

    /// The list of accounts as Patriot exports it.
    private func giveAccounts(_ connection: String) async throws(Fault) {
        let accounts = [
            ("Checking", "Asset", "1000"), ("Stripe clearing", "Asset", "1010"), ("Accounts receivable", "Asset", "1200"),
            ("Sales tax payable", "Liability", "2200"),
            ("Sales", "Income", "4000"), ("Discounts", "Income", "4900"), ("Returns", "Income", "4910"), ("Chargebacks", "Expense", "6000"),
            ("Card fees", "Expense", "6200"), ("Rounding", "Expense", "9990"),
        ]
        let list = (["Account Name,Type,Subtype,Account Number"] + accounts.map { "\($0.0),\($0.1),,\($0.2)" }).joined(separator: "\r\n")
        let body: JSON = .object([("list", .string(list)), ("base_currency", "USD"), ("lock_date", "2026-10-31")])
        _ = try await demo.api.put("/v1/connections/\(connection)/accounts", body)
        paper.with { $0 = connection }
    }

    /// Asks a source's twin for webhooks; the secret that its deliveries are checked with.
    private func subscribe(_ platform: String, _ url: String, of tenant: String) async throws(Fault) -> String? {
        switch platform {
        case "stripe":
            let form = "enabled_events[]=*&url=" + Form.percent(url)
            let made = try await call(
                "/stripe/v1/webhook_endpoints", tenant == "corner-cafe" ? "Bearer sk_test_51PrairieGoods" : "Bearer sk_live_51PrairieGoods", Array(form.utf8),
                "application/x-www-form-urlencoded")
            return made["secret"]?.string
        case "square":
            let topics = [
                "order.created", "order.updated", "payment.created", "payment.updated", "refund.created", "refund.updated", "payout.sent", "payout.paid",
                "payout.failed",
            ]
            let wanted: JSON = .object([
                ("name", .string("Books " + url.suffix(36))), ("event_types", .array(topics.map(JSON.string))), ("notification_url", .string(url)),
                ("api_version", "2026-09-16"),
            ])
            let body: JSON = .object([("idempotency_key", .string(String(url.suffix(36)))), ("subscription", wanted)])
            let made = try await call("/square/v2/webhooks/subscriptions", "Bearer EAAASandboxCounterfoilHub", body.bytes, "application/json")
            return made.member("subscription", "signature_key")?.string.map { url + " " + $0 }
        case "woocommerce":
            let secret = "woo-rehearsal-secret"
            let (shop, digit) = tenant == "bankside-pots" ? ("thames", "2") : ("prairie", "1")
            let key = "ck_5a1e" + String(repeating: "0", count: 34) + digit + "1"
            let basic = "Basic " + Base64.encode(Array("\(key):cs\(key.dropFirst(2))".utf8))
            for topic in ["order.created", "order.updated"] {
                let body: JSON = .object([("name", .string(topic)), ("topic", .string(topic)), ("delivery_url", .string(url)), ("secret", .string(secret))])
                _ = try await call("/woocommerce/\(shop)/wp-json/wc/v3/webhooks", basic, body.bytes, "application/json")
            }
            return secret
        default: return nil
        }
    }

    private func call(_ path: String, _ authorization: String, _ body: [UInt8], _ type: String) async throws(Fault) -> JSON {
        let client = HTTPClient(policy: EgressPolicy(allowedHosts: ["127.0.0.1:\(house.sandboxPort)"]))
        let outcome = await client.send(
            HTTPRequest(.post, house.sandbox + path, fields: ["Authorization": authorization, "Content-Type": type], body: body), timeout: .seconds(30))
        await client.shutdown()
        guard case .answered(let response) = outcome, response.status < 300 else {
            throw Fault("sandbox_refused", stage: .sandbox, disposition: .reject, summary: "the twin refused \(path): \(outcome)")
        }
        return try JSON(parsing: response.body)
    }
}

/// What became of a run.
struct MixedResult {
    var seed: UInt64
    /// Brought to the ledger that has no API.
    var files: Int
    var verdict: JSON
    var report: JSON
    var held: [JSON]
    var tally: Tally.State
    var fates: JSON
    var took: Duration

    private func number(_ key: String) -> Int { verdict[key]?.int ?? -1 }
    private var tenants: [JSON] { report["tenants"]?.array ?? [] }
    /// The judge's, or the proofs' own, whichever sees more.
    private var unexplained: Int { max(number("unexplained_minor"), tenants.reduce(0) { $0 + ($1["unexplained_minor"]?.int ?? 0) }) }

    var isClean: Bool {
        number("lost") == 0 && number("doubled") == 0 && unexplained == 0 && number("unexpected") == 0 && number("altered") == 0 && held.isEmpty
            && tally.violations.isEmpty && number("expected") > 0 && files > 0
    }

    var json: JSON {
        func number(_ n: Int) -> JSON { .number("\(n)") }
        let hits = tally.hits.rows.filter { $0.fault == .kill }.flatMap { row in
            zip(ProtocolPoint.allCases, row.counts).compactMap { point, count in count.map { (key: point.rawValue, value: number($0)) } }
        }
        return .object([
            ("documents", verdict["documents"] ?? .null), ("lost", number(self.number("lost"))), ("doubled", number(self.number("doubled"))),
            ("unexplained_minor", number(unexplained)), ("unexpected", number(self.number("unexpected"))), ("altered", number(self.number("altered"))),
            ("held_unexpected", number(held.count)), ("paid_out", verdict["paid_out"] ?? .null), ("files", number(files)), ("kills", number(tally.kills)),
            ("kills_at", .object(hits)),
            ("postgres_crashes", number(tally.faults[.postgresCrash] ?? 0)), ("fates", fates), ("seed", .number("\(seed)")),
            ("seconds", number(Int(took.components.seconds))),
        ])
    }

    var table: String {
        var out =
            "\n" + "tenant".padded(to: 16) + "ledger".padded(to: 20) + "documents".paddedLeft(to: 10) + "confirmed".paddedLeft(to: 11)
            + "unexplained".paddedLeft(to: 13) + "\n"
        for t in tenants {
            out +=
                (t["slug"]?.string ?? "?").padded(to: 16) + (t["ledger"]?.string ?? "?").padded(to: 20)
                + "\(verdict.member("documents", t["slug"]?.string ?? "")?.int ?? 0)".paddedLeft(to: 10)
                + "\(t["confirmed"]?.int ?? 0)".paddedLeft(to: 11) + "\(t["unexplained_minor"]?.int ?? 0)".paddedLeft(to: 13) + "\n"
        }
        out += "\n\(number("expected")) documents: lost \(number("lost")), doubled \(number("doubled")), unexplained \(unexplained)"
        out += ", unexpected \(number("unexpected")), altered \(number("altered")), held \(held.count)"
        out +=
            "\n\(files) files, \(tally.kills) kills, \(tally.faults[.postgresCrash] ?? 0) crashes of the database; by chance: "
            + (fates.object ?? []).map { "\($0.key) \($0.value.text)" }.joined(separator: ", ")
        out += "\nseed \(seed), \(took.components.seconds) s"
        for row in held.prefix(10) {
            let why = (row["checks"]?.array ?? []).map(\.text).joined(separator: ", ") + " " + (row.member("fault", "summary")?.string ?? "")
            out += "\nheld: \(row["tenant_slug"]?.string ?? "") \(row["reference"]?.string ?? "") \(row["state"]?.string ?? ""): \(why)"
        }
        for key in ["lost_list", "doubled_list", "unexpected_list", "altered_list"] {
            let list = verdict[key]?.array ?? []
            if !list.isEmpty { out += "\n\(key): " + list.prefix(5).map(\.text).joined(separator: " ") }
        }
        return out
    }
}
