-- why: consultancies, their client businesses, legal entities, connections and flows
-- locks: new tables only
-- undo: drop the tables

CREATE TABLE app.consultancies (
  id uuid PRIMARY KEY,
  slug text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  created_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE app.consultancies OWNER TO counterfoil_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.consultancies TO counterfoil_supervisor;

CREATE TABLE app.tenants (
  tenant_id uuid PRIMARY KEY,
  consultancy_id uuid NOT NULL REFERENCES app.consultancies (id),
  slug text NOT NULL CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  state text NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'active', 'paused', 'removed')),
  -- Anyone can seal for the tenant with the public key; the private one is wrapped under the scheduler's master key.
  public_key bytea CHECK (length(public_key) = 32),
  wrapped_private_key bytea,
  weight integer NOT NULL DEFAULT 1 CHECK (weight BETWEEN 1 AND 100),
  created_at timestamptz NOT NULL DEFAULT now(),
  CHECK (state = 'new' OR (public_key IS NOT NULL AND wrapped_private_key IS NOT NULL))
);
CREATE UNIQUE INDEX tenants_slug ON app.tenants (consultancy_id, slug);
SELECT adm.guard('app.tenants', 'SELECT');

CREATE TABLE app.organisations (
  tenant_id uuid NOT NULL REFERENCES app.tenants (tenant_id),
  id uuid NOT NULL,
  slug text NOT NULL CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  country text NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
  base_currency text NOT NULL CHECK (base_currency ~ '^[A-Z]{3}$'),
  time_zone text NOT NULL,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, slug)
);
SELECT adm.guard('app.organisations', 'SELECT');

CREATE TABLE app.connections (
  tenant_id uuid NOT NULL REFERENCES app.tenants (tenant_id),
  id uuid NOT NULL,
  slug text NOT NULL CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  platform text NOT NULL,
  account text NOT NULL,
  base_url text,
  settings jsonb NOT NULL DEFAULT '{}',
  state text NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'live', 'paused', 'dead')),
  state_reason text,
  identity jsonb,
  -- Sealed for the tenant; the control plane writes it and cannot read it back.
  credential bytea,
  credential_version integer NOT NULL DEFAULT 0,
  -- The token set before the last refresh, kept until the new one has worked.
  credential_before bytea,
  -- Under the intake key, not the tenant's: signatures are checked before any tenant code runs.
  webhook_secret bytea,
  watermark timestamptz,
  swept_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, slug),
  CHECK (state <> 'live' OR credential IS NOT NULL)
);
CREATE UNIQUE INDEX connections_intake ON app.connections (id, tenant_id);
SELECT adm.guard('app.connections', 'SELECT, UPDATE (state, state_reason, identity, credential, credential_version, credential_before, watermark, swept_at, updated_at)');

-- Versions are never changed: a posted line names the version that put it where it is.
CREATE TABLE app.structures (
  tenant_id uuid NOT NULL REFERENCES app.tenants (tenant_id),
  version integer NOT NULL CHECK (version > 0),
  body jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  actor text NOT NULL,
  PRIMARY KEY (tenant_id, version)
);
SELECT adm.guard('app.structures', 'SELECT');

CREATE TABLE app.rule_sets (
  tenant_id uuid NOT NULL REFERENCES app.tenants (tenant_id),
  version integer NOT NULL CHECK (version > 0),
  body jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  actor text NOT NULL,
  PRIMARY KEY (tenant_id, version)
);
SELECT adm.guard('app.rule_sets', 'SELECT');

CREATE TABLE app.flows (
  tenant_id uuid NOT NULL REFERENCES app.tenants (tenant_id),
  id uuid NOT NULL,
  slug text NOT NULL CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  organisation_id uuid NOT NULL,
  source_id uuid NOT NULL,
  ledger_id uuid NOT NULL,
  policies jsonb NOT NULL DEFAULT '{}',
  state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused')),
  -- Nothing dated before it is posted: the books before go-live are somebody else's.
  cut_over date,
  poll_seconds integer NOT NULL DEFAULT 300 CHECK (poll_seconds BETWEEN 10 AND 86400),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, slug),
  FOREIGN KEY (tenant_id, organisation_id) REFERENCES app.organisations (tenant_id, id),
  FOREIGN KEY (tenant_id, source_id) REFERENCES app.connections (tenant_id, id),
  FOREIGN KEY (tenant_id, ledger_id) REFERENCES app.connections (tenant_id, id)
);
SELECT adm.guard('app.flows', 'SELECT');

CREATE TABLE app.api_keys (
  id uuid PRIMARY KEY,
  -- SHA-256 of the key; the key itself is shown once.
  digest bytea NOT NULL UNIQUE CHECK (length(digest) = 32),
  label text NOT NULL,
  -- NULL: the operator's own key, which sees every consultancy.
  consultancy_id uuid REFERENCES app.consultancies (id),
  -- NULL: all tenants of the consultancy.
  tenant_id uuid REFERENCES app.tenants (tenant_id),
  scopes text[] NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  revoked_at timestamptz
);
ALTER TABLE app.api_keys OWNER TO counterfoil_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.api_keys TO counterfoil_supervisor;

-- The first answer to a request that carried an idempotency key; kept for a day.
CREATE TABLE app.idempotency_keys (
  api_key_id uuid NOT NULL REFERENCES app.api_keys (id),
  key text NOT NULL CHECK (length(key) BETWEEN 1 AND 128),
  request_digest bytea NOT NULL,
  status integer,
  body bytea,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (api_key_id, key)
);
ALTER TABLE app.idempotency_keys OWNER TO counterfoil_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.idempotency_keys TO counterfoil_supervisor;
