import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import Shopify

private let created = "2026-11-16T12:00:00-06:00"

/// As a webhook's order has it: the order's lines, each with the units of this fulfilment.
private func told(_ id: Int, _ lines: [(Int, Int)], status: String = "success", updated: String = created) -> JSON {
    [
        "id": .number("\(id)"), "order_id": 6120034117001, "status": .string(status), "created_at": .string(created), "updated_at": .string(updated),
        "line_items": .array(lines.map { ["id": .number("\($0.0)"), "quantity": .number("\($0.1)")] }),
    ]
}

/// The same as an answer to a query has it.
private func node(_ id: Int, _ lines: [(Int, Int)], status: String = "SUCCESS", updated: String = created) -> JSON {
    let units: [JSON] = lines.enumerated().map { n, line in
        ["id": .string("gid://shopify/FulfillmentLineItem/\(n)"), "quantity": .number("\(line.1)"), "lineItem": ["id": .string("gid://shopify/LineItem/\(line.0)")]]
    }
    return [
        "id": .string("gid://shopify/Fulfillment/\(id)"), "status": .string(status), "createdAt": .string(created), "updatedAt": .string(updated),
        "fulfillmentLineItems": ["pageInfo": ["hasNextPage": false, "endCursor": .null], "nodes": .array(units)],
    ]
}

extension Normalized {
    fileprivate var fulfilments: [SourceDocument] { documents.filter { if case .fulfilment = $0.body { true } else { false } } }
}

private func lines(_ document: SourceDocument?) -> [String] {
    guard case .fulfilment(let body)? = document?.body else { return [] }
    return body.lines.map { "\($0.line) \($0.quantity.shortest)" }
}

@Suite("Goods that left") struct FulfilmentTests {
    private func webhook(_ fulfilments: [JSON], _ topic: String = "orders/updated") throws -> Normalized {
        try normalized(topic, try fixture("us-order-webhook").setting("fulfillments", .array(fulfilments)))
    }

    private func order(_ fulfilments: [JSON]) throws -> Normalized {
        try normalized("orders", try fixture("us-order-node").setting("fulfillments", .array(fulfilments)))
    }

    @Test("each fulfilment is a note with its lines and units, dated when it was made, by webhook and by sweep alike")
    func parts() throws {
        let listed = try normalized("orders", fixture("us-order-node"))
        let line = try #require(listed.saleBody?.lines.first.flatMap { Int($0.id) })
        let hooked = try webhook([told(1, [(line, 1)]), told(2, [(line, 2)])]), swept = try order([node(1, [(line, 1)]), node(2, [(line, 2)])])
        #expect(hooked.fulfilments == swept.fulfilments && hooked.fulfilments.map(\.id) == ["1", "2"])
        #expect(lines(hooked.fulfilments.first) == ["\(line) 1"] && lines(hooked.fulfilments.last) == ["\(line) 2"])
        #expect(hooked.fulfilments.allSatisfy { $0.at == Timestamp(rfc3339: created) && $0.caseID == hooked.sale?.caseID })
        for topic in ["orders/create", "orders/paid", "orders/partially_fulfilled", "orders/fulfilled", "orders/cancelled"] {
            #expect(try webhook([told(1, [(line, 1)])], topic).fulfilments.count == 1, "\(topic)")
            #expect(connector.uses(topic: topic))
        }
        #expect(try webhook([]).fulfilments.isEmpty && listed.fulfilments.isEmpty)
        #expect(connector.tells.contains(.fulfilments))
    }

    @Test("what is being prepared has not left; what was cancelled or failed says so, newer and with a note beside that a sweep lists")
    func states() throws {
        let later = "2026-11-17T12:00:00-06:00"
        for status in ["pending", "open", "whatever"] { #expect(try webhook([told(1, [(5, 1)], status: status)]).fulfilments.isEmpty, "\(status)") }
        let left = try #require(try webhook([told(1, [(5, 1)])]).fulfilments.first)
        for status in ["cancelled", "error", "failure"] {
            let undone = try webhook([told(1, [(5, 1)], status: status, updated: later)]).fulfilments
            #expect(undone.map(\.id) == ["1", "1-undone"] && undone.allSatisfy { lines($0).isEmpty }, "\(status)")
            #expect(undone.allSatisfy { $0.version > left.version })
            #expect(try order([node(1, [(5, 1)], status: status.uppercased(), updated: later)]).fulfilments == undone)
        }
    }

    @Test("a sweep lists of fulfilments what a fetch tells of them, and reads an order whole that has many")
    func listed() throws {
        func swept(_ fulfilments: [JSON]) throws -> SweepPage {
            let bare: [JSON] = fulfilments.map { ["id": $0["id"] ?? .null, "status": $0["status"] ?? .null] }
            let row = try fixture("us-order-node").setting("refunds", []).setting("fulfillments", .array(bare))
            return try run(connector.sweep(since: Timestamp(seconds: 1_794_700_800), cursor: nil, facts)) { query, variables in
                if query.contains("orders(first") { return ["data": ["orders": ["pageInfo": ["hasNextPage": false, "endCursor": .null], "nodes": [row]]]] }
                if query.contains("{fulfillment(id") { return ["data": ["fulfillment": fulfilments.first { $0["id"] == variables["id"] } ?? .null]] }
                if query.contains("agreements(first:1,") { return ["data": ["order": ["agreements": row["agreements"] ?? .null]]] }
                return ["data": ["order": row]]
            }.get()
        }
        let some = [node(1, [(5, 1)]), node(2, [(5, 1)], status: "CANCELLED"), node(3, [], status: "OPEN")]
        let parts = try swept(some).listed.flatMap(\.parts).filter { $0.kind == "fulfilment" }.map(\.id)
        let found = try order(some).fulfilments.map(\.id)
        #expect(parts == ["1", "2", "2-undone"] && parts == found)
        let many = (1 ... 4).map { node($0, [(5, 1)]) }
        let whole = try swept(many)
        #expect(whole.listed.isEmpty && whole.records.count == 1)
        let record = try #require(whole.records.first)
        #expect(try connector.normalize(record, facts).documents.filter { $0.id.count == 1 }.map(\.id) == ["1", "2", "3", "4"])
    }

    @Test("a fulfilment with more lines than a page is followed to its end; an order cut short says nothing and is fetched")
    func followed() throws {
        let row = try fixture("us-order-node").setting("refunds", []).setting("fulfillments", [["id": "gid://shopify/Fulfillment/1"]])
        var asked: [String] = []
        let record = try #require(try run(connector.fetch("6120034117001", facts)) { query, variables in
            if query.contains("{fulfillment(id") {
                asked.append(variables["after"]?.string ?? "first")
                let first = variables["after"]?.string == nil
                return ["data": ["fulfillment": node(1, [(first ? 5 : 6, 1)]).with("fulfillmentLineItems.pageInfo", ["hasNextPage": .bool(first), "endCursor": .string(first ? "c1" : "c2")])]]
            }
            if query.contains("agreements(first:1,") { return ["data": ["order": ["agreements": row["agreements"] ?? .null]]] }
            return ["data": ["order": row]]
        }.get())
        #expect(asked == ["first", "c1"])
        let found = try connector.normalize(record, facts).documents.first { $0.id == "1" }
        #expect(lines(found) == ["5 1", "6 1"])
        let cut = try normalized("orders", row)
        #expect(cut.documents.isEmpty && cut.fetch == ["6120034117001"])
    }

    @Test("a fulfilment that can't be read names its place")
    func unreadable() throws {
        let fulfilment = told(1, [(5, 1)])
        for (path, value) in [("created_at", JSON.string("soon")), ("id", .null), ("line_items.0.quantity", "many"), ("line_items.0.id", .null), ("status", .null)] {
            let body = try fixture("us-order-webhook").setting("fulfillments", [fulfilment.with(path, value)])
            #expect(fault("orders/updated", body)?.code == "unreadable_record", "\(path)")
        }
    }
}
