/*
 * places.h - where in a text of SQL tables are named
 *
 * By words and brackets alone, as far as SQLite and PostgreSQL agree: whether `a.b` is a table `b` in a schema `a` or
 * a column `b` of what is called `a` no token tells by itself.
 */
#ifndef EV_PLACES_H
#define EV_PLACES_H

#include <stddef.h>

#include "projection/sql.h"

enum ev_place_kind {
	EV_PLACE_OTHER, /* of a column, a function, a name that is given, a keyword, no name */
	EV_PLACE_TABLE, /* of a table, or of its type; or of what might be one there */
	EV_PLACE_COLUMNS, /* between the brackets of CREATE TABLE, where it may also be a type */
};

/* The kind of each token of a text without space (ddl.h), of a name with points that of its first; an array to free. */
unsigned char *ev_sql_places(const struct ev_token *t, size_t n);

#endif
