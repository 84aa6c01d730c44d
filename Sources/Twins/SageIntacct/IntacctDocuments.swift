internal import Kernel
internal import Wire

/// A line that stood the rules.
struct IntacctPostedLine: Sendable {
    var values: [String: String]
    var minor: Int64
    var base: Int64
    var taxes: [(values: [String: String], minor: Int64, base: Int64)]
}

/// Invoices, bills and adjustments.
extension IntacctCompany {
    /// Lines of one document.
    static let linesMost = 1000

    /// Creates a document, or writes it anew.
    mutating func save(_ draft: IntacctDraft, onto old: IntacctRecord?) throws(IntacctProblem) -> Int {
        let side = IntacctSide.of(draft.object)
        guard let party = draft.party else { throw .missing(side.isSales ? "Customer ID" : "Vendor ID") }
        guard let person = named(side.party, party), person.isActive else { throw .invalid(side.isSales ? "customer" : "vendor", party) }
        guard let created = draft.created else { throw .missing("Date Created") }
        let isDraft = draft.action == "Draft"
        guard ["Submit", "Draft"].contains(draft.action ?? "Submit") else { throw .invalid("action", draft.action ?? "") }
        let posted = draft.posted ?? created
        if !isDraft { try guardOpen(posted) }
        try guardSupdoc(draft.supdoc)
        var values = try headings(draft, side, person, created, old)
        values["WHENPOSTED"] = IntacctTime.day(posted)
        guard !draft.lines.isEmpty else { throw .rule("Line has no associated account", correction: "Provide at least one line.") }
        guard draft.lines.count <= Self.linesMost else { throw .rule("A document has at most \(Self.linesMost) lines.") }
        let (money, lines, solution) = try postedLines(draft, side, posted)
        values.merge(money.values) { $1 }
        values["TAXSOLUTIONID"] = solution ?? ""
        let total = lines.reduce(Int64(0)) { $0 + $1.minor + $1.taxes.reduce(0) { $0 + $1.minor } }
        let base = lines.reduce(Int64(0)) { $0 + $1.base + $1.taxes.reduce(0) { $0 + $1.base } }
        values.merge([
            "STATE": isDraft ? "Draft" : "Posted", "RAWSTATE": isDraft ? "D" : "A", "TOTALENTERED": money.baseText(base), "TRX_TOTALENTERED": money.text(total),
            "TOTALDUE": money.baseText(base), "TRX_TOTALDUE": money.text(total), "TOTALPAID": "0", "TRX_TOTALPAID": "0", "TOTALSELECTED": "0",
            "TRX_TOTALSELECTED": "0",
        ]) { $1 }
        let no: Int
        if let old {
            no = old.no
            dropLines(draft.object, of: no)
            update(draft.object, no, values)
        } else {
            no = insert(draft.object, values)
        }
        insertLines(lines, of: no, draft.object, money, posted, control: person["OFFSETGLACCOUNTNO"].filled ?? side.control)
        return no
    }

    private func headings(
        _ draft: IntacctDraft, _ side: IntacctSide, _ person: IntacctRecord, _ created: LocalDate, _ old: IntacctRecord?
    ) throws(IntacctProblem) -> [String: String] {
        let label = draft.object == side.invoice ? side.label : "adjustment"
        var values: [String: String] = [
            "RECORDTYPE": ["ARINVOICE": "ri", "ARADJUSTMENT": "ra", "APBILL": "pi", "APADJUSTMENT": "pa"][draft.object] ?? "",
            side.partyField: person[side.partyField], side.nameField: person["NAME"], "WHENCREATED": IntacctTime.day(created),
            "DOCNUMBER": draft.document ?? "",
            "DESCRIPTION": draft.description ?? "", "_EXTERNAL": draft.external ?? "", "SUPDOCID": draft.supdoc ?? "", "_NOGL": draft.skipsLedger ? "true" : "",
            "MODULEKEY": side.isSales ? "4.AR" : "3.AP", "SYSTEMGENERATED": "F", "PRBATCH": "\(side.isSales ? "Invoices" : "Bills"): \(created) Batch",
            "BILLTOPAYTOCONTACTNAME": person["DISPLAYCONTACT.CONTACTNAME"],
        ]
        try Self.guardLength("Document number", draft.number, 45)
        try Self.guardLength("Reference number", draft.document, 45)
        try Self.guardLength("Description", draft.description, 1000)
        try Self.guardLength("External ID", draft.external, 40)
        for field in draft.custom {
            guard IntacctSchema.objects[draft.object]?.kinds[field.name] != nil, field.name == "SHOP_ID" else { throw .invalid("custom field", field.name) }
            values[field.name] = field.value
        }
        values["WHENDUE"] = try due(draft, side, person, created).map { IntacctTime.day($0) } ?? ""
        values["TERMNAME"] = draft.term ?? person["TERMNAME"]
        values["RECORDID"] = try number(draft, label, old)
        return values
    }

    private func due(_ draft: IntacctDraft, _ side: IntacctSide, _ person: IntacctRecord, _ created: LocalDate) throws(IntacctProblem) -> LocalDate? {
        var termDays: Int?
        if let name = draft.term ?? person["TERMNAME"].filled {
            guard let term = named(side.term, name), term.isActive else { throw .invalid("term", name) }
            termDays = term.int("DUEDATE")
        }
        guard draft.object == side.invoice else { return draft.due }
        guard let due = draft.due ?? termDays.map({ created.adding(days: $0) }) else { throw .missing("Date Due") }
        guard due >= created else { throw .rule("Date Due cannot be earlier than date of transaction", correction: "Use a later due date.") }
        return due
    }

    private func number(_ draft: IntacctDraft, _ label: String, _ old: IntacctRecord?) throws(IntacctProblem) -> String {
        if let number = draft.number {
            guard records(draft.object, where: "RECORDID", is: number).allSatisfy({ $0.no == old?.no }) else {
                throw IntacctProblem("BL34000061", "Transaction with the number '\(number)' already exists", correction: "Use a unique value instead.")
            }
            return number
        }
        // - Source: intacct-sdk-js, issue 86.
        if draft.object == "APBILL" { throw IntacctProblem("BL03002128", "Enter a Bill number, and try again.") }
        let prefix = label == "adjustment" ? "ADJ" : "INV"
        var count = everything(draft.object).count + 1
        while !records(draft.object, where: "RECORDID", is: "\(prefix)-\(count)").isEmpty { count += 1 }
        return "\(prefix)-\(count)"
    }

    // MARK: - Lines

    func postedLines(
        _ draft: IntacctDraft, _ side: IntacctSide, _ day: LocalDate
    ) throws(IntacctProblem) -> (money: IntacctMoney, lines: [IntacctPostedLine], solution: String?) {
        var read: [(line: IntacctDraftLine, account: IntacctRecord, dimensions: [String: String])] = []
        for line in draft.lines {
            let (account, dimensions) = try checked(line, side)
            read.append((line, account, dimensions))
        }
        let entities = read.map { entity(of: $0.dimensions["LOCATIONID"] ?? "") }
        let base = baseCurrency(entities.first ?? "")
        guard entities.allSatisfy({ baseCurrency($0) == base }) else { throw .rule("The lines are in entities of different base currencies.") }
        let money = try money(draft.money, base: base, on: day)
        let solution = try solution(draft, entities.first ?? "")
        var out: [IntacctPostedLine] = []
        for (line, account, dimensions) in read {
            guard let minor = IntacctAmount.minor(line.amount, money.places) else { throw .invalid("amount", line.amount) }
            if let offset = line.offset { _ = try self.account(offset) }
            try Self.guardLength("Memo", line.memo, 1000)
            var values = dimensions
            values["ACCOUNTNO"] = account["ACCOUNTNO"]
            values["ACCOUNTTITLE"] = account["TITLE"]
            values["ACCOUNTKEY"] = "\(account.no)"
            values["ACCOUNTLABEL"] = line.label ?? ""
            values["OFFSETGLACCOUNTNO"] = line.offset ?? ""
            values["ENTRYDESCRIPTION"] = line.memo ?? ""
            let taxes = try taxes(line, solution, minor, side, money)
            out.append(IntacctPostedLine(values: values, minor: minor, base: money.toBase(minor), taxes: taxes))
        }
        return (money, out, solution)
    }

    /// The tax solution of a document: its own, or that of its entity.
    private func solution(_ draft: IntacctDraft, _ entity: String) throws(IntacctProblem) -> String? {
        let isTrade = !["OTHERRECEIPTS", "ARADVANCE"].contains(draft.object)
        let isTaxed = isTrade || draft.lines.contains { !$0.taxes.isEmpty }
        let solution = draft.solution ?? (isTaxed ? named("LOCATIONENTITY", entity)?["TAXSOLUTIONID"].filled : nil)
        if let solution, named("TAXSOLUTION", solution) == nil { throw .invalid("tax solution", solution) }
        return solution
    }

    private func taxes(
        _ line: IntacctDraftLine, _ solution: String?, _ minor: Int64, _ side: IntacctSide, _ money: IntacctMoney
    ) throws(IntacctProblem) -> [(values: [String: String], minor: Int64, base: Int64)] {
        guard let solution else {
            guard line.taxes.isEmpty else { throw .taxDetails }
            return []
        }
        guard (1...2).contains(line.taxes.count) else { throw .taxDetails }
        var out: [(values: [String: String], minor: Int64, base: Int64)] = []
        for (name, given) in line.taxes {
            guard let detail = named("TAXDETAIL", name), detail["TAXSOLUTIONID"] == solution, detail["TAXTYPE"] == side.taxType, detail.isActive else {
                throw .taxDetails
            }
            let percent = ExactDecimal(detail["VALUE"]) ?? .zero
            var tax = IntacctAmount.base(minor, money.places, rate: percent.multiplied(by: ExactDecimal(small: 1, scale: 2)) ?? .zero, money.places)
            if let given {
                guard let forced = IntacctAmount.minor(given, money.places) else { throw .invalid("tax amount", given) }
                tax = forced
            }
            let base = money.toBase(tax)
            let values = [
                "DETAILID": name, "TRX_TAX": money.text(tax), "TAX": money.baseText(base), "TAXRATE": detail["VALUE"], "ACCOUNTNO": detail["GLACCOUNT"],
            ]
            out.append((values, tax, base))
        }
        return out
    }

    mutating func insertLines(
        _ lines: [IntacctPostedLine], of no: Int, _ object: String, _ money: IntacctMoney, _ day: LocalDate, control: String
    ) {
        guard let list = IntacctSchema.objects[object]?.lines?.object else { return }
        for (place, line) in lines.enumerated() {
            var values = line.values.merging(money.values) { $1 }
            values.merge([
                "RECORDKEY": "\(no)", "LINE_NO": "\(place + 1)", "LINEITEM": "T", "ENTRY_DATE": IntacctTime.day(day), "TRX_AMOUNT": money.text(line.minor),
                "AMOUNT": money.baseText(line.base), "TOTALPAID": "0", "TRX_TOTALPAID": "0",
            ]) { $1 }
            if values["OFFSETGLACCOUNTNO"]?.isEmpty ?? true { values["OFFSETGLACCOUNTNO"] = control }
            let key = insert(list, values)
            for tax in line.taxes { insert("_TAXENTRY", tax.values.merging(["RECORDKEY": "\(key)"]) { $1 }) }
        }
    }

    mutating func dropLines(_ object: String, of no: Int) {
        guard let list = IntacctSchema.objects[object]?.lines?.object else { return }
        for line in lines(object, of: no) {
            for tax in records("_TAXENTRY", where: "RECORDKEY", is: "\(line.no)") { delete("_TAXENTRY", tax.no) }
            delete(list, line.no)
        }
    }

    // MARK: - Changes

    /// What a stored document says, to be changed and saved anew.
    func draft(of record: IntacctRecord, _ object: String) -> IntacctDraft {
        var draft = IntacctDraft(object: object)
        draft.party = record[IntacctSide.of(object).partyField]
        draft.created = record.day("WHENCREATED")
        draft.posted = record.day("WHENPOSTED")
        draft.due = record.day("WHENDUE")
        draft.term = record["TERMNAME"].filled
        draft.number = record["RECORDID"].filled
        draft.document = record["DOCNUMBER"].filled
        draft.description = record["DESCRIPTION"].filled
        draft.external = record["_EXTERNAL"].filled
        draft.supdoc = record["SUPDOCID"].filled
        draft.solution = record["TAXSOLUTIONID"].filled
        draft.action = record["STATE"] == "Draft" ? "Draft" : "Submit"
        draft.money.currency = record["CURRENCY"]
        draft.money.type = record["EXCH_RATE_TYPE_ID"].filled
        draft.money.day = record.day("EXCH_RATE_DATE")
        if draft.money.type == nil { draft.money.rate = record["EXCHANGE_RATE"].filled }
        draft.skipsLedger = !record["_NOGL"].isEmpty
        if let shop = record["SHOP_ID"].filled { draft.custom = [("SHOP_ID", shop)] }
        draft.lines = lines(object, of: record.no).map { IntacctDraftLine(record: $0, taxes: records("_TAXENTRY", where: "RECORDKEY", is: "\($0.no)")) }
        return draft
    }

    /// The document of a key, if it may be changed at all.
    func changeable(_ object: String, _ key: String, to verb: String) throws(IntacctProblem) -> IntacctRecord {
        guard let found = record(object, Int(key)) else { throw .rule("Cannot find \(object.lowercased()) with key '\(key)' to \(verb).") }
        guard found["STATE"] != "Reversed" else { throw .rule("The transaction was reversed and can't be changed.") }
        let places = Self.places(found["CURRENCY"])
        guard found.minor("TRX_TOTALPAID", places) == 0 else {
            throw .rule("The transaction is paid or partly paid and can't be changed.", correction: "Reverse the payment first.")
        }
        return found
    }

    mutating func change(_ object: String, key: String, _ take: (inout IntacctDraft) -> Void) throws(IntacctProblem) -> Int {
        let old = try changeable(object, key, to: "update")
        if old["STATE"] != "Draft", let posted = old.day("WHENPOSTED") { try guardOpen(posted) }
        var draft = draft(of: old, object)
        take(&draft)
        return try save(draft, onto: old)
    }

    mutating func reverse(_ object: String, key: String, _ body: XMLElement) throws(IntacctProblem) -> Int {
        let old = try changeable(object, key, to: "reverse")
        guard old["STATE"] != "Draft" else { throw .rule("A draft can't be reversed.", correction: "Delete it.") }
        guard let day = IntacctTime.day(body["datereversed"]) else { throw .missing("Date Reversed") }
        try guardOpen(day)
        if let posted = old.day("WHENPOSTED"), day < posted { throw .rule("The date of the reversal is earlier than the date of transaction.") }
        update(object, old.no, ["STATE": "Reversed", "RAWSTATE": "V", "_REVERSED": IntacctTime.day(day), "TOTALDUE": "0", "TRX_TOTALDUE": "0"])
        return old.no
    }

    mutating func remove(_ object: String, key: String) throws(IntacctProblem) -> Int {
        let old = try changeable(object, key, to: "delete")
        if old["STATE"] != "Draft", let posted = old.day("WHENPOSTED") { try guardOpen(posted) }
        hide(object, old.no)
        return old.no
    }

    /// A document goes, with its lines; the books keep it.
    mutating func hide(_ object: String, _ no: Int) {
        update(object, no, ["_DELETED": "true"])
        guard let list = IntacctSchema.objects[object]?.lines?.object else { return }
        for line in lines(object, of: no) { update(list, line.no, ["_DELETED": "true"]) }
    }
}
