internal import Kernel

/// A sold line as it stands: what the source stated, or what allocation gave it, less what edits took away.
struct LineFigures {
    var line: SaleLine
    /// `O-1001/L1`, `E-1201/L2`.
    var origin: String
    /// Edits that changed it.
    var touchedBy: [String] = []
    /// Order discounts and order taxes that were shared over it.
    var discountFrom: [String] = []
    var taxFrom: [String] = []
    /// Before anything was taken away: what the cumulative rule works on.
    var first: Amounts
    var now: Amounts
    var removed = ExactDecimal.zero

    struct Amounts {
        var quantity: ExactDecimal
        var gross: Money
        var discount: Money
        var net: Money
        var taxes: [TaxPart]
    }

    init(_ line: SaleLine, origin: String, discount: Money, net: Money, taxes: [TaxPart]) {
        self.line = line
        self.origin = origin
        first = Amounts(quantity: line.quantity, gross: line.gross, discount: discount, net: net, taxes: taxes)
        now = first
    }

    /// More of the same line.
    mutating func add(_ other: LineFigures, by edit: String) {
        now.quantity = now.quantity + other.now.quantity
        now.gross += other.now.gross
        now.discount += other.now.discount
        now.net += other.now.net
        for tax in other.now.taxes {
            if let at = now.taxes.firstIndex(where: { $0.jurisdiction == tax.jurisdiction && $0.rate == tax.rate }) {
                now.taxes[at].amount += tax.amount
            } else {
                now.taxes.append(tax)
            }
        }
        first = now
        removed = .zero
        touchedBy.append(edit)
    }

    /// Takes units away; `false`, and nothing changes, when there are not that many or not that much.
    mutating func remove(_ units: RemovedUnits, by edit: String) -> Bool {
        let k = removed + units.quantity
        guard k <= first.quantity, !units.quantity.isNegative else { return false }
        var left = now
        left.quantity = first.quantity - k
        left.gross = first.gross - Allocation.upTo(k, of: first.quantity, amount: first.gross)
        left.net =
            units.net.map { now.net - $0 } ?? first.net - Allocation.upTo(k, of: first.quantity, amount: first.net)
        left.discount = left.gross - left.net
        for i in left.taxes.indices {
            if let stated = units.taxes {
                let part = stated.filter {
                    $0.jurisdiction == left.taxes[i].jurisdiction && ($0.rate == nil || $0.rate == left.taxes[i].rate)
                }
                left.taxes[i].amount -= part.map(\.amount).total(left.net.currency)
            } else {
                left.taxes[i].amount =
                    first.taxes[i].amount - Allocation.upTo(k, of: first.quantity, amount: first.taxes[i].amount)
            }
        }
        guard left.net.minor >= 0, left.taxes.allSatisfy({ $0.amount.minor >= 0 }) else { return false }
        now = left
        removed = k
        touchedBy.append(edit)
        return true
    }
}

/// An amount taken apart: what of it is income, and which taxes go with it.
struct Taken {
    var net: Money
    /// Our own liability.
    var taxes: [TaxPart]
    /// Owed by the channel.
    var channel: Money

    /// `amount` contains its taxes where `included`.
    init(_ amount: Money, _ taxes: [TaxPart], included: Bool) {
        net = included ? amount - taxes.map(\.amount).total(amount.currency) : amount
        self.taxes = taxes.filter { !$0.channelLiable }
        channel = taxes.filter(\.channelLiable).map(\.amount).total(amount.currency)
    }

    /// With our own taxes.
    var total: Money { net + taxes.map(\.amount).total(net.currency) }
}

#if SABOTAGE
extension Taken {
    /// With the tax that the rate gives, and the income changed so that nobody sees it in the total.
    fileprivate func netted(_ net: Money, sum: ExactDecimal, included: Bool) -> Taken {
        guard Sabotage.nettedRounding.isOn else { return self }
        var out = self
        for (n, tax) in taxes.enumerated() {
            guard let rate = tax.rate else { continue }
            let due = included ? Tax.contained(in: net, rate: rate, sum: sum) : Tax.charged(on: net, rate: rate)
            out.net += tax.amount - due
            out.taxes[n].amount = due
        }
        return out
    }
}
#endif

extension [TaxPart] {
    /// The sum of all rates; unknown ones count as nothing.
    var sumOfRates: ExactDecimal { compactMap(\.rate).reduce(.zero, +) }
}

extension CasePlan {
    /// The lines as sold: what the source states only for the whole order is shared over its lines.
    func soldFigures(_ told: Told<Sale>) -> [LineFigures] {
        let sale = told.body
        let zero = Money.zero(sale.currency)
        let open = sale.lines.indices.filter { sale.lines[$0].discount == nil }
        let whole = sale.discounts.map(\.amount).total(sale.currency)
        var discounts: [Money] = sale.lines.map { $0.discount ?? zero }
        for (i, share) in zip(open, Allocation.shares(of: whole, weights: open.map { sale.lines[$0].gross })) {
            discounts[i] = share
        }
        let nets: [Money] = sale.lines.indices.map { sale.lines[$0].net ?? sale.lines[$0].gross - discounts[$0] }
        let untaxed = sale.lines.indices.filter { sale.lines[$0].taxes == nil }
        var taxes: [[TaxPart]] = sale.lines.map { $0.taxes ?? [] }
        for tax in sale.orderTaxes {
            for (i, share) in zip(untaxed, Allocation.shares(of: tax.part.amount, weights: untaxed.map { nets[$0] })) {
                var part = tax.part
                part.amount = share
                taxes[i].append(part)
            }
        }
        return sale.lines.indices.map { i in
            var figure = LineFigures(
                sale.lines[i], origin: "\(told.id)/\(sale.lines[i].id)", discount: discounts[i], net: nets[i],
                taxes: taxes[i])
            if open.contains(i) { figure.discountFrom = sale.discounts.map { "\(told.id)/\($0.id)" } }
            if untaxed.contains(i) { figure.taxFrom = sale.orderTaxes.map { "\(told.id)/\($0.id)" } }
            return figure
        }
    }

    /// The code that a line with these taxes carries.
    func lineCode(_ taxes: [TaxPart], exempt: Bool) -> String? {
        if exempt, taxes.allSatisfy(\.amount.isZero) { return "\(organisation.country)-EXEMPT" }
        guard organisation.codesSitOnLines else { return nil }
        let codes = taxes.filter { !$0.channelLiable }.compactMap { tax in
            tax.jurisdiction.map { Tax.code($0, rate: tax.rate) }
        }
        return codes.isEmpty ? nil : codes.joined(separator: "+")
    }

    /// Tax lines, one per part; `sign` +1 debits. Parts of nothing are left out.
    func taxLines(_ taxes: [TaxPart], sign: Int64, group: String, from: [String]) -> [PostingLine] {
        taxes.filter { !$0.amount.isZero }.map { tax in
            // A tax without a jurisdiction keeps the bare role: preflight holds it by that.
            PostingLine(
                .tax, role: Role(tax.jurisdiction.map { "tax_payable:\($0)" } ?? "tax_payable"),
                amount: Money(minor: tax.amount.minor * sign, tax.amount.currency),
                taxCode: tax.jurisdiction.map { Tax.code($0, rate: tax.rate) }, group: group, derivedFrom: from)
        }
    }

    /// A sold line in the books: goods, discount and taxes, as credits and debits of a sale.
    func lines(of figure: LineFigures, sale: Sale) -> [PostingLine] {
        let now = figure.now
        let included = sale.taxIncluded
        let rates = now.taxes.sumOfRates
        #if SABOTAGE
        let taken = Taken(now.net, now.taxes, included: included).netted(now.net, sum: rates, included: included)
        #else
        let taken = Taken(now.net, now.taxes, included: included)
        #endif
        var discount = included ? Tax.stripped(now.discount, sum: rates) : now.discount
        if policies.discounts == .net { discount = .zero(sale.currency) }
        let from = [figure.origin] + figure.touchedBy
        let id = figure.line.id
        var out: [PostingLine] = []
        let code = figure.line.giftCard ? nil : figure.line.taxCode ?? lineCode(now.taxes, exempt: sale.taxExempt)
        let role: Role =
            figure.line.giftCard ? "gift_card_liability" : Role("sales:\(figure.line.group ?? "unclassified")")
        var goods = PostingLine(
            figure.line.giftCard ? .giftCard : .goods, role: role, amount: -(taken.net + discount), taxCode: code,
            group: id, derivedFrom: from,
            text: figure.line.title, sku: figure.line.sku, quantity: now.quantity)
        goods.openItem = figure.line.giftCardRef
        out.append(goods)
        if !discount.isZero {
            var dimension: [String: String] = [:]
            if policies.discountDimension == .group, let group = figure.line.group { dimension["group"] = group }
            out.append(
                PostingLine(
                    .discount, role: "sales_discounts", amount: discount, taxCode: code, group: id,
                    dimension: dimension,
                    derivedFrom: figure.discountFrom + from, text: "Discount: \(figure.line.title)"))
        }
        out += taxLines(
            taken.taxes, sign: -1, group: id, from: figure.taxFrom.isEmpty ? from : figure.taxFrom + figure.touchedBy)
        out += channelLine(taken.channel, sign: -1, group: id, from: from)
        return out
    }

    func lines(of shipping: ShippingLine, sale: Sale, from: String) -> [PostingLine] {
        let taken = Taken(shipping.net, shipping.taxes, included: sale.taxIncluded)
        let code = shipping.taxCode ?? lineCode(shipping.taxes, exempt: sale.taxExempt)
        var out: [PostingLine] = []
        if !taken.net.isZero {
            out.append(
                PostingLine(
                    .shipping, role: "shipping_income", amount: -taken.net, taxCode: code, group: shipping.id,
                    derivedFrom: [from], text: shipping.title,
                    quantity: .one))
        }
        out += taxLines(taken.taxes, sign: -1, group: shipping.id, from: [from])
        out += channelLine(taken.channel, sign: -1, group: shipping.id, from: [from])
        return out
    }

    /// Under `pass_through` the channel's tax runs through the books; otherwise it is a memo figure.
    func channelLine(_ amount: Money, sign: Int64, group: String, from: [String]) -> [PostingLine] {
        guard policies.marketplaceTax == .passThrough, !amount.isZero else { return [] }
        return [
            PostingLine(
                .other, role: "marketplace_tax_memo", amount: Money(minor: amount.minor * sign, amount.currency),
                group: group, derivedFrom: from)
        ]
    }
}
