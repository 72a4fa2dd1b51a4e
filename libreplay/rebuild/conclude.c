/* conclude.c - how a call ended, kept in the plan for `status` */
#include <stdlib.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "rebuild/internal.h"

/* For `status`: how far it is where nobody works on it. */
int ev_rebuilding_conclude(struct ev_rebuilding *r, enum ev_rebuild_end end, struct ev_error *err)
{
	static const char *const advice[] = {
		[EV_REBUILT_TOO_MUCH] = "the same command with a higher --max-change takes them; rebuild --abandon "
					"gives it up",
		[EV_REBUILT_CHECKED] = "with the check mended in the file, and nothing else, the same command goes on; "
				       "rebuild --abandon gives it up",
	};
	bool refused = end == EV_REBUILT_REFUSED || end == EV_REBUILT_TOO_MUCH || end == EV_REBUILT_CHECKED;

	if (r->ending || (end != EV_REBUILT_READY && !refused))
		return 0;
	ev_plan_conclude(&r->plan, end == EV_REBUILT_READY, r->refusal);
	if (end == EV_REBUILT_TOO_MUCH || end == EV_REBUILT_CHECKED)
		r->plan.advice = ev_strdup(advice[end]);
	return ev_plan_save(r->sh->live, &r->plan, err);
}

/* What goes on with it where the same call would end so again, or NULL. */
static char *advice_for(const struct ev_error *why)
{
	struct ev_buf text = EV_BUF_INIT;
	char *advice = NULL;

	if (why->class != EV_DATA && why->class != EV_USAGE)
		return NULL;
	ev_utf8_clean(why->hint, &text);
	if (!strstr(why->hint, "--abandon"))
		ev_buf_addf(&text, "%srebuild --abandon gives it up", text.len ? "; " : "");
	advice = ev_strdup(ev_buf_str(&text));
	ev_buf_release(&text);
	return advice;
}

/*
 * The same where an error has ended it, but for a signal in a wait. What is in memory may be ahead of what was rolled
 * back: as it is stored. A swap may be done, and its answer lost: then there is no plan any more.
 */
void ev_rebuilding_failed(struct ev_rebuilding *r, const struct ev_error *why)
{
	struct ev_store *live = r->sh->live;
	struct ev_error ignored = EV_ERROR_INIT;
	struct ev_buf text = EV_BUF_INIT;
	struct ev_plan plan = { 0 };

	if (!r->working || (r->hooks->stop && r->hooks->stop(r->hooks->ctx) && why->retriable))
		return;
	live->ops->rollback(live);
	if (r->ending && ev_plan_settle(live, r->p->name, &ignored) != 1)
		return;
	if (ev_plan_load(live, r->p->name, &plan, &ignored) == 0 && plan.phase != EV_PHASE_NONE &&
	    strcmp(plan.fingerprint, r->p->fingerprint) == 0) {
		free(plan.failed);
		free(plan.advice);
		ev_utf8_clean(why->text, &text); /* which JSON wants */
		plan.failed = ev_strdup(ev_buf_str(&text));
		plan.advice = advice_for(why);
		ev_plan_save(live, &plan, &ignored);
	}
	ev_buf_release(&text);
	ev_plan_release(&plan);
}
