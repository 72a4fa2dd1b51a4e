/* admit.c - is it this file, beside this version, that the rebuild under way is of? */
#include <inttypes.h>

#include "rebuild/internal.h"

static int same_plan(struct ev_rebuilding *r, struct ev_error *err)
{
	if (r->plan.phase == EV_PHASE_NONE || strcmp(r->plan.fingerprint, r->p->fingerprint) == 0)
		return 0;
	ev_fail(err, EV_USAGE, "a rebuild of projection '%s' to another version is under way (version %" PRId64
		", phase %s)", r->p->name, r->plan.version, ev_plan_word(&r->plan));
	return ev_hint(err, "finish it with its own file, or give it up with --abandon, and a mended file begins anew");
}

/* The number of a version is no part of its meaning, but whoever raised it expects to see it. */
static void tell_number(struct ev_rebuilding *r)
{
	if (r->plan.phase != EV_PHASE_NONE && r->plan.version != r->p->version)
		ev_rebuilding_note(r, "the rebuild under way has the same SQL, as version %" PRId64 ": it goes on "
				   "under that number, and not as version %" PRId64, r->plan.version, r->p->version);
	else if (r->plan.phase == EV_PHASE_NONE && r->old.exists && r->old.version > r->p->version)
		ev_rebuilding_note(r, "version %" PRId64 " serves, and the file is version %" PRId64 ", which is "
				   "lower: is it an older one?", r->old.version, r->p->version);
}

int ev_rebuilding_rows_key(struct ev_rebuilding *r, struct ev_buf *key, struct ev_error *err)
{
	return r->old.exists ? ev_plan_serving_rows(r->sh->live, r->p->name, key, err) : 0;
}

static int same_serving(struct ev_rebuilding *r, struct ev_error *err)
{
	int rc = ev_plan_is_beside(r->sh->live, &r->plan, &r->old, err);

	if (rc)
		return rc < 0 ? -1 : 0;
	ev_fail(err, EV_USAGE, "the rebuild of projection '%s' to version %" PRId64 " began beside another version "
		"than the one that serves now", r->p->name, r->plan.version);
	return ev_hint(err, "a rollback came between: " EV_PLAN_IS_VOID);
}

static int check_version(struct ev_rebuilding *r, struct ev_error *err)
{
	if (!r->old.exists || r->old.version != r->p->version ||
	    strcmp(r->old.fingerprint, r->p->fingerprint) == 0)
		return 0;
	ev_fail(err, EV_USAGE, "%s: projection '%s' has changed, but its version is still %" PRId64, r->p->file,
		r->p->name, r->p->version);
	return ev_hint(err, "raise the version in the file");
}

int ev_rebuilding_admit(struct ev_rebuilding *r, struct ev_error *err)
{
	if (same_plan(r, err) < 0 || ev_rebuilding_old(r, err) < 0 || same_serving(r, err) < 0 ||
	    check_version(r, err) < 0)
		return -1;
	tell_number(r);
	return 0;
}

bool ev_rebuilding_serves(const struct ev_rebuilding *r)
{
	return r->old.exists && strcmp(r->old.fingerprint, r->p->fingerprint) == 0 &&
	       r->plan.phase == EV_PHASE_NONE && !r->opt->again;
}
