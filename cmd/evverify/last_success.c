/* last_success.c - see last_success.h */
#include "evverify/last_success.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "common/metrics.h"

#define MAX_FILE (4u << 20)

double ev_last_success(const char *file, const char *projection)
{
	struct ev_error ignored = EV_ERROR_INIT;
	struct ev_buf old = EV_BUF_INIT;
	struct ev_metrics m;
	const char *at;
	size_t head;
	double v = -1;

	/* the line as it would be written, up to its value */
	ev_metrics_init(&m);
	m.name = "evverify_last_success_timestamp_seconds";
	ev_metric_value(&m, 0, "projection", projection ? projection : "", NULL);
	head = m.text.len - 2; /* without `0` and the line feed */
	if (ev_file_read(file, MAX_FILE, &old, &ignored) == 0)
		for (at = ev_buf_str(&old); at && *at; at = strchr(at, '\n'), at += at != NULL)
			if (strncmp(at, ev_buf_str(&m.text), head) == 0)
				v = strtod(at + head, NULL);
	ev_metrics_release(&m);
	ev_buf_release(&old);
	return v;
}
