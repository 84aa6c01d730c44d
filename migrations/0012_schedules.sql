-- why: when a flow's source is asked and when its postings are sent, by rows that outlive every process; since when a posting waits to be sent; what of a case waits for its trigger
-- locks: app.postings for a moment while the new column is filled for what is cleared now; the new column of app.cases rewrites nothing
-- undo: drop app.schedules, the new columns of app.postings, and app.cases.waiting

-- What is not named here is done as it comes. A flow's `post` counts for every form that has no row of its own.
CREATE TABLE app.schedules (
  tenant_id uuid NOT NULL,
  flow_id uuid NOT NULL,
  subject text NOT NULL CHECK (subject IN ('pull', 'post', 'invoice', 'credit_note', 'payment', 'refund_payment', 'sales_receipt', 'deposit', 'summary',
    'settlement', 'payout', 'journal', 'reversal', 'memo', 'bill', 'purchase_order')),
  -- As it was written, and whose clock counts where that does not say.
  rule text NOT NULL CHECK (length(rule) BETWEEN 1 AND 200),
  time_zone text NOT NULL,
  state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused')),
  -- false: nobody has stated a schedule; the row is there for its pause alone, and goes with it.
  stated boolean NOT NULL DEFAULT true,
  -- NULL while it is paused, and for what is done as it comes.
  next_run_at timestamptz,
  last_run_at timestamptz,
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (tenant_id, flow_id, subject),
  FOREIGN KEY (tenant_id, flow_id) REFERENCES app.flows (tenant_id, id),
  CHECK (next_run_at IS NULL OR (state = 'active' AND rule <> 'realtime')),
  CHECK (next_run_at IS NOT NULL OR state = 'paused' OR rule = 'realtime'),
  CHECK (stated OR state = 'paused')
);
CREATE INDEX schedules_due ON app.schedules (next_run_at) WHERE next_run_at IS NOT NULL;
SELECT adm.guard('app.schedules', 'SELECT');

ALTER TABLE app.postings
  -- Since when this plan of it has passed its checks.
  ADD COLUMN cleared_at timestamptz,
  -- A run of its schedule came since then, or it has been sent: it waits for no other run, whatever else it waits for. Another plan begins anew.
  ADD COLUMN let_through boolean NOT NULL DEFAULT false,
  -- By what it is held, and since when by just that, however often it was looked at again.
  ADD COLUMN held_by text,
  ADD COLUMN held_since timestamptz;
UPDATE app.postings SET cleared_at = clock_timestamp() WHERE state = 'cleared';

-- Documents of the case that are not to be posted before something has happened that no source has told of yet.
ALTER TABLE app.cases ADD COLUMN waiting text[] NOT NULL DEFAULT '{}';
