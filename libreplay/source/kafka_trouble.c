/* kafka_trouble.c - when a read does not go on: lost offsets, open transactions, silence */
#include "base/mem.h"
#include "source/kafka.h"

enum { ASK_MS = 5000, SILENCES_MAX = 3 };

static int out_of_range(struct ev_kafka *k, uint32_t part, struct ev_error *err)
{
	const struct ev_partition *p = &k->base.parts[part];
	int64_t next = k->kp[part].next;

	k->looked = 0; /* whoever asks now wants to know it */
	if (ev_kafka_watermarks(k, 0, k->timeout_ms, err))
		return -1;
	if (p->low > next && p->low <= k->kp[part].spared)
		return ev_kafka_skip_to(k, part, p->low, err);
	if (p->low > next) {
		int64_t spared = k->kp[part].spared; /* up to it they are elsewhere */

		ev_fail(err, EV_DATA,
			"lost offsets %lld..%lld of '%s/%d': deleted on the broker before they were read",
			(long long)(spared > next ? spared : next), (long long)p->low - 1, p->topic, (int)p->partition);
		return ev_hint(err, "retention is shorter than the read took; --from begin starts at what is left");
	}
	if (p->high >= next) /* passing: a leader that was behind for a moment, or another log that has come so far */
		return ev_kafka_still(&k->base, true, err);
	ev_fail(err, EV_DATA, "cannot read '%s/%d' at offset %lld: it ends at %lld now", p->topic,
		(int)p->partition, (long long)next, (long long)p->high);
	return ev_hint(err, "the topic was deleted and made again, or the broker lost its tail");
}

/* A broker that has just started may not know the topic yet: ask before it is taken as gone. */
static int gone(struct ev_kafka *k, struct ev_error *err)
{
	ev_kafka_log_clear(k->log);
	return ev_kafka_discover(k, k->timeout_ms, err);
}

int ev_kafka_trouble(struct ev_kafka *k, uint32_t part, const rd_kafka_message_t *m,
		     struct ev_error *err)
{
	const struct ev_partition *p = part < k->base.nparts ? &k->base.parts[part] : NULL;

	if (ev_kafka_is_gone(m->err))
		return gone(k, err);
	switch (m->err) {
	case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
	case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
		return p ? out_of_range(k, part, err) : 0;
	case RD_KAFKA_RESP_ERR__BAD_MSG:
	case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
	case RD_KAFKA_RESP_ERR_INVALID_MSG:
		return ev_fail(err, EV_DATA, "corrupt data in '%s/%d' at offset %lld: %s", p ? p->topic : "?",
			       p ? (int)p->partition : -1, (long long)m->offset, rd_kafka_message_errstr(m));
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		ev_fail(err, EV_SOURCE, "cannot read '%s/%d': %s", p ? p->topic : "?", p ? (int)p->partition : -1,
			rd_kafka_err2str(m->err));
		return ev_hint(err, "the broker wants an ACL that allows Read on topic '%s'", p ? p->topic : "?");
	case RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED:
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
	case RD_KAFKA_RESP_ERR__FATAL:
		return ev_fail(err, EV_SOURCE, "cannot read '%s/%d': %s", p ? p->topic : "?",
			       p ? (int)p->partition : -1, rd_kafka_message_errstr(m));
	default:
		return 0; /* the connection, a leader that moves: the client tries again by itself */
	}
}

/* An end of partition below the end has lasted for --txn-wait. */
static int stuck(struct ev_kafka *k, uint32_t part, struct ev_error *err)
{
	struct kafka_part *p = &k->kp[part];
	const struct ev_partition *at = &k->base.parts[part];
	int64_t end = p->end;

	if (ev_kafka_watermarks(k, 0, k->timeout_ms, err))
		return -1;
	if (at->high < end)
		return ev_fail(err, EV_DATA, "cannot read '%s/%d' to its end %lld: it ends at %lld now",
			       at->topic, (int)at->partition, (long long)end, (long long)at->high);
	if (ev_kafka_readable(k, part) > p->next) {
		p->stuck_since = 0; /* ended in this moment: its records are on their way */
		return 0;
	}
	ev_fail(err, EV_SOURCE,
		"cannot read '%s/%d' to its end %lld: an open transaction keeps what follows offset %lld back",
		at->topic, (int)at->partition, (long long)end, (long long)p->next);
	err->retriable = true;
	return ev_hint(err, "waited %d ms (--txn-wait); --to stable reads up to the transaction",
		       k->txn_wait_ms);
}

/*
 * Nothing at all for the whole --timeout: does anybody answer? A transaction that is in the way is
 * waited for; a broker that answers but gives nothing is not waited for without end.
 */
static int silent(struct ev_kafka *k, size_t lane, struct ev_error *err)
{
	int wait = k->timeout_ms < ASK_MS ? k->timeout_ms : ASK_MS;
	bool waits = false;

	if (ev_kafka_watermarks(k, 0, wait, err))
		return ev_context(err, "nothing arrived for %d ms", k->timeout_ms);
	k->last_event = ev_clock_ms();
	for (size_t i = 0; i < k->base.nparts; i++) {
		struct kafka_part *p = &k->kp[i];

		if (p->lane != lane || !p->live || ev_kafka_readable(k, i) > p->next)
			continue;
		p->stuck_since = k->last_event;
		waits = true;
	}
	if (!waits && ++k->silences >= SILENCES_MAX)
		return ev_fail(err, EV_SOURCE, "broker '%s' answers but has given nothing for %d ms",
			       k->brokers, k->timeout_ms * SILENCES_MAX);
	return 0;
}

int ev_kafka_idle(struct ev_kafka *k, size_t lane, struct ev_error *err)
{
	int64_t now = ev_clock_ms(), down = ev_kafka_down_since(k, k->reader);
	bool waits = false;

	for (size_t i = 0; !k->follow && i < k->base.nparts; i++) {
		const struct kafka_part *p = &k->kp[i];

		if (p->lane != lane || !p->live || !p->stuck_since)
			continue;
		waits = true;
		if (now - p->stuck_since >= k->txn_wait_ms)
			return stuck(k, (uint32_t)i, err);
	}
	if (down && now - down >= k->timeout_ms && now - k->last_event >= k->timeout_ms)
		return ev_kafka_fail(k, err, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, "lost broker '%s'",
				     k->brokers);
	if (!k->follow && !waits && now - k->last_event >= k->timeout_ms)
		return silent(k, lane, err);
	return 0;
}
