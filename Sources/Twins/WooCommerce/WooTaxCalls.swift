internal import Kernel
internal import TwinKit
internal import Wire

/// Tax rates and classes.
/// - Source: woocommerce `WC_REST_Taxes_Controller`, `WC_REST_Tax_Classes_Controller`.
extension WooState {
    mutating func taxes(_ call: WooCall) throws(WooProblem) -> WooAnswer {
        let m = call.moment
        if call.settings == "classes" { return try taxClasses(call) }
        switch (call.method, call.path.count) {
        case (.get, 1), (.head, 1):
            let order = try call.args.choice("order", of: ["asc", "desc"]) ?? "asc"
            let by = try call.args.choice("orderby", of: ["id", "order", "priority"]) ?? "order"
            let taxClass = try call.args.text("class")
            let found = rows.all(.rate, in: m.shop).filter { taxClass == nil || $0.shown.text("class") == taxClass }
                .sorted { ($0.shown.whole(by), $0.number) < ($1.shown.whole(by), $1.number) }
            return try WooPage(call.args).answer(order == "asc" ? found : found.reversed(), call) { shown(rate: $0, m) }
        case (.get, 2), (.head, 2): return WooAnswer(body: shown(rate: try rate(try call.number(1), m), m))
        case (.post, 1):
            let id = next("rate", m)
            let blank: JSON = .object([
                ("id", .whole(id)), ("country", ""), ("state", ""), ("postcode", ""), ("city", ""), ("rate", "0.0000"), ("name", "Tax"), ("priority", 1),
                ("compound", false), ("shipping", true), ("order", .whole(id)), ("class", "standard"), ("postcodes", []), ("cities", []),
            ])
            insert(.rate, "\(id)", try filled(rate: blank, call.args, m), m)
            return .made(shown(rate: try rate(id, m), m), at: m.rest + "taxes/\(id)")
        case (.post, 2), (.put, 2), (.patch, 2):
            let row = try rate(try call.number(1), m)
            change(row, try filled(rate: row.shown, call.args, m), m)
            return WooAnswer(body: shown(rate: try rate(row.number, m), m))
        case (.delete, 2):
            guard try call.args.flag("force") ?? false else { throw .noTrash("Taxes") }
            let row = try rate(try call.number(1), m)
            rows.remove(row)
            return WooAnswer(body: shown(rate: row, m))
        default: throw .noRoute
        }
    }

    private func rate(_ id: Int, _ m: WooMoment) throws(WooProblem) -> WooRow {
        guard let row = rows[m.shop, .rate, id] else { throw WooProblem(404, "woocommerce_rest_invalid_id", "Invalid resource ID.") }
        return row
    }

    private func shown(rate row: WooRow, _ m: WooMoment) -> JSON {
        row.shown.setting("_links", m.links([("self", "taxes/\(row.id)"), ("collection", "taxes")]))
    }

    private func filled(rate: JSON, _ args: WooArgs, _ m: WooMoment) throws(WooProblem) -> JSON {
        var out = rate
        for name in ["country", "state", "postcode", "city"] {
            if let text = try args.text(name) { out = out.setting(name, .string(text.uppercased())) }
        }
        if let name = try args.text("name") { out = out.setting("name", .string(name)) }
        for (name, single) in [("postcodes", "postcode"), ("cities", "city")] {
            let listed = try args.texts(name)
            if !listed.isEmpty {
                out = out.setting(name, .array(listed.map { .string($0.uppercased()) }))
            } else if let one = try args.text(single), !one.isEmpty {
                out = out.setting(name, .array(one.uppercased().split(separator: ";").map { .string(String($0)) }))
            }
        }
        if let percent = try args.amount("rate") {
            guard percent.magnitude < ExactDecimal(1000), !percent.isNegative else { throw .type("rate", "string") }
            out = out.setting("rate", .string(percent.woo(4).description))
        }
        for name in ["priority", "order"] {
            if let number = try args.whole(name) { out = out.setting(name, .whole(number)) }
        }
        for name in ["compound", "shipping"] {
            if let flag = try args.flag(name) { out = out.setting(name, .bool(flag)) }
        }
        let known = ["standard"] + rows.all(.taxClass, in: m.shop).map(\.id)
        if let taxClass = try args.choice("class", of: known) { out = out.setting("class", .string(taxClass)) }
        return out
    }

    // MARK: Classes

    private mutating func taxClasses(_ call: WooCall) throws(WooProblem) -> WooAnswer {
        let m = call.moment
        func shown(_ slug: String, _ name: String) -> JSON {
            .object([("slug", .string(slug)), ("name", .string(name)), ("_links", m.links([("collection", "taxes/classes")]))])
        }
        switch (call.method, call.path.count) {
        case (.get, 2), (.head, 2):
            let own = rows.all(.taxClass, in: m.shop).map { shown($0.id, $0.shown.text("name") ?? "") }
            return WooAnswer(body: .array([shown("standard", "Standard rate")] + own))
        case (.post, 2):
            guard let name = try call.args.text("name"), !name.isEmpty else { throw .missing(["name"]) }
            let slug = String(name.lowercased().map { $0 == " " ? "-" : $0 })
            guard rows[m.shop, .taxClass, slug] == nil else { throw WooProblem(400, "woocommerce_rest_tax_class_exists", "Cannot create existing resource.") }
            insert(.taxClass, slug, .object([("name", .string(name))]), m)
            return .made(shown(slug, name), at: m.rest + "taxes/classes/\(slug)")
        case (.delete, 3):
            guard try call.args.flag("force") ?? false else { throw .noTrash("Taxes") }
            guard let row = rows[m.shop, .taxClass, call.path[2]] else {
                throw WooProblem(400, "woocommerce_rest_tax_class_invalid_slug", "Invalid slug.")
            }
            rows.remove(row)
            return WooAnswer(body: shown(row.id, row.shown.text("name") ?? ""))
        default: throw .noRoute
        }
    }
}
