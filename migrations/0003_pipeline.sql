-- why: the way of a document from raw event to reconciled posting
-- locks: new tables only
-- undo: drop the tables

-- Deduplication outlives the bodies.
CREATE TABLE app.deliveries (
  tenant_id uuid NOT NULL,
  connection_id uuid NOT NULL,
  delivery_id text NOT NULL CHECK (length(delivery_id) BETWEEN 1 AND 200),
  received_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, connection_id, delivery_id),
  FOREIGN KEY (tenant_id, connection_id) REFERENCES app.connections (tenant_id, id)
);
SELECT adm.guard('app.deliveries', 'SELECT, INSERT');

CREATE TABLE app.events (
  tenant_id uuid NOT NULL,
  id bigint GENERATED ALWAYS AS IDENTITY,
  connection_id uuid NOT NULL,
  topic text NOT NULL,
  delivery_id text NOT NULL,
  -- Sealed for the tenant.
  body bytea NOT NULL,
  state text NOT NULL DEFAULT 'ingested' CHECK (state IN ('ingested', 'normalized', 'held', 'skipped')),
  fault jsonb,
  attempts integer NOT NULL DEFAULT 0,
  received_at timestamptz NOT NULL DEFAULT now(),
  normalized_at timestamptz,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, connection_id) REFERENCES app.connections (tenant_id, id),
  CHECK ((state = 'normalized') = (normalized_at IS NOT NULL)),
  CHECK (state <> 'held' OR fault IS NOT NULL)
);
CREATE INDEX events_ingested ON app.events (tenant_id, id) WHERE state = 'ingested';
SELECT adm.guard('app.events', 'SELECT, INSERT, UPDATE');

CREATE TABLE app.documents (
  tenant_id uuid NOT NULL,
  flow_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('sale', 'sales_order', 'invoice', 'payment', 'credit_note', 'refund', 'payout', 'deposit', 'dispute', 'bill',
    'purchase_order', 'stock_adjustment', 'register_closure', 'bank_line', 'journal', 'party', 'item')),
  source_id text NOT NULL,
  id uuid NOT NULL,
  case_id text NOT NULL,
  version bigint NOT NULL,
  happened_at timestamptz NOT NULL,
  body jsonb NOT NULL,
  state text NOT NULL DEFAULT 'normalized' CHECK (state IN ('ingested', 'normalized', 'mapped', 'cleared', 'skipped')),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, flow_id, kind, source_id),
  UNIQUE (tenant_id, id),
  FOREIGN KEY (tenant_id, flow_id) REFERENCES app.flows (tenant_id, id)
);
CREATE INDEX documents_case ON app.documents (tenant_id, flow_id, case_id);
SELECT adm.guard('app.documents', 'SELECT, INSERT, UPDATE');

-- Edits, cancellations and returns: notes on a document, never documents themselves.
CREATE TABLE app.notes (
  tenant_id uuid NOT NULL,
  flow_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('edit', 'cancellation', 'goods_return')),
  source_id text NOT NULL,
  case_id text NOT NULL,
  version bigint NOT NULL,
  happened_at timestamptz NOT NULL,
  body jsonb NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, flow_id, kind, source_id),
  FOREIGN KEY (tenant_id, flow_id) REFERENCES app.flows (tenant_id, id)
);
CREATE INDEX notes_case ON app.notes (tenant_id, flow_id, case_id);
SELECT adm.guard('app.notes', 'SELECT, INSERT, UPDATE');

-- Cases whose documents changed and must be planned again.
CREATE TABLE app.cases (
  tenant_id uuid NOT NULL,
  flow_id uuid NOT NULL,
  case_id text NOT NULL,
  dirty boolean NOT NULL DEFAULT true,
  changed_at timestamptz NOT NULL DEFAULT now(),
  planned_at timestamptz,
  fault jsonb,
  PRIMARY KEY (tenant_id, flow_id, case_id),
  FOREIGN KEY (tenant_id, flow_id) REFERENCES app.flows (tenant_id, id)
);
CREATE INDEX cases_dirty ON app.cases (tenant_id, flow_id, changed_at) WHERE dirty;
SELECT adm.guard('app.cases', 'SELECT, INSERT, UPDATE');

CREATE TABLE app.postings (
  tenant_id uuid NOT NULL,
  post_key text NOT NULL CHECK (post_key ~ '^[0-9a-hjkmnp-tv-z]{16}$'),
  flow_id uuid NOT NULL,
  ledger_id uuid NOT NULL,
  case_id text NOT NULL,
  subject text NOT NULL,
  form text NOT NULL CHECK (form IN ('invoice', 'credit_note', 'payment', 'refund_payment', 'sales_receipt', 'deposit', 'summary', 'settlement',
    'payout', 'journal', 'reversal', 'memo', 'bill', 'purchase_order')),
  generation integer NOT NULL DEFAULT 0,
  revision integer NOT NULL DEFAULT 1,
  effect text NOT NULL CHECK (effect IN ('post', 'void')),
  state text NOT NULL CHECK (state IN ('mapped', 'cleared', 'posting', 'posted', 'confirmed', 'reconciled', 'held', 'rejected', 'unknown', 'manual',
    'superseded', 'voided', 'skipped')),
  -- What ought to be there, and its digest; `sent` is what the ledger was last told.
  plan jsonb NOT NULL,
  plan_digest bytea NOT NULL,
  sent jsonb,
  sent_digest bytea,
  reference text NOT NULL,
  ledger_date date NOT NULL,
  currency text NOT NULL,
  total_minor bigint NOT NULL,
  applies_to text,
  findings jsonb NOT NULL DEFAULT '[]',
  fault jsonb,
  attempts integer NOT NULL DEFAULT 0,
  next_attempt_at timestamptz NOT NULL DEFAULT now(),
  remote_id text,
  remote_version text,
  posted_at timestamptz,
  confirmed_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, post_key),
  FOREIGN KEY (tenant_id, flow_id) REFERENCES app.flows (tenant_id, id),
  CHECK (state NOT IN ('posted', 'confirmed', 'reconciled') OR (remote_id IS NOT NULL AND posted_at IS NOT NULL)),
  CHECK (state NOT IN ('confirmed', 'reconciled') OR confirmed_at IS NOT NULL),
  CHECK (state <> 'held' OR findings <> '[]'),
  CHECK (state NOT IN ('rejected', 'unknown') OR fault IS NOT NULL)
);
CREATE INDEX postings_due ON app.postings (tenant_id, flow_id, next_attempt_at) WHERE state IN ('cleared', 'posting', 'unknown', 'posted');
CREATE INDEX postings_case ON app.postings (tenant_id, flow_id, case_id);
CREATE INDEX postings_held ON app.postings (tenant_id, flow_id) WHERE state IN ('held', 'rejected');
CREATE INDEX postings_day ON app.postings (tenant_id, flow_id, ledger_date, currency);
SELECT adm.guard('app.postings', 'SELECT, INSERT, UPDATE');

CREATE TABLE app.posting_documents (
  tenant_id uuid NOT NULL,
  post_key text NOT NULL,
  source_id text NOT NULL,
  PRIMARY KEY (tenant_id, post_key, source_id),
  FOREIGN KEY (tenant_id, post_key) REFERENCES app.postings (tenant_id, post_key)
);
CREATE INDEX posting_documents_source ON app.posting_documents (tenant_id, source_id);
SELECT adm.guard('app.posting_documents', 'SELECT, INSERT, DELETE');

-- Written and committed before a send; never dropped.
CREATE TABLE app.intents (
  tenant_id uuid NOT NULL,
  id bigint GENERATED ALWAYS AS IDENTITY,
  post_key text NOT NULL,
  revision integer NOT NULL,
  action text NOT NULL CHECK (action IN ('create', 'update', 'void')),
  attempt text NOT NULL,
  request_digest bytea NOT NULL,
  epoch bigint NOT NULL,
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'posted', 'rejected', 'unknown', 'not_sent')),
  remote_id text,
  evidence jsonb,
  written_at timestamptz NOT NULL DEFAULT now(),
  settled_at timestamptz,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, post_key) REFERENCES app.postings (tenant_id, post_key),
  CHECK ((state IN ('open', 'unknown')) = (settled_at IS NULL))
);
-- Never a second send while a first is unknown.
CREATE UNIQUE INDEX intents_unsettled ON app.intents (tenant_id, post_key) WHERE state IN ('open', 'unknown');
CREATE INDEX intents_posting ON app.intents (tenant_id, post_key, id);
SELECT adm.guard('app.intents', 'SELECT, INSERT, UPDATE');

CREATE TABLE app.ledger_charts (
  tenant_id uuid NOT NULL,
  connection_id uuid NOT NULL,
  lock_date date,
  base_currency text NOT NULL,
  currencies text[] NOT NULL,
  tax_codes text[] NOT NULL,
  accounts jsonb NOT NULL,
  read_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, connection_id),
  FOREIGN KEY (tenant_id, connection_id) REFERENCES app.connections (tenant_id, id)
);
SELECT adm.guard('app.ledger_charts', 'SELECT, INSERT, UPDATE');

-- Parties and items, found or created once.
CREATE TABLE app.ledger_references (
  tenant_id uuid NOT NULL,
  connection_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('party', 'item')),
  key text NOT NULL,
  name text NOT NULL,
  remote_id text NOT NULL,
  known_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, connection_id, kind, key),
  FOREIGN KEY (tenant_id, connection_id) REFERENCES app.connections (tenant_id, id)
);
SELECT adm.guard('app.ledger_references', 'SELECT, INSERT, UPDATE');

CREATE TABLE app.proofs (
  tenant_id uuid NOT NULL,
  flow_id uuid NOT NULL,
  day date NOT NULL,
  currency text NOT NULL,
  source_minor bigint NOT NULL,
  posted_minor bigint NOT NULL,
  open_minor bigint NOT NULL,
  unexplained_minor bigint NOT NULL,
  items jsonb NOT NULL,
  proved_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, flow_id, day, currency),
  FOREIGN KEY (tenant_id, flow_id) REFERENCES app.flows (tenant_id, id)
);
SELECT adm.guard('app.proofs', 'SELECT, INSERT, UPDATE');
