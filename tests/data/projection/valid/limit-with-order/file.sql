-- @projection p version 1
-- @topics t
-- @schema
CREATE TABLE t (k text PRIMARY KEY, n integer);
-- @on a
DELETE FROM t WHERE k IN (SELECT k FROM t ORDER BY k LIMIT 1);
-- @sample s
SELECT k FROM t LIMIT 1;
