internal import Crypto
internal import Kernel
internal import Postgres
internal import Scheduler
internal import Store
internal import Telemetry

/// The way of a job through the product's own processes: a scheduler that hears of it, the pipe, a worker that waits.
enum WorkerWake {
    private static let samples = 100
    /// Between two: the worker says that it waits, and is left to it.
    private static let rest = Duration.milliseconds(10)
    private static let patience = Duration.seconds(10)

    /// From the commit that asks for a job to the commit that ends it, in ms, sorted; and the same where its worker's process had to be started. The job is of the
    /// least kind there is: it is about a connection that does not exist, which a worker notices once it has read its tenant's settings.
    static func measure(_ workbench: Workbench, _ database: BenchDatabase, _ owner: PostgresPool, _ store: Store) async throws(Fault) -> (start: Double, times: [Double]) {
        let tenant: TenantID = SystemRandom().identifier()
        _ = try await owner.query(BenchTables.addTenant(tenant))
        try await BenchTables.tellEnds(database.owner)
        let configuration = SchedulerConfiguration(
            program: Surroundings.current.program, database: database.supervisor, masterKey: try AEADKey(Secret(SystemRandom().bytes(32))), allowedHosts: [], workersMost: 1,
            workerUser: nil)
        let scheduler = try Scheduler(
            configuration, store: store, clocks: SystemClocks(), random: SystemRandom(), log: Log(component: "bench", sink: { _ in }), metrics: Metrics())
        let running = Task { try await scheduler.run() }
        let result: Result<[Double], Fault>
        do throws(Fault) {
            try await keyed(tenant, store)
            result = .success(try await times(tenant, database, store))
        } catch { result = .failure(error) }
        running.cancel()
        _ = await running.result
        _ = try await owner.query(BenchTables.tellNoEnds())
        let all = try result.get()
        return (all[0], all.dropFirst().sorted())
    }

    private static func keyed(_ tenant: TenantID, _ store: Store) async throws(Fault) {
        let ends = SystemClocks().monotonic() + patience
        while try await store.keylessTenants(limit: 10).contains(tenant) {
            guard SystemClocks().monotonic() < ends else { throw late("keys") }
            try? await Task.sleep(for: rest)
        }
    }

    private static func times(_ tenant: TenantID, _ database: BenchDatabase, _ store: Store) async throws(Fault) -> [Double] {
        let ended = Bell()
        let listening = Task {
            for await _ in postgresNotifications(database.owner, channel: "bench_done") { ended.ring() }
        }
        defer { listening.cancel() }
        // Rung when listening has begun.
        await ended.wait(patience)
        var out: [Double] = []
        for n in 0 ... samples {
            _ = try await store.pool.batch([JobStatements.ask(tenant, [Job(.identify, "\(SystemRandom().uuid())", lane: .interactive)]), JobStatements.wake()])
            let asked = secondsNow()
            await ended.wait(patience)
            let took = secondsNow() - asked
            guard took < patience.inSeconds, try await store.nextDue(tenant) == nil else { throw late("the end of job \(n)") }
            out.append(max(0, took) * 1000)
            try? await Task.sleep(for: rest)
        }
        return out
    }

    private static func late(_ what: String) -> Fault {
        Fault("bench_program_failed", stage: .scheduler, disposition: .hold, summary: "\(what) did not come within \(patience.inSeconds) s")
    }
}
