internal import ConnectorKit
internal import Kernel
internal import Wire

/// One query with what it costs at most.
struct ShopifyQuery: Sendable {
    var text: String
    /// Points asked for, by the published rules: objects 1, connections 2 plus page size times node, scalars nothing.
    var points: Int

    func call(_ variables: JSON, _ kind: Call.Kind = .read) -> Call {
        let body: JSON = ["query": .string(text), "variables": variables]
        return Call(
            kind, HTTPRequest(.post, ShopifyConnector.path, body: body.bytes), cost: [ShopifyConnector.bucket: points])
    }
}

/// The queries. Page sizes are chosen so that each stays below 1000 points; longer lists are followed to their end.
/// - Source: GraphQL Admin API schema 2025-01; shopify.dev, "GraphQL Admin API rate limits".
enum ShopifyQueries {
    private static let page = "pageInfo{hasNextPage endCursor}"
    private static let money = "{shopMoney{amount currencyCode} presentmentMoney{amount currencyCode}}"
    private static let taxes = "taxLines{title rate channelLiable priceSet\(money)}"
    private static let allocations = "discountAllocations{allocatedAmountSet\(money)}"

    static let line = """
        id title sku quantity currentQuantity isGiftCard originalUnitPriceSet\(money) \(allocations) \(taxes) \
        variant{id}
        """
    static let charge = "id title originalPriceSet\(money) discountedPriceSet\(money) \(allocations) \(taxes)"
    static let transaction = """
        id kind status gateway createdAt processedAt test amountSet\(money) parentTransaction{id}
        """
    static let refundLine = "id quantity restockType lineItem{id} subtotalSet\(money) totalTaxSet\(money)"
    static let refundCharge = "id shippingLine{id} subtotalAmountSet\(money) taxAmountSet\(money)"
    static let adjustment = "id reason amountSet\(money) taxAmountSet\(money)"
    static let left = "id quantity lineItem{id}"
    static let sale = """
        id actionType lineType quantity totalAmount\(money) totalTaxAmount\(money) \
        totalDiscountAmountBeforeTaxes\(money) \
        ... on ProductSale{lineItem{id}} ... on GiftCardSale{lineItem{id}} ... on ShippingLineSale{shippingLine{id}}
        """

    private static func order(lines: Int, charges: Int, transactions: Int, refunds: Int, agreements: Int) -> String {
        """
        id legacyResourceId name createdAt processedAt updatedAt cancelledAt cancelReason test taxesIncluded taxExempt \
        currencyCode presentmentCurrencyCode sourceName poNumber totalPriceSet\(money) totalTipReceivedSet\(money) \
        shippingAddress{countryCodeV2 provinceCode} billingAddress{countryCodeV2 provinceCode} \
        lineItems(first:\(lines)){\(page) nodes{\(line)}} \
        shippingLines(first:\(charges),includeRemovals:true){\(page) nodes{\(charge)}} \
        transactions(first:\(transactions)){\(transaction)} refunds(first:\(refunds)){id} \
        fulfillments(first:\(fetchedFulfilments)){id} \
        agreements(first:\(agreements)){\(page) nodes{__typename id happenedAt}}
        """
    }

    /// Lists without cursors are complete when they are shorter than what was asked for.
    static let fetchedTransactions = 25
    static let fetchedRefunds = 40
    static let fetchedFulfilments = 40
    static let mostFulfilments = 250
    static let listedFulfilments = 4
    static let mostTransactions = 180
    static let mostRefunds = 250
    static let listedTransactions = 8
    static let listedRefunds = 4
    private static let listedAgreements = 4

    /// What there is of each order, by ids: what it comes to, only a fetch asks for.
    static let orders = ShopifyQuery(
        text: """
            query($after:String,$query:String!){orders(first:\(ShopifyLimits.ordersPerPage),after:$after,\
            sortKey:UPDATED_AT,query:$query){\(page) nodes{id updatedAt cancelledAt test \
            transactions(first:\(listedTransactions)){id kind status test} refunds(first:\(listedRefunds)){id} \
            fulfillments(first:\(listedFulfilments)){id status} agreements(first:\(listedAgreements)){pageInfo{hasNextPage} nodes{__typename id happenedAt \
            sales(first:1){nodes{id}}}}}}}
            """,
        points: 975)

    static let oneOrder = ShopifyQuery(
        text: """
            query($id:ID!){order(id:$id){\
            \(order(
                lines: 35, charges: 5, transactions: fetchedTransactions, refunds: fetchedRefunds, agreements: 10))}}
            """,
        points: 763)

    static let shop = ShopifyQuery(
        text: "query{shop{id name myshopifyDomain currencyCode ianaTimezone billingAddress{countryCodeV2}}}", points: 2)

    /// What an order was told by us.
    static let told = ShopifyQuery(
        text: """
            query($id:ID!){order(id:$id){id \
            metafield(namespace:"\(OrderLines.namespace)",key:"\(OrderLines.key)"){id value compareDigest}}}
            """,
        points: 2)

    static let tell = ShopifyQuery(
        text: """
            mutation($metafields:[MetafieldsSetInput!]!){metafieldsSet(metafields:$metafields){\
            metafields{id} userErrors{field message code}}}
            """,
        points: 10)

    static let transactions = ShopifyQuery(
        text: "query($id:ID!){order(id:$id){transactions(first:\(mostTransactions)){\(transaction)}}}", points: 901)
    static let refunds = ShopifyQuery(
        text: "query($id:ID!){order(id:$id){refunds(first:\(mostRefunds)){id}}}", points: 251)

    static let refund = ShopifyQuery(
        text: """
            query($id:ID!){refund(id:$id){id createdAt note \
            refundLineItems(first:25){\(page) nodes{\(refundLine)}} \
            refundShippingLines(first:5){\(page) nodes{\(refundCharge)}} \
            orderAdjustments(first:5){\(page) nodes{\(adjustment)}} \
            transactions(first:10){\(page) nodes{\(transaction)}}}}
            """,
        points: 338)

    static let fulfilments = ShopifyQuery(
        text: "query($id:ID!){order(id:$id){fulfillments(first:\(mostFulfilments)){id}}}", points: 251)

    static let fulfilment = ShopifyQuery(
        text: """
            query($id:ID!){fulfillment(id:$id){id status createdAt updatedAt \
            fulfillmentLineItems(first:90){\(page) nodes{\(left)}}}}
            """,
        points: 184)

    /// One agreement at a time, so that the sales of each can be followed to their end.
    static let agreement = ShopifyQuery(
        text: """
            query($id:ID!,$after:String,$salesAfter:String){order(id:$id){\
            agreements(first:1,after:$after){\(page) nodes{\
            __typename id happenedAt sales(first:50,after:$salesAfter){\(page) nodes{\(sale)}}}}}}
            """,
        points: 658)

    /// The rest of a list that did not fit its page: `owner` is `order`, `refund` or `fulfillment`.
    static func rest(_ owner: String, _ list: String) -> ShopifyQuery? {
        let pages: [String: (first: Int, node: String, points: Int)] = [
            "lineItems": (60, line, 784), "shippingLines": (40, charge, 604), "refundLineItems": (90, refundLine, 724),
            "refundShippingLines": (90, refundCharge, 724), "orderAdjustments": (90, adjustment, 634),
            "transactions": (150, transaction, 754), "fulfillmentLineItems": (90, left, 184),
        ]
        guard let wanted = pages[list] else { return nil }
        let removed = list == "shippingLines" ? ",includeRemovals:true" : ""
        return ShopifyQuery(
            text: """
                query($id:ID!,$after:String){\(owner)(id:$id){\
                \(list)(first:\(wanted.first),after:$after\(removed)){\(page) \
                nodes{\(wanted.node)}}}}
                """,
            points: wanted.points)
    }
}
