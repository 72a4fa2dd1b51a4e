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

/* The line of the first statement on the table that is not by this column; 0: there is none. */
static int stray(const struct ev_projection *p, const char *table, const char *column)
{
	for (size_t i = 0; i < p->nhandlers; i++)
		for (size_t k = 0; k < p->handlers[i].nstatements; k++) {
			const struct ev_statement *s = &p->handlers[i].statements[k];
			struct reader r = read_statement(p, s);
			bool by = !r.name || !ev_token_named(&r.t[r.name], table) || is_by(&r, column);

			free(r.t);
			if (!by)
				return s->place.line;
		}
	return 0;
}

static bool is_of(const struct ev_table *t, const char *name)
{
	return t->name && strcmp(t->name, name) == 0;
}

/* Does each definition of the table keep different texts in `column` apart? */
static bool keeps_apart(const struct ev_tables *tables, const char *table, const char *column)
{
	for (size_t i = 0; i < tables->n; i++) {
		const char *type = is_of(&tables->v[i], table) ? ev_table_type(&tables->v[i], column) : "text";

		if (!type || strcmp(type, "text") != 0)
			return false;
	}
	return true;
}

/* Is each row of the table some key's own, by one of its columns? If not, why, appended. */
static bool by_columns(const struct ev_projection *p, const struct ev_tables *tables, const char *table,
		       struct ev_buf *why)
{
	int line, last = 0; /* of the column that does best */

	for (size_t i = 0; i < tables->n; i++) {
		const struct ev_table *t = &tables->v[i];

		for (size_t k = 0; is_of(t, table) && k < t->ncolumns; k++) {
			if (!keeps_apart(tables, table, t->columns[k].name))
				continue;
			line = stray(p, table, t->columns[k].name);
			if (!line)
				return true;
			last = line > last ? line : last;
		}
	}
	if (last)
		ev_buf_addf(why, "the handler at line %d does not find them by a text column = %s", last,
			    p->key < 0 ? ":key" : p->key_text);
	else
		ev_buf_adds(why, "no column of the table is text");
	return false;
}

static bool is_keys_own(const struct ev_projection *p, const char *table, struct ev_buf *why)
{
	struct ev_tables tables;
	bool own = true;

	ev_tables_of(p, &tables);
	for (size_t i = 0; i < tables.n && own; i++) {
		const struct ev_table *t = &tables.v[i];

		if (!is_of(t, table))
			continue;
		own = !t->odd && t->keys == 1;
		if (t->odd)
			ev_buf_addf(why, "the table has %s", t->odd);
		else if (!own)
			ev_buf_adds(why, t->keys ? "the table has a second unique key" : "the table has no key");
	}
	own = own && by_columns(p, &tables, table, why);
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

/* Is every table that the handlers write its keys' own, or commutes? If not, in `why` what keeps one from either. */
static bool all_fit(const struct ev_projection *p, const int *handlers, struct ev_buf *why)
{
	struct ev_buf shared = EV_BUF_INIT;
	bool ok = true;

	for (; *handlers >= 0 && ok; handlers++) {
		const struct ev_handler *h = &p->handlers[*handlers];

		for (size_t k = 0; k < h->nstatements && ok; k++) {
			char *table = ev_statement_table(&h->statements[k]);

			ev_buf_clear(&shared);
			ok = is_keys_own(p, table, &shared) || ev_table_commutes(p, table, why);
			free(table);
		}
	}
	if (!ok)
		ev_buf_addf(why, "; nor are its rows one key's own: %s", ev_buf_str(&shared));
	ev_buf_release(&shared);
	return ok;
}

bool ev_projection_may_be_late(const struct ev_projection *p, const int *handlers,
			       struct ev_buf *why)
{
	return is_plain(p, why) && all_fit(p, handlers, why);
}

/* As the file would be with this path as its @key. */
static bool fits_with(const struct ev_projection *p, const int *handlers, const struct ev_param *path)
{
	struct ev_projection keyed = *p;
	struct ev_buf ignored = EV_BUF_INIT;
	bool fits;

	keyed.key = path->path;
	keyed.key_text = path->text;
	fits = ev_projection_may_be_late(&keyed, handlers, &ignored);
	ev_buf_release(&ignored);
	return fits;
}

bool ev_projection_late_by_key(const struct ev_projection *p, const int *handlers, struct ev_buf *out)
{
	for (const int *h = handlers; *h >= 0 && p->key < 0; h++)
		for (size_t k = 0; k < p->handlers[*h].nstatements; k++)
			for (size_t i = 0; i < p->handlers[*h].statements[k].nparams; i++) {
				const struct ev_param *q = &p->handlers[*h].statements[k].params[i];

				if (q->kind != EV_PARAM_PATH || q->scale >= 0 || !fits_with(p, handlers, q))
					continue;
				ev_buf_add(out, q->text, strlen(q->text) - q->required);
				return true;
			}
	return false;
}
