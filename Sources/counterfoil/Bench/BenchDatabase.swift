internal import FoundationEssentials
internal import Glibc
internal import Kernel
internal import Postgres
internal import Scheduler
internal import Store

/// The database that a bench measures on: a private cluster with the settings of `counterfoil up`, or the server that was named. Either way one
/// that keeps what it says it has kept.
struct BenchDatabase: Sendable {
    /// May create tables and roles.
    var owner: PostgresConfiguration
    /// What the program's services log in as; there after `migrate`.
    var supervisor: PostgresConfiguration

    static func start(_ workbench: Workbench) async throws(Fault) -> BenchDatabase {
        var first: PostgresConfiguration
        if let url = workbench.database {
            first = try PostgresConfiguration(url: url)
        } else {
            first = try await cluster(workbench)
        }
        first.applicationName = "bench"
        try await checkDurable(first)
        // Each bench begins with an empty database of its own name; a bench that was killed leaves one behind.
        try await Installation.reset(database, on: first)
        var owner = first
        owner.database = database
        try await checkDurable(owner)
        return BenchDatabase(owner: owner, supervisor: owner)
    }

    private static let database = "counterfoil_bench"

    private static func cluster(_ workbench: Workbench) async throws(Fault) -> PostgresConfiguration {
        let surroundings = Surroundings(variables: ["COUNTERFOIL_VAR": workbench.folder, "PATH": ProcessInfo.processInfo.environment["PATH"] ?? ""])
        let cluster = try PrivateCluster(surroundings, try Secrets(surroundings))
        var first = cluster.configuration
        first.database = "postgres"
        if workbench.hasCluster.with({ $0 }) { return first }
        try await cluster.prepare(workbench.spawner, surroundings)
        _ = try await workbench.start("postgres", cluster.binaries + "/postgres", cluster.arguments, user: cluster.user)
        workbench.hasCluster.with { $0 = true }
        var last = Fault("database_down", stage: .database, disposition: .retry, summary: "the database can't be reached")
        for _ in 0 ..< 300 {
            do throws(Fault) {
                try await Installation.reach(first)
                return first
            } catch { last = error }
            try? await Task.sleep(for: .milliseconds(100))
        }
        throw last
    }

    /// As this login has it in this database: roles and databases may have settings of their own.
    /// - Throws: `bench_not_durable`: figures of a database that may forget are no figures.
    private static func checkDurable(_ server: PostgresConfiguration) async throws(Fault) {
        for name in ["fsync", "synchronous_commit", "full_page_writes"] {
            let value = try await Installation.setting(name, of: server)
            guard value != "off" else {
                throw Fault(
                    "bench_not_durable", stage: .configuration, disposition: .reject, summary: "the database runs with \(name) = off for \(server.user): it may forget what it has committed",
                    remedy: "Set \(name) = on, also for the role and the database (ALTER ROLE, ALTER DATABASE).")
            }
        }
    }

    /// Brings the product's own schema and its supervisor, who does the work that is measured.
    /// - Throws: `bench_not_durable` for settings of his, too.
    func migrate() async throws(Fault) -> BenchDatabase {
        let surroundings = Surroundings.current
        _ = try await Migrator.migrate(owner, try Migration.read(folder: surroundings.migrations))
        let password = Secret(SystemRandom().bytes(16).hexText)
        try await Installation.setSupervisorPassword(owner, password)
        var out = self
        out.supervisor.user = "counterfoil_supervisor"
        out.supervisor.password = password
        try await BenchDatabase.checkDurable(out.supervisor)
        return out
    }

    /// A connection string as Python's drivers want it.
    var url: String {
        let password = owner.password.map { ":" + $0.revealText() } ?? ""
        return "postgresql://\(owner.user)\(password)@/\(owner.database)?host=\(BenchDatabase.percent(owner.host))" + (owner.port.isEmpty ? "" : "&port=\(owner.port)")
    }

    /// A connection string for programs in C.
    var conninfo: String { owner.conninfo.revealText() }

    /// As a URL without the password, and the password in a file, as `serve` takes them.
    func environment(_ workbench: Workbench) throws(Fault) -> [String] {
        let secrets = try Secrets(Surroundings(variables: ["COUNTERFOIL_VAR": workbench.folder]))
        try secrets.write("bench-supervisor", supervisor.password?.revealText() ?? "")
        var url = "postgresql://\(supervisor.user)@/\(supervisor.database)?host=\(BenchDatabase.percent(supervisor.host))"
        if !supervisor.port.isEmpty { url += "&port=\(supervisor.port)" }
        return ["COUNTERFOIL_DATABASE_URL=\(url)", "COUNTERFOIL_DATABASE_PASSWORD_FILE=\(secrets.path("bench-supervisor"))", "COUNTERFOIL_VAR=\(workbench.folder)"]
    }

    private static func percent(_ text: String) -> String { text.split(separator: "/", omittingEmptySubsequences: false).joined(separator: "%2F") }
}
