/*
 * point.h - a POS of the argument language: one end of a range before it is resolved
 *
 *   begin | end | stable | OFFSET | -N | @TIME | group:NAME | FILE
 *
 * FILE has a slash, ends with .json, or is there. Parsed strictly: `12x`, `-`, `1.5`, `@` are errors that say what is
 * allowed.
 */
#ifndef EV_POINT_H
#define EV_POINT_H

#include "position/position.h"

enum ev_point_kind {
	EV_POINT_NONE, /* not given */
	EV_POINT_BEGIN,
	EV_POINT_END,
	EV_POINT_STABLE,
	EV_POINT_OFFSET, /* n */
	EV_POINT_LAST,   /* the last n of each partition */
	EV_POINT_TIME,   /* n: ms */
	EV_POINT_GROUP,  /* name */
	EV_POINT_FILE,   /* position (read at parse time); name: the file */
};

struct ev_point {
	enum ev_point_kind kind;
	int64_t n;
	char *name;
	struct ev_position position;
};

#define EV_POINT_INIT { .kind = EV_POINT_NONE }

/* What *p held is released; on error (EV_USAGE) it stays as it was. `now_ms` is the clock. */
int ev_point_parse(struct ev_point *p, const char *text, int64_t now_ms, struct ev_error *err);
void ev_point_release(struct ev_point *p);

#endif
