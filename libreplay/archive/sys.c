/* sys.c - see sys.h */
#include "archive/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"

static int real_open(void *ctx, const char *path, int flags)
{
	(void)ctx;
	return open(path, flags | O_CLOEXEC, 0666);
}

static ssize_t real_pwrite(void *ctx, int fd, const void *data, size_t n, off_t at)
{
	(void)ctx;
	return pwrite(fd, data, n, at);
}

static int real_truncate(void *ctx, int fd, off_t size)
{
	(void)ctx;
	return ftruncate(fd, size);
}

static int real_sync(void *ctx, int fd)
{
	(void)ctx;
	return fsync(fd);
}

static int real_rename(void *ctx, const char *from, const char *to)
{
	(void)ctx;
	return rename(from, to);
}

static int real_unlink(void *ctx, const char *path)
{
	(void)ctx;
	return unlink(path);
}

static int real_mkdir(void *ctx, const char *path)
{
	(void)ctx;
	return mkdir(path, 0777);
}

const struct ev_archive_sys ev_archive_real = {
	.open = real_open, .pwrite = real_pwrite, .truncate = real_truncate, .sync = real_sync,
	.rename = real_rename, .unlink = real_unlink, .mkdir = real_mkdir,
};

int ev_sys_close(int fd)
{
	int e = errno;

	close(fd);
	errno = e;
	return -1;
}

int ev_sys_write(const struct ev_archive_sys *sys, int fd, struct ev_slice data, off_t at)
{
	while (data.len) {
		ssize_t n = sys->pwrite(sys->ctx, fd, data.ptr, data.len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		data.ptr += n;
		data.len -= (size_t)n;
		at += n;
	}
	return 0;
}

int ev_sys_sync_folder(const struct ev_archive_sys *sys, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	if (sys->sync(sys->ctx, fd) && errno != EINVAL)
		return ev_sys_close(fd);
	close(fd);
	return 0;
}

int ev_sys_replace(const struct ev_archive_sys *sys, const char *folder, const char *path,
		   struct ev_slice data)
{
	struct ev_buf beside = EV_BUF_INIT;
	int fd, rc = -1;

	ev_buf_addf(&beside, "%s.tmp", path);
	fd = sys->open(sys->ctx, ev_buf_str(&beside), O_WRONLY | O_CREAT | O_TRUNC);
	if (fd >= 0) {
		rc = ev_sys_write(sys, fd, data, 0) || sys->sync(sys->ctx, fd);
		if (rc)
			rc = ev_sys_close(fd);
		else
			rc = close(fd) || sys->rename(sys->ctx, ev_buf_str(&beside), path) ||
			     ev_sys_sync_folder(sys, folder) ? -1 : 0;
	}
	ev_buf_release(&beside);
	return rc;
}
