-- Patient IDs that hidden objects of a study were received with: rows of study_bearer, which go with their study.
CREATE TABLE hidden_bearer (
	study   INTEGER NOT NULL, -- row of removed_study
	patient TEXT NOT NULL,
	issuer  TEXT NOT NULL,
	PRIMARY KEY (study, patient, issuer)
) STRICT, WITHOUT ROWID;
