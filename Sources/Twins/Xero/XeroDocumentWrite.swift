internal import Kernel
internal import Wire

/// Creating and changing invoices and credit notes.
extension XeroState {
    static let textCharacters = 255
    /// XE.com's rate of the day, which a document without a rate gets: euros for a pound, the same every day here.
    static let dayRates: [String: ExactDecimal] = ["EUR": ExactDecimal(coefficient: 115, scale: 2)]

    /// One element: checked, computed and stored, or refused with everything that is wrong with it.
    mutating func put(
        _ element: XeroElement, _ family: XeroFamily, onto existing: XeroDocument?, creating: Bool, _ call: XeroCall
    ) throws(XeroProblem) -> XeroOutcome {
        var problems: [String] = []
        func refused(_ id: String?) -> XeroOutcome {
            .refusal(element.json, idName: family.idName, id: id, problems: problems)
        }
        if let existing {
            let change = try changeOfStatus(element, existing, &problems)
            if !problems.isEmpty { return refused(existing.id) }
            if let change {
                return .saved(json(store(existing, status: change, at: call.now), full: true, call, written: true))
            }
        } else if creating, let id = try element.id(family.idName), documents[id] != nil {
            problems.append("\(family.noun) with the specified \(family.idName) already exists")
            return refused(id)
        }
        let type = try element.filled("Type") ?? existing?.type ?? ""
        guard family.types.contains(type), existing?.type ?? type == type else {
            problems.append("\(family.noun) type is not valid")
            return refused(existing?.id)
        }
        var row = existing ?? XeroDocument(id: call.newID(), type: type, date: call.today, updated: call.now)
        row.updated = call.now
        try plain(&row, element, existing: existing, call, &problems)
        let newContact = try contact(for: &row, element, existing: existing, call, &problems)
        try sentLines(&row, element, existing: existing, call, &problems)
        checkWhole(row, &problems)
        guard problems.isEmpty else { return refused(existing?.id) }
        if let newContact { contacts.put(newContact) }
        if row.number.isEmpty, row.isSales { row.number = nextNumber(family, type) }
        documents.put(row)
        // An approved document of nothing is paid at once.
        if row.isApproved { settle(row.id, at: call.now) }
        return .saved(json(documents[row.id] ?? row, full: true, call, written: true))
    }

    private mutating func store(_ existing: XeroDocument, status: String, at now: Timestamp) -> XeroDocument {
        var row = existing
        row.status = status
        row.updated = now
        row.paidOn = nil
        documents.put(row)
        return row
    }

    /// VOIDED or DELETED when the element asks for that and may; `nil` for an edit. Refusals go to `problems`.
    private func changeOfStatus(
        _ element: XeroElement, _ row: XeroDocument, _ problems: inout [String]
    ) throws(XeroProblem) -> String? {
        let noun = row.family.noun
        let wanted = try element.filled("Status") ?? row.status
        let settled = !livePayments(row.id).isEmpty || !credits(row.id).isEmpty || !row.allocations.isEmpty
        let blocked = "This document cannot be edited as it has a payment or credit note allocated to it."
        if let locked = lockProblem(row.date) {
            problems.append(locked)
            return nil
        }
        switch (row.status, wanted) {
        case ("DRAFT", "DELETED"), ("SUBMITTED", "DELETED"): return "DELETED"
        case ("DRAFT", "DRAFT"), ("DRAFT", "SUBMITTED"), ("DRAFT", "AUTHORISED"), ("SUBMITTED", "DRAFT"),
            ("SUBMITTED", "SUBMITTED"), ("SUBMITTED", "AUTHORISED"):
            return nil
        case ("AUTHORISED", "VOIDED"), ("PAID", "VOIDED"):
            if settled {
                problems.append(blocked)
                return nil
            }
            return "VOIDED"
        case ("AUTHORISED", "AUTHORISED"):
            // Once money hangs on it, only what changes no amount may be sent.
            let harmless: Set<String> = [
                row.family.idName, row.family.numberName, "Type", "Status", "Reference", "DueDate",
                "ExpectedPaymentDate", "PlannedPaymentDate", "SentToContact",
                "Url",
            ]
            if settled, !(element.json.object ?? []).allSatisfy({ harmless.contains($0.key) || $0.value.isNull }) {
                problems.append(blocked)
            }
            return nil
        default:
            problems.append("\(noun) not of valid status for modification")
            return nil
        }
    }

    /// - Source: the lock message as users of Xero report it (waynerobinson/xeroizer issue 92).
    func lockProblem(_ date: LocalDate) -> String? {
        // An adviser at the screens may.
        guard !isByHand else { return nil }
        if let lock = settings.yearEndLock, date <= lock {
            return "The document date cannot be before the end of year lock date, currently set at \(XeroDate.spoken(lock))"
        }
        guard let lock = settings.lockDate, date <= lock else { return nil }
        return "The document date cannot be before the period lock date, currently set at \(XeroDate.spoken(lock))"
    }

    /// How a document's amounts are meant, where it says so.
    func amountTypes(_ element: XeroElement) throws(XeroProblem) -> String? {
        guard let types = try element.filled("LineAmountTypes") else { return nil }
        guard ["Exclusive", "Inclusive", "NoTax"].contains(types) else {
            throw .badData("Error converting value \"\(types)\" to type 'LineAmountTypes'.")
        }
        return types
    }

    /// Everything but contact and lines.
    private mutating func plain(
        _ row: inout XeroDocument, _ element: XeroElement, existing: XeroDocument?, _ call: XeroCall,
        _ problems: inout [String]
    ) throws(XeroProblem) {
        let family = row.family
        if let status = try element.filled("Status") {
            if existing == nil, !["DRAFT", "SUBMITTED", "AUTHORISED"].contains(status) {
                problems.append("\(family.noun) not of valid status for creation")
            } else {
                row.status = status
            }
        }
        if let number = try element.filled(family.numberName) { row.number = number }
        // A bill's own number is all the reference it has.
        // - Source: xero_accounting.yaml, Invoice.Reference: "ACCREC only".
        if row.isSales, let reference = try element.text("Reference") { row.reference = reference }
        if let date = try element.date("Date") { row.date = date }
        if let due = try element.date("DueDate") { row.dueDate = due }
        if let expected = try element.date(row.isSales ? "ExpectedPaymentDate" : "PlannedPaymentDate") { row.expectedPayment = expected }
        if let sent = try element.flag("SentToContact") { row.sentToContact = sent }
        if let url = try element.filled("Url") { row.url = url }
        row.amountTypes = try amountTypes(element) ?? row.amountTypes
        try currency(&row, element, existing: existing, &problems)
        if row.isSales, !row.number.isEmpty, documents.find(row.numberKey).contains(where: { $0.id != row.id }) {
            problems.append("\(family.noun) # must be unique.")
        }
        if row.number.count > Self.textCharacters {
            problems.append("\(family.numberName) must not exceed \(Self.textCharacters) characters")
        }
        if row.reference.count > Self.textCharacters {
            problems.append("Reference must not exceed \(Self.textCharacters) characters")
        }
        if let url = row.url, !Self.isAbsolute(url) { problems.append("Url must be a valid absolute URL") }
        if let locked = lockProblem(row.date) { problems.append(locked) }
        if row.family == .invoice, row.status == "SUBMITTED" || row.status == "AUTHORISED", row.dueDate == nil {
            problems.append("DueDate is required")
        }
    }

    static func isAbsolute(_ url: String) -> Bool {
        for scheme in ["http://", "https://"] where url.hasPrefix(scheme) {
            return url.count > scheme.count && !url.contains(" ")
        }
        return false
    }

    func currency(
        _ row: inout XeroDocument, _ element: XeroElement, existing: XeroDocument?, _ problems: inout [String]
    ) throws(XeroProblem) {
        if let code = try element.filled("CurrencyCode")?.uppercased() {
            guard currencies[code] != nil else {
                problems.append("Organisation is not subscribed to currency \(code)")
                return
            }
            if code != row.currency || existing == nil { row.rate = Self.dayRates[code] ?? .one }
            row.currency = code
        }
        guard row.currency != XeroSeed.baseCurrency else {
            row.rate = .one
            return
        }
        if let sent = try element.decimal("CurrencyRate") {
            guard let rate = XeroNumber.bounded(sent, scale: 6), rate > .zero else {
                problems.append("CurrencyRate must be greater than zero")
                return
            }
            row.rate = rate
        }
    }

    /// The contact by id, number or name; one with a new name is returned, to be stored when all else is right.
    func contact(
        for row: inout XeroDocument, _ element: XeroElement, existing: XeroDocument?, _ call: XeroCall,
        _ problems: inout [String]
    ) throws(XeroProblem) -> XeroContact? {
        guard let sent = try element.child("Contact") else {
            if existing == nil { problems.append("A Contact must be specified for this type of transaction") }
            return nil
        }
        let (id, number, name) = (try sent.id("ContactID"), try sent.filled("ContactNumber"), try sent.filled("Name"))
        if let id {
            guard let found = contacts[id] else {
                problems.append("The Contact with ContactID '\(id)' could not be found")
                return nil
            }
            if found.archived { problems.append(Self.archivedContact) }
            row.contact = id
            return nil
        }
        let known =
            number.flatMap { contacts.find("number:" + $0.lowercased()).first }
            ?? name.flatMap { name in contacts.find("name:" + name.lowercased()).first { !$0.archived } }
        if let known {
            if known.archived { problems.append(Self.archivedContact) }
            row.contact = known.id
            return nil
        }
        guard let name else {
            problems.append(Self.unnamedContact)
            return nil
        }
        if name.count > Self.textCharacters {
            problems.append("Contact Name must not exceed \(Self.textCharacters) characters")
        }
        let made = XeroContact(id: call.newID(), name: name, number: number, updated: call.now)
        row.contact = made.id
        return made
    }

    private mutating func sentLines(
        _ row: inout XeroDocument, _ element: XeroElement, existing: XeroDocument?, _ call: XeroCall,
        _ problems: inout [String]
    ) throws(XeroProblem) {
        let complete = row.status == "SUBMITTED" || row.status == "AUTHORISED"
        let rules = XeroLineRules(
            documentType: row.type, complete: complete, amountTypes: row.amountTypes, unitDigits: call.unitDigits)
        if let sent = try element.children("LineItems"), !sent.isEmpty {
            row.lines = try lines(sent, rules, old: row.lines, call, &problems)
            return
        }
        guard let existing else {
            problems.append("One or more line items must be specified")
            return
        }
        // An approval of a draft looks at the lines it has; another way of tax works it out anew.
        for (i, line) in row.lines.enumerated() {
            if complete, existing.status == "DRAFT", line.quantity != nil {
                if line.account == nil { problems.append("Account code or ID must be specified") }
                if line.description == nil { problems.append("Description is required") }
            }
            guard existing.amountTypes != row.amountTypes else { continue }
            let percent = line.taxType.flatMap { XeroSeed.taxRate($0) }?.percent ?? .zero
            row.lines[i].tax = row.amountTypes == "NoTax" ? 0 : Self.computedTax(line.amount, percent, row.amountTypes)
        }
    }

    /// What only the whole document shows.
    private func checkWhole(_ row: XeroDocument, _ problems: inout [String]) {
        if row.total < 0 { problems.append("The document total cannot be negative. Use a credit note instead.") }
        let size = row.lines.reduce(Int128(0)) { $0 + Int128($1.amount.magnitude) + Int128($1.tax.magnitude) }
        let base = ExactDecimal.divideHalfUp(size * XeroNumber.power(row.rate.scale), row.rate.coefficient)
        if max(size, base) >= Int128(XeroNumber.largestCents) { problems.append("The document total is out of range") }
    }

    /// The next automatic number that nobody took by hand.
    private mutating func nextNumber(_ family: XeroFamily, _ type: String) -> String {
        var settings = settings
        defer { settingsTable.put(settings) }
        while true {
            var number: String
            if family == .invoice {
                settings.invoiceCounter += 1
                number = String(settings.invoiceCounter)
            } else {
                settings.creditNoteCounter += 1
                number = String(settings.creditNoteCounter)
            }
            number =
                (family == .invoice ? "INV-" : "CN-") + String(repeating: "0", count: max(0, 4 - number.count)) + number
            if documents.find(XeroDocument.numberKey(type, number)).isEmpty { return number }
        }
    }
}
