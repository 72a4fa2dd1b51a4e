/*
 * sqlite_time.c - SQLite's date and time functions without the clock and the time zone
 *
 * Same names, same answers, but for 'now', a call without a time, and the modifiers localtime and
 * utc, which are errors: also when such a word comes from an event. The built-in functions do
 * the work, on a private empty connection, as a function that is overridden cannot be called.
 */
#include <strings.h>

#include "base/mem.h"
#include "projection/ddl.h"
#include "store/sqlite_internal.h"

#define MAX_ARGS 8

static const char refusal[] =
	"the clock and the local time zone are not for a view: give the time of the event";

static const char *const names[] = { "date", "time", "datetime", "julianday", "unixepoch", "strftime" };
#define NAMES (sizeof(names) / sizeof(*names))

struct function {
	struct ev_sqlite_time *owner;
	const char *name;
	int first; /* argument that holds the time */
	sqlite3_stmt *stmts[MAX_ARGS + 1];
};

struct ev_sqlite_time {
	sqlite3 *db;
	struct function functions[NAMES];
};

static sqlite3_stmt *statement(struct function *f, int argc)
{
	struct ev_buf sql = EV_BUF_INIT;

	if (argc > MAX_ARGS)
		return NULL;
	if (!f->stmts[argc]) {
		ev_buf_addf(&sql, "SELECT %s(", f->name);
		for (int i = 0; i < argc; i++)
			ev_buf_addf(&sql, "%s?%d", i ? "," : "", i + 1);
		ev_buf_addc(&sql, ')');
		sqlite3_prepare_v2(f->owner->db, ev_buf_str(&sql), -1, &f->stmts[argc], NULL);
		ev_buf_release(&sql);
	}
	return f->stmts[argc];
}

/* A time of 'subsec' is SQLite's (3.42) other word for now; as a modifier it is harmless. */
static bool forbidden_word(const char *text, bool first)
{
	return strcasecmp(text, "now") == 0 || strcasecmp(text, "localtime") == 0 ||
	       strcasecmp(text, "utc") == 0 || (first && strncasecmp(text, "subsec", 6) == 0);
}

static bool forbidden(const struct function *f, int argc, sqlite3_value **argv)
{
	if (argc <= f->first)
		return true;
	for (int i = f->first; i < argc; i++) {
		int type = sqlite3_value_type(argv[i]);
		const char *text = type == SQLITE_TEXT || type == SQLITE_BLOB
					   ? (const char *)sqlite3_value_text(argv[i]) : NULL;

		if (text && forbidden_word(text, i == f->first))
			return true;
	}
	return false;
}

static void call(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	struct function *f = sqlite3_user_data(ctx);
	sqlite3_stmt *stmt;

	if (forbidden(f, argc, argv)) {
		sqlite3_result_error(ctx, refusal, -1);
		return;
	}
	stmt = statement(f, argc);
	if (!stmt) {
		sqlite3_result_error(ctx, "too many arguments of a date function", -1);
		return;
	}
	for (int i = 0; i < argc; i++)
		sqlite3_bind_value(stmt, i + 1, argv[i]);
	if (sqlite3_step(stmt) == SQLITE_ROW)
		sqlite3_result_value(ctx, sqlite3_column_value(stmt, 0));
	else
		sqlite3_result_error(ctx, sqlite3_errmsg(f->owner->db), -1);
	sqlite3_reset(stmt);
}

int ev_sqlite_time_install(struct ev_sqlite *s, struct ev_error *err)
{
	const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;

	s->time = ev_alloc(sizeof(*s->time));
	if (sqlite3_open_v2(":memory:", &s->time->db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
		return ev_fail(err, EV_STORE, "cannot open a private SQLite: out of memory");
	for (size_t i = 0; i < NAMES; i++) {
		struct function *f = &s->time->functions[i];
		int rc;

		f->owner = s->time;
		f->name = names[i];
		f->first = strcmp(names[i], "strftime") == 0;
		rc = sqlite3_create_function_v2(s->db, names[i], -1, flags, f, call, NULL, NULL, NULL);
		if (rc != SQLITE_OK)
			return ev_sqlite_error(s, rc, false, err);
	}
	return 0;
}

void ev_sqlite_time_release(struct ev_sqlite *s)
{
	if (!s->time)
		return;
	for (size_t i = 0; i < NAMES; i++)
		for (int j = 0; j <= MAX_ARGS; j++)
			sqlite3_finalize(s->time->functions[i].stmts[j]);
	sqlite3_close(s->time->db);
	free(s->time);
}

/* Is t[i] the name in a call of a date function, and not that of a table? Its first time's index. */
static int date_function(const struct ev_token *t, size_t n, size_t i)
{
	static const char *const tables[] = { "into", "table", "exists", "on", "references", "view" };
	int first = -1;
	char *name;

	if (i + 1 >= n || !ev_token_is(t[i + 1], "(") ||
	    (t[i].kind != EV_TOKEN_WORD && t[i].kind != EV_TOKEN_QUOTED))
		return -1;
	for (size_t k = 0; i && k < sizeof(tables) / sizeof(*tables); k++)
		if (ev_token_is(t[i - 1], tables[k]))
			return -1;
	name = ev_token_name(&t[i]);
	for (size_t k = 0; name && k < NAMES; k++)
		if (strcmp(name, names[k]) == 0)
			first = strcmp(name, "strftime") == 0;
	free(name);
	return first;
}

/* Is this token, an argument of its own, such a word? */
static bool says_now(const struct ev_token *t, bool first)
{
	struct ev_buf text = EV_BUF_INIT;
	bool yes = t->kind == EV_TOKEN_STRING && ev_sql_string(*t, &text) &&
		   forbidden_word(ev_buf_str(&text), first);

	ev_buf_release(&text);
	return yes;
}

/* The call whose bracket is t[open]: what in it means the clock, or n. */
static size_t clock_in_call(const struct ev_token *t, size_t n, size_t open, int first)
{
	int depth = 0, args = open + 1 < n && !ev_token_is(t[open + 1], ")");
	size_t i, begin = open + 1;

	for (i = open; i < n; i++) {
		bool comma = depth == 1 && ev_token_is(t[i], ",");

		depth += ev_token_is(t[i], "(");
		depth -= ev_token_is(t[i], ")");
		if (!comma && depth)
			continue;
		if (i == begin + 1 && args > first && says_now(&t[begin], args == first + 1))
			return begin;
		if (!depth)
			break;
		begin = i + 1;
		args++;
	}
	return args <= first ? open - 1 : n;
}

int ev_sqlite_check_clock(const char *sql, size_t *at, struct ev_error *err)
{
	size_t n, fault;
	struct ev_token *t = ev_sql_tokens(sql, &n);

	for (size_t i = fault = 0; i < n; i++) {
		int first = date_function(t, n, i);

		fault = first < 0 ? n : clock_in_call(t, n, i + 1, first);
		if (fault < n)
			break;
	}
	if (n && fault < n) {
		*at = (size_t)(t[fault].text.ptr - sql);
		ev_fail(err, EV_USAGE, "%s", refusal);
	} else {
		fault = n;
	}
	free(t);
	return fault < n ? -1 : 0;
}
