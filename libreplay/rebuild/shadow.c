/* shadow.c - which shadow a store has */
#include "rebuild/shadow.h"

static int seen(void *ctx, const struct ev_cell *cells, size_t n)
{
	(void)cells;
	(void)n;
	*(bool *)ctx = true;
	return 0;
}

int ev_role_present(struct ev_store *s, const char *projection, enum ev_role role, struct ev_error *err)
{
	static const char sql[] = "SELECT 1 FROM ev_projection WHERE name = ?1 UNION ALL "
				  "SELECT 1 FROM ev_table WHERE projection = ?1 LIMIT 1";
	struct ev_buf name = EV_BUF_INIT;
	struct ev_bind bind;
	bool found = false;
	int rc = ev_ledger_present(s, err);

	if (rc <= 0)
		return rc;
	ev_role_name(&name, projection, role);
	bind = ev_bind_text(ev_buf_str(&name));
	rc = ev_store_select(s, sql, &bind, 1, seen, &found, err);
	ev_buf_release(&name);
	return rc < 0 ? -1 : found;
}

struct ev_shadow *ev_shadow_open(struct ev_store *live, const char *projection,
				 const struct ev_shadow_options *opt, struct ev_error *err)
{
	if (live->ops->dialect == EV_POSTGRESQL)
		return ev_shadow_postgres(live, projection, opt, err);
	return ev_shadow_sqlite(live, projection, opt, err);
}
