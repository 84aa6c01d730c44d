-- why: what sources are told is read newest first; a source that fetches its list can be rung when there is more of it
-- locks: app.reflections against writes while an index is built; a new table
-- undo: drop app.reflection_bells and the index reflections_newest

CREATE INDEX reflections_newest ON app.reflections (tenant_id, created_at);

-- Where a source that fetches its list is told that there is more, one a connection. Nothing of the list stands in what is sent: a bell that is lost is
-- made good by the next.
CREATE TABLE app.reflection_bells (
  tenant_id uuid NOT NULL,
  connection_id uuid NOT NULL,
  url text NOT NULL,
  -- Sealed for whoever delivers; nobody else reads it again.
  secret bytea NOT NULL,
  actor text NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- The last place in the list that it was rung for, and heard.
  rung_seq bigint NOT NULL DEFAULT 0 CHECK (rung_seq >= 0),
  rung_at timestamptz,
  -- Tries since then.
  attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  next_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- What the other side said last, in one line.
  outcome text,
  PRIMARY KEY (tenant_id, connection_id),
  FOREIGN KEY (tenant_id, connection_id) REFERENCES app.connections (tenant_id, id)
);
SELECT adm.guard('app.reflection_bells', '');
