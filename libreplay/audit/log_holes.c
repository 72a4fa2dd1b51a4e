/*
 * log_holes.c - offsets without a record, and why
 *
 * Partitions that have holes are read once more, uncommitted. What shows itself then was aborted;
 * runs of what is still missing are marks that end transactions, or compaction's, or lost.
 */
#include <inttypes.h>

#include "base/mem.h"
#include "audit/log_impl.h"
#include "base/plural.h"

/* Offsets of a partition that no reading shows. */
struct runs {
	int64_t offsets, in_long; /* all; those in runs that are too long for markers */
	int64_t longest, at; /* the longest run */
};

/* What a second reading finds of a partition. */
struct second {
	bool wanted;
	int64_t begin; /* where the log starts by then */
	int64_t committed, records; /* from there: as the first reading has it; read uncommitted */
	int64_t next;
	int64_t told; /* holes before it were, by a reading that retention ended */
	struct runs runs;
	int64_t markers; /* up to `upto`, which may lie beyond the span; -1: not known */
	int64_t upto, beyond; /* offsets from the span's end to there that are no records */
};

struct holes {
	struct ev_log *l;
	struct ev_source *src, *beside;
	const size_t *of; /* partition of the source at hand -> partition of the result; SIZE_MAX: none */
	struct second *v; /* by partition of the result */
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
	struct runs *r = &h->v[part].runs;
	int64_t n = end - begin;

	if (n <= 0)
		return 0;
	r->offsets += n;
	r->in_long += n > EV_LOG_MAX_MARKERS ? n : 0;
	if (n > r->longest) {
		r->longest = n;
		r->at = begin;
	}
	if (!h->l->opt->contiguous || end <= h->v[part].told)
		return 0;
	h->v[part].told = end;
	return tell_run(h->l, part, begin, end, err);
}

static int take(void *ctx, const struct ev_record *r, struct ev_error *err)
{
	struct holes *h = ctx;
	struct second *s = &h->v[h->of[r->part]];

	s->records++;
	if (take_run(h, h->of[r->part], s->next, r->offset, err))
		return -1;
	s->next = r->offset + 1;
	return 0;
}

static int take_committed(void *ctx, const struct ev_record *r, struct ev_error *err)
{
	struct holes *h = ctx;

	(void)err;
	h->v[h->of[r->part]].committed++;
	return 0;
}

static int take_beyond(void *ctx, const struct ev_record *r, struct ev_error *err)
{
	struct holes *h = ctx;

	(void)err;
	h->v[h->of[r->part]].beyond--;
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

/* Has the log lost its beginning since the first reading? */
static bool is_cut(const struct ev_log_part *p, const struct second *s)
{
	return s->begin > p->begin + p->holes[EV_HOLE_RETENTION];
}

/*
 * Partitions that have holes, from the log's start as it is now: retention may have taken records since the first
 * reading. True: it has, of one at least.
 */
static bool plan(struct holes *h, bool *moved)
{
	bool again = false;

	for (size_t i = 0; i < h->beside->nparts; i++) {
		size_t part = find_part(h->l, &h->beside->parts[i]);
		struct ev_log_part *p = part == SIZE_MAX ? NULL : &h->l->result.parts[part];
		int64_t low = h->beside->parts[i].low, was;

		if (!p || open_holes(p) <= 0)
			continue;
		if (low > p->end)
			low = p->end;
		was = h->v[part].wanted ? h->v[part].begin : p->begin + p->holes[EV_HOLE_RETENTION];
		again |= low > was;
		if (low < was)
			low = was;
		h->v[part] = (struct second){ .wanted = true, .begin = low, .next = low, .told = h->v[part].told,
					      .committed = p->records, .markers = -1, .upto = p->end };
		*moved |= is_cut(p, &h->v[part]);
	}
	return again;
}

typedef struct ev_span (*span_fn)(const struct ev_log_part *p, const struct second *s);

static struct ev_span whole(const struct ev_log_part *p, const struct second *s)
{
	return (struct ev_span){ s->begin, p->end };
}

static struct ev_span what_is_left(const struct ev_log_part *p, const struct second *s)
{
	return (struct ev_span){ s->begin, is_cut(p, s) ? p->end : s->begin };
}

static struct ev_span behind(const struct ev_log_part *p, const struct second *s)
{
	return (struct ev_span){ p->end, s->upto > p->end ? s->upto : p->end };
}

/* Read of each wanted partition the span that `span` says. */
static int read_wanted(struct holes *h, struct ev_source *src, span_fn span, ev_read_fn fn, struct ev_error *err)
{
	size_t *of = ev_alloc((src->nparts + 1) * sizeof(*of));
	struct ev_span *spans = ev_alloc((src->nparts + 1) * sizeof(*spans));
	bool any = false;
	int rc = 0;

	for (size_t i = 0; i < src->nparts; i++) {
		of[i] = find_part(h->l, &src->parts[i]);
		spans[i] = (struct ev_span){ src->parts[i].low, src->parts[i].low };
		if (of[i] != SIZE_MAX && h->v[of[i]].wanted)
			spans[i] = span(&h->l->result.parts[of[i]], &h->v[of[i]]);
		any |= spans[i].end > spans[i].begin;
	}
	h->of = of;
	if (any)
		rc = ev_read_spans(src, spans, false, fn, h, h->l->hooks, err);
	free(of);
	free(spans);
	return rc;
}

/* The records of the first reading that were still there. */
static int count_committed(struct holes *h, struct ev_error *err)
{
	for (size_t i = 0; i < h->l->result.nparts; i++)
		if (h->v[i].wanted && is_cut(&h->l->result.parts[i], &h->v[i]))
			h->v[i].committed = 0;
	return read_wanted(h, h->src, what_is_left, take_committed, err);
}

/* By partition of the second source; NULL: not wanted. */
static struct second *second_of(struct holes *h, size_t i)
{
	size_t part = find_part(h->l, &h->beside->parts[i]);

	return part != SIZE_MAX && h->v[part].wanted ? &h->v[part] : NULL;
}

/*
 * Markers are counted by answers of the broker, and the last one may reach beyond the span. What is there is read by
 * itself: where that ends at the same offset, its markers are known.
 */
static int count_markers(struct holes *h, struct ev_error *err)
{
	struct ev_source *b = h->beside;
	int rc;

	if (!b->ops->markers)
		return 0;
	for (size_t i = 0; i < b->nparts; i++) {
		struct second *s = second_of(h, i);
		int64_t end = s ? s->upto : 0;

		if (s)
			s->markers = b->ops->markers(b, (uint32_t)i, &s->upto);
		if (s && s->markers >= 0 && s->upto > end)
			s->beyond = s->upto - end;
	}
	rc = read_wanted(h, b, behind, take_beyond, err);
	for (size_t i = 0; i < b->nparts && !rc; i++) {
		struct second *s = second_of(h, i);
		int64_t upto = 0, n = s && s->beyond ? b->ops->markers(b, (uint32_t)i, &upto) : -1;

		if (n < 0 || upto != s->upto)
			continue;
		s->markers -= n;
		s->beyond = 0;
	}
	return rc;
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
		    ev_plural(n));
	if (markers >= 0)
		ev_buf_addf(&text, " (of %" PRId64 ", %" PRId64 " %s)", r->offsets,
			    markers, ev_agree(markers, "is a marker", "are markers"));
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
 * What no reading shows are the markers that were met; or, where these are not known, short runs. Of markers that were
 * met here and behind the span nobody knows which: what may be lost here or there is unknown.
 */
static int classify(struct ev_log *l, size_t part, const struct second *s, struct ev_error *err)
{
	struct ev_log_part *p = &l->result.parts[part];
	const struct runs *r = &s->runs;
	int64_t lost = r->in_long, perhaps;

	if (l->opt->contiguous) {
		p->holes[EV_HOLE_UNEXPLAINED] = r->offsets;
		return 0;
	}
	if (s->markers >= 0)
		lost = r->offsets + s->beyond - s->markers;
	else if (p->compaction)
		lost = r->offsets;
	perhaps = lost < 0 ? 0 : lost < r->offsets ? lost : r->offsets;
	lost = lost > s->beyond ? lost - s->beyond : 0;
	p->holes[EV_HOLE_MARKER] = r->offsets - perhaps;
	p->holes[class_lost(p)] = lost;
	p->holes[p->compaction > 0 ? EV_HOLE_COMPACTED : EV_HOLE_UNKNOWN] += perhaps - lost;
	return p->compaction ? 0 : tell_lost(l, part, r, lost, s->beyond ? -1 : s->markers, err);
}

/*
 * The log may have lost records between the two readings: what was read first counts. Holes that lie before its new
 * start are retention's by now; and what compaction took since is not aborted.
 */
static int settle(struct holes *h, size_t part, struct ev_error *err)
{
	struct ev_log_part *p = &h->l->result.parts[part];
	struct second *s = &h->v[part];
	int64_t before = s->begin - p->begin - p->holes[EV_HOLE_RETENTION], left;

	if (take_run(h, part, s->next, p->end, err) || classify(h->l, part, s, err))
		return -1;
	if (before > p->records - s->committed)
		p->holes[EV_HOLE_RETENTION] += before - (p->records - s->committed);
	p->holes[EV_HOLE_ABORTED] = s->records > s->committed ? s->records - s->committed : 0;
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

static int read_once(struct holes *h, bool moved, struct ev_error *err)
{
	int rc = moved ? count_committed(h, err) : 0;

	if (!rc)
		rc = read_wanted(h, h->beside, whole, take, err);
	return rc ? rc : count_markers(h, err);
}

/* Once more where retention was faster; each time the log is shorter. */
static int read_second(struct holes *h, struct ev_error *err)
{
	struct ev_error failed;
	bool moved = false;
	int rc = h->beside->ops->refresh(h->beside, err);

	if (rc)
		return rc;
	plan(h, &moved);
	while ((rc = read_once(h, moved, err)) < 0) {
		failed = *err;
		*err = (struct ev_error)EV_ERROR_INIT;
		if (h->beside->ops->refresh(h->beside, err))
			return -1;
		if (!plan(h, &moved)) {
			*err = failed;
			return -1;
		}
	}
	return rc;
}

static int read_beside(struct ev_log *l, struct ev_source *src, struct ev_source *beside, struct ev_error *err)
{
	struct holes h = { .l = l, .src = src, .beside = beside };
	int rc;

	h.v = ev_alloc((l->result.nparts + 1) * sizeof(*h.v));
	rc = read_second(&h, err);
	for (size_t i = 0; i < l->result.nparts && !rc; i++)
		if (h.v[i].wanted)
			rc = settle(&h, i, err);
	free(h.v);
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
				    ev_plural(n));
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
	return beside ? read_beside(l, src, beside, err) : without_beside(l, src, err);
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
