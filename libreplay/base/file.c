/* file.c - see file.h */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define READ_SIZE 65536
#define MAX_TRIES 1000 /* names for the temporary file */

/* To the end, or a little past `max` bytes. */
static int read_all(int fd, size_t max, struct ev_buf *out)
{
	size_t start = out->len;

	while (out->len - start <= max) {
		ssize_t n;

		if (!ev_buf_reserve(out, READ_SIZE)) {
			errno = ENOMEM;
			return -1;
		}
		n = read(fd, out->data + out->len, READ_SIZE);
		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -1;
		out->len += n > 0 ? (size_t)n : 0;
		out->data[out->len] = '\0';
	}
	return 0;
}

int ev_file_advise(int e, struct ev_error *err)
{
	return e != EMFILE ? -1 : ev_hint(err, "more files have to be open at once than 'ulimit -Hn' allows: raise it, "
					  "or read fewer");
}

int ev_file_read(const char *path, size_t max, struct ev_buf *out, struct ev_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0, e = errno;
	size_t start = out->len;

	if (fd < 0) {
		ev_fail(err, EV_USAGE, "cannot open '%s': %s", path, strerror(e));
		return ev_file_advise(e, err);
	}
	if (read_all(fd, max, out))
		rc = ev_fail(err, EV_USAGE, "cannot read '%s': %s", path, strerror(errno));
	else if (out->len - start > max)
		rc = ev_fail(err, EV_USAGE, "cannot read '%s': larger than %zu bytes", path, max);
	close(fd);
	return rc;
}

/* The file that is to be replaced: a link is followed and stays. NULL with errno. */
static char *resolve(const char *file)
{
	struct stat st;

	if (lstat(file, &st))
		return errno == ENOENT ? ev_strdup(file) : NULL;
	if (S_ISLNK(st.st_mode) && stat(file, &st))
		return NULL;
	if (!S_ISREG(st.st_mode)) { /* a rename would put a file in the place of a device */
		errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
		return NULL;
	}
	return realpath(file, NULL);
}

/*
 * A new file beside `file`, its name in `name`. Not by mkstemp, so that the mode is what the user's
 * umask says, without a look at the umask that other threads would see.
 */
static int open_beside(const char *file, struct ev_buf *name)
{
	int fd;

	for (int i = 0; i < MAX_TRIES; i++) {
		ev_buf_clear(name);
		ev_buf_addf(name, "%s.%ld-%d.tmp", file, (long)getpid(), i);
		fd = open(ev_buf_str(name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (fd >= 0 || errno != EEXIST)
			return fd;
	}
	return -1;
}

static int write_all(int fd, struct ev_slice s)
{
	while (s.len) {
		ssize_t n = write(fd, s.ptr, s.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		s.ptr += n;
		s.len -= (size_t)n;
	}
	return fsync(fd);
}

/* Make the rename last. Some file systems cannot sync a folder, and say EINVAL. */
static int sync_folder(const char *file)
{
	const char *slash = strrchr(file, '/');
	char *folder = !slash ? ev_strdup(".") :
		       ev_strndup(file, slash == file ? 1 : (size_t)(slash - file));
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc, e;

	free(folder);
	if (fd < 0)
		return errno == EACCES ? 0 : -1; /* one may write into a folder one cannot read */
	rc = fsync(fd);
	e = errno;
	close(fd);
	errno = e;
	return rc && e != EINVAL ? -1 : 0;
}

static int replace(const char *file, struct ev_slice text)
{
	struct ev_buf name = EV_BUF_INIT;
	int fd = open_beside(file, &name), e;

	if (fd < 0) {
		e = errno;
	} else {
		e = write_all(fd, text) ? errno : 0;
		if (close(fd) && !e)
			e = errno;
		if (!e && rename(ev_buf_str(&name), file))
			e = errno;
		if (e)
			unlink(ev_buf_str(&name));
		else if (sync_folder(file))
			e = errno;
	}
	ev_buf_release(&name);
	errno = e;
	return e ? -1 : 0;
}

/* `what` is done with the path that the file really has. */
static int at_place(const char *path, int (*what)(const char *file, struct ev_slice text), struct ev_slice text,
		    struct ev_error *err)
{
	char *target = resolve(path);
	int rc = 0;

	if (!target)
		rc = ev_fail(err, EV_STORE, "cannot write '%s': %s", path,
			     errno == EINVAL ? "not a regular file" : strerror(errno));
	else if (what(target, text))
		rc = ev_fail(err, EV_STORE, "cannot write '%s': %s", path, strerror(errno));
	free(target);
	return rc;
}

int ev_file_replace(const char *path, struct ev_slice data, struct ev_error *err)
{
	return at_place(path, replace, data, err);
}

static int try_beside(const char *file, struct ev_slice nothing)
{
	struct ev_buf name = EV_BUF_INIT;
	int fd = open_beside(file, &name), e = errno;

	(void)nothing;
	if (fd >= 0) {
		close(fd);
		unlink(ev_buf_str(&name));
	}
	ev_buf_release(&name);
	errno = e;
	return fd < 0 ? -1 : 0;
}

int ev_file_replaceable(const char *path, struct ev_error *err)
{
	return at_place(path, try_beside, (struct ev_slice){ NULL, 0 }, err);
}
