import Kernel
import Postgres
import TestKit
import Testing

@testable import Store

/// Whose turn it is: tenants with due work are ranked, and a lease is the claim.
@Suite("Fair claims", .serialized, .timeLimit(.minutes(2))) struct FairnessTests {
    private func ask(_ house: House, _ jobs: Int = 1) async throws {
        try await house.supervisor.ask(house.tenant, (0 ..< jobs).map { Job(.post, "f\($0)", lane: .webhook) })
    }

    /// One turn of one scheduler: the tenant it served for a second.
    private func turn(_ store: Store, served: Duration = .seconds(1)) async throws -> TenantID? {
        guard let next = try await store.dueTenants(limit: 1).first, let lease = try await store.acquire(next.tenant, holder: "h", seconds: 30) else { return nil }
        _ = try await store.release(lease, holder: "h", served: served, crashed: false)
        return next.tenant
    }

    @Test("one job waits for one turn of a backlog of a thousand, not for its end") func backlog() async throws {
        try await House.with { house async throws in
            try await ask(house, 1000)
            #expect(try await turn(house.supervisor) == house.tenant)
            let small = try await house.neighbour()
            try await ask(small)
            #expect(try await turn(house.supervisor) == small.tenant)
            // While both have work they take turns, whatever the length of their queues.
            var turns: [TenantID] = []
            for _ in 0 ..< 6 { turns += [try #require(try await turn(house.supervisor))] }
            #expect(turns.count { $0 == small.tenant } == 3)
            #expect(try await house.worker.dueJobs(house.tenant, limit: 2000).count == 1000)
        }
    }

    @Test("a long history keeps nobody from his turns: who was served little catches up by a minute, over his weight, and then they alternate",
        arguments: [1, 5] as [Int32])
    func history(weight: Int32) async throws {
        try await House.with { house async throws in
            let young = try await house.neighbour()
            try await ask(house, 100)
            try await ask(young, 100)
            try await house.owner.batch([
                "INSERT INTO app.tenant_shares VALUES (\(house.tenant), 36000000)", "UPDATE app.tenants SET weight = \(weight) WHERE tenant_id = \(young.tenant)",
            ])
            var turns: [TenantID] = []
            // Of ten seconds each; who waits is seen while one works.
            for _ in 0 ..< 80 {
                let next = try #require(try await house.supervisor.dueTenants(limit: 1).first)
                let lease = try #require(try await house.supervisor.acquire(next.tenant, holder: "h", seconds: 30))
                let most = try await house.supervisor.dueTenants(limit: 1).first?.most ?? .zero
                _ = try await house.supervisor.release(lease, holder: "h", served: .seconds(10), crashed: false, most: most)
                turns.append(next.tenant)
            }
            let first = try #require(turns.firstIndex(of: house.tenant))
            #expect(first <= 1 + 6 * Int(weight) + 1, "\(first) turns of the other before the first")
            let later = turns[first...]
            let share = Double(later.count { $0 == young.tenant }) / Double(later.count)
            #expect(abs(share - Double(weight) / Double(weight + 1)) < 0.1, "\(share)")
        }
    }

    @Test("a share is counted anew by who waits, never down, and never for another's lease") func counted() async throws {
        try await House.with { house async throws in
            func served(_ most: Duration, holder: String = "h") async throws -> Int {
                let lease = try #require(try await house.supervisor.acquire(house.tenant, holder: "h", seconds: 30))
                _ = try await house.supervisor.release(lease, holder: holder, served: .seconds(1), crashed: false, most: most)
                if holder != "h" { _ = try await house.supervisor.release(lease, holder: "h", served: .zero, crashed: false) }
                return try await house.count("SELECT coalesce(sum(served_ms), 0)::bigint FROM app.tenant_shares WHERE tenant_id = \(house.tenant)")
            }
            #expect(try await served(.seconds(900), holder: "other") == 0)
            #expect(try await served(.seconds(30)) == 1000)
            #expect(try await served(.seconds(100)) == 41_000)
            #expect(try await served(.seconds(100)) == 42_000)
            #expect(try await served(.zero) == 43_000)
            try await house.owner.query("UPDATE app.tenants SET weight = 10 WHERE tenant_id = \(house.tenant)")
            #expect(try await served(.seconds(70)) == 101_000)
            #expect(try await house.supervisor.dueTenants(limit: 9).isEmpty)
            try await ask(house)
            #expect(try await house.supervisor.dueTenants(limit: 9).map(\.most) == [.milliseconds(10_100)])
        }
    }

    @Test("turns follow the weights") func weights() async throws {
        try await House.with { house async throws in
            let second = try await house.neighbour(), third = try await house.neighbour()
            for (one, weight) in [(house, 1), (second, 1), (third, 2)] as [(House, Int32)] {
                try await ask(one)
                try await house.owner.query("UPDATE app.tenants SET weight = \(weight) WHERE tenant_id = \(one.tenant)")
            }
            var turns: [TenantID: Int] = [:]
            for _ in 0 ..< 24 { turns[try #require(try await turn(house.supervisor)), default: 0] += 1 }
            #expect(abs((turns[third.tenant] ?? 0) - 12) <= 1)
            #expect(abs((turns[second.tenant] ?? 0) - 6) <= 1)
        }
    }

    @Test("the least served tenant comes first, the leased, the paused and those left out not at all, and they hide nobody") func ranked() async throws {
        try await House.with { house async throws in
            let second = try await house.neighbour(), third = try await house.neighbour()
            for (tenant, served, weight) in [(house.tenant, 9000, 10), (second.tenant, 2000, 1), (third.tenant, 1000, 1)] as [(TenantID, Int64, Int32)] {
                try await house.supervisor.ask(tenant, [Job(.post, "f", lane: .webhook)])
                try await house.owner.batch([
                    "INSERT INTO app.tenant_shares VALUES (\(tenant), \(served))", "UPDATE app.tenants SET weight = \(weight) WHERE tenant_id = \(tenant)",
                ])
            }
            func due(_ limit: Int, _ except: [TenantID] = []) async throws -> [TenantID] {
                try await house.supervisor.dueTenants(limit: limit, except: except).map(\.tenant)
            }
            #expect(try await due(5) == [house.tenant, third.tenant, second.tenant])
            #expect(try await due(1, [house.tenant, third.tenant]) == [second.tenant])
            let lease = try await third.lease()
            #expect(try await due(5) == [house.tenant, second.tenant])
            try await house.owner.query("UPDATE app.tenants SET state = 'paused' WHERE tenant_id = \(second.tenant)")
            #expect(try await due(5) == [house.tenant])
            try await house.owner.query("UPDATE app.jobs SET due_at = now() + interval '1 hour' WHERE tenant_id = \(house.tenant)")
            #expect(try await due(5) == [])
            let wait = try #require(try await house.supervisor.nextDueOfAll())
            #expect(wait <= .zero, "the leased tenant's job is due")
            _ = try await house.supervisor.release(lease, holder: "test", served: .zero, crashed: false)
            #expect(try await due(5) == [third.tenant])
        }
    }

    @Test("who is due is the same whether little is due or much, whatever else is put off") func fewAndMany() async throws {
        try await House.with { house async throws in
            var houses = [house]
            for _ in 0 ..< 5 { houses.append(try await house.neighbour()) }
            var random = Seeded(5)
            for _ in 0 ..< 12 {
                try await house.owner.query("TRUNCATE app.jobs, app.tenant_shares")
                for one in houses {
                    for n in 0 ..< random.int(0 ... 4) {
                        try await house.supervisor.ask(one.tenant, [Job(.post, "f\(n)", lane: .webhook)], after: .seconds(random.flip() ? 600 : 0))
                    }
                    if random.flip() { try await house.owner.query("INSERT INTO app.tenant_shares VALUES (\(one.tenant), \(Int64(random.int(0 ... 3))))") }
                }
                var answers: [[String]] = []
                for few in [0, 1, 3, 200] {
                    let rows = try await house.supervisor.pool.query(JobStatements.dueTenants(limit: 10, few: few))
                    answers.append(try rows.map { try $0.get("tenant_id", as: TenantID.self).description })
                }
                #expect(Set(answers).count == 1, "\(answers)")
            }
        }
    }

    @Test("schedulers side by side lease every tenant once") func schedulers() async throws {
        try await House.with { house async throws in
            var tenants: Set<TenantID> = [house.tenant]
            try await ask(house)
            for _ in 0 ..< 5 {
                let other = try await house.neighbour()
                try await ask(other)
                tenants.insert(other.tenant)
            }
            let store = house.supervisor
            let claims = try await sideBySide(6) { n in
                var mine: [TenantID] = []
                while case let due = try await store.dueTenants(limit: 3), !due.isEmpty {
                    for one in due where try await store.acquire(one.tenant, holder: "s\(n)", seconds: 30) != nil { mine.append(one.tenant) }
                }
                return mine
            }
            let all = claims.flatMap { $0 }
            #expect(all.count == tenants.count)
            #expect(Set(all) == tenants)
        }
    }
}
