-- @projection p version 1
-- @topics t
-- @schema sqlite
CREATE TABLE t (k text);
-- @schema postgresql
CREATE TABLE t (k uuid);
COMMENT ON TABLE t IS 'why; not';
