/*
 * suspects.c - the rows of buckets that differ, one by one
 *
 * The first snapshot was let go as soon as its rows were digested, so the rows are read again in a second one,
 * and the reference is folded on to where that stands. Rows of the wanted buckets are kept, as bytes within
 * --memory and as hashes beyond it; the others are digested again, as the equations are of this reading.
 * Should a bucket that was the same be another now, it is wanted too, and there is a third reading.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "verify/cause.h"
#include "verify/repair.h"

#define READINGS 3
#define MAX_SORTED 200000

struct kept {
	struct ev_hash128 key, row;
	size_t at, len; /* in the bytes; 0: not kept */
};

struct pile {
	struct kept *v;
	size_t n, cap;
	struct ev_buf bytes;
};

struct differing {
	const struct kept *log, *store; /* one of them, or both */
	char *key;
};

struct suspecting {
	struct ev_verifying *w;
	struct ev_mode *m;
	struct ev_table_check *t;
	int side;
	struct pile pile[2];
	int64_t others[2]; /* rows of the buckets that are the same */
	struct differing *v;
	size_t n, cap;
	struct ev_suspect *asked; /* of those that are printed */
	size_t nasked;
};

static int collect(void *ctx, const struct ev_scanned *row, struct ev_error *err)
{
	struct suspecting *s = ctx;
	struct pile *p = &s->pile[s->side];
	size_t bucket = ev_bucket_of(row->key);
	struct kept *k;

	if (!ev_rows_sampled(s->w, row->key)) {
		s->t->unsampled[s->side]++;
		return 0;
	}
	ev_digest_add(&s->t->buckets[s->side][bucket], row->row);
	s->others[s->side] += !s->t->wanted[bucket];
	if (!s->t->wanted[bucket])
		return 0;
	EV_GROW(p->v, p->n, p->cap);
	k = &p->v[p->n++];
	*k = (struct kept){ row->key, row->row, p->bytes.len, 0 };
	if (p->bytes.len + row->bytes.len <= s->w->opt->memory / 4) {
		ev_buf_add_slice(&p->bytes, row->bytes);
		k->len = row->bytes.len;
	}
	return p->bytes.failed ? ev_fail(err, EV_STORE, "no memory for the rows that differ") : 0;
}

static void begin_reading(struct suspecting *s, int side)
{
	memset(s->t->buckets[side], 0, EV_DIGEST_BUCKETS * sizeof(struct ev_digest));
	s->t->unsampled[side] = s->others[side] = 0;
	s->side = side;
	s->pile[side].n = 0;
	ev_buf_clear(&s->pile[side].bytes);
}

static int read_again(struct suspecting *s, struct ev_store *store, struct ev_error *err)
{
	begin_reading(s, EV_SIDE_STORE);
	return ev_table_scan(store, &s->t->shape, &s->w->key, NULL, collect, s, err) < 0 ? -1 : 0;
}

static int by_key_row(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;
	int by = ev_hash128_cmp(x->key, y->key);

	return by ? by : ev_hash128_cmp(x->row, y->row);
}

static void add_differing(struct suspecting *s, const struct kept *log, const struct kept *store)
{
	EV_GROW(s->v, s->n, s->cap);
	s->v[s->n++] = (struct differing){ log, store, NULL };
}

/* Rows of one key on both sides: what is equal is paired off, the rest by turns. */
static void match_group(struct suspecting *s, const struct kept *a, size_t na, const struct kept *b, size_t nb)
{
	const struct kept **x = ev_alloc((na + 1) * sizeof(*x)), **y = ev_alloc((nb + 1) * sizeof(*y));
	size_t nx = 0, ny = 0, i = 0, j = 0;

	while (i < na || j < nb) {
		int by = i == na ? 1 : j == nb ? -1 : ev_hash128_cmp(a[i].row, b[j].row);

		if (by < 0)
			x[nx++] = &a[i++];
		else if (by > 0)
			y[ny++] = &b[j++];
		else
			i++, j++;
	}
	for (i = 0; i < nx || i < ny; i++)
		add_differing(s, i < ny ? y[i] : NULL, i < nx ? x[i] : NULL);
	free(x);
	free(y);
}

static size_t group_end(const struct pile *p, size_t from, struct ev_hash128 key)
{
	while (from < p->n && ev_hash128_cmp(p->v[from].key, key) == 0)
		from++;
	return from;
}

static void match_all(struct suspecting *s)
{
	struct pile *a = &s->pile[EV_SIDE_STORE], *b = &s->pile[EV_SIDE_LOG];
	size_t i = 0, j = 0;

	if (a->n)
		qsort(a->v, a->n, sizeof(*a->v), by_key_row);
	if (b->n)
		qsort(b->v, b->n, sizeof(*b->v), by_key_row);
	s->n = 0;
	while (i < a->n || j < b->n) {
		bool of_a = j == b->n || (i < a->n && ev_hash128_cmp(a->v[i].key, b->v[j].key) <= 0);
		struct ev_hash128 key = of_a ? a->v[i].key : b->v[j].key;
		size_t i2 = group_end(a, i, key), j2 = group_end(b, j, key);

		match_group(s, a->n ? a->v + i : NULL, i2 - i, b->n ? b->v + j : NULL, j2 - j);
		i = i2;
		j = j2;
	}
}

static struct ev_slice bytes_of(const struct suspecting *s, int side, const struct kept *k)
{
	return ev_slice(ev_buf_str(&s->pile[side].bytes) + k->at, k->len);
}

static int by_text(const void *a, const void *b)
{
	const struct differing *x = a, *y = b;

	return !x->key || !y->key ? !x->key - !y->key : strverscmp(x->key, y->key);
}

/* In the order of their keys, so that two runs print the same. */
static void sort_differing(struct suspecting *s)
{
	struct ev_buf key = EV_BUF_INIT;

	if (s->n > MAX_SORTED)
		return;
	for (size_t i = 0; i < s->n; i++) {
		int side = s->v[i].log ? EV_SIDE_LOG : EV_SIDE_STORE;
		const struct kept *k = s->v[i].log ? s->v[i].log : s->v[i].store;

		ev_buf_clear(&key);
		ev_row_key(&s->t->shape, bytes_of(s, side, k), &key);
		s->v[i].key = k->len ? ev_strdup(ev_buf_str(&key)) : NULL;
	}
	if (s->n)
		qsort(s->v, s->n, sizeof(*s->v), by_text);
	ev_buf_release(&key);
}

/* Columns that differ; of a row that one side lacks, all but the key. */
static void tell_columns(struct suspecting *s, const struct differing *d, struct ev_finding *f)
{
	const struct ev_shape *shape = &s->t->shape;
	struct ev_slice log = d->log ? bytes_of(s, EV_SIDE_LOG, d->log) : ev_slice("", 0);
	struct ev_slice store = d->store ? bytes_of(s, EV_SIDE_STORE, d->store) : ev_slice("", 0);
	struct ev_buf a = EV_BUF_INIT, b = EV_BUF_INIT;

	for (size_t i = 0; i < shape->ncolumns; i++) {
		struct ev_slice x = ev_slice("", 0), y = x;
		bool in_log, in_store;

		ev_buf_clear(&a);
		ev_buf_clear(&b);
		in_log = ev_row_column(&log, &a, &x);
		in_store = ev_row_column(&store, &b, &y);
		if ((i < shape->nkeys && shape->keyed) || shape->columns[i].ignored || ev_slice_eq(x, y))
			continue;
		ev_finding_column(f, shape->columns[i].name, in_log ? ev_buf_str(&a) : NULL,
				  in_store ? ev_buf_str(&b) : NULL);
	}
	ev_buf_release(&a);
	ev_buf_release(&b);
}

/* The finding at hand is the last one. */
static void ask_cause(struct suspecting *s, const struct differing *d)
{
	struct ev_suspect *a;

	if (!s->t->shape.keyed)
		return;
	a = EV_PUSH(s->asked, s->nasked);
	*a = (struct ev_suspect){ .table = s->t, .finding = s->m->nfindings - 1, .in_log = d->log,
				  .in_store = d->store };
	a->key = d->log ? d->log->key : d->store->key;
	if (d->log)
		a->log = d->log->row;
	if (d->store)
		a->store = d->store->row;
	a->bytes = d->log ? bytes_of(s, EV_SIDE_LOG, d->log) : bytes_of(s, EV_SIDE_STORE, d->store);
}

static void tell_row(struct suspecting *s, const struct differing *d)
{
	const char *kind = !d->store ? "missing" : !d->log ? "extra" : "changed";
	struct ev_finding *f = ev_mode_finding(s->m, kind, s->t->shape.table);

	if (!f)
		return;
	f->key = ev_strdup(d->key);
	if (!d->key) {
		ev_finding_text(f, "too many rows differ to keep them all within --memory");
		return;
	}
	tell_columns(s, d, f);
	ask_cause(s, d);
}

static void tell_equations(struct suspecting *s)
{
	static const char *const what[] = { "store rows", "log rows" }, *const only[] = { "extra", "missing" };
	int64_t changed = 0, missing = 0, extra = 0;

	for (size_t i = 0; i < s->n; i++) {
		changed += s->v[i].log && s->v[i].store;
		missing += !s->v[i].store;
		extra += !s->v[i].log;
	}
	for (int side = 0; side < 2; side++) {
		int64_t all = s->others[side] + (int64_t)s->pile[side].n, single = side ? missing : extra;
		struct ev_equation *e = ev_mode_equation(s->m, s->t->shape.table, what[side],
							 all + s->t->unsampled[side]);

		/* of the other side, so that the two equations prove each other */
		ev_equation_term(e, "matched", s->others[!side] + (int64_t)s->pile[!side].n - changed -
				 (side ? extra : missing));
		ev_equation_term(e, "differing", changed);
		ev_equation_term(e, only[side], single);
		if (s->t->unsampled[side])
			ev_equation_term(e, "not in the sample", s->t->unsampled[side]);
		s->m->checked += side ? 0 : all;
	}
}

static void tell_overwritten(struct suspecting *s)
{
	size_t n = 0;

	for (size_t i = 0; i < EV_DIGEST_BUCKETS; i++)
		n += s->t->wanted[i] && ev_digest_same(&s->t->buckets[0][i], &s->t->buckets[1][i]);
	if (n)
		ev_finding_text(ev_mode_finding(s->m, "overwritten", s->t->shape.table),
				"rows in %zu of %u buckets differed, and were overwritten before they could be read "
				"again", n, EV_DIGEST_BUCKETS);
}

static void tell_table(struct suspecting *s)
{
	match_all(s);
	sort_differing(s);
	for (size_t i = 0; i < s->n; i++)
		tell_row(s, &s->v[i]);
	tell_overwritten(s);
	tell_equations(s);
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i].key);
}

/* 1 when buckets differ now that were the same. */
static int look_around(struct suspecting *s)
{
	int more = 0;

	for (size_t i = 0; i < EV_DIGEST_BUCKETS; i++) {
		if (s->t->wanted[i] || ev_digest_same(&s->t->buckets[0][i], &s->t->buckets[1][i]))
			continue;
		s->t->wanted[i] = true;
		more = 1;
	}
	return more;
}

static int still_the_same(const struct ev_verifying *w, const struct ev_snapshot *s, struct ev_error *err)
{
	const struct ev_ledger *a = &w->first.ledger, *b = &s->ledger;
	bool same = strcmp(a->fingerprint, b->fingerprint) == 0;

	for (size_t i = 0; i < a->nparts && same; i++) {
		const struct ev_ledger_part *p = ev_ledger_part((struct ev_ledger *)b, a->parts[i].topic,
								a->parts[i].partition, false);

		same = p && p->begin == a->parts[i].begin && p->next >= a->parts[i].next;
	}
	if (same)
		return 0;
	ev_fail(err, EV_DATA, "rows differ, and the view was built anew before they could be read again");
	return ev_hint(err, "check it again");
}

/* Of the wanted tables what is folded. */
static int collect_folded(void *ctx, struct ev_error *err)
{
	struct suspecting *all = ctx;
	struct ev_verifying *w = all[0].w;

	for (size_t i = 0; i < w->ntables; i++)
		if (w->tables[i].wanted && ev_reference_scan(w, &w->tables[i].shape, collect, &all[i], err) < 0)
			return -1;
	return 0;
}

/* The wanted tables at a second snapshot, which is to be released. 0, 1 to be done once more, -1. */
static int read_both(struct ev_verifying *w, struct suspecting *all, struct ev_snapshot *second,
		     struct ev_error *err)
{
	int rc = ev_snapshot_take(second, w->opt->url, w->opt->store, w->p->name, 0, err), more = 0;

	if (rc == 0)
		rc = still_the_same(w, second, err);
	for (size_t i = 0; i < w->ntables && rc == 0; i++)
		if (w->tables[i].wanted)
			rc = read_again(&all[i], second->store, err);
	ev_snapshot_let_go(second);
	for (size_t i = 0; i < w->ntables && rc == 0; i++)
		if (w->tables[i].wanted)
			begin_reading(&all[i], EV_SIDE_LOG);
	if (rc == 0)
		rc = ev_reference_fold(w, second, collect_folded, all, err);
	for (size_t i = 0; i < w->ntables && rc == 0; i++)
		more |= w->tables[i].wanted && look_around(&all[i]);
	return rc < 0 ? -1 : more;
}

/* What is likely, of the rows that are printed; where that fails, the rows differ all the same. */
static void find_causes(struct ev_verifying *w, struct suspecting *all, const struct ev_snapshot *at,
			struct ev_mode *m)
{
	struct ev_error why = EV_ERROR_INIT;
	struct ev_suspect *v = NULL;
	size_t n = 0;

	for (size_t i = 0; i < w->ntables; i++)
		for (size_t k = 0; k < all[i].nasked; k++)
			*EV_PUSH(v, n) = all[i].asked[k];
	if (n && w->opt->base)
		ev_mode_note(m, "which events made these rows is not looked for: the fold begins with a base");
	else if (n && !w->reference)
		ev_mode_note(m, "which events made these rows is found with --scratch");
	else if (n && ev_cause_find(w, at, v, n, m, &why) < 0)
		ev_mode_note(m, "causes were not found: %s", why.text);
	free(v);
}

/* All that differ, printed or not, by their keys. */
static int repair(struct ev_verifying *w, struct suspecting *all, struct ev_mode *m, struct ev_error *err)
{
	struct ev_wrong_row *rows = NULL;
	size_t n = 0, unnamed = 0;
	int rc = 0;

	for (size_t i = 0; i < w->ntables; i++)
		for (size_t k = 0; k < all[i].n; k++) {
			const struct differing *d = &all[i].v[k];
			const struct kept *one = d->log ? d->log : d->store;

			unnamed += !one->len;
			*EV_PUSH(rows, n) = (struct ev_wrong_row){
				&w->tables[i], one->key, bytes_of(&all[i], d->log ? EV_SIDE_LOG : EV_SIDE_STORE, one),
			};
		}
	if (w->slices > 1)
		rc = ev_fail(err, EV_USAGE, "a repair wants all rows of the fold, which do not fit --memory");
	else if (unnamed)
		rc = ev_fail(err, EV_USAGE, "too many rows differ to repair them within --memory");
	else if (n)
		rc = ev_repair(w, rows, n, m, err);
	free(rows);
	return rc;
}

static void release(struct suspecting *s)
{
	for (int side = 0; side < 2; side++) {
		free(s->pile[side].v);
		ev_buf_release(&s->pile[side].bytes);
	}
	free(s->v);
	free(s->asked);
}

int ev_suspects_tell(struct ev_verifying *w, struct ev_mode *m, struct ev_error *err)
{
	struct suspecting *all = ev_alloc((w->ntables + 1) * sizeof(*all));
	struct ev_snapshot second = { 0 };
	int rc = 1;

	for (size_t i = 0; i < w->ntables; i++)
		all[i] = (struct suspecting){ .w = w, .m = m, .t = &w->tables[i] };
	for (int n = 0; n < READINGS && rc == 1; n++) {
		ev_snapshot_release(&second);
		rc = read_both(w, all, &second, err);
	}
	if (rc == 1)
		rc = ev_fail(err, EV_DATA, "rows go on changing in ways that the log does not say: stop who writes "
			     "them, then check again");
	for (size_t i = 0; i < w->ntables && rc == 0; i++)
		if (w->tables[i].wanted)
			tell_table(&all[i]);
	if (rc == 0)
		find_causes(w, all, &second, m);
	if (rc == 0 && w->opt->repair)
		rc = repair(w, all, m, err);
	else if (rc == 0 && m->found && !w->opt->base)
		ev_mode_note(m, "once it is known why: --repair says how many rows would be made anew from the log");
	for (size_t i = 0; i < w->ntables; i++)
		release(&all[i]);
	ev_snapshot_release(&second);
	free(all);
	return rc;
}
