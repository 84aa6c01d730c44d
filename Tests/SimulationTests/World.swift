import Kernel
import Synchronization

/// Something that is going to happen at a time. `over`: the run has ended; whoever waits is to be let go and nothing else may happen.
struct Due: Sendable {
    var at: Int
    var order: Int
    var happen: @Sendable (_ over: Bool) -> Void
}

/// One simulated worker process.
struct Proc: Sendable {
    var id: Int
    var host: Int
    var epoch: Int64
    var lane: Lane
    /// Monotonic end of its lease, as it was told.
    var ends: Int
    /// What its wall clock shows more than the true time.
    var skew: Int
    var born: Int
    var frozen = false
    var dead = false
    /// Its scheduler renews its lease.
    var renewed = true
    /// Its scheduler stands still too: nobody kills it.
    var hostFrozen = false
}

/// Something bad that befalls whatever process runs when this many jobs have run.
struct Mishap: Sendable {
    enum Kind: Sendable, CaseIterable { case crash, freeze, freezeHost, loseRenewals }
    var after: Int
    var kind: Kind
    var lasts: Int
}

/// All that a simulated run consists of besides the code under test. Times are milliseconds since its start.
final class World: Sendable {
    struct State: Sendable {
        var now = 0
        var dice: Seeded
        var due: [Due] = []
        var orders = 0
        var procs: [Proc] = []
        /// Those that are not dead.
        var alive: [Int] = []
        var tables: Tables
        var ledger: RemoteLedger
        var provider: TokenProvider
        var faults: FaultRates
        var mishaps: [Mishap]
        var jobsRun = 0
        /// Moments at which no job could run.
        var looks = 0
        var over = false
        var violation: String?
        /// FNV-1a over everything that happened.
        var digest: UInt64 = 0xcbf2_9ce4_8422_2325
        var trace: [String] = []
        var guards = Guards()
        var counts = Counts()
        var wakeAt: Int?
        var plans: Int
    }

    /// What a run did, for the figures.
    struct Counts: Sendable {
        var sends = 0, effects = 0, unknowns = 0, finds = 0, crashes = 0, freezes = 0, takeovers = 0, late = 0, refreshes = 0, rejected = 0, posted = 0

        static func += (a: inout Counts, b: Counts) {
            a.sends += b.sends
            a.effects += b.effects
            a.unknowns += b.unknowns
            a.finds += b.finds
            a.crashes += b.crashes
            a.freezes += b.freezes
            a.takeovers += b.takeovers
            a.late += b.late
            a.refreshes += b.refreshes
            a.rejected += b.rejected
            a.posted += b.posted
        }
    }

    let traces: Bool
    private let state: Mutex<State>

    init(_ state: sending State, traces: Bool) {
        self.traces = traces
        self.state = Mutex(state)
    }

    func with<R: Sendable>(_ body: (inout State) -> R) -> R { state.withLock { body(&$0) } }
    /// The same without generic code, which debug builds are slow at.
    func change(_ body: (inout State) -> Void) { state.withLock { body(&$0) } }
    func next(_ body: (inout State) -> Step) -> Step { state.withLock { body(&$0) } }
    var isOver: Bool { state.withLock { $0.over } }

    /// `what` names the happening, `number` what it is about.
    func note(_ what: StaticString, _ number: Int = 0, _ text: @autoclosure () -> String = "") {
        let line: String? = traces ? text() : nil
        change { $0.note(what, number, line) }
    }

    /// A line of the trace that is no happening.
    func remark(_ text: String) { with { $0.trace.append(text) } }

    func violate(_ why: @autoclosure () -> String) {
        let text = why()
        let first = with { state in
            defer { if state.violation == nil { state.violation = text } }
            return state.violation == nil && !state.over
        }
        if first { note("VIOLATION", 0, text) }
    }

    /// Plans something for `after` ms from now.
    func plan(_ after: Int, _ happen: @escaping @Sendable (_ over: Bool) -> Void) {
        change { $0.plan(after, happen) }
    }

    /// Waits in simulated time; the value is made when the time has come. When the run ends first: `over`.
    func wait<R: Sendable>(_ after: Int, over: R, _ make: @escaping @Sendable () -> R) async -> R {
        if isOver { return over }
        return await withUnsafeContinuation { continuation in
            plan(after) { ended in continuation.resume(returning: ended ? over : make()) }
        }
    }
}

extension World.State {
    /// `line`: for the trace; `nil` when there is none.
    mutating func note(_ what: StaticString, _ number: Int, _ line: String?) {
        digest = (digest ^ UInt64(truncatingIfNeeded: what.utf8CodeUnitCount &* 31 &+ Int(what.utf8Start.pointee))) &* 0x100_0000_01b3
        digest = (digest ^ UInt64(truncatingIfNeeded: number &+ now &* 131)) &* 0x100_0000_01b3
        if let line { trace.append("\(seconds(now)) \(what) \(number)\(line.isEmpty ? "" : " ")\(line)") }
    }

    mutating func plan(_ after: Int, _ happen: @escaping @Sendable (_ over: Bool) -> Void) {
        orders += 1
        let new = Due(at: now + max(0, after), order: orders, happen: happen)
        // The list is sorted, the next one last.
        var low = 0, high = due.count
        while low < high {
            let middle = (low + high) / 2
            if due[middle].at > new.at { low = middle + 1 } else { high = middle }
        }
        due.insert(new, at: low)
    }

}

func seconds(_ ms: Int) -> String {
    let rest = String(ms % 1000)
    return "\(ms / 1000)." + String(repeating: "0", count: 3 - rest.count) + rest
}

/// A process's clocks: true time, seen with its own error.
struct SimClocks: Clocks {
    let world: World
    let proc: Int

    func now() -> Timestamp { Timestamp(microseconds: Int64(world.with { $0.now + $0.procs[proc].skew }) * 1000 + SimClocks.start) }
    func monotonic() -> Duration {
        .milliseconds(world.with { $0.now })
    }
    func sleep(for duration: Duration) async throws {
        if await world.wait(Int(duration.wholeMilliseconds), over: true, { false }) { throw CancellationError() }
    }

    /// 2026-11-02T00:00:00Z.
    static let start: Int64 = 1_793_577_600_000_000
}

/// A process's chance, from the run's own dice.
struct SimRandom: RandomSource {
    let world: World

    func bytes(_ count: Int) -> [UInt8] {
        world.with { state in
            var out: [UInt8] = []
            out.reserveCapacity(count + 8)
            while out.count < count {
                let word = state.dice.next()
                for shift in stride(from: 56, through: 0, by: -8) { out.append(UInt8(truncatingIfNeeded: word >> UInt64(shift))) }
            }
            return Array(out.prefix(count))
        }
    }
}
