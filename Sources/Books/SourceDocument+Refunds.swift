public import Kernel

/// One line of a refund: units of an order line. All amounts positive. `taxes` nil: the cumulative rule decides.
public struct RefundLine: Sendable, Equatable {
    public var line: String
    public var quantity: ExactDecimal
    public var net: Money
    public var taxes: [TaxPart]?
    public var reasonCode: String?
    public var restocked: Bool?

    public init(
        line: String, quantity: ExactDecimal, net: Money, taxes: [TaxPart]?, reasonCode: String? = nil,
        restocked: Bool? = nil
    ) {
        self.line = line
        self.quantity = quantity
        self.net = net
        self.taxes = taxes
        self.reasonCode = reasonCode
        self.restocked = restocked
    }
}

public struct RefundAdjustment: Sendable, Equatable {
    /// `refundDiscrepancy` is negative (kept back); `goodwill` and `taxRefund` are positive (given).
    public enum Kind: String, Sendable {
        case refundDiscrepancy = "refund_discrepancy", goodwill, taxRefund = "tax_refund"
    }
    public var id: String
    public var kind: Kind
    public var amount: Money
    public var taxes: [TaxPart]

    public init(id: String, kind: Kind, amount: Money, taxes: [TaxPart] = []) {
        self.id = id
        self.kind = kind
        self.amount = amount
        self.taxes = taxes
    }
}

/// A fee kept from a refund.
public struct ReturnFee: Sendable, Equatable {
    public enum Kind: String, Sendable { case restocking, returnShipping = "return_shipping" }
    public var id: String
    public var kind: Kind
    public var amount: Money
    public var tax: Money?

    public init(id: String, kind: Kind, amount: Money, tax: Money? = nil) {
        self.id = id
        self.kind = kind
        self.amount = amount
        self.tax = tax
    }
}

/// Money that moved because of a refund or an edit.
public struct MoneyMovement: Sendable, Equatable {
    public var id: String
    public var gateway: String
    public var amount: Money
    public var status: Payment.Status
    public var at: Timestamp?
    /// A payout's row calls it by `id`, and not by the document that it is of.
    public var isNamed: Bool

    public init(id: String, gateway: String, amount: Money, status: Payment.Status, at: Timestamp? = nil, isNamed: Bool = false) {
        self.id = id
        self.gateway = gateway
        self.amount = amount
        self.status = status
        self.at = at
        self.isNamed = isNamed
    }
}

/// A refund of an order. `total` is the money given back, the sum of the successful `transactions`.
public struct Refund: Sendable, Equatable {
    public var currency: Currency
    public var taxIncluded: Bool
    public var lines: [RefundLine]
    public var shipping: [ShippingLine]
    public var adjustments: [RefundAdjustment]
    /// Fees the shop itself states; a returns system's come with its `GoodsReturn`.
    public var fees: [ReturnFee]
    public var total: Money
    public var transactions: [MoneyMovement]
    /// The legal entity that gives the money, where there are several.
    public var merchant: String?
    /// What of the sale's tip goes back: staff is owed that much less.
    public var tip: Money?

    public init(
        currency: Currency, taxIncluded: Bool, lines: [RefundLine], shipping: [ShippingLine] = [],
        adjustments: [RefundAdjustment] = [],
        fees: [ReturnFee] = [], total: Money, transactions: [MoneyMovement], merchant: String? = nil, tip: Money? = nil
    ) {
        self.currency = currency
        self.taxIncluded = taxIncluded
        self.lines = lines
        self.shipping = shipping
        self.adjustments = adjustments
        self.fees = fees
        self.total = total
        self.transactions = transactions
        self.merchant = merchant
        self.tip = tip
    }
}

/// Units taken out of an order before they were delivered.
public struct RemovedUnits: Sendable, Equatable {
    public var line: String
    public var quantity: ExactDecimal
    /// Taken off the line's net; `nil`: the cumulative rule decides.
    public var net: Money?
    public var taxes: [TaxPart]?

    public init(line: String, quantity: ExactDecimal, net: Money?, taxes: [TaxPart]?) {
        self.line = line
        self.quantity = quantity
        self.net = net
        self.taxes = taxes
    }
}

public struct SaleEdit: Sendable, Equatable {
    public var added: [SaleLine]
    public var removed: [RemovedUnits]
    /// The order's total after the edit.
    public var orderTotal: Money?
    /// Money given back because of it.
    public var transactions: [MoneyMovement]

    public init(added: [SaleLine], removed: [RemovedUnits], orderTotal: Money?, transactions: [MoneyMovement] = []) {
        self.added = added
        self.removed = removed
        self.orderTotal = orderTotal
        self.transactions = transactions
    }
}

public struct Cancellation: Sendable, Equatable {
    public enum Kind: String, Sendable { case cancelled, voided, deleted }
    public var kind: Kind
    public var reason: String?

    public init(kind: Kind, reason: String? = nil) {
        self.kind = kind
        self.reason = reason
    }
}

public struct ReturnedLine: Sendable, Equatable {
    public var line: String
    public var quantity: ExactDecimal
    public var reasonCode: String?
    public var net: Money?
    public var tax: Money?
    /// `restock` or `write_off`.
    public var disposition: String?
    /// The unit's own id, where the returns system tells units apart.
    public var id: String?
    /// The taxes given back, where the return itself becomes the credit note.
    public var taxes: [TaxPart]?

    public init(
        line: String, quantity: ExactDecimal, reasonCode: String?, net: Money? = nil, tax: Money? = nil,
        disposition: String? = nil, id: String? = nil, taxes: [TaxPart]? = nil
    ) {
        self.line = line
        self.quantity = quantity
        self.reasonCode = reasonCode
        self.net = net
        self.tax = tax
        self.disposition = disposition
        self.id = id
        self.taxes = taxes
    }
}

/// A return as a returns system tells it. Only a `closed` one counts.
public struct GoodsReturn: Sendable, Equatable {
    public var state: String
    /// The shop's refund it explains.
    public var refundRef: String?
    public var lines: [ReturnedLine]
    public var fees: [ReturnFee]
    /// How the returns system settles it, where the shop will send no refund: then the return is the credit note.
    public var settlement: ReturnSettlement?

    public init(
        state: String, refundRef: String?, lines: [ReturnedLine], fees: [ReturnFee],
        settlement: ReturnSettlement? = nil
    ) {
        self.state = state
        self.refundRef = refundRef
        self.lines = lines
        self.fees = fees
        self.settlement = settlement
    }
}

/// What becomes of the value of a return, as its system settles it.
public struct ReturnSettlement: Sendable, Equatable {
    /// What the return is worth: lines and `shipping` with their taxes, less fees.
    public var total: Money
    public var taxIncluded: Bool
    /// The new order, and its total.
    public var exchangeOrder: String?
    public var exchanged: Money
    /// What of the new order the credit does not cover: arrives as a payment of its own.
    public var shopperPays: Money
    /// A bonus of the shop included.
    public var storeCredit: Money
    public var storeCreditRef: String?
    /// The store credit is a gift card.
    public var isGiftCard: Bool
    /// Money given back; ids are those of the shop's refunds where the returns system names them.
    public var refunds: [MoneyMovement]
    /// Delivery given back.
    public var shipping: [ShippingLine]
    /// A bonus that helps to pay for the new order, beside one in `storeCredit`.
    public var exchangeBonus: Money?

    public init(
        total: Money, taxIncluded: Bool, exchangeOrder: String? = nil, exchanged: Money, shopperPays: Money,
        storeCredit: Money, storeCreditRef: String? = nil, isGiftCard: Bool = false, refunds: [MoneyMovement] = [],
        shipping: [ShippingLine] = [], exchangeBonus: Money? = nil
    ) {
        self.total = total
        self.taxIncluded = taxIncluded
        self.exchangeOrder = exchangeOrder
        self.exchanged = exchanged
        self.shopperPays = shopperPays
        self.storeCredit = storeCredit
        self.storeCreditRef = storeCreditRef
        self.isGiftCard = isGiftCard
        self.refunds = refunds
        self.shipping = shipping
        self.exchangeBonus = exchangeBonus
    }

    /// What the customer gets above what the return is worth: exchanged + store credit + refunds − paid − total.
    public var bonus: Money { exchanged + storeCredit + refunds.map(\.amount).total(total.currency) - shopperPays - total }

    /// The part of `bonus` that store credit holds.
    public var creditBonus: Money { exchangeBonus.map { bonus - $0 } ?? bonus }
}

public struct TipPayout: Sendable, Equatable {
    public var gateway: String
    public var amount: Money

    public init(gateway: String, amount: Money) {
        self.gateway = gateway
        self.amount = amount
    }
}
