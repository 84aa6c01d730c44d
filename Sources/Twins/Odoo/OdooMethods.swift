internal import Kernel
internal import Wire

/// A call of a model's method, its arguments by name.
struct OdooCall: Sendable {
    var model: String
    var method: String
    var ids: [Int] = []
    var arguments: [String: JSON] = [:]

    func text(_ name: String) -> String? { arguments[name]?.string.flatMap { $0.isEmpty ? nil : $0 } }
    func int(_ name: String) -> Int? { arguments[name]?.int }
}

/// What a method takes.
struct OdooMethod: Sendable {
    /// Of records: its first argument is their ids.
    var isOfRecords: Bool
    var params: [String]
    /// How many of `params` must be there.
    var required = 0
    /// What it needs to be allowed: `read`, `write`, `create`, `unlink`.
    var right = "read"

    private static let general: [String: OdooMethod] = [
        "search": OdooMethod(isOfRecords: false, params: ["domain", "offset", "limit", "order"], required: 1),
        "search_read": OdooMethod(isOfRecords: false, params: ["domain", "fields", "offset", "limit", "order"]),
        "search_count": OdooMethod(isOfRecords: false, params: ["domain", "limit"], required: 1),
        "read": OdooMethod(isOfRecords: true, params: ["fields", "load"]),
        "create": OdooMethod(isOfRecords: false, params: ["vals_list"], required: 1, right: "create"),
        "write": OdooMethod(isOfRecords: true, params: ["vals"], required: 1, right: "write"),
        "unlink": OdooMethod(isOfRecords: true, params: [], right: "unlink"),
        "exists": OdooMethod(isOfRecords: true, params: []),
        "fields_get": OdooMethod(isOfRecords: false, params: ["allfields", "attributes"]),
        "default_get": OdooMethod(isOfRecords: false, params: ["fields"], required: 1),
        "name_search": OdooMethod(isOfRecords: false, params: ["name", "domain", "operator", "limit"]),
        "name_create": OdooMethod(isOfRecords: false, params: ["name"], required: 1, right: "create"),
        "load": OdooMethod(isOfRecords: false, params: ["fields", "data"], required: 2, right: "create"),
        "check_access_rights": OdooMethod(isOfRecords: false, params: ["operation", "raise_exception"], required: 1),
    ]

    private static let wizard = OdooMethod(isOfRecords: true, params: [], right: "write")

    private static let special: [String: OdooMethod] = [
        "account.move.action_post": wizard, "account.move.button_draft": wizard, "account.move.button_cancel": wizard,
        "account.move.js_assign_outstanding_line": OdooMethod(isOfRecords: true, params: ["line_id"], required: 1, right: "write"),
        "account.move.js_remove_outstanding_partial": OdooMethod(isOfRecords: true, params: ["partial_id"], required: 1, right: "write"),
        "purchase.order.button_confirm": wizard, "purchase.order.button_approve": wizard, "purchase.order.button_cancel": wizard,
        "purchase.order.button_draft": wizard, "account.move.line.reconcile": wizard, "account.move.line.remove_move_reconcile": wizard,
        "account.payment.action_post": wizard, "account.payment.action_draft": wizard, "account.payment.action_cancel": wizard,
        "account.payment.register.action_create_payments": wizard,
        "account.move.reversal.reverse_moves": OdooMethod(isOfRecords: true, params: ["is_modify"], right: "write"),
        "account.move.reversal.refund_moves": wizard, "account.move.reversal.modify_moves": wizard,
        "res.users.context_get": OdooMethod(isOfRecords: false, params: []),
        "res.users.apikeys.generate": OdooMethod(isOfRecords: false, params: ["key", "scope", "name", "expiration_date"], required: 4),
        "res.users.apikeys.revoke": OdooMethod(isOfRecords: false, params: ["key"], required: 1),
        "ir.model.data.xmlid_to_res_model_res_id": OdooMethod(isOfRecords: false, params: ["xmlid", "raise_if_not_found"], required: 1),
        "ir.model.data.check_object_reference": OdooMethod(isOfRecords: false, params: ["module", "xml_id", "raise_on_access_error"], required: 2),
    ]

    /// - Throws: what the version says of a method that it has not.
    static func find(_ model: String, _ method: String, _ version: Int) throws(OdooProblem) -> OdooMethod {
        if method.hasPrefix("_") {
            let name = version >= 18 ? "'\(model).\(method)'" : method
            throw OdooProblem(kind: .accessError, message: "Private methods (such as \(name)) cannot be called remotely.")
        }
        if method == "xmlid_to_res_model_res_id", version >= 15 { throw unknown(model, method, version) }
        let isNew = ["refund_moves", "modify_moves"].contains(method) ? 17 : model == "res.users.apikeys" && ["generate", "revoke"].contains(method) ? 19 : 0
        if let found = special["\(model).\(method)"], version >= isNew { return found }
        if method == "name_get", version <= 17 { return OdooMethod(isOfRecords: true, params: []) }
        if let found = general[method] {
            // The name search's domain was called args before.
            if method == "name_search", version <= 17 { return OdooMethod(isOfRecords: false, params: ["name", "args", "operator", "limit"]) }
            if method == "default_get", version <= 17 { return OdooMethod(isOfRecords: false, params: ["fields_list"], required: 1) }
            return found
        }
        throw unknown(model, method, version)
    }

    private static func unknown(_ model: String, _ method: String, _ version: Int) -> OdooProblem {
        .attribute(version >= 18 ? "The method '\(model).\(method)' does not exist" : "type object '\(model)' has no attribute '\(method)'")
    }

    // MARK: - Arguments

    /// Arguments by place and by name, as RPC has them; a context among the named ones is left out.
    func bind(_ model: String, _ name: String, _ places: [JSON], _ named: [(key: String, value: JSON)]) throws(OdooProblem) -> OdooCall {
        var call = OdooCall(model: model, method: name)
        var rest = places[...]
        if isOfRecords {
            if let first = rest.popFirst() {
                call.ids = first.idList
            } else if let ids = named.first(where: { $0.key == "ids" }) {
                call.ids = ids.value.idList
            } else {
                throw .type("\(name)() missing 1 required positional argument: 'ids'")
            }
        }
        guard rest.count <= params.count else {
            throw .type("\(name)() takes \(params.count + 1) positional arguments but \(rest.count + 1) were given")
        }
        for (param, value) in zip(params, rest) { call.arguments[param] = value }
        for (key, value) in named where key != "context" && !(isOfRecords && key == "ids") {
            let param = key == "vals" && name == "create" ? "vals_list" : key
            guard params.contains(param) else { throw .type("\(name)() got an unexpected keyword argument '\(key)'") }
            guard call.arguments[param] == nil else { throw .type("\(name)() got multiple values for argument '\(key)'") }
            call.arguments[param] = value
        }
        for param in params.prefix(required) where call.arguments[param] == nil {
            throw .type("\(name)() missing 1 required positional argument: '\(param)'")
        }
        return call
    }

    /// Named arguments alone, as JSON-2 has them.
    func bind(_ model: String, _ name: String, _ body: [(key: String, value: JSON)]) throws(OdooProblem) -> OdooCall {
        var call = OdooCall(model: model, method: name)
        for (key, value) in body where key != "context" {
            if key == "ids" {
                if !isOfRecords, value.isTrue { throw .unbound("cannot call \(model).\(name) with ids") }
                call.ids = value.idList
                continue
            }
            guard params.contains(key) else { throw .unbound("got an unexpected keyword argument '\(key)'") }
            call.arguments[key] = value
        }
        for param in params.prefix(required) where call.arguments[param] == nil { throw .unbound("missing a required argument: '\(param)'") }
        return call
    }
}

extension OdooDatabase {
    // MARK: - Rights

    private func guardRight(_ model: String, _ right: String) throws(OdooProblem) {
        guard user == OdooSeed.reader, right != "read", let label = schema.models[model]?.label else { return }
        let verb = ["write": "modify", "create": "create", "unlink": "delete"][right] ?? "access"
        throw OdooProblem(
            kind: .accessError,
            message: """
                You are not allowed to \(verb) '\(label)' (\(model)) records.

                This operation is allowed for the following groups:
                \t- Accounting/Billing

                Contact your administrator to request access if necessary.
                """)
    }

    private func guardCompanies() throws(OdooProblem) {
        guard let allowed = context["allowed_company_ids"]?.idList, !allowed.isEmpty, allowed.contains(where: { record("res.company", $0) == nil }) else {
            return
        }
        throw OdooProblem(kind: .accessError, message: "Access to unauthorized or invalid companies.")
    }

    // MARK: - Running

    /// Runs a method; `nil` is Python's `None`.
    mutating func run(_ call: OdooCall, _ method: OdooMethod, _ random: any RandomSource) throws(OdooProblem) -> JSON? {
        try guardCompanies()
        try guardRight(call.model, method.right)
        if let special = try runSpecial(call, random) {
            // Not `isNull ? nil : special`: there `nil` would be the literal for `JSON.null`.
            if special.isNull { return Optional.none }
            return special
        }
        switch call.method {
        case "search": return .ids(try search(call.model, call.arguments["domain"], order: call.text("order"),
            offset: call.int("offset") ?? 0, limit: call.int("limit")))
        case "search_count": return .int(try search(call.model, call.arguments["domain"], limit: call.int("limit")).count)
        case "search_read":
            let ids = try search(call.model, call.arguments["domain"], order: call.text("order"), offset: call.int("offset") ?? 0, limit: call.int("limit"))
            return try read(call.model, ids, names(call.arguments["fields"]), classic: true)
        case "read":
            let load = call.arguments["load"]
            return try read(call.model, call.ids, names(call.arguments["fields"]), classic: load == nil || load == "_classic_read")
        case "create":
            let sent = call.arguments["vals_list"] ?? .null
            guard let list = sent.array else { return .int(try create(call.model, sent)) }
            var made: [Int] = []
            for vals in list { made.append(try create(call.model, vals)) }
            return .ids(made)
        case "write":
            try write(call.model, call.ids, call.arguments["vals"] ?? .null)
            return true
        case "unlink":
            try unlink(call.model, call.ids)
            return true
        case "exists": return .ids(call.ids.filter { record(call.model, $0) != nil })
        case "fields_get": return fieldsGet(call)
        case "default_get": return defaultGet(call)
        case "name_get": return .array(call.ids.compactMap { record(call.model, $0) }.map { .array([.int($0.id), .string(displayName(call.model, $0))]) })
        case "name_search": return try nameSearch(call)
        case "name_create":
            let id = try create(call.model, .object([("name", call.arguments["name"] ?? .bool(false))]))
            return .array([.int(id), .string(record(call.model, id).map { displayName(call.model, $0) } ?? "")])
        case "load": return try load(call)
        case "check_access_rights": return .bool(user != OdooSeed.reader || call.text("operation") == "read")
        default: return nil
        }
    }

    private func names(_ json: JSON?) -> [String]? {
        let list = (json?.array ?? []).compactMap(\.string)
        return list.isEmpty ? nil : list
    }

    /// What only one model has; `nil` where it is no such method, `.null` for Python's `None`.
    private mutating func runSpecial(_ call: OdooCall, _ random: any RandomSource) throws(OdooProblem) -> JSON? {
        switch "\(call.model).\(call.method)" {
        case "account.move.action_post":
            try post(call.ids)
            return false
        case "account.move.button_draft":
            try reset(call.ids)
            return .null
        case "account.move.button_cancel":
            try cancel(call.ids)
            return .null
        case "purchase.order.button_confirm": return try confirm(orders: call.ids)
        case "purchase.order.button_approve": return try approve(orders: call.ids)
        case "purchase.order.button_cancel":
            try cancel(orders: call.ids)
            return .null
        case "purchase.order.button_draft": return try redraft(orders: call.ids)
        case "account.move.js_assign_outstanding_line":
            try assign(call.int("line_id") ?? 0, to: call.ids)
            return .null
        case "account.move.js_remove_outstanding_partial":
            guard let part = record("account.partial.reconcile", call.int("partial_id")) else {
                throw .missing("account.partial.reconcile", [call.int("partial_id") ?? 0], user: user)
            }
            unreconcile(partial: part)
            return true
        case "account.move.line.reconcile":
            try reconcile(call.ids)
            return .null
        case "account.move.line.remove_move_reconcile":
            unreconcile(call.ids)
            return .null
        case "account.payment.action_post":
            try post(payments: call.ids)
            return .null
        case "account.payment.action_draft":
            try draft(payments: call.ids)
            return .null
        case "account.payment.action_cancel":
            try cancel(payments: call.ids)
            return .null
        case "account.payment.register.action_create_payments": return try createPayments(call.ids)
        case "account.move.reversal.reverse_moves": return try reverse(call.ids, isModified: version >= 17 ? call.arguments["is_modify"]?.isTrue ?? false : nil)
        case "account.move.reversal.refund_moves": return try reverse(call.ids, isModified: false)
        case "account.move.reversal.modify_moves": return try reverse(call.ids, isModified: true)
        case "res.users.context_get": return .object([("lang", "en_US"), ("tz", "UTC"), ("uid", .int(user))])
        case "res.users.apikeys.generate": return .string(try generateKey(call, random))
        case "res.users.apikeys.revoke":
            try revokeKey(call)
            return .null
        case "ir.model.data.check_object_reference":
            let (module, name) = (call.text("module") ?? "", call.text("xml_id") ?? "")
            guard let found = external("\(module).\(name)") else { throw .value("No record found for unique ID \(module).\(name). It may have been deleted.") }
            return .array([found["model"], found["res_id"]])
        case "ir.model.data.xmlid_to_res_model_res_id":
            guard let found = external(call.text("xmlid") ?? "") else { throw .value("External ID not found in the system: \(call.text("xmlid") ?? "")") }
            return .array([found["model"], found["res_id"]])
        default: return nil
        }
    }

    /// A payment's open line onto an invoice.
    private mutating func assign(_ line: Int, to moves: [Int]) throws(OdooProblem) {
        guard let move = record("account.move", moves.first) else { throw .missing("account.move", moves, user: user) }
        guard let outstanding = record("account.move.line", line) else { throw .missing("account.move.line", [line], user: user) }
        let open = lines(of: move.id).filter { $0.int("account_id") == outstanding.int("account_id") && residual($0) != (0, 0) }
        try reconcile([line] + open.map(\.id))
    }

    // MARK: - About fields

    private func fieldsGet(_ call: OdooCall) -> JSON {
        guard let model = schema.models[call.model] else { return .object([]) }
        let wanted = names(call.arguments["allfields"])
        let attributes = names(call.arguments["attributes"])
        let shown = model.names.filter { wanted?.contains($0) ?? true }.compactMap { model.fields[$0] }
        return .object(
            shown.map { field in
                var members: [(key: String, value: JSON)] = [
                    ("type", .string(field.kind.rawValue)), ("string", .string(OdooModel.label(of: field))), ("required", .bool(field.required)),
                    ("readonly", .bool(field.readonly)), ("searchable", true), ("sortable", .bool(!field.isList)), ("store", .bool(!field.readonly)),
                ]
                if version >= 16 { members.append(("name", .string(field.name))) }
                if let relation = field.relation {
                    members.append(("relation", .string(relation)))
                    members.append(("domain", .array([])))
                    members.append(("context", .object([])))
                }
                if let inverse = field.inverse { members.append(("relation_field", .string(inverse))) }
                if field.kind == .selection {
                    members.append(("selection", .array(field.selection.map { .array([.string($0), .string(OdooModel.label(key: $0))]) })))
                }
                if field.kind == .monetary { members.append(("currency_field", call.model == "account.move" ? "currency_id" : "company_currency_id")) }
                return (key: field.name, value: .object(attributes.map { kept in members.filter { kept.contains($0.key) } } ?? members))
            })
    }

    private func defaultGet(_ call: OdooCall) -> JSON {
        guard let model = schema.models[call.model] else { return .object([]) }
        let wanted = names(call.arguments["fields"] ?? call.arguments["fields_list"]) ?? []
        var known = OdooSeed.defaults(call.model, self)
        for (key, value) in withDefaults(call.model, .object([])).object ?? [] { known[key] = value }
        if call.model == "account.move" {
            known = known.merging(["move_type": "entry", "state": "draft", "currency_id": .int(companyCurrency)]) { old, _ in old }
        }
        if call.model == "account.payment" {
            known = known.merging(["payment_type": "inbound", "partner_type": "customer", "date": .string(today.description)]) { old, _ in old }
        }
        return .object(wanted.compactMap { name in known[name].flatMap { model.fields[name] == nil ? nil : (key: name, value: $0) } })
    }

    private func nameSearch(_ call: OdooCall) throws(OdooProblem) -> JSON {
        let name = call.arguments["name"]?.string ?? ""
        let test = call.text("operator") ?? "ilike"
        let limit = call.int("limit") ?? 100
        let ids = try search(call.model, call.arguments["domain"] ?? call.arguments["args"])
        let more = ["account.account": ["code"], "account.journal": ["code"], "product.product": ["default_code", "barcode"],
            "res.partner": ["email", "ref", "vat"]]
        var out: [JSON] = []
        for record in ids.compactMap({ record(call.model, $0) }) where out.count < limit || limit <= 0 {
            let shown = displayName(call.model, record)
            let texts = [shown, record.text("name") ?? ""] + (more[call.model] ?? []).compactMap { record.text($0) }
            let field = OdooField(name: "name", kind: .char)
            guard name.isEmpty || texts.contains(where: { Self.holds(.string($0), field, test, .string(name)) }) else { continue }
            out.append(.array([.int(record.id), .string(shown)]))
        }
        return .array(out)
    }
}

extension OdooModel {
    /// `not_paid` → `Not Paid`.
    static func label(key: String) -> String { key.split(separator: "_").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined(separator: " ") }
}
