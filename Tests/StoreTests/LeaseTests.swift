import Crypto
import FoundationEssentials
import Kernel
import Postgres
import TestKit
import Testing

@testable import Store

@Suite("Leases and logins") struct LeaseTests {
    @Test("of many claimers one gets the lease, and nobody until it is free or long over") func one() async throws {
        try await House.with { house in
            let got = try await withThrowingTaskGroup(of: Lease?.self) { group in
                for n in 0 ..< 8 { group.addTask { try await house.supervisor.acquire(house.tenant, holder: "h\(n)", seconds: 30) } }
                return try await group.reduce(into: [Lease]()) { all, lease in if let lease { all.append(lease) } }
            }
            #expect(got.count == 1)
            #expect(try await house.supervisor.acquire(house.tenant, holder: "late", seconds: 30) == nil)
            try await house.owner.query("UPDATE app.leases SET expires_at = now() - interval '24 seconds'")
            #expect(try await house.supervisor.acquire(house.tenant, holder: "late", seconds: 30) == nil, "a request of the dead may still be under way")
            try await house.owner.query("UPDATE app.leases SET expires_at = now() - interval '26 seconds'")
            let next = try #require(try await house.supervisor.acquire(house.tenant, holder: "late", seconds: 30))
            #expect(next.epoch == got[0].epoch + 1)
            #expect(try await house.supervisor.renew(got[0], holder: "h0", seconds: 30) == false)
            #expect(try await house.supervisor.renew(next, holder: "late", seconds: 30))
        }
    }

    @Test("a released lease counts what was served, and crashes in a row") func release() async throws {
        try await House.with { house in
            for crash in 1 ... 3 {
                let lease = try #require(try await house.supervisor.acquire(house.tenant, holder: "h", seconds: 30))
                #expect(try await house.supervisor.release(lease, holder: "h", served: .seconds(2), crashed: true) == crash)
                #expect(try await house.supervisor.release(lease, holder: "other", served: .seconds(2), crashed: true) == 0)
            }
            let lease = try #require(try await house.supervisor.acquire(house.tenant, holder: "h", seconds: 30))
            #expect(try await house.supervisor.release(lease, holder: "h", served: .seconds(1), crashed: false) == 0)
            #expect(try await house.count("SELECT served_ms FROM app.tenant_shares") == 7000)
        }
    }

    @Test("the least served tenant comes first, by weight, and those left out hide nobody") func fair() async throws {
        try await House.with { house in
            let second = try await house.neighbour(), third = try await house.neighbour()
            for (tenant, served, weight) in [(house.tenant, 9000, 10), (second.tenant, 2000, 1), (third.tenant, 1000, 1)] as [(TenantID, Int64, Int32)] {
                try await house.supervisor.ask(tenant, [Job(.post, "f", lane: .webhook)])
                try await house.owner.batch([
                    "INSERT INTO app.tenant_shares VALUES (\(tenant), \(served))", "UPDATE app.tenants SET weight = \(weight) WHERE tenant_id = \(tenant)",
                ])
            }
            #expect(try await house.supervisor.dueTenants(limit: 5).map(\.tenant) == [house.tenant, third.tenant, second.tenant])
            #expect(try await house.supervisor.dueTenants(limit: 1, except: [house.tenant, third.tenant]).map(\.tenant) == [second.tenant])
            _ = try await third.lease()
            try await house.owner.query("UPDATE app.tenants SET state = 'paused' WHERE tenant_id = \(second.tenant)")
            #expect(try await house.supervisor.dueTenants(limit: 5).map(\.tenant) == [house.tenant])
        }
    }

    /// A server of its own on which tenants' roles must give their passwords, and one tenant with a database there.
    private func withPasswords(_ body: (Cluster, TemporaryDatabase, Store, TenantID) async throws -> Void) async throws {
        let cluster = try Cluster()
        let file = "\(cluster.folder)/data/pg_hba.conf"
        let rules = try String(contentsOfFile: file, encoding: .utf8)
        let database = try await TemporaryDatabase.make(on: cluster)
        try Data("local all +counterfoil_worker scram-sha-256\n\(rules)".utf8).write(to: URL(filePath: file))
        try await postgresScript(cluster.configuration(), "SELECT pg_reload_conf()")
        let store = Store(PostgresPool(database.supervisor, size: 2))
        try await body(cluster, database, store, SystemRandom().identifier())
        await store.pool.close()
        try cluster.stop()
    }

    private func login(_ database: TemporaryDatabase, _ role: String, _ password: Secret?) async -> Fault? {
        var configuration = database.superuser
        configuration.user = role
        configuration.password = password
        let pool = PostgresPool(configuration, size: 1, patience: .milliseconds(300))
        defer { Task { await pool.close() } }
        do {
            try await pool.query("SELECT 1")
            return nil
        } catch { return error }
    }

    @Test("a lease is a password: another's, an expired one and none are refused, and none of them is in the server's log") func passwords() async throws {
        try await withPasswords { cluster, database, store, tenant in
            let password = Secret("right-\(SystemRandom().bytes(8).hexText)")
            let verifier = try scramVerifier(password: password, random: SystemRandom())
            let soon = SystemClocks().now() + .seconds(600)
            let role = try await store.openRole(tenant, verifier: verifier, until: soon)
            // The server reads its rules again in its own time: until then a login without a password passes.
            var tries = 0
            while tries < 2000, await login(database, role, nil) == nil { tries += 1 }
            #expect(await login(database, role, password) == nil)
            #expect(await login(database, role, Secret("wrong")) != nil)
            #expect(await login(database, role, nil) != nil)
            _ = try await store.openRole(tenant, verifier: verifier, until: SystemClocks().now() - .seconds(1))
            #expect(await login(database, role, password) != nil, "expired")
            let next = try scramVerifier(password: Secret("next"), random: SystemRandom())
            _ = try await store.openRole(tenant, verifier: next, until: soon)
            #expect(await login(database, role, password) != nil, "the last lease's")
            #expect(await login(database, role, Secret("next")) == nil)
            #expect(!cluster.log.contains(password.revealText()))
        }
    }

    @Test("a plain password is refused in place of a verifier") func verifier() async throws {
        try await House.with { house in
            await #expect(throws: Fault.self) { try await house.supervisor.openRole(house.tenant, verifier: "secret", until: SystemClocks().now()) }
        }
    }

    @Test("after closing no session of the role remains and none begins; its settings do not outlive it") func close() async throws {
        try await House.with { house in
            let role = "t_" + house.tenant.hex
            for _ in 0 ..< 3 { try await house.worker.pool.query("SELECT 1") }
            try await house.worker.pool.query("ALTER ROLE CURRENT_USER SET statement_timeout = 1")
            #expect(try await house.count("SELECT count(*) FROM pg_stat_activity WHERE usename = \(role)") > 0)
            try await house.supervisor.closeRole(house.tenant)
            #expect(try await house.count("SELECT count(*) FROM pg_stat_activity WHERE usename = \(role)") == 0)
            #expect(try await house.count("SELECT count(*) FROM pg_roles WHERE rolname = \(role) AND rolcanlogin") == 0)
            _ = try await house.database.worker(of: house.tenant)
            let pool = PostgresPool(try await house.loginAgain(), size: 1)
            let setting: String? = try await pool.query("SHOW statement_timeout").first?.get(0)
            #expect(setting == "0")
            await pool.close()
        }
    }

    @Test("a role never had is closed without a word") func closeNone() async throws {
        try await House.with { house in try await house.supervisor.closeRole(SystemRandom().identifier()) }
    }
}
