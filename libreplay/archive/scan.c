/* scan.c - see scan.h */
#include "archive/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "record/line.h"

#define RAW (128u << 10)
#define OUT (128u << 10)

struct scan {
	const struct ev_scan_args *args;
	struct ev_archive_index *index;
	struct ev_buf *text;
	int fd;
	z_stream z;
	unsigned char *raw;
	int64_t read;      /* bytes of the file that were read: raw holds the last of them */
	struct ev_buf line; /* unpacked, from the beginning of a line */
	struct ev_line_reader *reader;
	struct ev_archive_member m; /* being read; its position is where it begins */
	struct ev_buf empty;
	int64_t behind;    /* the last record */
	bool inside;       /* of a member */
};

static int fail(struct scan *s, struct ev_error *err, const char *what)
{
	return ev_fail(err, EV_DATA, "'%s': gzip member at byte %" PRId64 ": %s", s->args->path,
		       s->m.position, what);
}

static void begin_member(struct scan *s, int64_t position)
{
	inflateReset(&s->z);
	s->m = (struct ev_archive_member){
		.offset = s->behind, .position = position,
		.oldest = EV_NO_TIMESTAMP, .newest = EV_NO_TIMESTAMP,
	};
	s->inside = false;
	ev_buf_clear(&s->empty);
	ev_buf_clear(&s->line);
}

static int take_record(struct scan *s, const struct ev_record *r, struct ev_error *err)
{
	const struct ev_scan_args *a = s->args;
	struct ev_archive_member *m = &s->m;

	if (r->partition != a->partition || !ev_slice_is(r->topic, a->topic))
		return fail(s, err, "a record of another partition");
	if (r->offset < s->behind || r->offset >= a->segment->next)
		return ev_fail(err, EV_DATA, "'%s': gzip member at byte %" PRId64 ": offset %" PRId64
			       " does not belong between %" PRId64 " and %" PRId64, a->path,
			       m->position, r->offset, s->behind, a->segment->next - 1);
	ev_index_empty(&s->empty, s->behind, r->offset);
	s->behind = r->offset + 1;
	m->records++;
	if (r->timestamp != EV_NO_TIMESTAMP &&
	    (m->oldest == EV_NO_TIMESTAMP || r->timestamp < m->oldest))
		m->oldest = r->timestamp;
	if (r->timestamp > m->newest)
		m->newest = r->timestamp;
	return a->record ? a->record(a->ctx, r, err) : 0;
}

/* All lines that are there; what is behind the last of them stays. */
static int take_lines(struct scan *s, struct ev_error *err)
{
	const char *p = s->line.data, *end = p + s->line.len, *lf;
	struct ev_error why;
	struct ev_record r;

	while (p < end && (lf = memchr(p, '\n', (size_t)(end - p)))) {
		if (ev_line_read(s->reader, ev_slice(p, (size_t)(lf - p)), &r, &why))
			return ev_fail(err, EV_DATA, "'%s': gzip member at byte %" PRId64 ": record %"
				       PRId64 " of it: %s", s->args->path, s->m.position,
				       s->m.records + 1, why.text);
		if (take_record(s, &r, err))
			return -1;
		p = lf + 1;
	}
	if (p > s->line.data) {
		memmove(s->line.data, p, (size_t)(end - p));
		s->line.len = (size_t)(end - p);
	}
	return s->line.len > EV_LINE_MAX ? fail(s, err, "a line longer than 512 MiB") : 0;
}

static int end_member(struct scan *s, struct ev_error *err)
{
	struct ev_archive_member *m = &s->m;

	if (s->line.len)
		return fail(s, err, "it ends in the middle of a line");
	if (!m->records)
		return fail(s, err, "it holds no record");
	m->next = s->behind;
	m->size = (int64_t)s->z.total_out;
	m->bytes = (int64_t)s->z.total_in;
	EV_GROW(s->index->v, s->index->n, s->index->cap);
	s->index->v[s->index->n++] = *m;
	if (s->text)
		ev_index_print(m, ev_buf_slice(&s->empty), s->text);
	begin_member(s, m->position + m->bytes);
	return 0;
}

/* What inflate makes of the bytes at hand, up to the end of a member. */
static int unpack(struct scan *s, struct ev_error *err)
{
	const unsigned char *before = s->z.next_in;
	int rc;

	if (!ev_buf_reserve(&s->line, OUT))
		return ev_fail(err, EV_SOURCE, "cannot read '%s': out of memory", s->args->path);
	s->z.next_out = (unsigned char *)s->line.data + s->line.len;
	s->z.avail_out = OUT;
	s->inside = true;
	rc = inflate(&s->z, Z_NO_FLUSH);
	s->m.crc = (uint32_t)crc32_z(s->m.crc, before, (size_t)(s->z.next_in - before));
	s->line.len += OUT - s->z.avail_out;
	if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
		return fail(s, err, s->z.msg ? s->z.msg : "no gzip data");
	if (take_lines(s, err))
		return -1;
	return rc == Z_STREAM_END ? end_member(s, err) : 0;
}

/* 1 when there are bytes to unpack, 0 at the end. */
static int fill(struct scan *s, struct ev_error *err)
{
	int64_t left = s->args->segment->bytes - s->read;
	ssize_t n;

	if (s->z.avail_in || (s->inside && !s->z.avail_out))
		return 1;
	do {
		n = read(s->fd, s->raw, left < RAW ? (size_t)left : RAW);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return ev_fail(err, EV_SOURCE, "cannot read '%s': %s", s->args->path,
			       strerror(errno));
	if (n == 0 && left)
		return ev_fail(err, EV_DATA, "'%s' is cut short: it has %" PRId64 " bytes, the manifest "
			       "counts %" PRId64, s->args->path, s->read, s->args->segment->bytes);
	if (n == 0)
		return s->inside ? fail(s, err, "it is cut short") : 0;
	s->read += n;
	s->z.next_in = s->raw;
	s->z.avail_in = (uInt)n;
	return 1;
}

static int scan(struct scan *s, struct ev_error *err)
{
	int rc;

	s->fd = open(s->args->path, O_RDONLY | O_CLOEXEC);
	if (s->fd < 0)
		return ev_fail(err, errno == ENOENT ? EV_DATA : EV_SOURCE, "cannot open '%s': %s",
			       s->args->path, strerror(errno));
	begin_member(s, 0);
	while ((rc = fill(s, err)) > 0) {
		if (unpack(s, err))
			return -1;
		if (s->args->stopped && s->args->stopped())
			return ev_fail(err, EV_SOURCE, "stopped while '%s' was read", s->args->path);
	}
	return rc;
}

int ev_archive_scan(const struct ev_scan_args *args, struct ev_archive_index *index,
		    struct ev_buf *text, struct ev_error *err)
{
	struct scan s = { .args = args, .index = index, .text = text, .fd = -1 };
	int rc;

	index->n = 0;
	s.behind = args->segment->offset;
	s.raw = ev_alloc(RAW);
	s.reader = ev_line_reader_new();
	if (inflateInit2(&s.z, 15 + 16) != Z_OK)
		abort();
	rc = scan(&s, err);
	if (s.fd >= 0)
		close(s.fd);
	inflateEnd(&s.z);
	ev_line_reader_free(s.reader);
	ev_buf_release(&s.line);
	ev_buf_release(&s.empty);
	free(s.raw);
	return rc;
}

int ev_index_load(struct ev_archive_index *index, const char *path,
		  const struct ev_archive_segment *segment, struct ev_buf *text, struct ev_error *err)
{
	size_t want = (size_t)segment->index_bytes;

	ev_buf_clear(text);
	if (access(path, F_OK))
		return ev_fail(err, EV_DATA, "'%s' is missing", path);
	if (ev_file_read(path, EV_ARCHIVE_MANIFEST_MAX, text, err)) {
		err->class = EV_SOURCE;
		return -1;
	}
	if (text->len < want)
		return ev_fail(err, EV_DATA, "'%s' is cut short: it has %zu bytes, the manifest counts %zu",
			       path, text->len, want);
	text->len = want; /* what is behind was not committed */
	if (segment->index_crc != crc32_z(0, (unsigned char *)text->data, want))
		return ev_fail(err, EV_DATA, "'%s' is damaged: its CRC is not the manifest's", path);
	if (ev_index_read(index, ev_buf_slice(text), segment, err))
		return ev_context(err, "'%s'", path);
	return 0;
}

int ev_member_check(const char *path, const struct ev_archive_member *m, struct ev_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	unsigned char *raw = ev_alloc(RAW);
	int64_t at = m->position, end = at + m->bytes;
	uint32_t crc = 0;
	ssize_t n = fd < 0 ? -1 : 1;
	int e;

	while (at < end && n > 0) {
		n = pread(fd, raw, end - at < RAW ? (size_t)(end - at) : RAW, (off_t)at);
		if (n < 0 && errno == EINTR) {
			n = 1;
			continue;
		}
		crc = n > 0 ? (uint32_t)crc32_z(crc, raw, (size_t)n) : crc;
		at += n > 0 ? n : 0;
	}
	e = errno;
	if (n < 0) {
		ev_fail(err, e == ENOENT ? EV_DATA : EV_SOURCE, "cannot read '%s': %s", path, strerror(e));
		ev_file_advise(e, err);
	}
	if (fd >= 0)
		close(fd);
	free(raw);
	if (n < 0)
		return -1;
	if (at < end)
		return ev_fail(err, EV_DATA, "'%s' is cut short: gzip member at byte %" PRId64 " would "
			       "end at byte %" PRId64, path, m->position, end);
	if (crc != m->crc)
		return ev_fail(err, EV_DATA, "'%s': gzip member at byte %" PRId64 " (offsets %" PRId64 "..%"
			       PRId64 ") is damaged: its CRC is %08" PRIx32 ", the index says %08" PRIx32,
			       path, m->position, m->offset, m->next - 1, crc, m->crc);
	return 0;
}
