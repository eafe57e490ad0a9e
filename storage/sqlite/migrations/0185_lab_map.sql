-- The maps of laboratory codes and units that were loaded, each time that another file came under a name. seq is the journal record,
-- which has the file's bytes at segment, offset and length.
CREATE TABLE lab_map (
    seq     INTEGER PRIMARY KEY,
    name    TEXT NOT NULL,
    version TEXT NOT NULL,
    digest  BLOB NOT NULL,
    loaded  INTEGER NOT NULL, -- microseconds since 1970
    codes   INTEGER NOT NULL,
    units   INTEGER NOT NULL,
    segment INTEGER NOT NULL,
    offset  INTEGER NOT NULL,
    length  INTEGER NOT NULL
);
