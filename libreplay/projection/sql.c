/* sql.c - see sql.h */
#include "projection/sql.h"

#include <strings.h>

#include "json/json.h"

#define ITEM "$item"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_tag_char(char c)
{
	return is_word_start(c) || is_digit(c);
}

static bool is_word_char(char c)
{
	return is_tag_char(c) || c == '$';
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The byte `n` behind p, or 0 past the end. */
static char peek(const struct ev_lexer *lx, const char *p, size_t n)
{
	return (size_t)(lx->end - p) > n ? p[n] : '\0';
}

static const char *line_end(const struct ev_lexer *lx, const char *p)
{
	const char *nl = memchr(p, '\n', (size_t)(lx->end - p));

	return nl ? nl : lx->end;
}

static bool at_directive(const struct ev_lexer *lx, const char *p)
{
	if (!lx->directives || peek(lx, p, 0) != '-' || peek(lx, p, 1) != '-')
		return false;
	for (p += 2; peek(lx, p, 0) == ' ' || peek(lx, p, 0) == '\t'; p++)
		;
	return peek(lx, p, 0) == '@' && is_word_start(peek(lx, p, 1));
}

/* Behind the comment that opens at p (they nest, as the standard has it); NULL if never closed. */
static const char *comment_end(const struct ev_lexer *lx, const char *p)
{
	int depth = 0;

	while (p < lx->end) {
		if (*p == '/' && peek(lx, p, 1) == '*') {
			depth++;
			p += 2;
		} else if (*p == '*' && peek(lx, p, 1) == '/') {
			p += 2;
			if (--depth == 0)
				return p;
		} else {
			p++;
		}
	}
	return NULL;
}

/* Behind the white space and comments at p. */
static const char *space_end(const struct ev_lexer *lx, const char *p)
{
	const char *q;

	for (;;) {
		if (p < lx->end && is_blank(*p)) {
			p++;
		} else if (peek(lx, p, 0) == '-' && peek(lx, p, 1) == '-') {
			if (at_directive(lx, p))
				return p;
			p = line_end(lx, p);
		} else if (peek(lx, p, 0) == '/' && peek(lx, p, 1) == '*') {
			q = comment_end(lx, p);
			if (!q)
				return p;
			p = q;
		} else {
			return p;
		}
	}
}

/* Behind the text that the quote at p opens; a doubled quote is one; NULL if never closed. */
static const char *quote_end(const struct ev_lexer *lx, const char *p, bool backslash)
{
	char quote = *p == '[' ? ']' : *p;

	for (p++; p < lx->end; p++) {
		if (backslash && *p == '\\') {
			if (++p == lx->end)
				return NULL;
		} else if (*p == quote) {
			if (quote == ']' || peek(lx, p, 1) != quote)
				return p + 1;
			p++;
		}
	}
	return NULL;
}

static struct ev_token token_to(struct ev_lexer *lx, enum ev_token_kind kind, const char *end)
{
	struct ev_token t = { kind, { lx->at, (size_t)((end ? end : lx->end) - lx->at) } };

	if (!end)
		t.kind = EV_TOKEN_ERROR;
	lx->at = t.text.ptr + t.text.len;
	if (t.text.len && kind != EV_TOKEN_SPACE)
		lx->last = lx->at[-1];
	else
		lx->last = ' ';
	return t;
}

/* `p` is behind the opening $tag$ that starts at lx->at. */
static struct ev_token dollar_quote(struct ev_lexer *lx, const char *p)
{
	size_t n = (size_t)(p - lx->at);
	const char *close = memmem(p, (size_t)(lx->end - p), lx->at, n);

	return token_to(lx, EV_TOKEN_STRING, close ? close + n : NULL);
}

/* The path behind `$item`: scanned as if a lone `$` stood there. */
static const char *item_end(const struct ev_lexer *lx, const char *p)
{
	char copy[1024] = "$";
	size_t n = (size_t)(lx->end - p);

	if (n > sizeof(copy) - 1)
		n = sizeof(copy) - 1;
	memcpy(copy + 1, p, n);
	return p + ev_path_scan(copy, n + 1) - 1;
}

static struct ev_token dollar(struct ev_lexer *lx)
{
	const char *p = lx->at + 1;
	size_t n;

	if (is_digit(peek(lx, p, 0))) {
		while (is_digit(peek(lx, p, 0)))
			p++;
		return token_to(lx, EV_TOKEN_PARAM, p);
	}
	while (is_tag_char(peek(lx, p, 0)))
		p++;
	if (peek(lx, p, 0) == '$')
		return dollar_quote(lx, p + 1);
	n = (size_t)(p - lx->at);
	if (n == 1) {
		n = ev_path_scan(lx->at, (size_t)(lx->end - lx->at));
		return token_to(lx, EV_TOKEN_PATH, lx->at + (n ? n : 1));
	}
	if (n == strlen(ITEM) && memcmp(lx->at, ITEM, n) == 0)
		return token_to(lx, EV_TOKEN_PATH, item_end(lx, p));
	return token_to(lx, EV_TOKEN_PARAM, p);
}

/* A word, or a string or name with a letter before its quote: E'' B'' N'' X'' U&'' U&"". */
static struct ev_token word(struct ev_lexer *lx)
{
	const char *p = lx->at;
	char c = (char)(*p | 0x20);

	if (peek(lx, p, 1) == '\'') {
		if (c == 'e')
			return token_to(lx, EV_TOKEN_STRING, quote_end(lx, p + 1, true));
		if (c == 'b' || c == 'n')
			return token_to(lx, EV_TOKEN_STRING, quote_end(lx, p + 1, false));
		if (c == 'x')
			return token_to(lx, EV_TOKEN_BLOB, quote_end(lx, p + 1, false));
	}
	if (c == 'u' && peek(lx, p, 1) == '&') {
		if (peek(lx, p, 2) == '\'')
			return token_to(lx, EV_TOKEN_STRING, quote_end(lx, p + 2, false));
		if (peek(lx, p, 2) == '"')
			return token_to(lx, EV_TOKEN_QUOTED, quote_end(lx, p + 2, false));
	}
	while (p < lx->end && is_word_char(*p))
		p++;
	return token_to(lx, EV_TOKEN_WORD, p);
}

static struct ev_token number(struct ev_lexer *lx)
{
	const char *p = lx->at;
	char c;

	if (*p == '0' && (peek(lx, p, 1) | 0x20) == 'x') {
		for (p += 2; is_tag_char(peek(lx, p, 0)); p++)
			;
		return token_to(lx, EV_TOKEN_NUMBER, p);
	}
	while (is_digit(peek(lx, p, 0)) || (peek(lx, p, 0) == '_' && is_digit(peek(lx, p, 1))))
		p++;
	if (peek(lx, p, 0) == '.')
		for (p++; is_digit(peek(lx, p, 0)); p++)
			;
	c = peek(lx, p, 1);
	if ((peek(lx, p, 0) | 0x20) == 'e' &&
	    (is_digit(c) || ((c == '+' || c == '-') && is_digit(peek(lx, p, 2)))))
		for (p += 2; is_digit(peek(lx, p, 0)); p++)
			;
	return token_to(lx, EV_TOKEN_NUMBER, p);
}

static struct ev_token operator(struct ev_lexer *lx)
{
	/* The longer before its prefix. */
	static const char *const ops[] = { "->>", "#>>", "!~*", "!~~", "~~*", "<->", "::", ":=", "||",
					   "<=",  ">=",	 "<>",	"!=",  "==",  "->",  "<<", ">>", "@>",
					   "<@",  "?|",	 "?&",	"#>",  "#-",  "@@",  "@?", "~*", "!~",
					   "~~",  "&&",	 "=>" };
	size_t left = (size_t)(lx->end - lx->at);

	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
		size_t n = strlen(ops[i]);

		if (n <= left && memcmp(lx->at, ops[i], n) == 0)
			return token_to(lx, EV_TOKEN_OP, lx->at + n);
	}
	return token_to(lx, EV_TOKEN_OP, lx->at + 1);
}

/* `[` opens a quoted name, or a subscript: behind an operand, or where no name could start. */
static bool is_bracket_name(const struct ev_lexer *lx)
{
	const char *p = lx->at + 1;

	if (lx->last && (is_word_char(lx->last) || strchr(")]\"'`", lx->last)))
		return false;
	return is_word_start(peek(lx, p, 0));
}

/* :name ?1 @name #name; the end of the name, or NULL when it is none. */
static const char *param_end(const struct ev_lexer *lx)
{
	const char *p = lx->at + 1;
	char c = peek(lx, p, 0);

	if (*lx->at == '?') {
		while (is_digit(peek(lx, p, 0)))
			p++;
		return p > lx->at + 1 ? p : NULL;
	}
	if (!is_word_start(c) && !(is_digit(c) && *lx->at != ':'))
		return NULL;
	while (is_tag_char(peek(lx, p, 0)))
		p++;
	return p;
}

struct ev_token ev_sql_next(struct ev_lexer *lx)
{
	const char *p = space_end(lx, lx->at);
	char c;

	if (p > lx->at)
		return token_to(lx, EV_TOKEN_SPACE, p);
	if (p == lx->end)
		return (struct ev_token){ EV_TOKEN_END, { p, 0 } };
	c = *p;
	if (at_directive(lx, p))
		return token_to(lx, EV_TOKEN_DIRECTIVE, line_end(lx, p));
	if (c == '/' && peek(lx, p, 1) == '*')
		return token_to(lx, EV_TOKEN_ERROR, NULL);
	if (is_word_start(c))
		return word(lx);
	if (is_digit(c) || (c == '.' && is_digit(peek(lx, p, 1))))
		return number(lx);
	if (c == '\'')
		return token_to(lx, EV_TOKEN_STRING, quote_end(lx, p, false));
	if (c == '"' || c == '`' || (c == '[' && is_bracket_name(lx)))
		return token_to(lx, EV_TOKEN_QUOTED, quote_end(lx, p, false));
	if (c == '$')
		return dollar(lx);
	if (strchr(":?@#", c) && c && (p = param_end(lx)) != NULL)
		return token_to(lx, EV_TOKEN_PARAM, p);
	return operator(lx);
}

bool ev_token_is(struct ev_token t, const char *word_or_op)
{
	size_t n = strlen(word_or_op);

	if (t.text.len != n)
		return false;
	if (t.kind == EV_TOKEN_WORD)
		return strncasecmp(t.text.ptr, word_or_op, n) == 0;
	return t.kind == EV_TOKEN_OP && memcmp(t.text.ptr, word_or_op, n) == 0;
}

/* Append what stands between the quotes, a doubled `quote` once. */
static void add_unquoted(struct ev_buf *out, struct ev_slice s, char quote, bool lower)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (c == quote)
			i++;
		ev_buf_addc(out, lower && c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c);
	}
}

void ev_sql_name(struct ev_token t, struct ev_buf *out)
{
	struct ev_slice s = t.text;
	char quote = '\0';

	if (t.kind == EV_TOKEN_QUOTED && s.len >= 2) {
		quote = s.ptr[s.len - 1] == ']' ? '\0' : s.ptr[s.len - 1];
		if (s.ptr[0] == 'U' || s.ptr[0] == 'u')
			s = ev_slice(s.ptr + 2, s.len - 2);
		s = ev_slice(s.ptr + 1, s.len - 2);
	}
	add_unquoted(out, s, quote, true);
}

bool ev_sql_string(struct ev_token t, struct ev_buf *out)
{
	if (t.kind != EV_TOKEN_STRING || t.text.ptr[0] != '\'')
		return false;
	add_unquoted(out, ev_slice(t.text.ptr + 1, t.text.len - 2), '\'', false);
	return true;
}
