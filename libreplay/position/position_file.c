/* position_file.c - a position in a file */
#include "base/file.h"
#include "position/position.h"

#define MAX_FILE (16u << 20) /* bytes; some 500,000 partitions */

int ev_position_load(struct ev_position *p, const char *file, struct ev_error *err)
{
	struct ev_buf text = EV_BUF_INIT;
	int rc = ev_file_read(file, MAX_FILE, &text, err);

	if (!rc) {
		rc = ev_position_read(p, ev_buf_slice(&text), err);
		if (rc)
			ev_context(err, "cannot read position '%s'", file);
	}
	ev_buf_release(&text);
	return rc;
}

int ev_position_save(const struct ev_position *p, const char *file, struct ev_error *err)
{
	struct ev_buf text = EV_BUF_INIT;
	int rc;

	ev_position_print(p, &text);
	ev_buf_addc(&text, '\n');
	if (text.failed)
		rc = ev_fail(err, EV_STORE, "cannot write '%s': out of memory", file);
	else
		rc = ev_file_replace(file, ev_buf_slice(&text), err);
	ev_buf_release(&text);
	return rc;
}
