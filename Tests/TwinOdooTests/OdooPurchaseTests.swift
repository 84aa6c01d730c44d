import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinOdoo

@Suite("Odoo: bills and purchase orders")
struct OdooPurchaseTests {
    private func order(_ bench: OdooBench, _ more: String = "", line: String = "", at place: SourceLocation = #_sourceLocation) throws -> Int {
        let vals = """
            {partner_id: 8, origin: "cf:0123456789abcdef order PEN-1", \(more)
             order_line: [[0, 0, {product_id: 1, name: "Mug", product_qty: 40, price_unit: 2.0, \(bench.version >= 19 ? "tax_ids" : "taxes_id"): [[6, 0, []]] \(line)}]]}
            """
        return try bench.create("purchase.order", vals, at: place)
    }

    @Test("a bill debits its account and owes the supplier; its tax is had back", arguments: 14...19)
    func bill(version: Int) throws {
        let bench = try OdooBench(version)
        let vals = """
            {move_type: "in_invoice", partner_id: 8, invoice_date: "2026-11-14", ref: "cf:0123456789abcdef bill 7",
             invoice_line_ids: [[0, 0, {name: "Clay", quantity: 1, price_unit: 100.0, account_id: 25, tax_ids: [[6, 0, [3]]]}]]}
            """
        let id = try bench.post(bench.create("account.move", vals))
        #expect(bench.lines(id) == ["600000: 10000", "131000: 800", "211000: -10800"])
        #expect(bench.twin.entries().map(\.kind) == ["bill"] && bench.twin.entries()[0].key == "0123456789abcdef")
        #expect(try bench.read("account.move", id, "amount_total", "payment_state")["amount_total"] == .number("108.0"))
    }

    @Test("an order is a request until it is confirmed, with sums and names as the version has them", arguments: 14...19)
    func life(version: Int) throws {
        let bench = try OdooBench(version)
        let id = try order(bench)
        let request = try bench.read("purchase.order", id, "name", "state", "amount_total", "amount_tax", "currency_id", "date_approve")
        #expect(request["name"] == "P00001" && request["state"] == "draft" && request["amount_total"] == .number("80.0") && request["amount_tax"] == .number("0.0"))
        #expect(request["currency_id"]?[1] == "USD" && request["date_approve"] == false)
        #expect(try bench.call("purchase.order", "button_confirm", "[[\(id)]]") == true)
        let confirmed = try bench.read("purchase.order", id, "state", "date_approve", "order_line")
        #expect(confirmed["state"] == "purchase" && confirmed["date_approve"]?.string != nil)
        let line = try #require(confirmed["order_line"]?[0]?.int)
        let unit = version >= 19 ? "product_uom_id" : "product_uom"
        #expect(try bench.read("purchase.order.line", line, unit, "price_subtotal")[unit]?[0] == 1)
        #expect(bench.twin.entries().isEmpty, "no account moves")
        // Confirmed again: nothing happens.
        #expect(try bench.call("purchase.order", "button_confirm", "[[\(id)]]") == true)
    }

    @Test("what was not said comes from the product: its tax, its cost, the supplier's currency")
    func defaults() throws {
        let bench = try OdooBench()
        let id = try bench.create("purchase.order", "{partner_id: 8, order_line: [[0, 0, {product_id: 1, product_qty: 2}]]}")
        #expect(try bench.read("purchase.order", id, "amount_total", "amount_tax")["amount_total"] == .number("17.28"))
        try bench.call("res.partner", "write", "[[8], {property_purchase_currency_id: 125}]")
        #expect(try bench.read("purchase.order", order(bench), "currency_id")["currency_id"]?[1] == "EUR")
        #expect(try bench.read("purchase.order", order(bench, "currency_id: 1,"), "currency_id")["currency_id"]?[1] == "USD")
    }

    @Test("prices have two digits")
    func digits() throws {
        let bench = try OdooBench()
        let id = try bench.create("purchase.order", "{partner_id: 8, order_line: [[0, 0, {product_id: 1, product_qty: 40, price_unit: 0.125, tax_ids: [[6, 0, []]]}]]}")
        #expect(try bench.read("purchase.order", id, "amount_total")["amount_total"] == .number("5.2"))
    }

    @Test("an order is deleted only once it is cancelled, and a confirmed one keeps its lines", arguments: [16, 19])
    func guarded(version: Int) throws {
        let bench = try OdooBench(version)
        let id = try order(bench)
        #expect(try bench.refusal("purchase.order", "unlink", "[[\(id)]]").message == "In order to delete a purchase order, you must cancel it first.")
        try bench.call("purchase.order", "button_confirm", "[[\(id)]]")
        let no = try bench.refusal("purchase.order", "write", "[[\(id)], {order_line: [[5, 0, 0]]}]")
        #expect(no.message == "Cannot delete a purchase order line which is in state \(version >= 17 ? "“Purchase Order”" : "'Purchase Order'").")
        #expect(try bench.read("purchase.order", id, "amount_total")["amount_total"] == .number("80.0"), "nothing of it was done")
        try bench.call("purchase.order", "button_cancel", "[[\(id)]]")
        #expect(try bench.read("purchase.order", id, "state")["state"] == "cancel")
        try bench.call("purchase.order", "button_draft", "[[\(id)]]")
        try bench.call("purchase.order", "write", "[[\(id)], {order_line: [[5, 0, 0], [0, 0, {product_id: 1, product_qty: 1, price_unit: 3, \(version >= 19 ? "tax_ids" : "taxes_id"): []}]]}]")
        #expect(try bench.read("purchase.order", id, "amount_total")["amount_total"] == .number("3.0"))
        try bench.call("purchase.order", "button_cancel", "[[\(id)]]")
        try bench.call("purchase.order", "unlink", "[[\(id)]]")
        #expect(try bench.call("purchase.order", "search", "[[]]") == [] && bench.call("purchase.order.line", "search", "[[]]") == [])
    }

    @Test("a locked order is not cancelled")
    func locked() throws {
        let bench = try OdooBench()
        let id = try order(bench)
        try bench.call("purchase.order", "button_confirm", "[[\(id)]]")
        try bench.call("purchase.order", "write", "[[\(id)], {locked: true}]")
        #expect(try bench.refusal("purchase.order", "button_cancel", "[[\(id)]]").message.hasSuffix("You must first unlock them."))
    }

    @Test("an order needs its supplier, its lines a product, and names of another version are none")
    func missing() throws {
        let bench = try OdooBench(17)
        #expect(try bench.refusal("purchase.order", "create", "[{order_line: []}]").message.contains("partner_id"))
        let without = try bench.refusal("purchase.order", "create", "[{partner_id: 8, order_line: [[0, 0, {name: \"x\", product_qty: 1, price_unit: 1}]]}]")
        #expect(without.message == "The operation cannot be completed: Missing required fields on accountable purchase order line.")
        #expect(try bench.call("purchase.order", "search", "[[]]") == [])
        #expect(try bench.refusal("purchase.order", "create", "[{partner_id: 8, order_line: [[0, 0, {product_id: 1, tax_ids: []}]]}]").message.contains("tax_ids"))
        #expect(try bench.refusal("purchase.order", "button_cancel", "[[99]]").name.hasSuffix("MissingError"))
        let reader = try OdooBench(17)
        (reader.user, reader.secret) = (6, "reader")
        #expect(try reader.refusal("purchase.order", "create", "[{partner_id: 8}]").name.hasSuffix("AccessError"))
    }

    @Test("orders outlive the twin, by what their journal holds")
    func reopened() throws {
        let bench = try OdooBench()
        let id = try order(bench)
        try bench.call("purchase.order", "button_confirm", "[[\(id)]]")
        let again = try bench.reopened()
        #expect(try again.read("purchase.order", id, "state", "amount_total", "origin") == bench.read("purchase.order", id, "state", "amount_total", "origin"))
        #expect(try again.read("purchase.order", order(again), "name")["name"] == "P00002")
    }

    @Test("a search finds an order by the head of its origin")
    func found() throws {
        let bench = try OdooBench()
        let id = try order(bench)
        #expect(try bench.call("purchase.order", "search", "[[[\"origin\", \"=like\", \"cf:0123456789abcdef%\"]]]") == [.number("\(id)")])
        #expect(try bench.call("purchase.order", "search", "[[[\"origin\", \"=like\", \"cf:0%abcdee%\"]]]") == [])
    }
}
