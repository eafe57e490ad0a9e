-- SOP Instance UIDs without study and series, as searches for instances anywhere and C-MOVE by SOP Instance UID name them. UIDs of one series
-- begin alike, so this index grows where the last instances were put.
CREATE INDEX instance_uid ON instance (sop);
