/* A call of the Kafka client that never comes back ends the copy, not its hope: it is left alone. */
#include "test.h"

#include <librdkafka/rdkafka.h>
#include <semaphore.h>

#include "base/watch.h"
#include "sink/kafka_impl.h"

static sem_t never, *volatile held; /* what the client's calls wait for; NULL: they answer at once */

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
	return NULL;
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

static void test_watch(void)
{
	sem_t late;

	sem_init(&late, 0, 0);
	CHECK(ev_watch(wait_for_it, NULL, 60000), "a call that comes back is waited for");
	CHECK(!ev_watch(wait_for_it, &never, 10), "one that does not is left alone");
	sem_post(&late);
	CHECK(ev_watch(wait_for_it, &late, 60000), "and the next one is a call like any other");
	sem_destroy(&late);
}

static struct kafka_sink *open_sink(void)
{
	char *mock[] = { "test.mock.num.brokers=1" };
	struct ev_kafka_sink_spec spec = { .memory = 1 << 20, .job = "j" };
	struct ev_error err = EV_ERROR_INIT;
	struct kafka_sink *k;

	spec.cluster = (struct ev_cluster_spec){ .brokers = "none", .properties = mock, .nproperties = 1,
						 .timeout_ms = 60000 };
	k = (struct kafka_sink *)ev_kafka_sink_open(&spec, &err);
	CHECK(k != NULL, "a producer is there: %s", err.text);
	return k;
}

static struct kafka_sink *left; /* so that it is no leak */

static void test_begin(void)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_position next = EV_POSITION_INIT;
	struct kafka_sink *k = left = open_sink();

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
	k->base.ops->close(&k->base);
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
	k->base.ops->close(&k->base);
}

int main(void)
{
	sem_init(&never, 0, 0);
	test_watch();
	test_begin();
	test_commit();
	return test_done();
}
