internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

/// What a gateway kept of an order's payment, as its plugin notes it with the order: a statement of nothing that books the fee and moves the rest to the
/// gateway's balance, from where payouts take it.
struct GatewayFee {
    /// - Source: general knowledge: meta data of the plugins Stripe, WooPayments and PayPal Payments, and of the older PayPal gateway.
    private static let keys: [(tender: String, fee: [String], currency: String?, net: String?)] = [
        ("stripe", ["_stripe_fee", "Stripe Fee"], "_stripe_currency", "_stripe_net"),
        ("woocommerce_payments", ["_wcpay_transaction_fee"], nil, nil),
        ("paypal", ["PayPal Transaction Fee", "_paypal_fee"], nil, nil),
    ]

    /// In the currency that the gateway settles in.
    var fee: Money
    /// What it settled, where that is another currency than the order's.
    var settled: Money?

    /// `nil` where nothing is noted, or nothing that can be right.
    init?(_ order: OrderRecord, _ paid: Money, tender: String, _ settings: WooSettings) {
        let known = Self.keys.first { $0.tender == tender }
        var names = known?.fee ?? []
        if let own = settings.feeMeta[tender] { names.insert(own, at: 0) }
        var stated = names.lazy.compactMap { order.meta.decimal($0) }.first
        var code = known?.currency.flatMap { order.meta.text($0) }
        if stated == nil, tender == "paypal", let fees = order.meta["_ppcp_paypal_fees"] {
            let own = fees["paypal_fee"]
            stated = own["value"].decimal
            code = own["currency_code"].string
        }
        guard let stated, let exact = Exact(stated), !exact.isNegative else { return nil }
        let currency = code.flatMap { Currency($0.uppercased()) } ?? order.currency
        fee = exact.money(currency)
        guard currency != order.currency else {
            if fee > paid { return nil }
            return
        }
        // What a gateway converted can be told only before anything went back of it.
        guard order.refunds.isEmpty, let key = known?.net, let net = order.meta.decimal(key).flatMap({ Exact($0) }), !net.isNegative else { return nil }
        settled = net.money(currency) + fee
    }

    func document(_ order: OrderRecord, payment: SourceDocument, refunds: [SourceDocument], tender: String) -> SourceDocument? {
        guard case .payment(let body) = payment.body else { return nil }
        let zero = Money.zero(fee.currency), gross = settled ?? body.amount
        var rows = [
            PayoutRow(
                id: "charge", kind: .charge, ref: payment.id, amount: gross, fee: fee, net: gross - fee, at: payment.at,
                original: settled == nil ? nil : body.amount)
        ]
        for document in refunds {
            guard case .refund(let refund) = document.body else { continue }
            for moved in refund.transactions where moved.gateway == tender && !moved.amount.isZero {
                rows.append(PayoutRow(id: document.id, kind: .refund, ref: document.id, amount: -moved.amount, fee: zero, net: -moved.amount, at: moved.at))
            }
        }
        let sum = rows.map(\.net).total(fee.currency)
        if !sum.isZero { rows.append(PayoutRow(id: "kept", kind: .retained, amount: -sum, fee: zero, net: -sum, at: payment.at)) }
        let id = "\(order.id)-fee"
        let statement = Payout(gateway: tender, amount: zero, rows: rows, reference: "Fee of order \(order.number)")
        return SourceDocument(id: id, caseID: id, version: order.version, at: payment.at, body: .payout(statement))
    }
}

/// What WooPayments paid out: a sum of its balance, without its rows.
/// - Source: general knowledge, unconfirmed: `payments/deposits` of the plugin; amounts in the currency's smallest unit, times in milliseconds.
enum DepositReading {
    static let gateway = "woocommerce_payments"

    static func document(_ told: Field) throws(Fault) -> SourceDocument {
        let id = try told["id"].looseText()
        let deposit = told.named("deposit \(id.prefix(WooLimits.idCharacters))")
        guard isID(id) else { throw deposit["id"].unreadable("an id") }
        guard let code = deposit["currency"].view.string, let currency = Currency(code.uppercased()) else {
            throw deposit["currency"].unreadable("a currency code")
        }
        func money(_ field: Field) throws(Fault) -> Money {
            if field.isEmpty { return .zero(currency) }
            guard let minor = field.view.int, minor.magnitude <= UInt(WooLimits.amount) else { throw field.unreadable("an amount in \(currency)") }
            return Money(minor: Int64(minor), currency)
        }
        guard let date = deposit["date"].view.int, (1 ... 9_000_000_000_000).contains(date) else { throw deposit["date"].unreadable("a time in milliseconds") }
        let at = Timestamp(microseconds: Int64(date) * 1_000)
        let stated = try money(deposit["amount"]), fee = try money(deposit["fee"])
        let amount = deposit["type"].view.string == "withdrawal" ? -stated.magnitude : stated
        let state = try deposit["status"].looseText()
        let (status, rank): (Payout.Status, Int64) =
            switch state {
            case "paid": (.paid, 2)
            case "failed": (.failed, 3)
            case "canceled", "cancelled": (.cancelled, 3)
            default: (.pending, 1)
            }
        var rows: [PayoutRow] = []
        if !fee.isZero {
            // What the balance gave is above what reached the bank by the fee.
            rows = [PayoutRow(id: "fee", kind: .retained, amount: amount + fee, fee: fee, net: amount, at: at)]
        }
        return SourceDocument(
            id: id, caseID: id, version: at.microseconds + rank, at: at,
            body: .payout(Payout(gateway: gateway, amount: amount, status: status, rows: rows, reference: id)))
    }

    static func isID(_ text: String) -> Bool {
        (1 ... WooLimits.idCharacters).contains(text.utf8.count)
            && text.utf8.allSatisfy { (97 ... 122).contains($0) || (65 ... 90).contains($0) || (48 ... 57).contains($0) || $0 == 95 || $0 == 45 }
    }
}
