import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import Square

/// An order as Square would compute it, and returns of all of it piece by piece, made by chance.
private struct Till {
    var chance: Seeded
    var currency = "USD"
    /// Of the order: none, added, contained, both.
    var style = 0
    private var taxes: [(uid: String, percent: Int, isContained: Bool, sum: Int)] = []
    private(set) var lines: [(json: JSON, quantity: Int, gross: Int, discount: Int, taxes: [Int], total: Int)] = []
    private var tip = 0
    private var total = 0
    private var rounding = 0

    init(_ seed: UInt64) {
        chance = Seeded(seed)
        style = chance.int(0 ... 3)
        if style == 1 || style == 3 { taxes.append(("add1", chance.int(1 ... 1_200), false, 0)) }
        if style == 1 { taxes.append(("add2", chance.int(1 ... 300), false, 0)) }
        if style >= 2 { taxes.append(("in1", chance.int(100 ... 2_500), true, 0)) }
        for n in 0 ..< chance.int(1 ... 4) { addLine(n) }
        tip = chance.flip(3) ? chance.int(1 ... 2_000) : 0
    }

    func money(_ minor: Int) -> JSON { ["amount": .number("\(minor)"), "currency": .string(currency)] }
    private func text(_ percent: Int) -> JSON { .string(ExactDecimal(coefficient: Int128(percent), scale: 2).description) }

    private mutating func addLine(_ n: Int) {
        let quantity = chance.int(1 ... 5), price = chance.int(1 ... 20_000) * quantity
        let discount = chance.flip(3) ? chance.int(0 ... price) : 0, after = price - discount
        let contained = taxes.filter(\.isContained).map(\.percent).reduce(0, +)
        var amounts: [Int] = []
        for i in taxes.indices {
            let inside = after - after * 10_000 / (10_000 + contained)
            let amount = chance.flip(6) ? 0 : taxes[i].isContained ? inside : (after - inside) * taxes[i].percent / 10_000
            taxes[i].sum += amount
            amounts.append(amount)
        }
        let added = zip(taxes, amounts).filter { !$0.0.isContained }.map(\.1).reduce(0, +)
        let shared = chance.flip(5) ? chance.int(1 ... 500) : 0
        // Contained tax is taken out of gross sales in some countries; neither way counts.
        let stated = price - (chance.flip() ? amounts.reduce(0, +) - added : 0)
        let line: JSON = [
            "uid": .string("L\(n)"), "name": "Thing", "item_type": "ITEM", "quantity": .string("\(quantity)"), "gross_sales_money": money(stated),
            "total_discount_money": money(discount), "total_tax_money": money(amounts.reduce(0, +)), "total_service_charge_money": money(shared),
            "total_money": money(after + added + shared), "applied_taxes": applied(amounts, ""),
        ]
        total += after + added + shared
        lines.append((line, quantity, price + shared, discount, amounts, after + added + shared))
    }

    private func applied(_ amounts: [Int], _ prefix: String) -> JSON {
        .array(zip(taxes, amounts).map { ["uid": .string("a\($0.uid)"), "tax_uid": .string(prefix + $0.uid), "applied_money": money($1)] })
    }

    private func table(_ sums: [Int], _ prefix: String) -> JSON {
        .array(zip(taxes, sums).map {
            ["uid": .string(prefix + $0.uid), "name": .string($0.uid), "type": $0.isContained ? "INCLUSIVE" : "ADDITIVE",
                "percentage": text($0.percent), "applied_money": money($1)]
        })
    }

    var due: Int { total + tip + rounding }
    var taxed: Int { taxes.map(\.sum).reduce(0, +) }

    mutating func order() -> JSON {
        rounding = chance.flip(4) ? chance.int(-2 ... 2) : 0
        var tenders: [JSON] = []
        var left = due
        let types = rounding == 0 ? ["CARD", "SQUARE_GIFT_CARD", "OTHER", "WALLET"] : ["CARD", "WALLET"]
        if left > 10, chance.flip() {
            let part = chance.int(1 ... left - 5)
            tenders.append(tender("p0", chance.pick(types), part))
            left -= part
        }
        if left > 0 { tenders.append(tender("p1", rounding == 0 ? chance.pick(types) : "CASH", left)) }
        return [
            "id": "SALE", "location_id": "L1", "state": "COMPLETED", "created_at": "2026-11-14T10:00:00Z", "updated_at": "2026-11-14T10:02:00Z",
                "closed_at": "2026-11-14T10:01:00Z",
            "line_items": .array(lines.map(\.json)), "taxes": table(taxes.map(\.sum), ""), "total_money": money(due), "total_tax_money": money(taxed),
            "total_tip_money": money(tip), "rounding_adjustment": ["amount_money": money(rounding)], "tenders": .array(tenders),
        ]
    }

    private func tender(_ id: String, _ type: String, _ amount: Int) -> JSON {
        ["id": .string(id), "type": .string(type), "payment_id": .string(id), "created_at": "2026-11-14T10:01:00Z", "amount_money": money(amount)]
    }

    /// One unit after the other, what each is worth by the running total; with the last the tip.
    mutating func returns() -> [JSON] {
        var out: [JSON] = []
        for (n, line) in lines.enumerated() {
            var done = 0
            while done < line.quantity {
                let units = chance.int(1 ... line.quantity - done)
                let part = { (amount: Int) in amount * (done + units) / line.quantity - amount * done / line.quantity }
                let shares = line.taxes.map(part), worth = part(line.total)
                let back: JSON = [
                    "uid": "r", "source_line_item_uid": .string("L\(n)"), "quantity": .string("\(units)"), "total_tax_money": money(shares.reduce(0, +)),
                    "total_money": money(worth), "applied_taxes": applied(shares, "r"),
                ]
                done += units
                let last = n == lines.count - 1 && done == line.quantity
                out.append(order("RTN\(out.count)", back, shares, worth, tip: last ? tip : 0))
            }
        }
        return out
    }

    private func order(_ id: String, _ line: JSON, _ shares: [Int], _ worth: Int, tip: Int) -> JSON {
        let back: JSON = [
            "source_order_id": "SALE", "return_line_items": [line], "return_taxes": table(shares, "r"), "return_amounts": ["total_money": money(worth + tip)],
            "return_tips": tip == 0 ? [] : [["applied_money": money(tip)]],
        ]
        let refunds: JSON = worth + tip == 0 ? [] : [
            ["id": "x", "tender_id": .string("p\(id)"), "amount_money": money(worth + tip), "status": "APPROVED", "created_at": "2026-11-16T10:00:00Z"]
        ]
        return [
            "id": .string(id), "location_id": "L1", "state": "COMPLETED", "created_at": "2026-11-16T10:00:00Z", "updated_at": "2026-11-16T10:00:01Z",
                "total_money": money(0),
            "returns": [back], "refunds": refunds,
        ]
    }
}

@Suite("Money, whatever is sold") struct MoneyTests {
    private let place: JSON = ["id": "L1", "country": "US", "currency": "USD", "state": "CA"]

    private var policies: Policies {
        var out = Policies()
        out.cashRounding = ExactDecimal("0.01")
        out.roundingCap = ExactDecimal("0.05")
        // The generator rounds taxes down and leaves some out.
        out.taxDifferenceCap = ExactDecimal(1_000_000)
        return out
    }

    @Test("any order keeps its total, its taxes and its money, and balances", arguments: 1 ... 300 as ClosedRange<UInt64>)
    func orders(seed: UInt64) throws {
        var till = Till(seed)
        let order = till.order()
        let found = try normalized("order", ["order": order, "location": place])
        let sale = try #require(found.sale)
        #expect(sale.lines.flatMap { $0.taxes ?? [] }.map(\.amount).total(.usd).minor == Int64(till.taxed), "seed \(seed)")
        #expect(found.payments.map(\.amount).total(.usd).minor == Int64(till.due), "seed \(seed)")
        for line in sale.lines { #expect(line.gross - (line.discount ?? usd(0)) == line.net, "seed \(seed)") }
        let made = plans(found.documents, policies)
        #expect(made.flatMap(\.findings).isEmpty, "seed \(seed): \(made.flatMap(\.findings))")
        for plan in made { #expect(plan.lines.map(\.amount).total(.usd).isZero, "seed \(seed)") }
        #expect(balances(made)["receivable:shop"] == nil, "seed \(seed): all is paid")
        let taxes = balances(made).filter { $0.key.hasPrefix("tax_payable") }.map(\.value).reduce(0, +)
        #expect(taxes == -Int64(till.taxed), "seed \(seed)")
    }

    @Test("what is returned piece by piece takes back exactly what was sold, taxes and tip too", arguments: 1 ... 150 as ClosedRange<UInt64>)
    func returns(seed: UInt64) throws {
        var till = Till(seed &+ 7_000)
        let order = till.order()
        var documents = try normalized("order", ["order": order, "location": place]).documents
        for back in till.returns() { documents += try normalized("order", ["order": back, "source": order, "location": place]).documents }
        let made = plans(documents, policies)
        #expect(made.flatMap(\.findings).isEmpty, "seed \(seed): \(made.flatMap(\.findings).map(\.why))")
        let left = balances(made)
        #expect(left.filter { $0.key.hasPrefix("tax_payable") || $0.key == "tips_payable" || $0.key.hasPrefix("receivable") }.isEmpty, "seed \(seed): \(left)")
        let net = (left["sales:unclassified"] ?? 0) + (left["sales_discounts"] ?? 0) + (left["returns_allowances"] ?? 0)
        #expect(net == 0, "seed \(seed): \(left)")
    }

    @Test("yen have no hundredths, and no amount traps")
    func edges() throws {
        func money(_ json: JSON) -> Money? {
            do throws(Fault) { return try Field(JSONDocument(parsing: json.bytes).root, "m", of: "a test").money() } catch { return nil }
        }
        #expect(money(["amount": 500, "currency": "JPY"])?.text == "500" && money(["amount": -1_050, "currency": "USD"])?.text == "-10.50")
        #expect(money(["amount": 1_050, "currency_code": "GBP"]) == gbp(1_050))
        for odd in ["9223372036854775807", "-9223372036854775808", "1.5", "1e3", "99999999999999999999"] {
            #expect(money(["amount": .number(odd), "currency": "USD"]) == nil, "\(odd)")
        }
        #expect(money(["amount": "5", "currency": "USD"]) == nil && money(["amount": 5]) == nil && money([]) == nil)
    }
}
