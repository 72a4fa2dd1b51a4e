/* sqlite_schema.c - the projection's DDL, and guards for what its columns can hold */
#include <stdint.h>
#include <strings.h>

#include "store/sqlite_internal.h"

static int add_name(void *ctx, int n, char **cells, char **names)
{
	(void)n;
	(void)names;
	ev_buf_add(ctx, cells[0], strlen(cells[0]) + 1);
	return 0;
}

size_t ev_sqlite_error_at(struct ev_sqlite *s)
{
#if SQLITE_VERSION_NUMBER >= 3038000
	int at = sqlite3_error_offset(s->db);

	return at >= 0 ? (size_t)at : SIZE_MAX;
#else
	(void)s;
	return SIZE_MAX;
#endif
}

static int run_statements(struct ev_sqlite *s, const char *sql, size_t *at, struct ev_error *err)
{
	const char *rest = sql;

	while (*rest) {
		sqlite3_stmt *stmt = NULL;
		const char *tail;
		int rc = sqlite3_prepare_v2(s->db, rest, -1, &stmt, &tail);

		if (rc != SQLITE_OK) {
			size_t in = ev_sqlite_error_at(s);

			*at = (size_t)(rest - sql) + (in == SIZE_MAX ? strspn(rest, " \t\r\n") : in);
			if (s->refused[0])
				return ev_fail(err, EV_USAGE, "%s", s->refused);
			return ev_fail(err, EV_USAGE, "%s", sqlite3_errmsg(s->db));
		}
		rc = stmt ? sqlite3_step(stmt) : SQLITE_DONE;
		sqlite3_finalize(stmt);
		if (rc != SQLITE_DONE && rc != SQLITE_ROW) {
			*at = (size_t)(rest - sql) + strspn(rest, " \t\r\n");
			ev_sqlite_error(s, rc, true, err);
			if (err->class == EV_DATA)
				err->class = EV_USAGE;
			return -1;
		}
		rest = tail;
	}
	return 0;
}

int ev_sqlite_schema(struct ev_store *store, const char *sql, struct ev_buf *tables, size_t *at,
		     struct ev_error *err)
{
	struct ev_sqlite *s = ev_sqlite_of(store);
	struct ev_buf existing = EV_BUF_INIT;
	int rc = sqlite3_exec(s->db, "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')",
			      add_name, &existing, NULL);

	*at = SIZE_MAX;
	if (rc != SQLITE_OK) {
		ev_buf_release(&existing);
		return ev_sqlite_error(s, rc, false, err);
	}
	s->auth = EV_AUTH_SCHEMA;
	s->existing = &existing;
	s->created = tables;
	s->refused[0] = '\0';
	rc = run_statements(s, sql, at, err);
	s->auth = EV_AUTH_OURS;
	ev_buf_release(&existing);
	return rc;
}

static bool contains(const char *type, const char *part)
{
	return strcasestr(type, part) != NULL;
}

static void quoted(struct ev_buf *out, const char *name, char quote)
{
	ev_buf_addc(out, quote);
	for (; *name; name++) {
		if (*name == quote)
			ev_buf_addc(out, quote);
		ev_buf_addc(out, *name);
	}
	ev_buf_addc(out, quote);
}

/*
 * When does a value not fit? By the affinity that SQLite derives from the declared type (its datatype3
 * document, section 3.1), as a condition on NEW, where the affinity has been applied already. NULL:
 * anything fits.
 */
static const char *misfit(const char *type)
{
	if (contains(type, "INT"))
		return "typeof(%s) NOT IN ('integer', 'null')";
	if (contains(type, "CHAR") || contains(type, "CLOB") || contains(type, "TEXT"))
		return "typeof(%s) NOT IN ('text', 'null')";
	if (!*type || contains(type, "BLOB"))
		return NULL;
	if (contains(type, "REAL") || contains(type, "FLOA") || contains(type, "DOUB"))
		return "typeof(%s) NOT IN ('real', 'integer', 'null')";
	if (contains(type, "BOOL"))
		return "(%s IS NOT NULL AND (typeof(%s) <> 'integer' OR %s NOT IN (0, 1)))";
	if (contains(type, "DATE") || contains(type, "TIME"))
		return "typeof(%s) = 'blob'";
	return "typeof(%s) NOT IN ('integer', 'real', 'null')";
}

struct guard {
	const char *table;
	struct ev_buf when, body;
};

/* A row of pragma_table_xinfo: name, type, hidden. */
static int add_column(void *ctx, int n, char **cells, char **names)
{
	const char *condition = misfit(cells[1] ? cells[1] : "");
	struct ev_buf column = EV_BUF_INIT, text = EV_BUF_INIT, message = EV_BUF_INIT;
	struct guard *g = ctx;

	(void)n;
	(void)names;
	if (!condition || strcmp(cells[2], "0") != 0)
		return 0;
	ev_buf_adds(&column, "NEW.");
	quoted(&column, cells[0], '"');
	for (const char *p = condition; *p; p++) {
		if (p[0] == '%' && p[1] == 's') {
			ev_buf_adds(&text, ev_buf_str(&column));
			p++;
		} else {
			ev_buf_addc(&text, *p);
		}
	}
	ev_buf_addf(&g->when, "%s%s", g->when.len ? " OR " : "", ev_buf_str(&text));
	ev_buf_addf(&message, "%s.%s is %s and cannot hold this value", g->table, cells[0], cells[1]);
	ev_buf_addf(&g->body, " WHEN %s THEN RAISE(ABORT, ", ev_buf_str(&text));
	quoted(&g->body, ev_buf_str(&message), '\'');
	ev_buf_addc(&g->body, ')');
	ev_buf_release(&column);
	ev_buf_release(&text);
	ev_buf_release(&message);
	return 0;
}

static int create_guards(struct ev_sqlite *s, const struct guard *g, struct ev_error *err)
{
	static const char *const events[] = { "INSERT", "UPDATE" };
	struct ev_buf sql = EV_BUF_INIT;
	int rc = SQLITE_OK;

	for (int i = 0; i < 2 && rc == SQLITE_OK && g->when.len; i++) {
		struct ev_buf name = EV_BUF_INIT;

		ev_buf_addf(&name, "ev_guard_%s_%s", g->table, events[i]);
		ev_buf_clear(&sql);
		ev_buf_adds(&sql, "CREATE TEMP TRIGGER IF NOT EXISTS ");
		quoted(&sql, ev_buf_str(&name), '"');
		ev_buf_addf(&sql, " BEFORE %s ON main.", events[i]);
		quoted(&sql, g->table, '"');
		ev_buf_addf(&sql, " WHEN %s BEGIN SELECT CASE%s END; END", ev_buf_str(&g->when),
			    ev_buf_str(&g->body));
		rc = sqlite3_exec(s->db, ev_buf_str(&sql), NULL, NULL, NULL);
		ev_buf_release(&name);
	}
	ev_buf_release(&sql);
	return rc == SQLITE_OK ? 0 : ev_sqlite_error(s, rc, false, err);
}

static int guard_table(struct ev_sqlite *s, const char *table, struct ev_error *err)
{
	struct guard g = { .table = table };
	struct ev_buf sql = EV_BUF_INIT;
	int rc;

	/* STRICT tables guard themselves; views have no triggers of this kind */
	ev_buf_adds(&sql, "SELECT x.name, x.type, x.hidden FROM pragma_table_list l, "
			  "pragma_table_xinfo(l.name) x WHERE l.schema = 'main' AND NOT l.strict AND "
			  "l.type = 'table' AND l.name = ");
	quoted(&sql, table, '\'');
	ev_buf_adds(&sql, " COLLATE NOCASE");
	rc = sqlite3_exec(s->db, ev_buf_str(&sql), add_column, &g, NULL);
	rc = rc == SQLITE_OK ? create_guards(s, &g, err) : ev_sqlite_error(s, rc, false, err);
	ev_buf_release(&sql);
	ev_buf_release(&g.when);
	ev_buf_release(&g.body);
	return rc;
}

int ev_sqlite_guard(struct ev_store *store, const struct ev_buf *tables, struct ev_error *err)
{
	const char *t = ev_buf_str(tables), *end = t + tables->len;

	for (; t < end; t += strlen(t) + 1)
		if (guard_table(ev_sqlite_of(store), t, err) < 0)
			return -1;
	return 0;
}
