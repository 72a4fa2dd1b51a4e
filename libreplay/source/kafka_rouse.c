/*
 * kafka_rouse.c - wake a client that sleeps on an empty queue; see kafka.h
 *
 * A broker's thread that finds the queues full has nothing to ask for, and sleeps until something comes
 * over its socket, up to a second. That the queues are drained meanwhile does not wake it (from 2.2 on
 * it looks every fetch.queue.backoff.ms). So a read that runs dry though the log has more asks that
 * broker for something small: the question passes through the thread, which then looks at its queues.
 */
#include "source/kafka.h"

enum { DRY_MS = 10, FOLLOW_DRY_MS = 100, ANSWER_MS = 50, LOOKS_ITSELF = 0x02020000 };

/* A partition of the lane that has more than was read of it, as far as is known; else nparts. */
static size_t hungry(const struct ev_kafka *k, size_t lane)
{
	for (size_t i = 0; i < k->base.nparts; i++) {
		const struct kafka_part *p = &k->kp[i];

		if (p->lane == lane && p->live && !p->stuck_since &&
		    p->next < (k->follow ? k->base.parts[i].high : p->end))
			return i;
	}
	return k->base.nparts;
}

void ev_kafka_rouse(struct ev_kafka *k, size_t lane)
{
	struct kafka_lane *l = &k->lanes[lane];
	int64_t now = ev_clock_ms(), low, high;
	size_t i;

	if (rd_kafka_version() >= LOOKS_ITSELF)
		return;
	if (!l->dry_since)
		l->dry_since = now;
	if (now - l->dry_since < (k->follow ? FOLLOW_DRY_MS : DRY_MS))
		return;
	i = hungry(k, lane);
	if (i < k->base.nparts)
		rd_kafka_query_watermark_offsets(k->reader, k->base.parts[i].topic,
						 k->base.parts[i].partition, &low, &high, ANSWER_MS);
	l->dry_since = ev_clock_ms();
}
