/*
 * ddl.h - the little that the commutation proof must know of a projection's CREATE TABLEs
 *
 * Names and types are in lower case. What is not understood is marked `odd`.
 */
#ifndef EV_DDL_H
#define EV_DDL_H

#include "projection/projection.h"
#include "projection/sql.h"

struct ev_column {
	char *name;
	char *type; /* its first word; "" when there is none */
	char *declared; /* all of it, for people: "numeric(10,2)", "text[]" */
};

struct ev_table {
	const struct ev_schema_def *schema; /* of the projection, where it stands */
	char *name;
	struct ev_column *columns;
	size_t ncolumns;
	size_t keys; /* PRIMARY KEY and UNIQUE constraints and indexes */
	const char *odd; /* what else it has: "a CHECK", a foreign key, a COLLATE, what we do not know; else NULL */
};

struct ev_tables {
	struct ev_table *v;
	size_t n;
};

/* All tables of all schemas, one of each dialect's definition; ev_tables_free it. */
void ev_tables_of(const struct ev_projection *p, struct ev_tables *out);
void ev_tables_free(struct ev_tables *t);

/* Do the schemas for this kind of store make views? */
bool ev_makes_views(const struct ev_projection *p, enum ev_dialect dialect);

/* The type of a column, or NULL. */
const char *ev_table_type(const struct ev_table *t, const char *column);

/*
 * A column of a type that PostgreSQL has and SQLite has not, in a schema that is for both: `acc.doc is jsonb`, appended
 * to `out`. False: there is none, or the file has a schema for SQLite.
 */
bool ev_foreign_column(const struct ev_projection *p, struct ev_buf *out);

/* The tokens of `sql` without space, in an array to free; *n of them. */
struct ev_token *ev_sql_tokens(const char *sql, size_t *n);

/* The name in a token as a string to free. */
char *ev_token_name(const struct ev_token *t);

/* Is it a name, and this one (as ev_token_name gives it)? */
bool ev_token_named(const struct ev_token *t, const char *name);

#endif
