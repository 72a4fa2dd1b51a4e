-- @on a every '1 minute' over '5 minutes'
INSERT INTO t (k) VALUES (:window);
