/// The types of the Admin API that the twin knows, as data: a query is held against this table before anything is
/// executed, so that a misspelt field fails on an empty shop too.
/// - Source: Shopify Admin GraphQL API 2026-10, the objects Order, LineItem, ShippingLine, OrderTransaction, Refund,
///   Fulfillment and what they refer to; only fields that a posting platform reads; of
///   mutations `metafieldsSet`.
struct GraphSchema: Sendable {
    enum Shape: Sendable, Equatable {
        case scalar
        case object(String)
        case list(String)
        case connection(String)

        /// The type whose fields a selection below this field names.
        var type: String? {
            switch self {
            case .scalar: nil
            case .object(let type), .list(let type): type
            case .connection(let type): type + "Connection"
            }
        }
    }

    let types: [String: [String: Shape]]

    static let admin = GraphSchema(adminTypes)

    /// `name` is a scalar, `name:Type` an object, `name:Type*` a list, `name:Type+` a connection; of a connection the
    /// three types around it follow by themselves.
    private init(_ table: [(String, String)]) {
        var types: [String: [String: Shape]] = [
            "PageInfo": [
                "hasNextPage": .scalar, "hasPreviousPage": .scalar, "startCursor": .scalar, "endCursor": .scalar,
            ]
        ]
        for (type, text) in table {
            var fields: [String: Shape] = ["__typename": .scalar]
            for word in text.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
                let halves = word.split(separator: ":")
                let name = String(halves[0])
                guard halves.count == 2 else {
                    fields[name] = .scalar
                    continue
                }
                let target = String(halves[1].filter { $0 != "*" && $0 != "+" })
                switch halves[1].last {
                case "*": fields[name] = .list(target)
                case "+":
                    fields[name] = .connection(target)
                    types[target + "Connection"] = [
                        "nodes": .list(target), "edges": .list(target + "Edge"), "pageInfo": .object("PageInfo"),
                    ]
                    types[target + "Edge"] = ["node": .object(target), "cursor": .scalar]
                default: fields[name] = .object(target)
                }
            }
            types[type] = fields
        }
        self.types = types
    }

    /// The arguments a field takes.
    func arguments(of field: String, shape: Shape, type: String) -> [String] {
        if case .connection = shape {
            return ["first", "last", "after", "before", "reverse"]
                + (type == "QueryRoot" ? ["query", "sortKey", "savedSearchId"] : [])
                + (field == "shippingLines" ? ["includeRemovals"] : [])
        }
        switch (type, field) {
        case ("QueryRoot", "order"), ("QueryRoot", "refund"), ("QueryRoot", "fulfillment"), ("QueryRoot", "node"): return ["id"]
        case ("Order", "transactions"), ("Order", "refunds"), ("Order", "fulfillments"): return ["first"]
        case ("LineItem", "taxLines"): return ["first"]
        case ("Order", "metafield"): return ["namespace", "key"]
        case ("Mutation", "metafieldsSet"): return ["metafields"]
        default: return []
        }
    }

    private static let adminTypes: [(String, String)] = [
        ("QueryRoot", "shop:Shop orders:Order+ order:Order refund:Refund fulfillment:Fulfillment node:Node"),
        ("Node", "id"),
        ("Mutation", "metafieldsSet:MetafieldsSetPayload"),
        ("MetafieldsSetPayload", "metafields:Metafield* userErrors:MetafieldsSetUserError*"),
        ("MetafieldsSetUserError", "code elementIndex field message"),
        ("Metafield", "id legacyResourceId namespace key value type compareDigest createdAt updatedAt ownerType"),
        (
            "Shop",
            "id name email url myshopifyDomain currencyCode ianaTimezone taxesIncluded plan:ShopPlan billingAddress:ShopAddress"
        ),
        ("ShopPlan", "publicDisplayName displayName partnerDevelopment shopifyPlus"),
        ("ShopAddress", "country countryCodeV2"),
        (
            "Order",
            """
            id legacyResourceId name createdAt processedAt updatedAt cancelledAt closedAt cancelReason test
            taxesIncluded taxExempt
            currencyCode presentmentCurrencyCode displayFinancialStatus displayFulfillmentStatus sourceName poNumber note email
            tags edited confirmed paymentGatewayNames discountCodes
            totalPriceSet:MoneyBag originalTotalPriceSet:MoneyBag subtotalPriceSet:MoneyBag totalTaxSet:MoneyBag
            totalDiscountsSet:MoneyBag totalShippingPriceSet:MoneyBag totalTipReceivedSet:MoneyBag
            currentTotalPriceSet:MoneyBag currentSubtotalPriceSet:MoneyBag currentTotalTaxSet:MoneyBag
            currentTotalDiscountsSet:MoneyBag totalRefundedSet:MoneyBag totalReceivedSet:MoneyBag netPaymentSet:MoneyBag
            totalOutstandingSet:MoneyBag totalCashRoundingAdjustment:CashRoundingAdjustment
            customer:Customer billingAddress:MailingAddress shippingAddress:MailingAddress retailLocation:Location
            lineItems:LineItem+ shippingLines:ShippingLine+ taxLines:TaxLine* transactions:OrderTransaction* refunds:Refund* fulfillments:Fulfillment*
            agreements:SalesAgreement+ metafield:Metafield
            """
        ),
        ("CashRoundingAdjustment", "paymentSet:MoneyBag refundSet:MoneyBag"),
        ("MoneyBag", "shopMoney:MoneyV2 presentmentMoney:MoneyV2"),
        ("MoneyV2", "amount currencyCode"),
        ("Customer", "id legacyResourceId email displayName firstName lastName taxExempt"),
        (
            "MailingAddress",
            "name firstName lastName address1 address2 city province provinceCode zip country countryCodeV2"
        ),
        ("Location", "id name"),
        (
            "LineItem",
            """
            id title name sku quantity currentQuantity refundableQuantity isGiftCard taxable originalUnitPriceSet:MoneyBag
            originalTotalSet:MoneyBag discountedTotalSet:MoneyBag totalDiscountSet:MoneyBag
            discountAllocations:DiscountAllocation* taxLines:TaxLine* variant:ProductVariant product:Product
            """
        ),
        ("DiscountAllocation", "allocatedAmountSet:MoneyBag discountApplication:DiscountApplication"),
        ("DiscountApplication", "index allocationMethod targetSelection targetType"),
        ("TaxLine", "title rate ratePercentage channelLiable priceSet:MoneyBag"),
        ("ProductVariant", "id legacyResourceId sku"),
        ("Product", "id legacyResourceId title"),
        (
            "ShippingLine",
            """
            id title code originalPriceSet:MoneyBag discountedPriceSet:MoneyBag discountAllocations:DiscountAllocation*
            taxLines:TaxLine*
            """
        ),
        (
            "OrderTransaction",
            """
            id kind status gateway formattedGateway processedAt createdAt test amountSet:MoneyBag
            parentTransaction:OrderTransaction fees:TransactionFee* order:Order
            """
        ),
        ("TransactionFee", "id type amount:MoneyV2"),
        (
            "Refund",
            """
            id legacyResourceId createdAt processedAt updatedAt note totalRefundedSet:MoneyBag refundLineItems:RefundLineItem+
            refundShippingLines:RefundShippingLine+ orderAdjustments:OrderAdjustment+ transactions:OrderTransaction+
            return:Return order:Order
            """
        ),
        ("Return", "id"),
        ("Fulfillment", "id legacyResourceId name status displayStatus createdAt updatedAt totalQuantity fulfillmentLineItems:FulfillmentLineItem+ order:Order"),
        ("FulfillmentLineItem", "id quantity lineItem:LineItem"),
        ("RefundLineItem", "id lineItem:LineItem quantity restockType subtotalSet:MoneyBag totalTaxSet:MoneyBag"),
        ("RefundShippingLine", "id shippingLine:ShippingLine subtotalAmountSet:MoneyBag taxAmountSet:MoneyBag"),
        ("OrderAdjustment", "id reason amountSet:MoneyBag taxAmountSet:MoneyBag"),
        ("SalesAgreement", agreement), ("OrderAgreement", agreement + " order:Order"),
        ("OrderEditAgreement", agreement),
        ("RefundAgreement", agreement + " refund:Refund"),
        ("Sale", sale), ("ProductSale", sale + " lineItem:LineItem"), ("GiftCardSale", sale + " lineItem:LineItem"),
        ("ShippingLineSale", sale + " shippingLine:ShippingLine"),
    ]

    private static let agreement = "id happenedAt reason sales:Sale+"
    private static let sale = """
        id quantity actionType lineType totalAmount:MoneyBag totalTaxAmount:MoneyBag
        totalDiscountAmountBeforeTaxes:MoneyBag
        """

    /// The interface of a type that has one.
    private static let interfaces: [String: String] = [
        "OrderAgreement": "SalesAgreement", "OrderEditAgreement": "SalesAgreement", "RefundAgreement": "SalesAgreement",
        "ProductSale": "Sale", "GiftCardSale": "Sale", "ShippingLineSale": "Sale",
    ]

    /// Whether an object of `type` has the fields selected on `condition`.
    static func type(_ type: String, is condition: String) -> Bool {
        type == condition || interfaces[type] == condition
    }
}
