-- @projection k version 1
-- @topics t
-- @envelope type=$.type
-- @key $.data['order id']
-- @schema
CREATE TABLE t (k text PRIMARY KEY);
-- @on a
DELETE FROM t WHERE k = $.data['order id'];
