-- Modality Performed Procedure Steps, what is forwarded of them, and images against orders. Times are microseconds since 1970 in UTC.
CREATE TABLE performed (
	id       INTEGER PRIMARY KEY,
	facility INTEGER NOT NULL,
	sop      TEXT NOT NULL,
	study    TEXT NOT NULL,
	updated  INTEGER NOT NULL,
	content  BLOB NOT NULL, -- JSON
	item     BLOB NOT NULL  -- Data Set, Explicit VR Little Endian, UTF-8
) STRICT;
CREATE UNIQUE INDEX performed_sop ON performed (facility, sop);
CREATE INDEX performed_study ON performed (study);

-- Which steps were performed by which.
CREATE TABLE performed_step (
	ord       INTEGER NOT NULL,
	idx       INTEGER NOT NULL,
	performed INTEGER NOT NULL,
	PRIMARY KEY (ord, idx, performed)
) STRICT, WITHOUT ROWID;

-- The queue of MPPS requests to forward: for each destination, those of one SOP Instance in the order of id.
CREATE TABLE performed_delivery (
	id          INTEGER PRIMARY KEY,
	destination TEXT NOT NULL,
	facility    INTEGER NOT NULL,
	sop         TEXT NOT NULL,
	is_set      INTEGER NOT NULL,
	syntax      TEXT NOT NULL,
	data        BLOB NOT NULL,
	attempts    INTEGER NOT NULL,
	due         INTEGER NOT NULL,
	failure     TEXT NOT NULL,
	dead        INTEGER NOT NULL
) STRICT;
CREATE INDEX performed_delivery_due ON performed_delivery (dead, due);
CREATE INDEX performed_delivery_sop ON performed_delivery (destination, facility, sop, id);

CREATE TABLE worklist_mismatch (
	id       INTEGER PRIMARY KEY, -- journal record
	facility INTEGER NOT NULL,
	study    TEXT NOT NULL,
	ord      INTEGER NOT NULL,
	resolved INTEGER NOT NULL,
	content  BLOB NOT NULL -- JSON
) STRICT;
CREATE INDEX worklist_mismatch_study ON worklist_mismatch (facility, study, ord);
CREATE INDEX worklist_mismatch_open ON worklist_mismatch (facility, resolved, id);

-- Studies that received objects and were not compared with orders since.
CREATE TABLE worklist_watch (
	facility INTEGER NOT NULL,
	study    TEXT NOT NULL,
	last     INTEGER NOT NULL,
	PRIMARY KEY (facility, study)
) STRICT, WITHOUT ROWID;
CREATE INDEX worklist_watch_last ON worklist_watch (last);

CREATE TABLE worklist_cursor (
	id  INTEGER PRIMARY KEY,
	seq INTEGER NOT NULL
) STRICT;
