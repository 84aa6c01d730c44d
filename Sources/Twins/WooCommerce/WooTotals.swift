internal import Kernel
internal import TwinKit
internal import Wire

/// An order's taxes and totals.
/// - Source: woocommerce `WC_Abstract_Order::calculate_totals`, `calculate_taxes`, `update_taxes`, `get_tax_location`.
extension WooState {
    /// Where an order is taxed.
    func place(_ order: WooOrder, _ settings: Settings) -> WooPlace {
        let base = WooPlace(country: settings.country, state: settings.state, postcode: settings.postcode, city: settings.city)
        let pickup = order.items(.shipping).contains { ["local_pickup", "legacy_local_pickup"].contains($0.plain.text("method_id") ?? "") }
        if settings.basedOn == "base" || pickup { return base }
        func country(_ name: String) -> String { order.plain.member(name, "country")?.string ?? "" }
        let name = settings.basedOn == "billing" || country("shipping").isEmpty ? "billing" : "shipping"
        guard !country(name).isEmpty, let address = order.plain[name] else { return base }
        return WooPlace(
            country: country(name), state: address.text("state") ?? "", postcode: address.text("postcode") ?? "", city: address.text("city") ?? "")
    }

    mutating func calculate(_ order: inout WooOrder, _ m: WooMoment) {
        let settings = settings(m.shop)
        let lines = order.items(.line)
        let subtotal = Self.rounded(lines.map(\.subtotal), settings).sum
        let cart = Self.rounded(lines.map(\.total), settings).sum
        order.shippingTotal = order.items(.shipping).map { $0.total.woo(settings.places) }.sum
        var fees = ExactDecimal.zero
        for n in order.items.indices where order.items[n].kind == .fee {
            // A discount can't be more than what there is to discount.
            let most = -(cart + fees + order.shippingTotal).woo(settings.places)
            if order.items[n].total.isNegative, most.isNegative, order.items[n].total < most { order.items[n].total = most }
            fees = fees + order.items[n].total
        }
        taxItems(&order, settings, m.shop)
        updateTaxes(&order.items, settings, m)
        order.cartTax = order.items(.tax).map(\.total).sum
        order.shippingTax = order.items(.tax).map(\.totalTax).sum
        let parts = order.items(.line).flatMap(\.taxes)
        order.discountTotal = (subtotal - cart).woo(settings.places)
        order.discountTax = (parts.map(\.subtotal).sum - parts.map(\.total).sum).woo(settings.places, settings.taxRounding)
        order.total = (cart + fees + order.shippingTotal + order.cartTax + order.shippingTax).woo(settings.places)
    }

    /// Each amount rounded on its own, unless the shop rounds once.
    private static func rounded(_ amounts: [ExactDecimal], _ settings: Settings) -> [ExactDecimal] {
        settings.roundsOnce ? amounts : amounts.map { $0.woo(settings.places) }
    }

    private func taxItems(_ order: inout WooOrder, _ settings: Settings, _ shop: String) {
        let isExempt = order.meta["is_vat_exempt"]?.string == "yes" || !settings.calculates
        let place = place(order, settings)
        let shippingClass = shippingClass(order, settings, shop)
        let unsettled = order
        for n in order.items.indices {
            let item = order.items[n]
            let rates: [WooRate]
            switch item.kind {
            case .line, .fee: rates = item.isTaxable ? self.rates(item.taxClass, at: place, in: shop) : []
            case .shipping: rates = item.isTaxable ? shippingClass.map { self.rates($0, at: place, in: shop).filter(\.shipping) } ?? [] : []
            case .tax, .coupon: continue
            }
            if isExempt {
                order.items[n].set([], settings)
            } else if item.kind == .fee, item.total.isNegative {
                order.items[n].set(discountTaxes(item, unsettled, at: place, shop), settings)
            } else {
                let before = WooTaxMath.taxes(item.subtotal, rates, included: false)
                let after = WooTaxMath.taxes(item.total, rates, included: false)
                let parts = zip(before, after).map { WooItemTax(rate: $1.rate, total: $1.amount, subtotal: $0.amount) }
                order.items[n].set(parts, settings)
            }
        }
    }

    /// The class that shipping is taxed in; `nil` for none.
    private func shippingClass(_ order: WooOrder, _ settings: Settings, _ shop: String) -> String? {
        guard settings.shippingClass == "inherit" else { return settings.shippingClass }
        let used = classes(order)
        if let first = ([""] + rows.all(.taxClass, in: shop).map(\.id)).first(where: { used.contains($0) }) { return first }
        return order.items(.line).isEmpty ? "" : nil
    }

    private func classes(_ order: WooOrder) -> [String] {
        var out: [String] = []
        for item in order.items(.line) where item.taxStatus != "none" && !out.contains(item.taxClass) { out.append(item.taxClass) }
        return out
    }

    /// The tax that a negative fee takes away, shared out over what the order has of each class.
    /// - Source: woocommerce `WC_Order_Item_Fee::calculate_taxes`, `get_tax_class_costs`.
    private func discountTaxes(_ fee: WooItem, _ order: WooOrder, at place: WooPlace, _ shop: String) -> [WooItemTax] {
        let known = classes(order)
        var costs: [(taxClass: String?, cost: ExactDecimal)] = known.map { ($0, .zero) } + [(nil, .zero)]
        for item in order.items where [.line, .fee, .shipping].contains(item.kind) && !item.total.isNegative {
            let own: String? = !item.isTaxable ? nil : item.kind == .shipping ? known.first ?? "" : item.taxClass
            if let n = costs.firstIndex(where: { $0.taxClass == own }) {
                costs[n].cost = costs[n].cost + item.total
            } else {
                costs.append((own, item.total))
            }
        }
        let all = costs.map(\.cost).sum
        var out: [WooItemTax] = []
        for (taxClass, cost) in costs {
            guard let taxClass, !cost.isZero, !all.isZero else { continue }
            let share = ExactDecimal.ratio(fee.total * cost, all, places: ExactDecimal.wooPlaces)
            for tax in WooTaxMath.taxes(share, rates(taxClass, at: place, in: shop), included: false) {
                if let n = out.firstIndex(where: { $0.rate == tax.rate }) {
                    out[n].total = out[n].total + tax.amount
                } else {
                    out.append(WooItemTax(rate: tax.rate, total: tax.amount, subtotal: .zero))
                }
            }
        }
        return out
    }

    /// The tax lines: one for each rate that any line has. Parts of lines are rounded before they are summed, or their sum is.
    mutating func updateTaxes(_ items: inout [WooItem], _ settings: Settings, _ m: WooMoment) {
        var order: [Int] = []
        var cart: [Int: ExactDecimal] = [:]
        var shipping: [Int: ExactDecimal] = [:]
        for item in items where [.line, .fee, .shipping].contains(item.kind) {
            for part in item.taxes {
                if !order.contains(part.rate) { order.append(part.rate) }
                let amount = settings.roundsOnce ? part.total : part.total.woo(settings.places, settings.taxRounding)
                if item.kind == .shipping {
                    shipping[part.rate] = (shipping[part.rate] ?? .zero) + amount
                } else {
                    cart[part.rate] = (cart[part.rate] ?? .zero) + amount
                }
            }
        }
        let old = items.filter { $0.kind == .tax }
        items.removeAll { $0.kind == .tax }
        for rate in order {
            var line = old.first { $0.plain.whole("rate_id") == rate } ?? WooItem(id: next("item", m), kind: .tax)
            if let row = rows[m.shop, .rate, rate] { line.plain = Self.taxLine(WooRate(row.shown)) }
            line.total = cart[rate] ?? .zero
            line.totalTax = shipping[rate] ?? .zero
            items.append(line)
        }
    }

    private static func taxLine(_ rate: WooRate) -> JSON {
        .object([
            ("rate_code", .string(rate.code)), ("rate_id", .whole(rate.id)), ("label", .string(rate.name)), ("compound", .bool(rate.compound)),
            ("rate_percent", .number(rate.percent.shortest.description)),
        ])
    }
}
