internal import Books
internal import Kernel
internal import Wire

/// Reads order nodes of the GraphQL Admin API, as a sweep or a fetch brings them.
/// - Source: GraphQL Admin API schema 2025-01.
struct GraphQLReader {
    let fields: Fields
    let settings: ShopifySettings

    func order(_ node: JSONView) throws(Fault) -> OrderRecord {
        let side = try side(of: node)
        let tip =
            node["totalTipReceivedSet"].isNull
            ? Money.zero(side.currency) : try amount(node["totalTipReceivedSet"], side, "totalTipReceivedSet")
        let created = try fields.optionalInstant(node["createdAt"], "createdAt")
        guard let at = try fields.optionalInstant(node["processedAt"], "processedAt") ?? created else {
            throw fields.unreadable("processedAt", "a time with its offset")
        }
        let address = node["shippingAddress"].isNull ? node["billingAddress"] : node["shippingAddress"]
        return OrderRecord(
            id: try fields.id(node["id"], "id"), name: try fields.text(node["name"], "name"), side: side,
            rate: try rate(node, side), at: at, updatedAt: try fields.instant(node["updatedAt"], "updatedAt"),
            cancelledAt: try fields.optionalInstant(node["cancelledAt"], "cancelledAt"),
            cancelReason: try fields.optionalText(node["cancelReason"], "cancelReason")?.lowercased(),
            test: try fields.flag(node["test"], "test"),
            taxIncluded: try fields.requiredFlag(node["taxesIncluded"], "taxesIncluded"),
            taxExempt: try fields.flag(node["taxExempt"], "taxExempt"),
            sourceName: try fields.optionalText(node["sourceName"], "sourceName") ?? "",
            poNumber: try fields.optionalText(node["poNumber"], "poNumber"),
            place: Place(country: address["countryCodeV2"].string, province: address["provinceCode"].string)
                ?? settings.place,
            lines: try fields.each(node["lineItems"]["nodes"], "lineItems") { (view, path) throws(Fault) in
                try line(view, side, path)
            },
            shipping: try fields.each(node["shippingLines"]["nodes"], "shippingLines") { (view, path) throws(Fault) in
                try shipping(view, side, path)
            },
            tip: tip, total: try amount(node["totalPriceSet"], side, "totalPriceSet"))
    }

    private func side(of node: JSONView) throws(Fault) -> MoneySide {
        let shop = try fields.currency(node["currencyCode"], "currencyCode")
        let presentment =
            node["presentmentCurrencyCode"].isNull
            ? shop : try fields.currency(node["presentmentCurrencyCode"], "presentmentCurrencyCode")
        let foreign = settings.presentment && presentment != shop
        return MoneySide(currency: foreign ? presentment : shop, presentment: foreign, single: presentment == shop)
    }

    private func rate(_ node: JSONView, _ side: MoneySide) throws(Fault) -> ExactDecimal? {
        guard side.presentment else { return nil }
        let shop = MoneySide(
            currency: try fields.currency(node["currencyCode"], "currencyCode"), presentment: false, single: false)
        let totals = (
            try amount(node["totalPriceSet"], shop, "totalPriceSet"),
            try amount(node["totalPriceSet"], side, "totalPriceSet")
        )
        if let rate = Fields.rate(shop: totals.0, presentment: totals.1) { return rate }
        var (ours, theirs) = (Money.zero(shop.currency), Money.zero(side.currency))
        for (index, line) in try fields.list(node["lineItems"]["nodes"], "lineItems").enumerated() {
            let path = Path("lineItems")[index] + ".originalUnitPriceSet"
            let units = try fields.units(line["quantity"], path)
            ours += try fields.times(try amount(line["originalUnitPriceSet"], shop, path), units, path)
            theirs += try fields.times(try amount(line["originalUnitPriceSet"], side, path), units, path)
        }
        return Fields.rate(shop: ours, presentment: theirs)
    }

    private func amount(_ bag: JSONView, _ side: MoneySide, _ path: @autoclosure () -> Path) throws(Fault) -> Money {
        let money = side.presentment ? bag["presentmentMoney"] : bag["shopMoney"]
        return try fields.money(money["amount"], side.currency, path())
    }

    private func line(_ view: JSONView, _ side: MoneySide, _ path: Path) throws(Fault) -> LineRecord {
        let quantity = try fields.units(view["quantity"], path + ".quantity")
        let unit = try amount(view["originalUnitPriceSet"], side, path + ".originalUnitPriceSet")
        return LineRecord(
            id: try fields.id(view["id"], path + ".id"), title: try fields.text(view["title"], path + ".title"),
            sku: try fields.optionalText(view["sku"], path + ".sku") ?? "", quantity: quantity,
            current: view["currentQuantity"].isNull
                ? nil : try fields.units(view["currentQuantity"], path + ".currentQuantity"),
            unit: unit, gross: try fields.times(unit, quantity, path + ".originalUnitPriceSet"),
            discount: try allocations(view, side, path), taxes: try taxes(view, side, path),
            giftCard: try fields.flag(view["isGiftCard"], path + ".isGiftCard"), hasVariant: !view["variant"].isNull)
    }

    private func allocations(_ view: JSONView, _ side: MoneySide, _ path: Path) throws(Fault) -> Money {
        let own = path + ".discountAllocations"
        let parts = try fields.each(view["discountAllocations"], own) { (part, path) throws(Fault) in
            try amount(part["allocatedAmountSet"], side, path + ".allocatedAmountSet")
        }
        return parts.total(side.currency)
    }

    private func taxes(_ view: JSONView, _ side: MoneySide, _ path: Path) throws(Fault) -> [TaxRecord] {
        try fields.each(view["taxLines"], path + ".taxLines") { (tax, own) throws(Fault) in
            TaxRecord(
                title: try fields.text(tax["title"], own + ".title"), rate: try fields.rate(tax["rate"], own + ".rate"),
                amount: try amount(tax["priceSet"], side, own + ".priceSet"),
                channelLiable: try fields.flag(tax["channelLiable"], own + ".channelLiable"))
        }
    }

    private func shipping(_ view: JSONView, _ side: MoneySide, _ path: Path) throws(Fault) -> ShippingRecord {
        let price = try amount(view["originalPriceSet"], side, path + ".originalPriceSet")
        var discount = try allocations(view, side, path)
        if !view["discountedPriceSet"].isNull, try fields.list(view["discountAllocations"], path).isEmpty {
            discount = price - (try amount(view["discountedPriceSet"], side, path + ".discountedPriceSet"))
        }
        return ShippingRecord(
            id: try fields.id(view["id"], path + ".id"), title: try fields.text(view["title"], path + ".title"),
            amount: price,
            discount: discount, taxes: try taxes(view, side, path))
    }
}

extension GraphQLReader {
    func transactions(_ node: JSONView, _ side: MoneySide) throws(Fault) -> [TransactionRecord] {
        try fields.each(node["transactions"], "transactions") { (view, path) throws(Fault) in
            try transaction(view, side, path)
        }
    }

    private func transaction(_ view: JSONView, _ side: MoneySide, _ path: Path) throws(Fault) -> TransactionRecord {
        var at = try fields.optionalInstant(view["processedAt"], path + ".processedAt")
        if at == nil { at = try fields.optionalInstant(view["createdAt"], path + ".createdAt") }
        return TransactionRecord(
            id: try fields.id(view["id"], path + ".id"),
            kind: TransactionRecord.kind(try fields.text(view["kind"], path + ".kind")),
            outcome: TransactionRecord.outcome(try fields.text(view["status"], path + ".status")),
            gateway: try fields.optionalText(view["gateway"], path + ".gateway") ?? "unknown", at: at,
            amount: try amount(view["amountSet"], side, path + ".amountSet"),
            parent: try fields.optionalID(view["parentTransaction"]["id"], path + ".parentTransaction.id"),
            test: try fields.flag(view["test"], path + ".test"))
    }

    /// Whether all of the order's refunds came with their parts; a bare list of ids tells nothing.
    func hasWholeRefunds(_ node: JSONView) -> Bool {
        node["refunds"].elements.allSatisfy {
            $0["refundLineItems"]["nodes"].exists && $0["transactions"]["nodes"].exists
        }
    }

    /// Whether every agreement that is an edit came with what it sold and took back.
    func hasWholeEdits(_ node: JSONView) -> Bool {
        node["agreements"]["nodes"].elements.allSatisfy { !Self.isEdit($0) || $0["sales"]["nodes"].exists }
    }

    static func isEdit(_ agreement: JSONView) -> Bool { agreement["__typename"].string == "OrderEditAgreement" }

    func refunds(_ node: JSONView, _ order: OrderRecord) throws(Fault) -> [RefundRecord] {
        let refunds = try fields.each(node["refunds"], "refunds") { (view, path) throws(Fault) in
            try refund(view, order, path)
        }
        return refunds.sorted { ($0.at, $0.id) < ($1.at, $1.id) }
    }

    private func refund(_ view: JSONView, _ order: OrderRecord, _ path: Path) throws(Fault) -> RefundRecord {
        let side = order.side
        let shippingPath = path + ".refundShippingLines"
        let shipping = try fields.each(view["refundShippingLines"]["nodes"], shippingPath) {
            (line, own) throws(Fault) in
            (
                try amount(line["subtotalAmountSet"], side, own + ".subtotalAmountSet"),
                try amount(line["taxAmountSet"], side, own + ".taxAmountSet")
            )
        }
        let lines = try fields.each(view["refundLineItems"]["nodes"], path + ".refundLineItems") {
            (line, own) throws(Fault) in
            RefundLineRecord(
                line: try fields.id(line["lineItem"]["id"], own + ".lineItem.id"),
                quantity: try fields.units(line["quantity"], own + ".quantity"),
                net: try amount(line["subtotalSet"], side, own + ".subtotalSet"),
                tax: try amount(line["totalTaxSet"], side, own + ".totalTaxSet"),
                restocked: (try fields.optionalText(line["restockType"], own + ".restockType") ?? "NO_RESTOCK")
                    != "NO_RESTOCK")
        }
        let own = path + ".orderAdjustments"
        let adjustments = try fields.each(view["orderAdjustments"]["nodes"], own) { (part, own) throws(Fault) in
            AdjustmentRecord(
                id: try fields.id(part["id"], own + ".id"),
                amount: try amount(part["amountSet"], side, own + ".amountSet"),
                tax: try amount(part["taxAmountSet"], side, own + ".taxAmountSet"),
                pending: part["reason"].string == "PENDING_REFUND_DISCREPANCY")
        }
        return RefundRecord(
            id: try fields.id(view["id"], path + ".id"), order: order.id,
            at: try fields.instant(view["createdAt"], path + ".createdAt"),
            note: try fields.optionalText(view["note"], path + ".note"), lines: lines,
            shipping: shipping.map(\.0).total(side.currency).magnitude,
            shippingTax: shipping.map(\.1).total(side.currency).magnitude, refundsShipping: !shipping.isEmpty,
            adjustments: adjustments,
            transactions: try fields.each(view["transactions"]["nodes"], path + ".transactions") {
                (part, own) throws(Fault) in
                try transaction(part, side, own)
            }, currency: side.currency)
    }

    /// The order's edits, oldest first: their place in this list is the number that people call them by.
    func edits(_ node: JSONView, _ side: MoneySide) throws(Fault) -> [AgreementRecord] {
        var edits: [AgreementRecord] = []
        for (index, view) in try fields.list(node["agreements"]["nodes"], "agreements").enumerated()
        where Self.isEdit(view) {
            let path = Path("agreements")[index]
            edits.append(
                AgreementRecord(
                    id: try fields.id(view["id"], path + ".id"),
                    at: try fields.instant(view["happenedAt"], path + ".happenedAt"),
                    isEdit: true,
                    entries: try fields.each(view["sales"]["nodes"], path + ".sales") { (sale, own) throws(Fault) in
                        try entry(sale, side, own)
                    }))
        }
        return edits.sorted { AgreementRecord.isEarlier(($0.at, $0.id), ($1.at, $1.id)) }
    }

    private func entry(_ sale: JSONView, _ side: MoneySide, _ path: Path) throws(Fault) -> AgreementRecord.Entry {
        let total = try amount(sale["totalAmount"], side, path + ".totalAmount")
        let tax = try amount(sale["totalTaxAmount"], side, path + ".totalTaxAmount")
        let stated = sale["quantity"].isNull ? 0 : sale["quantity"].int
        guard let stated, stated.magnitude <= UInt(ShopifyLimits.quantity) else {
            throw fields.unreadable(path + ".quantity", "a number of units")
        }
        return AgreementRecord.Entry(
            line: try fields.optionalID(sale["lineItem"]["id"], path + ".lineItem.id"),
            shippingLine: try fields.optionalID(sale["shippingLine"]["id"], path + ".shippingLine.id"),
            units: Int(stated.magnitude), total: total, tax: tax,
            removes: stated < 0 || total.minor < 0 || sale["actionType"].string == "RETURN")
    }
}
