-- Studies, series, instances, shared blobs, quarantine, events, segments.
-- Times are microseconds since 1970 in UTC. Keys follow the order of arrival.

-- Names this file: random, made once.
CREATE TABLE generation (
	id    INTEGER PRIMARY KEY CHECK (id = 1),
	value BLOB NOT NULL
) STRICT;

CREATE TABLE facility (
	id   INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE source (
	id       INTEGER PRIMARY KEY,
	protocol TEXT NOT NULL,
	peer     TEXT NOT NULL,
	address  TEXT NOT NULL,
	UNIQUE (protocol, peer, address)
) STRICT;

CREATE TABLE segment (
	id     INTEGER PRIMARY KEY,
	bulk   INTEGER NOT NULL,
	synced INTEGER NOT NULL,
	sealed INTEGER NOT NULL,
	next   INTEGER NOT NULL
) STRICT;

-- chain is SHA-256 over the previous chain, seq, type, facility, time and
-- digest; digest is SHA-256 over salt and payload. Payload and salt may be erased.
CREATE TABLE event (
	seq      INTEGER PRIMARY KEY,
	time     INTEGER NOT NULL,
	type     TEXT NOT NULL,
	facility TEXT NOT NULL,
	payload  BLOB,
	salt     BLOB,
	digest   BLOB NOT NULL,
	chain    BLOB NOT NULL
) STRICT;

-- The columns between modalities and attributes are what searches are narrowed
-- by; answers are made from attributes: Explicit VR Little Endian, UTF-8.
CREATE TABLE study (
	id          INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again: counts are applied at the end of a group
	facility    INTEGER NOT NULL,
	uid         TEXT NOT NULL,
	series      INTEGER NOT NULL DEFAULT 0, -- number of them
	instances   INTEGER NOT NULL DEFAULT 0,
	modalities  TEXT NOT NULL DEFAULT '',   -- sorted, "\CT\SR\": each between backslashes
	date        TEXT NOT NULL,              -- YYYYMMDD or empty
	patient     TEXT NOT NULL,              -- Patient ID
	name        TEXT NOT NULL,              -- Patient's Name: its component groups folded, joined by =
	birth       TEXT NOT NULL,
	accession   TEXT NOT NULL,
	study_id    TEXT NOT NULL,
	referring   TEXT NOT NULL,              -- folded
	description TEXT NOT NULL,
	attributes  BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX study_uid ON study (uid, facility);
-- Pages in the order of answers; names are there to be filtered without a look at the row.
CREATE INDEX study_date ON study (date DESC, uid, facility, name);
CREATE INDEX study_facility ON study (facility, date DESC, uid, name);
CREATE INDEX study_patient ON study (patient, date DESC, uid, facility);
CREATE INDEX study_name ON study (name);
CREATE INDEX study_accession ON study (accession) WHERE accession <> '';

-- Further component groups of names that have several, so that each can be
-- searched by its beginning.
CREATE TABLE study_group (
	name  TEXT NOT NULL,
	study INTEGER NOT NULL,
	PRIMARY KEY (name, study)
) STRICT, WITHOUT ROWID;
CREATE INDEX study_group_study ON study_group (study);

CREATE TABLE series (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	study      INTEGER NOT NULL,
	uid        TEXT NOT NULL,
	number     INTEGER NOT NULL, -- 2147483648, one more than IS allows, if there is none
	modality   TEXT NOT NULL,
	instances  INTEGER NOT NULL DEFAULT 0,
	attributes BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX series_uid ON series (uid, study);
CREATE INDEX series_order ON series (study, number, uid);

CREATE TABLE instance (
	id            INTEGER PRIMARY KEY,
	series        INTEGER NOT NULL,
	sop           TEXT NOT NULL,
	version       INTEGER NOT NULL,
	served        INTEGER NOT NULL,
	number        INTEGER NOT NULL, -- as in series
	digest        BLOB NOT NULL,
	attributes    BLOB NOT NULL,
	manifest      BLOB NOT NULL,
	blob          INTEGER, -- row of the first bulk value
	head_segment  INTEGER NOT NULL,
	head_offset   INTEGER NOT NULL,
	head_length   INTEGER NOT NULL,
	env_segment   INTEGER NOT NULL,
	env_offset    INTEGER NOT NULL,
	env_length    INTEGER NOT NULL,
	env_tail      INTEGER NOT NULL,
	received      INTEGER NOT NULL,
	source        INTEGER NOT NULL,
	seq           INTEGER NOT NULL,
	torn          INTEGER NOT NULL, -- where the readable part ends, 0: at the end
	frames        BLOB -- last: it may be long
) STRICT;
CREATE UNIQUE INDEX instance_sop ON instance (series, sop, version);
CREATE INDEX instance_order ON instance (series, number);

-- Shared bulk blobs. The index holds eight bytes of the digest: it is the only
-- index with random keys that ingest touches, and stays small.
CREATE TABLE blob (
	id       INTEGER PRIMARY KEY,
	key      INTEGER NOT NULL, -- first eight bytes of the digest
	digest   BLOB NOT NULL,
	size     INTEGER NOT NULL,
	prefix   INTEGER NOT NULL,
	segment  INTEGER NOT NULL,
	offset   INTEGER NOT NULL,
	length   INTEGER NOT NULL,
	refs     INTEGER NOT NULL,
	deleting INTEGER NOT NULL DEFAULT 0,
	since    INTEGER NOT NULL DEFAULT 0 -- when the last reference went
) STRICT;
CREATE INDEX blob_key ON blob (key);
CREATE INDEX blob_prefix ON blob (prefix) WHERE prefix <> 0;
CREATE INDEX blob_unreferenced ON blob (since) WHERE refs = 0;

CREATE TABLE quarantine (
	seq          INTEGER PRIMARY KEY,
	facility     INTEGER NOT NULL,
	source       INTEGER NOT NULL,
	received     INTEGER NOT NULL,
	reason       TEXT NOT NULL,
	digest       BLOB NOT NULL,
	manifest     BLOB NOT NULL,
	head_segment INTEGER NOT NULL,
	head_offset  INTEGER NOT NULL,
	head_length  INTEGER NOT NULL,
	env_segment  INTEGER NOT NULL,
	env_offset   INTEGER NOT NULL,
	env_length   INTEGER NOT NULL,
	env_tail     INTEGER NOT NULL
) STRICT;
CREATE INDEX quarantine_digest ON quarantine (facility, digest);
