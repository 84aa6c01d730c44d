internal import Kernel
internal import Wire

/// Numbers as Xero writes them. Amounts are whole hundredths of their currency, whatever the currency.
enum XeroNumber {
    /// Amounts beyond this many hundredths are refused, so that sums of them never overflow.
    static let largestCents: Int64 = 100_000_000_000_000

    static func power(_ n: Int) -> Int128 {
        var p: Int128 = 1
        for _ in 0..<n { p *= 10 }
        return p
    }

    /// The number at exactly `scale` digits after the point (half away from zero); `nil` at 10^10 and beyond.
    static func bounded(_ number: ExactDecimal, scale: Int) -> ExactDecimal? {
        guard Int128(number.coefficient.magnitude) / power(number.scale) < power(10) else { return nil }
        return number.rounded(toScale: scale)
    }

    /// Hundredths, half away from zero; `nil` beyond `largestCents`.
    static func cents(_ number: ExactDecimal) -> Int64? {
        guard Int128(number.coefficient.magnitude) / power(number.scale) < Int128(largestCents / 100) else {
            return nil
        }
        return Int64(number.rounded(toScale: 2).coefficient)
    }

    static func amount(_ cents: Int64) -> ExactDecimal { ExactDecimal(coefficient: Int128(cents), scale: 2) }
    static func text(_ cents: Int64) -> String { amount(cents).description }
    static func json(_ cents: Int64) -> JSON { .number(text(cents)) }

    /// `cents` in base currency: Xero's rate counts document currency per unit of base.
    /// - Source: the rule the sandbox follows is base = amount / rate.
    static func base(_ cents: Int64, rate: ExactDecimal) -> Int64 {
        Int64(clamping: ExactDecimal.divideHalfUp(Int128(cents) * power(rate.scale), rate.coefficient))
    }
}

/// Dates as Xero writes and reads them.
enum XeroDate {
    static func json(_ date: LocalDate) -> JSON { .string("/Date(\(Int64(date.daysSince1970) * 86_400_000)+0000)/") }
    static func json(_ moment: Timestamp) -> JSON { .string("/Date(\(milliseconds(moment))+0000)/") }
    static func envelope(_ moment: Timestamp) -> JSON { .string("/Date(\(milliseconds(moment)))/") }
    static func midnight(_ date: LocalDate) -> JSON { .string("\(date)T00:00:00") }

    private static func milliseconds(_ moment: Timestamp) -> Int64 {
        moment.seconds * 1000 + (moment.microseconds - moment.seconds * 1_000_000) / 1000
    }

    /// The moment to the second: `2026-11-14T09:30:00Z`.
    static func seconds(_ moment: Timestamp) -> String { Timestamp(seconds: moment.seconds).description }

    static func start(of date: LocalDate) -> Timestamp { Timestamp(seconds: Int64(date.daysSince1970) * 86_400) }

    static func day(of moment: Timestamp) -> LocalDate {
        let seconds = Int(moment.seconds)
        return LocalDate(daysSince1970: seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400)
    }

    /// `31-Oct-2026`, as validation messages write it.
    static func spoken(_ date: LocalDate) -> String {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let (year, month, day) = date.civil
        return "\(day < 10 ? "0" : "")\(day)-\(months[month - 1])-\(year)"
    }

    /// Reads `2026-11-20`, `2026-11-20T00:00:00…` and `/Date(1763596800000+0000)/`.
    static func parse(_ text: String) -> LocalDate? {
        if text.hasPrefix("/Date("), text.hasSuffix(")/") {
            var digits = String(text.dropFirst(6).dropLast(2))
            if let zone = digits.dropFirst().firstIndex(where: { $0 == "+" || $0 == "-" }) {
                digits = String(digits[..<zone])
            }
            guard let value = Int64(digits), value.magnitude < 253_402_300_800_000 else { return nil }
            return day(of: Timestamp(microseconds: value * 1000))
        }
        guard text.utf8.count >= 10, let date = LocalDate(String(text.prefix(10))) else { return nil }
        guard text.utf8.count > 10 else { return date }
        return moment(text) == nil ? nil : date
    }

    /// Reads an instant; a text without zone is UTC. Also the HTTP date form, which some clients put into `If-
    /// Modified-Since`.
    static func moment(_ text: String) -> Timestamp? {
        if let stamp = Timestamp(rfc3339: text) { return stamp }
        if let stamp = Timestamp(rfc3339: text + "Z") { return stamp }
        if let date = LocalDate(text) { return start(of: date) }
        let parts = text.split(separator: " ").map { String($0) }
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard parts.count == 6, let month = months.firstIndex(of: parts[2]), parts[5] == "GMT" else { return nil }
        let day = parts[1].count == 1 ? "0" + parts[1] : parts[1]
        let number = month + 1 < 10 ? "0\(month + 1)" : "\(month + 1)"
        return Timestamp(rfc3339: "\(parts[3])-\(number)-\(day)T\(parts[4])Z")
    }
}

/// Members of a JSON object under construction; absent values are left out, as Xero leaves them out.
struct XeroMembers {
    private(set) var list: [(key: String, value: JSON)] = []
    var json: JSON { .object(list) }

    mutating func set(_ key: String, _ value: JSON?) {
        if let value { list.append((key, value)) }
    }
    mutating func text(_ key: String, _ value: String?) { set(key, value.map { JSON.string($0) }) }
    mutating func flag(_ key: String, _ value: Bool) { set(key, .bool(value)) }
    mutating func money(_ key: String, _ cents: Int64?) { set(key, cents.map { XeroNumber.json($0) }) }
    mutating func decimal(_ key: String, _ value: ExactDecimal?, scale: Int) {
        set(key, value.map { JSON.number($0.rounded(toScale: scale).description) })
    }
    mutating func date(_ key: String, _ value: LocalDate?) { set(key, value.map { XeroDate.json($0) }) }
    mutating func empty(_ keys: String...) {
        for key in keys { set(key, .array([])) }
    }
}
