internal import Kernel
internal import Wire

/// What fields of records are: stored, or worked out from other records.
extension OdooDatabase {
    /// A field's value: a many2one as its id, lists as ids, nothing as `false` (numbers as 0).
    func value(_ record: OdooRecord, _ model: String, _ field: OdooField) -> JSON {
        let found = computed(record, model, field.name) ?? record[field.name]
        guard found.isUnset else { return found }
        switch field.kind {
        case .one2many:
            guard let relation = field.relation, let inverse = field.inverse else { return .array([]) }
            return .ids(records(relation, where: inverse, is: record.id).map(\.id))
        case .many2many: return .array([])
        case .integer: return 0
        case .float, .monetary: return .number("0.0")
        default: return .bool(false)
        }
    }

    private func computed(_ record: OdooRecord, _ model: String, _ field: String) -> JSON? {
        switch field {
        case "id": return .int(record.id)
        case "display_name": return .string(displayName(model, record))
        case "create_uid": return .int(record.createdBy)
        case "write_uid": return .int(record.writtenBy)
        case "create_date": return .string(OdooTime.micro(record.created))
        case "write_date", "__last_update": return .string(OdooTime.micro(record.written))
        default: break
        }
        switch model {
        case "account.move": return computed(move: record, field)
        case "account.move.line": return computed(line: record, field)
        case "account.payment": return computed(payment: record, field)
        case "account.account": return computed(account: record, field)
        case "res.partner": return computed(partner: record, field)
        default: return computedElsewhere(record, model, field)
        }
    }

    private func computed(account: OdooRecord, _ field: String) -> JSON? {
        let type = account.text("account_type") ?? "asset_current"
        switch field {
        case "internal_type": return .string(OdooAccounts.internalType(type))
        case "internal_group": return .string(OdooAccounts.internalGroup(type, version))
        case "active": return .bool(!account.flag("deprecated"))
        case "company_ids": return .ids([1])
        case "current_balance": return OdooAmount.json(lines(on: account.id).reduce(Int64(0)) { $0 + $1.minor("balance", 2) }, 2)
        case "used": return .bool(!lines(on: account.id).isEmpty)
        default: return nil
        }
    }

    /// Posted lines of an account.
    private func lines(on account: Int) -> [OdooRecord] {
        all("account.move.line").filter { $0.int("account_id") == account && record("account.move", $0.int("move_id"))?.text("state") == "posted" }
    }

    private func computed(partner: OdooRecord, _ field: String) -> JSON? {
        switch field {
        case "commercial_partner_id":
            guard !partner.flag("is_company"), let parent = record("res.partner", partner.int("parent_id")) else { return .int(partner.id) }
            return computed(partner: parent, field)
        case "company_type": return partner.flag("is_company") ? "company" : "person"
        case "currency_id": return .int(companyCurrency)
        case "credit", "debit":
            let type = field == "credit" ? "asset_receivable" : "liability_payable"
            let open = all("account.move.line").filter { $0.int("partner_id") == partner.id && accountType($0) == type && isPosted($0) }
            let sum = open.reduce(Int64(0)) { $0 + residual($1).base }
            return OdooAmount.json(field == "credit" ? sum : -sum, 2)
        default: return nil
        }
    }

    private func computedElsewhere(_ record: OdooRecord, _ model: String, _ field: String) -> JSON? {
        switch (model, field) {
        case ("res.company", "country_code"): return .orFalse(self.record("res.country", record.int("country_id"))?.text("code"))
        case ("res.currency", "rate"): return OdooAmount.number(rate(record.id, on: today))
        case ("res.currency", "inverse_rate"): return OdooAmount.number(Self.quotient(.one, rate(record.id, on: today), places: 6))
        case ("res.currency", "date"): return .orFalse(rates(record.id).last { $0.text("name") ?? "" <= today.description }?.text("name"))
        case ("res.currency.rate", "company_rate"): return OdooAmount.number(record.decimal("rate"))
        case ("res.currency.rate", "inverse_company_rate"): return OdooAmount.number(Self.quotient(.one, record.decimal("rate"), places: 6))
        case ("account.tax", "price_include_override"): return .orFalse(record.flag("price_include") ? "tax_included" : nil)
        case ("account.payment.method.line", "code"), ("account.payment.method.line", "payment_type"):
            return self.record("account.payment.method", record.int("payment_method_id")).map { $0[field] }
        case ("account.payment.method.line", "journal_id"): return .orFalse(record.int("inbound_journal_id") ?? record.int("outbound_journal_id"))
        case ("ir.model.data", "complete_name"): return .string((record.text("module") ?? "") + "." + (record.text("name") ?? ""))
        case ("purchase.order", "currency_rate"): return OdooAmount.number(rate(record.int("currency_id"), on: record.date("date_order") ?? today))
        case ("purchase.order", "invoice_status"): return .string(record.text("state") == "purchase" ? "to invoice" : "no")
        case ("purchase.order.line", "partner_id"), ("purchase.order.line", "currency_id"), ("purchase.order.line", "company_id"):
            return self.record("purchase.order", record.int("order_id"))?[field]
        case ("product.category", "complete_name"): return record["name"]
        case ("product.product", "lst_price"): return record["list_price"]
        case ("product.template", "product_variant_id"):
            return .orFalse(records("product.product", where: "product_tmpl_id", is: record.id).first?.id)
        case ("product.template", "product_variant_count"): return .int(records("product.product", where: "product_tmpl_id", is: record.id).count)
        case ("account.partial.reconcile", "max_date"):
            let sides = ["debit_move_id", "credit_move_id"].compactMap { self.record("account.move.line", record.int($0)) }
            return .orFalse(sides.compactMap { move(of: $0)?.text("date") }.max())
        case ("account.partial.reconcile", "debit_currency_id"): return self.record("account.move.line", record.int("debit_move_id"))?["currency_id"]
        case ("account.partial.reconcile", "credit_currency_id"): return self.record("account.move.line", record.int("credit_move_id"))?["currency_id"]
        case ("account.analytic.account", "balance"), ("account.analytic.account", "credit"), ("account.analytic.account", "debit"):
            let amounts = records("account.analytic.line", where: "account_id", is: record.id).map { $0.minor("amount", 2) }
            let counted = amounts.filter { field == "balance" || (field == "credit") == ($0 > 0) }.reduce(Int64(0), +)
            return OdooAmount.json(field == "debit" ? -counted : counted, 2)
        case ("account.payment.register", _): return computed(register: record, field)
        case (_, "company_currency_id"), ("account.analytic.account", "currency_id"), ("product.product", "currency_id"), ("product.template", "currency_id"):
            return .int(companyCurrency)
        default: return nil
        }
    }

    // MARK: - Names

    func displayName(_ model: String, _ record: OdooRecord) -> String {
        let name = record.text("name") ?? ""
        switch model {
        case "account.account": return "\(record.text("code") ?? "") \(name)"
        case "product.product", "product.template": return (record.text("default_code").map { "[\($0)] " } ?? "") + name
        case "res.partner":
            guard !record.flag("is_company"), let parent = self.record("res.partner", record.int("parent_id")) else { return name }
            return "\(parent.text("name") ?? ""), \(name)"
        case "account.analytic.account": return (record.text("code").map { "[\($0)] " } ?? "") + name
        case "account.move": return displayName(move: record)
        case "account.move.line":
            let move = self.record("account.move", record.int("move_id")).map { displayName(move: $0) } ?? ""
            return move + (name.isEmpty ? "" : " \(name)")
        case "account.payment": return name.isEmpty || name == "/" ? "Draft Payment" : name
        case "account.payment.method.line": return name.isEmpty ? "Manual Payment" : name
        default: return name.isEmpty ? "\(model),\(record.id)" : name
        }
    }

    private func displayName(move: OdooRecord) -> String {
        if let name = move.text("name"), name != "/" { return name }
        return move.text("move_type") == "entry" ? "Draft Entry (* \(move.id))" : "Draft Invoice (* \(move.id))"
    }

    // MARK: - Reading

    /// Records as `read` gives them.
    /// - Parameter names: all fields when `nil`.
    func read(_ model: String, _ ids: [Int], _ names: [String]?, classic: Bool) throws(OdooProblem) -> JSON {
        guard let schema = schema.models[model] else { throw .value("Invalid model \(model)") }
        var fields: [OdooField] = []
        for name in names ?? schema.names {
            guard let field = schema.fields[name] else { throw .value("Invalid field '\(name)' on model '\(model)'") }
            if name != "id", !fields.contains(where: { $0.name == name }) { fields.append(field) }
        }
        let gone = ids.filter { record(model, $0) == nil }
        if !gone.isEmpty { throw .missing(model, gone, user: user) }
        var rows: [JSON] = []
        for record in ids.compactMap({ record(model, $0) }) {
            var members: [(key: String, value: JSON)] = [("id", .int(record.id))]
            for field in fields { members.append((field.name, shown(value(record, model, field), field, classic: classic))) }
            rows.append(.object(members))
        }
        return .array(rows)
    }

    private func shown(_ value: JSON, _ field: OdooField, classic: Bool) -> JSON {
        switch field.kind {
        case .datetime: return value.string.map { .string(String($0.prefix(19))) } ?? value
        case .float, .monetary: return value.decimal.map { OdooAmount.number($0) } ?? value
        case .many2one:
            guard classic, let id = value.int, let relation = field.relation else { return value }
            return .array([.int(id), .string(record(relation, id).map { displayName(relation, $0) } ?? "\(relation),\(id)")])
        default: return value
        }
    }

    // MARK: - Money

    var companyCurrency: Int { record("res.company", 1)?.int("currency_id") ?? 1 }

    func places(_ currency: Int?) -> Int { record("res.currency", currency)?.int("decimal_places") ?? 2 }

    func rates(_ currency: Int) -> [OdooRecord] {
        records("res.currency.rate", where: "currency_id", is: currency).sorted { ($0.text("name") ?? "") < ($1.text("name") ?? "") }
    }

    /// Units of the currency for one of the company's, as the day's rate says: the last one before it, or else the first there is.
    func rate(_ currency: Int?, on date: LocalDate) -> ExactDecimal {
        guard let currency, currency != companyCurrency else { return .one }
        let known = rates(currency)
        let found = known.last { $0.text("name") ?? "" <= date.description } ?? known.first
        return found.map { $0.decimal("rate") }.flatMap { $0.isZero || $0.isNegative ? nil : $0 } ?? .one
    }

    /// `a / b`, half away from zero; 0 for a `b` that is not positive.
    static func quotient(_ a: ExactDecimal, _ b: ExactDecimal, places: Int) -> ExactDecimal {
        guard !b.isZero, !b.isNegative, let up = a.rescaled(toScale: min(30, places + b.shortest.scale)) else { return .zero }
        let value = ExactDecimal.divideHalfUp(up.coefficient, b.shortest.coefficient)
        return ExactDecimal(coefficient: value, scale: min(30, places + b.shortest.scale) - b.shortest.scale)
    }

    // MARK: - Short ways

    func move(of line: OdooRecord) -> OdooRecord? { record("account.move", line.int("move_id")) }
    func isPosted(_ line: OdooRecord) -> Bool { move(of: line)?.text("state") == "posted" }
    func accountType(_ line: OdooRecord) -> String { record("account.account", line.int("account_id"))?.text("account_type") ?? "" }
}

/// The kinds of accounts, old words and new.
enum OdooAccounts {
    static func internalType(_ type: String) -> String {
        switch type {
        case "asset_receivable": "receivable"
        case "liability_payable": "payable"
        case "asset_cash", "liability_credit_card": "liquidity"
        default: "other"
        }
    }

    static func internalGroup(_ type: String, _ version: Int) -> String {
        if type == "off_balance" { return version >= 17 ? "off" : "off_balance" }
        return String(type.prefix { $0 != "_" })
    }

    /// Until version 15 an account's type was a record of its own.
    static let types: [(name: String, type: String)] = [
        ("Receivable", "asset_receivable"), ("Payable", "liability_payable"), ("Bank and Cash", "asset_cash"), ("Credit Card", "liability_credit_card"),
        ("Current Assets", "asset_current"), ("Non-current Assets", "asset_non_current"), ("Prepayments", "asset_prepayments"),
        ("Fixed Assets", "asset_fixed"), ("Current Liabilities", "liability_current"), ("Non-current Liabilities", "liability_non_current"),
        ("Equity", "equity"), ("Current Year Earnings", "equity_unaffected"), ("Income", "income"), ("Other Income", "income_other"),
        ("Expenses", "expense"), ("Depreciation", "expense_depreciation"), ("Cost of Revenue", "expense_direct_cost"), ("Off-Balance Sheet", "off_balance"),
    ]
}
