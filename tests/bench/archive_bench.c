/*
 * archive_bench.c - megabytes of record lines per second into an archive, and out of it
 *
 *   archive_bench [FILE] [MB]    of the record lines in FILE, or of made ones; MB of them (200)
 *
 * Beside it what `gzip -1` takes for the same lines on standard input, and gzip -dc for the way back.
 * The archive is written with one thread (that packs as well) and with as many as there are cores.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "archive/writer.h"
#include "base/mem.h"
#include "record/line.h"
#include "source/source.h"
#include "source/spec.h"

#define RUNS 3

static double now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void make(struct ev_buf *lines, size_t want)
{
	uint64_t x = 88172645463325252u;

	for (int i = 0; lines->len < want; i++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		ev_buf_addf(lines, "{\"topic\":\"orders\",\"partition\":0,\"offset\":%d,\"timestamp\":%lld,"
			    "\"key\":\"c-%d\",\"headers\":[[\"trace\",\"%016llx\"]],\"value\":{\"event_id\":"
			    "\"%08x-58a7-4c8e-9f3a-1d2b3c4d5e6f\",\"event_type\":\"order.%s\",\"data\":{"
			    "\"orderId\":\"o-%07d\",\"total\":%d.%02d,\"items\":[{\"sku\":\"sku-%06d\","
			    "\"qty\":%d}]}}}\n", i, 1732190400123LL + i * 3, (int)(x % 10000),
			    (unsigned long long)(x * 0x9e3779b97f4a7c15u), (unsigned)(x >> 32),
			    x % 3 ? "created" : "paid", (int)(x % 9999999), (int)(x % 500), (int)(x % 97),
			    (int)(x % 4000), (int)(x % 9));
	}
}

static void show(const char *what, size_t bytes, double wall, double cpu)
{
	printf("%-44s %7.0f MB/s %7.0f MB/s per core\n", what, (double)bytes / wall / 1e6,
	       (double)bytes / cpu / 1e6);
}

static void die(const char *what)
{
	fprintf(stderr, "archive_bench: %s\n", what);
	exit(1);
}

/* The lines as records, borrowed from `lines`. */
static struct ev_record *parse(const struct ev_buf *lines, struct ev_line_reader *lr, size_t *n)
{
	struct ev_record *v = NULL;
	struct ev_error err;
	const char *p = lines->data, *end = p + lines->len, *lf;
	size_t cap = 0;

	*n = 0;
	ev_line_reader_keep(lr, true);
	for (; p < end && (lf = memchr(p, '\n', (size_t)(end - p))); p = lf + 1) {
		EV_GROW(v, *n, cap);
		if (ev_line_read(lr, ev_slice(p, (size_t)(lf - p)), &v[*n], &err))
			die(err.text);
		++*n;
	}
	return v;
}

static void write_all(const struct ev_record *v, size_t n, int threads, size_t bytes, const char *what)
{
	double wall = 1e9, cpu = 1e9;

	for (int run = 0; run < RUNS; run++) {
		struct ev_archive_options opt = EV_ARCHIVE_OPTIONS_INIT;
		struct ev_error err = EV_ERROR_INIT;
		struct ev_archive_writer *w;
		double a, b;

		opt.threads = threads;
		if (system("rm -rf bench.arch"))
			die("cannot remove");
		a = now(CLOCK_MONOTONIC);
		b = now(CLOCK_PROCESS_CPUTIME_ID);
		w = ev_archive_writer_open("bench.arch", &opt, &err);
		for (size_t i = 0; w && i < n; i++)
			if (ev_archive_writer_put(w, &v[i], &err))
				die(err.text);
		if (!w || ev_archive_writer_flush(w, &err))
			die(err.text);
		ev_archive_writer_close(w);
		a = now(CLOCK_MONOTONIC) - a;
		b = now(CLOCK_PROCESS_CPUTIME_ID) - b;
		wall = a < wall ? a : wall;
		cpu = b < cpu ? b : cpu;
	}
	show(what, bytes, wall, cpu);
}

static void read_all(size_t bytes, size_t expected)
{
	double wall = 1e9, cpu = 1e9;

	for (int run = 0; run < RUNS; run++) {
		struct ev_source_spec spec = EV_SOURCE_SPEC_INIT;
		struct ev_error err = EV_ERROR_INIT;
		struct ev_source *s = NULL;
		struct ev_span span;
		struct ev_batch batch;
		enum ev_fetch rc = EV_FETCH_ERROR;
		double a = now(CLOCK_MONOTONIC), b = now(CLOCK_PROCESS_CPUTIME_ID);
		size_t n = 0;

		if (!ev_source_spec_add(&spec, "./bench.arch", &err))
			s = ev_source_open(&spec, &err);
		if (!s)
			die(err.text);
		span = (struct ev_span){ s->parts[0].low, s->parts[0].high };
		if (!s->ops->start(s, &span, true, false, &err))
			while ((rc = s->ops->fetch(s, 0, &batch, 0, &err)) == EV_FETCH_SOME) {
				n += batch.n;
				s->ops->release(s, &batch);
			}
		if (rc == EV_FETCH_ERROR || n != expected)
			die(err.text);
		s->ops->close(s);
		ev_source_spec_release(&spec);
		a = now(CLOCK_MONOTONIC) - a;
		b = now(CLOCK_PROCESS_CPUTIME_ID) - b;
		wall = a < wall ? a : wall;
		cpu = b < cpu ? b : cpu;
	}
	show("archive read", bytes, wall, cpu);
}

static double children(void)
{
	struct rusage u;

	getrusage(RUSAGE_CHILDREN, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void command(const char *what, const char *text, size_t bytes)
{
	double wall = 1e9, cpu = 1e9;

	for (int run = 0; run < RUNS; run++) {
		double a = now(CLOCK_MONOTONIC), b = children();

		if (system(text))
			die(text);
		a = now(CLOCK_MONOTONIC) - a;
		b = children() - b;
		wall = a < wall ? a : wall;
		cpu = b < cpu ? b : cpu;
	}
	show(what, bytes, wall, cpu);
}

int main(int argc, char **argv)
{
	size_t want = (argc > 2 ? (size_t)strtol(argv[2], NULL, 10) : 200) << 20, n;
	char dir[] = "/tmp/evbench.XXXXXX", text[64];
	struct ev_line_reader *lr = ev_line_reader_new();
	struct ev_buf lines = EV_BUF_INIT;
	struct ev_record *v;
	struct stat st;
	FILE *f = argc > 1 && *argv[1] ? fopen(argv[1], "rb") : NULL;
	int cores = (int)sysconf(_SC_NPROCESSORS_ONLN);

	if (!f)
		make(&lines, want);
	else if (!ev_buf_reserve(&lines, want) || !(lines.len = fread(lines.data, 1, want, f)))
		die("cannot read the lines");
	while (lines.len && lines.data[lines.len - 1] != '\n')
		lines.len--;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!mkdtemp(dir) || chdir(dir) || !(f = fopen("lines", "wb")) ||
	    fwrite(lines.data, 1, lines.len, f) != lines.len || fclose(f))
		die("cannot write the lines");
	v = parse(&lines, lr, &n);
	printf("%zu record lines, %zu MB\n", n, lines.len >> 20);
	write_all(v, n, 0, lines.len, "archive written, level 1, one thread");
	snprintf(text, sizeof(text), "archive written, level 1, %d threads", cores);
	write_all(v, n, cores, lines.len, text);
	command("gzip -1", "gzip -1 -c <lines >lines.gz", lines.len);
	read_all(lines.len, n);
	command("gzip -dc, no record looked at", "gzip -dc lines.gz >/dev/null", lines.len);
	if (!stat("lines.gz", &st))
		printf("packed by gzip -1: %.3f of the lines\n", (double)st.st_size / (double)lines.len);
	if (system("du -sb bench.arch") || chdir("/"))
		die("cannot count");
	snprintf(text, sizeof(text), "rm -rf %s", dir);
	free(v);
	ev_line_reader_free(lr);
	ev_buf_release(&lines);
	return system(text) != 0;
}
