/* archive_lane.c - one partition of an archive, read member by member; see archive_impl.h */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "archive/scan.h"
#include "base/mem.h"
#include "base/plural.h"
#include "source/archive_impl.h"

#define BATCH 4096
#define MOST_OPEN 64 /* lanes that keep their file open between two batches */

static const char *path_of(struct ev_archive_source *as, uint32_t part, size_t segment,
			   const char *suffix)
{
	const struct ev_partition *p = &as->base.parts[part];

	ev_archive_path(&as->path, as->dir, p->topic, p->partition,
			as->kept[part]->segments[segment].offset, suffix);
	return ev_buf_str(&as->path);
}

static void say(struct ev_archive_source *as, const struct ev_error *why)
{
	struct ev_buf text = EV_BUF_INIT;

	if (!as->note)
		return;
	ev_buf_addf(&text, "%s: reading all of the segment instead", why->text);
	as->note(as->note_ctx, ev_buf_str(&text));
	ev_buf_release(&text);
}

/* What was found must be what the manifest says of the segment. */
static int check_scan(const struct ev_archive_index *members, const struct ev_archive_segment *s,
		      const char *path, struct ev_error *err)
{
	int64_t records = 0;

	for (size_t i = 0; i < members->n; i++)
		records += members->v[i].records;
	if (records == s->records && members->v[members->n - 1].next == s->next)
		return 0;
	return ev_fail(err, EV_DATA, "'%s' holds %" PRId64 " records up to offset %" PRId64
		       ", the manifest says %" PRId64 " up to %" PRId64, path, records,
		       members->n ? members->v[members->n - 1].next - 1 : -1, s->records, s->next - 1);
}

int ev_archive_members(struct ev_archive_source *as, uint32_t part, size_t segment,
		       struct ev_archive_index *out, struct ev_error *err)
{
	const struct ev_archive_segment *s = &as->kept[part]->segments[segment];
	struct ev_scan_args args = {
		.topic = as->base.parts[part].topic, .partition = as->base.parts[part].partition,
		.segment = s,
	};
	struct ev_error why;

	if (!ev_index_load(out, path_of(as, part, segment, EV_ARCHIVE_INDEX), s, &as->text, &why))
		return 0;
	if (why.class != EV_DATA) {
		*err = why;
		return -1;
	}
	say(as, &why);
	args.path = path_of(as, part, segment, EV_ARCHIVE_DATA);
	if (ev_archive_scan(&args, out, NULL, err))
		return -1;
	return check_scan(out, s, args.path, err);
}

void ev_archive_lane_begin(struct ev_archive_lane *l, struct ev_archive_source *src, uint32_t part,
			   struct ev_span span)
{
	const struct ev_archive_part *p = src->kept[part];

	l->src = src;
	l->index = part;
	l->span = span;
	l->segment = 0;
	while (l->segment < p->nsegments && p->segments[l->segment].next <= span.begin)
		l->segment++;
	l->loaded = l->reading = l->failed = false;
	l->last = span.begin - 1;
	l->done = span.begin >= span.end;
	if (l->in)
		ev_input_close(l->in);
	l->in = NULL;
}

void ev_archive_lane_release(struct ev_archive_lane *l)
{
	ev_input_close(l->in);
	l->in = NULL;
	if (l->lines.block)
		ev_pool_put(&l->src->pool, l->lines.block);
	l->lines.block = NULL;
	ev_index_release(&l->members);
}

static int open_segment(struct ev_archive_lane *l, struct ev_error *err)
{
	const char *path;

	if (ev_archive_members(l->src, l->index, l->segment, &l->members, err))
		return -1;
	path = path_of(l->src, l->index, l->segment, EV_ARCHIVE_DATA);
	l->in = ev_input_open(path, l->src->pool.block_size / 2, err);
	if (!l->in) {
		if (access(path, F_OK) && errno == ENOENT)
			err->class = EV_DATA; /* the manifest says that it is there */
		return -1;
	}
	l->member = 0;
	while (l->members.v[l->member].next <= l->span.begin)
		l->member++;
	l->loaded = true;
	return 0;
}

/* On to the next member of the span. 1 when there is one, 0 at the end, -1. */
static int next_member(struct ev_archive_lane *l, struct ev_error *err)
{
	const struct ev_archive_part *p = l->src->kept[l->index];
	const struct ev_archive_member *m;

	if (l->loaded && l->member == l->members.n) {
		ev_input_close(l->in);
		l->in = NULL;
		l->loaded = false;
		l->segment++;
	}
	if (l->segment == p->nsegments || p->segments[l->segment].offset >= l->span.end)
		return 0;
	if (!l->loaded && open_segment(l, err))
		return -1;
	m = &l->members.v[l->member];
	if (m->offset >= l->span.end)
		return 0;
	/* before anything of it is given */
	if (ev_member_check(ev_input_name(l->in), m, err) ||
	    ev_input_part(l->in, m->position, m->position + m->bytes, err))
		return -1;
	ev_lines_begin(&l->lines, l->in, &l->src->pool, EV_LINE_MAX);
	l->reading = true;
	l->seen = 0;
	return 1;
}

static int fail_member(struct ev_archive_lane *l, struct ev_error *err)
{
	return ev_context(err, "'%s': gzip member at byte %" PRId64, ev_input_name(l->in),
			  l->members.v[l->member].position);
}

static int end_member(struct ev_archive_lane *l, struct ev_error *err)
{
	const struct ev_archive_member *m = &l->members.v[l->member];

	if (l->seen != m->records) {
		ev_fail(err, EV_DATA, "it holds %" PRId64 " record%s, the index says %" PRId64, l->seen,
			ev_plural(l->seen), m->records);
		return fail_member(l, err);
	}
	l->reading = false;
	l->member++;
	return 0;
}

static int read_record(struct ev_archive_lane *l, struct ev_slice text, struct ev_record *r,
		       struct ev_error *err)
{
	const struct ev_archive_member *m = &l->members.v[l->member];
	const struct ev_partition *p = &l->src->base.parts[l->index];

	if (ev_line_read(l->lines.block->decoded, text, r, err)) {
		ev_context(err, "record %" PRId64 " of it", l->seen + 1);
		return fail_member(l, err);
	}
	if (r->partition != p->partition || !ev_slice_is(r->topic, p->topic) || r->offset < m->offset ||
	    r->offset >= m->next || (l->seen && r->offset <= l->last)) {
		ev_fail(err, EV_DATA, "%.*s/%" PRId32 "@%" PRId64 " does not belong there",
			(int)r->topic.len, r->topic.ptr, r->partition, r->offset);
		return fail_member(l, err);
	}
	l->seen++;
	l->last = r->offset;
	r->part = l->index;
	r->topic.ptr = p->topic; /* outlives the line */
	return 0;
}

/* The records of the lines that are there, and of the span. */
static struct ev_block *read_block(struct ev_archive_lane *l)
{
	struct ev_block *b = l->lines.block;
	struct ev_slice text;
	bool whole;

	while (b->nrecords < BATCH && !l->done && ev_lines_next(&l->lines, &text, &whole)) {
		struct ev_record *r;

		EV_GROW(b->records, b->nrecords, b->records_cap);
		r = &b->records[b->nrecords];
		if (read_record(l, text, r, &l->err)) {
			l->failed = true;
			break;
		}
		l->done = r->offset + 1 >= l->span.end;
		b->nrecords += r->offset >= l->span.begin && r->offset < l->span.end;
	}
	return ev_lines_take(&l->lines);
}

/* One turn; EV_FETCH_WAIT: go on. */
static enum ev_fetch turn(struct ev_archive_lane *l, struct ev_batch *batch)
{
	struct ev_block *b;
	int rc;

	if (!l->reading) {
		rc = next_member(l, &l->err);
		return rc < 0 ? EV_FETCH_ERROR : rc ? EV_FETCH_WAIT : EV_FETCH_DONE;
	}
	switch (ev_lines_fill(&l->lines, 1000, &l->err)) {
	case EV_FETCH_ERROR:
		fail_member(l, &l->err);
		return EV_FETCH_ERROR;
	case EV_FETCH_DONE:
		return end_member(l, &l->err) ? EV_FETCH_ERROR : EV_FETCH_WAIT;
	case EV_FETCH_WAIT:
		return EV_FETCH_WAIT;
	case EV_FETCH_SOME:
		break;
	}
	b = read_block(l);
	if (!b->nrecords) {
		ev_pool_put(&l->src->pool, b);
		return l->failed ? EV_FETCH_ERROR : l->done ? EV_FETCH_DONE : EV_FETCH_WAIT;
	}
	*batch = (struct ev_batch){ b->records, b->nrecords, b };
	return EV_FETCH_SOME;
}

/* What can still be read, and how all that cannot is found. */
static void hint_whole(const struct ev_archive_lane *l, struct ev_error *err)
{
	const struct ev_archive_part *p = l->src->kept[l->index];
	const struct ev_partition *at = &l->src->base.parts[l->index];
	int64_t offset = l->loaded && l->member < l->members.n ? l->members.v[l->member].offset :
			 l->segment < p->nsegments ? p->segments[l->segment].offset : p->next;

	ev_hint(err, "%s/%" PRId32 " is whole before offset %" PRId64 " (--to reads that far); evreplay --verify %s "
		"names all that is damaged", at->topic, at->partition, offset, l->src->dir);
}

enum ev_fetch ev_archive_lane_fetch(struct ev_archive_lane *l, struct ev_batch *batch,
				    struct ev_error *err)
{
	enum ev_fetch rc = EV_FETCH_WAIT;

	batch->n = 0;
	while (!l->failed && !l->done && rc == EV_FETCH_WAIT) {
		rc = turn(l, batch);
		l->failed |= rc == EV_FETCH_ERROR;
		l->done |= rc == EV_FETCH_DONE;
	}
	if (l->in && l->src->base.nlanes > MOST_OPEN)
		ev_input_park(l->in);
	if (rc == EV_FETCH_SOME)
		return rc;
	ev_input_close(l->in);
	l->in = NULL;
	if (l->failed) {
		*err = l->err;
		if (err->class == EV_DATA && !*err->hint)
			hint_whole(l, err);
		return EV_FETCH_ERROR;
	}
	return EV_FETCH_DONE;
}
