/* run_test.c - bounded runs: over a log that changes while it is read, and what they tell on the way */
#include "test.h"

#include "apply/run.h"
#include "fake_log.h"

#define FOUND 7 /* partitions, once the others have been found */

static const char file[] =
	"-- @projection r version 1\n-- @topics t\n-- @envelope type=$.type\n-- @schema\n"
	"CREATE TABLE a (k text PRIMARY KEY, n integer NOT NULL);\n"
	"-- @on put\n"
	"INSERT INTO a (k, n) VALUES ($.k, 1) ON CONFLICT (k) DO UPDATE SET n = a.n + 1;\n";

/* As the broker's answer to a question that a bounded read asks, too: there are more of them by now. */
static enum ev_fetch finds_more(struct ev_source *s, size_t lane, struct ev_batch *b, int timeout_ms,
				struct ev_error *err)
{
	enum ev_fetch f = fake_fetch(s, lane, b, timeout_ms, err);

	s->nparts = FOUND;
	return f;
}

/* What was told on the way: how often, and how often that something is in the store. */
struct told {
	int times, committed;
};

static void listen(void *ctx, const struct ev_run_status *s)
{
	struct told *t = ctx;

	t->times++;
	t->committed += s->committed;
}

static struct told told;

static int run(struct ev_apply *a, struct ev_source *src, int64_t *records, struct ev_error *err)
{
	struct ev_range_args range = EV_RANGE_ARGS_INIT;
	struct ev_run_options opt = EV_RUN_OPTIONS_INIT;
	struct ev_run_hooks hooks = { .ctx = &told, .progress = listen };
	struct ev_run_status status;
	int rc;

	told = (struct told){ 0 };
	opt.range = &range;
	opt.checked = true;
	opt.batch = 5;
	rc = ev_run(a, src, &opt, &hooks, &status, err);
	*records = status.records;
	return rc;
}

/* A topic gets partitions while the range of a run that was killed is read to its end. */
static void test_more_partitions(const struct ev_projection *p)
{
	struct ev_store_options so = EV_STORE_OPTIONS_INIT;
	struct ev_apply_options ao = EV_APPLY_OPTIONS_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s = ev_store_open(":memory:", &so, &err);
	struct ev_apply *a = ev_apply_open(s, p, &ao, &err);
	struct ev_source_ops ops = fake_source_ops;
	struct fake_log log = { .seed = 1 };
	struct fake_source f;
	int64_t n = 0, end = 2;
	int rc;

	for (int i = 0; i < FOUND; i++) {
		fake_part(&log, "t", i);
		for (int j = 0; j < 4; j++)
			fake_add(&log, (size_t)i, FAKE_RECORD, j, "k", "{\"type\":\"put\",\"k\":\"k\"}");
	}
	fake_source_init(&f, &log, false);
	f.base.nparts = 1;
	ops.fetch = finds_more;
	f.base.ops = &ops;
	ev_apply_partition(a, 0, "t", 0, 0, NULL);
	CHECK(ev_apply_target(a, &end, 1, &err) == 0, "the range of the run that was killed: %s", err.text);
	rc = run(a, &f.base, &n, &err);
	CHECK(rc == 0 && n == 4, "what was known is read to its end: %" PRId64 " %s", n, err.text);
	CHECK(ev_apply_ledger(a)->nparts == FOUND, "those that were found meanwhile are in the ledger");
	rc = run(a, &f.base, &n, &err);
	CHECK(rc == 0 && n == 4 * (FOUND - 1), "and read by the next run: %" PRId64 " %s", n, err.text);
	ev_apply_close(a);
	s->ops->close(s);
	fake_log_release(&log);
}

/* What is held is in no store yet: who is told so would forget why the run before it has failed. */
static void test_held(const struct ev_projection *p, int hold_ms)
{
	struct ev_store_options so = EV_STORE_OPTIONS_INIT;
	struct ev_apply_options ao = EV_APPLY_OPTIONS_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s = ev_store_open(":memory:", &so, &err);
	struct fake_log log = { .seed = 1 };
	struct fake_source f;
	struct ev_apply *a;
	int64_t n = 0;
	int rc;

	ao.hold_ms = hold_ms;
	a = ev_apply_open(s, p, &ao, &err);
	fake_part(&log, "t", 0);
	for (int j = 0; j < 50; j++)
		fake_add(&log, 0, FAKE_RECORD, j, "k", "{\"type\":\"put\",\"k\":\"k\"}");
	fake_source_init(&f, &log, false);
	rc = run(a, &f.base, &n, &err);
	CHECK(rc == 0 && n == 50 && told.times >= 10, "a run of %d batches: %s", told.times, err.text);
	CHECK(told.committed == (hold_ms ? 1 : told.times), "tells of %d that something is in the store",
	      told.committed);
	CHECK(!ev_apply_holds(a) && ev_apply_ledger(a)->parts[0].next == 50, "and leaves nothing that is not");
	ev_apply_close(a);
	s->ops->close(s);
	fake_log_release(&log);
}

int main(void)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_projection *p = ev_projection_parse("run.sql", ev_slice_str(file), &err);

	if (CHECK(p != NULL, "the projection is read: %s", err.text)) {
		test_more_partitions(p);
		test_held(p, 0);
		test_held(p, 600000);
	}
	ev_projection_free(p);
	return test_done();
}
