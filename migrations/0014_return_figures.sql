-- why: what a returns system says of its returns is read again from it, so that its totals, the shop's and the books' can be compared
-- locks: none that lasts: a new table
-- undo: drop app.return_figures

-- A return as its system told it last, for as long as it is told of.
CREATE TABLE app.return_figures (
  tenant_id uuid NOT NULL,
  connection_id uuid NOT NULL,
  return_id text NOT NULL CHECK (length(return_id) BETWEEN 1 AND 200),
  state text NOT NULL CHECK (state IN ('open', 'closed', 'cancelled')),
  settled_at timestamptz NOT NULL,
  currency text NOT NULL,
  -- Given back as money, and as credit.
  money_minor bigint NOT NULL,
  credit_minor bigint NOT NULL,
  -- The shop's refunds that it names.
  refunds text[] NOT NULL,
  -- Since when it says just this, and when it was read last.
  since timestamptz NOT NULL DEFAULT clock_timestamp(),
  read_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (tenant_id, connection_id, return_id),
  FOREIGN KEY (tenant_id, connection_id) REFERENCES app.connections (tenant_id, id)
);
SELECT adm.guard('app.return_figures', 'SELECT, INSERT, UPDATE, DELETE');
