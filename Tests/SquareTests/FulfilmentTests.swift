import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import Square

private func part(_ uid: String, _ state: String, _ more: JSON = [:]) -> JSON {
    var out: JSON = ["uid": .string(uid), "type": "SHIPMENT", "state": .string(state)]
    for (key, value) in more.object ?? [] { out = out.setting(key, value) }
    return out
}

private func shipped(_ time: String) -> JSON { ["shipment_details": ["shipped_at": .string(time)]] }

private func units(_ entries: [(String, String)], _ more: JSON = [:]) -> JSON {
    more.setting("line_item_application", "ENTRY_LIST")
        .setting("entries", .array(entries.map { ["line_item_uid": .string($0.0), "quantity": .string($0.1)] }))
}

private func left(_ found: Normalized) -> [String] {
    found.documents.compactMap { document in
        guard case .fulfilment(let body) = document.body else { return nil }
        return "\(document.id.split(separator: "-", maxSplits: 1).last ?? "") " + body.lines.map { "\($0.line):\($0.quantity.shortest)" }.joined(separator: ",")
    }
}

@Suite("Goods that were handed over") struct FulfilmentTests {
    private func first() throws -> [(uid: String, quantity: String)] {
        (try fixture("order").member("order", "line_items")?.array ?? []).map { ($0["uid"]?.string ?? "", $0["quantity"]?.string ?? "") }
    }

    private func order(_ fulfilments: [JSON], state: String = "COMPLETED", _ settings: [String: String] = [:]) throws -> Normalized {
        try normalized("order", try fixture("order").changing("order", "fulfillments", to: .array(fulfilments)).changing("order", "state", to: .string(state)), settings)
    }

    @Test("what a till sells leaves with its money, charges too; so does a payment without an order")
    func till() throws {
        let found = try normalized("order", fixture("dinner"))
        #expect(left(found) == ["completed d1:3,d2:0.375,s1:1,s2:1"])
        let paid = found.documents.filter { if case .payment = $0.body { true } else { false } }.map(\.at).min()
        let at = found.documents.first { if case .fulfilment = $0.body { true } else { false } }?.at
        #expect(at == paid)
        var policies = Policies()
        policies.saleTrigger = .fulfilled
        #expect(plans(found.documents, policies).map(\.form).filter { $0 == .invoice }.count == 1 && plans(found.documents, policies).flatMap(\.findings).isEmpty)
        #expect(left(try normalized("payment", fixture("payment"))).map { $0.hasSuffix("payment:1") } == [true])
    }

    @Test("each completed fulfilment is what it names, on its own day; the rest leaves when the order is closed")
    func parts() throws {
        let lines = try first(), (a, b) = (lines[0], lines[1])
        let found = try order([part("F1", "COMPLETED", units([(a.uid, a.quantity)], shipped("2026-11-12T09:00:00Z")))])
        #expect(left(found) == ["fulfilment-F1 \(a.uid):\(a.quantity)", "completed \(b.uid):\(b.quantity)"])
        let times = found.documents.compactMap { if case .fulfilment = $0.body { $0.at } else { nil } }
        #expect(times == [Timestamp(rfc3339: "2026-11-12T09:00:00Z"), Timestamp(rfc3339: "2026-11-14T17:20:48.910Z")])
        #expect(left(try order([part("F1", "COMPLETED")])) == ["fulfilment-F1 \(a.uid):\(a.quantity),\(b.uid):\(b.quantity)"], "all of it")
        #expect(left(try order([part("F1", "CANCELED", units([(a.uid, a.quantity)]))])) == ["completed \(b.uid):\(b.quantity)"], "what was cancelled never left")
    }

    @Test("an order that is paid and open has left as far as its fulfilments are completed", arguments: ["PROPOSED", "RESERVED", "PREPARED", "FAILED"])
    func open(_ state: String) throws {
        let lines = try first()
        let found = try order(
            [part("F1", "COMPLETED", units([(lines[0].uid, "1")], shipped("2026-11-15T09:00:00Z"))), part("F2", state)], state: "OPEN", ["post": "paid"])
        #expect(left(found) == ["fulfilment-F1 \(lines[0].uid):1"])
        #expect(left(try order([part("F1", state)], state: "OPEN", ["post": "paid"])) == [])
    }

    @Test("the time of a pick-up or delivery is its own; where none is stated it is the order's last change")
    func times() throws {
        func time(_ more: JSON) throws -> Timestamp? {
            try order([part("F1", "COMPLETED", more)]).documents.first { $0.id.hasSuffix("F1") }?.at
        }
        #expect(try time(["pickup_details": ["picked_up_at": "2026-11-13T09:00:00Z"]]) == Timestamp(rfc3339: "2026-11-13T09:00:00Z"))
        #expect(try time(["delivery_details": ["completed_at": "2026-11-13T10:00:00Z"]]) == Timestamp(rfc3339: "2026-11-13T10:00:00Z"))
        #expect(try time([:]) == Timestamp(rfc3339: "2026-11-14T17:20:49Z"))
        #expect(refusal("order", try fixture("order").changing("order", "fulfillments", to: [part("F1", "COMPLETED", units([("", "1")]))]))?.code == "unreadable_record")
        #expect(SquareConnector().tells.contains(.fulfilments))
    }
}
