import Kernel
import Testing
import TwinKit
import Wire

@testable import TwinReturns

@Suite("What happens in a store's returns")
struct ReturnsWorldTests {
    @Test("a restart finds everything as it was, with the webhooks that wait", arguments: ReturnsTwin.Platform.allCases)
    func restart(platform: ReturnsTwin.Platform) throws {
        let desk = try ReturnsDesk(platform)
        try desk.happens(["do": "subscribes", "url": "https://intake.test/hooks/7"])
        try desk.happens(ReturnsDesk.asked())
        try desk.happens(["do": "settled", "id": "55120", "refund_id": "9001"])
        let again = try desk.reopened()
        #expect(again.twin.expectedMoney() == desk.twin.expectedMoney())
        #expect(again.twin.takeWebhooks(at: again.now, most: 9).map(\.request.body) == desk.twin.takeWebhooks(at: desk.now, most: 9).map(\.request.body))
        #expect(again.refuses(ReturnsDesk.asked()) == "id")
    }

    @Test("what the twin gave back is what its lines, fee and bonus come to")
    func money() throws {
        let desk = try ReturnsDesk(.loop)
        for id in ["1", "2"] {
            try desk.happens(ReturnsDesk.asked(id))
            try desk.happens(["do": "settled", "id": .string(id)])
        }
        let day = LocalDate(daysSince1970: 20_771)
        #expect(desk.twin.expectedMoney() == [ExpectedMoney(account: "mesa", isLive: true, day: day, currency: "USD", kind: .refund, minor: -14_660, count: 2)])
        try desk.happens(["do": "corrected", "id": "2", "fee": 0])
        #expect(desk.twin.expectedMoney().map(\.minor) == [-15_124])
    }

    @Test("what can't happen is refused, names the place, and changes nothing")
    func refused() throws {
        let desk = try ReturnsDesk(.loop)
        try desk.happens(ReturnsDesk.asked())
        let cases: [(JSON, String)] = [
            (["do": "melts", "id": "55120"], "do"), (["do": "settled", "id": "1"], "id"), (["do": "corrected", "id": "55120"], "id"),
            (["do": "settled", "id": "55120", "fee": 90_000], "fee"), (["do": "settled", "id": "55120", "to": "the moon"], "to"),
            (["do": "requested", "order": "1"], "lines"), (["do": "requested", "lines": []], "order"),
            (["do": "requested", "order": "1", "lines": [["line": "1", "quantity": 0]]], "lines[0].quantity"),
            (["do": "requested", "order": "1", "lines": [["price": 100]]], "lines[0].line"),
            (["do": "requested", "order": "1", "lines": [["line": "1", "price": 100, "discount": 101]]], "lines[0]"),
            (["do": "subscribes", "url": "http://intake.test/"], "url"),
        ]
        let before = try desk.get("/api/v1/warehouse/return/details?return_id=55120")
        for (happening, place) in cases { #expect(desk.refuses(happening) == place, "\(happening.text)") }
        #expect(try desk.get("/api/v1/warehouse/return/details?return_id=55120") == before)
        #expect(throws: Fault.self) { try desk.twin.happen(ReturnsDesk.asked().setting("store", "Mesa!"), at: desk.now) }
        try desk.happens(["do": "settled", "id": "55120"])
        #expect(desk.refuses(["do": "cancelled", "id": "55120"]) == "id")
    }
}
