-- @projection p version 1
-- @topics t
-- @schema
CREATE TABLE t (k integer PRIMARY KEY AUTOINCREMENT);
