import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import WooCommerce

/// A shop that computes as WooCommerce does, with its own arithmetic: ten places, rounded where its settings say.
private struct Shop {
    static let unit: Int128 = 10_000_000_000

    struct Item {
        var quantity: Int128
        var subtotal: Int128
        var total: Int128
        var tax: Int128
        var sub: Int128
    }

    var chance: Seeded
    let currency: Currency
    /// Ten places in one minor unit.
    let minor: Int128
    let isInclusive: Bool
    let roundsAtSubtotal: Bool
    /// In hundredths of a percent.
    let rate: Int128
    var items: [Item] = []
    var shipping: (net: Int128, tax: Int128) = (0, 0)
    var tip: Int128 = 0

    init(_ seed: UInt64) {
        chance = Seeded(seed)
        currency = [Currency.usd, .gbp, Currency("JPY") ?? .usd, Currency("KWD") ?? .usd].randomElement(using: &chance) ?? .usd
        var step = Self.unit
        for _ in 0 ..< currency.decimals { step /= 10 }
        minor = step
        isInclusive = Bool.random(using: &chance)
        roundsAtSubtotal = Bool.random(using: &chance)
        rate = [0, 500, 725, 825, 1_900, 2_000, 2_550].randomElement(using: &chance) ?? 0
        let coupon: Int128 = [0, 0, 1_000, 1_500, 3_333].randomElement(using: &chance) ?? 0
        for _ in 0 ..< Int.random(in: 1 ... 7, using: &chance) {
            let quantity = Int128(Int.random(in: 1 ... 5, using: &chance))
            let price = Int128(Int.random(in: 0 ... 9_999, using: &chance)) * minor
            let before = split(price * quantity), after = split(price * quantity * (10_000 - coupon) / 10_000)
            items.append(Item(quantity: quantity, subtotal: before.net, total: after.net, tax: after.tax, sub: before.tax))
        }
        if Bool.random(using: &chance) { shipping = split(Int128(Int.random(in: 0 ... 1_500, using: &chance)) * minor) }
        if Bool.random(using: &chance) { tip = Int128(Int.random(in: 1 ... 500, using: &chance)) * minor }
    }

    /// An amount of the catalogue as net and tax.
    func split(_ amount: Int128) -> (net: Int128, tax: Int128) {
        let exact = isInclusive ? amount * rate / (10_000 + rate) : amount * rate / 10_000
        let tax = roundsAtSubtotal ? exact : rounded(exact)
        return (isInclusive ? amount - tax : amount, tax)
    }

    func rounded(_ amount: Int128) -> Int128 { ExactDecimal.divideHalfUp(amount, minor) * minor }

    var cartTax: Int128 { rounded(items.map(\.tax).reduce(0, +)) }
    var shippingTax: Int128 { rounded(shipping.tax) }
    var total: Int128 { rounded(items.map { $0.total + $0.tax }.reduce(0, +) + shipping.net + shipping.tax + tip) }

    /// With six places, as `dp=6` writes it.
    func text(_ amount: Int128) -> JSON {
        let six = ExactDecimal.divideHalfUp(amount, 10_000)
        return .string(ExactDecimal(coefficient: six, scale: 6).description)
    }

    private func taxes(_ amount: Int128) -> JSON { [["id": 3, "total": .string(ExactDecimal(coefficient: amount, scale: 10).description)]] }

    func order(refunds: [Int] = []) -> JSON {
        let lines = items.enumerated().map { n, item -> JSON in
            [
                "id": .number("\(n + 1)"), "name": .string("Thing \(n)"), "product_id": .number("\(n + 100)"), "variation_id": 0,
                "quantity": .number("\(item.quantity)"),
                "subtotal": text(item.subtotal), "subtotal_tax": text(item.sub), "total": text(item.total), "total_tax": text(item.tax),
                "taxes": taxes(item.tax), "sku": .string("T-\(n)"), "meta_data": [],
            ]
        }
        let discount = rounded(items.map { $0.subtotal - $0.total }.reduce(0, +))
        let percent = ExactDecimal(coefficient: rate, scale: 2).description
        let order: JSON = [
            "id": 9, "number": "9", "status": "processing", "currency": .string(currency.code), "prices_include_tax": .bool(isInclusive),
            "date_created_gmt": "2026-11-14T17:21:05", "date_modified_gmt": "2026-11-14T17:21:05", "date_paid_gmt": "2026-11-14T17:21:05",
            "total": text(total), "cart_tax": text(cartTax), "shipping_tax": text(shippingTax), "discount_total": text(discount), "payment_method": "stripe",
            "line_items": .array(lines), "meta_data": [],
            "fee_lines": tip == 0 ? [] : [["id": 90, "name": "Tip", "total": text(tip), "total_tax": "0", "taxes": []]],
            "shipping_lines": [[
                "id": 91, "method_title": "Post", "total": text(shipping.net), "total_tax": text(shipping.tax), "taxes": taxes(shipping.tax),
            ]],
            "tax_lines": [[
                "rate_id": 3, "rate_code": "GB-VAT-1", "label": "VAT", "compound": false, "tax_total": text(cartTax),
                "shipping_tax_total": text(shippingTax), "rate_percent": .string(percent),
            ]],
            "refunds": .array(refunds.map { ["id": .number("\($0)"), "total": "-1"] }),
        ]
        return order
    }

    /// Everything but the tip, in as many refunds as there are units at most, each in the shop's own roundings.
    mutating func refunds() -> [JSON] {
        var out: [JSON] = []
        var given: Int128 = 0
        for (n, item) in items.enumerated() {
            let parts = Bool.random(using: &chance) ? Int(item.quantity) : 1
            for part in 1 ... parts {
                let share = { (amount: Int128) -> Int128 in amount * Int128(part) / Int128(parts) - amount * Int128(part - 1) / Int128(parts) }
                let (net, tax) = (share(item.total), share(item.tax))
                // A shop gives back no more than it has.
                let amount = min(rounded(net + tax), total - given)
                if amount == 0 { continue }
                given += amount
                let line: JSON = [
                    "id": .number("\(1_000 + out.count)"), "name": "x", "product_id": .number("\(n + 100)"),
                    "quantity": .number("-\(Int(item.quantity) / parts)"), "total": text(-net), "total_tax": text(-tax), "taxes": taxes(-tax),
                    "meta_data": [["key": "_refunded_item_id", "value": .number("\(n + 1)")]],
                ]
                out.append([
                    "id": .number("\(2_000 + out.count)"), "date_created_gmt": "2026-11-15T00:00:00", "amount": text(amount), "refunded_payment": true,
                    "line_items": [line],
                ])
            }
        }
        let rest = total - given
        if rest > 0 {
            out.append(["id": 3_000, "date_created_gmt": "2026-11-16T00:00:00", "amount": text(rest), "refunded_payment": false, "line_items": []])
        }
        return out
    }
}

@Suite("Every cent of an order") struct MoneyTests {
    @Test("whatever a shop rounds and where, the sale comes to the order's total and the taxes to what it states", arguments: 1 ... 600 as ClosedRange<UInt64>)
    func sums(seed: UInt64) throws {
        let shop = Shop(seed)
        let read = try normalized("order", ["order": shop.order(), "refunds": []])
        let sale = try #require(read.sale)
        let currency = shop.currency, zero = Money.zero(currency)
        let total = Money(minor: Int64(shop.total / shop.minor), currency)
        let nets = sale.lines.map { $0.net ?? zero } + sale.shipping.map(\.net)
        let taxes = (sale.lines.flatMap { $0.taxes ?? [] } + sale.shipping.flatMap(\.taxes)).map(\.amount)
        #expect(sale.total == total && (nets + taxes).total(currency) + (sale.tip ?? zero) == total, "seed \(seed)")
        #expect(taxes.total(currency).minor == Int64((shop.cartTax + shop.shippingTax) / shop.minor), "seed \(seed)")
        for (line, item) in zip(sale.lines, shop.items) {
            let exact = item.total - Int128((line.net ?? zero).minor) * shop.minor
            #expect(exact.magnitude <= shop.minor.magnitude * 2, "seed \(seed): \(line.id) is \(line.net ?? zero), exactly \(item.total)")
            #expect(line.gross - (line.discount ?? zero) == line.net && (line.discount ?? zero).minor >= 0)
        }
        #expect(read.payments.map(\.amount).total(currency) == total)
        let planned = plans(read.documents, base: currency)
        for plan in planned {
            #expect(plan.lines.map(\.amount).total(currency).isZero && !plan.findings.contains { $0.check == "unbalanced" }, "seed \(seed)")
        }
    }

    @Test("what is given back piece by piece never exceeds what was sold, and all of it leaves nobody owing", arguments: 1 ... 400 as ClosedRange<UInt64>)
    func refunds(seed: UInt64) throws {
        var shop = Shop(seed)
        let given = shop.refunds()
        let read = try normalized("order", ["order": shop.order(refunds: given.compactMap { $0["id"]?.int }), "refunds": .array(given)])
        let currency = shop.currency
        let sale = try #require(read.sale)
        for refund in read.refunds {
            let lines = refund.lines.map { $0.net + ($0.taxes ?? []).map(\.amount).total(currency) }
            let shipping = refund.shipping.map { $0.net + $0.taxes.map(\.amount).total(currency) }
            #expect((lines + shipping + refund.adjustments.map(\.amount)).total(currency) == refund.total, "seed \(seed)")
        }
        for line in sale.lines {
            let back = read.refunds.flatMap(\.lines).filter { $0.line == line.id }
            #expect(back.map(\.net).total(currency).minor <= (line.net?.minor ?? 0), "seed \(seed)")
            #expect(back.map(\.quantity).reduce(.zero, +) <= line.quantity, "seed \(seed)")
        }
        let planned = plans(read.documents, base: currency)
        let wrong = planned.flatMap(\.findings).filter { $0.check != "tax_difference" }
        #expect(wrong.isEmpty, "seed \(seed): \(wrong)")
        let left = balances(planned)
        #expect(left["receivable:shop"] == nil, "seed \(seed): \(left)")
        let moved = read.refunds.map(\.total).total(currency).minor
        #expect(left["clearing:stripe:\(currency)"] ?? 0 == sale.total.minor - moved, "seed \(seed)")
    }

    @Test("shares are the amounts rounded, to the total; nothing stays nothing, and what no rounding explains is refused")
    func shares() {
        func shares(_ amounts: [Int128], _ total: Int64) -> [Int64]? {
            Rounding.shares(amounts.map { Exact(units: $0 * 100_000) }, of: usd(total))?.map(\.minor)
        }
        // In thousandths of a cent.
        #expect(shares([832_500, 832_500, 832_500], 2_497) == [833, 832, 832])
        #expect(shares([832_500, 832_500, 832_500], 2_498) == [833, 833, 832])
        #expect(shares([100_000, 200_000, 300_000], 601) == [100, 200, 301])
        #expect(shares([100_000, 200_000, 300_000], 599) == [100, 200, 299])
        #expect(shares([-150_500, 300_000], 150) == [-150, 300] || shares([-150_500, 300_000], 150) == [-151, 301])
        #expect(shares([0, 100_000], 101) == [0, 101])
        #expect(shares([0, 0], 0) == [0, 0] && shares([], 0) == [])
        #expect(shares([0, 0], 1) == nil && shares([], 1) == nil)
        #expect(shares([100_000], 105) == nil && shares([100_000, 100_000], 190) == nil)
    }

    @Test("amounts keep all their places and round away from zero, in each currency's own unit")
    func exact() throws {
        let amount = try #require(ExactDecimal("1.819125").flatMap { Exact($0) })
        #expect(amount.money(.usd) == usd(182) && (-amount).money(.usd) == usd(-182))
        let yen = try #require(Currency("JPY")), dinar = try #require(Currency("KWD"))
        #expect(amount.money(yen).minor == 2 && amount.money(dinar).minor == 1_819)
        #expect(Exact(usd(182)).money(.usd) == usd(182))
        #expect(ExactDecimal("100000000000").flatMap { Exact($0) } == nil && ExactDecimal("-100000000000").flatMap { Exact($0) } == nil)
    }
}
