/* commute_test.c - which handlers provably commute, and what is said when they do not */
#include "test.h"

#include "projection/projection.h"

#define HEAD "-- @projection p version 1\n-- @topics t\n"
#define TABLE "-- @schema\nCREATE TABLE t (k text PRIMARY KEY, n integer NOT NULL, lo text, hi bigint);\n"
#define KEYS "-- @schema\nCREATE TABLE t (k text PRIMARY KEY);\n"
#define ON "-- @on a\n"
#define INSERT "INSERT INTO t (k, n) VALUES ($.k, $.n) ON CONFLICT (k) DO UPDATE SET "

/* `want` is NULL for a proof, else a part of the reason. */
static void check(const char *what, const char *want, const char *text)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_projection *p = ev_projection_parse("p", ev_slice_str(text), &err);
	struct ev_buf why = EV_BUF_INIT;
	bool commutes = p && ev_projection_commutes(p, &why);

	if (!CHECK(p && commutes == !want && (commutes ? why.len == 0 : strstr(ev_buf_str(&why), want) != NULL),
		   "%s", what))
		printf("#   %s%s\n", err.text, ev_buf_str(&why));
	ev_buf_release(&why);
	ev_projection_free(p);
}

static void test_proved(void)
{
	check("nothing commutes with nothing", NULL, HEAD);
	check("a sum of what comes", NULL, HEAD TABLE ON INSERT "n = t.n + excluded.n");
	check("in the other order, quoted, in capitals", NULL,
	      HEAD TABLE ON "INSERT INTO \"t\" (\"k\", n) VALUES ($.k, $.n) ON CONFLICT (k) DO UPDATE SET "
			    "N = EXCLUDED.n + T.\"n\"");
	check("a count, spelled out", NULL,
	      HEAD TABLE ON "INSERT INTO t (k, n) VALUES ($.k, 1) ON CONFLICT (k) DO UPDATE SET n = n + 1;");
	check("a parameter that is both the first value and the step", NULL,
	      HEAD TABLE ON INSERT "n = t.n + $.n");
	check("minimum and maximum beside the sum", NULL,
	      HEAD TABLE ON "INSERT INTO t (k, n, lo, hi) VALUES ($.k, -:scaled($.n, 2), :time, $.x) "
			    "ON CONFLICT (k) DO UPDATE SET n = t.n + excluded.n, "
			    "lo = min(t.lo, excluded.lo), hi = greatest(excluded.hi, hi)");
	check("several handlers that do the same to each column", NULL,
	      HEAD TABLE ON INSERT "n = t.n + excluded.n;\n-- @on b each $.items\n"
				   "INSERT INTO t (n, k) VALUES (1, $item.k) "
		   "ON CONFLICT (k) DO UPDATE SET n = t.n + 1");
	check("a set of keys", NULL,
	      HEAD KEYS ON "INSERT INTO t (k) VALUES ($.k) ON CONFLICT (k) DO NOTHING");
	check("a whole key that is required", NULL,
	      HEAD "-- @schema\nCREATE TABLE t (k integer PRIMARY KEY, n int);\n" ON
		   "INSERT INTO t (k, n) VALUES ($.k!, 1) ON CONFLICT (k) DO UPDATE SET n = t.n + 1");
	check("a key of two columns", NULL,
	      HEAD "-- @schema\nCREATE TABLE t (a integer, b text, n int, PRIMARY KEY (a, b));\n" ON
		   "INSERT INTO t (a, b, n) VALUES ($.a, $.b, 1) "
		   "ON CONFLICT (a, b) DO UPDATE SET n = t.n + 1");
}

static void test_shapes(void)
{
	check("a plain INSERT", "table 't', handler at line 6: its INSERT has no ON CONFLICT",
	      HEAD TABLE ON "INSERT INTO t (k, n) VALUES ($.k, 1)");
	check("an UPDATE", "handler at line 6: UPDATE and DELETE",
	      HEAD TABLE ON "UPDATE t SET n = n + 1 WHERE k = $.k");
	check("a DELETE", "table 't', handler at line 6: UPDATE and DELETE",
	      HEAD TABLE ON "DELETE FROM t WHERE k = $.k");
	check("the last value", "SET is more than", HEAD TABLE ON INSERT "n = excluded.n");
	check("a step that is not the first value", "SET is more than", HEAD TABLE ON INSERT "n = t.n + 1");
	check("a difference", "SET is more than", HEAD TABLE ON INSERT "n = t.n - excluded.n");
	check("a sum of another column", "SET is more than", HEAD TABLE ON INSERT "n = t.hi + excluded.n");
	check("a product", "SET is more than", HEAD TABLE ON INSERT "n = t.n * excluded.n");
	check("more behind the sum", "not understood", HEAD TABLE ON INSERT "n = t.n + excluded.n + 1");
	check("a condition on the update", "not understood",
	      HEAD TABLE ON INSERT "n = t.n + excluded.n WHERE t.n < 10");
	check("a column that is only inserted", "keeps what came first",
	      HEAD TABLE ON "INSERT INTO t (k, n, lo) VALUES ($.k, 1, $.lo) "
		   "ON CONFLICT (k) DO UPDATE SET n = t.n + 1");
	check("the first row wins", "first to come wins",
	      HEAD TABLE ON "INSERT INTO t (k, n) VALUES ($.k, 1) ON CONFLICT (k) DO NOTHING");
	check("a subselect", "VALUES use more",
	      HEAD TABLE ON "INSERT INTO t (k, n) VALUES ($.k, (SELECT max(n) FROM t)) "
		   "ON CONFLICT (k) DO UPDATE SET n = t.n + excluded.n");
	check("an INSERT from a SELECT", "no plain VALUES",
	      HEAD TABLE ON "INSERT INTO t (k, n) SELECT k, 1 FROM t WHERE true "
		   "ON CONFLICT (k) DO UPDATE SET n = t.n + 1");
	check("a function", "VALUES use more",
	      HEAD TABLE ON "INSERT INTO t (k, n) VALUES (lower($.k), 1) "
		   "ON CONFLICT (k) DO UPDATE SET n = t.n + 1");
	check("WITH", "not understood",
	      HEAD TABLE ON "WITH x AS (SELECT 1) INSERT INTO t (k, n) VALUES ($.k, 1) "
		   "ON CONFLICT (k) DO UPDATE SET n = t.n + 1");
	check("OR REPLACE", "not understood",
	      HEAD TABLE ON "INSERT OR REPLACE INTO t (k, n) VALUES ($.k, 1)");
	check("RETURNING", "not understood", HEAD TABLE ON INSERT "n = t.n + excluded.n RETURNING n");
	check("a value cut short", "fewer values", HEAD TABLE ON "INSERT INTO t (k, n) VALUES ($.k)");
	check("two rows", "no ON CONFLICT",
	      HEAD TABLE ON "INSERT INTO t (k, n) VALUES ($.k, 1), ($.l, 1) "
		   "ON CONFLICT (k) DO UPDATE SET n = t.n + 1");
	check("too few values", "fewer values",
	      HEAD TABLE ON "INSERT INTO t (k, n) VALUES ($.k) ON CONFLICT (k) DO UPDATE SET n = t.n + 1");
	check("a statement cut short", "no plain VALUES", HEAD KEYS ON "INSERT INTO t (k) VALUES");
}

static void test_tables(void)
{
	static const char *const odd[] = { "n integer CHECK (n > 0)", "n integer REFERENCES u (n)",
					   "n integer, lo text COLLATE nocase" };

	check("a table that is not there", "not in '@schema'", HEAD ON INSERT "n = t.n + excluded.n");
	check("a sum of reals", "not declared as integer",
	      HEAD "-- @schema\nCREATE TABLE t (k text PRIMARY KEY, n real);\n" ON INSERT "n = t.n + excluded.n");
	check("a maximum of reals", "neither integer nor text",
	      HEAD "-- @schema\nCREATE TABLE t (k text PRIMARY KEY, n real);\n" ON INSERT "n = max(t.n, excluded.n)");
	check("a key without a type", "neither integer nor text",
	      HEAD "-- @schema\nCREATE TABLE t (k PRIMARY KEY, n integer);\n" ON INSERT "n = t.n + excluded.n");
	check("one dialect where it is no integer", "not declared as integer",
	      HEAD "-- @schema sqlite\nCREATE TABLE t (k text PRIMARY KEY, n integer);\n"
		   "-- @schema postgresql\nCREATE TABLE t (k text PRIMARY KEY, n numeric);\n" ON INSERT
		   "n = t.n + excluded.n");
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		char text[512];

		snprintf(text, sizeof(text), HEAD "-- @schema\nCREATE TABLE t (k text PRIMARY KEY, %s);\n" ON
			 INSERT "n = t.n + excluded.n", odd[i]);
		check(odd[i], "constraints or collations", text);
	}
	check("a second key", "exactly one key",
	      HEAD "-- @schema\nCREATE TABLE t (k text PRIMARY KEY, n int UNIQUE);\n" ON INSERT "n = t.n + excluded.n");
	check("a unique index", "exactly one key",
	      HEAD TABLE "CREATE UNIQUE INDEX i ON t (n);\n" ON INSERT "n = t.n + excluded.n");
	check("a whole key that may be NULL", "write ! behind it",
	      HEAD "-- @schema\nCREATE TABLE t (k integer PRIMARY KEY, n int);\n" ON INSERT "n = t.n + excluded.n");
}

static void test_pairs(void)
{
	check("dedupe", "@dedupe", HEAD "-- @dedupe id\n" TABLE ON INSERT "n = t.n + excluded.n");
	check("a sum here, a maximum there", "folds a column in another way",
	      HEAD TABLE ON INSERT "n = t.n + excluded.n;" INSERT "n = max(t.n, excluded.n)");
	check("other columns there", "writes other columns",
	      HEAD TABLE ON INSERT "n = t.n + excluded.n;"
				   "INSERT INTO t (k, hi) VALUES ($.k, 1) "
		   "ON CONFLICT (k) DO UPDATE SET hi = t.hi + 1");
	check("a delete in the last handler", "line 8: UPDATE and DELETE",
	      HEAD TABLE ON INSERT "n = t.n + excluded.n;\n-- @on b\nDELETE FROM t WHERE k = $.k");
	check("must touch, with nothing to do the second time", "must touch",
	      HEAD KEYS "-- @on a must touch\nINSERT INTO t (k) VALUES ($.k) ON CONFLICT (k) DO NOTHING");
}

int main(void)
{
	test_proved();
	test_shapes();
	test_tables();
	test_pairs();
	return test_done();
}
