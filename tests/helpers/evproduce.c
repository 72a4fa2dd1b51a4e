/*
 * evproduce.c - put records of every shape on a real broker (for tests)
 *
 *   evproduce [-b BROKERS] [-X name=value]... [-t TRANSACTIONAL-ID] VERB
 *
 *   orders TOPIC PARTITIONS COUNT [FIRST]   COUNT small order events, numbers from FIRST (0)
 *   script                                  commands on stdin, one a line:
 *
 *     put TOPIC/PARTITION TIMESTAMP KEY VALUE [NAME=VALUE | NAME]...
 *         words are parted by blanks; `~` is null, `''` empty, a TIMESTAMP `-` now; a header NAME
 *         without `=` has a null value
 *     many TOPIC/PARTITION TIMESTAMP COUNT    keys k0.., values v0.., a millisecond apart
 *     {record line}                           topic, partition, timestamp, key, headers, value of it
 *     begin | commit | abort                  a transaction
 *     flush                                   wait until all is on the broker
 *
 *   Each begin, commit, abort and flush answers "ok" on stdout. At the end of stdin all is flushed;
 *   a transaction that is open then is left open, as by a producer that died.
 */
#include "client.h"
#include "record/line.h"

enum { MAX_WORDS = 64, TXN_MS = 30000 };

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	(void)rk, (void)opaque;
	if (m->err)
		die("record was not taken", rd_kafka_err2str(m->err));
}

static void flush(rd_kafka_t *rk)
{
	rd_kafka_resp_err_t e = rd_kafka_flush(rk, 60000);

	if (e)
		die("flush", rd_kafka_err2str(e));
}

/* A producer that dies on the first record that was not taken. */
static rd_kafka_t *producer(const struct setup *su)
{
	static const char *const common[] = { "linger.ms", "5", "enable.idempotence", "true",
					      "message.max.bytes", "30000000",
					      "queue.buffering.max.messages", "1000000",
					      "queue.buffering.max.kbytes", "262144", NULL };
	const char *with_id[16] = { "transactional.id", su->transactional_id,
				    "transaction.timeout.ms", "600000" };
	size_t at = su->transactional_id ? 4 : 0;

	for (size_t i = 0; common[i]; i++)
		with_id[at++] = common[i];
	with_id[at] = NULL;
	return client(su, RD_KAFKA_PRODUCER, with_id);
}

/* Send one record; waits while the local queue is full. The headers are taken. */
static void put(rd_kafka_t *rk, const char *topic, int32_t partition, int64_t timestamp,
		struct ev_slice key, struct ev_slice value, rd_kafka_headers_t *headers)
{
	for (;;) {
		rd_kafka_resp_err_t e = rd_kafka_producev(
			rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
			RD_KAFKA_V_TIMESTAMP(timestamp), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
			RD_KAFKA_V_KEY((void *)(uintptr_t)key.ptr, key.len),
			RD_KAFKA_V_VALUE((void *)(uintptr_t)value.ptr, value.len),
			RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);

		if (!e)
			return;
		if (e != RD_KAFKA_RESP_ERR__QUEUE_FULL)
			die(topic, rd_kafka_err2str(e));
		rd_kafka_poll(rk, 10);
	}
}

static struct ev_slice word_value(const char *w)
{
	if (!strcmp(w, "~"))
		return EV_NULL_SLICE;
	if (!strcmp(w, "''"))
		return EV_LITERAL("");
	return ev_slice_str(w);
}

static void add_header(rd_kafka_headers_t *h, char *word)
{
	char *eq = strchr(word, '=');

	if (eq)
		*eq = '\0';
	rd_kafka_header_add(h, word, -1, eq ? eq + 1 : NULL, -1);
}

static void put_words(rd_kafka_t *rk, char **w, size_t n)
{
	rd_kafka_headers_t *h = rd_kafka_headers_new(4);
	int32_t partition;

	if (n < 5)
		die("put TOPIC/PARTITION TIMESTAMP KEY VALUE expected", "too few words");
	partition = cut_partition(w[1]);
	for (size_t i = 5; i < n; i++)
		add_header(h, w[i]);
	put(rk, w[1], partition, strcmp(w[2], "-") ? number(w[2]) : 0, word_value(w[3]),
	    word_value(w[4]), h);
}

static void put_many(rd_kafka_t *rk, char **w, size_t n)
{
	int32_t partition;

	if (n != 4)
		die("many TOPIC/PARTITION TIMESTAMP COUNT expected", "wrong number of words");
	partition = cut_partition(w[1]);
	for (int64_t i = 0, count = number(w[3]); i < count; i++) {
		char key[32], value[32];

		snprintf(key, sizeof(key), "k%" PRId64, i);
		snprintf(value, sizeof(value), "v%" PRId64, i);
		put(rk, w[1], partition, number(w[2]) + i, ev_slice_str(key), ev_slice_str(value),
		    rd_kafka_headers_new(0));
	}
}

static void transaction(rd_kafka_t *rk, const char *verb, bool *ready)
{
	rd_kafka_error_t *e = NULL;

	if (!*ready)
		e = rd_kafka_init_transactions(rk, TXN_MS);
	*ready = true;
	if (!e && !strcmp(verb, "begin"))
		e = rd_kafka_begin_transaction(rk);
	else if (!e && !strcmp(verb, "commit"))
		e = rd_kafka_commit_transaction(rk, TXN_MS);
	else if (!e) {
		flush(rk); /* or the records would be purged, and nothing aborted on the broker */
		e = rd_kafka_abort_transaction(rk, TXN_MS);
	}
	if (e)
		die(verb, rd_kafka_error_string(e));
}

static void put_line(rd_kafka_t *rk, struct ev_line_reader *lr, struct ev_slice line)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_record r;
	rd_kafka_headers_t *h;
	char *topic;

	if (ev_line_read(lr, line, &r, &err))
		die("record line", err.text);
	h = rd_kafka_headers_new(r.nheaders);
	for (size_t i = 0; i < r.nheaders; i++)
		rd_kafka_header_add(h, r.headers[i].name.ptr, (ssize_t)r.headers[i].name.len,
				    r.headers[i].value.ptr, (ssize_t)r.headers[i].value.len);
	topic = ev_slice_dup(r.topic);
	put(rk, topic, r.partition, r.timestamp == EV_NO_TIMESTAMP ? 0 : r.timestamp, r.key, r.value, h);
	free(topic);
}

static void run_line(rd_kafka_t *rk, char *line, bool *ready)
{
	char *words[MAX_WORDS], *save = NULL;
	size_t n = 0;

	for (char *w = strtok_r(line, " ", &save); w && n < MAX_WORDS; w = strtok_r(NULL, " ", &save))
		words[n++] = w;
	if (!n)
		return;
	if (!strcmp(words[0], "put")) {
		put_words(rk, words, n);
		return;
	}
	if (!strcmp(words[0], "many")) {
		put_many(rk, words, n);
		return;
	}
	if (!strcmp(words[0], "flush"))
		flush(rk);
	else if (!strcmp(words[0], "begin") || !strcmp(words[0], "commit") || !strcmp(words[0], "abort"))
		transaction(rk, words[0], ready);
	else
		die("unknown command", words[0]);
	puts("ok");
	fflush(stdout);
}

static void script(rd_kafka_t *rk)
{
	struct ev_line_reader *lr = ev_line_reader_new();
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	bool ready = false;

	while ((n = getline(&line, &cap, stdin)) > 0) {
		if (line[n - 1] == '\n')
			line[--n] = '\0';
		if (line[0] == '{')
			put_line(rk, lr, ev_slice(line, (size_t)n));
		else
			run_line(rk, line, &ready);
		rd_kafka_poll(rk, 0);
	}
	free(line);
	ev_line_reader_free(lr);
	flush(rk);
}

/*
 * Order i: created, then two times out of three paid, one in eleven deleted; its events are `lag`
 * numbers apart so that keys interleave, as in life. A function of the number alone.
 */
static size_t order_event(char *out, size_t size, int64_t i, int64_t *order)
{
	int64_t ms = INT64_C(1732190400000) + i * 7, kind = i % 3;

	*order = kind == 0 ? i : i - 300 + (kind == 1 ? -1 : -2);
	if (kind == 0 || *order < 0) {
		*order = i;
		return (size_t)snprintf(out, size,
			"{\"event_id\":\"e-%010" PRId64 "\",\"event_type\":\"order.created\","
			"\"produced_at\":%" PRId64 ",\"correlation_id\":\"c-%08" PRIx64 "\",\"data\":{"
			"\"orderId\":\"o-%" PRId64 "\",\"customerId\":\"cust-%" PRId64 "\",\"total\":%" PRId64
			".%02" PRId64 ",\"currency\":\"EUR\",\"items\":[{\"sku\":\"SKU-%" PRId64
			"\",\"qty\":%" PRId64 ",\"price\":12.5},{\"sku\":\"SKU-%" PRId64 "\",\"qty\":1,"
			"\"price\":3.99}]}}",
			i, ms, (uint64_t)i * 2654435761u % 0xffffffffu, i, i * 7919 % 5000, i * 31 % 900 + 10,
			i % 100, i * 17 % 200, i % 5 + 1, i * 13 % 200);
	}
	if (kind == 2 && i % 11 == 0)
		return (size_t)snprintf(out, size,
			"{\"event_id\":\"e-%010" PRId64 "\",\"event_type\":\"order.deleted\",\"produced_at\":%"
			PRId64 ",\"data\":{\"orderId\":\"o-%" PRId64 "\"}}", i, ms, *order);
	return (size_t)snprintf(out, size,
		"{\"event_id\":\"e-%010" PRId64 "\",\"event_type\":\"payment.completed\",\"produced_at\":%"
		PRId64 ",\"data\":{\"orderId\":\"o-%" PRId64 "\",\"amount\":%" PRId64 ".%02" PRId64
		",\"method\":\"card\"}}", i, ms, *order, i * 31 % 90 + 1, i % 100);
}

static void orders(rd_kafka_t *rk, int argc, char **argv)
{
	int64_t first = argc > 4 ? number(argv[4]) : 0, count, partitions;

	if (argc < 4)
		die("orders TOPIC PARTITIONS COUNT [FIRST] expected", "too few words");
	partitions = number(argv[2]);
	count = number(argv[3]);
	for (int64_t i = first; i < first + count; i++) {
		char value[1024], key[32];
		int64_t order;
		size_t n = order_event(value, sizeof(value), i, &order);

		snprintf(key, sizeof(key), "o-%" PRId64, order);
		put(rk, argv[1], (int32_t)(order * 2654435761 % 1000003 % partitions),
		    INT64_C(1732190400000) + i * 7, ev_slice_str(key), ev_slice(value, n),
		    rd_kafka_headers_new(0));
		if (i % 1000 == 0)
			rd_kafka_poll(rk, 0);
	}
	flush(rk);
}

int main(int argc, char **argv)
{
	struct setup su;
	int at = setup_options(&su, argc, argv), rc = 0;
	rd_kafka_t *rk;

	su.delivered = delivered;
	rk = producer(&su);
	if (!strcmp(argv[at], "script")) {
		script(rk);
	} else if (!strcmp(argv[at], "orders")) {
		orders(rk, argc - at, argv + at);
	} else {
		fprintf(stderr, "evproduce: unknown verb '%s'\n", argv[at]);
		rc = 2;
	}
	rd_kafka_destroy(rk);
	free(su.properties);
	return rc;
}
