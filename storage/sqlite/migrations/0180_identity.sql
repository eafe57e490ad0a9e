-- Studies for which it is to be found out anew which identity they are served under: after a merge or correction of a patient with many.
CREATE TABLE study_pending (
	study INTEGER PRIMARY KEY
) STRICT;
