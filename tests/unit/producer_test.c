/*
 * The first record into a partition goes alone: one that has to be repeated does not fall behind others. Records that
 * wait for their turn: they are handed over by partition, in their order, and a failure says exactly which are not.
 * And a job that another copy has taken over says so, whatever the broker refuses it with first.
 */
#include "test.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "sink/kafka_impl.h"

enum { RECORDS = 40, BYTES = 900, BATCH_BYTES = 1500, PRODUCE_KEY = 0, END_KEY = 26 };

struct seen {
	int64_t at[RECORDS]; /* its offset in the target; -1: not acknowledged */
	int acknowledged;
};

static void delivered(void *ctx, uint32_t part, int64_t offset, const char *topic, int32_t partition, int64_t at)
{
	struct seen *s = ctx;

	(void)part, (void)topic, (void)partition;
	s->at[offset] = at;
	s->acknowledged++;
}

static struct ev_partition part = { .topic = "s" };
static const struct ev_source source = { .parts = &part, .nparts = 1 };

static struct ev_sink *open_sink(struct seen *s, bool lent, const char *job)
{
	char *mock[] = { "test.mock.num.brokers=1" };
	struct ev_kafka_sink_spec spec = { .memory = 1 << 20, .batch_bytes = BATCH_BYTES, .lent = lent,
					   .delivered = delivered, .ctx = s, .source = &source,
					   .job = job };
	struct ev_error err = EV_ERROR_INIT;
	struct ev_sink *sink;

	spec.spread.kind = EV_SPREAD_KEEP;
	spec.cluster = (struct ev_cluster_spec){ .brokers = "none", .properties = mock, .nproperties = 1,
						 .timeout_ms = 60000 };
	sink = ev_kafka_sink_open(&spec, &err);
	CHECK(sink != NULL, "a producer is there: %s", err.text);
	return sink;
}

static int put_all(struct ev_sink *sink, struct ev_error *err)
{
	static char value[BYTES];
	struct ev_position none = EV_POSITION_INIT;

	for (int i = 0; i < RECORDS; i++) {
		struct ev_record r = { .topic = ev_slice_str("t"), .offset = i, .timestamp = 1 + i,
				       .value = ev_slice(value, BYTES) };

		if (sink->ops->put(sink, &r, err))
			return -1;
	}
	return sink->ops->flush(sink, &none, err);
}

static rd_kafka_mock_cluster_t *mock_of(struct ev_sink *sink)
{
	return rd_kafka_handle_mock_cluster(ev_kafka_sink_cluster(sink)->rk);
}

static void test_first(void)
{
	struct seen s = { .acknowledged = 0 };
	struct ev_sink *sink = open_sink(&s, false, NULL);
	struct ev_error err = EV_ERROR_INIT;
	int moved = 0;

	if (!sink)
		return;
	rd_kafka_mock_topic_create(mock_of(sink), "t", 1, 1);
	/* as of a partition whose leader has not heard of it yet */
	rd_kafka_mock_push_request_errors(mock_of(sink), PRODUCE_KEY, 1, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	CHECK(!put_all(sink, &err), "records are written though the first request is refused: %s", err.text);
	CHECK(s.acknowledged == RECORDS, "each is acknowledged");
	for (int i = 0; i < RECORDS; i++)
		moved += s.at[i] != i;
	CHECK(!moved, "and stands where it was put (%d do not)", moved);
	sink->ops->close(sink);
}

/* Turn by turn into two partitions. */
static int put_one(struct ev_sink *sink, int i, size_t bytes, int64_t timestamp, struct ev_error *err)
{
	static char value[4 << 20];
	struct ev_record r = { .topic = ev_slice_str("t"), .partition = i % 2, .offset = i, .timestamp = timestamp,
			       .value = ev_slice(value, bytes) };

	return sink->ops->put(sink, &r, err);
}

static void test_lent(void)
{
	struct seen s = { .acknowledged = 0 };
	struct ev_sink *sink = open_sink(&s, true, NULL);
	struct ev_error err = EV_ERROR_INIT;
	struct ev_position none = EV_POSITION_INIT;
	uint64_t beyond;
	int moved = 0;

	if (!sink)
		return;
	rd_kafka_mock_topic_create(mock_of(sink), "t", 2, 1);
	for (int i = 0; i < RECORDS / 2; i++)
		CHECK(!put_one(sink, i, BYTES, 1, &err), "record %d is put", i);
	CHECK(!sink->ops->turn(sink, 0, &err), "what is held is handed over at the turn: %s", err.text);
	for (int i = RECORDS / 2; i < RECORDS - 2; i++)
		CHECK(!put_one(sink, i, BYTES, 1, &err), "record %d is put behind it", i);
	CHECK(!sink->ops->flush(sink, &none, &err), "or at the flush: %s", err.text);
	CHECK(s.acknowledged == RECORDS - 2, "each is acknowledged");
	for (int i = 0; i < RECORDS - 2; i++)
		moved += s.at[i] != i / 2;
	CHECK(!moved, "in the order of the puts, by partition (%d are not)", moved);
	CHECK(!put_one(sink, RECORDS - 2, BYTES, 1, &err), "one more is put");
	CHECK(put_one(sink, RECORDS - 1, BYTES, 0, &err) && err.class == EV_DATA, "and one that is refused");
	CHECK(sink->ops->undone(sink, 0, &beyond) == INT64_MAX && s.at[RECORDS - 2] == RECORDS / 2 - 1,
	      "what was held before it arrives, and is safe");
	sink->ops->close(sink);
}

/* 0 and 2 are of partition 0, 1 and 3 of 1; 2 is larger than the client's queue, so neither it nor 1 and 3 are sent. */
static void test_unsent(void)
{
	struct seen s = { .acknowledged = 0 };
	struct ev_sink *sink = open_sink(&s, true, NULL);
	struct ev_error err = EV_ERROR_INIT;
	struct ev_position none = EV_POSITION_INIT;
	uint64_t beyond;

	if (!sink)
		return;
	rd_kafka_mock_topic_create(mock_of(sink), "t", 2, 1);
	for (int i = 0; i < 4; i++)
		CHECK(!put_one(sink, i, i == 2 ? 4 << 20 : BYTES, 1, &err), "record %d is put", i);
	CHECK(sink->ops->flush(sink, &none, &err) && err.class == EV_STORE, "one that does not fit fails the flush");
	CHECK(strstr(err.text, "cannot write s/0@2 to 't/0': ") != NULL, "it is named: %s", err.text);
	CHECK(sink->ops->undone(sink, 0, &beyond) == 1, "all before the first that was not sent is safe");
	CHECK(!beyond && s.acknowledged == 1 && sink->failed == 3, "and nothing behind it is there");
	sink->ops->close(sink);
}

/* The broker's answers to a record, and to the end of its transaction: what becomes of the job? */
static void test_refused(rd_kafka_resp_err_t record, rd_kafka_resp_err_t end, enum ev_class class)
{
	struct seen s = { .acknowledged = 0 };
	struct ev_sink *sink = open_sink(&s, false, "job");
	struct ev_error err = EV_ERROR_INIT;

	if (!sink)
		return;
	rd_kafka_mock_topic_create(mock_of(sink), "t", 2, 1);
	CHECK(!ev_kafka_txn_init((struct kafka_sink *)sink, &err), "the producer is fenced in: %s", err.text);
	rd_kafka_mock_push_request_errors(mock_of(sink), PRODUCE_KEY, 1, record);
	if (end)
		rd_kafka_mock_push_request_errors(mock_of(sink), END_KEY, 1, end);
	CHECK(put_one(sink, 0, BYTES, 1, &err), "a record that is refused with %s fails", rd_kafka_err2name(record));
	CHECK(err.class == class, "where its transaction's end is answered by %s the class is %d (%d: %s)",
	      rd_kafka_err2name(end), (int)class, (int)err.class, err.text);
	if (class == EV_HELD)
		CHECK(strstr(err.text, "another copy of job 'job' has taken over") != NULL, "it is said: %s", err.text);
	sink->ops->close(sink);
}

int main(void)
{
	test_first();
	test_lent();
	test_unsent();
	test_refused(RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, 0, EV_HELD);
	test_refused(RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, EV_HELD);
	test_refused(RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, EV_HELD);
	test_refused(RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, 0, EV_STORE);
	return test_done();
}
