/* admit.c - is it this file, beside this version, that the rebuild under way is of? And the shadow, of this rebuild? */
#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
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

int ev_rebuilding_check_whole(struct ev_rebuilding *r, struct ev_error *err)
{
	struct ev_buf missing = EV_BUF_INIT, names = EV_BUF_INIT;
	int rc = ev_ledger_missing(r->sh->live, r->p->name, &missing, err);

	for (const char *t = ev_buf_str(&missing), *end = t + missing.len; t < end; t += strlen(t) + 1)
		ev_buf_addf(&names, "%s'%s'", names.len ? ", " : "", t);
	if (rc == 0 && names.len) {
		ev_fail(err, EV_USAGE, "version %" PRId64 " of projection '%s' serves without %s, which others have "
			"renamed or dropped", r->old.version, r->p->name, ev_buf_str(&names));
		rc = ev_hint(err, "give it its name back, or --again builds the version anew");
	}
	ev_buf_release(&missing);
	ev_buf_release(&names);
	return rc;
}

/* A store that was put back from a copy may have the plan of one rebuild, and beside it the shadow of another. */
int ev_rebuilding_check_own(struct ev_rebuilding *r, struct ev_store *s, struct ev_error *err)
{
	struct ev_ledger l = { 0 };
	int rc = ev_ledger_load(s, r->p->name, &l, err);

	if (rc == 0 && l.exists && strcmp(l.fingerprint, r->p->fingerprint) != 0) {
		rc = ev_fail(err, EV_USAGE, "the shadow of projection '%s' is of another rebuild (to version %" PRId64
			     ") than the one that is under way", r->p->name, l.version);
		ev_hint(err, "--abandon gives both up, and the next rebuild begins anew");
	}
	ev_ledger_release(&l);
	return rc;
}

/* `copied`: the shadow's ledger, as the copy began with it. 1, 0, -1. */
static int is_copied(struct ev_rebuilding *r, const struct ev_ledger *copied, struct ev_error *err)
{
	int rc = r->sh->ops->present(r->sh, err);
	struct ev_store *s = rc > 0 ? r->sh->ops->store(r->sh, err) : NULL;

	if (rc <= 0)
		return rc;
	return !s || ev_rebuilding_check_own(r, s, err) < 0 ? -1 : ev_ledger_saved(s, copied, err);
}

int ev_rebuilding_check_copied(struct ev_rebuilding *r, struct ev_error *err)
{
	struct ev_ledger copied = { 0 };
	struct ev_buf name = EV_BUF_INIT;
	int rc;

	if (r->plan.phase != EV_PHASE_COPY)
		return 0;
	ev_role_name(&name, r->p->name, EV_ROLE_NEW);
	rc = ev_ledger_load(r->sh->live, ev_buf_str(&name), &copied, err);
	ev_buf_release(&name);
	free(copied.projection);
	copied.projection = ev_strdup(r->p->name);
	if (rc == 0)
		rc = is_copied(r, &copied, err);
	ev_ledger_release(&copied);
	if (rc)
		return rc < 0 ? -1 : 0;
	ev_fail(err, EV_USAGE, "the shadow of projection '%s' is not there, or not the one whose copy has begun",
		r->p->name);
	return ev_hint(err, "a store that is moved, or put back from a copy, wants the -evshadow file that was beside "
		       "it; --abandon gives the rebuild up, and the next begins anew");
}
