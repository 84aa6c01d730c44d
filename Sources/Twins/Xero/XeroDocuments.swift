internal import Kernel
internal import Wire

/// Invoices and credit notes: the endpoints.
extension XeroState {
    mutating func documents(_ call: XeroCall, _ family: XeroFamily) throws(XeroProblem) -> HTTPResponse {
        switch (call.method, call.path.count) {
        case (.get, 1): return try listDocuments(call, family)
        case (.get, 2):
            let found = try document(named: call.path[1], family)
            return Self.envelope(family.envelope, [json(found, full: true, call, alone: true)], call)
        case (.put, 1):
            return try write(call, family.envelope, kind: family.kind) { (state, element) throws(XeroProblem) in
                try state.put(element, family, onto: nil, creating: true, call)
            }
        case (.post, 1):
            return try write(call, family.envelope, kind: family.kind) { (state, element) throws(XeroProblem) in
                let (existing, unknown) = try state.match(element, family)
                if let unknown {
                    return .refusal(
                        element.json, idName: family.idName, id: unknown,
                        problems: ["An existing \(family.noun) with the specified \(family.idName) could not be found"])
                }
                return try state.put(element, family, onto: existing, creating: false, call)
            }
        case (.post, 2):
            let existing = try document(named: call.path[1], family)
            return try write(call, family.envelope, kind: family.kind) { (state, element) throws(XeroProblem) in
                try state.put(element, family, onto: existing, creating: false, call)
            }
        case (.put, 3) where family == .creditNote && call.path[2].lowercased() == "allocations":
            return try allocate(call, try document(named: call.path[1], family).id)
        case (.delete, 4) where family == .creditNote && call.path[2].lowercased() == "allocations":
            return try unallocate(call, try document(named: call.path[1], family).id)
        case (.get, 3) where family == .creditNote && call.path[2].lowercased() == "allocations":
            let found = try document(named: call.path[1], family)
            return Self.envelope("Allocations", found.allocations.map { json($0, of: found) }, call)
        case (.get, _), (.put, _), (.post, _), (.delete, _): throw .notFound
        default: throw .method
        }
    }

    /// By id, or by number for customers' documents.
    private func document(named name: String, _ family: XeroFamily) throws(XeroProblem) -> XeroDocument {
        if let id = XeroID(name), let found = documents[id.description], found.family == family { return found }
        guard let found = documents.find(XeroDocument.numberKey(family.types[0], name)).first else { throw .notFound }
        return found
    }

    /// What a POST to the collection would change: by id, else by the number of a customer's document. Xero updates
    /// silently.
    private func match(
        _ element: XeroElement, _ family: XeroFamily
    ) throws(XeroProblem) -> (existing: XeroDocument?, unknown: String?) {
        if let id = try element.id(family.idName) {
            guard let found = documents[id], found.family == family else { return (nil, id) }
            return (found, nil)
        }
        guard let number = try element.filled(family.numberName),
            try element.text("Type") ?? family.types[0] == family.types[0]
        else {
            return (nil, nil)
        }
        return (documents.find(XeroDocument.numberKey(family.types[0], number)).first, nil)
    }

    private func listDocuments(_ call: XeroCall, _ family: XeroFamily) throws(XeroProblem) -> HTTPResponse {
        var rows = documents.all.filter { $0.family == family }
        if let ids = call.list("IDs") { rows = rows.filter { ids.contains($0.id) } }
        if let numbers = call.list("InvoiceNumbers"), family == .invoice {
            rows = rows.filter { numbers.contains($0.number.lowercased()) }
        }
        if let contacts = call.list("ContactIDs") { rows = rows.filter { contacts.contains($0.contact) } }
        if let statuses = call.list("Statuses") { rows = rows.filter { statuses.contains($0.status.lowercased()) } }
        if let term = call.query("searchTerm")?.lowercased(), !term.isEmpty {
            rows = rows.filter { row in
                [row.number, row.reference, contacts[row.contact]?.name ?? ""].contains {
                    $0.lowercased().contains(term)
                }
            }
        }
        // Everything was created by the one app there is, so `createdByMyApp` leaves nothing out.
        rows = try select(rows, call, updated: { $0.updated }, field: { self.field(of: $0, $1) })
        let (part, pagination) = try page(rows, call)
        // Without a page the list leaves the lines out.
        let full = pagination != nil && call.query("summaryOnly")?.lowercased() != "true"
        return Self.envelope(family.envelope, part.map { json($0, full: full, call) }, call, pagination: pagination)
    }

    /// A document's value under a filter's lower-case path.
    func field(of row: XeroDocument, _ path: String) -> XeroValue? {
        let (paid, credited) = (paid(row.id), credited(row.id))
        switch path {
        case "type": return .text(row.type)
        case "status": return .text(row.status)
        case "invoiceid" where row.family == .invoice, "creditnoteid" where row.family == .creditNote:
            return .guid(row.id)
        case "invoicenumber" where row.family == .invoice, "creditnotenumber" where row.family == .creditNote:
            return .text(row.number)
        case "reference": return .text(row.reference)
        case "date": return .date(row.date)
        case "duedate": return .date(row.dueDate)
        case "fullypaidondate": return .date(row.paidOn)
        case "updateddateutc": return .moment(row.updated)
        case "currencycode": return .text(row.currency)
        case "currencyrate": return .number(row.rate)
        case "lineamounttypes": return .text(row.amountTypes)
        case "total": return .money(row.total)
        case "subtotal": return .money(row.subTotal)
        case "totaltax": return .money(row.totalTax)
        case "amountpaid" where row.family == .invoice: return .money(paid)
        case "amountcredited" where row.family == .invoice: return .money(credited)
        case "amountdue" where row.family == .invoice: return .money(open(row))
        case "remainingcredit" where row.family == .creditNote: return .money(open(row))
        case "senttocontact": return .flag(row.sentToContact)
        case "url": return .optional(row.url)
        case "contact.contactid": return .guid(row.contact)
        case "contact.name": return .optional(contacts[row.contact]?.name)
        case "contact.contactnumber": return .optional(contacts[row.contact]?.number)
        default: return nil
        }
    }

    // MARK: - What is open

    func livePayments(_ document: String) -> [XeroPayment] { payments.find("document:" + document).filter(\.live) }
    func paid(_ document: String) -> Int64 { livePayments(document).reduce(0) { $0 + $1.amount } }

    /// Credit notes set against an invoice, with how much of each.
    func credits(_ invoice: String) -> [(note: XeroDocument, allocation: XeroAllocation)] {
        documents.find("credits:" + invoice).flatMap { note in
            note.allocations.filter { $0.invoice == invoice }.map { (note, $0) }
        }
    }
    func credited(_ invoice: String) -> Int64 { credits(invoice).reduce(0) { $0 + $1.allocation.amount } }

    /// What is left to pay of an invoice, or to give of a credit note.
    func open(_ row: XeroDocument) -> Int64 {
        guard row.status != "VOIDED", row.status != "DELETED" else { return 0 }
        return row.total - paid(row.id) - (row.family == .invoice ? credited(row.id) : row.allocated)
    }

    /// Turns AUTHORISED into PAID and back as the open amount says, and stores the document as changed.
    mutating func settle(_ id: String, at now: Timestamp) {
        guard var row = documents[id] else { return }
        row.updated = now
        if row.isApproved {
            let done = open(row) == 0
            row.status = done ? "PAID" : "AUTHORISED"
            let dates = livePayments(id).map(\.date) + credits(id).map(\.allocation.date) + row.allocations.map(\.date)
            row.paidOn = done ? dates.max() ?? row.date : nil
        }
        documents.put(row)
    }

    // MARK: - Answers

    func json(_ row: XeroDocument, full: Bool, _ call: XeroCall, written: Bool = false, alone: Bool = false) -> JSON {
        var out = XeroMembers()
        if row.family == .invoice {
            head(invoice: row, &out)
        } else {
            head(creditNote: row, &out)
        }
        out.decimal("CurrencyRate", row.rate, scale: 6)
        out.flag("SentToContact", row.sentToContact)
        tell(attachments: row.family.envelope, row.id, alone: alone, &out)
        out.flag("HasErrors", false)
        if written { out.text("StatusAttributeString", "OK") }
        out.set("Contact", brief(contact: row.contact))
        out.set("DateString", XeroDate.midnight(row.date))
        out.date("Date", row.date)
        out.set("DueDateString", row.dueDate.map { XeroDate.midnight($0) })
        out.date("DueDate", row.dueDate)
        out.date(row.isSales ? "ExpectedPaymentDate" : "PlannedPaymentDate", row.expectedPayment)
        out.date("FullyPaidOnDate", row.paidOn)
        out.text("Status", row.status)
        out.text("LineAmountTypes", row.amountTypes)
        out.set("LineItems", .array(full ? row.lines.map { json($0, unitDigits: call.unitDigits) } : []))
        out.money("SubTotal", row.subTotal)
        out.money("TotalTax", row.totalTax)
        out.money("Total", row.total)
        out.set("UpdatedDateUTC", XeroDate.json(row.updated))
        out.text("UpdatedDateUTCString", XeroDate.seconds(row.updated))
        out.text("CurrencyCode", row.currency)
        out.text("Url", row.url)
        return out.json
    }

    private func head(invoice row: XeroDocument, _ out: inout XeroMembers) {
        out.text("Type", row.type)
        out.text("InvoiceID", row.id)
        out.text("InvoiceNumber", row.number)
        out.text("Reference", row.reference)
        out.set("Payments", .array(livePayments(row.id).map { brief(payment: $0) }))
        out.set(
            "CreditNotes",
            .array(
                credits(row.id).map { note, allocation in
                    var credit = XeroMembers()
                    credit.text("CreditNoteID", note.id)
                    credit.text("CreditNoteNumber", note.number)
                    credit.text("ID", note.id)
                    credit.money("AppliedAmount", allocation.amount)
                    credit.set("DateString", XeroDate.midnight(allocation.date))
                    credit.date("Date", allocation.date)
                    credit.empty("LineItems")
                    credit.money("Total", note.total)
                    return credit.json
                }))
        out.empty("Prepayments", "Overpayments")
        out.money("AmountDue", open(row))
        out.money("AmountPaid", paid(row.id))
        out.money("AmountCredited", credited(row.id))
        out.flag("IsDiscounted", row.lines.contains { $0.discountRate != nil || $0.discount != nil })
    }

    private func head(creditNote row: XeroDocument, _ out: inout XeroMembers) {
        out.text("CreditNoteID", row.id)
        out.text("CreditNoteNumber", row.number)
        out.set("Payments", .array(livePayments(row.id).map { brief(payment: $0) }))
        out.text("ID", row.id)
        out.text("Type", row.type)
        out.text("Reference", row.reference)
        out.money("RemainingCredit", open(row))
        out.set("Allocations", .array(row.allocations.map { json($0, of: row) }))
    }

    func brief(payment: XeroPayment) -> JSON {
        var out = XeroMembers()
        out.text("PaymentID", payment.id)
        out.date("Date", payment.date)
        out.money("Amount", payment.amount)
        if !payment.reference.isEmpty { out.text("Reference", payment.reference) }
        out.decimal("CurrencyRate", payment.rate, scale: 6)
        out.flag("HasAccount", false)
        out.flag("HasValidationErrors", false)
        return out.json
    }
}
