import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinSquare

@Suite("Square's fulfilments")
struct SquareFulfilmentTests {
    private func twoParts(_ desk: SquareDesk) throws -> JSON {
        func part(_ line: String, _ quantity: String) -> JSON {
            ["type": "SHIPMENT", "line_item_application": "ENTRY_LIST", "entries": [["line_item_uid": .string(line), "quantity": .string(quantity)]]]
        }
        return try desk.sale([("fulfillments", [part("Li0001", "2"), part("Li0002", "1")])])
    }

    @Test("a paid order stays open until all of it is handed over, part by part, each with its time")
    func parts() throws {
        let desk = try SquareDesk()
        let id = try #require(try twoParts(desk).text("order"))
        let before = try desk.read("orders", id)
        let uids = before.list("fulfillments").compactMap { $0.text("uid") }
        #expect(before.text("state") == "OPEN" && Set(uids).count == 2)
        desk.wait(.seconds(3_600))
        try desk.happens(["do": "fulfils", "order": .string(id), "fulfillment": .string(uids[0])])
        let between = try desk.read("orders", id)
        #expect(between.text("state") == "OPEN" && between.list("fulfillments").map { $0.text("state") ?? "PROPOSED" } == ["COMPLETED", "PROPOSED"])
        #expect(between.list("fulfillments").first?["shipment_details"]?.text("shipped_at") == between.text("updated_at"))
        desk.wait(.seconds(3_600))
        try desk.happens(["do": "fulfils", "order": .string(id)])
        let after = try desk.read("orders", id)
        #expect(after.text("state") == "COMPLETED" && after.text("closed_at") == after.text("updated_at"))
        #expect(after.list("fulfillments").first == between.list("fulfillments").first, "a time stays")
        #expect(throws: Fault.self) { try desk.happens(["do": "fulfils", "order": .string(id)]) }
        #expect(try desk.reopened().read("orders", id) == after)
    }

    @Test("whoever completes a fulfilment by the API is given its time")
    func byRequest() throws {
        let desk = try SquareDesk()
        let id = try #require(try twoParts(desk).text("order"))
        let order = try desk.read("orders", id)
        let parts = order.list("fulfillments").map { $0.setting("state", "COMPLETED") }
        let changed = try #require(
            try desk.call(.put, "orders/\(id)", ["order": ["version": order["version"] ?? 1, "location_id": .string(SquareDesk.pier), "fulfillments": .array(parts)]])["order"])
        #expect(changed.text("state") == "COMPLETED")
        #expect(changed.list("fulfillments").allSatisfy { $0["shipment_details"]?.text("shipped_at") != nil })
    }
}
