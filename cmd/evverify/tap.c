/* tap.c - the verdict as TAP 14: a test point a mode, its findings as diagnostics */
#include <inttypes.h>

#include "common/term.h"
#include "evverify/evverify.h"

static void diagnostic(struct ev_buf *out, const struct ev_buf *text)
{
	ev_buf_adds(out, "# ");
	ev_term_escape(out, ev_buf_slice(text));
	ev_buf_addc(out, '\n');
}

static void add_mode(struct ev_buf *out, const struct ev_mode *m, size_t number)
{
	bool unproven = strcmp(ev_mode_word(m), "not proven") == 0;
	struct ev_buf text = EV_BUF_INIT;

	ev_buf_addf(out, "%sok %zu - %s: ", m->found || unproven ? "not " : "", number, m->name);
	ev_mode_print_checked(m, out);
	ev_buf_adds(out, unproven ? ", not proven\n" : "\n");
	if (m->state != EV_MODE_DONE) {
		ev_buf_adds(&text, m->error.text);
		diagnostic(out, &text);
	}
	for (size_t i = 0; i < m->nfindings; i++) {
		ev_buf_clear(&text);
		ev_finding_line(&m->findings[i], &text);
		diagnostic(out, &text);
	}
	if (m->found > (int64_t)m->nfindings)
		ev_buf_addf(out, "# ... and %" PRId64 " more\n", m->found - (int64_t)m->nfindings);
	for (size_t i = 0; i < m->nequations; i++) {
		ev_buf_clear(&text);
		ev_equation_line(&m->equations[i], &text);
		diagnostic(out, &text);
	}
	ev_buf_release(&text);
}

/* One more point says whether the whole was complete, so that no reader of points alone is misled. */
void ev_print_tap(const struct ev_verdict *v, int status, const struct ev_error *why, struct ev_buf *out)
{
	struct ev_buf text = EV_BUF_INIT;

	ev_buf_addf(out, "TAP version 14\n1..%zu\n", v->nmodes + 1);
	for (size_t i = 0; i < v->nmodes; i++)
		add_mode(out, v->modes[i], i + 1);
	ev_buf_addf(out, "%sok %zu - the check was complete\n", status > 1 ? "not " : "", v->nmodes + 1);
	if (status > 1) {
		ev_buf_adds(&text, why->text);
		diagnostic(out, &text);
	}
	ev_buf_release(&text);
}
