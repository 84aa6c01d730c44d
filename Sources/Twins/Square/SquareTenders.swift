internal import Kernel
internal import Wire

/// What payments look like, and as tenders of their orders.
extension SquareState {
    func paymentShown(_ id: String, _ ask: SquareAsk, order: String, status: String, _ m: SquareMoment) -> JSON {
        let currency = merchant(m).currency
        let total = ask.amount + ask.tip
        var o = SquareFields()
        o.text("id", id)
        o.text("created_at", m.text)
        o.text("updated_at", m.text)
        o.money("amount_money", ask.amount, currency)
        if ask.tip > 0 { o.money("tip_money", ask.tip, currency) }
        if ask.applicationFee > 0 { o.money("app_fee_money", ask.applicationFee, currency) }
        o.text("status", status)
        if case .cash = ask.source {} else if case .external = ask.source {} else {
            let delay = Self.delay(ask.delay)
            o.text("delay_duration", ask.delay ?? "PT168H")
            o.text("delay_action", ask.delayAction)
            o.text("delayed_until", SquareTime.text(m.at + delay))
        }
        o.text("source_type", ask.source.type)
        details(ask, &o, status, m)
        o.text("location_id", ask.location)
        o.text("order_id", order)
        o.text("reference_id", ask.reference)
        o.text("customer_id", ask.customer)
        o.text("team_member_id", ask.teamMember)
        o.text("buyer_email_address", ask.email)
        o.text("note", ask.note)
        o.money("total_money", total, currency)
        o.money("approved_money", status == "FAILED" ? 0 : total, currency)
        o.text("receipt_number", String(id.prefix(4)))
        o.text("receipt_url", "https://squareup.com/receipt/preview/\(id)")
        o.set("application_details", .object([("square_product", "ECOMMERCE_API"), ("application_id", .string(SquareSeed.client))]))
        o.text("version_token", SquareMoment.letters(m.random, 43) + "6o")
        return o.json
    }

    /// `PT36H`, `P7D`, `PT10M`: an ISO 8601 duration of one part; a week where it is none.
    private static func delay(_ text: String?) -> Duration {
        let week = Duration.seconds(7 * 86_400)
        guard let text, text.hasPrefix("P"), let unit = text.last else { return week }
        let isTime = text.hasPrefix("PT")
        guard let count = Int64(text.dropFirst(isTime ? 2 : 1).dropLast()), count > 0, count < 100_000 else { return week }
        switch (isTime, unit) {
        case (false, "D"): return .seconds(count * 86_400)
        case (true, "H"): return .seconds(count * 3600)
        case (true, "M"): return .seconds(count * 60)
        default: return week
        }
    }

    private func details(_ ask: SquareAsk, _ o: inout SquareFields, _ status: String, _ m: SquareMoment) {
        let currency = merchant(m).currency
        switch ask.source {
        case .card(let brand, let last, let entry): o.set("card_details", Self.card(brand, last, entry, "AUTHORIZED", m))
        case .declined(let code, let detail):
            let error: JSON = .object([("category", "PAYMENT_METHOD_ERROR"), ("code", .string(code)), ("detail", .string(detail))])
            o.set("card_details", Self.card("VISA", "5858", "KEYED", "FAILED", m).setting("errors", .array([error])))
        case .giftCard: o.set("card_details", Self.card("SQUARE_GIFT_CARD", "0000", "KEYED", "AUTHORIZED", m))
        case .wallet(let brand): o.set("wallet_details", .object([("status", "AUTHORIZED"), ("brand", .string(brand))]))
        case .bank: o.set("bank_account_details", .object([("bank_name", "Citizens Bank"), ("transfer_type", "ACH"), ("account_ownership_type", "INDIVIDUAL")]))
        case .cash:
            let change = ask.supplied - ask.amount - ask.tip
            o.set(
                "cash_details",
                .object([("buyer_supplied_money", .money(ask.supplied, currency)), ("change_back_money", .money(max(0, change), currency))]))
        case .external: o.set("external_details", ask.external)
        }
    }

    private static func card(_ brand: String, _ last: String, _ entry: String, _ status: String, _ m: SquareMoment) -> JSON {
        let card: JSON = .object([
            ("card_brand", .string(brand)), ("last_4", .string(last)), ("exp_month", 8), ("exp_year", 2030), ("card_type", "CREDIT"),
            ("prepaid_type", "NOT_PREPAID"),
        ])
        return .object([
            ("status", .string(status)), ("card", card), ("entry_method", .string(entry)), ("cvv_status", "CVV_ACCEPTED"),
            ("avs_status", "AVS_ACCEPTED"), ("statement_description", "SQ *COUNTERFOIL"),
            ("card_payment_timeline", .object([("authorized_at", .string(m.text))])),
        ])
    }

    // MARK: Tenders

    mutating func addTender(_ id: String, _ ask: SquareAsk, _ m: SquareMoment) {
        guard let payment = rows[id]?.shown, let order = payment.text("order_id").flatMap({ rows[$0]?.shown }) else { return }
        if case .giftCard(let card) = ask.source { changeInner(id, "gift_card", .string(card)) }
        var o = SquareFields()
        o.text("id", id)
        o.copy(["location_id"], of: payment)
        o.text("transaction_id", order.text("id"))
        o.text("created_at", SquareTime.seconds(m.at))
        o.copy(["note"], of: payment)
        o.text("type", ask.source.tender)
        o.text("payment_id", id)
        o.copy(["customer_id"], of: payment)
        if let card = payment["card_details"] { o.set("card_details", Self.tenderCard(card)) }
        if let cash = payment["cash_details"] {
            let names = [("buyer_tendered_money", "buyer_supplied_money"), ("change_back_money", "change_back_money")]
            o.set("cash_details", .object(names.map { (key: $0.0, value: cash[$0.1] ?? JSON.null) }))
        }
        let tender = o.json.setting(Self.amounts(payment))
        keepOrder(order.setting("tenders", .array(order.list("tenders") + [tender])), m)
    }

    private static func amounts(_ payment: JSON) -> [(String, JSON)] {
        [("amount_money", payment["total_money"] ?? JSON.null), ("tip_money", payment["tip_money"] ?? JSON.null)]
    }

    private static func tenderCard(_ card: JSON) -> JSON {
        .object(["status", "card", "entry_method"].map { (key: $0, value: card[$0] ?? JSON.null) })
    }

    /// Brings the order's tender in line with its payment, and completes the order where that was the last.
    mutating func keepTender(_ id: String, _ m: SquareMoment) {
        guard let payment = rows[id]?.shown, let order = payment.text("order_id").flatMap({ rows[$0]?.shown }) else { return }
        let isCanceled = payment.text("status") == "CANCELED"
        let tenders = order.list("tenders").compactMap { tender -> JSON? in
            guard tender.text("payment_id") == id else { return tender }
            // A tender without a card has no status that could tell that it is void.
            if isCanceled, payment["card_details"] == nil { return nil }
            return tender.setting(Self.amounts(payment) + [("card_details", payment["card_details"].map(Self.tenderCard) ?? JSON.null)])
        }
        keepOrder(closing(order.setting("tenders", .array(tenders)), m), m)
    }
}
