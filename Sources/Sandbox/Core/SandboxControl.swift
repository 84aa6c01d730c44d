internal import Crypto
internal import Kernel
internal import TwinKit
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
            case (.post, "/day/returns"): return .json(200, try bringBack())
            case (.get, "/day/progress"): return .json(200, player.progress().setting("returns_waiting", .bool(returnsWait)))
            case (.post, "/day/noon"): return .json(200, try noon())
            case (.get, "/verdict"): return .json(200, try verdict())
            case (.post, "/faults"): return .json(200, try plan(body))
            case (.post, "/shots"): return .json(201, try shoot(body))
            case (.get, "/traffic"): return .json(200, traffic.with { $0.json })
            case (.post, "/clock"): return .json(200, try setSkew(body))
            case (.post, "/ledger"): return .json(200, try changeLedger(body))
            case (.post, "/tokens"): return .json(200, try changeTokens(body))
            case (.get, "/live"): return .json(200, live())
            case (.get, "/entries"): return try entries(request.query("ledger") ?? "")
            case (.get, "/money"): return try money(request.query("source") ?? "")
            case (.post, "/trade"): return .json(200, try trade(body))
            case (.post, "/trade/paper"): return .json(200, try bring(body))
            case (.get, "/trade/verdict"): return .json(200, try tradeVerdict())
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
        case "unknown_shop", "unknown_ledger", "unknown_source", "unknown_endpoint", "unknown_shot": status = 404
        case "day_already_prepared", "day_not_prepared": status = 409
        case "malformed_json", "day_refused", "url_refused", "faults_refused", "until_refused", "shot_refused", "clock_refused",
            "tokens_refused", "happening_refused", "paper_refused":
            status = 400
        default: status = 500
        }
        let members: [(key: String, value: JSON)] = [
            ("code", .string(fault.code)), ("summary", .string(fault.summary)), ("remedy", .string(fault.remedy)),
            ("position", .optional(fault.position)),
        ]
        return .json(status, .object([("error", .object(members))]))
    }

    private func prepare(_ body: JSON) throws(Fault) -> JSON {
        try player.prepare(
            seed: body["seed"]?.int ?? 1, orders: body["orders"]?.int ?? 500, documents: body["documents"]?.int, lockMoves: body["lock_moves"]?.bool ?? false)
    }

    private func play(_ body: JSON) throws(Fault) -> JSON {
        guard let until = DayState.Until(rawValue: body["until"]?.string ?? "end") else {
            throw Fault(
                "until_refused", stage: .sandbox, disposition: .reject, summary: "a day is played until noon or end",
                remedy: "Say \"noon\" or \"end\".", position: "until")
        }
        let next = body["shop"]?.string.map { (shop: $0, count: body["count"]?.int ?? 1) }
        try player.play(until: until, webhookBase: body["webhook_base"]?.string ?? "", through: body["through"]?.int, next: next)
        return player.progress()
    }

    /// The bookkeeper of the American business makes the garden account inactive.
    private func noon() throws(Fault) -> JSON {
        try player.markNoon()
        for ledger in ledgers where ledger.name == "qbo" {
            ledger.twin.setAccountActive(DayFacts.inactiveAccount, false)
        }
        if player.lockMoves {
            for ledger in ledgers { ledger.twin.setLockDate(DayFacts.movedLockDate) }
        }
        return .object([("inactive_account", .string(DayFacts.inactiveAccount)), ("ledger", "qbo")])
    }

    /// Lets the prepared day's returns happen in the returns systems; asked again, what happened already does not happen twice.
    private func bringBack() throws(Fault) -> JSON {
        let returns = try player.returns()
        for back in returns {
            for step in back.steps {
                do throws(Fault) {
                    _ = try happen(back.system, step.happening.setting("at", .number("\(step.at.seconds)")))
                } catch {
                    // The twin has this return already, or it is settled.
                    guard error.code == "happening_refused", error.position == "id" else { throw error }
                }
            }
        }
        return .object([("returns", .number("\(returns.count)")), ("documents", .number("\(returns.flatMap(\.entries).count)"))])
    }

    /// A returns system has still to tell of something.
    private var returnsWait: Bool { living.contains { ["loop", "aftership"].contains($0.name) && $0.twin.nextWebhook() != nil } }

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
        // Of a business without a shop only where its returns were let happen.
        for line in try SandboxFile.read(DayPlayer.expectedPath(folder, DayReturns.ownStore))?.split(separator: 10) ?? [] {
            expected.append(try ExpectedEntry(try JSON(parsing: Array(line))))
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
        let shown = try ledger(name).entries().map { entry -> JSON in
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

    private var known: [String] { twins.map { String($0.prefix.dropFirst()) } }

    private func shoot(_ body: JSON) throws(Fault) -> JSON {
        let known = known
        let made: Result<Shot, Fault> = range.with { range in
            do throws(Fault) { return .success(try range.add(body, known: known)) } catch { return .failure(error) }
        }
        return try made.get().json
    }

    /// How far the twins' wall clock runs ahead of the machine's; never back, as no platform's does.
    private func setSkew(_ body: JSON) throws(Fault) -> JSON {
        guard let seconds = body["ahead_seconds"]?.int, (0...900).contains(seconds), skew.with({ $0 <= .seconds(seconds) }) else {
            throw Fault(
                "clock_refused", stage: .sandbox, disposition: .reject, summary: "the twins' clock runs 0 to 900 seconds ahead, and never back",
                remedy: "Say a larger number of seconds.", position: "ahead_seconds")
        }
        skew.with { $0 = .seconds(seconds) }
        return body
    }

    /// What the client's bookkeeper does: closes the books, ends an account.
    private func changeLedger(_ body: JSON) throws(Fault) -> JSON {
        let twin = try ledger(body["ledger"]?.string ?? "")
        if let text = body["lock_date"]?.string { twin.setLockDate(LocalDate(text)) }
        if let account = body["account"]?.string, let active = body["active"]?.bool { twin.setAccountActive(account, active) }
        if twin is any LivingTwin { courier.wake() }
        return body
    }

    private func ledger(_ name: String) throws(Fault) -> any LedgerTwin {
        guard let found = ledgers.first(where: { $0.name == name }) else {
            throw Fault(
                "unknown_ledger", stage: .sandbox, disposition: .reject, summary: "the sandbox has no such ledger",
                remedy: "Name one of: \(ledgers.map(\.name).joined(separator: ", ")).", position: "ledger")
        }
        return found.twin
    }

    /// `revoke_access`: the platform ends every access token. `refresh`: another client with the same grant refreshes, and does not use what it gets.
    private func changeTokens(_ body: JSON) throws(Fault) -> JSON {
        let name = body["ledger"]?.string ?? ""
        let twin = try ledger(name)
        switch body["do"]?.string {
        case "revoke_access": twin.revokeAccessTokens()
        case "refresh":
            guard let token = refreshTokens.with({ $0[name] }) else { throw Self.tokensRefused("no refresh token was given out yet") }
            guard let request = twin.refresh(with: token) else { throw Self.tokensRefused("its tokens are not refreshed") }
            let answer = twin.respond(request, at: clocks.now() + skew.with { $0 })
            guard answer.status == 200 else { throw Self.tokensRefused("the second client's refresh was answered \(answer.status)") }
        default: throw Self.tokensRefused("say revoke_access or refresh")
        }
        return body
    }

    private static func tokensRefused(_ summary: String) -> Fault {
        Fault("tokens_refused", stage: .sandbox, disposition: .reject, summary: summary, remedy: "See the sandbox's documentation of the fault plan.", position: "do")
    }

    /// How many documents of each ledger are live: for whoever waits for a ledger to change, or must see that it does not.
    private func live() -> JSON {
        .object(ledgers.map { (key: $0.name, value: .number("\($0.twin.entries().count(where: \.live))")) })
    }

    func source(_ name: String) throws(Fault) -> any SourceTwin {
        guard let found = sources.first(where: { $0.name == name }) else {
            throw Fault(
                "unknown_source", stage: .sandbox, disposition: .reject, summary: "the sandbox has no source of that name that lives by itself",
                remedy: "Name a source twin that sends its webhooks by itself, such as stripe.", position: "source")
        }
        return found.twin
    }

    /// Something happens in a platform's world: `{"do": "pays", …}`, with `at` in Unix seconds where it is not now.
    private func happen(_ name: String, _ body: JSON) throws(Fault) -> JSON {
        let now = body["at"]?.int.map { Timestamp(seconds: Int64($0)) } ?? clocks.now() + skew.with { $0 }
        guard let twin = living.first(where: { $0.name == name })?.twin else {
            throw Fault(
                "unknown_source", stage: .sandbox, disposition: .reject, summary: "the sandbox has no twin of that name in whose world things happen",
                remedy: "Name one of: \(living.map(\.name).joined(separator: ", ")).", position: "source")
        }
        let outcome = try twin.happen(body, at: now)
        courier.wake()
        return outcome
    }

    /// The money that a source's own books say there must be.
    private func money(_ name: String) throws(Fault) -> HTTPResponse {
        .json(200, .object([("money", .array(try source(name).expectedMoney().map(\.json)))]))
    }

    private func subscriptions() -> JSON {
        .object(player.subscriptions().sorted { $0.key < $1.key }.map { (key: $0.key, value: JSON.string($0.value)) })
    }

    private func subscribe(_ method: HTTPMethod, _ path: String, _ body: JSON) throws(Fault) -> HTTPResponse {
        let parts = path.split(separator: "/")
        if parts.count >= 2, parts[0] == "shots", let id = Int(parts[1]) {
            guard let shot = range.with({ $0[id] }) else {
                throw Fault("unknown_shot", stage: .sandbox, disposition: .reject, summary: "there is no such shot")
            }
            if method == .post, parts.count == 3, parts[2] == "release" { range.with { $0.release(id) } }
            return .json(200, (range.with { $0[id] } ?? shot).json)
        }
        if method == .post, parts.count == 2, parts[0] == "shopify", parts[1] == "happen" {
            return .json(200, try player.happen(body, at: body["at"]?.int.map { Timestamp(seconds: Int64($0)) } ?? clocks.now() + skew.with { $0 }))
        }
        if method == .post, parts.count == 2, parts[1] == "happen" { return .json(200, try happen(String(parts[0]), body)) }
        guard method == .post, parts.count == 3, parts[0] == "shopify", parts[2] == "subscriptions" else {
            throw Fault(
                "unknown_endpoint", stage: .sandbox, disposition: .reject,
                summary: "the sandbox has no such control endpoint")
        }
        try player.subscribe(shop: String(parts[1]), url: body["url"]?.string ?? "")
        return .json(200, subscriptions())
    }
}
