internal import Kernel
internal import Store
internal import Wire

/// Tells the scheduler what the worker has in hand, before it looks at it, and that it gets on with it. A crash then names its job and rows, and a worker that
/// hangs falls silent.
final class Progress: Sendable {
    /// Between two lines that say nothing new.
    static let beatEvery = Duration.seconds(1)
    /// A line stays below what one write passes on whole.
    static let itemsMost = 200

    private let clocks: any Clocks
    private let write: @Sendable ([UInt8]) -> Void
    private let said: Locked<Duration?> = Locked(nil)

    init(clocks: any Clocks, write: @escaping @Sendable ([UInt8]) -> Void) {
        self.clocks = clocks
        self.write = write
    }

    func begin(_ job: Job) { say(.object([("job", .object([("kind", .string(job.kind.rawValue)), ("subject", .string(job.subject))]))])) }

    /// Of the job that was begun.
    func begin(_ items: [String]) { say(.object([("items", .array(items.prefix(Progress.itemsMost).map { .string($0) }))])) }

    func idle() { say(.object([("idle", .bool(true))])) }

    /// Nothing is due: it waits for its time, or to be woken.
    func asleep() { say(.object([("asleep", .bool(true))])) }

    /// Something was got on with.
    func touch() {
        let now = clocks.monotonic()
        let due = said.with { said in
            if let last = said, now - last < Progress.beatEvery { return false }
            said = now
            return true
        }
        if due { write(JSON.object([("beat", .bool(true))]).bytes + [10]) }
    }

    func report(_ counters: [String]) {
        guard !counters.isEmpty else { return }
        write(JSON.object([("metrics", .array(counters.map { .string($0) }))]).bytes + [10])
    }

    private func say(_ json: JSON) {
        let now = clocks.monotonic()
        said.with { $0 = now }
        write(json.bytes + [10])
    }
}

/// What the scheduler wants of its worker, besides telling how long its lease lasts.
enum SchedulerOrder: Sendable {
    /// Something is due.
    case wake
    /// Others wait for its place: it ends when it has done what it has in hand.
    case yield

    /// `nil` for any other line.
    init?(_ line: [UInt8]) {
        guard let json = try? JSON(parsing: line) else { return nil }
        if json["yield"]?.bool == true { self = .yield } else if json["wake"]?.bool == true { self = .wake } else { return nil }
    }
}

/// When the lease ends, as last heard; monotonic. It never moves back: what was promised once was promised.
final class LeaseDeadline: Sendable {
    private let ends: Locked<Duration>

    init(_ ends: Duration) { self.ends = Locked(ends) }

    var value: Duration { ends.with { $0 } }

    /// Takes a line of the scheduler; anything else than a later end is passed over.
    func take(_ line: [UInt8]) {
        guard let json = try? JSON(parsing: line), let ns = json["lease_ends_ns"]?.int else { return }
        ends.with { $0 = max($0, .nanoseconds(ns)) }
    }
}
