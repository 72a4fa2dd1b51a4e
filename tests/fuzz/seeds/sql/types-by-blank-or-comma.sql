-- @on a.b, 'c d'  e*,"f"
DELETE FROM t;
