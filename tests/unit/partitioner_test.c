/* partitioner_test.c - the partition of a key, as the clients of Kafka choose it */
#include "source/partitioner.h"

#include "test.h"

/*
 * From org.apache.kafka.common.utils.Utils of kafka-clients 4.1.0: murmur2(key), and
 * toPositive(murmur2(key)) modulo 7 and 64.
 */
static const struct {
	const char *key;
	size_t len;
	uint32_t hash;
	int32_t of7, of64;
} java[] = {
	{ "", 0, 0x106e08d9u, 2, 25 },
	{ "a", 1, 0xa2d0b27cu, 5, 60 },
	{ "ab", 2, 0x12d8262au, 0, 42 },
	{ "abc", 3, 0x1c94221bu, 4, 27 },
	{ "abcd", 4, 0xb11ab5f4u, 5, 52 },
	{ "abcde", 5, 0x1b897eddu, 4, 29 },
	{ "42", 2, 0x18e59c6cu, 3, 44 },
	{ "order-1", 7, 0x48d1d1f6u, 4, 54 },
	{ "c-9", 3, 0xe1da23e0u, 1, 32 },
	{ "\x6b\xc3\xa9\x79", 4, 0x682f5eb3u, 4, 51 },
	{ "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", 9, 0x555873cau, 6, 10 },
	{ "\xf0\x9f\x98\x80", 4, 0x7dc5a91u, 0, 17 },
	{ "The quick brown fox jumps over the lazy dog",
	  43, 0x1d84d036u, 3, 54 },
	{ "21", 2, 0xc5f2f8ecu, 3, 44 },
	{ "foobar", 6, 0xd0e47bbeu, 0, 62 },
	{ "a-little-bit-long-string", 24, 0xc53b1da0u, 1, 32 },
	{ "a-little-bit-longer-string", 26, 0xa768c9c3u, 0, 3 },
	{ "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
	  48, 0xfc7d49cdu, 3, 13 },
	{ "\x00\x00\x00\x00", 4, 0x32b89340u, 6, 0 },
	{ "\xff\xfe\x80", 3, 0xf66b8283u, 3, 3 },
	{ "\x80\x7f\x00\xff\xc0\x01\x99", 7, 0x9f3289d2u, 0, 18 },
};

/* Of librdkafka's CRC32, the one of zlib: t6110 asks a real producer. */
static const struct {
	const char *key;
	int32_t of7;
} crc[] = {
	{ "", 0 },
	{ "123456789", 0xcbf43926u % 7 }, /* the check value of CRC-32 */
	{ "a", 0xe8b7be43u % 7 },         /* above 2^31: no sign comes in */
};

int main(void)
{
	for (size_t i = 0; i < sizeof(java) / sizeof(*java); i++) {
		struct ev_slice key = ev_slice(java[i].key, java[i].len);

		CHECK(ev_murmur2(key) == java[i].hash, "murmur2 of Java's key %zu is %08x", i,
		      java[i].hash);
		CHECK(ev_partition_of(EV_MURMUR2, key, 7) == java[i].of7 &&
			      ev_partition_of(EV_MURMUR2, key, 64) == java[i].of64,
		      "and its partitions of 7 and 64 are %d and %d", java[i].of7, java[i].of64);
		CHECK(ev_partition_of(EV_MURMUR2, key, 1) == 0, "of one it is the one");
	}
	for (size_t i = 0; i < sizeof(crc) / sizeof(*crc); i++)
		CHECK(ev_partition_of(EV_CONSISTENT, ev_slice_str(crc[i].key), 7) == crc[i].of7,
		      "the CRC32 of '%s' gives partition %d of 7", crc[i].key, crc[i].of7);
	return test_done();
}
