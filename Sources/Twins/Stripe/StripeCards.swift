internal import Wire

/// What a test card, or another test payment method, does when it is charged.
/// - Source: docs.stripe.com/testing: the payment methods `pm_card_…` and the tokens `tok_…`.
enum StripeBehaviour: Sendable, Equatable {
    case succeeds
    /// Its money can be paid out at once.
    case succeedsAvailable
    case declines(code: String, decline: String, message: String)
    /// The customer has to prove who they are first.
    case needsAction
    /// A bank debit: days pass until it is known.
    case processes
    case isDisputed(reason: String, inquiry: Bool)
    case refundFails
}

struct StripeCard: Sendable {
    var type = "card"
    var brand = "visa"
    var last4 = "4242"
    var country = "US"
    var behaviour = StripeBehaviour.succeeds

    private static let declined = "Your card was declined."

    private static func decline(_ code: String, _ decline: String, _ message: String, _ last4: String) -> StripeCard {
        StripeCard(last4: last4, behaviour: .declines(code: code, decline: decline, message: message))
    }

    /// By the name without `pm_card_`, `pm_` or `tok_`.
    private static let known: [String: StripeCard] = [
        "visa": StripeCard(),
        "visa_debit": StripeCard(last4: "5556"),
        "mastercard": StripeCard(brand: "mastercard", last4: "4444"),
        "amex": StripeCard(brand: "amex", last4: "8431"),
        "discover": StripeCard(brand: "discover", last4: "1117"),
        "us": StripeCard(),
        "gb": StripeCard(last4: "0000", country: "GB"),
        "de": StripeCard(last4: "0016", country: "DE"),
        "bypassPending": StripeCard(last4: "0077", behaviour: .succeedsAvailable),
        "chargeDeclined": decline("card_declined", "generic_decline", declined, "0002"),
        "visa_chargeDeclined": decline("card_declined", "generic_decline", declined, "0002"),
        "chargeDeclinedInsufficientFunds": decline("card_declined", "insufficient_funds", "Your card has insufficient funds.", "9995"),
        "visa_chargeDeclinedInsufficientFunds": decline("card_declined", "insufficient_funds", "Your card has insufficient funds.", "9995"),
        "chargeDeclinedLostCard": decline("card_declined", "lost_card", declined, "9987"),
        "chargeDeclinedExpiredCard": decline("expired_card", "expired_card", "Your card has expired.", "0069"),
        "chargeDeclinedIncorrectCvc": decline("incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect.", "0127"),
        "chargeDeclinedProcessingError": decline(
            "processing_error", "processing_error", "An error occurred while processing your card. Try again in a little bit.", "0119"),
        "authenticationRequired": StripeCard(last4: "3184", behaviour: .needsAction),
        "createDispute": StripeCard(last4: "0259", behaviour: .isDisputed(reason: "fraudulent", inquiry: false)),
        "createDisputeProductNotReceived": StripeCard(last4: "2685", behaviour: .isDisputed(reason: "product_not_received", inquiry: false)),
        "createDisputeInquiry": StripeCard(last4: "1976", behaviour: .isDisputed(reason: "fraudulent", inquiry: true)),
        "refundFail": StripeCard(last4: "5126", behaviour: .refundFails),
        "usBankAccount": StripeCard(type: "us_bank_account", brand: "", last4: "6789", behaviour: .processes),
        "sepaDebit": StripeCard(type: "sepa_debit", brand: "", last4: "3000", country: "DE", behaviour: .processes),
    ]

    /// The test payment method or token of that name.
    static func named(_ token: String) -> StripeCard? {
        for prefix in ["pm_card_", "pm_", "tok_"] where token.hasPrefix(prefix) {
            if let card = known[String(token.dropFirst(prefix.count))] { return card }
        }
        return nil
    }

    var isCard: Bool { type == "card" }

    /// What a payment method and a charge both tell of it.
    private var common: StripeFields {
        var o = StripeFields()
        guard isCard else {
            o.text("bank_name", "STRIPE TEST BANK")
            o.text("country", country)
            o.text("last4", last4)
            return o
        }
        o.text("brand", brand)
        o.set("checks", .object([("address_line1_check", .null), ("address_postal_code_check", .null), ("cvc_check", "pass")]))
        o.text("country", country)
        o.int("exp_month", 8)
        o.int("exp_year", 2030)
        o.text("fingerprint", "twin\(last4)")
        o.text("funding", "credit")
        o.text("last4", last4)
        o.nulls("regulated_status", "wallet")
        return o
    }

    /// The member of a payment method that describes it.
    var details: JSON {
        var o = common
        guard isCard else { return o.json }
        o.text("display_brand", brand)
        o.nulls("generated_from")
        o.set("networks", .object([("available", .array([.string(brand)])), ("preferred", .null)]))
        o.set("three_d_secure_usage", .object([("supported", true)]))
        return o.json
    }

    /// The member of a charge's `payment_method_details`.
    func details(charging amount: Int64) -> JSON {
        var o = common
        guard isCard else { return o.json }
        let unavailable: JSON = .object([("status", "unavailable")])
        o.int("amount_authorized", amount)
        o.nulls("authorization_code")
        o.set("extended_authorization", .object([("status", "disabled")]))
        o.set("incremental_authorization", unavailable)
        o.nulls("installments", "mandate")
        o.set("multicapture", unavailable)
        o.text("network", brand)
        o.set("network_token", .object([("used", false)]))
        o.nulls("network_transaction_id")
        o.set("overcapture", .object([("maximum_amount_capturable", .minor(amount)), ("status", "unavailable")]))
        o.nulls("three_d_secure", "transaction_link_id")
        return o.json
    }
}

extension StripeState {
    static let noAddress: JSON = .object([
        ("city", .null), ("country", .null), ("line1", .null), ("line2", .null), ("postal_code", .null), ("state", .null),
    ])

    func paymentMethodsParams() -> Set<String> { ["type", "card", "billing_details", "metadata", "customer"] }

    mutating func paymentMethods(_ call: StripeCall) throws(StripeProblem) -> JSON {
        switch (call.method, call.path.count, call.action) {
        case (.get, 1, _): return try page(.paymentMethod, call, filters: ["customer": "customer", "type": "type"])
        case (.get, 2, _): return try find(.paymentMethod, call.id, call.moment).shown
        case (.post, 1, _):
            try call.params.only(paymentMethodsParams())
            guard try call.params.need("type") == "card" else { throw .invalid("type", "The twin makes payment methods of cards only.") }
            let token = (try call.params.members("card") ?? []).first { $0.key == "token" }?.value
            let made = try paymentMethod(token ?? "tok_visa", param: "card[token]", call.moment)
            return shown(made)
        case (.post, 3, "attach"):
            try call.params.only(["customer"])
            let method = try find(.paymentMethod, call.id, call.moment)
            let customer = try find(.customer, try call.params.need("customer"), call.moment, param: "customer")
            return change(method.id, [("customer", .string(customer.id))])
        case (.post, 3, "detach"): return change(try find(.paymentMethod, call.id, call.moment).id, [("customer", .null)])
        default: throw .unrecognised(call.method.rawValue, call.text)
        }
    }

    /// The id of a payment method: one that is there, or a new one for a test name.
    mutating func paymentMethod(_ name: String, param: String, _ m: StripeMoment) throws(StripeProblem) -> String {
        if let row = rows[name], row.kind == .paymentMethod, row.scope == m.scope { return row.id }
        guard let card = StripeCard.named(name) else { throw .noSuch(.paymentMethod, name, param: param, isReference: true) }
        guard !m.scope.isLive || m.requestID == nil else {
            throw StripeProblem(
                400, "resource_missing",
                "No such PaymentMethod: '\(name)'; a similar object exists in test mode, but a live mode key was used to make this request.",
                param: param)
        }
        let id = m.id("pm")
        var o = StripeFields(.paymentMethod, id)
        o.text("allow_redisplay", "unspecified")
        o.set("billing_details", Self.billing(name: nil, email: nil))
        o.set(card.type, card.details)
        o.int("created", m.seconds)
        o.nulls("customer", "customer_account")
        o.flag("livemode", m.scope.isLive)
        o.set("metadata", .object([]))
        o.text("type", card.type)
        insert(.paymentMethod, id, o.json, inner: .object([("token", .string(name))]), m)
        return id
    }

    func card(of method: String) -> StripeCard { rows[method]?.inner.text("token").flatMap(StripeCard.named) ?? StripeCard() }

    static func billing(name: String?, email: String?) -> JSON {
        .object([("address", noAddress), ("email", .optional(email)), ("name", .optional(name)), ("phone", .null), ("tax_id", .null)])
    }
}
