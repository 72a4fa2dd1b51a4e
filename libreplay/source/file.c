/* file.c - record lines, or any lines, from files and standard input; see source.h and spec.h */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "record/kcat.h"
#include "source/file_impl.h"

#define BLOCK (256u << 10)
#define BLOCK_MIN (16u << 10) /* with very many files: all keep to the memory given, but for what unpacks */
#define BATCH 4096

static struct ev_file_source *file_of(struct ev_source *s)
{
	return (struct ev_file_source *)s; /* base comes first */
}

static int refresh(struct ev_source *s, struct ev_error *err)
{
	(void)s;
	(void)err;
	return 0;
}

static void set_bounds(struct ev_source *s, const struct ev_position *from,
		       const struct ev_position *to, int64_t default_from, int64_t default_to)
{
	struct ev_file_source *fs = file_of(s);

	ev_position_release(&fs->from);
	ev_position_release(&fs->to);
	if (from)
		ev_position_copy(&fs->from, from);
	if (to)
		ev_position_copy(&fs->to, to);
	fs->default_from = default_from;
	fs->default_to = default_to;
}

static void get_span(struct ev_source *s, uint32_t part, struct ev_span *out)
{
	*out = file_of(s)->state[part].span;
}

int ev_file_rewind(struct ev_file_source *fs, struct ev_error *err)
{
	if (fs->held)
		ev_pool_put(&fs->pool, fs->held);
	fs->held = NULL;
	for (size_t i = 0; i < fs->base.nlanes; i++) {
		struct ev_file_lane *lane = &fs->lanes[i];

		if (ev_input_rewind(lane->in, err))
			return -1;
		ev_lines_begin(&lane->lines, lane->in, &fs->pool, EV_LINE_MAX);
		lane->failed = lane->done = lane->kcat = false;
	}
	for (size_t i = 0; i < fs->base.nparts; i++) {
		fs->state[i].last = fs->base.parts[i].low - 1;
		fs->state[i].lane = EV_NO_LANE;
	}
	fs->whole = false;
	return 0;
}

static int start(struct ev_source *s, const struct ev_span *spans, bool merge, bool follow,
		 struct ev_error *err)
{
	struct ev_file_source *fs = file_of(s);

	(void)merge; /* a file is a sequence of its own either way */
	for (size_t i = 0; follow && i < s->nlanes; i++) {
		if (!ev_input_regular(fs->lanes[i].in))
			continue;
		ev_fail(err, EV_USAGE, "cannot follow '%s': a file has an end",
			ev_input_name(fs->lanes[i].in));
		return ev_hint(err, "follow it by a pipe: tail -n +1 -f FILE, and - as the source");
	}
	if (ev_file_rewind(fs, err))
		return -1;
	for (size_t i = 0; i < s->nparts; i++) {
		fs->state[i].span = spans[i];
		if (follow)
			fs->state[i].span.end = INT64_MAX;
	}
	if (follow) {
		fs->default_to = INT64_MAX;
		ev_position_release(&fs->to);
	}
	return 0;
}

/* Enter the record's partition: not that of another file, and its offset greater than before. */
static int place(struct ev_file_source *fs, size_t index, struct ev_record *r, struct ev_error *err)
{
	struct ev_file_lane *lane = &fs->lanes[index];
	struct ev_file_part *st;
	const struct ev_partition *p;

	r->part = ev_file_part(fs, r->topic, r->partition);
	st = &fs->state[r->part];
	p = &fs->base.parts[r->part];
	r->topic = ev_slice(p->topic, st->topic_len); /* outlives the line */
	if (st->lane == EV_NO_LANE)
		st->lane = index;
	if (st->lane != index)
		return ev_fail(err, EV_DATA, "%s/%" PRId32 " is in '%s' and in '%s' too", p->topic,
			       p->partition, ev_input_name(fs->lanes[st->lane].in),
			       ev_input_name(lane->in));
	if (r->offset <= st->last)
		return ev_fail(err, EV_DATA,
			       "offset %" PRId64 " of %s/%" PRId32 " stands after offset %" PRId64,
			       r->offset, p->topic, p->partition, st->last);
	st->last = r->offset;
	return 0;
}

/* A record line; what begins with a line of kcat -J is read as such to its end. */
static int read_line(struct ev_file_source *fs, struct ev_file_lane *lane, struct ev_slice text, struct ev_record *r,
		     struct ev_error *err)
{
	struct ev_line_reader *reader = lane->lines.block->decoded;

	if (!lane->kcat && !ev_line_read(reader, text, r, err))
		return 0;
	if (lane->lines.number == 1)
		lane->kcat = ev_kcat_line(text);
	fs->base.kcat |= lane->kcat;
	return lane->kcat ? ev_kcat_read(reader, text, r, err) : -1;
}

/* A line cut off by a crash or a full disk is told from a bad line that was written so. */
static int read_record(struct ev_file_source *fs, size_t index, struct ev_slice text, bool whole,
		       struct ev_record *r, struct ev_error *err)
{
	struct ev_file_lane *lane = &fs->lanes[index];

	if (fs->lines_topic) {
		*r = (struct ev_record){ .topic = ev_slice_str(fs->lines_topic), .value = text };
		r->offset = (int64_t)lane->lines.number;
		r->timestamp = EV_NO_TIMESTAMP;
	} else if (read_line(fs, lane, text, r, err)) {
		if (whole && lane->lines.number == 1)
			return ev_hint(err, "--lines TOPIC reads any other text, one value a line; a record is one "
					    "line, too (jq -c)");
		if (whole)
			return -1;
		ev_context(err, "the last line is cut short");
		return ev_hint(err, "whatever wrote the file did not get to its end");
	}
	return place(fs, index, r, err);
}

static bool wanted(const struct ev_file_source *fs, const struct ev_record *r)
{
	const struct ev_span *span = &fs->state[r->part].span;

	return fs->whole || (r->offset >= span->begin && r->offset < span->end);
}

static enum ev_fetch fail_lane(struct ev_file_lane *lane, uint64_t line)
{
	ev_context(&lane->err, "%s:%" PRIu64, ev_input_name(lane->in), line);
	lane->failed = true;
	return EV_FETCH_ERROR;
}

/* All lines that are there, up to a batch; the records go with the block that holds their bytes. */
static struct ev_block *read_block(struct ev_file_source *fs, size_t index)
{
	struct ev_file_lane *lane = &fs->lanes[index];
	struct ev_block *b = lane->lines.block;
	struct ev_slice text;
	bool whole;

	while (b->nrecords < BATCH && ev_lines_next(&lane->lines, &text, &whole)) {
		struct ev_record *r;

		EV_GROW(b->records, b->nrecords, b->records_cap);
		r = &b->records[b->nrecords];
		if (read_record(fs, index, text, whole, r, &lane->err)) {
			fail_lane(lane, lane->lines.number);
			break;
		}
		b->nrecords += wanted(fs, r);
	}
	return ev_lines_take(&lane->lines);
}

enum ev_fetch ev_file_fetch(struct ev_source *s, size_t index, struct ev_batch *batch,
			    int timeout_ms, struct ev_error *err)
{
	struct ev_file_source *fs = file_of(s);
	struct ev_file_lane *lane = &fs->lanes[index];
	enum ev_fetch rc;
	struct ev_block *b;

	batch->n = 0;
	if (!lane->failed && !lane->done) {
		rc = ev_lines_fill(&lane->lines, timeout_ms, &lane->err);
		if (rc == EV_FETCH_WAIT)
			return rc;
		lane->done = rc == EV_FETCH_DONE;
		if (rc == EV_FETCH_ERROR)
			fail_lane(lane, lane->lines.number + 1);
	}
	if (lane->done)
		return EV_FETCH_DONE;
	if (lane->failed) {
		*err = lane->err;
		return EV_FETCH_ERROR;
	}
	b = read_block(fs, index);
	if (!b->nrecords) { /* none was wanted; the fault, if there is one, comes next time */
		ev_pool_put(&fs->pool, b);
		return EV_FETCH_WAIT;
	}
	*batch = (struct ev_batch){ b->records, b->nrecords, b };
	return EV_FETCH_SOME;
}

void ev_file_release(struct ev_source *s, struct ev_batch *batch)
{
	if (batch->owner)
		ev_pool_put(&file_of(s)->pool, batch->owner);
	*batch = (struct ev_batch){ NULL, 0, NULL };
}

static int64_t passed(struct ev_source *s, uint32_t part)
{
	struct ev_file_source *fs = file_of(s);
	const struct ev_file_part *st = &fs->state[part];
	bool done = true;

	if (st->last >= st->span.end - 1)
		return st->span.end;
	for (size_t i = 0; i < s->nlanes; i++)
		if (st->lane == i || st->lane == EV_NO_LANE)
			done = done && fs->lanes[i].done;
	if (!done)
		return -1;
	/* it begins at the file's end, which is known only now */
	return st->last + 1 > st->span.begin || st->span.begin == INT64_MAX ? st->last + 1 : st->span.begin;
}

static bool share(struct ev_source *s, int64_t *done, int64_t *total)
{
	int64_t d, t;

	*done = *total = 0;
	for (size_t i = 0; i < s->nlanes; i++) {
		if (!ev_input_share(file_of(s)->lanes[i].in, &d, &t))
			return false;
		*done += d;
		*total += t;
	}
	return true;
}

static void close_source(struct ev_source *s)
{
	struct ev_file_source *fs = file_of(s);

	for (size_t i = 0; i < s->nlanes; i++)
		ev_input_close(fs->lanes[i].in);
	free(fs->lanes);
	ev_pool_release(&fs->pool);
	ev_file_parts_release(fs);
	free(fs->lines_topic);
	free(fs);
}

static const struct ev_source_ops ops = {
	.name = "file",
	.refresh = refresh,
	.offsets_for_time = ev_file_offsets_for_time,
	.record_at = ev_file_record_at,
	.scan = ev_file_scan,
	.bounds = set_bounds,
	.span = get_span,
	.start = start,
	.fetch = ev_file_fetch,
	.release = ev_file_release,
	.passed = passed,
	.share = share,
	.close = close_source,
};

static size_t block_size(const struct ev_source_spec *spec)
{
	size_t share = spec->memory / 4 / spec->nfiles; /* a lane may have some blocks lent */

	return share > BLOCK ? BLOCK : share < BLOCK_MIN ? BLOCK_MIN : share;
}

static int check_lines(const struct ev_source_spec *spec, struct ev_error *err)
{
	if (!spec->lines_topic)
		return 0;
	if (!ev_topic_valid(ev_slice_str(spec->lines_topic)))
		return ev_fail(err, EV_USAGE, "cannot read lines as '%s': not a topic name",
			       spec->lines_topic);
	if (spec->nfiles > 1)
		return ev_fail(err, EV_USAGE, "cannot read lines of several files as one topic");
	return 0;
}

struct ev_source *ev_file_open(const struct ev_source_spec *spec, struct ev_error *err)
{
	struct ev_file_source *fs;

	if (check_lines(spec, err))
		return NULL;
	fs = ev_alloc(sizeof(*fs));
	fs->base.ops = &ops;
	fs->base.one_sequence = true;
	fs->default_to = INT64_MAX;
	fs->pool.block_size = block_size(spec);
	fs->stopped = spec->stopped;
	fs->lanes = ev_alloc(spec->nfiles * sizeof(*fs->lanes));
	for (size_t i = 0; i < spec->nfiles; i++) {
		struct ev_file_lane *lane = &fs->lanes[i];

		lane->in = ev_input_open(spec->files[i], fs->pool.block_size / 2, err);
		if (!lane->in) {
			close_source(&fs->base);
			return NULL;
		}
		ev_lines_begin(&lane->lines, lane->in, &fs->pool, EV_LINE_MAX);
		fs->base.nlanes++;
	}
	if (spec->lines_topic) {
		fs->lines_topic = ev_strdup(spec->lines_topic);
		ev_file_part(fs, ev_slice_str(fs->lines_topic), 0);
	}
	return &fs->base;
}
