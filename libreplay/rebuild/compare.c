/* compare.c - see compare.h */
#include "rebuild/compare.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

#include "base/mem.h"
#include "base/plural.h"
#include "base/utf8.h"
#include "json/number.h"
#include "store/ledger.h"

#define STOP_EVERY 1024 /* rows */

/* One of the two tables. */
struct side {
	struct ev_store *store;
	struct ev_table_info info;
	struct ev_cursor *cursor;
	const struct ev_cell *row; /* NULL at the end */
	struct ev_cell *before;    /* the key of the row before, to see that the order is ours */
	struct ev_buf text;        /* its bytes */
	bool started;
};

struct comparing {
	struct side old, new;
	struct ev_compared_table *table;
	size_t samples;
	size_t kept[3];
	bool (*stop)(void *ctx);
	void *ctx;
	bool decimals; /* numbers have exact texts in both */
	char **columns; /* common ones, keys first */
	size_t ncolumns, nkeys;
};

static int rank(const struct ev_cell *c)
{
	switch (c->kind) {
	case EV_CELL_NULL:
		return 0;
	case EV_CELL_INT:
	case EV_CELL_REAL:
		return 1;
	case EV_CELL_TEXT:
		return 2;
	default:
		return 3;
	}
}

/* Exact, where a conversion of either to the other's type would round. */
static int compare_mixed(int64_t i, double r)
{
	double rest;

	if (isnan(r) || r >= 0x1p63)
		return -1;
	if (r < -0x1p63)
		return 1;
	if (i != (int64_t)r)
		return i < (int64_t)r ? -1 : 1;
	rest = r - trunc(r);
	return (rest < 0) - (rest > 0);
}

static bool is_plain_number(struct ev_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!strchr("0123456789+-.eE", s.ptr[i]))
			return false; /* NaN, Infinity */
	return s.len > 0;
}

static int compare_numbers(const struct ev_cell *a, const struct ev_cell *b, bool decimals)
{
	bool a_int = a->kind == EV_CELL_INT, b_int = b->kind == EV_CELL_INT;

	if (a_int && b_int)
		return (a->i > b->i) - (a->i < b->i);
	if (decimals && is_plain_number(a->text) && is_plain_number(b->text))
		return ev_number_cmp(a->text, b->text);
	if (a_int || b_int)
		return a_int ? compare_mixed(a->i, b->real) : -compare_mixed(b->i, a->real);
	if (isnan(a->real) || isnan(b->real)) /* one value, after all others */
		return !!isnan(a->real) - !!isnan(b->real);
	return (a->real > b->real) - (a->real < b->real);
}

static int compare_cells(const struct ev_cell *a, const struct ev_cell *b, bool decimals)
{
	int by = rank(a) - rank(b);

	if (by || a->kind == EV_CELL_NULL)
		return by;
	return rank(a) == 1 ? compare_numbers(a, b, decimals) : ev_slice_cmp(a->text, b->text);
}

static int compare_keys(const struct comparing *c, const struct ev_cell *a, const struct ev_cell *b)
{
	int by = 0;

	for (size_t i = 0; i < c->nkeys && !by; i++)
		by = compare_cells(&a[i], &b[i], c->decimals);
	return by;
}

static void add_hex(struct ev_buf *out, const char *bytes, size_t n)
{
	ev_buf_adds(out, "x'");
	ev_buf_add_hex(out, ev_slice(bytes, n));
	ev_buf_addc(out, '\'');
}

static void add_cell(struct ev_buf *out, const struct ev_cell *c)
{
	size_t n = c->text.len < 60 ? c->text.len : 60;

	if (c->kind == EV_CELL_NULL) {
		ev_buf_adds(out, "NULL");
	} else if (c->kind == EV_CELL_BYTES) {
		add_hex(out, c->text.ptr, n);
	} else if (c->kind == EV_CELL_TEXT && !ev_utf8_valid(c->text)) {
		ev_buf_adds(out, "text "); /* a database takes anything */
		add_hex(out, c->text.ptr, n);
	} else if (c->kind == EV_CELL_TEXT) {
		while (n < c->text.len && n && ((unsigned char)c->text.ptr[n] & 0xc0) == 0x80)
			n--; /* not in the middle of a character */
		ev_buf_addc(out, '\'');
		ev_buf_add_seen(out, ev_slice(c->text.ptr, n));
		ev_buf_addc(out, '\'');
	} else if (c->kind == EV_CELL_REAL && isfinite(c->real) && strtod(c->text.ptr, NULL) != c->real) {
		ev_buf_addf(out, "%.17g", c->real); /* SQLite's text may be that of its neighbour */
	} else {
		ev_buf_add_slice(out, c->text);
	}
	if (n < c->text.len && rank(c) > 1)
		ev_buf_adds(out, "...");
}

static void add_cells(const struct comparing *c, struct ev_buf *out, const struct ev_cell *row, size_t from,
		      size_t to)
{
	for (size_t i = from; i < to; i++) {
		ev_buf_addf(out, "%s%s=", i > from ? ", " : "", c->columns[i]);
		add_cell(out, &row[i]);
	}
}

static void keep(struct comparing *c, enum ev_row_change change, const struct ev_cell *row,
		 const struct ev_cell *other)
{
	struct ev_buf key = EV_BUF_INIT, what = EV_BUF_INIT;
	struct ev_row_sample *s;
	size_t first = 0;

	if (c->kept[change]++ >= c->samples)
		return;
	add_cells(c, &key, row, 0, c->nkeys);
	if (!other)
		add_cells(c, &what, row, c->nkeys, c->ncolumns);
	for (size_t i = c->nkeys; other && i < c->ncolumns; i++) {
		if (compare_cells(&row[i], &other[i], c->decimals) == 0)
			continue;
		ev_buf_addf(&what, "%s%s: ", first++ ? ", " : "", c->columns[i]);
		add_cell(&what, &row[i]);
		ev_buf_adds(&what, " -> ");
		add_cell(&what, &other[i]);
	}
	if (other && !what.len)
		ev_buf_addf(&what, "lacks %s", ev_buf_str(&c->table->dropped));
	s = EV_PUSH(c->table->samples, c->table->nsamples);
	s->change = change;
	s->key = ev_strdup(ev_buf_str(&key));
	s->what = ev_strdup(ev_buf_str(&what));
	ev_buf_release(&key);
	ev_buf_release(&what);
}

/* A row that has lost a column, or whose column has another name, is not what it was. */
static bool rows_equal(const struct comparing *c)
{
	if (c->table->dropped.len)
		return false;
	for (size_t i = c->nkeys; i < c->ncolumns; i++)
		if (compare_cells(&c->old.row[i], &c->new.row[i], c->decimals))
			return false;
	return true;
}

static void remember(const struct comparing *c, struct side *s)
{
	size_t at = 0;

	ev_buf_clear(&s->text);
	for (size_t i = 0; i < c->nkeys; i++)
		ev_buf_add_slice(&s->text, s->row[i].text);
	for (size_t i = 0; i < c->nkeys; i++) {
		s->before[i] = s->row[i];
		if (s->row[i].text.ptr)
			s->before[i].text.ptr = ev_buf_str(&s->text) + at;
		at += s->row[i].text.len;
	}
	s->started = true;
}

/* The next row; a store that does not give them in our order would make a lie of all that follows. */
static int next_row(struct comparing *c, struct side *s, struct ev_error *err)
{
	int rc = s->store->ops->fetch(s->cursor, &s->row, err), by;

	if (rc <= 0) {
		s->row = NULL;
		return rc;
	}
	by = s->started ? compare_keys(c, s->before, s->row) : -1;
	if (by > 0 || (by == 0 && c->table->keyed))
		return ev_fail(err, EV_STORE, "store '%s' does not give its rows in order: an index may be "
			       "corrupt", s->store->url);
	remember(c, s);
	return s->text.failed ? ev_fail(err, EV_STORE, "no memory for a row") : 0;
}

static int step(struct comparing *c, struct ev_error *err)
{
	int by = !c->old.row ? 1 : !c->new.row ? -1 : compare_keys(c, c->old.row, c->new.row);

	if (by < 0) {
		c->table->only_old++;
		keep(c, EV_ROW_ONLY_OLD, c->old.row, NULL);
		return next_row(c, &c->old, err);
	}
	if (by > 0) {
		c->table->only_new++;
		keep(c, EV_ROW_ONLY_NEW, c->new.row, NULL);
		return next_row(c, &c->new, err);
	}
	if (rows_equal(c)) {
		c->table->same++;
	} else {
		c->table->changed++;
		keep(c, EV_ROW_CHANGED, c->old.row, c->new.row);
	}
	return next_row(c, &c->old, err) < 0 ? -1 : next_row(c, &c->new, err);
}

/*
 * To SQLite a name is the same in any case, and PostgreSQL has folded those that were not quoted; but two
 * of PostgreSQL's that differ in case alone are two.
 */
static const struct ev_column_info *find(const struct comparing *c, const struct side *s, const char *name)
{
	bool exact = c->old.store->ops->dialect == EV_POSTGRESQL &&
		     c->new.store->ops->dialect == EV_POSTGRESQL;

	for (size_t i = 0; i < s->info.ncolumns; i++)
		if (strcmp(s->info.columns[i].name, name) == 0)
			return &s->info.columns[i];
	for (size_t i = 0; i < s->info.ncolumns && !exact; i++)
		if (strcasecmp(s->info.columns[i].name, name) == 0)
			return &s->info.columns[i];
	return NULL;
}

static bool same_key(const struct comparing *c)
{
	const struct ev_table_info *a = &c->old.info, *b = &c->new.info;
	bool any = false;

	for (size_t i = 0; i < a->ncolumns; i++) {
		const struct ev_column_info *other = find(c, &c->new, a->columns[i].name);

		if (a->columns[i].key != (other ? other->key : 0))
			return false;
		any |= a->columns[i].key > 0;
	}
	for (size_t i = 0; i < b->ncolumns; i++)
		if (b->columns[i].key && !find(c, &c->old, b->columns[i].name))
			return false;
	return any;
}

/* Rows whose key is NULL are not told apart by it. 1, 0, -1. */
static int null_in_key(const struct side *s, struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT, from = EV_BUF_INIT;
	const struct ev_cell *row;
	struct ev_cursor *cursor;
	int rc = 0, n = 0;

	for (size_t i = 0; i < s->info.ncolumns; i++)
		if (s->info.columns[i].nullable)
			ev_buf_addf(&sql, "%s%s IS NULL", n++ ? " OR " : " WHERE ", s->info.columns[i].value);
	if (n) {
		ev_buf_adds(&from, "SELECT 1 FROM ");
		ev_buf_add_quoted(&from, s->info.name, '"');
		ev_buf_addf(&from, "%s LIMIT 1", ev_buf_str(&sql));
		cursor = s->store->ops->cursor(s->store, ev_buf_str(&from), err);
		rc = cursor ? s->store->ops->fetch(cursor, &row, err) : -1;
		s->store->ops->cursor_close(cursor);
	}
	ev_buf_release(&sql);
	ev_buf_release(&from);
	return rc;
}

/* The common columns, those of the key first and in its order; without one all are the key. */
static void choose_columns(struct comparing *c, bool keyed)
{
	const struct ev_table_info *old = &c->old.info, *new = &c->new.info;

	c->table->keyed = keyed;
	for (int k = 1; c->table->keyed && k <= (int)old->ncolumns; k++)
		for (size_t i = 0; i < old->ncolumns; i++)
			if (old->columns[i].key == k)
				*EV_PUSH(c->columns, c->ncolumns) = old->columns[i].name;
	c->nkeys = c->ncolumns;
	for (size_t i = 0; i < old->ncolumns; i++) {
		char *name = old->columns[i].name;

		if (!find(c, &c->new, name))
			ev_buf_addf(&c->table->dropped, "%s%s", c->table->dropped.len ? ", " : "", name);
		else if (!c->table->keyed || !old->columns[i].key)
			*EV_PUSH(c->columns, c->ncolumns) = name;
	}
	for (size_t i = 0; i < new->ncolumns; i++)
		if (!find(c, &c->old, new->columns[i].name))
			ev_buf_addf(&c->table->added, "%s%s", c->table->added.len ? ", " : "",
				    new->columns[i].name);
	if (!c->table->keyed)
		c->nkeys = c->ncolumns;
}

static int open_side(struct comparing *c, struct side *s, struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT;
	bool portable = c->old.store->ops->dialect != c->new.store->ops->dialect;

	ev_buf_adds(&sql, "SELECT ");
	for (size_t i = 0; i < c->ncolumns; i++) {
		const struct ev_column_info *k = find(c, s, c->columns[i]);

		ev_buf_addf(&sql, "%s%s", i ? ", " : "", portable ? k->portable : k->value);
	}
	ev_buf_adds(&sql, " FROM ");
	ev_buf_add_quoted(&sql, s->info.name, '"');
	for (size_t i = 0; i < c->nkeys; i++) {
		const struct ev_column_info *k = find(c, s, c->columns[i]);

		ev_buf_addf(&sql, "%s%s", i ? ", " : " ORDER BY ", k->order);
	}
	s->before = ev_alloc((c->nkeys + 1) * sizeof(*s->before));
	s->cursor = s->store->ops->cursor(s->store, ev_buf_str(&sql), err);
	ev_buf_release(&sql);
	return s->cursor ? next_row(c, s, err) : -1;
}

/* Of a table that only one of them has, or that shares no column: each row is a difference. */
static int count_rows(const struct side *s, int64_t *rows, struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT;
	const struct ev_cell *row;
	struct ev_cursor *cursor;
	int rc;

	ev_buf_adds(&sql, "SELECT count(*) FROM ");
	ev_buf_add_quoted(&sql, s->info.name, '"');
	cursor = s->store->ops->cursor(s->store, ev_buf_str(&sql), err);
	rc = cursor ? s->store->ops->fetch(cursor, &row, err) : -1;
	if (rc > 0)
		*rows = row[0].i;
	s->store->ops->cursor_close(cursor);
	ev_buf_release(&sql);
	return rc < 0 ? -1 : 0;
}

static int merge(struct comparing *c, struct ev_error *err)
{
	if (!c->ncolumns) /* no column in common: there is nothing to hold one row against the other */
		return count_rows(&c->old, &c->table->only_old, err) < 0
			       ? -1 : count_rows(&c->new, &c->table->only_new, err);
	if (open_side(c, &c->old, err) < 0 || open_side(c, &c->new, err) < 0)
		return -1;
	for (size_t n = 0; c->old.row || c->new.row; n++) {
		if (n % STOP_EVERY == 0 && c->stop && c->stop(c->ctx))
			return 1;
		if (step(c, err) < 0)
			return -1;
	}
	return 0;
}

static void close_side(struct side *s)
{
	s->store->ops->cursor_close(s->cursor);
	ev_table_info_release(&s->info);
	ev_buf_release(&s->text);
	free(s->before);
}

/* 1: it is a table of both; 0: of one or of none; -1. */
static int describe(struct comparing *c, struct ev_error *err)
{
	int old = c->old.store->ops->describe(c->old.store, c->table->name, &c->old.info, err);
	int new = old < 0 ? -1 : c->new.store->ops->describe(c->new.store, c->table->name, &c->new.info, err);

	if (new < 0)
		return -1;
	c->table->in_old = old;
	c->table->in_new = new;
	return old && new;
}

static int compare_both(struct comparing *c, struct ev_error *err)
{
	bool keyed = same_key(c);
	int null = keyed ? null_in_key(&c->old, err) : 0;

	if (keyed && null == 0)
		null = null_in_key(&c->new, err);
	choose_columns(c, keyed && !null);
	return null < 0 ? -1 : merge(c, err);
}

/* `with` holds what is the same for all tables. 0, 1 stopped, -1. */
static int compare_table(const struct comparing *with, struct ev_compared_table *t, struct ev_error *err)
{
	struct comparing c = *with;
	int rc;

	c.table = t;
	rc = describe(&c, err);
	if (rc > 0)
		rc = compare_both(&c, err);
	else if (rc == 0 && t->in_old)
		rc = count_rows(&c.old, &t->only_old, err);
	else if (rc == 0 && t->in_new)
		rc = count_rows(&c.new, &t->only_new, err);
	free(c.columns);
	close_side(&c.old);
	close_side(&c.new);
	return rc < 0 ? ev_context(err, "table '%s'", t->name) : rc;
}

int ev_compare_tables(struct ev_store *a, struct ev_store *b, const char *projection, struct ev_buf *tables,
		      struct ev_error *err)
{
	/* in SQLite a name is the same in any case, and a store of the other kind may have folded it */
	bool exact = a->ops->dialect == EV_POSTGRESQL && b->ops->dialect == EV_POSTGRESQL;
	struct ev_buf more = EV_BUF_INIT;
	int rc = ev_ledger_tables(a, projection, tables, err);

	if (rc == 0)
		rc = ev_ledger_tables(b, projection, &more, err);
	for (const char *t = ev_buf_str(&more), *end = t + more.len; rc == 0 && t < end; t += strlen(t) + 1)
		if (!ev_buf_lists(tables, t, exact))
			ev_buf_add(tables, t, strlen(t) + 1);
	ev_buf_release(&more);
	return rc;
}

int ev_compare(struct ev_store *old, struct ev_store *new, const struct ev_buf *tables, size_t samples,
	       bool (*stop)(void *ctx), void *ctx, struct ev_comparison *out, struct ev_error *err)
{
	const struct comparing with = {
		.old = { .store = old }, .new = { .store = new }, .samples = samples, .stop = stop, .ctx = ctx,
		.decimals = old->ops->dialect == EV_POSTGRESQL && new->ops->dialect == EV_POSTGRESQL,
	};
	const char *name = ev_buf_str(tables), *end = name + tables->len;

	*out = (struct ev_comparison){ 0 };
	for (; name < end; name += strlen(name) + 1) {
		struct ev_compared_table *t = EV_PUSH(out->tables, out->ntables);
		int rc;

		t->name = ev_strdup(name);
		rc = compare_table(&with, t, err);
		if (rc < 0 && stop && stop(ctx)) { /* a cursor was broken off */
			*err = (struct ev_error)EV_ERROR_INIT;
			rc = 1;
		}
		if (rc)
			return rc;
		if (!t->in_old && !t->in_new) { /* a view */
			free(t->name);
			out->ntables--;
		}
	}
	return 0;
}

void ev_comparison_release(struct ev_comparison *c)
{
	for (size_t i = 0; i < c->ntables; i++) {
		struct ev_compared_table *t = &c->tables[i];

		for (size_t k = 0; k < t->nsamples; k++) {
			free(t->samples[k].key);
			free(t->samples[k].what);
		}
		free(t->samples);
		free(t->name);
		ev_buf_release(&t->dropped);
		ev_buf_release(&t->added);
	}
	free(c->tables);
	*c = (struct ev_comparison){ 0 };
}

static struct ev_compared_table total(const struct ev_comparison *c)
{
	struct ev_compared_table sum = { 0 };

	for (size_t i = 0; i < c->ntables; i++) {
		sum.same += c->tables[i].same;
		sum.only_old += c->tables[i].only_old;
		sum.only_new += c->tables[i].only_new;
		sum.changed += c->tables[i].changed;
	}
	return sum;
}

int64_t ev_comparison_differing(const struct ev_comparison *c)
{
	struct ev_compared_table t = total(c);

	return t.only_old + t.only_new + t.changed;
}

int64_t ev_comparison_old_rows(const struct ev_comparison *c)
{
	struct ev_compared_table t = total(c);

	return t.same + t.only_old + t.changed;
}

bool ev_comparison_same(const struct ev_comparison *c)
{
	for (size_t i = 0; i < c->ntables; i++)
		if (!c->tables[i].in_old || !c->tables[i].in_new || c->tables[i].dropped.len ||
		    c->tables[i].added.len)
			return false;
	return ev_comparison_differing(c) == 0;
}

void ev_comparison_line(const struct ev_comparison *c, struct ev_buf *out)
{
	struct ev_compared_table t = total(c);

	if (!ev_comparison_differing(c)) {
		ev_buf_addf(out, "%s%" PRId64 " row%s the same%s", ev_agree(t.same, "", "all "),
			    t.same, ev_agree(t.same, " is", "s are"),
			    ev_comparison_same(c) ? "" : ", but for tables or columns that are new");
		return;
	}
	ev_buf_addf(out, "%" PRId64 " row%s changed, %" PRId64 " only in the old view, %" PRId64
		    " only in the new, %" PRId64 " the same", t.changed, ev_plural(t.changed), t.only_old, t.only_new,
		    t.same);
}
