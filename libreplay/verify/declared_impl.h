/* declared_impl.h - what the files of declared.c share: the words of the file, and how the server is asked */
#ifndef EV_DECLARED_IMPL_H
#define EV_DECLARED_IMPL_H

#include <stdbool.h>
#include <stddef.h>

#include "store/store.h"

struct ev_mode;
struct ev_token; /* projection/sql.h */

/* A CREATE TABLE of the file, as declared_read.c understands it. */
struct declared_column {
	char *name, *type, *fallback, *collation; /* as SQL; the last two may be NULL */
	bool not_null;
	int key; /* place in the primary key, from 1 on; 0: not in it */
};

struct declared_check {
	char *condition;
	bool alone; /* NO INHERIT */
	bool idle;  /* NOT ENFORCED */
};

struct declared_table {
	char *name;
	struct declared_column *columns;
	size_t ncolumns;
	struct declared_check *checks;
	size_t nchecks;
	bool odd; /* there are words that we do not know */
};

/* `t` is behind CREATE TABLE; returns where the statement ends. To be released. */
const struct ev_token *declared_read(struct declared_table *out, const struct ev_token *t, const struct ev_token *end);
void declared_release(struct declared_table *t);

/* A comparison at work. */
struct declared_comparing {
	struct ev_store *s;
	struct ev_mode *m;
	const struct ev_buf *owned; /* tables, NUL after each */
	size_t views;               /* that the file makes */
	struct ev_error *err;
};

/* -1 and EV_USAGE: only a scratch store can tell. `why`: what the server says, or NULL. */
int declared_unknown(struct declared_comparing *c, const char *table, const struct ev_error *why);

/*
 * declared_ask.c: a question to the server, in the snapshot. What it refuses does not end that: 1, and `why` has its
 * words. 0: `row` has got what it gives.
 */
int declared_ask(struct declared_comparing *c, const char *sql, ev_row_fn row, void *ctx, struct ev_error *why);
/* The same: does it give a row? */
int declared_holds(struct declared_comparing *c, const char *sql, bool *yes, struct ev_error *why);
/* ops->type_name likewise. */
int declared_type(struct declared_comparing *c, const char *type, struct ev_buf *out, struct ev_error *why);

/* declared_columns.c: columns, their types, collations, defaults and order, and the primary key. */
int declared_columns(struct declared_comparing *c, const struct declared_table *t, const struct ev_table_info *info);

/* declared_checks.c: the CHECKs; with `columns_differ` only how many they are. */
int declared_checks(struct declared_comparing *c, const struct declared_table *t, const struct ev_table_info *info,
		    bool columns_differ);

#endif
