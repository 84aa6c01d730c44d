import Books
import ConnectorKit
import Kernel
import Mapping
import Postgres
import Store
import TestKit
import Testing
import TwinKit
import TwinQuickBooksOnline
import Wire

/// A British company of QuickBooks Online's behind the whole program: its own books say what came there.
@Suite("QuickBooks Online in Britain") struct AbroadTests {
    private static let island: Country = {
        var out = Country.america
        out.name = "QuickBooks Online in Britain"
        out.currency = .gbp
        (out.plan.country, out.plan.currency) = ("GB", "GBP")
        let codes = #", "tax_codes": {"GB@20": "2", "GB@0": "5", "purchase:GB@20": "2"}}"#
        out.plan.structure = out.plan.structure.replacing("\"input_tax:*\": \"6100\"}}", with: "\"input_tax:*\": \"2200\"}\(codes)")
        out.plan.structure = out.plan.structure.replacing("{\"accounts\": {", with: "{\"accounts\": {\"sales_discounts\": \"4900\", ")
        out.make = {
            try QuickBooksOnlineTwin(country: .unitedKingdom, journal: TwinJournal(inMemory: []), limits: .none, random: SeededRandom(seed: 7))
        }
        return out
    }()

    /// So much net, with the tax that the shop made of it.
    private static func sale(_ order: String, net: Int64, tax: Int64, rate: String = "0.2", discount: Int64 = 0) -> SourceDocument {
        let here = island
        let line = SaleLine(
            id: "L1", sku: "CUP", title: "Cup", group: "cups", quantity: .one, gross: here.money(net + discount), discount: here.money(discount), net: here.money(net),
            taxes: [TaxPart(jurisdiction: "GB", rate: ExactDecimal(rate), amount: here.money(tax))])
        let body = Sale(number: "#\(order)", source: "shop", currency: .gbp, taxIncluded: false, lines: [line], total: here.money(net + tax))
        return SourceDocument(id: order, caseID: order, version: 1, at: at("2026-11-02T10:00:00Z"), body: .sale(body))
    }

    private static func abroad(_ desk: Desk) async throws {
        _ = try await desk.house.owner.query("UPDATE app.connections SET identity = '{\"country\": \"GB\"}' WHERE account = '9130350000000001'")
    }

    @Test("what the shop charged is what is declared, to the penny, where QuickBooks' own figures are others; a discount lowers its line's tax") func charged() async throws {
        let here = Self.island
        try await here.with { desk, twin in
            try await Self.abroad(desk)
            try await desk.run(Self.sale("O-1", net: 833, tax: 166), here.payment("P-1", of: "O-1", 999), Self.sale("O-2", net: 900, tax: 180, discount: 100))
            #expect(
                try await desk.states() == ["invoice O-1": "reconciled", "payment P-1": "reconciled", "invoice O-2": "reconciled"],
                "\(desk.log.with { String($0.suffix(2_000)) })")
            #expect(here.balance(twin, "2200") == -346 && here.balance(twin, "1200") == 1_080 && here.balance(twin, "1310") == 999)
            #expect(here.balance(twin, "4010") + here.balance(twin, "4900") == -1_733)
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("a rate that no tax code is bound to holds its document before anything is sent") func unbound() async throws {
        let here = Self.island
        try await here.with { desk, twin in
            try await Self.abroad(desk)
            try await desk.run(Self.sale("O-1", net: 1_000, tax: 50, rate: "0.05"))
            #expect(try await desk.states() == ["invoice O-1": "held"] && twin.entries().isEmpty)
            #expect(try PlanCodec.findings(try await desk.posting("invoice", "O-1").findings).map(\.check) == ["unmapped_tax_code"])
        }
    }

    @Test("where the country is not known, Britain refuses by itself, and nothing stands there") func unknownCountry() async throws {
        let here = Self.island
        try await here.with { desk, twin in
            try await desk.run(Self.sale("O-1", net: 1_000, tax: 200))
            // A total alone counts for nothing there; here it happens to be what the codes come to.
            #expect(try await desk.states() == ["invoice O-1": "reconciled"])
            try await desk.run(Self.sale("O-2", net: 833, tax: 166))
            #expect(try await desk.states()["invoice O-2"] == "manual", "a penny off is seen")
            #expect(here.balance(twin, "2200") == -367)
        }
    }
}
