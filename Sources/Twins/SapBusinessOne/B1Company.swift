internal import Kernel
internal import TwinKit
internal import Wire

/// One company database. Changes can be undone until they are committed.
struct B1Company: TwinBooks {
    let name: String
    /// Taxed by VAT groups; else by sales tax codes.
    let usesVAT: Bool
    /// Every document says to which branch it belongs.
    let hasBranches: Bool
    private(set) var tables: [String: B1Table] = [:]
    private var undo: [(set: String, key: String, old: B1Record?)] = []
    /// The highest number ever given out, by sequence.
    private var sequences: [String: Int] = [:]
    /// Set for each call.
    var user = B1User.manager
    var now = Timestamp(seconds: 0)
    /// When the session that calls began: user fields that are younger are not there for it.
    var since = Timestamp(seconds: 0)
    var approvalsFrom: Int64 = .max
    var overdraws = false
    var today: LocalDate { B1Time.date(now) }

    var localCurrency: String { usesVAT ? "GBP" : "USD" }

    /// Databases: `SBODemoUS…` and `SBODemoGB…`; those with `Branches` in their names have branches.
    static func exists(_ name: String) -> Bool {
        guard ["SBODemoUS", "SBODemoGB"].contains(where: { name.hasPrefix($0) }), name.utf8.count <= 40 else { return false }
        return name.utf8.allSatisfy { ($0 >= 48 && $0 <= 57) || ($0 >= 65 && $0 <= 90) || ($0 >= 97 && $0 <= 122) || $0 == 45 || $0 == 95 }
    }

    init(name: String, locked: LocalDate?, inactive: Set<String>) {
        self.name = name
        usesVAT = name.hasPrefix("SBODemoGB")
        hasBranches = name.contains("Branches")
        B1Seed.fill(&self)
        lock(locked)
        for code in inactive.sorted() { setActive(code, false) }
        undo = []
    }

    // MARK: - Records

    func record(_ set: String, _ key: String) -> B1Record? { tables[set]?.rows[key] }
    func record(_ set: String, _ key: Int?) -> B1Record? { key.flatMap { record(set, "\($0)") } }

    func all(_ set: String) -> [B1Record] {
        guard let table = tables[set] else { return [] }
        return table.keys.compactMap { table.rows[$0] }
    }

    mutating func next(_ sequence: String) -> Int {
        let number = (sequences[sequence] ?? 0) + 1
        sequences[sequence] = number
        return number
    }

    // MARK: - Changes

    /// Adds or replaces a record; what dates and counts a change is set where the type has it.
    mutating func put(_ set: String, _ key: String, _ values: [String: JSON], isSilent: Bool = false) {
        var kept = values
        let old = tables[set]?.rows[key]
        if !isSilent, let type = B1Schema.sets[set]?.type {
            let (day, clock): (JSON, JSON) = (.string(today.description), .string(B1Time.clock(now)))
            if old == nil {
                for name in ["CreateDate", "CreationDate"] where type.property(name) != nil { kept[name] = day }
                for name in ["CreateTime", "DocTime"] where type.property(name) != nil { kept[name] = clock }
            }
            if type.property("UpdateDate") != nil { kept["UpdateDate"] = day }
            if type.property("UpdateTime") != nil { kept["UpdateTime"] = clock }
            if type.property("DataVersion") != nil { kept["DataVersion"] = .int((old?.int("DataVersion") ?? 0) + 1) }
        }
        undo.append((set, key, old))
        replace(set, key, B1Record(key: key, values: kept))
    }

    mutating func delete(_ set: String, _ key: String) {
        undo.append((set, key, tables[set]?.rows[key]))
        replace(set, key, nil)
    }

    private mutating func replace(_ set: String, _ key: String, _ record: B1Record?) {
        if let number = Int(key), record != nil { sequences[set] = max(sequences[set] ?? 0, number) }
        if let number = record?.int("DocNum") ?? record?.int("Number") { sequences["\(set)#"] = max(sequences["\(set)#"] ?? 0, number) }
        tables[set, default: B1Table()].replace(key, record)
    }

    // MARK: - Transactions

    /// A savepoint.
    var mark: Int { undo.count }

    mutating func rollback(to mark: Int = 0) {
        while undo.count > mark, let (set, key, old) = undo.popLast() { replace(set, key, old) }
    }

    mutating func commit() { undo = [] }

    /// What changed, as one line of the journal: a crash keeps all of it or nothing.
    var changes: JSON? {
        var seen: Set<String> = []
        var parts: [JSON] = []
        for (set, key, _) in undo where seen.insert("\(set) \(key)").inserted {
            let values = tables[set]?.rows[key].map { B1Row($0.values).json }
            parts.append(.object([("s", .string(set)), ("k", .string(key)), ("v", values ?? .null)]))
        }
        return parts.isEmpty ? nil : .object([("t", "b1"), ("c", .string(name)), ("p", .array(parts))])
    }

    mutating func replay(_ record: JSON) {
        for part in record["p"]?.array ?? [] {
            guard let set = part["s"]?.string, let key = part["k"]?.string else { continue }
            let values = part["v"].flatMap { $0.isNull ? nil : B1Row($0).values }
            replace(set, key, values.map { B1Record(key: key, values: $0) })
        }
    }

    // MARK: - The company's own facts

    /// Locks every period up to and including `date`; `nil` opens them.
    mutating func lock(_ date: LocalDate?) { put("_COMPANY", "1", ["LOCKED": .optional(date?.description)]) }

    var locked: LocalDate? { record("_COMPANY", "1")?.day("LOCKED") }

    mutating func setActive(_ code: String, _ active: Bool) {
        guard var account = record("ChartOfAccounts", code) else { return }
        account["FrozenFor"] = .yes(!active)
        account["ValidFor"] = .yes(active)
        put("ChartOfAccounts", code, account.values)
    }

    /// Refuses a posting date outside of the open periods.
    func guardOpen(_ date: LocalDate) throws(B1Problem) {
        guard B1Seed.years.contains(date.civil.year) else { throw .range }
        if let locked, date <= locked { throw .locked }
    }

    /// An account that may be posted to.
    func guardAccount(_ code: String, _ place: String, line: Int? = nil, isManual: Bool = false) throws(B1Problem) {
        guard let account = record("ChartOfAccounts", code) else { throw .invalid("Invalid account code", place, line: line, value: code) }
        guard account.isYes("ActiveAccount") else { throw .invalid("Specify an active account", place, line: line, value: code) }
        if account.isYes("FrozenFor") { throw .invalid("Account is inactive", place, line: line, value: code) }
        if isManual, account.isYes("LockManualTransaction") { throw .invalid("Control account; specify a business partner", place, line: line, value: code) }
    }

    /// Local units for one of the currency on a day.
    func rate(_ currency: String, on day: LocalDate) throws(B1Problem) -> ExactDecimal {
        if currency == localCurrency { return .one }
        guard let rate = record("_RATES", "\(currency) \(day)")?.decimal("Rate") else { throw B1Problem(-4006, "Update the exchange rate  , '\(currency)'") }
        return rate
    }

    /// The rate that a document says, of a foreign currency; else the day's.
    func rate(_ given: ExactDecimal?, _ currency: String, on day: LocalDate) throws(B1Problem) -> ExactDecimal {
        if let given, given > .zero, currency != localCurrency { return given }
        return try rate(currency, on: day)
    }

    /// Percent of a tax code or VAT group that is usable on a side.
    func taxRate(_ code: String, isSales: Bool, _ place: String, line: Int?) throws(B1Problem) -> ExactDecimal {
        guard let found = record(usesVAT ? "VatGroups" : "SalesTaxCodes", code) else { throw .invalid("Invalid tax code", place, line: line, value: code) }
        if found.isYes("Inactive") { throw .invalid("Tax code is inactive", place, line: line, value: code) }
        if usesVAT {
            guard found.text("Category") == (isSales ? "bovcOutputTax" : "bovcInputTax") else {
                throw .invalid("Invalid tax code category", place, line: line, value: code)
            }
            return found.rows("VatGroups_Lines").last?.decimal("Rate") ?? .zero
        }
        guard found.isYes(isSales ? "ValidForAR" : "ValidForAP") else { throw .invalid("Tax code is not valid here", place, line: line, value: code) }
        return found.decimal("Rate") ?? .zero
    }
}

/// Who may log in, to every company.
enum B1User: String, Sendable, CaseIterable {
    case manager
    /// May only look.
    case reader
    /// Whose large documents someone must approve.
    case clerk
}
