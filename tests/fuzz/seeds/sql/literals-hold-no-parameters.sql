-- @on a
INSERT INTO t (k) VALUES ('$.x :id ?1'), (E'it\'s $.x'), ($q$ $.x :id $q$), (":id"), (`$.y`), ([$.z]) -- $.c :d
/* :e */;
