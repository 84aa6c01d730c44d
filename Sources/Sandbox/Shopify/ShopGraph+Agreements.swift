internal import Kernel
internal import Wire

extension ShopGraph {
    /// One agreement: what was sold or taken back by it.
    private struct Agreement: Sendable {
        var type: String
        var id: Int64
        var at: Timestamp
        var reason: String
        var sales: [GraphNode]
        var refund: ShopRefund?
    }

    /// The order itself, each edit and each refund, in order of time: who reads an edited order for the first time
    /// learns here what was ordered and what changed.
    /// - Source: GraphQL Admin API, interface SalesAgreement and its types.
    func agreements(_ order: ShopOrder) -> [GraphNode] {
        let placed = order.lines.prefix(order.placedLines).map {
            sale($0, $0.quantity, $0.net, $0.tax, $0.discount, order)
        }
        let shipped = order.shipping.map { shippingSale($0, $0.net, $0.tax, $0.discount, order) }
        var changes: [Agreement] = []
        for edit in order.edits {
            let added = edit.added.map { sale($0, $0.quantity, $0.net, $0.tax, $0.discount, order) }
            let removed = edit.removed.map {
                sale(order.lines[$0.line], -$0.quantity, -$0.net, -$0.tax, -$0.discount, order)
            }
            changes.append(
                Agreement(
                    type: "OrderEditAgreement", id: edit.id, at: edit.at, reason: "ORDER_EDIT", sales: added + removed))
        }
        for refund in order.refunds {
            var sales = refund.lines.map {
                sale(order.lines[$0.line], -$0.quantity, -$0.subtotal, -$0.tax, .zero, order)
            }
            if let charge = order.shipping.first {
                sales += refund.adjustments.filter { $0.kind == "shipping_refund" }
                    .map { shippingSale(charge, $0.amount, $0.tax, .zero, order) }
            }
            changes.append(
                Agreement(
                    type: "RefundAgreement", id: refund.id, at: refund.at, reason: "REFUND", sales: sales,
                    refund: refund))
        }
        changes.sort { ($0.at, $0.id) < ($1.at, $1.id) }
        let first = Agreement(
            type: "OrderAgreement", id: order.id, at: order.processedAt, reason: "ORDER", sales: placed + shipped)
        return ([first] + changes).map { node($0, order) }
    }

    private func node(_ agreement: Agreement, _ order: ShopOrder) -> GraphNode {
        GraphNode(type: agreement.type) { name in
            switch name {
            case "id": gid(agreement.type, agreement.id)
            case "happenedAt": time(agreement.at)
            case "reason": text(agreement.reason)
            case "sales": .all(agreement.sales)
            case "order": .node(self.order(order))
            case "refund": .node(agreement.refund.map { refund($0, order) })
            default: nil
            }
        }
    }

    private func sale(
        _ line: ShopLine, _ quantity: Int, _ net: MoneyBag, _ tax: MoneyBag, _ discount: MoneyBag, _ order: ShopOrder
    ) -> GraphNode {
        GraphNode(type: line.product.isGiftCard ? "GiftCardSale" : "ProductSale") { name in
            switch name {
            case "id": gid(line.product.isGiftCard ? "GiftCardSale" : "ProductSale", line.id)
            case "quantity": number(quantity)
            case "actionType": text(quantity < 0 ? "RETURN" : "ORDER")
            case "lineType": text(line.product.isGiftCard ? "GIFT_CARD" : "PRODUCT")
            case "lineItem": .node(self.line(line, order))
            default: amount(name, net, tax, discount, order)
            }
        }
    }

    private func shippingSale(
        _ charge: ShopShipping, _ net: MoneyBag, _ tax: MoneyBag, _ discount: MoneyBag, _ order: ShopOrder
    ) -> GraphNode {
        GraphNode(type: "ShippingLineSale") { name in
            switch name {
            case "id": gid("ShippingLineSale", charge.id)
            case "quantity": number(net.shop < 0 ? -1 : 1)
            case "actionType": text(net.shop < 0 ? "RETURN" : "ORDER")
            case "lineType": text("SHIPPING")
            case "shippingLine": .node(shippingLine(charge, order))
            default: amount(name, net, tax, discount, order)
            }
        }
    }

    /// Totals are after discount and contain the tax, whether the shop's prices do or not.
    private func amount(
        _ name: String, _ net: MoneyBag, _ tax: MoneyBag, _ discount: MoneyBag, _ order: ShopOrder
    ) -> GraphValue? {
        switch name {
        case "totalAmount": bag(order.taxesIncluded ? net : net + tax, order)
        case "totalTaxAmount": bag(tax, order)
        case "totalDiscountAmountBeforeTaxes": bag(discount, order)
        default: nil
        }
    }
}
