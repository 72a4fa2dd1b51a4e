/* where_impl.h - the parsed filter, shared by where.c and where_eval.c only */
#ifndef EV_WHERE_IMPL_H
#define EV_WHERE_IMPL_H

#include "event/where.h"

enum where_op {
	WHERE_TRUE, /* a path alone */
	WHERE_EQ,
	WHERE_NE,
	WHERE_LE,
	WHERE_GE,
	WHERE_LT,
	WHERE_GT,
	WHERE_GLOB,
	WHERE_NOT,
	WHERE_AND,
	WHERE_OR,
};

#define WHERE_OPERATORS 7
extern const struct where_operator {
	const char *name;
	enum where_op op;
} where_operators[WHERE_OPERATORS]; /* none before one that it begins */

struct ev_where {
	enum where_op op;
	struct ev_where **kids; /* of not, and, or; owned; and, or hold none of their own kind */
	size_t n, cap;

	/* of a test */
	int path;
	struct ev_buf path_text;
	enum ev_json_type type; /* of the literal */
	struct ev_buf literal;  /* decoded text, or canonical number */
};

#endif
