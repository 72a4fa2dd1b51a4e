/* conclude.c - how a call ended, kept in the plan for `status` */
#include <stdlib.h>

#include "base/mem.h"
#include "rebuild/internal.h"

/* For `status`: how far it is where nobody works on it. */
int ev_rebuilding_conclude(struct ev_rebuilding *r, enum ev_rebuild_end end, struct ev_error *err)
{
	if (r->ending || (end != EV_REBUILT_READY && end != EV_REBUILT_REFUSED && end != EV_REBUILT_TOO_MUCH))
		return 0;
	ev_plan_conclude(&r->plan, end == EV_REBUILT_READY, r->refusal);
	if (end == EV_REBUILT_TOO_MUCH)
		r->plan.advice = ev_strdup("the same command with a higher --max-change takes them; rebuild --abandon "
					   "gives it up");
	return ev_plan_save(r->sh->live, &r->plan, err);
}

/*
 * The same where an error has ended it, but for a signal in a wait. What is in memory may be ahead of what was rolled
 * back: as it is stored.
 */
void ev_rebuilding_failed(struct ev_rebuilding *r, const struct ev_error *why)
{
	struct ev_store *live = r->sh->live;
	struct ev_error ignored = EV_ERROR_INIT;
	struct ev_plan plan = { 0 };

	if (r->ending || !r->working || (r->hooks->stop && r->hooks->stop(r->hooks->ctx) && why->retriable))
		return;
	live->ops->rollback(live);
	if (ev_plan_load(live, r->p->name, &plan, &ignored) == 0 && plan.phase != EV_PHASE_NONE &&
	    strcmp(plan.fingerprint, r->p->fingerprint) == 0) {
		free(plan.failed);
		free(plan.advice);
		plan.failed = ev_strdup(why->text);
		plan.advice = why->class == EV_DATA && *why->hint ? ev_strdup(why->hint) : NULL;
		ev_plan_save(live, &plan, &ignored);
	}
	ev_plan_release(&plan);
}
