/* file.h - whole files: read with a limit, written atomically */
#ifndef EV_FILE_H
#define EV_FILE_H

#include "base/buf.h"
#include "base/error.h"

/* Append the file to `out`; EV_USAGE when it cannot be read or is larger than `max` bytes. */
int ev_file_read(const char *path, size_t max, struct ev_buf *out, struct ev_error *err);

/*
 * Replace the file by `data`, or leave it as it was: write beside, fsync, rename, fsync of the folder.
 * A symbolic link is replaced, not followed. Mode 0666 less the umask. EV_STORE on error.
 */
int ev_file_replace(const char *path, struct ev_slice data, struct ev_error *err);

#endif
