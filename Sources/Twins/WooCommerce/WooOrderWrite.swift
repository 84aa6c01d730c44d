internal import Kernel
internal import TwinKit
internal import Wire

extension WooState {
    /// Pieces of one line.
    static let piecesMost = 10_000

    // MARK: Creating and updating

    mutating func createOrder(_ args: WooArgs, via: String, _ m: WooMoment) throws(WooProblem) -> WooOrder {
        let settings = settings(m.shop)
        let id = next("post", m)
        let blank: JSON = .object([
            ("parent_id", 0), ("number", .string("\(id)")), ("order_key", .string("wc_order_" + m.letters(13))), ("created_via", .string(via)),
            ("version", .string(WooSeed.version)), ("currency", .string(settings.currency)), ("prices_include_tax", .bool(settings.includes)),
            ("customer_id", 0), ("customer_note", ""), ("customer_ip_address", ""), ("customer_user_agent", ""), ("billing", Self.address(isBilling: true)),
            ("shipping", Self.address(isBilling: false)), ("payment_method", ""), ("payment_method_title", ""), ("transaction_id", ""), ("cart_hash", ""),
        ])
        var order = WooOrder(id: id, plain: blank, created: m.seconds)
        try fill(&order, args, m)
        calculate(&order, m)
        if let coupons = try args.objects("coupon_lines") { try applyCoupons(coupons, to: &order, m) }
        let status = try self.status(args) ?? "pending"
        // Kept before its status moves: what follows from a status finds the order.
        save(order, m, isNew: true)
        if status != "pending" { move(&order, to: status, m, isNew: true) }
        countCoupons(order, m)
        save(order, m)
        if try args.flag("set_paid") == true { complete(&order, transaction: try args.text("transaction_id"), m) }
        return try self.order(id, m)
    }

    mutating func updateOrder(_ found: WooOrder, _ args: WooArgs, _ m: WooMoment) throws(WooProblem) -> WooOrder {
        var order = found
        try fill(&order, args, m)
        let recalculating = ["billing", "shipping", "line_items", "shipping_lines", "fee_lines", "coupon_lines"]
        if recalculating.contains(where: { args.given($0).map { _ in true } ?? false }) { calculate(&order, m) }
        if let coupons = try args.objects("coupon_lines") { try applyCoupons(coupons, to: &order, m) }
        if let status = try self.status(args) { move(&order, to: status, m) }
        save(order, m)
        if try args.flag("set_paid") == true, order.needsPayment { complete(&order, transaction: try args.text("transaction_id"), m) }
        return try self.order(order.id, m)
    }

    private func status(_ args: WooArgs) throws(WooProblem) -> String? {
        guard let status = try args.choice("status", of: ["auto-draft"] + Self.statuses), !status.isEmpty else { return nil }
        return status
    }

    static func address(isBilling: Bool) -> JSON {
        var names = ["first_name", "last_name", "company", "address_1", "address_2", "city", "state", "postcode", "country"]
        if isBilling { names.append("email") }
        return .object((names + ["phone"]).map { (key: $0, value: JSON.string("")) })
    }

    static func merged(_ address: JSON?, _ given: JSON?, _ name: String) throws(WooProblem) -> JSON {
        let kept = address ?? .object([])
        guard let given, !given.isNull else { return kept }
        guard let members = given.object else { throw .type(name, "object") }
        var out = kept
        for (key, value) in members where kept[key] != nil {
            guard let text = value.isNull ? "" : value.scalar else { throw .type("\(name)[\(key)]", "string") }
            if key == "email", !text.isEmpty, !isEmail(text) {
                throw .invalid(name, "\(name)[email] is not a valid email address.", code: "rest_invalid_email")
            }
            out = out.setting(key, .string(text))
        }
        return out
    }

    static func isEmail(_ text: String) -> Bool {
        let halves = text.split(separator: "@", omittingEmptySubsequences: false)
        return halves.count == 2 && !halves[0].isEmpty && halves[1].contains(".") && !text.contains(" ")
    }

    /// What a request says of an order, without what follows from it.
    private mutating func fill(_ order: inout WooOrder, _ args: WooArgs, _ m: WooMoment) throws(WooProblem) {
        if let currency = try args.choice("currency", of: WooCurrency.all) { order.plain = order.plain.setting("currency", .string(currency)) }
        for name in ["customer_note", "payment_method", "payment_method_title", "transaction_id", "created_via"] {
            if let text = try args.text(name) { order.plain = order.plain.setting(name, .string(text)) }
        }
        if let parent = try args.whole("parent_id") { order.plain = order.plain.setting("parent_id", .whole(parent)) }
        if let customer = try args.whole("customer_id") {
            guard customer == 0 || rows[m.shop, .customer, customer] != nil else {
                throw WooProblem(400, "woocommerce_rest_invalid_customer_id", "Customer ID is invalid.")
            }
            order.plain = order.plain.setting("customer_id", .whole(customer))
        }
        for name in ["billing", "shipping"] {
            order.plain = order.plain.setting(name, try Self.merged(order.plain[name], args.given(name), name))
        }
        order.meta = merged(order.meta, try args.objects("meta_data"), m)
        for (name, kind) in [("line_items", WooItem.Kind.line), ("shipping_lines", .shipping), ("fee_lines", .fee)] {
            for given in try args.objects(name) ?? [] { try set(given, kind, in: &order, m) }
        }
    }

    /// One line of a request: with an id it changes that line, with a null name or no pieces it takes it away.
    private mutating func set(_ given: JSON, _ kind: WooItem.Kind, in order: inout WooOrder, _ m: WooMoment) throws(WooProblem) {
        let takesAway = ["product_id", "method_id", "method_title", "name", "code"].contains { given[$0]?.isNull == true } || given["quantity"]?.int == 0
        let id = given["id"]?.isEmpty == false ? given.whole("id") : nil
        if takesAway {
            guard let n = order.items.firstIndex(where: { $0.id == id }) else { return }
            restock(&order.items[n], pieces: nil, order, m)
            order.items.remove(at: n)
            return
        }
        guard let id else {
            var item = WooItem(id: next("item", m), kind: kind)
            try fill(&item, given, isNew: true, order, m)
            order.items.append(item)
            return
        }
        guard let n = order.items.firstIndex(where: { $0.id == id }) else {
            throw WooProblem(400, "woocommerce_rest_invalid_item_id", "Order item ID provided is not associated with order.")
        }
        try fill(&order.items[n], given, isNew: false, order, m)
    }

    private mutating func fill(_ item: inout WooItem, _ given: JSON, isNew: Bool, _ order: WooOrder, _ m: WooMoment) throws(WooProblem) {
        switch item.kind {
        case .line: try fillLine(&item, given, isNew: isNew, m)
        case .shipping:
            if isNew {
                guard given["method_id"]?.isEmpty == false else {
                    throw WooProblem(400, "woocommerce_rest_invalid_shipping_item", "Shipping method ID is required.")
                }
                item.plain = .object([("method_title", ""), ("method_id", ""), ("instance_id", "")])
            }
            for name in ["method_title", "method_id", "instance_id"] {
                if let text = given[name]?.scalar { item.plain = item.plain.setting(name, .string(text)) }
            }
        case .fee:
            if isNew, given["name"]?.isEmpty != false { throw WooProblem(400, "woocommerce_rest_invalid_fee_item", "Fee name is required.") }
            if let name = given.text("name") { item.plain = item.plain.setting("name", .string(name)) }
            if let taxClass = given.text("tax_class") { item.taxClass = taxClass }
            if let status = given.text("tax_status") { item.taxStatus = status == "none" ? "none" : "taxable" }
        case .tax, .coupon: break
        }
        if item.kind != .line, let total = given["total"], !total.isNull { item.total = try WooArgs.amount(total, "total") }
        item.meta = merged(item.meta, given["meta_data"]?.array, m)
        if item.kind == .line, !isNew, item.meta["_reduced_stock"] != nil { restock(&item, pieces: item.quantity, order, m) }
    }

    private mutating func fillLine(_ item: inout WooItem, _ given: JSON, isNew: Bool, _ m: WooMoment) throws(WooProblem) {
        let settings = settings(m.shop)
        if let quantity = given["quantity"], !quantity.isNull {
            guard let pieces = quantity.scalar.flatMap(Int.init), pieces.magnitude <= Self.piecesMost else { throw .type("line_items[quantity]", "integer") }
            item.quantity = pieces
        }
        if let product = try product(given, isNew: isNew, m), isNew || product.whole("id") != item.plain.whole("product_id") {
            item.plain = .object([
                ("name", product["name"] ?? ""), ("product_id", product["id"] ?? 0), ("variation_id", 0), ("sku", product["sku"] ?? ""),
            ])
            item.taxClass = product.text("tax_class") ?? ""
            item.taxStatus = product.text("tax_status") ?? "taxable"
            if isNew {
                item.total = net(product.amount("price") * ExactDecimal(item.quantity), product, settings, in: m.shop)
                item.subtotal = item.total
            }
        } else if isNew {
            item.plain = .object([("name", ""), ("product_id", 0), ("variation_id", 0), ("sku", .null)])
        }
        if let name = given.text("name") { item.plain = item.plain.setting("name", .string(name)) }
        if let total = given["total"], !total.isNull { item.total = try WooArgs.amount(total, "line_items[total]") }
        if let subtotal = given["subtotal"], !subtotal.isNull { item.subtotal = try WooArgs.amount(subtotal, "line_items[subtotal]") }
        if item.subtotal < item.total { item.subtotal = item.total }
        if let taxClass = given.text("tax_class") { item.taxClass = taxClass }
    }

    /// What the line sells: by its number or what is printed on it. One that nobody knows leaves the line without a product, as the vendor does.
    private func product(_ given: JSON, isNew: Bool, _ m: WooMoment) throws(WooProblem) -> JSON? {
        if let sku = given.text("sku"), !sku.isEmpty { return rows.all(.product, in: m.shop).first { $0.shown.text("sku") == sku }?.shown }
        if let id = given["product_id"]?.scalar.flatMap(Int.init), id != 0 { return rows[m.shop, .product, id]?.shown }
        guard !isNew else { throw WooProblem(400, "woocommerce_rest_required_product_reference", "Product ID or SKU is required.") }
        return nil
    }

    private mutating func countCoupons(_ order: WooOrder, _ m: WooMoment) {
        for line in order.items(.coupon) {
            guard let row = rows.all(.coupon, in: m.shop).first(where: { $0.shown["code"] == line.plain["code"] }) else { continue }
            change(row, row.shown.setting("usage_count", .whole(row.shown.whole("usage_count") + 1)), m)
        }
    }

    // MARK: Status

    /// - Source: woocommerce `WC_Order::set_status`, `maybe_set_date_paid`, `wc-stock-functions.php`.
    mutating func move(_ order: inout WooOrder, to status: String, _ m: WooMoment, isNew: Bool = false) {
        guard order.status != status else { return }
        let before = order.status
        order.status = status
        // An order paid at the door counts as paid when it is done.
        let done = order.method != "cod" && needsProcessing(order, m) ? "processing" : "completed"
        if order.paid == nil, status == done || (done == "processing" && status == "completed") { order.paid = m.seconds }
        if status == "completed", order.completed == nil { order.completed = m.seconds }
        switch status {
        case "processing", "completed", "on-hold": takeStock(&order, m)
        case "cancelled", "pending": putBack(&order, m)
        default: break
        }
        let words = "Order status changed from \(Self.spoken(before)) to \(Self.spoken(status))."
        if !isNew { note(order.id, words, m) }
        guard status == "refunded" else { return }
        // What is left is given back by a refund without lines, which no gateway hears of.
        save(order, m)
        let left = remaining(order, m)
        if left.isPositive { keepRefund(of: order, amount: left, reason: "Order fully refunded.", items: [], isPaidBack: false, m) }
    }

    static func spoken(_ status: String) -> String {
        switch status {
        case "pending": "Pending payment"
        case "on-hold": "On hold"
        case "checkout-draft": "Draft"
        default: status.prefix(1).uppercased() + status.dropFirst()
        }
    }

    /// The payment came through.
    /// - Source: woocommerce `WC_Order::payment_complete`.
    mutating func complete(_ order: inout WooOrder, transaction: String?, _ m: WooMoment) {
        guard ["on-hold", "pending", "failed", "cancelled", "checkout-draft"].contains(order.status) else { return }
        if let transaction, !transaction.isEmpty { order.plain = order.plain.setting("transaction_id", .string(transaction)) }
        if order.paid == nil { order.paid = m.seconds }
        move(&order, to: needsProcessing(order, m) ? "processing" : "completed", m)
        save(order, m)
        tell("action.woocommerce_payment_complete", order.id, m)
    }

    // MARK: Stock

    private mutating func takeStock(_ order: inout WooOrder, _ m: WooMoment) {
        guard !order.hasReducedStock else { return }
        order.hasReducedStock = true
        for n in order.items.indices where order.items[n].kind == .line {
            let item = order.items[n]
            guard moveStock(item.plain.whole("product_id"), by: -item.quantity, order.id, m) else { continue }
            order.items[n].meta = merged(item.meta, [.object([("key", "_reduced_stock"), ("value", .string("\(item.quantity)"))])], m)
        }
    }

    private mutating func putBack(_ order: inout WooOrder, _ m: WooMoment) {
        guard order.hasReducedStock else { return }
        order.hasReducedStock = false
        for n in order.items.indices { restock(&order.items[n], pieces: nil, order, m) }
    }

    /// Brings what a line took out of stock to so many pieces; `nil`: to none.
    private mutating func restock(_ item: inout WooItem, pieces: Int?, _ order: WooOrder, _ m: WooMoment) {
        guard let taken = item.meta["_reduced_stock"]?.scalar.flatMap(Int.init) else { return }
        _ = moveStock(item.plain.whole("product_id"), by: taken - (pieces ?? 0), order.id, m)
        let left: JSON = pieces.map { .string("\($0)") } ?? .null
        item.meta = merged(item.meta, [.object([("key", "_reduced_stock"), ("value", left)])], m)
    }

    /// Whether the product counts its stock at all.
    @discardableResult
    mutating func moveStock(_ product: Int, by pieces: Int, _ order: Int, _ m: WooMoment) -> Bool {
        guard let row = rows[m.shop, .product, product], row.shown.flag("manage_stock") else { return false }
        guard pieces != 0 else { return true }
        let before = row.shown.whole("stock_quantity")
        setStock(row, to: before + pieces, m)
        let verb = pieces < 0 ? "reduced" : "increased"
        let name = "\(row.shown.text("name") ?? "") (\(row.shown.text("sku") ?? ""))"
        note(order, "Stock levels \(verb): \(name) \(before)→\(before + pieces)", m)
        return true
    }

    mutating func setStock(_ row: WooRow, to pieces: Int, _ m: WooMoment) {
        let status = pieces > 0 ? "instock" : row.shown.text("backorders") == "no" ? "outofstock" : "onbackorder"
        change(row, row.shown.setting([("stock_quantity", .whole(pieces)), ("stock_status", .string(status))]), m)
        tell("product.updated", row.number, m)
    }
}
