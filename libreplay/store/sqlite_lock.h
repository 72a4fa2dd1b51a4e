/*
 * sqlite_lock.h - one writer per projection, for as long as it runs
 *
 * SQLite's own lock lasts one transaction. A run holds, besides, an open-file-description lock on one
 * byte of `FILE-evlock` (the byte is a hash of the projection's name), which the kernel drops when the
 * process dies, however it dies. The file stays; it is empty and may be deleted when nothing runs.
 */
#ifndef EV_SQLITE_LOCK_H
#define EV_SQLITE_LOCK_H

#include "base/error.h"

/*
 * Take it, waiting up to wait_ms, or until give_up (NULL allowed) says so: a descriptor to close for giving
 * it back. -1 EV_HELD (the caller names the holder; retriable where it was given up), or EV_STORE when the file
 * cannot be opened.
 */
int ev_sqlite_lock(const char *database, const char *projection, int wait_ms, bool (*give_up)(void),
		   struct ev_error *err);

/* Has a process that lock? 1, 0, -1 EV_STORE. */
int ev_sqlite_locked(const char *database, const char *projection, struct ev_error *err);

#endif
