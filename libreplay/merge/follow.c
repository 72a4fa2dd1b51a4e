/*
 * follow.c - the merge of a follower: what arrived within the linger time, by heads; see merge.h
 *
 * Records are collected into a list per partition, then given by the same rule as in a bounded
 * read. What is not given (more than `max`) stays in its list and merges with what arrives next:
 * the start of a merge is itself the merge of what it holds.
 */
#include "base/mem.h"
#include "merge/merge_impl.h"

enum { LINGER_MIN_MS = 5 };

static void grow_queues(struct ev_merge *m)
{
	if (m->nqueues >= m->nparts)
		return;
	m->queues = ev_realloc_n(m->queues, m->nparts, sizeof(*m->queues));
	m->heads = ev_realloc_n(m->heads, m->nparts, sizeof(*m->heads));
	m->heap = ev_realloc_n(m->heap, m->nparts, sizeof(*m->heap));
	for (; m->nqueues < m->nparts; m->nqueues++)
		m->queues[m->nqueues] = (struct merge_queue){ 0 };
}

static uint32_t hold(struct ev_merge *m, const struct ev_batch *b)
{
	uint32_t i = 0;

	while (i < m->nheld && m->held[i].left)
		i++;
	if (i == m->nheld) {
		EV_GROW(m->held, m->nheld, m->held_cap);
		m->nheld++;
	}
	m->held[i] = (struct merge_held){ .batch = *b, .left = b->n };
	return i;
}

static void append(struct merge_queue *q, struct merge_item item)
{
	if (q->n == q->cap && q->at > q->n / 2) { /* a partition that is never drained */
		memmove(q->v, q->v + q->at, (q->n - q->at) * sizeof(*q->v));
		q->n -= q->at;
		q->at = 0;
	}
	EV_GROW(q->v, q->n, q->cap);
	q->v[q->n++] = item;
}

static void enqueue(struct ev_merge *m, const struct ev_batch *b)
{
	uint32_t held = hold(m, b);

	ev_merge_arrived(m, b);
	grow_queues(m);
	for (size_t i = 0; i < b->n; i++) {
		const struct ev_record *r = &b->records[i];

		append(&m->queues[r->part], (struct merge_item){ r, held });
		m->arrived_bytes += ev_record_bytes(r);
	}
	m->narrived += b->n;
	if (!m->first_arrival)
		m->first_arrival = ev_clock_ms();
}

/*
 * A batch costs its caller something however small it is (a transaction), so it waits to fill, but no
 * longer than twice what the caller needs for one: about a third of the time, then, goes into batches, and a
 * quick store shows an event after some milliseconds. Of the last two the quicker one counts: a store that stopped
 * once, to bring its log home, has kept events waiting already.
 */
static int64_t linger(const struct ev_merge *m)
{
	int64_t busy = m->busy_ms[0] < m->busy_ms[1] ? m->busy_ms[0] : m->busy_ms[1];
	int64_t wait = 2 * busy < LINGER_MIN_MS ? LINGER_MIN_MS : 2 * busy;

	return wait < m->opt.linger_ms && !m->opt.patient ? wait : m->opt.linger_ms;
}

/*
 * Fetch until enough is there, the first of it has lingered, or time is up. 1: give what is there;
 * 0: nothing; -1: error.
 */
static int gather(struct ev_merge *m, size_t max, size_t max_bytes, int64_t until,
		  struct ev_error *err)
{
	while (m->narrived < max && m->arrived_bytes <= max_bytes && m->nneedy) {
		int64_t now = ev_clock_ms(), left = until - now;
		struct ev_batch b = { 0 };
		uint32_t id = m->needy[m->nneedy - 1];
		enum ev_fetch f;

		if (m->first_arrival)
			left = m->first_arrival + linger(m) - now;
		f = m->src->ops->fetch(m->src, id, &b, left > 0 ? (int)left : 0, err);
		if (f == EV_FETCH_ERROR)
			return -1;
		if (f == EV_FETCH_SOME)
			enqueue(m, &b);
		else if (f == EV_FETCH_DONE)
			m->nneedy--;
		else if (m->nneedy > 1) { /* several lanes: take turns */
			m->needy[m->nneedy - 1] = m->needy[0];
			m->needy[0] = id;
		}
		if (f == EV_FETCH_WAIT && left <= 0)
			break;
	}
	return m->narrived > 0;
}

static void consumed(struct ev_merge *m, struct merge_queue *q, bool given)
{
	struct merge_item *item = &q->v[q->at++];
	struct merge_held *h = &m->held[item->held];

	m->narrived--;
	m->arrived_bytes -= ev_record_bytes(item->record);
	h->lent |= given;
	if (!--h->left)
		ev_merge_retire(m, &h->batch, h->lent);
	if (q->at == q->n)
		q->at = q->n = 0;
}

static void fill_heap(struct ev_merge *m)
{
	m->nheap = 0;
	for (size_t i = 0; i < m->nqueues; i++) {
		struct merge_queue *q = &m->queues[i];

		if (q->at == q->n)
			continue;
		m->heads[i] = q->v[q->at].record;
		ev_merge_push(m->heads, m->heap, &m->nheap, (uint32_t)i);
	}
}

static int give(struct ev_merge *m, struct ev_record *out, size_t max, size_t max_bytes)
{
	size_t n = 0, bytes = 0;

	fill_heap(m);
	while (m->nheap && n < max && bytes <= max_bytes) {
		uint32_t id = m->heap[0];
		struct merge_queue *q = &m->queues[id];
		const struct ev_record *r = m->heads[id];
		bool given = ev_merge_consume(m, r);

		if (given) {
			bytes += ev_record_bytes(r);
			out[n++] = *r;
		}
		consumed(m, q, given);
		if (q->n)
			m->heads[id] = q->v[q->at].record;
		else
			m->heap[0] = m->heap[--m->nheap];
		if (m->nheap > 1)
			ev_merge_sift(m->heads, m->heap, m->nheap, 0);
	}
	/* What stays has lingered long enough already. */
	m->gave_at = ev_clock_ms();
	m->first_arrival = m->narrived ? m->gave_at - m->opt.linger_ms : 0;
	return (int)n;
}

int ev_merge_read_follow(struct ev_merge *m, struct ev_record *out, size_t max, size_t max_bytes,
			 int timeout_ms, bool *done, struct ev_error *err)
{
	int rc;

	for (size_t i = 0; i < m->nheld; i++)
		m->held[i].lent = false;
	if (m->gave_at) {
		m->busy_ms[1] = m->busy_ms[0];
		m->busy_ms[0] = ev_clock_ms() - m->gave_at;
	}
	m->gave_at = 0;
	rc = gather(m, max, max_bytes, ev_clock_ms() + timeout_ms, err);
	if (rc < 0 && m->narrived) {
		m->failed = *err;
		rc = 1;
	}
	if (rc < 0)
		return -1;
	if (!rc) {
		*done = !m->nneedy;
		return 0;
	}
	return give(m, out, max, max_bytes);
}

void ev_merge_follow_release(struct ev_merge *m)
{
	for (size_t i = 0; i < m->nheld; i++)
		if (m->held[i].left)
			m->src->ops->release(m->src, &m->held[i].batch);
	for (size_t i = 0; i < m->nqueues; i++)
		free(m->queues[i].v);
	free(m->queues);
	free(m->held);
}
