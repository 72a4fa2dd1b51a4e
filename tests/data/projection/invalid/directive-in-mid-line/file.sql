-- @projection p version 1
-- @topics t
-- @schema
CREATE TABLE t (k text PRIMARY KEY, n integer);
-- @check c
SELECT 1 -- @sample s
