/* plan.c - statements of the shapes that fold; everything else is left alone */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "fold/plan.h"

static struct ev_fold_table *take_table(struct ev_fold_reader *r)
{
	for (size_t i = 0; i < r->f->ntables; i++)
		if (ev_fold_take_name(r, r->f->tables[i].name))
			return &r->f->tables[i];
	return NULL;
}

static bool is_key(const struct ev_fold_table *t, size_t column)
{
	for (size_t i = 0; i < t->nkey; i++)
		if (t->key[i] == column)
			return true;
	return false;
}

/* (a, b) VALUES; without a list the columns in their order. */
static bool read_names(struct ev_fold_reader *r)
{
	if (!ev_fold_take(r, "(")) {
		for (size_t i = 0; i < r->table->ncolumns; i++)
			EV_PUSH(r->out->values, r->out->nvalues)->column = i;
		return ev_fold_take(r, "values");
	}
	do {
		int column = ev_fold_take_column(r);

		for (size_t i = 0; column >= 0 && i < r->out->nvalues; i++)
			if (r->out->values[i].column == (size_t)column)
				column = ev_fold_refuse(r, "a column is named twice");
		if (column < 0)
			return false;
		EV_PUSH(r->out->values, r->out->nvalues)->column = (size_t)column;
	} while (ev_fold_take(r, ","));
	return ev_fold_take(r, ")") && ev_fold_take(r, "values");
}

static bool read_values(struct ev_fold_reader *r)
{
	size_t n = 0;

	if (!read_names(r) || !ev_fold_take(r, "("))
		return false;
	do {
		int x = n < r->out->nvalues ? ev_fold_read_expr(r) : -1;

		if (x < 0 || !ev_fold_assignable(r, r->out->values[n].column, x))
			return false;
		r->out->values[n++].expr = (size_t)x;
	} while (ev_fold_take(r, ","));
	return ev_fold_take(r, ")") && n == r->out->nvalues;
}

/* Every column of the key must be given, and of the others those that have a default that we know. */
static bool check_values(struct ev_fold_reader *r)
{
	for (size_t c = 0; c < r->table->ncolumns; c++) {
		bool given = false;

		for (size_t i = 0; i < r->out->nvalues; i++)
			given |= r->out->values[i].column == c;
		if (!given && (is_key(r->table, c) || r->table->columns[c].fallback.kind == EV_FV_DOUBT)) {
			ev_fold_refuse(r, "a column is left to a default that is not folded");
			return false;
		}
	}
	return true;
}

static bool read_sets(struct ev_fold_reader *r)
{
	do {
		int column = ev_fold_take_column(r), x;

		if (column < 0)
			return false;
		if (is_key(r->table, (size_t)column)) {
			ev_fold_refuse(r, "it changes the key");
			return false;
		}
		for (size_t i = 0; i < r->out->nsets; i++)
			if (r->out->sets[i].column == (size_t)column)
				return false;
		x = ev_fold_take(r, "=") ? ev_fold_read_expr(r) : -1;
		if (x < 0 || !ev_fold_assignable(r, (size_t)column, x))
			return false;
		*EV_PUSH(r->out->sets, r->out->nsets) = (struct ev_fold_set){ (size_t)column, (size_t)x };
	} while (ev_fold_take(r, ","));
	return true;
}

static bool add_condition(struct ev_fold_reader *r, int x)
{
	if (ev_fold_truth(r, x) < 0)
		return false;
	*EV_PUSH(r->out->conds, r->out->nconds) = (size_t)x;
	return true;
}

/* (the whole key) */
static bool read_target(struct ev_fold_reader *r)
{
	size_t n = 0;

	do {
		int column = ev_fold_take_column(r);

		if (column < 0 || !is_key(r->table, (size_t)column))
			return false;
		n++;
	} while (ev_fold_take(r, ","));
	return n == r->table->nkey && ev_fold_take(r, ")");
}

/* ON CONFLICT (key) DO NOTHING | DO UPDATE SET ... [WHERE ...] */
static bool read_conflict(struct ev_fold_reader *r)
{
	bool all;

	if (!ev_fold_take(r, "on"))
		return true;
	if (!ev_fold_take(r, "conflict"))
		return false;
	all = !ev_fold_take(r, "(");
	if ((!all && !read_target(r)) || !ev_fold_take(r, "do"))
		return false;
	if (ev_fold_take(r, "nothing")) {
		r->out->conflict = EV_FOLD_NOTHING;
		return true;
	}
	r->out->conflict = EV_FOLD_MERGE;
	r->rows = r->merging = true;
	if (all || !ev_fold_take(r, "update") || !ev_fold_take(r, "set") || !read_sets(r))
		return false;
	return !ev_fold_take(r, "where") || add_condition(r, ev_fold_read_expr(r));
}

/* A column of the key = a value that is the event's alone, and nothing more: its place in the key, or -1. */
static int read_key(struct ev_fold_reader *r)
{
	size_t start = r->at, k = 0;
	int column, x;

	if (ev_token_is(r->t[r->at + 1], ".") && ev_fold_take_name(r, r->table->name))
		r->at++;
	column = ev_fold_take_column(r);
	while (column >= 0 && k < r->table->nkey && r->table->key[k] != (size_t)column)
		k++;
	if (column >= 0 && k < r->table->nkey && !r->out->where[k] && ev_fold_take(r, "=")) {
		x = ev_fold_read_leaf(r);
		if (x >= 0 && !r->types[x].rows && (ev_fold_at(r, "and") || r->at == r->n) &&
		    ev_fold_assignable(r, (size_t)column, x)) {
			r->out->where[k] = (size_t)x + 1; /* 0: not given yet */
			return (int)k;
		}
	}
	r->at = start;
	return -1;
}

/* WHERE k = a AND l = b, the whole key, AND whatever else is read; for DELETE it may be a beginning of the key */
static bool read_where(struct ev_fold_reader *r)
{
	size_t n = 0;

	r->out->where = ev_alloc(r->table->nkey * sizeof(*r->out->where));
	if (!ev_fold_take(r, "where"))
		return false;
	do {
		if (read_key(r) >= 0)
			n++;
		else if (!add_condition(r, ev_fold_read_condition(r)))
			return false;
	} while (ev_fold_take(r, "and"));
	for (size_t k = 0; k < r->table->nkey; k++) {
		if (k < n && !r->out->where[k])
			n = 0; /* what it has is no beginning */
		r->out->where[k] -= r->out->where[k] > 0;
	}
	if (n == r->table->nkey)
		return true;
	r->out->sweeps = n && r->out->verb == EV_FOLD_DELETE && r->table->plain && ev_fold_make_group(r->table, n);
	if (!r->out->sweeps)
		ev_fold_refuse(r, "WHERE does not name the whole key");
	return r->out->sweeps;
}

static bool read_statement(struct ev_fold_reader *r)
{
	if (ev_fold_take(r, "insert")) {
		r->out->verb = EV_FOLD_INSERT;
		if (!ev_fold_take(r, "into") || !(r->table = take_table(r)))
			return false;
		return read_values(r) && check_values(r) && read_conflict(r);
	}
	r->rows = true;
	if (ev_fold_take(r, "update")) {
		r->out->verb = EV_FOLD_UPDATE;
		return (r->table = take_table(r)) && ev_fold_take(r, "set") && read_sets(r) && read_where(r);
	}
	r->out->verb = EV_FOLD_DELETE;
	return ev_fold_take(r, "delete") && ev_fold_take(r, "from") && (r->table = take_table(r)) &&
	       read_where(r);
}

static void take_params(struct ev_fold_reader *r, struct ev_query *q, size_t n)
{
	const struct ev_store_ops *ops = r->f->store->ops;

	r->out->nparams = n;
	if (ops->param_type)
		r->out->params = ev_alloc((n + 1) * sizeof(*r->out->params));
	for (size_t i = 0; i < n && ops->param_type; i++)
		ev_fold_param_type(ops->param_type(r->f->store, q, i), &r->out->params[i]);
}

/* What is said of a statement that is left to the store. */
static char *reason(const struct ev_fold_reader *r)
{
	struct ev_slice t = r->t[r->at].text;
	char text[120];

	if (r->why)
		return ev_strdup(r->why);
	if (r->at >= r->n)
		return ev_strdup("it ends too early");
	snprintf(text, sizeof(text), "'%.*s' is not folded there", t.len < 40 ? (int)t.len : 40, t.ptr);
	return ev_strdup(text);
}

void ev_fold_read(struct ev_fold *f, const struct ev_statement *s, struct ev_query *q, const char *refused,
		  struct ev_fold_statement *out)
{
	struct ev_fold_reader r = { .f = f, .out = out };

	if (!q && f->store->ops->param_type) {
		char text[sizeof(((struct ev_error *)NULL)->text) + 64];

		snprintf(text, sizeof(text), "the store does not take it: %s", refused);
		out->why = ev_strdup(text);
		return;
	}
	ev_fold_reader_init(&r, s->sql[f->store->ops->dialect]);
	take_params(&r, q, s->nparams);
	if (r.n && read_statement(&r) && r.at == r.n) {
		if (r.table->plain)
			out->table = r.table;
	} else {
		out->why = reason(&r);
	}
	ev_fold_reader_release(&r);
}

/* A reader that has nothing but a table and a text to read. */
static struct ev_fold_reader reader_of(struct ev_fold *f, struct ev_fold_table *t, const char *sql, bool rows)
{
	struct ev_fold_reader r = { .f = f, .out = t->rules, .table = t, .rows = rows };

	ev_fold_reader_init(&r, sql);
	for (size_t i = 0, n = 0; i < t->rules->nexpr; i++) /* of those read before */
		EV_PUSH(r.types, n)->class = EV_FC_CARRIED;
	return r;
}

struct ev_fv ev_fold_read_default(struct ev_fold *f, struct ev_fold_table *t, const char *sql)
{
	struct ev_fold_reader r = reader_of(f, t, sql, false);
	struct ev_fv v = { .kind = EV_FV_DOUBT };
	int x = ev_fold_read_expr(&r);

	if (x >= 0 && r.at == r.n && r.types[x].fixed)
		v = ev_fold_eval(f, t->rules, (size_t)x, NULL, NULL, NULL);
	ev_fold_reader_release(&r);
	return v;
}

char *ev_fold_read_check(struct ev_fold *f, struct ev_fold_table *t, const char *sql)
{
	struct ev_fold_reader r = reader_of(f, t, sql, true);
	int x = ev_fold_read_expr(&r);
	struct ev_buf why = EV_BUF_INIT;
	char *text = NULL;

	if (!(x >= 0 && r.at == r.n && add_condition(&r, x))) {
		text = reason(&r);
		ev_buf_addf(&why, "of its CHECK (%s): %s", sql, text);
		free(text);
		text = ev_strdup(ev_buf_str(&why));
		ev_buf_release(&why);
	}
	ev_fold_reader_release(&r);
	return text;
}

void ev_fold_statement_release(struct ev_fold_statement *s)
{
	for (size_t i = 0; i < s->nexpr; i++)
		if (s->expr[i].kind == EV_FX_CONST)
			free((char *)s->expr[i].value.text.ptr);
	free(s->expr);
	free(s->values);
	free(s->sets);
	free(s->where);
	free(s->conds);
	free(s->eager);
	free(s->params);
	free(s->why);
}
