/* verdict_text.c - the verdict for a person */
#include <inttypes.h>
#include <stdio.h>

#include "base/plural.h"
#include "common/term.h"
#include "common/verdict_print.h"

struct printing {
	struct ev_term term;
	struct ev_buf *out;
};

static void colored(struct printing *p, enum ev_color c, const char *text)
{
	ev_term_color(&p->term, p->out, c);
	ev_buf_adds(p->out, text);
	ev_term_color(&p->term, p->out, EV_PLAIN);
}

static void line(struct printing *p, const char *before, const struct ev_buf *text)
{
	ev_buf_adds(p->out, before);
	ev_term_escape(p->out, ev_buf_slice(text));
	ev_buf_addc(p->out, '\n');
}

static void print_findings(struct printing *p, const struct ev_mode *m)
{
	struct ev_buf text = EV_BUF_INIT;

	for (size_t i = 0; i < m->nfindings; i++) {
		const struct ev_finding *f = &m->findings[i];

		ev_buf_clear(&text);
		ev_finding_line(f, &text);
		line(p, "  ", &text);
		ev_buf_clear(&text);
		if (f->last_event)
			ev_buf_addf(&text, "last touched by %s", f->last_event);
		if (f->cause)
			ev_buf_addf(&text, "%slikely cause: %s", text.len ? "; " : "", f->cause);
		if (text.len)
			line(p, "    ", &text);
	}
	if (m->found > (int64_t)m->nfindings)
		ev_buf_addf(p->out, "  ... and %" PRId64 " more, not shown (--max-diffs)\n",
			    m->found - (int64_t)m->nfindings);
	ev_buf_release(&text);
}

static void print_lines(struct printing *p, const struct ev_mode *m)
{
	struct ev_buf text = EV_BUF_INIT;

	for (size_t i = 0; i < m->nequations; i++) {
		ev_buf_clear(&text);
		ev_equation_line(&m->equations[i], &text);
		line(p, "  ", &text);
	}
	for (size_t i = 0; i < m->nnotes; i++) {
		ev_buf_clear(&text);
		ev_buf_adds(&text, m->notes[i]);
		line(p, "  ", &text);
	}
	ev_buf_release(&text);
}

static void print_mode(struct printing *p, const struct ev_mode *m)
{
	struct ev_buf text = EV_BUF_INIT;
	char name[32];

	snprintf(name, sizeof(name), "%-9s ", m->name);
	ev_buf_adds(p->out, name);
	if (m->state == EV_MODE_UNPROVEN) {
		colored(p, EV_YELLOW, "not proven");
		ev_buf_adds(&text, m->error.text);
		line(p, ": ", &text);
	} else if (m->found) {
		colored(p, EV_RED, "different");
		ev_buf_addf(p->out, ": %" PRId64 " finding%s", m->found, ev_plural(m->found));
		for (size_t i = 0; i < m->nkinds; i++)
			ev_buf_addf(p->out, "%s%s %" PRId64, i ? ", " : " (", m->kinds[i].kind, m->kinds[i].n);
		ev_buf_adds(p->out, ") in ");
		ev_mode_print_checked(m, p->out);
		ev_buf_addc(p->out, '\n');
	} else if (!m->checked) {
		colored(p, m->allow_empty || m->optional ? EV_PLAIN : EV_YELLOW, ev_mode_word(m));
		ev_buf_addf(p->out, ": no %s\n", m->unit);
	} else {
		colored(p, EV_GREEN, "consistent");
		ev_buf_adds(p->out, ": ");
		ev_mode_print_checked(m, p->out);
		ev_buf_addc(p->out, '\n');
	}
	print_findings(p, m);
	print_lines(p, m);
	ev_buf_release(&text);
}

void ev_print_text(const struct ev_verdict *v, int status, const struct ev_error *why, bool color,
		   struct ev_buf *out)
{
	struct printing p = { .out = out };
	struct ev_buf at = EV_BUF_INIT;

	(void)why; /* said on stderr, as errors are */
	ev_term_init(&p.term, 1);
	p.term.color = p.term.color && color;
	if (v->projection && v->store) { /* a log alone has none, and what failed may not have come so far */
		ev_buf_addf(&at, "%s version %" PRId64 " in %s at ", v->projection, v->version, v->store);
		ev_position_print(&v->position, &at);
		line(&p, "", &at);
	}
	for (size_t i = 0; i < v->nmodes; i++)
		print_mode(&p, v->modes[i]);
	colored(&p, status == 0 ? EV_GREEN : status == 1 ? EV_RED : EV_YELLOW, ev_verdict_word(status));
	ev_buf_addc(out, '\n');
	ev_buf_release(&at);
}
