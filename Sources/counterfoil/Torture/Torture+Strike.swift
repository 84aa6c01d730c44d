internal import Glibc
internal import Kernel
internal import Sandbox
internal import Store
internal import Wire

extension Torture {
    /// Longest wait for a worker to come to where a fault waits for it.
    private static let patience = Duration.seconds(30)
    /// Longest wait for a sign of life; far above what passes.
    private static let lifeless = Duration.seconds(150)

    func strike(_ step: TortureSchedule.Step) async throws(Fault) {
        switch step.fault {
        case .kill, .stop, .postgresCrash: try await strikeProcess(step)
        case .stopPastLease: try await stopPastLease(step)
        case .leaseTaken: try await takeLease(step)
        case .killScheduler, .killControlPlane: try await killService(step)
        case .tokenRevoked, .secondRefresher: try await revoke(step)
        case .lostRefreshAnswer: try await loseRefreshAnswer(step)
        default: try await shoot(step)
        }
    }

    // MARK: Shots

    /// Lets a shot wait for whoever comes; it is counted at the end.
    func arm(_ step: TortureSchedule.Step) async throws(Fault) { pace.arm(step, try await aim(step)) }

    private func aim(_ step: TortureSchedule.Step) async throws(Fault) -> Int {
        var body: [(key: String, value: JSON)] = [("twin", .string(step.ledger))]
        switch step.fault {
        case .tornReply: body += [("fate", "torn_reply"), ("forgets_key", true)]
        case .lostRequest: body.append(("fate", "lost_request"))
        case .errorInSuccess: body += [("fate", "error_in_success"), ("purpose", "write")]
        case .unavailableStorm: body += [("fate", "unavailable"), ("count", .number("12"))]
        default:
            body.append(("fate", "throttled"))
            if let text = step.fault.retryAfter { body.append(("retry_after", .string(text))) }
        }
        switch step.point {
        case .beforeIntent: body.append(("purpose", "reference"))
        case .confirm: body.append(("purpose", "readback"))
        case .sendReply: body.append(("purpose", "write"))
        default: break
        }
        // Invoices are refused by their number when they come twice; what has no such wall of the ledger's own is the better test.
        if trial.sabotage != nil, step.fault == .tornReply { body.append(("containing", .string(step.ledger == "qbo" ? "PaymentRefNum" : "/Payments"))) }
        guard let id = try await demo.control(.post, "/shots", .object(body))["id"]?.int else { throw unreadable }
        return id
    }

    private var unreadable: Fault { Fault("sandbox_refused", stage: .sandbox, disposition: .bug, summary: "the sandbox's answer has no id") }

    /// One shot, waited for until it has met a request.
    private func shoot(_ step: TortureSchedule.Step) async throws(Fault) {
        let id = try await aim(step)
        let met = try await until(Torture.patience, advancing: step.ledger) { () throws(Fault) in
            try await demo.control(.get, "/shots/\(id)", nil)["met"]?.int ?? 0 > 0
        }
        if met { tally.struck(step) } else { tally.note("never met: \(step)") }
        // What a wall's absence does after a fault must not meet the next fault: a second send that is torn as well does no harm.
        if trial.sabotage != nil { await pause(.seconds(1)) }
    }

    // MARK: Workers and the database, at a point

    private func strikeProcess(_ step: TortureSchedule.Step) async throws(Fault) {
        guard let point = step.point else { return }
        let struck = Locked<Duration?>(nil)
        try await at(point, step.ledger) { () throws(Fault) in
            let done: Bool = switch step.fault {
            case .kill: try await killWorker(step.ledger)
            case .stop: try await signalWorker(step.ledger, SIGSTOP) != nil
            default: await crashDatabase()
            }
            if done { struck.with { $0 = clocks.monotonic() } }
        }
        guard let since = struck.with({ $0 }) else { return tally.note("never came there: \(step)") }
        tally.struck(step)
        if step.fault == .stop {
            await pause(.seconds(3))
            _ = try await signalWorker(step.ledger, SIGCONT)
        }
        try await life(step, since: since)
    }

    /// Runs `body` while the ledger's worker waits at the point; does not run it when none comes there in time.
    private func at(_ point: ProtocolPoint, _ ledger: String, _ body: @escaping @Sendable () async throws(Fault) -> Void) async throws(Fault) {
        let gate: Vantage.Gate
        switch point {
        case .beforeIntent: gate = .beforeIntent
        case .intentSend: gate = .intentSend
        case .sendReply: return try await holding(ledger, purpose: "write", body)
        case .replyCommit: gate = .replyCommit
        case .confirm: gate = .confirm
        }
        let tenant = try await tenant(of: ledger)
        do throws(Fault) {
            try await vantage.close(gate, for: tenant) { () throws(Fault) in
                let there = try await until(Torture.patience, advancing: ledger) { () throws(Fault) in try await vantage.waiting(at: gate) != nil }
                if there { try await body() }
            }
        } catch {
            // The database that held the gate is the one that was crashed.
            guard error.stage == .database, error.disposition == .retry || error.code == "commit_unknown" || error.code == "connection_lost" else { throw error }
        }
    }

    /// Runs `body` while the twin holds a request of the ledger's worker: before or after it did what was asked, by turns.
    private func holding(_ ledger: String, purpose: String, fate: String? = nil, _ body: @Sendable () async throws(Fault) -> Void) async throws(Fault) {
        let turn = tally.now.hits[.kill, .sendReply] + tally.now.hits[.stop, .sendReply] + tally.now.hits[.postgresCrash, .sendReply]
        let fate = fate ?? (turn % 2 == 0 ? "held_after" : "held_before")
        let shot = try await demo.control(.post, "/shots", .object([("twin", .string(ledger)), ("fate", .string(fate)), ("purpose", .string(purpose))]))
        guard let id = shot["id"]?.int else { throw unreadable }
        let there = try await until(Torture.patience, advancing: ledger) { () throws(Fault) in try await demo.control(.get, "/shots/\(id)", nil)["holding"]?.bool ?? false }
        if there { try await body() }
        _ = try await demo.control(.post, "/shots/\(id)/release", .object([]))
    }

    /// Killed and tallied; `false` when nobody works for the tenant.
    private func killWorker(_ ledger: String) async throws(Fault) -> Bool {
        guard try await signalWorker(ledger, SIGKILL) != nil else { return false }
        tally.killed()
        return true
    }

    private func signalWorker(_ ledger: String, _ signal: Int32) async throws(Fault) -> Int32? {
        let tenant = try await tenant(of: ledger)
        guard let pid = try await patiently({ () throws(Fault) in try await vantage.lease(tenant) })?.pid, Processes.isWorker(pid) else { return nil }
        kill(pid, signal)
        return pid
    }

    /// An immediate shutdown: no checkpoint, no good-bye. The supervisor starts the server again.
    private func crashDatabase() async -> Bool {
        guard let pid = await house.supervisor.pid(of: "postgres") else { return false }
        kill(pid, SIGQUIT)
        return true
    }

    // MARK: The lease

    /// Worker and scheduler sleep through the lease's end; then the worker wakes alone, with an intent written and nothing sent. It must send nothing.
    private func stopPastLease(_ step: TortureSchedule.Step) async throws(Fault) {
        guard let scheduler = await house.supervisor.pid(of: "schedule") else { return }
        let stopped = Locked<(pid: Int32, at: Duration)?>(nil)
        try await at(.intentSend, step.ledger) { () throws(Fault) in
            kill(scheduler, SIGSTOP)
            if let pid = try await signalWorker(step.ledger, SIGSTOP) { stopped.with { $0 = (pid, clocks.monotonic()) } } else { kill(scheduler, SIGCONT) }
        }
        guard let (pid, since) = stopped.with({ $0 }) else { return tally.note("never came there: \(step)") }
        tally.struck(step)
        await pause(.seconds(Limits.leaseSeconds + 1))
        let before = try await count(step.ledger, "write")
        kill(pid, SIGCONT)
        await pause(.seconds(3))
        let sent = try await count(step.ledger, "write") - before
        kill(scheduler, SIGCONT)
        if sent > 0 { tally.violated("\(sent) writes reached \(step.ledger) from a worker whose lease was over: it does not look at its deadline before it sends") }
        try await life(step, since: since)
    }

    /// The lease passes to somebody else while the ledger has a request in hand: that one may end, and no other may follow.
    private func takeLease(_ step: TortureSchedule.Step) async throws(Fault) {
        let tenant = try await tenant(of: step.ledger)
        let before = Locked<Int?>(nil)
        try await holding(step.ledger, purpose: "write", fate: "held_after") { () throws(Fault) in
            // Something has to be there that would be sent next: otherwise nothing would show that it is not.
            _ = try await until(.seconds(10), advancing: step.ledger) { () throws(Fault) in try await vantage.ready(tenant) > 0 }
            try await vantage.takeLease(tenant, seconds: 30)
            let count = try await count(step.ledger, "write")
            before.with { $0 = count }
        }
        guard let count = before.with({ $0 }) else { return tally.note("never came there: \(step)") }
        let since = clocks.monotonic()
        tally.struck(step)
        await pause(.seconds(8))
        let sent = try await self.count(step.ledger, "write") - count
        if sent > 0 { tally.violated("\(sent) writes reached \(step.ledger) while nobody of ours held the lease: an intent was written without it") }
        try await vantage.freeLease(tenant)
        try await life(step, since: since)
    }

    // MARK: Services and tokens

    private func killService(_ step: TortureSchedule.Step) async throws(Fault) {
        guard let pid = await house.supervisor.pid(of: step.fault == .killScheduler ? "schedule" : "serve") else { return }
        try await pace.advance(step.ledger)
        kill(pid, SIGKILL)
        let since = clocks.monotonic()
        tally.killed()
        tally.struck(step)
        if step.fault == .killScheduler { return try await life(step, since: since) }
        _ = try await until(Torture.lifeless) { await demo.api.isReady() }
        tally.resumed(after: "\(step)", clocks.monotonic() - since)
    }

    private func revoke(_ step: TortureSchedule.Step) async throws(Fault) {
        if step.fault == .secondRefresher { try await tokens(step.ledger, "refresh") }
        let before = try await count(step.ledger, "token")
        try await tokens(step.ledger, "revoke_access")
        let refreshed = try await until(Torture.patience, advancing: step.ledger) { () throws(Fault) in try await count(step.ledger, "token") > before }
        if refreshed { tally.struck(step) } else { tally.note("nobody refreshed: \(step)") }
    }

    private func loseRefreshAnswer(_ step: TortureSchedule.Step) async throws(Fault) {
        let struck = Locked<Duration?>(nil)
        try await tokens(step.ledger, "revoke_access")
        try await holding(step.ledger, purpose: "token", fate: "held_after") { () throws(Fault) in
            if try await killWorker(step.ledger) { struck.with { $0 = clocks.monotonic() } }
        }
        guard let since = struck.with({ $0 }) else { return tally.note("never came there: \(step)") }
        tally.struck(step)
        try await life(step, since: since)
    }

    private func tokens(_ ledger: String, _ what: String) async throws(Fault) {
        _ = try await demo.control(.post, "/tokens", .object([("ledger", .string(ledger)), ("do", .string(what))]))
    }

    // MARK: Watching

    /// Waits for the tenant's next request to its ledger, and notes how long it took since the fault.
    private func life(_ step: TortureSchedule.Step, since: Duration) async throws(Fault) {
        let before = try await requests(step.ledger)
        let alive = try await until(Torture.lifeless, advancing: step.ledger, atOnce: false) { () throws(Fault) in try await requests(step.ledger) > before }
        let took = clocks.monotonic() - since
        tally.resumed(after: "\(step)", took)
        if !alive { tally.violated("no sign of life from \(step.ledger)'s tenant for \(took.components.seconds) s after \(step)") }
    }

    private func requests(_ ledger: String) async throws(Fault) -> Int { try await count(ledger, "requests") }

    /// How many requests of this purpose have come to the twin.
    private func count(_ ledger: String, _ purpose: String) async throws(Fault) -> Int {
        try await demo.control(.get, "/traffic", nil).member("twins", ledger, purpose)?.int ?? 0
    }

    /// The tenant behind a ledger.
    private func tenant(of ledger: String) async throws(Fault) -> TenantID {
        let slug = ledger == "qbo" ? "prairie-goods" : "thames-pottery"
        if let known = pace.tenant(slug) { return known }
        for tenant in try await demo.api.items("/v1/tenants") {
            if let name = tenant["slug"]?.string, let id = tenant["id"]?.string.flatMap({ TenantID($0) }) { pace.remember(name, id) }
        }
        guard let found = pace.tenant(slug) else {
            throw Fault("unknown_tenant", stage: .sandbox, disposition: .bug, summary: "the tenant \(slug) is not there")
        }
        return found
    }

    /// Asks until it is so, for `limit` at most; `advancing`: at once, and when it takes long, more of the ledger's shop's day happens. Not `atOnce`: only
    /// when it takes long, and then of the part as well that is left for signs of life.
    private func until(_ limit: Duration, advancing ledger: String? = nil, atOnce: Bool = true, _ isSo: () async throws(Fault) -> Bool) async throws(Fault) -> Bool {
        if let ledger, atOnce { try await pace.advance(ledger) }
        let began = clocks.monotonic()
        var pushed = began
        while clocks.monotonic() - began < limit {
            try check()
            if try await isSo() { return true }
            await pause(.milliseconds(25))
            if let ledger, clocks.monotonic() - pushed > (atOnce ? .seconds(2) : .seconds(3)) {
                pushed = clocks.monotonic()
                try await pace.advance(ledger, sparing: atOnce)
            }
        }
        return false
    }

    /// A database that is just being crashed is asked again.
    private func patiently<T: Sendable>(_ body: () async throws(Fault) -> T) async throws(Fault) -> T {
        for _ in 0 ..< 100 {
            do throws(Fault) { return try await body() } catch {
                guard error.stage == .database, error.disposition != .bug else { throw error }
            }
            await pause(.milliseconds(100))
        }
        return try await body()
    }
}

/// Processes of this machine, by number.
enum Processes {
    /// Whether it is a worker of this very program: a number may have passed to somebody else.
    static func isWorker(_ pid: Int32) -> Bool {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let descriptor = open("/proc/\(pid)/cmdline", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        let n = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        let words = bytes.prefix(max(0, n)).split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        return words.count > 1 && words[0] == Surroundings.current.program && words[1] == "worker"
    }
}
