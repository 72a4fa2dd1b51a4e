/* io.c - rows from the store and back */
#include <stdlib.h>

#include "base/mem.h"
#include "fold/internal.h"
#include "json/json.h"

#define ROWS_AT_ONCE 5000
#define ENOUGH_TO_COPY 500
#define BYTES_AT_ONCE ((size_t)2 << 20) /* of texts of rows that one statement writes, about */

static bool in_bulk(const struct ev_fold *f)
{
	return f->store->ops->dialect == EV_POSTGRESQL;
}

/* All columns, or the first `keys` of the key: in `fmt` @ is a column's name, # its number, $ its type, ~ its value. */
static void add_list(struct ev_buf *sql, const struct ev_fold_table *t, size_t keys, const char *sep,
		     const char *fmt)
{
	size_t n = keys ? keys : t->ncolumns;

	for (size_t i = 0; i < n; i++) {
		const struct ev_fold_column *c = &t->columns[keys ? t->key[i] : i];

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
	add_list(sql, t, t->nkey, ", ", "@");
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

static void add_load(struct ev_buf *sql, const struct ev_fold_table *t, size_t keys, bool bulk)
{
	ev_buf_adds(sql, "SELECT ");
	add_list(sql, t, 0, ", ", bulk ? "~" : "@");
	ev_buf_adds(sql, " FROM ");
	ev_buf_add_quoted(sql, t->name, '"');
	ev_buf_adds(sql, bulk ? " WHERE (" : " WHERE ");
	add_list(sql, t, keys, bulk ? ", " : " AND ", bulk ? "@" : "@ = ?#");
	if (!bulk)
		return;
	ev_buf_adds(sql, ") IN (SELECT * FROM unnest(");
	add_list(sql, t, keys, ", ", "?#::$[]");
	ev_buf_adds(sql, "))");
}

/* One row a statement; or, where that is faster, columns as arrays. */
int ev_fold_prepare(struct ev_fold *f, struct ev_fold_table *t, struct ev_error *err)
{
	struct ev_buf load = EV_BUF_INIT, write = EV_BUF_INIT, erase = EV_BUF_INIT, name = EV_BUF_INIT,
		      any = EV_BUF_INIT, insert = EV_BUF_INIT, group = EV_BUF_INIT;
	bool bulk = in_bulk(f);

	ev_buf_add_quoted(&name, t->name, '"');
	add_load(&load, t, t->nkey, bulk);
	if (t->group)
		add_load(&group, t, t->group->nkey, bulk);
	if (bulk) {
		ev_buf_addf(&erase, "DELETE FROM %s WHERE (", ev_buf_str(&name));
		add_list(&erase, t, t->nkey, ", ", "@");
		ev_buf_adds(&erase, ") IN (SELECT * FROM unnest(");
		add_list(&erase, t, t->nkey, ", ", "?#::$[]");
		ev_buf_adds(&erase, "))");
	} else {
		ev_buf_addf(&erase, "DELETE FROM %s WHERE ", ev_buf_str(&name));
		add_list(&erase, t, t->nkey, " AND ", "@ = ?#");
	}
	ev_buf_addf(&write, "INSERT INTO %s (", ev_buf_str(&name));
	add_list(&write, t, 0, ", ", "@");
	ev_buf_adds(&write, bulk ? ") SELECT * FROM unnest(" : ") VALUES (");
	add_list(&write, t, 0, ", ", bulk ? "?#::$[]" : "?#");
	ev_buf_addc(&write, ')');
	ev_buf_add_slice(&insert, ev_buf_slice(&write));
	add_conflict(&write, t);
	ev_buf_addf(&any, "SELECT 1 FROM %s LIMIT 1", ev_buf_str(&name));
	ev_buf_release(&name);
	t->load = prepare(f, &load, err);
	t->write = t->load ? prepare(f, &write, err) : NULL;
	t->erase = t->write ? prepare(f, &erase, err) : NULL;
	t->any = t->erase ? prepare(f, &any, err) : NULL;
	t->insert = t->any ? prepare(f, &insert, err) : NULL;
	ev_buf_release(&write);
	ev_buf_release(&erase);
	ev_buf_release(&any);
	ev_buf_release(&insert);
	if (t->group && t->insert && !(t->group->load = prepare(f, &group, err)))
		return -1;
	ev_buf_release(&group);
	if (!t->insert)
		return -1;
	f->store->ops->blame(t->write);
	f->store->ops->blame(t->erase);
	f->store->ops->blame(t->insert);
	if (f->store->ops->one_by_one) {
		f->store->ops->one_by_one(t->load);
		if (t->group)
			f->store->ops->one_by_one(t->group->load);
	}
	return 0;
}

static void add_element(struct ev_buf *json, const struct ev_fv *v)
{
	if (v->kind == EV_FV_NULL)
		ev_buf_adds(json, "null");
	else if (v->kind == EV_FV_INT)
		ev_buf_add_i64(json, v->i);
	else if (v->kind == EV_FV_BOOL)
		ev_buf_adds(json, v->i ? "true" : "false");
	else if (v->kind == EV_FV_DECIMAL)
		ev_fold_add_decimal(json, v->i);
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
	bool vital; /* of the record at hand: the rest need not come */
};

static bool is_full(const struct loading *l)
{
	return l->vital ? ev_fold_over(l->f) : ev_fold_full(l->f);
}

/* SQLite's columns, and its keys, take from others what our guard refuses wherever such a row is touched. */
static bool is_misfit(const struct ev_fold_column *c, const struct ev_cell *cell)
{
	switch (cell->kind) {
	case EV_CELL_NULL:
		return c->not_null;
	case EV_CELL_INT:
		return c->class == EV_FC_INT && c->max == 1 && (cell->i < 0 || cell->i > 1);
	case EV_CELL_REAL:
		return c->class == EV_FC_INT;
	case EV_CELL_TEXT:
		return c->class != EV_FC_TEXT && !c->dates;
	default:
		return true;
	}
}

/* False: what becomes of such a row is for the store to say. */
static bool take_values(struct loading *l, const struct ev_cell *cells, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!in_bulk(l->f) && is_misfit(&l->t->columns[i], &cells[i]))
			return false;
		l->values[i] = ev_fold_cell(l->f, &l->t->columns[i], &cells[i]);
	}
	return true;
}

static void put_row(struct loading *l, struct ev_fold_row *row, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ev_fold_put(l->f, l->t, row, i, &l->values[i]);
	row->state = EV_ROW_PRESENT;
	row->stored = true;
}

static int take_row(void *ctx, const struct ev_cell *cells, size_t n)
{
	struct loading *l = ctx;

	if (is_full(l) || !take_values(l, cells, n))
		return 1;
	put_row(l, ev_fold_row(l->f, l->t, l->values), n);
	return 0;
}

/* 0; 1: of some we do not know: memory is full, or they are for the store to say; -1. */
static int load_rows(struct ev_fold *f, struct ev_fold_table *t, struct ev_fold_row **rows, size_t n, bool vital,
		     struct ev_error *err)
{
	struct loading l = { f, t, f->fresh, vital };
	int rc = 0;

	for (size_t i = 0; i < n; i++) {
		rows[i]->state = EV_ROW_ABSENT; /* unless one comes */
		rows[i]->stored = false;
	}
	if (in_bulk(f))
		rc = run_bulk(f, t, t->load, true, rows, n, take_row, &l, err);
	for (size_t i = 0; i < n && rc == 0 && !in_bulk(f); i++) {
		struct ev_bind b[EV_FOLD_MOST_KEYS];

		for (size_t k = 0; k < t->nkey; k++) {
			struct ev_fv v = ev_fold_get(t, rows[i], t->key[k]);

			b[k] = ev_fold_bind(&v, NULL); /* a key is no decimal */
		}
		rc = f->store->ops->select(f->store, t->load, b, t->nkey, take_row, &l, err);
	}
	for (size_t i = 0; i < n && rc; i++)
		if (rows[i]->state == EV_ROW_ABSENT)
			rows[i]->state = EV_ROW_UNKNOWN;
	return rc;
}

static void want_no_more(struct ev_fold_rows *wanted)
{
	for (size_t i = 0; i < wanted->n; i++)
		wanted->v[i].row->wanted = false;
	wanted->n = 0;
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

			if (row->state == EV_ROW_UNKNOWN)
				rows[n++] = row;
		}
		rc = n ? load_rows(f, t, rows, n, false, err) : 0;
	}
	want_no_more(&t->wanted);
	return rc < 0 ? -1 : 0;
}

/* A row that is known is newer than what the store has. */
static int take_group_row(void *ctx, const struct ev_cell *cells, size_t n)
{
	struct loading *l = ctx;
	struct ev_fold_row *row;

	if (!take_values(l, cells, n))
		return 1;
	row = ev_fold_row(l->f, l->t, l->values);
	if (row->state != EV_ROW_UNKNOWN)
		return 0;
	if (is_full(l))
		return 1;
	put_row(l, row, n);
	return 0;
}

/* As load_rows. */
static int load_groups(struct ev_fold *f, struct ev_fold_table *t, struct ev_fold_row **groups, size_t n, bool vital,
		       struct ev_error *err)
{
	struct loading l = { f, t, f->fresh, vital };
	int rc = 0;

	if (in_bulk(f))
		rc = run_bulk(f, t->group, t->group->load, true, groups, n, take_group_row, &l, err);
	for (size_t i = 0; i < n && rc == 0 && !in_bulk(f); i++) {
		struct ev_bind b[EV_FOLD_MOST_KEYS];

		for (size_t k = 0; k < t->group->nkey; k++) {
			struct ev_fv v = ev_fold_get(t->group, groups[i], k);

			b[k] = ev_fold_bind(&v, NULL);
		}
		rc = f->store->ops->select(f->store, t->group->load, b, t->group->nkey, take_group_row, &l, err);
	}
	for (size_t i = 0; i < n && rc == 0; i++)
		ev_fold_group_loaded(t, groups[i]);
	return rc;
}

int ev_fold_load_groups(struct ev_fold *f, struct ev_fold_table *t, struct ev_error *err)
{
	struct ev_fold_rows *wanted = &t->group->wanted;
	struct ev_fold_row *groups[ROWS_AT_ONCE];
	int rc = 0;

	ev_fold_sort(t->group, wanted);
	for (size_t i = 0; i < wanted->n && rc == 0;) {
		size_t n = 0;

		for (; i < wanted->n && n < ROWS_AT_ONCE; i++) {
			if (wanted->v[i].row->state == EV_ROW_UNKNOWN)
				groups[n++] = wanted->v[i].row;
		}
		rc = n ? load_groups(f, t, groups, n, false, err) : 0;
	}
	want_no_more(wanted);
	return rc < 0 ? -1 : 0;
}

int ev_fold_load_group(struct ev_fold *f, struct ev_fold_table *t, struct ev_fold_row *g, struct ev_error *err)
{
	int rc = load_groups(f, t, &g, 1, true, err);

	t->group->vast |= rc > 0;
	return rc < 0 ? -1 : 0;
}

int ev_fold_load_one(struct ev_fold *f, struct ev_fold_table *t, struct ev_fold_row *row,
		     struct ev_error *err)
{
	return load_rows(f, t, &row, 1, true, err);
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
	if (!err->hint[0])
		ev_hint(err, "if somebody else has put a constraint or an index on the table, drop it, and run this "
			     "again: the rows are what the log says");
	ev_context(err, "cannot write rows of table '%s' from key (%.100s) on", t->name, ev_buf_str(&key));
	ev_buf_release(&key);
	return -1;
}

static void bind_row(struct ev_fold *f, const struct ev_fold_table *t, const struct ev_fold_row *row, bool key_only)
{
	ev_buf_clear(&f->digits);
	ev_buf_reserve(&f->digits, t->ncolumns * EV_FOLD_DIGITS);
	for (size_t c = 0; c < (key_only ? t->nkey : t->ncolumns); c++) {
		struct ev_fv v = ev_fold_get(t, row, key_only ? t->key[c] : c);

		f->binds[c] = ev_fold_bind(&v, &f->digits);
	}
}

static int write_rows(struct ev_fold *f, struct ev_fold_table *t, struct ev_fold_row **rows, size_t n,
		      bool erase, struct ev_error *err)
{
	struct ev_query *q = erase ? t->erase : t->write;

	if (!n)
		return 0;
	if (in_bulk(f))
		return run_bulk(f, t, q, erase, rows, n, NULL, NULL, err) < 0 ? refused(t, rows[0], err) : 0;
	for (size_t i = 0; i < n; i++) {
		bind_row(f, t, rows[i], erase);
		if (f->store->ops->run(f->store, q, f->binds, erase ? t->nkey : t->ncolumns, err) < 0)
			return refused(t, rows[i], err);
	}
	return 0;
}

/* Rows that are gone and rows that are there, each kind as many at once as a statement takes. */
struct writing {
	struct ev_fold_row *rows[2][ROWS_AT_ONCE];
	size_t n[2], bytes;
};

static int write_some(struct ev_fold *f, struct ev_fold_table *t, struct writing *w, bool erase, struct ev_error *err)
{
	size_t n = w->n[erase];

	w->n[erase] = 0;
	w->bytes = erase ? w->bytes : 0;
	return write_rows(f, t, w->rows[erase], n, erase, err);
}

static int add_written(struct ev_fold *f, struct ev_fold_table *t, struct writing *w, struct ev_fold_row *row,
		       struct ev_error *err)
{
	bool erase = row->state == EV_ROW_ABSENT;

	row->dirty = false;
	if (erase && !row->stored)
		return 0;
	row->stored = !erase;
	w->rows[erase][w->n[erase]++] = row;
	w->bytes += erase ? 0 : row->bytes;
	if (w->n[erase] < ROWS_AT_ONCE && w->bytes < BYTES_AT_ONCE)
		return 0;
	return write_some(f, t, w, erase, err);
}

/* The dirty rows, but for new ones if these come afterwards. */
static int write_changed(struct ev_fold *f, struct ev_fold_table *t, bool all, struct ev_error *err)
{
	struct writing *w = ev_alloc(sizeof(*w));
	int rc = 0;

	for (size_t i = 0; i < t->dirty.n && rc == 0; i++) {
		struct ev_fold_row *row = t->dirty.v[i].row;

		ev_fold_look_ahead(&t->dirty, t, i);
		row->listed = false;
		if (row->dirty && (all || !ev_fold_is_new(row)))
			rc = add_written(f, t, w, row, err);
	}
	for (int erase = 1; erase >= 0 && rc == 0; erase--)
		rc = write_some(f, t, w, erase, err);
	free(w);
	return rc;
}

/* What to COPY, or insert row by row. */
static int insert_packed(struct ev_fold *f, struct ev_fold_table *t, const struct ev_fold_row **first,
			 struct ev_error *err)
{
	const struct ev_store_ops *ops = f->store->ops;
	struct ev_fold_pack *p = ev_fold_pack_new(t);
	const struct ev_fold_row *row;
	const struct ev_bind *b;
	int rc = 0;

	while (rc == 0 && (b = ev_fold_pack_next(p, &row))) {
		if (!*first || !ops->copy_begin)
			*first = row;
		rc = ops->copy_begin ? ops->copy_add(f->store, b, t->ncolumns, err)
				     : ops->run(f->store, t->insert, b, t->ncolumns, err) < 0 ? -1 : 0;
	}
	ev_fold_pack_free(p);
	return rc;
}

static int insert_new(struct ev_fold *f, struct ev_fold_table *t, struct ev_error *err)
{
	const struct ev_store_ops *ops = f->store->ops;
	struct ev_buf columns = EV_BUF_INIT;
	const struct ev_fold_row *first = NULL;
	int rc = 0;

	add_list(&columns, t, false, ", ", "@");
	if (ops->copy_begin)
		rc = ops->copy_begin(f->store, t->name, ev_buf_str(&columns), err);
	ev_buf_release(&columns);
	if (rc < 0)
		return -1;
	rc = insert_packed(f, t, &first, err);
	if (ops->copy_begin && ops->copy_end(f->store, err) < 0)
		rc = -1;
	return rc < 0 && first ? refused(t, first, err) : rc;
}

/* Where the table was empty its primary key waits for the rows. */
static int load_new(struct ev_fold *f, struct ev_fold_table *t, struct ev_error *err)
{
	bool bare = f->bulk && t->empty && f->store->ops->strip;
	struct ev_buf after = EV_BUF_INIT;
	int rc = bare ? f->store->ops->strip(f->store, t->name, &after, err) : 0;

	if (rc == 0)
		rc = insert_new(f, t, err);
	if (rc == 0 && after.len && f->store->ops->script(f->store, ev_buf_str(&after), err) < 0)
		rc = ev_context(err, "cannot make the primary key of table '%s' again after its rows", t->name);
	ev_buf_release(&after);
	return rc;
}

int ev_fold_write(struct ev_fold *f, struct ev_fold_table *t, struct ev_error *err)
{
	size_t fresh = 0;
	bool load;
	int rc;

	ev_fold_sort(t, &t->dirty);
	for (size_t i = 0; i < t->dirty.n; i++)
		fresh += ev_fold_is_new(t->dirty.v[i].row);
	load = fresh >= ENOUGH_TO_COPY || (fresh && f->bulk && t->empty);
	rc = write_changed(f, t, !load, err);
	if (rc == 0 && load)
		rc = load_new(f, t, err);
	t->empty = false;
	t->dirty.n = 0;
	return rc;
}

int ev_fold_write_one(struct ev_fold *f, struct ev_fold_table *t, struct ev_fold_row *row,
		      struct ev_error *err)
{
	bool erase = row->state == EV_ROW_ABSENT;

	if (!row->dirty)
		return 0;
	row->dirty = t->empty = false;
	if (erase && !row->stored)
		return 0;
	row->stored = !erase;
	return write_rows(f, t, &row, 1, erase, err);
}
