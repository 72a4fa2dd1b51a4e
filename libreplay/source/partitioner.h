/*
 * partitioner.h - the partition that a producer's client chooses for a record key
 *
 * murmur2: Java clients, and librdkafka's murmur2 and murmur2_random. consistent: librdkafka's
 * default for keys that are not empty (consistent_random), and its consistent: CRC32.
 */
#ifndef EV_PARTITIONER_H
#define EV_PARTITIONER_H

#include <stdint.h>

#include "base/slice.h"

enum ev_partitioner { EV_MURMUR2, EV_CONSISTENT };
extern const char *const ev_partitioner_words[]; /* in the enum's order, ended by NULL */

uint32_t ev_murmur2(struct ev_slice key);

/* `partitions` > 0; 0 <= the answer < partitions. The key is not null. */
int32_t ev_partition_of(enum ev_partitioner how, struct ev_slice key, int32_t partitions);

#endif
