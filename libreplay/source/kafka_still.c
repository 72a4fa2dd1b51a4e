/*
 * kafka_still.c - is it still the log that was read? see kafka.h
 *
 * A client of this age is told no ids of topics. It is told nothing at all where a topic is deleted and made again
 * while it does not ask (its queues are full, the process was stopped, the network away), and reads on in the middle of
 * another log. So a record that was read is looked at again: where it still stands, all that came behind it until then
 * came of the same log. A topic is deleted with all its partitions, so one record of it is enough, and the last one of
 * what is proven by it takes its place.
 */
#include <inttypes.h>
#include <poll.h>

#include "base/mem.h"
#include "source/kafka.h"

enum { TURN_MS = 1, MOST_TURN_MS = 50, AWAY_MS = 2500, ASK_MS = 1000 };
enum { SURE_US = 20000, SHARE = 20, MOST_US = 1000000, EVERY_US = 10000000, ENOUGH = 4, SLEEP_US = 500000 };
enum { AGAIN = 1, MARK_MS = 100 };
enum { STOP_MS = 5000 }; /* at a stop an answer is waited for no longer */
enum { BACK = 2 }; /* from the end: the last one may be a marker */

enum answer { ASKED, SAME, OTHER, NONE, PASSED };

struct look {
	struct ev_kafka *k;
	rd_kafka_queue_t *q;
	enum answer *answers; /* of each topic */
	size_t open;          /* of them: not given yet */
	int64_t since, next_ask, next_wake; /* ms */
	int64_t stop;         /* ms: when it was met first that an end is asked for; 0: it is not */
	bool must;            /* an answer is waited for */
	bool unknown;         /* none came, which is no error */
};

/* Without headers: not every read has them. */
static uint64_t hash(const struct ev_record *r)
{
	struct ev_record bare = *r;

	bare.headers = NULL;
	bare.nheaders = 0;
	return ev_record_hash(&bare);
}

static struct kafka_known known(const struct ev_record *r)
{
	return (struct kafka_known){ .is = true, .part = r->part, .offset = r->offset, .hash = hash(r) };
}

static struct kafka_topic *topic_of(struct ev_kafka *k, const struct ev_record *r)
{
	return &k->topics[k->kp[r->part].topic];
}

/* What is known first is the last record of the first batch: another log may begin with the same one. */
void ev_kafka_still_note(struct ev_kafka *k, const struct kafka_batch *b, size_t from)
{
	size_t noted = 0;

	k->noting++;
	for (size_t i = b->nmessages; i-- > from && noted < k->ntopics;) {
		struct kafka_topic *t = topic_of(k, &b->records[i]);

		if (t->noted == k->noting)
			continue;
		t->noted = k->noting;
		t->latest = known(&b->records[i]);
		noted++;
		if (t->known.is)
			continue;
		t->known = t->latest;
		k->nknown++;
	}
}

/* One that gives what transactions have not committed: the record may be such. */
static rd_kafka_t *client(struct ev_kafka *k, struct ev_error *err)
{
	if (!k->base.uncommitted)
		return k->probe;
	if (!k->look)
		k->look = ev_kafka_client(k, KAFKA_LOOK, NULL, err);
	return k->look;
}

static int start(struct look *l, size_t topic, struct ev_error *err)
{
	struct ev_kafka *k = l->k;
	struct kafka_topic *t = &k->topics[topic];
	const struct ev_partition *p = &k->base.parts[t->known.part];
	rd_kafka_t *rk = client(k, err);

	if (!rk)
		return -1;
	if (!t->look)
		t->look = rd_kafka_topic_new(rk, t->name, NULL);
	if (rd_kafka_consume_start_queue(t->look, p->partition, t->known.offset, l->q))
		return ev_kafka_fail(k, err, rd_kafka_last_error(), "cannot start to read '%s/%d'", p->topic,
				     (int)p->partition);
	return 0;
}

static void stop(struct look *l, size_t topic)
{
	struct kafka_topic *t = &l->k->topics[topic];

	rd_kafka_consume_stop(t->look, l->k->base.parts[t->known.part].partition);
}

static void answered(struct look *l, size_t topic, enum answer is)
{
	l->answers[topic] = is;
	l->open--;
	stop(l, topic);
}

/* Takes the message. */
static enum answer compare(struct ev_kafka *k, const struct kafka_known *was, rd_kafka_message_t *m)
{
	struct kafka_batch *b = ev_kafka_batch(k);
	bool same;

	ev_kafka_batch_add(k, b, m, was->part, false);
	same = hash(&b->records[0]) == was->hash;
	ev_kafka_batch_rest(k, b);
	return same ? SAME : OTHER;
}

static bool is_none(rd_kafka_resp_err_t e)
{
	return e == RD_KAFKA_RESP_ERR__PARTITION_EOF || e == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
	       e == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE;
}

static int take(struct look *l, rd_kafka_message_t *m, struct ev_error *err)
{
	struct ev_kafka *k = l->k;
	size_t topic = 0;
	int rc = 0;

	while (topic < k->ntopics && k->topics[topic].look != m->rkt)
		topic++;
	if (topic == k->ntopics || l->answers[topic] != ASKED) {
		rd_kafka_message_destroy(m);
		return 0;
	}
	if (!m->err && m->offset == k->topics[topic].known.offset) {
		answered(l, topic, compare(k, &k->topics[topic].known, m));
		return 0;
	}
	if (!m->err || is_none(m->err))
		answered(l, topic, NONE);
	else if (ev_kafka_is_gone(m->err))
		l->next_ask = 0;
	else
		rc = ev_kafka_trouble(k, k->topics[topic].known.part, m, err);
	rd_kafka_message_destroy(m);
	return rc;
}

/*
 * Of a topic that is not there nothing was read since, and nobody can say more: when it is there again, it will be
 * looked at. A broker that has just started may not know it yet.
 */
static int ask_again(struct look *l, struct ev_error *err)
{
	struct ev_kafka *k = l->k;

	for (size_t i = 0; i < k->ntopics; i++) {
		const struct kafka_known *was = &k->topics[i].known;
		const struct rd_kafka_metadata *md;
		rd_kafka_resp_err_t e;
		int n;

		if (l->answers[i] != ASKED)
			continue;
		if (rd_kafka_metadata(client(k, err), 0, k->topics[i].look, &md, ASK_MS))
			continue;
		e = md->topic_cnt == 1 ? md->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
		n = e ? 0 : md->topics[0].partition_cnt;
		rd_kafka_metadata_destroy(md);
		if (!e && n <= k->base.parts[was->part].partition) { /* a topic loses no partition */
			answered(l, i, OTHER);
		} else if (!e) {
			stop(l, i);
			if (start(l, i, err))
				return -1;
		} else if (ev_kafka_is_gone(e) && ev_clock_ms() - l->since >= AWAY_MS) {
			answered(l, i, PASSED);
		}
	}
	l->next_ask = ev_clock_ms() + ASK_MS;
	return 0;
}

/*
 * Threads of the client may sleep, and not know that a partition was begun. One question is under way at a time: its
 * answer wakes who was not ready for it, and what was asked for comes as long after that. How long to wait then.
 */
static int wake(struct ev_kafka *k, rd_kafka_t *rk, const size_t *parts, size_t n, int64_t *next)
{
	int64_t begin = ev_clock_ms(), now = begin;

	if (now >= *next && !ev_kafka_down_since(k, rk)) {
		ev_kafka_wake(k, rk, parts, n, ASK_MS);
		now = ev_clock_ms();
		*next = now - begin < ASK_MS ? now + 2 * (now - begin) + TURN_MS : now + ASK_MS;
	}
	return (int)ev_clamp((size_t)(*next > now ? *next - now : 0), TURN_MS, MOST_TURN_MS);
}

static int wake_asked(struct look *l, rd_kafka_t *rk)
{
	struct ev_kafka *k = l->k;
	size_t *parts = ev_alloc(k->ntopics * sizeof(*parts)), n = 0;
	int wait;

	for (size_t i = 0; i < k->ntopics; i++)
		if (l->answers[i] == ASKED)
			parts[n++] = k->topics[i].known.part;
	wait = wake(k, rk, parts, n, &l->next_wake);
	free(parts);
	return wait;
}

/* May it be waited on? */
static bool patient(struct look *l, struct ev_error *err)
{
	struct ev_kafka *k = l->k;
	int64_t now = ev_clock_ms();
	int64_t limit = l->must ? k->timeout_ms : ev_kafka_down_since(k, client(k, err)) ? 0 : AWAY_MS;

	if (!l->stop && k->ended && k->ended())
		l->stop = now;
	return now - l->since < limit && (!l->stop || now - l->stop < STOP_MS);
}

/*
 * A broker that does not answer gives nothing of another log, either: a follower waits for it as long as it takes, and
 * who is to stop keeps what it has. The same record is looked at again later.
 */
static int give_up(struct look *l, struct ev_error *err)
{
	struct ev_kafka *k = l->k;

	l->unknown = l->must && (k->follow || l->stop);
	if (l->unknown)
		return 0;
	return ev_kafka_fail(k, err, RD_KAFKA_RESP_ERR__TIMED_OUT,
			     "cannot ask broker '%s' whether '%s' is still what was read", k->brokers,
			     k->topics[0].name);
}

static int await(struct look *l, struct ev_error *err)
{
	struct ev_kafka *k = l->k;
	int rc = 0;

	while (!rc && l->open) {
		rd_kafka_message_t *m = rd_kafka_consume_queue(l->q, wake_asked(l, client(k, err)));

		if (m) {
			rc = take(l, m, err);
			continue;
		}
		if (!patient(l, err))
			return give_up(l, err);
		if (ev_clock_ms() >= l->next_ask)
			rc = ask_again(l, err);
	}
	return rc;
}

static int other(struct ev_kafka *k, const struct kafka_topic *t, struct ev_error *err)
{
	const struct ev_partition *p = &k->base.parts[t->known.part];

	ev_fail(err, EV_DATA, "topic '%s' was deleted and made again while it was read: what stood at offset %" PRId64
		" of '%s/%" PRId32 "' does not stand there any more", t->name, t->known.offset, p->topic, p->partition);
	err->remade = true;
	return ev_hint(err, "its offsets are those of another log now (or the broker lost its tail): what was made of "
			    "it has to be made anew");
}

/* A leader that was made one just now may not know yet how far the log was read: it hears of it within moments. */
static int await_mark(struct ev_kafka *k, const struct ev_partition *p, int64_t at, bool *lags, struct ev_error *err)
{
	int64_t until = ev_clock_ms() + AWAY_MS;

	for (;;) {
		if (ev_kafka_watermarks(k, 0, k->timeout_ms, err))
			return -1;
		if (p->high > at || ev_clock_ms() >= until)
			return 0;
		*lags = true;
		poll(NULL, 0, MARK_MS);
	}
}

/* Nothing stands there: compaction and retention may have taken it, and a log that is another one has nothing there. */
static int look_why(struct ev_kafka *k, size_t topic, struct ev_error *err)
{
	struct kafka_topic *t = &k->topics[topic];
	const struct ev_partition *p = &k->base.parts[t->known.part];
	int64_t at = t->known.offset;
	bool lags = false;

	if (await_mark(k, p, at, &lags, err))
		return -1;
	if (lags && p->high > at)
		return AGAIN;
	if (p->high <= at || ev_source_kept(&k->base, t->known.part, at))
		return other(k, t, err);
	if (k->note && !t->unproven) {
		struct ev_buf text = EV_BUF_INIT;

		ev_buf_addf(&text, "%s/%" PRId32 ": no record at offset %" PRId64 " any more: whether it is still the "
			    "log that was read is not checkable", p->topic, p->partition, at);
		k->note(k->note_ctx, ev_buf_str(&text));
		ev_buf_release(&text);
	}
	t->unproven = true;
	t->known = t->latest;
	return 0;
}

static int judge(struct look *l, struct ev_error *err)
{
	struct ev_kafka *k = l->k;
	int rc = 0;

	for (size_t i = 0; !rc && i < k->ntopics; i++) {
		if (l->answers[i] == OTHER)
			rc = other(k, &k->topics[i], err);
		else if (l->answers[i] == NONE)
			rc = look_why(k, i, err);
		else if (l->answers[i] == SAME)
			k->topics[i].known = k->topics[i].latest;
	}
	return rc;
}

static int look_once(struct ev_kafka *k, bool must, bool *unknown, struct ev_error *err)
{
	struct look l = { .k = k, .must = must, .since = ev_clock_ms(), .next_ask = ev_clock_ms() + ASK_MS };
	int rc = 0;

	l.q = rd_kafka_queue_new(client(k, err));
	l.answers = ev_alloc((k->ntopics + 1) * sizeof(*l.answers));
	for (size_t i = 0; i < k->ntopics; i++) {
		l.answers[i] = PASSED;
		if (rc || !k->topics[i].known.is || (rc = start(&l, i, err)))
			continue;
		l.answers[i] = ASKED;
		l.open++;
	}
	rc = rc || await(&l, err) ? -1 : judge(&l, err);
	*unknown = l.unknown;
	for (size_t i = 0; i < k->ntopics; i++)
		if (l.answers[i] == ASKED)
			stop(&l, i);
	rd_kafka_queue_destroy(l.q);
	free(l.answers);
	return rc;
}

static int look(struct ev_kafka *k, bool must, bool *unknown, struct ev_error *err)
{
	int rc;

	do
		rc = look_once(k, must, unknown, err);
	while (rc == AGAIN);
	return rc;
}

static int still(struct ev_kafka *k, int64_t pause_us, bool must, struct ev_error *err)
{
	int64_t begin = ev_clock_boot_us(), took;
	bool unknown = false;
	int rc;

	if (k->remade.class) {
		*err = k->remade;
		return -1;
	}
	if (!k->nknown || begin - k->looked < pause_us || k->unanswered)
		return 0;
	rc = client(k, err) && !look(k, must, &unknown, err) ? 0 : -1;
	if (rc && err->class == EV_DATA)
		k->remade = *err;
	if (rc)
		return -1;
	k->looked = ev_clock_boot_us();
	k->unanswered = unknown && k->ended && k->ended();
	if (unknown)
		return 0;
	k->slept = false;
	took = k->looked - begin;
	if (!k->looks++ || took < k->look_us) /* one that took long is chance */
		k->look_us = took;
	return 0;
}

/* The pause is too short for a topic to be deleted, made, and filled up to where the read stands. */
int ev_kafka_still(struct ev_source *s, bool must, struct ev_error *err)
{
	return still((struct ev_kafka *)s, SURE_US, must, err);
}

/* A follower looks before all it gives, but not for more than a part of the time, where a look takes long. */
int ev_kafka_still_now_and_then(struct ev_kafka *k, struct ev_error *err)
{
	int64_t share = k->looks < ENOUGH ? SURE_US : SHARE * k->look_us;

	return still(k, k->follow ? (share < MOST_US ? share : MOST_US) : EVERY_US, true, err);
}

/* The process was stopped, or the machine slept: a log made again meanwhile may end where the read stands. */
int ev_kafka_still_awake(struct ev_kafka *k, struct ev_error *err)
{
	struct ev_error why = EV_ERROR_INIT;
	int64_t now = ev_clock_boot_us();
	int rc = 0;

	if (now - k->turned > SLEEP_US) {
		k->slept = true;
		k->next_look = 0;
	}
	if (k->follow && k->slept && now >= k->next_look) {
		rc = still(k, 0, false, &why) && why.class == EV_DATA ? -1 : 0;
		now = ev_clock_boot_us();
		k->next_look = now + SLEEP_US;
	}
	k->turned = now;
	if (rc)
		*err = why;
	return rc;
}

struct begin {
	struct ev_kafka *k;
	rd_kafka_t *rk;
	rd_kafka_queue_t *q;
	bool *asked; /* of each partition */
	size_t open;
	int64_t next_wake; /* ms */
};

/* Topics that nothing is known of, and of which the read has nothing to give at once. */
static bool *waiting_topics(const struct ev_kafka *k)
{
	bool *waits = ev_alloc((k->ntopics + 1) * sizeof(*waits));
	bool *gives = ev_alloc((k->ntopics + 1) * sizeof(*gives));

	for (size_t i = 0; i < k->base.nparts; i++) {
		const struct kafka_part *p = &k->kp[i];
		bool live = k->follow || p->begin < p->end;

		waits[p->topic] |= live && !k->topics[p->topic].known.is;
		gives[p->topic] |= live && p->begin < ev_kafka_readable(k, i);
	}
	for (size_t i = 0; i < k->ntopics; i++)
		waits[i] &= !gives[i];
	free(gives);
	return waits;
}

static void ask_before(struct begin *b, size_t part)
{
	const struct ev_partition *p = &b->k->base.parts[part];
	struct kafka_topic *t = &b->k->topics[b->k->kp[part].topic];
	int64_t at = b->k->kp[part].begin - BACK;

	if (!t->look)
		t->look = rd_kafka_topic_new(b->rk, t->name, NULL);
	if (rd_kafka_consume_start_queue(t->look, p->partition, at < p->low ? p->low : at, b->q))
		return;
	b->asked[part] = true;
	b->open++;
}

static void end_ask(struct begin *b, size_t part)
{
	if (!b->asked[part])
		return;
	rd_kafka_consume_stop(b->k->topics[b->k->kp[part].topic].look, b->k->base.parts[part].partition);
	b->asked[part] = false;
	b->open--;
}

/* One record of a topic is enough. */
static void take_known(struct begin *b, uint32_t part, rd_kafka_message_t *m)
{
	struct ev_kafka *k = b->k;
	struct kafka_topic *t = &k->topics[k->kp[part].topic];
	struct kafka_batch *batch = ev_kafka_batch(k);

	ev_kafka_batch_add(k, batch, m, part, false);
	t->known = t->latest = known(&batch->records[0]);
	k->nknown++;
	ev_kafka_batch_rest(k, batch);
	for (size_t i = 0; i < k->base.nparts; i++)
		if (k->kp[i].topic == k->kp[part].topic)
			end_ask(b, i);
}

static void take_before(struct begin *b, rd_kafka_message_t *m)
{
	struct ev_kafka *k = b->k;
	uint32_t part = 0;

	while (part < k->base.nparts && (!b->asked[part] || k->base.parts[part].partition != m->partition ||
					 k->topics[k->kp[part].topic].look != m->rkt))
		part++;
	if (part < k->base.nparts && !m->err && m->offset < k->kp[part].begin) {
		take_known(b, part, m);
		return;
	}
	if (part < k->base.nparts && (!m->err || is_none(m->err)))
		end_ask(b, part);
	rd_kafka_message_destroy(m);
}

static int wake_before(struct begin *b)
{
	size_t *parts = ev_alloc(b->k->base.nparts * sizeof(*parts)), n = 0;
	int wait;

	for (size_t i = 0; i < b->k->base.nparts; i++)
		if (b->asked[i])
			parts[n++] = i;
	wait = wake(b->k, b->rk, parts, n, &b->next_wake);
	free(parts);
	return wait;
}

static void ask_all_before(struct begin *b, const bool *waits)
{
	struct ev_kafka *k = b->k;
	int64_t since = ev_clock_ms();

	for (size_t i = 0; i < k->base.nparts; i++)
		if (waits[k->kp[i].topic] && k->kp[i].begin > k->base.parts[i].low)
			ask_before(b, i);
	while (b->open && ev_clock_ms() - since < k->timeout_ms && !ev_kafka_down_since(k, b->rk)) {
		rd_kafka_message_t *m = rd_kafka_consume_queue(b->q, wake_before(b));

		if (m)
			take_before(b, m);
	}
	for (size_t i = 0; i < k->base.nparts; i++)
		end_ask(b, i);
}

/*
 * A read that waits for its first record would take any log's for it. Where nothing stands before (it is empty, or
 * compaction took that) there is nothing to know the log by.
 */
void ev_kafka_still_begin(struct ev_kafka *k)
{
	struct ev_error ignored = EV_ERROR_INIT;
	struct begin b = { .k = k };
	bool *waits = waiting_topics(k), any = false;

	for (size_t i = 0; i < k->ntopics; i++)
		any |= waits[i];
	b.rk = any ? client(k, &ignored) : NULL;
	if (b.rk) {
		b.q = rd_kafka_queue_new(b.rk);
		b.asked = ev_alloc(k->base.nparts * sizeof(*b.asked));
		ask_all_before(&b, waits);
		rd_kafka_queue_destroy(b.q);
		free(b.asked);
	}
	free(waits);
}
