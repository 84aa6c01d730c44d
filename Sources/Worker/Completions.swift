public import Kernel
public import Store

/// Jobs that are done and not yet said to be. What ended well and is quickly done again is kept back for a moment and said with the next claim: one commit for all.
///
/// Whoever dies in between has its jobs done again, which is why only kinds that look at what there is to do are kept back. What was asked for anew meanwhile has
/// another generation and is not ended. Each end is said once at most: where nobody knows whether it was heard, the job may have been asked for anew since, under
/// the number that it had, and to say it again would end that. No other worker hears of the tenant before this one's sessions have ended (`Store.closeRole`).
public final class Completions: Sendable {
    private struct State {
        var jobs: [Job] = []
        /// When the first job of the last claim was begun; `nil` until then: what is loaded before takes no time from it.
        var begun: Duration?
    }

    /// Kinds that can be kept back: they look for rows in a state, or fetch one record again, and nobody asks for one with a delay while another is at work.
    static let brief: Set<Job.Kind> = [.normalize, .map, .fetch]
    /// After this long a claim is over: what is left of it comes with the next, behind whatever is more urgent by then.
    static let claimLasts = Duration.milliseconds(250)
    /// A deadlock with somebody who asks for the same jobs rolls back: nothing was said.
    private static let triesMost = 3

    private let tenant: TenantID
    private let store: Store
    private let clocks: any Clocks
    private let state = Locked(State())

    init(_ tenant: TenantID, store: Store, clocks: any Clocks) {
        self.tenant = tenant
        self.store = store
        self.clocks = clocks
    }

    /// Whether the rest of the claim is to be left for the next one.
    public var isOver: Bool {
        let now = clocks.monotonic()
        return state.with { state in state.begun.map { now - $0 >= Completions.claimLasts } ?? false }
    }

    private func begin() {
        let now = clocks.monotonic()
        state.with { $0.begun = $0.begun ?? now }
    }

    /// To be called before a job is begun: what may take long keeps nothing waiting.
    public func before(_ job: Job) async throws(Fault) {
        begin()
        if !Completions.brief.contains(job.kind) { try await flush() }
    }

    /// The job has ended well. `atOnce`: somebody counts on its being said.
    public func done(_ job: Job, atOnce: Bool = false) async throws(Fault) {
        begin()
        state.with { $0.jobs.append(job) }
        // One that had failed would keep its failures where it is asked for anew before it is ended.
        if atOnce || job.attempts > 0 || !Completions.brief.contains(job.kind) { try await flush() }
    }

    /// The job is put off, and what is done is said with it.
    public func putOff(_ job: Job, by delay: Duration, fault: [UInt8]?) async throws(Fault) {
        try await say { done throws(Fault) in try await store.postpone(tenant, job, by: delay, fault: fault, finished: done) }
    }

    /// Says what is done; nothing where nothing is.
    public func flush() async throws(Fault) {
        begin()
        guard state.with({ !$0.jobs.isEmpty }) else { return }
        try await say { done throws(Fault) in try await store.finish(tenant, done) }
    }

    /// Says what is done and gives the next jobs.
    func next(limit: Int) async throws(Fault) -> [Job] {
        let jobs = try await say { done throws(Fault) in try await store.nextJobs(tenant, finished: done, limit: limit) }
        state.with { $0.begun = nil }
        return jobs
    }

    private func say<T: Sendable>(_ body: ([Job]) async throws(Fault) -> T) async throws(Fault) -> T {
        let done = state.with { state in
            defer { state.jobs = [] }
            return state.jobs
        }
        for _ in 1 ..< Completions.triesMost {
            do throws(Fault) { return try await body(done) } catch {
                if error.code != "serialization" { throw error }
            }
        }
        return try await body(done)
    }
}
