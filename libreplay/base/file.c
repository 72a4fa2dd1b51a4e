/* file.c - see file.h */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

int ev_file_read(const char *path, size_t max, struct ev_buf *out, struct ev_error *err)
{
	size_t start = out->len, n = 1;
	FILE *f = fopen(path, "rb");
	int e = 0;

	if (!f)
		return ev_fail(err, EV_USAGE, "cannot open '%s': %s", path, strerror(errno));
	while (n && out->len - start <= max && ev_buf_reserve(out, 65536)) {
		n = fread(out->data + out->len, 1, 65536, f);
		out->len += n;
		out->data[out->len] = '\0';
	}
	if (ferror(f))
		e = errno ? errno : EIO;
	fclose(f);
	if (e || out->failed)
		return ev_fail(err, EV_USAGE, "cannot read '%s': %s", path, strerror(e ? e : ENOMEM));
	if (out->len - start > max)
		return ev_fail(err, EV_USAGE, "'%s' is larger than %zu bytes", path, max);
	return 0;
}

static int write_all(int fd, struct ev_slice data)
{
	for (size_t at = 0; at < data.len;) {
		ssize_t n = write(fd, data.ptr + at, data.len - at);

		if (n < 0 && errno != EINTR)
			return -1;
		at += n > 0 ? (size_t)n : 0;
	}
	return fsync(fd);
}

/* The rename lasts only when the folder is on disk too. */
static int sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash ? ev_strndup(path, slash == path ? 1 : (size_t)(slash - path))
			     : ev_strdup(".");
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	free(folder);
	if (fd < 0)
		return -1;
	rc = fsync(fd);
	close(fd);
	return rc;
}

int ev_file_replace(const char *path, struct ev_slice data, struct ev_error *err)
{
	struct ev_buf temp = EV_BUF_INIT;
	mode_t mask = umask(0);
	int fd, rc = -1, e;

	umask(mask);
	ev_buf_addf(&temp, "%s.XXXXXX", path);
	fd = mkostemp(temp.data, O_CLOEXEC);
	if (fd >= 0) {
		rc = fchmod(fd, 0666 & ~mask) < 0 || write_all(fd, data) < 0 ? -1 : 0;
		e = errno;
		if (close(fd) < 0 && rc == 0) {
			rc = -1;
			e = errno;
		}
		if (rc == 0 && (rc = rename(temp.data, path)) < 0)
			e = errno;
		if (rc < 0)
			unlink(temp.data);
		errno = e;
		if (rc == 0)
			rc = sync_folder(path);
	}
	if (rc < 0)
		ev_fail(err, EV_STORE, "cannot write '%s': %s", path, strerror(errno));
	ev_buf_release(&temp);
	return rc;
}
