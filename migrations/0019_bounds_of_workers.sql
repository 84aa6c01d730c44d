-- why: what a tenant's role may write is what its worker writes: the trail's own columns in its own name, and of the operator's budgets a part that leaves others theirs
-- locks: app.audit for a moment, while its grants and policies change
-- undo: grant INSERT on app.audit to counterfoil_worker, alter the policy tenant back to adm.guard's, restore app.take_app_budget from 0004 and drop the new tables

-- Not the number, the time and the transaction of a row: with those a worker could keep others from writing and the sealer from sealing.
REVOKE INSERT ON app.audit FROM counterfoil_worker;
GRANT INSERT (tenant_id, actor, action, subject, detail) ON app.audit TO counterfoil_worker;
ALTER POLICY tenant ON app.audit WITH CHECK (tenant_id = (SELECT app.tenant()) AND actor = 'worker');

-- What the connectors declare of the operator's app, written by the control plane when it starts: a worker's word counts only below it.
CREATE TABLE adm.app_limits (
  platform text NOT NULL,
  name text NOT NULL,
  amount integer NOT NULL CHECK (amount > 0),
  window_ms bigint NOT NULL CHECK (window_ms > 0),
  PRIMARY KEY (platform, name)
);
ALTER TABLE adm.app_limits OWNER TO counterfoil_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON adm.app_limits TO counterfoil_supervisor;

-- What each tenant's role took in the window that is on.
CREATE TABLE adm.app_budget_users (
  platform text NOT NULL,
  name text NOT NULL,
  role name NOT NULL,
  window_start timestamptz NOT NULL,
  used integer NOT NULL,
  PRIMARY KEY (platform, name, role)
);
ALTER TABLE adm.app_budget_users OWNER TO counterfoil_owner;
GRANT SELECT, UPDATE, DELETE ON adm.app_budget_users TO counterfoil_supervisor;
-- To mend a budget by hand.
GRANT UPDATE, DELETE ON adm.app_budgets TO counterfoil_supervisor;

-- As before, below what is declared, and of a window of a day or longer at most three quarters for one tenant where others took something of late. A row that somebody
-- sits on is waited for two seconds: who waits longer is taken for stuck.
CREATE OR REPLACE FUNCTION app.take_app_budget(p text, n text, amount integer, window_ms bigint, cost integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
  b adm.app_budgets; d adm.app_limits; t timestamptz := clock_timestamp(); w interval; most integer; mine integer := 0;
BEGIN
  IF cost IS NULL OR cost NOT BETWEEN 1 AND 1000 OR amount IS NULL OR window_ms IS NULL THEN RAISE 'a cost of 1 to 1000' USING ERRCODE = '22023'; END IF;
  SELECT * INTO d FROM adm.app_limits l WHERE l.platform = p AND l.name = n;
  most := least(take_app_budget.amount, d.amount);
  w := coalesce(d.window_ms, take_app_budget.window_ms) * interval '1 millisecond';
  INSERT INTO adm.app_budgets VALUES (p, n, most, coalesce(d.window_ms, take_app_budget.window_ms), t, 0) ON CONFLICT DO NOTHING;
  SELECT * INTO b FROM adm.app_budgets x WHERE x.platform = p AND x.name = n FOR UPDATE;
  IF b.window_start + w <= t THEN b.window_start := t; b.used := 0; END IF;
  IF w >= interval '1 day' THEN
    SELECT u.used INTO mine FROM adm.app_budget_users u
    WHERE u.platform = p AND u.name = n AND u.role = session_user AND u.window_start = b.window_start;
    mine := coalesce(mine, 0);
    IF mine + cost > most - most / 4 AND EXISTS (SELECT FROM adm.app_budget_users u WHERE u.platform = p AND u.name = n AND u.role <> session_user
        AND u.window_start > b.window_start - 2 * w) THEN
      RETURN greatest(1, ceil(extract(epoch FROM b.window_start + w - t) * 1000)::bigint);
    END IF;
  END IF;
  IF b.used + cost > most THEN
    UPDATE adm.app_budgets x SET window_start = b.window_start, used = b.used WHERE x.platform = p AND x.name = n;
    RETURN greatest(1, ceil(extract(epoch FROM b.window_start + w - t) * 1000)::bigint);
  END IF;
  UPDATE adm.app_budgets x SET window_start = b.window_start, used = b.used + cost, amount = most, window_ms = coalesce(d.window_ms, take_app_budget.window_ms)
  WHERE x.platform = p AND x.name = n;
  IF w >= interval '1 day' THEN
    INSERT INTO adm.app_budget_users VALUES (p, n, session_user, b.window_start, cost)
    ON CONFLICT (platform, name, role) DO UPDATE SET window_start = b.window_start, used = mine + cost;
  END IF;
  RETURN 0;
END $$;
