internal import Kernel
internal import TwinKit
internal import Wire

/// Orders through the API: make, reckon, read, change, pay.
/// - Source: developer.squareup.com/docs/orders-api; square/connect-api-specification.
extension SquareState {
    mutating func orders(_ call: SquareCall) throws(SquareProblem) -> JSON {
        let m = call.moment
        switch (call.method, call.path.dropFirst().joined(separator: "/"), call.path.count) {
        case (.post, "", _):
            let form = try SquareOrderForm(self, m).read(try call.body.needObject("order"))
            return .object([("order", makeOrder(form, m))])
        case (.post, "search", _): return try searchOrders(call)
        case (.post, "batch-retrieve", _): return try batchRetrieve(call)
        case (.post, "calculate", _): return .object([("order", try calculate(call))])
        case (.get, _, 2): return .object([("order", try order(call.id, m).shown)])
        case (.put, _, 2): return .object([("order", try updateOrder(call))])
        case (.post, _, 3) where call.action == "pay": return .object([("order", try payOrder(call))])
        default: throw .notFound()
        }
    }

    func order(_ id: String, _ m: SquareMoment) throws(SquareProblem) -> SquareRow {
        guard let row = find(.order, id, m) else { throw .notFound("Order not found for id \(id).", "order_id") }
        return row
    }

    /// Prices an order and keeps it; the order as it is shown.
    @discardableResult
    mutating func makeOrder(_ form: JSON, _ m: SquareMoment) -> JSON {
        var pricing = SquarePricing(form, merchant: merchant(m), random: m.random)
        let id = m.id(27)
        var o = SquareFields()
        o.text("id", id)
        for (key, value) in pricing.priced().object ?? [] { o.set(key, value) }
        o.text("created_at", m.text)
        o.text("updated_at", m.text)
        o.int("version", 1)
        let order = totals(o.json)
        insert(.order, id, order, m)
        emitOrder("order.created", order, m)
        return order
    }

    /// Writes a changed order: totals, version, time and event.
    @discardableResult
    mutating func keepOrder(_ order: JSON, _ m: SquareMoment) -> JSON {
        guard let id = order.text("id"), var row = rows[id] else { return order }
        row.shown = totals(order).setting([("updated_at", .string(m.text)), ("version", .minor(order.minor("version") + 1))])
        rows.put(row)
        emitOrder("order.updated", row.shown, m)
        return row.shown
    }

    /// The sums that follow from lines, returns, tenders and rounding.
    func totals(_ order: JSON) -> JSON {
        let currency = merchants.values.first { $0.locations.contains { $0.id == order.text("location_id") } }?.currency ?? "USD"
        let own = order.list("service_charges").filter { $0.text("treatment_type") != "APPORTIONED_TREATMENT" }
        let sold = order.list("line_items").reduce(0) { $0 + $1.amount("total_money") } + own.reduce(0) { $0 + $1.amount("total_money") }
        let tenders = order.list("tenders").filter { !["VOIDED", "FAILED"].contains($0["card_details"]?.text("status") ?? "") }
        let tips = tenders.reduce(0) { $0 + $1.amount("tip_money") }
        let total = sold + tips + (order["rounding_adjustment"]?.amount("amount_money") ?? 0)
        let amounts: [(String, Int64)] = [
            ("total_money", total), ("tax_money", order.amount("total_tax_money")), ("discount_money", order.amount("total_discount_money")),
            ("tip_money", tips), ("service_charge_money", order.amount("total_service_charge_money")),
        ]
        let returned = order.list("returns").compactMap { $0["return_amounts"] }
        let back = amounts.map { name, _ in (name, returned.reduce(Int64(0)) { $0 + $1.amount(name) }) }
        func shown(_ list: [(String, Int64)]) -> JSON { .object(list.map { (key: $0.0, value: JSON.money($0.1, currency)) }) }
        let net = zip(amounts, back).map { ($0.0, $0.1 - $1.1) }
        let paid = tenders.reduce(0) { $0 + $1.amount("amount_money") }
        let refunded = order.list("refunds").filter { $0.text("status") != "FAILED" && $0.text("status") != "REJECTED" }
        let due = total - back[0].1 - paid + refunded.reduce(0) { $0 + $1.amount("amount_money") }
        return order.setting([
            ("total_money", .money(total, currency)), ("total_tip_money", .money(tips, currency)),
            ("return_amounts", returned.isEmpty ? .null : shown(back)), ("net_amounts", shown(net)),
            ("net_amount_due_money", .money(due, currency)),
        ])
    }

    // MARK: Calls

    private func calculate(_ call: SquareCall) throws(SquareProblem) -> JSON {
        let m = call.moment
        let form = try SquareOrderForm(self, m).read(try call.body.needObject("order"))
        var pricing = SquarePricing(form, merchant: merchant(m), random: m.random)
        return totals(pricing.priced()).setting([("created_at", .string(m.text)), ("updated_at", .string(m.text)), ("version", 1)])
    }

    /// Ids that are not there, or of another location, are left out without a word.
    private func batchRetrieve(_ call: SquareCall) throws(SquareProblem) -> JSON {
        guard let ids = try call.body.texts("order_ids", most: 100) else { throw .missing("order_ids") }
        guard !ids.isEmpty else { throw .invalid("ARRAY_EMPTY", "Array must not be empty.", "order_ids") }
        let location = try call.body.text("location_id")
        if let location { _ = try self.location(location, call.moment) }
        let found = ids.compactMap { find(.order, $0, call.moment)?.shown }.filter { location == nil || $0.text("location_id") == location }
        return .object(found.isEmpty ? [] : [("orders", .array(found))])
    }

    private mutating func updateOrder(_ call: SquareCall) throws(SquareProblem) -> JSON {
        let m = call.moment
        let row = try order(call.id, m)
        let body = try call.body.object("order") ?? SquareBody(.object([]), "order")
        guard let version = try body.int("version") else { throw .missing("order.version") }
        guard version == row.shown.minor("version") else {
            throw .conflict("The version of the order is \(row.shown.minor("version")), not \(version).", "order.version")
        }
        let state = row.shown.text("state") ?? ""
        guard state == "OPEN" || state == "DRAFT" else { throw .bad("Orders in the state \(state) can't be updated.", "order") }
        var merged = Self.merge(row.shown, body.json)
        for field in try call.body.texts("fields_to_clear") ?? [] { merged = Self.clear(merged, field) }
        let wanted = try body.choice("state", of: ["OPEN", "DRAFT", "CANCELED", "COMPLETED"]) ?? state
        merged = merged.setting("location_id", row.shown["location_id"] ?? JSON.null)
            .setting("state", .string(wanted == "DRAFT" ? "DRAFT" : "OPEN"))
        let form = try SquareOrderForm(self, m).read(SquareBody(Self.withoutDangling(merged), "order"))
        var pricing = SquarePricing(form, merchant: merchant(m), random: m.random)
        var order = row.shown
        for key in ["line_items", "taxes", "discounts", "service_charges", "metadata", "reference_id", "ticket_name", "fulfillments", "customer_id"] {
            order = order.without(key)
        }
        order = Self.timed(order.setting((pricing.priced().object ?? []).map { ($0.key, $0.value) }), m.text)
        let due = totals(order).amount("net_amount_due_money")
        guard order.list("tenders").isEmpty || due >= 0 else { throw .bad("The order's total can't be less than what is paid.", "order") }
        return try finish(order, wanted: wanted, due: due, m)
    }

    /// An order that was changed, in the state that was asked for or that follows.
    private mutating func finish(_ order: JSON, wanted: String, due: Int64, _ m: SquareMoment) throws(SquareProblem) -> JSON {
        switch wanted {
        case "CANCELED":
            guard order.list("tenders").isEmpty else { throw .bad("An order with payments can't be canceled.", "order.state") }
            return keepOrder(order.setting([("state", "CANCELED"), ("closed_at", .string(m.text))]), m)
        case "COMPLETED" where due != 0: throw .bad("An order that is not paid can't be completed.", "order.state")
        default: return keepOrder(closing(order, m), m)
        }
    }

    /// The order, completed where everything is paid and handed over.
    func closing(_ order: JSON, _ m: SquareMoment) -> JSON {
        let isPaid = totals(order).amount("net_amount_due_money") == 0 && !(order.list("tenders").isEmpty && order.list("returns").isEmpty)
        let isHeld = order.list("tenders").contains { tender in
            ["APPROVED", "PENDING"].contains(tender.text("payment_id").flatMap { rows[$0]?.shown.text("status") } ?? "")
        }
        let isOut = order.list("fulfillments").allSatisfy { ["COMPLETED", "CANCELED", "FAILED"].contains($0.text("state") ?? "PROPOSED") }
        guard isPaid, !isHeld, isOut, order.text("state") == "OPEN" else { return order }
        return order.setting([("state", "COMPLETED"), ("closed_at", .string(m.text))])
    }

    // MARK: Sparse orders

    /// Members that are given replace those that are there; of lists, the elements of the same uid are merged and others come after.
    private static func merge(_ old: JSON, _ new: JSON) -> JSON {
        var out = old
        for (key, value) in new.object ?? [] where key != "version" && key != "id" {
            guard let list = value.array, list.contains(where: { $0.text("uid") != nil }) || key == "line_items" else {
                out = value.isNull ? out.without(key) : out.setting(key, value)
                continue
            }
            var rows = old.list(key)
            for element in list {
                if let uid = element.text("uid"), let place = rows.firstIndex(where: { $0.text("uid") == uid }) {
                    rows[place] = merge(rows[place], element)
                } else {
                    rows.append(element)
                }
            }
            out = out.setting(key, .array(rows))
        }
        return out
    }

    /// `note`, `line_items[uid]` or `line_items[uid].note`.
    private static func clear(_ order: JSON, _ field: String) -> JSON {
        guard let open = field.firstIndex(of: "["), let close = field.firstIndex(of: "]"), open < close else { return order.without(field) }
        let list = String(field[..<open]), uid = String(field[field.index(after: open)..<close])
        let rest = String(field[field.index(after: close)...].drop { $0 == "." })
        let rows = order.list(list).compactMap { row -> JSON? in
            guard row.text("uid") == uid else { return row }
            // Not a ternary: there `nil` would be the literal for `JSON.null`.
            if rest.isEmpty { return nil }
            return row.without(rest)
        }
        return order.setting(list, .array(rows))
    }

    /// What lines name and is no longer there goes from them.
    private static func withoutDangling(_ order: JSON) -> JSON {
        let lists = [
            ("applied_taxes", "tax_uid", "taxes"), ("applied_discounts", "discount_uid", "discounts"),
            ("applied_service_charges", "service_charge_uid", "service_charges"),
        ]
        func kept(_ row: JSON) -> JSON {
            lists.reduce(row) { row, names in
                guard row[names.0]?.array != nil else { return row }
                let known = Set(order.list(names.2).compactMap { $0.text("uid") })
                return row.setting(names.0, .array(row.list(names.0).filter { known.contains($0.text(names.1) ?? "") }))
            }
        }
        return ["line_items", "service_charges"].reduce(order) { order, name in
            order[name]?.array == nil ? order : order.setting(name, .array(order.list(name).map(kept)))
        }
    }

    // MARK: Paying

    /// Completes payments that were set aside for an order, and the order with them.
    private mutating func payOrder(_ call: SquareCall) throws(SquareProblem) -> JSON {
        let m = call.moment
        let row = try order(call.id, m)
        if let version = try call.body.int("order_version"), version != row.shown.minor("version") {
            throw .conflict("The version of the order is \(row.shown.minor("version")), not \(version).", "order_version")
        }
        guard row.shown.text("state") == "OPEN" else { throw .bad("The order is \(row.shown.text("state") ?? "").", "order_id") }
        let ids = try call.body.texts("payment_ids", most: 100) ?? []
        var sum: Int64 = 0
        for id in ids {
            guard let payment = find(.payment, id, m), payment.shown.text("order_id") == row.id else {
                throw .notFound("Could not find payment with id \(id) for this order.", "payment_ids")
            }
            guard payment.shown.text("status") == "APPROVED" else { throw .bad("Payment \(id) is not APPROVED.", "payment_ids") }
            sum += payment.shown.amount("total_money")
        }
        guard sum == row.shown.amount("net_amounts", "total_money") else { throw Self.mismatch }
        for id in ids { capture(id, m) }
        let order = rows[row.id]?.shown ?? row.shown
        if order.text("state") == "OPEN", ids.isEmpty {
            return keepOrder(order.setting([("state", "COMPLETED"), ("closed_at", .string(m.text))]), m)
        }
        return order
    }

    static var mismatch: SquareProblem {
        .bad("The total of the requested payments does not match the total of the sale order.", "amount_money")
    }
}

extension JSON {
    /// The amount of a money member of a member.
    func amount(_ key: String, _ inner: String) -> Int64 { self[key]?.amount(inner) ?? 0 }
}
