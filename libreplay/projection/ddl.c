/* ddl.c - see ddl.h */
#include "projection/ddl.h"

#include <ctype.h>

#include "base/mem.h"

struct ev_token *ev_sql_tokens(const char *sql, size_t *n)
{
	struct ev_lexer lx = { .at = sql, .end = sql + strlen(sql) };
	struct ev_token *v = NULL, t;

	*n = 0;
	while ((t = ev_sql_next(&lx)).kind != EV_TOKEN_END)
		if (t.kind != EV_TOKEN_SPACE)
			*EV_PUSH(v, *n) = t;
	return v;
}

char *ev_token_name(const struct ev_token *t)
{
	struct ev_buf b = EV_BUF_INIT;
	char *s;

	ev_sql_name(*t, &b);
	s = ev_strdup(ev_buf_str(&b));
	ev_buf_release(&b);
	return s;
}

static bool is_name(const struct ev_token *t)
{
	return t->kind == EV_TOKEN_WORD || t->kind == EV_TOKEN_QUOTED;
}

bool ev_token_named(const struct ev_token *t, const char *name)
{
	char *s;
	bool same;

	if (!is_name(t))
		return false;
	s = ev_token_name(t);
	same = strcmp(s, name) == 0;
	free(s);
	return same;
}

static bool is_any(const struct ev_token *t, const char *const *words)
{
	for (; *words; words++)
		if (ev_token_is(*t, *words))
			return true;
	return false;
}

static const char *odd_clause(const struct ev_token *t)
{
	static const struct { const char *word, *what; } odd[] = {
		{ "check", "a CHECK" },            { "references", "a foreign key" }, { "foreign", "a foreign key" },
		{ "collate", "a COLLATE" },        { "generated", "a generated column" }, { "exclude", "an EXCLUDE" },
		{ "like", "a LIKE" },              { "inherits", "INHERITS" },
	};

	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++)
		if (ev_token_is(*t, odd[i].word))
			return odd[i].what;
	return NULL;
}

/* The type at `t`, up to what else is said of the column. */
static char *read_type(const struct ev_token *t, const struct ev_token *end)
{
	static const char *const behind[] = { "not", "null", "default", "primary", "unique", "check", "references",
					      "collate", "generated", "constraint", "as", "storage", "compression",
					      NULL };
	struct ev_buf b = EV_BUF_INIT;
	bool open = true; /* no space before a word */
	char *s;

	for (int depth = 0; t < end && (depth || !is_any(t, behind)); t++) {
		depth += ev_token_is(*t, "(");
		depth -= ev_token_is(*t, ")");
		if (!is_name(t)) {
			ev_buf_add_slice(&b, t->text);
			open = !ev_token_is(*t, ")") && !ev_token_is(*t, "]");
			continue;
		}
		ev_buf_adds(&b, open ? "" : " ");
		ev_sql_name(*t, &b);
		open = false;
	}
	s = ev_strdup(ev_buf_str(&b));
	ev_buf_release(&b);
	return s;
}

#define NOT_KNOWN "a definition that is not understood"

/* One column or constraint: the tokens from `t` up to `end`. */
static void read_element(struct ev_table *table, const struct ev_token *t, const struct ev_token *end)
{
	static const char *const constraint[] = { "constraint", "primary", "unique", NULL };

	if (t == end || !is_name(t)) {
		table->odd = NOT_KNOWN;
		return;
	}
	if (!is_any(t, constraint) && !odd_clause(t)) {
		struct ev_column *c = EV_PUSH(table->columns, table->ncolumns);

		c->name = ev_token_name(t);
		c->type = ev_strdup("");
		if (t + 1 < end && t[1].kind == EV_TOKEN_WORD) {
			free(c->type);
			c->type = ev_token_name(t + 1);
		}
		c->declared = read_type(t + 1, end);
	}
	for (; t < end; t++) {
		table->keys += ev_token_is(*t, "primary") || ev_token_is(*t, "unique");
		table->odd = table->odd ? table->odd : odd_clause(t);
	}
}

/* `t` is behind CREATE TABLE; returns where the statement ends. */
static const struct ev_token *read_table(struct ev_tables *out, const struct ev_token *t,
					 const struct ev_token *end)
{
	struct ev_table *table = EV_PUSH(out->v, out->n);
	const struct ev_token *first;
	int depth = 0;

	if (end - t > 3 && ev_token_is(*t, "if")) /* IF NOT EXISTS */
		t += 3;
	if (t < end && is_name(t))
		table->name = ev_token_name(t++);
	if (t == end || !table->name || !ev_token_is(*t, "(")) {
		table->odd = NOT_KNOWN; /* a qualified name, or CREATE TABLE ... AS */
		return t;
	}
	for (first = t + 1; t < end; t++) {
		depth += ev_token_is(*t, "(");
		depth -= ev_token_is(*t, ")");
		if (depth == 0 || (depth == 1 && ev_token_is(*t, ","))) {
			read_element(table, first, t);
			first = t + 1;
			if (!depth)
				return t + 1;
		}
	}
	table->odd = NOT_KNOWN;
	return t;
}

/* `t` is behind CREATE UNIQUE INDEX. */
static void read_unique(struct ev_tables *out, const struct ev_token *t, const struct ev_token *end)
{
	for (; t + 1 < end && !ev_token_is(*t, ";"); t++) {
		char *name;

		if (!ev_token_is(*t, "on"))
			continue;
		name = ev_token_name(t + 1);
		for (size_t i = 0; i < out->n; i++)
			out->v[i].keys += out->v[i].name && !strcmp(out->v[i].name, name);
		free(name);
		return;
	}
}

void ev_tables_of(const struct ev_projection *p, struct ev_tables *out)
{
	*out = (struct ev_tables){ NULL, 0 };
	for (size_t i = 0; i < p->nschemas; i++) {
		size_t n;
		struct ev_token *v = ev_sql_tokens(p->schemas[i].sql, &n);
		const struct ev_token *t = v, *end = v + n;

		for (; t < end; t++) {
			if (!ev_token_is(*t, "create") || t + 2 >= end)
				continue;
			if (ev_token_is(t[1], "table")) {
				t = read_table(out, t + 2, end) - 1;
				out->v[out->n - 1].schema = &p->schemas[i];
			} else if (ev_token_is(t[1], "unique"))
				read_unique(out, t + 3, end);
		}
		free(v);
	}
}

bool ev_makes_views(const struct ev_projection *p, enum ev_dialect dialect)
{
	bool makes = false;

	for (size_t i = 0; i < p->nschemas && !makes; i++) {
		size_t n;
		struct ev_token *t;

		if (!p->schemas[i].any && p->schemas[i].dialect != dialect)
			continue;
		t = ev_sql_tokens(p->schemas[i].sql, &n);
		for (size_t k = 0; k + 1 < n && !makes; k++)
			makes = ev_token_is(t[k], "create") && ev_token_is(t[k + 1], "view");
		free(t);
	}
	return makes;
}

/* SQLite refuses their ordinary values, or keeps a list as JSON text. What it takes as it is (timestamptz) is none. */
static bool is_foreign(const struct ev_column *c)
{
	static const char *const types[] = { "json", "jsonb", "uuid", "interval", "inet", "cidr", "hstore", "tsvector",
					     "xml", NULL };
	const char *bracket = strchr(c->declared, '[');

	for (const char *const *t = types; *t; t++)
		if (strcmp(c->type, *t) == 0)
			return true;
	return (bracket && (bracket[1] == ']' || isdigit((unsigned char)bracket[1]))) || strstr(c->declared, " array");
}

bool ev_foreign_column(const struct ev_projection *p, struct ev_buf *out)
{
	struct ev_tables tables;
	bool found = false;

	for (size_t i = 0; i < p->nschemas; i++)
		if (!p->schemas[i].any && p->schemas[i].dialect == EV_SQLITE)
			return false;
	ev_tables_of(p, &tables);
	for (size_t i = 0; i < tables.n && !found; i++)
		for (size_t k = 0; k < tables.v[i].ncolumns && !found; k++) {
			const struct ev_column *c = &tables.v[i].columns[k];

			found = is_foreign(c);
			if (found)
				ev_buf_addf(out, "%s.%s is %s", tables.v[i].name, c->name, c->declared);
		}
	ev_tables_free(&tables);
	return found;
}

void ev_tables_free(struct ev_tables *t)
{
	for (size_t i = 0; i < t->n; i++) {
		for (size_t k = 0; k < t->v[i].ncolumns; k++) {
			free(t->v[i].columns[k].name);
			free(t->v[i].columns[k].type);
			free(t->v[i].columns[k].declared);
		}
		free(t->v[i].columns);
		free(t->v[i].name);
	}
	free(t->v);
}

const char *ev_table_type(const struct ev_table *t, const char *column)
{
	for (size_t i = 0; i < t->ncolumns; i++)
		if (strcmp(t->columns[i].name, column) == 0)
			return t->columns[i].type;
	return NULL;
}
