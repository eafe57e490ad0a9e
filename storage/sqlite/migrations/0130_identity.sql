-- Who a patient is: merges, links, their history, and the identity that studies are served under. Times are microseconds since 1970 in UTC.

ALTER TABLE patient ADD COLUMN registered INTEGER NOT NULL DEFAULT 0; -- an ADT message or an operator named it
ALTER TABLE patient ADD COLUMN current INTEGER NOT NULL DEFAULT 0;    -- its demographics are served in the place of those received
ALTER TABLE patient ADD COLUMN survivor INTEGER NOT NULL DEFAULT 0;   -- the patient it was merged into; 0: none
ALTER TABLE patient ADD COLUMN since INTEGER NOT NULL DEFAULT 0;      -- when what is served of it changed last
CREATE INDEX patient_survivor ON patient (survivor) WHERE survivor <> 0;
CREATE INDEX patient_served ON patient (facility) WHERE survivor <> 0 OR current <> 0;
CREATE INDEX patient_authority ON patient (authority, facility);
CREATE INDEX patient_birth ON patient (birth, id);

-- The words of folded names, to find patients by the beginning of any of them.
CREATE TABLE patient_word (
	word    TEXT NOT NULL,
	patient INTEGER NOT NULL,
	PRIMARY KEY (word, patient)
) STRICT, WITHOUT ROWID;
CREATE INDEX patient_word_patient ON patient_word (patient);
WITH RECURSIVE cut (patient, word, rest) AS (
	SELECT id, '', folded || ' ' FROM patient
	UNION ALL
	SELECT patient, substr(rest, 1, instr(rest, ' ') - 1), substr(rest, instr(rest, ' ') + 1) FROM cut WHERE rest <> ''
)
INSERT INTO patient_word (word, patient) SELECT DISTINCT word, patient FROM cut WHERE word <> '';

-- Patients that are said to be one person and stay two (ADT^A24), in both directions.
CREATE TABLE patient_link (
	patient INTEGER NOT NULL,
	other   INTEGER NOT NULL,
	PRIMARY KEY (patient, other)
) STRICT, WITHOUT ROWID;

-- What changed, who said so, in which journal record. Rows are only ever added.
CREATE TABLE patient_change (
	id      INTEGER PRIMARY KEY,
	action  TEXT NOT NULL,
	patient INTEGER NOT NULL, -- registered, updated, merged, unmerged, linked or unlinked
	other   INTEGER NOT NULL, -- the survivor, or the other one of a link; 0: none
	at      INTEGER NOT NULL,
	record  INTEGER NOT NULL, -- journal record: the message, or the operator's decision
	source  INTEGER NOT NULL,
	reason  TEXT NOT NULL,
	before  TEXT NOT NULL     -- JSON: the demographics before an update; empty: none
) STRICT;
CREATE INDEX patient_change_patient ON patient_change (patient, id);
CREATE INDEX patient_change_other ON patient_change (other, id) WHERE other <> 0;

-- A study that is served under another identity than it was received with: the received Patient ID and attributes, and
-- storage.PatientIdentity. Null in all others.
ALTER TABLE study ADD COLUMN former TEXT;
ALTER TABLE study ADD COLUMN received BLOB;
ALTER TABLE study ADD COLUMN identity BLOB;
CREATE INDEX study_former ON study (former, facility) WHERE former IS NOT NULL;

-- Patient IDs that objects of a study were received with beside the one of its row.
CREATE TABLE study_bearer (
	patient TEXT NOT NULL,
	study   INTEGER NOT NULL,
	issuer  TEXT NOT NULL,
	PRIMARY KEY (patient, study, issuer)
) STRICT, WITHOUT ROWID;
CREATE INDEX study_bearer_study ON study_bearer (study);
