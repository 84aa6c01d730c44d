internal import Kernel
internal import TwinKit
internal import Wire

/// Refunds through the API: of an amount, never of items. What is returned item by item is told at the till, or in the vendor's dashboard.
/// - Source: developer.squareup.com/docs/refunds-api; square/connect-api-specification.
extension SquareState {
    mutating func refunds(_ call: SquareCall) throws(SquareProblem) -> JSON {
        let m = call.moment
        switch (call.method, call.path.count) {
        case (.get, 1):
            let place = try call.parameter("location_id").map { id throws(SquareProblem) in try location(id, m).id }
            let (status, source) = (call.parameter("status"), call.parameter("source_type"))
            return try moneyList(.refund, "refunds", call) { row in
                if let place, row.text("location_id") != place { return false }
                if let status, row.text("status") != status { return false }
                return source == nil || row.text("destination_type") == source
            }
        case (.get, 2):
            guard let row = find(.refund, call.id, m) else { throw .notFound("Could not find refund with id: \(call.id)", "refund_id") }
            return .object([("refund", row.shown)])
        case (.post, 1):
            // In two steps: in one, the state would be read before the call changed it.
            let id = try createRefund(call)
            return .object([("refund", shown(id))])
        default: throw .notFound()
        }
    }

    private mutating func createRefund(_ call: SquareCall) throws(SquareProblem) -> String {
        let m = call.moment, body = call.body
        guard let amount = try body.money("amount_money", merchant(m).currency) else { throw .missing("amount_money") }
        guard amount > 0 else { throw .refund("REFUND_AMOUNT_INVALID", "The requested refund amount must be greater than 0.", "amount_money.amount") }
        let reason = try body.text("reason", most: 192)
        if try body.flag("unlinked") ?? false { return try unlinked(amount, reason: reason, call) }
        let payment = try payment(try body.need("payment_id", most: 192), m)
        if let token = try body.text("payment_version_token"), token != payment.shown.text("version_token") {
            throw .conflict("The version_token does not match that of the payment.", "payment_version_token")
        }
        try refundable(payment, amount)
        let order = makeReturnOrder(
            location: payment.shown.text("location_id") ?? "", amountReturn(amount, source: payment.shown.text("order_id"), m), m)
        return refund(payment, amount, order: order, reason: reason, m)
    }

    func refundable(_ payment: SquareRow, _ amount: Int64) throws(SquareProblem) {
        guard payment.shown.text("status") == "COMPLETED" else {
            throw .refund("REFUND_ERROR_PAYMENT_NEEDS_COMPLETION", "The payment is not completed.", "payment_id")
        }
        guard payment.inner.text("dispute") == nil else {
            throw .refund("PAYMENT_NOT_REFUNDABLE_DUE_TO_DISPUTE", "The payment is disputed.", "payment_id")
        }
        guard amount <= left(payment) else {
            throw .refund("REFUND_AMOUNT_INVALID", "The requested refund amount exceeds the amount available to refund.", "amount_money.amount")
        }
    }

    /// What can still be refunded of a payment.
    func left(_ payment: SquareRow) -> Int64 { payment.shown.amount("total_money") - payment.shown.amount("refunded_money") }

    /// A refund without a payment of the platform's.
    private mutating func unlinked(_ amount: Int64, reason: String?, _ call: SquareCall) throws(SquareProblem) -> String {
        let m = call.moment
        _ = try call.body.need("destination_id")
        let place = try location(try call.body.need("location_id", most: 50), m).id
        let order = makeReturnOrder(location: place, amountReturn(amount, source: nil, m), m)
        let id = m.id(27)
        var o = SquareFields()
        o.text("id", id)
        o.flag("unlinked", true)
        insert(.refund, id, refundShown(o, amount, location: place, type: "CARD", order: order, reason: reason, m), m)
        addRefund(id, m)
        emitRefund("refund.created", id, m)
        plan("refund", id, at: m.at + limits.refundDelay, m)
        return id
    }

    /// Gives money of a payment back; the refund's id. Money that never was with Square is given back at once.
    mutating func refund(_ payment: SquareRow, _ amount: Int64, order: String, reason: String?, _ m: SquareMoment) -> String {
        let id = payment.id + "_" + SquareMoment.letters(m.random, 43)
        let currency = merchant(m).currency
        var o = SquareFields()
        o.text("id", id)
        o.flag("unlinked", false)
        o.text("payment_id", payment.id)
        let type = payment.shown.text("source_type") ?? "CARD"
        let shown = refundShown(o, amount, location: payment.shown.text("location_id") ?? "", type: type, order: order, reason: reason, m)
        insert(.refund, id, shown, m)
        let refunded = payment.shown.amount("refunded_money") + amount
        let ids = payment.shown.list("refund_ids") + [.string(id)]
        keepPayment(payment.id, [("refunded_money", .money(refunded, currency)), ("refund_ids", .array(ids))], m)
        addRefund(id, m)
        emitRefund("refund.created", id, m)
        if payment.inner.flag("held") {
            plan("refund", id, at: m.at + limits.refundDelay, m)
        } else {
            if type == "CASH" { drawer("CASH_TENDER_REFUND", amount, location: payment.shown.text("location_id") ?? "", m) }
            if let card = payment.inner.text("gift_card") { give(card, amount, type: "REFUND", m) }
            settleRefund(id, m)
        }
        return id
    }

    private func refundShown(
        _ begun: SquareFields, _ amount: Int64, location: String, type: String, order: String, reason: String?, _ m: SquareMoment
    ) -> JSON {
        var o = begun
        o.text("status", "PENDING")
        o.text("location_id", location)
        o.text("destination_type", type)
        o.money("amount_money", amount, merchant(m).currency)
        o.text("order_id", order)
        o.text("reason", reason)
        o.text("created_at", m.text)
        o.text("updated_at", m.text)
        return o.json
    }

    /// The refund on its return order.
    private mutating func addRefund(_ id: String, _ m: SquareMoment) {
        let refund = shown(id)
        guard let order = refund.text("order_id").flatMap({ rows[$0]?.shown }) else { return }
        var o = SquareFields()
        o.text("id", id.split(separator: "_", maxSplits: 1).last.map(String.init))
        o.copy(["location_id"], of: refund)
        o.text("tender_id", refund.text("payment_id"))
        o.text("transaction_id", refund.text("payment_id").flatMap { rows[$0]?.shown.text("order_id") })
        o.text("created_at", SquareTime.seconds(m.at))
        o.text("reason", refund.text("reason") ?? "")
        o.copy(["amount_money"], of: refund)
        o.text("status", "PENDING")
        keepOrder(order.setting("refunds", .array(order.list("refunds") + [o.json])), m)
    }

    /// The money is on its way back.
    mutating func settleRefund(_ id: String, _ m: SquareMoment) {
        guard let row = rows[id], row.shown.text("status") == "PENDING" else { return }
        let payment = row.shown.text("payment_id").flatMap { rows[$0] }
        if payment?.inner.flag("held") ?? true {
            var about = [(key: "refund_id", value: id)]
            if let payment { about.insert(("payment_id", payment.id), at: 0) }
            let place = row.shown.text("location_id") ?? ""
            let gross = -row.shown.amount("amount_money")
            book(SquareMovement(type: "REFUND", kind: .refund, gross: gross, location: place, details: SquareMovement.about(about, "refund")), m)
        }
        endRefund(id, "COMPLETED", onOrder: "APPROVED", m)
    }

    /// The money can't be given back: the payment is as it was.
    mutating func failRefund(_ id: String, _ m: SquareMoment) {
        guard let row = rows[id], row.shown.text("status") == "PENDING" else { return }
        unplan("refund", id)
        if let payment = row.shown.text("payment_id").flatMap({ rows[$0] }) {
            let refunded = payment.shown.amount("refunded_money") - row.shown.amount("amount_money")
            keepPayment(payment.id, [("refunded_money", .money(refunded, merchant(m).currency))], m)
        }
        endRefund(id, "FAILED", onOrder: "FAILED", m)
    }

    private mutating func endRefund(_ id: String, _ status: String, onOrder: String, _ m: SquareMoment) {
        change(id, [("status", .string(status)), ("updated_at", .string(m.text))])
        if let order = shown(id).text("order_id").flatMap({ rows[$0]?.shown }) {
            let short = id.split(separator: "_", maxSplits: 1).last.map(String.init)
            let list = order.list("refunds").map { $0.text("id") == short ? $0.setting("status", .string(onOrder)) : $0 }
            keepOrder(order.setting("refunds", .array(list)), m)
        }
        changeInner(id, "version", .minor((rows[id]?.inner.minor("version") ?? 0) + 1))
        emitRefund("refund.updated", id, m)
    }
}
