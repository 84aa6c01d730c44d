-- why: suppliers and values of dimensions among references; what ledgers tell of changes in them, and postings that are looked at again for it; files beside documents
-- locks: app.ledger_references and app.jobs, exclusively, while their rows are checked once; app.connections and app.postings while their indexes are built
-- undo: drop app.attachments, app.ledger_notices, the new columns and indexes; restore the kinds of app.ledger_references (0003) and app.jobs (0008)

ALTER TABLE app.ledger_references DROP CONSTRAINT ledger_references_kind_check;
ALTER TABLE app.ledger_references ADD CONSTRAINT ledger_references_kind_check CHECK (kind IN ('party', 'vendor', 'item', 'dimension'));

ALTER TABLE app.jobs DROP CONSTRAINT jobs_kind_check;
ALTER TABLE app.jobs ADD CONSTRAINT jobs_kind_check CHECK (kind IN ('normalize', 'map', 'post', 'confirm', 'reconcile', 'sweep', 'fetch', 'chart', 'identify',
  'look', 'changes', 'attach'));

-- Of a ledger: up to when its changes are known, and when it is asked again. A connection can be source and ledger: the other watermark is the source's.
ALTER TABLE app.connections ADD COLUMN changes_watermark timestamptz;
ALTER TABLE app.connections ADD COLUMN changes_due_at timestamptz;
GRANT UPDATE (changes_watermark, changes_due_at) ON app.connections TO counterfoil_worker;
-- A webhook of the operator's app names accounts, of whichever tenant.
CREATE INDEX connections_account ON app.connections (platform, lower(account));

-- The ledger said that its copy changed, and nobody has looked since; what its copy was when it was confirmed, to compare with.
ALTER TABLE app.postings ADD COLUMN recheck_at timestamptz;
ALTER TABLE app.postings ADD COLUMN confirmed_as jsonb;
CREATE INDEX postings_recheck ON app.postings (tenant_id, flow_id, recheck_at) WHERE recheck_at IS NOT NULL;
CREATE INDEX postings_remote ON app.postings (tenant_id, ledger_id, remote_id) WHERE remote_id IS NOT NULL;

-- What ledgers told of by webhook and the worker has not taken up: one row an object, however often it changed. It only says where to look.
CREATE TABLE app.ledger_notices (
  tenant_id uuid NOT NULL,
  connection_id uuid NOT NULL,
  object text NOT NULL CHECK (length(object) BETWEEN 1 AND 200),
  remote_id text NOT NULL CHECK (length(remote_id) BETWEEN 1 AND 200),
  change text NOT NULL CHECK (change IN ('created', 'updated', 'deleted', 'voided', 'merged')),
  changed_at timestamptz,
  received_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, connection_id, object, remote_id),
  FOREIGN KEY (tenant_id, connection_id) REFERENCES app.connections (tenant_id, id)
);
SELECT adm.guard('app.ledger_notices', 'SELECT, DELETE');

-- A file beside a document in the ledger, one for each revision. `sent` is committed before the call: what became of it is looked up, not sent again.
CREATE TABLE app.attachments (
  tenant_id uuid NOT NULL,
  post_key text NOT NULL,
  revision integer NOT NULL,
  flow_id uuid NOT NULL,
  name text CHECK (length(name) BETWEEN 1 AND 200),
  digest bytea CHECK (length(digest) = 32),
  state text NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'sent', 'attached', 'refused')),
  attempt text,
  attempts integer NOT NULL DEFAULT 0,
  sent_at timestamptz,
  next_attempt_at timestamptz NOT NULL DEFAULT now(),
  remote_id text,
  fault jsonb,
  settled_at timestamptz,
  PRIMARY KEY (tenant_id, post_key, revision),
  FOREIGN KEY (tenant_id, post_key) REFERENCES app.postings (tenant_id, post_key),
  FOREIGN KEY (tenant_id, flow_id) REFERENCES app.flows (tenant_id, id),
  CHECK (state NOT IN ('sent', 'attached') OR (name IS NOT NULL AND digest IS NOT NULL AND sent_at IS NOT NULL AND attempt IS NOT NULL)),
  CHECK ((state IN ('attached', 'refused')) = (settled_at IS NOT NULL)),
  CHECK (state <> 'refused' OR fault IS NOT NULL)
);
CREATE INDEX attachments_due ON app.attachments (tenant_id, flow_id, next_attempt_at) WHERE state IN ('due', 'sent');
SELECT adm.guard('app.attachments', 'SELECT, INSERT, UPDATE');
-- What a gathered document stands for.
CREATE INDEX postings_part_of ON app.postings (tenant_id, part_of) WHERE part_of <> '';
