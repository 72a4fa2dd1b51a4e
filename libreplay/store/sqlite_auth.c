/* sqlite_auth.c - what SQL of a projection may do, enforced while SQLite compiles it */
#include <stdio.h>
#include <strings.h>

#include "store/sqlite_internal.h"

/*
 * Functions whose answer depends on their arguments alone, on every machine. Left out are those of
 * the C mathematics library (its last digits differ between systems) and whatever looks at the
 * connection, the clock or chance. Documented in evproject-file(5).
 */
static const char *const functions[] = {
	"abs", "avg", "char", "coalesce", "count", "date", "datetime", "format", "glob", "hex",
	"ifnull", "iif", "instr", "json", "json_array", "json_array_length", "json_each",
	"json_extract", "json_insert", "json_object", "json_patch", "json_quote", "json_remove",
	"json_replace", "json_set", "json_tree", "json_type", "json_valid", "->", "->>", "julianday",
	"length", "like", "likelihood", "likely", "lower", "ltrim", "max", "min", "nullif", "printf",
	"quote", "replace", "round", "rtrim", "sign", "strftime", "substr", "substring", "sum", "time",
	"total", "trim", "typeof", "unicode", "unixepoch", "unlikely", "upper", "zeroblob", NULL,
};

/* Besides, in checks and samples, which change nothing. */
static const char *const query_functions[] = {
	"group_concat", "json_group_array", "json_group_object", "row_number", "rank", "dense_rank",
	"percent_rank", "cume_dist", "ntile", "lag", "lead", "first_value", "last_value", "nth_value",
	"ceil", "ceiling", "floor", "trunc", "mod", "pow", "power", "sqrt", "exp", "ln", "log", "log10",
	"log2", NULL,
};

static bool in_list(const char *const *list, const char *name)
{
	for (; *list; list++)
		if (strcasecmp(*list, name) == 0)
			return true;
	return false;
}

static bool reserved(const char *name)
{
	return strncasecmp(name, "ev_", 3) == 0 || strncasecmp(name, "sqlite_", 7) == 0;
}

__attribute__((format(printf, 2, 3))) static int refuse(struct ev_sqlite *s, const char *fmt, ...)
{
	va_list ap;

	if (!s->refused[0]) {
		va_start(ap, fmt);
		vsnprintf(s->refused, sizeof(s->refused), fmt, ap);
		va_end(ap);
	}
	return SQLITE_DENY;
}

static int function(struct ev_sqlite *s, const char *name)
{
	if (in_list(functions, name) || (s->auth == EV_AUTH_QUERY && in_list(query_functions, name)))
		return SQLITE_OK;
	return refuse(s, "function %s() is not allowed: a view must come out the same at every rebuild",
		      name);
}

static int new_table(struct ev_sqlite *s, const char *name)
{
	if (reserved(name))
		return refuse(s, "names that begin with ev_ or sqlite_ are taken: '%s'", name);
	s->taken = ev_buf_lists(s->existing, name, false);
	if (s->taken)
		return refuse(s, "table '%s' exists already, and no ledger of this projection owns it",
			      name);
	if (!ev_buf_lists(s->created, name, false))
		ev_buf_add(s->created, name, strlen(name) + 1);
	return SQLITE_OK;
}

static int in_schema(struct ev_sqlite *s, int action, const char *a, const char *b)
{
	switch (action) {
	case SQLITE_CREATE_TABLE:
	case SQLITE_CREATE_VIEW:
		return new_table(s, a);
	case SQLITE_CREATE_INDEX:
		if (reserved(a) && strncasecmp(a, "sqlite_autoindex", 16) != 0)
			return refuse(s, "names that begin with ev_ or sqlite_ are taken: '%s'", a);
		if (!ev_buf_lists(s->created, b, false))
			return refuse(s, "table '%s' is not of this projection: it gets no index", b);
		return SQLITE_OK;
	case SQLITE_INSERT:
	case SQLITE_UPDATE:
	case SQLITE_DELETE:
		return a && strncasecmp(a, "sqlite_", 7) == 0
			       ? SQLITE_OK
			       : refuse(s, "a schema only creates tables, indexes and views");
	case SQLITE_READ:
	case SQLITE_REINDEX: /* part of CREATE INDEX */
		return SQLITE_OK;
	case SQLITE_SELECT:
		return refuse(s, "a table is filled by handlers, not by AS SELECT");
	case SQLITE_FUNCTION:
		return function(s, b);
	default:
		return refuse(s, "a schema only creates tables, indexes and views");
	}
}

static int read_column(struct ev_sqlite *s, const char *table, const char *column)
{
	if (!table || !*table)
		return SQLITE_OK;
	if (column && strcasecmp(column, "ROWID") == 0)
		return refuse(s, "the rowid of '%s' may not be seen: it differs at every rebuild", table);
	if (strcasecmp(table, "json_each") == 0 || strcasecmp(table, "json_tree") == 0)
		return SQLITE_OK;
	if (!reserved(table) && (!s->tables || ev_buf_lists(s->tables, table, false) ||
				 (s->reads && ev_buf_lists(s->reads, table, false))))
		return SQLITE_OK;
	/* count(*) reads no column: of a table, or of a WITH, whose name is given in the same way */
	if (column && !*column && !reserved(table)) {
		ev_buf_add(&s->unsure, table, strlen(table) + 1);
		return SQLITE_OK;
	}
	return refuse(s, "table '%s' is not of this projection (declare it with @reads)", table);
}

static int in_handler(struct ev_sqlite *s, int action, const char *a, const char *b)
{
	switch (action) {
	case SQLITE_SELECT:
	case SQLITE_RECURSIVE:
		return SQLITE_OK;
	case SQLITE_READ:
		return read_column(s, a, b);
	case SQLITE_FUNCTION:
		return function(s, b);
	case SQLITE_INSERT:
	case SQLITE_UPDATE:
	case SQLITE_DELETE:
		if (s->auth == EV_AUTH_QUERY)
			return refuse(s, "checks and samples only read");
		if (action == SQLITE_UPDATE && b && strcasecmp(b, "ROWID") == 0)
			return refuse(s, "the rowid of '%s' may not be set", a);
		if (reserved(a) || (s->tables && !ev_buf_lists(s->tables, a, false)))
			return refuse(s, "table '%s' is not of this projection", a);
		return SQLITE_OK;
	default:
		return refuse(s, "a handler only inserts, updates and deletes rows");
	}
}

int ev_sqlite_authorize(void *ctx, int action, const char *a, const char *b, const char *db,
			const char *inner)
{
	struct ev_sqlite *s = ctx;

	if (s->auth == EV_AUTH_OURS)
		return SQLITE_OK;
	/* what reads: a trigger, a view, or any WITH; a guard's columns may be called as the rowid */
	if (action == SQLITE_READ && inner && ev_sqlite_is_guard(ev_slice_str(inner)))
		return SQLITE_OK;
	if (inner && s->auth == EV_AUTH_HANDLER && ev_buf_lists(&s->triggers, inner, false))
		return SQLITE_OK;
	if (db && strcmp(db, "ev_beyond") == 0 && action == SQLITE_READ && s->auth == EV_AUTH_HANDLER &&
	    s->reads && ev_buf_lists(s->reads, a, false))
		return SQLITE_OK; /* ev_sqlite_look_beyond */
	if (db && strcmp(db, "main") != 0)
		return refuse(s, "only the store's own tables may be used, none of '%s'", db);
	return s->auth == EV_AUTH_SCHEMA ? in_schema(s, action, a, b) : in_handler(s, action, a, b);
}
