internal import Kernel
internal import TwinKit
internal import Wire

/// Invoices and credit notes: one kind of paper with one sequence of references. A credit note's prices are negative.
/// - Source: dev.freeagent.com/docs/invoices and credit_notes.
extension FAState {
    /// What can't be changed of a document that is sent, beside its lines.
    private static let locked = ["contact", "dated_on", "reference", "currency", "exchange_rate", "discount_percent", "ec_status", "payment_terms_in_days"]
    private static let texts = ["comments", "client_contact_name", "payment_terms", "po_reference", "place_of_supply"]
    private static let flags = [
        "omit_header", "always_show_bic_and_iban", "send_thank_you_emails", "send_reminder_emails", "send_new_invoice_emails", "show_project_name",
    ]
    private static let statuses = ["UK/Non-EC", "EC Goods", "EC Services", "Reverse Charge", "EC VAT MOSS"]
    /// - Source: dev.freeagent.com/docs/invoices, `ec_status`.
    private static let left = LocalDate(year: 2021, month: 1, day: 1)

    mutating func documents(_ call: FACall, _ kind: FAKind) throws(FAProblem) -> HTTPResponse {
        try call.needs(.invoices)
        switch (call.method, call.path.count) {
        case (.get, 1): return try listDocuments(call, kind)
        case (.get, 2):
            let row = try required(kind, call.id)
            return call.shown(row, documentJSON(row, withLines: true, call))
        case (.get, 3) where call.path[2] == "pdf": return pdf(try required(kind, call.id))
        case (.post, 1):
            var row = FARow(kind, next(kind, at: call.now), at: call.now, ["state": "draft"])
            try fill(&row, try call.sent(kind), isNew: true, call)
            return call.created(row, documentJSON(row, withLines: true, call))
        case (.put, 2):
            var row = try required(kind, call.id)
            try fill(&row, try call.sent(kind), isNew: false, call)
            return FACall.done
        case (.put, 4) where call.path[2] == "transitions": return try transition(try required(kind, call.id), to: call.path[3], call)
        case (.post, 3) where call.path[2] == "send_email": return try email(try required(kind, call.id), call)
        case (.post, 3) where call.path[2] == "duplicate" && kind == .invoice: return duplicate(try required(kind, call.id), call)
        case (.delete, 2):
            let row = try required(kind, call.id)
            if isLocked(row.date("dated_on")) { throw .locked(kind.noun) }
            // Source: support.freeagent.com, "Delete an invoice": set it back to draft first.
            guard row.text("state") != "sent" else { throw .invalid("\(kind.noun) cannot be deleted unless it is a draft") }
            delete(row, at: call.now)
            return FACall.done
        default: throw .notFound
        }
    }

    // MARK: - Writing

    private mutating func fill(_ row: inout FARow, _ sent: JSON, isNew: Bool, _ call: FACall) throws(FAProblem) {
        var fields = FAFields(sent)
        let kind = row.kind
        let items = try fields.list("\(kind.rawValue)_items")
        if row.text("state") == "sent" || isLocked(row.date("dated_on")) {
            refuseLocked(row, items ?? [], &fields)
            try fields.check()
        }
        if fields.sent("contact") {
            guard let contact = self.row(.contact, named: sent["contact"]) else { throw .notFound }
            row.set("contact", .string(contact.name))
        }
        if row.text("contact").isEmpty { fields.blank("contact") }
        dates(&row, &fields)
        reference(&row, &fields)
        money(&row, &fields)
        fields.copy(texts: Self.texts, flags: Self.flags, into: &row, most: 65_535)
        if fields.sent("bank_account"), sent.member("bank_account") != nil {
            guard let account = self.row(.bankAccount, named: sent["bank_account"]) else { throw .notFound }
            row.set("bank_account", .string(account.name))
        }
        if fields.sent("project"), sent.member("project") != nil { throw .notFound }
        status(&row, &fields)
        let old = row.list("lines").map { FALine(stored: $0) }
        let lines = try lines(
            items ?? [], onto: old, kind, contact: find(.contact, row.text("contact")), isMOSS: row.text("ec_status") == "EC VAT MOSS", &fields, at: call.now)
        total(&row, lines, &fields)
        try fields.check()
        row.updated = call.now
        rows.put(row)
    }

    /// - Source: api-discuss.freeagent.com, topic 819: a line without the `id` of one that is there counts as a new one.
    private func refuseLocked(_ row: FARow, _ items: [JSON], _ fields: inout FAFields) {
        for key in Self.locked {
            guard let sent = fields.json.member(key) else { continue }
            let text = sent.string ?? sent.int.map { "\($0)" } ?? ""
            let shown = key == "contact" ? text.split(separator: "/").last.map(String.init) ?? "" : text
            let now = row.fields.member(key).map { $0.string ?? $0.int.map { "\($0)" } ?? "" } ?? ""
            let same = shown == now || (ExactDecimal(shown) != nil && ExactDecimal(shown) == ExactDecimal(now))
            if !same { fields.note(key, "is locked and cannot be changed") }
        }
        let prefix = "\(row.kind.rawValue)_items"
        var wrong: [String] = []
        for item in items {
            let id = item.member("id").map { $0.string ?? "\($0.int ?? 0)" }
            guard id != nil else {
                wrong += ["description", "item_type", "\(row.kind.rawValue)_id"]
                continue
            }
            wrong += FALine.locked.filter { item[$0] != nil }
            if item.member("_destroy") != nil { wrong.append("\(row.kind.rawValue)_id") }
        }
        fields.add(wrong.map { "\(prefix).\($0) is locked and cannot be changed" })
        if !wrong.isEmpty { fields.add(["\(prefix) contain errors"]) }
    }

    private func dates(_ row: inout FARow, _ fields: inout FAFields) {
        if let date = fields.date("dated_on") { row.set("dated_on", date) }
        if let days = fields.whole("payment_terms_in_days", in: 0 ... 1000) { row.set("payment_terms_in_days", .number("\(days)")) }
        guard let dated = row.date("dated_on") else { return fields.blank("dated_on") }
        // The forum's own samples of credit notes leave the terms out and send `due_on`.
        let due = fields.date("due_on")
        if !row.has("payment_terms_in_days") {
            guard let due else { return fields.blank("payment_terms_in_days") }
            row.set("payment_terms_in_days", .number("\(max(0, due.daysSince1970 - dated.daysSince1970))"))
        }
        row.set("due_on", dated.adding(days: Int(row.cents("payment_terms_in_days"))))
        if isLocked(dated) { fields.note("dated_on", "is in a locked accounting period") }
    }

    /// One sequence for both kinds; nothing is used twice.
    /// - Source: api-discuss.freeagent.com, topics 931 and 2515.
    private func reference(_ row: inout FARow, _ fields: inout FAFields) {
        if let text = fields.text("reference") { row.set("reference", .string(text)) }
        let others = (all(.invoice) + all(.creditNote)).filter { $0.key != row.key }
        if row.text("reference").isEmpty {
            let last = others.compactMap { Int($0.text("reference")) }.max() ?? 0
            let digits = "\(last + 1)"
            row.set("reference", .string(String(repeating: "0", count: max(0, 3 - digits.count)) + digits))
        }
        if others.contains(where: { $0.text("reference") == row.text("reference") }) { fields.note("reference", "has already been taken") }
    }

    private func money(_ row: inout FARow, _ fields: inout FAFields) {
        if let discount = fields.decimal("discount_percent") {
            if discount < .zero || ExactDecimal(100) < discount { fields.note("discount_percent", "must be between 0 and 100") }
            row.set("discount_percent", FANumber.json(discount))
        }
        if let currency = fields.text("currency") { row.set("currency", .string(currency)) }
        if row.text("currency").isEmpty { row.set("currency", .string(FASeed.currency)) }
        let currency = row.text("currency")
        if let rate = fields.decimal("exchange_rate"), currency != FASeed.currency {
            if rate <= .zero { fields.note("exchange_rate", "must be greater than 0") } else { row.set("exchange_rate", FANumber.json(rate)) }
        } else if currency == FASeed.currency || fields.sent("currency") || !row.has("exchange_rate") {
            guard let rate = FASeed.rate(of: currency) else { return fields.note("currency", "is not included in the list") }
            row.set("exchange_rate", FANumber.json(rate))
        }
    }

    private func status(_ row: inout FARow, _ fields: inout FAFields) {
        if let status = fields.choice("ec_status", Self.statuses) { row.set("ec_status", .string(status)) }
        if row.text("ec_status").isEmpty { row.set("ec_status", "UK/Non-EC") }
        let status = row.text("ec_status")
        guard let left = Self.left, let dated = row.date("dated_on") else { return }
        if ["EC Goods", "EC Services"].contains(status), dated >= left { fields.note("ec_status", "is not valid for documents dated on or after 2021-01-01") }
        if status == "Reverse Charge", dated < left { fields.note("ec_status", "is not valid for documents dated before 2021-01-01") }
        if status == "EC VAT MOSS", row.text("place_of_supply").isEmpty { fields.blank("place_of_supply") }
    }

    /// Header amounts are the sums of the lines', whatever was sent.
    private func total(_ row: inout FARow, _ lines: [FALine], _ fields: inout FAFields) {
        let discount = row.decimal("discount_percent") ?? .zero
        let net = lines.reduce(Int64(0)) { $0 + $1.net(discount: discount) }
        let tax = lines.reduce(Int64(0)) { $0 + $1.tax(discount: discount) }
        guard abs(net) < 1_000_000_000_000 else { return fields.note("net_value", "is too large") }
        row.set("lines", .array(lines.map(\.stored)))
        row.set("net", cents: net)
        row.set("tax", cents: tax)
        row.set("total", cents: net + tax)
        // - Source: dev.freeagent.com/docs/credit_notes: all samples of new ones are negative.
        if row.kind == .creditNote, net + tax > 0 { fields.note("total_value", "must be negative") }
    }

    private mutating func duplicate(_ old: FARow, _ call: FACall) -> HTTPResponse {
        var row = FARow(old.kind, next(old.kind, at: call.now), at: call.now, old.fields)
        var fields = FAFields(.object([]))
        for key in ["reference", "paid", "cancelled_on"] { row.set(key, .null) }
        row.set("state", "draft")
        row.set("dated_on", call.today)
        row.set("due_on", call.today.adding(days: Int(row.cents("payment_terms_in_days"))))
        reference(&row, &fields)
        let lines = row.list("lines").map { stored in
            var line = FALine(stored: stored)
            line.id = next(.invoiceItem, at: call.now)
            return line
        }
        row.set("lines", .array(lines.map(\.stored)))
        rows.put(row)
        return call.shown(row, documentJSON(row, withLines: true, call))
    }
}
