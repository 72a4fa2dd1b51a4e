-- @on a
INSERT INTO t (k) VALUES ('
-- @check in a string
'), ($$
-- @check in dollars
$$);
/*
-- @check in a comment
*/
DELETE FROM "
-- @check in a name
" WHERE k = 1
