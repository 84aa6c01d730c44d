internal import Kernel
internal import Wire

/// How REST and webhooks show the shop's objects.
/// - Source: Shopify Admin REST API, Order, Refund and Transaction resources, version 2026-10; amounts are padded
///   strings in the shop's currency beside `*_set` objects with both currencies.
struct ShopREST: Sendable {
    var shop: Shop

    func set(_ money: MoneyBag, _ order: ShopOrder) -> JSON {
        .object([
            ("shop_money", amount(money.shop, shop.currency)),
            ("presentment_money", amount(money.presentment, order.presentmentCurrency)),
        ])
    }

    private func amount(_ minor: Int64, _ currency: String) -> JSON {
        .object([("amount", .string(paddedAmount(minor))), ("currency_code", .string(currency))])
    }

    private func text(_ minor: Int64) -> JSON { .string(paddedAmount(minor)) }
    private func number(_ value: Int64) -> JSON { .number(String(value)) }
    private func time(_ instant: Timestamp?) -> JSON { instant.map { .string(shop.text($0)) } ?? .null }

    /// The order resource, as the body of `orders/*` webhooks and in `orders.json`.
    func order(_ order: ShopOrder) -> JSON {
        let head: [(key: String, value: JSON)] = [
            ("id", number(order.id)), ("admin_graphql_api_id", .string("gid://shopify/Order/\(order.id)")),
            ("name", .string(order.name)), ("order_number", number(Int64(order.number))),
            ("number", number(Int64(order.number - 1000))), ("app_id", 580_111),
            ("source_name", .string(order.sourceName)),
            ("confirmed", true), ("test", false), ("created_at", time(order.createdAt)),
            ("processed_at", time(order.processedAt)), ("updated_at", time(order.updatedAt)), ("closed_at", .null),
            ("cancelled_at", time(order.cancelledAt)), ("cancel_reason", order.cancelledAt == nil ? .null : "customer"),
            ("currency", .string(shop.currency)), ("presentment_currency", .string(order.presentmentCurrency)),
            ("taxes_included", .bool(order.taxesIncluded)), ("tax_exempt", false), ("estimated_taxes", false),
            ("financial_status", .string(order.financialStatus)), ("fulfillment_status", .optional(order.fulfilmentStatus)),
            ("payment_gateway_names", .array(gateways(order).map { .string($0) })),
            ("po_number", .null), ("note", .null), ("tags", ""), ("location_id", .null),
            ("email", .string(order.customer.email)),
        ]
        let tail: [(key: String, value: JSON)] = [
            ("tax_lines", .array(summedTaxes(order).map { taxLine($0, order) })),
            ("discount_codes", .array(order.discounts.filter(\.isCode).map(discountCode))),
            ("discount_applications", .array(order.discounts.map(discountApplication))),
            ("customer", customer(order.customer)),
            ("billing_address", address(order.customer)), ("shipping_address", address(order.customer)),
            ("line_items", .array(order.lines.map { line($0, order) })),
            ("shipping_lines", .array(order.shipping.map { shippingLine($0, order) })),
            ("fulfillments", .array(order.fulfilments.map { fulfilment($0, order) })),
            ("refunds", .array(order.refunds.map { refund($0, order) })),
        ]
        return .object(head + totals(order) + tail)
    }

    private func totals(_ order: ShopOrder) -> [(key: String, value: JSON)] {
        let amounts: [(String, MoneyBag)] = [
            ("total_line_items_price", order.totalLines), ("total_discounts", order.totalDiscounts),
            ("subtotal_price", order.subtotal), ("total_tax", order.totalTax), ("total_price", order.total),
            ("total_tip_received", order.tip), ("current_subtotal_price", order.currentSubtotal),
            ("current_total_tax", order.currentTax), ("current_total_discounts", order.currentDiscounts),
            ("current_total_price", order.currentTotal),
        ]
        var members: [(key: String, value: JSON)] = [("total_outstanding", text(order.outstanding.shop))]
        for (name, money) in amounts {
            members.append((name, text(money.shop)))
            members.append((name + "_set", set(money, order)))
        }
        members.append(("total_shipping_price_set", set(order.totalShipping, order)))
        return members
    }

    private func gateways(_ order: ShopOrder) -> [String] {
        var names: [String] = []
        for transaction in order.transactions where !names.contains(transaction.gateway) {
            names.append(transaction.gateway)
        }
        return names
    }

    /// The order's own `tax_lines`: one per title and rate, over lines and shipping.
    func summedTaxes(_ order: ShopOrder) -> [ShopTax] {
        var sums: [ShopTax] = []
        for tax in order.lines.prefix(order.placedLines).flatMap(\.taxes) + order.shipping.flatMap(\.taxes) {
            if let at = sums.firstIndex(where: { $0.title == tax.title && $0.rate == tax.rate }) {
                sums[at].price += tax.price
            } else {
                sums.append(tax)
            }
        }
        return sums
    }

    private func taxLine(_ tax: ShopTax, _ order: ShopOrder) -> JSON {
        .object([
            ("title", .string(tax.title)), ("rate", rateNumber(tax.rate)), ("price", text(tax.price.shop)),
            ("price_set", set(tax.price, order)), ("channel_liable", false),
        ])
    }

    private func discountCode(_ discount: ShopDiscount) -> JSON {
        .object([
            ("code", .string(discount.label)), ("amount", text(discount.amount.shop)),
            (
                "type",
                .string(
                    discount.target == "shipping_line"
                        ? "shipping" : discount.isPercentage ? "percentage" : "fixed_amount")
            ),
        ])
    }

    private func discountApplication(_ discount: ShopDiscount) -> JSON {
        .object([
            ("type", discount.isCode ? "discount_code" : "manual"),
            (discount.isCode ? "code" : "title", .string(discount.label)),
            ("value", .string(discount.value)), ("value_type", discount.isPercentage ? "percentage" : "fixed_amount"),
            ("allocation_method", discount.selection == "explicit" ? "one" : "across"),
            ("target_selection", .string(discount.selection)), ("target_type", .string(discount.target)),
        ])
    }

    private func customer(_ customer: ShopCustomer) -> JSON {
        .object([
            ("id", number(customer.id)), ("email", .string(customer.email)), ("first_name", .string(customer.first)),
            ("last_name", .string(customer.last)), ("tax_exempt", false),
        ])
    }

    private func address(_ customer: ShopCustomer) -> JSON {
        .object([
            ("name", .string(customer.name)), ("address1", .string(customer.street)), ("city", .string(customer.city)),
            ("province_code", customer.province.isEmpty ? .null : .string(customer.province)),
            ("zip", .string(customer.zip)), ("country_code", .string(customer.country)),
        ])
    }

    func line(_ line: ShopLine, _ order: ShopOrder) -> JSON {
        let allocations = line.allocations.map { allocation -> JSON in
            .object([
                ("amount", text(allocation.amount.shop)), ("amount_set", set(allocation.amount, order)),
                ("discount_application_index", number(Int64(allocation.discount))),
            ])
        }
        return .object([
            ("id", number(line.id)), ("admin_graphql_api_id", .string("gid://shopify/LineItem/\(line.id)")),
            ("variant_id", number(line.product.variantID)), ("product_id", number(line.product.productID)),
            ("title", .string(line.product.title)), ("name", .string(line.product.title)),
            ("sku", .string(line.product.sku)),
            ("quantity", number(Int64(line.quantity))), ("current_quantity", number(Int64(line.currentQuantity))),
            ("price", text(line.unitPrice.shop)), ("price_set", set(line.unitPrice, order)), ("total_discount", "0.00"),
            ("total_discount_set", set(.zero, order)), ("taxable", .bool(!line.product.isGiftCard)),
            ("gift_card", .bool(line.product.isGiftCard)), ("requires_shipping", .bool(!line.product.isGiftCard)),
            ("discount_allocations", .array(allocations)), ("tax_lines", .array(line.taxes.map { taxLine($0, order) })),
        ])
    }

    private func shippingLine(_ shipping: ShopShipping, _ order: ShopOrder) -> JSON {
        .object([
            ("id", number(shipping.id)), ("title", .string(shipping.title)), ("code", .string(shipping.title)),
            ("price", text(shipping.price.shop)), ("price_set", set(shipping.price, order)),
            ("discounted_price", text(shipping.net.shop)), ("discounted_price_set", set(shipping.net, order)),
            ("tax_lines", .array(shipping.taxes.map { taxLine($0, order) })),
        ])
    }

    /// The transaction resource: `amount` is in `currency`, the currency of the payment.
    func transaction(_ transaction: ShopTransaction, _ order: ShopOrder) -> JSON {
        .object([
            ("id", number(transaction.id)),
            ("admin_graphql_api_id", .string("gid://shopify/OrderTransaction/\(transaction.id)")),
            ("order_id", number(order.id)), ("parent_id", transaction.parent.map(number) ?? .null),
            ("kind", .string(transaction.kind.rawValue)), ("status", .string(transaction.status)),
            ("gateway", .string(transaction.gateway)), ("amount", text(transaction.amount.presentment)),
            ("currency", .string(order.presentmentCurrency)), ("amount_set", set(transaction.amount, order)),
            ("processed_at", time(transaction.processedAt)), ("created_at", time(transaction.processedAt)),
            ("test", false),
        ])
    }

    /// The refund resource: `subtotal` and `total_tax` of its lines are JSON numbers, everything else text.
    func refund(_ refund: ShopRefund, _ order: ShopOrder) -> JSON {
        .object([
            ("id", number(refund.id)), ("admin_graphql_api_id", .string("gid://shopify/Refund/\(refund.id)")),
            ("order_id", number(order.id)), ("created_at", time(refund.at)), ("processed_at", time(refund.at)),
            ("note", .string(refund.note)), ("restock", .bool(refund.lines.contains(where: \.restocked))),
            ("return", .null),
            ("duties", []),
            ("refund_line_items", .array(refund.lines.map { refundLine($0, order) })),
            ("order_adjustments", .array(refund.adjustments.map { adjustment($0, refund, order) })),
            ("transactions", .array(refund.transactions.map { transaction($0, order) })),
        ])
    }

    private func refundLine(_ line: ShopRefundLine, _ order: ShopOrder) -> JSON {
        .object([
            ("id", number(line.id)), ("line_item_id", number(order.lines[line.line].id)),
            ("quantity", number(Int64(line.quantity))), ("restock_type", line.restocked ? "return" : "no_restock"),
            ("location_id", 70_100_200_300),
            ("subtotal", .number(shortAmount(line.subtotal.shop))), ("total_tax", .number(shortAmount(line.tax.shop))),
            ("subtotal_set", set(line.subtotal, order)), ("total_tax_set", set(line.tax, order)),
        ])
    }

    private func adjustment(_ adjustment: ShopAdjustment, _ refund: ShopRefund, _ order: ShopOrder) -> JSON {
        .object([
            ("id", number(adjustment.id)), ("order_id", number(order.id)), ("refund_id", number(refund.id)),
            ("kind", .string(adjustment.kind)), ("reason", .string(adjustment.reason)),
            ("amount", text(adjustment.amount.shop)), ("tax_amount", text(adjustment.tax.shop)),
            ("amount_set", set(adjustment.amount, order)), ("tax_amount_set", set(adjustment.tax, order)),
        ])
    }

    /// The body of `orders/edited`: what was added and taken out, by line and units.
    func edit(_ edit: ShopEdit, _ order: ShopOrder) -> JSON {
        func change(_ id: Int64, _ delta: Int) -> JSON {
            .object([("id", number(id)), ("delta", number(Int64(delta)))])
        }
        let lines: JSON = .object([
            ("additions", .array(edit.added.map { change($0.id, $0.quantity) })),
            ("removals", .array(edit.removed.map { change(order.lines[$0.line].id, $0.quantity) })),
        ])
        return .object([
            (
                "order_edit",
                .object([
                    ("id", number(edit.id)), ("app_id", .null), ("created_at", time(edit.at)),
                    ("committed_at", time(edit.at)),
                    ("notify_customer", false), ("order_id", number(order.id)), ("staff_note", ""), ("user_id", .null),
                    ("line_items", lines),
                    ("discounts", .object([("line_item", .object([("additions", []), ("removals", [])]))])),
                ])
            )
        ])
    }
}
