-- @projection p version 1
-- @topics t
-- @schema
CREATE TABLE t (k text PRIMARY KEY, n integer);
-- @on a
INSERT INTO t (k) SELECT k FROM (SELECT k FROM t LIMIT 1) ORDER BY k;
