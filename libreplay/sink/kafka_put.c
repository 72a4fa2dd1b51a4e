/* kafka_put.c - a record becomes a message of the Kafka sink; see kafka_impl.h */
#include <string.h>

#include "base/mem.h"
#include "sink/kafka_impl.h"

enum { SERVE_EVERY = 512, FULL_WAIT_MS = 50, FIRST_WAIT_MS = 100, MOST_HELD = 4096 };
#define MAX_RUNS (1u << 20) /* 16 MiB; then all that is under way is awaited */

/* The client takes names of headers as texts. */
static bool has_nul(const struct ev_header *h)
{
	return memchr(h->name.ptr, '\0', h->name.len);
}

static bool has_nul_header(const struct ev_record *r)
{
	for (size_t i = 0; i < r->nheaders; i++)
		if (has_nul(&r->headers[i]))
			return true;
	return false;
}

const char *ev_kafka_unproducible(const struct ev_record *r)
{
	if (r->timestamp == EV_NO_TIMESTAMP)
		return "it has no timestamp";
	if (r->timestamp <= 0)
		return r->timestamp ? "its timestamp is before 1970" : "its timestamp is 0";
	if (r->log_append)
		return "its timestamp is the broker's (LogAppendTime)";
	return has_nul_header(r) ? "the name of a header holds a NUL" : NULL;
}

unsigned ev_kafka_losses(const struct ev_record *r)
{
	bool timeless = r->timestamp == EV_NO_TIMESTAMP || r->timestamp <= 0;

	return (timeless ? 1u << EV_LOSS_TIME : r->log_append ? 1u << EV_LOSS_TYPE : 0) |
	       (has_nul_header(r) ? 1u << EV_LOSS_HEADERS : 0);
}

int ev_kafka_sink_fail(struct kafka_sink *k, const struct sink_target *t, int32_t partition, uint32_t part,
		       int64_t offset, const char *why)
{
	const struct ev_partition *from = &k->source->parts[part];

	return ev_fail(&k->error, EV_STORE, "cannot write %s/%d@%lld to '%s/%d': %s", from->topic, (int)from->partition,
		       (long long)offset, t->name, (int)partition, why);
}

static int check_producible(const struct kafka_sink *k, const struct ev_record *r,
			    struct ev_error *err)
{
	const char *what = k->lossy ? NULL : ev_kafka_unproducible(r);

	if (!what)
		return 0;
	ev_fail(err, EV_DATA, "cannot produce this record as it is: %s", what);
	return ev_hint(err, "--lossy copies it: with the time of writing, or the broker's as its own, and without such "
		       "headers");
}

static struct sink_target *new_target(struct kafka_sink *k, struct ev_slice topic,
				      struct ev_error *err)
{
	rd_kafka_topic_conf_t *conf;
	struct ev_topic_info info = { 0 };
	struct sink_target *t = ev_alloc(sizeof(*t));

	t->sink = k;
	t->name = ev_slice_dup(topic);
	t->first = -1;
	*EV_PUSH(k->targets, k->ntargets) = t;
	if (ev_topic_look(k->cluster, t->name, &info, err))
		return NULL;
	t->partitions = info.partitions;
	t->ends = ev_alloc(((size_t)t->partitions + 1) * sizeof(*t->ends));
	for (int32_t p = 0; p < t->partitions; p++)
		t->ends[p].next = ev_position_get(&k->kept.ends, t->name, p);
	if (!t->partitions) {
		ev_fail(err, EV_STORE, "cannot write topic '%s': it is not there, or may not be seen", t->name);
		ev_hint(err, "--create makes it with the source's partitions and settings");
		return NULL;
	}
	conf = rd_kafka_default_topic_conf_dup(k->cluster->rk);
	rd_kafka_topic_conf_set_opaque(conf, t);
	t->rkt = rd_kafka_topic_new(k->cluster->rk, t->name, conf);
	if (!t->rkt)
		ev_cluster_fail(k->cluster, err, rd_kafka_last_error(), "cannot write topic '%s'", t->name);
	return t->rkt ? t : NULL;
}

static struct sink_target *target_of(struct kafka_sink *k, struct ev_slice topic, struct ev_error *err)
{
	if (k->last && ev_slice_is(topic, k->last->name))
		return k->last;
	k->last = NULL;
	for (size_t i = 0; i < k->ntargets && !k->last; i++)
		if (ev_slice_is(topic, k->targets[i]->name))
			k->last = k->targets[i];
	if (!k->last)
		k->last = new_target(k, topic, err);
	return k->last;
}

static rd_kafka_headers_t *headers_of(const struct ev_record *r)
{
	rd_kafka_headers_t *hs = rd_kafka_headers_new(r->nheaders);

	for (size_t i = 0; i < r->nheaders; i++) {
		const struct ev_header *h = &r->headers[i];

		if (has_nul(h))
			continue; /* lossy */
		rd_kafka_header_add(hs, h->name.ptr, (ssize_t)h->name.len, h->value.ptr,
				    h->value.ptr ? (ssize_t)h->value.len : 0);
	}
	return hs;
}

static rd_kafka_resp_err_t produce(struct kafka_sink *k, const struct sink_held *h)
{
	const struct ev_record *r = &h->record;
	int64_t ms = r->timestamp == EV_NO_TIMESTAMP || r->timestamp < 0 ? 0 : r->timestamp;
	rd_kafka_headers_t *hs = r->nheaders ? headers_of(r) : NULL;
	rd_kafka_resp_err_t e;

	e = hs ? rd_kafka_producev(k->cluster->rk, RD_KAFKA_V_RKT(h->target->rkt),
				   RD_KAFKA_V_PARTITION(h->partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
				   RD_KAFKA_V_VALUE((void *)(uintptr_t)r->value.ptr, r->value.len),
				   RD_KAFKA_V_KEY(r->key.ptr, r->key.len), RD_KAFKA_V_TIMESTAMP(ms),
				   RD_KAFKA_V_HEADERS(hs), RD_KAFKA_V_OPAQUE(h->flight), RD_KAFKA_V_END) :
		 rd_kafka_producev(k->cluster->rk, RD_KAFKA_V_RKT(h->target->rkt),
				   RD_KAFKA_V_PARTITION(h->partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
				   RD_KAFKA_V_VALUE((void *)(uintptr_t)r->value.ptr, r->value.len),
				   RD_KAFKA_V_KEY(r->key.ptr, r->key.len), RD_KAFKA_V_TIMESTAMP(ms),
				   RD_KAFKA_V_OPAQUE(h->flight), RD_KAFKA_V_END);
	if (e && hs)
		rd_kafka_headers_destroy(hs);
	return e;
}

/* Wait while the queue is full; any other refusal is the record's. */
static int hand_over(struct kafka_sink *k, const struct sink_held *h, struct ev_error *err)
{
	const struct ev_record *r = &h->record;
	rd_kafka_resp_err_t e;

	for (;;) {
		e = produce(k, h);
		if (!e)
			return 0;
		if (e != RD_KAFKA_RESP_ERR__QUEUE_FULL || !rd_kafka_outq_len(k->cluster->rk))
			break;
		if (ev_kafka_sink_serve(k, FULL_WAIT_MS, err))
			return -1;
	}
	if (ev_kafka_txn_refused(k, e, err))
		return -1;
	ev_kafka_sink_fail(k, h->target, h->partition, r->part, r->offset,
			   ev_kafka_is_gone(e) ? EV_TARGET_GONE : rd_kafka_err2str(e));
	if (ev_kafka_is_gone(e))
		ev_kafka_target_hint(k, &k->error);
	if (e == RD_KAFKA_RESP_ERR__QUEUE_FULL)
		ev_hint(&k->error, "the record has %zu bytes, and half of --memory holds the queue",
			r->value.len + r->key.len);
	*err = k->error;
	return ev_kafka_txn_judge(k, err);
}

/*
 * The first record into a partition goes alone. With others under way behind it, one that has to be
 * repeated may come second, and a broker that does not know the producer yet takes the others, and not it.
 */
static int open_end(struct kafka_sink *k, struct sink_end *end, struct ev_error *err)
{
	while (end->under_way && !k->error.class) {
		rd_kafka_flush(k->cluster->rk, FIRST_WAIT_MS); /* so that it is sent at once */
		if (ev_kafka_sink_serve(k, 0, err))
			return -1;
		if (k->job && end->under_way && !k->error.class && !rd_kafka_outq_len(k->cluster->rk))
			return ev_kafka_txn_broken(k, err); /* nothing is on its way any more */
	}
	end->opened = !k->error.class;
	return 0;
}

static int pass_on(struct kafka_sink *k, const struct sink_held *h, struct sink_end *end, struct ev_error *err)
{
	if (ev_kafka_txn_begin(k, err) || hand_over(k, h, err)) {
		ev_kafka_sink_unsent(k, h->flight);
		return -1;
	}
	end->under_way++;
	k->handed++;
	if (!end->opened && open_end(k, end, err))
		return -1;
	return ++k->unpolled >= SERVE_EVERY ? ev_kafka_sink_serve(k, 0, err) : 0;
}

/* Those of one partition, as they were put; behind a failure none goes. */
static int pass_all_on(struct kafka_sink *k, uint32_t first, bool failed, struct ev_error *err)
{
	struct sink_end *end = &k->held[first - 1].target->ends[k->held[first - 1].partition];
	int rc = failed ? -1 : 0;

	end->last_held = 0;
	for (uint32_t i = first; i; i = k->held[i - 1].next) {
		const struct sink_held *h = &k->held[i - 1];

		if (h->next)
			__builtin_prefetch(k->held[h->next - 1].record.value.ptr);
		if (rc)
			ev_kafka_sink_unsent(k, h->flight);
		else
			rc = pass_on(k, h, end, err);
	}
	return rc;
}

int ev_kafka_sink_pass_on(struct kafka_sink *k, struct ev_error *err)
{
	int rc = 0;

	if (k->error.class && k->nheld) {
		*err = k->error;
		rc = -1;
	}
	for (size_t i = 0; i < k->nqueues; i++)
		rc = pass_all_on(k, k->queues[i], rc < 0, err);
	k->nheld = k->nqueues = 0;
	return !rc && k->nruns > MAX_RUNS && !k->job ? ev_kafka_sink_drain(k, err) : rc;
}

static void hold(struct kafka_sink *k, struct sink_target *t, int32_t partition, const struct ev_record *r)
{
	struct sink_end *end = &t->ends[partition];

	EV_GROW(k->held, k->nheld, k->held_cap);
	k->held[k->nheld++] = (struct sink_held){ *r, t, partition, 0, ev_kafka_sink_flight(k, r) };
	if (end->last_held) {
		k->held[end->last_held - 1].next = (uint32_t)k->nheld;
	} else {
		EV_GROW(k->queues, k->nqueues, k->queues_cap);
		k->queues[k->nqueues++] = (uint32_t)k->nheld;
	}
	end->last_held = (uint32_t)k->nheld;
}

int ev_kafka_sink_put(struct ev_sink *s, const struct ev_record *r, struct ev_error *err)
{
	struct kafka_sink *k = (struct kafka_sink *)s;
	struct sink_target *t = target_of(k, r->topic, err);
	int32_t partition;

	if (!t || check_producible(k, r, err))
		return -1;
	if (r->part >= EV_SINK_PARTS)
		return ev_fail(err, EV_DATA, "more than %u partitions are not copied at once", EV_SINK_PARTS);
	partition = ev_spread_of(&k->spread, r, t->partitions);
	if (partition < 0) {
		ev_fail(err, EV_USAGE, "cannot write '%s': it has no partition for what stands in partition %d",
			t->name, (int)r->partition);
		return ev_hint(err, "--partition key spreads by key");
	}
	hold(k, t, partition, r);
	ev_sink_count(s, r);
	return k->lent && k->nheld < MOST_HELD ? 0 : ev_kafka_sink_pass_on(k, err);
}
