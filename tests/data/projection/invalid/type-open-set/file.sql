-- @projection p version 1
-- @topics t
-- @schema
CREATE TABLE t (k text PRIMARY KEY, n integer);
-- @on a[bc
DELETE FROM t;
