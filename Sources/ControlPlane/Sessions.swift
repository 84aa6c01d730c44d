internal import Kernel

/// People who are logged in to the console: a random id in their browser, the digest of their key in our memory. Gone when the process is.
final class Sessions: Sendable {
    private struct Entry: Sendable {
        var digest: [UInt8]
        var until: Duration
    }

    private let clocks: any Clocks
    private let random: any RandomSource
    private let entries = Locked<[String: Entry]>([:])

    init(clocks: any Clocks, random: any RandomSource) {
        self.clocks = clocks
        self.random = random
    }

    /// The new session's id. The oldest one ends when there are too many.
    func open(_ digest: [UInt8]) -> String {
        let id = random.bytes(32).hexText
        let now = clocks.monotonic()
        entries.with { entries in
            entries = entries.filter { $0.value.until > now }
            if entries.count >= ControlPlaneLimits.sessions, let oldest = entries.min(by: { $0.value.until < $1.value.until })?.key { entries[oldest] = nil }
            entries[id] = Entry(digest: digest, until: now + .seconds(ControlPlaneLimits.sessionSeconds))
        }
        return id
    }

    /// The digest of the session's key, which is looked up anew each time: a revoked key ends its sessions.
    func digest(_ id: String) -> [UInt8]? {
        let now = clocks.monotonic()
        return entries.with { entries in entries[id].flatMap { $0.until > now ? $0.digest : nil } }
    }

    func close(_ id: String) { entries.with { $0[id] = nil } }
}
