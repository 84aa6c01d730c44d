internal import Kernel
internal import TwinKit
internal import Wire

/// Refunds.
extension StripeState {
    mutating func refunds(_ call: StripeCall) throws(StripeProblem) -> JSON {
        let m = call.moment
        switch (call.method, call.path.count, call.action) {
        case (.get, 1, _): return try page(.refund, call, filters: ["charge": "charge", "payment_intent": "payment_intent"])
        case (.get, 2, _): return try find(.refund, call.id, m).shown
        case (.post, 1, _):
            try call.params.only([
                "amount", "charge", "payment_intent", "reason", "metadata", "refund_application_fee", "reverse_transfer", "instructions_email",
                "currency", "customer", "origin",
            ])
            let reason = try call.params.choice("reason", of: ["duplicate", "fraudulent", "requested_by_customer"])
            let metadata = try call.params.metadata()
            let charge = try refunded(call)
            let returnsFee = try call.params.flag("refund_application_fee") ?? false
            let made = try refund(charge, amount: try call.params.int("amount"), reason: reason, metadata: metadata, returnsFee: returnsFee, m)
            return shown(made)
        case (.post, 2, _):
            try call.params.only(["metadata"])
            let row = try find(.refund, call.id, m)
            return alter(row, [("metadata", try call.params.metadata(row.shown["metadata"] ?? JSON.null))], "refund.updated", m)
        case (.post, 3, "cancel"):
            let row = try find(.refund, call.id, m)
            throw StripeProblem(400, nil, "The refund \(row.id) cannot be canceled because it has a status of \(row.shown.text("status") ?? "").")
        default: throw .unrecognised(call.method.rawValue, call.text)
        }
    }

    /// The charge that a request names, or that of the intent that it names.
    private func refunded(_ call: StripeCall) throws(StripeProblem) -> StripeRow {
        if let charge = try call.params.text("charge") { return try find(.charge, charge, call.moment, param: "charge") }
        guard let intent = try call.params.text("payment_intent") else {
            throw .invalid(
                "payment_intent", "One of the following params should be provided for this request: payment_intent or charge.",
                code: "parameter_missing")
        }
        let row = try find(.paymentIntent, intent, call.moment, param: "payment_intent")
        guard let charge = row.shown.text("latest_charge"), shown(charge).flag("paid") else {
            throw StripeProblem(
                400, "payment_intent_unexpected_state", "This PaymentIntent (\(intent)) does not have a successful charge to refund.",
                param: "payment_intent")
        }
        return try find(.charge, charge, call.moment, param: "charge")
    }

    /// Gives money back; the refund's id.
    /// - Parameters:
    ///   - amount: all that is left where none is named.
    ///   - returnsFee: the platform gives its share back as well.
    mutating func refund(
        _ charge: StripeRow, amount: Int64?, reason: String?, metadata: JSON, returnsFee: Bool, _ m: StripeMoment
    ) throws(StripeProblem) -> String {
        let old = charge.shown
        let currency = old.text("currency") ?? ""
        let left = old.minor("amount_captured") - old.minor("amount_refunded")
        let taken = amount ?? left
        try Self.mayRefund(charge, taken, left: left, currency: currency)
        if old.flag("disputed"), let dispute = disputes(of: charge.id, m).first, !dispute.shown.flag("is_charge_refundable") {
            throw StripeProblem(400, "charge_disputed", "Charge \(charge.id) has been charged back; cannot issue a refund.")
        }
        let id = m.id(charge.id.hasPrefix("ch_") ? "re" : "pyr")
        let settled = settle(taken, currency, m)
        var fees: [StripeMovement.Fee] = []
        if returnsFee, let share = returnApplicationFee(of: charge.id, refunding: taken, m) {
            fees.append(
                StripeMovement.Fee(minor: -settle(share, currency, m).minor, type: "application_fee", description: "Counterfoil Hub application fee refund"))
        }
        let move = StripeMovement(
            type: charge.id.hasPrefix("ch_") ? "refund" : "payment_refund", category: "refund", kind: .refund, gross: -settled.minor, fees: fees,
            currency: settled.currency, rate: settled.rate, source: id, description: "REFUND FOR CHARGE" + (old.text("description").map { " (\($0))" } ?? ""))
        let transaction = book(move, m)
        var o = StripeFields(.refund, id)
        o.int("amount", taken)
        o.text("balance_transaction", transaction)
        o.text("charge", charge.id)
        o.int("created", m.seconds)
        o.text("currency", currency)
        o.text("customer", old.text("customer"))
        let card: JSON = .object([("reference_status", "pending"), ("reference_type", "acquirer_reference_number"), ("type", "refund")])
        o.set("destination_details", .object([("card", card), ("type", "card")]))
        o.set("metadata", metadata)
        o.text("payment_intent", old.text("payment_intent"))
        o.text("payment_method", old.text("payment_method"))
        o.text("reason", reason)
        o.nulls("receipt_number", "source_transfer_reversal")
        o.text("status", "succeeded")
        o.nulls("transfer_reversal")
        insert(.refund, id, o.json, m)
        let sum = old.minor("amount_refunded") + taken
        let new = change(charge.id, [("amount_refunded", .minor(sum)), ("refunded", .bool(sum == old.minor("amount_captured")))])
        emit("refund.created", o.json, m)
        emit("charge.refunded", new, previous: old.only(["amount_refunded", "refunded"]), m)
        if self.card(of: old.text("payment_method") ?? "").behaviour == .refundFails { afterwards.append(.refundFails(id, m)) }
        return id
    }

    private static func mayRefund(_ charge: StripeRow, _ amount: Int64, left: Int64, currency: String) throws(StripeProblem) {
        guard charge.shown.flag("paid"), charge.shown.flag("captured") else {
            throw StripeProblem(400, "charge_not_refundable", "Charge \(charge.id) has not been captured; it can't be refunded.")
        }
        guard left > 0 else { throw StripeProblem(400, "charge_already_refunded", "Charge \(charge.id) has already been refunded.") }
        guard amount > 0 else { throw .invalid("amount", "Invalid positive integer", code: "parameter_invalid_integer") }
        guard amount <= left else {
            let (asked, rest) = (StripeCurrency.shown(amount, currency), StripeCurrency.shown(left, currency))
            throw StripeProblem(
                400, nil, "Refund amount (\(asked) \(currency)) is greater than unrefunded amount on charge (\(rest) \(currency))", param: "amount")
        }
    }

    /// The customer's bank did not take the money: it comes back.
    mutating func failRefund(_ id: String, reason: String, _ m: StripeMoment) {
        guard let refund = rows[id]?.shown, refund.text("status") != "failed", let charge = refund.text("charge") else { return }
        let settled = settle(refund.minor("amount"), refund.text("currency") ?? "", m)
        let transaction = book(
            StripeMovement(
                type: "refund_failure", category: "refund_failure", kind: .refundFailure, gross: settled.minor, currency: settled.currency, rate: settled.rate,
                source: id, description: "REFUND FAILURE"), m)
        let failed = change(
            id, [("status", "failed"), ("failure_reason", .string(reason)), ("failure_balance_transaction", .string(transaction))])
        change(charge, [("amount_refunded", .minor(shown(charge).minor("amount_refunded") - refund.minor("amount"))), ("refunded", false)])
        let previous: JSON = .object([("status", refund["status"] ?? .null)])
        emit("refund.updated", failed, previous: previous, m)
        emit("refund.failed", failed, m)
        emit("charge.refund.updated", failed, previous: previous, m)
    }
}

/// Fees that the platform takes of its merchants' payments.
extension StripeState {
    /// Writes the fee into the platform's account; its id.
    mutating func takeApplicationFee(_ amount: Int64, of charge: JSON, for platform: StripeScope, _ m: StripeMoment) -> String {
        let there = m.on(platform)
        let id = m.id("fee")
        let currency = charge.text("currency") ?? ""
        let settled = settle(amount, currency, there)
        let transaction = book(
            StripeMovement(
                type: "application_fee", category: "platform_earning", kind: .applicationFee, gross: settled.minor, currency: settled.currency,
                rate: settled.rate, source: id, description: "Application fee from \(business(m.scope)?.name ?? "")", pendingDays: 2), there)
        var o = StripeFields(.applicationFee, id)
        o.text("account", m.scope.account)
        o.int("amount", amount)
        o.int("amount_refunded", 0)
        o.text("application", StripeSeed.client)
        o.text("balance_transaction", transaction)
        o.text("charge", charge.text("id"))
        o.int("created", m.seconds)
        o.text("currency", currency)
        o.set("fee_source", .object([("charge", .optional(charge.text("id"))), ("type", "charge")]))
        o.flag("livemode", m.scope.isLive)
        o.nulls("originating_transaction")
        o.flag("refunded", false)
        o.set("refunds", Self.list("/v1/application_fees/\(id)/refunds", [], more: false))
        insert(.applicationFee, id, o.json, there)
        emit("application_fee.created", o.json, there)
        return id
    }

    /// The platform's share of a refund; `nil` where it took none or has given it back.
    private mutating func returnApplicationFee(of charge: String, refunding amount: Int64, _ m: StripeMoment) -> Int64? {
        guard let fee = shown(charge).text("application_fee").flatMap({ rows[$0] }) else { return nil }
        let captured = Int128(shown(charge).minor("amount_captured"))
        let share = Int64(ExactDecimal.divideHalfUp(Int128(fee.shown.minor("amount")) * Int128(amount), max(1, captured)))
        let given = min(share, fee.shown.minor("amount") - fee.shown.minor("amount_refunded"))
        guard given > 0 else { return nil }
        _ = refundFee(fee, amount: given, metadata: .object([]), m.on(fee.scope))
        return given
    }

    @discardableResult
    private mutating func refundFee(_ fee: StripeRow, amount: Int64, metadata: JSON, _ m: StripeMoment) -> JSON {
        let id = m.id("fr")
        let currency = fee.shown.text("currency") ?? ""
        let settled = settle(amount, currency, m)
        let transaction = book(
            StripeMovement(
                type: "application_fee_refund", category: "platform_earning_refund", kind: .applicationFee, gross: -settled.minor, currency: settled.currency,
                rate: settled.rate, source: id, description: "Application fee refund"), m)
        var o = StripeFields(.feeRefund, id)
        o.int("amount", amount)
        o.text("balance_transaction", transaction)
        o.int("created", m.seconds)
        o.text("currency", currency)
        o.text("fee", fee.id)
        o.set("metadata", metadata)
        insert(.feeRefund, id, o.json, m)
        let sum = fee.shown.minor("amount_refunded") + amount
        let all = rows.all(.feeRefund, in: m.scope).reversed().filter { $0.shown.text("fee") == fee.id }.map(\.shown)
        let url = "/v1/application_fees/\(fee.id)/refunds"
        let new = change(
            fee.id,
            [
                ("amount_refunded", .minor(sum)), ("refunded", .bool(sum == fee.shown.minor("amount"))),
                ("refunds", Self.list(url, Array(all.prefix(10)), more: all.count > 10)),
            ])
        emit("application_fee.refunded", new, previous: fee.shown.only(["amount_refunded", "refunded"]), m)
        return o.json
    }

    mutating func applicationFees(_ call: StripeCall) throws(StripeProblem) -> JSON {
        let m = call.moment
        switch (call.method, call.path.count, call.action) {
        case (.get, 1, _): return try page(.applicationFee, call, filters: ["charge": "charge"])
        case (.get, 2, _): return try find(.applicationFee, call.id, m).shown
        case (.get, 3, "refunds"):
            let fee = try find(.applicationFee, call.id, m)
            return try page(.feeRefund, call) { $0.shown.text("fee") == fee.id }
        case (.post, 3, "refunds"), (.post, 3, "refund"):
            try call.params.only(["amount", "metadata"])
            let fee = try find(.applicationFee, call.id, m)
            let left = fee.shown.minor("amount") - fee.shown.minor("amount_refunded")
            let amount = try call.params.int("amount") ?? left
            guard left > 0, amount > 0, amount <= left else {
                throw StripeProblem(400, nil, "Refund amount (\(amount)) is greater than unrefunded amount on fee (\(left))", param: "amount")
            }
            let refund = refundFee(fee, amount: amount, metadata: try call.params.metadata(), m)
            giveBack(amount, of: fee, refund.text("id") ?? "", m)
            return call.action == "refund" ? shown(fee.id) : refund
        default: throw .unrecognised(call.method.rawValue, call.text)
        }
    }

    /// The merchant gets what the platform gives back apart from a refund of the payment.
    private mutating func giveBack(_ amount: Int64, of fee: StripeRow, _ refund: String, _ m: StripeMoment) {
        guard let account = fee.shown.text("account") else { return }
        let there = m.on(StripeScope(account: account, isLive: m.scope.isLive))
        let settled = settle(amount, fee.shown.text("currency") ?? "", there)
        book(
            StripeMovement(
                type: "adjustment", category: "other_adjustment", kind: .adjustment, gross: settled.minor, currency: settled.currency, rate: settled.rate,
                source: nil, description: "Application fee refund (\(refund))"), there)
    }
}
