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

static size_t bound(const struct ev_bind *b)
{
	return b->kind >= EV_BIND_NUMBER ? b->text.len : 0; /* these have text, those before have none */
}

static bool may_have_text(const struct ev_fold_column *c)
{
	return c->class != EV_FC_INT && c->class != EV_FC_BOOL;
}

static size_t longer(size_t a, size_t b)
{
	return a > b ? a : b;
}

static size_t longest_of(const struct ev_fold *f, const struct ev_fold_statement *s, size_t expr,
			 const struct ev_bind *b);

/* What an INSERT gives to a column. */
static size_t given(const struct ev_fold *f, const struct ev_fold_statement *s, size_t column,
		    const struct ev_bind *b)
{
	for (size_t i = 0; i < s->nvalues; i++)
		if (s->values[i].column == column)
			return longest_of(f, s, s->values[i].expr, b);
	return bytes_of(&s->table->columns[column].fallback);
}

/* No expression makes a text that is longer than the longest one that it is made of. */
static size_t longest_of(const struct ev_fold *f, const struct ev_fold_statement *s, size_t expr,
			 const struct ev_bind *b)
{
	size_t most = 0;

	for (size_t i = s->expr[expr].first; i <= expr; i++) {
		const struct ev_fx *x = &s->expr[i];

		if (x->kind == EV_FX_PARAM)
			most = longer(most, bound(&b[x->index]));
		else if (x->kind == EV_FX_CONST)
			most = longer(most, bytes_of(&x->value));
		else if (x->kind == EV_FX_OLD && may_have_text(&s->table->columns[x->index]))
			most = longer(most, f->named_longest);
		else if (x->kind == EV_FX_NEW && may_have_text(&s->table->columns[x->index]))
			most = longer(most, given(f, s, x->index, b));
	}
	return most;
}

static size_t longest_text(const struct ev_fold_table *t, const struct ev_fold_row *row)
{
	size_t longest = 0;

	for (size_t c = 0; c < t->ncolumns; c++)
		longest = longer(longest, ev_fold_get(t, row, c).text.len);
	return longest;
}

/*
 * No row comes to more than the most that one had and all that statements put into columns. What they copy out of a
 * row may be what one before has put there.
 */
static void measure(struct ev_fold *f, const struct ev_fold_statement *s, const struct ev_fold_row *row,
		    const struct ev_bind *b)
{
	const struct ev_fold_table *t = s->table;
	bool known = row && row->state != EV_ROW_UNKNOWN;
	size_t proposed = 0, set = 0, longest;

	if (s->verb == EV_FOLD_DELETE)
		return;
	f->named_most = longer(f->named_most, known ? ev_fold_row_weight(t, row) : EV_FOLD_MOST_TEXT);
	f->named_longest = longer(f->named_longest, known ? longest_text(t, row) : EV_FOLD_MOST_TEXT);
	longest = f->named_longest;
	for (size_t c = 0; s->verb == EV_FOLD_INSERT && c < t->ncolumns; c++) {
		size_t n = given(f, s, c, b);

		proposed += ev_fold_weight(&t->columns[c], n);
		longest = longer(longest, n);
	}
	for (size_t i = 0; i < s->nsets; i++) {
		size_t n = longest_of(f, s, s->sets[i].expr, b);

		set += ev_fold_weight(&t->columns[s->sets[i].column], n);
		longest = longer(longest, n);
	}
	f->named_bytes += longer(proposed, set);
	f->named_longest = longest;
}

void ev_fold_want(struct ev_fold *f, size_t handler, size_t statement, const struct ev_bind *b, size_t n)
{
	const struct ev_fold_statement *s = &f->statements[handler][statement];
	bool whole = s->sweeps || f->nnamed >= MOST_NAMED;
	struct ev_fold_row *row = NULL;
	enum ev_fold_found found;

	take_params(f, b, n);
	if (!whole || !f->naming) {
		row = ev_fold_find(f, s, f->params, &found);
		if (found == EV_KEY_NONE)
			return;
	}
	if (f->naming)
		measure(f, s, row, b);
	if (whole && is_named(f, s->table))
		return;
	if (row && !s->sweeps)
		ev_fold_want_row(s->table, row);
	if (s->sweeps && !f->naming)
		ev_fold_want_group(s->table, row);
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
	f->nnamed = f->named_bytes = f->named_most = f->named_longest = 0;
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
