/* file_parts.c - the partitions of a file source: added as they show up, found by a hash */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "source/file_impl.h"

static uint64_t hash(struct ev_slice topic, int32_t partition)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ (uint32_t)partition;

	for (size_t i = 0; i < topic.len; i++)
		h = (h ^ (unsigned char)topic.ptr[i]) * UINT64_C(0x100000001b3);
	return h ^ h >> 32;
}

static bool is_part(const struct ev_file_source *fs, uint32_t i, struct ev_slice topic,
		    int32_t partition)
{
	const struct ev_partition *p = &fs->base.parts[i];

	return p->partition == partition && fs->state[i].topic_len == topic.len &&
	       memcmp(p->topic, topic.ptr, topic.len) == 0;
}

/* The slot that holds the partition, or the free one where it belongs. */
static uint32_t *find_slot(const struct ev_file_source *fs, struct ev_slice topic,
			   int32_t partition)
{
	size_t at = hash(topic, partition) & (fs->nslots - 1);

	while (fs->slots[at] && !is_part(fs, fs->slots[at] - 1, topic, partition))
		at = (at + 1) & (fs->nslots - 1);
	return &fs->slots[at];
}

/* At most half full. */
static void grow_slots(struct ev_file_source *fs)
{
	free(fs->slots);
	fs->nslots = fs->nslots ? fs->nslots * 2 : 64;
	fs->slots = ev_alloc(fs->nslots * sizeof(*fs->slots));
	for (uint32_t i = 0; i < fs->base.nparts; i++) {
		const struct ev_partition *p = &fs->base.parts[i];

		*find_slot(fs, ev_slice(p->topic, fs->state[i].topic_len), p->partition) = i + 1;
	}
}

static int64_t bound(const struct ev_position *pos, const struct ev_partition *p, int64_t otherwise)
{
	int64_t offset = ev_position_get(pos, p->topic, p->partition);

	return offset < 0 ? otherwise : offset;
}

static uint32_t add_part(struct ev_file_source *fs, struct ev_slice topic, int32_t partition)
{
	struct ev_partition *p;
	struct ev_file_part *st;

	EV_GROW(fs->base.parts, fs->base.nparts, fs->parts_cap);
	EV_GROW(fs->state, fs->state_n, fs->state_cap);
	p = &fs->base.parts[fs->base.nparts++];
	*p = (struct ev_partition){
		.topic = ev_slice_dup(topic), .partition = partition,
		.low = fs->lines_topic ? 1 : 0, .high = INT64_MAX, .stable = INT64_MAX,
	};
	st = &fs->state[fs->state_n++];
	*st = (struct ev_file_part){ .last = p->low - 1, .lane = EV_NO_LANE };
	st->topic_len = topic.len;
	st->span.begin = bound(&fs->from, p, fs->default_from);
	st->span.end = bound(&fs->to, p, fs->default_to);
	return (uint32_t)fs->base.nparts - 1;
}

uint32_t ev_file_part(struct ev_file_source *fs, struct ev_slice topic, int32_t partition)
{
	uint32_t *slot, index;

	if (fs->base.nparts * 2 >= fs->nslots)
		grow_slots(fs);
	slot = find_slot(fs, topic, partition);
	if (*slot)
		return *slot - 1;
	index = add_part(fs, topic, partition);
	*slot = index + 1;
	return index;
}

void ev_file_parts_release(struct ev_file_source *fs)
{
	ev_source_release_table(&fs->base);
	free(fs->state);
	free(fs->slots);
	ev_position_release(&fs->from);
	ev_position_release(&fs->to);
}
