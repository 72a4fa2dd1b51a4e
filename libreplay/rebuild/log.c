/*
 * log.c - is it the log that the old view was built from, as far back and as far on?
 *
 * A topic is asked before anything is read. What a file holds is known when it was read, so there the same is
 * found out on the way, or afterwards, when something has failed (blame): poison in another log is no fault of
 * the projection.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "apply/identity.h"
#include "base/mem.h"
#include "base/plural.h"
#include "merge/merge.h"
#include "rebuild/internal.h"

static const char another_hint[] = "--accept-trimmed builds the new version from this log, whatever the old one was "
				   "built from";

static const char elsewhere_hint[] = "for the view as it was, build it into another store or schema";

bool ev_rebuilding_reads(const struct ev_rebuilding *r, const char *topic)
{
	for (size_t i = 0; i < r->p->ntopics; i++)
		if (strcmp(r->p->topics[i], topic) == 0)
			return true;
	return r->src->one_sequence || ev_source_has_topic(r->src, topic);
}

int ev_rebuilding_check_parts(struct ev_rebuilding *r, struct ev_error *err)
{
	for (size_t i = 0; i < r->old.nparts && !r->src->one_sequence; i++) {
		const struct ev_ledger_part *p = &r->old.parts[i];

		if (p->next == p->begin || !ev_rebuilding_reads(r, p->topic) ||
		    ev_source_partition(r->src, p->topic, p->partition))
			continue;
		if (ev_source_has_topic(r->src, p->topic))
			ev_fail(err, EV_USAGE, "the old view stands on partition '%s/%d', which is not read", p->topic,
				p->partition);
		else
			ev_fail(err, EV_USAGE, "the old view stands on topic '%s', which is not read", p->topic);
		return ev_hint(err, "give all that it stands on, or the new version would lack it; a topic that the "
				    "file no longer lists may be left out");
	}
	return 0;
}

/* The first offset that the new version has, or would have of a topic; -1: not known. */
static int64_t begins_at(const struct ev_rebuilding *r, const struct ev_ledger_part *p)
{
	const struct ev_partition *part = ev_source_partition(r->src, p->topic, p->partition);
	const struct ev_ledger_part *q = NULL;

	if (r->apply)
		q = ev_ledger_part((struct ev_ledger *)ev_apply_ledger(r->apply), p->topic, p->partition, false);
	if (q)
		return q->begin;
	return part && !r->src->one_sequence ? part->low : -1;
}

/* From here on the old view's position means nothing. */
static int detach(struct ev_rebuilding *r, const char *why, struct ev_error *err)
{
	ev_rebuilding_note(r, "%s: the new version is built from the log as it is", why);
	r->plan.detached = true;
	ev_ledger_forget_parts(&r->old);
	return r->dry ? 0 : ev_plan_save(r->sh->live, &r->plan, err);
}

/* The new version never stands where the old one does. */
static int starts_past(struct ev_rebuilding *r, const struct ev_ledger_part *p, const char *what, int64_t at,
		       struct ev_error *err)
{
	char why[512];

	snprintf(why, sizeof(why), "%s/%d: the %s %" PRId64 " lies past the old view, which stands at %" PRId64,
		 p->topic, p->partition, what, at, p->next);
	return detach(r, why, err);
}

static int begins_late(struct ev_rebuilding *r, const struct ev_ledger_part *p, int64_t begin, struct ev_error *err)
{
	if (r->opt->accept_trimmed && begin > p->next)
		return starts_past(r, p, "log's beginning", begin, err);
	if (begin <= p->begin || r->opt->accept_trimmed || r->opt->range->from.kind != EV_POINT_NONE ||
	    r->opt->range->has_since)
		return 0;
	r->wrong_log = true;
	ev_fail(err, EV_DATA, "%s/%d: the log begins at offset %" PRId64 ", the old view at %" PRId64,
		p->topic, p->partition, begin, p->begin);
	return ev_hint(err, "the new view would lack what is gone; --accept-trimmed takes it so, or "
			    "give an archive as the source");
}

int ev_rebuilding_check_begin(struct ev_rebuilding *r, struct ev_error *err)
{
	for (size_t i = 0; i < r->old.nparts; i++)
		if (begins_late(r, &r->old.parts[i], begins_at(r, &r->old.parts[i]), err) < 0)
			return -1;
	return 0;
}

int ev_rebuilding_check_identity(struct ev_rebuilding *r, struct ev_error *err)
{
	struct ev_run_hooks hooks = { .ctx = NULL };
	struct ev_error why;

	if (r->plan.phase != EV_PHASE_PREPARE)
		return 0;
	/* a follower may have gone past the end that was the log's when it was opened */
	if (!r->src->one_sequence && r->src->ops->refresh(r->src, err) < 0)
		return -1;
	if (ev_identity_partitions(&r->old, r->src, &hooks, err) == 0)
		return 0;
	if (err->class != EV_DATA)
		return -1;
	why = *err;
	if (!r->opt->accept_trimmed && strcmp(r->src->ops->name, "archive") == 0)
		return ev_hint(err, "%s; %s", why.hint, another_hint);
	if (!r->opt->accept_trimmed)
		return ev_hint(err, "%s", another_hint);
	*err = (struct ev_error)EV_ERROR_INIT;
	return detach(r, why.text, err);
}

/* One partition of what was asked for: to be refused, or with --accept-trimmed to let go of the old view. */
static int check_span(struct ev_rebuilding *r, const struct ev_ledger_part *p, const struct ev_span *span, bool from,
		      struct ev_error *err)
{
	if (span->end < p->next) {
		ev_fail(err, EV_USAGE, "%s/%d: the end %" PRId64 " lies behind the old view, which stands at %" PRId64,
			p->topic, p->partition, span->end, p->next);
		return ev_hint(err, "%s", elsewhere_hint);
	}
	if (!from || span->begin <= p->next)
		return 0;
	if (r->opt->accept_trimmed)
		return starts_past(r, p, "start", span->begin, err);
	ev_fail(err, EV_USAGE, "%s/%d: the start %" PRId64 " lies past the old view, which stands at %" PRId64,
		p->topic, p->partition, span->begin, p->next);
	return ev_hint(err, "run the old view up to there first; or --accept-trimmed, and the two are compared at the "
			    "end of the log");
}

int ev_rebuilding_check_asked(struct ev_rebuilding *r, struct ev_error *err)
{
	struct ev_range_args range = *r->opt->range;
	bool to = range.to.kind != EV_POINT_NONE || range.has_until;
	bool from = (range.from.kind != EV_POINT_NONE || range.has_since) && r->plan.phase == EV_PHASE_PREPARE;
	struct ev_span *spans = NULL;
	int rc = 0;

	if ((!to && (!from || r->src->one_sequence)) || !r->old.nparts)
		return 0;
	if (r->src->one_sequence) {
		ev_fail(err, EV_USAGE, "files are read to their end where a view serves already");
		return ev_hint(err, "%s", elsewhere_hint);
	}
	if (!from) {
		range.from = (struct ev_point)EV_POINT_INIT;
		range.has_since = false;
	}
	range.prefix = true;
	rc = ev_range_resolve(r->src, &range, NULL, &spans, err);
	for (size_t i = 0; rc == 0 && i < r->old.nparts; i++) {
		const struct ev_ledger_part *p = &r->old.parts[i];
		const struct ev_partition *q = ev_source_partition(r->src, p->topic, p->partition);

		if (q)
			rc = check_span(r, p, &spans[q - r->src->parts], from, err);
	}
	free(spans);
	return rc;
}

/* With --accept-trimmed the old view is let go of. */
static int another(struct ev_rebuilding *r, const struct ev_ledger_part *p, struct ev_error *err)
{
	struct ev_error why = EV_ERROR_INIT;

	ev_fail(&why, EV_DATA, "%s/%d is not the log that the old view was built from: another record stands at "
		"offset %" PRId64, p->topic, p->partition, p->last_offset);
	if (r->opt->accept_trimmed)
		return detach(r, why.text, err);
	r->wrong_log = true;
	*err = why;
	return ev_hint(err, "%s", another_hint);
}

int ev_rebuilding_same_log(struct ev_rebuilding *r, const struct ev_ledger *old, struct ev_error *err)
{
	for (size_t i = 0; i < old->nparts; i++) {
		const struct ev_ledger_part *p = &old->parts[i];
		const struct ev_ledger_part *q = ev_ledger_part(
			(struct ev_ledger *)ev_apply_ledger(r->apply), p->topic, p->partition, false);

		if (q && p->last_offset >= 0 && q->last_offset == p->last_offset && q->last_hash != p->last_hash)
			return another(r, p, err);
	}
	return 0;
}

int ev_rebuilding_ends_early(const struct ev_ledger_part *p, int64_t lacks, struct ev_error *err)
{
	ev_fail(err, EV_DATA, "%s/%d: the log ends %" PRId64 " offset%s before where the old view stands, %" PRId64,
		p->topic, p->partition, lacks, ev_plural(lacks), p->next);
	return ev_hint(err, "give the whole log: readers would go back in time");
}

#define STEP 1024 /* records */

/* What a file has of a ledger's partition. */
struct met {
	int64_t first, newest; /* offsets; -1: none */
	bool differs;          /* another record stands where the ledger's last one stood */
};

static void meet(struct met *m, const struct ev_ledger_part *p, const struct ev_record *rec)
{
	if (m->first < 0)
		m->first = rec->offset;
	m->newest = rec->offset;
	if (p->last_offset == rec->offset)
		m->differs = ev_record_hash(rec) != p->last_hash;
}

/* `met`: one for each partition of the ledger. */
static int read_all(struct ev_rebuilding *r, struct ev_merge *merge, const struct ev_ledger *l, struct met *met,
		    struct ev_error *err)
{
	struct ev_record *records = ev_alloc(STEP * sizeof(*records));
	bool done = false;
	int n = 0;

	while (!done && n >= 0 && !(r->hooks->stop && r->hooks->stop(r->hooks->ctx))) {
		n = ev_merge_read(merge, records, STEP, SIZE_MAX, 200, &done, err);
		for (int i = 0; i < n; i++) {
			const struct ev_partition *q = &r->src->parts[records[i].part];
			const struct ev_ledger_part *p =
				ev_ledger_part((struct ev_ledger *)l, q->topic, q->partition, false);

			if (p)
				meet(&met[p - l->parts], p, &records[i]);
		}
	}
	free(records);
	r->stopped |= !done && n >= 0;
	return n < 0 ? -1 : 0;
}

static int walk(struct ev_rebuilding *r, const struct ev_ledger *l, struct met *met, struct ev_error *err)
{
	const struct ev_range_args all = EV_RANGE_ARGS_INIT;
	const struct ev_merge_options options = { .merge = false };
	struct ev_merge *merge = NULL;
	struct ev_span *spans = NULL;
	int rc = -1;

	for (size_t i = 0; i < l->nparts; i++)
		met[i] = (struct met){ -1, -1, false };
	if (r->src->ops->refresh(r->src, err) == 0 && ev_range_resolve(r->src, &all, NULL, &spans, err) == 0)
		merge = ev_merge_new(r->src, spans, &options, err);
	if (merge)
		rc = read_all(r, merge, l, met, err);
	ev_merge_free(merge);
	free(spans);
	return rc;
}

/* The first thing that is wrong with a file, by what was met of the old view's partitions. */
static int judge_file(struct ev_rebuilding *r, const struct met *met, struct ev_error *err)
{
	for (size_t i = 0; i < r->old.nparts; i++)
		if (met[i].first >= 0 && begins_late(r, &r->old.parts[i], met[i].first, err) < 0)
			return -1;
	for (size_t i = 0; i < r->old.nparts; i++)
		if (met[i].differs)
			return another(r, &r->old.parts[i], err);
	for (size_t i = 0; i < r->old.nparts; i++) {
		const struct ev_ledger_part *p = &r->old.parts[i];
		int64_t goal = p->last_offset + 1, end = met[i].newest < 0 ? p->begin : met[i].newest + 1;

		if (goal > end)
			return ev_rebuilding_ends_early(p, goal - end, err);
	}
	return 0;
}

int ev_rebuilding_check_file(struct ev_rebuilding *r, struct ev_error *err)
{
	struct met *met;
	int rc;

	if (!r->src->one_sequence || !r->old.nparts)
		return 0;
	met = ev_alloc(r->old.nparts * sizeof(*met));
	rc = walk(r, &r->old, met, err);
	if (rc == 0 && !r->stopped)
		rc = judge_file(r, met, err);
	free(met);
	return rc;
}

static int began_with_another(struct ev_error *err)
{
	ev_context(err, "the rebuild under way began with another log");
	return ev_hint(err, "give that one; or give up what was loaded from it with --abandon, and begin anew");
}

static int loaded_from_file(struct ev_rebuilding *r, const struct ev_ledger *l, struct ev_error *err)
{
	struct met *met = ev_alloc((l->nparts + 1) * sizeof(*met));
	int rc = walk(r, l, met, err);

	/* the same log may have been damaged since, or this is none */
	if (rc < 0 && err->class == EV_DATA && !*err->hint)
		ev_hint(err, "a rebuild is under way: give the log that it began with; or give up what was loaded "
			     "from it with --abandon, and begin anew");
	for (size_t i = 0; rc == 0 && i < l->nparts; i++)
		if (met[i].differs) {
			ev_fail(err, EV_DATA, "%s/%d: another record stands at offset %" PRId64,
				l->parts[i].topic, l->parts[i].partition, l->parts[i].last_offset);
			rc = began_with_another(err);
		}
	free(met);
	return rc;
}

static int loaded_from(struct ev_rebuilding *r, const struct ev_ledger *l, struct ev_error *err)
{
	struct ev_run_hooks hooks = { .ctx = NULL };
	int rc;

	if (r->src->one_sequence)
		return loaded_from_file(r, l, err);
	rc = ev_identity_partitions(l, r->src, &hooks, err);
	return rc < 0 && err->class == EV_DATA ? began_with_another(err) : rc;
}

int ev_rebuilding_check_loaded(struct ev_rebuilding *r, struct ev_error *err)
{
	return r->began || r->checked ? 0 : loaded_from(r, ev_apply_ledger(r->apply), err);
}

int ev_rebuilding_check_shadow(struct ev_rebuilding *r, struct ev_error *err)
{
	struct ev_ledger l = { 0 };
	struct ev_store *s;
	int rc;

	if (r->began || r->checked)
		return 0;
	rc = r->sh->ops->present(r->sh, err);
	if (rc <= 0)
		return rc;
	s = r->sh->ops->store(r->sh, err);
	rc = s ? ev_ledger_load(s, r->p->name, &l, err) : -1;
	if (rc == 0)
		rc = loaded_from(r, &l, err);
	ev_ledger_release(&l);
	r->checked = rc == 0;
	return rc;
}

/* Nothing was compared with it or decided upon, and this session alone has filled it, from a log that will not do. */
static void unload(struct ev_rebuilding *r)
{
	struct ev_error ignored = EV_ERROR_INIT;

	ev_apply_close(r->apply);
	r->apply = NULL;
	r->sh->ops->close_store(r->sh);
	if (r->sh->ops->abandon(r->sh, &ignored) == 0)
		ev_rebuilding_note(r, "what was loaded from this log is given up: the next call begins anew");
}

/* What has failed, in the words that help. */
static void explain(struct ev_rebuilding *r, struct ev_error *err)
{
	struct ev_error why = EV_ERROR_INIT;
	int rc;

	r->checked = false; /* what was checked was the beginning of it */
	rc = ev_rebuilding_check_loaded(r, &why);
	if (rc == 0 && r->plan.phase <= EV_PHASE_LOAD && !r->opt->accept_trimmed)
		rc = ev_rebuilding_check_file(r, &why);
	if (rc < 0 && why.class == EV_DATA)
		*err = why;
}

int ev_rebuilding_blame(struct ev_rebuilding *r, struct ev_error *err)
{
	char hint[sizeof(err->hint)];

	if (err->class != EV_DATA || !r->apply || r->plan.phase > EV_PHASE_CATCHUP)
		return -1;
	if (!r->wrong_log)
		explain(r, err);
	if (!r->wrong_log || r->plan.phase > EV_PHASE_LOAD)
		return -1;
	if (r->began) {
		unload(r);
		return -1;
	}
	snprintf(hint, sizeof(hint), "%s", err->hint);
	return ev_hint(err, "%s. If an earlier call has loaded another log: --abandon, then again", hint);
}
