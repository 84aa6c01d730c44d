internal import Kernel
internal import TwinKit
internal import Wire

enum WooProducts {
    /// A simple product that costs nothing yet.
    static let blank: JSON = {
        let first: [(key: String, value: JSON)] = [
            ("id", 0), ("name", ""), ("slug", ""), ("type", "simple"), ("status", "publish"), ("featured", false), ("catalog_visibility", "visible"),
            ("description", ""), ("short_description", ""), ("sku", ""), ("global_unique_id", ""), ("price", ""), ("regular_price", ""), ("sale_price", ""),
        ]
        let stock: [(key: String, value: JSON)] = [
            ("virtual", false), ("downloadable", false), ("tax_status", "taxable"), ("tax_class", ""), ("manage_stock", false), ("stock_quantity", .null),
            ("stock_status", "instock"), ("backorders", "no"), ("weight", ""),
        ]
        let last: [(key: String, value: JSON)] = [("parent_id", 0), ("categories", []), ("tags", []), ("images", []), ("attributes", []), ("variations", [])]
        return .object(first + stock + last + [("meta_data", [])])
    }()

    /// What a product also shows and nobody here sets.
    static let rest: JSON = {
        let sale: [(key: String, value: JSON)] = [
            ("date_on_sale_from", .null), ("date_on_sale_from_gmt", .null), ("date_on_sale_to", .null), ("date_on_sale_to_gmt", .null), ("price_html", ""),
            ("total_sales", 0), ("downloads", []), ("download_limit", -1), ("download_expiry", -1), ("external_url", ""), ("button_text", ""),
        ]
        let goods: [(key: String, value: JSON)] = [
            ("backordered", false), ("low_stock_amount", .null), ("sold_individually", false),
            ("dimensions", .object([("length", ""), ("width", ""), ("height", "")])), ("shipping_required", true), ("shipping_taxable", true),
            ("shipping_class", ""), ("shipping_class_id", 0), ("reviews_allowed", true), ("post_password", ""), ("average_rating", "0.00"), ("rating_count", 0),
        ]
        let related: [(key: String, value: JSON)] = [
            ("related_ids", []), ("upsell_ids", []), ("cross_sell_ids", []), ("purchase_note", ""), ("brands", []), ("has_options", false),
            ("default_attributes", []), ("grouped_products", []), ("menu_order", 0),
        ]
        return .object(sale + goods + related)
    }()

    static let texts = [
        "name", "slug", "description", "short_description", "sku", "global_unique_id", "tax_class", "weight",
    ]
    static let flags = ["featured", "virtual", "downloadable", "manage_stock"]
    static let choices: [(name: String, of: [String])] = [
        ("type", ["simple", "grouped", "external", "variable"]), ("status", ["draft", "pending", "private", "publish", "future", "auto-draft", "trash"]),
        ("catalog_visibility", ["visible", "catalog", "search", "hidden"]), ("tax_status", ["taxable", "shipping", "none"]),
        ("stock_status", ["instock", "outofstock", "onbackorder"]), ("backorders", ["no", "notify", "yes"]),
    ]
}

/// - Source: woocommerce `WC_REST_Products_Controller`.
extension WooState {
    mutating func products(_ call: WooCall) throws(WooProblem) -> WooAnswer {
        let m = call.moment
        if call.path.count > 2 { return try variations(call) }
        switch (call.method, call.path.count) {
        case (.get, 1), (.head, 1): return try listProducts(call)
        case (.get, 2), (.head, 2): return WooAnswer(body: shown(product: try product(try call.number(1), m), m))
        case (.post, 1):
            let id = next("post", m)
            insert(.product, "\(id)", try filled(WooProducts.blank.setting("id", .whole(id)), call.args, m), m)
            tell("product.created", id, m)
            return .made(shown(product: try product(id, m), m), at: m.rest + "products/\(id)")
        case (.post, 2), (.put, 2), (.patch, 2):
            let row = try product(try call.number(1), m, status: 400)
            change(row, try filled(row.shown, call.args, m), m)
            tell("product.updated", row.number, m)
            return WooAnswer(body: shown(product: try product(row.number, m), m))
        case (.delete, 2):
            let row = try product(try call.number(1), m)
            guard try call.args.flag("force") ?? false else {
                guard row.shown.text("status") != "trash" else {
                    throw WooProblem(410, "woocommerce_rest_already_trashed", "The product has already been deleted.")
                }
                change(row, row.shown.setting("status", "trash"), m)
                tell("product.deleted", row.number, m)
                return WooAnswer(body: shown(product: try product(row.number, m), m))
            }
            rows.remove(row)
            return WooAnswer(body: shown(product: row, m))
        default: throw .noRoute
        }
    }

    private func product(_ id: Int, _ m: WooMoment, status: Int = 404) throws(WooProblem) -> WooRow {
        guard let row = rows[m.shop, .product, id] else { throw .invalidID("product", status) }
        return row
    }

    private func variations(_ call: WooCall) throws(WooProblem) -> WooAnswer {
        guard call.path[2] == "variations", call.isRead, call.path.count == 3 else { throw .noRoute }
        _ = try product(try call.number(1), call.moment)
        // The twin's products come in one kind each.
        return try WooPage(call.args).answer([JSON](), call) { $0 }
    }

    private func listProducts(_ call: WooCall) throws(WooProblem) -> WooAnswer {
        let m = call.moment
        let filter = try WooFilter(
            call.args, zone(m.shop), by: ["date", "id", "include", "title", "slug", "modified", "price", "popularity", "rating", "menu_order"])
        let page = try WooPage(call.args)
        let skus = try call.args.texts("sku")
        let status = try call.args.choice("status", of: ["any", "future", "trash", "draft", "pending", "private", "publish"]) ?? "any"
        let type = try call.args.text("type")
        let stock = try call.args.text("stock_status")
        let search = (try call.args.text("search"))?.lowercased()
        let found = rows.all(.product, in: m.shop).filter { row in
            guard filter.admits(row), status == "any" ? row.shown.text("status") != "trash" : row.shown.text("status") == status else { return false }
            if !skus.isEmpty, !skus.contains(row.shown.text("sku") ?? "") { return false }
            if let type, row.shown.text("type") != type { return false }
            if let stock, row.shown.text("stock_status") != stock { return false }
            if let search, !(row.shown.text("name") ?? "").lowercased().contains(search) { return false }
            return true
        }
        let sorted = filter.sorted(found) { $0.shown.text("name") ?? "" }
        return page.answer(sorted, call) { shown(product: $0, m) }
    }

    private mutating func filled(_ product: JSON, _ args: WooArgs, _ m: WooMoment) throws(WooProblem) -> JSON {
        var out = product
        for name in WooProducts.texts {
            if let text = try args.text(name) { out = out.setting(name, .string(text)) }
        }
        for name in WooProducts.flags {
            if let flag = try args.flag(name) { out = out.setting(name, .bool(flag)) }
        }
        for (name, choices) in WooProducts.choices {
            if let choice = try args.choice(name, of: choices) { out = out.setting(name, .string(choice)) }
        }
        if let sku = out.text("sku"), !sku.isEmpty,
            let other = rows.all(.product, in: m.shop).first(where: { $0.shown.text("sku") == sku && $0.number != product.whole("id") })
        {
            throw WooProblem(
                400, "product_invalid_sku", "Invalid or duplicated SKU.",
                more: [("resource_id", .whole(other.number)), ("unique_sku", .string(sku + "-1"))])
        }
        for name in ["regular_price", "sale_price"] {
            guard let value = args.given(name), let text = value.scalar else { continue }
            let places = max(2, min(6, ExactDecimal(text)?.scale ?? 2))
            out = out.setting(name, text.isEmpty ? "" : .string(try WooArgs.amount(value, name).woo(places).description))
        }
        let sale = out.text("sale_price") ?? ""
        out = out.setting("price", .string(sale.isEmpty ? out.text("regular_price") ?? "" : sale))
        if let pieces = try args.whole("stock_quantity"), out.flag("manage_stock") {
            guard pieces.magnitude < 1_000_000_000 else { throw .type("stock_quantity", "integer") }
            let status = pieces > 0 ? "instock" : out.text("backorders") == "no" ? "outofstock" : "onbackorder"
            out = out.setting([("stock_quantity", .whole(pieces)), ("stock_status", .string(status))])
        }
        if !out.flag("manage_stock") { out = out.setting("stock_quantity", .null) }
        if let given = try args.objects("meta_data") { out = out.setting("meta_data", merged([WooMeta](out["meta_data"]), given, m).json) }
        if out.text("slug")?.isEmpty != false, let name = out.text("name") {
            out = out.setting("slug", .string(String(name.lowercased().map { $0 == " " ? "-" : $0 })))
        }
        return out
    }

    private func shown(product row: WooRow, _ m: WooMoment) -> JSON {
        let zone = zone(m.shop)
        var o = WooFields()
        o.whole("id", row.number)
        o.copy(["name", "slug"], from: row.shown)
        o.text("permalink", "\(m.home)/product/\(row.shown.text("slug") ?? "")/")
        o.date("date_created", row.created, zone)
        o.date("date_modified", row.modified, zone)
        for (key, value) in row.shown.object ?? [] where !["id", "name", "slug"].contains(key) { o.set(key, value) }
        for (key, value) in WooProducts.rest.object ?? [] { o.set(key, value) }
        o.flag("on_sale", row.shown.text("sale_price")?.isEmpty == false)
        o.flag("purchasable", row.shown.text("price")?.isEmpty == false)
        o.flag("backorders_allowed", row.shown.text("backorders") != "no")
        o.set("_links", m.links([("self", "products/\(row.id)"), ("collection", "products")]))
        return o.json
    }
}
