/* writer.c - records and positions of an archive that is written; see writer.h */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "archive/writer_impl.h"
#include "base/clock.h"
#include "base/mem.h"

int ev_writer_fail(struct ev_archive_writer *w, const char *verb, const char *path,
		   struct ev_error *err)
{
	ev_fail(err, EV_STORE, "cannot %s '%s': %s", verb, path, strerror(errno));
	if (w->failed.class || w->lock < 0) /* before that there may be none */
		return -1;
	if (access(w->dir, F_OK))
		return ev_hint(err, "the folder is not there any more, and all that was flushed is gone with it");
	return ev_archive_is(w->dir) ? ev_hint(err, "the archive holds what was flushed before; --append goes on from "
					       "there") : -1;
}

static int compare(const struct ev_wpart *p, struct ev_slice topic, int32_t partition)
{
	int c = ev_slice_cmp(ev_slice(p->topic, p->topic_len), topic);

	return c ? c : (p->partition > partition) - (p->partition < partition);
}

/* The partition, or the place where it belongs. Records come in runs. */
static size_t find(struct ev_archive_writer *w, struct ev_slice topic, int32_t partition, bool *found)
{
	size_t low = 0, high = w->nparts;

	*found = true;
	if (w->last < w->nparts && compare(&w->parts[w->last], topic, partition) == 0)
		return w->last;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = compare(&w->parts[mid], topic, partition);

		if (c == 0)
			return w->last = mid;
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*found = false;
	return low;
}

/* Jobs point into the table, which may move only while none is under way. */
static int drain(struct ev_archive_writer *w, struct ev_error *err);

static struct ev_wpart *add(struct ev_archive_writer *w, size_t at, struct ev_slice topic,
			    int32_t partition, int64_t first)
{
	struct ev_wpart *p;

	EV_GROW(w->parts, w->nparts, w->parts_cap);
	memmove(w->parts + at + 1, w->parts + at, (w->nparts++ - at) * sizeof(*w->parts));
	p = &w->parts[at];
	*p = (struct ev_wpart){
		.topic = ev_slice_dup(topic), .topic_len = topic.len, .partition = partition,
		.next = first, .behind = first, .fd = -1,
		.done = { .partition = partition, .first = first, .next = first, .last_offset = -1 },
		.dirty = true,
	};
	w->last = at;
	return p;
}

static int check_topic(struct ev_archive_writer *w, struct ev_slice topic, int32_t partition,
		       struct ev_error *err)
{
	if (partition < 0 || !ev_topic_valid(topic))
		return ev_fail(err, EV_BUG, "an archive is given no topic's partition");
	if (ev_slice_is(topic, EV_ARCHIVE_MANIFEST) || ev_slice_is(topic, EV_ARCHIVE_LOCK) ||
	    ev_slice_is(topic, EV_ARCHIVE_MANIFEST ".tmp"))
		return ev_fail(err, EV_STORE, "cannot archive topic '%.*s': an archive has a file of "
			       "that name", (int)topic.len, topic.ptr);
	if (w->nparts == EV_ARCHIVE_MAX_PARTITIONS)
		return ev_fail(err, EV_STORE, "an archive holds at most %d partitions",
			       EV_ARCHIVE_MAX_PARTITIONS);
	return 0;
}

static struct ev_wpart *get(struct ev_archive_writer *w, struct ev_slice topic, int32_t partition,
			    int64_t first, struct ev_error *err)
{
	bool found;
	size_t at = find(w, topic, partition, &found);

	if (found)
		return &w->parts[at];
	if (check_topic(w, topic, partition, err) || drain(w, err))
		return NULL;
	return add(w, at, topic, partition, first);
}

static int keep_failure(struct ev_archive_writer *w, const struct ev_error *err)
{
	w->failed = *err;
	return -1;
}

/* One member of those that were submitted, into its file. */
static int write_next(struct ev_archive_writer *w, struct ev_error *err)
{
	struct ev_gzip_job *job = ev_gzip_take(w->gzip);
	int rc;

	if (!job)
		return 0;
	rc = ev_writer_write(w, job, err);
	ev_gzip_done(w->gzip, job);
	return rc ? -1 : 1;
}

static int drain(struct ev_archive_writer *w, struct ev_error *err)
{
	int rc;

	while ((rc = write_next(w, err)) > 0)
		;
	return rc;
}

static void swap(struct ev_buf *a, struct ev_buf *b)
{
	struct ev_buf t = *a;

	*a = *b;
	*b = t;
}

/* What is gathered of a partition is a member now. */
static int submit(struct ev_archive_writer *w, struct ev_wpart *p, struct ev_error *err)
{
	struct ev_gzip_job *job;

	if (!p->lines.len)
		return 0;
	while (!(job = ev_gzip_job(w->gzip)))
		if (write_next(w, err) < 0)
			return -1;
	w->gathered -= p->lines.len;
	swap(&job->lines, &p->lines);
	swap(&job->empty, &p->empty);
	job->member = p->member;
	job->member.next = p->behind;
	job->owner = p;
	p->member = (struct ev_archive_member){ 0 };
	ev_gzip_submit(w->gzip, job);
	return 0;
}

/* Many partitions that are each gathering little: the one that has most gives way. */
static int give_way(struct ev_archive_writer *w, struct ev_error *err)
{
	struct ev_wpart *most = &w->parts[0];

	for (size_t i = 1; i < w->nparts; i++)
		if (w->parts[i].lines.len > most->lines.len)
			most = &w->parts[i];
	return submit(w, most, err);
}

static void note_time(struct ev_archive_member *m, int64_t ms)
{
	if (ms == EV_NO_TIMESTAMP)
		return;
	if (m->oldest == EV_NO_TIMESTAMP || ms < m->oldest)
		m->oldest = ms;
	if (ms > m->newest) /* none is the smallest of all */
		m->newest = ms;
}

static int put(struct ev_archive_writer *w, const struct ev_record *rec, struct ev_error *err)
{
	struct ev_wpart *p = get(w, rec->topic, rec->partition, rec->offset, err);
	size_t before;

	if (!p)
		return -1;
	if (rec->offset < p->next)
		return ev_fail(err, EV_DATA, "cannot archive offset %" PRId64 " of %s/%" PRId32
			       ": the archive stands at %" PRId64, rec->offset, p->topic,
			       p->partition, p->next);
	if (!p->member.records)
		p->member = (struct ev_archive_member){
			.offset = p->behind, .oldest = EV_NO_TIMESTAMP, .newest = EV_NO_TIMESTAMP,
		};
	ev_index_empty(&p->empty, p->behind, rec->offset);
	before = p->lines.len;
	ev_line_write(&p->lines, rec);
	if (p->lines.failed || p->empty.failed)
		return ev_fail(err, EV_STORE, "out of memory at %s/%" PRId32 "@%" PRId64, p->topic,
			       p->partition, rec->offset);
	note_time(&p->member, rec->timestamp);
	p->member.records++;
	p->next = p->behind = rec->offset + 1;
	p->dirty = true;
	w->gathered += p->lines.len - before;
	if (p->lines.len >= w->opt.member_bytes)
		return submit(w, p, err);
	return w->gathered > w->opt.memory ? give_way(w, err) : 0;
}

int ev_archive_writer_put(struct ev_archive_writer *w, const struct ev_record *rec,
			  struct ev_error *err)
{
	if (w->failed.class) {
		*err = w->failed;
		return -1;
	}
	return put(w, rec, err) ? keep_failure(w, err) : 0;
}

int ev_archive_gap(struct ev_slice topic, int32_t partition, int64_t next, int64_t offset, struct ev_error *err)
{
	if (offset <= next)
		return 0;
	ev_fail(err, EV_DATA, "offsets %" PRId64 "..%" PRId64 " of %.*s/%" PRId32 " would be missing: "
		"the archive ends at %" PRId64, next, offset - 1, (int)topic.len, topic.ptr, partition, next);
	return ev_hint(err, "start at or before that offset, or write another archive");
}

int ev_archive_writer_begin(struct ev_archive_writer *w, struct ev_slice topic, int32_t partition,
			    int64_t offset, int32_t count, struct ev_error *err)
{
	struct ev_wpart *p;

	if (w->failed.class) {
		*err = w->failed;
		return -1;
	}
	p = get(w, topic, partition, offset, err);
	if (!p)
		return keep_failure(w, err);
	if (ev_archive_gap(topic, partition, p->next, offset, err))
		return -1;
	if (count && p->count != count) {
		p->count = count;
		p->dirty = true;
	}
	return 0;
}

int ev_archive_writer_pass(struct ev_archive_writer *w, struct ev_slice topic, int32_t partition,
			   int64_t next, struct ev_error *err)
{
	struct ev_wpart *p;

	if (w->failed.class) {
		*err = w->failed;
		return -1;
	}
	p = get(w, topic, partition, next, err);
	if (!p)
		return keep_failure(w, err);
	if (next > p->next) {
		p->next = next;
		p->dirty = true;
	}
	return 0;
}

void ev_archive_writer_position(const struct ev_archive_writer *w, struct ev_position *out)
{
	for (size_t i = 0; i < w->nparts; i++)
		ev_position_set(out, w->parts[i].topic, w->parts[i].partition, w->parts[i].next);
}

int64_t ev_archive_writer_next(struct ev_archive_writer *w, struct ev_slice topic, int32_t partition)
{
	bool found;
	size_t at = find(w, topic, partition, &found);

	return found ? w->parts[at].next : -1;
}

const struct ev_manifest *ev_archive_writer_manifest(const struct ev_archive_writer *w)
{
	return &w->manifest;
}

static int flush(struct ev_archive_writer *w, struct ev_error *err)
{
	for (size_t i = 0; i < w->nparts; i++)
		if (submit(w, &w->parts[i], err))
			return -1;
	if (drain(w, err))
		return -1;
	for (size_t i = 0; i < w->nparts; i++) {
		struct ev_wpart *p = &w->parts[i];

		if (p->dirty && ev_writer_sync(w, p, err))
			return -1;
		p->done.next = p->next; /* nothing is gathered: the empty offsets at the end too */
		if (p->dirty)
			ev_writer_commit(w, p);
	}
	return w->stale ? ev_writer_save(w, err) : 0;
}

int ev_archive_writer_flush(struct ev_archive_writer *w, struct ev_error *err)
{
	if (w->failed.class) {
		*err = w->failed;
		return -1;
	}
	return flush(w, err) ? keep_failure(w, err) : 0;
}
