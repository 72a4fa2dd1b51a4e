/* query.c - checks and samples: queries of the projection file, printed */
#include <math.h>
#include <stdio.h>

#include "apply/apply.h"
#include "base/mem.h"
#include "base/plural.h"
#include "common/term.h"
#include "evproject/evproject.h"
#include "store/ledger.h"
#include "verify/checks.h"

#define BAR_WIDTH 24
#define MAX_COLUMNS 64 /* wider results have no bars */
#define CHECK_ROWS 5

struct printed {
	struct ev_table table;
	char *align;
	double *last; /* the last column as a number, NAN when it is none */
	size_t rows, cap, columns;
	bool numbers;
};

static int add_row(void *ctx, const struct ev_cell *cells, size_t n)
{
	struct printed *p = ctx;
	const struct ev_cell *last = &cells[n - 1];

	for (size_t i = 0; i < n; i++)
		ev_table_slice(&p->table, cells[i].kind == EV_CELL_NULL ? EV_LITERAL("")
									: cells[i].text);
	EV_GROW(p->last, p->rows, p->cap);
	p->last[p->rows++] = last->kind == EV_CELL_INT	  ? (double)last->i
			     : last->kind == EV_CELL_REAL ? last->real
							  : NAN;
	if (last->kind != EV_CELL_INT && last->kind != EV_CELL_REAL)
		p->numbers = false;
	return 0;
}

/* The same rows with one more column: a bar of the last one's number. */
static void print_bars(const struct printed *p, const struct ev_term *t, struct ev_buf *out)
{
	char align[MAX_COLUMNS + 2];
	struct ev_table with;
	double max = 0;

	for (size_t i = 0; i < p->rows; i++)
		max = p->last[i] > max ? p->last[i] : max;
	memset(align, 'l', sizeof(align));
	align[p->columns - 1] = 'r';
	align[p->columns + 1] = '\0';
	ev_table_init(&with, align);
	for (size_t i = 0; i <= p->rows; i++) {
		struct ev_buf bar = EV_BUF_INIT;

		for (size_t j = 0; j < p->columns; j++)
			ev_table_add(&with, p->table.cells[i * p->columns + j]);
		if (i)
			ev_term_bar(t, &bar, p->last[i - 1], max, BAR_WIDTH);
		ev_table_add(&with, ev_buf_str(&bar));
		ev_buf_release(&bar);
	}
	ev_table_print(&with, t, true, out);
	ev_table_release(&with);
}

static void print(const struct printed *p, const struct ev_term *t, struct ev_buf *out)
{
	if (p->numbers && p->rows > 1 && p->columns > 1 && p->columns <= MAX_COLUMNS)
		print_bars(p, t, out);
	else
		ev_table_print(&p->table, t, true, out);
}

/* Run a prepared query into a table; the heading is the columns' names. */
static int fill(struct ev_store *s, const struct ev_projection *file, const struct ev_query_def *d, struct ev_query *q,
		struct printed *p, struct ev_error *err)
{
	char *align;

	p->columns = s->ops->columns(s, q);
	align = ev_alloc(p->columns + 1);
	memset(align, 'l', p->columns);
	p->align = align;
	ev_table_init(&p->table, align);
	p->numbers = true;
	for (size_t i = 0; i < p->columns; i++)
		ev_table_add(&p->table, s->ops->column(s, q, i));
	return ev_ask_query(s, file, d, q, add_row, p, err);
}

static int run_query(struct ev_store *s, const struct ev_projection *p, const struct ev_query_def *d,
		     struct ev_buf *out, size_t *rows, struct ev_error *err)
{
	struct ev_query *q = ev_prepare_query(s, p, d, err);
	struct printed shown = { 0 };
	struct ev_term term;
	int rc;

	if (!q)
		return -1;
	ev_term_init(&term, 1);
	rc = fill(s, p, d, q, &shown, err);
	if (rc == 0)
		print(&shown, &term, out);
	*rows = shown.rows;
	ev_table_release(&shown.table);
	free(shown.align);
	free(shown.last);
	s->ops->finish(s, q);
	return rc;
}

int ev_print_query(struct ev_store *s, const struct ev_projection *p, const struct ev_query_def *q,
		   size_t *rows, struct ev_error *err)
{
	struct ev_buf out = EV_BUF_INIT;
	int rc = run_query(s, p, q, &out, rows, err);

	if (rc == 0)
		fwrite(ev_buf_str(&out), 1, out.len, stdout);
	ev_buf_release(&out);
	return rc;
}

struct checking {
	struct ev_messages *msg;
	struct ev_table table; /* of the check at hand, once it has a row */
	char *align;
};

static void check_row(void *ctx, const struct ev_check *check, const struct ev_cell *cells, size_t n)
{
	struct checking *c = ctx;

	if (!c->align) {
		c->align = ev_alloc(n + 1);
		memset(c->align, 'l', n);
		ev_table_init(&c->table, c->align);
		for (size_t i = 0; i < n; i++)
			ev_table_add(&c->table, check->store->ops->column(check->store, check->query, i));
	}
	for (size_t i = 0; i < n; i++)
		ev_table_slice(&c->table, cells[i].kind == EV_CELL_NULL ? EV_LITERAL("") : cells[i].text);
}

static void forget_rows(struct checking *c)
{
	if (c->align)
		ev_table_release(&c->table);
	free(c->align);
	c->align = NULL;
}

static void check_asked(void *ctx, const struct ev_check *check)
{
	struct ev_buf out = EV_BUF_INIT;
	struct checking *c = ctx;
	struct ev_term term;

	if (check->rows) {
		ev_say(c->msg, "check failed: %s (%lld row%s)", check->def->name, (long long)check->rows,
		       ev_plural(check->rows));
		ev_term_init(&term, 1);
		ev_table_print(&c->table, &term, true, &out);
		fwrite(ev_buf_str(&out), 1, out.len, stdout);
		if (check->rows > CHECK_ROWS)
			printf("... and %lld more\n", (long long)check->rows - CHECK_ROWS);
	}
	forget_rows(c);
	ev_buf_release(&out);
}

int ev_run_checks(struct ev_store *s, const struct ev_projection *p, struct ev_messages *msg,
		  struct ev_error *err)
{
	struct checking c = { .msg = msg };
	struct ev_check_hooks hooks = { &c, CHECK_ROWS, check_row, check_asked };
	int failed = ev_checks_ask(s, p, &hooks, NULL, err);

	forget_rows(&c);
	return failed;
}
