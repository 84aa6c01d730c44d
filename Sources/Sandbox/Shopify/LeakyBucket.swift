internal import Kernel

/// Points that fill up again with time: what the vendor lets a client spend.
struct LeakyBucket: Sendable {
    let capacity: Int64
    let restorePerSecond: Int64
    /// Thousandths of a point, so that short waits count.
    private var available: Int64
    private var at: Timestamp?

    init(capacity: Int64, restorePerSecond: Int64) {
        self.capacity = capacity
        self.restorePerSecond = restorePerSecond
        available = capacity * 1000
    }

    /// Whole points there are now.
    mutating func points(at now: Timestamp) -> Int64 {
        if let at, now > at {
            let milliseconds = min((now - at).wholeMilliseconds, capacity * 1000)
            available = min(capacity * 1000, available + milliseconds * restorePerSecond)
            self.at = at + .milliseconds(milliseconds)
            if available == capacity * 1000 { self.at = now }
        } else if at == nil {
            at = now
        }
        return available / 1000
    }

    /// Takes the points if they are there.
    mutating func take(_ count: Int64, at now: Timestamp) -> Bool {
        guard points(at: now) >= count else { return false }
        available -= count * 1000
        return true
    }

    /// Gives back what was reserved and not used.
    mutating func giveBack(_ count: Int64) { available = min(capacity * 1000, available + count * 1000) }
}
