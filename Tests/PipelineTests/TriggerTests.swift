import Books
import Kernel
import Postgres
import Store
import TestKit
import Testing

@testable import Pipeline

private func left(_ cups: Int64, _ time: String, _ id: String = "F-1") -> SourceDocument {
    SourceDocument(
        id: id, caseID: "O-1", version: 1, at: at(time), body: .fulfilment(Fulfilment(lines: [.init(line: "L1", quantity: ExactDecimal(Int(cups)))])))
}

@Suite("Triggers at work") struct TriggerTests {
    @Test("a sale that waits for its goods is explained; its money is owed until they leave, and every day is proven") func fulfilled() async throws {
        try await Desk.with(policies: [("triggers.sale", "fulfilled")]) { desk in
            try await desk.run(sale(), payment())
            #expect(try await desk.states() == ["deposit P-1": "reconciled"])
            #expect(try await desk.unexplained() == 0)
            #expect(try await desk.house.count("SELECT count(*) FROM app.cases WHERE waiting = '{O-1}'") == 1)
            try await desk.run(left(1, "2026-11-05T10:00:00Z"))
            #expect(desk.books.writes.count == 1)
            try await desk.run(left(1, "2026-11-18T10:00:00Z", "F-2"))
            try await desk.later()
            #expect(try await desk.states() == ["deposit P-1": "reconciled", "invoice O-1": "reconciled", "journal O-1/P-1": "reconciled"])
            #expect(try await desk.posting("invoice", "O-1").date.description == "2026-11-18")
            #expect(try await desk.unexplained() == 0)
            #expect(try await desk.house.count("SELECT count(*) FROM app.cases WHERE waiting <> '{}'") == 0)
        }
    }

    @Test("money given back before the goods leave is proven on its day, and the credit follows with the sale") func refunded() async throws {
        try await Desk.with(policies: [("triggers.sale", "fulfilled")]) { desk in
            try await desk.run(sale(), payment())
            try await desk.run(refund())
            #expect(try await desk.states() == ["deposit P-1": "reconciled", "deposit R-1": "reconciled"])
            #expect(try await desk.unexplained() == 0)
            try await desk.run(left(1, "2026-11-18T10:00:00Z"))
            try await desk.later()
            #expect(Set(try await desk.states().values) == ["reconciled"])
            #expect(try await desk.states().keys.sorted() == ["credit_note R-1", "deposit P-1", "deposit R-1", "invoice O-1", "journal O-1/P-1"])
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("an order that nobody has paid is explained where sales wait for their money") func unpaid() async throws {
        try await Desk.with(policies: [("triggers.sale", "paid")]) { desk in
            try await desk.run(sale())
            #expect(desk.books.writes.isEmpty)
            #expect(try await desk.unexplained() == 0)
            try await desk.run(payment())
            try await desk.later()
            #expect(try await desk.states() == ["invoice O-1": "reconciled", "payment P-1": "reconciled"])
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("a day's summary waits until a till was closed on that day, and no longer") func dayClosed() async throws {
        try await Desk.with(policies: [("posting", "daily_summary"), ("triggers.summary", "day_closed")]) { desk in
            func closed(_ id: String, _ time: String) -> SourceDocument {
                let closure = RegisterClosure(gateway: "cash", expected: usd(100), counted: usd(100), register: "Till")
                return SourceDocument(id: id, caseID: id, version: 1, at: at(time), body: .registerClosure(closure))
            }
            try await desk.run(sale(), payment())
            #expect(try await desk.states()["summary 2026-11-02:shop"] == "held")
            #expect(try await desk.checks("summary", "2026-11-02:shop") == ["waits_for_closing"])
            try await desk.run(closed("C-1", "2026-11-03T21:00:00Z"))
            #expect(try await desk.states()["summary 2026-11-02:shop"] == "held", "another day's")
            #expect(desk.books.writes.isEmpty)
            #expect(try await desk.unexplained() == 0)
            try await desk.run(closed("C-2", "2026-11-02T21:00:00Z"))
            try await desk.later()
            #expect(try await desk.states()["summary 2026-11-02:shop"] == "reconciled")
            try await desk.run(sale("O-2", cups: 1))
            #expect(desk.books.entries.map(\.total) == [15_000], "what comes later is a revision")
        }
    }

    @Test("what waited is planned anew when the policy changes") func changed() async throws {
        try await Desk.with(policies: [("triggers.sale", "fulfilled")]) { desk in
            try await desk.run(sale())
            #expect(desk.books.writes.isEmpty)
            try await desk.house.owner.query("UPDATE app.flows SET policies = '{}'")
            try await desk.house.supervisor.transaction { tx throws(Fault) in try await tx.replan(desk.house.tenant) }
            try await desk.work()
            try await desk.later()
            #expect(try await desk.states() == ["invoice O-1": "reconciled"])
        }
    }
}
