/*
 * origin.h - where a dead letter came from and why, by the headers that whoever put it aside wrote
 *
 *   Kafka Connect   __connect.errors.topic, .partition, .offset (text), .exception.class.name,
 *                   .exception.message
 *   Spring          kafka_dlt-original-topic (text), -partition (4 bytes), -offset (8 bytes, most
 *                   significant first), kafka_dlt-exception-fqcn, -cause-fqcn, -message; of @RetryableTopic the same
 *                   with kafka_ in the place of kafka_dlt-
 *   evproject       evproject.dead.topic, .partition, .offset, .reason (text)
 *
 * Of several headers of one name the last counts (a letter that died again), of counts of tries the largest. Where
 * headers of more than one kind are there, those count whose topic stands last: each adds its own behind the others.
 */
#ifndef EV_ORIGIN_H
#define EV_ORIGIN_H

#include "record/record.h"

/* How often a record was sent home, in decimal digits; ours. */
#define EV_TRIES_HEADER "evreplay.redrives"

enum ev_origin_kind { EV_ORIGIN_NONE, EV_ORIGIN_CONNECT, EV_ORIGIN_SPRING, EV_ORIGIN_SPRING_RETRY,
		      EV_ORIGIN_EVPROJECT };

struct ev_origin {
	enum ev_origin_kind kind;
	struct ev_slice topic;  /* a valid topic name; null when kind is NONE; borrowed */
	int32_t partition;      /* -1: not told */
	int64_t offset;         /* -1: not told */
	struct ev_slice error;  /* class of the exception (Spring: of its cause, if told); null: not told */
	struct ev_slice reason; /* its message, or evproject's; null: not told */
	int64_t tries;          /* 0 without the header, or with one that is no number; INT32_MAX at most */
};

void ev_origin_of(const struct ev_record *r, struct ev_origin *out);

/* Headers that evproject dead export adds. */
#define EV_DEAD_TOPIC "evproject.dead.topic"
#define EV_DEAD_PARTITION "evproject.dead.partition"
#define EV_DEAD_OFFSET "evproject.dead.offset"
#define EV_DEAD_REASON "evproject.dead.reason"

#endif
