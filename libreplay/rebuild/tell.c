/* tell.c - what a rebuild says on its way */
#include <stdarg.h>
#include <stdio.h>

#include "rebuild/internal.h"

void ev_rebuilding_note(struct ev_rebuilding *r, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (!r->hooks->note)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->hooks->note(r->hooks->ctx, text);
}

int ev_rebuilding_refuse(struct ev_rebuilding *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->refusal, sizeof(r->refusal), fmt, ap);
	va_end(ap);
	ev_rebuilding_note(r, "refused: %s%s", r->refusal, r->old_tables ? "; the old version goes on serving" : "");
	return 1;
}

void ev_rebuilding_tell(struct ev_rebuilding *r)
{
	if (r->hooks->progress)
		r->hooks->progress(r->hooks->ctx, &r->now);
}

void ev_rebuilding_step(struct ev_rebuilding *r, const char *what)
{
	r->now.what = what;
	r->now.done = 0;
	r->now.total = -1;
	ev_rebuilding_tell(r);
}
