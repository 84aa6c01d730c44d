import Crypto
import FoundationEssentials
import Kernel
import Postgres
import TestKit
import Testing

@testable import Store

@Suite("Leases", .serialized, .timeLimit(.minutes(2))) struct LeaseTests {
    private func acquire(_ house: House, _ holder: String = "h") async throws -> Lease? {
        try await house.supervisor.acquire(house.tenant, holder: holder, seconds: 30)
    }

    /// Says that the tenant's lease ended so long ago.
    private func ended(_ house: House, secondsAgo: Int64) async throws {
        try await house.owner.query("UPDATE app.leases SET expires_at = clock_timestamp() - \(secondsAgo) * interval '1 second' WHERE tenant_id = \(house.tenant)")
    }

    @Test("of many claimers one gets the lease, and nobody until it is free or long over") func one() async throws {
        try await Street.with { house async throws in
            let (store, tenant) = (house.supervisor, house.tenant)
            func claim() async throws -> [(Lease, String)] {
                try await sideBySide(8) { n in try await store.acquire(tenant, holder: "h\(n)", seconds: 30).map { ($0, "h\(n)") } }.compactMap { $0 }
            }
            let got = try await claim()
            #expect(got.count == 1)
            let (first, holder) = try #require(got.first)
            #expect(try await acquire(house, "late") == nil)
            try await ended(house, secondsAgo: 20)
            #expect(try await acquire(house, "late") == nil, "a request of the dead may still be under way")
            #expect(try await store.dueTenants(limit: 1000).allSatisfy { $0.tenant != tenant })
            try await ended(house, secondsAgo: 26)
            let takers = try await claim()
            #expect(takers.count == 1)
            let (next, taker) = try #require(takers.first)
            #expect(next.epoch == first.epoch + 1)
            #expect(try await store.renew(first, holder: holder, seconds: 30) == false)
            #expect(try await store.renew(next, holder: taker, seconds: 30))
        }
    }

    @Test("a renewal moves the end, for its holder and its epoch alone, until the lease is given back") func renew() async throws {
        try await Street.with { house async throws in
            let lease = try #require(try await acquire(house))
            try await ended(house, secondsAgo: 10)
            #expect(try await house.supervisor.renew(lease, holder: "other", seconds: 30) == false)
            #expect(try await house.supervisor.renew(Lease(tenant: house.tenant, epoch: lease.epoch + 1), holder: "h", seconds: 30) == false)
            #expect(try await house.count("SELECT count(*) FROM app.leases WHERE tenant_id = \(house.tenant) AND expires_at > now()") == 0)
            #expect(try await house.supervisor.renew(lease, holder: "h", seconds: 30), "late, but nobody took it")
            #expect(try await house.count("SELECT count(*) FROM app.leases WHERE tenant_id = \(house.tenant) AND expires_at > now()") == 1)
            _ = try await house.supervisor.release(lease, holder: "h", served: .zero, crashed: false)
            #expect(try await house.supervisor.renew(lease, holder: "h", seconds: 30) == false)
        }
    }

    @Test("a released lease counts what was served, and crashes in a row") func release() async throws {
        try await Street.with { house async throws in
            for crash in 1 ... 3 {
                let lease = try #require(try await acquire(house))
                #expect(try await house.supervisor.release(lease, holder: "other", served: .seconds(2), crashed: true) == 0)
                #expect(try await acquire(house) == nil, "another's word frees nothing")
                #expect(try await house.supervisor.release(lease, holder: "h", served: .seconds(2), crashed: true) == crash)
            }
            let lease = try #require(try await acquire(house))
            #expect(try await house.supervisor.release(lease, holder: "h", served: .seconds(1), crashed: false) == 0)
            #expect(try await house.count("SELECT served_ms FROM app.tenant_shares WHERE tenant_id = \(house.tenant)") == 7000)
        }
    }

    @Test("epochs only grow, however a lease ends") func epochs() async throws {
        try await Street.with { house async throws in
            var epochs: [Int64] = []
            for end in 0 ..< 6 {
                let lease = try #require(try await acquire(house))
                epochs.append(lease.epoch)
                switch end % 3 {
                case 0: _ = try await house.supervisor.release(lease, holder: "h", served: .zero, crashed: false)
                case 1: #expect(try await house.supervisor.free(HeldLease(lease: lease, holder: "h", pid: nil, expired: false)))
                default: try await ended(house, secondsAgo: 60)
                }
            }
            #expect(epochs == Array(1 ... 6))
        }
    }

    @Test("what a scheduler left behind is found by its host, with the worker, and freed by its epoch alone") func left() async throws {
        try await Street.with { house async throws in
            let host = "host-\(house.tenant)"
            func found() async throws -> [HeldLease] { try await house.supervisor.leasesHeld(on: host, notBy: "\(host)/2") }
            let lease = try #require(try await acquire(house, "\(host)/1"))
            #expect(try await found().first?.pid == nil)
            try await house.supervisor.setWorker(lease, holder: "\(host)/1", pid: 4242)
            let one = try #require(try await found().first)
            #expect(one.lease == lease && one.pid == 4242)
            #expect(try await house.supervisor.leasesHeld(on: host, notBy: "\(host)/1").isEmpty, "one's own is not left")
            var earlier = one
            earlier.lease.epoch -= 1
            #expect(try await house.supervisor.free(earlier) == false)
            #expect(try await acquire(house) == nil)
            #expect(try await house.supervisor.free(one))
            #expect(try await found().isEmpty)
            let next = try #require(try await acquire(house, "\(host)/2"))
            #expect(await faultCode { try await house.supervisor.setWorker(lease, holder: "\(host)/1", pid: 1) } == "lease_lost")
            #expect(try await house.count("SELECT count(*) FROM app.leases WHERE tenant_id = \(house.tenant) AND pid IS NULL") == 1, "a word on an earlier epoch")
            #expect(next.epoch == lease.epoch + 1)
        }
    }

    @Test("keys are given once, to a tenant that has none") func keys() async throws {
        try await Street.with { house async throws in
            let tenant: TenantID = SystemRandom().identifier()
            try await house.owner.query("INSERT INTO app.tenants (tenant_id, consultancy_id, slug, name) VALUES (\(tenant), \(house.consultancy), \("k-" + tenant.hex), 'New')")
            #expect(try await house.supervisor.keylessTenants(limit: 1000).contains(tenant))
            let key = [UInt8](repeating: 1, count: 32), second = [UInt8](repeating: 2, count: 32)
            try await house.supervisor.giveKeys(tenant, publicKey: key, wrapped: key)
            try await house.supervisor.giveKeys(tenant, publicKey: second, wrapped: second)
            #expect(try await house.supervisor.publicKey(tenant) == key)
            #expect(try await house.supervisor.keylessTenants(limit: 1000).contains(tenant) == false)
            #expect(try await house.count("SELECT count(*) FROM app.audit WHERE tenant_id = \(tenant) AND action = 'tenant.keyed'") == 1)
        }
    }
}

@Suite("Logins of tenants", .serialized, .timeLimit(.minutes(2))) struct LoginTests {
    /// A server of its own on which tenants' roles must give their passwords, and one database there.
    private func withPasswords(_ body: (Cluster, TemporaryDatabase, Store) async throws -> Void) async throws {
        let cluster = try Cluster()
        let file = "\(cluster.folder)/data/pg_hba.conf"
        let rules = try String(contentsOfFile: file, encoding: .utf8)
        let database = try await TemporaryDatabase.make(on: cluster)
        try Data("local all +counterfoil_worker scram-sha-256\n\(rules)".utf8).write(to: URL(filePath: file))
        try await postgresScript(cluster.configuration(), "SELECT pg_reload_conf()")
        let store = Store(PostgresPool(database.supervisor, size: 2))
        let result: Result<Void, any Error>
        do { result = .success(try await body(cluster, database, store)) } catch { result = .failure(error) }
        await store.pool.close()
        try cluster.stop()
        try result.get()
    }

    private func login(_ database: TemporaryDatabase, _ role: String, _ password: Secret) async -> String? {
        var configuration = database.superuser
        configuration.user = role
        configuration.password = password
        let pool = PostgresPool(configuration, size: 1)
        let code = await faultCode { try await pool.query("SELECT 1") }
        await pool.close()
        return code
    }

    @Test("a lease is a password: another's, an expired one and the last one are refused, and none of them is in the server's log") func passwords() async throws {
        try await withPasswords { cluster, database, store async throws in
            let tenant: TenantID = SystemRandom().identifier()
            let password = Secret("right-\(SystemRandom().bytes(8).hexText)")
            let verifier = try scramVerifier(password: password, random: SystemRandom())
            let soon = SystemClocks().now() + .seconds(600)
            let role = try await store.openRole(tenant, verifier: verifier, until: soon)
            // The server reads its rules again in its own time: until then any password passes.
            var tries = 0
            while tries < 2000, await login(database, role, Secret("wrong")) == nil { tries += 1 }
            #expect(await login(database, role, password) == nil)
            #expect(await login(database, role, Secret("wrong")) == "login_refused")
            _ = try await store.openRole(tenant, verifier: verifier, until: SystemClocks().now() - .seconds(1))
            #expect(await login(database, role, password) == "login_refused", "expired")
            let next = try scramVerifier(password: Secret("next"), random: SystemRandom())
            _ = try await store.openRole(tenant, verifier: next, until: soon)
            #expect(await login(database, role, password) == "login_refused", "the last lease's")
            #expect(await login(database, role, Secret("next")) == nil)
            try await store.closeRole(tenant)
            #expect(await login(database, role, Secret("next")) == "login_refused", "closed")
            #expect(!cluster.log.contains(password.revealText()))
        }
    }

    @Test("a plain password is refused in place of a verifier") func verifier() async throws {
        try await Street.with { house async throws in
            await #expect(throws: Fault.self) { try await house.supervisor.openRole(house.tenant, verifier: "secret", until: SystemClocks().now()) }
        }
    }

    @Test("after closing no session of the role remains and none begins; what it set for itself does not outlive it", arguments: ["", "IN DATABASE "])
    func close(place: String) async throws {
        try await Street.with { house async throws in
            let whose = place.isEmpty ? "" : place + house.database.name
            for _ in 0 ..< 3 { try await house.worker.pool.query("SELECT 1") }
            try await house.worker.pool.query("ALTER ROLE CURRENT_USER \(unsafe: whose) SET statement_timeout = 1")
            #expect(try await house.count("SELECT count(*) FROM pg_stat_activity WHERE usename = \(house.role)") > 0)
            try await house.supervisor.closeRole(house.tenant)
            #expect(try await house.count("SELECT count(*) FROM pg_stat_activity WHERE usename = \(house.role)") == 0)
            #expect(try await house.count("SELECT count(*) FROM pg_roles WHERE rolname = \(house.role) AND rolcanlogin") == 0)
            _ = try await house.database.worker(of: house.tenant)
            #expect(try await house.count("SELECT count(*) FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole WHERE r.rolname = \(house.role)") == 0)
        }
    }

    @Test("a role never had is closed without a word") func closeNone() async throws {
        try await Street.with { house in try await house.supervisor.closeRole(SystemRandom().identifier()) }
    }
}
