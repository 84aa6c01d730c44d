internal import Kernel
internal import TwinKit
internal import Wire

/// Payouts to the bank, one for each location, and the entries that they are made of.
/// - Source: developer.squareup.com/docs/payouts-api; square/connect-api-specification.
extension SquareState {
    func payouts(_ call: SquareCall) throws(SquareProblem) -> JSON {
        let m = call.moment
        guard call.method == .get else { throw .method }
        switch (call.path.count, call.action) {
        case (1, _): return try listPayouts(call)
        case (2, _): return .object([("payout", try payout(call.id, m).shown)])
        case (3, "payout-entries"):
            let row = try payout(call.id, m)
            let ascending = try call.ascending(otherwise: false)
            let found = sorted(.payoutEntry, m) { $0.inner.text("payout") == row.id }
            return try page("payout_entries", call, found, ascending: ascending, limit: try call.limit(100, most: 100), cursor: call.cursor)
        default: throw .notFound()
        }
    }

    private func payout(_ id: String, _ m: SquareMoment) throws(SquareProblem) -> SquareRow {
        guard let row = find(.payout, id, m) else { throw .notFound("Payout `\(id)` not found.", "payout_id") }
        return row
    }

    /// Without a location, those of the main one alone.
    private func listPayouts(_ call: SquareCall) throws(SquareProblem) -> JSON {
        let m = call.moment
        let place = try call.parameter("location_id").map { id throws(SquareProblem) in try location(id, m) } ?? merchant(m).main
        let status = call.parameter("status")
        if let status, !["SENT", "PAID", "FAILED"].contains(status) { throw .choice(status, "status") }
        var span = try SquareSpan(call, "begin_time", "end_time")
        if span.from == nil { span.from = m.at - .seconds(365 * 86_400) }
        let ascending = try call.ascending(otherwise: false)
        let found = sorted(.payout, m) { row in
            row.shown.text("location_id") == place.id && (status == nil || row.shown.text("status") == status) && span.contains(row.created)
        }
        return try page("payouts", call, found, ascending: ascending, limit: try call.limit(100, most: 100), cursor: call.cursor)
    }

    // MARK: What happens

    /// Sends everything that a location has: a payout of all its entries. Nothing is sent where nothing is left, and what is owed to Square waits.
    /// - Parameter instant: at once and for a fee, which is an entry of its own.
    /// - Returns: the payout's id.
    mutating func payOut(_ place: SquareLocation, instant: Bool = false, _ m: SquareMoment) -> String? {
        let sum = unpaid(place.id, m).reduce(0) { $0 + $1.shown.amount("net_amount_money") }
        let merchant = merchant(m)
        let fee = instant ? SquareRounding.halfEven(sum, Int128(merchant.instantPerTenThousand), 10_000) : 0
        guard sum - fee > 0 else { return nil }
        let id = "po_" + m.uuid()
        if fee > 0 {
            let about = SquareMovement.about([("payout_id", id)], "deposit_fee")
            let entry = book(SquareMovement(type: "DEPOSIT_FEE", kind: .fee, gross: -fee, location: place.id, details: about), m)
            changeInner(entry, "payout", .string(id))
        }
        for row in unpaid(place.id, m) { changeInner(row.id, "payout", .string(id)) }
        for row in rows.all(.payoutEntry, of: m.merchant) where row.inner.text("payout") == id && row.shown.text("payout_id") == nil {
            change(row.id, [("payout_id", .string(id))])
        }
        enter(.payout, fee - sum, place.id, m)
        let day = place.zone.date(of: m.at)
        var o = SquareFields()
        o.text("id", id)
        o.text("status", "SENT")
        o.text("location_id", place.id)
        o.text("created_at", SquareTime.seconds(m.at))
        o.text("updated_at", SquareTime.seconds(m.at))
        o.money("amount_money", sum - fee, merchant.currency)
        o.set("destination", .object([("type", "BANK_ACCOUNT"), ("id", .string(place.bank))]))
        o.int("version", 1)
        o.text("type", "BATCH")
        if fee > 0 {
            let charged: JSON = .object([
                ("amount_money", .money(fee, merchant.currency)), ("effective_at", .string(SquareTime.seconds(m.at))), ("type", "TRANSFER_FEE"),
            ])
            o.set("payout_fee", .array([charged]))
        }
        o.text("arrival_date", (instant ? day : day.adding(days: 1)).description)
        o.text("end_to_end_id", "L" + m.hex(10).uppercased())
        insert(.payout, id, o.json, m)
        emitPayout("payout.sent", id, m)
        return id
    }

    /// The close of a day: what was sent arrives, and what has come in goes out.
    mutating func closeDay(_ m: SquareMoment) -> [String] {
        for row in rows.all(.payout, of: m.merchant) where row.shown.text("status") == "SENT" { arrive(row.id, m) }
        return merchant(m).locations.compactMap { payOut($0, m) }
    }

    mutating func arrive(_ id: String, _ m: SquareMoment) {
        guard let row = rows[id], row.kind == .payout, row.shown.text("status") == "SENT" else { return }
        end(row, "PAID", m)
    }

    /// The bank refused it: the money is back, as an entry that the next payout takes.
    mutating func failPayout(_ id: String, _ m: SquareMoment) {
        guard let row = rows[id], row.kind == .payout, row.shown.text("status") != "FAILED" else { return }
        end(row, "FAILED", m)
        let place = row.shown.text("location_id") ?? ""
        book(SquareMovement(type: "RETURNED_PAYOUT", kind: .payoutReversal, gross: row.shown.amount("amount_money"), location: place), m)
    }

    private mutating func end(_ row: SquareRow, _ status: String, _ m: SquareMoment) {
        change(
            row.id,
            [("status", .string(status)), ("updated_at", .string(SquareTime.seconds(m.at))), ("version", .minor(row.shown.minor("version") + 1))])
        emitPayout(status == "PAID" ? "payout.paid" : "payout.failed", row.id, m)
    }
}

/// Disputes.
/// - Source: developer.squareup.com/docs/disputes-api; square/connect-api-specification.
extension SquareState {
    static let reasons: Set<String> = [
        "AMOUNT_DIFFERS", "CANCELLED", "DUPLICATE", "NO_KNOWLEDGE", "NOT_AS_DESCRIBED", "NOT_RECEIVED", "PAID_BY_OTHER_MEANS", "CUSTOMER_REQUESTS_CREDIT",
        "EMV_LIABILITY_SHIFT",
    ]

    mutating func disputes(_ call: SquareCall) throws(SquareProblem) -> JSON {
        let m = call.moment
        switch (call.method, call.path.count, call.action) {
        case (.get, 1, _):
            let place = try call.parameter("location_id").map { id throws(SquareProblem) in try location(id, m).id }
            let states = call.query.filter { $0.name == "states" }.flatMap { $0.value.split(separator: ",").map(String.init) }
            let found = sorted(.dispute, m) { row in
                (place == nil || row.shown.text("location_id") == place) && (states.isEmpty || states.contains(row.shown.text("state") ?? ""))
            }
            return try page("disputes", call, found, ascending: false, limit: 100, cursor: call.cursor)
        case (.get, 2, _): return .object([("dispute", try dispute(call.id, m).shown)])
        case (.post, 3, "accept"):
            let row = try dispute(call.id, m)
            guard ["EVIDENCE_REQUIRED", "INQUIRY_EVIDENCE_REQUIRED"].contains(row.shown.text("state") ?? "") else {
                throw .bad("The dispute is \(row.shown.text("state") ?? "").", "dispute_id")
            }
            endDispute(row.id, "ACCEPTED", m)
            return .object([("dispute", shown(row.id))])
        default: throw .notFound()
        }
    }

    private func dispute(_ id: String, _ m: SquareMoment) throws(SquareProblem) -> SquareRow {
        guard let row = find(.dispute, id, m) else { throw .notFound("Could not find dispute with id \(id).", "dispute_id") }
        return row
    }

    /// A cardholder's bank takes the money of a payment back; the dispute's id.
    mutating func openDispute(_ payment: SquareRow, amount: Int64, reason: String, _ m: SquareMoment) -> String {
        let id = SquareMoment.letters(m.random, 21)
        let place = payment.shown.text("location_id") ?? ""
        let about = SquareMovement.about([("payment_id", payment.id), ("dispute_id", id)], "open_dispute")
        book(SquareMovement(type: "OPEN_DISPUTE", kind: .dispute, gross: -amount, location: place, details: about), m)
        changeInner(payment.id, "dispute", .string(id))
        var o = SquareFields()
        o.text("id", id)
        o.text("dispute_id", id)
        o.money("amount_money", amount, merchant(m).currency)
        o.text("reason", reason)
        o.text("state", "EVIDENCE_REQUIRED")
        o.text("due_at", SquareTime.text(Timestamp(seconds: (m.at.seconds / 86_400 + 14) * 86_400)))
        o.set("disputed_payment", .object([("payment_id", .string(payment.id))]))
        o.text("card_brand", payment.shown["card_details"]?["card"]?.text("card_brand"))
        o.text("created_at", m.text)
        o.text("updated_at", m.text)
        o.text("reported_at", SquareTime.text(Timestamp(seconds: m.at.seconds / 86_400 * 86_400)))
        o.text("location_id", place)
        o.int("version", 1)
        insert(.dispute, id, o.json, m)
        emitDispute("dispute.created", id, m)
        return id
    }

    /// `WON` gives the money back; `LOST` and `ACCEPTED` leave it where it is.
    mutating func endDispute(_ id: String, _ state: String, _ m: SquareMoment) {
        guard let row = rows[id], row.kind == .dispute, row.shown.text("state") == "EVIDENCE_REQUIRED" else { return }
        if state == "WON", let payment = row.shown["disputed_payment"]?.text("payment_id") {
            let about = SquareMovement.about([("payment_id", payment), ("dispute_id", id)], "dispute")
            let gross = row.shown.amount("amount_money"), place = row.shown.text("location_id") ?? ""
            book(SquareMovement(type: "DISPUTE", kind: .disputeReversal, gross: gross, location: place, details: about), m)
            changeInner(payment, "dispute", .null)
        }
        change(id, [("state", .string(state)), ("updated_at", .string(m.text)), ("version", .minor(row.shown.minor("version") + 1))])
        emitDispute("dispute.state.updated", id, m)
    }
}
