/*
 * late.c - see late.h; rows that only one record key touches
 *
 * A table is its keys' own when every statement that writes it has one of these shapes, with the
 * same text column c:
 *
 *   INSERT INTO t (..., c, ...) VALUES (..., :key, ...) ON CONFLICT (..., c, ...) DO ...
 *   UPDATE t SET ... WHERE c = :key [AND ...]
 *   DELETE FROM t WHERE c = :key [AND ...]
 *
 * where the path of @key may stand for :key: every event's value there is its record's key, or is missing, as
 * the engine sees to (apply/record.c).
 *
 * - Nothing assigns c, so a row never goes to another key.
 * - c is part of the only key, so a conflict is with a row of the same record key.
 * - c is text, and nothing in the table collates: different keys are different there too.
 * - No CHECK or foreign key, and no statement of the projection reads rows but those it writes.
 */
#include "projection/late.h"

#include "base/mem.h"
#include "projection/ddl.h"

struct reader {
	const struct ev_statement *s;
	int key;            /* the projection's @key */
	struct ev_token *t; /* one END behind them */
	size_t n;
	size_t name;        /* index of the table's; 0: none was found */
};

static struct reader read_statement(const struct ev_projection *p, const struct ev_statement *s)
{
	struct reader r = { .s = s, .key = p ? p->key : -1 };

	r.t = ev_sql_tokens(s->sql[EV_SQLITE], &r.n);
	r.t = ev_realloc_n(r.t, r.n + 4, sizeof(*r.t));
	for (size_t i = r.n; i < r.n + 4; i++)
		r.t[i] = (struct ev_token){ EV_TOKEN_END, { "", 0 } };
	if (ev_token_is(r.t[0], "update"))
		r.name = 1;
	else if ((ev_token_is(r.t[0], "insert") && ev_token_is(r.t[1], "into")) ||
		 (ev_token_is(r.t[0], "delete") && ev_token_is(r.t[1], "from")))
		r.name = 2;
	if (r.name && (ev_token_is(r.t[r.name + 1], ".") ||
		       (r.t[r.name].kind != EV_TOKEN_WORD && r.t[r.name].kind != EV_TOKEN_QUOTED)))
		r.name = 0;
	if (r.name == 1 && !ev_token_is(r.t[2], "set"))
		r.name = 0; /* UPDATE OR ..., or an alias */
	return r;
}

char *ev_statement_table(const struct ev_statement *s)
{
	struct reader r = read_statement(NULL, s);
	char *name = r.name ? ev_token_name(&r.t[r.name]) : NULL;

	free(r.t);
	return name;
}

/* Does the statement look at rows that it does not write? */
static bool reads(const struct reader *r)
{
	static const char *const words[] = { "select", "from", "using", "join", "with", "table", NULL };

	for (size_t i = r->name; i < r->n; i++)
		for (const char *const *w = words; *w; w++)
			if (ev_token_is(r->t[i], *w) && !(i && ev_token_is(r->t[i - 1], "distinct")))
				return true;
	return false;
}

static bool is_key(const struct reader *r, size_t at)
{
	const struct ev_param *p;
	size_t n = 0;

	if (r->t[at].kind != EV_TOKEN_PARAM)
		return false;
	for (size_t i = 1; i < r->t[at].text.len; i++)
		n = n * 10 + (size_t)(r->t[at].text.ptr[i] - '0');
	if (!n || n > r->s->nparams)
		return false;
	p = &r->s->params[n - 1];
	return p->kind == EV_PARAM_KEY ||
	       (p->kind == EV_PARAM_PATH && p->path == r->key && r->key >= 0 && p->scale < 0);
}

/* The element of a list that opens at `open` in which `at` stands; *end is its closing bracket. */
static size_t element_of(const struct reader *r, size_t open, size_t at, size_t *end)
{
	size_t element = 0, i;
	int depth = 0;

	for (i = open; i < r->n; i++) {
		depth += ev_token_is(r->t[i], "(");
		depth -= ev_token_is(r->t[i], ")");
		if (!depth)
			break;
		element += i < at && depth == 1 && ev_token_is(r->t[i], ",");
	}
	*end = i;
	return element;
}

/*
 * Is `column` assigned from `at` on, where a SET may stand? Lists of columns count as if it were.
 */
static bool assigns(const struct reader *r, size_t at, const char *column)
{
	int depth = 0;

	for (; at < r->n; at++) {
		depth += ev_token_is(r->t[at], "(");
		depth -= ev_token_is(r->t[at], ")");
		if (depth || !(ev_token_is(r->t[at], "set") || ev_token_is(r->t[at], ",")))
			continue;
		if (ev_token_is(r->t[at + 1], "(") || ev_token_named(&r->t[at + 1], column))
			return true;
	}
	return false;
}

/* `column = :key`, alone or as the first of what must all be true, from `at` to the end. */
static bool is_condition(const struct reader *r, size_t at, const char *column)
{
	int depth = 0;

	if (ev_token_is(r->t[at + 1], ".") && r->name)
		at += 2; /* only the table at hand can be meant */
	if (!ev_token_named(&r->t[at], column) || !ev_token_is(r->t[at + 1], "=") || !is_key(r, at + 2))
		return false;
	at += 3;
	if (at < r->n && !ev_token_is(r->t[at], "and"))
		return false;
	for (; at < r->n; at++) {
		depth += ev_token_is(r->t[at], "(");
		depth -= ev_token_is(r->t[at], ")");
		if (!depth && (ev_token_is(r->t[at], "or") || ev_token_is(r->t[at], "returning")))
			return false;
	}
	return true;
}

static bool insert_by(const struct reader *r, const char *column)
{
	size_t open = r->name + 1, close, values, value_close, target, target_close;
	size_t wanted = SIZE_MAX, key = SIZE_MAX;
	bool in_target = false;

	if (!ev_token_is(r->t[open], "("))
		return false;
	element_of(r, open, open, &close);
	for (size_t i = open + 1; i < close; i++)
		if (ev_token_named(&r->t[i], column))
			wanted = element_of(r, open, i, &close);
	values = close + 2;
	if (close + 2 >= r->n || !ev_token_is(r->t[close + 1], "values") ||
	    !ev_token_is(r->t[values], "("))
		return false;
	element_of(r, values, values, &value_close);
	for (size_t i = values + 1; i < value_close; i++) /* alone between its commas */
		if (is_key(r, i) && (i == values + 1 || ev_token_is(r->t[i - 1], ",")) &&
		    (i + 1 == value_close || ev_token_is(r->t[i + 1], ",")) &&
		    element_of(r, values, i, &value_close) == wanted)
			key = wanted;
	target = value_close + 3;
	if (key == SIZE_MAX || target >= r->n || !ev_token_is(r->t[value_close + 1], "on") ||
	    !ev_token_is(r->t[value_close + 2], "conflict") || !ev_token_is(r->t[target], "("))
		return false;
	element_of(r, target, target, &target_close);
	for (size_t i = target + 1; i < target_close; i++)
		in_target |= ev_token_named(&r->t[i], column);
	return in_target && !assigns(r, target_close + 1, column);
}

static bool is_by(const struct reader *r, const char *column)
{
	int depth = 0;

	if (ev_token_is(r->t[0], "insert"))
		return insert_by(r, column);
	if (ev_token_is(r->t[0], "delete"))
		return ev_token_is(r->t[3], "where") && is_condition(r, 4, column);
	for (size_t i = 2; i < r->n; i++) {
		depth += ev_token_is(r->t[i], "(");
		depth -= ev_token_is(r->t[i], ")");
		if (!depth && ev_token_is(r->t[i], "where"))
			return !assigns(r, 2, column) && is_condition(r, i + 1, column);
	}
	return false;
}

/* Is every statement on the table by this column? */
static bool all_by(const struct ev_projection *p, const char *table, const char *column)
{
	bool all = true;

	for (size_t i = 0; i < p->nhandlers && all; i++)
		for (size_t k = 0; k < p->handlers[i].nstatements && all; k++) {
			struct reader r = read_statement(p, &p->handlers[i].statements[k]);

			if (r.name && ev_token_named(&r.t[r.name], table))
				all = is_by(&r, column);
			free(r.t);
		}
	return all;
}

/* Does each definition of the table keep different texts in `column` apart? */
static bool keeps_apart(const struct ev_tables *tables, const char *table, const char *column)
{
	size_t found = 0;

	for (size_t i = 0; i < tables->n; i++) {
		const struct ev_table *t = &tables->v[i];
		const char *type;

		if (!t->name || strcmp(t->name, table) != 0)
			continue;
		type = ev_table_type(t, column);
		if (t->odd || t->keys != 1 || !type || strcmp(type, "text") != 0)
			return false;
		found++;
	}
	return found > 0;
}

static bool is_keys_own(const struct ev_projection *p, const char *table)
{
	struct ev_tables tables;
	bool own = false;

	ev_tables_of(p, &tables);
	for (size_t i = 0; i < tables.n && !own; i++)
		for (size_t k = 0; k < tables.v[i].ncolumns && !own; k++)
			own = tables.v[i].name && strcmp(tables.v[i].name, table) == 0 &&
			      keeps_apart(&tables, table, tables.v[i].columns[k].name) &&
			      all_by(p, table, tables.v[i].columns[k].name);
	ev_tables_free(&tables);
	return own;
}

/* A statement anywhere that is not plain may read or write any table. */
static bool is_plain(const struct ev_projection *p, struct ev_buf *why)
{
	for (size_t i = 0; i < p->nhandlers; i++)
		for (size_t k = 0; k < p->handlers[i].nstatements; k++) {
			const struct ev_statement *s = &p->handlers[i].statements[k];
			struct reader r = read_statement(p, s);
			bool plain = r.name && !reads(&r);

			free(r.t);
			if (plain)
				continue;
			ev_buf_addf(why, "handler at line %d: it reads other rows than it writes, or is "
				    "not understood", s->place.line);
			return false;
		}
	return true;
}

bool ev_projection_may_be_late(const struct ev_projection *p, const int *handlers,
			       struct ev_buf *why)
{
	bool ok = is_plain(p, why);

	for (; *handlers >= 0 && ok; handlers++) {
		const struct ev_handler *h = &p->handlers[*handlers];

		for (size_t k = 0; k < h->nstatements && ok; k++) {
			char *table = ev_statement_table(&h->statements[k]);

			ok = is_keys_own(p, table) || ev_table_commutes(p, table, why);
			free(table);
		}
	}
	return ok;
}
