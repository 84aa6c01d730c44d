internal import Kernel
internal import TwinKit
internal import Wire

/// What the twin keeps. The raw value is the resource's name in bodies, with an `s` in paths.
enum FAKind: String, Sendable, Hashable, Comparable {
    case contact, invoice, bill, attachment, category, user
    case priceListItem = "price_list_item"
    case creditNote = "credit_note"
    case reconciliation = "credit_note_reconciliation"
    case bankAccount = "bank_account"
    case bankTransaction = "bank_transaction"
    case explanation = "bank_transaction_explanation"
    case journalSet = "journal_set"
    /// Lines, which have URLs of their own.
    case invoiceItem = "invoice_item"
    case billItem = "bill_item"
    case journalEntry = "journal_entry"
    /// Not seen from outside: tokens, and what is one of its kind.
    case session, grant, counter, setting

    static func < (a: FAKind, b: FAKind) -> Bool { a.rawValue < b.rawValue }

    /// As it stands in paths and lists.
    var plural: String {
        switch self {
        case .category: "categories"
        case .journalEntry: "journal_entries"
        default: rawValue + "s"
        }
    }

    /// As messages call it.
    var noun: String {
        switch self {
        case .creditNote: "Credit note"
        case .invoice: "Invoice"
        case .bill: "Bill"
        case .journalSet: "Journal set"
        case .explanation: "Bank transaction explanation"
        default: rawValue
        }
    }
}

/// A row: what is its own in `fields`, whatever the API shows of it. Amounts in there are whole hundredths.
struct FARow: Sendable {
    let kind: FAKind
    /// As it is called in URLs: a number, a category's code; of a token its digest.
    let name: String
    let created: Timestamp
    var updated: Timestamp
    var fields: JSON
    /// Deleted: nobody finds it, and the books remember that it was.
    var gone = false

    init(_ kind: FAKind, _ name: String, at now: Timestamp, _ fields: JSON = .object([])) {
        self.kind = kind
        self.name = name
        created = now
        updated = now
        self.fields = fields
    }

    static func key(_ kind: FAKind, _ name: String) -> String { "\(kind.rawValue)/\(name)" }

    func text(_ name: String) -> String { fields[name]?.string ?? "" }
    func has(_ name: String) -> Bool { fields.member(name) != nil }
    func cents(_ name: String) -> Int64 { Int64(fields[name]?.int ?? 0) }
    func decimal(_ name: String) -> ExactDecimal? { fields.member(name)?.decimal }
    func date(_ name: String) -> LocalDate? { fields[name]?.string.flatMap { LocalDate($0) } }
    func flag(_ name: String) -> Bool { fields[name]?.bool ?? false }
    func list(_ name: String) -> [JSON] { fields[name]?.array ?? [] }

    mutating func set(_ name: String, _ value: JSON) { fields = fields.setting(name, value) }
    mutating func set(_ name: String, cents: Int64) { set(name, .number("\(cents)")) }
    mutating func set(_ name: String, _ date: LocalDate?) { set(name, .optional(date?.description)) }
}

extension FARow: TwinRow {
    static var keyName: String { "key" }
    var key: String { Self.key(kind, name) }
    var shelves: [FAKind] { [kind] }
    var rank: Int64 { created.microseconds }

    var record: JSON {
        .object([
            ("t", "row"), ("k", .string(kind.rawValue)), ("id", .string(name)), ("c", .number("\(created.microseconds)")),
            ("u", .number("\(updated.microseconds)")), ("g", .bool(gone)), ("v", fields),
        ])
    }

    init?(_ record: JSON) {
        guard record["t"]?.string == "row", let kind = record["k"]?.string.flatMap(FAKind.init), let name = record["id"]?.string,
            let created = record["c"]?.int, let updated = record["u"]?.int, let fields = record["v"]
        else { return nil }
        self.init(kind, name, at: Timestamp(microseconds: Int64(created)), fields)
        self.updated = Timestamp(microseconds: Int64(updated))
        gone = record["g"]?.bool ?? false
    }
}

/// Members of an answer under construction; what is absent is left out.
struct FAMembers {
    private(set) var list: [(key: String, value: JSON)] = []
    var json: JSON { .object(list) }

    mutating func set(_ key: String, _ value: JSON?) {
        if let value { list.append((key, value)) }
    }
    mutating func text(_ key: String, _ value: String?) { set(key, value.map { JSON.string($0) }) }
    /// Left out where it is empty.
    mutating func filled(_ key: String, _ value: String) { text(key, value.isEmpty ? nil : value) }
    mutating func cents(_ key: String, _ value: Int64) { set(key, FANumber.json(value)) }
    mutating func decimal(_ key: String, _ value: ExactDecimal?) { set(key, value.map { FANumber.json($0) }) }
    mutating func date(_ key: String, _ value: LocalDate?) { text(key, value?.description) }
    mutating func moments(_ row: FARow) {
        text("created_at", FADate.text(row.created))
        text("updated_at", FADate.text(row.updated))
    }
    /// Members of the row that are shown as they were sent.
    mutating func verbatim(_ row: FARow, _ keys: [String]) {
        for key in keys { set(key, row.fields.member(key)) }
    }
}
