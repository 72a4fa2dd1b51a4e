/* json.c - the verdict as one JSON object */
#include <inttypes.h>

#include "common/message.h"
#include "event/time.h"
#include "evverify/evverify.h"
#include "verify/digest.h"

static void key(struct ev_buf *out, const char *name)
{
	if (out->len && !strchr("{[,:", out->data[out->len - 1]))
		ev_buf_addc(out, ',');
	ev_message_quote(out, name);
	ev_buf_addc(out, ':');
}

static void text(struct ev_buf *out, const char *name, const char *value)
{
	key(out, name);
	if (value)
		ev_message_quote(out, value);
	else
		ev_buf_adds(out, "null");
}

static void number(struct ev_buf *out, const char *name, int64_t n)
{
	key(out, name);
	ev_buf_add_i64(out, n);
}

static void comma(struct ev_buf *out, size_t i)
{
	if (i)
		ev_buf_addc(out, ',');
}

static void add_finding(struct ev_buf *out, const struct ev_finding *f)
{
	ev_buf_addc(out, '{');
	text(out, "kind", f->kind);
	text(out, "subject", f->subject);
	if (f->key)
		text(out, "key", f->key);
	if (f->ncolumns) {
		key(out, "columns");
		ev_buf_addc(out, '{');
		for (size_t i = 0; i < f->ncolumns; i++) {
			key(out, f->columns[i].name);
			ev_buf_addc(out, '{');
			if (f->columns[i].log)
				text(out, "log", f->columns[i].log);
			if (f->columns[i].store)
				text(out, "store", f->columns[i].store);
			ev_buf_addc(out, '}');
		}
		ev_buf_addc(out, '}');
	}
	if (f->last_event)
		text(out, "last_event", f->last_event);
	if (f->cause)
		text(out, "cause", f->cause);
	if (f->text)
		text(out, "text", f->text);
	ev_buf_addc(out, '}');
}

static void add_equation(struct ev_buf *out, const struct ev_equation *e)
{
	ev_buf_addc(out, '{');
	text(out, "subject", e->subject);
	text(out, "what", e->what);
	number(out, "total", e->total);
	key(out, "terms");
	ev_buf_addc(out, '{');
	for (size_t i = 0; i < e->nterms; i++)
		number(out, e->terms[i].name, e->terms[i].n);
	ev_buf_adds(out, "}}");
}

static void add_lists(struct ev_buf *out, const struct ev_mode *m)
{
	key(out, "kinds");
	ev_buf_addc(out, '{');
	for (size_t i = 0; i < m->nkinds; i++)
		number(out, m->kinds[i].kind, m->kinds[i].n);
	ev_buf_addc(out, '}');
	key(out, "findings");
	ev_buf_addc(out, '[');
	for (size_t i = 0; i < m->nfindings; i++) {
		comma(out, i);
		add_finding(out, &m->findings[i]);
	}
	ev_buf_addc(out, ']');
	key(out, "coverage");
	ev_buf_addc(out, '[');
	for (size_t i = 0; i < m->nequations; i++) {
		comma(out, i);
		add_equation(out, &m->equations[i]);
	}
	ev_buf_addc(out, ']');
	key(out, "notes");
	ev_buf_addc(out, '[');
	for (size_t i = 0; i < m->nnotes; i++) {
		comma(out, i);
		ev_message_quote(out, m->notes[i]);
	}
	ev_buf_addc(out, ']');
}

static void add_mode(struct ev_buf *out, const struct ev_mode *m)
{
	bool unproven = m->state != EV_MODE_DONE;

	ev_buf_addc(out, '{');
	text(out, "mode", m->name);
	text(out, "result", ev_mode_word(m));
	if (unproven)
		text(out, "reason", m->error.text);
	number(out, "checked", m->checked);
	text(out, "unit", m->unit);
	number(out, "found", m->found);
	key(out, "capped");
	ev_buf_adds(out, m->found > (int64_t)m->nfindings ? "true" : "false");
	number(out, "ms", m->ms);
	add_lists(out, m);
	ev_buf_addc(out, '}');
}

static void add_digests(struct ev_buf *out, const struct ev_verdict *v)
{
	key(out, "digests");
	ev_buf_addc(out, '{');
	for (size_t i = 0; i < v->ndigests; i++) {
		key(out, v->digests[i].table);
		ev_buf_addc(out, '{');
		number(out, "rows", v->digests[i].rows);
		text(out, "sum", v->digests[i].digest);
		ev_buf_addc(out, '}');
	}
	ev_buf_addc(out, '}');
}

void ev_print_json(const struct ev_verdict *v, int status, const struct ev_error *why, struct ev_buf *out)
{
	char time[EV_TIME_TEXT];

	ev_buf_addc(out, '{');
	number(out, "format", 1);
	text(out, "result", ev_verdict_word(status));
	number(out, "status", status);
	if (status > 1)
		text(out, "reason", why->text);
	text(out, "projection", v->projection);
	number(out, "version", v->version);
	text(out, "fingerprint", v->fingerprint);
	text(out, "store", v->store);
	key(out, "position");
	ev_position_print(&v->position, out);
	text(out, "algorithm", EV_DIGEST_ALGORITHM);
	ev_time_format(v->started_at, time);
	text(out, "started_at", time);
	ev_time_format(v->ended_at, time);
	text(out, "ended_at", time);
	add_digests(out, v);
	key(out, "modes");
	ev_buf_addc(out, '[');
	for (size_t i = 0; i < v->nmodes; i++) {
		comma(out, i);
		add_mode(out, v->modes[i]);
	}
	ev_buf_adds(out, "]}\n");
}
