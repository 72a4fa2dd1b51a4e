/*
 * sql.h - tokens of SQL, as far as SQLite and PostgreSQL agree
 *
 * One tokenizer serves the projection parser, the fingerprint and the commutation proof.
 */
#ifndef EV_SQL_H
#define EV_SQL_H

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
	EV_TOKEN_PARAM,   /* :name (never part of ::cast) */
	EV_TOKEN_OP,      /* punctuation, multi-character operators together: :: || <= -> ->> */
	EV_TOKEN_ERROR,   /* unterminated string or comment; text starts at its opening */
};

struct ev_token {
	enum ev_token_kind kind;
	struct ev_slice text;
};

struct ev_lexer {
	const char *at, *end;
};

struct ev_token ev_sql_next(struct ev_lexer *lx);
bool ev_token_is(struct ev_token t, const char *word); /* WORD or OP, case-insensitive for words */

#endif
