public import Kernel

/// Fixed windows of one second, one for each thing that is counted; in memory only.
public struct SecondMeter: Sendable {
    private struct Window: Sendable {
        var second: Int64
        var used: Int
    }

    private static let windowsMost = 1000
    private var windows: [String: Window] = [:]

    public init() {}

    /// What was counted of it in this second, Unix time.
    public func used(_ what: String, at second: Int64) -> Int { windows[what].map { $0.second == second ? $0.used : 0 } ?? 0 }

    public mutating func count(_ what: String, at second: Int64) {
        // A bound on memory: the windows of seconds past are of no use.
        if windows.count > Self.windowsMost { windows = windows.filter { $0.value.second == second } }
        windows[what] = Window(second: second, used: used(what, at: second) + 1)
    }

    /// Counts it, or says that it is one too many.
    public mutating func admits(_ what: String, at second: Int64, most: Int) -> Bool {
        guard used(what, at: second) < most else { return false }
        count(what, at: second)
        return true
    }
}

/// Calls that are let through: a bucket that fills as time goes on. A clock that goes back fills nothing.
public struct CallBucket: Sendable {
    private let perSecond: Int64
    private let burst: Int64
    /// Thousandths of a call.
    private var level: Int64
    private var last: Timestamp?

    /// A full one.
    public init(perSecond: Int, burst: Int) {
        self.perSecond = Int64(perSecond)
        self.burst = Int64(burst)
        level = Int64(burst) * 1000
    }

    public mutating func admits(_ now: Timestamp) -> Bool {
        let since = last.map { max(0, (now - $0).wholeMilliseconds) } ?? 0
        last = max(now, last ?? now)
        // A day fills every bucket, and keeps the product inside 64 bits.
        level = min(burst * 1000, level + min(since, 86_400_000) * perSecond)
        guard level >= 1000 else { return false }
        level -= 1000
        return true
    }
}
