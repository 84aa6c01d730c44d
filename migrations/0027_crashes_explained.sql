-- why: an alert of workers that end badly is silent while what is at fault is being found, and over once it is held: since when a job crashes, and which ends named none
-- locks: app.crashes and app.leases exclusively for a moment
-- undo: drop both columns

-- The first of the crashes in a row.
ALTER TABLE app.crashes ADD COLUMN first_at timestamptz NOT NULL DEFAULT clock_timestamp();
-- Of the ends in a row that were not clean those that no job is blamed for: nothing but an alert of their own tells of them.
ALTER TABLE app.leases ADD COLUMN nameless integer NOT NULL DEFAULT 0 CHECK (nameless >= 0);
