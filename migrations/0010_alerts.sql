-- why: alerts are acknowledged, muted, and told to people by rules and routes, and what was told is rows; a platform that is down, a spent quota and a silent source can be seen
-- locks: app.alerts exclusively while it is rewritten (a few rows a tenant); app.connections and app.budgets for a moment; events, cases and postings against writes while three small indexes are built
-- undo: drop the new tables, indexes and columns; the columns of app.alerts and its unique index last

-- One row for each group: the same cause opens the same row again.
ALTER TABLE app.alerts
  ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid(),
  -- Documents, days or calls that it is about now; NULL where only `hits` is known.
  ADD COLUMN items integer CHECK (items >= 0),
  ADD COLUMN detail jsonb NOT NULL DEFAULT '{}',
  -- Counts from 1; one more each time it opens again.
  ADD COLUMN episode integer NOT NULL DEFAULT 1 CHECK (episode > 0),
  ADD COLUMN opened_at timestamptz NOT NULL DEFAULT now(),
  ADD COLUMN acknowledged_at timestamptz,
  ADD COLUMN acknowledged_by text,
  ADD COLUMN muted_until timestamptz,
  ADD COLUMN muted_by text,
  ADD COLUMN note text,
  ADD CONSTRAINT alerts_acknowledged_check CHECK ((acknowledged_at IS NULL) = (acknowledged_by IS NULL)),
  ADD CONSTRAINT alerts_muted_check CHECK ((muted_until IS NULL) = (muted_by IS NULL));
-- Grouped anew, by flow and code: what still holds is raised under its new key within seconds.
UPDATE app.alerts SET state = 'resolved', resolved_at = clock_timestamp()
WHERE state = 'open' AND split_part(key, '/', 1) IN ('held', 'case', 'rejected', 'event', 'differs', 'fetch', 'document_quarantined');
UPDATE app.alerts SET opened_at = first_at;
CREATE UNIQUE INDEX alerts_id ON app.alerts (tenant_id, id);
CREATE INDEX alerts_open ON app.alerts (tenant_id, key) WHERE state = 'open';

-- What holds an alert open is counted every few seconds.
CREATE INDEX events_held ON app.events (tenant_id, connection_id) WHERE state = 'held';
CREATE INDEX cases_stopped ON app.cases (tenant_id, flow_id) WHERE fault IS NOT NULL;
CREATE INDEX postings_undecided ON app.postings (tenant_id, flow_id) WHERE state IN ('unknown', 'manual');

-- Since when a platform has not answered this connection.
ALTER TABLE app.connections ADD COLUMN down_since timestamptz, ADD COLUMN down_reason text;
GRANT UPDATE (down_since, down_reason) ON app.connections TO counterfoil_worker;

-- What the platform's own headers last said of a budget, and when.
ALTER TABLE app.budgets ADD COLUMN said_remaining integer, ADD COLUMN said_at timestamptz;

-- Who is told of what. The all-zero tenant is the operator: his rules are about every tenant.
CREATE TABLE app.alert_rules (
  tenant_id uuid PRIMARY KEY,
  version integer NOT NULL CHECK (version > 0),
  -- As it was written.
  body json NOT NULL,
  actor text NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
SELECT adm.guard('app.alert_rules', '');

CREATE TABLE app.alert_routes (
  tenant_id uuid NOT NULL,
  name text NOT NULL CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  kind text NOT NULL CHECK (kind IN ('email', 'webhook', 'alertmanager')),
  -- Without its secret.
  settings jsonb NOT NULL,
  -- Sealed for whoever delivers; nobody else reads it again.
  secret bytea,
  actor text NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (tenant_id, name)
);
SELECT adm.guard('app.alert_routes', '');

-- What each route was last told of each alert.
CREATE TABLE app.alert_notices (
  -- Whose route.
  tenant_id uuid NOT NULL,
  route text NOT NULL,
  alert_tenant uuid NOT NULL,
  alert_key text NOT NULL,
  told text NOT NULL CHECK (told IN ('opened', 'resolved')),
  told_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, route, alert_tenant, alert_key)
);
SELECT adm.guard('app.alert_notices', '');

-- Exactly what is sent, to whom, and what became of it. Written in the transaction that decides to send it.
CREATE TABLE app.alert_deliveries (
  -- Whose route.
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  route text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('email', 'webhook', 'alertmanager')),
  purpose text NOT NULL CHECK (purpose IN ('opened', 'repeated', 'resolved', 'digest', 'test')),
  -- A message to several receivers is a row for each; they count as one.
  part integer NOT NULL DEFAULT 0 CHECK (part >= 0),
  receiver text NOT NULL,
  subject text NOT NULL,
  body bytea NOT NULL,
  -- Ids of the alerts that it tells of.
  alerts uuid[] NOT NULL DEFAULT '{}',
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'failed', 'dropped')),
  attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  next_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  settled_at timestamptz,
  -- What the other side said last, in one line.
  outcome text,
  PRIMARY KEY (tenant_id, id),
  CHECK ((state = 'waiting') = (settled_at IS NULL))
);
CREATE INDEX alert_deliveries_due ON app.alert_deliveries (next_at) WHERE state = 'waiting';
CREATE INDEX alert_deliveries_route ON app.alert_deliveries (tenant_id, route, created_at);
SELECT adm.guard('app.alert_deliveries', '');

-- When events came, by hour: the rhythm that silence is told by.
CREATE TABLE app.source_hours (
  tenant_id uuid NOT NULL,
  connection_id uuid NOT NULL,
  hour timestamptz NOT NULL,
  events integer NOT NULL CHECK (events > 0),
  last_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, connection_id, hour),
  FOREIGN KEY (tenant_id, connection_id) REFERENCES app.connections (tenant_id, id)
);
SELECT adm.guard('app.source_hours', '');

-- How far a tenant's events are counted there.
CREATE TABLE app.source_marks (
  tenant_id uuid PRIMARY KEY REFERENCES app.tenants (tenant_id),
  last_event bigint NOT NULL
);
SELECT adm.guard('app.source_marks', '');

-- One row: who looks holds it, so that two who look at once do not both tell. `public_key` seals what only the one who delivers may read.
CREATE TABLE adm.alert_watch (
  only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
  public_key bytea CHECK (length(public_key) = 32),
  looked_at timestamptz,
  counted_at timestamptz
);
INSERT INTO adm.alert_watch DEFAULT VALUES;
ALTER TABLE adm.alert_watch OWNER TO counterfoil_owner;
GRANT SELECT, UPDATE ON adm.alert_watch TO counterfoil_supervisor;
