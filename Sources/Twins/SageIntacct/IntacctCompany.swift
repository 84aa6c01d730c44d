internal import Kernel
internal import TwinKit
internal import Wire

/// One record: what is stored, as text. Fields that are not set are empty. Names that begin with `_` are the twin's own.
struct IntacctRecord: Sendable {
    let no: Int
    var values: [String: String]

    subscript(_ field: String) -> String {
        get { field == "RECORDNO" ? "\(no)" : values[field] ?? "" }
        set { values[field] = newValue.filled }
    }

    func int(_ field: String) -> Int? { Int(self[field]) }
    func minor(_ field: String, _ places: Int) -> Int64 { IntacctAmount.minor(self[field], places) ?? 0 }
    func day(_ field: String) -> LocalDate? { IntacctTime.day(self[field]) }
    var isActive: Bool { self["STATUS"] != "inactive" }
    /// Deleted records stay for the books, and nobody sees them.
    var isDeleted: Bool { !self["_DELETED"].isEmpty }
}

/// The records of one object, and what finds them.
struct IntacctTable: Sendable {
    private(set) var rows: [Int: IntacctRecord] = [:]
    /// Ascending.
    private(set) var numbers: [Int] = []
    private var index: [String: [String: [Int]]] = [:]
    private let indexed: [String]

    init(indexed: [String]) { self.indexed = indexed }

    /// `nil` where the field has no index.
    func find(_ field: String, _ value: String) -> [Int]? { indexed.contains(field) ? index[field]?[value] ?? [] : nil }

    mutating func replace(_ no: Int, _ record: IntacctRecord?) {
        let old = rows[no]
        for field in indexed {
            let (from, to) = (old?[field] ?? "", record?[field] ?? "")
            guard from != to else { continue }
            if !from.isEmpty {
                index[field]?[from]?.removeAll { $0 == no }
                if index[field]?[from]?.isEmpty == true { index[field]?[from] = nil }
            }
            if !to.isEmpty { index[field, default: [:]][to, default: []].append(no) }
        }
        if old == nil, record != nil {
            let place = (numbers.last ?? 0) < no ? numbers.count : numbers.firstIndex { $0 > no } ?? numbers.count
            numbers.insert(no, at: place)
        } else if old != nil, record == nil, let place = numbers.lastIndex(of: no) {
            numbers.remove(at: place)
        }
        rows[no] = record
    }
}

/// One company's books. Changes can be undone until they are committed.
struct IntacctCompany: TwinBooks {
    let name: String
    /// Several legal entities: every line says in which.
    let isMultiEntity: Bool
    private(set) var tables: [String: IntacctTable] = [:]
    private var undo: [(object: String, no: Int, old: IntacctRecord?)] = []
    /// The highest number ever given out, by sequence.
    private var sequences: [String: Int] = [:]
    /// Results that `readMore` goes on with; in memory only.
    var results = IntacctResults()
    /// Set for each call.
    var user = ""
    /// The entity that the session is at; empty at the top.
    var entity = ""
    var now = Timestamp(seconds: 0)
    var today: LocalDate { IntacctTime.date(now) }

    /// Companies: `Lakeside…` with two entities, `Solo…` without any; each also as `…-sandbox`.
    static func exists(_ name: String) -> Bool {
        guard ["Lakeside", "Solo"].contains(where: { name.hasPrefix($0) }), name.utf8.count <= 40 else { return false }
        return name.utf8.allSatisfy { ($0 >= 48 && $0 <= 57) || ($0 >= 65 && $0 <= 90) || ($0 >= 97 && $0 <= 122) || $0 == 45 || $0 == 95 }
    }

    init(name: String, closed: LocalDate?) {
        self.name = name
        isMultiEntity = name.hasPrefix("Lakeside")
        for object in IntacctSchema.objects.values { tables[object.name] = IntacctTable(indexed: object.indexed) }
        IntacctSeed.fill(&self, closed: closed)
        undo = []
    }

    // MARK: - Records

    func record(_ object: String, _ no: Int?) -> IntacctRecord? {
        guard let no, let found = tables[object]?.rows[no], !found.isDeleted else { return nil }
        return found
    }

    func all(_ object: String) -> [IntacctRecord] { everything(object).filter { !$0.isDeleted } }

    /// Deleted ones as well.
    func everything(_ object: String) -> [IntacctRecord] {
        guard let table = tables[object] else { return [] }
        return table.numbers.compactMap { table.rows[$0] }
    }

    func records(_ object: String, where field: String, is value: String) -> [IntacctRecord] {
        guard let table = tables[object], !value.isEmpty else { return [] }
        guard let found = table.find(field, value) else { return all(object).filter { $0[field] == value } }
        return found.sorted().compactMap { record(object, $0) }
    }

    /// What people know it by.
    func named(_ object: String, _ id: String) -> IntacctRecord? {
        guard let key = IntacctSchema.objects[object]?.id, !key.isEmpty else { return nil }
        return records(object, where: key, is: id).first
    }

    /// The lines of a document, deleted documents too.
    func lines(_ object: String, of no: Int) -> [IntacctRecord] {
        guard let list = IntacctSchema.objects[object]?.lines?.object, let table = tables[list] else { return [] }
        return (table.find(Self.link(list), "\(no)") ?? []).sorted().compactMap { table.rows[$0] }
    }

    /// The field of a line that names its document.
    static func link(_ lines: String) -> String {
        switch lines {
        case "GLENTRY": "BATCHNO"
        case "ARPYMTDETAIL", "APPYMTDETAIL": "PAYMENTKEY"
        default: "RECORDKEY"
        }
    }

    // MARK: - Changes

    /// Adds a record; its number.
    @discardableResult
    mutating func insert(_ object: String, _ values: [String: String], no given: Int? = nil) -> Int {
        let sequence = IntacctSchema.sequence(object)
        let no = given ?? (sequences[sequence] ?? 0) + 1
        var kept = values.filter { !$0.value.isEmpty }
        if let kinds = IntacctSchema.objects[object]?.kinds {
            let second = IntacctTime.second(now)
            if kinds["WHENMODIFIED"] != nil { kept["WHENMODIFIED"] = second }
            if kinds["AUWHENCREATED"] != nil { kept["AUWHENCREATED"] = second } else if kinds["WHENCREATED"] == .time { kept["WHENCREATED"] = second }
            if kinds["CREATEDBY"] != nil { (kept["CREATEDBY"], kept["MODIFIEDBY"]) = (user.filled, user.filled) }
            if kinds["MEGAENTITYID"] != nil, let at = entity.filled {
                kept["MEGAENTITYID"] = at
                kept["MEGAENTITYNAME"] = named("LOCATION", at)?["NAME"]
                kept["MEGAENTITYKEY"] = named("LOCATION", at).map { "\($0.no)" }
            }
        }
        put(object, no, IntacctRecord(no: no, values: kept))
        return no
    }

    /// Changes fields of a record as they are.
    mutating func update(_ object: String, _ no: Int, _ values: [String: String]) {
        guard var record = tables[object]?.rows[no] else { return }
        for (field, value) in values { record[field] = value }
        if IntacctSchema.objects[object]?.kinds["WHENMODIFIED"] != nil { record["WHENMODIFIED"] = IntacctTime.second(now) }
        if IntacctSchema.objects[object]?.kinds["MODIFIEDBY"] != nil, !user.isEmpty { record["MODIFIEDBY"] = user }
        put(object, no, record)
    }

    mutating func delete(_ object: String, _ no: Int) { put(object, no, nil) }

    private mutating func put(_ object: String, _ no: Int, _ record: IntacctRecord?) {
        undo.append((object, no, tables[object]?.rows[no]))
        replace(object, no, record)
    }

    private mutating func replace(_ object: String, _ no: Int, _ record: IntacctRecord?) {
        let sequence = IntacctSchema.sequence(object)
        sequences[sequence] = max(sequences[sequence] ?? 0, no)
        tables[object]?.replace(no, record)
    }

    // MARK: - Transactions

    /// A savepoint.
    var mark: Int { undo.count }

    mutating func rollback(to mark: Int = 0) {
        while undo.count > mark, let (object, no, old) = undo.popLast() { replace(object, no, old) }
    }

    mutating func commit() { undo = [] }

    /// What changed, as one line of the journal: a crash keeps all of it or nothing.
    var changes: JSON? {
        var seen: Set<String> = []
        var parts: [JSON] = []
        for (object, no, _) in undo where seen.insert("\(object) \(no)").inserted {
            let values = tables[object]?.rows[no]?.values.sorted { $0.key < $1.key }.map { (key: $0.key, value: JSON.string($0.value)) }
            parts.append(.object([("o", .string(object)), ("n", .number("\(no)")), ("v", values.map(JSON.object) ?? .null)]))
        }
        return parts.isEmpty ? nil : .object([("t", "intacct"), ("c", .string(name)), ("p", .array(parts))])
    }

    mutating func replay(_ record: JSON) {
        for part in record["p"]?.array ?? [] {
            guard let object = part["o"]?.string, let no = part["n"]?.int else { continue }
            let values = part["v"]?.object.map { members in
                Dictionary(members.map { ($0.key, $0.value.string ?? "") }) { _, last in last }
            }
            replace(object, no, values.map { IntacctRecord(no: no, values: $0) })
        }
    }

    // MARK: - The company's own facts

    /// The last day of the closed periods.
    var closed: LocalDate? { record("_COMPANY", 1)?.day("CLOSED") }

    mutating func close(_ date: LocalDate?) { update("_COMPANY", 1, ["CLOSED": date.map { IntacctTime.day($0) } ?? ""]) }

    func guardOpen(_ date: LocalDate) throws(IntacctProblem) {
        if let closed, date <= closed { throw .closed(IntacctTime.day(date)) }
    }

    mutating func setActive(_ code: String, _ active: Bool) {
        guard let account = named("GLACCOUNT", code) else { return }
        update("GLACCOUNT", account.no, ["STATUS": active ? "active" : "inactive"])
    }

    static func places(_ currency: String) -> Int { currency == "JPY" ? 0 : 2 }
    static let currencies: Set<String> = ["USD", "EUR", "GBP", "CAD", "JPY"]

    /// The entity that a location belongs to.
    func entity(of location: String) -> String {
        var at = location
        for _ in 0..<20 {
            guard let parent = named("LOCATION", at)?["PARENTID"].filled else { return at }
            at = parent
        }
        return at
    }

    /// The base currency of an entity; that of the company where there is none.
    func baseCurrency(_ entity: String) -> String { named("LOCATIONENTITY", entity)?["CURRENCY"].filled ?? "USD" }

    /// The rate of a type on a day: base units for one of the currency.
    func rate(_ type: String, from: String, to: String, on day: LocalDate) -> ExactDecimal? {
        if from == to { return .one }
        let found = all("_RATE").filter { $0["TYPE"] == type && $0["FROM"] == from && $0["TO"] == to && ($0.day("DATE").map { $0 <= day } ?? false) }
        let last = found.max { ($0.day("DATE") ?? day) < ($1.day("DATE") ?? day) }
        return last.flatMap { ExactDecimal($0["RATE"]) }
    }
}
