internal import Kernel
internal import TwinKit
internal import Wire

enum WooCoupons {
    static func fresh(id: Int, code: String, type: String = "fixed_cart", amount: String = "0") -> JSON {
        .object([
            ("id", .whole(id)), ("code", .string(code)), ("amount", .string((ExactDecimal(amount) ?? .zero).woo(2).description)), ("status", "publish"),
            ("discount_type", .string(type)), ("description", ""), ("date_expires_gmt", .null), ("usage_count", 0), ("individual_use", false),
            ("product_ids", []), ("excluded_product_ids", []), ("usage_limit", .null), ("free_shipping", false), ("minimum_amount", "0.00"),
            ("maximum_amount", "0.00"), ("meta_data", []),
        ])
    }
}

/// - Source: woocommerce `WC_REST_Coupons_Controller`.
extension WooState {
    mutating func coupons(_ call: WooCall) throws(WooProblem) -> WooAnswer {
        let m = call.moment
        switch (call.method, call.path.count) {
        case (.get, 1), (.head, 1):
            let filter = try WooFilter(call.args, zone(m.shop))
            let code = (try call.args.text("code"))?.lowercased()
            let found = rows.all(.coupon, in: m.shop).filter {
                filter.admits($0) && $0.shown.text("status") != "trash" && (code == nil || $0.shown.text("code") == code)
            }
            return try WooPage(call.args).answer(filter.sorted(found), call) { shown(coupon: $0, m) }
        case (.get, 2), (.head, 2): return WooAnswer(body: shown(coupon: try coupon(try call.number(1), m), m))
        case (.post, 1):
            guard let code = try call.args.text("code"), !code.isEmpty else { throw .missing(["code"]) }
            let id = next("post", m)
            insert(.coupon, "\(id)", try filled(coupon: WooCoupons.fresh(id: id, code: ""), call.args, m), m)
            tell("coupon.created", id, m)
            return .made(shown(coupon: try coupon(id, m), m), at: m.rest + "coupons/\(id)")
        case (.post, 2), (.put, 2), (.patch, 2):
            let row = try coupon(try call.number(1), m, status: 400)
            change(row, try filled(coupon: row.shown, call.args, m), m)
            tell("coupon.updated", row.number, m)
            return WooAnswer(body: shown(coupon: try coupon(row.number, m), m))
        case (.delete, 2):
            let row = try coupon(try call.number(1), m)
            if try call.args.flag("force") ?? false {
                rows.remove(row)
            } else {
                change(row, row.shown.setting("status", "trash"), m)
                tell("coupon.deleted", row.number, m)
            }
            return WooAnswer(body: shown(coupon: row, m))
        default: throw .noRoute
        }
    }

    private func coupon(_ id: Int, _ m: WooMoment, status: Int = 404) throws(WooProblem) -> WooRow {
        guard let row = rows[m.shop, .coupon, id] else { throw .invalidID("shop_coupon", status) }
        return row
    }

    private func filled(coupon: JSON, _ args: WooArgs, _ m: WooMoment) throws(WooProblem) -> JSON {
        var out = coupon
        if let code = (try args.text("code"))?.lowercased() {
            guard !rows.all(.coupon, in: m.shop).contains(where: { $0.shown.text("code") == code && $0.number != coupon.whole("id") }) else {
                throw WooProblem(400, "woocommerce_rest_coupon_code_already_exists", "The coupon code already exists")
            }
            out = out.setting("code", .string(code))
        }
        if let type = try args.choice("discount_type", of: ["percent", "fixed_cart", "fixed_product"]) { out = out.setting("discount_type", .string(type)) }
        for name in ["amount", "minimum_amount", "maximum_amount"] {
            if let amount = try args.amount(name) { out = out.setting(name, .string(amount.woo(2).description)) }
        }
        guard out.text("discount_type") != "percent" || out.amount("amount") <= ExactDecimal(100), !out.amount("amount").isNegative else {
            throw WooProblem(400, "coupon_invalid_amount", "Invalid discount amount")
        }
        for name in ["description", "date_expires_gmt"] {
            if let text = try args.text(name) { out = out.setting(name, .string(text)) }
        }
        for name in ["individual_use", "free_shipping"] {
            if let flag = try args.flag(name) { out = out.setting(name, .bool(flag)) }
        }
        for name in ["product_ids", "excluded_product_ids"] where args.given(name).map({ _ in true }) ?? false {
            out = out.setting(name, .array(try args.numbers(name).map { .whole($0) }))
        }
        if let limit = try args.whole("usage_limit") { out = out.setting("usage_limit", .whole(limit)) }
        return out
    }

    private func shown(coupon row: WooRow, _ m: WooMoment) -> JSON {
        var o = WooFields()
        o.whole("id", row.number)
        o.copy(["code", "amount", "status"], from: row.shown)
        o.date("date_created", row.created, zone(m.shop))
        o.date("date_modified", row.modified, zone(m.shop))
        for (key, value) in row.shown.object ?? [] where !["id", "code", "amount", "status"].contains(key) { o.set(key, value) }
        o.set("date_expires", row.shown["date_expires_gmt"] ?? JSON.null)
        for name in ["usage_limit_per_user", "limit_usage_to_x_items"] { o.set(name, .null) }
        o.flag("exclude_sale_items", false)
        for name in ["product_categories", "excluded_product_categories", "email_restrictions", "used_by"] { o.set(name, []) }
        o.set("_links", m.links([("self", "coupons/\(row.id)"), ("collection", "coupons")]))
        return o.json
    }
}
