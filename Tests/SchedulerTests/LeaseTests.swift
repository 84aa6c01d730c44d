import Kernel
import Postgres
import Store
import Testing
import TestKit

@testable import Scheduler

@Suite("A tenant has one worker")
struct LeaseSearchTests {
    @Test("in no reachable state may two workers send for one tenant, whoever is stopped or killed and when", arguments: [true, false])
    func search(sameHost: Bool) {
        let outcome = LeaseWorld.explore(.init(), sameHost: sameHost, troubles: 2)
        #expect(outcome.broken == nil, "\(outcome.way)")
        #expect(outcome.states > 1000, "\(outcome.states) states")
    }

    /// Each rule broken, and on which machines that shows.
    static let broken: [(name: String, sameHost: Bool, change: @Sendable (inout LeaseWorld.Rules) -> Void)] = [
        ("another host waits for the lease alone, not for a request under way", false, { $0.grace = 0; $0.requestEndsWithLease = false }),
        ("a worker does not look at its deadline", false, { $0.workerChecksDeadline = false }),
        ("a worker gets its assignment before the lease knows its process", true, { $0.pidBeforeAssignment = false }),
        ("a lease is passed on because its processes can't be seen", true, { $0.seesProcesses = false }),
    ]

    @Test("the search notices a broken rule", arguments: LeaseSearchTests.broken.indices)
    func notices(index: Int) {
        let (name, sameHost, change) = LeaseSearchTests.broken[index]
        var rules = LeaseWorld.Rules()
        change(&rules)
        let outcome = LeaseWorld.explore(rules, sameHost: sameHost, troubles: 2)
        #expect(outcome.broken?.contains("two workers may send") == true, "\(name): \(outcome.states) states")
    }
}

@Suite("The lease's row")
struct LeaseRowTests {
    /// Puts the row into a state, its end this far from now.
    private func put(_ house: House, _ state: String, _ holder: String, endsIn seconds: Int, pid: Int32?) async throws {
        _ = try await house.owner.query("""
            INSERT INTO app.leases (tenant_id, epoch, holder, pid, state, acquired_at, expires_at)
            VALUES (\(house.tenant), 7, \(holder), \(pid), \(state), now(), clock_timestamp() + \(Int64(seconds)) * interval '1 second')
            ON CONFLICT (tenant_id) DO UPDATE SET epoch = 7, holder = EXCLUDED.holder, pid = EXCLUDED.pid, state = EXCLUDED.state, expires_at = EXCLUDED.expires_at
            """)
    }

    @Test("PostgreSQL grants a lease exactly when the model of the search does")
    func acquire() async throws {
        try await House.with { house in
            for state in ["held", "free"] {
                for ends in stride(from: -40, through: 40, by: 4) where ends != -24 {
                    try await put(house, state, "other", endsIn: ends, pid: 1)
                    let lease = try await house.supervisor.acquire(house.tenant, holder: "me", seconds: 30)
                    #expect((lease != nil) == (state == "free" || ends < -25), "\(state), \(ends)")
                    #expect(lease.map(\.epoch) == (lease == nil ? nil : 8))
                }
            }
        }
    }

    @Test("whoever lost the lease renews nothing, notes no process, opens no role and closes none")
    func fences() async throws {
        try await House.with { house in
            let store = house.supervisor
            let verifier = "SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2FsdA==$zd6BoC1ZNqXdTgQFHVVhMYEM7E6JlVXvwXJ1tTjVbvA=:u4mJ5yZTnv6FZCZSBYMp8aTnWvlhSyTqHTBfNAhXzR0="
            for (state, holder, epoch) in [("held", "other", Int64(7)), ("held", "me", 6), ("free", "me", 7)] {
                try await put(house, state, holder, endsIn: 20, pid: nil)
                let lease = Lease(tenant: house.tenant, epoch: epoch)
                #expect(try await store.renew(lease, holder: "me", seconds: 30) == false)
                await #expect(throws: Fault.self) { try await store.setWorker(lease, holder: "me", pid: 4) }
                await #expect(throws: Fault.self) { _ = try await store.openRole(lease, holder: "me", verifier: verifier, seconds: 600) }
                // The worker of whoever has the lease now keeps its session.
                #expect(try await house.worker.pool.query("SELECT 1").count == 1)
                let session: Int32? = try await house.worker.pool.query("SELECT pg_backend_pid()").first?.get(0)
                try await store.closeRole(lease, holder: "me")
                #expect(try await house.worker.pool.query("SELECT pg_backend_pid()").first?.get(0) == session)
                #expect(try await house.count("SELECT count(*) FROM app.leases WHERE pid IS NOT NULL") == 0)
            }
            try await put(house, "held", "me", endsIn: 20, pid: nil)
            let lease = Lease(tenant: house.tenant, epoch: 7)
            #expect(try await store.renew(lease, holder: "me", seconds: 30))
            try await store.setWorker(lease, holder: "me", pid: 4)
            #expect(try await house.count("SELECT pid FROM app.leases") == 4)
            #expect(try await store.openRole(lease, holder: "me", verifier: verifier, seconds: 600) == "t_\(house.tenant.hex)")
            try await store.closeRole(lease, holder: "me")
            await #expect(throws: Fault.self) { _ = try await house.worker.pool.query("SELECT 1") }
        }
    }

    @Test("a lease left behind is freed as it was read, not as it is now")
    func free() async throws {
        try await House.with { house in
            try await put(house, "held", "host/1/a", endsIn: -1, pid: 5)
            let found = try await house.supervisor.leasesHeld(on: "host/", notBy: "host/2/b")
            let held = try #require(found.first)
            #expect(held.expired)
            #expect(held.pid == 5)
            #expect(try await house.supervisor.leasesHeld(on: "host/", notBy: "host/1/a").isEmpty)
            #expect(try await house.supervisor.leasesHeld(on: "other/", notBy: "x").isEmpty)
            // Meanwhile another worker was noted.
            try await put(house, "held", "host/1/a", endsIn: 30, pid: 6)
            #expect(try await house.supervisor.free(held) == false)
            try await put(house, "held", "host/1/a", endsIn: 30, pid: 5)
            #expect(try await house.supervisor.free(held))
        }
    }
}
