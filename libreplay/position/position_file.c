/*
 * position_file.c - a position in a file
 *
 * A file is replaced, never changed: at every moment it holds the old position or the new one.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "position/position.h"

#define MAX_FILE (16u << 20) /* bytes; some 500,000 partitions */
#define MAX_TRIES 1000       /* names for the temporary file */

static int read_all(int fd, struct ev_buf *out)
{
	ssize_t n;

	for (;;) {
		if (!ev_buf_reserve(out, 65536)) {
			errno = ENOMEM;
			return -1;
		}
		n = read(fd, out->data + out->len, 65536);
		if (n == 0)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		out->len += (size_t)n;
		out->data[out->len] = '\0';
		if (out->len > MAX_FILE) {
			errno = EFBIG;
			return -1;
		}
	}
}

int ev_position_load(struct ev_position *p, const char *file, struct ev_error *err)
{
	struct ev_buf text = EV_BUF_INIT;
	int fd = open(file, O_RDONLY | O_CLOEXEC), rc;

	if (fd < 0)
		return ev_fail(err, EV_USAGE, "cannot read position '%s': %s", file, strerror(errno));
	if (read_all(fd, &text)) {
		rc = ev_fail(err, EV_USAGE, "cannot read position '%s': %s", file, strerror(errno));
	} else {
		rc = ev_position_read(p, ev_buf_slice(&text), err);
		if (rc)
			ev_context(err, "cannot read position '%s'", file);
	}
	close(fd);
	ev_buf_release(&text);
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

int ev_position_save(const struct ev_position *p, const char *file, struct ev_error *err)
{
	struct ev_buf text = EV_BUF_INIT;
	char *target = resolve(file);
	int rc = 0;

	ev_position_print(p, &text);
	ev_buf_addc(&text, '\n');
	if (!target)
		rc = ev_fail(err, EV_STORE, "cannot write position '%s': %s", file,
			     errno == EINVAL ? "not a regular file" : strerror(errno));
	else if (text.failed)
		rc = ev_fail(err, EV_STORE, "cannot write position '%s': out of memory", file);
	else if (replace(target, ev_buf_slice(&text)))
		rc = ev_fail(err, EV_STORE, "cannot write position '%s': %s", file, strerror(errno));
	free(target);
	ev_buf_release(&text);
	return rc;
}
