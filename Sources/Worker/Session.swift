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
    /// Rung by the scheduler when something is due.
    private let bell = Bell()

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
        let yields = Locked(false)
        let listener = Task { [pipe, deadline, bell] in
            while let line = await pipe.line() {
                deadline.take(line)
                let order = SchedulerOrder(line)
                if order == .yield { yields.with { $0 = true } }
                if order != nil { bell.ring() }
            }
            // The scheduler is gone: nobody rings any more.
            bell.ring()
        }
        defer { listener.cancel() }
        let orphans = try await store.orphanIntents(assignment.tenant, epoch: assignment.epoch)
        if orphans > 0 {
            log.warning(.outcomeUnknown, ("count", "\(orphans)"))
            let flows = try await store.flows(assignment.tenant)
            try await store.ask(assignment.tenant, flows.map { Job(.post, $0.id.description, lane: .interactive) })
        }
        let suspicions = Locked(try await store.suspicions(assignment.tenant))
        let born = clocks.monotonic()
        let shift = Shift(
            assignment.tenant, store: store, clocks: clocks, bell: bell,
            goesOn: {
                progress.touch()
                return hasTime && clocks.monotonic() - born < .seconds(Limits.workerLifeSeconds) && !pipe.isClosed && !yields.with { $0 }
            },
            asleep: { progress.asleep() })
        try await shift.run { jobs, completions throws(Fault) in
            // Somebody may have released what was in quarantine; only where there is something at all is it asked for again.
            if suspicions.with({ !$0.isEmpty }) {
                let now = try await store.suspicions(assignment.tenant)
                suspicions.with { $0 = now }
            }
            try await work(jobs, suspicions.with { $0 }, completions)
            progress.report(metrics.drainCounters())
        }
        progress.report(metrics.drainCounters())
        await store.pool.close()
        await client.shutdown()
    }

    private func work(_ jobs: [Job], _ suspicions: [JobName: Suspicion], _ completions: Completions) async throws(Fault) {
        let setup: Setup
        do throws(Fault) { setup = try await Setup.load(assignment.tenant, from: store) } catch {
            guard error.stage == .configuration else { throw error }
            let waiting = jobs.filter { !Job.unconfigured.contains($0.kind) }
            if waiting.count < jobs.count {
                let bare = try await Setup.unconfigured(assignment.tenant, from: store)
                try await work(jobs.filter { Job.unconfigured.contains($0.kind) }, suspicions, completions, in: bare)
            }
            guard !waiting.isEmpty else { return }
            for job in waiting { try await completions.putOff(job, by: .seconds(30), fault: error.json.bytes) }
            try await store.raise(assignment.tenant, [AlertRow(key: AlertKey.configuration(error.code), severity: .warning, cause: error.summary, remedy: error.remedy)])
            log.fault(.jobFailed, error)
            return
        }
        try await work(jobs, suspicions, completions, in: setup)
    }

    private func work(_ jobs: [Job], _ suspicions: [JobName: Suspicion], _ completions: Completions, in setup: Setup) async throws(Fault) {
        for (n, job) in jobs.enumerated() {
            guard hasTime, n == 0 || !completions.isOver else { return }
            let held = suspicions[JobName(job.kind, job.subject)]
            // Asked for again, it stays where it is: only its time or a person ends a quarantine.
            if let wait = held?.quarantined {
                try await store.rest(assignment.tenant, job, by: wait)
                continue
            }
            // A crash is the fault of the job that is said to be in hand: what is done before it is said first.
            if held != nil { try await completions.flush() } else { try await completions.before(job) }
            progress.begin(job)
            try await work(job, held, completions, in: setup)
            progress.idle()
        }
    }

    private func work(_ job: Job, _ held: Suspicion?, _ completions: Completions, in setup: Setup) async throws(Fault) {
        let result: Pipeline.Result
        do throws(Fault) { result = try await run(job, held, in: setup) } catch {
            if error.code == "lease_lost" { throw error }
            // What it was about is gone.
            if error.code == "unknown_flow" || error.code == "unknown_connection" { return try await completions.done(job, atOnce: true) }
            log.fault(.jobFailed, error, ("job", job.kind.rawValue), ("subject", job.subject))
            let chance = SystemRandom().number(below: 1000)
            try await completions.putOff(job, by: JobDelay.after(error, attempts: job.attempts, chance: Int(chance)), fault: error.json.bytes)
            // A fault is an end, too: what crashed long ago is not held against a job for as long as its platform is away.
            if held != nil { try await store.acquit(assignment.tenant, JobName(job.kind, job.subject), well: false) }
            return
        }
        switch result {
        case .done: try await completions.done(job, atOnce: held != nil)
        case .again(let delay): try await completions.putOff(job, by: delay, fault: nil)
        }
        if held != nil { try await store.acquit(assignment.tenant, JobName(job.kind, job.subject), well: true) }
    }

    /// The job with the rows it takes in hand made known, and in the portions that are left to it after a crash.
    private func run(_ job: Job, _ held: Suspicion?, in setup: Setup) async throws(Fault) -> Pipeline.Result {
        let batches = Batches(most: held?.batch) { [progress] items in progress.begin(items) }
        do {
            return try await Batches.$current.withValue(batches) { try await pipeline.run(job, in: setup) }
        } catch { throw Fault.wrapping(error, stage: .worker) }
    }
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
