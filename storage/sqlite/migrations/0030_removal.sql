-- What was deleted, or rejected by a note (IHE IOCM), and can be taken back until it is purged.

-- One row for each deletion or rejection: who, when, why, and what became of it. Rows stay.
CREATE TABLE removal (
	id             INTEGER PRIMARY KEY, -- journal record
	kind           INTEGER NOT NULL,    -- 1 deletion, 2 rejection
	facility       INTEGER NOT NULL,
	study          TEXT NOT NULL,       -- what was named; of a rejection the note
	series         TEXT NOT NULL,
	sop            TEXT NOT NULL,
	code           TEXT NOT NULL,
	reason         TEXT NOT NULL,
	source         INTEGER NOT NULL,
	at             INTEGER NOT NULL,
	again          INTEGER NOT NULL,    -- what is done with what arrives: 1 stored, 2 hidden, 3 refused
	state          INTEGER NOT NULL,    -- 1 hidden, 2 restored, 3 purged
	changed        INTEGER NOT NULL,    -- when the state was
	changed_source INTEGER NOT NULL,    -- by whom
	cause          INTEGER NOT NULL DEFAULT 0, -- the deletion of the note that took a rejection back
	named          INTEGER NOT NULL DEFAULT 0  -- SOP Instances
) STRICT;
CREATE INDEX removal_study ON removal (study, facility, kind);
CREATE INDEX removal_hidden ON removal (id) WHERE state = 1;
CREATE INDEX removal_cause ON removal (cause) WHERE cause <> 0;

-- Studies that removals speak of.
CREATE TABLE removed_study (
	id       INTEGER PRIMARY KEY,
	uid      TEXT NOT NULL,
	facility INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX removed_study_uid ON removed_study (uid, facility);

-- The SOP Instances that a removal names, whether they are stored or not.
CREATE TABLE removed_item (
	study   INTEGER NOT NULL,
	sop     TEXT NOT NULL,
	series  TEXT NOT NULL,
	removal INTEGER NOT NULL,
	PRIMARY KEY (study, sop, series, removal)
) STRICT, WITHOUT ROWID;
CREATE INDEX removed_item_removal ON removed_item (removal);

-- Where the rows of hidden instances hang: their column series is the key here, negative. So nothing that looks for
-- instances through studies and series comes across them. What a study and series is made of again is kept.
CREATE TABLE hidden_series (
	id               INTEGER PRIMARY KEY AUTOINCREMENT,
	removal          INTEGER NOT NULL,
	study            INTEGER NOT NULL,
	uid              TEXT NOT NULL,
	study_attributes BLOB NOT NULL,
	attributes       BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX hidden_series_uid ON hidden_series (study, uid, removal);
CREATE INDEX hidden_series_removal ON hidden_series (removal);
