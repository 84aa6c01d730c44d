import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinWooCommerce

@Suite("WooCommerce's shops")
struct WooWorldTests {
    @Test("the money that must be there is told by shop, day and kind, with what payment providers kept")
    func money() throws {
        let desk = try WooDesk()
        let order = try desk.placed([("MUG-01", 2), ("TWL-07", 1)], [("coupons", ["welcome10"]), ("shipping", "7.95")])
        _ = try desk.placed([("MUG-01", 1)], [("payment_method", "bacs")])
        _ = try desk.placed([("MUG-01", 1)], [("payment_method", "ppcp-gateway")])
        // Half an hour to midnight in Oakland is the next day in Greenwich.
        desk.now = Timestamp(rfc3339: "2026-11-15T07:30:00Z") ?? desk.now
        try desk.happens(["do": "refunded", "order": .whole(order), "amount": "17.54", "reason": "damaged"])
        desk.shop = "thames"
        _ = try desk.placed([("BOWL-1", 1)])
        let rows = desk.twin.expectedMoney().map { "\($0.account) \($0.day) \($0.currency) \($0.kind.rawValue) \($0.minor) \($0.count)" }
        #expect(
            rows == [
                "prairie 2026-11-14 USD charge 8638 2", "prairie 2026-11-14 USD fee -341 2", "prairie 2026-11-14 USD refund -1754 1",
                "thames 2026-11-15 GBP charge 999 1", "thames 2026-11-15 GBP fee -35 1",
            ])
        try desk.balanced()
        desk.shop = "prairie"
        try desk.balanced()
    }

    @Test("the books have sales, shipping, fees and tax apart")
    func accounts() throws {
        let desk = try WooDesk()
        _ = try desk.placed([("MUG-01", 1)], [("shipping", "5.00"), ("fees", [["name": "Wrap", "total": "2.00"]]), ("fee", "1.00")])
        #expect(desk.twin.accounts("prairie") == ["sales": -1800, "shipping": -500, "fees": -200, "tax": -166, "fee": 100, "balance": 2566])
    }

    @Test("what is cancelled, thrown away or deleted gives no money back; an edited order counts with what it is now")
    func keeps() throws {
        let desk = try WooDesk()
        let orders = try (0..<3).map { _ in try desk.placed([("MUG-01", 1)]) }
        try desk.happens(["do": "cancelled", "order": .whole(orders[0])])
        try desk.happens(["do": "trashed", "order": .whole(orders[1])])
        try desk.happens(["do": "deleted", "order": .whole(orders[2])])
        func charged() -> Int64 { desk.twin.expectedMoney().filter { $0.kind == .charge }.map(\.minor).reduce(0, +) }
        #expect(charged() == 3 * 1949)
        let line = try #require(try desk.get("orders/\(orders[0])")["line_items"]?[0]).whole("id")
        try desk.happens(["do": "edited", "order": .whole(orders[0]), "change": ["line_items": [["id": .whole(line), "total": "10.00", "subtotal": "10.00"]]]])
        #expect(charged() == 2 * 1949 + 1083)
    }

    @Test("a restart finds all of it: orders, refunds, notes, stock, settings, numbers and money")
    func restart() throws {
        let desk = try WooDesk()
        let order = try desk.placed([("MUG-01", 2)])
        try desk.happens(["do": "refunded", "order": .whole(order), "items": [["sku": "MUG-01", "quantity": 1]]])
        try desk.call(.delete, "products/95?force=true")
        try desk.put("settings/general/woocommerce_price_num_decimals", ["value": "2"])
        let again = try desk.reopened()
        for path in ["orders", "orders/\(order)/refunds", "orders/\(order)/notes", "products?per_page=50", "settings/general"] {
            #expect(try again.get(path) == (try desk.get(path)))
        }
        #expect(again.twin.expectedMoney() == desk.twin.expectedMoney())
        #expect(try again.placed([("MUG-01", 1)]) == (try desk.placed([("MUG-01", 1)])))
        #expect(try again.refusal(.get, "products/95", status: 404) == "woocommerce_rest_product_invalid_id")
    }

    @Test("products have one sku each, prices, and a stock that can be counted")
    func products() throws {
        let desk = try WooDesk()
        #expect(try desk.ids("products?sku=MUG-01") == [93])
        let clash = try desk.call(.post, "products", ["name": "Mug", "sku": "MUG-01"], status: 400)
        #expect(clash.text("code") == "product_invalid_sku" && clash.member("data", "resource_id")?.int == 93)
        let made = try desk.post("products", ["name": "Big Bowl", "regular_price": "21", "sale_price": "19.5", "manage_stock": true, "stock_quantity": 3])
        #expect(made.text("price") == "19.50" && made.text("slug") == "big-bowl" && made.whole("stock_quantity") == 3 && made.flag("on_sale"))
        desk.wait(.seconds(60))
        #expect(try desk.put("products/93", ["stock_quantity": 0]).text("stock_status") == "outofstock")
        #expect(try desk.ids("products?modified_after=2026-11-14T17:21:30&dates_are_gmt=true") == [93])
        try desk.happens(["do": "stock_counted", "product": 93, "pieces": 12])
        #expect(try desk.get("products/93").whole("stock_quantity") == 12)
        #expect(try desk.refusal(.put, "products/9", [:]) == "woocommerce_rest_product_invalid_id")
        #expect(try desk.refusal(.post, "products", ["regular_price": "cheap"]) == "rest_invalid_param")
    }

    @Test("customers have one address each, are found by it, and pay or do not")
    func customers() throws {
        let desk = try WooDesk()
        let id = try desk.post("customers", ["email": "mara.lind@example.com", "first_name": "Mara", "billing": ["country": "US"]]).whole("id")
        #expect(id == 81)
        #expect(try desk.refusal(.post, "customers", ["email": "MARA.lind@example.com"]) == "registration-error-email-exists")
        #expect(try desk.refusal(.post, "customers", [:]) == "rest_missing_callback_param")
        #expect(try desk.get("customers?email=mara.lind%40example.com")[0]?.flag("is_paying_customer") == false)
        _ = try desk.placed([("MUG-01", 1)], [("customer_id", .whole(id))])
        #expect(try desk.get("customers/81").flag("is_paying_customer"))
        #expect(try desk.put("customers/81", ["last_name": "Lind"]).text("last_name") == "Lind")
        #expect(try desk.refusal(.delete, "customers/81", status: 501) == "woocommerce_rest_trash_not_supported")
        try desk.call(.delete, "customers/81?force=true")
        #expect(try desk.refusal(.get, "customers/81", status: 404) == "woocommerce_rest_invalid_id")
    }

    @Test("tax rates and classes are listed, made and taken away; coupons are used up")
    func rates() throws {
        let desk = try WooDesk()
        #expect(try desk.get("taxes/7").text("rate") == "8.2500" && desk.get("taxes?class=standard").array?.count == 4)
        #expect(try desk.get("taxes/classes").array?.map { $0.text("slug") } == ["standard", "reduced-rate", "zero-rate"])
        try desk.post("taxes/classes", ["name": "Books"])
        let rate = try desk.post("taxes", ["country": "US", "rate": "2", "class": "books", "name": "Book tax"])
        #expect(rate.text("rate") == "2.0000" && rate.flag("shipping"))
        #expect(try desk.refusal(.post, "taxes", ["class": "none"]) == "rest_invalid_param")
        #expect(try desk.call(.delete, "taxes/\(rate.whole("id"))?force=true").text("name") == "Book tax")
        let coupon = try desk.post("coupons", ["code": "ONCE", "discount_type": "percent", "amount": "50", "usage_limit": 1])
        #expect(coupon.text("code") == "once" && coupon.text("amount") == "50.00")
        #expect(try desk.refusal(.post, "coupons", ["code": "once"]) == "woocommerce_rest_coupon_code_already_exists")
        _ = try desk.placed([("MUG-01", 1)], [("coupons", ["once"])])
        #expect(throws: Fault.self) { try desk.placed([("MUG-01", 1)], [("coupons", ["once"])]) }
        #expect(try desk.get("coupons?code=once")[0]?.whole("usage_count") == 1)
    }

    @Test("what can't happen is refused with the vendor's reason and changes nothing")
    func refused() throws {
        let desk = try WooDesk()
        for wrong: JSON in [
            ["do": "rains"], ["do": "paid", "order": 9], ["do": "placed", "items": [["quantity": 1]]], ["do": "edited", "order": 9],
            ["do": "refunded", "order": 9], ["do": "setting_changed", "setting": "none"], ["do": "refund_deleted", "refund": 9], ["do": "key_revoked"],
        ] { #expect(throws: Fault.self) { try desk.happens(wrong) } }
        desk.shop = "nowhere"
        #expect(throws: Fault.self) { try desk.happens(["do": "placed"]) }
        desk.shop = "prairie"
        #expect(try desk.ids("orders?status=any").isEmpty)
    }

    @Test("a few hundred orders of all sorts, edited and given back at random, come out to the cent")
    func random() throws {
        for shop in ["prairie", "thames", "liffey"] {
            let desk = try WooDesk(shop)
            var random = Seeded(20_261_114)
            let skus = (try desk.get("products?per_page=50").array ?? []).compactMap { $0.text("sku") }
            for _ in 0..<60 {
                desk.wait(.seconds(Int64(random.int(1...7200))))
                let items = (0..<random.int(1...3)).map { _ in (random.pick(skus), random.int(1...5)) }
                var more: [(String, JSON)] = [("payment_method", .string(random.pick(["stripe", "bacs", "cod", "ppcp-gateway"])))]
                if random.flip() { more.append(("shipping", .string("\(random.int(0...9)).\(random.int(10...99))"))) }
                if random.flip(3) { more.append(("coupons", .array([.string(random.pick(["welcome10", "fiveoff", "onemug"]))]))) }
                if random.flip(4) { more.append(("fees", [["name": "Fee", "total": .string("\(random.int(-5...5)).25")]])) }
                if random.flip(5) { more.append(("address", ["country": "CA", "state": "QC"])) }
                let id = try desk.placed(items, more)
                if random.flip(3) { try desk.happens(["do": .string(random.pick(["completed", "cancelled", "held"])), "order": .whole(id)]) }
                let order = try desk.get("orders/\(id)")
                guard random.flip(), let sku = order["line_items"]?[0]?.text("sku") else { continue }
                try desk.happens(["do": "refunded", "order": .whole(id), "items": [["sku": .string(sku), "quantity": 1]]])
                if random.flip() { try desk.happens(["do": "refunded", "order": .whole(id)]) }
            }
            try desk.balanced()
        }
    }
}
