/* io.c - rows from the store and back */
#include <stdlib.h>

#include "base/mem.h"
#include "fold/internal.h"
#include "record/line.h"

#define ROWS_AT_ONCE 5000

static bool in_bulk(const struct ev_fold *f)
{
	return f->store->ops->dialect == EV_POSTGRESQL;
}

/* The chosen columns: in `fmt` @ is a column's name, # its number, $ its type, ~ its value. */
static void add_list(struct ev_buf *sql, const struct ev_fold_table *t, bool key_only, const char *sep,
		     const char *fmt)
{
	size_t n = key_only ? t->nkey : t->ncolumns;

	for (size_t i = 0; i < n; i++) {
		const struct ev_fold_column *c = &t->columns[key_only ? t->key[i] : i];

		ev_buf_adds(sql, i ? sep : "");
		for (const char *p = fmt; *p; p++) {
			if (*p == '@')
				ev_buf_add_quoted(sql, c->name, '"');
			else if (*p == '#')
				ev_buf_addf(sql, "%zu", i + 1);
			else if (*p == '$')
				ev_buf_adds(sql, c->type);
			else if (*p == '~')
				ev_buf_adds(sql, c->value);
			else
				ev_buf_addc(sql, *p);
		}
	}
}

static bool has_rest(const struct ev_fold_table *t)
{
	return t->ncolumns > t->nkey;
}

static void add_conflict(struct ev_buf *sql, const struct ev_fold_table *t)
{
	bool first = true;

	ev_buf_adds(sql, " ON CONFLICT (");
	add_list(sql, t, true, ", ", "@");
	ev_buf_adds(sql, has_rest(t) ? ") DO UPDATE SET " : ") DO NOTHING");
	for (size_t i = 0; i < t->ncolumns; i++) {
		bool key = false;

		for (size_t k = 0; k < t->nkey; k++)
			key |= t->key[k] == i;
		if (key)
			continue;
		ev_buf_adds(sql, first ? "" : ", ");
		ev_buf_add_quoted(sql, t->columns[i].name, '"');
		ev_buf_adds(sql, " = excluded.");
		ev_buf_add_quoted(sql, t->columns[i].name, '"');
		first = false;
	}
}

static struct ev_query *prepare(struct ev_fold *f, struct ev_buf *sql, struct ev_error *err)
{
	size_t at;
	struct ev_query *q = f->store->ops->prepare(f->store, ev_buf_str(sql), false, NULL, NULL, &at, err);

	ev_buf_release(sql);
	return q;
}

/* One row a statement; or, where that is faster, columns as arrays. */
int ev_fold_prepare(struct ev_fold *f, struct ev_fold_table *t, struct ev_error *err)
{
	struct ev_buf load = EV_BUF_INIT, write = EV_BUF_INIT, erase = EV_BUF_INIT, name = EV_BUF_INIT,
		      any = EV_BUF_INIT;
	bool bulk = in_bulk(f);

	ev_buf_add_quoted(&name, t->name, '"');
	ev_buf_adds(&load, "SELECT ");
	if (bulk) {
		add_list(&load, t, false, ", ", "~");
		ev_buf_addf(&load, " FROM %s WHERE (", ev_buf_str(&name));
		add_list(&load, t, true, ", ", "@");
		ev_buf_adds(&load, ") IN (SELECT * FROM unnest(");
		add_list(&load, t, true, ", ", "?#::$[]");
		ev_buf_adds(&load, "))");
		ev_buf_addf(&erase, "DELETE FROM %s WHERE (", ev_buf_str(&name));
		add_list(&erase, t, true, ", ", "@");
		ev_buf_adds(&erase, ") IN (SELECT * FROM unnest(");
		add_list(&erase, t, true, ", ", "?#::$[]");
		ev_buf_adds(&erase, "))");
	} else {
		add_list(&load, t, false, ", ", "@");
		ev_buf_addf(&load, " FROM %s WHERE ", ev_buf_str(&name));
		add_list(&load, t, true, " AND ", "@ = ?#");
		ev_buf_addf(&erase, "DELETE FROM %s WHERE ", ev_buf_str(&name));
		add_list(&erase, t, true, " AND ", "@ = ?#");
	}
	ev_buf_addf(&write, "INSERT INTO %s (", ev_buf_str(&name));
	add_list(&write, t, false, ", ", "@");
	ev_buf_adds(&write, bulk ? ") SELECT * FROM unnest(" : ") VALUES (");
	add_list(&write, t, false, ", ", bulk ? "?#::$[]" : "?#");
	ev_buf_addc(&write, ')');
	add_conflict(&write, t);
	ev_buf_addf(&any, "SELECT 1 FROM %s LIMIT 1", ev_buf_str(&name));
	ev_buf_release(&name);
	t->load = prepare(f, &load, err);
	t->write = t->load ? prepare(f, &write, err) : NULL;
	t->erase = t->write ? prepare(f, &erase, err) : NULL;
	t->any = t->erase ? prepare(f, &any, err) : NULL;
	ev_buf_release(&write);
	ev_buf_release(&erase);
	ev_buf_release(&any);
	if (!t->any)
		return -1;
	f->store->ops->blame(t->write);
	f->store->ops->blame(t->erase);
	return 0;
}

static struct ev_bind bind_of(const struct ev_fv *v)
{
	switch (v->kind) {
	case EV_FV_NULL:
		return (struct ev_bind){ .kind = EV_BIND_NULL };
	case EV_FV_INT:
		return (struct ev_bind){ .kind = EV_BIND_INT, .i = v->i };
	case EV_FV_BOOL:
		return (struct ev_bind){ .kind = EV_BIND_BOOL, .i = v->i };
	default:
		return (struct ev_bind){ .kind = EV_BIND_TEXT, .text = v->text };
	}
}

static void add_element(struct ev_buf *json, const struct ev_fv *v)
{
	if (v->kind == EV_FV_NULL)
		ev_buf_adds(json, "null");
	else if (v->kind == EV_FV_INT)
		ev_buf_add_i64(json, v->i);
	else if (v->kind == EV_FV_BOOL)
		ev_buf_adds(json, v->i ? "true" : "false");
	else
		ev_json_quote(json, v->text);
}

/* A column of each of the rows as one JSON array, which the store binds to an array of its type. */
static int run_bulk(struct ev_fold *f, struct ev_fold_table *t, struct ev_query *q, bool key_only,
		    struct ev_fold_row **rows, size_t n, ev_row_fn fn, void *ctx, struct ev_error *err)
{
	size_t columns = key_only ? t->nkey : t->ncolumns;
	struct ev_buf *json = ev_alloc(columns * sizeof(*json));
	struct ev_bind *b = ev_alloc(columns * sizeof(*b));
	int rc;

	for (size_t c = 0; c < columns; c++) {
		for (size_t i = 0; i < n; i++) {
			struct ev_fv v = ev_fold_get(t, rows[i], key_only ? t->key[c] : c);

			ev_buf_addc(&json[c], i ? ',' : '[');
			add_element(&json[c], &v);
		}
		ev_buf_addc(&json[c], ']');
		b[c] = (struct ev_bind){ .kind = EV_BIND_JSON, .text = ev_buf_slice(&json[c]) };
	}
	rc = fn ? f->store->ops->select(f->store, q, b, columns, fn, ctx, err)
		: f->store->ops->run(f->store, q, b, columns, err) < 0 ? -1 : 0;
	for (size_t c = 0; c < columns; c++)
		ev_buf_release(&json[c]);
	free(json);
	free(b);
	return rc;
}

struct loading {
	struct ev_fold *f;
	struct ev_fold_table *t;
	struct ev_fv *values;
};

static struct ev_fv cell_value(const struct ev_fold_column *c, const struct ev_cell *cell)
{
	struct ev_fv v = { .kind = EV_FV_NULL };

	if (cell->kind == EV_CELL_NULL)
		return v;
	if (cell->kind == EV_CELL_INT && (c->class == EV_FC_INT || c->class == EV_FC_BOOL)) {
		v.kind = c->class == EV_FC_INT ? EV_FV_INT : EV_FV_BOOL;
		v.i = cell->i;
		return v;
	}
	v.kind = cell->kind == EV_CELL_TEXT && c->class == EV_FC_TEXT ? EV_FV_TEXT : EV_FV_OPAQUE;
	v.text = cell->text;
	return v;
}

static int take_row(void *ctx, const struct ev_cell *cells, size_t n)
{
	struct loading *l = ctx;
	struct ev_fold_row *row;

	for (size_t i = 0; i < n; i++)
		l->values[i] = cell_value(&l->t->columns[i], &cells[i]);
	row = ev_fold_row(l->f, l->t, l->values);
	for (size_t i = 0; i < n; i++)
		ev_fold_put(l->f, l->t, row, i, &l->values[i]);
	row->state = EV_ROW_PRESENT;
	row->stored = true;
	return 0;
}

static int load_rows(struct ev_fold *f, struct ev_fold_table *t, struct ev_fold_row **rows, size_t n,
		     struct ev_error *err)
{
	struct loading l = { f, t, f->fresh };
	int rc = 0;

	for (size_t i = 0; i < n; i++) {
		rows[i]->state = EV_ROW_ABSENT; /* unless one comes */
		rows[i]->stored = false;
	}
	if (in_bulk(f))
		return run_bulk(f, t, t->load, true, rows, n, take_row, &l, err);
	for (size_t i = 0; i < n && rc == 0; i++) {
		struct ev_bind b[EV_FOLD_MOST_KEYS];

		for (size_t k = 0; k < t->nkey; k++) {
			struct ev_fv v = ev_fold_get(t, rows[i], t->key[k]);

			b[k] = bind_of(&v);
		}
		rc = f->store->ops->select(f->store, t->load, b, t->nkey, take_row, &l, err);
	}
	return rc;
}

int ev_fold_load(struct ev_fold *f, struct ev_fold_table *t, struct ev_error *err)
{
	struct ev_fold_row *rows[ROWS_AT_ONCE];
	int rc = 0;

	ev_fold_sort(t, &t->wanted);
	for (size_t i = 0; i < t->wanted.n && rc == 0;) {
		size_t n = 0;

		for (; i < t->wanted.n && n < ROWS_AT_ONCE; i++) {
			struct ev_fold_row *row = t->wanted.v[i].row;

			row->wanted = false;
			if (row->state == EV_ROW_UNKNOWN)
				rows[n++] = row;
		}
		rc = n ? load_rows(f, t, rows, n, err) : 0;
	}
	t->wanted.n = 0;
	return rc;
}

int ev_fold_load_one(struct ev_fold *f, struct ev_fold_table *t, struct ev_fold_row *row,
		     struct ev_error *err)
{
	return load_rows(f, t, &row, 1, err);
}

/* What the fold let through and the store refuses is a fault of ours. */
static int refused(const struct ev_fold_table *t, const struct ev_fold_row *first, struct ev_error *err)
{
	struct ev_buf key = EV_BUF_INIT;

	if (err->class != EV_DATA)
		return -1;
	for (size_t k = 0; k < t->nkey; k++) {
		struct ev_fv v = ev_fold_get(t, first, t->key[k]);

		ev_buf_adds(&key, k ? ", " : "");
		add_element(&key, &v);
	}
	err->class = EV_BUG;
	ev_context(err, "cannot write rows of table '%s' from key (%.100s) on", t->name, ev_buf_str(&key));
	ev_buf_release(&key);
	return -1;
}

static int write_rows(struct ev_fold *f, struct ev_fold_table *t, struct ev_fold_row **rows, size_t n,
		      bool erase, struct ev_error *err)
{
	struct ev_query *q = erase ? t->erase : t->write;
	size_t columns = erase ? t->nkey : t->ncolumns;

	if (!n)
		return 0;
	if (in_bulk(f))
		return run_bulk(f, t, q, erase, rows, n, NULL, NULL, err) < 0 ? refused(t, rows[0], err) : 0;
	for (size_t i = 0; i < n; i++) {
		for (size_t c = 0; c < columns; c++) {
			struct ev_fv v = ev_fold_get(t, rows[i], erase ? t->key[c] : c);

			f->binds[c] = bind_of(&v);
		}
		if (f->store->ops->run(f->store, q, f->binds, columns, err) < 0)
			return refused(t, rows[i], err);
	}
	return 0;
}

/* Rows that are gone and rows that are there, each kind as many at once as a statement takes. */
struct writing {
	struct ev_fold_row *rows[2][ROWS_AT_ONCE];
	size_t n[2];
};

static int add_written(struct ev_fold *f, struct ev_fold_table *t, struct writing *w, struct ev_fold_row *row,
		       struct ev_error *err)
{
	bool erase = row->state == EV_ROW_ABSENT;

	row->dirty = false;
	if (erase && !row->stored)
		return 0;
	row->stored = !erase;
	w->rows[erase][w->n[erase]++] = row;
	if (w->n[erase] < ROWS_AT_ONCE)
		return 0;
	w->n[erase] = 0;
	return write_rows(f, t, w->rows[erase], ROWS_AT_ONCE, erase, err);
}

int ev_fold_write(struct ev_fold *f, struct ev_fold_table *t, struct ev_error *err)
{
	struct writing *w = ev_alloc(sizeof(*w));
	int rc = 0;

	ev_fold_sort(t, &t->dirty);
	for (size_t i = 0; i < t->dirty.n && rc == 0; i++) {
		struct ev_fold_row *row = t->dirty.v[i].row;

		row->listed = false;
		if (row->dirty)
			rc = add_written(f, t, w, row, err);
	}
	t->dirty.n = 0;
	for (int erase = 1; erase >= 0 && rc == 0; erase--)
		rc = write_rows(f, t, w->rows[erase], w->n[erase], erase, err);
	free(w);
	return rc;
}

int ev_fold_write_one(struct ev_fold *f, struct ev_fold_table *t, struct ev_fold_row *row,
		      struct ev_error *err)
{
	bool erase = row->state == EV_ROW_ABSENT;

	if (!row->dirty)
		return 0;
	row->dirty = false;
	if (erase && !row->stored)
		return 0;
	row->stored = !erase;
	return write_rows(f, t, &row, 1, erase, err);
}
