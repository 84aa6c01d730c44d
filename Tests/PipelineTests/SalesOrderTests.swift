import Books
import HTTPServer
import Kernel
import Mapping
import Postgres
import Store
import TestKit
import Testing
import TwinKit
import TwinSapBusinessOne
import Wire

/// Orders that stand in a ledger as orders until they are sales, through the whole program.
@Suite("Sales orders, through the whole program") struct SalesOrderTests {
    /// Everything that was written, what lets one in, and what gets lost.
    private struct Line: Sendable {
        var fields = HTTPFields()
        var writes: [String] = []
        /// The answer to this write, counted from 1, gets lost after it was done.
        var loses: Int?
        var answered = 0
    }

    private static let server = Country.server

    /// A company whose lines are items, so that quantities are open rather than sums.
    private static let stocked: Country = {
        var out = Country.server
        out.settings = #"{"lines": "items"}"#
        return out
    }()

    private static func meet(_ wire: Locked<Line>, _ twin: any LedgerTwin, _ request: HTTPRequest, _ answer: (HTTPRequest) -> HTTPResponse) -> HTTPResponse {
        wire.with { wire in if request.fields["Cookie"] != nil { wire.fields = request.fields } }
        let answered = answer(request)
        guard twin.purpose(of: request) == .write, answered.status < 300 else { return answered }
        let isLost = wire.with { wire in
            wire.writes.append("\(request.method.rawValue) \(request.path.dropFirst("/b1s/v2/".count))")
            wire.answered += 1
            return wire.answered == wire.loses
        }
        return isLost ? .text(504, "Gateway Timeout") : answered
    }

    private static func with(
        _ here: Country = server, _ policies: [(name: String, value: String)] = [], loses: Int? = nil, _ body: @escaping @Sendable (Desk, any LedgerTwin, Locked<Line>) async throws -> Void
    ) async throws {
        let wire = Locked(Line(loses: loses))
        let all: [(name: String, value: String)] = [("sales_orders", "mirror")] + policies
        try await here.with(all, between: { meet(wire, $0, $1, $2) }) { desk, twin in try await body(desk, twin, wire) }
    }

    /// As a person lists or changes them there, let in as the program was.
    private static func rows(_ set: String, _ twin: any LedgerTwin, _ wire: Locked<Line>) throws -> [JSON] {
        let answer = twin.respond(HTTPRequest(.get, "/b1s/v2/\(set)", fields: wire.with { $0.fields }), at: SystemClocks().now())
        try #require(answer.status == 200, "\(answer.bodyText)")
        return try JSON(parsing: answer.body)["value"]?.array ?? []
    }

    private static func act(_ target: String, _ twin: any LedgerTwin, _ wire: Locked<Line>, _ body: String = "") throws {
        var fields = wire.with { $0.fields }
        fields["Content-Type"] = "application/json"
        let answer = twin.respond(HTTPRequest(.post, "/b1s/v2/\(target)", fields: fields, body: Array(body.utf8)), at: SystemClocks().now())
        try #require(answer.status < 300, "\(answer.bodyText)")
    }

    /// `1 bost_Open tNO 100.0`: each order with what became of it.
    private static func orders(_ twin: any LedgerTwin, _ wire: Locked<Line>) throws -> [String] {
        try rows("Orders", twin, wire).map { "\($0["DocEntry"]?.text ?? "") \($0["DocumentStatus"]?.string ?? "") \($0["Cancelled"]?.string ?? "") \($0["DocTotal"]?.text ?? "")" }
    }

    /// `17/1/0`: what the lines of the invoices that stand are drawn from.
    private static func bases(_ twin: any LedgerTwin, _ wire: Locked<Line>) throws -> [String] {
        try rows("Invoices", twin, wire).filter { $0["Cancelled"]?.string != "tYES" }.flatMap { $0["DocumentLines"]?.array ?? [] }.map { line in
            line["BaseType"]?.int == 17 ? "17/\(line["BaseEntry"]?.text ?? "")/\(line["BaseLine"]?.text ?? "")" : "-"
        }
    }

    // MARK: Documents

    /// What an ERP's order is: a sale that is not one for the books.
    private func order(_ units: Int = 10, version: Int64 = 1, draft: Bool = true, id: String = "order:SO-1", here: Country = server) -> SourceDocument {
        sold(units, version: version, id: id, here: here) { $0.isDraft = draft }
    }

    private func invoice(_ units: Int, _ id: String = "INV-1", version: Int64 = 1, of order: String? = "order:SO-1", here: Country = server) -> SourceDocument {
        sold(units, version: version, id: id, here: here) { ($0.isInvoice, $0.bills) = (true, order) }
    }

    private func sold(_ units: Int, version: Int64, id: String, here: Country, _ change: (inout Sale) -> Void) -> SourceDocument {
        let total = here.money(1_000 * Int64(units))
        let line = SaleLine(
            id: "L1", sku: "CUP", title: "Cup", group: "cups", quantity: ExactDecimal(units), gross: total, discount: here.money(0), net: total,
            taxes: [TaxPart(jurisdiction: here.currency == .gbp ? "GB" : "US-PA", rate: .zero, amount: here.money(0))])
        var body = Sale(number: id, source: "erp", currency: here.currency, taxIncluded: false, lines: [line], total: total)
        change(&body)
        return SourceDocument(id: id, caseID: id, version: version, at: at("2026-11-02T10:00:00Z"), body: .sale(body))
    }

    private func cancelled(_ id: String, _ kind: Cancellation.Kind = .voided) -> SourceDocument {
        SourceDocument(id: "\(id)/end", caseID: id, version: 9, at: at("2026-11-03T10:00:00Z"), body: .cancellation(Cancellation(kind: kind)))
    }

    // MARK: Tests

    @Test("an order stands there as one, is changed under its number, and is closed by the invoice that is drawn from it; the books know the invoice alone")
    func whole() async throws {
        try await Self.with { desk, twin, wire in
            try await desk.run(order())
            #expect(try await desk.states() == ["sales_order order:SO-1": "reconciled"], "\(desk.log.with { String($0.suffix(2_000)) })")
            #expect(try Self.orders(twin, wire) == ["1 bost_Open tNO 100.0"] && twin.entries().isEmpty)
            try await desk.run(order(), order(12, version: 2))
            #expect(try Self.orders(twin, wire) == ["1 bost_Open tNO 120.0"] && wire.with { $0.writes } == ["POST Orders", "PATCH Orders(1)"])
            #expect(try await desk.unexplained() == 0)
            try await desk.run(order(12, version: 3, draft: false))
            try await desk.later()
            #expect(try await desk.states() == ["invoice order:SO-1": "reconciled", "sales_order order:SO-1": "reconciled"])
            #expect(try Self.orders(twin, wire) == ["1 bost_Close tNO 120.0"] && Self.bases(twin, wire) == ["17/1/0"])
            #expect(wire.with { $0.writes.dropFirst(2) } == ["POST Invoices"], "it closed by itself")
            #expect(here(twin) == 12_000 && twin.entries().filter(\.live).count == 1)
            #expect(try await desk.unexplained() == 0)
            let proof = try await desk.house.owner.query("SELECT source_minor, posted_minor FROM app.proofs WHERE account = ''")
            #expect(try proof.map { try $0.get("source_minor", as: Int64.self) } == [12_000] && proof.map { try $0.get("posted_minor", as: Int64.self) } == [12_000])
        }
    }

    private func here(_ twin: any LedgerTwin) -> Int64 { Self.server.balance(twin, Self.server.owed) }

    @Test("an order that is cancelled is cancelled there; one that was invoiced, once its invoice is taken back") func voided() async throws {
        try await Self.with { desk, twin, wire in
            try await desk.run(order(), order(3, draft: false, id: "order:SO-2"))
            try await desk.run(cancelled("order:SO-1", .cancelled))
            #expect(try await desk.states()["sales_order order:SO-1"] == "voided")
            #expect(try Self.orders(twin, wire) == ["1 bost_Close tYES 100.0"])
            // What was a sale from the first is no order.
            #expect(try await desk.states().keys.sorted() == ["invoice order:SO-2", "sales_order order:SO-1"])
        }
        try await Self.with { desk, twin, wire in
            try await desk.run(order())
            try await desk.run(order(version: 2, draft: false))
            #expect(try Self.orders(twin, wire) == ["1 bost_Close tNO 100.0"])
            try await desk.run(cancelled("order:SO-1"))
            for _ in 0 ..< 2 { try await desk.later() }
            #expect(try await desk.states() == ["invoice order:SO-1": "voided", "sales_order order:SO-1": "voided"])
            // Cancelled, the invoice opens it again.
            #expect(try Self.orders(twin, wire) == ["1 bost_Close tYES 100.0"] && here(twin) == 0)
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("invoices of their own draw from the order that they name, part by part, and the last one closes it", arguments: [false, true])
    func parts(asItems: Bool) async throws {
        try await Self.with(asItems ? Self.stocked : Self.server) { desk, twin, wire in
            try await desk.run(order(), invoice(6))
            #expect(try await desk.states() == ["invoice INV-1": "reconciled", "sales_order order:SO-1": "reconciled"])
            #expect(try Self.bases(twin, wire) == ["17/1/0"])
            #expect(try Self.orders(twin, wire) == ["1 \(asItems ? "bost_Open" : "bost_Close") tNO 100.0"])
            // A change that the ledger can't take any more waits by name, and keeps nothing back.
            try await desk.run(order(11, version: 2))
            #expect(try await desk.checks("sales_order", "order:SO-1") == ["order_billed"])
            try await desk.run(order(10, version: 3))
            #expect(try await desk.states()["sales_order order:SO-1"] != "held")
            try await desk.run(invoice(4, "INV-2"))
            for _ in 0 ..< 2 { try await desk.later() }
            #expect(Set(try await desk.states().values) == ["reconciled"])
            #expect(try Self.bases(twin, wire) == (asItems ? ["17/1/0", "17/1/0"] : ["17/1/0", "-"]))
            #expect(try Self.orders(twin, wire) == ["1 bost_Close tNO 100.0"])
            #expect(here(twin) == 10_000)
            #expect(try await desk.unexplained() == 0)
            #expect(wire.with { $0.writes.filter { $0.contains("Orders") } } == ["POST Orders"])
        }
    }

    @Test("an invoice that is told before its order goes without it, and no order is opened beside it") func late() async throws {
        try await Self.with { desk, twin, wire in
            try await desk.run(invoice(10))
            try await desk.run(order())
            #expect(try await desk.states() == ["invoice INV-1": "reconciled"])
            #expect(try Self.orders(twin, wire).isEmpty && here(twin) == 10_000)
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("an order that somebody cancelled or closed there keeps no invoice back, and none is opened for it", arguments: ["Cancel", "Close"])
    func byHand(action: String) async throws {
        try await Self.with { desk, twin, wire in
            try await desk.run(order())
            try Self.act("Orders(1)/\(action)", twin, wire)
            try await desk.run(order(version: 2, draft: false))
            try await desk.later()
            #expect(Set(try await desk.states().values) == ["reconciled"] && here(twin) == 10_000)
            #expect(try Self.bases(twin, wire) == ["-"] && Self.orders(twin, wire).count == 1)
        }
    }

    @Test("an invoice that is other than its order is not drawn from it, and the order is closed behind it") func another() async throws {
        try await Self.with(Self.stocked) { desk, twin, wire in
            try await desk.run(order(3))
            try await desk.run(order(4, version: 2, draft: false))
            for _ in 0 ..< 2 { try await desk.later() }
            #expect(Set(try await desk.states().values) == ["reconciled"] && here(twin) == 4_000)
            #expect(try Self.bases(twin, wire) == ["-"])
            #expect(try Self.orders(twin, wire) == ["1 bost_Close tYES 30.0"], "nothing was drawn from it")
        }
    }

    @Test("what a person invoiced there of an order is not invoiced a second time; once theirs is cancelled ours goes", arguments: [nil, 4])
    func invoicedThere(units: Int?) async throws {
        try await Self.with(Self.stocked) { desk, twin, wire in
            let person = try #require(twin as? SapBusinessOneTwin)
            try await desk.run(order())
            try #require(person.copyToInvoice(order: 1, in: "SBODemoGB", units: units.map { ExactDecimal($0) }) == 1)
            let theirs = Int64(units ?? 10) * 1_000
            try await desk.run(invoice(10))
            #expect(try await desk.states() == ["invoice INV-1": "rejected", "sales_order order:SO-1": "reconciled"])
            #expect(try await desk.house.count("SELECT count(*) FROM app.postings WHERE subject = 'INV-1' AND fault->>'code' = 'ledger_order_invoiced'") == 1)
            #expect(here(twin) == theirs)
            if units != nil {
                // Of what is left ours is drawn.
                try await desk.run(invoice(6, "INV-2"))
                #expect(try await desk.states()["invoice INV-2"] == "reconciled" && here(twin) == 10_000)
                return
            }
            try Self.act("Invoices(1)/Cancel", twin, wire)
            try await desk.order(.release, try await desk.posting("invoice", "INV-1").key)
            for _ in 0 ..< 3 { try await desk.later() }
            #expect(try await desk.states() == ["invoice INV-1": "reconciled", "sales_order order:SO-1": "reconciled"])
            #expect(here(twin) == 10_000 && twin.entries().filter(\.live).count == 1)
            #expect(try Self.orders(twin, wire) == ["1 bost_Close tNO 100.0"])
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("an invoice that is changed is taken back there, which opens its order: what it does not draw again is closed again", arguments: [8, 12])
    func changedInvoice(units: Int) async throws {
        try await Self.with(Self.stocked) { desk, twin, wire in
            try await desk.run(order())
            try await desk.run(order(version: 2, draft: false))
            try await desk.later()
            #expect(try Self.orders(twin, wire) == ["1 bost_Close tNO 100.0"])
            try await desk.run(order(units, version: 3, draft: false))
            for _ in 0 ..< 2 { try await desk.later() }
            #expect(Set(try await desk.states().values) == ["reconciled"] && here(twin) == Int64(units) * 1_000)
            #expect(try Self.orders(twin, wire).first?.hasPrefix("1 bost_Close") == true)
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("an order that comes down to what was invoiced is closed, and one that rises behind its last invoice is told") func totals() async throws {
        try await Self.with(Self.stocked) { desk, twin, wire in
            try await desk.run(order(), invoice(6))
            try await desk.run(order(8, version: 2))
            #expect(try await desk.checks("sales_order", "order:SO-1") == ["order_billed"])
            try await desk.run(order(6, version: 3))
            try await desk.later()
            #expect(try Self.orders(twin, wire) == ["1 bost_Close tNO 100.0"])
            #expect(Set(try await desk.states().values) == ["reconciled"])
            try await desk.run(order(9, version: 4))
            #expect(try await desk.checks("sales_order", "order:SO-1") == ["order_billed"])
            #expect(wire.with { $0.writes.filter { $0.contains("Orders") } } == ["POST Orders", "POST Orders(1)/Close"])
        }
    }

    @Test("an order whose lines are not told yet is not written, and one that has none any more is cancelled") func empty() async throws {
        let bare = sold(0, version: 3, id: "order:SO-1", here: Self.server) { ($0.isDraft, $0.lines) = (true, []) }
        var first = bare
        first.version = 1
        try await Self.with { [first] desk, twin, wire in
            try await desk.run(first)
            #expect(try await desk.states().isEmpty)
            try await desk.run(order(version: 2))
            #expect(try Self.orders(twin, wire) == ["1 bost_Open tNO 100.0"])
            try await desk.run(bare)
            #expect(try await desk.states() == ["sales_order order:SO-1": "voided"])
            #expect(try Self.orders(twin, wire) == ["1 bost_Close tYES 100.0"])
        }
    }

    @Test("an invoice that names another order than before, or one for the first time, closes that one and no other", arguments: [nil, "order:SO-1"])
    func renamed(first: String?) async throws {
        try await Self.with(Self.stocked) { desk, twin, wire in
            try await desk.run(order())
            try await desk.run(order(id: "order:SO-2"))
            try await desk.run(invoice(6, of: first))
            try await desk.run(invoice(6, version: 2, of: "order:SO-2"), invoice(4, "INV-2", of: "order:SO-2"))
            for _ in 0 ..< 2 { try await desk.later() }
            #expect(try await desk.states()["sales_order order:SO-2"] == "reconciled")
            #expect(try PlanCodec.decode(try await desk.posting("sales_order", "order:SO-2").plan).closedBehind == "INV-1@1, INV-2@1")
            #expect(try PlanCodec.decode(try await desk.posting("sales_order", "order:SO-1").plan).isClosed == false)
            #expect(try Self.orders(twin, wire).map { $0.split(separator: " ")[1] } == ["bost_Open", "bost_Close"] && here(twin) == 10_000)
            // Named no more, it is an invoice of nothing, and the order stands to be invoiced.
            try await desk.run(invoice(6, version: 3, of: nil))
            #expect(try PlanCodec.decode(try await desk.posting("sales_order", "order:SO-2").plan).isClosed == false)
        }
    }

    @Test("orders that stand when the policy is taken away are drawn and closed by invoices of their own all the same") func policyTakenAway() async throws {
        try await Self.with(Self.stocked) { desk, twin, wire in
            try await desk.run(order())
            try await desk.run(order(id: "order:SO-2"))
            try await desk.house.owner.query("UPDATE app.flows SET policies = policies || '{\"sales_orders\":\"off\"}' WHERE tenant_id = \(desk.house.tenant)")
            try await desk.run(order(id: "order:SO-3"), invoice(10))
            for _ in 0 ..< 2 { try await desk.later() }
            #expect(try await desk.states() == ["invoice INV-1": "reconciled", "sales_order order:SO-1": "reconciled", "sales_order order:SO-2": "reconciled"])
            #expect(try Self.orders(twin, wire) == ["1 bost_Close tNO 100.0", "2 bost_Open tNO 100.0"] && Self.bases(twin, wire) == ["17/1/0"])
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("whichever answer gets lost, there is one order, one invoice and nothing open", arguments: 1 ... 6)
    func lost(write: Int) async throws {
        try await Self.with(loses: write) { desk, twin, wire in
            func settle() async throws { for _ in 0 ..< 4 { try await desk.muchLater() } }
            try await desk.run(order())
            try await settle()
            #expect(try Self.orders(twin, wire).count == 1)
            try await desk.run(order(12, version: 2))
            try await settle()
            try await desk.run(order(12, version: 3, draft: false))
            try await settle()
            #expect(try await desk.states() == ["invoice order:SO-1": "reconciled", "sales_order order:SO-1": "reconciled"])
            #expect(try Self.orders(twin, wire) == ["1 bost_Close tNO 120.0"] && Self.bases(twin, wire) == ["17/1/0"] && here(twin) == 12_000)
            try await desk.run(cancelled("order:SO-1"))
            try await settle()
            #expect(try await desk.states() == ["invoice order:SO-1": "voided", "sales_order order:SO-1": "voided"])
            #expect(try Self.orders(twin, wire) == ["1 bost_Close tYES 120.0"] && here(twin) == 0)
            #expect(wire.with { $0.writes } == ["POST Orders", "PATCH Orders(1)", "POST Invoices", "POST Invoices(1)/Cancel", "POST Orders(1)/Cancel"])
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("the books are the same with orders and without", arguments: 1 ... 4)
    func same(seed: Int) async throws {
        func told(_ policies: [(name: String, value: String)]) async throws -> [String: Int64] {
            let sums = Locked<[String: Int64]>([:])
            let wire = Locked(Line())
            try await Self.stocked.with(policies, between: { Self.meet(wire, $0, $1, $2) }) { desk, twin in
                let random = SeededRandom(seed: UInt64(seed))
                var version: Int64 = 1
                func pick(_ most: Int) -> Int { Int(random.next() % UInt64(most)) }
                try await desk.run(order(8))
                for n in 1 ... 6 {
                    version += 1
                    switch pick(5) {
                    case 0: try await desk.run(order(5 + pick(6), version: version))
                    case 1, 2: try await desk.run(invoice(1 + pick(4), "INV-\(n)"))
                    case 3: try await desk.run(cancelled("INV-\(1 + pick(n))"))
                    default: try await desk.run(order(3 + pick(3), draft: false, id: "order:SO-\(n + 1)"))
                    }
                }
                for _ in 0 ..< 2 { try await desk.later() }
                #expect(try await desk.unexplained() == 0, "seed \(seed)")
                for line in twin.entries().filter(\.live).flatMap(\.lines) { sums.with { $0[line.account, default: 0] += line.baseMinor } }
            }
            return sums.with { $0 }
        }
        let without = try await told([]), with = try await told([("sales_orders", "mirror")])
        #expect(without == with && !without.isEmpty, "seed \(seed)")
    }

    @Test("where a ledger takes no orders they are held by name, and the sale goes all the same")
    func unsupported() async throws {
        let here = Country.kingdom
        try await here.with([("sales_orders", "mirror")]) { desk, _ in
            try await desk.run(order(here: here))
            #expect(try await desk.checks("sales_order", "order:SO-1") == ["form_unsupported"])
            try await desk.run(order(version: 2, draft: false, here: here))
            #expect(try await desk.states() == ["invoice order:SO-1": "reconciled", "sales_order order:SO-1": "superseded"])
        }
    }
}
