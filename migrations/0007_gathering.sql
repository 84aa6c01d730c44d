-- why: documents that are planned with others in view: what their cases look at, goods that left, parts of gathered documents, proofs by account
-- locks: app.notes, app.cases, app.postings and app.proofs, exclusively, while their rows are checked once
-- undo: drop app.case_members; drop the new columns and indexes; restore the constraints from 0003 (rows of the new kinds and states must go first)

ALTER TABLE app.notes DROP CONSTRAINT notes_kind_check;
ALTER TABLE app.notes ADD CONSTRAINT notes_kind_check CHECK (kind IN ('edit', 'cancellation', 'goods_return', 'fulfilment'));

-- What the plan of a case looks at in other cases, by the source's ids: what a payout pays for.
CREATE TABLE app.case_members (
  tenant_id uuid NOT NULL,
  flow_id uuid NOT NULL,
  case_id text NOT NULL,
  member text NOT NULL,
  PRIMARY KEY (tenant_id, flow_id, case_id, member),
  FOREIGN KEY (tenant_id, flow_id) REFERENCES app.flows (tenant_id, id)
);
CREATE INDEX case_members_member ON app.case_members (tenant_id, member);
SELECT adm.guard('app.case_members', 'SELECT, INSERT, DELETE');

-- A case of gathered documents, and what gathers them; NULL: a case of the source's own documents.
ALTER TABLE app.cases ADD COLUMN gathers text CHECK (gathers IN ('day', 'payout'));

-- A part is never sent by itself: it stands in the ledger within another document. Empty until that one is planned. `sent` of a part is what
-- that document was last planned from.
ALTER TABLE app.postings ADD COLUMN part_of text;
ALTER TABLE app.postings DROP CONSTRAINT postings_state_check;
ALTER TABLE app.postings ADD CONSTRAINT postings_state_check CHECK (state IN ('mapped', 'cleared', 'posting', 'posted', 'confirmed', 'reconciled',
  'held', 'rejected', 'unknown', 'manual', 'superseded', 'voided', 'skipped', 'gathered'));
ALTER TABLE app.postings ADD CONSTRAINT postings_part_check CHECK (state <> 'gathered' OR (part_of IS NOT NULL AND remote_id IS NULL));
CREATE INDEX postings_parts ON app.postings (tenant_id, flow_id, ledger_date) WHERE part_of IS NOT NULL;

-- One proof for the flow's day ('') and one for each clearing account.
ALTER TABLE app.proofs ADD COLUMN account text NOT NULL DEFAULT '';
ALTER TABLE app.proofs DROP CONSTRAINT proofs_pkey;
ALTER TABLE app.proofs ADD PRIMARY KEY (tenant_id, flow_id, day, currency, account);
