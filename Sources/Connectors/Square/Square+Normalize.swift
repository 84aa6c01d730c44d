internal import Books
public import ConnectorKit
public import Kernel
internal import Wire

extension SquareConnector {
    /// An event says only what to fetch: it shows its object in the version of the subscription, and of an order no more than the id. What was
    /// fetched or swept becomes documents.
    /// - Throws: `malformed_json`; `unreadable_record` naming field and object, `unbalanced_record` where Square's sums do not agree,
    ///   `invalid_setting` (all hold).
    public func normalize(_ record: RawRecord, _ connection: ConnectionFacts) throws(Fault) -> Normalized {
        let settings = try SquareSettings(connection.settings)
        let root = try JSONDocument(parsing: record.body).root
        let whole = try Field(root, of: "a record of topic \(record.topic.prefix(60))").object()
        switch record.topic {
        case Topic.hint: return Normalized(documents: [], fetch: [try hinted(whole["fetch"])])
        case Topic.order: return Normalized(documents: try order(whole, settings))
        case Topic.payment: return Normalized(documents: try LonePayment.documents(whole, settings))
        case Topic.refund: return Normalized(documents: try LonePayment.refund(whole, settings))
        case Topic.dispute: return Normalized(documents: [try DisputeReading.document(whole)])
        case Topic.payout: return Normalized(documents: try PayoutReading(settings).payout(whole))
        case Topic.drawer: return Normalized(documents: try DrawerReading.documents(whole, settings))
        default: return try event(whole, settings, connection)
        }
    }

    private func hinted(_ field: Field) throws(Fault) -> String {
        let text = try field.text()
        guard FetchedID(text) != nil else { throw field.unreadable("an id") }
        return text
    }

    /// One order may sell, take back, or both.
    private func order(_ record: Field, _ settings: SquareSettings) throws(Fault) -> [SourceDocument] {
        guard let facts = try OrderFacts(record["order"], place: record["location"].view, settings) else { return [] }
        let order = facts.field
        var credit = Money.zero(facts.currency)
        var out: [SourceDocument] = []
        let sells = OrderReading.sells(order.view)
        if order["returns"].view.count > 0, facts.state == .closed {
            let reading = try ReturnReading(facts, record: record, settings)
            let refunds = try reading.refunds()
            if sells { credit = reading.credit(refunds) }
            guard credit.minor >= 0 else { throw order["refunds"].unbalanced("more went back than the \(reading.total.text) that its returns are worth") }
            out.append(reading.document(refunds, credit: credit))
        }
        guard sells else { return out }
        return try OrderReading(facts, record: record, settings).documents(credit: credit) + out
    }

    // MARK: Events

    private func event(_ event: Field, _ settings: SquareSettings, _ connection: ConnectionFacts) throws(Fault) -> Normalized {
        let topic = try event["type"].text()
        guard uses(topic: topic) else { return Normalized(documents: []) }
        // A subscription tells of all sellers of its application.
        guard try event["merchant_id"].text() == connection.account else {
            throw event["merchant_id"].unreadable("\(connection.account), whose connection it was delivered to")
        }
        let object = event["data"]["object"]
        let id: String?
        switch topic {
        case "order.created": id = try hint(order: object["order_created"], settings)
        case "order.updated": id = try hint(order: object["order_updated"], settings)
        case "payment.created", "payment.updated": id = try hint(payment: object["payment"], settings)
        case "refund.created", "refund.updated":
            let refund = try object["refund"].object()
            guard settings.wants(refund["location_id"].view.string) else { return Normalized(documents: []) }
            let own = try refund["id"].id()
            id = try refund["order_id"].optionalID() ?? "\(FetchedID.Kind.refund):\(own)"
        case "payout.sent", "payout.paid", "payout.failed":
            let payout = try object["payout"].object()
            guard settings.wants(payout["location_id"].view.string), PayoutReading.isDecided(payout.view, settings) else { return Normalized(documents: []) }
            id = "\(FetchedID.Kind.payout):\(try payout["id"].id())"
        default: id = "\(FetchedID.Kind.dispute):\(try DisputeReading.id(object["dispute"].object()))"
        }
        return Normalized(documents: [], fetch: [id].compactMap(\.self))
    }

    /// Orders that count for nothing yet are not read.
    private func hint(order told: Field, _ settings: SquareSettings) throws(Fault) -> String? {
        let order = try told.object(), id = try order["order_id"].id()
        let counts = try order["state"].optionalWord().map { $0 == "COMPLETED" || (settings.takesOpenOrders && $0 != "DRAFT") } ?? true
        return counts && settings.wants(order["location_id"].view.string) ? id : nil
    }

    private func hint(payment told: Field, _ settings: SquareSettings) throws(Fault) -> String? {
        let payment = try told.object(), id = try payment["id"].id()
        // Its order says it all, when it is paid: what is under way or was given up moved nothing.
        let status = try Tendering.status(payment: payment)
        guard status == .success || status == .failure, settings.wants(payment["location_id"].view.string) else { return nil }
        return try payment["order_id"].optionalID() ?? "\(FetchedID.Kind.payment):\(id)"
    }
}

/// What `fetch` takes: the id of an order, or of something else with its kind before it.
struct FetchedID {
    enum Kind: String, CaseIterable, CustomStringConvertible {
        case order, payment, refund, payout, dispute
        var description: String { rawValue }
    }

    var kind: Kind
    var id: String

    init?(_ text: String) {
        let halves = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let kind = halves.count == 2 ? Kind(rawValue: halves[0]) : .order, let id = halves.last, SquareID.isID(id) else { return nil }
        self.kind = kind
        self.id = id
    }
}

/// A payment that no order stands behind, and money that went back of one.
enum LonePayment {
    static func documents(_ record: Field, _ settings: SquareSettings) throws(Fault) -> [SourceDocument] {
        let told = try record["payment"].object(), id = try told["id"].id()
        let payment = told.named("payment \(id)")
        guard settings.wants(try payment["location_id"].optionalID()) else { return [] }
        let status = try Tendering.status(payment: payment)
        guard status == .success || status == .failure else { return [] }
        let amount = try payment["amount_money"].money(), currency = amount.currency
        let tip = try payment["tip_money"].moneyOrZero(currency), total = try payment["total_money"].moneyOrZero(currency)
        guard payment["total_money"].isNull || amount + tip == total else {
            throw payment["total_money"].unbalanced("\(amount.text) and a tip of \(tip.text) are not \(total.text)")
        }
        let at = try payment["created_at"].instant(), version = (try payment["updated_at"].optionalInstant() ?? at).microseconds
        func document(_ body: SourceDocument.Body) -> SourceDocument { SourceDocument(id: id, caseID: id, version: version, at: at, body: body) }
        let brand = payment["card_details"]["card"]["card_brand"].view.string
        let gateway = Tendering.gateway(source: try payment["source_type"].optionalWord() ?? "", isGiftCard: brand == "SQUARE_GIFT_CARD", settings)
        let paid = document(.payment(Payment(gateway: gateway, amount: amount + tip, status: status)))
        if status == .failure { return [paid] }
        let line = SaleLine(
            id: "payment", sku: "", title: try payment["note"].optionalText() ?? "Payment \(id)", quantity: .one, gross: amount, discount: .zero(currency),
            net: amount, taxes: [], location: try payment["location_id"].optionalID())
        let sale = Sale(
            number: try payment["reference_id"].or(payment["receipt_number"]).optionalText() ?? id, source: "shop",
            customer: try payment["customer_id"].optionalText() ?? "house", currency: currency, taxIncluded: false, lines: [line], tip: tip.isZero ? nil : tip,
            total: amount + tip)
        // Nobody tells of goods of it: they went with the money.
        return [document(.sale(sale)), paid, document(.fulfilment(Fulfilment(lines: [.init(line: line.id, quantity: line.quantity)])))]
    }

    static func refund(_ record: Field, _ settings: SquareSettings) throws(Fault) -> [SourceDocument] {
        let told = try record["refund"].object(), id = try told["id"].id()
        let field = told.named("refund \(id)")
        guard settings.wants(try field["location_id"].optionalID()) else { return [] }
        let currency = try field["amount_money"].money().currency
        let refund = try RefundFacts(field, currency, tenders: [], settings)
        let payment = record["payment"]
        let owner = try payment["order_id"].or(payment["id"]).optionalID() ?? refund.id
        let given = refund.status == .success ? refund.amount : .zero(currency)
        let isWhole = payment["order_id"].isNull && !payment.isNull && payment["total_money"]["amount"].view.int.map(Int64.init) == refund.amount.minor
        let tip = try payment["tip_money"].moneyOrZero(currency)
        var body = Refund(currency: currency, taxIncluded: false, lines: [], total: given, transactions: [refund.movement])
        if !given.isZero, isWhole {
            body.lines = [RefundLine(line: "payment", quantity: .one, net: given - tip, taxes: [])]
            body.tip = tip.isZero ? nil : tip
        } else if !given.isZero {
            body.adjustments = [RefundAdjustment(id: "amount", kind: .goodwill, amount: given)]
        }
        return [SourceDocument(id: refund.id, caseID: owner, version: refund.version, at: refund.at, body: .refund(body))]
    }
}

/// A customer's bank asks for its money back.
/// - Source: api.json, Dispute, DisputeState.
enum DisputeReading {
    static func id(_ dispute: Field) throws(Fault) -> String { try (dispute["id"].isNull ? dispute["dispute_id"] : dispute["id"]).id() }

    static func document(_ record: Field) throws(Fault) -> SourceDocument {
        let told = try record["dispute"].object(), id = try id(told)
        let dispute = told.named("dispute \(id)")
        let payment = try dispute["disputed_payment"]["payment_id"].id()
        let created = try dispute["created_at"].instant()
        let body = Dispute(
            payment: payment, amount: try dispute["amount_money"].money(), status: try dispute["state"].word().lowercased(),
            reason: try dispute["reason"].optionalText())
        let order = try record["payment"]["order_id"].optionalID()
        return SourceDocument(
            id: id, caseID: order ?? payment, version: (try dispute["updated_at"].optionalInstant() ?? created).microseconds, at: created, body: .dispute(body))
    }
}
