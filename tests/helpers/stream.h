/*
 * stream.h - the large event streams of make bench: a function of kind, size, keys and seed alone
 *
 * Events of some 337 bytes, as a shop writes them:
 *
 *   shop      `keys` orders are created, paid, shipped, a few deleted; 1 event in 14 has no handler.
 *             A created order names one to four of 5,000 articles. Four of five events that follow
 *             are about a recent order, the fifth about any.
 *   updates   `keys` orders are created, one after the other; all other events pay any one of them
 *   hot       orders of four articles each: what is counted are the 5,000 articles
 *   skewed    as updates, but few orders get most of the payments
 *   distinct  `keys` orders are created in scattered order, again and again
 *
 * An order's events share a partition and are in order there. Timestamps rise by 7 ms from event to
 * event, and lag by up to half a second.
 */
#ifndef EV_TEST_STREAM_H
#define EV_TEST_STREAM_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define STREAM_EPOCH INT64_C(1763632800000) /* 2025-11-20T10:00:00Z */
enum { STREAM_SKUS = 5000, STREAM_RECENT = 100000, STREAM_SIZE = 337, STREAM_MAX = 1024 };

enum stream_kind { STREAM_SHOP, STREAM_UPDATES, STREAM_HOT, STREAM_SKEWED, STREAM_DISTINCT };

struct stream {
	enum stream_kind kind;
	uint64_t events, keys, i, born, state;
};

struct stream_event {
	int64_t timestamp;
	uint64_t order; /* the record's key is o-ORDER */
	size_t len;
	char value[STREAM_MAX];
};

/* splitmix64: short, and the same everywhere. */
static inline uint64_t stream_bits(struct stream *s)
{
	uint64_t z = s->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static inline uint64_t stream_random(struct stream *s, uint64_t n) /* 0 .. n-1 */
{
	return (stream_bits(s) >> 32) * n >> 32;
}

static inline int stream_kind(const char *name, enum stream_kind *kind)
{
	static const char *const names[] = { "shop", "updates", "hot", "skewed", "distinct" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(name, names[i])) {
			*kind = (enum stream_kind)i;
			return 0;
		}
	return -1;
}

static inline void stream_init(struct stream *s, enum stream_kind kind, uint64_t events,
			       uint64_t keys, uint64_t seed)
{
	*s = (struct stream){ .kind = kind, .events = events, .keys = keys ? keys : 1, .state = seed };
	stream_bits(s);
}

static inline void stream_text(struct stream_event *e, const char *s)
{
	size_t n = strlen(s);

	memcpy(e->value + e->len, s, n);
	e->len += n;
}

static inline void stream_number(struct stream_event *e, uint64_t v, int digits)
{
	char text[24];
	int at = sizeof(text);

	do {
		text[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v || (int)sizeof(text) - at < digits);
	memcpy(e->value + e->len, text + at, sizeof(text) - (size_t)at);
	e->len += sizeof(text) - (size_t)at;
}

static inline void stream_money(struct stream_event *e, uint64_t cents)
{
	stream_number(e, cents / 100, 1);
	stream_text(e, ".");
	stream_number(e, cents % 100, 2);
}

/* Days count on from the stream's first: good for the ten days that 100 M events take. */
static inline void stream_time(struct stream_event *e, int64_t ms)
{
	uint64_t t = (uint64_t)(ms - STREAM_EPOCH) + 10 * 3600000, s = t / 1000;

	stream_text(e, "2025-11-");
	stream_number(e, 20 + s / 86400, 2);
	stream_text(e, "T");
	stream_number(e, s / 3600 % 24, 2);
	stream_text(e, ":");
	stream_number(e, s / 60 % 60, 2);
	stream_text(e, ":");
	stream_number(e, s % 60, 2);
	stream_text(e, ".");
	stream_number(e, t % 1000, 3);
	stream_text(e, "Z");
}

static inline void stream_head(struct stream *s, struct stream_event *e, const char *type)
{
	e->len = 0;
	stream_text(e, "{\"event_id\":\"");
	stream_number(e, stream_bits(s) >> 1, 19);
	stream_text(e, "\",\"event_type\":\"");
	stream_text(e, type);
	stream_text(e, "\",\"produced_at\":\"");
	stream_time(e, e->timestamp);
	stream_text(e, "\",\"seq\":");
	stream_number(e, s->i, 1);
	stream_text(e, ",\"data\":{\"orderId\":\"o-");
	stream_number(e, e->order, 1);
}

static inline void stream_items(struct stream *s, struct stream_event *e, uint64_t n)
{
	uint64_t sku = stream_random(s, STREAM_SKUS);

	stream_text(e, ",\"items\":[");
	for (uint64_t i = 0; i < n; i++) {
		stream_text(e, i ? ",{\"sku\":\"sku-" : "{\"sku\":\"sku-");
		stream_number(e, (sku + 1237 * i) % STREAM_SKUS, 4);
		stream_text(e, "\",\"qty\":");
		stream_number(e, 1 + stream_random(s, 3), 1);
		stream_text(e, "}");
	}
	stream_text(e, "]");
}

/* A note fills it up to the size, in words, so that it neither packs away nor costs too much. */
static inline void stream_tail(struct stream *s, struct stream_event *e)
{
	static const char words[][8] = { "ring ", "twice ", "leave ", "at ", "the ", "door ", "call ",
					 "first ", "gift ", "wrap ", "no ", "bag ", "north ", "gate ",
					 "fragile ", "soon " };

	stream_text(e, ",\"note\":\"");
	for (uint64_t bits = stream_bits(s); e->len + 3 < STREAM_SIZE; bits = bits >> 4 | bits << 60) {
		size_t n = strnlen(words[bits & 15], sizeof(words[0]));

		memcpy(e->value + e->len, words[bits & 15], n);
		e->len += n;
	}
	stream_text(e, "\"}}");
}

static inline void stream_created(struct stream *s, struct stream_event *e, uint64_t items)
{
	stream_head(s, e, "order.created");
	stream_text(e, "\",\"customerId\":\"c-");
	stream_number(e, stream_random(s, 100000), 1);
	stream_text(e, "\",\"total\":");
	stream_money(e, 500 + stream_random(s, 50000));
	stream_items(s, e, items);
}

static inline void stream_paid(struct stream *s, struct stream_event *e)
{
	stream_head(s, e, "payment.completed");
	stream_text(e, "\",\"method\":\"card\",\"amount\":");
	stream_money(e, 100 + stream_random(s, 9900));
}

static inline void stream_other(struct stream *s, struct stream_event *e, const char *type)
{
	stream_head(s, e, type);
	stream_text(e, "\",\"by\":\"u-");
	stream_number(e, stream_random(s, 1000), 1);
	stream_text(e, "\"");
}

/* An order that was born; most of those asked for are recent ones. */
static inline uint64_t stream_old(struct stream *s)
{
	uint64_t window = s->born < STREAM_RECENT ? s->born : STREAM_RECENT;

	if (stream_random(s, 5))
		return s->born - stream_random(s, window);
	return 1 + stream_random(s, s->born);
}

/* Orders of whole 29s are those that get deleted, and nothing else happens to them. */
static inline void stream_shop(struct stream *s, struct stream_event *e)
{
	uint64_t due = (s->i + 1) * s->keys / s->events, dice = stream_random(s, 66);

	if (s->born < due || !s->born) {
		e->order = ++s->born;
		stream_created(s, e, 1 + stream_random(s, 4));
		return;
	}
	e->order = stream_old(s);
	if (e->order % 29 == 0 && s->born > 29)
		stream_other(s, e, "order.deleted");
	else if (dice < 44)
		stream_paid(s, e);
	else if (dice < 59)
		stream_other(s, e, "order.shipped");
	else
		stream_other(s, e, "cart.viewed");
}

/* Half of all payments are for one order in sixteen; the first gets one in a hundred or so. */
static inline uint64_t stream_skew(struct stream *s)
{
	uint64_t r = stream_random(s, UINT64_C(1) << 16), square = r * r >> 16;

	return 1 + ((square * square >> 16) * s->keys >> 16) + stream_random(s, 1 + s->keys / 65536);
}

/* The next event; false when the stream has ended. */
static inline int stream_next(struct stream *s, struct stream_event *e)
{
	if (s->i == s->events)
		return 0;
	e->timestamp = STREAM_EPOCH + 500 + (int64_t)(s->i * 7 - stream_random(s, 500));
	if (s->kind == STREAM_SHOP) {
		stream_shop(s, e);
	} else if (s->kind == STREAM_HOT) {
		e->order = 1 + s->i % s->keys;
		stream_created(s, e, 4);
	} else if (s->kind == STREAM_DISTINCT) {
		e->order = 1 + s->i * UINT64_C(2654435761) % s->keys;
		stream_created(s, e, 1);
	} else if (s->i < s->keys) {
		e->order = s->i + 1;
		stream_created(s, e, 1);
	} else {
		e->order = s->kind == STREAM_UPDATES ? 1 + stream_random(s, s->keys) : stream_skew(s);
		stream_paid(s, e);
	}
	stream_tail(s, e);
	s->i++;
	return 1;
}

static inline int32_t stream_partition(uint64_t order, int64_t partitions)
{
	return (int32_t)(order * UINT64_C(2654435761) % UINT64_C(1000003) % (uint64_t)partitions);
}

#endif
