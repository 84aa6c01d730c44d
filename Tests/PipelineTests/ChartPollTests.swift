import ConnectorKit
import Kernel
@testable import Pipeline
import Postgres
import Store
import TestKit
import Testing

extension Desk {
    /// Minutes pass: whoever schedules asks for what is due of ledgers by then.
    func minutesPass(_ minutes: Int) async throws {
        let gone: SQL = "\(Int64(minutes)) * interval '1 minute'"
        try await house.owner.query("UPDATE app.ledger_charts SET read_at = read_at - \(gone)")
        try await house.owner.query("UPDATE app.connections SET changes_due_at = changes_due_at - \(gone)")
        try await house.supervisor.askDueChanges()
        try await work()
        try await later()
    }

    fileprivate func accounts(_ active: Bool) { books.state.with { $0.accounts = [("4000", active)] } }
    fileprivate var charts: Int { books.requests.count { $0 == "GET /chart" } }

    /// What is ready is sent at the next run alone, an hour from now.
    fileprivate func sendsDaily() async throws {
        try await house.supervisor.pool.query(ScheduleStatements.put(
            house.tenant, house.flow, subject: "post", rule: "daily at 06:00", zone: "Europe/London", next: SystemClocks().now() + .seconds(3_600)))
    }

    fileprivate func comeRound() async throws {
        try await house.owner.query("UPDATE app.schedules SET next_run_at = clock_timestamp()")
        try await house.supervisor.runDueSchedules()
        try await work()
        try await later()
    }
}

/// Nobody tells: no webhook, and nobody asks for the chart by hand.
@Suite("Accounts that are read again") struct ChartPollTests {
    @Test("an account made inactive holds what was cleared before it is sent, with an alert; active again all of it goes", arguments: [false, true])
    func inactive(tells: Bool) async throws {
        try await Desk.with(ledger: ScriptedLedger(tells: tells)) { desk in
            try await desk.run(sale("O-0"))
            try await desk.minutesPass(20)
            try await desk.sendsDaily()
            try await desk.run(sale())
            #expect(try await desk.states()["invoice O-1"] == "cleared")
            desk.accounts(false)
            try await desk.minutesPass(20)
            #expect(try await desk.states()["invoice O-1"] == "held")
            #expect(Set(try await desk.checks("invoice", "O-1")) == ["inactive_account"])
            let told = try await desk.alerts().filter { $0.hasPrefix("account/") }
            #expect(told == ["account/\(desk.house.ledger)/4000"])
            desk.accounts(true)
            try await desk.minutesPass(20)
            #expect(try await desk.states()["invoice O-1"] == "cleared")
            try await desk.comeRound()
            #expect(try await desk.states() == ["invoice O-0": "reconciled", "invoice O-1": "reconciled"])
            #expect(desk.books.entries.map(\.subject) == ["O-0", "O-1"])
            #expect(try await desk.alerts().filter { $0.hasPrefix("account/") }.isEmpty)
        }
    }

    @Test("they are read once they are a quarter of an hour old or as the connection says, not each time the ledger is asked") func floor() async throws {
        try await Desk.with(ledger: ScriptedLedger(tells: true)) { desk in
            try await desk.run(sale())
            let before = desk.charts
            try await desk.minutesPass(6)
            try await desk.minutesPass(6)
            #expect(desk.charts == before)
            try await desk.minutesPass(6)
            #expect(desk.charts == before + 1)
            try await desk.house.owner.query("UPDATE app.connections SET settings = '{\"chart_seconds\": \"7200\"}' WHERE id = \(desk.house.ledger)")
            try await desk.minutesPass(60)
            #expect(desk.charts == before + 1)
            try await desk.minutesPass(61)
            #expect(desk.charts == before + 2)
            #expect(try await desk.house.count("SELECT count(*) FROM app.audit WHERE action = 'chart.read'") == 1, "what is as it was is no news")
        }
        func interval(_ text: String) -> Duration { Changes.chartInterval(ConnectionFacts(account: "a", settings: ["chart_seconds": text])) }
        #expect(Changes.chartInterval(ConnectionFacts(account: "a")) == .seconds(900))
        #expect(interval("1") == .seconds(60) && interval("100000") == .seconds(86_400) && interval("often") == .seconds(900))
    }

    @Test("a release reads them first where they are what holds it, and only there") func release() async throws {
        try await Desk.with { desk in
            try await desk.run(sale("O-0"))
            desk.accounts(false)
            try await desk.minutesPass(20)
            try await desk.arrive(sale())
            try await desk.work()
            let key = try await desk.posting("invoice", "O-1").key
            try await desk.order(.release, key)
            #expect(Set(try await desk.checks("invoice", "O-1")) == ["inactive_account"], "release waives nothing")
            desk.accounts(true)
            let before = desk.charts
            try await desk.order(.release, key)
            #expect(desk.charts == before + 1)
            #expect(try await desk.states()["invoice O-1"] == "reconciled")
            #expect(desk.books.entries.map(\.subject) == ["O-0", "O-1"])
            try await desk.sendsDaily()
            try await desk.run(sale("O-2"))
            let other = try await desk.posting("invoice", "O-2").key
            try await desk.order(.hold, other)
            try await desk.order(.release, other)
            #expect(desk.charts == before + 1)
        }
    }
}
