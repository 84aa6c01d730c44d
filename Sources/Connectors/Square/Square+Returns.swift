internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

/// A refund as Square's own object tells it, or as the return's order does where that is gone.
struct RefundFacts {
    var id: String
    var amount: Money
    var status: Payment.Status
    var gateway: String
    var at: Timestamp
    var version: Int64

    /// `tenders`: of the sale, for what a refund does not say itself.
    init(_ refund: Field, _ currency: Currency, tenders: [TenderFacts], _ settings: SquareSettings) throws(Fault) {
        let told = try refund["id"].id(), tender = try refund["tender_id"].optionalID()
        let payment = try refund["payment_id"].optionalID() ?? tender
        id = Self.whole(told, tender: tender)
        amount = try refund["amount_money"].money(currency)
        at = try refund["created_at"].instant()
        version = (try refund["updated_at"].optionalInstant() ?? at).microseconds
        switch try refund["status"].word() {
        case "COMPLETED", "APPROVED": status = .success
        case "PENDING": status = .pending
        case "REJECTED", "FAILED": status = .failure
        default: throw refund["status"].unreadable("a status of refunds")
        }
        let back = refund["destination_details"]["card_details"]["card"]["card_brand"].view.string
        if let destination = try refund["destination_type"].optionalWord() {
            gateway = Tendering.gateway(source: destination, isGiftCard: back == "SQUARE_GIFT_CARD", settings)
            if destination == "CARD", back == nil, let paid = tenders.first(where: { $0.id == payment }) { gateway = paid.gateway }
        } else {
            gateway = tenders.first { $0.id == payment }?.gateway ?? settings.gateway
        }
    }

    /// An order names a refund by its own half: `rF1` of `tPz…_rF1`.
    static func whole(_ id: String, tender: String?) -> String {
        guard let tender, !id.hasPrefix(tender) else { return id }
        return "\(tender)_\(id)"
    }

    /// What goes back so far; `nil` of one that failed.
    var given: Money? { status == .success || status == .pending ? amount : nil }

    var movement: MoneyMovement { MoneyMovement(id: id, gateway: gateway, amount: amount, status: status, at: at) }
}

/// The returns of an order: what of a sale came back, and what the customer got for it.
/// - Source: api.json, OrderReturn; the separate order of a return: developer.squareup.com, Orders API, "Returns and exchanges".
struct ReturnReading {
    private let order: OrderFacts
    private let source: OrderFacts?
    private let sold: OrderReading?
    private let record: Field
    private let settings: SquareSettings
    private let returns: [Field]
    private let tenders: [TenderFacts]
    private var lines: [RefundLine] = []
    private var loose: [RefundAdjustment] = []
    private var tip: Money
    /// What all of it comes to.
    private(set) var total: Money
    private var isLooseAlone = true

    init(_ order: OrderFacts, record: Field, _ settings: SquareSettings) throws(Fault) {
        self.order = order
        self.record = record
        self.settings = settings
        returns = try order.field["returns"].list()
        tip = .zero(order.currency)
        total = .zero(order.currency)
        let named = Set(try order.field["returns"].each { (one) throws(Fault) in try one["source_order_id"].optionalID() })
        guard named.count == 1 else { throw order.field["returns"].unreadable("of one sale: it takes back what several sold") }
        if record["source"].isNull {
            (source, sold, tenders) = (nil, nil, [])
        } else {
            let facts = try OrderFacts(record["source"], place: record["location"].view, settings)
            guard let facts, named.first == facts.id, facts.currency == order.currency else {
                throw record["source"].unreadable("the order that the return names")
            }
            let sold = try OrderReading(facts, record: record, settings)
            (source, self.sold, tenders) = (facts, sold, try sold.tenders())
        }
        for one in returns { try read(one) }
    }

    private var currency: Currency { order.currency }

    private mutating func read(_ back: Field) throws(Fault) {
        let taxes = try OrderTaxes(back["return_taxes"], currency, place)
        let pricing = source?.taxes.pricing ?? taxes.pricing
        var sum = Money.zero(currency)
        for (n, line) in try back["return_line_items"].list().enumerated() {
            let figures = try LineFigures(line, stated: line["gross_return_money"], taxes: taxes, as: pricing, currency)
            sum += figures.total
            guard let of = try line["source_line_item_uid"].optionalText(), source != nil else {
                let id = try line["uid"].optionalText() ?? "amount-\(n)"
                loose.append(RefundAdjustment(id: id, kind: .goodwill, amount: figures.total, taxes: figures.taxes))
                continue
            }
            isLooseAlone = false
            lines.append(RefundLine(line: of, quantity: try line["quantity"].quantity(), net: figures.net, taxes: figures.taxes))
        }
        for (n, charge) in try back["return_service_charges"].list().enumerated() where try !OrderReading.isShared(charge) {
            let figures = try LineFigures(charge: charge, taxes: taxes, as: pricing, currency)
            sum += figures.total
            try take(charge, n, figures)
        }
        for one in try back["return_tips"].list() {
            let amount = try one["applied_money"].money(currency)
            (tip, sum, isLooseAlone) = (tip + amount, sum + amount, false)
        }
        let coin = try back["rounding_adjustment"]["amount_money"].moneyOrZero(currency)
        if !coin.isZero { loose.append(RefundAdjustment(id: "rounding", kind: coin.minor < 0 ? .refundDiscrepancy : .goodwill, amount: coin)) }
        sum += coin
        let stated = back["return_amounts"]["total_money"]
        if !stated.isNull, try stated.money(currency) != sum { throw stated.unbalanced("what came back is worth \(sum.text), it states another sum") }
        total += sum
    }

    /// Where the sale's taxes belong; a return at another location takes back those.
    private var place: TaxPlace? {
        let location = source?.location ?? order.location
        let at = record["location"].view
        return settings.place(of: location) ?? (SquareID.named(at["id"]) == location ? TaxPlace(at) : nil)
    }

    private mutating func take(_ charge: Field, _ n: Int, _ figures: LineFigures) throws(Fault) {
        isLooseAlone = false
        let of = try charge["source_service_charge_uid"].optionalText()
        guard let of, let source else {
            loose.append(RefundAdjustment(id: try charge["uid"].optionalText() ?? "charge-\(n)", kind: .goodwill, amount: figures.total, taxes: figures.taxes))
            return
        }
        let was = try source.field["service_charges"].list().first { $0["uid"].view.string == of }
        if settings.gratuityIsTip, let was, try OrderReading.isGratuity(was) {
            tip += figures.total
        } else {
            lines.append(RefundLine(line: of, quantity: .one, net: figures.net, taxes: figures.taxes))
        }
    }

    // MARK: Money

    /// What was given back, as far as it is known.
    func refunds() throws(Fault) -> [RefundFacts] {
        var own: [String: Field] = [:]
        for field in try record["refunds"].list() { own[try field["id"].id()] = field }
        var out: [RefundFacts] = []
        var seen: Set<String> = []
        for entry in try order.field["refunds"].list() {
            let id = RefundFacts.whole(try entry["id"].id(), tender: try entry["tender_id"].optionalID())
            guard seen.insert(id).inserted else { throw entry["id"].unbalanced("two of its refunds have one id") }
            out.append(try RefundFacts(own[id] ?? entry, currency, tenders: tenders, settings))
        }
        for (id, field) in own.sorted(by: { $0.key < $1.key }) where seen.insert(id).inserted {
            out.append(try RefundFacts(field, currency, tenders: tenders, settings))
        }
        return out
    }

    /// What of it paid for something new in the same order.
    func credit(_ refunds: [RefundFacts]) -> Money { total - refunds.compactMap(\.given).total(currency) }

    func document(_ refunds: [RefundFacts], credit: Money) -> SourceDocument {
        var moved = refunds.map(\.movement)
        if credit.minor > 0 {
            moved.append(MoneyMovement(id: "\(order.id)-exchange", gateway: "store_credit", amount: credit, status: .success, at: order.at))
        }
        var body = Refund(
            currency: currency, taxIncluded: (source?.taxes.pricing ?? .added) == .contained, lines: lines, adjustments: loose,
            total: moved.filter { $0.status == .success }.map(\.amount).total(currency), transactions: moved, tip: tip.isZero ? nil : tip)
        // Nothing goes back: neither does what would have been credited for it.
        if !refunds.isEmpty, moved.allSatisfy({ $0.status == .failure }) { (body.lines, body.adjustments, body.tip) = ([], [], nil) }
        let version = refunds.map(\.version).max().map { max($0, order.version) } ?? order.version
        return SourceDocument(id: order.id, caseID: source?.id ?? named ?? order.id, version: version, at: order.at, body: .refund(whole(body)))
    }

    private var named: String? { returns.first.flatMap { SquareID.named($0.view["source_order_id"]) } }

    /// An amount alone that is all of the sale takes back its lines.
    private func whole(_ refund: Refund) -> Refund {
        guard isLooseAlone, let sold, !refund.total.isZero, let sale = Self.sale(of: sold), sale.total == total, refund.total == total else { return refund }
        var out = refund
        out.lines = sale.lines.map { RefundLine(line: $0.id, quantity: $0.quantity, net: $0.net ?? $0.gross, taxes: $0.taxes) }
        out.tip = sale.tip
        out.adjustments = []
        return out
    }

    /// `nil` where the sale itself does not add up: it is held for that.
    private static func sale(of reading: OrderReading) -> Sale? {
        do throws(Fault) { return try reading.sale() } catch { return nil }
    }
}
