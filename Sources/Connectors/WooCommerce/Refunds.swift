internal import Books
internal import ConnectorKit
internal import Kernel

/// What an order's refunds gave back, one after the other. The shop states amounts with more places than can be paid: each line's share is the running
/// total rounded, less what went back before, so that all of a line never comes to more than was sold.
struct RefundReading {
    private let order: OrderRecord
    private let figures: OrderFigures
    private let rates: TaxRates
    private let settings: WooSettings
    private var currency: Currency { order.currency }

    /// What is sold of one figure of a line, and how much of it went back: exactly as stated, and in whole units.
    private struct Running {
        var sold: Money
        var soldExact: Exact
        var exact = Exact.zero
        var done: Money

        init(_ sold: Money, _ exact: Exact) {
            self.sold = sold
            soldExact = exact
            done = .zero(sold.currency)
        }

        /// The whole units of this much more.
        mutating func take(_ amount: Exact) -> Money {
            exact += amount
            let all = exact == soldExact ? sold : clamped(exact.money(sold.currency))
            let share = all - done
            done = all
            return share
        }

        /// One unit more or less, as far as that stays within what was sold and what this share is; `false` where it does not.
        mutating func nudge(_ step: Int64, _ share: inout Money) -> Bool {
            let moved = Money(minor: done.minor + step, sold.currency), next = Money(minor: share.minor + step, sold.currency)
            guard clamped(moved) == moved, next.minor >= 0 || share.minor < 0, !share.isZero else { return false }
            done = moved
            share = next
            return true
        }

        private func clamped(_ amount: Money) -> Money {
            let bounds = sold.minor < 0 ? sold.minor ... 0 : 0 ... sold.minor
            return Money(minor: min(max(amount.minor, bounds.lowerBound), bounds.upperBound), amount.currency)
        }

        var rest: Money { sold - done }
    }

    private struct Key: Hashable {
        var line: String
        /// `nil` for the net amount.
        var rate: String?
    }

    private var running: [Key: Running] = [:]
    private var units: [String: ExactDecimal] = [:]
    private var givenBack: Money

    init(_ order: OrderRecord, _ figures: OrderFigures, _ rates: TaxRates, _ settings: WooSettings) {
        self.order = order
        self.figures = figures
        self.rates = rates
        self.settings = settings
        givenBack = .zero(order.currency)
        for part in figures.lines + figures.shipping {
            running[Key(line: part.line.id)] = Running(part.net, part.line.total)
            for tax in part.taxes {
                let exact = part.line.taxes.first { $0.rate == tax.rate }?.amount ?? .zero
                running[Key(line: part.line.id, rate: tax.rate)] = Running(tax.amount, exact)
            }
        }
    }

    /// In the order in which they were made.
    mutating func documents(_ list: [Field]) throws(Fault) -> [SourceDocument] {
        var told: [RefundRecord] = []
        for field in list { told.append(try RefundRecord(field, of: order.id)) }
        let missing = Set(order.refunds).subtracting(told.map(\.id))
        guard missing.isEmpty, Set(told.map(\.id)).count == told.count else {
            throw Field(order.field.view, "refunds", of: order.field.subject).unreadable("the list of the refunds that the order names")
        }
        var out: [SourceDocument] = []
        for refund in told.sorted(by: { ($0.at, $0.id.utf8.count, $0.id) < ($1.at, $1.id.utf8.count, $1.id) }) {
            guard let body = self.body(refund) else { continue }
            out.append(SourceDocument(id: refund.id, caseID: order.id, version: order.version, at: refund.at, body: .refund(body)))
        }
        return out
    }

    /// `nil` for a refund of nothing.
    private mutating func body(_ refund: RefundRecord) -> Refund? {
        let amount = refund.amount.money(currency)
        // Without a payment nothing went back: what is owed is less.
        let isPaid = order.paid != nil
        var out = Refund(
            currency: currency, taxIncluded: false, lines: [], total: isPaid ? amount : .zero(currency),
            transactions: isPaid && !amount.isZero
                ? [MoneyMovement(id: refund.reference ?? refund.id, gateway: gateway(refund), amount: amount, status: .success, at: refund.at)] : [])
        if refund.parts.isEmpty {
            // A status set to refunded by hand makes a refund without a word on what for: of all that is left.
            if amount == figures.total - givenBack, figures.cards.isEmpty, !amount.isZero { takeRest(&out) }
        } else {
            take(refund, amount, &out)
        }
        givenBack += amount
        let worth = value(out)
        if worth != amount {
            let rest = amount - worth
            out.adjustments.append(RefundAdjustment(id: "rest", kind: rest.minor > 0 ? .goodwill : .refundDiscrepancy, amount: rest))
        }
        return amount.isZero && out.adjustments.isEmpty ? nil : out
    }

    private func gateway(_ refund: RefundRecord) -> String {
        let own = settings.tender(of: order.method)
        return refund.isByGateway ? own : settings.manualTender ?? own
    }

    private func value(_ refund: Refund) -> Money {
        let lines = refund.lines.map { $0.net + ($0.taxes ?? []).map(\.amount).total(currency) }
        let shipping = refund.shipping.map { $0.net + $0.taxes.map(\.amount).total(currency) }
        return (lines + shipping + refund.adjustments.map(\.amount)).total(currency)
    }

    // MARK: Of lines

    private struct Share {
        var part: OrderFigures.Part
        var quantity: ExactDecimal
        var net: Money
        var taxes: [(rate: String, amount: Money)]
    }

    private mutating func take(_ refund: RefundRecord, _ amount: Money, _ out: inout Refund) {
        var shares: [Share] = []
        for line in refund.parts {
            guard let part = sold(line) else {
                // A tip, or a line that is no longer there: money without goods.
                let worth = (-line.total - line.tax).money(currency)
                let kind: RefundAdjustment.Kind = worth.minor > 0 ? .goodwill : .refundDiscrepancy
                if !worth.isZero { out.adjustments.append(RefundAdjustment(id: line.id, kind: kind, amount: worth)) }
                continue
            }
            // A fee or a delivery has no units: it went back once all of it did.
            var share = Share(part: part, quantity: line.kind == .item ? line.quantity : .zero, net: .zero(currency), taxes: [])
            share.net = running[Key(line: part.line.id)]?.take(-line.total) ?? .zero(currency)
            for tax in line.taxes {
                let key = Key(line: part.line.id, rate: tax.rate)
                if running[key] == nil { running[key] = Running(.zero(currency), .zero) }
                share.taxes.append((tax.rate, running[key]?.take(-tax.amount) ?? .zero(currency)))
            }
            if line.total.isZero, line.tax.isZero, share.quantity.isZero { continue }
            shares.append(share)
        }
        settle(&shares, amount, out.adjustments.map(\.amount).total(currency))
        put(shares, &out)
    }

    /// The line of the order that a refund's line is about.
    private func sold(_ line: LineRecord) -> OrderFigures.Part? {
        let all = figures.lines + figures.shipping
        if let id = line.meta.text("_refunded_item_id") { return all.first { $0.line.id == id } }
        let same = all.filter { $0.line.kind == line.kind && $0.line.goods == line.goods && (line.kind == .item || $0.line.title == line.title) }
        return same.count == 1 ? same[0] : nil
    }

    /// The amount counts: what rounding left is put where there is room for it.
    private mutating func settle(_ shares: inout [Share], _ amount: Money, _ beside: Money) {
        let worth = shares.map { $0.net + $0.taxes.map(\.amount).total(currency) }.total(currency) + beside
        var left = amount.minor - worth.minor
        let figures = shares.map { 1 + $0.taxes.count }.reduce(0, +)
        guard left != 0, left.magnitude * 2 <= UInt64(figures + 2) else { return }
        let step: Int64 = left > 0 ? 1 : -1
        for i in shares.indices where left != 0 {
            if running[Key(line: shares[i].part.line.id)]?.nudge(step, &shares[i].net) == true { left -= step }
        }
        for i in shares.indices {
            for n in shares[i].taxes.indices where left != 0 {
                let key = Key(line: shares[i].part.line.id, rate: shares[i].taxes[n].rate)
                if running[key]?.nudge(step, &shares[i].taxes[n].amount) == true { left -= step }
            }
        }
    }

    private mutating func put(_ shares: [Share], _ out: inout Refund) {
        for var share in shares {
            let id = share.part.line.id
            if share.part.line.kind == .fee, units[id] == nil || units[id] == .zero, running[Key(line: id)]?.rest.isZero == true { share.quantity = .one }
            let parts = share.taxes.map { rates.part($0.rate, $0.amount) }
            units[id] = (units[id] ?? .zero) + share.quantity
            if share.part.line.kind == .shipping {
                if share.net.isZero, parts.allSatisfy(\.amount.isZero) { continue }
                out.shipping.append(
                    ShippingLine(id: id, title: share.part.line.title, amount: share.net, discount: .zero(currency), net: share.net, taxes: parts))
            } else if let at = out.lines.firstIndex(where: { $0.line == id }) {
                out.lines[at].quantity = out.lines[at].quantity + share.quantity
                out.lines[at].net += share.net
                out.lines[at].taxes = (out.lines[at].taxes ?? []) + parts
            } else {
                out.lines.append(RefundLine(line: id, quantity: share.quantity, net: share.net, taxes: parts))
            }
        }
    }

    /// All that has not gone back yet.
    private mutating func takeRest(_ out: inout Refund) {
        var shares: [Share] = []
        for part in figures.lines + figures.shipping {
            let id = part.line.id
            var share = Share(part: part, quantity: .zero, net: running[Key(line: id)]?.rest ?? .zero(currency), taxes: [])
            for tax in part.taxes { share.taxes.append((tax.rate, running[Key(line: id, rate: tax.rate)]?.rest ?? .zero(currency))) }
            let left = part.line.quantity - (units[id] ?? .zero)
            share.quantity = left.isNegative ? .zero : left
            let isNothing = share.net.isZero && share.taxes.allSatisfy(\.amount.isZero)
            if isNothing, share.quantity.isZero || part.line.kind != .item { continue }
            shares.append(share)
        }
        for key in running.keys { if let sold = running[key]?.sold { running[key]?.done = sold } }
        put(shares, &out)
    }
}

/// A refund as the shop states it: the amount above zero, its lines below.
struct RefundRecord: Sendable {
    var id: String
    var at: Timestamp
    var amount: Exact
    /// A gateway carried it out.
    var isByGateway: Bool
    /// What the gateway calls it, where its plugin notes that with the refund.
    var reference: String?
    var parts: [LineRecord]

    /// Keys under which plugins note the gateway's refund with the shop's.
    /// - Source: general knowledge: the plugins WooPayments and Stripe.
    private static let references = ["_wcpay_refund_id", "_stripe_refund_id"]

    init(_ told: Field, of order: String) throws(Fault) {
        id = try told["id"].id()
        let refund = told.named("refund \(id) of order \(order)")
        at = try refund["date_created_gmt"].instant()
        guard !refund["amount"].isEmpty else { throw refund["amount"].unreadable("an amount") }
        amount = try refund["amount"].exact()
        guard !amount.isNegative else { throw refund["amount"].unreadable("an amount above zero") }
        isByGateway = try refund["refunded_payment"].flag()
        parts = try refund["line_items"].each { field throws(Fault) in try LineRecord(field, .item) }
        parts += try refund["fee_lines"].each { field throws(Fault) in try LineRecord(field, .fee) }
        parts += try refund["shipping_lines"].each { field throws(Fault) in try LineRecord(field, .shipping) }
        let meta = try MetaRecord(refund["meta_data"])
        reference = Self.references.lazy.compactMap { meta.text($0) }.first { $0.utf8.count <= WooLimits.idCharacters }
    }
}
