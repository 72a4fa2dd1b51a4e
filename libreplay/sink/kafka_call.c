/*
 * kafka_call.c - the client's calls about transactions, each bounded; see kafka_impl.h
 *
 * They take a time limit, or need none by their description, and yet one may wait for ever when the
 * broker has lost the transaction (seen in 2.0, told of up to 2.2). A client that does not come back
 * is left alone with all that it may still use: the run ends, and the next one fences it off.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "base/watch.h"
#include "sink/kafka_impl.h"

struct call {
	rd_kafka_t *rk;
	enum ev_kafka_txn_what what;
	int timeout_ms;
	rd_kafka_topic_partition_list_t *offsets; /* its own */
	rd_kafka_consumer_group_metadata_t *group;
	rd_kafka_error_t *error;
};

static const char *const names[] = { "fence in the producer", "begin a transaction", "commit group offsets",
				     "commit a transaction", "abort a transaction",
				     "write a transaction" };

const char *ev_kafka_txn_name(enum ev_kafka_txn_what what)
{
	return names[what];
}

static void make(void *ctx)
{
	struct call *c = ctx;

	switch (c->what) {
	case EV_TXN_INIT:
		c->error = rd_kafka_init_transactions(c->rk, c->timeout_ms);
		break;
	case EV_TXN_BEGIN:
	case EV_TXN_WHY: /* begun a second time: it answers why it was given up */
		c->error = rd_kafka_begin_transaction(c->rk);
		break;
	case EV_TXN_OFFSETS:
		c->error = rd_kafka_send_offsets_to_transaction(c->rk, c->offsets, c->group, c->timeout_ms);
		break;
	case EV_TXN_COMMIT:
		c->error = rd_kafka_commit_transaction(c->rk, c->timeout_ms);
		break;
	case EV_TXN_ABORT:
		c->error = rd_kafka_abort_transaction(c->rk, c->timeout_ms);
		break;
	}
}

static bool over(void *sink)
{
	return !ev_kafka_sink_left(sink);
}

static int stuck(struct kafka_sink *k, enum ev_kafka_txn_what what, int64_t waited_ms, struct ev_error *err)
{
	pthread_mutex_lock(&k->telling);
	k->stuck = true;
	pthread_mutex_unlock(&k->telling);
	ev_fail(&k->error, EV_STORE, "cannot %s of job '%s': the Kafka client has not come back from that for %lld s",
		names[what], k->job, (long long)waited_ms / 1000);
	ev_hint(&k->error, "what is not committed is not in the target: the same command%s goes on where job '%s' "
		"stands", k->claimed && k->new_job ? " without --new-job" : "", k->job);
	k->error.retriable = true;
	*err = k->error;
	return -1;
}

static rd_kafka_error_t *finish(struct call *c)
{
	rd_kafka_error_t *error = c->error;

	if (c->offsets)
		rd_kafka_topic_partition_list_destroy(c->offsets);
	if (c->group)
		rd_kafka_consumer_group_metadata_destroy(c->group);
	free(c);
	return error;
}

int ev_kafka_txn_call(struct kafka_sink *k, enum ev_kafka_txn_what what, int timeout_ms,
		      const struct ev_kafka_txn_offsets *offsets, rd_kafka_error_t **error,
		      struct ev_error *err)
{
	int64_t begun = ev_clock_ms();
	struct call *c;

	if (k->stuck) {
		*err = k->error;
		return -1;
	}
	c = ev_alloc(sizeof(*c));
	*c = (struct call){ .rk = k->cluster->rk, .what = what, .timeout_ms = timeout_ms };
	if (offsets) {
		c->offsets = rd_kafka_topic_partition_list_copy(offsets->list);
		c->group = rd_kafka_consumer_group_metadata_new(offsets->group);
	}
	if (!ev_watch(make, c, (int64_t)timeout_ms + k->overdue_ms, over, k))
		return stuck(k, what, ev_clock_ms() - begun, err);
	*error = finish(c);
	if (!*error && what != EV_TXN_BEGIN) /* which no broker is asked for */
		k->stop_ms = 0;
	return 0;
}
