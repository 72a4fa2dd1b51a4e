/* verdict_lines.c - findings and equations in one line each, for all formats */
#include <inttypes.h>

#include "common/verdict_print.h"

#define SHORT 4 /* terms of a sum that are all printed */

const char *ev_verdict_word(int status)
{
	return status == 0 ? "consistent" : status == 1 ? "different" : "not proven";
}

const char *ev_mode_word(const struct ev_mode *m)
{
	if (m->state != EV_MODE_DONE)
		return "not proven";
	if (m->found)
		return "different";
	return m->checked ? "consistent" : m->allow_empty || m->optional ? "nothing to check" : "not proven";
}

void ev_finding_line(const struct ev_finding *f, struct ev_buf *out)
{
	ev_buf_addf(out, "%s %s", f->kind, f->subject);
	if (f->key)
		ev_buf_addf(out, " %s", f->key);
	for (size_t i = 0; i < f->ncolumns; i++) {
		const struct ev_finding_column *c = &f->columns[i];

		ev_buf_addf(out, "%s%s", i ? ", " : ": ", c->name);
		if (c->log && c->store)
			ev_buf_addf(out, " is %s, should be %s", c->store, c->log);
		else
			ev_buf_addf(out, "=%s", c->log ? c->log : c->store);
	}
	if (f->text)
		ev_buf_addf(out, ": %s", f->text);
}

void ev_equation_line(const struct ev_equation *e, struct ev_buf *out)
{
	const char *sign = " =";

	ev_buf_addf(out, "%s: %s %" PRId64, e->subject, e->what, e->total);
	for (size_t i = 0; i < e->nterms; i++) {
		if (e->nterms > SHORT && !e->terms[i].n)
			continue;
		ev_buf_addf(out, "%s %s %" PRId64, sign, e->terms[i].name, e->terms[i].n);
		sign = " +";
	}
}
