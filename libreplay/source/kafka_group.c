/* kafka_group.c - committed offsets of consumer groups; see kafka.h */
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "source/kafka.h"

enum { RETRY_MS = 50 };

/* The client of that group; kept, since a follower commits again and again. */
static rd_kafka_t *client_of(struct ev_kafka *k, const char *group, struct ev_error *err)
{
	if (ev_kafka_member_client(k, group))
		return ev_kafka_member_client(k, group);
	if (k->group && !strcmp(k->group_name, group))
		return k->group;
	if (!*group) {
		ev_fail(err, EV_USAGE, "cannot use a consumer group without a name");
		return NULL;
	}
	if (k->group)
		ev_kafka_destroy(k->group, k->log);
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
	int rc;

	ev_kafka_log_clear(k->log);
	rk = client_of(k, group, err);
	if (!rk || ev_kafka_member_regain(k, group, err))
		return -1;
	l = rd_kafka_topic_partition_list_new((int)s->nparts);
	for (size_t i = 0; i < s->nparts; i++)
		rd_kafka_topic_partition_list_add(l, s->parts[i].topic, s->parts[i].partition);
	e = ev_kafka_committed(rk, l, k->timeout_ms);
	for (int i = 0; !e && i < l->cnt; i++)
		if (l->elems[i].offset >= 0)
			ev_position_set(out, l->elems[i].topic, l->elems[i].partition,
					l->elems[i].offset);
	rc = e ? ev_kafka_fail(k, err, e, "cannot ask broker '%s' for the offsets of consumer group '%s'",
			       k->brokers, group) :
		 ev_kafka_member_check(k, group, l, err);
	rd_kafka_topic_partition_list_destroy(l);
	return rc;
}

/* rd_kafka_commit() waits for a coordinator without an end that we could name. */
static rd_kafka_resp_err_t commit_once(rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *l,
				  int timeout_ms)
{
	rd_kafka_queue_t *q = rd_kafka_queue_new(rk);
	rd_kafka_resp_err_t answer = RD_KAFKA_RESP_ERR__TIMED_OUT;
	rd_kafka_resp_err_t e = rd_kafka_commit_queue(rk, l, q, NULL, NULL);
	rd_kafka_event_t *ev = e ? NULL : rd_kafka_queue_poll(q, timeout_ms);

	if (ev) {
		rd_kafka_topic_partition_list_t *told = rd_kafka_event_topic_partition_list(ev);

		answer = rd_kafka_event_error(ev);
		if (told)
			answer = first_error(told, answer);
	}
	rd_kafka_event_destroy(ev);
	rd_kafka_queue_destroy(q);
	return e ? e : answer;
}

/* A member while others come and go. */
static bool rebalances(rd_kafka_resp_err_t e)
{
	return e == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS || e == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
	       e == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID;
}

/* The client itself gives a commit up after a while without a coordinator (its session.timeout.ms). */
static rd_kafka_resp_err_t commit(const struct ev_kafka *k, rd_kafka_t *rk, const char *group,
				  const rd_kafka_topic_partition_list_t *l, int timeout_ms)
{
	int64_t until = ev_clock_ms() + timeout_ms, left = timeout_ms;
	struct timespec pause = { .tv_nsec = RETRY_MS * 1000000L };
	rd_kafka_resp_err_t e;

	for (;;) {
		if (ev_kafka_member_lost(k, group)) /* it may be a member again: the caller has to look first */
			return RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID;
		e = commit_once(rk, l, (int)left);
		left = until - ev_clock_ms();
		if (left <= RETRY_MS ||
		    !(ev_kafka_is_passing(e) || (ev_kafka_member_client(k, group) && rebalances(e))))
			return e;
		nanosleep(&pause, NULL);
	}
}

static int lost(const char *group, struct ev_error *err)
{
	ev_fail(err, EV_HELD, "the broker has not heard of this member of consumer group '%s' for too long", group);
	ev_hint(err, "another may have had the group meanwhile: what was sent since the last commit may be sent "
		"twice");
	err->retriable = true;
	return -1;
}

static rd_kafka_topic_partition_list_t *to_commit(const struct ev_position *pos, const char *seal)
{
	rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new((int)pos->n);

	for (size_t i = 0; i < pos->n; i++) {
		const struct ev_position_entry *at = &pos->v[i];
		rd_kafka_topic_partition_t *e = rd_kafka_topic_partition_list_add(l, at->topic, at->partition);

		e->offset = at->offset;
		e->metadata = ev_strdup(seal);
		e->metadata_size = seal ? strlen(seal) : 0;
	}
	return l;
}

int ev_kafka_commit_group(struct ev_source *s, const char *group, const struct ev_position *pos,
			  int timeout_ms, struct ev_error *err)
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
	l = to_commit(pos, ev_kafka_member_seal(k, group));
	e = commit(k, rk, group, l, timeout_ms < 0 ? k->timeout_ms : timeout_ms);
	if (!e)
		ev_kafka_member_committed(k, group, l);
	rd_kafka_topic_partition_list_destroy(l);
	if (ev_kafka_member_lost(k, group) && e)
		return lost(group, err);
	if (e)
		return ev_kafka_fail(k, err, e, "cannot commit to consumer group '%s' at broker '%s'", group,
				     k->brokers);
	return 0;
}
