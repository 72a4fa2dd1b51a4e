/* detached.c - a fold without a store behind it: it starts empty, and its rows are given out */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "fold/internal.h"

static struct ev_fold_table *find(const struct ev_fold *f, const char *table)
{
	for (size_t i = 0; i < f->ntables; i++)
		if (strcasecmp(f->tables[i].name, table) == 0 && f->tables[i].plain)
			return &f->tables[i];
	return NULL;
}

size_t ev_fold_columns(const struct ev_fold *f, const char *table)
{
	const struct ev_fold_table *t = find(f, table);

	return t ? t->ncolumns : 0;
}

const char *ev_fold_column_name(const struct ev_fold *f, const char *table, size_t column)
{
	const struct ev_fold_table *t = find(f, table);

	return t && column < t->ncolumns ? t->columns[column].name : NULL;
}

#define DIGITS 32

/* `text` has room for a number. */
static struct ev_cell cell_of(const struct ev_fv *v, char text[DIGITS])
{
	struct ev_cell c = { .kind = EV_CELL_NULL };
	struct ev_buf digits = EV_BUF_INIT;

	if (v->kind == EV_FV_NULL)
		return c;
	if (v->kind == EV_FV_INT || v->kind == EV_FV_BOOL) {
		c.kind = EV_CELL_INT;
		c.i = v->i;
		c.text = ev_slice(text, (size_t)snprintf(text, DIGITS, "%lld", (long long)v->i));
		return c;
	}
	if (v->kind == EV_FV_REAL || v->kind == EV_FV_DECIMAL) {
		c.kind = EV_CELL_REAL;
		if (v->kind == EV_FV_DECIMAL)
			ev_fold_add_decimal(&digits, v->i);
		else
			ev_buf_addf(&digits, "%.17g", ev_fv_real(v));
		c.text = ev_slice(text, (size_t)snprintf(text, DIGITS, "%s", ev_buf_str(&digits)));
		c.real = v->kind == EV_FV_REAL ? ev_fv_real(v) : strtod(text, NULL);
		ev_buf_release(&digits);
		return c;
	}
	c.kind = EV_CELL_TEXT;
	c.text = v->text;
	return c;
}

int ev_fold_rows(struct ev_fold *f, const char *table, ev_row_fn row, void *ctx, struct ev_error *err)
{
	struct ev_fold_table *t = find(f, table);
	struct ev_cell *cells;
	char (*texts)[DIGITS];
	int rc = 0;

	if (!t)
		return ev_fail(err, EV_BUG, "no folded table '%s'", table);
	cells = ev_alloc(t->ncolumns * sizeof(*cells));
	texts = ev_alloc(t->ncolumns * sizeof(*texts));
	ev_fold_sort(t, &t->dirty); /* all that ever changed, which is all */
	for (size_t i = 0; i < t->dirty.n && !rc; i++) {
		const struct ev_fold_row *r = t->dirty.v[i].row;

		if (r->state != EV_ROW_PRESENT)
			continue;
		for (size_t c = 0; c < t->ncolumns; c++) {
			struct ev_fv v = ev_fold_get(t, r, c);

			cells[c] = cell_of(&v, texts[c]);
		}
		rc = row(ctx, cells, t->ncolumns);
	}
	free(cells);
	free(texts);
	return rc;
}

size_t ev_fold_bytes(const struct ev_fold *f)
{
	size_t bytes = f->pool.bytes + f->copies.len + f->nsaved * sizeof(*f->saved);

	for (size_t i = 0; i < f->ntables; i++)
		for (const struct ev_fold_table *t = &f->tables[i]; t; t = t->group) {
			/* while it grows, the table stands there twice, and the new one is twice as large */
			size_t slots = t->nslots * (t->nrows * 10 >= t->nslots * 7 ? 3 : 1);

			bytes += slots * sizeof(*t->slots) + (t->dirty.cap + t->wanted.cap) * sizeof(*t->dirty.v);
		}
	return bytes;
}
