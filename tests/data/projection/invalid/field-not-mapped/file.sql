-- @projection p version 1
-- @topics t
-- @envelope id=$.id type=$.type
-- @schema
CREATE TABLE t (k text PRIMARY KEY, n integer);
-- @on a
INSERT INTO t (k) VALUES (:source);
