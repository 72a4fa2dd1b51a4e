/* cuts.c - see cuts.h; an item is the number of the cut, then a position for each partition */
#include "verify/cuts.h"

#include <stdlib.h>

#include "audit/spill.h"
#include "base/mem.h"

#define MEMORY ((size_t)1 << 20)

struct ev_cuts {
	struct ev_spill *spill;
	size_t nparts;
	struct ev_buf item;
	int64_t *next; /* of the one that was given last */
};

struct ev_cuts *ev_cuts_new(size_t nparts)
{
	struct ev_cuts *c = ev_alloc(sizeof(*c));

	c->spill = ev_spill_new(MEMORY, NULL);
	c->nparts = nparts;
	c->next = ev_alloc((nparts + 1) * sizeof(*c->next));
	return c;
}

void ev_cuts_free(struct ev_cuts *c)
{
	if (!c)
		return;
	ev_spill_free(c->spill);
	ev_buf_release(&c->item);
	free(c->next);
	free(c);
}

int ev_cuts_add(struct ev_cuts *c, const struct ev_stored_cut *cut, struct ev_error *err)
{
	ev_buf_clear(&c->item);
	ev_spill_put_i64(&c->item, cut->seq);
	for (size_t i = 0; i < c->nparts; i++)
		ev_spill_put_i64(&c->item, cut->next[i]);
	return c->item.failed ? ev_fail(err, EV_STORE, "no memory for a cut")
			      : ev_spill_add(c->spill, ev_buf_slice(&c->item), err);
}

int ev_cuts_first(struct ev_cuts *c, struct ev_stored_cut *cut, struct ev_error *err)
{
	return ev_spill_sort(c->spill, err) < 0 ? -1 : ev_cuts_next(c, cut, err);
}

int ev_cuts_next(struct ev_cuts *c, struct ev_stored_cut *cut, struct ev_error *err)
{
	struct ev_slice item;
	int rc = ev_spill_next(c->spill, &item, err);

	if (rc <= 0)
		return rc;
	for (size_t i = 0; i < c->nparts; i++)
		c->next[i] = ev_spill_i64(item.ptr + 8 * (i + 1));
	*cut = (struct ev_stored_cut){ ev_spill_i64(item.ptr), c->next };
	return 1;
}
