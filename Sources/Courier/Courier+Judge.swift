internal import ConnectorKit
internal import HTTPClient
internal import Kernel
internal import Store
internal import Telemetry
internal import Wire

extension Courier {
    /// What an outcome leads to.
    enum Judged: Sendable {
        case done(Sent)
        case reauthorize(Fault)
        /// May be tried again: certainly nothing was done, or it was only asked.
        case again(Fault)
    }

    /// The one place where an outcome becomes a meaning. A complete answer means what the connector's `judge` says, whatever its status.
    func judge(_ outcome: HTTPOutcome, _ call: Call, _ trip: Trip, _ passage: Circuit.Passage, _ effort: inout Effort) async -> Judged {
        switch outcome {
        case .notSent(let fault):
            count("not_sent", trip)
            return .again(await blame(fault, passage, trip))
        case .unknown(let fault):
            count("unknown", trip)
            let blamed = await blame(fault, passage, trip)
            return call.kind == .read ? .again(blamed) : .done(.unknown(fault))
        case .answered(let response):
            return await judge(response, call, trip, passage, &effort)
        }
    }

    private func judge(
        _ response: HTTPResponse, _ call: Call, _ trip: Trip, _ passage: Circuit.Passage, _ effort: inout Effort
    ) async -> Judged {
        #if SABOTAGE
        let trusted = Sabotage.trust2xx.isOn && (200 ..< 300).contains(response.status)
        let verdict = trusted ? .accepted : trip.connector.judge(response, to: call)
        #else
        let verdict = trip.connector.judge(response, to: call)
        #endif
        // Who says how long to stay away has said it better than by a count of what is left: that would hold until the window turns.
        if case .throttled(.some, _) = verdict {} else { await book(trip.connector.readings(response), trip) }
        count(verdict.word, trip)
        switch verdict {
        case .unavailable(let fault):
            // About the platform, not about what was asked of it.
            var down = fault
            down.stage = .courier
            return .again(await count(down, passage, trip, counts: first(&effort)))
        case .outcomeUnknown(let fault):
            let blamed = await count(fault, passage, trip, counts: first(&effort))
            return call.kind == .read ? .again(blamed) : .done(.unknown(fault))
        case .accepted, .throttled, .reauthorize, .duplicate, .rejected: break
        }
        lines[trip.id, default: Line()].circuit.answered(passage)
        await sayUp(trip)
        await compareClocks(response, sent: effort.sent, trip)
        switch verdict {
        case .throttled(let after, let bucket): return .again(await stop(call, bucket, after, trip))
        case .reauthorize(let fault): return .reauthorize(fault)
        case .duplicate(let fault): return .done(.duplicate(fault))
        case .rejected(let fault): return .done(.refused(fault))
        case .accepted, .unavailable, .outcomeUnknown:
            lines[trip.id, default: Line()].throttles = 0
            for name in call.cost.keys { lines[trip.id]?.spent[name] = nil }
            return .done(.accepted(response))
        }
    }

    private func first(_ effort: inout Effort) -> Bool {
        defer { effort.blamed = true }
        return !effort.blamed
    }

    private func count(_ word: String, _ trip: Trip) { metrics.count(.calls, ("platform", trip.spec.id), ("verdict", word)) }

    /// Tells the circuit of a call without an answer, where that says something about the platform.
    private func blame(_ fault: Fault, _ passage: Circuit.Passage, _ trip: Trip) async -> Fault {
        if Circuit.blames(fault) { return await count(fault, passage, trip, counts: true) }
        lines[trip.id, default: Line()].circuit.released(passage)
        return fault
    }

    /// Tells the circuit of a fault. When that opens it, the connection's budgets rest, and the fault says for how long.
    private func count(_ fault: Fault, _ passage: Circuit.Passage, _ trip: Trip, counts: Bool) async -> Fault {
        guard let length = lines[trip.id, default: Line()].circuit.failed(passage, counts: counts, random: random) else { return fault }
        for name in allNames(trip.spec) { await rest(name, length, trip) }
        await sayDown(fault, trip)
        log.warning(.throttled, ("platform", trip.spec.id), ("cause", fault.code), ("pause_ms", "\(length.wholeMilliseconds)"))
        var out = fault
        out.retryAfter = max(fault.retryAfter ?? .zero, length)
        return out
    }

    /// The platform asked to slow down: nothing is charged to the bucket before the pause ends; where it does not say which, or it is not one of
    /// the connection's own, to none that the call is charged to.
    private func stop(_ call: Call, _ bucket: String?, _ asked: Duration?, _ trip: Trip) async -> Fault {
        if let limit = trip.spec.limits.first(where: { $0.name == bucket && $0.isShared }) { return await stop(limit, asked, trip) }
        var line = lines[trip.id, default: Line()]
        // Calls that were under way together are throttled together: that is one throttle.
        let now = clocks.monotonic()
        if now >= line.throttledUntil { line.throttles += 1 }
        let charged = charges(call, trip.spec)
        let window = trip.spec.limits.first { $0.name == bucket }?.window ?? charged.map(\.window).max() ?? .zero
        let pause = Backoff.throttle(asked: asked, window: window, streak: line.throttles - 1)
        line.throttledUntil = max(line.throttledUntil, now + pause)
        lines[trip.id] = line
        let own = charged.map(\.name)
        for name in bucket.map({ own.contains($0) ? [$0] : own }) ?? own {
            await rest(name, pause, trip)
            log.info(.throttled, ("platform", trip.spec.id), ("bucket", name), ("pause_ms", "\(pause.wholeMilliseconds)"))
        }
        return Fault("throttled", stage: .courier, disposition: .wait, summary: "\(trip.spec.name) asks to slow down", retryAfter: pause)
    }

    /// The same for a long budget of the whole app, which a platform may refuse in the very words of a minute's. What tells them apart is that calls are
    /// refused again after each pause that was asked for: pauses grow, and a person may have to buy more of it.
    private func stop(_ limit: RateLimit, _ asked: Duration?, _ trip: Trip) async -> Fault {
        var spent = lines[trip.id]?.spent[limit.name] ?? Line.Spent()
        let now = clocks.monotonic()
        if now >= spent.until { spent.times += 1 }
        let first = Backoff.throttle(asked: asked, window: limit.window, streak: spent.times - 1)
        let pause = Backoff.doubled(first, times: spent.times - 1, most: max(first, Backoff.spentMost))
        spent.until = max(spent.until, now + pause)
        lines[trip.id, default: Line()].spent[limit.name] = spent
        await rest(limit.name, pause, trip)
        log.info(.throttled, ("platform", trip.spec.id), ("bucket", limit.name), ("pause_ms", "\(pause.wholeMilliseconds)"))
        guard spent.times >= Backoff.spentAfter else {
            return Fault("throttled", stage: .courier, disposition: .wait, summary: "\(trip.spec.name) asks to slow down", retryAfter: pause)
        }
        let fault = Fault(
            "quota_spent", stage: .courier, disposition: .wait,
            summary: "\(trip.spec.name) has refused calls of the kind '\(limit.name)' after every pause: their quota of \(limit.amount) seems to be spent",
            remedy: "Calls of other kinds go on, these are tried from time to time. See how much is used at the platform, and have the quota raised there.",
            retryAfter: pause)
        do throws(Fault) {
            try await store.raise(tenant, [AlertRow(key: AlertKey.quotaSpent(trip.id, limit.name), severity: .warning, cause: fault.summary, remedy: fault.remedy)])
        } catch { log.fault(.failed, error) }
        return fault
    }

    /// For people: how long it has been so outlives this worker. What goes wrong here changes nothing of the call.
    private func sayDown(_ fault: Fault, _ trip: Trip) async {
        guard lines[trip.id]?.isSaidDown != true else { return }
        do throws(Fault) {
            try await store.setDown(tenant, trip.id, reason: fault.summary)
            lines[trip.id, default: Line()].isSaidDown = true
        } catch { log.fault(.failed, error) }
    }

    /// The first answer after it, be it to another worker.
    private func sayUp(_ trip: Trip) async {
        guard lines[trip.id]?.isSaidDown ?? (trip.connection.row.downSince != nil) else { return }
        do throws(Fault) {
            try await store.setDown(tenant, trip.id, reason: nil)
            lines[trip.id, default: Line()].isSaidDown = false
        } catch { log.fault(.failed, error) }
    }

    /// A clock that is minutes off makes signatures outdated and watermarks wrong, so people are told before it does. The answer was dated between its call's
    /// start and now, whatever time it was on its way, so one is enough: a worker that ends between two polls would never see a second. Answers that
    /// something between kept for a while (`Age`) say nothing.
    private func compareClocks(_ response: HTTPResponse, sent: Timestamp, _ trip: Trip) async {
        guard response.fields["Age"] == nil, let date = response.date else { return }
        let ahead = date.seconds > sent.seconds ? max(0, date.seconds - clocks.now().seconds) : date.seconds - sent.seconds
        let isOdd = abs(ahead) > ClockRules.secondsMost, said = lines[trip.id]?.isSaidOdd ?? (trip.connection.row.clockAhead_s != nil)
        guard isOdd != said else { return }
        do throws(Fault) {
            try await store.setClock(tenant, trip.id, ahead_s: isOdd ? Int(ahead) : nil)
            lines[trip.id, default: Line()].isSaidOdd = isOdd
        } catch { log.fault(.failed, error) }
    }

    private func rest(_ name: String, _ pause: Duration, _ trip: Trip) async {
        do throws(Fault) { try await store.pause(tenant, trip.id, name: name, for: pause) } catch { log.fault(.failed, error) }
    }
}

enum ClockRules {
    /// Apart from each other, two clocks that are looked after are not.
    static let secondsMost: Int64 = 120
}

extension Verdict {
    /// As metrics name it.
    fileprivate var word: String {
        switch self {
        case .accepted: "accepted"
        case .throttled: "throttled"
        case .unavailable: "unavailable"
        case .reauthorize: "reauthorize"
        case .duplicate: "duplicate"
        case .rejected: "rejected"
        case .outcomeUnknown: "unknown"
        }
    }
}
