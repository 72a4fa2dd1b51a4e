-- @projection p version 1
-- @topics orders, payments
-- @schema
CREATE TABLE t (k text PRIMARY KEY, n integer);
-- @on tombstone
DELETE FROM t;
