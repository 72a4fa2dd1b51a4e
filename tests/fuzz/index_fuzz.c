/* index_fuzz.c - an archive's index: members that tile the span and the bytes of their segment */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "archive/archive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct ev_archive_index *index, const struct ev_archive_segment *s)
{
	int64_t next = s->offset, position = 0;

	for (size_t i = 0; i < index->n; i++) {
		const struct ev_archive_member *m = &index->v[i];

		if (m->offset != next || m->position != position || m->records < 1 || m->bytes < 1 ||
		    m->next - m->offset < m->records)
			abort();
		next = m->next;
		position += m->bytes;
	}
	if (next != s->next || position != s->bytes)
		abort();
}

/* The first line is the segment: its offset, its next offset, its bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *lf = memchr(data, '\n', size);
	size_t head = lf ? (size_t)(lf + 1 - (const char *)data) : size;
	struct ev_slice text = { (const char *)data + head, size - head };
	struct ev_archive_segment s = { .records = 1 };
	struct ev_archive_index index = { 0 };
	struct ev_error err = EV_ERROR_INIT;
	char line[64];

	snprintf(line, sizeof(line), "%.*s", (int)(head < 60 ? head : 60), (const char *)data);
	if (sscanf(line, "%" SCNd64 " %" SCNd64 " %" SCNd64, &s.offset, &s.next, &s.bytes) != 3)
		return 0;
	if (!ev_index_read(&index, text, &s, &err))
		check(&index, &s);
	else if (err.class != EV_DATA || !*err.text)
		abort();
	ev_index_release(&index);
	return 0;
}
