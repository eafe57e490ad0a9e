-- Unified Procedure Steps: workitems, who subscribes to them, and the event reports that wait. Times are microseconds since
-- 1970 in UTC.

-- state is ups.State; of those deleted (4) only the UID is known. starts is the first moment of the Scheduled Procedure
-- Step Start DateTime, as queries compare it.
CREATE TABLE workitem (
	id          INTEGER PRIMARY KEY,
	facility    INTEGER NOT NULL,
	uid         TEXT NOT NULL,
	state       INTEGER NOT NULL,
	secret      TEXT NOT NULL, -- the Transaction UID
	revision    INTEGER NOT NULL,
	created     INTEGER NOT NULL,
	changed     INTEGER NOT NULL,
	starts      TEXT NOT NULL,
	patient     TEXT NOT NULL, -- Patient ID
	attributes  BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX workitem_uid ON workitem (uid, facility);
CREATE INDEX workitem_order ON workitem (facility, starts, uid) WHERE state < 4;
CREATE INDEX workitem_state ON workitem (facility, state, starts, uid) WHERE state < 4;
CREATE INDEX workitem_patient ON workitem (facility, patient, starts, uid) WHERE state < 4;
CREATE INDEX workitem_old ON workitem (state, changed) WHERE state >= 2;

-- How many workitems a facility has that are not deleted.
CREATE TABLE workitem_count (
	facility INTEGER PRIMARY KEY,
	items    INTEGER NOT NULL
) STRICT;

CREATE TABLE workitem_subscription (
	facility INTEGER NOT NULL,
	uid      TEXT NOT NULL,
	ae       TEXT NOT NULL,
	lock     INTEGER NOT NULL,
	origin   INTEGER NOT NULL, -- ups.By
	PRIMARY KEY (uid, facility, ae)
) STRICT, WITHOUT ROWID;
CREATE INDEX workitem_subscription_ae ON workitem_subscription (facility, ae);
CREATE INDEX workitem_subscription_lock ON workitem_subscription (uid, facility) WHERE lock = 1;

CREATE TABLE workitem_global (
	facility  INTEGER NOT NULL,
	ae        TEXT NOT NULL,
	origin    INTEGER NOT NULL,
	lock      INTEGER NOT NULL,
	suspended INTEGER NOT NULL,
	keys      TEXT NOT NULL, -- JSON
	PRIMARY KEY (facility, ae, origin)
) STRICT, WITHOUT ROWID;

CREATE TABLE workitem_report (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	facility INTEGER NOT NULL,
	ae       TEXT NOT NULL,
	key      INTEGER NOT NULL,
	type     INTEGER NOT NULL,
	uid      TEXT NOT NULL,
	info     BLOB NOT NULL,
	at       INTEGER NOT NULL
) STRICT;
CREATE INDEX workitem_report_ae ON workitem_report (facility, ae, id);
CREATE INDEX workitem_report_key ON workitem_report (facility, ae, key);

-- What waits for each AE.
CREATE TABLE workitem_waiting (
	facility INTEGER NOT NULL,
	ae       TEXT NOT NULL,
	reports  INTEGER NOT NULL,
	bytes    INTEGER NOT NULL,
	PRIMARY KEY (facility, ae)
) STRICT, WITHOUT ROWID;
