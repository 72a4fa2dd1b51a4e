/* expect.c - rows and dead letters against what a case expects */
#include <inttypes.h>
#include <jansson.h>

#include "base/mem.h"
#include "cases/internal.h"
#include "json/json.h"
#include "json/number.h"
#include "store/dead.h"
#include "store/ledger.h"

struct cell {
	enum ev_cell_kind kind;
	char *text; /* NULL: SQL NULL */
};

struct rows {
	struct cell **cells;
	size_t n, cap, columns;
};

static int collect(void *ctx, const struct ev_cell *cells, size_t n)
{
	struct rows *r = ctx;
	struct cell *row = ev_alloc((n + 1) * sizeof(*row));

	for (size_t i = 0; i < n; i++) {
		row[i].kind = cells[i].kind;
		row[i].text = cells[i].kind == EV_CELL_NULL
				      ? NULL : ev_strndup(cells[i].text.ptr, cells[i].text.len);
	}
	EV_GROW(r->cells, r->n, r->cap);
	r->cells[r->n++] = row;
	r->columns = n;
	return 0;
}

static void release(struct rows *r)
{
	for (size_t i = 0; i < r->n; i++) {
		for (size_t j = 0; j < r->columns; j++)
			free(r->cells[i][j].text);
		free(r->cells[i]);
	}
	free(r->cells);
}

static bool same_json(struct ev_slice a, const char *b)
{
	json_t *x = json_loadb(a.ptr, a.len, JSON_DECODE_ANY, NULL);
	json_t *y = json_loads(b, JSON_DECODE_ANY, NULL);
	bool same = x && y && json_equal(x, y);

	json_decref(x);
	json_decref(y);
	return same;
}

static bool is_number(const char *text)
{
	struct ev_value top;
	struct ev_json_error je;

	return ev_json_validate(ev_slice_str(text), &top, &je) == 0 && top.type == EV_JSON_NUMBER;
}

/* The number 1 and the text "1" are two things, in all stores. */
static bool cell_is(const struct ev_value *want, const struct cell *c)
{
	bool number = c->kind == EV_CELL_INT || c->kind == EV_CELL_REAL, same = false;
	struct ev_buf scratch = EV_BUF_INIT;
	const char *got = c->text;
	struct ev_slice text;

	if (!got || want->type == EV_JSON_NULL)
		return !got && want->type == EV_JSON_NULL;
	switch (want->type) {
	case EV_JSON_TRUE:
	case EV_JSON_FALSE:
		return number && strcmp(got, want->type == EV_JSON_TRUE ? "1" : "0") == 0;
	case EV_JSON_NUMBER:
		return number && is_number(got) && ev_number_cmp(want->raw, ev_slice_str(got)) == 0;
	case EV_JSON_STRING:
		same = !(number && is_number(got)) && ev_value_text(want, &scratch, &text) == 0 &&
		       ev_slice_is(text, got);
		ev_buf_release(&scratch);
		return same;
	default:
		return same_json(want->raw, got);
	}
}

static int column_index(struct ev_store *s, struct ev_query *q, struct ev_slice name)
{
	for (size_t i = 0; i < s->ops->columns(s, q); i++)
		if (ev_slice_is(name, s->ops->column(s, q, i)))
			return (int)i;
	return -1;
}

/* 1 when the row matches, 0 when not, -1 when a column does not exist (named in `out`). */
static int row_is(struct ev_store *s, struct ev_query *q, const struct ev_value *want,
		  const struct cell *row, struct ev_buf *out)
{
	struct ev_each it;
	struct ev_value name, v;

	ev_each_begin(&it, want);
	while (ev_member_next(&it, &name, &v)) {
		int at = column_index(s, q, name.raw);

		if (at < 0) {
			ev_buf_addf(out, "no column '%.*s'\n", (int)name.raw.len, name.raw.ptr);
			return -1;
		}
		if (!cell_is(&v, &row[at]))
			return 0;
	}
	return 1;
}

static void print_row(struct ev_store *s, struct ev_query *q, const struct cell *row,
		      struct ev_buf *out)
{
	for (size_t i = 0; i < s->ops->columns(s, q); i++) {
		ev_buf_addf(out, "%s%s=", i ? ", " : "", s->ops->column(s, q, i));
		if (row[i].kind == EV_CELL_TEXT)
			ev_json_quote(out, ev_slice_str(row[i].text));
		else
			ev_buf_adds(out, row[i].text ? row[i].text : "null");
	}
	ev_buf_addc(out, '\n');
}

static void compare_rows(struct ev_store *s, struct ev_query *q, const char *table,
			 const struct ev_value *want, struct rows *got, struct ev_buf *out)
{
	bool *used = ev_alloc(got->n + 1);
	struct ev_each it;
	struct ev_value v;

	ev_each_begin(&it, want);
	while (ev_each_next(&it, &v)) {
		size_t i;
		int rc = 0;

		for (i = 0; i < got->n && rc == 0; i++)
			if (!used[i] && (rc = row_is(s, q, &v, got->cells[i], out)) > 0)
				used[i] = true;
		if (rc < 0)
			break;
		if (!rc)
			ev_buf_addf(out, "%s: no row    %.*s\n", table, (int)v.raw.len, v.raw.ptr);
	}
	for (size_t i = 0; i < got->n; i++)
		if (!used[i]) {
			ev_buf_addf(out, "%s: unexpected ", table);
			print_row(s, q, got->cells[i], out);
		}
	free(used);
}

static int compare_table(struct ev_store *s, const char *table, const struct ev_value *want,
			 struct ev_buf *out, struct ev_error *err)
{
	struct ev_query *q = ev_store_all_of(s, table, err);
	struct rows got = { 0 };
	int rc;

	if (!q)
		return ev_context(err, "expect '%s'", table);
	rc = s->ops->select(s, q, NULL, 0, collect, &got, err);
	if (rc == 0 && want->type == EV_JSON_ARRAY)
		compare_rows(s, q, table, want, &got, out);
	release(&got);
	s->ops->finish(s, q);
	return rc;
}

struct dead_check {
	const struct ev_value *want;
	bool used[256];
	struct ev_buf *out;
};

static bool letter_is(const struct ev_value *want, const struct ev_dead_letter *d)
{
	struct ev_buf scratch = EV_BUF_INIT;
	struct ev_value name, v;
	struct ev_slice text;
	struct ev_each it;
	bool same = true;

	ev_each_begin(&it, want);
	while (same && ev_member_next(&it, &name, &v)) {
		char *pattern = NULL;

		if (v.type == EV_JSON_STRING && ev_value_text(&v, &scratch, &text) == 0)
			pattern = ev_slice_dup(text);
		if (ev_slice_is(name.raw, "reason"))
			same = pattern && ev_glob(pattern, d->reason);
		else if (ev_slice_is(name.raw, "topic"))
			same = pattern && ev_slice_is(d->topic, pattern);
		else if (ev_slice_is(name.raw, "offset") || ev_slice_is(name.raw, "partition")) {
			int64_t n;

			same = v.type == EV_JSON_NUMBER &&
			       ev_number_scaled(v.raw, 0, &n) == EV_NUMBER_OK &&
			       n == (name.raw.ptr[0] == 'o' ? d->offset : d->partition);
		} else {
			same = false;
		}
		free(pattern);
	}
	ev_buf_release(&scratch);
	return same;
}

static int check_letter(void *ctx, const struct ev_dead_letter *d)
{
	struct dead_check *c = ctx;
	struct ev_value v;
	struct ev_each it;

	if (c->want->type == EV_JSON_ARRAY) {
		ev_each_begin(&it, c->want);
		for (size_t i = 0; i < 256 && ev_each_next(&it, &v); i++)
			if (!c->used[i] && letter_is(&v, d)) {
				c->used[i] = true;
				return 0;
			}
	}
	ev_buf_addf(c->out, "unexpected dead letter %.*s/%d@%" PRId64 ": %.*s\n", (int)d->topic.len,
		    d->topic.ptr, d->partition, d->offset, (int)d->reason.len, d->reason.ptr);
	return 0;
}

static int compare_dead(const struct ev_case *c, struct ev_store *s, const struct ev_projection *p,
			struct ev_buf *out, struct ev_error *err)
{
	struct dead_check check = { .want = &c->dead, .out = out };
	int64_t dead, held, want;
	struct ev_value v;
	struct ev_each it;

	if (ev_dead_each(s, p->name, "dead", check_letter, &check, err) < 0 ||
	    ev_dead_count(s, p->name, &dead, &held, err) < 0)
		return -1;
	if (c->dead.type == EV_JSON_ARRAY) {
		ev_each_begin(&it, &c->dead);
		for (size_t i = 0; i < 256 && ev_each_next(&it, &v); i++)
			if (!check.used[i])
				ev_buf_addf(out, "no dead letter %.*s\n", (int)v.raw.len, v.raw.ptr);
	}
	if (c->held.type == EV_JSON_NUMBER && ev_number_scaled(c->held.raw, 0, &want) == EV_NUMBER_OK &&
	    want != held)
		ev_buf_addf(out, "held: %" PRId64 ", expected %" PRId64 "\n", held, want);
	return 0;
}

int ev_case_compare(const struct ev_case *c, struct ev_store *s, const struct ev_projection *p,
		    struct ev_buf *out, struct ev_error *err)
{
	struct ev_value name, v;
	struct ev_each it;

	ev_each_begin(&it, &c->expect);
	while (c->expect.type == EV_JSON_OBJECT && ev_member_next(&it, &name, &v)) {
		char *table = ev_slice_dup(name.raw);
		int rc = compare_table(s, table, &v, out, err);

		free(table);
		if (rc < 0)
			return -1;
	}
	return compare_dead(c, s, p, out, err);
}

static int by_cells(const void *x, const void *y, void *ctx)
{
	const struct cell *a = *(struct cell *const *)x, *b = *(struct cell *const *)y;

	for (size_t i = 0; i < *(size_t *)ctx; i++) {
		int c = ev_slice_cmp(ev_slice_str(a[i].text), ev_slice_str(b[i].text));

		if (c)
			return c;
	}
	return 0;
}

static int dump_table(struct ev_store *s, const char *table, struct ev_buf *out,
		      struct ev_error *err)
{
	struct ev_query *q = ev_store_all_of(s, table, err);
	struct rows got = { 0 };
	int rc;

	if (!q)
		return -1;
	rc = s->ops->select(s, q, NULL, 0, collect, &got, err);
	if (got.n)
		qsort_r(got.cells, got.n, sizeof(*got.cells), by_cells, &got.columns);
	for (size_t i = 0; i < got.n; i++) {
		ev_buf_addf(out, "%s: ", table);
		print_row(s, q, got.cells[i], out);
	}
	release(&got);
	s->ops->finish(s, q);
	return rc;
}

int ev_case_dump(struct ev_store *s, const char *projection, struct ev_buf *out,
		 struct ev_error *err)
{
	struct ev_buf tables = EV_BUF_INIT;
	int rc = ev_ledger_tables(s, projection, &tables, err);

	for (const char *t = ev_buf_str(&tables); rc == 0 && t < ev_buf_str(&tables) + tables.len;
	     t += strlen(t) + 1)
		rc = dump_table(s, t, out, err);
	ev_buf_release(&tables);
	return rc;
}
