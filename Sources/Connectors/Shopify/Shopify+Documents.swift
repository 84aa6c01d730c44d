internal import Books
internal import Kernel

/// Makes canonical documents of an order's record.
struct OrderDocuments {
    let order: OrderRecord
    private(set) var names: Jurisdictions

    /// `placed` is the order without what was added to it later.
    init(_ order: OrderRecord, placed: OrderRecord) {
        self.order = order
        names = Jurisdictions(placed.place)
        names.name(taxesOf: placed)
        names.name(taxesOf: order)
    }

    /// Nothing was added later.
    init(asPlaced order: OrderRecord) {
        self.order = order
        names = Jurisdictions(order.place)
        names.name(taxesOf: order)
    }

    func parts(_ taxes: [TaxRecord], amounts: [Money]? = nil) -> [TaxPart] {
        var parts: [TaxPart] = []
        parts.reserveCapacity(taxes.count)
        for i in taxes.indices {
            parts.append(
                TaxPart(
                    jurisdiction: names[taxes[i].title], rate: taxes[i].rate, amount: amounts?[i] ?? taxes[i].amount,
                    channelLiable: taxes[i].channelLiable))
        }
        return parts
    }

    /// The order as placed.
    func sale(_ placed: OrderRecord) -> SourceDocument {
        var lines: [SaleLine] = []
        lines.reserveCapacity(placed.lines.count)
        for i in placed.lines.indices { lines.append(line(placed.lines[i])) }
        let sale = Sale(
            number: placed.name, source: source(placed), customer: "house", currency: placed.side.currency,
            rate: placed.rate,
            taxIncluded: placed.taxIncluded, taxExempt: placed.taxExempt, lines: lines,
            shipping: placed.shipping.map { charge in
                ShippingLine(
                    id: charge.id, title: charge.title, amount: charge.amount, discount: charge.discount,
                    net: charge.amount - charge.discount, taxes: parts(charge.taxes))
            },
            tip: placed.tip.isZero ? nil : placed.tip, total: placed.total, poNumber: placed.poNumber)
        return SourceDocument(
            id: placed.id, caseID: placed.id, version: placed.updatedAt.microseconds, at: placed.at, body: .sale(sale))
    }

    func line(_ line: LineRecord) -> SaleLine {
        SaleLine(
            id: line.id, sku: line.sku, title: line.title, quantity: ExactDecimal(line.quantity), gross: line.gross,
            discount: line.discount, net: line.net, taxes: parts(line.taxes), giftCard: line.giftCard)
    }

    /// Tills are `pos`. A channel that collects the tax itself keeps its name and so its own receivable; all else is
    /// the shop.
    private func source(_ order: OrderRecord) -> String {
        if order.sourceName == "pos" { return "pos" }
        let liable: (TaxRecord) -> Bool = { $0.channelLiable }
        guard order.sourceName != "web", !order.sourceName.isEmpty,
            order.lines.contains(where: { $0.taxes.contains(where: liable) })
                || order.shipping.contains(where: { $0.taxes.contains(where: liable) })
        else { return "shop" }
        return order.sourceName.lowercased()
    }

    /// A cancelled order says so in whatever form it comes.
    var cancellation: SourceDocument? {
        order.cancelledAt.map { at in
            SourceDocument(
                id: "\(order.id)-cancelled", caseID: order.id, version: at.microseconds, at: at,
                body: .cancellation(Cancellation(kind: .cancelled, reason: order.cancelReason)))
        }
    }
}

extension TransactionRecord {
    /// Money received, or a decided attempt at it. `nil` for what is no payment (refunds come with their refund), for
    /// open attempts and for tests.
    func payment(of order: String, fields: Fields) throws(Fault) -> SourceDocument? {
        guard Self.isPayment(kind, outcome, test: test) else { return nil }
        let status: Payment.Status
        switch (kind, outcome) {
        case (.authorization, .success): status = .authorised
        case (.void, .success): status = .voided
        default: status = outcome
        }
        guard let at else { throw fields.unreadable("processed_at", "a time with its offset") }
        return SourceDocument(
            id: id, caseID: order, version: at.microseconds + VersionRank.of(status), at: at,
            body: .payment(Payment(gateway: gateway, amount: amount, status: status, of: parent)))
    }
}

/// Takes stated taxes apart over the jurisdictions of a line, so that all units together come to the line's own taxes.
struct TaxSplit {
    let taxes: [TaxRecord]
    let quantity: Int
    private var units = 0
    private var done: [Int64]

    init(_ taxes: [TaxRecord], quantity: Int) {
        self.taxes = taxes
        self.quantity = quantity
        done = taxes.map { _ in 0 }
    }

    /// The shares of `stated`, the tax on the next `count` units. `natural`: the running total of each tax gives the
    /// same.
    mutating func take(_ count: Int, stated: Money) -> (amounts: [Money], natural: Bool) {
        units += count
        let whole = ExactDecimal(quantity)
        let running = taxes.indices.map { i in
            max(0, Allocation.upTo(ExactDecimal(units), of: whole, amount: taxes[i].amount).minor - done[i])
        }
        let natural = running.reduce(0, +) == stated.minor
        var shares = running
        if !natural {
            let weights = running.contains { $0 > 0 } ? running : taxes.map { max(0, $0.amount.minor) }
            shares = Allocation.shares(of: stated.minor, weights: weights)
        }
        for i in shares.indices { done[i] += shares[i] }
        return (shares.map { Money(minor: $0, stated.currency) }, natural)
    }

    /// The units and taxes as they are without those taken.
    var rest: TaxSplit {
        var left = taxes
        for i in left.indices { left[i].amount = Money(minor: left[i].amount.minor - done[i], left[i].amount.currency) }
        return TaxSplit(left, quantity: max(0, quantity - units))
    }
}
