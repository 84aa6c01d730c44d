import Books
import Kernel
import Postgres
import Store
import TestKit
import Testing
import Wire

@testable import ControlPlane

@Suite("row security") struct RowSecurityTests {
    /// Tables that belong to tenants.
    private static let tables: SQL = """
        SELECT c.relname::text AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
        WHERE c.relnamespace = 'app'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY 1
        """

    private func names(_ store: Store, _ sql: SQL) async throws -> [String] { try await store.pool.query(sql).map { try $0.get("name") } }

    @Test("every table of tenants forces row security with a policy for workers and one for the supervisor, or workers may not touch it") func catalogue() async throws {
        let bench = try await Bench.make()
        let tables = try await names(bench.root, Self.tables)
        #expect(tables.count >= 23)
        for table in tables {
            let row = try #require(try await bench.root.pool.query("""
                SELECT c.relrowsecurity AS on, c.relforcerowsecurity AS forced, pg_get_userbyid(c.relowner)::text AS owner,
                  has_table_privilege('counterfoil_worker', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
                    OR has_any_column_privilege('counterfoil_worker', c.oid, 'SELECT, INSERT, UPDATE, REFERENCES') AS worker,
                  has_table_privilege('counterfoil_worker', c.oid, 'TRUNCATE, TRIGGER') AS beyond
                FROM pg_class c WHERE c.oid = \("app.\(table)")::text::regclass
                """).first)
            #expect(try row.get("owner") == "counterfoil_owner")
            #expect(try row.get("beyond") == false, "\(table)")
            guard try row.get("worker", as: Bool.self) || table != "api_keys" else { continue }
            #expect(try row.get("on") == true, "\(table)")
            #expect(try row.get("forced") == true, "\(table)")
            let policies = try await bench.root.pool.query("""
                SELECT policyname::text AS name, roles::text[] AS roles, coalesce(qual, '') AS qual, coalesce(with_check, '') AS checked, cmd, permissive
                FROM pg_policies WHERE schemaname = 'app' AND tablename = \(table)::text ORDER BY 1
                """)
            #expect(try policies.map { try $0.get("name", as: String.self) } == ["owner", "supervisor", "tenant"], "\(table)")
            let tenant = policies[2]
            #expect(try tenant.get("roles", as: [String].self) == ["counterfoil_worker"])
            #expect(try tenant.get("cmd") == "ALL")
            for member in ["qual", "checked"] { #expect(try tenant.get(member, as: String.self).contains("tenant_id = ( SELECT app.tenant() AS tenant)"), "\(table)") }
        }
    }

    @Test("tenant_id leads every primary key, unique index and foreign key of tenant data") func leading() async throws {
        let bench = try await Bench.make()
        let wrong = try await names(bench.root, """
            SELECT format('%s.%s', c.relname, i.relname) AS name FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
            JOIN pg_attribute l ON l.attrelid = c.oid AND l.attnum = x.indkey[0]
            WHERE c.relnamespace = 'app'::regnamespace AND (x.indisunique OR x.indisprimary) AND l.attname <> 'tenant_id'
              AND i.relname NOT IN ('connections_intake', 'tenants_slug') AND c.relname <> 'api_keys'
            """)
        #expect(wrong.isEmpty, "\(wrong)")
    }

    /// A row in every table, for one tenant.
    private func fill(_ bench: Bench, _ made: Furnished, _ n: Int) async throws {
        let t = made.tenant.id
        _ = try await bench.document(made, "O-1")
        let key = try await bench.posting(made, n, of: "O-1", state: "cleared")
        try await bench.chart(made)
        try await bench.root.saveReferences(t, made.ledger, [ReferenceRow(kind: "item", key: "k", name: "n", remoteID: "r")])
        try await bench.store.raise(t, [AlertRow(key: "k", severity: .warning, cause: "c", remedy: "r")])
        _ = try await bench.store.ingest([NewEvent(tenant: t, connection: made.source, topic: "t", deliveryID: "d", sealedBody: [1])], lane: .poll)
        _ = try await bench.store.acquire(t, holder: "h", seconds: 30)
        for sql: SQL in [
            "INSERT INTO app.notes VALUES (\(t), \(made.flow), 'edit', 'E-1', 'O-1', 1, now(), '{}')",
            "INSERT INTO app.intents (tenant_id, post_key, revision, action, attempt, request_digest, epoch) VALUES (\(t), \(key.text), 1, 'create', 'a', '\\x00', 1)",
            "INSERT INTO app.proofs VALUES (\(t), \(made.flow), '2026-11-14', 'USD', 0, 0, 0, 0, '[]', now())",
            "INSERT INTO app.case_members VALUES (\(t), \(made.flow), 'PO-1', 'O-1')",
            "INSERT INTO app.crashes (tenant_id, kind, subject, crashes) VALUES (\(t), 'post', 'x', 1)",
            "INSERT INTO app.tenant_shares VALUES (\(t), 5)",
            """
            INSERT INTO app.batches (tenant_id, id, connection_id, number, form, form_version, file_name, media_type, content, digest, file_rows, created_by)
            VALUES (\(t), \(t), \(made.ledger), 1, 'f', 'f/1', 'f.csv', 'text/csv', 'x', sha256('x'), 1, 'a')
            """,
            """
            INSERT INTO app.batch_postings (tenant_id, batch_id, post_key, revision, reference, currency, figure_minor, findable)
            SELECT tenant_id, \(t), post_key, 1, 'R', 'USD', 1, false FROM app.postings WHERE tenant_id = \(t) LIMIT 1
            """,
            "INSERT INTO app.ledger_notices VALUES (\(t), \(made.ledger), 'Invoice', '1', 'updated', now(), now())",
            "INSERT INTO app.attachments (tenant_id, post_key, revision, flow_id) VALUES (\(t), \(key.text), 1, \(made.flow))",
            """
            INSERT INTO app.reflections (tenant_id, post_key, number, flow_id, connection_id, says, digest, state)
            VALUES (\(t), \(key.text), 1, \(made.flow), \(made.source), '{}', sha256('x'), 'due')
            """,
            "INSERT INTO app.reflection_bells (tenant_id, connection_id, url, secret, actor) VALUES (\(t), \(made.source), 'https://a.test', 'x', 'a')",
            "INSERT INTO app.schedules (tenant_id, flow_id, subject, rule, time_zone) VALUES (\(t), \(made.flow), 'post', 'realtime', 'UTC')",
            "INSERT INTO app.alert_rules (tenant_id, version, body, actor) VALUES (\(t), 1, '{}', 'a')",
            "INSERT INTO app.alert_routes (tenant_id, name, kind, settings, actor) VALUES (\(t), 'r', 'email', '{}', 'a')",
            "INSERT INTO app.alert_notices VALUES (\(t), 'r', \(t), 'k', 'opened', now())",
            """
            INSERT INTO app.alert_deliveries (tenant_id, id, route, kind, purpose, receiver, subject, body)
            VALUES (\(t), \(t), 'r', 'email', 'opened', 'x', 's', 'x')
            """,
            "INSERT INTO app.consents (tenant_id, id, connection_id, kind, link_digest, created_by, expires_at) VALUES (\(t), \(t), \(made.ledger), 'direct', sha256(\(t.description)::text::bytea), 'a', now())",
            "INSERT INTO app.return_figures VALUES (\(t), \(made.source), 'r', 'closed', now(), 'USD', 1, 0, '{}')",
            "INSERT INTO app.source_hours VALUES (\(t), \(made.source), date_trunc('hour', now()), 1, now())",
            "INSERT INTO app.source_marks VALUES (\(t), 1)",
            "INSERT INTO app.budgets VALUES (\(t), \(made.ledger), 'minute', 1, 1000, now(), 0)",
            "INSERT INTO app.audit_seals VALUES (\(t), 1, '1', 1, decode(repeat('00', 32), 'hex'))",
        ] { _ = try await bench.root.pool.query(sql) }
    }

    /// Everything of a tenant, as one digest.
    private func picture(_ bench: Bench, _ tables: [String], _ tenant: TenantID) async throws -> [String] {
        var out: [String] = []
        for table in tables {
            let row = try await bench.root.pool.query("SELECT md5(coalesce(string_agg(x::text, '|' ORDER BY x::text), '')) AS sum, count(*) AS n FROM app.\(unsafe: table) x WHERE tenant_id = \(tenant)")
            let n: Int = try #require(row.first).get("n")
            #expect(n > 0, "\(table) has no row to protect")
            out.append(try #require(row.first).get("sum"))
        }
        return out
    }

    @Test("logged in as one tenant nothing of another can be seen, changed, deleted, added or moved, in any table") func isolation() async throws {
        let bench = try await Bench.make()
        let owner = try await bench.consultancy()
        let a = try await bench.furnished("alpha", of: owner), b = try await bench.furnished("beta", of: owner)
        try await fill(bench, a, 1)
        try await fill(bench, b, 2)
        let tables = try await names(bench.root, Self.tables).filter { $0 != "api_keys" }
        let before = try await picture(bench, tables, b.tenant.id)
        let worker = PostgresPool(try await bench.database.worker(of: a.tenant.id), size: 1)
        for table in tables {
            let (mine, theirs) = (a.tenant.id, b.tenant.id)
            // Sees nothing, or may not even ask.
            await expectNothing(worker, "SELECT 1 FROM app.\(unsafe: table) WHERE tenant_id = \(theirs)", table)
            await expectNothing(worker, "SELECT 1 FROM app.\(unsafe: table) WHERE tenant_id <> \(mine)", table)
            await expectNothing(worker, "UPDATE app.\(unsafe: table) SET tenant_id = tenant_id WHERE tenant_id = \(theirs)", table)
            await expectNothing(worker, "DELETE FROM app.\(unsafe: table) WHERE tenant_id = \(theirs)", table)
            // Writes of another tenant's rows are refused outright.
            await expectDenied(worker, "UPDATE app.\(unsafe: table) SET tenant_id = \(theirs)", table)
            await expectDenied(worker, """
                INSERT INTO app.\(unsafe: table) OVERRIDING SYSTEM VALUE
                SELECT (jsonb_populate_record(NULL::app.\(unsafe: table), to_jsonb(x) || jsonb_build_object('tenant_id', \(theirs)::uuid))).* FROM app.\(unsafe: table) x
                """, table)
            await expectDenied(worker, "TRUNCATE app.\(unsafe: table)", table)
        }
        for table in ["consultancies", "api_keys", "idempotency_keys"] { await expectDenied(worker, "SELECT 1 FROM app.\(unsafe: table)", table) }
        for table in ["app_budgets", "users", "sessions", "sign_in_tries"] { await expectDenied(worker, "SELECT 1 FROM adm.\(unsafe: table)", table) }
        await worker.close()
        #expect(try await picture(bench, tables, b.tenant.id) == before)
    }

    private func expectNothing(_ pool: PostgresPool, _ sql: SQL, _ table: String) async {
        do throws(Fault) {
            let rows = try await pool.query(sql)
            #expect(rows.count == 0 && rows.affected == 0, "\(table): \(sql)")
        } catch {
            #expect(error.code == "permission_denied", "\(table): \(error)")
        }
    }

    private func expectDenied(_ pool: PostgresPool, _ sql: SQL, _ table: String) async {
        do throws(Fault) {
            let rows = try await pool.query(sql)
            Issue.record("\(table): allowed, \(rows.affected) rows: \(sql)")
        } catch {
            #expect(error.code == "permission_denied", "\(table): \(error)")
        }
    }

    @Test("no SET, RESET or other plain statement of a worker's session reaches another tenant") func attacks() async throws {
        let bench = try await Bench.make()
        let a = try await bench.tenant("alpha"), b = try await bench.tenant("beta")
        let role = "t_\(b.id.hex)"
        let worker = PostgresPool(try await bench.database.worker(of: a.id), size: 1)
        _ = try await bench.database.worker(of: b.id)
        // Refused.
        let refused: [SQL] = [
            "SET ROLE counterfoil_supervisor", "SET ROLE counterfoil_owner", "SET ROLE counterfoil_role_maker", "SET ROLE \(unsafe: role)", "SET ROLE test",
            "SET SESSION AUTHORIZATION \(unsafe: role)", "SET SESSION AUTHORIZATION test", "SELECT set_config('role', 'counterfoil_supervisor', false)",
            "SELECT set_config('session_authorization', \(role)::text, false)", "GRANT \(unsafe: role) TO CURRENT_USER", "GRANT counterfoil_supervisor TO CURRENT_USER",
            "ALTER ROLE \(unsafe: role) PASSWORD 'x'", "CREATE ROLE accomplice", "ALTER TABLE app.tenants DISABLE ROW LEVEL SECURITY", "DROP POLICY tenant ON app.tenants",
            "CREATE POLICY mine ON app.tenants USING (true)", "ALTER TABLE app.tenants OWNER TO CURRENT_USER",
            "CREATE OR REPLACE FUNCTION app.tenant() RETURNS uuid LANGUAGE sql AS $$ SELECT NULL::uuid $$", "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$",
            "CREATE TEMP TABLE t (a int)", "CREATE SCHEMA mine", "CREATE TABLE app.mine (a int)", "CREATE VIEW app.v AS SELECT 1", "DO $$ BEGIN NULL; END $$",
            "SELECT adm.open_tenant(\(b.id), 'SCRAM-SHA-256$x', now())", "SELECT adm.close_tenant(\(b.id))", "SELECT adm.guard('app.tenants', 'SELECT')",
            "SELECT pg_advisory_lock(1)", "SELECT lo_create(0)", "SELECT pg_read_file('/etc/passwd')", "COPY app.tenants TO PROGRAM 'cat'", "SELECT rolpassword FROM pg_authid",
            "SELECT * FROM pg_shadow", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = \(role)::text", "CREATE EXTENSION dblink",
            "SECURITY LABEL ON TABLE app.tenants IS 'x'", "REASSIGN OWNED BY counterfoil_owner TO CURRENT_USER", "ALTER SYSTEM SET fsync = off",
        ]
        for sql in refused {
            do throws(Fault) {
                let rows = try await worker.query(sql)
                // Ending others' sessions finds none that it may see, which is as good.
                #expect(rows.count == 0 && sql.text.contains("pg_terminate_backend"), "allowed: \(sql)")
            } catch {
                #expect(!["database_down", "connection_lost"].contains(error.code), "\(sql): \(error)")
            }
        }
        // Allowed, and of no use.
        let useless: [SQL] = [
            "RESET ROLE", "RESET SESSION AUTHORIZATION", "SET SESSION AUTHORIZATION DEFAULT", "SET ROLE counterfoil_worker", "SET ROLE NONE",
            "SET search_path = pg_temp, public", "SELECT set_config('app.tenant', \(b.id.description), false)", "RESET ALL",
        ]
        for sql in useless {
            let seen = try await worker.transaction { tx throws(Fault) -> [TenantID] in
                do throws(Fault) { _ = try await tx.query(sql) } catch { return [a.id] }
                var out: [TenantID] = []
                for row in try await tx.query("SELECT tenant_id FROM app.tenants") { out.append(try row.get("tenant_id")) }
                return out
            }
            #expect(seen == [a.id], "\(sql)")
        }
        await #expect(throws: Fault.self) {
            try await worker.transaction { tx throws(Fault) in
                _ = try await tx.query("SET LOCAL row_security = off")
                _ = try await tx.query("SELECT * FROM app.tenants")
            }
        }
        // A function of the attacker's would see rows before the policy; there is none to be made, and the built-in ones tell nothing.
        let leak = try await worker.query("SELECT count(*) AS n FROM app.tenants WHERE length(name) > 0 AND slug LIKE '%'")
        #expect(try leak.first?.get("n", as: Int.self) == 1)
        await worker.close()
    }

    @Test("a worker's role that is no tenant sees an error, not everything") func stranger() async throws {
        let bench = try await Bench.make()
        _ = try await bench.tenant()
        let role = "stranger_\(SystemRandom().bytes(4).hexText)"
        try await postgresScript(bench.database.superuser, "CREATE ROLE \(role) LOGIN IN ROLE counterfoil_worker")
        var login = bench.database.superuser
        login.user = role
        let pool = PostgresPool(login, size: 1)
        await #expect(throws: Fault.self) { try await pool.query("SELECT * FROM app.tenants") }
        await pool.close()
    }

    @Test("not even the supervisor changes the audit trail") func audit() async throws {
        let bench = try await Bench.make()
        _ = try await bench.tenant()
        for sql: SQL in ["UPDATE app.audit SET actor = 'x'", "DELETE FROM app.audit", "TRUNCATE app.audit", "DELETE FROM app.audit_seals"] {
            await expectDenied(bench.store.pool, sql, "audit")
        }
        #expect(try await bench.count("SELECT count(*) FROM app.audit") > 0)
    }
}
