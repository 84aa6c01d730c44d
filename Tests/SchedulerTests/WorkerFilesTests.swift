import Crypto
import FoundationEssentials
import Glibc
import Kernel
import Postgres
import Testing

@testable import Scheduler

@Suite("Files that workers read", .timeLimit(.minutes(1)), .enabled(if: getuid() == 0, "only root can run workers as another user"))
struct WorkerFilesTests {
    private func code(_ options: [String: String], user: UInt32? = 61_000) async throws -> String? {
        var configuration = SchedulerConfiguration(
            program: "/bin/sh", database: PostgresConfiguration(host: "db", options: options), masterKey: try AEADKey(Secret([UInt8](repeating: 3, count: 32))), allowedHosts: [],
            workersMost: 1, workerUser: nil)
        configuration.workerUsers = user.map { $0 ... $0 }
        do throws(Fault) {
            try await configuration.checkFiles(reading: ["-c", "test -r \"$0\""], clocks: SystemClocks())
            return nil
        } catch { return error.code }
    }

    @Test("a certificate that the workers' user can't read keeps the scheduler from starting; one that it can, and none, do not") func certificate() async throws {
        let folder = "/tmp/counterfoil-files-\(SystemRandom().bytes(4).hexText)", file = folder + "/root.pem"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data("-----".utf8).write(to: URL(filePath: file))
        #expect(chmod(folder, 0o755) == 0 && chmod(file, 0o600) == 0)
        #expect(try await code(["sslrootcert": file]) == "file_closed_to_workers")
        #expect(try await code(["sslcrl": file]) == "file_closed_to_workers")
        #expect(try await code(["sslrootcert": file], user: nil) == nil, "workers run as we do")
        #expect(chmod(file, 0o644) == 0)
        #expect(try await code(["sslrootcert": file]) == nil)
        #expect(chmod(folder, 0o700) == 0)
        #expect(try await code(["sslrootcert": file]) == "file_closed_to_workers", "nor one behind a folder that is closed")
        #expect(try await code(["sslrootcert": "system", "sslmode": "verify-full"]) == nil)
        #expect(try await code(["sslrootcert": folder + "/none.pem"]) == "file_closed_to_workers")
    }
}
