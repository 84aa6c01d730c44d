import Crypto
import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinReturns

private let list = "/returns/2026-01/returns?created_at_min=2026-11-01T00:00:00Z"

@Suite("AfterShip's twin")
struct AfterShipTwinTests {
    @Test("a return is submitted, approved, received and done, and tells of each by webhook")
    func life() throws {
        let desk = try ReturnsDesk(.aftership)
        try desk.happens(["do": "subscribes", "url": "http://127.0.0.1:9/hooks/7", "secret": "s-1"])
        try desk.happens(ReturnsDesk.asked("b3eedf69"))
        #expect(try desk.get("/returns/2026-01/returns/b3eedf69").member("data", "approval_status")?.string == "submitted")
        for step in ["approved", "received"] { try desk.happens(["do": .string(step), "id": "b3eedf69"]) }
        try desk.happens(["do": "settled", "id": "b3eedf69", "refund_id": "9001"])
        let back = try #require(try desk.get("/returns/2026-01/returns/b3eedf69")["data"])
        #expect(back.text("approval_status") == "done" && back.member("return_total_including_tax", "amount")?.string == "77.94")
        #expect(back["cost_of_return"] == ["charged": true, "value": ["amount": "4.64", "currency": "USD"]])
        let refund = try #require(back.list("refunds").first), item = try #require(back.list("return_items").first)
        #expect(refund.text("destination") == "original_payment" && refund.text("external_id") == "9001" && refund.member("total", "amount")?.string == "73.30")
        #expect(item["refund_quantity"]?.int == 2 && item["restocked_quantity"]?.int == 2 && item.text("return_reason") == "Too small" && item["price"] == nil)
        let due = desk.twin.takeWebhooks(at: desk.now, most: 9)
        let bodies = try due.map { try JSON(parsing: $0.request.body) }
        #expect(bodies.map { $0.text("event") } == ["return.submitted", "return.approved", "return.updated", "return.resolved"])
        #expect(Set(bodies.map { $0.text("id") }).count == 4 && bodies[3].member("data", "id")?.string == "b3eedf69")
        #expect(due[3].request.fields["as-signature-hmac-sha256"] == Base64.encode(HMAC.sha256(key: Array("s-1".utf8), due[3].request.body)))
    }

    @Test("credit, exchanges and rejected returns are shown as AfterShip does")
    func outcomes() throws {
        let desk = try ReturnsDesk(.aftership)
        try desk.happens(ReturnsDesk.asked("a1"))
        try desk.happens(["do": "settled", "id": "a1", "to": "credit", "bonus": 1_000, "new_order": "777", "exchange": [["sku": "W-2", "title": "L", "price": 5_000]]])
        let back = try #require(try desk.get("/returns/2026-01/returns/a1")["data"])
        #expect(back.list("refunds").first?.text("destination") == "store_credit" && back.list("refunds").first?.member("total", "amount")?.string == "33.30")
        #expect(back.member("exchange", "order", "external_id")?.string == "777" && back.member("exchange", "bonus_credits", "amount")?.string == "10.00")
        try desk.happens(ReturnsDesk.asked("a2"))
        try desk.happens(["do": "cancelled", "id": "a2"])
        #expect(try desk.get("/returns/2026-01/returns/a2").member("data", "approval_status")?.string == "rejected")
    }

    @Test("lists go on by cursor, name their limit in each answer, and refuse in the envelope")
    func lists() throws {
        let desk = try ReturnsDesk(.aftership)
        for n in 1 ... 3 { try desk.happens(ReturnsDesk.asked("r\(n)")) }
        let first = try desk.get(list + "&limit=2")
        #expect(first.member("data", "returns")?.array?.count == 2 && first.member("data", "pagination", "next_cursor")?.string == "2")
        let last = try desk.get(list + "&limit=2&cursor=2")
        #expect(last.member("data", "returns")?.array?.count == 1 && last.member("data", "pagination", "next_cursor")?.string == nil)
        let answer = desk.raw(list)
        #expect(answer.fields["x-ratelimit-limit"] == "10" && answer.fields["x-ratelimit-remaining"] == "7")
        let calls = (0 ..< 9).map { _ in desk.raw(list).status }
        #expect(calls.contains(429))
        desk.now = desk.now + .seconds(1)
        for (path, status) in [
            ("/returns/2026-01/returns/nothing", 404), ("/returns/2019-01/returns", 400), (list + "&limit=101", 422), ("/returns/2026-01/returns?created_at_min=now", 422),
        ] {
            let refusal = try desk.get(path, status: status)
            #expect("\(refusal.member("meta", "code")?.int ?? 0)".hasPrefix("4") && refusal["data"]?.object?.isEmpty == true)
        }
        desk.key = "returns_MESA"
        #expect(try desk.get(list, status: 401).member("meta", "type")?.string == "Unauthorized")
    }
}
