/*
 * line_bench.c - record lines per second, written and read
 *
 *   line_bench [N]    N records of each shape (1,000,000), best of three runs
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "record/line.h"

static const char event[] =
	"{\"event_id\":\"6f1c2f0e-58a7-4c8e-9f3a-1d2b3c4d5e6f\",\"event_type\":\"order.created\","
	"\"produced_at\":\"2026-11-20T10:00:00.123Z\",\"correlation_id\":\"c-000123456789\",\"data\":"
	"{\"orderId\":\"o-0001234567\",\"customerId\":\"c-00098765\",\"total\":123.45,\"items\":"
	"[{\"sku\":\"sku-000123\",\"qty\":2},{\"sku\":\"sku-000987\",\"qty\":1}],\"note\":\"leave at the door\"}}";

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void show(const char *what, long n, size_t bytes, double seconds)
{
	printf("%-34s %10.0f /s %8.0f MB/s\n", what, (double)n / seconds,
	       (double)n * (double)bytes / seconds / 1e6);
}

static double write_all(struct ev_buf *out, const struct ev_record *r, long n)
{
	double best = 1e9;

	for (int run = 0; run < 3; run++) {
		double start = now(), took;

		for (long i = 0; i < n; i++) {
			if (out->len > 256u << 10)
				ev_buf_clear(out);
			ev_line_write(out, r);
		}
		took = now() - start;
		best = took < best ? took : best;
	}
	return best;
}

static double read_all(struct ev_slice line, long n)
{
	struct ev_line_reader *lr = ev_line_reader_new();
	struct ev_error err;
	struct ev_record r;
	double best = 1e9;

	for (int run = 0; run < 3; run++) {
		double start = now(), took;

		for (long i = 0; i < n; i++)
			if (ev_line_read(lr, line, &r, &err))
				exit(1);
		took = now() - start;
		best = took < best ? took : best;
	}
	ev_line_reader_free(lr);
	return best;
}

static void measure(const char *shape, struct ev_slice value, long n)
{
	struct ev_header h = { EV_LITERAL("trace"), EV_LITERAL("00-4bf92f3577b34da6a3ce929d0e0e4736-01") };
	struct ev_record r = { .topic = EV_LITERAL("orders"), .partition = 3, .offset = 123456789,
			       .timestamp = 1732190400123, .key = EV_LITERAL("o-0001234567"),
			       .value = value, .headers = &h, .nheaders = 1 };
	struct ev_buf out = EV_BUF_INIT;
	char what[64];
	size_t len;

	ev_line_write(&out, &r);
	len = out.len;
	snprintf(what, sizeof(what), "write %s, %zu bytes", shape, len);
	show(what, n, len, write_all(&out, &r, n));
	ev_buf_clear(&out);
	ev_line_write(&out, &r);
	snprintf(what, sizeof(what), "read %s, %zu bytes", shape, len);
	show(what, n, len, read_all(ev_slice(out.data, len - 1), n));
	ev_buf_release(&out);
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? strtol(argv[1], NULL, 10) : 1000000;
	char text[sizeof(event)], bytes[sizeof(event)];

	memcpy(text, event, sizeof(event));
	text[0] = '<'; /* no document any more, so every quote of it is escaped */
	memcpy(bytes, event, sizeof(event));
	bytes[100] = (char)0xff;
	measure("JSON", ev_slice(event, sizeof(event) - 1), n);
	measure("text", ev_slice(text, sizeof(event) - 1), n);
	measure("bytes", ev_slice(bytes, sizeof(event) - 1), n);
	return 0;
}
