import Crypto
import FoundationEssentials
import Glibc
import Kernel
import Postgres
import Store
import Synchronization
import Telemetry
import Testing
import TestKit
import Wire

@testable import Scheduler

/// A scheduler over a database of its own, whose workers are shell scripts.
struct Yard {
    let house: House
    let master: AEADKey
    let logged = Lines()

    /// Lines of the scheduler's log, and a way to wait for one.
    final class Lines: Sendable {
        private struct State: Sendable {
            var lines: [String] = []
            var waiting: [(count: Int, text: String, continuation: CheckedContinuation<Void, Never>)] = []
        }

        private let state = Locked(State())

        func add(_ line: String) {
            let ready: [CheckedContinuation<Void, Never>] = state.with { state in
                state.lines.append(line)
                let lines = state.lines
                let ready = state.waiting.filter { waiting in lines.count { $0.contains(waiting.text) } >= waiting.count }
                state.waiting.removeAll { waiting in lines.count { $0.contains(waiting.text) } >= waiting.count }
                return ready.map(\.continuation)
            }
            for continuation in ready { continuation.resume() }
        }

        func all(_ text: String) -> [String] { state.with { $0.lines.filter { $0.contains(text) } } }

        /// Returns when as many lines with the text have been written.
        func wait(_ count: Int, _ text: String) async {
            await withCheckedContinuation { continuation in
                let now: Bool = state.with { state in
                    if state.lines.count(where: { $0.contains(text) }) >= count { return true }
                    state.waiting.append((count, text, continuation))
                    return false
                }
                if now { continuation.resume() }
            }
        }
    }

    init(_ house: House) throws {
        self.house = house
        master = try AEADKey(Secret([UInt8](repeating: 3, count: 32)))
    }

    /// Gives the tenant a key that the scheduler can open.
    func key(_ tenant: TenantID) async throws {
        let wrapped = try master.seal([UInt8](repeating: 9, count: 32), context: Scheduler.keyContext(tenant), random: SystemRandom())
        _ = try await house.owner.query("UPDATE app.tenants SET wrapped_private_key = \(wrapped) WHERE tenant_id = \(tenant)")
    }

    func scheduler(_ script: String, clocks: any Clocks = SystemClocks(), workersMost: Int = 4, users: ClosedRange<UInt32>? = nil, mark: MarkKeeper? = nil) throws -> Scheduler {
        var configuration = SchedulerConfiguration(
            program: "/bin/sh", workerArguments: ["-c", script], database: house.database.supervisor, masterKey: master, allowedHosts: [],
            workersMost: workersMost, workerUser: nil)
        configuration.workerUsers = users
        configuration.mark = mark
        let log = Log(component: "test", sink: { [logged] in logged.add(String(decoding: $0, as: UTF8.self)) })
        return try Scheduler(configuration, store: house.supervisor, clocks: clocks, random: SystemRandom(), log: log, metrics: Metrics())
    }

    /// One round after another until the log has what is waited for: no loop, no clock.
    func rounds(_ scheduler: Scheduler, until count: Int, _ text: String, _ between: () async throws -> Void = {}) async throws {
        for n in 1 ... count {
            try await between()
            try await scheduler.dispatch()
            await logged.wait(n, text)
            await scheduler.settled()
        }
    }
}

extension Scheduler {
    /// Returns when every worker that was started is reaped and its lease given back.
    func settled() async {
        while !running.with({ $0.isEmpty }) { await bell.wait(.seconds(1)) }
    }
}

@Suite("One tenant's trouble is its own")
struct BulkheadTests {
    private func job(_ house: House) -> JobName { JobName(.normalize, house.source.description) }

    private func event(_ house: House, _ n: Int) async throws -> Int64 {
        let row = try await house.owner.query("""
            INSERT INTO app.events (tenant_id, connection_id, topic, delivery_id, body) VALUES (\(house.tenant), \(house.source), 't', \("d-\(n)"), \([UInt8(n)])) RETURNING id
            """).first
        return try #require(try row?.get("id", as: Int64.self))
    }

    private func makeDue(_ house: House) async throws {
        try await house.supervisor.ask(house.tenant, [Job(.normalize, house.source.description, lane: .webhook), Job(.sweep, house.source.description, lane: .poll)])
    }

    @Test("workers that have users of their own get one each, round and round; a user that is taken is nobody else's")
    func ownUsers() {
        #expect(Scheduler.user(of: 7 ... 9, after: nil, taken: []) == 7)
        #expect(Scheduler.user(of: 7 ... 9, after: 7, taken: []) == 8)
        #expect(Scheduler.user(of: 7 ... 9, after: 9, taken: [7]) == 8)
        #expect(Scheduler.user(of: 7 ... 9, after: 8, taken: [9]) == 7)
        #expect(Scheduler.user(of: 7 ... 9, after: 8, taken: [7, 8, 9]) == nil)
        #expect(Scheduler.user(of: 7 ... 7, after: 7, taken: []) == 7)
        #expect(Scheduler.user(of: 7 ... 9, after: 100, taken: []) == 7)
    }

    @Test("two workers that run at once run as two users, each in a group of its own", .enabled(if: getuid() == 0, "only root may choose users"))
    func twoUsers() async throws {
        try await House.with { house in
            let yard = try Yard(house)
            let other = try await house.neighbour()
            for place in [house, other] {
                try await yard.key(place.tenant)
                try await place.supervisor.ask(place.tenant, [Job(.sweep, place.source.description, lane: .poll)])
            }
            let scheduler = try yard.scheduler("read line <&3; read line <&3", users: 61_184 ... 61_190)
            try await scheduler.dispatch()
            let pids = scheduler.running.with { $0.values.map(\.child.pid) }
            #expect(pids.count == 2)
            var seen: Set<String> = []
            for pid in pids {
                let words = String(decoding: try Data(contentsOf: URL(filePath: "/proc/\(pid)/status")), as: UTF8.self).split(separator: "\n")
                for name in ["Uid:", "Gid:"] { seen.insert(words.first { $0.hasPrefix(name) }.map(String.init) ?? "") }
            }
            #expect(seen == Set([61_184, 61_185].flatMap { n in ["Uid:", "Gid:"].map { "\($0)\t\(n)\t\(n)\t\(n)\t\(n)" } }), "\(seen)")
            for (tenant, entry) in scheduler.running.with({ $0 }) { scheduler.end(tenant, entry.lease, .stopping) }
            await scheduler.settled()
        }
    }

    @Test("a worker is told the way to the database as the scheduler goes it: what the one verifies the other verifies")
    func way() throws {
        let database = try PostgresConfiguration(url: "postgresql://boss:hush@db1,db2:5433/books?sslmode=verify-full&sslrootcert=/etc/ca.pem&target_session_attrs=read-write&sslkey=/etc/key.pem")
        let place = JSON.object(Scheduler.place(database))
        #expect(place == [
            "host": "db1,db2", "port": ",5433", "database": "books",
            "database_way": ["sslmode": "verify-full", "sslrootcert": "/etc/ca.pem", "target_session_attrs": "read-write"],
        ], "\(place.text)")
        #expect(!place.text.contains("hush"))
    }

    @Test("a document that traps the worker is held after its second crash alone; the job goes on, other jobs never wait")
    func poison() async throws {
        try await House.with { house in
            let yard = try Yard(house)
            try await yard.key(house.tenant)
            let id = try await event(house, 1)
            let script = #"read a <&3; printf '{"job":{"kind":"normalize","subject":"\#(house.source)"}}\n{"items":["event \#(id)"]}\n' >&3; kill -SEGV $$"#
            let scheduler = try yard.scheduler(script)
            try await yard.rounds(scheduler, until: 2, "worker_ended") { try await makeDue(house) }
            #expect(try await house.count("SELECT count(*) FROM app.events WHERE state = 'held' AND fault->>'code' = 'document_quarantined'") == 1)
            #expect(try await house.count("SELECT count(*) FROM app.alerts WHERE severity = 'critical' AND state = 'open' AND remedy <> ''") == 1)
            #expect(try await house.count("SELECT count(*) FROM app.audit WHERE action = 'event.held' AND subject = \("event \(id)")") == 1)
            #expect(try await house.count("SELECT count(*) FROM app.audit WHERE action = 'job.crashed'") == 2)
            #expect(try await house.count("SELECT crashes * 10 + nameless FROM app.leases") == 20)
            let held = try await house.supervisor.suspicions(house.tenant)
            #expect(held == [job(house): Suspicion(crashes: 0, batch: 1)])
            // The sweep was due all along and never put off.
            #expect(try await house.count("SELECT count(*) FROM app.jobs WHERE kind = 'sweep' AND due_at <= clock_timestamp() AND attempts = 0") == 1)
            // The next worker, as the tenant.
            _ = try await house.database.worker(of: house.tenant)
            try await house.worker.acquit(house.tenant, job(house), well: true)
            #expect(try await house.supervisor.suspicions(house.tenant).isEmpty)
        }
    }

    @Test("a job that kills workers without naming a row is left alone after three, with an alert, and asking for it again does not end that")
    func quarantine() async throws {
        try await House.with { house in
            let yard = try Yard(house)
            try await yard.key(house.tenant)
            let script = #"read a <&3; printf '{"job":{"kind":"sweep","subject":"\#(house.source)"}}\n' >&3; kill -ABRT $$"#
            let scheduler = try yard.scheduler(script)
            try await yard.rounds(scheduler, until: 3, "worker_ended") { try await makeDue(house) }
            let name = JobName(.sweep, house.source.description)
            try await makeDue(house)
            let held = try #require(try await house.supervisor.suspicions(house.tenant)[name])
            #expect(held.crashes == 3)
            #expect(try #require(held.quarantined) > .seconds(3600))
            #expect(try await house.count("SELECT count(*) FROM app.alerts WHERE key = \("quarantined/\(name)") AND state = 'open'") == 1)
            #expect(try await house.count("SELECT count(*) FROM app.audit WHERE action = 'job.quarantined'") == 1)
            // A person ends it.
            #expect(try await house.supervisor.release(house.tenant, name, actor: "person"))
            #expect(try await house.supervisor.release(house.tenant, name, actor: "person") == false)
            #expect(try await house.supervisor.suspicions(house.tenant).isEmpty)
            #expect(try await house.count("SELECT count(*) FROM app.alerts WHERE state = 'open'") == 0)
            #expect(try await house.count("SELECT count(*) FROM app.jobs WHERE kind = 'sweep' AND due_at <= clock_timestamp()") == 1)
        }
    }

    @Test("workers that are killed from outside, or end by a fault they caught, are not held against any job", arguments: ["kill -KILL $$", "kill -TERM $$", "exit 75"])
    func notToBlame(end: String) async throws {
        try await House.with { house in
            let yard = try Yard(house)
            try await yard.key(house.tenant)
            let script = #"read a <&3; printf '{"job":{"kind":"sweep","subject":"\#(house.source)"}}\n' >&3; \#(end)"#
            let scheduler = try yard.scheduler(script)
            try await yard.rounds(scheduler, until: 2, "worker_ended") { try await makeDue(house) }
            #expect(try await house.supervisor.suspicions(house.tenant).isEmpty)
            #expect(try await house.count("SELECT crashes * 10 + nameless FROM app.leases") == 22)
        }
    }

    @Test("a crash loop, a key that can't be opened and a hang leave the neighbour's start to itself")
    func neighbours() async throws {
        try await House.with { house in
            let yard = try Yard(house)
            let well = try await house.neighbour(), broken = try await house.neighbour()
            try await yard.key(house.tenant)
            try await yard.key(well.tenant)
            for one in [house, well, broken] { try await makeDue(one) }
            let script = "read a <&3; case \"$a\" in *\(house.tenant)*) kill -SEGV $$;; *) exit 0;; esac"
            let scheduler = try yard.scheduler(script, workersMost: 1)
            // One place only: whoever is out of luck must not keep it.
            for n in 1 ... 6 {
                try await scheduler.dispatch()
                await yard.logged.wait(n, "worker_ended")
                await scheduler.settled()
            }
            let ends = yard.logged.all("worker_ended")
            #expect(ends.contains { $0.contains(well.tenant.description) && $0.contains("\"ending\":\"ended\"") })
            // The neighbour is served each time it is its turn; the loop rests, the broken key is tried once in a while.
            #expect(ends.count { $0.contains(well.tenant.description) } >= 2, "\(ends)")
            #expect(!ends.contains { $0.contains(broken.tenant.description) })
            #expect(yard.logged.all("\"code\"").count >= 1)
        }
    }

    @Test("a worker that stops in its tracks is killed for its silence, and its job named")
    func hang() async throws {
        try await House.with { house in
            let yard = try Yard(house)
            try await yard.key(house.tenant)
            try await makeDue(house)
            let clocks = ManualClocks(SystemClocks().now())
            let script = #"read a <&3; printf '{"job":{"kind":"sweep","subject":"\#(house.source)"}}\n{"beat":true}\n' >&3; kill -STOP $$"#
            let scheduler = try yard.scheduler(script, clocks: clocks)
            try await scheduler.dispatch()
            await scheduler.heard(house.tenant) { $0.hand != nil }
            // Heartbeats renew its lease until it has been silent for too long.
            for _ in 1 ... 4 {
                clocks.advance(by: Vigil.silenceMost / 4)
                try await scheduler.beat()
                #expect(yard.logged.all("worker_killed").isEmpty)
            }
            clocks.advance(by: .seconds(1))
            try await scheduler.beat()
            await yard.logged.wait(1, "worker_ended")
            await scheduler.settled()
            #expect(yard.logged.all("worker_killed").first?.contains("\"reason\":\"stuck\"") == true)
            #expect(try await house.supervisor.suspicions(house.tenant)[JobName(.sweep, house.source.description)]?.crashes == 1)
            #expect(try await house.count("SELECT count(*) FROM app.jobs WHERE kind = 'sweep' AND fault->>'code' = 'worker_hung'") == 1)
            #expect(try await house.count("SELECT count(*) FROM app.leases WHERE state = 'free'") == 1)
        }
    }

    @Test("a scheduler that was stopped past its lease kills its worker when it goes on, and disturbs nobody who took over")
    func stoppedScheduler() async throws {
        try await House.with { house in
            let yard = try Yard(house)
            try await yard.key(house.tenant)
            try await makeDue(house)
            let clocks = ManualClocks(SystemClocks().now())
            let scheduler = try yard.scheduler("read a <&3; read b <&3; exit 0", clocks: clocks)
            try await scheduler.dispatch()
            await yard.logged.wait(1, "worker_started")
            // Meanwhile another host took over, long after the lease's end.
            _ = try await house.owner.query("UPDATE app.leases SET expires_at = clock_timestamp() - interval '1 minute'")
            let other = try #require(try await house.supervisor.acquire(house.tenant, holder: "elsewhere", seconds: 30))
            _ = try await house.database.worker(of: house.tenant)
            let session: Int32? = try await house.worker.pool.query("SELECT pg_backend_pid()").first?.get(0)
            clocks.advance(by: .seconds(Limits.leaseSeconds + 1))
            try await scheduler.beat()
            await yard.logged.wait(1, "worker_ended")
            await scheduler.settled()
            #expect(yard.logged.all("worker_killed").first?.contains("\"reason\":\"lease_ended\"") == true)
            // The other's lease, role and session are as they were.
            #expect(try await house.supervisor.renew(other, holder: "elsewhere", seconds: 30))
            #expect(try await house.worker.pool.query("SELECT pg_backend_pid()").first?.get(0) == session)
            #expect(try await house.supervisor.suspicions(house.tenant).isEmpty)
        }
    }

    @Test("a lease that was lost meanwhile ends the worker at the next heartbeat")
    func lost() async throws {
        try await House.with { house in
            let yard = try Yard(house)
            try await yard.key(house.tenant)
            try await makeDue(house)
            let scheduler = try yard.scheduler("read a <&3; read b <&3; exit 0")
            try await scheduler.dispatch()
            await yard.logged.wait(1, "worker_started")
            _ = try await house.owner.query("UPDATE app.leases SET epoch = epoch + 1")
            try await scheduler.beat()
            await yard.logged.wait(1, "worker_ended")
            await scheduler.settled()
            #expect(yard.logged.all("worker_ended").first?.contains("lease_lost") == true)
        }
    }

    @Test("a restarted scheduler takes over at once what its dead predecessor held, and what lives under an expired lease after killing it")
    func restart() async throws {
        try await House.with { house in
            let yard = try Yard(house)
            try await yard.key(house.tenant)
            try await makeDue(house)
            let clocks = ManualClocks(SystemClocks().now())
            // Stands for a scheduler that was stopped: its worker lives, nobody renews.
            let before = try yard.scheduler("read a <&3; read b <&3; exit 0", clocks: clocks)
            try await before.dispatch()
            await yard.logged.wait(1, "worker_started")
            let after = try yard.scheduler("exit 0")
            try await after.adopt()
            #expect(try await house.count("SELECT count(*) FROM app.leases WHERE state = 'held'") == 1, "a lease in force is left alone")
            _ = try await house.owner.query("UPDATE app.leases SET expires_at = clock_timestamp() - interval '1 second'")
            try await after.adopt()
            await yard.logged.wait(1, "worker_ended")
            await before.settled()
            #expect(yard.logged.all("left_behind").count == 1)
            #expect(try await house.count("SELECT count(*) FROM app.leases WHERE state = 'free'") == 1)
        }
    }
}

extension Scheduler {
    /// Returns when what is known of the tenant's worker is so.
    func heard(_ tenant: TenantID, _ isSo: @Sendable (Vigil) -> Bool) async {
        while !running.with({ $0[tenant].map { isSo($0.vigil) } ?? false }) { await bell.wait(.milliseconds(5)) }
    }
}
