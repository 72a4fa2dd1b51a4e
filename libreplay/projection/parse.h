/*
 * parse.h - what the files of the projection parser share; nobody else includes it
 *
 * parse.c walks the sections, directive.c reads the `-- @` lines, handler.c those of `@on` and judges
 * the whole file, statement.c turns the tokens of a handler's statement into SQL with numbered
 * placeholders, param.c reads one parameter, rules.c refuses what a projection may not say.
 */
#ifndef EV_PARSE_H
#define EV_PARSE_H

#include "base/mem.h"
#include "projection/projection.h"
#include "projection/sql.h"

/* What stands in a section decides what its SQL may be. */
enum ev_section { EV_SECTION_NONE, EV_SECTION_SCHEMA, EV_SECTION_HANDLER, EV_SECTION_QUERY };

struct ev_parser {
	struct ev_projection *p;
	struct ev_error *err;
	const char *begin, *end; /* of the file, behind a byte order mark */
	struct ev_lexer lx;
	struct ev_token tok;     /* at hand: first token not yet taken, never SPACE */

	struct ev_token *toks;   /* of the statement at hand, without SPACE; a `!` of a path with it */
	size_t ntoks, cap;

	unsigned seen;           /* directives that may stand only once, by bit */
	char *envelope;          /* the mapping's text; NULL when there is no @envelope */
	const char *dedupe_at;   /* where @dedupe stands, for a check at the end */
	const char *mark;        /* cursor of ev_parse_place: it stands on line `line` ... */
	const char *line_at;     /* ... which begins here */
	int line;
};

struct ev_place ev_parse_place(struct ev_parser *ps, const char *at);

/* Fail with "FILE:LINE:COL: " before the text. */
int ev_parse_fail(struct ev_parser *ps, const char *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int ev_parse_fail_at(struct ev_parser *ps, struct ev_place place, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Add "did you mean 'x'?" to a filled error when a word is near; returns -1. */
int ev_parse_suggest(struct ev_parser *ps, struct ev_slice word, const char *const *words);

/* Take the token at hand; the next one is at hand then. */
void ev_parse_advance(struct ev_parser *ps);

/*
 * Gather the tokens up to the next `;` (which is taken) or the section's end into ps->toks. Returns
 * 1, 0 when the section has ended, or -1.
 */
int ev_parse_gather(struct ev_parser *ps);

/* The directive at hand, with the SQL that belongs to it. */
int ev_parse_directive(struct ev_parser *ps);

/* The SQL of a handler up to the next directive. */
int ev_parse_statements(struct ev_parser *ps, struct ev_handler *h);

/*
 * Read the parameter at toks[*i], moving *i to its last token, into `param` (whose text and header
 * are then owned by the caller, also on failure).
 */
int ev_parse_param(struct ev_parser *ps, struct ev_handler *h, size_t *i, struct ev_param *param);

/* Refuse what the statement in ps->toks may not hold in such a section. */
int ev_parse_rules(struct ev_parser *ps, enum ev_section section);

/* What can be judged only when the whole file is read. */
int ev_parse_finish(struct ev_parser *ps);

#endif
