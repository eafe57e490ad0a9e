-- Storage commitments that were asked for (PS3.4 J.3), until some time after their answer.
CREATE TABLE commitment (
	id       INTEGER PRIMARY KEY,
	facility INTEGER NOT NULL,
	peer     TEXT NOT NULL,    -- AE title that asked
	uid      TEXT NOT NULL,    -- Transaction UID
	received INTEGER NOT NULL,
	due      INTEGER NOT NULL, -- when it is to be worked on
	attempts INTEGER NOT NULL, -- to report
	state    INTEGER NOT NULL, -- 0 asked, 1 checked, 2 done with
	items    BLOB NOT NULL     -- JSON: SOP Class, SOP Instance, Failure Reason of each
) STRICT;
CREATE UNIQUE INDEX commitment_uid ON commitment (peer, facility, uid);
CREATE INDEX commitment_open ON commitment (id) WHERE state < 2;
CREATE INDEX commitment_received ON commitment (received);
