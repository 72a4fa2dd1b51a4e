/* bring.c - rows from one store into another of its kind; see ev_store_bring in store.h */
#include <strings.h>

#include "store/store.h"

static void add_columns(const struct ev_table_info *info, struct ev_buf *out)
{
	for (size_t i = 0; i < info->ncolumns; i++) {
		ev_buf_adds(out, i ? ", " : "");
		ev_buf_add_quoted(out, info->columns[i].name, '"');
	}
}

static void select_sql(const struct ev_table_info *info, const char *where, struct ev_buf *out)
{
	ev_buf_adds(out, "SELECT ");
	add_columns(info, out);
	ev_buf_adds(out, " FROM ");
	ev_buf_add_quoted(out, info->name, '"');
	if (where)
		ev_buf_addf(out, " WHERE %s", where);
}

static int bring_sqlite(struct ev_store *to, struct ev_store *from, const struct ev_table_info *info,
			const char *where, struct ev_error *err)
{
	struct ev_buf select = EV_BUF_INIT, insert = EV_BUF_INIT;
	int rc;

	select_sql(info, where, &select);
	ev_buf_adds(&insert, "INSERT INTO ");
	ev_buf_add_quoted(&insert, info->name, '"');
	ev_buf_adds(&insert, " (");
	add_columns(info, &insert);
	ev_buf_adds(&insert, ") VALUES (");
	for (size_t i = 0; i < info->ncolumns; i++)
		ev_buf_adds(&insert, i ? ", ?" : "?");
	ev_buf_adds(&insert, ")");
	rc = ev_sqlite_bring(to, from, ev_buf_str(&select), ev_buf_str(&insert), err);
	ev_buf_release(&select);
	ev_buf_release(&insert);
	return rc;
}

static int bring_postgres(struct ev_store *to, struct ev_store *from, const struct ev_table_info *info,
			  const char *where, struct ev_error *err)
{
	struct ev_buf out = EV_BUF_INIT, in = EV_BUF_INIT;
	int rc;

	ev_buf_adds(&out, "COPY (");
	select_sql(info, where, &out);
	ev_buf_adds(&out, ") TO STDOUT");
	ev_buf_adds(&in, "COPY ");
	ev_buf_add_quoted(&in, info->name, '"');
	ev_buf_adds(&in, " (");
	add_columns(info, &in);
	ev_buf_adds(&in, ") FROM STDIN");
	rc = ev_pg_bring(to, from, ev_buf_str(&out), ev_buf_str(&in), err);
	ev_buf_release(&out);
	ev_buf_release(&in);
	return rc;
}

/* Columns of `to` that `from` has not. */
static int same_columns(const struct ev_table_info *to, const struct ev_table_info *from, struct ev_error *err)
{
	for (size_t i = 0; i < to->ncolumns; i++) {
		size_t k = 0;

		while (k < from->ncolumns && strcasecmp(to->columns[i].name, from->columns[k].name) != 0)
			k++;
		if (k == from->ncolumns)
			return ev_fail(err, EV_DATA, "it has no column '%s' there", to->columns[i].name);
	}
	return 0;
}

int ev_store_bring(struct ev_store *to, struct ev_store *from, const char *table, const char *where,
		   struct ev_error *err)
{
	struct ev_table_info info = { 0 }, there = { 0 };
	int rc = to->ops->describe(to, table, &info, err);

	if (rc > 0 && from->ops->describe(from, table, &there, err) < 0)
		rc = -1;
	if (rc > 0 && same_columns(&info, &there, err) < 0)
		rc = -1;
	if (rc > 0)
		rc = (to->ops->dialect == EV_SQLITE ? bring_sqlite : bring_postgres)(to, from, &info, where, err);
	ev_table_info_release(&info);
	ev_table_info_release(&there);
	return rc < 0 ? ev_context(err, "cannot bring table '%s'", table) : 0;
}
