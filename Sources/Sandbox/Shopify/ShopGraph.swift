internal import Kernel
internal import Wire

/// How GraphQL shows the shop's objects: gids, upper-case enums, UTC times, amounts without padding.
struct ShopGraph: Sendable {
    var shop: Shop

    func gid(_ type: String, _ id: Int64) -> GraphValue { .scalar(.string("gid://shopify/\(type)/\(id)")) }
    func text(_ text: String?) -> GraphValue { .scalar(.optional(text)) }
    func number(_ value: Int) -> GraphValue { .scalar(.number(String(value))) }
    func time(_ instant: Timestamp?) -> GraphValue { .scalar(.optional(instant?.description)) }

    func bag(_ money: MoneyBag, _ order: ShopOrder) -> GraphValue {
        let (shop, presentment) = (shop.currency, order.presentmentCurrency)
        return .node(
            GraphNode(type: "MoneyBag") { name in
                name == "shopMoney"
                    ? .node(Self.money(money.shop, shop)) : .node(Self.money(money.presentment, presentment))
            })
    }

    private static func money(_ minor: Int64, _ currency: String) -> GraphNode {
        GraphNode(type: "MoneyV2") { .scalar(.string($0 == "amount" ? shortAmount(minor) : currency)) }
    }

    func node() -> GraphNode {
        GraphNode(type: "Shop") { name in
            switch name {
            case "id": gid("Shop", shop.id)
            case "name": text(shop.name)
            case "email": text("owner@\(shop.name).example")
            case "url": text("https://\(shop.domain)")
            case "myshopifyDomain": text(shop.domain)
            case "currencyCode": text(shop.currency)
            case "ianaTimezone": text(shop.zone.name)
            case "taxesIncluded": .scalar(.bool(shop.taxesIncluded))
            case "billingAddress":
                .node(
                    GraphNode(type: "ShopAddress") { part in
                        let country = shop.currency == "GBP" ? "GB" : "US"
                        return text(
                            part == "countryCodeV2" ? country : country == "GB" ? "United Kingdom" : "United States")
                    })
            case "plan":
                .node(
                    GraphNode(type: "ShopPlan") { part in
                        switch part {
                        case "partnerDevelopment": .scalar(true)
                        case "shopifyPlus": .scalar(false)
                        default: .scalar("Development")
                        }
                    })
            default: nil
            }
        }
    }

    func order(_ order: ShopOrder) -> GraphNode {
        GraphNode(type: "Order") { name in head(of: order, name) ?? amount(of: order, name) ?? part(of: order, name) }
    }

    private func head(of order: ShopOrder, _ name: String) -> GraphValue? {
        switch name {
        case "id": gid("Order", order.id)
        case "legacyResourceId": text(String(order.id))
        case "name": text(order.name)
        case "createdAt": time(order.createdAt)
        case "processedAt": time(order.processedAt)
        case "updatedAt": time(order.updatedAt)
        case "cancelledAt": time(order.cancelledAt)
        case "cancelReason": text(order.cancelledAt == nil ? nil : "CUSTOMER")
        case "closedAt", "poNumber", "note": .scalar(.null)
        // Only who names one is given it.
        case "metafield": .node(nil)
        case "test", "taxExempt": .scalar(false)
        case "confirmed": .scalar(true)
        case "taxesIncluded": .scalar(.bool(order.taxesIncluded))
        case "currencyCode": text(shop.currency)
        case "presentmentCurrencyCode": text(order.presentmentCurrency)
        case "displayFinancialStatus": text(order.financialStatus.uppercased())
        case "displayFulfillmentStatus":
            text(order.fulfilmentStatus.map { $0 == "fulfilled" ? "FULFILLED" : "PARTIALLY_FULFILLED" } ?? "UNFULFILLED")
        case "sourceName": text(order.sourceName)
        case "email": text(order.customer.email)
        case "tags": .scalar([])
        case "edited": .scalar(.bool(!order.edits.isEmpty))
        case "paymentGatewayNames":
            .scalar(.array(Array(Set(order.transactions.map(\.gateway))).sorted().map { .string($0) }))
        case "discountCodes": .scalar(.array(order.discounts.filter(\.isCode).map { .string($0.label) }))
        default: nil
        }
    }

    private func amount(of order: ShopOrder, _ name: String) -> GraphValue? {
        switch name {
        case "totalPriceSet", "originalTotalPriceSet": bag(order.total, order)
        case "subtotalPriceSet": bag(order.subtotal, order)
        case "totalTaxSet": bag(order.totalTax, order)
        case "totalDiscountsSet": bag(order.totalDiscounts, order)
        case "totalShippingPriceSet": bag(order.totalShipping, order)
        case "totalTipReceivedSet": bag(order.tip, order)
        case "currentTotalPriceSet": bag(order.currentTotal, order)
        case "currentSubtotalPriceSet": bag(order.currentSubtotal, order)
        case "currentTotalTaxSet": bag(order.currentTax, order)
        case "currentTotalDiscountsSet": bag(order.currentDiscounts, order)
        case "totalRefundedSet": bag(order.refunded, order)
        case "totalReceivedSet": bag(order.received, order)
        case "netPaymentSet": bag(order.received - order.refunded, order)
        case "totalOutstandingSet": bag(order.outstanding, order)
        case "totalCashRoundingAdjustment":
            .node(GraphNode(type: "CashRoundingAdjustment") { _ in bag(.zero, order) })
        default: nil
        }
    }

    private func part(of order: ShopOrder, _ name: String) -> GraphValue? {
        switch name {
        case "customer": .node(customer(order.customer))
        case "billingAddress", "shippingAddress": .node(address(order.customer))
        case "retailLocation":
            order.sourceName == "pos"
                ? .node(GraphNode(type: "Location") { $0 == "id" ? gid("Location", 70_100_200_300) : text("Counter") })
                : .node(nil)
        case "lineItems": .all(order.lines.map { line($0, order) })
        case "shippingLines": .all(order.shipping.map { shippingLine($0, order) })
        case "taxLines": .list(ShopREST(shop: shop).summedTaxes(order).map { tax($0, order) })
        case "transactions": .list(order.transactions.map { transaction($0, order) })
        case "refunds": .list(order.refunds.map { refund($0, order) })
        case "fulfillments": .list(order.fulfilments.map { fulfilment($0, order) })
        case "agreements": .all(agreements(order))
        default: nil
        }
    }

    private func customer(_ customer: ShopCustomer) -> GraphNode {
        GraphNode(type: "Customer") { name in
            switch name {
            case "id": gid("Customer", customer.id)
            case "legacyResourceId": text(String(customer.id))
            case "email": text(customer.email)
            case "displayName": text(customer.name)
            case "firstName": text(customer.first)
            case "lastName": text(customer.last)
            case "taxExempt": .scalar(false)
            default: nil
            }
        }
    }

    private func address(_ customer: ShopCustomer) -> GraphNode {
        GraphNode(type: "MailingAddress") { name in
            switch name {
            case "name": text(customer.name)
            case "firstName": text(customer.first)
            case "lastName": text(customer.last)
            case "address1": text(customer.street)
            case "city": text(customer.city)
            case "province", "provinceCode": text(customer.province.isEmpty ? nil : customer.province)
            case "zip": text(customer.zip)
            case "country", "countryCodeV2": text(customer.country)
            case "address2": .scalar(.null)
            default: nil
            }
        }
    }

    private func tax(_ tax: ShopTax, _ order: ShopOrder) -> GraphNode {
        GraphNode(type: "TaxLine") { name in
            switch name {
            case "title": text(tax.title)
            case "rate": .scalar(rateNumber(tax.rate))
            case "ratePercentage": .scalar(rateNumber(tax.rate * 100))
            case "channelLiable": .scalar(false)
            case "priceSet": bag(tax.price, order)
            default: nil
            }
        }
    }

    func line(_ line: ShopLine, _ order: ShopOrder) -> GraphNode {
        GraphNode(type: "LineItem") { name in
            switch name {
            case "id": gid("LineItem", line.id)
            case "title", "name": text(line.product.title)
            case "sku": text(line.product.sku)
            case "quantity": number(line.quantity)
            case "currentQuantity", "refundableQuantity": number(line.currentQuantity)
            case "isGiftCard": .scalar(.bool(line.product.isGiftCard))
            case "taxable": .scalar(.bool(!line.product.isGiftCard))
            case "originalUnitPriceSet": bag(line.unitPrice, order)
            case "originalTotalSet": bag(line.gross, order)
            case "discountedTotalSet": bag(line.net, order)
            case "totalDiscountSet": bag(line.discount, order)
            case "discountAllocations": .list(line.allocations.map { allocation($0.amount, $0.discount, order) })
            case "taxLines": .list(line.taxes.map { tax($0, order) })
            case "variant":
                .node(
                    GraphNode(type: "ProductVariant") { part in
                        switch part {
                        case "id": gid("ProductVariant", line.product.variantID)
                        case "sku": text(line.product.sku)
                        default: text(String(line.product.variantID))
                        }
                    })
            case "product":
                .node(
                    GraphNode(type: "Product") { part in
                        switch part {
                        case "id": gid("Product", line.product.productID)
                        case "title": text(line.product.title)
                        default: text(String(line.product.productID))
                        }
                    })
            default: nil
            }
        }
    }

    private func allocation(_ amount: MoneyBag, _ index: Int, _ order: ShopOrder) -> GraphNode {
        GraphNode(type: "DiscountAllocation") { name in
            guard name == "discountApplication" else { return bag(amount, order) }
            let discount = order.discounts[index]
            return .node(
                GraphNode(type: "DiscountApplication") { part in
                    switch part {
                    case "index": number(index)
                    case "allocationMethod": text(discount.selection == "explicit" ? "ONE" : "ACROSS")
                    case "targetSelection": text(discount.selection.uppercased())
                    default: text(discount.target.uppercased())
                    }
                })
        }
    }

    func shippingLine(_ shipping: ShopShipping, _ order: ShopOrder) -> GraphNode {
        GraphNode(type: "ShippingLine") { name in
            switch name {
            case "id": gid("ShippingLine", shipping.id)
            case "title", "code": text(shipping.title)
            case "originalPriceSet": bag(shipping.price, order)
            case "discountedPriceSet": bag(shipping.net, order)
            case "discountAllocations":
                .list(
                    order.discounts.indices.filter { order.discounts[$0].target == "shipping_line" }
                        .map { allocation(order.discounts[$0].amount, $0, order) })
            case "taxLines": .list(shipping.taxes.map { tax($0, order) })
            default: nil
            }
        }
    }

    private func transaction(_ transaction: ShopTransaction, _ order: ShopOrder) -> GraphNode {
        GraphNode(type: "OrderTransaction") { name in
            switch name {
            case "id": gid("OrderTransaction", transaction.id)
            case "kind": text(transaction.kind.rawValue.uppercased())
            case "status": text(transaction.status.uppercased())
            case "gateway", "formattedGateway": text(transaction.gateway)
            case "processedAt", "createdAt": time(transaction.processedAt)
            case "test": .scalar(false)
            case "amountSet": bag(transaction.amount, order)
            case "parentTransaction":
                .node(order.transactions.first { $0.id == transaction.parent }.map { self.transaction($0, order) })
            case "fees": .list([])
            case "order": .node(self.order(order))
            default: nil
            }
        }
    }

    func refund(_ refund: ShopRefund, _ order: ShopOrder) -> GraphNode {
        let given = refund.adjustments.filter { $0.kind == "shipping_refund" }
        let kept = refund.adjustments.filter { $0.kind != "shipping_refund" }
        return GraphNode(type: "Refund") { name in
            switch name {
            case "id": gid("Refund", refund.id)
            case "legacyResourceId": text(String(refund.id))
            case "createdAt", "processedAt", "updatedAt": time(refund.at)
            case "note": text(refund.note)
            case "totalRefundedSet": bag(refund.total, order)
            case "refundLineItems": .all(refund.lines.map { refundLine($0, order) })
            case "refundShippingLines": .all(given.map { shippingRefund($0, order) })
            case "orderAdjustments": .all(kept.map { adjustment($0, order) })
            case "transactions": .all(refund.transactions.map { transaction($0, order) })
            case "return": .node(nil)
            case "order": .node(self.order(order))
            default: nil
            }
        }
    }

    private func refundLine(_ part: ShopRefundLine, _ order: ShopOrder) -> GraphNode {
        GraphNode(type: "RefundLineItem") { name in
            switch name {
            case "id": gid("RefundLineItem", part.id)
            case "lineItem": .node(line(order.lines[part.line], order))
            case "quantity": number(part.quantity)
            case "restockType": text(part.restocked ? "RETURN" : "NO_RESTOCK")
            case "subtotalSet": bag(part.subtotal, order)
            case "totalTaxSet": bag(part.tax, order)
            default: nil
            }
        }
    }

    /// Positive here, negative in REST. Where prices contain tax, so does the amount.
    private func shippingRefund(_ part: ShopAdjustment, _ order: ShopOrder) -> GraphNode {
        GraphNode(type: "RefundShippingLine") { name in
            switch name {
            case "id": gid("RefundShippingLine", part.id)
            case "shippingLine": .node(order.shipping.first.map { shippingLine($0, order) })
            case "subtotalAmountSet": bag(-part.amount, order)
            case "taxAmountSet": bag(-part.tax, order)
            default: nil
            }
        }
    }

    private func adjustment(_ part: ShopAdjustment, _ order: ShopOrder) -> GraphNode {
        GraphNode(type: "OrderAdjustment") { name in
            switch name {
            case "id": gid("OrderAdjustment", part.id)
            case "reason": text("REFUND_DISCREPANCY")
            case "amountSet": bag(part.amount, order)
            case "taxAmountSet": bag(part.tax, order)
            default: nil
            }
        }
    }
}
