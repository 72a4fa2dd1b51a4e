/*
 * suspects.c - the rows of buckets that differ, one by one
 *
 * The first snapshot was let go as soon as its rows were digested, so the rows are read again in a second one,
 * and the reference is folded on to where that stands. Rows of the wanted buckets are sorted and joined
 * (row_join.h), in files where they do not fit; the others are digested again, as the equations are of this reading.
 * Of those that differ the first are shown, by their keys, so many as --max-diffs says; of the others their number.
 * Should a bucket that was the same be another now, it is wanted too, and there is a third reading.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/plural.h"
#include "verify/cause.h"
#include "verify/row_join.h"
#include "verify/repair.h"

#define READINGS 3
#define MOST_CAUSES 50 /* rows whose cause is looked for: that takes some 100 small folds each */
#define ROWS_AT_ONCE 0xffff /* between two looks at whether it is to stop */

struct shown {
	char *key;
	bool has[2];
	struct ev_hash128 hash, row[2];
	struct ev_buf bytes[2];
};

/* Of one table. */
struct suspecting {
	struct all *all;
	struct ev_table_check *t;
	int side;
	int64_t rows[2];   /* all that are in the sample */
	int64_t others[2]; /* of them those in buckets that are the same */
	int64_t changed, single[2]; /* missing: of the log's side */
	struct shown *v;   /* the first by their keys, and some more */
	size_t n;
};

struct all {
	struct ev_verifying *w;
	struct ev_mode *m;
	struct ev_row_join *join;
	int64_t taken;              /* from it */
	size_t room;                /* findings that may still be shown */
	struct suspecting *tables;
	struct ev_suspect *asked;   /* of those that are printed */
	size_t nasked;
	int64_t unasked;            /* past MOST_CAUSES */
	struct ev_wrong_row *wrong; /* all of them, for a repair */
	size_t nwrong;
	struct ev_buf keys;         /* of those; never moves */
	int64_t unkept;             /* more than there is memory for */
};

static int collect(void *ctx, const struct ev_scanned *row, struct ev_error *err)
{
	struct suspecting *s = ctx;
	struct ev_verifying *w = s->all->w;
	size_t bucket = ev_bucket_of(row->key);

	if (!(s->rows[s->side] & ROWS_AT_ONCE) && w->hooks->stop && w->hooks->stop(w->hooks->ctx))
		return ev_fail(err, EV_SOURCE, "stopped while the rows were read");
	if (!ev_rows_sampled(w, row->key)) {
		s->t->unsampled[s->side]++;
		return 0;
	}
	s->rows[s->side]++;
	ev_digest_add(&s->t->buckets[s->side][bucket], row->row);
	s->others[s->side] += !s->t->wanted[bucket];
	if (!s->t->wanted[bucket])
		return 0;
	return ev_row_join_add(s->all->join, (size_t)(s - s->all->tables), s->side, row, err);
}

static void begin_reading(struct suspecting *s, int side)
{
	memset(s->t->buckets[side], 0, EV_DIGEST_BUCKETS * sizeof(struct ev_digest));
	s->t->unsampled[side] = s->rows[side] = s->others[side] = 0;
	s->side = side;
}

static int read_again(struct suspecting *s, struct ev_store *store, struct ev_error *err)
{
	begin_reading(s, EV_SIDE_STORE);
	return ev_table_scan(store, &s->t->shape, &s->all->w->key, NULL, collect, s, err) < 0 ? -1 : 0;
}

static void release_shown(struct shown *v)
{
	free(v->key);
	ev_buf_release(&v->bytes[0]);
	ev_buf_release(&v->bytes[1]);
}

static int by_text(const void *a, const void *b)
{
	return strverscmp(((const struct shown *)a)->key, ((const struct shown *)b)->key);
}

/* In the order of their keys, so that two runs print the same; what cannot be shown is forgotten. */
static void sort_shown(struct suspecting *s)
{
	if (s->n)
		qsort(s->v, s->n, sizeof(*s->v), by_text);
	while (s->n > s->all->room)
		release_shown(&s->v[--s->n]);
}

static int show(struct suspecting *s, const struct ev_joined *d, struct ev_error *err)
{
	struct shown *v = EV_PUSH(s->v, s->n);
	struct ev_buf key = EV_BUF_INIT;
	bool failed = false;

	*v = (struct shown){ .hash = d->key };
	ev_row_key(&s->t->shape, d->bytes[d->has[EV_SIDE_LOG] ? EV_SIDE_LOG : EV_SIDE_STORE], &key);
	v->key = ev_strdup(ev_buf_str(&key));
	for (int side = 0; side < 2; side++) {
		v->has[side] = d->has[side];
		v->row[side] = d->row[side];
		ev_buf_add_slice(&v->bytes[side], d->bytes[side]);
		failed |= v->bytes[side].failed;
	}
	failed |= key.failed;
	ev_buf_release(&key);
	if (s->n >= 2 * s->all->room)
		sort_shown(s);
	return failed ? ev_fail(err, EV_STORE, "no memory for the rows that differ") : 0;
}

/* The columns of the key, of an encoded row that has them first. */
static struct ev_slice key_of(const struct ev_shape *shape, struct ev_slice bytes)
{
	struct ev_slice rest = bytes, raw;

	for (size_t i = 0; shape->keyed && i < shape->nkeys && ev_row_column(&rest, NULL, &raw); i++)
		;
	return shape->keyed ? ev_slice(bytes.ptr, bytes.len - rest.len) : bytes;
}

static void keep_wrong(struct suspecting *s, const struct ev_joined *d)
{
	struct all *all = s->all;
	struct ev_slice key = key_of(&s->t->shape, d->bytes[d->has[EV_SIDE_LOG] ? EV_SIDE_LOG : EV_SIDE_STORE]);
	size_t at = all->keys.len;

	if (!key.len) /* one that was given before has it */
		return;
	if (at + key.len >= all->keys.cap || (all->nwrong + 1) * sizeof(*all->wrong) > all->w->opt->memory / 8) {
		all->unkept++;
		return;
	}
	ev_buf_add_slice(&all->keys, key);
	*EV_PUSH(all->wrong, all->nwrong) =
		(struct ev_wrong_row){ s->t, d->key, ev_slice(all->keys.data + at, key.len) };
}

static int take(void *ctx, const struct ev_joined *d, struct ev_error *err)
{
	struct all *all = ctx;
	struct suspecting *s = &all->tables[d->table];
	bool both = d->has[0] && d->has[1];

	if (!(all->taken++ & ROWS_AT_ONCE) && all->w->hooks->stop && all->w->hooks->stop(all->w->hooks->ctx))
		return ev_fail(err, EV_SOURCE, "stopped while the rows were compared");
	if (both)
		s->changed += d->n;
	else
		s->single[d->has[EV_SIDE_LOG] ? EV_SIDE_LOG : EV_SIDE_STORE] += d->n;
	if (all->w->opt->repair)
		keep_wrong(s, d);
	return all->room && (d->bytes[0].len || d->bytes[1].len) ? show(s, d, err) : 0;
}

/* Columns that differ; of a row that one side lacks, all but the key. */
static void tell_columns(const struct suspecting *s, const struct shown *d, struct ev_finding *f)
{
	const struct ev_shape *shape = &s->t->shape;
	struct ev_slice log = ev_buf_slice(&d->bytes[EV_SIDE_LOG]), store = ev_buf_slice(&d->bytes[EV_SIDE_STORE]);
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
		if (in_log && in_store)
			ev_row_columns_differ(x, y, &a, &b);
		ev_finding_column(f, shape->columns[i].name, in_log ? ev_buf_str(&a) : NULL,
				  in_store ? ev_buf_str(&b) : NULL);
	}
	ev_buf_release(&a);
	ev_buf_release(&b);
}

/* The finding at hand is the last one. */
static void ask_cause(struct suspecting *s, const struct shown *d)
{
	struct all *all = s->all;

	if (!s->t->shape.keyed)
		return;
	if (all->nasked == MOST_CAUSES) {
		all->unasked++;
		return;
	}
	*EV_PUSH(all->asked, all->nasked) = (struct ev_suspect){
		.table = s->t, .finding = all->m->nfindings - 1, .in_log = d->has[EV_SIDE_LOG],
		.in_store = d->has[EV_SIDE_STORE], .key = d->hash, .log = d->row[EV_SIDE_LOG],
		.store = d->row[EV_SIDE_STORE],
		.bytes = ev_buf_slice(&d->bytes[d->has[EV_SIDE_LOG] ? EV_SIDE_LOG : EV_SIDE_STORE]),
	};
}

enum { CHANGED, MISSING, EXTRA, KINDS };
static const char *const kinds[] = { "changed", "missing", "extra" };

/* Those that are shown, then the others, of which the mode keeps the number. */
static void tell_rows(struct suspecting *s)
{
	int64_t left[KINDS] = { s->changed, s->single[EV_SIDE_LOG], s->single[EV_SIDE_STORE] };
	struct ev_mode *m = s->all->m;

	sort_shown(s);
	for (size_t i = 0; i < s->n; i++) {
		struct shown *d = &s->v[i];
		int kind = !d->has[EV_SIDE_STORE] ? MISSING : !d->has[EV_SIDE_LOG] ? EXTRA : CHANGED;
		struct ev_finding *f = ev_mode_finding(m, kinds[kind], s->t->shape.table);

		left[kind]--;
		if (!f)
			continue;
		f->key = ev_strdup(d->key);
		tell_columns(s, d, f);
		ask_cause(s, d);
	}
	for (int kind = 0; kind < KINDS; kind++)
		for (; left[kind] > 0; left[kind]--)
			ev_finding_text(ev_mode_finding(m, kinds[kind], s->t->shape.table), "one more");
}

static void tell_equations(struct suspecting *s)
{
	static const char *const what[] = { "store rows", "log rows" }, *const only[] = { "extra", "missing" };

	for (int side = 0; side < 2; side++) {
		struct ev_equation *e = ev_mode_equation(s->all->m, s->t->shape.table, what[side],
							 s->rows[side] + s->t->unsampled[side]);

		/* of the other side, so that the two equations prove each other */
		ev_equation_term(e, "matched", s->rows[!side] - s->changed - s->single[!side]);
		ev_equation_term(e, "differing", s->changed);
		ev_equation_term(e, only[side], s->single[side]);
		if (s->t->unsampled[side])
			ev_equation_term(e, "not in the sample", s->t->unsampled[side]);
		s->all->m->checked += side ? 0 : s->rows[side];
	}
}

static void tell_overwritten(struct suspecting *s)
{
	size_t n = 0;

	for (size_t i = 0; i < EV_DIGEST_BUCKETS; i++)
		n += s->t->wanted[i] && ev_digest_same(&s->t->buckets[0][i], &s->t->buckets[1][i]);
	if (n)
		ev_finding_text(ev_mode_finding(s->all->m, "overwritten", s->t->shape.table),
				"rows in %zu of %u buckets differed, and were overwritten before they could be read "
				"again", n, EV_DIGEST_BUCKETS);
}

static void tell_table(struct suspecting *s)
{
	tell_rows(s);
	tell_overwritten(s);
	tell_equations(s);
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
	if (ev_snapshot_follows(&w->first, s))
		return 0;
	ev_fail(err, EV_DATA, "rows differ, and the view was built anew before they could be read again");
	return ev_hint(err, "check it again");
}

/* Of the wanted tables what is folded. */
static int collect_folded(void *ctx, struct ev_error *err)
{
	struct all *all = ctx;
	struct ev_verifying *w = all->w;

	for (size_t i = 0; i < w->ntables; i++)
		if (w->tables[i].wanted &&
		    ev_reference_scan(w, &w->tables[i].shape, collect, &all->tables[i], err) < 0)
			return -1;
	return 0;
}

/* The wanted tables at a second snapshot, which is to be released. 0, 1 to be done once more, -1. */
static int read_both(struct all *all, struct ev_snapshot *second, struct ev_error *err)
{
	struct ev_verifying *w = all->w;
	struct ev_digest letters = { 0 };
	int rc = ev_snapshot_take(second, w->opt->url, w->opt->store, w->p->name, 0, err), more = 0;

	ev_row_join_free(all->join);
	all->join = ev_row_join_new(w->opt->memory / 8, all->room ? all->room : 1);
	if (rc == 0)
		rc = still_the_same(w, second, err);
	for (size_t i = 0; i < w->ntables && rc == 0; i++)
		if (w->tables[i].wanted)
			rc = read_again(&all->tables[i], second->store, err);
	if (rc == 0 && w->p->nreads)
		rc = ev_counts_letters(&w->key, w->p, second->store, &letters, err);
	ev_snapshot_let_go(second);
	for (size_t i = 0; i < w->ntables && rc == 0; i++)
		if (w->tables[i].wanted)
			begin_reading(&all->tables[i], EV_SIDE_LOG);
	if (rc == 0)
		rc = ev_reference_fold(w, second, collect_folded, all, err);
	if (rc == 0 && w->p->nreads)
		rc = ev_reads_same_letters(w, &letters, err);
	for (size_t i = 0; i < w->ntables && rc == 0; i++)
		more |= w->tables[i].wanted && look_around(&all->tables[i]);
	return rc < 0 ? -1 : more;
}

/* What is likely, of the rows that are printed; where that fails, the rows differ all the same. -1: it was stopped. */
static int find_causes(const struct all *all, const struct ev_snapshot *at, struct ev_error *err)
{
	struct ev_error why = EV_ERROR_INIT;
	struct ev_verifying *w = all->w;

	if (all->nasked && w->opt->base)
		ev_mode_note(all->m, "which events made these rows is not looked for: the fold begins with a base");
	else if (all->nasked && !w->reference)
		ev_mode_note(all->m, "which events made these rows is found with --scratch");
	else if (all->nasked && ev_cause_find(w, at, all->asked, all->nasked, all->m, &why) < 0)
		ev_mode_note(all->m, "causes were not found: %s", why.text);
	else if (all->unasked)
		ev_mode_note(all->m, "causes are looked for of the first %d rows, not of the other %" PRId64,
			     MOST_CAUSES, all->unasked);
	if (w->hooks->stop && w->hooks->stop(w->hooks->ctx))
		return ev_fail(err, EV_SOURCE, "stopped while causes were looked for");
	return 0;
}

/* All that differ, printed or not, by their keys. */
static int repair(struct all *all, const struct ev_snapshot *at, struct ev_error *err)
{
	if (all->w->altered) {
		ev_fail(err, EV_USAGE, "the store's tables are not those of the file: rows made by them would be "
			"wrong");
		return ev_hint(err, "build the view anew: evproject rebuild --again");
	}
	if (all->w->slices > 1)
		return ev_fail(err, EV_USAGE, "a repair wants all rows of the fold, which do not fit --memory");
	if (all->unkept) {
		ev_fail(err, EV_USAGE, "%" PRId64 " row%s wrong: to repair them takes more than --memory",
			(int64_t)all->nwrong + all->unkept,
			ev_agree(all->nwrong + all->unkept, " is", "s are"));
		return ev_hint(err, "build the view anew: evproject rebuild --again");
	}
	return all->nwrong ? ev_repair(all->w, at, all->wrong, all->nwrong, all->m, err) : 0;
}

static void release(struct all *all)
{
	for (size_t i = 0; i < all->w->ntables; i++) {
		struct suspecting *s = &all->tables[i];

		while (s->n)
			release_shown(&s->v[--s->n]);
		free(s->v);
	}
	ev_row_join_free(all->join);
	free(all->tables);
	free(all->asked);
	free(all->wrong);
	ev_buf_release(&all->keys);
}

static int tell_all(struct all *all, const struct ev_snapshot *at, struct ev_error *err)
{
	struct ev_verifying *w = all->w;

	if (w->opt->repair)
		ev_buf_reserve(&all->keys, w->opt->memory / 8);
	if (ev_row_join_all(all->join, take, all, err) < 0)
		return -1;
	for (size_t i = 0; i < w->ntables; i++)
		if (w->tables[i].wanted)
			tell_table(&all->tables[i]);
	if (find_causes(all, at, err) < 0)
		return -1;
	if (w->opt->repair)
		return repair(all, at, err);
	if (all->m->found && !w->opt->base)
		ev_mode_note(all->m, "once it is known why: --repair says how many rows would be made anew from the "
			     "log");
	return 0;
}

int ev_suspects_tell(struct ev_verifying *w, struct ev_mode *m, struct ev_error *err)
{
	struct all all = { .w = w, .m = m };
	struct ev_snapshot second = { 0 };
	int rc = 1;

	if (m->max_findings > m->nfindings)
		all.room = m->max_findings - m->nfindings;
	all.tables = ev_alloc((w->ntables + 1) * sizeof(*all.tables));
	for (size_t i = 0; i < w->ntables; i++)
		all.tables[i] = (struct suspecting){ .all = &all, .t = &w->tables[i] };
	for (int n = 0; n < READINGS && rc == 1; n++) {
		ev_snapshot_release(&second);
		rc = read_both(&all, &second, err);
	}
	if (rc == 1)
		rc = ev_fail(err, EV_DATA, "rows go on changing in ways that the log does not say: stop who writes "
			     "them, then check again");
	if (rc == 0)
		rc = tell_all(&all, &second, err);
	release(&all);
	ev_snapshot_release(&second);
	return rc;
}
