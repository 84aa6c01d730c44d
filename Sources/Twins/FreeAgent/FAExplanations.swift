internal import Kernel
internal import TwinKit
internal import Wire

/// Explanations of bank transactions: what pays an invoice or a bill, what is a transfer, a fee, a sale of its own.
/// - Source: dev.freeagent.com/docs/bank_transaction_explanations.
extension FAState {
    private static let texts = ["description", "receipt_reference", "cheque_number"]

    mutating func explanations(_ call: FACall) throws(FAProblem) -> HTTPResponse {
        try call.needs(.banking)
        switch (call.method, call.path.count) {
        case (.get, 1):
            guard let account = try named(.bankAccount, "bank_account", call) else { throw FAProblem(400, "bank_account is required") }
            let rows = try call.selected(all(.explanation).filter { $0.text("bank_account") == account.name })
            return call.page(rows, as: FAKind.explanation.plural) { explanationJSON($0, call) }
        case (.get, 2):
            let row = try required(.explanation, call.id)
            return call.shown(row, explanationJSON(row, call))
        case (.post, 1):
            var row = FARow(.explanation, next(.explanation, at: call.now), at: call.now)
            try explain(&row, isNew: true, call)
            return call.created(row, explanationJSON(row, call))
        case (.put, 2):
            var row = try required(.explanation, call.id)
            if isLocked(row.date("dated_on")) { throw .locked(row.kind.noun) }
            try explain(&row, isNew: false, call)
            return call.shown(row, explanationJSON(row, call))
        case (.delete, 2):
            let row = try required(.explanation, call.id)
            if isLocked(row.date("dated_on")) { throw .locked(row.kind.noun) }
            drop(row, call)
            return FACall.done
        default: throw .notFound
        }
    }

    // MARK: - Writing

    private mutating func explain(_ row: inout FARow, isNew: Bool, _ call: FACall) throws(FAProblem) {
        let before = row
        var fields = FAFields(try call.sent(.explanation))
        let account = try bank(&row, isNew: isNew, &fields)
        if let date = fields.date("dated_on") { row.set("dated_on", date) }
        if !row.has("dated_on") { fields.blank("dated_on") }
        if isLocked(row.date("dated_on")) { fields.note("dated_on", "is in a locked accounting period") }
        if let gross = fields.cents("gross_value") { row.set("gross", cents: gross) }
        if !row.has("gross") { fields.blank("gross_value") } else if row.cents("gross") == 0 { fields.note("gross_value", "must be other than 0") }
        fields.copy(texts: Self.texts, flags: ["marked_for_review"], into: &row, most: 65_535)
        try subject(&row, &fields)
        if row.text("paid_kind") != FAKind.invoice.rawValue, !row.has("transfer"), row.text("description").isEmpty { fields.blank("description") }
        taxes(&row, &fields)
        if let account { paidValue(&row, account, &fields) }
        if let file = fields.json.member("attachment") { try attach(file, to: &row, &fields, call) }
        try fits(row, isNew: isNew, &fields)
        try fields.check()
        row.updated = call.now
        keep(&row, before: isNew ? nil : before, call)
    }

    /// The bank account, by itself or by a transaction of its.
    private mutating func bank(_ row: inout FARow, isNew: Bool, _ fields: inout FAFields) throws(FAProblem) -> FARow? {
        guard isNew else { return find(.bankAccount, row.text("bank_account")) }
        if fields.json.member("bank_transaction") != nil {
            guard let named = self.row(.bankTransaction, named: fields.json["bank_transaction"]) else { throw .notFound }
            row.set("transaction", .string(named.name))
            row.set("bank_account", .string(named.text("bank_account")))
            if !fields.sent("dated_on") { row.set("dated_on", named.date("dated_on")) }
        } else if fields.json.member("bank_account") != nil {
            guard let named = self.row(.bankAccount, named: fields.json["bank_account"]) else { throw .notFound }
            if named.text("status") == "hidden" { fields.note("bank_account", "is hidden") }
            row.set("bank_account", .string(named.name))
        } else {
            fields.blank("bank_account")
        }
        return find(.bankAccount, row.text("bank_account"))
    }

    /// What it is about: something paid, another account, or a category.
    private func subject(_ row: inout FARow, _ fields: inout FAFields) throws(FAProblem) {
        let json = fields.json
        if json.member("paid_invoice") != nil {
            guard let paid = self.row(.invoice, named: json["paid_invoice"]) ?? self.row(.creditNote, named: json["paid_invoice"]) else { throw .notFound }
            if paid.text("state") != "sent" { fields.note("paid_invoice", "must be sent") }
            row.set("paid_kind", .string(paid.kind.rawValue))
            row.set("paid", .string(paid.name))
        }
        if json.member("paid_bill") != nil {
            guard let paid = self.row(.bill, named: json["paid_bill"]) else { throw .notFound }
            row.set("paid_kind", .string(paid.kind.rawValue))
            row.set("paid", .string(paid.name))
        }
        if json.member("transfer_bank_account") != nil {
            guard let other = self.row(.bankAccount, named: json["transfer_bank_account"]) else { throw .notFound }
            if other.name == row.text("bank_account") { fields.note("transfer_bank_account", "must be another bank account") }
            row.set("transfer", .string(other.name))
        }
        if json.member("paid_user") != nil {
            guard let user = self.row(.user, named: json["paid_user"]) else { throw .notFound }
            row.set("user", .string(user.name))
            if json.member("category") == nil { row.set("category", "905") }
        }
        // A client of the platform sends `nominal_code` in the category's place (PyPI, freeagent 0.3.1).
        let code = json.member("nominal_code")?.string.flatMap { find(.category, $0) }
        if json.member("category") != nil || code != nil {
            guard let category = code ?? self.row(.category, named: json["category"]) else { throw .notFound }
            row.set("category", .string(category.name))
            // What was a payment is none any more.
            for key in ["paid_kind", "paid", "paid_value", "foreign"] { row.set(key, .null) }
        } else if json.member("paid_invoice") != nil || json.member("paid_bill") != nil {
            row.set("category", .null)
        }
        if !row.has("paid"), !row.has("transfer"), !row.has("category") { fields.blank("category") }
    }

    /// What bears no tax takes no rate.
    /// - Source: api-discuss.freeagent.com, topic 5854.
    private func taxes(_ row: inout FARow, _ fields: inout FAFields) {
        if let status = fields.choice("sales_tax_status", ["TAXABLE", "EXEMPT", "OUT_OF_SCOPE"]) { row.set("sales_tax_status", .string(status)) }
        let sent = fields.json.member("sales_tax_rate")
        let isAutomatic = sent?.string?.lowercased() == "auto"
        let rate = isAutomatic ? nil : fields.decimal("sales_tax_rate")
        guard !row.has("paid"), !row.has("transfer") else {
            if let rate, rate > .zero { fields.add(["sales_tax_rate must be the AUTO rate or a rate less than or equal to 0"]) }
            return
        }
        if let rate {
            if !FASeed.taxRates.contains(rate.shortest.description) { fields.note("sales_tax_rate", "is not a valid sales tax rate") }
            row.set("rate", FANumber.json(rate))
        } else if isAutomatic || !row.has("rate") {
            row.set("rate", find(.category, row.text("category")).flatMap { FACategory.percent($0) }.map { FANumber.json($0) } ?? .null)
        }
        let isTaxed = !["EXEMPT", "OUT_OF_SCOPE"].contains(row.text("sales_tax_status"))
        let own = row.decimal("rate").map { FANumber.taxWithin(row.cents("gross"), percent: $0) }
        let value = isTaxed ? fields.cents("sales_tax_value") ?? own ?? 0 : 0
        if abs(value) > abs(row.cents("gross")) { fields.note("sales_tax_value", "is greater than gross_value") }
        row.set("tax", cents: value)
    }

    /// What it is worth in the currency of what is paid.
    private func paidValue(_ row: inout FARow, _ account: FARow, _ fields: inout FAFields) {
        guard let kind = FAKind(rawValue: row.text("paid_kind")), let paid = find(kind, row.text("paid")) else { return }
        let gross = row.cents("gross")
        let (bank, currency) = (account.text("currency"), paid.text("currency"))
        var value = gross
        if bank != currency {
            if let sent = fields.cents("foreign_currency_value") {
                value = gross < 0 ? -abs(sent) : abs(sent)
            } else if let from = FASeed.rate(of: bank), let to = FASeed.rate(of: currency) {
                value = FANumber.divided(FANumber.times(gross, from), by: to)
            }
            row.set("foreign", cents: value)
        }
        row.set("paid_value", cents: value)
        // From what is settled by others, towards the whole: an invoice may be overpaid, and what was paid given back; the others end at the whole.
        let sign: Int64 = kind == .bill ? -1 : 1
        // What this very row has settled of it so far.
        let before = find(.explanation, row.name).flatMap { $0.text("paid_kind") == kind.rawValue && $0.text("paid") == paid.name ? $0 : nil }
        let mine = before?.cents("paid_value") ?? 0
        let whole = sign * paid.cents("total")
        let settled = sign * paid.cents("paid") - mine + value
        if settled != 0, (settled < 0) != (whole < 0) { fields.note("gross_value", "is greater than the amount paid") }
        if kind != .invoice, abs(settled) > abs(whole) { fields.note("gross_value", "is greater than the amount due") }
    }

    /// No more than the transaction has left.
    private func fits(_ row: FARow, isNew: Bool, _ fields: inout FAFields) throws(FAProblem) {
        guard let transaction = find(.bankTransaction, row.text("transaction")), isNew || !transaction.flag("manual") else { return }
        let left = unexplained(transaction) + (isNew ? 0 : find(.explanation, row.name)?.cents("gross") ?? 0)
        let gross = row.cents("gross")
        if (gross < 0) != (left < 0) || abs(gross) > abs(left) {
            fields.note("gross_value", "is greater than the unexplained amount of the bank transaction")
        }
    }

    /// Keeps it with all that hangs on it: its own transaction, the other side of a transfer, what it pays.
    private mutating func keep(_ row: inout FARow, before: FARow?, _ call: FACall) {
        ownTransaction(&row, call)
        if row.has("transfer") { otherSide(&row, call) }
        rows.put(row)
        for touched in [before, row] {
            guard let touched, let kind = FAKind(rawValue: touched.text("paid_kind")) else { continue }
            settle(kind, touched.text("paid"), at: call.now)
        }
    }

    private mutating func ownTransaction(_ row: inout FARow, _ call: FACall) {
        let date = row.date("dated_on") ?? call.today
        if var transaction = find(.bankTransaction, row.text("transaction")) {
            guard transaction.flag("manual") else { return }
            transaction.set("amount", cents: row.cents("gross"))
            transaction.set("dated_on", date)
            transaction.updated = call.now
            rows.put(transaction)
        } else {
            let made = transaction(row.text("bank_account"), date, row.cents("gross"), row.text("description"), isManual: true, call)
            rows.put(made)
            row.set("transaction", .string(made.name))
        }
    }

    private mutating func otherSide(_ row: inout FARow, _ call: FACall) {
        let (from, to) = (find(.bankAccount, row.text("bank_account")), find(.bankAccount, row.text("transfer")))
        guard let from, let to, let out = FASeed.rate(of: from.text("currency")), let into = FASeed.rate(of: to.text("currency")) else { return }
        let gross = from.text("currency") == to.text("currency") ? -row.cents("gross") : -FANumber.divided(FANumber.times(row.cents("gross"), out), by: into)
        var other = find(.explanation, row.text("linked")) ?? FARow(.explanation, next(.explanation, at: call.now), at: call.now)
        if !other.has("linked") { other.set("mirrors", true) }
        other.set("bank_account", .string(to.name))
        other.set("transfer", .string(from.name))
        other.set("linked", .string(row.name))
        other.set("gross", cents: gross)
        other.set("dated_on", row.date("dated_on"))
        other.set("description", row.fields["description"] ?? .null)
        other.updated = call.now
        ownTransaction(&other, call)
        rows.put(other)
        row.set("linked", .string(other.name))
    }

    private mutating func drop(_ row: FARow, _ call: FACall) {
        for gone in [row] + [find(.explanation, row.text("linked"))].compactMap({ $0 }) {
            delete(gone, at: call.now)
            if let transaction = find(.bankTransaction, gone.text("transaction")), transaction.flag("manual") { delete(transaction, at: call.now) }
            if let kind = FAKind(rawValue: gone.text("paid_kind")) { settle(kind, gone.text("paid"), at: call.now) }
        }
    }

    // MARK: - Answers

    private func type(_ row: FARow) -> String {
        let isIn = row.cents("gross") > 0
        switch row.text("paid_kind") {
        case "invoice": return "Invoice Receipt"
        case "credit_note": return "Credit Note Refund"
        case "bill": return isIn ? "Bill Refund" : "Bill Payment"
        default: break
        }
        if row.has("transfer") { return isIn ? "Transfer from Another Account" : "Transfer to Another Account" }
        return isIn ? (find(.category, row.text("category"))?.text("group") == "income" ? "Sales" : "Other Money In") : "Payment"
    }

    func explanationJSON(_ row: FARow, _ call: FACall) -> JSON {
        let isLocked = isLocked(row.date("dated_on"))
        var out = FAMembers()
        out.text("url", call.url(row))
        out.text("bank_transaction", call.url(.bankTransaction, row.text("transaction")))
        out.text("bank_account", call.url(.bankAccount, row.text("bank_account")))
        out.text("type", type(row))
        if row.has("category") { out.text("category", call.url(.category, row.text("category"))) }
        out.date("dated_on", row.date("dated_on"))
        out.filled("description", row.text("description"))
        out.cents("gross_value", row.cents("gross"))
        if row.has("foreign") { out.cents("foreign_currency_value", row.cents("foreign")) }
        if let paid = FAKind(rawValue: row.text("paid_kind")) { out.text(paid == .bill ? "paid_bill" : "paid_invoice", call.url(paid, row.text("paid"))) }
        if row.has("user") { out.text("paid_user", call.url(.user, row.text("user"))) }
        if row.has("transfer") {
            out.text("transfer_bank_account", call.url(.bankAccount, row.text("transfer")))
            out.text("linked_transfer_explanation", call.url(.explanation, row.text("linked")))
            out.text("linked_transfer_account", call.url(.bankAccount, row.text("transfer")))
        }
        out.verbatim(row, ["receipt_reference", "cheque_number"])
        out.set("marked_for_review", .bool(row.flag("marked_for_review")))
        out.set("is_money_in", .bool(row.cents("gross") > 0))
        out.set("is_money_out", .bool(row.cents("gross") < 0))
        out.set("is_money_paid_to_user", .bool(row.has("user")))
        out.text("updated_at", FADate.text(row.updated))
        if !row.has("paid"), !row.has("transfer") {
            out.text("sales_tax_status", row.has("sales_tax_status") ? row.text("sales_tax_status") : "TAXABLE")
            out.decimal("sales_tax_rate", row.decimal("rate") ?? .zero)
            out.cents("sales_tax_value", row.cents("tax"))
        }
        out.set("is_locked", .bool(isLocked))
        if isLocked { out.text("locked_reason", "The explanation is in a locked accounting period") }
        out.set("is_deletable", .bool(!isLocked))
        if let file = find(.attachment, row.text("attachment")) { out.set("attachment", attachmentJSON(file, call)) }
        return out.json
    }
}
