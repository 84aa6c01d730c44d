internal import Glibc
internal import Kernel
internal import Telemetry

/// The child side: works for one tenant under one lease, then ends. Limits are set before any tenant's bytes are looked at.
public enum TenantWorker {
    /// Descriptor of the control pipe.
    private static let control: Int32 = 3

    /// Runs to the end of the work or of the lease. The process's exit status.
    public static func main(parent: Int32) async -> Int32 {
        let log = Log(component: "worker")
        do throws(Fault) {
            guard try Hardening.apply(parent: parent) else { return 0 }
            let pipe = ControlPipe(descriptor: control)
            guard let line = await pipe.line() else { return 0 }
            let assignment = try Assignment(line: line)
            let session = try Session(assignment, pipe: pipe, log: log.with(("tenant", assignment.tenant.description), ("epoch", "\(assignment.epoch)")))
            try await session.run()
            return 0
        } catch {
            log.fault(.failed, error)
            return error.disposition == .bug ? 70 : 75
        }
    }
}
