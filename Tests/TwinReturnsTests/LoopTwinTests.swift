import Crypto
import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinReturns

private let list = "/api/v1/warehouse/return/list?from=2026-11-01T00:00:00Z&to=2026-11-30T00:00:00Z&paginate=true"

@Suite("Loop's twin")
struct LoopTwinTests {
    @Test("the documented return: two units, one fee, one exchange, and what is left as a refund")
    func documented() throws {
        let desk = try ReturnsDesk(.loop)
        try desk.happens(ReturnsDesk.asked())
        #expect(try desk.get("/api/v1/warehouse/return/details?return_id=55120").text("state") == "open")
        let came = try desk.happens([
            "do": "settled", "id": "55120", "refund_id": "9001",
            "exchange": [["sku": "W-2", "title": "Widget L", "price": 4_000, "tax": 330]],
        ])
        #expect(came["refund"]?.int == 3_000)
        let back = try desk.get("/api/v1/warehouse/return/details?return_id=55120")
        #expect(back.text("state") == "closed" && back.text("return_total") == "77.94" && back.text("handling_fee") == "4.64")
        #expect(back.text("exchange_total") == "43.30" && back.text("refund") == "30.00" && back.text("upsell") == "0.00")
        #expect(back.list("refunds") == [["gateway": "shopify_payments", "amount": "30.00", "currency": "USD", "provider_refund_id": "9001"]])
        let units = back.list("line_items")
        #expect(units.count == 2 && units[0].text("price") == "40.00" && units[0].text("tax") == "2.97" && units[0].text("refund") == "38.97")
        #expect(units.map { $0.text("provider_line_item_id") } == ["1234", "1234"] && units[0].text("line_item_id") != units[1].text("line_item_id"))
    }

    @Test("credit is a gift card, a dearer new order is paid for, and a bonus says which of both it helped")
    func outcomes() throws {
        let desk = try ReturnsDesk(.loop)
        try desk.happens(ReturnsDesk.asked("1"))
        try desk.happens(["do": "settled", "id": "1", "to": "credit", "bonus": 500])
        let credit = try desk.get("/api/v1/warehouse/return/details?return_id=1")
        #expect(credit.text("gift_card") == "78.30" && credit.text("refund") == "0.00" && credit.text("return_credit_total") == "5.00")
        try desk.happens(ReturnsDesk.asked("2"))
        try desk.happens(["do": "settled", "id": "2", "bonus": 500, "exchange": [["sku": "W-3", "title": "Widget XL", "price": 9_000, "tax": 743]]])
        let dearer = try desk.get("/api/v1/warehouse/return/details?return_id=2")
        #expect(dearer.text("upsell") == "19.13" && dearer.text("exchange_credit_total") == "5.00" && dearer.list("refunds").isEmpty)
    }

    @Test("lists are by time of making or change, in pages, by state, and of 120 days at most")
    func lists() throws {
        let desk = try ReturnsDesk(.loop)
        for n in 1 ... 5 {
            try desk.happens(ReturnsDesk.asked("\(n)"))
            desk.now = desk.now + .seconds(60)
        }
        try desk.happens(["do": "settled", "id": "1"])
        let first = try desk.get(list + "&filter=updated_at&pageSize=2")
        #expect(first.list("returns").map { $0.text("id") } == ["2", "3"] && first["previousPageUrl"]?.isNull == true)
        let next = try #require(first.text("nextPageUrl"))
        #expect(next.contains("/warehouse/return/list?") && next.contains("page=2"))
        let second = try desk.get("/api/v1/warehouse/return/list?" + next.drop { $0 != "?" }.dropFirst())
        #expect(second.list("returns").map { $0.text("id") } == ["4", "5"])
        #expect(try desk.get(list + "&filter=updated_at&pageSize=2&page=3").list("returns").map { $0.text("id") } == ["1"])
        #expect(try desk.get(list + "&state=closed").list("returns").map { $0.text("id") } == ["1"])
        let wide = try desk.get("/api/v1/warehouse/return/list?from=2026-01-01T00:00:00Z&to=2026-11-30T00:00:00Z", status: 422)
        #expect(wide["errors"]?["from"] != nil)
        for odd in ["&pageSize=501", "&filter=closed_at", "&state=lost", "&page=0"] { _ = try desk.get(list + odd, status: 422) }
        #expect(try desk.get("/api/v1/warehouse/return/details", status: 422)["errors"]?["return_id"] != nil)
        #expect(try desk.get("/api/v1/warehouse/return/details?return_id=77", status: 404).member("error", "http_code")?.string == "GEN-NOT-FOUND")
    }

    @Test("a note beside a return is kept, also over a restart, changes nothing of it but when it changed, and is told by webhook") func notes() throws {
        let desk = try ReturnsDesk(.loop), path = "/api/v1/warehouse/return/55120"
        try desk.happens(ReturnsDesk.asked())
        try desk.happens(["do": "subscribes", "url": "https://intake.test/hooks/1", "topics": ["return.updated"]])
        #expect(desk.raw(path + "/notes").status == 422 && desk.raw(path + "/notes").bodyText == "\"false\"")
        let before = try desk.get("/api/v1/warehouse/return/details?return_id=55120")
        desk.now = desk.now + .seconds(60)
        let answer = desk.raw(path + "/note", .post, ["content": "Xero: credit note is posted."])
        #expect(answer.status == 200 && answer.bodyText == "\"true\"")
        #expect(desk.raw(path + "/note", .post, ["content": .string(String(repeating: "n", count: 254))]).status == 200)
        for wrong in [["content": ""], ["content": .string(String(repeating: "n", count: 255))], ["note": "x"], [:]] as [JSON] {
            let refused = desk.raw(path + "/note", .post, wrong)
            #expect(refused.status == 422 && refused.bodyText.contains("must be less than 255 characters"))
        }
        #expect(desk.raw("/api/v1/warehouse/return/77/note", .post, ["content": "x"]).status == 404)
        let notes = try desk.reopened().get(path + "/notes").list("notes")
        #expect(notes.count == 2 && notes[0].text("content") == "Xero: credit note is posted." && notes[0]["id"]?.int != nil)
        #expect(notes[0].text("created_at") == "2026-11-14T17:01:00Z")
        let after = try desk.get("/api/v1/warehouse/return/details?return_id=55120")
        #expect(after.text("updated_at") != before.text("updated_at") && after.setting("updated_at", "") == before.setting("updated_at", ""))
        #expect(desk.twin.takeWebhooks(at: desk.now, most: 9).count == 2)
    }

    @Test("a key that is unknown, may not read, or asks too often is refused, each in Loop's words")
    func refusals() throws {
        let desk = try ReturnsDesk(.loop)
        desk.key = "nobody"
        #expect(try desk.get(list, status: 401).member("error", "http_code")?.string == "GEN-UNAUTHORIZED")
        desk.key = ReturnsTwin.otherKey(of: "mesa")
        #expect(try desk.get(list, status: 403).member("error", "code")?.string == "403")
        desk.key = ReturnsTwin.key(of: "mesa")
        let calls = (0 ... LoopFace.perMinute).map { _ in desk.raw(list).status }
        #expect(calls.dropLast().allSatisfy { $0 == 200 } && calls.last == 429)
        desk.now = desk.now + .seconds(60)
        #expect(desk.raw(list).status == 200)
    }

    @Test("webhooks are signed over their bytes, only where a hook is active, and sent again until they are taken")
    func webhooks() throws {
        let desk = try ReturnsDesk(.loop)
        let made = desk.raw("/api/v1/webhooks", .post, ["topic": "return", "trigger": "return.closed", "url": "https://intake.test/x"])
        let hook = try JSON(parsing: made.body)
        #expect(made.status == 201 && hook.text("status") == "inactive")
        #expect(desk.raw("/api/v1/webhooks", .post, ["topic": "return", "trigger": "return.melted", "url": "https://intake.test/x"]).status == 422)
        try desk.happens(ReturnsDesk.asked())
        #expect(desk.twin.takeWebhooks(at: desk.now, most: 9).isEmpty)
        try desk.happens(["do": "subscribes", "url": "https://intake.test/hooks/7", "secret": "s-1"])
        try desk.happens(["do": "settled", "id": "55120"])
        let due = try #require(desk.twin.takeWebhooks(at: desk.now, most: 9).first)
        #expect(due.request.fields["X-Loop-Signature"] == Base64.encode(HMAC.sha256(key: Array("s-1".utf8), due.request.body)))
        let body = try JSON(parsing: due.request.body)
        #expect(body.text("trigger") == "return.closed" && body.text("state") == "closed" && body.text("id") == "55120")
        desk.twin.settleWebhook(due.id, status: 500, at: desk.now)
        #expect(desk.twin.takeWebhooks(at: desk.now, most: 9).isEmpty)
        let again = try #require(desk.twin.takeWebhooks(at: desk.now + .seconds(1), most: 9).first)
        #expect(again.request.body == due.request.body)
        desk.twin.settleWebhook(again.id, status: 200, at: desk.now)
        #expect(desk.twin.nextWebhook() == nil)
    }
}
