import Books
import Kernel
import Postgres
import Store
import TestKit
import Testing

@testable import Pipeline

@Suite("Scheduled posting") struct ScheduledTests {
    private func put(_ desk: Desk, _ subject: String, _ rule: String) async throws {
        let next = rule == "realtime" ? nil : SystemClocks().now() + .seconds(600)
        try await desk.house.supervisor.pool.query(
            ScheduleStatements.put(desk.house.tenant, desk.house.flow, subject: subject, rule: rule, zone: "Europe/London", next: next))
    }

    /// The clock reaches the next runs.
    private func comeRound(_ desk: Desk) async throws {
        try await desk.house.owner.query("UPDATE app.schedules SET next_run_at = clock_timestamp() WHERE next_run_at IS NOT NULL")
        try await desk.house.supervisor.runDueSchedules()
        try await desk.work()
    }

    @Test("a document is checked as it comes and sent at the next run, with what settles it") func daily() async throws {
        try await Desk.with { desk in
            try await put(desk, "post", "daily at 06:00")
            try await desk.run(sale(), payment())
            #expect(try await desk.states() == ["invoice O-1": "cleared", "payment P-1": "cleared"])
            #expect(desk.books.writes.isEmpty)
            try await comeRound(desk)
            try await desk.later()
            #expect(try await desk.states() == ["invoice O-1": "reconciled", "payment P-1": "reconciled"])
            #expect(desk.books.entries.map(\.subject) == ["O-1", "P-1"])
            try await comeRound(desk)
            #expect(desk.books.writes.count == 2, "a run sends nothing twice")
            #expect(try await desk.unexplained() == 0)
        }
    }

    @Test("a change made before the run is sent as part of the document; one made after it waits for the next run") func changes() async throws {
        try await Desk.with { desk in
            try await put(desk, "post", "daily at 06:00")
            try await desk.run(sale())
            try await desk.run(sale(cups: 3, version: 2))
            try await comeRound(desk)
            try await desk.later()
            #expect(desk.books.writes.count == 1)
            #expect(try await desk.posting("invoice", "O-1").totalMinor == 15_000)
            try await desk.run(sale(cups: 1, version: 3))
            #expect(try await desk.states() == ["invoice O-1": "cleared"])
            #expect(desk.books.writes.count == 1)
            try await comeRound(desk)
            try await desk.later()
            #expect(desk.books.writes.count == 2)
        }
    }

    @Test("a send whose answer was lost is looked for at once, not at the next run") func answerLost() async throws {
        try await Desk.with { desk in
            try await put(desk, "post", "daily at 06:00")
            try await desk.run(sale())
            desk.books.script(.loseAnswer)
            try await comeRound(desk)
            #expect(try await desk.states() == ["invoice O-1": "unknown"])
            try await desk.later()
            try await desk.later()
            #expect(try await desk.states() == ["invoice O-1": "reconciled"])
            #expect(desk.books.writes.count == 1)
        }
    }

    @Test("a form sent as it comes waits for the document that it settles, whose run is later") func mixed() async throws {
        try await Desk.with { desk in
            try await put(desk, "invoice", "daily at 06:00")
            try await put(desk, "post", "realtime")
            try await desk.run(sale(), payment())
            #expect(desk.books.writes.isEmpty)
            try await comeRound(desk)
            try await desk.later()
            #expect(desk.books.entries.map(\.subject) == ["O-1", "P-1"])
        }
    }

    @Test("a cancellation before the run leaves nothing to send") func cancelled() async throws {
        try await Desk.with { desk in
            try await put(desk, "post", "daily at 06:00")
            try await desk.run(sale())
            try await desk.run(cancellation())
            try await comeRound(desk)
            #expect(desk.books.writes.isEmpty)
            #expect(try await desk.states() == ["invoice O-1": "superseded"])
        }
    }
}
