import Kernel
import Testing
import Wire

@testable import TwinWooCommerce

@Suite("WooCommerce's taxes")
struct WooTaxTests {
    private func totals(_ order: JSON) -> [String?] {
        ["total", "total_tax", "cart_tax", "shipping_total", "shipping_tax", "discount_total", "discount_tax"].map { order.text($0) }
    }

    private func lines(_ order: JSON, _ keys: [String] = ["subtotal", "subtotal_tax", "total", "total_tax"]) -> [[String?]] {
        order.list("line_items").map { line in keys.map { line.text($0) } }
    }

    /// Source: the `order.created` body in the vendor's shape, worked out by hand: 8.25 % on 32.40 and 22.05, each line rounded on its own.
    @Test("an order without tax in its prices, with ten per cent off, comes to 66.89")
    func exclusive() throws {
        let desk = try WooDesk()
        let id = try desk.placed([("MUG-01", 2), ("TWL-07", 1)], [("coupons", ["welcome10"]), ("shipping", "7.95")])
        let order = try desk.get("orders/\(id)")
        #expect(id == 1042 && order.text("number") == "1042" && order.text("status") == "processing" && order.text("currency") == "USD")
        #expect(totals(order) == ["66.89", "4.49", "4.49", "7.95", "0.00", "6.05", "0.50"])
        #expect(lines(order) == [["36.00", "2.97", "32.40", "2.67"], ["24.50", "2.02", "22.05", "1.82"]])
        #expect(order["line_items"]?[0]?["taxes"] == [["id": 7, "total": "2.673", "subtotal": "2.97"]])
        #expect(order["line_items"]?[1]?["taxes"] == [["id": 7, "total": "1.819125", "subtotal": "2.02125"]])
        #expect(order["line_items"]?[0]?["price"] == .number("16.2"))
        let tax = try #require(order["tax_lines"]?[0])
        #expect(tax.text("rate_code") == "US-CA-CA SALES TAX-1" && tax.text("tax_total") == "4.49" && tax["rate_percent"] == .number("8.25"))
        let coupon = try #require(order["coupon_lines"]?[0])
        #expect(coupon.text("discount") == "6.05" && coupon.text("discount_tax") == "0.5" && coupon["nominal_amount"] == .number("10"))
        #expect(order.list("meta_data").map { $0.text("key") } == ["_stripe_fee", "_stripe_net", "_stripe_currency"])
        #expect(order.list("meta_data").map { $0.text("value") } == ["2.24", "64.65", "USD"])
        #expect(order.text("date_created") == "2026-11-14T09:21:05" && order.text("date_created_gmt") == "2026-11-14T17:21:05")
        try desk.balanced()
    }

    @Test("prices that include tax stay what they are, because tax is rounded half down there")
    func inclusive() throws {
        let desk = try WooDesk("thames")
        let one = try desk.get("orders/\(try desk.placed([("BOWL-1", 1)]))")
        #expect(totals(one).prefix(2) == ["9.99", "1.66"] && lines(one) == [["8.33", "1.66", "8.33", "1.66"]])
        #expect(one.flag("prices_include_tax"))
        let exact = try desk.get("orders/\(one.whole("id"))?dp=6")
        #expect(lines(exact) == [["8.325000", "1.660000", "8.325000", "1.660000"]])
        let three = try desk.get("orders/\(try desk.placed([("BOWL-1", 3)], [("shipping", "4.125")]))")
        #expect(totals(three).prefix(5) == ["34.92", "5.81", "4.99", "4.13", "0.82"])
        let mixed = try desk.get("orders/\(try desk.placed([("BOWL-1", 1), ("SMOCK", 1), ("FUEL-5", 2)]))")
        #expect(mixed.text("total") == "68.99")
        #expect(mixed.list("tax_lines").map { $0.text("tax_total") } == ["1.66", "0.00", "2.00"])
        try desk.balanced()
    }

    @Test("a coupon comes off prices that include tax, tax and all")
    func inclusiveCoupon() throws {
        let desk = try WooDesk("thames")
        let order = try desk.get("orders/\(try desk.placed([("BOWL-1", 1), ("POT-2", 1)], [("coupons", ["welcome10"])]))")
        // 4.25 off 42.50 and 0.99 off 9.99; the whole is 5.249, and the cent that is missing comes off the dearer.
        #expect(lines(order, ["total", "total_tax"]) == [["7.50", "1.50"], ["31.87", "6.37"]])
        #expect(order.text("total") == "47.24" && order.text("discount_total") == "4.38" && order.text("discount_tax") == "0.87")
        #expect(order["coupon_lines"]?[0]?.text("discount") == "4.38" && order["coupon_lines"]?[0]?.text("discount_tax") == "0.87")
        try desk.balanced()
    }

    @Test("where taxes are rounded once an order, its tax lines are right and its lines need not add up")
    func roundedOnce() throws {
        let desk = try WooDesk("liffey")
        let order = try desk.get("orders/\(try desk.placed([("NOTE-1", 1), ("MARK-1", 1), ("PAPER", 1)]))")
        #expect(totals(order).prefix(2) == ["8.39", "1.32"])
        #expect(order.list("tax_lines").map { $0.text("tax_total") } == ["1.13", "0.19"])
        let many = try desk.get("orders/\(try desk.placed([("MARK-1", 7), ("NOTE-1", 3)]))")
        #expect(many.text("total") == "22.32")
        try desk.happens(["do": "setting_changed", "setting": "woocommerce_tax_round_at_subtotal", "value": "no"])
        let single = try desk.get("orders/\(try desk.placed([("NOTE-1", 1), ("MARK-1", 1), ("PAPER", 1)]))")
        #expect(single.text("total") == "8.39")
        try desk.balanced()
    }

    @Test("a compound rate is taken on top of the others, and out of an inclusive price first")
    func compound() throws {
        let desk = try WooDesk()
        let order = try desk.get("orders/\(try desk.placed([("MUG-01", 1)], [("address", ["country": "CA", "state": "QC"])]))")
        #expect(order.text("total") == "20.79")
        #expect(order.list("tax_lines").map { $0.text("rate_code") } == ["CA-QC-GST-1", "CA-QC-QST-2"])
        #expect(order.list("tax_lines").map { $0.text("tax_total") } == ["0.90", "1.89"] && order["tax_lines"]?[1]?.flag("compound") == true)
        let rates = [("5", false), ("9.975", true)].enumerated().map { n, rate in
            WooRate(["id": .whole(n), "rate": .string(rate.0), "compound": .bool(rate.1), "priority": .whole(n)])
        }
        let inside = WooTaxMath.taxes(ExactDecimal("20.785275") ?? .zero, rates, included: true)
        #expect(inside.map { $0.amount.description } == ["0.9", "1.885275"])
    }

    @Test("tax follows the shipping address, the billing address where there is none, the shop's own for pickup")
    func place() throws {
        let desk = try WooDesk()
        func tax(_ body: JSON) throws -> String? {
            try desk.post("orders", body.setting("line_items", [["product_id": 93, "quantity": 1]])).text("total_tax")
        }
        #expect(try tax(["billing": ["country": "US", "state": "NY"], "shipping": ["country": "US", "state": "CA"]]) == "1.49")
        #expect(try tax(["billing": ["country": "US", "state": "NY"]]) == "1.60")
        #expect(try tax(["billing": ["country": "US", "state": "OR"]]) == "0.00")
        #expect(try tax([:]) == "1.49")
        let pickup: JSON = [
            "billing": ["country": "US", "state": "NY"], "shipping_lines": [["method_id": "local_pickup", "method_title": "Pickup", "total": "0"]],
        ]
        #expect(try tax(pickup) == "1.49")
        #expect(try tax(["meta_data": [["key": "is_vat_exempt", "value": "yes"]]]) == "0.00")
    }

    @Test("a fixed sum is shared out by pieces, and what is left over goes to the dearest line")
    func fixedCoupons() throws {
        let desk = try WooDesk()
        let cart = try desk.get("orders/\(try desk.placed([("TWL-07", 1), ("MUG-01", 2)], [("coupons", ["fiveoff"])]))")
        #expect(lines(cart, ["total"]) == [["22.84"], ["32.66"]])
        #expect(cart.text("discount_total") == "5.00")
        let each = try desk.get("orders/\(try desk.placed([("MUG-01", 2)], [("coupons", ["onemug"])]))")
        #expect(lines(each, ["total"]) == [["31.00"]])
        let both = try desk.get("orders/\(try desk.placed([("MUG-01", 1)], [("coupons", ["fiveoff", "welcome10"])]))")
        #expect(lines(both, ["total"]) == [["11.20"]] && both.list("coupon_lines").map { $0.text("discount") } == ["5", "1.8"])
        let all = try desk.get("orders/\(try desk.placed([("SEED-3", 1)], [("coupons", ["fiveoff"])]))")
        #expect(all.text("total") == "0.00" && all.text("status") == "processing" && all["date_paid_gmt"]?.string != nil && all.text("transaction_id") == "")
        try desk.balanced()
    }

    @Test("fees are taxed as their class says; a negative one takes tax away in proportion, and never more than there is")
    func fees() throws {
        let desk = try WooDesk("thames")
        func order(_ fees: JSON) throws -> JSON { try desk.get("orders/\(try desk.placed([("POT-2", 1), ("SMOCK", 1)], [("fees", fees)]))") }
        let wrap = try order([["name": "Gift wrap", "total": "2.50"], ["name": "Tip", "total": "3.00", "tax_status": "none"]])
        #expect(wrap.list("fee_lines").map { $0.text("total_tax") } == ["0.50", "0.00"] && wrap.text("total") == "65.50")
        let less = try order([["name": "Voucher", "total": "-10.00"]])
        // 35.416667 standard and 17.00 zero: 6.756757 of it takes 1.351351 with it.
        #expect(less["fee_lines"]?[0]?.text("total_tax") == "-1.35" && less.text("total") == "48.15")
        let most = try order([["name": "Voucher", "total": "-100.00"]])
        #expect(most["fee_lines"]?[0]?.text("total") == "-52.42" && most.text("total") == "0.00")
        try desk.balanced()
    }

    @Test("a rate for a postcode goes before one for the state, and only there")
    func postcodes() throws {
        let desk = try WooDesk()
        try desk.post("taxes", ["country": "US", "state": "CA", "rate": "10.25", "name": "Oakland", "postcodes": ["94607", "946*"], "shipping": false])
        #expect(try desk.get("orders/\(try desk.placed([("MUG-01", 1)]))").text("total_tax") == "1.85")
        #expect(try desk.get("orders/\(try desk.placed([("MUG-01", 1)], [("address", ["postcode": "90001"])]))").text("total_tax") == "1.49")
    }

    @Test("half down and half up differ at a half alone, below zero too")
    func halves() {
        func shown(_ text: String, _ mode: WooRounding) -> String { (ExactDecimal(text) ?? .zero).woo(2, mode).description }
        #expect(["1.665", "1.6650001", "-1.665", "1.664", "2"].map { shown($0, .halfDown) } == ["1.66", "1.67", "-1.66", "1.66", "2.00"])
        #expect(["1.665", "-1.665"].map { shown($0, .halfUp) } == ["1.67", "-1.67"])
    }
}
