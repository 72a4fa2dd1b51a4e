/* writer_file.c - members into segments, segments into the manifest; see writer_impl.h */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "archive/writer_impl.h"
#include "base/clock.h"
#include "base/mem.h"

#define MAX_OPEN 200 /* files at a time; with more partitions some are closed and opened again */

static const char *path_of(struct ev_archive_writer *w, const struct ev_wpart *p, const char *suffix)
{
	ev_archive_path(&w->path, w->dir, p->topic, p->partition, p->seg.offset, suffix);
	return ev_buf_str(&w->path);
}

/* DIR/TOPIC/PARTITION, or with `partition` < 0 DIR/TOPIC. */
static const char *folder_of(struct ev_archive_writer *w, const char *topic, int32_t partition)
{
	ev_buf_clear(&w->path);
	ev_buf_addf(&w->path, "%s/%s", w->dir, topic);
	if (partition >= 0)
		ev_buf_addf(&w->path, "/%" PRId32, partition);
	return ev_buf_str(&w->path);
}

static int make_folder(struct ev_archive_writer *w, const char *path, struct ev_error *err)
{
	if (w->sys->mkdir(w->sys->ctx, path) && errno != EEXIST)
		return ev_writer_fail(w, "make folder", path, err);
	return 0;
}

/* The folders of a partition, and their names safe. */
static int need_folder(struct ev_archive_writer *w, struct ev_wpart *p, struct ev_error *err)
{
	const char *path;

	if (p->folder)
		return 0;
	if (make_folder(w, folder_of(w, p->topic, -1), err))
		return -1;
	if (ev_sys_sync_folder(w->sys, w->dir))
		return ev_writer_fail(w, "sync", w->dir, err);
	if (make_folder(w, folder_of(w, p->topic, p->partition), err))
		return -1;
	path = folder_of(w, p->topic, -1);
	if (ev_sys_sync_folder(w->sys, path))
		return ev_writer_fail(w, "sync", path, err);
	p->folder = true;
	return 0;
}

void ev_writer_close_file(struct ev_archive_writer *w, struct ev_wpart *p)
{
	if (p->fd < 0)
		return;
	close(p->fd);
	p->fd = -1;
	w->nopen--;
}

/* The next one in turn is synced and closed. */
static int close_one(struct ev_archive_writer *w, struct ev_error *err)
{
	struct ev_wpart *p;

	do {
		w->hand = (w->hand + 1) % w->nparts;
		p = &w->parts[w->hand];
	} while (p->fd < 0);
	if (w->sys->sync(w->sys->ctx, p->fd))
		return ev_writer_fail(w, "sync", path_of(w, p, EV_ARCHIVE_DATA), err);
	ev_writer_close_file(w, p);
	return 0;
}

static int open_file(struct ev_archive_writer *w, struct ev_wpart *p, struct ev_error *err)
{
	/* one that is new may have been left by a crash, under the same name */
	int flags = O_WRONLY | O_CREAT | (p->seg.bytes ? 0 : O_TRUNC);
	const char *path;

	if (p->fd >= 0)
		return 0;
	if (w->nopen >= MAX_OPEN && close_one(w, err))
		return -1;
	path = path_of(w, p, EV_ARCHIVE_DATA);
	p->fd = w->sys->open(w->sys->ctx, path, flags);
	if (p->fd < 0)
		return ev_writer_fail(w, "open", path, err);
	w->nopen++;
	p->new_file |= !p->seg.bytes;
	return 0;
}

/* Partitions are added to a topic, also while it is read: who began before knew fewer. */
static void grow_count(struct ev_archive_topic *t, int32_t count)
{
	if (count > t->partition_count)
		t->partition_count = count;
}

/*
 * A partition's first file is made when the manifest has the partition: then the name that a crash
 * leaves behind is known.
 */
static int need_entry(struct ev_archive_writer *w, struct ev_wpart *p, struct ev_error *err)
{
	const struct ev_archive_topic *t = ev_manifest_topic(&w->manifest, ev_slice_str(p->topic));

	if (t && ev_manifest_part(t, p->partition))
		return 0;
	for (size_t i = 0; i < w->nparts; i++) {
		struct ev_wpart *q = &w->parts[i];
		struct ev_archive_topic *u = ev_manifest_add_topic(&w->manifest,
								   ev_slice_str(q->topic));

		grow_count(u, q->count);
		ev_manifest_add_part(u, q->partition, q->done.first);
	}
	return ev_writer_save(w, err);
}

static int need_file(struct ev_archive_writer *w, struct ev_wpart *p, int64_t offset,
		     struct ev_error *err)
{
	if (!p->seg.bytes) {
		if (need_entry(w, p, err) || need_folder(w, p, err))
			return -1;
		p->seg = (struct ev_archive_segment){
			.offset = offset, .next = offset,
			.oldest = EV_NO_TIMESTAMP, .newest = EV_NO_TIMESTAMP,
		};
		p->seg_listed = false;
	}
	return open_file(w, p, err);
}

static void count_member(struct ev_wpart *p, const struct ev_archive_member *m, struct ev_slice empty)
{
	struct ev_archive_segment *s = &p->seg;

	ev_index_print(m, empty, &p->index);
	s->next = m->next;
	s->records += m->records;
	s->bytes += m->bytes;
	if (m->oldest != EV_NO_TIMESTAMP && (s->oldest == EV_NO_TIMESTAMP || m->oldest < s->oldest))
		s->oldest = m->oldest;
	if (m->newest > s->newest)
		s->newest = m->newest;
	p->done.next = m->next;
	p->done.records += m->records;
	p->dirty = true;
}

/* What the next writer, or a reader of the topic, knows the log by. */
static int note_last(struct ev_archive_writer *w, struct ev_wpart *p, struct ev_slice lines,
		     struct ev_error *err)
{
	const char *lf = memrchr(lines.ptr, '\n', lines.len - 1);
	const char *line = lf ? lf + 1 : lines.ptr;
	struct ev_record rec;

	if (ev_line_read(w->reader, ev_slice(line, (size_t)(lines.ptr + lines.len - 1 - line)), &rec,
			 err)) {
		err->class = EV_BUG;
		return ev_context(err, "cannot read what was written of %s/%" PRId32, p->topic,
				  p->partition);
	}
	p->done.last_offset = rec.offset;
	p->done.last_hash = ev_record_hash(&rec);
	return 0;
}

static int finish_segment(struct ev_archive_writer *w, struct ev_wpart *p, struct ev_error *err)
{
	if (ev_writer_sync(w, p, err))
		return -1;
	ev_writer_commit(w, p);
	ev_writer_close_file(w, p);
	p->seg = (struct ev_archive_segment){ 0 };
	p->dirty = p->next > p->done.next;
	return ev_writer_save(w, err);
}

bool ev_writer_is_full(const struct ev_archive_writer *w, const struct ev_wpart *p)
{
	int64_t index = w->opt.index_bytes ? w->opt.index_bytes : EV_ARCHIVE_MANIFEST_MAX / 4;

	return p->seg.bytes >= w->opt.segment_bytes ||
	       (w->opt.segment_records && p->seg.records >= w->opt.segment_records) ||
	       p->seg.index_bytes + (int64_t)p->index.len >= index;
}

int ev_writer_write(struct ev_archive_writer *w, struct ev_gzip_job *job, struct ev_error *err)
{
	struct ev_wpart *p = job->owner;
	struct ev_archive_member *m = &job->member;

	if (job->packed.failed)
		return ev_fail(err, EV_STORE, "out of memory at %s/%" PRId32 "@%" PRId64, p->topic,
			       p->partition, m->offset);
	if (need_file(w, p, m->offset, err))
		return -1;
	m->position = p->seg.bytes;
	if (ev_sys_write(w->sys, p->fd, ev_buf_slice(&job->packed), (off_t)m->position))
		return ev_writer_fail(w, "write", path_of(w, p, EV_ARCHIVE_DATA), err);
	count_member(p, m, ev_buf_slice(&job->empty));
	if (p->index.failed)
		return ev_fail(err, EV_STORE, "out of memory for an index");
	if (note_last(w, p, ev_buf_slice(&job->lines), err))
		return -1;
	return ev_writer_is_full(w, p) ? finish_segment(w, p, err) : 0;
}

/* The lines gathered go behind those that are there. */
static int write_index(struct ev_archive_writer *w, struct ev_wpart *p, struct ev_error *err)
{
	struct ev_archive_segment *s = &p->seg;
	int flags = O_WRONLY | O_CREAT | (s->index_bytes ? 0 : O_TRUNC);
	const char *path = path_of(w, p, EV_ARCHIVE_INDEX);
	int fd = w->sys->open(w->sys->ctx, path, flags);

	if (fd < 0)
		return ev_writer_fail(w, "open", path, err);
	if (ev_sys_write(w->sys, fd, ev_buf_slice(&p->index), (off_t)s->index_bytes) ||
	    w->sys->sync(w->sys->ctx, fd)) {
		ev_sys_close(fd);
		return ev_writer_fail(w, "write", path, err);
	}
	close(fd);
	s->index_crc = (uint32_t)crc32_z(s->index_crc, (unsigned char *)p->index.data, p->index.len);
	s->index_bytes += (int64_t)p->index.len;
	ev_buf_clear(&p->index);
	return 0;
}

int ev_writer_sync(struct ev_archive_writer *w, struct ev_wpart *p, struct ev_error *err)
{
	const char *path;

	if (!p->index.len)
		return 0;
	if (p->fd >= 0 && w->sys->sync(w->sys->ctx, p->fd))
		return ev_writer_fail(w, "sync", path_of(w, p, EV_ARCHIVE_DATA), err);
	if (write_index(w, p, err))
		return -1;
	path = folder_of(w, p->topic, p->partition);
	if (p->new_file && ev_sys_sync_folder(w->sys, path))
		return ev_writer_fail(w, "sync", path, err);
	p->new_file = false;
	return 0;
}

void ev_writer_commit(struct ev_archive_writer *w, struct ev_wpart *p)
{
	struct ev_archive_topic *t = ev_manifest_add_topic(&w->manifest, ev_slice_str(p->topic));
	struct ev_archive_part *m = ev_manifest_add_part(t, p->partition, p->done.first);

	grow_count(t, p->count);
	m->next = p->done.next;
	m->records = p->done.records;
	m->last_offset = p->done.last_offset;
	m->last_hash = p->done.last_hash;
	if (p->seg.bytes && !p->seg_listed) {
		EV_GROW(m->segments, m->nsegments, m->segments_cap);
		m->nsegments++;
		p->seg_listed = true;
	}
	if (p->seg.bytes)
		m->segments[m->nsegments - 1] = p->seg;
	p->dirty = false;
	w->stale = true;
}

int ev_writer_save(struct ev_archive_writer *w, struct ev_error *err)
{
	struct ev_buf text = EV_BUF_INIT;
	int rc = 0;

	w->manifest.changed = ev_now_ms();
	ev_manifest_print(&w->manifest, &text);
	ev_buf_clear(&w->path);
	ev_buf_addf(&w->path, "%s/" EV_ARCHIVE_MANIFEST, w->dir);
	if (text.failed)
		rc = ev_fail(err, EV_STORE, "out of memory for the manifest");
	else if (text.len > EV_ARCHIVE_MANIFEST_MAX) /* nobody would read it */
		rc = ev_fail(err, EV_STORE, "cannot write '%s': it would have more than %u MiB", ev_buf_str(&w->path),
			     EV_ARCHIVE_MANIFEST_MAX >> 20);
	else if (ev_sys_replace(w->sys, w->dir, ev_buf_str(&w->path), ev_buf_slice(&text)))
		rc = ev_writer_fail(w, "write", ev_buf_str(&w->path), err);
	ev_buf_release(&text);
	w->stale = rc != 0;
	return rc;
}
