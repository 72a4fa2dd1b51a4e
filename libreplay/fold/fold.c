/* fold.c - which tables and statements fold; see fold.h */
#include <stdlib.h>
#include <strings.h>

#include "base/mem.h"
#include "fold/internal.h"
#include "projection/ddl.h"

#define ENOUGH 1000 /* statements, before it is judged whether the fold pays */

/* ---- tables ---- */

static const struct type {
	const char *name;
	enum ev_fold_class class;
	int64_t min, max;
} pg_types[] = {
	{ "smallint", EV_FC_INT, INT16_MIN, INT16_MAX }, { "integer", EV_FC_INT, INT32_MIN, INT32_MAX },
	{ "bigint", EV_FC_INT, INT64_MIN, INT64_MAX },	 { "boolean", EV_FC_BOOL, 0, 0 },
	{ "text", EV_FC_TEXT, 0, 0 },			 { "character varying", EV_FC_TEXT, 0, 0 },
	{ "timestamp with time zone", EV_FC_TIME, 0, 0 },
};

/* Types that unnest hands back as they were: not arrays, nor rows, nor what we do not know. */
static bool is_carried(const char *type)
{
	static const char *const names[] = { "numeric", "real", "double precision", "uuid", "json", "jsonb",
		"date", "time", "timestamp", "interval", "character", "bit", "inet", "cidr", "macaddr", NULL };
	size_t len = strlen(type);

	if (len > 1 && strcmp(type + len - 2, "[]") == 0)
		return false;
	for (const char *const *n = names; *n; n++) {
		size_t k = strlen(*n);

		if (strncmp(type, *n, k) == 0 && (!type[k] || type[k] == '(' || type[k] == ' '))
			return true;
	}
	return false;
}

/* False for a type of which we know nothing. */
static bool classify_pg(struct ev_fold_column *c)
{
	c->class = EV_FC_CARRIED;
	for (size_t i = 0; i < sizeof(pg_types) / sizeof(*pg_types); i++)
		if (strcmp(c->type, pg_types[i].name) == 0) {
			c->class = pg_types[i].class;
			c->min = pg_types[i].min;
			c->max = pg_types[i].max;
			return true;
		}
	return is_carried(c->type);
}

/* By affinity; false for one under which a value may become another. */
static bool classify_sqlite(struct ev_fold_column *c)
{
	if (strcasestr(c->type, "INT")) {
		c->class = EV_FC_INT;
		c->min = INT64_MIN;
		c->max = INT64_MAX;
		return true;
	}
	if (strcasestr(c->type, "CHAR") || strcasestr(c->type, "CLOB") || strcasestr(c->type, "TEXT")) {
		c->class = EV_FC_TEXT;
		return true;
	}
	if (strcasestr(c->type, "BOOL")) {
		c->class = EV_FC_INT;
		c->max = 1;
		return true;
	}
	return false;
}

static void to_lower(char *s)
{
	for (; *s; s++)
		*s = *s >= 'A' && *s <= 'Z' ? (char)(*s + 32) : *s;
}

static bool has_capitals(const char *s)
{
	return strpbrk(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != NULL;
}

/* A default that is a literal; anything else is the store's to compute. */
static struct ev_fv default_of(struct ev_fold *f, const struct ev_fold_column *c, const char *text)
{
	struct ev_fv v = { .kind = EV_FV_DOUBT };
	char *end;

	if (!text || strcasecmp(text, "NULL") == 0) {
		v.kind = EV_FV_NULL;
		return v;
	}
	if (c->class == EV_FC_INT && strlen(text) < 10) {
		v.i = strtoll(text, &end, 10);
		if (end != text && !*end)
			v.kind = EV_FV_INT;
	} else if (c->class == EV_FC_BOOL && f->store->ops->dialect == EV_POSTGRESQL) {
		v.i = strcmp(text, "true") == 0;
		if (v.i || strcmp(text, "false") == 0)
			v.kind = EV_FV_BOOL;
	}
	return v;
}

static const char *take_column(struct ev_fold *f, struct ev_fold_table *t, const struct ev_column_info *k)
{
	struct ev_fold_column *c = EV_PUSH(t->columns, t->ncolumns);

	c->name = ev_strdup(k->name);
	c->type = ev_strdup(k->type);
	c->value = ev_strdup(k->value);
	c->not_null = k->not_null || k->key;
	if (strcmp(k->type, "bytea") == 0)
		return "it holds bytes";
	if (f->store->ops->dialect == EV_SQLITE) {
		to_lower(c->name); /* as ev_token_name gives names; here case says nothing */
		if (!classify_sqlite(c))
			return "it has a column of a type that SQLite may convert";
	} else if (has_capitals(c->name)) {
		return "it has a column whose name has capitals";
	} else if (!classify_pg(c)) {
		return "it has a column of an array or of another type that is not folded";
	}
	if (k->key && c->class != EV_FC_INT && c->class != EV_FC_TEXT)
		return "its key is neither whole numbers nor text";
	c->fallback = default_of(f, c, k->fallback);
	return NULL;
}

/* NULL, or why the table goes by statements. */
static const char *take_table(struct ev_fold *f, struct ev_fold_table *t, const struct ev_table_info *info)
{
	const char *why = NULL;

	if (info->odd)
		return info->odd;
	/* PostgreSQL tells "A" from a, our tokens do not */
	if (f->store->ops->dialect == EV_POSTGRESQL && has_capitals(info->name))
		return "its name has capitals";
	for (size_t i = 0; i < info->ncolumns && !why; i++)
		why = take_column(f, t, &info->columns[i]);
	for (int k = 1; !why && k <= (int)info->ncolumns; k++)
		for (size_t i = 0; i < info->ncolumns; i++)
			if (info->columns[i].key == k)
				*EV_PUSH(t->key, t->nkey) = i;
	if (!why && !t->nkey)
		return "it has no primary key";
	return !why && t->nkey > EV_FOLD_MOST_KEYS ? "its key has too many columns" : why;
}

static void say(struct ev_buf *why, const char *table, const char *reason)
{
	ev_buf_addf(why, "table '%s' goes by statements: %s\n", table, reason);
}

static int describe_tables(struct ev_fold *f, const struct ev_buf *tables, struct ev_buf *why,
			   struct ev_error *err)
{
	const char *name = ev_buf_str(tables), *end = name + tables->len;

	for (; name < end; name += strlen(name) + 1) {
		struct ev_fold_table *t = EV_PUSH(f->tables, f->ntables);
		struct ev_table_info info;
		int there = f->store->ops->describe(f->store, name, &info, err);
		const char *reason;

		t->name = ev_strdup(name);
		to_lower(t->name); /* as ev_token_name gives names */
		reason = there > 0 ? take_table(f, t, &info) : "it is a view";
		t->plain = !reason;
		if (there > 0 && reason)
			say(why, name, reason);
		ev_table_info_release(&info);
		if (there < 0)
			return -1;
	}
	return 0;
}

/* ---- statements ---- */

/* A statement of another shape: the tables that it mentions go by statements; with a view, all do. */
static void spoil(struct ev_fold *f, const struct ev_statement *s, int line, struct ev_buf *why)
{
	size_t n;
	struct ev_token *t = ev_sql_tokens(s->sql[f->store->ops->dialect], &n);

	for (size_t i = 0; i < n; i++) {
		char *name = t[i].kind == EV_TOKEN_WORD || t[i].kind == EV_TOKEN_QUOTED ? ev_token_name(&t[i])
										       : NULL;

		for (size_t k = 0; name && k < f->ntables; k++) {
			if (strcmp(f->tables[k].name, name) != 0)
				continue;
			for (size_t m = 0; m < f->ntables; m++) {
				if ((m != k && f->tables[k].ncolumns) || !f->tables[m].plain)
					continue;
				f->tables[m].plain = false;
				ev_buf_addf(why, "table '%s' goes by statements: that of line %d is not "
					    "one that is folded\n", f->tables[m].name, line);
			}
		}
		free(name);
	}
	free(t);
}

static void read_statements(struct ev_fold *f, const struct ev_projection *p, struct ev_buf *why)
{
	f->nhandlers = p->nhandlers;
	f->statements = ev_alloc(p->nhandlers * sizeof(*f->statements));
	for (size_t h = 0; h < p->nhandlers; h++) {
		f->statements[h] = ev_alloc(p->handlers[h].nstatements * sizeof(**f->statements));
		for (size_t i = 0; i < p->handlers[h].nstatements; i++) {
			const struct ev_statement *s = &p->handlers[h].statements[i];

			ev_fold_read(f, s, &f->statements[h][i]);
			if (!f->statements[h][i].table)
				spoil(f, s, s->place.line, why);
		}
	}
}

/* By what the row is found, and what of it the expressions read; once all is known of the statement. */
static void find_columns(struct ev_fold_statement *s)
{
	struct ev_fold_table *t = s->table;

	s->key = ev_alloc((t->nkey + 1) * sizeof(*s->key));
	for (size_t k = 0; k < t->nkey; k++) {
		if (s->verb != EV_FOLD_INSERT)
			s->key[k] = s->where[k];
		for (size_t i = 0; s->verb == EV_FOLD_INSERT && i < s->nvalues; i++)
			if (s->values[i].column == t->key[k])
				s->key[k] = s->values[i].expr;
	}
	for (size_t c = 0; c < t->ncolumns; c++)
		for (size_t i = 0; i < s->nexpr; i++)
			if (s->expr[i].kind == EV_FX_OLD && s->expr[i].index == c) {
				*EV_PUSH(s->olds, s->nolds) = c;
				break;
			}
}

static size_t find_all_columns(struct ev_fold *f)
{
	size_t widest = 1;

	f->whole = true;
	for (size_t h = 0; h < f->nhandlers; h++)
		for (size_t i = 0; i < f->projection->handlers[h].nstatements; i++) {
			struct ev_fold_statement *s = &f->statements[h][i];
			size_t n = f->projection->handlers[h].statements[i].nparams;

			f->whole &= s->table && s->table->plain;
			if (s->table)
				find_columns(s);
			widest = n > widest ? n : widest;
		}
	return widest;
}

static void make_room(struct ev_fold *f)
{
	size_t widest = 1;

	for (size_t i = 0; i < f->ntables; i++)
		if (f->tables[i].ncolumns > widest)
			widest = f->tables[i].ncolumns;
	f->fresh = ev_alloc(widest * sizeof(*f->fresh));
	f->after = ev_alloc(widest * sizeof(*f->after));
	f->old = ev_alloc(widest * sizeof(*f->old));
	f->binds = ev_alloc(widest * sizeof(*f->binds));
	f->params = ev_alloc(find_all_columns(f) * sizeof(*f->params));
}

static bool any_plain(const struct ev_fold *f)
{
	for (size_t i = 0; i < f->ntables; i++)
		if (f->tables[i].plain)
			return true;
	return false;
}

static struct ev_fold *read_all(struct ev_store *s, const struct ev_projection *p, const struct ev_buf *tables,
				struct ev_buf *why, struct ev_error *err)
{
	struct ev_fold *f = ev_alloc(sizeof(*f));

	f->store = s;
	f->projection = p;
	if (describe_tables(f, tables, why, err) == 0) {
		read_statements(f, p, why);
		make_room(f);
		if (any_plain(f))
			return f;
	}
	ev_fold_free(f);
	return NULL;
}

struct ev_fold *ev_fold_new(struct ev_store *s, const struct ev_projection *p,
			    const struct ev_buf *tables, struct ev_buf *why, struct ev_error *err)
{
	struct ev_fold *f = read_all(s, p, tables, why, err);

	for (size_t i = 0; f && i < f->ntables; i++)
		if (f->tables[i].plain && ev_fold_prepare(f, &f->tables[i], err) < 0) {
			ev_fold_free(f);
			return NULL;
		}
	return f;
}

struct ev_fold *ev_fold_detached(struct ev_store *s, const struct ev_projection *p, const struct ev_buf *tables,
				 uint32_t slice, uint32_t slices, struct ev_buf *why, struct ev_error *err)
{
	struct ev_fold *f = read_all(s, p, tables, why, err);

	if (f && !f->whole) {
		ev_fold_free(f);
		return NULL;
	}
	for (size_t i = 0; f && i < f->ntables; i++)
		f->tables[i].complete = true;
	if (f) {
		f->slice = slice;
		f->slices = slices;
	}
	return f;
}

void ev_fold_free(struct ev_fold *f)
{
	if (!f)
		return;
	ev_fold_forget(f);
	for (size_t h = 0; h < f->nhandlers; h++) {
		for (size_t i = 0; i < f->projection->handlers[h].nstatements; i++) {
			free(f->statements[h][i].key);
			free(f->statements[h][i].olds);
			ev_fold_statement_release(&f->statements[h][i]);
		}
		free(f->statements[h]);
	}
	free(f->statements);
	for (size_t i = 0; i < f->ntables; i++) {
		struct ev_fold_table *t = &f->tables[i];

		for (size_t c = 0; c < t->ncolumns; c++) {
			free(t->columns[c].name);
			free(t->columns[c].type);
			free(t->columns[c].value);
		}
		f->store->ops->finish(f->store, t->load);
		f->store->ops->finish(f->store, t->write);
		f->store->ops->finish(f->store, t->erase);
		f->store->ops->finish(f->store, t->any);
		f->store->ops->finish(f->store, t->insert);
		free(t->columns);
		free(t->key);
		free(t->name);
	}
	free(f->tables);
	free(f->fresh);
	free(f->after);
	free(f->old);
	free(f->params);
	free(f->binds);
	free(f->saved);
	ev_buf_release(&f->copies);
	free(f->spent);
	free(f->named);
	free(f->ops);
	ev_arena_release(&f->arena);
	free(f);
}

bool ev_fold_takes(const struct ev_fold *f, size_t handler, size_t statement)
{
	const struct ev_fold_table *t = f ? f->statements[handler][statement].table : NULL;

	return t && t->plain;
}

bool ev_fold_pays(const struct ev_fold *f)
{
	return f->folded + f->left < ENOUGH || f->left * 20 < f->folded;
}
