internal import Crypto
public import Kernel
public import Postgres

/// What installing and looking after a database needs, outside any tenant.
public enum Installation {
    /// Whether the server answers.
    /// - Throws: `connection_lost`.
    public static func reach(_ server: PostgresConfiguration) async throws(Fault) { try await postgresScript(server, "SELECT 1") }

    /// Makes the database unless the server has it. `server` names another database of it.
    public static func ensureDatabase(_ name: String, on server: PostgresConfiguration) async throws(Fault) {
        let found = try await once(server) { pool throws(Fault) in try await pool.query("SELECT 1 FROM pg_database WHERE datname = \(name)").count }
        guard found == 0 else { return }
        precondition(name.utf8.allSatisfy { $0 == 95 || ($0 >= 97 && $0 <= 122) }, "a database's name is lower-case letters")
        try await postgresScript(server, "CREATE DATABASE \(name)")
    }

    /// Only the verifier travels: statements may be logged.
    public static func setSupervisorPassword(_ database: PostgresConfiguration, _ password: Secret) async throws(Fault) {
        let verifier = try scramVerifier(password: password, random: SystemRandom())
        try await postgresScript(database, "ALTER ROLE counterfoil_supervisor LOGIN PASSWORD '\(verifier)'")
    }

    /// Whether the key is one of the database's and not revoked.
    public static func knows(_ key: Secret, _ database: PostgresConfiguration) async throws(Fault) -> Bool {
        let digest = Digest.sha256(key.reveal())
        return try await once(database) { pool throws(Fault) in
            try await pool.query("SELECT 1 FROM app.api_keys WHERE digest = \(digest) AND revoked_at IS NULL").count > 0
        }
    }

    /// Version (`150018`), fsync setting, and whether the schema is there.
    public static func facts(_ database: PostgresConfiguration) async throws(Fault) -> (version: Int, fsync: String, migrated: Bool) {
        try await once(database) { pool throws(Fault) in
            let rows = try await pool.query("""
                SELECT current_setting('server_version_num')::int8 AS version, current_setting('fsync') AS fsync,
                  to_regclass('app.postings') IS NOT NULL AS migrated
                """)
            guard let row = rows.first else { return (0, "?", false) }
            return (try row.get("version"), try row.get("fsync"), try row.get("migrated"))
        }
    }

    /// Whether somebody has seen more of the database than it has. Not so before there is a schema that could tell.
    public static func isOlder(_ database: PostgresConfiguration) async throws(Fault) -> Bool {
        try await once(database) { pool throws(Fault) in
            guard try await pool.query("SELECT to_regclass('adm.lineage') IS NOT NULL AS there").first?.get("there") ?? false else { return false }
            return try await Store(pool).standing().olderSince != nil
        }
    }

    /// What the database has that only a key of the installation opens: tenants' keys (the master key), webhook secrets (the intake key). Nothing where there
    /// is no schema yet.
    public static func sealed(_ database: PostgresConfiguration) async throws(Fault) -> (byMaster: Bool, byIntake: Bool) {
        try await once(database) { pool throws(Fault) in
            let there = try await pool.query("SELECT to_regclass('app.tenants') IS NOT NULL AND to_regclass('app.connections') IS NOT NULL AS there")
            guard try there.first?.get("there") ?? false else { return (false, false) }
            let rows = try await pool.query("""
                SELECT EXISTS (SELECT FROM app.tenants WHERE wrapped_private_key IS NOT NULL) AS master,
                  EXISTS (SELECT FROM app.connections WHERE webhook_secret IS NOT NULL) AS intake
                """)
            guard let row = rows.first else { return (false, false) }
            return (try row.get("master"), try row.get("intake"))
        }
    }

    /// A pool of one for one question.
    private static func once<T: Sendable>(_ database: PostgresConfiguration, _ body: (PostgresPool) async throws(Fault) -> T) async throws(Fault) -> T {
        let pool = PostgresPool(database, size: 1)
        do throws(Fault) {
            let result = try await body(pool)
            await pool.close()
            return result
        } catch {
            await pool.close()
            throw error
        }
    }
}
