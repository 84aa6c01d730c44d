internal import Kernel
internal import Wire

/// So much of a line comes back.
struct SquareReturned: Sendable {
    var line: String
    /// In hundred-thousandths.
    var units: Int64
}

/// Return orders: orders of their own, which name the order that the goods came from.
/// - Source: square/connect-api-specification, `OrderReturn`.
extension SquareState {
    /// A return of an amount: one line without a source, nothing told of tax.
    func amountReturn(_ amount: Int64, source: String?, _ m: SquareMoment) -> JSON {
        let currency = merchant(m).currency
        func money(_ value: Int64) -> JSON { .money(value, currency) }
        let line: JSON = .object([
            ("uid", .string(SquareMoment.letters(m.random, 22))), ("quantity", "1"), ("item_type", "CUSTOM_AMOUNT"), ("base_price_money", money(amount)),
            ("variation_total_price_money", money(amount)), ("gross_return_money", money(amount)), ("total_tax_money", money(0)),
            ("total_discount_money", money(0)), ("total_money", money(amount)), ("total_service_charge_money", money(0)),
        ])
        var o = SquareFields()
        o.text("uid", SquareMoment.letters(m.random, 22))
        o.text("source_order_id", source)
        o.set("return_line_items", .array([line]))
        o.set("return_amounts", Self.amounts([amount, 0, 0, 0, 0], currency))
        return o.json
    }

    static func amounts(_ values: [Int64], _ currency: String) -> JSON {
        let names = ["total_money", "tax_money", "discount_money", "tip_money", "service_charge_money"]
        return .object(zip(names, values).map { (key: $0.0, value: JSON.money($0.1, currency)) })
    }

    /// A closed order of a return alone; its id.
    mutating func makeReturnOrder(location: String, _ back: JSON, _ m: SquareMoment) -> String {
        var o = SquareFields()
        o.text("location_id", location)
        o.set("source", .object([("name", "Counterfoil Hub")]))
        o.text("state", "COMPLETED")
        o.text("closed_at", m.text)
        o.set("returns", .array([back]))
        return makeOrder(o.json, m).text("id") ?? ""
    }

    /// What lines of an order, its tips and its service charges come to when they come back, and marks them as returned. Parts of a line are
    /// reckoned from the whole of what came back so far, so that the last part is the rest to the cent.
    mutating func itemisedReturn(
        _ source: SquareRow, _ lines: [SquareReturned], tip: Int64, charges: Bool, _ m: SquareMoment
    ) throws(SquareProblem) -> JSON {
        var taxes = SquareTally(), discounts = SquareTally()
        var shown: [JSON] = []
        for back in lines {
            guard let line = source.shown.list("line_items").first(where: { $0.text("uid") == back.line }) else {
                throw .notFound("The order has no line item of that uid.", "lines")
            }
            let whole = SquareQuantity.units(line.text("quantity") ?? "") ?? 0
            let before = rows[source.id]?.inner["returned"]?.minor(back.line) ?? 0
            guard back.units > 0, before + back.units <= whole else { throw .value("More comes back than was sold.", "lines") }
            let part = SquarePart(before: before, after: before + back.units, whole: whole)
            shown.append(returnLine(line, part, back.units, order: source.shown, &taxes, &discounts, m))
            let all = (rows[source.id]?.inner["returned"] ?? JSON.object([])).setting(back.line, .minor(before + back.units))
            changeInner(source.id, "returned", all)
        }
        let services = charges ? returnCharges(source, &taxes, m) : []
        return try wholeReturn(source, lines: shown, services: services, tip: tip, taxes: taxes, discounts: discounts, m)
    }

    private func returnLine(
        _ line: JSON, _ part: SquarePart, _ units: Int64, order: JSON, _ taxes: inout SquareTally, _ discounts: inout SquareTally, _ m: SquareMoment
    ) -> JSON {
        let currency = merchant(m).currency
        let gross = part.of(line.amount("gross_sales_money")), service = part.of(line.amount("total_service_charge_money"))
        var o = SquareFields()
        o.text("uid", SquareMoment.letters(m.random, 22))
        o.text("source_line_item_uid", line.text("uid"))
        o.copy(["catalog_object_id", "catalog_version", "name", "variation_name", "item_type", "quantity_unit"], of: line)
        o.text("quantity", SquareQuantity.text(units))
        o.copy(["base_price_money"], of: line)
        o.money("variation_total_price_money", part.of(line.amount("variation_total_price_money")), currency)
        o.money("gross_return_money", gross, currency)
        var (tax, counted, off) = (Int64(0), Int64(0), Int64(0))
        var applied: [JSON] = []
        for one in line.list("applied_taxes") {
            let uid = one.text("tax_uid") ?? "", share = part.of(one.amount("applied_money"))
            let isInside = order.list("taxes").contains { $0.text("uid") == uid && $0.text("type") == "INCLUSIVE" }
            tax += share
            if !isInside || merchant(m).grossIsNet { counted += share }
            applied.append(taxes.add(share, of: uid, "tax_uid", currency, m))
        }
        o.set("applied_taxes", applied.isEmpty ? nil : .array(applied))
        applied = []
        for one in line.list("applied_discounts") {
            let share = part.of(one.amount("applied_money"))
            off += share
            applied.append(discounts.add(share, of: one.text("discount_uid") ?? "", "discount_uid", currency, m))
        }
        o.set("applied_discounts", applied.isEmpty ? nil : .array(applied))
        o.money("total_discount_money", off, currency)
        o.money("total_tax_money", tax, currency)
        o.money("total_service_charge_money", service, currency)
        o.money("total_money", gross - off + service + counted, currency)
        return o.json
    }

    /// The service charges that have not come back yet, whole.
    private mutating func returnCharges(_ source: SquareRow, _ taxes: inout SquareTally, _ m: SquareMoment) -> [JSON] {
        guard !source.inner.flag("charges_returned") else { return [] }
        changeInner(source.id, "charges_returned", true)
        let currency = merchant(m).currency
        var out: [JSON] = []
        for charge in source.shown.list("service_charges") where charge.text("treatment_type") != "APPORTIONED_TREATMENT" {
            var o = SquareFields()
            o.text("uid", SquareMoment.letters(m.random, 22))
            o.text("source_service_charge_uid", charge.text("uid"))
            let names = [
                "name", "percentage", "amount_money", "applied_money", "total_money", "total_tax_money", "calculation_phase", "taxable", "treatment_type",
            ]
            o.copy(names, of: charge)
            var applied: [JSON] = []
            for one in charge.list("applied_taxes") {
                applied.append(taxes.add(one.amount("applied_money"), of: one.text("tax_uid") ?? "", "tax_uid", currency, m))
            }
            o.set("applied_taxes", applied.isEmpty ? nil : .array(applied))
            out.append(o.json)
        }
        return out
    }

    private func wholeReturn(
        _ source: SquareRow, lines: [JSON], services: [JSON], tip: Int64, taxes: SquareTally, discounts: SquareTally, _ m: SquareMoment
    ) throws(SquareProblem) -> JSON {
        let currency = merchant(m).currency
        var o = SquareFields()
        o.text("uid", SquareMoment.letters(m.random, 22))
        o.text("source_order_id", source.id)
        o.set("return_line_items", lines.isEmpty ? nil : .array(lines))
        o.set("return_service_charges", services.isEmpty ? nil : .array(services))
        func shown(_ tally: SquareTally, _ list: String, _ name: String) -> JSON? {
            let rows = tally.rows.map { one -> JSON in
                let own = source.shown.list(list).first { $0.text("uid") == one.source } ?? JSON.object([])
                var o = SquareFields()
                o.text("uid", one.uid)
                o.text(name, one.source)
                o.copy(["catalog_object_id", "catalog_version", "name", "type", "percentage", "amount_money", "scope"], of: own)
                o.money("applied_money", one.minor, currency)
                return o.json
            }
            guard !rows.isEmpty else { return nil }
            return .array(rows)
        }
        o.set("return_taxes", shown(taxes, "taxes", "source_tax_uid"))
        o.set("return_discounts", shown(discounts, "discounts", "source_discount_uid"))
        if tip > 0 {
            guard let tender = source.shown.list("tenders").first(where: { $0.amount("tip_money") >= tip }) else {
                throw .value("No tender has a tip of that much.", "tip")
            }
            let row: JSON = .object([
                ("uid", .string(SquareMoment.letters(m.random, 22))), ("applied_money", .money(tip, currency)), ("source_tender_id", tender["id"] ?? JSON.null),
            ])
            o.set("return_tips", .array([row]))
        }
        let total = lines.reduce(0) { $0 + $1.amount("total_money") } + services.reduce(0) { $0 + $1.amount("total_money") } + tip
        let service = services.reduce(0) { $0 + $1.amount("applied_money") } + lines.reduce(0) { $0 + $1.amount("total_service_charge_money") }
        o.set("return_amounts", Self.amounts([total, taxes.sum, discounts.sum, tip, service], currency))
        return o.json
    }
}

/// Which part of a line comes back now.
struct SquarePart {
    var before: Int64
    var after: Int64
    var whole: Int64

    func of(_ minor: Int64) -> Int64 {
        SquareRounding.halfEven(minor, Int128(after), Int128(max(1, whole))) - SquareRounding.halfEven(minor, Int128(before), Int128(max(1, whole)))
    }
}

/// The taxes or discounts of a return, each once.
struct SquareTally {
    private(set) var rows: [(source: String, uid: String, minor: Int64)] = []

    var sum: Int64 { rows.reduce(0) { $0 + $1.minor } }

    /// Adds a share, and says how the line names it.
    mutating func add(_ minor: Int64, of source: String, _ key: String, _ currency: String, _ m: SquareMoment) -> JSON {
        let place = rows.firstIndex { $0.source == source }
        if let place { rows[place].minor += minor } else { rows.append((source, SquareMoment.letters(m.random, 22), minor)) }
        let uid = rows[place ?? rows.count - 1].uid
        return .object([("uid", .string(SquareMoment.letters(m.random, 22))), (key, .string(uid)), ("applied_money", .money(minor, currency))])
    }
}
