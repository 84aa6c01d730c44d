internal import Kernel
internal import Wire

/// Manual journals.
extension XeroState {
    mutating func manualJournals(_ call: XeroCall) throws(XeroProblem) -> HTTPResponse {
        let name = "ManualJournals"
        switch (call.method, call.path.count) {
        case (.get, 1):
            let rows = try select(manualJournals.all, call, updated: { $0.updated }, field: { self.field(of: $0, $1) })
            let (part, pagination) = try page(rows, call)
            return Self.envelope(name, part.map { json($0, full: pagination != nil) }, call, pagination: pagination)
        case (.get, 2): return Self.envelope(name, [json(try journal(call.path[1]), full: true)], call)
        case (.put, 1):
            return try write(call, name, kind: "ManualJournal") { (state, element) throws(XeroProblem) in
                try state.put(journal: element, onto: nil, call)
            }
        case (.post, 1):
            return try write(call, name, kind: "ManualJournal") { (state, element) throws(XeroProblem) in
                let id = try element.id("ManualJournalID")
                if let id, state.manualJournals[id] == nil { throw .notFound }
                return try state.put(journal: element, onto: id.flatMap { state.manualJournals[$0] }, call)
            }
        case (.post, 2):
            let existing = try journal(call.path[1])
            return try write(call, name, kind: "ManualJournal") { (state, element) throws(XeroProblem) in
                try state.put(journal: element, onto: existing, call)
            }
        default: throw .notFound
        }
    }

    private func journal(_ name: String) throws(XeroProblem) -> XeroManualJournal {
        guard let id = XeroID(name), let found = manualJournals[id.description] else { throw .notFound }
        return found
    }

    private func field(of row: XeroManualJournal, _ path: String) -> XeroValue? {
        switch path {
        case "manualjournalid": .guid(row.id)
        case "narration": .text(row.narration)
        case "date": .date(row.date)
        case "status": .text(row.status)
        case "updateddateutc": .moment(row.updated)
        default: nil
        }
    }

    private mutating func put(
        journal element: XeroElement, onto existing: XeroManualJournal?, _ call: XeroCall
    ) throws(XeroProblem) -> XeroOutcome {
        var problems: [String] = []
        var row = existing ?? XeroManualJournal(id: call.newID(), narration: "", date: call.today, updated: call.now)
        row.updated = call.now
        let status = try element.filled("Status") ?? row.status
        if let existing {
            if let locked = lockProblem(existing.date) { problems.append(locked) }
            switch (existing.status, status) {
            case ("DRAFT", "DELETED"), ("POSTED", "VOIDED"):
                row.status = status
                if problems.isEmpty {
                    manualJournals.put(row)
                    return .saved(json(row, full: true, written: true))
                }
            case ("DRAFT", "DRAFT"), ("DRAFT", "POSTED"), ("POSTED", "POSTED"): break
            default: problems.append("Manual Journal not of valid status for modification")
            }
        } else if !["DRAFT", "POSTED"].contains(status) {
            problems.append("Manual Journal not of valid status for creation")
        }
        row.status = status
        try plain(&row, element, &problems)
        if let sent = try element.children("JournalLines") {
            row.lines = try journalLines(sent, row.amountTypes, call, &problems)
        }
        if let locked = lockProblem(row.date) { problems.append(locked) }
        if row.narration.isEmpty { problems.append("Narration is required") }
        if row.lines.count < 2 { problems.append("A manual journal must have at least 2 journal lines") }
        let debits = row.lines.reduce(Int64(0)) { $0 + max(0, Self.gross($1, row.amountTypes)) }
        let credits = row.lines.reduce(Int64(0)) { $0 + min(0, Self.gross($1, row.amountTypes)) }
        if debits + credits != 0 {
            problems.append(
                "The total debits (\(XeroNumber.text(debits))) must equal total credits (\(XeroNumber.text(credits)))")
        }
        guard problems.isEmpty else {
            return .refusal(element.json, idName: "ManualJournalID", id: existing?.id, problems: problems)
        }
        manualJournals.put(row)
        return .saved(json(row, full: true, written: true))
    }

    private func plain(_ row: inout XeroManualJournal, _ element: XeroElement, _ problems: inout [String])
        throws(XeroProblem)
    {
        if let narration = try element.filled("Narration") { row.narration = narration }
        if let date = try element.date("Date") { row.date = date }
        if let cash = try element.flag("ShowOnCashBasisReports") { row.cashBasis = cash }
        if let url = try element.filled("Url") {
            row.url = url
            if !Self.isAbsolute(url) { problems.append("Url must be a valid absolute URL") }
        }
        row.amountTypes = try amountTypes(element) ?? row.amountTypes
        if row.narration.count > Self.descriptionCharacters {
            problems.append("Narration must not exceed \(Self.descriptionCharacters) characters")
        }
    }

    /// A line's amount with tax.
    static func gross(_ line: XeroLine, _ amountTypes: String) -> Int64 {
        amountTypes == "Exclusive" ? line.amount + line.tax : line.amount
    }

    private mutating func journalLines(
        _ sent: [XeroElement], _ amountTypes: String, _ call: XeroCall, _ problems: inout [String]
    ) throws(XeroProblem) -> [XeroLine] {
        guard sent.count <= Self.linesMost else { throw .badData("More than \(Self.linesMost) journal lines.") }
        var out: [XeroLine] = []
        for element in sent {
            count(element, "ManualJournalLine")
            guard let amount = try element.decimal("LineAmount") else {
                problems.append("LineAmount is required")
                continue
            }
            // Read through the common line rules: one unit of the amount. 0 is an amount like any other.
            var members: [(key: String, value: JSON)] = [
                ("Description", .string(try element.filled("Description") ?? " ")), ("Quantity", 1),
                ("UnitAmount", .decimal(amount)),
            ]
            for key in ["AccountCode", "AccountID", "TaxAmount", "Tracking"] {
                if let value = element.json[key] { members.append((key, value)) }
            }
            members.append(("TaxType", .string(try element.filled("TaxType") ?? "NONE")))
            let rules = XeroLineRules(documentType: "JOURNAL", complete: true, amountTypes: amountTypes, unitDigits: 2)
            var lines = try lines([XeroElement(json: .object(members))], rules, old: [], call, &problems)
            if !element.has("Description") { lines[0].description = nil }
            out += lines
        }
        return out
    }

    private func json(_ row: XeroManualJournal, full: Bool, written: Bool = false) -> JSON {
        var out = XeroMembers()
        out.date("Date", row.date)
        out.text("Status", row.status)
        out.text("LineAmountTypes", row.amountTypes)
        out.set("UpdatedDateUTC", XeroDate.json(row.updated))
        out.text("ManualJournalID", row.id)
        out.text("Narration", row.narration)
        out.text("Url", row.url)
        out.set(
            "JournalLines",
            .array(
                !full
                    ? []
                    : row.lines.map { line in
                        var one = XeroMembers()
                        one.text("Description", line.description)
                        one.text("TaxType", line.taxType)
                        one.money("TaxAmount", line.tax)
                        one.money("LineAmount", line.amount)
                        one.text("AccountCode", line.account)
                        one.set("Tracking", json(line.tracking))
                        one.text("AccountID", line.account.flatMap { account(code: $0)?.id })
                        one.flag("IsBlank", false)
                        return one.json
                    }))
        out.flag("ShowOnCashBasisReports", row.cashBasis)
        tell(attachments: "ManualJournals", row.id, alone: false, &out)
        if written { out.text("StatusAttributeString", "OK") }
        return out.json
    }
}
