internal import CSystem
internal import Glibc
public import Kernel

/// A child process with its control pipe.
public struct Child: Sendable {
    public var pid: Int32
    /// Names exactly this process, never a successor with the same number.
    public var pidfd: Int32
    /// Our end of the control pipe.
    public var control: Int32
}

/// Starts children from one thread that never ends: a child dies with the thread that made it, and pool threads come and go.
public final class Spawner: Sendable {
    private struct Order: Sendable {
        var path: String
        var arguments: [String]
        var environment: [String]
        var uid: UInt32
        var gid: UInt32
        var deathSignal: Int32
        var output: Int32
        var reply: @Sendable (Result<Child, Fault>) -> Void
    }

    private struct State {
        var orders: [Order] = []
        var closed = false
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
            Unmanaged<Spawner>.fromOpaque(argument).takeRetainedValue().serve()
            return nil
        }, Unmanaged.passRetained(self).toOpaque())
        precondition(code == 0, "a thread could not be started: error \(code)")
        pthread_detach(thread)
    }

    /// Starts `path arguments…` with exactly this environment, as this user (`nil`: as ourselves).
    /// `deathSignal` reaches the child when this process ends; `output` replaces its standard output and error.
    /// - Throws: `spawn_failed`.
    public func start(
        _ path: String, _ arguments: [String], environment: [String], user: (uid: UInt32, gid: UInt32)?, deathSignal: Int32, output: Int32 = -1
    ) async throws(Fault) -> Child {
        let result: Result<Child, Fault> = await withCheckedContinuation { continuation in
            let order = Order(
                path: path, arguments: arguments, environment: environment, uid: user?.uid ?? .max, gid: user?.gid ?? .max, deathSignal: deathSignal,
                output: output) { continuation.resume(returning: $0) }
            state.with { $0.orders.append(order) }
            var one: UInt8 = 1
            _ = write(wake.write, &one, 1)
        }
        return try result.get()
    }

    private func serve() {
        var byte: UInt8 = 0
        while true {
            let n = read(wake.read, &byte, 1)
            if n < 0 && errno == EINTR { continue }
            if n <= 0 { return }
            let orders = state.with { state in
                defer { state.orders = [] }
                return state.orders
            }
            for order in orders { order.reply(spawn(order)) }
        }
    }

    private func spawn(_ order: Order) -> Result<Child, Fault> {
        func fault(_ what: String, _ code: Int32) -> Fault {
            Fault("spawn_failed", stage: .scheduler, disposition: .retry, summary: "\(what): errno \(code)")
        }
        var ends: [Int32] = [0, 0]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0 else { return .failure(fault("a control pipe could not be made", errno)) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var arguments: [UnsafeMutablePointer<CChar>?] = ([order.path] + order.arguments).map { strdup($0) } + [nil]
        var environment: [UnsafeMutablePointer<CChar>?] = order.environment.map { strdup($0) } + [nil]
        defer { for pointer in arguments + environment { free(pointer) } }
        let pid = cf_spawn(order.path, &arguments, &environment, -1, order.output, order.output, ends[1], order.uid, order.gid, order.deathSignal)
        close(ends[1])
        guard pid > 0 else {
            close(ends[0])
            return .failure(fault("a worker could not be started", -pid))
        }
        let pidfd = cf_pidfd_open(pid)
        guard pidfd >= 0 else {
            kill(pid, SIGKILL)
            var status: Int32 = 0
            waitpid(pid, &status, 0)
            close(ends[0])
            return .failure(fault("a worker's process could not be watched", -pidfd))
        }
        return .success(Child(pid: pid, pidfd: pidfd, control: ends[0]))
    }
}
