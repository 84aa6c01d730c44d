import ConnectorKit
import FoundationEssentials
import Kernel
import Testing
import Wire

@testable import Shopify

@Suite struct SpecTests {
    @Test("every limit and the idempotency means have a source")
    func sources() {
        let spec = connector.spec
        for limit in spec.limits { #expect(spec.sources["limits.\(limit.name)"] != nil) }
        #expect(spec.sources["idempotency"] != nil)
        #expect(spec.sources.values.allSatisfy { !$0.isEmpty })
    }

    @Test("the token travels in Shopify's own header, never in an address")
    func token() {
        guard case .oauth2(let auth) = connector.spec.auth else {
            Issue.record("not OAuth 2")
            return
        }
        #expect(auth.tokenHeader.name == "X-Shopify-Access-Token")
        #expect(auth.tokenHeader.prefix.isEmpty)
        for address in [auth.authorizeURL, auth.tokenURL, auth.tokenPath, connector.spec.productionBase] {
            #expect(!address.contains("?"))
            #expect(!address.contains("token="))
        }
        #expect(auth.tokenURL == connector.spec.productionBase + auth.tokenPath)
    }

    @Test("the docs page exists and names every setting and webhook topic")
    func page() throws {
        var root = URL(filePath: #filePath).resolvingSymlinksInPath()
        for _ in 0 ..< 3 { root.deleteLastPathComponent() }
        let text = String(
            decoding: try Data(contentsOf: root.appending(path: "docs/connectors/shopify.md")), as: UTF8.self)
        for name in connector.settings.keys { #expect(text.contains("`\(name)`")) }
        for topic in ShopifyConnector.orderTopics.union([
            "orders/edited", "order_transactions/create", "refunds/create",
        ]) {
            #expect(text.contains("`\(topic)`"))
        }
    }

    static let queries: [(String, ShopifyQuery)] = {
        var all: [(String, ShopifyQuery)] = [
            ("orders", ShopifyQueries.orders), ("oneOrder", ShopifyQueries.oneOrder), ("shop", ShopifyQueries.shop),
            ("transactions", ShopifyQueries.transactions), ("refunds", ShopifyQueries.refunds),
            ("refund", ShopifyQueries.refund), ("agreement", ShopifyQueries.agreement),
        ]
        for (owner, list) in [
            ("order", "lineItems"), ("order", "shippingLines"), ("refund", "refundLineItems"),
            ("refund", "refundShippingLines"), ("refund", "orderAdjustments"), ("refund", "transactions"),
        ] {
            if let query = ShopifyQueries.rest(owner, list) { all.append(("\(owner).\(list)", query)) }
        }
        return all
    }()

    @Test("each query costs what it is said to cost, and less than a query may", arguments: queries.map(\.0))
    func cost(_ name: String) throws {
        let query = try #require(Self.queries.first { $0.0 == name }?.1)
        var count = CostCount(query.text)
        #expect(count.points() == query.points)
        #expect(query.points < ShopifyLimits.queryPoints)
        #expect(!query.text.contains("\n"))
    }

    @Test("an unknown list has no query")
    func unknownList() { #expect(ShopifyQueries.rest("order", "tags") == nil) }

    private static func refusal(_ topic: String, _ body: JSON, _ settings: [String: String]) -> Fault? {
        fault(topic, body, settings)
    }

    @Test("settings other than the listed ones are refused by name")
    func settings() throws {
        let body: JSON = ["id": 1]
        for (name, value) in [
            ("post_currency", "euro"), ("refund_note", "yes"), ("tax_place", "Colorado"), ("tax_place", "US-"),
        ] {
            let refusal = try #require(Self.refusal("orders/edited", body, [name: value]))
            #expect(refusal.code == "invalid_setting")
            #expect(refusal.position == "settings.\(name)")
        }
        #expect(Set(connector.settings.keys) == ["post_currency", "refund_note", "tax_place"])
    }
}

/// Counts a query's points by the published rules: scalars nothing, objects 1, connections 2 plus page size times
/// node. Written apart from the connector, over the query's text.
struct CostCount {
    private var tokens: [String]
    private var at = 0

    init(_ text: String) {
        var tokens: [String] = []
        var word = ""
        for c in text {
            if c.isLetter || c.isNumber || c == "_" {
                word.append(c)
            } else {
                if !word.isEmpty { tokens.append(word) }
                word = ""
                if c != " " && c != "," { tokens.append(String(c)) }
            }
        }
        self.tokens = tokens
    }

    mutating func points() -> Int {
        while tokens[at] != "{" { at += 1 }
        return selection().points
    }

    /// Points of the fields between braces; `nodes` is told apart, for its connection to multiply.
    private mutating func selection() -> (points: Int, node: Int?) {
        at += 1
        var points = 0
        var node: Int?
        while tokens[at] != "}" {
            if tokens[at] == "." {
                // `... on Type{`: at most one of them applies; adding them all errs on the safe side.
                at += 5
                points += selection().points
                continue
            }
            let name = tokens[at]
            at += 1
            var first = 1
            if tokens[at] == "(" {
                while tokens[at] != ")" {
                    if tokens[at] == "first", let size = Int(tokens[at + 2]) { first = size }
                    at += 1
                }
                at += 1
            }
            guard tokens[at] == "{" else { continue }
            let inner = selection()
            if name == "nodes" {
                node = 1 + inner.points
            } else if let each = inner.node {
                points += 2 + first * each + inner.points
            } else {
                points += first * (1 + inner.points)
            }
        }
        at += 1
        return (points, node)
    }
}
