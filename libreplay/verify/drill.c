/* drill.c - see drill.h */
#include "verify/drill_log.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

struct drilling {
	const struct ev_projection *p;
	struct ev_source *src;
	const struct ev_verify_hooks *hooks;
	struct ev_verify_options opt; /* of the checker on `work` */
	struct ev_drill_copy copy;
	struct ev_replay_hooks replay;
	struct ev_drill_log *log;     /* NULL: not asked for */
	struct ev_mode *m;
	bool asked[EV_DRILL_MODES];
	int64_t found, missed, unseen, impossible, unclaimed;
};

static bool stop(void *ctx)
{
	const struct drilling *d = ctx;

	return d->hooks->stop && d->hooks->stop(d->hooks->ctx);
}

static int stopped(struct ev_error *err)
{
	return ev_fail(err, EV_SOURCE, "stopped before the drill was through");
}

/* The checker's own notes and progress are of a copy, and would only confuse. */
static struct ev_verify_hooks quiet(struct drilling *d)
{
	return (struct ev_verify_hooks){ .ctx = d, .stop = stop };
}

static const struct ev_mode *mode_named(const struct ev_verdict *v, const char *name)
{
	for (size_t i = 0; i < v->nmodes; i++)
		if (strcmp(v->modes[i]->name, name) == 0)
			return v->modes[i];
	return NULL;
}

/* A mode sees what it finds, and what it cannot prove any more; not what keeps it from looking at all. */
static bool sees(const struct ev_mode *m)
{
	return m && (m->found || (m->state == EV_MODE_UNPROVEN && m->error.class == EV_DATA));
}

/* Does the store, the source or the checker fail? Then nothing is said of any mode. */
static int broken(const struct ev_drill_kind *k, const struct ev_verdict *v, struct ev_error *err)
{
	struct ev_error why = EV_ERROR_INIT;
	int status = ev_verdict_status(v, &why);

	if (status == EV_OK || status == EV_NO || status == EV_DATA)
		return 0;
	if (status == EV_STORE && !why.retriable && strchr(k->sees, EV_DRILL_STOPS))
		return 0;
	*err = why;
	return -1;
}

static bool is_of_log(int mode)
{
	return mode == EV_DRILL_LOG || mode == EV_DRILL_AGAINST;
}

static bool harmless(const struct ev_drill_kind *k)
{
	return strspn(k->sees, "-") == EV_DRILL_MODES;
}

static void tell_missed(struct drilling *d, const struct ev_drill_kind *k, const char *where, const char *mode,
			bool alarm)
{
	ev_finding_text(ev_mode_finding(d->m, alarm ? "false alarm" : "missed", k->what), "in %s: %s %s", where, mode,
			alarm ? "sees a difference, and there is none" : "does not see it");
}

/* What each mode says, beside what it claims. */
static void judge(struct drilling *d, const struct ev_drill_kind *k, const char *where,
		  const bool by_mode[EV_DRILL_MODES])
{
	bool bad = false, claimed = false;
	struct ev_buf by = EV_BUF_INIT;

	for (int i = 0; i < EV_DRILL_MODES; i++) {
		bool seen = by_mode[i];

		if (!d->asked[i] || is_of_log(i) != (k->place == EV_DRILL_RECORD))
			continue;
		if (seen)
			ev_buf_addf(&by, "%s%s", by.len ? ", " : "", ev_drill_modes[i]);
		claimed |= k->sees[i] == EV_DRILL_SEES;
		if (seen ? k->sees[i] != EV_DRILL_BLIND : k->sees[i] != EV_DRILL_SEES)
			continue;
		tell_missed(d, k, where, ev_drill_modes[i], seen);
		bad = true;
	}
	d->missed += bad;
	d->found += !bad && claimed;
	d->unseen += !bad && harmless(k);
	d->unclaimed += !bad && !claimed && !harmless(k);
	ev_mode_note(d->m, "%s, %s: %s%s", k->what, where, by.len ? "seen by " : "seen by none", ev_buf_str(&by));
	ev_buf_release(&by);
}

static int check(struct drilling *d, struct ev_verdict *v, struct ev_error *err)
{
	struct ev_verify_hooks hooks = quiet(d);

	if (ev_verify(d->p, d->src, &d->opt, &hooks, v, err) < 0)
		return -1;
	return stop(d) ? stopped(err) : 0;
}

static int damage(struct drilling *d, const struct ev_drill_kind *k, struct ev_buf *where, struct ev_error *err)
{
	if (k->place == EV_DRILL_EVENT)
		return d->p->nreads ? 0 : ev_drill_event(&d->copy, d->p, k, d->src, &d->replay, where, err);
	if (ev_drill_copy_renew(&d->copy, false, err) < 0)
		return -1;
	return ev_drill_sql(&d->copy, d->p, k, where, err);
}

/* Is there a mode among those that are asked for which it may matter? */
static bool matters(const struct drilling *d, const struct ev_drill_kind *k)
{
	bool any = harmless(k);

	for (int i = 0; i < EV_DRILL_MODES; i++)
		any |= d->asked[i] && k->sees[i] != EV_DRILL_BLIND && is_of_log(i) == (k->place == EV_DRILL_RECORD);
	return any;
}

/* The checker on what has been damaged: who saw it. */
static int ask_view(struct drilling *d, const struct ev_drill_kind *k, bool seen[EV_DRILL_MODES], struct ev_error *err)
{
	struct ev_verdict v;
	int rc = check(d, &v, err);

	if (rc == 0)
		rc = broken(k, &v, err);
	for (int i = 0; i < EV_DRILL_MODES && rc == 0; i++)
		seen[i] = sees(mode_named(&v, ev_drill_modes[i]));
	ev_verdict_release(&v);
	return rc;
}

static int try(struct drilling *d, const struct ev_drill_kind *k, struct ev_buf *where, bool seen[EV_DRILL_MODES],
	       struct ev_error *err)
{
	int rc;

	if (k->place == EV_DRILL_RECORD)
		return ev_drill_log_try(d->log, k, where, seen, err);
	rc = damage(d, k, where, err);
	return rc > 0 && ask_view(d, k, seen, err) < 0 ? -1 : rc;
}

static int one(struct drilling *d, const struct ev_drill_kind *k, struct ev_error *err)
{
	bool seen[EV_DRILL_MODES] = { false };
	struct ev_buf where = EV_BUF_INIT;
	int rc;

	if (!matters(d, k)) {
		d->unclaimed++;
		return 0;
	}
	rc = try(d, k, &where, seen, err);
	if (rc == 0) {
		d->impossible++;
		ev_mode_note(d->m, "%s: not possible in this view", k->what);
	} else if (rc > 0) {
		judge(d, k, where.len ? ev_buf_str(&where) : "the ledger", seen);
		d->m->checked++;
	}
	ev_buf_release(&where);
	return rc < 0 ? ev_context(err, "drill: %s", k->what) : 0;
}

static int all(struct drilling *d, struct ev_error *err)
{
	for (size_t i = 0; i < ev_drill_nkinds; i++) {
		if (stop(d))
			return stopped(err);
		if (d->hooks->progress)
			d->hooks->progress(d->hooks->ctx, "drill", (int64_t)i, (int64_t)i, (int64_t)ev_drill_nkinds);
		if (one(d, &ev_drill_kinds[i], err) < 0)
			return -1;
	}
	return 0;
}

static void tell(struct drilling *d)
{
	struct ev_equation *e = ev_mode_equation(d->m, d->p->name, "corruptions", (int64_t)ev_drill_nkinds);

	ev_equation_term(e, "as claimed", d->found);
	ev_equation_term(e, "otherwise", d->missed);
	ev_equation_term(e, "harmless, and not seen", d->unseen);
	ev_equation_term(e, "nothing claimed", d->unclaimed);
	ev_equation_term(e, "not possible here", d->impossible);
	ev_mode_done(d->m);
}

static void prepare(struct drilling *d, const struct ev_verify_options *opt)
{
	d->opt = *opt;
	d->opt.url = d->copy.url;
	d->opt.store = &d->copy.opt;
	d->opt.repair = d->opt.repair_now = false;
	d->opt.max_diffs = 0; /* and no causes */
	d->opt.without_views = true;
	d->opt.max_lag = d->opt.max_age_ms = -1;
	d->asked[EV_DRILL_ROWS] = opt->rows;
	d->asked[EV_DRILL_COUNTS] = opt->counts;
	d->asked[EV_DRILL_CHECKS] = opt->checks;
	d->asked[EV_DRILL_LOG] = opt->log;
	d->asked[EV_DRILL_AGAINST] = opt->against;
	d->replay = (struct ev_replay_hooks){ .ctx = d, .stop = stop };
}

/* The copy as it is must be consistent: 1 it is; 0 it is not, and `out` says so. */
static int control(struct drilling *d, struct ev_verdict *out, size_t max_findings, struct ev_error *err)
{
	struct ev_error why = EV_ERROR_INIT;
	int rc = ev_drill_copy_renew(&d->copy, false, err);

	if (rc < 0)
		return -1;
	ev_verdict_release(out);
	d->opt.max_diffs = max_findings;
	rc = check(d, out, err);
	d->opt.max_diffs = 0;
	if (rc < 0 || ev_verdict_status(out, &why) == 0)
		return rc < 0 ? -1 : 1;
	if (d->hooks->note)
		d->hooks->note(d->hooks->ctx, "the view is not consistent as it is, so nothing was damaged");
	return 0;
}

static int drill(struct drilling *d, const struct ev_verify_options *opt, struct ev_verdict *out,
		 struct ev_error *err)
{
	int rc = ev_drill_copy_take(&d->copy, d->p, opt, err);

	if (rc == 0) {
		prepare(d, opt);
		rc = control(d, out, opt->max_diffs, err);
	}
	if (rc <= 0)
		return rc;
	if (opt->log || opt->against)
		d->log = ev_drill_log_open(d->p, d->src, opt, &d->replay, err);
	if (!d->log && (opt->log || opt->against))
		return -1;
	d->m = ev_verdict_mode(out, "drill", "corruptions");
	if (all(d, err) < 0)
		return -1;
	tell(d);
	return 0;
}

int ev_drill(const struct ev_projection *p, struct ev_source *src, const struct ev_verify_options *opt,
	     const struct ev_verify_hooks *hooks, struct ev_verdict *out, struct ev_error *err)
{
	struct drilling d = { .p = p, .src = src, .hooks = hooks };
	int rc;

	ev_verdict_init(out, opt->max_diffs);
	rc = drill(&d, opt, out, err);
	if (rc < 0 && err->class != EV_USAGE) {
		ev_mode_unproven(ev_verdict_mode(out, "drill", "corruptions"), err);
		rc = 0;
	}
	free(out->store);
	out->store = ev_strdup(opt->url);
	ev_drill_copy_release(&d.copy);
	ev_drill_log_close(d.log);
	out->ended_at = ev_now_ms();
	return rc;
}
