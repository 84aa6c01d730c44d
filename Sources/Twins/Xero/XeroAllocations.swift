internal import Kernel
internal import Wire

/// Credit notes set against invoices.
extension XeroState {
    mutating func allocate(_ call: XeroCall, _ noteID: String) throws(XeroProblem) -> HTTPResponse {
        let collection = XeroCall(request: call.request, now: call.now, random: call.random, path: [call.path[0]])
        return try write(collection, "Allocations", kind: "Allocation") { (state, element) throws(XeroProblem) in
            guard let note = state.documents[noteID] else { throw .notFound }
            var problems: [String] = []
            let invoice = try state.invoice(of: element, &problems)
            let date = try element.date("Date")
            let amount = try element.decimal("Amount").flatMap { XeroNumber.cents($0) }
            if date == nil { problems.append("Date is required") }
            if amount ?? 0 <= 0 { problems.append("The allocation Amount must be greater than zero") }
            if let date, let locked = state.lockProblem(date) { problems.append(locked) }
            if note.status != "AUTHORISED" {
                problems.append("Allocations can only be made from Authorised credit notes")
            }
            if let invoice, let amount { state.check(amount, from: note, to: invoice, &problems) }
            guard problems.isEmpty, let invoice, let date, let amount else {
                return .refusal(element.json, idName: "AllocationID", id: nil, problems: problems)
            }
            var changed = note
            let made = XeroAllocation(id: call.newID(), invoice: invoice.id, amount: amount, date: date)
            changed.allocations.append(made)
            state.documents.put(changed)
            state.settle(noteID, at: call.now)
            state.settle(invoice.id, at: call.now)
            return .saved(state.json(made, of: changed))
        }
    }

    private func invoice(of element: XeroElement, _ problems: inout [String]) throws(XeroProblem) -> XeroDocument? {
        let sent = try element.child("Invoice")
        let id = try sent?.id("InvoiceID")
        let number = try sent?.filled("InvoiceNumber")
        let found =
            id.flatMap { documents[$0] }
            ?? number.flatMap { documents.find(XeroDocument.numberKey("ACCREC", $0)).first }
        if found?.family != .invoice {
            problems.append("An existing Invoice with the specified InvoiceID could not be found")
        }
        return found?.family == .invoice ? found : nil
    }

    private func check(_ amount: Int64, from note: XeroDocument, to invoice: XeroDocument, _ problems: inout [String]) {
        if invoice.status != "AUTHORISED" { problems.append("Allocations can only be made to Authorised invoices") }
        if invoice.contact != note.contact {
            problems.append("The contact of the credit note and the invoice must be the same")
        }
        if invoice.currency != note.currency {
            problems.append("The currency of the credit note and the invoice must be the same")
        }
        if invoice.isSales != note.isSales {
            problems.append("The credit note cannot be allocated to an invoice of this type")
        }
        if amount > open(invoice) {
            problems.append("Allocation amount exceeds the amount outstanding on this document")
        }
        if amount > open(note) { problems.append("Allocation amount exceeds the remaining credit on this document") }
    }

    mutating func unallocate(_ call: XeroCall, _ noteID: String) throws(XeroProblem) -> HTTPResponse {
        guard var note = documents[noteID], let id = XeroID(call.path[3])?.description,
            let place = note.allocations.firstIndex(where: { $0.id == id })
        else { throw .notFound }
        let gone = note.allocations[place]
        if let locked = lockProblem(gone.date) {
            let message: JSON = .object([("Message", .string(locked))])
            return XeroProblem.validation([
                .object([("AllocationID", .string(id)), ("ValidationErrors", .array([message]))])
            ])
        }
        note.allocations.remove(at: place)
        documents.put(note)
        settle(noteID, at: call.now)
        settle(gone.invoice, at: call.now)
        // The schema's shape, whole: official SDKs refuse an allocation without amount, date and invoice.
        return .json(200, json(gone, of: note).setting("IsDeleted", true))
    }

    func json(_ allocation: XeroAllocation, of note: XeroDocument) -> JSON {
        var out = XeroMembers()
        out.text("AllocationID", allocation.id)
        out.money("Amount", allocation.amount)
        out.date("Date", allocation.date)
        var invoice = XeroMembers()
        invoice.text("InvoiceID", allocation.invoice)
        invoice.text("InvoiceNumber", documents[allocation.invoice]?.number)
        invoice.empty("Payments", "CreditNotes", "Prepayments", "Overpayments")
        invoice.flag("HasErrors", false)
        invoice.flag("IsDiscounted", false)
        invoice.empty("LineItems")
        out.set("Invoice", invoice.json)
        out.set(
            "CreditNote",
            .object([
                ("CreditNoteID", .string(note.id)), ("CreditNoteNumber", .string(note.number)),
                ("ID", .string(note.id)), ("LineItems", []),
            ]))
        return out.json
    }
}
