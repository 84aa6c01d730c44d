internal import CSystem
internal import Catalog
internal import ConnectorKit
internal import Courier
internal import Crypto
internal import Glibc
internal import HTTPClient
internal import Kernel
internal import Pipeline
internal import Postgres
internal import Store
internal import Telemetry
internal import Wire

/// The child side: works for one tenant under one lease, then ends. Limits are set before any tenant's bytes are looked at.
public enum TenantWorker {
    /// Descriptor of the control pipe.
    private static let control: Int32 = 3

    /// Memory that one worker may map.
    private static let addressSpaceBytes: UInt64 = 4 << 30

    /// Runs to the end of the work or of the lease. The process's exit status.
    public static func main(parent: Int32) async -> Int32 {
        harden(parent: parent)
        let log = Log(component: "worker")
        do throws(Fault) {
            let pipe = ControlPipe(descriptor: control)
            guard let line = await pipe.line() else { return 0 }
            let assignment = try Assignment(line: line)
            let worker = try Session(assignment, pipe: pipe, log: log.with(("tenant", assignment.tenant.description), ("epoch", "\(assignment.epoch)")))
            try await worker.run()
            return 0
        } catch {
            log.fault(.failed, error)
            return error.disposition == .bug ? 70 : 75
        }
    }

    /// Dies with its parent, gains no privileges, dumps no core, maps bounded memory.
    private static func harden(parent: Int32) {
        _ = cf_ignore_sigpipe()
        _ = cf_die_with_parent()
        if getppid() != parent { exit(0) }
        _ = cf_no_new_privileges()
        _ = cf_not_dumpable()
        _ = cf_set_limit(Int32(CF_LIMIT_CORE), 0)
        _ = cf_set_limit(Int32(CF_LIMIT_NOFILE), 512)
        _ = cf_set_limit(Int32(CF_LIMIT_AS), addressSpaceBytes)
    }
}

/// One lease's worth of work.
private struct Session {
    let assignment: Assignment
    let pipe: ControlPipe
    let log: Log
    let metrics = Metrics()
    let clocks = SystemClocks()
    let store: Store
    let client: HTTPClient
    let pipeline: Pipeline
    let deadline: Locked<Duration>

    init(_ assignment: Assignment, pipe: ControlPipe, log: Log) throws(Fault) {
        self.assignment = assignment
        self.pipe = pipe
        self.log = log
        let configuration = PostgresConfiguration(
            host: assignment.databaseHost, port: assignment.databasePort, database: assignment.database, user: assignment.role,
            password: assignment.password, applicationName: "counterfoil worker")
        store = Store(PostgresPool(configuration, size: Limits.workerPoolConnections))
        client = HTTPClient(policy: EgressPolicy(allowedHosts: assignment.allowedHosts))
        let key = try BoxPrivateKey(raw: assignment.privateKey)
        let random = SystemRandom()
        let open: @Sendable ([UInt8], [UInt8]) throws(Fault) -> [UInt8] = { bytes, context throws(Fault) in try key.open(bytes, context: context) }
        let seal: @Sendable ([UInt8], [UInt8]) throws(Fault) -> [UInt8] = { bytes, context throws(Fault) in
            try key.publicKey.seal(bytes, context: context, random: random)
        }
        let ends = Locked(Duration.nanoseconds(assignment.leaseEnds_ns))
        deadline = ends
        let courier = Courier(
            tenant: assignment.tenant, store: store, client: client, clocks: clocks, log: log, metrics: metrics, seal: seal, open: open,
            deadline: { ends.with { $0 } })
        pipeline = Pipeline(
            tenant: assignment.tenant, epoch: assignment.epoch, store: store, courier: courier, connectors: Catalog.byID, clocks: clocks, random: random,
            log: log, metrics: metrics, seal: seal, open: open)
    }

    /// Time kept between the last job's start and the lease's end.
    private static let margin = Duration.seconds(2)

    func run() async throws(Fault) {
        let listener = Task { await listen() }
        defer { listener.cancel() }
        let orphans = try await store.orphanIntents(assignment.tenant, epoch: assignment.epoch)
        if orphans > 0 { log.warning(.outcomeUnknown, ("count", "\(orphans)")) }
        let born = clocks.monotonic()
        var idleSince: Duration?
        var asked = orphans == 0
        while clocks.monotonic() + Session.margin < deadline.with({ $0 }), clocks.monotonic() - born < .seconds(Limits.workerLifeSeconds), !pipe.isClosed {
            if !asked {
                let flows = try await store.flows(assignment.tenant)
                try await store.ask(assignment.tenant, flows.map { Job(.post, $0.id.description, lane: .interactive) })
                asked = true
            }
            let jobs = try await store.dueJobs(assignment.tenant, limit: 16)
            if jobs.isEmpty {
                let next = try await store.nextDue(assignment.tenant)
                let now = clocks.monotonic()
                let idle = idleSince ?? now
                idleSince = idle
                if now - idle > .seconds(Limits.workerIdleSeconds) { break }
                await rest(min(next ?? .milliseconds(200), .milliseconds(200)))
                continue
            }
            idleSince = nil
            try await work(jobs)
            report()
        }
        report()
        await store.pool.close()
        await client.shutdown()
    }

    private func work(_ jobs: [Job]) async throws(Fault) {
        let setup: Setup
        do throws(Fault) { setup = try await Setup.load(assignment.tenant, from: store) } catch {
            guard error.stage == .configuration else { throw error }
            for job in jobs { try await store.postpone(assignment.tenant, job, by: .seconds(30), fault: error.json.bytes) }
            try await store.raise(assignment.tenant, [AlertRow(key: "configuration/\(error.code)", severity: .warning, cause: error.summary, remedy: error.remedy)])
            log.fault(.jobFailed, error)
            return
        }
        for job in jobs {
            guard clocks.monotonic() + Session.margin < deadline.with({ $0 }) else { return }
            do throws(Fault) {
                switch try await pipeline.run(job, in: setup) {
                case .done: try await store.finish(assignment.tenant, job)
                case .again(let delay): try await store.postpone(assignment.tenant, job, by: delay, fault: nil)
                }
            } catch {
                if error.code == "lease_lost" { throw error }
                // What it was about is gone.
                if error.code == "unknown_flow" || error.code == "unknown_connection" {
                    try await store.finish(assignment.tenant, job)
                    continue
                }
                log.fault(.jobFailed, error, ("job", job.kind.rawValue), ("subject", job.subject))
                try await store.postpone(assignment.tenant, job, by: delay(for: error, attempts: job.attempts), fault: error.json.bytes)
            }
        }
    }

    /// When a failed job is tried again, by disposition.
    private func delay(for fault: Fault, attempts: Int) -> Duration {
        let backoff = min(Limits.backoffFirst_ms << min(attempts, 10), Limits.backoffMost_ms)
        let jitter = Int(SystemRandom().number(below: UInt64(backoff / 4 + 1)))
        switch fault.disposition {
        case .retry: return .milliseconds(backoff + jitter)
        case .wait: return (fault.retryAfter ?? .milliseconds(backoff)) + .milliseconds(jitter)
        // A person has to do something, and that asks for the job anew.
        case .reauthorise, .hold, .reject, .bug: return .seconds(min(60 << min(attempts, 6), 3600))
        }
    }

    private func rest(_ time: Duration) async { do { try await Task.sleep(for: max(time, .milliseconds(5))) } catch { return } }

    /// Takes new lease ends from the scheduler until the pipe closes.
    private func listen() async {
        while let line = await pipe.line() {
            if let json = try? JSON(parsing: line), let ends = json["lease_ends_ns"]?.int { deadline.with { $0 = .nanoseconds(ends) } }
        }
    }

    private func report() {
        let lines = metrics.drainCounters()
        guard !lines.isEmpty else { return }
        pipe.write(JSON.object([("metrics", .array(lines.map { .string($0) }))]).bytes + [10])
    }
}
