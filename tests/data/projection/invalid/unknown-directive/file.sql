-- @projection p version 1
-- @topics t
-- @schmea
CREATE TABLE t (k text);
