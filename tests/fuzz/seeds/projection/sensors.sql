-- @projection sensors version 1
-- @topics     readings
-- @envelope   cloudevents
-- @dedupe     id within '10 minutes'

-- Temperatures, per minute (tumbling windows) and over five minutes from every minute (sliding
-- windows: each reading falls into five). Windows go by the time of the event, so a late reading
-- mends its window. Devices send again what was not acknowledged: each id is taken once. Sums are
-- kept in hundredths of a degree, because sums of binary fractions depend on their order.

-- @schema
CREATE TABLE minutes (
  sensor   text NOT NULL,
  minute   text NOT NULL,
  readings integer NOT NULL,
  sum100   integer NOT NULL,
  low100   integer NOT NULL,
  high100  integer NOT NULL,
  PRIMARY KEY (sensor, minute)
);
CREATE TABLE five_minutes (
  sensor   text NOT NULL,
  start    text NOT NULL,
  readings integer NOT NULL,
  sum100   integer NOT NULL,
  PRIMARY KEY (sensor, start)
);
CREATE VIEW temperatures AS
SELECT sensor, minute, readings, sum100 / (100.0 * readings) AS mean,
       low100 / 100.0 AS low, high100 / 100.0 AS high
FROM minutes;

-- @on reading.taken
INSERT INTO minutes (sensor, minute, readings, sum100, low100, high100)
VALUES ($.data.sensor!, :window('1 minute'), 1, :scaled($.data.celsius!, 2),
        :scaled($.data.celsius!, 2), :scaled($.data.celsius!, 2))
ON CONFLICT (sensor, minute) DO UPDATE SET
  readings = minutes.readings + 1,
  sum100   = minutes.sum100 + excluded.sum100,
  low100   = CASE WHEN excluded.low100 < minutes.low100
                  THEN excluded.low100 ELSE minutes.low100 END,
  high100  = CASE WHEN excluded.high100 > minutes.high100
                  THEN excluded.high100 ELSE minutes.high100 END;

-- @on reading.taken every '1 minute' over '5 minutes'
INSERT INTO five_minutes (sensor, start, readings, sum100)
VALUES ($.data.sensor, :window, 1, :scaled($.data.celsius, 2))
ON CONFLICT (sensor, start) DO UPDATE SET
  readings = five_minutes.readings + 1, sum100 = five_minutes.sum100 + excluded.sum100;

-- @check every reading is in five sliding windows
SELECT m.n, f.n FROM (SELECT sum(readings) AS n FROM minutes) m,
                     (SELECT sum(readings) AS n FROM five_minutes) f WHERE f.n <> 5 * m.n;

-- @check no minute is colder than its low
SELECT sensor, minute FROM minutes WHERE low100 * readings > sum100 OR high100 * readings < sum100;

-- @sample warmest sensors
SELECT sensor, sum(readings) AS readings, sum(sum100) / 100 / sum(readings) AS celsius
FROM minutes GROUP BY sensor ORDER BY celsius DESC, sensor LIMIT 8;

-- @sample readings per minute
SELECT substr(minute, 12, 5) AS minute, sum(readings) AS readings
FROM minutes GROUP BY minute ORDER BY minute LIMIT 12;
