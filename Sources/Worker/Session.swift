internal import Catalog
internal import ConnectorKit
internal import Courier
internal import Crypto
internal import HTTPClient
internal import Kernel
internal import Pipeline
internal import Postgres
internal import Store
internal import Telemetry
internal import Wire

/// One lease's worth of work.
struct Session {
    private let assignment: Assignment
    private let pipe: ControlPipe
    private let log: Log
    private let metrics = Metrics()
    private let clocks = SystemClocks()
    private let store: Store
    private let client: HTTPClient
    private let pipeline: Pipeline
    private let deadline: LeaseDeadline
    private let progress: Progress

    init(_ assignment: Assignment, pipe: ControlPipe, log: Log) throws(Fault) {
        self.assignment = assignment
        self.pipe = pipe
        self.log = log
        store = Store(PostgresPool(assignment.login, size: Limits.workerPoolConnections))
        let hosts = HostList(assignment.allowedHosts)
        client = HTTPClient(policy: EgressPolicy(allowedHosts: hosts.hosts))
        let key = try BoxPrivateKey(raw: assignment.privateKey)
        let random = SystemRandom()
        let progress = Progress(clocks: clocks) { pipe.write($0) }
        let deadline = LeaseDeadline(.nanoseconds(assignment.leaseEnds_ns))
        // Each body that is opened or sealed, and each look at the deadline, which comes before every request, is a step forward.
        let open: @Sendable ([UInt8], [UInt8]) throws(Fault) -> [UInt8] = { bytes, context throws(Fault) in
            progress.touch()
            return try key.open(bytes, context: context)
        }
        let seal: @Sendable ([UInt8], [UInt8]) throws(Fault) -> [UInt8] = { bytes, context throws(Fault) in
            progress.touch()
            return try key.publicKey.seal(bytes, context: context, random: random)
        }
        self.progress = progress
        self.deadline = deadline
        let courier = Courier(
            tenant: assignment.tenant, store: store, client: client, clocks: clocks, hosts: hosts, log: log, metrics: metrics, seal: seal, open: open,
            deadline: {
                progress.touch()
                return deadline.value
            })
        pipeline = Pipeline(
            tenant: assignment.tenant, epoch: assignment.epoch, store: store, courier: courier, connectors: Catalog.byID, clocks: clocks, random: random,
            log: log, metrics: metrics, seal: seal, open: open)
    }

    /// Time kept between the last job's start and the lease's end.
    private static let margin = Duration.seconds(2)

    private var hasTime: Bool { clocks.monotonic() + Session.margin < deadline.value }

    func run() async throws(Fault) {
        let listener = Task { [pipe, deadline] in
            while let line = await pipe.line() { deadline.take(line) }
        }
        defer { listener.cancel() }
        let orphans = try await store.orphanIntents(assignment.tenant, epoch: assignment.epoch)
        if orphans > 0 { log.warning(.outcomeUnknown, ("count", "\(orphans)")) }
        var suspicions = try await store.suspicions(assignment.tenant)
        let born = clocks.monotonic()
        var idleSince: Duration?
        var asked = orphans == 0
        while hasTime, clocks.monotonic() - born < .seconds(Limits.workerLifeSeconds), !pipe.isClosed {
            progress.touch()
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
            // Somebody may have released what was in quarantine; only where there is something at all is it asked for again.
            if !suspicions.isEmpty { suspicions = try await store.suspicions(assignment.tenant) }
            try await work(jobs, suspicions)
            progress.report(metrics.drainCounters())
        }
        progress.report(metrics.drainCounters())
        await store.pool.close()
        await client.shutdown()
    }

    private func work(_ jobs: [Job], _ suspicions: [JobName: Suspicion]) async throws(Fault) {
        let setup: Setup
        do throws(Fault) { setup = try await Setup.load(assignment.tenant, from: store) } catch {
            guard error.stage == .configuration else { throw error }
            let waiting = jobs.filter { !Job.unconfigured.contains($0.kind) }
            if waiting.count < jobs.count {
                let bare = try await Setup.unconfigured(assignment.tenant, from: store)
                try await work(jobs.filter { Job.unconfigured.contains($0.kind) }, suspicions, in: bare)
            }
            guard !waiting.isEmpty else { return }
            for job in waiting { try await store.postpone(assignment.tenant, job, by: .seconds(30), fault: error.json.bytes) }
            try await store.raise(assignment.tenant, [AlertRow(key: AlertKey.configuration(error.code), severity: .warning, cause: error.summary, remedy: error.remedy)])
            log.fault(.jobFailed, error)
            return
        }
        try await work(jobs, suspicions, in: setup)
    }

    private func work(_ jobs: [Job], _ suspicions: [JobName: Suspicion], in setup: Setup) async throws(Fault) {
        for job in jobs {
            guard hasTime else { return }
            let held = suspicions[JobName(job.kind, job.subject)]
            // Asked for again, it stays where it is: only its time or a person ends a quarantine.
            if let wait = held?.quarantined {
                try await store.rest(assignment.tenant, job, by: wait)
                continue
            }
            progress.begin(job)
            try await work(job, held, in: setup)
            progress.idle()
        }
    }

    private func work(_ job: Job, _ held: Suspicion?, in setup: Setup) async throws(Fault) {
        do throws(Fault) {
            switch try await run(job, held, in: setup) {
            case .done: try await store.finish(assignment.tenant, job)
            case .again(let delay): try await store.postpone(assignment.tenant, job, by: delay, fault: nil)
            }
            if held != nil { try await store.acquit(assignment.tenant, JobName(job.kind, job.subject)) }
        } catch {
            if error.code == "lease_lost" { throw error }
            // What it was about is gone.
            if error.code == "unknown_flow" || error.code == "unknown_connection" {
                try await store.finish(assignment.tenant, job)
                return
            }
            log.fault(.jobFailed, error, ("job", job.kind.rawValue), ("subject", job.subject))
            let chance = SystemRandom().number(below: 1000)
            try await store.postpone(assignment.tenant, job, by: JobDelay.after(error, attempts: job.attempts, chance: Int(chance)), fault: error.json.bytes)
        }
    }

    /// The job with the rows it takes in hand made known, and in the portions that are left to it after a crash.
    private func run(_ job: Job, _ held: Suspicion?, in setup: Setup) async throws(Fault) -> Pipeline.Result {
        let batches = Batches(most: held?.batch) { [progress] items in progress.begin(items) }
        do {
            return try await Batches.$current.withValue(batches) { try await pipeline.run(job, in: setup) }
        } catch { throw Fault.wrapping(error, stage: .worker) }
    }

    private func rest(_ time: Duration) async { do { try await clocks.sleep(for: max(time, .milliseconds(5))) } catch { return } }
}

/// When a failed job is tried again, by disposition. Pure.
enum JobDelay {
    /// - chance: 0 to 999: up to a quarter is added, so that tenants who failed together do not come back together.
    static func after(_ fault: Fault, attempts: Int, chance: Int) -> Duration {
        let backoff = min(Limits.backoffFirst_ms << min(attempts, 10), Limits.backoffMost_ms)
        let jitter = backoff * chance / 4000
        switch fault.disposition {
        case .retry: return .milliseconds(backoff + jitter)
        case .wait: return (fault.retryAfter ?? .milliseconds(backoff)) + .milliseconds(jitter)
        // A person has to do something, and that asks for the job anew.
        case .reauthorise, .hold, .reject, .bug: return .seconds(min(60 << min(attempts, 6), 3600))
        }
    }
}
