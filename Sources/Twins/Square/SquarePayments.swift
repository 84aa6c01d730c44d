internal import Kernel
internal import Wire

/// Payments through the API.
/// - Source: developer.squareup.com/docs/payments-api; square/connect-api-specification.
extension SquareState {
    mutating func payments(_ call: SquareCall) throws(SquareProblem) -> JSON {
        let m = call.moment
        switch (call.method, call.path.count, call.action) {
        case (.get, 1, _): return try listPayments(call)
        case (.get, 2, _): return .object([("payment", try payment(call.id, m).shown)])
        case (.post, 1, _):
            let id = try pay(try ask(call), m)
            return .object([("payment", shown(id))])
        case (.post, 2, _) where call.id == "cancel": return try cancelByKey(call)
        case (.put, 2, _): return .object([("payment", try updatePayment(call))])
        case (.post, 3, "cancel"):
            let row = try approved(call.id, m)
            cancel(row.id, m)
            return .object([("payment", shown(row.id))])
        case (.post, 3, "complete"):
            let row = try approved(call.id, m)
            try fresh(row, try call.body.text("version_token"), "version_token")
            if let order = row.shown.text("order_id").flatMap({ rows[$0]?.shown }), order.amount("net_amount_due_money") != 0 {
                throw .bad("The order is not fully paid: use PayOrder.", "payment_id")
            }
            capture(row.id, m)
            return .object([("payment", shown(row.id))])
        default: throw .notFound()
        }
    }

    func payment(_ id: String, _ m: SquareMoment, field: String = "payment_id") throws(SquareProblem) -> SquareRow {
        guard let row = find(.payment, id, m) else { throw .notFound("Could not find payment with id: \(id)", field) }
        return row
    }

    private func approved(_ id: String, _ m: SquareMoment) throws(SquareProblem) -> SquareRow {
        let row = try payment(id, m)
        let status = row.shown.text("status") ?? ""
        guard status == "APPROVED" else { throw .bad("Invalid payment state transition: the payment is \(status), not APPROVED.", "payment_id") }
        return row
    }

    private func fresh(_ row: SquareRow, _ token: String?, _ field: String) throws(SquareProblem) {
        guard let token, token != row.shown.text("version_token") else { return }
        throw .conflict("The version_token does not match that of the payment.", field)
    }

    // MARK: Reading what is asked

    private func ask(_ call: SquareCall) throws(SquareProblem) -> SquareAsk {
        let m = call.moment, body = call.body
        let currency = merchant(m).currency
        let source = try body.need("source_id")
        guard let amount = try body.money("amount_money", currency) else { throw .missing("amount_money") }
        var ask = SquareAsk(source: try self.source(source, m), amount: amount)
        ask.tip = try body.money("tip_money", currency) ?? 0
        ask.applicationFee = try body.money("app_fee_money", currency) ?? 0
        guard amount + ask.tip > 0 else { throw .invalid("VALUE_TOO_LOW", "`amount_money.amount` must be greater than 0.", "amount_money.amount") }
        guard ask.applicationFee * 10 <= amount * 9 else {
            throw .invalid("INVALID_FEES", "The app fee must not be more than 90% of the amount.", "app_fee_money")
        }
        ask.captures = try body.flag("autocomplete") ?? true
        ask.order = try body.text("order_id", most: 192)
        ask.location = try body.text("location_id", most: 50).map { id throws(SquareProblem) in try location(id, m).id }
        ask.customer = try body.text("customer_id", most: 191)
        ask.reference = try body.text("reference_id", most: 40)
        ask.note = try body.text("note", most: 500)
        ask.email = try body.text("buyer_email_address", most: 255)
        ask.teamMember = try body.text("team_member_id", most: 192)
        ask.delay = try body.text("delay_duration")
        ask.delayAction = try body.choice("delay_action", of: ["CANCEL", "COMPLETE"]) ?? "CANCEL"
        ask.key = try body.text("idempotency_key")
        if case .cash = ask.source {
            let cash = try body.needObject("cash_details")
            guard let supplied = try cash.money("buyer_supplied_money", currency) else { throw .missing(cash.at("buyer_supplied_money")) }
            guard supplied >= amount + ask.tip else { throw .value("The buyer supplied less than the total.", cash.at("buyer_supplied_money")) }
            ask.supplied = supplied
        }
        if case .external = ask.source {
            let external = try body.needObject("external_details")
            let types: Set<String> = [
                "CHECK", "BANK_TRANSFER", "OTHER_GIFT_CARD", "CRYPTO", "SQUARE_CASH", "SOCIAL", "EXTERNAL", "EMONEY", "CARD", "STORED_BALANCE", "FOOD_VOUCHER",
                "OTHER",
            ]
            guard try external.choice("type", of: types) != nil else { throw .missing(external.at("type")) }
            _ = try external.need("source", most: 255)
            ask.external = external.json
        }
        return ask
    }

    private mutating func updatePayment(_ call: SquareCall) throws(SquareProblem) -> JSON {
        let m = call.moment
        let row = try approved(call.id, m)
        let body = try call.body.needObject("payment")
        try fresh(row, try body.text("version_token"), "payment.version_token")
        let currency = merchant(m).currency
        let amount = try body.money("amount_money", currency) ?? row.shown.amount("amount_money")
        let tip = try body.money("tip_money", currency) ?? row.shown.amount("tip_money")
        return amend(row.id, amount: amount, tip: tip, m)
    }

    private mutating func cancelByKey(_ call: SquareCall) throws(SquareProblem) -> JSON {
        let key = try call.body.need("idempotency_key", most: 45)
        let found = rows.all(.payment, of: call.moment.merchant).first { $0.inner.text("key") == key }
        guard let found else { throw .notFound("Could not find payment for the idempotency key.", "idempotency_key") }
        if found.shown.text("status") == "APPROVED" { cancel(found.id, call.moment) }
        return .object([])
    }

    // MARK: Lists

    private func listPayments(_ call: SquareCall) throws(SquareProblem) -> JSON {
        let m = call.moment
        let place = try call.parameter("location_id").map { id throws(SquareProblem) in try location(id, m).id }
        let (total, last) = (call.parameter("total"), call.parameter("last_4"))
        let brand = call.parameter("card_brand")
        return try moneyList(.payment, "payments", call) { row in
            if let place, row.text("location_id") != place { return false }
            if let total, "\(row.amount("total_money"))" != total { return false }
            let card = row["card_details"]?["card"]
            if let last, card?.text("last_4") != last { return false }
            return brand == nil || card?.text("card_brand") == brand
        }
    }

    /// Lists of payments and refunds: by the time they were made, or by that of their last change.
    func moneyList(_ kind: SquareKind, _ name: String, _ call: SquareCall, where belongs: (JSON) -> Bool) throws(SquareProblem) -> JSON {
        let m = call.moment
        var made = try SquareSpan(call, "begin_time", "end_time")
        let changed = try SquareSpan(call, "updated_at_begin_time", "updated_at_end_time")
        let field = call.parameter("sort_field") ?? "CREATED_AT"
        guard ["CREATED_AT", "UPDATED_AT"].contains(field) else { throw .choice(field, "sort_field") }
        // Without a begin, a year back; the time of changes, where it is given, stands alone.
        if made.from == nil, changed.isOpen { made.from = m.at - .seconds(365 * 86_400) }
        let ascending = try call.ascending(otherwise: false)
        let limit = try call.limit(100, most: 100)
        let found = sorted(kind, m, by: { field == "UPDATED_AT" ? $0.time("updated_at") : $0.created }) { row in
            made.contains(row.created) && changed.contains(row.time("updated_at")) && belongs(row.shown)
        }
        return try page(name, call, found, ascending: ascending, limit: limit, cursor: call.cursor)
    }
}
