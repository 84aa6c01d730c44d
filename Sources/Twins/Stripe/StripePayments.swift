internal import Wire

/// Payment intents.
/// - Source: docs.stripe.com/payments/paymentintents/lifecycle.
extension StripeState {
    private static let updateParams: Set<String> = [
        "amount", "application_fee_amount", "currency", "customer", "description", "metadata", "payment_method", "payment_method_data",
        "payment_method_options", "payment_method_types", "receipt_email", "setup_future_usage", "shipping", "statement_descriptor",
        "statement_descriptor_suffix", "transfer_data", "transfer_group", "capture_method",
    ]
    private static let createParams: Set<String> = updateParams.union([
        "automatic_payment_methods", "confirm", "confirmation_method", "error_on_requires_action", "mandate", "mandate_data", "off_session", "on_behalf_of",
        "return_url", "use_stripe_sdk",
    ])
    private static let confirmParams: Set<String> = [
        "client_secret", "error_on_requires_action", "mandate", "mandate_data", "off_session", "payment_method", "payment_method_data",
        "payment_method_options", "payment_method_types", "receipt_email", "return_url", "setup_future_usage", "shipping", "use_stripe_sdk", "capture_method",
    ]

    mutating func paymentIntents(_ call: StripeCall) throws(StripeProblem) -> JSON {
        let m = call.moment
        switch (call.method, call.path.count, call.action) {
        case (.get, 1, _): return try page(.paymentIntent, call, filters: ["customer": "customer"])
        case (.get, 2, _) where call.id == "search":
            return try search(.paymentIntent, call, fields: ["amount", "created", "currency", "customer", "metadata", "status"])
        case (.get, 2, _): return try find(.paymentIntent, call.id, m).shown
        case (.post, 1, _): return try createIntent(call)
        case (.post, 2, _): return try updateIntent(call)
        case (.post, 3, "confirm"):
            try call.params.only(Self.confirmParams)
            let row = try find(.paymentIntent, call.id, m)
            if let name = try method(call.params) { change(row.id, [("payment_method", .string(try paymentMethod(name, param: "payment_method", m)))]) }
            try confirm(row.id, m)
            return shown(row.id)
        case (.post, 3, "capture"):
            try call.params.only(
                ["amount_to_capture", "application_fee_amount", "final_capture", "metadata", "statement_descriptor", "statement_descriptor_suffix"])
            return try captureIntent(try find(.paymentIntent, call.id, m), amount: try call.params.int("amount_to_capture"), m)
        case (.post, 3, "cancel"):
            try call.params.only(["cancellation_reason"])
            let row = try find(.paymentIntent, call.id, m)
            return try cancelIntent(
                row, reason: try call.params.choice("cancellation_reason", of: ["duplicate", "fraudulent", "requested_by_customer", "abandoned"]), m)
        default: throw .unrecognised(call.method.rawValue, call.text)
        }
    }

    /// The payment method that a request names, or the plain card that it describes.
    private func method(_ params: StripeParams) throws(StripeProblem) -> String? {
        if let name = try params.text("payment_method") { return name }
        guard let data = try params.members("payment_method_data") else { return nil }
        switch data.first(where: { $0.key == "type" })?.value {
        case "us_bank_account"?: return "pm_usBankAccount"
        case "sepa_debit"?: return "pm_sepaDebit"
        default: return "pm_card_visa"
        }
    }

    func applicationFee(_ call: StripeCall, of amount: Int64) throws(StripeProblem) -> Int64? {
        guard let fee = try call.params.int("application_fee_amount") else { return nil }
        guard call.moment.platform != nil else {
            throw StripeProblem(
                400, nil,
                "Can only apply an application_fee_amount when the PaymentIntent is attempting a direct payment (using an OAuth key or Stripe-Account header) "
                    + "or destination payment (using `transfer_data[destination]`).", param: "application_fee_amount")
        }
        guard fee > 0, fee <= amount else {
            throw StripeProblem(
                400, "application_fee_amount_invalid", "The application fee cannot be greater than the amount of the payment.",
                param: "application_fee_amount")
        }
        return fee
    }

    private mutating func createIntent(_ call: StripeCall) throws(StripeProblem) -> JSON {
        try call.params.only(Self.createParams)
        let m = call.moment
        let (amount, currency) = try Self.price(call.params)
        if let customer = try call.params.text("customer") { _ = try find(.customer, customer, m, param: "customer") }
        let named = try method(call.params)
        let method = try named.map { name throws(StripeProblem) in try paymentMethod(name, param: "payment_method", m) }
        let id = m.id("pi")
        var o = StripeFields(.paymentIntent, id)
        o.int("amount", amount)
        o.int("amount_capturable", 0)
        o.set("amount_details", .object([("tip", .object([]))]))
        o.int("amount_received", 0)
        o.text("application", m.platform == nil ? nil : StripeSeed.client)
        o.int("application_fee_amount", try applicationFee(call, of: amount))
        o.set("automatic_payment_methods", call.params.has("payment_method_types") ? .null : .object([("allow_redirects", "always"), ("enabled", true)]))
        o.nulls("canceled_at", "cancellation_reason")
        o.text("capture_method", try call.params.choice("capture_method", of: ["automatic", "automatic_async", "manual"]) ?? "automatic_async")
        o.text("client_secret", "\(id)_secret_\(StripeMoment.letters(m.random, 25))")
        o.text("confirmation_method", try call.params.text("confirmation_method") ?? "automatic")
        o.int("created", m.seconds)
        o.text("currency", currency)
        o.text("customer", try call.params.text("customer"))
        o.nulls("customer_account")
        o.text("description", try call.params.text("description"))
        o.nulls("excluded_payment_method_types", "last_payment_error", "latest_charge")
        o.flag("livemode", m.scope.isLive)
        o.set("metadata", try call.params.metadata())
        o.nulls("next_action", "on_behalf_of")
        o.text("payment_method", method)
        o.nulls("payment_method_configuration_details")
        o.set("payment_method_options", .object([]))
        o.set("payment_method_types", .array((try call.params.list("payment_method_types") ?? ["card"]).map(JSON.string)))
        o.nulls("processing")
        o.text("receipt_email", try call.params.text("receipt_email"))
        o.nulls("review", "setup_future_usage", "shipping", "source")
        o.text("statement_descriptor", try call.params.text("statement_descriptor"))
        o.text("statement_descriptor_suffix", try call.params.text("statement_descriptor_suffix"))
        o.text("status", method == nil ? "requires_payment_method" : "requires_confirmation")
        o.nulls("transfer_data")
        o.text("transfer_group", try call.params.text("transfer_group"))
        insert(.paymentIntent, id, o.json, m)
        emit("payment_intent.created", o.json, m)
        if try call.params.flag("confirm") ?? false { try confirm(id, m) }
        return shown(id)
    }

    private mutating func updateIntent(_ call: StripeCall) throws(StripeProblem) -> JSON {
        try call.params.only(Self.updateParams)
        let m = call.moment
        let row = try find(.paymentIntent, call.id, m)
        let status = row.shown.text("status") ?? ""
        var changes: [(String, JSON)] = []
        for name in ["description", "receipt_email", "statement_descriptor", "transfer_group"] where call.params.has(name) {
            changes.append((name, .optional(try call.params.text(name))))
        }
        if call.params.has("metadata") { changes.append(("metadata", try call.params.metadata(row.shown["metadata"] ?? JSON.null))) }
        if let customer = try call.params.text("customer") {
            changes.append(("customer", .string(try find(.customer, customer, m, param: "customer").id)))
        }
        let later = ["amount", "currency", "payment_method", "payment_method_data", "application_fee_amount"].filter(call.params.has)
        if let first = later.first {
            guard ["requires_payment_method", "requires_confirmation", "requires_action"].contains(status) else {
                throw Self.unexpectedState("This PaymentIntent's \(first) could not be updated because it has a status of \(status).", row.shown)
            }
            if let amount = try call.params.int("amount") { changes.append(("amount", .minor(amount))) }
            if let fee = try applicationFee(call, of: row.shown.minor("amount")) { changes.append(("application_fee_amount", .minor(fee))) }
            if let name = try method(call.params) {
                changes.append(("payment_method", .string(try paymentMethod(name, param: "payment_method", m))))
                changes.append(("status", "requires_confirmation"))
            }
        }
        return change(row.id, changes)
    }

    private static func unexpectedState(_ message: String, _ intent: JSON) -> StripeProblem {
        var problem = StripeProblem(400, "payment_intent_unexpected_state", message)
        problem.more = [("payment_intent", intent)]
        return problem
    }

    // MARK: Confirming

    mutating func confirm(_ id: String, _ m: StripeMoment) throws(StripeProblem) {
        let intent = shown(id)
        let status = intent.text("status") ?? ""
        guard ["requires_payment_method", "requires_confirmation", "requires_action"].contains(status) else {
            let why = status == "succeeded" ? "it has already succeeded after being previously confirmed" : "it has a status of \(status)"
            throw Self.unexpectedState("You cannot confirm this PaymentIntent because \(why).", intent)
        }
        guard let method = intent.text("payment_method") else {
            throw Self.unexpectedState(
                "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the PaymentIntent with a payment method "
                    + "and then confirm it again, or confirm it again directly with a payment method or ConfirmationToken.", intent)
        }
        let card = card(of: method)
        switch card.behaviour {
        case .declines(let code, let decline, let message):
            let (charge, refusal) = declined(sale(intent, card), code: code, decline: decline, message: message, m)
            var problem = refusal
            let error: JSON = .object([
                ("charge", .string(charge)), ("code", .string(code)), ("decline_code", .string(decline)), ("message", .string(message)), ("type", "card_error"),
            ])
            let failed = change(
                id, [("status", "requires_payment_method"), ("payment_method", .null), ("latest_charge", .string(charge)), ("last_payment_error", error)])
            emit("payment_intent.payment_failed", failed, m)
            problem.more.append(("payment_intent", failed))
            problem.more.append(("payment_method", shown(method)))
            throw problem
        case .needsAction:
            let action: JSON = .object([("type", "use_stripe_sdk"), ("use_stripe_sdk", .object([("type", "three_d_secure_redirect")]))])
            let waiting = change(id, [("status", "requires_action"), ("next_action", action)])
            emit("payment_intent.requires_action", waiting, m)
        case .processes:
            let processing = change(id, [("status", "processing"), ("processing", .object([("type", .string(card.type))]))])
            emit("payment_intent.processing", processing, m)
        case .succeeds, .succeedsAvailable, .isDisputed, .refundFails: succeed(id, m)
        }
    }

    private func sale(_ intent: JSON, _ card: StripeCard) -> StripeSale {
        var sale = StripeSale(amount: intent.minor("amount"), currency: intent.text("currency") ?? "", method: intent.text("payment_method") ?? "", card: card)
        sale.intent = intent.text("id")
        sale.customer = intent.text("customer")
        sale.description = intent.text("description")
        sale.metadata = intent["metadata"] ?? .object([])
        sale.receiptEmail = intent.text("receipt_email")
        let customer = intent.text("customer").flatMap { rows[$0]?.shown }
        sale.billing = Self.billing(name: customer?.text("name"), email: customer?.text("email") ?? intent.text("receipt_email"))
        sale.statementDescriptor = intent.text("statement_descriptor")
        sale.applicationFee = intent["application_fee_amount"]?.int.map { Int64($0) }
        sale.captures = intent.text("capture_method") != "manual"
        sale.isAsync = intent.text("capture_method") == "automatic_async"
        return sale
    }

    /// The money is there, or for `manual` set aside.
    mutating func succeed(_ id: String, _ m: StripeMoment) {
        let intent = shown(id)
        let sale = sale(intent, card(of: intent.text("payment_method") ?? ""))
        let charge = charge(sale, m)
        let cleared: [(String, JSON)] = [("latest_charge", .string(charge)), ("next_action", .null), ("processing", .null), ("last_payment_error", .null)]
        guard sale.captures else {
            let held = change(id, cleared + [("status", "requires_capture"), ("amount_capturable", .minor(sale.amount))])
            emit("payment_intent.amount_capturable_updated", held, m)
            return
        }
        emit("payment_intent.succeeded", change(id, cleared + [("status", "succeeded"), ("amount_received", .minor(sale.amount))]), m)
        if sale.isAsync { emit("charge.updated", shown(charge), previous: .object([("balance_transaction", .null)]), m) }
    }

    mutating func captureIntent(_ row: StripeRow, amount: Int64?, _ m: StripeMoment) throws(StripeProblem) -> JSON {
        let status = row.shown.text("status") ?? ""
        guard status == "requires_capture", let charge = row.shown.text("latest_charge") else {
            throw Self.unexpectedState(
                "This PaymentIntent could not be captured because it has a status of \(status). "
                    + "Only a PaymentIntent with one of the following statuses may be captured: requires_capture.",
                row.shown)
        }
        let captured = try capture(charge, amount: amount, m)
        let done = change(row.id, [("status", "succeeded"), ("amount_capturable", 0), ("amount_received", .minor(captured.minor("amount_captured")))])
        emit("payment_intent.succeeded", done, m)
        return done
    }

    private mutating func cancelIntent(_ row: StripeRow, reason: String?, _ m: StripeMoment) throws(StripeProblem) -> JSON {
        let status = row.shown.text("status") ?? ""
        guard status != "succeeded", status != "canceled", status != "processing" else {
            throw Self.unexpectedState(
                "You cannot cancel this PaymentIntent because it has a status of \(status). "
                    + "Only a PaymentIntent with one of the following statuses may be canceled: "
                    + "requires_payment_method, requires_capture, requires_confirmation, requires_action.", row.shown)
        }
        if status == "requires_capture", let charge = row.shown.text("latest_charge") {
            let old = shown(charge)
            let released = change(charge, [("refunded", true), ("amount_refunded", .minor(old.minor("amount")))])
            emit("charge.refunded", released, previous: old.only(["amount_refunded", "refunded"]), m)
        }
        let changes: [(String, JSON)] = [
            ("status", "canceled"), ("canceled_at", .minor(m.seconds)), ("cancellation_reason", .optional(reason)),
            ("amount_capturable", 0), ("next_action", .null),
        ]
        let cancelled = change(row.id, changes)
        emit("payment_intent.canceled", cancelled, m)
        return cancelled
    }

    /// A bank debit, or a customer who had to prove something, did not come through.
    mutating func failIntent(_ id: String, _ m: StripeMoment) {
        let error: JSON = .object([("code", "payment_intent_payment_attempt_failed"), ("message", "The payment failed."), ("type", "invalid_request_error")])
        let failed = change(
            id, [
                ("status", "requires_payment_method"), ("processing", .null), ("next_action", .null), ("last_payment_error", error),
                ("payment_method", .null),
            ])
        emit("payment_intent.payment_failed", failed, m)
    }
}
