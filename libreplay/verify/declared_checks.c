/* declared_checks.c - what a CHECK means, in the server's words: see declared_impl.h */
#include <string.h>

#include "base/mem.h"
#include "store/store.h"
#include "verify/declared_impl.h"

/* The plan's lines, but for one that is of the words and not of what they mean. */
static int take_line(void *ctx, const struct ev_cell *cells, size_t n)
{
	struct ev_slice line = n ? cells[0].text : ev_slice("", 0);

	if (!memmem(line.ptr, line.len, "Query Identifier:", strlen("Query Identifier:"))) {
		ev_buf_add_slice(ctx, line);
		ev_buf_addc(ctx, '\n');
	}
	return 0;
}

/*
 * Planned and not run: what the planner prints has all types, casts and brackets, and constants worked out. That is the
 * same for the words of a file and for those that the catalogue has made of them.
 */
int declared_meaning(struct ev_store *s, const char *table, const char *condition, char **out, struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT, plan = EV_BUF_INIT;
	struct ev_query *q;
	size_t at;
	int rc;

	ev_buf_addf(&sql, "EXPLAIN (VERBOSE, COSTS OFF) SELECT (%s) FROM ", condition);
	ev_buf_add_quoted(&sql, table, '"');
	q = s->ops->prepare(s, ev_buf_str(&sql), false, NULL, NULL, &at, err);
	rc = q ? s->ops->select(s, q, NULL, 0, take_line, &plan, err) : -1;
	s->ops->finish(s, q);
	*out = rc < 0 ? NULL : ev_strdup(ev_buf_str(&plan));
	ev_buf_release(&plan);
	ev_buf_release(&sql);
	return rc < 0 ? -1 : 0;
}
