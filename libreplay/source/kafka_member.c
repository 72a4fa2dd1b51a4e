/*
 * kafka_member.c - the only member of a consumer group, so that nobody else moves it; see kafka.h
 *
 * It subscribes, and takes none of the partitions that it is given: reading goes its own way. While it is there a
 * commit by anybody who is no member is refused by the broker. A thread answers the client, which asks at each
 * rebalance, whatever the caller does meanwhile. One that was killed is forgotten by the broker after its
 * session.timeout.ms.
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "source/kafka.h"

enum {
	TURN_MS = 50,    /* between two looks at the group */
	HOLD_MS = 10000, /* at most, until nobody else is in the group */
};

struct kafka_member {
	rd_kafka_t *rk;
	char *group;
	pthread_t thread;
	atomic_bool over, joined;
	atomic_int losses; /* how often the broker has forgotten it: another may have been there meanwhile */
	int regained;      /* of these: it was looked at who is there */
	atomic_int error;  /* what the client said last */
	char seal[48];
	rd_kafka_topic_partition_list_t *first; /* where the group stood before our commits; NULL: not known yet */
};

/* Nobody else's: a process that has slept may meet offsets that are as it left them, and not its own. */
static void make_seal(struct kafka_member *m)
{
	uint64_t n[2] = { (uint64_t)ev_now_ms(), (uint64_t)getpid() };

	if (getrandom(n, sizeof(n), GRND_NONBLOCK) < 0)
		n[1] ^= (uint64_t)ev_clock_us() << 32;
	snprintf(m->seal, sizeof(m->seal), "evreplay %016" PRIx64 "%016" PRIx64, n[0], n[1]);
}

static void rebalance(struct kafka_member *m, rd_kafka_event_t *ev)
{
	rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(1);
	bool assigned = rd_kafka_event_error(ev) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
	rd_kafka_resp_err_t e;

	if (!assigned) {
		m->joined = false;
		m->losses += rd_kafka_assignment_lost(m->rk);
	}
	e = rd_kafka_assign(m->rk, assigned ? none : NULL);
	rd_kafka_topic_partition_list_destroy(none);
	if (e)
		m->error = e;
	if (!e && assigned) {
		m->error = 0;
		m->joined = true;
	}
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

static int stopped_early(const char *group, struct ev_error *err)
{
	ev_fail(err, EV_SOURCE, "stopped while consumer group '%s' was waited for", group);
	err->retriable = true;
	return -1;
}

/*
 * One of its members that is not `own`, for people (empty: none), and does `own` come first of them by name? Before
 * it has joined (NULL) a broker that does not answer is let pass: the look afterwards decides.
 */
static int look(struct ev_kafka *k, struct kafka_member *m, const char *own, bool (*stopped)(void), bool *first,
		struct ev_buf *other, struct ev_error *err)
{
	const struct rd_kafka_group_list *l = NULL;
	int timeout_ms = own || k->timeout_ms < HOLD_MS ? k->timeout_ms : HOLD_MS;
	bool nameless;
	rd_kafka_resp_err_t e = ev_kafka_ask_group(m->rk, m->group, timeout_ms, stopped, &l, &nameless);

	*first = true;
	ev_buf_clear(other);
	if (e == RD_KAFKA_RESP_ERR__INTR)
		return stopped_early(m->group, err);
	if (!own && (e == RD_KAFKA_RESP_ERR__TIMED_OUT || e == RD_KAFKA_RESP_ERR__PARTIAL))
		return 0;
	if (e)
		return ev_kafka_fail(k, err, e, "cannot ask broker '%s' for consumer group '%s'", k->brokers, m->group);
	for (int g = 0; g < l->group_cnt; g++) {
		const struct rd_kafka_group_info *is = &l->groups[g];

		for (int i = 0; !strcmp(is->group, m->group) && i < is->member_cnt; i++) {
			const struct rd_kafka_group_member_info *at = &is->members[i];
			int c = own ? strcmp(at->member_id, own) : 1;

			if (c && !other->len)
				ev_buf_addf(other, "%s at %s", at->client_id, at->client_host +
					    (*at->client_host == '/'));
			*first &= c >= 0;
		}
	}
	if (nameless && !other->len)
		ev_buf_adds(other, EV_NAMELESS);
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

static bool is_lost(const struct kafka_member *m)
{
	return m->losses != m->regained;
}

/*
 * Until the group has no member but `own` (NULL: none at all). Of several that have joined at once the first by
 * name waits for the others to leave, who go at once; but one that comes back waits, too: the other may be what the
 * broker remembers of it.
 */
static int await_alone(struct ev_kafka *k, struct kafka_member *m, const char *own, bool (*stopped)(void),
		       struct ev_error *err)
{
	int64_t until = ev_clock_ms() + HOLD_MS;
	struct ev_buf other = EV_BUF_INIT;
	bool first;
	int rc;

	for (;;) {
		rc = look(k, m, own, stopped, &first, &other, err);
		if (rc || !other.len)
			break;
		if ((!first && !is_lost(m)) || ev_clock_ms() >= until)
			rc = held(m->group, &other, err);
		else if (stopped && stopped())
			rc = stopped_early(m->group, err);
		if (rc)
			break;
		pause_ms(TURN_MS);
	}
	ev_buf_release(&other);
	return rc;
}

/* No wait changes it. */
static bool is_final(rd_kafka_resp_err_t e)
{
	return e == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED || e == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
	       e == RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT || e == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
	       e == RD_KAFKA_RESP_ERR__FATAL;
}

static int await_joined(struct ev_kafka *k, struct kafka_member *m, bool (*stopped)(void), struct ev_error *err)
{
	int64_t until = ev_clock_ms() + k->timeout_ms;
	rd_kafka_resp_err_t e;

	while (!m->joined && !is_final((rd_kafka_resp_err_t)m->error) && ev_clock_ms() < until) {
		if (stopped && stopped())
			return stopped_early(m->group, err);
		pause_ms(TURN_MS);
	}
	if (m->joined)
		return 0;
	e = (rd_kafka_resp_err_t)m->error;
	ev_kafka_fail(k, err, e ? e : RD_KAFKA_RESP_ERR__TIMED_OUT, "cannot join consumer group '%s' at broker '%s'",
		      m->group, k->brokers);
	if (e == RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT)
		ev_hint(err, "the broker takes no session of 6 s (group.min.session.timeout.ms): -X "
			"session.timeout.ms=20000");
	if (e == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
		ev_hint(err, "the broker wants an ACL that allows Read on group '%s'", m->group);
	return -1;
}

static int subscribe(struct ev_kafka *k, struct kafka_member *m, struct ev_error *err)
{
	rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new((int)k->ntopics);
	rd_kafka_resp_err_t e;

	for (size_t i = 0; i < k->ntopics; i++)
		rd_kafka_topic_partition_list_add(l, k->topics[i].name, RD_KAFKA_PARTITION_UA);
	e = rd_kafka_subscribe(m->rk, l);
	rd_kafka_topic_partition_list_destroy(l);
	return e ? ev_kafka_fail(k, err, e, "cannot join consumer group '%s' at broker '%s'", m->group, k->brokers) : 0;
}

static int be_alone(struct ev_kafka *k, struct kafka_member *m, bool (*stopped)(void), struct ev_error *err)
{
	char *own;
	int rc;

	if (await_joined(k, m, stopped, err))
		return -1;
	own = rd_kafka_memberid(m->rk);
	rc = await_alone(k, m, own ? own : "", stopped, err);
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
			ev_kafka_destroy(m->rk, k->log);
			ev_fail(err, EV_SOURCE, "cannot start a thread");
		}
		free(m);
		return -1;
	}
	m->group = ev_strdup(group);
	make_seal(m);
	k->member = m;
	return await_alone(k, m, NULL, stopped, err) || subscribe(k, m, err) || be_alone(k, m, stopped, err) ? -1 : 0;
}

rd_kafka_t *ev_kafka_member_client(const struct ev_kafka *k, const char *group)
{
	return k->member && !strcmp(k->member->group, group) ? k->member->rk : NULL;
}

bool ev_kafka_member_lost(const struct ev_kafka *k, const char *group)
{
	return ev_kafka_member_client(k, group) && is_lost(k->member);
}

/* No signal ends it: what was sent is to be committed. One that is lost once more meanwhile stays lost. */
int ev_kafka_member_regain(struct ev_kafka *k, const char *group, struct ev_error *err)
{
	struct kafka_member *m = k->member;
	int losses;

	if (!ev_kafka_member_lost(k, group))
		return 0;
	losses = m->losses;
	if (be_alone(k, m, NULL, err))
		return -1;
	m->regained = losses;
	return 0;
}

const char *ev_kafka_member_seal(const struct ev_kafka *k, const char *group)
{
	return ev_kafka_member_client(k, group) ? k->member->seal : NULL;
}

static bool has_metadata(const rd_kafka_topic_partition_t *e, const void *data, size_t size)
{
	return e->metadata_size == size && (!size || !memcmp(e->metadata, data, size));
}

/* As it was before the first commit, or by ours. A partition that is new since then had nothing. */
static bool is_known(const struct kafka_member *m, const rd_kafka_topic_partition_t *e)
{
	const rd_kafka_topic_partition_t *was =
		rd_kafka_topic_partition_list_find(m->first, e->topic, e->partition);

	if (e->offset >= 0 && has_metadata(e, m->seal, strlen(m->seal)))
		return true;
	if (!was)
		return e->offset < 0;
	return e->offset == was->offset && has_metadata(e, was->metadata, was->metadata_size);
}

int ev_kafka_member_check(struct ev_kafka *k, const char *group, const rd_kafka_topic_partition_list_t *now,
			  struct ev_error *err)
{
	struct kafka_member *m = k->member;

	if (!ev_kafka_member_client(k, group))
		return 0;
	if (!m->first)
		m->first = rd_kafka_topic_partition_list_copy(now);
	for (int i = 0; i < now->cnt; i++) {
		if (is_known(m, &now->elems[i]))
			continue;
		ev_fail(err, EV_HELD, "consumer group '%s' was moved while its backlog was sent", group);
		return ev_hint(err, "another redrive of the group is at work, or its offsets were set: letters "
			       "may have been sent twice");
	}
	return 0;
}

void ev_kafka_member_committed(struct ev_kafka *k, const char *group, const rd_kafka_topic_partition_list_t *l)
{
	rd_kafka_topic_partition_t *was;

	if (!ev_kafka_member_client(k, group) || !k->member->first)
		return;
	for (int i = 0; i < l->cnt; i++) {
		was = rd_kafka_topic_partition_list_find(k->member->first, l->elems[i].topic, l->elems[i].partition);
		if (was)
			was->offset = INT64_MAX; /* is nobody's: from here on it has to be ours */
	}
}

void ev_kafka_member_leave(struct ev_kafka *k)
{
	struct kafka_member *m = k->member;

	if (!m)
		return;
	m->over = true;
	pthread_join(m->thread, NULL);
	rd_kafka_consumer_close(m->rk);
	ev_kafka_destroy(m->rk, k->log);
	if (m->first)
		rd_kafka_topic_partition_list_destroy(m->first);
	free(m->group);
	free(m);
	k->member = NULL;
}
