/*
 * evarchive.c - an archive from record lines, for tests: evarchive [OPTION]... DIR <LINES
 *
 *   --append --cluster ID --filter TEXT --threads N --level N --member BYTES --segment BYTES
 *   --segment-records N --flush N (records) --begin OFFSET --pass OFFSET (all partitions) --count N
 *
 * Prints the position of the archive when it ends. Exits with the error's class.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "archive/writer.h"
#include "record/line.h"

struct args {
	struct ev_archive_options opt;
	long flush;
	int64_t begin, pass;
	int count;
};

static int parse(struct args *a, int argc, char **argv)
{
	static const struct option options[] = {
		{ "append", no_argument, NULL, 'a' }, { "cluster", required_argument, NULL, 'c' },
		{ "filter", required_argument, NULL, 'f' }, { "threads", required_argument, NULL, 't' },
		{ "level", required_argument, NULL, 'l' }, { "member", required_argument, NULL, 'm' },
		{ "segment", required_argument, NULL, 's' }, { "flush", required_argument, NULL, 'F' },
		{ "segment-records", required_argument, NULL, 'r' },
		{ "begin", required_argument, NULL, 'b' }, { "pass", required_argument, NULL, 'p' },
		{ "count", required_argument, NULL, 'n' }, { 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		long long n = optarg ? strtoll(optarg, NULL, 10) : 0;

		switch (c) {
		case 'a': a->opt.append = true; break;
		case 'c': a->opt.cluster_id = optarg; break;
		case 'f': a->opt.filter = optarg; break;
		case 't': a->opt.threads = (int)n; break;
		case 'l': a->opt.level = (int)n; break;
		case 'm': a->opt.member_bytes = (size_t)n; break;
		case 's': a->opt.segment_bytes = n; break;
		case 'r': a->opt.segment_records = n; break;
		case 'F': a->flush = (long)n; break;
		case 'b': a->begin = n; break;
		case 'p': a->pass = n; break;
		case 'n': a->count = (int)n; break;
		default: return -1;
		}
	}
	return optind + 1 == argc ? 0 : -1;
}

/* Lines below where the archive stands are passed over, as a copy would not read them. */
static int take(struct ev_archive_writer *w, const struct args *a, const struct ev_record *r,
		struct ev_error *err)
{
	struct ev_position at = EV_POSITION_INIT;
	char *topic = strndup(r->topic.ptr, r->topic.len);
	int64_t next;
	int rc = 0;

	ev_archive_writer_position(w, &at);
	next = ev_position_get(&at, topic, r->partition);
	if (next < 0)
		rc = ev_archive_writer_begin(w, r->topic, r->partition, a->begin >= 0 ? a->begin : r->offset,
					     a->count, err);
	if (!rc && r->offset >= next)
		rc = ev_archive_writer_put(w, r, err);
	ev_position_release(&at);
	free(topic);
	return rc;
}

static int finish(struct ev_archive_writer *w, const struct args *a, struct ev_error *err)
{
	struct ev_position at = EV_POSITION_INIT;
	struct ev_buf text = EV_BUF_INIT;
	int rc = 0;

	ev_archive_writer_position(w, &at);
	for (size_t i = 0; i < at.n && !rc && a->pass >= 0; i++)
		rc = ev_archive_writer_pass(w, ev_slice_str(at.v[i].topic), at.v[i].partition, a->pass, err);
	rc = rc || ev_archive_writer_flush(w, err) ? -1 : 0;
	ev_archive_writer_position(w, &at);
	ev_position_print(&at, &text);
	if (!rc)
		puts(ev_buf_str(&text));
	ev_buf_release(&text);
	ev_position_release(&at);
	return rc;
}

static int copy(struct ev_archive_writer *w, const struct args *a, struct ev_error *err)
{
	struct ev_line_reader *lr = ev_line_reader_new();
	struct ev_record r;
	char *line = NULL;
	size_t cap = 0;
	long n = 0;
	ssize_t len;
	int rc = 0;

	while (!rc && (len = getline(&line, &cap, stdin)) > 0) {
		rc = ev_line_read(lr, ev_slice(line, (size_t)len - (line[len - 1] == '\n')), &r, err);
		rc = rc || take(w, a, &r, err) ? -1 : 0;
		if (!rc && a->flush && ++n % a->flush == 0)
			rc = ev_archive_writer_flush(w, err);
	}
	ev_line_reader_free(lr);
	free(line);
	return rc || finish(w, a, err) ? -1 : 0;
}

int main(int argc, char **argv)
{
	struct args a = { .opt = EV_ARCHIVE_OPTIONS_INIT, .begin = -1, .pass = -1 };
	struct ev_error err = EV_ERROR_INIT;
	struct ev_archive_writer *w;

	a.opt.written_by = "evarchive";
	if (parse(&a, argc, argv)) {
		fputs("usage: evarchive [OPTION]... DIR <LINES\n", stderr);
		return 2;
	}
	w = ev_archive_writer_open(argv[optind], &a.opt, &err);
	if (!w || copy(w, &a, &err))
		fprintf(stderr, "evarchive: %s\n%s%s%s", err.text, *err.hint ? "hint: " : "", err.hint,
			*err.hint ? "\n" : "");
	ev_archive_writer_close(w);
	return err.class;
}
