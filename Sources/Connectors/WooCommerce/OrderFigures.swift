internal import Books
internal import ConnectorKit
internal import Kernel

/// An order in whole minor units. The shop computes with more places than its currency has and rounds here or there, as its settings are; the order's
/// total and its taxes stand as stated, the rest is shared so that everything adds up to them.
struct OrderFigures {
    struct Part {
        var line: LineRecord
        var discount: Money
        var net: Money
        var taxes: [(rate: String, amount: Money)]

        var gross: Money { net + discount }
    }

    struct Card {
        var code: String?
        var amount: Money
    }

    /// Products and fees.
    private(set) var lines: [Part] = []
    private(set) var shipping: [Part] = []
    private(set) var tip: Money?
    /// Fees that are the tip.
    private(set) var tips: [LineRecord] = []
    /// What gift cards paid of the total.
    private(set) var cards: [Card] = []
    /// What the customer pays, gift cards included.
    private(set) var total: Money

    private let order: OrderRecord
    private var currency: Currency { order.currency }

    /// - Throws: `unbalanced_record` where the parts are not the total by more than rounding explains.
    init(_ order: OrderRecord, _ settings: WooSettings) throws(Fault) {
        self.order = order
        total = order.total.money(order.currency)
        var own = order.items
        var given: [Card] = []
        for fee in order.fees {
            if fee.tax.isZero, fee.total.isNegative, settings.isCard(fee.title) {
                given.append(Card(code: fee.meta.text("code") ?? fee.meta.text("card_number"), amount: (-fee.total).money(currency)))
            } else if fee.tax.isZero, fee.total.units > 0, settings.isTip(fee.title) {
                tips.append(fee)
            } else {
                own.append(fee)
            }
        }
        if !tips.isEmpty { tip = tips.map(\.total).sum.money(currency) }
        let cartTaxes = try taxes(of: own, \.cart, stated: order.cartTax, "cart_tax")
        let shippingTaxes = try taxes(of: order.shipping, \.shipping, stated: order.shippingTax, "shipping_tax")
        try settle(own, cartTaxes, shippingTaxes, given)
    }

    // MARK: Taxes

    private typealias Taxes = [(rate: String, amount: Money)]

    /// The taxes of each line: per rate what the order states of it, shared by what the lines state.
    private func taxes(
        of lines: [LineRecord], _ stated: KeyPath<TaxLineRecord, Exact>, stated whole: Exact, _ name: StaticString
    ) throws(Fault) -> [Taxes] {
        var rates: [String] = []
        for rate in order.taxes.map(\.rate) + lines.flatMap({ $0.taxes.map(\.rate) }) where !rates.contains(rate) { rates.append(rate) }
        let known = Set(order.taxes.map(\.rate))
        let sums = rates.map { rate -> Exact in
            if known.contains(rate) { return order.taxes.filter { $0.rate == rate }.map { $0[keyPath: stated] }.sum }
            return lines.flatMap(\.taxes).filter { $0.rate == rate }.map(\.amount).sum
        }
        guard let totals = Rounding.shares(sums, of: whole.money(currency)) else {
            throw order.field[name].unbalanced("its taxes come to \(sums.sum.money(currency).text), it states \(whole.money(currency).text)")
        }
        var out = lines.map { _ in Taxes() }
        for (rate, total) in zip(rates, totals) {
            let amounts = lines.map { line in line.taxes.first { $0.rate == rate }?.amount }
            guard let shares = Rounding.shares(amounts.map { $0 ?? .zero }, of: total) else {
                let sum = amounts.compactMap(\.self).sum.money(currency)
                throw order.field["tax_lines"].unbalanced("tax \(rate.prefix(40)) comes to \(sum.text) in its lines, \(total.text) in all")
            }
            for i in lines.indices where amounts[i] != nil { out[i].append((rate, shares[i])) }
        }
        return out
    }

    // MARK: Amounts

    private mutating func settle(_ own: [LineRecord], _ cartTaxes: [Taxes], _ shippingTaxes: [Taxes], _ given: [Card]) throws(Fault) {
        let all = own + order.shipping
        let taxes = order.cartTax.money(currency) + order.shippingTax.money(currency)
        let stated = order.cards.filter { $0.amount.units > 0 }.map { Card(code: $0.code, amount: $0.amount.money(currency)) }
        // The plugin takes its cards off the total, a fee of less than nothing is among the parts: only one of both can be.
        let candidates: [[Card]] = given.isEmpty && !stated.isEmpty ? [[], stated] : [given]
        for cards in candidates {
            let whole = total + cards.map(\.amount).total(currency)
            guard let nets = Rounding.shares(all.map(\.total), of: whole - taxes - (tip ?? .zero(currency)), slack: 4) else { continue }
            self.cards = cards
            total = whole
            let discounts = discounts(of: own)
            lines = own.indices.map { Part(line: own[$0], discount: discounts[$0], net: nets[$0], taxes: cartTaxes[$0]) }
            shipping = order.shipping.indices.map {
                Part(line: order.shipping[$0], discount: .zero(currency), net: nets[own.count + $0], taxes: shippingTaxes[$0])
            }
            return
        }
        let parts = all.map(\.total).sum.money(currency) + taxes + (tip ?? .zero(currency))
        throw order.field["total"].unbalanced("its parts come to \(parts.text) \(currency), it states \(total.text)")
    }

    /// What coupons took off each line. It changes no total: where the order's own sum says otherwise, the lines count.
    private func discounts(of lines: [LineRecord]) -> [Money] {
        let amounts = lines.map { line -> Exact in
            let taken = line.subtotal - line.total
            return line.kind == .item && taken.units > 0 && !line.total.isNegative ? taken : .zero
        }
        return Rounding.shares(amounts, of: order.discount.money(currency)) ?? amounts.map { $0.money(currency) }
    }
}
