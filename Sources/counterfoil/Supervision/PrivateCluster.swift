internal import Crypto
internal import FoundationEssentials
internal import Glibc
internal import Kernel
internal import Postgres
internal import Scheduler

/// The private PostgreSQL under `var/postgres`: a unix socket only, passwords for everybody, its own user when we are root.
struct PrivateCluster {
    let data: String
    let socketFolder: String
    let binaries: String
    let user: (uid: UInt32, gid: UInt32)?
    let administrator: Secret
    static let port = "5432"
    static let administratorName = "counterfoil_admin"
    static let database = "counterfoil"

    init(_ surroundings: Surroundings, _ secrets: Secrets) throws(Fault) {
        binaries = try PrivateCluster.findBinaries(surroundings)
        administrator = try secrets.password("database-administrator")
        let folder = surroundings.folder
        // A unix socket's path may have 107 bytes: a deep checkout would not fit.
        let mark = folder.utf8.reduce(UInt64(14_695_981_039_346_656_037)) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 }
        let name = "counterfoil-" + String(mark, radix: 36)
        if getuid() == 0 {
            user = try PrivateCluster.account("postgres")
            socketFolder = "/run/\(name)"
            // The server's user may not be able to walk to a checkout under somebody's home.
            data = "/var/lib/\(name)/postgres"
        } else {
            user = nil
            socketFolder = (surroundings.variables["XDG_RUNTIME_DIR"] ?? "/tmp") + "/" + name
            data = folder + "/postgres"
        }
    }

    /// Where `initdb` and `postgres` are: not on PATH on Debian.
    private static func findBinaries(_ surroundings: Surroundings) throws(Fault) -> String {
        var folders = (surroundings.variables["PATH"] ?? "").split(separator: ":").map(String.init)
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql")) ?? []
        folders = versions.compactMap { Int($0) }.sorted(by: >).map { "/usr/lib/postgresql/\($0)/bin" } + folders
        for folder in folders where access(folder + "/initdb", X_OK) == 0 && access(folder + "/postgres", X_OK) == 0 { return folder }
        throw Fault("no_postgresql", stage: .configuration, disposition: .hold, summary: "PostgreSQL's server is not installed on this machine",
            remedy: "Run ops/up, which installs it; or `apt-get install postgresql`; or set COUNTERFOIL_DATABASE_URL.")
    }

    static func account(_ name: String) throws(Fault) -> (uid: UInt32, gid: UInt32) {
        guard let entry = getpwnam(name) else {
            throw Fault("no_such_user", stage: .configuration, disposition: .hold, summary: "this machine has no user '\(name)'", remedy: "Create it: useradd --system \(name).")
        }
        return (entry.pointee.pw_uid, entry.pointee.pw_gid)
    }

    var configuration: PostgresConfiguration {
        PostgresConfiguration(host: socketFolder, port: PrivateCluster.port, database: PrivateCluster.database, user: PrivateCluster.administratorName, password: administrator)
    }

    /// Arguments of the server process.
    var arguments: [String] {
        [
            "-D", data, "-k", socketFolder, "-p", PrivateCluster.port, "-c", "listen_addresses=", "-c", "max_connections=200", "-c", "shared_buffers=128MB",
            "-c", "unix_socket_permissions=0777", "-c", "password_encryption=scram-sha-256", "-c", "log_min_messages=warning",
            "-c", "log_min_error_statement=panic", "-c", "wal_compression=on", "-c", "max_wal_size=2GB", "-c", "min_wal_size=512MB",
        ]
    }

    private func folder(_ path: String, mode: UInt16) throws(Fault) {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw Fault("folder_unwritable", stage: .configuration, disposition: .hold, summary: "the folder \(path) can't be made")
        }
        // Below /tmp somebody else may have been first: what he owns, or links to, is not where a password is put down.
        var known = stat()
        guard lstat(path, &known) == 0, known.st_mode & S_IFMT == S_IFDIR, known.st_uid == getuid() || known.st_uid == user?.uid, chmod(path, mode_t(mode)) == 0 else {
            throw Fault(
                "folder_foreign", stage: .configuration, disposition: .hold, summary: "the folder \(path) is not ours", remedy: "Find out whose it is; remove it, or set XDG_RUNTIME_DIR.")
        }
        if let user { _ = chown(path, user.uid, user.gid) }
    }

    /// Makes the cluster when there is none. A half-made one is made again.
    func prepare(_ spawner: Spawner, _ surroundings: Surroundings) async throws(Fault) {
        try folder(socketFolder, mode: 0o755)
        let link = surroundings.folder + "/postgres"
        if data != link { _ = symlink(data, link) }
        // The mark tells whose cluster it is: one whose keys are gone (somebody removed var/) is put aside, never used and never deleted.
        let mark = Digest.sha256(administrator.reveal()).hexText + "\n"
        if let made = try? String(contentsOfFile: data + "/counterfoil-ready", encoding: .utf8) {
            if made == mark { return }
            let aside = "\(data).\(SystemClocks().now().seconds)"
            guard rename(data, aside) == 0 else {
                throw Fault("folder_unwritable", stage: .configuration, disposition: .hold, summary: "the old database in \(data) can't be put aside: errno \(errno)")
            }
            complain("the database in \(data) belongs to keys that are gone; it was moved to \(aside) and a new one is made")
        }
        try? FileManager.default.removeItem(atPath: data)
        try folder(data, mode: 0o700)
        let passwords = socketFolder + "/first-password"
        // What a crash left there, or somebody else.
        unlink(passwords)
        let descriptor = open(passwords, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        let bytes = administrator.reveal() + [10]
        guard descriptor >= 0, bytes.withUnsafeBytes({ write(descriptor, $0.baseAddress, $0.count) }) == bytes.count else {
            throw Fault("folder_unwritable", stage: .configuration, disposition: .hold, summary: "\(passwords) can't be written")
        }
        close(descriptor)
        if let user { _ = chown(passwords, user.uid, user.gid) }
        let code = try await run(spawner, binaries + "/initdb", [
            "-D", data, "-U", PrivateCluster.administratorName, "--pwfile=\(passwords)", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync",
        ])
        unlink(passwords)
        guard code == 0 else {
            throw Fault("initdb_failed", stage: .configuration, disposition: .hold, summary: "initdb could not make the database cluster in \(data) (status \(code))",
                remedy: "Check the folder's owner and the free disk space; run by hand, initdb says why.")
        }
        do {
            try mark.write(toFile: data + "/counterfoil-ready", atomically: true, encoding: .utf8)
        } catch {
            throw Fault("folder_unwritable", stage: .configuration, disposition: .hold, summary: "\(data) can't be written")
        }
    }

    private func run(_ spawner: Spawner, _ program: String, _ arguments: [String]) async throws(Fault) -> Int32 {
        let null = open("/dev/null", O_WRONLY | O_CLOEXEC)
        defer { close(null) }
        let child = try await spawner.start(program, arguments, environment: ["LANG=C.UTF-8", "LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin", "TZ=UTC"], user: user, deathSignal: SIGKILL, output: null)
        return await Exit.of(child)
    }
}

/// Waits for a child without blocking a pool thread.
enum Exit {
    static let watcher: Watcher? = try? Watcher()

    /// Exit code, or 128 + signal.
    static func of(_ child: Child) async -> Int32 {
        await withCheckedContinuation { continuation in
            guard let watcher else {
                continuation.resume(returning: -1)
                return
            }
            watcher.watch(child.pidfd) {
                var status: Int32 = 0
                guard waitpid(child.pid, &status, WNOHANG) != 0 else { return true }
                close(child.pidfd)
                close(child.control)
                let signal = status & 0x7f
                continuation.resume(returning: signal == 0 ? (status >> 8) & 0xff : 128 + signal)
                return false
            }
        }
    }
}
