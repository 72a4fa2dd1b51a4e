/* prom.c - the verdict as a Prometheus textfile */
#include "common/metrics.h"
#include "evverify/evverify.h"

static void modes(struct ev_metrics *m, const struct ev_verdict *v, const char *check)
{
	const char *name = v->projection ? v->projection : "";

	ev_metric(m, "evverify_checked", "gauge", "Rows, offsets or checks that were looked at.");
	for (size_t i = 0; i < v->nmodes; i++)
		ev_metric_value(m, (double)v->modes[i]->checked, "projection", name, "mode", v->modes[i]->name,
				EV_PROM_LABEL(check));
	ev_metric(m, "evverify_complete", "gauge", "1 where the mode was checked to its end.");
	for (size_t i = 0; i < v->nmodes; i++)
		ev_metric_value(m, v->modes[i]->state == EV_MODE_DONE, "projection", name, "mode",
				v->modes[i]->name, EV_PROM_LABEL(check));
	ev_metric(m, "evverify_differences", "gauge", "Findings by kind; 0 in all where there are none.");
	for (size_t i = 0; i < v->nmodes; i++) {
		ev_metric_value(m, (double)v->modes[i]->found, "projection", name, "mode", v->modes[i]->name, "kind",
				"all", EV_PROM_LABEL(check));
		for (size_t k = 0; k < v->modes[i]->nkinds; k++)
			ev_metric_value(m, (double)v->modes[i]->kinds[k].n, "projection", name, "mode",
					v->modes[i]->name, "kind", v->modes[i]->kinds[k].kind, EV_PROM_LABEL(check));
	}
}

void ev_print_prom(const struct ev_verdict *v, int status, double last_success, const char *check, struct ev_buf *out)
{
	const char *name = v->projection ? v->projection : "";
	struct ev_metrics m;

	ev_metrics_init(&m);
	ev_metric(&m, "evverify_status", "gauge", "Exit status of the last check.");
	ev_metric_value(&m, status, "projection", name, EV_PROM_LABEL(check));
	ev_metric(&m, "evverify_run_complete", "gauge", "1 where the last check was complete.");
	ev_metric_value(&m, status <= 1, "projection", name, EV_PROM_LABEL(check));
	modes(&m, v, check);
	ev_metric(&m, "evverify_duration_seconds", "gauge", "How long the last check took.");
	ev_metric_value(&m, (double)(v->ended_at - v->started_at) / 1000, "projection", name, EV_PROM_LABEL(check));
	ev_metric(&m, "evverify_last_run_timestamp_seconds", "gauge", "When the last check ended.");
	ev_metric_value(&m, (double)v->ended_at / 1000, "projection", name, EV_PROM_LABEL(check));
	if (last_success >= 0) {
		ev_metric(&m, "evverify_last_success_timestamp_seconds", "gauge",
			  "When a check last ended as consistent.");
		ev_metric_value(&m, last_success, "projection", name, EV_PROM_LABEL(check));
	}
	ev_buf_add_slice(out, ev_buf_slice(&m.text));
	ev_metrics_release(&m);
}
