public import Kernel

/// A JSON value to build or to keep: object keys keep their order; numbers keep their digits.
///
/// Two values are equal when they hold the same members, in whatever order, and the same digits: `1.0` is not `1`.
/// Strings and keys compare byte by byte, without Unicode normalisation.
public enum JSON: Sendable {
    case null
    case bool(Bool)
    /// The digits as written, a number in JSON's grammar. Anything else is written as a string, so that output is
    /// always JSON.
    case number(String)
    case string(String)
    case array([JSON])
    /// Members in order. Parsed objects hold each key once; in built ones the first of several is found.
    case object([(key: String, value: JSON)])
}

// MARK: - Building

extension JSON {
    /// The number with exactly the digits of `value`.
    public static func decimal(_ value: ExactDecimal) -> JSON { .number(value.description) }

    /// The string, or `null` for none.
    public static func optional(_ value: String?) -> JSON { value.map(JSON.string) ?? .null }

    /// This object with `key` set: in its old place, or at the end. Anything but an object counts as an empty one.
    public func setting(_ key: String, _ value: JSON) -> JSON {
        var members = object ?? []
        if let place = members.firstIndex(where: { sameBytes($0.key, key) }) {
            members[place].value = value
        } else {
            members.append((key, value))
        }
        return .object(members)
    }

    /// Reads a whole document in strict RFC 8259: UTF-8 without a byte order mark, no repeated key in an object,
    /// nothing after the value.
    /// - Throws: `malformed_json`, position `byte N`, also for documents beyond `Limits.jsonBytes` or
    /// `Limits.jsonDepth`.
    public init(parsing bytes: [UInt8]) throws(Fault) {
        self = try JSONDocument(parsing: bytes).root.tree
    }
}

// MARK: - Reading

extension JSON {
    /// The member of an object under that key (the first), `.null` members as `.null`; `nil` when there is none.
    public subscript(_ key: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        for member in members where sameBytes(member.key, key) { return member.value }
        return nil
    }

    /// The element of an array; `nil` outside of it.
    public subscript(_ index: Int) -> JSON? {
        guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
        return elements[index]
    }

    /// `member("a", "b")`: the value at a path of keys, where `null` counts as absent.
    public func member(_ path: String...) -> JSON? {
        var value = self
        for key in path {
            guard let next = value[key] else { return nil }
            value = next
        }
        // Not `isNull ? nil : value`: there `nil` would be the literal for `JSON.null`.
        if value.isNull { return nil }
        return value
    }

    public var isNull: Bool {
        if case .null = self { true } else { false }
    }

    public var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    public var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    /// A number written without fraction and exponent that fits 64 bits.
    public var int: Int? {
        if case .number(let digits) = self { Int(digits) } else { nil }
    }

    /// A number, or a string that holds one, exactly; `nil` beyond 37 digits or 30 places.
    public var decimal: ExactDecimal? {
        switch self {
        case .number(let text), .string(let text): ExactDecimal(text)
        default: nil
        }
    }

    public var array: [JSON]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    public var object: [(key: String, value: JSON)]? {
        if case .object(let members) = self { members } else { nil }
    }
}

// MARK: - Comparing

extension JSON: Equatable {
    public static func == (left: JSON, right: JSON) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let a), .bool(let b)): a == b
        case (.number(let a), .number(let b)), (.string(let a), .string(let b)): sameBytes(a, b)
        case (.array(let a), .array(let b)): a == b
        case (.object(let a), .object(let b)): a.count == b.count && (inOrder(a, b) || inOrder(sorted(a), sorted(b)))
        default: false
        }
    }

    private static func inOrder(_ a: [(key: String, value: JSON)], _ b: [(key: String, value: JSON)]) -> Bool {
        // Keys first: values can be large, and objects that differ mostly differ in their keys.
        zip(a, b).allSatisfy { sameBytes($0.key, $1.key) } && zip(a, b).allSatisfy { $0.value == $1.value }
    }

    private static func sorted(_ members: [(key: String, value: JSON)]) -> [(key: String, value: JSON)] {
        members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    }
}

/// `==` on strings treats "é" as equal to "e" with a combining accent; to JSON these are two keys.
func sameBytes(_ a: String, _ b: String) -> Bool {
    a.utf8.count == b.utf8.count && a == b && a.utf8.elementsEqual(b.utf8)
}

// MARK: - Literals

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByNilLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int) { self = .number(String(value)) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(nilLiteral: ()) { self = .null }
    public init(arrayLiteral elements: JSON...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(elements.map { (key: $0.0, value: $0.1) })
    }
}
