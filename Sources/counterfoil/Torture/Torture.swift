internal import FoundationEssentials
internal import Glibc
internal import HTTPClient
internal import Kernel
internal import Sandbox
internal import Store
internal import Wire

/// One run: a day is played in small steps, and between the steps things are broken.
struct Torture: TortureRun {
    let house: House
    let trial: Trial
    let demo: Demo
    let vantage: Vantage
    let tally: Tally
    let third: ThirdTenant
    let pace: Pace
    let stop: Stop
    let until: Duration
    let clocks = SystemClocks()

    init(_ house: House, _ trial: Trial, thirdPort: Int, _ arguments: Arguments, stop: Stop, until: Duration) throws(Fault) {
        self.house = house
        self.trial = trial
        self.stop = stop
        self.until = until
        demo = try Demo(house, arguments, stop: stop)
        vantage = Vantage(house.administrator)
        tally = Tally(log: house.surroundings.folder + "/faults.log")
        third = ThirdTenant(house, port: thirdPort)
        pace = Pace(demo, webhooks: house.address)
    }

    /// - Throws: what kept it from its end; a broken wall is a result.
    func run(since started: Duration) async throws(Fault) -> TortureResult {
        try vantageReady(await vantage.answers())
        try house.surroundings.write(trial.schedule.steps.map(\.description).joined(separator: "\n") + "\n", to: "schedule.txt")
        let seed = JSON.number("\(trial.seed)")
        let day = try await demo.control(.post, "/day/prepare", .object([("seed", seed), ("documents", .number("\(trial.documents)")), ("lock_moves", true)]))
        try await demo.setUpTenants()
        if trial.sabotage == nil { try await third.setUp(seed: trial.seed) }
        try await vantage.install()
        try await background()
        for step in trial.schedule.first { try await arm(step) }
        try await half("noon", trial.schedule.morning, trial.schedule.morningPauses)
        _ = try await demo.control(.post, "/day/noon", .object([]))
        tally.count(.lockDateMoved, TortureSchedule.ledgers.count)
        if trial.sabotage == nil { try await removeThird() }
        try await half("end", trial.schedule.afternoon, trial.schedule.afternoonPauses)
        return try await judge(day["documents"]?.int ?? 0, since: started)
    }

    private func vantageReady(_ answers: Bool) throws(Fault) {
        if !answers { throw Fault("database_down", stage: .database, disposition: .retry, summary: "the torture can't reach its own database") }
    }

    /// What goes wrong by chance all the time; chance is drawn from the seed.
    private func background() async throws(Fault) {
        let common = [("lost_request_per_mille", 2), ("torn_reply_per_mille", 4), ("unavailable_per_mille", 4), ("search_lag_ms", 1500)]
        let twins: JSON = .object([("qbo", rates(common)), ("xero", rates(common)), ("shopify", rates([("lost_request_per_mille", 10), ("torn_reply_per_mille", 10)]))])
        _ = try await demo.control(.post, "/faults", .object([("seed", .number("\(trial.seed)")), ("twins", twins)]))
    }

    /// One half of the day: the steps along four fifths of its events, the pauses and the rest at once, then rest.
    private func half(_ half: String, _ steps: [TortureSchedule.Step], _ pauses: [TortureSchedule.Step]) async throws(Fault) {
        try await pace.begin(half, steps: steps.count)
        for (n, step) in steps.enumerated() {
            try check()
            Progress.show("\(half == "noon" ? "morning" : "afternoon"): fault \(n + 1) of \(steps.count), \(step)")
            try await strike(step)
        }
        for step in pauses { try await arm(step) }
        try await pace.finish()
        try await demo.delivered(half)
        try await demo.pull()
        try await settled(half)
    }

    private func settled(_ half: String) async throws(Fault) {
        try await demo.settled(half == "noon" ? "morning" : "day", stuckAfter: .seconds(480))
        try check()
    }

    private func removeThird() async throws(Fault) {
        for sandbox in [demo.house.sandbox, third.sandbox] { _ = try await third.call(.post, sandbox + "/_sandbox/clock", .object([("ahead_seconds", .number("180"))])) }
        tally.count(.clockSkew, 1)
        try await third.work()
        try await third.remove()
        tally.count(.tenantRemoved, 1)
        tally.note("third tenant removed")
        let left = try await third.leaves(vantage, within: .seconds(45))
        if let left { tally.violated(left) }
    }

    // MARK: The end

    private func judge(_ documents: Int, since started: Duration) async throws(Fault) -> TortureResult {
        try await demo.settled("proof", stuckAfter: .seconds(480))
        try check()
        if trial.sabotage == nil, let more = try await third.moved() { tally.violated(more) }
        let progress = try await demo.control(.get, "/day/progress", nil)
        tally.count(.webhookLost, progress["webhooks_lost"]?.int ?? 0)
        tally.count(.webhookDuplicated, progress["webhooks_duplicated"]?.int ?? 0)
        tally.count(.webhookReordered, progress["webhooks_reordered"]?.int ?? 0)
        let traffic = try await demo.control(.get, "/traffic", nil)
        tally.count(.staleSearch, traffic.member("fates", "stale_search")?.int ?? 0)
        try await countArmed()
        let verdict = try await demo.control(.get, "/verdict", nil)
        let report = try await demo.api.get("/v1/report")
        let held = try await demo.api.items("/v1/report/held").filter { $0["tenant_slug"]?.string != ThirdTenant.slug }
        let took = clocks.monotonic() - started
        let outcome = DemoResult(seed: trial.seed, seconds: took, verdict: verdict, report: report, held: held)
        await vantage.close()
        return TortureResult(trial: trial, documents: documents, verdict: verdict, surprises: outcome.surprises, tally: tally.now, fates: traffic["fates"] ?? .null, took: took)
    }

    /// Shots that were armed and left to meet whoever comes.
    private func countArmed() async throws(Fault) {
        for (step, id) in pace.armed {
            let met = try await demo.control(.get, "/shots/\(id)", nil)["met"]?.int ?? 0
            if met > 0 { tally.struck(step, met) } else { tally.note("never met: \(step)") }
        }
    }
}

extension Surroundings {
    /// Writes a file into the run's folder.
    func write(_ text: String, to name: String) throws(Fault) {
        do { try text.write(toFile: folder + "/" + name, atomically: true, encoding: .utf8) } catch {
            throw Fault("folder_unwritable", stage: .configuration, disposition: .hold, summary: "\(folder)/\(name) can't be written")
        }
    }
}

/// Plays the day a few events at a time, so that there is work for every fault.
final class Pace: Sendable {
    private struct State {
        var half = "noon"
        /// Events of the shop in question at a time.
        var stride = 2
        /// Where the faults of this half have to stop: the rest of its events are for what comes at its end.
        var last = 0
        /// Its end.
        var bound = 0
        var position = 0
        var armed: [(TortureSchedule.Step, Int)] = []
        var tenants: [String: TenantID] = [:]
    }

    /// The shop whose sales go into each ledger.
    private static let shops = ["qbo": "prairie-goods", "xero": "thames-pottery"]

    private let demo: Demo
    private let webhooks: String
    private let state = Locked(State())

    init(_ demo: Demo, webhooks: String) {
        self.demo = demo
        self.webhooks = webhooks
    }

    var armed: [(TortureSchedule.Step, Int)] { state.with { $0.armed } }
    func arm(_ step: TortureSchedule.Step, _ id: Int) { state.with { $0.armed.append((step, id)) } }

    func tenant(_ slug: String) -> TenantID? { state.with { $0.tenants[slug] } }
    func remember(_ slug: String, _ id: TenantID) { state.with { $0.tenants[slug] = id } }

    /// Starts a half of the day without letting anything happen yet; its events are to last for so many faults.
    func begin(_ half: String, steps: Int) async throws(Fault) {
        let now = try await demo.control(.get, "/day/progress", nil)["sent"]?.int ?? 0
        let bound = try await play(half, [("through", .number("\(now)"))])["bound"]?.int ?? 0
        state.with { state in
            state.half = half
            state.position = now
            state.bound = bound
            state.last = now + (bound - now) * 17 / 20
            // Two fifths of the events are the smaller shop's; half of them wait for faults that need a second try.
            state.stride = min(40, max(1, (bound - now) / 5 / max(1, steps)))
        }
    }

    /// Lets the next events of the ledger's shop happen, and the other's between; with nothing left, does nothing. `sparing`: a part of the half day
    /// is left for those who look for a sign of life and would take an idle tenant for a dead one.
    func advance(_ ledger: String, times: Int = 1, sparing: Bool = true) async throws(Fault) {
        let (half, stride, isOver) = state.with { ($0.half, sparing ? $0.stride : 1, $0.position >= (sparing ? $0.last : $0.bound)) }
        if isOver { return }
        let through = try await play(half, [("shop", .string(Self.shops[ledger] ?? "")), ("count", .number("\(stride * times)"))])["through"]?.int
        state.with { $0.position = through ?? $0.position }
    }

    func finish() async throws(Fault) { _ = try await play(state.with { $0.half }, []) }

    private func play(_ half: String, _ more: [(key: String, value: JSON)]) async throws(Fault) -> JSON {
        try await demo.control(.post, "/day/play", .object([("until", .string(half)), ("webhook_base", .string(webhooks))] + more))
    }
}
