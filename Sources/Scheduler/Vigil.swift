internal import Kernel
internal import Store

/// What a scheduler knows of one worker and decides about it: when its lease is renewed, when it is killed, and what its end means. Pure; times are
/// monotonic.
struct Vigil: Sendable, Hashable {
    /// Why we killed it.
    enum Reason: String, Sendable, Hashable {
        case leaseEnded = "lease_ended"
        case leaseLost = "lease_lost"
        case stuck
        case notStarted = "not_started"
        case stopping
    }

    /// What to do at a heartbeat.
    enum Step: Sendable, Hashable {
        /// It is past its life: it may end by itself until its lease does.
        case leave
        case renew
        case kill(Reason)
    }

    /// What it had in hand when last heard of.
    struct Hand: Sendable, Hashable {
        var job: JobName
        var items: [String] = []
    }

    /// How it ended.
    enum Ending: Sendable, Hashable {
        case ended
        /// By a fault that it caught and said.
        case failed(Int32)
        /// By a trap or a fault of memory: what it had in hand is at fault.
        case crashed(Int32)
        /// Killed by us, because it got nowhere with what it had in hand.
        case stuck
        /// Killed by us for its lease's sake, or by somebody else: nobody knows that anything is wrong with what it had in hand.
        case killed
    }

    /// Longest time without a word of progress. Above a request's time-out and its waits for budgets; below, with the kill, a minute and a half.
    static let silenceMost = Duration.seconds(40)

    let started: Duration
    private(set) var ends: Duration
    /// Last word of progress.
    private(set) var heard: Duration
    private(set) var hand: Hand?
    /// It said that it waits, and was not woken since.
    private(set) var isAsleep = false
    /// When it was told that others wait for its place.
    private(set) var toldAt: Duration?
    private(set) var killed: Reason?

    /// - ends: when the lease ends; counted from before it was asked for.
    init(started: Duration, ends: Duration) {
        self.started = started
        self.ends = ends
        heard = started
    }

    /// - Returns: whether it is by this word that it waits: somebody has to look once more, for what was asked for since it looked. While it is known to wait,
    /// whoever asks finds it waiting.
    @discardableResult
    mutating func hear(_ report: WorkerReport, at now: Duration) -> Bool {
        // Said at the end of work and not while it goes on.
        if case .metrics = report { return false }
        let wasAsleep = isAsleep
        isAsleep = report == .asleep
        switch report {
        case .job(let job): hand = Hand(job: job)
        case .items(let items): hand?.items = items
        case .idle, .asleep: hand = nil
        case .beat, .metrics: break
        }
        heard = max(heard, now)
        return isAsleep && !wasAsleep
    }

    /// It is told that others wait for its place.
    mutating func toldToYield(at now: Duration) { toldAt = toldAt ?? now }

    /// It is told that something is due; what it says next shows whether it waits again.
    mutating func woken() { isAsleep = false }

    /// At each heartbeat. A lease that may have ended is not renewed: the worker no longer counts on it, and somebody else may have it.
    mutating func beat(at now: Duration) -> Step {
        if let killed { return .kill(killed) }
        if now > ends { return kill(.leaseEnded) }
        if now - heard > Vigil.silenceMost { return kill(.stuck) }
        return now - started < .seconds(Limits.workerLifeSeconds) ? .renew : .leave
    }

    /// The lease was asked for at `asked` and is ours for `lease` from then.
    mutating func renewed(askedAt asked: Duration, for lease: Duration = .seconds(Limits.leaseSeconds)) { ends = max(ends, asked + lease) }

    /// The lease could not be asked for: a worker that waits for the same database is not stuck.
    mutating func renewalFailed(at now: Duration) { heard = max(heard, now) }

    @discardableResult
    mutating func kill(_ reason: Reason) -> Step {
        killed = killed ?? reason
        return .kill(killed ?? reason)
    }

    /// - exitCode: `nil` when a signal ended it.
    func ended(exitCode: Int32?, signal: Int32) -> Ending {
        if let exitCode { return exitCode == 0 ? .ended : .failed(exitCode) }
        if killed == .stuck { return .stuck }
        if killed != nil || Vigil.outsideSignals.contains(signal) { return .killed }
        return .crashed(signal)
    }

    /// Signals that people, supervisors and the kernel send: HUP, INT, KILL, TERM, STOP, TSTP. A document that exhausts memory meets the worker's own limit
    /// first, and that is a trap.
    private static let outsideSignals: Set<Int32> = [1, 2, 9, 15, 19, 20]
}

extension Vigil.Ending {
    /// Whether what was in hand is held responsible.
    var blames: Bool {
        switch self {
        case .crashed, .stuck: true
        case .ended, .failed, .killed: false
        }
    }

    var isClean: Bool { self == .ended }

    /// For logs and metrics.
    var word: String {
        switch self {
        case .ended: "ended"
        case .failed: "failed"
        case .crashed: "crashed"
        case .stuck: "stuck"
        case .killed: "killed"
        }
    }
}
