-- @projection p version 1
-- @topics t
-- @schema
CREATE TABLE t (serial bigserial);
