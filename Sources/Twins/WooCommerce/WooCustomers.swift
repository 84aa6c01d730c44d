internal import Kernel
internal import TwinKit
internal import Wire

/// - Source: woocommerce `WC_REST_Customers_Controller`.
extension WooState {
    mutating func customers(_ call: WooCall) throws(WooProblem) -> WooAnswer {
        let m = call.moment
        switch (call.method, call.path.count) {
        case (.get, 1), (.head, 1): return try listCustomers(call)
        case (.get, 2), (.head, 2): return WooAnswer(body: shown(customer: try customer(try call.number(1), m), m))
        case (.post, 1):
            let id = try createCustomer(call.args, m)
            return .made(shown(customer: try customer(id, m), m), at: m.rest + "customers/\(id)")
        case (.post, 2), (.put, 2), (.patch, 2):
            let row = try customer(try call.number(1), m, status: 400)
            change(row, try filled(customer: row.shown, row.number, call.args, m), m)
            tell("customer.updated", row.number, m)
            return WooAnswer(body: shown(customer: try customer(row.number, m), m))
        case (.delete, 2):
            let row = try customer(try call.number(1), m, status: 400)
            guard try call.args.flag("force") ?? false else { throw .noTrash("Customers") }
            rows.remove(row)
            tell("customer.deleted", row.number, m)
            return WooAnswer(body: shown(customer: row, m))
        default: throw .noRoute
        }
    }

    private func customer(_ id: Int, _ m: WooMoment, status: Int = 404) throws(WooProblem) -> WooRow {
        guard let row = rows[m.shop, .customer, id] else { throw WooProblem(status, "woocommerce_rest_invalid_id", "Invalid resource ID.") }
        return row
    }

    mutating func createCustomer(_ args: WooArgs, _ m: WooMoment) throws(WooProblem) -> Int {
        guard args.given("email") != nil else { throw .missing(["email"]) }
        let blank: JSON = .object([
            ("email", ""), ("first_name", ""), ("last_name", ""), ("role", "customer"), ("username", ""), ("billing", Self.address(isBilling: true)),
            ("shipping", Self.address(isBilling: false)), ("meta_data", []),
        ])
        let filled = try filled(customer: blank, nil, args, m)
        let id = next("user", m)
        insert(.customer, "\(id)", filled, m)
        tell("customer.created", id, m)
        return id
    }

    private mutating func filled(customer: JSON, _ id: Int?, _ args: WooArgs, _ m: WooMoment) throws(WooProblem) -> JSON {
        var out = customer
        if let email = try args.text("email") {
            guard Self.isEmail(email) else { throw .invalid("email", "Invalid email address.", code: "rest_invalid_email") }
            let taken = rows.all(.customer, in: m.shop).contains { $0.number != id && $0.shown.text("email")?.lowercased() == email.lowercased() }
            guard !taken else {
                throw WooProblem(
                    400, "registration-error-email-exists", "An account is already registered with \(email). Please log in or use a different email address.")
            }
            out = out.setting("email", .string(email))
        }
        for name in ["first_name", "last_name", "username"] {
            if let text = try args.text(name) { out = out.setting(name, .string(text)) }
        }
        if out.text("username")?.isEmpty != false {
            let name = (out.text("email") ?? "").prefix { $0 != "@" }
            out = out.setting("username", .string(String(name)))
        }
        for name in ["billing", "shipping"] { out = out.setting(name, try Self.merged(out[name], args.given(name), name)) }
        return out.setting("meta_data", merged([WooMeta](out["meta_data"]), try args.objects("meta_data"), m).json)
    }

    private func listCustomers(_ call: WooCall) throws(WooProblem) -> WooAnswer {
        let m = call.moment
        let filter = try WooFilter(call.args, zone(m.shop), by: ["id", "include", "name", "registered_date"], or: ("name", "asc"))
        let page = try WooPage(call.args)
        let email = (try call.args.text("email"))?.lowercased()
        let role = try call.args.text("role") ?? "customer"
        let search = (try call.args.text("search"))?.lowercased()
        let found = rows.all(.customer, in: m.shop).filter { row in
            guard filter.admits(row), role == "all" || row.shown.text("role") == role else { return false }
            if let email, row.shown.text("email")?.lowercased() != email { return false }
            if let search, !["email", "first_name", "last_name", "username"].contains(where: { (row.shown.text($0) ?? "").lowercased().contains(search) }) {
                return false
            }
            return true
        }
        let sorted = filter.sorted(found) { $0.shown.text("username") ?? "" }
        return page.answer(sorted, call) { shown(customer: $0, m) }
    }

    private func shown(customer row: WooRow, _ m: WooMoment) -> JSON {
        var o = WooFields()
        o.whole("id", row.number)
        o.date("date_created", row.created, zone(m.shop))
        o.date("date_modified", row.modified, zone(m.shop))
        o.copy(["email", "first_name", "last_name", "role", "username", "billing", "shipping"], from: row.shown)
        let isPaying = rows.all(.order, in: m.shop).contains { $0.shown["p"]?.whole("customer_id") == row.number && $0.shown["paid"]?.int != nil }
        o.flag("is_paying_customer", isPaying)
        o.text("avatar_url", "")
        o.copy(["meta_data"], from: row.shown)
        o.set("_links", m.links([("self", "customers/\(row.id)"), ("collection", "customers")]))
        return o.json
    }
}
