/*
 * drill_sqlite.c - the copies of a view in SQLite: two files in a folder of their own
 *
 * SQLite writes the first by itself (VACUUM INTO, which is one read of the store); `work` is a copy of that file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/sqlite_file.h"
#include "verify/drill_impl.h"

int ev_drill_sqlite_take(struct ev_drill_copy *c, const struct ev_projection *p, const struct ev_verify_options *opt,
			 struct ev_error *err)
{
	const char *tmp = getenv("TMPDIR");
	struct ev_buf path = EV_BUF_INIT, sql = EV_BUF_INIT;
	struct ev_store *from;
	int rc;

	ev_buf_addf(&path, "%s/evdrill.XXXXXX", tmp && *tmp ? tmp : "/tmp");
	c->dir = ev_strdup(ev_buf_str(&path));
	if (!mkdtemp(c->dir)) {
		rc = ev_fail(err, EV_STORE, "cannot make the folder '%s': %s", c->dir, strerror(errno));
		free(c->dir);
		c->dir = NULL;
		ev_buf_release(&path);
		return rc;
	}
	ev_buf_addf(&sql, "%s/pristine.db", c->dir);
	c->pristine = ev_strdup(ev_buf_str(&sql));
	ev_buf_clear(&sql);
	ev_buf_addf(&sql, "%s/work.db", c->dir);
	c->url = c->work = ev_strdup(ev_buf_str(&sql));
	ev_buf_clear(&sql);
	ev_buf_adds(&sql, "VACUUM INTO ");
	ev_buf_add_quoted(&sql, c->pristine, '\'');
	from = ev_store_open(opt->url, opt->store, err);
	rc = from ? ev_drill_copy_tables(c, from, p->name, err) : -1;
	if (rc == 0)
		rc = from->ops->script(from, ev_buf_str(&sql), err);
	if (from)
		from->ops->close(from);
	ev_buf_release(&path);
	ev_buf_release(&sql);
	return rc;
}

static int copy_bytes(int from, int to, const char *path, struct ev_error *err)
{
	ssize_t n;

	while ((n = sendfile(to, from, NULL, 1 << 30)) > 0)
		continue;
	return n < 0 ? ev_fail(err, EV_STORE, "cannot write '%s': %s", path, strerror(errno)) : 0;
}

static void drop_work(const struct ev_drill_copy *c)
{
	struct ev_error ignored = EV_ERROR_INIT; /* what stays is found when the new one is made */

	ev_sqlite_unlink(c->work, &ignored);
}

int ev_drill_sqlite_renew(struct ev_drill_copy *c, bool empty, struct ev_error *err)
{
	int from, to, rc;

	drop_work(c);
	if (empty)
		return 0;
	from = open(c->pristine, O_RDONLY | O_CLOEXEC);
	to = from < 0 ? -1 : open(c->work, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	rc = to < 0 ? ev_fail(err, EV_STORE, "cannot copy '%s': %s", c->pristine, strerror(errno))
		    : copy_bytes(from, to, c->work, err);
	if (to >= 0 && close(to) != 0 && rc == 0)
		rc = ev_fail(err, EV_STORE, "cannot write '%s': %s", c->work, strerror(errno));
	if (from >= 0)
		close(from);
	return rc;
}

void ev_drill_sqlite_release(struct ev_drill_copy *c)
{
	if (!c->dir)
		return;
	if (c->work)
		drop_work(c);
	if (c->pristine)
		unlink(c->pristine);
	rmdir(c->dir);
	free(c->dir);
	c->dir = NULL;
}
