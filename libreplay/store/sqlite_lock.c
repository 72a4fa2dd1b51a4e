/* sqlite_lock.c - see sqlite_lock.h */
#include "store/sqlite_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/buf.h"
#include "base/clock.h"

#define POLL_MS 20

/* The byte of a projection. */
static struct flock range_of(const char *projection)
{
	return (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1,
			       .l_start = (off_t)(XXH3_64bits(projection, strlen(projection)) >> 2) };
}

/* As SQLite makes its own files beside the database: who may write that may run. */
static void make_alike(int fd, const char *database)
{
	struct stat st;

	if (stat(database, &st) < 0)
		return;
	if (fchmod(fd, st.st_mode & 0666) < 0 || geteuid() != 0)
		return;
	if (fchown(fd, st.st_uid, st.st_gid) < 0)
		return; /* it is a lock all the same */
}

static int open_file(const char *database, struct ev_error *err)
{
	struct ev_buf name = EV_BUF_INIT;
	int fd, why;

	ev_buf_addf(&name, "%s-evlock", database);
	fd = open(ev_buf_str(&name), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd >= 0)
		make_alike(fd, database);
	else if (errno == EEXIST)
		fd = open(ev_buf_str(&name), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	why = errno;
	if (fd < 0) {
		ev_fail(err, EV_STORE, "cannot open lock file '%s': %s", ev_buf_str(&name), strerror(why));
		if (why == EACCES && access(ev_buf_str(&name), F_OK) == 0)
			ev_hint(err, "another user made it: give it the owner and mode of the database, or delete it "
				     "while nothing runs");
	}
	ev_buf_release(&name);
	return fd;
}

int ev_sqlite_lock(const char *database, const char *projection, int wait_ms, bool (*give_up)(void),
		   struct ev_error *err)
{
	struct flock range = range_of(projection);
	struct timespec pause = { .tv_nsec = POLL_MS * 1000000 };
	int64_t end = ev_clock_ms() + wait_ms;
	int fd = open_file(database, err);
	bool told;

	if (fd < 0)
		return -1;
	while (fcntl(fd, F_OFD_SETLK, &range) < 0) {
		if (errno != EAGAIN && errno != EACCES && errno != EINTR) {
			ev_fail(err, EV_STORE, "cannot lock '%s-evlock': %s", database, strerror(errno));
			close(fd);
			return -1;
		}
		told = give_up && give_up();
		if (told || ev_clock_ms() >= end) {
			ev_fail(err, EV_HELD, "another process runs projection '%s'", projection);
			err->retriable = told;
			close(fd);
			return -1;
		}
		nanosleep(&pause, NULL);
	}
	return fd;
}

int ev_sqlite_locked(const char *database, const char *projection, struct ev_error *err)
{
	struct flock range = range_of(projection);
	struct ev_buf name = EV_BUF_INIT;
	int fd, rc = 0;

	ev_buf_addf(&name, "%s-evlock", database);
	fd = open(ev_buf_str(&name), O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		rc = fcntl(fd, F_OFD_GETLK, &range) < 0 ? -1 : range.l_type != F_UNLCK;
	else if (errno != ENOENT) /* else nobody has ever taken one */
		rc = -1;
	if (rc < 0)
		ev_fail(err, EV_STORE, "cannot look at lock file '%s': %s", ev_buf_str(&name), strerror(errno));
	if (fd >= 0)
		close(fd);
	ev_buf_release(&name);
	return rc;
}
