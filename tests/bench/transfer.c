/*
 * transfer.c - the yardstick of a copy: librdkafka's batch consumer and its producer, and nothing between them
 *
 *   transfer BROKERS FROM TO    partition by partition, from the first offset to the end as it is now
 *
 * What cannot be faster than this is bound by the client library, not by evreplay: the same properties
 * (idempotent, acks=all, lz4), key, value and timestamp; no headers, no merge, no failures named.
 */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 1024, BATCH_MS = 5, PATIENCE = 6000, WAIT_MS = 30000, PARTITIONS = 1024 };

static void die(const char *what, const char *why)
{
	fprintf(stderr, "transfer: %s: %s\n", what, why);
	exit(1);
}

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	(void)rk, (void)opaque;
	if (m->err)
		die("produce", rd_kafka_err2str(m->err));
}

static rd_kafka_t *client(rd_kafka_type_t type, const char *brokers, const char *const *properties)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char why[256];
	rd_kafka_t *rk;

	rd_kafka_conf_set(conf, "bootstrap.servers", brokers, why, sizeof(why));
	for (size_t i = 0; properties[i]; i += 2)
		if (rd_kafka_conf_set(conf, properties[i], properties[i + 1], why, sizeof(why)))
			die(properties[i], why);
	if (type == RD_KAFKA_PRODUCER)
		rd_kafka_conf_set_dr_msg_cb(conf, delivered);
	rk = rd_kafka_new(type, conf, why, sizeof(why));
	if (!rk)
		die("client", why);
	return rk;
}

/* All partitions of the topic from their first offset on; returns how many there are. */
static int start(rd_kafka_t *rk, rd_kafka_topic_t *topic, rd_kafka_queue_t *queue, int64_t *ends)
{
	const struct rd_kafka_metadata *md;
	int n, open = 0;

	if (rd_kafka_metadata(rk, 0, topic, &md, WAIT_MS))
		die("metadata", "no answer");
	n = md->topic_cnt ? md->topics[0].partition_cnt : 0;
	rd_kafka_metadata_destroy(md);
	for (int32_t p = 0; p < n && p < PARTITIONS; p++) {
		int64_t low;

		if (rd_kafka_query_watermark_offsets(rk, rd_kafka_topic_name(topic), p, &low, &ends[p],
						     WAIT_MS) ||
		    (low < ends[p] && rd_kafka_consume_start_queue(topic, p, low, queue)))
			die("start", rd_kafka_topic_name(topic));
		open += low < ends[p];
	}
	return open;
}

static void put(rd_kafka_t *rk, rd_kafka_topic_t *to, const rd_kafka_message_t *m)
{
	rd_kafka_resp_err_t e;

	while ((e = rd_kafka_producev(rk, RD_KAFKA_V_RKT(to), RD_KAFKA_V_PARTITION(m->partition),
				      RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
				      RD_KAFKA_V_KEY(m->key, m->key_len), RD_KAFKA_V_VALUE(m->payload, m->len),
				      RD_KAFKA_V_TIMESTAMP(rd_kafka_message_timestamp(m, NULL)),
				      RD_KAFKA_V_END)) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
		rd_kafka_poll(rk, 20);
	if (e)
		die("produce", rd_kafka_err2str(e));
}

static unsigned long long transfer(rd_kafka_queue_t *queue, int open, rd_kafka_t *producer,
				   rd_kafka_topic_t *to)
{
	static rd_kafka_message_t *batch[BATCH];
	unsigned long long records = 0;
	int empty = 0;

	while (open > 0) {
		ssize_t n = rd_kafka_consume_batch_queue(queue, BATCH_MS, batch, BATCH);

		empty = n > 0 ? 0 : empty + 1;
		if (n < 0 || empty > PATIENCE)
			die("consume", "no record came");
		for (ssize_t i = 0; i < n; i++) {
			if (batch[i]->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
				open--;
			else if (batch[i]->err)
				die("consume", rd_kafka_message_errstr(batch[i]));
			else
				records++, put(producer, to, batch[i]);
			rd_kafka_message_destroy(batch[i]);
		}
		rd_kafka_poll(producer, 0);
	}
	if (rd_kafka_flush(producer, WAIT_MS * 10))
		die("flush", "time is out");
	return records;
}

int main(int argc, char **argv)
{
	static const char *const reading[] = {
		"enable.partition.eof", "true",
		"isolation.level", "read_committed", "check.crcs", "true", "fetch.wait.max.ms", "20",
		"queued.min.messages", "1000000", "queued.max.messages.kbytes", "262144",
		"log.connection.close", "false", NULL };
	static const char *const writing[] = {
		"enable.idempotence", "true", "acks", "all", "compression.type", "lz4", "linger.ms", "10",
		"batch.num.messages", "100000", "queue.buffering.max.messages", "100000",
		"log.connection.close", "false", NULL };
	static int64_t ends[PARTITIONS];
	rd_kafka_t *consumer, *producer;
	rd_kafka_topic_t *from, *to;
	rd_kafka_queue_t *queue;

	if (argc != 4)
		die("usage", "transfer BROKERS FROM TO");
	consumer = client(RD_KAFKA_CONSUMER, argv[1], reading);
	producer = client(RD_KAFKA_PRODUCER, argv[1], writing);
	from = rd_kafka_topic_new(consumer, argv[2], NULL);
	to = rd_kafka_topic_new(producer, argv[3], NULL);
	queue = rd_kafka_queue_new(consumer);
	printf("%llu\n", transfer(queue, start(consumer, from, queue, ends), producer, to));
	fflush(stdout); /* all is acknowledged; the clients need not be taken down in order */
	return 0;
}
