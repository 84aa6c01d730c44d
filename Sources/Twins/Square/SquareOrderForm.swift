internal import Kernel
internal import TwinKit
internal import Wire

/// Reads an order as a request writes it, and fills in what it does not say: uids, prices and names of the catalog, defaults.
struct SquareOrderForm {
    let state: SquareState
    let m: SquareMoment
    let currency: String

    init(_ state: SquareState, _ m: SquareMoment) {
        self.state = state
        self.m = m
        currency = state.merchant(m).currency
    }

    /// Members that an order takes over as they are.
    private static let plain = ["customer_id", "pricing_options"]
    static let linesMost = 500

    /// The order without its amounts.
    func read(_ body: SquareBody) throws(SquareProblem) -> JSON {
        let location = try state.location(try body.need("location_id", most: 50), m, field: body.at("location_id"))
        var o = SquareFields()
        o.text("location_id", location.id)
        o.text("reference_id", try body.text("reference_id", most: 40))
        o.set("source", try source(body))
        _ = try body.text("customer_id", most: 191)
        let taxes = try parts(body, "taxes", tax), discounts = try parts(body, "discounts", discount)
        let charges = try parts(body, "service_charges", charge)
        let lines = try parts(body, "line_items", line)
        try references(lines + charges, "applied_taxes", "tax_uid", taxes, body)
        try references(lines, "applied_discounts", "discount_uid", discounts, body)
        try references(lines, "applied_service_charges", "service_charge_uid", charges, body)
        let named = Set(lines.flatMap { $0.list("applied_taxes").compactMap { $0.text("tax_uid") } })
        let marked = Set(lines.flatMap { $0.list("applied_discounts").compactMap { $0.text("discount_uid") } })
        o.set("line_items", lines.isEmpty ? nil : .array(lines))
        o.set("taxes", taxes.isEmpty ? nil : .array(taxes.map { Self.scoped($0, named) }))
        o.set("discounts", discounts.isEmpty ? nil : .array(discounts.map { Self.scoped($0, marked) }))
        o.set("service_charges", charges.isEmpty ? nil : .array(charges))
        o.copy(Self.plain, of: body.json)
        let parts = body.json.list("fulfillments").map { part in
            part.text("uid") == nil ? part.setting("uid", .string(SquareMoment.letters(m.random, 22))) : part
        }
        if !parts.isEmpty { o.set("fulfillments", .array(parts)) }
        o.set("metadata", try body.metadata())
        o.text("ticket_name", try body.text("ticket_name", most: 30))
        o.text("state", try body.choice("state", of: ["OPEN", "DRAFT"]) ?? "OPEN")
        return o.json
    }

    private func source(_ body: SquareBody) throws(SquareProblem) -> JSON {
        let name = try body.object("source")?.text("name", most: 255)
        return .object([("name", .string(name ?? "Counterfoil Hub"))])
    }

    /// Without a scope, what lines name is for those lines, and what no line names is for the whole order.
    private static func scoped(_ json: JSON, _ named: Set<String>) -> JSON {
        json.text("scope") != nil ? json : json.setting("scope", .string(named.contains(json.text("uid") ?? "") ? "LINE_ITEM" : "ORDER"))
    }

    private func parts(
        _ body: SquareBody, _ key: String, _ read: (SquareBody, inout SquareFields) throws(SquareProblem) -> Void
    ) throws(SquareProblem) -> [JSON] {
        var out: [JSON] = []
        var seen: Set<String> = []
        for part in try body.bodies(key, most: Self.linesMost) {
            let uid = try part.text("uid", most: 60) ?? SquareMoment.letters(m.random, 22)
            guard seen.insert(uid).inserted else { throw .value("`\(uid)` is used more than once.", part.at("uid")) }
            var o = SquareFields()
            o.text("uid", uid)
            try read(part, &o)
            o.set("metadata", try part.metadata())
            out.append(o.json)
        }
        return out
    }

    /// Every uid that is referred to is there.
    private func references(_ rows: [JSON], _ list: String, _ key: String, _ targets: [JSON], _ body: SquareBody) throws(SquareProblem) {
        let known = Set(targets.compactMap { $0.text("uid") })
        for row in rows {
            for applied in row.list(list) {
                guard let uid = applied.text(key), known.contains(uid) else {
                    throw .bad("`\(applied.text(key) ?? "")` does not refer to anything in this order.", body.at(list))
                }
            }
        }
    }

    /// A catalog object that the order may refer to.
    private func catalog(_ body: SquareBody, _ type: String) throws(SquareProblem) -> JSON? {
        guard let id = try body.text("catalog_object_id", most: 192) else { return nil }
        guard let row = state.catalog(id, m), row.text("type") == type, !row.flag("is_deleted") else {
            throw .notFound("Could not find \(type.lowercased()) with id \(id).", body.at("catalog_object_id"))
        }
        return row
    }

    private func tax(_ body: SquareBody, _ o: inout SquareFields) throws(SquareProblem) {
        let own = try catalog(body, "TAX")
        let from = own?["tax_data"] ?? JSON.object([])
        o.text("catalog_object_id", own?.text("id"))
        o.set("catalog_version", own?["version"])
        o.text("name", try body.text("name", most: 255) ?? from.text("name"))
        guard let percentage = try body.percentage() ?? from.text("percentage") else { throw .missing(body.at("percentage")) }
        o.text("percentage", percentage)
        o.text("type", try body.choice("type", of: ["ADDITIVE", "INCLUSIVE"]) ?? from.text("inclusion_type") ?? "ADDITIVE")
        o.text("scope", try body.choice("scope", of: ["LINE_ITEM", "ORDER"]))
    }

    private func discount(_ body: SquareBody, _ o: inout SquareFields) throws(SquareProblem) {
        let own = try catalog(body, "DISCOUNT")
        let from = own?["discount_data"] ?? JSON.object([])
        o.text("catalog_object_id", own?.text("id"))
        o.set("catalog_version", own?["version"])
        o.text("name", try body.text("name", most: 255) ?? from.text("name"))
        let percentage = try body.percentage() ?? from.text("percentage")
        let amount = try body.money("amount_money", currency) ?? from["amount_money"].map { Int64($0["amount"]?.int ?? 0) }
        guard (percentage == nil) != (amount == nil) else { throw .bad("Exactly one of `percentage` or `amount_money` must be set.", body.path) }
        o.text("percentage", percentage)
        o.money("amount_money", amount, currency)
        o.text("type", percentage != nil ? "FIXED_PERCENTAGE" : "FIXED_AMOUNT")
        o.text("scope", try body.choice("scope", of: ["LINE_ITEM", "ORDER"]))
    }

    private func charge(_ body: SquareBody, _ o: inout SquareFields) throws(SquareProblem) {
        o.text("name", try body.text("name", most: 512))
        let percentage = try body.percentage()
        let amount = try body.money("amount_money", currency)
        guard (percentage == nil) != (amount == nil) else { throw .bad("Exactly one of `percentage` or `amount_money` must be set.", body.path) }
        o.text("percentage", percentage)
        o.money("amount_money", amount, currency)
        let phases: Set<String> = ["SUBTOTAL_PHASE", "TOTAL_PHASE", "APPORTIONED_PERCENTAGE_PHASE", "APPORTIONED_AMOUNT_PHASE"]
        guard let phase = try body.choice("calculation_phase", of: phases) else { throw .missing(body.at("calculation_phase")) }
        let taxable = try body.flag("taxable") ?? false
        guard phase != "TOTAL_PHASE" || !taxable else { throw .value("Service charges of the TOTAL_PHASE can't be taxable.", body.at("taxable")) }
        o.text("calculation_phase", phase)
        o.flag("taxable", taxable)
        o.text("scope", try body.choice("scope", of: ["LINE_ITEM", "ORDER"]))
        o.text("type", try body.choice("type", of: ["AUTO_GRATUITY", "CUSTOM"]))
        o.set("applied_taxes", try body.list("applied_taxes").map(JSON.array))
    }

    private func line(_ body: SquareBody, _ o: inout SquareFields) throws(SquareProblem) {
        let quantity = try body.need("quantity", most: 12)
        guard let units = SquareQuantity.units(quantity), units > 0 else { throw .value("`\(quantity)` is not a valid quantity.", body.at("quantity")) }
        guard body.has("quantity_unit") || units % 100_000 == 0 else {
            throw .value("A quantity with a fraction needs a `quantity_unit`.", body.at("quantity"))
        }
        let variation = try catalog(body, "ITEM_VARIATION")
        let from = variation?["item_variation_data"] ?? JSON.object([])
        let item = from.text("item_id").flatMap { state.catalog($0, m) }
        let type = try body.choice("item_type", of: ["ITEM", "CUSTOM_AMOUNT", "GIFT_CARD"]) ?? "ITEM"
        let name = try body.text("name", most: 512) ?? item?["item_data"]?.text("name")
        guard name != nil || type == "CUSTOM_AMOUNT" else { throw .missing(body.at("name")) }
        let price = try body.money("base_price_money", currency) ?? from["price_money"].map { Int64($0["amount"]?.int ?? 0) }
        guard let price else { throw .missing(body.at("base_price_money")) }
        guard Int128(price) * Int128(units) <= Int128(SquareBody.moneyMost) * 100_000 else {
            throw .invalid("VALUE_TOO_HIGH", "The line item's total is too large.", body.at("base_price_money"))
        }
        o.text("catalog_object_id", variation?.text("id"))
        o.set("catalog_version", variation?["version"])
        o.text("quantity", quantity)
        o.copy(["quantity_unit"], of: body.json)
        o.text("name", name)
        o.text("variation_name", try body.text("variation_name", most: 400) ?? from.text("name"))
        o.text("note", try body.text("note", most: 2000))
        o.text("item_type", type)
        o.money("base_price_money", price, currency)
        let modifiers = try parts(body, "modifiers", modifier)
        o.set("modifiers", modifiers.isEmpty ? nil : .array(modifiers))
        for key in ["applied_taxes", "applied_discounts", "applied_service_charges"] { o.set(key, try body.list(key).map(JSON.array)) }
    }

    private func modifier(_ body: SquareBody, _ o: inout SquareFields) throws(SquareProblem) {
        o.text("name", try body.need("name", most: 255))
        guard let price = try body.money("base_price_money", currency) else { throw .missing(body.at("base_price_money")) }
        o.money("base_price_money", price, currency)
        let quantity = try body.text("quantity", most: 12)
        let isQuantity = quantity.map { SquareQuantity.units($0) != nil } ?? true
        guard isQuantity else { throw .value("`\(quantity ?? "")` is not a valid quantity.", body.at("quantity")) }
        o.text("quantity", quantity)
    }
}
