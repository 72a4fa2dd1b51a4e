/* target.c - see target.h */
#include "history/target.h"

#include <ctype.h>
#include <strings.h>

#include "base/mem.h"
#include "base/suggest.h"
#include "projection/ddl.h"
#include "store/ledger.h"

static bool in_name(char c)
{
	return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

/* Where a value ends that is not quoted: before a comma that a name and `=` follow. */
static const char *value_end(const char *s)
{
	for (; *s; s++) {
		const char *p = s + 1;

		if (*s != ',' || !in_name(*p))
			continue;
		while (in_name(*p))
			p++;
		if (*p == '=')
			return s;
	}
	return s;
}

/* The value at `s`, without its quotes; `end` is what follows it. NULL: the quotes do not end, or not there. */
static char *take_value(const char *s, const char **end)
{
	struct ev_buf b = EV_BUF_INIT;
	bool ended = false;
	char *value;

	if (*s != '"') {
		*end = value_end(s);
		return ev_strndup(s, (size_t)(*end - s));
	}
	while (!ended && *++s) {
		ended = *s == '"' && *++s != '"';
		if (!ended)
			ev_buf_addc(&b, *s);
	}
	*end = s;
	value = ended && (!*s || *s == ',') ? ev_strdup(ev_buf_str(&b)) : NULL;
	ev_buf_release(&b);
	return value;
}

int ev_target_parse(struct ev_target *t, const char *text, struct ev_error *err)
{
	const char *at = text;

	for (;;) {
		const char *eq = strchr(at, '='), *end;
		struct ev_row_value *v;

		if (!eq || eq == at)
			return ev_fail(err, EV_USAGE, "option '--row' takes COLUMN=VALUE, not '%s'", text);
		v = EV_PUSH(t->values, t->n);
		v->column = ev_strndup(at, (size_t)(eq - at));
		v->value = take_value(eq + 1, &end);
		if (!v->value) {
			ev_fail(err, EV_USAGE, "option '--row': the quotes of the value of '%s' do not end", v->column);
			return ev_hint(err, "a value that begins with \" is written as \"...\", with \"\" for each \" "
				       "in it");
		}
		for (size_t i = 0; i + 1 < t->n; i++)
			if (strcasecmp(t->values[i].column, v->column) == 0)
				return ev_fail(err, EV_USAGE, "option '--row' names the column '%s' twice",
					       v->column);
		if (!*end)
			return 0;
		at = end + 1;
	}
}

void ev_target_release(struct ev_target *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free((char *)t->values[i].column);
		free((char *)t->values[i].value);
	}
	free(t->values);
	free(t->table);
	*t = (struct ev_target)EV_TARGET_INIT;
}

void ev_target_print(const struct ev_target *t, struct ev_buf *out)
{
	for (size_t i = 0; i < t->n; i++) {
		const char *value = t->values[i].value;

		ev_buf_addf(out, "%s%s=", i ? "," : "", t->values[i].column);
		if (*value == '"' || *value_end(value))
			ev_buf_add_quoted(out, value, '"');
		else
			ev_buf_adds(out, value);
	}
}

/* What a column may be meant to be: exactly so, or else by letters alone. */
static const char *spelled(struct ev_store *s, struct ev_query *q, const char *name)
{
	const char *near = NULL;

	for (size_t i = 0; i < s->ops->columns(s, q); i++) {
		const char *column = s->ops->column(s, q, i);

		if (strcmp(column, name) == 0)
			return column;
		if (!near && strcasecmp(column, name) == 0)
			near = column;
	}
	return near;
}

/* The table's columns that `t` names take the store's spelling; false: one of them is not there. */
static bool take_columns(struct ev_target *t, struct ev_store *s, struct ev_query *q,
			 const struct ev_table *def)
{
	for (size_t i = 0; i < t->n; i++)
		if (!spelled(s, q, t->values[i].column))
			return false;
	for (size_t i = 0; i < t->n; i++) {
		struct ev_row_value *v = &t->values[i];
		char *name = ev_strdup(spelled(s, q, v->column)), *lower = ev_strdup(name);
		const char *type;

		for (char *c = lower; *c; c++)
			*c = (char)tolower((unsigned char)*c);
		type = ev_table_type(def, lower);
		v->untyped = !type || !*type || strcmp(type, "blob") == 0 || strcmp(type, "any") == 0;
		free(lower);
		free((char *)v->column);
		v->column = name;
	}
	return true;
}

static const struct ev_table *defined(const struct ev_tables *tables, const char *name)
{
	for (size_t i = 0; i < tables->n; i++)
		if (strcasecmp(tables->v[i].name, name) == 0)
			return &tables->v[i];
	return NULL; /* a view */
}

struct search {
	struct ev_target *t;
	struct ev_store *store;
	const struct ev_projection *projection;
	const char *asked;    /* --table */
	struct ev_tables tables;
	struct ev_buf found;  /* names, for the message */
	char *whole;          /* a table whose whole key is named */
	size_t nwhole;
	const char **names, **columns; /* for suggestions; ended by NULL */
	size_t nfound, nnames, ncolumns;
};

static void remember_columns(struct search *f, const struct ev_table *def)
{
	for (size_t i = 0; i < def->ncolumns; i++)
		*EV_PUSH(f->columns, f->ncolumns) = def->columns[i].name;
}

static bool is_named(const struct ev_target *t, const char *column)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcasecmp(t->values[i].column, column) == 0)
			return true;
	return false;
}

/* Do the columns name the table's primary key, all of it? 1, 0, -1. */
static int names_key(const struct search *f, const char *table, struct ev_error *err)
{
	struct ev_table_info info = { 0 };
	int rc = f->store->ops->describe(f->store, table, &info, err);
	bool any = false, all = true;

	for (size_t i = 0; rc > 0 && i < info.ncolumns; i++) {
		any |= info.columns[i].key > 0;
		all &= !info.columns[i].key || is_named(f->t, info.columns[i].name);
	}
	ev_table_info_release(&info);
	return rc < 0 ? -1 : any && all;
}

/* A table that has all the columns. */
static int take_table(struct search *f, const char *table, struct ev_error *err)
{
	int whole = names_key(f, table, err);

	ev_buf_addf(&f->found, "%s%s", f->nfound++ ? ", " : "", table);
	if (whole > 0 && !f->nwhole++)
		f->whole = ev_strdup(table);
	free(f->t->table);
	f->t->table = ev_strdup(table);
	return whole < 0 ? -1 : 0;
}

static int look_at(struct search *f, const char *table, struct ev_error *err)
{
	const struct ev_table *def = defined(&f->tables, table);
	struct ev_query *q;
	int rc = 0;

	if (!def)
		return 0;
	*EV_PUSH(f->names, f->nnames) = def->name;
	if (f->asked && strcasecmp(f->asked, table) != 0)
		return 0;
	remember_columns(f, def);
	q = ev_store_all_of(f->store, table, err);
	if (!q)
		return -1;
	if (take_columns(f->t, f->store, q, def))
		rc = take_table(f, table, err);
	f->store->ops->finish(f->store, q);
	return rc;
}

/* Of several tables the one whose whole key is named. */
static int choose(struct search *f, struct ev_error *err)
{
	if (f->nfound > 1 && f->nwhole == 1) {
		f->asked = f->whole;
		f->nfound = 0;
		return look_at(f, f->whole, err);
	}
	if (f->nfound <= 1)
		return 0;
	ev_fail(err, EV_USAGE, "several tables have such columns: %s", ev_buf_str(&f->found));
	return ev_hint(err, "name one of them with --table");
}

static int no_table(struct search *f, struct ev_error *err)
{
	const char *near;

	*EV_PUSH(f->names, f->nnames) = NULL;
	if (f->asked && f->ncolumns == 0) {
		near = ev_suggest(f->asked, f->names);
		ev_fail(err, EV_USAGE, "projection '%s' has no table '%s'", f->projection->name, f->asked);
		return near ? ev_hint(err, "did you mean '%s'?", near) : -1;
	}
	*EV_PUSH(f->columns, f->ncolumns) = NULL;
	for (size_t i = 0; i < f->t->n; i++) {
		const char *name = f->t->values[i].column;

		near = ev_suggest(name, f->columns);
		if (near && strcasecmp(near, name) == 0)
			continue;
		if (f->asked)
			ev_fail(err, EV_USAGE, "table '%s' has no column '%s'", f->asked, name);
		else
			ev_fail(err, EV_USAGE, "projection '%s' has no table with a column '%s'",
				f->projection->name, name);
		return near ? ev_hint(err, "did you mean '%s'?", near) : -1;
	}
	return ev_fail(err, EV_USAGE, "projection '%s' has no table with all these columns",
		       f->projection->name);
}

int ev_target_find(struct ev_target *t, struct ev_store *s, const struct ev_projection *p,
		   const char *table, struct ev_error *err)
{
	struct search f = { .t = t, .store = s, .projection = p, .asked = table };
	struct ev_buf tables = EV_BUF_INIT;
	int rc = ev_ledger_tables(s, p->name, &tables, err);
	const char *name = ev_buf_str(&tables), *end = name + tables.len;

	ev_tables_of(p, &f.tables);
	for (; rc == 0 && name < end; name += strlen(name) + 1)
		rc = look_at(&f, name, err);
	if (rc == 0 && !f.nfound)
		rc = no_table(&f, err);
	if (rc == 0)
		rc = choose(&f, err);
	free(f.whole);
	ev_tables_free(&f.tables);
	ev_buf_release(&f.found);
	ev_buf_release(&tables);
	free(f.names);
	free(f.columns);
	return rc;
}
