/* table_make.h - an empty table of a scratch database of PostgreSQL, with the columns and key of another's */
#ifndef EV_TABLE_MAKE_H
#define EV_TABLE_MAKE_H

#include "store/store.h"

/* Its columns' names, quoted, with commas, and their types; appended. */
void ev_table_columns(const struct ev_table_info *t, bool types, struct ev_buf *sql);

int ev_table_make(struct ev_store *to, const struct ev_table_info *t, struct ev_error *err);

#endif
