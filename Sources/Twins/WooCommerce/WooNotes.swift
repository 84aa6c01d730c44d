internal import Kernel
internal import TwinKit
internal import Wire

/// - Source: docs "Order notes" of wc/v3. Notes are listed without pages.
extension WooState {
    /// What the shop itself writes beside an order.
    mutating func note(_ order: Int, _ text: String, _ m: WooMoment) { addNote(order, text, forCustomer: false, author: "WooCommerce", m) }

    @discardableResult
    mutating func addNote(_ order: Int, _ text: String, forCustomer: Bool, author: String, _ m: WooMoment) -> Int {
        let id = next("comment", m)
        let shown: JSON = .object([
            ("order", .whole(order)), ("author", .string(author)), ("note", .string(text)), ("customer_note", .bool(forCustomer)),
        ])
        insert(.note, "\(id)", shown, m)
        return id
    }

    mutating func notes(_ call: WooCall) throws(WooProblem) -> WooAnswer {
        let m = call.moment
        let id = try call.number(1)
        guard rows[m.shop, .order, id] != nil else { throw WooProblem(404, "woocommerce_rest_order_invalid_id", "Invalid order ID.") }
        switch (call.method, call.path.count) {
        case (.get, 3), (.head, 3):
            let type = try call.args.choice("type", of: ["any", "customer", "internal"]) ?? "any"
            let found = rows.all(.note, of: id, in: m.shop).reversed().filter {
                type == "any" || $0.shown.flag("customer_note") == (type == "customer")
            }
            return WooAnswer(body: .array(found.map { shown(note: $0, m) }))
        case (.get, 4), (.head, 4): return WooAnswer(body: shown(note: try note(try call.number(3), of: id, m), m))
        case (.post, 3):
            guard let text = try call.args.text("note"), !text.isEmpty else { throw .missing(["note"]) }
            let author = try call.args.flag("added_by_user") == true ? "admin" : "WooCommerce"
            let made = addNote(id, text, forCustomer: try call.args.flag("customer_note") ?? false, author: author, m)
            return .made(shown(note: try note(made, of: id, m), m), at: m.rest + "orders/\(id)/notes/\(made)")
        case (.delete, 4):
            guard try call.args.flag("force") ?? false else { throw .noTrash("Webhooks") }
            let found = try note(try call.number(3), of: id, m)
            rows.remove(found)
            return WooAnswer(body: shown(note: found, m))
        default: throw .noRoute
        }
    }

    private func note(_ id: Int, of order: Int, _ m: WooMoment) throws(WooProblem) -> WooRow {
        guard let row = rows[m.shop, .note, id], row.shown.whole("order") == order else {
            throw WooProblem(404, "woocommerce_rest_invalid_id", "Invalid resource ID.")
        }
        return row
    }

    private func shown(note row: WooRow, _ m: WooMoment) -> JSON {
        var o = WooFields()
        o.whole("id", row.number)
        o.copy(["author"], from: row.shown)
        o.date("date_created", row.created, zone(m.shop))
        o.copy(["note", "customer_note"], from: row.shown)
        let base = "orders/\(row.shown.whole("order"))"
        o.set("_links", m.links([("self", "\(base)/notes/\(row.id)"), ("collection", "\(base)/notes"), ("up", base)]))
        return o.json
    }
}
