/* draft.c - evproject draft: a first projection file from a sample of the events */
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "common/source_options.h"
#include "evproject/evproject.h"
#include "merge/merge.h"
#include "projection/draft.h"

#define BATCH 1000
#define POLL_MS 200

struct args {
	struct ev_source_args src;
	int64_t count;
	const char *name;
};

static const struct ev_option options[] = {
	EV_GROUP("Draft"),
	EV_INT('n', "count", "N", struct args, count, 1, 10000000, "records to look at (2000)"),
	EV_STRING(0, "name", "NAME", struct args, name, "name of the projection (the first topic)"),
	EV_GROUP("Range"),
	EV_RANGE_ROWS(struct args, src),
	EV_BRIEF("Source"),
	EV_SOURCE_ROWS(struct args, src),
	EV_END,
};

static void init(void *args)
{
	struct args *a = args;

	ev_source_args_init(&a->src);
	a->count = 2000;
}

static void release(void *args)
{
	ev_source_args_release(&((struct args *)args)->src);
}

/* 0, 1 broken off by a signal, -1. */
static int sample(struct ev_draft *d, struct ev_source *src, const struct args *a,
		  struct ev_error *err)
{
	struct ev_merge_options mo = { .merge = !a->src.no_merge };
	struct ev_record *records = ev_alloc(BATCH * sizeof(*records));
	struct ev_span *spans = NULL;
	int64_t seen = 0;
	struct ev_merge *m = NULL;
	bool done = false;
	int n = ev_range_resolve(src, &a->src.range, NULL, &spans, err);

	if (n == 0)
		m = ev_merge_new(src, spans, &mo, err);
	while (m && n >= 0 && !done && seen < a->count && !ev_stopped()) {
		n = ev_merge_read(m, records, BATCH, 64u << 20, POLL_MS, &done, err);
		for (int i = 0; i < n && seen < a->count; i++, seen++)
			ev_draft_add(d, &records[i]);
	}
	ev_merge_free(m);
	free(spans);
	free(records);
	if (!m || n < 0)
		return -1;
	if (!done && seen < a->count && ev_stopped())
		return 1;
	return seen ? 0 : ev_fail(err, EV_DATA, "there is no record to look at");
}

/* The topics that were read, each once. Free the array, not the names. */
static const char **topics_of(const struct ev_source *src, size_t *n)
{
	const char **topics = ev_alloc((src->nparts + 1) * sizeof(*topics));

	*n = 0;
	for (size_t i = 0; i < src->nparts; i++) {
		size_t j = 0;

		while (j < *n && strcmp(topics[j], src->parts[i].topic) != 0)
			j++;
		if (j == *n)
			topics[(*n)++] = src->parts[i].topic;
	}
	return topics;
}

static int no_source(struct ev_error *err)
{
	ev_fail(err, EV_USAGE, "which source?");
	return ev_hint(err, "give a topic, or a file with its folder, for example ./events.ndjson");
}

static int run(void *args, struct ev_operands *rest, struct ev_messages *msg, struct ev_error *err)
{
	struct args *a = args;
	struct ev_draft *d = ev_draft_new();
	struct ev_buf out = EV_BUF_INIT;
	struct ev_source *src = NULL;
	const char **topics = NULL;
	size_t ntopics;
	int rc = ev_source_args_finish(&a->src, rest, ev_now_ms(), err);

	ev_source_args_notes(&a->src, msg);
	if (rc == 0 && !a->src.spec.ntopics && !a->src.spec.nfiles && !a->src.spec.archive)
		rc = no_source(err);
	if (rc == 0)
		src = ev_source_open(&a->src.spec, err);
	rc = src ? sample(d, src, a, err) : -1;
	if (src && rc < 0 && err->class == EV_DATA && a->src.spec.nfiles && !a->src.lines)
		ev_hint(err, "if these are not record lines but events, one a line, give --lines TOPIC");
	if (rc == 0) {
		topics = topics_of(src, &ntopics);
		rc = ev_draft_print(d, a->name ? a->name : topics[0], topics, ntopics, &out, err);
	} else if (rc > 0) {
		rc = ev_stop_status(false);
	}
	if (rc == 0)
		fwrite(ev_buf_str(&out), 1, out.len, stdout);
	free(topics);
	if (src)
		src->ops->close(src);
	ev_buf_release(&out);
	ev_draft_free(d);
	return rc;
}

const struct ev_command ev_draft_command = {
	.name = "draft",
	.about = "print a first projection file from a sample of the events",
	.synopsis = "[OPTION]... SOURCE...",
	.options = options,
	.args_size = sizeof(struct args),
	.init = init,
	.release = release,
	.run = run,
};
