internal import Books
internal import Kernel

// What a record says, whichever of the two forms it came in. The documents are made of these alone, so that a webhook
// and a swept order can't tell two stories.

struct TaxRecord: Sendable, Equatable {
    var title: String
    var rate: ExactDecimal?
    var amount: Money
    var channelLiable: Bool
}

struct LineRecord: Sendable {
    var id: String
    var title: String
    var sku: String
    /// All units ever on the line, refunded and removed ones included.
    var quantity: Int
    /// Units left; `nil` where the record does not say.
    var current: Int?
    var unit: Money
    var gross: Money
    /// Of all units.
    var discount: Money
    var taxes: [TaxRecord]
    var giftCard: Bool
    var hasVariant: Bool

    var net: Money { gross - discount }
}

struct ShippingRecord: Sendable {
    var id: String
    var title: String
    var amount: Money
    var discount: Money
    var taxes: [TaxRecord]
}

/// Which of an order's two currencies is posted.
struct MoneySide: Sendable {
    var currency: Currency
    var presentment: Bool
    /// Shop and customer use the same currency.
    var single: Bool
}

struct OrderRecord: Sendable {
    var id: String
    var name: String
    var side: MoneySide
    var rate: ExactDecimal?
    var at: Timestamp
    var updatedAt: Timestamp
    var cancelledAt: Timestamp?
    var cancelReason: String?
    var test: Bool
    var taxIncluded: Bool
    var taxExempt: Bool
    var sourceName: String
    var poNumber: String?
    var place: Place?
    var lines: [LineRecord]
    var shipping: [ShippingRecord]
    var tip: Money
    var total: Money
    /// Prices times units as placed, where the record says so.
    var listedGross: Money?

    /// Whether the lines' prices times units are what the record says that they were as placed, where it does.
    var comesToListedGross: Bool {
        guard let listedGross else { return true }
        var sum = Money.zero(side.currency)
        for i in lines.indices { sum += lines[i].gross }
        return sum == listedGross
    }

    /// What the parts come to; the placed order's total where no line was added later.
    var sumOfParts: Money {
        let currency = side.currency
        var sum = lines.map(\.net).total(currency) + shipping.map { $0.amount - $0.discount }.total(currency) + tip
        if !taxIncluded {
            sum += (lines.flatMap(\.taxes) + shipping.flatMap(\.taxes)).map(\.amount).total(currency)
        }
        return sum
    }

    /// A tip given online is a line of its own besides being stated as the order's tip: it counts once.
    mutating func dropTipLines() {
        guard !tip.isZero else { return }
        let isTip: (LineRecord) -> Bool = {
            $0.title == "Tip" && !$0.hasVariant && $0.taxes.allSatisfy(\.amount.isZero)
        }
        guard lines.filter(isTip).map(\.gross).total(side.currency) == tip else { return }
        lines.removeAll(where: isTip)
    }
}

struct TransactionRecord: Sendable {
    enum Kind: Sendable { case sale, capture, authorization, void, refund, other }
    var id: String
    var kind: Kind
    var outcome: Payment.Status
    var gateway: String
    var at: Timestamp?
    var amount: Money
    var parent: String?
    var test: Bool

    /// REST writes `sale`, GraphQL `SALE`.
    /// - Source: GraphQL Admin API schema 2025-01, `OrderTransactionKind` and `OrderTransactionStatus`.
    static func kind(_ text: String) -> Kind {
        switch text.lowercased() {
        case "sale": .sale
        case "capture": .capture
        case "authorization", "emv_authorization": .authorization
        case "void": .void
        case "refund": .refund
        default: .other
        }
    }

    /// Money received, or an attempt at it that is decided. An open attempt says nothing yet: it becomes a document
    /// when it is settled, and so a sweep sees that it was.
    static func isPayment(_ kind: Kind, _ outcome: Payment.Status, test: Bool) -> Bool {
        switch kind {
        case .sale, .capture, .authorization, .void: !test && outcome != .pending
        case .refund, .other: false
        }
    }

    /// A status nobody knows yet posts nothing.
    static func outcome(_ text: String) -> Payment.Status {
        switch text.lowercased() {
        case "success": .success
        case "failure", "error": .failure
        default: .pending
        }
    }
}

struct RefundLineRecord: Sendable {
    var line: String
    var quantity: Int
    var net: Money
    var tax: Money
    var restocked: Bool
}

struct AdjustmentRecord: Sendable {
    var id: String
    var amount: Money
    var tax: Money
    /// Stands in for money that is still on its way: goes away by itself.
    var pending: Bool
}

struct RefundRecord: Sendable {
    var id: String
    var order: String
    var at: Timestamp
    var note: String?
    var lines: [RefundLineRecord]
    /// Given back of delivery charges, positive; contains the tax where the order's prices do.
    var shipping: Money
    var shippingTax: Money
    var refundsShipping: Bool
    var adjustments: [AdjustmentRecord]
    var transactions: [TransactionRecord]
    var currency: Currency

    var isTest: Bool { !transactions.isEmpty && transactions.allSatisfy(\.test) }
    private var back: [TransactionRecord] { transactions.filter { $0.kind == .refund && !$0.test } }
    var movements: [MoneyMovement] {
        back.map { MoneyMovement(id: $0.id, gateway: $0.gateway, amount: $0.amount, status: $0.outcome, at: $0.at) }
    }
    /// Given back for good.
    var settled: Money { back.filter { $0.outcome == .success }.map(\.amount).total(currency) }
    /// Given back or on its way.
    var moved: Money { back.filter { $0.outcome != .failure }.map(\.amount).total(currency) }
    /// Discrepancies, tax included, as stated.
    var stated: Money { adjustments.filter { !$0.pending }.map { $0.amount + $0.tax }.total(currency) }

    /// Grows when a transaction settles. Even: an odd version is the same refund told by somebody who knows better.
    var version: Int64 { at.microseconds + 2 * back.map { VersionRank.of($0.outcome) }.reduce(0, +) }
}

enum VersionRank {
    /// A transaction keeps its time while its status moves on; its version must not stand still.
    static func of(_ status: Payment.Status) -> Int64 {
        switch status {
        case .pending: 0
        case .authorised: 1
        case .failure, .voided: 2
        case .success: 3
        }
    }
}

/// One entry of an order's agreements: what was agreed when it was placed, edited or refunded.
struct AgreementRecord: Sendable {
    struct Entry: Sendable {
        var line: String?
        var shippingLine: String?
        var units: Int
        /// After discounts, with tax; negative where something was taken away.
        var total: Money
        var tax: Money
        var removes: Bool
    }
    var id: String
    var at: Timestamp
    var isEdit: Bool
    var entries: [Entry]

    /// The order in which edits are numbered.
    static func isEarlier(_ a: (at: Timestamp, id: String), _ b: (at: Timestamp, id: String)) -> Bool {
        a.at != b.at ? a.at < b.at : (a.id.utf8.count, a.id) < (b.id.utf8.count, b.id)
    }
}
