import Kernel
import Testing

@testable import Books

private func line(_ id: String, _ net: Int64, tax: Int64 = 0, at jurisdiction: String? = "GB", currency: Currency = .usd) -> SaleLine {
    SaleLine(
        id: id, sku: "CLAY", title: "Clay", group: "clay", quantity: ExactDecimal(2), gross: Money(minor: net, currency), discount: nil,
        net: Money(minor: net, currency), taxes: tax == 0 ? nil : [TaxPart(jurisdiction: jurisdiction, rate: d("0.2"), amount: Money(minor: tax, currency))])
}

private func bill(_ lines: [SaleLine], _ total: Int64, version: Int64 = 1, currency: Currency = .usd, rate: ExactDecimal? = nil, due: Timestamp? = nil, void: Bool = false) -> SourceDocument {
    SourceDocument(
        id: "bill:7", caseID: "bill:7", version: version, at: Timestamp(seconds: 1_793_600_000),
        body: .bill(
            Bill(number: "CW-1", supplier: "Clayworks", currency: currency, rate: rate, lines: lines, total: Money(minor: total, currency), due: due, isVoid: void)))
}

private func planned(_ document: SourceDocument, _ ledger: LedgerState = LedgerState(), in organisation: Organisation = shopUS) -> [PlannedPosting] {
    Planner.plan(OrderCase(id: "bill:7", [document]), organisation: organisation, policies: Policies(), ledger: ledger, codes: CodeBook())
}

@Suite("Suppliers' bills") struct BillTests {
    @Test("what is bought is debited, with its tax, and the payable is the supplier's")
    func plan() throws {
        let made = try #require(planned(bill([line("L1", 10_000, tax: 2_000), line("L2", -500)], 11_500)).first)
        #expect(made.form == .bill && made.findings.isEmpty && made.party == "Clayworks" && made.subject == "bill:7")
        #expect(made.lines.map(\.role.text) == ["purchases:clay", "input_tax:GB", "purchases:clay", "payable:Clayworks"])
        #expect(made.lines.map(\.amount.minor) == [10_000, 2_000, -500, -11_500])
        #expect(made.lines.map(\.taxCode) == [nil, "purchase:GB@20", nil, nil])
        let britain = Organisation(baseCurrency: .usd, country: "GB", zone: .utc, taxMode: .exclusive)
        #expect(planned(bill([line("L1", 10_000, tax: 2_000)], 12_000), in: britain)[0].lines.map(\.taxCode) == ["purchase:GB@20", "purchase:GB@20", nil])
        #expect(made.lines.filter { $0.part == .tax }.map(\.group) == ["L1"])
    }

    @Test("in a foreign currency every line has its value, and both sides come to the same", arguments: [1, 7, 33, 10_001] as [Int64])
    func foreign(minor: Int64) throws {
        let lines = [line("L1", minor, tax: minor / 5, currency: .eur), line("L2", minor, currency: .eur)]
        let made = try #require(planned(bill(lines, 2 * minor + minor / 5, currency: .eur, rate: d("1.0837"))).first)
        #expect(made.rate == d("1.0837") && made.lines.allSatisfy { $0.base?.currency == .usd })
        #expect(made.lines.compactMap(\.base).total(.usd).isZero && made.lines.map(\.amount).total(.eur).isZero)
    }

    @Test("the supplier's number heads the first line, and a code that the source states is taken for what is bought")
    func words() throws {
        var exempt = line("L1", 10_000)
        exempt.taxCode = "GB-EXEMPT"
        let made = try #require(planned(bill([exempt, line("L2", 500)], 10_500)).first)
        #expect(made.lines.map(\.text) == ["CW-1: Clay", "Clay", ""] && made.lines.map(\.taxCode) == ["purchase:GB-EXEMPT", nil, nil])
    }

    @Test("it is due when the supplier says, never before its own day; another due day is a change")
    func due() throws {
        func posted(_ due: Timestamp?, _ ledger: LedgerState = LedgerState()) throws -> PlannedPosting {
            try #require(planned(bill([line("L1", 10_000)], 10_000, due: due), ledger).first)
        }
        let plain = try posted(nil), later = try posted(Timestamp(seconds: 1_793_600_000 + 30 * 86_400))
        #expect(plain.due == nil && later.due == plain.date.adding(days: 30))
        #expect(try posted(Timestamp(seconds: 1_793_600_000 - 5 * 86_400)).due == plain.date)
        var policies = Policies()
        policies.closedPeriod = .firstOpenDay
        let order = OrderCase(id: "bill:7", [bill([line("L1", 10_000)], 10_000, due: Timestamp(seconds: 1_793_600_000 + 86_400))])
        let closed = LedgerState(lockDate: plain.date.adding(days: 9))
        let moved = try #require(Planner.plan(order, organisation: shopUS, policies: policies, ledger: closed, codes: CodeBook()).first)
        #expect(moved.date == plain.date.adding(days: 10) && moved.due == moved.date)
        let ledger = LedgerState(posted: [plain.id: PostedState(plan: plain)])
        #expect(ledger.action(for: later) == .revise(2) && ledger.action(for: plain) == .unchanged)
    }

    @Test("one that is void is not posted, and taken back where the ledger has it")
    func void() throws {
        let before = try #require(planned(bill([line("L1", 10_000)], 10_000)).first)
        let gone = bill([], 0, version: 2, void: true)
        #expect(planned(gone).isEmpty)
        let back = planned(gone, LedgerState(posted: [before.id: PostedState(plan: before)]))
        #expect(back.map(\.effect) == [.void] && back.map(\.id) == [before.id])
    }

    @Test("a total that its lines do not come to holds it, with the difference; tax without a jurisdiction has no code")
    func unsound() throws {
        let made = try #require(planned(bill([line("L1", 10_000)], 9_999)).first)
        #expect(made.findings.map(\.check) == ["bill_unbalanced"] && made.findings[0].figures["difference"]?.minor == -1)
        let nowhere = try #require(planned(bill([line("L1", 10_000, tax: 100, at: nil)], 10_100)).first)
        #expect(nowhere.lines.map(\.role.text) == ["purchases:clay", "input_tax", "payable:Clayworks"] && nowhere.lines.allSatisfy { $0.taxCode == nil })
        #expect(planned(bill([line("L1", 99_999_999_999_999)], 99_999_999_999_999)).map { $0.findings.map(\.check) } == [["amount_out_of_range"]])
    }
}
