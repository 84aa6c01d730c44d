internal import Books
internal import ConnectorKit
internal import Kernel
internal import Wire

/// How something was paid: which tender, and whether there is money of it.
/// - Source: api.json, TenderType; Payment.source_type.
enum Tendering {
    /// `nil` for a tender that says that nothing was owed.
    static func gateway(tender type: String, _ settings: SquareSettings) -> String? {
        switch type {
        case "CASH": "cash"
        case "SQUARE_GIFT_CARD": "gift_card"
        // Taken by others: a cheque, another terminal, a delivery service.
        case "THIRD_PARTY_CARD", "OTHER": "external"
        case "NO_SALE": nil
        default: settings.gateway
        }
    }

    /// `source`: of a payment; the destination of a refund.
    static func gateway(source: String, isGiftCard: Bool, _ settings: SquareSettings) -> String {
        switch source {
        case "CASH": "cash"
        case "EXTERNAL": "external"
        case "CARD" where isGiftCard: "gift_card"
        default: settings.gateway
        }
    }

    static func status(payment: Field) throws(Fault) -> Payment.Status {
        switch try payment["status"].word() {
        case "COMPLETED": .success
        case "APPROVED": .authorised
        case "PENDING": .pending
        case "CANCELED": .voided
        case "FAILED": .failure
        default: throw payment["status"].unreadable("a status of payments")
        }
    }

    /// The words of a tender's details; `nil` where it has none.
    static func status(tender: Field) throws(Fault) -> Payment.Status? {
        for details in [tender["card_details"], tender["bank_account_details"], tender["buy_now_pay_later_details"], tender["square_account_details"]] {
            switch try details["status"].optionalWord() {
            case nil: continue
            case "CAPTURED", "COMPLETED": return .success
            case "AUTHORIZED": return .authorised
            case "PENDING": return .pending
            case "VOIDED": return .voided
            case "FAILED": return .failure
            default: throw details["status"].unreadable("a status of tenders")
            }
        }
        return nil
    }

    /// Only the payment itself tells what became of it.
    static func isUncertain(_ tender: JSONView) -> Bool {
        if tender["type"].string == "BANK_ACCOUNT" { return true }
        let words = [tender["card_details"]["status"], tender["buy_now_pay_later_details"]["status"], tender["square_account_details"]["status"]]
        return words.contains { !$0.isNull && $0.string != "CAPTURED" }
    }
}

/// One of the tenders of an order.
struct TenderFacts {
    /// The payment's, which rows of payouts name.
    var id: String
    var gateway: String
    /// Its tip included.
    var amount: Money
    var status: Payment.Status
    var at: Timestamp
    var version: Int64
    var card: String?
    var rounding: Money?

    /// `payments`: those that were read besides; `nil` for one of nothing.
    init?(_ tender: Field, _ currency: Currency, payments: [Field], isClosed: Bool, _ settings: SquareSettings) throws(Fault) {
        let own = try tender["payment_id"].or(tender["id"]).id()
        id = own
        amount = try tender["amount_money"].moneyOrZero(currency)
        at = try tender["created_at"].instant()
        version = at.microseconds
        guard let gateway = Tendering.gateway(tender: try tender["type"].word(), settings), amount.minor > 0 else { return nil }
        self.gateway = gateway
        if let payment = payments.first(where: { SquareID.named($0.view["id"]) == own }) {
            status = try Tendering.status(payment: payment)
            version = (try payment["updated_at"].optionalInstant() ?? at).microseconds
        } else {
            let isTaken = isClosed || gateway == "cash" || gateway == "external"
            status = try Tendering.status(tender: tender) ?? (isTaken ? .success : .pending)
        }
    }

    var payment: Payment { Payment(gateway: gateway, amount: amount, status: status, card: card, cashRounding: rounding) }
}
