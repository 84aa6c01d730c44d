internal import Kernel
internal import Wire

/// One x2many command.
/// - Source: odoo/documentation `developer/reference/backend/orm`, Command.
enum OdooCommand: Sendable {
    case create(JSON), update(Int, JSON), delete(Int), unlink(Int), link(Int), clear, set([Int])

    /// - Throws: `ValueError` where it is none.
    static func list(_ json: JSON, _ field: String) throws(OdooProblem) -> [OdooCommand] {
        if json.isUnset { return [.clear] }
        guard let tokens = json.array else { throw .value("Wrong value for \(field): \(json.text)") }
        var out: [OdooCommand] = []
        for token in tokens {
            // A bare id stands for a link to it.
            if let id = token.int {
                out.append(.link(id))
                continue
            }
            guard let code = token[0]?.int else { throw .value("Wrong value for \(field): \(json.text)") }
            switch (code, token[1]?.int) {
            case (0, _): out.append(.create(token[2] ?? .object([])))
            case (1, let id?): out.append(.update(id, token[2] ?? .object([])))
            case (2, let id?): out.append(.delete(id))
            case (3, let id?): out.append(.unlink(id))
            case (4, let id?): out.append(.link(id))
            case (5, _): out.append(.clear)
            case (6, _): out.append(.set(token[2]?.idList ?? []))
            default: throw .value("Wrong value for \(field): \(json.text)")
            }
        }
        return out
    }
}

/// Values that a caller sent, made what the database keeps.
struct OdooSent: Sendable {
    var plain: [String: JSON] = [:]
    /// Commands of one2many fields, in the order they came.
    var lists: [(field: OdooField, commands: [OdooCommand])] = []

    func has(_ field: String) -> Bool { plain[field] != nil || lists.contains { $0.field.name == field } }
}

extension OdooDatabase {
    /// - Parameter current: what a many2many's commands change.
    func clean(_ model: String, _ sent: JSON, onto current: OdooRecord? = nil) throws(OdooProblem) -> OdooSent {
        guard let schema = schema.models[model] else { throw .value("Invalid model \(model)") }
        guard let members = sent.object else { throw .attribute("'\(Self.pythonType(sent))' object has no attribute 'items'") }
        var out = OdooSent()
        for (name, value) in members {
            guard let field = schema.fields[name] else { throw .value("Invalid field '\(name)' on model '\(model)'") }
            switch field.kind {
            case .one2many: out.lists.append((field, try OdooCommand.list(value, "\(model).\(name)")))
            case .many2many:
                var ids = current?.ids(name) ?? []
                for command in try OdooCommand.list(value, "\(model).\(name)") {
                    switch command {
                    case .link(let id): if !ids.contains(id) { ids.append(id) }
                    case .unlink(let id), .delete(let id): ids.removeAll { $0 == id }
                    case .clear: ids = []
                    case .set(let all): ids = all
                    case .create, .update: throw .value("Wrong value for \(model).\(name): \(value.text)")
                    }
                }
                let gone = ids.filter { record(field.relation ?? "", $0) == nil }
                if !gone.isEmpty { throw .missing(field.relation ?? "", gone, user: user) }
                // An empty list says more than nothing: it stops defaults.
                out.plain[name] = .ids(ids)
            default: out.plain[name] = try clean(value, field, model)
            }
        }
        for name in ["id", "create_date", "create_uid", "write_date", "write_uid", "display_name", "__last_update"] { out.plain[name] = nil }
        return out
    }

    private func clean(_ value: JSON, _ field: OdooField, _ model: String) throws(OdooProblem) -> JSON {
        func wrong() -> OdooProblem { .value("Wrong value for \(model).\(field.name): \(value.string.map { "'\($0)'" } ?? value.text)") }
        if field.kind == .boolean { return .bool(value.isTrue) }
        if value.isUnset { return .bool(false) }
        switch field.kind {
        case .char, .text, .binary: return .string(value.string ?? value.text)
        case .html:
            let text = value.string ?? value.text
            return .string(text.isEmpty || text.contains("<") ? text : "<p>\(text)</p>")
        case .integer:
            guard let number = value.int ?? value.decimal?.rescaled(toScale: 0).flatMap({ $0.smallCoefficient.map { Int($0) } }) else { throw wrong() }
            guard Int32(exactly: number) != nil else { throw .value("integer out of range") }
            return .int(number)
        case .float, .monetary:
            guard let number = value.decimal else {
                if let text = value.string { throw .value("could not convert string to float: '\(text)'") }
                throw .type("float() argument must be a string or a real number, not '\(Self.pythonType(value))'")
            }
            let most = ExactDecimal(field.kind == .monetary ? 100_000_000_000 : 9_000_000_000_000)
            guard number > -most, number < most else { throw .value("numeric field overflow") }
            return .decimal(number.scale > 8 ? number.rescaled(toScale: 8) ?? number : number)
        case .date, .datetime:
            guard let text = value.string, let day = LocalDate(text.prefix(10)) else {
                throw .value("time data '\(value.string ?? value.text)' does not match format '%Y-%m-%d\(field.kind == .date ? "" : " %H:%M:%S")'")
            }
            return .string(field.kind == .date ? day.description : text)
        case .selection:
            guard let key = value.string, field.selection.contains(key) else { throw wrong() }
            return value
        case .many2one:
            guard let id = value.int else { throw wrong() }
            guard record(field.relation ?? "", id) != nil else { throw .missing(field.relation ?? "", [id], user: user) }
            return value
        default: return value
        }
    }

    static func pythonType(_ value: JSON) -> String {
        switch value {
        case .null: "NoneType"
        case .bool: "bool"
        case .number(let digits): digits.contains(".") ? "float" : "int"
        case .string: "str"
        case .array: "list"
        case .object: "dict"
        }
    }

    // MARK: - Create

    mutating func create(_ model: String, _ vals: JSON) throws(OdooProblem) -> Int {
        switch model {
        case "account.move": return try createMove(vals)
        case "account.move.line": return try createLines(vals)
        case "account.payment": return try createPayment(vals)
        case "account.payment.register": return try createRegister(vals)
        case "account.move.reversal": return try createReversal(vals)
        case "purchase.order": return try createOrder(vals)
        case "purchase.order.line": return try createOrderLine(vals)
        default: break
        }
        var sent = try clean(model, vals)
        let defaults = OdooSeed.defaults(model, self)
        for (field, value) in defaults where sent.plain[field] == nil { sent.plain[field] = value }
        try prepare(model, &sent, nil)
        try demand(model, sent.plain)
        let id = insert(model, sent.plain)
        try follow(model, id, sent)
        return id
    }

    /// A required field that is not set.
    func demand(_ model: String, _ values: [String: JSON]) throws(OdooProblem) {
        guard let schema = schema.models[model] else { return }
        for name in schema.names {
            guard let field = schema.fields[name], field.required, field.kind != .boolean, !field.isNumber, !field.isList else { continue }
            if values[name].map(\.isUnset) ?? true { throw mandatory(schema, field) }
        }
    }

    private func mandatory(_ model: OdooModel, _ field: OdooField) -> OdooProblem {
        let label = OdooModel.label(of: field)
        if version >= 18 { return .validation("Missing required value for the field '\(label)' (\(field.name)).\nModel: '\(model.label)' (\(model.name))") }
        return .validation(
            """
            The operation cannot be completed:
            - Create/update: a mandatory field is not set.
            - Delete: another model requires the record being deleted. If possible, archive it instead.

            Model: \(model.label) (\(model.name)), Field: \(label) (\(field.name))
            """)
    }

    // MARK: - Write

    mutating func write(_ model: String, _ ids: [Int], _ vals: JSON) throws(OdooProblem) {
        let gone = ids.filter { record(model, $0) == nil }
        if !gone.isEmpty { throw .missing(model, gone, user: user) }
        for id in ids {
            switch model {
            case "account.move": try writeMove(id, vals)
            case "account.move.line": try writeLine(id, vals)
            case "account.payment": try writePayment(id, vals)
            case "purchase.order": try writeOrder(id, vals)
            case "purchase.order.line": try writeOrderLine(id, vals)
            default:
                var sent = try clean(model, vals, onto: record(model, id))
                try prepare(model, &sent, record(model, id))
                var after = record(model, id)?.values ?? [:]
                for (field, value) in sent.plain { after[field] = value }
                try demand(model, after)
                update(model, id, sent.plain)
                try follow(model, id, sent)
            }
        }
    }

    /// What one field leads to in others, before a row is kept.
    private mutating func prepare(_ model: String, _ sent: inout OdooSent, _ old: OdooRecord?) throws(OdooProblem) {
        if let old, let parent = sent.plain["parent_id"]?.int, leads(parent, to: old.id, model) {
            throw .validation(model == "res.partner" ? "You cannot create recursive Partner hierarchies." : "Recursion Detected.")
        }
        func text(_ field: String) -> String? { sent.plain[field]?.string ?? (sent.plain[field] == nil ? old?.text(field) : nil) }
        switch model {
        case "res.partner":
            if let type = sent.plain["company_type"]?.string { sent.plain["is_company"] = .bool(type == "company") }
            if text("name") == nil, ["contact", nil].contains(text("type")) { throw .validation("Contacts require a name") }
        case "account.account": try prepareAccount(&sent, old)
        case "account.tax":
            if let included = sent.plain["price_include_override"] { sent.plain["price_include"] = .bool(included == "tax_included") }
            // Bounds that keep every product of amounts exact.
            if let amount = sent.plain["amount"]?.decimal {
                guard amount > ExactDecimal(-1_000_000), amount < ExactDecimal(1_000_000), let kept = amount.rescaled(toScale: 4) else {
                    throw .value("numeric field overflow")
                }
                sent.plain["amount"] = .decimal(kept)
            }
        case "account.journal":
            let code = text("code")
            if all(model).contains(where: { $0.text("code") == code && $0.id != old?.id }) { throw .validation("Journal codes must be unique per company.") }
        case "product.product", "product.template":
            if let price = sent.plain["lst_price"] { sent.plain["list_price"] = price }
            if old == nil, model == "product.product", sent.plain["product_tmpl_id"] == nil {
                let shared = sent.plain.filter { schema.models["product.template"]?.fields[$0.key] != nil }
                sent.plain["product_tmpl_id"] = .int(insert("product.template", shared))
            }
        case "res.currency.rate":
            if let rate = sent.plain["company_rate"] ?? sent.plain["rate"] { sent.plain["rate"] = rate }
            if let inverse = sent.plain["inverse_company_rate"]?.decimal { sent.plain["rate"] = .decimal(Self.quotient(.one, inverse, places: 9)) }
        case "res.company":
            if let hard = sent.plain["hard_lock_date"], let before = old?.text("hard_lock_date") {
                if hard.isUnset { throw .user("The Hard Lock Date cannot be removed.") }
                if (hard.string ?? "") < before { throw .user("A new Hard Lock Date must be posterior (or equal) to the previous one.") }
            }
        case "ir.attachment":
            if let content = sent.plain["datas"]?.string {
                let padding = content.utf8.reversed().prefix { $0 == 61 }.count
                sent.plain["file_size"] = .int(content.utf8.count / 4 * 3 - padding)
            }
        default: break
        }
    }

    /// Whether the way up from a record passes another one.
    private func leads(_ id: Int, to other: Int, _ model: String) -> Bool {
        var at: Int? = id
        while let here = at, here != other { at = record(model, here)?.int("parent_id") }
        return at == other
    }

    private func prepareAccount(_ sent: inout OdooSent, _ old: OdooRecord?) throws(OdooProblem) {
        if let type = sent.plain["user_type_id"]?.int, OdooAccounts.types.indices.contains(type - 1) {
            sent.plain["account_type"] = .string(OdooAccounts.types[type - 1].type)
        }
        if let active = sent.plain["active"] { sent.plain["deprecated"] = .bool(!active.isTrue) }
        let type = sent.plain["account_type"]?.string ?? old?.text("account_type")
        if ["asset_receivable", "liability_payable"].contains(type) {
            if sent.plain["reconcile"]?.isTrue == false, sent.plain["reconcile"] != nil, old != nil {
                throw .validation("You cannot have a receivable/payable account that is not reconcilable. (account code: \(old?.text("code") ?? ""))")
            }
            sent.plain["reconcile"] = true
        }
        guard let code = sent.plain["code"]?.string, all("account.account").contains(where: { $0.text("code") == code && $0.id != old?.id }) else { return }
        throw .validation(
            version >= 18
                ? "Account codes must be unique. You can't create accounts with these duplicate codes: \(code)"
                : "The code of the account must be unique per company !")
    }

    /// What else a kept row leads to.
    private mutating func follow(_ model: String, _ id: Int, _ sent: OdooSent) throws(OdooProblem) {
        for (field, commands) in sent.lists { try apply(commands, field, of: id) }
        switch model {
        case "product.template" where records("product.product", where: "product_tmpl_id", is: id).isEmpty:
            var values = (record(model, id)?.values ?? [:]).filter { schema.models["product.product"]?.fields[$0.key] != nil }
            values["product_tmpl_id"] = .int(id)
            insert("product.product", values)
        case "product.template":
            for product in records("product.product", where: "product_tmpl_id", is: id) { update("product.product", product.id, sent.plain) }
        case "product.product":
            guard let template = record(model, id)?.int("product_tmpl_id") else { return }
            update("product.template", template, sent.plain.filter { schema.models["product.template"]?.fields[$0.key] != nil })
        default: break
        }
    }

    /// Commands of a one2many field.
    private mutating func apply(_ commands: [OdooCommand], _ field: OdooField, of id: Int) throws(OdooProblem) {
        guard let relation = field.relation, let inverse = field.inverse else { return }
        for command in commands {
            switch command {
            case .create(let vals): _ = try create(relation, vals.setting(inverse, .int(id)))
            case .update(let row, let vals): try write(relation, [row], vals)
            case .delete(let row): try unlink(relation, [row])
            case .unlink(let row): update(relation, row, [inverse: false])
            case .link(let row): try write(relation, [row], .object([(inverse, .int(id))]))
            case .clear: for row in records(relation, where: inverse, is: id) { update(relation, row.id, [inverse: false]) }
            case .set(let rows):
                for row in records(relation, where: inverse, is: id) where !rows.contains(row.id) { update(relation, row.id, [inverse: false]) }
                try write(relation, rows, .object([(inverse, .int(id))]))
            }
        }
    }

    // MARK: - Unlink

    mutating func unlink(_ model: String, _ ids: [Int]) throws(OdooProblem) {
        let gone = ids.filter { record(model, $0) == nil }
        if !gone.isEmpty { throw .missing(model, gone, user: user) }
        switch model {
        case "account.move": try unlinkMoves(ids)
        case "account.move.line": try unlinkLines(ids)
        case "account.payment": try unlinkPayments(ids)
        case "purchase.order": try unlinkOrders(ids)
        case "purchase.order.line": try unlinkOrderLines(ids)
        default:
            for id in ids {
                try keepReferred(model, id)
                delete(model, id)
            }
        }
    }

    /// What PostgreSQL does not let go: records that entries lead to.
    private func keepReferred(_ model: String, _ id: Int) throws(OdooProblem) {
        let field: String
        switch model {
        case "account.account":
            guard all("account.move.line").contains(where: { $0.int("account_id") == id }) else { return }
            throw .user("You cannot perform this action on an account that contains journal items.")
        case "account.journal": field = "journal_id"
        case "res.partner": field = "partner_id"
        case "product.product": field = "product_id"
        default: return
        }
        let from = model == "product.product" ? "account.move.line" : "account.move"
        guard all(from).contains(where: { $0.int(field) == id }), let label = schema.models[from]?.label else { return }
        throw .validation(
            "The operation cannot be completed: another model requires the record being deleted. If possible, archive it instead.\n\nModel: \(label) (\(from))")
    }
}

extension OdooProblem {
    static func unbound(_ message: String) -> OdooProblem { OdooProblem(kind: .unprocessable, message: message) }
    static func attribute(_ message: String) -> OdooProblem { OdooProblem(kind: .attributeError, message: message) }
}

extension OdooModel {
    /// `payment_reference` → `Payment Reference`, `partner_id` → `Partner`.
    static func label(of field: OdooField) -> String {
        var words = field.name.split(separator: "_").map(String.init)
        if words.count > 1, words.last == "id" || words.last == "ids" { words.removeLast() }
        return words.map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined(separator: " ")
    }
}
