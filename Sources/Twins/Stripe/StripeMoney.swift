internal import Kernel
internal import TwinKit
internal import Wire

/// One movement of the money that Stripe holds for a business.
struct StripeMovement: Sendable {
    struct Fee: Sendable {
        var minor: Int64
        /// `stripe_fee` or `application_fee`.
        var type: String
        var description: String
    }

    /// The balance transaction's `type` and `reporting_category`.
    var type: String
    var category: String
    var kind: ExpectedMoney.Kind
    /// In the settlement currency; positive where the business gets more.
    var gross: Int64
    var fees: [Fee] = []
    var currency: String
    /// The rate in millionths, where the money was exchanged.
    var rate: Int64?
    var source: String?
    var description: String?
    /// Seconds until it may be paid out; 0: at once.
    var pendingDays: Int64 = 0
}

/// An amount in the currency in which the business holds it.
struct StripeSettled: Sendable {
    var minor: Int64
    var currency: String
    var rate: Int64?
}

extension StripeState {
    static let day: Int64 = 86_400

    /// Converts at the rate of the day, unless the business holds that currency.
    func settle(_ minor: Int64, _ currency: String, _ m: StripeMoment) -> StripeSettled {
        guard let business = business(m.scope), !business.holds.contains(currency) else { return StripeSettled(minor: minor, currency: currency, rate: nil) }
        let rate = StripeCurrency.rateMillionths(currency, business.currency, day: business.zone.date(of: m.at))
        return StripeSettled(
            minor: StripeCurrency.convert(minor, currency, business.currency, millionths: rate), currency: business.currency, rate: rate)
    }

    /// What Stripe keeps of a payment, half away from zero.
    func fee(_ settled: StripeSettled, _ m: StripeMoment) -> StripeMovement.Fee? {
        guard let business = business(m.scope) else { return nil }
        let share = ExactDecimal.divideHalfUp(Int128(settled.minor) * Int128(business.feePerTenThousand), 10_000)
        let minor = Int64(share) + (business.feeFixed[settled.currency] ?? 0)
        return minor == 0 ? nil : StripeMovement.Fee(minor: minor, type: "stripe_fee", description: "Stripe processing fees")
    }

    /// Writes the balance transaction and the entry in the twin's own books; its id.
    @discardableResult
    mutating func book(_ move: StripeMovement, _ m: StripeMoment) -> String {
        let id = m.id("txn")
        let fees = move.fees.reduce(Int64(0)) { $0 + $1.minor }
        var o = StripeFields(.balanceTransaction, id)
        o.int("amount", move.gross)
        let available = move.pendingDays == 0 ? m.seconds : (m.seconds / Self.day + move.pendingDays) * Self.day
        o.int("available_on", available)
        o.text("balance_type", "payments")
        o.int("created", m.seconds)
        o.text("currency", move.currency)
        o.text("description", move.description)
        o.set("exchange_rate", move.rate.map { JSON.number(StripeCurrency.rateText($0)) } ?? JSON.null)
        o.int("fee", fees)
        o.set("fee_details", .array(move.fees.map { Self.shown($0, move.currency) }))
        o.int("net", move.gross - fees)
        o.text("reporting_category", move.category)
        o.text("source", move.source)
        o.text("status", move.pendingDays == 0 ? "available" : "pending")
        o.text("type", move.type)
        insert(.balanceTransaction, id, o.json, m)
        enter(move, id, m)
        return id
    }

    private static func shown(_ fee: StripeMovement.Fee, _ currency: String) -> JSON {
        .object([
            ("amount", .minor(fee.minor)), ("application", fee.type == "application_fee" ? .string(StripeSeed.client) : .null),
            ("currency", .string(currency)), ("description", .string(fee.description)), ("type", .string(fee.type)),
        ])
    }

    /// The entry: what Stripe owes the business against what it came from, debit positive, zero in all.
    private mutating func enter(_ move: StripeMovement, _ transaction: String, _ m: StripeMoment) {
        var lines: [(account: String, minor: Int64)] = [(move.kind.rawValue, -move.gross)]
        for fee in move.fees {
            let kind: ExpectedMoney.Kind = fee.type == "application_fee" ? .applicationFee : .fee
            lines.append((kind.rawValue, fee.minor))
        }
        lines.append(("balance", -lines.reduce(Int64(0)) { $0 + $1.minor }))
        let shown = lines.filter { $0.minor != 0 }.map { JSON.object([("account", .string($0.account)), ("minor", .minor($0.minor))]) }
        insert(.entry, "entry/" + transaction, .object([("currency", .string(move.currency)), ("lines", .array(shown))]), m)
    }

    /// The sums of the books by account, day, currency and kind.
    func expectedMoney() -> [ExpectedMoney] {
        var sums: [String: ExpectedMoney] = [:]
        for row in rows.all(.entry) {
            guard let business = business(row.scope) else { continue }
            let day = business.zone.date(of: Timestamp(seconds: row.created))
            let currency = (row.shown.text("currency") ?? "").uppercased()
            for line in row.shown["lines"]?.array ?? [] {
                guard let kind = line.text("account").flatMap(ExpectedMoney.Kind.init) else { continue }
                let key = "\(row.scope.text) \(day) \(currency) \(kind.rawValue)"
                var sum = sums[key] ?? ExpectedMoney(
                    account: row.scope.account, isLive: row.scope.isLive, day: day, currency: currency, kind: kind, minor: 0, count: 0)
                sum.minor -= line.minor("minor")
                sum.count += 1
                sums[key] = sum
            }
        }
        return sums.sorted { $0.key < $1.key }.map(\.value)
    }

    /// What the books say Stripe owes, by currency.
    func owed(_ scope: StripeScope) -> [String: Int64] {
        var out: [String: Int64] = [:]
        for row in rows.all(.entry, in: scope) {
            for line in row.shown["lines"]?.array ?? [] where line.text("account") == "balance" {
                out[row.shown.text("currency") ?? "", default: 0] += line.minor("minor")
            }
        }
        return out
    }

    // MARK: Reading

    func available(_ scope: StripeScope, at now: Timestamp) -> [String: (available: Int64, pending: Int64)] {
        var out: [String: (available: Int64, pending: Int64)] = [:]
        for currency in businesses[scope.account]?.holds ?? [] { out[currency] = (0, 0) }
        for row in rows.all(.balanceTransaction, in: scope) {
            let currency = row.shown.text("currency") ?? ""
            var sum = out[currency] ?? (0, 0)
            if row.shown.minor("available_on") <= now.seconds { sum.available += row.shown.minor("net") } else { sum.pending += row.shown.minor("net") }
            out[currency] = sum
        }
        return out
    }

    func balance(_ call: StripeCall) throws(StripeProblem) -> JSON {
        guard call.method == .get, call.path.count == 1 else { throw .unrecognised(call.method.rawValue, call.text) }
        try call.params.only([])
        let sums = available(call.moment.scope, at: call.moment.at).sorted { $0.key < $1.key }
        func shown(_ minor: Int64, _ currency: String) -> JSON {
            .object([("amount", .minor(minor)), ("currency", .string(currency)), ("source_types", .object([("card", .minor(minor))]))])
        }
        return .object([
            ("object", "balance"), ("available", .array(sums.map { shown($0.value.available, $0.key) })),
            ("livemode", .bool(call.moment.scope.isLive)), ("pending", .array(sums.map { shown($0.value.pending, $0.key) })),
        ])
    }

    func balanceTransactions(_ call: StripeCall) throws(StripeProblem) -> JSON {
        guard call.method == .get, call.path.count <= 2 else { throw .unrecognised(call.method.rawValue, call.text) }
        guard call.path.count == 1 else {
            try call.params.only([])
            return render(try find(.balanceTransaction, call.id, call.moment), at: call.moment.at)
        }
        let filters = ["currency": "currency", "source": "source", "type": "type", "payout": "_payout"]
        guard let id = try call.params.text("payout") else { return try page(.balanceTransaction, call, filters: filters) }
        let payout = try find(.payout, id, call.moment, param: "payout")
        guard payout.shown.flag("automatic") else {
            throw StripeProblem(400, nil, "Balance transaction history can only be filtered on automatic transfers, not manual.", param: "payout")
        }
        var params = filters
        params["payout"] = nil
        var inner = call
        inner.params = call.params.without("payout")
        return try page(.balanceTransaction, inner, filters: params) { $0.inner.text("payout") == id }
    }
}

extension StripeParams {
    func without(_ name: String) -> StripeParams {
        var out = self
        out.drop(name)
        return out
    }
}
