/* kafka_config.c - properties and client handles of the Kafka source; see kafka.h */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "source/kafka.h"

int64_t ev_kafka_down_since(struct ev_kafka *k, rd_kafka_t *rk)
{
	rd_kafka_poll(rk, 0);
	return ev_kafka_log_down_since(k->log);
}

int ev_kafka_fail(struct ev_kafka *k, struct ev_error *err, rd_kafka_resp_err_t e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	ev_kafka_log_fail(k->log, EV_SOURCE, err, e, fmt, ap);
	va_end(ap);
	return -1;
}

/* What a read that ends rests on. */
static const char *const forced[] = {
	"enable.partition.eof", "true", "auto.offset.reset", "error", "enable.auto.commit", "false", NULL,
};

static bool names_path(const struct ev_source_spec *spec)
{
	for (size_t i = 0; i < spec->ntopics; i++)
		if (ev_source_path_is(spec->topics[i].topic))
			return true;
	return false;
}

int ev_kafka_properties(struct ev_kafka *k, const struct ev_source_spec *spec, struct ev_error *err)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char value[1024];
	int rc = 0;

	if (spec->properties_file)
		rc = ev_properties_file(&k->properties, conf, spec->properties_file, err);
	for (size_t i = 0; !rc && i < spec->nproperties; i++)
		if (!(rc = ev_properties_add(&k->properties, conf, spec->properties[i], err)))
			rc = ev_property_refuse(&k->properties.v[k->properties.n - 1], forced, err);
	if (!rc) {
		k->base.uncommitted = !strcmp(ev_property_of(conf, "isolation.level", value, sizeof(value)),
					 "read_uncommitted");
		k->brokers = ev_strdup(spec->brokers && *spec->brokers ? spec->brokers :
				       ev_property_of(conf, "bootstrap.servers", value, sizeof(value)));
		if (!*k->brokers) {
			ev_fail(err, EV_USAGE, "cannot read topics: no broker is given");
			rc = ev_hint(err, "give one with -b HOST:PORT or in EV_BROKERS%s",
				     names_path(spec) ? "; a file or archive here is named with ./ before it" : "");
		}
	}
	rd_kafka_conf_destroy(conf);
	return rc;
}

/* One of ours (NULL: as if nobody had set it): a version that does not know it goes without. */
static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char why[256];

	rd_kafka_conf_set(conf, name, value, why, sizeof(why));
}

static void set_number(rd_kafka_conf_t *conf, const char *name, size_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%zu", value);
	set(conf, name, text);
}

#define QUEUES_MAX ((size_t)256 << 20)

/*
 * Share the memory among the queues: half of it for the bytes of the records, half for what the
 * client keeps with each of them (about 400 bytes). More than about half a second of work gains
 * nothing, and costs the time to touch new memory; kafka_rouse.c wakes a client that sleeps.
 * A queue that is not full yet takes one answer more, which is unpacked on the way: so answers are small.
 */
static void set_queues(rd_kafka_conf_t *conf, size_t memory, struct kafka_shape shape)
{
	size_t share;

	memory = memory < QUEUES_MAX ? memory : QUEUES_MAX;
	share = memory / (shape.queues ? shape.queues : 1) / 2;

	set_number(conf, "queued.max.messages.kbytes", ev_clamp(share >> 10, 64, 2097151));
	set_number(conf, "queued.min.messages", ev_clamp(share / 400, 100, 2000000));
	set_number(conf, "fetch.message.max.bytes", ev_clamp(share / 24, 65536, 1 << 20));
	set_number(conf, "fetch.max.bytes", ev_clamp(memory / 4, 1 << 20, 50 << 20));
	set(conf, "fetch.queue.backoff.ms", "5");
	set(conf, "fetch.wait.max.ms", shape.follow ? "100" : "20");
}

static void set_defaults(rd_kafka_conf_t *conf)
{
	set(conf, "client.id", "evtools");
	set(conf, "check.crcs", "true");
	set(conf, "auto.commit.enable", "false");
	set(conf, "enable.auto.offset.store", "false");
	set(conf, "isolation.level", "read_committed");
	set(conf, "allow.auto.create.topics", "false");
	set(conf, "log.connection.close", "false");
	set(conf, "reconnect.backoff.ms", "50");
	set(conf, "reconnect.backoff.max.ms", "1000");
	set(conf, "fetch.error.backoff.ms", "100");
}

/* It never joins; the session is only how long a close waits for a coordinator that is away. */
static void set_group(rd_kafka_conf_t *conf, const char *group)
{
	set(conf, "group.id", group);
	set(conf, "session.timeout.ms", "2000");
	set(conf, "heartbeat.interval.ms", "500");
}

/* One that joins: forgotten soon after a kill. What the user says of it counts more. */
static void set_member(rd_kafka_conf_t *conf, const char *group)
{
	set(conf, "group.id", group);
	set(conf, "session.timeout.ms", "6000"); /* the least that a broker takes unless told otherwise */
	set(conf, "heartbeat.interval.ms", "1000");
	set(conf, "max.poll.interval.ms", "86400000"); /* it reads nothing: a thread answers all the time */
	rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_REBALANCE);
}

rd_kafka_t *ev_kafka_client(struct ev_kafka *k, enum kafka_role role, const char *group,
			    struct ev_error *err)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char why[512];
	rd_kafka_t *rk;

	set_defaults(conf);
	set_queues(conf, k->memory, k->shape);
	set(conf, "bootstrap.servers", k->brokers);
	if (role == KAFKA_MEMBER)
		set_member(conf, group);
	for (size_t i = 0; i < k->properties.n; i++)
		if (strcmp(k->properties.v[i].name, "bootstrap.servers") &&
		    ev_property_set(conf, &k->properties.v[i], err)) {
			rd_kafka_conf_destroy(conf);
			return NULL;
		}
	ev_properties_ours(conf, forced);
	if (role == KAFKA_PROBE || role == KAFKA_LOOK) {
		bool all = role == KAFKA_LOOK || !k->base.uncommitted;

		set(conf, "isolation.level", all ? "read_uncommitted" : "read_committed");
		set(conf, "fetch.message.max.bytes", "65536"); /* it reads single records */
		set(conf, "fetch.wait.max.ms", "1");
	}
	if (role == KAFKA_GROUP)
		set_group(conf, group);
	if (role == KAFKA_MEMBER) {
		set(conf, "group.id", group);
		set(conf, "partition.assignment.strategy", "range"); /* a cooperative one is answered otherwise */
		set(conf, "group.protocol", NULL);	/* whose rules those of kafka_member.c are */
		set(conf, "group.instance.id", NULL);	/* one that stays a member when it has gone, and is not alone */
	}
	if (role == KAFKA_READER && k->markers)
		set(conf, "debug", "msg");
	ev_kafka_log_install(k->log, conf);
	rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
	if (!rk) {
		rd_kafka_conf_destroy(conf);
		ev_fail(err, EV_USAGE, "cannot set up the Kafka client: %s", why);
	}
	return rk;
}

rd_kafka_topic_t *ev_kafka_reader_topic(struct ev_kafka *k, size_t topic)
{
	if (!k->topics[topic].reader)
		k->topics[topic].reader = rd_kafka_topic_new(k->reader, k->topics[topic].name, NULL);
	return k->topics[topic].reader;
}

int ev_kafka_need_reader(struct ev_kafka *k, struct kafka_shape shape, struct ev_error *err)
{
	if (k->reader && shape.queues == k->shape.queues && shape.follow == k->shape.follow)
		return 0;
	if (k->reader) {
		for (size_t i = 0; i < k->ntopics; i++)
			if (k->topics[i].reader)
				rd_kafka_topic_destroy(k->topics[i].reader);
		for (size_t i = 0; i < k->ntopics; i++)
			k->topics[i].reader = NULL;
		ev_kafka_destroy(k->reader, k->log);
	}
	k->shape = shape;
	k->reader = ev_kafka_client(k, KAFKA_READER, NULL, err);
	return k->reader ? 0 : -1;
}
