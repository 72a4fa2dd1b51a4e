/* parse.c - the sections of a projection file; see projection.h and parse.h */
#include "projection/parse.h"

#include <stdio.h>

#include "base/file.h"
#include "base/suggest.h"
#include "base/utf8.h"
#include "projection/fingerprint.h"

struct ev_place ev_parse_place(struct ev_parser *ps, const char *at)
{
	const char *nl;

	if (!ps->mark || at < ps->line_at) {
		ps->line_at = ps->begin;
		ps->line = 1;
		ps->mark = ps->begin;
	}
	while (ps->mark < at && (nl = memchr(ps->mark, '\n', (size_t)(at - ps->mark))) != NULL) {
		ps->line++;
		ps->line_at = ps->mark = nl + 1;
	}
	ps->mark = at;
	return (struct ev_place){ ps->line, (int)(at - ps->line_at) + 1 };
}

static int fail_v(struct ev_parser *ps, struct ev_place place, const char *fmt, va_list ap)
{
	char text[sizeof(ps->err->text)];

	vsnprintf(text, sizeof(text), fmt, ap);
	return ev_fail(ps->err, EV_USAGE, "%s:%d:%d: %s", ps->p->file, place.line, place.column, text);
}

int ev_parse_fail(struct ev_parser *ps, const char *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail_v(ps, ev_parse_place(ps, at), fmt, ap);
	va_end(ap);
	return -1;
}

int ev_parse_fail_at(struct ev_parser *ps, struct ev_place place, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail_v(ps, place, fmt, ap);
	va_end(ap);
	return -1;
}

int ev_parse_suggest(struct ev_parser *ps, struct ev_slice word, const char *const *words)
{
	char *s = ev_slice_dup(word);
	const char *near = ev_suggest(s, words);

	if (near)
		ev_hint(ps->err, "did you mean '%s'?", near);
	free(s);
	return -1;
}

void ev_parse_advance(struct ev_parser *ps)
{
	do
		ps->tok = ev_sql_next(&ps->lx);
	while (ps->tok.kind == EV_TOKEN_SPACE);
}

static int fail_token(struct ev_parser *ps)
{
	const char *at = ps->tok.text.ptr;

	if (*at == '/')
		return ev_parse_fail(ps, at, "comment is never closed");
	if (*at == '"' || *at == '`' || *at == '[')
		return ev_parse_fail(ps, at, "quoted name is never closed");
	return ev_parse_fail(ps, at, "string is never closed");
}

/* `$.x!` is required, but `$.x!=0` is a comparison: what follows `!` decides. */
static void take_required(struct ev_parser *ps)
{
	const char *p = ps->lx.at, *end = ps->lx.end;

	if (p < end && *p == '!' && (p + 1 == end || p[1] != '=')) {
		ps->tok.text.len++;
		ps->lx.at++;
	}
}

int ev_parse_gather(struct ev_parser *ps)
{
	ps->ntoks = 0;
	for (;;) {
		if (ps->tok.kind == EV_TOKEN_END || ps->tok.kind == EV_TOKEN_DIRECTIVE)
			return ps->ntoks > 0;
		if (ps->tok.kind == EV_TOKEN_ERROR)
			return fail_token(ps);
		if (ev_token_is(ps->tok, ";")) {
			ev_parse_advance(ps);
			if (ps->ntoks)
				return 1;
			continue; /* an empty statement */
		}
		if (ps->tok.kind == EV_TOKEN_PATH)
			take_required(ps);
		EV_GROW(ps->toks, ps->ntoks, ps->cap);
		ps->toks[ps->ntoks++] = ps->tok;
		ev_parse_advance(ps);
	}
}

static int check_text(struct ev_parser *ps)
{
	size_t n;

	for (const char *p = ps->begin; p < ps->end; p += n) {
		n = *p & 0x80 ? ev_utf8_sequence(p, ps->end) : 1;
		if (!n)
			return ev_parse_fail(ps, p, "invalid UTF-8");
		if (!*p)
			return ev_parse_fail(ps, p, "NUL byte in a projection file");
	}
	return 0;
}

static int parse_file(struct ev_parser *ps)
{
	if (check_text(ps))
		return -1;
	ev_parse_advance(ps);
	while (ps->tok.kind != EV_TOKEN_END) {
		if (ps->tok.kind == EV_TOKEN_ERROR)
			return fail_token(ps);
		if (ps->tok.kind != EV_TOKEN_DIRECTIVE) {
			ev_parse_fail(ps, ps->tok.text.ptr, "SQL outside of any section");
			return ev_hint(ps->err, "SQL follows '-- @schema', '-- @on', '-- @check' or "
						"'-- @sample'");
		}
		if (ev_parse_directive(ps))
			return -1;
	}
	return ev_parse_finish(ps);
}

struct ev_projection *ev_projection_parse(const char *file, struct ev_slice text,
					  struct ev_error *err)
{
	struct ev_projection *p = ev_alloc(sizeof(*p));
	struct ev_parser ps = { .p = p, .err = err };
	int rc;

	p->file = ev_strdup(file);
	p->paths = ev_paths_new();
	p->key = -1;
	p->envelope = (struct ev_envelope)EV_ENVELOPE_INIT;
	if (!text.ptr)
		text = EV_LITERAL("");
	if (text.len > EV_PROJECTION_MAX_SIZE) {
		rc = ev_fail(err, EV_USAGE, "%s: larger than %u bytes", file, EV_PROJECTION_MAX_SIZE);
	} else {
		if (text.len >= 3 && memcmp(text.ptr, "\xef\xbb\xbf", 3) == 0)
			text = ev_slice(text.ptr + 3, text.len - 3);
		ps.begin = text.ptr;
		ps.end = text.ptr + text.len;
		ps.lx = (struct ev_lexer){ .at = ps.begin, .end = ps.end, .directives = true };
		rc = parse_file(&ps);
	}
	if (!rc)
		ev_projection_fingerprint(p, ps.envelope ? ps.envelope : "default");
	free(ps.envelope);
	free(ps.toks);
	if (!rc)
		return p;
	ev_projection_free(p);
	return NULL;
}

struct ev_projection *ev_projection_load(const char *file, struct ev_error *err)
{
	struct ev_projection *p = NULL;
	struct ev_buf text = EV_BUF_INIT;

	if (ev_file_read(file, EV_PROJECTION_MAX_SIZE, &text, err) == 0)
		p = ev_projection_parse(file, ev_buf_slice(&text), err);
	ev_buf_release(&text);
	return p;
}
