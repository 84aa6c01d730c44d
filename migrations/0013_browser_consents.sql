-- why: a person connects a platform in a browser, by a link that works once; what comes of it waits here until the person says that it is the right account
-- locks: app.jobs and app.connections, exclusively, while their rows are checked once; a new table
-- undo: drop app.consents and connections_account_check; restore the kinds of app.jobs (0009)

ALTER TABLE app.jobs DROP CONSTRAINT jobs_kind_check;
ALTER TABLE app.jobs ADD CONSTRAINT jobs_kind_check CHECK (kind IN ('normalize', 'map', 'post', 'confirm', 'reconcile', 'sweep', 'fetch', 'chart', 'identify',
  'look', 'changes', 'attach', 'consent'));

-- One row for each link that was made, from there to the confirmed connection or to the reason why there is none.
CREATE TABLE app.consents (
  tenant_id uuid NOT NULL REFERENCES app.tenants (tenant_id),
  id uuid NOT NULL,
  connection_id uuid NOT NULL,
  -- direct: whoever asked goes on at once. invitation: the link is sent to somebody.
  kind text NOT NULL CHECK (kind IN ('direct', 'invitation')),
  -- open: the link was not used. asked: the browser is at the platform. received: the platform's answer is here. sent: its code was sent to the
  -- token endpoint, which is done once. granted: the token set is here. found: the person is asked whether it is the right account.
  state text NOT NULL DEFAULT 'open'
    CHECK (state IN ('open', 'asked', 'received', 'sent', 'granted', 'found', 'confirmed', 'failed', 'revoked', 'expired')),
  -- SHA-256 of what the link, the browser's cookie and the consent page's `state` hold.
  link_digest bytea NOT NULL CHECK (length(link_digest) = 32),
  browser_digest bytea CHECK (length(browser_digest) = 32),
  state_digest bytea CHECK (length(state_digest) = 32),
  -- Sealed for the tenant: the code verifier, the platform's answer, the token set as the connection would keep it.
  verifier bytea,
  answer bytea,
  credential bytea,
  -- What the callback said of the account.
  account text CHECK (length(account) BETWEEN 1 AND 128),
  -- The accounts that the grant reaches, as the person is shown them.
  found jsonb,
  fault jsonb,
  -- How often it was turned away: that many are written into the trail, up to a bound.
  refusals integer NOT NULL DEFAULT 0,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL,
  settled_at timestamptz,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, connection_id) REFERENCES app.connections (tenant_id, id),
  CONSTRAINT consents_settled_check CHECK ((state IN ('confirmed', 'failed', 'revoked', 'expired')) = (settled_at IS NOT NULL)),
  -- What is settled keeps nothing that could be used.
  CONSTRAINT consents_spent_check CHECK (settled_at IS NULL OR (verifier IS NULL AND answer IS NULL AND credential IS NULL)),
  CONSTRAINT consents_browser_check CHECK (state IN ('open', 'revoked', 'expired') OR browser_digest IS NOT NULL),
  CONSTRAINT consents_found_check CHECK (state <> 'found' OR (credential IS NOT NULL AND found IS NOT NULL)),
  CONSTRAINT consents_failed_check CHECK (state <> 'failed' OR fault IS NOT NULL)
);
-- Whoever comes with a link, a state or an id names no tenant. Digests of 32 random bytes need nobody to see that they differ.
CREATE INDEX consents_link ON app.consents (link_digest);
CREATE INDEX consents_state ON app.consents (state_digest) WHERE state_digest IS NOT NULL;
CREATE INDEX consents_id ON app.consents (id);
CREATE INDEX consents_connection ON app.consents (tenant_id, connection_id, created_at);
CREATE INDEX consents_unsettled ON app.consents (expires_at) WHERE settled_at IS NULL;
SELECT adm.guard('app.consents', 'SELECT, UPDATE (state, answer, verifier, credential, found, fault, settled_at)');

-- A connection of a platform whose accounts have names that nobody knows by heart learns its account by consent.
ALTER TABLE app.connections ADD CONSTRAINT connections_account_check CHECK (account <> '' OR (credential IS NULL AND state = 'new'));
