internal import FoundationEssentials

/// A time zone by IANA name, read from the system's compiled time zone files. Foundation's `TimeZone` is not used: in a
/// statically linked program it knows GMT offsets only.
/// - Source: RFC 9636 (TZif), version 2 data block and footer.
public struct Zone: Sendable, Hashable, CustomStringConvertible {
    public let name: String
    private let rules: Rules

    public static let utc = Zone(name: "UTC", rules: Rules(transitions: [], offsets: [], first: 0, footer: nil))

    private init(name: String, rules: Rules) {
        self.name = name
        self.rules = rules
    }

    /// The zone with this IANA name.
    /// - Throws: `unknown_time_zone` when the name is malformed or the system has no such zone.
    public static func named(_ name: String) throws(Fault) -> Zone {
        if name == "UTC" { return .utc }
        if let known = cache.with({ $0[name] }) { return known }
        let fault = Fault(
            "unknown_time_zone", stage: .configuration, disposition: .hold,
            summary: "there is no time zone named '\(name.prefix(64))' on this machine",
            remedy: "Use an IANA name such as Europe/London; on a minimal system install the package tzdata.")
        let allowed = name.utf8.allSatisfy { $0.isNameByte }
        // One spelling a zone, or the cache would grow with every "Europe//London"; `right/` counts leap seconds, we don't.
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard allowed, name.utf8.count <= 64, parts.allSatisfy({ !$0.isEmpty }), !["right", "posix"].contains(parts[0]) else {
            throw fault
        }
        var bytes: [UInt8] = []
        for folder in ["/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo"] where bytes.isEmpty {
            if let data = try? Data(contentsOf: URL(filePath: "\(folder)/\(name)")), data.count < 1 << 20 { bytes = Array(data) }
        }
        guard let rules = Rules(tzif: bytes) else { throw fault }
        let zone = Zone(name: name, rules: rules)
        cache.with { $0[name] = zone }
        return zone
    }

    private static let cache = Locked<[String: Zone]>([:])

    /// Seconds east of UTC at the instant.
    public func offset(at instant: Timestamp) -> Int { rules.offset(at: instant.seconds) }

    /// The calendar day it is here at the instant.
    public func date(of instant: Timestamp) -> LocalDate {
        LocalDate(daysSince1970: Int((instant.seconds + Int64(offset(at: instant))).floorDivided(by: 86_400)))
    }

    /// Seconds since local midnight at the instant, 0 ..< 86,400.
    public func secondOfDay(at instant: Timestamp) -> Int {
        let local = instant.seconds + Int64(offset(at: instant))
        return Int(local - local.floorDivided(by: 86_400) * 86_400)
    }

    /// The first instant at which the local clock shows this day and second (after a gap: the instant the gap ends).
    public func instant(of date: LocalDate, secondOfDay: Int = 0) -> Timestamp {
        let local = Int64(date.daysSince1970) * 86_400 + Int64(secondOfDay)
        let before = offset(at: Timestamp(seconds: local - 86_400))
        let after = offset(at: Timestamp(seconds: local + 86_400))
        for candidate in [before, after] where offset(at: Timestamp(seconds: local - Int64(candidate))) == candidate {
            return Timestamp(seconds: local - Int64(candidate))
        }
        // The clock skips this time. The skip lies between these two instants, one showing the time before it, one after.
        var (early, late) = (local - Int64(max(before, after)), local - Int64(min(before, after)))
        while late - early > 1 {
            let middle = early + (late - early) / 2
            if offset(at: Timestamp(seconds: middle)) == before { early = middle } else { late = middle }
        }
        return Timestamp(seconds: late)
    }

    public var description: String { name }
}

extension UInt8 {
    fileprivate var isNameByte: Bool {
        (self >= 65 && self <= 90) || (self >= 97 && self <= 122) || (self >= 48 && self <= 57) || [43, 45, 47, 95].contains(self)
    }
}

private struct Rules: Sendable, Hashable {
    var transitions: [Int64]
    var offsets: [Int]
    var first: Int
    var footer: PosixRule?

    init(transitions: [Int64], offsets: [Int], first: Int, footer: PosixRule?) {
        self.transitions = transitions
        self.offsets = offsets
        self.first = first
        self.footer = footer
    }

    init?(tzif b: [UInt8]) {
        func int32(_ at: Int) -> Int { Int(Int32(truncatingIfNeeded: (0 ..< 4).reduce(0) { $0 << 8 | Int(b[at + $1]) })) }
        func header(_ at: Int) -> [Int]? {
            guard at + 44 <= b.count, b[at ..< at + 4].elementsEqual("TZif".utf8) else { return nil }
            let counts = (0 ..< 6).map { int32(at + 20 + $0 * 4) }
            return counts.allSatisfy { $0 >= 0 && $0 < 100_000 } ? counts : nil
        }
        guard let v1 = header(0) else { return nil }
        let second = 44 + v1[3] * 5 + v1[4] * 6 + v1[5] + v1[2] * 8 + v1[1] + v1[0]
        guard let counts = header(second) else { return nil }
        let (leaps, times, types, chars) = (counts[2], counts[3], counts[4], counts[5])
        let timesAt = second + 44
        let indexAt = timesAt + times * 8
        let typesAt = indexAt + times
        let footerAt = typesAt + types * 6 + chars + leaps * 12 + counts[1] + counts[0]
        guard footerAt <= b.count, types > 0 else { return nil }
        let typeOffsets = (0 ..< types).map { int32(typesAt + $0 * 6) }
        transitions = (0 ..< times).map { n in
            Int64(bitPattern: (0 ..< 8).reduce(UInt64(0)) { $0 << 8 | UInt64(b[timesAt + n * 8 + $1]) })
        }
        guard b[indexAt ..< indexAt + times].allSatisfy({ Int($0) < types }) else { return nil }
        offsets = (0 ..< times).map { typeOffsets[Int(b[indexAt + $0])] }
        first = typeOffsets[0]
        let text = String(decoding: b[min(footerAt + 1, b.count)...].prefix { $0 != 10 }, as: UTF8.self)
        footer = PosixRule(text)
    }

    func offset(at second: Int64) -> Int {
        guard let last = transitions.last, second >= transitions[0] else { return transitions.isEmpty ? (footer?.offset(at: second) ?? first) : first }
        if second >= last { return footer?.offset(at: second) ?? offsets[offsets.count - 1] }
        var low = 0
        var high = transitions.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if transitions[middle] <= second { low = middle } else { high = middle }
        }
        return offsets[low]
    }
}

/// The footer of a TZif file, a POSIX TZ string such as `GMT0BST,M3.5.0/1,M10.5.0`.
private struct PosixRule: Sendable, Hashable {
    struct Change: Sendable, Hashable {
        var month: Int
        var week: Int
        var weekday: Int
        var second: Int
    }

    var standard: Int
    var daylight: Int?
    var start: Change?
    var end: Change?

    init?(_ text: String) {
        var s = Substring(text)
        func name() -> Bool {
            if s.first == "<" {
                guard let close = s.firstIndex(of: ">") else { return false }
                s = s[s.index(after: close)...]
                return true
            }
            let rest = s.drop { $0.isLetter }
            defer { s = rest }
            return rest.startIndex != s.startIndex
        }
        func time() -> Int? {
            var sign = 1
            if s.first == "-" || s.first == "+" { sign = s.removeFirst() == "-" ? -1 : 1 }
            let field = s.prefix { $0.isNumber || $0 == ":" }
            s = s[field.endIndex...]
            let parts = field.split(separator: ":").map { Int($0) ?? 0 }
            guard !parts.isEmpty else { return nil }
            return sign * (parts[0] * 3600 + (parts.count > 1 ? parts[1] * 60 : 0) + (parts.count > 2 ? parts[2] : 0))
        }
        func change() -> Change? {
            guard s.hasPrefix(",M") else { return nil }
            s = s.dropFirst(2)
            let field = s.prefix { $0.isNumber || $0 == "." }
            s = s[field.endIndex...]
            let parts = field.split(separator: ".").compactMap { Int($0) }
            guard parts.count == 3 else { return nil }
            var second = 7200
            if s.first == "/" {
                s = s.dropFirst()
                guard let t = time() else { return nil }
                second = t
            }
            return Change(month: parts[0], week: parts[1], weekday: parts[2], second: second)
        }
        guard name(), let offset = time() else { return nil }
        standard = -offset
        guard !s.isEmpty else { return }
        guard name() else { return nil }
        daylight = standard + 3600
        if let c = s.first, c != "," {
            guard let d = time() else { return nil }
            daylight = -d
        }
        guard let from = change(), let to = change() else { return nil }
        start = from
        end = to
    }

    func offset(at second: Int64) -> Int {
        guard let daylight, let start, let end else { return standard }
        let year = LocalDate(daysSince1970: Int((second + Int64(standard)).floorDivided(by: 86_400))).civil.year
        let from = moment(start, year) - Int64(standard)
        let to = moment(end, year) - Int64(daylight)
        let inside = from < to ? (second >= from && second < to) : (second >= from || second < to)
        return inside ? daylight : standard
    }

    private func moment(_ change: Change, _ year: Int) -> Int64 {
        guard let first = LocalDate(year: year, month: change.month, day: 1) else { return 0 }
        let weekday = (first.daysSince1970 % 7 + 11) % 7  // 1970-01-01 was a Thursday (4)
        var day = first.adding(days: (change.weekday - weekday + 7) % 7 + (change.week - 1) * 7)
        while day.civil.month != change.month { day = day.adding(days: -7) }
        return Int64(day.daysSince1970) * 86_400 + Int64(change.second)
    }
}
