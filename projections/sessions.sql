-- @projection sessions version 1
-- @topics     pageviews
-- @envelope   default

-- Page views of a web site: per user, session and day (UTC, of the event), and per page and day.

-- @schema
CREATE TABLE session_days (
  user_id    text NOT NULL,
  session_id text NOT NULL,
  day        text NOT NULL,
  views      integer NOT NULL,
  first_view text NOT NULL,
  last_view  text NOT NULL,
  PRIMARY KEY (user_id, session_id, day)
);
CREATE TABLE page_days (
  page       text NOT NULL,
  day        text NOT NULL,
  views      integer NOT NULL,
  PRIMARY KEY (page, day)
);
CREATE INDEX session_days_by_day ON session_days (day);

-- @on page.viewed
INSERT INTO session_days (user_id, session_id, day, views, first_view, last_view)
VALUES ($.data.userId!, $.data.sessionId!, substr(:window('1 day'), 1, 10), 1, :time, :time)
ON CONFLICT (user_id, session_id, day) DO UPDATE SET
  views = session_days.views + 1,
  first_view = CASE WHEN excluded.first_view < session_days.first_view
                    THEN excluded.first_view ELSE session_days.first_view END,
  last_view = CASE WHEN excluded.last_view > session_days.last_view
                   THEN excluded.last_view ELSE session_days.last_view END;

INSERT INTO page_days (page, day, views) VALUES ($.data.page!, substr(:window('1 day'), 1, 10), 1)
ON CONFLICT (page, day) DO UPDATE SET views = page_days.views + 1;

-- @check both tables count the same views
SELECT s.n, p.n FROM (SELECT sum(views) AS n FROM session_days) s,
                     (SELECT sum(views) AS n FROM page_days) p WHERE s.n <> p.n;

-- @check a session does not end before it begins
SELECT user_id, session_id, day FROM session_days WHERE last_view < first_view;

-- @sample visitors per day
SELECT day, count(DISTINCT user_id) AS users, count(*) AS sessions, sum(views) AS views
FROM session_days GROUP BY day ORDER BY day;

-- @sample most read pages
SELECT page, sum(views) AS views FROM page_days GROUP BY page ORDER BY views DESC, page LIMIT 8;

-- @sample longest sessions
SELECT user_id, session_id, day, views FROM session_days
ORDER BY views DESC, user_id, session_id, day LIMIT 5;
