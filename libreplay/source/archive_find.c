/* archive_find.c - single records and times of an archive, by its indexes; see archive_impl.h */
#include "source/archive_impl.h"
#include "base/mem.h"

static void give_back(struct ev_archive_source *as)
{
	if (as->held)
		ev_pool_put(&as->pool, as->held);
	as->held = NULL;
}

/* The first record in the span whose time is not before `ms`; -1 when there is none. */
static int first_in(struct ev_archive_source *as, uint32_t part, struct ev_span span, int64_t ms,
		    int64_t *offset, struct ev_error *err)
{
	struct ev_batch batch;
	enum ev_fetch rc;

	*offset = -1;
	ev_archive_lane_begin(&as->probe, as, part, span);
	while ((rc = ev_archive_lane_fetch(&as->probe, &batch, err)) == EV_FETCH_SOME) {
		for (size_t i = 0; i < batch.n && *offset < 0; i++)
			if (batch.records[i].timestamp != EV_NO_TIMESTAMP &&
			    batch.records[i].timestamp >= ms)
				*offset = batch.records[i].offset;
		as->base.ops->release(&as->base, &batch);
		if (*offset >= 0)
			break;
	}
	return rc == EV_FETCH_ERROR ? -1 : 0;
}

/* Of a segment that has such a record: the member that has it is read, and no other. */
static int in_segment(struct ev_archive_source *as, uint32_t part, size_t segment, int64_t ms,
		      int64_t *offset, struct ev_error *err)
{
	struct ev_archive_index members = { 0 };
	int rc = ev_archive_members(as, part, segment, &members, err);
	struct ev_span span = { 0, 0 };

	*offset = -1;
	for (size_t i = 0; !rc && i < members.n && !span.end; i++)
		if (members.v[i].newest != EV_NO_TIMESTAMP && members.v[i].newest >= ms)
			span = (struct ev_span){ members.v[i].offset, members.v[i].next };
	ev_index_release(&members);
	return rc || !span.end ? rc : first_in(as, part, span, ms, offset, err);
}

int ev_archive_offsets_for_time(struct ev_source *s, int64_t ms, int64_t *offsets,
				struct ev_error *err)
{
	struct ev_archive_source *as = (struct ev_archive_source *)s;

	for (uint32_t i = 0; i < s->nparts; i++) {
		const struct ev_archive_part *p = as->kept[i];

		offsets[i] = -1;
		for (size_t k = 0; k < p->nsegments && offsets[i] < 0; k++)
			if (p->segments[k].newest != EV_NO_TIMESTAMP && p->segments[k].newest >= ms &&
			    in_segment(as, i, k, ms, &offsets[i], err))
				return -1;
		if (offsets[i] < 0)
			offsets[i] = s->parts[i].high;
	}
	return 0;
}

int ev_archive_record_at(struct ev_source *s, uint32_t part, int64_t offset, struct ev_record *rec,
			 bool *found, struct ev_error *err)
{
	struct ev_archive_source *as = (struct ev_archive_source *)s;
	struct ev_batch batch;
	enum ev_fetch rc;

	*found = false;
	give_back(as);
	if (offset < s->parts[part].low || offset >= s->parts[part].high)
		return 0;
	ev_archive_lane_begin(&as->probe, as, part, (struct ev_span){ offset, offset + 1 });
	rc = ev_archive_lane_fetch(&as->probe, &batch, err);
	if (rc == EV_FETCH_SOME) {
		*rec = batch.records[0];
		*found = true;
		as->held = batch.owner;
	}
	return rc == EV_FETCH_ERROR ? -1 : 0;
}
