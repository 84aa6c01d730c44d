internal import Kernel
internal import TwinKit
internal import Wire

/// What a card is charged for.
struct StripeSale: Sendable {
    var amount: Int64
    var currency: String
    var method: String
    var card: StripeCard
    var intent: String?
    var customer: String?
    var description: String?
    var metadata: JSON = .object([])
    var receiptEmail: String?
    var billing: JSON = StripeState.billing(name: nil, email: nil)
    var statementDescriptor: String?
    var applicationFee: Int64?
    /// Not only authorised.
    var captures = true
    /// The balance transaction follows the event.
    var isAsync = false
}

/// Charges: payments as the card networks see them.
extension StripeState {
    private static let createParams: Set<String> = [
        "amount", "currency", "source", "customer", "description", "metadata", "capture", "receipt_email", "statement_descriptor",
        "statement_descriptor_suffix", "application_fee_amount", "shipping", "transfer_group",
    ]

    mutating func charges(_ call: StripeCall) throws(StripeProblem) -> JSON {
        let m = call.moment
        switch (call.method, call.path.count, call.action) {
        case (.get, 1, _):
            return try page(.charge, call, filters: ["customer": "customer", "payment_intent": "payment_intent", "transfer_group": "transfer_group"])
        case (.get, 2, _) where call.id == "search":
            return try search(.charge, call, fields: ["amount", "created", "currency", "customer", "disputed", "metadata", "refunded", "status"])
        case (.get, 2, _): return try find(.charge, call.id, m).shown
        case (.get, 3, "refunds"):
            let charge = try find(.charge, call.id, m)
            return try page(.refund, call) { $0.shown.text("charge") == charge.id }
        case (.post, 1, _): return try createCharge(call)
        case (.post, 2, _):
            try call.params.only(["customer", "description", "fraud_details", "metadata", "receipt_email", "shipping", "transfer_group"])
            let row = try find(.charge, call.id, m)
            var changes: [(String, JSON)] = []
            for name in ["description", "receipt_email"] where call.params.has(name) { changes.append((name, .optional(try call.params.text(name)))) }
            if call.params.has("metadata") { changes.append(("metadata", try call.params.metadata(row.shown["metadata"] ?? JSON.null))) }
            return alter(row, changes, "charge.updated", m)
        case (.post, 3, "capture"):
            try call.params.only(["amount", "receipt_email", "statement_descriptor"])
            let row = try find(.charge, call.id, m)
            guard row.shown.flag("paid"), !row.shown.flag("captured"), !row.shown.flag("refunded") else {
                throw StripeProblem(400, "charge_already_captured", "Charge \(row.id) has already been captured.")
            }
            return try capture(row.id, amount: try call.params.int("amount"), m)
        default: throw .unrecognised(call.method.rawValue, call.text)
        }
    }

    private mutating func createCharge(_ call: StripeCall) throws(StripeProblem) -> JSON {
        try call.params.only(Self.createParams)
        let m = call.moment
        let (amount, currency) = try Self.price(call.params)
        let customer = try call.params.text("customer")
        if let customer { _ = try find(.customer, customer, m, param: "customer") }
        guard let source = try call.params.text("source") else {
            throw StripeProblem(400, "parameter_missing", "Must provide source or customer.")
        }
        guard let card = StripeCard.named(source), card.isCard else {
            throw StripeProblem(400, "resource_missing", "No such token: '\(source)'", param: "source")
        }
        var sale = StripeSale(amount: amount, currency: currency, method: try paymentMethod(source, param: "source", m), card: card)
        sale.customer = customer
        sale.description = try call.params.text("description")
        sale.metadata = try call.params.metadata()
        sale.receiptEmail = try call.params.text("receipt_email")
        sale.captures = try call.params.flag("capture") ?? true
        sale.statementDescriptor = try call.params.text("statement_descriptor")
        sale.applicationFee = try applicationFee(call, of: amount)
        if case .declines(let code, let decline, let message) = card.behaviour {
            throw declined(sale, code: code, decline: decline, message: message, m).problem
        }
        let made = charge(sale, m)
        return shown(made)
    }

    /// `amount` and `currency`, as the vendor checks them.
    static func price(_ params: StripeParams) throws(StripeProblem) -> (amount: Int64, currency: String) {
        _ = try params.need("amount")
        let amount = try params.int("amount") ?? 0
        let currency = try params.need("currency").lowercased()
        guard StripeCurrency.dollarMillionths[currency] != nil else {
            let known = StripeCurrency.dollarMillionths.keys.sorted().joined(separator: ", ")
            throw .invalid("currency", "Invalid currency: \(currency). Stripe currently supports these currencies: \(known)")
        }
        guard amount > 0 else { throw .invalid("amount", "This value must be greater than or equal to 1.", code: "parameter_invalid_integer") }
        guard amount <= 99_999_999 else { throw .invalid("amount", "Amount must be no more than 99999999.", code: "amount_too_large") }
        let least = StripeCurrency.least(currency)
        guard amount >= least else {
            throw .invalid("amount", "Amount must be at least \(StripeCurrency.shown(least, currency)) \(currency)", code: "amount_too_small")
        }
        let step: Int64 = StripeCurrency.threePlaces.contains(currency) ? 10 : StripeCurrency.wholeOnly.contains(currency) ? 100 : 1
        guard amount % step == 0 else { throw .invalid("amount", "Amounts in \(currency) must be a multiple of \(step).", code: "invalid_charge_amount") }
        return (amount, currency)
    }

    // MARK: Making one

    /// The object of a charge that has succeeded, been authorised or failed.
    private func chargeObject(_ id: String, _ sale: StripeSale, _ m: StripeMoment) -> StripeFields {
        var o = StripeFields(.charge, id)
        o.int("amount", sale.amount)
        o.int("amount_captured", 0)
        o.int("amount_refunded", 0)
        o.text("application", m.platform == nil ? nil : StripeSeed.client)
        o.nulls("application_fee")
        o.int("application_fee_amount", sale.applicationFee)
        o.nulls("balance_transaction")
        o.set("billing_details", sale.billing)
        o.text("calculated_statement_descriptor", sale.statementDescriptor ?? business(m.scope)?.name.uppercased())
        o.flag("captured", false)
        o.int("created", m.seconds)
        o.text("currency", sale.currency)
        o.text("customer", sale.customer)
        o.text("description", sale.description)
        o.flag("disputed", false)
        o.nulls("failure_balance_transaction", "failure_code", "failure_message")
        o.set("fraud_details", .object([]))
        o.flag("livemode", m.scope.isLive)
        o.set("metadata", sale.metadata)
        o.nulls("on_behalf_of", "outcome")
        o.flag("paid", true)
        o.text("payment_intent", sale.intent)
        o.text("payment_method", sale.method)
        o.set("payment_method_details", .object([(sale.card.type, sale.card.details(charging: sale.amount)), ("type", .string(sale.card.type))]))
        o.text("receipt_email", sale.receiptEmail)
        o.nulls("receipt_number")
        o.text("receipt_url", "https://pay.stripe.com/receipts/\(id)")
        o.flag("refunded", false)
        o.nulls("review", "shipping", "source_transfer")
        o.text("statement_descriptor", sale.statementDescriptor)
        o.nulls("statement_descriptor_suffix")
        o.text("status", "succeeded")
        o.nulls("transfer_data", "transfer_group")
        return o
    }

    /// Charges the card and tells of it; the charge's id.
    mutating func charge(_ sale: StripeSale, _ m: StripeMoment) -> String {
        let id = m.id(sale.card.isCard ? "ch" : "py")
        let outcome: JSON = .object([
            ("advice_code", .null), ("network_advice_code", .null), ("network_decline_code", .null), ("network_status", "approved_by_network"),
            ("reason", .null), ("risk_level", "normal"), ("seller_message", "Payment complete."), ("type", "authorized"),
        ])
        insert(.charge, id, chargeObject(id, sale, m).json.setting("outcome", outcome), m)
        if sale.captures {
            let early = change(id, [("captured", true), ("amount_captured", .minor(sale.amount))])
            if sale.isAsync { emit("charge.succeeded", early, m) }
            settleCharge(id, m)
            if !sale.isAsync { emit("charge.succeeded", shown(id), m) }
        } else {
            emit("charge.succeeded", shown(id), m)
        }
        if case .isDisputed(let reason, let inquiry) = sale.card.behaviour, sale.captures {
            afterwards.append(.dispute(charge: id, reason: reason, inquiry: inquiry, m))
        }
        return id
    }

    /// The money of a captured charge arrives in the balance.
    mutating func settleCharge(_ id: String, _ m: StripeMoment) {
        let charge = shown(id)
        let currency = charge.text("currency") ?? ""
        let settled = settle(charge.minor("amount_captured"), currency, m)
        var fees: [StripeMovement.Fee] = []
        if let fee = fee(settled, m) { fees.append(fee) }
        if let platform = m.platform, let asked = charge["application_fee_amount"]?.int {
            let share = settle(Int64(asked), currency, m)
            fees.append(StripeMovement.Fee(minor: share.minor, type: "application_fee", description: "Counterfoil Hub application fee"))
            change(id, [("application_fee", .string(takeApplicationFee(Int64(asked), of: charge, for: platform, m)))])
        }
        let isCard = id.hasPrefix("ch_")
        var move = StripeMovement(
            type: isCard ? "charge" : "payment", category: "charge", kind: .charge, gross: settled.minor, fees: fees, currency: settled.currency,
            rate: settled.rate, source: id, description: charge.text("description"))
        let card = card(of: charge.text("payment_method") ?? "")
        move.pendingDays = card.behaviour == .succeedsAvailable ? 0 : 2
        change(id, [("balance_transaction", .string(book(move, m)))])
    }

    /// A failed charge, and the refusal that tells of it.
    mutating func declined(_ sale: StripeSale, code: String, decline: String, message: String, _ m: StripeMoment) -> (charge: String, problem: StripeProblem) {
        let id = m.id("ch")
        let outcome: JSON = .object([
            ("advice_code", .null), ("network_advice_code", .null), ("network_decline_code", .null),
            ("network_status", "declined_by_network"), ("reason", .string(decline)), ("risk_level", "normal"),
            ("seller_message", "The bank did not return any further details with this decline."), ("type", "issuer_declined"),
        ])
        let failed = chargeObject(id, sale, m).json.setting([
            ("paid", false), ("status", "failed"), ("failure_code", .string(code)), ("failure_message", .string(message)), ("outcome", outcome),
            ("receipt_url", .null),
        ])
        insert(.charge, id, failed, m)
        emit("charge.failed", failed, m)
        var problem = StripeProblem(402, code, message)
        problem.type = "card_error"
        problem.keepsChanges = true
        problem.more = [("charge", .string(id)), ("decline_code", .string(decline))]
        return (id, problem)
    }

    /// Takes an authorised amount, or a part of it.
    mutating func capture(_ id: String, amount: Int64?, _ m: StripeMoment) throws(StripeProblem) -> JSON {
        let charge = shown(id)
        let taken = amount ?? charge.minor("amount")
        guard taken > 0, taken <= charge.minor("amount") else {
            throw StripeProblem(
                400, "amount_too_large", "You cannot capture a charge for more than the original amount (\(charge.minor("amount"))).", param: "amount")
        }
        change(id, [("captured", true), ("amount_captured", .minor(taken))])
        settleCharge(id, m)
        emit("charge.captured", shown(id), previous: charge.only(["amount_captured", "balance_transaction", "captured"]), m)
        return shown(id)
    }
}
