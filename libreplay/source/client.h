/*
 * client.h - what every Kafka client of ours shares, reader or writer: the user's properties, and
 * what the client said last, for messages
 */
#ifndef EV_CLIENT_H
#define EV_CLIENT_H

#include <librdkafka/rdkafka.h>
#include <stdarg.h>

#include "base/error.h"

struct kafka_property {
	const char *name, *value;
};

struct ev_properties {
	struct kafka_property *v; /* in the order given; owned */
	size_t n, cap;
};

/* Try one on `conf`: EV_USAGE names it; what could be a secret is never in the text. */
int ev_property_set(rd_kafka_conf_t *conf, const struct kafka_property *p, struct ev_error *err);

/* Add NAME=VALUE, white space around both cut, and try it at once, so that errors name its place. */
int ev_properties_add(struct ev_properties *p, rd_kafka_conf_t *conf, const char *text,
		      struct ev_error *err);
/* All of a properties file; errors name its line. */
int ev_properties_file(struct ev_properties *p, rd_kafka_conf_t *conf, const char *path,
		       struct ev_error *err);
void ev_properties_release(struct ev_properties *p);

/*
 * `forced`: name, value, ..., NULL (or NULL): what a client of ours rests on; a value of NULL: that it is not set.
 * In a properties file, which may serve other clients too, another value is passed over; asked for by -X it is
 * EV_USAGE.
 */
int ev_property_refuse(const struct kafka_property *p, const char *const *forced,
		       struct ev_error *err);
/* Set names and values of ours; what the library's version does not know is left out. */
void ev_properties_ours(rd_kafka_conf_t *conf, const char *const *pairs);

/* What all properties come to, after the defaults; "" when there is no such. */
const char *ev_property_of(rd_kafka_conf_t *conf, const char *name, char *out, size_t size);

/* The last thing that went wrong in a client. Its opaque is the log; the callbacks are ours. */
struct kafka_log;

struct kafka_log *ev_kafka_log_new(void);
/* False: a client still uses it, and what it gives lines to (ev_kafka_destroy): both have to stay. */
bool ev_kafka_log_free(struct kafka_log *log);
void ev_kafka_log_clear(struct kafka_log *log);
void ev_kafka_log_install(struct kafka_log *log, rd_kafka_conf_t *conf);
/* Also give lines of the debug log to `fn`, from any thread; before the install. */
void ev_kafka_log_debug(struct kafka_log *log,
			void (*fn)(void *ctx, const char *fac, const char *text), void *ctx);
/* "cannot VERB ...: reason", retriable, by `e` silent, the reason being what the client said last, or `e`. -1. */
int ev_kafka_log_fail(struct kafka_log *log, enum ev_class class, struct ev_error *err,
		      rd_kafka_resp_err_t e, const char *fmt, va_list ap)
	__attribute__((format(printf, 5, 0)));
/* All brokers have been unreachable since then (ms), as far as the callbacks were served; 0: no. */
int64_t ev_kafka_log_down_since(const struct kafka_log *log);

/*
 * What the cluster says of a consumer group: 0, and *l, which holds it where there is one (destroy it). An answer of
 * some brokers only counts if the group is in it; until then all are asked again. __INTR when `stopped` (or NULL) says
 * so, which is looked at every few seconds. *nameless: it has members that the list does not have, EV_NAMELESS.
 */
rd_kafka_resp_err_t ev_kafka_ask_group(rd_kafka_t *rk, const char *group, int timeout_ms, bool (*stopped)(void),
				       const struct rd_kafka_group_list **l, bool *nameless);
#define EV_NAMELESS "a consumer of group.protocol=consumer"

/*
 * What rd_kafka_offsets_for_times() takes for a time, and passes on as the protocol has it: no call of its own asks for
 * the ends of many partitions at once.
 */
enum { EV_KAFKA_LATEST = -1, EV_KAFKA_EARLIEST = -2 };

/* Is it of a group's coordinator that moves, starts or reads its log still? Asked again it may answer. */
bool ev_kafka_is_passing(rd_kafka_resp_err_t e);

/* rd_kafka_committed(), asked again while the coordinator is not ready; an error of one partition counts as well. */
rd_kafka_resp_err_t ev_kafka_committed(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *l, int timeout_ms);

/*
 * rd_kafka_destroy(), from which 2.0.2 was seen not to come back where a topic that had been read was deleted: it goes
 * on by itself then. `log`: the client's, or NULL where it has none. Who has joined a group leaves it before, and who
 * has not has nothing to wait for, not even a commit without an answer.
 */
void ev_kafka_destroy(rd_kafka_t *rk, struct kafka_log *log);

/* Is it an answer that the topic, or the partition, is not there (or may not be seen)? */
bool ev_kafka_is_gone(rd_kafka_resp_err_t e);

#endif
