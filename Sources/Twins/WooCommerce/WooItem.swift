internal import Kernel
internal import Wire

/// One rate's part of a line's tax.
struct WooItemTax: Sendable {
    var rate: Int
    var total: ExactDecimal
    var subtotal: ExactDecimal
}

/// A line of an order or a refund. In a refund the amounts are negative.
struct WooItem: Sendable {
    enum Kind: String, Sendable {
        case line, tax, shipping, fee, coupon
    }

    var id: Int
    var kind: Kind
    /// What nothing is computed from: names, product, method, code.
    var plain: JSON = .object([])
    var quantity = 1
    var taxClass = ""
    var taxStatus = "taxable"
    /// Before coupons; a coupon's nominal amount.
    var subtotal: ExactDecimal = .zero
    var subtotalTax: ExactDecimal = .zero
    /// After coupons; a tax's part on lines and fees; a coupon's discount.
    var total: ExactDecimal = .zero
    /// A tax's part on shipping; a coupon's discount of tax.
    var totalTax: ExactDecimal = .zero
    var taxes: [WooItemTax] = []
    var meta: [WooMeta] = []

    init(id: Int, kind: Kind) {
        self.id = id
        self.kind = kind
    }

    // MARK: Keeping

    init?(_ json: JSON) {
        guard let kind = json.text("k").flatMap(Kind.init) else { return nil }
        self.init(id: json.whole("id"), kind: kind)
        plain = json["p"] ?? plain
        quantity = json.whole("q")
        taxClass = json.text("tc") ?? ""
        taxStatus = json.text("ts") ?? ""
        subtotal = json.amount("st")
        subtotalTax = json.amount("stt")
        total = json.amount("t")
        totalTax = json.amount("tt")
        taxes = json.list("x").map { WooItemTax(rate: $0.whole("r"), total: $0.amount("t"), subtotal: $0.amount("s")) }
        meta = [WooMeta](json["m"])
    }

    var record: JSON {
        let parts = taxes.map { JSON.object([("r", .whole($0.rate)), ("t", $0.total.keptJSON), ("s", $0.subtotal.keptJSON)]) }
        return .object([
            ("id", .whole(id)), ("k", .string(kind.rawValue)), ("p", plain), ("q", .whole(quantity)), ("tc", .string(taxClass)), ("ts", .string(taxStatus)),
            ("st", subtotal.keptJSON), ("stt", subtotalTax.keptJSON), ("t", total.keptJSON), ("tt", totalTax.keptJSON), ("x", .array(parts)),
            ("m", meta.json),
        ])
    }

    // MARK: Showing

    /// - Source: woocommerce `get_order_item_data`: amounts at `places`, each rate's part as it is kept.
    func shown(_ places: Int) -> JSON {
        func amount(_ value: ExactDecimal) -> JSON { .string(value.woo(places).description) }
        var o = WooFields()
        o.whole("id", id)
        switch kind {
        case .line:
            o.copy(["name", "product_id", "variation_id"], from: plain)
            o.whole("quantity", quantity)
            o.text("tax_class", taxClass)
            o.set("subtotal", amount(subtotal))
            o.set("subtotal_tax", amount(subtotalTax))
        case .tax: o.copy(["rate_code", "rate_id", "label", "compound"], from: plain)
        case .shipping: o.copy(["method_title", "method_id", "instance_id"], from: plain)
        case .fee:
            o.copy(["name"], from: plain)
            o.text("tax_class", taxClass)
            o.text("tax_status", taxStatus)
            o.set("amount", .string(total.kept.description))
        case .coupon:
            o.copy(["code"], from: plain)
            o.text("discount", total.kept.description)
            o.text("discount_tax", totalTax.kept.description)
        }
        switch kind {
        case .tax:
            o.set("tax_total", amount(total))
            o.set("shipping_tax_total", amount(totalTax))
            o.copy(["rate_percent"], from: plain)
        case .coupon: break
        case .line, .shipping, .fee:
            o.set("total", amount(total))
            o.set("total_tax", amount(totalTax))
            o.set("taxes", .array(taxes.map { part in
                let subtotal = kind == .line ? part.subtotal.kept.description : ""
                return .object([("id", .whole(part.rate)), ("total", part.total.keptJSON), ("subtotal", .string(subtotal))])
            }))
        }
        if kind == .shipping { o.text("tax_status", taxStatus) }
        o.set("meta_data", .array(meta.map(\.onLine)))
        if kind == .line {
            o.copy(["sku"], from: plain)
            o.text("global_unique_id", "")
            o.set("price", .number(unitPrice))
            o.set("image", .object([("id", ""), ("src", "")]))
            o.set("parent_name", .null)
        }
        if kind == .coupon { o.copy(["discount_type", "nominal_amount", "free_shipping"], from: plain) }
        return o.json
    }

    /// A JSON number, as PHP writes a quotient: sixteen digits and no zeros at the end.
    private var unitPrice: String {
        guard quantity != 0 else { return "0" }
        return ExactDecimal.ratio(total, ExactDecimal(quantity), places: 12).shortest.description
    }
}

/// A place, a class and a status are enough to tax a line.
extension WooItem {
    /// Whether the shop taxes it at all.
    var isTaxable: Bool { taxStatus == "taxable" }

    /// Sets each rate's part and their sums, each part rounded on its own or none of them.
    /// - Source: woocommerce `WC_Order_Item_Product::set_taxes`, `WC_Order_Item_Fee::set_taxes`, `WC_Order_Item_Shipping::set_taxes`.
    mutating func set(_ parts: [WooItemTax], _ settings: WooState.Settings) {
        taxes = parts
        if kind == .line, parts.map(\.subtotal).sum < parts.map(\.total).sum {
            for n in taxes.indices { taxes[n].subtotal = taxes[n].total }
        }
        func total(_ amounts: [ExactDecimal]) -> ExactDecimal {
            settings.roundsOnce ? amounts.sum : amounts.map { $0.woo(settings.places, settings.taxRounding) }.sum
        }
        totalTax = total(taxes.map(\.total))
        subtotalTax = total(taxes.map(\.subtotal))
    }
}
