internal import Kernel
internal import TwinKit
internal import Wire

/// What happens in a shop without any request to the API: `{"do": "placed", "shop": "prairie", "items": [{"sku": "MUG-01", "quantity": 2}]}`.
extension WooState {
    mutating func happen(_ json: JSON, _ m: WooMoment) throws(Fault) -> [(key: String, value: JSON)] {
        told = []
        do throws(WooProblem) {
            switch json.text("do") {
            case "placed": return try placed(json, m)
            case "paid": return try paid(json, m)
            case "edited":
                let order = try updateOrder(try order(json.whole("order"), m), WooArgs(body: json["change"] ?? JSON.object([])), m)
                return [("order", .whole(order.id)), ("total", .string(order.total.description))]
            case "held": return try moved(json, to: "on-hold", m)
            case "failed", "completed", "cancelled": return try moved(json, to: json.text("do") ?? "", m)
            case "refunded": return try refunded(json, m)
            case "refund_deleted":
                guard let row = rows[m.shop, .refund, json.whole("refund")] else { throw .invalidID("shop_order_refund") }
                removeRefund(WooRefund(row), m)
                return [("refund", .whole(row.number))]
            case "trashed", "deleted":
                try delete(try order(json.whole("order"), m), forGood: json.text("do") == "deleted", m)
                return [("order", .whole(json.whole("order")))]
            case "restored":
                restore(try order(json.whole("order"), m), m)
                return [("order", .whole(json.whole("order")))]
            case "noted":
                let order = try order(json.whole("order"), m)
                let id = addNote(order.id, json.text("note") ?? "", forCustomer: json.flag("customer_note"), author: "admin", m)
                return [("note", .whole(id))]
            default: return try aside(json, m)
            }
        } catch {
            throw Happening.refused(error.message, error.code)
        }
    }

    /// What happens beside orders.
    private mutating func aside(_ json: JSON, _ m: WooMoment) throws(WooProblem) -> [(key: String, value: JSON)] {
        let change = WooArgs(body: json["change"] ?? JSON.object([]))
        switch json.text("do") {
        case "customer_registers": return [("customer", .whole(try createCustomer(WooArgs(body: json), m)))]
        case "customer_edited", "product_edited":
            let name = json.text("do") == "customer_edited" ? "customer" : "product"
            _ = try run(WooCall(method: .put, path: [name + "s", "\(json.whole(name))"], args: change, moment: m))
            return [(name, .whole(json.whole(name)))]
        case "stock_counted":
            guard let row = rows[m.shop, .product, json.whole("product")], row.shown.flag("manage_stock") else { throw .invalidID("product") }
            setStock(row, to: json.whole("pieces"), m)
            return [("product", .whole(row.number))]
        case "setting_changed":
            guard let row = rows[m.shop, .setting, json.text("setting") ?? ""] else { throw WooProblem(404, "setting", "Invalid setting.") }
            try set(row, json.text("value") ?? "", m)
            return [("setting", .string(row.id))]
        case "key_revoked":
            guard let row = rows[m.shop, .key, json.text("key") ?? ""] else { throw WooProblem(404, "key", "There is no such key.") }
            rows.remove(row)
            return [("key", .string(row.id))]
        default: throw WooProblem(404, "do", "nothing of that name happens here")
        }
    }

    // MARK: Orders

    /// Somebody orders at the checkout and pays, unless `pays` is false: by card and PayPal at once, by bank later, at the door later.
    private mutating func placed(_ json: JSON, _ m: WooMoment) throws(WooProblem) -> [(key: String, value: JSON)] {
        let method = json.text("payment_method") ?? "stripe"
        let title = rows[m.shop, .gateway, method]?.shown.text("title") ?? method
        var body: [(key: String, value: JSON)] = [
            ("line_items", json["items"] ?? []), ("payment_method", .string(method)), ("payment_method_title", .string(title)),
        ]
        if let shipping = json["shipping"]?.scalar {
            let line: JSON = .object([("method_id", "flat_rate"), ("method_title", "Flat rate"), ("instance_id", "3"), ("total", .string(shipping))])
            body.append(("shipping_lines", .array([line])))
        }
        let settings = settings(m.shop)
        var address: JSON = .object([
            ("first_name", json["first_name"] ?? "Mara"), ("last_name", json["last_name"] ?? "Lind"), ("email", json["email"] ?? "mara.lind@example.com"),
            ("country", .string(settings.country)), ("state", .string(settings.state)), ("postcode", .string(settings.postcode)),
            ("city", .string(settings.city)), ("address_1", "12 Pier Rd"),
        ])
        for (key, value) in json["address"]?.object ?? [] { address = address.setting(key, value) }
        body.append(("billing", address))
        body.append(("shipping", .object((address.object ?? []).filter { $0.key != "email" })))
        if let coupons = json["coupons"]?.array { body.append(("coupon_lines", .array(coupons.map { .object([("code", $0)]) }))) }
        for name in ["fee_lines", "shipping_lines", "customer_id", "currency", "customer_note", "meta_data"] {
            if let value = json[name == "fee_lines" ? "fees" : name] { body.append((name, value)) }
        }
        var order = try createOrder(WooArgs(body: .object(body)), via: "checkout", m)
        if json["pays"]?.bool ?? true { try pay(&order, json, m) }
        return [("order", .whole(order.id)), ("status", .string(order.status)), ("total", .string(order.total.woo(settings.places).description))]
    }

    private mutating func paid(_ json: JSON, _ m: WooMoment) throws(WooProblem) -> [(key: String, value: JSON)] {
        var order = try order(json.whole("order"), m)
        guard order.paid == nil else { throw WooProblem(400, "order", "it is paid already") }
        if ["bacs", "cheque", "cod"].contains(order.method) {
            complete(&order, transaction: json.text("transaction_id"), m)
            if order.paid == nil { move(&order, to: "completed", m) }
            save(order, m)
        } else {
            try pay(&order, json, m)
        }
        return [("order", .whole(order.id)), ("status", .string(order.status))]
    }

    private mutating func pay(_ order: inout WooOrder, _ json: JSON, _ m: WooMoment) throws(WooProblem) {
        switch order.method {
        case "bacs", "cheque":
            move(&order, to: "on-hold", m)
            return save(order, m)
        case "cod":
            move(&order, to: "processing", m)
            return save(order, m)
        default: break
        }
        let places = WooCurrency.places(order.currency)
        let fee = try json["fee"].map { json throws(WooProblem) in try WooArgs.amount(json, "fee") } ?? Self.fee(order, places)
        let net = (order.total - fee).woo(places).description
        let isPayPal = order.method == "ppcp-gateway"
        if !order.total.isZero {
            func money(_ value: String) -> JSON { .object([("currency_code", .string(order.currency)), ("value", .string(value))]) }
            let fees: JSON = .object([
                ("gross_amount", money(order.total.woo(places).description)), ("paypal_fee", money(fee.woo(places).description)), ("net_amount", money(net)),
            ])
            let entries: [(String, JSON)] =
                isPayPal
                ? [("_ppcp_paypal_fees", fees)]
                : [
                    ("_stripe_fee", .string(fee.woo(places).description)), ("_stripe_net", .string(net)), ("_stripe_currency", .string(order.currency)),
                ]
            order.meta = merged(order.meta, entries.map { .object([("key", .string($0.0)), ("value", $0.1)]) }, m)
        }
        let fresh = order.total.isZero ? "" : isPayPal ? m.letters(17).uppercased() : "ch_3" + m.letters(23)
        complete(&order, transaction: json.text("transaction_id") ?? fresh, m)
    }

    /// 2.9 % and 30 cents, and what is usual elsewhere.
    private static func fee(_ order: WooOrder, _ places: Int) -> ExactDecimal {
        let isPayPal = order.method == "ppcp-gateway"
        let (perTenThousand, fixed) = order.currency == "USD" ? (isPayPal ? 349 : 290, isPayPal ? 49 : 30) : (isPayPal ? 290 : 150, 20)
        let share = ExactDecimal.ratio(order.total * ExactDecimal(perTenThousand), ExactDecimal(10_000), places: places)
        return share + ExactDecimal(small: Int64(fixed), scale: 2).woo(places)
    }

    private mutating func moved(_ json: JSON, to status: String, _ m: WooMoment) throws(WooProblem) -> [(key: String, value: JSON)] {
        var order = try order(json.whole("order"), m)
        move(&order, to: status, m)
        save(order, m)
        return [("order", .whole(order.id)), ("status", .string(order.status))]
    }

    // MARK: Refunds

    /// Of `items` (`[{"id": 501, "quantity": 1}]` or by their sku), of an `amount` alone, or of all that is left.
    private mutating func refunded(_ json: JSON, _ m: WooMoment) throws(WooProblem) -> [(key: String, value: JSON)] {
        let order = try order(json.whole("order"), m)
        var lines: [WooRefundLine] = []
        var amount = try json["amount"].map { json throws(WooProblem) in try WooArgs.amount(json, "amount") }
        if let items = json["items"]?.array {
            for entry in items {
                guard let item = order.items.first(where: { $0.id == entry.whole("id") || ($0.kind == .line && $0.plain["sku"] == entry["sku"]) }) else {
                    throw WooProblem(400, "items", "the order has no such line")
                }
                lines.append(part(of: item, pieces: entry["quantity"]?.int ?? item.quantity, m))
            }
        } else if amount == nil {
            lines = order.items.filter { [.line, .fee, .shipping].contains($0.kind) }.map { rest(of: $0, order, m) }
            amount = remaining(order, m)
        }
        let sum = lines.map { $0.total + $0.taxes.map(\.amount).sum }.sum
        let gateway = rows[m.shop, .gateway, order.method]?.shown.list("method_supports").contains("refunds") ?? false
        let made = try giveBack(
            order, amount: amount ?? min(sum, remaining(order, m)), reason: json.text("reason") ?? "", lines: lines,
            throughGateway: gateway && !json.flag("manual"), restocking: json["restock"]?.bool ?? true, m)
        return [("refund", .whole(made.id)), ("amount", .string(made.amount.woo(2).description))]
    }

    /// So many pieces of a line, in proportion.
    private func part(of item: WooItem, pieces: Int, _ m: WooMoment) -> WooRefundLine {
        let settings = settings(m.shop)
        let all = ExactDecimal(item.kind == .line ? max(item.quantity, 1) : 1)
        let some = ExactDecimal(item.kind == .line ? min(max(pieces, 0), item.quantity) : 1)
        func share(_ amount: ExactDecimal) -> ExactDecimal { .ratio(amount * some, all, places: settings.places) }
        let taxes = item.taxes.map { part in
            WooTax(rate: part.rate, amount: ExactDecimal.ratio(part.total * some, all, places: 8).woo(settings.places, settings.taxRounding))
        }
        return WooRefundLine(item: item.id, quantity: item.kind == .line ? min(max(pieces, 0), item.quantity) : 0, total: share(item.total), taxes: taxes)
    }

    /// What no refund has given back of a line yet.
    private func rest(of item: WooItem, _ order: WooOrder, _ m: WooMoment) -> WooRefundLine {
        let settings = settings(m.shop)
        let back = refunds(of: order.id, m).flatMap(\.items).filter { $0.meta["_refunded_item_id"]?.scalar == "\(item.id)" }
        let taxes = item.taxes.map { part in
            let given = back.flatMap(\.taxes).filter { $0.rate == part.rate }.map(\.total).sum
            return WooTax(rate: part.rate, amount: part.total.woo(settings.places, settings.taxRounding) + given)
        }
        let pieces = item.kind == .line ? item.quantity + back.map(\.quantity).reduce(0, +) : 0
        return WooRefundLine(item: item.id, quantity: pieces, total: item.total.woo(settings.places) + back.map(\.total).sum, taxes: taxes)
    }
}
