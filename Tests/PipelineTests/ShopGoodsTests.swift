import Books
import ConnectorKit
import Kernel
import Mapping
import Postgres
import Shopify
import Store
import TestKit
import Testing
import TwinKit
import Wire

@testable import Sandbox

/// A shop whose goods leave after they are paid, through the whole program: webhooks and sweeps from the shop's twin, documents in a ledger.
@Suite("Goods of a shop that leave later") struct ShopGoodsTests {
    private static let name = "prairie-goods"
    private static let order: Int64 = 6_120_034_990_001
    private static let line: Int64 = 7_700_000_000_001

    private static func bag(_ minor: Int64) -> MoneyBag { MoneyBag(shop: minor, presentment: minor) }

    /// Three cups at 50.00 with 6 % tax: 159.00, paid at once.
    private static var placed: ShopEvent {
        let cup = ShopProduct(sku: "CUP", title: "Cup", productID: 1, variantID: 2, price: 5_000, vat: 0)
        let tax = ShopTax(title: "Pennsylvania State Tax", rate: 60_000, price: bag(900))
        let cups = ShopLine(id: line, product: cup, quantity: 3, currentQuantity: 3, unitPrice: bag(5_000), allocations: [], taxes: [tax])
        let created = at("2026-11-02T10:00:00Z")
        let paid = ShopTransaction(
            id: 7_300_000_000_001, parent: nil, kind: .sale, status: "success", gateway: "shopify_payments", amount: bag(15_900), processedAt: created)
        let order = ShopOrder(
            id: order, number: 1042, createdAt: created, processedAt: created, updatedAt: created, cancelledAt: nil, presentmentCurrency: "USD", sourceName: "web",
            customer: ShopCustomer(id: 1, first: "Mara", last: "Lind", street: "1 Elm", city: "York", province: "PA", zip: "17401", country: "US"), lines: [cups],
            placedLines: 1, shipping: [], discounts: [], tip: .zero,
            transactions: [paid], refunds: [], edits: [], taxesIncluded: false)
        return ShopEvent(shop: name, orderID: order.id, at: created, change: .created(order))
    }

    /// One cup is given back before it leaves: 53.00.
    private static var refunded: ShopEvent {
        let time = at("2026-11-08T10:00:00Z")
        let back = ShopTransaction(
            id: 7_300_000_000_002, parent: 7_300_000_000_001, kind: .refund, status: "success", gateway: "shopify_payments", amount: bag(5_300), processedAt: time)
        let refund = ShopRefund(
            id: 7_400_000_000_001, at: time, note: "", lines: [ShopRefundLine(id: 1, line: 0, quantity: 1, subtotal: bag(5_000), tax: bag(300), restocked: false)],
            adjustments: [], transactions: [back])
        return ShopEvent(shop: name, orderID: order, at: time, change: .refunded(refund))
    }

    private static func sends(_ cups: Int, _ time: String, _ twin: ShopifyTwin) throws -> (id: String, webhooks: [ShopWebhook]) {
        let lines: JSON = [["line": .string("\(line)"), "quantity": .number("\(cups)")]]
        let happened = try twin.happen(["do": "fulfils", "shop": .string(name), "order": .string("\(order)"), "lines": lines], at: at(time))
        return (happened.outcome["fulfilment"]?.string ?? "", happened.webhooks)
    }

    /// A desk whose source is the twin.
    private func with(_ policies: [(name: String, value: String)], _ body: @escaping @Sendable (Desk, ShopifyTwin) async throws -> Void) async throws {
        let twin = try ShopifyTwin(journal: TwinJournal(inMemory: []))
        let answer: @Sendable (HTTPRequest) -> HTTPResponse? = { request in
            request.target.hasPrefix("/\(Self.name)/") ? twin.respond(request, at: SystemClocks().now()) : nil
        }
        try await Desk.with(
            policies: [("customer", "house")] + policies, source: ShopifyConnector(), beside: answer,
            credential: #"{"access_token": "shpat_sandbox_prairie-goods"}"#
        ) { desk in
            let house = desk.house
            try await house.owner.query(
                "UPDATE app.connections SET base_url = (SELECT base_url FROM app.connections WHERE id = \(house.ledger)) || '/prairie-goods' WHERE id = \(house.source)")
            try await body(desk, twin)
        }
    }

    private func tell(_ webhooks: [ShopWebhook], _ desk: Desk) async throws {
        try await desk.arrive(records: webhooks.map { RawRecord(topic: $0.topic, deliveryID: $0.id, body: $0.body) })
        try await desk.work()
        try await desk.later()
    }

    /// What the books have of a role, in minor units.
    private func balance(_ desk: Desk, _ role: Role) async throws -> Int64 {
        var sum: Int64 = 0
        for row in try await desk.house.owner.query("SELECT form, subject FROM app.postings WHERE state = 'reconciled'") {
            let posting = try await desk.posting(try row.get("form", as: String.self), try row.get("subject", as: String.self))
            sum += try PlanCodec.decode(posting.plan).lines.filter { $0.role == role }.map(\.amount.minor).reduce(0, +)
        }
        return sum
    }

    @Test("paid, sent in two parts with one given back between: the money is owed until the last part leaves, told by a sweep alone") func whole() async throws {
        try await with([("triggers.sale", "fulfilled")]) { desk, twin in
            try await tell(twin.apply(Self.placed), desk)
            #expect(try await desk.states() == ["deposit 7300000000001": "reconciled"], "\(desk.log.with { $0 })")
            try await tell(try Self.sends(1, "2026-11-05T10:00:00Z", twin).webhooks, desk)
            #expect(try await desk.states().count == 1)
            try await tell(twin.apply(Self.refunded), desk)
            #expect(try await desk.states() == ["deposit 7300000000001": "reconciled", "deposit 7400000000001": "reconciled"])
            #expect(try await balance(desk, "customer_deposits") == -10_600)
            _ = try Self.sends(1, "2026-11-18T10:00:00Z", twin)
            for _ in 0 ..< 2 {
                try await desk.house.worker.ask(desk.house.tenant, [Job(.sweep, desk.house.source.description, lane: .poll)])
                try await desk.work()
                try await desk.later()
            }
            let states = try await desk.states()
            #expect(states.keys.sorted() == [
                "credit_note 7400000000001", "deposit 7300000000001", "deposit 7400000000001", "invoice \(Self.order)", "journal \(Self.order)/7300000000001",
            ], "\(desk.log.with { $0 })")
            #expect(Set(states.values) == ["reconciled"])
            #expect(try await desk.posting("invoice", "\(Self.order)").date.description == "2026-11-18")
            #expect(try await balance(desk, "customer_deposits") == 0)
            #expect(try await balance(desk, "receivable:shop") == 0)
            #expect(try await balance(desk, "clearing:shopify_payments:USD") == 10_600)
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("the same with income line by line: each part releases its share, what was given back is released with the last, nothing stays deferred") func byLine() async throws {
        try await with([("revenue", "at_fulfilment")]) { desk, twin in
            try await tell(twin.apply(Self.placed), desk)
            #expect(try await balance(desk, "deferred_revenue") == -15_000)
            let first = try Self.sends(1, "2026-11-05T10:00:00Z", twin)
            try await tell(first.webhooks, desk)
            #expect(try await balance(desk, "deferred_revenue") == -10_000)
            try await tell(twin.apply(Self.refunded), desk)
            let second = try Self.sends(1, "2026-11-18T10:00:00Z", twin)
            try await tell(second.webhooks, desk)
            let states = try await desk.states()
            #expect(Set(states.values) == ["reconciled"], "\(states)")
            #expect(states.keys.filter { $0.hasPrefix("journal") }.sorted() == ["journal \(Self.order)/never-left", "journal \(first.id)", "journal \(second.id)"].sorted())
            #expect(try await balance(desk, "deferred_revenue") == 0)
            #expect(try await balance(desk, "receivable:shop") == 0)
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("goods that were not sent after all have not left: a sweep sees that it was taken back") func undone() async throws {
        try await with([("triggers.sale", "fulfilled")]) { desk, twin in
            try await tell(twin.apply(Self.placed), desk)
            let first = try Self.sends(2, "2026-11-05T10:00:00Z", twin)
            try await tell(first.webhooks, desk)
            _ = try twin.happen(["do": "undoes", "shop": .string(Self.name), "order": .string("\(Self.order)"), "fulfilment": .string(first.id)], at: at("2026-11-06T10:00:00Z"))
            try await desk.house.worker.ask(desk.house.tenant, [Job(.sweep, desk.house.source.description, lane: .poll)])
            try await desk.work()
            try await tell(try Self.sends(1, "2026-11-07T10:00:00Z", twin).webhooks, desk)
            #expect(try await desk.states().count == 1, "two of three are still there")
            try await tell(try Self.sends(2, "2026-11-09T10:00:00Z", twin).webhooks, desk)
            #expect(try await desk.posting("invoice", "\(Self.order)").date.description == "2026-11-09")
            #expect(try await desk.unexplained() == 0)
        }
    }
}
