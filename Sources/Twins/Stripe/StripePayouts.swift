internal import TwinKit
internal import Wire

/// Payouts to the business's bank. Automatic ones know which balance transactions they are made of; manual ones do not.
/// - Source: docs.stripe.com/payouts and docs.stripe.com/reports/payout-reconciliation.
extension StripeState {
    mutating func payouts(_ call: StripeCall) throws(StripeProblem) -> JSON {
        let m = call.moment
        switch (call.method, call.path.count, call.action) {
        case (.get, 1, _):
            let span = try StripeSpan(call.params, "arrival_date")
            var inner = call
            inner.params = call.params.without("arrival_date")
            return try page(.payout, inner, filters: ["status": "status", "destination": "destination"]) { span.contains($0.shown.minor("arrival_date")) }
        case (.get, 2, _): return try find(.payout, call.id, m).shown
        case (.post, 1, _): return try createPayout(call)
        case (.post, 2, _):
            try call.params.only(["metadata"])
            let row = try find(.payout, call.id, m)
            return alter(row, [("metadata", try call.params.metadata(row.shown["metadata"] ?? JSON.null))], "payout.updated", m)
        case (.post, 3, "cancel"):
            let row = try find(.payout, call.id, m)
            guard row.shown.text("status") == "pending", !row.shown.flag("automatic") else {
                throw StripeProblem(400, "payout_not_cancelable", "Payouts can only be canceled if they are pending and were made by hand.")
            }
            returnPayout(row, status: "canceled", type: "payout_cancel", code: nil, m)
            return shown(row.id)
        case (.post, 3, "reverse"):
            let row = try find(.payout, call.id, m)
            guard row.shown.text("status") == "paid", row.shown["reversed_by"]?.string == nil else {
                throw StripeProblem(400, nil, "This payout can't be reversed: it has a status of \(row.shown.text("status") ?? "").")
            }
            return reversePayout(row, m)
        default: throw .unrecognised(call.method.rawValue, call.text)
        }
    }

    private mutating func createPayout(_ call: StripeCall) throws(StripeProblem) -> JSON {
        try call.params.only(["amount", "currency", "description", "destination", "metadata", "method", "source_type", "statement_descriptor", "payout_method"])
        let m = call.moment
        _ = try call.params.need("amount")
        let amount = try call.params.int("amount") ?? 0
        let currency = try call.params.need("currency").lowercased()
        guard amount > 0 else { throw .invalid("amount", "This value must be greater than or equal to 1.", code: "parameter_invalid_integer") }
        guard let business = business(m.scope), business.holds.contains(currency) else {
            throw StripeProblem(400, nil, "Sorry, you don't have any external accounts in that currency (\(currency)).", param: "currency")
        }
        if let destination = try call.params.text("destination"), destination != business.bank(currency) {
            throw StripeProblem(400, "resource_missing", "No such external account: '\(destination)'", param: "destination")
        }
        guard amount <= (available(m.scope, at: m.at)[currency]?.available ?? 0) else {
            throw StripeProblem(
                400, "balance_insufficient",
                "You have insufficient funds in your Stripe account for this transfer. Your card balance is too low. "
                    + "You can use the the /v1/balance endpoint to view your Stripe balance (for more details, see stripe.com/docs/api#balance).")
        }
        let method = try call.params.choice("method", of: ["standard", "instant"]) ?? "standard"
        let metadata = try call.params.metadata()
        let changes: [(String, JSON)] = [
            ("method", .string(method)), ("metadata", metadata), ("description", .optional(try call.params.text("description"))),
            ("statement_descriptor", .optional(try call.params.text("statement_descriptor"))),
        ]
        let made = payOut(amount, currency, automatic: false, changes: changes, m)
        return shown(made)
    }

    /// Makes a payout and its balance transaction; its id.
    @discardableResult
    private mutating func payOut(_ amount: Int64, _ currency: String, automatic: Bool, changes: [(String, JSON)] = [], _ m: StripeMoment) -> String {
        let id = m.id("po")
        let transaction = book(
            StripeMovement(
                type: "payout", category: "payout", kind: .payout, gross: -amount, currency: currency, source: id, description: "STRIPE PAYOUT"), m)
        var o = StripeFields(.payout, id)
        o.int("amount", amount)
        o.nulls("application_fee", "application_fee_amount")
        o.int("arrival_date", (m.seconds / Self.day + 1) * Self.day)
        o.flag("automatic", automatic)
        o.text("balance_transaction", transaction)
        o.int("created", m.seconds)
        o.text("currency", currency)
        o.text("description", automatic ? "STRIPE PAYOUT" : nil)
        o.text("destination", business(m.scope)?.bank(currency))
        o.nulls("failure_balance_transaction", "failure_code", "failure_message")
        o.flag("livemode", m.scope.isLive)
        o.set("metadata", .object([]))
        o.text("method", "standard")
        o.nulls("original_payout", "payout_method")
        o.text("reconciliation_status", automatic ? "in_progress" : "not_applicable")
        o.nulls("reversed_by")
        o.text("source_type", "card")
        o.nulls("statement_descriptor")
        o.text("status", automatic ? "in_transit" : "pending")
        o.set("trace_id", .object([("status", "pending"), ("value", .null)]))
        o.text("type", "bank_account")
        let shown = o.json.setting(changes)
        insert(.payout, id, shown, m)
        if automatic { changeInner(transaction, "payout", .string(id)) }
        emit("payout.created", shown, m)
        return id
    }

    /// The close of a day: what was on its way arrives, and what may be paid out by now goes out, one payout a currency. A sum below nothing is
    /// taken from the bank.
    /// - Returns: the ids of the payouts made.
    mutating func closeDay(_ m: StripeMoment) -> [String] {
        for row in rows.all(.payout, in: m.scope) where ["pending", "in_transit"].contains(row.shown.text("status") ?? "") {
            if row.shown.minor("arrival_date") <= m.seconds { arrive(row.id, m) }
        }
        var made: [String] = []
        for currency in business(m.scope)?.holds ?? [] {
            let due = rows.all(.balanceTransaction, in: m.scope).filter { row in
                row.shown.text("currency") == currency && row.shown.minor("available_on") <= m.seconds && row.inner.text("payout") == nil
            }
            let sum = due.reduce(Int64(0)) { $0 + $1.shown.minor("net") }
            guard sum != 0 else { continue }
            let payout = payOut(sum, currency, automatic: true, m)
            for row in due { changeInner(row.id, "payout", .string(payout)) }
            made.append(payout)
        }
        return made
    }

    mutating func arrive(_ id: String, _ m: StripeMoment) {
        guard let row = rows[id], row.kind == .payout, ["pending", "in_transit"].contains(row.shown.text("status") ?? "") else { return }
        let trace: JSON = .object([("status", "supported"), ("value", .string("TRC-" + StripeMoment.letters(m.random, 9).uppercased()))])
        let paid = change(id, [("status", "paid"), ("trace_id", trace)])
        emit("payout.paid", paid, previous: row.shown.only(["status"]), m)
        guard row.shown.flag("automatic") else { return }
        emit("payout.reconciliation_completed", change(id, [("reconciliation_status", "completed")]), m)
    }

    /// The bank sent it back; also one that had been paid.
    mutating func failPayout(_ id: String, code: String, _ m: StripeMoment) {
        guard let row = rows[id], row.kind == .payout, ["pending", "in_transit", "paid"].contains(row.shown.text("status") ?? "") else { return }
        returnPayout(row, status: "failed", type: "payout_failure", code: code, m)
    }

    /// - Source: docs.stripe.com/api/payouts/failures.
    private static let failures: [String: String] = [
        "account_closed": "The bank account has been closed.",
        "no_account": "The bank account details on file are probably incorrect. No bank account could be located with those details.",
        "account_frozen": "The bank account has been frozen.",
        "could_not_process": "The bank could not process this transfer.",
        "insufficient_funds": "Your Stripe account has insufficient funds to cover the payout.",
    ]

    static let failureCodes = failures.keys.sorted()

    private mutating func returnPayout(_ row: StripeRow, status: String, type: String, code: String?, _ m: StripeMoment) {
        let currency = row.shown.text("currency") ?? ""
        let transaction = book(
            StripeMovement(
                type: type, category: "payout_reversal", kind: .payoutReversal, gross: row.shown.minor("amount"), currency: currency, source: row.id,
                description: status == "failed" ? "STRIPE PAYOUT FAILURE" : "STRIPE PAYOUT CANCEL"), m)
        let back = change(
            row.id,
            [
                ("status", .string(status)), ("failure_balance_transaction", .string(transaction)), ("failure_code", .optional(code)),
                ("failure_message", .optional(code.flatMap { Self.failures[$0] })),
            ])
        emit(status == "failed" ? "payout.failed" : "payout.canceled", back, previous: row.shown.only(["status"]), m)
    }

    /// A payout the other way.
    private mutating func reversePayout(_ row: StripeRow, _ m: StripeMoment) -> JSON {
        let changes: [(String, JSON)] = [("original_payout", .string(row.id))]
        let id = payOut(-row.shown.minor("amount"), row.shown.text("currency") ?? "", automatic: false, changes: changes, m)
        change(row.id, [("reversed_by", .string(id))])
        return shown(id)
    }
}
