/* verdict.c - see verdict.h */
#include "verify/verdict.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "verify/receipt.h"

void ev_verdict_init(struct ev_verdict *v, size_t max_findings)
{
	*v = (struct ev_verdict){ .max_findings = max_findings, .started_at = ev_now_ms() };
}

static void release_finding(struct ev_finding *f)
{
	for (size_t i = 0; i < f->ncolumns; i++) {
		free(f->columns[i].name);
		free(f->columns[i].log);
		free(f->columns[i].store);
	}
	free(f->columns);
	free(f->subject);
	free(f->key);
	free(f->last_event);
	free(f->cause);
	free(f->text);
}

static void release_mode(struct ev_mode *m)
{
	for (size_t i = 0; i < m->nfindings; i++)
		release_finding(&m->findings[i]);
	for (size_t i = 0; i < m->nequations; i++) {
		free(m->equations[i].subject);
		free(m->equations[i].terms);
	}
	for (size_t i = 0; i < m->nnotes; i++)
		free(m->notes[i]);
	free(m->findings);
	free(m->equations);
	free(m->notes);
	free(m->kinds);
	free(m);
}

void ev_verdict_release(struct ev_verdict *v)
{
	for (size_t i = 0; i < v->nmodes; i++)
		release_mode(v->modes[i]);
	for (size_t i = 0; i < v->ndigests; i++)
		free(v->digests[i].table);
	free(v->modes);
	free(v->digests);
	free(v->projection);
	free(v->fingerprint);
	free(v->store);
	if (v->receipt)
		ev_receipt_release(v->receipt);
	free(v->receipt);
	ev_position_release(&v->position);
	*v = (struct ev_verdict){ 0 };
}

struct ev_mode *ev_verdict_mode(struct ev_verdict *v, const char *name, const char *unit)
{
	struct ev_mode *m;

	for (size_t i = 0; i < v->nmodes; i++)
		if (strcmp(v->modes[i]->name, name) == 0)
			return v->modes[i];
	m = ev_alloc(sizeof(*m));
	m->name = name;
	m->unit = unit;
	m->max_findings = v->max_findings;
	m->ms = -ev_clock_ms();
	*EV_PUSH(v->modes, v->nmodes) = m;
	return m;
}

static void end(struct ev_mode *m)
{
	if (m->state == EV_MODE_BEGUN)
		m->ms += ev_clock_ms();
}

void ev_mode_print_checked(const struct ev_mode *m, struct ev_buf *out)
{
	size_t n = strlen(m->unit);

	ev_buf_addf(out, "%" PRId64 " %.*s", m->checked, (int)(m->checked == 1 ? n - 1 : n), m->unit);
}

void ev_mode_done(struct ev_mode *m)
{
	end(m);
	if (m->state == EV_MODE_BEGUN)
		m->state = EV_MODE_DONE;
}

void ev_mode_unproven(struct ev_mode *m, const struct ev_error *err)
{
	end(m);
	if (m->state != EV_MODE_UNPROVEN) /* the first reason is the one that counts */
		m->error = *err;
	m->state = EV_MODE_UNPROVEN;
	if (m->error.class == EV_OK || m->error.class == EV_NO)
		m->error.class = EV_BUG;
}

static char *format(const char *fmt, va_list ap)
{
	char text[1024];

	vsnprintf(text, sizeof(text), fmt, ap);
	return ev_strdup(text);
}

void ev_mode_note(struct ev_mode *m, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	*EV_PUSH(m->notes, m->nnotes) = format(fmt, ap);
	va_end(ap);
}

static void count_kind(struct ev_mode *m, const char *kind)
{
	size_t i = 0;

	while (i < m->nkinds && strcmp(m->kinds[i].kind, kind) != 0)
		i++;
	if (i == m->nkinds)
		EV_PUSH(m->kinds, m->nkinds)->kind = kind;
	m->kinds[i].n++;
	m->found++;
}

struct ev_finding *ev_mode_finding(struct ev_mode *m, const char *kind, const char *subject)
{
	struct ev_finding *f;

	count_kind(m, kind);
	if (m->nfindings >= m->max_findings)
		return NULL;
	f = EV_PUSH(m->findings, m->nfindings);
	f->kind = kind;
	f->subject = ev_strdup(subject);
	return f;
}

void ev_finding_text(struct ev_finding *f, const char *fmt, ...)
{
	va_list ap;

	if (!f)
		return;
	va_start(ap, fmt);
	free(f->text);
	f->text = format(fmt, ap);
	va_end(ap);
}

void ev_finding_column(struct ev_finding *f, const char *name, const char *log, const char *store)
{
	struct ev_finding_column *c = EV_PUSH(f->columns, f->ncolumns);

	c->name = ev_strdup(name);
	c->log = ev_strdup(log);
	c->store = ev_strdup(store);
}

struct ev_equation *ev_mode_equation(struct ev_mode *m, const char *subject, const char *what, int64_t total)
{
	struct ev_equation *e = EV_PUSH(m->equations, m->nequations);

	e->subject = ev_strdup(subject);
	e->what = what;
	e->total = total;
	return e;
}

void ev_equation_term(struct ev_equation *e, const char *name, int64_t n)
{
	*EV_PUSH(e->terms, e->nterms) = (struct ev_term_count){ name, n };
}

static bool tiles(const struct ev_equation *e)
{
	int64_t sum = 0;

	for (size_t i = 0; i < e->nterms; i++)
		sum += e->terms[i].n;
	return sum == e->total;
}

int64_t ev_verdict_found(const struct ev_verdict *v)
{
	int64_t n = 0;

	for (size_t i = 0; i < v->nmodes; i++)
		n += v->modes[i]->found;
	return n;
}

static bool is_empty(const struct ev_mode *m)
{
	return !m->checked && !m->found;
}

static bool may_be_empty(const struct ev_verdict *v, const struct ev_mode *m)
{
	bool any = false;

	for (size_t i = 0; i < v->nmodes; i++)
		any |= !is_empty(v->modes[i]);
	return m->allow_empty || (m->optional && any);
}

/* Why a mode is neither yes nor no; 0 when it is one of them. */
static int fault(const struct ev_verdict *v, const struct ev_mode *m, struct ev_error *why)
{
	*why = m->error;
	if (m->state == EV_MODE_UNPROVEN)
		return m->error.class;
	if (m->state == EV_MODE_BEGUN)
		ev_fail(why, EV_BUG, "%s was begun and not completed", m->name);
	else if (is_empty(m) && !may_be_empty(v, m)) {
		ev_fail(why, EV_DATA, "no %s to check%s", m->unit, m->unsampled ? ": the sample has none of them" : "");
		ev_hint(why, m->unsampled ? "take a larger --sample" : "where that is right, say so: --allow-empty");
	}
	for (size_t i = 0; i < m->nequations && why->class == EV_OK; i++)
		if (!tiles(&m->equations[i]))
			ev_fail(why, EV_BUG, "%s: coverage of %s does not add up: %s", m->name,
				m->equations[i].subject, m->equations[i].what);
	return why->class;
}

/* A bug before a failing store, a failing store before a proof that is not possible. */
static int weight(int class)
{
	static const int order[] = { EV_DATA, EV_HELD, EV_USAGE, EV_SOURCE, EV_STORE, EV_BUG };
	int i = 0;

	while (i < 5 && order[i] != class)
		i++;
	return i;
}

int ev_verdict_status(const struct ev_verdict *v, struct ev_error *why)
{
	struct ev_error worst = EV_ERROR_INIT, e;

	if (!v->nmodes)
		ev_fail(&worst, EV_BUG, "nothing was checked");
	for (size_t i = 0; i < v->nmodes; i++) {
		int class = fault(v, v->modes[i], &e);

		if (class && (!worst.class || weight(class) > weight(worst.class)))
			worst = e;
	}
	if (why)
		*why = worst;
	return worst.class ? (int)worst.class : ev_verdict_found(v) ? EV_NO : 0;
}
