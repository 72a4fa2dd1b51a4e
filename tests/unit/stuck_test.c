/* A call of the Kafka client that never comes back ends the copy, not its hope: it is left alone. */
#include "test.h"

#include <librdkafka/rdkafka.h>
#include <semaphore.h>

#include "base/watch.h"
#include "sink/kafka_impl.h"

static sem_t never, *volatile held; /* what the client's calls wait for; NULL: they answer at once */

/* And this: a queue that is full, of which it is known why; a transaction that is broken. */
static rd_kafka_resp_err_t refusal = RD_KAFKA_RESP_ERR__QUEUE_FULL;

rd_kafka_resp_err_t rd_kafka_producev(rd_kafka_t *rk, ...)
{
	(void)rk;
	return refusal;
}

static rd_kafka_resp_err_t broken; /* what broke it; 0: nothing */

static void wait_for_it(void *sem)
{
	if (sem)
		while (sem_wait(sem))
			;
}

/* These stand before the client's own: the library is linked to what the program has. */
rd_kafka_error_t *rd_kafka_begin_transaction(rd_kafka_t *rk)
{
	(void)rk;
	wait_for_it(held);
	return broken ? rd_kafka_error_new(broken, "ProduceRequest for t [0] failed: %s", rd_kafka_err2str(broken)) :
			NULL;
}

rd_kafka_error_t *rd_kafka_commit_transaction(rd_kafka_t *rk, int timeout_ms)
{
	(void)timeout_ms;
	return rd_kafka_begin_transaction(rk);
}

rd_kafka_error_t *rd_kafka_abort_transaction(rd_kafka_t *rk, int timeout_ms)
{
	(void)timeout_ms;
	return rd_kafka_begin_transaction(rk);
}

static bool stop; /* a signal has come */

static bool is_stopped(void)
{
	return stop;
}

static bool is_over(void *asked)
{
	return *(bool *)asked;
}

static void test_watch(void)
{
	sem_t late;

	sem_init(&late, 0, 0);
	CHECK(ev_watch(wait_for_it, NULL, 60000, NULL, NULL), "a call that comes back is waited for");
	CHECK(!ev_watch(wait_for_it, &never, 10, NULL, NULL), "one that does not is left alone");
	stop = true;
	CHECK(!ev_watch(wait_for_it, &never, 600000, is_over, &stop), "nor one that somebody gives up");
	stop = false;
	sem_post(&late);
	CHECK(ev_watch(wait_for_it, &late, 60000, NULL, NULL), "and the next one is a call like any other");
	sem_destroy(&late);
}

static void count_delivery(void *ctx, uint32_t part, int64_t offset, const char *topic, int32_t partition, int64_t at)
{
	(void)part, (void)offset, (void)topic, (void)partition, (void)at;
	++*(int *)ctx;
}

static int told; /* of deliveries */
static struct ev_partition part = { .topic = "s" };
static const struct ev_source source = { .parts = &part, .nparts = 1 };

static struct kafka_sink *open_sink(void)
{
	char *mock[] = { "test.mock.num.brokers=1" };
	struct ev_kafka_sink_spec spec = { .memory = 1 << 20, .job = "j", .delivered = count_delivery,
					   .stopped = is_stopped, .ctx = &told, .source = &source };
	struct ev_error err = EV_ERROR_INIT;
	struct kafka_sink *k;

	spec.cluster = (struct ev_cluster_spec){ .brokers = "none", .properties = mock, .nproperties = 1,
						 .timeout_ms = 60000 };
	k = (struct kafka_sink *)ev_kafka_sink_open(&spec, &err);
	CHECK(k != NULL, "a producer is there: %s", err.text);
	return k;
}

/* As the client tells that the record of a topic of its own is there. */
static void deliver(struct kafka_sink *k)
{
	struct sink_end end = { .under_way = 1 };
	struct sink_target t = { .sink = k, .name = (char *)"t", .partitions = 1, .ends = &end };
	struct ev_record r = { .topic = ev_slice_str("t") };
	rd_kafka_topic_conf_t *conf = rd_kafka_topic_conf_new();
	rd_kafka_message_t m = { .offset = 7, ._private = ev_kafka_sink_flight(k, &r) };

	rd_kafka_topic_conf_set_opaque(conf, &t);
	m.rkt = rd_kafka_topic_new(k->cluster->rk, "t", conf);
	end.witnessed = k->transaction; /* the message here is no whole one */
	told = 0;
	ev_kafka_sink_delivered(k->cluster->rk, &m, NULL);
	rd_kafka_topic_destroy(m.rkt);
}

static struct kafka_sink *left[2]; /* so that they are no leak */

static void test_begin(void)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_position next = EV_POSITION_INIT;
	struct kafka_sink *k = left[0] = open_sink();

	if (!k)
		return;
	held = &never;
	k->overdue_ms = 10;
	CHECK(ev_kafka_txn_begin(k, &err) < 0 && err.class == EV_STORE,
	      "a transaction that cannot be begun for ever is exit 4");
	CHECK(strstr(err.text, "cannot begin a transaction of job 'j'"), "and said: %s", err.text);
	CHECK(strstr(err.hint, "the same command goes on"), "with the next step: %s", err.hint);
	err = (struct ev_error)EV_ERROR_INIT;
	CHECK(k->base.ops->flush(&k->base, &next, &err) < 0 && err.class == EV_STORE,
	      "nothing is committed after it");
	CHECK(k->base.ops->turn(&k->base, 0, &err) < 0, "nor waited for");
	deliver(k);
	CHECK(!told, "what the late call tells, nobody hears: they may be gone");
	k->base.ops->close(&k->base);
	held = NULL;
}

/* It may be one of several waits, and together they take no longer than one. */
static void test_signal(void)
{
	struct ev_error err = EV_ERROR_INIT;
	struct kafka_sink *k = left[1] = open_sink();

	if (!k)
		return;
	held = &never;
	stop = true;
	k->cluster->timeout_ms = 10;
	CHECK(ev_kafka_txn_begin(k, &err) < 0 && err.class == EV_STORE,
	      "after a signal it is waited for no longer than a silent broker: %s", err.text);
	CHECK(!ev_kafka_sink_left(k), "and nothing else is then");
	k->base.ops->close(&k->base);
	stop = false;
	held = NULL;
}

static void test_commit(void)
{
	struct ev_error err = EV_ERROR_INIT;
	struct kafka_sink *k = open_sink();
	rd_kafka_error_t *e;

	if (!k)
		return;
	CHECK(!ev_kafka_txn_begin(k, &err) && k->open, "one that is begun is open");
	CHECK(!ev_kafka_txn_call(k, EV_TXN_COMMIT, 1000, NULL, &e, &err) && !e, "and can be committed");
	deliver(k);
	CHECK(told == 1, "its deliveries are told");
	k->base.ops->close(&k->base);
}

static void test_token(void)
{
	struct ev_error err = EV_ERROR_INIT;
	struct kafka_sink *k = open_sink();

	if (!k)
		return;
	ev_fail(&k->error, EV_STORE, "the disk of the broker is full");
	CHECK(ev_kafka_job_put_token(k, &err) < 0 && strstr(err.text, "the disk of the broker is full"),
	      "a token that finds the queue full says why it does not empty: %s", err.text);
	k->base.ops->close(&k->base);
}

/* The client only says that it takes nothing more; why, it says when it is asked to begin again. */
static void test_broken(void)
{
	struct ev_error err = EV_ERROR_INIT;
	struct kafka_sink *k = open_sink();

	if (!k)
		return;
	refusal = RD_KAFKA_RESP_ERR__STATE;
	broken = RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
	CHECK(ev_kafka_job_put_token(k, &err) < 0 && err.class == EV_STORE && strstr(err.text, "t [0] failed"),
	      "a token in a broken transaction says what broke it: %s", err.text);
	CHECK(strstr(err.hint, "ACLs"), "and what it takes: %s", err.hint);
	k->base.ops->close(&k->base);
	k = open_sink();
	broken = RD_KAFKA_RESP_ERR__FENCED;
	CHECK(k && ev_kafka_job_put_token(k, &err) < 0 && err.class == EV_HELD,
	      "also that another copy has: %s", err.text);
	broken = 0;
	refusal = RD_KAFKA_RESP_ERR__QUEUE_FULL;
	if (k)
		k->base.ops->close(&k->base);
}

int main(void)
{
	sem_init(&never, 0, 0);
	test_watch();
	test_begin();
	test_signal();
	test_commit();
	test_token();
	test_broken();
	return test_done();
}
