-- Orders and Scheduled Procedure Steps. Times are microseconds since 1970 in UTC.

-- id: the journal record that began the order, shifted by 20 bits, and its place within.
CREATE TABLE worklist_order (
	id         INTEGER PRIMARY KEY,
	facility   INTEGER NOT NULL,
	placer     TEXT NOT NULL,
	filler     TEXT NOT NULL,
	accession  TEXT NOT NULL,
	grp        TEXT NOT NULL,
	patient    INTEGER NOT NULL, -- key of the patient the order was placed for; 0: none was named
	patient_id TEXT NOT NULL,    -- Patient ID that is served
	status     TEXT NOT NULL,
	final      INTEGER NOT NULL,
	updated    INTEGER NOT NULL,
	content    BLOB NOT NULL,    -- JSON
	item       BLOB NOT NULL     -- Data Set, Explicit VR Little Endian, UTF-8, of an order without steps
) STRICT;
CREATE INDEX worklist_order_placer ON worklist_order (facility, placer) WHERE placer <> '';
CREATE INDEX worklist_order_filler ON worklist_order (facility, filler) WHERE filler <> '';
CREATE INDEX worklist_order_accession ON worklist_order (facility, accession) WHERE accession <> '';
CREATE INDEX worklist_order_group ON worklist_order (facility, grp) WHERE grp <> '';
CREATE INDEX worklist_order_patient ON worklist_order (patient) WHERE final = 0;
CREATE INDEX worklist_order_served ON worklist_order (facility, patient_id);
CREATE INDEX worklist_order_updated ON worklist_order (facility, updated);

-- sort: start, order and index, so that answers have an order that pages can go on in.
CREATE TABLE worklist_step (
	ord        INTEGER NOT NULL,
	idx        INTEGER NOT NULL,
	facility   INTEGER NOT NULL,
	final      INTEGER NOT NULL,
	sort       TEXT NOT NULL,
	sps        TEXT NOT NULL,
	procedure  TEXT NOT NULL,
	study      TEXT NOT NULL,
	accession  TEXT NOT NULL,
	patient_id TEXT NOT NULL, -- that is served
	step       BLOB NOT NULL, -- JSON
	item       BLOB NOT NULL, -- the worklist item: Data Set, Explicit VR Little Endian, UTF-8
	PRIMARY KEY (ord, idx)
) STRICT, WITHOUT ROWID;
CREATE INDEX worklist_step_open ON worklist_step (facility, final, sort);
CREATE INDEX worklist_step_sps ON worklist_step (facility, sps);
CREATE INDEX worklist_step_procedure ON worklist_step (facility, procedure);
CREATE INDEX worklist_step_study ON worklist_step (facility, study);
CREATE INDEX worklist_step_accession ON worklist_step (facility, accession);
CREATE INDEX worklist_step_patient ON worklist_step (facility, patient_id);
