/* mode_faults.c - see mode_faults.h */
#include "verify/mode_faults.h"

#include <inttypes.h>

#include "audit/read.h"

static int take(void *ctx, const struct ev_fault *f, struct ev_error *err)
{
	struct ev_buf subject = EV_BUF_INIT;
	struct ev_mode *m = ctx;

	(void)err;
	if (f->information)
		return 0;
	ev_buf_addf(&subject, "%s/%d", f->topic, (int)f->partition);
	if (f->offset >= 0)
		ev_buf_addf(&subject, "@%" PRId64, f->offset);
	ev_finding_text(ev_mode_finding(m, ev_fault_names[f->kind], ev_buf_str(&subject)), "%s",
			f->text);
	ev_buf_release(&subject);
	return 0;
}

void ev_mode_faults(struct ev_faults *fs, struct ev_mode *m, int64_t max)
{
	*fs = (struct ev_faults){ .ctx = m, .fn = take, .max = max };
	m->max_findings = SIZE_MAX; /* the limit is each kind's */
}

void ev_mode_faults_end(const struct ev_faults *fs, struct ev_mode *m)
{
	m->max_findings = m->nfindings;
	for (int i = 0; i < EV_FAULTS; i++)
		for (int64_t n = fs->information[i] ? 0 : fs->hidden[i]; n > 0; n--)
			ev_mode_finding(m, ev_fault_names[i], "");
}

int ev_mode_settle(struct ev_mode *m, int rc, struct ev_error *err)
{
	if (rc == 0)
		return 0;
	if (rc == EV_READ_STOPPED)
		ev_fail(err, EV_SOURCE, "stopped before the log was read");
	if (err->class == EV_USAGE)
		return -1;
	ev_mode_unproven(m, err);
	*err = (struct ev_error)EV_ERROR_INIT;
	return 0;
}
