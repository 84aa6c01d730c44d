import Books
import ConnectorKit
import FreeAgent
import HTTPServer
import Kernel
@testable import Pipeline
import Postgres
import QuickBooksOnline
import Store
import TestKit
import Testing
import TwinFreeAgent
import TwinKit
import TwinQuickBooksOnline
import TwinXero
import Wire
import Xero

/// A ledger's twin with its real connector behind the real pipeline.
private struct Country: Sendable {
    var name: String
    var currency: Currency
    var plan: House.Plan
    var connector: any LedgerConnector
    var make: @Sendable () throws -> any LedgerTwin
    /// Accounts of the twin, by what they are here.
    var bank: String, clearing: String, fees: String, owed: String

    static let america = Country(
        name: "QuickBooks Online", currency: .usd,
        plan: {
            var plan = House.Plan()
            plan.ledgerAccount = "9130350000000001"
            plan.structure = #"""
                {"accounts": {"sales:*": "4010", "receivable:*": "1200", "clearing:*": "1310", "tax_payable:*": "2200", "returns_allowances": "4910",
                  "bank:*": "1000", "bank_fees": "7900", "processor_fees": "7900", "chargebacks": "7900", "chargeback_fees": "7900",
                  "customer_deposits": "2310", "deferred_revenue": "2320"}}
                """#
            return plan
        }(),
        connector: QuickBooksOnlineConnector(), make: { try QuickBooksOnlineTwin(journal: TwinJournal(inMemory: []), limits: .none, random: SeededRandom(seed: 7)) },
        bank: "1000", clearing: "1310", fees: "7900", owed: "1200")

    static let britain = Country(
        name: "Xero", currency: .gbp,
        plan: {
            var plan = House.Plan()
            plan.ledgerAccount = XeroTwin.tenantID
            plan.country = "GB"
            plan.currency = "GBP"
            plan.structure = #"""
                {"accounts": {"sales:*": "200", "receivable:*": "610", "clearing:*": "611", "tax_payable:*": "820", "returns_allowances": "206",
                  "bank:*": "090", "bank_fees": "860", "processor_fees": "860", "chargebacks": "860", "chargeback_fees": "860",
                  "customer_deposits": "831", "deferred_revenue": "832"}, "tax_codes": {"GB@0": "ZERORATEDOUTPUT"}}
                """#
            return plan
        }(),
        connector: XeroConnector(),
        make: {
            try XeroTwin(
                journal: TwinJournal(inMemory: []), limits: XeroLimits(callsPerMinute: 1_000_000, callsPerDay: 1_000_000, appCallsPerMinute: 1_000_000),
                random: SeededRandom(seed: 7))
        },
        bank: "090", clearing: "611", fees: "860", owed: "610")

    /// Money that moves stands on bank accounts there, what a processor holds and what was paid in advance too.
    static let kingdom = Country(
        name: "FreeAgent", currency: .gbp,
        plan: {
            var plan = House.Plan()
            plan.ledgerAccount = "thamespottery"
            plan.country = "GB"
            plan.currency = "GBP"
            plan.structure = #"""
                {"accounts": {"sales:*": "010", "receivable:*": "681", "clearing:*": "750-4", "tax_payable:*": "819", "returns_allowances": "014",
                  "bank:*": "750-1", "bank_fees": "363", "processor_fees": "363", "chargebacks": "363", "chargeback_fees": "363",
                  "customer_deposits": "750-2", "deferred_revenue": "731"}, "tax_codes": {"GB@0": "0"}}
                """#
            return plan
        }(),
        connector: FreeAgentConnector(),
        make: {
            try FreeAgentTwin(
                journal: TwinJournal(inMemory: []), limits: FreeAgentLimits(callsPerMinute: 1_000_000, callsPerHour: 1_000_000, refreshesPerMinute: 1_000_000),
                random: SeededRandom(seed: 7))
        },
        bank: "750-1", clearing: "750-4", fees: "363", owed: "681")

    func money(_ minor: Int64) -> Money { Money(minor: minor, currency) }

    func sale(_ order: String = "O-1", _ minor: Int64 = 10_000, version: Int64 = 1) -> SourceDocument {
        let line = SaleLine(
            id: "L1", sku: "CUP", title: "Cup", group: "cups", quantity: .one, gross: money(minor), discount: money(0), net: money(minor),
            taxes: [TaxPart(jurisdiction: currency == .gbp ? "GB" : "US-PA", rate: .zero, amount: money(0))])
        let body = Sale(number: "#\(order)", source: "shop", currency: currency, taxIncluded: false, lines: [line], total: money(minor))
        return SourceDocument(id: order, caseID: order, version: version, at: at("2026-11-02T10:00:00Z"), body: .sale(body))
    }

    func payment(_ id: String = "P-1", of order: String = "O-1", _ minor: Int64 = 10_000, gateway: String = "card", reference: String? = nil) -> SourceDocument {
        SourceDocument(
            id: id, caseID: order, version: 1, at: at("2026-11-02T10:01:00Z"),
            body: .payment(Payment(gateway: gateway, amount: money(minor), status: .success, reference: reference)))
    }

    func payout(_ fee: Int64 = 320, status: Payout.Status = .paid, version: Int64 = 1) -> SourceDocument {
        let row = PayoutRow(id: "b1", kind: .charge, ref: "P-1", amount: money(10_000), fee: money(fee), net: money(10_000 - fee))
        return SourceDocument(
            id: "PO-1", caseID: "PO-1", version: version, at: at("2026-11-04T08:00:00Z"),
            body: .payout(Payout(gateway: "card", amount: money(10_000 - fee), status: status, rows: [row])))
    }

    func with(_ policies: [(name: String, value: String)] = [], _ body: @Sendable (Desk, any LedgerTwin) async throws -> Void) async throws {
        let twin = try make()
        let clocks = SystemClocks()
        let name = String(twin.prefix.dropFirst()) + "-refresh-0"
        let request = try #require(twin.refresh(with: name))
        let token = try #require(try JSON(parsing: twin.respond(request, at: clocks.now()).body)["access_token"]?.string)
        var plan = plan
        plan.policies = policies
        plan.credential = "{\"access_token\": \"\(token)\"}"
        try await Desk.with(plan, connector: connector, answering: { twin.respond($0, at: clocks.now()) }) { desk in try await body(desk, twin) }
    }

    /// What the twin's own books say of an account.
    func balance(_ twin: any LedgerTwin, _ account: String) -> Int64 {
        twin.entries().filter(\.live).flatMap(\.lines).filter { $0.account == account }.map(\.baseMinor).reduce(0, +)
    }
}

@Suite("Gathered money in the ledgers' own books") struct TwinTests {
    private static let countries: [Country] = [.america, .britain, .kingdom]
    /// FreeAgent takes no sales and money together.
    private static let gathering: [Country] = [.america, .britain]

    /// What is not done, with the reason.
    private static func stopped(_ desk: Desk) async throws -> String {
        let sql: SQL = """
            SELECT coalesce(string_agg(form || ' ' || state || ' ' || findings || coalesce(fault::text, ''), '; '), '') AS text
            FROM app.postings WHERE state NOT IN ('reconciled', 'superseded', 'voided')
            """
        return try await desk.house.owner.query(sql)[0].get("text")
    }

    @Test("a payout reaches the bank, is revised, comes back and is taken away, each time to the cent", arguments: countries.indices)
    func payout(country index: Int) async throws {
        let here = Self.countries[index]
        try await here.with { desk, twin in
            try await desk.run(here.sale(), here.payment(), here.payout())
            #expect(try await Self.stopped(desk) == "", "\(here.name)")
            #expect(here.balance(twin, here.bank) == 9_680, "\(here.name)")
            #expect(here.balance(twin, here.clearing) == 0, "\(here.name)")
            #expect(here.balance(twin, here.fees) == 320, "\(here.name)")
            #expect(here.balance(twin, here.owed) == 0, "\(here.name)")
            #expect(try await desk.unexplained() == 0)
            try await desk.run(here.payout(420, version: 2))
            #expect(here.balance(twin, here.bank) == 9_580, "\(here.name)")
            #expect(here.balance(twin, here.fees) == 420, "\(here.name)")
            try await desk.run(here.payout(420, status: .failed, version: 3))
            try await desk.later()
            #expect(here.balance(twin, here.bank) == 0, "\(here.name)")
            #expect(here.balance(twin, here.clearing) == 9_580, "\(here.name)")
            #expect(try await desk.states()["payout PO-1"] == "reconciled", "\(here.name)")
            try await desk.run(here.payout(420, status: .cancelled, version: 4))
            try await desk.later()
            #expect(here.balance(twin, here.clearing) == 10_000, "\(here.name)")
            #expect(here.balance(twin, here.fees) == 0, "\(here.name)")
            let left = try await Self.stopped(desk)
            #expect(left == "", "\(here.name)")
            #expect(try await desk.states()["payout PO-1"] == "voided", "\(here.name)")
        }
    }

    @Test("a day's summary stands there once and follows its members", arguments: gathering.indices)
    func summary(country index: Int) async throws {
        let here = Self.gathering[index]
        try await here.with([("posting", "daily_summary")]) { desk, twin in
            try await desk.run(here.sale(), here.payment(), here.sale("O-2", 2_500))
            #expect(try await desk.states()["summary 2026-11-02:shop"] == "reconciled", "\(here.name)")
            #expect(twin.entries().filter(\.live).count == 1, "\(here.name)")
            #expect(here.balance(twin, here.clearing) == 10_000, "\(here.name)")
            #expect(here.balance(twin, here.owed) == 2_500, "\(here.name)")
            try await desk.run(here.sale("O-2", 4_000, version: 2))
            #expect(here.balance(twin, here.owed) == 4_000, "\(here.name)")
            #expect(twin.entries().filter(\.live).count == 1, "\(here.name)")
            #expect(try await desk.unexplained() == 0)
            // Paid twice over: more came in than was sold.
            try await desk.run(here.payment("P-2", of: "O-2", 9_000))
            try await desk.later()
            #expect(here.balance(twin, here.owed) == -5_000, "\(here.name)")
            #expect(twin.entries().filter(\.live).count == 1, "\(here.name)")
        }
    }

    @Test("a deposit is owed until its invoice uses it up", arguments: countries.indices)
    func deposit(country index: Int) async throws {
        let here = Self.countries[index]
        try await here.with { desk, twin in
            let deposit = SourceDocument(
                id: "DE-1", caseID: "O-1", version: 1, at: at("2026-11-02T09:00:00Z"), body: .deposit(Deposit(gateway: "card", amount: here.money(3_000))))
            try await desk.run(deposit)
            #expect(here.balance(twin, here.clearing) == 3_000, "\(here.name)")
            var sale = here.sale()
            guard case .sale(var body) = sale.body else { return }
            body.deposits = [DepositApplied(id: "A1", deposit: "DE-1", amount: here.money(3_000))]
            sale.body = .sale(body)
            try await desk.run(sale)
            #expect(Set(try await desk.states().values) == ["reconciled"], "\(here.name)")
            #expect(here.balance(twin, here.owed) == 7_000, "\(here.name)")
        }
    }

    @Test("a fee that the bank kept turns the payment into a journal, or is named before anything is changed", arguments: countries.indices)
    func bankFee(country index: Int) async throws {
        let here = Self.countries[index]
        try await here.with { desk, twin in
            try await desk.run(here.sale(), here.payment(gateway: "bank", reference: "HB-1"))
            #expect(here.balance(twin, here.bank) == 10_000, "\(here.name)")
            try await desk.run(SourceDocument(
                id: "BL-1", caseID: "BL-1", version: 1, at: at("2026-11-04T00:00:00Z"),
                body: .bankLine(BankLine(account: "bank:\(here.currency)", amount: here.money(9_985), reference: "HARBOUR HB-1"))))
            try await desk.later()
            if here.name != "Xero" {
                #expect(here.balance(twin, here.bank) == 9_985)
                #expect(here.balance(twin, here.fees) == 15)
                #expect(here.balance(twin, here.owed) == 0)
            } else {
                #expect(try await desk.checks("payment", "P-1") == ["payment_with_rest"])
                #expect(here.balance(twin, here.bank) == 10_000)
            }
        }
    }

    @Test("a payment that somebody enters in the ledger is seen there, told, and not sent a second time when the source repeats it", arguments: gathering.indices)
    func paidThere(country index: Int) async throws {
        let here = Self.gathering[index]
        try await here.with([("reflect", "on")]) { desk, twin in
            try await desk.run(here.sale())
            let invoice = try await desk.posting("invoice", "O-1"), id = try #require(invoice.remoteID)
            let party: String = try await desk.house.owner.query("SELECT coalesce(confirmed_as->>'party', '') AS p FROM app.postings WHERE form = 'invoice'")[0].get("p")
            let entered: JSON = here.name == "Xero"
                ? ["do": "enters", "endpoint": "Payments", "object": [
                    "Invoice": ["InvoiceID": .string(id)], "Account": ["Code": .string(here.bank)], "Date": "2026-11-10", "Amount": 100]]
                : ["do": "enters", "entity": "Payment", "object": [
                    "CustomerRef": ["value": .string(party)], "TotalAmt": 100, "TxnDate": "2026-11-10",
                    "Line": [["Amount": 100, "LinkedTxn": [["TxnId": .string(id), "TxnType": "Invoice"]]]]]]
            let world = try #require(twin as? any LivingTwin)
            _ = try world.happen(entered, at: SystemClocks().now())
            try await desk.house.owner.query("UPDATE app.connections SET changes_due_at = NULL")
            try await desk.house.worker.ask(desk.house.tenant, [Job(.changes, desk.house.ledger.description, lane: .poll)])
            try await desk.work()
            #expect(try await desk.reflections() == ["posted none", "paid none"], "\(here.name)")
            let before = twin.entries().filter(\.live).count
            try await desk.run(here.payment(gateway: "bank"))
            try await desk.later()
            #expect(try await desk.checks("payment", "P-1") == ["paid_in_ledger"], "\(here.name)")
            #expect(twin.entries().filter(\.live).count == before, "\(here.name)")
            #expect(here.balance(twin, here.owed) == 0, "\(here.name)")
            #expect(try await desk.unexplained() == 0)
        }
    }
}
