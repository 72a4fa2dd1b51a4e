/* run.c - evproject run: catch up from the stored position and stop, or follow */
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "apply/run.h"
#include "base/clock.h"
#include "base/plural.h"
#include "common/metrics.h"
#include "common/progress.h"
#include "common/source_options.h"
#include "evproject/evproject.h"

#define METRICS_EVERY_MS 10000

enum on_error { INHERIT, STOP, DEAD };
static const char *const on_error_words[] = { "inherit", "stop", "dead", NULL }; /* enum on_error */

/*
 * Catching up, rows that change more than once are written once, and in the order of their keys: the more of them
 * in a transaction, the fewer pages. Others who write wait for one no longer than about a second.
 */
#define CATCH_UP_MS 2000
#define CATCH_UP_ROWS 100000

struct args {
	struct ev_store_args store;
	struct ev_source_args src;
	int on_error;
	int64_t max_dead, max_held, batch;
	bool follow, check, scan_late, exact, quiet;
	const char *group, *metrics;
};

static const struct ev_option options[] = {
	EV_GROUP("Store"),
	EV_STORE_ROWS(struct args, store),
	EV_FLAG('f', "follow", struct args, follow, "go on with new records until stopped"),
	EV_FLAG(0, "check", struct args, check, "run the file's checks at the end"),
	EV_ENUM(0, "on-error", "inherit|stop|dead", struct args, on_error, on_error_words,
		"a poison record: as before, or else"),
	EV_INT(0, "max-dead", "N", struct args, max_dead, 0, INT64_MAX, "stop past N dead letters"),
	EV_INT(0, "max-held", "N", struct args, max_held, 0, INT64_MAX, "stop past N held records"),
	EV_FLAG(0, "exact-statements", struct args, exact, "fold nothing in memory"),
	EV_INT(0, "batch", "N", struct args, batch, 1, 1000000, "records per transaction (10000 folded)"),
	EV_STRING('g', "group", "NAME", struct args, group, "also commit the position to this group"),
	EV_STRING(0, "metrics", "FILE", struct args, metrics, "write a Prometheus textfile"),
	EV_FLAG('q', "quiet", struct args, quiet, "no progress, no summary"),
	EV_BRIEF("Range (first run only for --from and --since)"),
	EV_RANGE_ROWS(struct args, src),
	EV_FLAG(0, "scan-late", struct args, scan_late, "count later records before --until"),
	EV_BRIEF("Source"),
	EV_SOURCE_ROWS(struct args, src),
	EV_END,
};

struct state {
	struct args *a;
	struct ev_messages *msg;
	struct ev_progress progress;
	struct ev_apply *apply;
	const struct ev_projection *projection;
	struct ev_store *store;
	bool works; /* what had stopped the run before has been passed */
	int64_t last_metrics;
	int64_t lag; /* as last told; -1: not known */
	bool metrics_failed;
	struct ev_error metrics_error;
};

static void init(void *args)
{
	struct args *a = args;

	ev_store_args_init(&a->store);
	ev_source_args_init(&a->src);
	a->max_dead = a->max_held = -1;
}

static void release(void *args)
{
	ev_source_args_release(&((struct args *)args)->src);
}

static void add_counts(struct ev_metrics *m, const char *projection, const struct ev_ledger *l)
{
	char partition[16];

	ev_metric(m, "ev_projection_records_total", "counter",
		  "Offsets of the log by what became of them.");
	for (size_t i = 0; i < l->nparts; i++) {
		snprintf(partition, sizeof(partition), "%d", l->parts[i].partition);
		for (int c = 0; c < EV_COUNTS; c++)
			ev_metric_value(m, (double)l->parts[i].counts[c], "projection", projection,
					"topic", l->parts[i].topic, "partition", partition, "fate",
					ev_count_names[c], NULL);
	}
	ev_metric(m, "ev_projection_next_offset", "gauge", "Position of the view.");
	for (size_t i = 0; i < l->nparts; i++) {
		snprintf(partition, sizeof(partition), "%d", l->parts[i].partition);
		ev_metric_value(m, (double)l->parts[i].next, "projection", projection, "topic",
				l->parts[i].topic, "partition", partition, NULL);
	}
}

static int write_metrics(struct state *st, struct ev_error *err)
{
	struct ev_metrics m;
	int rc;

	if (!st->a->metrics)
		return 0;
	ev_metrics_init(&m);
	add_counts(&m, st->projection->name, ev_apply_ledger(st->apply));
	if (st->lag >= 0) {
		ev_metric(&m, "ev_projection_lag_records", "gauge", "Offsets of the log behind the view.");
		ev_metric_value(&m, (double)st->lag, "projection", st->projection->name, NULL);
	}
	ev_metric(&m, "ev_projection_updated_seconds", "gauge", "When this file was written.");
	ev_metric_value(&m, (double)ev_now_ms() / 1000, "projection", st->projection->name, NULL);
	rc = ev_metrics_save(&m, st->a->metrics, err);
	ev_metrics_release(&m);
	st->last_metrics = ev_clock_ms();
	return rc;
}

static bool stop(void *ctx)
{
	struct state *st = ctx;

	return ev_stopped() || st->metrics_failed;
}

/* For `status`, which is asked while a follower is at work; best effort. */
static void forget_error(struct state *st)
{
	const struct ev_ledger *l = ev_apply_ledger(st->apply);
	struct ev_error ignored = EV_ERROR_INIT;

	st->works = true;
	if (l->last_error)
		ev_ledger_note_error(st->store, l->projection, NULL, &ignored);
}

static void progress(void *ctx, const struct ev_run_status *s)
{
	struct state *st = ctx;
	struct ev_progress_now now = {
		.records = (uint64_t)s->records,
		.done = (uint64_t)s->passed,
		.total = s->span > 0 ? (uint64_t)s->span : 0,
		.lag = s->lag,
		.lag_ms = s->following ? ev_ledger_age_ms(ev_apply_ledger(st->apply)) : -1,
		.phase = s->following ? "following" : NULL,
	};

	if (!st->works && (s->committed || s->following))
		forget_error(st);
	st->lag = s->lag;
	ev_progress_update(&st->progress, &now);
	if (st->a->metrics && !ev_apply_holds(st->apply) && ev_clock_ms() - st->last_metrics > METRICS_EVERY_MS &&
	    write_metrics(st, &st->metrics_error) < 0)
		st->metrics_failed = true;
}

static void note(void *ctx, const char *text)
{
	ev_say(((struct state *)ctx)->msg, "%s", text);
}

/* `orders: 120 records read in 0.1 s; the view now: 110 applied (3 touched no row), 10 ignored` */
static void summary(struct state *st, const struct ev_run_status *s, int64_t ms)
{
	const struct ev_ledger *l = ev_apply_ledger(st->apply);
	int64_t counts[EV_COUNTS] = { 0 }, untouched = 0, before = ev_apply_skipped(st->apply);
	struct ev_buf line = EV_BUF_INIT;

	for (size_t i = 0; i < l->nparts; i++) {
		untouched += l->parts[i].untouched;
		for (int c = 0; c < EV_COUNTS; c++)
			counts[c] += l->parts[i].counts[c];
	}
	ev_buf_addf(&line, "%s: %" PRId64 " record%s read in %.1f s", st->projection->name,
		    s->records - before, ev_plural(s->records - before), (double)ms / 1000);
	if (before)
		ev_buf_addf(&line, ", %" PRId64 " %s applied before", before, ev_agree(before, "was", "were"));
	ev_buf_adds(&line, "; the view now: ");
	ev_buf_addf(&line, "%" PRId64 " applied", counts[EV_APPLIED]);
	if (untouched)
		ev_buf_addf(&line, " (%" PRId64 " touched no row)", untouched);
	for (int c = EV_APPLIED + 1; c < EV_COUNTS; c++)
		if (counts[c])
			ev_buf_addf(&line, ", %" PRId64 " %s", counts[c], ev_count_names[c]);
	if (s->late >= 0)
		ev_buf_addf(&line, "; %" PRId64 " later record%s an earlier time", s->late,
			    ev_agree(s->late, " carries", "s carry"));
	ev_say(st->msg, "%s", ev_buf_str(&line));
	ev_buf_release(&line);
}

static int check(struct state *st, struct ev_store *s, struct ev_error *err)
{
	const struct ev_projection *p = st->projection;
	int rc = ev_run_checks(s, p, st->msg, err);

	if (rc == 0 && !p->nchecks)
		ev_warn(st->msg, "%s has no checks: nothing was checked", p->file);
	else if (rc == 0 && !st->a->quiet)
		ev_say(st->msg, "%s: %zu check%s of the file hold%s", p->name, p->nchecks, ev_plural(p->nchecks),
		       ev_agree(p->nchecks, "s", ""));
	return rc < 0 ? -1 : rc ? EV_NO : 0;
}

/*
 * A first build by `rebuild` is finished by any run. What that read and committed counts: that the plan stands on for
 * the time, or may not be seen by this role, is no reason to fail.
 */
static void not_settled(struct state *st, const struct ev_error *err)
{
	st->store->ops->rollback(st->store);
	if (!ev_stopped())
		ev_warn(st->msg, "what a first build has left was not seen to: %s", err->text);
}

static void end_plan(struct state *st)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_trouble trouble = { 0 };
	int rc;

	do
		rc = ev_plan_built(st->store, st->projection->name, &err);
	while (rc < 0 && ev_store_recover(st->store, &trouble, &err));
	if (rc < 0)
		not_settled(st, &err);
}

/* Its indexes first: what they cannot hold is then known from the tables. */
static int settle(void *ctx, struct ev_error *err)
{
	struct state *st = ctx;

	if (ev_plan_make_indexes(st->store, st->projection->name, err) == 0)
		return 0;
	if (err->class == EV_STORE && err->retriable)
		return -1;
	not_settled(st, err);
	*err = (struct ev_error)EV_ERROR_INIT;
	return 0;
}

static int read_all(struct state *st, struct ev_source *src, struct ev_store *s,
		    struct ev_error *err)
{
	struct ev_run_options opt = EV_RUN_OPTIONS_INIT;
	struct ev_run_hooks hooks = { st, stop, progress, note };
	struct ev_run_status status;
	struct ev_error err2 = EV_ERROR_INIT;
	int64_t start = ev_clock_ms();
	int rc;

	opt.range = &st->a->src.range;
	opt.follow = st->a->follow;
	opt.scan_late = st->a->scan_late;
	opt.no_merge = st->a->src.no_merge;
	opt.group = st->a->group;
	if (st->a->batch)
		opt.batch = (size_t)st->a->batch;
	if (st->a->follow)
		end_plan(st);
	ev_progress_init(&st->progress, st->msg, st->a->quiet);
	rc = ev_run(st->apply, src, &opt, &hooks, &status, err);
	ev_progress_clear(&st->progress);
	if (rc == 0 && st->metrics_failed) {
		*err = st->metrics_error;
		rc = -1;
	}
	if (write_metrics(st, &err2) < 0 && rc == 0) {
		*err = err2;
		rc = -1;
	}
	if (!st->a->quiet && (rc == 0 || status.records))
		summary(st, &status, ev_clock_ms() - start);
	if (rc < 0)
		return -1;
	if (status.stopped)
		return ev_stop_status(st->a->follow);
	end_plan(st);
	return st->a->check ? check(st, s, err) : 0;
}

/*
 * For `status`: what ended the run, or that it ended well. Only bad data, source and store end a
 * run; usage did not let it begin. Best effort, after the rollback: the run's own error counts.
 */
static void note_end(struct state *st, struct ev_store *s, int rc, const struct ev_error *err)
{
	const char *before = ev_apply_ledger(st->apply)->last_error, *now = NULL;
	struct ev_error ignored = EV_ERROR_INIT;

	if (rc < 0 && err->class != EV_SOURCE && err->class != EV_STORE && err->class != EV_DATA)
		return;
	if (rc < 0)
		now = err->text;
	s->ops->rollback(s);
	if (now ? !before || st->works || strcmp(now, before) != 0 : before != NULL)
		ev_ledger_note_error(s, st->projection->name, now, &ignored);
}

/*
 * A follower that is told to stop while others hold the store, or while it is away, has saved what it has done, and
 * ends well.
 */
static bool gave_up_waiting(const struct state *st, const struct ev_error *err)
{
	bool waited = (err->class == EV_HELD || err->class == EV_STORE) && err->retriable;

	if (!ev_stopped() || !st->a->follow || !waited)
		return false;
	if (err->class == EV_STORE)
		ev_warn(st->msg, "%s", err->text);
	return true;
}

/* Without the merge the order of partitions is that of the network. */
static int refuse_order(const struct ev_projection *p, const char *why, struct ev_error *err)
{
	ev_fail(err, EV_USAGE, "%s: --no-merge wants a view in which order does not matter: %s", p->file,
		why ? why : "a dead letter holds back the records of its key that come behind it");
	return ev_hint(err, "without the merge the view would depend on network timing");
}

/* What can be told before there is a store. */
static int check_order(const struct args *a, const struct ev_projection *p, struct ev_error *err)
{
	struct ev_buf why = EV_BUF_INIT;
	int rc = 0;

	if (!ev_projection_commutes(p, &why))
		rc = refuse_order(p, ev_buf_str(&why), err);
	else if (a->on_error == DEAD)
		rc = refuse_order(p, NULL, err);
	ev_buf_release(&why);
	return rc;
}

static int with_source(struct state *st, struct ev_source *src, struct ev_error *err)
{
	struct ev_apply_options ao = EV_APPLY_OPTIONS_INIT;
	struct args *a = st->a;
	struct ev_store *s = ev_store_args_open(&a->store, false, err);
	int rc = -1;

	if (!s)
		return gave_up_waiting(st, err) ? ev_stop_status(true) : -1;
	ao.exact = a->exact;
	ao.memory = a->src.memory - a->src.spec.memory;
	ao.inherit = a->on_error == INHERIT;
	ao.dead = a->on_error == DEAD;
	ao.max_dead = a->max_dead;
	ao.max_held = a->max_held;
	if (!a->batch && !a->group && !a->src.spec.nfiles) {
		ao.hold_ms = CATCH_UP_MS;
		ao.hold_rows = CATCH_UP_ROWS;
	}
	ao.settle = settle;
	ao.settle_ctx = st;
	st->store = s;
	st->apply = ev_apply_open(s, st->projection, &ao, err);
	if (st->apply) {
		rc = a->src.no_merge && ev_apply_order_matters(st->apply)
		     ? refuse_order(st->projection, NULL, err) : read_all(st, src, s, err);
		if (rc < 0 && gave_up_waiting(st, err))
			rc = ev_stop_status(true);
		note_end(st, s, rc, err);
	} else if (gave_up_waiting(st, err)) {
		rc = ev_stop_status(true);
	}
	ev_apply_close(st->apply);
	s->ops->close(s);
	return rc;
}

static const char *regular_file(const struct ev_source_spec *spec)
{
	struct stat st;

	for (size_t i = 0; i < spec->nfiles; i++)
		if (stat(spec->files[i], &st) == 0 && S_ISREG(st.st_mode))
			return spec->files[i];
	return NULL;
}

/* What a file cannot do is refused, not left out in silence. */
static int file_limits(const struct args *a, struct ev_error *err)
{
	const char *file = a->follow ? regular_file(&a->src.spec) : NULL;

	if (a->group && a->src.spec.nfiles) {
		ev_fail(err, EV_USAGE, "cannot commit to group '%s': the source is a file", a->group);
		return ev_hint(err, "the broker of a topic keeps the position of a group");
	}
	if (a->src.spec.archive && !a->src.spec.ntopics && (a->group || a->follow)) {
		ev_fail(err, EV_USAGE, a->follow ? "cannot follow '%s': an archive has an end" :
				       "an archive like '%s' has no consumer groups", a->src.spec.archive);
		return ev_hint(err, "name the topic behind it: %s TOPIC", a->src.spec.archive);
	}
	if (file) {
		ev_fail(err, EV_USAGE, "cannot follow '%s': a file has an end", file);
		return ev_hint(err, "follow it by a pipe: tail -n +1 -f FILE, and - as the source");
	}
	return 0;
}

static bool in_memory(const char *url)
{
	return strcmp(url, ":memory:") == 0 || strcmp(url, "sqlite::memory:") == 0;
}

static int check_args(struct args *a, struct ev_operands *rest, const struct ev_projection *p,
		  struct ev_error *err)
{
	if (ev_store_args_check(&a->store, err) ||
	    ev_source_args_finish(&a->src, rest, ev_now_ms(), err) < 0)
		return -1;
	if (a->follow && a->check) {
		ev_fail(err, EV_USAGE, "options '--follow' and '--check' cannot be used together");
		return ev_hint(err, "evverify --checks looks at a view that is followed, whenever it is run");
	}
	if (a->scan_late && !a->src.range.has_until)
		return ev_fail(err, EV_USAGE, "--scan-late counts what is behind --until, which is not given");
	a->src.spec.memory /= 2; /* the other half is for rows */
	if (file_limits(a, err) || (a->src.no_merge && check_order(a, p, err) < 0))
		return -1;
	return ev_use_topics(&a->src, p, err);
}

/* The source first: where there is nothing to read from, the store is left alone. */
static int run(void *args, struct ev_operands *rest, struct ev_messages *msg, struct ev_error *err)
{
	struct args *a = args;
	struct ev_projection *p = ev_operand_projection(rest, err);
	struct state st = { .a = a, .msg = msg, .projection = p, .lag = -1 };
	struct ev_source *src = NULL;
	int rc = -1;

	ev_source_args_notes(&a->src, msg);
	if (p && check_args(a, rest, p, err) == 0)
		src = ev_source_open(&a->src.spec, err);
	if (src) {
		if (in_memory(a->store.url))
			ev_warn(msg, "the store is in memory: nothing is kept when the run ends");
		ev_warn_unread(p, src, msg);
		rc = with_source(&st, src, err);
		if (src->one_sequence)
			ev_warn_unread(p, src, msg);
		src->ops->close(src);
	}
	else if (ev_stopped() && a->follow)
		rc = ev_stop_status(true);
	ev_projection_free(p);
	return rc;
}

const struct ev_command ev_run_command = {
	.name = "run",
	.about = "apply new records to a view, exactly once, then stop or follow",
	.synopsis = "FILE --store URL [OPTION]... [SOURCE]...",
	.options = options,
	.args_size = sizeof(struct args),
	.init = init,
	.release = release,
	.run = run,
};
