import Kernel
import Postgres
import TestKit
import Testing

@testable import Store

@Suite("Isolation of tenants") struct IsolationTests {
    private func rows(_ pool: PostgresPool, _ sql: SQL) async throws -> [String] {
        var out: [String] = []
        for row in try await pool.query(sql) { out.append(try row.get(0)) }
        return out
    }

    @Test("every tenant table has forced row security with exactly the two-sided policy") func policies() async throws {
        try await House.with { house in
            let bare = try await rows(house.owner, """
                SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
                WHERE n.nspname IN ('app', 'adm') AND c.relkind IN ('r', 'p') AND c.relname <> 'api_keys' AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
                """)
            #expect(bare == [])
            let odd = try await rows(house.owner, """
                SELECT tablename::text FROM pg_policies WHERE 'counterfoil_worker' = ANY (roles)
                AND NOT (cmd = 'ALL' AND permissive = 'PERMISSIVE' AND qual LIKE '(tenant_id = ( SELECT app.tenant() AS tenant))' AND with_check = qual)
                """)
            #expect(odd == [])
            #expect(try await house.count("SELECT count(*) FROM pg_policies WHERE 'counterfoil_worker' = ANY (roles)") >= 20)
        }
    }

    @Test("tenant_id leads every unique index and foreign key of a tenant table") func leading() async throws {
        try await House.with { house in
            let wrong = try await rows(house.owner, """
                SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
                JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
                WHERE n.nspname = 'app' AND i.indisunique AND a.attname <> 'tenant_id'
                  AND EXISTS (SELECT FROM pg_attribute t WHERE t.attrelid = c.oid AND t.attname = 'tenant_id')
                  AND c.relname NOT IN ('api_keys') AND i.indexrelid::regclass::text NOT IN ('app.tenants_slug', 'app.connections_intake')
                """)
            #expect(wrong == [])
            let keys = try await rows(house.owner, """
                SELECT k.conname::text FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
                JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1]
                WHERE n.nspname = 'app' AND k.contype = 'f' AND a.attname <> 'tenant_id' AND c.relname NOT IN ('tenants', 'api_keys', 'idempotency_keys')
                """)
            #expect(keys == [])
        }
    }

    @Test("the worker group holds only what the tables' grants say, and PUBLIC nothing") func grants() async throws {
        try await House.with { house in
            let more = try await rows(house.owner, """
                SELECT table_name || ' ' || privilege_type FROM information_schema.role_table_grants
                WHERE grantee = 'counterfoil_worker' AND privilege_type NOT IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
                """)
            #expect(more == [])
            #expect(try await rows(house.owner, """
                SELECT table_schema || '.' || table_name FROM information_schema.role_table_grants
                WHERE grantee = 'PUBLIC' AND table_schema IN ('app', 'adm', 'public')
                """) == [])
            #expect(try await rows(house.owner, "SELECT defaclrole::text FROM pg_default_acl") == [])
            #expect(try await rows(house.owner, """
                SELECT table_name || ' ' || privilege_type FROM information_schema.role_table_grants WHERE table_name = 'audit'
                AND grantee IN ('counterfoil_worker', 'counterfoil_supervisor') AND privilege_type IN ('UPDATE', 'DELETE', 'TRUNCATE')
                """) == [])
            #expect(try await rows(house.owner, """
                SELECT rolname::text FROM pg_roles WHERE rolname LIKE 't\\_%' AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolbypassrls OR rolreplication)
                """) == [])
        }
    }

    @Test("every function that runs as its owner pins its search path and is not the public's") func definers() async throws {
        try await House.with { house in
            let loose = try await rows(house.owner, """
                SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
                WHERE n.nspname IN ('app', 'adm', 'public') AND p.prosecdef
                  AND (p.proconfig IS NULL OR NOT 'search_path=pg_catalog, pg_temp' = ANY (p.proconfig) OR has_function_privilege('public', p.oid, 'EXECUTE'))
                """)
            #expect(loose == [])
        }
    }

    /// Everything the neighbour has, as one line.
    private func checksum(_ house: House, of tenant: TenantID) async throws -> String {
        var out = ""
        let tables = try await rows(house.owner, """
            SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'app' AND c.relkind = 'r'
            AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id') ORDER BY 1
            """)
        for table in tables {
            let sums = try await rows(house.owner, """
                SELECT count(*) || ' ' || coalesce(md5(string_agg(x::text, '|' ORDER BY x::text)), '') FROM app.\(unsafe: table) x WHERE tenant_id = \(tenant)
                """)
            out += "\(table) \(sums)\n"
        }
        return out
    }

    @Test("whatever a tenant's role tries, it sees and changes nothing of another tenant") func attacks() async throws {
        try await House.with { house in
            let other = try await house.neighbour()
            _ = try await other.worker.ingest(
                [NewEvent(tenant: other.tenant, connection: other.source, topic: "t", deliveryID: "d", sealedBody: [1])], lane: .webhook)
            try await other.worker.raise(other.tenant, [AlertRow(key: "k", severity: .warning, cause: "c", remedy: "r")])
            let before = try await checksum(house, of: other.tenant)
            let id = other.tenant.description
            let attacks = [
                "SET ROLE counterfoil_supervisor", "SET ROLE counterfoil_owner", "SET SESSION AUTHORIZATION t_\(other.tenant.hex)", "SET app.tenant = '\(id)'",
                "RESET ALL", "SET row_security = off", "UPDATE app.events SET body = 'x'", "DELETE FROM app.jobs", "UPDATE app.jobs SET tenant_id = '\(id)'",
                "INSERT INTO app.jobs (tenant_id, kind, subject, lane) VALUES ('\(id)', 'post', 'x', 'webhook')",
                "INSERT INTO app.audit (tenant_id, actor, action, subject) VALUES ('\(id)', 'a', 'b', 'c')", "UPDATE app.audit SET actor = 'x'",
                "DELETE FROM app.audit", "TRUNCATE app.events", "UPDATE app.alerts SET cause = 'x'", "UPDATE app.connections SET state_reason = 'x'",
                "UPDATE app.connections SET webhook_secret = 'x'", "COPY app.events TO STDOUT", "COPY app.events TO PROGRAM 'cat'", "CREATE TABLE app.mine ()",
                "CREATE TEMP TABLE mine (x int)", "DO 'BEGIN END'", "SELECT pg_advisory_lock(4711)", "SELECT lo_creat(-1)", "ALTER TABLE app.events DISABLE ROW LEVEL SECURITY",
                "SELECT adm.open_tenant('\(id)', 'SCRAM-SHA-256$', now())", "SELECT adm.close_tenant('\(id)')", "SELECT * FROM adm.app_budgets",
                "UPDATE app.leases SET epoch = 99", "SELECT served_ms FROM app.tenant_shares", "CREATE ROLE mine", "ALTER ROLE CURRENT_USER BYPASSRLS",
                "SELECT digest FROM app.api_keys", "GRANT counterfoil_supervisor TO CURRENT_USER", "SELECT pg_read_file('/etc/passwd')", "ALTER ROLE CURRENT_USER VALID UNTIL 'infinity'",
            ]
            for attack in attacks {
                // Refused or without effect: both are right.
                _ = try? await house.worker.pool.query(SQL(stringLiteral: attack))
            }
            #expect(try await checksum(house, of: other.tenant) == before)
            let clean = PostgresPool(try await house.loginAgain(), size: 1)
            for table in ["events", "jobs", "alerts", "connections", "flows", "audit", "tenants"] {
                let seen = try await rows(clean, "SELECT count(*)::text FROM app.\(unsafe: table) WHERE tenant_id = \(other.tenant)")
                #expect(seen == ["0"], "\(table)")
            }
            await clean.close()
        }
    }

    @Test("what must be refused is refused", arguments: [
        "SET ROLE counterfoil_supervisor", "SELECT pg_advisory_lock(1)", "DO 'BEGIN END'", "CREATE TEMP TABLE mine (x int)", "TRUNCATE app.events",
        "UPDATE app.audit SET actor = 'x'", "DELETE FROM app.intents", "UPDATE app.connections SET webhook_secret = 'x'", "SELECT * FROM adm.app_budgets",
        "UPDATE app.leases SET epoch = 99", "ALTER ROLE CURRENT_USER VALID UNTIL 'infinity'", "SELECT lo_creat(-1)",
    ])
    func refused(attack: String) async throws {
        try await House.with { house in
            await #expect(throws: Fault.self) { try await house.worker.pool.query(SQL(stringLiteral: attack)) }
        }
    }

    @Test("a role of another name gets an error, not rows") func strangeName() async throws {
        try await House.with { house in
            let name = "stranger_\(SystemRandom().bytes(4).hexText)"
            try await house.owner.query("CREATE ROLE \(unsafe: name) LOGIN IN ROLE counterfoil_worker")
            var login = house.database.superuser
            login.user = name
            let pool = PostgresPool(login, size: 1)
            await #expect(throws: Fault.self) { try await pool.query("SELECT * FROM app.events") }
            await pool.close()
            try await house.owner.query("DROP ROLE \(unsafe: name)")
        }
    }

    @Test("without its policy a table shows the neighbour: the attacks above would be noticed") func guardWorks() async throws {
        try await House.with { house in
            let other = try await house.neighbour()
            try await house.owner.query("ALTER TABLE app.connections DISABLE ROW LEVEL SECURITY")
            let seen = try await rows(house.worker.pool, "SELECT count(*)::text FROM app.connections WHERE tenant_id = \(other.tenant)")
            #expect(seen == ["2"])
        }
    }
}
