/* kafka_delivery.c - what came of the messages of the Kafka sink; see kafka_impl.h */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sink/kafka_impl.h"

enum { TURN_MS = 100, LOOK_MOST_MS = 1000, NUMBER_BITS = 48 };
#define NUMBER_MASK ((UINT64_C(1) << NUMBER_BITS) - 1)

static struct sink_part *part_of(struct kafka_sink *k, uint32_t part)
{
	while (part >= k->nparts)
		(void)EV_PUSH(k->parts, k->nparts);
	return &k->parts[part];
}

void *ev_kafka_sink_flight(struct kafka_sink *k, const struct ev_record *r)
{
	struct sink_part *p = part_of(k, r->part);

	if (!p->put || r->offset != p->next || !p->nruns) {
		EV_GROW(p->runs, p->nruns, p->runs_cap);
		p->runs[p->nruns++] = (struct sink_run){ p->put, r->offset };
		k->nruns++;
	}
	p->next = r->offset + 1;
	return (void *)(uintptr_t)((uint64_t)r->part << NUMBER_BITS | (p->put++ & NUMBER_MASK));
}

/* The offset of the record with that number. */
static int64_t offset_of(const struct sink_part *p, uint64_t number)
{
	size_t low = 0, high = p->nruns;

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (p->runs[mid].first <= number)
			low = mid;
		else
			high = mid;
	}
	return p->runs[low].offset + (int64_t)(number - p->runs[low].first);
}

/*
 * Acknowledged, and with its offset. Without, the client took the broker's refusal of a repetition for
 * success: so it is when the first batch of a partition fails in a way that passes (a topic that was just
 * made), and the second one, under way at the same time, does not. Then the first is nowhere. An answer
 * that was only lost is not that: the broker has kept the offset, and tells it again.
 */
static bool is_there(const rd_kafka_message_t *m)
{
	return !m->err && m->offset >= 0;
}

/* Headers, too: they may be what makes it large. */
static size_t size_of(const rd_kafka_message_t *m)
{
	size_t n = m->len + m->key_len, size;
	rd_kafka_headers_t *hs;
	const char *name;
	const void *value;

	if (!rd_kafka_message_headers(m, &hs))
		for (size_t i = 0; !rd_kafka_header_get_all(hs, i, &name, &value, &size); i++)
			n += strlen(name) + size;
	return n;
}

static void first_error(struct kafka_sink *k, const rd_kafka_message_t *m, const struct sink_target *t,
			uint32_t part, int64_t offset)
{
	const char *why = m->err ? rd_kafka_err2str(m->err) :
				   "a repetition of it was taken for known, and it may be lost";
	bool gone = ev_kafka_is_gone(m->err);

	if (k->job && ev_kafka_txn_is_fence(m->err)) {
		ev_kafka_txn_held(k, &k->error);
		return;
	}
	ev_kafka_sink_fail(k, t, m->partition, part, offset, gone ? EV_TARGET_GONE : why);
	if (gone)
		ev_kafka_target_hint(k, &k->error);
	if (m->err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
		ev_hint(&k->error, "the record has %zu bytes: alone or in its batch that is above max.message.bytes",
			size_of(m));
	if (m->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
		ev_hint(&k->error, "the broker wants an ACL that allows Write on topic '%s'", t->name);
}

/*
 * Offsets of a partition only grow: where they begin again the topic was deleted and made anew, and
 * what was acknowledged before is gone with it.
 */
static void note_end(struct kafka_sink *k, struct sink_target *t, const rd_kafka_message_t *m)
{
	struct sink_end *end;
	int64_t jump;

	if (m->partition < 0 || m->partition >= t->partitions)
		return;
	end = &t->ends[m->partition];
	end->under_way--;
	if (m->offset < end->next && !k->base.lost && !k->error.class) {
		ev_fail(&k->error, EV_STORE, "'%s/%d' was deleted and made again while it was written: offset "
			"%lld came after %lld", t->name, (int)m->partition, (long long)m->offset,
			(long long)end->next - 1);
		ev_hint(&k->error, "what this run had written before is gone");
	}
	k->base.lost |= m->offset < end->next;
	jump = m->offset - end->next;
	end->next = m->offset + 1;
	ev_kafka_witness_note(k, t, m, jump);
}

/* It is not in the target, and will not be. */
void ev_kafka_sink_unsent(struct kafka_sink *k, const void *flight)
{
	uint64_t tag = (uint64_t)(uintptr_t)flight, number = tag & NUMBER_MASK;
	struct sink_part *p = &k->parts[tag >> NUMBER_BITS];

	if (!p->failed || number < p->first_failed)
		p->first_failed = number;
	p->failed++;
	k->base.failed++;
}

static void note_delivery(struct kafka_sink *k, struct sink_target *t, const rd_kafka_message_t *m)
{
	uint64_t tag = (uint64_t)(uintptr_t)m->_private, number = tag & NUMBER_MASK;
	struct sink_part *p = &k->parts[tag >> NUMBER_BITS];

	if (is_there(m)) {
		note_end(k, t, m);
		if (k->delivered)
			k->delivered(k->ctx, (uint32_t)(tag >> NUMBER_BITS), offset_of(p, number),
				     t->name, m->partition, m->offset);
		return;
	}
	ev_kafka_sink_unsent(k, m->_private);
	/* what was taken back because of the failure is not the failure */
	if (!k->error.class && m->err != RD_KAFKA_RESP_ERR__PURGE_QUEUE)
		first_error(k, m, t, (uint32_t)(tag >> NUMBER_BITS), offset_of(p, number));
}

void ev_kafka_sink_delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	struct sink_target *t = rd_kafka_topic_opaque(m->rkt);
	struct kafka_sink *k;

	(void)rk, (void)opaque;
	if (!t)
		return; /* a token that failed fails its transaction */
	k = t->sink;
	if (!k->job) {
		note_delivery(k, t, m);
		return;
	}
	pthread_mutex_lock(&k->telling);
	if (!k->stuck) /* else it is a late call that tells, and whom it would tell may be gone */
		note_delivery(k, t, m);
	pthread_mutex_unlock(&k->telling);
}

int64_t ev_kafka_sink_undone(struct ev_sink *s, uint32_t part, uint64_t *beyond)
{
	struct kafka_sink *k = (struct kafka_sink *)s;
	const struct sink_part *p = part < k->nparts ? &k->parts[part] : NULL;

	*beyond = 0;
	if (!p || !p->failed)
		return INT64_MAX;
	*beyond = p->put - p->first_failed - p->failed;
	return offset_of(p, p->first_failed);
}

int ev_kafka_sink_left(struct kafka_sink *k)
{
	int64_t now = ev_clock_ms();

	if (!k->stopped || !k->stopped())
		return k->cluster->timeout_ms;
	if (!k->stop_ms)
		k->stop_ms = now + k->cluster->timeout_ms;
	return k->stop_ms > now ? (int)(k->stop_ms - now) : 0;
}

/* A broker that is away is waited for, but not for ever. */
static int stalled(struct kafka_sink *k, struct ev_error *err)
{
	struct ev_cluster *c = k->cluster;
	int queued = rd_kafka_outq_len(c->rk);
	uint64_t done = k->handed - (uint64_t)(queued > 0 ? queued : 0);
	int64_t now = ev_clock_ms(), gone = k->looked_at ? now - k->looked_at : 0;
	int64_t most = c->timeout_ms < 2 * LOOK_MOST_MS ? (c->timeout_ms + 1) / 2 : LOOK_MOST_MS;

	k->looked_at = now;
	if (!queued || done != k->done) {
		k->done = done;
		k->silent_ms = k->stop_ms = 0;
		return 0;
	}
	k->silent_ms += gone < most ? gone : most; /* suspended, we heard nothing, whatever it said */
	if (k->silent_ms < c->timeout_ms && ev_kafka_sink_left(k))
		return 0;
	return ev_cluster_fail(c, err, RD_KAFKA_RESP_ERR__TIMED_OUT, "%s has taken nothing for %d ms", k->base.target,
			       k->silent_ms < c->timeout_ms ? (int)k->silent_ms : c->timeout_ms);
}

int ev_kafka_sink_serve(struct kafka_sink *k, int wait_ms, struct ev_error *err)
{
	k->unpolled = 0;
	if (!k->stuck)
		rd_kafka_poll(k->cluster->rk, wait_ms);
	if (!k->error.class && stalled(k, &k->error))
		k->error.retriable = true;
	if (!k->error.class)
		return 0;
	*err = k->error;
	return ev_kafka_txn_judge(k, err);
}

/* Take back what was not sent, and wait for the answers to what was. */
static void give_up(struct kafka_sink *k)
{
	rd_kafka_t *rk = k->cluster->rk;
	int64_t until = ev_clock_ms() + (k->error.retriable ? 0 : k->cluster->timeout_ms); /* else it has been silent */

	rd_kafka_purge(rk, RD_KAFKA_PURGE_F_QUEUE);
	while (rd_kafka_outq_len(rk) && ev_clock_ms() < until)
		rd_kafka_poll(rk, TURN_MS);
	rd_kafka_purge(rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	while (rd_kafka_outq_len(rk) && ev_clock_ms() < until + 1000)
		rd_kafka_poll(rk, TURN_MS);
}

void ev_kafka_sink_forget(struct kafka_sink *k)
{
	for (size_t i = 0; i < k->nparts; i++)
		k->parts[i].nruns = 0;
	k->nruns = 0;
}

int ev_kafka_sink_drain(struct kafka_sink *k, struct ev_error *err)
{
	rd_kafka_t *rk = k->cluster->rk;

	while (!k->error.class && rd_kafka_outq_len(rk)) {
		rd_kafka_flush(rk, TURN_MS);
		ev_kafka_sink_serve(k, 0, err);
	}
	ev_kafka_sink_serve(k, 0, err);
	if (k->error.class) {
		if (!k->stuck)
			give_up(k);
		*err = k->error;
		return -1;
	}
	if (k->settled && k->settled(k->ctx, err))
		return -1;
	ev_kafka_sink_forget(k);
	return 0;
}
