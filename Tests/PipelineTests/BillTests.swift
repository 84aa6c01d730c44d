import Books
import Kernel
import Mapping
import Postgres
import Store
import TestKit
import Testing
import TwinKit
import Wire

@Suite("Suppliers' bills, through the whole program") struct BillTests {
    private static let taking: [Country] = [.america, .britain, .server, .gateway, .workshop, .office, .officeByLists]
    private static let others: [Country] = [.kingdom]

    private func bill(_ here: Country, _ minor: Int64 = 10_000, version: Int64 = 1, due: String? = nil, void: Bool = false) -> SourceDocument {
        let taxes = [TaxPart(jurisdiction: here.currency == .gbp ? "GB" : "US-PA", rate: ExactDecimal("0.2"), amount: here.money(minor / 5))]
        let line = SaleLine(
            id: "L1", sku: "CLAY", title: "Clay", group: "clay", quantity: ExactDecimal(4), gross: here.money(minor), discount: nil, net: here.money(minor),
            taxes: taxes)
        let body = Bill(
            number: "CW-4711", supplier: "Clayworks", currency: here.currency, lines: void ? [] : [line], total: here.money(void ? 0 : minor + minor / 5),
            due: due.map { at($0) }, isVoid: void)
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

    @Test("a bill whose answer got lost is found and not written twice; another due day is told, and lost once it is told again", arguments: taking.indices)
    func lost(country index: Int) async throws {
        let here = Self.taking[index], loses = Locked(0), sent = Locked<[String]>([])
        try await here.with(between: { twin, request, answer in
            let isWrite = twin.purpose(of: request) == .write
            if isWrite { sent.with { $0.append(String(decoding: request.body, as: UTF8.self)) } }
            let answered = answer(request)
            let isLost = loses.with { left in
                guard isWrite, left > 0 else { return false }
                left -= 1
                return true
            }
            return isLost ? .text(504, "Gateway Timeout") : answered
        }) { desk, twin in
            // The supplier is there by then: what gets lost is the bill's own answer.
            try await desk.run(bill(here))
            try await desk.run(bill(here, version: 2, void: true))
            try await desk.later()
            let other = SourceDocument(id: "bill:BI-8", caseID: "bill:BI-8", version: 1, at: at("2026-11-02T10:00:00Z"), body: bill(here, due: "2026-12-02T10:00:00Z").body)
            loses.with { $0 = 1 }
            try await desk.run(other)
            for _ in 0 ..< 3 { try await desk.muchLater() }
            #expect(loses.with { $0 } == 0 && owed(here, twin) == -12_000, "\(here.name)")
            #expect(try await desk.states()["bill bill:BI-8"] == "reconciled", "\(here.name)")
            var later = other
            later.version = 2
            later.body = bill(here, due: "2027-01-20T10:00:00Z").body
            loses.with { $0 = 1 }
            sent.with { $0 = [] }
            try await desk.run(later)
            for _ in 0 ..< 4 { try await desk.muchLater() }
            #expect(try await desk.states()["bill bill:BI-8"] == "reconciled", "\(here.name)")
            #expect(loses.with { $0 } == 0 && owed(here, twin) == -12_000, "\(here.name)")
            #expect(twin.entries().filter { $0.live && $0.kind == "bill" }.count == 1, "\(here.name)")
            let told = sent.with { $0 }.joined()
            #expect(told.contains("2027-01-20") || told.contains("<year>2027</year><month>01</month><day>20</day>"), "\(here.name): \(told)")
        }
    }

    @Test("in an entity of Sage Intacct's with VAT, the supplier's tax stands in its entries, once, and the books agree")
    func vat() async throws {
        var here = Country.gateway
        here.currency = .gbp
        (here.plan.ledgerAccount, here.plan.country, here.plan.currency) = ("Lakeside", "GB", "GBP")
        here.plan.structure = here.plan.structure.replacing("\"1350\"}}", with: "\"1350\"}, \"tax_codes\": {\"purchase:GB@20\": \"UK Purchase Standard\"}}")
        let country = here
        try await country.with { desk, twin in
            _ = try await desk.house.owner.query("UPDATE app.connections SET settings = '{\"entity\": \"200\"}' WHERE account = 'Lakeside'")
            try await desk.run(bill(country))
            #expect(try await desk.states() == ["bill bill:BI-7": "reconciled"])
            #expect(["2000", "1350", "6000"].map { country.balance(twin, $0) } == [-12_000, 2_000, 10_000])
            try await desk.run(bill(country, 5_000, version: 2))
            #expect(["2000", "1350", "6000"].map { country.balance(twin, $0) } == [-6_000, 1_000, 5_000])
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("a QuickBooks company in another country wants a tax code on each line: without one nothing is sent, with what to do")
    func abroad() async throws {
        let here = Country.america
        try await here.with { desk, twin in
            _ = try await desk.house.owner.query("UPDATE app.connections SET identity = '{\"country\": \"CA\"}' WHERE account = '9130350000000001'")
            try await desk.run(bill(here))
            #expect(try await desk.states() == ["bill bill:BI-7": "held"] && twin.entries().isEmpty)
            let findings = try PlanCodec.findings(try await desk.posting("bill", "bill:BI-7").findings)
            #expect(findings.map(\.check) == ["tax_code_unbound"] && findings[0].why.contains("CA"))
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
