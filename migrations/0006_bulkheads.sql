-- why: a job that kills its tenant's worker is tried in smaller parts and then put aside, alone; seals name the rows that were changed
-- locks: a new table; app.audit_seals for a moment (a constant default rewrites nothing)
-- undo: drop table app.crashes; alter table app.audit_seals drop column marks

-- Jobs in whose midst a worker crashed or hung, since they last came to an end.
CREATE TABLE app.crashes (
  tenant_id uuid NOT NULL REFERENCES app.tenants (tenant_id),
  kind text NOT NULL,
  subject text NOT NULL,
  -- In a row.
  crashes integer NOT NULL CHECK (crashes >= 0),
  -- Rows that the job may take at once; NULL: as many as ever.
  batch integer CHECK (batch > 0),
  -- The job is left alone until then.
  quarantined_until timestamptz,
  last_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, kind, subject)
);
SELECT adm.guard('app.crashes', 'SELECT, DELETE');

-- Eight bytes of each row's digest: `audit verify` names the row, not only the seal.
ALTER TABLE app.audit_seals ADD COLUMN marks bytea NOT NULL DEFAULT '';
