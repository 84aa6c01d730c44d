import Books
import Kernel
import Postgres
import Store
import TestKit
import Testing
import TwinKit
import Wire

@Suite("Gathered money in the ledgers' own books") struct TwinTests {
    private static let countries: [Country] = [.america, .britain, .kingdom, .server]
    /// FreeAgent takes no sales and money together.
    private static let gathering: [Country] = [.america, .britain, .server]

    /// Those that show what is owed on a document.
    private static let owing: [Country] = [.america, .britain]

    private static let refunding: [Country] = [.america, .britain, .server, .workshop]

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

    @Test("money given back, in part or all of it, leaves a credit note that stands, and is looked at again without a difference", arguments: refunding.indices, [4_000, 10_000])
    func refunded(country index: Int, back: Int64) async throws {
        let here = Self.refunding[index]
        try await here.with { desk, twin in
            try await desk.run(here.sale(), here.payment(), here.refund(back))
            try await desk.later()
            #expect(try await Self.stopped(desk) == "", "\(here.name)")
            #expect(here.balance(twin, here.clearing) == 10_000 - back && here.balance(twin, here.owed) == 0, "\(here.name)")
            try await desk.house.owner.query("UPDATE app.connections SET changes_due_at = NULL")
            try await desk.house.worker.ask(desk.house.tenant, [Job(.changes, desk.house.ledger.description, lane: .poll)])
            try await desk.work()
            #expect(try await Self.stopped(desk) == "", "\(here.name)")
            #expect(try await desk.unexplained() == 0)
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
            #expect(twin.entries().filter(\.live).count == 1 + here.entriesAChange, "\(here.name)")
            #expect(try await desk.unexplained() == 0)
            // Paid twice over: more came in than was sold.
            try await desk.run(here.payment("P-2", of: "O-2", 9_000))
            try await desk.later()
            #expect(here.balance(twin, here.owed) == -5_000, "\(here.name)")
            #expect(twin.entries().filter(\.live).count == 1 + 2 * here.entriesAChange, "\(here.name)")
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

    @Test("a payment that somebody enters in the ledger is seen there, told, and not sent a second time when the source repeats it", arguments: owing.indices)
    func paidThere(country index: Int) async throws {
        let here = Self.owing[index]
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
