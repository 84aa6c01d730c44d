internal import Kernel
internal import Wire

/// Amounts of money as the twin counts them: whole minor units.
enum OdooAmount {
    /// Half away from zero; `nil` where the number is beyond 64 bits of minor units.
    static func minor(_ value: ExactDecimal, _ places: Int) -> Int64? { value.rescaled(toScale: places)?.smallCoefficient }

    /// Within bounds that keep sums over all lines of a database inside of 64 bits, whatever a rate is.
    static func bounded(_ minor: Int64) -> Int64 { min(max(minor, -1_000_000_000_000_000), 1_000_000_000_000_000) }

    static func decimal(_ minor: Int64, _ places: Int) -> ExactDecimal { ExactDecimal(small: minor, scale: places) }

    static func json(_ minor: Int64, _ places: Int) -> JSON { number(decimal(minor, places)) }

    /// As Python writes a float: at least one digit after the point, no zeros at the end.
    static func number(_ value: ExactDecimal) -> JSON {
        let text = value.shortest.description
        return .number(text.contains(".") ? text : text + ".0")
    }
}

/// Times as Odoo writes them.
enum OdooTime {
    static func second(_ at: Timestamp) -> String { String(micro(at).prefix(19)) }

    /// With the microseconds that PostgreSQL keeps: searches compare them, reads don't show them.
    static func micro(_ at: Timestamp) -> String {
        var text = at.description
        if text.hasSuffix("Z") { text.removeLast() }
        let parts = text.split(separator: "T")
        guard parts.count == 2 else { return text }
        let clock = parts[1].contains(".") ? String(parts[1]) : parts[1] + ".0"
        return "\(parts[0]) \(clock + String(repeating: "0", count: max(0, 15 - clock.count)))"
    }

    static func today(_ at: Timestamp) -> LocalDate { LocalDate(daysSince1970: Int(at.seconds >= 0 ? at.seconds / 86_400 : 0)) }

    /// `10/31/2026`, as `en_US` writes a day.
    static func american(_ date: LocalDate) -> String {
        let (year, month, day) = date.civil
        return "\(month < 10 ? "0" : "")\(month)/\(day < 10 ? "0" : "")\(day)/\(year)"
    }

    static func date(_ json: JSON) -> LocalDate? { json.string.flatMap { LocalDate($0.prefix(10)) } }
}

extension JSON {
    static func int(_ value: Int) -> JSON { .number(String(value)) }
    static func ids(_ values: [Int]) -> JSON { .array(values.map { .int($0) }) }

    /// A text, or Odoo's `false` for none.
    static func orFalse(_ text: String?) -> JSON { text.map(JSON.string) ?? .bool(false) }
    static func orFalse(_ id: Int?) -> JSON { id.map { JSON.int($0) } ?? .bool(false) }

    /// Python's truth: `false`, 0, empty texts and lists are false.
    var isTrue: Bool {
        switch self {
        case .null: false
        case .bool(let value): value
        case .number: decimal.map { !$0.isZero } ?? true
        case .string(let text): !text.isEmpty
        case .array(let list): !list.isEmpty
        case .object(let members): !members.isEmpty
        }
    }

    /// `false` or nothing at all.
    var isUnset: Bool {
        switch self {
        case .null, .bool(false): true
        default: false
        }
    }

    /// Whole numbers of a list; one number stands for a list of it.
    var idList: [Int] {
        if let one = int { return [one] }
        return (array ?? []).compactMap { $0.int ?? $0[0]?.int }
    }
}
