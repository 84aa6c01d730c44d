internal import Books
internal import Kernel
internal import Wire

/// Reads REST-shaped bodies: webhooks.
/// - Source: shopify.dev, REST Admin API resources Order, Refund and Transaction.
struct RESTReader {
    let fields: Fields
    let settings: ShopifySettings

    func order(_ root: JSONView) throws(Fault) -> OrderRecord {
        let side = try side(of: root)
        let total = try amount(root, "total_price", "total_price_set", side, Path())
        var taxes: [TaxRecord] = []
        let lines = try fields.each(root["line_items"], "line_items") { (view, path) throws(Fault) in
            // Most lines carry the taxes of the line before.
            let line = try self.line(view, side, path, like: taxes)
            taxes = line.taxes
            return line
        }
        let shipping = try fields.each(root["shipping_lines"], "shipping_lines") { (view, path) throws(Fault) in
            try self.shipping(view, side, path, like: taxes)
        }
        let tip = try optionalAmount(root, "total_tip_received", "total_tip_received_set", side, Path())
        let created = try fields.optionalInstant(root["created_at"], "created_at")
        let at = try fields.optionalInstant(root["processed_at"], "processed_at") ?? created
        guard let at else { throw fields.unreadable("processed_at", "a time with its offset") }
        var listed: Money?
        if !side.presentment, !root["total_line_items_price"].isNull {
            listed = try fields.money(root["total_line_items_price"], side.currency, "total_line_items_price")
        }
        let address = root["shipping_address"].isNull ? root["billing_address"] : root["shipping_address"]
        return OrderRecord(
            id: try fields.id(root["id"], "id"), name: try fields.text(root["name"], "name"), side: side,
            rate: try rate(root, side), at: at, updatedAt: try fields.instant(root["updated_at"], "updated_at"),
            cancelledAt: try fields.optionalInstant(root["cancelled_at"], "cancelled_at"),
            cancelReason: try fields.optionalText(root["cancel_reason"], "cancel_reason"),
            test: try fields.flag(root["test"], "test"),
            taxIncluded: try fields.requiredFlag(root["taxes_included"], "taxes_included"),
            taxExempt: try fields.flag(root["tax_exempt"], "tax_exempt"),
            sourceName: try fields.optionalText(root["source_name"], "source_name") ?? "",
            poNumber: try fields.optionalText(root["po_number"], "po_number"),
            place: Place(country: address["country_code"].string, province: address["province_code"].string)
                ?? settings.place,
            lines: lines, shipping: shipping, tip: tip, total: total, listedGross: listed)
    }

    func side(of root: JSONView) throws(Fault) -> MoneySide {
        let shop = try fields.currency(root["currency"], "currency")
        let presentment =
            root["presentment_currency"].isNull
            ? shop : try fields.currency(root["presentment_currency"], "presentment_currency")
        let foreign = settings.presentment && presentment != shop
        return MoneySide(currency: foreign ? presentment : shop, presentment: foreign, single: presentment == shop)
    }

    private func rate(_ root: JSONView, _ side: MoneySide) throws(Fault) -> ExactDecimal? {
        guard side.presentment else { return nil }
        let shop = MoneySide(
            currency: try fields.currency(root["currency"], "currency"), presentment: false, single: false)
        let totals = (
            try amount(root, "total_price", "total_price_set", shop, Path()),
            try amount(root, "total_price", "total_price_set", side, Path())
        )
        if let rate = Fields.rate(shop: totals.0, presentment: totals.1) { return rate }
        var (ours, theirs) = (Money.zero(shop.currency), Money.zero(side.currency))
        for (index, line) in try fields.list(root["line_items"], "line_items").enumerated() {
            let path = Path("line_items")[index]
            let units = try fields.units(line["quantity"], path + ".quantity")
            ours += try fields.times(try amount(line, "price", "price_set", shop, path), units, path + ".price")
            theirs += try fields.times(try amount(line, "price", "price_set", side, path), units, path + ".price")
        }
        return Fields.rate(shop: ours, presentment: theirs)
    }

    /// The amount of the side that is posted: from `*_set`, else the plain field, which is in the shop's currency.
    func amount(_ view: JSONView, _ plain: StaticString, _ set: StaticString, _ side: MoneySide, _ path: Path) throws(Fault)
        -> Money
    {
        let stated = view[set, side.presentment ? "presentment_money" : "shop_money", "amount"]
        if stated.exists { return try fields.money(stated, side.currency, path + set) }
        guard !side.presentment || side.single else {
            throw fields.unreadable(path + set, "an amount in \(side.currency)")
        }
        return try fields.money(view[plain], side.currency, path + plain)
    }

    /// Absent or zero in the shop's currency is zero in any.
    func optionalAmount(
        _ view: JSONView, _ plain: StaticString, _ set: StaticString, _ side: MoneySide, _ path: Path
    ) throws(Fault) -> Money {
        if view[set].isNull, view[plain].isNull || view[plain].decimal?.isZero == true { return .zero(side.currency) }
        return try amount(view, plain, set, side, path)
    }

    private func line(_ view: JSONView, _ side: MoneySide, _ path: Path, like known: [TaxRecord]) throws(Fault) -> LineRecord {
        let quantity = try fields.units(view["quantity"], path + ".quantity")
        let unit = try amount(view, "price", "price_set", side, path)
        return LineRecord(
            id: try fields.id(view["id"], path + ".id"), title: try fields.text(view["title"], path + ".title"),
            sku: try fields.optionalText(view["sku"], path + ".sku") ?? "", quantity: quantity,
            current: view["current_quantity"].isNull
                ? nil : try fields.units(view["current_quantity"], path + ".current_quantity"),
            unit: unit, gross: try fields.times(unit, quantity, path + ".price"),
            discount: try allocations(view, side, path),
            taxes: try taxes(view, side, path, like: known), giftCard: try fields.flag(view["gift_card"], path + ".gift_card"),
            hasVariant: !view["variant_id"].isNull)
    }

    private func allocations(_ view: JSONView, _ side: MoneySide, _ path: Path) throws(Fault) -> Money {
        var sum = Money.zero(side.currency)
        try fields.forEach(view["discount_allocations"], path + ".discount_allocations") { (part, own) throws(Fault) in
            sum += try amount(part, "amount", "amount_set", side, own)
        }
        return sum
    }

    /// `known`: taxes that these are most likely called like, one by one.
    private func taxes(_ view: JSONView, _ side: MoneySide, _ path: Path, like known: [TaxRecord]) throws(Fault) -> [TaxRecord] {
        var place = -1
        return try fields.each(view["tax_lines"], path + ".tax_lines") { (tax, own) throws(Fault) in
            place += 1
            return TaxRecord(
                title: try fields.text(tax["title"], like: place < known.count ? known[place].title : nil, own + ".title"),
                rate: try fields.rate(tax["rate"], own + ".rate"),
                amount: try amount(tax, "price", "price_set", side, own),
                channelLiable: try fields.flag(tax["channel_liable"], own + ".channel_liable"))
        }
    }

    private func shipping(
        _ view: JSONView, _ side: MoneySide, _ path: Path, like known: [TaxRecord]
    ) throws(Fault) -> ShippingRecord {
        let price = try amount(view, "price", "price_set", side, path)
        var discount = try allocations(view, side, path)
        let states = !view["discounted_price"].isNull || !view["discounted_price_set"].isNull
        if states, try fields.list(view["discount_allocations"], path).isEmpty {
            discount = price - (try amount(view, "discounted_price", "discounted_price_set", side, path))
        }
        return ShippingRecord(
            id: try fields.id(view["id"], path + ".id"), title: try fields.text(view["title"], path + ".title"),
            amount: price,
            discount: discount, taxes: try taxes(view, side, path, like: known))
    }
}

extension RESTReader {
    /// Bodies of refunds and transactions don't name the order's currencies: their own amounts do.
    private func side(sets: [JSONView], plain: JSONView) throws(Fault) -> MoneySide {
        for set in sets where !set.isNull {
            let shop = try fields.currency(set["shop_money"]["currency_code"], "shop_money.currency_code")
            let shown = set["presentment_money"]["currency_code"]
            let presentment = shown.isNull ? shop : try fields.currency(shown, "presentment_money.currency_code")
            let foreign = settings.presentment && presentment != shop
            return MoneySide(currency: foreign ? presentment : shop, presentment: foreign, single: presentment == shop)
        }
        return MoneySide(currency: try fields.currency(plain, "currency"), presentment: false, single: true)
    }

    /// One transaction with the order it belongs to; its record is `nil` where the body does not state the amount in
    /// the currency that is posted.
    func transaction(_ root: JSONView) throws(Fault) -> (order: String, record: TransactionRecord?) {
        let order = try fields.id(root["order_id"], "order_id")
        let plain = try fields.currency(root["currency"], "currency")
        if root["amount_set"].isNull {
            let money = settings.presentment ? root["total_unsettled_set"]["presentment_money"] : root["total_unsettled_set"]["shop_money"]
            let wanted = money["currency_code"].string
            guard wanted.map({ $0 == plain.code }) ?? !settings.presentment else { return (order, nil) }
        }
        let side = try side(sets: [root["amount_set"]], plain: root["currency"])
        return (order, try transaction(root, side, Path()))
    }

    /// Whether a refund's body states all of its amounts in the currency that is posted. A transaction that states one
    /// amount alone may state the customer's.
    /// - Throws: `unreadable_record` for what is no currency.
    func tellsCurrency(_ refund: JSONView) throws(Fault) -> Bool {
        let sets = refundSets(refund)
        guard sets.contains(where: { !$0.isNull }) else { return false }
        let side = try side(sets: sets, plain: refund["currency"])
        if side.presentment { return sets.allSatisfy { !$0.isNull } }
        return refund["transactions"].elements.allSatisfy { transaction in
            guard transaction["amount_set"].isNull else { return true }
            return transaction["currency"].string.map { $0 == side.currency.code } ?? side.single
        }
    }

    /// The amounts of a refund's parts in both currencies, null where a part states one alone.
    private func refundSets(_ refund: JSONView) -> [JSONView] {
        refund["refund_line_items"].elements.map { $0["subtotal_set"] } + refund["transactions"].elements.map { $0["amount_set"] }
            + refund["order_adjustments"].elements.map { $0["amount_set"] }
    }

    private func transaction(_ view: JSONView, _ side: MoneySide, _ path: Path) throws(Fault) -> TransactionRecord {
        var at = try fields.optionalInstant(view["processed_at"], path + "processed_at")
        if at == nil { at = try fields.optionalInstant(view["created_at"], path + "created_at") }
        return TransactionRecord(
            id: try fields.id(view["id"], path + "id"),
            kind: TransactionRecord.kind(try fields.text(view["kind"], path + "kind")),
            outcome: TransactionRecord.outcome(try fields.text(view["status"], path + "status")),
            gateway: try fields.optionalText(view["gateway"], path + "gateway") ?? "unknown", at: at,
            amount: try amount(view, "amount", "amount_set", side, path),
            parent: try fields.optionalID(view["parent_id"], path + "parent_id"),
            test: try fields.flag(view["test"], path + "test"))
    }

    func refund(_ root: JSONView) throws(Fault) -> RefundRecord {
        let transactions = try fields.list(root["transactions"], "transactions")
        let side = try side(sets: refundSets(root), plain: transactions.first?["currency"] ?? root["currency"])
        let parts = try fields.each(root["order_adjustments"], "order_adjustments") { (view, path) throws(Fault) in
            try adjustment(view, side, path)
        }
        let shipping = parts.filter(\.shipping).map(\.record)
        return RefundRecord(
            id: try fields.id(root["id"], "id"), order: try fields.id(root["order_id"], "order_id"),
            at: try fields.instant(root["created_at"], "created_at"),
            note: try fields.optionalText(root["note"], "note"),
            lines: try fields.each(root["refund_line_items"], "refund_line_items") { (view, path) throws(Fault) in
                try refundLine(view, side, path)
            },
            shipping: shipping.map(\.amount).total(side.currency).magnitude,
            shippingTax: shipping.map(\.tax).total(side.currency).magnitude, refundsShipping: !shipping.isEmpty,
            adjustments: parts.filter { !$0.shipping }.map(\.record),
            transactions: try fields.each(root["transactions"], "transactions") { (view, path) throws(Fault) in
                try transaction(view, side, path)
            }, currency: side.currency)
    }

    private func refundLine(_ view: JSONView, _ side: MoneySide, _ path: Path) throws(Fault) -> RefundLineRecord {
        RefundLineRecord(
            line: try fields.id(view["line_item_id"], path + ".line_item_id"),
            quantity: try fields.units(view["quantity"], path + ".quantity"),
            net: try amount(view, "subtotal", "subtotal_set", side, path),
            tax: try optionalAmount(view, "total_tax", "total_tax_set", side, path),
            restocked: (try fields.optionalText(view["restock_type"], path + ".restock_type") ?? "no_restock")
                != "no_restock")
    }

    /// REST puts refunded delivery charges among the adjustments, with negative amounts.
    private func adjustment(
        _ view: JSONView, _ side: MoneySide, _ path: Path
    ) throws(Fault) -> (shipping: Bool, record: AdjustmentRecord) {
        let reason = try fields.optionalText(view["reason"], path + ".reason") ?? ""
        let record = AdjustmentRecord(
            id: try fields.id(view["id"], path + ".id"), amount: try amount(view, "amount", "amount_set", side, path),
            tax: try optionalAmount(view, "tax_amount", "tax_amount_set", side, path),
            pending: reason.lowercased().hasPrefix("pending"))
        return (try fields.text(view["kind"], path + ".kind") == "shipping_refund", record)
    }

    /// Units that the order's own list of refunds explains, by line.
    func refundedUnits(_ root: JSONView) throws(Fault) -> [String: Int] {
        var out: [String: Int] = [:]
        for (index, refund) in try fields.list(root["refunds"], "refunds").enumerated() {
            let path = Path("refunds")[index] + ".refund_line_items"
            let lines = try fields.each(refund["refund_line_items"], path) { (view, own) throws(Fault) in
                (try fields.id(view["line_item_id"], own), try fields.units(view["quantity"], own))
            }
            for (line, units) in lines { out[line, default: 0] += units }
        }
        return out
    }
}
