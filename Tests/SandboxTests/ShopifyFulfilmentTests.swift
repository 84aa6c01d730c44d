import Kernel
import Testing
import TwinKit
import Wire

@testable import Sandbox

@Suite("Goods that the twin's shops send") struct ShopifyFulfilmentTests {
    private let shop = "prairie-goods"
    private let time = Timestamp(rfc3339: "2026-11-18T10:00:00Z") ?? Timestamp(seconds: 0)

    /// A twin in whose first shop an order with several units was placed.
    private func placed(_ journal: TwinJournal = TwinJournal(inMemory: [])) throws -> (twin: ShopifyTwin, order: ShopOrder) {
        let twin = try ShopifyTwin(journal: journal)
        let day = try DayGenerator(seed: 7, orders: 72).day().first { $0.shop == shop && $0.order.lines.contains { $0.quantity > 1 } && $0.events.count == 1 }
        let event = try #require(day?.events.first)
        _ = twin.apply(event)
        return (twin, try #require(twin.order(event.orderID, of: shop)))
    }

    private func fulfils(_ order: ShopOrder, _ lines: [(Int64, Int)]? = nil) -> JSON {
        let asked: JSON = .object([("do", "fulfils"), ("shop", .string(shop)), ("order", .string("\(order.id)"))])
        guard let lines else { return asked }
        return asked.setting("lines", .array(lines.map { ["line": .string("\($0.0)"), "quantity": .number("\($0.1)")] }))
    }

    private func graph(_ twin: ShopifyTwin, _ query: String) throws -> JSON {
        var request = HTTPRequest(.post, "/\(shop)/admin/api/2026-10/graphql.json", body: JSON.object([("query", .string(query))]).bytes)
        request.fields["X-Shopify-Access-Token"] = "shpat_sandbox_\(shop)"
        return try JSON(parsing: twin.respond(request, at: time).body)
    }

    @Test("in parts and whole: status, webhooks and both APIs tell the same") func parts() throws {
        let (twin, order) = try placed()
        #expect(order.fulfilmentStatus == nil)
        let line = try #require(order.lines.first { $0.quantity > 1 })
        let first = try twin.happen(fulfils(order, [(line.id, 1)]), at: time)
        #expect(first.webhooks.map(\.topic) == ["fulfillments/create", "orders/partially_fulfilled", "orders/updated"])
        let body = try JSON(parsing: try #require(first.webhooks.last).body)
        #expect(body["fulfillment_status"]?.string == "partial")
        let units = body["fulfillments"]?.array?.first?["line_items"]?.array?.map { "\($0["id"]?.int ?? 0) \($0["quantity"]?.int ?? 0)" }
        #expect(units == ["\(line.id) 1"])
        let rest = try twin.happen(fulfils(order), at: time + .seconds(60))
        #expect(rest.webhooks.map(\.topic) == ["fulfillments/create", "orders/fulfilled", "orders/updated"])
        let found = try #require(twin.order(order.id, of: shop))
        #expect(found.fulfilmentStatus == "fulfilled" && found.updatedAt == time + .seconds(60))
        for line in found.lines { #expect(found.left(line.id) == line.quantity) }
        let answer = try graph(
            twin, "{ order(id: \"gid://shopify/Order/\(order.id)\") { displayFulfillmentStatus fulfillments(first: 5) { id status fulfillmentLineItems(first: 5) { nodes { quantity lineItem { id } } } } } }")
        let told = try #require(answer.member("data", "order"))
        #expect(told["displayFulfillmentStatus"]?.string == "FULFILLED" && told["fulfillments"]?.array?.count == 2)
        let id = try #require(told["fulfillments"]?.array?.first?["id"]?.string)
        #expect(try graph(twin, "{ fulfillment(id: \"\(id)\") { id createdAt totalQuantity order { id } } }").member("data", "fulfillment", "totalQuantity")?.int == 1)
    }

    @Test("what was sent can be taken back; what is not there can't be sent") func undone() throws {
        let (twin, order) = try placed()
        let sent = try twin.happen(fulfils(order), at: time).outcome["fulfilment"]?.string ?? ""
        for wrong in [fulfils(order), fulfils(order, [(order.lines[0].id, 1)]), fulfils(order, []), fulfils(order, [(1, 1)]), ["do": "sends", "shop": "prairie-goods", "order": .string("\(order.id)")]] {
            #expect(throws: Fault.self) { try twin.happen(wrong, at: time) }
        }
        let undo: JSON = ["do": "undoes", "shop": "prairie-goods", "order": .string("\(order.id)"), "fulfilment": .string(sent)]
        let back = try twin.happen(undo, at: time + .seconds(60))
        #expect(back.webhooks.map(\.topic) == ["fulfillments/update", "orders/updated"])
        #expect(twin.order(order.id, of: shop)?.fulfilmentStatus == nil)
        #expect(throws: Fault.self) { try twin.happen(undo, at: time) }
        #expect(try twin.happen(fulfils(order), at: time).outcome["fulfilment"]?.string != sent, "and be sent again")
    }

    @Test("a restart finds what was sent as soon as the day has brought its order back") func restart() throws {
        let journal = TwinJournal(inMemory: [])
        let (twin, order) = try placed(journal)
        _ = try twin.happen(fulfils(order, [(order.lines.first { $0.quantity > 1 }?.id ?? 0, 1)]), at: time)
        let again = try placed(journal)
        #expect(again.order.fulfilments.count == 1 && again.order.fulfilmentStatus == "partial")
        #expect(again.order.updatedAt == twin.order(order.id, of: shop)?.updatedAt)
    }
}
