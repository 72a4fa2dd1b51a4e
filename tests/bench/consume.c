/*
 * consume.c - the yardstick of make bench: librdkafka's batch API, records counted and thrown away
 *
 *   consume BROKERS TOPIC...    from the first offset to the end as it is now; prints the count
 */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A batch that is not full is waited for, so the wait is short; after PATIENCE empty ones it is over. */
enum { BATCH = 10000, BATCH_MS = 5, PATIENCE = 6000, WAIT_MS = 30000 };

static void die(const char *what, const char *why)
{
	fprintf(stderr, "consume: %s: %s\n", what, why);
	exit(1);
}

static rd_kafka_t *consumer(const char *brokers)
{
	static const char *const properties[] = {
		"group.id", "bench", "enable.auto.commit", "false", "enable.partition.eof", "true",
		"isolation.level", "read_committed", "check.crcs", "true", "fetch.wait.max.ms", "20",
		"queued.min.messages", "1000000", "queued.max.messages.kbytes", "262144",
		"enable.auto.offset.store", "false", "reconnect.backoff.ms", "50",
		"log.connection.close", "false", NULL };
	char why[256];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *rk;

	rd_kafka_conf_set(conf, "bootstrap.servers", brokers, why, sizeof(why));
	for (size_t i = 0; properties[i]; i += 2)
		if (rd_kafka_conf_set(conf, properties[i], properties[i + 1], why, sizeof(why)))
			die(properties[i], why);
	rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
	if (!rk)
		die("client", why);
	rd_kafka_poll_set_consumer(rk);
	return rk;
}

/* Asked for, because a symbolic offset may cost librdkafka half a second. */
static int64_t first(rd_kafka_t *rk, const char *topic, int32_t partition)
{
	int64_t low, high;

	if (rd_kafka_query_watermark_offsets(rk, topic, partition, &low, &high, WAIT_MS))
		die(topic, "no watermarks");
	return low;
}

/* Assign all partitions of the topics from their first offset on; returns how many there are. */
static int assign(rd_kafka_t *rk, char **topics)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
	const rd_kafka_metadata_t *md;
	int n;

	if (rd_kafka_metadata(rk, 1, NULL, &md, WAIT_MS))
		die("metadata", "no answer");
	for (; *topics; topics++)
		for (int i = 0; i < md->topic_cnt; i++)
			for (int p = 0; !strcmp(md->topics[i].topic, *topics) &&
					p < md->topics[i].partition_cnt; p++)
				rd_kafka_topic_partition_list_add(list, *topics, p)->offset =
					first(rk, *topics, p);
	rd_kafka_metadata_destroy(md);
	n = list->cnt;
	if (rd_kafka_assign(rk, list))
		die("assign", "refused");
	rd_kafka_topic_partition_list_destroy(list);
	return n;
}

int main(int argc, char **argv)
{
	static rd_kafka_message_t *batch[BATCH];
	unsigned long long records = 0, bytes = 0;
	rd_kafka_queue_t *queue;
	rd_kafka_t *rk;
	int open, empty = 0;

	if (argc < 3)
		die("usage", "consume BROKERS TOPIC...");
	rk = consumer(argv[1]);
	queue = rd_kafka_queue_get_consumer(rk);
	open = assign(rk, argv + 2);
	if (!open)
		die(argv[2], "no such topic");
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
				records++, bytes += batch[i]->len;
			rd_kafka_message_destroy(batch[i]);
		}
	}
	printf("%llu %llu\n", records, bytes);
	rd_kafka_queue_destroy(queue);
	rd_kafka_destroy(rk);
	return 0;
}
