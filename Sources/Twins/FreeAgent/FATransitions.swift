internal import Crypto
internal import Kernel
internal import TwinKit
internal import Wire

/// What is done with a document as a whole.
extension FAState {
    /// - Source: dev.freeagent.com/docs/invoices; api-discuss.freeagent.com, topic 2877, for a period that is locked.
    mutating func transition(_ row: FARow, to name: String, _ call: FACall) throws(FAProblem) -> HTTPResponse {
        let (state, isInvoice) = (row.text("state"), row.kind == .invoice)
        if isLocked(row.date("dated_on")) { throw .locked(row.kind.noun) }
        var row = row
        switch name {
        case "mark_as_sent":
            guard state != "sent" else { throw .invalid("\(row.kind.noun) cannot be marked as sent") }
            guard !row.list("lines").isEmpty else { throw .invalid("\(row.kind.rawValue)_items can't be blank") }
            row.set("state", "sent")
            row.set("cancelled_on", .null)
        case "mark_as_draft":
            // - Source: support.freeagent.com, "Delete an invoice": a payment is removed first.
            guard state != "draft", row.cents("paid") == 0 else { throw .invalid("\(row.kind.noun) cannot be marked as draft") }
            row.set("state", "draft")
            row.set("cancelled_on", .null)
        case "mark_as_scheduled" where isInvoice:
            guard state == "draft" else { throw .invalid("Invoice cannot be marked as scheduled") }
            row.set("state", "scheduled")
        case "mark_as_cancelled" where isInvoice:
            guard state == "sent", due(row) > 0, let due = row.date("due_on"), due < call.today else { throw .invalid("Invoice cannot be marked as cancelled") }
            row.set("state", "cancelled")
            row.set("cancelled_on", call.today)
        case "convert_to_credit_note" where isInvoice: return try convert(row, call)
        default: throw .notFound
        }
        row.updated = call.now
        rows.put(row)
        return FACall.done
    }

    /// - Source: dev.freeagent.com/docs/invoices, "Convert to credit note": of a draft that is negative.
    private mutating func convert(_ row: FARow, _ call: FACall) throws(FAProblem) -> HTTPResponse {
        guard row.text("state") == "draft", row.cents("total") < 0 else { throw .invalid("Invoice cannot be converted to a credit note") }
        delete(row, at: call.now)
        let note = FARow(.creditNote, next(.creditNote, at: call.now), at: call.now, row.fields)
        rows.put(note)
        return call.shown(note, documentJSON(note, withLines: true, call))
    }

    /// Nobody gets anything; the document counts as sent, as it does after a message from FreeAgent's own pages.
    mutating func email(_ row: FARow, _ call: FACall) throws(FAProblem) -> HTTPResponse {
        guard let email = try call.sent(row.kind).member("email"), email.object != nil else { throw .invalid("email can't be blank") }
        if email["use_template"]?.bool != true {
            var fields = FAFields(email, prefix: "email.")
            for key in ["to", "from", "subject", "body"] where fields.text(key, most: 65_535) == nil { fields.blank(key) }
            try fields.check()
        }
        guard row.text("state") != "sent" else { return FACall.done }
        return try transition(row, to: "mark_as_sent", call)
    }

    /// A page with nothing on it, in the envelope of the real one.
    func pdf(_ row: FARow) -> HTTPResponse {
        let page = "%PDF-1.4\n% \(row.kind.noun) \(row.text("reference"))\n%%EOF\n"
        return .json(200, .object([("pdf", .object([("content", .string(Base64.encode(Array(page.utf8))))]))]))
    }

    // MARK: - What is open

    /// Whether the document stands in the books.
    func isPosted(_ row: FARow) -> Bool { row.kind == .bill || ["sent", "cancelled"].contains(row.text("state")) }

    /// Hundredths, with the document's sign.
    func due(_ row: FARow) -> Int64 { row.cents("total") - row.cents("paid") }

    /// Counts again what was paid of a document, in its currency and with its sign.
    mutating func settle(_ kind: FAKind, _ key: String, at now: Timestamp) {
        guard var row = find(kind, key) else { return }
        var paid: Int64 = 0
        var last: LocalDate?
        for explanation in all(.explanation) where explanation.text("paid_kind") == kind.rawValue && explanation.text("paid") == key {
            paid += explanation.cents("paid_value") * (kind == .bill ? -1 : 1)
            last = max(last ?? LocalDate(daysSince1970: 0), explanation.date("dated_on") ?? LocalDate(daysSince1970: 0))
        }
        for match in all(.reconciliation) where match.text(kind.rawValue) == key {
            paid += match.cents("gross") * (kind == .creditNote ? -1 : 1)
            last = max(last ?? LocalDate(daysSince1970: 0), match.date("dated_on") ?? LocalDate(daysSince1970: 0))
        }
        row.set("paid", cents: paid)
        row.set("paid_on", due(row) == 0 ? last : nil)
        row.updated = now
        rows.put(row)
    }
}
