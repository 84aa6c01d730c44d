-- why: who may log in and what they may touch, before the first table exists
-- locks: catalogue rows only
-- undo: drop schema app, adm cascade; drop the roles

-- Roles belong to the cluster: two migrations of two databases may race here.
DO $$
DECLARE r text;
BEGIN
  FOREACH r IN ARRAY ARRAY['counterfoil_owner', 'counterfoil_worker', 'counterfoil_role_maker'] LOOP
    BEGIN
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN EXECUTE format('CREATE ROLE %I NOLOGIN', r); END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END;
  END LOOP;
  BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'counterfoil_supervisor') THEN
      CREATE ROLE counterfoil_supervisor LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE;
    END IF;
  EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
  END;
  BEGIN
    IF NOT (SELECT rolcreaterole FROM pg_roles WHERE rolname = 'counterfoil_role_maker') THEN
      ALTER ROLE counterfoil_role_maker CREATEROLE;
    END IF;
    IF current_setting('server_version_num')::int >= 160000
       AND NOT pg_has_role('counterfoil_role_maker', 'counterfoil_worker', 'member') THEN
      GRANT counterfoil_worker TO counterfoil_role_maker WITH ADMIN OPTION;
    END IF;
  EXCEPTION WHEN OTHERS THEN
    IF SQLSTATE <> 'XX000' THEN RAISE; END IF;   -- "tuple concurrently updated": another migration did it
  END;
END $$;

DO $$ BEGIN
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO counterfoil_worker, counterfoil_supervisor', current_database());
END $$;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC;

-- One space of advisory locks and large objects per database: nothing a tenant needs, everything it could disturb.
DO $$
DECLARE f regprocedure;
BEGIN
  FOR f IN SELECT oid::regprocedure FROM pg_proc
           WHERE pronamespace = 'pg_catalog'::regnamespace AND (proname ~ 'advisory' OR proname ~ '^lo_' OR proname IN ('loread', 'lowrite'))
  LOOP EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f); END LOOP;
END $$;

CREATE SCHEMA app AUTHORIZATION counterfoil_owner;
CREATE SCHEMA adm AUTHORIZATION counterfoil_owner;
GRANT USAGE ON SCHEMA app TO counterfoil_worker, counterfoil_supervisor;
GRANT USAGE ON SCHEMA adm TO counterfoil_supervisor;

-- The tenant of a session is the role that logged in; a role of another name raises, which is closed.
CREATE FUNCTION app.tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
  RETURN substr(session_user::text, 3)::uuid;

-- Opening a lease: the tenant's role with a verifier (never a password: statements are logged) that ends with the lease.
CREATE FUNCTION adm.open_tenant(t uuid, verifier text, until timestamptz) RETURNS name
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE r name := 't_' || replace(t::text, '-', '');
BEGIN
  IF verifier !~ '^SCRAM-SHA-256\$' THEN RAISE 'a SCRAM verifier, never a password'; END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN
    EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS IN ROLE counterfoil_worker', r);
  END IF;
  EXECUTE format('ALTER ROLE %I RESET ALL', r);
  EXECUTE format('ALTER ROLE %I LOGIN PASSWORD %L VALID UNTIL %L CONNECTION LIMIT 6', r, verifier, until);
  RETURN r;
END $$;

-- Closing one: no new sessions, and the old ones end. Membership in the role is what allows the second.
CREATE FUNCTION adm.close_tenant(t uuid) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE r name := 't_' || replace(t::text, '-', ''); n integer := 0;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN RETURN 0; END IF;
  EXECUTE format('ALTER ROLE %I NOLOGIN', r);
  SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) INTO n FROM pg_stat_activity WHERE usename = r;
  RETURN n;
END $$;
ALTER FUNCTION adm.open_tenant(uuid, text, timestamptz) OWNER TO counterfoil_role_maker;
ALTER FUNCTION adm.close_tenant(uuid) OWNER TO counterfoil_role_maker;
GRANT pg_signal_backend TO counterfoil_role_maker;
REVOKE EXECUTE ON FUNCTION adm.open_tenant(uuid, text, timestamptz), adm.close_tenant(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION adm.open_tenant(uuid, text, timestamptz), adm.close_tenant(uuid) TO counterfoil_supervisor;
REVOKE EXECUTE ON FUNCTION app.tenant() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.tenant() TO counterfoil_worker, counterfoil_supervisor;

-- Row-level security of a tenant table, the same words each time: forced, one policy for workers, one for the supervisor.
CREATE FUNCTION adm.guard(t regclass, grants text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s OWNER TO counterfoil_owner', t);
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', t);
  EXECUTE format('CREATE POLICY tenant ON %s TO counterfoil_worker USING (tenant_id = (SELECT app.tenant())) WITH CHECK (tenant_id = (SELECT app.tenant()))', t);
  EXECUTE format('CREATE POLICY supervisor ON %s TO counterfoil_supervisor USING (true) WITH CHECK (true)', t);
  EXECUTE format('CREATE POLICY owner ON %s TO counterfoil_owner USING (true) WITH CHECK (true)', t);
  IF grants <> '' THEN EXECUTE format('GRANT %s ON %s TO counterfoil_worker', grants, t); END IF;
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO counterfoil_supervisor', t);
  -- The planner's statistics would tell other tenants' sizes in EXPLAIN.
  EXECUTE format('ALTER TABLE %s ALTER COLUMN tenant_id SET STATISTICS 0', t);
END $$;
REVOKE EXECUTE ON FUNCTION adm.guard(regclass, text) FROM PUBLIC;
