internal import CSystem
internal import Glibc
internal import Kernel
internal import Store
internal import Telemetry

/// The process that looks for alerts and tells people. It speaks with mail servers and webhooks of tenants' choice; this one holds the master key and speaks with
/// nobody. So it is a child, kept running.
extension Scheduler {
    /// Longest pause before it is started again.
    private static let restMost = Duration.seconds(5)

    func keepAlerts() async {
        guard let own = configuration.alerts else { return }
        var quickEnds = 0
        while !Task.isCancelled {
            let began = clocks.monotonic()
            do throws(Fault) {
                let child = try await spawner.start(configuration.program, own.arguments, environment: own.environment, user: nil, deathSignal: SIGKILL)
                let ended = Bell()
                alertsChild.with { $0 = child }
                log.info(.alertsStarted, ("pid", "\(child.pid)"))
                watch(child, ended)
                while !Task.isCancelled, alertsChild.with({ $0 != nil }) { await ended.wait(.seconds(60)) }
                if Task.isCancelled { return }
                log.warning(.childEnded, ("child", "alerts"), ("pid", "\(child.pid)"))
            } catch { note(error) }
            quickEnds = clocks.monotonic() - began < .seconds(5) ? quickEnds + 1 : 0
            do { try await clocks.sleep(for: min(.milliseconds(100 << min(quickEnds, 6)), Scheduler.restMost)) } catch { return }
        }
    }

    private func watch(_ child: Child, _ ended: Bell) {
        watcher.watch(child.pidfd) { [alertsChild, watcher] in
            var status: Int32 = 0
            if cf_reap(child.pid, &status) == 0 { return true }
            alertsChild.with { $0 = nil }
            watcher.close([child.pidfd, child.control])
            ended.ring()
            return false
        }
    }

    /// What it has claimed and not sent is claimed again by whoever comes next.
    func stopAlerts() async {
        alertsChild.with { child in
            // Its descriptors are its own as long as it stands here.
            if let child { _ = cf_pidfd_signal(child.pidfd, SIGKILL) }
        }
        await Task.detached { [alertsChild, clocks] in
            for _ in 0 ..< 200 where alertsChild.with({ $0 != nil }) {
                do { try await clocks.sleep(for: .milliseconds(10)) } catch { return }
            }
        }.value
    }
}
