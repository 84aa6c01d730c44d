internal import Kernel
internal import Wire

/// Reads the members of one sent object and notes what is wrong with them.
struct FAFields {
    let json: JSON
    /// Before each attribute's name in findings: `invoice_items.`.
    let prefix: String
    private(set) var findings: [String] = []

    init(_ json: JSON, prefix: String = "") {
        self.json = json
        self.prefix = prefix
    }

    /// Whether the attribute was sent, as `null` too.
    func sent(_ key: String) -> Bool { json[key] != nil }

    mutating func note(_ key: String, _ what: String) { findings.append("\(prefix)\(key) \(what)") }
    mutating func add(_ more: [String]) { findings += more }

    mutating func blank(_ key: String) { note(key, "can't be blank") }

    /// Text, digits of a number too; `nil` where absent, null or empty.
    mutating func text(_ key: String, most: Int = 255) -> String? {
        guard let value = json.member(key) else { return nil }
        guard let text = value.string ?? Self.digits(value) else {
            note(key, "is invalid")
            return nil
        }
        if text.count > most { note(key, "is too long (maximum is \(most) characters)") }
        return text.isEmpty ? nil : text
    }

    private static func digits(_ value: JSON) -> String? {
        if case .number(let digits) = value { digits } else { nil }
    }

    mutating func decimal(_ key: String) -> ExactDecimal? {
        guard let value = json.member(key), value.string != "" else { return nil }
        guard let number = value.decimal, let bounded = FANumber.bounded(number) else {
            note(key, "is not a number")
            return nil
        }
        return bounded
    }

    mutating func cents(_ key: String) -> Int64? { decimal(key).flatMap { FANumber.cents($0) } }

    mutating func date(_ key: String) -> LocalDate? {
        guard let text = text(key) else { return nil }
        guard let date = FADate.parse(text) else {
            note(key, "is not a valid date")
            return nil
        }
        return date
    }

    mutating func whole(_ key: String, in range: ClosedRange<Int>) -> Int? {
        guard let value = json.member(key) else { return nil }
        guard let number = value.int ?? value.string.flatMap({ Int($0) }), range.contains(number) else {
            note(key, "is not a number")
            return nil
        }
        return number
    }

    mutating func flag(_ key: String) -> Bool? {
        switch json.member(key) {
        case nil: return nil
        case .bool(let flag): return flag
        case .string("true"), .number("1"): return true
        case .string("false"), .number("0"): return false
        default:
            note(key, "is invalid")
            return nil
        }
    }

    /// One of a closed list.
    mutating func choice(_ key: String, _ list: [String]) -> String? {
        guard let text = text(key) else { return nil }
        if !list.contains(text) { note(key, "is not included in the list") }
        return text
    }

    /// - Throws: 400 where it is something else than a list of objects.
    func list(_ key: String) throws(FAProblem) -> [JSON]? {
        guard let value = json.member(key) else { return nil }
        guard let list = value.array else { throw .type(key, "array") }
        guard list.allSatisfy({ $0.object != nil }) else { throw .type(key, "array of hashes") }
        return list
    }

    /// What was sent of plain attributes, into the row as it came.
    mutating func copy(texts: [String], flags: [String], into row: inout FARow, most: Int = 255) {
        for key in texts where sent(key) { row.set(key, .optional(text(key, most: most))) }
        for key in flags where sent(key) { row.set(key, flag(key).map { .bool($0) } ?? .null) }
    }

    /// - Throws: 422 with all findings where there are any.
    func check() throws(FAProblem) {
        if !findings.isEmpty { throw .invalid(findings) }
    }
}
