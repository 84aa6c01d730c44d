internal import Synchronization

/// Small state behind a mutex, usable from any thread. The closure must not block or wait.
public final class Locked<State>: Sendable {
    private let mutex: Mutex<State>

    public init(_ state: sending State) { mutex = Mutex(state) }

    public func with<R: Sendable>(_ body: (inout sending State) -> sending R) -> R { mutex.withLock(body) }
}
