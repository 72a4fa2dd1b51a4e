-- @projection p version 1
-- @topics t
-- @ home, or me@example.org
-- see @topics above
-- @schema
CREATE TABLE t (k text PRIMARY KEY, n integer);
