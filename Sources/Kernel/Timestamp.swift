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
    public init?(rfc3339 text: some StringProtocol) { self.init(rfc3339: String(text)) }

    /// The same, of a string.
    public init?(rfc3339 text: String) {
        var text = text
        guard let read = text.withUTF8({ Timestamp(rfc3339: $0) }) else { return nil }
        self = read
    }

    /// The same, from UTF-8 bytes.
    public init?(rfc3339 bytes: UnsafeBufferPointer<UInt8>) {
        guard bytes.count >= 20, let second = Self.second(bytes) else { return nil }
        var at = 19
        var fraction: Int64 = 0
        if bytes[at] == UInt8(ascii: ".") {
            at += 1
            let start = at
            var scale: Int64 = 100_000
            while at < bytes.count, bytes[at] &- 48 < 10 {
                fraction += Int64(bytes[at] &- 48) * scale
                scale /= 10
                at += 1
            }
            guard at > start, at - start <= 9 else { return nil }
        }
        guard let offset = Self.offset(bytes, at) else { return nil }
        self.init(microseconds: (second - offset) * 1_000_000 + fraction)
    }

    /// The number that two digits make; `nil` where they are none, or beyond the end.
    @inline(__always)
    private static func pair(_ text: UnsafeBufferPointer<UInt8>, _ at: Int) -> Int? {
        guard at + 2 <= text.count else { return nil }
        let (a, b) = (text[at] &- 48, text[at + 1] &- 48)
        return a < 10 && b < 10 ? Int(a) * 10 + Int(b) : nil
    }

    /// Seconds from 1970 to the time that the first nineteen bytes say, wherever that is.
    private static func second(_ text: UnsafeBufferPointer<UInt8>) -> Int64? {
        guard let century = pair(text, 0), let year = pair(text, 2), text[4] == UInt8(ascii: "-"), let month = pair(text, 5),
            text[7] == UInt8(ascii: "-"), let day = pair(text, 8), text[10] | 32 == UInt8(ascii: "t") || text[10] == 32,
            let hour = pair(text, 11), text[13] == UInt8(ascii: ":"), let minute = pair(text, 14), text[16] == UInt8(ascii: ":"),
            let second = pair(text, 17), hour < 24, minute < 60, second <= 60,
            let date = LocalDate(year: century * 100 + year, month: month, day: day)
        else { return nil }
        return Int64(date.daysSince1970) * 86_400 + Int64(hour * 3600 + minute * 60 + second)
    }

    /// Seconds east of UTC as written at the end of the text, which must begin at `at`.
    private static func offset(_ text: UnsafeBufferPointer<UInt8>, _ at: Int) -> Int64? {
        guard at < text.count else { return nil }
        switch text[at] {
        case UInt8(ascii: "Z"), UInt8(ascii: "z"): return at + 1 == text.count ? 0 : nil
        case UInt8(ascii: "+"), UInt8(ascii: "-"):
            guard let hours = pair(text, at + 1), at + 3 < text.count else { return nil }
            let minutesAt = text[at + 3] == UInt8(ascii: ":") ? at + 4 : at + 3
            guard let minutes = pair(text, minutesAt), minutesAt + 2 == text.count, hours < 24, minutes < 60 else { return nil }
            return Int64(hours * 3600 + minutes * 60) * (text[at] == UInt8(ascii: "-") ? -1 : 1)
        default: return nil
        }
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
