-- @projection p version 1
-- @topics t
-- @schema
CREATE TABLE t (k text PRIMARY KEY, n integer);
-- @check c d
SELECT 1;
-- @check  c d 
SELECT 2;
