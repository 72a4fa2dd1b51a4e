/* draft.c - the sample of a draft; see draft.h and sample.h */
#include "base/mem.h"
#include "projection/sample.h"

#define MAX_RECORDS 20000
#define MAX_BYTES (64u << 20)

struct ev_draft *ev_draft_new(void)
{
	return ev_alloc(sizeof(struct ev_draft));
}

void ev_draft_free(struct ev_draft *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->nrecords; i++) {
		free((char *)d->records[i].value.ptr);
		free((char *)d->records[i].key.ptr);
	}
	free(d->records);
	free(d);
}

void ev_draft_add(struct ev_draft *d, const struct ev_record *r)
{
	struct ev_json_error err;
	struct ev_value top;

	if (d->nrecords >= MAX_RECORDS || d->bytes >= MAX_BYTES)
		return;
	if (!r->value.ptr) {
		d->tombstones++;
		return;
	}
	if (ev_json_validate(r->value, &top, &err) || top.type != EV_JSON_OBJECT) {
		d->others++;
		return;
	}
	EV_GROW(d->records, d->nrecords, d->cap);
	d->records[d->nrecords++] = (struct ev_sample_record){
		.value = { ev_slice_dup(top.raw), top.raw.len },
		.key = { ev_slice_dup(r->key), r->key.len },
		.has_timestamp = r->timestamp != EV_NO_TIMESTAMP,
	};
	d->bytes += top.raw.len + r->key.len;
}
