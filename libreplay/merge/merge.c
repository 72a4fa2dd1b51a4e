/*
 * merge.c - see merge.h
 *
 * Bounded: a heap of lanes by their head records; every lane that is not done must have a head
 * before one is given. A lane whose batch is used up goes to `needy` until its next batch is there.
 * Follow: follow.c collects what arrives into a list per partition first.
 */
#include "merge/merge_impl.h"

#include "base/mem.h"

/* More kept back by the filter than this, and the caller gets a chance to look at its signals. */
enum { SKIP_MAX = 1 << 16 };

static int compare(const struct ev_record *a, const struct ev_record *b)
{
	int c;

	if (a->timestamp != b->timestamp)
		return a->timestamp < b->timestamp ? -1 : 1;
	c = a->topic.ptr == b->topic.ptr ? 0 : ev_slice_cmp(a->topic, b->topic);
	return c ? c : (a->partition > b->partition) - (a->partition < b->partition);
}

void ev_merge_sift(const struct ev_record **heads, uint32_t *heap, size_t n, size_t at)
{
	uint32_t moved = heap[at];

	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= n)
			break;
		if (child + 1 < n && compare(heads[heap[child + 1]], heads[heap[child]]) < 0)
			child++;
		if (compare(heads[moved], heads[heap[child]]) <= 0)
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = moved;
}

void ev_merge_push(const struct ev_record **heads, uint32_t *heap, size_t *n, uint32_t id)
{
	size_t at = (*n)++;

	while (at && compare(heads[id], heads[heap[(at - 1) / 2]]) < 0) {
		heap[at] = heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	heap[at] = id;
}

/* The source's table may grow while it is read. */
static void grow(struct ev_merge *m)
{
	size_t n = m->src->nparts;

	if (n <= m->nparts)
		return;
	m->parts = ev_realloc_n(m->parts, n, sizeof(*m->parts));
	for (size_t i = m->nparts; i < n; i++) {
		int64_t begin = -1; /* not known before its first record */

		if (m->src->ops->span) {
			struct ev_span span = { .begin = -1 };

			m->src->ops->span(m->src, (uint32_t)i, &span);
			begin = span.begin;
		} else if (!m->src->one_sequence) {
			begin = m->src->parts[i].low;
		}
		m->parts[i] = (struct merge_part){ .seen = { .begin = begin, .next = begin } };
		m->parts[i].newest = INT64_MIN;
	}
	m->nparts = n;
}

void ev_merge_arrived(struct ev_merge *m, const struct ev_batch *b)
{
	grow(m);
	for (size_t i = 0; i < b->n; i++)
		m->parts[b->records[i].part].pending++;
}

/* Take a record out of what is pending; false: the filter keeps it back. */
bool ev_merge_consume(struct ev_merge *m, const struct ev_record *r)
{
	struct merge_part *p = &m->parts[r->part];

	p->pending--;
	if (p->seen.begin < 0)
		p->seen.begin = r->offset;
	p->seen.next = r->offset + 1;
	if (!p->seen.records++)
		p->seen.first = r->offset;
	if (r->timestamp < p->newest)
		p->seen.late += r->timestamp != EV_NO_TIMESTAMP;
	else
		p->newest = r->timestamp;
	if ((m->opt.has_since && r->timestamp < m->opt.since) ||
	    (m->opt.has_until && r->timestamp >= m->opt.until)) {
		p->seen.filtered++;
		return false;
	}
	return true;
}

/* A batch whose records are all consumed; they may still be lent to the caller. */
void ev_merge_retire(struct ev_merge *m, struct ev_batch *b, bool lent)
{
	if (!lent) {
		m->src->ops->release(m->src, b);
		return;
	}
	EV_GROW(m->retired, m->nretired, m->retired_cap);
	m->retired[m->nretired++] = *b;
	*b = (struct ev_batch){ 0 };
}

/* The first `n`; the rest was lent by the last read. */
static void release_retired(struct ev_merge *m, size_t n)
{
	for (size_t i = 0; i < n; i++)
		m->src->ops->release(m->src, &m->retired[i]);
	m->nretired -= n;
	if (m->nretired)
		memmove(m->retired, m->retired + n, m->nretired * sizeof(*m->retired));
	m->nold = m->nretired;
	for (size_t i = 0; i < m->nlanes; i++)
		m->lanes[i].lent -= m->lanes[i].lent > 0;
}

static bool behind_stop(const struct ev_merge *m, uint32_t id)
{
	const struct ev_record *head = m->heads[id];

	return m->opt.stops && (!m->stops || head->offset >= m->stops[head->part]);
}

/* A lane with a head: into the heap, or aside. */
static void enter(struct ev_merge *m, uint32_t id)
{
	if (behind_stop(m, id))
		m->parked[m->nparked++] = id;
	else
		ev_merge_push(m->heads, m->heap, &m->nheap, id);
}

/* Everything before the stops is given: on to the next. False: there are no more for now. */
static bool next_stops(struct ev_merge *m)
{
	size_t n = m->nparked;

	m->stops = m->opt.stops ? m->opt.stops(m->opt.stops_ctx) : NULL;
	if (!m->stops)
		return false;
	m->nparked = 0;
	for (size_t i = 0; i < n; i++)
		enter(m, m->parked[i]);
	return true;
}

/*
 * Give every needy lane its next batch, waiting until `until` (ms; 0: not at all). 1 when all have
 * one or are done, 0 when time is up, -1 on error.
 */
static int feed(struct ev_merge *m, int64_t until, struct ev_error *err)
{
	while (m->nneedy) {
		uint32_t id = m->needy[m->nneedy - 1];
		struct merge_lane *l = &m->lanes[id];
		int64_t left = until ? until - ev_clock_ms() : 0;
		enum ev_fetch f = m->src->ops->fetch(m->src, id, &l->batch, left > 0 ? (int)left : 0, err);

		if (f == EV_FETCH_ERROR)
			return -1;
		if (f == EV_FETCH_WAIT)
			return 0;
		m->nneedy--;
		if (f == EV_FETCH_DONE)
			continue;
		ev_merge_arrived(m, &l->batch);
		l->at = 0;
		l->lent = 0;
		m->heads[id] = &l->batch.records[0];
		enter(m, id);
	}
	return 1;
}

/* The root's record has been consumed: on to its next, or into `needy`. */
static void advance(struct ev_merge *m)
{
	uint32_t id = m->heap[0];
	struct merge_lane *l = &m->lanes[id];

	if (++l->at < l->batch.n) {
		m->heads[id]++;
		if (behind_stop(m, id)) {
			m->parked[m->nparked++] = id;
			m->heap[0] = m->heap[--m->nheap];
		}
	} else {
		ev_merge_retire(m, &l->batch, l->lent > 0);
		m->needy[m->nneedy++] = id;
		m->heap[0] = m->heap[--m->nheap];
	}
	if (m->nheap > 1)
		ev_merge_sift(m->heads, m->heap, m->nheap, 0);
}

static int read_lanes(struct ev_merge *m, struct ev_record *out, size_t max, size_t max_bytes,
		      int timeout_ms, bool *done, struct ev_error *err)
{
	int64_t until = timeout_ms > 0 ? ev_clock_ms() + timeout_ms : 0;
	size_t n = 0, bytes = 0, skipped = 0;

	while (n < max && bytes <= max_bytes && skipped < SKIP_MAX) {
		const struct ev_record *r;

		if (m->nneedy) {
			int fed = feed(m, n ? 0 : until, err);

			if (fed < 0 && n) {
				m->failed = *err; /* first what stood before it */
				break;
			}
			if (fed < 0)
				return -1;
			if (!fed)
				break;
		}
		if (!m->nheap && next_stops(m))
			continue;
		if (!m->nheap) {
			*done = !n;
			break;
		}
		r = m->heads[m->heap[0]];
		if (ev_merge_consume(m, r)) {
			m->lanes[m->heap[0]].lent = m->opt.ahead ? 2 : 1;
			bytes += ev_record_bytes(r);
			out[n++] = *r;
		} else {
			skipped++;
		}
		advance(m);
	}
	return (int)n;
}

int ev_merge_read(struct ev_merge *m, struct ev_record *out, size_t max, size_t max_bytes,
		  int timeout_ms, bool *done, struct ev_error *err)
{
	*done = false;
	if (max > INT_MAX)
		max = INT_MAX;
	release_retired(m, m->opt.ahead ? m->nold : m->nretired);
	if (m->failed.class) {
		*err = m->failed;
		return -1;
	}
	if (m->opt.follow && m->opt.merge)
		return ev_merge_read_follow(m, out, max, max_bytes, timeout_ms, done, err);
	return read_lanes(m, out, max, max_bytes, timeout_ms, done, err);
}

int64_t ev_merge_next(const struct ev_merge *m, uint32_t part)
{
	const struct merge_part *p;
	int64_t passed;

	if (part >= m->nparts && !m->src->one_sequence) /* added to the table since the last read */
		return m->src->parts[part].low;
	if (part >= m->nparts) { /* a file's, of which nothing was wanted */
		passed = m->src->ops->passed(m->src, part);
		return passed < 0 ? 0 : passed;
	}
	p = &m->parts[part];
	passed = p->pending ? -1 : m->src->ops->passed(m->src, part);
	if (passed > p->seen.next || (passed >= 0 && p->seen.next == INT64_MAX))
		return passed;
	return p->seen.next < 0 ? 0 : p->seen.next;
}

void ev_merge_seen(const struct ev_merge *m, uint32_t part, struct ev_merge_seen *out)
{
	*out = (struct ev_merge_seen){ 0 };
	if (part < m->nparts)
		*out = m->parts[part].seen;
	out->next = ev_merge_next(m, part);
	if (part >= m->nparts || out->begin < 0)
		out->begin = out->next;
}

struct ev_merge *ev_merge_new(struct ev_source *src, const struct ev_span *spans,
			      const struct ev_merge_options *opt, struct ev_error *err)
{
	size_t known = src->nparts;
	struct ev_merge *m;

	if (src->ops->start(src, spans, opt->merge, opt->follow, err))
		return NULL;
	m = ev_alloc(sizeof(*m));
	m->src = src;
	m->opt = *opt;
	grow(m);
	for (size_t i = 0; i < known; i++)
		m->parts[i].seen.begin = m->parts[i].seen.next = spans[i].begin;
	m->nlanes = src->nlanes;
	m->lanes = ev_alloc(m->nlanes * sizeof(*m->lanes));
	m->heads = ev_alloc(m->nlanes * sizeof(*m->heads));
	m->heap = ev_alloc(m->nlanes * sizeof(*m->heap));
	m->needy = ev_alloc(m->nlanes * sizeof(*m->needy));
	m->parked = ev_alloc(m->nlanes * sizeof(*m->parked));
	for (size_t i = m->nlanes; i; i--)
		m->needy[m->nneedy++] = (uint32_t)(i - 1);
	return m;
}

void ev_merge_free(struct ev_merge *m)
{
	if (!m)
		return;
	release_retired(m, m->nretired);
	for (size_t i = 0; i < m->nlanes; i++)
		if (m->lanes[i].batch.n)
			m->src->ops->release(m->src, &m->lanes[i].batch);
	ev_merge_follow_release(m);
	free(m->parts);
	free(m->lanes);
	free(m->heads);
	free(m->heap);
	free(m->needy);
	free(m->parked);
	free(m->retired);
	free(m);
}
