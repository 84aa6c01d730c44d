-- why: what pages, the alerts' survey and the sending of a flow look for is found by an index, however large the tables have grown; a link to connect a platform goes with the key that made it
-- locks: app.events, app.postings, app.cases and app.proofs against writes while their indexes are built: some seconds a million rows
-- undo: drop the indexes and the column of app.consents

-- What came in, and what was planned, since midnight.
CREATE INDEX events_received ON app.events (tenant_id, received_at);
CREATE INDEX postings_created ON app.postings (tenant_id, created_at);

-- What waits for its flow to send it, by form: a form whose schedule has not come yet is passed over as a whole, whatever waits for it.
CREATE INDEX postings_awaiting ON app.postings (tenant_id, flow_id, form, next_attempt_at)
  WHERE NOT let_through AND (state = 'cleared' OR (state = 'mapped' AND cleared_at IS NOT NULL));
CREATE INDEX postings_let_through ON app.postings (tenant_id, flow_id, next_attempt_at) WHERE state = 'cleared' AND let_through;

-- What is stopped, and when it was last touched: whether a flow's is still what it was is told without reading it.
CREATE INDEX postings_held_at ON app.postings (tenant_id, flow_id, updated_at) WHERE state = 'held';
CREATE INDEX postings_flagged ON app.postings (tenant_id, flow_id, updated_at) WHERE state = 'cleared' AND findings <> '[]';
CREATE INDEX postings_quarantined ON app.postings (tenant_id) WHERE state = 'held' AND fault IS NOT NULL;

-- Days that do not agree.
CREATE INDEX proofs_unexplained ON app.proofs (tenant_id) WHERE unexplained_minor <> 0;

-- Whose link it is: who revokes a key ends what was handed out with it.
ALTER TABLE app.consents ADD COLUMN key_id uuid;
CREATE INDEX consents_key ON app.consents (key_id) WHERE settled_at IS NULL;
