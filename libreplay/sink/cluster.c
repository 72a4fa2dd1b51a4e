/* cluster.c - connections to a cluster that is written to; see cluster.h */
#include "sink/cluster.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

struct ev_cluster_spec ev_cluster_of(const struct ev_source_spec *s)
{
	return (struct ev_cluster_spec){ s->brokers, s->properties_file, s->properties, s->nproperties,
					 s->timeout_ms };
}

void ev_cluster_source(const struct ev_cluster_spec *c, bool (*stopped)(void), struct ev_source_spec *out)
{
	*out = (struct ev_source_spec)EV_SOURCE_SPEC_INIT;
	out->brokers = ev_strdup(c->brokers);
	out->properties_file = ev_strdup(c->properties_file);
	for (size_t i = 0; i < c->nproperties; i++)
		*EV_PUSH(out->properties, out->nproperties) = ev_strdup(c->properties[i]);
	out->timeout_ms = c->timeout_ms;
	out->stopped = stopped;
}

int ev_cluster_fail(struct ev_cluster *c, struct ev_error *err, rd_kafka_resp_err_t e,
		    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	ev_kafka_log_fail(c->log, EV_STORE, err, e, fmt, ap);
	va_end(ap);
	return -1;
}

static int set_user(struct ev_cluster *c, rd_kafka_conf_t *conf, const struct ev_cluster_spec *spec,
		    const char *const *forced, struct ev_error *err)
{
	struct ev_properties p = { 0 };
	char value[1024];
	int rc = 0;

	if (spec->properties_file)
		rc = ev_properties_file(&p, conf, spec->properties_file, err);
	for (size_t i = 0; !rc && i < spec->nproperties; i++) {
		rc = ev_properties_add(&p, conf, spec->properties[i], err);
		if (!rc)
			rc = ev_property_refuse(&p.v[p.n - 1], forced, err);
	}
	ev_properties_release(&p);
	c->brokers = ev_strdup(spec->brokers && *spec->brokers ? spec->brokers :
			       ev_property_of(conf, "bootstrap.servers", value, sizeof(value)));
	if (!rc && !*c->brokers) {
		ev_fail(err, EV_USAGE, "cannot write topics: no broker is given");
		rc = ev_hint(err, "give one with -b HOST:PORT or --into-broker, or in EV_BROKERS");
	}
	return rc;
}

/* The cluster's id comes with the first metadata. */
static int connect_to(struct ev_cluster *c, bool (*stopped)(void), struct ev_error *err)
{
	int64_t until = ev_clock_ms() + c->timeout_ms;
	rd_kafka_resp_err_t e;

	do {
		const struct rd_kafka_metadata *md;
		int64_t left = until - ev_clock_ms();

		e = rd_kafka_metadata(c->rk, 0, NULL, &md, (int)(left < 1000 ? left : 1000));
		rd_kafka_poll(c->rk, 0);
		if (!e) {
			char *id = rd_kafka_clusterid(c->rk, c->timeout_ms);

			rd_kafka_metadata_destroy(md);
			c->id = ev_strdup(id);
			if (id)
				rd_kafka_mem_free(c->rk, id);
			ev_kafka_log_clear(c->log);
			return 0;
		}
	} while (ev_clock_ms() < until && !(stopped && stopped()));
	return ev_cluster_fail(c, err, e, "cannot reach broker '%s'", c->brokers);
}

struct ev_cluster *ev_cluster_open(const struct ev_cluster_spec *spec, const char *const *defaults,
				   const char *const *forced,
				   void (*delivered)(rd_kafka_t *, const rd_kafka_message_t *, void *),
				   bool (*stopped)(void), struct ev_error *err)
{
	static const char *const ours[] = {
		"client.id", "evtools", "log.connection.close", "false",
		"reconnect.backoff.ms", "50", "reconnect.backoff.max.ms", "1000", NULL,
	};
	struct ev_cluster *c = ev_alloc(sizeof(*c));
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char why[512];

	c->log = ev_kafka_log_new();
	c->timeout_ms = spec->timeout_ms;
	ev_properties_ours(conf, ours);
	ev_properties_ours(conf, defaults);
	if (set_user(c, conf, spec, forced, err)) {
		rd_kafka_conf_destroy(conf);
		ev_cluster_close(c);
		return NULL;
	}
	ev_properties_ours(conf, forced);
	rd_kafka_conf_set(conf, "bootstrap.servers", c->brokers, why, sizeof(why));
	ev_kafka_log_install(c->log, conf);
	if (delivered)
		rd_kafka_conf_set_dr_msg_cb(conf, delivered);
	c->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
	if (!c->rk) {
		rd_kafka_conf_destroy(conf);
		ev_fail(err, EV_USAGE, "cannot set up the Kafka client: %s", why);
	}
	if (!c->rk || connect_to(c, stopped, err)) {
		ev_cluster_close(c);
		return NULL;
	}
	return c;
}

bool ev_cluster_close(struct ev_cluster *c)
{
	bool gone;

	if (!c)
		return true;
	if (c->rk) {
		rd_kafka_purge(c->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
					      RD_KAFKA_PURGE_F_NON_BLOCKING);
		ev_kafka_destroy(c->rk, c->log);
	}
	gone = ev_kafka_log_free(c->log);
	free(c->brokers);
	free(c->id);
	free(c);
	return gone;
}
