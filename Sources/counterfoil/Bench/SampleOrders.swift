internal import Kernel
internal import Wire

/// Orders as a shop's webhook sends them, about 6 KB each and no two alike. Reproducible: the same number gives the same order.
enum SampleOrders {
    static func bodies(_ count: Int) -> [[UInt8]] { (0 ..< count).map { order(Int64($0)).bytes } }

    private static let titles = ["Stoneware mug", "Linen notebook, dotted", "Terracotta pot 14 cm", "Café apron “Été”", "Garden twine", "Oak chopping board"]
    private static let people = [("Ada", "Okafor", "Golden", "80401"), ("José", "Núñez", "Lakewood", "80226"), ("Mei", "O\"Brien", "Arvada", "80002")]

    private static func order(_ n: Int64) -> JSON {
        let id = 6_120_034_117_000 + n * 1_024
        let lines = (0 ..< 3).map { line(id, n, Int64($0)) }
        let net = lines.map(\.net).reduce(0, +), tax = lines.map(\.tax).reduce(0, +)
        let gross = lines.map(\.gross).reduce(0, +)
        let shipping: Int64 = 795 + n % 7 * 100
        let person = people[Int(n) % people.count]
        let number = 1_042 + n
        return .object([
            ("id", .number("\(id)")), ("admin_graphql_api_id", .string("gid://shopify/Order/\(id)")), ("app_id", 580_111), ("browser_ip", "203.0.113.24"),
            ("buyer_accepts_marketing", false), ("cancel_reason", nil), ("cancelled_at", nil), ("cart_token", .string("c1-\(id * 7919)")), ("checkout_id", .number("\(id + 17)")),
            ("closed_at", nil), ("confirmed", true), ("created_at", .string("2026-11-14T0\(n % 9):1\(n % 6):07-07:00")), ("currency", "USD"),
            ("current_subtotal_price", amount(net)), ("current_total_price", amount(net + tax + shipping)), ("email", .string("customer\(n)@example.com")), ("estimated_taxes", false),
            ("financial_status", "paid"), ("fulfillment_status", nil), ("name", .string("#\(number)")), ("note", "Please leave it at the back door,\nthank you."),
            ("number", .number("\(number - 1000)")), ("order_number", .number("\(number)")), ("payment_gateway_names", ["shopify_payments"]), ("po_number", nil),
            ("presentment_currency", "USD"), ("processed_at", .string("2026-11-14T0\(n % 9):1\(n % 6):05-07:00")), ("source_name", "web"),
            ("subtotal_price", amount(net)), ("subtotal_price_set", set(net)), ("tags", ""), ("tax_exempt", false),
            ("tax_lines", .array(taxes(net))), ("taxes_included", false), ("test", false), ("token", .string("t-\(id * 104_729)")),
            ("total_discounts", amount(gross - net)), ("total_line_items_price", amount(gross)), ("total_price", amount(net + tax + shipping)),
            ("total_price_set", set(net + tax + shipping)), ("total_tax", amount(tax)), ("total_tip_received", "0.00"), ("total_weight", 2_150),
            ("updated_at", .string("2026-11-14T0\(n % 9):1\(n % 6):09-07:00")),
            ("billing_address", address(person)), ("customer", .object([("id", .number("\(id - 5)")), ("email", .string("customer\(n)@example.com")), ("first_name", .string(person.0)), ("last_name", .string(person.1)), ("tax_exempt", false)])),
            ("discount_codes", [["code": "WELCOME10", "amount": amount(gross - net), "type": "percentage"]]), ("fulfillments", []),
            ("line_items", .array(lines.map(\.json))), ("refunds", []), ("shipping_address", address(person)),
            ("shipping_lines", [.object([
                ("id", .number("\(id + 900)")), ("carrier_identifier", nil), ("code", "Standard"), ("discount_allocations", []), ("price", amount(shipping)),
                ("price_set", set(shipping)), ("source", "shopify"), ("tax_lines", []), ("title", "Standard"),
            ])]),
        ])
    }

    private static func line(_ order: Int64, _ n: Int64, _ k: Int64) -> (json: JSON, gross: Int64, net: Int64, tax: Int64) {
        let unit = 1_295 + (n * 37 + k * 211) % 4_000, quantity = 1 + (n + k) % 3
        let gross = unit * quantity
        let discount = gross / 10
        let net = gross - discount
        let id = order + 100 + k
        let title = titles[Int(n + k) % titles.count]
        let json: JSON = .object([
            ("id", .number("\(id)")), ("admin_graphql_api_id", .string("gid://shopify/LineItem/\(id)")), ("current_quantity", .number("\(quantity)")), ("fulfillable_quantity", .number("\(quantity)")),
            ("fulfillment_service", "manual"), ("fulfillment_status", nil), ("gift_card", false), ("grams", 350), ("name", .string(title)), ("price", amount(unit)),
            ("price_set", set(unit)), ("product_id", .number("\(id / 3)")), ("properties", []), ("quantity", .number("\(quantity)")), ("requires_shipping", true),
            ("sku", .string("SKU-\((n + k) % 40 + 100)")), ("taxable", true), ("title", .string(title)), ("total_discount", "0.00"), ("variant_id", .number("\(id / 2)")),
            ("vendor", "Prairie Goods"), ("tax_lines", .array(taxes(net))),
            ("discount_allocations", [.object([("amount", amount(discount)), ("amount_set", set(discount)), ("discount_application_index", 0)])]),
        ])
        return (json, gross, net, taxParts(net).map(\.amount).reduce(0, +))
    }

    private static func taxParts(_ net: Int64) -> [(title: String, rate: String, amount: Int64)] {
        [("Colorado State Tax", "0.029", (net * 29 + 500) / 1_000), ("Jefferson County Tax", "0.005", (net * 5 + 500) / 1_000)]
    }

    private static func taxes(_ net: Int64) -> [JSON] {
        taxParts(net).map { part in
            .object([("channel_liable", false), ("price", amount(part.amount)), ("price_set", set(part.amount)), ("rate", .number(part.rate)), ("title", .string(part.title))])
        }
    }

    private static func address(_ person: (String, String, String, String)) -> JSON {
        .object([
            ("first_name", .string(person.0)), ("address1", "1200 Washington Ave"), ("phone", nil), ("city", .string(person.2)), ("zip", .string(person.3)),
            ("province", "Colorado"), ("country", "United States"), ("last_name", .string(person.1)), ("company", nil), ("latitude", .number("39.7555431")),
            ("longitude", .number("-105.2211031")), ("name", .string("\(person.0) \(person.1)")), ("country_code", "US"), ("province_code", "CO"),
        ])
    }

    private static func amount(_ minor: Int64) -> JSON {
        let cents = minor % 100
        return .string("\(minor / 100).\(cents < 10 ? "0" : "")\(cents)")
    }

    private static func set(_ minor: Int64) -> JSON {
        .object([("shop_money", .object([("amount", amount(minor)), ("currency_code", "USD")])), ("presentment_money", .object([("amount", amount(minor)), ("currency_code", "USD")]))])
    }
}
