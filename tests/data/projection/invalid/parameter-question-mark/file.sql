-- @projection p version 1
-- @topics t
-- @schema
CREATE TABLE t (k text PRIMARY KEY, n integer);
-- @on a
UPDATE t SET n = 1 WHERE k = ?;
