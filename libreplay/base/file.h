/* file.h - whole files: read with a limit, written atomically */
#ifndef EV_FILE_H
#define EV_FILE_H

#include "base/buf.h"
#include "base/error.h"

/* Append the file to `out`; EV_USAGE when it cannot be read or is larger than `max` bytes. */
int ev_file_read(const char *path, size_t max, struct ev_buf *out, struct ev_error *err);

/* A file could not be opened, for the reason `e`: a hint, where something can be done. Returns -1. */
int ev_file_advise(int e, struct ev_error *err);

/*
 * Replace the file by `data`, or leave it as it was: at every moment it holds the old bytes or the
 * new ones (written beside as PATH.PID-N.tmp, fsync, rename, fsync of the folder). A symbolic link
 * is followed and stays; what is no regular file is refused. Mode 0666 less the umask. EV_STORE.
 */
int ev_file_replace(const char *path, struct ev_slice data, struct ev_error *err);
/* Before anything is done that the file is to tell of: can it be replaced? EV_STORE. */
int ev_file_replaceable(const char *path, struct ev_error *err);

#endif
