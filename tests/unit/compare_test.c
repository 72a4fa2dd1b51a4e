/*
 * compare_test.c - old against new: pairs that a comparison could take for the same, or be upset by, and
 * random ones judged by SQL
 */
#include "test.h"

#include "base/buf.h"
#include "rebuild/compare.h"

static struct ev_store *memory(const char *sql)
{
	struct ev_store_options opt = EV_STORE_OPTIONS_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s = ev_sqlite_open(":memory:", &opt, &err);

	if (!s || s->ops->script(s, sql, &err) < 0) {
		printf("Bail out! %s\n", err.text);
		exit(1);
	}
	return s;
}

/* `samples` rows of each kind of the table t; "error" instead of a line. */
static struct ev_buf compare(const char *old, const char *new, struct ev_comparison *c)
{
	struct ev_buf tables = EV_BUF_INIT, line = EV_BUF_INIT;
	struct ev_store *a = memory(old), *b = memory(new);
	struct ev_error err = EV_ERROR_INIT;

	ev_buf_add(&tables, "t", 2);
	if (ev_compare(a, b, &tables, 5, NULL, NULL, c, &err) < 0)
		ev_buf_addf(&line, "error: %s", err.text);
	else
		ev_buf_addf(&line, "%s %d %d %d %d", c->tables[0].keyed ? "key" : "bag",
			    (int)c->tables[0].same, (int)c->tables[0].changed, (int)c->tables[0].only_old,
			    (int)c->tables[0].only_new);
	ev_buf_release(&tables);
	a->ops->close(a);
	b->ops->close(b);
	return line;
}

/* "key|bag SAME CHANGED ONLY-OLD ONLY-NEW" */
static bool is(const char *old, const char *new, const char *want)
{
	struct ev_comparison c;
	struct ev_buf got = compare(old, new, &c);
	bool same = ev_slice_is(ev_buf_slice(&got), want);

	if (!same)
		printf("# %s\n", ev_buf_str(&got));
	ev_comparison_release(&c);
	ev_buf_release(&got);
	return same;
}

/* What is said of the only row that differs. */
static bool said(const char *old, const char *new, const char *key, const char *what)
{
	struct ev_comparison c;
	struct ev_buf got = compare(old, new, &c);
	bool same = c.ntables && c.tables[0].nsamples == 1 && strcmp(c.tables[0].samples[0].key, key) == 0 &&
		    strcmp(c.tables[0].samples[0].what, what) == 0;

	if (!same && c.ntables && c.tables[0].nsamples)
		printf("# %s: %s\n", c.tables[0].samples[0].key, c.tables[0].samples[0].what);
	ev_comparison_release(&c);
	ev_buf_release(&got);
	return same;
}

#define T "CREATE TABLE t (k text PRIMARY KEY, v, w);"
#define M "CREATE TABLE t (k, v);"

static void columns(void)
{
	struct ev_buf line = EV_BUF_INIT, counts;
	struct ev_comparison c;

	CHECK(is("CREATE TABLE t (k integer PRIMARY KEY, v); INSERT INTO t VALUES (1, 'a'), (2, 'b')",
		 "CREATE TABLE t (k integer PRIMARY KEY, w); INSERT INTO t VALUES (1, 'c'), (2, 'd')", "key 0 2 0 0"),
	      "a column that has another name changes each row");
	CHECK(said("CREATE TABLE t (k integer PRIMARY KEY, v); INSERT INTO t VALUES (1, 'a')",
		   "CREATE TABLE t (k integer PRIMARY KEY); INSERT INTO t VALUES (1)", "k=1", "lacks v"),
	      "one that is gone is named");
	CHECK(is("CREATE TABLE t (k integer PRIMARY KEY, v); INSERT INTO t VALUES (1, 'a')",
		 "CREATE TABLE t (k2 integer PRIMARY KEY, v); INSERT INTO t VALUES (1, 'a')", "bag 0 1 0 0"),
	      "so does a key that has another name");
	CHECK(is("CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 2), (3, 4)",
		 "CREATE TABLE t (c, d); INSERT INTO t VALUES (1, 2)", "bag 0 0 2 1"),
	      "without a column in common all rows differ");
	CHECK(is("CREATE TABLE t (k integer PRIMARY KEY); INSERT INTO t VALUES (1)",
		 "CREATE TABLE t (k integer PRIMARY KEY, v); INSERT INTO t VALUES (1, 'a')", "key 1 0 0 0"),
	      "a column that is only new changes none");
	counts = compare("CREATE TABLE t (k integer PRIMARY KEY)", "CREATE TABLE t (k integer PRIMARY KEY, v)", &c);
	ev_comparison_line(&c, &line);
	CHECK(strcmp(ev_buf_str(&line), "all 0 rows are the same, but for tables or columns that are new") == 0,
	      "but it is told");
	ev_comparison_release(&c);
	ev_buf_release(&counts);
	ev_buf_release(&line);
}

static void numbers(void)
{
	CHECK(is(T "INSERT INTO t VALUES ('a', 9007199254740993, 0)",
		 T "INSERT INTO t VALUES ('a', 9007199254740992.0, 0)", "key 0 1 0 0"),
	      "an integer is not the fraction that it would be rounded to");
	CHECK(is(T "INSERT INTO t VALUES ('a', 9223372036854775807, 5), ('b', -9223372036854775808, -5)",
		 T "INSERT INTO t VALUES ('a', 9223372036854775808.0, 5.0), ('b', -9223372036854775808.0, -5.5)",
		 "key 0 2 0 0"), "nor at the ends of 64 bits");
	CHECK(is(T "INSERT INTO t VALUES ('a', 1, -0.0), ('b', 9e999, -9e999)",
		 T "INSERT INTO t VALUES ('a', 1.0, 0), ('b', 9e999, -9e999)", "key 2 0 0 0"),
	      "1.0 is 1, -0.0 is 0, infinity is itself");
	CHECK(is(M "INSERT INTO t VALUES (1, 9007199254740993), (1, 9007199254740992.0), (1, 9007199254740992)",
		 M "INSERT INTO t VALUES (1, 9007199254740992), (1, 9007199254740992), (1, 9007199254740993)",
		 "bag 3 0 0 0"), "and sort so, among integers and fractions");
	CHECK(said(T "INSERT INTO t VALUES ('a', 0.1, 0)", T "INSERT INTO t VALUES ('a', 0.1 + 1.4e-17, 0)",
		   "k='a'", "v: 0.1 -> 0.10000000000000002"), "two values never look the same in the report");
}

static void keys(void)
{
	CHECK(is(T "INSERT INTO t VALUES (NULL, 1, 1), (NULL, 2, 2), ('a', 1, 1)",
		 T "INSERT INTO t VALUES (NULL, 2, 2), ('a', 1, 1), (NULL, 1, 1)", "bag 3 0 0 0"),
	      "a key with NULLs in it is no key");
	CHECK(is(T "INSERT INTO t VALUES ('b', 2, 2), ('a', 1, 1)",
		 T "INSERT INTO t VALUES (NULL, 2, 2), ('a', 1, 1)", "bag 1 0 1 1"), "in either of the two");
	CHECK(is("CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 1), (-1, 1)",
		 "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 1), (-1, 2)", "key 1 1 0 0"),
	      "a rowid is one");
	CHECK(is("CREATE TABLE t (a int, b int, v int, PRIMARY KEY (b, a));"
		 "INSERT INTO t VALUES (1, 2, 3), (2, 1, 4), (1, 1, 5)",
		 "CREATE TABLE t (v int, A int, b int, PRIMARY KEY (b, A));"
		 "INSERT INTO t VALUES (3, 1, 2), (4, 2, 1), (6, 1, 1)", "key 2 1 0 0"),
	      "columns may stand elsewhere, and be written in another case");
	CHECK(is("CREATE TABLE t (k text COLLATE NOCASE PRIMARY KEY, v text COLLATE NOCASE);"
		 "INSERT INTO t VALUES ('B', 'x'), ('a', 'y'), ('C', 'z')",
		 "CREATE TABLE T (k text PRIMARY KEY, v text);"
		 "INSERT INTO t VALUES ('a', 'Y'), ('B', 'x'), ('c', 'z')", "key 1 1 1 1"),
	      "collations do not count");
	CHECK(is("CREATE TABLE t (a int PRIMARY KEY, b int); INSERT INTO t VALUES (1, 2)",
		 "CREATE TABLE t (a int, b int PRIMARY KEY); INSERT INTO t VALUES (1, 3)", "bag 0 0 1 1"),
	      "two keys are none");
	CHECK(is("CREATE TABLE t (id INTEGER PRIMARY KEY, d AS (id * 2)); INSERT INTO t VALUES (1), (2)",
		 "CREATE TABLE t (id INTEGER PRIMARY KEY, d AS (id + 1)); INSERT INTO t VALUES (1), (2)",
		 "key 1 1 0 0"), "generated columns are compared as values");
	CHECK(said(T "INSERT INTO t VALUES ('a', CAST(x'ff41' AS TEXT), 0)", T "INSERT INTO t VALUES ('a', 'A', 0)",
		   "k='a'", "v: text x'ff41' -> 'A'"), "text that is not UTF-8 is told as bytes");
}

/* A random table of few values, and what a database says of two such tables. */
static void fill(struct ev_store *s, const char *table, uint64_t *seed, bool key)
{
	static const char *const values[] = { "NULL", "0", "-1", "1", "1.5", "''", "'a'", "'B'", "'é'", "x''",
					      "x'61'", "9007199254740993", "9007199254740992.0", "'1'", "-0.0" };
	struct ev_error err = EV_ERROR_INIT;
	struct ev_buf sql = EV_BUF_INIT;

	ev_buf_addf(&sql, "CREATE TABLE %s (k text%s, v, w);", table, key ? " PRIMARY KEY" : "");
	for (int n = (int)(test_rand(seed) % 40); n > 0; n--)
		ev_buf_addf(&sql, "INSERT OR REPLACE INTO %s VALUES ('%c%d', %s, %s);", table,
			    "aB\x7f"[test_rand(seed) % 3], (int)(test_rand(seed) % 12),
			    values[test_rand(seed) % 15], values[test_rand(seed) % 15]);
	if (s->ops->script(s, ev_buf_str(&sql), &err) < 0)
		printf("Bail out! %s\n", err.text);
	ev_buf_release(&sql);
}

static int take(void *ctx, const struct ev_cell *c, size_t n)
{
	(void)n;
	*(int64_t *)ctx = c[0].i;
	return 0;
}

static int64_t ask(struct ev_store *s, const char *sql)
{
	struct ev_error err = EV_ERROR_INIT;
	int64_t n = -1;
	size_t at;
	struct ev_query *q = s->ops->prepare(s, sql, false, NULL, NULL, &at, &err);

	if (q)
		s->ops->select(s, q, NULL, 0, take, &n, &err);
	else
		printf("# %s\n", err.text);
	s->ops->finish(s, q);
	return n;
}

static void random_pair(uint64_t seed, bool key)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_buf tables = EV_BUF_INIT;
	uint64_t state = seed, other = seed + 1, again = seed + 1;
	struct ev_store *a = memory(""), *b = memory("");
	const struct ev_compared_table *t;
	struct ev_comparison c;
	int64_t changed, only_old, only_new;

	/* both tables in one store for SQL to judge; in two for us */
	fill(a, "t", &state, key);
	fill(b, "t", &other, key);
	fill(a, "u", &again, key);
	only_old = ask(a, key ? "SELECT count(*) FROM t WHERE k NOT IN (SELECT k FROM u)"
			      : "SELECT coalesce(sum(max(0, n - m)), 0) FROM (SELECT count(*) n, (SELECT count(*) FROM "
				"u WHERE u.k = t.k AND u.v IS t.v AND u.w IS t.w) m FROM t GROUP BY k, v, w)");
	only_new = ask(a, key ? "SELECT count(*) FROM u WHERE k NOT IN (SELECT k FROM t)"
			      : "SELECT coalesce(sum(max(0, n - m)), 0) FROM (SELECT count(*) n, (SELECT count(*) FROM "
				"t WHERE u.k = t.k AND u.v IS t.v AND u.w IS t.w) m FROM u GROUP BY k, v, w)");
	changed = key ? ask(a, "SELECT count(*) FROM t JOIN u USING (k) WHERE t.v IS NOT u.v OR t.w IS NOT u.w") : 0;
	ev_buf_add(&tables, "t", 2);
	if (!CHECK(ev_compare(a, b, &tables, 3, NULL, NULL, &c, &err) == 0 && (t = c.tables) &&
		   t->only_old == only_old && t->only_new == only_new && t->changed == changed &&
		   t->same == ask(a, "SELECT count(*) FROM t") - changed - only_old &&
		   t->same == ask(b, "SELECT count(*) FROM t") - changed - only_new,
		   "seed %" PRIu64 "%s: as SQL says", seed, key ? " by key" : ""))
		printf("# %s; want %d %d %d\n", err.text, (int)changed, (int)only_old, (int)only_new);
	ev_comparison_release(&c);
	ev_buf_release(&tables);
	a->ops->close(a);
	b->ops->close(b);
}

/* A table without a key is sorted whole; temporary tables in memory (2) would set no bound to that. */
static void sorts(void)
{
	struct ev_store_options opt = EV_STORE_OPTIONS_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s;

	opt.read_only = true;
	s = ev_sqlite_open(":memory:", &opt, &err);
	CHECK(s && ask(s, "PRAGMA temp_store") < 2, "who only reads sorts on disk");
	if (s)
		s->ops->close(s);
}

int main(void)
{
	uint64_t seed = test_seed();

	sorts();
	columns();
	numbers();
	keys();
	for (uint64_t i = 0; i < 20 * (uint64_t)test_effort(); i++) {
		random_pair(seed + i, true);
		random_pair(seed + i, false);
	}
	return test_done();
}
