/* plan.c - statements of the shapes that fold; everything else is left alone */
#include <stdlib.h>

#include "base/mem.h"
#include "fold/internal.h"
#include "projection/ddl.h"

struct reader {
	struct ev_fold *f;
	struct ev_fold_statement *out;
	struct ev_fold_table *table;
	struct ev_token *t; /* one END behind the last */
	size_t n, at;
	bool merging;       /* in DO UPDATE: excluded may be named */
};

static bool take(struct reader *r, const char *word)
{
	if (!ev_token_is(r->t[r->at], word))
		return false;
	r->at++;
	return true;
}

static bool is_name(const struct ev_token *t)
{
	return t->kind == EV_TOKEN_WORD || t->kind == EV_TOKEN_QUOTED;
}

/* The name at hand, when it is one of these; else NULL and nothing is taken. */
static bool take_name(struct reader *r, const char *name)
{
	char *s;
	bool same;

	if (!is_name(&r->t[r->at]))
		return false;
	s = ev_token_name(&r->t[r->at]);
	same = strcmp(s, name) == 0;
	free(s);
	r->at += same;
	return same;
}

static struct ev_fold_table *take_table(struct reader *r)
{
	for (size_t i = 0; i < r->f->ntables; i++)
		if (take_name(r, r->f->tables[i].name))
			return &r->f->tables[i];
	return NULL;
}

/* Index of the column, or -1. */
static int take_column(struct reader *r)
{
	for (size_t i = 0; i < r->table->ncolumns; i++)
		if (take_name(r, r->table->columns[i].name))
			return (int)i;
	return -1;
}

static bool is_key(const struct ev_fold_table *t, size_t column)
{
	for (size_t i = 0; i < t->nkey; i++)
		if (t->key[i] == column)
			return true;
	return false;
}

static int add(struct reader *r, struct ev_fx x)
{
	*EV_PUSH(r->out->expr, r->out->nexpr) = x;
	return (int)r->out->nexpr - 1;
}

static int read_expr(struct reader *r);

static int read_number(struct reader *r)
{
	struct ev_slice s = r->t[r->at].text;
	struct ev_fx x = { .kind = EV_FX_CONST, .value = { .kind = EV_FV_INT } };

	if (s.len > 9) /* fits PostgreSQL's integer, which is what it is there */
		return -1;
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return -1;
		x.value.i = x.value.i * 10 + (s.ptr[i] - '0');
	}
	x.min = INT32_MIN;
	x.max = INT32_MAX;
	r->at++;
	return add(r, x);
}

static int read_string(struct reader *r)
{
	struct ev_buf text = EV_BUF_INIT;
	struct ev_fx x = { .kind = EV_FX_CONST, .value = { .kind = EV_FV_TEXT } };
	bool plain = ev_sql_string(r->t[r->at], &text);

	if (plain)
		x.value.text = ev_slice(ev_strndup(ev_buf_str(&text), text.len), text.len);
	ev_buf_release(&text);
	if (!plain)
		return -1;
	r->at++;
	return add(r, x);
}

static int read_param(struct reader *r)
{
	struct ev_slice s = r->t[r->at].text;
	struct ev_fx x = { .kind = EV_FX_PARAM };

	for (size_t i = 1; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return -1;
		x.index = x.index * 10 + (size_t)(s.ptr[i] - '0');
	}
	if (!x.index--)
		return -1;
	r->at++;
	return add(r, x);
}

/* c, t.c or excluded.c; in an INSERT's VALUES there is no row that they could mean. */
static int read_column(struct reader *r, bool rows)
{
	struct ev_fx x = { .kind = EV_FX_OLD };
	size_t start = r->at;
	int column;

	if (!rows)
		return -1;
	if (ev_token_is(r->t[r->at + 1], ".")) {
		if (r->merging && take_name(r, "excluded"))
			x.kind = EV_FX_NEW;
		else if (!take_name(r, r->table->name))
			return -1;
		r->at++;
	}
	column = take_column(r);
	if (column < 0) {
		r->at = start;
		return -1;
	}
	x.index = (size_t)column;
	x.min = r->table->columns[column].min;
	x.max = r->table->columns[column].max;
	return add(r, x);
}

/* The type that an operation computes in: the wider of its operands; a parameter takes the other's. */
static int join(struct reader *r, enum ev_fx_kind kind, int left, int right)
{
	struct ev_fx x = { .kind = kind, .left = (size_t)left, .right = (size_t)right };
	const struct ev_fx *a, *b;

	if (left < 0 || right < 0)
		return -1;
	a = &r->out->expr[left];
	b = &r->out->expr[right];
	if (kind != EV_FX_COALESCE && !a->max && !b->max)
		return -1; /* two parameters, or what is no number */
	if (r->f->store->ops->dialect == EV_SQLITE) {
		x.min = INT64_MIN;
		x.max = INT64_MAX;
	} else {
		x.min = a->min < b->min ? a->min : b->min;
		x.max = a->max > b->max ? a->max : b->max;
	}
	return add(r, x);
}

/* f(a, b) */
static int read_call(struct reader *r, bool rows)
{
	static const struct { const char *name; enum ev_fx_kind kind; int dialect; } calls[] = {
		{ "coalesce", EV_FX_COALESCE, -1 }, { "ifnull", EV_FX_COALESCE, EV_SQLITE },
		{ "min", EV_FX_MIN, EV_SQLITE }, { "max", EV_FX_MAX, EV_SQLITE },
		{ "least", EV_FX_MIN, EV_POSTGRESQL }, { "greatest", EV_FX_MAX, EV_POSTGRESQL },
	};
	int left, right;

	(void)rows;
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		if (!ev_token_is(r->t[r->at], calls[i].name) ||
		    (calls[i].dialect >= 0 && calls[i].dialect != (int)r->f->store->ops->dialect))
			continue;
		r->at += 2;
		left = read_expr(r);
		if (left < 0 || !take(r, ","))
			return -1;
		right = read_expr(r);
		return right < 0 || !take(r, ")") ? -1 : join(r, calls[i].kind, left, right);
	}
	return -1;
}

static int read_operand(struct reader *r)
{
	bool rows = r->merging || r->out->verb != EV_FOLD_INSERT;
	const struct ev_token *t = &r->t[r->at];
	int x;

	switch (t->kind) {
	case EV_TOKEN_NUMBER:
		return read_number(r);
	case EV_TOKEN_STRING:
		return read_string(r);
	case EV_TOKEN_PARAM:
		return read_param(r);
	case EV_TOKEN_WORD:
	case EV_TOKEN_QUOTED:
		if (take(r, "null"))
			return add(r, (struct ev_fx){ .kind = EV_FX_CONST });
		return ev_token_is(t[1], "(") ? read_call(r, rows) : read_column(r, rows);
	default:
		if (!take(r, "("))
			return -1;
		x = read_expr(r);
		return x >= 0 && take(r, ")") ? x : -1;
	}
}

static int read_expr(struct reader *r)
{
	int x = read_operand(r);

	while (x >= 0 && (ev_token_is(r->t[r->at], "+") || ev_token_is(r->t[r->at], "-"))) {
		enum ev_fx_kind kind = ev_token_is(r->t[r->at], "+") ? EV_FX_ADD : EV_FX_SUB;

		r->at++;
		x = join(r, kind, x, read_operand(r));
	}
	return x;
}

/* Is a moment of a row in it? PostgreSQL writes one as text in its own way, not in that of the event. */
static bool has_moment(const struct reader *r, size_t expr)
{
	const struct ev_fx *x = &r->out->expr[expr];

	switch (x->kind) {
	case EV_FX_OLD:
	case EV_FX_NEW:
		return r->table->columns[x->index].class == EV_FC_TIME;
	case EV_FX_CONST:
	case EV_FX_PARAM:
		return false;
	default:
		return has_moment(r, x->left) || has_moment(r, x->right);
	}
}

/* Could a value of this column ever be one that we know to fit? Else each event would go to the store. */
static bool may_fit(const struct reader *r, size_t column, int expr)
{
	const struct ev_fold_column *c = &r->table->columns[column];
	const struct ev_fx *x = &r->out->expr[expr];

	if (x->kind == EV_FX_CONST && x->value.kind == EV_FV_NULL)
		return true;
	if (x->kind == EV_FX_CONST && x->value.kind == EV_FV_TEXT)
		return c->class == EV_FC_TEXT;
	if (x->kind == EV_FX_CONST)
		return c->class == EV_FC_INT;
	if (c->class == EV_FC_TEXT && has_moment(r, (size_t)expr))
		return false;
	return c->class != EV_FC_CARRIED;
}

/* What the store takes each parameter for, by where it stands. */
static void mark(struct reader *r, int expr, enum ev_fold_class class, int64_t min, int64_t max)
{
	struct ev_fx *x = &r->out->expr[expr];
	bool whole = x->kind == EV_FX_ADD || x->kind == EV_FX_SUB || x->kind == EV_FX_MIN ||
		     x->kind == EV_FX_MAX || class == EV_FC_INT;

	switch (x->kind) {
	case EV_FX_PARAM:
		x->class = class;
		x->min = min;
		x->max = max;
		return;
	case EV_FX_CONST:
	case EV_FX_OLD:
	case EV_FX_NEW:
		return;
	default:
		/* of two parameters alone the type is that of the place */
		if (whole && x->max) {
			min = x->min;
			max = x->max;
		}
		mark(r, (int)x->left, whole ? EV_FC_INT : class, min, max);
		mark(r, (int)r->out->expr[expr].right, whole ? EV_FC_INT : class, min, max);
	}
}

static void mark_for(struct reader *r, size_t column, int expr)
{
	const struct ev_fold_column *c = &r->table->columns[column];

	mark(r, expr, c->class, c->min, c->max);
}

static bool read_values(struct reader *r)
{
	size_t n = 0;

	if (!take(r, "("))
		return false;
	do {
		int column = take_column(r);

		if (column < 0)
			return false;
		EV_PUSH(r->out->values, r->out->nvalues)->column = (size_t)column;
	} while (take(r, ","));
	if (!take(r, ")") || !take(r, "values") || !take(r, "("))
		return false;
	do {
		int x = n < r->out->nvalues ? read_expr(r) : -1;

		if (x < 0 || !may_fit(r, r->out->values[n].column, x))
			return false;
		mark_for(r, r->out->values[n].column, x);
		r->out->values[n++].expr = (size_t)x;
	} while (take(r, ","));
	return take(r, ")") && n == r->out->nvalues;
}

/* Every column of the key must be given, and of the others those that have a default that we know. */
static bool check_values(const struct reader *r)
{
	for (size_t c = 0; c < r->table->ncolumns; c++) {
		bool given = false;

		for (size_t i = 0; i < r->out->nvalues; i++)
			given |= r->out->values[i].column == c;
		if (!given && (is_key(r->table, c) || r->table->columns[c].fallback.kind == EV_FV_DOUBT))
			return false;
	}
	return true;
}

static bool read_sets(struct reader *r)
{
	do {
		int column = take_column(r), x;

		if (column < 0 || is_key(r->table, (size_t)column) || !take(r, "="))
			return false;
		for (size_t i = 0; i < r->out->nsets; i++)
			if (r->out->sets[i].column == (size_t)column)
				return false;
		x = read_expr(r);
		if (x < 0 || !may_fit(r, (size_t)column, x))
			return false;
		mark_for(r, (size_t)column, x);
		*EV_PUSH(r->out->sets, r->out->nsets) = (struct ev_fold_set){ (size_t)column, (size_t)x };
	} while (take(r, ","));
	return true;
}

/* ON CONFLICT (the whole key) DO NOTHING | DO UPDATE SET ... */
static bool read_conflict(struct reader *r)
{
	size_t n = 0;

	if (!take(r, "on"))
		return true;
	if (!take(r, "conflict") || !take(r, "("))
		return false;
	do {
		int column = take_column(r);

		if (column < 0 || !is_key(r->table, (size_t)column))
			return false;
		n++;
	} while (take(r, ","));
	if (n != r->table->nkey || !take(r, ")") || !take(r, "do"))
		return false;
	if (take(r, "nothing")) {
		r->out->conflict = EV_FOLD_NOTHING;
		return true;
	}
	r->out->conflict = EV_FOLD_MERGE;
	r->merging = true;
	return take(r, "update") && take(r, "set") && read_sets(r);
}

/* WHERE k = a AND l = b: the whole key, of values that are the event's alone. */
static bool read_where(struct reader *r)
{
	size_t n = 0;

	r->out->where = ev_alloc(r->table->nkey * sizeof(*r->out->where));
	if (!take(r, "where"))
		return false;
	do {
		int column, x;
		size_t k = 0;

		if (ev_token_is(r->t[r->at + 1], ".") && take_name(r, r->table->name))
			r->at++;
		column = take_column(r);
		while (column >= 0 && k < r->table->nkey && r->table->key[k] != (size_t)column)
			k++;
		if (column < 0 || k == r->table->nkey || r->out->where[k] || !take(r, "="))
			return false;
		x = read_operand(r);
		if (x < 0 || (r->out->expr[x].kind != EV_FX_PARAM && r->out->expr[x].kind != EV_FX_CONST) ||
		    !may_fit(r, (size_t)column, x))
			return false;
		mark_for(r, (size_t)column, x);
		r->out->where[k] = (size_t)x + 1; /* 0: not given yet */
		n++;
	} while (take(r, "and"));
	for (size_t k = 0; k < r->table->nkey && n == r->table->nkey; k++)
		r->out->where[k]--;
	return n == r->table->nkey;
}

static bool read_statement(struct reader *r)
{
	if (take(r, "insert")) {
		r->out->verb = EV_FOLD_INSERT;
		if (!take(r, "into") || !(r->table = take_table(r)))
			return false;
		return read_values(r) && check_values(r) && read_conflict(r);
	}
	if (take(r, "update")) {
		r->out->verb = EV_FOLD_UPDATE;
		return (r->table = take_table(r)) && take(r, "set") && read_sets(r) && read_where(r);
	}
	r->out->verb = EV_FOLD_DELETE;
	return take(r, "delete") && take(r, "from") && (r->table = take_table(r)) && read_where(r);
}

void ev_fold_read(struct ev_fold *f, const struct ev_statement *s, struct ev_fold_statement *out)
{
	struct reader r = { .f = f, .out = out };
	struct ev_token *t = ev_sql_tokens(s->sql[f->store->ops->dialect], &r.n);

	r.t = ev_alloc((r.n + 3) * sizeof(*r.t)); /* what is looked at ahead is END */
	if (r.n)
		memcpy(r.t, t, r.n * sizeof(*t));
	free(t);
	for (size_t i = r.n; i < r.n + 3; i++)
		r.t[i].text = ev_slice("", 0);
	if (r.n && read_statement(&r) && r.at == r.n && r.table->plain)
		out->table = r.table;
	free(r.t);
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
}
