/*
 * kafka_member.c - the only member of a consumer group, so that nobody else moves it; see kafka.h
 *
 * It subscribes, and takes none of the partitions that it is given: reading goes its own way. While it is there a
 * commit by anybody who is no member is refused by the broker. A thread answers the client, which asks at each
 * rebalance, whatever the caller does meanwhile. One that was killed is forgotten by the broker after SESSION_MS.
 */
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "source/kafka.h"

enum { TURN_MS = 50, HOLD_MS = 10000 };

struct kafka_member {
	rd_kafka_t *rk;
	pthread_t thread;
	atomic_bool over, joined;
	atomic_bool lost; /* the broker has forgotten it for a while: another may have been there */
	atomic_int error; /* what the client said last */
};

static void rebalance(struct kafka_member *m, rd_kafka_event_t *ev)
{
	rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(1);
	bool assigned = rd_kafka_event_error(ev) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;

	if (!assigned && rd_kafka_assignment_lost(m->rk))
		m->lost = true;
	rd_kafka_assign(m->rk, assigned ? none : NULL);
	rd_kafka_topic_partition_list_destroy(none);
	m->joined = assigned;
}

static void *answer(void *ctx)
{
	struct kafka_member *m = ctx;
	rd_kafka_queue_t *q = rd_kafka_queue_get_consumer(m->rk);

	while (!m->over) {
		rd_kafka_event_t *ev = rd_kafka_queue_poll(q, TURN_MS);

		if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_REBALANCE)
			rebalance(m, ev);
		else if (ev && rd_kafka_event_error(ev))
			m->error = (int)rd_kafka_event_error(ev);
		if (ev)
			rd_kafka_event_destroy(ev);
	}
	rd_kafka_queue_destroy(q);
	return NULL;
}

/* One of its members that is not `own`, for people (empty: none), and does `own` come first of them by name? */
static int look(struct ev_kafka *k, rd_kafka_t *rk, const char *group, const char *own, bool *first,
		struct ev_buf *other, struct ev_error *err)
{
	const struct rd_kafka_group_list *l = NULL;
	rd_kafka_resp_err_t e = rd_kafka_list_groups(rk, group, &l, k->timeout_ms);

	*first = true;
	ev_buf_clear(other);
	if (e)
		return ev_kafka_fail(k, err, e, "cannot look at consumer group '%s'", group);
	for (int g = 0; g < l->group_cnt; g++) {
		const struct rd_kafka_group_info *is = &l->groups[g];

		for (int i = 0; !strcmp(is->group, group) && i < is->member_cnt; i++) {
			const struct rd_kafka_group_member_info *at = &is->members[i];
			int c = own ? strcmp(at->member_id, own) : 1;

			if (c && !other->len)
				ev_buf_addf(other, "%s at %s", at->client_id, at->client_host +
					    (*at->client_host == '/'));
			*first &= c >= 0;
		}
	}
	rd_kafka_group_list_destroy(l);
	return 0;
}

static int held(const char *group, const struct ev_buf *other, struct ev_error *err)
{
	ev_fail(err, EV_HELD, "consumer group '%s' has a member already: %s", group, ev_buf_str(other));
	return ev_hint(err, "another redrive of the group is at work, or a consumer uses it: wait for that, or take "
		       "another --group");
}

static void pause_ms(int ms)
{
	struct timespec t = { .tv_nsec = ms * 1000000L };

	nanosleep(&t, NULL);
}

static int stopped_early(const char *group, struct ev_error *err)
{
	ev_fail(err, EV_SOURCE, "stopped while consumer group '%s' was waited for", group);
	err->retriable = true;
	return -1;
}

/*
 * Until the group has no member but `own` (NULL: none at all). Of several that have joined at once the first by
 * name waits for the others to leave, who go at once.
 */
static int await_alone(struct ev_kafka *k, rd_kafka_t *rk, const char *group, const char *own,
		       bool (*stopped)(void), struct ev_error *err)
{
	int64_t until = ev_clock_ms() + HOLD_MS;
	struct ev_buf other = EV_BUF_INIT;
	bool first;
	int rc;

	for (;;) {
		rc = look(k, rk, group, own, &first, &other, err);
		if (rc || !other.len)
			break;
		if (!first || ev_clock_ms() >= until)
			rc = held(group, &other, err);
		else if (stopped && stopped())
			rc = stopped_early(group, err);
		if (rc)
			break;
		pause_ms(TURN_MS);
	}
	ev_buf_release(&other);
	return rc;
}

static int join(struct ev_kafka *k, struct kafka_member *m, const char *group, bool (*stopped)(void),
		struct ev_error *err)
{
	int64_t until = ev_clock_ms() + k->timeout_ms;
	rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new((int)k->ntopics);
	rd_kafka_resp_err_t e;

	for (size_t i = 0; i < k->ntopics; i++)
		rd_kafka_topic_partition_list_add(l, k->topics[i].name, RD_KAFKA_PARTITION_UA);
	e = rd_kafka_subscribe(m->rk, l);
	rd_kafka_topic_partition_list_destroy(l);
	while (!e && !m->joined && ev_clock_ms() < until) {
		if (stopped && stopped())
			return stopped_early(group, err);
		pause_ms(TURN_MS);
	}
	if (m->joined)
		return 0;
	e = e ? e : (rd_kafka_resp_err_t)m->error;
	return ev_kafka_fail(k, err, e ? e : RD_KAFKA_RESP_ERR__TIMED_OUT, "cannot join consumer group '%s'", group);
}

static int hold(struct ev_kafka *k, struct kafka_member *m, const char *group, bool (*stopped)(void),
		struct ev_error *err)
{
	char *own;
	int rc;

	if (await_alone(k, m->rk, group, NULL, stopped, err) || join(k, m, group, stopped, err))
		return -1;
	own = rd_kafka_memberid(m->rk);
	rc = await_alone(k, m->rk, group, own ? own : "", stopped, err);
	if (own)
		rd_kafka_mem_free(m->rk, own);
	return rc;
}

int ev_kafka_hold_group(struct ev_source *s, const char *group, bool (*stopped)(void), struct ev_error *err)
{
	struct ev_kafka *k = (struct ev_kafka *)s;
	struct kafka_member *m = ev_alloc(sizeof(*m));

	ev_kafka_log_clear(k->log);
	m->rk = ev_kafka_client(k, KAFKA_MEMBER, group, err);
	if (!m->rk || pthread_create(&m->thread, NULL, answer, m)) {
		if (m->rk) {
			rd_kafka_destroy(m->rk);
			ev_fail(err, EV_SOURCE, "cannot start a thread");
		}
		free(m);
		return -1;
	}
	k->member = m;
	return hold(k, m, group, stopped, err);
}

rd_kafka_t *ev_kafka_member_client(struct ev_kafka *k)
{
	return k->member ? k->member->rk : NULL;
}

bool ev_kafka_member_lost(const struct ev_kafka *k)
{
	return k->member && k->member->lost;
}

void ev_kafka_member_leave(struct ev_kafka *k)
{
	struct kafka_member *m = k->member;

	if (!m)
		return;
	m->over = true;
	pthread_join(m->thread, NULL);
	rd_kafka_consumer_close(m->rk);
	rd_kafka_destroy(m->rk);
	free(m);
	k->member = NULL;
}
