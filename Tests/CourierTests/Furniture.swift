import Kernel
import Synchronization

/// What happened, in order: calls at the platform, saves in the database, waits.
final class Journal: Sendable {
    private let list = Locked<[String]>([])
    func add(_ line: String) { list.with { $0.append(line) } }
    var lines: [String] { list.with { $0 } }
    func count(_ prefix: String) -> Int { lines.filter { $0.hasPrefix(prefix) }.count }
    func first(_ prefix: String) -> Int? { lines.firstIndex { $0.hasPrefix(prefix) } }
}

/// Clocks whose sleep passes the time instead of waiting for it.
final class SteppingClocks: Clocks {
    private let manual = ManualClocks(Timestamp(seconds: 1_800_000_000))
    private let journal: Journal
    private let hook = Locked<(@Sendable (Duration) async -> Void)?>(nil)

    init(_ journal: Journal) { self.journal = journal }

    func now() -> Timestamp { manual.now() }
    func monotonic() -> Duration { manual.monotonic() }
    func advance(by step: Duration) { manual.advance(by: step) }
    /// Runs within each sleep, before the time passes.
    func onSleep(_ body: (@Sendable (Duration) async -> Void)?) { hook.with { $0 = body } }

    func sleep(for duration: Duration) async throws {
        try Task.checkCancellation()
        journal.add("sleep \(duration.wholeMilliseconds)")
        await hook.with { $0 }?(duration)
        await Task.yield()
        try Task.checkCancellation()
        manual.advance(by: duration)
    }
}

/// Holds whoever passes until it is opened.
final class Gate: Sendable {
    private struct State: Sendable {
        var isOpen = false
        var arrived = 0
        var held: [CheckedContinuation<Void, Never>] = []
    }
    private let state = Mutex(State())

    func pass() async {
        await withCheckedContinuation { continuation in
            let goOn = state.withLock { state in
                state.arrived += 1
                if !state.isOpen { state.held.append(continuation) }
                return state.isOpen
            }
            if goOn { continuation.resume() }
        }
    }

    func open() {
        let held = state.withLock { state in
            state.isOpen = true
            defer { state.held = [] }
            return state.held
        }
        for one in held { one.resume() }
    }

    var arrived: Int { state.withLock { $0.arrived } }
}

/// Lets others run until it is so; `false` when it never is.
func eventually(_ condition: @Sendable () -> Bool) async -> Bool {
    for _ in 0 ..< 200_000 {
        if condition() { return true }
        await Task.yield()
    }
    return false
}
