-- why: the total of money at a bank is told otherwise by a ledger's readback than when it was confirmed: compared with what was kept then, it would seem changed by hand
-- locks: rows of app.postings that stand for money, while they are written
-- undo: nothing; what a posting was confirmed as is kept again at its next look

-- Without it a look compares with what was sent, as a first confirmation does.
UPDATE app.postings SET confirmed_as = NULL WHERE confirmed_as IS NOT NULL AND accepted IS NULL AND form IN ('deposit', 'payout', 'journal');
