internal import Kernel
internal import Wire

// Journal entries.
extension QBOCompany {
    func journalEntry(_ draft: QBODraft) throws(QBOError) -> JSON {
        let input = draft.input
        guard let lines = input["Line"]?.array else { throw .missing("Line") }
        try requireHomeCurrency(input)
        var debit: Int64 = 0
        var credit: Int64 = 0
        var receivables = 0
        var written: [JSON] = []
        for (index, line) in lines.enumerated() {
            guard let type = line.text("DetailType") else { throw .missing("Line.DetailType") }
            if type == "DescriptionOnly" {
                written.append(line.setting("Id", .string(String(index))))
                continue
            }
            guard type == "JournalEntryLineDetail" else {
                throw .business("A line of type \(type) can't stand on this transaction.", "Line.DetailType")
            }
            let judged = try journalLine(line, draft)
            if judged.isReceivable { receivables += 1 }
            if judged.cents >= 0, judged.isDebit { debit += judged.cents } else { credit += judged.cents }
            written.append(judged.line.setting("Id", .string(String(index))))
        }
        guard written.count >= 2 else {
            throw QBOError(
                code: "2250", message: "Missing lines", detail: "You must enter at least two split lines.",
                element: "Line")
        }
        guard receivables <= 1 else {
            throw .business("A journal entry can have one Accounts Receivable or Accounts Payable line.", "Line")
        }
        guard debit == credit else {
            throw QBOError(
                code: "2300", message: "Amount on debits not equal to credits",
                detail: "The amounts in the Debit column must equal the amounts in the Credit column.", element: "Line")
        }
        if let id = draft.current?.text("Id"), applied(to: id) > 0 {
            throw .business("The transaction has payments applied to it; unapply them first.", "Line")
        }
        var object = input.without([
            "Line", "TxnTaxDetail", "TotalAmt", "CurrencyRef", "ExchangeRate", "GlobalTaxCalculation",
        ])
        if !object.has("TxnDate") { object = object.setting("TxnDate", .string(QBOTime.today(now))) }
        if !object.has("Adjustment") { object = object.setting("Adjustment", false) }
        object = object.setting("CurrencyRef", country.currency).setting("Line", .array(written))
        return object.setting("TxnTaxDetail", [:]).setting("TotalAmt", .cents(debit)).setting(
            "HomeTotalAmt", .cents(debit))
    }

    private func journalLine(
        _ line: JSON, _ draft: QBODraft
    ) throws(QBOError) -> (line: JSON, cents: Int64, isDebit: Bool, isReceivable: Bool) {
        guard let amount = try line.cents("Amount", element: "Line.Amount") else { throw .missing("Line.Amount") }
        guard amount >= 0 else { throw .negativeAmount("Line.Amount") }
        guard let given = line.member("JournalEntryLineDetail") else { throw .missing("JournalEntryLineDetail") }
        guard let posting = given.text("PostingType") else {
            throw QBOError(
                code: "2260", message: "MissingPostingType",
                detail: "A posting type is required. Valid values are Credit or Debit.",
                element: "PostingType")
        }
        guard posting == "Debit" || posting == "Credit" else { throw .invalidChoice("PostingType") }
        guard let accountID = given.reference("AccountRef") else { throw .missing("AccountRef") }
        let account = try usable(.account, accountID, "AccountRef", active: draft.linesGiven)
        if given.has("TaxCodeRef") {
            throw .business("A journal entry of a US company carries no tax code.", "TaxCodeRef")
        }
        let side = QBOSide(account)
        var detail = try placed(classed(given, active: draft.linesGiven), active: draft.linesGiven)
        detail = detail.without(["TaxAmount", "TaxApplicableOn", "TaxInclusiveAmt"])
            .setting("AccountRef", ["value": .string(accountID), "name": .optional(account.text("Name"))])
        if let entity = try journalEntity(given, required: side, draft) { detail = detail.setting("Entity", entity) }
        let whole = line.setting("Amount", .cents(amount)).setting("JournalEntryLineDetail", detail)
        return (whole, amount, posting == "Debit", side != nil)
    }

    /// Who the line is about: where it goes to receivables or payables there must be somebody.
    /// - Source: public bug reports quote the text of the refusal.
    private func journalEntity(_ detail: JSON, required side: QBOSide?, _ draft: QBODraft) throws(QBOError) -> JSON? {
        let type = detail.member("Entity")?.text("Type")
        if let side, type != side.party.rawValue { throw .business(side.missingParty, "Entity") }
        guard detail.has("Entity") else { return nil }
        guard let type, let kind = [QBOKind.customer, .vendor].first(where: { $0.rawValue == type }) else {
            throw .invalidChoice("Entity.Type")
        }
        guard let id = detail.member("Entity")?.reference("EntityRef") else { throw .missing("Entity.EntityRef") }
        let found = try usable(kind, id, "Entity.EntityRef", active: draft.linesGiven)
        return ["Type": .string(type), "EntityRef": ["value": .string(id), "name": .optional(found.text("DisplayName"))]]
    }
}
