internal import Kernel
internal import TwinKit
internal import Wire

/// What coupons take off an order's lines, in the smallest units of the currency.
/// - Source: woocommerce `WC_Discounts`: percentages are rounded down line by line and the rest is given a unit at a time; fixed sums are shared out
///   by pieces.
struct WooDiscounts {
    struct Line {
        var item: Int
        var product: Int
        var quantity: Int
        /// In minor units, with the fraction a net price may have.
        var price: ExactDecimal
    }

    /// Dearest first.
    private let lines: [Line]
    private let isSequential: Bool
    /// By coupon and item.
    private(set) var given: [(code: String, items: [Int: ExactDecimal])] = []

    init(_ lines: [Line], isSequential: Bool) {
        self.lines = lines.enumerated().sorted { a, b in
            let (x, y) = (a.element.price * ExactDecimal(a.element.quantity), b.element.price * ExactDecimal(b.element.quantity))
            return x == y ? a.offset < b.offset : x > y
        }.map(\.element)
        self.isSequential = isSequential
    }

    func off(_ item: Int) -> ExactDecimal { given.map { $0.items[item] ?? .zero }.sum }

    private func left(_ line: Line) -> ExactDecimal { max((line.price - off(line.item)).woo(0), .zero) }

    mutating func apply(_ coupon: JSON, places: Int) {
        let code = coupon.text("code") ?? ""
        if !given.contains(where: { $0.code == code }) { given.append((code, [:])) }
        let only = Set(coupon.list("product_ids").compactMap(\.int))
        let not = Set(coupon.list("excluded_product_ids").compactMap(\.int))
        let fitting = lines.filter { line in
            left(line).isPositive && line.quantity > 0 && (only.isEmpty || only.contains(line.product)) && !not.contains(line.product)
        }
        let amount = coupon.amount("amount")
        switch coupon.text("discount_type") {
        case "percent": percent(amount, fitting, code)
        case "fixed_product": _ = perPiece(ExactDecimal(coefficient: Int128(amount.minor(places)), scale: 0), fitting, code)
        default: perCart(ExactDecimal(coefficient: Int128(amount.minor(places)), scale: 0), fitting, code)
        }
    }

    private mutating func give(_ amount: ExactDecimal, _ item: Int, _ code: String) {
        guard let n = given.firstIndex(where: { $0.code == code }) else { return }
        given[n].items[item] = (given[n].items[item] ?? .zero) + amount
    }

    private mutating func percent(_ amount: ExactDecimal, _ fitting: [Line], _ code: String) {
        var whole = ExactDecimal.zero
        var done = ExactDecimal.zero
        for line in fitting {
            let available = left(line)
            let price = isSequential ? available : line.price.woo(0)
            let share = min(available, Self.floor(ExactDecimal.ratio(price * amount, ExactDecimal(100), places: 8)))
            whole = whole + price
            done = done + share
            give(share, line.item, code)
        }
        let all = ExactDecimal.ratio(whole * amount, ExactDecimal(100), places: 8).woo(0, .halfDown)
        if done < all { remainder(all - done, fitting, code) }
    }

    private static func floor(_ value: ExactDecimal) -> ExactDecimal {
        let near = value.woo(0)
        return near > value ? near - .one : near
    }

    /// So much off each piece; what was given.
    private mutating func perPiece(_ amount: ExactDecimal, _ fitting: [Line], _ code: String) -> ExactDecimal {
        var done = ExactDecimal.zero
        for line in fitting {
            let share = min(left(line), amount * ExactDecimal(line.quantity))
            done = done + share
            give(share, line.item, code)
        }
        return done
    }

    private mutating func perCart(_ amount: ExactDecimal, _ fitting: [Line], _ code: String) {
        var rest = amount
        // A bound: each round gives something or is the last.
        for _ in 0..<1000 where rest.isPositive {
            let open = fitting.filter { left($0).isPositive }
            let pieces = open.reduce(0) { $0 + $1.quantity }
            guard pieces > 0 else { return }
            let each = Self.floor(ExactDecimal.ratio(rest, ExactDecimal(pieces), places: 8))
            guard each.isPositive else { return remainder(rest, open, code) }
            let done = perPiece(each, open, code)
            guard done.isPositive else { return }
            rest = rest - done
        }
    }

    /// A unit at a time, piece by piece.
    private mutating func remainder(_ amount: ExactDecimal, _ fitting: [Line], _ code: String) {
        var rest = amount
        for line in fitting {
            for _ in 0..<line.quantity {
                let unit = min(left(line), .one)
                guard rest.isPositive, unit.isPositive else { break }
                rest = rest - unit
                give(unit, line.item, code)
            }
        }
    }
}

extension WooState {
    /// Takes all coupons off an order and puts these on.
    /// - Source: woocommerce `WC_REST_Orders_Controller::calculate_coupons`, `WC_Abstract_Order::recalculate_coupons`.
    mutating func applyCoupons(_ given: [JSON], to order: inout WooOrder, _ m: WooMoment) throws(WooProblem) {
        let settings = settings(m.shop)
        var coupons: [JSON] = []
        for line in given {
            guard line["id"]?.isEmpty != false else { throw WooProblem(400, "woocommerce_rest_coupon_item_id_readonly", "Coupon item ID is readonly.") }
            guard let text = line.text("code"), !text.isEmpty else {
                throw WooProblem(400, "woocommerce_rest_invalid_coupon", "Coupon code is required.")
            }
            coupons.append(try coupon(text.lowercased(), on: order, m))
        }
        order.items.removeAll { $0.kind == .coupon }
        for n in order.items.indices where order.items[n].kind == .line { order.items[n].total = order.items[n].subtotal }
        calculate(&order, m)
        guard !coupons.isEmpty else { return }
        let unit = ExactDecimal(coefficient: Self.power(settings.places), scale: 0)
        let isGross = order.plain.flag("prices_include_tax")
        let lines = order.items(.line).map { item in
            WooDiscounts.Line(
                item: item.id, product: item.plain.whole("product_id"), quantity: item.quantity,
                price: (item.subtotal + (isGross ? item.subtotalTax : .zero)) * unit)
        }
        var discounts = WooDiscounts(lines, isSequential: settings.sequential)
        for coupon in coupons { discounts.apply(coupon, places: settings.places) }
        let place = place(order, settings)
        func taxes(_ item: WooItem, _ amount: ExactDecimal) -> ExactDecimal {
            guard settings.calculates, item.isTaxable else { return .zero }
            return WooTaxMath.taxes(amount, rates(item.taxClass, at: place, in: m.shop), included: isGross).map(\.amount).sum
        }
        for (coupon, part) in zip(coupons, discounts.given) {
            var line = WooItem(id: next("item", m), kind: .coupon)
            var tax = ExactDecimal.zero
            for item in order.items(.line) {
                let own = taxes(item, .ratio(part.items[item.id] ?? .zero, unit, places: ExactDecimal.wooPlaces))
                tax = tax + (settings.roundsOnce ? own : own.woo(settings.places, settings.taxRounding))
            }
            let off = ExactDecimal.ratio(part.items.values.sum, unit, places: ExactDecimal.wooPlaces)
            line.total = isGross ? off - tax : off
            line.totalTax = tax
            line.plain = .object([
                ("code", coupon["code"] ?? ""), ("discount_type", coupon["discount_type"] ?? ""),
                ("nominal_amount", .number(coupon.amount("amount").shortest.description)), ("free_shipping", coupon["free_shipping"] ?? false),
            ])
            order.items.append(line)
        }
        for n in order.items.indices where order.items[n].kind == .line {
            var off = ExactDecimal.ratio(discounts.off(order.items[n].id), unit, places: ExactDecimal.wooPlaces)
            if isGross { off = off - taxes(order.items[n], off) }
            order.items[n].total = max(.zero, (order.items[n].total - off).kept)
        }
        calculate(&order, m)
    }

    static func power(_ places: Int) -> Int128 { (0..<places).reduce(Int128(1)) { power, _ in power * 10 } }

    private func coupon(_ code: String, on order: WooOrder, _ m: WooMoment) throws(WooProblem) -> JSON {
        func refused(_ message: String) -> WooProblem { WooProblem(400, "woocommerce_rest_invalid_coupon", message) }
        guard let row = rows.all(.coupon, in: m.shop).first(where: { $0.shown.text("code") == code && $0.shown.text("status") == "publish" }) else {
            throw refused("Coupon \"\(code)\" cannot be applied because it does not exist.")
        }
        let coupon = row.shown
        if let ends = coupon["date_expires_gmt"]?.string, let end = Timestamp(rfc3339: ends + "Z"), end < m.at {
            throw refused("Coupon \"\(code)\" has expired.")
        }
        let isOn = order.items(.coupon).contains { $0.plain.text("code") == code }
        if let limit = coupon["usage_limit"]?.int, limit > 0, coupon.whole("usage_count") >= limit, !isOn {
            throw refused("Usage limit for coupon \"\(code)\" has been reached.")
        }
        let least = coupon.amount("minimum_amount")
        let subtotal = order.items(.line).map { $0.subtotal + (order.plain.flag("prices_include_tax") ? $0.subtotalTax : .zero) }.sum
        if least.isPositive, subtotal < least { throw refused("The minimum spend for coupon \"\(code)\" is \(least.woo(2)).") }
        return coupon
    }
}
