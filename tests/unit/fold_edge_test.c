/*
 * fold_edge_test.c - what is easily got wrong in expressions, by name: folded, by statements, and what must come
 *
 * On an in-memory SQLite or, where EV_FOLD_STORE names an empty PostgreSQL database, there. Each case is a table
 * `t`, handlers for the type `e`, and events; its rows and the offsets of its dead letters are what is compared.
 */
#include "test.h"

#include "apply/apply.h"
#include "base/mem.h"

enum on { BOTH, LITE, LITE_UNFOLDED, PG, PG_UNFOLDED }; /* unfolded: goes by statements */

struct edge {
	const char *what;
	enum on on;
	const char *table, *handler;
	const char *events[6]; /* what follows "k":"x" */
	const char *rows;      /* of all columns but k, then the offsets that are dead */
};

#define INTO(columns, values) "INSERT INTO t (k, " columns ") VALUES ($.k, " values ")"
#define PUT(column, value) INTO(column, value) " ON CONFLICT (k) DO UPDATE SET " column " = "

static const struct edge edges[] = {
	{ "a condition that is unknown is not true", BOTH, "a int, s text",
	  INTO("a, s", "$.a, CASE WHEN $.a > 1 THEN 'yes' WHEN NOT $.a > 1 THEN 'no' ELSE 'unknown' END"),
	  { ",\"a\":2", ",\"a\":1", "" }, "2|yes;1|no;NULL|unknown;" },
	{ "CASE without ELSE is NULL", BOTH, "s text", INTO("s", "CASE WHEN $.a = 1 THEN 'one' END"),
	  { ",\"a\":1", ",\"a\":2", "" }, "one;NULL;NULL;" },
	{ "CASE NULL WHEN NULL is no match", BOTH, "a int, s text",
	  "INSERT INTO t (k, a) VALUES ($.k, $.a); "
	  "UPDATE t SET s = CASE a WHEN NULL THEN 'null' WHEN 1 THEN 'one' ELSE 'other' END WHERE k = $.k",
	  { ",\"a\":1", "" }, "1|one;NULL|other;" },
	{ "NOT IN with a NULL in the list is never true", BOTH, "a int, s text",
	  "INSERT INTO t (k, a) VALUES ($.k, $.a); "
	  "UPDATE t SET s = CASE WHEN a NOT IN (1, NULL) THEN 'out' WHEN a IN (1, NULL) THEN 'in' ELSE '?' END "
	  "WHERE k = $.k",
	  { ",\"a\":1", ",\"a\":2" }, "1|in;2|?;" },
	{ "AND and OR know what NULL cannot change", BOTH, "a int, b int, s text",
	  "INSERT INTO t (k, a, b) VALUES ($.k, $.a, $.b); UPDATE t SET s = CASE WHEN a = 1 OR b = 1 THEN 'or' "
	  "WHEN NOT (a = 2 AND b = 2) THEN 'nand' ELSE '?' END WHERE k = $.k",
	  { ",\"a\":1", ",\"a\":3", ",\"b\":2" }, "1|NULL|or;3|NULL|nand;NULL|2|?;" },
	{ "IS DISTINCT FROM takes NULL for a value", BOTH, "a int, b int, s text",
	  "INSERT INTO t (k, a, b) VALUES ($.k, $.a, $.b); UPDATE t SET s = CASE WHEN a IS DISTINCT FROM b THEN "
	  "'differ' ELSE 'same' END WHERE k = $.k",
	  { "", ",\"a\":1", ",\"a\":1,\"b\":1" }, "NULL|NULL|same;1|NULL|differ;1|1|same;" },
	{ "BETWEEN takes both of its ends", BOTH, "a int, s text",
	  "INSERT INTO t (k, a) VALUES ($.k, $.a); "
	  "UPDATE t SET s = CASE WHEN a BETWEEN 1 AND 3 THEN 'in' ELSE 'out' END WHERE k = $.k",
	  { ",\"a\":0", ",\"a\":1", ",\"a\":3", ",\"a\":4" }, "0|out;1|in;3|in;4|out;" },
	{ "nullif and coalesce of several", BOTH, "a int, b int",
	  "INSERT INTO t (k, a) VALUES ($.k, $.a); "
	  "UPDATE t SET b = coalesce(nullif(a, 1), nullif(a, 2), 9) WHERE k = $.k",
	  { ",\"a\":1", ",\"a\":2", "" }, "1|1;2|2;NULL|9;" },
	{ "SQLite's min and max are NULL where one is", LITE, "a int, b int, c int",
	  INTO("a, b, c", "min(3, $.a, 2), max(3, $.a, 2), max($.a, 1)"), { ",\"a\":1", "" }, "1|3|1;NULL|NULL|NULL;" },
	{ "PostgreSQL's least and greatest pass over NULL", PG, "a int, b int, c int",
	  INTO("a, b, c", "least(3, $.a, 2), greatest(3, $.a, 2), greatest($.a::int, 1)"), { ",\"a\":1", "" },
	  "1|3|1;2|3|1;" },
	{ "a CHECK that is unknown is met, one that is broken is a dead letter", BOTH, "a int CHECK (a > 0)",
	  PUT("a", "$.a") "t.a + excluded.a", { ",\"a\":1", "", ",\"a\":-1" }, "1;NULL; dead 2" },
	{ "a CHECK sees the row as the update leaves it", BOTH, "a int, b int, CHECK (a <= b)",
	  "INSERT INTO t (k, a, b) VALUES ('one', $.a, $.b) ON CONFLICT (k) DO UPDATE SET a = excluded.a",
	  { ",\"a\":1,\"b\":2", ",\"a\":2,\"b\":9", ",\"a\":3,\"b\":9", ",\"a\":0,\"b\":9" }, "0|2; dead 2" },
	{ "what breaks a CHECK and is healed by the next event is a dead letter all the same", BOTH,
	  "a int, s text NOT NULL DEFAULT 'new' CHECK (s IN ('new', 'old') AND length(s) < 4)",
	  "INSERT INTO t (k, a) VALUES ('one', $.a) ON CONFLICT (k) DO UPDATE SET s = $.s, a = excluded.a",
	  { ",\"a\":1", ",\"a\":2,\"s\":\"odd\"", ",\"a\":3,\"s\":\"old\"" }, "3|old; dead 1" },
	{ "an integer that runs over is a dead letter", PG, "a int", PUT("a", "$.a") "t.a + excluded.a",
	  { ",\"k\":\"x\",\"a\":2147483647", ",\"k\":\"x\",\"a\":1" }, "2147483647; dead 1" },
	{ "SQLite makes a double of a sum that runs over, which the column refuses", LITE, "a int",
	  PUT("a", "$.a") "t.a + excluded.a", { ",\"k\":\"x\",\"a\":9223372036854775807", ",\"k\":\"x\",\"a\":1" },
	  "9223372036854775807; dead 1" },
	{ "products and signs", BOTH, "a int, b int",
	  "INSERT INTO t (k, a) VALUES ($.k, $.a); UPDATE t SET b = -a * 3 - -2 WHERE k = $.k",
	  { ",\"a\":5", ",\"a\":-1" }, "5|-13;-1|5;" },
	{ "a sum of integers that runs over does so under a cast too", PG, "a int, n numeric",
	  "INSERT INTO t (k, a) VALUES ('x', $.a) ON CONFLICT (k) DO UPDATE SET n = (t.a + excluded.a)::numeric",
	  { ",\"a\":2147483647", ",\"a\":1", ",\"a\":-1" }, "2147483647|2147483646; dead 1" },
	{ "... and in a CHECK, which the catalogue writes with one", PG, "a int, n numeric, CHECK (a + a <= n)",
	  "INSERT INTO t (k, a, n) VALUES ($.k, $.a, $.n)",
	  { ",\"k\":\"x\",\"a\":2147483647,\"n\":10000000000", ",\"k\":\"y\",\"a\":1,\"n\":2" }, "1|2; dead 0" },
	{ "a text with NUL that comes back from SQLite ends there for its functions", LITE, "s text, a int, b text",
	  "INSERT INTO t (k, s) VALUES ('x', $.s) ON CONFLICT (k) DO UPDATE SET a = length(t.s), "
	  "b = substr(t.s, 1, 3), s = NULL",
	  { ",\"s\":\"a\\u0000b\"", "" }, "NULL|1|a;" },
	{ "a column that is named twice", LITE_UNFOLDED, "a int", INTO("a, a", "1, 2"), { "" }, "1;" },
	{ "a sign of a sign", LITE_UNFOLDED, "s text", INTO("s", "- - $.s"), { ",\"s\":\"12abc\"" }, "12;" },
	{ "a primary key that is DEFERRABLE", PG_UNFOLDED, "a int, PRIMARY KEY (k) DEFERRABLE",
	  "INSERT INTO t (k, a) VALUES ($.k, $.a); UPDATE t SET a = a + 1 WHERE k = $.k", { ",\"a\":1" }, "2;" },
	{ "a decimal keeps its places", PG, "n numeric", PUT("n", "$.n") "t.n + excluded.n",
	  { ",\"k\":\"x\",\"n\":1.10", ",\"k\":\"x\",\"n\":2.2" }, "3.30;" },
	{ "a product has the places of both", PG, "n numeric", PUT("n", "$.n") "t.n * excluded.n",
	  { ",\"k\":\"x\",\"n\":1.10", ",\"k\":\"x\",\"n\":2.50" }, "2.7500;" },
	{ "numeric(8, 2) rounds half away from zero, and runs over", PG, "n numeric(8, 2)", INTO("n", "$.n"),
	  { ",\"n\":0.005", ",\"n\":-0.005", ",\"n\":7", ",\"n\":999999.994", ",\"n\":999999.995" },
	  "0.01;-0.01;7.00;999999.99; dead 4" },
	{ "exponents move the point", PG, "n numeric", INTO("n", "$.n"),
	  { ",\"n\":1.50e1", ",\"n\":2.5e-3", ",\"n\":1e2", ",\"n\":-0.0" }, "15;0.0025;100;0;" },
	{ "decimals are equal whatever their places", PG, "n numeric, s text",
	  "INSERT INTO t (k, n) VALUES ($.k, $.n); UPDATE t SET s = CASE WHEN n = 1 THEN 'one' WHEN n < 1.05 THEN "
	  "'less' ELSE 'more' END WHERE k = $.k",
	  { ",\"n\":1.00", ",\"n\":1.04", ",\"n\":1.050" }, "1|one;1.04|less;1.050|more;" },
	{ "the lesser of equals is the first", PG, "n numeric", PUT("n", "$.n") "least(t.n, excluded.n)",
	  { ",\"k\":\"x\",\"n\":1.5", ",\"k\":\"x\",\"n\":1.50" }, "1.5;" },
	{ "a decimal that we do not hold is the store's", PG, "n numeric", PUT("n", "$.n") "t.n + excluded.n",
	  { ",\"k\":\"x\",\"n\":123456789012345678.25", ",\"k\":\"x\",\"n\":1.5", ",\"k\":\"x\",\"n\":0.25" },
	  "123456789012345680.00;" },
	{ "REAL holds doubles, added as they come", LITE, "n real, s text",
	  "INSERT INTO t (k, n) VALUES ('one', $.n) ON CONFLICT (k) DO UPDATE SET n = t.n + excluded.n, "
	  "s = CASE WHEN t.n + excluded.n = 0.3 THEN 'equal' WHEN t.n + excluded.n = 3 THEN 'three' ELSE 'not' END",
	  { ",\"n\":0.1", ",\"n\":0.2" }, "0.3|not;" },
	{ "a whole number in REAL is a double, and equal to one", LITE, "n real, s text",
	  "INSERT INTO t (k, n) VALUES ($.k, $.n); UPDATE t SET s = CASE n WHEN 2 THEN 'two' ELSE 'other' END "
	  "WHERE k = $.k AND n IS NOT NULL",
	  { ",\"n\":2", ",\"n\":2.5", ",\"n\":-0.0", "" }, "2.0|two;2.5|other;0.0|other;NULL|NULL;" },
	{ "REAL keeps no -0.0", LITE, "n real", PUT("n", "$.n") "-t.n * 0.5",
	  { ",\"k\":\"x\",\"n\":0", ",\"k\":\"x\"" },
	  "0.0;" },
	{ "NUMERIC makes whole what is whole", LITE, "n numeric", PUT("n", "$.n") "t.n + excluded.n",
	  { ",\"k\":\"x\",\"n\":1.5", ",\"k\":\"x\",\"n\":0.5" }, "2;" },
	{ "NUMERIC that is a time keeps texts, and compares them", LITE, "at timestamp",
	  "INSERT INTO t (k, at) VALUES ('one', $.s) ON CONFLICT (k) DO UPDATE SET at = excluded.at "
	  "WHERE excluded.at > t.at",
	  { ",\"s\":\"2026-01-02 10:00:00\"", ",\"s\":\"2026-01-01 11:00:00\"", ",\"s\":\"2026-01-02 10:00:01\"" },
	  "2026-01-02 10:00:01;" },
	{ "a later moment wins, an earlier does not", PG, "at timestamptz, a int",
	  "INSERT INTO t (k, at, a) VALUES ('one', :time, $.a) ON CONFLICT (k) DO UPDATE SET at = excluded.at, "
	  "a = excluded.a WHERE excluded.at > t.at",
	  { ",\"at\":1700000000.5,\"a\":1", ",\"at\":1700000000,\"a\":2", ",\"at\":1700000000.501,\"a\":3" },
	  "2023-11-14 22:13:20.501+00|3;" },
	{ "a condition of DO UPDATE that is not true touches nothing", BOTH, "a int",
	  "INSERT INTO t (k, a) VALUES ('one', $.a) ON CONFLICT (k) DO UPDATE SET a = excluded.a "
	  "WHERE excluded.a > t.a",
	  { ",\"a\":5", ",\"a\":4", "", ",\"a\":6" }, "6;" },
	{ "a condition beside the key decides for UPDATE and DELETE", BOTH, "a int",
	  "INSERT INTO t (k, a) VALUES ('one', 1) ON CONFLICT DO NOTHING; "
	  "UPDATE t SET a = a + 1 WHERE k = 'one' AND a < $.a; DELETE FROM t WHERE a > 3 AND k = 'one'",
	  { ",\"a\":9", ",\"a\":2", ",\"a\":9", "" }, "3;" },
	{ "all rows of a beginning of the key are deleted, those of before and those of now", BOTH,
	  "l int, a int, x text, PRIMARY KEY (l, x)",
	  "INSERT INTO t (k, l, a, x) VALUES ($.k, $.l, $.a, $.k); DELETE FROM t WHERE l = $.d AND a < 3",
	  { ",\"l\":1,\"a\":1", ",\"l\":1,\"a\":3", ",\"l\":2,\"a\":1", ",\"l\":1,\"a\":2,\"d\":1",
	    ",\"l\":1,\"a\":0" },
	  "1|3|k1;2|1|k2;1|0|k4;" },
	{ "a row that has changed in memory is swept as it is there", BOTH, "l int, a int, x text, PRIMARY KEY (l, x)",
	  "INSERT INTO t (k, l, a, x) VALUES ($.k, $.l, $.a, $.x) ON CONFLICT (l, x) DO UPDATE SET a = excluded.a; "
	  "DELETE FROM t WHERE l = $.d AND a < 3",
	  { ",\"l\":1,\"x\":\"p\",\"a\":1", ",\"l\":1,\"x\":\"q\",\"a\":1", ",\"l\":1,\"x\":\"q\",\"a\":5",
	    ",\"l\":2,\"x\":\"r\",\"a\":1,\"d\":1", ",\"l\":2,\"x\":\"s\",\"a\":3,\"d\":2" },
	  "1|5|q;2|3|s;" },
	{ "LIKE of SQLite takes A for a", LITE, "s text, a int",
	  INTO("s, a", "$.s, CASE WHEN $.s LIKE '%[BOT]' THEN 2 WHEN $.s LIKE 'A%B%a' THEN 1 ELSE 0 END"),
	  { ",\"s\":\"dep[bot]\"", ",\"s\":\"abbA\"", ",\"s\":\"aba\"", ",\"s\":\"ab\"" },
	  "dep[bot]|2;abbA|1;aba|1;ab|0;" },
	{ "a pattern without % is the whole text", BOTH, "s text, a int",
	  INTO("s, a", "$.s, CASE WHEN $.s LIKE 'lit' THEN 1 ELSE 0 END"), { ",\"s\":\"split\"", ",\"s\":\"lit\"" },
	  "split|0;lit|1;" },
	{ "LIKE of PostgreSQL does not", PG, "s text, a int",
	  INTO("s, a", "$.s, CASE WHEN $.s LIKE '%[bot]' THEN 2 WHEN $.s LIKE 'a%B%a' THEN 1 ELSE 0 END"),
	  { ",\"s\":\"dep[bot]\"", ",\"s\":\"abba\"", ",\"s\":\"aBa\"", ",\"s\":\"a\"" },
	  "dep[bot]|2;abba|0;aBa|1;a|0;" },
	{ "a piece of LIKE does not overlap the next", BOTH, "s text, a int",
	  INTO("s, a", "$.s, CASE WHEN $.s LIKE 'a%a' THEN 1 ELSE 0 END"),
	  { ",\"s\":\"a\"", ",\"s\":\"aa\"", ",\"s\":\"aba\"", ",\"s\":\"ab\"" }, "a|0;aa|1;aba|1;ab|0;" },
	{ "substr counts characters, and is empty behind the end", BOTH, "s text, u text",
	  INTO("s, u", "substr($.s, 1, 2), substr($.s, 4)"),
	  { ",\"s\":\"abcdef\"", ",\"s\":\"abc\"", ",\"s\":\"\\u00e4\\u00f6\\u00fc\\u00df\"" },
	  "ab|def;ab|;\303\244\303\266|\303\237;" },
	{ "length counts characters", BOTH, "a int", INTO("a", "length($.s)"), { ",\"s\":\"\\u00e4b\"", ",\"s\":\"\"" },
	  "2;0;" },
	{ "varchar(3) takes three characters", PG, "s varchar(3)", INTO("s", "$.s"),
	  { ",\"s\":\"abc\"", ",\"s\":\"\\u00e4\\u00f6\\u00fc\"", ",\"s\":\"abcd\"" },
	  "abc;\303\244\303\266\303\274; dead 2" },
	{ "constants that run over are found before any event is looked at", PG_UNFOLDED, "a int",
	  INTO("a", "CASE 2 WHEN $.a::int THEN 1 + 2147483647 ELSE 0 END"), { "", ",\"a\":1", ",\"a\":2" },
	  "error: f.sql:7:1: integer out of range" },
	{ "... as is a constant that the column does not hold", PG_UNFOLDED, "a int",
	  "UPDATE t SET a = 3000000000 WHERE k = $.k", { "", "" }, "error: f.sql:7:1: integer out of range" },
	{ "the least integer is one, and runs over as one", PG, "b bigint", INTO("b", "-2147483648 - $.a::int"),
	  { ",\"a\":0", ",\"a\":1", ",\"a\":-1" }, "-2147483648;-2147483647; dead 1" },
	{ "... in brackets, too; one above it, or with a cast, is a bigint", PG, "b bigint, c bigint, d bigint",
	  INTO("b, c, d", "-(2147483648) - $.a::int, -2147483649 - $.b::int, -'2147483648'::bigint - $.b::int"),
	  { ",\"a\":0,\"b\":1", ",\"a\":1,\"b\":1" }, "-2147483648|-2147483650|-2147483649; dead 1" },
	{ "the least integer by a cast has no negative", PG_UNFOLDED, "b bigint", INTO("b", "-('-2147483648'::int)"),
	  { "", "" }, "error: f.sql:7:1: integer out of range" },
	{ "a sign of a sign is the store's to read", PG_UNFOLDED, "b bigint", INTO("b", "- +2147483648 - $.a::int"),
	  { ",\"a\":1" }, "-2147483649;" },
	{ "parameters that run over are only found where they are reached", PG, "a int",
	  "INSERT INTO t (k, a) VALUES ($.k, 1) ON CONFLICT (k) DO UPDATE SET a = $.a::int + 2147483647",
	  { ",\"a\":1", ",\"a\":1", ",\"k\":\"k1\",\"a\":0", ",\"k\":\"k0\",\"a\":1" },
	  "1;2147483647; dead 3" },
	{ "defaults are of the column's type", LITE, "s text DEFAULT 'a''b', n real DEFAULT 2, a int DEFAULT -3, b int",
	  INTO("b", "1"), { "" }, "a'b|2.0|-3|1;" },
	{ "defaults are of the column's type, as the catalogue has them", PG,
	  "s text DEFAULT 'a''b', n numeric(5, 2) DEFAULT 2, a int DEFAULT -3, o boolean DEFAULT true, b int",
	  INTO("b", "1"), { "" }, "a'b|2.00|-3|1|1;" },
};

struct result {
	struct ev_buf text;
	bool folds;
};

static int add_cells(void *ctx, const struct ev_cell *c, size_t n)
{
	struct ev_buf *out = ctx;

	for (size_t i = 1; i < n; i++) {
		ev_buf_adds(out, i > 1 ? "|" : "");
		ev_buf_adds(out, c[i].kind == EV_CELL_NULL ? "NULL" : "");
		ev_buf_add_slice(out, c[i].text);
	}
	ev_buf_addc(out, ';');
	return 0;
}

static int add_offset(void *ctx, const struct ev_cell *c, size_t n)
{
	struct ev_buf *out = ctx;

	ev_buf_adds(out, strstr(ev_buf_str(out), "dead") ? "," : " dead ");
	ev_buf_add_slice(out, c[n - 1].text);
	return 0;
}

static void dump(struct ev_store *s, const char *sql, ev_row_fn fn, struct ev_buf *out)
{
	struct ev_error err = EV_ERROR_INIT;
	size_t at;
	struct ev_query *q = s->ops->prepare(s, sql, false, NULL, NULL, &at, &err);

	if (!q || s->ops->select(s, q, NULL, 0, fn, out, &err) < 0)
		ev_buf_addf(out, "cannot dump: %s", err.text);
	s->ops->finish(s, q);
}

/*
 * FOLDED: one batch for all events, so that they meet in memory. HELD: a batch for each, nothing is written before
 * the end, but for the first two, which another run has left in the store.
 */
enum way { FOLDED, EXACT, HELD };

static struct ev_apply *open_apply(struct ev_store *s, const struct ev_projection *proj, enum way way,
				   struct ev_error *err)
{
	struct ev_apply_options opt = EV_APPLY_OPTIONS_INIT;
	struct ev_apply *a;

	opt.exact = way == EXACT;
	opt.hold_ms = way == HELD ? 60000 : 0;
	opt.load = way == HELD;
	opt.dead = true;
	a = ev_apply_open(s, proj, &opt, err);
	if (a)
		ev_apply_partition(a, 0, "t", 0, 0, NULL);
	return a;
}

static void apply(struct ev_store *s, const struct ev_projection *proj, const struct edge *e, enum way way,
		  struct ev_buf *out, bool *folds)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_record r[6] = { 0 };
	struct ev_buf values[6] = { EV_BUF_INIT };
	struct ev_apply *a;
	size_t n = 0, step;
	int rc = 0;

	a = open_apply(s, proj, way, &err);
	for (; a && n < 6 && e->events[n]; n++) {
		ev_buf_addf(&values[n], "{\"type\":\"e\",\"at\":1700000000,\"k\":\"k%zu\"%s}", n, e->events[n]);
		r[n] = (struct ev_record){ .topic = EV_LITERAL("t"), .offset = (int64_t)n,
					   .timestamp = 1700000000000, .value = ev_buf_slice(&values[n]) };
	}
	if (a)
		*folds = !*ev_apply_folds(a);
	step = way == HELD ? 1 : n;
	for (size_t i = 0; a && rc == 0 && i < n; i += step) {
		rc = ev_apply_batch(a, r + i, step, NULL, 0, false, false, &err);
		if (rc == 0 && i == 1 && way == HELD && (rc = ev_apply_checkpoint(a, &err)) == 0) {
			ev_apply_close(a);
			a = open_apply(s, proj, way, &err);
		}
	}
	if (!a || rc < 0 || ev_apply_checkpoint(a, &err) < 0)
		ev_buf_addf(out, "error: %s", err.text);
	for (size_t i = 0; i < n; i++)
		ev_buf_release(&values[i]);
	ev_apply_close(a);
	if (!a) /* the store does not take the file: there is no table */
		return;
	dump(s, "SELECT * FROM t ORDER BY k", add_cells, out);
	dump(s, "SELECT record_offset FROM ev_dead ORDER BY record_offset", add_offset, out);
}

static struct ev_store *open_store(const char *url)
{
	struct ev_store_options so = EV_STORE_OPTIONS_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s = ev_store_open(url ? url : ":memory:", &so, &err);

	if (s && url)
		s->ops->script(s, "DROP SCHEMA public CASCADE; CREATE SCHEMA public", &err);
	if (!s)
		printf("# %s\n", err.text);
	return s;
}

static void run(const struct edge *e, const char *url)
{
	static const char *const ways[] = { "", ", by statements", ", and in memory for long" };
	struct ev_buf file = EV_BUF_INIT, text[3] = { EV_BUF_INIT, EV_BUF_INIT, EV_BUF_INIT };
	struct ev_error err = EV_ERROR_INIT;
	struct ev_projection *p;
	bool folds[3] = { false };

	ev_buf_addf(&file, "-- @projection f version 1\n-- @topics t\n-- @envelope type=$.type time=$.at\n"
		    "-- @schema\nCREATE TABLE t (k text%s, %s);\n-- @on e\n%s;\n",
		    strstr(e->table, "PRIMARY") ? "" : " PRIMARY KEY", e->table, e->handler);
	p = ev_projection_parse("f.sql", ev_buf_slice(&file), &err);
	for (int way = 0; way < 3; way++) {
		struct ev_store *s = p ? open_store(url) : NULL;

		if (s)
			apply(s, p, e, (enum way)way, &text[way], &folds[way]);
		if (s)
			s->ops->close(s);
		if (!CHECK(strcmp(ev_buf_str(&text[way]), e->rows) == 0 &&
				   (way == EXACT || folds[way] == (e->on != PG_UNFOLDED && e->on != LITE_UNFOLDED)),
			   "%s%s", e->what, ways[way]))
			printf("# wanted %s\n# came   %s %s\n", e->rows, ev_buf_str(&text[way]), err.text);
		ev_buf_release(&text[way]);
	}
	ev_projection_free(p);
	ev_buf_release(&file);
}

/* ---- texts that are long ---- */

/* One that does not get shorter by being compressed. */
static void add_noise(struct ev_buf *out, size_t n)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-";
	uint64_t seed = 42;

	for (size_t i = 0; i < n; i++)
		ev_buf_addc(out, digits[test_rand(&seed) % 64]);
}

#define SIDES "s text, d text); CREATE INDEX t_s ON t (s" /* one that an index has, one that none has */

static void long_texts(const char *url)
{
	struct ev_buf s = EV_BUF_INIT, d = EV_BUF_INIT;
	struct edge e = {
		"a text that is too long for an index is a dead letter, also as a copy", url ? PG : LITE, SIDES,
		"INSERT INTO t (k, s, d) VALUES ('one', $.s, $.d) ON CONFLICT (k) DO UPDATE SET "
		"s = coalesce(excluded.s, t.d), d = excluded.d",
		{ NULL, NULL, ",\"d\":\"x\"", ",\"s\":\"z\",\"d\":\"y\"" }, url ? "z|y; dead 1,2" : "z|y;",
	};

	ev_buf_adds(&s, ",\"d\":\"b\",\"s\":\"");
	ev_buf_adds(&d, ",\"s\":\"a\",\"d\":\"");
	add_noise(&s, 3000);
	add_noise(&d, 3000);
	ev_buf_addc(&s, '"');
	ev_buf_addc(&d, '"');
	e.events[0] = ev_buf_str(&d);
	e.events[1] = ev_buf_str(&s);
	run(&e, url);
	ev_buf_release(&s);
	ev_buf_release(&d);
}

/* Columns of one type that get the same value each. */
static void wide(const char *what, size_t columns, const char *type, const char *value, enum on on, const char *url)
{
	struct ev_buf table = EV_BUF_INIT, names = EV_BUF_INIT, values = EV_BUF_INIT, handler = EV_BUF_INIT;
	struct edge e = { what, on, NULL, NULL, { value }, " dead 0" };

	for (size_t i = 0; i < columns; i++) {
		ev_buf_addf(&table, "%sc%zu %s", i ? ", " : "", i, type);
		ev_buf_addf(&names, ", c%zu", i);
		ev_buf_adds(&values, ", $.v");
	}
	ev_buf_addf(&handler, "INSERT INTO t (k%s) VALUES ($.k%s)", ev_buf_str(&names), ev_buf_str(&values));
	e.table = ev_buf_str(&table);
	e.handler = ev_buf_str(&handler);
	run(&e, url);
	ev_buf_release(&table);
	ev_buf_release(&names);
	ev_buf_release(&values);
	ev_buf_release(&handler);
}

/* Many rows of which one column has a long text: is it of use to fold them? */
static void many_long(const char *column, bool folds, const char *url)
{
	struct ev_buf file = EV_BUF_INIT, value = EV_BUF_INIT;
	struct ev_record r[100] = { 0 };
	struct ev_error err = EV_ERROR_INIT;
	struct ev_projection *p;
	struct ev_store *s = open_store(url);
	struct ev_apply *a = NULL;
	int rc = 0;

	ev_buf_addf(&file, "-- @projection f version 1\n-- @topics t\n-- @envelope type=$.type\n-- @schema\n"
		    "CREATE TABLE t (k text PRIMARY KEY, n integer, " SIDES ");\n-- @on e\n"
		    "INSERT INTO t (k, n, %s) VALUES ($.k, :offset, $.v) "
		    "ON CONFLICT (k) DO UPDATE SET n = excluded.n;\n", column);
	ev_buf_adds(&value, "{\"type\":\"e\",\"k\":\"x\",\"v\":\"");
	add_noise(&value, 2500); /* an index still takes it */
	ev_buf_adds(&value, "\"}");
	p = ev_projection_parse("f.sql", ev_buf_slice(&file), &err);
	if (p && s)
		a = open_apply(s, p, FOLDED, &err);
	for (int64_t at = 0; a && rc == 0 && at < 1200; at += 100) {
		for (int64_t i = 0; i < 100; i++)
			r[i] = (struct ev_record){ .topic = EV_LITERAL("t"), .offset = at + i,
						   .value = ev_buf_slice(&value) };
		rc = ev_apply_batch(a, r, 100, NULL, 0, false, false, &err);
	}
	if (!CHECK(a && rc == 0 && ev_apply_whole(a) == folds, "long texts in column %s %s", column,
		   folds ? "are folded" : "go by statements"))
		printf("# %s\n", err.text);
	ev_apply_close(a);
	if (s)
		s->ops->close(s);
	ev_projection_free(p);
	ev_buf_release(&file);
	ev_buf_release(&value);
}

int main(void)
{
	const char *url = getenv("EV_FOLD_STORE");

	long_texts(url);
	many_long("d", true, url);
	many_long("s", url == NULL, url);
	if (url) {
		/* what stays of a text in the row comes to more than a page */
		wide("a row of many texts is too large", 420, "text", ",\"v\":\"0123456789012345678901\"", PG, url);
		wide("so is one of many numbers", 1200, "bigint", ",\"v\":7", PG_UNFOLDED, url);
	}

	for (size_t i = 0; i < sizeof(edges) / sizeof(*edges); i++)
		if (edges[i].on == BOTH || (edges[i].on >= PG) == (url != NULL))
			run(&edges[i], url);
	return test_done();
}
