/*
 * apply_test.c - the fold is a function of the records alone
 *
 * Random streams with deletes, re-inserts, key changes and poison are applied by batches of several
 * sizes, with restarts at random places and records given twice, and compared with a model that is
 * written down here, row by row.
 */
#include "test.h"

#include "apply/apply.h"
#include "base/buf.h"
#include "store/dead.h"

#define KEYS 6
#define MAX_RECORDS 600

static const char file[] =
	"-- @projection d version 1\n"
	"-- @topics a, b\n"
	"-- @envelope id=$.id type=$.type\n"
	"-- @filter $.skip = false\n"
	"-- @schema\n"
	"CREATE TABLE t (k text PRIMARY KEY, v integer NOT NULL, n integer NOT NULL DEFAULT 0);\n"
	"-- @on put\n"
	"INSERT INTO t (k, v) VALUES ($.k, $.v)\n"
	"ON CONFLICT (k) DO UPDATE SET v = excluded.v, n = t.n + 1;\n"
	"-- @on once\n"
	"INSERT INTO t (k, v) VALUES ($.k, $.v) ON CONFLICT (k) DO NOTHING;\n"
	"-- @on del\n"
	"DELETE FROM t WHERE k = $.k;\n"
	"-- @on add must touch\n"
	"UPDATE t SET v = v + $.v WHERE k = $.k;\n"
	"-- @on move\n"
	"DELETE FROM t WHERE k = $.to;\n"
	"UPDATE t SET k = $.to WHERE k = $.k;\n";

enum op { PUT, ONCE, DEL, ADD, MOVE, OTHER, BROKEN, OPS };
static const char *const op_names[] = { "put", "once", "del", "add", "move", "other", "put" };

struct step {
	enum op op;
	int k, to, record_key; /* record_key -1: none */
	int64_t v;
	bool skip;
	struct ev_record record;
	char value[160], key[8];
};

struct model {
	bool there[KEYS], dead[KEYS];
	int64_t v[KEYS], n[KEYS];
	int64_t counts[EV_COUNTS], untouched;
};

static void make(struct step *s, size_t n, uint64_t *seed, bool poison)
{
	int64_t next[2][2] = { { 0 } };

	for (size_t i = 0; i < n; i++) {
		int topic = (int)(test_rand(seed) % 2), partition = (int)(test_rand(seed) % 2);

		s[i].op = test_rand(seed) % (poison ? OPS : OPS - 1);
		if (!poison && s[i].op == ADD)
			s[i].op = PUT;
		s[i].k = (int)(test_rand(seed) % KEYS);
		s[i].to = (int)((unsigned)s[i].k + 1 + test_rand(seed) % (KEYS - 1)) % KEYS;
		s[i].v = (int64_t)(test_rand(seed) % 1000);
		s[i].skip = test_rand(seed) % 8 == 0;
		s[i].record_key = test_rand(seed) % 4 ? s[i].k : -1;
		snprintf(s[i].key, sizeof(s[i].key), "k%d", s[i].record_key);
		snprintf(s[i].value, sizeof(s[i].value),
			 s[i].op == BROKEN ? "{\"type\":\"%s\",\"k\":\"k%d\",\"v\":\"x%d\",\"to\":\"k%d\",\"skip\":%s}"
					   : "{\"type\":\"%s\",\"k\":\"k%d\",\"v\":%d,\"to\":\"k%d\",\"skip\":%s}",
			 op_names[s[i].op], s[i].k, (int)s[i].v, s[i].to, s[i].skip ? "true" : "false");
		s[i].record = (struct ev_record){
			.topic = topic ? EV_LITERAL("b") : EV_LITERAL("a"),
			.partition = partition,
			.part = (uint32_t)(topic * 2 + partition),
			.offset = next[topic][partition],
			.timestamp = 1000 + (int64_t)i,
			.key = s[i].record_key < 0 ? EV_NULL_SLICE : ev_slice_str(s[i].key),
			.value = ev_slice_str(s[i].value),
		};
		next[topic][partition] += 1 + (int64_t)(test_rand(seed) % 3);
		s[i].record.offset += 0;
	}
}

static bool touch(struct model *m, const struct step *s, bool *poison)
{
	int k = s->k, to = s->to;
	bool had = m->there[k], lost = m->there[to];

	switch (s->op) {
	case PUT:
		m->n[k] = had ? m->n[k] + 1 : 0;
		m->v[k] = s->v;
		m->there[k] = true;
		return true;
	case ONCE:
		if (had)
			return false;
		m->there[k] = true;
		m->v[k] = s->v;
		m->n[k] = 0;
		return true;
	case DEL:
		m->there[k] = false;
		return had;
	case ADD:
		*poison = !had;
		m->v[k] += had ? s->v : 0;
		return had;
	case MOVE:
		m->there[to] = had;
		m->v[to] = m->v[k];
		m->n[to] = m->n[k];
		m->there[k] = false;
		return had || lost;
	default:
		*poison = s->op == BROKEN;
		return false;
	}
}

/* What must come of it, one record after the other. */
static void fold(struct model *m, const struct step *s, size_t n)
{
	*m = (struct model){ 0 };
	for (size_t i = 0; i < n; i++) {
		bool dead_key[2] = { false, false }, poison = false, touched;
		int rk = s[i].record_key, topic = s[i].record.topic.ptr[0] == 'b';

		(void)dead_key;
		if (s[i].skip) {
			m->counts[EV_FILTERED]++;
		} else if (s[i].op == OTHER) {
			m->counts[EV_IGNORED]++;
		} else if (rk >= 0 && m->dead[rk] && topic == 0) {
			m->counts[EV_HELD_BACK]++;
		} else {
			touched = touch(m, &s[i], &poison);
			m->counts[poison ? EV_DEAD : EV_APPLIED]++;
			if (poison && rk >= 0 && topic == 0)
				m->dead[rk] = true;
			m->untouched += !poison && !touched;
		}
	}
}

static int add_row(void *ctx, const struct ev_cell *c, size_t n)
{
	struct ev_buf *out = ctx;

	for (size_t i = 0; i < n; i++)
		ev_buf_addf(out, "%.*s%c", (int)c[i].text.len, c[i].text.ptr, i + 1 < n ? '|' : '\n');
	return 0;
}

static void dump(struct ev_store *s, struct ev_buf *out)
{
	struct ev_error err = EV_ERROR_INIT;
	size_t at;
	struct ev_query *q = s->ops->prepare(s, "SELECT k, v, n FROM t ORDER BY k", false, NULL, NULL,
					     &at, &err);

	if (!q || s->ops->select(s, q, NULL, 0, add_row, out, &err) < 0)
		ev_buf_addf(out, "error: %s\n", err.text);
	s->ops->finish(s, q);
}

static void model_dump(const struct model *m, struct ev_buf *out)
{
	for (int k = 0; k < KEYS; k++)
		if (m->there[k])
			ev_buf_addf(out, "k%d|%" PRId64 "|%" PRId64 "\n", k, m->v[k], m->n[k]);
}

static struct ev_apply *open_apply(struct ev_store *s, const struct ev_projection *p, bool dead,
				   struct ev_error *err)
{
	struct ev_apply_options opt = EV_APPLY_OPTIONS_INIT;
	struct ev_apply *a;

	opt.dead = dead;
	opt.decided = true; /* whether a retry may come late is late_test.c's */
	a = ev_apply_open(s, p, &opt, err);
	for (int i = 0; a && i < 4; i++)
		ev_apply_partition(a, (uint32_t)i, i / 2 ? "b" : "a", i % 2, 0, NULL);
	return a;
}

/* Apply by batches of `batch` (0: random sizes), sometimes closing and opening, sometimes giving again. */
static int apply_all(struct ev_store *s, const struct ev_projection *p, const struct step *st,
		     size_t n, size_t batch, uint64_t *seed, bool dead, struct ev_error *err)
{
	struct ev_record records[MAX_RECORDS];
	struct ev_apply *a = open_apply(s, p, dead, err);
	size_t at = 0;
	int rc = a ? 0 : -1;

	for (size_t i = 0; i < n; i++)
		records[i] = st[i].record;
	while (rc == 0 && at < n) {
		size_t size = batch ? batch : 1 + test_rand(seed) % 50;

		if (size > n - at)
			size = n - at;
		rc = ev_apply_batch(a, records + at, size, NULL, 0, false, false, err);
		at += size;
		if (rc == 0 && !batch && test_rand(seed) % 4 == 0) {
			ev_apply_close(a);
			a = open_apply(s, p, dead, err);
			rc = a ? 0 : -1;
			at -= at ? test_rand(seed) % at % 20 : 0; /* some once more */
		}
	}
	ev_apply_close(a);
	return rc;
}

static bool counts_are(struct ev_store *s, const struct model *m, struct ev_error *err)
{
	struct ev_ledger l = { 0 };
	struct ev_buf why = EV_BUF_INIT;
	int64_t sum[EV_COUNTS] = { 0 }, untouched = 0;
	bool same = ev_ledger_load(s, "d", &l, err) == 0 && ev_ledger_balanced(&l, &why);

	for (size_t i = 0; i < l.nparts; i++) {
		untouched += l.parts[i].untouched;
		for (int c = 0; c < EV_COUNTS; c++)
			sum[c] += l.parts[i].counts[c];
	}
	for (int c = 0; c < EV_COUNTS; c++)
		if (c != EV_INVISIBLE)
			same &= sum[c] == m->counts[c];
	if (!same)
		printf("# applied %" PRId64 "/%" PRId64 " dead %" PRId64 "/%" PRId64 " held %" PRId64 "/%" PRId64
		       " %s\n", sum[EV_APPLIED], m->counts[EV_APPLIED], sum[EV_DEAD], m->counts[EV_DEAD],
		       sum[EV_HELD_BACK], m->counts[EV_HELD_BACK], ev_buf_str(&why));
	same &= untouched == m->untouched;
	ev_ledger_release(&l);
	ev_buf_release(&why);
	return same;
}

static void one_stream(const struct ev_projection *p, uint64_t seed, bool poison)
{
	static const size_t batches[] = { 1, 7, 100, MAX_RECORDS, 0 };
	static struct step steps[MAX_RECORDS];
	struct ev_store_options so = EV_STORE_OPTIONS_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_buf want = EV_BUF_INIT, got = EV_BUF_INIT;
	uint64_t state = seed;
	size_t n = 1 + test_rand(&state) % MAX_RECORDS;
	struct model m;

	make(steps, n, &state, poison);
	if (poison)
		for (size_t i = 0; i < n; i++) { /* one topic with keys, so that holding is per topic */
			if (steps[i].record.topic.ptr[0] == 'b') {
				steps[i].record.key = EV_NULL_SLICE;
				steps[i].record_key = -1;
			}
		}
	fold(&m, steps, n);
	model_dump(&m, &want);
	for (size_t i = 0; i < sizeof(batches) / sizeof(*batches); i++) {
		struct ev_store *s = ev_sqlite_open(":memory:", &so, &err);
		int rc = s ? apply_all(s, p, steps, n, batches[i], &state, poison, &err) : -1;

		ev_buf_clear(&got);
		if (rc == 0)
			dump(s, &got);
		CHECK(rc == 0 && ev_slice_eq(ev_buf_slice(&want), ev_buf_slice(&got)),
		      "seed %" PRIu64 ", batch %zu, %s: the tables are the model's (%s)", seed, batches[i],
		      poison ? "poison" : "clean", err.text);
		CHECK(rc == 0 && counts_are(s, &m, &err), "seed %" PRIu64 ", batch %zu: the ledger counts it",
		      seed, batches[i]);
		if (s)
			s->ops->close(s);
	}
	ev_buf_release(&want);
	ev_buf_release(&got);
}

static struct ev_record record_of(const char *value, const char *key, int64_t offset)
{
	return (struct ev_record){ .topic = EV_LITERAL("a"), .offset = offset, .timestamp = offset,
				   .key = ev_slice_str(key), .value = ev_slice_str(value) };
}

/* In stop mode what stands before the poison is applied, and nothing else. */
static void test_stop(const struct ev_projection *p)
{
	struct ev_store_options so = EV_STORE_OPTIONS_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s = ev_sqlite_open(":memory:", &so, &err);
	struct ev_apply *a = open_apply(s, p, false, &err);
	struct ev_buf got = EV_BUF_INIT;
	struct ev_record r[3] = {
		record_of("{\"type\":\"put\",\"k\":\"x\",\"v\":1,\"skip\":false}", NULL, 5),
		record_of("{\"type\":\"put\",\"k\":\"y\",\"v\":\"one\",\"skip\":false}", NULL, 6),
		record_of("{\"type\":\"put\",\"k\":\"z\",\"v\":3,\"skip\":false}", NULL, 7),
	};

	CHECK(ev_apply_batch(a, r, 3, NULL, 0, false, false, &err) < 0 && err.class == EV_DATA,
	      "a poison record stops the run as bad data");
	CHECK(strstr(err.text, "a/0@6: "), "the error names the record: %s", err.text);
	dump(s, &got);
	CHECK(strcmp(ev_buf_str(&got), "x|1|0\n") == 0, "what stood before it is applied, nothing after");
	CHECK(ev_apply_ledger(a)->parts[0].next == 6, "the position is that of the poison record");
	ev_apply_close(a);
	s->ops->close(s);
	ev_buf_release(&got);
}

/* A letter and its followers, retried after the row it wanted has come by another way. */
static void test_retry(const struct ev_projection *p)
{
	struct ev_store_options so = EV_STORE_OPTIONS_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s = ev_sqlite_open(":memory:", &so, &err);
	struct ev_apply *a = open_apply(s, p, true, &err);
	struct ev_buf got = EV_BUF_INIT, why = EV_BUF_INIT;
	struct ev_retried done;
	struct ev_record r[4] = {
		record_of("{\"type\":\"add\",\"k\":\"x\",\"v\":1,\"skip\":false}", "x", 0),
		record_of("{\"type\":\"add\",\"k\":\"x\",\"v\":10,\"skip\":false}", "x", 1),
		record_of("{\"type\":\"put\",\"k\":\"z\",\"v\":3,\"skip\":false}", "z", 2),
		record_of("{\"type\":\"put\",\"k\":\"x\",\"v\":100,\"skip\":false}", "other", 3),
	};

	CHECK(ev_apply_batch(a, r, 4, NULL, 0, false, false, &err) == 0, "poison is kept: %s", err.text);
	dump(s, &got);
	CHECK(strcmp(ev_buf_str(&got), "x|100|0\nz|3|0\n") == 0, "others go on: %s", ev_buf_str(&got));
	CHECK(ev_apply_retry(a, "a", 0, 1, false, &done, &err) < 0 && err.class == EV_USAGE,
	      "a held record is no letter to be retried");
	CHECK(ev_apply_retry(a, "a", 0, 0, false, &done, &err) == 0 && done.applied == 2,
	      "the letter and its follower are applied: %s", err.text);
	ev_buf_clear(&got);
	dump(s, &got);
	CHECK(strcmp(ev_buf_str(&got), "x|111|0\nz|3|0\n") == 0, "in their order: %s", ev_buf_str(&got));
	CHECK(ev_ledger_balanced(ev_apply_ledger(a), &why), "the ledger balances: %s", ev_buf_str(&why));
	CHECK(ev_apply_ledger(a)->parts[0].counts[EV_DEAD] == 0 &&
	      ev_apply_ledger(a)->parts[0].counts[EV_APPLIED] == 4, "no letter is left");
	ev_apply_close(a);
	s->ops->close(s);
	ev_buf_release(&got);
	ev_buf_release(&why);
}

int main(void)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_projection *p = ev_projection_parse("d.sql", EV_LITERAL(file), &err);
	uint64_t seed = test_seed();

	if (!CHECK(p != NULL, "the projection is parsed: %s", err.text))
		return test_done();
	test_stop(p);
	test_retry(p);
	for (int i = 0; i < 10 * test_effort(); i++) {
		one_stream(p, seed + (uint64_t)i, false);
		one_stream(p, seed + (uint64_t)i, true);
	}
	ev_projection_free(p);
	return test_done();
}
