/* declared_columns.c - the columns of a table in the store against those in the file: see declared_impl.h */
#include <string.h>

#include "base/buf.h"
#include "verify/declared_impl.h"
#include "verify/verdict.h"

static void found(struct declared_comparing *c, const char *table, const char *column, const char *what)
{
	struct ev_finding *f = ev_mode_finding(c->m, "column", table);

	ev_finding_text(f, "column %s %s", column, what);
}

/* Can it be computed at all, without a word of the store's? */
static int computes(struct declared_comparing *c, const char *expression, const char *type, struct ev_error *why)
{
	struct ev_buf sql = EV_BUF_INIT;
	bool yes;
	int rc;

	ev_buf_addf(&sql, "SELECT ((%s)::%s)::text", expression, type);
	rc = declared_holds(c, ev_buf_str(&sql), &yes, why);
	ev_buf_release(&sql);
	return rc;
}

/* By value: '2' is 1 + 1. */
static int compare_default(struct declared_comparing *c, const struct declared_table *t,
			   const struct declared_column *k, const struct ev_column_info *info)
{
	const char *mine = k->fallback ? k->fallback : "NULL", *store = info->fallback ? info->fallback : "NULL";
	struct ev_error why;
	struct ev_buf sql = EV_BUF_INIT;
	bool same;
	int rc;

	if (strcmp(mine, store) == 0)
		return 0;
	rc = computes(c, mine, info->type, &why);
	if (rc != 0)
		return rc < 0 ? -1 : declared_unknown(c, t->name, &why);
	ev_buf_addf(&sql, "SELECT 1 WHERE ((%s)::%s)::text IS NOT DISTINCT FROM ((%s)::%s)::text", mine, info->type,
		    store, info->type);
	rc = declared_holds(c, ev_buf_str(&sql), &same, &why);
	if (rc > 0) /* a sequence's number, say: nothing that a file may have */
		found(c, t->name, k->name, "has a default in the store that cannot be computed in a read");
	else if (rc == 0 && !same)
		found(c, t->name, k->name, "has another default in the store");
	ev_buf_release(&sql);
	return rc < 0 ? -1 : 0;
}

static int compare_collation(struct declared_comparing *c, const struct declared_table *t,
			     const struct declared_column *k)
{
	struct ev_buf sql = EV_BUF_INIT, name = EV_BUF_INIT;
	struct ev_error why;
	bool same;
	int rc;

	ev_buf_add_quoted(&name, t->name, '"');
	ev_buf_adds(&sql, "SELECT 1 FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type y ON y.oid = a.atttypid "
			  "WHERE a.attrelid = ");
	ev_buf_add_quoted(&sql, ev_buf_str(&name), '\'');
	ev_buf_adds(&sql, "::pg_catalog.regclass AND a.attname = ");
	ev_buf_add_quoted(&sql, k->name, '\'');
	if (k->collation) /* by its name: regcollation is of 13 and later */
		ev_buf_addf(&sql, " AND pg_catalog.pg_collation_for('' COLLATE %s) = (SELECT CASE "
			    "WHEN pg_catalog.pg_collation_is_visible(l.oid) THEN pg_catalog.quote_ident(l.collname) "
			    "ELSE pg_catalog.format('%%I.%%I', n.nspname, l.collname) END "
			    "FROM pg_catalog.pg_collation l JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace "
			    "WHERE l.oid = a.attcollation)", k->collation);
	else
		ev_buf_adds(&sql, " AND a.attcollation = y.typcollation");
	rc = declared_holds(c, ev_buf_str(&sql), &same, &why);
	if (rc > 0)
		rc = declared_unknown(c, t->name, &why);
	else if (rc == 0 && !same)
		found(c, t->name, k->name, "has another collation in the store");
	ev_buf_release(&name);
	ev_buf_release(&sql);
	return rc;
}

static int compare_column(struct declared_comparing *c, const struct declared_table *t,
			  const struct declared_column *k, const struct ev_column_info *info)
{
	struct ev_buf type = EV_BUF_INIT;
	struct ev_error why;
	int rc = declared_type(c, k->type, &type, &why);

	if (rc > 0)
		rc = declared_unknown(c, t->name, &why);
	else if (rc == 0 && strcmp(ev_buf_str(&type), info->type) != 0)
		found(c, t->name, k->name, "has another type in the store");
	else if (rc == 0)
		rc = compare_default(c, t, k, info) < 0 ? -1 : compare_collation(c, t, k);
	if (rc == 0 && k->key != info->key)
		found(c, t->name, k->name, "has another place in the primary key of the store");
	if (rc == 0 && k->not_null != info->not_null)
		found(c, t->name, k->name, k->not_null ? "may be NULL in the store" : "may not be NULL in the store");
	ev_buf_release(&type);
	return rc;
}

static const struct ev_column_info *find(const struct ev_table_info *info, const char *name)
{
	for (size_t i = 0; i < info->ncolumns; i++)
		if (strcmp(info->columns[i].name, name) == 0)
			return &info->columns[i];
	return NULL;
}

/* Values go by it where an INSERT names no columns. */
static void compare_order(struct declared_comparing *c, const struct declared_table *t,
			  const struct ev_table_info *info)
{
	size_t i = 0;

	while (i < t->ncolumns && strcmp(t->columns[i].name, info->columns[i].name) == 0)
		i++;
	if (i < t->ncolumns)
		ev_finding_text(ev_mode_finding(c->m, "table", t->name), "its columns are in another order in the "
				"store, from '%s' on", t->columns[i].name);
}

int declared_columns(struct declared_comparing *c, const struct declared_table *t, const struct ev_table_info *info)
{
	int rc = 0;

	for (size_t i = 0; i < t->ncolumns && rc == 0; i++) {
		const struct ev_column_info *k = find(info, t->columns[i].name);

		if (k)
			rc = compare_column(c, t, &t->columns[i], k);
		else
			found(c, t->name, t->columns[i].name, "is not in the store");
	}
	for (size_t i = 0; i < info->ncolumns; i++) {
		size_t k = 0;

		while (k < t->ncolumns && strcmp(t->columns[k].name, info->columns[i].name) != 0)
			k++;
		if (k == t->ncolumns)
			found(c, t->name, info->columns[i].name, "is not of the projection");
	}
	if (rc == 0 && t->ncolumns == info->ncolumns)
		compare_order(c, t, info);
	return rc;
}
