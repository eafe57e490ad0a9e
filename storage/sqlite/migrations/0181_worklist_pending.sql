-- Orders that do not tell yet what changed of their patient, and when that did: after a merge or correction of a patient with many.
CREATE TABLE worklist_pending (
	ord INTEGER PRIMARY KEY,
	at  INTEGER NOT NULL
) STRICT;
