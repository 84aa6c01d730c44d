internal import Kernel
internal import TwinKit
internal import Wire

/// - Source: woocommerce `WC_REST_Orders_Controller`, `WC_REST_CRUD_Controller`; docs "Orders" of wc/v3.
extension WooState {
    static let statuses = ["pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed", "checkout-draft"]

    mutating func orders(_ call: WooCall) throws(WooProblem) -> WooAnswer {
        let m = call.moment
        let places = try places(call)
        switch (call.method, call.path.count) {
        case (.get, 1), (.head, 1): return try listOrders(call, places)
        case (.get, 2), (.head, 2): return WooAnswer(body: shown(try order(try call.number(1), m), places, m))
        case (.post, 1):
            guard call.args["id"]?.isEmpty != false else {
                throw WooProblem(400, "woocommerce_rest_shop_order_exists", "Cannot create existing shop_order.")
            }
            let made = try createOrder(call.args, via: "rest-api", m)
            return .made(shown(made, places, m), at: m.rest + "orders/\(made.id)")
        case (.post, 2), (.put, 2), (.patch, 2):
            let found = try order(try call.number(1), m, status: 400)
            // In two steps: in one, the state would be read before the call changed it.
            let updated = try updateOrder(found, call.args, m)
            return WooAnswer(body: shown(updated, places, m))
        case (.delete, 2):
            let found = try order(try call.number(1), m)
            let body = shown(found, places, m)
            try delete(found, forGood: try call.args.flag("force") ?? false, m)
            return WooAnswer(body: body)
        default: throw .noRoute
        }
    }

    /// `dp`: the places in which amounts are shown.
    func places(_ call: WooCall) throws(WooProblem) -> Int {
        min(abs(try call.args.whole("dp") ?? settings(call.moment.shop).places), 12)
    }

    /// - Parameter status: what the vendor answers where there is none: 404 to a reader, 400 to a writer.
    func order(_ id: Int, _ m: WooMoment, status: Int = 404) throws(WooProblem) -> WooOrder {
        guard let row = rows[m.shop, .order, id], let order = WooOrder(row) else { throw .invalidID("shop_order", status) }
        return order
    }

    private func listOrders(_ call: WooCall, _ places: Int) throws(WooProblem) -> WooAnswer {
        let m = call.moment
        let filter = try WooFilter(call.args, zone(m.shop))
        let page = try WooPage(call.args)
        var wanted = try call.args.texts("status")
        let known = ["any", "trash", "auto-draft"] + Self.statuses
        for (n, status) in wanted.enumerated() where !known.contains(status) { throw .notIn("status[\(n)]", known) }
        // Any is any but what is in the bin and what nobody has ordered yet.
        if wanted.isEmpty || wanted.contains("any") { wanted = Self.statuses.filter { $0 != "checkout-draft" } }
        let customer = try call.args.whole("customer")
        let product = try call.args.whole("product")
        let parents = try call.args.numbers("parent")
        let search = (try call.args.text("search"))?.lowercased()
        let found = rows.all(.order, in: m.shop).filter { row in
            guard wanted.contains(row.shown.text("s") ?? ""), filter.admits(row) else { return false }
            if let customer, row.shown["p"]?.whole("customer_id") != customer { return false }
            if !parents.isEmpty, !parents.contains(row.shown["p"]?.whole("parent_id") ?? 0) { return false }
            if let product, !row.shown.list("items").contains(where: { $0["p"]?.whole("product_id") == product }) { return false }
            if let search, !search.isEmpty, !Self.mentions(row, search) { return false }
            return true
        }
        return page.answer(filter.sorted(found), call) { row in WooOrder(row).map { shown($0, places, m) } ?? .null }
    }

    /// Search goes through number, addresses and the names of lines; never through free data.
    private static func mentions(_ row: WooRow, _ text: String) -> Bool {
        if row.id == text { return true }
        let addresses = ["billing", "shipping"].flatMap { row.shown.member("p", $0)?.object ?? [] }.compactMap(\.value.string)
        let names = row.shown.list("items").compactMap { $0["p"]?.text("name") }
        return (addresses + names).contains { $0.lowercased().contains(text) }
    }

    // MARK: Showing

    func shown(_ order: WooOrder, _ places: Int, _ m: WooMoment) -> JSON {
        let zone = zone(m.shop)
        let modified = rows[m.shop, .order, order.id]?.modified ?? order.created
        func amount(_ value: ExactDecimal) -> JSON { .string(value.woo(places).description) }
        func lines(_ kind: WooItem.Kind) -> JSON { .array(order.items(kind).map { $0.shown(places) }) }
        var o = WooFields()
        o.whole("id", order.id)
        o.copy(["parent_id"], from: order.plain)
        o.text("status", order.status)
        o.copy(["currency", "version", "prices_include_tax"], from: order.plain)
        o.date("date_created", order.created, zone)
        o.date("date_modified", modified, zone)
        o.set("discount_total", amount(order.discountTotal))
        o.set("discount_tax", amount(order.discountTax))
        o.set("shipping_total", amount(order.shippingTotal))
        o.set("shipping_tax", amount(order.shippingTax))
        o.set("cart_tax", amount(order.cartTax))
        o.set("total", amount(order.total))
        o.set("total_tax", amount(order.totalTax.woo(settings(m.shop).places)))
        o.copy(["customer_id", "order_key", "billing", "shipping", "payment_method", "payment_method_title", "transaction_id"], from: order.plain)
        o.copy(["customer_ip_address", "customer_user_agent", "created_via", "customer_note"], from: order.plain)
        o.date("date_completed", order.completed, zone)
        o.date("date_paid", order.paid, zone)
        o.copy(["cart_hash", "number"], from: order.plain)
        o.set("meta_data", order.meta.json)
        o.set("line_items", lines(.line))
        o.set("tax_lines", lines(.tax))
        o.set("shipping_lines", lines(.shipping))
        o.set("fee_lines", lines(.fee))
        o.set("coupon_lines", lines(.coupon))
        o.set("refunds", .array(refunds(of: order.id, m).map { refund in
            .object([("id", .whole(refund.id)), ("reason", .string(refund.reason)), ("total", .string("-" + refund.amount.woo(places).description))])
        }))
        o.text("payment_url", "\(m.home)/checkout/order-pay/\(order.id)/?pay_for_order=true&key=\(order.plain.text("order_key") ?? "")")
        o.flag("is_editable", order.isEditable)
        o.flag("needs_payment", order.needsPayment)
        o.flag("needs_processing", needsProcessing(order, m))
        o.text("currency_symbol", WooCurrency.symbol(order.currency))
        var links = [("self", "orders/\(order.id)"), ("collection", "orders")]
        if order.customer != 0 { links.append(("customer", "customers/\(order.customer)")) }
        o.set("_links", m.links(links))
        return o.json
    }

    /// Whether it has anything that somebody must pack.
    func needsProcessing(_ order: WooOrder, _ m: WooMoment) -> Bool {
        order.items(.line).contains { line in
            let product = rows[m.shop, .product, line.plain.whole("product_id")]?.shown
            return !(product?.flag("virtual") == true && product?.flag("downloadable") == true)
        }
    }

    // MARK: Keeping

    /// Keeps an order as it is now, books its money and tells webhooks.
    mutating func save(_ order: WooOrder, _ m: WooMoment, isNew: Bool = false) {
        rows.put(WooRow(shop: m.shop, kind: .order, id: "\(order.id)", created: order.created, modified: m.seconds, shown: order.record))
        book(order, m)
        guard order.status != "checkout-draft" else { return }
        if isNew { tell("order.created", order.id, m) }
        // A new order is saved several times over by the vendor too: it is told as an update as well.
        tell("order.updated", order.id, m)
    }

    /// - Source: the vendor's webhook hooks: the bin is told (`woocommerce_trash_order`), deletion for good is not.
    mutating func delete(_ order: WooOrder, forGood: Bool, _ m: WooMoment) throws(WooProblem) {
        guard let row = rows[m.shop, .order, order.id] else { return }
        guard !forGood else {
            for refund in refunds(of: order.id, m) {
                if let row = rows[m.shop, .refund, refund.id] { rows.remove(row) }
            }
            rows.remove(row)
            return
        }
        guard order.status != "trash" else {
            throw WooProblem(410, "woocommerce_rest_already_trashed", "The shop_order has already been deleted.")
        }
        var order = order
        order.meta.append(WooMeta(id: next("meta", m), key: "_wp_trash_meta_status", value: .string("wc-" + order.status)))
        order.status = "trash"
        rows.put(WooRow(shop: m.shop, kind: .order, id: row.id, created: row.created, modified: m.seconds, shown: order.record))
        tell("order.deleted", order.id, m)
    }

    /// Out of the bin again.
    mutating func restore(_ order: WooOrder, _ m: WooMoment) {
        var order = order
        let before = order.meta["_wp_trash_meta_status"]?.string ?? "wc-pending"
        order.meta.removeAll { $0.key == "_wp_trash_meta_status" }
        order.status = String(before.dropFirst(3))
        rows.put(WooRow(shop: m.shop, kind: .order, id: "\(order.id)", created: order.created, modified: m.seconds, shown: order.record))
        tell("order.restored", order.id, m)
    }
}
