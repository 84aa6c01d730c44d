-- why: a credential that a person gives works only once the account at its end was found to be the connection's own, also where another one worked before it
-- locks: app.connections exclusively for a moment (columns with constant defaults); app.attachments against writes while a small index is built
-- undo: drop both columns and the index

-- How often a person gave a credential, or had it dropped; what a worker renews by itself does not count.
ALTER TABLE app.connections ADD COLUMN given integer NOT NULL DEFAULT 0 CHECK (given >= 0);
-- The one of them with which the account was found to be the right one, last. NULL of all that are here already: live ones go on, and one that is paused is asked who is
-- there when it is resumed.
ALTER TABLE app.connections ADD COLUMN identified integer CHECK (identified <= given);
GRANT UPDATE (identified) ON app.connections TO counterfoil_worker;

-- Files that a ledger refused: what crashed a worker is told of.
CREATE INDEX attachments_refused ON app.attachments (tenant_id) WHERE state = 'refused';
