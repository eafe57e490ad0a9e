-- The generation of the blob store that this index is in step with: see storage.Reclaimer.
ALTER TABLE generation ADD COLUMN store INTEGER NOT NULL DEFAULT 0;

-- How much of each segment is in use; segments come in order of arrival.
CREATE INDEX blob_segment ON blob (segment, length) WHERE segment <> 0 AND deleting = 0;
