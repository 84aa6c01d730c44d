-- why: people sign in to the console by a name and a password of their own; who is signed in stands here, so that every control plane knows it
-- locks: nothing that exists; new tables
-- undo: drop adm.sign_in_tries, adm.sessions and adm.users; links that users made (app.consents.key_id) then lead nowhere by themselves when they end

-- Of the operator, a consultancy or a tenant, as keys are. In adm: no worker's role may as much as look into this schema.
CREATE TABLE adm.users (
  id uuid PRIMARY KEY,
  -- What is typed at the sign-in: a name or an address of e-mail, one in the whole installation.
  name text NOT NULL CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._%+@-]{0,99}$'),
  -- scrypt with its cost and salt; the password itself is nowhere.
  password text NOT NULL CHECK (password LIKE '$scrypt$%'),
  -- Both null: the operator's.
  consultancy_id uuid REFERENCES app.consultancies (id),
  tenant_id uuid REFERENCES app.tenants (tenant_id),
  scopes text[] NOT NULL CHECK (cardinality(scopes) > 0 AND scopes <@ ARRAY['read', 'write', 'admin']),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  password_set_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  signed_in_at timestamptz,
  disabled_at timestamptz,
  CONSTRAINT users_owner_check CHECK (num_nonnulls(consultancy_id, tenant_id) <= 1)
);
CREATE UNIQUE INDEX users_name ON adm.users (lower(name));
ALTER TABLE adm.users OWNER TO counterfoil_owner;
GRANT SELECT, INSERT, UPDATE ON adm.users TO counterfoil_supervisor;

-- One row for each browser that is signed in. Its cookie is not here, only the SHA-256 of it.
CREATE TABLE adm.sessions (
  digest bytea PRIMARY KEY CHECK (length(digest) = 32),
  key_id uuid REFERENCES app.api_keys (id),
  user_id uuid REFERENCES adm.users (id),
  -- Whose it is: of each only so many are open.
  consultancy_id uuid,
  tenant_id uuid,
  opened_at timestamptz NOT NULL,
  seen_at timestamptz NOT NULL,
  until timestamptz NOT NULL,
  CONSTRAINT sessions_who_check CHECK (num_nonnulls(key_id, user_id) = 1)
);
CREATE INDEX sessions_owner ON adm.sessions (tenant_id, consultancy_id, until);
CREATE INDEX sessions_user ON adm.sessions (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX sessions_until ON adm.sessions (until);
ALTER TABLE adm.sessions OWNER TO counterfoil_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON adm.sessions TO counterfoil_supervisor;

-- How often a password was wrong of late: for a name from an address, for a name, for an address. Digests: people type passwords into the wrong field.
CREATE TABLE adm.sign_in_tries (
  subject bytea PRIMARY KEY CHECK (length(subject) = 32),
  since timestamptz NOT NULL,
  tries integer NOT NULL CHECK (tries > 0)
);
CREATE INDEX sign_in_tries_since ON adm.sign_in_tries (since);
ALTER TABLE adm.sign_in_tries OWNER TO counterfoil_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON adm.sign_in_tries TO counterfoil_supervisor;
