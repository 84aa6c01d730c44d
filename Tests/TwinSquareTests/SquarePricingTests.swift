import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinSquare

@Suite("What a Square order costs")
struct SquarePricingTests {
    private func amounts(_ order: JSON, _ list: String, _ inner: String? = nil) -> [Int64] {
        order.list(list).flatMap { row in inner.map { row.list($0).map { $0.amount("applied_money") } } ?? [row.amount("applied_money")] }
    }

    /// Source: square/connect-api-specification, the sample of CreateOrder: request and response.
    @Test("the vendor's own sample comes out to the cent: two percentages, a fixed amount on one line, tax on the whole")
    func sample() throws {
        let desk = try SquareDesk()
        let order = try desk.order([
            "location_id": "LRJNZCB190DTQ", "reference_id": "my-order-001",
            "line_items": [
                ["name": "New York Strip Steak", "quantity": "1", "base_price_money": ["amount": 1599, "currency": "USD"]],
                [
                    "name": "New York Steak", "variation_name": "Larger", "quantity": "2", "base_price_money": ["amount": 2200, "currency": "USD"],
                    "modifiers": [["name": "Well", "base_price_money": ["amount": 50, "currency": "USD"]]],
                    "applied_discounts": [["discount_uid": "one-dollar-off"]],
                ],
            ],
            "taxes": [["uid": "state-sales-tax", "name": "State Sales Tax", "percentage": "9", "scope": "ORDER"]],
            "discounts": [
                ["uid": "labor-day-sale", "name": "Labor Day Sale", "percentage": "5", "scope": "ORDER"],
                ["uid": "membership-discount", "catalog_object_id": "DB7L55ZH2BGWI4H23ULIWOQ7", "scope": "ORDER"],
                ["uid": "one-dollar-off", "name": "Sale - $1.00 off", "amount_money": ["amount": 100, "currency": "USD"], "scope": "LINE_ITEM"],
            ],
        ])
        #expect(order.list("discounts").map { $0.text("uid") } == ["membership-discount", "labor-day-sale", "one-dollar-off"])
        #expect(amounts(order, "discounts") == [30, 303, 100])
        #expect(amounts(order, "line_items", "applied_discounts") == [8, 79, 22, 224, 100])
        #expect(amounts(order, "line_items", "applied_taxes") == [136, 374])
        #expect(order.list("line_items").map { $0.amount("gross_sales_money") } == [1599, 4500])
        #expect(order.list("line_items").map { $0.amount("variation_total_price_money") } == [1599, 4400])
        #expect(order.list("line_items")[1].list("modifiers").map { $0.amount("total_price_money") } == [100])
        #expect(order.list("line_items").map { $0.amount("total_discount_money") } == [87, 346])
        #expect(order.list("line_items").map { $0.amount("total_money") } == [1648, 4528])
        #expect(order.amount("total_tax_money") == 510 && order.amount("total_discount_money") == 433 && order.amount("total_money") == 6176)
        #expect(order.amount("net_amounts", "total_money") == 6176 && order.amount("net_amount_due_money") == 6176)
        #expect(order.text("state") == "OPEN" && order.minor("version") == 1 && order["source"]?.text("name") == "Counterfoil Hub")
    }

    /// Source: square/connect-api-specification, the sample of CalculateOrder.
    @Test("half off two lines is half of each; what is only reckoned has no id and leaves nothing behind")
    func calculated() throws {
        let desk = try SquareDesk()
        let order = try desk.price([
            "location_id": "LRJNZCB190DTQ",
            "line_items": [
                ["name": "Item 1", "quantity": "1", "base_price_money": ["amount": 500, "currency": "USD"]],
                ["name": "Item 2", "quantity": "2", "base_price_money": ["amount": 300, "currency": "USD"]],
            ],
            "discounts": [["name": "50% Off", "percentage": "50", "scope": "ORDER"]],
        ])
        #expect(amounts(order, "discounts") == [550] && amounts(order, "line_items", "applied_discounts") == [250, 300])
        #expect(order.amount("total_money") == 550 && order["id"] == nil && order.minor("version") == 1)
        let found = try desk.post("orders/search", ["location_ids": ["LRJNZCB190DTQ"]])
        #expect(found["orders"] == nil)
    }

    /// Source: developer.squareup.com/forums, threads 2354 and 11705: 11.75 % of 6.00 is 0.70 and 9.75 % of 6.00 is 0.58; thread 11179: 8.875 % of
    /// 36.90 is 3.27 whatever its lines would come to by themselves; thread 16894: 10 % of 915 take 91.
    @Test("halves go to the even neighbour, taxes of the whole are reckoned on the whole, and of a discount what is left is rounded")
    func rounding() throws {
        let desk = try SquareDesk()
        func tax(_ prices: [Int], _ percentage: String, scope: String = "ORDER") throws -> Int64 {
            let lines = prices.map { price -> JSON in
                var line: JSON = ["name": "Thing", "quantity": "1", "base_price_money": ["amount": .number("\(price)"), "currency": "USD"]]
                if scope == "LINE_ITEM" { line = line.setting("applied_taxes", [["tax_uid": "t"]]) }
                return line
            }
            let order: JSON = [
                "location_id": "LRJNZCB190DTQ", "line_items": .array(lines),
                "taxes": [["uid": "t", "name": "Tax", "percentage": .string(percentage), "scope": .string(scope)]],
            ]
            let priced = try desk.price(order)
            #expect(amounts(priced, "line_items", "applied_taxes").reduce(0, +) == priced.amount("total_tax_money"))
            #expect(priced.list("line_items").reduce(0) { $0 + $1.amount("total_money") } == priced.amount("total_money"))
            return priced.amount("total_tax_money")
        }
        #expect(try tax([600], "11.75") == 70 && tax([3020], "11.75") == 355)
        #expect(try tax([600], "9.75") == 58)
        #expect(try tax([1880, 695], "8.875") == 229)
        #expect(try tax([1500, 800, 695, 695], "8.875") == 327)
        #expect(try tax([1500, 800, 695, 695], "8.875", scope: "LINE_ITEM") == 328)
        let off = try desk.price([
            "location_id": "LRJNZCB190DTQ", "line_items": [["name": "Fanta", "quantity": "1", "base_price_money": ["amount": 915, "currency": "USD"]]],
            "discounts": [
                ["percentage": "10", "scope": "ORDER", "name": "percent"],
                ["amount_money": ["amount": 4, "currency": "USD"], "scope": "ORDER", "name": "amount"],
            ],
        ])
        #expect(amounts(off, "discounts") == [91, 4] && off.amount("total_money") == 820)
    }

    @Test("shares add up to the whole, lose at most one unit each, and are the same whenever they are cut")
    func shares() {
        var random = Seeded(7)
        for _ in 0..<300 {
            let weights = (0..<random.int(1...9)).map { _ in Int64(random.int(0...10_000)) }
            let sum = weights.reduce(0, +)
            let total = Int64(random.int(0...20_000))
            let parts = SquareRounding.apportion(total, weights)
            #expect(parts.reduce(0, +) == (sum == 0 ? 0 : total))
            for (part, weight) in zip(parts, weights) where sum > 0 {
                let floor = total * weight / sum
                #expect(part == floor || part == floor + 1)
            }
            #expect(parts == SquareRounding.apportion(total, weights))
        }
        #expect(SquareRounding.apportion(10, [1, 1, 1]) == [4, 3, 3])
        #expect(SquareRounding.halfEven(5, 2) == 2 && SquareRounding.halfEven(7, 2) == 4 && SquareRounding.halfEven(-5, 2) == -2)
        #expect(SquareRounding.toCoin(1002, 5) == -2 && SquareRounding.toCoin(1003, 5) == 2 && SquareRounding.toCoin(1003, 1) == 0)
    }

    @Test("a tax inside the price is counted and not added; two rates inside one basket; beside it a tax on top is of the price without it")
    func inclusive() throws {
        let desk = try SquareDesk(token: SquareDesk.british)
        let order = try desk.price([
            "location_id": "LTHAMESSTUDIO",
            "line_items": [
                ["catalog_object_id": "VARBOWL00000000000000001", "quantity": "2", "applied_taxes": [["tax_uid": "vat"]]],
                ["name": "Children's book", "quantity": "1", "base_price_money": ["amount": 999, "currency": "GBP"], "applied_taxes": [["tax_uid": "low"]]],
            ],
            "taxes": [
                ["uid": "vat", "catalog_object_id": "TAXVAT20000000000000000A", "scope": "LINE_ITEM"],
                ["uid": "low", "name": "VAT 5", "percentage": "5", "type": "INCLUSIVE", "scope": "LINE_ITEM"],
            ],
        ])
        #expect(amounts(order, "taxes") == [800, 48] && order.amount("total_tax_money") == 848)
        #expect(order.list("line_items").map { $0.amount("gross_sales_money") } == [4800, 999], "in Europe the tax stays in gross sales")
        #expect(order.amount("total_money") == 5799)
        let american = try SquareDesk()
        let both = try american.price([
            "location_id": "LRJNZCB190DTQ", "line_items": [["name": "Ticket", "quantity": "1", "base_price_money": ["amount": 1200, "currency": "USD"]]],
            "taxes": [
                ["uid": "in", "name": "Inside", "percentage": "20", "type": "INCLUSIVE", "scope": "ORDER"],
                ["uid": "on", "name": "On top", "percentage": "10", "type": "ADDITIVE", "scope": "ORDER"],
            ],
        ])
        #expect(amounts(both, "taxes") == [200, 100] && both.amount("total_money") == 1300)
        #expect(both.list("line_items").first?.amount("gross_sales_money") == 1000, "in America it is taken out of gross sales")
    }

    @Test("service charges: before tax and taxed, after tax on everything, and shared out among the lines")
    func charges() throws {
        let desk = try SquareDesk()
        let order = try desk.price([
            "location_id": "LRJNZCB190DTQ",
            "line_items": [
                ["name": "Dinner", "quantity": "1", "base_price_money": ["amount": 6000, "currency": "USD"]],
                ["name": "Wine", "quantity": "1", "base_price_money": ["amount": 4000, "currency": "USD"]],
            ],
            "taxes": [["uid": "t", "name": "Tax", "percentage": "10", "scope": "ORDER"]],
            "service_charges": [
                ["uid": "s", "name": "Service", "percentage": "18", "calculation_phase": "SUBTOTAL_PHASE", "taxable": true],
                ["uid": "d", "name": "Delivery", "amount_money": ["amount": 500, "currency": "USD"], "calculation_phase": "TOTAL_PHASE"],
            ],
        ])
        #expect(order.list("service_charges").map { $0.amount("applied_money") } == [1800, 500])
        #expect(order.list("service_charges").map { $0.amount("total_tax_money") } == [180, 0])
        #expect(order.list("service_charges").map { $0.amount("total_money") } == [1980, 500])
        #expect(order.amount("total_tax_money") == 1180 && order.amount("total_service_charge_money") == 2300)
        #expect(order.amount("total_money") == 10_000 + 1000 + 1980 + 500)
        let shared = try desk.price([
            "location_id": "LRJNZCB190DTQ",
            "line_items": [
                ["name": "Dinner", "quantity": "1", "base_price_money": ["amount": 6000, "currency": "USD"]],
                ["name": "Wine", "quantity": "1", "base_price_money": ["amount": 4000, "currency": "USD"]],
            ],
            "service_charges": [
                ["name": "Setup", "amount_money": ["amount": 333, "currency": "USD"], "calculation_phase": "APPORTIONED_AMOUNT_PHASE", "scope": "ORDER"],
            ],
        ])
        #expect(shared.list("line_items").map { $0.amount("total_service_charge_money") } == [200, 133])
        #expect(shared.amount("total_money") == 10_333)
        let late: JSON = [
            "location_id": "LRJNZCB190DTQ",
            "service_charges": [["name": "x", "percentage": "5", "calculation_phase": "TOTAL_PHASE", "taxable": true]],
        ]
        #expect(try desk.refusal(.post, "orders/calculate", ["order": late]).text("field") == "order.service_charges[0].taxable")
    }

    @Test("quantities with fractions, money on a gift card that is neither taxed nor discounted, fixed amounts that are more than there is")
    func edges() throws {
        let desk = try SquareDesk()
        let order = try desk.price([
            "location_id": "LRJNZCB190DTQ",
            "line_items": [
                [
                    "name": "Cheese", "quantity": "0.355", "quantity_unit": ["measurement_unit": ["weight_unit": "METRIC_KILOGRAM"], "precision": 3],
                    "base_price_money": ["amount": 2990, "currency": "USD"],
                ],
                ["name": "Gift card", "item_type": "GIFT_CARD", "quantity": "1", "base_price_money": ["amount": 5000, "currency": "USD"]],
            ],
            "taxes": [["name": "Tax", "percentage": "8.25", "scope": "ORDER"]], "discounts": [["name": "Off", "percentage": "10", "scope": "ORDER"]],
        ])
        #expect(order.list("line_items").map { $0.amount("gross_sales_money") } == [1061, 5000])
        #expect(order.list("line_items").map { $0.amount("total_discount_money") } == [106, 0])
        #expect(order.list("line_items").map { $0.amount("total_tax_money") } == [79, 0])
        let much = try desk.price([
            "location_id": "LRJNZCB190DTQ", "line_items": [["name": "A", "quantity": "3", "base_price_money": ["amount": 100, "currency": "USD"]]],
            "discounts": [["name": "Off", "amount_money": ["amount": 1000, "currency": "USD"], "scope": "ORDER"]],
        ])
        #expect(much.amount("total_money") == 0 && amounts(much, "discounts") == [300])
    }

    @Test("what an order says wrongly is named with its place")
    func wrong() throws {
        let desk = try SquareDesk()
        func field(_ order: JSON, _ code: String, _ field: String, at place: SourceLocation = #_sourceLocation) throws {
            let error = try desk.refusal(.post, "orders", ["order": order], at: place)
            #expect(error.text("code") == code && error.text("field") == field, "\(error)", sourceLocation: place)
            #expect(error.text("category") == "INVALID_REQUEST_ERROR", sourceLocation: place)
        }
        func line(_ line: JSON) -> JSON { ["location_id": "LRJNZCB190DTQ", "line_items": [line]] }
        let price: JSON = ["amount": 100, "currency": "USD"]
        try field(["line_items": []], "MISSING_REQUIRED_PARAMETER", "order.location_id")
        try field(line(["name": "A", "base_price_money": price]), "MISSING_REQUIRED_PARAMETER", "order.line_items[0].quantity")
        try field(line(["name": "A", "quantity": "x", "base_price_money": price]), "INVALID_VALUE", "order.line_items[0].quantity")
        try field(line(["name": "A", "quantity": "1.5", "base_price_money": price]), "INVALID_VALUE", "order.line_items[0].quantity")
        try field(line(["quantity": "1", "base_price_money": price]), "MISSING_REQUIRED_PARAMETER", "order.line_items[0].name")
        try field(line(["name": "A", "quantity": "1"]), "MISSING_REQUIRED_PARAMETER", "order.line_items[0].base_price_money")
        let pounds: JSON = ["amount": 100, "currency": "GBP"]
        try field(line(["name": "A", "quantity": "1", "base_price_money": pounds]), "INVALID_VALUE", "order.line_items[0].base_price_money.currency")
        let half: JSON = ["amount": .number("1.5"), "currency": "USD"]
        try field(line(["name": "A", "quantity": "1", "base_price_money": half]), "EXPECTED_INTEGER", "order.line_items[0].base_price_money.amount")
        let long = String(repeating: "n", count: 513)
        try field(line(["name": .string(long), "quantity": "1", "base_price_money": price]), "VALUE_TOO_LONG", "order.line_items[0].name")
        let reference = String(repeating: "r", count: 41)
        try field(["location_id": "LRJNZCB190DTQ", "reference_id": .string(reference)], "VALUE_TOO_LONG", "order.reference_id")
        let many = JSON.array((0...500).map { _ in ["name": "A", "quantity": "1", "base_price_money": price] })
        try field(["location_id": "LRJNZCB190DTQ", "line_items": many], "ARRAY_LENGTH_TOO_LONG", "order.line_items")
        let pairs = JSON.object((0...10).map { ("k\($0)", "v") })
        try field(["location_id": "LRJNZCB190DTQ", "metadata": pairs], "TOO_MANY_MAP_ENTRIES", "order.metadata")
        let dangling: JSON = ["name": "A", "quantity": "1", "base_price_money": price, "applied_taxes": [["tax_uid": "nowhere"]]]
        try field(line(dangling), "BAD_REQUEST", "order.applied_taxes")
        let tax: JSON = ["location_id": "LRJNZCB190DTQ", "taxes": [["name": "T", "percentage": "101"]]]
        try field(tax, "INVALID_VALUE", "order.taxes[0].percentage")
        let unknown = try desk.refusal(.post, "orders", ["order": ["location_id": "LTHAMESSTUDIO"]], status: 403)
        #expect(unknown.text("code") == "FORBIDDEN" && unknown.text("category") == "AUTHENTICATION_ERROR")
        let item = try desk.refusal(.post, "orders", ["order": line(["catalog_object_id": "VARBOWL00000000000000001", "quantity": "1"])], status: 404)
        #expect(item.text("code") == "NOT_FOUND", "another merchant's catalog is not ours")
    }
}
