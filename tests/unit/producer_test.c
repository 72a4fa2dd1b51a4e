/* The first record into a partition goes alone: one that has to be repeated does not fall behind others. */
#include "test.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "sink/kafka.h"

enum { RECORDS = 40, BYTES = 900, BATCH_BYTES = 1500, PRODUCE_KEY = 0 };

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

static struct ev_sink *open_sink(struct seen *s)
{
	char *mock[] = { "test.mock.num.brokers=1" };
	struct ev_kafka_sink_spec spec = { .memory = 1 << 20, .batch_bytes = BATCH_BYTES, .delivered = delivered,
					   .ctx = s, .source = &source };
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

int main(void)
{
	struct seen s = { .acknowledged = 0 };
	struct ev_sink *sink = open_sink(&s);
	rd_kafka_mock_cluster_t *mock = sink ? rd_kafka_handle_mock_cluster(ev_kafka_sink_cluster(sink)->rk) : NULL;
	struct ev_error err = EV_ERROR_INIT;
	int moved = 0;

	if (!mock)
		return test_done();
	rd_kafka_mock_topic_create(mock, "t", 1, 1);
	/* as of a partition whose leader has not heard of it yet */
	rd_kafka_mock_push_request_errors(mock, PRODUCE_KEY, 1, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	CHECK(!put_all(sink, &err), "records are written though the first request is refused: %s", err.text);
	CHECK(s.acknowledged == RECORDS, "each is acknowledged");
	for (int i = 0; i < RECORDS; i++)
		moved += s.at[i] != i;
	CHECK(!moved, "and stands where it was put (%d do not)", moved);
	sink->ops->close(sink);
	return test_done();
}
