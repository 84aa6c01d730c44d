public import Kernel
public import Store

/// The work of one lease, claim by claim. It knows nothing of what jobs are about.
public struct Shift: Sendable {
    private let tenant: TenantID
    private let store: Store
    private let clocks: any Clocks
    private let bell: Bell
    private let idleMost: Duration
    private let goesOn: @Sendable () -> Bool
    private let asleep: @Sendable () -> Void
    private let completions: Completions

    /// Of one claim. An urgent job waits for the job in hand and a claim's time, not for all of these.
    static let claimMost = 100
    /// Longest sleep: who should ring may have lost its way to the database, or be an older program that does not ring.
    static let sleepMost = Duration.seconds(1)
    /// What is due is counted in whole milliseconds.
    private static let sleepLeast = Duration.milliseconds(5)

    /// - bell: rung when somebody has asked for a job, and when there is nobody any more who would.
    /// - idleMost: the shift ends when nothing was due for so long.
    /// - goesOn: asked before each claim.
    /// - asleep: called when nothing was found, before it waits: whoever rings looks again then, for what was asked for in between.
    public init(
        _ tenant: TenantID, store: Store, clocks: any Clocks, bell: Bell, idleMost: Duration = .seconds(Limits.workerIdleSeconds),
        goesOn: @escaping @Sendable () -> Bool, asleep: @escaping @Sendable () -> Void
    ) {
        self.tenant = tenant
        self.store = store
        self.clocks = clocks
        self.bell = bell
        self.idleMost = idleMost
        self.goesOn = goesOn
        self.asleep = asleep
        completions = Completions(tenant, store: store, clocks: clocks)
    }

    /// Until nothing was due for long enough, or it may not go on.
    /// - work: does the jobs it can, in their order, and says of each how it ended; what it leaves comes again.
    /// - Throws: what `work` and the database throw. What was done and not said by then is done again by whoever comes next.
    public func run(_ work: ([Job], Completions) async throws(Fault) -> Void) async throws(Fault) {
        var idleSince: Duration?
        while goesOn() {
            let jobs = try await completions.next(limit: Shift.claimMost)
            if !jobs.isEmpty {
                idleSince = nil
                try await work(jobs, completions)
                continue
            }
            let now = clocks.monotonic()
            let since = idleSince ?? now
            idleSince = since
            guard now - since < idleMost else { break }
            let next = try await store.nextDue(tenant) ?? Shift.sleepMost
            asleep()
            await bell.wait(max(min(next, Shift.sleepMost, since + idleMost - now), Shift.sleepLeast), clocks: clocks)
        }
        try await completions.flush()
    }
}
