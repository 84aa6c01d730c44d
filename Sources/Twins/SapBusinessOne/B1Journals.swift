internal import Kernel
internal import Wire

/// Journal entries that people make.
extension B1Company {
    mutating func createJournal(_ given: [String: JSON]) throws(B1Problem) -> String {
        var head = B1Row(given)
        let date = head.text("ReferenceDate").filled.flatMap { LocalDate($0) } ?? today
        try guardOpen(date)
        let rows = (head["JournalEntryLines"]?.array ?? []).map { B1Row($0) }
        guard rows.count >= 2 else { throw .invalid("Enter at least two lines", "JDT1.Line_ID") }
        var lines: [B1Row] = []
        var (local, foreign): (Int64, [String: Int64]) = (0, [:])
        for (place, row) in rows.enumerated() {
            let line = try journalLine(row, place, date)
            local += line.minor("Debit") - line.minor("Credit")
            if let currency = line.text("FCCurrency").filled { foreign[currency, default: 0] += line.minor("FCDebit") - line.minor("FCCredit") }
            lines.append(line)
        }
        guard local == 0, foreign.count != 1 || lines.contains(where: { $0.text("FCCurrency").isEmpty }) || foreign.values.allSatisfy({ $0 == 0 }) else {
            throw .invalid("Unbalanced Transaction", "OJDT.LocTotal")
        }
        let contra = lines.map { $0.text("AccountCode") }
        for place in lines.indices where lines[place]["ContraAccount"] == nil {
            lines[place]["ContraAccount"] = .string(contra.first { $0 != contra[place] } ?? contra[place])
        }
        let number = next("JournalEntries")
        let day = JSON.string(date.description)
        (head["JdtNum"], head["Number"], head["Original"], head["Series"]) = (.int(number), .int(number), .int(number), head["Series"] ?? 30)
        for name in ["ReferenceDate", "DueDate", "TaxDate", "VatDate"] { head[name] = head[name] ?? day }
        head["OriginalJournal"] = "ttJournalEntry"
        head["BaseReference"] = .string("\(number)")
        head["JournalEntryLines"] = .array(lines.map(\.json))
        put("JournalEntries", "\(number)", head.values)
        return "\(number)"
    }

    private func journalLine(_ given: B1Row, _ place: Int, _ date: LocalDate) throws(B1Problem) -> B1Row {
        var row = given
        row["Line_ID"] = .int(place)
        // A partner's line goes to the account that is kept for partners.
        let short = row.text("ShortName")
        if let partner = record("BusinessPartners", short) {
            row["AccountCode"] = .string(row.text("ControlAccount").filled ?? partner.text("DebitorAccount"))
        } else {
            guard let account = row.text("AccountCode").filled ?? short.filled else { throw .invalid("G/L account is missing", "JDT1.Account", line: place) }
            guard short.isEmpty || record("ChartOfAccounts", short) != nil else { throw .invalid("Invalid BP code", "JDT1.ShortName", line: place, value: short) }
            try guardAccount(account, "JDT1.Account", line: place, isManual: true)
            (row["AccountCode"], row["ShortName"]) = (.string(account), .string(account))
        }
        for name in ["CostingCode", "CostingCode2", "CostingCode3", "CostingCode4", "CostingCode5"] {
            if let rule = row.text(name).filled, record("DistributionRules", rule)?.isYes("Active") != true { throw .missing }
        }
        if let project = row.text("ProjectCode").filled, record("Projects", project)?.isYes("Active") != true { throw .missing }
        if hasBranches {
            guard let branch = record("BusinessPlaces", row.int("BPLID")) else { throw .invalid("Specify an active branch", "JDT1.BPLId", line: place) }
            row["BPLName"] = branch["BPLName"]
        }
        try currency(&row, place, date)
        guard row.minor("Debit") == 0 || row.minor("Credit") == 0 else { throw .invalid("Enter a debit or a credit", "JDT1.Debit", line: place) }
        return row
    }

    private func currency(_ row: inout B1Row, _ place: Int, _ date: LocalDate) throws(B1Problem) {
        for name in ["Debit", "Credit", "FCDebit", "FCCredit"] { row[name] = B1Amount.json(row.minor(name)) }
        guard let code = row.text("FCCurrency").filled, code != localCurrency else {
            row["FCCurrency"] = .null
            return
        }
        _ = try currency(code, "JDT1.FCCurrency")
        // Local amounts follow from the day's rate where they are not said.
        guard row.minor("Debit") == 0, row.minor("Credit") == 0 else { return }
        let rate = try rate(code, on: date)
        row["Debit"] = B1Amount.json(B1Amount.local(row.minor("FCDebit"), rate))
        row["Credit"] = B1Amount.json(B1Amount.local(row.minor("FCCredit"), rate))
    }

    /// The journal entry that takes another back, on a day; its number.
    mutating func reverse(_ number: Int, on date: LocalDate, _ set: String, _ entry: Int) throws(B1Problem) -> Int {
        guard let entryBefore = record("JournalEntries", number) else { throw .missing }
        let made = next("JournalEntries")
        var values = entryBefore.values
        values["JdtNum"] = .int(made)
        values["Number"] = .int(made)
        values["Original"] = .int(set == "JournalEntries" ? made : entry)
        values["ReferenceDate"] = .string(date.description)
        values["Memo"] = .string(entryBefore.text("Memo") + " (Reversal)")
        values["_REVERSES"] = .int(number)
        values["JournalEntryLines"] = .array(entryBefore.rows("JournalEntryLines").map { row in
            var turned = row
            (turned["Debit"], turned["Credit"]) = (row["Credit"], row["Debit"])
            (turned["FCDebit"], turned["FCCredit"]) = (row["FCCredit"], row["FCDebit"])
            return turned.json
        })
        put("JournalEntries", "\(made)", values)
        return made
    }
}
