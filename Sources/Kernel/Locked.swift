public import Synchronization

/// Small state behind a mutex, usable from any thread. The closure must not block or wait.
public final class Locked<State>: Sendable {
    @usableFromInline let mutex: Mutex<State>

    @inlinable public init(_ state: sending State) { mutex = Mutex(state) }

    @inlinable public func with<R: Sendable>(_ body: (inout sending State) -> sending R) -> R { mutex.withLock(body) }
}
