/*
 * seen_test.c - ids seen: what is a duplicate, and that sweeping changes no answer
 *
 * The model remembers each id's first record and knows nothing of tables or sweeps.
 */
#include "test.h"

#include "json/json.h"
#include "record/record.h"
#include "store/ledger.h"
#include "store/seen.h"

#define SECOND 1000
#define IDS 12
#define RECORDS 400

static struct ev_store *memory(void)
{
	struct ev_store_options so = EV_STORE_OPTIONS_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s = ev_sqlite_open(":memory:", &so, &err);

	return s && ev_ledger_create(s, &err) == 0 && ev_seen_create(s, &err) == 0 ? s : NULL;
}

static struct ev_record at(const char *topic, int64_t offset, int64_t timestamp)
{
	return (struct ev_record){ .topic = ev_slice_str(topic), .offset = offset,
				   .timestamp = timestamp };
}

struct stream {
	struct ev_store *s;
	bool across;
	int64_t within, watermark, offset;
};

/* 1 duplicate, 0 first. */
static int ask(struct stream *st, const char *topic, const char *id, int64_t timestamp)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_record r = at(topic, st->offset++, timestamp);

	return ev_seen_check(st->s, "p", &r, ev_slice_str(id), st->across, st->within,
			     &st->watermark, &err);
}

static int one_int(void *ctx, const struct ev_cell *c, size_t n)
{
	(void)n;
	*(int64_t *)ctx = c[0].i;
	return 0;
}

static int64_t size(struct ev_store *s)
{
	static const char sql[] = "SELECT count(*) FROM ev_seen";
	struct ev_error err = EV_ERROR_INIT;
	int64_t n = -1;

	ev_store_select(s, sql, NULL, 0, one_int, &n, &err);
	return n;
}

static void spans(void)
{
	struct stream st = { .s = memory(), .within = SECOND, .watermark = INT64_MIN };

	CHECK(ask(&st, "a", "x", 1000) == 0, "the first is no duplicate");
	CHECK(ask(&st, "a", "x", 1000) == 1, "the same id at the same time is one");
	CHECK(ask(&st, "a", "x", 2000) == 1, "so it is to the last millisecond of the span");
	CHECK(ask(&st, "a", "x", 2001) == 0, "and no more behind it: duplicates do not prolong it");
	CHECK(ask(&st, "a", "x", 3001) == 1, "it opens a span of its own");
	CHECK(ask(&st, "b", "x", 3001) == 0, "another topic is another scope");
	CHECK(ask(&st, "a", "x", 2500) == 1, "an earlier time lies within as well");
	CHECK(st.watermark == 3001, "the watermark is the latest time, and never goes back");
	CHECK(ask(&st, "a", "late", 500) == 0 && ask(&st, "a", "late", 500) == 0,
	      "what lies a span behind the watermark is not remembered");
	CHECK(ask(&st, "a", "x", EV_NO_TIMESTAMP) == 1 && st.watermark == 3001,
	      "a record without a timestamp stands at the watermark");
	st.s->ops->close(st.s);
}

static void scopes(void)
{
	struct stream st = { .s = memory(), .across = true, .within = 0, .watermark = INT64_MIN };
	struct ev_error err = EV_ERROR_INIT;
	struct ev_record first = at("a", 0, 1000), second = at("b", 1, 9);

	CHECK(ask(&st, "a", "x", 1000) == 0 && ask(&st, "b", "x", 9) == 1,
	      "across topics an id is the same in all");
	CHECK(ask(&st, "b", "x", INT64_MAX) == 1 && ev_seen_sweep(st.s, "p", 0, INT64_MAX, &err) == 0 &&
		      ask(&st, "a", "x", 0) == 1, "without a span it is remembered for ever");
	CHECK(ev_seen_forget(st.s, "p", &second, &err) == 0 && ask(&st, "a", "x", 0) == 1,
	      "a duplicate that is forgotten frees nothing");
	CHECK(ev_seen_forget(st.s, "p", &first, &err) == 0 && ask(&st, "a", "x", 0) == 0 &&
		      ask(&st, "b", "x", 0) == 1, "the first one frees the id for one more");
	CHECK(ask(&st, "a", "", 0) == 0 && ask(&st, "a", "", 0) == 1 && ask(&st, "a", "X", 0) == 0,
	      "the empty id is an id, and case counts");
	st.s->ops->close(st.s);
	st = (struct stream){ .s = memory(), .within = INT64_MAX, .watermark = INT64_MIN };
	CHECK(ask(&st, "a", "x", INT64_MAX - 1) == 0 && ask(&st, "a", "x", INT64_MAX) == 1 &&
		      ev_seen_sweep(st.s, "p", INT64_MAX, INT64_MAX, &err) == 0 && size(st.s) == 1,
	      "times and spans at the end of 64 bits do not overflow");
	st.s->ops->close(st.s);
	st = (struct stream){ .s = memory(), .within = SECOND, .watermark = INT64_MIN };
	CHECK(ask(&st, "a", "x", INT64_MIN + 1) == 0 && ask(&st, "a", "x", INT64_MIN + 2) == 1 &&
		      ev_seen_sweep(st.s, "p", SECOND, st.watermark, &err) == 0,
	      "nor do those at its beginning");
	st.s->ops->close(st.s);
}

struct model {
	bool known[2][IDS];
	int64_t first[2][IDS], watermark;
};

static bool model_ask(struct model *m, int topic, int id, int64_t ms, int64_t within)
{
	bool dup;

	if (ms == EV_NO_TIMESTAMP)
		ms = m->watermark == INT64_MIN ? 0 : m->watermark;
	dup = m->known[topic][id] && ms - m->first[topic][id] <= within &&
	      m->first[topic][id] + within >= m->watermark;
	if (ms > m->watermark)
		m->watermark = ms;
	if (!dup) {
		m->known[topic][id] = true;
		m->first[topic][id] = ms;
	}
	return dup;
}

/* A stream whose times wander back and forth, swept at random: the answers are the model's. */
static void one_stream(uint64_t seed)
{
	struct model m = { .watermark = INT64_MIN };
	struct stream st = { .s = memory(), .watermark = INT64_MIN };
	int64_t now = 5000;
	int bad = 0, dups = 0, swept = 0;
	uint64_t rng = seed;

	st.within = 1 + (int64_t)(test_rand(&rng) % 300);
	st.across = test_rand(&rng) % 2;
	for (int i = 0; i < RECORDS && !bad; i++) {
		struct ev_error err = EV_ERROR_INIT;
		int topic = (int)(test_rand(&rng) % 2), id = (int)(test_rand(&rng) % IDS), want;
		int64_t ms;
		char name[8];

		now += (int64_t)(test_rand(&rng) % 30);
		ms = now - (int64_t)(test_rand(&rng) % 4 ? 0 : test_rand(&rng) % 900);
		if (test_rand(&rng) % 16 == 0)
			ms = EV_NO_TIMESTAMP;
		snprintf(name, sizeof(name), "i%d", id);
		want = model_ask(&m, st.across ? 0 : topic, id, ms, st.within);
		bad += ask(&st, topic ? "b" : "a", name, ms) != want || st.watermark != m.watermark;
		dups += want;
		if (test_rand(&rng) % 3 == 0) {
			int64_t before = size(st.s);

			bad += ev_seen_sweep(st.s, "p", st.within, st.watermark, &err) < 0;
			swept += size(st.s) < before;
		}
	}
	CHECK(!bad, "seed %" PRIu64 ": every answer is the model's (%d duplicates, %d sweeps)", seed,
	      dups, swept);
	CHECK(swept > 0, "and rows were swept meanwhile");
	st.s->ops->close(st.s);
}

int main(void)
{
	uint64_t seed = test_seed();

	spans();
	scopes();
	for (int i = 0; i < 10 * test_effort(); i++)
		one_stream(seed + (uint64_t)i);
	return test_done();
}
