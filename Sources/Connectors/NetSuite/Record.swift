internal import Kernel
internal import Wire

/// A value of a field, written by each API in its own way.
enum Value: Sendable, Equatable {
    case text(String)
    /// Its digits.
    case number(String)
    case flag(Bool)
    /// A reference to another record by internal id; its name where an answer gives one.
    case ref(String, name: String = "")
    /// References to several.
    case refs([String])
    case day(LocalDate)
    /// A document of an `apply` line, or a mark between lines and their taxes: an object in REST, a bare text in SOAP.
    case mark(String)
    /// A reference that REST writes as a bare text.
    case bare(String)
    /// A choice of yes and no: an object in REST, a boolean in SOAP.
    case choice(Bool)
    case lines([Fields])
}

/// Fields by name, in order.
struct Fields: Sendable, Equatable {
    struct Field: Sendable, Equatable {
        var name: String
        var value: Value
    }

    private(set) var list: [Field] = []

    init() {}

    init(_ pairs: [(String, Value)]) { list = pairs.map { Field(name: $0.0, value: $0.1) } }

    mutating func add(_ name: String, _ value: Value?) { if let value { list.append(Field(name: name, value: value)) } }

    mutating func remove(_ name: String) { list.removeAll { $0.name == name } }

    subscript(_ name: String) -> Value? { list.first { $0.name == name }?.value }

    // MARK: Reading

    /// A text, the digits of a number, or a reference's name.
    func text(_ name: String) -> String? {
        switch self[name] {
        case .text(let text), .number(let text): text.isEmpty ? nil : text
        case .ref(let id, let label): label.isEmpty ? id : label
        default: nil
        }
    }

    /// The id that it refers to, or that stands there.
    func id(_ name: String) -> String? {
        switch self[name] {
        case .ref(let id, _): isID(id) ? id : nil
        case .text(let text), .number(let text): isID(text) ? text : nil
        default: nil
        }
    }

    func decimal(_ name: String) -> ExactDecimal? {
        switch self[name] {
        case .text(let text), .number(let text): ExactDecimal(text)
        default: nil
        }
    }

    /// `T`, `true`; `nil` where it is not said.
    func flag(_ name: String) -> Bool? {
        switch self[name] {
        case .flag(let flag): flag
        case .text(let text): text == "true" || text == "T" ? true : text == "false" || text == "F" ? false : nil
        default: nil
        }
    }

    /// The day that is written there, in whatever time zone the writer has.
    func day(_ name: String) -> LocalDate? { text(name).flatMap { LocalDate($0.prefix(10)) } }

    func lines(_ name: String) -> [Fields] { if case .lines(let lines) = self[name] { lines } else { [] } }
}

/// A record, ours to be written or theirs as it was read.
struct Record: Sendable, Equatable {
    var kind: Kind
    /// Internal id; empty for what is not there yet.
    var id = ""
    var externalID = ""
    var fields = Fields()

    /// What is voided stays, with a status that says so.
    var isVoided: Bool {
        switch fields["status"] {
        case .ref(let id, let name): id == "V" || id.lowercased().contains("void") || name.lowercased().contains("void")
        case .text(let text): text == "V" || text.lowercased().contains("void")
        default: false
        }
    }
}

// MARK: - REST

extension Fields {
    /// Members of an object; links and what has no value are left out.
    init(_ json: JSON) {
        for (name, member) in json.object ?? [] where name != "links" { add(name, Fields.value(member)) }
    }

    private static func value(_ json: JSON) -> Value? {
        switch json {
        case .string(let text): return .text(text)
        case .number(let digits): return .number(digits)
        case .bool(let flag): return .flag(flag)
        case .object:
            if let items = json["items"]?.array { return .lines(items.map { Fields($0) }) }
            guard let id = json["id"]?.string ?? json["id"]?.int.map(String.init) else { return nil }
            return .ref(id, name: json["refName"]?.string ?? "")
        case .null, .array: return nil
        }
    }

    var json: JSON { .object(list.map { ($0.name, Fields.json($0.value)) }) }

    private static func json(_ value: Value) -> JSON {
        func object(_ id: String) -> JSON { .object([("id", .string(id))]) }
        switch value {
        case .text(let text), .bare(let text): return .string(text)
        case .number(let digits): return .number(digits)
        case .flag(let flag): return .bool(flag)
        case .ref(let id, _), .mark(let id): return object(id)
        case .refs(let ids): return .object([("items", .array(ids.map(object)))])
        case .day(let day): return .string(day.description)
        case .choice(let yes): return object(yes ? "T" : "F")
        case .lines(let lines): return .object([("items", .array(lines.map(\.json)))])
        }
    }
}

extension Record {
    /// `nil` for what has no id.
    init?(_ kind: Kind, _ json: JSON) {
        guard let id = json["id"]?.string ?? json["id"]?.int.map(String.init), isID(id) else { return nil }
        self.init(kind: kind, id: id, externalID: json["externalId"]?.string ?? "", fields: Fields(json))
    }

    var json: JSON {
        let own = fields.json.object ?? []
        return .object((externalID.isEmpty ? [] : [("externalId", .string(externalID))]) + own)
    }
}

// MARK: - SOAP

extension Fields {
    /// Children of an element. A list's name loses its ending, so that it is REST's.
    init(_ element: XMLElement) {
        for child in element.children { add(child.name.local, child) }
    }

    private mutating func add(_ name: String, _ element: XMLElement) {
        if let id = element.attribute("internalId") { return add(name, Value.ref(id, name: element["name"]?.text ?? "")) }
        guard !element.children.isEmpty else { return add(name, Value.text(element.text)) }
        guard name.hasSuffix("List") else { return }
        add(String(name.dropLast("List".count)), Value.lines(element.children.map { Fields($0) }))
    }
}
