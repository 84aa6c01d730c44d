-- why: what somebody voided or changed in a ledger can be accepted: the ledger's side stands, and the difference is named in the proof
-- locks: app.postings, exclusively, for an instant: two columns without a default
-- undo: drop both columns; what was accepted is found to differ again once it is looked at

-- What the ledger had when it was found to differ, as confirmed_as is kept: what a person accepts.
ALTER TABLE app.postings ADD COLUMN shown_as jsonb;
-- The ledger's side stands beside what was sent: {"voided", "gone", "total_minor", "why", "by"}. It ends with the next write of ours.
ALTER TABLE app.postings ADD COLUMN accepted jsonb;
ALTER TABLE app.postings ADD CONSTRAINT postings_accepted_check CHECK (accepted IS NULL OR (accepted ? 'voided' AND accepted ? 'total_minor' AND sent IS NOT NULL));
