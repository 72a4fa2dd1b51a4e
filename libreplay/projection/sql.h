/*
 * sql.h - tokens of SQL, as far as SQLite and PostgreSQL agree
 *
 * One tokenizer serves the projection parser, the fingerprint and the commutation proof. Whatever
 * one of the two databases would take for a parameter is a PARAM, so that nobody binds it by
 * accident: `:name`, and `?1`, `$1`, `$name`, `@name`, `#name`, which no
 * projection may use. A lone `?` is an OP (PostgreSQL's jsonb operator); its reader must see to it
 * that it stands between operands.
 */
#ifndef EV_SQL_H
#define EV_SQL_H

#include "base/buf.h"
#include "base/slice.h"

enum ev_token_kind {
	EV_TOKEN_END,
	EV_TOKEN_SPACE,   /* white space and comments together */
	EV_TOKEN_WORD,    /* identifier or keyword, unquoted */
	EV_TOKEN_QUOTED,  /* "name", `name`, [name] */
	EV_TOKEN_STRING,  /* 'text', E'..', $tag$..$tag$ */
	EV_TOKEN_BLOB,    /* x'00' */
	EV_TOKEN_NUMBER,
	EV_TOKEN_PATH,    /* $.a.b, $['x'], $item.a (without ! ) */
	EV_TOKEN_PARAM,   /* :name (never part of ::cast); ?1 $1 $name @name #name */
	EV_TOKEN_OP,      /* punctuation, multi-character operators together: :: || <= -> ->> */
	EV_TOKEN_ERROR,   /* unterminated string or comment; text starts at its opening */
	EV_TOKEN_DIRECTIVE, /* `-- @word ...` to the end of its line; only if lexer.directives */
};

struct ev_token {
	enum ev_token_kind kind;
	struct ev_slice text;
};

struct ev_lexer {
	const char *at, *end;
	bool directives; /* comments that start with `@` and a letter are tokens of their own */
	char last;       /* the lexer's own: last byte of the token before; 0 at the start */
};

/* The next token; at the end EV_TOKEN_END for ever. Tokens tile the text: no byte is left out. */
struct ev_token ev_sql_next(struct ev_lexer *lx);

bool ev_token_is(struct ev_token t, const char *word); /* WORD or OP, case-insensitive for words */

/* The name in a WORD or QUOTED, without its quotes, letters A-Z in lower case; appended. */
void ev_sql_name(struct ev_token t, struct ev_buf *out);

/* The text of a plain 'text' token, quotes undone; false for other kinds of string. */
bool ev_sql_string(struct ev_token t, struct ev_buf *out);

#endif
