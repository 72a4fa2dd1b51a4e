-- @projection p version 1
-- @topics t
-- @schema
CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END;
