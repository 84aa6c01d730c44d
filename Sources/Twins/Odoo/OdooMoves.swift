internal import Kernel
internal import Wire

/// The kinds of journal entries.
enum OdooMoveType {
    static let invoices: Set<String> = ["out_invoice", "out_refund", "in_invoice", "in_refund", "out_receipt", "in_receipt"]
    static let sales: Set<String> = ["out_invoice", "out_refund", "out_receipt"]
    /// Which way money goes: what a product line's amount is multiplied by to be a debit.
    static func sign(_ type: String) -> Int64 { ["out_invoice", "in_refund", "out_receipt"].contains(type) ? -1 : 1 }

    static func name(_ type: String) -> String {
        switch type {
        case "out_invoice": "Customer Invoice"
        case "out_refund": "Customer Credit Note"
        case "in_invoice": "Vendor Bill"
        case "in_refund": "Vendor Credit Note"
        case "out_receipt": "Sales Receipt"
        case "in_receipt": "Purchase Receipt"
        default: "Journal Entry"
        }
    }
}

/// Journal entries and invoices: made, changed, and worked out from their lines.
extension OdooDatabase {
    /// Lines of one entry.
    static let linesMost = 5000

    mutating func createMove(_ vals: JSON) throws(OdooProblem) -> Int {
        var sent = try clean("account.move", withDefaults("account.move", vals))
        if sent.plain["state"] == "posted" {
            throw .user("You cannot create a move already in the posted state. Please create a draft move and post it after.")
        }
        let type = sent.plain["move_type"]?.string ?? "entry"
        let journal = try journal(sent.plain["journal_id"]?.int, type)
        sent.plain["move_type"] = .string(type)
        sent.plain["journal_id"] = .int(journal.id)
        sent.plain["state"] = "draft"
        sent.plain["company_id"] = 1
        if sent.plain["currency_id"].map(\.isUnset) ?? true { sent.plain["currency_id"] = .int(journal.int("currency_id") ?? companyCurrency) }
        if sent.plain["name"].map(\.isUnset) ?? true, version <= 16 { sent.plain["name"] = "/" }
        if version >= 16, sent.plain["auto_post"] == nil { sent.plain["auto_post"] = "no" }
        for name in ["payment_state", "amount_total", "amount_tax", "amount_untaxed", "amount_residual"] { sent.plain[name] = nil }
        if OdooMoveType.invoices.contains(type) { sent.plain["invoice_user_id"] = sent.plain["invoice_user_id"] ?? .int(user) }
        let id = insert("account.move", sent.plain)
        settle(dates: id, sent.plain["date"])
        for (field, commands) in sent.lists { try apply(commands, to: id, field.name) }
        try recompute(id)
        return id
    }

    /// `default_*` of the context, where nothing was sent.
    func withDefaults(_ model: String, _ vals: JSON) -> JSON {
        var out = vals
        for (key, value) in context.object ?? [] where key.hasPrefix("default_") {
            let name = String(key.dropFirst("default_".count))
            if schema.models[model]?.fields[name] != nil, vals[name] == nil { out = out.setting(name, value) }
        }
        return out
    }

    private func journal(_ id: Int?, _ type: String) throws(OdooProblem) -> OdooRecord {
        let kind = OdooMoveType.sales.contains(type) ? "sale" : OdooMoveType.invoices.contains(type) ? "purchase" : "general"
        guard let id else {
            let first = all("account.journal").first { $0.text("type") == kind && $0.flag("active") }
            guard let first else {
                throw .user("No journal could be found in company \(record("res.company", 1)?.text("name") ?? "") for any of those types: \(kind)")
            }
            return first
        }
        guard let journal = record("account.journal", id) else { throw .missing("account.journal", [id], user: user) }
        guard kind == "general" || journal.text("type") == kind else {
            if version >= 16 { throw .validation("Cannot create a \(kind) document in a non \(kind) journal") }
            throw .validation("Cannot create an invoice of type \(type) with a journal having \(journal.text("type") ?? "") as type.")
        }
        return journal
    }

    /// The accounting date and the due date, as they follow from the document's own.
    private mutating func settle(dates id: Int, _ sent: JSON?) {
        guard let move = record("account.move", id) else { return }
        let given = sent.flatMap { $0.isUnset ? nil : $0 } ?? move["date"]
        let type = move.text("move_type") ?? "entry"
        var out: [String: JSON] = [:]
        let date = OdooMoveType.invoices.contains(type) && !move["invoice_date"].isUnset ? move["invoice_date"] : given
        out["date"] = date.isUnset ? .string(today.description) : date
        if OdooMoveType.invoices.contains(type), let day = move.date("invoice_date") {
            let usual = record("res.partner", move.int("partner_id"))?.int("property_payment_term_id")
            let term = record("account.payment.term", move.int("invoice_payment_term_id") ?? usual)
            if let term { out["invoice_date_due"] = .string(day.adding(days: term.int("nb_days") ?? 0).description) }
            if term == nil, move["invoice_date_due"].isUnset { out["invoice_date_due"] = .string(day.description) }
        }
        update("account.move", id, out)
    }

    // MARK: - Lines

    /// Commands of `line_ids` or `invoice_line_ids`.
    mutating func apply(_ commands: [OdooCommand], to move: Int, _ field: String) throws(OdooProblem) {
        for command in commands {
            // Lines that come or go have their taxes worked out anew.
            if case .update = command {} else { update("account.move", move, ["forced_taxes": false]) }
            switch command {
            case .create(let vals): _ = try addLine(move, vals, field)
            case .update(let line, let vals): try changeLine(line, vals)
            case .delete(let line), .unlink(let line):
                guard record("account.move.line", line) != nil else { throw .missing("account.move.line", [line], user: user) }
                delete("account.move.line", line)
            case .clear:
                for line in lines(of: move) where field == "line_ids" || ["product", "line_section", "line_note"].contains(line.text("role")) {
                    delete("account.move.line", line.id)
                }
            case .set(let kept):
                for line in lines(of: move) where line.text("role") == "product" && !kept.contains(line.id) { delete("account.move.line", line.id) }
            case .link: continue
            }
        }
        guard lines(of: move).count <= Self.linesMost else { throw .user("More than \(Self.linesMost) journal items") }
    }

    /// `create` of journal items apart from their entry.
    mutating func createLines(_ vals: JSON) throws(OdooProblem) -> Int {
        guard let move = vals["move_id"]?.int else { throw .validation("Missing required value for the field 'Journal Entry' (move_id).") }
        guard let entry = record("account.move", move) else { throw .missing("account.move", [move], user: user) }
        try guardPosted(entry, ["line_ids"])
        let id = try addLine(move, vals, entry.text("move_type") == "entry" ? "line_ids" : "invoice_line_ids")
        try recompute(move)
        return id
    }

    private mutating func addLine(_ move: Int, _ vals: JSON, _ field: String) throws(OdooProblem) -> Int {
        guard let entry = record("account.move", move) else { return 0 }
        var sent = try clean("account.move.line", vals).plain
        sent["move_id"] = .int(move)
        let display = sent["display_type"]?.string ?? ""
        let isText = display.hasPrefix("line_")
        sent["role"] = .string(isText ? display : "product")
        let isInvoice = OdooMoveType.invoices.contains(entry.text("move_type") ?? "")
        if sent["partner_id"].map(\.isUnset) ?? true, isInvoice { sent["partner_id"] = entry["partner_id"] }
        if sent["currency_id"].map(\.isUnset) ?? true || isInvoice { sent["currency_id"] = entry["currency_id"] }
        if sent["sequence"] == nil { sent["sequence"] = .int(10 + lines(of: move).count) }
        if isText { return insert("account.move.line", sent) }
        if isInvoice { fill(invoiceLine: &sent, entry) } else { try fill(entryLine: &sent, entry) }
        if sent["account_id"].map(\.isUnset) ?? true {
            if isInvoice { throw .validation("Missing required account on accountable line.") }
            throw .validation(
                version >= 16
                    ? "Missing required account on accountable line."
                    : "The operation cannot be completed: Missing required account on accountable invoice line.")
        }
        sent["debit"] = nil
        sent["credit"] = nil
        return insert("account.move.line", sent)
    }

    /// What an invoice's line has when nothing was said of it: the product's, then the journal's.
    private func fill(invoiceLine line: inout [String: JSON], _ entry: OdooRecord) {
        let isSale = OdooMoveType.sales.contains(entry.text("move_type") ?? "")
        let product = record("product.product", line["product_id"]?.int)
        let category = record("product.category", product?.int("categ_id"))
        if line["account_id"].map(\.isUnset) ?? true {
            let own = product?.int(isSale ? "property_account_income_id" : "property_account_expense_id")
            let shared = category?.int(isSale ? "property_account_income_categ_id" : "property_account_expense_categ_id")
            line["account_id"] = .orFalse(own ?? shared ?? record("account.journal", entry.int("journal_id"))?.int("default_account_id"))
        }
        if line["tax_ids"] == nil {
            let taxes = product?.ids(isSale ? "taxes_id" : "supplier_taxes_id") ?? []
            let ofAccount = record("account.account", line["account_id"]?.int)?.ids("tax_ids") ?? []
            line["tax_ids"] = .ids(taxes.isEmpty ? ofAccount : taxes)
        }
        if line["name"].map(\.isUnset) ?? true, let product { line["name"] = .string(displayName("product.product", product)) }
        if line["quantity"] == nil { line["quantity"] = 1 }
        if line["price_unit"] == nil {
            let sum = (line["balance"]?.decimal ?? line["debit"]?.decimal ?? .zero) - (line["credit"]?.decimal ?? .zero)
            let signed = OdooMoveType.sign(entry.text("move_type") ?? "") < 0 ? -sum : sum
            line["price_unit"] = .decimal(sum.isZero ? product?.decimal(isSale ? "list_price" : "standard_price") ?? .zero : signed)
        }
        if line["product_uom_id"] == nil, let unit = product?.int("uom_id") { line["product_uom_id"] = .int(unit) }
    }

    private func fill(entryLine line: inout [String: JSON], _ entry: OdooRecord) throws(OdooProblem) {
        let (debit, credit) = (line["debit"]?.decimal ?? .zero, line["credit"]?.decimal ?? .zero)
        if !debit.isZero, !credit.isZero { throw .validation("Wrong credit or debit value in accounting entry !") }
        let isBaseSent = line["debit"] != nil || line["credit"] != nil || line["balance"] != nil
        let places = places(companyCurrency)
        let currency = line["currency_id"]?.int ?? companyCurrency
        guard var base = OdooAmount.minor(line["balance"]?.decimal ?? debit - credit, places) else { throw .value("numeric field overflow") }
        var foreign = line["amount_currency"]?.decimal.flatMap { OdooAmount.minor($0, self.places(currency)) }
        let date = entry.date("date") ?? today
        if currency == companyCurrency {
            if !isBaseSent, let foreign { base = foreign }
            foreign = base
        } else if let foreign {
            if !isBaseSent { base = toBase(foreign, currency, rate(currency, on: date)) }
        } else {
            let converted = OdooAmount.decimal(base, places).multiplied(by: rate(currency, on: date))
            foreign = converted.flatMap { OdooAmount.minor($0, self.places(currency)) }.map(OdooAmount.bounded) ?? 0
        }
        line["balance"] = OdooAmount.json(base, places)
        line["amount_currency"] = OdooAmount.json(foreign ?? base, self.places(currency))
    }

    /// An amount of a currency in the company's, to the cent.
    func toBase(_ minor: Int64, _ currency: Int, _ rate: ExactDecimal) -> Int64 {
        guard currency != companyCurrency else { return minor }
        let places = places(companyCurrency)
        return OdooAmount.minor(Self.quotient(OdooAmount.decimal(minor, self.places(currency)), rate, places: places), places).map(OdooAmount.bounded) ?? 0
    }

    /// `write` on journal items.
    mutating func writeLine(_ id: Int, _ vals: JSON) throws(OdooProblem) {
        guard let line = record("account.move.line", id), let move = move(of: line) else { return }
        let legal: Set<String> = ["name", "partner_id", "analytic_distribution", "analytic_account_id",
            "analytic_tag_ids", "date_maturity", "sequence", "matching_number"]
        let touched = (vals.object ?? []).map(\.key).filter { !legal.contains($0) }
        if move.text("state") == "posted", !touched.isEmpty {
            if touched.contains("tax_ids") {
                throw .user("You cannot modify the taxes related to a posted journal item, you should reset the journal entry to draft to do so.")
            }
            try guardPosted(move, ["line_ids"])
        }
        try changeLine(id, vals)
        if move.text("state") != "posted" { try recompute(move.id) }
    }

    private mutating func changeLine(_ id: Int, _ vals: JSON) throws(OdooProblem) {
        guard let line = record("account.move.line", id), let move = move(of: line) else { throw .missing("account.move.line", [id], user: user) }
        var sent = try clean("account.move.line", vals, onto: line).plain
        sent["move_id"] = nil
        let amounts = ["debit", "credit", "balance", "amount_currency"]
        let isInvoice = OdooMoveType.invoices.contains(move.text("move_type") ?? "")
        if isInvoice {
            // The one amount of an invoice that may be forced is a tax line's.
            if line.text("role") == "tax", amounts.contains(where: { sent[$0] != nil }) {
                try force(taxLine: line, &sent, move)
                update("account.move", move.id, ["forced_taxes": true])
            } else if ["price_unit", "quantity", "discount", "tax_ids", "account_id", "product_id"].contains(where: { sent[$0] != nil }) {
                update("account.move", move.id, ["forced_taxes": false])
            }
            for name in amounts where line.text("role") != "tax" { sent[name] = nil }
        } else if amounts.contains(where: { sent[$0] != nil }) {
            if sent["currency_id"] == nil { sent["currency_id"] = line["currency_id"] }
            if sent["debit"] != nil || sent["credit"] != nil || sent["balance"] != nil || sent["amount_currency"] != nil {
                // One side set to nothing leaves the other.
                let old = line.minor("balance", 2)
                if sent["balance"] == nil, sent["debit"] == nil, sent["credit"] != nil, old > 0, sent["credit"]?.isTrue == false {
                    sent["debit"] = OdooAmount.json(old, 2)
                }
                if sent["balance"] == nil, sent["credit"] == nil, sent["debit"] != nil, old < 0, sent["debit"]?.isTrue == false {
                    sent["credit"] = OdooAmount.json(-old, 2)
                }
            }
            try fill(entryLine: &sent, move)
        }
        sent["debit"] = nil
        sent["credit"] = nil
        update("account.move.line", id, sent)
    }

    private func force(taxLine line: OdooRecord, _ sent: inout [String: JSON], _ move: OdooRecord) throws(OdooProblem) {
        let currency = line.int("currency_id") ?? companyCurrency
        let side = sent["debit"] == nil && sent["credit"] == nil ? nil : (sent["debit"]?.decimal ?? .zero) - (sent["credit"]?.decimal ?? .zero)
        let base = (sent["balance"]?.decimal ?? side).flatMap { OdooAmount.minor($0, places(companyCurrency)) }
        let foreign = sent["amount_currency"]?.decimal.flatMap { OdooAmount.minor($0, places(currency)) }
        guard let kept = foreign ?? (currency == companyCurrency ? base : line.minor("amount_currency", places(currency))) else {
            throw .value("numeric field overflow")
        }
        sent["amount_currency"] = OdooAmount.json(kept, places(currency))
        sent["balance"] = OdooAmount.json(base ?? toBase(kept, currency, rate(of: move)), places(companyCurrency))
    }

    // MARK: - Write

    mutating func writeMove(_ id: Int, _ vals: JSON) throws(OdooProblem) {
        guard let move = record("account.move", id) else { return }
        var sent = try clean("account.move", vals, onto: move)
        let names = sent.plain.keys.sorted() + sent.lists.map(\.field.name)
        try guardPosted(move, names)
        if move.flag("posted_before"), let journal = sent.plain["journal_id"]?.int, journal != move.int("journal_id") {
            throw .user("You cannot edit the journal of an account move if it has been posted once.")
        }
        if move.text("state") == "posted", let name = sent.plain["name"]?.string, name != move.text("name") { try guardUnique(name, move) }
        let state = sent.plain.removeValue(forKey: "state")?.string
        for name in ["payment_state", "amount_total", "amount_tax", "amount_untaxed", "amount_residual"] { sent.plain[name] = nil }
        update("account.move", id, sent.plain)
        if move.text("state") != "posted" {
            if sent.has("invoice_date") || sent.has("date") || sent.has("invoice_payment_term_id") { settle(dates: id, sent.plain["date"]) }
            if sent.has("partner_id") { for line in lines(of: id) { update("account.move.line", line.id, ["partner_id": sent.plain["partner_id"] ?? false]) } }
            if sent.has("currency_id"), OdooMoveType.invoices.contains(move.text("move_type") ?? "") {
                for line in lines(of: id) { update("account.move.line", line.id, ["currency_id": sent.plain["currency_id"] ?? false]) }
            }
            let linesWritten = sent.lists.contains { !$0.commands.isEmpty }
            for (field, commands) in sent.lists { try apply(commands, to: id, field.name) }
            if linesWritten || ["partner_id", "currency_id", "invoice_date", "date", "invoice_currency_rate", "payment_reference"].contains(where: sent.has) {
                try recompute(id)
            }
        }
        if let state, state != move.text("state") {
            switch state {
            case "posted": try post([id])
            case "draft": try reset([id])
            default: try cancel([id])
            }
        }
    }

    /// What people may not change once an entry is posted.
    func guardPosted(_ move: OdooRecord, _ names: [String]) throws(OdooProblem) {
        guard move.text("state") == "posted" else { return }
        let fixed: Set<String> = [
            "invoice_line_ids", "line_ids", "invoice_date", "date", "partner_id", "invoice_payment_term_id",
            "currency_id", "fiscal_position_id", "invoice_cash_rounding_id",
            "journal_id", "move_type", "company_id",
        ]
        let touched = names.filter { fixed.contains($0) }
        guard !touched.isEmpty else { return }
        if let problem = lockProblem(move.date("date") ?? today, move) { throw problem }
        let name = move.text("name") ?? ""
        throw .user(
            version >= 17
                ? "You cannot modify the following readonly fields on a posted move: \(touched.joined(separator: ", "))"
                : """
                You cannot do this modification on a posted journal entry, you can just change some non legal fields. \
                You must revert the journal entry to draft.
                Entry (id): \(name) (\(move.id))
                """)
    }

    // MARK: - Totals

    /// Works an entry out anew from its lines.
    mutating func recompute(_ id: Int) throws(OdooProblem) {
        guard let move = record("account.move", id) else { return }
        guard OdooMoveType.invoices.contains(move.text("move_type") ?? "") else {
            try checkBalance(move)
            let places = places(companyCurrency)
            let debits = lines(of: id).reduce(Int64(0)) { $0 + max(0, $1.minor("balance", places)) }
            update("account.move", id, ["amount_total": OdooAmount.json(debits, places), "amount_total_signed": OdooAmount.json(debits, places)])
            return
        }
        if !move.flag("forced_taxes") { try computeTaxes(move) }
        balance(invoice: move)
    }

    private func checkBalance(_ move: OdooRecord) throws(OdooProblem) {
        let places = places(companyCurrency)
        let all = lines(of: move.id)
        let debits = all.reduce(Int64(0)) { $0 + max(0, $1.minor("balance", places)) }
        let credits = all.reduce(Int64(0)) { $0 - min(0, $1.minor("balance", places)) }
        guard debits != credits else { return }
        guard version >= 16 else {
            let difference = OdooAmount.json(debits - credits, places).text
            throw .user("Cannot create unbalanced journal entry. Ids: [\(move.id)]\nDifferences debit - credit: [\(difference)]")
        }
        let journal = record("account.journal", move.int("journal_id"))?.text("name") ?? ""
        func money(_ minor: Int64) -> String { "$\u{A0}\(OdooAmount.decimal(minor, places))" }
        throw .user(
            """
            An error has occurred.

            The move (\(displayName("account.move", move))) is not balanced.
            The total of debits equals \(money(debits)) and the total of credits equals \(money(credits)).
            You might want to specify a default account on journal "\(journal)" to automatically balance each move.
            """)
    }
}
