internal import Kernel
internal import Wire

/// One line of a journal entry, as it is asked for.
private struct IntacctEntryDraft {
    var account: String?
    /// 1 debit, -1 credit.
    var direction: Int?
    var amount: String
    var money: IntacctCurrencyBlock
    var dimensions: [String: String]
    var description: String
    var document: String

    init(generic element: XMLElement) {
        account = element.value("ACCOUNTNO")
        direction = element.value("TR_TYPE").flatMap { Int($0) }
        amount = element.value("TRX_AMOUNT") ?? element.value("AMOUNT") ?? ""
        money = IntacctCurrencyBlock(generic: element)
        dimensions = [:]
        for reference in IntacctSchema.references { dimensions[reference.field] = element.value(reference.field) }
        dimensions["LOCATIONID"] = element.value("LOCATION") ?? dimensions["LOCATIONID"]
        dimensions["DEPARTMENTID"] = element.value("DEPARTMENT") ?? dimensions["DEPARTMENTID"]
        description = element.value("DESCRIPTION") ?? ""
        document = element.value("DOCUMENT") ?? ""
    }

    init(legacy element: XMLElement) {
        account = element.value("glaccountno")
        direction = ["debit": 1, "credit": -1][element.value("trtype")?.lowercased() ?? ""]
        amount = element.value("amount") ?? ""
        money = IntacctCurrencyBlock(legacy: element)
        dimensions = [:]
        for reference in IntacctSchema.references { dimensions[reference.field] = element.value(reference.field.lowercased()) }
        description = element.value("memo") ?? ""
        document = element.value("document") ?? ""
    }
}

/// A line that stood the rules.
private struct IntacctEntry {
    var values: [String: String]
    var money: IntacctMoney
    var entity: String
    /// Debit positive.
    var minor: Int64
    var base: Int64
}

/// Journal entries.
extension IntacctCompany {
    /// `create GLBATCH`, or `update` onto an old one, whose entries are replaced as a whole where any are sent.
    mutating func saveBatch(_ element: XMLElement, onto old: IntacctRecord?) throws(IntacctProblem) -> Int {
        func said(_ name: String) -> String? { element.value(name) ?? old?[name].filled }
        guard let journal = said("JOURNAL") else { throw .missing("Journal") }
        guard let title = said("BATCH_TITLE") else { throw .missing("Description") }
        guard let text = said("BATCH_DATE") else { throw .missing("Posting Date") }
        guard let day = IntacctTime.day(text) else { throw .invalid("Posting Date", text) }
        let state = said("STATE") ?? "Posted"
        guard ["Posted", "Draft", "Submitted"].contains(state) else { throw .invalid("State", state) }
        if let old, old["STATE"] != "Draft", let before = old.day("BATCH_DATE") { try guardOpen(before) }
        var values: [String: String] = [
            "JOURNAL": journal, "BATCH_TITLE": title, "BATCH_DATE": IntacctTime.day(day), "STATE": state, "REFERENCENO": said("REFERENCENO") ?? "",
            "SUPDOCID": said("SUPDOCID") ?? "", "HISTORY_COMMENT": said("HISTORY_COMMENT") ?? "", "BASELOCATION_NO": said("BASELOCATION_NO") ?? "",
            "TAXSOLUTIONID": said("TAXSOLUTIONID") ?? "", "MODULE": "2.GL", "USERINFO.LOGINID": user,
        ]
        try guardSupdoc(values["SUPDOCID"]?.filled)
        if let sent = element["ENTRIES"]?.all("GLENTRY") {
            return try saveBatch(&values, sent.map { IntacctEntryDraft(generic: $0) }, day, onto: old, reversal: element.value("REVERSEDATE"))
        }
        guard let old else { throw .rule("A journal entry needs at least two lines.") }
        try guardBatch(values, day)
        update("GLBATCH", old.no, values)
        for line in lines("GLBATCH", of: old.no) { update("GLENTRY", line.no, ["ENTRY_DATE": IntacctTime.day(day), "STATE": state]) }
        if let date = element.value("REVERSEDATE") { try reverseBatch(old.no, date) }
        return old.no
    }

    /// `create_gltransaction`.
    mutating func saveBatch(legacy body: XMLElement) throws(IntacctProblem) -> Int {
        guard let day = IntacctTime.day(body["datecreated"]) else { throw .missing("Posting Date") }
        var values: [String: String] = [
            "JOURNAL": body.value("journalid") ?? "", "BATCH_TITLE": body.value("description") ?? "", "BATCH_DATE": IntacctTime.day(day), "STATE": "Posted",
            "REFERENCENO": body.value("referenceno") ?? "", "BASELOCATION_NO": body.value("sourceentity") ?? "", "MODULE": "2.GL", "USERINFO.LOGINID": user,
        ]
        let lines = body["gltransactionentries"]?.all("glentry").map { IntacctEntryDraft(legacy: $0) } ?? []
        let reversal = IntacctTime.day(body["reversedate"]).map { IntacctTime.day($0) }
        return try saveBatch(&values, lines, day, onto: nil, reversal: reversal)
    }

    private func guardBatch(_ values: [String: String], _ day: LocalDate) throws(IntacctProblem) {
        guard let journal = named("JOURNAL", values["JOURNAL"] ?? ""), journal.isActive else { throw .invalid("journal", values["JOURNAL"] ?? "") }
        if values["STATE"] != "Draft" { try guardOpen(day) }
        try Self.guardLength("Description", values["BATCH_TITLE"], 80)
        try Self.guardLength("Reference number", values["REFERENCENO"], 100)
    }

    private mutating func saveBatch(
        _ values: inout [String: String], _ drafts: [IntacctEntryDraft], _ day: LocalDate, onto old: IntacctRecord?, reversal: String?
    ) throws(IntacctProblem) -> Int {
        try guardBatch(values, day)
        guard drafts.count >= 2 else { throw .rule("A journal entry needs at least two lines.") }
        guard drafts.count <= Self.linesMost else { throw .rule("A journal entry has at most \(Self.linesMost) lines.") }
        var entries: [IntacctEntry] = []
        for draft in drafts { entries.append(try entry(draft, day)) }
        try balance(&entries)
        values["BALANCE"] = "0"
        let no: Int
        if let old {
            no = old.no
            for line in lines("GLBATCH", of: no) { delete("GLENTRY", line.no) }
            update("GLBATCH", no, values)
        } else {
            no = insert("GLBATCH", values)
            update("GLBATCH", no, ["BATCHNO": "\(no)"])
        }
        for (place, entry) in entries.enumerated() {
            var line = entry.values.merging(entry.money.values) { $1 }
            line.merge([
                "BATCHNO": "\(no)", "BATCH_NUMBER": "\(no)", "BATCHTITLE": values["BATCH_TITLE"] ?? "", "LINE_NO": "\(place + 1)",
                "ENTRY_DATE": IntacctTime.day(day), "TRX_AMOUNT": entry.money.text(abs(entry.minor)), "AMOUNT": entry.money.baseText(abs(entry.base)),
                "STATE": values["STATE"] ?? "",
            ]) { $1 }
            insert("GLENTRY", line)
        }
        if let reversal { try reverseBatch(no, reversal) }
        return no
    }

    private func entry(_ draft: IntacctEntryDraft, _ day: LocalDate) throws(IntacctProblem) -> IntacctEntry {
        guard let number = draft.account else { throw .missing("GL Account Number") }
        let account = try account(number)
        var dimensions = try dimensions(draft.dimensions, account)
        let entity = entity(of: dimensions["LOCATIONID"] ?? "")
        let money = try money(draft.money, base: baseCurrency(isMultiEntity ? entity : ""), on: day)
        guard var minor = IntacctAmount.minor(draft.amount, money.places) else { throw .invalid("amount", draft.amount) }
        try Self.guardLength("Memo", draft.description, 1000)
        // Without a type the sign tells; with one, the amount has none.
        if let direction = draft.direction {
            guard abs(direction) == 1 else { throw .invalid("transaction type", "\(direction)") }
            guard minor >= 0 else { throw .rule("The amount of a line that has a transaction type can't be negative.") }
            minor *= Int64(direction)
        } else if minor == 0 {
            throw .missing("Transaction type")
        }
        for (from, to) in [("LOCATIONID", "LOCATION"), ("DEPARTMENTID", "DEPARTMENT"), ("DEPARTMENTNAME", "DEPARTMENTTITLE")] {
            if let value = dimensions.removeValue(forKey: from) { dimensions[to] = value }
        }
        let direction = draft.direction ?? (minor < 0 ? -1 : 1)
        dimensions.merge([
            "ACCOUNTNO": number, "ACCOUNTKEY": "\(account.no)", "ACCOUNTTITLE": account["TITLE"], "TR_TYPE": "\(direction)", "DESCRIPTION": draft.description,
            "DOCUMENT": draft.document,
        ]) { $1 }
        return IntacctEntry(values: dimensions, money: money, entity: entity, minor: minor, base: money.toBase(minor))
    }

    /// Debits and credits are equal in every entity and currency. What rounding leaves over in base goes to the largest line.
    private func balance(_ entries: inout [IntacctEntry]) throws(IntacctProblem) {
        var groups: [String: [Int]] = [:]
        for (place, entry) in entries.enumerated() { groups["\(entry.entity) \(entry.money.currency)", default: []].append(place) }
        for key in groups.keys.sorted() {
            let places = groups[key] ?? []
            let sum = places.reduce(Int64(0)) { $0 + entries[$1].minor }
            guard sum == 0 else {
                let debits = places.reduce(Int64(0)) { $0 + max(0, entries[$1].minor) }
                let money = entries[places[0]].money
                throw .rule(
                    "Debits and credits are not equal: \(money.text(debits)) and \(money.text(debits - sum)) in \(money.currency)"
                        + (entries[places[0]].entity.isEmpty ? "." : " for location \(entries[places[0]].entity)."),
                    correction: "Balance the entry by location and currency.")
            }
            let rest = places.reduce(Int64(0)) { $0 + entries[$1].base }
            if rest != 0, let largest = places.max(by: { abs(entries[$0].base) < abs(entries[$1].base) }) { entries[largest].base -= rest }
        }
    }

    /// A second entry that takes the first one back.
    private mutating func reverseBatch(_ no: Int, _ date: String) throws(IntacctProblem) {
        guard let day = IntacctTime.day(date) else { throw .invalid("Reverse Date", date) }
        guard let batch = record("GLBATCH", no), batch["REVERSEDKEY"].isEmpty, batch["STATE"] == "Posted" else { throw .rule("The entry can't be reversed.") }
        if let posted = batch.day("BATCH_DATE"), day < posted { throw .rule("The reverse date is earlier than the posting date.") }
        try guardOpen(day)
        var values = batch.values
        for field in ["WHENCREATED", "WHENMODIFIED", "BATCHNO"] { values[field] = nil }
        values.merge([
            "BATCH_DATE": date, "BATCH_TITLE": String("Reversed - \(batch["BATCH_TITLE"])".prefix(80)), "REVERSEDFROM": batch["BATCH_DATE"],
            "REVERSEDKEY": "\(no)",
        ]) { $1 }
        let other = insert("GLBATCH", values)
        update("GLBATCH", other, ["BATCHNO": "\(other)"])
        for line in lines("GLBATCH", of: no) {
            var entry = line.values
            for field in ["WHENCREATED", "WHENMODIFIED"] { entry[field] = nil }
            entry.merge([
                "BATCHNO": "\(other)", "BATCH_NUMBER": "\(other)", "ENTRY_DATE": date, "TR_TYPE": line["TR_TYPE"] == "1" ? "-1" : "1",
                "BATCHTITLE": values["BATCH_TITLE"] ?? "",
            ]) { $1 }
            insert("GLENTRY", entry)
        }
        update("GLBATCH", no, ["REVERSED": date, "REVERSEDKEY": "\(other)"])
    }

    mutating func removeBatch(key: String) throws(IntacctProblem) {
        guard let batch = record("GLBATCH", Int(key)) else { throw .rule("Cannot find glbatch with key '\(key)' to delete.") }
        if batch["STATE"] != "Draft", let day = batch.day("BATCH_DATE") { try guardOpen(day) }
        hide("GLBATCH", batch.no)
    }
}
