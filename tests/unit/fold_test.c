/*
 * fold_test.c - folded in memory or by statements: the same tables, ledgers and dead letters
 *
 * Random programs: schemas with and without what the fold understands, handlers inside and outside of its
 * subset, events whose values fit, nearly fit and do not. Each is applied by batches of random sizes,
 * once with the fold and once by statements alone, on an in-memory SQLite or, where EV_FOLD_STORE
 * names an empty PostgreSQL database, there. The fold's way is made hard: memory that is full at once, batches
 * held over checkpoints, runs broken off and begun anew from the ledger.
 */
#include "test.h"

#include "apply/apply.h"
#include "base/mem.h"
#include "store/dead.h"
#include "fold_expr.h"

#define MAX_RECORDS 300
#define TABLES 3

struct program {
	uint64_t seed;
	bool pg, tame; /* tame: mostly such that everything folds */
	struct ev_buf file;
	struct ev_record records[MAX_RECORDS];
	char keys[MAX_RECORDS][8];
	char *values[MAX_RECORDS];
	size_t n;
};

static uint64_t pick(struct program *p, uint64_t n)
{
	return test_rand(&p->seed) % n;
}

static const char *one_of(struct program *p, const char *const *list)
{
	size_t n = 0;

	while (list[n])
		n++;
	return list[pick(p, n)];
}

static struct exprs exprs_of(struct program *p, int table, bool merging)
{
	return (struct exprs){ &p->seed, &p->file, p->pg, table, merging, false };
}

/* Half of them let most rows pass; what breaks a plain one the next event to the row may heal. */
static void add_check(struct program *p, int t)
{
	static const char *const plain[] = { "a < 90", "a IS NULL OR a <> 7", "b IS NULL OR a + b > -5", NULL };
	struct exprs e = exprs_of(p, t, false);

	if (pick(p, 3))
		return;
	if (pick(p, 3) == 0) {
		ev_buf_addf(&p->file, ", CHECK (%s)", one_of(p, plain));
		return;
	}
	e.bare = true;
	ev_buf_addf(&p->file, ", CHECK (%s", pick(p, 2) ? "a <> 7 OR " : "");
	add_test(&e, (int)pick(p, 3));
	ev_buf_addc(&p->file, ')');
}

/* What each table is made of; column c exists in all, so that any handler fits any table. */
static void add_schema(struct program *p)
{
	static const char *const whole[] = { "integer", "bigint", "int NOT NULL DEFAULT 7", "bigint "
	  "DEFAULT -3",
					     "smallint", "integer NOT NULL", NULL };
	static const char *const loose[] = { "integer", "bigint", "bigint DEFAULT -3", NULL };
	static const char *const text[] = { "text", "text NOT NULL", "varchar", "text DEFAULT 'none'", NULL };
	static const char *const more[] = { "", "", "", "", " CHECK (n > -40)", ", y integer UNIQUE", ", x numeric",
					    ", x boolean", ", x boolean NOT NULL DEFAULT false",
					    ", x real DEFAULT 0.5 CHECK (s IN ('a', 'b', 'lit'))",
					    ", x text DEFAULT 'none' CHECK (b BETWEEN -100 AND 100)", NULL };
	static const char *const real[] = { "real", "double precision", "numeric", "decimal(8, 2)",
					    "real NOT NULL DEFAULT 0", "numeric DEFAULT 2.5", NULL };
	static const char *const exact[] = { "numeric", "numeric(8, 2)", "numeric(3, 1)", "numeric",
					     "numeric(12, 4) NOT NULL DEFAULT 0", "numeric DEFAULT 2.50", NULL };
	static const char *const moment[] = { "timestamptz", "timestamptz", "text", NULL };

	for (int t = 0; t < TABLES; t++) {
		const char *key = pick(p, 3) ? "k text PRIMARY KEY" : "k text, l bigint, PRIMARY KEY (k, l)";
		bool lone = strchr(key, 'l') == NULL || strstr(key, "PRIMARY KEY (") == NULL;

		ev_buf_addf(&p->file, "CREATE TABLE t%d (", t);
		if (lone)
			ev_buf_addf(&p->file, "k %s PRIMARY KEY, l "
			  "bigint, ", pick(p, 4) ? "text" : "varchar");
		else
			ev_buf_adds(&p->file, "k text, l bigint, ");
		ev_buf_addf(&p->file, "a %s, b %s, s %s, n %s, at %s, d text", one_of(p, p->tame ? loose : whole),
			    one_of(p, p->tame ? loose : whole), p->tame ? "text" : one_of(p, text),
			    one_of(p, p->pg ? exact : real), one_of(p, moment));
		ev_buf_addf(&p->file, "%s%s", p->tame ? "" : one_of(p, more), lone ? "" : ", PRIMARY KEY (l, k)");
		add_check(p, t);
		ev_buf_adds(&p->file, ");\n");
		if (pick(p, 2))
			ev_buf_addf(&p->file, "CREATE INDEX i%d ON t%d (a, s);\n", t, t);
	}
}

static const char *expression(struct program *p, bool rows)
{
	static const char *const values[] = { "$.a", "$.b", "$.a", "1", "NULL", "$.a!", ":offset",
					      "coalesce($.b, 5)", NULL };
	static const char *const with_rows[] = { "a + 1", "b", "$.a", "t.a", "a + $.a", "a - b", "a + b "
	  "+ 1", "NULL",
						 "coalesce(a, 0) + $.b", "M(a, $.a)", "N(b, a)", "a * "
						 "2", "(a + 1) - $.b",
						 NULL };
	return one_of(p, rows ? with_rows : values);
}

static const char *text_expression(struct program *p, bool rows)
{
	static const char *const values[] = { "$.s", "'lit'", ":key", "NULL", "$.s!", ":time",
					      "coalesce($.s, 'x''y')", "$.a", NULL };
	static const char *const with_rows[] = { "s", "$.s", "t.s", "'lit'", "coalesce(s, $.s)", "s || "
	  "'x'", "d", "$.d", NULL };

	return one_of(p, rows ? with_rows : values);
}

/* `t.` is the table, M and N are what the dialect calls the lesser and the greater. */
static void add_plain(struct program *p, int t, const char *text)
{
	for (; *text; text++) {
		if (text[0] == 't' && text[1] == '.')
			ev_buf_addf(&p->file, "t%d", t);
		else if (*text == 'M' && text[1] == '(')
			ev_buf_adds(&p->file, p->pg ? "least" : "min");
		else if (*text == 'N' && text[1] == '(')
			ev_buf_adds(&p->file, p->pg ? "greatest" : "max");
		else
			ev_buf_addc(&p->file, *text);
	}
}

/* What a plain handler writes, or something deeper; `table` -1: no row may be named. */
static void add_value(struct program *p, int table, bool merging, adder deep, const char *plain)
{
	struct exprs e = exprs_of(p, table, merging);

	if (pick(p, 3) == 0)
		deep(&e, 1 + (int)pick(p, 2));
	else
		add_plain(p, table, plain);
}

static void add_sets(struct program *p, int t, bool merging)
{
	static const char *const fresh[] = { "excluded.a", "t.a + excluded.b", "excluded.b - t.b", "t.a "
	  "+ $.a",
					     "coalesce(t.b, excluded.a)", "M(t.a, excluded.a)", NULL };
	static const char *const columns[] = { "a", "b", NULL };
	static const char *const texts[] = { "excluded.s", "coalesce(t.s, excluded.s)", "t.d", NULL };
	static const char *const longs[] = { "excluded.d", "coalesce(excluded.d, t.s)", "excluded.s", NULL };
	const char *first = one_of(p, columns);

	ev_buf_addf(&p->file, "%s = ", first);
	/* an unqualified name is ambiguous there to PostgreSQL */
	add_value(p, t, merging, add_number, merging ? one_of(p, fresh) : expression(p, true));
	if (pick(p, 2)) {
		ev_buf_adds(&p->file, ", s = ");
		add_value(p, t, merging, add_text, merging ? one_of(p, texts) : text_expression(p, true));
	}
	if (pick(p, 2)) {
		ev_buf_adds(&p->file, ", d = ");
		add_value(p, t, merging, add_text, merging ? one_of(p, longs) : pick(p, 2) ? "$.d" : "s");
	}
	if (pick(p, 2)) {
		ev_buf_adds(&p->file, ", n = ");
		add_value(p, t, merging, add_fraction, merging ? "t.n + excluded.n" : "n - $.n");
	}
	if (pick(p, 3) == 0) {
		ev_buf_adds(&p->file, ", at = ");
		add_value(p, t, merging, add_moment, ":time");
	}
}

/* A further condition beside the key, or of DO UPDATE. */
static void add_condition(struct program *p, int t, bool merging, const char *before)
{
	struct exprs e = exprs_of(p, t, merging);

	if (pick(p, 3))
		return;
	ev_buf_adds(&p->file, before);
	add_test(&e, (int)pick(p, 3));
}

/* What a key is: mostly a parameter, or computed from some; now and then NULL. */
static const char *key_text(struct program *p)
{
	static const char *const computed[] = { "coalesce($.k, 'a')", "CASE WHEN $.l > 2 THEN $.k ELSE 'b' END",
		"coalesce($.s, $.k)", "nullif($.k, 'c')", "CASE $.a WHEN 1 THEN $.s ELSE $.k END", "$.k || 'x'",
		"'x' || $.k || coalesce($.s, '')", "lower($.k)", NULL };

	return pick(p, 5) ? "$.k" : one_of(p, computed);
}

static const char *key_number(struct program *p)
{
	static const char *const computed[] = { "coalesce($.l, 1)", "CASE WHEN $.k = 'a' THEN 1 ELSE $.l END",
		"$.l + 1", "coalesce($.a, $.l, 3)", "nullif($.l, 2)", "$.l + 1 - $.a", NULL };

	return pick(p, 5) ? "$.l" : one_of(p, computed);
}

static void add_where(struct program *p, int t)
{
	static const char *const others[] = { " WHERE l = $.l", " WHERE k = $.k AND a > 0", " WHERE k = "
	  "$.k OR l = 1", NULL };

	if (pick(p, 12) == 0 && !p->tame) {
		ev_buf_adds(&p->file, one_of(p, others));
		return;
	}
	if (pick(p, 2)) {
		ev_buf_addf(&p->file, " WHERE k = %s AND l = %s", key_text(p), key_number(p));
	} else {
		ev_buf_addf(&p->file, " WHERE l = %s AND ", key_number(p));
		add_plain(p, t, pick(p, 2) ? "t.k = " : "k = ");
		ev_buf_adds(&p->file, key_text(p));
	}
	add_condition(p, t, false, " AND ");
}

static void add_key(struct program *p, int t, bool lone)
{
	if (!lone) {
		add_where(p, t);
		return;
	}
	ev_buf_addf(&p->file, " WHERE k = %s", key_text(p));
	add_condition(p, t, false, " AND ");
}

static bool lone_key(const struct program *p, int t)
{
	char head[24];
	const char *at, *end;

	snprintf(head, sizeof(head), "TABLE t%d (", t);
	at = strstr(ev_buf_str(&p->file), head);
	end = at ? strchr(at, '\n') : NULL;
	at = at ? strstr(at, "PRIMARY KEY (") : NULL;
	return !at || at > end;
}

static void add_statement(struct program *p)
{
	int t = (int)pick(p, TABLES);
	bool lone = lone_key(p, t);

	switch (pick(p, 6)) {
	case 0:
		ev_buf_addf(&p->file, "UPDATE t%d SET ", t);
		add_sets(p, t, false);
		add_key(p, t, lone);
		break;
	case 1:
		ev_buf_addf(&p->file, "DELETE FROM t%d", t);
		if (!lone && pick(p, 2)) { /* a beginning of the key */
			ev_buf_addf(&p->file, " WHERE l = %s", key_number(p));
			add_condition(p, t, false, " AND ");
			break;
		}
		add_key(p, t, lone && (p->tame || pick(p, 5)));
		break;
	default:
		ev_buf_addf(&p->file, "INSERT INTO t%d (k, l, a, b, s, d, n, at) VALUES (%s, ", t, key_text(p));
		ev_buf_addf(&p->file, "%s, ", key_number(p));
		add_value(p, -1, false, add_number, expression(p, false));
		ev_buf_adds(&p->file, ", ");
		add_value(p, -1, false, add_number, expression(p, false));
		ev_buf_adds(&p->file, ", ");
		add_value(p, -1, false, add_text, text_expression(p, false));
		ev_buf_adds(&p->file, ", ");
		add_value(p, -1, false, add_text, pick(p, 4) ? "$.d" : "$.s");
		ev_buf_adds(&p->file, ", ");
		add_value(p, -1, false, add_fraction, "$.n");
		ev_buf_adds(&p->file, pick(p, 4) ? ", :time" : ", NULL");
		ev_buf_addc(&p->file, ')');
		if (pick(p, 6) == 0)
			break;
		ev_buf_adds(&p->file, lone ? " ON CONFLICT (k) DO " : " ON CONFLICT (l, k) DO ");
		if (pick(p, 3) == 0) {
			ev_buf_adds(&p->file, "NOTHING");
		} else {
			ev_buf_adds(&p->file, "UPDATE SET ");
			add_sets(p, t, true);
			add_condition(p, t, true, " WHERE ");
		}
	}
	ev_buf_adds(&p->file, ";\n");
}

static void add_handlers(struct program *p)
{
	static const char *const options[] = { "", "", "", " must touch", " each $.e", NULL };
	size_t n = 1 + pick(p, 5);

	for (size_t h = 0; h < n; h++) {
		ev_buf_addf(&p->file, "-- @on e%d%s\n", (int)pick(p, 3), one_of(p, options));
		for (size_t i = 1 + pick(p, 3); i; i--)
			add_statement(p);
	}
}

/* A text that no index takes, or several of which none takes, or that any takes but that is long; never compressed. */
static void add_long(struct program *p, const char *name, struct ev_buf *out)
{
	static const size_t lengths[] = { 20, 60, 900, 1500, 1990, 2100, 2600, 3000, 9000 };
	size_t n = lengths[pick(p, sizeof(lengths) / sizeof(*lengths))];

	ev_buf_addf(out, ",\"%s\":\"", name);
	while (n--)
		ev_buf_addc(out, (char)('0' + pick(p, 10) + (pick(p, 2) ? 49 : 0)));
	ev_buf_addc(out, '"');
}

static void add_record(struct program *p)
{
	static const char *const whole[] = { "1", "2", "-5", "0", "7", "100", "null", "1.0", "2.5",
					     "\"3\"", "\"x\"", "true",
					     "40000", "3000000000", "9223372036854775807",
					     "-9223372036854775808", "1e3",
					     "12345678901234567890", NULL };
	static const char *const fractions[] = { "1.10", "2.2", "0.1", "0.2", "12", "-7.75", "null", "0.30",
						 "0", "-0.0", "0.005", "999999.995", "1e2", "1.5e1", "2.5e-3",
						 "1234567890123456.789", "1e400", "\"x\"", "99.95",
						 "9007199254740993", NULL };
	static const char *const texts[] = { "\"a\"", "\"b\"", "\"\"", "null", "\"\\u00e9\"",
					     "\"a\\u0000b\"", "7", "\"12\"",
					     "{\"o\":[1, 2]}", "\"quote'\\\"\\\\\"", "false", NULL };
	static const char *const keys[] = { "\"a\"", "\"b\"", "\"c\"", "\"d\"", "\"\\u00c4\"", "\"e\"",
					    "null", "5", NULL };
	struct ev_buf v = EV_BUF_INIT;
	struct ev_record *r = &p->records[p->n];
	bool tame = pick(p, p->tame ? 80 : 8) != 0; /* one that is poison sends its batch to the store */

	ev_buf_addf(&v, "{\"type\":\"e%d\",\"at\":%d,\"k\":%s", (int)pick(p, 4), 1700000000 + (int)p->n,
		    tame ? keys[pick(p, 6)] : one_of(p, keys));
	ev_buf_addf(&v, ",\"l\":%s", tame ? whole[pick(p, 2)] : one_of(p, whole));
	ev_buf_addf(&v, ",\"a\":%s", tame ? whole[pick(p, 6)] : one_of(p, whole));
	if (p->tame || pick(p, 6))
		ev_buf_addf(&v, ",\"b\":%s", tame ? whole[pick(p, 6)] : one_of(p, whole));
	if (pick(p, tame ? 25 : 6) == 0)
		add_long(p, "s", &v);
	else if (p->tame || pick(p, 6))
		ev_buf_addf(&v, ",\"s\":%s", tame ? texts[pick(p, 2)] : one_of(p, texts));
	if (pick(p, 4) == 0)
		add_long(p, "d", &v);
	else if (pick(p, 2))
		ev_buf_addf(&v, ",\"d\":%s", texts[pick(p, 2)]);
	if (pick(p, 6))
		ev_buf_addf(&v, ",\"n\":%s", tame ? fractions[pick(p, 8)] : one_of(p, fractions));
	ev_buf_adds(&v, ",\"e\":[1,2]}");
	p->values[p->n] = ev_strdup(ev_buf_str(&v));
	ev_buf_release(&v);
	snprintf(p->keys[p->n], sizeof(p->keys[0]), "r%d", (int)pick(p, 20));
	*r = (struct ev_record){
		.topic = EV_LITERAL("t"), .offset = (int64_t)p->n, .timestamp = 1700000000000 + (int64_t)p->n,
		.key = pick(p, 5) ? ev_slice_str(p->keys[p->n]) : EV_NULL_SLICE,
		.value = ev_slice_str(p->values[p->n]),
	};
	p->n++;
}

static int add_cells(void *ctx, const struct ev_cell *c, size_t n)
{
	struct ev_buf *out = ctx;

	for (size_t i = 0; i < n; i++) {
		ev_buf_addf(out, "%d:", c[i].kind);
		ev_buf_add_slice(out, c[i].text);
		ev_buf_addc(out, '|');
	}
	ev_buf_addc(out, '\n');
	return 0;
}

static void dump(struct ev_store *s, const char *sql, struct ev_buf *out)
{
	struct ev_error err = EV_ERROR_INIT;
	size_t at;
	struct ev_query *q = s->ops->prepare(s, sql, false, NULL, NULL, &at, &err);

	if (!q || s->ops->select(s, q, NULL, 0, add_cells, out, &err) < 0)
		ev_buf_addf(out, "cannot dump: %s\n", err.text);
	s->ops->finish(s, q);
}

/* Everything that must not depend on the way. */
static void dump_all(struct ev_store *s, struct ev_buf *out)
{
	for (int t = 0; t < TABLES; t++) {
		char sql[80];

		snprintf(sql, sizeof(sql), "SELECT * FROM t%d ORDER BY k, l", t);
		dump(s, sql, out);
		ev_buf_addf(out, "-- %d\n", t);
	}
	dump(s, "SELECT next_offset, applied, ignored, dead, held, untouched, last_hash FROM ev_ledger", out);
	dump(s, "SELECT record_offset, state, reason FROM ev_dead ORDER BY record_offset", out);
}

/* Where PostgreSQL had put a row that an index refused depends on what was written before it. */
static void forget_places(struct ev_buf *out)
{
	static const char before[] = "references tuple (";

	for (char *at = out->data; at && (at = strstr(at, before)) != NULL;)
		for (at += strlen(before); *at && *at != ')'; at++)
			*at = '.';
	for (char *at = out->data; at && (at = strstr(at, "tuple (.")) != NULL; at += 7) {
		char *from = at + 7, *end = strchr(from, ')');

		if (!end)
			break;
		memmove(from, end, strlen(end) + 1);
	}
	out->len = out->data ? strlen(out->data) : 0;
}

static struct ev_store *open_store(const char *url, struct ev_error *err)
{
	struct ev_store_options so = EV_STORE_OPTIONS_INIT;
	struct ev_store *s = ev_store_open(url ? url : ":memory:", &so, err);

	if (s && url && s->ops->script(s, "DROP SCHEMA public CASCADE; CREATE SCHEMA public", err) < 0) {
		s->ops->close(s);
		return NULL;
	}
	return s;
}

/* Where the ledger stands, which is where to go on. */
static size_t position(const struct ev_apply *a)
{
	const struct ev_ledger *l = ev_apply_ledger(a);

	return l->nparts ? (size_t)l->parts[0].next : 0;
}

struct way {
	bool exact, dead;
	uint64_t seed;
};

static struct ev_apply *open_apply(struct ev_store *s, const struct ev_projection *proj, struct way *w,
				   struct ev_error *err)
{
	struct ev_apply_options opt = EV_APPLY_OPTIONS_INIT;
	struct ev_apply *a;

	opt.exact = w->exact;
	opt.dead = w->dead;
	opt.hold_ms = test_rand(&w->seed) % 2 ? 60000 : 0;
	opt.hold_rows = test_rand(&w->seed) % 3 * 20;
	opt.load = test_rand(&w->seed) % 2;
	opt.alone = test_rand(&w->seed) % 2;
	opt.memory = test_rand(&w->seed) % 3 == 0;
	a = ev_apply_open(s, proj, &opt, err);
	if (a)
		ev_apply_partition(a, 0, "t", 0, 0, NULL);
	return a;
}

/* All records, from where the ledger stands; now and then the run ends as if it was killed. */
static void apply_all(struct program *p, struct ev_store *s, const struct ev_projection *proj, struct way *w,
		      struct ev_apply **a, struct ev_buf *out)
{
	struct ev_error err = EV_ERROR_INIT;
	size_t n, i;

	while (*a && (i = position(*a)) < p->n) {
		n = 1 + test_rand(&w->seed) % 120;
		if (n > p->n - i)
			n = p->n - i;
		if (ev_apply_batch(*a, p->records + i, n, NULL, 0, false, false, &err) < 0) {
			ev_buf_addf(out, "stopped: %d %s\n", err.class, err.text);
			return;
		}
		if (test_rand(&w->seed) % 8 == 0) {
			ev_apply_close(*a);
			*a = open_apply(s, proj, w, &err);
		} else if (test_rand(&w->seed) % 4 == 0 && ev_apply_checkpoint(*a, &err) < 0) {
			ev_buf_addf(out, "no checkpoint: %s\n", err.text);
			return;
		}
	}
	if (*a && ev_apply_checkpoint(*a, &err) < 0)
		ev_buf_addf(out, "no checkpoint: %s\n", err.text);
}

/* 1 applied, 0 the projection is not one, -1 broken off. */
static int apply(struct program *p, const char *url, const struct ev_projection *proj, bool exact, bool dead,
		 uint64_t seed, struct ev_buf *out, bool *folds)
{
	struct way w = { exact, dead, seed };
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s = open_store(url, &err);
	struct ev_apply *a = s ? open_apply(s, proj, &w, &err) : NULL;
	int rc = 1;

	if (a) {
		*folds = strstr(ev_apply_folds(a), "t0") == NULL;
		apply_all(p, s, proj, &w, &a, out);
	}
	if (a)
		dump_all(s, out);
	else
		rc = err.class == EV_USAGE ? 0 : -1;
	if (rc < 0 || (!rc && getenv("EV_FOLD_REFUSED")))
		printf("# %s\n", err.text);
	if (url) /* else texts may hold NUL */
		forget_places(out);
	ev_apply_close(a);
	if (s)
		s->ops->close(s);
	return rc;
}

static int run(uint64_t seed, const char *url)
{
	struct program *p = ev_alloc(sizeof(*p));
	struct ev_buf folded = EV_BUF_INIT, exact = EV_BUF_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_projection *proj;
	bool folds = false, unused, dead;
	int rc = 0;

	p->seed = seed;
	p->pg = url != NULL;
	p->tame = pick(p, 2);
	ev_buf_adds(&p->file, "-- @projection f version 1\n-- @topics t\n-- @envelope type=$.type "
	  "time=$.at\n-- @schema\n");
	add_schema(p);
	add_handlers(p);
	for (size_t n = 1 + pick(p, MAX_RECORDS - 1); n; n--)
		add_record(p);
	dead = pick(p, 4) != 0;
	proj = ev_projection_parse("f.sql", ev_buf_slice(&p->file), &err);
	if (proj && apply(p, url, proj, false, dead, seed, &folded, &folds) > 0 &&
	    apply(p, url, proj, true, dead, seed * 3, &exact, &unused) > 0) {
		/* batches differ, so a run that stops at poison stands at another record only if it is wrong */
		rc = ev_slice_eq(ev_buf_slice(&folded), ev_buf_slice(&exact)) ? 1 + folds : -1;
		if (rc < 0)
			printf("# SEED=%" PRIu64 "\n%s\n# folded:\n%s\n# by "
			  "statements:\n%s\n", seed, ev_buf_str(&p->file),
			       ev_buf_str(&folded), ev_buf_str(&exact));
	}
	ev_projection_free(proj);
	for (size_t i = 0; i < p->n; i++)
		free(p->values[i]);
	ev_buf_release(&p->file);
	ev_buf_release(&folded);
	ev_buf_release(&exact);
	free(p);
	return rc;
}

enum { MANY = 100 }; /* of fewer, all may be of one kind by chance */

int main(void)
{
	const char *url = getenv("EV_FOLD_STORE"), *count = getenv("N");
	uint64_t seed = test_seed();
	int programs = count ? (int)strtol(count, NULL, 10) : (url ? 20 : 200) * test_effort();
	int good = 0, folds = 0, refused = 0, bad = 0;

	for (int i = 0; i < programs && bad < 3; i++) {
		int rc = run(getenv("SEED") && programs == 1 ? seed : seed + (uint64_t)i * 7919, url);

		good += rc > 0;
		folds += rc > 1;
		refused += rc == 0;
		bad += rc < 0;
	}
	printf("# %d programs: %d ran, in %d the first table folds, %d were "
	  "refused\n", programs, good, folds, refused);
	CHECK(bad == 0, "folded or by statements: tables, ledger and dead letters are the same");
	CHECK(programs < MANY || (folds * 10 >= programs && folds < good), "programs inside and outside "
	  "of the subset were run");
	CHECK(programs < MANY || refused * 2 < programs, "most programs are ones");
	return test_done();
}
