-- The age of what waits counts from when it was queued last, by an event or an operator. What is gone is removed like what is done.
DROP INDEX delivery_open;
CREATE INDEX delivery_open ON delivery (destination, queued, id) WHERE state < 4;
DROP INDEX delivery_done;
CREATE INDEX delivery_over ON delivery (changed) WHERE state IN (4, 6);
