import Books
import Kernel
@testable import Pipeline
import Postgres
@testable import Store
import TestKit
import Testing

extension Desk {
    /// A person gives the ledger's connection a credential, which opens this account there; `nil`: the right one.
    fileprivate func give(opens account: String? = nil) async throws {
        let settings = account.map { #"{"opens": "\#($0)"}"# } ?? "{}"
        try await house.owner.query("UPDATE app.connections SET settings = \(settings)::jsonb WHERE id = \(house.ledger)")
        _ = try await house.supervisor.pool.query(AdminConnectionStatements.putCredential(house.tenant, house.ledger, sealed: Array(House.Plan().credential.utf8)))
        try await house.worker.ask(house.tenant, [Job(.identify, house.ledger.description, lane: .interactive)])
    }

    fileprivate func ledgerState() async throws -> String? { try await house.worker.connection(house.tenant, house.ledger)?.state }

    /// The question is put and refused, and all else that is asked for is done.
    fileprivate func refused() async throws -> String? {
        var code: String?
        do { try await work() } catch let fault as Fault { code = fault.code }
        try await house.owner.query("UPDATE app.jobs SET due_at = clock_timestamp() + interval '1 hour' WHERE kind = 'identify'")
        try await work()
        return code
    }
}

@Suite("Whose account a credential opens") struct IdentifyTests {
    @Test("another company's credential on a live connection sends it nothing, which is said; the right one brings back what waited") func wrong() async throws {
        try await Desk.with { desk in
            let house = desk.house
            try await desk.run(sale())
            #expect(desk.books.writes == [["O-1"]])
            // What is known of the ledger's name is another matter here.
            try await house.owner.query("UPDATE app.organisations SET name = 'Books'")
            try await desk.give(opens: "acme")
            try await desk.arrive(sale("O-2"))
            let calls = desk.books.writes.count
            #expect(try await desk.refused() == "wrong_account")
            #expect(try await desk.ledgerState() == "new")
            #expect(try await desk.alerts() == [AlertKey.credential(house.ledger)])
            try await house.worker.ask(house.tenant, [.post, .confirm, .attach].map { Job($0, house.flow.description, lane: .poll) } + [.chart, .changes].map { Job($0, house.ledger.description, lane: .poll) })
            try await house.owner.query("UPDATE app.postings SET next_attempt_at = clock_timestamp() - interval '1 second' WHERE state = 'cleared'")
            try await desk.work()
            #expect(desk.books.writes.count == calls)
            #expect(try await desk.states()["invoice O-2"] == "cleared")
            try await desk.give()
            try await desk.work()
            #expect(try await desk.ledgerState() == "live")
            #expect(try await desk.alerts().isEmpty)
            #expect(desk.books.writes == [["O-1"], ["O-2"]])
        }
    }

    @Test("a new token of the same company stops nothing that a look does not start again, and nobody is told") func routine() async throws {
        try await Desk.with { desk in
            try await desk.house.owner.query("UPDATE app.organisations SET name = 'Books'")
            try await desk.run(sale())
            try await desk.give()
            try await desk.run(sale("O-2"), payment("P-2", of: "O-2"))
            #expect(try await desk.ledgerState() == "live")
            #expect(desk.books.writes == [["O-1"], ["O-2"], ["P-2"]])
            #expect(try await desk.house.count("SELECT count(*) FROM app.alerts") == 0)
        }
    }

    @Test("an account that does not say who it is stops only what was not known before; a new connection's silence is told") func silent() async throws {
        try await Desk.with { desk in
            try await desk.house.owner.query("UPDATE app.organisations SET name = 'Books'")
            try await desk.house.owner.query(#"UPDATE app.connections SET settings = '{"opens": "nothing"}' WHERE id = \#(desk.house.ledger)"#)
            try await desk.house.worker.ask(desk.house.tenant, [Job(.identify, desk.house.ledger.description, lane: .interactive)])
            #expect(try await desk.refused() == "hush")
            #expect(try await desk.ledgerState() == "live")
            #expect(try await desk.alerts().isEmpty)
            try await desk.give(opens: "nothing")
            #expect(try await desk.refused() == "hush")
            #expect(try await desk.ledgerState() == "new")
            #expect(try await desk.alerts() == [AlertKey.credential(desk.house.ledger)])
        }
    }
}
