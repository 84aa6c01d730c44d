internal import Kernel
internal import TwinKit
internal import Wire

/// One row of a model: what is stored, and who wrote it when. Fields that are not set read as Odoo's `false`.
struct OdooRecord: Sendable {
    let id: Int
    var values: [String: JSON]
    var created: Timestamp
    var createdBy: Int
    var written: Timestamp
    var writtenBy: Int

    subscript(_ field: String) -> JSON {
        get { values[field] ?? .bool(false) }
        set { values[field] = newValue.isUnset ? nil : newValue }
    }

    func int(_ field: String) -> Int? { values[field]?.int }
    func text(_ field: String) -> String? { values[field]?.string.flatMap { $0.isEmpty ? nil : $0 } }
    func flag(_ field: String) -> Bool { values[field]?.isTrue ?? false }
    func ids(_ field: String) -> [Int] { values[field]?.idList ?? [] }
    func decimal(_ field: String) -> ExactDecimal { values[field]?.decimal ?? .zero }
    func date(_ field: String) -> LocalDate? { values[field].flatMap(OdooTime.date) }
    /// Minor units of an amount that the twin has rounded itself.
    func minor(_ field: String, _ places: Int) -> Int64 { OdooAmount.minor(decimal(field), places) ?? 0 }

    var stored: JSON {
        let members = values.sorted { $0.key < $1.key }.map { (key: $0.key, value: $0.value) }
        let stamps: [Int64] = [created.microseconds, Int64(createdBy), written.microseconds, Int64(writtenBy)]
        return .object([("v", .object(members)), ("w", .array(stamps.map { .number(String($0)) }))])
    }

    init(id: Int, values: [String: JSON], at now: Timestamp, by user: Int) {
        self.id = id
        self.values = values
        created = now
        createdBy = user
        written = now
        writtenBy = user
    }

    init?(id: Int, stored: JSON) {
        guard let members = stored["v"]?.object, let stamps = stored["w"]?.array?.compactMap(\.int), stamps.count == 4 else { return nil }
        self.id = id
        values = Dictionary(members.map { ($0.key, $0.value) }) { _, last in last }
        created = Timestamp(microseconds: Int64(stamps[0]))
        createdBy = stamps[1]
        written = Timestamp(microseconds: Int64(stamps[2]))
        writtenBy = stamps[3]
    }
}

/// The rows of one model, by id, and by the many2one fields that one2many fields look through.
struct OdooTable: Sendable {
    private(set) var rows: [Int: OdooRecord] = [:]
    /// Ascending.
    private(set) var ids: [Int] = []
    /// The highest id ever given out; PostgreSQL's sequences don't go back.
    private(set) var lastID = 0
    private var index: [String: [Int: [Int]]] = [:]
    private let indexed: [String]

    init(indexed: [String]) { self.indexed = indexed }

    func find(_ field: String, _ id: Int) -> [Int]? { indexed.contains(field) ? index[field]?[id] ?? [] : nil }

    mutating func reserve(_ id: Int) { lastID = max(lastID, id) }

    mutating func replace(_ id: Int, _ record: OdooRecord?) {
        let old = rows[id]
        for field in indexed {
            let (from, to) = (old?.int(field), record?.int(field))
            guard from != to else { continue }
            if let from { index[field]?[from]?.removeAll { $0 == id } }
            if let to { index[field, default: [:]][to, default: []].append(id) }
        }
        if old == nil, record != nil {
            let place = (ids.last ?? 0) < id ? ids.count : ids.firstIndex { $0 > id } ?? ids.count
            ids.insert(id, at: place)
        } else if old != nil, record == nil, let place = ids.lastIndex(of: id) {
            ids.remove(at: place)
        }
        rows[id] = record
        lastID = max(lastID, id)
    }
}

/// One database: a company's books under one version of Odoo. Changes can be undone until they are committed, as in a transaction.
struct OdooDatabase: TwinBooks {
    let name: String
    let version: Int
    let schema: OdooSchema
    private(set) var tables: [String: OdooTable] = [:]
    private var undo: [(model: String, id: Int, old: OdooRecord?)] = []
    /// The highest number given out under each prefix of journal entries.
    private(set) var numbers: [String: Int] = [:]
    /// Who calls, and in what context. Set for each call.
    var user = 2
    var context: JSON = .object([])
    var now = Timestamp(seconds: 0)
    var today: LocalDate { OdooTime.today(now) }

    init(name: String, version: Int, lockDate: LocalDate?) {
        self.name = name
        self.version = version
        schema = OdooSchema.of(version)
        for model in schema.models.keys { tables[model] = OdooTable(indexed: schema.indexed[model] ?? []) }
        OdooSeed.fill(&self, lockDate: lockDate)
        undo = []
    }

    /// The version that a database's name ends in: `odoo16`, `acme-19`.
    static func version(of name: String) -> Int? {
        let letters = Array(name.utf8)
        let isName = letters.allSatisfy { ($0 >= 97 && $0 <= 122) || ($0 >= 48 && $0 <= 57) || $0 == 45 || $0 == 95 }
        guard isName, (3...63).contains(letters.count), let version = Int(name.suffix(2)), OdooSchema.versions.contains(version) else { return nil }
        return version
    }

    // MARK: - Rows

    func record(_ model: String, _ id: Int?) -> OdooRecord? { id.flatMap { tables[model]?.rows[$0] } }
    func all(_ model: String) -> [OdooRecord] { (tables[model]?.ids ?? []).compactMap { tables[model]?.rows[$0] } }

    /// Records that lead to this one by a many2one field.
    func records(_ model: String, where field: String, is id: Int) -> [OdooRecord] {
        guard let table = tables[model] else { return [] }
        if let found = table.find(field, id) { return found.sorted().compactMap { table.rows[$0] } }
        return all(model).filter { $0.int(field) == id }
    }

    func lines(of move: Int) -> [OdooRecord] { records("account.move.line", where: "move_id", is: move) }

    // MARK: - Changes

    /// Adds a row as it is; the id.
    @discardableResult
    mutating func insert(_ model: String, _ values: [String: JSON], id: Int? = nil) -> Int {
        let id = id ?? (tables[model]?.lastID ?? 0) + 1
        let kept = values.filter { !$0.value.isUnset }
        put(model, id, OdooRecord(id: id, values: kept, at: now, by: user))
        return id
    }

    /// Changes fields of a row as they are.
    mutating func update(_ model: String, _ id: Int, _ values: [String: JSON]) {
        guard var record = record(model, id) else { return }
        for (field, value) in values { record[field] = value }
        record.written = now
        record.writtenBy = user
        put(model, id, record)
    }

    mutating func delete(_ model: String, _ id: Int) { put(model, id, nil) }

    private mutating func put(_ model: String, _ id: Int, _ record: OdooRecord?) {
        undo.append((model, id, tables[model]?.rows[id]))
        replace(model, id, record)
    }

    private mutating func replace(_ model: String, _ id: Int, _ record: OdooRecord?) {
        if model == "account.move" { renumber(tables[model]?.rows[id]?.text("name"), record?.text("name")) }
        tables[model]?.replace(id, record)
    }

    /// Keeps the highest number of each prefix: the last one of a chain can be given back.
    private mutating func renumber(_ old: String?, _ new: String?) {
        guard old != new else { return }
        if let old, let (prefix, number) = OdooSequence.split(old), numbers[prefix] == number { numbers[prefix] = number - 1 }
        if let new, let (prefix, number) = OdooSequence.split(new) { numbers[prefix] = max(numbers[prefix] ?? 0, number) }
    }

    // MARK: - Transactions

    mutating func rollback(to mark: Int = 0) {
        while undo.count > mark, let (model, id, old) = undo.popLast() { replace(model, id, old) }
    }

    /// A savepoint.
    var mark: Int { undo.count }
    var isChanged: Bool { !undo.isEmpty }

    mutating func commit() { undo = [] }

    /// What this transaction changed, as one line of the journal: a crash keeps all of it or nothing.
    var changes: JSON? {
        var seen: Set<String> = []
        var parts: [JSON] = []
        for (model, id, _) in undo where seen.insert("\(model) \(id)").inserted {
            let members: [(key: String, value: JSON)] = [
                ("m", .string(model)), ("id", .int(id)), ("r", tables[model]?.rows[id]?.stored ?? .null),
            ]
            parts.append(.object(members))
        }
        return parts.isEmpty ? nil : .object([("t", "odoo"), ("db", .string(name)), ("p", .array(parts))])
    }

    mutating func replay(_ record: JSON) {
        for part in record["p"]?.array ?? [] {
            guard let model = part["m"]?.string, let id = part["id"]?.int else { continue }
            tables[model]?.reserve(id)
            replace(model, id, part.member("r").flatMap { OdooRecord(id: id, stored: $0) })
        }
    }
}

/// Numbers of journal entries: a prefix, and digits at the end.
enum OdooSequence {
    static func split(_ name: String) -> (prefix: String, number: Int)? {
        let digits = name.reversed().prefix { $0.isASCII && $0.isNumber }
        guard !digits.isEmpty, digits.count <= 9, let number = Int(String(digits.reversed())) else { return nil }
        return (String(name.dropLast(digits.count)), number)
    }
}
