internal import CSystem

/// An instant: microseconds since 1970-01-01T00:00:00Z, PostgreSQL's own resolution.
public struct Timestamp: Hashable, Comparable, Sendable, CustomStringConvertible {
    public var microseconds: Int64

    public init(microseconds: Int64) { self.microseconds = microseconds }
    public init(seconds: Int64) { self.microseconds = seconds * 1_000_000 }

    /// Whole seconds since 1970, rounded towards minus infinity.
    public var seconds: Int64 { microseconds.floorDivided(by: 1_000_000) }

    public static func < (left: Self, right: Self) -> Bool { left.microseconds < right.microseconds }
    public static func + (left: Self, right: Duration) -> Self { Self(microseconds: left.microseconds + right.wholeMicroseconds) }
    public static func - (left: Self, right: Duration) -> Self { Self(microseconds: left.microseconds - right.wholeMicroseconds) }
    public static func - (left: Self, right: Self) -> Duration { .microseconds(left.microseconds - right.microseconds) }

    /// RFC 3339 in UTC, with as many fraction digits as needed: `2026-11-21T09:30:00Z`, `…00.25Z`.
    public var description: String { text(offsetSeconds: 0) }

    /// RFC 3339 with a fixed offset from UTC, cut to whole minutes: the form has no seconds in it.
    public func text(offsetSeconds: Int) -> String {
        let offsetSeconds = offsetSeconds / 60 * 60
        let local = Timestamp(microseconds: microseconds + Int64(offsetSeconds) * 1_000_000)
        let day = local.seconds.floorDivided(by: 86_400)
        let second = Int(local.seconds - day * 86_400)
        var out = "\(LocalDate(daysSince1970: Int(day)))T\(two(second / 3600)):\(two(second / 60 % 60)):\(two(second % 60))"
        let fraction = Int(local.microseconds - local.seconds * 1_000_000)
        if fraction != 0 {
            var digits = String(fraction)
            digits = String(repeating: "0", count: 6 - digits.count) + digits
            while digits.hasSuffix("0") { digits.removeLast() }
            out += "." + digits
        }
        if offsetSeconds == 0 { return out + "Z" }
        let minutes = abs(offsetSeconds) / 60
        return out + (offsetSeconds < 0 ? "-" : "+") + "\(two(minutes / 60)):\(two(minutes % 60))"
    }

    /// Parses RFC 3339 (`T` or a space, `Z` or an offset; up to nine fraction digits, cut to microseconds). `nil` for anything else,
    /// also for a time without an offset: a time that does not say where it is can't be an instant.
    public init?(rfc3339 text: some StringProtocol) {
        let b = Array(text.utf8)
        func digits(_ from: Int, _ count: Int) -> Int? {
            guard from + count <= b.count else { return nil }
            var value = 0
            for i in from ..< from + count {
                guard b[i] >= 48, b[i] <= 57 else { return nil }
                value = value * 10 + Int(b[i] - 48)
            }
            return value
        }
        guard b.count >= 20, let y = digits(0, 4), b[4] == 45, let mo = digits(5, 2), b[7] == 45, let d = digits(8, 2),
            b[10] == 84 || b[10] == 116 || b[10] == 32,
            let h = digits(11, 2), b[13] == 58, let mi = digits(14, 2), b[16] == 58, let s = digits(17, 2),
            let date = LocalDate(year: y, month: mo, day: d), h < 24, mi < 60, s <= 60
        else { return nil }
        var i = 19
        var fraction: Int64 = 0
        if b[i] == 46 {
            i += 1
            let start = i
            var scale: Int64 = 100_000
            while i < b.count, b[i] >= 48, b[i] <= 57 {
                fraction += Int64(b[i] - 48) * scale
                scale /= 10
                i += 1
            }
            guard i > start, i - start <= 9 else { return nil }
        }
        guard i < b.count else { return nil }
        var offset = 0
        switch b[i] {
        case 90, 122: i += 1
        case 43, 45:
            guard let oh = digits(i + 1, 2), i + 3 < b.count else { return nil }
            let minutesAt = b[i + 3] == 58 ? i + 4 : i + 3
            guard let om = digits(minutesAt, 2), oh < 24, om < 60 else { return nil }
            offset = (oh * 3600 + om * 60) * (b[i] == 45 ? -1 : 1)
            i = minutesAt + 2
        default: return nil
        }
        guard i == b.count else { return nil }
        let seconds = Int64(date.daysSince1970) * 86_400 + Int64(h * 3600 + mi * 60 + s - offset)
        self.init(microseconds: seconds * 1_000_000 + fraction)
    }
}

func two(_ n: Int) -> String { n < 10 ? "0\(n)" : "\(n)" }

extension Int64 {
    /// Division rounding towards minus infinity; `divisor` must be positive.
    func floorDivided(by divisor: Int64) -> Int64 {
        let q = self / divisor
        return self % divisor < 0 ? q - 1 : q
    }
}

extension Duration {
    /// Whole microseconds, cut towards zero; saturates at about 292,000 years.
    public var wholeMicroseconds: Int64 {
        let (s, a) = components
        let (product, overflow) = s.multipliedReportingOverflow(by: 1_000_000)
        return overflow ? (s < 0 ? .min : .max) : product + a / 1_000_000_000_000
    }

    /// Whole milliseconds, cut towards zero.
    public var wholeMilliseconds: Int64 { wholeMicroseconds / 1000 }

    /// Seconds as a floating-point number, for metrics and people; never for arithmetic that matters.
    public var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}

/// Wall time and monotonic time, handed in as a parameter so that tests and simulations own them.
public protocol Clocks: Sendable {
    /// Wall-clock time.
    func now() -> Timestamp
    /// Time since an arbitrary start; never goes back, counts suspended time. For deadlines and leases.
    func monotonic() -> Duration
    /// Returns after this much monotonic time.
    /// - Throws: `CancellationError` when the task is cancelled meanwhile.
    func sleep(for duration: Duration) async throws
}

extension Clocks {
    public func sleep(for duration: Duration) async throws { try await Task.sleep(for: duration) }
}

/// The machine's clocks.
public struct SystemClocks: Clocks {
    public init() {}
    public func now() -> Timestamp { Timestamp(microseconds: cf_wall_us()) }
    public func monotonic() -> Duration { .nanoseconds(cf_boottime_ns()) }
}

/// A clock that moves only when told to.
public final class ManualClocks: Clocks {
    private let state: Locked<(wall: Timestamp, monotonic: Duration)>

    public init(_ now: Timestamp) { state = Locked((now, .zero)) }
    public func now() -> Timestamp { state.with { $0.wall } }
    public func monotonic() -> Duration { state.with { $0.monotonic } }
    public func advance(by step: Duration) {
        state.with { value in
            value.wall = value.wall + step
            value.monotonic += step
        }
    }
}
