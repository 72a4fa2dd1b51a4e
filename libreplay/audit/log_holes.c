/*
 * log_holes.c - offsets without a record, and why
 *
 * Partitions that have holes are read once more, uncommitted. What shows itself then was aborted;
 * runs of what is still missing are marks that end transactions, or compaction's, or lost.
 */
#include <inttypes.h>

#include "base/mem.h"
#include "audit/log_impl.h"

/* Offsets of a partition that no reading shows. */
struct runs {
	int64_t offsets, in_long; /* all; those in runs that are too long for markers */
	int64_t longest, at; /* the longest run */
};

struct holes {
	struct ev_log *l;
	const size_t *of; /* partition of `beside` -> partition of the result */
	int64_t *records; /* by partition of the result: read uncommitted */
	int64_t *next;
	struct runs *runs;
};

static int64_t span_of(const struct ev_log_part *p)
{
	return p->end - p->begin;
}

static int64_t open_holes(const struct ev_log_part *p)
{
	return span_of(p) - p->records - p->holes[EV_HOLE_RETENTION];
}

/* Who says that there are no holes is told of each. */
static int tell_run(struct ev_log *l, size_t part, int64_t begin, int64_t end, struct ev_error *err)
{
	struct ev_buf text = EV_BUF_INIT;
	int rc;

	if (end - begin == 1)
		ev_buf_adds(&text, "no record, and nothing that explains it");
	else
		ev_buf_addf(&text,
			    "no records up to offset %" PRId64 " (%" PRId64
			    " offsets), and nothing that explains it",
			    end - 1, end - begin);
	rc = ev_log_find(l, EV_FAULT_HOLE, false, (uint32_t)part, begin, &text, err);
	ev_buf_release(&text);
	return rc;
}

static int take_run(struct holes *h, size_t part, int64_t begin, int64_t end, struct ev_error *err)
{
	struct runs *r = &h->runs[part];
	int64_t n = end - begin;

	if (n <= 0)
		return 0;
	r->offsets += n;
	r->in_long += n > EV_LOG_MAX_MARKERS ? n : 0;
	if (n > r->longest) {
		r->longest = n;
		r->at = begin;
	}
	return h->l->opt->contiguous ? tell_run(h->l, part, begin, end, err) : 0;
}

static int take(void *ctx, const struct ev_record *r, struct ev_error *err)
{
	struct holes *h = ctx;
	size_t part = h->of[r->part];

	h->records[part]++;
	if (take_run(h, part, h->next[part], r->offset, err))
		return -1;
	h->next[part] = r->offset + 1;
	return 0;
}

static size_t find_part(const struct ev_log *l, const struct ev_partition *p)
{
	for (size_t i = 0; i < l->result.nparts; i++)
		if (l->result.parts[i].partition == p->partition &&
		    strcmp(l->result.parts[i].topic, p->topic) == 0)
			return i;
	return SIZE_MAX;
}

/* Spans of `beside` that have holes: from the log's start, as it is now, to the end. */
static void plan(struct holes *h, struct ev_source *beside, size_t *of, struct ev_span *spans)
{
	for (size_t i = 0; i < beside->nparts; i++) {
		struct ev_log_part *p;

		of[i] = find_part(h->l, &beside->parts[i]);
		spans[i] = (struct ev_span){ beside->parts[i].low, beside->parts[i].low };
		if (of[i] == SIZE_MAX || open_holes(p = &h->l->result.parts[of[i]]) <= 0)
			continue;
		spans[i] = (struct ev_span){ p->begin + p->holes[EV_HOLE_RETENTION], p->end };
		h->next[of[i]] = spans[i].begin;
	}
}

/* `n` offsets that are unexplained, which of all is not known: the longest run is named. */
static int tell_lost(struct ev_log *l, size_t part, const struct runs *r, int64_t n,
		     int64_t markers, struct ev_error *err)
{
	struct ev_buf text = EV_BUF_INIT;
	int rc;

	if (!n)
		return 0;
	ev_buf_addf(&text, "%" PRId64 " offset%s without a record that nothing explains", n,
		    n == 1 ? "" : "s");
	if (markers >= 0)
		ev_buf_addf(&text, " (of %" PRId64 ", %" PRId64 " are markers)", r->offsets,
			    markers);
	ev_buf_addf(&text, "; the longest run is %" PRId64 " to %" PRId64, r->at,
		    r->at + r->longest - 1);
	rc = ev_log_find(l, EV_FAULT_HOLE, false, (uint32_t)part, r->at, &text, err);
	ev_buf_release(&text);
	return rc;
}

/* Where the broker does not tell the policy, nobody can say. */
static enum ev_hole class_lost(const struct ev_log_part *p)
{
	if (p->compaction < 0)
		return EV_HOLE_UNKNOWN;
	return p->compaction ? EV_HOLE_COMPACTED : EV_HOLE_UNEXPLAINED;
}

/*
 * What no reading shows are the markers that were met; or, where these are not known, short runs.
 */
static int classify(struct ev_log *l, size_t part, const struct runs *r, int64_t markers,
		    struct ev_error *err)
{
	struct ev_log_part *p = &l->result.parts[part];
	int64_t lost = r->in_long;

	if (l->opt->contiguous) {
		p->holes[EV_HOLE_UNEXPLAINED] = r->offsets;
		return 0;
	}
	if (markers > r->offsets)
		markers = r->offsets; /* some beyond the span */
	if (markers >= 0)
		lost = r->offsets - markers;
	else if (p->compaction)
		lost = r->offsets;
	p->holes[EV_HOLE_MARKER] = r->offsets - lost;
	p->holes[class_lost(p)] = lost;
	return p->compaction ? 0 : tell_lost(l, part, r, lost, markers, err);
}

/*
 * The log may have lost records between the two readings (retention, compaction): what was read
 * first counts, and what is missing by then is not aborted.
 */
static int settle(struct holes *h, size_t part, int64_t markers, struct ev_error *err)
{
	struct ev_log_part *p = &h->l->result.parts[part];
	int64_t left;

	if (take_run(h, part, h->next[part], p->end, err) ||
	    classify(h->l, part, &h->runs[part], markers, err))
		return -1;
	p->holes[EV_HOLE_ABORTED] = h->records[part] > p->records ? h->records[part] - p->records
								  : 0;
	left = open_holes(p);
	for (int i = EV_HOLE_ABORTED; i < EV_HOLES; i++)
		left -= p->holes[i];
	for (int i = EV_HOLES - 1; left < 0 && i >= EV_HOLE_ABORTED; i--) {
		int64_t n = p->holes[i] < -left ? p->holes[i] : -left;

		p->holes[i] -= n;
		left += n;
	}
	if (left)
		return ev_fail(err, EV_BUG, "%s/%d: %" PRId64 " offsets are not accounted for",
			       p->topic, (int)p->partition, left);
	return 0;
}

static int settle_all(struct holes *h, struct ev_source *beside, struct ev_error *err)
{
	for (size_t i = 0; i < beside->nparts; i++) {
		int64_t markers = -1;

		if (h->of[i] == SIZE_MAX || open_holes(&h->l->result.parts[h->of[i]]) <= 0)
			continue;
		if (beside->ops->markers)
			markers = beside->ops->markers(beside, (uint32_t)i);
		if (settle(h, h->of[i], markers, err))
			return -1;
	}
	return 0;
}

static int read_beside(struct ev_log *l, struct ev_source *beside, struct ev_error *err)
{
	size_t n = l->result.nparts, *of = ev_alloc((beside->nparts + 1) * sizeof(*of));
	struct ev_span *spans = ev_alloc((beside->nparts + 1) * sizeof(*spans));
	struct holes h = { .l = l,
			   .of = of,
			   .records = ev_alloc((n + 1) * sizeof(int64_t)),
			   .next = ev_alloc((n + 1) * sizeof(int64_t)),
			   .runs = ev_alloc((n + 1) * sizeof(struct runs)) };
	int rc;

	plan(&h, beside, of, spans);
	rc = ev_read_spans(beside, spans, false, take, &h, NULL, err);
	if (!rc)
		rc = settle_all(&h, beside, err);
	free(of);
	free(spans);
	free(h.records);
	free(h.next);
	free(h.runs);
	return rc;
}

static bool has_holes(const struct ev_log *l)
{
	for (size_t i = 0; i < l->result.nparts; i++)
		if (open_holes(&l->result.parts[i]) > 0)
			return true;
	return false;
}

static void ask_compaction(struct ev_log *l, struct ev_source *src)
{
	size_t n = l->result.nparts;
	int *possible = ev_alloc((src->nparts + 1) * sizeof(*possible));

	if (src->ops->compaction)
		src->ops->compaction(src, possible);
	for (size_t i = 0; i < n; i++)
		l->result.parts[i].compaction = i < src->nparts ? possible[i] : 0;
	free(possible);
}

/* A topic's holes are of one class when it cannot be read uncommitted too. */
static enum ev_hole class_unread(const struct ev_source *src, const struct ev_log_part *p)
{
	if (src->holes_known)
		return EV_HOLE_ARCHIVED;
	if (!src->ops->compaction)
		return EV_HOLE_UNKNOWN;
	return p->compaction ? class_lost(p) : EV_HOLE_MARKER;
}

static int without_beside(struct ev_log *l, const struct ev_source *src, struct ev_error *err)
{
	for (size_t i = 0; i < l->result.nparts; i++) {
		struct ev_log_part *p = &l->result.parts[i];
		int64_t n = open_holes(p);
		struct ev_buf text = EV_BUF_INIT;
		int rc = 0;

		if (n > 0 && l->opt->contiguous) {
			ev_buf_addf(&text, "%" PRId64 " offset%s without a record", n,
				    n == 1 ? "" : "s");
			rc = ev_log_find(l, EV_FAULT_HOLE, false, (uint32_t)i, -1, &text, err);
			p->holes[EV_HOLE_UNEXPLAINED] = n;
		} else if (n > 0) {
			p->holes[class_unread(src, p)] = n;
		}
		if (p->holes[EV_HOLE_ARCHIVED])
			p->compaction = -1; /* it may be what emptied them */
		ev_buf_release(&text);
		if (rc)
			return rc;
	}
	return 0;
}

int ev_log_finish_holes(struct ev_log *l, struct ev_source *src, struct ev_source *beside,
			struct ev_error *err)
{
	ask_compaction(l, src);
	if (!has_holes(l))
		return 0;
	return beside ? read_beside(l, beside, err) : without_beside(l, src, err);
}

struct ev_source *ev_log_open_beside(const struct ev_source_spec *spec, struct ev_error *err)
{
	struct ev_source_spec other = *spec;
	struct ev_source *s;

	*err = (struct ev_error)EV_ERROR_INIT;
	if (spec->nfiles || spec->archive)
		return NULL;
	other.properties = ev_alloc((spec->nproperties + 1) * sizeof(*other.properties));
	for (size_t i = 0; i < spec->nproperties; i++)
		other.properties[i] = spec->properties[i];
	other.properties[other.nproperties++] =
		(char *)(uintptr_t)"isolation.level=read_uncommitted";
	other.memory = spec->memory / 4; /* it is read beside what is being sorted */
	other.need_headers = false;
	other.count_markers = true;
	s = ev_source_open(&other, err);
	free(other.properties);
	return s;
}
