internal import Kernel
internal import TwinKit
internal import Wire

/// One record as it is stored: texts by REST's names, references as ids, sublists as arrays of the same.
struct SuiteRecord: Sendable {
    let type: String
    let id: Int
    var externalID: String?
    var values: [String: JSON]
    var created: Timestamp
    var modified: Timestamp

    func text(_ field: String) -> String? { values[field]?.string.flatMap { $0.isEmpty ? nil : $0 } }
    func id(_ field: String) -> Int? { text(field).flatMap { Int($0) } }
    func flag(_ field: String) -> Bool { values[field]?.isTrue ?? false }
    func decimal(_ field: String) -> ExactDecimal? { values[field]?.decimal }
    func date(_ field: String) -> LocalDate? { text(field).flatMap { LocalDate($0.prefix(10)) } }
    func lines(_ list: String) -> [JSON] { values[list]?.array ?? [] }
    /// Minor units of an amount that the twin has rounded itself.
    func minor(_ field: String, _ places: Int) -> Int64 { values[field]?.minor(places) ?? 0 }

    var stored: JSON {
        let members = values.sorted { $0.key < $1.key }.map { (key: $0.key, value: $0.value) }
        return .object([
            ("y", .string(type)), ("x", .optional(externalID)), ("c", .number(String(created.microseconds))),
            ("m", .number(String(modified.microseconds))), ("v", .object(members)),
        ])
    }

    init(type: String, id: Int, externalID: String? = nil, values: [String: JSON], at now: Timestamp) {
        self.type = type
        self.id = id
        self.externalID = externalID
        self.values = values
        created = now
        modified = now
    }

    init?(id: Int, stored: JSON) {
        guard let type = stored["y"]?.string, let members = stored["v"]?.object, let made = stored["c"]?.int, let changed = stored["m"]?.int else { return nil }
        self.type = type
        self.id = id
        externalID = stored["x"]?.string
        values = Dictionary(members.map { ($0.key, $0.value) }) { _, last in last }
        created = Timestamp(microseconds: Int64(made))
        modified = Timestamp(microseconds: Int64(changed))
    }
}

extension JSON {
    func minor(_ places: Int) -> Int64 { decimal?.rescaled(toScale: places)?.smallCoefficient ?? 0 }
    func minor(_ field: String, _ places: Int) -> Int64 { self[field]?.minor(places) ?? 0 }
    func text(_ field: String) -> String? { self[field]?.string.flatMap { $0.isEmpty ? nil : $0 } }
    func id(_ field: String) -> Int? { text(field).flatMap { Int($0) } }
}

/// A record that was deleted, for the change feed and the judge.
struct SuiteGone: Sendable {
    let record: SuiteRecord
    let at: Timestamp
}

/// The account: records by family, and who may come in. Changes can be undone until they are committed.
struct SuiteState: TwinMemory {
    let limits: NetSuiteLimits
    private(set) var tables: [String: [Int: SuiteRecord]] = [:]
    private(set) var externals: [String: [String: Int]] = [:]
    private(set) var gone: [SuiteGone] = []
    /// What other transactions have applied to a transaction: payer to minor units of its currency.
    private(set) var applied: [Int: [Int: Int64]] = [:]
    private var lastID: [String: Int] = [:]
    private var numbers: [String: Int] = [:]
    private var undo: [(family: String, id: Int, old: SuiteRecord?)] = []
    private var goneBefore = 0
    /// Records of the journal that are no rows.
    var pending: [JSON] = []
    var access = SuiteAccess()
    var traffic = SuiteTraffic()
    var searches = SuiteSearches()
    var jobs = SuiteJobs()
    var now = Timestamp(seconds: 0)

    init(limits: NetSuiteLimits) {
        self.limits = limits
        SuiteSeed.fill(&self)
        undo = []
    }

    // MARK: - Rows

    func record(_ family: String, _ id: Int?) -> SuiteRecord? { id.flatMap { tables[family]?[$0] } }

    /// The record of that type, or of that family where a type's name is a family's.
    func find(_ type: SuiteType, _ id: Int?) -> SuiteRecord? { record(type.family, id).flatMap { $0.type == type.name ? $0 : nil } }

    func find(_ type: SuiteType, externalID: String) -> SuiteRecord? { find(type, externals[type.family]?[externalID]) }

    func all(_ family: String) -> [SuiteRecord] { (tables[family] ?? [:]).values.sorted { $0.id < $1.id } }

    func all(_ type: SuiteType) -> [SuiteRecord] { all(type.family).filter { $0.type == type.name } }

    func code(ofAccount id: Int?) -> String { record("account", id)?.text("acctNumber") ?? "" }

    func account(_ code: String) -> Int? { (tables["account"] ?? [:]).values.first { $0.text("acctNumber") == code }?.id }

    // MARK: - Changes

    mutating func nextID(_ family: String, least: Int = 1) -> Int {
        let id = max((lastID[family] ?? 0) + 1, least)
        lastID[family] = id
        return id
    }

    mutating func nextNumber(_ prefix: String) -> String {
        let number = (numbers[prefix] ?? 1000) + 1
        numbers[prefix] = number
        return "\(prefix)\(number)"
    }

    mutating func put(_ record: SuiteRecord) { replace(SuiteSchema.whole.family(record.type), record.id, record, isUndone: false) }

    mutating func delete(_ record: SuiteRecord) {
        replace(SuiteSchema.whole.family(record.type), record.id, nil, isUndone: false)
        gone.append(SuiteGone(record: record, at: now))
    }

    private mutating func replace(_ family: String, _ id: Int, _ record: SuiteRecord?, isUndone: Bool) {
        let old = tables[family]?[id]
        if !isUndone { undo.append((family, id, old)) }
        if let external = old?.externalID, externals[family]?[external] == id { externals[family]?[external] = nil }
        if let external = record?.externalID { externals[family, default: [:]][external] = id }
        if family == "transaction" { reapply(old, record) }
        tables[family, default: [:]][id] = record
        lastID[family] = max(lastID[family] ?? 0, id)
    }

    private mutating func reapply(_ old: SuiteRecord?, _ new: SuiteRecord?) {
        for (payer, isNew) in [(old, false), (new, true)] {
            guard let payer else { continue }
            for line in payer.lines("apply") {
                guard let doc = line.id("doc") else { continue }
                applied[doc, default: [:]][payer.id] = isNew ? line.minor("amount", places(payer)) : nil
            }
        }
        // Numbers that were given out are not given out again.
        if let text = new?.text("tranId") {
            let digits = text.reversed().prefix { $0.isASCII && $0.isNumber }
            if !digits.isEmpty, digits.count <= 9, let number = Int(String(digits.reversed())) {
                let prefix = String(text.dropLast(digits.count))
                if numbers[prefix] != nil || SuiteNumbers.prefixes.values.contains(prefix) { numbers[prefix] = max(numbers[prefix] ?? 1000, number) }
            }
        }
    }

    // MARK: - Transactions

    var mark: Int { undo.count }

    mutating func rollback() { rollback(to: 0) }

    mutating func rollback(to mark: Int) {
        while undo.count > mark, let (family, id, old) = undo.popLast() {
            let was = tables[family]?[id]
            replace(family, id, old, isUndone: true)
            // A deletion that is taken back was the last one.
            if was == nil, old != nil, gone.last?.record.id == id { gone.removeLast() }
        }
        if mark == 0 { pending = [] }
    }

    mutating func commit() {
        undo = []
        pending = []
        goneBefore = gone.count
    }

    /// What is not in the journal yet; one line for all rows, so that a crash keeps all of them or nothing.
    var changes: [JSON] {
        var seen: Set<String> = []
        var rows: [JSON] = []
        for (family, id, _) in undo where seen.insert("\(family) \(id)").inserted {
            rows.append(.object([("f", .string(family)), ("id", .int(id)), ("r", tables[family]?[id]?.stored ?? .null)]))
        }
        let dead = gone.dropFirst(goneBefore).map { gone -> JSON in
            .object([("id", .int(gone.record.id)), ("at", .number(String(gone.at.microseconds))), ("r", gone.record.stored)])
        }
        guard !rows.isEmpty || !dead.isEmpty else { return pending }
        return pending + [.object([("t", "rows"), ("p", .array(rows)), ("d", .array(Array(dead)))])]
    }

    mutating func replay(_ record: JSON) {
        switch record["t"]?.string {
        case "rows":
            for row in record["p"]?.array ?? [] {
                guard let family = row["f"]?.string, let id = row["id"]?.int else { continue }
                replace(family, id, row.member("r").flatMap { SuiteRecord(id: id, stored: $0) }, isUndone: true)
            }
            for dead in record["d"]?.array ?? [] {
                guard let id = dead["id"]?.int, let at = dead["at"]?.int, let kept = dead["r"].flatMap({ SuiteRecord(id: id, stored: $0) }) else { continue }
                gone.append(SuiteGone(record: kept, at: Timestamp(microseconds: Int64(at))))
            }
            goneBefore = gone.count
        case "job": replayJob(record)
        default: access.replay(record)
        }
    }
}
