internal import Kernel
internal import TwinKit
internal import Wire

/// What happens in a merchant's world without any request to the API: at the till, in the dashboard, at the bank.
extension SquareState {
    /// Lets it happen; the ids of what came of it, by what they are. Every happening may name `merchant`, and where it takes place `location`.
    ///
    /// - `sells`: the members of an order (`lines` for `line_items`, `taxes`, `discounts`, `service_charges`, `customer_id`, `reference_id`, …), `payments`
    ///   (each `with` card, cash, external, wallet, bank or a gift card's id, `amount`, `tip`; one card for all of it where none is given) and, for an
    ///   exchange, `returns` as below.
    /// - `pays`: `order`, `payments`; `fulfils`: `order` and, for one alone, the uid of a `fulfillment`.
    /// - `returns`: `order`, `lines` (each `line`, a uid, and `quantity`), `tip`, `service_charges`, `reason`.
    /// - `refunded`: `payment`, `amount`, `reason`; `refund_fails`: `refund`; `tips`: `payment`, `tip`.
    /// - `disputed`: `payment`, `amount`, `reason`; `dispute_ends`: `dispute`, `won`.
    /// - `day_closes`; `pays_out`: `instant`; `payout_arrives`, `payout_fails`: `payout`; `adjusts`: `amount`, of either sign.
    /// - `opens_drawer`: `amount`, `description`; `cash_in`, `cash_out`: `amount`, `description`; `closes_drawer`: `amount`, what was counted.
    /// - `revokes`: the merchant ends the application's authorisation.
    mutating func happen(_ body: SquareBody, _ m: SquareMoment) throws(SquareProblem) -> [(key: String, value: JSON)] {
        let place = try location(try body.text("location") ?? "main", m, field: "location").id
        switch try body.text("do") ?? "" {
        case "sells": return try sell(body, place, m)
        case "pays":
            let row = try order(try body.need("order"), m)
            return try settle(row.id, try body.bodies("payments"), m)
        case "fulfils": return try handOver(body, m)
        case "returns": return try takeBack(body, m)
        case "refunded":
            let payment = try payment(try body.need("payment"), m)
            let amount = try body.int("amount") ?? left(payment)
            guard amount > 0 else { throw .value("nothing is left to refund", "amount") }
            try refundable(payment, amount)
            let back = amountReturn(amount, source: payment.shown.text("order_id"), m)
            let order = makeReturnOrder(location: payment.shown.text("location_id") ?? place, back, m)
            let id = refund(payment, amount, order: order, reason: try body.text("reason", most: 192), m)
            return [("refund", .string(id)), ("order", .string(order))]
        case "refund_fails":
            let id = try body.need("refund")
            guard find(.refund, id, m)?.shown.text("status") == "PENDING" else { throw .value("no refund of that id is pending", "refund") }
            failRefund(id, m)
            return [("refund", .string(id))]
        case "tips":
            let payment = try payment(try body.need("payment"), m)
            guard let tip = try body.int("tip"), tip >= 0 else { throw .missing("tip") }
            try notPaidOut(payment)
            amend(payment.id, amount: payment.shown.amount("amount_money"), tip: tip, m)
            return [("payment", .string(payment.id))]
        default:
            if let out = try happenAtTheBank(body, place, m) { return out }
            return try happenAtTheDrawer(body, place, m)
        }
    }

    private func notPaidOut(_ payment: SquareRow) throws(SquareProblem) {
        let isOpen = ["COMPLETED", "APPROVED"].contains(payment.shown.text("status") ?? "")
        guard isOpen else { throw .value("the payment is not one that can have a tip", "payment") }
        let entry = payment.inner.text("entry").flatMap { rows[$0] }
        guard entry?.inner.text("payout") == nil else { throw .value("the payment is paid out already", "payment") }
    }

    private mutating func happenAtTheBank(_ body: SquareBody, _ place: String, _ m: SquareMoment) throws(SquareProblem) -> [(key: String, value: JSON)]? {
        switch try body.text("do") ?? "" {
        case "disputed":
            let payment = try payment(try body.need("payment"), m)
            let reason = try body.text("reason") ?? "NO_KNOWLEDGE"
            guard Self.reasons.contains(reason) else { throw .value("there is no such reason", "reason") }
            let isOpen = payment.inner.text("entry") != nil && payment.inner.text("dispute") == nil
            guard isOpen else { throw .value("the payment can't be disputed, or is", "payment") }
            let amount = try body.int("amount") ?? left(payment)
            guard amount > 0, amount <= left(payment) else { throw .value("that much is not left of it", "amount") }
            return [("dispute", .string(openDispute(payment, amount: amount, reason: reason, m)))]
        case "dispute_ends":
            let id = try body.need("dispute")
            guard find(.dispute, id, m)?.shown.text("state") == "EVIDENCE_REQUIRED" else { throw .value("no dispute of that id is open", "dispute") }
            endDispute(id, try body.flag("won") ?? false ? "WON" : "LOST", m)
            return [("dispute", .string(id))]
        case "day_closes": return [("payouts", .array(closeDay(m).map(JSON.string)))]
        case "pays_out":
            let own = try location(place, m)
            return [("payout", .optional(payOut(own, instant: try body.flag("instant") ?? false, m)))]
        case "payout_arrives", "payout_fails":
            let id = try body.need("payout")
            guard let row = find(.payout, id, m), row.shown.text("status") != "FAILED" else { throw .value("no payout of that id is under way", "payout") }
            if try body.text("do") == "payout_fails" { failPayout(id, m) } else { arrive(id, m) }
            return [("payout", .string(id))]
        case "adjusts":
            guard let amount = try body.int("amount"), amount != 0, abs(amount) <= SquareBody.moneyMost else { throw .missing("amount") }
            return [("entry", .string(book(SquareMovement(type: "ADJUSTMENT", kind: .adjustment, gross: amount, location: place), m)))]
        case "revokes":
            disconnect(by: "MERCHANT", m)
            return []
        default: return nil
        }
    }

    private mutating func happenAtTheDrawer(_ body: SquareBody, _ place: String, _ m: SquareMoment) throws(SquareProblem) -> [(key: String, value: JSON)] {
        let doing = try body.text("do") ?? ""
        guard ["opens_drawer", "cash_in", "cash_out", "closes_drawer"].contains(doing) else { throw .value("nothing of that name happens here", "do") }
        let amount = try body.int("amount") ?? 0
        guard amount >= 0, amount <= SquareBody.moneyMost else { throw .value("an amount of cash is zero or more", "amount") }
        let shift = openShift(place, m)
        let text = try body.text("description")
        if doing == "opens_drawer" {
            guard shift == nil else { throw .value("the drawer is open", "do") }
            return [("shift", .string(openDrawer(amount, location: place, description: text, m)))]
        }
        guard let shift else { throw .value("the drawer is closed", "do") }
        if doing == "closes_drawer" {
            closeDrawer(shift, counted: amount, m)
        } else {
            drawer(doing == "cash_in" ? "PAID_IN" : "PAID_OUT", amount, location: place, description: text ?? "", m)
        }
        return [("shift", .string(shift.id))]
    }

    // MARK: Sales

    private mutating func sell(_ body: SquareBody, _ place: String, _ m: SquareMoment) throws(SquareProblem) -> [(key: String, value: JSON)] {
        var asked = body.json.setting("location_id", .string(place))
        if let lines = asked["lines"] { asked = asked.setting("line_items", lines) }
        if asked["source"] == nil { asked = asked.setting("source", .object([("name", "Square Point of Sale")])) }
        var form = try SquareOrderForm(self, m).read(SquareBody(asked))
        if let back = try body.object("returns") {
            let source = try order(try back.need("order"), m)
            form = form.setting("returns", .array([try itemised(back, source, m)]))
        }
        let order = makeOrder(form, m)
        let id = order.text("id") ?? ""
        let due = order.amount("net_amount_due_money")
        guard due < 0 || (due == 0 && body.json["returns"] != nil) else { return try settle(id, try body.bodies("payments"), m) }
        // What was bought instead is not worth more than what came back.
        var out: [(key: String, value: JSON)] = [("order", .string(id)), ("payments", [])]
        if due < 0, let source = order.list("returns").first?.text("source_order_id").flatMap({ rows[$0] }) {
            out.append(("refunds", .array(try refund(-due, of: source, order: id, reason: "exchange", m).map(JSON.string))))
        }
        keepOrder(closing(rows[id]?.shown ?? order, m), m)
        return out
    }

    /// Pays an order by what is given, or by one card. Several payments are set aside first and taken together.
    private mutating func settle(_ id: String, _ payments: [SquareBody], _ m: SquareMoment) throws(SquareProblem) -> [(key: String, value: JSON)] {
        var made: [String] = []
        for payment in payments.isEmpty ? [SquareBody(.object([]), "payments[0]")] : payments {
            let due = rows[id]?.shown.amount("net_amount_due_money") ?? 0
            let source = try source(at: payment, m)
            var isCash = false
            if case .cash = source { isCash = true }
            let rest = due + (isCash ? SquareRounding.toCoin(due, merchant(m).coin) : 0)
            var ask = SquareAsk(source: source, amount: try payment.int("amount") ?? rest)
            guard ask.amount >= 0, ask.amount <= SquareBody.moneyMost else { throw .value("a payment is of zero or more", payment.at("amount")) }
            guard due > 0 || ask.amount == 0 else { throw .value("nothing is due any more", payment.path) }
            ask.tip = max(0, try payment.int("tip") ?? 0)
            ask.order = id
            ask.captures = false
            ask.supplied = max(try payment.int("supplied") ?? 0, ask.amount + ask.tip)
            ask.note = try payment.text("note", most: 500)
            ask.teamMember = try payment.text("team_member_id")
            ask.external = .object([("type", .string(try payment.text("type") ?? "OTHER")), ("source", .string(try payment.text("source") ?? "House account"))])
            made.append(try pay(ask, m))
        }
        for payment in made { capture(payment, m) }
        return [("order", .string(id)), ("payments", .array(made.map(JSON.string)))]
    }

    private func source(at body: SquareBody, _ m: SquareMoment) throws(SquareProblem) -> SquareSource {
        switch try body.text("with") ?? "card" {
        case "card": return .card(brand: "VISA", last: "1111", entry: "CONTACTLESS")
        case "cash": return .cash
        case "external": return .external
        case "wallet": return .wallet(brand: "CASH_APP")
        case "bank": return .bank
        case let other: return try source(other, m)
        }
    }

    // MARK: Returns

    private mutating func itemised(_ body: SquareBody, _ source: SquareRow, _ m: SquareMoment) throws(SquareProblem) -> JSON {
        var lines: [SquareReturned] = []
        for line in try body.bodies("lines") {
            let quantity = try line.text("quantity") ?? "1"
            guard let units = SquareQuantity.units(quantity) else { throw .value("that is no quantity", line.at("quantity")) }
            lines.append(SquareReturned(line: try line.need("line"), units: units))
        }
        return try itemisedReturn(source, lines, tip: try body.int("tip") ?? 0, charges: try body.flag("service_charges") ?? false, m)
    }

    private mutating func takeBack(_ body: SquareBody, _ m: SquareMoment) throws(SquareProblem) -> [(key: String, value: JSON)] {
        let source = try order(try body.need("order"), m)
        guard source.shown.text("state") == "COMPLETED" else {
            throw .invalid("ORDER_UNPAID_NOT_RETURNABLE", "what is not paid can't come back", "order")
        }
        var back = try itemised(body, source, m)
        let amounts = back["return_amounts"] ?? JSON.object([])
        var total = amounts.amount("total_money")
        guard total > 0 else { throw .value("nothing comes back", "lines") }
        let isCash = source.shown.list("tenders").allSatisfy { $0.text("type") == "CASH" }
        let more = isCash ? SquareRounding.toCoin(total, merchant(m).coin) : 0
        if more != 0 {
            total += more
            let currency = merchant(m).currency
            back = back.setting([
                ("rounding_adjustment", Self.rounding(more, currency, m)), ("return_amounts", amounts.setting("total_money", .money(total, currency))),
            ])
        }
        let id = makeReturnOrder(location: source.shown.text("location_id") ?? "", back, m)
        let refunds = try refund(total, of: source, order: id, reason: try body.text("reason", most: 192), m)
        return [("order", .string(id)), ("refunds", .array(refunds.map(JSON.string)))]
    }

    /// Gives an amount back by the payments of the order that it came with, the first first.
    private mutating func refund(_ amount: Int64, of source: SquareRow, order: String, reason: String?, _ m: SquareMoment) throws(SquareProblem) -> [String] {
        var rest = amount
        var made: [String] = []
        for id in source.shown.list("tenders").compactMap({ $0.text("payment_id") }) where rest > 0 {
            guard let payment = rows[id], payment.shown.text("status") == "COMPLETED", payment.inner.text("dispute") == nil else { continue }
            let share = min(rest, left(payment))
            guard share > 0 else { continue }
            made.append(refund(payment, share, order: order, reason: reason, m))
            rest -= share
        }
        guard rest == 0 else { throw .value("the payments of the order have not that much left", "order") }
        return made
    }
}
