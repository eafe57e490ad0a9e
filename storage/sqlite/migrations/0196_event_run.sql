-- With which events the time steps back: their causes came long before (messages that are processed later), or the clock was set. From one of these to the next the events are in
-- the order of time, but for an hour, so that a time is found by halving. Of events before the first nothing is known: they are older than this table.
CREATE TABLE event_run (first INTEGER PRIMARY KEY) STRICT;
