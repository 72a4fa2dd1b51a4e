-- @projection p version 1
-- @topics t
-- @schema postgres
CREATE TABLE t (k text);
