/*
 * pg_alike.c - do two databases make the same of a text?
 *
 * lower(), greatest(), ORDER BY and their like are immutable, so a handler may use them, and yet they follow the locale
 * that the database was made with, and the version of the library behind it.
 */
#include "base/mem.h"
#include "store/pg_internal.h"

struct likeness {
	char *words;  /* of CREATE DATABASE */
	char *spelt;  /* the same, whichever way a locale is spelt: en_US.UTF-8 is en_US.utf8 */
	char *server, *library; /* versions; the second "" where the server does not say */
};

static void release(struct likeness *l)
{
	free(l->words);
	free(l->spelt);
	free(l->server);
	free(l->library);
}

static int ask(struct ev_pg *s, struct likeness *out, struct ev_error *err)
{
	/* columns that only newer servers have are asked for by name, in the row's JSON */
	static const char words[] =
		"WITH d AS (SELECT pg_catalog.to_jsonb(b) AS d, b.oid FROM pg_catalog.pg_database b "
		"WHERE b.datname = current_database()), l AS (SELECT oid, "
		"coalesce('LOCALE_PROVIDER ' || CASE d->>'datlocprovider' WHEN 'c' THEN 'libc' WHEN 'i' THEN 'icu' "
		"WHEN 'b' THEN 'builtin' END || ' ', '') || 'LC_COLLATE ' || quote_literal(d->>'datcollate') || "
		"' LC_CTYPE ' || quote_literal(d->>'datctype') || "
		"coalesce(CASE d->>'datlocprovider' WHEN 'b' THEN ' BUILTIN_LOCALE ' ELSE ' ICU_LOCALE ' END || "
		"quote_literal(coalesce(d->>'datlocale', d->>'daticulocale')), '') || "
		"coalesce(' ICU_RULES ' || quote_literal(d->>'daticurules'), '') AS words FROM d) "
		"SELECT words, lower(replace(words, '-', '')), "
		"(current_setting('server_version_num')::integer / 10000)::text, ";
	struct ev_buf sql = EV_BUF_INIT;
	PGresult *res;

	ev_buf_adds(&sql, words);
	ev_buf_adds(&sql, PQserverVersion(s->conn) >= 150000
			  ? "coalesce(pg_catalog.pg_database_collation_actual_version(oid), '') FROM l" : "'' FROM l");
	res = ev_pg_ask(s, ev_buf_str(&sql), 0, NULL, err);
	ev_buf_release(&sql);
	if (!res)
		return -1;
	*out = (struct likeness){
		.words = ev_strdup(PQgetvalue(res, 0, 0)), .spelt = ev_strdup(PQgetvalue(res, 0, 1)),
		.server = ev_strdup(PQgetvalue(res, 0, 2)), .library = ev_strdup(PQgetvalue(res, 0, 3)),
	};
	PQclear(res);
	return 0;
}

static int look(struct ev_store *store, struct likeness *out, struct ev_error *err)
{
	struct ev_pg *s = ev_pg_of(store);
	bool own;

	if (ev_pg_enter(s, &own, err) < 0)
		return -1;
	return ev_pg_leave(s, own, ask(s, out, err), err);
}

static int compare(const struct likeness *a, const struct likeness *b, struct ev_error *err)
{
	if (strcmp(a->server, b->server) != 0) {
		ev_fail(err, EV_USAGE, "option '--scratch': its server is PostgreSQL %s, the store's %s: what one "
			"makes of the log proves nothing of the other", b->server, a->server);
		return ev_hint(err, "name a database of a server of the same version, or of the store's own");
	}
	if (strcmp(a->spelt, b->spelt) != 0) {
		ev_fail(err, EV_USAGE, "option '--scratch': texts sort and change case there as by %s, in the store "
			"as by %s", b->words, a->words);
		return ev_hint(err, "make one like the store's: CREATE DATABASE ... TEMPLATE template0 ENCODING "
			       "'UTF8' %s", a->words);
	}
	if (strcmp(a->library, b->library) != 0) {
		ev_fail(err, EV_USAGE, "option '--scratch': texts sort there as by version '%s' of the server's "
			"library, in the store as by '%s'", b->library, a->library);
		return ev_hint(err, "name a database of the store's own server");
	}
	return 0;
}

int ev_pg_alike(struct ev_store *store, struct ev_store *scratch, struct ev_error *err)
{
	struct likeness a = { 0 }, b = { 0 };
	int rc = look(store, &a, err);

	if (rc == 0)
		rc = look(scratch, &b, err);
	if (rc == 0)
		rc = compare(&a, &b, err);
	release(&a);
	release(&b);
	return rc;
}
