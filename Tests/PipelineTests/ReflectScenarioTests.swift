import Books
import ConnectorKit
import Kernel
import Mapping
@testable import Pipeline
import Postgres
import Store
import TestKit
import Testing
import Wire

/// What an ERP invoices: one line, net and tax.
private func invoice(_ id: String, _ sku: String, net: Int64, tax: Int64, version: Int64 = 1) -> SourceDocument {
    let line = SaleLine(
        id: "L1", sku: sku, title: sku, group: "services", quantity: .one, gross: usd(net), discount: usd(0), net: usd(net),
        taxes: [TaxPart(jurisdiction: "US-PA", rate: ExactDecimal(coefficient: 8, scale: 2), amount: usd(tax))])
    var body = Sale(number: id, source: "erp", currency: .usd, taxIncluded: false, lines: [line], total: usd(net + tax))
    body.isInvoice = true
    return SourceDocument(id: id, caseID: id, version: version, at: at("2026-11-02T14:00:00Z"), body: .sale(body))
}

private func money(_ id: String, of invoice: String, _ minor: Int64) -> SourceDocument {
    SourceDocument(
        id: id, caseID: invoice, version: 1, at: at("2026-11-11T13:00:00Z"),
        body: .payment(Payment(gateway: "bank", amount: usd(minor), status: .success, reference: "WIRE-88")))
}

@Suite("What people do in the ledger, to the cent") struct ReflectScenarioTests {
    /// Invoices of 540.00 and 216.00; the first is paid in the ledger and the ERP repeats that, of the second somebody takes 20.00 and its tax off.
    @Test("a payment entered in the ledger and repeated by the ERP stands there once, the repetition held by name, and an edited invoice is 21.60 less, held and explained")
    func paymentAndDrift() async throws {
        try await Desk.reflecting(source: ScriptedSource(reflectionPlace: .fetched)) { desk in
            // As a connection is that only takes what it is sent: without a credential it never becomes live.
            try await desk.house.owner.query("UPDATE app.connections SET state = 'new', credential = NULL, identity = '{}' WHERE id = \(desk.house.source)")
            try await desk.run(invoice("I-2501", "SERV-1", net: 50_000, tax: 4_000), invoice("I-2502", "SERV-2", net: 20_000, tax: 1_600))
            #expect(Set(desk.books.entries.map(\.total)) == [54_000, 21_600])
            try await desk.there("I-2501") { $0.theirs = 54_000 }
            try await desk.run(money("P-2501", of: "I-2501", 54_000))
            try await desk.there("I-2502") { $0.total = 19_440 }
            try await desk.later()
            #expect(try await desk.states() == ["invoice I-2501": "reconciled", "payment P-2501": "held", "invoice I-2502": "manual"])
            #expect(try await desk.checks("payment", "P-2501") == ["paid_in_ledger"])
            // One payment in all, and it is the ledger's own.
            #expect(desk.books.entries.map(\.form) == ["invoice", "invoice"] && Set(desk.books.entries.map(\.total)) == [54_000, 19_440])
            let drift = try PlanCodec.findings(try await desk.posting("invoice", "I-2502").findings)
            #expect(drift.map(\.check) == ["drift"] && drift.map(\.why) == ["total: confirmed as 216.00 USD, the ledger has 194.40 USD"])
            #expect(try await desk.unexplained() == 0)
            // What the ERP fetches.
            let list = try await desk.house.supervisor.fetchedReflections(desk.house.tenant, desk.house.source, after: 0, limit: 50)
            let items = try list.map { row throws(Fault) in try JSON(parsing: row.json) }
            #expect(items.map { "\($0["subject"]?.string ?? "") \($0["state"]?.string ?? "") \($0["paid"]?.string ?? "-")" }.suffix(1) == ["I-2501 paid 540.00"])
            #expect(items.count == 3 && items.compactMap { $0["seq"]?.int } == [1, 2, 3])
            #expect(try await desk.house.supervisor.fetchedReflections(desk.house.tenant, desk.house.source, after: 3, limit: 50).isEmpty)
            #expect(try await desk.finding() == ["reflection_asked: amount: total: confirmed as 216.00 USD, the ledger has 194.40 USD"])
        }
    }
}

private let accounts = """
    {"accounts": {"sales:garden": "GARDEN", "sales:homeware": "4030", "shipping_income": "4090", "receivable:*": "1200", "clearing:*": "1310", "tax_payable:*": "2200"}}
    """

/// An order of one or two lines with 8 % tax, and 7.00 of untaxed shipping.
private func order(_ id: String, _ lines: [(group: String, net: Int64, tax: Int64)], ships: Int64 = 0) -> [SourceDocument] {
    let sold = lines.enumerated().map { n, line in
        SaleLine(
            id: "L\(n + 1)", sku: "\(line.group)-\(n + 1)", title: line.group, group: line.group, quantity: .one, gross: usd(line.net), discount: usd(0), net: usd(line.net),
            taxes: [TaxPart(jurisdiction: "US-PA", rate: ExactDecimal(coefficient: 8, scale: 2), amount: usd(line.tax))])
    }
    let shipping = ships == 0 ? [] : [ShippingLine(id: "S1", title: "Parcel", amount: usd(ships), discount: usd(0), net: usd(ships), taxes: [])]
    let total = lines.map { $0.net + $0.tax }.reduce(ships, +)
    let body = Sale(number: id, source: "shop", currency: .usd, taxIncluded: false, lines: sold, shipping: shipping, total: usd(total))
    let placed = at("2026-11-09T16:00:00Z"), number = id.dropFirst(2)
    return [
        SourceDocument(id: id, caseID: id, version: 1, at: placed, body: .sale(body)),
        SourceDocument(id: "P-\(number)", caseID: id, version: 1, at: placed, body: .payment(Payment(gateway: "card", amount: usd(total), status: .success))),
    ]
}

extension ReflectScenarioTests {
    /// The account of one group and that of shipping are made inactive at noon; later the group is bound to another.
    @Test("what uses an inactive account is held whole, with its payment; others go on, and what is bound to another account follows, to the cent")
    func inactive() async throws {
        try await Desk.with { desk in
            let house = desk.house
            func bind(_ garden: String) async throws {
                let body = Array(accounts.split(separator: "GARDEN", omittingEmptySubsequences: false).joined(separator: garden).utf8)
                _ = try await house.supervisor.transaction { tx throws(Fault) in try await tx.putVersion(.structure, house.tenant, body: body, actor: "test") }
            }
            func chart(active: Bool) async throws {
                desk.books.state.with { state in
                    state.accounts = ["1200", "1310", "2200", "4011", "4030"].map { ($0, true) } + [("4010", active), ("4090", active)]
                }
                try await desk.minutesPass(20)
            }
            func arrive(_ documents: [SourceDocument]) async throws {
                try await desk.arrive(records: documents.map { ScriptedSource.record($0, delivery: desk.next()) })
                try await desk.work()
                try await desk.later()
            }
            try await bind("4010")
            try await chart(active: true)
            try await arrive(order("O-3901", [("garden", 2_000, 160)]))
            try await chart(active: false)
            try await arrive(order("O-3902", [("garden", 5_000, 400), ("homeware", 1_000, 80)]))
            try await arrive(order("O-3903", [("homeware", 3_000, 240)]))
            try await arrive(order("O-3904", [("homeware", 2_500, 200)], ships: 700))
            #expect(try await desk.states() == [
                "invoice O-3901": "reconciled", "payment P-3901": "reconciled", "invoice O-3902": "held", "payment P-3902": "held",
                "invoice O-3903": "reconciled", "payment P-3903": "reconciled", "invoice O-3904": "held", "payment P-3904": "held",
            ])
            let finding = try #require(try PlanCodec.findings(try await desk.posting("invoice", "O-3902").findings).first)
            #expect(finding.check == "inactive_account" && finding.why.contains("sales:garden") && !finding.remedy.isEmpty)
            #expect(try await desk.checks("payment", "P-3902") == ["waits_for_original"])
            #expect(
                try await desk.alerts() == ["account/\(house.ledger)", "held/\(house.flow)/inactive_account"].flatMap { key in ["4010", "4090"].map { "\(key)/\($0)" } },
                "one for each account, not for each document")
            try await bind("4011")
            try await desk.work()
            try await desk.later()
            let states = try await desk.states()
            #expect(states["invoice O-3902"] == "reconciled" && states["payment P-3902"] == "reconciled")
            #expect(states["invoice O-3904"] == "held" && states["payment P-3904"] == "held")
            var balances: [String: Int64] = [:]
            for entry in desk.books.entries { balances.merge(entry.accounts) { $0 + $1 } }
            #expect(balances["4010"] == -2_000 && balances["4011"] == -5_000 && balances["4030"] == -4_000 && balances["4090"] == nil)
            #expect(desk.books.entries.map(\.total) == [2_160, 2_160, 3_240, 3_240, 6_480, 6_480])
            #expect(try await desk.unexplained() == 0)
        }
    }
}
