internal import Kernel
internal import Wire

/// One record: what is stored under the Service Layer's own names. Names that begin with `_` are the twin's.
struct B1Record: Sendable {
    /// Integer keys in digits; several parts are joined by `,`.
    let key: String
    var values: [String: JSON]

    subscript(_ field: String) -> JSON? {
        get { values[field].flatMap { $0.isNull ? nil : $0 } }
        set { values[field] = newValue }
    }

    func text(_ field: String) -> String { self[field]?.string ?? "" }
    func int(_ field: String) -> Int? { self[field]?.int }
    func minor(_ field: String) -> Int64 { B1Amount.minor(self[field]) ?? 0 }
    func decimal(_ field: String) -> ExactDecimal? { self[field]?.decimal }
    func day(_ field: String) -> LocalDate? { self[field]?.string.flatMap { LocalDate($0) } }
    func isYes(_ field: String) -> Bool { self[field]?.string == "tYES" }
    func rows(_ field: String) -> [B1Row] { (self[field]?.array ?? []).map { B1Row($0) } }
}

/// An object inside of a record, such as a line.
struct B1Row: Sendable {
    var values: [String: JSON]

    init(_ json: JSON) { values = Dictionary((json.object ?? []).map { ($0.key, $0.value) }) { first, _ in first } }
    init(_ values: [String: JSON] = [:]) { self.values = values }

    subscript(_ field: String) -> JSON? {
        get { values[field].flatMap { $0.isNull ? nil : $0 } }
        set { values[field] = newValue }
    }

    func text(_ field: String) -> String { self[field]?.string ?? "" }
    func int(_ field: String) -> Int? { self[field]?.int }
    func minor(_ field: String) -> Int64 { B1Amount.minor(self[field]) ?? 0 }
    func decimal(_ field: String) -> ExactDecimal? { self[field]?.decimal }
    var json: JSON { .object(values.sorted { $0.key < $1.key }.map { (key: $0.key, value: $0.value) }) }
}

/// The records of one entity set, in the order of their keys.
struct B1Table: Sendable {
    private(set) var rows: [String: B1Record] = [:]
    /// Numbers by their value, texts by their bytes.
    private(set) var keys: [String] = []

    private static func precedes(_ a: String, _ b: String) -> Bool {
        if let left = Int(a), let right = Int(b) { return left < right }
        return a < b
    }

    mutating func replace(_ key: String, _ record: B1Record?) {
        if rows[key] == nil, record != nil {
            if let last = keys.last, !Self.precedes(last, key) {
                keys.insert(key, at: keys.firstIndex { Self.precedes(key, $0) } ?? keys.count)
            } else {
                keys.append(key)
            }
        } else if rows[key] != nil, record == nil {
            keys.removeAll { $0 == key }
        }
        rows[key] = record
    }
}
