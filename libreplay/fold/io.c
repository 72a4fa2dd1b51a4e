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
	struct ev_buf load = EV_BUF_INIT, write = EV_BUF_INIT, erase = EV_BUF_INIT, name = EV_BUF_INIT;
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
	ev_buf_release(&name);
	t->load = prepare(f, &load, err);
	t->write = t->load ? prepare(f, &write, err) : NULL;
	t->erase = t->write ? prepare(f, &erase, err) : NULL;
	ev_buf_release(&write);
	ev_buf_release(&erase);
	return t->erase ? 0 : -1;
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
			ev_buf_addc(&json[c], i ? ',' : '[');
			add_element(&json[c], &rows[i]->v[key_only ? t->key[c] : c]);
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

static struct ev_fv cell_value(struct ev_fold *f, const struct ev_fold_column *c, const struct ev_cell *cell)
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
	v.text = ev_arena_copy(&f->arena, cell->text);
	return v;
}

static int take_row(void *ctx, const struct ev_cell *cells, size_t n)
{
	struct loading *l = ctx;
	struct ev_fold_row *row;

	for (size_t i = 0; i < n; i++)
		l->values[i] = cell_value(l->f, &l->t->columns[i], &cells[i]);
	row = ev_fold_row(l->f, l->t, l->values);
	memcpy(row->v, l->values, n * sizeof(*row->v));
	row->state = EV_ROW_PRESENT;
	row->stored = true;
	return 0;
}

static int load_rows(struct ev_fold *f, struct ev_fold_table *t, struct ev_fold_row **rows, size_t n,
		     struct ev_error *err)
{
	struct loading l = { f, t, f->fresh };
	int rc = 0;

	for (size_t i = 0; i < n; i++)
		rows[i]->state = EV_ROW_ABSENT; /* unless one comes */
	if (in_bulk(f))
		return run_bulk(f, t, t->load, true, rows, n, take_row, &l, err);
	for (size_t i = 0; i < n && rc == 0; i++) {
		struct ev_bind b[16];

		for (size_t k = 0; k < t->nkey; k++)
			b[k] = bind_of(&rows[i]->v[t->key[k]]);
		rc = f->store->ops->select(f->store, t->load, b, t->nkey, take_row, &l, err);
	}
	return rc;
}

int ev_fold_load(struct ev_fold *f, struct ev_fold_table *t, struct ev_error *err)
{
	size_t end = t->nrows;

	for (size_t n; t->nunknown < end; t->nunknown += n) {
		n = end - t->nunknown < ROWS_AT_ONCE ? end - t->nunknown : ROWS_AT_ONCE;
		if (load_rows(f, t, t->rows + t->nunknown, n, err) < 0)
			return -1;
	}
	return 0;
}

int ev_fold_load_one(struct ev_fold *f, struct ev_fold_table *t, struct ev_fold_row *row,
		     struct ev_error *err)
{
	row->stored = false;
	return load_rows(f, t, &row, 1, err);
}

static int write_rows(struct ev_fold *f, struct ev_fold_table *t, struct ev_fold_row **rows, size_t n,
		      bool erase, struct ev_error *err)
{
	struct ev_query *q = erase ? t->erase : t->write;
	struct ev_bind *b;

	if (!n)
		return 0;
	if (in_bulk(f))
		return run_bulk(f, t, q, erase, rows, n, NULL, NULL, err);
	b = ev_alloc(t->ncolumns * sizeof(*b));
	for (size_t i = 0; i < n; i++) {
		size_t columns = erase ? t->nkey : t->ncolumns;

		for (size_t c = 0; c < columns; c++)
			b[c] = bind_of(&rows[i]->v[erase ? t->key[c] : c]);
		if (f->store->ops->run(f->store, q, b, columns, err) < 0) {
			free(b);
			return -1;
		}
	}
	free(b);
	return 0;
}

/* Rows to write from the front of `out`, rows to erase from its back. */
static int write_sorted(struct ev_fold *f, struct ev_fold_table *t, struct ev_fold_row **rows, size_t n,
			struct ev_error *err)
{
	struct ev_fold_row **out = ev_alloc((n + 1) * sizeof(*out));
	size_t write = 0, erase = n;
	int rc = 0;

	for (size_t i = 0; i < n; i++) {
		if (rows[i]->state == EV_ROW_PRESENT)
			out[write++] = rows[i];
		else if (rows[i]->stored)
			out[--erase] = rows[i];
		rows[i]->dirty = false;
		rows[i]->stored = rows[i]->state == EV_ROW_PRESENT;
	}
	for (size_t i = erase; i < n && rc == 0; i += ROWS_AT_ONCE)
		rc = write_rows(f, t, out + i, n - i < ROWS_AT_ONCE ? n - i : ROWS_AT_ONCE, true, err);
	for (size_t i = 0; i < write && rc == 0; i += ROWS_AT_ONCE)
		rc = write_rows(f, t, out + i, write - i < ROWS_AT_ONCE ? write - i : ROWS_AT_ONCE, false, err);
	free(out);
	return rc;
}

static int compare_values(const struct ev_fv *a, const struct ev_fv *b)
{
	if (a->kind != b->kind)
		return (a->kind > b->kind) - (a->kind < b->kind);
	if (a->kind == EV_FV_INT || a->kind == EV_FV_BOOL)
		return (a->i > b->i) - (a->i < b->i);
	return ev_slice_cmp(a->text, b->text);
}

static int compare_rows(const void *a, const void *b, void *ctx)
{
	const struct ev_fold_row *x = *(struct ev_fold_row *const *)a, *y = *(struct ev_fold_row *const *)b;
	const struct ev_fold_table *t = ctx;
	int by = 0;

	for (size_t k = 0; k < t->nkey && !by; k++)
		by = compare_values(&x->v[t->key[k]], &y->v[t->key[k]]);
	return by;
}

/* In key order: B-trees like it, and two writers never wait for each other in a circle. */
int ev_fold_write(struct ev_fold *f, struct ev_fold_table *t, struct ev_error *err)
{
	struct ev_fold_row **dirty = ev_alloc((t->nrows + 1) * sizeof(*dirty));
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < t->nrows; i++)
		if (t->rows[i]->dirty)
			dirty[n++] = t->rows[i];
	qsort_r(dirty, n, sizeof(*dirty), compare_rows, t);
	rc = write_sorted(f, t, dirty, n, err);
	free(dirty);
	return rc;
}

int ev_fold_write_one(struct ev_fold *f, struct ev_fold_table *t, struct ev_fold_row *row,
		      struct ev_error *err)
{
	return row->dirty ? write_sorted(f, t, &row, 1, err) : 0;
}
