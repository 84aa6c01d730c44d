-- why: orders stand in a ledger as orders until they are sales: a form of postings, with a schedule of its own
-- locks: app.postings and app.schedules, exclusively, while their rows are looked through once
-- undo: restore both constraints from 0003 and 0012; rows of the form must go first

ALTER TABLE app.postings DROP CONSTRAINT postings_form_check;
ALTER TABLE app.postings ADD CONSTRAINT postings_form_check CHECK (form IN ('invoice', 'credit_note', 'payment', 'refund_payment', 'sales_receipt', 'deposit',
  'summary', 'settlement', 'payout', 'journal', 'reversal', 'memo', 'bill', 'purchase_order', 'sales_order'));
ALTER TABLE app.schedules DROP CONSTRAINT schedules_subject_check;
ALTER TABLE app.schedules ADD CONSTRAINT schedules_subject_check CHECK (subject IN ('pull', 'post', 'invoice', 'credit_note', 'payment', 'refund_payment',
  'sales_receipt', 'deposit', 'summary', 'settlement', 'payout', 'journal', 'reversal', 'memo', 'bill', 'purchase_order', 'sales_order'));
