-- @projection p version 1
-- @topics t
-- @schema
;
