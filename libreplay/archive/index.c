/* index.c - a segment's index: a line of JSON for each gzip member; see archive.h */
#include <inttypes.h>
#include <stdlib.h>

#include "archive/archive.h"
#include "archive/fields.h"
#include "base/mem.h"

void ev_index_release(struct ev_archive_index *index)
{
	free(index->v);
	*index = (struct ev_archive_index){ 0 };
}

void ev_index_empty(struct ev_buf *runs, int64_t begin, int64_t end)
{
	if (begin >= end)
		return;
	ev_buf_adds(runs, runs->len ? ",[" : "[");
	ev_buf_add_i64(runs, begin);
	ev_buf_addc(runs, ',');
	ev_buf_add_i64(runs, end);
	ev_buf_addc(runs, ']');
}

void ev_index_print(const struct ev_archive_member *m, struct ev_slice empty, struct ev_buf *out)
{
	ev_buf_addf(out, "{\"offset\":%" PRId64 ",\"next\":%" PRId64 ",\"records\":%" PRId64
		    ",\"position\":%" PRId64 ",\"bytes\":%" PRId64 ",\"size\":%" PRId64
		    ",\"crc32\":\"%08" PRIx32 "\"", m->offset, m->next, m->records, m->position,
		    m->bytes, m->size, m->crc);
	ev_fields_print_times(out, m->oldest, m->newest);
	ev_buf_adds(out, ",\"empty\":[");
	ev_buf_add_slice(out, empty);
	ev_buf_adds(out, "]}\n");
}

static int read_member(struct ev_archive_member *m, json_t *o, struct ev_error *err)
{
	if (ev_fields_count(o, "offset", &m->offset, err) ||
	    ev_fields_count(o, "next", &m->next, err) ||
	    ev_fields_count(o, "records", &m->records, err) ||
	    ev_fields_count(o, "position", &m->position, err) ||
	    ev_fields_count(o, "bytes", &m->bytes, err) ||
	    ev_fields_count(o, "size", &m->size, err) || ev_fields_crc(o, "crc32", &m->crc, err))
		return -1;
	return ev_fields_times(o, &m->oldest, &m->newest, err);
}

static int check_member(const struct ev_archive_member *m, int64_t next, int64_t position,
			struct ev_error *err)
{
	if (m->offset != next)
		return ev_fail(err, EV_DATA, "a member begins at offset %" PRId64 ", not at %" PRId64,
			       m->offset, next);
	if (m->position != position)
		return ev_fail(err, EV_DATA, "a member stands at byte %" PRId64 ", not at %" PRId64,
			       m->position, position);
	if (m->next <= m->offset || !m->records || m->records > m->next - m->offset || !m->bytes ||
	    !m->size || m->bytes > INT64_MAX - position)
		return ev_fail(err, EV_DATA, "the numbers do not add up");
	return 0;
}

static int read_line(struct ev_archive_index *index, struct ev_slice line, int64_t next,
		     int64_t position, struct ev_error *err)
{
	struct ev_archive_member m = { 0 };
	json_error_t jerr;
	json_t *o = json_loadb(line.ptr, line.len, JSON_REJECT_DUPLICATES, &jerr);
	int rc = o ? read_member(&m, o, err) : ev_fail(err, EV_DATA, "%s", jerr.text);

	json_decref(o);
	if (rc || check_member(&m, next, position, err))
		return -1;
	EV_GROW(index->v, index->n, index->cap);
	index->v[index->n++] = m;
	return 0;
}

int ev_index_read(struct ev_archive_index *index, struct ev_slice text,
		  const struct ev_archive_segment *segment, struct ev_error *err)
{
	const char *p = text.ptr, *end = text.ptr + text.len;
	int64_t next = segment->offset, position = 0;

	index->n = 0;
	while (p < end) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		const struct ev_archive_member *m;

		if (!lf)
			return ev_fail(err, EV_DATA, "line %zu: cut short", index->n + 1);
		if (read_line(index, ev_slice(p, (size_t)(lf - p)), next, position, err))
			return ev_context(err, "line %zu", index->n + 1);
		m = &index->v[index->n - 1];
		next = m->next;
		position += m->bytes;
		p = lf + 1;
	}
	if (next != segment->next || position != segment->bytes)
		return ev_fail(err, EV_DATA, "it ends at offset %" PRId64 " and byte %" PRId64
			       ", the segment at %" PRId64 " and %" PRId64, next, position,
			       segment->next, segment->bytes);
	return 0;
}
