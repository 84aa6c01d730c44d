-- why: postings that reach their ledger by a file in a person's hands: numbered batches of them, each posting in one at most, and never sent meanwhile
-- locks: app.postings and app.jobs, exclusively, while their rows are checked once; the new columns rewrite nothing
-- undo: withdraw every batch; drop the two new columns, app.batch_postings and app.batches; restore the kinds of app.jobs from 0004

-- One file each. Its bytes, and whose they are, never change.
CREATE TABLE app.batches (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  connection_id uuid NOT NULL,
  -- Counts from 1 in each connection; references within the file are made of it.
  number integer NOT NULL CHECK (number BETWEEN 1 AND 32767),
  -- The form's id and version: `journal-csv`, `generic-journal/1`.
  form text NOT NULL,
  form_version text NOT NULL,
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'handed_over', 'confirmed', 'withdrawn')),
  file_name text NOT NULL,
  media_type text NOT NULL,
  content bytea NOT NULL CHECK (octet_length(content) BETWEEN 1 AND 8388608),
  digest bytea NOT NULL CHECK (digest = sha256(content)),
  file_rows integer NOT NULL CHECK (file_rows > 0),
  -- Texts that were cut or had characters replaced, with what they were.
  notes jsonb NOT NULL DEFAULT '[]',
  downloads integer NOT NULL DEFAULT 0 CHECK (downloads >= 0),
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  handed_over_at timestamptz,
  settled_at timestamptz,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, connection_id, number),
  FOREIGN KEY (tenant_id, connection_id) REFERENCES app.connections (tenant_id, id),
  CHECK (state <> 'open' OR handed_over_at IS NULL),
  CHECK (state NOT IN ('handed_over', 'confirmed') OR handed_over_at IS NOT NULL),
  CHECK (handed_over_at IS NOT NULL OR downloads = 0),
  CHECK ((state IN ('confirmed', 'withdrawn')) = (settled_at IS NOT NULL))
);
SELECT adm.guard('app.batches', 'SELECT, UPDATE (state, settled_at)');
REVOKE DELETE ON app.batches FROM counterfoil_supervisor;

CREATE FUNCTION app.keep_batch() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF (NEW.tenant_id, NEW.id, NEW.connection_id, NEW.number, NEW.form, NEW.form_version, NEW.file_name, NEW.content, NEW.digest, NEW.file_rows, NEW.notes)
    IS DISTINCT FROM (OLD.tenant_id, OLD.id, OLD.connection_id, OLD.number, OLD.form, OLD.form_version, OLD.file_name, OLD.content, OLD.digest, OLD.file_rows, OLD.notes)
  THEN RAISE EXCEPTION 'the file of a batch never changes'; END IF;
  IF OLD.state IN ('confirmed', 'withdrawn') AND NEW.state <> OLD.state THEN RAISE EXCEPTION 'a settled batch stays settled'; END IF;
  IF OLD.state = 'handed_over' AND NEW.state = 'open' THEN RAISE EXCEPTION 'what was handed over stays handed over'; END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER batches_kept BEFORE UPDATE ON app.batches FOR EACH ROW EXECUTE FUNCTION app.keep_batch();

-- What stands in the file for each posting, and what became of it.
CREATE TABLE app.batch_postings (
  tenant_id uuid NOT NULL,
  batch_id uuid NOT NULL,
  post_key text NOT NULL,
  revision integer NOT NULL,
  -- How the file, and then the ledger, names it.
  reference text NOT NULL,
  currency text NOT NULL,
  -- The sum of its amounts in the file's column of amounts, without their signs: what a list from the ledger is compared with.
  figure_minor bigint NOT NULL CHECK (figure_minor >= 0),
  -- The connector's `find` sees it once the file is imported.
  findable boolean NOT NULL,
  state text NOT NULL DEFAULT 'in_hand' CHECK (state IN ('in_hand', 'confirmed', 'withdrawn')),
  -- What a list from the ledger showed instead, in a sentence.
  finding text,
  settled_at timestamptz,
  PRIMARY KEY (tenant_id, batch_id, post_key),
  UNIQUE (tenant_id, batch_id, reference),
  FOREIGN KEY (tenant_id, batch_id) REFERENCES app.batches (tenant_id, id),
  FOREIGN KEY (tenant_id, post_key) REFERENCES app.postings (tenant_id, post_key),
  CHECK ((state = 'in_hand') = (settled_at IS NULL))
);
-- A posting is in one batch at a time.
CREATE UNIQUE INDEX batch_postings_in_hand ON app.batch_postings (tenant_id, post_key) WHERE state = 'in_hand';
SELECT adm.guard('app.batch_postings', 'SELECT, UPDATE (state, finding, settled_at)');
REVOKE DELETE ON app.batch_postings FROM counterfoil_supervisor;

-- The batch that has it in hand. While it does, the posting is `manual`: nothing sends, plans or releases it.
ALTER TABLE app.postings ADD COLUMN batch_id uuid;
ALTER TABLE app.postings ADD CONSTRAINT postings_batch_check CHECK (batch_id IS NULL OR state = 'manual');
ALTER TABLE app.postings ADD CONSTRAINT postings_batch_fkey FOREIGN KEY (tenant_id, batch_id) REFERENCES app.batches (tenant_id, id);
-- The ledger has it by a person's word, under the file's reference: its changes go by files too.
ALTER TABLE app.postings ADD COLUMN by_hand boolean NOT NULL DEFAULT false;
CREATE INDEX postings_in_hand ON app.postings (tenant_id, batch_id) WHERE batch_id IS NOT NULL;

ALTER TABLE app.jobs DROP CONSTRAINT jobs_kind_check;
ALTER TABLE app.jobs ADD CONSTRAINT jobs_kind_check CHECK (kind IN ('normalize', 'map', 'post', 'confirm', 'reconcile', 'sweep', 'fetch', 'chart', 'identify',
  'look'));
