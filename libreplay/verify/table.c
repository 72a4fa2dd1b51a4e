/* table.c - see table.h */
#include "verify/table.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "apply/memory_fold.h"
#include "base/mem.h"

static enum ev_digest_type taken_as(enum ev_dialect dialect, const char *type)
{
	size_t n = strlen(type);

	if (dialect != EV_POSTGRESQL || (n && type[n - 1] == ']'))
		return EV_DIGEST_AS_IT_IS;
	if (strncmp(type, "numeric", 7) == 0)
		return EV_DIGEST_DECIMAL;
	return strcmp(type, "boolean") == 0 ? EV_DIGEST_BOOLEAN : EV_DIGEST_AS_IT_IS;
}

/* Names are as SQL has them: of any case to SQLite, and PostgreSQL has folded what was not quoted. */
static bool is_ignored(const char *table, const char *column, const char *const *ignore, size_t n, bool *used)
{
	size_t len = strlen(table);
	bool found = false;

	for (size_t i = 0; i < n; i++) {
		if (strncasecmp(ignore[i], table, len) != 0 || ignore[i][len] != '.' ||
		    strcasecmp(ignore[i] + len + 1, column) != 0)
			continue;
		used[i] = found = true;
	}
	return found;
}

static void add_column(struct ev_shape *shape, const struct ev_column_info *c, enum ev_dialect dialect)
{
	*EV_PUSH(shape->columns, shape->ncolumns) = (struct ev_shape_column){
		.name = ev_strdup(c->name), .type = ev_strdup(c->type), .full = ev_strdup(c->full),
		.as = taken_as(dialect, c->type),
	};
}

static int ignored_key(const struct ev_shape *shape, const char *column, struct ev_error *err)
{
	return ev_fail(err, EV_USAGE, "option '--ignore': %s.%s is of the key, which tells rows apart",
		       shape->table, column);
}

static int mark_ignored(struct ev_shape *shape, const char *const *ignore, size_t n, bool *used,
			struct ev_error *err)
{
	for (size_t i = 0; i < shape->ncolumns; i++) {
		struct ev_shape_column *c = &shape->columns[i];

		c->ignored = is_ignored(shape->table, c->name, ignore, n, used);
		shape->ignored += c->ignored;
		if (c->ignored && i < shape->nkeys)
			return ignored_key(shape, c->name, err);
	}
	return 0;
}

int ev_shape_load(struct ev_shape *shape, struct ev_store *reference, const char *table,
		  const char *const *ignore, size_t nignore, bool *used, struct ev_error *err)
{
	struct ev_table_info info = { 0 };
	enum ev_dialect dialect = reference->ops->dialect;
	int rc = reference->ops->describe(reference, table, &info, err);

	*shape = (struct ev_shape){ .table = ev_strdup(table) };
	for (int k = 1; rc > 0 && k <= (int)info.ncolumns; k++)
		for (size_t i = 0; i < info.ncolumns; i++)
			if (info.columns[i].key == k)
				add_column(shape, &info.columns[i], dialect);
	shape->nkeys = shape->ncolumns;
	shape->keyed = shape->nkeys > 0;
	for (size_t i = 0; rc > 0 && i < info.ncolumns; i++)
		if (!info.columns[i].key)
			add_column(shape, &info.columns[i], dialect);
	ev_table_info_release(&info);
	if (rc > 0 && mark_ignored(shape, ignore, nignore, used, err) < 0)
		return -1;
	return rc;
}

void ev_shape_release(struct ev_shape *shape)
{
	for (size_t i = 0; i < shape->ncolumns; i++) {
		free(shape->columns[i].name);
		free(shape->columns[i].type);
		free(shape->columns[i].full);
	}
	free(shape->columns);
	free(shape->table);
	*shape = (struct ev_shape){ 0 };
}

static const struct ev_column_info *find(const struct ev_table_info *info, enum ev_dialect d, const char *name)
{
	for (size_t i = 0; i < info->ncolumns; i++)
		if (strcmp(info->columns[i].name, name) == 0 ||
		    (d == EV_SQLITE && strcasecmp(info->columns[i].name, name) == 0))
			return &info->columns[i];
	return NULL;
}

typedef void (*column_fn)(void *ctx, const char *table, const char *column, const char *what);

/* The reference may find a type elsewhere, under its name or by a name that is the same for both. */
static bool same_type(const struct ev_column_info *c, const struct ev_shape_column *k)
{
	return strcasecmp(c->full, k->full) == 0 || strcasecmp(c->type, k->type) == 0;
}

/* What the table has become beside what the projection made of it. */
static void compare_columns(const struct ev_shape *shape, const struct ev_table_info *info, enum ev_dialect d,
			    column_fn tell, void *ctx)
{
	for (size_t i = 0; i < shape->ncolumns; i++) {
		const struct ev_column_info *c = find(info, d, shape->columns[i].name);

		if (!c)
			tell(ctx, shape->table, shape->columns[i].name, "is not in the store");
		else if (!same_type(c, &shape->columns[i]))
			tell(ctx, shape->table, c->name, "has another type in the store");
	}
	for (size_t i = 0; i < info->ncolumns; i++) {
		size_t k = 0;

		while (k < shape->ncolumns && strcmp(info->columns[i].name, shape->columns[k].name) != 0 &&
		       (d != EV_SQLITE || strcasecmp(info->columns[i].name, shape->columns[k].name) != 0))
			k++;
		if (k == shape->ncolumns)
			tell(ctx, shape->table, info->columns[i].name, "is not of the projection");
	}
}

static void column_finding(void *ctx, const char *table, const char *column, const char *what)
{
	ev_finding_text(ev_mode_finding(ctx, "column", table), "column %s %s", column, what);
}

static void first_column(void *ctx, const char *table, const char *column, const char *what)
{
	struct ev_buf *why = ctx;

	(void)table;
	if (!why->len)
		ev_buf_addf(why, "its column '%s' %s", column, what);
}

bool ev_shape_fits(const struct ev_shape *shape, const struct ev_table_info *info, enum ev_dialect dialect,
		   struct ev_buf *why)
{
	compare_columns(shape, info, dialect, first_column, why);
	return why->len == 0;
}

/*
 * The portable form of a time leaves out what lies below the millisecond, the era, and all of one that is infinite:
 * what is none of a fold in memory, which ends with the years of four digits, is read whole.
 */
static void add_value(const struct ev_shape *shape, const struct ev_column_info *c, struct ev_buf *sql)
{
	struct ev_buf name = EV_BUF_INIT;
	const char *n;

	if (!shape->portable || strcmp(c->value, c->portable) == 0) {
		ev_buf_adds(sql, c->value);
		return;
	}
	ev_buf_add_quoted(&name, c->name, '"');
	n = ev_buf_str(&name);
	ev_buf_addf(sql, "CASE WHEN date_trunc('milliseconds', %s) = %s AND %s >= '0001-01-01Z' AND %s < "
		    "'10000-01-01Z' THEN %s ELSE %s END", n, n, n, n, c->portable, c->value);
	ev_buf_release(&name);
}

static struct ev_cursor *open_rows(struct ev_store *s, const struct ev_shape *shape,
				   const struct ev_table_info *info, struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT;
	struct ev_cursor *c;

	ev_buf_adds(&sql, "SELECT ");
	for (size_t i = 0; i < shape->ncolumns; i++) {
		const struct ev_column_info *k = find(info, s->ops->dialect, shape->columns[i].name);

		ev_buf_adds(&sql, i ? ", " : "");
		if (k)
			add_value(shape, k, &sql);
		else
			ev_buf_adds(&sql, "NULL");
	}
	ev_buf_adds(&sql, " FROM ");
	ev_buf_add_quoted(&sql, info->name, '"');
	c = s->ops->stream(s, ev_buf_str(&sql), err);
	ev_buf_release(&sql);
	return c;
}

struct scan {
	const struct ev_shape *shape;
	const struct ev_digest_key *key;
	struct ev_buf bytes, checked; /* checked: without the ignored columns */
};

/* The key first, so one encoding serves for both hashes. */
static void digest_row(struct scan *s, const struct ev_cell *cells, struct ev_scanned *out)
{
	const struct ev_shape *shape = s->shape;
	size_t key_end = 0;

	ev_buf_clear(&s->bytes);
	ev_buf_clear(&s->checked);
	for (size_t i = 0; i < shape->ncolumns; i++) {
		size_t at = s->bytes.len;

		ev_digest_encode(&s->bytes, (unsigned)i, shape->columns[i].as, &cells[i]);
		if (shape->ignored && !shape->columns[i].ignored)
			ev_buf_add(&s->checked, s->bytes.data + at, s->bytes.len - at);
		if (i + 1 == shape->nkeys)
			key_end = s->bytes.len;
	}
	out->bytes = ev_buf_slice(&s->bytes);
	out->row = ev_digest_hash(s->key, shape->ignored ? ev_buf_slice(&s->checked) : out->bytes);
	out->key = shape->keyed ? ev_digest_hash(s->key, ev_slice(out->bytes.ptr, key_end)) : out->row;
}

static int scan_rows(struct ev_store *s, struct ev_cursor *c, struct scan *scan, ev_scan_fn fn, void *ctx,
		     struct ev_error *err)
{
	const struct ev_cell *cells;
	struct ev_scanned row;
	int rc;

	while ((rc = s->ops->fetch(c, &cells, err)) > 0) {
		digest_row(scan, cells, &row);
		if (scan->bytes.failed || scan->checked.failed)
			return ev_fail(err, EV_STORE, "no memory for a row");
		rc = fn(ctx, &row, err);
		if (rc)
			return rc;
	}
	return rc;
}

struct memory_scan {
	struct scan scan;
	size_t *order; /* of the shape's columns in the reference's rows */
	struct ev_cell *cells;
	ev_scan_fn fn;
	void *ctx;
	struct ev_error *err;
};

static int take_memory_row(void *ctx, const struct ev_cell *cells, size_t n)
{
	struct memory_scan *m = ctx;
	struct ev_scanned row;

	(void)n;
	for (size_t i = 0; i < m->scan.shape->ncolumns; i++)
		m->cells[i] = cells[m->order[i]];
	digest_row(&m->scan, m->cells, &row);
	if (m->scan.bytes.failed || m->scan.checked.failed)
		return ev_fail(m->err, EV_STORE, "no memory for a row");
	return m->fn(m->ctx, &row, m->err);
}

static int find_columns(struct ev_memory_fold *r, const struct ev_shape *shape, size_t *order,
			struct ev_error *err)
{
	size_t n = ev_memory_fold_columns(r, shape->table);

	for (size_t i = 0; i < shape->ncolumns; i++) {
		order[i] = 0;
		while (order[i] < n && strcmp(ev_memory_fold_column(r, shape->table, order[i]),
					      shape->columns[i].name))
			order[i]++;
		if (order[i] == n)
			return ev_fail(err, EV_BUG, "the fold in memory has no column '%s'", shape->columns[i].name);
	}
	return 0;
}

int ev_memory_scan(struct ev_memory_fold *r, const struct ev_shape *shape, const struct ev_digest_key *key,
		   ev_scan_fn fn, void *ctx, struct ev_error *err)
{
	struct memory_scan m = { .scan = { .shape = shape, .key = key }, .fn = fn, .ctx = ctx, .err = err };
	int rc;

	m.order = ev_alloc((shape->ncolumns + 1) * sizeof(*m.order));
	m.cells = ev_alloc((shape->ncolumns + 1) * sizeof(*m.cells));
	rc = find_columns(r, shape, m.order, err);
	if (rc == 0)
		rc = ev_memory_fold_rows(r, shape->table, take_memory_row, &m, err);
	free(m.order);
	free(m.cells);
	ev_buf_release(&m.scan.bytes);
	ev_buf_release(&m.scan.checked);
	return rc < 0 ? ev_context(err, "table '%s'", shape->table) : rc;
}

int ev_table_scan(struct ev_store *s, const struct ev_shape *shape, const struct ev_digest_key *key,
		  struct ev_mode *m, ev_scan_fn fn, void *ctx, struct ev_error *err)
{
	struct ev_table_info info = { 0 };
	struct scan scan = { .shape = shape, .key = key };
	struct ev_cursor *c = NULL;
	int rc = s->ops->describe(s, shape->table, &info, err);

	if (rc > 0) {
		if (m)
			compare_columns(shape, &info, s->ops->dialect, column_finding, m);
		c = open_rows(s, shape, &info, err);
		rc = c ? scan_rows(s, c, &scan, fn, ctx, err) : -1;
		s->ops->cursor_close(c);
	} else if (rc == 0) {
		rc = 1;
	}
	ev_table_info_release(&info);
	ev_buf_release(&scan.bytes);
	ev_buf_release(&scan.checked);
	return rc < 0 ? ev_context(err, "table '%s'", shape->table) : rc;
}
