-- why: a row is held for what it does to workers when it was alone in hand at two of their ends, not when two ends that have nothing to do with each other come within ten minutes
-- locks: app.crashes exclusively for a moment (a column with a constant default)
-- undo: drop the column

-- Rows that were alone in hand at one of the crashes in a row, as the worker names them.
ALTER TABLE app.crashes ADD COLUMN items text[] NOT NULL DEFAULT '{}';
