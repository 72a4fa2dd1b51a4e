-- @projection p version 1
-- @topics t
-- @schema
CREATE TABLE t (k text PRIMARY KEY, n integer);
-- @on a
UPDATE t SET n = 1 WHERE j ? 'k' AND j ?| ARRAY['a','b'] AND j @> '{}' AND a[1:2] = b[:3] AND '{}' <@ j AND $.x::jsonb ? $.y AND n = -1 AND j #>> '{a}' = ''
