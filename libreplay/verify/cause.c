/* cause.c - see cause.h */
#include "verify/cause.h"

#include <stdlib.h>

#include "base/mem.h"

static int explain(struct ev_trial *trial, const struct ev_suspect *s, const struct ev_touches *t,
		   struct ev_finding *f, struct ev_error *err)
{
	struct ev_buf cause = EV_BUF_INIT;
	int rc = 0;

	if (t->n)
		f->last_event = ev_strdup(t->v[t->n - 1].place);
	if (!t->n && !s->in_log)
		ev_buf_adds(&cause, "no event has ever touched it: something else wrote it");
	else if (t->n && !t->forgotten)
		rc = ev_trial_explain(trial, s, t, &cause, err);
	f->cause = ev_strdup(cause.len ? ev_buf_str(&cause) : "unknown");
	ev_buf_release(&cause);
	return rc;
}

int ev_cause_find(struct ev_verifying *w, const struct ev_snapshot *at, const struct ev_suspect *suspects,
		  size_t n, struct ev_mode *m, struct ev_error *err)
{
	struct ev_touches *touches = ev_alloc((n + 1) * sizeof(*touches));
	struct ev_trial *trial = NULL;
	int rc = n ? ev_touches_find(w, at, suspects, n, touches, err) : 0;

	if (rc == 0 && n) {
		trial = ev_trial_open(w, err);
		rc = trial ? 0 : -1;
	}
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = explain(trial, &suspects[i], &touches[i], &m->findings[suspects[i].finding], err);
	ev_trial_close(trial);
	ev_touches_release(touches, n);
	return rc;
}
