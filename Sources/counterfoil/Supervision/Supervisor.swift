internal import CSystem
internal import Glibc
internal import Kernel
internal import Scheduler
internal import Telemetry

/// Keeps child processes running: starts each, starts it again when it ends, ends all in reverse order.
actor Supervisor {
    struct Process: Sendable {
        var name: String
        var program: String
        var arguments: [String]
        var environment: [String]
        var user: (uid: UInt32, gid: UInt32)?
        /// What tells it to end in good order.
        var stopSignal: Int32
        var output: Int32
    }

    private let spawner: Spawner
    private let log: Log
    private var running: [String: Child] = [:]
    private var order: [String] = []
    private var keepers: [String: Task<Void, Never>] = [:]
    private var stopping = false

    init(_ spawner: Spawner, log: Log) {
        self.spawner = spawner
        self.log = log
    }

    func keep(_ process: Process) {
        order.append(process.name)
        keepers[process.name] = Task { await self.keepRunning(process) }
    }

    /// The process id of a running child.
    func pid(of name: String) -> Int32? { running[name]?.pid }

    private func keepRunning(_ process: Process) async {
        var quickEnds = 0
        while !stopping {
            let began = SystemClocks().monotonic()
            do throws(Fault) {
                let child = try await spawner.start(
                    process.program, process.arguments, environment: process.environment, user: process.user, deathSignal: process.stopSignal, output: process.output)
                running[process.name] = child
                let code = await Exit.of(child)
                running[process.name] = nil
                if stopping { return }
                log.warning(.childEnded, ("child", process.name), ("status", "\(code)"))
            } catch { log.fault(.failed, error, ("child", process.name)) }
            quickEnds = SystemClocks().monotonic() - began < .seconds(5) ? quickEnds + 1 : 0
            do { try await Task.sleep(for: .milliseconds(min(100 << min(quickEnds, 6), 5000))) } catch { return }
        }
    }

    /// Ends every child, the last started first; what does not end in time is killed.
    func stop() async {
        stopping = true
        for name in order.reversed() {
            guard let child = running[name] else { continue }
            _ = cf_pidfd_signal(child.pidfd, name == "postgres" ? SIGINT : SIGTERM)
            for step in 0 ..< 500 where running[name] != nil {
                if step == 400 { _ = cf_pidfd_signal(child.pidfd, SIGKILL) }
                try? await Task.sleep(for: .milliseconds(20))
            }
        }
    }
}
