/* client.h - what the Kafka test helpers (evproduce, evadmin) share; each is one program */
#ifndef EV_TEST_CLIENT_H
#define EV_TEST_CLIENT_H

#include <errno.h>
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

struct setup {
	const char *brokers;          /* -b, EV_BROKERS */
	const char *transactional_id; /* -t */
	char **properties;            /* -X name=value */
	size_t nproperties;
	void (*delivered)(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque); /* or NULL */
};

_Noreturn static inline void die(const char *what, const char *why)
{
	fprintf(stderr, "helper: %s: %s\n", what, why);
	exit(1);
}

static inline int64_t number(const char *s)
{
	char *end;
	int64_t v;

	errno = 0;
	v = strtoll(s, &end, 10);
	if (errno || end == s || *end)
		die("not a number", s);
	return v;
}

/* Cuts TOPIC/PARTITION at its slash. */
static inline int32_t cut_partition(char *word)
{
	char *slash = strrchr(word, '/');

	if (!slash)
		die("TOPIC/PARTITION expected", word);
	*slash = '\0';
	return (int32_t)number(slash + 1);
}

static inline void quiet(const rd_kafka_t *rk, int level, const char *fac, const char *buf)
{
	(void)rk, (void)level, (void)fac, (void)buf;
}

/* `extra`: name, value, ..., NULL; set before the -X ones. */
static inline rd_kafka_t *client(const struct setup *su, rd_kafka_type_t type,
				 const char *const *extra)
{
	char why[512];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *rk;

	for (size_t i = 0; extra && extra[i]; i += 2)
		if (rd_kafka_conf_set(conf, extra[i], extra[i + 1], why, sizeof(why)))
			die(extra[i], why);
	if (rd_kafka_conf_set(conf, "bootstrap.servers", su->brokers, why, sizeof(why)))
		die("brokers", why);
	for (size_t i = 0; i < su->nproperties; i++) {
		char *name = ev_strdup(su->properties[i]), *eq = strchr(name, '=');

		if (!eq)
			die("NAME=VALUE expected", name);
		*eq = '\0';
		if (rd_kafka_conf_set(conf, name, eq + 1, why, sizeof(why)))
			die(name, why);
		free(name);
	}
	rd_kafka_conf_set_log_cb(conf, quiet);
	if (su->delivered)
		rd_kafka_conf_set_dr_msg_cb(conf, su->delivered);
	rk = rd_kafka_new(type, conf, why, sizeof(why));
	if (!rk)
		die("client", why);
	return rk;
}

/* Options of all helpers; returns the index of the verb. */
static inline int setup_options(struct setup *su, int argc, char **argv)
{
	int opt;

	*su = (struct setup){ .brokers = getenv("EV_BROKERS") };
	su->properties = ev_alloc((size_t)argc * sizeof(char *));
	while ((opt = getopt(argc, argv, "+b:X:t:")) != -1) {
		if (opt == 'b')
			su->brokers = optarg;
		else if (opt == 'X')
			su->properties[su->nproperties++] = optarg;
		else if (opt == 't')
			su->transactional_id = optarg;
		else
			exit(2);
	}
	if (!su->brokers || optind == argc) {
		fprintf(stderr, "usage: %s -b BROKERS VERB ARGS... (see its source)\n", argv[0]);
		exit(2);
	}
	return optind;
}

#endif
