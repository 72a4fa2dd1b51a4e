-- @projection p version 1
-- @topics t
-- @schema
INSERT INTO t VALUES (1);
