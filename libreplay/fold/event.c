/*
 * event.c - statements folded at once, record by record, over rows that outlive the transaction
 *
 * A record's effects can be taken back until it is kept. What is not for us to say goes to the store: the
 * rows that the record names are written first, and read again when they are next wanted.
 */
#include "base/mem.h"
#include "fold/internal.h"

#define MANY 20000 /* rows: some hundredths of a second */
#define SPARE ((size_t)8 << 20) /* bytes over the limit, at most, before what is at hand goes to the store */
#define MOST_NAMED 4096  /* rows of one record; then whole tables are */

bool ev_fold_whole(const struct ev_fold *f)
{
	return f && f->whole;
}

void ev_fold_set_limit(struct ev_fold *f, size_t bytes, bool bulk)
{
	f->limit = bytes;
	f->bulk = bulk;
}

void ev_fold_beside(struct ev_fold *f, size_t bytes)
{
	f->beside = bytes;
}

static void take_params(struct ev_fold *f, const struct ev_bind *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ev_fold_value(NULL, &b[i], f->store->ops->dialect, &f->params[i]);
}

void ev_fold_want_row(struct ev_fold_table *t, struct ev_fold_row *row)
{
	if (row->state != EV_ROW_UNKNOWN || row->wanted)
		return;
	row->wanted = true;
	ev_fold_add_row(&t->wanted, row);
}

/* Is all of the table named, since there are so many of its rows? */
static bool is_named(const struct ev_fold *f, const struct ev_fold_table *t)
{
	for (size_t i = MOST_NAMED; i < f->nnamed; i++)
		if (f->named[i].table == t)
			return true;
	return false;
}

static size_t bytes_of(const struct ev_fv *v)
{
	return v->kind == EV_FV_DOUBT ? EV_FOLD_MOST_TEXT : v->text.len;
}

/* No expression makes a text that is longer than what it is given, so no row comes to more than it had and these. */
static void measure(struct ev_fold *f, const struct ev_fold_statement *s, const struct ev_fold_row *row,
		    const struct ev_bind *b, size_t n)
{
	size_t had = row && row->state != EV_ROW_UNKNOWN ? row->bytes : EV_FOLD_MOST_TEXT;

	if (s->verb == EV_FOLD_DELETE)
		return;
	for (size_t i = 0; i < n; i++)
		if (b[i].kind == EV_BIND_TEXT || b[i].kind == EV_BIND_JSON || b[i].kind == EV_BIND_NUMBER)
			f->named_bytes += b[i].text.len;
	for (size_t i = 0; i < s->nexpr; i++)
		if (s->expr[i].kind == EV_FX_CONST)
			f->named_bytes += bytes_of(&s->expr[i].value);
	for (size_t c = 0; s->verb == EV_FOLD_INSERT && c < s->table->ncolumns; c++)
		f->named_bytes += bytes_of(&s->table->columns[c].fallback);
	if (had > f->named_most)
		f->named_most = had;
}

void ev_fold_want(struct ev_fold *f, size_t handler, size_t statement, const struct ev_bind *b, size_t n)
{
	const struct ev_fold_statement *s = &f->statements[handler][statement];
	bool whole = s->sweeps || f->nnamed >= MOST_NAMED;
	struct ev_fold_row *row;

	if (whole && is_named(f, s->table))
		return;
	take_params(f, b, n);
	row = whole ? NULL : ev_fold_find(f, s, f->params);
	if (f->naming)
		measure(f, s, row, b, n);
	if (row)
		ev_fold_want_row(s->table, row);
	if (s->sweeps && !f->naming)
		ev_fold_want_group(s->table, ev_fold_find_group(f, s, f->params));
	if (!f->naming)
		return;
	EV_GROW(f->named, f->nnamed, f->named_cap);
	f->named[f->nnamed++] = (struct ev_fold_named){ s->table, row };
}

int ev_fold_fetch(struct ev_fold *f, struct ev_error *err)
{
	for (size_t i = 0; i < f->ntables; i++) {
		struct ev_fold_table *t = &f->tables[i];

		if (t->group && t->group->wanted.n && ev_fold_load_groups(f, t, err) < 0)
			return -1;
		if (t->wanted.n && ev_fold_load(f, t, err) < 0)
			return -1;
	}
	return 0;
}

void ev_fold_naming(struct ev_fold *f, bool on)
{
	f->naming = on;
	f->nnamed = f->named_bytes = f->named_most = 0;
}

bool ev_fold_named_long(const struct ev_fold *f)
{
	return f->named_most + f->named_bytes > EV_FOLD_MOST_TEXT;
}

int ev_fold_yield(struct ev_fold *f, struct ev_error *err)
{
	f->left++;
	for (size_t i = 0; i < f->nnamed; i++) {
		struct ev_fold_named *m = &f->named[i];

		if (m->row ? ev_fold_write_one(f, m->table, m->row, err) : ev_fold_write(f, m->table, err))
			return -1;
	}
	return 0;
}

void ev_fold_resume(struct ev_fold *f)
{
	for (size_t i = 0; i < f->nnamed; i++) {
		if (!f->named[i].row) /* each row of the table is read again */
			f->left += f->named[i].table->nrows / 1000;
		ev_fold_unsure(f, f->named[i].table, f->named[i].row);
	}
}

bool ev_fold_full(const struct ev_fold *f)
{
	return f->limit && ev_fold_bytes(f) + f->beside > f->limit;
}

bool ev_fold_over(const struct ev_fold *f)
{
	return f->limit && ev_fold_bytes(f) + f->beside > f->limit + SPARE;
}

bool ev_fold_ahead(struct ev_fold *f)
{
	return ev_pool_ahead(&f->pool);
}

bool ev_fold_complete(const struct ev_fold *f)
{
	for (size_t i = 0; i < f->ntables; i++)
		if (f->tables[i].plain && !f->tables[i].complete)
			return false;
	return true;
}

static int any_row(void *ctx, const struct ev_cell *cells, size_t n)
{
	(void)cells;
	(void)n;
	*(bool *)ctx = true;
	return 0;
}

int ev_fold_look(struct ev_fold *f, struct ev_error *err)
{
	for (size_t i = 0; i < f->ntables; i++) {
		struct ev_fold_table *t = &f->tables[i];
		bool any = false;

		if (!t->plain || t->nrows)
			continue;
		if (f->store->ops->select(f->store, t->any, NULL, 0, any_row, &any, err) < 0)
			return -1;
		t->complete = t->empty = !any;
	}
	return 0;
}

int ev_fold_write_all(struct ev_fold *f, struct ev_error *err)
{
	for (size_t i = 0; i < f->ntables; i++)
		if (f->tables[i].dirty.n && ev_fold_write(f, &f->tables[i], err) < 0)
			return -1;
	return 0;
}

size_t ev_fold_changed(const struct ev_fold *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->ntables; i++)
		n += f->tables[i].dirty.n;
	return n;
}

bool ev_fold_loads(const struct ev_fold *f)
{
	for (size_t i = 0; i < f->ntables; i++)
		if (!f->tables[i].empty)
			return false;
	return ev_fold_changed(f) >= MANY;
}
