/* directive.h - the arguments of a directive's line; for directive.c and handler.c */
#ifndef EV_DIRECTIVE_H
#define EV_DIRECTIVE_H

#include "projection/parse.h"

struct ev_args {
	struct ev_parser *ps;
	const char *directive; /* where the line's `--` stands */
	const char *at, *end;  /* what is not yet taken */
	const char *start;     /* of the argument at hand */
	bool quoted;
	struct ev_buf text;    /* the argument at hand, quotes undone */
};

/* The next argument: 1, 0 at the end of the line, or -1. A path is one argument. */
int ev_args_next(struct ev_args *a);

/* Is the argument at hand this word (not quoted)? */
bool ev_args_is(const struct ev_args *a, const char *keyword);

/* Take the next argument as a duration; `after` is the word before it, for messages. */
int ev_args_duration(struct ev_args *a, const char *after, int64_t *ms);

/* The arguments of `@on` into a zeroed handler. */
int ev_parse_on(struct ev_args *a, struct ev_handler *h);

#endif
