import Books
import ConnectorKit
import Kernel
@testable import Pipeline
import Postgres
@testable import Store
import TestKit
import Testing
import Wire

extension Desk {
    /// Everything that is open in the days' proofs, by name.
    fileprivate func named() async throws -> [String] {
        var out: [String] = []
        let sql: SQL = "SELECT i->>'document' || ' ' || (i->>'amount_minor') || ' ' || (i->>'why') AS line FROM app.proofs, jsonb_array_elements(items) i ORDER BY 1"
        for row in try await house.owner.query(sql) { out.append(try row.get("line")) }
        return out
    }

    /// Of all days: what the sources say, what is in the books, what is open by name, and what nothing explains.
    fileprivate func sums() async throws -> [Int64] {
        let sql: SQL = """
            SELECT sum(source_minor)::bigint AS s, sum(posted_minor)::bigint AS p, sum(open_minor)::bigint AS o, sum(unexplained_minor)::bigint AS u
            FROM app.proofs WHERE account = ''
            """
        let rows = try await house.owner.query(sql)
        return try ["s", "p", "o", "u"].map { name in try rows[0].get(name) }
    }

    fileprivate func variances() async throws -> Int {
        try await house.count("SELECT count(*) FROM app.postings WHERE state = 'manual' AND fault->>'code' = 'differs'")
    }

    /// Looked at until it is known to be gone.
    fileprivate func gone(_ subject: String) async throws {
        let id = books.entries.first { $0.subject == subject }?.id ?? ""
        books.state.with { $0.entries.removeAll { $0.subject == subject } }
        try await notice(id)
        for _ in 0 ..< 2 {
            try await house.owner.query("UPDATE app.postings SET recheck_at = recheck_at - interval '1 minute'")
            try await later()
        }
    }
}

private let ledgersWord: [(name: String, value: String)] = [("masters.void", "ledger"), ("masters.amount", "ledger")]

@Suite("What stands by the ledger's word") struct AcceptTests {
    @Test("an invoice that was voided there stands so: nobody is asked, the source is told once, and the proof names it to the cent") func voided() async throws {
        try await Desk.reflecting(ledgersWord) { desk in
            try await desk.run(sale())
            try await desk.there("O-1") { $0.voided = true }
            try await desk.later()
            #expect(try await desk.states() == ["invoice O-1": "reconciled"])
            #expect(try await desk.variances() == 0)
            #expect(try await desk.alerts().isEmpty)
            #expect(try await desk.named() == ["sale O-1 10000 voided in the ledger, and accepted"])
            #expect(try await desk.sums() == [10_000, 0, 10_000, 0])
            #expect(desk.told == ["posted 100.00", "voided 100.00"])
            for _ in 0 ..< 3 {
                try await desk.notice(desk.books.entries[0].id)
                try await desk.later()
            }
            #expect(desk.told.count == 2)
            #expect(desk.books.writes == [["O-1"]])
            #expect(try await desk.sums() == [10_000, 0, 10_000, 0])
        }
    }

    @Test("deleted there it stands as well, whether it is looked at again or not; a release writes it anew, once") func deleted() async throws {
        try await Desk.reflecting(ledgersWord) { desk in
            try await desk.run(sale())
            let before = try await desk.posting("invoice", "O-1")
            try await desk.gone("O-1")
            #expect(try await desk.states() == ["invoice O-1": "reconciled"])
            #expect(try await desk.sums() == [10_000, 0, 10_000, 0])
            try await desk.notice(before.remoteID ?? "")
            try await desk.later()
            #expect(try await desk.states() == ["invoice O-1": "reconciled"])
            #expect(desk.books.entries.isEmpty)
            try await desk.order(.release, before.key)
            // It is looked for by its key first.
            try await desk.muchLater()
            try await desk.later()
            #expect(desk.books.entries.map(\.subject) == ["O-1"])
            #expect(try await desk.sums() == [10_000, 10_000, 0, 0])
            #expect(try await desk.named().isEmpty)
        }
    }

    @Test("money and refunds that the source tells of an invoice that was voided there are held, with what depends on them") func nothingGoesOn() async throws {
        try await Desk.reflecting(ledgersWord) { desk in
            try await desk.run(sale())
            try await desk.there("O-1") { $0.voided = true }
            try await desk.run(payment(), refund())
            #expect(try await desk.checks("payment", "P-1") == ["decided_in_ledger"])
            #expect(try await desk.checks("credit_note", "R-1") == ["decided_in_ledger"])
            #expect(Set(try await desk.states().filter { $0.key != "invoice O-1" }.values) == ["held"])
            #expect(try await desk.alerts() == ["held/\(desk.house.flow)/decided_in_ledger"])
            #expect(desk.books.writes == [["O-1"]])
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("what was ready to be paid when the invoice was voided is not sent") func readyBefore() async throws {
        try await Desk.reflecting(ledgersWord) { desk in
            try await desk.run(sale())
            let due = SystemClocks().now() + .seconds(3_600)
            try await desk.house.supervisor.pool.query(
                ScheduleStatements.put(desk.house.tenant, desk.house.flow, subject: "post", rule: "daily at 06:00", zone: "Europe/London", next: due))
            try await desk.run(payment())
            #expect(try await desk.states()["payment P-1"] == "cleared")
            try await desk.there("O-1") { $0.voided = true }
            try await desk.later()
            #expect(try await desk.checks("payment", "P-1") == ["decided_in_ledger"])
        }
    }

    @Test("a cancellation of what is void there already is not sent, and read back") func cancelled() async throws {
        try await Desk.reflecting(ledgersWord) { desk in
            try await desk.run(sale())
            try await desk.there("O-1") { $0.voided = true }
            try await desk.run(cancellation())
            #expect(try await desk.states() == ["invoice O-1": "voided"])
            #expect(try await desk.intents("O-1") == ["create posted"])
            #expect(desk.books.writes == [["O-1"]])
            #expect(try await desk.named() == ["sale O-1 10000 cancelled"])
            #expect(desk.told == ["posted 100.00", "voided 100.00"])
            try await desk.gone("O-1")
            #expect(try await desk.states() == ["invoice O-1": "voided"])
        }
        // Somebody had taken the void back in the meantime, and nobody has looked.
        try await Desk.reflecting(ledgersWord) { desk in
            try await desk.run(sale())
            try await desk.there("O-1") { $0.voided = true }
            desk.books.state.with { $0.entries[0].voided = false }
            try await desk.run(cancellation())
            #expect(try await desk.states() == ["invoice O-1": "manual"])
            #expect(desk.books.writes == [["O-1"]])
        }
    }

    @Test("a corrected amount stands, and is paid up to what it comes to there; the rest is open by name") func amount() async throws {
        try await Desk.reflecting(ledgersWord) { desk in
            try await desk.run(sale())
            try await desk.there("O-1") { $0.total = 9_000 }
            try await desk.later()
            #expect(try await desk.named() == ["sale O-1 1000 changed in the ledger, and accepted"])
            #expect(try await desk.sums() == [10_000, 9_000, 1_000, 0])
            try await desk.run(wire("P-1", 9_000))
            #expect(try await desk.states() == ["invoice O-1": "reconciled", "payment P-1": "reconciled"])
            try await desk.run(wire("P-2", 500))
            #expect(try await desk.checks("payment", "P-2") == ["decided_in_ledger"])
            #expect(desk.books.writes == [["O-1"], ["P-1"]])
            try await desk.notice(desk.books.entries[0].id)
            try await desk.reflectionsLater()
            #expect(desk.told == ["posted 100.00", "edited 90.00"])
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("a person accepts what was found, and nothing else; released, ours is written again") func person() async throws {
        try await Desk.reflecting { desk in
            try await desk.run(sale())
            try await desk.there("O-1") { $0.voided = true }
            #expect(try await desk.states() == ["invoice O-1": "manual"])
            let key = try await desk.posting("invoice", "O-1").key
            try await desk.order(.accept, key)
            #expect(try await desk.states() == ["invoice O-1": "reconciled"])
            #expect(try await desk.sums() == [10_000, 0, 10_000, 0])
            let kept = try JSON(parsing: try #require(try await desk.posting("invoice", "O-1").accepted))
            #expect(kept["by"]?.string == "test" && kept["voided"]?.bool == true && kept["gone"]?.bool == false && kept["total_minor"]?.int == 0)
            try await desk.notice(desk.books.entries[0].id)
            try await desk.later()
            #expect(try await desk.states() == ["invoice O-1": "reconciled"])
            await #expect(throws: Fault.self) { try await desk.order(.accept, key) }
            try await desk.order(.release, key)
            #expect(desk.books.entries.map(\.voided) == [false])
            #expect(try await desk.posting("invoice", "O-1").accepted == nil)
            #expect(try await desk.states() == ["invoice O-1": "reconciled"])
            #expect(try await desk.sums() == [10_000, 10_000, 0, 0])
        }
    }

    @Test("changed again after a person accepted it, he is asked again; taken back there, it is as it was") func again() async throws {
        try await Desk.reflecting { desk in
            try await desk.run(sale())
            try await desk.there("O-1") { $0.total = 9_000 }
            let key = try await desk.posting("invoice", "O-1").key
            try await desk.order(.accept, key)
            try await desk.there("O-1") { $0.total = 8_000 }
            #expect(try await desk.states() == ["invoice O-1": "manual"])
            try await desk.order(.accept, key)
            #expect(try await desk.sums() == [10_000, 8_000, 2_000, 0])
            try await desk.there("O-1") { $0.total = 10_000 }
            try await desk.later()
            #expect(try await desk.states() == ["invoice O-1": "reconciled"])
            #expect(try await desk.posting("invoice", "O-1").accepted == nil)
            #expect(try await desk.sums() == [10_000, 10_000, 0, 0])
            #expect(desk.books.writes == [["O-1"]])
        }
    }

    @Test("what the source changes later is held, and goes once a person releases it") func sourceChanged() async throws {
        try await Desk.reflecting(ledgersWord) { desk in
            try await desk.run(sale())
            try await desk.there("O-1") { $0.voided = true }
            try await desk.run(editUp())
            #expect(try await desk.checks("invoice", "O-1") == ["decided_in_ledger"])
            #expect(desk.books.writes == [["O-1"]])
            #expect(try await desk.unexplained() == 0)
            try await desk.order(.release, try await desk.posting("invoice", "O-1").key)
            #expect(desk.books.entries.map(\.total) == [15_000] && desk.books.entries.map(\.voided) == [false])
            #expect(try await desk.posting("invoice", "O-1").accepted == nil)
            #expect(try await desk.states() == ["invoice O-1": "reconciled"])
        }
    }

    @Test("what the source changed and changed back leaves the ledger's side standing") func changedBack() async throws {
        try await Desk.reflecting(ledgersWord) { desk in
            try await desk.run(sale())
            try await desk.there("O-1") { $0.total = 9_000 }
            try await desk.run(sale(cups: 3, version: 2))
            #expect(try await desk.checks("invoice", "O-1") == ["decided_in_ledger"])
            try await desk.run(sale(version: 3))
            #expect(try await desk.states() == ["invoice O-1": "reconciled"])
            #expect(try await desk.sums() == [10_000, 9_000, 1_000, 0])
            #expect(desk.books.writes == [["O-1"]])
        }
    }

    @Test("money that somebody takes out of the ledger is for a person, whoever is master, and can't be accepted") func money() async throws {
        try await Desk.reflecting(ledgersWord) { desk in
            try await desk.run(sale(), payment())
            try await desk.there("P-1") { $0.voided = true }
            #expect(try await desk.states()["payment P-1"] == "manual")
            let key = try await desk.posting("payment", "P-1").key
            await #expect(throws: Fault.self) { try await desk.order(.accept, key) }
        }
    }

    @Test("the proof counts what the ledger has, and what no source stands for only as far as it is there") func proof() throws {
        let day = try #require(LocalDate("2026-11-02"))
        let sold = SourceAmount(side: "sale", sourceID: "O-1", day: day, currency: "USD", minor: 10_000)
        func posted(_ accepted: Int64) -> PostingAmount {
            PostingAmount(side: "sale", sourceID: "O-1", state: "reconciled", minor: 10_000, why: "changed", day: day, currency: "USD", accepted: accepted)
        }
        let more = try #require(Reconcile.prove([sold], [posted(12_000)], cutOver: nil).first)
        #expect(more.posted == 12_000 && more.open == -2_000 && more.unexplained == 0 && more.items == [.init(document: "sale O-1", amount: -2_000, why: "changed")])
        #expect(Reconcile.prove([], [posted(0)], cutOver: nil).isEmpty)
        #expect(Reconcile.prove([], [posted(9_000)], cutOver: nil).first?.unexplained == 9_000)
    }
}
