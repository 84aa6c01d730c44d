internal import Books
public import ConnectorKit
internal import Crypto
public import Kernel
internal import Wire

/// Topics of records that no webhook brings.
enum WooTopic {
    /// An order with its refunds.
    static let order = "order"
    /// An order that is no longer there.
    static let gone = "order_gone"
    static let deposit = "deposit"
}

extension WooCommerceConnector {
    /// A webhook says only what to fetch: it has amounts with the shop's own places, no refunds, and is late. What was fetched becomes documents.
    /// - Throws: `malformed_json`; `unreadable_record` naming field and order, `unbalanced_record` where the shop's sums do not agree,
    ///   `invalid_setting` (all hold).
    public func normalize(_ record: RawRecord, _ connection: ConnectionFacts) throws(Fault) -> Normalized {
        let settings = try WooSettings(connection.settings)
        let root = try JSONDocument(parsing: record.body).root
        let whole = try Field(root, of: "a record of topic \(record.topic.prefix(60))").object()
        switch record.topic {
        case WooTopic.order:
            let documents = try OrderReading(whole, settings).documents()
            // Its gateway's id may be noted, or corrected, after it was paid: that makes no second payment.
            let payments = documents.filter { if case .payment(let payment) = $0.body { payment.gateway != "gift_card" } else { false } }
            return Normalized(documents: documents, lonePayments: Set(payments.map(\.id)))
        case WooTopic.gone: return Normalized(documents: [try gone(whole)])
        case WooTopic.deposit: return Normalized(documents: [try DepositReading.document(whole["deposit"].object())])
        case let topic where uses(topic: topic):
            let id = try whole["id"].id()
            // A checkout under way changes with every letter that is typed.
            if let status = whole["status"].view.string, OrderRecord.isDraft(WooSettings.status(status)) { return Normalized(documents: []) }
            return Normalized(documents: [], fetch: [id])
        default: return Normalized(documents: [])
        }
    }

    private func gone(_ told: Field) throws(Fault) -> SourceDocument {
        let id = try told["id"].id(), at = try told["at"].instant()
        return SourceDocument(
            id: "\(id)-cancelled", caseID: id, version: max(1, at.microseconds), at: at,
            body: .cancellation(Cancellation(kind: .deleted, reason: "deleted in the shop")))
    }
}

/// An order's record: what becomes of it.
struct OrderReading {
    private let order: OrderRecord
    private let refunds: Field
    private let settings: WooSettings
    private let rates: TaxRates

    init(_ record: Field, _ settings: WooSettings) throws(Fault) {
        self.settings = settings
        order = try OrderRecord(try record["order"].object())
        refunds = Field(record.view["refunds"], "refunds", of: order.field.subject)
        rates = TaxRates(order, settings)
    }

    func documents() throws(Fault) -> [SourceDocument] {
        if OrderRecord.isDraft(order.status) { return [] }
        // An order that was cancelled before any money came is nothing, or the end of what was known of it.
        if order.isCancelled, order.paid == nil { return [cancellation] }
        // What is still to be paid may not add up yet: nothing of it counts but that it is no sale.
        guard order.paid != nil || settings.soldUnpaid.contains(order.status) else { return [document(order.id, order.created, .sale(draft))] }
        let figures = try OrderFigures(order, settings)
        var out = [document(order.id, order.created, .sale(sale(figures)))]
        let payments = payments(figures)
        var reading = RefundReading(order, figures, rates, settings)
        let back = try reading.documents(try refunds.list())
        out += payments + back
        if order.isCancelled { out.append(cancellation) }
        if let left = fulfilment(figures) { out.append(left) }
        if let fee = fee(payments, back) { out.append(fee) }
        return out
    }

    private func document(_ id: String, _ at: Timestamp, _ body: SourceDocument.Body) -> SourceDocument {
        SourceDocument(id: id, caseID: order.id, version: order.version, at: at, body: body)
    }

    private var cancellation: SourceDocument {
        document(
            "\(order.id)-cancelled", order.modified,
            .cancellation(Cancellation(kind: .cancelled, reason: order.status == "trash" ? "put in the trash" : nil)))
    }

    // MARK: What was sold

    /// Amounts are always without tax there, whatever the catalogue's prices contain.
    private func sale(_ figures: OrderFigures) -> Sale {
        let zero = Money.zero(order.currency)
        let lines = figures.lines.map { part in
            SaleLine(
                id: part.line.id, sku: part.line.sku, title: part.line.title, quantity: part.line.quantity, gross: part.gross, discount: part.discount,
                net: part.net, taxes: taxes(part), giftCard: isCardSold(part.line))
        }
        let shipping = figures.shipping.map { part in
            ShippingLine(id: part.line.id, title: part.line.title, amount: part.net, discount: zero, net: part.net, taxes: taxes(part))
        }
        let taxed = !order.cartTax.isZero || !order.shippingTax.isZero
        return Sale(
            number: order.number, source: order.createdVia.hasPrefix("pos") ? "pos" : "shop", customer: customer, currency: order.currency,
            rate: rate, taxIncluded: false, taxExempt: order.meta.text("is_vat_exempt") == "yes" && !taxed, lines: lines, shipping: shipping,
            tip: figures.tip, total: figures.total)
    }

    private var draft: Sale {
        Sale(
            number: order.number, source: "shop", customer: customer, currency: order.currency, taxIncluded: false, lines: [],
            total: .zero(order.currency), isDraft: true)
    }

    private func taxes(_ part: OrderFigures.Part) -> [TaxPart] { part.taxes.map { rates.part($0.rate, $0.amount) } }

    /// - Source: general knowledge: the plugins Gift Cards, PW Gift Cards and YITH Gift Cards note whom a card is for with its line.
    private func isCardSold(_ line: LineRecord) -> Bool {
        guard line.kind == .item else { return false }
        return settings.isCardSold(line.sku) || ["wc_gc_giftcard_", "pw_gift_card_", "_ywgc_"].contains { line.meta.has(prefix: $0) }
    }

    /// Guests are told apart by their address, which is not kept.
    private var customer: String {
        if let id = order.customer { return id }
        guard let email = order.email?.lowercased(), !email.isEmpty else { return "house" }
        return "guest-\(Digest.sha256(Array(email.utf8)).hexText.prefix(16))"
    }

    /// Units of the shop's currency for one of the order's, where a plugin says so.
    private var rate: ExactDecimal? {
        guard let (key, isReverse) = settings.rateMeta, let stated = order.meta.decimal(key)?.rescaled(toScale: 12), stated.coefficient > 0,
            stated < ExactDecimal(1_000_000)
        else { return nil }
        guard isReverse else { return stated.shortest }
        let one: Int128 = 1_000_000_000_000
        let rate = ExactDecimal(coefficient: ExactDecimal.divideHalfUp(one * one, stated.coefficient), scale: 12).shortest
        return rate.isZero || !(rate < ExactDecimal(1_000_000)) ? nil : rate
    }

    // MARK: What was paid

    /// Gift cards first, then what the gateway took. An order that is paid in part does not say how much: nothing is taken for paid.
    private func payments(_ figures: OrderFigures) -> [SourceDocument] {
        var out: [SourceDocument] = []
        for (n, card) in figures.cards.enumerated() where card.amount.minor > 0 {
            let payment = Payment(gateway: "gift_card", amount: card.amount, status: .success, card: card.code)
            out.append(document("\(order.id)-card-\(n + 1)", order.paid ?? order.created, .payment(payment)))
        }
        let cards = figures.cards.map(\.amount).total(order.currency)
        let amount = figures.total - cards
        guard let paid = order.paid, !order.isPaidInPart, amount.minor > 0 else { return out }
        out.append(document(paymentID, paid, .payment(Payment(gateway: tender, amount: amount, status: .success))))
        return out
    }

    private var tender: String { settings.tender(of: order.method) }

    /// The gateway's own id, by which its payouts name what they settle.
    private var paymentID: String {
        guard settings.namesByTransaction, let id = order.transaction, (4 ... WooLimits.idCharacters).contains(id.utf8.count),
            id.utf8.allSatisfy({ $0 > 32 && $0 < 127 })
        else { return settings.namesByTransaction ? "\(order.id)-paid" : order.id }
        return id
    }

    private func fee(_ payments: [SourceDocument], _ refunds: [SourceDocument]) -> SourceDocument? {
        guard settings.booksFees(of: tender), let payment = payments.last, case .payment(let body) = payment.body, body.gateway == tender,
            let fee = GatewayFee(order, body.amount, tender: tender, settings)
        else { return nil }
        return fee.document(order, payment: payment, refunds: refunds, tender: tender)
    }

    // MARK: What left

    /// Completed is the word for an order that has left, all of it.
    private func fulfilment(_ figures: OrderFigures) -> SourceDocument? {
        guard order.status == "completed", let at = order.completed else { return nil }
        let lines = figures.lines.filter { !$0.line.quantity.isZero }.map { Fulfilment.Line(line: $0.line.id, quantity: $0.line.quantity) }
        return lines.isEmpty ? nil : document("\(order.id)-completed", at, .fulfilment(Fulfilment(lines: lines)))
    }
}
