-- Documents of reports (encapsulated data), numbered within their report. The bytes are a blob, which the row
-- refers to if kept; else they are made again from the message: version gives it, and ordinal says which of its encapsulated data.
CREATE TABLE lab_document (
	report  INTEGER NOT NULL, -- lab_version.first
	n       INTEGER NOT NULL, -- from 1
	version INTEGER NOT NULL, -- lab_version.id that brought it
	ordinal INTEGER NOT NULL, -- from 0
	digest  BLOB NOT NULL,
	size    INTEGER NOT NULL,
	media   TEXT NOT NULL,
	kept    INTEGER NOT NULL,
	PRIMARY KEY (report, n)
) STRICT, WITHOUT ROWID;

-- All versions of a report. The first is found by its id; that most reports have no other costs nothing here.
CREATE INDEX lab_version_first ON lab_version (first) WHERE number > 1;

-- What is found out about versions after the fact, up to lab_indexed.upto, so that taking results costs nothing for it:
-- which codes and units senders use, and how often; and which reports bear a number of an order or a specimen.
CREATE TABLE lab_code (
	facility INTEGER NOT NULL,
	sender   TEXT NOT NULL,
	code     TEXT NOT NULL,
	system   TEXT NOT NULL,
	text     TEXT NOT NULL,
	alt      TEXT NOT NULL, -- alternate code, text and system, with 0x1F between
	unit     TEXT NOT NULL, -- code, text and system of the unit, with 0x1F between
	count    INTEGER NOT NULL,
	last     INTEGER NOT NULL, -- lab_version.id
	PRIMARY KEY (facility, sender, code, system, text, alt, unit)
) STRICT, WITHOUT ROWID;

CREATE TABLE lab_number (
	facility INTEGER NOT NULL,
	number   TEXT NOT NULL,
	report   INTEGER NOT NULL, -- lab_version.first
	PRIMARY KEY (facility, number, report)
) STRICT, WITHOUT ROWID;

CREATE TABLE lab_indexed (
	id   INTEGER PRIMARY KEY CHECK (id = 1),
	upto INTEGER NOT NULL -- lab_version.id
) STRICT;
INSERT INTO lab_indexed (id, upto) VALUES (1, 0);
