internal import Kernel
internal import Store
internal import Telemetry
internal import Wire

/// Tells open pages that something changed. However many watch, the database is asked once in a while for all of them, and not at all when nobody does.
/// Changes are numbered, and the last ones kept: whoever was away for a moment gets what they missed.
final class Pulse: Sendable {
    /// A tenant of which something changed.
    struct Change: Sendable, Equatable {
        var number: Int
        var tenant: TenantID
        var consultancy: ConsultancyID
    }

    /// What a wait ends with.
    enum News: Sendable, Equatable {
        case changes([Change])
        /// Nothing for a while.
        case quiet
        /// What was missed is not known any more: look at everything.
        case unknown
    }

    private struct Waiter: Sendable {
        var sees: Visibility
        /// Whose key it is: of each only so many wait.
        var owner: Visibility
        var since: Int
        var until: Duration
        var continuation: CheckedContinuation<News, Never>
    }

    private struct State: Sendable {
        var marks: [TenantID: String] = [:]
        var changes: [Change] = []
        var number = 0
        var waiters: [Int: Waiter] = [:]
        var nextWaiter = 0
        var lastAsked: Duration?
        var isOver = false

        func isCrowded(_ owner: Visibility) -> Bool { waiters.count { $0.value.owner == owner } >= ControlPlaneLimits.pulseWaitingEach }

        /// Who has waited longest of those who are most, when there is no room for another.
        mutating func makeRoom() -> CheckedContinuation<News, Never>? {
            guard waiters.count >= ControlPlaneLimits.pulseWaiting else { return nil }
            let counts = waiters.values.reduce(into: [Visibility: Int]()) { $0[$1.owner, default: 0] += 1 }
            guard let most = counts.max(by: { $0.value < $1.value })?.key, let first = waiters.filter({ $0.value.owner == most }).keys.min() else { return nil }
            return waiters.removeValue(forKey: first)?.continuation
        }
    }

    /// Tells the numbers of this process from another's.
    let boot: String
    private let store: Store
    private let clocks: any Clocks
    private let log: Log
    private let state = Locked(State())

    init(store: Store, clocks: any Clocks, log: Log, boot: String) {
        self.store = store
        self.clocks = clocks
        self.log = log
        self.boot = boot
    }

    /// The number of the newest change.
    var newest: Int { state.with { $0.number } }
    /// Pages that wait at this moment.
    var waiting: Int { state.with { $0.waiters.count } }

    /// Looks until it is cancelled; then everybody who waits is answered.
    func run() async {
        while !Task.isCancelled {
            do { try await clocks.sleep(for: .milliseconds(ControlPlaneLimits.pulse_ms)) } catch { break }
            if isWatched { await look() }
        }
        for waiter in state.with({ state in
            state.isOver = true
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }) { waiter.continuation.resume(returning: .quiet) }
    }

    private var isWatched: Bool {
        let now = clocks.monotonic()
        return state.with { state in
            !state.waiters.isEmpty || state.lastAsked.map { now - $0 < .milliseconds(ControlPlaneLimits.pulseIdle_ms) } ?? false
        }
    }

    /// One look at all tenants; whoever waits for what changed, or has waited long enough, is answered.
    func look() async {
        let marks: [TenantMark]
        do throws(Fault) { marks = try await store.marks() } catch {
            log.fault(.failed, error)
            return answer([])
        }
        answer(marks)
    }

    private func answer(_ marks: [TenantMark]) {
        let now = clocks.monotonic()
        let done: [(CheckedContinuation<News, Never>, News)] = state.with { state in
            for mark in marks where state.marks[mark.tenant] != mark.mark {
                // The first look says how things stand, not that they changed.
                if state.marks[mark.tenant] != nil {
                    state.number += 1
                    state.changes.append(Change(number: state.number, tenant: mark.tenant, consultancy: mark.consultancy))
                }
                state.marks[mark.tenant] = mark.mark
            }
            if state.changes.count > ControlPlaneLimits.pulseKept { state.changes.removeFirst(state.changes.count - ControlPlaneLimits.pulseKept) }
            var done: [(CheckedContinuation<News, Never>, News)] = []
            for (id, waiter) in state.waiters {
                let news = Pulse.news(state.changes, newest: state.number, since: waiter.since, waiter.sees)
                guard news != .quiet || waiter.until <= now else { continue }
                state.waiters[id] = nil
                done.append((waiter.continuation, news))
            }
            return done
        }
        for (continuation, news) in done { continuation.resume(returning: news) }
    }

    /// What has changed since a number, of what somebody sees.
    static func news(_ changes: [Change], newest: Int, since: Int, _ sees: Visibility) -> News {
        guard since < newest else { return since == newest ? .quiet : .unknown }
        guard let first = changes.first, first.number <= since + 1 else { return .unknown }
        let seen = changes.filter { change in
            change.number > since && (sees.tenant.map { $0 == change.tenant } ?? true) && (sees.consultancy.map { $0 == change.consultancy } ?? true)
        }
        return seen.isEmpty ? .quiet : .changes(seen)
    }

    /// Whether one more of this owner would not wait.
    func isCrowded(_ owner: Visibility) -> Bool { state.with { $0.isCrowded(owner) } }

    /// Waits for what changes after a number. Answers at once when something did, when too many of the same owner wait, or when the program ends. When too
    /// many wait altogether, it is one of the owner with the most who goes.
    func wait(_ sees: Visibility, of owner: Visibility, since: Int) async -> News {
        let now = clocks.monotonic()
        state.with { $0.makeRoom() }?.resume(returning: .quiet)
        return await withCheckedContinuation { continuation in
            let known: News? = state.with { state in
                state.lastAsked = now
                let news = Pulse.news(state.changes, newest: state.number, since: since, sees)
                guard news == .quiet, !state.isOver, !state.isCrowded(owner) else { return news }
                state.nextWaiter += 1
                state.waiters[state.nextWaiter] = Waiter(
                    sees: sees, owner: owner, since: since, until: now + .milliseconds(ControlPlaneLimits.pulseHeld_ms), continuation: continuation)
                return nil
            }
            if let known { continuation.resume(returning: known) }
        }
    }
}

/// `GET /console/events`: server-sent events. Each answer is held until there is news and then ends; the browser comes again by itself and says with
/// `Last-Event-ID` what it has seen. So nothing is missed, no proxy has to let a stream through, and a key that was revoked is noticed.
enum Feed {
    static let endpoint = Endpoint(.get, "/console/events", .open, Shell.about) { visit in
        // 204 ends it: the browser does not come again.
        guard let asker = try await SignIn.asker(visit) else { return HTTPResponse(204) }
        var sees = asker.sees
        if let text = visit.request.query("tenant"), !text.isEmpty {
            guard let tenant = TenantID(text), try await visit.store.adminTenant(tenant, asker.sees) != nil else { return HTTPResponse(204) }
            sees.tenant = tenant
        }
        let pulse = visit.desk.pulse, seen = visit.request.fields["Last-Event-ID"] ?? visit.request.query("after")
        // Who comes for the first time has seen what their page shows, and learns at once that it is live.
        let event = { (name: String, number: Int, data: String) in answer(pulse, name, at: number, data, isCrowded: pulse.isCrowded(asker.sees)) }
        guard let seen, !seen.isEmpty else { return event("quiet", pulse.newest, "{}") }
        guard let since = number(seen, pulse) else { return event("reset", pulse.newest, "{}") }
        let news = await pulse.wait(sees, of: asker.sees, since: since)
        switch news {
        case .unknown: return event("reset", pulse.newest, "{}")
        case .quiet: return event("quiet", since, "{}")
        case .changes(let changes):
            var tenants: [String] = []
            for change in changes where !tenants.contains(change.tenant.description) { tenants.append(change.tenant.description) }
            let data = JSON.object([("tenants", .array(tenants.map { .string($0) }))])
            return event("change", changes.last?.number ?? since, String(decoding: data.bytes, as: UTF8.self))
        }
    }

    /// Of `BOOT-NUMBER`. `nil`: it counted with another process.
    private static func number(_ seen: String, _ pulse: Pulse) -> Int? {
        let parts = seen.split(separator: "-")
        guard parts.count == 2, parts[0] == pulse.boot, let number = Int(parts[1]) else { return nil }
        return number
    }

    private static func answer(_ pulse: Pulse, _ name: String, at number: Int, _ data: String, isCrowded: Bool) -> HTTPResponse {
        let retry = isCrowded ? 15_000 : 400
        return HTTPResponse(
            200, fields: ["Content-Type": "text/event-stream", "X-Accel-Buffering": "no"],
            body: Array("retry: \(retry)\nid: \(pulse.boot)-\(number)\nevent: \(name)\ndata: \(data)\n\n".utf8))
    }
}
