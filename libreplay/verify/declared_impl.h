/* declared_impl.h - a CREATE TABLE of the file, as declared_read.c understands it; of declared.c alone */
#ifndef EV_DECLARED_IMPL_H
#define EV_DECLARED_IMPL_H

#include <stdbool.h>
#include <stddef.h>

struct ev_error;
struct ev_store; /* store/store.h */
struct ev_token; /* projection/sql.h */

struct declared_column {
	char *name, *type, *fallback; /* as SQL; the last may be NULL */
	bool not_null;
	int key; /* place in the primary key, from 1 on; 0: not in it */
};

struct declared_table {
	char *name;
	struct declared_column *columns;
	size_t ncolumns;
	char **checks;
	size_t nchecks;
	bool odd; /* there are words that we do not know */
};

/* `t` is behind CREATE TABLE; returns where the statement ends. To be released. */
const struct ev_token *declared_read(struct declared_table *out, const struct ev_token *t, const struct ev_token *end);
void declared_release(struct declared_table *t);

/* declared_checks.c: a text that two conditions on this table share when they mean the same; to be freed. */
int declared_meaning(struct ev_store *s, const char *table, const char *condition, char **out, struct ev_error *err);

#endif
