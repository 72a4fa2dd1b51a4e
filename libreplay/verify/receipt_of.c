/* receipt_of.c - what a verification has seen of a view, as its receipt says it */
#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"
#include "verify/internal.h"
#include "verify/receipt.h"

static void add_parts(struct ev_receipt *r, const struct ev_ledger *l)
{
	for (size_t i = 0; i < l->nparts; i++)
		*EV_PUSH(r->parts, r->nparts) = (struct ev_receipt_part){
			ev_strdup(l->parts[i].topic), l->parts[i].partition, l->parts[i].begin, l->parts[i].next,
			l->parts[i].last_offset, l->parts[i].last_hash,
		};
}

static void print_digest(const struct ev_digest *d, char out[EV_RECEIPT_HEX])
{
	snprintf(out, EV_RECEIPT_HEX, "%016" PRIx64 "%016" PRIx64, d->sum.hi, d->sum.lo);
}

static void add_columns(struct ev_receipt_table *t, const struct ev_shape *shape)
{
	struct ev_buf text = EV_BUF_INIT;

	t->nkeys = shape->nkeys;
	for (size_t i = 0; i < shape->ncolumns; i++) {
		ev_buf_clear(&text);
		ev_buf_addf(&text, "%s %s", shape->columns[i].name, shape->columns[i].type);
		*EV_PUSH(t->columns, t->ncolumns) = ev_strdup(ev_buf_str(&text));
		if (shape->columns[i].ignored)
			*EV_PUSH(t->ignored, t->nignored) = ev_strdup(shape->columns[i].name);
	}
	ev_buf_release(&text);
}

static void add_table(struct ev_receipt *r, const struct ev_table_check *t)
{
	struct ev_receipt_table *to = EV_PUSH(r->tables, r->ntables);

	to->table = ev_strdup(t->shape.table);
	to->rows = (int64_t)t->sum[EV_SIDE_STORE].count;
	print_digest(&t->sum[EV_SIDE_STORE], to->digest);
	add_columns(to, &t->shape);
}

int ev_receipt_begin(struct ev_verifying *w, struct ev_error *err)
{
	struct ev_receipt *r = w->v->receipt = ev_alloc(sizeof(*r));
	struct ev_store *s = w->first.store;
	struct ev_digest ledger;

	r->store = ev_strdup(s->url);
	r->dialect = ev_strdup(s->ops->name);
	r->projection = ev_strdup(w->p->name);
	r->fingerprint = ev_strdup(w->p->fingerprint);
	r->version = w->p->version;
	r->generation = w->first.ledger.generation;
	r->portable = !w->reference;
	r->independent = w->opt->independent;
	r->sample = w->opt->sample;
	snprintf(r->base, sizeof(r->base), "%s", w->base_receipt);
	snprintf(r->seed, sizeof(r->seed), "%s", w->key.seed);
	add_parts(r, &w->first.ledger);
	if (ev_counts_ledger(&w->key, &w->first.ledger, &ledger, err) < 0)
		return -1;
	r->ledger = (int64_t)ledger.count;
	print_digest(&ledger, r->ledger_digest);
	return ev_receipt_schema(s, &r->schema, err);
}

void ev_receipt_end(struct ev_verifying *w)
{
	struct ev_receipt *r = w->v->receipt;

	for (size_t i = 0; w->opt->rows && i < w->ntables; i++)
		if (!w->tables[i].foreign)
			add_table(r, &w->tables[i]);
	if (!w->opt->counts)
		return;
	r->letters = (int64_t)w->letters.count;
	print_digest(&w->letters, r->letters_digest);
	if (!w->p->dedupe)
		return;
	r->ids = (int64_t)w->ids.sum.count;
	print_digest(&w->ids.sum, r->ids_digest);
}
