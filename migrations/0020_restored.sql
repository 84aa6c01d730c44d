-- why: a database that was brought back to an older state is noticed, and what it may have lost is looked for before anything is sent
-- locks: app.flows for a moment (the new columns rewrite nothing)
-- undo: drop adm.lineage and adm.marks; alter table app.flows drop column restored_at, drop column restored_to

-- When `counterfoil restored` was run, and how old the state is that the database was brought back to. NULL: never.
ALTER TABLE app.flows ADD COLUMN restored_at timestamptz;
ALTER TABLE app.flows ADD COLUMN restored_to timestamptz CHECK ((restored_at IS NULL) = (restored_to IS NULL));

-- What tells this database from others: copies of it have the same until one of them is declared restored.
CREATE TABLE adm.lineage (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  id uuid NOT NULL,
  -- Somebody has seen more of it than it has.
  older_since timestamptz
);
ALTER TABLE adm.lineage OWNER TO counterfoil_owner;
GRANT SELECT, UPDATE ON adm.lineage TO counterfoil_supervisor;
-- A state from before this migration gets the same once it is migrated.
INSERT INTO adm.lineage (id) SELECT coalesce(
  (SELECT md5('lineage ' || tenant_id)::uuid FROM app.tenants ORDER BY created_at, tenant_id LIMIT 1), gen_random_uuid());

-- How far each keeper of a mark has come: only itself counts on, so nobody is overtaken.
CREATE TABLE adm.marks (
  keeper uuid PRIMARY KEY,
  mark bigint NOT NULL CHECK (mark > 0),
  at timestamptz NOT NULL
);
ALTER TABLE adm.marks OWNER TO counterfoil_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON adm.marks TO counterfoil_supervisor;
