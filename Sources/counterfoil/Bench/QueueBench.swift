internal import Kernel
internal import Postgres
internal import Store
internal import Worker

/// Jobs of a thousand tenants: asked for, claimed fairly, completed; how soon a sleeping claimer wakes; what a hog costs the others.
enum QueueBench: Bench {
    static let name = "queue"
    static let summary = "enqueue, fair claim and completion over 1,000 tenants, wake-up, fairness; against claim + complete in C, and pgqueuer"

    private static let tenants = 1_000
    private static let jobsEach = 100
    private static let ahead = 4
    private static let share = 0.5
    private static let wakeSamples = 300
    /// Places of the fairness runs, and how long a tenant has one where others wait (`Pacing.turn`, a thousandth of it).
    private static let places = 4
    private static let turn = Duration.milliseconds(10)

    static func run(_ workbench: Workbench) async throws(Fault) -> [Bar] {
        let ceiling = try await workbench.ceiling("pg_ceiling", libraries: ["libpq"])
        let python = try await workbench.python(["pgqueuer", "asyncpg"])
        let database = try await BenchDatabase.start(workbench).migrate()
        let all = try await BenchTables.fillTenants(database.owner, count: tenants)
        let owner = PostgresPool(database.owner, size: 1)
        let pool = PostgresPool(database.supervisor, size: ahead)
        let store = Store(pool)
        var rounds = Rounds()
        do throws(Fault) {
            for _ in 0 ..< workbench.rounds {
                try await BenchTables.fillQueue(database.owner, jobs: tenants * jobsEach)
                rounds.add("C", try await workbench.figure("rows_per_second", ceiling, [database.conninfo, "queue", "0"]))
                let dsn = database.url
                rounds.add("pgqueuer", try await workbench.figure("jobs_per_second", python, ["\(workbench.sources)/pgqueuer_drain.py", dsn, "\(tenants * jobsEach)"]))
                _ = try await owner.query(BenchTables.emptyJobs())
                try await cycle(store, all, &rounds)
                // Whoever sleeps has nothing to do: neither has the database, which would otherwise still clear up after 100,000 jobs.
                _ = try await owner.query(BenchTables.emptyJobs())
                _ = try await owner.query(BenchTables.checkpoint())
                // Each tenant has something that is put off, as in life: whoever looks for what is due steps over it.
                _ = try await owner.query(BenchTables.putOffJobs())
                let times = try await workbench.undisturbed { () async throws(Fault) in try await wakes(store, database.supervisor, all) }
                let worker = try await WorkerWake.measure(workbench, database, owner, store)
                rounds.add("worker p50", percentile(worker.times, 0.5))
                rounds.add("worker p99", percentile(worker.times, 0.99))
                rounds.add("worker start", worker.start)
                rounds.add("wake p50", percentile(times, 0.5))
                rounds.add("wake p99", percentile(times, 0.99))
                let heard = try await workbench.undisturbed { () async throws(Fault) in
                    try await workbench.figures(ceiling, [database.conninfo, "wake", "\(wakeSamples)"])
                }
                rounds.add("C wake p50", try heard.get("p50"))
                rounds.add("C wake p99", try heard.get("p99"))
                _ = try await owner.query(BenchTables.emptyJobs())
                let alone = try await others(store, all, hog: 1)
                _ = try await owner.query(BenchTables.emptyJobs())
                rounds.add("lost", (1 - alone / (try await others(store, all, hog: 1000))) * 100)
                _ = try await owner.query(BenchTables.emptyJobs())
            }
        } catch {
            await pool.close()
            await owner.close()
            throw error
        }
        await pool.close()
        await owner.close()
        workbench.tell("  through a worker that waits, until its job is done and that is committed: p50 \(figureText(rounds.median("worker p50"))) ms, "
            + "p99 \(figureText(rounds.median("worker p99"))) ms; where a process has to be started first \(figureText(rounds.median("worker start"))) ms")
        return [
            .share("cycle", of: share, rounds, ours: "cycle", ceiling: "C", peer: "pgqueuer", unit: "jobs/s"),
            .ahead("ahead of pgqueuer", of: "pgqueuer", rounds, ours: "drain", ceiling: "C", unit: "jobs/s"),
            .atMost("wake-up p50", 1, rounds, ours: "wake p50", ceiling: "C wake p50", unit: "ms"),
            .atMost("wake-up p99", 2, rounds, ours: "wake p99", ceiling: "C wake p99", unit: "ms"),
            .atMost("share lost to a hog", 10, rounds, ours: "lost", unit: "%"),
        ]
    }

    /// Everything is asked for, then claimed tenant by tenant under leases, as scheduler and workers do it, and completed.
    private static func cycle(_ store: Store, _ all: [TenantID], _ rounds: inout Rounds) async throws(Fault) {
        let began = secondsNow()
        try await inParallel(all) { tenant throws(Fault) in
            try await store.ask(tenant, (0 ..< jobsEach).map { Job(.fetch, "connection/\($0)", lane: .webhook) })
        }
        let asked = secondsNow()
        var done = 0
        while true {
            let due = try await store.dueTenants(limit: 256).map(\.tenant)
            if due.isEmpty { break }
            let counts = Locked(0)
            try await inParallel(due) { tenant throws(Fault) in
                let served = try await serve(store, tenant)
                counts.with { $0 += served }
            }
            done += counts.with { $0 }
        }
        let ended = secondsNow()
        guard done == all.count * jobsEach else { throw wrong("\(done) of \(all.count * jobsEach) jobs were done") }
        rounds.add("cycle", Double(done) / (ended - began))
        rounds.add("drain", Double(done) / (ended - asked))
    }

    /// One tenant's turn, by the worker's own loop. The lease is taken and given back in commits of its own, as the scheduler does it; between them each completion
    /// travels with the next claim. What a worker reads of its tenant's settings with each claim is left out.
    private static func serve(
        _ store: Store, _ tenant: TenantID, goesOn: @escaping @Sendable () -> Bool = { true }, _ work: (Job) async -> Void = { _ in }
    ) async throws(Fault) -> Int {
        guard let lease = try await store.acquire(tenant, holder: "bench", seconds: 30) else { return 0 }
        let began = secondsNow()
        var done = 0
        let shift = Shift(tenant, store: store, clocks: SystemClocks(), bell: Bell(), idleMost: .zero, goesOn: goesOn, asleep: {})
        try await shift.run { jobs, completions throws(Fault) in
            for job in jobs where goesOn() {
                try await completions.before(job)
                await work(job)
                try await completions.done(job)
                done += 1
            }
        }
        _ = try await store.release(lease, holder: "bench", served: .milliseconds(Int((secondsNow() - began) * 1000)), crashed: false)
        return done
    }

    /// From the commit of a request for a job, until somebody who slept knows whose job is due. Taking the lease is a commit of its own.
    private static func wakes(_ store: Store, _ database: PostgresConfiguration, _ all: [TenantID]) async throws(Fault) -> [Double] {
        var bell = postgresNotifications(database, channel: "counterfoil_work").makeAsyncIterator()
        _ = await bell.next()
        var times: [Double] = []
        for n in 0 ..< wakeSamples {
            let tenant = all[n % all.count]
            let committed = Locked(0.0)
            let asking = Task<Fault?, Never> {
                do throws(Fault) {
                    _ = try await store.pool.batch([JobStatements.ask(tenant, [Job(.map, "flow", lane: .webhook)]), JobStatements.wake()])
                    committed.with { $0 = secondsNow() }
                    return nil
                } catch { return error }
            }
            _ = await bell.next()
            let due = try await store.dueTenants(limit: 1).first?.tenant
            let woken = secondsNow()
            guard due == tenant, let lease = try await store.acquire(tenant, holder: "bench", seconds: 30) else {
                throw wrong("a job was not there when its claimer woke")
            }
            if let fault = await asking.value { throw fault }
            times.append(max(0, woken - committed.with { $0 }) * 1000)
            let jobs = try await store.dueJobs(tenant, limit: 1)
            guard try await store.nextJobs(tenant, finished: jobs, limit: 1).isEmpty else { throw wrong("a job was there that nobody asked for") }
            _ = try await store.release(lease, holder: "bench", served: .zero, crashed: false)
        }
        return times.sorted()
    }

    /// Seconds until nineteen tenants have had forty jobs of unequal length each, beside one that has so many times as many. Four workers at a time; a job is time
    /// waited for somebody else, 0.2 to 8 ms.
    private static func others(_ store: Store, _ all: [TenantID], hog times: Int) async throws(Fault) -> Double {
        let few = Array(all.prefix(20)), hog = few[0], each = 40
        try await store.ask(hog, (0 ..< each * times).map { Job(.fetch, "connection/\($0)", lane: .backfill) })
        for tenant in few.dropFirst() { try await store.ask(tenant, (0 ..< each).map { Job(.fetch, "connection/\($0)", lane: .webhook) }) }
        let left = Locked((few.count - 1) * each)
        let began = secondsNow()
        try await inParallel(Array(few.prefix(places))) { _ throws(Fault) in
            while left.with({ $0 > 0 }) {
                // Somebody beside may be quicker with the first of them.
                var served = 0
                for due in try await store.dueTenants(limit: places + 1) where served == 0 {
                    let ends = secondsNow() + turn.inSeconds
                    served = try await serve(store, due.tenant, goesOn: { secondsNow() < ends && left.with { $0 > 0 } }) { job in
                        try? await Task.sleep(for: cost(job))
                        if due.tenant != hog { left.with { $0 -= 1 } }
                    }
                }
                if served == 0 { try? await Task.sleep(for: .milliseconds(1)) }
            }
        }
        return secondsNow() - began
    }

    private static func cost(_ job: Job) -> Duration {
        let number = job.subject.utf8.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xffff }
        return .microseconds([200, 500, 1000, 2000, 8000][number % 5])
    }

    private static func wrong(_ what: String) -> Fault { Fault("bench_sum_wrong", stage: .database, disposition: .bug, summary: what) }

    /// A few at a time.
    private static func inParallel(_ tenants: [TenantID], _ work: @escaping @Sendable (TenantID) async throws(Fault) -> Void) async throws(Fault) {
        let left = Locked(tenants[...])
        let faults = await withTaskGroup(of: Fault?.self) { group in
            for _ in 0 ..< ahead {
                group.addTask {
                    do throws(Fault) {
                        while let tenant = left.with({ $0.popFirst() }) { try await work(tenant) }
                        return nil
                    } catch { return error }
                }
            }
            var first: Fault?
            for await fault in group { first = first ?? fault }
            return first
        }
        if let faults { throw faults }
    }
}
