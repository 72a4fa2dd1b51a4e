/* ring.c - the last N records, kept as record lines (which are byte-exact) */
#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/plural.h"
#include "evtail/tail.h"

void tail_ring_init(struct tail_ring *g, size_t max, uint64_t limit)
{
	*g = (struct tail_ring){ .max = max, .limit = limit };
}

void tail_ring_clear(struct tail_ring *g)
{
	for (size_t i = 0; i < g->n; i++)
		ev_buf_clear(&g->slots[i]);
	g->n = g->at = 0;
	g->bytes = 0;
}

void tail_ring_release(struct tail_ring *g)
{
	for (size_t i = 0; i < g->cap; i++)
		ev_buf_release(&g->slots[i]);
	free(g->slots);
	*g = (struct tail_ring){ .max = g->max };
}

static void grow(struct tail_ring *g)
{
	size_t cap = g->cap ? g->cap * 2 : 16;

	if (cap > g->max)
		cap = g->max;
	g->slots = ev_realloc_n(g->slots, cap, sizeof(*g->slots));
	while (g->cap < cap)
		g->slots[g->cap++] = (struct ev_buf)EV_BUF_INIT;
}

int tail_ring_add(struct tail_ring *g, const struct ev_record *r, struct ev_error *err)
{
	struct ev_buf *slot;

	if (!g->max)
		return 0;
	if (g->n < g->max) {
		if (g->n == g->cap)
			grow(g);
		slot = &g->slots[g->n++];
	} else {
		slot = &g->slots[g->at];
		g->at = (g->at + 1) % g->max;
		g->bytes -= slot->len;
	}
	ev_buf_clear(slot);
	ev_line_write(slot, r);
	g->bytes += slot->len;
	if (slot->failed || g->bytes > g->limit) {
		ev_fail(err, EV_USAGE, "the last %zu record%s not fit in --memory (%" PRIu64 " bytes)",
			g->max, ev_agree(g->max, " does", "s do"), g->limit);
		return ev_hint(err, "ask for a range (--from, --since), which is printed as it is read");
	}
	return 0;
}

struct ev_slice tail_ring_line(const struct tail_ring *g, size_t i)
{
	return ev_buf_slice(&g->slots[(g->at + i) % g->max]);
}
