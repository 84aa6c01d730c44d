internal import Kernel
internal import Store

/// People who are logged in to the console: a random id in their browser, the digest of their key in our memory. Gone when the process is.
final class Sessions: Sendable {
    private struct Entry: Sendable {
        var digest: [UInt8]
        var owner: Visibility
        var until: Duration
    }

    private let clocks: any Clocks
    private let random: any RandomSource
    private let entries = Locked<[String: Entry]>([:])

    init(clocks: any Clocks, random: any RandomSource) {
        self.clocks = clocks
        self.random = random
    }

    /// The new session's id. Of too many the oldest one ends: of the same tenant's or consultancy's own, and of those who have most when all together
    /// are too many. So nobody ends another's by opening many.
    func open(_ digest: [UInt8], for owner: Visibility) -> String {
        let id = random.bytes(32).hexText
        let now = clocks.monotonic()
        entries.with { entries in
            entries = entries.filter { $0.value.until > now }
            let own = entries.count { $0.value.owner == owner }
            if own >= ControlPlaneLimits.sessionsEach { Sessions.endOldest(of: owner, &entries) }
            if entries.count >= ControlPlaneLimits.sessions {
                let counts = entries.values.reduce(into: [Visibility: Int]()) { $0[$1.owner, default: 0] += 1 }
                if let most = counts.max(by: { $0.value < $1.value })?.key { Sessions.endOldest(of: most, &entries) }
            }
            entries[id] = Entry(digest: digest, owner: owner, until: now + .seconds(ControlPlaneLimits.sessionSeconds))
        }
        return id
    }

    private static func endOldest(of owner: Visibility, _ entries: inout [String: Entry]) {
        if let oldest = entries.filter({ $0.value.owner == owner }).min(by: { $0.value.until < $1.value.until })?.key { entries[oldest] = nil }
    }

    /// The digest of the session's key, which is looked up anew each time: a revoked key ends its sessions.
    func digest(_ id: String) -> [UInt8]? {
        let now = clocks.monotonic()
        return entries.with { entries in entries[id].flatMap { $0.until > now ? $0.digest : nil } }
    }

    func close(_ id: String) { entries.with { $0[id] = nil } }
}
