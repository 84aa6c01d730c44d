public import Kernel
public import Postgres

/// Tables of a bench's own database, and what is run on them. Nothing else uses them.
public enum BenchTables {
    public static let rows = 10_000
    public static let copiedRows = 100_000

    /// `bench_copy` and `bench_select` are full, `bench_insert` is empty.
    public static func make(_ database: PostgresConfiguration) async throws(Fault) {
        try await postgresScript(database, """
            CREATE TABLE bench_select (id bigint PRIMARY KEY, name text NOT NULL, amount numeric NOT NULL);
            INSERT INTO bench_select SELECT n, 'Stoneware mug ' || n, n / 100.0 FROM generate_series(0, \(rows - 1)) n;
            CREATE TABLE bench_insert (id bigint NOT NULL, name text NOT NULL, body bytea NOT NULL);
            CREATE TABLE bench_copy (id bigint NOT NULL, name text NOT NULL, amount numeric NOT NULL, at timestamptz NOT NULL, note text);
            INSERT INTO bench_copy SELECT n, 'Stoneware mug ' || n, n / 100.0, '2026-11-14T12:00:00Z', 'Please leave it at the back door, thank you.'
              FROM generate_series(1, \(copiedRows)) n;
            """)
        // A statement of its own: not allowed in a transaction.
        try await postgresScript(database, "VACUUM ANALYZE")
    }

    public static func select(_ id: Int64) -> SQL { "SELECT id, name, amount FROM bench_select WHERE id = \(id)" }

    public static func insert(_ ids: [Int64], _ names: [String], _ bodies: [[UInt8]]) -> SQL {
        "INSERT INTO bench_insert (id, name, body) SELECT * FROM unnest(\(ids), \(names), \(bodies))"
    }

    public static func emptyInserts() -> SQL { "TRUNCATE bench_insert" }

    /// `jobs` in `bench_queue`, the plainest queue there is.
    public static func fillQueue(_ database: PostgresConfiguration, jobs: Int) async throws(Fault) {
        try await postgresScript(database, """
            CREATE TABLE IF NOT EXISTS bench_queue (id bigint PRIMARY KEY, state text NOT NULL, payload text NOT NULL);
            CREATE INDEX IF NOT EXISTS bench_queue_state ON bench_queue (id) WHERE state = 'queued';
            TRUNCATE bench_queue;
            INSERT INTO bench_queue SELECT n, 'queued', 'connection/order' FROM generate_series(1, \(jobs)) n;
            """)
        try await postgresScript(database, "VACUUM ANALYZE bench_queue")
    }

    /// So many active client businesses of one consultancy, each with nothing but itself.
    public static func fillTenants(_ database: PostgresConfiguration, count: Int) async throws(Fault) -> [TenantID] {
        try await postgresScript(database, """
            INSERT INTO app.consultancies (id, slug, name) VALUES (gen_random_uuid(), 'bench', 'Bench');
            INSERT INTO app.tenants (tenant_id, consultancy_id, slug, name, state, public_key, wrapped_private_key)
              SELECT gen_random_uuid(), (SELECT id FROM app.consultancies LIMIT 1), 'client-' || n, 'A client', 'active', decode(repeat('07', 32), 'hex'), '\\x07'
              FROM generate_series(1, \(count)) n;
            """)
        let pool = PostgresPool(database, size: 1)
        defer { Task { await pool.close() } }
        var out: [TenantID] = []
        for row in try await pool.query("SELECT tenant_id FROM app.tenants ORDER BY tenant_id") { out.append(try row.get("tenant_id")) }
        return out
    }

    /// What intake needs of one client business: its key, and a connection whose webhooks are signed with a secret.
    public static func furnish(
        _ database: PostgresConfiguration, _ tenant: TenantID, publicKey: [UInt8], connection: ConnectionID, platform: String, sealedSecret: [UInt8]
    ) async throws(Fault) {
        let pool = PostgresPool(database, size: 1)
        do throws(Fault) {
            let consultancy: ConsultancyID = SystemRandom().identifier()
            _ = try await pool.batch([
                "INSERT INTO app.consultancies (id, slug, name) VALUES (\(consultancy), 'bench', 'Bench')",
                """
                INSERT INTO app.tenants (tenant_id, consultancy_id, slug, name, state, public_key, wrapped_private_key)
                VALUES (\(tenant), \(consultancy), 'client', 'A client', 'active', \(publicKey), \(publicKey))
                """,
                """
                INSERT INTO app.connections (tenant_id, id, slug, platform, account, state, credential, credential_version, webhook_secret)
                VALUES (\(tenant), \(connection), 'shop', \(platform), 'prairie-goods', 'live', \(publicKey), 1, \(sealedSecret))
                """,
            ])
        } catch {
            await pool.close()
            throw error
        }
        await pool.close()
    }

    /// One client business more, as the control plane makes it: its keys are the scheduler's to give.
    public static func addTenant(_ tenant: TenantID) -> SQL {
        """
        INSERT INTO app.tenants (tenant_id, consultancy_id, slug, name)
        SELECT \(tenant), id, 'bench-' || left(replace(\(tenant)::text, '-', ''), 20), 'A client' FROM app.consultancies LIMIT 1
        """
    }

    /// A job for each of them that is due in an hour: what most tenants have most of the time.
    public static func putOffJobs() -> SQL {
        "INSERT INTO app.jobs (tenant_id, kind, subject, lane, due_at) SELECT tenant_id, 'sweep', 'later', 'poll', clock_timestamp() + interval '1 hour' FROM app.tenants"
    }

    /// From now on each end of a job is told on the channel `bench_done`, when it is committed.
    public static func tellEnds(_ database: PostgresConfiguration) async throws(Fault) {
        try await postgresScript(database, """
            CREATE OR REPLACE FUNCTION bench_tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NOTIFY bench_done; RETURN NULL; END $$;
            CREATE OR REPLACE TRIGGER bench_tell AFTER DELETE ON app.jobs FOR EACH STATEMENT EXECUTE FUNCTION bench_tell();
            """)
    }

    public static func tellNoEnds() -> SQL { "DROP TRIGGER IF EXISTS bench_tell ON app.jobs" }

    public static func emptyEvents() -> SQL { "TRUNCATE app.events, app.deliveries" }
    public static func emptyJobs() -> SQL { "TRUNCATE app.jobs, app.leases, app.tenant_shares" }
    public static func countEvents() -> SQL { "SELECT count(*) AS n FROM app.events" }
    public static func checkpoint() -> SQL { "CHECKPOINT" }

    public static func copy() -> SQL { "COPY bench_copy TO STDOUT" }
}

extension Installation {
    /// Makes the database anew and empty; whoever is connected to the old one is cut off. `server` names another database of it.
    public static func reset(_ name: String, on server: PostgresConfiguration) async throws(Fault) {
        precondition(name.utf8.allSatisfy { $0 == 95 || ($0 >= 97 && $0 <= 122) }, "a database's name is lower-case letters")
        try await postgresScript(server, "DROP DATABASE IF EXISTS \(name) WITH (FORCE)")
        try await postgresScript(server, "CREATE DATABASE \(name)")
    }

    /// What a setting is for whoever logs in like this.
    public static func setting(_ name: String, of server: PostgresConfiguration) async throws(Fault) -> String {
        let pool = PostgresPool(server, size: 1)
        do throws(Fault) {
            let value: String = try await pool.query("SELECT current_setting(\(name)) AS value").first?.get("value") ?? ""
            await pool.close()
            return value
        } catch {
            await pool.close()
            throw error
        }
    }
}
