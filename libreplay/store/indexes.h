/*
 * indexes.h - indexes beside the keys, which wait for the rows of a load
 *
 * One that is sorted at once is made in a fraction of the time that it takes to keep it while rows come in no order.
 * Who loads keeps the list of them somewhere safe, drops them, and makes them in the end. All of it may be called again
 * after a kill at any moment: what is as it should be is left alone, and so is a table that is gone.
 *
 * The list has of each the table and its definition as SQL, NUL after both. `tables`: NUL after each.
 */
#ifndef EV_INDEXES_H
#define EV_INDEXES_H

#include "store/store.h"

/* Those of all `tables` that may wait; appended. */
int ev_indexes_list(struct ev_store *s, const struct ev_buf *tables, struct ev_buf *list, struct ev_error *err);
/* Drop those of the list; make those of it that are not there. In the open transaction, or one for each. */
int ev_indexes_drop(struct ev_store *s, const struct ev_buf *list, struct ev_error *err);
int ev_indexes_make(struct ev_store *s, const struct ev_buf *list, struct ev_error *err);

/* Those of the list that the SQL of a schema does not name: `index i on t`, NUL after each. Appended. */
void ev_indexes_beside(const struct ev_buf *list, const char *schema, struct ev_buf *out);

/* Is one of the list (NULL allowed) of this table's column? Also where it has but a word of that name. */
bool ev_indexes_have(const struct ev_buf *list, const char *table, const char *column);

#endif
