-- What became of a message that is sent on.
CREATE INDEX delivery_message ON delivery (item, id) WHERE kind = 2;
