-- @projection p version 1
-- @topics t
CREATE TABLE t (k text);
