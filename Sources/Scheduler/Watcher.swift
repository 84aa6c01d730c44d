internal import Glibc
public import Kernel

/// Waits on descriptors from one thread, so that no pool thread blocks: ends of processes and lines of control pipes.
public final class Watcher: Sendable {
    private struct Watch: Sendable {
        /// Tells it from a later watch of the same number: a descriptor that `ready` closes may be another's before this one is forgotten.
        var serial: UInt64
        var descriptor: Int32
        /// Called on the watcher's thread when readable; `false` ends the watch.
        var ready: @Sendable () -> Bool
    }

    private struct State {
        var watches: [Watch] = []
        var serial: UInt64 = 0
        /// To be closed by the watcher's own thread: closed elsewhere, a number could already belong to another while it is still watched.
        var closing: [Int32] = []
    }

    private let state = Locked(State())
    private let wake: (read: Int32, write: Int32)

    public init() throws(Fault) {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw Fault("no_descriptors", stage: .scheduler, disposition: .retry, summary: "a pipe could not be made: errno \(errno)") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        wake = (ends[0], ends[1])
        var thread = pthread_t()
        let code = pthread_create(&thread, nil, { argument in
            guard let argument else { return nil }
            Unmanaged<Watcher>.fromOpaque(argument).takeRetainedValue().serve()
            return nil
        }, Unmanaged.passRetained(self).toOpaque())
        precondition(code == 0, "a thread could not be started: error \(code)")
        pthread_detach(thread)
    }

    /// Ends the watches of these descriptors, then closes them.
    public func close(_ descriptors: [Int32]) {
        state.with { $0.closing += descriptors }
        var one: UInt8 = 1
        _ = write(wake.write, &one, 1)
    }

    public func watch(_ descriptor: Int32, _ ready: @escaping @Sendable () -> Bool) {
        state.with { state in
            state.serial += 1
            state.watches.append(Watch(serial: state.serial, descriptor: descriptor, ready: ready))
        }
        var one: UInt8 = 1
        _ = write(wake.write, &one, 1)
    }

    private func serve() {
        while true {
            let (watches, closing) = state.with { state in
                let closing = state.closing
                state.closing = []
                state.watches.removeAll { closing.contains($0.descriptor) }
                return (state.watches, closing)
            }
            for descriptor in closing { _ = Glibc.close(descriptor) }
            var polls = [pollfd(fd: wake.read, events: Int16(POLLIN), revents: 0)] + watches.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
            let n = poll(&polls, nfds_t(polls.count), -1)
            if n < 0 { continue }
            if polls[0].revents != 0 {
                var drop = [UInt8](repeating: 0, count: 64)
                _ = read(wake.read, &drop, 64)
            }
            var ended: Set<UInt64> = []
            for (watch, poll) in zip(watches, polls.dropFirst()) where poll.revents != 0 {
                if !watch.ready() { ended.insert(watch.serial) }
            }
            if !ended.isEmpty { state.with { $0.watches.removeAll { ended.contains($0.serial) } } }
        }
    }
}
