/* rebuild.c - the sequence; see rebuild.h */
#include "rebuild/rebuild.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "rebuild/internal.h"

#define MAX_TRIES 500 /* of one phase, after lost connections */

#define CHECKPOINT_MS 60000 /* a load that is killed loses about so much */

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
	ev_plan_enter(&r->plan, phase);
	r->now.phase = phase;
	return ev_plan_save(r->sh->live, &r->plan, err);
}

static void close_apply(struct ev_rebuilding *r)
{
	ev_apply_close(r->apply);
	r->apply = NULL;
}

static int new_plan(struct ev_rebuilding *r, enum ev_phase phase, struct ev_error *err)
{
	struct ev_buf rows = EV_BUF_INIT;
	int rc;

	r->plan.version = r->p->version;
	snprintf(r->plan.fingerprint, sizeof(r->plan.fingerprint), "%s", r->p->fingerprint);
	snprintf(r->plan.serving, sizeof(r->plan.serving), "%s", r->old.fingerprint);
	rc = ev_rebuilding_rows_key(r, &rows, err);
	free(r->plan.rows);
	r->plan.rows = rows.len ? ev_strdup(ev_buf_str(&rows)) : NULL;
	ev_buf_release(&rows);
	return rc < 0 ? -1 : set_phase(r, phase, err);
}

/*
 * This session is at work on it from now on: how the one before ended, and who it was, is over. Begins it where
 * there is none.
 */
static int work_on_plan(struct ev_rebuilding *r, enum ev_phase first, struct ev_error *err)
{
	r->working = true;
	if (r->plan.phase == EV_PHASE_NONE)
		return new_plan(r, first, err);
	ev_plan_conclude(&r->plan, false, NULL);
	return ev_plan_save(r->sh->live, &r->plan, err);
}

/* No old view: the first one, in place, as `run` would build it. */
static int build(struct ev_rebuilding *r, enum ev_rebuild_end *end, struct ev_error *err)
{
	int rc;

	if (work_on_plan(r, EV_PHASE_BUILD, err) < 0)
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
	if (ev_rebuilding_check_proof(r, ev_apply_folds(r->apply), err) < 0)
		return -1;
	ev_rebuilding_step(r, "build");
	rc = ev_rebuilding_drop_indexes(r, r->sh->live, err);
	if (rc == 0)
		rc = ev_rebuilding_range(r, NULL, true, 0, err);
	close_apply(r);
	if (rc < 0 || r->stopped)
		return rc;
	if (r->plan.waiting.len)
		ev_rebuilding_step(r, "index");
	if (ev_rebuilding_make_indexes(r, r->sh->live, err) < 0)
		return -1;
	rc = r->hooks->check ? r->hooks->check(r->hooks->ctx, r->sh->live, err) : 0;
	if (rc > 0)
		snprintf(r->refusal, sizeof(r->refusal), "checks of the file fail");
	if (rc == 0)
		rc = ev_rebuilding_prove(r, true, err);
	if (rc < 0 || r->stopped)
		return rc < 0 ? -1 : 0;
	*end = rc ? EV_REBUILT_UNFIT : EV_REBUILT_BUILT;
	expect_end(r, *end);
	return ev_plan_delete(r->sh->live, r->p->name, err);
}

static int preflight(struct ev_rebuilding *r, struct ev_error *err)
{
	struct ev_shadow_report report = { .bytes = 0 };
	struct ev_store *fresh = r->sh->ops->store(r->sh, err);
	int rc = fresh ? r->sh->ops->preflight(r->sh, fresh, r->plan.adopt, &report, err) : -1;

	if (rc == 0 && (r->plan.phase == EV_PHASE_PREPARE || !r->plan.compares)) {
		ev_buf_clear(&r->plan.differs);
		ev_buf_add(&r->plan.differs, ev_buf_str(&report.differs), report.differs.len);
		r->plan.compares = true;
	}
	r->sh->differs = r->plan.compares ? &r->plan.differs : NULL;
	ev_buf_release(&report.differs);
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
	if (s && ev_rebuilding_check_own(r, s, err) == 0)
		r->apply = ev_apply_open(s, r->p, &r->ao, err);
	if (!r->apply || ev_apply_check_names(r->apply, err) < 0)
		return -1;
	r->began |= !ev_apply_ledger(r->apply)->nparts;
	if (!ev_apply_ledger(r->apply)->nparts && r->plan.begun) {
		/* nothing is in it: killed before the first record, or it was deleted by hand */
		ev_plan_forget_range(&r->plan);
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

/* A file is not read once more for it, but where it may make the old view's position void, which the load heads for. */
static int check_log(struct ev_rebuilding *r, struct ev_error *err)
{
	if (ev_rebuilding_check_begin(r, err) < 0)
		return -1;
	return r->opt->accept_trimmed && r->plan.phase == EV_PHASE_PREPARE ? ev_rebuilding_check_file(r, err) : 0;
}

/*
 * Indexes of others that the new tables will have may refuse a row, as those of the file do: they wait with these. What
 * the old tables have and the new ones have not is of others, so those of the file are there for the look: a call that
 * was killed before its first record left them waiting.
 */
static int expect_indexes(struct ev_rebuilding *r, struct ev_error *err)
{
	bool empty = !ev_apply_ledger(r->apply)->nparts, waited = empty && r->plan.waiting.len;
	int rc;

	if (waited && ev_rebuilding_make_indexes(r, r->sh->ops->store(r->sh, err), err) < 0)
		return -1;
	rc = r->sh->ops->expect(r->sh, r->plan.adopt, empty ? EV_SHADOW_EMPTY : EV_SHADOW_LOADING, err);
	if (rc < 0 || (!rc && !waited))
		return rc;
	close_apply(r);
	return open_shadow(r, err);
}

/* Is what a call before has loaded there? A file beside the store goes by its name. 1 also where there was none. */
static int find_loaded(struct ev_rebuilding *r, struct ev_error *err)
{
	bool loaded = r->plan.phase == EV_PHASE_LOAD || r->plan.phase == EV_PHASE_CATCHUP;

	return loaded ? r->sh->ops->present(r->sh, err) : 1;
}

static int prepare(struct ev_rebuilding *r, struct ev_error *err)
{
	int there = find_loaded(r, err);

	ev_rebuilding_step(r, "prepare");
	if (there < 0 || ev_rebuilding_check_identity(r, err) < 0 || ev_rebuilding_check_parts(r, err) < 0 ||
	    ev_rebuilding_check_asked(r, err) < 0 || open_shadow(r, err) < 0 || preflight(r, err) < 0 ||
	    (r->plan.phase == EV_PHASE_PREPARE &&
	     ev_rebuilding_check_proof(r, ev_apply_folds(r->apply), err) < 0) ||
	    check_log(r, err) < 0 || ev_rebuilding_warn_adopted(r, err) < 0 || expect_indexes(r, err) < 0) {
		if (!err->retriable)
			undo_prepare(r);
		return -1;
	}
	if (!there)
		ev_rebuilding_note(r, "what was loaded is not beside the store any more, and is loaded anew; where the "
				   "store was renamed, it lies beside the old name");
	if (r->stopped)
		return 0;
	if (ev_rebuilding_drop_indexes(r, r->sh->ops->store(r->sh, err), err) < 0)
		return -1;
	return r->plan.phase == EV_PHASE_PREPARE ? set_phase(r, EV_PHASE_LOAD, err) : 0;
}

/* The engine lets go of the shadow for the time. */
static int prove(struct ev_rebuilding *r, struct ev_error *err)
{
	int rc;

	if (!r->opt->receipt)
		return 0;
	close_apply(r);
	r->sh->ops->close_store(r->sh);
	rc = ev_rebuilding_prove(r, false, err);
	r->sh->ops->close_store(r->sh);
	return rc == 0 && !r->stopped ? open_shadow(r, err) : rc;
}

static bool asked_to_stop(void *ctx)
{
	struct ev_rebuilding *r = ctx;

	return r->hooks->stop && r->hooks->stop(r->hooks->ctx);
}

/*
 * The load has ended: once in a session. To sort takes memory, so the engine lets go of its rows; opened again, it
 * knows of all indexes that there are now.
 */
static int end_load(struct ev_rebuilding *r, struct ev_error *err)
{
	struct ev_store *s;

	if (r->stopped || r->settled)
		return 0;
	ev_rebuilding_step(r, "index");
	close_apply(r);
	s = r->sh->ops->store(r->sh, err);
	if (!s || ev_rebuilding_make_indexes(r, s, err) < 0)
		return -1;
	r->settled = true;
	return r->sh->ops->finish_load(r->sh, r->plan.adopt, err) < 0 ? -1 : open_shadow(r, err);
}

/*
 * To where the old view stands, and what changes there. Where it stands nowhere, all of the load is catching up.
 * 0, 1 refused, -1.
 */
static int load(struct ev_rebuilding *r, struct ev_error *err)
{
	int rc;

	r->settled = false;
	if (ev_rebuilding_load(r, err) < 0 || (!r->stopped && ev_rebuilding_check_begin(r, err) < 0))
		return ev_rebuilding_blame(r, err);
	if (r->old.nparts && end_load(r, err) < 0)
		return -1;
	rc = ev_rebuilding_compare(r, err);
	return rc < 0 ? ev_rebuilding_blame(r, err) : rc;
}

/* To the end, and whether it is fit to serve. 0, 1 refused, -1. */
static int complete(struct ev_rebuilding *r, struct ev_error *err)
{
	int rc;

	if (set_phase(r, EV_PHASE_CATCHUP, err) < 0)
		return -1;
	if (ev_rebuilding_catch_up(r, err) < 0)
		return ev_rebuilding_blame(r, err);
	if (end_load(r, err) < 0)
		return -1;
	if (r->stopped)
		return 0;
	rc = ev_rebuilding_compare_end(r, err);
	if (rc == 0 && !r->stopped)
		rc = ev_rebuilding_verify(r, err);
	return rc == 0 && !r->stopped ? prove(r, err) : rc;
}

/* 1, 0, -1. */
static int ask(struct ev_rebuilding *r, struct ev_error *err)
{
	if (!r->hooks->confirm || r->agreed)
		return 1;
	ev_rebuilding_step(r, "confirm");
	return r->hooks->confirm(r->hooks->ctx, r->plan.version, err);
}

/* The proof and the answer may have taken their time: what came meanwhile is verified, too. 0, 1 refused, -1. */
static int complete_again(struct ev_rebuilding *r, bool waited, struct ev_error *err)
{
	struct ev_position before = EV_POSITION_INIT, now = EV_POSITION_INIT;
	int rc;

	ev_ledger_position(ev_apply_ledger(r->apply), &before);
	rc = ev_rebuilding_catch_up(r, err) < 0 ? ev_rebuilding_blame(r, err) : 0;
	ev_ledger_position(ev_apply_ledger(r->apply), &now);
	if (rc == 0 && !r->stopped && waited && !ev_position_eq(&before, &now))
		rc = ev_rebuilding_verify(r, err);
	ev_position_release(&before);
	ev_position_release(&now);
	return rc;
}

/* Until the answer is yes: 0 with *go, or *end says why not. */
static int fill(struct ev_rebuilding *r, bool *go, enum ev_rebuild_end *end, struct ev_error *err)
{
	bool waited = r->opt->receipt || (r->hooks->confirm && !r->agreed);
	int rc;

	if (prepare(r, err) < 0)
		return -1;
	*end = EV_REBUILT_STOPPED;
	rc = load(r, err);
	if (rc == 0 && !r->stopped)
		rc = complete(r, err);
	if (rc < 0 || r->stopped)
		return rc < 0 ? -1 : 0;
	*end = rc ? r->refused : EV_REBUILT_READY;
	if (rc || r->opt->no_swap)
		return 0;
	rc = ask(r, err);
	if (rc < 0)
		return -1;
	r->agreed = rc > 0;
	rc = r->agreed ? complete_again(r, waited, err) : 0;
	if (rc < 0)
		return -1;
	if (rc)
		*end = r->refused;
	else if (r->stopped || asked_to_stop(r))
		*end = EV_REBUILT_STOPPED;
	else
		*go = r->agreed;
	return 0;
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
	ev_rebuilding_tell(r);
}

static int finish(struct ev_rebuilding *r, enum ev_rebuild_end *end, struct ev_error *err)
{
	struct ev_shadow_hooks hooks = { r, asked_to_stop, copied, note };
	int rc = 0;

	r->now.lag = -1;
	if (r->plan.phase != EV_PHASE_READY) {
		ev_rebuilding_step(r, "copy");
		rc = r->sh->ops->copy(r->sh, &r->plan, r->plan.adopt, &hooks, err);
	}
	*end = EV_REBUILT_STOPPED;
	if (rc)
		return rc < 0 ? -1 : 0;
	r->now.phase = EV_PHASE_READY;
	ev_rebuilding_step(r, "swap");
	expect_end(r, EV_REBUILT_SWAPPED);
	if (r->sh->ops->swap(r->sh, r->plan.adopt, ev_rebuilding_level, r, err) < 0)
		return -1;
	*end = EV_REBUILT_SWAPPED;
	if (r->sh->ops->clean(r->sh, err) == 0)
		return 0;
	return ev_context(err, "version %" PRId64 " serves, but what the rebuild has left is not removed yet",
			  r->plan.version);
}

/* The answer was yes in an earlier session, which may have asked for no proof, allowed more, read another log. */
static int finish_proven(struct ev_rebuilding *r, enum ev_rebuild_end *end, struct ev_error *err)
{
	int rc = ev_rebuilding_check_copied(r, err);

	if (rc == 0)
		rc = ev_rebuilding_check_shadow(r, err);
	if (rc == 0)
		rc = ev_rebuilding_judge(r);
	if (rc == 0)
		rc = ev_rebuilding_prove(r, false, err);
	r->sh->ops->close_store(r->sh);
	*end = rc ? r->refused : r->stopped ? EV_REBUILT_STOPPED : EV_REBUILT_READY;
	if (rc || r->stopped || r->opt->no_swap)
		return rc < 0 ? -1 : 0;
	return finish(r, end, err);
}

int ev_rebuilding_no_pipe(struct ev_error *err)
{
	ev_fail(err, EV_USAGE, "a view serves already, and a rebuild beside it reads its source more than once");
	return ev_hint(err, "give a file instead of a pipe");
}

static int continue_or_begin(struct ev_rebuilding *r, enum ev_rebuild_end *end, struct ev_error *err)
{
	bool go = false;

	if (r->opt->pipe)
		return ev_rebuilding_no_pipe(err);
	if (r->plan.phase != EV_PHASE_COPY && r->plan.phase != EV_PHASE_READY && !r->opt->no_swap && !r->agreed &&
	    r->hooks->can_confirm && r->hooks->can_confirm(r->hooks->ctx, err) < 0)
		return -1;
	if (work_on_plan(r, EV_PHASE_PREPARE, err) < 0 || ev_rebuilding_know(r, err) < 0)
		return -1;
	r->sh->differs = r->plan.compares ? &r->plan.differs : NULL;
	if (r->plan.phase == EV_PHASE_COPY || r->plan.phase == EV_PHASE_READY)
		return finish_proven(r, end, err);
	r->sh->ops->close_store(r->sh);
	if (fill(r, &go, end, err) < 0)
		return -1;
	if (!go)
		return 0;
	close_apply(r);
	r->sh->ops->close_store(r->sh);
	return finish(r, end, err);
}

/* Nothing to build; but who wants a proof gets it. */
static int serves_already(struct ev_rebuilding *r, enum ev_rebuild_end *end, struct ev_error *err)
{
	int rc = ev_rebuilding_check_whole(r, err);

	r->as_serves = true;
	if (rc == 0)
		rc = ev_rebuilding_prove(r, true, err);
	if (rc >= 0)
		*end = rc ? EV_REBUILT_UNPROVEN : EV_REBUILT_SERVES;
	return rc < 0 ? -1 : 0;
}

static int start(struct ev_rebuilding *r, enum ev_rebuild_end *end, struct ev_error *err)
{
	int rc;

	if (r->sh->ops->clean(r->sh, err) < 0 || ev_plan_load(r->sh->live, r->p->name, &r->plan, err) < 0 ||
	    ev_rebuilding_admit(r, err) < 0)
		return -1;
	rc = ev_role_present(r->sh->live, r->p->name, EV_ROLE_LIVE, err);
	if (rc < 0)
		return -1;
	if (r->opt->receipt && r->opt->pipe)
		return ev_fail(err, EV_USAGE, "a proof reads its source once more: give a file instead of a pipe");
	if (r->plan.phase == EV_PHASE_NONE && !ev_rebuilding_serves(r) && ev_rebuilding_check_proof(r, "", err) < 0)
		return -1;
	r->plan.adopt |= r->opt->adopt; /* a call without it goes on as this one began */
	r->old_tables = rc || r->plan.adopt;
	r->ao = (struct ev_apply_options){
		.dead = r->opt->on_error == EV_ON_ERROR_INHERIT ? r->old.dead
								: r->opt->on_error == EV_ON_ERROR_DEAD,
		.max_dead = r->opt->max_dead,
		.max_held = r->opt->max_held,
		.remedy = EV_REBUILD_REMEDY,
		.decided = true,
		.exact = r->opt->exact,
		.memory = r->opt->memory,
		.hold_ms = r->opt->pipe ? 0 : CHECKPOINT_MS, /* what was held and is lost is read again */
		.load = true,
		.waiting = &r->plan.waiting,
	};
	if (r->plan.phase == EV_PHASE_BUILD || (r->plan.phase == EV_PHASE_NONE && !r->old_tables))
		return build(r, end, err);
	if (ev_rebuilding_serves(r))
		return serves_already(r, end, err);
	return continue_or_begin(r, end, err);
}

/* The plan is gone. Is it the new version that serves, and not the one beside which it was built? 1, 0, -1. */
static int has_taken_over(struct ev_rebuilding *r, struct ev_error *err)
{
	struct ev_buf rows = EV_BUF_INIT;
	int rc = ev_rebuilding_old(r, err) < 0 ? -1 : ev_rebuilding_rows_key(r, &rows, err);

	if (rc == 0)
		rc = r->old.exists && strcmp(r->old.fingerprint, r->p->fingerprint) == 0 &&
		     !(r->plan.rows && strcmp(r->plan.rows, ev_buf_str(&rows)) == 0);
	ev_buf_release(&rows);
	return rc;
}

/* After a lost connection: was what was under way the end of it? 1, 0, -1. */
static int has_ended(struct ev_rebuilding *r, enum ev_rebuild_end *end, struct ev_error *err)
{
	int rc = r->ending ? ev_plan_settle(r->sh->live, r->p->name, err) : 1;

	if (rc)
		return rc < 0 ? -1 : 0;
	rc = has_taken_over(r, err);
	if (rc == 0) {
		ev_fail(err, EV_HELD, "another process has ended the rebuild of projection '%s' while the connection "
			"to the store was lost", r->p->name);
		ev_hint(err, "by --abandon, a rollback or drop: evproject status says what serves");
	}
	if (rc <= 0)
		return -1;
	*end = r->ended;
	return r->sh->ops->clean(r->sh, err) < 0 ? -1 : 1;
}

/* Failures that are followed by no progress end it: after many tries, or else after the store's timeout. */
static bool tried_enough(struct ev_rebuilding *r)
{
	r->tries = r->plan.phase == r->trouble_phase ? r->tries + 1 : 1;
	if (r->plan.phase != r->trouble_phase || r->records != r->trouble_records)
		r->trouble = (struct ev_trouble){ 0 };
	r->trouble_phase = r->plan.phase;
	r->trouble_records = r->records;
	return r->tries > MAX_TRIES;
}

/* The connection was lost, or the store is in trouble that passes: go on as the next session would. */
static bool recovered(struct ev_rebuilding *r, struct ev_error *err)
{
	struct ev_store *live = r->sh->live;

	close_apply(r);
	r->sh->ops->thaw(r->sh);
	r->sh->ops->close_store(r->sh);
	if (err->class != EV_STORE || !err->retriable || !live->ops->recover || r->pipe_used)
		return false;
	if (tried_enough(r)) {
		if (!err->hint[0])
			ev_hint(err, "gave up after %d tries; nothing is lost: the same command goes on", MAX_TRIES);
		return false;
	}
	ev_rebuilding_note(r, "%s: trying again", err->text);
	return ev_store_recover(live, &r->trouble, err);
}

static int try(struct ev_rebuilding *r, enum ev_rebuild_end *end, struct ev_error *err)
{
	int rc = has_ended(r, end, err);

	if (rc)
		return rc < 0 ? -1 : 0;
	ev_plan_release(&r->plan);
	r->ending = r->as_serves = false;
	r->refused = EV_REBUILT_REFUSED;
	r->refusal[0] = 0;
	*end = EV_REBUILT_STOPPED;
	return start(r, end, err) < 0 ? -1 : ev_rebuilding_conclude(r, *end, err);
}

int ev_rebuild(struct ev_shadow *sh, const struct ev_projection *p, struct ev_source *src,
	       const struct ev_rebuild_options *opt, const struct ev_rebuild_hooks *hooks,
	       struct ev_rebuilt *out, struct ev_error *err)
{
	struct ev_rebuilding r = { .sh = sh, .p = p, .src = src, .opt = opt, .hooks = hooks };
	int rc;

	sh->note = note;
	sh->note_ctx = &r;
	r.now.lag = -1;
	do
		rc = try(&r, &out->end, err);
	while (rc < 0 && recovered(&r, err));
	if (rc < 0)
		ev_rebuilding_failed(&r, err);
	out->version = r.as_serves ? r.old.version : r.plan.version;
	memcpy(out->refusal, r.refusal, sizeof(out->refusal));
	sh->note = NULL;
	sh->differs = NULL;
	close_apply(&r);
	sh->ops->close_store(sh);
	ev_plan_release(&r.plan);
	ev_ledger_release(&r.old);
	ev_letters_release(&r.letters);
	ev_letters_release(&r.decided);
	return rc;
}
