/*
 * drill_copy.c - the copies of a view that a drill works on, whichever the store (drill_sqlite.c, drill_pg.c)
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "verify/drill_impl.h"

static const char *const ours[] = { "ev_projection", "ev_table", "ev_ledger", "ev_cut", "ev_rows", "ev_dead",
				    "ev_seen" };

static void add_name(char ***v, size_t *n, const char *name)
{
	*EV_PUSH(*v, *n) = ev_strdup(name);
}

int ev_drill_copy_tables(struct ev_drill_copy *c, struct ev_store *s, const char *projection, struct ev_error *err)
{
	struct ev_ledger l = { 0 };
	struct ev_buf names = EV_BUF_INIT;
	int there = ev_ledger_present(s, err);
	int rc = there < 0 ? -1 : 0;

	if (there > 0)
		rc = ev_ledger_load(s, projection, &l, err);
	if (rc == 0 && !l.exists)
		rc = ev_ledger_no_view(s, projection, err);
	ev_ledger_release(&l);
	if (rc == 0)
		rc = ev_ledger_tables(s, projection, &names, err);
	for (const char *t = ev_buf_str(&names), *end = t + names.len; rc == 0 && t < end; t += strlen(t) + 1)
		add_name(&c->tables, &c->ntables, t);
	for (size_t i = 0; rc >= 0 && i < sizeof(ours) / sizeof(*ours); i++) {
		rc = s->ops->has_table(s, ours[i], err);
		if (rc > 0)
			add_name(&c->ledgers, &c->nledgers, ours[i]);
	}
	ev_buf_release(&names);
	return rc < 0 ? -1 : 0;
}

void ev_drill_copy_place(struct ev_buf *sql, const char *schema, const char *table)
{
	ev_buf_add_quoted(sql, schema, '"');
	ev_buf_addc(sql, '.');
	ev_buf_add_quoted(sql, table, '"');
}

int ev_drill_copy_take(struct ev_drill_copy *c, const struct ev_projection *p, const struct ev_verify_options *opt,
		       struct ev_error *err)
{
	bool postgres = strncmp(opt->url, "postgres", 8) == 0 && strstr(opt->url, "://");

	*c = (struct ev_drill_copy){ .opt = *opt->store, .scratch = opt->scratch };
	c->opt.read_only = false;
	c->opt.schema = NULL;
	if (!postgres)
		return opt->scratch ? ev_fail(err, EV_USAGE, "option '--scratch' is for PostgreSQL: SQLite's copy is "
					      "a temporary file")
				    : ev_drill_sqlite_take(c, p, opt, err);
	if (opt->scratch)
		return ev_drill_pg_take(c, p, opt, err);
	ev_fail(err, EV_USAGE, "a drill damages copies of the view, and never in the database that is checked");
	return ev_hint(err, "name one where schemas may be made for the time: --scratch postgresql://...");
}

int ev_drill_copy_renew(struct ev_drill_copy *c, bool empty, struct ev_error *err)
{
	return c->scratch ? ev_drill_pg_renew(c, empty, err) : ev_drill_sqlite_renew(c, empty, err);
}

struct ev_store *ev_drill_copy_open(struct ev_drill_copy *c, struct ev_error *err)
{
	struct ev_store *s = ev_store_open(c->url, &c->opt, err);
	int rc = 0;

	if (s && !c->scratch) { /* constraints are no protection from what we are looking for */
		rc = s->ops->script(s, "PRAGMA synchronous=OFF; PRAGMA foreign_keys=OFF; "
				    "PRAGMA ignore_check_constraints=ON", err);
		if (rc == 0) {
			struct ev_buf sql = EV_BUF_INIT;

			ev_buf_adds(&sql, "ATTACH ");
			ev_buf_add_quoted(&sql, c->pristine, '\'');
			ev_buf_adds(&sql, " AS ev_pristine");
			rc = s->ops->script(s, ev_buf_str(&sql), err);
			ev_buf_release(&sql);
		}
	}
	if (rc == 0)
		return s;
	s->ops->close(s);
	return NULL;
}

static const char *pristine_schema(const struct ev_drill_copy *c)
{
	return c->scratch ? c->pristine : "ev_pristine";
}

int ev_drill_copy_ledger(struct ev_drill_copy *c, struct ev_store *work, struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT;
	int rc = 0;

	for (size_t i = 0; i < c->nledgers && rc == 0; i++) {
		ev_buf_clear(&sql);
		ev_buf_addf(&sql, "DELETE FROM %s; INSERT INTO %s SELECT * FROM ", c->ledgers[i], c->ledgers[i]);
		ev_drill_copy_place(&sql, pristine_schema(c), c->ledgers[i]);
		rc = work->ops->has_table(work, c->ledgers[i], err);
		rc = rc > 0 ? work->ops->script(work, ev_buf_str(&sql), err) : rc;
	}
	ev_buf_release(&sql);
	return rc;
}

static int take_any(void *ctx, const struct ev_cell *c, size_t n)
{
	(void)n;
	*(bool *)ctx = c[0].i != 0;
	return 0;
}

/* Neither digests nor our encoding have a part in this. */
static int table_differs(const struct ev_drill_copy *c, struct ev_store *s, const char *table, bool *differs,
			 struct ev_error *err)
{
	const char *row = c->scratch ? "x::text" : "*", *all = c->scratch ? " ALL " : " ";
	struct ev_buf sql = EV_BUF_INIT, ours_at = EV_BUF_INIT, theirs = EV_BUF_INIT;
	struct ev_query *q;
	size_t at;
	int rc = -1;

	ev_drill_copy_place(&ours_at, c->scratch ? c->work : "main", table);
	ev_drill_copy_place(&theirs, pristine_schema(c), table);
	ev_buf_addf(&sql, "SELECT CASE WHEN EXISTS (SELECT %s FROM %s x EXCEPT%sSELECT %s FROM %s x) OR "
		    "EXISTS (SELECT %s FROM %s x EXCEPT%sSELECT %s FROM %s x) OR "
		    "(SELECT count(*) FROM %s) <> "
		    "(SELECT count(*) FROM %s) THEN 1 ELSE 0 END",
		    row, ev_buf_str(&ours_at), all, row, ev_buf_str(&theirs), row,
		    ev_buf_str(&theirs), all, row, ev_buf_str(&ours_at), ev_buf_str(&ours_at), ev_buf_str(&theirs));
	q = s->ops->prepare(s, ev_buf_str(&sql), false, NULL, NULL, &at, err);
	if (q)
		rc = s->ops->select(s, q, NULL, 0, take_any, differs, err);
	s->ops->finish(s, q);
	ev_buf_release(&sql);
	ev_buf_release(&ours_at);
	ev_buf_release(&theirs);
	return rc;
}

int ev_drill_copy_differs(struct ev_drill_copy *c, struct ev_error *err)
{
	struct ev_store *s = ev_drill_copy_open(c, err);
	bool differs = false;
	int rc = s ? 0 : -1;

	for (size_t i = 0; i < c->ntables && rc >= 0 && !differs; i++) {
		struct ev_table_info t = { 0 };

		rc = s->ops->describe(s, c->tables[i], &t, err);
		if (rc > 0)
			rc = table_differs(c, s, t.name, &differs, err);
		ev_table_info_release(&t);
	}
	if (s)
		s->ops->close(s);
	return rc < 0 ? -1 : differs;
}

static void free_names(char **v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(v[i]);
	free(v);
}

void ev_drill_copy_release(struct ev_drill_copy *c)
{
	for (int i = 0; i < 2; i++)
		if (c->holder[i])
			c->holder[i]->ops->close(c->holder[i]);
	ev_drill_sqlite_release(c);
	free_names(c->tables, c->ntables);
	free_names(c->ledgers, c->nledgers);
	free(c->pristine);
	free(c->work);
	*c = (struct ev_drill_copy){ 0 };
}
