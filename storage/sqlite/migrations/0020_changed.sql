-- Change numbers: they grow whenever a group of transactions adds, removes or exchanges something in the study or series.
-- Documents made of either are good as long as its number is the same.
ALTER TABLE study ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE series ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
