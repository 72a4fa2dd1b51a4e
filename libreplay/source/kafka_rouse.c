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

/* The question for watermarks is none: in 2.0.2 it outlasts its time where the broker is gone. */
void ev_kafka_wake(struct ev_kafka *k, rd_kafka_t *rk, const size_t *parts, size_t n, int wait_ms)
{
	rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new((int)n);

	for (size_t i = 0; i < n; i++)
		rd_kafka_topic_partition_list_add(l, k->base.parts[parts[i]].topic, k->base.parts[parts[i]].partition)
			->offset = RD_KAFKA_OFFSET_END;
	rd_kafka_offsets_for_times(rk, l, wait_ms);
	rd_kafka_topic_partition_list_destroy(l);
}

void ev_kafka_rouse(struct ev_kafka *k, size_t lane)
{
	struct kafka_lane *l = &k->lanes[lane];
	int64_t now = ev_clock_ms();
	size_t i;

	if (rd_kafka_version() >= LOOKS_ITSELF || ev_kafka_down_since(k, k->reader))
		return;
	if (!l->dry_since)
		l->dry_since = now;
	if (now - l->dry_since < (k->follow ? FOLLOW_DRY_MS : DRY_MS))
		return;
	i = hungry(k, lane);
	if (i < k->base.nparts)
		ev_kafka_wake(k, k->reader, &i, 1, ANSWER_MS);
	l->dry_since = ev_clock_ms();
}
