/* sqlite_guard.c - what a column cannot hold is refused, by triggers of this connection */
#include <strings.h>

#include "store/affinity.h"
#include "store/sqlite_internal.h"

#define GUARD "ev_guard_" /* what all their names begin with */

bool ev_sqlite_is_guard(struct ev_slice name)
{
	if (name.len && strchr("\"'`[", name.ptr[0]))
		name = ev_slice(name.ptr + 1, name.len - 1);
	return name.len >= strlen(GUARD) && strncasecmp(name.ptr, GUARD, strlen(GUARD)) == 0;
}

/*
 * When does a value not fit? A condition on NEW, where the affinity has been applied already. Numbers
 * sort before text, text before blobs: to compare tells the type at a fraction of the cost of
 * typeof(x) IN (...), and is unknown, so no misfit, for NULL. NULL: anything fits.
 */
static const char *misfit(const char *type)
{
	static const char *const conditions[] = {
		[EV_AFFINITY_NONE] = NULL,
		[EV_AFFINITY_INT] = "%s >= '' OR typeof(%s) = 'real'",
		[EV_AFFINITY_TEXT] = "%s >= x''",
		[EV_AFFINITY_REAL] = "%s >= ''",
		[EV_AFFINITY_BOOL] = "%s NOT IN (0, 1)", /* 1.0 and '1' have become 1 */
		[EV_AFFINITY_DATE] = "%s >= x''",
		[EV_AFFINITY_NUMERIC] = "%s >= ''",
	};

	return conditions[ev_sqlite_affinity(type)];
}

/* The two triggers of a table: their conditions, and what they raise. */
struct guard {
	const char *table;
	struct { struct ev_buf when, body; } event[2]; /* INSERT, UPDATE */
};

/* Add a condition, where each %s is the column's new value, and its message. */
static void add(struct guard *g, int event, const char *name, const char *condition,
		const char *message)
{
	struct ev_buf column = EV_BUF_INIT, text = EV_BUF_INIT;
	struct ev_buf *when = &g->event[event].when, *body = &g->event[event].body;

	ev_buf_adds(&column, "NEW.");
	ev_buf_add_quoted(&column, name, '"');
	for (const char *p = condition; *p; p++) {
		if (p[0] == '%' && p[1] == 's') {
			ev_buf_adds(&text, ev_buf_str(&column));
			p++;
		} else {
			ev_buf_addc(&text, *p);
		}
	}
	ev_buf_addf(when, "%s%s", when->len ? " OR " : "", ev_buf_str(&text));
	ev_buf_addf(body, " WHEN %s THEN RAISE(ABORT, ", ev_buf_str(&text));
	ev_buf_add_quoted(body, message, '\'');
	ev_buf_addc(body, ')');
	ev_buf_release(&column);
	ev_buf_release(&text);
}

/*
 * A primary key without a value: SQLite stores NULL in it, as often as one likes. An INTEGER PRIMARY KEY
 * it numbers by the rows that are there, which a rebuild need not repeat; a BEFORE trigger sees -1 then.
 */
static void add_key(struct guard *g, const char *name, bool rowid, bool strict)
{
	struct ev_buf message = EV_BUF_INIT;

	ev_buf_addf(&message, "%s.%s is a primary key and needs a value", g->table, name);
	if (rowid) {
		ev_buf_adds(&message, " (as an INTEGER PRIMARY KEY it cannot hold -1; as INT it can)");
		add(g, 0, name, "%s = -1", ev_buf_str(&message));
	} else if (!strict) {
		add(g, 0, name, "%s IS NULL", ev_buf_str(&message));
		add(g, 1, name, "%s IS NULL", ev_buf_str(&message));
	}
	ev_buf_release(&message);
}

/* A row of columns_sql: name, type, number in the primary key, strict, rowid. */
static int add_column(void *ctx, int n, char **cells, char **names)
{
	const char *condition = misfit(cells[1] ? cells[1] : "");
	bool strict = cells[3][0] == '1', rowid = cells[4][0] == '1';
	struct ev_buf message = EV_BUF_INIT;
	struct guard *g = ctx;

	(void)n;
	(void)names;
	if (strcmp(cells[2], "0") != 0)
		add_key(g, cells[0], rowid, strict);
	if (!condition || strict || rowid) /* those guard their types themselves */
		return 0;
	ev_buf_addf(&message, "%s.%s is %s and cannot hold this value", g->table, cells[0], cells[1]);
	add(g, 0, cells[0], condition, ev_buf_str(&message));
	add(g, 1, cells[0], condition, ev_buf_str(&message));
	ev_buf_release(&message);
	return 0;
}

static int create_guards(struct ev_sqlite *s, const struct guard *g, struct ev_error *err)
{
	static const char *const events[] = { "INSERT", "UPDATE" };
	struct ev_buf sql = EV_BUF_INIT;
	int rc = SQLITE_OK;

	for (int i = 0; i < 2 && rc == SQLITE_OK; i++) {
		struct ev_buf name = EV_BUF_INIT;

		if (!g->event[i].when.len)
			continue;
		ev_buf_addf(&name, GUARD "%s_%s", g->table, events[i]);
		ev_buf_clear(&sql);
		ev_buf_adds(&sql, "CREATE TEMP TRIGGER IF NOT EXISTS ");
		ev_buf_add_quoted(&sql, ev_buf_str(&name), '"');
		ev_buf_addf(&sql, " BEFORE %s ON main.", events[i]);
		ev_buf_add_quoted(&sql, g->table, '"');
		ev_buf_addf(&sql, " WHEN %s BEGIN SELECT CASE%s END; END",
			    ev_buf_str(&g->event[i].when), ev_buf_str(&g->event[i].body));
		rc = sqlite3_exec(s->db, ev_buf_str(&sql), NULL, NULL, NULL);
		ev_buf_release(&name);
	}
	ev_buf_release(&sql);
	return rc == SQLITE_OK ? 0 : ev_sqlite_error(s, rc, false, err);
}

/* The rowid by another name is the only column of its key, and there is no index of that key. */
static const char columns_sql[] =
	"SELECT x.name, x.type, x.pk, l.strict, x.pk AND x.type = 'INTEGER' COLLATE NOCASE AND NOT l.wr "
	"AND NOT EXISTS (SELECT 1 FROM pragma_index_list(l.name) i WHERE i.origin = 'pk') "
	"FROM pragma_table_list l, pragma_table_xinfo(l.name) x "
	"WHERE l.schema = 'main' AND l.type = 'table' AND x.hidden = 0 AND l.name = ";

static int guard_table(struct ev_sqlite *s, const char *table, struct ev_error *err)
{
	struct guard g = { .table = table };
	struct ev_buf sql = EV_BUF_INIT;
	int rc;

	/* views have no triggers of this kind; generated columns are checked by what they come from */
	ev_buf_adds(&sql, columns_sql);
	ev_buf_add_quoted(&sql, table, '\'');
	ev_buf_adds(&sql, " COLLATE NOCASE");
	rc = sqlite3_exec(s->db, ev_buf_str(&sql), add_column, &g, NULL);
	rc = rc == SQLITE_OK ? create_guards(s, &g, err) : ev_sqlite_error(s, rc, false, err);
	ev_buf_release(&sql);
	for (int i = 0; i < 2; i++) {
		ev_buf_release(&g.event[i].when);
		ev_buf_release(&g.event[i].body);
	}
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
