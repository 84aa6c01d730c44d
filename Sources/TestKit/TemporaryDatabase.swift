internal import FoundationEssentials
internal import Glibc
public import Kernel
public import Postgres
public import Store

/// A database of a test's own, with every migration applied. It is there until the process ends.
public struct TemporaryDatabase: Sendable {
    public let name: String
    public let cluster: Cluster

    /// - Throws: `no_test_server`, the migrator's faults.
    public static func make(on cluster: Cluster? = nil) async throws -> TemporaryDatabase {
        let server = try cluster ?? Cluster.shared.get()
        let template = try await (server === (try Cluster.shared.get()) ? sharedTemplate.value : migrated(on: server))
        let name = "t_\(SystemRandom().bytes(8).hexText)"
        // A copy of a database has its tables and rights, but not the rights on the database itself.
        for statement in [
            "CREATE DATABASE \(name) TEMPLATE \(template)", "REVOKE ALL ON DATABASE \(name) FROM PUBLIC",
            "GRANT CONNECT ON DATABASE \(name) TO counterfoil_worker, counterfoil_supervisor",
        ] { try await postgresScript(server.configuration(), statement) }
        return TemporaryDatabase(name: name, cluster: server)
    }

    /// The superuser, who sees through row security: for looking, not for what is tested.
    public var superuser: PostgresConfiguration { cluster.configuration(database: name) }

    /// What the control plane and the scheduler log in as.
    public var supervisor: PostgresConfiguration { login("counterfoil_supervisor") }

    /// What a tenant's worker logs in as; opens the role first.
    public func worker(of tenant: TenantID) async throws -> PostgresConfiguration {
        let pool = PostgresPool(supervisor, size: 1)
        let verifier = "SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2FsdA==$zd6BoC1ZNqXdTgQFHVVhMYEM7E6JlVXvwXJ1tTjVbvA=:u4mJ5yZTnv6FZCZSBYMp8aTnWvlhSyTqHTBfNAhXzR0="
        let role = try await Store(pool).openRole(tenant, verifier: verifier, until: SystemClocks().now() + .seconds(3600))
        await pool.close()
        return login(role)
    }

    private func login(_ role: String) -> PostgresConfiguration {
        var out = cluster.configuration(database: name)
        out.user = role
        return out
    }

    /// The project's migrations, found beside this file.
    public static func migrations() throws(Fault) -> [Migration] {
        var folder = #filePath
        if let real = realpath(folder, nil) {
            folder = String(cString: real)
            free(real)
        }
        let root = folder.split(separator: "/").dropLast(3).joined(separator: "/")
        return try Migration.read(folder: "/\(root)/migrations")
    }

    private static let sharedTemplate = Task { try await migrated(on: try Cluster.shared.get()) }

    private static func migrated(on cluster: Cluster) async throws -> String {
        let name = "template_\(SystemRandom().bytes(4).hexText)"
        try await postgresScript(cluster.configuration(), "CREATE DATABASE \(name)")
        _ = try await Migrator.migrate(cluster.configuration(database: name), try migrations())
        return name
    }
}
