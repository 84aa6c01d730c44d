internal import CSystem
internal import Glibc
public import Kernel
internal import Postgres

/// Files that workers need, tried as the user that they run as.
extension SchedulerConfiguration {
    /// Settings of the way to the database that name files, which each worker reads for itself.
    private static let files = ["sslrootcert", "sslcrl", "sslcrldir"]

    /// Has the program try to read them as a worker would. Workers that run as we do read what we read.
    /// - Parameter arguments: with these, and the file, the program ends well where it can read it.
    /// - Throws: `file_closed_to_workers`; what starting a child throws.
    public func checkFiles(reading arguments: [String] = ["worker", "--reads"], clocks: any Clocks) async throws(Fault) {
        guard let user = workerUser ?? workerUsers.map({ (uid: $0.lowerBound, gid: $0.lowerBound) }) else { return }
        let spawner = try Spawner()
        for name in SchedulerConfiguration.files {
            guard let file = database.options[name], !file.isEmpty, file != "system" else { continue }
            let child = try await spawner.start(program, arguments + [file], environment: ["LANG=C.UTF-8"], user: user, deathSignal: SIGKILL)
            let code = try await end(of: child, clocks)
            guard code != 0 else { continue }
            throw Fault(
                "file_closed_to_workers", stage: .configuration, disposition: .hold, summary: "the user of workers (\(user.uid)) can't read \(file), which the database's URL names as \(name)",
                remedy: "Workers go to the database the same way: let that user read the file, and enter the folders above it.")
        }
    }

    /// Its exit status; -1 for a signal.
    private func end(of child: Child, _ clocks: any Clocks) async throws(Fault) -> Int32 {
        defer {
            close(child.pidfd)
            close(child.control)
        }
        var status: Int32 = 0
        while cf_reap(child.pid, &status) == 0 {
            do { try await clocks.sleep(for: .milliseconds(5)) } catch { throw Fault.wrapping(error, stage: .scheduler) }
        }
        return cf_exited(status) != 0 ? cf_exit_code(status) : -1
    }
}
