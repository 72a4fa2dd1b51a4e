-- @projection p version 1
-- @topics t
-- @schema
CREATE TABLE t (k text PRIMARY KEY, n integer);
-- @on a
WITH x AS (SELECT 1) SELECT * FROM x;
