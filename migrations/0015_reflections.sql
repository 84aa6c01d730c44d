-- why: what a ledger shows of our documents is written back to their source, once for each state, or waits there for a person
-- locks: app.jobs, exclusively, while its rows are checked once; a new table
-- undo: drop app.reflections; restore the kinds of app.jobs (0013)

ALTER TABLE app.jobs DROP CONSTRAINT jobs_kind_check;
ALTER TABLE app.jobs ADD CONSTRAINT jobs_kind_check CHECK (kind IN ('normalize', 'map', 'post', 'confirm', 'reconcile', 'sweep', 'fetch', 'chart', 'identify',
  'look', 'changes', 'attach', 'consent', 'reflect'));

-- What a document's source is told of it, one row for each state that the ledger showed. `sent` is committed before the call: what became of it is
-- looked up, not sent again.
CREATE TABLE app.reflections (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  post_key text NOT NULL,
  -- 1, 2, … of this document.
  number integer NOT NULL CHECK (number > 0),
  flow_id uuid NOT NULL,
  -- The source.
  connection_id uuid NOT NULL,
  says jsonb NOT NULL,
  digest bytea NOT NULL CHECK (length(digest) = 32),
  -- What somebody paid on it in the ledger beside what we sent; NULL where that can't be told.
  paid_minor bigint,
  state text NOT NULL CHECK (state IN ('due', 'sent', 'told', 'kept', 'none', 'held', 'refused', 'dismissed', 'superseded')),
  -- Why a person is asked, with both sides and what each choice does.
  finding jsonb,
  attempt text,
  attempts integer NOT NULL DEFAULT 0,
  sent_at timestamptz,
  next_attempt_at timestamptz NOT NULL DEFAULT now(),
  remote_id text,
  fault jsonb,
  settled_at timestamptz,
  -- The place in the list that the source fetches.
  seq bigint,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (tenant_id, post_key, number),
  UNIQUE (tenant_id, id),
  UNIQUE (tenant_id, connection_id, seq),
  FOREIGN KEY (tenant_id, post_key) REFERENCES app.postings (tenant_id, post_key),
  FOREIGN KEY (tenant_id, flow_id) REFERENCES app.flows (tenant_id, id),
  FOREIGN KEY (tenant_id, connection_id) REFERENCES app.connections (tenant_id, id),
  CHECK (state NOT IN ('sent', 'told') OR (sent_at IS NOT NULL AND attempt IS NOT NULL)),
  CHECK ((state IN ('told', 'kept', 'none', 'refused', 'dismissed')) = (settled_at IS NOT NULL)),
  CHECK (state <> 'held' OR finding IS NOT NULL),
  CHECK (state <> 'refused' OR fault IS NOT NULL),
  CHECK ((state = 'kept') = (seq IS NOT NULL))
);
CREATE INDEX reflections_due ON app.reflections (tenant_id, flow_id, next_attempt_at) WHERE state IN ('due', 'sent');
CREATE INDEX reflections_open ON app.reflections (tenant_id, flow_id) WHERE state IN ('held', 'refused');
SELECT adm.guard('app.reflections', 'SELECT, INSERT, UPDATE');
