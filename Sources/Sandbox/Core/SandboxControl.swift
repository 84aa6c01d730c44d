internal import Kernel
internal import Wire

/// The control endpoints. Bodies are JSON; a refusal is `{"error": {"code", "summary", "remedy", "position"}}`.
extension SandboxService {
    func control(_ request: HTTPRequest) -> HTTPResponse {
        var path = request.path
        if path.hasPrefix("/_sandbox") { path = String(path.dropFirst("/_sandbox".count)) }
        do {
            let body: JSON = request.body.isEmpty ? .object([]) : try JSON(parsing: request.body)
            switch (request.method, path) {
            case (.get, "/healthz"): return .json(200, .object([("status", "ok")]))
            case (.post, "/day/prepare"): return .json(200, try prepare(body))
            case (.post, "/day/play"): return .json(202, try play(body))
            case (.get, "/day/progress"): return .json(200, player.progress())
            case (.post, "/day/noon"): return .json(200, try noon())
            case (.get, "/verdict"): return .json(200, try verdict())
            case (.post, "/faults"): return .json(200, try plan(body))
            case (.get, "/entries"): return try entries(request.query("ledger") ?? "")
            case (.get, "/subscriptions"): return .json(200, subscriptions())
            default: return try subscribe(request.method, path, body)
            }
        } catch {
            return Self.refusal(error)
        }
    }

    static func refusal(_ fault: Fault) -> HTTPResponse {
        let status: Int
        switch fault.code {
        case "unknown_shop", "unknown_ledger", "unknown_endpoint": status = 404
        case "day_already_prepared", "day_not_prepared": status = 409
        case "malformed_json", "day_refused", "url_refused", "faults_refused", "until_refused": status = 400
        default: status = 500
        }
        let members: [(key: String, value: JSON)] = [
            ("code", .string(fault.code)), ("summary", .string(fault.summary)), ("remedy", .string(fault.remedy)),
            ("position", .optional(fault.position)),
        ]
        return .json(status, .object([("error", .object(members))]))
    }

    private func prepare(_ body: JSON) throws(Fault) -> JSON {
        try player.prepare(seed: body["seed"]?.int ?? 1, orders: body["orders"]?.int ?? 500)
    }

    private func play(_ body: JSON) throws(Fault) -> JSON {
        guard let until = DayState.Until(rawValue: body["until"]?.string ?? "end") else {
            throw Fault(
                "until_refused", stage: .sandbox, disposition: .reject, summary: "a day is played until noon or end",
                remedy: "Say \"noon\" or \"end\".", position: "until")
        }
        try player.play(until: until, webhookBase: body["webhook_base"]?.string ?? "")
        return player.progress()
    }

    /// The bookkeeper of the American business makes the garden account inactive.
    private func noon() throws(Fault) -> JSON {
        try player.markNoon()
        for ledger in ledgers where ledger.name == "qbo" {
            ledger.twin.setAccountActive(DayFacts.inactiveAccount, false)
        }
        return .object([("inactive_account", .string(DayFacts.inactiveAccount)), ("ledger", "qbo")])
    }

    /// Reads the expected entries from their files and the books from the ledgers.
    private func verdict() throws(Fault) -> JSON {
        var expected: [ExpectedEntry] = []
        for shop in try ShopifyTwin.shops() {
            guard let bytes = try SandboxFile.read(DayPlayer.expectedPath(folder, shop.name)) else {
                throw Fault(
                    "day_not_prepared", stage: .sandbox, disposition: .reject,
                    summary: "there is nothing expected to judge by",
                    remedy: "Prepare a day first: POST /_sandbox/day/prepare.")
            }
            for line in bytes.split(separator: 10) {
                expected.append(try ExpectedEntry(try JSON(parsing: Array(line))))
            }
        }
        return Judge(expected: expected, books: ledgers.map { (ledger: $0.name, entries: $0.twin.entries()) }).verdict()
    }

    private func plan(_ body: JSON) throws(Fault) -> JSON {
        let plan = try FaultPlan(body, known: twins.map { String($0.prefix.dropFirst()) })
        try journal.append([.object([("t", "faults"), ("faults", body)])])
        faults.with { $0 = plan }
        return body
    }

    private func entries(_ name: String) throws(Fault) -> HTTPResponse {
        guard let ledger = ledgers.first(where: { $0.name == name }) else {
            throw Fault(
                "unknown_ledger", stage: .sandbox, disposition: .reject, summary: "the sandbox has no such ledger",
                remedy: "Name one of: \(ledgers.map(\.name).joined(separator: ", ")).", position: "ledger")
        }
        let shown = ledger.twin.entries().map { entry -> JSON in
            let lines = entry.lines.map { line -> JSON in
                .object([
                    ("account", .string(line.account)), ("minor", .number(String(line.minor))),
                    ("base_minor", .number(String(line.baseMinor))),
                ])
            }
            return .object([
                ("id", .string(entry.id)), ("kind", .string(entry.kind)), ("reference", .string(entry.reference)),
                ("key", .string(entry.key)), ("date", .string(entry.date.description)),
                ("currency", .string(entry.currency)),
                ("live", .bool(entry.live)), ("lines", .array(lines)),
            ])
        }
        return .json(200, .object([("entries", .array(shown))]))
    }

    private func subscriptions() -> JSON {
        .object(player.subscriptions().sorted { $0.key < $1.key }.map { (key: $0.key, value: JSON.string($0.value)) })
    }

    private func subscribe(_ method: HTTPMethod, _ path: String, _ body: JSON) throws(Fault) -> HTTPResponse {
        let parts = path.split(separator: "/")
        guard method == .post, parts.count == 3, parts[0] == "shopify", parts[2] == "subscriptions" else {
            throw Fault(
                "unknown_endpoint", stage: .sandbox, disposition: .reject,
                summary: "the sandbox has no such control endpoint")
        }
        try player.subscribe(shop: String(parts[1]), url: body["url"]?.string ?? "")
        return .json(200, subscriptions())
    }
}
