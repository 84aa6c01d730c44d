public import Kernel

/// The closed list of canonical document kinds. Edits, cancellations, voids, fulfilments and returns without money
/// are notes on a document.
public enum DocumentKind: String, Sendable, CaseIterable {
    case sale, salesOrder = "sales_order", invoice, payment, creditNote = "credit_note", refund, payout, deposit,
        dispute, bill
    case purchaseOrder = "purchase_order", stockAdjustment = "stock_adjustment", registerClosure = "register_closure"
    case bankLine = "bank_line", journal, party, item
}

/// One canonical document (or a note on one) as a source told it, in ledger-neutral words.
/// Identity is (flow, `kind`, `id`); of two with the same identity the higher `version` counts.
public struct SourceDocument: Sendable, Equatable {
    /// The source's id, `6120034117000` or `O-1001`.
    public var id: String
    /// The id of the order (or job invoice) this belongs to: documents with the same `caseID` are accounted for
    /// together.
    public var caseID: String
    /// Grows with every change in the source (its updated-at in microseconds, or its version number). An equal or
    /// lower one is stale.
    public var version: Int64
    /// When it happened in the source. Dates the ledger document.
    public var at: Timestamp
    public var body: Body

    public enum Body: Sendable, Equatable {
        /// An order, or an invoice of a job system: goods and services sold.
        case sale(Sale)
        case payment(Payment)
        case refund(Refund)
        /// Units added to or removed from an order after it was placed.
        case edit(SaleEdit)
        /// The order was cancelled, the invoice voided or deleted.
        case cancellation(Cancellation)
        /// What a returns system knows about a return.
        case goodsReturn(GoodsReturn)
        /// Tips handed to staff out of a till.
        case tipPayout(TipPayout)
        /// What a processor paid to the bank.
        case payout(Payout)
        case dispute(Dispute)
        /// Money taken before there is an invoice.
        case deposit(Deposit)
        case bankLine(BankLine)
        /// What was left on a gift card when it ran out.
        case giftCardExpiry(GiftCardExpiry)
        /// Goods that left.
        case fulfilment(Fulfilment)
        /// Stock that came in, was counted, or cost more than its price.
        case stock(StockMovement)
        /// A till that was counted.
        case registerClosure(RegisterClosure)
        /// How much is left of an item, and what to order.
        case stockLevel(StockLevel)
        /// What a supplier wants to be paid.
        case bill(Bill)
    }

    public init(id: String, caseID: String, version: Int64, at: Timestamp, body: Body) {
        self.id = id
        self.caseID = caseID
        self.version = version
        self.at = at
        self.body = body
    }

    /// `nil` for a note on another document.
    public var kind: DocumentKind? {
        switch body {
        case .sale(let sale): sale.isInvoice ? .invoice : .sale
        case .payment: .payment
        case .refund: .refund
        case .tipPayout, .giftCardExpiry: .journal
        case .payout: .payout
        case .dispute: .dispute
        case .deposit: .deposit
        case .bankLine: .bankLine
        case .stock: .stockAdjustment
        case .registerClosure: .registerClosure
        case .stockLevel: .purchaseOrder
        case .bill: .bill
        case .edit, .cancellation, .goodsReturn, .fulfilment: nil
        }
    }
}

/// One tax on one line or on a whole order. `amount` is what the source charged, never recomputed.
public struct TaxPart: Sendable, Equatable {
    /// `US-CO-JEFFERSON`, `GB`; `nil` when the source does not say (preflight holds the document).
    public var jurisdiction: String?
    /// A fraction: 0.0825. `nil` in refunds that only state the amount.
    public var rate: ExactDecimal?
    public var amount: Money
    /// The channel collects and remits it: not our liability.
    public var channelLiable: Bool
    /// A person set it by hand in the source.
    public var overridden: Bool

    public init(
        jurisdiction: String?, rate: ExactDecimal?, amount: Money, channelLiable: Bool = false, overridden: Bool = false
    ) {
        self.jurisdiction = jurisdiction
        self.rate = rate
        self.amount = amount
        self.channelLiable = channelLiable
        self.overridden = overridden
    }
}

/// Goods or services sold. `gross` = quantity × unit price; `net` = `gross` − `discount`; both contain the tax where
/// the sale's `taxIncluded`. `discount`, `net`, `taxes` are `nil` when the source states them for the whole order
/// only.
public struct SaleLine: Sendable, Equatable {
    public var id: String
    public var sku: String
    public var title: String
    /// The group that decides the sales account; `nil` until rules have classified it.
    public var group: String?
    public var quantity: ExactDecimal
    public var gross: Money
    public var discount: Money?
    public var net: Money?
    public var taxes: [TaxPart]?
    /// A gift card sold: a liability, not a sale.
    public var giftCard: Bool
    /// The card's own reference, for open items.
    public var giftCardRef: String?
    public var location: String?
    /// The canonical code that the source states: `GB-EXPORT`. `nil`: it follows from `taxes`.
    public var taxCode: String?

    public init(
        id: String, sku: String, title: String, group: String? = nil, quantity: ExactDecimal, gross: Money,
        discount: Money?, net: Money?,
        taxes: [TaxPart]?, giftCard: Bool = false, giftCardRef: String? = nil, location: String? = nil,
        taxCode: String? = nil
    ) {
        self.id = id
        self.sku = sku
        self.title = title
        self.group = group
        self.quantity = quantity
        self.gross = gross
        self.discount = discount
        self.net = net
        self.taxes = taxes
        self.giftCard = giftCard
        self.giftCardRef = giftCardRef
        self.location = location
        self.taxCode = taxCode
    }
}

/// A delivery charge. `net` = `amount` − `discount`, with tax contained where the sale's `taxIncluded`.
public struct ShippingLine: Sendable, Equatable {
    public var id: String
    public var title: String
    public var amount: Money
    public var discount: Money
    public var net: Money
    public var taxes: [TaxPart]
    /// As a line's.
    public var taxCode: String?

    public init(
        id: String, title: String, amount: Money, discount: Money, net: Money, taxes: [TaxPart], taxCode: String? = nil
    ) {
        self.id = id
        self.title = title
        self.amount = amount
        self.discount = discount
        self.net = net
        self.taxes = taxes
        self.taxCode = taxCode
    }
}

/// A discount on the whole order that the source did not spread over its lines.
public struct OrderDiscount: Sendable, Equatable {
    public var id: String
    public var code: String
    public var amount: Money

    public init(id: String, code: String, amount: Money) {
        self.id = id
        self.code = code
        self.amount = amount
    }
}

/// A tax that the source states for the whole order.
public struct OrderTax: Sendable, Equatable {
    public var id: String
    public var part: TaxPart

    public init(id: String, part: TaxPart) {
        self.id = id
        self.part = part
    }
}

public struct Sale: Sendable, Equatable {
    /// What people call it: `#1042`.
    public var number: String
    /// The shop, till or channel it came from: `shop`, `pos`, `marketplace`.
    public var source: String
    /// `house` for the shop's one receivable, a channel's or a customer's own id otherwise.
    public var customer: String
    public var currency: Currency
    /// Base currency units per one unit of `currency`; `nil` when they are the same or the source does not say.
    public var rate: ExactDecimal?
    public var taxIncluded: Bool
    public var taxExempt: Bool
    public var lines: [SaleLine]
    public var shipping: [ShippingLine]
    public var discounts: [OrderDiscount]
    public var orderTaxes: [OrderTax]
    public var tip: Money?
    /// What the customer pays, channel tax included.
    public var total: Money
    /// An invoice of a job or ERP system rather than an order of a shop.
    public var isInvoice: Bool
    public var poNumber: String?
    /// The document of the order that an invoice bills.
    public var bills: String?
    /// Not sent yet: it posts nothing.
    public var isDraft: Bool
    /// The return whose credit pays for it.
    public var exchangeOf: String?
    /// A till's whole day, told with what was counted: nothing more is told of its money, nor of what left.
    public var isTillDay = false
    /// Deposits that it uses up.
    public var deposits: [DepositApplied]
    /// Import duty taken from the customer for somebody else; part of `total`.
    public var duties: [Duty]
    /// Why it carries no tax of ours, where that needs a reason.
    public var relief: TaxRelief?

    public init(
        number: String, source: String, customer: String = "house", currency: Currency, rate: ExactDecimal? = nil,
        taxIncluded: Bool,
        taxExempt: Bool = false, lines: [SaleLine], shipping: [ShippingLine] = [], discounts: [OrderDiscount] = [],
        orderTaxes: [OrderTax] = [], tip: Money? = nil, total: Money, isInvoice: Bool = false,
        poNumber: String? = nil, isDraft: Bool = false, exchangeOf: String? = nil, deposits: [DepositApplied] = [],
        duties: [Duty] = [], relief: TaxRelief? = nil, bills: String? = nil
    ) {
        self.number = number
        self.source = source
        self.customer = customer
        self.currency = currency
        self.rate = rate
        self.taxIncluded = taxIncluded
        self.taxExempt = taxExempt
        self.lines = lines
        self.shipping = shipping
        self.discounts = discounts
        self.orderTaxes = orderTaxes
        self.tip = tip
        self.total = total
        self.isInvoice = isInvoice
        self.poNumber = poNumber
        self.isDraft = isDraft
        self.exchangeOf = exchangeOf
        self.deposits = deposits
        self.duties = duties
        self.relief = relief
        self.bills = bills
    }
}

/// Money received. Only `success` counts; other states are kept and post nothing.
public struct Payment: Sendable, Equatable {
    public enum Status: String, Sendable { case success, authorised, pending, failure, voided }
    /// The tender: `card`, `shopify_payments`, `gift_card`, `paypal`, `cash`, `bank`.
    public var gateway: String
    public var amount: Money
    public var status: Status
    /// The gift card it was paid with.
    public var card: String?
    /// The payment it voids or captures.
    public var of: String?
    /// What `amount` is above (negative: below) the amount it settles, because there is no smaller coin.
    public var cashRounding: Money?
    /// What the payer or the bank wrote on it.
    public var reference: String?
    /// The legal entity that holds the money, where there are several.
    public var merchant: String?

    public init(
        gateway: String, amount: Money, status: Status, card: String? = nil, of: String? = nil,
        cashRounding: Money? = nil, reference: String? = nil, merchant: String? = nil
    ) {
        self.gateway = gateway
        self.amount = amount
        self.status = status
        self.card = card
        self.of = of
        self.cashRounding = cashRounding
        self.reference = reference
        self.merchant = merchant
    }
}
