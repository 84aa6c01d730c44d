-- why: what is found late or wrong is told by what it is: a document that a look does not find, webhooks that get lost, clocks that differ
-- locks: app.postings, app.events and app.connections for a moment (columns with constant defaults); app.events against writes while an index of nothing is built
-- undo: drop the columns and the index

-- How often a marked posting was looked for in the ledger and not found: tries of posting it say nothing of that.
ALTER TABLE app.postings ADD COLUMN looks integer NOT NULL DEFAULT 0 CHECK (looks >= 0);

-- A sweep found what a webhook should have told of.
ALTER TABLE app.events ADD COLUMN missed boolean NOT NULL DEFAULT false;
CREATE INDEX events_missed ON app.events (tenant_id, connection_id, id) WHERE missed;

-- A platform's clock that differs from ours by minutes: ahead, where it is above zero.
ALTER TABLE app.connections ADD COLUMN clock_ahead_s integer;
ALTER TABLE app.connections ADD COLUMN clock_since timestamptz;
GRANT UPDATE (clock_ahead_s, clock_since) ON app.connections TO counterfoil_worker;
