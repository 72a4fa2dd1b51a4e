/* indexes.c - see indexes.h */
#include "store/indexes.h"

#include <strings.h>

#include "projection/sql.h"

/* The next text of a list behind `at`, or its first behind NULL; NULL at its end. */
static const char *next(const struct ev_buf *list, const char *at)
{
	const char *text = at ? at + strlen(at) + 1 : list->data;

	return text && text < list->data + list->len ? text : NULL;
}

static void add(struct ev_buf *list, const char *text)
{
	ev_buf_add(list, text, strlen(text) + 1);
}

int ev_indexes_list(struct ev_store *s, const struct ev_buf *tables, struct ev_buf *list, struct ev_error *err)
{
	struct ev_buf there = EV_BUF_INIT;
	int rc = 0;

	for (const char *table = next(tables, NULL); rc == 0 && table; table = next(tables, table)) {
		ev_buf_clear(&there);
		rc = s->ops->indexes(s, table, &there, err);
		for (const char *name = next(&there, NULL), *sql; rc == 0 && name; name = next(&there, sql)) {
			sql = next(&there, name);
			add(list, table);
			add(list, sql);
		}
	}
	ev_buf_release(&there);
	return rc;
}

/* The index of the table with this definition, if it is there: its name, in `there`. 0, -1. */
static int find(struct ev_store *s, const char *table, const char *definition, struct ev_buf *there, const char **found,
		struct ev_error *err)
{
	*found = NULL;
	ev_buf_clear(there);
	if (s->ops->indexes(s, table, there, err) < 0)
		return -1;
	for (const char *name = next(there, NULL), *sql; name && !*found; name = next(there, sql)) {
		sql = next(there, name);
		if (strcmp(sql, definition) == 0)
			*found = name;
	}
	return 0;
}

int ev_indexes_drop(struct ev_store *s, const struct ev_buf *list, struct ev_error *err)
{
	struct ev_buf there = EV_BUF_INIT, drop = EV_BUF_INIT;
	const char *found;
	int rc = 0;

	for (const char *table = next(list, NULL), *sql; rc == 0 && table; table = next(list, sql)) {
		sql = next(list, table);
		rc = find(s, table, sql, &there, &found, err);
		if (rc < 0 || !found)
			continue;
		ev_buf_clear(&drop);
		ev_buf_addf(&drop, "DROP INDEX %s", found);
		rc = s->ops->script(s, ev_buf_str(&drop), err);
	}
	ev_buf_release(&there);
	ev_buf_release(&drop);
	return rc;
}

int ev_indexes_make(struct ev_store *s, const struct ev_buf *list, struct ev_error *err)
{
	struct ev_buf there = EV_BUF_INIT;
	const char *found;
	int rc = 0;

	for (const char *table = next(list, NULL), *sql; rc == 0 && table; table = next(list, sql)) {
		sql = next(list, table);
		rc = s->ops->has_table(s, table, err);
		if (rc > 0)
			rc = find(s, table, sql, &there, &found, err) < 0 ? -1 : found == NULL;
		if (rc > 0)
			rc = s->ops->script(s, sql, err);
		if (rc < 0)
			ev_context(err, "cannot make an index of table '%s' that has waited for the rows", table);
	}
	ev_buf_release(&there);
	return rc;
}

static bool has_word(const char *sql, const char *name)
{
	struct ev_lexer lx = { .at = sql, .end = sql + strlen(sql) };
	struct ev_buf word = EV_BUF_INIT;
	struct ev_token t;
	bool has = false;

	while (!has && (t = ev_sql_next(&lx)).kind != EV_TOKEN_END) {
		if (t.kind != EV_TOKEN_WORD && t.kind != EV_TOKEN_QUOTED)
			continue;
		ev_buf_clear(&word);
		ev_sql_name(t, &word);
		has = strcasecmp(ev_buf_str(&word), name) == 0;
	}
	ev_buf_release(&word);
	return has;
}

bool ev_indexes_have(const struct ev_buf *list, const char *table, const char *column)
{
	bool has = false;

	for (const char *of = list ? next(list, NULL) : NULL, *sql; !has && of; of = next(list, sql)) {
		sql = next(list, of);
		has = strcasecmp(of, table) == 0 && has_word(sql, column);
	}
	return has;
}

/* Behind INDEX [CONCURRENTLY] [IF NOT EXISTS] in a definition; false: it has none, so the store has made one up. */
static bool read_name(struct ev_lexer *lx, struct ev_buf *name)
{
	struct ev_token t;

	ev_buf_clear(name);
	while ((t = ev_sql_next(lx)).kind != EV_TOKEN_END && !ev_token_is(t, "INDEX"))
		;
	while ((t = ev_sql_next(lx)).kind != EV_TOKEN_END)
		if (t.kind != EV_TOKEN_SPACE && !ev_token_is(t, "CONCURRENTLY") && !ev_token_is(t, "IF") &&
		    !ev_token_is(t, "NOT") && !ev_token_is(t, "EXISTS"))
			break;
	if (t.kind == EV_TOKEN_END || ev_token_is(t, "ON"))
		return false;
	ev_sql_name(t, name);
	return true;
}

/* Does it make one without a name? Then any may be that. */
static bool has_nameless(const char *schema)
{
	struct ev_lexer lx = { .at = schema, .end = schema + strlen(schema) };
	struct ev_buf name = EV_BUF_INIT;
	bool nameless = false;

	while (lx.at < lx.end && !nameless)
		nameless = !read_name(&lx, &name) && lx.at < lx.end;
	ev_buf_release(&name);
	return nameless;
}

void ev_indexes_beside(const struct ev_buf *list, const char *schema, struct ev_buf *out)
{
	struct ev_buf name = EV_BUF_INIT;
	bool unsure = has_nameless(schema);

	for (const char *of = next(list, NULL), *sql; of && !unsure; of = next(list, sql)) {
		struct ev_lexer lx;

		sql = next(list, of);
		lx = (struct ev_lexer){ .at = sql, .end = sql + strlen(sql) };
		if (read_name(&lx, &name) && !has_word(schema, ev_buf_str(&name)))
			ev_buf_addf(out, "index %s on %s%c", ev_buf_str(&name), of, '\0');
	}
	ev_buf_release(&name);
}
