/* late_test.c - which dead letters may be applied behind records of other keys */
#include "test.h"

#include "projection/late.h"

#define HEAD "-- @projection p version 1\n-- @topics t, u\n-- @envelope type=$.type\n-- @schema\n"
#define TABLES "CREATE TABLE t (k text PRIMARY KEY, n integer NOT NULL, x text);\n" \
	       "CREATE TABLE s (k text PRIMARY KEY, n integer NOT NULL);\n"
#define A "-- @on a\n" /* the letter's handler */
#define B ";\n-- @on b\n"
#define OWN "INSERT INTO t (k, n) VALUES (:key, $.n) ON CONFLICT (k) DO UPDATE SET n = excluded.n"
#define SUM "INSERT INTO s (k, n) VALUES ($.k, 1) ON CONFLICT (k) DO UPDATE SET n = s.n + 1"

/* `want` is NULL for yes, else a part of the reason. The letter's handler is the first. */
static void check(const char *what, const char *want, const char *text)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_projection *p = ev_projection_parse("p", ev_slice_str(text), &err);
	struct ev_buf why = EV_BUF_INIT;
	int first[] = { 0, -1 };
	bool may = p && ev_projection_may_be_late(p, first, &why);

	if (!CHECK(p && may == !want && (!want || strstr(ev_buf_str(&why), want)), "%s", what))
		printf("#   %s%s\n", err.text, ev_buf_str(&why));
	ev_buf_release(&why);
	ev_projection_free(p);
}

static void test_own(void)
{
	check("rows of the record's key alone", NULL, HEAD TABLES A OWN);
	check("updated and deleted by it as well", NULL,
	      HEAD TABLES A OWN B "UPDATE t SET n = t.n * 2, x = 'k' WHERE k = :key AND (n > 1 OR n < 0)"
	      ";\n-- @on tombstone of t\nDELETE FROM t WHERE t.k = :key");
	check("sums beside them", NULL, HEAD TABLES A OWN ";\n" SUM);
	check("sums alone, whatever stands in other tables", NULL,
	      HEAD TABLES A SUM B "UPDATE t SET n = 1 WHERE x = $.x");
	check("dedupe is no matter: the ids are decided", NULL,
	      "-- @projection p version 1\n-- @topics t\n-- @envelope id=$.id type=$.type\n"
	      "-- @dedupe id\n-- @schema\n" TABLES A SUM);
	check("a key of several columns of which one is the record's", NULL,
	      HEAD "CREATE TABLE t (a text, k text, n int, PRIMARY KEY (a, k));\n" A
		   "INSERT INTO t (a, k, n) VALUES ($.a, :key, 1) ON CONFLICT (a, k) DO NOTHING");
}

#define KEYED "-- @projection p version 1\n-- @topics t, u\n-- @envelope type=$.type\n-- @key $.k\n-- @schema\n"

/* Where the file says which path is the record's key, that path is as good. */
static void test_keyed(void)
{
	check("rows found by the path of @key", NULL,
	      KEYED TABLES A "INSERT INTO t (k, n) VALUES ($.k!, $.n) "
			     "ON CONFLICT (k) DO UPDATE SET n = excluded.n");
	check("by the path, by the key", NULL, KEYED TABLES A OWN B "UPDATE t SET n = 1 WHERE k = $.k AND n > 1");
	check("by another path", "table 't', handler at line", KEYED TABLES A OWN B "DELETE FROM t WHERE k = $.l");
	check("scaled it is another value", "table 't', handler at line",
	      KEYED TABLES A OWN B "DELETE FROM t WHERE k = :scaled($.k, 2)");
	check("an element's path is another", "table 't', handler at line",
	      KEYED TABLES A OWN ";\n-- @on b each $.l\nDELETE FROM t WHERE k = $item.k");
}

static void test_shared(void)
{
	check("rows found by a path", "table 't', handler at line",
	      HEAD TABLES A "INSERT INTO t (k, n) VALUES ($.k, $.n) "
			    "ON CONFLICT (k) DO UPDATE SET n = excluded.n");
	check("another handler finds them by a path", "table 't', handler at line",
	      HEAD TABLES A OWN B "DELETE FROM t WHERE k = $.k");
	check("the key stands beside an OR", "table 't', handler at line",
	      HEAD TABLES A OWN B "UPDATE t SET n = 1 WHERE k = :key OR n = 2");
	check("behind an AND that is an OR's", "table 't', handler at line",
	      HEAD TABLES A OWN B "UPDATE t SET n = 1 WHERE k = :key AND n = 2 OR n = 3");
	check("the key as a part of an expression", "table 't', handler at line",
	      HEAD TABLES A OWN B "UPDATE t SET n = 1 WHERE k = :key || 'x'");
	check("no condition", "table 't', handler at line", HEAD TABLES A OWN B "DELETE FROM t");
	check("a row goes to another key", "table 't', handler at line",
	      HEAD TABLES A OWN B "UPDATE t SET n = 1, k = $.to WHERE k = :key");
	check("a row goes to another key by a list", "table 't', handler at line",
	      HEAD TABLES A OWN B "UPDATE t SET (k, n) = ($.to, 1) WHERE k = :key");
	check("a conflict gives it another key", "table 't', handler at line",
	      HEAD TABLES A "INSERT INTO t (k, n) VALUES (:key, $.n) "
			    "ON CONFLICT (k) DO UPDATE SET k = $.to");
	check("an INSERT that names no conflict", "no ON CONFLICT",
	      HEAD TABLES A "INSERT INTO t (k, n) VALUES (:key, 1)");
	check("two rows", "table 't', handler at line",
	      HEAD TABLES A "INSERT INTO t (k, n) VALUES (:key, 1), ($.k, 1) "
			    "ON CONFLICT (k) DO NOTHING");
	check("another column than the key's is :key", "first to come wins",
	      HEAD TABLES A "INSERT INTO t (x, k, n) VALUES (:key, $.k, 1) "
			    "ON CONFLICT (k) DO NOTHING");
	check("a handler reads what the letter writes", "it reads other rows",
	      HEAD TABLES A OWN B "UPDATE s SET n = (SELECT n FROM t WHERE k = $.k) WHERE k = :key");
	check("so does one that inserts", "it reads other rows",
	      HEAD TABLES A OWN B "INSERT INTO s (k, n) SELECT k, n FROM t");
}

static void test_tables(void)
{
	check("a second unique key", "own: the table has a second unique key",
	      HEAD "CREATE TABLE t (k text PRIMARY KEY, n integer UNIQUE);\n" A OWN);
	check("a CHECK", "own: the table has a CHECK",
	      HEAD "CREATE TABLE t (k text PRIMARY KEY, n integer CHECK (n < 9));\n" A OWN);
	check("a foreign key", "own: the table has a foreign key",
	      HEAD "CREATE TABLE t (k text PRIMARY KEY, n integer REFERENCES s (k));\n" A OWN);
	check("no key", "own: the table has no key", HEAD "CREATE TABLE t (k text, n integer);\n" A OWN);
	check("an integer key, to which '1' and '01' are one", "own: no column of the table is text",
	      HEAD "CREATE TABLE t (k integer PRIMARY KEY, n integer);\n" A OWN);
	check("a collation", "own: the table has a COLLATE",
	      HEAD "CREATE TABLE t (k text COLLATE NOCASE PRIMARY KEY, n integer);\n" A OWN);
	check("one dialect's table is not enough", "its SET is more",
	      "-- @projection p version 1\n-- @topics t\n-- @envelope type=$.type\n-- @schema sqlite\n"
	      "CREATE TABLE t (k text PRIMARY KEY, n integer);\n-- @schema postgresql\n"
	      "CREATE TABLE t (k bigint PRIMARY KEY, n integer);\n" A OWN);
}

/* `want`: the path that would do as @key, or NULL. */
static void check_by_key(const char *what, const char *want, const char *text)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_projection *p = ev_projection_parse("p", ev_slice_str(text), &err);
	struct ev_buf path = EV_BUF_INIT;
	int first[] = { 0, -1 };
	bool found = p && ev_projection_late_by_key(p, first, &path);

	CHECK(p && found == !!want && strcmp(ev_buf_str(&path), want ? want : "") == 0, "%s: %s", what,
	      ev_buf_str(&path));
	ev_buf_release(&path);
	ev_projection_free(p);
}

static void test_by_key(void)
{
#define BY(k) "INSERT INTO t (k, n) VALUES (" k ", $.n) ON CONFLICT (k) DO UPDATE SET n = excluded.n"
	check_by_key("the path that all rows are found by", "$.a.k", HEAD TABLES A BY("$.a.k!"));
	check_by_key("in each handler of the table", "$.k", HEAD TABLES A BY("$.k") B "DELETE FROM t WHERE k = $.k");
	check_by_key("sums beside it", "$.k", HEAD TABLES A BY("$.k") ";\n" SUM);
	check_by_key("two paths are none", NULL, HEAD TABLES A BY("$.k") B "DELETE FROM t WHERE k = $.l");
	check_by_key("one beside :key is the same", "$.k", HEAD TABLES A BY("$.k") B "DELETE FROM t WHERE k = :key");
	check_by_key("another @key stands", NULL, KEYED TABLES A BY("$.l"));
	check_by_key("a CHECK is in the way", NULL,
		     HEAD "CREATE TABLE t (k text PRIMARY KEY, n integer CHECK (n < 9));\n" A BY("$.k"));
#undef BY
}

int main(void)
{
	test_own();
	test_keyed();
	test_shared();
	test_tables();
	test_by_key();
	return test_done();
}
