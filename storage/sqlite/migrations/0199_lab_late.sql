-- Versions below lab_indexed.upto that were added later: their messages came long before they were processed.
CREATE TABLE lab_late (id INTEGER PRIMARY KEY) STRICT;
