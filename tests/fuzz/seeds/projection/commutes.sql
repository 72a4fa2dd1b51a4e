-- @projection c version 1
-- @topics c
-- @schema
CREATE TABLE t (k text PRIMARY KEY, n integer NOT NULL, lo text, hi bigint);
-- @on a, b
INSERT INTO t (k, n, lo, hi) VALUES ($.k!, 1, $.at, $.x + 1) ON CONFLICT (k) DO UPDATE
SET n = t.n + 1, lo = min(t.lo, excluded.lo), hi = max(excluded.hi, t.hi);
