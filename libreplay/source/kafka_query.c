/* kafka_query.c - what is there: partitions, watermarks, offsets for times; see kafka.h */
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/plural.h"
#include "source/kafka.h"

enum { SLICE_MS = 1000, RETRY_MS = 50 };

static int least(int64_t a, int64_t b)
{
	return (int)(a < b ? a : b);
}

static void pause_ms(int ms)
{
	struct timespec ts = { .tv_nsec = (long)ms * 1000000 };

	nanosleep(&ts, NULL);
}

/* Answers that a moment later may be others: a topic just made, a leader that moves. */
static bool passing(rd_kafka_resp_err_t e)
{
	switch (e) {
	case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
	case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
	case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
	case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
	case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:
	case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
	case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH:
	case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR:
	case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
	case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
	case RD_KAFKA_RESP_ERR__TRANSPORT:
	case RD_KAFKA_RESP_ERR__TIMED_OUT:
	case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
	case RD_KAFKA_RESP_ERR__WAIT_COORD:
	case RD_KAFKA_RESP_ERR__WAIT_CACHE:
	case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
		return true;
	default:
		return false;
	}
}

/* Is there no use in asking once more? */
static bool over(const struct ev_kafka *k, int64_t until)
{
	return ev_clock_ms() >= until || (k->stopped && k->stopped());
}

/* The topic's metadata: asked again and again until the time is up. */
static const struct rd_kafka_metadata *metadata(struct ev_kafka *k, size_t topic, int64_t until,
						struct ev_error *err)
{
	struct kafka_topic *t = &k->topics[topic];
	const struct rd_kafka_metadata *md;

	if (!t->probe)
		t->probe = rd_kafka_topic_new(k->probe, t->name, NULL);
	for (;;) {
		int64_t left = until - ev_clock_ms();
		rd_kafka_resp_err_t e = rd_kafka_metadata(k->probe, 0, t->probe, &md,
							  left < 1 ? 1 : least(left, SLICE_MS));
		const char *why;

		if (!e && md->topic_cnt == 1 && !md->topics[0].err) {
			if (t->gone_last - t->gone_since > t->away_ms)
				t->away_ms = t->gone_last - t->gone_since;
			t->gone_since = t->gone_last = 0;
			return md;
		}
		if (!e) {
			e = md->topic_cnt == 1 ? md->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
			rd_kafka_metadata_destroy(md);
			if (ev_kafka_is_gone(e))
				t->gone_last = ev_clock_ms();
			if (!t->gone_since)
				t->gone_since = t->gone_last;
			if (!passing(e) || over(k, until)) {
				why = ev_kafka_is_gone(e) ? "there is no such topic" : rd_kafka_err2str(e);
				ev_fail(err, EV_SOURCE, "cannot read topic '%s' on '%s': %s", t->name,
					k->brokers, why);
				if (ev_kafka_is_gone(e) && ev_source_path_is(t->name))
					ev_hint(err, "./%s is %s: a path starts with '/' or '.'", t->name,
						ev_source_path_is(t->name));
				return NULL;
			}
			pause_ms(RETRY_MS);
			continue;
		}
		ev_kafka_down_since(k, k->probe); /* serves the callbacks */
		if (over(k, until)) {
			ev_kafka_fail(k, err, e, "cannot reach broker '%s'", k->brokers);
			return NULL;
		}
	}
}

static int compare_int32(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return (x > y) - (x < y);
}

static void add_part(struct ev_kafka *k, size_t topic, int32_t partition)
{
	struct ev_source *s = &k->base;

	for (size_t i = 0; i < s->nparts; i++)
		if (k->kp[i].topic == topic && s->parts[i].partition == partition)
			return;
	if (s->nparts == k->parts_cap) {
		k->parts_cap = k->parts_cap ? k->parts_cap * 2 : 8;
		s->parts = ev_realloc_n(s->parts, k->parts_cap, sizeof(*s->parts));
		k->kp = ev_realloc_n(k->kp, k->parts_cap, sizeof(*k->kp));
	}
	s->parts[s->nparts] = (struct ev_partition){ .topic = ev_strdup(k->topics[topic].name),
						     .partition = partition };
	k->kp[s->nparts++] = (struct kafka_part){ .topic = topic, .passed = -1 };
}

static int discover_topic(struct ev_kafka *k, size_t topic, int64_t until, struct ev_error *err)
{
	struct kafka_topic *t = &k->topics[topic];
	const struct rd_kafka_metadata *md = metadata(k, topic, until, err);
	int32_t *ids;
	size_t n;

	if (!md)
		return -1;
	n = (size_t)md->topics[0].partition_cnt;
	ids = ev_alloc(n * sizeof(*ids));
	for (size_t i = 0; i < n; i++)
		ids[i] = md->topics[0].partitions[i].id;
	rd_kafka_metadata_destroy(md);
	if (n)
		qsort(ids, n, sizeof(*ids), compare_int32);
	for (size_t i = 0; !t->partitions && i < n; i++)
		add_part(k, topic, ids[i]);
	for (size_t i = 0; i < t->npartitions; i++) {
		if (!n || !bsearch(&t->partitions[i], ids, n, sizeof(*ids), compare_int32)) {
			free(ids);
			return ev_fail(err, EV_SOURCE, "cannot read '%s/%d': the topic has %zu partition%s",
				       t->name, (int)t->partitions[i], n, ev_plural(n));
		}
		add_part(k, topic, t->partitions[i]);
	}
	free(ids);
	return 0;
}

int ev_kafka_discover(struct ev_kafka *k, int timeout_ms, struct ev_error *err)
{
	int64_t until = ev_clock_ms() + timeout_ms;

	for (size_t i = 0; i < k->ntopics; i++)
		if (discover_topic(k, i, until, err))
			return -1;
	return 0;
}

/* The client has not heard of a partition that was found by the other one: let it ask. */
static void learn(struct ev_kafka *k, rd_kafka_t *rk, size_t topic)
{
	rd_kafka_topic_t *rkt = rk == k->probe ? k->topics[topic].probe : ev_kafka_reader_topic(k, topic);
	const struct rd_kafka_metadata *md;

	if (!rd_kafka_metadata(rk, 0, rkt, &md, SLICE_MS))
		rd_kafka_metadata_destroy(md);
}

/*
 * One ListOffsets for many partitions: `at` is EV_KAFKA_LATEST, EV_KAFKA_EARLIEST or a time in ms.
 * NULL, and *bad the first partition that has no answer, when the time is up.
 */
static rd_kafka_topic_partition_list_t *list_offsets(struct ev_kafka *k, rd_kafka_t *rk,
						     size_t first, int64_t at, int64_t until,
						     size_t *bad, rd_kafka_resp_err_t *e)
{
	const struct ev_source *s = &k->base;

	for (;;) {
		rd_kafka_topic_partition_list_t *l =
			rd_kafka_topic_partition_list_new((int)(s->nparts - first));
		int64_t left = until - ev_clock_ms();
		int most = k->stopped ? 2 * SLICE_MS : 10 * SLICE_MS;

		for (size_t i = first; i < s->nparts; i++)
			rd_kafka_topic_partition_list_add(l, s->parts[i].topic, s->parts[i].partition)
				->offset = at;
		*e = rd_kafka_offsets_for_times(rk, l, left < 1 ? 1 : least(left, most));
		*bad = first;
		for (int i = 0; !*e && i < l->cnt; i++) {
			*e = l->elems[i].err;
			if (!*e && at < 0 && l->elems[i].offset < 0) /* not answered: still the question */
				*e = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
			if (*e)
				*bad = first + (size_t)i;
		}
		if (!*e)
			return l;
		rd_kafka_topic_partition_list_destroy(l);
		ev_kafka_down_since(k, rk);
		if (over(k, until))
			return NULL;
		if (*e == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION || *e == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
			learn(k, rk, k->kp[*bad].topic);
		else if (!passing(*e))
			return NULL;
		pause_ms(RETRY_MS);
	}
}

static rd_kafka_topic_partition_list_t *offsets(struct ev_kafka *k, rd_kafka_t *rk, size_t first,
						int64_t at, int64_t until, struct ev_error *err)
{
	rd_kafka_resp_err_t e;
	size_t bad;
	rd_kafka_topic_partition_list_t *l = list_offsets(k, rk, first, at, until, &bad, &e);

	if (!l)
		ev_kafka_fail(k, err, e, "cannot ask broker '%s' for offsets of '%s/%d'", k->brokers,
			      k->base.parts[bad].topic, (int)k->base.parts[bad].partition);
	return l;
}

enum mark { LOW, HIGH, STABLE };

static int take_mark(struct ev_kafka *k, rd_kafka_t *rk, size_t first, enum mark mark, int64_t until,
		     struct ev_error *err)
{
	rd_kafka_topic_partition_list_t *l =
		offsets(k, rk, first, mark == LOW ? EV_KAFKA_EARLIEST : EV_KAFKA_LATEST, until, err);

	if (!l)
		return -1;
	for (size_t i = first; i < k->base.nparts; i++) {
		struct ev_partition *p = &k->base.parts[i];
		int64_t offset = l->elems[i - first].offset;

		if (mark == LOW)
			p->low = offset;
		else if (mark == HIGH)
			p->high = offset;
		else
			p->stable = offset;
	}
	rd_kafka_topic_partition_list_destroy(l);
	return 0;
}

int ev_kafka_watermarks(struct ev_kafka *k, size_t first, int timeout_ms, struct ev_error *err)
{
	int64_t until = ev_clock_ms() + timeout_ms;
	rd_kafka_t *committed = k->base.uncommitted ? k->probe : k->reader;
	rd_kafka_t *uncommitted = k->base.uncommitted ? k->reader : k->probe;

	if (first == k->base.nparts)
		return 0;
	if (take_mark(k, uncommitted, first, LOW, until, err) ||
	    take_mark(k, committed, first, STABLE, until, err) ||
	    take_mark(k, uncommitted, first, HIGH, until, err))
		return -1;
	return 0;
}

int64_t ev_kafka_readable(const struct ev_kafka *k, size_t part)
{
	return k->base.uncommitted ? k->base.parts[part].high : k->base.parts[part].stable;
}

int ev_kafka_refresh(struct ev_source *s, struct ev_error *err)
{
	struct ev_kafka *k = (struct ev_kafka *)s;

	ev_kafka_log_clear(k->log);
	return ev_kafka_discover(k, k->timeout_ms, err) ||
	       ev_kafka_watermarks(k, 0, k->timeout_ms, err) ? -1 : 0;
}

int ev_kafka_offsets_for_time(struct ev_source *s, int64_t ms, int64_t *out, struct ev_error *err)
{
	struct ev_kafka *k = (struct ev_kafka *)s;
	rd_kafka_topic_partition_list_t *l;

	ev_kafka_log_clear(k->log);
	if (!s->nparts)
		return 0;
	/* Below zero the protocol has other meanings, and no record is that old. */
	l = offsets(k, k->base.uncommitted ? k->reader : k->probe, 0, ms < 0 ? 0 : ms,
		    ev_clock_ms() + k->timeout_ms, err);
	if (!l)
		return -1;
	for (size_t i = 0; i < s->nparts; i++) {
		int64_t offset = l->elems[i].offset;

		/* -1: no such record; and one written since the watermarks were taken is behind them. */
		out[i] = offset < 0 || offset > s->parts[i].high ? s->parts[i].high : offset;
	}
	rd_kafka_topic_partition_list_destroy(l);
	return 0;
}
