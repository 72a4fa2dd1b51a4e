/* read.c - see read.h */
#include "audit/read.h"

#include "base/mem.h"
#include "merge/merge.h"

enum { BATCH = 4096, BATCH_BYTES = 8 << 20, WAIT_MS = 200 };

static void show(struct ev_merge *m, const struct ev_source *src, const struct ev_span *spans,
		 size_t n, int64_t records, const struct ev_read_hooks *hooks)
{
	int64_t passed = 0, span = 0;

	if (!hooks || !hooks->progress)
		return;
	for (size_t i = 0; i < n && !src->one_sequence; i++) {
		int64_t next = ev_merge_next(m, (uint32_t)i);

		span += spans[i].end - spans[i].begin;
		passed += next > spans[i].begin ? next - spans[i].begin : 0;
	}
	hooks->progress(hooks->ctx, records, passed, span);
}

int ev_read_spans(struct ev_source *src, const struct ev_span *spans, bool merge, ev_read_fn fn,
		  void *ctx, const struct ev_read_hooks *hooks, struct ev_error *err)
{
	struct ev_merge_options opt = { .merge = merge };
	size_t nspans = src->nparts;
	struct ev_merge *m = ev_merge_new(src, spans, &opt, err);
	struct ev_record *records;
	int64_t total = 0;
	bool done = false;
	int rc = 0;

	if (!m)
		return -1;
	records = ev_alloc(BATCH * sizeof(*records));
	while (!rc && !done) {
		int n = ev_merge_read(m, records, BATCH, BATCH_BYTES, WAIT_MS, &done, err);

		if (n < 0)
			rc = -1;
		for (int i = 0; i < n && !rc; i++)
			rc = fn(ctx, &records[i], err);
		total += n > 0 ? n : 0;
		if (!rc && ev_read_stopped(hooks))
			rc = EV_READ_STOPPED;
		show(m, src, spans, nspans, total, hooks);
	}
	ev_merge_free(m);
	free(records);
	return rc;
}
