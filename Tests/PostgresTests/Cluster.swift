import FoundationEssentials
import Glibc
import Kernel
import Postgres

/// A private PostgreSQL server in a temporary folder, on a unix socket only. A watcher that reads our end of a pipe
/// stops the server and removes the folder when this process ends, however it ends.
final class Cluster: Sendable {
    struct Unavailable: Error { var reason: String }

    /// One server for all tests that leave it running.
    static let shared = Result { try Cluster() }

    let folder: String
    private let binaries: String
    /// The watcher's standard input: its end is the end of this process.
    private let leash: Int32

    init() throws {
        let environment = ProcessInfo.processInfo.environment
        binaries = try environment["POSTGRES_BIN"] ?? run(["pg_config", "--bindir"])
        folder = try run(["mktemp", "-d", "/tmp/cfpg-XXXXXX"])
        if getuid() == 0 { try run(["chown", Self.serverUser, folder]) }
        let ends = try closedOnExec()
        leash = ends.write
        let data = "\(folder)/data"
        try asServerUser([
            "\(binaries)/initdb", "-D", data, "-U", "test", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync",
        ])
        let rules = "local all guarded scram-sha-256\\nlocal all all trust\\n"
        let settings = "listen_addresses = ''\\nunix_socket_directories = '\(folder)'\\nfsync = off\\nmax_connections = 80\\n"
        let script = "printf \"\(rules)\" > \(data)/pg_hba.conf; printf \"\(settings)\" >> \(data)/postgresql.conf"
        try asServerUser(["sh", "-c", script])
        let last = "cat > /dev/null; kill -QUIT $(head -1 \(data)/postmaster.pid); rm -rf \(folder); sleep 1; rm -rf \(folder)"
        _ = try spawn(["sh", "-c", last], input: ends.read)
        close(ends.read)
        try start()
    }

    /// Returns when the server accepts connections. After a crash the first attempts can fail while the old server's
    /// children end.
    func start() throws {
        var last = ""
        for _ in 0 ..< 20 {
            do {
                let start = ["\(binaries)/pg_ctl", "start", "-w", "-t", "30", "-D", "\(folder)/data", "-l", "\(folder)/log"]
                try asServerUser(start, reading: false)
                return
            } catch let error as Unavailable { last = error.reason }
        }
        throw Unavailable(reason: last)
    }

    /// `kill -9` of the postmaster.
    func kill() throws {
        let text = try String(contentsOfFile: "\(folder)/data/postmaster.pid", encoding: .utf8)
        guard let pid = text.split(separator: "\n").first.flatMap({ Int32($0) }) else { throw Unavailable(reason: "no postmaster.pid") }
        _ = Glibc.kill(pid, SIGKILL)
    }

    var configuration: PostgresConfiguration {
        PostgresConfiguration(host: folder, port: "5432", database: "postgres", user: "test", applicationName: "tests")
    }

    func pool(size: Int = 3, patience: Duration = .seconds(20)) -> PostgresPool {
        PostgresPool(configuration, size: size, patience: patience)
    }

    private static let serverUser = (try? run(["id", "-u", "postgres"])) != nil ? "postgres" : "nobody"

    /// The server refuses to run as root.
    @discardableResult
    private func asServerUser(_ command: [String], reading: Bool = true) throws -> String {
        guard getuid() == 0 else { return try run(command, reading: reading) }
        return try run(["setpriv", "--reuid", Self.serverUser, "--clear-groups", "--"] + command, reading: reading)
    }
}

private func closedOnExec() throws -> (read: Int32, write: Int32) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw Cluster.Unavailable(reason: "no descriptor is left") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
}

/// Foundation's `Process` waits for every heir of a descriptor it hands down, so it would wait for the server itself.
private func spawn(_ command: [String], input: Int32? = nil, output: Int32? = nil) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    if let input { posix_spawn_file_actions_adddup2(&actions, input, 0) }
    if let output { posix_spawn_file_actions_adddup2(&actions, output, 1) }
    // The server's user may have no right to be where the tests run.
    var arguments: [UnsafeMutablePointer<CChar>?] = (["env", "-C", "/"] + command).map { strdup($0) } + [nil]
    var variables: [UnsafeMutablePointer<CChar>?] =
        ProcessInfo.processInfo.environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for pointer in arguments + variables { free(pointer) } }
    var pid: pid_t = 0
    let code = posix_spawnp(&pid, "env", &actions, nil, &arguments, &variables)
    guard code == 0 else { throw Cluster.Unavailable(reason: "\(command[0]) can't be started: error \(code)") }
    return pid
}

/// Runs a command to its end; what it printed, without the last line break.
@discardableResult
private func run(_ command: [String], reading: Bool = true) throws -> String {
    var text: [UInt8] = []
    let pid: pid_t
    if reading {
        let ends = try closedOnExec()
        pid = try spawn(command, output: ends.write)
        close(ends.write)
        var buffer = [UInt8](repeating: 0, count: 4096)
        while case let count = read(ends.read, &buffer, buffer.count), count > 0 { text += buffer[..<count] }
        close(ends.read)
    } else {
        pid = try spawn(command)
    }
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    guard status == 0 else { throw Cluster.Unavailable(reason: "\(command.joined(separator: " ")) ended with status \(status)") }
    return String(decoding: text.last == 10 ? text.dropLast() : text[...], as: UTF8.self)
}

/// A pool on the shared server.
func testPool(size: Int = 3, patience: Duration = .seconds(20)) throws -> PostgresPool {
    try Cluster.shared.get().pool(size: size, patience: patience)
}

/// A table name no other test has.
func freshName(_ prefix: String = "t") -> String { "\(prefix)_\(SystemRandom().bytes(6).hexText)" }

/// What the body throws; `nil` when it does not.
func fault(_ body: () async throws -> Void) async -> Fault? {
    do {
        try await body()
        return nil
    } catch {
        return Fault.wrapping(error, stage: .database)
    }
}
