-- @projection github version 1
-- @topics     github
-- @envelope   id=$.id type=$.type time=$.created_at
-- @filter     $.public

-- The public timeline of GitHub: which repositories are busy, who works, what happens in each hour.

-- @schema
CREATE TABLE repos (
  repo      text PRIMARY KEY,
  events    integer NOT NULL,
  commits   integer NOT NULL DEFAULT 0,
  stars     integer NOT NULL DEFAULT 0,
  forks     integer NOT NULL DEFAULT 0
);
CREATE TABLE actors (
  login     text PRIMARY KEY,
  events    integer NOT NULL,
  is_bot    integer NOT NULL
);
CREATE TABLE hours (
  hour      text NOT NULL,
  type      text NOT NULL,
  events    integer NOT NULL,
  PRIMARY KEY (hour, type)
);
CREATE TABLE authors (
  name      text PRIMARY KEY,
  commits   integer NOT NULL
);
CREATE TABLE pull_requests (
  repo      text NOT NULL,
  number    integer NOT NULL,
  title     text NOT NULL,
  state     text NOT NULL,
  language  text,                       -- null: GitHub does not know
  added     integer NOT NULL,
  deleted   integer NOT NULL,
  opened_at text NOT NULL,
  PRIMARY KEY (repo, number)
);

-- @on *
INSERT INTO repos (repo, events) VALUES ($.repo.name!, 1)
ON CONFLICT (repo) DO UPDATE SET events = repos.events + 1;

INSERT INTO actors (login, events, is_bot)
VALUES ($.actor.login!, 1, CASE WHEN $.actor.login LIKE '%[bot]' THEN 1 ELSE 0 END)
ON CONFLICT (login) DO UPDATE SET events = actors.events + 1;

INSERT INTO hours (hour, type, events) VALUES (:window('1 hour'), :type, 1)
ON CONFLICT (hour, type) DO UPDATE SET events = hours.events + 1;

-- @on PushEvent must touch
UPDATE repos SET commits = commits + $.payload.size! WHERE repo = $.repo.name;

-- @on PushEvent each $.payload.commits
INSERT INTO authors (name, commits) VALUES ($item.author.name!, 1)
ON CONFLICT (name) DO UPDATE SET commits = authors.commits + 1;

-- @on WatchEvent must touch
UPDATE repos SET stars = stars + 1 WHERE repo = $.repo.name;

-- @on ForkEvent must touch
UPDATE repos SET forks = forks + 1 WHERE repo = $.repo.name;

-- @on PullRequestEvent
INSERT INTO pull_requests (repo, number, title, state, language, added, deleted, opened_at)
VALUES ($.repo.name, $.payload.number!, $.payload.pull_request.title,
        CASE WHEN $.payload.pull_request.merged_at IS NULL
             THEN $.payload.pull_request.state ELSE 'merged' END,
        $.payload.pull_request.base.repo.language,
        $.payload.pull_request.additions, $.payload.pull_request.deletions,
        $.payload.pull_request.created_at)
ON CONFLICT (repo, number) DO UPDATE SET
  title = excluded.title, state = excluded.state, language = excluded.language,
  added = excluded.added, deleted = excluded.deleted;

-- @check every event is counted once in each table
SELECT r.events, a.events, h.events
FROM (SELECT sum(events) AS events FROM repos) r,
     (SELECT sum(events) AS events FROM actors) a,
     (SELECT sum(events) AS events FROM hours) h
WHERE r.events <> a.events OR r.events <> h.events;

-- @check nobody un-stars
SELECT repo FROM repos WHERE stars < 0 OR stars > events;

-- @sample events by type
SELECT type, sum(events) AS events FROM hours GROUP BY type ORDER BY events DESC, type;

-- @sample busiest repositories
SELECT repo, commits, stars, events FROM repos ORDER BY events DESC, repo LIMIT 8;

-- @sample pull requests by language
SELECT coalesce(language, '(unknown)') AS language, sum(added) AS added, sum(deleted) AS deleted,
       count(*) AS pull_requests
FROM pull_requests GROUP BY language ORDER BY pull_requests DESC, language LIMIT 8;

-- @sample people and bots
SELECT CASE is_bot WHEN 1 THEN 'bots' ELSE 'people' END AS who, count(*) AS accounts,
       sum(events) AS events
FROM actors GROUP BY is_bot ORDER BY is_bot;
