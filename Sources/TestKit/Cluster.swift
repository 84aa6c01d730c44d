internal import FoundationEssentials
internal import Glibc
public import Kernel
public import Postgres

/// A private PostgreSQL server in a temporary folder, on a unix socket only: one for each process of tests. A watcher that reads our end of a
/// pipe stops the server and removes the folder when this process ends, however it ends.
public final class Cluster: Sendable {
    /// One server for all tests that leave it running.
    public static let shared: Result<Cluster, Fault> = Result { () throws(Fault) in try Cluster() }

    public let folder: String
    private let binaries: String
    /// The watcher's standard input: its end is the end of this process.
    private let leash: Int32

    /// - Throws: `no_test_server` where PostgreSQL is not installed or does not start.
    public init() throws(Fault) {
        if let given = ProcessInfo.processInfo.environment["POSTGRES_BIN"] { binaries = given } else { binaries = try run(["pg_config", "--bindir"]) }
        folder = try run(["mktemp", "-d", "/tmp/cfpg-XXXXXX"])
        if getuid() == 0 { try run(["chown", Cluster.serverUser, folder]) }
        let ends = try closedOnExec()
        leash = ends.write
        let data = "\(folder)/data"
        try asServerUser([
            "\(binaries)/initdb", "-D", data, "-U", "test", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync",
        ])
        let settings = "listen_addresses = ''\\nunix_socket_directories = '\(folder)'\\nfsync = off\\nmax_connections = 400\\n"
        try asServerUser(["sh", "-c", "printf \"\(settings)\" >> \(data)/postgresql.conf"])
        let last = "cat > /dev/null; kill -QUIT $(head -1 \(data)/postmaster.pid); rm -rf \(folder); sleep 1; rm -rf \(folder)"
        _ = try spawn(["sh", "-c", last], input: ends.read)
        close(ends.read)
        try start()
    }

    /// Returns when the server accepts connections. After a crash the first attempts can fail while the old server's children end.
    public func start() throws(Fault) {
        var last = Cluster.unavailable("it did not start")
        for _ in 0 ..< 20 {
            do throws(Fault) {
                let start = ["\(binaries)/pg_ctl", "start", "-w", "-t", "30", "-D", "\(folder)/data", "-l", "\(folder)/log"]
                try asServerUser(start, reading: false)
                return
            } catch { last = error }
        }
        throw last
    }

    /// Stops the server at once, as a crash would.
    public func stop() throws(Fault) {
        try asServerUser(["\(binaries)/pg_ctl", "stop", "-m", "immediate", "-w", "-D", "\(folder)/data"], reading: false)
    }

    /// Logs in as the server's superuser.
    public func configuration(database: String = "postgres") -> PostgresConfiguration {
        PostgresConfiguration(host: folder, port: "5432", database: database, user: "test", applicationName: "tests")
    }

    /// What the server wrote, for tests that look for secrets in it.
    public var log: String { (try? Data(contentsOf: URL(filePath: "\(folder)/log"))).map { String(decoding: $0, as: UTF8.self) } ?? "" }

    static func unavailable(_ reason: String) -> Fault {
        Fault("no_test_server", stage: .database, disposition: .hold, summary: reason, remedy: "Install PostgreSQL 15 or newer with pg_config.")
    }

    private static let serverUser = (try? run(["id", "-u", "postgres"])) != nil ? "postgres" : "nobody"

    /// The server refuses to run as root.
    @discardableResult
    private func asServerUser(_ command: [String], reading: Bool = true) throws(Fault) -> String {
        guard getuid() == 0 else { return try run(command, reading: reading) }
        return try run(["setpriv", "--reuid", Cluster.serverUser, "--clear-groups", "--"] + command, reading: reading)
    }
}

private func closedOnExec() throws(Fault) -> (read: Int32, write: Int32) {
    var ends: [Int32] = [-1, -1]
    // At once: a server that another thread starts in between would inherit the end and keep its reader waiting for ever.
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else { throw Cluster.unavailable("no descriptor is left") }
    return (ends[0], ends[1])
}

/// Foundation's `Process` waits for every heir of a descriptor it hands down, so it would wait for the server itself.
private func spawn(_ command: [String], input: Int32? = nil, output: Int32? = nil) throws(Fault) -> pid_t {
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
    var variables: [UnsafeMutablePointer<CChar>?] = ProcessInfo.processInfo.environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for pointer in arguments + variables { free(pointer) } }
    var pid: pid_t = 0
    let code = posix_spawnp(&pid, "env", &actions, nil, &arguments, &variables)
    guard code == 0 else { throw Cluster.unavailable("\(command[0]) can't be started: error \(code)") }
    return pid
}

/// Runs a command to its end; what it printed, without the last line break.
@discardableResult
private func run(_ command: [String], reading: Bool = true) throws(Fault) -> String {
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
    guard status == 0 else { throw Cluster.unavailable("\(command[0]) ended with status \(status)") }
    return String(decoding: text.last == 10 ? text.dropLast() : text[...], as: UTF8.self)
}
