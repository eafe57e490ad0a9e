-- HL7v2 messages, patients, laboratory reports. Times are microseconds since 1970 in UTC.

-- sender is MSH-3, MSH-4 and MSH-10 with 0x1F between them; of a message whose
-- sender came before with other bytes, 0x1F and seq follow. So one insert tells whether
-- a message is new.
CREATE TABLE message (
	seq      INTEGER PRIMARY KEY, -- journal record
	facility INTEGER NOT NULL,
	sender   TEXT NOT NULL,
	repeated INTEGER NOT NULL,
	type     TEXT NOT NULL,
	state    INTEGER NOT NULL,
	digest   BLOB NOT NULL,
	received INTEGER NOT NULL,
	source   INTEGER NOT NULL,
	segment  INTEGER NOT NULL,
	offset   INTEGER NOT NULL,
	length   INTEGER NOT NULL,
	charset  TEXT NOT NULL,
	answers  BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX message_sender ON message (facility, sender);

CREATE TABLE message_refused (
	seq      INTEGER PRIMARY KEY,
	facility INTEGER NOT NULL,
	reason   TEXT NOT NULL,
	digest   BLOB NOT NULL,
	received INTEGER NOT NULL,
	source   INTEGER NOT NULL,
	segment  INTEGER NOT NULL,
	offset   INTEGER NOT NULL,
	length   INTEGER NOT NULL,
	answers  BLOB NOT NULL
) STRICT;
CREATE INDEX message_refused_digest ON message_refused (facility, digest);

-- identifier and authority are the patient's identity; all identifiers are in
-- identifiers (JSON), those after the first also in patient_other.
CREATE TABLE patient (
	id          INTEGER PRIMARY KEY,
	facility    INTEGER NOT NULL,
	identifier  TEXT NOT NULL,
	authority   TEXT NOT NULL,
	name        TEXT NOT NULL, -- as DICOM writes it
	folded      TEXT NOT NULL, -- name for searching
	birth       TEXT NOT NULL,
	sex         TEXT NOT NULL,
	sent        TEXT NOT NULL, -- time of the message that the demographics are from
	identifiers TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX patient_identity ON patient (identifier, facility, authority);

CREATE TABLE patient_other (
	identifier TEXT NOT NULL,
	patient    INTEGER NOT NULL,
	PRIMARY KEY (identifier, patient)
) STRICT, WITHOUT ROWID;

-- One row for each version of a report; rows are only ever added. The bits of id
-- above the lower twenty are the message's journal record. first names the report.
CREATE TABLE lab_version (
	id        INTEGER PRIMARY KEY,
	first     INTEGER NOT NULL,
	number    INTEGER NOT NULL,
	late      INTEGER NOT NULL,
	patient   INTEGER NOT NULL, -- 0: the message named none
	facility  INTEGER NOT NULL,
	received  INTEGER NOT NULL,
	status    TEXT NOT NULL,
	sent      TEXT NOT NULL,
	service   TEXT NOT NULL,
	filler    TEXT NOT NULL,
	placer    TEXT NOT NULL,
	accession TEXT NOT NULL,
	observed  TEXT NOT NULL,
	content   BLOB NOT NULL -- the report as JSON, packed by S2
) STRICT;
CREATE INDEX lab_version_patient ON lab_version (patient, facility, service);
