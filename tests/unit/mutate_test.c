/*
 * mutate_test.c - the checker is checked: what is done to a view, its ledger or its log must be seen
 *
 * For each seed a log is made, and a view of it by one to three runs. Untouched the view must be consistent. Then
 * one corruption is done, and must not be: unless a dump of the tables, which knows nothing of digests, says
 * that it changed nothing. N seeds (make mutate N=500); SEED replays one. With EV_MUTATE_POSTGRES the views are
 * in PostgreSQL.
 */
#include "test.h"

#include <inttypes.h>
#include <math.h>
#include <unistd.h>

#include "apply/run.h"
#include "base/buf.h"
#include "base/mem.h"
#include "record/line.h"
#include "source/spec.h"
#include "verify/verify.h"

#include "mutations.h"

#define MAX_EVENTS 80

static const char head[] =
	"-- @projection m version 1\n"
	"-- @topics a, b\n"
	"-- @envelope id=$.id type=$.type\n";
static const char dedupe[] = "-- @dedupe id\n";
static const char file[] =
	"-- @schema sqlite\n"
	"CREATE TABLE t (k text PRIMARY KEY, i integer, r real, s text, u text, b blob, d numeric, w text);\n"
	"CREATE TABLE p (x text NOT NULL, y integer NOT NULL, n integer NOT NULL, PRIMARY KEY (x, y));\n"
	"CREATE TABLE l (s text, i integer);\n"
	"-- @schema postgresql\n"
	"CREATE TABLE t (k text PRIMARY KEY, i bigint, r double precision, s text, u text, b bytea, d numeric,\n"
	"	w timestamptz);\n"
	"CREATE TABLE p (x text NOT NULL, y bigint NOT NULL, n bigint NOT NULL, PRIMARY KEY (x, y));\n"
	"CREATE TABLE l (s text, i bigint);\n"
	"-- @on put\n"
	"INSERT INTO t (k, i, r, s, u, d, w) VALUES ($.k, $.i, $.r, $.s, $.u, $.d, :time)\n"
	"ON CONFLICT (k) DO UPDATE SET i = excluded.i, r = excluded.r, s = excluded.s, u = excluded.u,\n"
	"	d = excluded.d, w = excluded.w;\n"
	"-- @on add must touch\n"
	"UPDATE t SET i = i + $.n, b = :key WHERE k = $.k;\n"
	"-- @on pair\n"
	"INSERT INTO p (x, y, n) VALUES ($.k, $.n, 1)\n"
	"ON CONFLICT (x, y) DO UPDATE SET n = p.n + 1;\n"
	"-- @on line\n"
	"INSERT INTO l (s, i) VALUES ($.s, $.n);\n"
	"-- @on del\n"
	"DELETE FROM t WHERE k = $.k;\n";

static const char *const texts[] = {
	"", "NULL", "<null>", "a|b", "a", "b", "c", "a ", "\xc3\xa9", "e\xcc\x81", "0", "1", "x''", "null", "A",
};
static const char *const reals[] = { "0.1", "0.30000000000000004", "1e300", "-2.5", "0.0", "3.0000000000000004" };
static const char *const decimals[] = { "1.10", "123456789012.5", "0.1", "-7", "99999999999", "12.000001" };
static const char *const integers[] = { "0", "1", "-1", "123456789012345", "9007199254740993", "42" };

#define PICK(list, seed) (list)[test_rand(seed) % (sizeof(list) / sizeof(*(list)))]

struct event {
	const char *topic;
	int partition;
	int64_t offset, timestamp;
	char key[8], value[400];
};

struct world {
	struct ev_projection *plain, *once; /* without and with @dedupe */
	struct ev_projection *p;            /* the one of them that is at hand */
	struct event events[MAX_EVENTS];
	size_t n;
	char dir[64], log[96], url[512];
	const char *postgres;  /* NULL: SQLite */
	const char *schema;
	char name[64];
};

static void die(const char *what, const struct ev_error *err)
{
	printf("Bail out! %s: %s\n", what, err->text);
	exit(1);
}

/* One in eight has the id of another. */
static void make_event(struct event *e, uint64_t *seed)
{
	static const char *const types[] = { "put", "put", "put", "add", "add", "pair", "pair", "line", "del", "nop" };
	char k[8];

	snprintf(k, sizeof(k), "k%d", (int)(test_rand(seed) % 6));
	snprintf(e->key, sizeof(e->key), "%s", k);
	snprintf(e->value, sizeof(e->value),
		 "{\"id\":\"%d\",\"type\":\"%s\",\"k\":\"%s\",\"i\":%s,\"r\":%s,\"s\":%s%s%s,"
		 "\"u\":\"%s\",\"d\":%s,\"n\":%d}",
		 (int)(test_rand(seed) % (test_rand(seed) % 8 ? 1000000000 : 5)),
		 PICK(types, seed), k, PICK(integers, seed), PICK(reals, seed), "\"", PICK(texts, seed), "\"",
		 PICK(texts, seed), PICK(decimals, seed), (int)(test_rand(seed) % 3));
	if (test_rand(seed) % 6 == 0) { /* a missing text is NULL */
		char *at = strstr(e->value, "\"s\":");

		memcpy(at, "\"z\":", 4);
	}
}

static void make_log(struct world *w, uint64_t *seed)
{
	int64_t next[2][2] = { { 0 } };

	w->n = 20 + test_rand(seed) % (MAX_EVENTS - 20);
	for (size_t i = 0; i < w->n; i++) {
		struct event *e = &w->events[i];
		int topic = (int)(test_rand(seed) % 2), part = (int)(test_rand(seed) % 2);

		e->topic = topic ? "b" : "a";
		e->partition = part;
		next[topic][part] += test_rand(seed) % 8 == 0; /* a hole */
		e->offset = next[topic][part]++;
		e->timestamp = 1763200000000 + (int64_t)(test_rand(seed) % 1000);
		make_event(e, seed);
	}
}

/* The first n events; `skip`: but that one. */
static void write_log(const struct world *w, const char *path, size_t n, size_t skip)
{
	struct ev_buf line = EV_BUF_INIT;
	FILE *f = fopen(path, "w");

	for (size_t i = 0; i < n; i++) {
		const struct event *e = &w->events[i];
		struct ev_record r = {
			.topic = ev_slice_str(e->topic), .partition = e->partition, .offset = e->offset,
			.timestamp = e->timestamp, .key = ev_slice_str(e->key), .value = ev_slice_str(e->value),
		};

		if (i == skip)
			continue;
		ev_buf_clear(&line);
		ev_line_write(&line, &r);
		fwrite(line.data, 1, line.len, f);
		if (line.data[line.len - 1] != '\n')
			fputc('\n', f);
	}
	ev_buf_release(&line);
	if (fclose(f) != 0)
		abort();
}

static struct ev_source *open_log(const struct world *w)
{
	struct ev_source_spec spec = EV_SOURCE_SPEC_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_source *s = NULL;

	spec.need_headers = true;
	if (ev_source_spec_add(&spec, w->log, &err) == 0)
		s = ev_source_open(&spec, &err);
	if (!s)
		die("log", &err);
	ev_source_spec_release(&spec);
	return s;
}

static struct ev_store_options store_options(const struct world *w)
{
	struct ev_store_options opt = EV_STORE_OPTIONS_INIT;

	opt.schema = w->schema;
	return opt;
}

static struct ev_store *open_store(const struct world *w)
{
	struct ev_store_options opt = store_options(w);
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s = ev_store_open(w->url, &opt, &err);

	if (!s)
		die("store", &err);
	return s;
}

static void run_once(struct world *w, size_t batch)
{
	struct ev_apply_options ao = EV_APPLY_OPTIONS_INIT;
	struct ev_run_options ro = EV_RUN_OPTIONS_INIT;
	struct ev_range_args range = EV_RANGE_ARGS_INIT;
	struct ev_run_hooks hooks = { 0 };
	struct ev_run_status status;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_source *src = open_log(w);
	struct ev_store *s = open_store(w);
	struct ev_apply *a;

	ao.dead = true;
	ro.range = &range;
	ro.batch = batch;
	a = ev_apply_open(s, w->p, &ao, &err);
	if (!a || ev_run(a, src, &ro, &hooks, &status, &err) < 0)
		die("run", &err);
	ev_apply_close(a);
	s->ops->close(s);
	src->ops->close(src);
}

static void script(const struct world *w, const char *sql)
{
	struct ev_store *s = open_store(w);
	struct ev_error err = EV_ERROR_INIT;

	if (s->ops->script(s, sql, &err) < 0) {
		printf("# %s\n", sql);
		die("script", &err);
	}
	s->ops->close(s);
}

static void fresh_store(struct world *w)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", "-evlock" };
	char path[600];

	if (w->postgres) {
		const char *was = w->schema;

		w->schema = NULL;
		script(w, "DROP SCHEMA IF EXISTS mutate CASCADE; CREATE SCHEMA mutate");
		w->schema = was;
		return;
	}
	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s%s", w->url, suffixes[i]);
		unlink(path);
	}
}

/* A view of the log, by one to three runs over what there was of it then. */
static void build(struct world *w, uint64_t seed)
{
	size_t runs = 1 + test_rand(&seed) % 3;

	fresh_store(w);
	for (size_t i = 1; i <= runs; i++) {
		write_log(w, w->log, w->n * i / runs, SIZE_MAX);
		run_once(w, 1 + test_rand(&seed) % 30);
	}
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All rows and the ledger as text, sorted. */
static char *dump(const struct world *w)
{
	static const char *const tables[] = { "t", "p", "l", "ev_ledger", "ev_dead", "ev_seen",
					      "(SELECT watermark FROM ev_projection) w" };
	struct ev_store *s = open_store(w);
	struct ev_error err = EV_ERROR_INIT;
	char **rows = NULL;
	size_t n = 0;
	struct ev_buf all = EV_BUF_INIT;

	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		struct ev_buf sql = EV_BUF_INIT;
		const struct ev_cell *cells;
		struct ev_cursor *c;
		static const size_t columns[] = { 8, 3, 2, 19, 11, 7, 1 };

		ev_buf_addf(&sql, "SELECT * FROM %s", tables[i]);
		c = s->ops->cursor(s, ev_buf_str(&sql), &err);
		while (c && s->ops->fetch(c, &cells, &err) > 0) {
			struct ev_buf row = EV_BUF_INIT;

			ev_buf_addf(&row, "%s ", tables[i]);
			for (size_t k = 0; k < columns[i]; k++) {
				ev_buf_addf(&row, "%d:", cells[k].kind);
				if (cells[k].kind == EV_CELL_REAL && !w->postgres)
					ev_buf_addf(&row, "%a;", cells[k].real);
				else /* the text is exact there, and a decimal is no double */
					for (size_t j = 0; j < cells[k].text.len; j++)
						ev_buf_addf(&row, "%02x", (unsigned char)cells[k].text.ptr[j]);
			}
			*EV_PUSH(rows, n) = ev_strdup(ev_buf_str(&row));
			ev_buf_release(&row);
		}
		if (!c || err.class)
			die("dump", &err);
		s->ops->cursor_close(c);
		ev_buf_release(&sql);
	}
	s->ops->close(s);
	qsort(rows, n, sizeof(*rows), by_text);
	for (size_t i = 0; i < n; i++) {
		ev_buf_addf(&all, "%s\n", rows[i]);
		free(rows[i]);
	}
	free(rows);
	return all.data ? all.data : ev_strdup("");
}

static void say_finding(const struct ev_finding *f, struct ev_buf *out)
{
	ev_buf_addf(out, "; %s %s %s %s", f->kind, f->subject, f->key ? f->key : "", f->text ? f->text : "");
}

static int verify(const struct world *w, bool independent, struct ev_buf *said)
{
	struct ev_store_options so = store_options(w);
	struct ev_verify_options opt = {
		.url = w->url, .store = &so, .rows = true, .counts = true, .checks = true,
		.independent = independent, .sample = 1, .max_diffs = 5, .memory = 64u << 20,
		.max_lag = -1, .max_age_ms = -1, .scratch = w->postgres,
	};
	struct ev_verify_hooks hooks = { 0 };
	struct ev_error err = EV_ERROR_INIT, why;
	struct ev_source *src = open_log(w);
	struct ev_verdict v;
	int rc = ev_verify(w->p, src, &opt, &hooks, &v, &err);
	int status = rc < 0 ? (int)err.class : ev_verdict_status(&v, &why);

	ev_buf_clear(said);
	ev_buf_addf(said, "status %d %s", status, rc < 0 ? err.text : status > 1 ? why.text : "");
	for (size_t i = 0; i < v.nmodes; i++)
		for (size_t k = 0; k < v.modes[i]->nfindings; k++)
			say_finding(&v.modes[i]->findings[k], said);
	ev_verdict_release(&v);
	src->ops->close(src);
	return status;
}

enum log_change { SKIPPED, TWICE, SWAPPED, EDITED, LOST_LAST, LOST_ONE, RECREATED, LOG_CHANGES };
static const char *const log_changes[] = {
	"an event was skipped", "an event was applied twice", "two events were swapped", "an event was edited",
	"the log lost its end", "the log lost a record", "the topic was made anew",
};

static int take_key(void *ctx, const struct ev_cell *c, size_t n)
{
	char **next = ctx;

	(void)n;
	if (next[0] && next[1])
		return 0;
	next[next[0] != NULL] = ev_slice_dup(c[0].text);
	if (!next[2])
		next[2] = ev_slice_dup(c[1].kind == EV_CELL_NULL ? EV_LITERAL("1") : c[1].text);
	return 0;
}

static void pick_keys(const struct world *w, uint64_t *seed, char *keys[3])
{
	struct ev_store *s = open_store(w);
	struct ev_error err = EV_ERROR_INIT;
	struct ev_buf sql = EV_BUF_INIT;
	struct ev_query *q;
	size_t at;

	ev_buf_addf(&sql, "SELECT k, r FROM t ORDER BY substr(k || k, %d), k", (int)(1 + test_rand(seed) % 2));
	q = s->ops->prepare(s, ev_buf_str(&sql), false, NULL, NULL, &at, &err);
	if (!q || s->ops->select(s, q, NULL, 0, take_key, keys, &err) < 0)
		die("keys", &err);
	s->ops->finish(s, q);
	s->ops->close(s);
	ev_buf_release(&sql);
}

static void corrupt(const struct world *w, const struct corruption *c, uint64_t *seed)
{
	const char *sql = w->postgres && c->postgres ? c->postgres : c->sqlite;
	char *keys[3] = { NULL, NULL, NULL };
	struct ev_buf text = EV_BUF_INIT;

	if (!sql)
		return;
	pick_keys(w, seed, keys);
	for (; *sql; sql++) {
		if (*sql == '%' && (sql[1] == '1' || sql[1] == '2')) {
			const char *k = keys[sql[1] == '2' && keys[1] ? 1 : 0];

			ev_buf_add_quoted(&text, k ? k : "none", '\'');
			sql++;
		} else if (*sql == '%' && sql[1] == 'r') {
			ev_buf_addf(&text, "%.17g", nextafter(strtod(keys[2] ? keys[2] : "1", NULL), 1e308));
			sql++;
		} else if (*sql == '%' && sql[1] == '%') {
			ev_buf_addc(&text, '%');
			sql++;
		} else {
			ev_buf_addc(&text, *sql);
		}
	}
	script(w, ev_buf_str(&text));
	ev_buf_release(&text);
	for (int i = 0; i < 3; i++)
		free(keys[i]);
}

/* All but the id, or it were none to @dedupe. */
static void take_over(struct event *to, const struct event *from)
{
	char rest[400];

	snprintf(rest, sizeof(rest), "%s", strstr(from->value, "\"type\""));
	snprintf(to->value, sizeof(to->value), "{\"id\":\"-1\",%.380s", rest);
}

static void swap_content(struct event *a, struct event *b)
{
	struct event was = *a;

	memcpy(a->key, b->key, sizeof(a->key));
	memcpy(a->value, b->value, sizeof(a->value));
	memcpy(b->key, was.key, sizeof(b->key));
	memcpy(b->value, was.value, sizeof(b->value));
}

/*
 * The view is built from a log that is not what it will be verified against. `at` is in the middle: the last records of
 * the partitions stay, so that the log's identity does not tell.
 */
static void change_log(struct world *w, enum log_change change, uint64_t *seed)
{
	uint64_t again = *seed;
	size_t at = test_rand(seed) % (w->n / 2);
	struct event *e = &w->events[at];

	switch (change) {
	case SKIPPED:
	case EDITED:
	case TWICE:
		if (change == TWICE)
			take_over(&e[1], e);
		else if (change == SKIPPED)
			snprintf(e->value, sizeof(e->value), "{\"id\":\"-2\",\"type\":\"nop\"}");
		else
			make_event(e, seed);
		break;
	case SWAPPED:
		swap_content(e, e + 1);
		break;
	case LOST_LAST:
		write_log(w, w->log, w->n, w->n - 1);
		return;
	case LOST_ONE:
		write_log(w, w->log, w->n, at);
		return;
	default:
		make_event(&w->events[w->n - 1], seed);
		w->events[w->n - 1].timestamp++;
		write_log(w, w->log, w->n, SIZE_MAX);
		return;
	}
	build(w, again);
}

struct tally {
	int alarms, missed, seen, nothing;
};

static const char *damage(struct world *w, uint64_t *seed, uint64_t build_seed, bool *same)
{
	size_t which = test_rand(seed) % (NCORRUPTIONS + LOG_CHANGES);
	struct event before[MAX_EVENTS];
	char *was = dump(w), *is;
	const char *what;

	*same = false;
	if (which < NCORRUPTIONS) {
		corrupt(w, &corruptions[which], seed);
		what = corruptions[which].what;
		is = dump(w);
		*same = strcmp(was, is) == 0;
		free(is);
	} else {
		enum log_change change = (enum log_change)(which - NCORRUPTIONS);
		uint64_t s = build_seed;

		what = log_changes[change];
		memcpy(before, w->events, sizeof(before));
		change_log(w, change, change <= EDITED ? &s : seed);
		if (change <= EDITED) {
			memcpy(w->events, before, sizeof(before));
			write_log(w, w->log, w->n, SIZE_MAX);
			is = dump(w);
			*same = strcmp(was, is) == 0;
			free(is);
		}
	}
	free(was);
	return what;
}

static void one(struct world *w, uint64_t base, struct tally *t)
{
	uint64_t seed = base, build_seed;
	struct ev_buf said = EV_BUF_INIT;
	const char *what;
	bool same;
	int status;

	w->p = test_rand(&seed) % 2 ? w->once : w->plain;
	make_log(w, &seed);
	build_seed = test_rand(&seed);
	build(w, build_seed);
	status = verify(w, test_rand(&seed) % 2, &said);
	if (status != 0) {
		t->alarms++;
		printf("# SEED=%" PRIu64 ": a false alarm: %s\n", base, ev_buf_str(&said));
	}
	what = damage(w, &seed, build_seed, &same);
	status = verify(w, test_rand(&seed) % 2, &said);
	if (same && status != 0) {
		t->alarms++;
		printf("# SEED=%" PRIu64 ": %s, which changes nothing, and an alarm: %s\n", base, what,
		       ev_buf_str(&said));
	} else if (!same && status != 1 && status != 5) {
		t->missed++;
		printf("# SEED=%" PRIu64 ": not seen: %s: %s\n", base, what, ev_buf_str(&said));
	}
	t->nothing += same;
	t->seen += !same && (status == 1 || status == 5);
	ev_buf_release(&said);
}

static struct ev_projection *parse(const char *more)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_buf text = EV_BUF_INIT;
	struct ev_projection *p;

	ev_buf_addf(&text, "%s%s%s", head, more, file);
	p = ev_projection_parse("m.sql", ev_buf_slice(&text), &err);
	ev_buf_release(&text);
	if (!p)
		die("projection", &err);
	return p;
}

static void open_world(struct world *w)
{

	snprintf(w->dir, sizeof(w->dir), "/tmp/evmutate.XXXXXX");
	if (!mkdtemp(w->dir))
		abort();
	snprintf(w->log, sizeof(w->log), "%s/log.ndjson", w->dir);
	w->postgres = getenv("EV_MUTATE_POSTGRES");
	w->schema = w->postgres ? "mutate" : NULL;
	if (w->postgres)
		snprintf(w->url, sizeof(w->url), "%s", w->postgres);
	else
		snprintf(w->url, sizeof(w->url), "%s/view.db", w->dir);
	w->plain = parse("");
	w->once = parse(dedupe);
}

static void close_world(struct world *w)
{
	if (!w->postgres)
		fresh_store(w);
	unlink(w->log);
	rmdir(w->dir);
	ev_projection_free(w->plain);
	ev_projection_free(w->once);
}

int main(void)
{
	const char *n = getenv("N");
	long seeds = n ? strtol(n, NULL, 10) : 60L * test_effort();
	uint64_t seed = test_seed();
	struct world *w = ev_alloc(sizeof(*w));
	struct tally t = { 0 };

	open_world(w);
	for (long i = 0; i < seeds; i++)
		one(w, seed + (uint64_t)i, &t);
	close_world(w);
	free(w);
	printf("# %ld seeds: %d corruptions seen, %d that changed nothing\n", seeds, t.seen, t.nothing);
	CHECK(t.alarms == 0, "no false alarm in %ld views", seeds * 2 - t.seen);
	CHECK(t.missed == 0, "all corruptions are seen");
	CHECK(t.seen > 0, "and there were some");
	return test_done();
}
