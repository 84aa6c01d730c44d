import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import Shopify

private func page(_ nodes: [JSON], next: String? = nil) -> JSON {
    ["pageInfo": ["hasNextPage": .bool(next != nil), "endCursor": .optional(next)], "nodes": .array(nodes)]
}

/// An order as a page has it: its refunds and agreements by name only.
private func listed(_ node: JSON) -> JSON {
    let refunds: [JSON] = (node["refunds"]?.array ?? []).map { ["id": $0["id"] ?? .null] }
    let agreements: [JSON] = (node.member("agreements", "nodes")?.array ?? []).map {
        [
            "__typename": $0["__typename"] ?? .null, "id": $0["id"] ?? .null, "happenedAt": $0["happenedAt"] ?? .null,
            "sales": page($0.member("sales", "nodes")?.array?.isEmpty ?? true ? [] : [["id": "gid://shopify/Sale/1"]]),
        ]
    }
    return node.with("refunds", .array(refunds)).with("agreements", page(agreements))
}

private let since = Timestamp(seconds: 1_794_700_800)

@Suite struct StreamTests {
    @Test("a sweep asks for changes since five minutes before its start and hands on the cursor")
    func sweepStart() throws {
        var seen: [JSON] = []
        for cursor in [nil, "c1"] {
            let result = try run(connector.sweep(since: since, cursor: cursor, facts)) { _, variables in
                seen.append(variables)
                return ["data": ["orders": page([], next: cursor == nil ? "c1" : nil)]]
            }
            let swept = try result.get()
            #expect(swept.records.isEmpty)
            #expect(swept.next == (cursor == nil ? "c1" : nil))
            #expect(swept.watermark == nil)
        }
        #expect(seen[0]["query"]?.string == "updated_at:>='\(since - .seconds(300))'")
        #expect(seen[0]["after"]?.isNull == true)
        #expect(seen[1]["after"]?.string == "c1")
    }

    @Test("a sweep lists each order by its parts, and reads none of them")
    func listing() throws {
        var calls = 0
        let nodes = try ["us-order-node", "edited-order-node", "cancelled-order-node"].map { listed(try fixture($0)) }
        let swept = try run(connector.sweep(since: since, cursor: nil, facts)) { _, _ in
            calls += 1
            return ["data": ["orders": page(nodes)]]
        }.get()
        #expect(calls == 1)
        #expect(swept.records.isEmpty)
        #expect(swept.listed.map(\.id) == ["6120034117001", "6120034117002", "6120034117004"])
        #expect(
            swept.listed[2].parts.map { "\($0.kind) \($0.id)" } == [
                "sale 6120034117004", "payment 7300400500401", "payment 7300400500402",
                "cancellation 6120034117004-cancelled",
            ])
        #expect(
            swept.watermark == nodes.compactMap { $0["updatedAt"]?.string.flatMap { Timestamp(rfc3339: $0) } }.max())
    }

    @Test("what a sweep lists of an order is what a fetch of it tells, part for part")
    func listedIsTold() throws {
        for name in ["us-order-node", "edited-order-node", "eur-order-node", "cancelled-order-node"] {
            let node = try fixture(name)
            let swept = try run(connector.sweep(since: since, cursor: nil, facts), shop(node)).get()
            let told = try normalized("orders", node).documents.map { document in
                switch document.body {
                case .sale: "sale \(document.id)"
                case .payment: "payment \(document.id)"
                case .refund: "refund \(document.id)"
                case .edit: "edit \(document.id)"
                default: "cancellation \(document.id)"
                }
            }
            #expect(swept.listed.count == 1)
            #expect(Set(swept.listed[0].parts.map { "\($0.kind) \($0.id)" }) == Set(told), "\(name)")
        }
    }

    @Test("tests, open attempts and edits that sold nothing are not listed: nothing would ever be known of them")
    func unlisted() throws {
        func parts(_ node: JSON) throws -> [String] {
            try run(connector.sweep(since: since, cursor: nil, facts)) { _, _ in ["data": ["orders": page([node])]] }
                .get().listed.flatMap(\.parts).map { "\($0.kind) \($0.id)" }
        }
        let node = listed(try fixture("edited-order-node"))
        let plain = try parts(node)
        #expect(try parts(node.with("test", true)).isEmpty)
        for (path, value) in [
            ("status", JSON.string("PENDING")), ("test", true), ("kind", "CHANGE"), ("kind", "REFUND"),
        ] {
            #expect(try parts(node.with("transactions.0.\(path)", value)).count == plain.count - 1)
        }
        let empty = try parts(node.with("agreements.nodes.2.sales", page([])))
        // The second edit keeps its number.
        #expect(plain.filter { $0.hasPrefix("edit") } == ["edit 6120034117002-edit-1", "edit 6120034117002-edit-2"])
        #expect(empty.filter { $0.hasPrefix("edit") } == ["edit 6120034117002-edit-2"])
    }

    @Test(
        "a part without an id and an edit without its time make the sweep try again",
        arguments: [
            ("id", JSON.string("")), ("transactions.0.id", .null), ("agreements.nodes.1.happenedAt", "yesterday"),
        ])
    func unreadable(_ path: String, _ value: JSON) throws {
        let node = listed(try fixture("edited-order-node")).with(path, value)
        let swept = try run(connector.sweep(since: since, cursor: nil, facts)) { _, _ in
            ["data": ["orders": page([node])]]
        }
        guard case .failure(let fault) = swept else {
            Issue.record("accepted")
            return
        }
        #expect(fault.code == "unreadable_answer")
        #expect(fault.disposition == .retry)
    }

    @Test("two states of one second are two deliveries, the same state is one")
    func deliveryID() throws {
        func id(_ node: JSON) throws -> String? {
            try run(connector.fetch("6120034117004", facts)) { _, _ in ["data": ["order": node]] }.get()?.deliveryID
        }
        let node = listed(try fixture("cancelled-order-node"))
        #expect(try id(node)?.hasPrefix("fetch/gid://shopify/Order/6120034117004/2026-11-14T20:00:00Z/") == true)
        #expect(try id(node) == id(node))
        #expect(try id(node) != id(node.with("poNumber", "PO-1")))
    }

    @Test("a plain order is one record of its exact bytes")
    func exactBytes() throws {
        let node = listed(try fixture("cancelled-order-node"))
        let record = try #require(
            try run(connector.fetch("6120034117004", facts)) { _, _ in ["data": ["order": node]] }.get())
        #expect(record.topic == "orders")
        #expect(record.body == node.bytes)
        #expect(try connector.normalize(record, facts).sale?.id == "6120034117004")
    }

    /// Answers as a shop would that has one order.
    private func shop(_ node: JSON, lines: Int = 100) -> (String, JSON) throws -> JSON {
        { query, variables in
            if query.contains("orders(") { return ["data": ["orders": page([listed(node)])]] }
            if query.contains("refund(id") {
                let id = variables["id"]?.string
                let refund = (node["refunds"]?.array ?? []).first { $0["id"]?.string == id }
                return ["data": ["refund": refund ?? .null]]
            }
            if query.contains("agreements(first:1,") {
                let all = node.member("agreements", "nodes")?.array ?? []
                let at = Int(variables["after"]?.string ?? "0") ?? 0
                guard at < all.count else { return ["data": ["order": ["agreements": page([])]]] }
                // Sales one at a time: the follower must put them together again.
                let sales = all[at].member("sales", "nodes")?.array ?? []
                let from = Int(variables["salesAfter"]?.string ?? "0") ?? 0
                let part = page(
                    Array(sales.dropFirst(from).prefix(1)), next: from + 1 < sales.count ? String(from + 1) : nil)
                return [
                    "data": [
                        "order": [
                            "agreements": page(
                                [all[at].setting("sales", part)], next: at + 1 < all.count ? String(at + 1) : nil)
                        ]
                    ]
                ]
            }
            return ["data": ["order": listed(node)]]
        }
    }

    @Test("refunds and edits are fetched in full")
    func whole() throws {
        for name in ["us-order-node", "edited-order-node", "eur-order-node", "cancelled-order-node"] {
            let node = try fixture(name)
            let fetched = try #require(
                try run(connector.fetch(node["legacyResourceId"]?.string ?? "", facts), shop(node)).get())
            let whole = try normalized("orders", node)
            #expect(!whole.documents.isEmpty)
            #expect(try connector.normalize(fetched, facts) == whole)
            #expect(fetched.deliveryID.hasPrefix("fetch/"))
        }
    }

    @Test("sales of one edit over several pages are put together")
    func salesPages() throws {
        let extra: JSON =
            try fixture("edited-order-node").member("agreements", "nodes")?[1]?.member("sales", "nodes")?[0] ?? .null
        let node = try fixture("edited-order-node").changing(["agreements", "nodes", "2", "sales", "nodes"]) { sales in
            .array((sales.array ?? []) + [extra, extra])
        }
        let record = try #require(try run(connector.fetch("6120034117002", facts), shop(node)).get())
        #expect(
            try JSON(parsing: record.body).member("agreements", "nodes")?[2]?.member("sales", "nodes")?.array?.count
                == 3)
    }

    @Test("lines beyond the first page are followed to their end")
    func linesPages() throws {
        let node = try fixture("us-order-node")
        let lines = try #require(node.member("lineItems", "nodes")?.array)
        let first = listed(node.without("refunds").with("refunds", [])).with("lineItems", page([lines[0]], next: "l1"))
        let result = try run(connector.fetch("6120034117001", facts)) { query, variables in
            if query.contains("lineItems(first:60") {
                #expect(variables["after"]?.string == "l1")
                return ["data": ["order": ["lineItems": page([lines[1]])]]]
            }
            return ["data": ["order": first]]
        }
        let record = try #require(try result.get())
        #expect(try JSON(parsing: record.body).member("lineItems", "nodes")?.array?.count == 2)
        #expect(try connector.normalize(record, facts).saleBody?.lines.count == 2)
    }

    @Test("lines of a refund beyond the first page are followed to their end")
    func refundPages() throws {
        let node = try fixture("us-order-node")
        let refund = try #require(node["refunds"]?[0])
        let line = try #require(refund.member("refundLineItems", "nodes")?[0])
        let result = try run(connector.fetch("6120034117001", facts)) { query, variables in
            if query.contains("refundLineItems(first:90") {
                #expect(variables["id"]?.string == "gid://shopify/Refund/939100200101")
                return ["data": ["refund": ["refundLineItems": page([line])]]]
            }
            if query.contains("refund(id") {
                return ["data": ["refund": refund.with("refundLineItems", page([line], next: "r"))]]
            }
            return ["data": ["order": listed(node)]]
        }
        let body = try JSON(parsing: try #require(try result.get()).body)
        #expect(body["refunds"]?[0]?.member("refundLineItems", "nodes")?.array?.count == 2)
    }

    @Test("transactions that fill their list are asked for again, all of them")
    func manyTransactions() throws {
        let node = listed(try fixture("us-order-node").with("refunds", []))
        let one = try #require(node["transactions"]?[0])
        let many: [JSON] = (0..<29).map { one.with("id", .string("gid://shopify/OrderTransaction/\(100 + $0)")) }
        let fetched = try run(connector.fetch("6120034117001", facts)) { query, _ in
            query.contains("lineItems")
                ? ["data": ["order": node.with("transactions", .array(Array(many.prefix(25))))]]
                : ["data": ["order": ["transactions": .array(many)]]]
        }.get()
        #expect(try connector.normalize(try #require(fetched), facts).payments.count == 29)
    }

    @Test(
        "an order whose lists don't fit the sweep's page is read whole",
        arguments: ["transactions", "refunds", "agreements"])
    func cutListing(_ list: String) throws {
        let node = try fixture("us-order-node").with("refunds", []).with("agreements", page([]))
        var row = listed(node)
        switch list {
        case "agreements": row = row.with("agreements.pageInfo.hasNextPage", true)
        case "refunds": row = row.with("refunds", .array((1...4).map { ["id": .string("gid://shopify/Refund/\($0)")] }))
        default:
            let one = try #require(node["transactions"]?[0])
            row = row.with(
                "transactions", .array((1...8).map { one.with("id", .string("gid://shopify/OrderTransaction/\($0)")) }))
        }
        let swept = try run(connector.sweep(since: since, cursor: nil, facts)) { query, variables in
            if query.contains("orders(") { return ["data": ["orders": page([row, listed(node)])]] }
            #expect(variables["id"]?.string == "gid://shopify/Order/6120034117001")
            return ["data": ["order": listed(node)]]
        }.get()
        #expect(swept.records.map { $0.deliveryID.prefix(6) } == ["sweep/"])
        #expect(try connector.normalize(swept.records[0], facts) == normalized("orders", node))
        #expect(swept.listed.count == 1)
    }

    @Test("an order with more refunds than fit is held, not cut")
    func tooMany() throws {
        let node = listed(try fixture("us-order-node"))
        let many: [JSON] = (0..<250).map { ["id": .string("gid://shopify/Refund/\($0 + 1)")] }
        let result = try run(connector.fetch("6120034117001", facts)) { query, _ in
            [
                "data": [
                    "order": node.with(
                        "refunds", .array(query.contains("refunds(first:250)") ? many : Array(many.prefix(40))))
                ]
            ]
        }
        guard case .failure(let fault) = result else {
            Issue.record("not held")
            return
        }
        #expect(fault.code == "too_many_parts")
        #expect(fault.disposition == .hold)
    }

    @Test("an order that is not there is nothing; a page that leads to itself is refused")
    func absent() throws {
        #expect(try run(connector.fetch("1", facts)) { _, _ in ["data": ["order": .null]] }.get() == nil)
        let odd = try run(connector.fetch("1", facts)) { _, _ in ["data": [:]] }
        guard case .failure(let fault) = odd else {
            Issue.record("accepted")
            return
        }
        #expect(fault.code == "unreadable_answer")
        let loop = try run(connector.sweep(since: since, cursor: "c", facts)) { _, _ in
            ["data": ["orders": page([], next: "c")]]
        }
        guard case .failure(let fault) = loop else {
            Issue.record("accepted")
            return
        }
        #expect(fault.disposition == .retry)
        let inner = try run(connector.fetch("6120034117001", facts)) { query, _ in
            let lines = page([], next: "l")
            return query.contains("first:60")
                ? ["data": ["order": ["lineItems": lines]]]
                : ["data": ["order": listed(try fixture("us-order-node").with("refunds", [])).with("lineItems", lines)]]
        }
        guard case .failure(let fault) = inner else {
            Issue.record("accepted")
            return
        }
        #expect(fault.code == "unreadable_answer")
    }

    @Test("an id that is none asks for nothing")
    func badID() throws {
        for id in ["", "1 2", "\"", "ü"] {
            guard case .fail(let fault) = connector.fetch(id, facts) else {
                Issue.record("asked for \(id)")
                continue
            }
            #expect(fault.code == "invalid_id")
        }
    }

    @Test("the shop names itself in the form that the connection uses")
    func identity() throws {
        let answer: JSON = [
            "data": [
                "shop": [
                    "id": "gid://shopify/Shop/1", "name": "Prairie Goods",
                    "myshopifyDomain": "prairie-goods.myshopify.com",
                    "currencyCode": "USD", "ianaTimezone": "America/Chicago", "billingAddress": ["countryCodeV2": "US"],
                ]
            ]
        ]
        let handle = try run(connector.identify(facts)) { _, _ in answer }.get()
        #expect(
            handle
                == AccountIdentity(
                    account: "prairie-goods", name: "Prairie Goods", country: "US", currency: "USD",
                    timeZone: "America/Chicago"))
        let domain = ConnectionFacts(account: "prairie-goods.myshopify.com")
        #expect(try run(connector.identify(domain)) { _, _ in answer }.get().account == "prairie-goods.myshopify.com")
        let bare = try run(connector.identify(facts)) { _, _ in
            ["data": ["shop": ["myshopifyDomain": "x.myshopify.com"]]]
        }.get()
        #expect(bare.name == "x.myshopify.com")
    }
}
