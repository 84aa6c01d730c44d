internal import Kernel
internal import TwinKit
internal import Wire

enum WooCurrency {
    static let symbols: [(code: String, name: String, symbol: String)] = [
        ("AUD", "Australian dollar", "$"), ("CAD", "Canadian dollar", "$"), ("CHF", "Swiss franc", "CHF"), ("EUR", "Euro", "€"),
        ("GBP", "Pound sterling", "£"), ("JPY", "Japanese yen", "¥"), ("NZD", "New Zealand dollar", "$"), ("SEK", "Swedish krona", "kr"),
        ("USD", "United States (US) dollar", "$"),
    ]
    static let all = symbols.map(\.code)

    static func symbol(_ code: String) -> String { symbols.first { $0.code == code }?.symbol ?? code }
    /// Places of the smallest unit, whatever the shop shows.
    static func places(_ code: String) -> Int { code == "JPY" ? 0 : 2 }
}

/// What tells a stranger which shop this is and how it counts.
extension WooState {
    /// - Source: WordPress `WP_REST_Server::get_index`.
    func index(_ m: WooMoment) -> JSON {
        let zone = zone(m.shop)
        let minutes = zone.offset(at: m.at) / 60
        let hours = ExactDecimal.ratio(ExactDecimal(minutes), ExactDecimal(60), places: 2).shortest
        let authorisation: JSON = .object([("application-passwords", .object([("endpoints", .object([]))]))])
        return .object([
            ("name", .string(shops[m.shop]?.title ?? "")), ("description", ""), ("url", .string(m.home)), ("home", .string(m.home)),
            ("gmt_offset", .string(hours.description)), ("timezone_string", .string(zone.name)), ("page_for_posts", 0), ("page_on_front", 0),
            ("show_on_front", "posts"), ("namespaces", ["oembed/1.0", "wc/v1", "wc/v2", "wc/v3", "wp/v2"]), ("authentication", authorisation),
            ("routes", routes(m)),
        ])
    }

    func namespace(_ m: WooMoment) -> JSON {
        .object([("namespace", "wc/v3"), ("routes", routes(m)), ("_links", .object([("up", .array([.object([("href", .string(m.home + "/wp-json/"))])]))]))])
    }

    private func routes(_ m: WooMoment) -> JSON {
        let names = [
            "orders", "orders/batch", "orders/(?P<id>[\\d]+)", "orders/(?P<order_id>[\\d]+)/notes", "orders/(?P<order_id>[\\d]+)/refunds", "refunds",
            "products", "customers", "coupons", "taxes", "taxes/classes", "webhooks", "settings", "system_status", "payment_gateways", "data/currencies",
        ]
        return .object(names.map { name in
            let route: JSON = .object([("namespace", "wc/v3"), ("methods", name == "refunds" ? ["GET"] : ["GET", "POST"])])
            return (key: "/wc/v3/" + name, value: route)
        })
    }

    func systemStatus(_ call: WooCall) throws(WooProblem) -> WooAnswer {
        guard call.isRead, call.isList else { throw .noRoute }
        let m = call.moment
        let settings = settings(m.shop)
        let environment: JSON = .object([
            ("home_url", .string(m.home)), ("site_url", .string(m.home)), ("version", .string(WooSeed.version)), ("wp_version", .string(WooSeed.wordpress)),
            ("wp_multisite", false), ("wp_debug_mode", false), ("wp_cron", true), ("language", "en_US"), ("php_version", "8.3.14"),
            ("default_timezone", "UTC"),
        ])
        let shown: JSON = .object([
            ("api_enabled", false), ("force_ssl", false), ("currency", .string(settings.currency)),
            ("currency_symbol", .string(WooCurrency.symbol(settings.currency))), ("currency_position", .string(option(m.shop, "currency_pos"))),
            ("thousand_separator", .string(option(m.shop, "price_thousand_sep"))), ("decimal_separator", .string(option(m.shop, "price_decimal_sep"))),
            ("number_of_decimals", .whole(settings.places)), ("geolocation_enabled", false), ("HPOS_enabled", true),
        ])
        return WooAnswer(
            body: .object([
                ("environment", environment), ("database", .object([("wc_database_version", .string(WooSeed.version))])), ("active_plugins", []),
                ("settings", shown), ("security", .object([("secure_connection", true), ("hide_errors", true)])), ("pages", []),
            ]))
    }

    // MARK: Settings

    private static let groups = [("general", "General"), ("tax", "Tax")]

    /// - Source: woocommerce `WC_REST_Setting_Options_Controller`.
    mutating func settings(_ call: WooCall) throws(WooProblem) -> WooAnswer {
        let m = call.moment
        guard call.path.count > 1 else {
            guard call.isRead else { throw .noRoute }
            return WooAnswer(body: .array(Self.groups.map { id, label in
                .object([("id", .string(id)), ("label", .string(label)), ("description", ""), ("parent_id", ""), ("sub_groups", [])])
            }))
        }
        guard Self.groups.contains(where: { $0.0 == call.path[1] }) else {
            throw WooProblem(404, "rest_setting_setting_group_invalid", "Invalid setting group.")
        }
        let options = rows.all(.setting, in: m.shop).filter { $0.shown.text("group") == call.path[1] }
        if call.path.count == 2 {
            guard call.isRead else { throw .noRoute }
            return WooAnswer(body: .array(options.map { shown(option: $0, m) }))
        }
        guard call.path.count == 3, let row = options.first(where: { $0.id == call.path[2] }) else {
            throw WooProblem(404, "rest_setting_setting_invalid", "Invalid setting.")
        }
        if call.isRead { return WooAnswer(body: shown(option: row, m)) }
        guard call.isEdit else { throw .noRoute }
        if let value = try call.args.text("value") { try set(row, value, m) }
        return WooAnswer(body: shown(option: rows[m.shop, .setting, row.id] ?? row, m))
    }

    mutating func set(_ row: WooRow, _ value: String, _ m: WooMoment) throws(WooProblem) {
        let isFlag = ["yes", "no"].contains(row.shown.text("value") ?? "")
        guard !isFlag || ["yes", "no"].contains(value) else {
            throw WooProblem(400, "rest_setting_value_invalid", "An invalid setting value was passed.")
        }
        change(row, row.shown.setting("value", .string(value)), m)
    }

    private func shown(option row: WooRow, _ m: WooMoment) -> JSON {
        let value = row.shown.text("value") ?? ""
        let label = row.id.dropFirst("woocommerce_".count).split(separator: "_").joined(separator: " ")
        let group = row.shown.text("group") ?? ""
        return .object([
            ("id", .string(row.id)), ("label", .string(label.prefix(1).uppercased() + label.dropFirst())), ("description", ""),
            ("type", ["yes", "no"].contains(value) ? "checkbox" : "text"), ("default", ""), ("value", .string(value)), ("group_id", .string(group)),
            ("_links", m.links([("self", "settings/\(group)/\(row.id)"), ("collection", "settings/\(group)")])),
        ])
    }

    // MARK: Gateways, zones, currencies

    mutating func gateways(_ call: WooCall) throws(WooProblem) -> WooAnswer {
        let m = call.moment
        func shown(_ row: WooRow) -> JSON {
            row.shown.setting("_links", m.links([("self", "payment_gateways/\(row.id)"), ("collection", "payment_gateways")]))
        }
        if call.isList, call.isRead { return WooAnswer(body: .array(rows.all(.gateway, in: m.shop).map { shown($0) })) }
        guard call.path.count == 2 else { throw .noRoute }
        guard let row = rows[m.shop, .gateway, call.path[1]] else {
            throw WooProblem(404, "woocommerce_rest_payment_gateway_invalid", "Resource does not exist.")
        }
        if call.isEdit {
            var new = row.shown
            if let enabled = try call.args.flag("enabled") { new = new.setting("enabled", .bool(enabled)) }
            if let title = try call.args.text("title") { new = new.setting("title", .string(title)) }
            change(row, new, m)
        } else if !call.isRead {
            throw .noRoute
        }
        return WooAnswer(body: shown(rows[m.shop, .gateway, row.id] ?? row))
    }

    func shipping(_ call: WooCall) throws(WooProblem) -> WooAnswer {
        guard call.isRead, call.path == ["shipping", "zones"] else { throw .noRoute }
        let m = call.moment
        let zones = [(0, "Locations not covered by your other zones"), (1, "Home")].map { id, name in
            JSON.object([("id", .whole(id)), ("name", .string(name)), ("order", .whole(id)), ("_links", m.links([("collection", "shipping/zones")]))])
        }
        return WooAnswer(body: .array(zones))
    }

    func currencies(_ call: WooCall) throws(WooProblem) -> WooAnswer {
        guard call.isRead, call.path.count >= 2, call.path[1] == "currencies" else { throw .noRoute }
        func shown(_ code: String) -> JSON? {
            WooCurrency.symbols.first { $0.code == code }.map {
                .object([("code", .string($0.code)), ("name", .string($0.name)), ("symbol", .string($0.symbol))])
            }
        }
        guard call.path.count > 2 else { return WooAnswer(body: .array(WooCurrency.all.compactMap { shown($0) })) }
        let code = call.path[2] == "current" ? settings(call.moment.shop).currency : call.path[2].uppercased()
        guard call.path.count == 3, let found = shown(code) else {
            throw WooProblem(404, "woocommerce_rest_data_invalid_currency", "There are no currencies matching these parameters.")
        }
        return WooAnswer(body: found)
    }
}
