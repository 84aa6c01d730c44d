import FoundationEssentials
import Kernel
import Testing
import TwinKit
import Wire

@testable import Sandbox

/// Stands where the network is: notes what was sent, and answers as told.
final class ScriptedSender: WebhookSender {
    let sent = Locked<[HTTPRequest]>([])
    /// Refuses the first attempts of every webhook whose id it has not seen so often.
    let refusals: Int
    private let attempts = Locked<[String: Int]>([:])

    init(refusals: Int = 0) { self.refusals = refusals }

    func send(_ request: HTTPRequest) async -> Int? {
        let id = request.fields["X-Shopify-Webhook-Id"] ?? ""
        let refusals = self.refusals
        let attempt = attempts.with { attempts in
            attempts[id, default: 0] += 1
            return attempts[id] ?? 0
        }
        sent.with { $0.append(request) }
        return attempt <= refusals ? 503 : 200
    }

    func close() async {}
}

private let seeds: [UInt64] = [1, 42, 20_261_114]

@Suite("The day's orders")
struct DayGeneratorTests {
    @Test("an order's own totals add up in both currencies", arguments: seeds)
    func totals(seed: UInt64) throws {
        for day in try DayGenerator(seed: seed, orders: 500).day() {
            let order = day.order
            let tax = order.taxesIncluded ? MoneyBag.zero : order.totalTax
            #expect(order.total == order.subtotal + order.totalShipping + tax + order.tip, "order \(order.id)")
            #expect(order.subtotal == order.totalLines - order.lines.total(\.discount), "order \(order.id)")
            let shares = order.lines.flatMap(\.allocations)
            for (index, discount) in order.discounts.enumerated() where discount.target == "line_item" {
                #expect(shares.filter { $0.discount == index }.total(\.amount) == discount.amount, "order \(order.id)")
            }
            for line in order.lines { #expect(line.net.shop >= 0 && line.net.presentment >= 0, "order \(order.id)") }
            if order.presentmentCurrency != "EUR" {
                #expect(order.total.shop == order.total.presentment, "order \(order.id)")
            }
        }
    }

    @Test("every tax is the rounded tax of its line, but for overrides of at most five cents", arguments: seeds)
    func taxes(seed: UInt64) throws {
        var overrides = 0
        for day in try DayGenerator(seed: seed, orders: 500).day() {
            for line in day.order.lines {
                for tax in line.taxes {
                    // The exact tax in millionths of a cent, by cross-multiplication instead of rounding.
                    let (net, rate) = (line.net.shop, tax.rate)
                    let (left, right) =
                        day.order.taxesIncluded
                        ? (tax.price.shop * (1_000_000 + rate), net * rate) : (tax.price.shop * 1_000_000, net * rate)
                    let unit = day.order.taxesIncluded ? 1_000_000 + rate : 1_000_000
                    if (left - right).magnitude * 2 > UInt64(unit) {
                        overrides += 1
                        #expect(day.role == .taxOverride, "order \(day.order.id)")
                        #expect((left - right).magnitude <= UInt64(5 * unit), "order \(day.order.id)")
                    }
                }
            }
        }
        #expect(overrides >= 1)
    }

    @Test("no refund gives back more than was received, by line or in all", arguments: seeds)
    func refunds(seed: UInt64) throws {
        var shops: [String: ShopStore] = [:]
        for shop in try ShopifyTwin.shops() { shops[shop.name] = ShopStore(shop: shop) }
        for day in try DayGenerator(seed: seed, orders: 500).day() {
            for event in day.events { _ = shops[day.shop]?.apply(event) }
            let order = try #require(shops[day.shop]?.orders[day.order.id])
            #expect(
                order.refunded.shop <= order.received.shop && order.refunded.presentment <= order.received.presentment)
            for line in order.lines { #expect((0...line.quantity).contains(line.currentQuantity), "order \(order.id)") }
            for (index, line) in order.lines.enumerated() {
                let back = order.refunds.flatMap(\.lines).filter { $0.line == index }
                #expect(
                    back.total(\.subtotal).shop <= line.net.shop && back.total(\.tax).shop <= line.tax.shop,
                    "order \(order.id)")
                if back.reduce(0, { $0 + $1.quantity }) == line.quantity {
                    #expect(back.total(\.subtotal) == line.net && back.total(\.tax) == line.tax, "order \(order.id)")
                }
            }
            for refund in order.refunds where !refund.lines.isEmpty { try checkRefund(refund, order) }
            if day.role != .cancelled { #expect(order.outstanding.isZero, "order \(order.id) \(day.role)") }
            for gateway in ["gift_card", "paypal", "shopify_payments"] {
                let received = order.transactions.filter { $0.isReceipt && $0.gateway == gateway }.total(\.amount)
                let back = order.transactions.filter { $0.isRefund && $0.gateway == gateway }.total(\.amount)
                #expect(back.shop <= received.shop, "order \(order.id)")
            }
        }
    }

    /// What the refund's fields say is what the money says, and the note explains the discrepancy.
    private func checkRefund(_ refund: ShopRefund, _ order: ShopOrder) throws {
        let note = try #require(refund.told ?? RefundNote(refund.note))
        #expect(note.reasons.count == 1 || note.reasons.count == refund.lines.count)
        let kept = -refund.adjustments.filter { $0.kind == "refund_discrepancy" }.total(\.amount).shop
        #expect(kept == note.restocking + note.returnShipping)
        let shipping = -refund.adjustments.filter { $0.kind == "shipping_refund" }.total { adjustment in
            order.taxesIncluded ? adjustment.amount : adjustment.amount + adjustment.tax
        }.shop
        let goods = refund.lines.total { order.taxesIncluded ? $0.subtotal : $0.subtotal + $0.tax }.shop
        #expect(refund.total.shop == goods + shipping - kept, "refund \(refund.id)")
        #expect(refund.total.shop > 0)
    }

    @Test("every document expected balances to zero, and none names an unknown account", arguments: seeds)
    func expectedBalances(seed: UInt64) throws {
        let shops = try ShopifyTwin.shops()
        var references: Set<String> = []
        for day in try DayGenerator(seed: seed, orders: 500).day() {
            let shop = try #require(shops.first { $0.name == day.shop })
            for entry in ExpectedBooks(day, shop: shop).entries() {
                #expect(entry.lines.reduce(0) { $0 + $1.minor } == 0, "\(entry.ref)")
                #expect(entry.lines.allSatisfy { $0.account.allSatisfy(\.isNumber) && $0.minor != 0 }, "\(entry.ref)")
                #expect(references.insert("\(entry.ledger) \(entry.ref) \(entry.kind)").inserted, "\(entry.ref) twice")
                #expect(entry.lines.isEmpty == false || day.role == .free)
                #expect(try ExpectedEntry(JSON(parsing: entry.json.bytes)) == entry)
            }
        }
    }

    @Test("the receivable of each order ends at zero unless something is held or cancelled", arguments: seeds)
    func receivableSettles(seed: UInt64) throws {
        let shops = try ShopifyTwin.shops()
        for day in try DayGenerator(seed: seed, orders: 500).day() {
            let shop = try #require(shops.first { $0.name == day.shop })
            let entries = ExpectedBooks(day, shop: shop).entries()
            guard entries.allSatisfy({ $0.effect == .posted }) else { continue }
            let account = shop.taxesIncluded ? "610" : "1200"
            let open = entries.flatMap(\.lines).filter { $0.account == account }.reduce(0) { $0 + $1.minor }
            #expect(open == 0, "order \(day.order.id) \(day.role)")
        }
    }

    @Test("the same seed gives the same bytes, another seed does not")
    func reproducible() throws {
        func bytes(_ seed: UInt64) throws -> [UInt8] {
            var twins: [String: ShopStore] = [:]
            for shop in try ShopifyTwin.shops() { twins[shop.name] = ShopStore(shop: shop) }
            var all: [UInt8] = []
            for day in try DayGenerator(seed: seed, orders: 120).day() {
                for event in day.events { for webhook in twins[day.shop]?.apply(event) ?? [] { all += webhook.body } }
            }
            return all
        }
        let first = try bytes(7)
        #expect(try first == bytes(7))
        #expect(try first != bytes(8))
    }

    @Test("the day has its shares and every planted case", arguments: seeds)
    func plantedCases(seed: UInt64) throws {
        let day = try DayGenerator(seed: seed, orders: 500).day()
        let american = day.filter { $0.shop == "prairie-goods" }
        #expect(american.count == 300)
        #expect(day.filter(\.morning).count == 300)
        func count(_ role: DayRole) -> Int { day.filter { $0.role == role }.count }
        for role in DayRole.allCases where role != .late { #expect(count(role) >= 1, "\(role)") }
        #expect(count(.closedPeriod) == 1)
        #expect(count(.garden) == 9)
        let gardens = american.filter { $0.order.lines.contains { $0.product.group == "GAR" } }
        #expect(gardens.count == 9 && gardens.allSatisfy { $0.role == .garden })
        #expect(Set(gardens.map(\.morning)).count == 2)
        #expect(day.filter(\.unknownReason).count == 1)
        let refunded = day.filter { order in
            order.events.contains { if case .refunded(let refund) = $0.change { !refund.lines.isEmpty } else { false } }
        }
        #expect((70...85).contains(refunded.count))
        #expect((17...25).contains(count(.cancelled) + count(.editUp) + count(.editDown)))
        let titles = Set(day.flatMap(\.order.lines).map(\.product.title).filter { $0.count > 100 })
        #expect(titles.count >= 2)
        for shop in [Catalogue.prairie, .thames] {
            #expect(shop.products.count == 30)
            let pair = shop.longTitled.map { String($0.title.prefix(110)) }
            #expect(pair.count == 2 && pair[0] == pair[1] && shop.longTitled[0].title != shop.longTitled[1].title)
        }
    }

    @Test("what is held follows from what is planted, and the dates are the shops' own", arguments: seeds)
    func heldEntries(seed: UInt64) throws {
        let shops = try ShopifyTwin.shops()
        let entries = try DayGenerator(seed: seed, orders: 500).day().flatMap { day in
            ExpectedBooks(day, shop: day.shop == "prairie-goods" ? shops[0] : shops[1]).entries()
        }
        func held(_ check: String) -> [ExpectedEntry] { entries.filter { $0.check == check } }
        #expect(held("closed_period").map(\.date.description) == ["2026-10-30"])
        #expect(held("unmapped_code").map(\.kind) == ["credit_note"])
        #expect(!held("inactive_account").isEmpty)
        #expect(held("inactive_account").allSatisfy { entry in entry.lines.contains { $0.account == "4030" } })
        #expect(held("waits_for_original").count >= held("inactive_account").count + 2)
        let elsewhere = entries.filter { $0.date.description != "2026-11-14" }
        #expect(elsewhere.map(\.kind) == ["invoice", "payment"])
        // A posted document never touches the account that goes inactive, unless its order was placed before noon.
        #expect(entries.contains { $0.effect == .posted && $0.lines.contains { $0.account == "4030" } })
    }

    @Test("a day of the least and of the most orders can be made, others are refused")
    func sizes() throws {
        #expect(try DayGenerator(seed: 3, orders: 40).day().count == 40)
        let roles = Set(try DayGenerator(seed: 3, orders: 40).day().map(\.role))
        // Late ones are only on days whose lock date moves.
        #expect(roles == Set(DayRole.allCases).subtracting([.late]))
        #expect(DayPlan(seed: 3, orders: 20_000).slots.count == 20_000)
        for count in [0, 39, 20_001] {
            let fault = #expect(throws: Fault.self) { _ = try DayGenerator(seed: 3, orders: count) }
            #expect(fault?.code == "day_refused")
        }
    }
}

@Suite("The day's arithmetic")
struct DayArithmeticTests {
    @Test("discounts are shared by largest remainder, the earlier line first in a tie")
    func shares() {
        #expect(DayArithmetic.shares(of: 502, weights: [2000, 1500, 1500]) == [201, 151, 150])
        #expect(DayArithmetic.shares(of: 100, weights: [1, 1, 1]) == [34, 33, 33])
        #expect(DayArithmetic.shares(of: 5, weights: [0, 0]) == [0, 0])
    }

    @Test("tax is rounded half away from zero, on top and within")
    func taxes() {
        #expect(DayArithmetic.taxOnTop(5397, rate: 82_500) == 445)
        #expect(DayArithmetic.taxWithin(1947, rate: 200_000) == 325)
        #expect(DayArithmetic.taxWithin(7495, rate: 50_000) == 357)
        #expect(DayArithmetic.without(tax: 200_000, 600) == 500)
    }

    @Test("units given back one by one clear the line exactly")
    func parts() {
        let taxes = [0, 1, 2].map { DayArithmetic.part(445, units: 1, before: $0, of: 3) }
        #expect(taxes == [148, 149, 148])
    }

    @Test("a refund note is read back as it was written, and anything else is no note")
    func notes() {
        let note = RefundNote(reasons: ["damaged", "wrong_size"], restocking: 300, returnShipping: 450)
        #expect(note.text == "reason=damaged,wrong_size; restocking=3.00; return_shipping=4.50")
        #expect(RefundNote(note.text) == note)
        #expect(RefundNote(reasons: ["damaged", "damaged"]).text == "reason=damaged")
        for text in ["order edit", "reason=", "reason=damaged; restocking=3", "reason=damaged; tip=1.00"] {
            #expect(RefundNote(text) == nil, "\(text)")
        }
    }
}
