internal import Kernel
internal import TwinKit
internal import Wire

/// A payment as the world sees it.
public struct StripePayment: Sendable {
    /// Smallest units of the currency.
    public var amount: Int64
    /// ISO 4217, lower case.
    public var currency: String
    public var description: String?
    /// Goes onto payment intent and charge: `order_id` and whatever else the shop writes.
    public var metadata: [(key: String, value: String)] = []
    /// Found again by their address, or new.
    public var customerEmail: String?
    public var customerName: String?
    /// A test payment method's name.
    public var method = "pm_card_visa"
    /// False: the amount is set aside only.
    public var captures = true
    /// What the platform keeps of it; the payment is then one that the platform took for the account.
    public var applicationFee: Int64?

    public init(amount: Int64, currency: String) {
        self.amount = amount
        self.currency = currency
    }
}

/// What happens in the world, without any request to the API.
public enum StripeHappening: Sendable {
    case pays(StripePayment)
    /// Of a payment intent that was set aside; all of it where no amount is named.
    case captured(intent: String, amount: Int64?)
    /// A bank debit, or a customer who had to prove something, came through or did not.
    case comesThrough(intent: String, Bool)
    /// Of a charge or a payment intent; all that is left where no amount is named.
    case refunded(String, amount: Int64?, reason: String?)
    case refundFails(String)
    /// A cardholder's bank takes the money of a charge or payment intent back; `inquiry` only asks.
    case disputed(String, amount: Int64?, reason: String, inquiry: Bool)
    case disputeEnds(String, won: Bool)
    /// The end of a day: payouts under way arrive, and what is available goes out.
    case dayCloses
    case payoutArrives(String)
    /// `account_closed`, `no_account`, `account_frozen`, `could_not_process` or `insufficient_funds`.
    case payoutFails(String, code: String)
    /// A webhook endpoint gets a new secret; the old one is good for so many seconds yet.
    case secretRolls(String, overlapSeconds: Int64)
}

extension StripeHappening {
    /// In JSON: `{"do": "pays", "amount": 6689, "currency": "usd", …}`.
    init(_ json: JSON) throws(Fault) {
        func id(_ name: String) throws(Fault) -> String {
            guard let text = json.text(name) else { throw Happening.refused("it needs an id", name) }
            return text
        }
        let amount = json["amount"]?.int.map { Int64($0) }
        switch json.text("do") {
        case "pays": self = .pays(try StripePayment(json))
        case "captured": self = .captured(intent: try id("intent"), amount: amount)
        case "comes_through": self = .comesThrough(intent: try id("intent"), json["well"]?.bool ?? true)
        case "refunded": self = .refunded(try id("payment"), amount: amount, reason: json.text("reason"))
        case "refund_fails": self = .refundFails(try id("refund"))
        case "disputed": self = .disputed(try id("payment"), amount: amount, reason: json.text("reason") ?? "fraudulent", inquiry: json.flag("inquiry"))
        case "dispute_ends": self = .disputeEnds(try id("dispute"), won: json.flag("won"))
        case "day_closes": self = .dayCloses
        case "payout_arrives": self = .payoutArrives(try id("payout"))
        case "payout_fails": self = .payoutFails(try id("payout"), code: json.text("code") ?? "account_closed")
        case "secret_rolls": self = .secretRolls(try id("endpoint"), overlapSeconds: json.minor("overlap_seconds"))
        default: throw Happening.refused("nothing of that name happens here", "do")
        }
    }
}

extension StripePayment {
    init(_ json: JSON) throws(Fault) {
        guard let amount = json["amount"]?.int, amount > 0 else { throw Happening.refused("a payment has an amount", "amount") }
        guard let currency = json.text("currency") else { throw Happening.refused("a payment has a currency", "currency") }
        self.init(amount: Int64(amount), currency: currency)
        description = json.text("description")
        metadata = (json["metadata"]?.object ?? []).map { (key: $0.key, value: $0.value.string ?? $0.value.text) }
        customerEmail = json.text("customer_email")
        customerName = json.text("customer_name")
        method = json.text("method") ?? method
        captures = json["captures"]?.bool ?? true
        applicationFee = json["application_fee"]?.int.map { Int64($0) }
    }
}

extension StripeState {
    /// Lets it happen; the ids of what came of it, by what they are.
    mutating func happen(_ happening: StripeHappening, _ m: StripeMoment) throws(Fault) -> [(key: String, value: JSON)] {
        let out: [(key: String, value: JSON)]
        switch happening {
        case .pays(let payment): out = try pay(payment, m)
        case .captured(let id, let amount):
            let intent = try row(id, .paymentIntent, m)
            guard intent.shown.text("status") == "requires_capture" else { throw Happening.refused("nothing is set aside there", "intent") }
            out = try told { state throws(StripeProblem) in
                _ = try state.captureIntent(intent, amount: amount, m)
                return [("intent", .string(id))]
            }
        case .comesThrough(let id, let well):
            let status = try row(id, .paymentIntent, m).shown.text("status") ?? ""
            guard ["processing", "requires_action"].contains(status) else { throw Happening.refused("nothing is waited for there", "intent") }
            if well { succeed(id, m) } else { failIntent(id, m) }
            out = [("intent", .string(id)), ("charge", .optional(shown(id).text("latest_charge")))]
        case .refunded(let id, let amount, let reason):
            let charge = try charge(of: id, m)
            out = try told { state throws(StripeProblem) in
                let refund = try state.refund(charge, amount: amount, reason: reason, metadata: .object([]), returnsFee: false, m)
                return [("refund", .string(refund))]
            }
        case .refundFails(let id):
            failRefund(try row(id, .refund, m).id, reason: "lost_or_stolen_card", m)
            out = [("refund", .string(id))]
        case .disputed(let id, let amount, let reason, let inquiry):
            guard Self.reasons.contains(reason) else { throw Happening.refused("there is no such reason", "reason") }
            guard let dispute = openDispute(try charge(of: id, m).id, amount: amount, reason: reason, inquiry: inquiry, m) else {
                throw Happening.refused("the payment can't be disputed, or is", "payment")
            }
            out = [("dispute", .string(dispute))]
        case .disputeEnds(let id, let won):
            endDispute(try row(id, .dispute, m).id, won: won, m)
            out = [("dispute", .string(id))]
        case .dayCloses: out = [("payouts", .array(closeDay(m).map(JSON.string)))]
        case .payoutArrives(let id):
            arrive(try row(id, .payout, m).id, m)
            out = [("payout", .string(id))]
        case .payoutFails(let id, let code):
            guard Self.failureCodes.contains(code) else { throw Happening.refused("there is no such reason", "code") }
            failPayout(try row(id, .payout, m).id, code: code, m)
            out = [("payout", .string(id))]
        case .secretRolls(let id, let overlap):
            out = [("secret", .string(rollSecret(try row(id, .webhookEndpoint, m).id, overlapSeconds: overlap, m)))]
        }
        doWhatFollows()
        return out
    }

    private func row(_ id: String, _ kind: StripeKind, _ m: StripeMoment) throws(Fault) -> StripeRow {
        guard let row = rows[id], row.kind == kind, row.scope == m.scope else {
            throw Happening.refused("the account has no \(kind.spoken) of that id", kind.rawValue)
        }
        return row
    }

    /// The charge of that id, or the last one of a payment intent.
    private func charge(of id: String, _ m: StripeMoment) throws(Fault) -> StripeRow {
        let charge = rows[id]?.kind == .paymentIntent ? rows[id]?.shown.text("latest_charge") ?? id : id
        return try row(charge, .charge, m)
    }

    /// Something that the API may refuse: the world hears why.
    private mutating func told(
        _ body: (inout StripeState) throws(StripeProblem) -> [(key: String, value: JSON)]
    ) throws(Fault) -> [(key: String, value: JSON)] {
        do throws(StripeProblem) {
            return try body(&self)
        } catch {
            if error.keepsChanges { return [("refused", .string(error.code ?? ""))] }
            throw Happening.refused(error.message, error.param ?? "")
        }
    }

    private mutating func pay(_ payment: StripePayment, _ m: StripeMoment) throws(Fault) -> [(key: String, value: JSON)] {
        var moment = m
        if payment.applicationFee != nil { moment.platform = StripeScope(account: StripeSeed.platform, isLive: m.scope.isLive) }
        var pairs: [(name: String, value: String)] = [
            ("amount", "\(payment.amount)"), ("currency", payment.currency), ("payment_method", payment.method),
            ("capture_method", payment.captures ? "automatic_async" : "manual"),
        ]
        if let text = payment.description { pairs.append(("description", text)) }
        for (key, value) in payment.metadata { pairs.append(("metadata[\(key)]", value)) }
        if let fee = payment.applicationFee { pairs.append(("application_fee_amount", "\(fee)")) }
        let (asked, by) = (pairs, moment)
        return try told { state throws(StripeProblem) in
            var all = asked
            if let customer = try state.customer(payment, by) { all.append(("customer", customer)) }
            let call = StripeCall(method: .post, path: ["payment_intents"], params: try StripeParams(all), moment: by)
            let intent = try state.paymentIntents(call)
            let id = intent.text("id") ?? ""
            do throws(StripeProblem) {
                try state.confirm(id, by)
            } catch {
                guard error.keepsChanges else { throw error }
                return [("intent", .string(id)), ("refused", .string(error.code ?? ""))]
            }
            return [("intent", .string(id)), ("charge", .optional(state.shown(id).text("latest_charge")))]
        }
    }

    private mutating func customer(_ payment: StripePayment, _ m: StripeMoment) throws(StripeProblem) -> String? {
        guard payment.customerEmail != nil || payment.customerName != nil else { return nil }
        let known = rows.all(.customer, in: m.scope).first { $0.shown.text("email") == payment.customerEmail && payment.customerEmail != nil }
        if let known { return known.id }
        let pairs = [("email", payment.customerEmail), ("name", payment.customerName)].compactMap { name, value in value.map { (name: name, value: $0) } }
        let call = StripeCall(method: .post, path: ["customers"], params: try StripeParams(pairs), moment: m)
        return try customers(call).text("id")
    }
}
