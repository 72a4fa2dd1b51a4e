/*
 * whole_test.c - a projection that folds as a whole: pieces by two threads, held batches that are lost
 *
 * Enough records at once that a second thread takes part, poison and what only the store can say among them: the
 * same as by statements. And a writer beside a load that is held.
 */
#include "test.h"

#include <inttypes.h>

#include "apply/apply.h"
#include "apply/lane.h"
#include "base/mem.h"

#define RECORDS 12000

static const char file[] =
	"-- @projection w version 1\n-- @topics t\n-- @envelope type=$.type time=$.at\n"
	"-- @filter $.no != 1\n-- @schema\n"
	"CREATE TABLE a (k text PRIMARY KEY, n bigint NOT NULL, at text);\n"
	"CREATE TABLE b (i bigint, j text, n bigint, PRIMARY KEY (i, j));\n"
	"CREATE INDEX b_n ON b (n);\n"
	"-- @on put\n"
	"INSERT INTO a (k, n, at) VALUES ($.k, $.n, :time) ON CONFLICT (k) DO UPDATE SET n = a.n + excluded.n, "
	"at = excluded.at;\n"
	"-- @on put each $.list\n"
	"INSERT INTO b (i, j, n) VALUES ($item, $.k, 1) ON CONFLICT (i, j) DO UPDATE SET n = b.n + 1;\n"
	"-- @on set must touch\nUPDATE a SET n = $.n! WHERE k = $.k;\n"
	"-- @on del\nDELETE FROM a WHERE k = $.k;\n";

static const char sums[] =
	"-- @projection s version 1\n"
	"-- @topics t\n"
	"-- @envelope type=$.type\n"
	"-- @schema\n"
	"CREATE TABLE a (k text PRIMARY KEY, n integer NOT NULL);\n"
	"-- @on put\n"
	"INSERT INTO a (k, n) VALUES ($.k, $.n) ON CONFLICT (k) DO UPDATE SET n = a.n + excluded.n;\n";

struct log {
	struct ev_record records[RECORDS];
	char values[RECORDS][160], keys[RECORDS][8];
};

static void fill(struct log *l, uint64_t seed)
{
	static const char *const types[] = { "put", "put", "put", "set", "del", "other" };
	static const char *const odd[] = { "\"x\"", "null", "1.5", "9223372036854775807", "\"7\"" };

	for (int i = 0; i < RECORDS; i++) {
		char n[24];

		snprintf(n, sizeof(n), "%d", (int)(test_rand(&seed) % 9));
		snprintf(l->values[i], sizeof(l->values[i]),
			 "{\"type\":\"%s\",\"k\":\"k\\u003%d%d\",\"n\":%s,\"list\":[1,%d],\"no\":%d,\"at\":%s}",
			 types[test_rand(&seed) % 6], (int)(test_rand(&seed) % 10), (int)(test_rand(&seed) % 500),
			 test_rand(&seed) % 50 ? n : odd[test_rand(&seed) % 5], (int)(test_rand(&seed) % 4),
			 (int)(test_rand(&seed) % 20), i % 2 ? "\"2026-11-20T10:00:00.123Z\"" : "1763632800");
		snprintf(l->keys[i], sizeof(l->keys[i]), "r%d", (int)(test_rand(&seed) % 900));
		l->records[i] = (struct ev_record){
			.topic = EV_LITERAL("t"), .offset = i, .timestamp = i, .key = ev_slice_str(l->keys[i]),
			.value = ev_slice_str(l->values[i]),
		};
	}
}

static int add_row(void *ctx, const struct ev_cell *c, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		ev_buf_add_slice(ctx, c[i].text);
		ev_buf_addc(ctx, i + 1 < n ? '|' : '\n');
	}
	return 0;
}

static void dump(struct ev_store *s, struct ev_buf *out)
{
	static const char *const all[] = {
		"SELECT k, n, at FROM a ORDER BY k", "SELECT i, j, n FROM b ORDER BY i, j",
		"SELECT record_offset, state, reason FROM ev_dead ORDER BY record_offset",
		"SELECT next_offset, applied, ignored, filtered, dead, held, untouched FROM ev_ledger",
		"SELECT sql FROM sqlite_schema WHERE name = 'b_n'", NULL };
	struct ev_error err = EV_ERROR_INIT;
	size_t at;

	for (const char *const *sql = all; *sql; sql++) {
		struct ev_query *q = s->ops->prepare(s, *sql, false, NULL, NULL, &at, &err);

		if (!q || s->ops->select(s, q, NULL, 0, add_row, out, &err) < 0)
			ev_buf_addf(out, "no dump: %s\n", err.text);
		s->ops->finish(s, q);
	}
}

static struct ev_apply *open_apply(struct ev_store *s, const struct ev_projection *p, bool exact, bool hold)
{
	struct ev_apply_options opt = EV_APPLY_OPTIONS_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_apply *a;

	opt.exact = exact;
	opt.dead = true;
	opt.hold_ms = hold ? 60000 : 0;
	opt.alone = opt.load = hold;
	a = ev_apply_open(s, p, &opt, &err);
	CHECK(a != NULL, "the store is opened: %s", err.text);
	ev_apply_partition(a, 0, "t", 0, 0, NULL);
	return a;
}

/* In batches of `size`; before record `beside` (when held) another writer comes by. How often it was read again. */
static int apply(const struct ev_projection *p, const struct log *l, bool exact, bool hold, size_t size,
		 size_t beside, struct ev_buf *out)
{
	struct ev_store_options so = EV_STORE_OPTIONS_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s = ev_store_open(":memory:", &so, &err);
	struct ev_apply *a = open_apply(s, p, exact, hold);
	int again = 0, rc = 0;
	size_t i;

	while (rc >= 0 && (i = (size_t)ev_apply_ledger(a)->parts[0].next) < RECORDS) {
		if (beside && i >= beside && !again)
			s->ops->script(s, "UPDATE ev_projection SET generation = generation + 1", &err);
		rc = ev_apply_batch(a, l->records + i, RECORDS - i < size ? RECORDS - i : size, NULL, 0, false,
				    beside && i >= beside && !again, &err);
		again += rc == 1;
		if (rc == 1)
			CHECK(ev_apply_ledger(a)->parts[0].next == 0, "the ledger is back where it was committed");
	}
	CHECK(rc >= 0 && ev_apply_checkpoint(a, &err) == 0, "all is applied: %s", err.text);
	dump(s, out);
	ev_apply_close(a);
	s->ops->close(s);
	return again;
}

static int lost(struct ev_store *s, struct ev_error *err)
{
	(void)s;
	ev_fail(err, EV_STORE, "the connection was lost");
	err->retriable = true;
	return -1;
}

static int connected(struct ev_store *s, struct ev_trouble *t, struct ev_error *err)
{
	(void)s;
	(void)t;
	(void)err;
	return 0;
}

/* A partition that came while records were held has seen none when they are given up. */
static void newcomer(struct log *l)
{
	struct ev_store_options so = EV_STORE_OPTIONS_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_projection *p = ev_projection_parse("s.sql", ev_slice_str(sums), &err);
	struct ev_store *s = ev_store_open(":memory:", &so, &err);
	struct ev_apply *a = open_apply(s, p, false, true);
	const struct ev_ledger_part *part;
	struct ev_store_ops ops;
	size_t n = RECORDS / 3;

	CHECK(ev_apply_batch(a, l->records, n, NULL, 0, false, false, &err) == 0, "some are held: %s", err.text);
	for (size_t i = 0; i < RECORDS; i++) {
		l->records[i].part = 1;
		l->records[i].partition = 1;
	}
	ev_apply_partition(a, 1, "t", 1, 0, NULL);
	CHECK(ev_apply_batch(a, l->records, n, NULL, 0, false, false, &err) == 0, "so are others: %s", err.text);
	part = &ev_apply_ledger(a)->parts[1];
	CHECK(part->last_timestamp == (int64_t)n - 1, "of a new partition");
	ops = *s->ops;
	ops.begin = lost;
	ops.recover = connected;
	s->ops = &ops;
	CHECK(ev_apply_batch(a, l->records + n, n, NULL, 0, false, true, &err) == 1, "they are given up: %s", err.text);
	part = &ev_apply_ledger(a)->parts[1];
	CHECK(part->next == 0 && part->last_offset == -1 && part->last_timestamp == EV_NO_TIMESTAMP,
	      "and with them the time of its last record: %" PRId64, part->last_timestamp);
	ev_apply_close(a);
	s->ops->close(s);
	ev_projection_free(p);
}

static int commits_left;
static const struct ev_store_ops *real;

/* The first is lost before it came to anything. */
static int commit_lost(struct ev_store *s, struct ev_error *err)
{
	if (commits_left-- <= 0)
		return real->commit(s, err);
	real->rollback(s);
	return lost(s, err);
}

/* What came of a COMMIT without an answer is seen, also where it moves no position. */
static void unanswered(struct log *l)
{
	struct ev_store_options so = EV_STORE_OPTIONS_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_projection *p = ev_projection_parse("s.sql", ev_slice_str(sums), &err);
	struct ev_store *s = ev_store_open(":memory:", &so, &err);
	struct ev_apply *a = open_apply(s, p, false, false);
	struct ev_ledger stored = { 0 };
	int64_t end = RECORDS;
	struct ev_store_ops ops;

	real = s->ops;
	ops = *real;
	ops.commit = commit_lost;
	ops.recover = connected;
	s->ops = &ops;
	for (size_t i = 0; i < RECORDS; i++)
		l->records[i].part = l->records[i].partition = 0;
	CHECK(ev_apply_batch(a, l->records, 10, NULL, 0, false, false, &err) == 0, "some are applied: %s", err.text);
	commits_left = 1;
	CHECK(ev_apply_target(a, &end, 1, &err) == 0, "a range is stored: %s", err.text);
	CHECK(ev_ledger_load(s, "s", &stored, &err) == 0 && stored.parts[0].target == RECORDS,
	      "though the first COMMIT of it was lost");
	ev_ledger_release(&stored);
	commits_left = 1;
	CHECK(ev_apply_batch(a, NULL, 0, NULL, 1, false, true, &err) == 0, "its end is stored: %s", err.text);
	CHECK(ev_ledger_load(s, "s", &stored, &err) == 0 && stored.parts[0].target == -1,
	      "though the first COMMIT of that was lost, too");
	ev_ledger_release(&stored);
	ev_apply_close(a);
	s->ops->close(s);
	ev_projection_free(p);
}

struct proof {
	int asked;
	bool refuses;
};

static int prove(void *ctx, struct ev_error *err)
{
	struct proof *p = ctx;

	p->asked++;
	return p->refuses ? ev_fail(err, EV_DATA, "it is of another log") : 0;
}

/* Who vouches for records is asked once for all that is committed together, and what is not proven is not kept. */
static void proven(struct log *l, bool exact, bool hold)
{
	struct ev_store_options so = EV_STORE_OPTIONS_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_projection *p = ev_projection_parse("s.sql", ev_slice_str(sums), &err);
	struct ev_store *s = ev_store_open(":memory:", &so, &err);
	struct ev_apply *a = open_apply(s, p, exact, hold);
	struct proof proof = { 0 };
	struct ev_ledger stored = { 0 };
	int each = hold ? 0 : 1;

	for (size_t i = 0; i < RECORDS; i++)
		l->records[i].part = l->records[i].partition = 0;
	ev_apply_proof(a, prove, &proof);
	for (size_t i = 0; i < 30; i += 10)
		CHECK(ev_apply_batch(a, l->records + i, 10, NULL, 0, false, false, &err) == 0, "a batch: %s", err.text);
	CHECK(proof.asked == 3 * each, "none is asked of what is held, and once of what is not: %d", proof.asked);
	CHECK(ev_apply_checkpoint(a, &err) == 0, "it is committed: %s", err.text);
	CHECK(ev_apply_checkpoint(a, &err) == 0, "and then there is nothing: %s", err.text);
	CHECK(proof.asked == (hold ? 1 : 3), "once for all: %d", proof.asked);
	proof = (struct proof){ .refuses = true };
	CHECK(ev_apply_batch(a, l->records + 30, 10, NULL, 0, false, !hold, &err) == -each, "more: %s", err.text);
	CHECK(!hold || ev_apply_checkpoint(a, &err) == -1, "that are not proven");
	CHECK(err.class == EV_DATA && strstr(err.text, "another log"), "and it is said why: %s", err.text);
	CHECK(ev_ledger_load(s, "s", &stored, &err) == 0 && stored.nparts == 1, "the ledger is read: %s", err.text);
	CHECK(stored.parts[0].next == 30 && ev_apply_ledger(a)->parts[0].next == 30, "are not kept: %" PRId64,
	      stored.parts[0].next);
	ev_ledger_release(&stored);
	ev_apply_proof(a, NULL, NULL);
	CHECK(ev_apply_batch(a, l->records + 30, 10, NULL, 0, true, false, &err) == 0, "none is asked: %s", err.text);
	ev_apply_close(a);
	s->ops->close(s);
	ev_projection_free(p);
}

/*
 * Pieces are numbered through all batches, also where one ends with none behind it: what is passed bounds how far they
 * are made ahead. So few records that there is no second thread.
 */
static void numbers_go_on(const struct ev_projection *p, const struct log *log)
{
	enum { N = 4 * EV_LANE_PIECE };
	struct ev_store_options so = EV_STORE_OPTIONS_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s = ev_store_open(":memory:", &so, &err);
	struct ev_apply *a = open_apply(s, p, false, false);
	struct ev_lanes *l = ev_lanes_new(a);

	for (int batch = 0; batch < 3; batch++) {
		ev_lanes_begin(l, log->records, N);
		for (size_t i = 0; i < N / EV_LANE_PIECE; i++) {
			ev_lanes_passed(l, i);
			ev_lanes_piece(l, i);
			CHECK(ev_lanes_bytes(l) > 0, "piece %d of batch %d is one that is not passed", (int)i, batch);
		}
		ev_lanes_end(l);
		CHECK(ev_lanes_bytes(l) == 0, "behind the batch all are");
	}
	ev_lanes_free(l);
	ev_apply_close(a);
	s->ops->close(s);
}

/*
 * Whoever waits for a piece makes others meanwhile, as far as memory lasts. Some pieces take long and come to nothing;
 * of the others each has as many statements as a list may.
 */
static void waited_for(const struct ev_projection *p)
{
	enum { PIECES = EV_LANE_PIECES, MEMORY = 8 << 20, MOST = MEMORY / 8, EACH = MOST / 4 + 16384 };
	struct ev_record *records = ev_alloc(PIECES * EV_LANE_PIECE * sizeof(*records));
	struct ev_buf slow = EV_BUF_INIT, full = EV_BUF_INIT;
	struct ev_store_options so = EV_STORE_OPTIONS_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s = ev_store_open(":memory:", &so, &err);
	struct ev_apply_options opt = EV_APPLY_OPTIONS_INIT;
	struct ev_apply *a;
	struct ev_lanes *l;
	size_t peak = 0;

	ev_buf_adds(&slow, "{\"type\":\"other\",\"no\":2,\"list\":[");
	ev_buf_adds(&full, "{\"type\":\"put\",\"no\":2,\"k\":\"k\",\"n\":1,\"at\":1,\"list\":[");
	for (int i = 0; i < 20000; i++)
		ev_buf_adds(&slow, i ? ",1" : "1");
	for (int i = 0; i < 40; i++)
		ev_buf_adds(&full, i ? ",1" : "1");
	ev_buf_adds(&slow, "]}");
	ev_buf_adds(&full, "]}");
	for (size_t i = 0; i < PIECES * EV_LANE_PIECE; i++)
		records[i] = (struct ev_record){
			.topic = EV_LITERAL("t"), .offset = (int64_t)i,
			.value = ev_buf_slice(i / EV_LANE_PIECE % 8 == 1 ? &slow : &full),
		};
	opt.memory = MEMORY / 3 * 4; /* of which the store takes a quarter */
	a = ev_apply_open(s, p, &opt, &err);
	l = ev_lanes_new(a);
	for (int round = 0; round < 3; round++) {
		ev_lanes_begin(l, records, PIECES * EV_LANE_PIECE);
		for (size_t i = 0; i < PIECES; i++) {
			size_t bytes;

			ev_lanes_passed(l, i);
			ev_lanes_piece(l, i);
			bytes = ev_lanes_bytes(l);
			peak = bytes > peak ? bytes : peak;
		}
		ev_lanes_end(l);
	}
	CHECK(peak >= EACH / 2, "a piece is as large as its list may be");
	CHECK(peak <= MOST + 2 * EACH, "no more of them than memory lasts, and what two threads are at: %zu", peak);
	ev_lanes_free(l);
	ev_apply_close(a);
	s->ops->close(s);
	ev_buf_release(&slow);
	ev_buf_release(&full);
	free(records);
}

int main(void)
{
	struct ev_error err = EV_ERROR_INIT;
	struct log *l = ev_alloc(sizeof(*l));
	struct ev_projection *p = ev_projection_parse("w.sql", ev_slice_str(file), &err);
	struct ev_buf want = EV_BUF_INIT, got = EV_BUF_INIT;
	static const struct { bool hold; size_t size; const char *what; } ways[] = {
		{ false, 10000, "large batches" }, { false, 300, "small ones" }, { true, 2500, "held ones" },
		{ true, 100000, "all at once" } };

	fill(l, test_seed());
	apply(p, l, true, false, 1000, 0, &want);
	CHECK(strstr(ev_buf_str(&want), "|dead|") && strstr(ev_buf_str(&want), "|held|"), "there is poison");
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		ev_buf_clear(&got);
		apply(p, l, false, ways[i].hold, ways[i].size, 0, &got);
		CHECK(ev_slice_eq(ev_buf_slice(&want), ev_buf_slice(&got)), "%s come to the same", ways[i].what);
	}
	numbers_go_on(p, l);
	waited_for(p);
	for (int i = 0; i < RECORDS; i++) /* poison would open a transaction, which nobody comes between */
		l->records[i].value = ev_slice_str("{\"type\":\"put\",\"k\":\"a\",\"n\":1,\"no\":0,\"at\":1}");
	ev_buf_clear(&want);
	ev_buf_clear(&got);
	apply(p, l, true, false, 1000, 0, &want);
	CHECK(apply(p, l, false, true, 2500, 5000, &got) == 1, "what another writer came between is read again");
	CHECK(ev_slice_eq(ev_buf_slice(&want), ev_buf_slice(&got)), "and comes to the same");
	newcomer(l);
	unanswered(l);
	proven(l, false, true);
	proven(l, false, false);
	proven(l, true, false);
	ev_buf_release(&want);
	ev_buf_release(&got);
	ev_projection_free(p);
	free(l);
	return test_done();
}
