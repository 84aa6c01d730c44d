internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

/// What a row of the balance is, by its reporting category; by its type where an older record has none.
/// - Source: docs.stripe.com, "Reporting categories"; "Balance transaction types".
enum BalanceKind: Sendable, Equatable {
    case charge, chargeFailure, captureReversal, refund, refundFailure, dispute, disputeReversal, fee, reserve, payout, payoutCancel, payoutFailure
    case earning, earningRefund, transfer, other

    init(_ row: JSONView) {
        let type = row["type"].string ?? ""
        switch row["reporting_category"].string ?? type {
        case "charge", "payment": self = .charge
        case "charge_failure", "payment_failure_refund", "payment_reversal": self = .chargeFailure
        case "partial_capture_reversal": self = .captureReversal
        case "refund", "payment_refund": self = .refund
        case "refund_failure": self = .refundFailure
        case "dispute": self = .dispute
        case "dispute_reversal": self = .disputeReversal
        case "fee", "network_cost", "tax", "stripe_fee", "stripe_fx_fee", "tax_fee": self = .fee
        case "risk_reserved_funds", "connect_reserved_funds", "reserve_hold", "reserve_release", "reserve_transaction", "reserved_funds",
            "payout_minimum_balance_hold", "payout_minimum_balance_release":
            self = .reserve
        case "payout": self = .payout
        case "payout_reversal", "payout_cancel", "payout_failure": self = type == "payout_cancel" ? .payoutCancel : .payoutFailure
        case "platform_earning", "application_fee": self = .earning
        case "platform_earning_refund", "application_fee_refund": self = .earningRefund
        case "transfer", "transfer_reversal", "transfer_cancel", "transfer_failure", "transfer_refund", "topup", "topup_reversal",
            "connect_collection_transfer":
            self = .transfer
        default: self = type.hasPrefix("reserve_") || type.hasPrefix("payout_minimum_balance_") ? .reserve : .other
        }
    }

    /// A payout that names no rows takes its money itself.
    var isOfStatement: Bool { self != .payout && self != .payoutCancel }

    func row(_ amount: Money) -> PayoutRow.Kind {
        switch self {
        case .charge, .chargeFailure, .captureReversal, .earning: .charge
        case .refund, .earningRefund: .refund
        case .refundFailure: .refundFailure
        case .dispute: .dispute
        case .disputeReversal: .disputeReversal
        case .fee: .fee
        case .reserve: amount.minor < 0 ? .reserveHold : .reserveRelease
        case .payout, .payoutCancel: .retained
        case .payoutFailure: .payoutFailure
        case .transfer: .transfer
        case .other: .adjustment
        }
    }
}

/// Payouts and days of the balance, to the cent.
struct PayoutReading {
    let settings: StripeSettings

    init(_ settings: StripeSettings) { self.settings = settings }

    /// Nothing before it is decided and its rows are complete.
    func payout(_ record: Field) throws(Fault) -> [SourceDocument] {
        let id = try record["payout"].object()["id"].id()
        let told = Field(record.view["payout"], of: "payout \(id)")
        guard StripeConnector.isDecided(told.view) else {
            _ = try told["status"].word()
            return []
        }
        let currency = try told["currency"].currency()
        let amount = try told["amount"].money(currency), created = try told["created"].instant()
        var rows: [PayoutRow] = []
        let own = told["balance_transaction"]
        if try told["automatic"].flag(), try told["status"].word() != "canceled" {
            let given = try Field(record.view["rows"], "rows", of: told.subject).list(most: StripeLimits.rows)
            for field in given where StripeID.of(field.view["source"]) != id { rows.append(try row(field, currency)) }
            if own.view.isObject, let fee = try ownFee(own, amount) { rows.append(fee) }
            let sum = rows.map(\.net).total(currency)
            guard sum == amount else { throw told["amount"].unbalanced("its rows come to \(sum.text) \(currency), \(amount.text) was paid out") }
        } else if own.view.isObject, let fee = try ownFee(own, amount) {
            // What the balance gave is above what reached the bank by the fee.
            rows = [PayoutRow(id: fee.id, kind: .retained, amount: amount + fee.fee, fee: fee.fee, net: amount, at: fee.at)]
        }
        guard Set(rows.map(\.id)).count == rows.count else { throw told["amount"].unbalanced("two of its rows have one id") }
        let status: Payout.Status =
            switch told.view["status"].string {
            case "failed": .failed
            case "canceled": .cancelled
            default: .paid
            }
        let description = try told["description"].optionalText()
        let body = Payout(
            gateway: settings.gateway, amount: amount, status: status, rows: rows,
            reference: try told["statement_descriptor"].optionalText() ?? description)
        return [
            SourceDocument(
                id: id, caseID: id, version: Version.of(created, status == .paid ? 1 : 2), at: Self.noon(try told["arrival_date"].instant()),
                body: .payout(body))
        ]
    }

    /// A day of a balance that is paid out by hand: its rows against what the payouts take. One document for each currency.
    func statement(_ record: Field) throws(Fault) -> [SourceDocument] {
        guard let day = LocalDate(try record["day"].text()) else { throw record["day"].unreadable("a day") }
        let subject = "the balance of \(day)"
        var byCurrency: [Currency: [PayoutRow]] = [:]
        for field in try Field(record.view["rows"], "rows", of: subject).list(most: StripeLimits.rows) where BalanceKind(field.view).isOfStatement {
            let currency = try field["currency"].currency()
            byCurrency[currency, default: []].append(try row(field, currency))
        }
        let at = Timestamp(seconds: Int64(day.daysSince1970) * 86_400 + 43_200)
        return byCurrency.sorted { $0.key.code < $1.key.code }.map { currency, rows in
            let id = "balance-\(day)-\(currency)"
            let sum = rows.map(\.net).total(currency)
            let kept = PayoutRow(id: "kept", kind: .retained, amount: -sum, fee: .zero(currency), net: -sum, at: at)
            let body = Payout(
                gateway: settings.gateway, amount: .zero(currency), rows: sum.isZero ? rows : rows + [kept], reference: "Balance of \(day)")
            return SourceDocument(id: id, caseID: id, version: Version.of(at, Int64(rows.count)), at: at, body: .payout(body))
        }
    }

    /// Dates of arrival are midnights in UTC; noon is on the same day in all zones but the Pacific's easternmost.
    static func noon(_ at: Timestamp) -> Timestamp { Timestamp(seconds: at.seconds - at.seconds % 86_400 + 43_200) }

    /// What Stripe took for the payout itself; `nil` for nothing. Its row takes the payout's amount and the fee from the balance.
    private func ownFee(_ own: Field, _ amount: Money) throws(Fault) -> PayoutRow? {
        let fee = try own["fee"].money(amount.currency)
        guard try own["currency"].currency() == amount.currency, try own["amount"].money(amount.currency) == -amount,
            try own["net"].money(amount.currency) == -amount - fee
        else { throw own.unbalanced("its own row is not what was paid out") }
        if fee.isZero { return nil }
        return PayoutRow(
            id: try own["id"].id(), kind: .fee, amount: .zero(amount.currency), fee: fee, net: -fee, at: try own["created"].optionalInstant())
    }

    /// - Throws: `unbalanced_record` where amount less fee is not net, or the fee not the sum of its parts.
    private func row(_ row: Field, _ currency: Currency) throws(Fault) -> PayoutRow {
        let id = try row["id"].id()
        guard try row["currency"].currency() == currency else { throw row["currency"].unbalanced("row \(id) is not in \(currency)") }
        let (amount, fee, net) = (try row["amount"].money(currency), try row["fee"].money(currency), try row["net"].money(currency))
        guard amount - fee == net else { throw row["net"].unbalanced("row \(id): \(amount.text) less \(fee.text) is not \(net.text)") }
        let parts = try row["fee_details"].each { (part) throws(Fault) in try part["amount"].money(currency) }
        guard parts.isEmpty || parts.total(currency) == fee else { throw row["fee"].unbalanced("row \(id): the parts of its fee are not the fee") }
        let kind = BalanceKind(row.view).row(amount)
        let source = row.view["source"]
        // An earlier payout took its own fee: here it only was less there.
        let isPayout = kind == .retained
        return PayoutRow(
            id: id, kind: kind, ref: StripeID.of(source).map { settings.name(of: source, id: $0) }, amount: isPayout ? net : amount,
            fee: isPayout ? .zero(currency) : fee, net: net, at: try row["created"].instant(), original: try original(row, kind, amount))
    }

    /// The amount in the charge's own currency, where Stripe converted it.
    private func original(_ row: Field, _ kind: PayoutRow.Kind, _ amount: Money) throws(Fault) -> Money? {
        let source = row["source"]
        guard [.charge, .refund, .refundFailure].contains(kind), source.view.isObject, !source["currency"].isNull else { return nil }
        let currency = try source["currency"].currency()
        guard currency != amount.currency else { return nil }
        let whole = try source["amount"].money(currency)
        let taken = try source["amount_captured"].isNull ? whole : source["amount_captured"].money(currency)
        // A part that was not captured is a row of its own.
        let rest = BalanceKind(row.view) == .captureReversal ? [whole - taken] : []
        let found = StripeMoney.rate(stated: try row["exchange_rate"].rate(), candidates: rest + [taken, whole], settled: amount.magnitude)?.charged ?? whole
        return amount.minor < 0 ? -found : found
    }
}
