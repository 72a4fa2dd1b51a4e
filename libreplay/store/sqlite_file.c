/* sqlite_file.c - see sqlite_file.h */
#include "store/sqlite_file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"

int ev_sqlite_unlink(const char *database, struct ev_error *err)
{
	static const char *const tails[] = { "-wal", "-shm", "-journal", "-evlock", "", NULL };
	struct ev_buf name = EV_BUF_INIT;
	int rc = 0;

	for (const char *const *t = tails; *t && rc == 0; t++) {
		ev_buf_clear(&name);
		ev_buf_addf(&name, "%s%s", database, *t);
		if (unlink(ev_buf_str(&name)) < 0 && errno != ENOENT)
			rc = ev_fail(err, EV_STORE, "cannot remove '%s': %s", ev_buf_str(&name),
				     strerror(errno));
	}
	ev_buf_release(&name);
	return rc;
}
