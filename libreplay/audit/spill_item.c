/* spill_item.c - the bytes of an item: numbers and groups (see spill.h) */
#include <xxhash.h>

#include "audit/spill.h"

void ev_spill_put_u64(struct ev_buf *item, uint64_t v)
{
	unsigned char b[8];

	for (int i = 0; i < 8; i++)
		b[i] = (unsigned char)(v >> (56 - 8 * i));
	ev_buf_add(item, b, sizeof(b));
}

void ev_spill_put_i64(struct ev_buf *item, int64_t v)
{
	ev_spill_put_u64(item, (uint64_t)v ^ UINT64_C(1) << 63);
}

void ev_spill_put_u32(struct ev_buf *item, uint32_t v)
{
	unsigned char b[4] = { (unsigned char)(v >> 24), (unsigned char)(v >> 16),
			       (unsigned char)(v >> 8), (unsigned char)v };

	ev_buf_add(item, b, sizeof(b));
}

uint64_t ev_spill_u64(const char *p)
{
	return (uint64_t)ev_spill_u32(p) << 32 | ev_spill_u32(p + 4);
}

int64_t ev_spill_i64(const char *p)
{
	return (int64_t)(ev_spill_u64(p) ^ UINT64_C(1) << 63);
}

uint32_t ev_spill_u32(const char *p)
{
	const unsigned char *b = (const unsigned char *)p;

	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

enum { GROUP_HEAD = 12 };

void ev_spill_put_group(struct ev_buf *item, struct ev_slice group)
{
	ev_spill_put_u64(item, XXH3_64bits(group.ptr, group.len));
	ev_spill_put_u32(item, (uint32_t)group.len);
	ev_buf_add_slice(item, group);
}

size_t ev_spill_group_size(struct ev_slice item)
{
	return GROUP_HEAD + ev_spill_u32(item.ptr + 8);
}

struct ev_slice ev_spill_group(struct ev_slice item)
{
	return ev_slice(item.ptr + GROUP_HEAD, ev_spill_u32(item.ptr + 8));
}
