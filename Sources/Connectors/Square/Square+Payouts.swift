internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

/// Payouts, to the cent.
/// - Source: api.json, Payout, PayoutEntry, ActivityType; that the fee is taken off the gross: developer.squareup.com, Payouts API.
struct PayoutReading {
    let settings: SquareSettings

    init(_ settings: SquareSettings) { self.settings = settings }

    /// It counts: the bank has it, or it came back.
    static func isDecided(_ payout: JSONView, _ settings: SquareSettings) -> Bool {
        switch payout["status"].string {
        case "PAID", "FAILED": true
        case "SENT": settings.takesSentPayouts
        default: false
        }
    }

    func payout(_ record: Field) throws(Fault) -> [SourceDocument] {
        let id = try record["payout"].object()["id"].id()
        let told = Field(record.view["payout"], "payout", of: "payout \(id)")
        let status = try told["status"].word()
        guard ["SENT", "PAID", "FAILED"].contains(status) else { throw told["status"].unreadable("a status of payouts") }
        guard settings.wants(try told["location_id"].optionalID()), Self.isDecided(told.view, settings) else { return [] }
        let amount = try told["amount_money"].money(), created = try told["created_at"].instant()
        let updated = try told["updated_at"].optionalInstant() ?? created
        var rows: [PayoutRow] = []
        for entry in try Field(record.view["entries"], "entries", of: told.subject).list(most: SquareLimits.rows) {
            rows.append(try row(entry, amount.currency, orders: record.view["refunds"]))
        }
        // One without entries shows as an entry of a later one.
        if !rows.isEmpty { try settle(&rows, told, amount) }
        guard Set(rows.map(\.id)).count == rows.count else { throw told["amount_money"].unbalanced("two of its entries have one id") }
        let body = Payout(
            gateway: settings.gateway, amount: amount, status: status == "FAILED" ? .failed : .paid, rows: rows,
            reference: try told["end_to_end_id"].optionalText() ?? id)
        return [SourceDocument(id: id, caseID: id, version: updated.microseconds, at: try day(told) ?? updated, body: .payout(body))]
    }

    /// Entries must be the payout, with the fee for it where no entry shows that.
    private func settle(_ rows: inout [PayoutRow], _ told: Field, _ amount: Money) throws(Fault) {
        let sum = rows.map(\.net).total(amount.currency)
        let parts = try told["payout_fee"].each { (fee) throws(Fault) in try fee["amount_money"].money(amount.currency) }
        let fee = parts.total(amount.currency)
        if sum == amount { return }
        guard !fee.isZero, sum - fee == amount else { throw told["amount_money"].unbalanced("its entries come to \(sum.text), \(amount.text) was paid out") }
        rows.append(PayoutRow(id: "payout_fee", kind: .fee, amount: .zero(amount.currency), fee: fee, net: -fee))
    }

    /// Noon of the day of arrival in UTC, which is on that day in all zones but the Pacific's easternmost.
    private func day(_ told: Field) throws(Fault) -> Timestamp? {
        guard let text = try told["arrival_date"].optionalText() else { return nil }
        guard let day = LocalDate(text), (0 ... 200_000).contains(day.daysSince1970) else { throw told["arrival_date"].unreadable("a day") }
        return Timestamp(seconds: Int64(day.daysSince1970) * 86_400 + 43_200)
    }

    /// - Throws: `unbalanced_record` where gross less fee is not net.
    private func row(_ entry: Field, _ currency: Currency, orders: JSONView) throws(Fault) -> PayoutRow {
        let id = try entry["id"].id()
        let gross = try entry["gross_amount_money"].money(currency), fee = try entry["fee_amount_money"].moneyOrZero(currency)
        let net = try entry["net_amount_money"].money(currency)
        guard gross - fee == net else { throw entry["net_amount_money"].unbalanced("entry \(id): \(gross.text) less \(fee.text) is not \(net.text)") }
        let type = try entry["type"].word()
        let kind = Self.kind(type, gross)
        return PayoutRow(
            id: id, kind: kind, ref: try reference(entry, type, orders), amount: gross, fee: fee, net: net, at: try entry["effective_at"].optionalInstant())
    }

    /// What an entry settles, by the name of our document: a payment, a dispute, or a refund within its return's order.
    private func reference(_ entry: Field, _ type: String, _ orders: JSONView) throws(Fault) -> String? {
        switch type {
        case "CHARGE": return try entry["type_charge_details"]["payment_id"].optionalID()
        case "REFUND":
            guard let refund = try entry["type_refund_details"]["refund_id"].optionalID() else { return nil }
            return SquareID.named(orders[refund]).map { "\($0)/\(refund)" } ?? refund
        case "DISPUTE": return try entry["type_dispute_details"]["dispute_id"].optionalID()
        case "OPEN_DISPUTE": return try entry["type_open_dispute_details"]["dispute_id"].optionalID()
        default: return nil
        }
    }

    /// What is unknown is open by name until a person says what it is.
    static func kind(_ type: String, _ gross: Money) -> PayoutRow.Kind {
        switch type {
        case "CHARGE": return .charge
        case "REFUND": return .refund
        case "DISPUTE", "OPEN_DISPUTE": return gross.minor < 0 ? .dispute : .disputeReversal
        case "HOLD_ADJUSTMENT", "RELEASE_ADJUSTMENT", "RESERVE_HOLD", "RESERVE_RELEASE": return gross.minor < 0 ? .reserveHold : .reserveRelease
        case "RETURNED_PAYOUT": return .payoutFailure
        case "PAYOUT": return .retained
        case "MONEY_TRANSFER", "MONEY_TRANSFER_REVERSAL": return .transfer
        case "FREE_PROCESSING", "TAX_ON_FEE", "PERCENTAGE_PROCESSING_ENROLLMENT", "PERCENTAGE_PROCESSING_DEACTIVATION": return .fee
        case _ where type.hasPrefix("AUTOMATIC_SAVINGS") || type.hasPrefix("BALANCE_FOLDERS") || type.hasPrefix("SQUARE_PAYROLL"): return .transfer
        // What an application earns is income of its own, not a fee given back.
        case _ where type.hasPrefix("APP_FEE"): return .adjustment
        case _ where type.split(separator: "_").contains("FEE"): return .fee
        default: return .adjustment
        }
    }
}
