-- What is to be sent elsewhere, and what came of it: made from events, in the transaction that moves a consumer's cursor.

-- Who reads the events in their order.
CREATE TABLE consumer (
	name TEXT PRIMARY KEY,
	seq  INTEGER NOT NULL DEFAULT 0, -- the last event that was read
	open INTEGER NOT NULL DEFAULT 0, -- seq says something
	held TEXT NOT NULL DEFAULT ''    -- why an operator must decide where to go on
) STRICT, WITHOUT ROWID;

CREATE TABLE destination (
	id      INTEGER PRIMARY KEY,
	name    TEXT NOT NULL UNIQUE,
	active  INTEGER NOT NULL,            -- the configuration names it
	since   INTEGER NOT NULL,            -- events up to this one are not its business
	paused  TEXT NOT NULL DEFAULT '',    -- why
	resumed INTEGER NOT NULL DEFAULT 0,  -- when it last was
	entered INTEGER NOT NULL DEFAULT 0   -- entries that it ever had
) STRICT;

-- Where there is to be an order, it is that of id within the destination.
CREATE TABLE delivery (
	id          INTEGER PRIMARY KEY,
	destination INTEGER NOT NULL,
	event       INTEGER NOT NULL,
	kind        INTEGER NOT NULL, -- of the work: 1 a version of a SOP Instance
	facility    INTEGER NOT NULL,
	study       TEXT NOT NULL,
	series      TEXT NOT NULL,
	item        TEXT NOT NULL,    -- SOP Instance UID
	class       TEXT NOT NULL,
	digest      BLOB NOT NULL,
	state       INTEGER NOT NULL, -- 1 waiting, 2 sending, 3 committing, 4 done, 5 dead, 6 gone
	attempts    INTEGER NOT NULL,
	entered     INTEGER NOT NULL,
	queued      INTEGER NOT NULL,
	due         INTEGER NOT NULL, -- of a waiting entry; of a leased one the end of the lease
	changed     INTEGER NOT NULL,
	commitment  INTEGER NOT NULL DEFAULT 0, -- that was asked for a committing one
	sent_as     TEXT NOT NULL DEFAULT '',
	reason      TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE UNIQUE INDEX delivery_event ON delivery (destination, event);
CREATE INDEX delivery_due ON delivery (destination, due, id) WHERE state < 3;
CREATE INDEX delivery_open ON delivery (destination, id) WHERE state < 4;
CREATE INDEX delivery_committing ON delivery (destination, commitment, id) WHERE state = 3;
CREATE INDEX delivery_done ON delivery (changed) WHERE state = 4;

-- How many entries are in each state; done ones are removed after a while and stay counted.
CREATE TABLE delivery_count (
	destination INTEGER NOT NULL,
	state       INTEGER NOT NULL,
	n           INTEGER NOT NULL,
	PRIMARY KEY (destination, state)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER delivery_added AFTER INSERT ON delivery BEGIN
	INSERT INTO delivery_count (destination, state, n) VALUES (new.destination, new.state, 1)
		ON CONFLICT (destination, state) DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER delivery_moved AFTER UPDATE OF state ON delivery WHEN new.state <> old.state BEGIN
	UPDATE delivery_count SET n = n - 1 WHERE destination = old.destination AND state = old.state;
	INSERT INTO delivery_count (destination, state, n) VALUES (new.destination, new.state, 1)
		ON CONFLICT (destination, state) DO UPDATE SET n = n + 1;
END;

-- Storage commitments that destinations were, or are to be, asked for (PS3.4 J).
CREATE TABLE delivery_commitment (
	id          INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again: entries name it
	destination INTEGER NOT NULL,
	uid         TEXT NOT NULL UNIQUE, -- Transaction UID
	asked       INTEGER NOT NULL,
	due         INTEGER NOT NULL,     -- when it is asked again
	attempts    INTEGER NOT NULL
) STRICT;
CREATE INDEX delivery_commitment_due ON delivery_commitment (destination, due);
