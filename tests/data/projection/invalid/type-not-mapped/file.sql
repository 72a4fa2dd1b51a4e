-- @projection p version 1
-- @topics t
-- @envelope id=$.id
-- @schema
CREATE TABLE t (k text PRIMARY KEY, n integer);
-- @on a.b
DELETE FROM t;
