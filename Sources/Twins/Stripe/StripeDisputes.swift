internal import TwinKit
internal import Wire

/// Disputes: a cardholder's bank takes the money back, and decides once it has seen the evidence.
/// - Source: docs.stripe.com/disputes/how-disputes-work; `winning_evidence` and `losing_evidence` of docs.stripe.com/testing.
extension StripeState {
    static let evidenceNames = [
        "access_activity_log", "billing_address", "cancellation_policy", "cancellation_policy_disclosure", "cancellation_rebuttal", "customer_communication",
        "customer_email_address", "customer_name", "customer_purchase_ip", "customer_signature",
        "duplicate_charge_documentation", "duplicate_charge_explanation",
        "duplicate_charge_id", "product_description", "receipt", "refund_policy", "refund_policy_disclosure", "refund_refusal_explanation", "service_date",
        "service_documentation", "shipping_address", "shipping_carrier", "shipping_date", "shipping_documentation", "shipping_tracking_number",
        "uncategorized_file", "uncategorized_text",
    ]

    static let reasons = [
        "bank_cannot_process", "check_returned", "credit_not_processed", "customer_initiated", "debit_not_authorized", "duplicate", "fraudulent", "general",
        "incorrect_account_details", "insufficient_funds", "product_not_received", "product_unacceptable", "subscription_canceled", "unrecognized",
    ]

    func disputes(of charge: String, _ m: StripeMoment) -> [StripeRow] { rows.all(.dispute, in: m.scope).filter { $0.shown.text("charge") == charge } }

    mutating func disputes(_ call: StripeCall) throws(StripeProblem) -> JSON {
        let m = call.moment
        switch (call.method, call.path.count, call.action) {
        case (.get, 1, _): return try page(.dispute, call, filters: ["charge": "charge", "payment_intent": "payment_intent"])
        case (.get, 2, _): return try find(.dispute, call.id, m).shown
        case (.post, 2, _): return try updateDispute(call)
        case (.post, 3, "close"):
            let row = try find(.dispute, call.id, m)
            try Self.isOpen(row)
            endDispute(row.id, won: false, m)
            return shown(row.id)
        default: throw .unrecognised(call.method.rawValue, call.text)
        }
    }

    private static func isOpen(_ row: StripeRow) throws(StripeProblem) {
        guard ["needs_response", "under_review", "warning_needs_response", "warning_under_review"].contains(row.shown.text("status") ?? "") else {
            throw StripeProblem(400, nil, "This dispute is already closed.")
        }
    }

    /// The dispute's id; `nil` where the charge was never captured or is disputed already.
    /// - Parameter amount: in the charge's currency; all of it where none is named.
    mutating func openDispute(_ charge: String, amount: Int64?, reason: String, inquiry: Bool, _ m: StripeMoment) -> String? {
        guard let row = rows[charge], row.kind == .charge, row.shown.flag("captured"), disputes(of: charge, m).isEmpty else { return nil }
        let taken = amount ?? row.shown.minor("amount_captured") - row.shown.minor("amount_refunded")
        guard taken > 0, taken <= row.shown.minor("amount_captured") else { return nil }
        let id = m.id("dp")
        let currency = row.shown.text("currency") ?? ""
        var transactions: [JSON] = []
        if !inquiry {
            let settled = settle(taken, currency, m)
            let fee = business(m.scope)?.feeDispute[settled.currency] ?? 0
            let fees = fee == 0 ? [] : [StripeMovement.Fee(minor: fee, type: "stripe_fee", description: "Dispute fee")]
            let move = StripeMovement(
                type: "adjustment", category: "dispute", kind: .dispute, gross: -settled.minor, fees: fees, currency: settled.currency, rate: settled.rate,
                source: id, description: "Chargeback withdrawal for \(charge)")
            let transaction = book(move, m)
            transactions.append(shown(transaction))
        }
        var o = StripeFields(.dispute, id)
        o.int("amount", taken)
        o.set("balance_transactions", .array(transactions))
        o.text("charge", charge)
        o.int("created", m.seconds)
        o.text("currency", currency)
        o.set("enhanced_eligibility_types", .array([]))
        o.set("evidence", .object(Self.evidenceNames.map { (key: $0, value: JSON.null) } + [(key: "enhanced_evidence", value: .object([]))]))
        let due = (m.seconds / Self.day + 9) * Self.day - 1
        o.set(
            "evidence_details",
            .object([
                ("due_by", .minor(due)), ("enhanced_eligibility", .object([])), ("has_evidence", false), ("past_due", false), ("submission_count", 0),
            ]))
        o.flag("is_charge_refundable", inquiry)
        o.flag("livemode", m.scope.isLive)
        o.set("metadata", .object([]))
        o.text("payment_intent", row.shown.text("payment_intent"))
        let card = card(of: row.shown.text("payment_method") ?? "")
        let details: JSON = .object([
            ("brand", .string(card.brand)), ("case_type", inquiry ? "inquiry" : "chargeback"), ("network", .string(card.brand)),
            ("network_reason_code", reason == "product_not_received" ? "13.1" : "10.4"),
        ])
        o.set("payment_method_details", .object([("card", details), ("type", "card")]))
        o.text("reason", reason)
        o.text("status", inquiry ? "warning_needs_response" : "needs_response")
        insert(.dispute, id, o.json, m)
        let new = change(charge, [("disputed", true)])
        emit("charge.dispute.created", o.json, m)
        emit("charge.updated", new, previous: .object([("disputed", false)]), m)
        if !inquiry { emit("charge.dispute.funds_withdrawn", o.json, m) }
        return id
    }

    private mutating func updateDispute(_ call: StripeCall) throws(StripeProblem) -> JSON {
        try call.params.only(["evidence", "metadata", "submit"])
        let m = call.moment
        let row = try find(.dispute, call.id, m)
        var changes: [(String, JSON)] = []
        if call.params.has("metadata") { changes.append(("metadata", try call.params.metadata(row.shown["metadata"] ?? JSON.null))) }
        let given = try call.params.members("evidence") ?? []
        for (key, _) in given where !Self.evidenceNames.contains(key) { throw .unknown("evidence[\(key)]") }
        let submits = try call.params.flag("submit") ?? !given.isEmpty
        if !given.isEmpty || submits {
            try Self.isOpen(row)
            var evidence = row.shown["evidence"] ?? .object([])
            for (key, value) in given { evidence = evidence.setting(key, value.isEmpty ? .null : .string(value)) }
            let details = row.shown["evidence_details"] ?? .object([])
            changes.append(("evidence", evidence))
            changes.append((
                "evidence_details",
                details.setting([("has_evidence", true), ("submission_count", .minor(details.minor("submission_count") + (submits ? 1 : 0)))])
            ))
            if submits { changes.append(("status", row.shown.text("status")?.hasPrefix("warning") == true ? "warning_under_review" : "under_review")) }
            let text = evidence.text("uncategorized_text")
            if submits, text == "winning_evidence" || text == "losing_evidence" {
                afterwards.append(.endDispute(row.id, won: text == "winning_evidence", m))
            }
        }
        return alter(row, changes, "charge.dispute.updated", m)
    }

    /// The bank has decided. A dispute that is won gives the money back; what Stripe keeps for it stays kept.
    mutating func endDispute(_ id: String, won: Bool, _ m: StripeMoment) {
        guard let row = rows[id], row.kind == .dispute, let status = row.shown.text("status"), (try? Self.isOpen(row)) != nil else { return }
        guard !status.hasPrefix("warning") else {
            emit("charge.dispute.closed", change(id, [("status", "warning_closed"), ("is_charge_refundable", true)]), m)
            return
        }
        guard won else {
            emit("charge.dispute.closed", change(id, [("status", "lost")]), m)
            return
        }
        let settled = settle(row.shown.minor("amount"), row.shown.text("currency") ?? "", m)
        let move = StripeMovement(
            type: "adjustment", category: "dispute_reversal", kind: .disputeReversal, gross: settled.minor, currency: settled.currency, rate: settled.rate,
            source: id, description: "Chargeback reversal for \(row.shown.text("charge") ?? "")")
        let transaction = book(move, m)
        let transactions = (row.shown["balance_transactions"]?.array ?? []) + [shown(transaction)]
        let closed = change(id, [("status", "won"), ("balance_transactions", .array(transactions))])
        emit("charge.dispute.closed", closed, m)
        emit("charge.dispute.funds_reinstated", closed, m)
    }
}
