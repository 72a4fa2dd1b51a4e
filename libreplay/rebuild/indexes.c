/*
 * indexes.c - indexes of the new version that wait until its load has ended
 *
 * The plan lists them before they are dropped, and until they are there again.
 */
#include "rebuild/internal.h"
#include "store/indexes.h"

/* Of a version that has them all. */
static int list(struct ev_rebuilding *r, struct ev_store *s, struct ev_error *err)
{
	struct ev_buf tables = EV_BUF_INIT;
	int rc = ev_ledger_tables(s, r->p->name, &tables, err);

	if (rc == 0)
		rc = ev_indexes_list(s, &tables, &r->plan.waiting, err);
	if (rc == 0 && r->plan.waiting.len)
		rc = ev_plan_save(r->sh->live, &r->plan, err);
	ev_buf_release(&tables);
	return rc;
}

int ev_rebuilding_drop_indexes(struct ev_rebuilding *r, struct ev_store *s, struct ev_error *err)
{
	if (!ev_apply_whole(r->apply)) /* statements may want them, those that wait from before, too */
		return ev_rebuilding_make_indexes(r, s, err);
	if (ev_apply_ledger(r->apply)->nparts) /* to make them for rows that are there is no gain */
		return 0;
	if (!r->plan.waiting.len && list(r, s, err) < 0)
		return -1;
	return ev_indexes_drop(s, &r->plan.waiting, err);
}

int ev_rebuilding_make_indexes(struct ev_rebuilding *r, struct ev_store *s, struct ev_error *err)
{
	if (!r->plan.waiting.len)
		return 0;
	if (ev_indexes_make(s, &r->plan.waiting, err) < 0)
		return -1;
	ev_buf_clear(&r->plan.waiting);
	return ev_plan_save(r->sh->live, &r->plan, err);
}

int ev_plan_make_indexes(struct ev_store *s, const char *projection, struct ev_error *err)
{
	struct ev_plan p;
	int rc = ev_plan_load(s, projection, &p, err);

	if (rc == 0 && p.phase == EV_PHASE_BUILD)
		rc = ev_indexes_make(s, &p.waiting, err);
	ev_plan_release(&p);
	return rc;
}
