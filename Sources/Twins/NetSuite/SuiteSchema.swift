internal import Kernel
internal import Wire

/// What a field holds. Values are kept as JSON in one form, whichever protocol they came by: texts, `YYYY-MM-DD`, RFC 3339 in UTC, digits, and for
/// a reference the id as a text.
enum SuiteKind: Sendable, Equatable {
    /// So many characters at most.
    case text(Int)
    case flag
    /// A Boolean in SOAP, `{"id": "T"}` in REST.
    case choiceOfTwo
    case whole
    /// Rounded to the currency's precision.
    case money
    case decimal
    /// A text in SOAP, a number in REST; may be percent.
    case rate
    case date
    case time
    /// A record of that type or family; "" for families that the twin does not keep.
    case reference(String)
    /// A transaction: its bare number in SOAP.
    case document
    /// A word of a list: a bare word in SOAP, `{"id", "refName"}` in REST.
    case choice
    case address
}

struct SuiteField: Sendable {
    /// As REST calls it.
    let name: String
    /// As SOAP calls it.
    let soap: String
    let kind: SuiteKind
    let isReadOnly: Bool
    let isRequired: Bool

    /// `otherRefNum` → `Other Ref Num`.
    var label: String {
        var out = ""
        for character in name {
            if character.isUppercase, !out.isEmpty { out.append(" ") }
            out.append(character)
        }
        return out.prefix(1).uppercased() + out.dropFirst()
    }
}

/// A sublist: `item` in REST, `itemList/item` in SOAP.
struct SuiteList: Sendable {
    let name: String
    let wrapper: String
    let element: String
    /// The XSD's name for a line.
    let type: String
    /// The field by which lines are told apart.
    let key: String
    let fields: [SuiteField]

    func field(_ name: String) -> SuiteField? { fields.first { $0.name == name } }
}

/// A kind of record.
struct SuiteType: Sendable {
    /// `invoice`
    let name: String
    /// `Invoice`
    let soap: String
    /// Where its XSD belongs: `sales.transactions`.
    let area: String
    /// Types of one family share their ids and external ids.
    let family: String
    /// SuiteQL's `type` of transactions: `CustInvc`.
    let code: String
    let fields: [SuiteField]
    let lists: [SuiteList]
    private let byName: [String: SuiteField]
    private let bySOAP: [String: SuiteField]

    init(name: String, soap: String, area: String, family: String, code: String, fields: [SuiteField], lists: [SuiteList]) {
        self.name = name
        self.soap = soap
        self.area = area
        self.family = family
        self.code = code
        self.fields = fields
        self.lists = lists
        byName = Dictionary(fields.map { ($0.name, $0) }) { first, _ in first }
        bySOAP = Dictionary(fields.map { ($0.soap, $0) }) { first, _ in first }
    }

    func field(_ name: String) -> SuiteField? { byName[name] }
    func field(soap: String) -> SuiteField? { bySOAP[soap] }
    func list(_ name: String) -> SuiteList? { lists.first { $0.name == name } }
    func list(soap: String) -> SuiteList? { lists.first { $0.wrapper == soap } }

    var isTransaction: Bool { family == "transaction" }
    var namespace: String { area }

    /// `cashSale` → `Cash Sale`
    var label: String { SuiteField(name: name, soap: "", kind: .flag, isReadOnly: false, isRequired: false).label }
}

/// All kinds of records, read from the tables of `SuiteTypes`.
struct SuiteSchema: Sendable {
    static let whole = SuiteSchema(SuiteTypes.blocks, fragments: SuiteTypes.fragments)

    let types: [String: SuiteType]
    let bySOAP: [String: SuiteType]
    /// In the order of the tables.
    let order: [SuiteType]
    private let families: [String: [String]]

    /// A block is a line with the type's names, then lines of fields; `*` begins a sublist. A field is `name:kind`, `rest/soap:kind` where the
    /// two differ, `!` behind it where it is read only and `*` where it must be there; `@name` stands for a fragment.
    init(_ blocks: String, fragments: [String: String]) {
        var order: [SuiteType] = []
        var block: [String] = []
        for line in blocks.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) + [""] {
            if line.isEmpty {
                if let type = Self.type(block, fragments) { order.append(type) }
                block = []
            } else {
                block.append(line)
            }
        }
        self.order = order
        types = Dictionary(order.map { ($0.name, $0) }) { first, _ in first }
        bySOAP = Dictionary(order.map { ($0.soap, $0) }) { first, _ in first }
        families = Dictionary(grouping: order.map(\.name)) { [order] name in order.first { $0.name == name }?.family ?? name }
    }

    /// Names are written with any case in SOAP's `type` attributes and in addresses of some clients.
    func find(_ name: String) -> SuiteType? { types[name] ?? order.first { $0.name.lowercased() == name.lowercased() } }

    /// The types that a reference to this type or family may lead to.
    func targets(_ name: String) -> [SuiteType] {
        if let type = types[name] { return [type] }
        return (families[name] ?? []).compactMap { types[$0] }
    }

    /// The family of that type, or that family itself.
    func family(_ name: String) -> String { types[name]?.family ?? name }

    private static func type(_ block: [String], _ fragments: [String: String]) -> SuiteType? {
        guard let head = block.first?.split(separator: " ").map(String.init), head.count == 5 else { return nil }
        var fields: [SuiteField] = []
        var lists: [SuiteList] = []
        for line in block.dropFirst() {
            if line.hasPrefix("*") {
                let names = line.dropFirst().split(separator: " ").map(String.init)
                precondition(names.count == 5, "a sublist of the twin's tables has five names")
                lists.append(SuiteList(name: names[0], wrapper: names[1], element: names[2], type: names[3], key: names[4], fields: []))
            } else if let last = lists.popLast() {
                let more = last.fields + Self.fields(line, fragments)
                lists.append(SuiteList(name: last.name, wrapper: last.wrapper, element: last.element, type: last.type, key: last.key, fields: more))
            } else {
                fields += Self.fields(line, fragments)
            }
        }
        return SuiteType(name: head[0], soap: head[1], area: head[2], family: head[3], code: head[4], fields: fields, lists: lists)
    }

    private static func fields(_ line: String, _ fragments: [String: String]) -> [SuiteField] {
        line.split(whereSeparator: { $0 == " " || $0 == "\n" }).flatMap { word -> [SuiteField] in
            if word.hasPrefix("@") { return fields(fragments[String(word.dropFirst())] ?? "", fragments) }
            return field(String(word)).map { [$0] } ?? []
        }
    }

    private static func field(_ word: String) -> SuiteField? {
        let halves = word.split(separator: ":", maxSplits: 1).map(String.init)
        precondition(halves.count == 2, "a field of the twin's tables has a name and a kind")
        let names = halves[0].split(separator: "/").map(String.init)
        var kind = halves[1]
        let isReadOnly = kind.hasSuffix("!"), isRequired = kind.hasSuffix("*")
        if isReadOnly || isRequired { kind.removeLast() }
        return SuiteField(name: names[0], soap: names.last ?? names[0], kind: Self.kind(kind), isReadOnly: isReadOnly, isRequired: isRequired)
    }

    private static func kind(_ word: String) -> SuiteKind {
        switch word.first {
        case "t": return .text(Int(word.dropFirst()) ?? 4000)
        case "b": return .flag
        case "f": return .choiceOfTwo
        case "i": return .whole
        case "n": return .money
        case "q": return .decimal
        case "p": return .rate
        case "d": return .date
        case "D": return .time
        case "o": return .document
        case "e": return .choice
        case "A": return .address
        default:
            precondition(word.hasPrefix("r"), "a field of the twin's tables is of an unknown kind")
            return .reference(String(word.dropFirst(2)))
        }
    }
}
