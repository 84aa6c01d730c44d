internal import Kernel
internal import TwinKit
internal import Wire

/// What one line of a refund gives back.
struct WooRefundLine: Sendable {
    var item: Int
    var quantity: Int
    var total: ExactDecimal
    var taxes: [WooTax]
}

/// - Source: woocommerce `WC_REST_Order_Refunds_Controller`, `RestApiUtil::adjust_create_refund_request_parameters`, `wc_create_refund`.
extension WooState {
    func refunds(of order: Int, _ m: WooMoment) -> [WooRefund] {
        // Newest first, as the vendor lists them.
        rows.all(.refund, of: order, in: m.shop).map { WooRefund($0) }.reversed()
    }

    /// What can still be given back.
    func remaining(_ order: WooOrder, _ m: WooMoment) -> ExactDecimal { order.total - refunds(of: order.id, m).map(\.amount).sum }

    mutating func refunds(_ call: WooCall) throws(WooProblem) -> WooAnswer {
        let m = call.moment
        let id = try call.number(1)
        let places = try places(call)
        guard let parent = rows[m.shop, .order, id].flatMap({ WooOrder($0) }) else {
            // The vendor gives this error no status of its own.
            throw .bare(404, "woocommerce_rest_invalid_order_id", "Invalid order ID.")
        }
        switch (call.method, call.path.count) {
        case (.get, 3), (.head, 3):
            let filter = try WooFilter(call.args, zone(m.shop))
            let found = rows.all(.refund, of: id, in: m.shop).filter { filter.admits($0) }
            return try WooPage(call.args).answer(filter.sorted(found), call) { shown(WooRefund($0), places, m) }
        case (.get, 4), (.head, 4): return WooAnswer(body: shown(try refund(try call.number(3), of: id, m), places, m))
        case (.post, 3):
            let made = try createRefund(parent, call.args, m)
            return .made(shown(made, places, m), at: m.rest + "orders/\(id)/refunds/\(made.id)")
        case (.delete, 4):
            guard try call.args.flag("force") ?? true else { throw .noTrash("shop_order_refund") }
            let found = try refund(try call.number(3), of: id, m)
            let body = shown(found, places, m)
            removeRefund(found, m)
            return WooAnswer(body: body)
        default: throw .noRoute
        }
    }

    /// All refunds of the shop, read only.
    func allRefunds(_ call: WooCall) throws(WooProblem) -> WooAnswer {
        guard call.isRead, call.isList else { throw .noRoute }
        let m = call.moment
        let places = try places(call)
        let filter = try WooFilter(call.args, zone(m.shop))
        let parents = try call.args.numbers("parent")
        let found = rows.all(.refund, in: m.shop).filter { filter.admits($0) && (parents.isEmpty || parents.contains($0.shown.whole("parent"))) }
        return try WooPage(call.args).answer(filter.sorted(found), call) { shown(WooRefund($0), places, m, withParent: true) }
    }

    private func refund(_ id: Int, of order: Int, _ m: WooMoment) throws(WooProblem) -> WooRefund {
        guard let row = rows[m.shop, .refund, id] else { throw .invalidID("shop_order_refund") }
        guard row.shown.whole("parent") == order else { throw .bare(404, "woocommerce_rest_invalid_order_refund_id", "Invalid order refund ID.") }
        return WooRefund(row)
    }

    /// The list of all refunds names the order; a refund read below its order does not.
    private func shown(_ refund: WooRefund, _ places: Int, _ m: WooMoment, withParent: Bool = false) -> JSON {
        func lines(_ kind: WooItem.Kind) -> JSON { .array(refund.items(kind).map { $0.shown(places) }) }
        var o = WooFields()
        o.whole("id", refund.id)
        if withParent { o.whole("parent_id", refund.parent) }
        o.date("date_created", refund.created, zone(m.shop))
        o.set("amount", .string(refund.amount.woo(places).description))
        o.text("reason", refund.reason)
        o.whole("refunded_by", refund.by)
        o.flag("refunded_payment", refund.isPaidBack)
        o.set("meta_data", refund.meta.json)
        o.set("line_items", lines(.line))
        o.set("shipping_lines", lines(.shipping))
        o.set("tax_lines", lines(.tax))
        o.set("fee_lines", lines(.fee))
        let base = "orders/\(refund.parent)"
        o.set("_links", m.links([("self", "\(base)/refunds/\(refund.id)"), ("collection", "\(base)/refunds"), ("up", base)]))
        return o.json
    }

    // MARK: Giving back

    private mutating func createRefund(_ order: WooOrder, _ args: WooArgs, _ m: WooMoment) throws(WooProblem) -> WooRefund {
        let given = try Self.refundLines(args["line_items"])
        var amount = try args.amount("amount")
        if amount == nil, !given.isEmpty { amount = given.map { $0.total + $0.taxes.map(\.amount).sum }.sum }
        if let amount, amount.isNegative {
            throw .bare(400, "woocommerce_rest_invalid_order_refund", "Refund amount must be greater than zero.")
        }
        let made = try giveBack(
            order, amount: amount ?? .zero, reason: try args.text("reason") ?? "", lines: given, throughGateway: args["api_refund"]?.bool ?? true,
            restocking: args["api_restock"]?.bool ?? true, m)
        guard let row = rows[m.shop, .refund, made.id] else { return made }
        var kept = made
        kept.meta = merged(kept.meta, try args.objects("meta_data"), m)
        change(row, kept.record, m)
        return kept
    }

    /// `[{"id": 501, "quantity": 1, "refund_total": 16.2, "refund_tax": [{"id": 7, "refund_total": 1.34}]}]`, or objects by the items' ids.
    private static func refundLines(_ json: JSON?) throws(WooProblem) -> [WooRefundLine] {
        var out: [WooRefundLine] = []
        var entries: [(Int, JSON)] = (json?.array ?? []).map { ($0.whole("id"), $0) }
        if let members = json?.object { entries = members.map { (Int($0.key) ?? 0, $0.value) } }
        for (id, entry) in entries {
            var taxes: [WooTax] = []
            for tax in entry.list("refund_tax") {
                taxes.append(WooTax(rate: tax.whole("id"), amount: try WooArgs.amount(tax["refund_total"] ?? 0, "refund_tax")))
            }
            for (rate, tax) in entry["refund_tax"]?.object ?? [] {
                taxes.append(WooTax(rate: Int(rate) ?? 0, amount: try WooArgs.amount(tax, "refund_tax")))
            }
            let pieces = (entry["quantity"] ?? entry["qty"])?.scalar.flatMap(Int.init) ?? 0
            guard pieces.magnitude <= piecesMost else { throw .type("line_items[quantity]", "integer") }
            let total = try WooArgs.amount(entry["refund_total"] ?? 0, "refund_total")
            out.append(WooRefundLine(item: id, quantity: pieces, total: total, taxes: taxes))
        }
        return out
    }

    /// - Parameter throughGateway: whether the payment provider is told to pay back; not all can.
    mutating func giveBack(
        _ order: WooOrder, amount: ExactDecimal, reason: String, lines: [WooRefundLine], throughGateway: Bool, restocking: Bool, _ m: WooMoment
    ) throws(WooProblem) -> WooRefund {
        func refused(_ message: String) -> WooProblem { .bare(500, "woocommerce_rest_cannot_create_order_refund", message) }
        guard !amount.isNegative, amount <= remaining(order, m) else { throw refused("Invalid refund amount.") }
        if throughGateway {
            guard let gateway = rows[m.shop, .gateway, order.method] else { throw refused("The payment gateway for this order does not exist.") }
            guard gateway.shown.list("method_supports").contains("refunds") else {
                throw refused("The payment gateway for this order does not support automatic refunds.")
            }
        }
        let settings = settings(m.shop)
        var items: [WooItem] = []
        for item in order.items where [.line, .fee, .shipping].contains(item.kind) {
            guard let line = lines.first(where: { $0.item == item.id }), line.quantity != 0 || !line.total.isZero || !line.taxes.isEmpty else { continue }
            items.append(returned(item, line, settings, m))
        }
        updateTaxes(&items, settings, m)
        var parent = order
        let made = keepRefund(of: order, amount: amount, reason: reason, items: items, isPaidBack: throughGateway, m)
        if restocking { takeBack(&parent, lines, m) }
        if throughGateway { note(order.id, "Refunded \(amount.woo(settings.places)) - Refund ID: re_\(m.letters(14)) - Reason: \(reason)", m) }
        if !remaining(parent, m).isPositive, parent.status != "refunded" {
            note(order.id, "Order status changed from \(Self.spoken(parent.status)) to Refunded.", m)
            parent.status = "refunded"
        }
        save(parent, m)
        return made
    }

    private mutating func returned(_ item: WooItem, _ line: WooRefundLine, _ settings: Settings, _ m: WooMoment) -> WooItem {
        var out = item
        out.id = next("item", m)
        out.quantity = -line.quantity
        out.total = -line.total
        out.subtotal = -line.total
        out.set(line.taxes.map { WooItemTax(rate: $0.rate, total: -$0.amount, subtotal: -$0.amount) }, settings)
        out.meta = [WooMeta(id: next("meta", m), key: "_refunded_item_id", value: .string("\(item.id)"))]
        return out
    }

    private mutating func takeBack(_ order: inout WooOrder, _ lines: [WooRefundLine], _ m: WooMoment) {
        for n in order.items.indices where order.items[n].kind == .line {
            let item = order.items[n]
            guard let line = lines.first(where: { $0.item == item.id }), line.quantity != 0,
                let taken = item.meta["_reduced_stock"]?.scalar.flatMap(Int.init), taken != 0,
                moveStock(item.plain.whole("product_id"), by: line.quantity, order.id, m)
            else { continue }
            let back = (item.meta["_restock_refunded_items"]?.scalar.flatMap(Int.init) ?? 0) + line.quantity
            order.items[n].meta = merged(
                item.meta,
                [
                    .object([("key", "_reduced_stock"), ("value", .string("\(taken - line.quantity)"))]),
                    .object([("key", "_restock_refunded_items"), ("value", .string("\(back)"))]),
                ], m)
        }
    }

    @discardableResult
    mutating func keepRefund(
        of order: WooOrder, amount: ExactDecimal, reason: String, items: [WooItem], isPaidBack: Bool, _ m: WooMoment
    ) -> WooRefund {
        let refund = WooRefund(
            id: next("post", m), parent: order.id, created: m.seconds, amount: amount, reason: reason, by: m.user, isPaidBack: isPaidBack, items: items)
        insert(.refund, "\(refund.id)", refund.record, m)
        book(refund, order, m)
        tell("order.updated", order.id, m)
        tell("action.woocommerce_order_refunded", order.id, m)
        tell("action.woocommerce_refund_created", refund.id, m)
        return refund
    }

    /// A refund that somebody takes back leaves no trace on its order: its time of change stays, and no webhook of the order tells.
    mutating func removeRefund(_ refund: WooRefund, _ m: WooMoment) {
        if let row = rows[m.shop, .refund, refund.id] { rows.remove(row) }
        if let row = rows[m.shop, .entry, "refund-\(refund.id)"] { rows.remove(row) }
        tell("action.woocommerce_refund_deleted", refund.id, m)
    }
}
