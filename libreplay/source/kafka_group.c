/* kafka_group.c - committed offsets of consumer groups; see kafka.h */
#include <string.h>

#include "base/mem.h"
#include "source/kafka.h"

/* The client of that group; kept, since a follower commits again and again. */
static rd_kafka_t *client_of(struct ev_kafka *k, const char *group, struct ev_error *err)
{
	if (k->group && !strcmp(k->group_name, group))
		return k->group;
	if (!*group) {
		ev_fail(err, EV_USAGE, "cannot use a consumer group without a name");
		return NULL;
	}
	if (k->group)
		rd_kafka_destroy(k->group);
	free(k->group_name);
	k->group_name = ev_strdup(group);
	k->group = ev_kafka_client(k, KAFKA_GROUP, group, err);
	return k->group;
}

static int first_error(const rd_kafka_topic_partition_list_t *l, rd_kafka_resp_err_t e)
{
	for (int i = 0; !e && i < l->cnt; i++)
		e = l->elems[i].err;
	return e;
}

int ev_kafka_group_offsets(struct ev_source *s, const char *group, struct ev_position *out,
			   struct ev_error *err)
{
	struct ev_kafka *k = (struct ev_kafka *)s;
	rd_kafka_topic_partition_list_t *l;
	rd_kafka_resp_err_t e;
	rd_kafka_t *rk;

	ev_kafka_log_clear(k->log);
	rk = client_of(k, group, err);
	if (!rk)
		return -1;
	l = rd_kafka_topic_partition_list_new((int)s->nparts);
	for (size_t i = 0; i < s->nparts; i++)
		rd_kafka_topic_partition_list_add(l, s->parts[i].topic, s->parts[i].partition);
	e = rd_kafka_committed(rk, l, k->timeout_ms);
	e = first_error(l, e);
	for (int i = 0; !e && i < l->cnt; i++)
		if (l->elems[i].offset >= 0)
			ev_position_set(out, l->elems[i].topic, l->elems[i].partition,
					l->elems[i].offset);
	rd_kafka_topic_partition_list_destroy(l);
	if (e)
		return ev_kafka_fail(k, err, e, "cannot read the offsets of consumer group '%s'", group);
	return 0;
}

int ev_kafka_commit_group(struct ev_source *s, const char *group, const struct ev_position *pos,
			  struct ev_error *err)
{
	struct ev_kafka *k = (struct ev_kafka *)s;
	rd_kafka_topic_partition_list_t *l;
	rd_kafka_resp_err_t e;
	rd_kafka_t *rk;

	if (!pos->n)
		return 0;
	ev_kafka_log_clear(k->log);
	rk = client_of(k, group, err);
	if (!rk)
		return -1;
	l = rd_kafka_topic_partition_list_new((int)pos->n);
	for (size_t i = 0; i < pos->n; i++)
		rd_kafka_topic_partition_list_add(l, pos->v[i].topic, pos->v[i].partition)->offset =
			pos->v[i].offset;
	e = rd_kafka_commit(rk, l, 0);
	e = first_error(l, e);
	rd_kafka_topic_partition_list_destroy(l);
	if (e)
		return ev_kafka_fail(k, err, e, "cannot commit to consumer group '%s'", group);
	return 0;
}
