-- why: alerts of tenants and flows that are at rest end, and what only a worker could raise again comes back with them; routes know how bad an alert was when they were told; the operator has alerts of his own
-- locks: app.alerts, app.alert_notices and app.alert_deliveries exclusively for a moment; app.tenants for a moment, while a foreign key to it goes
-- undo: drop the new columns and the index; delete alerts of the all-zero tenant and restore the foreign key and the purposes of 0010

-- Ended because its tenant or flow is at rest, not because its cause is gone.
ALTER TABLE app.alerts ADD COLUMN set_aside boolean NOT NULL DEFAULT false,
  ADD CONSTRAINT alerts_set_aside_check CHECK (NOT set_aside OR state = 'resolved');
CREATE INDEX alerts_set_aside ON app.alerts (tenant_id) WHERE set_aside;

-- The all-zero tenant is the operator, here as in alert_rules: budgets of his apps are nobody else's.
ALTER TABLE app.alerts DROP CONSTRAINT alerts_tenant_id_fkey;

-- How bad it was when the route was last told of it.
ALTER TABLE app.alert_notices ADD COLUMN severity text CHECK (severity IN ('information', 'warning', 'critical'));
UPDATE app.alert_notices n SET severity = a.severity FROM app.alerts a WHERE a.tenant_id = n.alert_tenant AND a.key = n.alert_key;

ALTER TABLE app.alert_deliveries DROP CONSTRAINT alert_deliveries_purpose_check;
ALTER TABLE app.alert_deliveries ADD CONSTRAINT alert_deliveries_purpose_check
  CHECK (purpose IN ('opened', 'worsened', 'repeated', 'refreshed', 'resolved', 'digest', 'test'));
-- One message with all that is open waits for a route at a time.
CREATE UNIQUE INDEX alert_deliveries_refresh ON app.alert_deliveries (tenant_id, route) WHERE purpose = 'refreshed' AND state = 'waiting';
