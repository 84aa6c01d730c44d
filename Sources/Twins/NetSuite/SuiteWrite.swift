internal import Kernel
internal import Wire

/// What a request wants a record to become, in stored form; `null` takes a value away.
struct SuiteDraft: Sendable {
    struct Lines: Sendable {
        var replacesAll: Bool
        var lines: [[String: JSON]]
    }

    var externalID: String?
    var values: [String: JSON] = [:]
    var lists: [String: Lines] = [:]
}

enum SuiteNumbers {
    /// What numbers of transactions begin with. Bills have their vendor's.
    static let prefixes: [String: String] = [
        "invoice": "INV", "cashSale": "CS", "creditMemo": "CM", "cashRefund": "CR", "customerPayment": "PYMT", "customerRefund": "RFND",
        "journalEntry": "JE", "deposit": "DEP", "purchaseOrder": "PO",
    ]
    /// Most lines of a transaction.
    /// - Source: the sheet, "Limits": 5,000 of transactions, 1,000 of journals that are not asynchronous.
    static func linesMost(_ type: String) -> Int { type == "journalEntry" ? 1000 : 5000 }
}

extension SuiteState {
    // MARK: - Add and change

    /// Adds a record, or changes one; all of it or nothing.
    mutating func save(_ type: SuiteType, _ old: SuiteRecord?, _ draft: SuiteDraft) throws(SuiteProblem) -> SuiteRecord {
        var record = old ?? SuiteRecord(type: type.name, id: 0, values: [:], at: now)
        if let external = draft.externalID, !external.isEmpty {
            if let holder = externals[type.family]?[external], holder != old?.id { throw .duplicate }
            record.externalID = external
        }
        for (name, value) in draft.values { record.values[name] = value.isNull ? nil : value }
        for (name, lines) in draft.lists {
            guard let list = type.list(name) else { continue }
            record.values[name] = .array(try Self.merged(list, record.lines(name), lines, type))
        }
        try checkReferences(type, draft)
        if old == nil {
            let missing = type.fields.filter { $0.isRequired && record.values[$0.name] == nil }
            if !missing.isEmpty { throw .missing(missing.map(\.label), missing.first?.name) }
        }
        if type.isTransaction {
            if traffic.loses(limits) { throw .conflict }
            try prepareTransaction(&record, old, type, draft)
        } else {
            try prepareList(&record, old, type)
        }
        if old == nil {
            let floor = ["transaction": 9001, "entity": 501, "item": 101]
            let id = nextID(type.family, least: floor[type.family] ?? 1)
            record = SuiteRecord(type: type.name, id: id, externalID: record.externalID, values: record.values, at: now)
        }
        record.modified = max(now, record.modified)
        put(record)
        return record
    }

    /// Lines after a change: by their key, or all anew.
    private static func merged(_ list: SuiteList, _ old: [JSON], _ sent: SuiteDraft.Lines, _ type: SuiteType) throws(SuiteProblem) -> [JSON] {
        guard sent.lines.count <= SuiteNumbers.linesMost(type.name) else {
            throw .user("The maximum number of lines of this transaction (\(SuiteNumbers.linesMost(type.name))) is exceeded.", list.name)
        }
        var lines: [[String: JSON]] = sent.replacesAll ? [] : old.map { line in Dictionary((line.object ?? []).map { ($0.key, $0.value) }) { $1 } }
        for line in sent.lines {
            guard let key = line[list.key], !key.isNull, let at = lines.firstIndex(where: { $0[list.key]?.plain == key.plain }) else {
                lines.append(line.filter { !$0.value.isNull })
                continue
            }
            var kept = lines[at]
            // What follows from what is changed is worked out anew, unless it is sent as well.
            if line["amount"] != nil || line["taxCode"] != nil || line["quantity"] != nil || line["rate"] != nil || line["item"] != nil {
                for follows in ["tax1Amt", "grossAmt"] { kept[follows] = nil }
                if line["taxCode"] != nil { kept["taxRate1"] = nil }
            }
            if line["amount"] == nil, line["quantity"] != nil || line["rate"] != nil || line["item"] != nil { kept["amount"] = nil }
            if line["item"] != nil, line["rate"] == nil { kept["rate"] = nil }
            for (name, value) in line { kept[name] = value.isNull ? nil : value }
            lines[at] = kept
        }
        if list.key == "line" {
            var next = lines.compactMap { $0["line"]?.int }.filter { $0 < 1_000_000 }.max() ?? 0
            for at in lines.indices where lines[at]["line"]?.int == nil {
                next += 1
                lines[at]["line"] = .int(next)
            }
        }
        if list.key == "internalId" {
            for at in lines.indices where lines[at]["internalId"] == nil { lines[at]["internalId"] = .int(at + 1) }
        }
        return lines.map { Self.object($0) }
    }

    static func object(_ members: [String: JSON]) -> JSON { .object(members.sorted { $0.key < $1.key }.map { (key: $0.key, value: $0.value) }) }

    // MARK: - References

    private func checkReferences(_ type: SuiteType, _ draft: SuiteDraft) throws(SuiteProblem) {
        for (name, value) in draft.values { try check(type.field(name), value) }
        for (name, lines) in draft.lists {
            guard let list = type.list(name) else { continue }
            let fields = Dictionary(list.fields.map { ($0.name, $0) }) { first, _ in first }
            for line in lines.lines {
                for (name, value) in line { try check(fields[name], value) }
            }
        }
    }

    private func check(_ field: SuiteField?, _ value: JSON) throws(SuiteProblem) {
        if let field, case .references(let target) = field.kind {
            let one = SuiteField(name: field.name, soap: field.soap, kind: .reference(target), isReadOnly: false, isRequired: false)
            for id in value.array ?? [] { try check(one, id) }
        }
        guard let field, let text = value.string else { return }
        switch field.kind {
        case .reference(let target) where !target.isEmpty:
            guard let found = record(SuiteSchema.whole.family(target), Int(text)), SuiteSchema.whole.targets(target).contains(where: { $0.name == found.type }),
                !found.flag("isInactive")
            else { throw .reference(field.name, text) }
        case .document:
            guard record("transaction", Int(text)) != nil else { throw .reference(field.name, text) }
        default: return
        }
    }

    // MARK: - Lists and people

    private func prepareList(_ record: inout SuiteRecord, _ old: SuiteRecord?, _ type: SuiteType) throws(SuiteProblem) {
        if record.values["isInactive"] == nil, type.field("isInactive") != nil { record.values["isInactive"] = false }
        switch type.name {
        case "customer", "vendor": try prepareEntity(&record, old, type)
        case "account":
            let taken = all("account").contains { other in
                guard other.id != old?.id else { return false }
                if other.text("acctName") == record.text("acctName") { return true }
                return record.text("acctNumber") != nil && other.text("acctNumber") == record.text("acctNumber")
            }
            if taken { throw .user("The account number or name you have chosen is already used.", "acctName", soap: "DUP_ACCT_NAME") }
        case "accountingPeriod", "currency": if old == nil { throw .user("You do not have permission to create this record.", soap: "INSUFFICIENT_PERMISSION") }
        default:
            guard type.family == "item", let name = record.text("itemId") else { return }
            if all("item").contains(where: { $0.id != old?.id && $0.text("itemId") == name }) {
                throw .user("An item with that name already exists: \(name). Please enter another name.", "itemId", soap: "DUP_ITEM")
            }
        }
    }

    private func prepareEntity(_ record: inout SuiteRecord, _ old: SuiteRecord?, _ type: SuiteType) throws(SuiteProblem) {
        let name: String
        if record.flag("isPerson") {
            guard let first = record.text("firstName"), let last = record.text("lastName") else { throw .missing(["First Name", "Last Name"], "firstName") }
            name = "\(first) \(last)"
        } else {
            guard let company = record.text("companyName") ?? record.text("entityId") else {
                throw .user("You must enter a value for Company Name.", "companyName", soap: "MISSING_REQD_FLD")
            }
            name = company
            record.values["isPerson"] = false
        }
        if record.values["subsidiary"] == nil { throw .missing(["Primary Subsidiary"], "subsidiary") }
        if record.text("entityId") == nil { record.values["entityId"] = .string(name) }
        if record.text("currency") == nil { record.values["currency"] = .optional(self.record("subsidiary", record.id("subsidiary"))?.text("currency")) }
        let taken = all("entity").contains { $0.id != old?.id && $0.type == type.name && $0.text("entityId") == record.text("entityId") }
        if taken { throw .duplicateEntity }
    }

    // MARK: - Delete

    mutating func remove(_ type: SuiteType, _ record: SuiteRecord) throws(SuiteProblem) {
        let dependent = SuiteProblem.user(
            "This record cannot be deleted because it has dependent records.", soap: "THIS_RECORD_CANNOT_BE_DELETED_BECAUSE_IT_HAS_DEPENDENT_RECORDS")
        if type.isTransaction {
            if type.name != "purchaseOrder" { try checkPeriod(record) }
            guard (applied[record.id] ?? [:]).isEmpty, !isDeposited(record.id) else { throw dependent }
        } else {
            let word = JSON.string(String(record.id))
            let fields = ["entity": ["entity", "customer"], "item": ["item"], "account": ["account", "arAcct"]][type.family] ?? []
            for transaction in all("transaction") {
                let isPosted = type.family == "account" && impact(transaction).contains { $0.account == record.id }
                let isUsed = isPosted || fields.contains { transaction.values[$0] == word }
                let lines = transaction.lines("item") + transaction.lines("line") + transaction.lines("expense") + transaction.lines("other")
                guard !isUsed, !lines.contains(where: { line in fields.contains { line[$0] == word } }) else { throw dependent }
            }
            if ["subsidiary", "currency", "accountingPeriod"].contains(type.family) {
                throw .user("You do not have permission to delete this record.", soap: "INSUFFICIENT_PERMISSION")
            }
        }
        delete(record)
    }
}

extension JSON {
    /// A number or a text as one text, so that line keys of both protocols compare.
    var plain: String? {
        switch self {
        case .string(let text), .number(let text): text
        default: nil
        }
    }
}
