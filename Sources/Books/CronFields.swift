internal import Kernel

/// The five fields of a cron line, read strictly: minute, hour, day of the month, month, day of the week.
///
/// Where both day fields are narrowed, a day fits that fits either of them, as cron has always had it; a field that begins with `*` narrows
/// nothing by itself, and both must fit then.
public struct CronFields: Sendable, Hashable {
    /// Bit n is set where the field has n.
    private(set) var minutes: UInt64
    private(set) var hours: UInt64
    private(set) var days: UInt64
    private(set) var months: UInt64
    /// Sunday is 0.
    private(set) var weekdays: UInt64
    private(set) var isEitherDay: Bool

    /// Every day at this time. `hour` 0 ..< 24, `minute` 0 ..< 60.
    init(dailyAt hour: Int, _ minute: Int) {
        (minutes, hours) = (1 << UInt64(minute), 1 << UInt64(hour))
        (days, months, weekdays, isEitherDay) = (Field.days.all, Field.months.all, Field.weekdays.all, false)
    }

    /// Reads five words; `nil` with everything that is wrong with them in `problems`, each with its field's name.
    init?(_ words: [String], problems: inout [(field: String, why: String, remedy: String)]) {
        precondition(words.count == 5, "a cron line has five fields")
        var bits: [UInt64] = []
        for (field, word) in zip(Field.allCases, words) {
            do throws(FieldProblem) { bits.append(try field.read(word)) } catch {
                problems.append((field.rawValue, error.why, error.remedy))
                bits.append(0)
            }
        }
        (minutes, hours, days, months, weekdays) = (bits[0], bits[1], bits[2], bits[3], bits[4])
        isEitherDay = !words[2].hasPrefix("*") && !words[4].hasPrefix("*")
        guard problems.isEmpty else { return nil }
        guard comesEver else {
            problems.append((Field.days.rawValue, "never comes in these months", "The longest of them is shorter: choose another day or month."))
            return nil
        }
    }

    /// Some year has such a day. Every weekday meets every day of the year some year, so weekdays need no look.
    private var comesEver: Bool {
        if isEitherDay { return true }
        let longest = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        let first = days.trailingZeroBitCount
        return (1 ... 12).contains { months & (1 << UInt64($0)) != 0 && first <= longest[$0 - 1] }
    }

    /// It runs on this day.
    func fits(_ day: LocalDate) -> Bool {
        let (_, month, number) = day.civil
        guard months & (1 << UInt64(month)) != 0 else { return false }
        let weekday = (day.daysSince1970 % 7 + 11) % 7  // 1970-01-01 was a Thursday (4)
        let (byNumber, byWeekday) = (days & (1 << UInt64(number)) != 0, weekdays & (1 << UInt64(weekday)) != 0)
        return isEitherDay ? byNumber || byWeekday : byNumber && byWeekday
    }

    /// The first instant after this one at which it runs; `nil` when none is found in `Schedule.yearsMost` years. Local times become instants in
    /// their order: one that the clock skips is the instant at which the skip ends, one that it shows twice is the first of both.
    func next(after instant: Timestamp, in zone: Zone) -> Timestamp? {
        // From the day before: what was skipped then may run now.
        var day = zone.date(of: instant).adding(days: -1)
        for _ in 0 ..< Schedule.yearsMost * 366 {
            if fits(day), let found = first(on: day, after: instant, zone) { return found }
            day = day.adding(days: 1)
        }
        return nil
    }

    private func first(on day: LocalDate, after instant: Timestamp, _ zone: Zone) -> Timestamp? {
        for hour in 0 ..< 24 where hours & (1 << UInt64(hour)) != 0 {
            guard zone.instant(of: day, secondOfDay: hour * 3600 + 3540) > instant else { continue }
            for minute in 0 ..< 60 where minutes & (1 << UInt64(minute)) != 0 {
                let at = zone.instant(of: day, secondOfDay: hour * 3600 + minute * 60)
                if at > instant { return at }
            }
        }
        return nil
    }
}

struct FieldProblem: Error {
    var why: String
    var remedy: String
}

/// One field of a cron line.
private enum Field: String, CaseIterable {
    case minutes = "minute", hours = "hour", days = "day of the month", months = "month", weekdays = "day of the week"

    /// What may be written; 7 is Sunday too.
    var range: ClosedRange<Int> {
        switch self {
        case .minutes: 0 ... 59
        case .hours: 0 ... 23
        case .days: 1 ... 31
        case .months: 1 ... 12
        case .weekdays: 0 ... 7
        }
    }

    /// Names, the first of them for `range.lowerBound`.
    private var names: [String] {
        switch self {
        case .minutes, .hours, .days: []
        case .months: ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
        case .weekdays: ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
        }
    }

    /// Every value it can have.
    var all: UInt64 { bits(range, by: 1) }

    private func bits(_ range: ClosedRange<Int>, by step: Int) -> UInt64 {
        var out: UInt64 = 0
        for n in stride(from: range.lowerBound, through: range.upperBound, by: step) { out |= 1 << UInt64(self == .weekdays ? n % 7 : n) }
        return out
    }

    /// A list of `*`, `n`, `n-m`, each of the ranges with `/step`.
    func read(_ word: String) throws(FieldProblem) -> UInt64 {
        var out: UInt64 = 0
        for part in word.split(separator: ",", omittingEmptySubsequences: false) { out |= try read(part: part, of: word) }
        return out
    }

    private func read(part: Substring, of word: String) throws(FieldProblem) -> UInt64 {
        let halves = part.split(separator: "/", omittingEmptySubsequences: false)
        guard halves.count <= 2, let head = halves.first, !head.isEmpty else { throw unreadable(word) }
        var span: ClosedRange<Int>
        if head == "*" {
            span = self == .weekdays ? 0 ... 6 : range
        } else {
            let ends = head.split(separator: "-", omittingEmptySubsequences: false)
            guard ends.count <= 2 else { throw unreadable(word) }
            let from = try number(ends[0], of: word)
            guard ends.count == 2 else {
                guard halves.count == 1 else {
                    throw FieldProblem(why: "'\(word.prefix(32))' has a step without a range", remedy: "Write it such as */\(halves[1].prefix(2)) or \(from)-\(range.upperBound)/\(halves[1].prefix(2)).")
                }
                return bits(from ... from, by: 1)
            }
            let to = try number(ends[1], of: word)
            guard from <= to else { throw FieldProblem(why: "'\(word.prefix(32))' ends before it begins", remedy: "Write two ranges with a comma between them.") }
            span = from ... to
        }
        guard halves.count == 2 else { return bits(span, by: 1) }
        guard let step = Field.digits(halves[1]), step >= 1, step <= span.count else {
            throw FieldProblem(why: "'\(word.prefix(32))' has no step that fits its range", remedy: "A step is a number from 1 to \(span.count) here.")
        }
        return bits(span, by: step)
    }

    private func number(_ text: Substring, of word: String) throws(FieldProblem) -> Int {
        let upper = text.uppercased()
        if let at = names.firstIndex(of: upper) { return at + range.lowerBound }
        guard let n = Field.digits(text) else { throw unreadable(word) }
        guard range.contains(n) else {
            throw FieldProblem(why: "'\(text.prefix(8))' is not from \(range.lowerBound) to \(range.upperBound)", remedy: "Choose a number in that range.")
        }
        return n
    }

    /// One or two digits.
    private static func digits(_ text: Substring) -> Int? {
        guard (1 ... 2).contains(text.utf8.count), text.utf8.allSatisfy({ (48 ... 57).contains($0) }) else { return nil }
        return Int(text)
    }

    private func unreadable(_ word: String) -> FieldProblem {
        let example = switch self {
        case .minutes: "0, */15 or 0,30"
        case .hours: "6, 9-17 or */2"
        case .days: "1, 1,15 or *"
        case .months: "*, 1-6 or JAN,JUL"
        case .weekdays: "*, 1-5 or MON-FRI"
        }
        return FieldProblem(why: "'\(word.prefix(32))' can't be read", remedy: "Write it such as \(example).")
    }
}
