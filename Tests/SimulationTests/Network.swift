import Courier
import HTTPClient
import Kernel
import Wire

/// Percentages of what goes wrong, until `calm`.
struct FaultRates: Sendable {
    var calm = 0
    var lost = 0
    var slow = 0
    var torn = 0
    var tooMany = 0
    var down = 0
    var broken = 0
    var notSent = 0
    var storeSlow = 0
    var storeRefused = 0
    var storeAnswerLost = 0
}

/// What is going to become of one request.
struct Fate: Sendable {
    /// When it reaches the other side, ms from now; `nil`: never.
    var arrives: Int?
    /// When the sender hears of it, or gives up.
    var ends: Int
    /// The answer arrives.
    var answered = true
    /// Not a byte leaves.
    var leaves = true
    /// What the other side answers instead of doing it.
    var instead: Int?
    /// It breaks after it did it.
    var breaks = false
}

/// One process's way to the platform.
struct SimTransport: Transport {
    let world: World
    let proc: Int

    func send(_ request: HTTPRequest, timeout: Duration, startBy: Duration?) async -> HTTPOutcome {
        let limit = Int(timeout.wholeMilliseconds)
        let over = HTTPOutcome.notSent(SimTransport.fault("over"))
        if world.isOver { return over }
        let parts = Parts(request)
        if let startBy, world.with({ $0.isLate(startBy) }) { return .notSent(SimTransport.fault("too_late")) }
        let fate = world.with { $0.fate(parts, limit) }
        if fate.leaves { world.depart(parts, proc, limit) }
        guard let arrives = fate.arrives else {
            let doubt = world
            return await world.wait(fate.ends, over: over) {
                if fate.leaves { doubt.hear(parts, doubtful: true) }
                return fate.leaves ? .unknown(SimTransport.fault("timed_out")) : .notSent(SimTransport.fault("no_connection"))
            }
        }
        let world = world
        return await withUnsafeContinuation { continuation in
            if arrives == fate.ends {
                world.plan(arrives) { ended in continuation.resume(returning: ended ? over : world.hear(world.arrive(parts, fate), parts, fate)) }
            } else {
                let answer = Locked<HTTPResponse?>(nil)
                world.plan(arrives) { ended in
                    if ended { return }
                    let response = world.arrive(parts, fate)
                    answer.with { $0 = response }
                }
                world.plan(fate.ends) { ended in
                    continuation.resume(returning: ended ? over : world.hear(answer.with { $0 } ?? HTTPResponse(500), parts, fate))
                }
            }
        }
    }

    static func fault(_ code: String) -> Fault { Fault(code, stage: .http, disposition: .retry, summary: "the network") }

    /// A request, read once.
    struct Parts: Sendable {
        var path: Substring
        var token: String
        var attempt: String
        var body: [UInt8]
        var lines: [RemoteLedger.Line]

        init(_ request: HTTPRequest) {
            path = request.target.dropFirst("http://sim".count)
            token = request.fields["Authorization"].map { $0.hasPrefix("Bearer ") ? String($0.dropFirst(7)) : $0 } ?? ""
            attempt = request.fields["Attempt"] ?? ""
            body = request.body
            lines = path == "/token" ? [] : RemoteLedger.lines(request.body)
        }

        var isWrite: Bool { !attempt.isEmpty }
    }
}

extension World.State {
    mutating func fate(_ parts: SimTransport.Parts, _ limit: Int) -> Fate {
        let trip = 20 + dice.below(180)
        guard now < faults.calm else { return Fate(arrives: trip, ends: trip) }
        var roll = dice.below(100)
        func falls(_ percent: Int) -> Bool {
            defer { roll -= percent }
            return roll >= 0 && roll < percent
        }
        if falls(faults.notSent) { return Fate(arrives: nil, ends: trip, leaves: false) }
        if falls(faults.lost) { return Fate(arrives: nil, ends: dice.percent(50) ? limit : trip, answered: false) }
        if falls(faults.slow) {
            // It arrives before its sender gives up, or just then; the answer may come too late.
            let arrives = dice.below(limit), ends = min(limit, arrives + dice.below(limit))
            return Fate(arrives: arrives, ends: max(arrives, ends), answered: ends < limit)
        }
        if falls(faults.torn) { return Fate(arrives: trip, ends: trip + dice.below(1000), answered: false) }
        if falls(faults.tooMany) { return Fate(arrives: trip, ends: trip, instead: 429) }
        if falls(faults.down) { return Fate(arrives: trip, ends: trip, instead: 503) }
        if falls(faults.broken) { return Fate(arrives: trip, ends: trip, instead: dice.percent(50) ? 500 : nil, breaks: true) }
        return Fate(arrives: trip, ends: trip)
    }
}

extension World {
    /// The request leaves the process.
    func depart(_ parts: SimTransport.Parts, _ proc: Int, _ limit: Int) {
        note("send", proc, "\(parts.path) \(String(decoding: parts.body, as: UTF8.self)) \(parts.attempt)")
        let why: String? = with { state in
            state.counts.sends += 1
            return state.departure(parts, proc, limit)
        }
        if let why { violate(why) }
    }

    /// The request reaches the platform.
    func arrive(_ parts: SimTransport.Parts, _ fate: Fate) -> HTTPResponse {
        note("arrive", parts.lines.count, String(parts.path))
        if let status = fate.instead {
            return HTTPResponse(status, fields: status == 429 ? ["Retry-After": "\(with { 500 + $0.dice.below(4000) })"] : [:])
        }
        if parts.path == "/token" { return token(parts) }
        let (answer, doubled): (HTTPResponse, [String]) = with { state in
            if state.ledger.nature.oauth, !state.provider.accepts(parts.token, now: state.now) { return (HTTPResponse(401), []) }
            if parts.isWrite { state.counts.effects += 1 } else { state.counts.finds += 1 }
            let lag = state.ledger.nature.settles > 0 ? state.dice.below(state.ledger.nature.settles + 1) : 0
            return state.ledger.handle(parts.path, parts.lines, attempt: parts.attempt, now: state.now, lag: lag)
        }
        if let key = doubled.first { violate("two live documents in the ledger for \(key)") }
        if fate.breaks { return HTTPResponse(500) }
        guard with({ $0.ledger.nature.tells }) else { return answer }
        var told = answer
        told.fields["Left"] = "\(with { $0.dice.below($0.ledger.nature.perMinute) })"
        return told
    }

    private func token(_ parts: SimTransport.Parts) -> HTTPResponse {
        let sent = String(decoding: parts.body, as: UTF8.self)
        let refresh = sent.split(separator: "&").first { $0.hasPrefix("refresh_token=") }.map { String($0.dropFirst("refresh_token=".count)) } ?? ""
        let new: Int? = with { state in
            state.counts.refreshes += 1
            return state.provider.refresh(refresh, now: state.now)
        }
        guard let new else { return HTTPResponse(400, body: Array(#"{"error": "invalid_grant"}"#.utf8)) }
        let life = with { $0.provider.life / 1000 }
        return HTTPResponse(200, body: Array(#"{"access_token": "a\#(new)", "refresh_token": "r\#(new)", "expires_in": \#(life)}"#.utf8))
    }

    /// The sender hears, or gives up.
    func hear(_ answer: HTTPResponse, _ parts: SimTransport.Parts, _ fate: Fate) -> HTTPOutcome {
        note("hear", answer.status, fate.answered ? "" : "nothing")
        hear(parts, doubtful: !fate.answered || answer.status == 500)
        return fate.answered ? .answered(answer) : .unknown(SimTransport.fault("answer_lost"))
    }

    func hear(_ parts: SimTransport.Parts, doubtful: Bool) {
        guard parts.isWrite else { return }
        change { state in
            if doubtful { state.counts.unknowns += 1 }
            for line in parts.lines {
                guard let i = state.guards.sends[line.key]?.lastIndex(where: { $0.attempt == parts.attempt }) else { continue }
                state.guards.sends[line.key]?[i].definite = !doubtful
            }
        }
    }
}
