internal import Kernel
internal import Wire

/// Bank transactions of the plain kinds, RECEIVE and SPEND.
extension XeroState {
    mutating func bankTransactions(_ call: XeroCall) throws(XeroProblem) -> HTTPResponse {
        let name = "BankTransactions"
        switch (call.method, call.path.count) {
        case (.get, 1):
            let rows = try select(
                bankTransactions.all, call, updated: { $0.document.updated }, field: { self.field(of: $0, $1) })
            let (part, pagination) = try page(rows, call)
            return Self.envelope(
                name, part.map { json($0, full: pagination != nil, call) }, call, pagination: pagination)
        case (.get, 2):
            return Self.envelope(name, [json(try bankTransaction(call.path[1]), full: true, call)], call)
        case (.put, 1), (.post, 1):
            return try write(call, name, kind: "BankTransaction") { (state, element) throws(XeroProblem) in
                if call.method == .post, let id = try element.id("BankTransactionID") {
                    return try state.change(try state.bankTransaction(id), element, call)
                }
                return try state.make(element, call)
            }
        case (.post, 2):
            let existing = try bankTransaction(call.path[1])
            return try write(call, name, kind: "BankTransaction") { (state, element) throws(XeroProblem) in
                try state.change(existing, element, call)
            }
        default: throw .notFound
        }
    }

    private func bankTransaction(_ name: String) throws(XeroProblem) -> XeroBankTransaction {
        guard let id = XeroID(name), let found = bankTransactions[id.description] else { throw .notFound }
        return found
    }

    private func field(of row: XeroBankTransaction, _ path: String) -> XeroValue? {
        switch path {
        case "banktransactionid": .guid(row.id)
        case "type": .text(row.document.type)
        case "status": .text(row.document.status)
        case "reference": .text(row.document.reference)
        case "date": .date(row.document.date)
        case "total": .money(row.document.total)
        case "updateddateutc": .moment(row.document.updated)
        case "bankaccount.code": .text(row.bank)
        case "contact.contactid": .guid(row.document.contact)
        default: nil
        }
    }

    /// Deletion is the one change this twin knows.
    private mutating func change(
        _ row: XeroBankTransaction, _ element: XeroElement, _ call: XeroCall
    ) throws(XeroProblem) -> XeroOutcome {
        var problems: [String] = []
        if try element.filled("Status") != "DELETED" || row.document.status == "DELETED" {
            problems.append("Bank transaction not of valid status for modification")
        }
        if let locked = lockProblem(row.document.date) { problems.append(locked) }
        guard problems.isEmpty else {
            return .refusal(element.json, idName: "BankTransactionID", id: row.id, problems: problems)
        }
        var gone = row
        gone.document.status = "DELETED"
        gone.document.updated = call.now
        bankTransactions.put(gone)
        return .saved(json(gone, full: true, call, written: true))
    }

    private mutating func make(_ element: XeroElement, _ call: XeroCall) throws(XeroProblem) -> XeroOutcome {
        var problems: [String] = []
        let type = try element.filled("Type") ?? ""
        if !["RECEIVE", "SPEND"].contains(type) { problems.append("Bank transaction type is not valid") }
        let sentBank = try element.child("BankAccount")
        let (bankID, bankCode) = (try sentBank?.id("AccountID"), try sentBank?.filled("Code"))
        let bank = bankID.flatMap { accounts[$0] } ?? bankCode.flatMap { account(code: $0) }
        if bank?.isBank != true || bank?.active != true {
            problems.append("BankAccount must be an active bank account")
        }
        var document = XeroDocument(
            id: call.newID(), type: type, date: try element.date("Date") ?? call.today, updated: call.now)
        document.status = "AUTHORISED"
        document.reference = try element.text("Reference") ?? ""
        document.url = try element.filled("Url")
        document.currency = bank?.currency ?? XeroSeed.baseCurrency
        document.rate = Self.dayRates[document.currency] ?? .one
        if document.currency != XeroSeed.baseCurrency, let sent = try element.decimal("CurrencyRate") {
            if let rate = XeroNumber.bounded(sent, scale: 6), rate >= ExactDecimal(coefficient: 1, scale: 3) {
                document.rate = rate
            } else {
                problems.append("CurrencyRate must be greater than zero")
            }
        }
        document.amountTypes = try amountTypes(element) ?? document.amountTypes
        if document.reference.count > Self.textCharacters {
            problems.append("Reference must not exceed \(Self.textCharacters) characters")
        }
        if let locked = lockProblem(document.date) { problems.append(locked) }
        let newContact = try contact(for: &document, element, existing: nil, call, &problems)
        let rules = XeroLineRules(
            documentType: type, complete: true, amountTypes: document.amountTypes, unitDigits: call.unitDigits)
        let sent = try element.children("LineItems") ?? []
        if sent.isEmpty { problems.append("One or more line items must be specified") }
        document.lines = try lines(sent, rules, old: [], call, &problems)
        if document.total < 0 { problems.append("The document total cannot be negative.") }
        guard problems.isEmpty, let bank else {
            return .refusal(element.json, idName: "BankTransactionID", id: nil, problems: problems)
        }
        if let newContact { contacts.put(newContact) }
        let row = XeroBankTransaction(document: document, bank: bank.code)
        bankTransactions.put(row)
        return .saved(json(row, full: true, call, written: true))
    }

    private func json(_ row: XeroBankTransaction, full: Bool, _ call: XeroCall, written: Bool = false) -> JSON {
        var out = XeroMembers()
        let document = row.document
        out.text("BankTransactionID", row.id)
        if let bank = account(code: row.bank) {
            out.set(
                "BankAccount",
                .object([
                    ("AccountID", .string(bank.id)), ("Code", .string(bank.code)), ("Name", .string(bank.name)),
                ]))
        }
        out.text("Type", document.type)
        out.text("Reference", document.reference)
        out.flag("IsReconciled", false)
        tell(attachments: "BankTransactions", row.id, alone: false, &out)
        out.decimal("CurrencyRate", document.rate, scale: 6)
        out.set("Contact", brief(contact: document.contact))
        out.set("DateString", XeroDate.midnight(document.date))
        out.date("Date", document.date)
        out.text("Status", document.status)
        out.text("LineAmountTypes", document.amountTypes)
        out.set("LineItems", .array(full ? document.lines.map { json($0, unitDigits: call.unitDigits) } : []))
        out.money("SubTotal", document.subTotal)
        out.money("TotalTax", document.totalTax)
        out.money("Total", document.total)
        out.set("UpdatedDateUTC", XeroDate.json(document.updated))
        out.text("CurrencyCode", document.currency)
        out.text("Url", document.url)
        if written { out.text("StatusAttributeString", "OK") }
        return out.json
    }
}
