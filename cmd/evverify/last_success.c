/* last_success.c - see last_success.h */
#include "evverify/last_success.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "common/metrics.h"
#include "evverify/evverify.h"

#define MAX_FILE (4u << 20)

int ev_last_success(const char *file, const char *projection, const char *check, double *out, struct ev_error *err)
{
	struct ev_buf old = EV_BUF_INIT;
	struct ev_metrics m;
	const char *at;
	size_t head;
	int rc;

	*out = -1;
	if (access(file, F_OK) && errno == ENOENT)
		return 0;

	/* the line as it would be written, up to its value */
	ev_metrics_init(&m);
	m.name = "evverify_last_success_timestamp_seconds";
	ev_metric_value(&m, 0, "projection", projection ? projection : "", EV_PROM_LABEL(check));
	head = m.text.len - 2; /* without `0` and the line feed */
	rc = ev_file_read(file, MAX_FILE, &old, err);
	if (rc < 0)
		err->class = EV_STORE;
	else
		for (at = ev_buf_str(&old); at && *at; at = strchr(at, '\n'), at += at != NULL)
			if (strncmp(at, ev_buf_str(&m.text), head) == 0)
				*out = strtod(at + head, NULL);
	ev_metrics_release(&m);
	ev_buf_release(&old);
	return rc;
}
