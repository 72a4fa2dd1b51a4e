/* partitioner.c - see partitioner.h */
#include "source/partitioner.h"

#include <zlib.h>

#define SEED 0x9747b28cu
#define M 0x5bd1e995u
#define R 24

const char *const ev_partitioner_words[] = { "murmur2", "consistent", NULL };

static uint32_t word_at(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* MurmurHash2 of 32 bits, words little-endian, with the seed that Kafka's clients agree on. */
uint32_t ev_murmur2(struct ev_slice key)
{
	const unsigned char *p = (const unsigned char *)key.ptr;
	uint32_t h = SEED ^ (uint32_t)key.len;
	size_t left = key.len;

	for (; left >= 4; p += 4, left -= 4) {
		uint32_t k = word_at(p) * M;

		h = (h * M) ^ ((k ^ k >> R) * M);
	}
	if (left > 2)
		h ^= (uint32_t)p[2] << 16;
	if (left > 1)
		h ^= (uint32_t)p[1] << 8;
	if (left > 0)
		h = (h ^ p[0]) * M;
	h = (h ^ h >> 13) * M;
	return h ^ h >> 15;
}

int32_t ev_partition_of(enum ev_partitioner how, struct ev_slice key, int32_t partitions)
{
	uint32_t n = (uint32_t)partitions;

	if (how == EV_MURMUR2) /* the sign is cut off, not turned */
		return (int32_t)((ev_murmur2(key) & 0x7fffffff) % n);
	return (int32_t)(crc32_z(0, (const unsigned char *)key.ptr, key.len) % n);
}
