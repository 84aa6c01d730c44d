import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import WooCommerce

@Suite("Notes beside orders") struct ReflectTests {
    private func state(_ order: String = "1042", _ state: ReflectedState.State = .paid, number: Int = 2) throws -> ReflectedState {
        ReflectedState(
            key: try #require(PostKey("0123456789abcdef")), number: number, subject: order, caseID: order, form: .invoice, reference: "order \(order)",
            ledger: "QuickBooks Online", remoteID: "145", state: state, total: Money(minor: 6_689, .usd), paid: state == .paid ? Money(minor: 6_689, .usd) : nil,
            date: try #require(LocalDate("2026-11-14")))
    }

    private func told(_ state: ReflectedState, _ settings: [String: String] = [:], _ answer: (String) -> HTTPResponse) throws -> Played<PostOutcome> {
        play(try #require(connector.reflect(state, attempt: "a", facts(settings))), answer)
    }

    private static let words = "QuickBooks Online: invoice for order 1042, 66.89 USD, 2026-11-14, was paid there: 66.89 USD. [counterfoil:0123456789abcdef.2]"

    @Test("a private note is written where none has its mark, with what people read first")
    func written() throws {
        var asked = 0
        let played = try told(try state()) { _ in
            asked += 1
            return asked == 1 ? .json(200, [["id": 7, "note": "Payment to be made [counterfoil:0123456789abcdef.1]"]]) : .json(201, ["id": 8])
        }
        #expect(played.output == .posted(remoteID: "8", version: nil))
        #expect(played.calls.map(\.kind) == [.read, .write])
        #expect(played.paths == ["/wp-json/wc/v3/orders/1042/notes", "/wp-json/wc/v3/orders/1042/notes"])
        let body = try JSON(parsing: played.calls[1].request.body)
        #expect(body["note"]?.string == Self.words && body["customer_note"]?.bool == false)
    }

    @Test("a note that is there already is found by its mark and not written again")
    func found() throws {
        let played = try told(try state()) { _ in .json(200, [["id": 9, "note": .string(Self.words)]]) }
        #expect(played.output == .posted(remoteID: "9", version: nil) && played.calls.count == 1)
        // Twenty is not two.
        let other = try told(try state(number: 20)) { target in target.contains("?") ? .json(200, [["id": 9, "note": .string(Self.words)]]) : .json(201, ["id": 10]) }
        #expect(other.output == .posted(remoteID: "10", version: nil))
    }

    @Test("what can't be told is said: an order that is gone, an answer without an id, a shop that breaks")
    func wrong() throws {
        let gone = try told(try state()) { _ in .json(404, ["code": "woocommerce_rest_order_invalid_id", "message": "Invalid order ID.", "data": ["status": 404]]) }
        guard case .rejected(let fault)? = gone.output else { return #expect(Bool(false), "\(gone.end)") }
        #expect(fault.code == "order_gone")
        let vague = try told(try state()) { target in target.contains("?") ? .json(200, []) : .json(201, [:]) }
        guard case .unknown? = vague.output else { return #expect(Bool(false), "\(vague.end)") }
        let broken = try told(try state()) { target in target.contains("?") ? .json(200, []) : HTTPResponse(500) }
        guard case .outcomeUnknown? = broken.verdict else { return #expect(Bool(false), "\(broken.end)") }
    }

    @Test("a key that may only read is no dead key: the note is refused, and reading goes on", arguments: [401, 403])
    func readOnly(status: Int) throws {
        let answer = HTTPResponse.json(status, ["code": "woocommerce_rest_cannot_create", "message": "Sorry, you are not allowed to create resources.", "data": ["status": .number("\(status)")]])
        let played = try told(try state()) { target in target.contains("?") ? .json(200, []) : answer }
        guard case .rejected(let fault)? = played.verdict else { return #expect(Bool(false), "\(played.end)") }
        #expect(fault.code == "write_denied" && fault.remedy.contains("Read/Write"))
        guard case .reauthorize = connector.judge(answer, to: Call(.read, HTTPRequest(.get, "/x"))) else { return #expect(Bool(false)) }
    }

    @Test("plain permalinks take the route in the query, and what is no order has no place")
    func places() throws {
        let played = try told(try state(), ["permalinks": "plain"]) { target in target.contains("&_=") ? .json(200, []) : .json(201, ["id": 3]) }
        #expect(played.targets[1] == "/?rest_route=/wc/v3/orders/1042/notes")
        #expect(connector.reflect(try state("deposit-7"), attempt: "a", facts()) == nil)
        #expect(connector.reflectionPlace == .written)
    }

    @Test("each state has words of its own, and is read again as it was written", arguments: ReflectedState.State.allCases)
    func states(one: ReflectedState.State) throws {
        let told = try state("1042", one)
        #expect(try ReflectedState(told.json, number: 2) == told)
        #expect(told.words.hasPrefix("QuickBooks Online: invoice for order 1042, 66.89 USD, 2026-11-14, "))
        #expect(throws: Fault.self) { try ReflectedState(told.json.setting("total", "66.891"), number: 1) }
    }
}
