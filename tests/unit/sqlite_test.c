/*
 * sqlite_test.c - the SQLite store: opening, transactions and locks, what a projection's SQL may do,
 * and what its columns take
 */
#include "test.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "store/ledger.h"

static char dir[] = "/tmp/sqlite_test.XXXXXX";

static const char *in_dir(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static struct ev_store *open_at(const char *url, int wait_ms, bool read_only, struct ev_error *err)
{
	struct ev_store_options opt = { .lock_wait_ms = wait_ms, .read_only = read_only };

	return ev_store_open(url, &opt, err);
}

static int one_int(void *ctx, const struct ev_cell *c, size_t n)
{
	(void)n;
	*(int64_t *)ctx = c[0].i;
	return 0;
}

static int64_t ask(struct ev_store *s, const char *sql)
{
	struct ev_error err = EV_ERROR_INIT;
	int64_t out = -1;
	size_t at;
	struct ev_query *q = s->ops->prepare(s, sql, false, NULL, NULL, &at, &err);

	if (q)
		s->ops->select(s, q, NULL, 0, one_int, &out, &err);
	s->ops->finish(s, q);
	return out;
}

static void opening(void)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s;
	FILE *f = fopen(in_dir("text"), "w");

	for (int i = 0; i < 200; i++)
		fputs("this is no database\n", f);
	fclose(f);
	CHECK(!open_at(in_dir("text"), 0, false, &err) && err.class == EV_STORE &&
		      strstr(err.text, "cannot open store"), "a text file is no store: %s", err.text);
	CHECK(!open_at(in_dir("text"), 0, true, &err) && err.class == EV_STORE,
	      "nor is it one to read: %s", err.text);
	CHECK(!open_at(in_dir("none/x.db"), 0, false, &err) && err.class == EV_STORE,
	      "a folder that is not there: %s", err.text);
	CHECK(!open_at("/proc/x.db", 0, false, &err) && err.class == EV_STORE,
	      "a folder that takes no file: %s", err.text);
	CHECK(!open_at(in_dir("missing.db"), 0, true, &err) && err.class == EV_STORE &&
		      access(in_dir("missing.db"), F_OK) != 0,
	      "a store that is only read is not created: %s", err.text);
	s = open_at("sqlite::memory:", 0, false, &err);
	CHECK(s && s->ops->script(s, "CREATE TABLE t (x)", &err) == 0 &&
		      s->ops->has_table(s, "T", &err) == 1, "a store in memory");
	if (s)
		s->ops->close(s);
	CHECK(!open_at("", 0, false, &err) && err.class == EV_USAGE, "an empty path: %s", err.text);
}

static void transactions(void)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s = open_at(in_dir("t.db"), 100, false, &err), *r;
	pid_t child;
	int status;

	s->ops->script(s, "CREATE TABLE t (x integer); INSERT INTO t VALUES (1)", &err);
	child = fork();
	if (child == 0) {
		struct ev_store *c = open_at(in_dir("t.db"), 100, false, &err);

		if (c && c->ops->begin(c, &err) == 0 &&
		    c->ops->script(c, "INSERT INTO t VALUES (2)", &err) == 0)
			kill(getpid(), SIGKILL);
		_exit(1);
	}
	waitpid(child, &status, 0);
	CHECK(WIFSIGNALED(status) && ask(s, "SELECT sum(x) FROM t") == 1,
	      "a process killed in its transaction leaves the old state");
	CHECK(s->ops->begin(s, &err) == 0 && s->ops->savepoint(s, &err) == 0 &&
		      s->ops->script(s, "INSERT INTO t VALUES (4)", &err) == 0 &&
		      s->ops->rollback_to(s, &err) == 0 && s->ops->savepoint(s, &err) == 0 &&
		      s->ops->script(s, "INSERT INTO t VALUES (8)", &err) == 0 &&
		      s->ops->release(s, &err) == 0 && s->ops->commit(s, &err) == 0 &&
		      ask(s, "SELECT sum(x) FROM t") == 9,
	      "a savepoint is undone or kept, the transaction goes on");
	s->ops->script(s, "PRAGMA max_page_count = 6", &err);
	s->ops->begin(s, &err);
	CHECK(s->ops->script(s, "INSERT INTO t VALUES (16); INSERT INTO t SELECT zeroblob(100000)", &err) < 0 &&
		      err.class == EV_STORE, "a full disk is the store's fault: %s", err.text);
	s->ops->rollback(s);
	s->ops->rollback(s);
	CHECK(ask(s, "SELECT sum(x) FROM t") == 9, "and nothing is lost or half done");
	s->ops->script(s, "PRAGMA max_page_count = 100000", &err);
	CHECK(s->ops->begin(s, &err) == 0 && s->ops->script(s, "INSERT INTO t VALUES (1)", &err) == 0 &&
		      s->ops->commit(s, &err) == 0, "with space again the same connection goes on");
	r = open_at(in_dir("t.db"), 0, true, &err);
	CHECK(r && ask(r, "SELECT sum(x) FROM t") == 10 &&
		      r->ops->script(r, "INSERT INTO t VALUES (1)", &err) < 0 && err.class == EV_STORE,
	      "a store opened to read is only read");
	if (r)
		r->ops->close(r);
	s->ops->close(s);
}

/* A child that takes lock and transaction, says so through the pipe, and waits to be killed. */
static pid_t hold(const char *path, int *ready)
{
	int fds[2];
	pid_t child;

	if (pipe(fds) < 0)
		return -1;
	child = fork();
	if (child == 0) {
		struct ev_error err = EV_ERROR_INIT;
		struct ev_store *c = open_at(path, 5000, false, &err);
		bool ok = c && ev_ledger_hold(c, "p", false, &err) == 0 && c->ops->lock(c, "p", &err) == 0 &&
			  c->ops->begin(c, &err) == 0;

		if (write(fds[1], ok ? "y" : "n", 1) == 1)
			pause();
		_exit(0);
	}
	close(fds[1]);
	*ready = fds[0];
	return child;
}

static void locks(void)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s = open_at(in_dir("l.db"), 60, false, &err), *link;
	struct ev_ledger l = { .projection = "p" };
	struct ev_buf none = EV_BUF_INIT;
	char said = 0, pid[40];
	int ready = -1;
	pid_t child;

	ev_ledger_create(s, &err);
	ev_ledger_register(s, &l, "f", 1, &none, &err);
	child = hold(in_dir("l.db"), &ready);
	CHECK(read(ready, &said, 1) == 1 && said == 'y', "another process has the store");
	snprintf(pid, sizeof(pid), "pid %ld on ", (long)child);
	err = (struct ev_error)EV_ERROR_INIT;
	CHECK(s->ops->begin(s, &err) < 0 && err.class == EV_HELD, "a second writer waits and gives up: %s",
	      err.text);
	ev_ledger_name_holder(s, "p", &err);
	CHECK(strstr(err.hint, pid), "and names who has it: %s", err.hint);
	CHECK(s->ops->lock(s, "p", &err) < 0 && err.class == EV_HELD, "nor does it get the run lock: %s",
	      err.text);
	CHECK(s->ops->locked(s, "p", &err) == 1 && s->ops->locked(s, "other", &err) == 0, "which can be asked for");
	CHECK(s->ops->lock(s, "other", &err) == 0, "another projection's run lock is another");
	CHECK(symlink("l.db", in_dir("alias.db")) == 0, "a symbolic link to the store");
	link = open_at(in_dir("alias.db"), 0, false, &err);
	CHECK(link && link->ops->lock(link, "p", &err) < 0 && err.class == EV_HELD,
	      "a symbolic link is no way around the lock");
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	CHECK(link && link->ops->lock(link, "p", &err) == 0 && s->ops->begin(s, &err) == 0,
	      "both are free once the process is killed");
	if (link)
		link->ops->close(link);
	s->ops->close(s);
	close(ready);
}

static int add_text(void *ctx, int n, char **values, char **names)
{
	(void)n;
	(void)names;
	ev_buf_adds(ctx, values[0]);
	return 0;
}

static int asked; /* how often: is this process told to stop? */

static bool told(void)
{
	asked++;
	return true;
}

/* The journal of a first load is set up with nobody waited for; those who come in then are, as ever. */
static void waits_of_a_load(void)
{
	struct ev_store_options opt = { .lock_wait_ms = 3000, .give_up = told };
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s = ev_store_open(in_dir("w.db"), &opt, &err);
	struct ev_buf mode = EV_BUF_INIT;
	sqlite3 *other = NULL;

	ev_ledger_create(s, &err);
	s->ops->close(s);
	s = ev_store_open(in_dir("w.db"), &opt, &err);
	s->ops->load(s, "p");
	CHECK(sqlite3_open(in_dir("w.db"), &other) == SQLITE_OK &&
	      sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL) == SQLITE_OK, "another holds the file");
	asked = 0;
	CHECK(s->ops->begin(s, &err) < 0 && err.class == EV_HELD, "it is waited for: %s", err.text);
	CHECK(asked > 0, "but not by who is told to stop");
	CHECK(sqlite3_exec(other, "COMMIT; PRAGMA journal_mode", add_text, &mode, NULL) == SQLITE_OK &&
	      strcmp(ev_buf_str(&mode), "delete") == 0, "while the journal is that of a load: %s", ev_buf_str(&mode));
	sqlite3_close(other);
	ev_buf_release(&mode);
	s->ops->close(s);
}

/* A schema on an empty store: 0, or -1 and where. */
static int schema(const char *sql, size_t *at, struct ev_error *err)
{
	struct ev_store *s = open_at(":memory:", 0, false, err);
	struct ev_buf tables = EV_BUF_INIT;
	int rc;

	s->ops->script(s, "CREATE TABLE ev_own (x); CREATE TABLE other (x integer PRIMARY KEY)", err);
	rc = s->ops->schema(s, sql, &tables, at, err);
	ev_buf_release(&tables);
	s->ops->close(s);
	return rc;
}

static void schemas(void)
{
	static const struct {
		const char *sql, *says;
	} bad[] = {
		{ "CREATE TABLE ok (x); CREATE TABLE !ev_t (x)", "ev_" },
		{ "!CREATE TABLE EV_t (x)", "ev_" },
		{ "!CREATE TABLE sqlite_t (x)", "sqlite_" },
		{ "!CREATE TABLE Other (x)", "exists" },
		{ "!CREATE TABLE IF NOT EXISTS other (x)", "exists" },
		{ "-- a comment\n!CREATE TABLE t AS SELECT * FROM ev_own", "AS SELECT" },
		{ "!CREATE TABLE t AS SELECT 1", "AS SELECT" },
		{ "!CREATE TEMP TABLE t (x)", "temp" },
		{ "CREATE TABLE t (id integer PRIMARY KEY !AUTOINCREMENT)", "AUTOINCREMENT" },
		{ "CREATE TABLE t (x); !CREATE TRIGGER g AFTER INSERT ON t BEGIN DELETE FROM t; END", "" },
		{ "!CREATE VIRTUAL TABLE t USING fts5(x)", "only creates" },
		{ "!ATTACH 'x.db' AS x", "only creates" },
		{ "!PRAGMA foreign_keys = off", "only creates" },
		{ "!DROP TABLE other", "only creates" },
		{ "!ALTER TABLE other ADD COLUMN y", "" },
		{ "!DELETE FROM other", "only creates" },
		{ "!COMMIT", "only creates" },
		{ "!CREATE INDEX i ON other (x)", "not of this projection" },
		{ "!CREATE UNIQUE INDEX i ON ev_own (x)", "not of this projection" },
		{ "CREATE TABLE a (x); !CREATE TABLE t (x text DEFAULT CURRENT_TIMESTAMP)", "current_timestamp" },
		{ "!CREATE TABLE t (x DEFAULT (random()))", "random" },
		{ "!CREATE TABLE t (x DEFAULT (abs(1 + random())))", "random" },
		{ "CREATE TABLE t (x DEFAULT (date(!'now')))", "clock" },
		{ "CREATE TABLE t (x DEFAULT (!datetime()))", "clock" },
		{ "CREATE TABLE t (x CHECK (x > !random()))", "random" },
		{ "CREATE TABLE t (x REFERENCES other (x))", "foreign key" },
		{ "CREATE TABLE p (x integer PRIMARY KEY); CREATE TABLE t (x REFERENCES p (x) DEFERRABLE "
		  "INITIALLY !DEFERRED)", "DEFERRED" },
		{ "CREATE TABLE t (x integer PRIMARY KEY ON CONFLICT !ROLLBACK)", "ROLLBACK" },
		{ "CREATE TABLE t (x); CREATE VIEW v AS WITH ![ev_guard_t] AS (SELECT oid AS r FROM t) SELECT r "
		  "FROM ev_guard_t", "taken" },
		{ "CREATE TABLE a (x);\nCREATE TABLE t (x,, !y)", "syntax" },
	};
	struct ev_error err = EV_ERROR_INIT;
	char sql[300];
	size_t at;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		const char *mark = strchr(bad[i].sql, '!');
		size_t want = mark ? (size_t)(mark - bad[i].sql) : SIZE_MAX;
		bool comma = strstr(bad[i].sql, ",,");

		snprintf(sql, sizeof(sql), "%.*s%s", mark ? (int)want : 300, bad[i].sql, mark ? mark + 1 : "");
		if (strstr(bad[i].says, "ev_") && want > 3)
			want = strlen("CREATE TABLE ok (x); ");
		if (comma)
			want -= 2; /* the second comma */
		err = (struct ev_error)EV_ERROR_INIT;
		CHECK(schema(sql, &at, &err) < 0 && err.class == EV_USAGE && strstr(err.text, bad[i].says),
		      "refused: %s: %s", strchr(sql, '\n') ? "(lines)" : sql, err.text);
		CHECK(at == want, "and it points at byte %zu, wanted %zu", at, want);
	}
	CHECK(schema("CREATE TABLE \"a b\" (id integer PRIMARY KEY, n integer NOT NULL DEFAULT -1, d text "
		     "DEFAULT 'x', w DEFAULT now, f DEFAULT (upper('x')), t text DEFAULT (date('2024-01-01')),"
		     " FOREIGN KEY (n) REFERENCES later (id));\n"
		     "CREATE TABLE later (id integer PRIMARY KEY, \"DEFERRED\" text CHECK (length(\"DEFERRED\") < 9)"
		     ", g text AS (upper(id))) STRICT;\n"
		     "CREATE TABLE w (k text PRIMARY KEY) WITHOUT ROWID;\n"
		     "CREATE UNIQUE INDEX i ON later (upper(\"DEFERRED\")) WHERE id > 3;\n"
		     "CREATE VIEW v AS SELECT n, count(*) FROM \"a b\" GROUP BY n;-- end\n", &at, &err) == 0,
	      "a schema with all that is allowed: %s", err.text);
}

static struct ev_store *handlers_store(struct ev_buf *tables)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s = open_at(":memory:", 0, false, &err);
	size_t at;

	s->ops->script(s, "CREATE TABLE other (x integer); CREATE TABLE readable (x integer); "
			  "CREATE TABLE ev_own (x integer)", &err);
	CHECK(s->ops->schema(s, "CREATE TABLE t (k text PRIMARY KEY, n integer, b boolean);"
				"CREATE TABLE u (id integer PRIMARY KEY, x text);"
				"CREATE VIEW peek AS SELECT x FROM ev_own", tables, &at, &err) == 0 &&
		      s->ops->guard(s, tables, &err) == 0, "tables for the handlers: %s", err.text);
	return s;
}

static void handlers(void)
{
	static const char *const bad[] = {
		"INSERT INTO other VALUES (1)", "UPDATE ev_own SET x = 1", "DELETE FROM sqlite_master",
		"INSERT INTO t (k) SELECT x FROM other", "INSERT INTO t (k) SELECT x FROM peek",
		"INSERT INTO t (k) SELECT name FROM sqlite_schema", "INSERT INTO readable VALUES (1)",
		"INSERT INTO t (k) SELECT name FROM pragma_table_info('t')",
		"UPDATE t SET n = 1 WHERE rowid = 1", "UPDATE t SET n = oid", "DELETE FROM t WHERE _rowid_ > 3",
		"SELECT rowid FROM t", "INSERT INTO t (rowid, k) SELECT rowid, 'x' FROM t",
		"INSERT INTO t (k) VALUES (random())", "INSERT INTO t (k) VALUES (CURRENT_TIMESTAMP)",
		"INSERT INTO t (k, n) VALUES ('x', changes())", "UPDATE t SET n = last_insert_rowid()",
		"INSERT INTO t (k) VALUES (hex(randomblob(4)))", "UPDATE t SET n = sqrt(n)",
		"INSERT INTO t (k) SELECT group_concat(x) FROM u",
		"WITH ev_guard_x AS (SELECT random() AS r FROM other) INSERT INTO t (k) SELECT r FROM ev_guard_x",
		"WITH ev_Guard_x AS (SELECT rowid AS r FROM t) INSERT INTO t (k) SELECT r FROM ev_Guard_x",
		"WITH \"ev_guard_x\" AS (SELECT oid AS r FROM t) INSERT INTO t (k) SELECT r FROM ev_guard_x",
		"WITH 'ev_guard_x' AS (SELECT oid AS r FROM t) INSERT INTO t (k) SELECT r FROM 'ev_guard_x'",
		"ATTACH 'x' AS y", "PRAGMA user_version = 3", "COMMIT", "SAVEPOINT x", "DROP TABLE t",
		"CREATE TABLE z (x)", "VACUUM", "EXPLAIN DELETE FROM t", "INSERT OR ROLLBACK INTO t (k) VALUES (1)",
		"INSERT INTO nowhere VALUES (1)", "INSERT INTO t (nope) VALUES (1)",
	};
	static const char *const good[] = {
		"INSERT OR REPLACE INTO t (k, n) VALUES ('a', 1)", "INSERT OR IGNORE INTO t (k, n) VALUES ('a', 2)",
		"INSERT INTO t (k, n) VALUES ('b', 2) RETURNING n",
		"WITH c AS (SELECT k, n FROM t WHERE n > 1) INSERT INTO u SELECT n, k FROM c",
		"UPDATE t SET n = (SELECT count(*) FROM u) WHERE k IN (SELECT x FROM u)",
		"INSERT INTO t (k, n) SELECT 'r', x FROM readable WHERE true ON CONFLICT (k) DO NOTHING",
		"UPDATE u SET x = upper(x) WHERE id = 1", "DELETE FROM u WHERE id > 10",
		"INSERT INTO t (k) SELECT value FROM json_each('[\"j\"]')",
		"INSERT INTO t (k) VALUES (date('2024-01-01', '+1 day'))",
	};
	struct ev_error err = EV_ERROR_INIT;
	struct ev_buf tables = EV_BUF_INIT, reads = EV_BUF_INIT;
	struct ev_store *s = handlers_store(&tables);
	struct ev_query *q;
	size_t at;

	ev_buf_add(&reads, "readable", 9);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		q = s->ops->prepare(s, bad[i], true, &tables, &reads, &at, &err);
		CHECK(!q && err.class == EV_USAGE, "refused: %s: %s", bad[i], err.text);
		s->ops->finish(s, q);
	}
	err = (struct ev_error)EV_ERROR_INIT;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		q = s->ops->prepare(s, good[i], true, &tables, &reads, &at, &err);
		CHECK(q && s->ops->run(s, q, NULL, 0, &err) >= 0, "runs: %s%s", good[i], err.text);
		s->ops->finish(s, q);
	}
	q = s->ops->prepare(s, "WITH c AS (SELECT 1) DELETE FROM t", true, NULL, NULL, &at, &err);
	CHECK(!q, "a check cannot delete: %s", err.text);
	q = s->ops->prepare(s, "WITH c AS (SELECT k FROM t) SELECT group_concat(k), row_number() OVER () FROM c",
			    true, NULL, NULL, &at, &err);
	CHECK(q != NULL, "a check may begin with WITH, and use what queries may: %s", err.text);
	s->ops->finish(s, q);
	q = s->ops->prepare(s, "UPDATE t SET n = nope WHERE k = 'a'", true, &tables, NULL, &at, &err);
	CHECK(!q && at == 17, "an error points at its byte: %zu, %s", at, err.text);
	q = s->ops->prepare(s, "INSERT INTO u (id, x) VALUES (?1, ?2)", true, &tables, NULL, &at, &err);
	s->ops->script(s, "ALTER TABLE u RENAME TO gone", &err);
	CHECK(s->ops->run(s, q, (struct ev_bind[]){ ev_bind_int(77), ev_bind_text("x") }, 2, &err) < 0 &&
		      err.class == EV_STORE, "a table that vanished is no fault of the record: %s", err.text);
	s->ops->finish(s, q);
	ev_buf_release(&tables);
	ev_buf_release(&reads);
	s->ops->close(s);
}

static void clock_words(void)
{
	static const char *const calls[] = {
		"date(?1)", "time(?1)", "datetime(?1)", "julianday(?1)", "unixepoch(?1)", "strftime('%Y', ?1)",
		"date('2024-01-01', ?1)", "date(CAST(?1 AS blob))", "date()", "strftime('%Y')",
	};
	static const char *const words[] = { "now", "NOW", "localtime", "LocalTime", "utc" };
	struct ev_buf tables = EV_BUF_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s = handlers_store(&tables);
	char sql[200];
	size_t at;

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		bool ok = true;
		struct ev_query *q;

		snprintf(sql, sizeof(sql), "INSERT INTO t (k) SELECT %s WHERE ?1 <> ''", calls[i]);
		q = s->ops->prepare(s, sql, true, &tables, NULL, &at, &err);
		for (size_t j = 0; q && j < sizeof(words) / sizeof(*words); j++) {
			struct ev_bind b = ev_bind_text(words[j]);

			ok &= s->ops->run(s, q, &b, 1, &err) < 0 && err.class == EV_DATA;
		}
		CHECK(!q || ok, "%s of the clock or the time zone is poison: %s", calls[i], err.text);
		s->ops->finish(s, q);
	}
	CHECK(ask(s, "SELECT count(*) FROM t") == 0, "and left no row");
	ev_buf_release(&tables);
	s->ops->close(s);
}

int main(void)
{
	if (!mkdtemp(dir))
		return 1;
	opening();
	transactions();
	locks();
	waits_of_a_load();
	schemas();
	handlers();
	clock_words();
	for (const char *const *f = (const char *const[]){ "text", "t.db", "t.db-wal", "t.db-shm", "l.db",
		     "l.db-wal", "l.db-shm", "l.db-evlock", "alias.db", NULL }; *f; f++)
		unlink(in_dir(*f));
	rmdir(dir);
	return test_done();
}
