import Books
import ConnectorKit
import Kernel
import Testing
import Wire

@testable import Shopify

@Suite struct FaultTests {
    static let records: [(topic: String, fixture: String)] = [
        ("orders/create", "us-order-webhook"), ("orders/updated", "edited-order-webhook"),
        ("orders/cancelled", "cancelled-order-webhook"),
        ("orders/create", "eur-order-webhook"), ("refunds/create", "us-refund-webhook"),
        ("refunds/create", "eur-refund-webhook"),
        ("refunds/create", "edited-refund-webhook"), ("order_transactions/create", "us-capture-webhook"),
        ("orders", "us-order-node"),
        ("orders", "edited-order-node"), ("orders", "eur-order-node"), ("orders", "cancelled-order-node"),
    ]

    @Test(
        "a missing or wrong field is named with its order, and the record waits for a person",
        arguments: [
            (
                "orders/create", "us-order-webhook", "line_items.0.price_set.shop_money.amount",
                "line_items[0].price_set"
            ),
            ("orders/create", "us-order-webhook", "line_items.1.id", "line_items[1].id"),
            ("orders/create", "us-order-webhook", "line_items.0.quantity", "line_items[0].quantity"),
            ("orders/create", "us-order-webhook", "line_items.0.tax_lines.2.title", "line_items[0].tax_lines[2].title"),
            ("orders/create", "us-order-webhook", "updated_at", "updated_at"),
            ("orders/create", "us-order-webhook", "taxes_included", "taxes_included"),
            ("orders/create", "us-order-webhook", "currency", "currency"),
            ("orders", "us-order-node", "lineItems.nodes.0.originalUnitPriceSet", "lineItems[0].originalUnitPriceSet"),
            ("orders", "us-order-node", "transactions.1.kind", "transactions[1].kind"),
            ("orders", "us-order-node", "refunds.0.createdAt", "refunds[0].createdAt"),
            (
                "orders", "edited-order-node", "agreements.nodes.1.sales.nodes.0.totalAmount",
                "agreements[1].sales[0].totalAmount"
            ),
        ])
    func named(_ topic: String, _ name: String, _ path: String, _ position: String) throws {
        let base = try fixture(name)
        for broken in [base.with(path, ["odd": true]), base.with(path, "nonsense!"), base.with(path, .null)] {
            // Any text can be a title, and a kind that nobody knows yet pays nothing.
            if path.hasSuffix("title") || path.hasSuffix("kind"), fault(topic, broken) == nil { continue }
            let held = try #require(fault(topic, broken), "\(path)")
            #expect(held.code == "unreadable_record")
            #expect(held.disposition == .hold)
            #expect(held.position == position)
            #expect(held.summary.contains(base["name"]?.string ?? "?"))
            #expect(held.summary.contains(position))
        }
    }

    @Test("a refund and a transaction are named by their ids")
    func namedByID() throws {
        let held = try #require(
            fault("refunds/create", try fixture("us-refund-webhook").with("refund_line_items.0.quantity", "x")))
        #expect(held.summary.contains("refund 939100200101 of order 6120034117001"))
        let money = try #require(
            fault("order_transactions/create", try fixture("us-capture-webhook").with("status", 5)))
        #expect(money.position == "status")
        #expect(money.summary.contains("transaction 7300400500103"))
    }

    @Test("what is not JSON is malformed, whatever the topic")
    func malformed() {
        for topic in ["orders", "orders/create", "refunds/create", "orders/edited", "anything"] {
            for text in ["", "{", "{\"id\":1}x", "\u{feff}{}", "{\"a\":1,\"a\":2}"] {
                do throws(Fault) {
                    _ = try connector.normalize(RawRecord(topic: topic, deliveryID: "d", body: Array(text.utf8)), facts)
                    Issue.record("read \(text)")
                } catch {
                    #expect(error.code == "malformed_json")
                }
            }
        }
    }

    @Test(
        "JSON that is no record at all is unreadable, not a crash",
        arguments: ["null", "[]", "1", "\"x\"", "{}", "[[[]]]"])
    func notARecord(_ text: String) throws {
        for topic in ["orders", "orders/create", "orders/edited", "order_transactions/create"] {
            let body = try JSON(parsing: Array(text.utf8))
            #expect(fault(topic, body)?.code == "unreadable_record", "\(topic) \(text)")
        }
    }

    @Test("amounts and quantities beyond anything real are refused, not computed with")
    func huge() throws {
        let base = try fixture("us-order-webhook")
        for (path, value) in [
            ("line_items.0.quantity", JSON.number("9223372036854775807")), ("line_items.0.quantity", -1),
            ("line_items.0.price_set.shop_money.amount", "99999999999999999999999999999999999"),
            ("line_items.0.price_set.shop_money.amount", "18.001"), ("total_price_set.shop_money.amount", "1e30"),
            ("line_items.0.tax_lines.0.rate", "1e29"),
        ] {
            #expect(fault("orders/create", base.with(path, value))?.code == "unreadable_record", "\(path)")
        }
        let product = base.with("line_items.0.quantity", 1_000_000_000)
            .with("line_items.0.price_set.shop_money.amount", "99999999999.99")
        #expect(fault("orders/create", product)?.code == "unreadable_record")
    }

    @Test("a list longer than any real one is refused")
    func longList() throws {
        let line: JSON = ["id": 1]
        let body = try fixture("us-order-webhook").with("line_items", .array(Array(repeating: line, count: 5001)))
        #expect(fault("orders/create", body)?.code == "unreadable_record")
    }

    // MARK: Mutations

    private func mutated(_ value: JSON, _ dice: inout Seeded) -> JSON {
        let odd: [JSON] = [
            .null, true, .string(""), .string("-1"), .string("99999999999.99"), .number("-9223372036854775808"),
            .number("1e25"), [], [:],
            .string("gid://shopify/Order/"), .string("REFUND"), .string("refund"), .number("0"), .string("JPY"),
            .string("0.0"), 1,
            .number("1000000000"), .string("2026-11-14T15:00:00Z"), .string("9999-12-31T23:59:59-23:59"),
            .string("é\u{301}\0"),
        ]
        if Int.random(in: 0 ..< 12, using: &dice) == 0 { return odd[Int.random(in: 0 ..< odd.count, using: &dice)] }
        switch value {
        case .object(var members) where !members.isEmpty:
            let at = Int.random(in: 0 ..< members.count, using: &dice)
            if Int.random(in: 0 ..< 15, using: &dice) == 0 {
                members.remove(at: at)
            } else {
                members[at].value = mutated(members[at].value, &dice)
            }
            return .object(members)
        case .array(var elements) where !elements.isEmpty:
            let at = Int.random(in: 0 ..< elements.count, using: &dice)
            switch Int.random(in: 0 ..< 10, using: &dice) {
            case 0: elements.append(elements[at])
            case 1: elements.remove(at: at)
            default: elements[at] = mutated(elements[at], &dice)
            }
            return .array(elements)
        default: return odd[Int.random(in: 0 ..< odd.count, using: &dice)]
        }
    }

    @Test(
        "mutated records give documents or a fault that names why, never a crash, and the planner takes whatever is read"
    )
    func fuzz() throws {
        let seed: UInt64 = 20_261_114
        var dice = Seeded(seed)
        let bases = try Self.records.map { (topic: $0.topic, body: try fixture($0.fixture)) }
        let settings: [[String: String]] = [
            [:], ["post_currency": "presentment"], ["refund_note": "ignore", "tax_place": "US-CO"],
        ]
        let allowed: Set<String> = ["unreadable_record", "malformed_json"]
        var read = 0
        for round in 0 ..< 1_200 {
            let base = bases[round % bases.count]
            var body = base.body
            for _ in 0 ... Int.random(in: 0 ..< 3, using: &dice) { body = mutated(body, &dice) }
            var bytes = body.bytes
            if round % 10 == 0, !bytes.isEmpty {
                bytes[Int.random(in: 0 ..< bytes.count, using: &dice)] = UInt8.random(in: 0 ... 255, using: &dice)
            }
            let connection = ConnectionFacts(account: "a", settings: settings[round % settings.count])
            do throws(Fault) {
                let normalized = try connector.normalize(
                    RawRecord(topic: base.topic, deliveryID: "d", body: bytes), connection)
                read += normalized.documents.isEmpty ? 0 : 1
                _ = planned(normalized.documents, .usd)
            } catch {
                #expect(allowed.contains(error.code), "seed \(seed), round \(round): \(error)")
            }
        }
        #expect(read > 100)
    }

    // MARK: What the planner makes of it

    private func planned(_ documents: [SourceDocument], _ currency: Currency) -> [PlannedPosting] {
        guard let caseID = documents.first?.caseID else { return [] }
        let organisation = Organisation(
            baseCurrency: currency, country: currency == .gbp ? "GB" : "US", zone: .utc,
            taxMode: currency == .gbp ? .inclusive : .exclusive)
        return Planner.plan(
            OrderCase(id: caseID, documents), organisation: organisation, policies: Policies(), ledger: LedgerState(),
            codes: CodeBook(known: ["damaged"]))
    }

    @Test(
        "every fixture becomes postings that balance and that nothing holds",
        arguments: [
            ("us-order-node", "USD", [:], 5), ("eur-order-node", "GBP", [:], 4),
            ("eur-order-node", "GBP", ["post_currency": "presentment"], 4), ("edited-order-node", "USD", [:], 4),
            ("cancelled-order-node", "USD", ["tax_place": "US-TX"], 1),
        ] as [(String, String, [String: String], Int)])
    func balances(_ name: String, _ code: String, _ settings: [String: String], _ count: Int) throws {
        let currency = try #require(Currency(code))
        let postings = planned(try normalized("orders", try fixture(name), settings).documents, currency)
        #expect(postings.count == count, "\(postings.map(\.id))")
        for posting in postings {
            #expect(posting.findings.isEmpty, "\(posting.findings)")
            #expect(posting.lines.map(\.amount).total(posting.currency).isZero)
        }
    }

    @Test("webhooks alone, in any order, become the same postings as the swept order")
    func anyOrder() throws {
        let swept = try normalized("orders", try fixture("us-order-node"))
        let told =
            try [("refunds/create", "us-refund-webhook"), ("orders/create", "us-order-webhook")]
            .flatMap { try normalized($0.0, try fixture($0.1)).documents } + swept.payments
        #expect(planned(told, .usd) == planned(swept.documents, .usd))
        #expect(planned(told.reversed(), .usd) == planned(swept.documents, .usd))
    }
}
