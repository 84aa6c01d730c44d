-- why: account structures and rules keep the order they were written in; what the trail says stays said; a tenant's role keeps no settings of its own
-- locks: app.structures and app.rule_sets, exclusively, while their few rows are rewritten
-- undo: alter the two columns back to jsonb (the order is lost again), grant what is revoked, restore adm.open_tenant from 0001

-- Where two patterns fit, the first one wins, and jsonb sorts its keys. What is stored already has lost its order; it comes back with the next
-- version that is put.
ALTER TABLE app.structures ALTER COLUMN body TYPE json USING body::json;
ALTER TABLE app.rule_sets ALTER COLUMN body TYPE json USING body::json;

-- Not even the owner, who could do so by owning them, and whom somebody might become in order to mend something else.
REVOKE UPDATE, DELETE, TRUNCATE ON app.audit, app.audit_seals FROM counterfoil_owner;
REVOKE DELETE, TRUNCATE ON app.intents FROM counterfoil_owner, counterfoil_supervisor;

-- As before, and settings that the role gave itself for this database end with its lease too: RESET ALL alone leaves those.
CREATE OR REPLACE FUNCTION adm.open_tenant(t uuid, verifier text, until timestamptz) RETURNS name
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE r name := 't_' || replace(t::text, '-', '');
BEGIN
  IF verifier !~ '^SCRAM-SHA-256\$' THEN RAISE 'a SCRAM verifier, never a password'; END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN
    EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS IN ROLE counterfoil_worker', r);
  END IF;
  EXECUTE format('ALTER ROLE %I RESET ALL', r);
  EXECUTE format('ALTER ROLE %I IN DATABASE %I RESET ALL', r, current_database());
  EXECUTE format('ALTER ROLE %I LOGIN PASSWORD %L VALID UNTIL %L CONNECTION LIMIT 6', r, verifier, until);
  RETURN r;
END $$;
