import Kernel
import Postgres
import TestKit
import Testing

@testable import Store

@Suite("Budgets", .serialized, .timeLimit(.minutes(2))) struct BudgetTests {
    private func minute(_ amount: Int, cost: Int = 1) -> BudgetCharge { BudgetCharge(name: "minute", amount: amount, window: .seconds(60), cost: cost) }

    private func used(_ house: House) async throws -> Int {
        try await house.count("SELECT coalesce(sum(used), 0)::int8 FROM app.budgets WHERE tenant_id = \(house.tenant) AND name = 'minute'")
    }

    /// Moves the windows of the tenant's budgets into the past.
    private func turn(_ house: House, seconds: Int64 = 60) async throws {
        try await house.owner.query("UPDATE app.budgets SET window_start = window_start - \(seconds) * interval '1 second' WHERE tenant_id = \(house.tenant)")
    }

    @Test("budgets are charged all or none, from the first call on") func allOrNone() async throws {
        try await Street.with { house async throws in
            func take(_ minutes: Int, _ days: Int) async throws -> Duration? {
                let day = BudgetCharge(name: "day", amount: 4, window: .seconds(86_400), cost: days)
                return try await house.worker.take(house.tenant, house.ledger, [minute(3, cost: minutes), day])
            }
            #expect(try await take(2, 1) == nil)
            let wait = try #require(try await take(2, 1))
            #expect(wait > .seconds(30) && wait <= .seconds(60))
            #expect(try await take(1, 3) == nil, "the refused call charged nothing to the day")
            #expect(try #require(try await take(0, 1)) > .seconds(80_000))
            #expect(try await house.worker.take(house.tenant, house.ledger, []) == nil)
        }
    }

    @Test("a charge with a reserve is refused where it would leave less than that, and others go on") func reserve() async throws {
        try await Street.with { house async throws in
            func take(reserve: Int) async throws -> Bool {
                let charge = BudgetCharge(name: "day", amount: 5, window: .seconds(86_400), cost: 1, reserve: reserve)
                return try await house.worker.take(house.tenant, house.ledger, [charge]) == nil
            }
            #expect(try await [take(reserve: 3), take(reserve: 3), take(reserve: 3)] == [true, true, false])
            #expect(try await [take(reserve: 0), take(reserve: 0), take(reserve: 0), take(reserve: 0)] == [true, true, true, false])
        }
    }

    @Test("callers side by side never spend more than there is, in the first window and in the next") func concurrent() async throws {
        try await Street.with { house async throws in
            let (tenant, ledger, worker, charge) = (house.tenant, house.ledger, house.worker, minute(7))
            for window in 1 ... 3 {
                let granted = try await sideBySide(20) { _ in try await worker.take(tenant, ledger, [charge]) == nil ? 1 : 0 }
                #expect(granted.reduce(0, +) == 7, "window \(window)")
                #expect(try await used(house) == 7)
                try await turn(house)
            }
        }
    }

    @Test("callers that charge the same budgets in different orders wait for each other and never for ever") func deadlock() async throws {
        try await Street.with { house async throws in
            let (tenant, ledger, worker) = (house.tenant, house.ledger, house.worker)
            let charges = ["a", "b", "c", "d"].map { BudgetCharge(name: $0, amount: 9, window: .seconds(60), cost: 1) }
            let granted = try await sideBySide(16) { n in try await worker.take(tenant, ledger, n % 2 == 0 ? charges : charges.reversed()) == nil ? 1 : 0 }
            #expect(granted.reduce(0, +) == 9)
            #expect(try await house.count("SELECT count(DISTINCT used) FROM app.budgets WHERE tenant_id = \(tenant)") == 1)
        }
    }

    @Test("a window that has turned is full again, and no earlier") func turned() async throws {
        try await Street.with { house async throws in
            #expect(try await house.worker.take(house.tenant, house.ledger, [minute(1)]) == nil)
            try await turn(house, seconds: 20)
            #expect(try await house.worker.take(house.tenant, house.ledger, [minute(1)]) != nil)
            try await turn(house, seconds: 40)
            #expect(try await house.worker.take(house.tenant, house.ledger, [minute(1)]) == nil)
            #expect(try await house.worker.take(house.tenant, house.ledger, [minute(1)]) != nil)
        }
    }

    @Test("each connection has budgets of its own, and a budget follows what the connector now declares") func own() async throws {
        try await Street.with { house async throws in
            #expect(try await house.worker.take(house.tenant, house.ledger, [minute(1)]) == nil)
            #expect(try await house.worker.take(house.tenant, house.source, [minute(1)]) == nil)
            #expect(try await house.worker.take(house.tenant, house.ledger, [minute(1)]) != nil)
            #expect(try await house.worker.take(house.tenant, house.ledger, [minute(2)]) == nil)
            #expect(try await house.worker.take(house.tenant, house.ledger, [minute(2)]) != nil)
        }
    }

    @Test("a pause outlasts the window, is never cut short by another, and ends") func pause() async throws {
        try await Street.with { house async throws in
            func take() async throws -> Duration? { try await house.worker.take(house.tenant, house.ledger, [minute(1)]) }
            try await house.worker.pause(house.tenant, house.ledger, name: "minute", for: .seconds(300))
            #expect(try #require(try await take()) > .seconds(250), "paused before its first call")
            try await house.worker.pause(house.tenant, house.ledger, name: "minute", for: .seconds(5))
            try await turn(house, seconds: 120)
            #expect(try #require(try await take()) > .seconds(250))
            #expect(try await used(house) == 0)
            try await house.owner.query("UPDATE app.budgets SET paused_until = now() - interval '1 second' WHERE tenant_id = \(house.tenant)")
            #expect(try await take() == nil)
            #expect(try await take() != nil)
        }
    }

    @Test("the platform's own count decides, and a nonsensical one is no error") func correct() async throws {
        try await Street.with { house async throws in
            func left(_ remaining: Int) async throws -> Int {
                try await house.worker.correct(house.tenant, house.ledger, name: "minute", remaining: remaining)
                return 5 - (try await used(house))
            }
            #expect(try await house.worker.take(house.tenant, house.ledger, [minute(5)]) == nil)
            #expect(try await left(2) == 2)
            #expect(try await left(0) == 0)
            #expect(try await house.worker.take(house.tenant, house.ledger, [minute(5)]) != nil)
            #expect(try await left(.max) == 5)
            #expect(try await house.worker.take(house.tenant, house.ledger, [minute(5)]) == nil)
            try await house.worker.correct(house.tenant, house.ledger, name: "no such", remaining: 5)
        }
    }

    @Test("the app's budget is one for all tenants, spent through a function alone, and never over") func app() async throws {
        try await Street.with { house async throws in
            let other = try await house.neighbour()
            let platform = "p-\(house.tenant)"
            @Sendable func take(_ store: Store, cost: Int = 1) async throws -> Duration? {
                try await store.takeApp(platform: platform, name: "minute", amount: 5, window: .seconds(60), cost: cost)
            }
            let (mine, theirs) = (house.worker, other.worker)
            for _ in 1 ... 2 {
                let granted = try await sideBySide(16) { n in try await take(n % 2 == 0 ? mine : theirs) == nil ? 1 : 0 }
                #expect(granted.reduce(0, +) == 5)
                let wait = try #require(try await take(mine))
                #expect(wait > .seconds(30) && wait <= .seconds(60))
                try await house.owner.query("UPDATE adm.app_budgets SET window_start = window_start - interval '1 minute' WHERE platform = \(platform)")
            }
            #expect(try await take(theirs, cost: 6) != nil, "more than there ever is")
            #expect(try await take(theirs, cost: 5) == nil)
            for store in [mine, theirs] {
                #expect(await faultCode { try await store.pool.query("SELECT used FROM adm.app_budgets") } == "permission_denied")
            }
            await theirs.pool.close()
        }
    }

    @Test("what is declared of the app's budget stands above what a worker says of it") func declared() async throws {
        try await Street.with { house async throws in
            let platform = "p-\(house.tenant)"
            try await house.supervisor.declareApp([AppLimit(platform: platform, name: "month", amount: 5, window: .seconds(30 * 86_400))])
            func take(_ amount: Int, _ window: Duration, cost: Int = 1) async throws -> Duration? {
                try await house.worker.takeApp(platform: platform, name: "month", amount: amount, window: window, cost: cost)
            }
            #expect(try await take(2_147_483_647, .zero, cost: 4) == nil)
            let wait = try #require(try await take(2_147_483_647, .zero, cost: 2), "neither a larger amount nor a shorter window")
            #expect(wait > .seconds(29 * 86_400))
            #expect(try await take(4, .seconds(60)) != nil, "what has to be left is left")
            #expect(try await take(5, .seconds(30 * 86_400)) == nil)
            for cost in [0, -1, 1001] { #expect(await faultCode { _ = try await take(5, .seconds(60), cost: cost) } != nil, "a cost of \(cost)") }
            try await house.supervisor.declareApp([AppLimit(platform: platform, name: "month", amount: 8, window: .seconds(30 * 86_400))])
            #expect(try await take(8, .seconds(30 * 86_400), cost: 3) == nil, "a newer connector declares more")
        }
    }

    @Test("of a month's budget of the app one tenant takes three quarters at most where there are others; alone it takes all") func shares() async throws {
        try await Street.with { house async throws in
            let other = try await house.neighbour()
            let platform = "p-\(house.tenant)"
            func take(_ store: Store, _ cost: Int) async throws -> Bool {
                try await store.takeApp(platform: platform, name: "month", amount: 100, window: .seconds(30 * 86_400), cost: cost) == nil
            }
            #expect(try await take(house.worker, 90))
            #expect(try await take(other.worker, 5))
            #expect(try await !take(house.worker, 1))
            try await house.owner.query("UPDATE adm.app_budgets SET window_start = window_start - interval '30 days' WHERE platform = \(platform)")
            #expect(try await take(house.worker, 75))
            #expect(try await !take(house.worker, 1))
            #expect(try await take(other.worker, 25))
            #expect(try await !take(other.worker, 1))
            await other.worker.pool.close()
        }
    }

    @Test("a budget of the app that somebody sits on is not waited for until one is taken for stuck") func occupied() async throws {
        try await Street.with { house async throws in
            let other = try await house.neighbour()
            let platform = "p-\(house.tenant)"
            try await other.worker.transaction { tx throws(Fault) in
                _ = try await tx.query(BudgetStatements.takeApp(platform: platform, name: "minute", amount: 5, window: .seconds(60), cost: 1))
                do throws(Fault) {
                    _ = try await house.worker.takeApp(platform: platform, name: "minute", amount: 5, window: .seconds(60), cost: 1)
                    Issue.record("it was not waited for at all")
                } catch { #expect(error.code == "sql_55P03" && error.disposition == .retry) }
            }
            await other.worker.pool.close()
        }
    }
}
