/*
 * cluster.h - a connection to a cluster that is written to or asked about: topics and their settings
 *
 * The handle is a producer's (a producer asks the same questions as anybody). What fails is
 * EV_STORE: the caller turns that into EV_SOURCE where it asks about a source.
 */
#ifndef EV_CLUSTER_H
#define EV_CLUSTER_H

#include "source/client.h"
#include "source/spec.h"

struct ev_cluster_spec {
	const char *brokers;         /* NULL or "": bootstrap.servers of the properties */
	const char *properties_file; /* or NULL */
	char *const *properties;     /* NAME=VALUE */
	size_t nproperties;
	int timeout_ms;
};

/* Where a source is; borrowed from its spec. */
struct ev_cluster_spec ev_cluster_of(const struct ev_source_spec *s);
/* A source of topics there, which are still to be added. To be released. */
void ev_cluster_source(const struct ev_cluster_spec *c, bool (*stopped)(void), struct ev_source_spec *out);

struct ev_cluster {
	rd_kafka_t *rk;
	struct kafka_log *log;
	char *brokers, *id; /* for messages; of the cluster, NULL where it tells none */
	int timeout_ms;
};

/*
 * `defaults`: name, value, ..., NULL: ours, that the user's properties may change. `forced`: the same
 * for what they may not. `delivered` gets delivery reports (NULL: none wanted).
 * Connects: a broker that does not answer within timeout_ms is EV_STORE. `stopped` (may be NULL)
 * ends the wait.
 */
struct ev_cluster *ev_cluster_open(const struct ev_cluster_spec *spec, const char *const *defaults,
				   const char *const *forced,
				   void (*delivered)(rd_kafka_t *, const rd_kafka_message_t *, void *),
				   bool (*stopped)(void), struct ev_error *err);
/*
 * What is still queued is thrown away. NULL is allowed. False: the client has not come to its end, and what the
 * opaques of its topics point to has to stay.
 */
bool ev_cluster_close(struct ev_cluster *c);

/* EV_STORE: "cannot VERB ...: reason", the reason being what the client said last, or `e`. */
int ev_cluster_fail(struct ev_cluster *c, struct ev_error *err, rd_kafka_resp_err_t e,
		    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

struct ev_config {
	char *name, *value;
	bool own; /* set for this topic, not a default of the broker */
};

struct ev_topic_info {
	int32_t partitions; /* 0: there is no such topic */
	struct ev_config *configs; /* only by ev_topic_configs */
	size_t nconfigs;
};

/* Partitions; never creates the topic. */
int ev_topic_look(struct ev_cluster *c, const char *topic, struct ev_topic_info *out,
		  struct ev_error *err);
/* Adds the configs; where they may not be seen (ACL) there are none and *seen is false. */
int ev_topic_configs(struct ev_cluster *c, const char *topic, struct ev_topic_info *out, bool *seen,
		     struct ev_error *err);
/* Forget those that are not its own: on another cluster they are others. */
void ev_topic_only_own(struct ev_topic_info *t);
/* For a topic that is not there yet, what the brokers would give it besides, none of these its own. *seen as above. */
int ev_topic_defaults(struct ev_cluster *c, struct ev_topic_info *out, bool *seen, struct ev_error *err);
/* How many offsets its log spans, all partitions together; 0 also where that cannot be told. */
int64_t ev_topic_offsets(struct ev_cluster *c, const char *topic, int32_t partitions);
/* The value, or NULL. */
const char *ev_topic_config(const struct ev_topic_info *t, const char *name);
void ev_topic_info_release(struct ev_topic_info *t);

#define EV_MEMBERS 64
/*
 * Who is in a consumer group, for people: "2 members"; "" where nobody is. `stopped` (may be NULL) ends the wait for
 * an answer. *unknown: no broker that answers has the group, and another one does not answer, which is waited for
 * less long than a whole timeout. That is an error where `unknown` is NULL.
 */
int ev_group_members(struct ev_cluster *c, const char *group, bool (*stopped)(void), char out[EV_MEMBERS],
		     bool *unknown, struct ev_error *err);

/* Make it with the partitions and the own configs of `like`, and wait until it is there. */
int ev_topic_create(struct ev_cluster *c, const char *topic, const struct ev_topic_info *like,
		    struct ev_error *err);

#endif
