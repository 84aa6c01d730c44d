-- why: a schedule that can't be used, and one that was paused and forgotten, are told of: since when it is so has to be known
-- locks: app.schedules for a moment, while it gets its columns
-- undo: drop the new columns of app.schedules

ALTER TABLE app.schedules
  -- Since when it is paused.
  ADD COLUMN paused_at timestamptz,
  -- What keeps it from running, and since when; gone with its next run, rule or pause.
  ADD COLUMN fault jsonb,
  ADD COLUMN unusable_since timestamptz;
UPDATE app.schedules SET paused_at = updated_at WHERE state = 'paused';
