-- note says why a message was only kept, or what is odd about one that was processed; version is that of the
-- processing that last looked at it.
ALTER TABLE message ADD COLUMN note TEXT NOT NULL DEFAULT '';
ALTER TABLE message ADD COLUMN version INTEGER NOT NULL DEFAULT 0;

-- Messages that were only kept, for processing them later.
CREATE INDEX message_kept ON message (version, seq) WHERE state = 0;
