/* format.c - one record as bytes: -o json, pretty, value, key, FORMAT */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/suggest.h"
#include "event/time.h"
#include "evtail/tail.h"

static const char *const words[] = { "json", "pretty", "value", "key", NULL };
static const char *const letters = "tpokKvSTshy%";

static int bad_output(const char *text, struct ev_error *err)
{
	const char *best = ev_suggest(text, words);

	if (best)
		return ev_fail(err, EV_USAGE, "unknown output '%s' (did you mean '%s'?)", text, best);
	ev_fail(err, EV_USAGE, "unknown output '%s'", text);
	return ev_hint(err, "it is json, pretty, value, key, or a FORMAT with %%t %%p %%o %%k %%v %%T in it");
}

static int check_template(const char *text, struct ev_error *err)
{
	for (const char *p = text; *p; p++) {
		if (*p != '%')
			continue;
		p++;
		if (!*p || !strchr(letters, *p)) {
			ev_fail(err, EV_USAGE, "unknown field '%%%c' in output '%s'", *p ? *p : ' ', text);
			return ev_hint(err, "fields: %%t topic, %%p partition, %%o offset, %%k key, %%K its "
					    "bytes, %%v value, %%S its bytes, %%T time, %%s ms, %%h headers, "
					    "%%y type, %%%%");
		}
	}
	return 0;
}

int tail_format_init(struct tail_format *f, const char *text, bool nul, struct ev_error *err)
{
	*f = (struct tail_format){ .end = nul ? '\0' : '\n', .day = INT64_MIN };
	ev_term_init(&f->term, STDOUT_FILENO);
	if (!text) {
		f->kind = f->term.tty && !nul ? TAIL_SCREEN : TAIL_LINE;
		return 0;
	}
	for (int i = 0; words[i]; i++) {
		if (!strcmp(text, words[i])) {
			f->kind = (enum tail_kind)i;
			return 0;
		}
	}
	if (!strchr(text, '%'))
		return bad_output(text, err);
	f->kind = TAIL_TEMPLATE;
	f->template = text;
	return check_template(text, err);
}

void tail_format_release(struct tail_format *f)
{
	ev_buf_release(&f->scratch);
}

static bool template_has(const struct tail_format *f, char letter)
{
	for (const char *p = f->template; p && *p; p++) {
		if (*p == '%' && *++p == letter)
			return true;
	}
	return false;
}

bool tail_format_needs_headers(const struct tail_format *f)
{
	return f->kind == TAIL_LINE || f->kind == TAIL_PRETTY || template_has(f, 'h');
}

bool tail_format_needs_type(const struct tail_format *f)
{
	return f->kind == TAIL_SCREEN || template_has(f, 'y');
}

/* Bytes of a record: as they are into a pipe; a terminal sees line feeds and tabs, no other control. */
static void add_bytes(const struct tail_format *f, struct ev_buf *out, struct ev_slice s)
{
	if (!f->term.tty) {
		ev_buf_add_slice(out, s);
		return;
	}
	while (s.len) {
		size_t n = 0;

		while (n < s.len && s.ptr[n] != '\n' && s.ptr[n] != '\t')
			n++;
		ev_term_escape(out, ev_slice(s.ptr, n));
		if (n < s.len)
			ev_buf_addc(out, s.ptr[n++]);
		s = ev_slice(s.ptr + n, s.len - n);
	}
}

static void add_time(struct ev_buf *out, const struct ev_record *r)
{
	char text[EV_TIME_TEXT];

	if (r->timestamp == EV_NO_TIMESTAMP)
		return;
	ev_time_show(r->timestamp, text);
	ev_buf_adds(out, text);
}

static void add_headers(const struct tail_format *f, struct ev_buf *out, const struct ev_record *r)
{
	for (size_t i = 0; i < r->nheaders; i++) {
		if (i)
			ev_buf_addc(out, ',');
		add_bytes(f, out, r->headers[i].name);
		ev_buf_addc(out, '=');
		add_bytes(f, out, r->headers[i].value);
	}
}

static void add_field(const struct tail_format *f, char letter, struct ev_buf *out,
		      const struct ev_record *r, struct ev_slice type)
{
	switch (letter) {
	case 't': add_bytes(f, out, r->topic); break;
	case 'p': ev_buf_add_i64(out, r->partition); break;
	case 'o': ev_buf_add_i64(out, r->offset); break;
	case 'k': add_bytes(f, out, r->key); break;
	case 'K': ev_buf_add_i64(out, r->key.ptr ? (int64_t)r->key.len : -1); break;
	case 'v': add_bytes(f, out, r->value); break;
	case 'S': ev_buf_add_i64(out, r->value.ptr ? (int64_t)r->value.len : -1); break;
	case 'T': add_time(out, r); break;
	case 's':
		if (r->timestamp != EV_NO_TIMESTAMP)
			ev_buf_add_i64(out, r->timestamp);
		break;
	case 'h': add_headers(f, out, r); break;
	case 'y': add_bytes(f, out, type); break;
	default: ev_buf_addc(out, letter); break;
	}
}

static void add_template(const struct tail_format *f, struct ev_buf *out, const struct ev_record *r,
			 struct ev_slice type)
{
	for (const char *p = f->template; *p; p++) {
		if (*p == '%') {
			add_field(f, *++p, out, r, type);
		} else if (*p == '\\' && p[1] && strchr("nt0r\\", p[1])) {
			p++;
			ev_buf_addc(out, *p == 'n' ? '\n' : *p == 't' ? '\t' : *p == 'r' ? '\r' :
					 *p == '0' ? '\0' : '\\');
		} else {
			ev_buf_addc(out, *p);
		}
	}
	ev_buf_addc(out, f->end);
}

static void add_line(struct tail_format *f, struct ev_buf *out, const struct ev_record *r)
{
	if (!f->term.tty && f->kind == TAIL_LINE) {
		ev_line_write(out, r);
	} else {
		ev_buf_clear(&f->scratch);
		ev_line_write(&f->scratch, r);
		if (f->scratch.len)
			f->scratch.len--; /* its LF */
		if (f->kind == TAIL_PRETTY)
			tail_pretty_json(&f->term, out, ev_buf_slice(&f->scratch));
		else
			ev_term_json(out, ev_buf_slice(&f->scratch));
		ev_buf_addc(out, '\n');
	}
	if (f->end != '\n' && out->len)
		out->data[out->len - 1] = f->end;
}

void tail_format_record(struct tail_format *f, struct ev_buf *out, const struct ev_record *r,
			struct ev_slice type)
{
	switch (f->kind) {
	case TAIL_LINE:
	case TAIL_PRETTY:
		add_line(f, out, r);
		break;
	case TAIL_VALUE:
		add_bytes(f, out, r->value);
		ev_buf_addc(out, f->end);
		break;
	case TAIL_KEY:
		add_bytes(f, out, r->key);
		ev_buf_addc(out, f->end);
		break;
	case TAIL_TEMPLATE:
		add_template(f, out, r, type);
		break;
	case TAIL_SCREEN:
		tail_screen_record(f, out, r, type);
		break;
	}
}
