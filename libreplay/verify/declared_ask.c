/* declared_ask.c - questions that the server may refuse without an end of the snapshot: see declared_impl.h */
#include "base/buf.h"
#include "verify/declared_impl.h"

/* After `rc` of what was tried behind a savepoint. */
static int tried(struct declared_comparing *c, int rc, struct ev_error *why)
{
	struct ev_error lost = EV_ERROR_INIT;

	if (rc == 0)
		return c->s->ops->release(c->s, c->err);
	if (!why->retriable && c->s->ops->rollback_to(c->s, &lost) == 0)
		return 1;
	*c->err = *why;
	return -1;
}

int declared_ask(struct declared_comparing *c, const char *sql, ev_row_fn row, void *ctx, struct ev_error *why)
{
	struct ev_query *q;
	size_t at;
	int rc;

	*why = (struct ev_error)EV_ERROR_INIT;
	if (c->s->ops->savepoint(c->s, c->err) < 0)
		return -1;
	q = c->s->ops->prepare(c->s, sql, false, NULL, NULL, &at, why);
	rc = q ? c->s->ops->select(c->s, q, NULL, 0, row, ctx, why) : -1;
	rc = tried(c, rc, why);
	c->s->ops->finish(c->s, q);
	return rc;
}

static int take_row(void *ctx, const struct ev_cell *cells, size_t n)
{
	(void)cells;
	(void)n;
	*(bool *)ctx = true;
	return 0;
}

int declared_holds(struct declared_comparing *c, const char *sql, bool *yes, struct ev_error *why)
{
	*yes = false;
	return declared_ask(c, sql, take_row, yes, why);
}

int declared_type(struct declared_comparing *c, const char *type, struct ev_buf *out, struct ev_error *why)
{
	*why = (struct ev_error)EV_ERROR_INIT;
	if (c->s->ops->savepoint(c->s, c->err) < 0)
		return -1;
	return tried(c, c->s->ops->type_name(c->s, type, out, why), why);
}
