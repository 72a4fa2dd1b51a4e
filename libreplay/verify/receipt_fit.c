/* receipt_fit.c - is a receipt of the view that is at hand? */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/ledger.h"
#include "verify/receipt.h"

static int take_schema(void *ctx, const struct ev_cell *c, size_t n)
{
	(void)n;
	*(char **)ctx = ev_slice_dup(c[0].text);
	return 0;
}

int ev_receipt_schema(struct ev_store *s, char **schema, struct ev_error *err)
{
	*schema = NULL;
	if (s->ops->dialect != EV_POSTGRESQL)
		return 0;
	return ev_store_select(s, "SELECT current_schema()::text", NULL, 0, take_schema, schema, err);
}

static int same_projection(const struct ev_receipt *r, const struct ev_receipt_view *v, struct ev_error *err)
{
	if (strcmp(r->projection, v->p->name) != 0)
		return ev_fail(err, EV_DATA, "it is of projection '%s'", r->projection);
	if (strcmp(r->fingerprint, v->p->fingerprint) != 0 ||
	    strcmp(r->fingerprint, v->ledger->fingerprint) != 0)
		return ev_fail(err, EV_DATA, "it is of another projection of that name (version %" PRId64 ", another "
			       "fingerprint)", r->version);
	if (strcmp(r->dialect, v->store->ops->name) != 0)
		return ev_fail(err, EV_DATA, "it is of a view in %s", r->dialect);
	if (r->generation != v->ledger->generation)
		return ev_fail(err, EV_DATA, "it is of generation %" PRId64 ", the view is of generation %" PRId64
			       ": it was repaired, retried or swapped since", r->generation,
			       v->ledger->generation);
	return 0;
}

static int same_store(const struct ev_receipt *r, const struct ev_receipt_view *v, struct ev_error *err)
{
	char *schema = NULL;
	int rc = ev_receipt_schema(v->store, &schema, err);

	if (rc == 0 && strcmp(r->store, v->store->url) != 0)
		rc = ev_fail(err, EV_DATA, "it is of a view in store '%s'", r->store);
	if (rc == 0 && schema && (!r->schema || strcmp(schema, r->schema) != 0))
		rc = ev_fail(err, EV_DATA, "it is of a view in schema '%s'", r->schema ? r->schema : "");
	free(schema);
	return rc;
}

static int same_part(const struct ev_receipt_part *p, const struct ev_ledger *l, struct ev_error *err)
{
	const struct ev_ledger_part *q = ev_ledger_part((struct ev_ledger *)l, p->topic, p->partition, false);

	if (!q || q->begin != p->begin)
		return ev_fail(err, EV_DATA, "it is of a view that begins elsewhere in %s/%" PRId32, p->topic,
			       p->partition);
	if (p->next > q->next)
		return ev_fail(err, EV_DATA, "it speaks of %s/%" PRId32 " up to offset %" PRId64 ", the view stands "
			       "at %" PRId64, p->topic, p->partition, p->next, q->next);
	if (p->last_offset > q->last_offset || (p->last_offset == q->last_offset && p->last_hash != q->last_hash))
		return ev_fail(err, EV_DATA, "it is of another log: another record stands at offset %" PRId64
			       " of %s/%" PRId32, p->last_offset, p->topic, p->partition);
	return 0;
}

int ev_receipt_fits(const struct ev_receipt *r, const struct ev_receipt_view *v, bool same_place,
		    struct ev_error *err)
{
	if (ev_receipt_whole(r, err) || same_projection(r, v, err) || (same_place && same_store(r, v, err)))
		return -1;
	for (size_t i = 0; i < r->nparts; i++)
		if (same_part(&r->parts[i], v->ledger, err))
			return -1;
	return 0;
}

bool ev_receipt_is_at(const struct ev_receipt *r, const struct ev_ledger *l)
{
	size_t known = 0;

	for (size_t i = 0; i < r->nparts; i++) {
		const struct ev_ledger_part *q =
			ev_ledger_part((struct ev_ledger *)l, r->parts[i].topic, r->parts[i].partition, false);

		if (!q || q->next != r->parts[i].next)
			return false;
		known++;
	}
	return known == l->nparts;
}
