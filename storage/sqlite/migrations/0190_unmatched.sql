-- Studies with accession numbers that no order has are mismatches with order 0: a list of their own, and found again when the order comes.
ALTER TABLE worklist_mismatch ADD COLUMN accession TEXT NOT NULL DEFAULT '';
CREATE INDEX worklist_unmatched ON worklist_mismatch (facility, accession) WHERE ord = 0 AND resolved = 0;
DROP INDEX worklist_mismatch_open;
CREATE INDEX worklist_mismatch_open ON worklist_mismatch (facility, resolved, (ord = 0), id);
