/* table_make.c - see table_make.h */
#include "verify/table_make.h"

void ev_table_columns(const struct ev_table_info *t, bool types, struct ev_buf *sql)
{
	for (size_t i = 0; i < t->ncolumns; i++) {
		ev_buf_adds(sql, i ? ", " : "");
		ev_buf_add_quoted(sql, t->columns[i].name, '"');
		if (types)
			ev_buf_addf(sql, " %s", t->columns[i].type);
	}
}

static void add_key(const struct ev_table_info *t, struct ev_buf *sql)
{
	size_t n = 0;

	for (int k = 1; k <= (int)t->ncolumns; k++)
		for (size_t i = 0; i < t->ncolumns; i++)
			if (t->columns[i].key == k) {
				ev_buf_adds(sql, n++ ? ", " : ", PRIMARY KEY (");
				ev_buf_add_quoted(sql, t->columns[i].name, '"');
			}
	ev_buf_adds(sql, n ? ")" : "");
}

int ev_table_make(struct ev_store *to, const struct ev_table_info *t, struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT;
	int rc;

	ev_buf_adds(&sql, "CREATE TABLE ");
	ev_buf_add_quoted(&sql, t->name, '"');
	ev_buf_adds(&sql, " (");
	ev_table_columns(t, true, &sql);
	add_key(t, &sql);
	ev_buf_adds(&sql, ")");
	rc = to->ops->script(to, ev_buf_str(&sql), err);
	ev_buf_release(&sql);
	return rc;
}
