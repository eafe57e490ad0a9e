-- Every result of a new patient wrote to these indexes, and few questions were asked of them: a name's words stand in its row, and which
-- assigning authorities there are is a short list.
DROP INDEX patient_word_patient;
DROP INDEX patient_authority;
CREATE TABLE patient_authority (
	facility  INTEGER NOT NULL,
	authority TEXT NOT NULL,
	PRIMARY KEY (facility, authority)
) STRICT, WITHOUT ROWID;
INSERT INTO patient_authority SELECT DISTINCT facility, authority FROM patient;
