internal import Kernel
internal import Wire

/// Gift cards and what is done with them. Money on a card is the merchant's own: Square does not hold it.
/// - Source: developer.squareup.com/docs/gift-cards; square/connect-api-specification.
extension SquareState {
    mutating func giftCards(_ call: SquareCall) throws(SquareProblem) -> JSON {
        let m = call.moment
        switch (call.method, call.path.dropFirst().joined(separator: "/")) {
        case (.get, ""):
            let (type, state, customer) = (call.parameter("type"), call.parameter("state"), call.parameter("customer_id"))
            let found = sorted(.giftCard, m) { row in
                (type == nil || row.shown.text("type") == type) && (state == nil || row.shown.text("state") == state)
                    && (customer == nil || row.shown.list("customer_ids").contains { $0.string == customer })
            }
            return try page("gift_cards", call, found, ascending: true, limit: try call.limit(30, most: 200), cursor: call.cursor)
        case (.post, ""): return .object([("gift_card", try createCard(call))])
        case (.post, "from-gan"):
            let gan = try call.body.need("gan", most: 255)
            let found = rows.all(.giftCard, of: m.merchant).first { $0.shown.text("gan") == gan }
            guard let found else { throw .notFound("Gift card with given GAN not found.", "gan") }
            return .object([("gift_card", found.shown)])
        case (.get, "activities"): return try listActivities(call)
        case (.post, "activities"): return .object([("gift_card_activity", try createActivity(call))])
        case (.get, _) where call.path.count == 2:
            return .object([("gift_card", try card(call.id, m).shown)])
        default: throw .notFound()
        }
    }

    private func card(_ id: String, _ m: SquareMoment, _ field: String = "id") throws(SquareProblem) -> SquareRow {
        guard let row = find(.giftCard, id, m) else { throw .notFound("Gift card not found.", field) }
        return row
    }

    private mutating func createCard(_ call: SquareCall) throws(SquareProblem) -> JSON {
        let m = call.moment
        _ = try location(try call.body.need("location_id", most: 50), m)
        let body = try call.body.needObject("gift_card")
        guard let type = try body.choice("type", of: ["DIGITAL", "PHYSICAL"]) else { throw .missing("gift_card.type") }
        let digits = m.random.bytes(12).map { String($0 % 10) }.joined()
        let gan = try body.text("gan", most: 255)
        var o = SquareFields()
        let id = "gftc:" + m.hex(32)
        o.text("id", id)
        o.text("type", type)
        o.text("gan_source", gan == nil ? "SQUARE" : "OTHER")
        o.text("state", "PENDING")
        o.money("balance_money", 0, merchant(m).currency)
        o.text("gan", gan ?? "7783" + digits)
        o.text("created_at", m.text)
        insert(.giftCard, id, o.json, m)
        emitGiftCard("gift_card.created", id, m)
        return o.json
    }

    private func listActivities(_ call: SquareCall) throws(SquareProblem) -> JSON {
        let span = try SquareSpan(call, "begin_time", "end_time")
        let (id, type, place) = (call.parameter("gift_card_id"), call.parameter("type"), call.parameter("location_id"))
        let ascending = try call.ascending(otherwise: false)
        let found = sorted(.giftCardActivity, call.moment) { row in
            (id == nil || row.shown.text("gift_card_id") == id) && (type == nil || row.shown.text("type") == type)
                && (place == nil || row.shown.text("location_id") == place) && span.contains(row.created)
        }
        return try page("gift_card_activities", call, found, ascending: ascending, limit: try call.limit(50, most: 100), cursor: call.cursor)
    }

    /// What can be done through the API, the member with its details, and which way the balance goes.
    private static let doings: [String: (member: String, sign: Int64)] = [
        "ACTIVATE": ("activate_activity_details", 1), "LOAD": ("load_activity_details", 1), "REDEEM": ("redeem_activity_details", -1),
        "ADJUST_INCREMENT": ("adjust_increment_activity_details", 1), "ADJUST_DECREMENT": ("adjust_decrement_activity_details", -1),
        "REFUND": ("refund_activity_details", 1), "CLEAR_BALANCE": ("clear_balance_activity_details", 0), "DEACTIVATE": ("deactivate_activity_details", 0),
    ]

    private mutating func createActivity(_ call: SquareCall) throws(SquareProblem) -> JSON {
        let m = call.moment
        let body = try call.body.needObject("gift_card_activity")
        let place = try location(try body.need("location_id", most: 50), m, field: body.at("location_id"))
        guard let type = try body.choice("type", of: Set(Self.doings.keys)), let doing = Self.doings[type] else { throw .missing(body.at("type")) }
        let gan = try body.text("gift_card_gan")
        let named = try body.text("gift_card_id") ?? rows.all(.giftCard, of: m.merchant).first { gan != nil && $0.shown.text("gan") == gan }?.id
        guard let id = named else { throw .missing(body.at("gift_card_id")) }
        let card = try card(id, m, body.at("gift_card_id"))
        let details = try body.needObject(doing.member)
        let state = card.shown.text("state")
        guard type == "ACTIVATE" ? state == "PENDING" : state == "ACTIVE" else { throw .bad("The gift card is \(state ?? "").", body.at("gift_card_id")) }
        var amount = card.shown.amount("balance_money")
        if doing.sign != 0 { amount = try self.amount(details, m) }
        if doing.sign < 0, amount > card.shown.amount("balance_money") {
            throw .invalid("INSUFFICIENT_FUNDS", "The gift card has not that much on it.", details.at("amount_money"))
        }
        return act(card, type, doing.sign == 0 ? -amount : doing.sign * amount, place: place.id, details: details.json, m)
    }

    /// What is put on a card is told outright, or by the order that it was bought with.
    private func amount(_ details: SquareBody, _ m: SquareMoment) throws(SquareProblem) -> Int64 {
        if let amount = try details.money("amount_money", merchant(m).currency) { return amount }
        guard let order = try details.text("order_id").flatMap({ find(.order, $0, m)?.shown }), let uid = try details.text("line_item_uid"),
            let line = order.list("line_items").first(where: { $0.text("uid") == uid && $0.text("item_type") == "GIFT_CARD" })
        else { throw .missing(details.at("amount_money")) }
        return line.amount("total_money")
    }

    @discardableResult
    private mutating func act(_ card: SquareRow, _ type: String, _ change: Int64, place: String, details: JSON, _ m: SquareMoment) -> JSON {
        let currency = merchant(m).currency
        let balance = card.shown.amount("balance_money") + change
        let state = type == "ACTIVATE" ? "ACTIVE" : type == "DEACTIVATE" ? "DEACTIVATED" : card.shown.text("state") ?? "ACTIVE"
        self.change(card.id, [("balance_money", .money(balance, currency)), ("state", .string(state))])
        let id = "gcact_" + m.hex(32)
        var o = SquareFields()
        o.text("id", id)
        o.text("type", type)
        o.text("location_id", place)
        o.text("created_at", m.text)
        o.text("gift_card_id", card.id)
        o.text("gift_card_gan", card.shown.text("gan"))
        o.money("gift_card_balance_money", balance, currency)
        if let member = Self.doings[type]?.member {
            o.set(member, details["amount_money"] == nil ? details.setting("amount_money", .money(abs(change), currency)) : details)
        }
        insert(.giftCardActivity, id, o.json, m)
        emitActivity(id, m)
        emitGiftCard("gift_card.updated", card.id, m)
        return o.json
    }

    /// A payment with a card takes the money from it.
    mutating func redeem(_ id: String, _ amount: Int64, payment: String, _ m: SquareMoment) throws(SquareProblem) {
        let card = try card(id, m, "source_id")
        guard card.shown.text("state") == "ACTIVE" else { throw .declined("GIFT_CARD_AVAILABLE_AMOUNT", "The gift card is not active.") }
        guard amount <= card.shown.amount("balance_money") else {
            throw .declined("INSUFFICIENT_FUNDS", "Authorization error: 'INSUFFICIENT_FUNDS'")
        }
        act(card, "REDEEM", -amount, place: merchant(m).main.id, details: .object([("payment_id", .string(payment)), ("status", "COMPLETED")]), m)
    }

    /// Money comes back onto a card.
    mutating func give(_ id: String, _ amount: Int64, type: String, _ m: SquareMoment) {
        guard let card = rows[id], card.kind == .giftCard else { return }
        act(card, type, amount, place: merchant(m).main.id, details: .object([]), m)
    }
}
