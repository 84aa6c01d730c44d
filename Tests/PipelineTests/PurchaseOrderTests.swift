import Books
import ConnectorKit
import HTTPServer
import Kernel
import Mapping
import Store
import TestKit
import Testing
import TwinKit
import TwinNetSuite
import Wire

/// What a source wants ordered, through the whole program into a ledger's own list of orders.
@Suite("Purchase orders, through the whole program") struct PurchaseOrderTests {
    private static let ordering: [Country] = [.america, .britain, .server, .workshop, .office, .officeByLists]
    /// They take none from us.
    private static let others: [Country] = [.kingdom, .gateway]

    /// What was sent last, to be let in with; and answers to writes that get lost from now on.
    private struct Line: Sendable {
        var fields = HTTPFields()
        var losesWrites = 0
    }

    private static func meet(_ wire: Locked<Line>, _ twin: any LedgerTwin, _ request: HTTPRequest, _ answer: (HTTPRequest) -> HTTPResponse) -> HTTPResponse {
        let isWrite = twin.purpose(of: request) == .write
        wire.with { wire in if request.fields["Authorization"] ?? request.fields["Cookie"] != nil { wire.fields = request.fields } }
        let answered = answer(request)
        let loses = wire.with { wire in
            guard isWrite, wire.losesWrites > 0 else { return false }
            wire.losesWrites -= 1
            return true
        }
        return loses ? .text(504, "Gateway Timeout") : answered
    }

    /// The ledger's own orders that stand.
    private static func orders(_ here: Country, _ twin: any LedgerTwin, _ wire: Locked<Line>) throws -> [JSON] {
        if let account = twin as? NetSuiteTwin { return account.orders() }
        var request = asked(here, wire.with { $0.fields })
        request.fields["Accept"] = "application/json"
        let answer = twin.respond(request, at: SystemClocks().now())
        let json = try JSON(parsing: answer.body)
        let rows = json["PurchaseOrders"]?.array ?? json.member("QueryResponse", "PurchaseOrder")?.array ?? json["value"]?.array ?? json.array ?? []
        try #require(answer.status == 200, "\(answer.bodyText)")
        return rows.filter { $0["Status"]?.string != "DELETED" && $0["Cancelled"]?.string != "tYES" }
    }

    /// How a person would list them, let in as the program was.
    private static func asked(_ here: Country, _ fields: HTTPFields) -> HTTPRequest {
        guard here.name == "Odoo" else {
            let targets = ["Xero": "/api.xro/2.0/PurchaseOrders", "SAP Business One": "/b1s/v2/PurchaseOrders"]
            let target = targets[here.name] ?? "/v3/company/\(here.plan.ledgerAccount)/query?query=select%20*%20from%20PurchaseOrder&minorversion=75"
            var request = HTTPRequest(.get, target, fields: fields)
            request.fields["Content-Type"] = nil
            return request
        }
        let body = #"{"domain": [["state", "!=", "cancel"]], "fields": ["partner_id", "amount_total", "state", "order_line"], "order": "id asc"}"#
        return HTTPRequest(.post, "/json/2/purchase.order/search_read", fields: fields, body: Array(body.utf8))
    }

    private static func total(_ order: JSON) -> String? {
        (order["Total"] ?? order["TotalAmt"] ?? order["DocTotal"] ?? order["amount_total"] ?? order["total"])?.text
    }

    private static func supplier(_ order: JSON) -> String? {
        let named = order.member("Contact", "Name") ?? order.member("VendorRef", "name") ?? order["CardName"] ?? order["partner_id"]?[1]
        return (named ?? order.member("entity", "refName"))?.string
    }

    private func level(
        _ here: Country, _ version: Int64, _ onHand: Int, quantity: Int? = 40, supplier: String? = "Clayworks", at time: String = "2026-11-03T09:00:00Z"
    ) -> SourceDocument {
        let body = StockLevel(
            sku: "PEN-1", title: "Pen", onHand: ExactDecimal(onHand), threshold: ExactDecimal(20), quantity: quantity.map { ExactDecimal($0) },
            unitCost: ExactDecimal(2), currency: here.currency, supplier: supplier)
        return SourceDocument(id: "PEN-1@\(version)", caseID: "stock:PEN-1", version: version, at: at(time), body: .stockLevel(body))
    }

    @Test("stock below its threshold is one order there, and no second one until goods came; the books do not move", arguments: ordering.indices)
    func ordered(country index: Int) async throws {
        let here = Self.ordering[index], wire = Locked(Line())
        try await here.with(between: { Self.meet(wire, $0, $1, $2) }) { desk, twin in
            try await desk.run(level(here, 1, 20), level(here, 2, 18))
            let states = try await desk.states()
            #expect(states == ["purchase_order PEN-1@2": "reconciled"], "\(here.name): \(desk.log.with { String($0.suffix(2_000)) })")
            let one = try Self.orders(here, twin, wire)
            #expect(one.map(Self.supplier) == ["Clayworks"] && one.compactMap(Self.total).map { ExactDecimal($0) } == [ExactDecimal(80)], "\(here.name)")
            // The same again, and less of it.
            try await desk.run(level(here, 2, 18), level(here, 3, 11, quantity: 90))
            #expect(try Self.orders(here, twin, wire) == one, "\(here.name)")
            try #require(one.count == 1, "\(here.name)")
            if here.name == "Xero" {
                let line = one[0]["LineItems"]?[0]
                #expect(line?["Quantity"]?.text.hasPrefix("40") == true && line?["UnitAmount"]?.text.hasPrefix("2") == true, "\(String(describing: line))")
            }
            try await desk.run(level(here, 4, 51), level(here, 5, 3))
            #expect(try Self.orders(here, twin, wire).count == 2, "\(here.name)")
            #expect(try await desk.states()["purchase_order PEN-1@5"] == "reconciled")
            #expect(twin.entries().flatMap(\.lines).isEmpty, "\(here.name)")
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("an order whose answer got lost is found and not ordered twice", arguments: ordering.indices)
    func lost(country index: Int) async throws {
        let here = Self.ordering[index], wire = Locked(Line())
        try await here.with(between: { Self.meet(wire, $0, $1, $2) }) { desk, twin in
            // The supplier is there by now: what gets lost is the order's own answer.
            try await desk.run(level(here, 1, 18))
            try await desk.run(level(here, 2, 58))
            wire.with { $0.losesWrites = 1 }
            try await desk.run(level(here, 3, 7))
            for _ in 0 ..< 3 { try await desk.muchLater() }
            #expect(wire.with { $0.losesWrites } == 0)
            #expect(try Self.orders(here, twin, wire).count == 2, "\(here.name)")
            #expect(try await desk.states()["purchase_order PEN-1@3"] == "reconciled", "\(here.name)")
        }
    }

    @Test("an order that lacks its supplier is held by name, and goes when the source tells of him")
    func incomplete() async throws {
        let wire = Locked(Line()), here = Country.america
        try await here.with(between: { Self.meet(wire, $0, $1, $2) }) { desk, twin in
            try await desk.run(level(here, 1, 18, quantity: nil, supplier: nil))
            #expect(try await desk.checks("purchase_order", "PEN-1@1") == ["order_incomplete", "order_incomplete"])
            #expect(try await desk.alerts().contains { $0.hasSuffix("order_incomplete") })
            try await desk.run(level(here, 2, 17))
            #expect(try await desk.states() == ["purchase_order PEN-1@1": "reconciled"])
            #expect(try Self.orders(here, twin, wire).count == 1)
        }
    }

    @Test("a ledger that takes no orders from us holds them, with what to do", arguments: others.indices)
    func unsupported(country index: Int) async throws {
        let here = Self.others[index]
        try await here.with { desk, _ in
            try await desk.run(level(here, 1, 18))
            #expect(try await desk.states() == ["purchase_order PEN-1@1": "held"], "\(here.name)")
            let findings = try PlanCodec.findings(try await desk.posting("purchase_order", "PEN-1@1").findings)
            // It falls away when the need does.
            try await desk.run(level(here, 2, 25))
            #expect(try await desk.states() == ["purchase_order PEN-1@1": "superseded"], "\(here.name)")
            #expect(findings.map(\.check) == ["form_unsupported"] && findings[0].remedy.contains("by hand"), "\(here.name): \(findings)")
        }
    }
}
