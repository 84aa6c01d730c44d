import Kernel
import Postgres
import TestKit
import Testing

@testable import Store

/// What the catalogue says: the rules that keep tenants apart are on every table, those of tomorrow included.
@Suite("Walls between tenants", .serialized, .timeLimit(.minutes(2))) struct WallTests {
    @Test("every table of tenants forces row security, with the two-sided policy for workers, or workers may not touch it") func policies() async throws {
        try await Street.with { house async throws in
            let tables = try await house.tenantTables()
            #expect(tables.count >= 24)
            let walled = try await house.texts("""
                SELECT c.relname::text FROM pg_class c JOIN pg_policies p ON p.schemaname = 'app' AND p.tablename = c.relname AND p.policyname = 'tenant'
                WHERE c.relnamespace = 'app'::regnamespace AND c.relrowsecurity AND c.relforcerowsecurity AND p.roles = ARRAY['counterfoil_worker']::name[]
                  AND p.cmd = 'ALL' AND p.permissive = 'PERMISSIVE' AND p.qual = '(tenant_id = ( SELECT app.tenant() AS tenant))'
                  AND (p.with_check = p.qual OR starts_with(p.with_check, '(' || p.qual || ' AND '))
                """)
            for table in Set(tables).subtracting(walled) {
                let open = try await house.count("""
                    SELECT (has_table_privilege('counterfoil_worker', \("app.\(table)"), 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
                      OR has_any_column_privilege('counterfoil_worker', \("app.\(table)"), 'SELECT, INSERT, UPDATE, REFERENCES'))::int::int8
                    """)
                #expect(open == 0, "workers may touch \(table), and nothing keeps its tenants apart")
            }
            #expect(Set(tables).subtracting(walled) == ["api_keys"])
            #expect(try await house.count("""
                SELECT count(*) FROM pg_policies WHERE roles && ARRAY['counterfoil_worker', 'public']::name[] AND policyname <> 'tenant'
                """) == 0, "policies are alternatives: a second one opens what the first one closes")
        }
    }

    @Test("tenant_id leads every unique index and foreign key of a tenant table") func leading() async throws {
        try await Street.with { house async throws in
            #expect(try await house.texts("""
                SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
                JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
                WHERE c.relnamespace = 'app'::regnamespace AND i.indisunique AND a.attname <> 'tenant_id' AND c.relname <> 'api_keys'
                  AND EXISTS (SELECT FROM pg_attribute t WHERE t.attrelid = c.oid AND t.attname = 'tenant_id') ORDER BY 1
                """) == ["app.connections_intake", "app.tenants_slug"])
            #expect(try await house.texts("""
                SELECT k.conname::text FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
                JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1]
                WHERE c.relnamespace = 'app'::regnamespace AND k.contype = 'f' AND a.attname <> 'tenant_id'
                  AND c.relname NOT IN ('tenants', 'api_keys', 'idempotency_keys')
                """) == [])
        }
    }

    @Test("workers hold no right beyond rows, PUBLIC none, and a tenant's role no power over the server") func grants() async throws {
        try await Street.with { house async throws in
            #expect(try await house.texts("""
                SELECT grantee || ' ' || table_name || ' ' || privilege_type FROM information_schema.role_table_grants
                WHERE table_schema IN ('app', 'adm', 'public') AND (grantee = 'PUBLIC'
                  OR (grantee = 'counterfoil_worker' AND privilege_type NOT IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')))
                """) == [])
            #expect(try await house.texts("""
                SELECT table_name || ' ' || privilege_type FROM information_schema.role_table_grants WHERE grantee = 'counterfoil_worker'
                AND table_name IN ('audit', 'deliveries') AND privilege_type NOT IN ('SELECT', 'INSERT')
                """) == [])
            #expect(try await house.texts("SELECT defaclrole::text FROM pg_default_acl") == [])
            #expect(try await house.texts("""
                SELECT rolname::text FROM pg_roles WHERE (rolname LIKE 't\\_%' OR rolname IN ('counterfoil_worker', 'counterfoil_supervisor', 'counterfoil_owner'))
                AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolbypassrls OR rolreplication)
                """) == [])
            #expect(try await house.texts("""
                SELECT g.rolname::text FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member JOIN pg_roles g ON g.oid = m.roleid WHERE r.rolname = \(house.role)
                """) == ["counterfoil_worker"])
        }
    }

    @Test("every function that runs as its owner pins its search path, is not the public's, and workers may call one of them") func definers() async throws {
        try await Street.with { house async throws in
            #expect(try await house.texts("""
                SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
                WHERE n.nspname IN ('app', 'adm', 'public') AND p.prosecdef
                  AND (p.proconfig IS NULL OR NOT 'search_path=pg_catalog, pg_temp' = ANY (p.proconfig) OR has_function_privilege('public', p.oid, 'EXECUTE'))
                """) == [])
            #expect(try await house.texts("""
                SELECT p.proname::text FROM pg_proc p WHERE p.prosecdef AND has_function_privilege('counterfoil_worker', p.oid, 'EXECUTE') ORDER BY 1
                """) == ["take_app_budget"])
        }
    }
}

@Suite("Attacks of a tenant's role", .serialized, .timeLimit(.minutes(2))) struct AttackTests {
    private func strike(_ pool: PostgresPool, _ attack: SQL) async -> String? { await faultCode { try await pool.query(attack) } }

    @Test("in every table there is, another tenant's rows cannot be seen, changed, taken, dropped or added to") func everyTable() async throws {
        try await Street.with { house async throws in
            let other = try await house.neighbour()
            try await other.fill()
            let before = try await other.everything()
            let (pool, mine, theirs) = (house.worker.pool, house.tenant, other.tenant)
            for table in try await house.tenantTables() {
                let name = "app.\(table)"
                let row = try #require(try await house.text("SELECT to_jsonb(x)::text FROM \(unsafe: name) x WHERE tenant_id = \(theirs) LIMIT 1"), "\(table) is empty")
                do { #expect(try await pool.texts("SELECT tenant_id::text FROM \(unsafe: name) WHERE tenant_id <> \(mine)") == [], "\(table)") } catch {
                    #expect((error as? Fault)?.code == "permission_denied", "\(table)")
                }
                let blind: [SQL] = [
                    "UPDATE \(unsafe: name) SET tenant_id = \(mine) WHERE tenant_id = \(theirs)", "DELETE FROM \(unsafe: name) WHERE tenant_id = \(theirs)",
                    "SELECT 1 FROM \(unsafe: name) WHERE tenant_id = \(theirs) FOR UPDATE", "SELECT 1 FROM \(unsafe: name) WHERE 1 / (tenant_id <> \(theirs))::int = 0",
                ]
                for attack in blind {
                    // Either the right is missing or no row is found; never an error that tells of a row.
                    do { #expect(try await pool.query(attack).affected == 0, "\(attack.text)") } catch {
                        #expect((error as? Fault)?.code == "permission_denied", "\(attack.text): \(error)")
                    }
                }
                let forged: SQL = """
                    INSERT INTO \(unsafe: name) OVERRIDING SYSTEM VALUE SELECT (jsonb_populate_record(NULL::\(unsafe: name), \(row)::jsonb)).*
                    """
                #expect(await strike(pool, forged) == "permission_denied", "\(table)")
                let own = try await house.count("SELECT count(*) FROM \(unsafe: name) WHERE tenant_id = \(mine)")
                let given = await strike(pool, "UPDATE \(unsafe: name) SET tenant_id = \(theirs)")
                #expect(given == "permission_denied" || (given == nil && own == 0), "\(table): nobody gives rows away")
                #expect(await strike(pool, "COPY \(unsafe: name) FROM STDIN") != nil, "\(table)")
                #expect(await strike(pool, "TRUNCATE \(unsafe: name)") == "permission_denied", "\(table)")
            }
            #expect(try await other.everything() == before)
            await other.worker.pool.close()
        }
    }

    @Test("what a tenant's role says about itself changes nothing: it is who logged in") func settings() async throws {
        try await Street.with { house async throws in
            let other = try await house.neighbour()
            let pool = PostgresPool(house.loginAgain(), size: 1)
            let attacks = [
                "SET app.tenant = '\(other.tenant)'", "SELECT set_config('app.tenant', '\(other.tenant)', false)", "SET row_security = off",
                "SET ROLE \(other.role)", "SET ROLE counterfoil_supervisor", "SET ROLE counterfoil_owner", "SET SESSION AUTHORIZATION \(other.role)",
                "SET session_replication_role = replica", "RESET ALL", "ALTER ROLE CURRENT_USER RENAME TO x", "SET search_path = pg_temp, app", "SET ROLE counterfoil_worker",
            ]
            for attack in attacks {
                // Some are refused and some are harmless: what counts is what can be seen after.
                _ = await strike(pool, SQL(stringLiteral: attack))
                do { #expect(try await pool.texts("SELECT tenant_id::text FROM app.tenants") == ["\(house.tenant)"], "\(attack)") } catch {
                    #expect((error as? Fault)?.code == "permission_denied", "\(attack): \(error)")
                    _ = await strike(pool, "RESET row_security")
                }
            }
            await pool.close()
            await other.worker.pool.close()
        }
    }

    @Test("what could disturb others or reach further is refused") func refused() async throws {
        try await Street.with { house async throws in
            let other = try await house.neighbour()
            let id = other.tenant.description
            let attacks = [
                "SET ROLE counterfoil_supervisor", "SET SESSION AUTHORIZATION \(other.role)", "SELECT pg_advisory_lock(1)", "SELECT pg_try_advisory_lock(1)",
                "SELECT lo_creat(-1)", "DO 'BEGIN END'", "CREATE TEMP TABLE mine (x int)", "CREATE TABLE app.mine (x int)", "CREATE SCHEMA mine",
                "CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
                "CREATE OR REPLACE FUNCTION app.tenant() RETURNS uuid LANGUAGE sql AS 'SELECT ''\(id)''::uuid'", "ALTER TABLE app.events DISABLE ROW LEVEL SECURITY",
                "DROP POLICY tenant ON app.events", "CREATE POLICY mine ON app.events USING (true)", "COPY app.events TO PROGRAM 'cat'", "COPY app.events TO '/tmp/x'",
                "SELECT pg_read_file('/etc/passwd')", "SELECT adm.open_tenant('\(id)', 'SCRAM-SHA-256$', now())", "SELECT adm.close_tenant('\(id)')",
                "SELECT adm.guard('app.events', '')", "SELECT * FROM adm.app_budgets", "UPDATE adm.app_budgets SET used = 0", "SELECT digest FROM app.api_keys",
                "INSERT INTO app.audit (tenant_id, actor, action, subject) VALUES (app.tenant(), 'key bookkeeping', 'a', 'b')",
                "INSERT INTO app.audit (tenant_id, id, actor, action, subject) OVERRIDING SYSTEM VALUE VALUES (app.tenant(), 1, 'worker', 'a', 'b')",
                "INSERT INTO app.audit (tenant_id, xid, actor, action, subject) VALUES (app.tenant(), '18446744073709551615', 'worker', 'a', 'b')",
                "INSERT INTO app.audit (tenant_id, at, actor, action, subject) VALUES (app.tenant(), now(), 'worker', 'a', 'b')",
                "SELECT * FROM adm.app_limits", "UPDATE adm.app_limits SET amount = 1", "SELECT * FROM adm.app_budget_users", "DELETE FROM adm.app_budget_users",
                "SELECT served_ms FROM app.tenant_shares", "UPDATE app.leases SET epoch = 99", "DELETE FROM app.intents", "UPDATE app.audit SET actor = 'x'",
                "UPDATE app.connections SET webhook_secret = 'x'", "UPDATE app.connections SET base_url = 'http://x'", "UPDATE app.tenants SET weight = 100",
                "CREATE ROLE mine", "DROP ROLE \(other.role)", "ALTER ROLE CURRENT_USER BYPASSRLS", "ALTER ROLE CURRENT_USER VALID UNTIL 'infinity'",
                "ALTER ROLE CURRENT_USER CONNECTION LIMIT 100", "ALTER ROLE \(other.role) PASSWORD 'x'", "GRANT counterfoil_supervisor TO CURRENT_USER",
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename <> CURRENT_USER", "ALTER SYSTEM SET fsync = off", "SELECT rolpassword FROM pg_authid",
                "SELECT * FROM public.counterfoil_migrations", "SELECT * FROM app.idempotency_keys", "SELECT * FROM app.consultancies",
            ]
            for attack in attacks {
                let code = await strike(house.worker.pool, SQL(stringLiteral: attack))
                #expect(code == "permission_denied", "\(attack)")
            }
            await other.worker.pool.close()
        }
    }

    @Test("neither statistics, nor plans, nor errors tell of another's rows") func whispers() async throws {
        try await House.with { house async throws in
            let other = try await house.neighbour()
            try await other.fill()
            try await house.owner.query("ANALYZE")
            let pool = house.worker.pool
            #expect(try await pool.texts("SELECT tablename::text FROM pg_stats WHERE schemaname = 'app'") == [])
            #expect(try await pool.texts("SELECT query FROM pg_stat_activity WHERE usename <> CURRENT_USER AND query NOT IN ('', '<insufficient privilege>')") == [])
            // The condition would divide by zero on a row of the other tenant, if it were tried before the policy.
            #expect(try await pool.query("SELECT 1 FROM app.connections WHERE 1 / (tenant_id <> \(other.tenant))::int > 1").isEmpty)
            // A key that the other has is as free as any: nothing is unique across tenants.
            let delivery: SQL = "INSERT INTO app.deliveries (tenant_id, connection_id, delivery_id) VALUES (\(house.tenant), \(house.source), 'd')"
            #expect(await strike(pool, delivery) == nil)
            // Another's connection is no connection, whether it exists or not.
            for connection in [other.source, SystemRandom().identifier()] {
                #expect(await strike(pool, "INSERT INTO app.deliveries (tenant_id, connection_id, delivery_id) VALUES (\(house.tenant), \(connection), 'e')")
                    == "foreign_key_violation")
            }
            await other.worker.pool.close()
        }
    }

    @Test("a role of another name gets an error, not rows") func strangeName() async throws {
        try await Street.with { house async throws in
            let name = "stranger_\(SystemRandom().bytes(4).hexText)"
            try await house.owner.query("CREATE ROLE \(unsafe: name) LOGIN IN ROLE counterfoil_worker")
            var login = house.database.superuser
            login.user = name
            let pool = PostgresPool(login, size: 1)
            #expect(await strike(pool, "SELECT * FROM app.events")?.hasPrefix("sql_22") == true)
            await pool.close()
            try await house.owner.query("DROP ROLE \(unsafe: name)")
        }
    }

    @Test("without its policy a table shows the neighbour: the attacks above would be noticed") func guardWorks() async throws {
        try await House.with { house async throws in
            let other = try await house.neighbour()
            try await house.owner.query("ALTER TABLE app.connections DISABLE ROW LEVEL SECURITY")
            #expect(try await house.worker.pool.texts("SELECT slug FROM app.connections WHERE tenant_id = \(other.tenant)").count == 2)
            await other.worker.pool.close()
        }
    }
}
