-- What was received of an instance that was coerced: never served, see storage.Instance.Kept.
ALTER TABLE instance ADD COLUMN kept INTEGER NOT NULL DEFAULT 0;
