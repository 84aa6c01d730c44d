internal import Kernel
internal import Wire

/// What an order costs: discounts, service charges, taxes and totals of an order whose parts are all there (prices, percentages, uids).
///
/// Percentage discounts come before fixed ones and, of each, those of single lines before those of the whole order; smaller percentages come first, each
/// on what the ones before have left. Of taxes, those of single lines come before those of the whole order, which are reckoned on the whole and
/// shared out among the lines.
/// - Source: developer.squareup.com/docs/orders-api/discounts, …/taxes, …/service-charges; the samples of CreateOrder in square/connect-api-specification.
struct SquarePricing {
    private struct Applied {
        var of: String
        var minor: Int64
    }

    private struct Line {
        var shown: JSON
        var uid: String
        var gross: Int64
        var variation: Int64
        /// What is left after discounts, with service charges that are shared out.
        var rest: Int64
        /// Neither discounted nor taxed: money that a customer puts on a card.
        var isGiftCard: Bool
        var discounts: [Applied] = []
        var taxes: [Applied] = []
        var charges: [Applied] = []
    }

    private struct Charge {
        var shown: JSON
        var uid: String
        var applied: Int64
        var isTaxable: Bool
        var taxes: [Applied] = []
    }

    private let currency: String
    private let grossIsNet: Bool
    private let random: any RandomSource
    private var lines: [Line] = []
    private var charges: [Charge] = []
    private var taxes: [JSON]
    private var discounts: [JSON]
    private let order: JSON

    init(_ order: JSON, merchant: SquareMerchant, random: any RandomSource) {
        self.order = order
        self.random = random
        currency = merchant.currency
        grossIsNet = merchant.grossIsNet
        taxes = order.list("taxes")
        discounts = order.list("discounts")
        lines = order.list("line_items").map(Self.line)
    }

    /// The order with every amount in it.
    mutating func priced() -> JSON {
        applyDiscounts()
        applyCharges("APPORTIONED_PERCENTAGE_PHASE")
        applyCharges("APPORTIONED_AMOUNT_PHASE")
        applyCharges("SUBTOTAL_PHASE")
        applyTaxes()
        applyCharges("TOTAL_PHASE")
        return shownOrder()
    }

    private static func line(_ json: JSON) -> Line {
        let quantity = Int128(SquareQuantity.units(json.text("quantity") ?? "1") ?? 0)
        let variation = SquareRounding.halfEven(json.amount("base_price_money"), quantity, 100_000)
        var gross = variation
        let modifiers = json.list("modifiers").map { modifier -> JSON in
            let each = Int128(SquareQuantity.units(modifier.text("quantity") ?? "1") ?? 0)
            let total = SquareRounding.halfEven(modifier.amount("base_price_money"), quantity * each, 10_000_000_000)
            gross += total
            let currency = modifier["base_price_money"]?.text("currency") ?? ""
            return modifier.setting("total_price_money", .money(total, currency))
        }
        let shown = modifiers.isEmpty ? json : json.setting("modifiers", .array(modifiers))
        return Line(
            shown: shown, uid: json.text("uid") ?? "", gross: gross, variation: variation, rest: gross, isGiftCard: json.text("item_type") == "GIFT_CARD")
    }

    private static func names(_ line: Line, _ list: String, _ key: String, _ uid: String) -> Bool {
        line.shown.list(list).contains { $0.text(key) == uid }
    }

    // MARK: Discounts

    private mutating func applyDiscounts() {
        func isPercentage(_ json: JSON) -> Bool { json.text("percentage") != nil }
        func rank(_ json: JSON) -> Int { (isPercentage(json) ? 0 : 2) + (json.text("scope") == "ORDER" ? 1 : 0) }
        func size(_ json: JSON) -> Int128 { json.text("percentage").flatMap { SquarePercent($0) }?.units ?? 0 }
        let order = discounts.indices.sorted { a, b in (rank(discounts[a]), size(discounts[a]), a) < (rank(discounts[b]), size(discounts[b]), b) }
        for place in order {
            let discount = discounts[place]
            let uid = discount.text("uid") ?? ""
            let isWhole = discount.text("scope") == "ORDER"
            let members = lines.indices.filter { n in
                isWhole ? !lines[n].isGiftCard && lines[n].rest > 0 : Self.names(lines[n], "applied_discounts", "discount_uid", uid)
            }
            let shares = off(discount, members, isWhole: isWhole)
            for (n, share) in zip(members, shares) {
                lines[n].rest -= share
                lines[n].discounts.append(Applied(of: uid, minor: share))
            }
            discounts[place] = discount.setting("applied_money", .money(shares.reduce(0, +), currency))
        }
        // As they were applied, which is how the vendor lists them.
        discounts = order.map { discounts[$0] }
    }

    /// What a discount takes of each of the lines. Rounded is what is left, so half a cent of discount may go either way.
    private func off(_ discount: JSON, _ members: [Int], isWhole: Bool) -> [Int64] {
        let rests = members.map { lines[$0].rest }
        guard let percent = discount.text("percentage").flatMap({ SquarePercent($0) }) else {
            let sum = rests.reduce(0, +)
            return SquareRounding.apportion(min(discount.amount("amount_money"), sum), rests)
        }
        func taken(_ rest: Int64) -> Int64 { rest - SquareRounding.halfEven(rest, SquarePercent.whole - percent.units, SquarePercent.whole) }
        return isWhole ? SquareRounding.apportion(taken(rests.reduce(0, +)), rests) : rests.map(taken)
    }

    // MARK: Service charges

    private mutating func applyCharges(_ phase: String) {
        for charge in order.list("service_charges") where charge.text("calculation_phase") == phase {
            let uid = charge.text("uid") ?? ""
            let isShared = phase.hasPrefix("APPORTIONED")
            let isWhole = charge.text("scope") != "LINE_ITEM"
            let members = lines.indices.filter {
                isWhole ? !lines[$0].isGiftCard || !isShared : Self.names(lines[$0], "applied_service_charges", "service_charge_uid", uid)
            }
            var base = members.reduce(Int64(0)) { $0 + lines[$1].rest }
            if phase == "TOTAL_PHASE" { base += additive(lines.flatMap(\.taxes)) + charges.reduce(0) { $0 + $1.applied + additive($1.taxes) } }
            let percent = charge.text("percentage").flatMap { SquarePercent($0) }
            let applied = percent.map { SquareRounding.halfEven(base, $0.units, SquarePercent.whole) } ?? charge.amount("amount_money")
            if isShared {
                for (n, share) in zip(members, SquareRounding.apportion(applied, members.map { lines[$0].rest })) {
                    lines[n].rest += share
                    lines[n].charges.append(Applied(of: uid, minor: share))
                }
            }
            let isTaxable = charge.flag("taxable") && phase == "SUBTOTAL_PHASE"
            charges.append(Charge(shown: charge, uid: uid, applied: applied, isTaxable: isTaxable))
        }
    }

    // MARK: Taxes

    /// Where a tax applies: a line or a service charge.
    private enum Member: Hashable {
        case line(Int)
        case charge(Int)
    }

    private func members(of tax: JSON) -> [Member] {
        let uid = tax.text("uid") ?? ""
        let isWhole = tax.text("scope") == "ORDER"
        let taxed = lines.indices.filter { !lines[$0].isGiftCard && (isWhole || Self.names(lines[$0], "applied_taxes", "tax_uid", uid)) }
        let charged = charges.indices.filter { n in
            charges[n].isTaxable && (isWhole || charges[n].shown.list("applied_taxes").contains { $0.text("tax_uid") == uid })
        }
        return taxed.map(Member.line) + charged.map(Member.charge)
    }

    private func amount(_ member: Member) -> Int64 {
        switch member {
        case .line(let n): lines[n].rest
        case .charge(let n): charges[n].applied
        }
    }

    /// A tax is its part of the amount without the taxes that are inside of it, whether it is itself inside or comes on top.
    private mutating func applyTaxes() {
        var inside: [Member: Int128] = [:]
        let all = taxes.map { tax in (tax: tax, members: members(of: tax), units: tax.text("percentage").flatMap { SquarePercent($0) }?.units ?? 0) }
        for (tax, members, units) in all where tax.text("type") == "INCLUSIVE" {
            for member in members { inside[member, default: 0] += units }
        }
        let order = taxes.indices.sorted { a, b in
            (taxes[a].text("scope") == "ORDER" ? 1 : 0, a) < (taxes[b].text("scope") == "ORDER" ? 1 : 0, b)
        }
        for place in order {
            let (tax, members, units) = all[place]
            let uid = tax.text("uid") ?? ""
            var total: Int64 = 0
            // Those that contain the same taxes are reckoned as one; lines with taxes of their own each by itself.
            let groups = tax.text("scope") == "ORDER" ? Dictionary(grouping: members) { inside[$0] ?? 0 } : [:]
            let parts = tax.text("scope") == "ORDER" ? groups.sorted { $0.key < $1.key }.map(\.value) : members.map { [$0] }
            for part in parts {
                let denominator = SquarePercent.whole + (part.first.flatMap { inside[$0] } ?? 0)
                let amounts = part.map(amount)
                let sum = SquareRounding.halfEven(amounts.reduce(0, +), units, denominator)
                total += sum
                for (member, share) in zip(part, SquareRounding.apportion(sum, amounts)) { put(Applied(of: uid, minor: share), on: member) }
            }
            taxes[place] = tax.setting("applied_money", .money(total, currency))
        }
    }

    private mutating func put(_ applied: Applied, on member: Member) {
        switch member {
        case .line(let n): lines[n].taxes.append(applied)
        case .charge(let n): charges[n].taxes.append(applied)
        }
    }

    private func sum(_ applied: [Applied]) -> Int64 { applied.reduce(0) { $0 + $1.minor } }

    private func additive(_ applied: [Applied]) -> Int64 {
        sum(applied.filter { one in !taxes.contains { $0.text("uid") == one.of && $0.text("type") == "INCLUSIVE" } })
    }

    // MARK: Showing

    private func shown(_ applied: [Applied], _ key: String, _ old: [JSON]) -> JSON {
        .array(
            applied.map { one in
                let uid = old.first { $0.text(key) == one.of }?.text("uid") ?? SquareMoment.letters(random, 22)
                return .object([("uid", .string(uid)), (key, .string(one.of)), ("applied_money", .money(one.minor, currency))])
            })
    }

    private func shownLine(_ line: Line) -> JSON {
        let contained = sum(line.taxes) - additive(line.taxes)
        var changes: [(String, JSON)] = [
            ("variation_total_price_money", .money(line.variation, currency)),
            ("gross_sales_money", .money(line.gross - (grossIsNet ? contained : 0), currency)),
            ("total_tax_money", .money(sum(line.taxes), currency)), ("total_discount_money", .money(sum(line.discounts), currency)),
            ("total_service_charge_money", .money(sum(line.charges), currency)),
            ("total_money", .money(line.rest + additive(line.taxes), currency)),
        ]
        let applied = [
            (line.taxes, "applied_taxes", "tax_uid"), (line.discounts, "applied_discounts", "discount_uid"),
            (line.charges, "applied_service_charges", "service_charge_uid"),
        ]
        for (list, name, key) in applied {
            changes.append((name, list.isEmpty ? .null : shown(list, key, line.shown.list(name))))
        }
        return line.shown.setting(changes)
    }

    private func shownCharge(_ charge: Charge) -> JSON {
        let isShared = charge.shown.text("calculation_phase")?.hasPrefix("APPORTIONED") ?? false
        return charge.shown.setting([
            ("applied_money", .money(charge.applied, currency)), ("total_money", .money(charge.applied + additive(charge.taxes), currency)),
            ("total_tax_money", .money(sum(charge.taxes), currency)),
            ("applied_taxes", charge.taxes.isEmpty ? .null : shown(charge.taxes, "tax_uid", charge.shown.list("applied_taxes"))),
            ("type", .string(charge.shown.text("type") ?? "CUSTOM")),
            ("treatment_type", .string(isShared ? "APPORTIONED_TREATMENT" : "LINE_ITEM_TREATMENT")),
        ])
    }

    private func shownOrder() -> JSON {
        let own = charges.filter { !($0.shown.text("calculation_phase")?.hasPrefix("APPORTIONED") ?? false) }
        let tax = lines.reduce(0) { $0 + sum($1.taxes) } + own.reduce(0) { $0 + sum($1.taxes) }
        let total = lines.reduce(0) { $0 + $1.rest + additive($1.taxes) } + own.reduce(0) { $0 + $1.applied + additive($1.taxes) }
        func list(_ rows: [JSON]) -> JSON { rows.isEmpty ? .null : .array(rows) }
        return order.setting([
            ("line_items", list(lines.map(shownLine))), ("taxes", list(taxes)), ("discounts", list(discounts)),
            ("service_charges", list(charges.map(shownCharge))), ("total_money", .money(total, currency)), ("total_tax_money", .money(tax, currency)),
            ("total_discount_money", .money(lines.reduce(0) { $0 + sum($1.discounts) }, currency)), ("total_tip_money", .money(0, currency)),
            ("total_service_charge_money", .money(charges.reduce(0) { $0 + $1.applied }, currency)),
        ])
    }
}
