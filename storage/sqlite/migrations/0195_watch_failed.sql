-- Studies whose comparison with orders failed wait longer and longer, and are listed.
ALTER TABLE worklist_watch ADD COLUMN since INTEGER NOT NULL DEFAULT 0; -- what the quiet time counts from: last, or later where a comparison failed
ALTER TABLE worklist_watch ADD COLUMN tries INTEGER NOT NULL DEFAULT 0; -- that failed
ALTER TABLE worklist_watch ADD COLUMN reason TEXT NOT NULL DEFAULT '';
UPDATE worklist_watch SET since = last;
DROP INDEX worklist_watch_last;
CREATE INDEX worklist_watch_since ON worklist_watch (since);
CREATE INDEX worklist_watch_failed ON worklist_watch (facility, study) WHERE tries > 0;
