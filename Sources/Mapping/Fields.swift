internal import Books
internal import Kernel
internal import Wire

/// Reads members of a stored JSON object; every failure names the member. Stored JSON is ours: a failure is a bug, not bad input.
struct Fields {
    let json: JSON
    let path: String

    init(_ json: JSON, _ path: String = "") {
        self.json = json
        self.path = path
    }

    func missing(_ key: String) -> Fault {
        Fault("stored_json_unreadable", stage: .map, disposition: .bug, summary: "a stored document lacks a readable member", position: "\(path).\(key)")
    }

    func text(_ key: String) throws(Fault) -> String {
        guard let value = json[key]?.string else { throw missing(key) }
        return value
    }

    /// `nil` where the member is absent or null; like all of these: what is there and can't be read is never taken for absent.
    func optionalText(_ key: String) throws(Fault) -> String? { try optional(key, \.string) }
    func optionalFlag(_ key: String) throws(Fault) -> Bool? { try optional(key, \.bool) }
    func flag(_ key: String) throws(Fault) -> Bool { try optionalFlag(key) ?? false }

    private func optional<T>(_ key: String, _ read: (JSON) -> T?) throws(Fault) -> T? {
        guard let member = json[key], !member.isNull else { return nil }
        guard let value = read(member) else { throw missing(key) }
        return value
    }

    func choice<V: RawRepresentable>(_ key: String) throws(Fault) -> V where V.RawValue == String {
        guard let value = V(rawValue: try text(key)) else { throw missing(key) }
        return value
    }

    func decimal(_ key: String) throws(Fault) -> ExactDecimal {
        guard let value = try optionalDecimal(key) else { throw missing(key) }
        return value
    }

    func optionalDecimal(_ key: String) throws(Fault) -> ExactDecimal? { try optional(key) { $0.string.flatMap { ExactDecimal($0) } } }

    func currency(_ key: String) throws(Fault) -> Currency {
        guard let value = Currency(try text(key)) else { throw missing(key) }
        return value
    }

    /// `"12.30 USD"`.
    func money(_ key: String) throws(Fault) -> Money {
        guard let value = try optionalMoney(key) else { throw missing(key) }
        return value
    }

    func optionalMoney(_ key: String) throws(Fault) -> Money? { try optional(key) { $0.string.flatMap { readMoney($0) } } }

    func timestamp(_ key: String) throws(Fault) -> Timestamp {
        guard let value = try optionalTimestamp(key) else { throw missing(key) }
        return value
    }

    func optionalTimestamp(_ key: String) throws(Fault) -> Timestamp? { try optional(key) { $0.string.flatMap { Timestamp(rfc3339: $0) } } }

    func date(_ key: String) throws(Fault) -> LocalDate {
        guard let value = LocalDate(try text(key)) else { throw missing(key) }
        return value
    }

    /// `nil` where the member is absent or null.
    func member<T>(_ key: String, _ read: (Fields) throws(Fault) -> T) throws(Fault) -> T? {
        guard let member = json[key], !member.isNull else { return nil }
        guard member.object != nil else { throw missing(key) }
        return try read(Fields(member, "\(path).\(key)"))
    }

    /// Empty where the member is absent or null: empty lists are not written.
    func list<T>(_ key: String, _ read: (Fields) throws(Fault) -> T) throws(Fault) -> [T] { try optionalList(key, read) ?? [] }

    /// `nil` where the member is absent or null.
    func optionalList<T>(_ key: String, _ read: (Fields) throws(Fault) -> T) throws(Fault) -> [T]? {
        guard let elements = try optional(key, \.array) else { return nil }
        var out: [T] = []
        for (n, element) in elements.enumerated() { out.append(try read(Fields(element, "\(path).\(key)[\(n)]"))) }
        return out
    }

    func texts(_ key: String) throws(Fault) -> [String] {
        try list(key) { element throws(Fault) in
            guard let text = element.json.string else { throw missing(key) }
            return text
        }
    }

    func dictionary(_ key: String) throws(Fault) -> [String: String] { try members(key, \.string) }
    func moneys(_ key: String) throws(Fault) -> [String: Money] { try members(key) { $0.string.flatMap { readMoney($0) } } }

    private func members<T>(_ key: String, _ read: (JSON) -> T?) throws(Fault) -> [String: T] {
        var out: [String: T] = [:]
        for (name, member) in try optional(key, \.object) ?? [] {
            guard let value = read(member) else { throw missing("\(key).\(name)") }
            out[name] = value
        }
        return out
    }
}

func readMoney(_ text: String) -> Money? {
    let parts = text.split(separator: " ", omittingEmptySubsequences: false)
    guard parts.count == 2, let currency = Currency(parts[1]) else { return nil }
    return Money(parts[0], currency)
}

/// Builds a JSON object member by member, leaving out what is absent or empty.
struct Members {
    private(set) var list: [(key: String, value: JSON)] = []
    var json: JSON { .object(list) }

    mutating func put(_ key: String, _ value: JSON) { list.append((key, value)) }
    mutating func put(_ key: String, _ value: String?) { if let value { list.append((key, .string(value))) } }
    mutating func put(_ key: String, _ value: Money?) { if let value { list.append((key, .string(value.description))) } }
    mutating func put(_ key: String, _ value: ExactDecimal?) { if let value { list.append((key, .string(value.description))) } }
    mutating func put(_ key: String, _ value: Timestamp?) { if let value { list.append((key, .string(value.description))) } }
    mutating func put(_ key: String, flag: Bool) { if flag { list.append((key, .bool(true))) } }
    mutating func put<T>(_ key: String, list values: [T], _ write: (T) -> JSON) { if !values.isEmpty { list.append((key, .array(values.map(write)))) } }
    mutating func put<T>(_ key: String, optional values: [T]?, _ write: (T) -> JSON) { if let values { list.append((key, .array(values.map(write)))) } }
    mutating func put(_ key: String, texts: [String]) { put(key, list: texts) { .string($0) } }
    mutating func put(_ key: String, dictionary: [String: String]) {
        guard !dictionary.isEmpty else { return }
        list.append((key, .object(dictionary.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })))
    }
    mutating func put(_ key: String, moneys: [String: Money]) {
        put(key, dictionary: moneys.mapValues(\.description))
    }
}
