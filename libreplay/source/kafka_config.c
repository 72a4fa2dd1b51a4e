/* kafka_config.c - properties, client handles and what librdkafka said last; see kafka.h */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "source/kafka.h"

struct kafka_log {
	pthread_mutex_t lock; /* librdkafka logs from threads of its own */
	char last[512];
	int64_t down_since; /* touched only by the thread that uses the source */
};

struct kafka_log *ev_kafka_log_new(void)
{
	struct kafka_log *log = ev_alloc(sizeof(*log));

	pthread_mutex_init(&log->lock, NULL);
	return log;
}

void ev_kafka_log_free(struct kafka_log *log)
{
	pthread_mutex_destroy(&log->lock);
	free(log);
}

void ev_kafka_log_clear(struct kafka_log *log)
{
	pthread_mutex_lock(&log->lock);
	log->last[0] = '\0';
	pthread_mutex_unlock(&log->lock);
	log->down_since = 0;
}

/*
 * Keep the last error line, without the thread's name before it. Only real failures: a closed
 * connection is normal, and a line about a property could hold a secret.
 */
static void on_log(const rd_kafka_t *rk, int level, const char *fac, const char *text)
{
	struct kafka_log *log = rd_kafka_opaque(rk);
	const char *end;

	(void)fac;
	if (!log || level > 3 || strstr(text, "oauthbearer.config"))
		return;
	if (!strncmp(text, "[thrd:", 6) && (end = strstr(text, "]: ")))
		text = end + 3;
	pthread_mutex_lock(&log->lock);
	snprintf(log->last, sizeof(log->last), "%s", text);
	pthread_mutex_unlock(&log->lock);
}

static void on_error(rd_kafka_t *rk, int e, const char *reason, void *opaque)
{
	struct kafka_log *log = opaque;

	(void)rk, (void)reason;
	if (e == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && !log->down_since)
		log->down_since = ev_clock_ms();
}

int64_t ev_kafka_down_since(struct ev_kafka *k, rd_kafka_t *rk)
{
	rd_kafka_poll(rk, 0);
	return k->log->down_since;
}

int ev_kafka_fail(struct ev_kafka *k, struct ev_error *err, rd_kafka_resp_err_t e, const char *fmt, ...)
{
	char what[512], why[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&k->log->lock);
	snprintf(why, sizeof(why), "%s", k->log->last[0] ? k->log->last : rd_kafka_err2str(e));
	pthread_mutex_unlock(&k->log->lock);
	ev_fail(err, EV_SOURCE, "%s: %s", what, why);
	err->retriable = true;
	return -1;
}

static bool secret(const char *name)
{
	return strstr(name, "password") || strstr(name, "secret") || strstr(name, ".pem") ||
	       strstr(name, "oauthbearer.config");
}

static int set_user(rd_kafka_conf_t *conf, const struct kafka_property *p, struct ev_error *err)
{
	char why[512];

	if (rd_kafka_conf_set(conf, p->name, p->value, why, sizeof(why)) == RD_KAFKA_CONF_OK)
		return 0;
	if (secret(p->name) && !strstr(why, "No such"))
		return ev_fail(err, EV_USAGE, "cannot set property '%s': its value is refused", p->name);
	return ev_fail(err, EV_USAGE, "cannot set property '%s': %s", p->name, why);
}

/* Add NAME=VALUE, white space around both cut, and try it at once, so that errors name its place. */
static int add_property(struct ev_kafka *k, rd_kafka_conf_t *conf, const char *text,
			struct ev_error *err)
{
	const char *eq = strchr(text, '='), *end, *v;
	struct kafka_property *p;

	if (!eq || eq == text)
		return ev_fail(err, EV_USAGE, "cannot use a property without '=': NAME=VALUE expected");
	for (end = eq; end > text && strchr(" \t", end[-1]); end--)
		;
	EV_GROW(k->properties, k->nproperties, k->properties_cap);
	p = &k->properties[k->nproperties];
	p->name = ev_strndup(text, (size_t)(end - text));
	for (v = eq + 1; *v == ' ' || *v == '\t'; v++)
		;
	for (end = v + strlen(v); end > v && strchr(" \t\r\n", end[-1]); end--)
		;
	p->value = ev_strndup(v, (size_t)(end - v));
	k->nproperties++;
	return set_user(conf, p, err);
}

static int add_file(struct ev_kafka *k, rd_kafka_conf_t *conf, const char *path, struct ev_error *err)
{
	FILE *f = fopen(path, "re");
	char *line = NULL, *at;
	size_t cap = 0, n = 0;
	int rc = 0;

	if (!f)
		return ev_fail(err, EV_USAGE, "cannot open properties file '%s': %s", path, strerror(errno));
	while (!rc && getline(&line, &cap, f) >= 0) {
		n++;
		at = line + strspn(line, " \t\r\n");
		if (*at && *at != '#' && (rc = add_property(k, conf, at, err)))
			ev_context(err, "%s:%zu", path, n);
	}
	if (!rc && ferror(f))
		rc = ev_fail(err, EV_USAGE, "cannot read properties file '%s': %s", path, strerror(errno));
	free(line);
	fclose(f);
	return rc;
}

/*
 * What a read that ends rests on. In a properties file, which may serve other clients too, they
 * are passed over; asked for by -X they are an error.
 */
static const struct kafka_property forced[] = {
	{ "enable.partition.eof", "true" },
	{ "auto.offset.reset", "error" },
	{ "enable.auto.commit", "false" },
};

static int refuse_forced(const struct kafka_property *p, struct ev_error *err)
{
	for (size_t i = 0; i < sizeof(forced) / sizeof(forced[0]); i++)
		if (!strcmp(p->name, forced[i].name) && strcmp(p->value, forced[i].value))
			return ev_fail(err, EV_USAGE, "cannot set property '%s': it has to be '%s'",
				       p->name, forced[i].value);
	return 0;
}

/* What the user's properties come to, after all defaults. */
static const char *effective(rd_kafka_conf_t *conf, const char *name, char *out, size_t size)
{
	return rd_kafka_conf_get(conf, name, out, &size) == RD_KAFKA_CONF_OK ? out : "";
}

int ev_kafka_properties(struct ev_kafka *k, const struct ev_source_spec *spec, struct ev_error *err)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char value[1024];
	int rc = 0;

	if (spec->properties_file)
		rc = add_file(k, conf, spec->properties_file, err);
	for (size_t i = 0; !rc && i < spec->nproperties; i++)
		if (!(rc = add_property(k, conf, spec->properties[i], err)))
			rc = refuse_forced(&k->properties[k->nproperties - 1], err);
	if (!rc) {
		k->uncommitted = !strcmp(effective(conf, "isolation.level", value, sizeof(value)),
					 "read_uncommitted");
		k->brokers = ev_strdup(spec->brokers && *spec->brokers ? spec->brokers :
				       effective(conf, "bootstrap.servers", value, sizeof(value)));
		if (!*k->brokers) {
			ev_fail(err, EV_USAGE, "cannot read topics: no broker is given");
			rc = ev_hint(err, "give one with -b HOST:PORT or in EV_BROKERS");
		}
	}
	rd_kafka_conf_destroy(conf);
	return rc;
}

/* One of ours: a version that does not know it goes without. */
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

static size_t clamp(size_t v, size_t low, size_t high)
{
	return v < low ? low : v > high ? high : v;
}

/*
 * Share the memory among the queues: half of it for the bytes of the records, half for what the
 * client keeps with each of them (about 400 bytes). A client before 2.2 sleeps up to a second when
 * a queue is full, so queues are as long as that allows.
 */
static void set_queues(rd_kafka_conf_t *conf, size_t memory, struct kafka_shape shape)
{
	size_t share = memory / (shape.queues ? shape.queues : 1) / 2;

	set_number(conf, "queued.max.messages.kbytes", clamp(share >> 10, 64, 2097151));
	set_number(conf, "queued.min.messages", clamp(share / 400, 100, 2000000));
	set_number(conf, "fetch.message.max.bytes", clamp(share / 2, 65536, 1 << 20));
	set_number(conf, "fetch.max.bytes", clamp(memory / 4, 1 << 20, 50 << 20));
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

rd_kafka_t *ev_kafka_client(struct ev_kafka *k, enum kafka_role role, const char *group,
			    struct ev_error *err)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char why[512];
	rd_kafka_t *rk;

	set_defaults(conf);
	set_queues(conf, k->memory, k->shape);
	set(conf, "bootstrap.servers", k->brokers);
	for (size_t i = 0; i < k->nproperties; i++)
		if (strcmp(k->properties[i].name, "bootstrap.servers") &&
		    set_user(conf, &k->properties[i], err)) {
			rd_kafka_conf_destroy(conf);
			return NULL;
		}
	for (size_t i = 0; i < sizeof(forced) / sizeof(forced[0]); i++)
		set(conf, forced[i].name, forced[i].value);
	if (role == KAFKA_PROBE)
		set(conf, "isolation.level", k->uncommitted ? "read_committed" : "read_uncommitted");
	if (role == KAFKA_GROUP)
		set_group(conf, group);
	rd_kafka_conf_set_log_cb(conf, on_log);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_opaque(conf, k->log);
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
		rd_kafka_destroy(k->reader);
	}
	k->shape = shape;
	k->reader = ev_kafka_client(k, KAFKA_READER, NULL, err);
	return k->reader ? 0 : -1;
}
