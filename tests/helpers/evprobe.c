/*
 * evprobe.c - ask the Kafka source what commands ask it, one question a call (for tests)
 *
 *   evprobe marks TOPIC                   topic/partition low stable high, a line each
 *   evprobe time TOPIC MS                 topic/partition offset
 *   evprobe record TOPIC PARTITION OFFSET the record line, or "none"
 *   evprobe commit GROUP TOPIC PARTITION OFFSET
 *   evprobe group GROUP TOPIC             the position
 *   evprobe cluster TOPIC                 the cluster's id
 *
 * EV_BROKERS names the broker. Errors go to stderr, the exit status is their class.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "position/position.h"
#include "record/line.h"
#include "source/spec.h"

static int64_t number(const char *s)
{
	return strtoll(s, NULL, 10);
}

static void part(const struct ev_source *s, size_t i)
{
	printf("%s/%d", s->parts[i].topic, (int)s->parts[i].partition);
}

static int marks(struct ev_source *s, char **a, struct ev_error *err)
{
	(void)a;
	if (s->ops->refresh(s, err))
		return -1;
	for (size_t i = 0; i < s->nparts; i++) {
		part(s, i);
		printf(" %" PRId64 " %" PRId64 " %" PRId64 "\n", s->parts[i].low, s->parts[i].stable,
		       s->parts[i].high);
	}
	return 0;
}

static int times(struct ev_source *s, char **a, struct ev_error *err)
{
	int64_t *offsets = ev_alloc(s->nparts * sizeof(*offsets));
	int rc = s->ops->offsets_for_time(s, number(a[0]), offsets, err);

	for (size_t i = 0; !rc && i < s->nparts; i++) {
		part(s, i);
		printf(" %" PRId64 "\n", offsets[i]);
	}
	free(offsets);
	return rc;
}

static int record(struct ev_source *s, char **a, struct ev_error *err)
{
	struct ev_buf line = EV_BUF_INIT;
	struct ev_record r;
	bool found;

	for (uint32_t i = 0; i < s->nparts; i++) {
		if (s->parts[i].partition != number(a[0]))
			continue;
		if (s->ops->record_at(s, i, number(a[1]), &r, &found, err))
			return -1;
		if (found)
			ev_line_write(&line, &r);
		fputs(found ? ev_buf_str(&line) : "none\n", stdout);
	}
	ev_buf_release(&line);
	return 0;
}

static int commit(struct ev_source *s, const char *group, char **a, struct ev_error *err)
{
	struct ev_position p = EV_POSITION_INIT;
	int rc;

	ev_position_set(&p, s->parts[0].topic, (int32_t)number(a[0]), number(a[1]));
	rc = s->ops->commit_group(s, group, &p, -1, err);
	ev_position_release(&p);
	return rc;
}

static int group_offsets(struct ev_source *s, const char *group, struct ev_error *err)
{
	struct ev_position p = EV_POSITION_INIT;
	struct ev_buf out = EV_BUF_INIT;
	int rc = s->ops->group_offsets(s, group, &p, err);

	ev_position_print(&p, &out);
	if (!rc)
		puts(ev_buf_str(&out));
	ev_buf_release(&out);
	ev_position_release(&p);
	return rc;
}

static int ask(struct ev_source *s, char **argv, bool grouped, struct ev_error *err)
{
	char **rest = argv + (grouped ? 4 : 3);

	if (!strcmp(argv[1], "marks"))
		return marks(s, rest, err);
	if (!strcmp(argv[1], "time"))
		return times(s, rest, err);
	if (!strcmp(argv[1], "record"))
		return record(s, rest, err);
	if (!strcmp(argv[1], "commit"))
		return commit(s, argv[2], rest, err);
	if (!strcmp(argv[1], "group"))
		return group_offsets(s, argv[2], err);
	return puts(s->cluster_id) < 0;
}

int main(int argc, char **argv)
{
	struct ev_source_spec spec = EV_SOURCE_SPEC_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_topic_spec topic = { 0 };
	struct ev_source *s;
	bool grouped = argc > 1 && (!strcmp(argv[1], "commit") || !strcmp(argv[1], "group"));

	if (argc < (grouped ? 4 : 3))
		return 2;
	topic.topic = argv[grouped ? 3 : 2];
	spec.topics = &topic;
	spec.ntopics = 1;
	spec.brokers = getenv("EV_BROKERS");
	s = ev_kafka_open(&spec, &err);
	if (s) {
		ask(s, argv, grouped, &err);
		s->ops->close(s);
	}
	if (err.class)
		fprintf(stderr, "evprobe: %s\n", err.text);
	return (int)err.class;
}
