import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import Shopify

@Suite("Lines beside orders") struct ReflectTests {
    private static let key = "0123456789abcdef"

    private func state(_ order: String = "6120034117000", _ state: ReflectedState.State = .paid, number: Int = 2, key: String = key, name: String = "order 1042") throws -> ReflectedState {
        ReflectedState(
            key: try #require(PostKey(key)), number: number, subject: order, caseID: order, form: .invoice, reference: name, ledger: "QuickBooks Online",
            remoteID: "145", state: state, total: usd("66.89"), paid: state == .paid ? usd("66.89") : nil, date: try #require(LocalDate("2026-11-14")))
    }

    /// `value` stands in the metafield; `nil` for none.
    private func there(_ value: String?) -> HTTPResponse {
        .json(200, ["data": ["order": [
            "id": "gid://shopify/Order/6120034117000",
            "metafield": value.map { ["id": "gid://shopify/Metafield/7", "value": .string($0), "compareDigest": "d1"] } ?? .null,
        ]]])
    }

    private static let set = HTTPResponse.json(200, ["data": ["metafieldsSet": ["metafields": [["id": "gid://shopify/Metafield/8"]], "userErrors": []]]])

    private func refused(_ code: String) -> HTTPResponse {
        .json(200, ["data": ["metafieldsSet": ["metafields": [], "userErrors": [["field": ["metafields", "0", "value"], "message": "no", "code": .string(code)]]]]])
    }

    private func tell(_ state: ReflectedState, _ answers: [HTTPResponse]) throws -> (end: Ended<PostOutcome>, calls: [Call]) {
        connector.drive(try #require(connector.reflect(state, attempt: "a", facts)), answers)
    }

    private func field(_ call: Call) throws -> JSON { try #require(try JSON(parsing: call.request.body).member("variables", "metafields")?[0]) }

    private static let line = "QuickBooks Online: invoice for order 1042, 66.89 USD, 2026-11-14, was paid there: 66.89 USD. [counterfoil:0123456789abcdef.2]"

    @Test("the first line is written where nothing is, and only where nothing is") func first() throws {
        let (end, calls) = try tell(try state(), [there(nil), Self.set])
        #expect(end.output == .posted(remoteID: "gid://shopify/Metafield/8", version: nil))
        #expect(calls.map(\.kind) == [.read, .write] && calls.map { $0.cost["points"] } == [2, 10])
        let field = try field(calls[1])
        #expect(field == [
            "ownerId": "gid://shopify/Order/6120034117000", "namespace": "counterfoil", "key": "ledger", "type": "multi_line_text_field", "value": .string(Self.line),
            "compareDigest": .null,
        ])
        // Nothing of the order's own is touched.
        let text = String(decoding: calls[1].request.body, as: UTF8.self)
        for word in ["orderUpdate", "tagsAdd", "note"] { #expect(!text.contains(word)) }
    }

    @Test("a line that is there already is found by its mark and not written again; twenty is not two") func found() throws {
        let (end, calls) = try tell(try state(), [there("of a person\n\(Self.line)")])
        #expect(end.output == .posted(remoteID: "gid://shopify/Metafield/7", version: nil) && calls.count == 1)
        let twentieth = try tell(try state(number: 20), [there(Self.line), Self.set])
        #expect(twentieth.calls.count == 2)
        let second = try tell(try state(), [there(Self.line.replacing(".2]", with: ".20]")), Self.set])
        #expect(second.calls.count == 2)
    }

    @Test("a later state takes the place of the document's own line, over what was read; lines of others and of people stay as they are") func replaced() throws {
        let other = "QuickBooks Online: credit note for order 1042, 5.00 USD, 2026-11-15, is posted. [counterfoil:fedcba9876543210.1]"
        let value = "[counterfoil:0123456789abcdef.1] by hand, mark first\nold words [counterfoil:0123456789abcdef.1]\n\n\(other)"
        let (_, calls) = try tell(try state(), [there(value), Self.set])
        let field = try field(calls[1])
        #expect(field["value"]?.string == "[counterfoil:0123456789abcdef.1] by hand, mark first\n\(Self.line)\n\n\(other)")
        #expect(field["compareDigest"] == "d1")
    }

    @Test("who wrote meanwhile is not written over: the outcome is open, and the next look begins with what is there", arguments: ["STALE_OBJECT", "INTERNAL_ERROR"])
    func crossed(code: String) throws {
        let (end, _) = try tell(try state(), [there(nil), refused(code)])
        guard case .outcomeUnknown(let fault)? = end.verdict else { return #expect(Bool(false), "\(end)") }
        #expect(fault.code == "outcome_unknown")
        #expect(try tell(try state(), [there(Self.line)]).calls.count == 1)
        #expect(connector.spec.idempotency.searchable && connector.spec.idempotency.findSettles > .zero)
    }

    @Test("throttled inside a 200 waits and is no refusal; a torn answer leaves the outcome open") func wrong() throws {
        let throttled = HTTPResponse.json(200, [
            "errors": [["message": "Throttled", "extensions": ["code": "THROTTLED"]]],
            "extensions": ["cost": [
                "requestedQueryCost": 10, "actualQueryCost": .null,
                "throttleStatus": ["maximumAvailable": .number("2000.0"), "currentlyAvailable": 4, "restoreRate": .number("100.0")],
            ]],
        ])
        for answers in [[throttled], [there(nil), throttled]] {
            guard case .throttled(let after, let bucket)? = try tell(try state(), answers).end.verdict else { return #expect(Bool(false)) }
            #expect(after == .milliseconds(60) && bucket == "points")
        }
        for answer in [HTTPResponse(502), HTTPResponse(200), HTTPResponse.json(200, ["data": .null]) ] {
            let end = try tell(try state(), [there(nil), answer]).end
            let isOpen = if case .outcomeUnknown? = end.verdict { true } else if case .unknown? = end.output { true } else { false }
            #expect(isOpen, "\(end)")
        }
        guard case .unknown? = try tell(try state(), [there(nil), .json(200, ["data": ["metafieldsSet": ["metafields": [], "userErrors": []]]])]).end.output else {
            return #expect(Bool(false))
        }
        // Half an answer to the look is no "nothing is there".
        for half: JSON in [["data": [:]], ["data": ["order": ["metafield": ["id": "m", "value": "x"]]]], ["data": ["order": ["metafield": ["id": "m", "compareDigest": "x"]]]]] {
            let (end, calls) = try tell(try state(), [.json(200, half)])
            #expect(end.fault?.code == "unreadable_answer" && calls.count == 1, "\(half)")
        }
    }

    @Test("a token that may only read is no dead token: the line is refused, and reading goes on") func readOnly() throws {
        let denied = HTTPResponse.json(200, ["errors": [["message": "Access denied", "extensions": ["code": "ACCESS_DENIED"], "path": ["metafieldsSet"]]], "data": ["metafieldsSet": .null]])
        for answer in [denied, HTTPResponse.json(403, ["errors": "[API] This action requires merchant approval for write_orders scope."]), refused("APP_NOT_AUTHORIZED")] {
            guard case .rejected(let fault)? = try tell(try state(), [there(nil), answer]).end.verdict else { return #expect(Bool(false)) }
            #expect(fault.code == "write_denied" && fault.remedy.contains("write_orders"))
        }
        guard case .reauthorize? = try tell(try state(), [denied]).end.verdict else { return #expect(Bool(false)) }
        guard case .rejected(let fault)? = try tell(try state(), [there(nil), refused("INVALID_TYPE")]).end.verdict else { return #expect(Bool(false)) }
        #expect(fault.summary.contains("INVALID_TYPE"))
    }

    @Test("what is no order has no place; one that is gone, and a field that is full, are said") func places() throws {
        for id in ["payout-7", "0", "-1", "007", "", "6120034117000\"){x}"] { #expect(connector.reflect(try state(id), attempt: "a", facts) == nil, "\(id)") }
        #expect(connector.reflectionPlace == .written)
        guard case .rejected(let gone)? = try tell(try state(), [.json(200, ["data": ["order": .null]])]).end.output else { return #expect(Bool(false)) }
        #expect(gone.code == "order_gone")
        let (full, calls) = try tell(try state(), [there(String(repeating: "x", count: OrderLines.bytes))])
        guard case .rejected(let fault)? = full.output else { return #expect(Bool(false)) }
        #expect(fault.code == "place_full" && calls.count == 1)
    }

    @Test("words of people make no line of their own, no mark, and never cut the mark off") func odd() throws {
        let name = "order\n1042 [counterfoil:fedcba9876543210.1]\u{2028}" + String(repeating: "é", count: 900)
        let (_, calls) = try tell(try state(name: name), [there(nil), Self.set])
        let value = try #require(try field(calls[1])["value"]?.string)
        #expect(!value.contains(where: \.isNewline) && value.hasSuffix(" [counterfoil:0123456789abcdef.2]") && value.count < 600)
        // The other document's line is not taken for said.
        let other = try tell(try state(number: 1, key: "fedcba9876543210"), [there(value), Self.set])
        #expect(try field(other.calls[1])["value"]?.string?.hasPrefix(value + "\n") == true)
    }

    @Test("what the write makes the shop say is the order as it was, one version newer") func echo() throws {
        let before = try fixture("us-order-webhook", file: #filePath)
        let after = before.setting("updated_at", "2026-12-01T10:00:00-08:00")
        let (first, second) = (try normalized("orders/updated", before), try normalized("orders/updated", after))
        #expect(!first.documents.isEmpty && first.documents.count == second.documents.count)
        for (one, two) in zip(first.documents, second.documents) {
            #expect(one.id == two.id && one.body == two.body && one.version <= two.version)
        }
    }
}
