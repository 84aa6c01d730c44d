import Books
import Kernel
import Mapping
import Postgres
import Store
import TestKit
import Testing
import TwinKit

@Suite("Suppliers' bills, through the whole program") struct BillTests {
    private static let taking: [Country] = [.america, .britain, .workshop, .office, .officeByLists]
    private static let others: [Country] = [.kingdom, .server]

    private func bill(_ here: Country, _ minor: Int64 = 10_000, version: Int64 = 1, void: Bool = false) -> SourceDocument {
        let taxes = [TaxPart(jurisdiction: here.currency == .gbp ? "GB" : "US-PA", rate: ExactDecimal("0.2"), amount: here.money(minor / 5))]
        let line = SaleLine(
            id: "L1", sku: "CLAY", title: "Clay", group: "clay", quantity: ExactDecimal(4), gross: here.money(minor), discount: nil, net: here.money(minor),
            taxes: taxes)
        let body = Bill(
            number: "CW-4711", supplier: "Clayworks", currency: here.currency, lines: void ? [] : [line], total: here.money(void ? 0 : minor + minor / 5),
            isVoid: void)
        return SourceDocument(id: "bill:BI-7", caseID: "bill:BI-7", version: version, at: at("2026-11-02T10:00:00Z"), body: .bill(body))
    }

    /// Everything that stands on payables there.
    private func owed(_ here: Country, _ twin: any LedgerTwin) -> Int64 { here.balance(twin, here.payable) }

    @Test("a bill is owed to its supplier there, is changed, and taken away, each to the cent; its day is proven", arguments: taking.indices)
    func posted(country index: Int) async throws {
        let here = Self.taking[index]
        try await here.with { desk, twin in
            try await desk.run(bill(here), here.sale())
            let states = try await desk.states()
            #expect(states == ["bill bill:BI-7": "reconciled", "invoice O-1": "reconciled"], "\(here.name): \(desk.log.with { String($0.suffix(2_000)) })")
            #expect(owed(here, twin) == -12_000, "\(here.name)")
            #expect(try await desk.unexplained() == 0)
            let days = try await desk.house.owner.query("SELECT source_minor, posted_minor FROM app.proofs WHERE account = ''")
            try #require(days.count == 1, "\(here.name)")
            let day = days[0]
            #expect(try day.get("source_minor", as: Int64.self) == -2_000 && day.get("posted_minor", as: Int64.self) == -2_000, "\(here.name)")
            try await desk.run(bill(here, 5_000, version: 2))
            #expect(owed(here, twin) == -6_000, "\(here.name)")
            #expect(twin.entries().filter { $0.live && $0.kind == "bill" }.count == 1, "\(here.name): \(twin.entries().map(\.kind))")
            try await desk.run(bill(here, version: 3, void: true))
            try await desk.later()
            #expect(owed(here, twin) == 0, "\(here.name)")
            #expect(try await desk.states()["bill bill:BI-7"] == "voided", "\(here.name)")
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("a ledger that takes no bills from us holds them, and what is held is open by name", arguments: others.indices)
    func unsupported(country index: Int) async throws {
        let here = Self.others[index]
        try await here.with { desk, _ in
            try await desk.run(bill(here))
            #expect(try await desk.states() == ["bill bill:BI-7": "held"], "\(here.name)")
            #expect(try await desk.unexplained() == 0, "\(here.name)")
        }
    }
}
