internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

/// What an order is, whatever it holds.
struct OrderFacts {
    enum State { case closed, open, cancelled }

    var id: String
    var field: Field
    var state: State
    var currency: Currency
    var location: String
    /// When it counts.
    var at: Timestamp
    var version: Int64
    var taxes: OrderTaxes

    /// `nil` for one that is not placed, or none of ours.
    init?(_ order: Field, place: JSONView, _ settings: SquareSettings) throws(Fault) {
        let told = try order.object()
        id = try told["id"].id()
        field = told.named("order \(id)")
        location = try field["location_id"].id()
        switch try field["state"].optionalWord() ?? "OPEN" {
        case "COMPLETED": state = .closed
        case "OPEN": state = .open
        case "CANCELED": state = .cancelled
        case "DRAFT": return nil
        default: throw field["state"].unreadable("a state of orders")
        }
        guard settings.wants(location) else { return nil }
        currency = try Self.currency(field)
        let created = try field["created_at"].instant()
        // The moment of payment, unless orders count before they are closed: then the same moment before and after.
        at = settings.takesOpenOrders ? created : try field["closed_at"].optionalInstant() ?? created
        version = (try field["updated_at"].optionalInstant() ?? at).microseconds
        let named = SquareID.named(place["id"]) == location ? TaxPlace(place) : nil
        taxes = try OrderTaxes(field["taxes"], currency, settings.place(of: location) ?? named)
    }

    private static func currency(_ order: Field) throws(Fault) -> Currency {
        for money in [order["total_money"], order["net_amounts"]["total_money"]] where !money.isNull { return try money.money().currency }
        throw order["total_money"].unreadable("an amount with its currency")
    }
}

/// An order's sale: its lines, service charges, tips and payments.
struct OrderReading {
    let facts: OrderFacts
    private let record: Field
    private let settings: SquareSettings
    private var gratuity: Money
    private var lines: [SaleLine] = []
    /// What lines and service charges come to for the customer.
    private var sum: Money

    /// `cards`: gift card activities of the order.
    init(_ facts: OrderFacts, record: Field, _ settings: SquareSettings) throws(Fault) {
        self.facts = facts
        self.record = record
        self.settings = settings
        gratuity = .zero(facts.currency)
        sum = .zero(facts.currency)
        try readLines()
        try readCharges()
    }

    private var order: Field { facts.field }
    private var currency: Currency { facts.currency }
    private var zero: Money { .zero(facts.currency) }

    /// It sells something; a return's own order does not.
    static func sells(_ order: JSONView) -> Bool { order["line_items"].count > 0 || order["service_charges"].count > 0 }

    private mutating func readLines() throws(Fault) {
        let cards = try giftCards()
        for (n, line) in try order["line_items"].list().enumerated() {
            let figures = try LineFigures(line, stated: line["gross_sales_money"], taxes: facts.taxes, as: facts.taxes.pricing, currency)
            let uid = try line["uid"].optionalText() ?? "line-\(n)"
            sum += figures.total
            let isCard = try line["item_type"].optionalWord() == "GIFT_CARD"
            lines.append(
                SaleLine(
                    id: uid, sku: try line["catalog_object_id"].optionalText() ?? "", title: try title(line), quantity: try line["quantity"].quantity(),
                    gross: figures.gross, discount: figures.discount, net: figures.net, taxes: figures.taxes, giftCard: isCard,
                    giftCardRef: isCard ? cards[uid] : nil, location: facts.location))
        }
    }

    private func title(_ line: Field) throws(Fault) -> String {
        let name = try line["name"].or(line["note"]).optionalText() ?? "Custom amount"
        guard let variation = try line["variation_name"].optionalText(), variation != "Regular" else { return name }
        return "\(name), \(variation)"
    }

    /// Those that are shared over the lines are part of their prices already.
    private mutating func readCharges() throws(Fault) {
        for (n, charge) in try order["service_charges"].list().enumerated() where try !Self.isShared(charge) {
            let figures = try LineFigures(charge: charge, taxes: facts.taxes, as: facts.taxes.pricing, currency)
            sum += figures.total
            if settings.gratuityIsTip, try Self.isGratuity(charge) {
                gratuity += figures.total
                continue
            }
            lines.append(
                SaleLine(
                    id: try charge["uid"].optionalText() ?? "charge-\(n)", sku: "service_charge", title: try charge["name"].optionalText() ?? "Service charge",
                    quantity: .one, gross: figures.gross, discount: figures.discount, net: figures.net, taxes: figures.taxes, location: facts.location))
        }
    }

    static func isShared(_ charge: Field) throws(Fault) -> Bool { try charge["treatment_type"].optionalWord() == "APPORTIONED_TREATMENT" }

    /// Tax on a gratuity makes it a sale, whatever it is called.
    static func isGratuity(_ charge: Field) throws(Fault) -> Bool {
        try charge["type"].optionalWord() == "AUTO_GRATUITY" && (charge["total_tax_money"]["amount"].view.int ?? 0) == 0
    }

    private var tip: Money { get throws(Fault) { try order["total_tip_money"].moneyOrZero(currency) } }
    var rounding: Money { get throws(Fault) { try order["rounding_adjustment"]["amount_money"].moneyOrZero(currency) } }

    /// What the customer owes, tips included, before coins are rounded.
    var total: Money { get throws(Fault) { sum + (try tip) } }

    /// The sale, whatever is done about it.
    /// - Throws: `unbalanced_record` where the order's total is not the sum of its parts.
    func sale() throws(Fault) -> Sale {
        let stated = try order["total_money"].money(currency), parts = sum + (try rounding), tip = try tip
        // With or without tips: they are the tenders'.
        guard stated == parts + tip || stated == parts else {
            throw order["total_money"].unbalanced("its parts come to \((parts + tip).text), it states \(stated.text)")
        }
        let tax = lines.flatMap { $0.taxes ?? [] }.map(\.amount).total(currency)
        if !order["total_tax_money"].isNull, try order["total_tax_money"].money(currency) != tax {
            throw order["total_tax_money"].unbalanced("the taxes of its lines come to \(tax.text)")
        }
        let tips = tip + gratuity
        return Sale(
            number: try order["reference_id"].or(order["ticket_name"]).optionalText() ?? facts.id,
            source: try order["source"]["name"].optionalText().map { $0.contains("Online") } ?? false ? "shop" : "pos",
            customer: try order["customer_id"].optionalText() ?? "house", currency: currency, taxIncluded: facts.taxes.pricing == .contained, lines: lines,
            tip: tips.isZero ? nil : tips, total: try total)
    }

    // MARK: Tenders

    /// What was paid of it, in the order of the tenders.
    func tenders() throws(Fault) -> [TenderFacts] {
        let payments = try record["payments"].list()
        var out: [TenderFacts] = []
        for tender in try order["tenders"].list() {
            guard let read = try TenderFacts(tender, currency, payments: payments, isClosed: facts.state == .closed, settings) else { continue }
            out.append(read)
        }
        // What a smaller coin would have settled belongs to the last one in cash.
        if let last = out.lastIndex(where: { $0.gateway == "cash" && $0.status == .success }), try !rounding.isZero { out[last].rounding = try rounding }
        let cards = try redeemed()
        for i in out.indices where out[i].gateway == "gift_card" { out[i].card = cards[out[i].id] }
        return out
    }

    /// Everything the sale says. `credit`: what a return in the same order pays of it.
    func documents(credit: Money) throws(Fault) -> [SourceDocument] {
        let tenders = try tenders()
        let taken = tenders.filter { $0.status == .success }.map(\.amount).total(currency) - tenders.compactMap(\.rounding).total(currency)
        switch facts.state {
        case .closed: break
        case .open: guard settings.takesOpenOrders, !tenders.isEmpty, !(taken < (try total)) else { return [] }
        case .cancelled: guard settings.takesOpenOrders, !tenders.isEmpty else { return [] }
        }
        var out = [document(facts.id, facts.version, .sale(try sale()))]
        for tender in tenders { out.append(document(tender.id, max(facts.version, tender.version), .payment(tender.payment), at: tender.at)) }
        if credit.minor > 0 {
            let paid = Payment(gateway: "store_credit", amount: credit, status: .success, reference: "return in \(facts.id)")
            out.append(document("\(facts.id)-exchange", facts.version, .payment(paid)))
        }
        let first = tenders.filter { $0.status == .success }.map(\.at).min()
        out += try FulfilmentReading(facts: facts, lines: lines, paid: first).documents()
        if facts.state == .cancelled { out.append(document("\(facts.id)-cancelled", facts.version, .cancellation(Cancellation(kind: .cancelled)))) }
        return out
    }

    private func document(_ id: String, _ version: Int64, _ body: SourceDocument.Body, at: Timestamp? = nil) -> SourceDocument {
        SourceDocument(id: id, caseID: facts.id, version: version, at: at ?? facts.at, body: body)
    }

    // MARK: Gift cards

    /// The card that each line sold or loaded, by the line.
    /// - Source: api.json, GiftCardActivityActivate and GiftCardActivityLoad: `order_id`, `line_item_uid`.
    private func giftCards() throws(Fault) -> [String: String] {
        var out: [String: String] = [:]
        for activity in try record["cards"].list() {
            for details in [activity["activate_activity_details"], activity["load_activity_details"]] where details["order_id"].view.string == facts.id {
                guard let line = try details["line_item_uid"].optionalText() else { continue }
                out[line] = try activity["gift_card_id"].optionalText()
            }
        }
        return out
    }

    /// The card that each payment was made with.
    private func redeemed() throws(Fault) -> [String: String] {
        var out: [String: String] = [:]
        for activity in try record["cards"].list() {
            guard let payment = try activity["redeem_activity_details"]["payment_id"].optionalText() else { continue }
            out[payment] = try activity["gift_card_id"].optionalText()
        }
        return out
    }
}
