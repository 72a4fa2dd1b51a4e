/* replay.c - see replay.h */
#include "verify/replay.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "apply/identity.h"
#include "base/mem.h"
#include "base/sum.h"
#include "merge/merge.h"
#include "verify/replay_into.h"

#define POLL_MS 200
#define BATCH_BYTES (32u << 20)

struct pieces {
	struct ev_replay *r;
	const struct ev_snapshot *to;
	struct ev_stored_cut cut; /* the piece at hand ends at this one */
	bool last;        /* at the position: there are no more cuts */
	struct ev_error trouble;  /* with a cut */
	const struct ev_taken_decision *decision; /* the next to be taken; NULL: there are no more */
	bool started;
	int64_t *stops;   /* by partition of the source */
	size_t nstops, mapped;
	struct ev_record *records;
	int64_t total;
};

static const struct ev_ledger_part *ledger_part(const struct pieces *p, size_t part, size_t *index)
{
	const struct ev_partition *q = &p->r->src->parts[part];
	const struct ev_ledger *l = &p->to->ledger;
	const struct ev_ledger_part *lp = ev_ledger_part((struct ev_ledger *)l, q->topic, q->partition, false);

	if (lp && index)
		*index = (size_t)(lp - l->parts);
	return lp;
}

/* Where the reference stands in it. */
static int64_t standing(const struct pieces *p, const struct ev_ledger_part *lp)
{
	const struct ev_ledger *l = ev_into_ledger(p->r);
	const struct ev_ledger_part *q = ev_ledger_part((struct ev_ledger *)l, lp->topic, lp->partition, false);

	return q ? q->next : lp->begin;
}

/* A cut never lies behind the position, nor before where the reference stands. */
static int64_t stop_of(const struct pieces *p, const struct ev_ledger_part *lp, size_t index)
{
	int64_t at = p->last ? lp->next : p->cut.next[index];

	if (at < lp->begin)
		at = lp->begin;
	return at < lp->next ? at : lp->next;
}

static const int64_t *set_stops(struct pieces *p)
{
	size_t n = p->r->src->nparts, index = 0;

	if (n > p->nstops) {
		p->stops = ev_realloc_n(p->stops, n, sizeof(*p->stops));
		p->nstops = n;
	}
	for (size_t i = 0; i < n; i++) {
		const struct ev_ledger_part *lp = ledger_part(p, i, &index);

		p->stops[i] = lp ? stop_of(p, lp, index) : 0;
	}
	return p->stops;
}

static bool decision_due(const struct pieces *p)
{
	return p->decision && (p->last || p->decision->seq <= p->cut.seq);
}

/* On to the next piece, or to the first. */
static int next_piece(struct pieces *p, struct ev_error *err)
{
	int rc = p->started ? ev_cuts_next(p->to->cuts, &p->cut, err) : ev_cuts_first(p->to->cuts, &p->cut, err);

	p->started = true;
	p->last = rc == 0;
	return rc < 0 ? -1 : 0;
}

/* ev_merge_stops_fn: on to the next piece; not past a decision that is still to be taken. */
static const int64_t *next_stops(void *ctx)
{
	struct pieces *p = ctx;

	if (p->started && (decision_due(p) || p->last))
		return NULL;
	if (next_piece(p, &p->trouble) < 0) {
		p->last = true;
		return NULL;
	}
	return set_stops(p);
}

static void map_partitions(struct pieces *p)
{
	for (; p->mapped < p->r->src->nparts; p->mapped++) {
		const struct ev_ledger_part *lp = ledger_part(p, p->mapped, NULL);

		if (lp)
			ev_into_partition(p->r, (uint32_t)p->mapped, lp);
	}
}

static int stopped(struct ev_replay *r)
{
	if (r->hooks->stop && r->hooks->stop(r->hooks->ctx))
		r->stopped = true;
	return r->stopped;
}

static void progress(struct pieces *p)
{
	const struct ev_ledger *l = ev_into_ledger(p->r);
	int64_t done = 0;

	if (!p->r->hooks->progress)
		return;
	for (size_t i = 0; i < l->nparts; i++)
		done += l->parts[i].next - l->parts[i].begin;
	p->r->hooks->progress(p->r->hooks->ctx, p->r->records, done, p->total);
}

/* All that the merge gives until it is done. */
static int read_all(struct pieces *p, struct ev_merge *m, struct ev_error *err)
{
	size_t bytes = p->r->batch_bytes ? p->r->batch_bytes : BATCH_BYTES;
	bool done = false;

	while (!done && !stopped(p->r)) {
		int n = ev_merge_read(m, p->records, p->r->batch, bytes, POLL_MS, &done, err);

		if (n < 0)
			return -1;
		map_partitions(p);
		if (n && ev_into_records(p->r, p->records, (size_t)n, err) < 0)
			return -1;
		p->r->records += n;
		progress(p);
	}
	return 0;
}

/* What was decided at the cut at hand. A letter that is no longer dead, or fails again, is for the rows to tell. */
static int decide(struct pieces *p, struct ev_error *err)
{
	int rc = 0;

	while (rc == 0 && decision_due(p) && !stopped(p->r)) {
		struct ev_error why = EV_ERROR_INIT;

		if (ev_into_decide(p->r, p->decision, &why) < 0) {
			if (!p->r->apply || (why.class != EV_DATA && why.class != EV_USAGE)) {
				*err = why;
				return -1;
			}
			if (p->r->hooks->note)
				p->r->hooks->note(p->r->hooks->ctx, why.text);
		}
		rc = ev_taken_next(p->to->taken, &p->decision, err);
	}
	return rc;
}

/* Topics: one read of all pieces. */
static int read_topics(struct pieces *p, struct ev_error *err)
{
	struct ev_merge_options mo = { .merge = true, .stops = next_stops, .stops_ctx = p };
	size_t n = p->r->src->nparts;
	struct ev_span *spans = ev_alloc((n + 1) * sizeof(*spans));
	struct ev_merge *m;
	int rc = 0;

	for (size_t i = 0; i < n; i++) {
		const struct ev_ledger_part *lp = ledger_part(p, i, NULL);
		int64_t low = p->r->src->parts[i].low, at = lp ? standing(p, lp) : low;

		spans[i] = (struct ev_span){ at, lp && lp->next > at ? lp->next : at };
	}
	m = ev_merge_new(p->r->src, spans, &mo, err);
	free(spans);
	if (!m)
		return -1;
	do {
		rc = read_all(p, m, err);
		if (rc == 0 && p->trouble.class) {
			*err = p->trouble;
			rc = -1;
		}
		if (rc == 0)
			rc = decide(p, err);
	} while (rc == 0 && !p->r->stopped && !p->last);
	ev_merge_free(m);
	return rc;
}

static int read_piece(struct pieces *p, struct ev_error *err)
{
	struct ev_merge_options mo = { .merge = true };
	struct ev_position from = EV_POSITION_INIT, to = EV_POSITION_INIT;
	const struct ev_ledger *l = &p->to->ledger;
	struct ev_source *src = p->r->src;
	struct ev_span *spans = ev_alloc((src->nparts + 1) * sizeof(*spans));
	struct ev_merge *m;
	int rc;

	for (size_t i = 0; i < l->nparts; i++) {
		int64_t at = standing(p, &l->parts[i]), end = stop_of(p, &l->parts[i], i);

		ev_position_set(&from, l->parts[i].topic, l->parts[i].partition, at);
		ev_position_set(&to, l->parts[i].topic, l->parts[i].partition, end > at ? end : at);
	}
	for (size_t i = 0; i < src->nparts; i++) {
		int64_t begin = ev_position_get(&from, src->parts[i].topic, src->parts[i].partition);
		int64_t end = ev_position_get(&to, src->parts[i].topic, src->parts[i].partition);

		spans[i] = (struct ev_span){ begin > 0 ? begin : 0, end > 0 ? end : 0 };
	}
	src->ops->bounds(src, &from, &to, 0, 0);
	m = ev_merge_new(src, spans, &mo, err);
	rc = m ? read_all(p, m, err) : -1;
	ev_merge_free(m);
	free(spans);
	ev_position_release(&from);
	ev_position_release(&to);
	return rc;
}

/*
 * Is there anything between where the reference stands and the end of the piece? Where the view has seen no record the
 * file may not show the partition; should it have some after all, the last piece gives them.
 */
static bool moves(const struct pieces *p)
{
	const struct ev_ledger *l = &p->to->ledger;

	for (size_t i = 0; i < l->nparts; i++)
		if ((p->last || l->parts[i].last_offset >= 0) &&
		    stop_of(p, &l->parts[i], i) > standing(p, &l->parts[i]))
			return true;
	return false;
}

/* Cuts at which nothing is to be done are passed over, as each piece costs a read of the file. */
static int read_files(struct pieces *p, struct ev_error *err)
{
	int rc = 0;

	while (rc == 0 && !p->last && !p->r->stopped) {
		rc = next_piece(p, err);
		if (rc == 0 && moves(p))
			rc = read_piece(p, err);
		if (rc == 0)
			rc = decide(p, err);
	}
	return rc;
}

/* Holes at the end are passed as the store passed them. */
static int pass_holes(struct pieces *p, struct ev_error *err)
{
	size_t n = p->r->src->nparts;

	p->last = true;
	return ev_into_pass(p->r, set_stops(p), n, err);
}

/* The log before us must have given the record that the store applied last, in every partition. */
static int same_end(const struct pieces *p, struct ev_error *err)
{
	const struct ev_ledger *mine = ev_into_ledger(p->r);

	for (size_t i = 0; i < p->to->ledger.nparts; i++) {
		const struct ev_ledger_part *lp = &p->to->ledger.parts[i];
		const struct ev_ledger_part *q =
			ev_ledger_part((struct ev_ledger *)mine, lp->topic, lp->partition, false);

		if (lp->last_offset < 0 || (q && q->last_offset == lp->last_offset && q->last_hash == lp->last_hash))
			continue;
		if (!q || q->last_offset < lp->last_offset)
			ev_fail(err, EV_DATA, "%s/%d: the log has no record at offset %" PRId64 ", the last that "
				"the view has seen", lp->topic, lp->partition, lp->last_offset);
		else if (q->last_offset > lp->last_offset)
			ev_fail(err, EV_DATA, "%s/%d: the log has a record at offset %" PRId64 ", below the view's "
				"position and behind offset %" PRId64 ", the last that it has seen", lp->topic,
				lp->partition, q->last_offset, lp->last_offset);
		else
			ev_fail(err, EV_DATA, "%s/%d is not the log that the view was built from: another record "
				"stands at offset %" PRId64, lp->topic, lp->partition, lp->last_offset);
		return -1;
	}
	return 0;
}

/*
 * A view that was built from a file stands behind a record of it. (One that was built from topics may stand behind
 * markers, which no file tells of.)
 */
static int file_reaches(const struct pieces *p, struct ev_error *err)
{
	struct ev_source *src = p->r->src;
	bool scanned = false;

	for (size_t i = 0; i < src->nparts && src->one_sequence; i++) {
		const struct ev_ledger_part *lp = ledger_part(p, i, NULL);

		if (!lp || lp->cluster_id || lp->next <= lp->last_offset + 1)
			continue;
		if (!scanned && src->ops->scan(src, err) < 0)
			return -1;
		scanned = true;
		if (src->parts[i].high < lp->next)
			return ev_fail(err, EV_DATA, "%s/%d: the log ends before offset %" PRId64 ", the view stands "
				       "at %" PRId64, lp->topic, lp->partition, src->parts[i].high, lp->next);
	}
	return 0;
}

static int check_low(const struct pieces *p, struct ev_error *err)
{
	for (size_t i = 0; i < p->r->src->nparts && !p->r->src->one_sequence; i++) {
		const struct ev_ledger_part *lp = ledger_part(p, i, NULL);
		const struct ev_partition *q = &p->r->src->parts[i];
		int64_t at = lp ? standing(p, lp) : q->low;

		if (q->low <= at)
			continue;
		ev_fail(err, EV_DATA, "%s/%d: the log no longer reaches back to where the view began: offsets %"
			PRId64 "..%" PRId64 " are gone", q->topic, q->partition, at, q->low - 1);
		return ev_hint(err, "what they made cannot be proven; give an archive that has them as the source, or "
			       "--base with an older view and its receipt");
	}
	return 0;
}

static void forward(void *ctx, const char *text)
{
	struct ev_replay *r = ctx;

	if (r->hooks->note)
		r->hooks->note(r->hooks->ctx, text);
}

static int check_log(struct pieces *p, struct ev_error *err)
{
	struct ev_run_hooks hooks = { .ctx = p->r, .note = forward };
	struct ev_range_args all = EV_RANGE_ARGS_INIT;
	struct ev_source *src = p->r->src;

	if (src->ops->refresh(src, err) < 0)
		return -1;
	for (size_t i = 0; i < p->to->ledger.nparts; i++)
		p->total = ev_sum(p->total, p->to->ledger.parts[i].next - p->to->ledger.parts[i].begin);
	if (ev_identity_check(&p->to->ledger, src, &all, &hooks, err) < 0)
		return -1;
	return check_low(p, err);
}

int ev_replay_to(struct ev_replay *r, const struct ev_snapshot *to, struct ev_error *err)
{
	struct pieces p = { .r = r, .to = to };
	int rc = check_log(&p, err);

	p.records = ev_alloc(r->batch * sizeof(*p.records));
	if (rc == 0)
		rc = ev_taken_first(to->taken, r->seq, &p.decision, err);
	if (rc == 0) {
		map_partitions(&p);
		rc = r->src->one_sequence ? read_files(&p, err) : read_topics(&p, err);
	}
	if (rc == 0 && r->stopped)
		rc = ev_fail(err, EV_SOURCE, "stopped before the log was read");
	if (rc == 0)
		rc = pass_holes(&p, err);
	if (rc == 0)
		rc = same_end(&p, err);
	if (rc == 0)
		rc = file_reaches(&p, err);
	r->seq = to->ledger.cuts;
	free(p.records);
	free(p.stops);
	return rc;
}
