-- The first message that waits for a destination; delivery_open is in another order.
CREATE INDEX delivery_in_order ON delivery (destination, id) WHERE state < 4 AND kind = 2;
