/* sqlite_file.h - a database file and what stands beside it: SQLite's own files and our lock file */
#ifndef EV_SQLITE_FILE_H
#define EV_SQLITE_FILE_H

#include "base/error.h"

/*
 * Remove them all, the database last: what a kill leaves is never a database without its journal.
 * Those that are not there do not matter. EV_STORE names the first that cannot be removed.
 */
int ev_sqlite_unlink(const char *database, struct ev_error *err);

#endif
