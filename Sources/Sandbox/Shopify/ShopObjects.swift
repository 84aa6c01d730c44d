internal import Kernel

/// A shop of the sandbox: what its admin shows under settings.
struct Shop: Sendable {
    /// The first label of its domain, which is also its place in the sandbox's paths.
    var name: String
    var id: Int64
    var currency: String
    var zone: Zone
    var taxesIncluded: Bool

    var domain: String { "\(name).myshopify.com" }
    /// The access token that never expires, of a custom app.
    var token: String { "shpat_sandbox_\(name)" }
    /// The app's client secret: signs webhooks and OAuth callbacks.
    var secret: String { "shpss_sandbox_\(name)" }

    /// Unpadded RFC 3339 with the shop's own offset, as REST prints times.
    func text(_ instant: Timestamp) -> String { instant.text(offsetSeconds: zone.offset(at: instant)) }
}

struct ShopTax: Sendable {
    var title: String
    /// Millionths.
    var rate: Int64
    /// For the whole line, all units, after discount.
    var price: MoneyBag
}

struct ShopDiscount: Sendable {
    /// A code, or the title of a discount given by hand.
    var label: String
    var isCode: Bool
    /// As Shopify prints it: `10.0` for ten per cent, `5.00` for an amount.
    var value: String
    var isPercentage: Bool
    /// `line_item` or `shipping_line`.
    var target: String
    /// `all` for the whole order, `explicit` for the one line.
    var selection: String
    var amount: MoneyBag
}

struct ShopLine: Sendable {
    var id: Int64
    var product: ShopProduct
    var quantity: Int
    /// After edits and refunds.
    var currentQuantity: Int
    var unitPrice: MoneyBag
    var allocations: [(amount: MoneyBag, discount: Int)]
    var taxes: [ShopTax]

    var gross: MoneyBag { unitPrice * quantity }
    var discount: MoneyBag { allocations.total(\.amount) }
    var tax: MoneyBag { taxes.total(\.price) }
    /// What is paid for the line; contains the tax where the shop's prices do.
    var net: MoneyBag { gross - discount }
}

struct ShopShipping: Sendable {
    var id: Int64
    var title: String
    var price: MoneyBag
    var discount: MoneyBag
    var taxes: [ShopTax]

    var net: MoneyBag { price - discount }
    var tax: MoneyBag { taxes.total(\.price) }
}

struct ShopTransaction: Sendable {
    enum Kind: String { case authorization, capture, sale, refund, void }
    var id: Int64
    var parent: Int64?
    var kind: Kind
    /// `success` or `failure`.
    var status: String
    /// `shopify_payments`, `paypal` or `gift_card`.
    var gateway: String
    var amount: MoneyBag
    var processedAt: Timestamp

    /// Money that came in.
    var isReceipt: Bool { status == "success" && (kind == .sale || kind == .capture) }
    /// Money that went back.
    var isRefund: Bool { status == "success" && kind == .refund }
}

struct ShopRefundLine: Sendable {
    var id: Int64
    /// Index in the order's lines.
    var line: Int
    var quantity: Int
    /// After discount; contains the tax where the shop's prices do.
    var subtotal: MoneyBag
    var tax: MoneyBag
    var restocked: Bool
}

struct ShopAdjustment: Sendable {
    var id: Int64
    /// `shipping_refund` or `refund_discrepancy`.
    var kind: String
    /// Signs as REST has them: shipping given back is negative, money kept back is negative.
    var amount: MoneyBag
    var tax: MoneyBag
    var reason: String
}

struct ShopRefund: Sendable {
    var id: Int64
    var at: Timestamp
    /// Reason codes and kept fees; see `RefundNote`.
    var note: String
    var lines: [ShopRefundLine]
    var adjustments: [ShopAdjustment]
    var transactions: [ShopTransaction]
    /// What a returns system tells of it, and the shop does not.
    var told: RefundNote?

    var total: MoneyBag { transactions.filter(\.isRefund).total(\.amount) }
}

struct ShopEdit: Sendable {
    var id: Int64
    var at: Timestamp
    var added: [ShopLine]
    /// Index in the order's lines and units taken out.
    var removed: [(line: Int, quantity: Int, net: MoneyBag, tax: MoneyBag, discount: MoneyBag)]
}

struct ShopCustomer: Sendable {
    var id: Int64
    var first: String
    var last: String
    var street: String
    var city: String
    var province: String
    var zip: String
    var country: String

    var name: String { "\(first) \(last)" }
    var email: String { "\(first).\(last)@example.com".lowercased() }
}

/// An order as the shop stores it; the changes of its life are applied to it one after the other.
struct ShopOrder: Sendable {
    var id: Int64
    var number: Int
    var createdAt: Timestamp
    var processedAt: Timestamp
    var updatedAt: Timestamp
    var cancelledAt: Timestamp?
    /// The customer's currency; amounts in it are the `presentment` sides.
    var presentmentCurrency: String
    var sourceName: String
    var customer: ShopCustomer
    /// As placed, then lines that edits added.
    var lines: [ShopLine]
    /// How many of `lines` the customer ordered.
    var placedLines: Int
    var shipping: [ShopShipping]
    var discounts: [ShopDiscount]
    var tip: MoneyBag
    var transactions: [ShopTransaction]
    var refunds: [ShopRefund]
    var edits: [ShopEdit]
    var taxesIncluded: Bool
    var fulfilments: [ShopFulfilment] = []

    var name: String { "#\(number)" }
    private var placed: ArraySlice<ShopLine> { lines.prefix(placedLines) }

    // As placed: these never change.
    var totalLines: MoneyBag { placed.total(\.gross) }
    var totalDiscounts: MoneyBag { placed.total(\.discount) + shipping.total(\.discount) }
    var subtotal: MoneyBag { placed.total(\.net) }
    var totalShipping: MoneyBag { shipping.total(\.net) }
    var totalTax: MoneyBag { placed.total(\.tax) + shipping.total(\.tax) }
    var total: MoneyBag { subtotal + totalShipping + (taxesIncluded ? .zero : totalTax) + tip }

    // After edits and refunds.
    var addedNet: MoneyBag { lines.dropFirst(placedLines).total(\.net) }
    var addedTax: MoneyBag { lines.dropFirst(placedLines).total(\.tax) }
    private var removals: [(line: Int, quantity: Int, net: MoneyBag, tax: MoneyBag, discount: MoneyBag)] {
        edits.flatMap(\.removed)
    }
    private var refundLines: [ShopRefundLine] { refunds.flatMap(\.lines) }
    private var shippingGivenBack: [ShopAdjustment] {
        refunds.flatMap(\.adjustments).filter { $0.kind == "shipping_refund" }
    }
    var currentSubtotal: MoneyBag {
        if cancelledAt != nil { return .zero }
        return subtotal + addedNet - removals.total(\.net) - refundLines.total(\.subtotal)
    }
    var currentTax: MoneyBag {
        if cancelledAt != nil { return .zero }
        return totalTax + addedTax - removals.total(\.tax) - refundLines.total(\.tax) + shippingGivenBack.total(\.tax)
    }
    var currentDiscounts: MoneyBag { cancelledAt == nil ? totalDiscounts - removals.total(\.discount) : .zero }
    var currentTotal: MoneyBag {
        if cancelledAt != nil { return .zero }
        return currentSubtotal + totalShipping + shippingGivenBack.total(\.amount)
            + (taxesIncluded ? .zero : currentTax) + tip
    }
    var received: MoneyBag { transactions.filter(\.isReceipt).total(\.amount) }
    var refunded: MoneyBag { transactions.filter(\.isRefund).total(\.amount) }
    /// What edits made the customer owe, or the shop owe the customer (negative), before money moved.
    var outstanding: MoneyBag {
        if cancelledAt != nil { return .zero }
        let settled = refunds.filter { $0.lines.isEmpty }.total(\.total)
        return total + editedTotal - received + settled
    }
    /// The change of the total by edits.
    var editedTotal: MoneyBag {
        addedNet - removals.total(\.net) + (taxesIncluded ? .zero : addedTax - removals.total(\.tax))
    }

    /// REST's word for where the money stands.
    var financialStatus: String {
        if cancelledAt != nil, received.isZero { return "voided" }
        if !refunded.isZero { return refunded.shop >= received.shop ? "refunded" : "partially_refunded" }
        if received.shop >= (total + editedTotal).shop { return "paid" }
        if !received.isZero { return "partially_paid" }
        return transactions.contains { $0.kind == .authorization && $0.status == "success" } ? "authorized" : "pending"
    }
}

/// An article of the catalogue.
struct ShopProduct: Sendable {
    var sku: String
    var title: String
    var productID: Int64
    var variantID: Int64
    /// Minor units of the shop's currency.
    var price: Int64
    /// VAT in millionths where the shop's prices contain it.
    var vat: Int64

    /// The SKU's prefix: `HOM`, `GAR`, `GIFT` and so on.
    var group: String { String(sku.prefix { $0 != "-" }) }
    var isGiftCard: Bool { group == "GIFT" }
}
