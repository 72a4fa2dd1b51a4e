/* kafka_read.c - lanes of the Kafka source: start, fetch; see kafka.h */
#include <string.h>

#include "base/mem.h"
#include "source/kafka.h"

enum { DISCOVER_MS = 3000, GONE_MS = 2500, GONE_TURN_MS = 500, TURN_MS = 20, MARKS_MS = 200, WAIT_MS = 1000 };
enum { RETENTION_TRIES = 5 }; /* each time some of what was looked for has gone */
enum { BATCH = 1024, BATCH_MIN = 64 };

static void stop_part(struct ev_kafka *k, size_t part)
{
	struct kafka_part *p = &k->kp[part];

	if (p->started)
		rd_kafka_consume_stop(ev_kafka_reader_topic(k, p->topic), k->base.parts[part].partition);
	p->started = false;
}

/* The partition has given all there is in its span. */
static void finish_part(struct ev_kafka *k, size_t part)
{
	struct kafka_part *p = &k->kp[part];

	if (!p->live)
		return;
	p->live = false;
	p->stuck_since = 0;
	p->passed = p->end;
	k->lanes[p->lane].live--;
	stop_part(k, part);
}

void ev_kafka_stop(struct ev_kafka *k)
{
	if (!k->reading)
		return;
	for (size_t i = 0; i < k->base.nparts; i++)
		stop_part(k, i);
	for (size_t i = 0; i < k->base.nlanes; i++)
		rd_kafka_queue_destroy(k->lanes[i].queue);
	free(k->lanes);
	k->lanes = NULL;
	k->base.nlanes = 0;
	k->reading = false;
}

static int start_at(struct ev_kafka *k, size_t part, int64_t offset, struct ev_error *err)
{
	struct kafka_part *p = &k->kp[part];
	const struct ev_partition *at = &k->base.parts[part];

	if (rd_kafka_consume_start_queue(ev_kafka_reader_topic(k, p->topic), at->partition, offset,
					 k->lanes[p->lane].queue))
		return ev_kafka_fail(k, err, rd_kafka_last_error(), "cannot start to read '%s/%d'",
				     at->topic, (int)at->partition);
	p->started = true;
	return 0;
}

static int start_part(struct ev_kafka *k, size_t part, struct ev_error *err)
{
	struct kafka_part *p = &k->kp[part];

	p->next = p->begin;
	p->passed = -1;
	p->stuck_since = 0;
	p->live = k->follow || p->begin < p->end;
	if (!p->live) {
		p->passed = p->end;
		return 0;
	}
	/* Started behind the last stable offset, the client never tells of an end of partition. */
	if (p->begin > ev_kafka_readable(k, part))
		p->stuck_since = ev_clock_ms();
	if (start_at(k, part, p->begin, err))
		return -1;
	k->lanes[p->lane].live++;
	return 0;
}

void ev_kafka_spare(struct ev_source *s, const int64_t *upto)
{
	struct ev_kafka *k = (struct ev_kafka *)s;

	for (size_t i = 0; i < s->nparts; i++)
		k->kp[i].spared = upto ? upto[i] : 0;
}

int ev_kafka_skip_to(struct ev_kafka *k, uint32_t part, int64_t offset, struct ev_error *err)
{
	struct kafka_part *p = &k->kp[part];

	if (offset >= p->end) {
		finish_part(k, part);
		return 0;
	}
	p->next = offset;
	stop_part(k, part);
	return start_at(k, part, offset, err);
}

/* What record_at found points into a message of the reader, which may be made anew. */
static void drop_single(struct ev_kafka *k)
{
	if (k->single)
		ev_kafka_batch_rest(k, k->single);
	k->single = NULL;
}

int ev_kafka_start(struct ev_source *s, const struct ev_span *spans, bool merge, bool follow,
		   struct ev_error *err)
{
	struct ev_kafka *k = (struct ev_kafka *)s;
	bool lanes = merge && !follow && s->nparts;
	struct kafka_shape shape = { .queues = lanes ? s->nparts : 1, .follow = follow };

	ev_kafka_stop(k);
	drop_single(k);
	ev_kafka_batches_reset(k); /* before the reader may go: it would wait for its messages for ever */
	ev_kafka_log_clear(k->log);
	if (k->markers)
		ev_kafka_markers_reset(k->markers);
	if (ev_kafka_need_reader(k, shape, err))
		return -1;
	for (size_t i = 0; i < k->ntopics; i++)
		k->topics[i].gone_since = k->topics[i].gone_last = k->topics[i].away_ms = 0;
	k->follow = follow;
	k->reading = true;
	k->last_topic = NULL;
	k->error = (struct ev_error)EV_ERROR_INIT;
	k->silences = 0;
	k->proven = false;
	k->last_event = ev_clock_ms();
	k->turned = ev_clock_boot_us();
	if (!k->nknown)
		k->looked = k->turned;
	k->next_discover = k->last_event + DISCOVER_MS;
	k->batch_size = 8192 / shape.queues > BATCH ? BATCH : 8192 / shape.queues < BATCH_MIN ? BATCH_MIN :
			8192 / shape.queues;
	s->nlanes = shape.queues;
	k->lanes = ev_alloc(s->nlanes * sizeof(*k->lanes));
	for (size_t i = 0; i < s->nlanes; i++) {
		k->lanes[i].queue = rd_kafka_queue_new(k->reader);
		k->lanes[i].single = lanes;
		k->lanes[i].part = (uint32_t)i;
	}
	for (size_t i = 0; i < s->nparts; i++) {
		k->kp[i].begin = spans[i].begin;
		k->kp[i].end = spans[i].end;
		k->kp[i].lane = lanes ? i : 0;
	}
	ev_kafka_still_begin(k);
	for (size_t i = 0; i < s->nparts; i++)
		if (start_part(k, i, err))
			return -1;
	return 0;
}

static bool any_gone(const struct ev_kafka *k)
{
	for (size_t i = 0; i < k->ntopics; i++)
		if (k->topics[i].gone_since)
			return true;
	return false;
}

/*
 * The client itself says nothing of a topic that is gone, and reads on in the middle of another one of that name. The
 * cluster has said so for a while: a broker that has just started may not know it yet.
 */
static int check_there(const struct ev_kafka *k, struct ev_error *err)
{
	for (size_t i = 0; i < k->ntopics; i++) {
		const struct kafka_topic *t = &k->topics[i];
		int64_t gone = t->gone_last - t->gone_since;

		if (t->away_ms >= GONE_MS) {
			ev_fail(err, EV_DATA, "topic '%s' was deleted and made again while it was read", t->name);
			err->remade = true;
			return ev_hint(err, "its offsets are those of another log now: what was made of it has to be "
				       "made anew");
		}
		if (gone >= k->timeout_ms && gone >= GONE_MS)
			return ev_fail(err, EV_SOURCE, "topic '%s' is not there any more", t->name);
	}
	return 0;
}

/* Partitions added since are read from their first offset. A broker that is away is no error yet. */
static int discover(struct ev_kafka *k, struct ev_error *err)
{
	size_t known = k->base.nparts;
	struct ev_error ignored;
	bool answered;

	answered = !ev_kafka_discover(k, TURN_MS * 10, &ignored);
	k->next_discover = ev_clock_ms() + (any_gone(k) ? GONE_TURN_MS : DISCOVER_MS);
	if (check_there(k, err)) {
		if (err->class == EV_DATA)
			k->remade = *err;
		return -1;
	}
	if (!answered)
		return 0;
	if (k->base.nparts == known)
		return 0;
	if (ev_kafka_watermarks(k, known, k->timeout_ms, err))
		return -1;
	for (size_t i = known; i < k->base.nparts; i++) {
		k->kp[i].begin = k->base.parts[i].low;
		k->kp[i].end = INT64_MAX;
		if (start_part(k, i, err))
			return -1;
	}
	return 0;
}

/* A follower's ends of the log, as the fetches that were answered told them: no question is asked. */
static void take_marks(struct ev_kafka *k)
{
	k->next_marks = ev_clock_ms() + MARKS_MS;
	for (size_t i = 0; i < k->base.nparts; i++) {
		struct ev_partition *p = &k->base.parts[i];
		int64_t low, high;

		if (!rd_kafka_get_watermark_offsets(k->reader, p->topic, p->partition, &low, &high) &&
		    high > p->high)
			p->high = high;
	}
}

/* The table's index of a message's partition; nparts when it has none. Records come in runs. */
static uint32_t part_of(struct ev_kafka *k, const struct kafka_lane *lane, const rd_kafka_message_t *m)
{
	if (lane->single)
		return lane->part;
	if (k->last_topic == m->rkt && m->rkt && k->base.parts[k->last_part].partition == m->partition)
		return k->last_part;
	for (uint32_t i = 0; m->rkt && i < k->base.nparts; i++)
		if (k->topics[k->kp[i].topic].reader == m->rkt &&
		    k->base.parts[i].partition == m->partition) {
			k->last_topic = m->rkt;
			k->last_part = i;
			return i;
		}
	return (uint32_t)k->base.nparts;
}

/* An end of partition: the end of the span, or, below it, all that may be read now. */
static void take_eof(struct ev_kafka *k, uint32_t part, int64_t offset)
{
	struct kafka_part *p = &k->kp[part];

	if (offset > p->next)
		p->next = offset;
	if (p->next > p->passed)
		p->passed = p->next;
	if (k->follow)
		return;
	if (p->next >= p->end)
		finish_part(k, part);
	else if (!p->stuck_since)
		p->stuck_since = ev_clock_ms();
}

/* One message: into the batch, or consumed here. */
static int take(struct ev_kafka *k, const struct kafka_lane *lane, struct kafka_batch *b,
		rd_kafka_message_t *m, struct ev_error *err)
{
	uint32_t part = part_of(k, lane, m);
	struct kafka_part *p = part < k->base.nparts ? &k->kp[part] : NULL;
	int rc = 0;

	if (!m->err && p && p->live && m->offset < p->end) {
		p->next = m->offset + 1;
		p->stuck_since = 0;
		ev_kafka_batch_add(k, b, m, part, k->need_headers);
		if (p->next == p->end && !k->follow)
			finish_part(k, part);
		return 0;
	}
	if (!m->err) {
		if (p && p->live)
			finish_part(k, part);
	} else if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
		if (p && p->live)
			take_eof(k, part, m->offset);
	} else if (!p || p->live) {
		rc = ev_kafka_trouble(k, part, m, err);
	}
	rd_kafka_message_destroy(m);
	return rc;
}

/*
 * Whatever is there at once; else wait for one message and take what came with it: librdkafka's
 * batch call itself waits until the batch is full.
 */
static ssize_t collect(rd_kafka_queue_t *q, rd_kafka_message_t **v, size_t cap, int wait_ms)
{
	ssize_t n = rd_kafka_consume_batch_queue(q, 0, v, cap), more;

	if (n || !wait_ms)
		return n;
	n = rd_kafka_consume_batch_queue(q, wait_ms, v, 1);
	if (n == 1 && cap > 1) {
		more = rd_kafka_consume_batch_queue(q, 0, v + 1, cap - 1);
		n += more > 0 ? more : 0;
	}
	return n;
}

/* One turn: what arrived goes into the batch; on an error what stood before it stays in the batch. */
static int turn(struct ev_kafka *k, size_t at, struct kafka_batch *b, int wait_ms, struct ev_error *err)
{
	struct kafka_lane *lane = &k->lanes[at];
	rd_kafka_message_t *messages[BATCH];
	ssize_t n = collect(lane->queue, messages, b->cap, wait_ms);
	size_t from = b->nmessages;
	int rc = 0;

	if (n <= 0) {
		ev_kafka_rouse(k, at);
		return ev_kafka_idle(k, at, err);
	}
	lane->dry_since = 0;
	k->last_event = ev_clock_ms();
	k->silences = 0;
	ev_kafka_log_clear(k->log);
	for (ssize_t i = 0; i < n; i++) {
		if (rc)
			rd_kafka_message_destroy(messages[i]);
		else
			rc = take(k, lane, b, messages[i], err);
	}
	ev_kafka_still_note(k, b, from);
	return rc;
}

static enum ev_fetch give(struct kafka_batch *b, struct ev_batch *out)
{
	out->records = b->records;
	out->n = b->nmessages;
	out->owner = b;
	return EV_FETCH_SOME;
}

/* Has this read given all, and was that not proven yet? */
static bool at_end(const struct ev_kafka *k)
{
	for (size_t i = 0; !k->proven && i < k->base.nlanes; i++)
		if (k->lanes[i].live)
			return false;
	return !k->proven;
}

static int prove(struct ev_kafka *k)
{
	k->proven = true;
	return ev_kafka_still(&k->base, true, &k->error);
}

enum ev_fetch ev_kafka_fetch(struct ev_source *s, size_t lane, struct ev_batch *out, int timeout_ms,
			     struct ev_error *err)
{
	struct ev_kafka *k = (struct ev_kafka *)s;
	int64_t until = ev_clock_ms() + timeout_ms, left = timeout_ms;
	struct kafka_batch *b = ev_kafka_batch(k);
	enum ev_fetch rc = EV_FETCH_WAIT;

	if (!k->reading)
		ev_fail(&k->error, EV_BUG, "a fetch without a read");
	if (k->follow && ev_clock_ms() >= k->next_marks)
		take_marks(k);
	for (;;) {
		if (k->follow && ev_clock_ms() >= k->next_discover && !k->error.class)
			discover(k, &k->error);
		if (!k->error.class)
			ev_kafka_still_awake(k, &k->error);
		if (k->error.class) {
			*err = k->error;
			rc = EV_FETCH_ERROR;
			break;
		}
		if (!k->follow && !k->lanes[lane].live) {
			if (at_end(k) && prove(k))
				continue;
			rc = EV_FETCH_DONE;
			break;
		}
		turn(k, lane, b, (int)(left > TURN_MS ? TURN_MS : left), &k->error);
		/* of a topic that was gone these may be another log's */
		if (b->nmessages && k->follow && !k->error.class && any_gone(k) && discover(k, &k->error))
			continue;
		if (b->nmessages && !k->error.class && ev_kafka_still_now_and_then(k, &k->error))
			continue;
		if (b->nmessages)
			return give(b, out);
		left = until - ev_clock_ms();
		if (left <= 0 && !k->error.class && (k->follow || k->lanes[lane].live))
			break;
		if (left < 0)
			left = 0;
	}
	ev_kafka_batch_rest(k, b);
	return rc;
}

int64_t ev_kafka_passed(struct ev_source *s, uint32_t part)
{
	return ((struct ev_kafka *)s)->kp[part].passed;
}

/* The first message that tells: the record, a later one, or an end of partition. */
static int await_record(struct ev_kafka *k, rd_kafka_queue_t *q, uint32_t part, int64_t offset,
			rd_kafka_message_t **out, struct ev_error *err)
{
	const struct ev_partition *p = &k->base.parts[part];
	int64_t until = ev_clock_ms() + k->timeout_ms;
	int rc = 0;

	while (!rc && ev_clock_ms() < until) {
		rd_kafka_message_t *m = rd_kafka_consume_queue(q, TURN_MS);

		if (!m) {
			ev_kafka_down_since(k, k->reader);
			continue;
		}
		if (!m->err && m->offset >= offset) {
			*out = m;
			return 0;
		}
		if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF ||
		    m->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
		    m->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
			rd_kafka_message_destroy(m);
			*out = NULL;
			return 0;
		}
		/* of one that is gone the cluster is asked, which may move the partitions that our caller looks at */
		if (m->err && !ev_kafka_is_gone(m->err))
			rc = ev_kafka_trouble(k, part, m, err);
		rd_kafka_message_destroy(m);
	}
	if (rc)
		return -1;
	return ev_kafka_fail(k, err, RD_KAFKA_RESP_ERR__TIMED_OUT,
			     "cannot read '%s/%d' at offset %lld from broker '%s'",
			     p->topic, (int)p->partition, (long long)offset, k->brokers);
}

int ev_kafka_record_at(struct ev_source *s, uint32_t part, int64_t offset, struct ev_record *rec,
		       bool *found, struct ev_error *err)
{
	struct ev_kafka *k = (struct ev_kafka *)s;
	rd_kafka_message_t *m = NULL;
	rd_kafka_topic_t *rkt;
	rd_kafka_queue_t *q;
	int rc;

	*found = false;
	ev_kafka_stop(k); /* a read that was given up */
	drop_single(k);
	ev_kafka_log_clear(k->log);
	if (offset >= ev_kafka_readable(k, part) && ev_kafka_watermarks(k, 0, k->timeout_ms, err))
		return -1;
	if (offset < s->parts[part].low || offset >= ev_kafka_readable(k, part))
		return 0;
	rkt = ev_kafka_reader_topic(k, k->kp[part].topic);
	q = rd_kafka_queue_new(k->reader);
	if (rd_kafka_consume_start_queue(rkt, s->parts[part].partition, offset, q)) {
		rd_kafka_queue_destroy(q);
		return ev_kafka_fail(k, err, rd_kafka_last_error(), "cannot start to read '%s/%d'",
				     s->parts[part].topic, (int)s->parts[part].partition);
	}
	rc = await_record(k, q, part, offset, &m, err);
	if (m && m->offset == offset) {
		k->single = ev_kafka_batch(k);
		ev_kafka_batch_add(k, k->single, m, part, true);
		ev_kafka_still_note(k, k->single, 0);
		*rec = k->single->records[0];
		*found = true;
	} else if (m) {
		rd_kafka_message_destroy(m);
	}
	rd_kafka_consume_stop(rkt, s->parts[part].partition);
	rd_kafka_queue_destroy(q);
	return rc;
}

/* *gone: retention has taken one of them meanwhile. */
static int take_all(struct ev_kafka *k, ev_source_take *each, void *ctx, bool *taken, bool *gone, struct ev_error *err)
{
	struct ev_batch b;
	enum ev_fetch got;
	int rc = 0;

	for (size_t lane = 0; lane < k->base.nlanes; lane++) {
		while ((got = ev_kafka_fetch(&k->base, lane, &b, WAIT_MS, err)) != EV_FETCH_DONE) {
			if (got == EV_FETCH_ERROR) {
				*gone = err->class == EV_DATA;
				return -1;
			}
			if (got == EV_FETCH_WAIT)
				continue;
			for (size_t i = 0; i < b.n && !rc; i++) {
				taken[b.records[i].part] = true;
				rc = each(ctx, &b.records[i], err);
			}
			ev_kafka_release(&k->base, &b);
			if (rc)
				return -1;
		}
	}
	return 0;
}

/* What of the offsets is there and was not taken yet; true: some. */
static bool spans_at(struct ev_kafka *k, const int64_t *offsets, const bool *taken, struct ev_span *spans)
{
	bool some = false;

	for (size_t i = 0; i < k->base.nparts; i++) {
		const struct ev_partition *p = &k->base.parts[i];
		bool is = !taken[i] && offsets[i] >= p->low && offsets[i] < ev_kafka_readable(k, i);

		spans[i].begin = is ? offsets[i] : p->high;
		spans[i].end = spans[i].begin + is;
		some |= is;
	}
	return some;
}

/* Single records, which say by themselves whether it is another log. */
static int start_some(struct ev_kafka *k, const struct ev_span *spans, struct ev_error *err)
{
	int rc = ev_kafka_start(&k->base, spans, true, false, err);

	k->proven = true;
	return rc;
}

/* As a read of that much of each partition: one by one each would wait for a fetch of its own. */
int ev_kafka_records_at(struct ev_source *s, const int64_t *offsets, ev_source_take *each, void *ctx,
			struct ev_error *err)
{
	struct ev_kafka *k = (struct ev_kafka *)s;
	struct ev_span *spans = ev_alloc((s->nparts + 1) * sizeof(*spans));
	bool *taken = ev_alloc((s->nparts + 1) * sizeof(*taken));
	bool again = false, headers = k->need_headers;
	int rc = 0, tries = 0;

	for (size_t i = 0; i < s->nparts; i++)
		again |= offsets[i] >= ev_kafka_readable(k, i);
	k->need_headers = true;
	do {
		if (again) {
			*err = (struct ev_error)EV_ERROR_INIT;
			rc = ev_kafka_watermarks(k, 0, k->timeout_ms, err);
		}
		again = false;
		if (!rc && spans_at(k, offsets, taken, spans))
			rc = start_some(k, spans, err) ||
			     take_all(k, each, ctx, taken, &again, err) ? -1 : 0;
		ev_kafka_stop(k);
	} while (again && ++tries < RETENTION_TRIES);
	k->need_headers = headers;
	free(taken);
	free(spans);
	return rc;
}
