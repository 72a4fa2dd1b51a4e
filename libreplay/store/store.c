/* store.c - which store an URL means, and statements of ours that are prepared once */
#include "store/store.h"

#include "base/mem.h"

bool ev_url_is_postgres(const char *url)
{
	return strncmp(url, "postgresql://", 13) == 0 || strncmp(url, "postgres://", 11) == 0;
}

/* Length of the SCHEME of `SCHEME://...`, 0 when it is none. */
static size_t scheme_of(const char *url)
{
	size_t n = strspn(url, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");

	return strncmp(url + n, "://", 3) == 0 ? n : 0;
}

/* `jdbc:postgresql://...`, `postgres:/host/db`, `host=... dbname=...`; a password may be in it. */
static bool is_misspelled(const char *path)
{
	return strncmp(path, "jdbc:", 5) == 0 || strncmp(path, "postgres:", 9) == 0 ||
	       strncmp(path, "postgresql:", 11) == 0 ||
	       ((strstr(path, "host=") || strstr(path, "dbname=") || strstr(path, "service=")) &&
		!strchr(path, '/'));
}

/* What would be taken for the path of an SQLite file and is hardly meant so. */
static int check_path(const char *path, struct ev_error *err)
{
	size_t scheme = scheme_of(path);

	if (!*path)
		return ev_fail(err, EV_USAGE, "the store's path is empty");
	if (scheme) {
		ev_fail(err, EV_USAGE, "no store is reached by '%.*s://'", (int)scheme, path);
		return ev_hint(err, "it is a path, sqlite:PATH, or postgresql://...");
	}
	if (is_misspelled(path)) {
		ev_fail(err, EV_USAGE, "the store is neither a path nor an URL");
		return ev_hint(err, "for PostgreSQL it is postgresql://user@host:port/database?name=value&..., "
				    "for a file of such a name ./NAME");
	}
	if (strcmp(path, "-") == 0) {
		ev_fail(err, EV_USAGE, "'-' is no store: a view cannot go to standard output");
		return ev_hint(err, "a file of that name is ./-");
	}
	return 0;
}

/* The path of an SQLite store; NULL with EV_USAGE. */
static const char *path_of(const char *url, const struct ev_store_options *opt, struct ev_error *err)
{
	if (strncmp(url, "sqlite:", 7) == 0 && (strncmp(url + 7, "//", 2) != 0 || url[9] == '/'))
		url += 7; /* sqlite:///abs is a path as well, sqlite://host is not */
	if (opt->schema)
		ev_fail(err, EV_USAGE, "option '--schema' is for PostgreSQL: '%s' is an SQLite file", url);
	else if (check_path(url, err) == 0)
		return url;
	return NULL;
}

struct ev_store *ev_store_open(const char *url, const struct ev_store_options *opt,
			       struct ev_error *err)
{
	const char *path;

	if (ev_url_is_postgres(url))
		return ev_pg_open(url, opt, err);
	path = path_of(url, opt, err);
	return path ? ev_sqlite_open(path, opt, err) : NULL;
}

bool ev_store_absent(const char *url)
{
	struct ev_store_options opt = EV_STORE_OPTIONS_INIT;
	struct ev_error ignored = EV_ERROR_INIT;
	const char *path = ev_url_is_postgres(url) ? NULL : path_of(url, &opt, &ignored);

	return path && ev_sqlite_absent(path);
}

struct ev_store *ev_store_scratch(const char *url, const char *projection, const struct ev_store_options *opt,
				  bool kept, struct ev_error *err)
{
	const char *path;

	if (url && ev_url_is_postgres(url))
		return ev_pg_scratch(url, opt, kept, err);
	path = path_of(url ? url : ":memory:", opt, err);
	return path ? ev_sqlite_scratch(path, projection, opt, err) : NULL;
}

/* A statement of ours does not compile: a table of ours is not as we make it. */
static void not_ours(const struct ev_store *s, struct ev_error *err)
{
	err->class = EV_STORE;
	ev_context(err, "store '%s': a table of evproject is not as it makes it", s->url);
	ev_hint(err, "does another program have tables whose names begin with ev_? Take another database or "
		     "schema for the view");
}

struct ev_query *ev_store_query(struct ev_store *s, const char *sql, struct ev_error *err)
{
	struct ev_query *q;
	size_t at;

	for (size_t i = 0; i < s->ncached; i++)
		if (s->cached[i].sql == sql)
			return s->cached[i].query;
	q = s->ops->prepare(s, sql, false, NULL, NULL, &at, err);
	if (!q) {
		if (err->class == EV_USAGE)
			not_ours(s, err);
		return NULL;
	}
	EV_GROW(s->cached, s->ncached, s->cached_cap);
	s->cached[s->ncached].sql = sql;
	s->cached[s->ncached++].query = q;
	return q;
}

void ev_store_forget(struct ev_store *s)
{
	for (size_t i = 0; i < s->ncached; i++)
		s->ops->finish(s, s->cached[i].query);
	free(s->cached);
	s->cached = NULL;
	s->ncached = s->cached_cap = 0;
}

bool ev_store_recover(struct ev_store *s, struct ev_trouble *t, struct ev_error *err)
{
	if (err->class != EV_STORE || !err->retriable || !s->ops->recover)
		return false;
	s->ops->rollback(s);
	if (s->ops->recover(s, t, err) < 0)
		return false;
	*err = (struct ev_error)EV_ERROR_INIT;
	return true;
}

int64_t ev_store_run(struct ev_store *s, const char *sql, const struct ev_bind *b, size_t n,
		     struct ev_error *err)
{
	struct ev_query *q = ev_store_query(s, sql, err);
	int64_t touched = q ? s->ops->run(s, q, b, n, err) : -1;

	if (touched < 0 && err->class == EV_DATA)
		err->class = EV_STORE;
	return touched;
}

int ev_store_select(struct ev_store *s, const char *sql, const struct ev_bind *b, size_t n,
		    ev_row_fn row, void *ctx, struct ev_error *err)
{
	struct ev_query *q = ev_store_query(s, sql, err);
	int rc = q ? s->ops->select(s, q, b, n, row, ctx, err) : -1;

	if (rc < 0 && err->class == EV_DATA)
		err->class = EV_STORE;
	return rc;
}

struct ev_query *ev_store_all_of(struct ev_store *s, const char *table, struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT;
	struct ev_query *q;
	size_t at;

	ev_buf_adds(&sql, "SELECT * FROM ");
	ev_buf_add_quoted(&sql, table, '"');
	q = s->ops->prepare(s, ev_buf_str(&sql), false, NULL, NULL, &at, err);
	ev_buf_release(&sql);
	return q;
}

void ev_table_info_release(struct ev_table_info *t)
{
	for (size_t i = 0; i < t->ncolumns; i++) {
		struct ev_column_info *c = &t->columns[i];

		free(c->name);
		free(c->type);
		free(c->full);
		free(c->value);
		free(c->portable);
		free(c->fallback);
		free(c->order);
	}
	for (size_t i = 0; i < t->nchecks; i++)
		free(t->checks[i]);
	free(t->checks);
	free(t->columns);
	free(t->name);
	*t = (struct ev_table_info){ 0 };
}
