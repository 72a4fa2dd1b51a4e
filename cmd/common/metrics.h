/*
 * metrics.h - a Prometheus textfile, written atomically (--metrics FILE.prom)
 *
 *   struct ev_metrics m; ev_metrics_init(&m);
 *   ev_metric(&m, "ev_applied_records_total", "counter", "Records applied.");
 *   ev_metric_value(&m, 12, "topic", "orders", "partition", "0", NULL);
 *   ev_metrics_save(&m, file, err);
 */
#ifndef EV_METRICS_H
#define EV_METRICS_H

#include "base/buf.h"
#include "base/error.h"

struct ev_metrics {
	struct ev_buf text;
	const char *name; /* of the metric whose values follow */
};

void ev_metrics_init(struct ev_metrics *m);
void ev_metrics_release(struct ev_metrics *m);
/* Start a metric: name and type are constants, help one sentence. */
void ev_metric(struct ev_metrics *m, const char *name, const char *type, const char *help);
/* A value of it with label name and value pairs, ended by NULL; label values are escaped. */
void ev_metric_value(struct ev_metrics *m, double value, ...);
/* By ev_file_replace; the file beside is no *.prom, so no collector reads the half of it. */
int ev_metrics_save(const struct ev_metrics *m, const char *file, struct ev_error *err);

#endif
