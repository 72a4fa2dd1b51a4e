/*
 * range.c - the log into the shadow, range by range
 *
 * Each end is stored in the plan before it is read, so a rebuild that is killed and started again is
 * the fold of the same ranges as one that was not.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "rebuild/internal.h"

#define LEVEL_BATCH 500
#define LAG_EVERY_MS 200

/* A file may hold partitions that have not shown up yet. */
static bool readable(const struct ev_source *src, const char *topic, int32_t partition)
{
	return src->one_sequence || ev_source_partition(src, topic, partition);
}

int ev_rebuilding_target(struct ev_rebuilding *r, struct ev_apply *a, const struct ev_position *base,
			 struct ev_position *to)
{
	int moved = 0;

	ev_ledger_position(ev_apply_ledger(a), to);
	for (size_t i = 0; i < base->n; i++) {
		const struct ev_position_entry *e = &base->v[i];

		if (!readable(r->src, e->topic, e->partition) ||
		    ev_position_get(to, e->topic, e->partition) >= e->offset)
			continue;
		ev_position_set(to, e->topic, e->partition, e->offset);
		moved = 1;
	}
	return moved;
}

static bool stop(void *ctx)
{
	struct ev_rebuilding *r = ctx;

	return r->hooks->stop && r->hooks->stop(r->hooks->ctx);
}

/* Offsets of the log behind the shadow, as its ends were last asked for. */
static int64_t lag(const struct ev_rebuilding *r)
{
	const struct ev_ledger *l = ev_apply_ledger(r->apply);
	int64_t sum = 0;

	for (size_t i = 0; i < r->src->nparts; i++) {
		const struct ev_partition *p = &r->src->parts[i];
		const struct ev_ledger_part *q =
			ev_ledger_part((struct ev_ledger *)l, p->topic, p->partition, false);

		if (p->high > (q ? q->next : p->low))
			sum += p->high - (q ? q->next : p->low);
	}
	return sum;
}

/* The lag of a file is not known before its end; that of many partitions is not counted for each batch. */
static void progress(void *ctx, const struct ev_run_status *s)
{
	struct ev_rebuilding *r = ctx;
	int64_t now = ev_clock_ms();

	r->now.records = r->records + s->records;
	r->now.done = s->passed;
	r->now.total = s->span;
	if (!r->src->one_sequence && now - r->lag_ms >= LAG_EVERY_MS) {
		r->now.lag = lag(r);
		r->lag_ms = now;
	}
	ev_rebuilding_tell(r);
}

static void note(void *ctx, const char *text)
{
	ev_rebuilding_note(ctx, "%s", text);
}

/* Where the old view began, the new one begins too, if the log still reaches back so far. */
static void old_begin(struct ev_rebuilding *r, struct ev_position *from)
{
	for (size_t i = 0; i < r->old.nparts; i++) {
		const struct ev_ledger_part *p = &r->old.parts[i];
		const struct ev_partition *q = ev_source_partition(r->src, p->topic, p->partition);

		if (readable(r->src, p->topic, p->partition))
			ev_position_set(from, p->topic, p->partition,
					q && !r->src->one_sequence && q->low > p->begin ? q->low : p->begin);
	}
}

void ev_rebuilding_set_start(struct ev_rebuilding *r, struct ev_range_args *args)
{
	bool asked = args->from.kind != EV_POINT_NONE || args->has_since;

	if (r->apply && ev_apply_ledger(r->apply)->nparts) {
		args->from = (struct ev_point)EV_POINT_INIT;
		args->has_since = false;
	} else if (!asked && r->old.nparts) {
		args->from = (struct ev_point){ .kind = EV_POINT_FILE };
		old_begin(r, &args->from.position);
	}
}

void ev_rebuilding_drop_start(struct ev_rebuilding *r, struct ev_range_args *args)
{
	if (args->from.kind == EV_POINT_FILE && r->opt->range->from.kind != EV_POINT_FILE)
		ev_position_release(&args->from.position);
}

/* What the range wants of ev_run: `args` borrows the options' points, but for those it sets. */
static void arrange(struct ev_rebuilding *r, const struct ev_plan_range *range, struct ev_range_args *args)
{
	ev_rebuilding_set_start(r, args);
	if (!range->open) {
		args->to = (struct ev_point){ .kind = EV_POINT_FILE };
		ev_position_copy(&args->to.position, &range->end);
		args->has_until = false;
	}
}

static int read_range(struct ev_rebuilding *r, const struct ev_plan_range *range, struct ev_error *err)
{
	struct ev_run_hooks hooks = { r, stop, progress, note };
	struct ev_run_options opt = EV_RUN_OPTIONS_INIT;
	struct ev_range_args args = *r->opt->range;
	struct ev_run_status status;
	int rc;

	if (r->src->ops->refresh(r->src, err) < 0)
		return -1;
	arrange(r, range, &args);
	opt.range = &args;
	opt.batch = r->opt->batch;
	opt.checked = r->checked;
	r->pipe_used = r->opt->pipe;
	rc = ev_run(r->apply, r->src, &opt, &hooks, &status, err);
	r->checked |= rc == 0;
	r->records += status.records;
	r->stopped |= status.stopped;
	ev_rebuilding_drop_start(r, &args);
	if (!range->open)
		ev_position_release(&args.to.position);
	return rc;
}

static int replay(struct ev_rebuilding *r, int64_t seq, struct ev_error *err)
{
	struct ev_decisions own = { 0 }; /* of a range that another session has stored */
	int rc = 0;

	if (!seq || r->plan.replayed >= seq)
		return 0;
	if (!r->following)
		rc = ev_decisions_load(r->sh->live, r->p->name, seq - 1, &own, err);
	if (rc == 0)
		rc = ev_decisions_replay(r, r->apply, r->following ? r->following : &own, seq, err);
	ev_decisions_release(&own);
	if (rc < 0)
		return -1;
	r->plan.replayed = seq;
	return ev_plan_save(r->sh->live, &r->plan, err);
}

/* The log's end, or the end that was asked for, as a position past which the shadow does not go. */
static int log_end(struct ev_rebuilding *r, struct ev_position *end, struct ev_error *err)
{
	struct ev_range_args args = *r->opt->range;
	struct ev_position stored = EV_POSITION_INIT;
	struct ev_span *spans = NULL;
	int rc;

	args.from = (struct ev_point)EV_POINT_INIT;
	args.has_since = false;
	args.prefix = true;
	ev_ledger_position(ev_apply_ledger(r->apply), &stored);
	rc = ev_range_resolve(r->src, &args, stored.n ? &stored : NULL, &spans, err);
	for (size_t i = 0; rc == 0 && i < r->src->nparts; i++)
		ev_position_set(end, r->src->parts[i].topic, r->src->parts[i].partition, spans[i].end);
	free(spans);
	ev_position_release(&stored);
	return rc;
}

/*
 * An end that is asked for now shortens a range that an earlier session stored, so that an open
 * transaction does not hold it up for ever.
 */
static int shorten(struct ev_rebuilding *r, struct ev_plan_range *range, struct ev_error *err)
{
	struct ev_position end = EV_POSITION_INIT, mine = EV_POSITION_INIT;
	bool bounded = r->opt->range->to.kind != EV_POINT_NONE || r->opt->range->has_until, moved = false;
	int rc = 0;

	if (!bounded || range->open || r->src->one_sequence)
		return 0;
	if (r->src->ops->refresh(r->src, err) < 0)
		return -1;
	rc = log_end(r, &end, err);
	ev_ledger_position(ev_apply_ledger(r->apply), &mine);
	for (size_t i = 0; rc == 0 && i < range->end.n; i++) {
		struct ev_position_entry *e = &range->end.v[i];
		int64_t asked = ev_position_get(&end, e->topic, e->partition);
		int64_t at = ev_position_get(&mine, e->topic, e->partition);

		if (asked < 0 || asked >= e->offset || at >= e->offset)
			continue;
		e->offset = asked > at ? asked : at;
		moved = true;
	}
	ev_position_release(&end);
	ev_position_release(&mine);
	return rc == 0 && moved ? ev_plan_save(r->sh->live, &r->plan, err) : rc;
}

int ev_rebuilding_resume(struct ev_rebuilding *r, struct ev_error *err)
{
	struct ev_plan_range *last = r->plan.begun ? &r->plan.range : NULL;
	struct ev_position to = EV_POSITION_INIT;
	int rc = 0;

	if (!last || r->stopped)
		return 0;
	if (shorten(r, last, err) < 0)
		return -1;
	/* the end of a file is wherever it is now; another end may have been passed */
	if (last->open || ev_rebuilding_target(r, r->apply, &last->end, &to))
		rc = read_range(r, last, err);
	ev_position_release(&to);
	if (rc == 0 && !r->stopped)
		rc = replay(r, last->replay, err);
	return rc;
}

int ev_rebuilding_range(struct ev_rebuilding *r, const struct ev_position *end, bool open, int64_t seq,
			struct ev_error *err)
{
	struct ev_plan_range *range = ev_plan_next_range(&r->plan);

	if (end)
		ev_position_copy(&range->end, end);
	range->open = open;
	range->replay = seq;
	if (ev_plan_save(r->sh->live, &r->plan, err) < 0)
		return -1;
	return ev_rebuilding_resume(r, err);
}

/* Partitions that the old view does not know: up to their end now, so that time merges them in. */
static int add_unknown(struct ev_rebuilding *r, struct ev_position *to, struct ev_error *err)
{
	bool unknown = false;

	for (size_t i = 0; i < r->p->ntopics; i++) {
		bool known = false;

		for (size_t j = 0; j < r->old.nparts; j++)
			known |= strcmp(r->old.parts[j].topic, r->p->topics[i]) == 0;
		unknown |= !known;
	}
	if (r->src->one_sequence && (!unknown || r->src->ops->scan(r->src, err) < 0))
		return unknown ? -1 : 0;
	for (size_t i = 0; i < r->src->nparts; i++) {
		const struct ev_partition *p = &r->src->parts[i];

		if (ev_position_get(to, p->topic, p->partition) < 0)
			ev_position_set(to, p->topic, p->partition, r->src->one_sequence ? p->high : p->stable);
	}
	return 0;
}

/* A decision of the old view may lie before the beginning of the new one: the first range does not end there. */
static int not_before_start(struct ev_rebuilding *r, struct ev_position *to, struct ev_error *err)
{
	struct ev_range_args args = *r->opt->range;
	struct ev_span *spans = NULL;
	int rc;

	if (r->src->one_sequence)
		return 0;
	ev_rebuilding_set_start(r, &args);
	args.to = (struct ev_point)EV_POINT_INIT;
	args.has_until = false;
	args.prefix = true;
	rc = ev_range_resolve(r->src, &args, NULL, &spans, err);
	for (size_t i = 0; rc == 0 && i < r->src->nparts; i++) {
		const struct ev_partition *p = &r->src->parts[i];

		if (ev_position_get(to, p->topic, p->partition) < spans[i].begin)
			ev_position_set(to, p->topic, p->partition, spans[i].begin);
	}
	free(spans);
	ev_rebuilding_drop_start(r, &args);
	return rc;
}

static int go_to(struct ev_rebuilding *r, const struct ev_position *base, int64_t seq, struct ev_error *err)
{
	struct ev_position to = EV_POSITION_INIT;
	bool first = !r->plan.begun;
	int moved = ev_rebuilding_target(r, r->apply, base, &to), rc = 0;

	if (first)
		rc = add_unknown(r, &to, err);
	if (rc == 0 && first)
		rc = not_before_start(r, &to, err);
	if (rc == 0 && (moved || first || seq))
		rc = ev_rebuilding_range(r, &to, false, seq, err);
	ev_position_release(&to);
	return rc;
}

/* To each decision's cut in turn. */
static int follow_decisions(struct ev_rebuilding *r, struct ev_error *err)
{
	struct ev_decisions d = { 0 };
	int rc = r->plan.detached ? 0 : ev_decisions_load(r->sh->live, r->p->name, r->plan.replayed, &d, err);

	r->following = &d;
	while (rc == 0 && d.at && !r->stopped) {
		struct ev_position at = EV_POSITION_INIT;
		int64_t seq = d.at->seq;

		rc = ev_ledger_cut_position(r->sh->live, r->p->name, seq, &at, err);
		if (rc == 0)
			rc = go_to(r, &at, seq, err);
		ev_position_release(&at);
	}
	r->following = NULL;
	ev_decisions_release(&d);
	return rc;
}

/*
 * Offsets of one partition that the old view is ahead of the shadow. A file does not tell what followed its
 * last record, so there the old view's last record is enough.
 */
static int64_t behind_part(struct ev_rebuilding *r, struct ev_apply *a, const struct ev_ledger_part *p)
{
	const struct ev_ledger_part *q = ev_ledger_part((struct ev_ledger *)ev_apply_ledger(a), p->topic,
							p->partition, false);
	int64_t goal = r->src->one_sequence ? p->last_offset + 1 : p->next, at = q ? q->next : p->begin;

	return ev_rebuilding_reads(r, p->topic) && goal > at ? goal - at : 0;
}

static int64_t behind(struct ev_rebuilding *r, struct ev_apply *a, const struct ev_ledger *old)
{
	int64_t sum = 0;

	for (size_t i = 0; i < old->nparts; i++)
		sum += behind_part(r, a, &old->parts[i]);
	return sum;
}

/* The source was read to its end, and the old view has seen more. */
static int ends_early(struct ev_rebuilding *r, struct ev_apply *a, const struct ev_ledger *old,
		      struct ev_error *err)
{
	for (size_t i = 0; i < old->nparts; i++) {
		const struct ev_ledger_part *p = &old->parts[i];
		int64_t lacks = behind_part(r, a, p);

		if (lacks)
			return ev_rebuilding_ends_early(p, lacks, err);
	}
	return ev_fail(err, EV_BUG, "the new version is behind the old view, and in no partition");
}

int ev_rebuilding_load(struct ev_rebuilding *r, struct ev_error *err)
{
	int64_t now;

	ev_rebuilding_step(r, "load");
	if (ev_rebuilding_resume(r, err) < 0)
		return -1;
	for (;;) {
		struct ev_position old = EV_POSITION_INIT;
		int rc;

		if (r->stopped)
			return 0;
		if (ev_rebuilding_old(r, err) < 0 || ev_rebuilding_know(r, err) < 0 || follow_decisions(r, err) < 0)
			return -1;
		ev_ledger_position(&r->old, &old);
		rc = r->stopped || !r->old.nparts ? 0 : go_to(r, &old, 0, err);
		ev_position_release(&old);
		if (rc < 0)
			return -1;
		if (!r->stopped && behind(r, r->apply, &r->old))
			return ends_early(r, r->apply, &r->old, err);
		if (ev_rebuilding_old(r, err) < 0)
			return -1;
		now = behind(r, r->apply, &r->old);
		if (r->stopped || now <= r->opt->max_lag)
			return 0;
	}
}

int ev_rebuilding_catch_up(struct ev_rebuilding *r, struct ev_error *err)
{
	bool bounded = r->opt->range->to.kind != EV_POINT_NONE || r->opt->range->has_until;

	ev_rebuilding_step(r, "catch up");
	if (r->src->one_sequence)
		return r->stopped ? 0 : ev_rebuilding_range(r, NULL, true, 0, err);
	while (!r->stopped) {
		struct ev_position end = EV_POSITION_INIT, to = EV_POSITION_INIT;
		int rc = r->src->ops->refresh(r->src, err);

		if (rc == 0)
			rc = log_end(r, &end, err);
		if (rc == 0 && ev_rebuilding_target(r, r->apply, &end, &to))
			rc = ev_rebuilding_range(r, &to, false, 0, err);
		ev_position_release(&end);
		ev_position_release(&to);
		if (rc == 0)
			rc = r->src->ops->refresh(r->src, err);
		if (rc < 0)
			return -1;
		r->now.lag = lag(r);
		if (bounded || r->now.lag <= r->opt->max_lag)
			break;
	}
	return 0;
}

/*
 * The last stretch, under the old writer's lock: a piece at a time, between which it gets in. A file is read from its
 * beginning, to be recognised; the time begins behind that, or a long one would never get on.
 */
struct stretch {
	struct ev_apply *apply;
	int most_ms;
	struct ev_position from;
	int64_t start; /* -1: it has not got on yet */
};

static bool time_is_over(void *ctx)
{
	const struct stretch *st = ctx;

	return st->start >= 0 && ev_clock_ms() - st->start > st->most_ms;
}

static void has_moved(void *ctx, const struct ev_run_status *s)
{
	const struct ev_ledger *l;
	struct stretch *st = ctx;

	(void)s;
	l = ev_apply_ledger(st->apply);
	for (size_t i = 0; st->start < 0 && i < l->nparts; i++)
		if (l->parts[i].next > ev_position_get(&st->from, l->parts[i].topic, l->parts[i].partition))
			st->start = ev_clock_ms();
}

static int run_stretch(struct ev_rebuilding *r, struct ev_apply *a, const struct ev_position *to, int *left_ms,
		       struct ev_error *err)
{
	struct stretch st = { .apply = a, .most_ms = *left_ms, .from = EV_POSITION_INIT, .start = -1 };
	struct ev_position beyond = EV_POSITION_INIT;
	struct ev_run_hooks hooks = { &st, time_is_over, has_moved, NULL };
	struct ev_run_options opt = EV_RUN_OPTIONS_INIT;
	struct ev_range_args args = EV_RANGE_ARGS_INIT;
	struct ev_run_status status;
	int rc;

	if (r->src->ops->refresh(r->src, err) < 0)
		return -1;
	ev_ledger_position(ev_apply_ledger(a), &st.from);
	args.to.kind = EV_POINT_FILE;
	args.to.position = *to; /* borrowed */
	opt.range = &args;
	opt.batch = LEVEL_BATCH;
	opt.checked = true;
	rc = ev_run(a, r->src, &opt, &hooks, &status, err);
	ev_position_release(&st.from);
	if (st.start >= 0)
		*left_ms -= (int)(ev_clock_ms() - st.start);
	/* The time may be over between the last record of the stretch and the end of the read. */
	if (rc == 0 && status.stopped)
		rc = ev_rebuilding_target(r, a, to, &beyond);
	ev_position_release(&beyond);
	return rc;
}

static int level_to(struct ev_rebuilding *r, struct ev_apply *a, const struct ev_position *base, int *left_ms,
		    struct ev_error *err)
{
	struct ev_position to = EV_POSITION_INIT;
	int rc = ev_rebuilding_target(r, a, base, &to);

	if (rc == 1)
		rc = run_stretch(r, a, &to, left_ms, err);
	ev_position_release(&to);
	return rc;
}

/* Decisions that were taken since: stored by the swap, or by the step back. */
static int level_decisions(struct ev_rebuilding *r, struct ev_apply *a, const struct ev_ledger *old, int *left_ms,
			   struct ev_error *err)
{
	struct ev_decisions d = { 0 };
	int rc = ev_decisions_load(r->sh->live, old->projection, r->plan.replayed, &d, err);

	while (rc == 0 && d.at) {
		struct ev_position at = EV_POSITION_INIT;
		int64_t seq = d.at->seq;

		rc = ev_ledger_cut_position(r->sh->live, old->projection, seq, &at, err);
		if (rc == 0)
			rc = level_to(r, a, &at, left_ms, err);
		if (rc == 0)
			rc = ev_decisions_replay(r, a, &d, seq, err);
		if (rc == 0) {
			r->plan.replayed = seq;
			rc = ev_plan_save(r->sh->live, &r->plan, err);
		}
		ev_position_release(&at);
	}
	ev_decisions_release(&d);
	return rc;
}

int ev_rebuilding_level(void *ctx, struct ev_store *s, const struct ev_ledger *old, int most_ms, struct ev_error *err)
{
	struct ev_rebuilding *r = ctx;
	struct ev_position at = EV_POSITION_INIT;
	struct ev_apply_options ao = r->ao;
	struct ev_apply *a;
	int rc;

	if (!old || r->plan.detached)
		return 0;
	ao.hold_ms = 0;
	ao.load = false; /* it serves */
	a = ev_apply_open(s, r->p, &ao, err);
	if (!a)
		return -1;
	rc = level_decisions(r, a, old, &most_ms, err);
	ev_ledger_position(old, &at);
	if (rc == 0)
		rc = level_to(r, a, &at, &most_ms, err);
	if (rc == 0 && behind(r, a, old))
		rc = ends_early(r, a, old, err);
	ev_position_release(&at);
	ev_apply_close(a);
	return rc;
}
