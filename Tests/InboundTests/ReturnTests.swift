import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import Inbound

@Suite("Returns by the contract")
struct ReturnTests {
    private func told(_ event: JSON) throws -> GoodsReturn {
        let first = try #require(try documents(event, returns).first)
        guard case .goodsReturn(let back) = first.body else { throw Fault("no_return", stage: .normalize, disposition: .bug, summary: "no return") }
        return back
    }

    @Test("a closed return is read whole, and its exchange is a sale of its own")
    func whole() throws {
        let event = try example("return"), found = try documents(event, returns)
        #expect(found.map(\.id) == ["return:RT-77", "exchange:RT-77"] && found.map(\.caseID) == ["O-1042", "exchange:RT-77"])
        let back = try told(event), how = try #require(back.settlement)
        #expect(back.lines.map(\.disposition) == ["restock", "write_off"] && back.lines.map(\.reasonCode) == ["too_small", "arrived_broken"])
        #expect(how.total == Money(minor: 7_830, .usd) && how.bonus == Money(minor: 500, .usd) && how.creditBonus == how.bonus && how.shipping.count == 1)
    }

    @Test("only a closed return has money; a deleted one ends")
    func states() throws {
        for status in ["open", "cancelled"] {
            let back = try told(try example("return").changing("data", "status", to: .string(status)))
            #expect(back == GoodsReturn(state: status, refundRef: nil, lines: [], fees: []))
        }
        #expect(try told(try example("return_deleted")).state == "cancelled")
        #expect(findings(try example("return").changing("data", "status", to: "melted"), returns) == ["/data/status"])
    }

    @Test(
        "sums that do not agree are refused",
        arguments: [("total", "82.95"), ("exchanged", "43.31"), ("store_credit", "5.01"), ("bonus", "4.99"), ("gift_card", "1.00"), ("shopper_pays", "1.00")])
    func sums(member: String, value: String) throws {
        #expect(refusal(try example("return").changing("data", member, to: .string(value)), returns)?.code == "unbalanced_record")
    }

    @Test("the new order is told by its id or by its lines, not by both; a unit is told once")
    func exclusive() throws {
        #expect(refusal(try example("return").changing("data", "exchange_order", to: "X-1"), returns)?.position == "/data/exchange_lines")
        #expect(refusal(try example("return").changing("data", "lines", "1", "id", to: "U1"), returns)?.position == "/data/lines/1/id")
        let named = try example("return").changing("data", "exchange_lines", to: nil).changing("data", "exchange_order", to: "X-1")
        #expect(try documents(named, returns).count == 1 && told(named).settlement?.exchangeOrder == "X-1")
    }

    @Test("other systems' objects are none of it")
    func profile() throws {
        #expect(findings(try example("invoice"), returns) == ["/type"])
        #expect(findings(try example("return"), erp) == ["/type"])
    }
}
