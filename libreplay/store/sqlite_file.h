/* sqlite_file.h - a database file and what stands beside it: SQLite's own files and our lock file */
#ifndef EV_SQLITE_FILE_H
#define EV_SQLITE_FILE_H

#include "base/buf.h"
#include "base/error.h"

/*
 * Remove them all, the database last: what a kill leaves is never a database without its journal.
 * Those that are not there do not matter. EV_STORE names the first that cannot be removed.
 */
int ev_sqlite_unlink(const char *database, struct ev_error *err);

struct ev_store; /* store/store.h */

/*
 * Can the store's schema be read where its file is attached to another one, as a rebuild does? EV_USAGE names what says
 * `main.` before a table's name; with `only` (NUL after each name) no others count.
 */
int ev_sqlite_check_beside(struct ev_store *s, const struct ev_buf *only, struct ev_error *err);

#endif
