internal import Kernel
internal import Wire

/// Purchase orders: requests until they are confirmed. They move no account.
/// - Source: odoo/odoo, addons/purchase/models/purchase_order.py and purchase_order_line.py: life, messages, what lines must have.
extension OdooDatabase {
    /// Digits of a unit price.
    /// - Source: odoo/odoo, addons/product/data/product_data.xml: the accuracy "Product Price" has two.
    private static let priceDigits = 2

    /// What a version calls the fields of a line.
    private var lineNames: (taxes: String, unit: String) { version >= 19 ? ("tax_ids", "product_uom_id") : ("taxes_id", "product_uom") }

    mutating func createOrder(_ vals: JSON) throws(OdooProblem) -> Int {
        var sent = try clean("purchase.order", withDefaults("purchase.order", vals))
        let partner = record("res.partner", sent.plain["partner_id"]?.int)
        let usual = partner?.int("property_purchase_currency_id") ?? companyCurrency
        let defaults: [String: JSON] = [
            "priority": "0", "state": "draft", "company_id": 1, "user_id": .int(user), "currency_id": .int(usual), "date_order": .string(OdooTime.second(now)),
        ]
        for (field, value) in defaults where sent.plain[field].map(\.isUnset) ?? true { sent.plain[field] = value }
        if sent.plain["name"].map(\.isUnset) ?? true { sent.plain["name"] = .string(nextOrderName()) }
        try demand("purchase.order", sent.plain)
        let id = insert("purchase.order", sent.plain)
        try apply(sent, to: id)
        return id
    }

    /// `P00001`
    private func nextOrderName() -> String {
        let last = all("purchase.order").compactMap { $0.text("name").flatMap { $0.hasPrefix("P") ? Int($0.dropFirst()) : nil } }.max() ?? 0
        let number = String(last + 1)
        return "P" + String(repeating: "0", count: max(0, 5 - number.count)) + number
    }

    mutating func writeOrder(_ id: Int, _ vals: JSON) throws(OdooProblem) {
        guard let order = record("purchase.order", id) else { return }
        let sent = try clean("purchase.order", vals, onto: order)
        var after = order.values
        for (field, value) in sent.plain { after[field] = value }
        try demand("purchase.order", after)
        update("purchase.order", id, sent.plain)
        try apply(sent, to: id)
    }

    private mutating func apply(_ sent: OdooSent, to id: Int) throws(OdooProblem) {
        for (field, commands) in sent.lists where field.name == "order_line" {
            for command in commands {
                switch command {
                case .create(let vals): try addLine(id, vals)
                case .update(let line, let vals): try changeLine(line, vals)
                case .delete(let line), .unlink(let line): try drop([line])
                case .clear: try drop(lines(ofOrder: id).map(\.id))
                case .set(let kept): try drop(lines(ofOrder: id).map(\.id).filter { !kept.contains($0) })
                case .link: continue
                }
            }
        }
        try total(id)
    }

    // MARK: - Lines

    private func lines(ofOrder id: Int) -> [OdooRecord] { records("purchase.order.line", where: "order_id", is: id) }

    mutating func createOrderLine(_ vals: JSON) throws(OdooProblem) -> Int {
        guard let order = vals["order_id"]?.int, record("purchase.order", order) != nil else {
            throw .validation("Missing required value for the field 'Order Reference' (order_id).")
        }
        try addLine(order, vals)
        try total(order)
        return lines(ofOrder: order).last?.id ?? 0
    }

    mutating func writeOrderLine(_ id: Int, _ vals: JSON) throws(OdooProblem) {
        try changeLine(id, vals)
        if let order = record("purchase.order.line", id)?.int("order_id") { try total(order) }
    }

    mutating func unlinkOrderLines(_ ids: [Int]) throws(OdooProblem) {
        let orders = Set(ids.compactMap { record("purchase.order.line", $0)?.int("order_id") })
        try drop(ids)
        for order in orders.sorted() { try total(order) }
    }

    /// What was not said comes from the product.
    private mutating func addLine(_ order: Int, _ vals: JSON) throws(OdooProblem) {
        var sent = try clean("purchase.order.line", vals).plain
        sent["order_id"] = .int(order)
        if sent["sequence"] == nil { sent["sequence"] = .int(10 + lines(ofOrder: order).count) }
        if sent["display_type"]?.isTrue != true {
            guard let product = record("product.product", sent["product_id"]?.int) else {
                throw .validation("The operation cannot be completed: Missing required fields on accountable purchase order line.")
            }
            let usual: [String: JSON] = [
                "name": .string(displayName("product.product", product)), "product_qty": 1, "price_unit": product["standard_price"], lineNames.unit: product["uom_id"],
                lineNames.taxes: .ids(product.ids("supplier_taxes_id")), "date_planned": record("purchase.order", order)?["date_order"] ?? false,
            ]
            for (field, value) in usual where sent[field] == nil { sent[field] = value }
        }
        round(&sent)
        try demand("purchase.order.line", sent)
        insert("purchase.order.line", sent)
    }

    private mutating func changeLine(_ id: Int, _ vals: JSON) throws(OdooProblem) {
        guard let line = record("purchase.order.line", id) else { throw .missing("purchase.order.line", [id], user: user) }
        var sent = try clean("purchase.order.line", vals, onto: line).plain
        sent["order_id"] = nil
        round(&sent)
        update("purchase.order.line", id, sent)
    }

    private func round(_ line: inout [String: JSON]) {
        guard let price = line["price_unit"]?.decimal, let kept = price.rescaled(toScale: Self.priceDigits) else { return }
        line["price_unit"] = .decimal(kept)
    }

    private mutating func drop(_ ids: [Int]) throws(OdooProblem) {
        for id in ids {
            guard let line = record("purchase.order.line", id) else { throw .missing("purchase.order.line", [id], user: user) }
            let state = record("purchase.order", line.int("order_id"))?.text("state") ?? ""
            if ["purchase", "done"].contains(state) {
                let words = state == "done" ? "Locked" : "Purchase Order"
                throw .user("Cannot delete a purchase order line which is in state \(version >= 17 ? "“\(words)”" : "'\(words)'").")
            }
            delete("purchase.order.line", id)
        }
    }

    /// Works an order's sums out anew.
    private mutating func total(_ id: Int) throws(OdooProblem) {
        guard let order = record("purchase.order", id) else { return }
        let places = places(order.int("currency_id"))
        var net: Int64 = 0, tax: Int64 = 0
        for line in lines(ofOrder: id) where line.text("display_type") == nil {
            var priced = line
            priced["quantity"] = line["product_qty"]
            priced["tax_ids"] = line[lineNames.taxes]
            let parts = try split(priced, places, isGlobal: false)
            net += parts.net
            tax += parts.gross - parts.net
            update(
                "purchase.order.line", line.id,
                [
                    "price_subtotal": OdooAmount.json(parts.net, places), "price_total": OdooAmount.json(parts.gross, places),
                    "price_tax": OdooAmount.json(parts.gross - parts.net, places),
                ])
        }
        let sums: [String: JSON] = [
            "amount_untaxed": OdooAmount.json(net, places), "amount_tax": OdooAmount.json(tax, places), "amount_total": OdooAmount.json(net + tax, places),
        ]
        update("purchase.order", id, sums)
    }

    // MARK: - Life

    private func orders(_ ids: [Int]) throws(OdooProblem) -> [OdooRecord] {
        let found = ids.compactMap { record("purchase.order", $0) }
        guard found.count == ids.count else { throw .missing("purchase.order", ids.filter { record("purchase.order", $0) == nil }, user: user) }
        return found
    }

    /// What is no request any more is left as it is. The administrator may approve whatever it comes to.
    mutating func confirm(orders ids: [Int]) throws(OdooProblem) -> JSON {
        for order in try orders(ids) where ["draft", "sent"].contains(order.text("state")) { _ = try approve(orders: [order.id]) }
        return true
    }

    mutating func approve(orders ids: [Int]) throws(OdooProblem) -> JSON {
        for order in try orders(ids) { update("purchase.order", order.id, ["state": "purchase", "date_approve": .string(OdooTime.second(now))]) }
        return .object([])
    }

    mutating func cancel(orders ids: [Int]) throws(OdooProblem) {
        for order in try orders(ids) {
            if order.flag("locked") {
                throw .user("Unable to cancel purchase order(s): \(order.text("name") ?? ""). You must first unlock them.")
            }
            update("purchase.order", order.id, ["state": "cancel"])
        }
    }

    mutating func redraft(orders ids: [Int]) throws(OdooProblem) -> JSON {
        for order in try orders(ids) { update("purchase.order", order.id, ["state": "draft"]) }
        return .object([])
    }

    mutating func unlinkOrders(_ ids: [Int]) throws(OdooProblem) {
        for order in try orders(ids) {
            guard order.text("state") == "cancel" else { throw .user("In order to delete a purchase order, you must cancel it first.") }
            for line in lines(ofOrder: order.id) { delete("purchase.order.line", line.id) }
            delete("purchase.order", order.id)
        }
    }
}
