/* rebuild.c - evproject rebuild: a new version of a view beside the one that serves, then in its place */
#include "rebuild/rebuild.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/plural.h"
#include "common/metrics.h"
#include "common/progress.h"
#include "common/verdict_print.h"
#include "evproject/comparison.h"
#include "evproject/evproject.h"
#include "evproject/preview.h"
#include "store/dead.h"

#define METRICS_EVERY_MS 10000

static const char *const on_error_words[] = { "inherit", "stop", "dead", NULL }; /* enum ev_on_error */

struct args {
	struct ev_store_args store;
	struct ev_source_args src;
	int on_error;
	int64_t max_dead, max_held, batch, max_lag, swap_wait_ms;
	double max_change; /* percent */
	const char *metrics, *receipt, *scratch;
	int64_t receipt_age;
	bool exact, accept_trimmed, allow_empty, again, adopt, no_swap, yes, quiet, abandon, forget, dry_run;
};

static const struct ev_option options[] = {
	EV_GROUP("Store"),
	EV_STORE_ROWS(struct args, store),
	EV_GROUP("Rebuild"),
	EV_FLAG('y', "yes", struct args, yes, "swap without asking"),
	EV_FLAG(0, "no-swap", struct args, no_swap, "stop before the swap; the next call goes on"),
	EV_FLAG(0, "again", struct args, again, "also where the file's version serves already"),
	EV_FLAG(0, "adopt", struct args, adopt, "the old tables are another program's"),
	EV_FLAG(0, "accept-trimmed", struct args, accept_trimmed, "the log no longer reaches back"),
	EV_FLAG(0, "allow-empty", struct args, allow_empty, "the new version may come out empty"),
	EV_PERCENT(0, "max-change", "PCT", struct args, max_change, 0, "refuse more changed rows than that"),
	EV_STRING(0, "require-receipt", "FILE", struct args, receipt, "no swap without a proof, written there"),
	EV_DURATION(0, "receipt-age", "TIME", struct args, receipt_age, "one of before that is no older will do"),
	EV_STRING(0, "scratch", "URL", struct args, scratch, "PostgreSQL: where the log is folded for it"),
	EV_INT(0, "max-lag", "N", struct args, max_lag, 0, INT64_MAX, "catch up so far, then swap (1000)"),
	EV_WAIT(0, "swap-wait", "TIME", struct args, swap_wait_ms, "bound of one try to swap (10s)"),
	EV_ENUM(0, "on-error", "inherit|stop|dead", struct args, on_error, on_error_words,
		"a poison record: as the old view did, or else"),
	EV_INT(0, "max-dead", "N", struct args, max_dead, 0, INT64_MAX, "stop past N new dead letters"),
	EV_INT(0, "max-held", "N", struct args, max_held, 0, INT64_MAX, "stop past N held behind new ones"),
	EV_FLAG(0, "exact-statements", struct args, exact, "fold nothing in memory"),
	EV_INT(0, "batch", "N", struct args, batch, 1, 1000000, "records per transaction (10000 folded)"),
	EV_STRING(0, "metrics", "FILE", struct args, metrics, "write a Prometheus textfile"),
	EV_FLAG('q', "quiet", struct args, quiet, "no progress, no summary"),
	EV_GROUP("Instead of a rebuild"),
	EV_FLAG('n', "dry-run", struct args, dry_run, "print the plan; nothing is written"),
	EV_FLAG(0, "abandon", struct args, abandon, "give up the rebuild that is under way"),
	EV_FLAG(0, "forget", struct args, forget, "drop the version that is kept for rollback"),
	EV_BRIEF("Range"),
	EV_RANGE_ROWS(struct args, src),
	EV_BRIEF("Source"),
	EV_SOURCE_ROWS(struct args, src),
	EV_END,
};

struct state {
	struct args *a;
	struct ev_messages *msg;
	struct ev_progress progress;
	const struct ev_projection *p;
	const char *what; /* of the progress line at hand */
	int64_t records, last_metrics;
	bool kept; /* there is a version to roll back to */
	bool compared; /* old and new were, in this call */
	int64_t dead, held; /* what the version that serves keeps of poison */
};

static void init(void *args)
{
	struct args *a = args;

	ev_store_args_init(&a->store);
	ev_source_args_init(&a->src);
	a->max_dead = a->max_held = -1;
	a->max_change = -1;
	a->max_lag = 1000;
	a->swap_wait_ms = 10000;
}

static void release(void *args)
{
	ev_source_args_release(&((struct args *)args)->src);
}

static bool stop(void *ctx)
{
	(void)ctx;
	return ev_stopped();
}

/* Best effort while it runs: what counts is written at the end, with `why`, or NULL. */
static int write_metrics(struct state *st, const char *phase, const struct ev_rebuild_now *now, const char *why,
			 struct ev_error *err)
{
	const char *name = st->p->name;
	struct ev_metrics m;
	int rc;

	if (!st->a->metrics)
		return 0;
	ev_metrics_init(&m);
	ev_metric(&m, "ev_rebuild_phase", "gauge", "What the rebuild is doing.");
	ev_metric_value(&m, 1, "projection", name, "phase", phase, NULL);
	if (why && *why) {
		ev_metric(&m, "ev_rebuild_why", "gauge", "Why it was refused, or has failed.");
		ev_metric_value(&m, 1, "projection", name, "reason", why, NULL);
	}
	ev_metric(&m, "ev_rebuild_records", "gauge", "Records read, or rows copied.");
	ev_metric_value(&m, (double)st->records, "projection", name, NULL);
	if (now && now->total > 0) {
		ev_metric(&m, "ev_rebuild_done_ratio", "gauge", "Share of this phase that is done.");
		ev_metric_value(&m, (double)now->done / (double)now->total, "projection", name, NULL);
	}
	if (now && now->lag >= 0) {
		ev_metric(&m, "ev_rebuild_lag_records", "gauge", "Records of the log behind.");
		ev_metric_value(&m, (double)now->lag, "projection", name, NULL);
	}
	ev_metric(&m, "ev_rebuild_updated_seconds", "gauge", "When this file was written.");
	ev_metric_value(&m, (double)ev_now_ms() / 1000, "projection", name, NULL);
	rc = ev_metrics_save(&m, st->a->metrics, err);
	ev_metrics_release(&m);
	st->last_metrics = ev_clock_ms();
	return rc;
}

static void progress(void *ctx, const struct ev_rebuild_now *now)
{
	struct state *st = ctx;
	struct ev_error ignored = EV_ERROR_INIT;
	struct ev_progress_now line = {
		.records = (uint64_t)now->records,
		.done = (uint64_t)now->done,
		.total = now->total > 0 ? (uint64_t)now->total : 0,
		.lag = now->lag,
		.lag_ms = -1,
		.phase = now->what,
	};

	bool next = st->what != now->what;

	if (next) { /* rate and time left are of a phase */
		ev_progress_clear(&st->progress);
		ev_progress_init(&st->progress, st->msg, st->a->quiet);
		st->progress.last_records = line.records;
		st->what = now->what;
	}
	st->records = now->records;
	ev_progress_update(&st->progress, &line);
	if (next || ev_clock_ms() - st->last_metrics > METRICS_EVERY_MS)
		write_metrics(st, now->what, now, NULL, &ignored);
}

static void note(void *ctx, const char *text)
{
	ev_say(((struct state *)ctx)->msg, "%s", text);
}

/* The change is what one wants to see before the yes: on stdout, as `diff` prints it. */
static void compared(void *ctx, const struct ev_comparison *c, const char *label)
{
	struct state *st = ctx;
	struct ev_buf out = EV_BUF_INIT;
	struct ev_term term;

	ev_progress_clear(&st->progress);
	st->compared = true;
	if (st->a->quiet)
		return;
	ev_term_init(&term, 1);
	if (label)
		ev_buf_addf(&out, "%s\n\n", label);
	ev_comparison_text(c, &term, &out);
	fwrite(ev_buf_str(&out), 1, out.len, stdout);
	fflush(stdout);
	ev_buf_release(&out);
}

static int check(void *ctx, struct ev_store *s, struct ev_error *err)
{
	struct state *st = ctx;

	return ev_run_checks(s, st->p, st->msg, err);
}

static void proved(void *ctx, const struct ev_verdict *v, int status, const struct ev_error *why)
{
	struct state *st = ctx;
	struct ev_buf out = EV_BUF_INIT;

	ev_progress_clear(&st->progress);
	if (status == 0)
		return;
	ev_print_text(v, status, why, true, &out);
	fwrite(ev_buf_str(&out), 1, out.len, stdout);
	fflush(stdout);
	ev_buf_release(&out);
}

static int can_confirm(void *ctx, struct ev_error *err)
{
	(void)ctx;
	if (ev_can_confirm(false, err) == 0)
		return 0;
	return ev_hint(err, "--yes swaps when the new version is ready, --no-swap stops before; nothing was read yet");
}

static int confirm(void *ctx, int64_t version, struct ev_error *err)
{
	struct state *st = ctx;
	struct ev_buf question = EV_BUF_INIT;
	int rc;

	ev_progress_clear(&st->progress);
	ev_buf_addf(&question, "let version %" PRId64 " of '%s' serve from now on?", version, st->p->name);
	rc = ev_confirm(false, ev_buf_str(&question), err);
	if (rc < 0)
		ev_hint(err, "the new version is ready beside the old one: --yes swaps, --abandon gives it up");
	ev_buf_release(&question);
	return rc;
}

/* What to do about it, where the answer is that the new version does not serve. */
static void advise(struct state *st, enum ev_rebuild_end end)
{
	const char *name = st->p->name;

	if (end == EV_REBUILT_TOO_MUCH)
		ev_say(st->msg, "%s: %sa higher --max-change takes them", name, !st->compared ? "" : st->a->quiet ?
		       "--no-swap, without --quiet, shows the rows that change; " :
		       "the rows that change are on stdout (--no-swap shows them again); ");
	if (end == EV_REBUILT_CHECKED)
		ev_say(st->msg, "%s: where it is the check that is wrong: mend it in the file, and the same command "
		       "goes on with what was loaded", name);
	ev_say(st->msg, "%s: %s--abandon gives the new version up, and a mended file begins anew", name,
	       end == EV_REBUILT_REFUSED ? "" : "else ");
}

static void summary(struct state *st, enum ev_rebuild_end end, long long version, double s)
{
	const char *name = st->p->name;

	if (st->a->quiet)
		return;
	if (end == EV_REBUILT_SERVES && version != st->p->version)
		ev_say(st->msg, "%s: version %lld serves already, and means the same as the file's %lld: nothing to do "
		       "(--again builds it anew, under that number)", name, version, (long long)st->p->version);
	else if (end == EV_REBUILT_SERVES)
		ev_say(st->msg, "%s: version %lld serves already, nothing to do (--again builds it anew)", name,
		       version);
	else if (end == EV_REBUILT_UNPROVEN)
		ev_say(st->msg, "%s: version %lld serves, and is not what the log makes: --again builds it anew "
		       "(evverify says more)", name, version);
	else if (end == EV_REBUILT_BUILT && st->dead)
		ev_say(st->msg, "%s: no view was there: version %lld is built and serves, in %.1f s; %" PRId64
		       " dead letter%s, %" PRId64 " held behind %s: dead list", name, version, s, st->dead,
		       ev_plural(st->dead), st->held, ev_agree(st->dead, "it", "them"));
	else if (end == EV_REBUILT_BUILT)
		ev_say(st->msg, "%s: no view was there: version %lld is built and serves, in %.1f s", name, version, s);
	else if (end == EV_REBUILT_SWAPPED && !st->kept)
		ev_say(st->msg, "%s: version %lld serves, after %.1f s; there were no tables before: no version "
		       "is kept", name, version, s);
	else if (end == EV_REBUILT_SWAPPED)
		ev_say(st->msg, "%s: version %lld serves, after %.1f s; the version before is kept: "
		       "rollback goes back, rebuild --forget drops it", name, version, s);
	else if (end == EV_REBUILT_READY)
		ev_say(st->msg, "%s: version %lld is ready, and does not serve yet: the same command %s, --abandon "
		       "gives it up", name, version, st->a->no_swap ? "without --no-swap swaps" : "asks again");
}

/* The first version has nothing to stay behind: it is there. */
static void advise_first(struct state *st, long long version)
{
	const char *name = st->p->name;

	ev_say(st->msg, "%s: no view was there: version %lld is built, and stays as it is", name, version);
	ev_say(st->msg, "%s: rebuild takes a mended file, with a higher version; run --check, one whose check is "
	       "mended; drop %s removes the view", name, name);
}

static int tell(struct state *st, enum ev_rebuild_end end, int64_t version, int64_t ms)
{
	summary(st, end, (long long)version, (double)ms / 1000);
	switch (end) {
	case EV_REBUILT_SERVES: /* a proof of it may have been stopped */
		return st->a->receipt && ev_stopped() ? ev_stop_status(false) : 0;
	case EV_REBUILT_BUILT:
	case EV_REBUILT_SWAPPED:
		return 0;
	case EV_REBUILT_READY:
		return st->a->no_swap ? 0 : EV_NO;
	case EV_REBUILT_UNPROVEN:
		return EV_NO;
	case EV_REBUILT_UNFIT:
		advise_first(st, (long long)version);
		return EV_NO;
	case EV_REBUILT_REFUSED:
	case EV_REBUILT_TOO_MUCH:
	case EV_REBUILT_CHECKED:
		advise(st, end);
		return EV_NO;
	case EV_REBUILT_STOPPED:
		ev_say(st->msg, "%s: stopped; the same command goes on, --abandon gives it up", st->p->name);
		return ev_stop_status(false);
	}
	return EV_BUG;
}

/* Something that cannot be read a second time: standard input, or one that goes by a name, as <(...) does. */
static bool is_pipe(const struct ev_source_spec *spec)
{
	for (size_t i = 0; i < spec->nfiles; i++) {
		const char *file = spec->files[i];
		struct stat st;

		if ((strcmp(file, "-") == 0 ? fstat(STDIN_FILENO, &st) : stat(file, &st)) == 0 && !S_ISREG(st.st_mode))
			return true;
	}
	return false;
}

static void fill_options(const struct args *a, struct ev_rebuild_options *opt)
{
	*opt = (struct ev_rebuild_options)EV_REBUILD_OPTIONS_INIT;
	opt->range = &a->src.range;
	opt->on_error = (enum ev_on_error)a->on_error;
	opt->max_dead = a->max_dead;
	opt->max_held = a->max_held;
	opt->max_lag = a->max_lag;
	opt->accept_trimmed = a->accept_trimmed;
	opt->exact = a->exact;
	opt->allow_empty = a->allow_empty;
	opt->again = a->again;
	opt->adopt = a->adopt;
	opt->no_swap = a->no_swap;
	opt->quiet = a->quiet;
	opt->pipe = is_pipe(&a->src.spec);
	opt->batch = (size_t)a->batch;
	opt->memory = a->src.memory - a->src.spec.memory;
	opt->receipt = a->receipt;
	opt->receipt_age_ms = a->receipt_age;
	opt->scratch = a->scratch;
	opt->written_by = "evtools " EV_VERSION;
	opt->max_change = a->max_change;
}

/* The last phase in --metrics. */
static const char *const end_words[] = {
	[EV_REBUILT_BUILT] = "done", [EV_REBUILT_SWAPPED] = "done", [EV_REBUILT_SERVES] = "done",
	[EV_REBUILT_UNFIT] = "refused", [EV_REBUILT_UNPROVEN] = "refused", [EV_REBUILT_REFUSED] = "refused",
	[EV_REBUILT_TOO_MUCH] = "refused", [EV_REBUILT_CHECKED] = "refused",
	[EV_REBUILT_READY] = "ready", [EV_REBUILT_STOPPED] = "stopped",
};

static int rebuild(struct state *st, struct ev_versions *v, struct ev_source *src, struct ev_error *err)
{
	struct ev_rebuild_options opt;
	struct ev_rebuild_hooks hooks = { st, stop, progress, note, compared, check, proved, NULL, NULL };
	int64_t start = ev_clock_ms();
	struct ev_error ignored = EV_ERROR_INIT;
	struct ev_rebuilt out;
	const struct args *a = st->a;
	int rc, written;

	if (!a->yes) {
		hooks.can_confirm = can_confirm;
		hooks.confirm = confirm;
	}
	fill_options(a, &opt);
	ev_progress_init(&st->progress, st->msg, a->quiet);
	rc = ev_rebuild(v->shadow, st->p, src, &opt, &hooks, &out, err);
	ev_progress_clear(&st->progress);
	if (rc < 0) {
		write_metrics(st, "failed", NULL, err->text, &ignored);
		return -1;
	}
	written = write_metrics(st, end_words[out.end], NULL, out.refusal, err);
	st->kept = ev_role_present(v->store, st->p->name, EV_ROLE_KEPT, &ignored) != 0;
	if (ev_dead_count(v->store, st->p->name, &st->dead, &st->held, &ignored) < 0)
		st->dead = 0;
	rc = tell(st, out.end, out.version, ev_clock_ms() - start);
	return written < 0 ? -1 : rc;
}

static int preview(struct state *st, struct ev_versions *v, struct ev_source *src, struct ev_error *err)
{
	struct ev_rebuild_hooks hooks = { .ctx = st, .note = note };
	struct ev_rebuild_options opt;
	struct ev_preview out;
	int rc;

	fill_options(st->a, &opt);
	rc = ev_rebuild_preview(v->shadow, st->p, src, &opt, &hooks, &out, err);
	if (rc == 0)
		ev_preview_print(st->p, v->store->ops->dialect, &out);
	if (rc == 0 && out.stops.len) {
		ev_fail(err, EV_DATA, "the rebuild would stop: %s", ev_buf_str(&out.stops));
		rc = ev_hint(err, "mend the file, or %s", out.keeps_dead ? "give a higher limit" :
			     "keep such records with --on-error dead");
	}
	ev_preview_release(&out);
	return rc;
}

static int forget(struct state *st, struct ev_versions *v, struct ev_error *err)
{
	const char *name = st->p->name;
	int rc = ev_role_present(v->store, name, EV_ROLE_KEPT, err);

	if (rc == 0)
		ev_say(st->msg, "%s: no version is kept", name);
	if (rc <= 0 || v->shadow->ops->forget(v->shadow, err) < 0)
		return rc <= 0 ? rc : -1;
	if (!st->a->quiet)
		ev_say(st->msg, "%s: the version that was kept is dropped", name);
	return 0;
}

/* A first version was built in place: what is there of it is a view, and stays. */
static int tell_left(struct state *st, struct ev_store *s, int64_t version, struct ev_error *err)
{
	struct ev_position at = EV_POSITION_INIT;
	struct ev_buf text = EV_BUF_INIT;
	const char *name = st->p->name;
	struct ev_ledger l = { 0 };
	int rc = ev_ledger_load(s, name, &l, err);

	if (rc == 0 && l.exists) {
		ev_ledger_position(&l, &at);
		ev_position_print(&at, &text);
		ev_say(st->msg, "%s: the first build, of version %" PRId64 ", is given up; the view stays as far as "
		       "it was built, to %s: run goes on with it, drop removes it", name, l.version,
		       ev_buf_str(&text));
	} else if (rc == 0) {
		ev_say(st->msg, "%s: the first build, of version %" PRId64 ", is given up; nothing of it is left", name,
		       version);
	}
	ev_position_release(&at);
	ev_buf_release(&text);
	ev_ledger_release(&l);
	return rc;
}

/*
 * A first build that has read nothing is no view: it goes with its plan, unless somebody is at work on it, or has
 * something on its tables. 1, 0, -1.
 */
static int is_nothing(struct ev_versions *v, const char *name, struct ev_error *err)
{
	struct ev_error busy = EV_ERROR_INIT;
	struct ev_buf lines = EV_BUF_INIT;
	struct ev_ledger l = { 0 };
	int rc = ev_ledger_load(v->store, name, &l, err) < 0 ? -1 : l.exists;

	for (size_t i = 0; i < l.nparts && rc > 0; i++)
		rc = l.parts[i].next == l.parts[i].begin;
	if (rc > 0)
		rc = v->shadow->ops->dependents(v->shadow, &lines, err) < 0 ? -1 : !lines.len;
	if (rc > 0)
		rc = v->store->ops->lock(v->store, name, &busy) == 0;
	ev_buf_release(&lines);
	ev_ledger_release(&l);
	return rc;
}

static int give_up(struct ev_versions *v, const struct ev_plan *plan, struct ev_error *err)
{
	int nothing = plan->phase == EV_PHASE_BUILD ? is_nothing(v, plan->projection, err) : 0;

	if (nothing < 0)
		return -1;
	return nothing ? v->shadow->ops->drop(v->shadow, err) : v->shadow->ops->abandon(v->shadow, err);
}

static int abandon(struct state *st, struct ev_versions *v, struct ev_error *err)
{
	const char *name = st->p->name;
	struct ev_plan plan = { 0 };
	int left = v->shadow->ops->present(v->shadow, err);
	int rc = left < 0 ? -1 : ev_plan_load(v->store, name, &plan, err);

	if (rc == 0 && plan.phase == EV_PHASE_NONE)
		ev_say(st->msg, left ? "%s: no rebuild is under way; what one has left is removed"
				     : "%s: no rebuild is under way", name);
	if (rc == 0 && !v->dry)
		rc = give_up(v, &plan, err);
	v->shadow->tidy |= plan.phase != EV_PHASE_NONE;
	if (rc == 0 && plan.phase == EV_PHASE_BUILD && !st->a->quiet)
		rc = tell_left(st, v->store, plan.version, err);
	else if (rc == 0 && plan.phase != EV_PHASE_NONE && !st->a->quiet)
		ev_say(st->msg, "%s: the rebuild to version %" PRId64 " is given up, nothing of it is left",
		       name, plan.version);
	ev_plan_release(&plan);
	return rc;
}

static int with_store(struct state *st, struct ev_source *src, struct ev_error *err)
{
	struct ev_versions v;
	enum ev_versions_use use = st->a->dry_run ? EV_VERSIONS_LOOK : src ? EV_VERSIONS_CREATE : EV_VERSIONS_WORK;
	int rc;

	if (ev_versions_open(&v, &st->a->store, st->p->name, use, (int)st->a->swap_wait_ms, err) < 0)
		return -1;
	rc = st->a->dry_run ? preview(st, &v, src, err) : src ? rebuild(st, &v, src, err) :
	     st->a->forget ? forget(st, &v, err) : abandon(st, &v, err);
	ev_versions_close(&v);
	return rc;
}

static int check_args(struct args *a, struct ev_operands *rest, const struct ev_projection *p,
		  struct ev_error *err)
{
	if (ev_source_args_finish(&a->src, rest, ev_now_ms(), err) < 0)
		return -1;
	a->src.spec.memory /= 2; /* the other half is for rows */
	if (a->abandon + a->forget + a->dry_run > 1)
		return ev_fail(err, EV_USAGE, "one of --abandon, --forget and --dry-run, not more");
	if (!a->receipt && (a->receipt_age || a->scratch))
		return ev_fail(err, EV_USAGE, "--receipt-age and --scratch are of --require-receipt");
	if (a->src.no_merge)
		return ev_fail(err, EV_USAGE, "--no-merge is not for a rebuild");
	return ev_use_topics(&a->src, p, err);
}

/* The source first: where there is nothing to read from, the store is left alone. */
static int run(void *args, struct ev_operands *rest, struct ev_messages *msg, struct ev_error *err)
{
	struct args *a = args;
	struct ev_projection *p = ev_operand_projection(rest, err);
	struct state st = { .a = a, .msg = msg, .p = p };
	struct ev_source *src = NULL;
	int rc = -1;

	ev_source_args_notes(&a->src, msg);
	if (p && ev_store_args_check(&a->store, err) == 0 && check_args(a, rest, p, err) == 0) {
		if (!a->abandon && !a->forget)
			src = ev_source_open(&a->src.spec, err);
		if (src)
			ev_warn_unread(p, src, msg);
		if (src || a->abandon || a->forget)
			rc = with_store(&st, src, err);
		if (src && src->one_sequence)
			ev_warn_unread(p, src, msg);
	}
	if (src)
		src->ops->close(src);
	ev_projection_free(p);
	return rc;
}

const struct ev_command ev_rebuild_command = {
	.name = "rebuild",
	.about = "build a view anew while the old one serves, compare, swap",
	.synopsis = "FILE --store URL [OPTION]... [SOURCE]...",
	.options = options,
	.args_size = sizeof(struct args),
	.init = init,
	.release = release,
	.run = run,
};
