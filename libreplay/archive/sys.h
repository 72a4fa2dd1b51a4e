/*
 * sys.h - the calls by which a writer changes the file system, one by one
 *
 * They go through a table, so that a test can make the n-th fail, or end the process in its middle.
 * All return 0 (open a descriptor, pwrite a number of bytes) or -1 with errno.
 */
#ifndef EV_ARCHIVE_SYS_H
#define EV_ARCHIVE_SYS_H

#include <sys/types.h>

#include "base/slice.h"

struct ev_archive_sys {
	int (*open)(void *ctx, const char *path, int flags); /* to write; mode 0666 less the umask */
	ssize_t (*pwrite)(void *ctx, int fd, const void *data, size_t n, off_t at);
	int (*truncate)(void *ctx, int fd, off_t size);
	int (*sync)(void *ctx, int fd);
	int (*rename)(void *ctx, const char *from, const char *to);
	int (*unlink)(void *ctx, const char *path);
	int (*mkdir)(void *ctx, const char *path);
	void *ctx;
};

extern const struct ev_archive_sys ev_archive_real;

int ev_sys_write(const struct ev_archive_sys *sys, int fd, struct ev_slice data, off_t at);
/* Make names in the folder last. Some file systems cannot, and say EINVAL: that counts as done. */
int ev_sys_sync_folder(const struct ev_archive_sys *sys, const char *path);
/* The file holds the old bytes or the new ones, at every moment; written beside as PATH.tmp. */
int ev_sys_replace(const struct ev_archive_sys *sys, const char *folder, const char *path,
		   struct ev_slice data);
int ev_sys_close(int fd); /* keeps errno */

#endif
