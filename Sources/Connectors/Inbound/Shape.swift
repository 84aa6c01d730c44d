internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

/// What a value of the contract may be. Described once: events are checked by it, and the JSON Schemas are written from it.
indirect enum Shape: Sendable {
    /// Text of 1 to so many characters, without control characters.
    case text(Int)
    /// Another system's id: 1 to 128 letters, digits and `._:/-`.
    case id
    /// A word of lower-case letters, digits and underscores, at most 40.
    case word
    case choice([String])
    case flag
    /// A whole number as JSON number, 1 to 2^53 - 1.
    case version
    /// A decimal as a string; at most so many digits after the point.
    case decimal(places: Int, negative: Bool)
    /// RFC 3339, with its offset.
    case instant
    /// A day, `YYYY-MM-DD`, or an instant.
    case day
    case currency
    case list(Shape, least: Int, most: Int)
    case object([Member])
}

/// A member of an object.
struct Member: Sendable {
    var name: String
    var shape: Shape
    var isRequired: Bool
    var meaning: String

    init(_ name: String, _ shape: Shape, required: Bool = false, _ meaning: String) {
        self.name = name
        self.shape = shape
        isRequired = required
        self.meaning = meaning
    }
}

/// Everything wrong with a value, collected up to a bound.
struct Inspection: Sendable {
    private(set) var findings: [ContractFinding] = []
    /// Members that the contract does not know.
    private(set) var unknown: [ContractFinding] = []

    mutating func add(_ pointer: String, _ why: String, _ remedy: String) {
        if findings.count < InboundLimits.findings { findings.append(ContractFinding(pointer, why, remedy)) }
    }

    mutating func check(_ value: JSON, _ shape: Shape, _ pointer: String) {
        switch shape {
        case .object(let members): object(value, members, pointer)
        case .list(let element, let least, let most):
            guard let list = value.array, (least ... most).contains(list.count) else {
                return add(pointer, "must be a list of \(least) to \(most) entries", "Send [ … ].")
            }
            for (n, entry) in list.enumerated() { check(entry, element, "\(pointer)/\(n)") }
        default:
            if let wanted = shape.refusal(of: value) { add(pointer, "must be \(wanted)", "Write it such as \(shape.example).") }
        }
    }

    private mutating func object(_ value: JSON, _ members: [Member], _ pointer: String) {
        guard let given = value.object else { return add(pointer, "must be an object", "Send { … }.") }
        for (name, value) in given {
            let place = "\(pointer)/\(Self.escaped(name))"
            guard let member = members.first(where: { $0.name == name }) else {
                if unknown.count < InboundLimits.findings {
                    unknown.append(ContractFinding(place, "is not a member of the contract", "Leave it out, or set unknown_members to warn."))
                }
                continue
            }
            // Null is absence.
            if !value.isNull { check(value, member.shape, place) }
        }
        for member in members where member.isRequired {
            if value[member.name]?.isNull ?? true { add("\(pointer)/\(member.name)", "is missing", "Add \(member.name): \(member.meaning).") }
        }
    }

    /// RFC 6901, section 3; of names that are no names no more than can be shown.
    private static func escaped(_ name: String) -> String {
        let shown = String(String.UnicodeScalarView(name.unicodeScalars.prefix(64).map { $0.value < 32 || $0.value == 127 ? "?" : $0 }))
        return shown.replacing("~", with: "~0").replacing("/", with: "~1")
    }
}

extension Shape {
    /// What the value ought to be; `nil` when it is that.
    func refusal(of value: JSON) -> String? {
        switch self {
        case .text(let most):
            let text = value.string ?? ""
            let good = (1 ... most).contains(text.unicodeScalars.count) && text.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 }
            return good ? nil : "text of 1 to \(most) characters without line breaks"
        case .id: return value.string.map(InboundID.isID) == true ? nil : "an id of 1 to 128 letters, digits and ._:/-"
        case .word: return value.string.map(InboundID.isWord) == true ? nil : "a word of at most 40 lower-case letters, digits and underscores"
        case .choice(let words): return words.contains(value.string ?? "") ? nil : "one of \(words.joined(separator: ", "))"
        case .flag: return value.bool != nil ? nil : "true or false"
        case .version: return value.int.map { (1 ... InboundLimits.version).contains($0) } == true ? nil : "a whole number from 1 to 2^53 - 1"
        case .decimal(let places, let negative):
            let good = value.string.flatMap { InboundID.decimal($0, places: places) }.map { negative || !$0.isNegative } == true
            return good ? nil : "a \(negative ? "" : "non-negative ")decimal in quotes with at most \(places) digits after the point"
        case .instant: return value.string.flatMap { Timestamp(rfc3339: $0) } != nil ? nil : "a time with its offset"
        case .day: return value.string.flatMap(InboundID.moment) != nil ? nil : "a day or a time with its offset"
        case .currency: return value.string.map { $0.utf8.count == 3 && Currency($0) != nil } == true ? nil : "a currency code"
        case .list, .object: return nil
        }
    }

    var example: String {
        switch self {
        case .text: "\"Screen repair\""
        case .id: "\"J-3101\""
        case .word: "\"card\""
        case .choice(let words): "\"\(words.first ?? "")\""
        case .flag: "true"
        case .version: "3"
        case .decimal: "\"226.00\""
        case .instant: "\"2026-11-12T16:00:00-05:00\""
        case .day: "\"2026-11-12\""
        case .currency: "\"CAD\""
        case .list: "[ … ]"
        case .object: "{ … }"
        }
    }

    /// As JSON Schema says it.
    /// - Source: json-schema.org, draft 2020-12.
    var schema: JSON {
        switch self {
        case .text(let most): ["type": "string", "minLength": 1, "maxLength": .number("\(most)"), "pattern": .string(#"^[^\u0000-\u001F\u007F]*$"#)]
        case .id: ["type": "string", "pattern": .string("^[A-Za-z0-9._:/-]{1,128}$")]
        case .word: ["type": "string", "pattern": .string("^[a-z0-9_]{1,40}$")]
        case .choice(let words): ["type": "string", "enum": .array(words.map { .string($0) })]
        case .flag: ["type": "boolean"]
        case .version: ["type": "integer", "minimum": 1, "maximum": .number("\(InboundLimits.version)")]
        case .decimal(let places, let negative):
            ["type": "string", "pattern": .string("^\(negative ? "-?" : "")[0-9]{1,\(InboundLimits.wholeDigits)}(\\.[0-9]{1,\(places)})?$")]
        case .instant: ["type": "string", "format": "date-time"]
        case .day: ["type": "string", "anyOf": [["format": "date"], ["format": "date-time"]]]
        case .currency: ["type": "string", "pattern": .string("^[A-Z]{3}$")]
        case .list(let element, let least, let most):
            ["type": "array", "items": element.schema, "minItems": .number("\(least)"), "maxItems": .number("\(most)")]
        case .object(let members): Self.schema(of: members)
        }
    }

    private static func schema(of members: [Member]) -> JSON {
        let properties = members.map { member -> (key: String, value: JSON) in
            var inner = member.shape.schema
            // An optional member may be null, which means that it is absent.
            if !member.isRequired { inner = .object([("anyOf", .array([inner, ["type": "null"]]))]) }
            return (member.name, inner.setting("description", .string(member.meaning)))
        }
        let required: [JSON] = members.filter(\.isRequired).map { .string($0.name) }
        return .object([
            ("type", "object"), ("properties", .object(properties)), ("required", .array(required)), ("additionalProperties", false),
        ])
    }
}

/// Words and numbers as the contract writes them.
enum InboundID {
    static func isID(_ text: String) -> Bool {
        (1 ... 128).contains(text.utf8.count) && text.utf8.allSatisfy { isLetterOrDigit($0) || [45, 46, 47, 58, 95].contains($0) }
    }

    static func isWord(_ text: String) -> Bool {
        (1 ... 40).contains(text.utf8.count) && text.utf8.allSatisfy { (97 ... 122).contains($0) || (48 ... 57).contains($0) || $0 == 95 }
    }

    private static func isLetterOrDigit(_ c: UInt8) -> Bool { (48 ... 57).contains(c) || (65 ... 90).contains(c) || (97 ... 122).contains(c) }

    /// Plain digits with at most so many after the point: no exponent, no sign but a minus.
    static func decimal(_ text: String, places: Int) -> ExactDecimal? {
        let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
        let halves = digits.utf8.split(separator: 46, omittingEmptySubsequences: false)
        guard (1 ... 2).contains(halves.count), (1 ... InboundLimits.wholeDigits).contains(halves[0].count),
            halves.count == 1 || (1 ... places).contains(halves[1].count),
            halves.allSatisfy({ $0.allSatisfy { (48 ... 57).contains($0) } })
        else { return nil }
        return ExactDecimal(text)
    }

    /// A day is meant at noon UTC, which is the same day from UTC-12 to UTC+11.
    static func moment(_ text: String) -> Timestamp? {
        if text.utf8.count == 10, let day = LocalDate(text) { return Timestamp(seconds: Int64(day.daysSince1970) * 86_400 + 43_200) }
        return Timestamp(rfc3339: text)
    }
}
