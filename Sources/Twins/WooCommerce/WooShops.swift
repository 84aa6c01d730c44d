internal import Kernel
internal import TwinKit
internal import Wire

/// A shop, with what its owner has set.
struct WooShop: Sendable {
    /// The part of the address that names it.
    var name: String
    var title: String
    var zone: Zone
    /// Its place in the list: the last but one digit of its keys.
    var place: Int
    var settings: [(group: String, id: String, value: String)]

    /// The keys that a fresh shop has: `ck_5a1e…` and `cs_5a1e…` with its place and one digit for what they may do.
    static func key(_ prefix: String, place: Int, right: Int) -> String {
        "\(prefix)_5a1e" + String(repeating: "0", count: 34) + "\(place)\(right)"
    }
}

/// What a key may do.
enum WooRight: String, Sendable, CaseIterable {
    case readWrite = "read_write"
    case read, write

    var digit: Int { self == .readWrite ? 1 : self == .read ? 2 : 3 }
}

/// What a fresh twin has: an American shop whose prices are without tax, a British one whose prices include it, and an Irish one that includes it as
/// well and rounds it once an order. Their keys are at `WooCommerceTwin.key`.
enum WooSeed {
    static let version = "10.3.0"
    static let wordpress = "6.8.3"
    /// 2026-01-05T09:00:00Z: when the shops opened.
    static let opened: Int64 = 1_767_603_600

    static func shops() throws(Fault) -> [String: WooShop] {
        let list = [
            WooShop(
                name: "prairie", title: "Prairie Goods", zone: try Zone.named("America/Los_Angeles"), place: 1,
                settings: settings(
                    street: "400 Broadway", city: "Oakland", country: "US:CA", postcode: "94607", currency: "USD", included: false, once: false)),
            WooShop(
                name: "thames", title: "Thames Pottery", zone: try Zone.named("Europe/London"), place: 2,
                settings: settings(
                    street: "8 Bankside", city: "London", country: "GB", postcode: "SE1 9TG", currency: "GBP", included: true, once: false)),
            WooShop(
                name: "liffey", title: "Liffey Books", zone: try Zone.named("Europe/Dublin"), place: 3,
                settings: settings(
                    street: "2 Ormond Quay", city: "Dublin", country: "IE", postcode: "D07", currency: "EUR", included: true, once: true)),
        ]
        return Dictionary(uniqueKeysWithValues: list.map { ($0.name, $0) })
    }

    private static func settings(
        street: String, city: String, country: String, postcode: String, currency: String, included: Bool, once: Bool
    ) -> [(group: String, id: String, value: String)] {
        func yes(_ truth: Bool) -> String { truth ? "yes" : "no" }
        let general = [
            ("store_address", street), ("store_address_2", ""), ("store_city", city), ("default_country", country), ("store_postcode", postcode),
            ("allowed_countries", "all"), ("default_customer_address", "base"), ("calc_taxes", "yes"), ("enable_coupons", "yes"),
            ("calc_discounts_sequentially", "no"), ("currency", currency), ("currency_pos", "left"), ("price_thousand_sep", ","),
            ("price_decimal_sep", "."), ("price_num_decimals", "2"),
        ]
        let tax = [
            ("prices_include_tax", yes(included)), ("tax_based_on", "shipping"), ("shipping_tax_class", "inherit"), ("tax_round_at_subtotal", yes(once)),
            ("tax_display_shop", included ? "incl" : "excl"), ("tax_display_cart", included ? "incl" : "excl"), ("price_display_suffix", ""),
            ("tax_total_display", "itemized"),
        ]
        return general.map { ("general", "woocommerce_" + $0.0, $0.1) } + tax.map { ("tax", "woocommerce_" + $0.0, $0.1) }
    }

    // MARK: Rows

    static func rows(_ shop: WooShop) -> [WooRow] {
        func row(_ kind: WooKind, _ id: String, _ shown: JSON, inner: JSON = .object([])) -> WooRow {
            WooRow(shop: shop.name, kind: kind, id: id, created: opened, modified: opened, shown: shown, inner: inner)
        }
        var out = shop.settings.map { row(.setting, $0.id, .object([("group", .string($0.group)), ("value", .string($0.value))])) }
        for (n, right) in WooRight.allCases.enumerated() {
            let key = WooShop.key("ck", place: shop.place, right: right.digit)
            let secret = WooShop.key("cs", place: shop.place, right: right.digit)
            let shown: JSON = .object([("secret", .string(secret)), ("permissions", .string(right.rawValue)), ("key_id", .whole(n + 1)), ("user", 1)])
            out.append(row(.key, key, shown))
        }
        for (name, slug) in [("Reduced rate", "reduced-rate"), ("Zero rate", "zero-rate")] {
            out.append(row(.taxClass, slug, .object([("name", .string(name))])))
        }
        for (name, last) in [("post", 1041), ("item", 500), ("meta", 90_210), ("comment", 300), ("user", 80), ("rate", 20), ("webhook", 54), ("key", 16)] {
            out.append(row(.counter, name, .whole(last)))
        }
        out += rates(shop.name).map { row(.rate, "\($0.whole("id"))", $0) }
        out += gateways().map { row(.gateway, $0.text("id") ?? "", $0) }
        out += products(shop.name).map { row(.product, "\($0.whole("id"))", $0) }
        let coupons = [("welcome10", "percent", "10"), ("fiveoff", "fixed_cart", "5"), ("onemug", "fixed_product", "2.50")]
        for (n, (code, type, amount)) in coupons.enumerated() {
            out.append(row(.coupon, "\(70 + n)", WooCoupons.fresh(id: 70 + n, code: code, type: type, amount: amount)))
        }
        return out
    }

    private static func rates(_ shop: String) -> [JSON] {
        func rate(
            _ id: Int, _ country: String, _ state: String, _ percent: String, _ name: String, priority: Int = 1, compound: Bool = false,
            shipping: Bool = false, taxClass: String = "standard"
        ) -> JSON {
            .object([
                ("id", .whole(id)), ("country", .string(country)), ("state", .string(state)), ("postcode", ""), ("city", ""), ("rate", .string(percent)),
                ("name", .string(name)), ("priority", .whole(priority)), ("compound", .bool(compound)), ("shipping", .bool(shipping)),
                ("order", .whole(id)), ("class", .string(taxClass)), ("postcodes", []), ("cities", []),
            ])
        }
        switch shop {
        case "prairie":
            return [
                rate(7, "US", "CA", "8.2500", "CA Sales Tax"), rate(8, "US", "NY", "8.8750", "NY Sales Tax", shipping: true),
                rate(9, "CA", "QC", "5.0000", "GST", shipping: true),
                rate(10, "CA", "QC", "9.9750", "QST", priority: 2, compound: true, shipping: true),
            ]
        case "thames":
            return [
                rate(1, "GB", "", "20.0000", "VAT", shipping: true), rate(2, "GB", "", "5.0000", "VAT", shipping: true, taxClass: "reduced-rate"),
                rate(3, "GB", "", "0.0000", "VAT", shipping: true, taxClass: "zero-rate"),
            ]
        default:
            return [
                rate(1, "IE", "", "23.0000", "VAT", shipping: true), rate(2, "IE", "", "9.0000", "VAT", shipping: true, taxClass: "reduced-rate"),
                rate(3, "DE", "", "19.0000", "MwSt.", shipping: true),
            ]
        }
    }

    private static func gateways() -> [JSON] {
        func gateway(_ id: String, _ title: String, _ order: Int, refunds: Bool) -> JSON {
            let supports: [JSON] = refunds ? ["products", "refunds"] : ["products"]
            return .object([
                ("id", .string(id)), ("title", .string(title)), ("description", ""), ("order", .whole(order)), ("enabled", true),
                ("method_title", .string(title)), ("method_description", ""), ("method_supports", .array(supports)), ("settings", .object([])),
            ])
        }
        return [
            gateway("bacs", "Direct bank transfer", 0, refunds: false), gateway("cheque", "Check payments", 1, refunds: false),
            gateway("cod", "Cash on delivery", 2, refunds: false), gateway("stripe", "Credit card", 3, refunds: true),
            gateway("ppcp-gateway", "PayPal", 4, refunds: true),
        ]
    }

    private static func products(_ shop: String) -> [JSON] {
        func product(
            _ id: Int, _ name: String, _ sku: String, _ price: String, stock: Int? = 100, taxClass: String = "", taxStatus: String = "taxable",
            isVirtual: Bool = false
        ) -> JSON {
            var o = WooProducts.blank.setting([
                ("id", .whole(id)), ("name", .string(name)), ("slug", .string(sku.lowercased())), ("sku", .string(sku)), ("price", .string(price)),
                ("regular_price", .string(price)), ("tax_class", .string(taxClass)), ("tax_status", .string(taxStatus)), ("virtual", .bool(isVirtual)),
                ("downloadable", .bool(isVirtual)),
            ])
            if let stock { o = o.setting([("manage_stock", true), ("stock_quantity", .whole(stock))]) }
            return o
        }
        switch shop {
        case "prairie":
            return [
                product(93, "Ceramic Mug", "MUG-01", "18.00", stock: 41), product(94, "Linen Towel", "TWL-07", "24.50", stock: 60),
                product(95, "Wildflower Seeds", "SEED-3", "3.33", stock: 500), product(96, "Gift Card", "GIFT-50", "50.00", stock: nil, taxStatus: "none"),
                product(97, "Knitting Pattern", "PDF-1", "9.99", stock: nil, isVirtual: true),
            ]
        case "thames":
            return [
                product(93, "Stoneware Bowl", "BOWL-1", "9.99"), product(94, "Tea Pot", "POT-2", "42.50", stock: 12),
                product(95, "Child's Smock", "SMOCK", "17.00", taxClass: "zero-rate"),
                product(96, "Kiln Fuel Saver", "FUEL-5", "21.00", taxClass: "reduced-rate"),
                product(97, "Glaze Recipes", "PDF-1", "6.00", stock: nil, isVirtual: true),
            ]
        default:
            return [
                product(93, "Notebook", "NOTE-1", "4.99"), product(94, "Bookmark", "MARK-1", "1.05", stock: 900),
                product(95, "Daily Paper", "PAPER", "2.35", taxClass: "reduced-rate"),
            ]
        }
    }
}

extension WooState {
    /// A shop's settings as calculations want them.
    struct Settings: Sendable {
        var currency: String
        var places: Int
        var calculates: Bool
        var includes: Bool
        var roundsOnce: Bool
        var basedOn: String
        var shippingClass: String
        var country: String
        var state: String
        var postcode: String
        var city: String
        var sequential: Bool

        var taxRounding: WooRounding { includes ? .halfDown : .halfUp }
    }

    func option(_ shop: String, _ name: String) -> String { rows[shop, .setting, "woocommerce_" + name]?.shown.text("value") ?? "" }

    func settings(_ shop: String) -> Settings {
        let home = option(shop, "default_country").split(separator: ":").map(String.init)
        return Settings(
            currency: option(shop, "currency"), places: min(max(Int(option(shop, "price_num_decimals")) ?? 2, 0), 6),
            calculates: option(shop, "calc_taxes") == "yes", includes: option(shop, "prices_include_tax") == "yes",
            roundsOnce: option(shop, "tax_round_at_subtotal") == "yes", basedOn: option(shop, "tax_based_on"),
            shippingClass: option(shop, "shipping_tax_class"), country: home.first ?? "", state: home.count > 1 ? home[1] : "",
            postcode: option(shop, "store_postcode"), city: option(shop, "store_city"), sequential: option(shop, "calc_discounts_sequentially") == "yes")
    }
}
