import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinStripe

@Suite("Stripe's payments")
struct StripePaymentTests {
    /// Source: the vendor's documented sample of a card payment: 66.89 USD at 2.9 % and 30 cents.
    @Test("a card payment of 66.89 leaves 64.65 after a fee of 2.24, in the vendor's shape")
    func golden() throws {
        let desk = try StripeDesk()
        let intent = try desk.pay(6689, more: [("metadata[order_id]", "1042"), ("description", "Order 1042")])
        #expect(intent.text("status") == "succeeded" && intent.minor("amount_received") == 6689)
        let charge = try #require(intent.member("latest_charge"))
        #expect(charge.text("id")?.hasPrefix("ch_") == true)
        #expect(charge.member("metadata", "order_id")?.string == "1042")
        #expect(charge.member("payment_method_details", "card", "last4")?.string == "4242")
        #expect(charge.flag("paid") && charge.flag("captured") && !charge.flag("refunded") && !charge.flag("disputed"))
        let row = try #require(charge.member("balance_transaction"))
        #expect(row.minor("amount") == 6689 && row.minor("fee") == 224 && row.minor("net") == 6465)
        #expect(row["fee_details"] == [["amount": 224, "application": nil, "currency": "usd", "description": "Stripe processing fees", "type": "stripe_fee"]])
        #expect(row.text("type") == "charge" && row.text("reporting_category") == "charge" && row.text("status") == "pending")
        #expect(row["exchange_rate"]?.isNull == true)
        #expect(row.text("source") == charge.text("id"))
        // Two days later, at midnight.
        #expect(row.minor("available_on") == (desk.now.seconds / 86_400 + 2) * 86_400)
        try desk.balanced()
    }

    /// Source: the members that stripe/openapi spec3 calls required, and those that fixtures3 shows.
    @Test("objects have the members that the vendor's specification requires")
    func shapes() throws {
        let desk = try StripeDesk()
        try desk.post("customers", [("name", "Mara")])
        let intent = try desk.pay(5000, method: "pm_card_createDispute")
        let charge = try #require(intent.member("latest_charge", "id")?.string)
        try desk.post("webhook_endpoints", [("url", "https://example.com/hook"), ("enabled_events[]", "*")])
        let other = try desk.pay(9000, method: "pm_card_bypassPending")
        try desk.post("refunds", [("payment_intent", try #require(other.text("id")))])
        _ = try desk.pay(3000, method: "pm_card_bypassPending")
        desk.wait(.seconds(3 * 86_400))
        try desk.happens(.dayCloses)
        let common = ["id", "object"]
        let required: [(String, [String])] = [
            ("charges/\(charge)", [
                "amount", "amount_captured", "amount_refunded", "billing_details", "captured", "created", "currency", "disputed",
                "livemode", "metadata", "paid",
                "refunded", "status", "payment_method_details", "receipt_email", "failure_code", "outcome", "application_fee_amount",
                "statement_descriptor",
            ]),
            (
                "payment_intents",
                ["amount", "capture_method", "confirmation_method", "created", "currency", "livemode", "payment_method_types",
                 "status", "client_secret", "next_action"]),
            (
                "refunds",
                ["amount", "created", "currency", "charge", "payment_intent", "status", "balance_transaction", "destination_details",
                 "reason", "metadata"]),
            ("disputes", [
                "amount", "balance_transactions", "charge", "created", "currency", "evidence", "evidence_details",
                "is_charge_refundable", "livemode", "metadata",
                "reason", "status", "payment_method_details",
            ]),
            ("balance_transactions", [
                "amount", "available_on", "created", "currency", "fee", "fee_details", "net", "reporting_category", "status", "type",
                "source", "exchange_rate", "balance_type",
            ]),
            ("payouts", [
                "amount", "arrival_date", "automatic", "created", "currency", "livemode", "method", "source_type", "status", "type",
                "reconciliation_status",
                "original_payout", "reversed_by", "failure_code", "trace_id", "balance_transaction", "destination",
            ]),
            ("customers", ["created", "livemode", "address", "balance", "email", "name", "invoice_settings", "tax_exempt", "preferred_locales"]),
            ("webhook_endpoints", ["created", "enabled_events", "livemode", "metadata", "status", "url", "api_version", "application"]),
            ("events", ["created", "data", "livemode", "pending_webhooks", "type", "request", "api_version"]),
        ]
        for (path, names) in required {
            let answer = try desk.get(path)
            let object = try #require(answer["data"]?[0] ?? answer)
            for name in common + names { #expect(object[name].map { _ in true } ?? false, "\(path) lacks \(name)") }
        }
        #expect(try desk.get("balance").member("available")?[0]?.member("source_types", "card")?.int != nil)
        try desk.balanced()
    }

    @Test("a payment in another currency is exchanged at the day's rate, a held currency is not")
    func currencies() throws {
        let desk = try StripeDesk(key: StripeDesk.british)
        let euro = try #require(try desk.pay(1000, "eur").member("latest_charge", "balance_transaction"))
        #expect(euro.text("currency") == "eur" && euro.minor("amount") == 1000 && euro.minor("fee") == 40)
        #expect(euro["exchange_rate"]?.isNull == true)
        let yen = try #require(try desk.pay(5000, "jpy").member("latest_charge", "balance_transaction"))
        #expect(yen.text("currency") == "gbp")
        let rate = try #require(yen["exchange_rate"]?.decimal)
        // 5000 yen, without places, in pounds with two.
        let pounds = (ExactDecimal(5000) * rate).rounded(toScale: 2)
        #expect(ExactDecimal(small: yen.minor("amount"), scale: 2) == pounds)
        let dinar = try #require(try desk.pay(10_000, "kwd").member("latest_charge", "balance_transaction"))
        let dinarRate = try #require(dinar["exchange_rate"]?.decimal)
        #expect(ExactDecimal(small: dinar.minor("amount"), scale: 2) == (ExactDecimal(10) * dinarRate).rounded(toScale: 2))
        #expect(try desk.refusal(.post, "payment_intents", [("amount", "10001"), ("currency", "kwd")]).text("code") == "invalid_charge_amount")
        try desk.balanced()
    }

    @Test("a refund on another day is exchanged at that day's rate")
    func refundRate() throws {
        let desk = try StripeDesk(key: StripeDesk.british)
        let paid = try desk.pay(50_000, "cad")
        desk.wait(.seconds(86_400))
        let refund = try desk.post("refunds", [("payment_intent", try #require(paid.text("id"))), ("expand[]", "balance_transaction")])
        let out = try #require(refund.member("balance_transaction"))
        let back = try #require(paid.member("latest_charge", "balance_transaction"))
        #expect(out["exchange_rate"]?.decimal != back["exchange_rate"]?.decimal)
        #expect(-out.minor("amount") != back.minor("amount"))
        #expect(out.minor("fee") == 0)
        try desk.balanced()
    }

    @Test("a declined card is a 402 with its code, leaves a failed charge and no money, and the intent can be tried again")
    func declined() throws {
        let desk = try StripeDesk()
        let sale = [("amount", "900"), ("currency", "usd"), ("confirm", "true"), ("payment_method", "pm_card_chargeDeclinedInsufficientFunds")]
        let error = try desk.refusal(.post, "payment_intents", sale, status: 402)
        #expect(error.text("type") == "card_error" && error.text("code") == "card_declined" && error.text("decline_code") == "insufficient_funds")
        let intent = try #require(error.member("payment_intent"))
        #expect(intent.text("status") == "requires_payment_method")
        let charge = try desk.get("charges/\(try #require(error.text("charge")))")
        #expect(charge.text("status") == "failed" && !charge.flag("paid") && charge["balance_transaction"]?.isNull == true)
        #expect(try desk.ids("balance_transactions") == [])
        let again = try desk.post("payment_intents/\(try #require(intent.text("id")))/confirm", [("payment_method", "pm_card_visa")])
        #expect(again.text("status") == "succeeded")
        #expect(try desk.eventTypes() == [
            "payment_intent.created", "charge.failed", "payment_intent.payment_failed", "charge.succeeded", "payment_intent.succeeded", "charge.updated",
        ])
        try desk.balanced()
    }

    @Test("a charge is told of before its balance transaction is there, and charge.updated brings it")
    func asyncRow() throws {
        let desk = try StripeDesk()
        _ = try desk.pay(6689)
        let events = try desk.get("events", [("types[]", "charge.succeeded"), ("types[]", "charge.updated")])["data"]?.array ?? []
        try #require(events.map { $0.text("type") } == ["charge.updated", "charge.succeeded"])
        #expect(events[1].member("data", "object")?["balance_transaction"]?.isNull == true)
        #expect(events[0].member("data", "object", "balance_transaction")?.string?.hasPrefix("txn_") == true)
        #expect(events[0].member("data", "previous_attributes")?["balance_transaction"]?.isNull == true)
    }

    @Test("an authorised payment is no money until it is captured, also in part; one that is cancelled never is")
    func manual() throws {
        let desk = try StripeDesk()
        let held = try desk.pay(4000, more: [("capture_method", "manual")])
        #expect(held.text("status") == "requires_capture" && held.minor("amount_capturable") == 4000)
        #expect(try desk.ids("balance_transactions") == [])
        let id = try #require(held.text("id"))
        let taken = try desk.post("payment_intents/\(id)/capture", [("amount_to_capture", "2500"), ("expand[]", "latest_charge.balance_transaction")])
        #expect(taken.minor("amount_received") == 2500)
        #expect(taken.member("latest_charge", "balance_transaction", "amount")?.int == 2500)
        #expect(try desk.refusal(.post, "payment_intents/\(id)/capture").text("code") == "payment_intent_unexpected_state")
        #expect(try desk.refusal(.post, "payment_intents/\(id)/cancel").text("code") == "payment_intent_unexpected_state")
        let second = try #require(try desk.pay(700, more: [("capture_method", "manual")]).text("id"))
        #expect(try desk.refusal(.post, "payment_intents/\(second)/capture", [("amount_to_capture", "701")]).text("param") == "amount")
        let cancelled = try desk.post("payment_intents/\(second)/cancel", [("cancellation_reason", "abandoned")])
        #expect(cancelled.text("status") == "canceled" && cancelled.text("cancellation_reason") == "abandoned")
        #expect(try desk.ids("balance_transactions").count == 1)
        try desk.balanced()
    }

    @Test("a charge of a token, without an intent, is charged, set aside or declined likewise")
    func tokens() throws {
        let desk = try StripeDesk()
        let paid = try desk.post("charges", [("amount", "6689"), ("currency", "usd"), ("source", "tok_visa"), ("expand[]", "balance_transaction")])
        #expect(paid["payment_intent"]?.isNull == true && paid.member("balance_transaction", "net")?.int == 6465)
        let held = try #require(try desk.post("charges", [("amount", "900"), ("currency", "usd"), ("source", "tok_visa"), ("capture", "false")]).text("id"))
        #expect(try desk.refusal(.post, "refunds", [("charge", held)]).text("code") == "charge_not_refundable")
        #expect(try desk.post("charges/\(held)/capture", [("amount", "500")]).minor("amount_captured") == 500)
        #expect(try desk.refusal(.post, "charges/\(held)/capture").text("code") == "charge_already_captured")
        let declined = try desk.refusal(.post, "charges", [("amount", "900"), ("currency", "usd"), ("source", "tok_chargeDeclined")], status: 402)
        #expect(declined.text("decline_code") == "generic_decline")
        #expect(try desk.refusal(.post, "charges", [("amount", "900"), ("currency", "usd"), ("source", "tok_none")]).text("code") == "resource_missing")
        #expect(try desk.refusal(.post, "charges", [("amount", "900"), ("currency", "usd")]).text("code") == "parameter_missing")
        try desk.balanced()
    }

    @Test("a bank debit waits until the world says how it ended")
    func debit() throws {
        let desk = try StripeDesk()
        let well = try #require(try desk.pay(8000, method: "pm_usBankAccount").text("id"))
        let badly = try #require(try desk.pay(8100, method: "pm_usBankAccount").text("id"))
        #expect(try desk.get("payment_intents/\(well)").text("status") == "processing")
        try desk.happens(.comesThrough(intent: well, true))
        try desk.happens(.comesThrough(intent: badly, false))
        let charge = try #require(try desk.get("payment_intents/\(well)", [("expand[]", "latest_charge.balance_transaction")]).member("latest_charge"))
        #expect(charge.text("id")?.hasPrefix("py_") == true && charge.member("balance_transaction", "type")?.string == "payment")
        #expect(try desk.get("payment_intents/\(badly)").text("status") == "requires_payment_method")
        #expect(throws: Fault.self) { try desk.happens(.comesThrough(intent: well, true)) }
        try desk.balanced()
    }

    @Test("a confirmation without a payment method, or of what has succeeded, is refused")
    func unexpected() throws {
        let desk = try StripeDesk()
        let open = try #require(try desk.post("payment_intents", [("amount", "900"), ("currency", "usd")]).text("id"))
        #expect(try desk.refusal(.post, "payment_intents/\(open)/confirm").text("message")?.contains("missing a payment method") == true)
        #expect(try desk.refusal(.post, "payment_intents/\(open)/confirm", [("payment_method", "pm_none")]).text("code") == "resource_missing")
        let done = try #require(try desk.pay(900).text("id"))
        #expect(try desk.refusal(.post, "payment_intents/\(done)/confirm").text("message")?.contains("already succeeded") == true)
        #expect(try desk.refusal(.post, "payment_intents/\(done)", [("amount", "100")]).text("code") == "payment_intent_unexpected_state")
        #expect(try desk.post("payment_intents/\(done)", [("metadata[x]", "y")])["metadata"] == ["x": "y"])
    }
}

@Suite("Stripe's refunds")
struct StripeRefundTests {
    @Test("a part is given back without the fee, then the rest, then nothing more")
    func parts() throws {
        let desk = try StripeDesk()
        let charge = try #require(try desk.pay(6689).member("latest_charge", "id")?.string)
        let first = try desk.post("refunds", [("charge", charge), ("amount", "1754"), ("reason", "requested_by_customer"), ("expand[]", "balance_transaction")])
        #expect(first.text("status") == "succeeded")
        let row = try #require(first.member("balance_transaction"))
        #expect(row.minor("amount") == -1754 && row.minor("fee") == 0 && row.text("reporting_category") == "refund")
        #expect(try desk.get("charges/\(charge)").minor("amount_refunded") == 1754)
        #expect(try desk.get("charges/\(charge)").flag("refunded") == false)
        let over = try desk.refusal(.post, "refunds", [("charge", charge), ("amount", "5000")])
        #expect(over.text("message") == "Refund amount (50.00 usd) is greater than unrefunded amount on charge (49.35 usd)")
        try desk.post("refunds", [("charge", charge)])
        #expect(try desk.get("charges/\(charge)").flag("refunded"))
        #expect(try desk.refusal(.post, "refunds", [("charge", charge)]).text("code") == "charge_already_refunded")
        #expect(try desk.ids("refunds", [("charge", charge)]).count == 2)
        #expect(try desk.ids("charges/\(charge)/refunds").count == 2)
        try desk.balanced()
    }

    @Test("what has nothing to give back is refused: no charge named, none there, a failed one, one only authorised, amounts of nothing")
    func refused() throws {
        let desk = try StripeDesk()
        #expect(try desk.refusal(.post, "refunds").text("code") == "parameter_missing")
        #expect(try desk.refusal(.post, "refunds", [("charge", "ch_none")]).text("code") == "resource_missing")
        let held = try #require(try desk.pay(700, more: [("capture_method", "manual")]).text("id"))
        #expect(try desk.refusal(.post, "refunds", [("payment_intent", held)]).text("type") == "invalid_request_error")
        let open = try #require(try desk.post("payment_intents", [("amount", "900"), ("currency", "usd")]).text("id"))
        #expect(try desk.refusal(.post, "refunds", [("payment_intent", open)]).text("code") == "payment_intent_unexpected_state")
        let paid = try #require(try desk.pay(700).text("id"))
        #expect(try desk.refusal(.post, "refunds", [("payment_intent", paid), ("amount", "0")]).text("param") == "amount")
        #expect(try desk.refusal(.post, "refunds", [("payment_intent", paid), ("reason", "bored")]).text("param") == "reason")
        #expect(try desk.ids("refunds") == [])
    }

    @Test("a refund that does not arrive comes back as refund_failure, and the charge can be refunded anew")
    func fails() throws {
        let desk = try StripeDesk()
        let charge = try #require(try desk.pay(6000, method: "pm_card_refundFail").member("latest_charge", "id")?.string)
        let made = try desk.post("refunds", [("charge", charge)])
        #expect(made.text("status") == "succeeded")
        let failed = try desk.get("refunds/\(try #require(made.text("id")))", [("expand[]", "failure_balance_transaction")])
        #expect(failed.text("status") == "failed" && failed.text("failure_reason") == "lost_or_stolen_card")
        #expect(failed.member("failure_balance_transaction", "amount")?.int == 6000)
        #expect(failed.member("failure_balance_transaction", "type")?.string == "refund_failure")
        #expect(try desk.get("charges/\(charge)").minor("amount_refunded") == 0)
        #expect(Array(try desk.eventTypes().suffix(5)) == ["refund.created", "charge.refunded", "refund.updated", "refund.failed", "charge.refund.updated"])
        try desk.balanced()
    }
}

@Suite("Stripe's disputes")
struct StripeDisputeTests {
    private func disputed(_ desk: StripeDesk) throws -> (charge: String, dispute: JSON) {
        let charge = try #require(try desk.pay(6689, method: "pm_card_createDisputeProductNotReceived").member("latest_charge", "id")?.string)
        let list = try desk.get("disputes", [("charge", charge)])
        return (charge, try #require(list["data"]?[0]))
    }

    @Test("a dispute takes the amount and a fee at once")
    func opens() throws {
        let desk = try StripeDesk()
        let (charge, dispute) = try disputed(desk)
        #expect(dispute.text("status") == "needs_response" && dispute.text("reason") == "product_not_received")
        let row = try #require(dispute["balance_transactions"]?[0])
        #expect(row.minor("amount") == -6689 && row.minor("fee") == 1500 && row.minor("net") == -8189)
        #expect(row.text("type") == "adjustment" && row.text("reporting_category") == "dispute")
        #expect(try desk.get("charges/\(charge)").flag("disputed"))
        #expect(try desk.refusal(.post, "refunds", [("charge", charge)]).text("code") == "charge_disputed")
        #expect(Array(try desk.eventTypes().suffix(3)) == ["charge.dispute.created", "charge.updated", "charge.dispute.funds_withdrawn"])
        try desk.balanced()
    }

    @Test("staged evidence waits, submitted evidence is under review, winning evidence brings the money back but not the fee")
    func won() throws {
        let desk = try StripeDesk()
        let id = try #require(try disputed(desk).dispute.text("id"))
        let staged = try desk.post("disputes/\(id)", [("evidence[customer_name]", "Mara Lind"), ("submit", "false")])
        #expect(staged.text("status") == "needs_response" && staged.member("evidence_details", "has_evidence")?.bool == true)
        let sent = try desk.post("disputes/\(id)", [("evidence[uncategorized_text]", "winning_evidence")])
        #expect(sent.text("status") == "under_review" && sent.member("evidence_details", "submission_count")?.int == 1)
        let won = try desk.get("disputes/\(id)")
        #expect(won.text("status") == "won")
        #expect(won["balance_transactions"]?[1]?.minor("net") == 6689)
        #expect(won["balance_transactions"]?[1]?.text("reporting_category") == "dispute_reversal")
        #expect(Array(try desk.eventTypes().suffix(2)) == ["charge.dispute.closed", "charge.dispute.funds_reinstated"])
        #expect(try desk.refusal(.post, "disputes/\(id)", [("evidence[customer_name]", "M")]).text("message") == "This dispute is already closed.")
        try desk.balanced()
    }

    @Test("a dispute that is given up, or whose evidence loses, is lost and moves nothing more")
    func lost() throws {
        let desk = try StripeDesk()
        let first = try #require(try disputed(desk).dispute.text("id"))
        #expect(try desk.post("disputes/\(first)/close").text("status") == "lost")
        #expect(try desk.refusal(.post, "disputes/\(first)/close").text("type") == "invalid_request_error")
        let second = try #require(try disputed(desk).dispute.text("id"))
        try desk.post("disputes/\(second)", [("evidence[uncategorized_text]", "losing_evidence")])
        #expect(try desk.get("disputes/\(second)").text("status") == "lost")
        #expect(try desk.refusal(.post, "disputes/\(second)", [("evidence[colour]", "red")]).text("code") == "parameter_unknown")
        try desk.balanced()
    }

    @Test("an inquiry takes no money, and its charge can be refunded")
    func inquiry() throws {
        let desk = try StripeDesk()
        let charge = try #require(try desk.pay(5000, method: "pm_card_createDisputeInquiry").member("latest_charge", "id")?.string)
        let dispute = try #require(try desk.get("disputes", [("charge", charge)])["data"]?[0])
        #expect(dispute.text("status") == "warning_needs_response" && dispute["balance_transactions"] == [])
        try desk.post("refunds", [("charge", charge)])
        try desk.happens(.disputeEnds(try #require(dispute.text("id")), won: true))
        #expect(try desk.get("disputes/\(try #require(dispute.text("id")))").text("status") == "warning_closed")
        try desk.balanced()
    }

    @Test("the world may dispute a part of a payment, once, for a reason that exists")
    func fromTheWorld() throws {
        let desk = try StripeDesk()
        let intent = try #require(try desk.pay(5000).text("id"))
        #expect(throws: Fault.self) { try desk.happens(.disputed(intent, amount: 6000, reason: "fraudulent", inquiry: false)) }
        #expect(throws: Fault.self) { try desk.happens(.disputed(intent, amount: nil, reason: "boredom", inquiry: false)) }
        let id = try #require(try desk.happens(.disputed(intent, amount: 2000, reason: "duplicate", inquiry: false)).text("dispute"))
        #expect(try desk.get("disputes/\(id)").minor("amount") == 2000)
        #expect(throws: Fault.self) { try desk.happens(.disputed(intent, amount: nil, reason: "duplicate", inquiry: false)) }
        try desk.balanced()
    }
}
