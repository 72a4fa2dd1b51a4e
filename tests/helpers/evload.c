/*
 * evload.c - write record lines from stdin to the topics and partitions they name
 *
 *   evload [-b BROKERS] [-X name=value]... lines
 *
 * Key, headers, timestamp and value are kept; offsets are the broker's own. Topics must exist.
 */
#include "client.h"
#include "record/line.h"

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	(void)rk, (void)opaque;
	if (m->err)
		die("record was not taken", rd_kafka_err2str(m->err));
}

static void *bytes(struct ev_slice s)
{
	return (void *)(uintptr_t)s.ptr;
}

static void put(rd_kafka_t *rk, const struct ev_record *r)
{
	rd_kafka_headers_t *h = rd_kafka_headers_new(r->nheaders);
	char *topic = ev_slice_dup(r->topic);
	rd_kafka_resp_err_t e;

	for (size_t i = 0; i < r->nheaders; i++)
		rd_kafka_header_add(h, r->headers[i].name.ptr, (ssize_t)r->headers[i].name.len,
				    r->headers[i].value.ptr, (ssize_t)r->headers[i].value.len);
	while ((e = rd_kafka_producev(
			rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(r->partition),
			RD_KAFKA_V_TIMESTAMP(r->timestamp < 0 ? 0 : r->timestamp),
			RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
			RD_KAFKA_V_KEY(bytes(r->key), r->key.len),
			RD_KAFKA_V_VALUE(bytes(r->value), r->value.len), RD_KAFKA_V_HEADERS(h),
			RD_KAFKA_V_END)) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
		rd_kafka_poll(rk, 10);
	if (e)
		die(topic, rd_kafka_err2str(e));
	free(topic);
}

static void load(rd_kafka_t *rk)
{
	struct ev_line_reader *reader = ev_line_reader_new();
	struct ev_error err = EV_ERROR_INIT;
	struct ev_record r;
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	for (uint64_t count = 0; (n = getline(&line, &cap, stdin)) > 0; count++) {
		if (ev_line_read(reader, ev_slice(line, (size_t)n - (line[n - 1] == '\n')), &r, &err))
			die("stdin", err.text);
		put(rk, &r);
		if (count % 1000 == 0)
			rd_kafka_poll(rk, 0);
	}
	free(line);
	ev_line_reader_free(reader);
}

int main(int argc, char **argv)
{
	static const char *const properties[] = { "linger.ms", "5", "enable.idempotence", "true",
						  "compression.codec", "lz4",
						  "message.max.bytes", "30000000",
						  "queue.buffering.max.messages", "1000000",
						  "queue.buffering.max.kbytes", "262144", NULL };
	struct setup su;
	int at = setup_options(&su, argc, argv);
	rd_kafka_t *rk;

	if (strcmp(argv[at], "lines"))
		die("unknown verb", argv[at]);
	su.delivered = delivered;
	rk = client(&su, RD_KAFKA_PRODUCER, properties);
	load(rk);
	if (rd_kafka_flush(rk, 60000))
		die("flush", "time is out");
	rd_kafka_destroy(rk);
	free(su.properties);
	return 0;
}
