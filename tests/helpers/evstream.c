/*
 * evstream.c - write one of the large streams of stream.h to a broker, or as record lines
 *
 *   evstream [-b BROKERS] [-X name=value]... KIND TOPIC PARTITIONS EVENTS KEYS SEED
 *   evstream -b - KIND TOPIC PARTITIONS EVENTS KEYS SEED     record lines on stdout
 *
 * The topic must exist. The same words give the same records, whatever they are written to.
 */
#include "client.h"
#include "stream.h"

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	(void)rk, (void)opaque;
	if (m->err)
		die("record was not taken", rd_kafka_err2str(m->err));
}

static void put(rd_kafka_t *rk, rd_kafka_topic_t *topic, int32_t partition, struct stream_event *e)
{
	char key[32];
	int n = snprintf(key, sizeof(key), "o-%" PRIu64, e->order);
	rd_kafka_resp_err_t rc;

	while ((rc = rd_kafka_producev(rk, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(partition),
				       RD_KAFKA_V_TIMESTAMP(e->timestamp),
				       RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
				       RD_KAFKA_V_KEY(key, (size_t)n), RD_KAFKA_V_VALUE(e->value, e->len),
				       RD_KAFKA_V_END)) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
		rd_kafka_poll(rk, 10);
	if (rc)
		die("produce", rd_kafka_err2str(rc));
}

static void produce(const struct setup *su, struct stream *s, const char *name, int64_t partitions)
{
	static const char *const properties[] = {
		"linger.ms", "20", "enable.idempotence", "true", "compression.codec", "lz4",
		"batch.size", "1000000", "queue.buffering.max.messages", "500000",
		"queue.buffering.max.kbytes", "262144", NULL };
	rd_kafka_t *rk = client(su, RD_KAFKA_PRODUCER, properties);
	rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
	struct stream_event e;

	while (stream_next(s, &e)) {
		put(rk, topic, stream_partition(e.order, partitions), &e);
		if (s->i % 1000 == 0)
			rd_kafka_poll(rk, 0);
	}
	if (rd_kafka_flush(rk, 300000))
		die("flush", "time is out");
	rd_kafka_topic_destroy(topic);
	rd_kafka_destroy(rk);
}

static void print(struct stream *s, const char *name, int64_t partitions)
{
	uint64_t *offsets = ev_alloc((size_t)partitions * sizeof(*offsets));
	struct stream_event e;

	while (stream_next(s, &e)) {
		int32_t p = stream_partition(e.order, partitions);

		printf("{\"topic\":\"%s\",\"partition\":%d,\"offset\":%" PRIu64 ",\"timestamp\":%" PRId64
		       ",\"key\":\"o-%" PRIu64 "\",\"headers\":[],\"value\":%.*s}\n",
		       name, (int)p, offsets[p]++, e.timestamp, e.order, (int)e.len, e.value);
	}
	free(offsets);
	if (fflush(stdout) || ferror(stdout))
		die("stdout", "cannot be written");
}

int main(int argc, char **argv)
{
	struct setup su;
	int at = setup_options(&su, argc, argv);
	enum stream_kind kind;
	struct stream s;
	int64_t partitions;

	if (argc - at != 6 || stream_kind(argv[at], &kind))
		die("KIND TOPIC PARTITIONS EVENTS KEYS SEED expected", argv[at]);
	partitions = number(argv[at + 2]);
	if (partitions < 1)
		die("not a number of partitions", argv[at + 2]);
	stream_init(&s, kind, (uint64_t)number(argv[at + 3]), (uint64_t)number(argv[at + 4]),
		    (uint64_t)number(argv[at + 5]));
	su.delivered = delivered;
	if (!strcmp(su.brokers, "-"))
		print(&s, argv[at + 1], partitions);
	else
		produce(&su, &s, argv[at + 1], partitions);
	free(su.properties);
	return 0;
}
