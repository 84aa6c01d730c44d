-- why: due work, leases, budgets, alerts and the audit trail
-- locks: new tables only
-- undo: drop the tables

-- One row per thing to do; asking again for the same thing moves its generation, so nothing asked for while it runs is lost.
CREATE TABLE app.jobs (
  tenant_id uuid NOT NULL REFERENCES app.tenants (tenant_id),
  kind text NOT NULL CHECK (kind IN ('normalize', 'map', 'post', 'confirm', 'reconcile', 'sweep', 'fetch', 'chart', 'identify')),
  subject text NOT NULL,
  lane text NOT NULL CHECK (lane IN ('interactive', 'webhook', 'poll', 'backfill', 'audit')),
  generation bigint NOT NULL DEFAULT 1,
  due_at timestamptz NOT NULL DEFAULT now(),
  attempts integer NOT NULL DEFAULT 0,
  fault jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, kind, subject)
);
CREATE INDEX jobs_due ON app.jobs (tenant_id, due_at);
CREATE INDEX jobs_all_due ON app.jobs (due_at, tenant_id);
SELECT adm.guard('app.jobs', 'SELECT, INSERT, UPDATE, DELETE');

-- What a tenant has been given so far, for fairness: seconds of worker time over its weight.
CREATE TABLE app.tenant_shares (
  tenant_id uuid PRIMARY KEY REFERENCES app.tenants (tenant_id),
  served_ms bigint NOT NULL DEFAULT 0
);
SELECT adm.guard('app.tenant_shares', '');

CREATE TABLE app.leases (
  tenant_id uuid PRIMARY KEY REFERENCES app.tenants (tenant_id),
  epoch bigint NOT NULL,
  holder text NOT NULL,
  pid integer,
  state text NOT NULL CHECK (state IN ('held', 'free')),
  acquired_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  crashes integer NOT NULL DEFAULT 0
);
SELECT adm.guard('app.leases', 'SELECT');

-- A platform's budgets per connection, corrected by what its headers say.
CREATE TABLE app.budgets (
  tenant_id uuid NOT NULL,
  connection_id uuid NOT NULL,
  name text NOT NULL,
  amount integer NOT NULL,
  window_ms bigint NOT NULL,
  window_start timestamptz NOT NULL,
  used integer NOT NULL,
  paused_until timestamptz,
  PRIMARY KEY (tenant_id, connection_id, name),
  FOREIGN KEY (tenant_id, connection_id) REFERENCES app.connections (tenant_id, id)
);
SELECT adm.guard('app.budgets', 'SELECT, INSERT, UPDATE');

-- Budgets of the operator's app over all tenants: no tenant may see them, all may spend from them.
CREATE TABLE adm.app_budgets (
  platform text NOT NULL,
  name text NOT NULL,
  amount integer NOT NULL,
  window_ms bigint NOT NULL,
  window_start timestamptz NOT NULL,
  used integer NOT NULL,
  PRIMARY KEY (platform, name)
);
ALTER TABLE adm.app_budgets OWNER TO counterfoil_owner;
GRANT SELECT ON adm.app_budgets TO counterfoil_supervisor;

-- Takes `cost` units; returns 0, or the milliseconds until the window turns.
CREATE FUNCTION app.take_app_budget(p text, n text, amount integer, window_ms bigint, cost integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE b adm.app_budgets; t timestamptz := clock_timestamp(); w interval := window_ms * interval '1 millisecond';
BEGIN
  INSERT INTO adm.app_budgets VALUES (p, n, amount, window_ms, t, 0) ON CONFLICT DO NOTHING;
  SELECT * INTO b FROM adm.app_budgets WHERE platform = p AND name = n FOR UPDATE;
  IF b.window_start + w <= t THEN b.window_start := t; b.used := 0; END IF;
  IF b.used + cost > take_app_budget.amount THEN
    UPDATE adm.app_budgets SET window_start = b.window_start, used = b.used WHERE platform = p AND name = n;
    RETURN greatest(1, ceil(extract(epoch FROM b.window_start + w - t) * 1000)::bigint);
  END IF;
  UPDATE adm.app_budgets SET window_start = b.window_start, used = b.used + cost, amount = take_app_budget.amount WHERE platform = p AND name = n;
  RETURN 0;
END $$;
ALTER FUNCTION app.take_app_budget(text, text, integer, bigint, integer) OWNER TO counterfoil_owner;
REVOKE EXECUTE ON FUNCTION app.take_app_budget(text, text, integer, bigint, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.take_app_budget(text, text, integer, bigint, integer) TO counterfoil_worker, counterfoil_supervisor;

CREATE TABLE app.alerts (
  tenant_id uuid NOT NULL REFERENCES app.tenants (tenant_id),
  -- What groups: one alert per cause, not per document.
  key text NOT NULL,
  severity text NOT NULL CHECK (severity IN ('information', 'warning', 'critical')),
  cause text NOT NULL,
  remedy text NOT NULL,
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'resolved')),
  hits integer NOT NULL DEFAULT 1,
  first_at timestamptz NOT NULL DEFAULT now(),
  last_at timestamptz NOT NULL DEFAULT now(),
  resolved_at timestamptz,
  PRIMARY KEY (tenant_id, key)
);
SELECT adm.guard('app.alerts', 'SELECT, INSERT, UPDATE');

-- Every change has its row here in the same transaction. Insert only.
CREATE TABLE app.audit (
  tenant_id uuid NOT NULL,
  id bigint GENERATED ALWAYS AS IDENTITY,
  at timestamptz NOT NULL DEFAULT now(),
  actor text NOT NULL,
  action text NOT NULL,
  subject text NOT NULL,
  detail jsonb NOT NULL DEFAULT '{}',
  -- Identity values commit out of order; transaction ids tell the sealer which rows can no longer gain a neighbour.
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX audit_unsealed ON app.audit (tenant_id, xid, id);
CREATE INDEX audit_subject ON app.audit (tenant_id, subject, id);
SELECT adm.guard('app.audit', 'SELECT, INSERT');
REVOKE UPDATE, DELETE ON app.audit FROM counterfoil_supervisor;

-- The chain over committed audit rows; a seal covers all rows of the tenant from the last seal up to, not including, `before_xid`.
CREATE TABLE app.audit_seals (
  tenant_id uuid NOT NULL,
  number bigint NOT NULL CHECK (number > 0),
  before_xid xid8 NOT NULL,
  rows integer NOT NULL CHECK (rows > 0),
  digest bytea NOT NULL CHECK (length(digest) = 32),
  sealed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, number)
);
SELECT adm.guard('app.audit_seals', 'SELECT');
REVOKE UPDATE, DELETE ON app.audit_seals FROM counterfoil_supervisor;
