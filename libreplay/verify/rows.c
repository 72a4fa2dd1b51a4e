/* rows.c - --rows: the store's rows against those that the log makes, bucket by bucket */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "verify/declared.h"
#include "verify/internal.h"

struct reading {
	struct ev_verifying *w;
	struct ev_table_check *t;
	int side;
};

bool ev_rows_sampled(const struct ev_verifying *w, struct ev_hash128 key)
{
	return w->opt->sample >= 1 || (double)(key.hi >> 11) < w->opt->sample * 0x1p53;
}

static int add_row(void *ctx, const struct ev_scanned *row, struct ev_error *err)
{
	struct reading *r = ctx;

	if (!(r->t->sum[r->side].count & 0xffff) && r->w->hooks->stop && r->w->hooks->stop(r->w->hooks->ctx))
		return ev_fail(err, EV_SOURCE, "stopped while the rows were read");
	if (!ev_rows_sampled(r->w, row->key)) {
		r->t->unsampled[r->side]++;
		return 0;
	}
	ev_digest_add(&r->t->sum[r->side], row->row);
	ev_digest_add(&r->t->buckets[r->side][ev_bucket_of(row->key)], row->row);
	return 0;
}

/* `s` NULL: the rows that the log makes. */
static int read_side(struct ev_verifying *w, struct ev_table_check *t, struct ev_store *s, int side,
		     struct ev_mode *m, struct ev_error *err)
{
	struct reading r = { w, t, side };
	int rc;

	if (!t->buckets[side])
		t->buckets[side] = ev_alloc(EV_DIGEST_BUCKETS * sizeof(struct ev_digest));
	rc = s ? ev_table_scan(s, &t->shape, &w->key, m, add_row, &r, err)
	       : ev_reference_scan(w, &t->shape, add_row, &r, err);
	if (rc == 1 && side == EV_SIDE_STORE) {
		t->absent = true;
		ev_finding_text(ev_mode_finding(m, "table", t->shape.table), "the store has no such table");
		rc = 0;
	}
	return rc;
}

static bool has_shape(const struct ev_verifying *w, const char *table)
{
	for (size_t i = 0; i < w->ntables; i++)
		if (strcmp(w->tables[i].shape.table, table) == 0)
			return true;
	return false;
}

static bool is_owned(const struct ev_snapshot *s, const char *table)
{
	const char *t = ev_buf_str(&s->tables), *end = t + s->tables.len;

	while (t < end && strcmp(t, table) != 0)
		t += strlen(t) + 1;
	return t < end;
}

/* Tables that the ledger says are the projection's, and its schema does not make; and the other way round. */
static void tell_strangers(struct ev_verifying *w, const struct ev_snapshot *s, struct ev_mode *m)
{
	const char *t = ev_buf_str(&s->tables), *end = t + s->tables.len;
	struct ev_error ignored = EV_ERROR_INIT;

	for (; t < end; t += strlen(t) + 1)
		if (!has_shape(w, t) && w->reference->ops->has_table(w->reference, t, &ignored) <= 0)
			ev_finding_text(ev_mode_finding(m, "table", t),
					"the ledger owns it, and the projection does not make it");
	for (size_t i = 0; i < w->ntables; i++)
		if (!is_owned(s, w->tables[i].shape.table) &&
		    s->store->ops->has_table(s->store, w->tables[i].shape.table, &ignored) > 0)
			ev_finding_text(ev_mode_finding(m, "table", w->tables[i].shape.table),
					"the ledger does not say that it is the projection's");
}

int ev_rows_read(struct ev_verifying *w, struct ev_snapshot *s, struct ev_mode *m, struct ev_error *err)
{
	int64_t before = m->found;

	if (w->reference)
		tell_strangers(w, s, m);
	else if (ev_declared_compare(w->p, s->store, &s->tables, m, err) < 0)
		return -1;
	w->altered = !w->reference && m->found > before;
	for (size_t i = 0; i < w->ntables; i++)
		if (!w->tables[i].foreign && read_side(w, &w->tables[i], s->store, EV_SIDE_STORE, m, err) < 0)
			return -1;
	return ev_views_compare(w, s->store, m, err);
}

/* Which buckets differ? */
static bool compare(struct ev_table_check *t)
{
	bool any = false;

	for (size_t i = 0; i < EV_DIGEST_BUCKETS; i++) {
		if (ev_digest_same(&t->buckets[0][i], &t->buckets[1][i]))
			continue;
		if (!t->wanted)
			t->wanted = ev_alloc(EV_DIGEST_BUCKETS);
		t->wanted[i] = any = true;
	}
	return any;
}

static void keep_digest(struct ev_verifying *w, const struct ev_table_check *t)
{
	struct ev_table_digest *d = EV_PUSH(w->v->digests, w->v->ndigests);
	struct ev_buf text = EV_BUF_INIT;

	ev_digest_print(&t->sum[EV_SIDE_STORE], &text);
	d->table = ev_strdup(t->shape.table);
	d->rows = (int64_t)t->sum[EV_SIDE_STORE].count;
	snprintf(d->digest, sizeof(d->digest), "%s", ev_buf_str(&text));
	ev_buf_release(&text);
}

/* All rows are in buckets that are the same on both sides. */
static void tell_same(const struct ev_table_check *t, struct ev_mode *m)
{
	int64_t rows = (int64_t)t->sum[EV_SIDE_STORE].count;
	static const char *const what[] = { "store rows", "log rows" }, *const only[] = { "extra", "missing" };

	for (int side = 0; side < 2; side++) {
		struct ev_equation *e = ev_mode_equation(m, t->shape.table, what[side], rows + t->unsampled[side]);

		ev_equation_term(e, "matched", rows);
		ev_equation_term(e, "differing", 0);
		ev_equation_term(e, only[side], 0);
		if (t->unsampled[side])
			ev_equation_term(e, "not in the sample", t->unsampled[side]);
	}
	m->checked += rows;
}

static void tell_ignored(const struct ev_table_check *t, struct ev_mode *m)
{
	struct ev_equation *e;

	if (!t->shape.ignored)
		return;
	e = ev_mode_equation(m, t->shape.table, "columns", (int64_t)t->shape.ncolumns);
	ev_equation_term(e, "compared", (int64_t)t->shape.ncolumns - t->shape.ignored);
	ev_equation_term(e, "ignored", t->shape.ignored);
}

int ev_rows_folded(void *ctx, struct ev_error *err)
{
	struct ev_verifying *w = ctx;

	for (size_t i = 0; i < w->ntables; i++)
		if (!w->tables[i].foreign && read_side(w, &w->tables[i], NULL, EV_SIDE_LOG, NULL, err) < 0)
			return -1;
	return 0;
}

int ev_rows_judge(struct ev_verifying *w, struct ev_mode *m)
{
	bool differ = false;

	for (size_t i = 0; i < w->ntables; i++) {
		if (w->tables[i].foreign)
			continue;
		keep_digest(w, &w->tables[i]);
		differ |= compare(&w->tables[i]);
	}
	w->rows_match = !differ && !m->found;
	for (size_t i = 0; i < w->ntables; i++) {
		if (w->tables[i].foreign) {
			ev_mode_note(m, "%s: not checked", w->tables[i].shape.table);
			continue;
		}
		tell_ignored(&w->tables[i], m);
		m->unsampled |= w->tables[i].unsampled[EV_SIDE_STORE] || w->tables[i].unsampled[EV_SIDE_LOG];
		if (!w->tables[i].wanted)
			tell_same(&w->tables[i], m);
	}
	return differ;
}
