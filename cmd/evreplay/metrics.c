/* metrics.c - a Prometheus textfile of a copy: --metrics */
#include "common/metrics.h"

#include <stdio.h>

#include "base/clock.h"
#include "evreplay/replay.h"

enum { EVERY_MS = 10000 };

static void one(struct ev_metrics *m, const char *job, const char *name, const char *type, const char *help,
		double value)
{
	ev_metric(m, name, type, help);
	ev_metric_value(m, value, "job", job, NULL);
}

/* Of a partition of the source: behind what the last flush made safe. */
static void add_parts(const struct replay *r, const char *job, struct ev_metrics *m)
{
	char partition[16];

	ev_metric(m, "ev_replay_safe_offset", "gauge", "Everything before it is safe in the target.");
	for (size_t i = 0; i < r->safe.n; i++) {
		const struct ev_position_entry *e = &r->safe.v[i];

		snprintf(partition, sizeof(partition), "%d", (int)e->partition);
		ev_metric_value(m, (double)e->offset, "job", job, "topic", e->topic, "partition", partition, NULL);
	}
}

static int save(struct replay *r, bool running, bool failed, struct ev_error *err)
{
	const struct replay_args *a = r->args;
	const char *job = a->job ? a->job : a->redrive ? a->group : a->into ? a->into : "";
	struct ev_metrics m;
	int rc;

	ev_metrics_init(&m);
	one(&m, job, "ev_replay_read_records_total", "counter", "Records read.", (double)r->read);
	one(&m, job, "ev_replay_sent_records_total", "counter", "Records handed to the target.",
	    r->sink ? (double)r->sink->records : 0);
	one(&m, job, "ev_replay_sent_bytes_total", "counter", "Bytes of their keys, values and headers.",
	    r->sink ? (double)r->sink->bytes : 0);
	add_parts(r, job, &m);
	one(&m, job, "ev_replay_running", "gauge", "1 while the copy is at work.", running);
	one(&m, job, "ev_replay_failed", "gauge", "1 when it ended by an error.", failed);
	one(&m, job, "ev_replay_updated_seconds", "gauge", "When this file was written.", (double)ev_now_ms() / 1000);
	rc = ev_metrics_save(&m, a->metrics, err);
	ev_metrics_release(&m);
	r->metrics_ms = ev_clock_ms();
	return rc;
}

int replay_metrics_due(struct replay *r, struct ev_error *err)
{
	if (!r->args->metrics || r->args->dry_run || (r->metrics_ms && ev_clock_ms() - r->metrics_ms < EVERY_MS))
		return 0;
	return save(r, true, false, err);
}

int replay_metrics_end(struct replay *r, bool failed, struct ev_error *err)
{
	return r->args->metrics && !r->args->dry_run ? save(r, false, failed, err) : 0;
}
