import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import Returns

@Suite("AfterShip Returns")
struct AfterShipTests {
    @Test("a return that is done says units, reason, fee and refund; what lines are worth follows from the order")
    func done() throws {
        let found = try documents(fixture("aftership-done"), afterShip)
        #expect(found.count == 1 && found[0].caseID == "5512345678901" && found[0].at == Timestamp(rfc3339: "2026-11-08T09:00:10Z"))
        let back = try told(fixture("aftership-done"), afterShip)
        #expect(back.state == "closed" && back.refundRef == "9001")
        #expect(back.lines == [ReturnedLine(line: "1234", quantity: ExactDecimal(2), reasonCode: "too_small", disposition: "restock")])
        #expect(back.fees == [ReturnFee(id: "cost_of_return", kind: .returnShipping, amount: usd(464))])
        #expect(back.settlement?.total == usd(7_330) && back.settlement?.refunds.map(\.amount) == [usd(7_330)])
    }

    @Test("store credit and a bonus pay for an exchange; what they do not cover the customer pays")
    func exchange() throws {
        let how = try #require(try told(fixture("aftership-exchange"), afterShip).settlement)
        // 73.30 of value and 10.00 of bonus make 5.00 of credit and 90.00 of goods, so 11.70 came from the customer.
        #expect(how.storeCredit == usd(500) && how.storeCreditRef == "SC-9" && how.exchanged == usd(9_000) && how.shopperPays == usd(1_170))
        #expect(how.bonus == usd(1_000) && how.exchangeBonus == usd(500) && how.creditBonus == usd(500) && how.exchangeOrder == "5512345678999")
    }

    @Test("before it is done a return has no money; rejected and expired nothing comes of it")
    func states() throws {
        for (word, state) in [("submitted", "open"), ("approved", "open"), ("rejected", "cancelled"), ("expired", "cancelled")] {
            let back = try told(fixture("aftership-submitted").setting("approval_status", .string(word)), afterShip)
            #expect(back == GoodsReturn(state: state, refundRef: nil, lines: [], fees: []), "\(word)")
        }
    }

    @Test("a settlement that is not what the return is worth holds it, and so does another currency")
    func unbalanced() throws {
        let less = try fixture("aftership-done").setting("return_total_including_tax", ["amount": "70.00", "currency": "USD"])
        #expect(refusal(less, afterShip)?.code == "unbalanced_record")
        let other = try fixture("aftership-done").setting("return_total_including_tax", ["amount": "77.94", "currency": "EUR"])
        #expect(refusal(other, afterShip)?.code == "unreadable_record")
    }

    @Test("units that were received and not put back are written off")
    func damaged() throws {
        var item = try #require(try fixture("aftership-done")["return_items"]?[0])
        item = item.setting("restocked_quantity", 0)
        #expect(try told(fixture("aftership-done").setting("return_items", .array([item])), afterShip).lines.first?.disposition == "write_off")
        #expect(try told(fixture("aftership-done").setting("return_items", .array([item.setting("refund_quantity", 0)])), afterShip).lines.isEmpty)
    }

    @Test("a refusal under a good status is one, and its list reaches back because it is by when returns were made")
    func answers() throws {
        let (_, calls) = asked(afterShip.sweep(since: Timestamp(seconds: 1_794_700_800), cursor: nil, facts()), [])
        let call = try #require(calls.first)
        #expect(call.request.target == "/returns/2026-01/returns?created_at_min=2026-08-17T00%3A00%3A00Z&limit=100")
        func verdict(_ code: Int) -> Verdict { afterShip.judge(HTTPResponse(200, body: JSON.object([("meta", ["code": .number("\(code)")])]).bytes), to: call) }
        #expect(verdict(200) == .accepted && verdict(20_000) == .accepted)
        if case .rejected = verdict(42_200) {} else { Issue.record("taken for a success") }
    }

    @Test("calls that are left in AfterShip's second are read from its headers, and from no others")
    func readings() {
        #expect(afterShip.readings(HTTPResponse(200, fields: ["x-ratelimit-limit": "10", "x-ratelimit-remaining": "7"])) == [BudgetReading(name: "second", remaining: 7)])
        for odd in ["", "-1", "many"] { #expect(afterShip.readings(HTTPResponse(200, fields: ["x-ratelimit-remaining": odd])).isEmpty) }
        #expect(afterShip.readings(HTTPResponse(200)).isEmpty)
        #expect(loop.readings(HTTPResponse(200, fields: ["x-ratelimit-remaining": "7"])).isEmpty)
    }

    @Test("settings have the values they can have")
    func settings() throws {
        for bad in [["exchanges": "perhaps"], ["fee": "tip"], ["page_rows": "0"], ["page_rows": "x"]] {
            #expect(refusal(try fixture("aftership-done"), afterShip, bad)?.code == "invalid_setting")
        }
        #expect(try told(fixture("aftership-done"), afterShip, ["fee": "restocking"]).fees.first?.kind == .restocking)
    }
}
