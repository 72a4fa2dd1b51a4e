/* rebuild.c - the sequence; see rebuild.h */
#include "rebuild/rebuild.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "apply/identity.h"
#include "base/clock.h"
#include "base/mem.h"
#include "rebuild/internal.h"

#define MAX_TRIES 500 /* of one phase, after lost connections */

#define HOLD_MS 60000 /* a load that is killed loses about so much */

void ev_rebuilding_note(struct ev_rebuilding *r, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (!r->hooks->note)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->hooks->note(r->hooks->ctx, text);
}

int ev_rebuilding_old(struct ev_rebuilding *r, struct ev_error *err)
{
	ev_ledger_release(&r->old);
	if (ev_ledger_load(r->sh->live, r->p->name, &r->old, err) < 0)
		return -1;
	if (r->plan.detached)
		ev_ledger_forget_parts(&r->old);
	return 0;
}

/* From here on the plan may be gone although no answer came: then this was the end. */
static void expect_end(struct ev_rebuilding *r, enum ev_rebuild_end end)
{
	r->ending = true;
	r->ended = end;
}

static int set_phase(struct ev_rebuilding *r, enum ev_phase phase, struct ev_error *err)
{
	r->plan.phase = phase;
	r->now.phase = phase;
	return ev_plan_save(r->sh->live, &r->plan, err);
}

static void close_apply(struct ev_rebuilding *r)
{
	ev_apply_close(r->apply);
	r->apply = NULL;
}

static int take_text(void *ctx, const struct ev_cell *c, size_t n)
{
	(void)n;
	ev_buf_add_slice(ctx, c[0].text);
	return 0;
}

/* Which of two versions with one fingerprint is it that serves? Empty where no ledger says. */
static int serving_rows(struct ev_rebuilding *r, struct ev_buf *key, struct ev_error *err)
{
	struct ev_bind name = ev_bind_text(r->p->name);

	if (!r->old.exists)
		return 0;
	return ev_store_select(r->sh->live, "SELECT " EV_ROWS_KEY("?1") " FROM ev_projection WHERE name = ?1", &name, 1,
			       take_text, key, err);
}

static int new_plan(struct ev_rebuilding *r, enum ev_phase phase, struct ev_error *err)
{
	struct ev_buf rows = EV_BUF_INIT;
	int rc;

	r->plan.version = r->p->version;
	snprintf(r->plan.fingerprint, sizeof(r->plan.fingerprint), "%s", r->p->fingerprint);
	snprintf(r->plan.serving, sizeof(r->plan.serving), "%s", r->old.fingerprint);
	rc = serving_rows(r, &rows, err);
	free(r->plan.rows);
	r->plan.rows = rows.len ? ev_strdup(ev_buf_str(&rows)) : NULL;
	ev_buf_release(&rows);
	return rc < 0 ? -1 : set_phase(r, phase, err);
}

/* No old view: the first one, in place, as `run` would build it. */
static int build(struct ev_rebuilding *r, enum ev_rebuild_end *end, struct ev_error *err)
{
	int rc;

	if (r->plan.phase == EV_PHASE_NONE && new_plan(r, EV_PHASE_BUILD, err) < 0)
		return -1;
	/* in place, where a transaction that stays open locks out those of other projections */
	r->ao.alone = r->sh->live->ops->dialect == EV_POSTGRESQL;
	r->apply = ev_apply_open(r->sh->live, r->p, &r->ao, err);
	if (!r->apply) {
		struct ev_error ignored = EV_ERROR_INIT;

		if (!r->old.exists && !err->retriable) /* nothing came of it */
			ev_plan_delete(r->sh->live, r->p->name, &ignored);
		return -1;
	}
	r->now.what = "build";
	rc = ev_rebuilding_range(r, NULL, true, 0, err);
	close_apply(r);
	if (rc < 0 || r->stopped)
		return rc;
	rc = r->hooks->check ? r->hooks->check(r->hooks->ctx, r->sh->live, err) : 0;
	if (rc == 0)
		rc = ev_rebuilding_prove(r, true, err);
	if (rc < 0 || r->stopped)
		return rc < 0 ? -1 : 0;
	*end = rc ? EV_REBUILT_REFUSED : EV_REBUILT_BUILT;
	expect_end(r, *end);
	return ev_plan_delete(r->sh->live, r->p->name, err);
}

/* A log that lost its beginning makes another view. */
static int check_begin(struct ev_rebuilding *r, struct ev_error *err)
{
	const struct ev_ledger *l = ev_apply_ledger(r->apply);

	if (r->opt->accept_trimmed || r->opt->range->from.kind != EV_POINT_NONE || r->opt->range->has_since)
		return 0;
	for (size_t i = 0; i < r->old.nparts; i++) {
		const struct ev_ledger_part *p = &r->old.parts[i], *q;
		int64_t begin = -1;

		q = ev_ledger_part((struct ev_ledger *)l, p->topic, p->partition, false);
		if (q)
			begin = q->begin;
		for (size_t j = 0; !q && !r->src->one_sequence && j < r->src->nparts; j++)
			if (r->src->parts[j].partition == p->partition &&
			    strcmp(r->src->parts[j].topic, p->topic) == 0)
				begin = r->src->parts[j].low;
		if (begin <= p->begin)
			continue;
		ev_fail(err, EV_DATA, "%s/%d: the log begins at offset %" PRId64 ", the old view at %" PRId64,
			p->topic, p->partition, begin, p->begin);
		return ev_hint(err, "the new view would lack what is gone; --accept-trimmed takes it so, or "
				    "give an archive as the source");
	}
	return 0;
}

/* A topic that was made anew is another log: a view of it is another view. */
static int check_identity(struct ev_rebuilding *r, struct ev_error *err)
{
	struct ev_run_hooks hooks = { .ctx = NULL };

	if (r->plan.phase != EV_PHASE_PREPARE)
		return 0;
	/* a follower may have gone past the end that was the log's when it was opened */
	if (!r->src->one_sequence && r->src->ops->refresh(r->src, err) < 0)
		return -1;
	if (ev_identity_partitions(&r->old, r->src, &hooks, err) == 0)
		return 0;
	if (err->class != EV_DATA)
		return -1;
	if (!r->opt->accept_trimmed)
		return ev_hint(err, "--accept-trimmed builds the new version from this log, whatever the old one "
				    "was built from");
	ev_rebuilding_note(r, "%s: the new version is built from the log as it is", err->text);
	*err = (struct ev_error)EV_ERROR_INIT;
	r->plan.detached = true;
	ev_ledger_forget_parts(&r->old);
	return ev_plan_save(r->sh->live, &r->plan, err);
}

/* An end that was asked for must not lie behind the old view: readers would go back in time. */
static int check_end(struct ev_rebuilding *r, struct ev_error *err)
{
	const struct ev_range_args *range = r->opt->range;
	struct ev_span *spans = NULL;
	int rc = 0;

	if ((range->to.kind == EV_POINT_NONE && !range->has_until) || !r->old.nparts)
		return 0;
	if (!r->src->one_sequence)
		rc = ev_range_resolve(r->src, range, NULL, &spans, err);
	for (size_t i = 0; rc == 0 && i < r->old.nparts; i++)
		for (size_t j = 0; spans && j < r->src->nparts; j++)
			if (r->src->parts[j].partition == r->old.parts[i].partition &&
			    strcmp(r->src->parts[j].topic, r->old.parts[i].topic) == 0 &&
			    spans[j].end < r->old.parts[i].next)
				rc = ev_fail(err, EV_USAGE, "%s/%d: the end %" PRId64 " lies behind the old view, "
					     "which stands at %" PRId64, r->old.parts[i].topic,
					     r->old.parts[i].partition, spans[j].end, r->old.parts[i].next);
	if (r->src->one_sequence)
		rc = ev_fail(err, EV_USAGE, "files are read to their end where a view serves already");
	free(spans);
	return rc < 0 ? ev_hint(err, "for the view as it was, build it into another store or schema") : 0;
}

static int preflight(struct ev_rebuilding *r, struct ev_error *err)
{
	struct ev_shadow_report report = { .bytes = 0 };
	struct ev_store *fresh = r->sh->ops->store(r->sh, err);
	int rc = fresh ? r->sh->ops->preflight(r->sh, fresh, r->opt->adopt, &report, err) : -1;

	ev_buf_release(&report.tables);
	ev_buf_release(&report.survive);
	ev_buf_release(&report.locks);
	return rc;
}

/* The shadow's engine, and that everything stored fits to it. */
static int open_shadow(struct ev_rebuilding *r, struct ev_error *err)
{
	struct ev_store *s = r->sh->ops->store(r->sh, err);

	r->ao.alone = true;
	if (s)
		r->apply = ev_apply_open(s, r->p, &r->ao, err);
	if (!r->apply)
		return -1;
	if (!ev_apply_ledger(r->apply)->nparts && r->plan.nranges) {
		/* nothing is in it: killed before the first record, or it was deleted by hand */
		for (size_t i = 0; i < r->plan.nranges; i++)
			ev_position_release(&r->plan.ranges[i].end);
		r->plan.nranges = 0;
		r->plan.replayed = 0;
	}
	return 0;
}

/* Nothing was done yet, so nothing shall be left. */
static void undo_prepare(struct ev_rebuilding *r)
{
	struct ev_error ignored = EV_ERROR_INIT;

	close_apply(r);
	if (r->plan.phase == EV_PHASE_PREPARE)
		r->sh->ops->abandon(r->sh, &ignored);
}

static int prepare(struct ev_rebuilding *r, struct ev_error *err)
{
	if (check_identity(r, err) < 0 || check_end(r, err) < 0 || open_shadow(r, err) < 0 || preflight(r, err) < 0 ||
	    check_begin(r, err) < 0) {
		if (!err->retriable)
			undo_prepare(r);
		return -1;
	}
	if (r->opt->adopt && !r->old.exists)
		ev_rebuilding_note(r, "the old tables are another program's, which is not fenced: stop it "
				   "before the swap, or it goes on writing, into the new tables");
	return r->plan.phase == EV_PHASE_PREPARE ? set_phase(r, EV_PHASE_LOAD, err) : 0;
}

/* The engine lets go of the shadow for the time. */
static int prove(struct ev_rebuilding *r, struct ev_error *err)
{
	int rc;

	if (!r->opt->receipt)
		return 0;
	close_apply(r);
	r->sh->ops->settle(r->sh);
	rc = ev_rebuilding_prove(r, false, err);
	r->sh->ops->settle(r->sh);
	return rc == 0 && !r->stopped ? open_shadow(r, err) : rc;
}

static bool asked_to_stop(void *ctx)
{
	struct ev_rebuilding *r = ctx;

	return r->hooks->stop && r->hooks->stop(r->hooks->ctx);
}

/* Until the answer is yes: 0 with *go, or *end says why not. */
static int fill(struct ev_rebuilding *r, bool *go, enum ev_rebuild_end *end, struct ev_error *err)
{
	int rc;

	if (prepare(r, err) < 0)
		return -1;
	*end = EV_REBUILT_STOPPED;
	if (ev_rebuilding_load(r, err) < 0 || (!r->stopped && check_begin(r, err) < 0))
		return -1;
	if (!r->stopped && r->sh->ops->finish_load(r->sh, err) < 0)
		return -1;
	rc = ev_rebuilding_compare(r, err);
	if (rc < 0 || r->stopped)
		return rc;
	if (rc == 0 && (set_phase(r, EV_PHASE_CATCHUP, err) < 0 || ev_rebuilding_catch_up(r, err) < 0))
		return -1;
	if (r->stopped)
		return 0;
	if (rc == 0)
		rc = ev_rebuilding_verify(r, err);
	if (rc == 0)
		rc = prove(r, err);
	if (r->stopped)
		return rc < 0 ? -1 : 0;
	*end = rc ? EV_REBUILT_REFUSED : EV_REBUILT_READY;
	if (rc || r->opt->no_swap)
		return rc < 0 ? -1 : 0;
	rc = r->hooks->confirm && !r->agreed ? r->hooks->confirm(r->hooks->ctx, err) : 1;
	r->agreed = *go = rc > 0;
	if (*go && ev_rebuilding_catch_up(r, err) < 0) /* the answer may have taken its time */
		return -1;
	if (r->stopped || asked_to_stop(r)) {
		*go = false;
		*end = EV_REBUILT_STOPPED;
	}
	return rc < 0 ? -1 : 0;
}

static void note(void *ctx, const char *text)
{
	ev_rebuilding_note(ctx, "%s", text);
}

static void copied(void *ctx, int64_t rows, int64_t total)
{
	struct ev_rebuilding *r = ctx;

	r->now.records = r->now.done = rows;
	r->now.total = total;
	if (r->hooks->progress)
		r->hooks->progress(r->hooks->ctx, &r->now);
}

static int finish(struct ev_rebuilding *r, enum ev_rebuild_end *end, struct ev_error *err)
{
	struct ev_shadow_hooks hooks = { r, asked_to_stop, copied, note };
	int rc = 0;

	r->now.what = "copy";
	r->now.lag = -1;
	if (r->plan.phase != EV_PHASE_READY)
		rc = r->sh->ops->copy(r->sh, &r->plan, r->opt->adopt, &hooks, err);
	*end = EV_REBUILT_STOPPED;
	if (rc)
		return rc < 0 ? -1 : 0;
	r->now.what = "swap";
	r->now.phase = EV_PHASE_READY;
	expect_end(r, EV_REBUILT_SWAPPED);
	if (r->sh->ops->swap(r->sh, r->opt->adopt, ev_rebuilding_level, r, err) < 0)
		return -1;
	*end = EV_REBUILT_SWAPPED;
	return r->sh->ops->clean(r->sh, err);
}

/* The answer was yes in an earlier session, which may have asked for no proof, and allowed more change. */
static int finish_proven(struct ev_rebuilding *r, enum ev_rebuild_end *end, struct ev_error *err)
{
	int rc = ev_rebuilding_judge(r);

	if (rc == 0)
		rc = ev_rebuilding_prove(r, false, err);
	r->sh->ops->settle(r->sh);
	*end = rc ? EV_REBUILT_REFUSED : r->stopped ? EV_REBUILT_STOPPED : EV_REBUILT_READY;
	if (rc || r->stopped || r->opt->no_swap)
		return rc < 0 ? -1 : 0;
	return finish(r, end, err);
}

static int continue_or_begin(struct ev_rebuilding *r, enum ev_rebuild_end *end, struct ev_error *err)
{
	bool go = false;

	if (r->opt->pipe) {
		ev_fail(err, EV_USAGE, "a view serves already, and a rebuild beside it reads its source more "
			"than once");
		return ev_hint(err, "give a file instead of a pipe");
	}
	if (r->plan.phase == EV_PHASE_NONE && new_plan(r, EV_PHASE_PREPARE, err) < 0)
		return -1;
	if (r->plan.phase == EV_PHASE_COPY || r->plan.phase == EV_PHASE_READY)
		return finish_proven(r, end, err);
	r->sh->ops->settle(r->sh);
	if (fill(r, &go, end, err) < 0)
		return -1;
	if (!go)
		return 0;
	close_apply(r);
	r->sh->ops->settle(r->sh);
	return finish(r, end, err);
}

static int same_plan(struct ev_rebuilding *r, struct ev_error *err)
{
	if (r->plan.phase == EV_PHASE_NONE || strcmp(r->plan.fingerprint, r->p->fingerprint) == 0)
		return 0;
	ev_fail(err, EV_USAGE, "a rebuild of projection '%s' to another version is under way (version %" PRId64
		", phase %s)", r->p->name, r->plan.version, ev_phase_names[r->plan.phase]);
	return ev_hint(err, "finish it with its own file, or give it up with --abandon");
}

/* What was loaded up to, compared and decided is of the version that served then: a rollback makes it void. */
static int same_serving(struct ev_rebuilding *r, struct ev_error *err)
{
	struct ev_buf rows = EV_BUF_INIT;
	bool same;
	int rc;

	if (r->plan.phase == EV_PHASE_NONE || r->plan.phase == EV_PHASE_BUILD)
		return 0;
	rc = serving_rows(r, &rows, err);
	same = strcmp(r->plan.serving, r->old.fingerprint) == 0 &&
	       (!r->plan.rows || strcmp(r->plan.rows, ev_buf_str(&rows)) == 0);
	ev_buf_release(&rows);
	if (rc < 0 || same)
		return rc;
	ev_fail(err, EV_USAGE, "the rebuild of projection '%s' to version %" PRId64 " began beside another version "
		"than the one that serves now", r->p->name, r->plan.version);
	return ev_hint(err, "a rollback came between: --abandon gives the rebuild up, to begin anew; or another "
			    "rollback, and it goes on");
}

static int check_version(struct ev_rebuilding *r, struct ev_error *err)
{
	if (!r->old.exists || r->old.version != r->p->version ||
	    strcmp(r->old.fingerprint, r->p->fingerprint) == 0)
		return 0;
	ev_fail(err, EV_USAGE, "%s: projection '%s' has changed, but its version is still %" PRId64, r->p->file,
		r->p->name, r->p->version);
	return ev_hint(err, "raise the version in the file");
}

static int start(struct ev_rebuilding *r, enum ev_rebuild_end *end, struct ev_error *err)
{
	bool same;
	int rc;

	if (r->sh->ops->clean(r->sh, err) < 0 ||
	    ev_plan_load(r->sh->live, r->p->name, &r->plan, err) < 0 || same_plan(r, err) < 0 ||
	    ev_rebuilding_old(r, err) < 0 || same_serving(r, err) < 0 || check_version(r, err) < 0)
		return -1;
	rc = ev_role_present(r->sh->live, r->p->name, EV_ROLE_LIVE, err);
	if (rc < 0)
		return -1;
	if (r->opt->receipt && r->opt->pipe)
		return ev_fail(err, EV_USAGE, "a proof reads its source once more: give a file instead of a pipe");
	r->old_tables = rc || r->opt->adopt;
	r->ao = (struct ev_apply_options){
		.dead = r->opt->on_error == EV_ON_ERROR_INHERIT ? r->old.dead
								: r->opt->on_error == EV_ON_ERROR_DEAD,
		.max_dead = r->opt->max_dead,
		.max_held = r->opt->max_held,
		.decided = true,
		.exact = r->opt->exact,
		.memory = r->opt->memory,
		.hold_ms = r->opt->pipe ? 0 : HOLD_MS, /* what was held and is lost is read again */
		.load = true,
	};
	same = r->old.exists && strcmp(r->old.fingerprint, r->p->fingerprint) == 0;
	if (r->plan.phase == EV_PHASE_BUILD || (r->plan.phase == EV_PHASE_NONE && !r->old_tables))
		return build(r, end, err);
	if (same && r->plan.phase == EV_PHASE_NONE && !r->opt->again) {
		*end = EV_REBUILT_SERVES;
		return 0;
	}
	return continue_or_begin(r, end, err);
}

/* After a lost connection: was what was under way the end of it? 1, 0, -1. */
static int has_ended(struct ev_rebuilding *r, enum ev_rebuild_end *end, struct ev_error *err)
{
	int rc = r->ending ? ev_plan_settle(r->sh->live, r->p->name, err) : 1;

	if (rc)
		return rc < 0 ? -1 : 0;
	*end = r->ended;
	return r->sh->ops->clean(r->sh, err) < 0 ? -1 : 1;
}

/* Failures that are followed by no progress end it after the store's timeout, or after many tries. */
static bool give_up(struct ev_rebuilding *r)
{
	int64_t now = ev_clock_ms();

	r->tries = r->plan.phase == r->trouble_phase ? r->tries + 1 : 1;
	if (!r->trouble_since || r->plan.phase != r->trouble_phase || r->records != r->trouble_records)
		r->trouble_since = now;
	r->trouble_phase = r->plan.phase;
	r->trouble_records = r->records;
	return r->tries > MAX_TRIES || now - r->trouble_since > r->sh->opt.store->timeout_ms;
}

/* The connection was lost, or the store is in trouble that passes: go on as the next session would. */
static bool recovered(struct ev_rebuilding *r, struct ev_error *err)
{
	struct ev_store *live = r->sh->live;

	close_apply(r);
	r->sh->ops->thaw(r->sh);
	r->sh->ops->settle(r->sh);
	if (err->class != EV_STORE || !err->retriable || !live->ops->recover || r->pipe_used)
		return false;
	if (give_up(r)) {
		if (!err->hint[0])
			ev_hint(err, "gave up (--store-timeout); nothing is lost, the next rebuild goes on");
		return false;
	}
	ev_rebuilding_note(r, "%s: trying again", err->text);
	return ev_store_recover(live, err);
}

static int try(struct ev_rebuilding *r, enum ev_rebuild_end *end, struct ev_error *err)
{
	int rc = has_ended(r, end, err);

	if (rc)
		return rc < 0 ? -1 : 0;
	ev_plan_release(&r->plan);
	r->ending = false;
	*end = EV_REBUILT_STOPPED;
	return start(r, end, err);
}

int ev_rebuild(struct ev_shadow *sh, const struct ev_projection *p, struct ev_source *src,
	       const struct ev_rebuild_options *opt, const struct ev_rebuild_hooks *hooks,
	       enum ev_rebuild_end *end, struct ev_error *err)
{
	struct ev_rebuilding r = { .sh = sh, .p = p, .src = src, .opt = opt, .hooks = hooks };
	int rc;

	sh->note = note;
	sh->note_ctx = &r;
	r.now.lag = -1;
	do
		rc = try(&r, end, err);
	while (rc < 0 && recovered(&r, err));
	sh->note = NULL;
	close_apply(&r);
	sh->ops->settle(sh);
	ev_plan_release(&r.plan);
	ev_ledger_release(&r.old);
	return rc;
}
